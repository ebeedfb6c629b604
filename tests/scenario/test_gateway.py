"""What is said about platforms in front of providers, and which gateway is in force under a strategy."""

from typing import Any

import pytest

from planner.scenario import load
from planner.scenario.quotas import pool_of, sharing
from tests.scenario.samples import notices_with, problems_with, scenario

OUT = {"mtbf_h": 1000, "duration_h": 0.5}
OWN = {
    "server": {"gpu": "l40s", "usd_per_gpu_hour": 1},
    "latency": {"total_s": 1},
    "limits": {"concurrent": 8},
}


def unified(**given: Any) -> dict[str, Any]:
    return {"gateway": {"kind": "unified", **given}}


# -- which gateway is in force ---------------------------------------------------------------------


def test_a_strategy_gives_fields_over_the_scenarios_gateway_and_another_kind_begins_anew() -> None:
    found = scenario(
        {
            **unified(fee=0.05, latency_s=0.03, limits={"requests_per_minute": 60}, outages=OUT),
            "strategies": {
                "through": {"omni": ["a", "b"]},
                "dearer": {"like": "through", "gateway": {"fee": 0.1}},
                "straight": {"like": "dearer", "gateway": {"kind": "direct"}},
                "proxy": {"like": "straight", "gateway": {"latency_s": 0.01}},
            },
        }
    )
    fees = {name: found.gateway_for(name).fee for name in found.strategies}
    assert fees == {"through": 0.05, "dearer": 0.1, "straight": 0.1, "proxy": 0.1}
    limited = [name for name in found.strategies if found.gateway_for(name).limits is not None]
    assert limited == ["through", "dearer"]
    assert [found.gateway_for(name).latency_s.mean for name in found.strategies] == [0.03, 0.03, 0, 0.01]


def test_a_direct_strategy_beside_a_platform_pays_no_fee() -> None:
    found = scenario(
        {**unified(fee=0.05), "strategies": {"straight": {"omni": ["a"], "gateway": {"kind": "direct"}}}}
    )
    assert found.gateway_for("straight").fee == 0


def test_all_but_own_hardware_stands_behind_a_platform_and_draws_on_its_limits() -> None:
    found = scenario(
        {
            **unified(limits={"requests_per_minute": 60}),
            "deployments.own": {"model": "m", **OWN},
            "models": {"m": {"input_usd_per_mtok": 0, "output_usd_per_mtok": 0}},
            "strategies": {
                "s": {"omni": ["a", "own", "b"]},
                "d": {"omni": ["a"], "gateway": {"kind": "direct"}},
            },
        }
    )
    assert found.behind_gateway("s") == ("a", "b")
    assert found.behind_gateway("d") == ()
    assert sharing(found, "a", "s") == ("a", "b")
    assert sharing(found, "own", "s") == ("own",)
    assert sharing(found, "a", "d") == ("a",)
    assert pool_of(found.limited("d", "a")) is None
    assert found.limited("s", "own") is found.deployments["own"]


def test_a_platform_chooses_as_documented_unless_a_policy_or_its_routing_says_how() -> None:
    ways = {
        "documented": {},
        "given": {"gateway": {"routing": "least-busy"}},
        "own": {"policy": {"select": "in-order"}},
        "preset": {"policy": {"preset": "portkey"}},
        "direct": {"gateway": {"kind": "direct"}},
    }
    found = scenario(
        {**unified(), "strategies": {name: {"omni": [["a", "b"]], **way} for name, way in ways.items()}}
    )
    assert {name: found.strategy_policy(name).select for name in ways} == {
        "documented": "inverse-price", "given": "least-busy", "own": "in-order", "preset": "weighted", "direct": "in-order",
    }  # fmt: skip


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value"), [("limits", {"requests_per_minute": 60}), ("outages", OUT), ("routing", "cheapest")]
)
def test_only_a_platform_has_limits_outages_and_a_routing(field: str, value: Any) -> None:
    assert problems_with({"gateway": {field: value}}) == [
        f"gateway.{field}: got {field} with kind direct; allowed: {field} with kind unified; give gateway.kind: unified"
    ]
    assert problems_with({"strategies.omni-only.gateway": {"kind": "direct", field: value}}) == [
        f"strategies.omni-only.gateway.{field}: got {field} with kind direct; allowed: {field} with kind unified; "
        "give strategies.omni-only.gateway.kind: unified"
    ]
    assert problems_with(unified(**{field: value})) == []
    # One strategy without the platform is no mistake of the scenario's.
    beside = {"strategies.straight": {"omni": ["a"], "gateway": {"kind": "direct"}}}
    assert problems_with({**unified(**{field: value}), **beside}) == []
    assert problems_with({"gateway": {field: None}}) == []


