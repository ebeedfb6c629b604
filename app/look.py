"""The few rules of style that Streamlit has no option for: tighter head of the page, the figures on cards.

Colours are taken from the text around, so light and dark both work. Small print is dimmed to 80 %, not to Streamlit's 60 %,
which falls short of the contrast of 4.5 that WCAG asks for. A screen of 2,560 px gets larger letters and the whole width.

What is out of date while a run goes on is dimmed after half a second, as Streamlit has it, but at once: its fade of a second
is a hundred transitions that keep the browser's main thread at work in every frame, half a second of it for a moved slider,
just when it has the new figures to draw.
"""

STYLE = """<style>
[data-testid="stElementContainer"], [data-testid="stExpander"] details, [data-testid="stExpander"] summary,
[data-testid="stSliderTickBar"], [data-testid="stTabs"] [role="tablist"], [data-testid="stProgress"] * { transition-duration: 0s !important; }
[data-testid="stMainBlockContainer"] { padding: 1.2rem 2rem 3rem; max-width: 1760px; margin: 0 auto; }
[data-testid="stHeader"] { height: 0; min-height: 0; background: transparent; }
[data-testid="stMainBlockContainer"] h1 { font-size: 1.6rem; padding: 0; }
[data-testid="stMainBlockContainer"] h3 { font-size: 1.15rem; padding: 0.4rem 0 0; }
[data-testid="stMainBlockContainer"] h2 { font-size: 1.15rem; padding: 0.4rem 0 0; }
[data-testid="stMainBlockContainer"] h4 { font-size: 1.15rem; padding: 0; }
.st-key-cards h2 { padding: 0; }
[data-testid="stApp"] [data-testid="stCaptionContainer"] { opacity: 0.8; }
[data-testid="stApp"] [data-testid="stPageLink-NavLink"][disabled] * { color: inherit; font-weight: 600; }
[data-testid="stApp"] [data-testid="stPageLink-NavLink"][disabled] { color: inherit; border-bottom: 2px solid; border-radius: 0; }
.st-key-cards [data-testid="stMetricValue"] { font-size: 1.9rem; }
.st-key-cards [data-testid="stMarkdownContainer"] { margin-bottom: 0; }
[data-testid="stElementContainer"]:has(p.unseen) { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
small.note { display: block; font-size: 0.76rem; line-height: 1.35; opacity: 0.8; }
small.note + table.figures { margin-top: 0.5rem; }
table.figures { width: 100%; border-collapse: collapse; font-size: 0.85rem; line-height: 1.3; }
table.figures th { text-align: left; font-weight: 400; padding: 0.16rem 0.5rem 0.16rem 0; vertical-align: top; }
table.figures td { text-align: right; padding: 0.16rem 0 0.16rem 0.4rem; vertical-align: top; white-space: nowrap; }
table.figures small { display: block; font-size: 0.74rem; opacity: 0.75; }
table.figures tr + tr { border-top: 1px solid rgba(128, 128, 128, 0.25); }
table.figures .met, table.figures .missed, table.figures .unsure { font-weight: 600; }
table.figures .missed { text-decoration: underline; text-underline-offset: 2px; }
div.sideways { overflow-x: auto; }
table.phases td { white-space: normal; }
table.phases thead th { text-align: right; font-weight: 600; vertical-align: bottom; }
table.phases thead th:first-child { text-align: left; }
table.phases tbody th { overflow-wrap: anywhere; }
table.figures tr.sum { font-weight: 600; }
.st-key-ways-back button { min-height: 1.7rem; padding: 0.05rem 0.55rem; }
.st-key-ways-back button p { font-size: 0.8rem; }
.st-key-other-unit button { min-height: 1.2rem; padding: 0; }
.st-key-other-unit button p { font-size: 0.78rem; text-decoration: underline; text-underline-offset: 2px; }
[data-testid="stMainBlockContainer"] li { max-width: 130ch; }
@media (min-width: 2200px) {
  html { font-size: 18px; }
  [data-testid="stMainBlockContainer"] { max-width: 2320px; }
}
@media (max-width: 640px) { [data-testid="stMainBlockContainer"] { padding: 1rem 0.8rem 2rem; } }
</style>"""
