// What an element is called: its role, name, value and description.
(agentenv) => {
  const { tagOf, shadowOf, nodesIn } = agentenv;
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
  const COLOURS = {
    '#000000': 'black', '#ffffff': 'white', '#ff0000': 'red', '#008000': 'green',
    '#00ff00': 'lime', '#0000ff': 'blue', '#ffff00': 'yellow', '#00ffff': 'cyan',
    '#ff00ff': 'magenta', '#808080': 'gray', '#c0c0c0': 'silver', '#800000': 'maroon',
    '#808000': 'olive', '#000080': 'navy', '#800080': 'purple', '#008080': 'teal',
    '#ffa500': 'orange', '#ffc0cb': 'pink', '#a52a2a': 'brown',
  };

  const squeeze = (text) => {
    const short = (text || '').replace(/\s+/g, ' ').trim();
    return short.length > MAX_TEXT ? short.slice(0, MAX_TEXT - 1) + '…' : short;
  };

  // The text a person sees inside an element. innerText of hidden parts is empty; it knows
  // nothing of shadow trees.
  const seenText = (element) => {
    if (shadowOf(element) || element.getRootNode() !== document) return squeeze(flatText(element));
    const text = squeeze(element.innerText === undefined ? element.textContent : element.innerText);
    const hidden = !text && [...element.querySelectorAll('*')].some(shadowOf);
    return hidden ? squeeze(flatText(element)) : text;
  };
  const flatText = (node) => {
    if (node.nodeType === Node.TEXT_NODE) return node.nodeValue;
    if (node.nodeType !== Node.ELEMENT_NODE || SKIPPED.has(tagOf(node).toUpperCase())) return '';
    const slot = tagOf(node) === 'SLOT';
    if (!slot && !node.checkVisibility({ visibilityProperty: true })) return '';
    const text = [...nodesIn(node)].map(flatText).join('');
    return slot || getComputedStyle(node).display.startsWith('inline') ? text : ` ${text} `;
  };

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
      .map((id) => id && element.getRootNode().getElementById(id)).filter(Boolean)
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

  Object.assign(agentenv, {
    SKIPPED, squeeze, seenText, isEditable, controlRole, labelText, nameOf, valueOf,
    shapeDescription, descriptionOf,
  });
}
