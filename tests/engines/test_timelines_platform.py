"""Platforms in front of providers worked out by hand, in both engines: pooled limits, outages of their own, routing.

Calls take 2 s, 100 tokens in and 50 out, unless given.
"""

import math
from collections import Counter
from typing import Any

import pytest

from planner.catalogue.policies import preset
from planner.chance import stream_id, uniform
from tests.engines.hand_tables import (
    MODEL,
    at,
    check_attempts,
    check_events,
    check_outcomes,
    limits,
    outage,
    run_rows,
    target,
)

TWO = {"a": target(provider="openai"), "b": target(provider="azure")}


def unified(**given: Any) -> dict[str, Any]:
    return {"kind": "unified", "routing": "in-order", **given}


def server(**given: Any) -> dict[str, Any]:
    """An own server, which is called straight."""
    own = {"gpu": "l40s", "usd_per_gpu_hour": 1}
    return target(server=own, limits=limits(concurrent=10), **given)


def run_apart(rows: list[dict[str, Any]], policy: dict[str, Any], **given: Any) -> Any:
    """Task `chat` to `a` of one provider, task `mail` to `b` of another."""
    rule = {"when": {"task": "mail"}, "to": ["b"]}
    return run_rows(
        rows, TWO, policy,
        tasks={"chat": {"max_output_tokens": 400}, "mail": {"max_output_tokens": 400}},
        strategy={"omni": ["a"], "rules": [rule]},
        gateway=unified(**given),
    )  # fmt: skip


# -- limits ----------------------------------------------------------------------------------------


def test_deployments_of_two_providers_draw_on_the_platforms_account() -> None:
    # 2 requests a minute in all: 0 and 1 take them at a. 2 is turned away by a and by b, which has answered nobody. The
    # next minute has 2 again.
    pool = {"requests_per_minute": 2, "kind": "fixed-window"}
    run = run_rows(at(0, 1, 2, 60), TWO, gateway=unified(limits=pool))
    check_outcomes(
        run,
        """
        request outcome  deployment cause
        0       ok       a          -
        1       ok       a          -
        2       rejected -          limit
        3       ok       a          -
        """,
    )


def test_a_failover_takes_from_the_same_account() -> None:
    # a is out and answers 503 after 1 s. 0 takes one at a and the second at b, which answers. Nothing is left for 1.
    deployments = {"a": target(provider="openai", outages=[outage(0, 100)]), "b": target(provider="azure")}
    pool = {"requests_per_minute": 2, "kind": "fixed-window"}
    run = run_rows(at(0, 2), deployments, gateway=unified(limits=pool))
    check_attempts(
        run,
        """
        request attempt deployment started_s ended_s outcome
        0       0       a          0         1       error
        0       1       b          1         3       ok
        """,
    )
    check_outcomes(run, "request outcome cause\n0 ok -\n1 rejected limit")


def test_a_refusal_of_the_platform_counts_what_was_taken_at_the_other_provider() -> None:
    # 600 tokens a minute, 10 a second, full at the start: 3 x 100 at a and 3 x 100 at b leave none. At 5 s there are 50:
    # the call at a is told the 5 s in which the other 50 come back, and is served at 10.
    rows = [*at(0, 0, 0, task="chat"), *at(0, 0, 0, task="mail"), *at(5, task="chat")]
    policy = {"when_limited": "retry", "retries": 1, "retry_after_cap_s": 60}
    run = run_apart(rows, policy, limits={"tokens_per_minute": 600})
    found = run.attempts[run.attempts["request"] == 6]
    assert found["started_s"].tolist() == [5, 10]
    assert found["outcome"].tolist() == ["limited", "ok"]
    assert found["retry_after_s"].tolist()[0] == 5


def test_a_pooled_bucket_lets_through_what_it_holds_and_what_comes_back_whoever_asks() -> None:
    # 60 requests a minute, 10 s of them held: 10, and 1 more each second. Ten a second ask for 100 s, by turns at a and at
    # b: until the last, at 99.9 s, floor(10 + 99.9) = 109 are let through.
    rows = [row for i in range(1000) for row in at(i / 10, task=("chat", "mail")[i % 2])]
    run = run_apart(rows, {}, limits={"requests_per_minute": 60, "burst_s": 10})
    served = Counter(run.outcomes["deployment"].dropna())
    assert served.total() == 109
    assert min(served["a"], served["b"]) > 0
    assert set(run.outcomes["cause"]) == {"", "limit"}


