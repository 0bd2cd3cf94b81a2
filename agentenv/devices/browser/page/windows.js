// This browser has one tab: what would open in another one opens in this one, and back returns.
(agentenv) => {
  const ACTIVE_MS = 5000; // for so long after a press a page may open a pop-up, as in Chromium
  const GIVEN_UP_MS = 1000; // a page that is still there by then has opened none
  const now = performance.now.bind(performance);
  const listen = (type, handler) => window.addEventListener(type, handler, true);
  const natively = {
    open: window.open, click: HTMLElement.prototype.click, submit: HTMLFormElement.prototype.submit,
  };

  // Not navigator.userActivation, which also counts what a driver evaluates in the page.
  let pressed = -Infinity;
  agentenv.notePress = () => {
    pressed = now();
    try { if (parent !== window) parent.__agentenv.notePress(); } catch { /* of another site */ }
  };
  for (const type of ['mousedown', 'touchend', 'keydown']) {
    listen(type, (event) => { if (event.isTrusted) agentenv.notePress(); });
  }
  const mayOpen = () => now() >= pressed && now() - pressed < ACTIVE_MS;

  const isFrameName = (name) => [window, parent, top].some((one) => {
    try {
      return one.name === name
        || [...one.document.querySelectorAll('iframe, frame, object')].some((at) => at.name === name);
    } catch {
      return false; // of another site
    }
  });
  const opensTab = (target) => Boolean(target)
    && !['_self', '_parent', '_top'].includes(target.toLowerCase()) && !isFrameName(target);

  const keepHere = (element, attribute = 'target') => {
    const base = document.querySelector('base[target]');
    const target = element.getAttribute(attribute) ?? (base ? base.target : '');
    if (opensTab(target)) element.setAttribute(attribute, '_top');
  };
  // How many downloads the page has asked for since this was last asked: they begin some time
  // later.
  let saves = 0;
  agentenv.takeSaves = () => {
    const taken = saves;
    saves = 0;
    return taken;
  };
  listen('click', (event) => {
    const link = event.composedPath().find((node) => node instanceof Element && node.matches('a, area'));
    if (!link) return;
    keepHere(link);
    if (link.hasAttribute('download')) {
      setTimeout(() => { saves += event.defaultPrevented ? 0 : 1; });
    }
  });
  listen('submit', (event) => {
    keepHere(event.target);
    const { submitter } = event;
    if (submitter && submitter.hasAttribute('formtarget')) keepHere(submitter, 'formtarget');
  });
  // Clicks on links that are no part of the page, and submissions by script, are no events here.
  HTMLElement.prototype.click = function () {
    if (this instanceof HTMLAnchorElement) {
      keepHere(this);
      if (!this.isConnected && this.hasAttribute('download')) saves += 1;
    }
    return natively.click.call(this);
  };
  HTMLFormElement.prototype.submit = function () {
    keepHere(this);
    return natively.submit.call(this);
  };

  const goTo = (url) => {
    const { href, protocol } = new URL(url, document.baseURI);
    if (protocol !== 'javascript:' && href !== 'about:blank') top.location.href = href;
  };

  // What a page gets for its pop-up, which is loaded in the page's own place.
  const standIn = (url, name) => {
    let end = Infinity;
    const load = (next) => {
      end = now() + GIVEN_UP_MS;
      goTo(next);
    };
    const place = {
      get href() { return url; }, set href(next) { load(next); },
      assign: load, replace: load, reload() {}, toString: () => url,
    };
    const popup = {
      name, opener: window, document: document.implementation.createHTMLDocument(''),
      get closed() { return now() >= end; },
      get location() { return place; }, set location(next) { load(next); },
      close() { end = -Infinity; },
      focus() {}, blur() {}, postMessage() {}, moveTo() {}, moveBy() {}, resizeTo() {}, resizeBy() {},
      addEventListener() {}, removeEventListener() {}, print() {},
    };
    if (url) load(url);
    return Object.assign(popup, { window: popup, self: popup, top: popup });
  };

  let last = null;
  window.open = function (url = '', target = '_blank', features = '') {
    const name = String(target) || '_blank';
    if (!opensTab(name)) return natively.open.call(window, url, name);
    if (!mayOpen() || (last && !last.closed)) return null;
    last = standIn(String(url), name === '_blank' ? '' : name);
    return /\b(noopener|noreferrer)\b/.test(String(features)) ? null : last;
  };
  // The page that a pop-up was opened from is the one before it.
  if (window === top) window.close = () => { if (history.length > 1) history.back(); };
}
