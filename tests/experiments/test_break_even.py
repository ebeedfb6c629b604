"""Break-even of strategies: volumes, months, errors and shares, each tried by billing or simulating there."""

import json
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import planner
from planner.api import break_even, compare
from planner.cli.evens import texts
from planner.errors import PlannerError
from planner.experiments.comparison import run_strategy
from planner.experiments.even_servers import busy_s_per_request, peak_to_mean
from planner.experiments.omni_share import COARSE, FINEST, omni_share, with_share
from planner.finance import account
from planner.finance.break_even import cheaper_at
from planner.scenario.fields import Scenario
from tests.experiments.test_decision_map import ERROR, VOLUME, small

SCENARIOS = Path(__file__).parents[2] / "scenarios"


@pytest.fixture(scope="module")
def even() -> Any:
    return break_even(small())


def test_at_v_star_both_bills_are_the_same(even) -> None:
    """The same windows billed for V* requests a month: a difference of 0, but for quantities rounded to 1e-6."""
    (pair,) = even.pairs
    ((volume, before, after),) = [(one.volume, one.before, one.after) for one in pair.volumes]
    assert (before, after) == ("omni-only", "mini-only")
    results, windows = even.comparison.results, even.comparison.windows

    def gap(requests: float) -> Decimal:
        there = small().set({VOLUME: requests})
        bills = [
            account(there, name, windows, [cell.quantities for cell in results[name].cells]).total()
            for name in ("omni-only", "mini-only")
        ]
        return bills[0] - bills[1]

    assert abs(gap(float(volume))) < Decimal("0.000001")
    assert gap(0.9 * float(volume)) < 0 < gap(1.1 * float(volume))


def test_v_star_by_hand_where_errors_are_left_out() -> None:
    """300 USD once against 0.004 - 0.00024 = 0.00376 USD a request: 79,787 in January, x 2,629,800 / 2,678,400."""
    (pair,) = break_even(small(objective="invoiced")).pairs
    expected = Fraction(300) / Fraction("0.00376") * Fraction(2_629_800, 2_678_400)
    assert float(pair.volumes[0].volume) == pytest.approx(float(expected), rel=1e-9)
    assert pair.today == "mini-only"


def test_a_month_has_its_own_break_even(even) -> None:
    """One month is the whole plan here, so it is V* by the month's length."""
    own = even.in_month("2027-01")["omni-only", "mini-only"]
    scale = Fraction(2_678_400, 2_629_800)
    assert float(own.volumes[0].volume) == pytest.approx(
        float(even.pairs[0].volumes[0].volume * scale), rel=1e-9
    )
    assert float(own.requests) == pytest.approx(100_000 * float(scale))
    assert own.always is None
    with pytest.raises(PlannerError, match=r"month: got '2027-02'; allowed: 2027-01 to 2027-01"):
        even.in_month("2027-02")


def test_at_c_star_the_windows_billed_again_cost_the_same(even) -> None:
    common, own = even.pairs[0].error_costs
    assert own.task == "ask"
    assert (own.below, own.above) == ("mini-only", "omni-only")
    assert common.factor == own.factor
    results, windows = even.comparison.results, even.comparison.windows

    def gap(usd: float) -> Decimal:
        there = small().set({ERROR: usd})
        bills = [
            account(there, name, windows, [cell.quantities for cell in results[name].cells]).total()
            for name in ("omni-only", "mini-only")
        ]
        return bills[0] - bills[1]

    at = float(own.usd)
    wrong = max(results[name].ledger.expected("wrong") for name in results)
    assert abs(gap(at)) <= wrong * Decimal(str(at)) * Decimal("1e-15")  # C* itself is a float here
    assert gap(0.99 * at) > 0 > gap(1.01 * at)


def test_c_star_is_known_where_errors_cost_nothing_today() -> None:
    (pair,) = break_even(small(tasks__ask__cost_of_wrong_answer_usd=0)).pairs
    (own,) = pair.error_costs
    (priced,) = [one for one in break_even(small()).pairs[0].error_costs if one.task]
    assert own.usd == priced.usd
    assert own.factor is None


