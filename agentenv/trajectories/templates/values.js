// What a critic and two policies say of the steps (agentenv/trajectories/values.py).
// A page without a critic has none of it: frames then carry no `values`.
const only = { differing: false };

const signed = (value, digits = 2) =>
  (value < 0 ? "−" : "+") + Math.abs(value).toFixed(digits);
const decimal = (value, digits = 2) =>
  value === null ? "–" : value.toFixed(digits).replace("-", "−");
const differs = (frame) =>
  Boolean(frame.values) && frame.values.after !== null && frame.values.after !== frame.values.before;

/* --------------------------------------------- where the policies differ */

function stepsShown(episode) {
  const steps = [...episode.frames.keys()];
  return only.differing ? steps.filter((step) => differs(episode.frames[step])) : steps;
}

const episodeShown = (episode) => !only.differing || stepsShown(episode).length > 0;

function countDifferences(episodes) {
  byId("differences").hidden = !data.values;
  if (!data.values) return;
  const { critic, before, after } = data.values;
  byId("critic").textContent = `critic: ${critic}`;
  byId("differ").hidden = !after;
  const states = episodes.flatMap((episode) => episode.frames)
    .filter((frame) => frame.values?.actions.length);
  const changed = states.filter(differs);
  const better = changed.filter(({ values }) => gain(values) > 0);
  byId("differ-summary").textContent = !after ? `${states.length} states` :
    `${after} and ${before} differ in ${changed.length} of ${states.length} states; ` +
    `in ${better.length} of these the critic prefers ${after}’s choice`;
}

// How much more the critic thinks of the favourite after training than of that before.
const gain = ({ actions, before, after }) => actions[after].q[0] - actions[before].q[0];

function toggleDiffering() {
  if (!data.values?.after) return;
  only.differing = !only.differing;
  byId("differ").setAttribute("aria-pressed", String(only.differing));
  filterList();
  if (state.visible.includes(state.episode)) show(state.episode, state.frame);
}

/* ------------------------------------------------------- candidates by Q */

function describeValues(values) {
  const details = byId("details");
  const [value, low, high] = values.v;
  const heading = make("h2", "", "Value of the state");
  const v = make("div", "state-value", undefined, make("b", "", `V ${decimal(value)}`),
    make("span", "muted", ` (heads ${decimal(low)} to ${decimal(high)})`));
  if (values.followed !== null) {
    v.append(make("span", "muted", " · return that followed "), make("b", "", decimal(values.followed)));
  }
  details.append(heading, v);
  if (!values.actions.length) return;
  if (differs({ values })) details.append(differenceNote(values));
  const list = make("div", "candidates");
  const scale = scaleOf(values);
  list.append(candidateHead(scale, value));
  values.actions.forEach((judged, position) =>
    list.append(candidateRow(values, judged, position, scale)));
  section(`Candidates by Q (${values.actions.length} different)`, list);
  const imitates = values.actions.some((judged) => judged.imitated);
  const rule = make("div", "muted note", (imitates ? "★ is what Best-of-N imitates: "
    : "Best-of-N imitates nothing here. It imitates ") + data.values.rule);
  details.append(rule);
}

function differenceNote({ actions, before, after }) {
  const change = gain({ actions, before, after });
  return make("div", "difference-note", undefined,
    make("b", "differs", "≠ "), make("span", "muted", `${data.values.before}: `), actions[before].words,
    make("span", "muted", ` · ${data.values.after}: `), actions[after].words,
    make("span", "muted", " · Q "), make("b", change > 0 ? "gain" : "loss", signed(change)));
}

// The values that the bars span: at least 0.2, so that noise does not look like a difference.
function scaleOf({ v, actions }) {
  const all = [v, ...actions.map((judged) => judged.q).filter(Boolean)];
  const low = Math.min(...all.map((estimate) => estimate[1]));
  const high = Math.max(...all.map((estimate) => estimate[2]));
  const margin = Math.max(0, 0.2 - (high - low)) / 2;
  return { low: low - margin, high: high + margin };
}

function candidateHead(scale, value) {
  const place = (value - scale.low) / (scale.high - scale.low);
  const axis = make("span", "axis", undefined, // V's label must not lie on another
    make("span", "", place < 0.3 ? "" : decimal(scale.low)),
    make("span", "", place > 0.7 ? "" : decimal(scale.high)));
  const middle = make("span", "at-v", "V");
  middle.style.left = 100 * place + "%";
  axis.append(middle);
  const change = data.values.after ? `log p ${data.values.before} → ${data.values.after}` : "log p";
  return make("div", "figures head", undefined, axis, make("span", "", "Q"),
    make("span", "", "Q − V"), make("span", "", change));
}

