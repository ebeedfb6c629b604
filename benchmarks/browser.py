"""Rows of the bench that are seen in a browser: how soon a moved slider is redrawn, and what a rerun sends.

The app as it is served, in Chromium. Moments are taken by the page itself, not by looking at it again and again: of the
key, of the script's rest and of the last stroke on a chart.
"""

import math
import re
import time
from collections.abc import Iterator
from urllib.parse import urlencode, urlsplit

from playwright.sync_api import Locator, Page, WebSocket

from scripts import screenshots

#: Brings the default scenario to about a million simulated requests over its three strategies after each of the moves:
#: the first of growth leads from 4.5 % a month to 4 %, where they are 1.05 million, the last to 3 %, with 0.97.
A_MILLION = {
    "v": "1", "scenario": "support-chatbot", "traffic.requests_per_month": "10000000", "traffic.growth_per_month": "0.045",
}  # fmt: skip
OMNI, GROWTH, OUTAGE = (
    re.compile(name, re.IGNORECASE) for name in ("sent to omni", "growth", "outage")
)  # the sliders of the page
_ALL = ((GROWTH, "ArrowLeft"), (OMNI, "ArrowRight"), (OUTAGE, "ArrowRight"))
#: Growth and outages simulate every strategy again, the share sent to omni the hybrid one.
MOVES = (*_ALL * 3, *_ALL[1:] * 5, _ALL[2])
QUIET_MS = 700  # with no stroke and no run for so long, a page has its last state
PATIENCE_S = 60.0

# Written to window.seen: when a key was last pressed, the script last came to rest, a chart was last drawn on.
_WATCH = """
window.seen = {pressed: 0, rested: 0, drawn: 0};
addEventListener('keydown', () => { window.seen.pressed = performance.now(); }, true);
for (const name of ['clearRect', 'fill', 'stroke', 'fillText']) {
  const drawn = CanvasRenderingContext2D.prototype[name];
  CanvasRenderingContext2D.prototype[name] = function (...given) {
    window.seen.drawn = performance.now();
    return drawn.apply(this, given);
  };
}
new MutationObserver(changes => {
  for (const change of changes) {
    const of = change.target.nodeType === 1 ? change.target : change.target.parentElement;
    if (of && of.closest('[data-testid=stVegaLiteChart]')) window.seen.drawn = performance.now();
    if (change.attributeName === 'data-test-script-state') window.seen.rested = performance.now();
  }
}).observe(document, {subtree: true, childList: true, characterData: true, attributes: true});
"""
_IS_QUIET = """([pressed, quiet]) => {
  const app = document.querySelector('[data-testid=stApp]');
  const last = Math.max(window.seen.rested, window.seen.drawn);
  return app && app.dataset.testScriptState === 'notRunning' && window.seen.rested > pressed
    && performance.now() - last > quiet;
}"""
_FIGURES = "() => [...document.querySelectorAll('[data-testid=stMetricValue], table.figures')].map(one => one.innerText).join()"


class Watched:
    """A page that tells when it was drawn and how much it was sent."""

    def __init__(self, page: Page) -> None:
        self.page, self.received = page, 0
        page.add_init_script(_WATCH)
        page.on("websocket", self._listen)

    def _listen(self, socket: WebSocket) -> None:
        socket.on("framereceived", lambda frame: self._count(frame))

    def _count(self, frame: str | bytes) -> None:
        self.received += len(frame)

    def open(self, address: str) -> float:
        """Seconds from the address to a page with figures and charts."""
        self.page.goto(address)
        screenshots.wait_for_result(self.page, PATIENCE_S)
        self.page.wait_for_selector("[data-testid=stVegaLiteChart]", timeout=1000 * PATIENCE_S)
        return self._last(0.0)

    def move(self, slider: Locator, key: str) -> tuple[float, int]:
        """One step by a key: seconds from the key to the last stroke on a chart, and bytes received for it."""
        before, address, sent = self.figures(), self.page.url, self.received
        slider.focus()
        slider.press(key)
        pressed = float(self.page.evaluate("window.seen.pressed"))
        until_s = time.monotonic() + PATIENCE_S
        while True:
            took_s = self._last(pressed)
            if self.figures() != before:
                break
            assert time.monotonic() < until_s, "the figures did not change"
        assert self.page.url != address, "the address does not tell of the move"
        return took_s, self.received - sent

    def figures(self) -> str:
        return str(self.page.evaluate(_FIGURES))

    def slider(self, name: re.Pattern[str]) -> Locator:
        return self.page.get_by_role("slider", name=name).first

    def _last(self, pressed: float) -> float:
        """Seconds from a moment of the page to its last state."""
        self.page.wait_for_function(
            _IS_QUIET, arg=[pressed, QUIET_MS], timeout=1000 * PATIENCE_S, polling=100
        )
        last = float(self.page.evaluate("Math.max(window.seen.rested, window.seen.drawn)"))
        return (last - pressed) / 1000


def p95(values: list[float]) -> float:
    """The value that 95 % do not exceed, by nearest rank."""
    return sorted(values)[math.ceil(0.95 * len(values)) - 1]


def measured() -> Iterator[tuple[str, float, float, str, str]]:
    """(what, measured, most that is wanted, unit, more) of every row."""
    with screenshots.serving() as address, screenshots.browser() as chrome:
        page = Watched(chrome.new_page(viewport=screenshots.SIZE))
        first_s = page.open(address)
        yield "first page after a cold start of the server, engine warm", first_s, 4.0, " s", ""
        page.open(f"{address}/?{urlencode(A_MILLION)}")
        assert urlsplit(page.page.url).query, "the address says what is shown"
        moves = [page.move(page.slider(name), key) for name, key in MOVES]
    for which, _ in _ALL:
        times = [took_s for (took_s, _), (name, _) in zip(moves, MOVES, strict=True) if name is which]
        print(f"{which.pattern}: {', '.join(f'{one:.2f}' for one in times)} s")
    times = [took_s for took_s, _ in moves]
    spread = f" p95 of {len(MOVES)} moves ({min(times):.2f} to {max(times):.2f})"
    yield "what-if at a million simulated requests: slider to redrawn charts", p95(times), 1.0, " s", spread
    most_kb = max(n for _, n in moves) / 1000
    yield "what one rerun sends to the browser, at most", most_kb, 200.0, " kB", ""


__all__ = ["A_MILLION", "Watched", "measured", "p95"]
