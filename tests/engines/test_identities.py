"""What must hold in every run, whatever the scenario: counts, order in time, capacity, queues, billing, luck."""

import heapq
from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from planner import tables
from planner.engines.run import Run
from tests.engines.hand_tables import MODEL, limits, run_rows, target

EVERY_SCENARIO = settings(
    max_examples=100, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)  # fmt: skip
NEVER = tables.NEVER

# -- scenarios -------------------------------------------------------------------------------------

quarters = st.integers(0, 20).map(lambda k: k / 4)  # a coarse grid of moments, so that ties are common


@st.composite
def recordings(draw: st.DrawFn) -> list[dict[str, Any]]:
    size = draw(st.integers(6, 18))
    return [
        {
            "arrival_s": arrival_s,
            "input_tokens": draw(st.integers(1, 160)),
            "output_tokens": draw(st.integers(1, 100)),
            "verifier_score": draw(st.sampled_from([0.0, 0.5, 1.0])),
        }
        for arrival_s in sorted(draw(st.lists(quarters, min_size=size, max_size=size)))
    ]


@st.composite
def outages(draw: st.DrawFn) -> list[dict[str, Any]] | None:
    moments = sorted(set(draw(st.lists(quarters, max_size=4))))
    windows = []
    for from_s, to_s in zip(moments[::2], moments[1::2], strict=False):
        mode = draw(st.sampled_from(["error", "hang", "degraded"]))
        windows.append({"from_s": from_s, "to_s": to_s, "mode": mode})
        if mode == "error":
            windows[-1]["error_latency_s"] = draw(st.sampled_from([0, 0.25, 1]))
    return windows or None


@st.composite
def deployments(draw: st.DrawFn) -> dict[str, Any]:
    found = {}
    for name in ("a", "b", "c")[: draw(st.integers(1, 3))]:
        found[name] = target(
            latency=draw(
                st.sampled_from(
                    [
                        {"total_s": 0.5},
                        {"total_s": {"exponential_mean": 1.0}},
                        {"ttft_s": 0.25, "tokens_per_s": 40},
                        {
                            "ttft_s": {"p50": 0.4, "p95": 0.9},
                            "tokens_per_s": {"mean": 60, "cv": 0.3, "kind": "gamma"},
                        },
                    ]
                )
            ),
            limits=draw(
                st.builds(
                    limits,
                    concurrent=st.sampled_from([1, 1, 2, None]),
                    requests_per_minute=st.sampled_from([None, 6, 30, 60]),
                    tokens_per_minute=st.sampled_from([None, 1200, 6000]),
                    charge=st.sampled_from(["estimate", "actual"]),
                    burst_s=st.sampled_from([10, 15]),
                )
            ),
            errors=draw(st.sampled_from([None, {"rate": 0.3, "status": 500, "latency_s": 0.25}])),
            outages=draw(outages()),
        )
    return found


@st.composite
def policies(draw: st.DrawFn) -> dict[str, Any]:
    timeout_s = draw(st.sampled_from([0.75, 2.0, 3.0]))
    return {
        "timeout_s": timeout_s,
        "deadline_s": draw(st.sampled_from([None, 3.0, 4.5, 8.0])),
        "retries": draw(st.integers(0, 3)),
        "backoff": draw(
            st.sampled_from(
                [
                    {"kind": "fixed", "waits_s": [0, 0.5]},
                    {"kind": "exponential", "base_s": 0.25, "cap_s": 1},
                    {"kind": "full-jitter", "base_s": 0.5, "cap_s": 2},
                    {"kind": "decorrelated", "base_s": 0.5, "cap_s": 2},
                    {"kind": "openai", "base_s": 0.5, "cap_s": 8},
                ]
            )
        ),
        "sleep_after_last": draw(st.booleans()),
        "retry_after_cap_s": draw(st.sampled_from([0, 0.5, 3])),
        "breaker": draw(
            st.sampled_from(
                [None, None]
                + [
                    {"kind": "consecutive", "failures": n, "open_s": s}
                    for n, s in ((1, 0.5), (2, 2.0), (3, 0.5))
                ]
            )
        ),
        "when_busy": draw(st.sampled_from(["wait", "wait", "reject"])),
        "when_limited": draw(st.sampled_from(["retry", "wait", "reject"])),
        "queue_limit": draw(st.sampled_from([None, 4, 2, 0])),
        "queue_timeout_s": draw(st.sampled_from([None, 2.5, 1.0, 0])),
        "bill_timeouts": draw(st.sampled_from(["none", "input", "full"])),
    }


