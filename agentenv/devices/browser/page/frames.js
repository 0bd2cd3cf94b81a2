// Where a frame lies on the screen. A document looks only into itself; agentenv joins what the
// documents of a page's frames tell (see frames.py). Points and bounds that leave a document
// are the main page's.
(agentenv) => {
  const { tagOf, hitAt, intersect, isEmpty } = agentenv;
  const FRAMES = new Set(['IFRAME', 'FRAME', 'OBJECT']);

  // x on the screen = left + scaleX * x here; `clip` is what of this document can be seen.
  let view = null;
  agentenv.place = (given) => { view = given; };
  agentenv.view = () => {
    const own = { left: 0, top: 0, right: innerWidth, bottom: innerHeight };
    if (view) return { ...view, clip: intersect(view.clip, own) };
    return {
      framed: false, left: 0, top: 0, scaleX: 1, scaleY: 1, width: innerWidth, height: innerHeight,
      clip: own,
    };
  };
  agentenv.toScreen = ([x, y]) =>
    (view ? [view.left + x * view.scaleX, view.top + y * view.scaleY] : [x, y]);
  const fromScreen = ([x, y]) =>
    (view ? [(x - view.left) / view.scaleX, (y - view.top) / view.scaleY] : [x, y]);
  agentenv.fromScreen = fromScreen;

  // Frames are known by the number they got when first seen.
  const elements = [];
  const numbers = new WeakMap();
  const numberOf = (element) => {
    if (!numbers.has(element)) numbers.set(element, elements.push(new WeakRef(element)) - 1);
    return numbers.get(element);
  };
  agentenv.isFrame = (element) =>
    Boolean(element) && FRAMES.has(tagOf(element)) && Boolean(element.contentWindow);
  agentenv.frameNumber = numberOf;
  agentenv.frameNumbers = () => [...document.querySelectorAll('iframe, frame, object')]
    .filter(agentenv.isFrame).map(numberOf);
  agentenv.frameElement = (number) => (elements[number] && elements[number].deref()) || null;

  // {frame, view} of a frame of which `box` can be seen; null where nothing of it can.
  agentenv.frameAt = (element, style, rect, box) => {
    const outer = agentenv.view();
    const x = rect.width / element.offsetWidth || 1;
    const y = rect.height / element.offsetHeight || 1;
    const left = rect.left + x * (element.clientLeft + parseFloat(style.paddingLeft));
    const top = rect.top + y * (element.clientTop + parseFloat(style.paddingTop));
    const clip = {
      left: (box.left - left) / x, top: (box.top - top) / y,
      right: (box.right - left) / x, bottom: (box.bottom - top) / y,
    };
    if (isEmpty(clip)) return null;
    const [screenLeft, screenTop] = agentenv.toScreen([left, top]);
    return {
      frame: numberOf(element),
      view: {
        framed: true, left: screenLeft, top: screenTop, clip, width: outer.width,
        height: outer.height, scaleX: outer.scaleX * x, scaleY: outer.scaleY * y,
      },
    };
  };

  // Of lists of points on the screen, those at which a frame is not covered.
  agentenv.reached = (number, lists) => {
    const frame = agentenv.frameElement(number);
    return lists.map((points) => points.filter((point) => hitAt(...fromScreen(point)) === frame));
  };
}