def test_c_star_is_the_methods_formula_per_request(even) -> None:
    """C* = (c_o - c_m) / (err_m - err_o), costs of a request with what is paid once spread over all of them."""
    results = even.comparison.results
    requests = results["omni-only"].ledger.expected("planned")
    cost = {name: one.tco.invoiced_usd / requests for name, one in results.items()}
    err = {name: one.ledger.expected("wrong") / requests for name, one in results.items()}
    expected = (cost["omni-only"] - cost["mini-only"]) / (err["mini-only"] - err["omni-only"])
    assert float(even.pairs[0].error_costs[1].usd) == pytest.approx(float(expected), rel=1e-9)


def test_a_comparison_is_not_simulated_again(even, monkeypatch: pytest.MonkeyPatch) -> None:
    from planner.experiments import break_even as module

    monkeypatch.setattr(module, "compare", lambda *_, **__: pytest.fail("simulated again"))
    again = break_even(even.comparison)
    assert again.pairs == even.pairs
    json.dumps(again.to_dict(), allow_nan=False)


def test_strategies_that_there_are_not_are_named() -> None:
    with pytest.raises(PlannerError, match=r"strategy: got 'hybrid'; allowed"):
        break_even(small(), between=("omni-only", "hybrid"))
    with pytest.raises(
        PlannerError, match=r"between: got omni-only, omni-only; allowed: two different strategies"
    ):
        break_even(small(), between=("omni-only", "omni-only"))


# -- o1-mini: its price fell on 2025-01-31 ------------------------------------------------------------


def o1_mini(hidden: float) -> Scenario:
    raw = planner.load(SCENARIOS / "o1-mini-2024.yaml").to_dict()
    raw["run"] = {"replications": 1, "window_s": 3600}
    return Scenario.model_validate(raw).set({"models.o1-mini.reasoning_tokens_per_output_token": hidden})


def test_o1_mini_never_catches_up_with_gpt_4o_of_august_at_four_hidden_tokens() -> None:
    """18,000 + 2,700 against 5,250 USD per million at launch, 7,590 after the cut: dearer at both."""
    found = break_even(o1_mini(4), between=("gpt-4o-august", "o1-mini"))
    (pair,) = found.pairs
    assert pair.volumes == ()
    assert (pair.always, pair.months.leads_at_first, pair.months.turns) == (
        "gpt-4o-august",
        "gpt-4o-august",
        (),
    )


def test_never_holds_only_at_the_prices_of_the_launch() -> None:
    """At 0.5 hidden tokens o1-mini costs 8,100 until 2025-01-30, and 2,970 after: against 5,250.

    141 days x 2,850 = 401,850 too much, then 2,280 a day less: level after 176.25 days, on 2025-07-26. So it has cost more
    by the end of every month up to June 2025, and less from July on. In the month of the launch it is never cheaper.
    """
    found = break_even(o1_mini(0.5), between=("gpt-4o-august", "o1-mini"))
    (pair,) = found.pairs
    assert [(turn.month, turn.before, turn.after) for turn in pair.months.turns] == [
        ("2025-07", "gpt-4o-august", "o1-mini")
    ]
    assert pair.months.leads_at_first == "gpt-4o-august"
    assert pair.always == "o1-mini"  # over the twelve months: 5,250 is level at r = 0.6355
    at_launch = found.in_month("2024-10")["gpt-4o-august", "o1-mini"]
    assert (at_launch.volumes, at_launch.always) == ((), "gpt-4o-august")
    after_the_cut = found.in_month("2025-03")["gpt-4o-august", "o1-mini"]
    assert (after_the_cut.volumes, after_the_cut.always) == ((), "o1-mini")


# -- own servers that follow the volume ----------------------------------------------------------------


def served(**more: Any) -> Scenario:
    """A server of two replicas that hold 8 calls together; an answer takes 0.5 s and 200 tokens at 100 a second."""
    return small(
        deployments__b={
            "model": "small",
            "latency": {"ttft_s": 0.5, "tokens_per_s": 100},
            "server": {"gpu": "l4", "replicas": 2, "usd_per_gpu_hour": 0.5},
            "limits": {"concurrent": 8},
        },
        models__small={},
        objective="invoiced",
        finance__one_time=[],
        **more,
    )