def test_an_unknown_routing_is_refused_with_what_there_is() -> None:
    (found,) = problems_with(unified(routing="cheepest"))
    assert found.startswith("gateway.routing: got 'cheepest'; allowed: in-order, round-robin, ")
    assert found.endswith("did you mean cheapest?")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"outages": "catalogue"}, "gateway.outages: got 'catalogue'; allowed: a list of {from_s, to_s} or {mtbf_h, duration_h}, "
         "or null for none"),
        ({"limits": {"concurrent": 5}}, "gateway.limits.concurrent: no such field"),
        ({"limits": {"scope": "provider"}}, "gateway.limits.scope: no such field"),
        ({"limits": {"requests_per_minute": "catalogue"}}, "gateway.limits.requests_per_minute: got the text 'catalogue'"),
        ({"limits": {"requests_per_minute": 60, "kind": "fixed-window", "burst_s": 9}}, "gateway.limits.burst_s: got burst_s with kind fixed-window; "
         "allowed: burst_s with kind token-bucket or leaky-bucket"),
        ({"limits": {"requests_per_minute": 60, "slice_s": 9}}, "gateway.limits.slice_s: got slice_s with kind token-bucket; "
         "allowed: slice_s with kind sub-window"),
        ({"limits": {"requests_per_minute": 60, "day_resets_at": 9}}, "gateway.limits.day_resets_at: got day_resets_at with no cap of a day; "
         "allowed: day_resets_at with requests_per_day or tokens_per_day"),
        ({"outages": [{"from_s": 9, "to_s": 3}]}, "gateway.outages[0].to_s: got to_s 3; allowed: later than from_s, which is 9"),
    ],
)  # fmt: skip
def test_what_a_platform_cannot_have_is_refused(given: dict[str, Any], said: str) -> None:
    found = problems_with(unified(**given))
    assert len(found) == 1
    assert found[0].startswith(said)


def test_what_holds_for_limits_of_a_deployment_holds_for_a_platforms() -> None:
    task = {"tasks.faq.input_tokens": 100}
    assert problems_with({**task, **unified(limits={"tokens_per_minute": 60})}) == [
        "gateway.limits.tokens_per_minute: got 60 (60 tokens in burst_s 60); allowed: at least 100 tokens at once: one "
        "request of task faq is charged that much by estimate"
    ]
    assert problems_with({**task, **unified(limits={"requests_per_day": 99})}) == [
        "gateway.limits.requests_per_day: a cap of a day needs windows of whole days, not of 3600 s, which would begin with "
        "an unknown part of it used; give run.window_s: 86400, or a trace"
    ]
    assert problems_with({**task, **unified(limits={"requests_per_minute": 6, "burst_s": 1})}) == [
        "gateway.limits.burst_s: got 1; allowed: at least 10: 6 requests per minute let no request through in less"
    ]
    windows = [{"requests": 9, "per_s": 18_000}]
    (found,) = problems_with({**task, **unified(limits={"windows": windows})})
    assert found.startswith(
        "gateway.limits.windows[0].per_s: windows of 3600 s (run.window_s) begin with all of a quota"
    )


def test_days_of_the_platform_and_of_a_deployment_begin_at_one_hour() -> None:
    caps = {
        "run.window_s": 86_400,
        "tasks.faq.input_tokens": 100,
        "deployments.b.limits": {"requests_per_day": 9, "charge": "estimate"},
        "strategies.straight": {"omni": ["b"], "gateway": {"kind": "direct"}},
    }
    assert problems_with({**caps, **unified(limits={"requests_per_day": 99})}) == []
    assert problems_with({**caps, **unified(limits={"requests_per_day": 99, "day_resets_at": 8})}) == [
        "gateway.limits.requests_per_day: its day begins at 8 h UTC, that of b at 0 h; windows of whole days begin with one "
        "of them; give the same day_resets_at to both, or a trace"
    ]


def test_limits_of_a_deployment_that_nobody_meets_are_not_judged() -> None:
    small = {
        "tasks.faq.input_tokens": 100,
        "deployments.a.limits": {"tokens_per_minute": 60, "charge": "estimate"},
    }
    assert len(problems_with(small)) == 1
    assert problems_with({**small, **unified(limits={"requests_per_minute": 60})}) == []


