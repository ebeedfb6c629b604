"""Equality where it is hardest: the whole space of policies, blocks cut anywhere, tables that grow, too much load."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from planner import tables
from planner.engines import compiled, layout
from planner.engines.compiled import CompiledEngine
from planner.engines.program import compile_program
from planner.engines.run import run_window
from planner.engines.work import Work, prepare
from planner.errors import LoadExceedsCapacity
from planner.scenario import Scenario, load
from planner.scenario.fields import MONTH_S
from planner.workload.requests import generate
from planner.workload.windows import eras, plan_windows
from tests.engines import space
from tests.engines.hand_tables import MODEL, POLICY, at, fixed, limits, run_rows, target
from tests.engines.space import STRATEGY, Raw, difference, window_difference


def examples(count: int) -> settings:
    return settings(
        max_examples=count, deadline=None, derandomize=True, database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )  # fmt: skip


def sound(**sections: Any) -> Scenario:
    base: Raw = {
        "name": "equality",
        "tasks": {"chat": {"input_tokens": 100, "output_tokens": 50}},
        "models": {"m": MODEL},
        "finance": {"horizon_months": 1},
    }
    return load(base | sections)


def same(scenario: Scenario) -> bool:
    return window_difference(scenario, STRATEGY, plan_windows(scenario)[0]) is None


# -- the whole space -------------------------------------------------------------------------------


@examples(500)
@given(space.scenarios())
def test_scenarios_of_the_whole_space_give_the_same_rows_and_facts(raw: Raw) -> None:
    assert difference(raw) is None


def test_too_much_load_is_told_alike_and_at_the_moment_of_the_arrival() -> None:
    scenario = sound(
        traffic={"trace": {"rows": at(0, 0.5, 1.75, 1.75)}},
        deployments={"a": target(latency={"total_s": 10}, limits=limits(concurrent=1))},
        strategies={STRATEGY: {"omni": ["a"]}},
        policy=POLICY,
        run={"max_in_flight": 2},
    )
    told = []
    for engine in ("reference", "compiled"):
        with pytest.raises(LoadExceedsCapacity) as refusal:
            run_window(scenario, STRATEGY, plan_windows(scenario)[0], engine=engine)
        told.append(str(refusal.value))
    expected = (
        "load exceeds capacity: more than run.max_in_flight = 2 requests in flight 1.750 s into the window "
        "(0 done; a: 1 waiting, 1 in flight)"
    )
    assert [expected, expected] == told


@pytest.mark.parametrize("tokens", [10**7, 10**7 + 1, 307_445_735, 10**9, 10**12])
def test_a_request_of_any_size_is_too_large_for_a_small_bucket(tokens: int) -> None:
    """In units of the bucket such requests leave 64 bits, where a product wraps to something small."""
    deployments = {"a": target(limits=limits(tokens_per_minute=999_983))}
    run = run_rows(
        at(0, 1, input_tokens=tokens), deployments, models={"m": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 2}}
    )  # fmt: skip
    assert run.outcome_arrays["cause"].tolist() == [tables.TOO_LARGE] * 2


@pytest.mark.parametrize("tokens", [10**9, 10**12])
@pytest.mark.parametrize(
    ("kind", "charge"), [("leaky-bucket", "actual"), ("token-bucket", "after-completion")]
)
def test_a_request_of_any_size_leaves_a_debt_that_both_engines_count_alike(
    kind: str, charge: str, tokens: int
) -> None:
    """Such limiters let it in: what it takes may leave 64 bits, and the next one waits for ages."""
    own = limits(tokens_per_minute=10**9, kind=kind, charge=charge)
    if kind == "token-bucket":
        own["burst_s"] = 86_400
    run = run_rows(
        at(0, 1, 10, input_tokens=tokens),
        {"a": target(limits=own)},
        {"queue_timeout_s": 5, "when_limited": "wait"},
        models={"m": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 2}},
    )
    assert run.outcome_arrays["outcome"][0] == tables.OK
    if kind == "leaky-bucket":
        assert run.outcome_arrays["cause"][2] == tables.QUEUE


# -- blocks and growth -----------------------------------------------------------------------------


def cut(value: Any, part: slice) -> Any:
    """A part of all arrays by request inside a Work, whatever else it holds."""
    if isinstance(value, np.ndarray):
        return value[part]
    if isinstance(value, Mapping):
        return {name: cut(inner, part) for name, inner in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{one.name: cut(getattr(value, one.name), part) for one in fields(value)})
    return value


def blocks_of(work: Work, places: Sequence[int]) -> Iterator[Work]:
    """The work cut before the conversations that begin at some places or behind them; a block may be empty."""
    n = work.requests.n
    begins = [*np.flatnonzero(work.requests.pause_ns == tables.NEVER).tolist(), n]
    edges = [0, *(min(one for one in begins if one >= min(place, n)) for place in sorted(places)), n]
    for start, end in pairwise(edges):
        yield cut(work, slice(start, end))


class InBlocks:
    """A run of the compiled engine over a scenario's first window, cut at some places."""

    def __init__(self, scenario: Scenario, places: Sequence[int] = ()) -> None:
        window = plan_windows(scenario)[0]
        program = compile_program(scenario, STRATEGY, eras(scenario)[window.era].models, window)
        requests = generate(scenario, window)
        work = prepare(scenario, STRATEGY, program, requests)
        recorded = requests.service_ns
        self.engine = CompiledEngine(
            program,
            work.routing.routes,
            n_tasks=len(scenario.tasks),
            n_recorded=0 if recorded is None else recorded.shape[1],
        )
        self.n, self.refusal = requests.n, ""
        self.taken: list[compiled.Rows] = []
        try:
            self.taken.extend(self.engine.run(blocks_of(work, places)))
        except LoadExceedsCapacity as refusal:
            self.refusal = str(refusal)

    def difference(self, other: "InBlocks") -> str | None:
        """In rows, in their order, or in what is counted."""
        if self.refusal or other.refusal:
            return None if self.refusal == other.refusal else f"{self.refusal} against {other.refusal}"
        for name in ("outcomes", "attempts", "events"):
            one, two = (np.concatenate([getattr(rows, name) for rows in run.taken]) for run in (self, other))
            if not np.array_equal(one, two):
                return f"{name}: {len(one)} rows against {len(two)}"
        counts, others = self.engine.state.counts(), other.engine.state.counts()
        return next((name for name in counts if not np.array_equal(counts[name], others[name])), None)


