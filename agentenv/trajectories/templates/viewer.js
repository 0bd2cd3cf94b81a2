const data = JSON.parse(document.getElementById("data").textContent);
const state = { episode: 0, frame: 0, visible: [] };

/* ---------------------------------------------------------------- list */

function badgeOf(episode) {
  const text = episode.outcome === "infra" ? "infra" : number(episode.reward);
  return make("span", "badge " + episode.outcome, text);
}

function buildList() {
  const list = byId("list");
  data.episodes.forEach((episode, position) => {
    const again = episode.attempt ? ` · attempt ${episode.attempt}` : "";
    const item = make("li", "", undefined,
      make("span", "task", episode.task), badgeOf(episode),
      make("span", "line", episode.goal || "(no goal)"),
      make("span", "steps", `${episode.steps} step${episode.steps === 1 ? "" : "s"}`));
    item.title = `${episode.task} ${episode.instance}${again}\n${episode.goal}`;
    item.addEventListener("click", () => show(position, 0));
    list.append(item);
  });
  const tasks = [...new Set(data.episodes.map((episode) => episode.task))].sort();
  for (const task of tasks) {
    const option = make("option", "", task);
    option.value = task;
    byId("task").append(option);
  }
}

function filterList() {
  const words = byId("search").value.toLowerCase();
  const task = byId("task").value;
  const outcome = byId("outcome").value;
  const items = byId("list").querySelectorAll("li");
  const matches = (episode) =>
    `${episode.task} ${episode.instance} ${episode.goal}`.toLowerCase().includes(words) &&
    (!task || episode.task === task) && (!outcome || episode.outcome === outcome);
  state.visible = [];
  data.episodes.forEach((episode, position) => {
    const keep = matches(episode) && episodeShown(episode);
    items[position].hidden = !keep;
    items[position].style.display = keep ? "" : "none";
    if (keep) state.visible.push(position);
  });
  countDifferences(data.episodes.filter(matches));
  const chosen = state.visible.map((position) => data.episodes[position]);
  const scored = chosen.filter((episode) => episode.outcome !== "infra");
  const successes = scored.filter((episode) => episode.outcome === "success").length;
  const infra = chosen.length - scored.length;
  byId("count").textContent = `${chosen.length} of ${data.episodes.length} episodes` +
    `${data.more ? " (the store holds more)" : ""} · ${successes}/${scored.length} successful` +
    (infra ? ` · ${infra} infrastructure` : "");
  if (state.visible.length && !state.visible.includes(state.episode)) show(state.visible[0], 0);
}

/* --------------------------------------------------------------- stage */

function show(episode, frame) {
  const current = data.episodes[episode];
  if (!current) return;
  state.episode = episode;
  const steps = stepsShown(current);
  state.frame = steps.findLast((step) => step <= frame) ?? steps[0] ?? 0;
  const items = byId("list").children;
  byId("list").querySelector("[aria-current]")?.removeAttribute("aria-current");
  items[episode].setAttribute("aria-current", "true");
  items[episode].scrollIntoView({ block: "nearest" });
  byId("goal").textContent = current.goal;
  buildStrip(current);
  drawEpisodeChart();
  const now = current.frames[state.frame];
  buildDetails(current, now);
  showScreen(now && data.images[now.image], now);
  history.replaceState(null, "", `#${episode}.${state.frame}`);
}

function drawEpisodeChart() {
  const episode = data.episodes[state.episode];
  if (episode) drawChart(episode, state.frame, (position) => show(state.episode, position));
}

