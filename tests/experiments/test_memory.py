"""A comparison with a memory is the comparison without one, to the bit, whatever was changed before it."""

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

import planner
from planner.errors import PlannerError
from planner.experiments.cells import Cell, cell_keys, run_cells
from planner.experiments.memory import CellMemory, bill_key, size_of
from planner.scenario import Scenario, load
from planner.scenario.declared import Kind, Place, root
from planner.scenario.paths import render
from planner.workload.windows import plan_windows
from tests.engines.policies import draw_scenario

SCENARIOS = Path(__file__).parents[2] / "scenarios"
QUICK = {"run.replications": 2, "run.window_s": 60.0}


# -- what is compared ----------------------------------------------------------------------------------


def told(cell: Cell) -> list[Any]:
    """Everything in a cell, as plain values and bytes."""
    sample = cell.sample
    columns = [part for name in sorted(sample.values) for part in sample.values[name]]
    arrays = [sample.counts, sample.has, sample.series, *columns]
    return [
        sorted((repr(key), count) for key, count in cell.quantities.items()),
        [[int(one) for one in row] for row in sample.sums],
        [(one.shape, one.dtype.str, one.tobytes()) for one in arrays],
        [sorted(dict(one).items()) for one in (sample.billed_tokens, sample.n_limited, sample.n_calls)],
        (sample.length_s, sample.is_exact),
    ]


def cells(scenario: Scenario, memory: CellMemory | None) -> Any:
    """The cells of a scenario's first windows, or the words with which it is refused."""
    try:
        found = run_cells(scenario, plan_windows(scenario)[:3], workers=1, memory=memory)
    except PlannerError as refusal:
        return str(refusal)
    return [{name: told(cell) for name, cell in one.items()} for one in found]


# -- changes of a single field -------------------------------------------------------------------------


def leaves(
    value: Any, place: Place, path: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], Any, Place]]:
    """PATH, value, declaration of every plain value that a scenario gives."""
    if place.kind is Kind.LAW or not isinstance(value, dict | list):
        if path:
            yield path, value, place
        return
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        child = place.child(key)
        if child is not None:
            yield from leaves(inner, child, (*path, key))


def missing(
    value: Any, place: Place, path: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], Place]]:
    """PATH, declaration of every field that a scenario's sections could give and do not."""
    if isinstance(value, dict) and place.kind is not Kind.LAW:
        for name in () if place.kind is Kind.MAP else place.fields():
            child = place.child(name)
            if child is not None and name not in value and child.later is None:
                yield (*path, name), child
        for key, inner in value.items():
            child = place.child(key)
            if child is not None:
                yield from missing(inner, child, (*path, key))
    elif isinstance(value, list):
        for key, inner in enumerate(value):
            child = place.child(key)
            if child is not None:
                yield from missing(inner, child, (*path, key))


def other(random: Random, value: Any, place: Place) -> Any:
    """Another value for a field; the language may refuse it."""
    if place.choices and random.random() < 0.7:
        return random.choice(list(place.choices))
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return random.choice([value * 2, value / 2, value + 1, 0, 1, 0.5, None])
    if value is None:
        return random.choice([1, 0.5, 10, 100, True, False, {}])
    if isinstance(value, str):
        return random.choice(["1", "2027-06-01", value + "x"])
    return random.choice([1, 2, 0.5])


#: Parts of paths that say nothing to most simulations: half of the changes are of these.
MOSTLY_LEFT_OUT = (
    "finance", "usd", "label", "currency", "objective", "name", "question", "strategies", "fee", "sla", "device",
    "server", "review", "models",
)  # fmt: skip


def changed(random: Random, scenario: Scenario) -> Scenario | None:
    """A scenario that differs in one field, given or not given before; None where none of some tries is taken."""
    raw = scenario.to_dict()
    given = [(path, value, place) for path, value, place in leaves(raw, root())]
    given += [(path, None, place) for path, place in missing(raw, root())]
    left_out = [one for one in given if any(part in str(step) for step in one[0] for part in MOSTLY_LEFT_OUT)]
    for _ in range(12):
        path, now, place = random.choice(left_out if left_out and random.random() < 0.5 else given)
        try:
            found = scenario.set({render(path): other(random, now, place)})
        except (PlannerError, KeyError, TypeError, ValueError):
            continue
        if found != scenario:
            return found
    return None


def drawn(seed: int) -> Scenario | None:
    try:
        return load(draw_scenario(Random(seed)))
    except PlannerError:
        return None


# -- the same with and without -------------------------------------------------------------------------


@pytest.mark.parametrize("first", range(0, 80, 20))
def test_cells_of_drawn_scenarios_are_the_same_after_any_change_of_a_field(first: int) -> None:
    compared = hits = 0
    for seed in range(first, first + 20):
        scenario, random = drawn(seed), Random(seed)
        if scenario is None:
            continue
        memory = CellMemory()
        cells(scenario, memory)
        for _ in range(4):
            after = changed(random, scenario)
            if after is None:
                continue
            compared += 1
            assert cells(after, memory) == cells(after, None), f"seed {seed}: {after.to_dict()}"
        hits += memory.hits
    assert compared > 20
    assert hits > 2


