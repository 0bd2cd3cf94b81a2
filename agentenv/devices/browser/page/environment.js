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
  let hasAsked = false;
  window.requestAnimationFrame = (callback) => {
    hasAsked = true;
    const id = nextFrame(() => { awaited.delete(id); callback(uptime()); });
    awaited.add(id);
    return id;
  };
  // Tells of each frame as it begins, before the page has made it.
  agentenv.tellFrames = (tell) => {
    const begin = () => { tell(''); nextFrame(begin); };
    nextFrame(begin);
  };
  window.cancelAnimationFrame = (id) => { awaited.delete(id); cancelFrame(id); };
  // Whether frames, and not only time, are needed for the page to come to rest.
  const isAnimating = () => awaited.size > 0
    || document.getAnimations().some((animation) => animation.playState === 'running');
  agentenv.animating = () => isAnimating() || framesTell('animating');
  // Whether they are, or a script has awaited one since this was last asked.
  agentenv.takeMotion = () => {
    const moves = hasAsked || isAnimating();
    hasAsked = false;
    return framesTell('takeMotion') || moves;
  };
  const framesTell = (question) => window.length > 0
    && Array.from(window, (frame) => tells(frame, question)).includes(true);
  // A frame of another site cannot be asked.
  const tells = (frame, question) => {
    try { return frame.__agentenv[question](); } catch { return true; }
  };

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
  const PICKERS = new Set(['color', 'date', 'datetime-local', 'month', 'time', 'week']);
  const isPicker = (node) => node instanceof HTMLInputElement && PICKERS.has(node.type);
  const sourceOf = (event) => event.composedPath()[0];  // also inside of shadow trees
  const onWindow = (type, handler) => addEventListener.call(window, type, handler, true);
  onWindow('mousedown', (event) => {
    const source = sourceOf(event);
    if (isDropDown(source)) { event.preventDefault(); source.focus(); }
  });
  onWindow('keydown', (event) => {
    const opens = event.key === ' ' || event.key === 'F4' || event.altKey
      || (event.key === 'Enter' && isDropDown(sourceOf(event)));
    if (opens && (isDropDown(sourceOf(event)) || isPicker(sourceOf(event)))) event.preventDefault();
  });
  onWindow('click', (event) => {
    if (isPicker(sourceOf(event))) event.preventDefault();
  });
  HTMLSelectElement.prototype.showPicker = () => {};
  // Files are asked for by such a field's click, which agentenv answers (choose_file).
  HTMLInputElement.prototype.showPicker = function () { if (this.type === 'file') this.click(); };
  delete window.showOpenFilePicker;

  // Undoes what a page keeps from the last episode where it is not loaded anew, hides it until
  // `show`, and tells how many {frames} are to do the same; null where another page is open. A
  // frame has no address to return to (null), and is not hidden.
  let display = '';
  agentenv.rest = (url) => {
    if (url !== null) {
      if (location.href.split('#')[0] !== url.split('#')[0]) return null;
      if (location.href !== url) history.replaceState(history.state, '', url);
    }
    born = nativeNow();
    for (const animation of document.getAnimations()) {
      if (animation.playState === 'running') animation.currentTime = 0;
    }
    if (document.activeElement && document.activeElement !== document.body) {
      document.activeElement.blur();
    }
    getSelection().removeAllRanges();
    scrollTo(0, 0);
    if (url === null) return { frames: window.length };
    // With a frame before it is shown again, the whole page is laid out and drawn anew, with
    // the pixels it has after loading; redrawn in parts, its round corners may differ.
    display = document.documentElement.style.display;
    document.documentElement.style.display = 'none';
    return { frames: window.length };
  };
  agentenv.show = () => { document.documentElement.style.display = display; };
}
