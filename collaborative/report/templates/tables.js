"use strict";
// Tables: sorted by a click on a head; the table of runs is filtered and folded.
const SHOWN = 20;  // runs, until all are asked for

function sortKey(cell) {
  const text = cell.textContent.trim().replace(/−/g, "-");
  const number = parseFloat(text.replace(/,/g, ""));
  return Number.isNaN(number) || !/^[-+]?[.\d]/.test(text) ? text : number;
}

function compare(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (typeof a === typeof b) return a.localeCompare(b);
  return typeof a === "number" ? -1 : 1;
}

function sortBy(table, head) {
  const down = head.getAttribute("aria-sort") === "ascending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const body = table.tBodies[0];
  const rows = [...body.rows].map(row => [sortKey(row.cells[head.cellIndex]), row]);
  rows.sort(([a], [b]) => down ? compare(b, a) : compare(a, b));
  body.append(...rows.map(([, row]) => row));
  table.dispatchEvent(new Event("sorted"));
}

for (const table of document.querySelectorAll("table.sorted"))
  for (const head of table.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.type = "button";
    button.title = "sort";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => sortBy(table, head));
  }

const runTable = document.getElementById("run-table");
const runControls = document.getElementById("run-controls");
const runFilters = [...runControls.querySelectorAll("select")];
const runText = document.getElementById("run-text"), runAll = document.getElementById("run-all");
const runCount = document.getElementById("run-count");
let isFolded = true;

function option(select, value) {
  const node = document.createElement("option");
  node.textContent = value;
  select.append(node);
}

function filterRuns() {
  const words = runText.value.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  for (const row of runTable.tBodies[0].rows) {
    const text = row.textContent.toLowerCase();
    const fits = runFilters.every(select => !select.selectedIndex || row.dataset[select.name] === select.value)
      && words.every(word => text.includes(word));
    row.hidden = !fits || (isFolded && found >= SHOWN);
    found += fits;
  }
  const shown = isFolded ? Math.min(found, SHOWN) : found;
  runCount.textContent = `${shown} of ${found} runs`;
  runAll.hidden = found <= SHOWN;
  runAll.textContent = isFolded ? `show all ${found}` : `show ${SHOWN}`;
}

// A link to the runs of a setting shows these and nothing else; one to a run, it.
function showTarget() {
  const row = document.getElementById(decodeURIComponent(location.hash.slice(1)))?.closest("#run-table tr");
  for (const other of runTable.querySelectorAll(".found")) other.classList.remove("found");
  if (!row) return;
  runText.value = "";
  for (const select of runFilters) select.value = row.dataset[select.name];
  isFolded = false;
  filterRuns();
  row.classList.add("found");
  row.scrollIntoView({block: "center"});
}

for (const select of runFilters) {
  const names = new Set([...runTable.tBodies[0].rows].map(row => row.dataset[select.name]));
  for (const name of names) option(select, name);
  select.addEventListener("change", filterRuns);
}
runText.addEventListener("input", filterRuns);
runTable.addEventListener("sorted", filterRuns);
runAll.addEventListener("click", () => { isFolded = !isFolded; filterRuns(); });
runControls.hidden = false;
filterRuns();
addEventListener("hashchange", showTarget);
showTarget();
