// From an element's index or a point to where input goes. Failures are returned as
// {error: why}, in words for the agent.
(agentenv) => {
  const { hitAt, holds, parentOf, toScreen, fromScreen, isFrame, frameNumber } = agentenv;
  const boxOf = ({ node, first, last }) =>
    (first ? agentenv.rangeOver(first, last) : node).getBoundingClientRect();

  // Lines of a wrapped link first: the middle of its box may lie beside the text.
  const candidates = ({ node, first, last }) => {
    const lines = [...(first ? agentenv.rangeOver(first, last) : node).getClientRects()];
    const whole = boxOf({ node, first, last });
    const boxes = lines.length > 1 ? [...lines, whole] : [whole];
    const { clip } = agentenv.view();
    return boxes.flatMap((box) => agentenv.testPoints(agentenv.intersect(clip, box)))
      .filter(([x, y]) => x >= clip.left && y >= clip.top && x < clip.right && y < clip.bottom);
  };

  const target = (index) => {
    const found = agentenv.targets[index];
    if (!found) {
      const count = agentenv.targets.length;
      return { error: `there is no element ${index}; this screen has ${count}` };
    }
    const node = found.first || found.node;
    if (!node.isConnected) return { error: 'this element is no longer on the page' };
    return found;
  };

  // {points} in pixels: where to press an element of the last list, as it lies now; the best
  // first, or (`one`) only that.
  agentenv.pointsOf = (index, one = false) => {
    const found = target(index);
    if (found.error) return found;
    const hits = candidates(found);
    const those = (test) => (one ? [hits.find(test)].filter(Boolean) : hits.filter(test));
    const inside = those(([x, y]) => {
      const hit = hitAt(x, y);
      return hit && (hit === found.node || holds(found.node, hit));
    });
    const points = inside.length
      ? inside : those((point) => agentenv.uncovered(found.node, point));
    if (!points.length) return { error: 'this element is covered or has moved off the screen' };
    return { points: points.map(toScreen) };
  };
  agentenv.pointOf = (index) => {
    const { error, points } = agentenv.pointsOf(index, true);
    return error ? { error } : { x: points[0][0], y: points[0][1] };
  };

  const fieldFrom = (node) => {
    const label = node && node.closest && node.closest('label');
    if (label && label.control) return label.control;
    const select = node && node.closest && node.closest('select');
    if (select) return select;
    for (let at = node; at; at = parentOf(at)) if (agentenv.isEditable(at)) return at;
    return node;
  };
  const SET_BY_VALUE = new Set([
    'date', 'time', 'datetime-local', 'month', 'week', 'color', 'range',
  ]);

  // The field that text goes to: {kind: 'select' | 'value' | 'keys'}, {error}, or the {frame}
  // to be asked instead.
  agentenv.fieldAt = (index, point) => {
    let node = agentenv.focused();
    if (index !== null) {
      const found = target(index);
      if (found.error) return found;
      node = found.node;
    } else if (point !== null) {
      node = hitAt(...fromScreen(point));
    }
    if (isFrame(node)) return { frame: frameNumber(node) };
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
    if (field.type === 'file') return { error: 'files are chosen with choose_file' };
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
    if (option.matches(':disabled')) return { error: `the option "${wanted.slice(0, 100)}" is disabled` };
    field.focus();
    if (field.multiple && clear) for (const other of options) other.selected = false;
    option.selected = true;
    announce(field);
    return {};
  };

  const EXAMPLES = {
    date: '2025-01-31', time: '17:38', 'datetime-local': '2025-01-31T17:38', month: '2025-01',
    week: '2025-W05', color: '#ff8000',
  };
  // What to write instead of a value that the field did not take; empty where it did.
  const refused = (field, value) => {
    if (field.type === 'range') {
      const [low, high] = [Number(field.min || 0), Number(field.max || 100)];
      const fits = value !== '' && Number(value) >= low && Number(value) <= high;
      return fits ? '' : `write a number from ${low} to ${high}`;
    }
    const took = field.type === 'color'
      ? field.value === value.toLowerCase() : !value || field.value;
    return took ? '' : `write it like ${EXAMPLES[field.type]}`;
  };

  // Dates and the like have no text to type; month/day/year is what the field itself shows.
  agentenv.setValue = (text) => {
    const field = agentenv.field;
    const us = text.trim().match(/^(\d{1,2})\/(\d{1,2})\/(\d{4})$/);
    const value = us && field.type === 'date'
      ? `${us[3]}-${us[1].padStart(2, '0')}-${us[2].padStart(2, '0')}` : text.trim();
    const write = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set;
    const before = field.value;
    field.focus();
    write.call(field, value);
    const refusal = refused(field, value);
    if (refusal) {
      write.call(field, before);
      return { error: `"${value.slice(0, 100)}" is not a valid ${field.type}; ${refusal}` };
    }
    announce(field);
    return {};
  };

  // Makes the field focused with its content selected, or the caret at its end.
  agentenv.prepareTyping = (clear) => {
    const field = agentenv.field;
    if (agentenv.focused() !== field) field.focus();
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

  const room = (node, vertical) => (vertical
    ? node.scrollHeight - node.clientHeight : node.scrollWidth - node.clientWidth);
  const scrollBox = (start, vertical) => {
    for (let node = start; node; node = parentOf(node)) {
      const style = getComputedStyle(node);
      const overflow = vertical ? style.overflowY : style.overflowX;
      const free = node instanceof HTMLTextAreaElement || node instanceof HTMLSelectElement;
      if (room(node, vertical) > 1 && (free || /auto|scroll/.test(overflow))) return node;
    }
    return document.scrollingElement || document.body;
  };

  // Whether a finger that moves from a point pans what is there: {pans}. A page that wants the
  // movement for itself says so by touch-action; a slider wants it along its track.
  agentenv.pansAt = (point, vertical) => {
    const allowed = vertical ? /auto|manipulation|pan-(y|up|down)/ : /auto|manipulation|pan-(x|left|right)/;
    const start = hitAt(...fromScreen(point));
    if (start instanceof HTMLInputElement && start.type === 'range') return { pans: vertical };
    for (let node = start; node; node = parentOf(node)) {
      if (!allowed.test(getComputedStyle(node).touchAction)) return { pans: false };
    }
    return { pans: true };
  };

  // Where a wheel must turn and by how much: {x, y, dx, dy}, or the {frame} to be asked instead
  // about {point}. A frame without anything to scroll is {still}: the document around it is then
  // asked to scroll (`around`). What would scroll is remembered for `pan`.
  agentenv.wheelAt = (index, point, direction, around = false) => {
    const { clip, framed } = agentenv.view();
    let at = point || toScreen([(clip.left + clip.right) / 2, (clip.top + clip.bottom) / 2]);
    if (index !== null) {
      const found = agentenv.pointOf(index);
      if (found.error) return found;
      at = [found.x, found.y];
    }
    const start = hitAt(...fromScreen(at));
    if (isFrame(start) && !around) return { frame: frameNumber(start), point: at };
    const vertical = direction === 'up' || direction === 'down';
    const box = scrollBox(start, vertical);
    agentenv.box = box;
    const isPage = box === document.scrollingElement;
    if (framed && isPage && room(box, vertical) <= 1) return { still: true, point: at };
    const extent = vertical ? (isPage ? innerHeight : box.clientHeight)
      : (isPage ? innerWidth : box.clientWidth);
    const sign = direction === 'down' || direction === 'right' ? 1 : -1;
    const amount = sign * Math.max(1, Math.round(0.6 * extent));
    return { x: at[0], y: at[1], dx: vertical ? 0 : amount, dy: vertical ? amount : 0 };
  };

  // Scrolls at once by pixels of the screen, as a wheel does with the frames after it.
  agentenv.pan = (dx, dy) => {
    const { box } = agentenv;
    const zoom = box.currentCSSZoom || 1;
    box.scrollBy({ left: dx / zoom, top: dy / zoom, behavior: 'instant' });
    return {};
  };
}
