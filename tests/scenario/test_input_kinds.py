"""Kinds of inputs: what the classification says is what simulations show."""

from pathlib import Path
from typing import Any

import pytest

import planner
from planner.experiments.cells import run_cells
from planner.finance.inputs import kind_of, replaced, value_at
from planner.scenario import Scenario
from planner.scenario.declared import Kind, at
from planner.scenario.paths import PathProblem, render
from planner.workload.windows import plan_windows

SCENARIOS = sorted((Path(__file__).resolve().parents[2] / "scenarios").glob("*.yaml"))
QUICK = {"run.window_s": 600}


def numbers_of(scenario: Scenario) -> list[str]:
    """Paths of all numbers that the file gives."""
    found: list[str] = []

    def walk(here: Any, path: tuple[str | int, ...]) -> None:
        if isinstance(here, dict):
            for key, inner in here.items():
                walk(inner, (*path, key))
        elif isinstance(here, list):
            for index, inner in enumerate(here):
                walk(inner, (*path, index))
        elif isinstance(here, int | float) and not isinstance(here, bool):
            found.append(render(path))

    walk(scenario.to_dict(), ())
    return found


def other(scenario: Scenario, path: str) -> float:
    """Another number that may stand at a path."""
    number = value_at(scenario, path)
    place = at(tuple(planner.scenario.paths.parse(path)))
    return number + 1 if place is not None and place.kind is Kind.WHOLE else number * 1.25 + 0.001


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_inputs_of_the_bill_leave_every_count_as_it_is(path: Path) -> None:
    scenario = planner.load(path).set(QUICK)
    windows = plan_windows(scenario, 1)
    before = [
        {name: cell.quantities for name, cell in cells.items()} for cells in run_cells(scenario, windows)
    ]
    money = [one for one in numbers_of(scenario) if kind_of(scenario, one) == "money"]
    money = [*dict.fromkeys([*money, "finance.discount_rate"])]
    changed = scenario.set({one: other(scenario, one) for one in money})
    after = [{name: cell.quantities for name, cell in cells.items()} for cells in run_cells(changed, windows)]
    assert after == before


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("tasks.faq.cost_of_wrong_answer_usd", "money"),
        ("finance.people[Run and evaluate].fte", "money"),
        ("finance.people[0].usd_per_year", "money"),
        ("finance.discount_rate", "money"),
        ("finance.migrations[0].usd", "money"),
        ("finance.downtime_usd_per_hour", "money"),
        ("gateway.fee", "money"),
        ("strategies.hybrid.router.usd_per_1k_requests", "money"),
        ("traffic.requests_per_month", "volume"),
        ("traffic.growth_per_month", "volume"),
        ("finance.people[0].raise_per_year", "money"),
        ("finance.fiscal_year_starts", "fixed"),
        ("traffic.daily_spread", "simulated"),
        ("traffic.sessions.turns_mean", "simulated"),
        ("tasks.faq.input_tokens.p50", "simulated"),
        ("tasks.faq.accuracy[gpt-4o-2024-11-20]", "simulated"),
        ("strategies.hybrid.router.omni_share", "simulated"),
        ("policy.retries", "simulated"),
        ("finance.horizon_months", "fixed"),
        ("finance.budget_usd_per_month", "fixed"),
        ("finance.migrations[0].to", "fixed"),
        ("run.seed", "fixed"),
        ("slo.availability", "fixed"),
        ("tasks.faq.slo.accuracy", "fixed"),
        ("start", "fixed"),
        ("name", "fixed"),
        ("strategies", "fixed"),
        ("deployments.omni-azure.provider", "fixed"),
    ],
)
def test_kinds_by_name(path: str, kind: str) -> None:
    scenario = planner.load(SCENARIOS[0].parent / "support-chatbot.yaml")
    assert kind_of(scenario, path) == kind


def test_kinds_of_what_goes_over_time() -> None:
    scenario = planner.load(SCENARIOS[0].parent / "support-chatbot.yaml").set(
        {
            "traffic.saturation_requests_per_month": 1e8,
            "traffic.seasons.december": 2,
            "finance.price_drift": [{"per_year": -0.2}],
            "finance.rates": "real",
            "finance.inflation_per_year": 0.02,
            "finance.depreciation_years": 5,
            "finance.baseline": {"name": "Today", "usd_per_request": 1},
            "tasks.faq.value_usd": 1,
        }
    )
    kinds = {
        "traffic.saturation_requests_per_month": "volume",
        "traffic.seasons.december": "volume",
        "finance.price_drift[0].per_year": "money",
        "finance.inflation_per_year": "money",
        "finance.depreciation_years": "fixed",
        "finance.baseline.usd_per_request": "fixed",
        "tasks.faq.value_usd": "fixed",
    }
    assert {path: kind_of(scenario, path) for path in kinds} == kinds
    by_price = scenario.set(
        {"strategies.omni-only.omni": [["omni-openai", "omni-azure"]], "policy.select": "cheapest"}
    )
    assert kind_of(by_price, "finance.price_drift[0].per_year") == "simulated"


def test_a_price_that_routes_is_simulated() -> None:
    base = planner.load(SCENARIOS[0].parent / "support-chatbot.yaml").set(
        {"models.gpt-4o-2024-11-20.input_usd_per_mtok": 2.5}
    )
    path = "models.gpt-4o-2024-11-20.input_usd_per_mtok"
    assert kind_of(base, path) == "money"
    by_price = base.set(
        {"strategies.omni-only.omni": [["omni-openai", "omni-azure"]], "policy.select": "cheapest"}
    )
    assert kind_of(by_price, path) == "simulated"


def test_names_of_the_user_s_are_no_fields() -> None:
    """A task called review or fleet is simulated like any other; only the section of that name is of the bill."""
    tree = planner.load(SCENARIOS[0].parent / "support-chatbot.yaml").to_dict()
    tasks = {
        "review": tree["tasks"]["faq"],
        "fleet": tree["tasks"]["account"],
        "fee": tree["tasks"]["troubleshooting"],
    }
    ability = {"m": {"ability": {"fleet": 1.0, "fee": 0.5, "review": 0.1}}}
    scenario = planner.load({**tree, "tasks": tasks, "models": ability, "uncertain": {}})
    assert kind_of(scenario, "tasks.review.input_tokens.p50") == "simulated"
    assert kind_of(scenario, "tasks.review.share") == "simulated"
    assert kind_of(scenario, "models.m.ability.fleet") == "simulated"
    assert kind_of(scenario, "tasks.review.cost_of_wrong_answer_usd") == "money"
    reviewed = scenario.set({"tasks.fee.review": {"share": 0.1, "usd": 2.0}})
    assert kind_of(reviewed, "tasks.fee.review.share") == "money"


def test_a_path_to_nothing_says_what_there_is() -> None:
    scenario = planner.load(SCENARIOS[0].parent / "support-chatbot.yaml")
    with pytest.raises(PathProblem, match="did you mean faq"):
        kind_of(scenario, "tasks.fag.share")
    with pytest.raises(PathProblem, match="has no fields"):
        kind_of(scenario, "traffic.requests_per_month.p50")


def test_replacing_is_setting() -> None:
    scenario = planner.load(SCENARIOS[0].parent / "support-chatbot.yaml")
    for path in (
        "finance.people[Run and evaluate].fte",
        "traffic.growth_per_month",
        "tasks.faq.cost_of_wrong_answer_usd",
    ):
        assert replaced(scenario, path, 0.25).to_dict() == scenario.set({path: 0.25}).to_dict()
        assert value_at(replaced(scenario, path, 0.25), path) == 0.25
