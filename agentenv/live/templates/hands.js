// The person's hands: what they do to the screenshot becomes one action of the vocabulary.
const MOVED = 8; // pixels, from which a press is a drag
const HELD_MS = 600;
const DOUBLE_MS = 260;
const KEYS = {
  Enter: "enter", Escape: "escape", Tab: "tab", Backspace: "backspace", Delete: "delete",
  " ": "space", ArrowUp: "arrow_up", ArrowDown: "arrow_down", ArrowLeft: "arrow_left",
  ArrowRight: "arrow_right", PageUp: "page_up", PageDown: "page_down",
};
const touch = byId("screen");
let press = null;
let firstTap = null;

const mine = () => panel()?.phase === "yours" && !live.board.closed && !live.busy;
const can = (type) => panel().actions.includes(type);

// The screen that the person saw goes with the action: the server refuses it on any other.
async function act(action) {
  if (!mine()) return;
  closeEditor();
  live.busy = true;
  touch.classList.add("busy");
  if (!(await order("act", { action, screen: panel().screen }))) freed();
}

function freed() {
  live.busy = false;
  touch.classList.remove("busy");
}

/* ------------------------------------------------------------- pointer */

function place(event) {
  const box = touch.getBoundingClientRect();
  const within = (value) => Math.min(1, Math.max(0, value));
  return [within((event.clientX - box.left) / box.width), within((event.clientY - box.top) / box.height)];
}

// The smallest element there, the topmost of equals: as the server will choose it.
function elementAt([x, y], wanted = () => true) {
  let best = null;
  let least = Infinity;
  for (const element of panel().elements) {
    const [left, top, right, bottom] = element[5];
    const area = (right - left) * (bottom - top);
    if (left <= x && x <= right && top <= y && y <= bottom && area <= least && wanted(element)) {
      [best, least] = [element, area];
    }
  }
  return best;
}

const isEditable = (element) => element[4].includes("editable");
const optionsOf = (element) =>
  element[1] === "combobox" && !isEditable(element) && element[6] ? element[6].split(" | ") : [];

touch.addEventListener("pointerdown", (event) => {
  if (!mine() || event.button !== 0 || event.target.id === "editor") return;
  event.preventDefault();
  closeEditor();
  touch.focus({ preventScroll: true });
  touch.setPointerCapture(event.pointerId);
  press = { at: place(event), x: event.clientX, y: event.clientY, time: event.timeStamp };
});

touch.addEventListener("pointerup", (event) => {
  if (!press) return;
  const { at, x, y, time } = press;
  press = null;
  if (Math.hypot(event.clientX - x, event.clientY - y) > MOVED) {
    act({ type: "swipe", start: at, end: place(event) });
  } else if (event.timeStamp - time > HELD_MS) {
    act({ type: "long_press", point: at });
  } else {
    tapped(at);
  }
});
touch.addEventListener("pointercancel", () => { press = null; });

function tapped(at) {
  const element = elementAt(at);
  if (element && (isEditable(element) || optionsOf(element).length)) {
    openEditor(element);
  } else if (firstTap) {
    clearTimeout(firstTap);
    firstTap = null;
    act({ type: "double_tap", point: at });
  } else {
    firstTap = setTimeout(() => {
      firstTap = null;
      act({ type: "tap", point: at });
    }, DOUBLE_MS);
  }
}

let wheelFrom = 0;
touch.addEventListener("wheel", (event) => {
  if (panel()?.phase !== "yours") return;
  event.preventDefault();
  if (!mine() || event.timeStamp - wheelFrom < 300) return;
  wheelFrom = event.timeStamp;
  const across = Math.abs(event.deltaX) > Math.abs(event.deltaY);
  const [back, on] = across ? ["left", "right"] : ["up", "down"];
  const direction = (across ? event.deltaX : event.deltaY) > 0 ? on : back;
  act({ type: "scroll", direction, point: place(event) });
}, { passive: false });

/* ------------------------------------------------------------ keyboard */

