"""Both engines give the same rows, to the bit: on every shipped scenario, on a trace full of ties, on drawn scenarios.

Rows are compared by `on_both_engines`. The timelines and identities beside this file run on both engines as well.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from planner import tables
from planner.engines.run import run_window
from planner.errors import PlannerError
from planner.scenario import Scenario, load
from planner.scenario.declared import Kind, Place, root, walk
from planner.workload.windows import plan_windows
from tests.engines.hand_tables import on_both_engines
from tests.engines.policies import draw_scenario

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SCENARIOS = sorted((ROOT / "scenarios").glob("*.yaml"))
AZURE = ROOT.parent / "shared" / "data" / "azure2023_conv.dev.parquet"
SEEDS = [int(line) for line in (HERE / "seeds.txt").read_text().splitlines() if not line.startswith("#")]


def drawn(random: Random) -> Scenario | None:
    """A drawn scenario, or None where the language refuses it."""
    try:
        return load(draw_scenario(random))
    except PlannerError:
        return None


# -- what is shipped, what was recorded, what is drawn -------------------------------------------------


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_a_shipped_scenario_gives_the_same_rows(path: Path) -> None:
    """One window of every kind: an ordinary one of every era, and one for each rare outage that is planted."""
    scenario = load(path)
    kinds = {(window.era, window.stratum): window for window in plan_windows(scenario)}
    for window in kinds.values():
        for strategy in scenario.strategies:
            run = on_both_engines(scenario, strategy, window)
            assert len(run.outcome_arrays["request"]) > 0


@pytest.mark.skipif(not AZURE.is_file(), reason="the shared Azure 2023 trace is not on this machine")
@pytest.mark.parametrize("tick_s", [1, 60])
def test_the_replay_of_a_trace_full_of_ties_gives_the_same_rows(tick_s: int) -> None:
    import pandas as pd

    raw = pd.read_parquet(AZURE)[:8000]
    rows = [
        {"arrival_s": float(t // tick_s * tick_s), "input_tokens": int(i), "output_tokens": int(o)}
        for t, i, o in zip(raw["t_s"], raw["input_tokens"], raw["output_tokens"], strict=True)
    ]
    target = {
        "model": "gpt-4o-mini", "latency": {"total_s": 2.0}, "outages": [{"from_s": 600, "to_s": 660}],
        "errors": {"rate": 0.1, "status": 500, "latency_s": 1},
    }  # fmt: skip
    scenario = load(
        {
            "name": "ties",
            "start": "2024-09-01",
            "traffic": {"trace": {"rows": rows}},
            "tasks": {"chat": {}},
            "deployments": {
                "a": target | {"limits": {"concurrent": 6, "requests_per_minute": 150, "tokens_per_minute": None}},
                "b": target | {"limits": {"concurrent": 40, "requests_per_minute": None, "tokens_per_minute": None}},
            },
            "strategies": {"s": {"omni": ["a", "b"]}},
            "policy": {
                "timeout_s": 2, "retries": 2, "backoff": {"kind": "fixed", "waits_s": [1, 2]}, "queue_timeout_s": 1,
                "breaker": {"failures": 2, "open_s": 4}, "when_limited": "retry",
            },
            "finance": {"horizon_months": 1},
        }
    )  # fmt: skip
    outcomes = on_both_engines(scenario, "s").outcome_arrays["outcome"]
    assert len(outcomes) == len(rows)
    assert len(set(outcomes.tolist())) > 1


@settings(
    max_examples=600, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)  # fmt: skip
@given(st.randoms(use_true_random=False))
def test_drawn_scenarios_give_the_same_rows(random: Random) -> None:
    scenario = drawn(random)
    assume(scenario is not None)
    assert scenario is not None
    on_both_engines(scenario, "s")


@pytest.mark.parametrize("first", range(0, 1000, 250))
def test_seeded_scenarios_give_the_same_rows_and_see_everything_happen(first: int) -> None:
    """Half of the seeds are runs, and in them requests end in every way and calls in every way.

    Seeds that once told the engines apart are run with the first ones.
    """
    ends, causes, calls, runs = set(), set(), set(), 0
    for seed in (*range(first, first + 250), *(() if first else SEEDS)):
        if (scenario := drawn(Random(seed))) is not None:
            run = on_both_engines(scenario, "s")
            runs += 1
            ends |= set(run.outcome_arrays["outcome"].tolist())
            causes |= set(run.outcome_arrays["cause"].tolist())
            calls |= set(run.attempt_arrays["outcome"].tolist())
    assert runs > 125
    assert ends == {tables.OK, tables.ERROR, tables.LIMITED, tables.TIMEOUT, tables.REJECTED}
    assert calls >= {tables.OK, tables.ERROR, tables.LIMITED, tables.TIMEOUT}
    assert len(causes) > 6


def test_the_comparison_sees_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    """A check that cannot fail is none: one nanosecond in one row is enough."""
    from tests.engines import hand_tables

    def bent(scenario: Scenario, strategy: str, window: Any, *, engine: str, requests: Any) -> Any:
        run = run_window(scenario, strategy, window, engine=engine, requests=requests)
        if engine == "compiled":
            run.outcome_arrays["ended_ns"][-1] += 1
        return run

    scenario = next(found for seed in range(100) if (found := drawn(Random(seed))) is not None)
    monkeypatch.setattr(hand_tables, "run_window", bent)
    with pytest.raises(AssertionError, match="the engines differ in outcome_arrays, column ended_ns"):
        on_both_engines(scenario, "s")


def test_the_fuzzer_keeps_a_seed_that_tells_the_engines_apart(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from benchmarks import fuzz

    seeds = tmp_path / "seeds.txt"
    seeds.write_text("# kept\n")

    def differs(scenario: Scenario, strategy: str) -> None:
        raise AssertionError(f"the engines differ under {strategy}")

    assert fuzz.main(0.01, 0, seeds) == 0
    monkeypatch.setattr(fuzz, "on_both_engines", differs)
    assert fuzz.main(0.002, 0, seeds) == 1
    kept = seeds.read_text().splitlines()[1:]
    assert len(kept) == len(set(kept)) > 0
    fuzz.keep(int(kept[0]), seeds)
    assert seeds.read_text().splitlines()[1:] == kept
    said = capsys.readouterr().out
    assert all(f"seed {seed}: the engines differ under s" in said for seed in kept)


# -- both engines read the same fields ---------------------------------------------------------------

# No engine reads these: they are read before the requests reach one, or after its rows are written.
NOT_FOR_ENGINES = (
    "schema", "name", "question", "start", "currency", "objective", "uncertain", "correlated",
    # how many requests come and when: generated before, once for both
    "traffic.users", "traffic.growth_per_month", "traffic.growth_per_year", "traffic.saturation_requests_per_month",
    "traffic.seasons", "traffic.weekly_shape", "traffic.daily_spread", "traffic.bursts",
    "traffic.sessions", "traffic.trace.file", "traffic.trace.format", "traffic.trace.columns", "tasks.TASK.share",
    "tasks.TASK.images.N.detail", "tasks.TASK.audio",
    # money, targets, judgement of answers, names for people: after
    "finance", "slo", "tasks.TASK.slo", "tasks.TASK.accuracy", "tasks.TASK.cost_of_wrong_answer_usd", "tasks.TASK.value_usd",
    "tasks.TASK.review",
    "models.MODEL.params_billions", "models.MODEL.bytes_per_weight", "models.MODEL.kv_bytes_per_token",
    "models.MODEL.cached_input_usd_per_mtok", "models.MODEL.joules_per_output_token",
    "models.MODEL.image_usd_per_mtok", "models.MODEL.audio_input_usd_per_mtok",
    "models.MODEL.audio_output_usd_per_mtok", "deployments.DEPLOYMENT.label",
    "deployments.DEPLOYMENT.server.gpus_per_replica", "deployments.DEPLOYMENT.server.owned",
    "deployments.DEPLOYMENT.device.watts", "deployments.DEPLOYMENT.device.spares_share",
    "deployments.DEPLOYMENT.device.losses_per_year", "deployments.DEPLOYMENT.device.updates_per_year",
    "deployments.DEPLOYMENT.device.update_usd", "deployments.DEPLOYMENT.device.update_gb",
    "deployments.DEPLOYMENT.device.idle_watts", "deployments.DEPLOYMENT.device.hours_on_per_day",
    "deployments.DEPLOYMENT.device.residual_share", "deployments.DEPLOYMENT.sla",
    "deployments.DEPLOYMENT.device.usd", "deployments.DEPLOYMENT.device.life_years",
    "strategies.STRATEGY.router.verifier.provider",
    # taken apart by the scenario's own views, which both engines ask
    "strategies.STRATEGY.like",
    # units are limits and a bill (tests.finance.test_token_bills runs both engines on them); levels are prices
    "deployments.DEPLOYMENT.provisioned", "deployments.DEPLOYMENT.price_level", "deployments.DEPLOYMENT.price_level_factor",
    # fills other fields before an engine is asked
    "policy.preset", "strategies.STRATEGY.policy.preset", "deployments.DEPLOYMENT.policy.preset",
    # refused, or drawn in the scenario's policy, which holds here too
    "gateway.outages.regional", "strategies.STRATEGY.gateway.outages.regional",
    "deployments.DEPLOYMENT.policy.deadline_s", "strategies.STRATEGY.policy.timeout_s",
    "deployments.DEPLOYMENT.policy.select", "deployments.DEPLOYMENT.policy.layers", "deployments.DEPLOYMENT.policy.retry_budget",
    "deployments.DEPLOYMENT.policy.max_fallbacks", "deployments.DEPLOYMENT.policy.special_fallbacks_only",
    "deployments.DEPLOYMENT.policy.lowest_latency", "deployments.DEPLOYMENT.policy.lowest_usage",
    "deployments.DEPLOYMENT.policy.spill_over", "deployments.DEPLOYMENT.policy.asks_equals", "deployments.DEPLOYMENT.policy.affinity",
    "deployments.DEPLOYMENT.policy.retry_target", "deployments.DEPLOYMENT.policy.sibling_wait",
    "deployments.DEPLOYMENT.policy.retries_after", "deployments.DEPLOYMENT.policy.honours_retry_after",
    "deployments.DEPLOYMENT.policy.retry_after_above_cap", "deployments.DEPLOYMENT.policy.retry_after_jitter_s",
    "strategies.STRATEGY.policy.asks_equals", "strategies.STRATEGY.policy.retry_target",
    "strategies.STRATEGY.policy.sibling_wait", "strategies.STRATEGY.policy.retries_after",
    "strategies.STRATEGY.policy.honours_retry_after", "strategies.STRATEGY.policy.retry_after_above_cap",
    "strategies.STRATEGY.policy.retry_after_jitter_s",
)  # fmt: skip
OWN_NAMES = {
    "tasks": "TASK",
    "models": "MODEL",
    "deployments": "DEPLOYMENT",
    "strategies": "STRATEGY",
    "ability": "TASK",
}


def given_fields(value: Any, place: Place, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """PATTERN, value of everything that a plain scenario gives."""
    yield ".".join(path), value
    if isinstance(value, dict) and place.kind is not Kind.LAW:
        for key, inner in value.items():
            if (child := place.child(key)) is not None:
                name = OWN_NAMES.get(path[-1], "NAME") if place.kind is Kind.MAP else key
                yield from given_fields(inner, child, (*path, name))
    elif isinstance(value, list) and (child := place.child(0)) is not None:
        for inner in value:
            yield from given_fields(inner, child, (*path, "N"))


def test_every_field_of_the_language_is_drawn_or_not_for_engines() -> None:
    """A field that is new in the language has to be drawn, so that both engines meet it, or be named above."""
    seen: dict[str, set[str]] = {}
    for seed in range(2000):
        raw = draw_scenario(Random(seed))
        try:
            load(raw)
        except PlannerError:
            continue
        for pattern, value in given_fields(raw, root()):
            seen.setdefault(pattern, set()).add(str(value))
    declared = {".".join(map(str, path)): place for path, place in walk() if place.later is None}
    left_out = {
        name for name in declared
        if any(name == outside or name.startswith(f"{outside}.") for outside in NOT_FOR_ENGINES)
    }  # fmt: skip
    assert set(NOT_FOR_ENGINES) <= set(declared)
    for name, place in declared.items():
        if name in left_out:
            continue
        assert name in seen, f"{name} is neither drawn by tests.engines.policies nor named in NOT_FOR_ENGINES"
        if place.kind is Kind.CHOICE and not place.own_keys:
            missing = {str(choice) for choice in place.choices} - seen[name]
            assert missing <= {"catalogue", "audio"}, f"{name} is never drawn as {missing}"


# -- the same rules without a compiler ----------------------------------------------------------------

PLAIN = """
from random import Random
from planner.errors import PlannerError
from planner.scenario import load
from tests.engines.hand_tables import on_both_engines
from tests.engines.policies import draw_scenario
from planner.engines import kernel
assert not hasattr(kernel.run, "signatures"), "compiled all the same"
runs = 0
for seed in range({seeds}):
    try:
        scenario = load(draw_scenario(Random(seed)))
    except PlannerError:
        continue
    run = on_both_engines(scenario, "s")
    runs += 1
    print(seed, *(int(values.sum()) for values in run.outcome_arrays.values()))
assert runs > {seeds} / 2
"""


def test_without_a_compiler_the_engines_agree_too_and_with_what_is_compiled() -> None:
    seeds = 60
    done = subprocess.run(
        [sys.executable, "-c", PLAIN.format(seeds=seeds)],
        cwd=ROOT,
        env=os.environ | {"NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for line in done.stdout.splitlines():
        seed, *sums = (int(word) for word in line.split())
        scenario = drawn(Random(seed))
        assert scenario is not None
        run = run_window(scenario, "s", plan_windows(scenario)[0], engine="compiled")
        assert [int(np.sum(values)) for values in run.outcome_arrays.values()] == sums