@st.composite
def runs(draw: st.DrawFn) -> dict[str, Any]:
    """Arguments of `run_rows`; a cascade in one case out of three where there are two targets."""
    targets = draw(deployments())
    arguments: dict[str, Any] = {
        "rows": draw(recordings()),
        "deployments": targets,
        "policy": draw(policies()),
        "tasks": {"chat": {"input_tokens": 10, "output_tokens": 10, "max_output_tokens": 100}},
        "models": {
            "m": MODEL | {"reasoning_tokens_per_output_token": draw(st.sampled_from([0, 2]))},
            "judge": MODEL,
        },
    }
    if len(targets) > 1 and draw(st.sampled_from([False, False, True])):
        verifier = {"model": "judge", "input_tokens": 20, "output_tokens": 1, "latency_s": 0.5}
        router = {"kind": "cascade", "accept_score": 0.5, "verifier": verifier, "latency_s": 0.25}
        arguments["strategy"] = {"omni": list(targets)[1:], "mini": ["a"], "router": router}
    return arguments


def charged(arguments: dict[str, Any], table: dict[str, np.ndarray], k: int) -> int:
    """Tokens that attempt k takes from its deployment's bucket: input, or with hidden and visible output."""
    caps = list(arguments["deployments"].values())[int(table["deployment"][k])]["limits"] or {}
    row = arguments["rows"][int(table["request"][k])]
    if caps.get("charge") == "actual":
        hidden = arguments["models"]["m"]["reasoning_tokens_per_output_token"]
        return row["input_tokens"] + row["output_tokens"] * (1 + hidden)
    return row["input_tokens"]


def bucket_tokens(arguments: dict[str, Any], deployment: int) -> float:
    """What a deployment's bucket of tokens holds when full."""
    caps = list(arguments["deployments"].values())[deployment]["limits"] or {}
    limit = caps.get("tokens_per_minute")
    return float("inf") if limit is None else limit * caps["burst_s"] / 60


def calls(run: Run, deployment: int) -> dict[str, np.ndarray]:
    """Attempts that were sent to a deployment (a 429 is none), in order of start."""
    table = run.attempt_arrays
    chosen = (table["deployment"] == deployment) & (table["outcome"] != tables.LIMITED)
    order = np.lexsort((table["attempt"][chosen], table["request"][chosen], table["started_ns"][chosen]))
    return {name: values[chosen][order] for name, values in table.items()}


# -- counts and order in time ------------------------------------------------------------------------


@EVERY_SCENARIO
@given(runs())
def test_every_request_ends_exactly_once_and_every_attempt_belongs_to_it(arguments: dict[str, Any]) -> None:
    run = run_rows(**arguments)
    outcomes, attempts = run.outcome_arrays, run.attempt_arrays
    arrived = len(arguments["rows"])
    assert sorted(outcomes["request"].tolist()) == list(range(arrived))
    completed = int(np.sum(outcomes["outcome"] == tables.OK))
    failed = int(
        np.sum(np.isin(outcomes["outcome"], [tables.ERROR, tables.LIMITED, tables.TIMEOUT, tables.REJECTED]))
    )
    assert arrived == completed + failed
    for row in range(arrived):
        own = attempts["request"] == outcomes["request"][row]
        assert int(np.sum(own)) == outcomes["attempts"][row]
        assert sorted(attempts["attempt"][own].tolist()) == list(range(int(np.sum(own))))
        served = outcomes["outcome"][row] == tables.OK
        assert (outcomes["cause"][row] == tables.NO_CAUSE) == served
        assert (outcomes["deployment"][row] >= 0) == served
        assert (outcomes["first_token_ns"][row] != NEVER) == served