// Typing goes into a field of ours over theirs, so that a whole text becomes one action.
function openEditor(element, typed = "") {
  const [index, , , value, flags, [left, top, right, bottom]] = element;
  const options = optionsOf(element);
  const editor = make(options.length ? "select" : "textarea");
  editor.id = "editor";
  editor.setAttribute("aria-label", "Text for the field");
  if (options.length) {
    for (const option of options) editor.append(make("option", "", option));
    editor.value = value;
    editor.size = Math.min(8, Math.max(2, options.length));
  } else {
    editor.value = flags.includes("password") ? typed : value + typed;
  }
  const before = options.length ? null : editor.value.slice(0, editor.value.length - typed.length);
  const size = touch.getBoundingClientRect();
  const width = Math.max((right - left) * size.width, 140);
  editor.style.left = Math.max(0, Math.min(left * size.width, size.width - width)) + "px";
  editor.style.top = top * size.height + "px";
  editor.style.width = width + "px";
  if (!options.length) {
    const height = Math.max((bottom - top) * size.height, 32);
    editor.style.height = height + "px";
    editor.style.fontSize = Math.min(24, Math.max(15, height / 2.4)) + "px";
  }
  const done = () => {
    if (editor.value === before) act({ type: "tap", element: index });
    else act({ type: "input_text", element: index, text: editor.value, clear: true });
  };
  editor.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Escape") closeEditor();
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    done();
  });
  if (options.length) editor.addEventListener("click", (event) => { if (event.target.tagName === "OPTION") done(); });
  touch.append(editor);
  editor.focus();
  if (!options.length) editor.setSelectionRange(typed ? editor.value.length : 0, editor.value.length);
}

function closeEditor() {
  const editor = byId("editor");
  if (!editor) return;
  editor.remove();
  touch.focus({ preventScroll: true });
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const elsewhere = event.target !== touch && event.target !== document.body;
  if (elsewhere || !panel()) return;
  if (panel().phase !== "yours") {
    const control = { p: "pause", s: "step" }[event.key];
    if (control) byId(control).click();
    return;
  }
  if (!mine()) return;
  const focused = panel().elements.find((element) => element[4].includes("focused") && isEditable(element));
  if (event.key.length === 1 && focused) {
    event.preventDefault();
    openEditor(focused, event.key);
  } else if (KEYS[event.key]) {
    event.preventDefault();
    act({ type: "press_key", key: KEYS[event.key] });
  }
});

/* ------------------------------------------------------------- buttons */

function button(text, pressed, kind = "") {
  const node = make("button", kind, text);
  node.addEventListener("click", pressed);
  return node;
}

const offers = (name) => live.board.offers.includes(name);
const alwaysMine = () => !offers("take_over") && offers("again");
let shownHands = "";

function showHands(one) {
  touch.classList.toggle("yours", one.phase === "yours");
  if (live.busy) freed();
  const key = [one.phase, one.screen, one.person, live.board.closed, one.error].join();
  if (key === shownHands) return;
  shownHands = key;
  closeEditor();
  const verdict = byId("verdict");
  verdict.className = one.outcome ?? "";
  verdict.textContent = one.phase !== "ended" ? "" : one.outcome === "infra"
    ? `The device failed: ${one.infra}` : one.outcome === "success" ? "Success" : "No success";
  byId("hint").textContent = one.phase === "yours" && !live.board.closed
    ? "click, double-click, hold, drag or scroll on the screen · click a field to type, Enter when done, Esc to leave it" : "";
  byId("buttons").replaceChildren(...(live.board.closed ? [] : handButtons(one)));
  byId("hands").hidden = !live.board.offers.length && one.phase !== "ended";
}

function handButtons(one) {
  const again = button("Try again", () => order("again"));
  if (one.phase === "ended") {
    if (!alwaysMine()) return offers("next") ? [button("Next", () => order("next"))] : [];
    const keep = button("Keep and go on", () => order("keep"), "main");
    const skip = button("Discard and go on", () => order("next"));
    return one.outcome === "infra" ? [again, skip] : [keep, again, skip];
  }
  const buttons = one.phase === "yours" ? actionButtons() : [];
  if (offers("take_over")) {
    if (buttons.length) buttons.push(make("span", "bar"));
    buttons.push(one.person
      ? button("Hand back", () => order("hand_back"), "main")
      : button("Take over", () => order("take_over"), "main"));
  }
  if (offers("again")) buttons.push(button("Start over", () => order("again")));
  if (offers("next")) buttons.push(button("Skip", () => order("next")));
  return buttons;
}

function actionButtons() {
  const words = make("input");
  words.placeholder = can("navigate") ? "answer or address" : "answer";
  words.setAttribute("aria-label", "Answer or address");
  words.addEventListener("keydown", (event) => {
    if (event.key === "Enter") act({ type: "answer", text: words.value });
  });
  const all = [
    ["finish", "Finish", () => act({ type: "finish", success: true })],
    ["finish", "Give up", () => act({ type: "finish", success: false })],
    ["wait", "Wait 1 s", () => act({ type: "wait", seconds: 1 })],
    ["press_key", "Back", () => act({ type: "press_key", key: "back" })],
  ];
  return [
    ...all.filter(([type]) => can(type)).map(([, text, pressed]) => button(text, pressed)),
    make("span", "bar"), words,
    button("Answer", () => act({ type: "answer", text: words.value })),
    ...(can("navigate") ? [button("Go to", () => act({ type: "navigate", url: words.value }))] : []),
    make("span", "bar"),
  ];
}
