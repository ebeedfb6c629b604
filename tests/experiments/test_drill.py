"""Drills worked out by hand, and what must hold in all of them."""

import dataclasses
import json
import random
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import planner
from planner import tables
from planner.errors import LoadExceedsCapacity, PlannerError, PriceUnknown
from planner.experiments.drill import Drill, drill
from planner.experiments.drill_counts import UNCHANGED, fates
from planner.experiments.drill_manner import MODES
from planner.experiments.drill_runs import Bench
from planner.experiments.drill_stretch import plan_drill
from planner.finance import count, long_thresholds
from planner.finance.ledger import EXACT, total_of
from planner.finance.tariff import Tariff
from planner.scenario import Scenario, load
from tests.engines import space
from tests.experiments.drills import limited, scenario, tree

CHATBOT = "scenarios/support-chatbot.yaml"


def of(found: Drill, strategy: str = "both") -> Any:
    return found.strategies[strategy]


def without_time(found: Drill) -> dict[str, Any]:
    return found.to_dict() | {"seconds": 0, "engine": "", "simulated_requests": 0}


# -- who is served by whom -------------------------------------------------------------------------


def test_the_fallback_serves_all_of_an_outage_and_nothing_else() -> None:
    found = drill(scenario(), provider="openai", minutes=30, at="1800", strategies=["both"])
    before, during, after = of(found).phases
    assert [phase.n_requests for phase in (before, during, after)] == [2 * 1800] * 3
    assert {name: one.with_outage.value for name, one in before.served.items()} == {"first": 1800}
    assert {name: one.with_outage.value for name, one in during.served.items()} == {
        "first": 0,
        "second": 1800,
    }
    assert {name: one.without.value for name, one in during.served.items()} == {"first": 1800, "second": 0}
    assert {name: one.with_outage.value for name, one in after.served.items()} == {"first": 1800}
    assert of(found).lost.with_outage.value == 0
    assert during.calls_per_request.with_outage.value == 2
    assert during.calls_per_request.without.value == 1
    assert during.calls_per_request.difference.value == 1
    # Nobody waits any longer: the error comes at once, and both answer in half a second.
    assert of(found).backlog.peak.value == 0
    assert of(found).recovery.all_s.value == 0
    assert of(found).affected.value == 1800


def test_without_a_fallback_all_requests_of_the_outage_are_lost() -> None:
    found = of(drill(scenario(), provider="openai", minutes=30, at=1800, strategies=["alone"]), "alone")
    assert found.n_lost == {"without": {}, "with": {"provider-error": 2 * 1800}}
    assert found.phases[1].lost["provider-error"].with_outage.value == 1800
    assert found.fates["lost"].value == 1800
    assert found.quota is not None
    assert found.quota.text == "No quota helps: it has no deployment beside those of openai."


def test_a_strategy_without_the_provider_is_not_touched() -> None:
    changed = scenario(strategies__other={"omni": ["second"]})
    found = drill(changed, provider="openai", minutes=10, at=1800)
    assert not of(found, "other").is_touched
    assert of(found, "other").affected.value == 0
    assert of(found, "other").money.invoiced_usd.value == 0
    assert of(found, "other").sentence == "other has no deployment of the provider: nobody is affected."


# -- a finite fallback quota -----------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_a_fixed_window_hands_out_its_quota_every_minute(engine: str) -> None:
    """Thirty minutes of 60 arrivals at a quota of 20: lost are arrivals less the capacity handed out."""
    quota = limited(scenario(), requests_per_minute=20, kind="fixed-window")
    found = drill(
        quota, provider="openai", minutes=30, at=1800, strategies=["both"], engine=engine, quota=False
    )
    assert of(found).n_lost["with"] == {"limit": 2 * (1800 - 30 * 20)}
    assert of(found).phases[1].served["second"].with_outage.value == 30 * 20


@pytest.mark.parametrize("per_minute", [1, 7, 20, 58, 59])
def test_a_bucket_hands_out_what_it_holds_and_what_it_refills(per_minute: int) -> None:
    """Arrivals at 0, 1, ... 1,799 s of the outage; the bucket is full at the first and refills Q/60 a second."""
    handed_out = min(1800, int(per_minute + Fraction(per_minute, 60) * 1799))
    quota = limited(scenario(), requests_per_minute=per_minute)
    found = drill(quota, provider="openai", minutes=30, at=1800, strategies=["both"], quota=False)
    assert of(found).phases[1].lost.keys() <= {"limit"}
    assert of(found).lost.with_outage.value == 1800 - handed_out


