"""The page "Scenario" in a real Chromium: gallery, text beside widgets, files of one's own; wide and phone, light and dark.

Screenshots are written to the folder named by ARTEFACTS, else to a temporary one.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app import own, state
from tests.app.library import SMALL, write_library
from tests.app.test_accessibility import checked, violations
from tests.app.test_browser import PATIENCE_MS, Opened, chrome, opened, pictures, playwright

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
from scripts import screenshots  # needs playwright

__all__ = ["chrome", "opened", "pictures"]  # fixtures
pytestmark = pytest.mark.browser
COMMENTED = SMALL.strip().replace("growth_per_month: 0.02}", "growth_per_month: 0.02} # guessed") + "\n"


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mine")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, mine: Path, chrome: "playwright.Browser") -> Iterator[str]:
    """Address of the app on the library of small scenarios, with a folder of one's own."""
    folder = write_library(tmp_path_factory.mktemp("library"))
    (folder / "support-chatbot.yaml").write_text(COMMENTED, encoding="utf-8")
    with screenshots.serving({state.LIBRARY_VARIABLE: str(folder), own.VARIABLE: str(mine)}) as address:
        yield address


def settle(page: "playwright.Page") -> None:
    page.wait_for_timeout(300)
    page.wait_for_selector(screenshots.IDLE, timeout=PATIENCE_MS)


def picture(page: "playwright.Page", file: Path) -> None:
    """All of the page, as tall as it is."""
    size = page.viewport_size
    assert size is not None
    main = page.locator("[data-testid=stMain]")
    tall = int(main.evaluate("main => main.scrollHeight"))
    page.set_viewport_size({"width": size["width"], "height": min(max(tall + 40, size["height"]), 6000)})
    page.wait_for_timeout(500)
    page.screenshot(path=file)
    assert main.evaluate("main => main.scrollWidth <= main.clientWidth")
    page.set_viewport_size(size)


@pytest.mark.parametrize(
    ("name", "width", "height", "scheme"),
    [
        ("wide-light", 1600, 1000, "light"),
        ("wide-dark", 2560, 1200, "dark"),
        ("phone-light", 390, 844, "light"),
        ("phone-dark", 390, 844, "dark"),
    ],
)
def test_gallery_and_editor_fit_wide_and_phone(
    app: str, opened: Callable[..., Opened], pictures: Path, name: str, width: int, height: int, scheme: str
) -> None:
    one = opened(width, height, scheme)
    one.go(app)
    one.page.get_by_role("link", name="Scenario").click()
    playwright.expect(one.page.get_by_text("Omni, mini or both?")).to_be_visible(timeout=PATIENCE_MS)
    settle(one.page)
    assert violations(checked(one)) == []
    picture(one.page, pictures / f"scenario-gallery-{name}.png")
    one.page.get_by_role("button", name="Edit", exact=True).first.click()
    growth = one.page.get_by_role("spinbutton", name="Growth per month")
    playwright.expect(growth).to_be_visible(timeout=PATIENCE_MS)
    growth.fill("0.05")
    one.page.keyboard.press("Enter")
    text = one.page.get_by_role("textbox", name="Text (YAML)")
    playwright.expect(text).to_have_value(COMMENTED.replace("0.02} #", "0.05} #"), timeout=PATIENCE_MS)
    settle(one.page)
    assert violations(checked(one)) == []
    picture(one.page, pictures / f"scenario-editor-{name}.png")
    box, other = text.bounding_box(), growth.bounding_box()
    assert box is not None
    assert other is not None
    is_beside = other["x"] > box["x"] + box["width"]
    assert is_beside == (width > 640)  # side by side, or one below the other
    assert one.is_clean()


def test_a_mistake_is_told_at_line_and_field_then_mended_saved_and_compared(
    app: str, mine: Path, opened: Callable[..., Opened], pictures: Path
) -> None:
    one = opened(1440, 1000)
    one.go(app)
    one.page.get_by_role("link", name="Scenario").click()
    one.page.get_by_role("button", name="Edit", exact=True).first.click()
    text = one.page.get_by_role("textbox", name="Text (YAML)")
    playwright.expect(text).to_be_visible(timeout=PATIENCE_MS)
    text.fill(COMMENTED.replace("0.02} #", "fast} #").replace("Small chat", "Ours"))
    one.page.keyboard.press("Control+Enter")
    main = one.page.locator("[data-testid=stMain]")
    playwright.expect(main).to_contain_text("1 problem in the text", timeout=PATIENCE_MS)
    playwright.expect(main.get_by_text("got the text 'fast'")).to_have_count(2, timeout=PATIENCE_MS)
    settle(one.page)
    assert violations(checked(one)) == []
    picture(one.page, pictures / "scenario-problem.png")
    text.fill(COMMENTED.replace("Small chat", "Ours"))
    one.page.keyboard.press("Control+Enter")
    playwright.expect(main).to_contain_text("No problems", timeout=PATIENCE_MS)
    one.page.get_by_role("button", name="Save and compare").click()
    one.page.wait_for_url("**scenario=my%2Fours**", timeout=PATIENCE_MS)
    screenshots.wait_for_result(one.page)
    playwright.expect(one.page.get_by_role("heading", name="Ours")).to_be_visible(timeout=PATIENCE_MS)
    assert (mine / "ours.yaml").read_text(encoding="utf-8") == COMMENTED.replace("Small chat", "Ours")
    assert one.is_clean()
