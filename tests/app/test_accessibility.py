"""Whether everybody can use the app: axe-core on every page, the keyboard alone, and widths from 320 to 2,560 px.

axe.min.js comes with the package axe-playwright-python (docs/decisions/012-accessibility.md) and is injected, not fetched.
Screenshots are written to the folder named by ARTEFACTS, else to a temporary one.
"""

from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from app import state
from tests.app.library import OUTAGE, write_library

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

# Path and scenario of every page of the app; a test holds this list against those of app/main.py.
PAGES = {
    "compare": "/?v=1&scenario=support-chatbot",
    "scenario": "/scenario?v=1&scenario=support-chatbot",
    "tco": "/tco?v=1&scenario=support-chatbot",
    "sensitivity": "/sensitivity?v=1&scenario=support-chatbot",
    "failover": "/failover?v=1&scenario=outage",
}
SCREENS = {
    "wide-light": (1440, 900, "light"),
    "wide-dark": (1440, 900, "dark"),
    "phone-light": (390, 844, "light"),
    "phone-dark": (390, 844, "dark"),
}
WIDTHS = (320, 360, 390, 480, 640, 768, 1024, 1280, 1440, 1920, 2560)
# WCAG 2.1 A and AA, and the order of headings, which only best practice asks for.
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]},
         "rules": {"heading-order": {"enabled": True}}, "resultTypes": ["violations", "passes"]}  # fmt: skip
# What Streamlit does and nobody outside can change: (rule, CSS selector): reason. Nothing has to be left out.
LEFT_OUT: dict[tuple[str, str], str] = {}
AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def small_app(tmp_path_factory: pytest.TempPathFactory, chrome: "playwright.Browser") -> Iterator[str]:
    """Address of the app on the library of small scenarios."""
    folder = write_library(tmp_path_factory.mktemp("library"))
    (folder / "outage.yaml").write_text(OUTAGE, encoding="utf-8")
    with screenshots.serving({state.LIBRARY_VARIABLE: str(folder)}) as address:
        yield address


def show(one: Opened, address: str, page: str) -> None:
    """A page, drawn to its end."""
    one.page.goto(address + PAGES[page])
    if page == "scenario":  # its gallery is looked at in test_browser_scenario.py
        one.page.get_by_role("button", name="Edit", exact=True).first.click()
        one.page.get_by_text("More fields").first.click()
    one.page.wait_for_selector(
        "[data-testid=stMain] :is(table, [data-testid=stVegaLiteChart], .st-key-yaml textarea)",
        timeout=PATIENCE_MS,
    )
    rest(one)


def rest(one: Opened) -> None:
    one.page.wait_for_timeout(800)
    one.page.wait_for_selector(screenshots.IDLE, timeout=PATIENCE_MS)
    one.page.wait_for_timeout(400)


def checked(one: Opened) -> dict[str, Any]:
    """What axe says of the page as it is: violations and passes."""
    one.page.evaluate(AXE)
    found: dict[str, Any] = one.page.evaluate("rules => axe.run(document, rules)", RULES)
    return found


def violations(found: dict[str, Any]) -> list[str]:
    """A line for each element that violates a rule, without what is left out."""
    return [
        f"{rule['impact']} {rule['id']}: {' '.join(map(str, node['target']))}: {node['failureSummary']}"
        for rule in found["violations"]
        for node in rule["nodes"]
        if not any(rule["id"] == name and selector in str(node["target"]) for name, selector in LEFT_OUT)
    ]


def unfold(one: Opened) -> None:
    """Open every expander."""
    one.page.locator("[data-testid=stExpander] details:not([open]) > summary").evaluate_all(
        "closed => closed.forEach(one => one.click())"
    )
    rest(one)


def is_dark(one: Opened) -> bool:
    ground = one.page.evaluate(
        "getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor"
    )
    return sum(int(part) for part in ground.removeprefix("rgb(").removesuffix(")").split(",")) < 150


def is_quiet(one: Opened) -> None:
    """No request left the machine and no traceback is shown. On a deep link Streamlit looks for its own root by trying
    paths: those that are not there are 404, and no fault of the page."""
    one.errors[:] = [said for said in one.errors if "404 (Not Found)" not in said]
    assert one.is_clean()


