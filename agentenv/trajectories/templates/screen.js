"use strict";
// A screenshot with its elements and an action drawn on it: what every page shares.
// Everything shown is set as text or attributes: the data is untrusted, so no innerHTML.
const byId = (id) => document.getElementById(id);

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

// What the stage shows: a screenshot's URL, and with it the elements and the action.
let shown = null;
// What a page draws besides: functions of (frame, width, height, overlay).
const layers = [];
const ACCENT = "#e61e5a";

function showScreen(url, frame) {
  shown = frame ? { url, frame } : null;
  layOut();
}

function layOut() {
  const screen = byId("screen");
  screen.hidden = !shown;
  if (!shown) return;
  const shot = byId("shot");
  const fit = () => {
    const area = byId("viewport").getBoundingClientRect();
    const scale = Math.min(
      (area.width - 28) / shot.naturalWidth, (area.height - 28) / shot.naturalHeight, 6);
    const width = Math.max(1, shot.naturalWidth * scale);
    const height = Math.max(1, shot.naturalHeight * scale);
    screen.style.width = width + "px";
    screen.style.height = height + "px";
    drawOverlay(shown.frame, width, height);
  };
  shot.onload = fit;
  if (shot.getAttribute("src") !== shown.url) shot.src = shown.url;
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
  for (const layer of layers) layer(frame, width, height, overlay);
}

function drawMark(mark, width, height, group, accent = ACCENT) {
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

function section(title, content) {
  byId("details").append(make("h2", "", title), content);
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

function toggle(id, node, className) {
  const on = byId(id).getAttribute("aria-pressed") !== "true";
  byId(id).setAttribute("aria-pressed", String(on));
  byId(node).classList.toggle(className, on);
}

function setTheme(dark) {
  document.documentElement.dataset.theme = dark ? "dark" : "light";
}