def test_the_quota_that_loses_nothing_is_the_least_that_hands_out_enough() -> None:
    """Q (1 + 1799/60) >= 1800 first holds for Q = 59; a call at once is over before the next one comes."""
    quota = limited(scenario(), requests_per_minute=20)
    found = of(drill(quota, provider="openai", minutes=30, at=1800, strategies=["both"])).quota
    assert {one.field: one.needed for one in found.quotas} == {
        "requests_per_minute": 59,
        "tokens_per_minute": 59_000,
        "concurrent": 1,
    }
    assert found.n_lost == 2 * (1800 - int(20 + Fraction(1799, 3)))
    assert found.n_lost_unlimited == 0
    assert found.together == {
        "second": {"requests_per_minute": 59, "tokens_per_minute": 59_000, "concurrent": 1}
    }
    assert "nothing is lost: simulated." in found.text
    (first, *_) = found.quotas
    assert (first.given, first.rule, first.deployments) == (20, "none-lost", ("second",))


def test_the_advice_is_what_a_drill_with_it_finds() -> None:
    quota = limited(scenario(gap_s=3), requests_per_minute=2)
    advised = of(drill(quota, provider="openai", minutes=20, at=1800, strategies=["both"])).quota
    assert advised.n_lost > 0
    for limits in (
        {"requests_per_minute": advised.quotas[0].needed},
        {"requests_per_minute": None, "tokens_per_minute": advised.quotas[1].needed},
        {"requests_per_minute": None, "concurrent": advised.quotas[2].needed},
        dict(advised.together["second"]),
    ):
        again = drill(
            limited(quota, **limits), provider="openai", minutes=20, at=1800, strategies=["both"], quota=False
        )
        assert of(again).lost.with_outage.value == 0
    less = limited(quota, requests_per_minute=advised.quotas[0].needed - 1)
    again = drill(less, provider="openai", minutes=20, at=1800, strategies=["both"], quota=False)
    assert of(again).lost.with_outage.value > 0


def test_losses_that_no_quota_helps_are_told_with_their_cause() -> None:
    """The fallback fails a third of all calls by itself, whatever its limits."""
    changed = limited(scenario(gap_s=5), requests_per_minute=5).set(
        {"deployments.second.errors": {"rate": 0.3, "status": 500, "latency_s": 0.1}}
    )
    found = of(drill(changed, provider="openai", minutes=20, at=1800, strategies=["both"])).quota
    assert 0 < found.n_lost_unlimited < found.n_lost
    assert found.lost_by_cause == {"provider-error": found.n_lost_unlimited}
    assert found.text.startswith("No quota saves all: without any limit at second the outage still loses ")
    assert found.together


def test_waiting_at_a_limit_is_not_taken_for_enough() -> None:
    """`when_limited: wait` loses nothing at any quota: what counts is that nobody waits."""
    quota = limited(scenario(gap_s=2), requests_per_minute=20).set({"policy.when_limited": "wait"})
    found = of(drill(quota, provider="openai", minutes=20, at=1800, strategies=["both"])).quota
    assert found.n_lost == 0
    requests = found.quotas[0]
    assert requests.rule == "none-waits"
    assert requests.needed is not None
    assert requests.needed > 20
    assert "so that no call waits" in requests.text


# -- backlog and recovery --------------------------------------------------------------------------


def test_a_hang_holds_requests_until_they_time_out() -> None:
    """One request every 2 s; each waits 5 s for `first`, then half a second for `second`.

    Without the outage it is in flight for 0.5 s, with it for 5.5 s: 5 s more, which 2 or 3 arrivals share. The third is
    one too many from 4.5 s on. The last arrives 2 s before the end and is answered 3.5 s after it.
    """
    found = of(
        drill(scenario(gap_s=2), provider="openai", minutes=30, at=1800, mode="hang", strategies=["both"])
    )
    assert found.backlog.peak.value == 3
    assert found.backlog.peak_s.value == 4.5
    assert found.recovery.all_s.value == 3.5
    assert found.recovery.backlog_s.value == 3.5
    assert found.recovery.loss_s.value == 0
    assert found.recovery.is_complete
    assert found.phases[1].latency_p95_s.with_outage.value == 5.5
    assert found.phases[1].latency_p95_s.without.value == 0.5
    times, backlog = np.array(found.backlog.times_s), np.array(found.backlog.backlog)
    assert np.diff(times) == pytest.approx(18)  # 1 % of the outage
    assert backlog[times <= 0].max() == 0
    assert set(backlog[(times > 10) & (times < 1800)]) <= {2, 3}
    assert backlog[times > 1803.5].max() == 0


