"""`planner explain`: the story of one request is that of the tables, the same from either engine.

Timelines are those worked out by hand in tests/engines; money is worked out here from the model's list price.
"""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from planner.cli import app
from planner.engines.run import Run, run_window
from planner.errors import PlannerError
from planner.experiments.call_cost import CallCosts
from planner.experiments.edges import Edges, rows_of
from planner.experiments.explain import explain, explain_text, find_request
from planner.experiments.simulate import simulate
from planner.finance import quantities
from planner.finance.tariff import Tariff
from planner.scenario import load
from tests.cli.command import planner, write_scenario
from tests.engines.hand_tables import MODEL, STREAM, at, fixed, limits, outage, run_rows, target

run = CliRunner()
SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"
ROUTED = {"big": target(latency=STREAM), "small": target(latency={"ttft_s": 0.5, "tokens_per_s": 50})}
HYBRID = {"omni": ["big"], "mini": ["small"]}
PROBED = {"kind": "consecutive", "failures": 3, "open_s": 10}

# Everything that may happen to a request, often: errors, outages, waits, refusals, breakers, deadlines.
ROUGH: dict[str, Any] = {
    "name": "Rough",
    "traffic": {"requests_per_month": 6_000_000},
    "tasks": {"faq": {"accuracy": {"our-large": 0.9, "our-small": 0.7}}, "other": {}},
    "models": {
        "our-large": {"input_usd_per_mtok": 2, "output_usd_per_mtok": 8},
        "our-small": {"input_usd_per_mtok": 0.4, "output_usd_per_mtok": 1.6},
    },
    "deployments": {
        "omni": {
            "model": "our-large",
            "latency": {"ttft_s": {"p50": 0.4, "p95": 0.9}, "tokens_per_s": 80},
            "errors": {"rate": 0.3, "status": 500, "latency_s": 0.5},
            "limits": {"concurrent": 3},
        },
        "mini": {
            "model": "our-small",
            "latency": {"total_s": {"p50": 1.5, "p95": 6}},
            "limits": {"requests_per_minute": 60},
            "outages": [{"from_s": 60, "to_s": 90, "mode": "error", "status": 503, "error_latency_s": 0.5}],
        },
    },
    "strategies": {
        "hybrid": {
            "omni": ["omni", "mini"],
            "mini": ["mini", "omni"],
            "router": {"kind": "threshold", "omni_share": 0.5, "latency_s": 0.01, "usd_per_1k_requests": 0.1},
            "gateway": {"kind": "unified", "fee": 0.05},
        }
    },
    "policy": {
        "retries": 2,
        "timeout_s": 6,
        "deadline_s": 12,
        "backoff": {"kind": "full-jitter", "base_s": 0.2},
        "breaker": {"failures": 3, "open_s": 5},
        "when_limited": "retry",
        "queue_timeout_s": 1,
    },
    "finance": {"horizon_months": 1},
    "run": {"seed": 5, "replications": 2, "window_s": 200},
}


def told(found: Run, request: int) -> list[str]:
    """Lines of the timeline as `moment after text`, blanks in front of nothing; both engines must agree."""
    reference = run_window(found.scenario, found.strategy, found.window, engine="reference")
    compiled = run_window(found.scenario, found.strategy, found.window, engine="compiled")
    text = explain_text(reference, request)
    assert text == explain_text(compiled, request)
    lines = text.splitlines()
    start = next(index for index, line in enumerate(lines) if line.endswith("what happened")) + 1
    timeline = lines[start : lines.index("", start)]
    return [" ".join(line.split()) for line in timeline]


def without_arrival(lines: Sequence[str]) -> list[str]:
    assert " arrives: task chat, 100 input tokens, 50 output tokens, difficulty " in lines[0]
    return list(lines[1:])


