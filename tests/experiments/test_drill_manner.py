"""How a provider is out: part of the calls, a status, a slowdown, refusals with a Retry-After; worked out by hand."""

from typing import Any

import numpy as np
import pytest

from planner import tables
from planner.chance import stream_id, uniform
from planner.experiments.drill import Drill, drill
from planner.experiments.drill_manner import MODES, Manner
from planner.experiments.drill_runs import Bench, Pair
from planner.experiments.drill_stretch import plan_drill
from planner.scenario import Scenario
from tests.experiments.drills import limited, scenario

ALONE: dict[str, Any] = {
    "provider": "openai",
    "minutes": 30,
    "at": 1800,
    "strategies": ["alone"],
    "quota": False,
}
BOTH = ALONE | {"strategies": ["both"]}


def of(found: Drill, strategy: str = "alone") -> Any:
    return found.strategies[strategy]


def pairs(scenario: Scenario, mode: str, strategy: str = "alone", **figures: Any) -> list[Pair]:
    plan = plan_drill(scenario, "openai", 30, 1800, mode, [strategy], figures)
    return Bench(scenario, plan, plan.stretch, 2, "compiled").pairs(strategy)


# -- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_refused_requests_come_again_when_they_were_told_to(engine: str) -> None:
    """Arrivals at 0, 1, ... 1,799 s of the outage, each refused at once and sent again 10 s later, once.

    Up to 1,789 s the second call is refused too; the last ten meet a provider that is back. The very last comes again
    9 s after the outage and is answered half a second later.
    """
    changed = scenario(policy__retries=1)
    found = of(drill(changed, mode="limited", retry_after_s=10.0, engine=engine, **ALONE))
    during = found.phases[1]
    assert found.n_lost == {"without": {}, "with": {"limit": 2 * 1790}}
    assert found.n_refused == during.n_refused == 2 * 1790
    assert during.refused.value == during.lost["limit"].with_outage.value == 1790
    assert during.served["first"].with_outage.value == 10
    assert {fate: one.value for fate, one in during.fates.items()} == {"lost": 1790, "changed": 10}
    assert during.calls_per_request.with_outage.value == 2
    assert found.recovery.all_s.value == 9.5
    assert found.backlog.peak.value == 10


def test_a_wait_that_was_asked_for_beyond_the_policys_cap_is_not_waited() -> None:
    changed = scenario(policy__retries=1, policy__retry_after_cap_s=5)
    found = of(drill(changed, mode="limited", retry_after_s=10.0, **ALONE))
    assert found.phases[1].calls_per_request.with_outage.value == 1
    assert found.n_refused == 2 * 1800


@pytest.mark.parametrize("when_limited", ["retry", "reject"])
def test_a_fallbacks_own_limit_is_no_refusal_of_the_outage(when_limited: str) -> None:
    """The fallback takes 20 a minute; it turns the others away last, with a 429 or without any row."""
    quota = limited(scenario(policy__when_limited=when_limited), requests_per_minute=20, kind="fixed-window")
    found = of(drill(quota, mode="limited", retry_after_s=7.0, **BOTH), "both")
    assert found.n_lost["with"] == {"limit": 2 * (1800 - 30 * 20)}
    assert found.n_refused == 0


def test_the_providers_own_limit_is_no_refusal_of_the_outage() -> None:
    """Of 60 arrivals a minute the provider's own limit lets 30 through, which the outage then refuses, in no time too."""
    own = {"requests_per_minute": 30, "tokens_per_minute": None, "kind": "fixed-window"}
    found = of(drill(scenario(deployments__first__limits=own), mode="limited", **ALONE))
    assert found.n_lost["with"]["limit"] - found.n_lost["without"]["limit"] == 2 * 900
    assert found.phases[1].n_lost["with"] == {"limit": 2 * 1800}
    assert found.n_refused == 2 * 900


