"use strict";
// Sorting, filtering, and what the cells of the matrix say. Without this script everything is there, in its first order.
document.documentElement.classList.add("js");

// Sorting, by data-v, or by the number that a cell begins with. What has none (no rank, no speed) stays at the end
// whichever way the column is sorted.
function valueOf(cell) {
  if (cell?.dataset.v !== undefined) return cell.dataset.v;
  const number = parseFloat(cell?.firstChild?.textContent.replace("−", "-"));
  return Number.isNaN(number) ? "" : number;
}
function sortTable(button) {
  const head = button.closest("th"), table = head.closest("table"), body = table.tBodies[0];
  const column = head.cellIndex, words = head.dataset.kind === "text", small = head.dataset.kind === "rank" || words;
  const before = head.getAttribute("aria-sort");
  const upwards = before === "none" ? small : before === "descending";
  const rows = [...body.rows].map((row) => ({ row, value: valueOf(row.cells[column]) }));
  rows.sort((a, b) => {
    if (a.value === "" || b.value === "") return (a.value === "") - (b.value === "");
    const order = words ? a.value.localeCompare(b.value) : a.value - b.value;
    return upwards ? order : -order;
  });
  for (const cell of table.tHead.rows[0].cells) if (cell.hasAttribute("aria-sort")) cell.setAttribute("aria-sort", "none");
  head.setAttribute("aria-sort", upwards ? "ascending" : "descending");
  body.append(...rows.map((entry) => entry.row));
}
for (const button of document.querySelectorAll("th button")) button.addEventListener("click", () => sortTable(button));

// Filtering: a row is shown if its name holds the text, and none of its kinds is switched off.
for (const form of document.querySelectorAll("form.filters")) {
  const rows = [...form.parentElement.querySelector("table").tBodies[0].rows];
  const find = form.querySelector("input[type=search]"), said = form.querySelector("output");
  const boxes = [...form.querySelectorAll("input[data-show]")];
  const apply = () => {
    const text = find.value.trim().toLowerCase();
    const off = new Set(boxes.filter((box) => !box.checked).map((box) => box.dataset.show));
    for (const row of rows) {
      const kinds = row.dataset.kind.split(" ");
      row.hidden = kinds.some((kind) => off.has(kind)) || !row.cells[1].textContent.toLowerCase().includes(text);
    }
    const shown = rows.filter((row) => !row.hidden).length;
    said.textContent = shown === rows.length ? "" : `${shown} of ${rows.length} rows`;
  };
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  apply();
}

for (const choice of document.querySelectorAll("fieldset.switch")) {
  choice.addEventListener("change", (event) => {
    choice.parentElement.querySelector("table.matrix").classList.toggle("wins", event.target.value === "w");
  });
}

// A point of a plot leads to its method; the same links stand in the table, for readers without a mouse.
for (const point of document.querySelectorAll("svg [data-href]")) {
  point.addEventListener("click", () => { location.href = point.dataset.href; });
}