def test_a_platform_that_hangs_needs_an_end() -> None:
    hang = {**unified(outages={**OUT, "mode": "hang"}), "policy": {"timeout_s": None}}
    assert problems_with(hang) == [
        "gateway.outages.mode: a hang that nothing ends: at a under strategy omni-only there is neither timeout_s nor "
        "deadline_s; give policy.timeout_s or policy.deadline_s"
    ]
    assert problems_with({**hang, "policy": {"timeout_s": None, "deadline_s": 60}}) == []
    windows = [{"from_s": 0, "to_s": 9}, {"from_s": 9, "to_s": 10, "mode": "hang"}]
    (found,) = problems_with({**unified(outages=windows), "policy": {"timeout_s": None}})
    assert found.startswith("gateway.outages[1].mode: a hang that nothing ends")


def test_a_platform_does_not_choose_between_providers_and_own_hardware() -> None:
    mixed = {
        **unified(),
        "models": {"m": {"input_usd_per_mtok": 0, "output_usd_per_mtok": 0}},
        "deployments.own": {"model": "m", **OWN},
        "strategies": {"s": {"omni": [["a", "own"]]}},
    }
    assert problems_with(mixed) == [
        "strategies.s: got own, own hardware, among the equals of a level from which the platform chooses; allowed: "
        "deployments behind the platform, or a choice of our own; give strategies.s.policy.select, or own hardware a level "
        "of its own"
    ]
    assert problems_with({**mixed, "policy": {"select": "least-busy"}}) == []
    assert problems_with({**mixed, "strategies": {"s": {"omni": ["own", "a"]}}}) == []


# -- what is said ----------------------------------------------------------------------------------


def test_limits_that_stand_aside_are_told() -> None:
    own = {"deployments.a.limits": {"requests_per_minute": 500, "concurrent": 9}}
    platform = unified(limits={"requests_per_minute": 60})
    assert notices_with({**own, **platform}) == [
        "deployments.a.limits: not read under omni-only: the platform's limits (gateway.limits) stand in their place; "
        "concurrent stays its own"
    ]
    beside = {"strategies.straight": {"omni": ["a"], "gateway": {"kind": "direct"}}}
    assert notices_with({**own, **platform, **beside}) == [
        "deployments.a.limits: not read under omni-only: the platform's limits (gateway.limits) stand in their place; "
        "concurrent stays its own, and all of them hold under straight"
    ]
    assert notices_with({"deployments.a.limits": {"concurrent": 9}, **platform}) == []
    assert notices_with({**own, **unified()}) == []


def test_what_an_episode_of_the_platform_does_not_read_is_told() -> None:
    assert notices_with(unified(outages={**OUT, "mode": "degraded", "status": 502})) == [
        "gateway.outages.status: unused: mode is degraded; status is read in mode error"
    ]


def test_a_routing_that_a_policy_overrides_is_told() -> None:
    equals = {"strategies": {"s": {"omni": [["a", "b"]]}}}
    assert notices_with({**equals, **unified(routing="cheapest"), "policy": {"select": "least-busy"}}) == [
        "gateway.routing: unused: policy.select says how to choose"
    ]
    assert notices_with({**equals, **unified(routing="cheapest")}) == []


def test_a_routing_with_nothing_to_choose_from_is_told() -> None:
    alone = {"strategies": {"omni-only": {"omni": ["a", "b"]}}}
    assert notices_with({**alone, **unified(routing="cheapest")}) == [
        "gateway.routing: nothing to choose from: equals stand in a list of their own, such as [[a, b], [c]]"
    ]
    assert notices_with({**alone, **unified()}) == [], "nobody asked for it"


def test_a_platform_before_nobody_is_told() -> None:
    found = {
        **unified(),
        "models": {"m": {"input_usd_per_mtok": 0, "output_usd_per_mtok": 0}},
        "deployments": {"own": {"model": "m", **OWN}},
        "strategies": {"s": {"omni": ["own"]}},
    }
    assert notices_with(found) == [
        "gateway.kind: no deployment of s goes through the platform: own servers and devices are called straight"
    ]


def test_a_scenario_with_a_platform_survives_being_written_and_read() -> None:
    found = scenario(
        unified(limits={"requests_per_minute": 60, "windows": [{"requests": 99, "per_s": 60}]}, outages=OUT)
    )
    assert load(found.to_dict()) == found
    changed = found.set({"gateway.limits.requests_per_minute": 90})
    assert changed.gateway_for("omni-only").limits.requests_per_minute == 90
