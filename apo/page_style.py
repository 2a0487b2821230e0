"""The style of the page, as one sheet that is written into it: nothing is loaded from elsewhere.

Pictures bring their own (`PICTURE_CSS` in `apo.svg`) and take their colours from the variables here.
"""

from __future__ import annotations

CSS = """
:root {
  color-scheme: light dark;
  --ground: #fbfaf8; --card: #ffffff; --ink: #1c2321; --soft: #66706c; --line: #e3e2dd;
  --accent: #0f766e; --tint: #e3f1ee; --bad: #b3412e; --bad-tint: #faeae6; --low: #dfe6e3;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #131716; --card: #1a1f1e; --ink: #e6eae8; --soft: #98a39f; --line: #2d3432;
    --accent: #4fc3b5; --tint: #17302c; --bad: #ee8b78; --bad-tint: #38211d; --low: #2f3836;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--ground); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
  font-variant-numeric: tabular-nums; overflow-wrap: anywhere;
}
main { max-width: 860px; margin: 0 auto; padding: 48px 24px 96px; }
h1 { margin: 4px 0 12px; font-size: 44px; line-height: 1.1; letter-spacing: -0.02em; font-weight: 650; }
h2 { margin: 0 0 16px; font-size: 22px; letter-spacing: -0.01em; font-weight: 620; }
h3 { margin: 28px 0 6px; font-size: 14px; font-weight: 600; color: var(--soft); }
p { margin: 0 0 12px; max-width: 66ch; }
code { font: 0.86em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
section { margin-top: 64px; }
.muted { color: var(--soft); font-size: 14px; } .note { display: block; }
.eyebrow { color: var(--soft); font-size: 14px; margin: 0; } .lead { font-size: 18px; }
.verdict { background: var(--card); border: 1px solid var(--line); border-radius: 14px; padding: 32px; }
.verdict .mark { margin-right: 0.35em; } .verdict svg { margin: 16px 0; } .verdict > :last-child { margin-bottom: 0; }
.yes { border-top: 6px solid var(--accent); } .yes h1 { color: var(--accent); }
.no { border-top: 6px solid var(--bad); } .no h1 { color: var(--bad); }
.open { border-top: 6px solid var(--soft); }
.warning { max-width: none; margin: 16px 0; padding: 12px 16px; border-radius: 8px; font-weight: 600;
  color: var(--bad); background: var(--bad-tint); border-left: 4px solid var(--bad); }
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 20px 24px;
  margin: 0 0 28px; }
.facts dt { color: var(--soft); font-size: 13px; line-height: 1.35; }
.facts dd { margin: 0; font-size: 20px; font-weight: 600; }
.facts div { display: flex; flex-direction: column-reverse; justify-content: flex-end; }

table { border-collapse: collapse; width: 100%; font-size: 15px; }
th { text-align: left; font-weight: 500; font-size: 13px; color: var(--soft); overflow-wrap: normal; }
th, td { padding: 7px 20px 7px 0; border-bottom: 1px solid var(--line); } :is(th, td):last-child { padding-right: 0; }
.plot td { white-space: nowrap; }
.plot td:first-child { white-space: normal; overflow-wrap: normal; }
.plot td:nth-child(2) { width: 50%; min-width: 90px; }
.plot th:nth-child(n+3), .plot td:nth-child(n+3) { text-align: right; }
table + p { margin-top: 12px; }
.scroll { overflow-x: auto; }
.candidates { min-width: 640px; font-size: 14px; }
.candidates td { vertical-align: top; white-space: nowrap; } .candidates td:last-child { white-space: normal; }
summary { cursor: pointer; margin: 28px 0 8px; font-size: 14px; font-weight: 600; color: var(--soft); }

.diff { list-style: none; margin: 0; padding: 0; }
.diff li { display: flex; gap: 12px; padding: 8px 12px; margin: 4px 0; border-radius: 6px; background: var(--card); }
.diff code { color: var(--soft); margin-right: 10px; }
.diff .rule { white-space: pre-wrap; }
.sign { flex: none; width: 1ch; font-weight: 700; }
li.add { background: var(--tint); } li.add .sign { color: var(--accent); }
li.cut { background: var(--bad-tint); } li.cut .sign { color: var(--bad); }
li.edit { border: 1px solid var(--line); } li.edit .sign { color: var(--soft); }
details .rule { font-size: 14px; }

.flips td { vertical-align: top; } .flips .text { width: 46%; }
.chip { display: inline-block; margin: 0 6px 4px 0; padding: 1px 8px; border-radius: 6px; font-size: 14px;
  border: 1px solid var(--line); background: var(--card); }
.fixed td:last-child .chip { border-color: var(--accent); color: var(--accent); }
.broken td:last-child .chip { border-color: var(--bad); color: var(--bad); }

@media (max-width: 620px) {
  main { padding: 16px 16px 64px; }
  h1 { font-size: 34px; }
  section { margin-top: 48px; }
  .verdict { padding: 20px; }
  th, td { padding-right: 12px; }
  .scores :is(th, td):nth-child(4) { display: none; }
  .patterns :is(th, td):is(:nth-child(3), :nth-child(4)) { display: none; }
  .flips, .flips tr, .flips td { display: block; width: auto; }
  .flips tr:first-child { display: none; }
  .flips tr { padding: 10px 0; border-bottom: 1px solid var(--line); }
  .flips td { padding: 2px 0; border: 0; } .flips .text { width: auto; margin-bottom: 4px; }
  .flips td[data-label]::before { content: attr(data-label); display: inline-block; width: 5.5em; color: var(--soft);
    font-size: 13px; }
}
"""
"""One accent colour, system fonts, tabular numbers; dark when the reader's system is."""