def test_failover_is_told_with_outage_breaker_and_money() -> None:
    # One failure opens a's breaker. Request 1 waits in a's queue and is sent on when that happens at 1.0.
    found = run_rows(
        at(0, 0.5),
        {"a": target(outages=[outage(0, 5)], limits=limits(concurrent=1)), "b": target(latency=STREAM)},
        {"breaker": {"kind": "consecutive", "failures": 1, "open_s": 10}},
    )
    # 100 tokens at 1 USD and 50 at 2 USD per million.
    answer = "ok, status 200; 100 input + 50 output tokens, all billed, 0.0002000 USD"
    assert without_arrival(told(found, 0)) == [
        "0.000 0.000 the only tier, omni: a, then b",
        "0.000 0.000 a: outage (error) since 0.000 s",
        "0.000 0.000 a: call 0 (primary, m) is sent",
        "1.000 1.000 a: call 0 ends: error, status 503; 100 input tokens, none billed",
        "1.000 0.000 a: breaker closed to open by this request",
        "1.000 0.000 b: call 1 (retry, m) is sent",
        "2.000 1.000 b: first token",
        f"3.000 1.000 b: call 1 ends: {answer}",
        "3.000 0.000 done after 2 calls: ok, served by b (omni), answer not rated",
    ]
    assert without_arrival(told(found, 1)) == [
        "0.500 0.000 the only tier, omni: a, then b",
        "0.500 0.000 a: outage (error) since 0.000 s",
        "1.000 0.500 a: breaker closed to open by request 0",
        "1.000 0.000 waited: a backoff, or a queue that it left",
        "1.000 0.000 a: turned away by its breaker",
        "1.000 0.000 b: call 0 (primary, m) is sent",
        "2.000 1.000 b: first token",
        f"3.000 1.000 b: call 0 ends: {answer}",
        "3.000 0.000 done after 1 call: ok, served by b (omni), answer not rated",
    ]
    ending = explain_text(found, 0).splitlines()[-2:]
    day = found.scenario.start.isoformat()[:8]
    assert ending[0] == "Latency 3.000 s, first token after 2.000 s"
    assert ending[1].startswith(f"Billed tokens: 0.0002000 USD at the prices of {day}")


def test_probe_and_those_it_keeps_out_are_told() -> None:
    # Calls of 0, 1 and 2 fail at 1, 2, 3: open until 13. Request 3 at 13 is the probe, 4 comes while it runs.
    found = run_rows(at(0, 1, 2, 13, 14), {"a": target(outages=[outage(0, 5)])}, {"breaker": PROBED})
    assert without_arrival(told(found, 2))[-2:] == [
        "3.000 0.000 a: breaker closed to open by this request",
        "3.000 0.000 fails after 1 call: error, cause provider-error",
    ]
    assert "breaker" not in " ".join(told(found, 2)[:-2])
    assert without_arrival(told(found, 3))[1:] == [
        "13.000 0.000 a: breaker open since 3.000 s, its next call is the probe",
        "13.000 0.000 a: breaker open to half-open by this request",
        "13.000 0.000 a: call 0 (primary, m) is sent",
        "15.000 2.000 a: first token",
        "15.000 0.000 a: call 0 ends: ok, status 200; 100 input + 50 output tokens, all billed, 0.0002000 USD",
        "15.000 0.000 a: breaker half-open to closed by this request",
        "15.000 0.000 done after 1 call: ok, served by a (omni), answer not rated",
    ]
    assert without_arrival(told(found, 4))[1:] == [
        "14.000 0.000 a: breaker half-open since 13.000 s, its probe is under way",
        "14.000 0.000 a: turned away by its breaker",
        "14.000 0.000 fails after 0 calls: rejected, cause own-breaker",
    ]