@pytest.mark.parametrize("path", sorted(SCENARIOS.glob("*.yaml")), ids=lambda path: path.stem)
def test_cells_of_shipped_scenarios_are_the_same_after_any_change_of_a_field(path: Path) -> None:
    scenario, random, memory = load(path).set(QUICK), Random(path.stem), CellMemory()
    cells(scenario, memory)
    for _ in range(12):
        after = changed(random, scenario)
        if after is not None:
            assert cells(after, memory) == cells(after, None), path.stem


def whole(comparison: planner.Comparison) -> dict[str, Any]:
    found = comparison.to_dict()
    found.pop("seconds", None)
    return {
        "document": found,
        "tables": {
            name: getattr(comparison, name).map(repr).to_csv()
            for name in (
                "summary",
                "money",
                "ledger",
                "differences",
                "curves",
                "monthly",
                "slo",
                "lost",
                "wasted",
            )
        },
        "answer": comparison.answer,
        "findings": comparison.findings,
    }


MOVES: list[Mapping[str, Any]] = [
    {"strategies.hybrid.router.omni_share": 0.4},
    {"finance.discount_rate": 0.05},
    {"traffic.growth_per_month": 0.03},
    {"models[gpt-5.6].input_usd_per_mtok": 3.0},
    {"objective": "invoiced"},
    {"slo.p95_latency_s": 4.0},
    {"finance.horizon_months": 12},
    {"policy.retries": 2},
    {},
]


def test_a_walk_through_changes_gives_the_same_comparisons() -> None:
    base, memory = planner.load(SCENARIOS / "support-chatbot.yaml").set(QUICK), CellMemory()
    for move in (*MOVES, *MOVES[:3]):
        scenario = base.set(move) if move else base
        with_memory = planner.compare(scenario, memory=memory)
        assert whole(with_memory) == whole(planner.compare(scenario)), move
    assert memory.hits > 0


@pytest.mark.parametrize("path", sorted(SCENARIOS.glob("*.yaml")), ids=lambda path: path.stem)
def test_comparisons_of_shipped_scenarios_are_the_same_after_any_change_of_a_field(path: Path) -> None:
    scenario, random, memory = load(path).set(QUICK), Random(path.stem + "!"), CellMemory()
    planner.compare(scenario, memory=memory)
    for _ in range(2):
        after = changed(random, scenario)
        if after is not None:
            try:
                fresh = planner.compare(after)
            except PlannerError:
                continue
            assert whole(planner.compare(after, memory=memory)) == whole(fresh), after.to_dict()


def test_the_bill_of_a_strategy_is_made_again_where_its_own_money_changes_and_only_there() -> None:
    scenario = planner.load(SCENARIOS / "support-chatbot.yaml").set(QUICK)
    names = list(scenario.strategies)

    def bills(one: Scenario) -> dict[str, str]:
        return {name: bill_key(one, name, keys_of(one)[name]) for name in names}

    before = bills(scenario)
    moved = bills(scenario.set({"strategies.hybrid.router.omni_share": 0.3}))
    assert {name for name in names if moved[name] != before[name]} == {"hybrid"}
    dearer = bills(scenario.set({"finance.discount_rate": 0.05}))
    assert not set(dearer.values()) & set(before.values())


# -- what is simulated again ---------------------------------------------------------------------------


def keys_of(scenario: Scenario) -> dict[str, list[str]]:
    windows = plan_windows(scenario)
    found = cell_keys(scenario, windows, "compiled", list(scenario.strategies))
    return {name: [one[name] for one in found] for name in scenario.strategies}


@pytest.mark.parametrize(
    "change",
    [
        {"finance.discount_rate": 0.2},
        {"finance.downtime_usd_per_hour": 1.0},
        {"finance.people": []},
        {"models[gpt-5.6].output_usd_per_mtok": 1.0},
        {"objective": "invoiced"},
        {"name": "Another name"},
        {"question": "Another question?"},
        {"gateway.fee": 0.1},
        {"strategies.hybrid.router.usd_per_1k_requests": 9.0},
    ],
    ids=str,
)
def test_money_and_words_simulate_nothing_again(change: Mapping[str, Any]) -> None:
    scenario = planner.load(SCENARIOS / "support-chatbot.yaml")
    if next(iter(change)).startswith("models["):
        scenario = scenario.set({next(iter(change)): 2.0})
    assert keys_of(scenario.set(change)) == keys_of(scenario)