def test_refusals_cost_nothing_and_buy_nothing() -> None:
    money = of(drill(scenario(gap_s=10), mode="limited", **ALONE)).money
    assert {part.part: str(part.usd.value.normalize()) for part in money.parts} == {
        "not bought for lost requests": "-0.216"
    }


def test_losses_to_the_outages_own_refusals_are_named_where_no_quota_helps() -> None:
    """The first choice fails three tenths of its calls by itself; who then comes to the provider that is out is refused."""
    changed = scenario(gap_s=5, strategies__turned={"omni": ["second", "first"]}).set(
        {"deployments.second.errors": {"rate": 0.3, "status": 500, "latency_s": 0.1}}
    )
    asked = ALONE | {"strategies": ["turned"], "quota": True}
    quota = of(drill(changed, mode="limited", **asked), "turned").quota
    assert quota.lost_by_cause == {"limit": quota.n_refused}
    assert quota.n_refused > 0
    assert "by limit (all the outage's own 429) (mean of 2) are lost all the same" in quota.text


def test_the_quota_of_refused_calls_is_that_of_failed_ones() -> None:
    """Both take no time, so that the fallback meets the same calls; 59 a minute hand out 1,800 (see `test_drill`)."""
    quota = limited(scenario(), requests_per_minute=20)
    for mode in ("error", "limited"):
        found = of(drill(quota, mode=mode, **(BOTH | {"quota": True})), "both").quota
        assert [one.needed for one in found.quotas] == [59, 59_000, 1]
        assert found.n_refused == 0


# -- part of the calls -----------------------------------------------------------------------------


def drawn(pair: Pair, replication: int, seed: int, call: int) -> np.ndarray:
    """The draw that decides whether a call meets the outage, of each request in the order of Outcomes."""
    stream = stream_id("outage-share", "first")
    names = pair.without.outcomes["request"]
    return np.array([uniform(seed, replication, stream, int(name), call) for name in names])


@pytest.mark.parametrize("retries", [0, 1])
@pytest.mark.parametrize(
    ("mode", "cause"), [("error", "provider-error"), ("hang", "timeout"), ("limited", "limit")]
)
def test_a_call_meets_a_partial_outage_by_a_draw_of_its_own(mode: str, cause: str, retries: int) -> None:
    """Lost are requests of which every call in the outage was drawn below the share."""
    changed = scenario(policy__retries=retries, policy__backoff={"kind": "fixed", "waits_s": [0]})
    told = of(drill(changed, mode=mode, share=0.3, **ALONE))
    n_lost = 0
    for replication, pair in enumerate(pairs(changed, mode, share=0.3)):
        arrived_s = pair.without.outcomes["arrived_ns"] / 1e9
        latency_s = 5.0 if mode == "hang" else 0.0
        lost = np.ones(arrived_s.shape, np.bool_)
        for call in range(retries + 1):
            started_s = arrived_s + call * latency_s
            is_inside = (started_s >= 1800) & (started_s < 3600)
            lost &= is_inside & (drawn(pair, replication, changed.run.seed, call) < 0.3)
        assert 0 < lost.sum() < 1800
        assert np.array_equal(lost, pair.with_outage.outcomes["outcome"] != tables.OK)
        n_lost += int(lost.sum())
    assert told.n_lost["with"] == {cause: n_lost}
    assert told.n_refused == (n_lost if mode == "limited" else 0)


def test_a_partial_outage_is_served_by_both() -> None:
    found = of(drill(scenario(), mode="error", share=0.25, **BOTH), "both")
    during = found.phases[1]
    first, second = (during.served[name].with_outage.value for name in ("first", "second"))
    assert first + second == 1800
    # Of 3,600 calls a quarter: five standard errors of a mean of two are 92.
    assert second == pytest.approx(450, abs=92)
    assert during.calls_per_request.with_outage.value == pytest.approx((1800 + second) / 1800)
    assert found.fates["elsewhere"].value == found.affected.value == second
    money = found.money
    (part,) = money.parts
    assert float(part.usd.value) == pytest.approx(second * 0.0024)  # 0.0036 there, 0.0012 here