def test_places_of_a_half_open_breaker_are_told() -> None:
    # Failures at 1 and 2 open it until 12. 2 and 3 take its two places at 12 and 12.5, 4 at 13 finds none; they end at
    # 14 and 14.5 and close it.
    windowed = {"kind": "sliding-window", "window_calls": 2, "open_s": 10, "half_open_calls": 2}
    found = run_rows(at(0, 1, 12, 12.5, 13), {"a": target(outages=[outage(0, 2)])}, {"breaker": windowed})
    assert without_arrival(told(found, 2))[1:3] == [
        "12.000 0.000 a: breaker open since 2.000 s, its next call is let through",
        "12.000 0.000 a: breaker open to half-open by this request",
    ]
    assert "12.500 0.000 a: breaker half-open since 12.000 s" in told(found, 3)
    assert without_arrival(told(found, 4))[1:] == [
        "13.000 0.000 a: breaker half-open since 12.000 s, all its places are taken",
        "13.000 0.000 a: turned away by its breaker",
        "13.000 0.000 fails after 0 calls: rejected, cause own-breaker",
    ]


def test_an_ignored_end_leaves_its_place() -> None:
    # Only timeouts, after 3 s, are failures. A hang at 0 opens it at 3 until 8. The probe at 8 ends with an error at
    # 9, which is ignored: 2 at 8.5 is kept out, 3 at 9 is let through.
    given = {"kind": "sampling-window", "minimum_calls": 1, "counts": ["timeout"]}
    found = run_rows(
        at(0, 8, 8.5, 9),
        {"a": target(outages=[outage(0, 1, "hang"), outage(8, 8.25)])},
        {"breaker": given, "timeout_s": 3},
    )
    assert "8.000 0.000 a: breaker open since 3.000 s, its next call is the probe" in told(found, 1)
    assert "8.500 0.000 a: breaker half-open since 8.000 s, its probe is under way" in told(found, 2)
    assert "9.000 0.000 a: breaker half-open since 8.000 s" in told(found, 3)


def test_a_grown_open_time_is_told_as_long_as_it_lasts() -> None:
    # Opens at 1 for 10; the probe at 11 fails at 12: 20 s, until 32. 2 at 31 is kept out, 3 at 32 is the probe.
    growing = {"kind": "consecutive", "failures": 1, "open_s": 10, "open_growth": "linear"}
    found = run_rows(at(0, 11, 31, 32), {"a": target(outages=[outage(0, 20)])}, {"breaker": growing})
    assert without_arrival(told(found, 1))[5:7] == [
        "12.000 1.000 a: call 0 ends: error, status 503; 100 input tokens, none billed",
        "12.000 0.000 a: breaker half-open to open by this request",
    ]
    assert without_arrival(told(found, 2))[1:] == [
        "31.000 0.000 a: breaker open since 12.000 s",
        "31.000 0.000 a: turned away by its breaker",
        "31.000 0.000 fails after 0 calls: rejected, cause own-breaker",
    ]
    assert without_arrival(told(found, 3))[1:3] == [
        "32.000 0.000 a: breaker open since 12.000 s, its next call is the probe",
        "32.000 0.000 a: breaker open to half-open by this request",
    ]


def test_a_cooldown_is_told_without_a_probe() -> None:
    # More than 0 failures take a out at 1 for 5 s: 1 at 5 goes to b at once, 2 at 6 is the first call after it.
    cooldown = {"kind": "cooldown", "allowed_fails": 0}
    found = run_rows(at(0, 5, 6), {"a": target(outages=[outage(0, 5)]), "b": target()}, {"breaker": cooldown})
    assert "1.000 0.000 a: breaker closed to open by this request" in told(found, 0)
    assert without_arrival(told(found, 1))[1:4] == [
        "5.000 0.000 a: breaker open since 1.000 s",
        "5.000 0.000 a: turned away by its breaker",
        "5.000 0.000 b: call 0 (primary, m) is sent",
    ]
    assert without_arrival(told(found, 2))[1:3] == [
        "6.000 0.000 a: breaker open to closed by this request",
        "6.000 0.000 a: call 0 (primary, m) is sent",
    ]