def test_rates_of_a_deployments_own_stand_aside_and_its_calls_at_once_do_not() -> None:
    # By its own limits a would answer one request a minute. The platform's let 3 through, but only one call at a time.
    own = limits(requests_per_minute=1, concurrent=1)
    run = run_rows(
        at(0, 1, 3, 6, 9),
        {"a": target(provider="openai", limits=own)},
        {"when_busy": "reject"},
        gateway=unified(limits={"requests_per_minute": 3, "kind": "fixed-window"}),
    )
    check_outcomes(
        run,
        """
        request outcome  deployment cause
        0       ok       a          -
        1       rejected -          limit
        2       ok       a          -
        3       ok       a          -
        4       rejected -          limit
        """,
    )


def test_without_limits_of_the_platform_each_deployment_keeps_its_own() -> None:
    own = limits(requests_per_minute=1, kind="fixed-window")
    deployments = {name: one | {"limits": own} for name, one in TWO.items()}
    run = run_rows(at(0, 3, 6), deployments, gateway=unified(limits=None))
    check_outcomes(run, "request outcome deployment\n0 ok a\n1 ok b\n2 rejected -")
    run = run_rows(at(0, 3, 6), deployments, gateway=unified(limits={}))  # an account that limits nothing
    check_outcomes(run, "request outcome deployment\n0 ok a\n1 ok a\n2 ok a")


def test_a_cap_of_a_day_is_one_of_all_providers_and_begins_at_its_hour() -> None:
    # 3 requests a day from 01:00 UTC; a recording begins at 00:00. At 0 and 1 s two are used; at 2 s the third, at 3 s none.
    # From 3600 s on there are three again.
    pool = {"requests_per_day": 3, "day_resets_at": 1}
    rows = [
        *at(0, task="chat"),
        *at(1, task="mail"),
        *at(2, task="chat"),
        *at(3, task="mail"),
        *at(3600, task="mail"),
    ]
    run = run_apart(rows, {}, limits=pool)
    check_outcomes(run, "request deployment\n0 a\n1 b\n2 a\n3 -\n4 b")


def test_what_a_call_is_billed_is_given_back_to_whoever_waits_at_the_other_provider() -> None:
    # After-completion: each call must find its 100 tokens, and its 150 are taken at its end. 300 tokens a minute (5 a
    # second): a's call ends at 2 and takes 150, so that b's, at 2.5 with 300 there, is asked 100 and starts at once; its end
    # at 4.5 leaves 300 - 150 + 12.5 - 150 = 12.5. The next, at 5, finds 15 and waits 17 s for the other 85.
    pool = {"tokens_per_minute": 300, "charge": "after-completion"}
    rows = [*at(0, task="chat"), *at(2.5, task="mail"), *at(5, task="chat")]
    run = run_apart(rows, {"when_limited": "wait"}, limits=pool)
    check_attempts(
        run,
        """
        request deployment queued_s started_s ended_s
        0       a          0        0         2
        1       b          2.5      2.5       4.5
        2       a          5        22        24
        """,
    )


def test_own_servers_do_not_draw_on_the_account() -> None:
    pool = {"requests_per_minute": 1, "kind": "fixed-window"}
    deployments = {"a": target(provider="openai"), "own": server()}
    run = run_rows(at(0, 3, 6), deployments, gateway=unified(limits=pool))
    assert run.outcomes["deployment"].tolist() == ["a", "own", "own"]


# -- outages ---------------------------------------------------------------------------------------


def test_while_the_platform_is_out_no_failover_helps() -> None:
    # The platform answers 502 after 1 s in [5, 10). At 6 s a fails at 7 and b at 8. At 9.5 s a fails at 10.5, and b is asked
    # when the platform is back.
    run = run_rows(at(0, 6, 9.5), TWO, gateway=unified(outages=[outage(5, 10, status=502)]))
    check_attempts(
        run,
        """
        request attempt deployment started_s ended_s outcome status input_tokens output_tokens billed_input_tokens
        0       0       a          0         2       ok      200    100          50            100
        1       0       a          6         7       error   502    100          0             0
        1       1       b          7         8       error   502    100          0             0
        2       0       a          9.5       10.5    error   502    100          0             0
        2       1       b          10.5      12.5    ok      200    100          50            100
        """,
    )
    check_outcomes(run, "request outcome cause ended_s\n0 ok - 2\n1 error provider-error 8\n2 ok - 12.5")
    # One outage, of nobody in particular.
    check_events(run, "outage", "time_s deployment from to\n5 - up error\n10 - error up")


