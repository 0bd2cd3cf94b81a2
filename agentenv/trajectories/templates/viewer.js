"use strict";
// Everything shown is set as text or attributes: the data is untrusted, so no innerHTML.
const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const state = { episode: 0, frame: 0, visible: [] };

function make(tag, className, text, ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined && text !== null) node.textContent = text;
  node.append(...children);
  return node;
}

function draw(tag, attributes, parent) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (parent) parent.append(node);
  return node;
}

const number = (value) =>
  value === null ? "?" : Number.isInteger(value) ? String(value) : value.toFixed(2);
const shorten = (text, length) => (text.length > length ? text.slice(0, length - 1) + "…" : text);

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
  state.visible = [];
  data.episodes.forEach((episode, position) => {
    const text = `${episode.task} ${episode.instance} ${episode.goal}`.toLowerCase();
    const keep = text.includes(words) && (!task || episode.task === task) &&
      (!outcome || episode.outcome === outcome);
    items[position].hidden = !keep;
    items[position].style.display = keep ? "" : "none";
    if (keep) state.visible.push(position);
  });
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
  state.frame = Math.max(0, Math.min(frame, current.frames.length - 1));
  const items = byId("list").children;
  byId("list").querySelector("[aria-current]")?.removeAttribute("aria-current");
  items[episode].setAttribute("aria-current", "true");
  items[episode].scrollIntoView({ block: "nearest" });
  byId("goal").textContent = current.goal;
  buildStrip(current);
  buildDetails(current, current.frames[state.frame]);
  layOut();
  history.replaceState(null, "", `#${episode}.${state.frame}`);
}