def test_servers_follow_the_volume_by_what_they_carried() -> None:
    """A call is under way for 0.5 + 199 / 100 or 200 / 100 s, about 2.5 s. A replica holds 4 calls, at 50 % two:
    2 x 2,629,800 / 2.5 = 2.1 million requests a month. Two replicas cost 2 x 0.5 x 744 = 744 USD in January, one 372.
    """
    found = break_even(served(), headroom=0.5)
    steps = found.lines["mini-only"].steps
    assert steps is not None
    busy_s = busy_s_per_request(found.comparison, "mini-only", "b")
    assert float(busy_s) == pytest.approx(2.5, abs=0.02)
    assert peak_to_mean(served()) == pytest.approx(
        1.0, rel=0.02
    )  # flat; January has 31 days of the same load
    assert float(steps.capacity) == pytest.approx(2 * 2_629_800 / float(busy_s), rel=1e-9)
    assert steps.usd == 372
    assert steps.spare == 1
    (pair,) = found.pairs
    first = pair.volumes[0]
    # One replica and the spare, 744 USD, against 0.004 x 31 days / a mean month for a request a month.
    assert float(first.volume) == pytest.approx(744 / (0.004 * 2_678_400 / 2_629_800), rel=1e-9)
    assert first.volume <= steps.capacity
    assert cheaper_at(found.lines["omni-only"], found.lines["mini-only"], first.volume * 2) == "mini-only"


def test_standing_servers_are_the_ledgers() -> None:
    line = break_even(served()).lines["mini-only"]
    assert (line.fixed_usd, line.unit_usd, line.steps) == (744, 0, None)


def test_a_server_without_a_known_capacity_is_refused() -> None:
    unknown = served().set({"deployments.b.limits.concurrent": [{"until_s": 600, "value": 8}, {"value": 6}]})
    with pytest.raises(
        PlannerError, match=r"deployments\.b\.limits\.concurrent: got steps; allowed: the calls"
    ):
        break_even(unknown, headroom=0.7)
    with pytest.raises(PlannerError, match=r"headroom: got 1.5; allowed: more than 0, at most 1"):
        break_even(served(), headroom=1.5)


# -- omni share ----------------------------------------------------------------------------------------


def routed(error_usd: float, **more: Any) -> Scenario:
    """Hard and easy questions; a router of our own between the two models."""
    base = small(
        tasks__ask={
            "input_tokens": 800,
            "output_tokens": 200,
            "cost_of_wrong_answer_usd": error_usd,
            "difficulty": {"mean": 0.5, "sd": 1.5},
            "accuracy": {"big": 0.93, "small": 0.75},
        },
        strategies__hybrid={
            "omni": ["a"],
            "mini": ["b"],
            "router": {"omni_share": 0.5, "score_correlation": 0.8},
        },
        run__window_s=7200,
        traffic__requests_per_month=400_000,
        **more,
    )
    return base


def brute(scenario: Scenario, floor: float | None) -> tuple[Decimal, float]:
    """Cost and share of the cheapest of 41 shares, evenly spaced."""
    found = []
    for step in range(41):
        share = step / 40
        result, _ = run_strategy(with_share(scenario, "hybrid", share), "hybrid")
        accuracy = result.estimates["", "accuracy"].value
        if floor is None or (accuracy is not None and accuracy >= floor):
            found.append((result.tco.economic_usd, share))
    return min(found)


@pytest.mark.slow
@pytest.mark.parametrize(("error_usd", "floor"), [(0.03, None), (0.0, 0.85)])
def test_no_share_of_forty_one_is_cheaper_but_by_luck(error_usd: float, floor: float | None) -> None:
    """Around its least the cost is flat, and what a share costs hangs on which requests it sends: 1 % of it is luck."""
    found = omni_share(routed(error_usd), "hybrid", floor=floor)
    least, share = brute(routed(error_usd), floor)
    assert found.best is not None
    assert found.near is not None
    assert found.best.cost.value <= least * Decimal("1.01")
    assert found.near[0] - 0.025 <= share <= found.near[1] + 0.025


