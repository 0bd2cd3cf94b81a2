// The tree a person sees: a shadow tree stands in its host, slotted nodes stand in their slot.
(agentenv) => {
  // A form's own properties are hidden by inputs of the same name (<input name=id>).
  const getter = (prototype, name) => {
    const { get } = Object.getOwnPropertyDescriptor(prototype, name);
    return (node) => get.call(node);
  };
  const nodesOf = getter(Node.prototype, 'childNodes');
  const above = getter(Node.prototype, 'parentElement');
  const shadowOf = getter(Element.prototype, 'shadowRoot');
  agentenv.tagOf = getter(Element.prototype, 'tagName');
  agentenv.idOf = getter(Element.prototype, 'id');
  agentenv.textOf = getter(Node.prototype, 'textContent');
  agentenv.childrenOf = getter(Element.prototype, 'children');
  agentenv.shadowOf = shadowOf;

  // A closed shadow tree stays closed to the page, and is open to us.
  const closed = new WeakSet();
  const attachShadow = Element.prototype.attachShadow;
  Element.prototype.attachShadow = function (init) {
    if (!init || init.mode !== 'closed') return attachShadow.apply(this, arguments);
    const root = attachShadow.call(this, { ...init, mode: 'open' });
    closed.add(root);
    return root;
  };
  Object.defineProperty(Element.prototype, 'shadowRoot', {
    get() {
      const root = shadowOf(this);
      return closed.has(root) ? null : root;
    },
    enumerable: true, configurable: true,
  });

  agentenv.nodesIn = (element) => {
    const root = shadowOf(element);
    if (root) return root.childNodes;
    const slotted = element instanceof HTMLSlotElement ? element.assignedNodes() : [];
    return slotted.length ? slotted : nodesOf(element);
  };
  const parentOf = (node) =>
    node.assignedSlot || above(node) || node.getRootNode().host || null;
  agentenv.parentOf = parentOf;
  const holds = (outer, inner) => {
    if (outer.contains(inner)) return true;
    if (outer.getRootNode() === inner.getRootNode()) return false;
    for (let at = parentOf(inner); at; at = parentOf(at)) if (at === outer) return true;
    return false;
  };
  agentenv.holds = holds;

  // The innermost element at a point of the viewport.
  const hitAt = (x, y) => {
    let hit = document.elementFromPoint(x, y);
    for (let root = hit && shadowOf(hit); root; root = shadowOf(hit)) {
      const inner = root.elementFromPoint(x, y);
      if (!inner || !root.contains(inner)) break;
      hit = inner;
    }
    return hit;
  };
  agentenv.hitAt = hitAt;
  agentenv.focused = () => {
    let at = document.activeElement;
    for (let root = at && shadowOf(at); root && root.activeElement; root = shadowOf(at)) {
      at = root.activeElement;
    }
    return at;
  };

  // Points worth pressing: the middle first, then around it, then the rim.
  const SPREAD = [
    [0.5, 0.5], [0.25, 0.25], [0.75, 0.75], [0.25, 0.75], [0.75, 0.25],
    [0.04, 0.5], [0.96, 0.5], [0.5, 0.04], [0.5, 0.96],
    [0.04, 0.04], [0.96, 0.04], [0.04, 0.96], [0.96, 0.96],
  ];
  agentenv.testPoints = (box) => SPREAD.map(([x, y]) => [
    box.left + x * (box.right - box.left), box.top + y * (box.bottom - box.top),
  ]);
  // Whether pressing beside what it draws, within its box, presses what lies around it: beside a
  // round corner. Of drawings, lines of text and what input passes through, one cannot tell.
  const isSolid = (element) => {
    if (!(element instanceof HTMLElement)) return false;
    const { display, pointerEvents } = getComputedStyle(element);
    return pointerEvents !== 'none' && display !== 'inline' && display !== 'contents';
  };
  agentenv.uncovered = (element, [x, y]) => {
    const hit = hitAt(x, y);
    if (!hit) return false;
    if (hit === element || holds(element, hit)) return true;
    const label = hit.closest('label');
    if (label && label.control === element) return true;
    return holds(hit, element) && !isSolid(element);
  };
  agentenv.rangeOver = (first, last) => {
    const range = document.createRange();
    range.setStartBefore(first);
    range.setEndAfter(last);
    return range;
  };

  agentenv.intersect = (a, b) => ({
    left: Math.max(a.left, b.left), top: Math.max(a.top, b.top),
    right: Math.min(a.right, b.right), bottom: Math.min(a.bottom, b.bottom),
  });
  agentenv.isEmpty = (box) => box.right - box.left < 1 || box.bottom - box.top < 1;
  // Whether nothing of a rectangle can be made out in the box that is left of it: of most, the
  // last few pixels at an edge say nothing; a thin line that is wholly there is one.
  const SLIVER = 4;
  const isCut = (seen, size) => seen < SLIVER && seen < size - 0.5;
  agentenv.isUnseen = (box, rect) => {
    const [width, height] = [box.right - box.left, box.bottom - box.top];
    return width < 1 || height < 1 || isCut(width, rect.width) || isCut(height, rect.height);
  };
}