def test_late_news_are_told_when_they_come() -> None:
    # Two places, news 2 s late. Failures at 1 and 2 are told at 3 and 4: open until 14. 2 and 3 take the places at 14 and
    # 14.5; their news come at 18 and 18.5. At 17, when both calls have ended, the places are still taken.
    windowed = {"kind": "sliding-window", "window_calls": 2, "open_s": 10, "half_open_calls": 2}
    found = run_rows(
        at(0, 1, 14, 14.5, 17),
        {"a": target(outages=[outage(0, 2)])},
        {"breaker": windowed, "health": {"lag_s": 2}},
    )
    assert "4.000 2.000 a: breaker closed to open by this request" in told(found, 1)
    assert without_arrival(told(found, 4))[1:] == [
        "17.000 0.000 a: breaker half-open since 14.000 s, all its places are taken",
        "17.000 0.000 a: turned away by its breaker",
        "17.000 0.000 fails after 0 calls: rejected, cause own-breaker",
    ]
    # A refusal's 4 s count from the news: out in [2.5, 6.5).
    refusing = outage(0, 6, mode="limited", error_latency_s=0.5, retry_after_s=4)
    cooled = run_rows(
        at(0, 6, 6.5),
        {"a": target(outages=[refusing]), "b": target()},
        {"breaker": {"kind": "cooldown", "open_s": 1}, "health": {"lag_s": 2}},
    )
    assert "6.000 0.000 a: breaker open since 2.500 s" in told(cooled, 1)
    assert "6.500 0.000 a: breaker open to closed by this request" in told(cooled, 2)


def test_whoever_is_known_to_be_out_is_told_as_such() -> None:
    found = run_rows(
        at(0, 6),
        {"a": target(outages=[outage(0, 6)]), "b": target()},
        {"health": {"knowledge": "perfect"}},
    )
    assert without_arrival(told(found, 0))[1:4] == [
        "0.000 0.000 a: outage (error) since 0.000 s",
        "0.000 0.000 a: passed over: known to be out",
        "0.000 0.000 b: call 0 (primary, m) is sent",
    ]
    assert "passed over" not in " ".join(told(found, 1))


def test_queue_refusal_and_backoff_are_told_apart() -> None:
    queued = run_rows(at(0, 0.5), {"a": target(limits=limits(concurrent=1))})
    assert without_arrival(told(queued, 1))[1:3] == [
        "0.500 0.000 a: call 0 (primary, m) joins the queue",
        "2.000 1.500 a: call 0 is sent after 1.500 s in the queue",
    ]
    # One request a minute: the bucket is empty from 0 and full again at 60.
    refused = run_rows(
        at(0, 0.5),
        {"a": target(limits=limits(requests_per_minute=1))},
        {"when_limited": "retry", "retries": 1},
    )
    assert without_arrival(told(refused, 1))[1:4] == [
        "0.500 0.000 a: call 0 (primary, m) is refused: status 429, retry after 59.500 s",
        "60.000 59.500 waited as long as the refusal asked",
        "60.000 0.000 a: call 1 (retry, m) is sent",
    ]
    failing = run_rows(at(0), {"a": target(outages=[outage(0, 2)])}, {"retries": 1, "backoff": fixed(1.25)})
    assert without_arrival(told(failing, 0))[1:6] == [
        "0.000 0.000 a: outage (error) since 0.000 s",
        "0.000 0.000 a: call 0 (primary, m) is sent",
        "1.000 1.000 a: call 0 ends: error, status 503; 100 input tokens, none billed",
        "2.000 1.000 a: outage error to up",
        "2.250 0.250 waited before the retry (backoff)",
    ]