@pytest.mark.parametrize(
    "change",
    [
        {"strategies.hybrid.router.omni_share": 0.3},
        {"strategies.hybrid.router.latency_s": 0.5},
        {"strategies.hybrid.policy.retries": 3},
    ],
    ids=str,
)
def test_a_change_of_one_strategy_simulates_that_one_alone(change: Mapping[str, Any]) -> None:
    scenario = planner.load(SCENARIOS / "support-chatbot.yaml")
    before, after = keys_of(scenario), keys_of(scenario.set(change))
    assert after["omni-only"] == before["omni-only"]
    assert after["mini-only"] == before["mini-only"]
    assert not set(after["hybrid"]) & set(before["hybrid"])


@pytest.mark.parametrize(
    "change",
    [
        {"traffic.growth_per_month": 0.07},
        {"run.seed": 8},
        {"policy.retries": 3},
        {"slo.p95_latency_s": 3.0},  # goodput counts requests against it as they end
        {"deployments.omni-openai.outages": None},
    ],
    ids=str,
)
def test_what_all_strategies_meet_simulates_all_again(change: Mapping[str, Any]) -> None:
    scenario = planner.load(SCENARIOS / "support-chatbot.yaml")
    before, after = keys_of(scenario), keys_of(scenario.set(change))
    assert not any(set(after[name]) & set(before[name]) for name in before)


def test_prices_count_where_a_strategy_chooses_by_them() -> None:
    by_price = planner.load(SCENARIOS / "support-chatbot.yaml").set(
        {"policy.select": "inverse-price", "models[gpt-5.6].input_usd_per_mtok": 2.0}
    )
    cheaper = by_price.set({"models[gpt-5.6].input_usd_per_mtok": 1.0})
    assert not set(keys_of(by_price)["omni-only"]) & set(keys_of(cheaper)["omni-only"])


# -- the memory itself ---------------------------------------------------------------------------------


def test_it_holds_so_many_bytes_and_lets_go_of_the_oldest() -> None:
    memory = CellMemory(most_bytes=10_000)
    block = np.zeros(400, np.int64)  # 3,200 bytes
    for number in range(5):
        memory.put(str(number), block.copy())
        memory.get("0")
    assert memory.n_bytes <= 10_000
    assert [memory.get(str(number)) is not None for number in range(5)] == [True, False, False, True, True]
    memory.put("large", np.zeros(10_000))
    assert memory.get("large") is None
    memory.clear()
    assert len(memory) == memory.n_bytes == 0


def test_requests_are_made_anew_only_where_others_come_and_drive_out_no_cell() -> None:
    scenario = planner.load(SCENARIOS / "support-chatbot.yaml").set(QUICK)
    limited = {"deployments.mini-openai.limits": {"concurrent": 2}}
    memory = CellMemory()
    planner.compare(scenario, memory=memory)
    windows = len(plan_windows(scenario))
    held, before = memory.requests.n_bytes, len(memory)
    assert (len(memory.requests), memory.requests.hits, memory.requests.misses) == (windows, 0, windows)
    found = planner.compare(scenario.set(limited), memory=memory)
    assert (len(memory.requests), memory.requests.hits, memory.requests.misses) == (windows, windows, windows)
    assert whole(found) == whole(planner.compare(scenario.set(limited)))
    assert len(memory) > before
    small = CellMemory(most_request_bytes=held // 2)
    planner.compare(scenario, memory=small)
    assert 0 < small.requests.n_bytes <= held // 2
    assert len(small) == before
    planner.compare(scenario.set({"run.seed": 99}), memory=memory)
    assert memory.requests.misses == 2 * windows
    memory.clear()
    assert memory.requests.n_bytes == 0


def test_a_long_row_is_weighed_by_some_of_its_parts() -> None:
    rows = [{"a": np.zeros(10), "b": 1} for _ in range(1000)]
    assert size_of(rows) == pytest.approx(1000 * (80 + 200), rel=0.01)
    assert size_of(rows[:10]) == 200 + 10 * (80 + 200)


def test_an_array_that_is_held_twice_counts_once() -> None:
    block = np.zeros(1000)
    assert size_of([block, block[:10], {"a": block}]) < 2 * block.nbytes


def test_threads_may_share_it() -> None:
    scenario = planner.load(SCENARIOS / "launch-2024.yaml").set(QUICK)
    memory, expected, found = CellMemory(), whole(planner.compare(scenario)), []
    threads = [
        threading.Thread(target=lambda: found.append(whole(planner.compare(scenario, memory=memory))))
        for _ in range(4)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert found == [expected] * 4


def test_what_ends_a_run_keeps_nothing() -> None:
    memory = CellMemory()

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        planner.compare(planner.load(SCENARIOS / "launch-2024.yaml").set(QUICK), report=stop, memory=memory)
    assert len(memory) == 0


def test_tables_are_made_once_and_nobody_spoils_them_for_others() -> None:
    comparison = planner.compare(planner.load(SCENARIOS / "launch-2024.yaml").set(QUICK))
    first = comparison.summary
    first.loc[:, "value"] = -1.0
    first["more"] = 1
    assert not (comparison.summary["value"] == -1.0).any()
    assert "more" not in comparison.summary
