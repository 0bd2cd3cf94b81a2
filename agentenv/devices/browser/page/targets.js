// From an element's index or a point to where input goes. Failures are returned as
// {error: why}, in words for the agent.
(agentenv) => {
  const boxOf = ({ node, first, last }) =>
    (first ? agentenv.rangeOver(first, last) : node).getBoundingClientRect();

  // Lines of a wrapped link first: the middle of its box may lie beside the text.
  const candidates = ({ node, first, last }) => {
    const lines = [...(first ? agentenv.rangeOver(first, last) : node).getClientRects()];
    const whole = boxOf({ node, first, last });
    const boxes = lines.length > 1 ? [...lines, whole] : [whole];
    return boxes.flatMap((box) => agentenv.testPoints({
      left: Math.max(0, box.left), top: Math.max(0, box.top),
      right: Math.min(innerWidth, box.right), bottom: Math.min(innerHeight, box.bottom),
    }));
  };
  const within = ([x, y]) => x >= 0 && y >= 0 && x < innerWidth && y < innerHeight;

  const target = (index) => {
    const found = agentenv.targets[index];
    if (!found) {
      const count = agentenv.targets.length;
      return { error: `there is no element ${index}; this screen has ${count}` };
    }
    const node = found.first || found.node;
    if (!node.isConnected) return { error: `element ${index} is no longer on the page` };
    return found;
  };

  // {x, y} in pixels: where to press an element of the last list, as it lies now.
  agentenv.pointOf = (index) => {
    const found = target(index);
    if (found.error) return found;
    const hits = candidates(found).filter(within);
    const point = hits.find(([x, y]) => {
      const hit = document.elementFromPoint(x, y);
      return hit && (hit === found.node || found.node.contains(hit));
    }) || hits.find((point) => agentenv.uncovered(found.node, point));
    if (!point) return { error: `element ${index} is covered or has moved off the screen` };
    return { x: point[0], y: point[1] };
  };

  const fieldFrom = (node) => {
    const label = node && node.closest && node.closest('label');
    if (label && label.control) return label.control;
    const select = node && node.closest && node.closest('select');
    if (select) return select;
    for (let at = node; at; at = at.parentElement) if (agentenv.isEditable(at)) return at;
    return node;
  };
  const SET_BY_VALUE = new Set([
    'date', 'time', 'datetime-local', 'month', 'week', 'color', 'range',
  ]);

  // The field that text goes to: {kind: 'select' | 'value' | 'keys'} or {error}.
  agentenv.fieldAt = (index, point) => {
    let node = document.activeElement;
    if (index !== null) {
      const found = target(index);
      if (found.error) return found;
      node = found.node;
    } else if (point !== null) {
      node = document.elementFromPoint(point[0], point[1]);
    }
    const field = fieldFrom(node);
    agentenv.field = field;
    if (!field || field === document.body) return { error: 'no field is focused; give a target' };
    if (field.matches(':disabled')) return { error: 'this field is disabled' };
    if (field instanceof HTMLSelectElement) return { kind: 'select' };
    if (field instanceof HTMLInputElement && SET_BY_VALUE.has(field.type)) {
      return field.readOnly ? { error: 'this field is read-only' } : { kind: 'value' };
    }
    if (!agentenv.isEditable(field)) return { error: 'this element is not a text field' };
    if (field.readOnly) return { error: 'this field is read-only' };
    if (field.type === 'file') return { error: 'files cannot be chosen by typing' };
    return { kind: 'keys' };
  };

  const announce = (field) => {
    field.dispatchEvent(new Event('input', { bubbles: true }));
    field.dispatchEvent(new Event('change', { bubbles: true }));
  };

  agentenv.choose = (text, clear) => {
    const field = agentenv.field;
    const options = [...field.options];
    const words = (option) => option.text.replace(/\s+/g, ' ').trim();
    const wanted = text.replace(/\s+/g, ' ').trim();
    const lower = wanted.toLowerCase();
    const option = options.find((one) => words(one) === wanted)
      || options.find((one) => words(one).toLowerCase() === lower);
    if (!option) {
      const choices = options.map(words).join(' | ').slice(0, 500);
      return { error: `there is no option "${wanted.slice(0, 100)}"; the options are ${choices}` };
    }
    if (option.disabled) return { error: `the option "${wanted.slice(0, 100)}" is disabled` };
    field.focus();
    if (field.multiple && clear) for (const other of options) other.selected = false;
    option.selected = true;
    announce(field);
    return {};
  };

  // Dates and the like have no text to type; month/day/year is what the field itself shows.
  agentenv.setValue = (text) => {
    const field = agentenv.field;
    const us = text.trim().match(/^(\d{1,2})\/(\d{1,2})\/(\d{4})$/);
    const value = us && field.type === 'date'
      ? `${us[3]}-${us[1].padStart(2, '0')}-${us[2].padStart(2, '0')}` : text.trim();
    const proto = HTMLInputElement.prototype;
    const before = field.value;
    field.focus();
    Object.getOwnPropertyDescriptor(proto, 'value').set.call(field, value);
    if (value && field.type !== 'range' && field.value.toLowerCase() !== value.toLowerCase()) {
      Object.getOwnPropertyDescriptor(proto, 'value').set.call(field, before);
      return { error: `"${value.slice(0, 100)}" is not a valid ${field.type}` };
    }
    announce(field);
    return {};
  };

  // Makes the field focused with its content selected, or the caret at its end.
  agentenv.prepareTyping = (clear) => {
    const field = agentenv.field;
    if (document.activeElement !== field) field.focus();
    if (field.isContentEditable) {
      const selection = getSelection();
      selection.selectAllChildren(field);
      if (!clear) selection.collapseToEnd();
      return { filled: field.textContent.length > 0 };
    }
    if (clear) {
      field.select();
    } else if (field.selectionStart !== null) {
      field.setSelectionRange(field.value.length, field.value.length);
    }
    return { filled: field.value.length > 0 };
  };

  // Where a wheel must turn and by how much: {x, y, dx, dy, node}.
  agentenv.wheelAt = (index, point, direction) => {
    let start = point || [innerWidth / 2, innerHeight / 2];
    if (index !== null) {
      const at = agentenv.pointOf(index);
      if (at.error) return at;
      start = [at.x, at.y];
    }
    const vertical = direction === 'up' || direction === 'down';
    let box = document.scrollingElement || document.body;
    for (let node = document.elementFromPoint(start[0], start[1]); node; node = node.parentElement) {
      const style = getComputedStyle(node);
      const overflow = vertical ? style.overflowY : style.overflowX;
      const room = vertical ? node.scrollHeight - node.clientHeight : node.scrollWidth - node.clientWidth;
      const free = node instanceof HTMLTextAreaElement || node instanceof HTMLSelectElement;
      if (room > 1 && (free || /auto|scroll/.test(overflow))) { box = node; break; }
    }
    const isPage = box === document.scrollingElement;
    const extent = vertical ? (isPage ? innerHeight : box.clientHeight)
      : (isPage ? innerWidth : box.clientWidth);
    const sign = direction === 'down' || direction === 'right' ? 1 : -1;
    const amount = sign * Math.max(1, Math.round(0.6 * extent));
    return { x: start[0], y: start[1], dx: vertical ? 0 : amount, dy: vertical ? amount : 0 };
  };
}