def test_the_backlog_is_the_difference_of_what_is_in_flight() -> None:
    found = of(
        drill(CHATBOT, provider="openai", minutes=10, mode="hang", replications=2, quota=False), "hybrid"
    )
    assert np.subtract(found.backlog.in_flight_with, found.backlog.in_flight_without) == pytest.approx(
        found.backlog.backlog
    )
    assert found.backlog.peak.value >= max(found.backlog.backlog)
    assert len(found.backlog.times_s) >= 300


def test_a_recovery_beyond_the_recording_is_not_told_as_one() -> None:
    """The outage lasts to the end of the recording: nobody sees what comes after it."""
    found = drill(
        scenario(minutes=60), provider="openai", minutes=29, at=1850, strategies=["both"], quota=False
    )
    assert not of(found).recovery.is_complete
    assert of(found).recovery.all_s.value is None
    assert of(found).recovery.longest_s is None
    assert "requests still differ" in found.notices[0]


def test_the_stretch_grows_until_all_is_as_it_would_have_been() -> None:
    """A breaker that stays open for 20 minutes keeps the fallback busy long after an outage of 5."""
    changed = load(CHATBOT).set({"policy.breaker.open_s": 1200, "policy.breaker.failures": 5})
    found = drill(
        changed, provider="openai", minutes=5, replications=2, quota=False, strategies=["mini-only"]
    )
    assert of(found, "mini-only").recovery.is_complete
    assert found.to_s == 5 * 60 + 2 * 600
    assert 900 < of(found, "mini-only").recovery.all_s.value < 1140


# -- money -----------------------------------------------------------------------------------------


def test_money_of_a_hang_by_hand() -> None:
    """60 requests of 1,000 and 100 tokens: 0.0012 USD at `first`, billed though cut, and 0.0036 USD at `second`."""
    money = of(
        drill(scenario(gap_s=10), provider="openai", minutes=10, at=1800, mode="hang", strategies=["both"])
    ).money
    assert {part.part: part.usd.value for part in money.parts} == {
        "price difference": Decimal("0.144"),
        "wasted/timeout": Decimal("0.072"),
    }
    assert money.invoiced_usd.value == money.economic_usd.value == Decimal("0.216")
    before, during, after = money.phases
    assert before.with_invoiced_usd == before.without_invoiced_usd == Decimal("0.072")
    assert (during.without_invoiced_usd, during.with_invoiced_usd) == (Decimal("0.072"), Decimal("0.288"))
    assert after.with_invoiced_usd == after.without_invoiced_usd
    assert not money.prices_downtime


def test_money_of_lost_requests_by_hand() -> None:
    """180 requests are not bought; the hour without answers costs 3,000 USD, of which the outage is half an hour."""
    changed = scenario(gap_s=10, finance__downtime_usd_per_hour=3000, tasks__ask__cost_of_wrong_answer_usd=1)
    money = of(drill(changed, provider="openai", minutes=30, at=1800, strategies=["alone"]), "alone").money
    assert {part.part: part.usd.value for part in money.parts} == {
        "not bought for lost requests": Decimal("-0.216"),
        "downtime": Decimal("1500"),
    }
    assert money.economic_usd.value == Decimal("1499.784")
    assert money.prices_downtime


def test_a_gateway_takes_its_share_of_every_part() -> None:
    changed = scenario(gap_s=10, gateway__fee=0.05)
    money = of(drill(changed, provider="openai", minutes=10, at=1800, mode="hang", strategies=["both"])).money
    assert {part.part: part.usd.value for part in money.parts} == {
        "price difference": Decimal("0.1512"),
        "wasted/timeout": Decimal("0.0756"),
    }


def test_cold_caches_are_not_told_as_free() -> None:
    found = drill(scenario(gap_s=10), provider="openai", minutes=10, at=1800, quota=False)
    told = found.to_dict()["strategies"]["both"]["money"]
    assert told["cold_caches_usd"] is None
    assert told["cold_caches_reason"] == "no deployment of the strategy has a prompt_cache"
    assert not any("cache" in part["part"] for part in told["parts"])


