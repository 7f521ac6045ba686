"use strict";
// The curves, drawn by uPlot: one chart in the section of each data set, and one for
// all other runs, which are chosen by name.
const allCharts = JSON.parse(document.getElementById("chart-data").textContent);
const isDark = matchMedia("(prefers-color-scheme: dark)");
const inks = () => getComputedStyle(document.documentElement);
const ink = name => inks().getPropertyValue(name).trim();

function labelled(parent, text, node) {
  const label = document.createElement("label");
  label.append(text + " ", node);
  parent.append(label);
  return node;
}

function selectOf(parent, text, names) {
  const select = labelled(parent, text, document.createElement("select"));
  select.setAttribute("aria-label", text);
  fill(select, names);
  return select;
}

function fill(select, names) {
  const old = select.value;
  select.replaceChildren(...names.map(name => new Option(name, name)));
  if (names.includes(old)) select.value = old;
}

function checkbox(parent, text, checked) {
  const box = labelled(parent, text, document.createElement("input"));
  box.type = "checkbox";
  box.checked = checked;
  return box;
}

// Clipped, the last two thirds of the epochs decide the upper end of the axis.
function range(plot, view) {
  let low = Infinity, high = -Infinity;
  const [first, last] = plot.series[0].idxs ?? [0, plot.data[0].length - 1];
  const isWhole = first === 0 && last === plot.data[0].length - 1;
  const from = view.clip.checked && isWhole ? Math.floor(plot.data[0].length / 3) : first;
  plot.series.forEach((series, place) => {
    if (!place || !series.show) return;
    for (const value of plot.data[place].slice(from, last + 1))
      if (value !== null && (value > 0 || !view.log.checked)) [low, high] = [Math.min(low, value), Math.max(high, value)];
  });
  if (low > high) return view.log.checked ? [0.1, 1] : [0, 1];
  if (view.log.checked) return [low / 1.1, high * 1.1];
  const margin = 0.05 * (high - low) || 0.5;
  return [Math.max(0, low - margin), high + margin];
}

function curve(line) {
  const stroke = () => line.name === "Single" ? ink("--ink") : line.color;
  return {label: line.name, stroke, width: 2, dash: line.dashes ? line.dashes.split(" ").map(Number) : undefined,
    points: {show: line.name === "Single" ? undefined : (plot, place) => plot.data[place].filter(v => v !== null).length < 2}, value: (_, v) => v === null || v === undefined ? "–" : v.toPrecision(4)};
}

function edge(line) {
  return {label: line.name + " ±", stroke: line.color, width: 0.5, points: {show: false}, value: () => "", class: "edge"};
}

function dataOf(chart, view) {
  const values = (line, kind) => line[kind]?.[view.model.value]?.[view.quantity.value] ?? [];
  const epochs = Math.max(1, ...chart.lines.map(line => values(line, "values").length));
  const padded = list => Array.from({length: epochs}, (_, place) => {
    const value = list[place] ?? null;
    return view.log.checked && value !== null && value <= 0 ? null : value;
  });
  const data = [Array.from({length: epochs}, (_, place) => place + 1), ...chart.lines.map(line => padded(values(line, "values")))];
  const banded = chart.lines.find(line => line.name === view.band.value);
  if (banded) {
    const [means, widths] = [values(banded, "values"), values(banded, "widths")];
    for (const sign of [1, -1]) data.push(padded(means.map((mean, place) =>
      mean === null || (widths[place] ?? null) === null ? null : mean + sign * widths[place])));
  }
  return [data, banded];
}

function only(plot, place) {
  const isOnly = plot.series.every((series, other) => !other || series.show === (other === place));
  plot.batch(() => plot.series.forEach((_, other) => { if (other) plot.setSeries(other, {show: isOnly || other === place}); }));
}

// A legend that answers to keys, and to a double click with one curve alone.
function readyLegend(plot, side) {
  side.querySelectorAll(".u-series").forEach((row, place) => {
    const head = row.querySelector("th");
    if (!place) return;
    head.tabIndex = 0;
    head.setAttribute("role", "button");
    head.title = "click: hide or show; double click: only this one";
    head.addEventListener("dblclick", () => only(plot, place));
    head.addEventListener("keydown", event => {
      if (event.key === "Enter" || event.key === " ") plot.setSeries(place, {show: !plot.series[place].show});
      else if (event.key === "o") only(plot, place);
      else return;
      event.preventDefault();
    });
    const {dash, stroke} = plot.series[place];
    const color = typeof stroke === "function" ? stroke(plot, place) : stroke;
    row.querySelector(".u-marker").innerHTML = `<svg width="32" height="4" aria-hidden="true"><line x2="32" y1="2" y2="2" stroke="${color}" ` +
      `stroke-width="3" stroke-dasharray="${dash ? dash.join(" ") : "none"}"/></svg>`;
  });
}