def test_passes_of_layers_and_choices_among_equals_are_told_without_guesses() -> None:
    # Two passes, 4 s apart, in each a (its turn) and then b: a fails after half a second, b is out until 2 s.
    broken = {"rate": 1, "status": 503, "latency_s": 0.5}
    found = run_rows(
        at(0),
        {"a": target(errors=broken), "b": target(outages=[outage(0, 2)])},
        {"select": "round-robin", "layers": [{"name": "app", "attempts": 2, "backoff": fixed(4)}]},
        strategy={"omni": [["a", "b"]]},
    )
    assert without_arrival(told(found, 0)) == [
        "0.000 0.000 the only tier, omni: a or b (round-robin)",
        "0.000 0.000 b: outage (error) since 0.000 s",
        "0.000 0.000 a: call 0 (primary, m) is sent",
        "0.500 0.500 a: call 0 ends: error, status 503; 100 input tokens, none billed",
        "0.500 0.000 b: call 1 (retry, m) is sent",
        "1.500 1.000 b: call 1 ends: error, status 503; 100 input tokens, none billed",
        "2.000 0.500 b: outage error to up",
        "5.500 3.500 waited: the router, a backoff, a layer of retries, or a queue that it left",
        "5.500 0.000 a: call 2 (retry, m) is sent",
        "6.000 0.500 a: call 2 ends: error, status 503; 100 input tokens, none billed",
        "6.000 0.000 b: call 3 (retry, m) is sent",
        "8.000 2.000 b: first token",
        "8.000 0.000 b: call 3 ends: ok, status 200; 100 input + 50 output tokens, all billed, 0.0002000 USD",
        "8.000 0.000 done after 4 calls: ok, served by b (omni), answer not rated",
    ]


def test_levels_that_share_the_load_are_told_as_such() -> None:
    # a fails and has nobody beside it; with the whole load on the first level, the request goes on to b.
    found = run_rows(
        at(0),
        {"a": target(errors={"rate": 1, "status": 503, "latency_s": 0.5}), "b": target()},
        {"spill_over": {}, "breaker": PROBED},
        strategy={"omni": [["a"], ["b"]]},
    )
    lines = without_arrival(told(found, 0))
    assert lines[0] == "0.000 0.000 the only tier, omni: a, then b (from a level drawn by spill_over on)"
    assert lines[1] == "0.000 0.000 a: call 0 (primary, m) is sent"


def test_what_leaves_no_row_is_told_only_as_far_as_it_can_be_known() -> None:
    # a is busy from 0 to 2. Request 1 waits there for 1 s in vain, then b takes it: why it left a is in no table.
    moved = run_rows(
        at(0, 0.5),
        {"a": target(limits=limits(concurrent=1)), "b": target()},
        {"queue_timeout_s": 1},
    )
    assert without_arrival(told(moved, 1))[1:4] == [
        "1.500 1.000 waited: a backoff, or a queue that it left",
        "1.500 0.000 a: turned away: busy, at a limit, or too long in its queue (a call that is not sent leaves no row)",
        "1.500 0.000 b: call 0 (primary, m) is sent",
    ]
    # Without b the cause of the failure tells it.
    failed = run_rows(at(0, 0.5), {"a": target(limits=limits(concurrent=1))}, {"queue_timeout_s": 1})
    assert without_arrival(told(failed, 1))[1:] == [
        "1.500 1.000 waited: a backoff, or a queue that it left",
        "1.500 0.000 a: turned away: its queue was full, or the wait in it too long",
        "1.500 0.000 fails after 0 calls: rejected, cause queue",
    ]


def test_deadline_and_deployments_that_cannot_take_a_request_are_told() -> None:
    # Nobody's context holds 200,000 tokens but b's; b is cut at the deadline, c is too late.
    wide = {"m": MODEL, "wide": MODEL | {"context_tokens": 1_000_000}}
    found = run_rows(
        at(0, input_tokens=200_000),
        {"a": target(), "b": target(model="wide"), "c": target(model="wide")},
        {"deadline_s": 1.5, "bill_timeouts": "input"},
        models=wide,
    )
    assert told(found, 0)[1:] == [
        "0.000 0.000 the only tier, omni: a, then b, then c",
        "0.000 0.000 a: passed over: cannot take this request (its size or what it holds)",
        "0.000 0.000 b: call 0 (primary, wide) is sent",
        "1.500 1.500 b: call 0 ends: timeout (cut by the deadline); 200,000 input + 50 output tokens, "
        "billed 200,000 input, 0.2000 USD",
        "1.500 0.000 c: no call was sent before the deadline",
        "1.500 0.000 fails after 1 call: timeout, cause deadline",
    ]


