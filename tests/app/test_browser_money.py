"""The pages TCO and Sensitivity in a real Chromium: from a bar to its ledger rows, from page to page, and the map."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app import state
from tests.app.library import write_library

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
from scripts import screenshots  # noqa: E402  # needs playwright
from tests.app.test_browser import (  # noqa: E402
    PATIENCE_MS,
    Opened,
    chrome,
    opened,
    pictures,
)

pytestmark = pytest.mark.browser
__all__ = ["chrome", "opened", "pictures"]  # fixtures


@pytest.fixture(scope="module")
def small_app(tmp_path_factory: pytest.TempPathFactory, chrome: "playwright.Browser") -> Iterator[str]:
    """Address of the app on the library of small scenarios."""
    folder = write_library(tmp_path_factory.mktemp("library"))
    with screenshots.serving({state.LIBRARY_VARIABLE: str(folder)}) as address:
        yield address


def follow(one: Opened, link: str) -> None:
    """To another page by its link, until it is at rest."""
    one.page.get_by_role("link", name=link).first.click()
    one.page.wait_for_selector(f"h1:has-text('{link}')", timeout=PATIENCE_MS)
    rest(one)


def rest(one: Opened) -> None:
    one.page.wait_for_timeout(700)
    one.page.wait_for_selector(screenshots.IDLE, timeout=PATIENCE_MS)


def test_what_is_changed_goes_along_from_page_to_page(small_app: str, opened: Callable[..., Opened]) -> None:
    one = opened()
    one.go(f"{small_app}/?v=1&scenario=support-chatbot&traffic.growth_per_month=0.04")
    for link in ("TCO", "Sensitivity", "TCO"):
        follow(one, link)
        assert one.page.get_by_role("slider", name="Growth per month").input_value() == "0.04"
        assert "traffic.growth_per_month=0.04" in one.page.url
        assert one.page.get_by_role("slider", name="Sent to omni (hybrid)").input_value() == "0.25"
    assert one.is_clean()


def test_a_click_on_a_bar_shows_its_ledger_rows_and_the_hand_check(
    small_app: str, opened: Callable[..., Opened]
) -> None:
    one = opened(1440, 2400)
    one.go(f"{small_app}/?v=1&scenario=support-chatbot")
    follow(one, "TCO")
    bars = one.page.locator("[data-testid=stVegaLiteChart]").last.locator("g.mark-rect path")
    playwright.expect(bars.first).to_be_visible(timeout=PATIENCE_MS)
    bars.first.click()
    told = one.page.get_by_text("the sum of", exact=False)
    playwright.expect(told.first).to_be_visible(timeout=PATIENCE_MS)
    rest(one)
    assert "2027-" in told.first.inner_text()
    assert one.page.get_by_text("to the last digit").count() == 1
    assert one.is_clean()


@pytest.mark.parametrize(
    ("name", "width", "height", "scheme"),
    [("wide-light", 1600, 1000, "light"), ("phone-dark", 390, 844, "dark")],
)
def test_nothing_is_cut_off_on_the_pages_for_finance(
    small_app: str,
    opened: Callable[..., Opened],
    pictures: Path,
    name: str,
    width: int,
    height: int,
    scheme: str,
) -> None:
    one = opened(width, height, scheme)
    one.go(f"{small_app}/?v=1&scenario=support-chatbot")
    for link in ("TCO", "Sensitivity"):
        follow(one, link)
        one.page.wait_for_timeout(1500)
        one.page.screenshot(path=pictures / f"{link.lower()}-{name}.png", full_page=True)
        wider = one.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert wider <= 1, f"{link} is {wider} px wider than the screen"
    assert one.is_clean()