def test_every_page_of_the_app_is_looked_at() -> None:
    source = (Path(state.__file__).parent / "main.py").read_text(encoding="utf-8")
    assert {Path(part.split('"')[0]).stem for part in source.split('st.Page("')[1:]} == set(PAGES)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", PAGES)
def test_axe_finds_no_violation_on_a_page_and_in_all_that_folds_out_of_it(
    small_app: str, opened: Callable[..., Opened], pictures: Path, page: str
) -> None:
    one = opened(1440, 900)
    show(one, small_app, page)
    unfold(one)
    found = {}
    for screen, (width, height, scheme) in SCREENS.items():
        one.page.set_viewport_size({"width": width, "height": height})
        one.page.emulate_media(color_scheme=scheme)
        rest(one)
        assert is_dark(one) == (scheme == "dark")
        one.page.screenshot(path=pictures / f"{page}-{screen}.png")
        result = checked(one)
        found[screen] = violations(result)
        looked_at = {rule["id"]: len(rule["nodes"]) for rule in result["passes"]}
        assert looked_at["color-contrast"] > 20
        assert looked_at["label"] >= 2
    assert found == {screen: [] for screen in SCREENS}
    is_quiet(one)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation_in_an_open_popover_or_list(
    small_app: str, opened: Callable[..., Opened], scheme: str
) -> None:
    one = opened(1440, 900, scheme)
    show(one, small_app, "compare")
    one.page.get_by_role("button", name="Seed and precision").click()
    playwright.expect(one.page.get_by_label("Seed", exact=True)).to_be_visible()
    one.page.wait_for_timeout(500)  # it fades in
    assert violations(checked(one)) == []
    one.page.keyboard.press("Escape")
    one.page.get_by_role("combobox", name="Scenario").click()
    playwright.expect(one.page.get_by_role("option").first).to_be_visible()
    one.page.wait_for_timeout(500)
    assert violations(checked(one)) == []


def test_axe_would_notice_a_violation(small_app: str, opened: Callable[..., Opened]) -> None:
    one = opened()
    show(one, small_app, "compare")
    one.page.evaluate(
        """document.querySelector('main').insertAdjacentHTML('afterbegin',
        "<p style='color: #bbb; background: #fff'>pale</p><input><img src='data:,'><button></button>")"""
    )
    found = {line.split(":")[0] for line in violations(checked(one))}
    assert {
        "serious color-contrast", "critical label", "critical image-alt", "critical button-name",
    } <= found  # fmt: skip


# -- the keyboard alone --------------------------------------------------------------------------

INPUTS = "input:not([type=hidden]), textarea, button, summary, a[href]:not([disabled])"
# How an element and what is around it look; a focus that can be seen changes it.
LOOKS = """element => {
    const found = [];
    for (let one = element, k = 0; one && k < 5; one = one.parentElement, k++) {
        const style = getComputedStyle(one);
        found.push([style.outlineStyle, style.outlineWidth, style.outlineColor, style.boxShadow, style.borderColor,
                    style.backgroundColor, style.color, style.textDecorationLine].join(' '));
        for (const near of one.children) if (near !== element) {
            const style = getComputedStyle(near);
            found.push([style.outlineStyle, style.outlineColor, style.boxShadow, style.borderColor].join(' '));
        }
    }
    return found.join('|');
}"""
NUMBERED = (
    """selector => {
    const looks = """
    + LOOKS
    + """;
    const shown = [...document.querySelectorAll('[data-testid=stMain] :is(' + selector + ')')].filter(one => {
        const folded = one.closest('details:not([open])');
        return one.tabIndex >= 0 && !one.disabled && one.checkVisibility({visibilityProperty: true})
            && one.getBoundingClientRect().width > 0 && (!folded || one.tagName === 'SUMMARY');
    });
    window.looked = shown.map(looks);
    shown.forEach((one, k) => one.dataset.number = k);
    return shown.map(one => one.getAttribute('aria-label') || one.innerText || one.type || one.tagName);
}"""
)
FOCUSED = (
    """() => {
    const looks = """
    + LOOKS
    + """, one = document.activeElement, number = one.dataset.number;
    return {number: number === undefined ? null : +number, tag: one.tagName,
            is_seen: number === undefined || looks(one) !== window.looked[number]};
}"""
)