def test_router_and_rules_are_told_with_what_they_saw() -> None:
    strategy = HYBRID | {
        "router": {"kind": "threshold", "threshold": 0.5, "latency_s": 0.02},
        "rules": [
            {"when": {"sensitive": True}, "to": ["small", "big"]},
            {"when": {"context_tokens_over": 1000}, "to": "omni"},
        ],
    }
    rows = [
        *at(0, router_score=0.5),
        *at(10, router_score=0.25),
        *at(20, input_tokens=2000, router_score=0.1),
    ]
    found = run_rows(rows, ROUTED, strategy=strategy)
    assert without_arrival(told(found, 0))[:3] == [
        "0.000 0.000 router score 0.500000 >= threshold 0.500000: omni: big",
        "0.020 0.020 the router has decided",
        "0.020 0.000 big: call 0 (primary, m) is sent",
    ]
    assert told(found, 1)[1] == "10.000 0.000 router score 0.250000 < threshold 0.500000: mini: small"
    assert told(found, 2)[1] == "20.000 0.000 rule 2 (context_tokens_over: 1000) sends it to omni: big"
    private = run_rows(at(0), ROUTED, strategy=strategy, tasks={"chat": {"sensitive": 1}})
    assert told(private, 0)[0].endswith(", private data")
    assert (
        told(private, 0)[1] == "0.000 0.000 rule 1 (sensitive: true) sends it to small, big: small, then big"
    )


def test_cascade_is_told_with_its_checks() -> None:
    # 0: small 0-1.5, check until 2, accepted. 1: small 10-11.5, check until 12, turned down, big 12-14.
    strategy = HYBRID | {
        "router": {
            "kind": "cascade",
            "accept_score": 0.6,
            "verifier": {"model": "judge", "input_tokens": 160, "output_tokens": 10, "latency_s": 0.5},
        }
    }
    found = run_rows(
        [*at(0, verifier_score=0.6), *at(10, verifier_score=0.59)],
        ROUTED,
        models={"m": MODEL, "judge": MODEL},
        strategy=strategy,
    )
    # A check: 160 tokens at 1 USD and 10 at 2 USD per million.
    check = "call 1 ends: ok, status 200; 160 input + 10 output tokens, all billed, 0.0001800 USD"
    assert told(found, 0)[4:] == [
        "1.500 1.000 small: call 0 ends: ok, status 200; 100 input + 50 output tokens, all billed, 0.0002000 USD",
        "1.500 0.000 verifier: call 1 (verifier) is sent",
        f"2.000 0.500 verifier: accepted; {check}",
        "2.000 0.000 done after 2 calls: ok, served by small (mini), answer not rated",
    ]
    assert told(found, 1)[6:] == [
        f"12.000 0.500 verifier: turned down; {check}",
        "12.000 0.000 big: call 2 (omni, m) is sent",
        "13.000 1.000 big: first token",
        "14.000 1.000 big: call 2 ends: ok, status 200; 100 input + 50 output tokens, all billed, 0.0002000 USD",
        "14.000 0.000 done after 3 calls: ok, served by big (omni), answer not rated",
    ]


@pytest.fixture(scope="module")
def rough() -> tuple[Run, Run]:
    scenario = load(ROUGH)
    return tuple(simulate(scenario, "hybrid", engine=name) for name in ("compiled", "reference"))  # type: ignore[return-value]


def test_both_engines_tell_every_request_of_a_rough_window_alike(rough: tuple[Run, Run]) -> None:
    compiled, reference = rough
    texts = [explain_text(compiled, int(name)) for name in compiled.work.requests.request]
    assert texts == [explain_text(reference, int(name)) for name in reference.work.requests.request]
    whole = "\n".join(texts)
    for words in (
        "joins the queue",
        "is refused: status 429",
        "backoff",
        "breaker closed to open by this request",
        "breaker open to half-open by this request",
        "by request ",
        "outage up to error",
        "outage (error) since 60.000 s",
        "turned away by its breaker",
        "cut by the deadline",
        "fails after",
    ):
        assert words in whole, words