def test_cold_caches_are_in_the_parts_to_the_cent() -> None:
    # 60 requests in ten minutes, each with a prefix of 500 of its 1,000 tokens. At the first deployment all of them would
    # have found it: 500 x 0.5 + 500 x 1 + 100 x 2 = 950 millionths. At the second the first one writes it,
    # 500 x 3.75 + 500 x 3 + 100 x 6 = 3,975, and 59 find it: 500 x 0.3 + 1,500 + 600 = 2,250 each: 136,725, against
    # 57,000. Back at the first one, after 610 s, the prefix is gone: 1,200 instead of 950, once.
    raw = tree(gap_s=10)
    for row in raw["traffic"]["trace"]["rows"]:
        row["prefix_tokens"] = 500
    raw["models"]["cheap"] |= {"cached_input_usd_per_mtok": 0.5}
    raw["models"]["dear"] |= {"cached_input_usd_per_mtok": 0.3, "cache_write_usd_per_mtok": 3.75}
    for one in raw["deployments"].values():
        one["prompt_cache"] = {"ttl_s": 300, "min_tokens": 500, "step_tokens": 1}
    found = of(
        drill(load(raw), provider="openai", minutes=10, at=1800, strategies=["both"], quota=False)
    ).money
    assert {part.part: part.usd.value for part in found.parts} == {
        "price difference": Decimal("0.079725"),
        "same deployment": Decimal("0.00025"),
    }
    assert found.cold_caches_reason.startswith("in the parts above")


def test_money_without_a_price_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object) -> None:
        raise PriceUnknown("no input price of dear is known")

    monkeypatch.setattr(Tariff, "charges", unknown)
    found = of(drill(scenario(gap_s=10), provider="openai", minutes=10, at=1800, quota=False))
    assert found.money.invoiced_usd is None
    assert found.money.unknown == "no input price of dear is known"
    assert found.sentence.endswith("; what it costs is not known.")
    assert found.phases[1].served["second"].with_outage.value == 60


# -- what holds in all drills ----------------------------------------------------------------------

LIMITED_CHATBOT = {
    "deployments.omni-azure.limits": {"requests_per_minute": 20},
    "deployments.mini-anthropic.limits": {"tokens_per_minute": 60_000},
    "policy.timeout_s": 12,
    "gateway.fee": 0.05,
}


@pytest.fixture(scope="module")
def chatbot() -> Scenario:
    return load(CHATBOT).set(LIMITED_CHATBOT)


@pytest.fixture(
    scope="module",
    params=[
        {"mode": "error"},
        {"mode": "hang"},
        {"mode": "degraded"},
        {"mode": "limited"},
        {"mode": "error", "share": 0.4, "status": 529},
        {"mode": "hang", "share": 0.3},
        {"mode": "degraded", "share": 0.5, "slowdown": 6.0},
        {"mode": "limited", "share": 0.7, "retry_after_s": 20.0},
        {"mode": "limited", "provider": "openai,azure"},
    ],
    ids=lambda one: "-".join(map(str, one.values())),
)
def found(request: pytest.FixtureRequest, chatbot: Scenario) -> Drill:
    return drill(
        chatbot, **({"provider": "openai", "minutes": 15, "replications": 3, "quota": False} | request.param)
    )


def test_lost_requests_add_up_by_cause_and_phase(found: Drill) -> None:
    assert any(sum(one.n_lost["with"].values()) for one in found.strategies.values())
    for one in found.strategies.values():
        for run in ("without", "with"):
            by_phase: dict[str, int] = {}
            for phase in one.phases:
                for cause, n in phase.n_lost[run].items():
                    by_phase[cause] = by_phase.get(cause, 0) + n
            assert by_phase == one.n_lost[run]
        mean = one.lost.with_outage.value
        assert sum(one.n_lost["with"].values()) == pytest.approx(3 * mean)
        more = (one.fates["lost"].value or 0) - (one.fates["rescued"].value or 0)
        assert one.lost.difference.value == pytest.approx(more)
        assert set(one.n_lost["with"]) <= set(tables.CAUSES[1:])
        assert one.n_refused == sum(phase.n_refused for phase in one.phases)
        assert all(phase.n_refused <= phase.n_lost["with"].get("limit", 0) for phase in one.phases)
        assert found.mode == "limited" or one.n_refused == 0