function candidateRow(values, judged, position, scale) {
  const tags = make("span", "tags");
  const tag = (text, className, title) => {
    const node = make("span", "tag " + className, text);
    node.title = title;
    tags.append(node);
  };
  if (judged.count > 1) tag(`×${judged.count}`, "", `${judged.count} of the candidates are this action`);
  if (judged.logged) tag("logged", "logged", "the action that was taken");
  if (judged.imitated) tag("★", "imitated", "Best-of-N imitates this action");
  if (position === values.before) tag(data.values.before, "", "the most probable candidate before training");
  if (position === values.after) tag(data.values.after, "after", "the most probable candidate after training");
  const rank = make("span", "rank", judged.q ? position + 1 : "–");
  rank.style.background = judged.colour;
  const name = make("span", "name", judged.q ? judged.words : judged.text);
  name.title = judged.q ? judged.text : judged.words;
  const row = make("div", "candidate", undefined, make("div", "line", undefined, rank, name, tags));
  if (judged.q) {
    row.append(figuresOf(values, judged, scale));
  } else {
    row.classList.add("invalid");
    row.firstChild.append(chanceOf(judged));
  }
  row.tabIndex = 0;
  row.dataset.candidate = position;
  for (const [event, on] of [["mouseenter", true], ["focus", true], ["mouseleave", false], ["blur", false]]) {
    row.addEventListener(event, () => lightCandidate(position, on));
  }
  return row;
}

function figuresOf(values, judged, scale) {
  return make("div", "figures", undefined, barOf(judged.q, values.v[0], scale),
    make("b", "", decimal(judged.q[0])), make("span", "", signed(judged.q[0] - values.v[0])),
    chanceOf(judged));
}

function chanceOf({ logProb, logProbAfter }) {
  const chance = make("span", "chance", decimal(logProb, 1));
  if (logProbAfter === null) return chance;
  const change = logProbAfter - logProb;
  const visible = Math.abs(change) >= 0.05;
  chance.append(` → ${decimal(logProbAfter, 1)} `, visible
    ? make("b", change > 0 ? "gain" : "loss", signed(change, 1)) : make("span", "muted", "±0.0"));
  return chance;
}

// From V to Q, with a whisker from the lowest head to the highest.
function barOf([value, low, high], v, scale) {
  const at = (x) => 100 * (x - scale.low) / (scale.high - scale.low);
  const bar = draw("svg", { class: "bar", viewBox: "0 0 100 14", preserveAspectRatio: "none" });
  draw("title", {}, bar).textContent = `Q ${decimal(value)}, heads ${decimal(low)} to ${decimal(high)}`;
  draw("rect", { class: "track", x: 0, y: 6, width: 100, height: 2 }, bar);
  draw("rect", {
    class: value < v ? "worse" : "better", x: Math.min(at(value), at(v)), y: 3,
    width: Math.abs(at(value) - at(v)), height: 8,
  }, bar);
  const line = (x1, y1, x2, y2, name) => draw("line", { class: name, x1, y1, x2, y2 }, bar);
  line(at(v), 0, at(v), 14, "at-v");
  line(at(low), 7, at(high), 7, "whisker");
  for (const end of [low, high]) line(at(end), 4, at(end), 10, "whisker");
  return bar;
}

/* ------------------------------------------------ markers on the picture */

layers.push((frame, width, height, overlay) => {
  if (!frame.values) return;
  const places = new Map();
  frame.values.actions.forEach(({ mark, q }, position) => {
    const place = q && markerPlace(mark);
    if (!place) return;
    const key = place.map((part) => part.toFixed(2)).join();
    if (!places.has(key)) places.set(key, { place, members: [] });
    places.get(key).members.push(position);
  });
  // The worst first, so that the best lie on top; the best of a place gives it its colour.
  for (const { place, members } of [...places.values()].reverse()) {
    drawMarker(frame.values.actions, place, members, width, height, overlay);
  }
  draw("g", { id: "ghost", class: "mark" }, overlay);
});

// At an element's right edge, to leave its text legible.
function markerPlace({ kind, start, bounds }) {
  if (!start || !bounds || kind === "arrow") return start;
  return [bounds[2], (bounds[1] + bounds[3]) / 2];
}

function drawMarker(actions, place, members, width, height, overlay) {
  const label = members.slice(0, 3).map((member) => member + 1).join(" ") + (members.length > 3 ? " …" : "");
  const half = Math.max(11, 4 * label.length + 5);
  const x = Math.max(half + 2, Math.min(place[0] * width, width - half - 2));
  const y = Math.max(13, Math.min(place[1] * height, height - 13));
  const marker = draw("g", { class: "candidate-marker", "data-members": members.join(" ") }, overlay);
  draw("rect", {
    x: x - half, y: y - 11, width: 2 * half, height: 22, rx: 11, fill: actions[members[0]].colour,
  }, marker);
  draw("text", { x, y: y + 4.5, "text-anchor": "middle" }, marker).textContent = label;
  for (const [event, on] of [["mouseenter", true], ["mouseleave", false]]) {
    marker.addEventListener(event, () => members.forEach((member) => lightCandidate(member, on)));
  }
}