@EVERY_SCENARIO
@given(runs())
def test_moments_are_in_order_and_a_served_request_ends_with_its_last_attempt(
    arguments: dict[str, Any],
) -> None:
    run = run_rows(**arguments)
    outcomes, attempts = run.outcome_arrays, run.attempt_arrays
    assert np.all(attempts["queued_ns"] <= attempts["started_ns"])
    assert np.all(attempts["started_ns"] <= attempts["ended_ns"])
    seen = attempts["first_token_ns"] != NEVER
    assert np.all(attempts["started_ns"][seen] <= attempts["first_token_ns"][seen])
    assert np.all(attempts["first_token_ns"][seen] <= attempts["ended_ns"][seen])
    limited = attempts["outcome"] == tables.LIMITED
    assert np.array_equal(limited, attempts["status"] == 429)
    assert np.all((attempts["started_ns"] == attempts["ended_ns"])[limited])
    for k in range(len(limited)):  # a 429 tells when to come back, unless the request can never pass
        waits = limited[k] and charged(arguments, attempts, k) <= bucket_tokens(
            arguments, int(attempts["deployment"][k])
        )
        assert (attempts["retry_after_ns"][k] != NEVER) == waits
    deadline_s = arguments["policy"]["deadline_s"]
    for row, request in enumerate(outcomes["request"]):
        arrived, ended = int(outcomes["arrived_ns"][row]), int(outcomes["ended_ns"][row])
        assert arrived == round(arguments["rows"][request]["arrival_s"] * 1e9)
        if deadline_s is not None:
            assert ended - arrived <= round(deadline_s * 1e9)
        own = np.flatnonzero(attempts["request"] == request)
        own = own[np.argsort(attempts["attempt"][own])]
        assert all(attempts["ended_ns"][a] <= attempts["queued_ns"][b] for a, b in pairwise(own))
        if len(own):
            assert arrived <= attempts["queued_ns"][own[0]]
            assert attempts["ended_ns"][own[-1]] <= ended
        if outcomes["outcome"][row] == tables.OK:
            assert attempts["outcome"][own[-1]] == tables.OK
            assert attempts["ended_ns"][own[-1]] == ended


# -- capacity and queues -------------------------------------------------------------------------------


@EVERY_SCENARIO
@given(runs())
def test_no_call_starts_while_all_slots_are_taken_and_queues_are_fifo(arguments: dict[str, Any]) -> None:
    run = run_rows(**arguments)
    for index, deployment in enumerate(arguments["deployments"].values()):
        table = calls(run, index)
        started, ended, queued = table["started_ns"], table["ended_ns"], table["queued_ns"]
        slots = (deployment["limits"] or {}).get("concurrent")
        if slots is not None:
            for k in range(len(started)):  # [start, end): a slot freed at an instant can be taken in it
                assert int(np.sum(ended[:k] > started[k])) < slots
        joined = np.lexsort((started, queued))
        assert all(queued[a] == queued[b] or started[a] <= started[b] for a, b in pairwise(joined))
        if arguments["policy"]["when_busy"] == "reject" and arguments["policy"]["when_limited"] != "wait":
            assert np.array_equal(queued, started)


@EVERY_SCENARIO
@given(runs())
def test_calls_never_exceed_what_the_buckets_hand_out(arguments: dict[str, Any]) -> None:
    # Up to any call since any earlier one, at most bucket + refill was taken: exact in integers.
    run = run_rows(**arguments)
    for index, deployment in enumerate(arguments["deployments"].values()):
        caps = deployment["limits"] or {}
        table = calls(run, index)
        started = [int(moment) for moment in table["started_ns"]]
        tokens = [charged(arguments, table, k) for k in range(len(started))]
        for limit, taken in (
            (caps.get("requests_per_minute"), [1] * len(started)),
            (caps.get("tokens_per_minute"), tokens),
        ):
            if limit is None:
                continue
            for first in range(len(started)):
                used = 0
                for last in range(first, len(started)):
                    used += taken[last]
                    given_out = limit * (caps["burst_s"] * 10**9 + started[last] - started[first])
                    assert used * 60 * 10**9 <= given_out


@EVERY_SCENARIO
@given(
    recordings(),
    st.integers(1, 3),
    st.sampled_from([0.5, {"exponential_mean": 1.5}, {"mean": 1.0, "cv": 2.0, "kind": "gamma"}]),
)
def test_one_queue_waits_as_the_workload_recursion_says_and_never_longer_with_more_slots(
    rows: list[dict[str, Any]], slots: int, total_s: Any
) -> None:
    # Kiefer and Wolfowitz 1955: the next in line starts when it has arrived and the first of c slots
    # is free. Services are the run's own, so the comparison is exact.
    waits = []
    for servers in (slots, slots + 1):
        run = run_rows(rows, {"a": target(latency={"total_s": total_s}, limits=limits(concurrent=servers))})
        table = run.attempt_arrays
        order = np.argsort(table["request"])
        service = (table["ended_ns"] - table["started_ns"])[order]
        free = [0] * servers
        for request, row in enumerate(rows):
            arrived = round(row["arrival_s"] * 1e9)
            start = max(arrived, heapq.heappop(free))
            heapq.heappush(free, start + int(service[request]))
            assert table["started_ns"][order][request] == start
        waits.append((table["started_ns"] - table["queued_ns"])[order])
        if servers == slots:
            luck = service
        else:
            assert np.array_equal(service, luck)
    assert np.all(waits[1] <= waits[0])


