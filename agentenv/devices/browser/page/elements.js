// Everything on the screen that a person would recognise, in document order.
(agentenv) => {
  const {
    tagOf, idOf, textOf, childrenOf, shadowOf, nodesIn, intersect, isEmpty, isUnseen, testPoints,
    uncovered, rangeOver, SKIPPED, squeeze, seenText, isEditable, controlRole, labelText, nameOf, valueOf,
    shapeDescription, descriptionOf, isFrame, frameAt, toScreen,
  } = agentenv;
  const LIMIT = 500;
  const SHAPES = new Set([
    'circle', 'rect', 'ellipse', 'polygon', 'path', 'line', 'polyline', 'image', 'use',
  ]);
  // Whether there is more inside than the document itself shows.
  const isComposed = (element) => Boolean(shadowOf(element)) || tagOf(element) === 'SLOT';
  const hasText = (node) => /\S/.test(node.nodeValue);

  const scrolls = (element, style) =>
    (/auto|scroll/.test(style.overflowY) && element.scrollHeight > element.clientHeight + 1)
    || (/auto|scroll/.test(style.overflowX) && element.scrollWidth > element.clientWidth + 1);
  agentenv.scrolls = (element) => scrolls(element, getComputedStyle(element));

  // What follows from an element's style for what is in it. Each property that is read costs as
  // much as finding the element: these two are read only where something asks.
  const pointerIn = ({ style }) => style !== null && style.cursor === 'pointer';
  const absoluteClip = ({ style, clip, around }) => {
    if (style === null) return clip;
    return style.position === 'static' && style.transform === 'none' ? absoluteClip(around) : clip;
  };

  class Scan {
    constructor() {
      this.view = agentenv.view();
      this.viewport = this.view.clip;
      this.focused = agentenv.focused();
      this.records = [];
      this.frames = [];
      this.targets = [];
      this.delegated = new Set();
    }

    run() {
      const context = {
        clip: this.viewport, style: null, around: null,
        clickable: false, silent: false, control: '',
      };
      if (document.body) this.visit(document.body, context);
      agentenv.targets = this.targets;
      const seen = { elements: this.records, location: location.href };
      return this.frames.length ? { ...seen, frames: this.frames } : seen;
    }

    // Whether an element can be pressed somewhere, as far as this document knows: whether its
    // frame is covered is for the one around it to say, of the points told with the record.
    reaches(element, points) {
      if (!this.view.framed) return points.some((point) => uncovered(element, point));
      this.points = points.filter((point) => uncovered(element, point)).map(toScreen);
      return this.points.length > 0;
    }

    add(target, box, fields) {
      if (this.records.length >= LIMIT) return;
      const { width, height } = this.view;
      const fraction = ([x, y]) => [x / width, y / height].map((at) => Math.round(at * 1e4) / 1e4);
      this.targets.push(target);
      this.records.push({
        bounds: [
          ...fraction(toScreen([box.left, box.top])), ...fraction(toScreen([box.right, box.bottom])),
        ],
        ...fields,
        ...(this.view.framed && { points: this.points }),
      });
    }

    // jQuery's delegated handlers sit on an ancestor and carry a selector.
    noteDelegates(element) {
      const data = window.jQuery && window.jQuery._data;
      const events = data && data(element, 'events');
      for (const type of ['click', 'mousedown', 'mouseup']) {
        for (const handler of (events && events[type]) || []) {
          if (!handler.selector) continue;
          for (const found of window.jQuery(element).find(handler.selector)) {
            this.delegated.add(found);
          }
        }
      }
    }

    isPressable(element, style, context) {
      if (agentenv.listensForClicks(element)) this.noteDelegates(element);
      if (element === document.body) return false;
      return agentenv.listensForClicks(element) || element.hasAttribute('onclick')
        || element.tabIndex >= 0 || this.delegated.has(element)
        || (style.cursor === 'pointer' && !pointerIn(context));
    }

    visit(element, context) {
      if (this.records.length >= LIMIT || SKIPPED.has(tagOf(element).toUpperCase())
          || element.getAttribute('aria-hidden') === 'true') return;
      const style = getComputedStyle(element);
      if (style.display === 'none' || style.opacity === '0') return;
      const rect = element.getBoundingClientRect();
      const base = this.clipOf(style.position, context);
      const box = intersect(base, rect);
      const clips = style.overflow !== 'visible';
      const child = {
        ...context, style, around: context, clip: clips && element !== document.body ? box : base,
      };
      if (style.visibility === 'visible') {
        // To ask about what is left undrawn in it would have it laid out each time.
        if (isEmpty(box) && style.contentVisibility === 'auto') return;
        this.list(element, style, clips, rect, box, context, child);
        if (isFrame(element)) {
          const frame = frameAt(element, style, rect, box);
          if (frame) this.frames.push({ ...frame, at: this.records.length });
          return;
        }
      }
      this.children(element, child);
    }

    clipOf(position, context) {
      switch (position) {
        case 'absolute': return absoluteClip(context);
        case 'fixed': return this.viewport;
        default: return context.clip;
      }
    }

    // Adds the element itself where it is one, and tells its children what it has said for them.
    list(element, style, clips, rect, box, context, child) {
      const pressable = this.isPressable(element, style, context);
      child.clickable = context.clickable || pressable;
      if (element instanceof SVGElement) {
        this.listShape(element, style, rect, box, child);
        return;
      }
      if (tagOf(element) === 'LABEL') {
        this.listLabel(element, style, rect, box, child);
        return;
      }
      let role = controlRole(element);
      const isControl = Boolean(role) && role !== 'img' && role !== 'iframe' && role !== 'progressbar';
      if (!role && pressable && this.isSimple(element)) role = 'generic';
      const scrollable = clips && scrolls(element, style);
      if (!role && scrollable && element !== document.body) role = 'region';
      if (!role || isUnseen(box, rect) || !this.reaches(element, testPoints(box))) return;
      const text = role === 'region' || isEditable(element) || element instanceof HTMLSelectElement
        ? '' : seenText(element);
      const name = role === 'region'
        ? squeeze(element.getAttribute('aria-label')) : nameOf(element, role, text);
      if (role !== 'region') {
        if (context.control && context.control === name) return;
        child.silent = true;
        child.control = name;
        child.clickable = child.clickable || isControl;
      }
      if (role === 'generic' && text) role = 'text';
      this.add({ node: element }, box, {
        ...this.flags(element, role), role, name, scrollable,
        value: valueOf(element, role), description: descriptionOf(element, style, name),
        clickable: role === 'region' ? pressable : child.clickable,
      });
      if (role === 'listbox') this.listOptions(element, intersect(box, rect));
    }

    flags(element, role) {
      const is = (attribute) => element.getAttribute(attribute) === 'true';
      return {
        resource_id: idOf(element),
        editable: isEditable(element) && !element.readOnly && !element.disabled,
        checked: (role === 'checkbox' || role === 'radio') && element.checked === true
          || is('aria-checked') || is('aria-selected') || is('aria-pressed')
          || (element instanceof HTMLOptionElement && element.selected),
        focused: element === this.focused,
        enabled: !element.matches(':disabled') && !is('aria-disabled'),
        password: element.type === 'password',
      };
    }

    // A pressable thing is listed as one only if it holds a single piece of text or none;
    // of a larger one (a sortable list, a card) the pieces are listed, as clickable.
    isSimple(element) {
      if (shadowOf(element)) return false;
      const parts = element.querySelectorAll('*');
      if (!/\S/.test(textOf(element))) {
        return ![...parts].some((part) => controlRole(part) || part instanceof SVGElement
          || agentenv.listensForClicks(part) || isComposed(part));
      }
      return [...parts].every((part) => this.isInline(part) || this.isIcon(part));
    }

    isIcon(element) {
      return !/\S/.test(textOf(element)) && !controlRole(element)
        && !(element instanceof SVGElement) && !agentenv.listensForClicks(element)
        && !isComposed(element);
    }

    isInline(element) {
      return tagOf(element) !== 'BR' && !controlRole(element) && !(element instanceof SVGElement)
        && tagOf(element) !== 'LABEL' && !agentenv.listensForClicks(element)
        && getComputedStyle(element).display === 'inline' && element.tabIndex < 0
        && (getComputedStyle(element).cursor !== 'pointer'
          || getComputedStyle(element.parentElement).cursor === 'pointer')
        && !this.delegated.has(element) && !shadowOf(element)
        && [...childrenOf(element)].every((inside) => this.isInline(inside));
    }

    listShape(element, style, rect, box, child) {
      const tag = element.tagName.toLowerCase();
      const isText = tag === 'text';
      if (child.silent || (!SHAPES.has(tag) && !isText) || isUnseen(box, rect)) return;
      if (!this.reaches(element, testPoints(box))) return;
      const title = [...childrenOf(element)].find((part) => part.tagName === 'title');
      const name = isText ? squeeze(element.textContent)
        : squeeze(element.getAttribute('aria-label') || (title && title.textContent));
      if (isText) child.silent = true;
      this.add({ node: element }, box, {
        ...this.flags(element, tag), role: tag, name, scrollable: false, value: '',
        description: shapeDescription(element, style, rect), clickable: child.clickable,
      });
    }

    // A label names its control. Where the control itself is not drawn (styled check boxes),
    // the label stands for it.
    listLabel(element, style, rect, box, child) {
      const control = element.control;
      if (!control) {
        const next = element.nextElementSibling;
        child.silent = Boolean(next && controlRole(next) && labelText(next) === seenText(element));
        return;
      }
      child.clickable = true;
      const shape = control.getBoundingClientRect();
      const drawn = control.checkVisibility({ opacityProperty: true, visibilityProperty: true })
        && !isEmpty(intersect(this.viewport, shape));
      child.silent = true;
      if (drawn || isUnseen(box, rect) || !this.reaches(element, testPoints(box))) return;
      const role = controlRole(control);
      this.add({ node: element }, box, {
        ...this.flags(control, role), resource_id: control.id || element.id, role,
        name: seenText(element), scrollable: false, value: valueOf(control, role),
        description: descriptionOf(control, style, ''), clickable: true,
      });
    }

    listOptions(select, clip) {
      for (const option of select.options) {
        const rect = option.getBoundingClientRect();
        const box = intersect(clip, rect);
        if (isUnseen(box, rect) || (this.view.framed && !this.reaches(option, testPoints(box)))) continue;
        this.add({ node: option }, box, {
          ...this.flags(option, 'option'), role: 'option', name: squeeze(option.text),
          scrollable: false, value: '', description: '', clickable: true,
        });
      }
    }

    // Texts next to each other are one piece, up to the next control, block or line break.
    children(element, context) {
      const nodes = nodesIn(element);
      const isSlot = tagOf(element) === 'SLOT';
      let run = [];
      const flush = () => {
        if (run.some((node) => node.nodeType !== Node.TEXT_NODE || hasText(node))) {
          this.listText(element, run, context, run.length === nodes.length);
        }
        run = [];
      };
      const quiet = context.silent || element instanceof SVGElement
        || element instanceof HTMLTextAreaElement;
      for (const node of nodes) {
        // What comes together in a slot need not lie together where it comes from.
        if (isSlot && run.length && run[run.length - 1].nextSibling !== node) flush();
        if (node.nodeType === Node.TEXT_NODE) {
          if (!quiet) run.push(node);
        } else if (node.nodeType === Node.ELEMENT_NODE) {
          if (!quiet && !SKIPPED.has(tagOf(node)) && /\S/.test(textOf(node))
              && this.isInline(node)) {
            run.push(node);
          } else {
            flush();
            this.visit(node, context);
          }
        }
      }
      flush();
    }

    listText(element, run, context, isAll) {
      if (context.style.visibility !== 'visible') return;
      const rect = rangeOver(run[0], run[run.length - 1]).getBoundingClientRect();
      const box = intersect(context.clip, rect);
      const name = isAll
        ? seenText(element) : squeeze(run.map((node) => node.textContent).join(''));
      if (!name || isUnseen(box, rect)) return;
      if (!this.reaches(element, testPoints(box).slice(0, 3))) return;
      this.add({ node: element, first: run[0], last: run[run.length - 1] }, box, {
        resource_id: idOf(element), role: 'text', name, value: '', description: '',
        clickable: context.clickable, editable: false, checked: false, focused: false,
        enabled: true, password: false, scrollable: false,
      });
    }
  }

  agentenv.targets = [];
  agentenv.observe = () => new Scan().run();
  agentenv.observeFrame = (view) => {
    agentenv.place(view);
    return agentenv.observe();
  };

  // One look at the page, in one call: what `observe` gives, the {state}, with {problem} in place
  // of one that cannot be had, the number of downloads asked for, and whether the page {moves}.
  const { stringify } = JSON;
  // The browser is quicker with one long text than with many small values; but a page may have
  // taught its lists and objects to write themselves otherwise.
  const packed = (records) => ([].toJSON || {}.toJSON ? records : stringify(records));
  agentenv.look = (state) => {
    const seen = (more) => {
      const { elements, ...rest } = agentenv.observe();
      return {
        ...rest, elements: packed(elements), saves: agentenv.takeSaves(),
        moves: agentenv.takeMotion(), ...more,
      };
    };
    const given = (value) => {
      stringify(value); // throws where the value cannot leave the page
      return seen({ state: value });
    };
    const failed = (error) => seen({ problem: String((error && error.stack) || error) });
    try {
      const value = state();
      return value instanceof Promise ? value.then(given).catch(failed) : given(value);
    } catch (error) {
      return failed(error);
    }
  };
}