def test_steps_are_in_order_and_hold_every_row_of_the_tables(rough: tuple[Run, Run]) -> None:
    found = rough[0]
    for outcome in found.outcomes.itertuples():
        told_steps = explain(found, int(outcome.request))
        calls = found.attempts[found.attempts.request == outcome.request]
        assert (told_steps.after_s >= 0).all()
        assert told_steps.time_s.iloc[0] == outcome.arrived_s
        assert told_steps.time_s.iloc[-1] == outcome.ended_s
        ends = told_steps[told_steps.what == "end"]
        assert ends.time_s.tolist() == calls.ended_s.tolist()
        assert ends.deployment.tolist() == calls.deployment.tolist()
        sent = told_steps[told_steps.what == "sent"]
        assert sent.time_s.tolist() == calls[calls.outcome != "limited"].started_s.tolist()


def test_money_of_all_stories_is_the_billed_tokens_at_the_ledgers_prices(rough: tuple[Run, Run]) -> None:
    found = rough[0]
    costs = CallCosts(found)
    everything = np.ones(found.outcome_arrays["request"].size, np.bool_)
    outcomes = {row["request"]: row for row in rows_of(found.outcome_arrays, everything)}
    calls = rows_of(found.attempt_arrays, np.ones(found.attempt_arrays["request"].size, np.bool_))
    told_usd = sum((costs.cost_usd(outcomes[call["request"]], [call]) or Decimal(0)) for call in calls)
    # By hand: 5 % more than the list prices of the two models.
    prices = {0: (Decimal("2"), Decimal("8")), 1: (Decimal("0.4"), Decimal("1.6"))}
    by_hand = sum(
        call["billed_input_tokens"] * prices[call["deployment"]][0]
        + call["billed_output_tokens"] * prices[call["deployment"]][1]
        for call in calls
    )
    assert by_hand > 0
    assert abs(told_usd - by_hand * Decimal("1.05") / 10**6) < Decimal("1e-18")
    # And the counts of the whole window at the ledger's unit prices.
    tariff = Tariff(found.scenario, found.strategy)
    counted = quantities.count(found.scenario, found.strategy, found.outcome_arrays, found.attempt_arrays)
    ledger_usd = sum(
        number * charge.unit_price_usd
        for key, number in counted.items()
        for charge in tariff.charges(key, found.models, found.scenario.start)
        if charge.unit == "token"
    )
    assert abs(told_usd - ledger_usd * Decimal("1.05")) < Decimal("1e-18")


def test_own_hardware_is_not_paid_by_the_token() -> None:
    scenario = load(SCENARIOS / "on-device.yaml")
    text = explain_text(simulate(scenario, "device-only", requests=1), "#0")
    assert "all billed, not paid by the token" in text
    assert text.endswith("\nBilled tokens: none has a price, as on own hardware")


def test_outage_from_before_the_window_shows_in_its_end() -> None:
    found = run_rows(at(0, 3), {"a": target(outages=[outage(0, 2)])})
    events = {
        name: values[1:] for name, values in found.event_arrays.items()
    }  # only its end is in the window
    cut = replace(found, event_arrays=events)
    assert Edges(cut, 0, ["a"]).outage_at("a", 0) == "outage (error) since before the window"
    assert Edges(cut, 0, ["a"]).outage_at("a", 2 * 10**9) == ""


# -- which request -----------------------------------------------------------------------------


def test_requests_are_found_by_name_by_place_and_by_word(rough: tuple[Run, Run]) -> None:
    found = rough[0]
    arrivals = found.outcomes.sort_values(["arrived_s", "request"])
    assert find_request(found, "#0") == arrivals.request.iloc[0]
    assert find_request(found, f"#{len(arrivals) - 1}") == arrivals.request.iloc[-1]
    assert find_request(found, str(arrivals.request.iloc[7])) == arrivals.request.iloc[7]
    took_s = arrivals.ended_s - arrivals.arrived_s
    assert took_s[arrivals.request == find_request(found, "slowest")].item() == took_s.max()
    failed = arrivals[arrivals.outcome != "ok"]
    assert find_request(found, "first-failed") == failed.request.iloc[0]