function buildStrip(episode) {
  const strip = byId("strip");
  strip.replaceChildren();
  episode.frames.forEach((frame, position) => {
    const image = make("img");
    image.src = data.images[frame.image];
    image.alt = "";
    const label = make("span", "", frame.words === undefined ? "end" : String(position + 1));
    if (frame.reward > 0) label.append(" ", make("b", "gain", "+" + number(frame.reward)));
    if (frame.words !== undefined && frame.sent === null) label.append(" ", make("b", "refused", "✕"));
    const button = make("button", "", undefined, image, label);
    button.title = frame.words ?? "after the last action";
    if (position === state.frame) button.setAttribute("aria-current", "true");
    button.addEventListener("click", () => show(state.episode, position));
    strip.append(button);
  });
  strip.children[state.frame]?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

function layOut() {
  const frame = data.episodes[state.episode]?.frames[state.frame];
  const screen = byId("screen");
  screen.hidden = !frame;
  if (!frame) return;
  const shot = byId("shot");
  const fit = () => {
    const area = byId("viewport").getBoundingClientRect();
    const scale = Math.min(
      (area.width - 28) / shot.naturalWidth, (area.height - 28) / shot.naturalHeight, 6);
    const width = Math.max(1, shot.naturalWidth * scale);
    const height = Math.max(1, shot.naturalHeight * scale);
    screen.style.width = width + "px";
    screen.style.height = height + "px";
    drawOverlay(frame, width, height);
  };
  shot.onload = fit;
  shot.src = data.images[frame.image];
  if (shot.complete && shot.naturalWidth) fit();
}

function drawOverlay(frame, width, height) {
  const overlay = byId("overlay");
  overlay.replaceChildren();
  overlay.setAttribute("viewBox", `0 0 ${width} ${height}`);
  for (const [index, role, name, , , bounds] of frame.elements) {
    const [left, top, right, bottom] = bounds;
    const box = draw("rect", {
      class: "box", x: left * width, y: top * height, rx: 3, "data-index": index,
      width: Math.max(0, (right - left) * width), height: Math.max(0, (bottom - top) * height),
    }, overlay);
    draw("title", {}, box).textContent = `[${index}] ${role} ${name}`;
    box.addEventListener("mouseenter", () => light(index, true));
    box.addEventListener("mouseleave", () => light(index, false));
    const tag = draw("g", { class: "tag" }, overlay);
    draw("rect", {
      x: left * width, y: top * height, width: 6 + 6.5 * String(index).length, height: 13, rx: 3,
    }, tag);
    draw("text", { x: left * width + 3, y: top * height + 10 }, tag).textContent = index;
  }
  if (frame.mark) drawMark(frame.mark, width, height, draw("g", { class: "mark" }, overlay));
}

function drawMark(mark, width, height, group) {
  const accent = "#e61e5a";
  const at = (point) => [point[0] * width, point[1] * height];
  if (mark.bounds) {
    const [left, top, right, bottom] = mark.bounds;
    draw("rect", {
      x: left * width, y: top * height, rx: 4, fill: "none", stroke: accent, "stroke-width": 2,
      width: Math.max(0, (right - left) * width), height: Math.max(0, (bottom - top) * height),
    }, group);
  }
  if (mark.kind === "arrow") {
    drawArrow(at(mark.start), at(mark.end), accent, group);
  } else if (mark.start) {
    const [x, y] = at(mark.start);
    draw("circle", { cx: x, cy: y, r: 15, fill: "none", stroke: "#fff", "stroke-width": 7 }, group);
    draw("circle", { cx: x, cy: y, r: 15, fill: "none", stroke: accent, "stroke-width": 4 }, group);
    draw("circle", { cx: x, cy: y, r: 4, fill: accent, stroke: "#fff", "stroke-width": 1 }, group);
  }
  if (mark.text) drawBubble(mark, width, height, accent, group);
}

function drawArrow(start, end, accent, group) {
  const angle = Math.atan2(end[1] - start[1], end[0] - start[0]);
  const head = 17;
  const neck = [end[0] - head * Math.cos(angle), end[1] - head * Math.sin(angle)];
  const side = (sign) => [
    neck[0] + sign * head * 0.6 * Math.sin(angle), neck[1] - sign * head * 0.6 * Math.cos(angle)];
  const tip = [end, side(1), side(-1)].map((point) => point.join(",")).join(" ");
  for (const [colour, extra] of [["#fff", 4], [accent, 0]]) {
    draw("line", {
      x1: start[0], y1: start[1], x2: neck[0], y2: neck[1], stroke: colour, "stroke-width": 6 + extra,
    }, group);
    draw("circle", { cx: start[0], cy: start[1], r: 7 + extra / 2, fill: colour }, group);
    draw("polygon", { points: tip, fill: colour, stroke: colour, "stroke-width": extra }, group);
  }
}

function drawBubble(mark, width, height, accent, group) {
  const text = draw("text", { "text-anchor": "middle" }, group);
  text.textContent = shorten(mark.text.replace(/\s+/g, " "), 46);
  const half = text.getComputedTextLength() / 2 + 10;
  let x = width / 2;
  let y = height - 22;
  if (mark.start) {
    x = mark.start[0] * width;
    y = mark.start[1] * height - 36;
    if (y < 16) y += 72;
  }
  x = Math.max(half + 3, Math.min(x, width - half - 3));
  const bubble = draw("rect", {
    x: x - half, y: y - 14, width: 2 * half, height: 28, rx: 8, fill: accent, stroke: "#fff",
    "stroke-width": 2,
  });
  group.insertBefore(bubble, text);
  text.setAttribute("x", x);
  text.setAttribute("y", y + 5);
}

function light(index, on) {
  for (const node of document.querySelectorAll(`[data-index="${index}"]`)) {
    node.classList.toggle("lit", on);
  }
}

/* ------------------------------------------------------------- details */

function section(title, content) {
  byId("details").append(make("h2", "", title), content);
}

function buildDetails(episode, frame) {
  const details = byId("details");
  details.replaceChildren();
  details.scrollTop = 0;
  const decided = frame && frame.words !== undefined;
  const position = decided ? `step ${state.frame + 1} of ${episode.steps}` : "after the last action";
  details.append(make("div", "small muted", frame ? position : "no step was taken"));
  if (decided) describeDecision(frame);
  else details.append(make("div", "words", episode.infra ? `infrastructure failed: ${episode.infra}` : episode.ended));
  describeEpisode(episode);
  if (frame) {
    section("Location", make("div", "small", frame.location));
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
  // The error belongs to this action, though the agent reads it one observation later.
  if (frame.error) section("Error", make("pre", "error", frame.error));
  section("Output", make("pre", "", frame.text));
  section("Action", make("pre", "", frame.action));
  if (frame.sent !== null) section("Sent to the device", make("pre", "", frame.sent));
}

function describeEpisode(episode) {
  const text = [
    `${episode.task} · ${episode.instance} · attempt ${episode.attempt}`, episode.policy,
    [episode.ended, `reward ${number(episode.reward)}`,
      episode.raw === null ? "" : `raw ${number(episode.raw)}`,
      episode.infra ? `infrastructure: ${episode.infra}` : ""].filter(Boolean).join(" · "),
  ];
  section("Episode", make("div", "small", undefined, ...text.map((line) => make("div", "", line))));
}

function elementTable(frame) {
  const body = make("tbody");
  for (const [index, role, name, value, flags] of frame.elements) {
    const row = make("tr", index === frame.target ? "target" : "", undefined,
      make("td", "", index), make("td", "", role),
      make("td", "", name + (value ? ` = “${value}”` : "")),
      make("td", "muted", flags.join(" ")));
    row.dataset.index = index;
    row.addEventListener("mouseenter", () => light(index, true));
    row.addEventListener("mouseleave", () => light(index, false));
    body.append(row);
  }
  return make("table", "", undefined, body);
}

/* ------------------------------------------------------------ controls */

function moveEpisode(by) {
  const here = state.visible.indexOf(state.episode);
  const next = state.visible[Math.max(0, Math.min(here + by, state.visible.length - 1))];
  if (next !== undefined && next !== state.episode) show(next, 0);
}

function toggle(id, node, className) {
  const on = byId(id).getAttribute("aria-pressed") !== "true";
  byId(id).setAttribute("aria-pressed", String(on));
  byId(node).classList.toggle(className, on);
}

function setTheme(dark) {
  document.documentElement.dataset.theme = dark ? "dark" : "light";
}

const actions = {
  ArrowUp: () => moveEpisode(-1),
  ArrowDown: () => moveEpisode(1),
  ArrowLeft: () => show(state.episode, state.frame - 1),
  ArrowRight: () => show(state.episode, state.frame + 1),
  b: () => toggle("boxes", "overlay", "all"),
  p: () => toggle("pixels", "screen", "pixels"),
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
byId("theme").addEventListener("click", actions.t);
for (const id of ["search", "task", "outcome"]) byId(id).addEventListener("input", filterList);
new ResizeObserver(layOut).observe(byId("viewport"));

setTheme(matchMedia("(prefers-color-scheme: dark)").matches);
buildList();
const [episode, frame] = location.hash.slice(1).split(".").map(Number);
show(episode || 0, frame || 0);
filterList();