function options(chart, banded, view, side) {
  const axis = {stroke: () => ink("--ink"), grid: {stroke: () => ink("--line"), width: 1}, ticks: {stroke: () => ink("--line")}};
  const series = [{label: "epoch", value: (_, v) => v === null ? "–" : String(v)}, ...chart.lines.map(curve)];
  const first = series.length;
  if (banded) series.push(edge(banded), edge(banded));
  return {
    width: Math.max(250, view.area.clientWidth), height: Math.max(260, Math.min(440, view.area.clientWidth * 0.6)),
    scales: {x: {time: false, range: (_, low, high) => low < high ? [low, high] : [low - 0.5, high + 0.5]}, y: {distr: view.log.checked ? 3 : 1, range: plot => range(plot, view)}},
    axes: [{...axis, label: "epoch", incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500]}, {...axis, label: view.quantity.value, size: 60,
      values: (_, ticks) => ticks.map(v => v === null ? "" : String(Number(v.toPrecision(6))))}],
    series, bands: banded ? [{series: [first, first + 1], fill: banded.color + "44"}] : [],
    cursor: {drag: {x: true, y: false}}, legend: {mount: (_, legend) => side.replaceChildren(legend)},
    hooks: {ready: [plot => readyLegend(plot, side)]},
  };
}

// Epochs are read off with the arrow keys too.
function keys(view) {
  view.area.tabIndex = 0;
  view.area.setAttribute("role", "img");
  view.area.addEventListener("keydown", event => {
    const step = {ArrowLeft: -1, ArrowRight: 1}[event.key];
    if (!step) return;
    const last = view.plot.data[0].length - 1;
    const place = Math.min(last, Math.max(0, (view.plot.cursor.idx ?? (step > 0 ? -1 : last + 1)) + step));
    view.plot.setCursor({left: view.plot.valToPos(place + 1, "x"), top: 10});
    event.preventDefault();
  });
}

function controls(box, charts) {
  const bar = document.createElement("div");
  bar.className = "controls";
  box.append(bar);
  const names = charts.map(chart => chart.title + (chart.note ? ": " + chart.note : ""));
  const view = {runs: charts.length > 1 ? selectOf(bar, "runs", names) : null};
  Object.assign(view, {model: selectOf(bar, "model", []), quantity: selectOf(bar, "quantity", []), band: selectOf(bar, "band", []),
    log: checkbox(bar, "logarithmic", false), clip: checkbox(bar, "cut the first epochs", true)});
  return view;
}

function draw(view, charts, side) {
  const chart = charts[view.runs ? view.runs.selectedIndex : 0];
  fill(view.model, chart.models);
  fill(view.quantity, chart.quantities);
  fill(view.band, ["none", ...chart.lines.filter(line => line.widths).map(line => line.name)]);
  const shown = view.chart === chart ? view.plot.series.map(series => series.show) : [];
  view.plot?.destroy();
  view.chart = chart;
  const [data, banded] = dataOf(chart, view);
  view.plot = new uPlot(options(chart, banded, view, side), data, view.area);
  shown.slice(0, chart.lines.length + 1).forEach((show, place) => { if (place && !show) view.plot.setSeries(place, {show}); });
  view.area.setAttribute("aria-label", `${chart.title}, ${view.model.value}: ${view.quantity.value} by epoch, ${chart.lines.length} curves`);
}

for (const box of document.querySelectorAll(".charts")) {
  const charts = allCharts.filter(chart => chart.section === box.dataset.chart);
  if (!charts.length) continue;
  box.classList.add("chart");
  const view = controls(box, charts);
  const frame = document.createElement("div"), side = document.createElement("div");
  frame.className = "plot";
  view.area = document.createElement("div");
  frame.append(view.area, side);
  box.append(frame);
  box.curves = view;
  keys(view);
  const again = () => draw(view, charts, side);
  for (const control of [view.runs, view.model, view.quantity, view.band, view.log, view.clip]) control?.addEventListener("change", again);
  isDark.addEventListener("change", again);
  new ResizeObserver(() => {
    if (view.plot && view.area.clientWidth !== view.width) view.plot.setSize({width: view.area.clientWidth, height: view.plot.height});
    view.width = view.area.clientWidth;
  }).observe(view.area);
  again();
}
