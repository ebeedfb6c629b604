"""The flow of requests: what enters a node leaves it, and every link is what Outcomes say."""

from pathlib import Path

import pytest

import planner
from planner.errors import PlannerError
from planner.experiments.flow import FAILED, TIER_WORDS, flow

SCENARIOS = Path(__file__).parents[2] / "scenarios"


@pytest.fixture(scope="module", params=["support-chatbot", "unified-platform", "email-triage"])
def comparison(request):
    return planner.compare(planner.load(SCENARIOS / f"{request.param}.yaml"), replications=4)


def test_what_enters_a_tier_leaves_it_and_each_level_is_all_requests(comparison) -> None:
    for strategy in comparison.strategies:
        links = flow(comparison, strategy)
        into = (
            links[links["level"] == 0]
            .groupby("target")[["requests_share", "requests_per_month", "requests_simulated"]]
            .sum()
        )
        out = (
            links[links["level"] == 1]
            .groupby("source")[["requests_share", "requests_per_month", "requests_simulated"]]
            .sum()
        )
        assert list(into.index) == list(out.index)
        assert into.to_numpy() == pytest.approx(out.to_numpy(), rel=1e-12)
        assert into["requests_share"].sum() == pytest.approx(1.0, abs=1e-12)
        arrived = sum(cell.sample.n for cell in comparison.results[strategy].cells)
        assert into["requests_simulated"].sum() == arrived


def test_shares_are_the_measures_of_the_same_name(comparison) -> None:
    summary = comparison.summary[comparison.summary["task"] == ""].set_index(["strategy", "measure"])["value"]
    for strategy in comparison.strategies:
        links = flow(comparison, strategy)
        ends = links[links["level"] == 1].groupby(["target_kind", "target"])["requests_share"].sum()
        failed = float(ends.get(("failed", FAILED), 0.0))
        assert failed == pytest.approx(1 - summary[strategy, "availability"], abs=1e-12)
        served = {
            name: float(share) / (1 - failed) for (kind, name), share in ends.items() if kind == "deployment"
        }
        for name, share in served.items():
            assert share == pytest.approx(summary[strategy, f"served_share:{name}"], rel=1e-9)


def test_every_link_counts_what_outcomes_say() -> None:
    scenario = planner.load(SCENARIOS / "unified-platform.yaml").set({"run.replications": 1})
    comparison = planner.compare(scenario)
    for strategy in comparison.strategies:
        links = flow(comparison, strategy).set_index(["level", "source", "target"])["requests_simulated"]
        counted: dict[tuple[int, str, str], int] = {}
        for window in comparison.windows:
            outcomes = planner.simulate(scenario, strategy, replication=window.index).outcomes
            for task, tier, outcome, server in (
                outcomes[["task", "tier", "outcome", "deployment"]].astype(object).to_numpy()
            ):
                word = TIER_WORDS[tier]
                end = server if outcome == "ok" else FAILED
                for key in ((0, task, word), (1, word, end)):
                    counted[key] = counted.get(key, 0) + 1
        assert links.to_dict() == counted


def test_requests_a_month_are_those_of_the_plan() -> None:
    scenario = planner.load(SCENARIOS / "email-triage.yaml").set(
        {"traffic.growth_per_month": 0, "traffic.daily_spread": 0}
    )
    comparison = planner.compare(scenario, replications=2)
    for strategy in comparison.strategies:
        links = flow(comparison, strategy)
        counts = sum(cell.sample.counts.sum(axis=0) for cell in comparison.results[strategy].cells)
        if (
            counts[9] or counts[10]
        ):  # questions asked again, or never: then there is more, or less, than was planned
            continue
        monthly = links.loc[links["level"] == 0, "requests_per_month"].sum()
        assert monthly == pytest.approx(scenario.traffic.requests_per_month, rel=1e-9)


def test_a_name_that_is_no_strategy_is_refused(comparison) -> None:
    with pytest.raises(PlannerError, match="hybird"):
        flow(comparison, "hybird")