def test_arrivals_are_those_served_and_those_lost(found: Drill) -> None:
    for one in found.strategies.values():
        for phase in one.phases:
            for run in ("without", "with_outage"):
                served = sum(getattr(paired, run).value for paired in phase.served.values())
                lost = sum(getattr(paired, run).value for paired in phase.lost.values())
                assert served + lost == pytest.approx(phase.requests.value)
            assert sum(fate.value for fate in phase.fates.values()) == pytest.approx(phase.requests.value)


def test_money_adds_up_to_the_last_digit(found: Drill) -> None:
    for one in found.strategies.values():
        money = one.money
        totals = {run: ledger.total() for run, ledger in money.ledgers.items()}
        invoiced = {run: ledger.total("invoiced") for run, ledger in money.ledgers.items()}
        assert money.economic_usd.value == EXACT.subtract(totals["with"], totals["without"])
        assert money.invoiced_usd.value == EXACT.subtract(invoiced["with"], invoiced["without"])
        assert total_of(part.usd.value for part in money.parts) == money.economic_usd.value
        bill = total_of(part.usd.value for part in money.parts if part.view == "invoiced")
        assert bill == money.invoiced_usd.value
        for run in ("without", "with"):
            phases = total_of(getattr(phase, f"{run}_economic_usd") for phase in money.phases)
            assert phases == totals[run]
            phases = total_of(getattr(phase, f"{run}_invoiced_usd") for phase in money.phases)
            assert phases == invoiced[run]


@pytest.mark.parametrize("strategy", ["omni-only", "mini-only", "hybrid"])
def test_the_ledger_of_a_run_is_that_of_all_its_requests_at_once(chatbot: Scenario, strategy: str) -> None:
    """Split by phase and fate and added up again, or counted and priced in one go: the same tokens, the same money."""
    found = drill(chatbot, provider="openai", minutes=15, mode="hang", replications=1, quota=False)
    plan = plan_drill(chatbot, "openai", 15, "peak", "hang", None)
    stretch = dataclasses.replace(
        plan.stretch, end_ns=round((found.to_s - found.from_s) * 1e9) + plan.stretch.counted_ns
    )
    bench = Bench(chatbot, plan, stretch, 1, "compiled")
    (pair,) = bench.pairs(strategy)
    above = long_thresholds(chatbot, strategy, bench.models, chatbot.start)
    tariff = Tariff(chatbot, strategy)
    for run, rows in (("without", pair.without), ("with", pair.with_outage)):
        counted = count(chatbot, strategy, rows.outcomes, rows.attempts, asked=pair.asked, long_above=above)
        expected: dict[str, Fraction] = {}
        for key, quantity in counted.items():
            for charge in tariff.charges(key, bench.models, chatbot.start):
                if charge.unit in ("token", "answer", "request"):
                    usd = quantity * Fraction(charge.unit_price_usd)
                    expected[charge.account] = expected.get(charge.account, Fraction(0)) + usd
        ledger = found.strategies[strategy].money.ledgers[run]
        given = {
            account: Fraction(usd) for account, usd in ledger.by("account").items() if account in expected
        }
        assert given == expected
        fee = sum(
            (usd for account, usd in expected.items() if account.split("/")[0] in ("api", "wasted")),
            Fraction(0),
        )
        assert Fraction(ledger.by("account")["gateway fee"]) == fee * Fraction(5, 100)


@pytest.mark.parametrize("mode", MODES)
def test_nothing_differs_before_the_outage(chatbot: Scenario, mode: str) -> None:
    plan = plan_drill(chatbot, "openai", 15, "peak", mode, None)
    bench = Bench(chatbot, plan, plan.stretch, 2, "compiled")
    for strategy in chatbot.strategies:
        for pair in bench.pairs(strategy):
            ended = pair.without.outcomes["ended_ns"] < plan.stretch.from_ns
            assert ended.sum() > 1000
            for name, column in pair.without.outcomes.items():
                assert np.array_equal(column[ended], pair.with_outage.outcomes[name][ended]), name
            arrived = pair.without.outcomes["arrived_ns"]
            assert (fates(pair)[arrived >= plan.stretch.from_ns] != UNCHANGED).any()


def test_both_engines_tell_the_same() -> None:
    changed = load(CHATBOT).set(LIMITED_CHATBOT | {"traffic.requests_per_month": 300_000})
    told = [
        without_time(drill(changed, provider="openai", minutes=5, mode="hang", replications=2, engine=engine))
        for engine in ("compiled", "reference")
    ]
    assert json.dumps(told[0]) == json.dumps(told[1])