def test_tab_reaches_every_input_in_reading_order_visibly_and_leaves_again(
    small_app: str, opened: Callable[..., Opened]
) -> None:
    one = opened()
    show(one, small_app, "compare")
    names = one.page.evaluate(NUMBERED, INPUTS)
    assert len(names) > 12
    visited: list[int] = []
    unseen = []
    for _ in range(3 * len(names) + 20):
        one.page.keyboard.press("Tab")
        one.page.wait_for_timeout(220)  # rings fade in
        now = one.page.evaluate(FOCUSED)
        if visited and (now["tag"] == "BODY" or now["number"] == visited[0]):
            break  # round, or out of the page: no trap
        if now["number"] is not None:
            visited.append(now["number"])
            if not now["is_seen"]:
                unseen.append(names[now["number"]])
    else:
        pytest.fail(f"Tab never leaves the page: {[names[number] for number in visited[-8:]]}")
    assert [names[number] for number in sorted(set(range(len(names))) - set(visited))] == []
    assert visited == sorted(visited)  # the order of the document, which is the order of reading
    assert unseen == []


def test_a_popover_opens_with_enter_and_closes_with_escape(
    small_app: str, opened: Callable[..., Opened]
) -> None:
    one = opened()
    show(one, small_app, "compare")
    button = one.page.get_by_role("button", name="Seed and precision")
    seed = one.page.get_by_label("Seed", exact=True)
    button.focus()
    one.page.keyboard.press("Enter")
    playwright.expect(seed).to_be_visible()
    # Streamlit draws what pops up at the end of the page: Tab comes to it after everything else, not at once.
    for _ in range(100):
        one.page.keyboard.press("Tab")
        if seed.evaluate("one => one === document.activeElement"):
            break
    playwright.expect(seed).to_be_focused()
    one.page.keyboard.press("Escape")
    playwright.expect(seed).to_be_hidden()
    playwright.expect(button).to_be_focused()


def test_an_expander_opens_and_closes_with_enter(small_app: str, opened: Callable[..., Opened]) -> None:
    one = opened()
    show(one, small_app, "compare")
    folded = one.page.locator("[data-testid=stExpander] details").filter(has_text="What is not included")
    folded.locator("summary").focus()
    one.page.keyboard.press("Enter")
    playwright.expect(folded).to_have_attribute("open", "")
    one.page.wait_for_timeout(600)
    one.page.keyboard.press("Enter")
    playwright.expect(folded).not_to_have_attribute("open", "", timeout=5000)


# -- widths --------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_nothing_is_wider_than_the_screen_from_320_to_2560_px(
    small_app: str, opened: Callable[..., Opened], pictures: Path, page: str
) -> None:
    one = opened(2560, 1440)
    show(one, small_app, page)
    one.page.screenshot(path=pictures / f"{page}-2560.png")
    unfold(one)
    wider = {}
    for width in WIDTHS:
        one.page.set_viewport_size({"width": width, "height": 900})
        for _ in range(16):  # charts are drawn anew after the page: a busy machine takes seconds
            one.page.wait_for_timeout(500)
            wider[width] = one.page.evaluate(
                """() => [document.documentElement, document.querySelector('[data-testid=stMain]')]
                .map(one => one.scrollWidth - one.clientWidth)"""
            )
            if max(wider[width]) <= 1:
                break
    assert {width: gaps for width, gaps in wider.items() if max(gaps) > 1} == {}
    is_quiet(one)


def test_a_screen_of_2560_px_is_used_over_its_width(small_app: str, opened: Callable[..., Opened]) -> None:
    one = opened(2560, 1440)
    show(one, small_app, "compare")
    cards = one.page.locator(".st-key-cards").bounding_box()
    assert cards is not None
    assert cards["width"] > 0.85 * 2560