function lightCandidate(position, on) {
  const row = document.querySelector(`[data-candidate="${position}"]`);
  row?.classList.toggle("lit", on);
  for (const marker of document.querySelectorAll(".candidate-marker")) {
    const member = marker.dataset.members.split(" ").includes(String(position));
    if (member) marker.classList.toggle("lit", on);
  }
  byId("overlay").classList.toggle("pointing", on);
  const ghost = byId("ghost");
  const judged = shown?.frame.values?.actions[position];
  ghost?.replaceChildren();
  if (!on || !ghost || !judged?.q) return;
  const [, , width, height] = byId("overlay").getAttribute("viewBox").split(" ").map(Number);
  drawMark(judged.mark, width, height, ghost, judged.colour);
}

/* -------------------------------------------------- V along the episode */

const CHART = { height: 116, left: 40, right: 22, top: 10, bottom: 22 };
const LEGEND = [
  ["v", "V and its heads"], ["q", "Q of the logged action"],
  ["followed", "return that followed"], ["reward", "reward"],
];

function drawChart(episode, current, jump) {
  const box = byId("chart");
  const points = episode.frames.map((frame, step) => ({ step, values: frame.values }))
    .filter((point) => point.values);
  box.hidden = !points.length;
  box.replaceChildren();
  if (!points.length) return;
  box.append(make("div", "legend", undefined,
    ...LEGEND.map(([name, text]) => make("span", "", undefined, make("i", name), text))));
  const width = box.clientWidth;
  const svg = draw("svg", {
    viewBox: `0 0 ${width} ${CHART.height}`, width, height: CHART.height, role: "img",
    "aria-label": "V along the episode",
  }, box);
  const all = points.flatMap(({ values }) =>
    [...values.v, ...(loggedQ(values) ?? []), values.followed ?? 0]);
  const low = Math.min(0, ...all);
  const high = Math.max(1, episode.reward, ...all);
  const last = Math.max(episode.frames.length - 1, episode.steps);
  const x = (step) => CHART.left + step / last * (width - CHART.left - CHART.right);
  const y = (value) => CHART.top + (high - value) / (high - low) * (CHART.height - CHART.top - CHART.bottom);
  drawChartFrame(svg, episode, { x, y, width, current, last });
  const followed = points.filter(({ values }) => values.followed !== null)
    .map(({ step, values }) => ({ step, value: values.followed }));
  const path = (estimates) => estimates.map(({ step, value }) => `${x(step)},${y(value)}`).join(" ");
  const side = (part) => points.map(({ step, values }) => ({ step, value: values.v[part] }));
  draw("polygon", { class: "band", points: path([...side(2), ...side(1).reverse()]) }, svg);
  draw("polyline", { class: "followed", points: path(followed) }, svg);
  draw("polyline", { class: "v", points: path(side(0)) }, svg);
  const shownSteps = stepsShown(episode);
  for (const { step, values } of points) {
    drawChartPoint(svg, { step, values, x, y, current, jump: shownSteps.includes(step) ? jump : null });
  }
}

const loggedQ = (values) => values.actions.find((judged) => judged.logged)?.q ?? null;

function drawChartFrame(svg, episode, { x, y, width, current, last }) {
  for (const value of [0, 0.5, 1]) {
    draw("line", { class: "grid", x1: CHART.left, x2: width - CHART.right, y1: y(value), y2: y(value) }, svg);
    draw("text", { x: CHART.left - 7, y: y(value) + 4, "text-anchor": "end" }, svg).textContent = value;
  }
  draw("line", { class: "now", x1: x(current), x2: x(current), y1: CHART.top - 4, y2: CHART.height - CHART.bottom }, svg);
  const every = Math.ceil((last + 1) / 16);
  for (let step = 0; step < episode.steps; step += every) {
    draw("text", { x: x(step), y: CHART.height - 6, "text-anchor": "middle" }, svg).textContent = step + 1;
  }
  if (episode.outcome === "infra" || !Number.isFinite(episode.reward)) return;
  const end = draw("g", { class: "outcome " + episode.outcome }, svg);
  const [left, top] = [x(last), y(episode.reward)];
  draw("path", { d: `M${left} ${top - 7}l7 7l-7 7l-7-7z` }, end);
  draw("title", {}, end).textContent = `${episode.outcome}: reward ${number(episode.reward)}`;
  draw("text", { x: left, y: CHART.height - 6, "text-anchor": "middle" }, svg).textContent = "end";
}

function drawChartPoint(svg, { step, values, x, y, current, jump }) {
  const point = draw("g", { class: "point" + (step === current ? " now" : "") + (jump ? " can" : "") }, svg);
  const q = loggedQ(values);
  const lines = [`step ${step + 1}`, `V ${decimal(values.v[0])}`];
  if (q) {
    lines.push(`Q of the logged action ${decimal(q[0])}`);
    draw("line", { class: "rise", x1: x(step), x2: x(step), y1: y(values.v[0]), y2: y(q[0]) }, point);
    draw("circle", { class: "q", cx: x(step), cy: y(q[0]), r: 4 }, point);
  }
  draw("circle", { class: "v", cx: x(step), cy: y(values.v[0]), r: step === current ? 5.5 : 4 }, point);
  draw("rect", { class: "catch", x: x(step) - 12, y: 0, width: 24, height: CHART.height }, point);
  draw("title", {}, point).textContent = lines.join("\n");
  if (jump) point.addEventListener("click", () => jump(step));
}