def test_a_drill_is_the_same_every_time_and_another_seed_is_another() -> None:
    told = [
        json.dumps(
            without_time(
                drill(load(CHATBOT).set({"run.seed": seed}), provider="openai", minutes=5, replications=2)
            )
        )
        for seed in (7, 7, 8)
    ]
    assert told[0] == told[1] != told[2]


def test_a_stretch_does_not_grow_beyond_what_can_be_run(monkeypatch: pytest.MonkeyPatch) -> None:
    changed = load(CHATBOT).set({"policy.breaker.open_s": 1200})
    monkeypatch.setattr("planner.experiments.drill_runs.MOST_REQUESTS", 4_000)
    found = drill(
        changed, provider="openai", minutes=5, replications=2, quota=False, strategies=["mini-only"]
    )
    assert found.to_s == 300 + 600
    assert not of(found, "mini-only").recovery.is_complete
    assert "requests still differ 600 s after the outage" in found.notices[0]


def test_rows_that_are_not_kept_are_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = drill(scenario(gap_s=10), provider="openai", minutes=10, at=1800)
    monkeypatch.setattr("planner.experiments.drill_runs.MOST_KEPT", 0)
    again = drill(scenario(gap_s=10), provider="openai", minutes=10, at=1800)
    assert without_time(again) == without_time(kept)
    assert again.simulated_requests > kept.simulated_requests


def test_random_outages_are_left_out_of_both_runs() -> None:
    """A provider that is out nearly always, by law: the drill is about the planted outage alone."""
    often = {"mtbf_h": 0.1, "duration_h": 0.09}
    changed = scenario(gap_s=5).set({"deployments.first.outages": often, "deployments.second.outages": often})
    found = of(drill(changed, provider="openai", minutes=20, at=1800, strategies=["both"], quota=False))
    assert found.lost.without.value == 0
    assert found.phases[0].served["first"].without.value == found.phases[0].requests.value
    assert found.lost.with_outage.value == 0


def test_windows_of_the_scenario_stay_in_both_runs() -> None:
    given = [{"from_s": 100, "to_s": 200}]
    changed = scenario(gap_s=5).set({"deployments.first.outages": given})
    found = drill(changed, provider="openai", minutes=20, at=1800, strategies=["alone"], quota=False)
    assert of(found, "alone").lost.without.value == 0  # before what is counted
    found = drill(changed, provider="openai", minutes=20, at=1200, strategies=["alone"], quota=False)
    assert of(found, "alone").phases[0].lost["provider-error"].without.value == 20
    assert of(found, "alone").phases[0].lost["provider-error"].difference.value == 0
    assert "hold in both runs" in found.notices[0]


def test_the_manner_of_an_outage_is_that_of_the_providers_own_law() -> None:
    law = {"mtbf_h": 1e6, "duration_h": 0.1, "slowdown": 7.0}
    changed = scenario(gap_s=10).set({"deployments.first.outages": law})
    found = of(
        drill(changed, provider="openai", minutes=10, at=1800, mode="degraded", strategies=["alone"]), "alone"
    )
    assert found.phases[1].latency_p95_s.with_outage.value == 3.5
    assert found.lost.with_outage.value == 0


def test_one_replication_has_no_intervals_and_says_so() -> None:
    found = of(drill(scenario(gap_s=10), provider="openai", minutes=10, at=1800, replications=1, quota=False))
    assert found.phases[1].requests.low is None
    assert found.phases[1].requests.reason == "no interval: one replication"


def test_a_figure_that_never_varies_has_no_interval_of_no_width() -> None:
    found = of(drill(scenario(gap_s=10), provider="openai", minutes=10, at=1800, quota=False))
    assert found.lost.with_outage.value == 0
    assert found.lost.with_outage.low is None
    assert found.lost.with_outage.reason == "no interval: the same in every replication"


def test_a_drill_without_any_request_is_answered() -> None:
    changed = load(CHATBOT).set({"traffic.requests_per_month": 1})
    found = drill(changed, provider="openai", minutes=1, replications=2)
    for one in found.strategies.values():
        assert one.affected.value == 0
        assert one.money.economic_usd.value == 0
        assert one.phases[1].calls_per_request.with_outage.value is None
        assert one.phases[1].latency_p95_s.with_outage.value is None
    json.dumps(found.to_dict(), allow_nan=False)


