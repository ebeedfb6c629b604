"""The whole way of an architect in a real Chromium: models, users, a log, an outage, the answer, the memo, and back again.

What the page shows is held against the Python API; the memo is dropped on a second, fresh server.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

import planner
from app import state, text
from app.inputs import REQUESTS, USERS

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
from scripts import screenshots  # noqa: E402  # needs playwright
from tests.app.test_browser import PATIENCE_MS, Opened, chrome, pictures  # noqa: E402, F401

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]
ROOT = Path(__file__).resolve().parents[2]
LOG = ROOT / "docs" / "examples" / "log.csv"
PICKS = {"omni": "claude-opus-5-5@anthropic", "mini": "claude-haiku-5-5@anthropic"}
OUTAGE_MIN = 5


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Addresses of two apps that share nothing: each has its own folder for scenarios of one's own."""
    with (
        screenshots.serving({"PLANNER_OWN": str(tmp_path / "one")}) as one,
        screenshots.serving({"PLANNER_OWN": str(tmp_path / "two")}) as two,
    ):
        yield one, two


def settle(page: "playwright.Page") -> None:
    page.wait_for_timeout(300)
    screenshots.wait_for_result(page)


def pick(page: "playwright.Page", label: str, model: str) -> None:
    """Choose in a picker by typing, as one does with the keyboard."""
    box = page.get_by_role("combobox", name=label)
    box.click()
    box.fill(model)
    page.get_by_role("option", name=model).first.click()
    page.wait_for_url(f"**{model}**", timeout=PATIENCE_MS)
    settle(page)


def fill(page: "playwright.Page", label: str, value: str) -> None:
    field = page.get_by_role("spinbutton", name=label)
    field.fill(value)
    field.press("Enter")
    page.wait_for_url(f"**={value}**", timeout=PATIENCE_MS)
    settle(page)


def test_from_models_and_users_over_a_log_and_an_outage_to_a_memo_that_opens_the_same_numbers(
    servers: tuple[str, str],
    chrome: "playwright.Browser",  # noqa: F811
    pictures: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    context = chrome.new_context(viewport={"width": 1600, "height": 1000}, accept_downloads=True)
    one = Opened(context)
    page = one.page
    one.go(servers[0])
    pick(page, "Omni model", "claude-opus-5-5")
    pick(page, "Mini model", "claude-haiku-5-5")
    page.get_by_role("button", name="in active users per day").click()
    page.wait_for_url(f"**{USERS}**", timeout=PATIENCE_MS)
    fill(page, "Active users per day", "5000")
    outage = page.get_by_role("slider", name="Outage of omni")
    outage.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_url(f"**{state.OUTAGE}={OUTAGE_MIN}**", timeout=PATIENCE_MS)
    settle(page)

    scenario = planner.load(ROOT / "scenarios" / "support-chatbot.yaml")
    values = {**PICKS, REQUESTS: None, USERS: 5000, state.OUTAGE: OUTAGE_MIN}
    asked = state.applied(scenario, values)
    found = planner.compare(asked)
    shown = page.locator("[data-testid=stMetricValue]").all_inner_texts()
    money = found.money.set_index(["strategy", "measure"])["value"]
    assert shown == [text.amount(money[name, "economic_tco_total_usd"]) for name in found.strategies]
    playwright.expect(page.locator("[data-testid=stAlert]").first).to_contain_text(found.answer)

    page.get_by_text("Drop a log of your own traffic").click()
    page.locator("input[type=file][accept*=csv]").set_input_files(str(LOG))
    page.get_by_role("button", name="Replay it").click(timeout=PATIENCE_MS)
    log = planner.read_log(LOG)
    replayed = planner.replay(asked, log)
    told = page.get_by_text(replayed.answer)
    told.first.wait_for(timeout=PATIENCE_MS)
    settle(page)
    assert f"log={log.hex}" in page.url
    page.screenshot(path=pictures / "flow-wide-light.png")

    figures = one.figures()
    page.get_by_role("button", name="Share", exact=True).click()
    with page.expect_download(timeout=PATIENCE_MS) as download:
        page.get_by_role("button", name="Decision memo (HTML)").click()
    memo = tmp_path / "memo.html"
    download.value.save_as(memo)
    assert one.is_clean()

    fresh = Opened(chrome.new_context(viewport={"width": 1600, "height": 1000}))
    fresh.go(servers[1])
    assert fresh.figures() != figures
    fresh.page.get_by_role("button", name="Share", exact=True).click()
    fresh.page.locator("input[type=file][accept*=html]").set_input_files(str(memo))
    fresh.page.get_by_text("Same numbers as in the memo").wait_for(timeout=PATIENCE_MS)
    fresh.page.get_by_text(replayed.answer).first.wait_for(timeout=PATIENCE_MS)
    settle(fresh.page)
    assert fresh.figures() == figures
    assert fresh.page.url.partition("?")[2] == page.url.partition("?")[2]
    assert fresh.is_clean()
    fresh.page.context.close()
    context.close()
