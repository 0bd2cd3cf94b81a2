// Runs before any script of a page: what a browser without windows must do differently.
(agentenv) => {
  // Clocks in whole milliseconds: fractions differ from one start of the browser to the next.
  const nativeNow = performance.now.bind(performance);
  let born = nativeNow();
  const uptime = () => Math.round(nativeNow() - born);
  performance.now = uptime;

  // A page opens at a fixed instant, and a reset turns its clocks back to it.
  const NativeDate = Date;
  const now = () => agentenv.startOfTime + uptime();
  window.Date = new Proxy(NativeDate, {
    apply: () => new NativeDate(now()).toString(),
    construct: (target, args, self) => Reflect.construct(target, args.length ? args : [now()], self),
    get: (target, key) => (key === 'now' ? now : Reflect.get(target, key)),
  });
  Object.defineProperty(NativeDate.prototype, 'constructor', {
    value: window.Date, writable: true, configurable: true,
  });

  // Frames are counted from the browser's start, which is not the time the page's clock shows.
  const nextFrame = window.requestAnimationFrame.bind(window);
  const cancelFrame = window.cancelAnimationFrame.bind(window);
  const awaited = new Set();
  window.requestAnimationFrame = (callback) => {
    const id = nextFrame(() => { awaited.delete(id); callback(uptime()); });
    awaited.add(id);
    return id;
  };
  window.cancelAnimationFrame = (id) => { awaited.delete(id); cancelFrame(id); };
  // Whether frames, and not only time, are needed for the page to come to rest.
  agentenv.animating = () => awaited.size > 0
    || document.getAnimations().some((animation) => animation.playState === 'running');

  // Moves CSS animations by hand where the browser's own clock for them is stopped.
  agentenv.moveAnimations = (milliseconds) => {
    for (const animation of document.getAnimations()) {
      if (animation.playState === 'running') animation.currentTime += milliseconds;
    }
  };

  // Which elements listen for clicks cannot be asked later, so take note now.
  const pressing = new Set([
    'click', 'mousedown', 'mouseup', 'pointerdown', 'pointerup', 'dblclick', 'touchstart',
  ]);
  const listening = new WeakSet();
  const addEventListener = EventTarget.prototype.addEventListener;
  EventTarget.prototype.addEventListener = function (type) {
    if (pressing.has(type) && this instanceof Element) listening.add(this);
    return addEventListener.apply(this, arguments);
  };
  agentenv.listensForClicks = (element) => listening.has(element)
    || Boolean(element.onclick || element.onmousedown || element.onmouseup || element.onpointerdown);

  // The popup of a drop-down or a date is a window of its own: it is not in the screenshot,
  // swallows the next input, and stops a browser in lockstep for good. A press on such a field
  // only focuses it (options and dates are chosen by input_text).
  const isDropDown = (node) => node instanceof HTMLSelectElement && !node.multiple && node.size <= 1;
  const PICKERS = new Set(['color', 'file', 'date', 'datetime-local', 'month', 'time', 'week']);
  const isPicker = (node) => node instanceof HTMLInputElement && PICKERS.has(node.type);
  const onWindow = (type, handler) => addEventListener.call(window, type, handler, true);
  onWindow('mousedown', (event) => {
    if (isDropDown(event.target)) { event.preventDefault(); event.target.focus(); }
  });
  onWindow('keydown', (event) => {
    const opens = event.key === ' ' || event.key === 'F4' || event.altKey
      || (event.key === 'Enter' && isDropDown(event.target));
    if (opens && (isDropDown(event.target) || isPicker(event.target))) event.preventDefault();
  });
  onWindow('click', (event) => {
    if (isPicker(event.target)) event.preventDefault();
    // This browser has one tab.
    const link = event.target instanceof Element && event.target.closest('a[target], area[target]');
    if (link && link.target === '_blank') link.target = '_self';
  });
  HTMLSelectElement.prototype.showPicker = () => {};
  HTMLInputElement.prototype.showPicker = () => {};
  window.open = (url) => { if (url) location.assign(url); return window; };

  // Undoes what a page keeps from the last episode where it is not loaded anew, and hides it
  // until `show`; false where another page is open.
  let display = '';
  agentenv.rest = (url) => {
    if (location.href.split('#')[0] !== url.split('#')[0]) return false;
    if (location.href !== url) history.replaceState(history.state, '', url);
    born = nativeNow();
    for (const animation of document.getAnimations()) {
      if (animation.playState === 'running') animation.currentTime = 0;
    }
    if (document.activeElement && document.activeElement !== document.body) {
      document.activeElement.blur();
    }
    getSelection().removeAllRanges();
    scrollTo(0, 0);
    // With a frame before it is shown again, the whole page is laid out and drawn anew, with
    // the pixels it has after loading; redrawn in parts, its round corners may differ.
    display = document.documentElement.style.display;
    document.documentElement.style.display = 'none';
    return true;
  };
  agentenv.show = () => { document.documentElement.style.display = display; };
}
