"""Uncertain inputs: what is refused, with line, and what is taken."""

from typing import Any

import pytest

from planner.errors import ScenarioError
from planner.scenario import Scenario, load, loads
from tests.scenario.samples import SMALLEST, changed_at, notices_with, problems_with, scenario

VOLUME = "traffic.requests_per_month"


def uncertain(*pairs: tuple[str, dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {"uncertain": dict(pairs), **more}


def test_figures_out_of_order_are_named_with_their_line() -> None:
    text = SMALLEST + "uncertain:\n  traffic.requests_per_month: {p10: 3000, p50: 1000, p90: 4000}\n"
    with pytest.raises(ScenarioError) as caught:
        loads(text, "plan.yaml")
    assert [str(problem) for problem in caught.value.problems] == [
        "plan.yaml:8: uncertain[traffic.requests_per_month].p10: p10 > p50: 3000 > 1000; p10 <= p50 <= p90"
    ]


@pytest.mark.parametrize(
    ("figures", "message"),
    [
        ({"p10": 1, "p50": 9, "p90": 4}, ".p50: p50 > p90: 9 > 4; p10 <= p50 <= p90"),
        ({"min": 5, "mode": 2, "max": 4}, ".min: min > mode: 5 > 2; min <= mode <= max"),
        ({"p10": 1, "p50": 2}, ": got p10 and p50; allowed: {p10, p50, p90} or {min, mode, max}"),
        ({"p10": 1, "mode": 2, "max": 3}, ": got p10 and mode and max; allowed: {p10, p50, p90} or {min, mode, max}"),
        ({}, ": got nothing; allowed: {p10, p50, p90} or {min, mode, max}"),
        (
            {"p10": 1, "p50": 2, "p90": 2},
            ".p50: got 2; allowed: a value between p10 and p90, not p90 itself: no distribution has both there; "
            "{min, mode, max} may",
        ),
        ({"p10": -5, "p50": 0, "p90": 2}, ".p50: got 0; allowed: > 0, as traffic.requests_per_month"),
        ({"min": -5, "mode": 3, "max": 4}, ".min: got -5; allowed: > 0, as traffic.requests_per_month"),
        ({"p10": 1, "p50": 2, "p90": 3, "p95": 4}, ".p95: no such field; did you mean p90?"),
    ],
)  # fmt: skip
def test_figures_that_make_no_distribution(figures: dict[str, float], message: str) -> None:
    assert problems_with(uncertain((VOLUME, figures))) == [f"uncertain[{VOLUME}]{message}"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("traffic.requests_per_mont", "no 'requests_per_mont' here (character 9 of the path); did you mean requests_per_month?"),
        ("finance.people[Run].fte", "no 'Run' here (character 16 of the path)"),
        ("tasks.faq.output_tokens.p50", "200 has no fields (character 25 of the path)"),
        ("traffic..x", "a key is missing here (character 9 of the path)"),
        ("run.seed", "chosen, not uncertain: neither dates, horizon and seed nor targets, budget and what costs are compared with can be"),
        ("finance.horizon_months", "chosen, not uncertain: neither dates, horizon and seed nor targets, budget and what costs are compared with can be"),
        ("start", "no number stands there: only numbers can be uncertain"),
        ("deployments.a.model", "no number stands there: only numbers can be uncertain"),
        ("strategies", "no number stands there: only numbers can be uncertain"),
        ("models.m.image_usd_per_mtok", "no number stands there; give one first, and what is believed of it here"),
        ("finance.budget_usd_per_month", "no number stands there; give one first, and what is believed of it here"),
    ],
)  # fmt: skip
def test_what_cannot_be_uncertain(path: str, message: str) -> None:
    found = problems_with(uncertain((path, {"p10": 1, "p50": 2, "p90": 3})))
    assert len(found) == 1
    assert found[0].endswith(f": {message}")


def test_one_number_is_named_once_by_whatever_path() -> None:
    people = {"finance.people": [{"name": "Run", "fte": 1, "usd_per_year": 100_000}]}
    figures = {"p10": 0.5, "p50": 1, "p90": 2}
    found = problems_with(
        {**people, "uncertain": {"finance.people[Run].fte": figures, "finance.people[0].fte": figures}}
    )
    assert found == ['uncertain["finance.people[0].fte"]: the same number as finance.people[Run].fte']


def test_a_median_beside_the_number_of_the_scenario_is_noticed() -> None:
    changes = uncertain((VOLUME, {"p10": 500, "p50": 900, "p90": 2000}))
    assert [one for one in notices_with(changes) if one.startswith("uncertain")] == [
        f"uncertain[{VOLUME}].p50: 900, but {VOLUME} is 1000: where all is as expected, the draws stand at 900"
    ]
    as_it_is = notices_with(uncertain((VOLUME, {"p10": 500, "p50": 1000, "p90": 2000})))
    assert not [one for one in as_it_is if one.startswith("uncertain")]


def pair(a: str, b: str, rank: float) -> dict[str, Any]:
    return {"between": [a, b], "rank": rank}


THREE = {
    VOLUME: {"p10": 500, "p50": 1000, "p90": 2000},
    "gateway.fee": {"min": 0, "mode": 0, "max": 0.1},
    "models.m.input_usd_per_mtok": {"p10": 0.5, "p50": 1, "p90": 2},
}


@pytest.mark.parametrize(
    ("correlated", "message"),
    [
        ([pair(VOLUME, "gateway.fees", 0.5)], "correlated[0].between[1]: got 'gateway.fees'; allowed: a path under uncertain; did you mean gateway.fee?"),
        ([pair(VOLUME, VOLUME, 0.5)], "correlated[0].between: an input goes with itself always: two different paths are needed"),
        ([pair(VOLUME, "gateway.fee", 0.5), pair("gateway.fee", VOLUME, 0.1)], "correlated[1].between: said before, under correlated[0]"),
        ([pair(VOLUME, "gateway.fee", 1)], "correlated[0].rank: got 1; allowed: number > -1, below 1"),
        (
            [pair(VOLUME, "gateway.fee", 0.9), pair("gateway.fee", "models.m.input_usd_per_mtok", 0.9), pair(VOLUME, "models.m.input_usd_per_mtok", -0.5)],
            "correlated: no inputs can go together in all these ways at once: the matrix of correlations is not positive "
            "definite; make some of them weaker",
        ),
    ],
)  # fmt: skip
def test_correlations_that_say_nothing(correlated: list[dict[str, Any]], message: str) -> None:
    assert problems_with({"uncertain": THREE, "correlated": correlated}) == [message]


def test_what_is_taken_survives_writing_and_reading() -> None:
    plan = scenario({"uncertain": THREE, "correlated": [pair(VOLUME, "gateway.fee", -0.4)]})
    again = load(plan.to_dict())
    assert isinstance(again, Scenario)
    assert again == plan
    assert again.uncertain[VOLUME].figures == (("p10", 500.0), ("p50", 1000.0), ("p90", 2000.0))
    assert again.uncertain["gateway.fee"].figures == (("min", 0.0), ("mode", 0.0), ("max", 0.1))
    assert again.hash != scenario().hash
    changed = plan.set({f"uncertain[{VOLUME}].p90": 5000})
    assert changed.uncertain[VOLUME].p90 == 5000


def test_a_scenario_without_them_is_what_it_was() -> None:
    assert "uncertain" not in scenario().to_dict()
    assert scenario().hash == load(changed_at({})).hash
    assert not scenario().uncertain