function buildStrip(episode) {
  const strip = byId("strip");
  strip.replaceChildren();
  for (const position of stepsShown(episode)) {
    const frame = episode.frames[position];
    const image = make("img");
    image.src = data.images[frame.image];
    image.alt = "";
    const label = make("span", "", frame.words === undefined ? "end" : String(position + 1));
    if (frame.reward > 0) label.append(" ", make("b", "gain", "+" + number(frame.reward)));
    if (frame.words !== undefined && frame.sent === null) label.append(" ", make("b", "refused", "✕"));
    if (differs(frame)) label.append(" ", make("b", "differs", "≠"));
    const button = make("button", "", undefined, image, label);
    button.title = frame.words ?? "after the last action";
    if (position === state.frame) button.setAttribute("aria-current", "true");
    button.addEventListener("click", () => show(state.episode, position));
    strip.append(button);
  }
  strip.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

/* ------------------------------------------------------------- details */

function buildDetails(episode, frame) {
  const details = byId("details");
  details.replaceChildren();
  details.scrollTop = 0;
  const decided = frame && frame.words !== undefined;
  const position = decided ? `step ${state.frame + 1} of ${episode.steps}` : "after the last action";
  details.append(make("div", "small muted", frame ? position : "no step was taken"));
  if (decided) describeDecision(frame);
  else details.append(make("div", "words", episode.infra ? `infrastructure failed: ${episode.infra}` : episode.ended));
  if (frame?.values) describeValues(frame.values);
  if (decided) describeOutput(frame);
  describeEpisode(episode);
  if (frame) {
    section("Location", make("div", "small", frame.location));
    if (frame.messages.length) section("Messages", make("pre", "", frame.messages.join("\n")));
    section(`Elements (${frame.elements.length})`, elementTable(frame));
  }
}

function describeDecision(frame) {
  byId("details").append(make("div", "words", frame.words));
  const badges = make("div", "badges");
  badges.append(make("span", "badge " + (frame.reward > 0 ? "success" : ""), `reward ${number(frame.reward)}`));
  if (frame.sent === null) badges.append(make("span", "badge failure", "refused"));
  if (frame.logProb !== null) {
    badges.append(make("span", "badge", `log-prob ${frame.logProb.toFixed(2)} · ${frame.tokens} tokens`));
  }
  byId("details").append(badges);
}

function describeOutput(frame) {
  // The error belongs to this action, though the agent reads it one observation later.
  if (frame.error) section("Error", make("pre", "error", frame.error));
  section("Output", make("pre", "", frame.text));
  section("Action", make("pre", "", frame.action));
  if (frame.sent !== null) section("Sent to the device", make("pre", "", frame.sent));
}

function describeEpisode(episode) {
  const text = [
    `${episode.task} · ${episode.instance} · attempt ${episode.attempt}`,
    episode.after && `begun where ${episode.after} ended`, episode.policy,
    [episode.ended, `reward ${number(episode.reward)}`,
      episode.raw === null ? "" : `raw ${number(episode.raw)}`,
      episode.infra ? `infrastructure: ${episode.infra}` : ""].filter(Boolean).join(" · "),
  ];
  section("Episode", make("div", "small", undefined, ...text.filter(Boolean).map((line) => make("div", "", line))));
}

/* ------------------------------------------------------------ controls */

function moveEpisode(by) {
  const here = state.visible.indexOf(state.episode);
  const next = state.visible[Math.max(0, Math.min(here + by, state.visible.length - 1))];
  if (next !== undefined && next !== state.episode) show(next, 0);
}

function moveStep(by) {
  const steps = stepsShown(data.episodes[state.episode] ?? { frames: [] });
  const next = by > 0 ? steps.find((step) => step > state.frame)
    : steps.findLast((step) => step < state.frame);
  if (next !== undefined) show(state.episode, next);
}

const actions = {
  ArrowUp: () => moveEpisode(-1),
  ArrowDown: () => moveEpisode(1),
  ArrowLeft: () => moveStep(-1),
  ArrowRight: () => moveStep(1),
  b: () => toggle("boxes", "overlay", "all"),
  p: () => toggle("pixels", "screen", "pixels"),
  d: toggleDiffering,
  t: () => setTheme(document.documentElement.dataset.theme !== "dark"),
};

document.addEventListener("keydown", (event) => {
  const typing = ["INPUT", "SELECT"].includes(event.target.tagName);
  if (typing || event.ctrlKey || event.metaKey || event.altKey || !actions[event.key]) return;
  event.preventDefault();
  actions[event.key]();
});
byId("boxes").addEventListener("click", actions.b);
byId("pixels").addEventListener("click", actions.p);
byId("differ").addEventListener("click", actions.d);
byId("theme").addEventListener("click", actions.t);
for (const id of ["search", "task", "outcome"]) byId(id).addEventListener("input", filterList);
new ResizeObserver(layOut).observe(byId("viewport"));
new ResizeObserver(drawEpisodeChart).observe(byId("stage"));

setTheme(matchMedia("(prefers-color-scheme: dark)").matches);
buildList();
const [episode, frame] = location.hash.slice(1).split(".").map(Number);
show(episode || 0, frame || 0);
filterList();
