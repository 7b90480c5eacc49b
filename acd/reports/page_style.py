"""What a report's page brings along: how it looks, and how its table is sorted."""

STYLE = """
:root { color-scheme: light; --line: #d5dae1; --soft: #f4f6f9; --ink: #1f2933; --dim: #5f6b7a; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1180px; padding: 24px 28px 48px; color: var(--ink);
  background: #fff; font: 14px/1.45 system-ui, -apple-system, "Segoe UI", "Noto Sans CJK SC",
  "Noto Sans SC", "Microsoft YaHei", "PingFang SC", "WenQuanYi Zen Hei", sans-serif; }
h1 { font-size: 22px; margin: 0 0 2px; }
.when { color: var(--dim); margin: 0 0 20px; }
section.charts { display: grid; grid-template-columns: 1fr; gap: 20px; margin: 0 0 24px; }
figure { margin: 0; padding: 12px 14px; border: 1px solid var(--line); border-radius: 6px;
  overflow-x: auto; break-inside: avoid; }
figure svg { width: 100%; max-width: 1040px; height: auto; display: block; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; width: 100%; }
th, td { padding: 5px 9px; border-bottom: 1px solid var(--line); text-align: right;
  white-space: nowrap; }
th { background: var(--soft); position: sticky; top: 0; vertical-align: bottom;
  white-space: normal; word-break: keep-all; font-weight: 600; }
th.text, td.text { text-align: left; }
th button { all: unset; cursor: pointer; }
th button:focus-visible { outline: 2px solid #2b6cb0; }
th[aria-sort="ascending"] button::after { content: " \\2191"; }
th[aria-sort="descending"] button::after { content: " \\2193"; }
tbody tr:hover td { background: var(--soft); }
tfoot td { font-weight: 600; background: var(--soft); border-top: 2px solid var(--line);
  position: sticky; bottom: 0; }
.part { margin: 0 0 10px; }
.remarks { color: var(--dim); margin: 18px 0 0; padding-left: 18px; }
.note { color: var(--dim); }
#tip { position: fixed; pointer-events: none; background: #1f2933; color: #fff; padding: 4px 8px;
  border-radius: 4px; font-size: 12px; max-width: 340px; z-index: 2; }
@media print {
  body { max-width: none; padding: 0; font-size: 11px; }
  figure { border: none; padding: 0; }
  th, tfoot td { position: static; }
  tfoot { display: table-row-group; }
  thead { display: table-header-group; }
  tr { break-inside: avoid; }
  #tip { display: none; }
  @page { size: A4 landscape; margin: 12mm; }
}
"""

SCRIPT = """
"use strict";
for (const head of document.querySelectorAll("thead th")) {
  head.querySelector("button").addEventListener("click", () => {
    const at = head.cellIndex, body = document.querySelector("tbody");
    const down = head.getAttribute("aria-sort") !== "descending" && !head.matches(".text")
      || head.getAttribute("aria-sort") === "ascending";
    for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const value = row => row.cells[at].dataset.v;
    const none = row => value(row) === undefined;
    const compare = (a, b) => head.matches(".text") ? value(a).localeCompare(value(b), undefined,
      {numeric: true}) : Number(value(a)) - Number(value(b));
    // Rows without a value stay at the end, whichever way.
    const rows = [...body.rows].sort((a, b) => none(a) || none(b) ? none(a) - none(b)
      : (down ? -1 : 1) * compare(a, b));
    body.append(...rows);
  });
}
const tip = document.getElementById("tip");
for (const chart of document.querySelectorAll("figure svg")) {
  chart.addEventListener("pointermove", event => {
    const mark = event.target.closest("[aria-label][role='graphics-symbol']");
    tip.hidden = !mark || mark.matches(".mark-group");
    if (tip.hidden) return;
    tip.textContent = mark.getAttribute("aria-label");
    tip.style.left = Math.min(event.clientX + 12, innerWidth - tip.offsetWidth - 8) + "px";
    tip.style.top = event.clientY + 14 + "px";
  });
  chart.addEventListener("pointerleave", () => { tip.hidden = true; });
}
"""