def test_own_servers_are_not_hit() -> None:
    deployments = {"a": target(provider="openai"), "own": server()}
    run = run_rows(at(6), deployments, gateway=unified(outages=[outage(5, 10)]))
    check_attempts(run, "deployment started_s ended_s outcome\na 6 7 error\nown 7 9 ok")
    only_own = run_rows(at(6), {"own": server()}, gateway=unified(outages=[outage(5, 10)]))
    check_attempts(only_own, "deployment started_s ended_s outcome\nown 6 8 ok")
    assert only_own.events.empty


@pytest.mark.parametrize("begins_s", [1, 7])
def test_the_platforms_outage_comes_before_the_providers_whichever_began_first(begins_s: float) -> None:
    # The provider hangs from `begins_s` on; the platform's 502 of [5, 10) is what the call at 8 meets, as it never gets
    # there. The call at 10 does, and is cut.
    deployments = {"a": target(provider="openai", outages=[outage(begins_s, 100, mode="hang")])}
    run = run_rows(
        at(8, 10), deployments, {"timeout_s": 5}, gateway=unified(outages=[outage(5, 10, status=502)])
    )
    check_attempts(run, "request started_s ended_s outcome status\n0 8 9 error 502\n1 10 15 timeout 0")


def test_of_two_outages_of_the_platform_the_last_to_begin_holds() -> None:
    windows = [outage(0, 20, status=502), outage(5, 10, mode="limited", error_latency_s=0.5, retry_after_s=9)]
    run = run_rows(at(4, 6, 12), {"a": target()}, gateway=unified(outages=windows))
    check_attempts(
        run,
        """
        request started_s ended_s outcome status retry_after_s
        0       4         5       error   502    -
        1       6         6.5     limited 429    9
        2       12        13      error   502    -
        """,
    )


def test_the_platform_answers_for_itself_without_the_time_that_it_adds_to_calls() -> None:
    # 0.5 s on the way to the provider: 2.5 s in all, and 1.5 s where the provider fails. What the platform says itself comes
    # after its own 1 s.
    deployments = {"a": target(outages=[outage(10, 20)])}
    run = run_rows(
        at(0, 10, 30), deployments, gateway=unified(latency_s=0.5, outages=[outage(30, 40, status=502)])
    )
    check_attempts(run, "started_s ended_s status\n0 2.5 200\n10 11.5 503\n30 31 502")


def test_a_degraded_platform_slows_what_it_adds_and_what_comes_through_it() -> None:
    # Twice as slow: 2 x (0.25 + 2) = 4.5 s. With a provider three times as slow in [10, 20): 0.5 + 2 x 3 x 2 = 12.5 s. An
    # error of the provider comes after its own second, as ever, and what the platform adds, twice: 1.5 s.
    deployments = {"a": target(outages=[outage(10, 20, mode="degraded", slowdown=3), outage(30, 40)])}
    slow = [outage(0, 100, mode="degraded", slowdown=2)]
    run = run_rows(at(0, 10, 30), deployments, gateway=unified(latency_s=0.25, outages=slow))
    check_attempts(run, "started_s ended_s status\n0 4.5 200\n10 22.5 200\n30 31.5 503")


def test_who_misses_the_platforms_outage_may_meet_the_providers() -> None:
    # Each call has a draw of its own: below 0.25 it meets the platform's 502, else the provider's 503.
    n = 200
    deployments = {"a": target(outages=[outage(0, 1e6, status=503)])}
    run = run_rows(
        at(*range(0, 10 * n, 10)),
        deployments,
        gateway=unified(outages=[outage(0, 1e6, status=502, share=0.25)]),
    )
    stream = stream_id("gateway-outage-share", "a")
    expected = [502 if uniform(1, 0, stream, request, 0) < 0.25 else 503 for request in range(n)]
    assert run.attempts["status"].tolist() == expected
    assert len(set(expected)) == 2