@pytest.mark.parametrize("which", ["#99999", "#-1", "#", "12", "-3", "fastest", "", "9" * 40, "#" + "9" * 40])
def test_unknown_request_is_answered_with_names_that_there_are(rough: tuple[Run, Run], which: str) -> None:
    names = rough[0].work.requests.request
    with pytest.raises(PlannerError) as caught:
        find_request(rough[0], which)
    assert str(caught.value) == (
        f"request: got {which!r}; allowed: a name of this window, such as {names[0]}, {names[1]}, {names[2]}, "
        f"#0 to #{names.size - 1} (by arrival), slowest or first-failed"
    )


def test_window_without_a_failure_or_without_requests_says_so() -> None:
    found = run_rows(at(0, 1))
    with pytest.raises(PlannerError, match="got first-failed; all 2 requests of this window ended ok"):
        find_request(found, "first-failed")
    scenario = load(ROUGH | {"traffic": {"requests_per_month": 1}})
    empty = simulate(scenario, "hybrid")
    assert empty.work.requests.n == 0
    with pytest.raises(PlannerError, match="no request arrives in this window"):
        find_request(empty, "slowest")


# -- the command -------------------------------------------------------------------------------


def test_command_prints_the_same_from_both_engines(tmp_path: Path) -> None:
    file = write_scenario(tmp_path)
    arguments = ["explain", str(file), "--strategy", "omni-only", "--request", "first-failed"]
    texts = [run.invoke(app, [*arguments, "--engine", name]) for name in ("compiled", "reference")]
    assert [one.exit_code for one in texts] == [0, 0], texts[0].output
    assert texts[0].stdout == texts[1].stdout == run.invoke(app, arguments).stdout
    assert "fails after 2 calls: error, cause provider-error" in texts[0].stdout
    expected = explain_text(simulate(load(file), "omni-only"), "first-failed")
    assert texts[0].stdout == expected + "\n"


def test_replication_and_overrides_choose_the_window(tmp_path: Path) -> None:
    file = write_scenario(tmp_path)
    arguments = ["explain", str(file), "--strategy", "hybrid", "--request", "#2"]
    first, second = (run.invoke(app, [*arguments, "--replication", str(index)]) for index in (0, 1))
    other = run.invoke(app, [*arguments, "--set", "run.seed=12"])
    assert first.exit_code == second.exit_code == other.exit_code == 0
    assert "\nWindow 0: 600 s from 2027-01-" in first.stdout
    assert "\nWindow 1: 600 s from 2027-" in second.stdout
    assert len({first.stdout, second.stdout, other.stdout}) == 3


@pytest.mark.parametrize(
    ("changes", "status", "message"),
    [
        (["--strategy", "hybird"], 1, "--strategy: got 'hybird'; allowed: omni-only, mini-only, hybrid; did you mean hybrid?"),
        (["--request", "#10000"], 1, "request: got '#10000'; allowed: a name of this window, such as "),
        (["--replication", "9"], 1, "replication: got 9; allowed: 0 to "),
        (["--engine", "fast"], 2, "'fast' is not one of compiled, reference"),
        (["--replication", "-1"], 2, "greater than or equal to 0"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_answered(tmp_path: Path, changes: list[str], status: int, message: str) -> None:
    file = write_scenario(tmp_path)
    arguments = ["explain", str(file), "--strategy", "hybrid", "--request", "slowest"]
    found = run.invoke(app, [*arguments, *changes])
    assert found.exit_code == status
    assert message in " ".join(found.stderr.replace("│", "").split())
    assert found.stdout == ""


def test_real_command_writes_the_story_to_stdout_and_nothing_else(tmp_path: Path) -> None:
    found = planner("explain", write_scenario(tmp_path), "--strategy", "mini-only", "--request", "#0")
    assert found.returncode == 0, found.stderr
    assert found.stdout.startswith("Request ")
    assert found.stdout.splitlines()[-1].startswith("Billed tokens: 0.")
