// Everything on the screen that a person would recognise, in document order.
(agentenv) => {
  const LIMIT = 500;
  const MAX_TEXT = 1000;
  const SKIPPED = new Set([
    'SCRIPT', 'STYLE', 'NOSCRIPT', 'TEMPLATE', 'HEAD', 'META', 'LINK', 'TITLE', 'OPTION',
    'OPTGROUP', 'DATALIST', 'DEFS', 'CLIPPATH', 'AUDIO', 'SOURCE', 'PARAM',
  ]);
  const WIDGET_ROLES = new Set([
    'button', 'link', 'checkbox', 'radio', 'textbox', 'searchbox', 'combobox', 'listbox', 'option',
    'switch', 'slider', 'spinbutton', 'tab', 'menuitem', 'menuitemcheckbox', 'menuitemradio',
    'treeitem',
  ]);
  const INPUT_ROLES = {
    button: 'button', submit: 'button', reset: 'button', image: 'button', file: 'button',
    checkbox: 'checkbox', radio: 'radio', range: 'slider', number: 'spinbutton',
    search: 'searchbox', color: 'color', date: 'date', time: 'time', month: 'date', week: 'date',
    'datetime-local': 'date',
  };
  const SHAPES = new Set([
    'circle', 'rect', 'ellipse', 'polygon', 'path', 'line', 'polyline', 'image', 'use',
  ]);
  const COLOURS = {
    '#000000': 'black', '#ffffff': 'white', '#ff0000': 'red', '#008000': 'green',
    '#00ff00': 'lime', '#0000ff': 'blue', '#ffff00': 'yellow', '#00ffff': 'cyan',
    '#ff00ff': 'magenta', '#808080': 'gray', '#c0c0c0': 'silver', '#800000': 'maroon',
    '#808000': 'olive', '#000080': 'navy', '#800080': 'purple', '#008080': 'teal',
    '#ffa500': 'orange', '#ffc0cb': 'pink', '#a52a2a': 'brown',
  };

  // A form's own properties are hidden by inputs of the same name (<input name=id>).
  const getter = (prototype, name) => {
    const { get } = Object.getOwnPropertyDescriptor(prototype, name);
    return (node) => get.call(node);
  };
  const tagOf = getter(Element.prototype, 'tagName');
  const idOf = getter(Element.prototype, 'id');
  const childrenOf = getter(Element.prototype, 'children');
  const nodesOf = getter(Node.prototype, 'childNodes');
  const textOf = getter(Node.prototype, 'textContent');

  const squeeze = (text) => {
    const short = (text || '').replace(/\s+/g, ' ').trim();
    return short.length > MAX_TEXT ? short.slice(0, MAX_TEXT - 1) + '…' : short;
  };
  const hasText = (node) => /\S/.test(node.nodeValue);

  // The text a person sees inside an element. innerText of hidden parts is empty.
  const seenText = (element) => squeeze(
    element.innerText === undefined ? element.textContent : element.innerText);

  const intersect = (a, b) => ({
    left: Math.max(a.left, b.left), top: Math.max(a.top, b.top),
    right: Math.min(a.right, b.right), bottom: Math.min(a.bottom, b.bottom),
  });
  const isEmpty = (box) => box.right - box.left < 1 || box.bottom - box.top < 1;

  const colour = (css) => {
    const parts = css.match(/^rgba?\((\d+), (\d+), (\d+)(?:, ([\d.]+))?\)$/);
    if (!parts || parts[4] === '0') return '';
    const hex = '#' + parts.slice(1, 4).map((part) => (+part).toString(16).padStart(2, '0')).join('');
    return COLOURS[hex] || hex;
  };

  const isEditable = (element) => {
    if (element.isContentEditable) return !element.parentElement?.isContentEditable;
    if (element instanceof HTMLTextAreaElement) return true;
    return element instanceof HTMLInputElement
      && !['button', 'checkbox', 'radio', 'range'].includes(INPUT_ROLES[element.type])
      && element.type !== 'hidden';
  };
  agentenv.isEditable = isEditable;

  const controlRole = (element) => {
    const given = (element.getAttribute('role') || '').split(' ')[0];
    if (WIDGET_ROLES.has(given)) return given;
    if (element instanceof HTMLInputElement) {
      return element.type === 'hidden' ? '' : INPUT_ROLES[element.type] || 'textbox';
    }
    switch (tagOf(element)) {
      case 'BUTTON': case 'SUMMARY': return 'button';
      case 'A': case 'AREA': return given === 'presentation' ? '' : 'link';
      case 'SELECT': return element.multiple || element.size > 1 ? 'listbox' : 'combobox';
      case 'TEXTAREA': return 'textbox';
      case 'OPTION': return 'option';
      case 'IMG': case 'CANVAS': return 'img';
      case 'IFRAME': return 'iframe';
      case 'PROGRESS': case 'METER': return 'progressbar';
      default: return isEditable(element) ? 'textbox' : '';
    }
  };

  const labelText = (element) => {
    const labels = element.labels ? [...element.labels] : [];
    const before = element.previousElementSibling;
    const isField = isEditable(element) || element instanceof HTMLSelectElement;
    if (isField && !labels.length && before instanceof HTMLLabelElement && !before.control) {
      labels.push(before);
    }
    return squeeze(labels.map(seenText).join(' '));
  };

  const nameOf = (element, role, text) => {
    const referenced = (element.getAttribute('aria-labelledby') || '').split(/\s+/)
      .map((id) => id && document.getElementById(id)).filter(Boolean)
      .map((other) => squeeze(other.textContent)).join(' ');
    const isButton = element instanceof HTMLInputElement && role === 'button';
    const submit = { submit: 'Submit', reset: 'Reset', file: 'Choose file' }[element.type] || '';
    return referenced || squeeze(element.getAttribute('aria-label')) || labelText(element)
      || (isButton && squeeze(element.value || element.alt || submit)) || text
      || squeeze(element.getAttribute('alt')) || squeeze(element.title)
      || squeeze(element.placeholder);
  };

  const valueOf = (element, role) => {
    if (element instanceof HTMLSelectElement) {
      return squeeze([...element.selectedOptions].map((option) => option.text).join(', '));
    }
    if (element.type === 'password') return '•'.repeat(element.value.length);
    if (element instanceof HTMLTextAreaElement) return element.value.slice(0, MAX_TEXT);
    if (element instanceof HTMLInputElement) {
      return ['button', 'checkbox', 'radio'].includes(role) ? '' : element.value.slice(0, MAX_TEXT);
    }
    if (element instanceof HTMLProgressElement) return String(element.value);
    if (element.isContentEditable) return seenText(element);
    return element.getAttribute('aria-valuetext') || element.getAttribute('aria-valuenow') || '';
  };

  const shapeDescription = (element, style, rect) => {
    const corners = element.points ? element.points.numberOfItems : 0;
    const figure = element.tagName === 'polygon' && corners === 3 ? 'triangle' : '';
    const paint = colour(style.fill) || colour(style.stroke);
    const size = `${Math.round(rect.width)}x${Math.round(rect.height)}`;
    return [figure, paint, size].filter(Boolean).join(' ');
  };

  const descriptionOf = (element, style, name) => {
    if (element instanceof HTMLSelectElement) {
      return [...element.options].map((option) => squeeze(option.text)).join(' | ').slice(0, 4000);
    }
    const placeholder = squeeze(element.placeholder);
    if (placeholder && placeholder !== name) return placeholder;
    if (isEditable(element)) return squeeze(element.title);
    if (!name) return colour(style.backgroundColor) || squeeze(element.getAttribute('class'));
    const title = squeeze(element.title);
    return title === name ? '' : title;
  };

  const scrolls = (element, style) =>
    (/auto|scroll/.test(style.overflowY) && element.scrollHeight > element.clientHeight + 1)
    || (/auto|scroll/.test(style.overflowX) && element.scrollWidth > element.clientWidth + 1);
  agentenv.scrolls = (element) => scrolls(element, getComputedStyle(element));

  // Points worth pressing: the middle first, then around it, then the rim.
  const SPREAD = [
    [0.5, 0.5], [0.25, 0.25], [0.75, 0.75], [0.25, 0.75], [0.75, 0.25],
    [0.04, 0.5], [0.96, 0.5], [0.5, 0.04], [0.5, 0.96],
    [0.04, 0.04], [0.96, 0.04], [0.04, 0.96], [0.96, 0.96],
  ];
  const testPoints = (box) => SPREAD.map(([x, y]) => [
    box.left + x * (box.right - box.left), box.top + y * (box.bottom - box.top),
  ]);
  const uncovered = (element, [x, y]) => {
    const hit = document.elementFromPoint(x, y);
    if (!hit) return false;
    if (hit === element || element.contains(hit) || hit.contains(element)) return true;
    const label = hit.closest('label');
    return Boolean(label && label.control === element);
  };
  agentenv.testPoints = testPoints;
  agentenv.uncovered = uncovered;

  class Scan {
    constructor() {
      this.viewport = { left: 0, top: 0, right: innerWidth, bottom: innerHeight };
      this.records = [];
      this.targets = [];
      this.delegated = new Set();
    }

    run() {
      const context = {
        clip: this.viewport, absoluteClip: this.viewport,
        clickable: false, pointer: false, silent: false, control: '',
      };
      if (document.body) this.visit(document.body, context);
      agentenv.targets = this.targets;
      return this.records;
    }

    add(target, box, fields) {
      if (this.records.length >= LIMIT) return;
      const across = (x) => Math.round((x / innerWidth) * 1e4) / 1e4;
      const down = (y) => Math.round((y / innerHeight) * 1e4) / 1e4;
      this.targets.push(target);
      this.records.push({
        bounds: [across(box.left), down(box.top), across(box.right), down(box.bottom)], ...fields,
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
        || (style.cursor === 'pointer' && !context.pointer) || element.tabIndex >= 0
        || this.delegated.has(element);
    }

    visit(element, context) {
      if (this.records.length >= LIMIT || SKIPPED.has(tagOf(element).toUpperCase())
          || element.getAttribute('aria-hidden') === 'true') return;
      const style = getComputedStyle(element);
      if (style.display === 'none' || style.opacity === '0') return;
      const rect = element.getBoundingClientRect();
      const base = { absolute: context.absoluteClip, fixed: this.viewport }[style.position]
        || context.clip;
      const inner = style.overflow === 'visible' || element === document.body
        ? base : intersect(base, rect);
      const child = {
        ...context,
        clip: inner,
        absoluteClip: style.position === 'static' && style.transform === 'none'
          ? context.absoluteClip : inner,
        pointer: style.cursor === 'pointer',
      };
      if (style.visibility === 'visible') {
        this.list(element, style, rect, intersect(base, rect), context, child);
      }
      this.children(element, child);
    }

    // Adds the element itself where it is one, and tells its children what it has said for them.
    list(element, style, rect, box, context, child) {
      const pressable = this.isPressable(element, style, context);
      child.clickable = context.clickable || pressable;
      if (element instanceof SVGElement) {
        this.listShape(element, style, rect, box, child);
        return;
      }
      if (tagOf(element) === 'LABEL') {
        this.listLabel(element, style, box, child);
        return;
      }
      let role = controlRole(element);
      const isControl = Boolean(role) && role !== 'img' && role !== 'iframe' && role !== 'progressbar';
      if (!role && pressable && this.isSimple(element)) role = 'generic';
      const scrollable = scrolls(element, style);
      if (!role && scrollable && element !== document.body) role = 'region';
      if (!role || isEmpty(box) || !testPoints(box).some((point) => uncovered(element, point))) return;
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
        focused: element === document.activeElement,
        enabled: !element.matches(':disabled') && !is('aria-disabled'),
        password: element.type === 'password',
      };
    }

    // A pressable thing is listed as one only if it holds a single piece of text or none;
    // of a larger one (a sortable list, a card) the pieces are listed, as clickable.
    isSimple(element) {
      const parts = element.querySelectorAll('*');
      if (!/\S/.test(textOf(element))) {
        return ![...parts].some((part) => controlRole(part) || part instanceof SVGElement
          || agentenv.listensForClicks(part));
      }
      return [...parts].every((part) => this.isInline(part) || this.isIcon(part));
    }

    isIcon(element) {
      return !/\S/.test(textOf(element)) && !controlRole(element)
        && !(element instanceof SVGElement) && !agentenv.listensForClicks(element);
    }

    isInline(element) {
      return tagOf(element) !== 'BR' && !controlRole(element) && !(element instanceof SVGElement)
        && tagOf(element) !== 'LABEL' && !agentenv.listensForClicks(element)
        && getComputedStyle(element).display === 'inline' && element.tabIndex < 0
        && (getComputedStyle(element).cursor !== 'pointer'
          || getComputedStyle(element.parentElement).cursor === 'pointer')
        && !this.delegated.has(element)
        && [...childrenOf(element)].every((inside) => this.isInline(inside));
    }

    listShape(element, style, rect, box, child) {
      const tag = element.tagName.toLowerCase();
      const isText = tag === 'text';
      if (child.silent || (!SHAPES.has(tag) && !isText) || isEmpty(box)) return;
      if (!testPoints(box).some((point) => uncovered(element, point))) return;
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
    listLabel(element, style, box, child) {
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
      if (drawn || isEmpty(box) || !testPoints(box).some((point) => uncovered(element, point))) return;
      const role = controlRole(control);
      this.add({ node: element }, box, {
        ...this.flags(control, role), resource_id: control.id || element.id, role,
        name: seenText(element), scrollable: false, value: valueOf(control, role),
        description: descriptionOf(control, style, ''), clickable: true,
      });
    }

    listOptions(select, clip) {
      for (const option of select.options) {
        const box = intersect(clip, option.getBoundingClientRect());
        if (isEmpty(box)) continue;
        this.add({ node: option }, box, {
          ...this.flags(option, 'option'), role: 'option', name: squeeze(option.text),
          scrollable: false, value: '', description: '', clickable: true,
        });
      }
    }

    // Texts next to each other are one piece, up to the next control, block or line break.
    children(element, context) {
      let run = [];
      const flush = () => {
        if (run.some((node) => node.nodeType !== Node.TEXT_NODE || hasText(node))) {
          this.listText(element, run, context);
        }
        run = [];
      };
      const quiet = context.silent || element instanceof SVGElement
        || element instanceof HTMLTextAreaElement;
      for (const node of nodesOf(element)) {
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

    listText(element, run, context) {
      if (getComputedStyle(element).visibility !== 'visible') return;
      const range = rangeOver(run[0], run[run.length - 1]);
      const box = intersect(context.clip, range.getBoundingClientRect());
      const name = run.length === nodesOf(element).length
        ? seenText(element) : squeeze(run.map((node) => node.textContent).join(''));
      if (!name || isEmpty(box)) return;
      if (!testPoints(box).slice(0, 3).some((point) => uncovered(element, point))) return;
      this.add({ node: element, first: run[0], last: run[run.length - 1] }, box, {
        resource_id: idOf(element), role: 'text', name, value: '', description: '',
        clickable: context.clickable, editable: false, checked: false, focused: false,
        enabled: true, password: false, scrollable: false,
      });
    }
  }

  const rangeOver = (first, last) => {
    const range = document.createRange();
    range.setStartBefore(first);
    range.setEndAfter(last);
    return range;
  };
  agentenv.rangeOver = rangeOver;
  agentenv.targets = [];

  // One look at the page, in one call: {elements, location, state}, with {problem} in place
  // of a state that cannot be had.
  const { stringify } = JSON;
  agentenv.look = (state) => {
    const seen = (more) => ({ elements: new Scan().run(), location: location.href, ...more });
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