@examples(100)
@given(space.scenarios(), st.lists(st.integers(0, 24), min_size=1, max_size=6))
def test_blocks_of_any_size_give_the_same_rows_in_the_same_order(raw: Raw, places: list[int]) -> None:
    scenario = load(raw)
    assert InBlocks(scenario, places).difference(InBlocks(scenario)) is None


def test_blocks_may_be_cut_between_arrivals_of_one_instant() -> None:
    scenario = sound(
        traffic={"trace": {"rows": at(*[0.0] * 4, *[1.0] * 5, *[3.0] * 6)}},
        deployments={"a": target(limits=limits(concurrent=2)), "b": target(limits=limits(concurrent=1))},
        strategies={STRATEGY: {"omni": ["a", "b"]}},
        policy=POLICY | {"queue_limit": 2, "queue_timeout_s": 2},
    )
    whole = InBlocks(scenario)
    assert whole.n == 15
    for place in range(16):
        assert InBlocks(scenario, [place]).difference(whole) is None
        assert InBlocks(scenario, [place, place, 6]).difference(whole) is None


@examples(100)
@given(space.scenarios(40), st.lists(st.integers(0, 40), max_size=3))
def test_small_tables_that_grow_give_the_same_rows(raw: Raw, places: list[int]) -> None:
    scenario = load(raw)
    whole = InBlocks(scenario)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "FIRST_SLOTS", 1)
        patch.setattr(compiled, "STEPS", 3)
        patch.setattr(layout, "ROOM", 66)
        patch.setattr(layout, "EVENT_ROOM", 66)
        assert InBlocks(scenario, places).difference(whole) is None


def rush(per_s: float, seconds: float, **policy: Any) -> Scenario:
    """Far more requests than a deployment of two calls at once can serve, and one without a cap behind it."""
    failing = {"rate": 0.5, "status": 500, "latency_s": 0.001}
    return sound(
        traffic={"requests_per_month": per_s * MONTH_S},
        deployments={
            "narrow": target(limits=limits(concurrent=2), errors=failing),
            "wide": target(latency={"total_s": {"exponential_mean": 40}}, errors=failing | {"rate": 0.8}),
        },
        strategies={STRATEGY: {"omni": ["narrow", "wide"]}},
        policy=POLICY | policy,
        run={"seed": 1, "replications": 1, "window_s": seconds},
    )


def test_thousands_in_flight_outgrow_the_first_slots_and_events() -> None:
    scenario = rush(400, 10, queue_timeout_s={"exponential_mean": 20}, deadline_s=30)
    run = InBlocks(scenario, [100, 1000])
    assert compiled.FIRST_SLOTS == 1024
    assert run.engine.state.n_slots > 2000
    assert run.engine.state.e[layout.H_CAPACITY] > 256 + 2 * compiled.FIRST_SLOTS
    assert run.difference(InBlocks(scenario)) is None
    assert same(scenario)


def test_a_breaker_sends_a_long_queue_on_at_once() -> None:
    scenario = rush(1000, 3, breaker={"failures": 2, "open_s": 1})
    assert same(scenario)


def test_rows_are_taken_many_times_from_a_full_buffer() -> None:
    scenario = rush(2000, 12, when_busy="reject", retries=2, backoff=fixed(0.01))
    run = InBlocks(scenario)
    assert run.n > layout.ROOM
    assert sum(len(rows.attempts) > 0 for rows in run.taken) >= 3
    assert same(scenario)