def test_a_call_that_hangs_at_the_platform_is_billed_nothing() -> None:
    # A call that hangs at the provider may be billed when it is cut (`bill_timeouts: full`); this one never got there.
    policy = {"timeout_s": 3, "bill_timeouts": "full"}
    hang = [outage(0, 10, mode="hang")]
    held = run_rows(at(0), {"a": target()}, policy, gateway=unified(outages=hang))
    check_attempts(held, "ended_s outcome billed_input_tokens billed_output_tokens\n3 timeout 0 0")
    there = run_rows(at(0), {"a": target(outages=hang)}, policy)
    check_attempts(there, "ended_s outcome billed_input_tokens billed_output_tokens\n3 timeout 100 50")


def test_an_outage_of_the_platform_opens_the_breaker_of_whom_it_hides() -> None:
    # a's two failures, at 6 and 8, open its breaker for 10 s; b's as well. Nobody is asked at 11, though the platform is back.
    policy = {"breaker": {"kind": "consecutive", "failures": 2, "open_s": 10}}
    run = run_rows(at(5, 7, 11, 20), TWO, policy, gateway=unified(outages=[outage(5, 10)]))
    check_outcomes(
        run,
        """
        request outcome  attempts cause
        0       error    2        provider-error
        1       error    2        provider-error
        2       rejected 0        own-breaker
        3       ok       1        -
        """,
    )


# -- routing ---------------------------------------------------------------------------------------

CHEAP_AND_DEAR = {
    "models": {"m": MODEL, "dear": MODEL | {"input_usd_per_mtok": 2, "output_usd_per_mtok": 4}},
    "deployments": {"a": target(provider="openai"), "b": target(provider="azure", model="dear")},
    "strategy": {"omni": [["a", "b"]]},
}


def shares(gateway: dict[str, Any], n: int, policy: dict[str, Any] | None = None) -> Counter[str]:
    sections = dict(CHEAP_AND_DEAR)
    run = run_rows(at(*range(0, 3 * n, 3)), sections.pop("deployments"), policy, gateway=gateway, **sections)
    return Counter(run.outcomes["deployment"])


def test_a_platform_weighs_equals_by_their_price_unless_something_else_is_said() -> None:
    # 3 and 6 USD: price^-2 makes a four times as likely, 4 in 5. Of 2,000 within 5.5 standard deviations: 1,600 +- 98.
    n = 2000
    found = shares({"kind": "unified"}, n)
    assert abs(found["a"] - 0.8 * n) < 5.5 * math.sqrt(n * 0.8 * 0.2)
    # The very choice that the documented preset makes, request by request.
    assert found == shares({"kind": "direct"}, n, {"select": preset("openrouter").policy["select"]})


def test_a_routing_that_is_given_is_what_the_platform_does() -> None:
    assert shares({"kind": "unified", "routing": "round-robin"}, 10) == {"a": 5, "b": 5}
    assert shares({"kind": "unified", "routing": "cheapest"}, 10) == {"a": 10}


def test_a_policy_that_says_how_to_choose_wins() -> None:
    assert shares({"kind": "unified", "routing": "round-robin"}, 10, {"select": "in-order"}) == {"a": 10}
    assert shares({"kind": "unified"}, 10, {"select": "in-order"}) == {"a": 10}


def test_without_a_platform_levels_are_asked_in_order() -> None:
    assert shares({"kind": "direct"}, 10) == {"a": 10}


def test_a_free_server_in_a_level_of_its_own_does_not_upset_prices() -> None:
    deployments = {**CHEAP_AND_DEAR["deployments"], "own": server(model="free", outages=[outage(0, 1e6)])}
    models = {**CHEAP_AND_DEAR["models"], "free": MODEL | {"input_usd_per_mtok": 0, "output_usd_per_mtok": 0}}
    run = run_rows(
        at(*range(0, 900, 9)), deployments, gateway={"kind": "unified"}, models=models,
        strategy={"omni": ["own", ["a", "b"]]},
    )  # fmt: skip
    found = Counter(run.outcomes["deployment"])
    assert set(found) == {"a", "b"}
    assert found["a"] > found["b"]
