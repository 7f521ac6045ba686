"use strict";
// One place in the section of each data set, the last for runs in other settings.
const places = document.querySelectorAll(".charts");
const WIDTH = Math.max(300, Math.min(900, places[0].clientWidth)), HEIGHT = Math.max(260, WIDTH * 0.45);
const LEFT = 58, RIGHT = 12, TOP = 12, BOTTOM = 40;

function element(name, attributes, parent, text) {
  const isSvg = ["svg", "path", "line", "text", "rect", "clipPath"].includes(name);
  const node = isSvg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  if (parent) parent.append(node);
  return node;
}

function select(parent, label, names) {
  const box = element("select", {"aria-label": label}, parent);
  for (const name of names) element("option", {}, box, name);
  return box;
}

// Round steps that divide a range into at most `most` parts.
function ticks(low, high, most) {
  const rough = (high - low) / most || 1, power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find(factor => factor * power >= rough);
  const values = [];
  for (let i = Math.ceil(low / step); i * step <= high; i++) values.push(Number((i * step).toPrecision(8)));
  return values;
}

// The last two thirds of the epochs decide the upper end: the first would flatten them.
function range(lines) {
  const late = lines.flatMap(values => values.slice(Math.floor(values.length / 3))).filter(v => v !== null);
  const low = Math.min(...late), high = Math.max(...late);
  return late.length ? [Math.max(0, low - 0.05 * (high - low)), high + 0.05 * (high - low) || 1] : [0, 1];
}

let clips = 0;
function chart(data, parent) {
  const box = element("section", {"class": "chart"}, parent);
  element("h3", {}, box, data.title);
  if (data.note) element("p", {"class": "warning"}, box, "Not the paper's setting: " + data.note);
  const model = select(box, "model", data.models), quantity = select(box, "quantity", data.quantities);
  const svg = element("svg", {viewBox: `0 0 ${WIDTH} ${HEIGHT}`, tabindex: 0, role: "img", "aria-label": data.title + ": curves"}, box);
  const epochLabel = element("p", {"class": "note", "aria-live": "polite"}, box);
  const legend = element("div", {"class": "legend"}, box);
  const values = line => (line.values[model.value] || {})[quantity.value] || [];
  const epochs = Math.max(...data.lines.flatMap(line => Object.values(line.values).map(m => m[data.quantities[0]].length)));
  const x = epoch => LEFT + (epochs > 1 ? (epoch - 1) / (epochs - 1) : 0.5) * (WIDTH - LEFT - RIGHT);
  const entries = data.lines.map(line => {
    const entry = element("label", {}, legend);
    const shown = element("input", {type: "checkbox"}, entry);
    shown.checked = true;
    shown.addEventListener("change", draw);
    const sample = element("svg", {viewBox: "0 0 30 10"}, entry);
    element("line", {x1: 0, x2: 30, y1: 5, y2: 5, stroke: line.color, "stroke-width": 2.5, "stroke-dasharray": line.dashes}, sample);
    element("span", {}, entry, " " + line.name + " ");
    return {line, shown, value: element("span", {"class": "value"}, entry)};
  });
  const clip = `clip-${++clips}`;
  let cursor, current = epochs;

  function draw() {
    svg.replaceChildren();
    // What lies beyond the axis is cut off there, and not drawn on it.
    element("rect", {x: LEFT, y: TOP, width: WIDTH - LEFT - RIGHT, height: HEIGHT - TOP - BOTTOM},
      element("clipPath", {id: clip}, svg));
    const visible = entries.filter(entry => entry.shown.checked).map(entry => entry.line);
    const [low, high] = range(visible.map(values));
    const y = v => TOP + (high - v) / (high - low) * (HEIGHT - TOP - BOTTOM);
    for (const v of ticks(low, high, 6)) {
      element("line", {x1: LEFT, x2: WIDTH - RIGHT, y1: y(v), y2: y(v), stroke: "#ddd"}, svg);
      element("text", {x: LEFT - 6, y: y(v) + 4, "text-anchor": "end", "font-size": 12}, svg, v);
    }
    for (const v of ticks(1, epochs, 8).filter(Number.isInteger))
      element("text", {x: x(v), y: HEIGHT - BOTTOM + 18, "text-anchor": "middle", "font-size": 12}, svg, v);
    element("text", {x: (LEFT + WIDTH - RIGHT) / 2, y: HEIGHT - 6, "text-anchor": "middle", "font-size": 12}, svg, "epoch");
    for (const line of visible) {
      let path = "", pen = "M";
      values(line).forEach((v, index) => {
        if (v === null) { pen = "M"; return; }
        path += `${pen}${x(index + 1).toFixed(1)} ${y(v).toFixed(1)}`;
        pen = "L";
      });
      element("path", {d: path, fill: "none", stroke: line.color, "stroke-width": 2, "stroke-dasharray": line.dashes, "clip-path": `url(#${clip})`}, svg);
    }
    cursor = element("line", {y1: TOP, y2: HEIGHT - BOTTOM, stroke: "#888"}, svg);
    read(current);
  }

  function read(epoch) {
    current = Math.min(epochs, Math.max(1, epoch));
    cursor.setAttribute("x1", x(current));
    cursor.setAttribute("x2", x(current));
    epochLabel.textContent = `epoch ${current}, ${model.value}, ${quantity.value}`;
    for (const {line, value} of entries) {
      const v = values(line)[current - 1];
      value.textContent = v === null || v === undefined ? "-" : v.toPrecision(4);
    }
  }

  svg.addEventListener("pointermove", event => {
    const frame = svg.getBoundingClientRect();
    const at = (event.clientX - frame.left) / frame.width * WIDTH;
    read(Math.round(1 + (at - LEFT) / (WIDTH - LEFT - RIGHT) * (epochs - 1)));
  });
  svg.addEventListener("keydown", event => {
    const step = {ArrowLeft: -1, ArrowRight: 1}[event.key];
    if (step) { read(current + step); event.preventDefault(); }
  });
  for (const box of [model, quantity]) box.addEventListener("change", draw);
  draw();
}

JSON.parse(document.getElementById("chart-data").textContent).forEach(
  (data, index) => chart(data, places[data.note ? places.length - 1 : index]));
addEventListener("beforeprint", () => { for (const node of document.querySelectorAll("details")) node.open = true; });
