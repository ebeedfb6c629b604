"""A memo in a real Chromium without a network: it reads well light and dark, wide, on a phone and on paper, and asks for nothing.

Screenshots are written to the folder named by ARTEFACTS, else to a temporary one.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

import planner
from planner.memos import read_state
from tests.memos.pages import HOSTILE, page

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
from tests.app.test_browser import chrome, pictures  # noqa: E402  # need playwright

pytestmark = pytest.mark.browser
__all__ = ["chrome", "pictures"]  # fixtures
ROOT = Path(__file__).resolve().parents[2]
SCREENS = [
    ("wide-light", 1440, "light"), ("wide-dark", 1440, "dark"), ("widest-light", 2560, "light"),
    ("phone-light", 390, "light"), ("phone-dark", 390, "dark"),
]  # fmt: skip
Open = Callable[..., "Page"]


class Page:
    """A memo as it is opened from a file, offline, with all that it asks for and complains about."""

    def __init__(self, browser: "playwright.Browser", file: Path, width: int, scheme: str) -> None:
        self.context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True
        )
        self.page = self.context.new_page()
        self.asked: list[str] = []
        self.said: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("websocket", lambda socket: self.asked.append(socket.url))
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on(
            "dialog", lambda dialog: (self.said.append(f"dialog {dialog.message}"), dialog.dismiss())
        )
        self.page.goto(file.as_uri())

    def contrast(self, selector: str) -> float:
        """Contrast of the colour of a text with the first ground below it that is not transparent (WCAG)."""
        return float(
            self.page.locator(selector).first.evaluate(
                """one => {
                const parts = colour => colour.match(/[\\d.]+/g).map(Number);
                const light = colour => {
                    const linear = parts(colour).slice(0, 3).map(v => v / 255)
                        .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
                    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
                };
                const style = getComputedStyle(one);
                const ink = light(one instanceof SVGElement ? style.fill : style.color);
                let below = one, ground = 'rgba(0, 0, 0, 0)';
                while (below && parts(ground)[3] === 0) {
                    ground = getComputedStyle(below).backgroundColor; below = below.parentElement;
                }
                const [high, low] = [ink, light(ground)].sort((a, b) => b - a);
                return (high + 0.05) / (low + 0.05);
            }"""
            )
        )


@pytest.fixture(scope="module")
def memo_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The memo of the default scenario with a change, signed."""
    scenario = planner.load(
        ROOT / "scenarios" / "support-chatbot.yaml",
        {
            "traffic.growth_per_month": 0.05,
            "finance.sign_off": {"prepared_by": "Platform team", "reviewed_by": "Finance"},
        },
    )
    file = tmp_path_factory.mktemp("memo") / "memo.html"
    file.write_text(planner.memo(planner.compare(scenario)), encoding="utf-8")
    return file


@pytest.mark.slow
@pytest.mark.parametrize(("name", "width", "scheme"), SCREENS, ids=[name for name, _, _ in SCREENS])
def test_it_is_read_offline_on_every_screen(
    chrome: "playwright.Browser", pictures: Path, memo_file: Path, name: str, width: int, scheme: str
) -> None:
    one = Page(chrome, memo_file, width, scheme)
    assert one.asked == [memo_file.as_uri()]
    assert one.said == []
    assert one.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    charts = one.page.locator("figure svg:visible")
    assert charts.count() == 4
    for box in (chart.bounding_box() for chart in charts.all()):
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["width"] >= 280
    ground = one.page.evaluate("getComputedStyle(document.body).backgroundColor")
    shade = sum(int(part) for part in ground.removeprefix("rgb(").removesuffix(")").split(","))
    assert (shade < 150) == (scheme == "dark")
    for selector in (
        ".answer", ".question", ".total", ".label", ".badge.good", ".badge.mark", ".met", ".small", "pre", "table.rests td",
        "figure svg:visible text[fill=currentColor]",
    ):  # fmt: skip
        assert one.contrast(selector) >= 4.5, selector
    one.page.screenshot(path=pictures / f"memo-{name}.png", full_page=True)
    one.context.close()


@pytest.mark.slow
def test_it_prints_on_a4_with_white_ground_and_its_appendix_on_a_page_of_its_own(
    chrome: "playwright.Browser", pictures: Path, memo_file: Path
) -> None:
    one = Page(chrome, memo_file, 1440, "dark")
    printed = one.page.pdf(path=pictures / "memo.pdf", prefer_css_page_size=True, print_background=True)
    assert printed.startswith(b"%PDF-")
    assert 3 <= printed.count(b"/Type /Page\n") <= 14
    assert (
        b"/MediaBox [0 0 594.95996 841.91998]" in printed or b"/MediaBox [0 0 595" in printed
    )  # A4 in points
    one.page.set_viewport_size({"width": 695, "height": 1000})  # A4 without its margins
    one.page.emulate_media(media="print")
    assert one.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert one.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert one.page.evaluate("getComputedStyle(document.querySelector('.appendix')).breakBefore") == "page"
    one.page.screenshot(path=pictures / "memo-print.png", full_page=True)
    one.context.close()


def test_hostile_texts_run_nothing(chrome: "playwright.Browser", tmp_path: Path) -> None:
    file = tmp_path / "hostile.html"
    file.write_text(page(), encoding="utf-8")
    one = Page(chrome, file, 1440, "light")
    assert one.asked == [file.as_uri()]
    assert one.said == []
    assert one.page.locator("h1").inner_text() == HOSTILE
    assert one.page.locator("script").count() == 1
    one.context.close()


def test_a_memo_that_a_browser_saved_again_still_opens(chrome: "playwright.Browser", tmp_path: Path) -> None:
    file = tmp_path / "memo.html"
    file.write_text(page(), encoding="utf-8")
    one = Page(chrome, file, 1440, "light")
    assert read_state(one.page.content()) == read_state(page())
    one.context.close()
