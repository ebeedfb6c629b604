"""How a memo looks: on a screen light or dark, on a phone, and on A4 paper. No font, picture or script comes from outside."""

STYLE = """
:root { color-scheme: light; --ground: #f6f7f9; --card: #ffffff; --ink: #1b2330; --soft: #5a6472; --line: #dfe3e9;
  --good: #0b6b4f; --good-ground: #e6f4ee; --bad: #a02c1c; --bad-ground: #fbeae7; --mark: #0060a0; --mark-ground: #e7f0f8; --open: #b7791f; }
@media screen and (prefers-color-scheme: dark) { :root { color-scheme: dark; --ground: #11151b; --card: #1a2029; --ink: #e6eaf0;
  --soft: #a3adba; --line: #2f3844; --good: #6fd3ae; --good-ground: #16302a; --bad: #ff9d8d; --bad-ground: #3a211e;
  --mark: #8ac4f2; --mark-ground: #1a2c3d; --open: #e0b060; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 0.94rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto,
  "Helvetica Neue", Arial, sans-serif; font-variant-numeric: tabular-nums; }
main { max-width: 1140px; margin: 0 auto; padding: 2.2rem 1.6rem 3rem; }
h1 { font-size: 2rem; line-height: 1.15; margin: 0.1rem 0 0.35rem; letter-spacing: -0.015em; }
h2 { font-size: 1.2rem; margin: 2.3rem 0 0.7rem; letter-spacing: -0.005em; }
h3 { font-size: 1.05rem; margin: 0; }
.unseen { position: absolute; width: 1px; height: 1px; margin: 0; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
p { margin: 0 0 0.6rem; }
a { color: var(--mark); }
.eyebrow { text-transform: uppercase; letter-spacing: 0.09em; font-size: 0.72rem; font-weight: 600; color: var(--soft); margin: 0; }
.question { font-size: 1.15rem; color: var(--soft); margin: 0 0 1.2rem; max-width: 60rem; }
.answer { border-left: 5px solid var(--open); background: var(--card); padding: 1rem 1.3rem; border-radius: 0 10px 10px 0;
  font-size: 1.15rem; line-height: 1.45; font-weight: 600; margin: 0 0 0.9rem; box-shadow: 0 1px 2px rgba(0, 0, 0, 0.07); }
.answer.won { border-color: var(--good); }
.small { font-size: 0.83rem; color: var(--soft); }
.meta { display: flex; flex-wrap: wrap; gap: 0.2rem 1.1rem; margin: 0; padding: 0; list-style: none; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(270px, 1fr)); gap: 1rem; margin-top: 1.4rem; }
.card, figure, .sheet { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 1rem 1.15rem; }
.card { border-top: 4px solid var(--line); display: flex; flex-direction: column; }
.card.best { box-shadow: 0 3px 14px rgba(0, 40, 90, 0.13); }
.badges { display: flex; flex-wrap: wrap; gap: 0.35rem; margin: 0.35rem 0 0.7rem; }
.badge { font-size: 0.75rem; font-weight: 600; padding: 0.08rem 0.55rem; border-radius: 99px; border: 1px solid var(--line); color: var(--soft); }
.badge.good { color: var(--good); background: var(--good-ground); border-color: transparent; }
.badge.bad { color: var(--bad); background: var(--bad-ground); border-color: transparent; }
.badge.mark { color: var(--mark); background: var(--mark-ground); border-color: transparent; }
.total { font-size: 1.85rem; font-weight: 650; line-height: 1.15; letter-spacing: -0.02em; }
.label { font-size: 0.8rem; color: var(--soft); }
.misses { margin: 0.7rem 0 0; padding: 0.5rem 0.7rem; font-size: 0.85rem; border-radius: 8px; color: var(--bad); background: var(--bad-ground); }
.misses ul { margin: 0; padding-left: 1.1rem; }
.met { color: var(--good); font-weight: 600; white-space: nowrap; }
.missed { color: var(--bad); font-weight: 600; text-decoration: underline; text-underline-offset: 2px; white-space: nowrap; }
table { width: 100%; border-collapse: collapse; font-size: 0.88rem; line-height: 1.35; }
caption { text-align: left; font-size: 0.83rem; color: var(--soft); padding: 0 0 0.4rem; }
th, td { text-align: left; vertical-align: top; padding: 0.34rem 0.7rem 0.34rem 0; border-top: 1px solid var(--line); font-weight: 400; }
thead th { border-top: 0; font-weight: 600; color: var(--soft); font-size: 0.8rem; }
td.number, th.number { text-align: right; white-space: nowrap; padding-right: 0; padding-left: 0.7rem; }
td small, th small { display: block; font-size: 0.78rem; color: var(--soft); white-space: nowrap; }
tr.sum > * { font-weight: 650; border-top: 2px solid var(--soft); }
.figures { margin-top: 0.8rem; }
.figures th { padding-right: 0.4rem; }
.sideways { overflow-x: auto; }
.charts { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 1rem; }
figure { margin: 0; min-width: 0; }
figcaption { font-weight: 600; margin-bottom: 0.6rem; }
svg { display: block; max-width: 100%; height: auto; margin: 0 auto; overflow: visible; }
.cards + p, .sheet + p { margin-top: 0.6rem; }
figcaption + p { margin-top: -0.5rem; }
svg text { font-family: Helvetica, Arial, "Liberation Sans", sans-serif; }
.narrow { display: none; }
ul.told { margin: 0; padding-left: 1.15rem; }
ul.told li { margin-bottom: 0.35rem; }
table.rests { font-size: 0.8rem; }
table.rests td, table.rests th { overflow-wrap: anywhere; }
table.rests th { min-width: 9rem; }
table.rests td.value { min-width: 6rem; }
pre { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 0.9rem 1.1rem; overflow-x: auto; margin: 0 0 0.8rem;
  font: 0.8rem/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; tab-size: 2; }
code { font: 0.86em ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; overflow-wrap: anywhere; }
pre code { font: inherit; overflow-wrap: normal; }
pre:focus-visible, .sideways:focus-visible { outline: 2px solid var(--mark); outline-offset: 2px; }
footer { margin-top: 2.4rem; border-top: 1px solid var(--line); padding-top: 0.9rem; }
@media screen and (max-width: 940px) { .charts { grid-template-columns: 1fr; } }
@media screen and (max-width: 600px) {
  main { padding: 1.2rem 0.9rem 2rem; }
  h1 { font-size: 1.55rem; }
  .question, .answer { font-size: 1.02rem; }
  .answer { padding: 0.8rem 1rem; }
  .card, figure, .sheet { padding: 0.85rem 0.8rem; }
  .wide { display: none; }
  .narrow { display: block; }
  table.numbers { font-size: 0.74rem; }
  table.numbers td.number, table.numbers th.number { padding-left: 0.35rem; }
  table.rests thead { position: absolute; clip-path: inset(50%); height: 1px; overflow: hidden; }
  table.rests tr { display: block; border-top: 1px solid var(--line); padding: 0.35rem 0; }
  table.rests th, table.rests td { display: block; border: 0; padding: 0; }
  table.rests th { font-weight: 600; }
  table.rests td.none { display: none; }
  table.rests td[data-label]::before { content: attr(data-label); color: var(--soft); }
}
@page { size: A4; margin: 14mm 13mm 15mm; }
@media print {
  :root { --ground: #ffffff; }
  html { font-size: 11.2px; }
  body { line-height: 1.4; -webkit-print-color-adjust: exact; print-color-adjust: exact; }
  main { max-width: none; padding: 0; }
  h2 { margin: 1.5rem 0 0.5rem; break-after: avoid; }
  .answer { box-shadow: none; border-right: 1px solid var(--line); border-top: 1px solid var(--line); border-bottom: 1px solid var(--line); }
  .cards { grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 0.6rem; margin-top: 0.8rem; }
  .card, figure, .sheet { padding: 0.6rem 0.7rem; border-radius: 6px; box-shadow: none; }
  .card { break-inside: avoid; }
  .figures td small { white-space: normal; }
  .charts { gap: 0.6rem; }
  figure, .misses, tr { break-inside: avoid; }
  .wide { display: none; }
  .narrow { display: block; }
  .appendix { break-before: page; }
  pre { white-space: pre-wrap; overflow-wrap: anywhere; overflow: visible; }
  .sideways { overflow: visible; }
}
"""

__all__ = ["STYLE"]
