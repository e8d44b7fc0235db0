"use strict";

// Tables sort by a click on a heading; "#figure5-MACHINE:4" in the address opens the page with that table sorted by its
// column 4, "-4" downwards, so that a sorted table can be linked to.
const NUMBER = /[-+]?\d+(?:\.\d+)?/;
const FRACTION = /^([-+]?\d+)\/(\d+)/; // 1/16 sorts below 1/8

function keyOf(row, column) {
  const text = row.cells[column].textContent.trim();
  const fraction = text.match(FRACTION);
  if (fraction !== null && Number(fraction[2]) !== 0) return { text, value: Number(fraction[1]) / Number(fraction[2]) };
  const number = text.match(NUMBER);
  const starts = number !== null && /^[-+±(]*\d/.test(text);
  return { text, value: starts ? Number(number[0]) : NaN };
}

function compare(a, b, sign) {
  if (a.text === "" || b.text === "") return (a.text === "") - (b.text === ""); // empty cells stay last
  const numbers = Number(!Number.isNaN(b.value)) - Number(!Number.isNaN(a.value));
  if (numbers !== 0) return numbers;
  return sign * (Number.isNaN(a.value) ? a.text.localeCompare(b.text) : a.value - b.value);
}

function sort(table, column, descending) {
  const headings = table.tHead.rows[0].cells;
  for (const heading of headings) heading.removeAttribute("aria-sort");
  headings[column].setAttribute("aria-sort", descending ? "descending" : "ascending");
  const rows = [...table.tBodies[0].rows].map((row) => ({ row, key: keyOf(row, column) }));
  rows.sort((a, b) => compare(a.key, b.key, descending ? -1 : 1));
  table.tBodies[0].append(...rows.map(({ row }) => row));
}

for (const table of document.querySelectorAll("table.sortable")) {
  [...table.tHead.rows[0].cells].forEach((heading, column) => {
    const cells = [...table.tBodies[0].rows].map((row) => keyOf(row, column)).filter(({ text }) => text !== "");
    if (cells.length > 0 && cells.every(({ value }) => !Number.isNaN(value))) {
      for (const row of [...table.tHead.rows, ...table.tBodies[0].rows]) row.cells[column].classList.add("number");
    }
    heading.querySelector("button").addEventListener("click", () => {
      const descending = heading.getAttribute("aria-sort") === "ascending";
      sort(table, column, descending);
      history.replaceState(null, "", `#${table.id}:${descending ? "-" : ""}${column}`);
    });
  });
}

const asked = decodeURIComponent(location.hash).match(/^#(.+):(-?)(\d+)$/);
const askedTable = asked && document.getElementById(asked[1]);
if (askedTable && Number(asked[3]) < askedTable.tHead.rows[0].cells.length) {
  sort(askedTable, Number(asked[3]), asked[2] === "-");
  askedTable.scrollIntoView();
}

// On paper nothing can be unfolded.
addEventListener("beforeprint", () => {
  for (const folded of document.querySelectorAll("details:not([open])")) {
    folded.open = true;
    folded.dataset.folded = "";
  }
});
addEventListener("afterprint", () => {
  for (const unfolded of document.querySelectorAll("details[data-folded]")) {
    unfolded.open = false;
    delete unfolded.dataset.folded;
  }
});

function storedTheme() {
  try { return localStorage.getItem("theme"); } catch { return null; } // a file opened from disk may have no storage
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  try { localStorage.setItem("theme", theme); } catch { /* it lasts until the page is closed */ }
}

if (storedTheme()) setTheme(storedTheme());
document.getElementById("theme").addEventListener("click", () => {
  const dark = document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  setTheme(dark === "dark" ? "light" : "dark");
});
