"""Long work in a real Chromium: time left, cancel within a second, one run for two pages, and a way to run it again."""

import time
from collections.abc import Iterator

import pytest

from app import state
from tests.app.library import write_library

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
from scripts import screenshots  # noqa: E402  # needs playwright
from tests.app.test_browser import PATIENCE_MS, Opened, chrome  # noqa: E402, F401

pytestmark = pytest.mark.browser
# About 160 million requests: minutes on two cores, so that it is surely under way when it is cancelled.
LONG = (
    "?v=1&scenario=support-chatbot&traffic.requests_per_month=50000000&run.replications=800&run.window_s=3600"
)


@pytest.fixture
def small_app(tmp_path_factory: pytest.TempPathFactory, chrome: "playwright.Browser") -> Iterator[str]:  # noqa: F811
    """Address of the app on the library of small scenarios, a server of its own: what it was told to stop is gone."""
    folder = write_library(tmp_path_factory.mktemp("library"))
    with screenshots.serving({state.LIBRARY_VARIABLE: str(folder)}) as address:
        yield address


def test_a_long_run_shows_the_time_left_survives_another_page_and_is_cancelled_within_a_second(
    small_app: str,
    chrome: "playwright.Browser",  # noqa: F811
) -> None:
    context = chrome.new_context(viewport={"width": 1440, "height": 900})
    one = Opened(context)
    page = one.page
    page.goto(f"{small_app}/{LONG}")
    bar = page.get_by_text("Simulating every strategy on the same traffic")
    playwright.expect(bar.first).to_contain_text("left", timeout=PATIENCE_MS)
    before = share(bar.first.inner_text())
    page.get_by_role("link", name="TCO").first.click()
    page.wait_for_selector("h1:has-text('TCO')", timeout=PATIENCE_MS)
    playwright.expect(bar.first).to_contain_text("left", timeout=PATIENCE_MS)
    assert share(bar.first.inner_text()) >= before  # joined, not begun again
    began_s = time.monotonic()
    page.get_by_role("button", name="Cancel").click()
    told = page.get_by_text("Nothing of it is shown.")
    told.wait_for(timeout=PATIENCE_MS)
    took_s = time.monotonic() - began_s
    assert took_s < 20  # the aim is 1; a busy machine draws late
    page.wait_for_selector(screenshots.IDLE, timeout=PATIENCE_MS)
    assert page.get_by_role("button", name="Cancel").count() == 0
    page.get_by_role("button", name="Reset all").click()
    page.wait_for_selector("[data-testid=stVegaLiteChart]", timeout=PATIENCE_MS)
    page.wait_for_selector(screenshots.IDLE, timeout=PATIENCE_MS)
    assert one.is_clean()
    context.close()


def share(words: str) -> int:
    """The per cent of "...: 12%, about 3 min left"."""
    return int(words.split(": ")[1].split("%")[0])