def test_a_run_that_grows_without_end_tells_which_it_was() -> None:
    changed = scenario(gap_s=1, run__max_in_flight=3)
    message = "^both, with the outage: load exceeds capacity: more than run.max_in_flight = 3"
    with pytest.raises(LoadExceedsCapacity, match=message):
        drill(changed, provider="openai", minutes=10, at=1800, mode="hang", strategies=["both"])


def test_the_drill_is_public() -> None:
    assert planner.drill is drill
    assert planner.Drill is Drill


def test_a_choice_that_remembers_never_recovers_and_that_is_told() -> None:
    """Round-robin: after an odd number of calls elsewhere, everybody is answered by the other one for ever."""
    changed = load(CHATBOT).set(
        {"strategies.omni-only": {"omni": [["omni-openai", "omni-azure"]]}, "policy.select": "round-robin"}
    )
    found = drill(
        changed, provider="openai", minutes=5, replications=2, strategies=["omni-only"], quota=False
    )
    assert found.to_s == 300 + 8 * 600
    assert of(found, "omni-only").recovery.all_s.value is None
    assert of(found, "omni-only").recovery.all_s.reason == "requests still differ where the stretch ends"
    assert "policy.select" in found.notices[0]
    assert of(found, "omni-only").lost.with_outage.value == 0


def test_quotas_are_sought_one_by_one_where_each_counts_on_the_other() -> None:
    """What mini's fallback refuses goes to omni: by itself one request a minute does, but not beside omni's quota."""
    verifier = {"model": "gpt-4o-mini-2024-07-18", "provider": "openai", "latency_s": 0.3}
    changed = load(CHATBOT).set({"strategies.hybrid.router": {"kind": "cascade", "verifier": verifier}})
    found = drill(changed, provider="openai", minutes=10, replications=3, strategies=["hybrid"])
    quota = of(found, "hybrid").quota
    alone = {(one.deployments[0], one.field): one.needed for one in quota.quotas}
    assert alone["mini-anthropic", "requests_per_minute"] == 1
    assert quota.together["mini-anthropic"]["requests_per_minute"] > 50
    again = changed.set(
        {
            f"deployments.{name}.limits": {"tokens_per_minute": None, **own}
            for name, own in quota.together.items()
        }
    )
    confirmed = drill(
        again, provider="openai", minutes=10, replications=3, strategies=["hybrid"], quota=False
    )
    assert of(confirmed, "hybrid").lost.with_outage.value == 0
    assert "its verifier is at openai too, and is not out" in found.notices[0]


def test_own_hardware_has_calls_at_once_and_no_quota_by_the_minute() -> None:
    found = drill(
        "scenarios/on-device.yaml", provider="openai", minutes=10, replications=2, strategies=["hybrid"]
    )
    quota = of(found, "hybrid").quota
    assert [one.field for one in quota.quotas] == ["concurrent"]
    assert quota.together == {"terminal": {"concurrent": quota.quotas[0].needed}}
    assert "together" not in quota.text


def test_random_policies_are_drilled_alike_by_both_engines() -> None:
    """Sixteen scenarios of the space over which the engines are compared, with all that may be in a policy."""
    drilled = 0
    for seed in range(200):
        pick = random.Random(seed).choice
        try:
            found = load(space.scenario(lambda values, pick=pick: pick(list(values)), 24))
        except PlannerError:
            continue
        used = [found.deployments[name].provider for name in found.deployments_of(space.STRATEGY)]
        providers = [name for name in used if name is not None]
        if not providers or found.traffic.trace is not None:
            continue
        busier = found.set({"traffic.requests_per_month": 200_000, "run.max_in_flight": 100_000})
        told = []
        manner = {"mode": ("error", "limited", "degraded")[drilled % 3], "share": (None, 0.5)[drilled % 2]}
        for engine in ("compiled", "reference"):
            one = drill(busier, provider=providers[0], minutes=2, engine=engine, strategies=[space.STRATEGY],
                        replications=2, **manner)  # fmt: skip
            told.append(json.dumps(without_time(one), allow_nan=False))
            money = of(one, space.STRATEGY).money
            if money.economic_usd is not None:
                assert total_of(part.usd.value for part in money.parts) == money.economic_usd.value
        assert told[0] == told[1], seed
        drilled += 1
        if drilled == 16:
            break
    assert drilled == 16