# -- billing and luck ----------------------------------------------------------------------------------


def could_be_an_error(arguments: dict[str, Any], table: dict[str, np.ndarray], k: int) -> bool:
    """Whether attempt k was sent where an error might have come: in an outage of that mode, or by chance."""
    if table["deployment"][k] < 0:
        return False
    deployment = list(arguments["deployments"].values())[table["deployment"][k]]
    now = table["started_ns"][k] / 1e9
    modes = [one["mode"] for one in deployment["outages"] or () if one["from_s"] <= now < one["to_s"]]
    return "error" in modes or (deployment["errors"] is not None and "hang" not in modes)


@EVERY_SCENARIO
@given(runs())
def test_tokens_are_billed_as_the_outcome_and_the_policy_say(arguments: dict[str, Any]) -> None:
    run = run_rows(**arguments)
    table = run.attempt_arrays
    rule = arguments["policy"]["bill_timeouts"]
    hidden = arguments["models"]["m"]["reasoning_tokens_per_output_token"]
    for k in range(len(table["request"])):
        row = arguments["rows"][table["request"][k]]
        output = row["output_tokens"]
        full = {"input": row["input_tokens"], "output": output, "reasoning": output * hidden}
        if table["role"][k] == tables.ROLE_VERIFIER:
            full = {"input": 20, "output": 1}
            assert table["deployment"][k] == tables.VERIFIER
        outcome = table["outcome"][k]
        is_free = all(table[f"billed_{meter}_tokens"][k] == 0 for meter in tables.METERS)
        if outcome == tables.TIMEOUT and is_free and could_be_an_error(arguments, table, k):
            continue  # an error would have come, later than the cut: it costs nothing
        billed = {
            tables.OK: full,
            tables.TIMEOUT: {"none": {}, "input": {"input": full["input"]}, "full": full}[rule],
        }.get(outcome, {})
        for meter in tables.METERS:
            assert table[f"billed_{meter}_tokens"][k] == billed.get(meter, 0), (
                meter,
                tables.OUTCOMES[outcome],
            )


@EVERY_SCENARIO
@given(runs())
def test_a_second_run_is_the_same_to_the_bit(arguments: dict[str, Any]) -> None:
    first, second = run_rows(**arguments), run_rows(**arguments)
    for name in ("outcome_arrays", "attempt_arrays", "event_arrays"):
        one, other = getattr(first, name), getattr(second, name)
        assert all(np.array_equal(one[column], other[column]) for column in one)


@EVERY_SCENARIO
@given(runs(), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter_where_nothing_is_random_or_tied(
    arguments: dict[str, Any], random: Any
) -> None:
    # Arrivals are moved apart by odd amounts and all laws are fixed. Names, which follow the rows, could
    # still decide where a breaker sends a whole queue on at one instant, or where the slot and the last
    # place of a full queue come free together: no breaker, no queue limit.
    arguments["policy"] |= {"backoff": {"kind": "fixed", "waits_s": [0.3, 0.7]}, "breaker": None}
    arguments["policy"]["queue_limit"] = None
    for deployment in arguments["deployments"].values():
        deployment |= {"latency": {"ttft_s": 0.25, "tokens_per_s": 40}, "errors": None}
        deployment["limits"] = limits(concurrent=1)
    rows = [
        row | {"arrival_s": row["arrival_s"] + 0.000034567 * k**2} for k, row in enumerate(arguments["rows"])
    ]
    new_place = list(range(len(rows)))
    random.shuffle(new_place)
    shuffled: list[dict[str, Any]] = [{}] * len(rows)
    for old, new in enumerate(new_place):
        shuffled[new] = rows[old]
    one = run_rows(**(arguments | {"rows": rows})).outcome_arrays
    other = run_rows(**(arguments | {"rows": shuffled})).outcome_arrays
    place = {int(request): k for k, request in enumerate(other["request"])}
    for k, request in enumerate(one["request"]):
        there = place[new_place[int(request)]]
        for column in (
            "arrived_ns",
            "ended_ns",
            "first_token_ns",
            "outcome",
            "deployment",
            "attempts",
            "cause",
        ):
            assert one[column][k] == other[column][there]
