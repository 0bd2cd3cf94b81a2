// Shows what the server tells: one device with all its details, or many as cards.
const live = { board: null, panels: new Map(), chosen: null, busy: false };
const panel = () => live.panels.get(live.chosen);
const screenUrl = (one) => `screen/${one.id}/${one.screen}`;

const events = new EventSource("events");
events.onmessage = (event) => {
  const message = JSON.parse(event.data);
  live.board = message.board;
  for (const one of message.panels) live.panels.set(one.id, one);
  if (live.panels.size === 1) live.chosen = [...live.panels.keys()][0];
  document.body.classList.remove("lost");
  document.body.classList.toggle("paused", live.board.paused);
  document.body.classList.toggle("closed", live.board.closed);
  if (live.board.closed) events.close();
  showBoard();
  for (const one of message.panels) {
    if (one.id !== live.chosen) showCard(one);
    else showPanel(one);
  }
};
events.onerror = () => document.body.classList.add("lost");

async function order(name, fields = {}) {
  try {
    const answer = await fetch("order", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ order: name, panel: live.chosen ?? 0, ...fields }),
    });
    if (!answer.ok) throw new Error((await answer.json()).error);
    return true;
  } catch (error) {
    toast(error.message);
    return false;
  }
}

let toastTimer = 0;
function toast(text) {
  byId("toast").textContent = text;
  byId("toast").hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { byId("toast").hidden = true; }, 4000);
}

/* --------------------------------------------------------------- board */

function showBoard() {
  const { title, note, paused, seconds, closed } = live.board;
  document.title = title;
  byId("note").textContent = closed ? `${note ? note + " · " : ""}the session has ended` : note;
  byId("pause").textContent = paused ? "Go on" : "Pause";
  byId("pause").setAttribute("aria-pressed", String(paused));
  byId("grid").hidden = live.panels.size < 2 || live.chosen === null;
  const speed = byId("speed");
  if (![...speed.options].some((option) => Number(option.value) === seconds)) {
    const option = make("option", "", `${number(seconds)} s`);
    option.value = seconds;
    speed.append(option);
  }
  speed.value = [...speed.options].find((option) => Number(option.value) === seconds).value;
  document.querySelector("main").classList.toggle("grid", live.chosen === null);
  for (const id of ["pause", "step", "speed"]) byId(id).disabled = closed;
  byId("pace").hidden = alwaysMine(); // there is no policy whose pace could be set
}

function choose(id) {
  live.chosen = id;
  showBoard();
  if (id === null) for (const one of live.panels.values()) showCard(one);
  else showPanel(panel());
}

function badge(one) {
  const words = {
    starting: "starting", thinking: "deciding", acting: "acting", yours: "your turn",
    ended: one.outcome === "infra" ? "infrastructure" : one.outcome,
  }[one.phase];
  return make("span", `badge ${one.phase === "ended" ? one.outcome : ""}`, words);
}

function showCard(one) {
  const cards = byId("cards");
  let card = cards.querySelector(`[data-panel="${one.id}"]`);
  if (!card) {
    card = make("button", "card");
    card.dataset.panel = one.id;
    card.addEventListener("click", () => choose(one.id));
    const after = [...cards.children].find((other) => Number(other.dataset.panel) > one.id);
    cards.insertBefore(card, after ?? null);
  }
  const image = make("img");
  const overlay = draw("svg", {});
  const fit = make("div", "fit", undefined, image, overlay);
  image.alt = "";
  image.onload = () => {
    overlay.replaceChildren();
    const { width, height } = image.getBoundingClientRect();
    overlay.setAttribute("viewBox", `0 0 ${width} ${height}`);
    if (one.mark && width) drawMark(one.mark, width, height, overlay);
  };
  if (one.screen) image.src = screenUrl(one);
  card.title = one.goal ?? "";
  card.replaceChildren(
    make("span", "top", undefined, make("span", "task", one.task ?? `device ${one.id}`), badge(one)),
    make("span", "frame", undefined, ...(one.screen ? [fit] : [])),
    make("span", "line", one.words || one.goal || ""));
}

/* --------------------------------------------------------------- panel */

function showPanel(one) {
  byId("goal").textContent = one.goal ?? "Starting the device …";
  showScreen(screenUrl(one), one.screen ? one : null);
  showDetails(one);
  showHands(one);
}

function showDetails(one) {
  const details = byId("details");
  const scrolled = details.scrollTop;
  details.replaceChildren();
  const steps = one.step === undefined ? "" : `step ${one.step} of at most ${one.limit}`;
  details.append(make("div", "small muted", steps), make("div", "words", one.words || ""));
  const badges = make("div", "badges", undefined, badge(one));
  if (one.phase === "ended") badges.append(make("span", "badge", `reward ${number(one.reward)}`));
  if (one.raw !== null && one.raw !== undefined) {
    badges.append(make("span", "badge", `raw ${number(one.raw)}`));
  }
  details.append(badges);
  if (one.error) section("Error", make("pre", "error", one.error));
  if (one.infra) section("Infrastructure", make("pre", "error", one.infra));
  if (one.text) section("Output", make("pre", "", one.text));
  if (one.log?.length) section("Steps", logList(one.log));
  if (one.task) {
    const lines = [`${one.task} · ${one.instance}`, one.policy].filter(Boolean);
    section("Episode", make("div", "small", undefined, ...lines.map((line) => make("div", "", line))));
  }
  if (one.location) section("Location", make("div", "small", one.location));
  if (one.elements) section(`Elements (${one.elements.length})`, elementTable(one));
  details.scrollTop = scrolled;
}

function logList(log) {
  return make("ol", "log", undefined, ...log.map((entry) => {
    const item = make("li", entry.refused ? "refused" : "", entry.words);
    if (entry.person) item.append(" ", make("span", "badge", "you"));
    if (entry.error) item.title = entry.error;
    return item;
  }));
}

/* ------------------------------------------------------------ controls */

byId("pause").addEventListener("click", () => order(live.board.paused ? "resume" : "pause"));
byId("step").addEventListener("click", () => order("step"));
byId("speed").addEventListener("change", (event) =>
  order("speed", { seconds: Number(event.target.value) }));
byId("grid").addEventListener("click", () => choose(null));
byId("boxes").addEventListener("click", () => toggle("boxes", "overlay", "all"));
byId("theme").addEventListener("click", () =>
  setTheme(document.documentElement.dataset.theme !== "dark"));
new ResizeObserver(layOut).observe(byId("viewport"));
setTheme(matchMedia("(prefers-color-scheme: dark)").matches);