def test_a_point_of_the_search_is_a_comparison_with_that_share() -> None:
    found = omni_share(routed(0.03), "hybrid")
    assert {point.share for point in found.points} >= set(COARSE)
    for point in found.points[::5]:
        fresh = compare(with_share(routed(0.03), "hybrid", point.share)).results["hybrid"]
        assert point.cost.value == fresh.tco.economic_usd
        assert point.accuracy == fresh.estimates["", "accuracy"]
    assert (found.floor, found.floor_binds, found.today) == (None, False, 0.5)
    assert found.best == found.free
    assert found.near is not None
    assert found.near[0] <= found.best.share <= found.near[1]


def test_the_floor_binds_where_free_errors_would_send_all_to_mini() -> None:
    """Where errors cost nothing mini alone is cheapest; a floor of 0.85 buys just as much omni as it needs."""
    found = omni_share(routed(0.0), "hybrid", floor=0.85)
    assert found.free.share == 0.0
    assert found.floor_binds
    assert found.best is not None
    below = [point for point in found.points if point.share < found.best.share]
    assert below
    assert not any(point.keeps(0.85) for point in below)
    assert found.best.share - below[-1].share <= FINEST + 1e-9


def test_no_share_may_keep_the_floor() -> None:
    found = omni_share(routed(0.03), "hybrid", floor=0.99)
    assert (found.best, found.near) == (None, None)
    assert found.floor_binds


def test_the_full_cost_of_a_request_is_the_methods_closed_form() -> None:
    """c = q c_o + (1 - q) c_m + err C, with q the realised share: what is billed for tokens and errors, by hand."""
    scenario = routed(0.03, finance__one_time=[])
    for share in (0.0, 0.3, 1.0):
        result = compare(with_share(scenario, "hybrid", share)).results["hybrid"]
        requests = float(result.ledger.expected("planned"))
        q = result.estimates["", "omni_share"].value or 0.0
        err = 1 - (result.estimates["", "accuracy"].value or 0.0)
        expected = q * 0.004 + (1 - q) * 0.00024 + err * 0.03
        assert float(result.tco.economic_usd) / requests == pytest.approx(expected, rel=2e-3)


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        ("omni-only", "an omni share needs both tiers and a threshold router; those that have them: hybrid"),
        ("hybird", "did you mean hybrid"),
    ],
)
def test_strategies_without_a_threshold_are_refused(strategy: str, message: str) -> None:
    with pytest.raises(PlannerError, match=message):
        omni_share(routed(0.03), strategy)
    with pytest.raises(PlannerError, match=r"floor: got 1.2; allowed: 0 to 1"):
        omni_share(routed(0.03), "hybrid", floor=1.2)


def test_no_v_star_where_growth_nears_a_saturation() -> None:
    """Twice the volume at the start is not twice the requests of the plan there; without growth it is."""
    bound = {"traffic.saturation_requests_per_month": 1e7}
    with pytest.raises(PlannerError, match="growth slows down towards traffic"):
        break_even(small().set({**bound, "traffic.growth_per_month": 0.2}))
    still = break_even(small().set({**bound, "traffic.growth_per_month": 0.0}))
    assert still.pairs[0].volumes == break_even(small()).pairs[0].volumes


def test_a_mean_month_of_a_plan_that_ends_early_is_one_of_its_own_months() -> None:
    """24 months that end after one: the chart's month is that one, and what is printed names its days."""
    early = break_even(small().set({"finance.horizon_months": 24, "finance.until": "2027-02-01"}))
    whole = break_even(small())
    assert early.line_rows(1000.0).equals(whole.line_rows(1000.0))
    assert early.crossing_rows().equals(whole.crossing_rows())
    assert "cost over 2027-01-01 to 2027-01-31, today" in next(texts(early))
