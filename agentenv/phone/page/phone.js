// The page of a phone: forwards what the user does, shows what the phone answers, and keeps
// nothing else. A person's page asks the phone by itself; a device takes what was done out of
// the page and draws the answer into it (`take`, `draw`), so that no request is under way.
'use strict';
const phone = (() => {
  const BATCH = 20;
  const CARET_ROOM = 2; // pixels beside the caret
  const WIDEST = 480; // as in the style sheet
  const queue = [];
  let base = ''; // of a person's phone
  let sending = false;
  let held = false; // a finger is down: what lies under it must not change
  let answer = null;
  let scrolling = false; // the answer comes from nothing but scrolling, which may have gone on
  let drawing = false;
  let selection = ''; // as the phone knows it
  let shown = ''; // the field that was last brought into sight
  let zoom = 1; // pixels of the screen for one of the layout

  const ask = (body) => fetch(`${base}/events`, {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body),
  });

  const send = async () => {
    if (sending) return;
    sending = true;
    try {
      while (queue.length) {
        const events = queue.splice(0, BATCH);
        const response = await ask({ events });
        if (!response.ok) continue;
        answer = await response.text();
        scrolling = events.every((event) => event.kind === 'scroll');
      }
    } finally {
      sending = false;
    }
    show();
  };
  const did = (event) => {
    queue.push(event);
    if (base) send();
  };
  const show = () => {
    if (answer === null || held || queue.length || sending) return;
    const html = answer;
    answer = null;
    draw(html);
    scrolling = false;
  };

  // Changes the page into another, and leaves alone what is the same: the field that is being
  // typed into stays the same element.
  const draw = (html, anew = false) => {
    drawing = true;
    if (anew) document.activeElement.blur();
    const template = document.createElement('template');
    template.innerHTML = html;
    const body = document.getElementById('root');
    if (anew) body.replaceChildren(template.content);
    else merge(body, template.content);
    const screen = Math.min(innerWidth, WIDEST);
    zoom = screen / (body.firstElementChild.dataset.width || screen);
    body.style.zoom = zoom;
    keepValues();
    for (const box of scrolling ? [] : body.querySelectorAll('[data-scroll]')) {
      const at = box.dataset.scroll;
      const top = at === 'end' ? box.scrollHeight : Number(at);
      if (box.scrollTop !== top) box.scrollTop = top;
    }
    const wanted = body.querySelector('.focused [data-field]');
    const focused = document.activeElement;
    if (wanted) {
      if (wanted !== focused) wanted.focus({ preventScroll: true });
      selection = body.firstElementChild.dataset.selection;
      if (selectionOf(wanted) !== selection) wanted.setSelectionRange(...selection.split(','));
    } else if (focused && focused !== document.body) {
      focused.blur();
    }
    // Only once, so that one can scroll past it; where a drawing from nothing stands is state.
    const name = wanted ? wanted.dataset.field : '';
    if (wanted && !anew && name !== shown) wanted.scrollIntoView({ block: 'nearest' });
    shown = name;
    for (const field of body.querySelectorAll('input[data-field]')) showCaret(field, wanted);
    drawing = false;
  };
  // How far a long text is shifted in its field follows from where the caret stands, and not
  // from how it came there.
  const pen = document.createElement('canvas').getContext('2d');
  const showCaret = (field, focused) => {
    let shift = 0;
    if (field === focused && field.scrollWidth > field.clientWidth) {
      pen.font = getComputedStyle(field).font;
      const caret = pen.measureText(field.value.slice(0, field.selectionEnd)).width;
      shift = Math.max(0, Math.ceil(caret) + CARET_ROOM - field.clientWidth);
    }
    if (field.scrollLeft !== shift) field.scrollLeft = shift;
  };
  const same = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName
    && (a.nodeType !== Node.ELEMENT_NODE || a.id === b.id);
  const merge = (old, fresh) => {
    const there = [...old.childNodes];
    const wanted = [...fresh.childNodes];
    wanted.forEach((node, index) => {
      const before = there[index];
      if (!before) old.append(node);
      else if (!same(before, node)) before.replaceWith(node);
      else if (before.nodeType !== Node.ELEMENT_NODE) {
        if (before.nodeValue !== node.nodeValue) before.nodeValue = node.nodeValue;
      } else if (!before.isEqualNode(node)) {
        attributes(before, node);
        merge(before, node);
      }
    });
    for (const extra of there.slice(wanted.length)) extra.remove();
  };
  const attributes = (old, fresh) => {
    for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
    for (const { name, value } of fresh.attributes) {
      if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
  };
  // What a field holds is no attribute once it was typed into.
  const keepValues = () => {
    for (const field of document.querySelectorAll('[data-field]')) {
      const value = field.tagName === 'TEXTAREA' ? field.defaultValue : field.getAttribute('value');
      // A text too long for its field, once edited, is set anew: glyph by glyph it lies elsewhere.
      const edited = !base && field.scrollWidth > field.clientWidth && field.matches(':focus');
      if (edited) field.value = '';
      if (field.value !== value) field.value = value;
    }
  };

  const selectionOf = (field) => `${field.selectionStart},${field.selectionEnd}`;
  const selected = (field) => {
    selection = selectionOf(field);
    return { start: field.selectionStart || 0, offset: field.selectionEnd || 0 };
  };

  const listen = (type, handler) => document.addEventListener(type, handler, true);
  const fieldOf = (event) => event.target.closest && event.target.closest('[data-field]');

  // A finger that moves scrolls what lies under it; only one that stays taps.
  let press = null;
  listen('pointerdown', (event) => {
    held = true;
    const box = event.target.closest('[data-scroll]');
    press = { x: event.clientX, y: event.clientY, box, top: box ? box.scrollTop : 0, moved: false };
  });
  listen('pointermove', (event) => {
    if (!press || !event.buttons || fieldOf(event)) return;
    const by = press.y - event.clientY;
    if (Math.abs(by) > 8 || Math.abs(event.clientX - press.x) > 8) press.moved = true;
    if (press.moved && press.box) press.box.scrollTop = press.top + by / zoom;
  });
  listen('pointerup', (event) => {
    const pulled = press && press.y < 30 && event.clientY - press.y > 60;
    setTimeout(() => { held = false; show(); });
    if (pulled) did({ kind: 'tap', target: 'shade' });
  });
  listen('click', (event) => {
    event.preventDefault();
    if ((press && press.moved) || fieldOf(event) || event.target.closest('label')) {
      const label = event.target.closest('label');
      if (label && label.control) label.control.focus();
      return;
    }
    const pressed = event.target.closest('[data-do]');
    did({ kind: 'tap', target: pressed ? pressed.dataset.do : '' });
  });
  // What a finger touches does not take the focus from a field: the phone says what has it.
  listen('mousedown', (event) => { if (!fieldOf(event)) event.preventDefault(); });
  listen('focusin', (event) => {
    if (!drawing && fieldOf(event)) { // also of a slider, from which the answer takes it again
      did({ kind: 'focus', target: event.target.dataset.field });
    }
  });
  listen('input', (event) => {
    if (fieldOf(event)) {
      const { dataset, value } = event.target;
      did({ kind: 'edit', target: dataset.field, value, ...selected(event.target) });
    }
  });
  const noteCaret = () => {
    const field = document.activeElement;
    if (drawing || !field.dataset || !field.dataset.field || field.type === 'range') return;
    if (selectionOf(field) === selection) return;
    did({ kind: 'caret', target: field.dataset.field, ...selected(field) });
  };
  listen('selectionchange', noteCaret);
  listen('paste', (event) => {
    const value = event.clipboardData.getData('text/plain');
    if (fieldOf(event)) did({ kind: 'paste', target: event.target.dataset.field, value });
  });
  for (const type of ['copy', 'cut']) {
    listen(type, (event) => {
      const { value, selectionStart, selectionEnd } = event.target;
      if (value) did({ kind: 'copy', value: value.slice(selectionStart, selectionEnd) });
    });
  }
  listen('keydown', (event) => {
    if (event.key === 'Enter' && fieldOf(event) && event.target.tagName !== 'TEXTAREA') {
      event.preventDefault();
      did({ kind: 'ime', target: event.target.dataset.field });
    } else if (event.key === 'Tab' || (event.key === 'Enter' && !fieldOf(event))) {
      event.preventDefault();
    }
  });
  const noteScroll = (box) => {
    const offset = String(Math.round(box.scrollTop));
    const atEnd = box.scrollTop + box.clientHeight > box.scrollHeight - 1;
    if (drawing || offset === box.dataset.scroll) return;
    if (atEnd && box.dataset.scroll === 'end') return;
    box.dataset.scroll = offset;
    did({ kind: 'scroll', offset: Number(offset) });
  };
  listen('scroll', ({ target }) => {
    if (target.dataset && target.dataset.scroll !== undefined) noteScroll(target);
  });

  // What was done since this was last asked, without waiting for the browser to tell.
  const take = () => {
    noteCaret();
    document.querySelectorAll('[data-scroll]').forEach(noteScroll);
    return queue.splice(0);
  };

  return {
    // Shows a person the phone with that token.
    async open(token) {
      base = `/${token}`;
      const response = await ask({ events: [] });
      if (!response.ok) throw new Error(`the phone answers ${response.status}`);
      draw(await response.text(), true);
    },
    take,
    // Shows a page, from nothing or by changing the one that is there.
    draw(html, anew = false) {
      if (anew) queue.length = 0;
      draw(html, anew);
    },
  };
})();
Object.defineProperty(window, 'phone', { value: phone });
if (document.documentElement.dataset.token) {
  document.documentElement.classList.add('person');
  phone.open(document.documentElement.dataset.token);
}