def test_all_calls_meet_a_drill_whatever_share_the_law_has() -> None:
    law = {"mtbf_h": 1e6, "duration_h": 0.1, "share": 0.1}
    found = of(drill(scenario(deployments__first__outages=law), mode="error", **ALONE))
    assert found.lost.with_outage.value == 1800


# -- figures of a mode -----------------------------------------------------------------------------


def test_a_status_that_was_given_is_answered_and_else_that_of_the_law() -> None:
    changed = scenario(
        gap_s=10, deployments__first__outages={"mtbf_h": 1e6, "duration_h": 0.1, "status": 520}
    )
    for given, status in ((529, 529), (None, 520)):
        for pair in pairs(changed, "error", status=given):
            rows = pair.with_outage.attempts
            assert set(rows["status"][rows["outcome"] == tables.ERROR].tolist()) == {status}


@pytest.mark.parametrize(("given", "took_s"), [(4.0, 2.0), (None, 3.5)])
def test_a_slowdown_that_was_given_comes_before_that_of_the_law(given: float | None, took_s: float) -> None:
    law = {"mtbf_h": 1e6, "duration_h": 0.1, "slowdown": 7.0}
    changed = scenario(gap_s=10, deployments__first__outages=law)
    found = of(drill(changed, mode="degraded", slowdown=given, **ALONE))
    assert found.phases[1].latency_p95_s.with_outage.value == took_s


def test_a_retry_after_of_the_law_holds_where_none_is_given() -> None:
    law = {"mtbf_h": 1e6, "duration_h": 0.1, "mode": "limited", "retry_after_s": 20.0, "error_latency_s": 0.0}
    changed = scenario(policy__retries=1, deployments__first__outages=law)
    for given, served in ((None, 20), (10.0, 10)):
        found = of(drill(changed, mode="limited", retry_after_s=given, **ALONE))
        assert found.phases[1].served["first"].with_outage.value == served


def test_modes_are_those_of_the_language() -> None:
    assert MODES == ("error", "hang", "degraded", "limited")


@pytest.mark.parametrize(
    ("manner", "n", "words"),
    [
        (Manner(mode="error"), 1, "answers errors"),
        (Manner(mode="hang", share=0.125), 1, "does not answer 12.5 % of calls"),
        (Manner(mode="hang"), 2, "do not answer"),
        (Manner(mode="degraded", slowdown=2.5, share=0.5), 2, "are slow (2.5 times) with 50 % of calls"),
        (Manner(mode="limited", share=0.4, retry_after_s=20), 1, "refuses 40 % of calls with 429, to be sent again after 20 s"),
    ],
)  # fmt: skip
def test_an_outage_is_told_in_words(manner: Manner, n: int, words: str) -> None:
    assert manner.words(n) == words


# -- several providers at once ---------------------------------------------------------------------


def test_two_providers_that_are_out_together_lose_everything() -> None:
    asked = BOTH | {"provider": "openai,together", "quota": True}
    found = drill(scenario(), **asked)
    assert found.providers == ("openai", "together")
    assert found.provider == "openai and together"
    assert found.deployments == ("first", "second")
    both = of(found, "both")
    assert both.n_lost["with"] == {"provider-error": 2 * 1800}
    assert both.quota.text == "No quota helps: it has no deployment beside those of openai and together."
    assert both.phases[1].calls_per_request.with_outage.value == 2


def test_a_strategy_that_asks_one_of_several_providers_loses_what_that_one_served() -> None:
    found = drill(scenario(), **(ALONE | {"provider": "together,openai", "strategies": ["alone", "both"]}))
    assert found.deployments == ("first", "second")
    assert of(found).lost.with_outage.value == 1800
    assert of(found).phases[1].calls_per_request.with_outage.value == 1
