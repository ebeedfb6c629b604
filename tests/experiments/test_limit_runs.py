"""Both observers count the same on drawn scenarios, and a run that no limit touches is the run without limits."""

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np
import pytest

from planner.engines.program import compile_program
from planner.errors import PlannerError, ScenarioError
from planner.experiments import limit_runs
from planner.experiments.limit_runs import Bench, Counted, Setting
from planner.experiments.limits import CHARGES, KINDS
from planner.limiting import FIELDS, SUB_WINDOW, WINDOWS
from planner.scenario import Scenario, load
from tests.engines.policies import draw_plain_scenario, draw_scenario

QUOTAS = (6, 60, 600, 6_000, 60_000, 1_000_000)
# Failed calls that are charged in full, slots that others wait for at the instant, requests too large for any.
FOUND_PLAIN = (2528, 2684, 2836, 2985, 3112, 3498, 3787, 3939, 4068, 4159, 4351, 4412, 4626, 5138, 5287)


def drawn_setting(random: Random) -> Setting:
    kind, slice_s = random.choice(KINDS)
    limits = {name: random.choice((None, *QUOTAS)) for name in FIELDS}
    limits |= {"kind": kind, "charge": random.choice(CHARGES), "concurrent": random.choice((None, 1, 2, 4))}
    if kind == SUB_WINDOW:
        limits["slice_s"] = slice_s
    elif kind not in WINDOWS:
        limits["burst_s"] = random.choice((1, 10, 60))
    return Setting(limits)


def is_same(one: Counted, other: Counted) -> bool:
    return all(
        np.array_equal(getattr(one, which), getattr(other, which))
        for which in ("asked", "held", "lost", "too_large")
    )


def check(seed: int, seen: Counter[str], draw: Callable[[Random], dict[str, Any]] = draw_scenario) -> None:
    """Three settings of every deployment of a drawn scenario."""
    random = Random(seed)
    try:
        scenario: Scenario = load(draw(Random(seed)))
        bench = Bench(scenario, ["s"], 200)
    except PlannerError:
        return
    for deployment in scenario.deployments_of("s"):
        for setting in (drawn_setting(random) for _ in range(3)):
            try:
                changed = bench.changed("s", deployment, setting)
            except ScenarioError:
                continue
            # Slots differ from setting to setting here, and what is kept of runs does not tell them apart.
            bench._unlimited.clear()
            counted, calls = bench.unlimited("s", deployment, setting)
            needs_watching = limit_runs._needs_watching(changed, "s")
            for window, work, free, one in zip(
                bench.windows, bench.works(changed, "s", None), counted, calls, strict=True
            ):
                program = compile_program(changed, "s", bench.models(window), window)
                watched = limit_runs._watched(changed, program, deployment, work)
                seen["held"] += int(watched.held.sum())
                seen["lost"] += int(watched.lost.sum())
                if not needs_watching:
                    seen["rows"] += 1
                    told = limit_runs._from_rows(changed, program, deployment, work)
                    assert is_same(told, watched), (seed, deployment, setting)
                if limit_runs.lets_through(changed, "s", deployment, bench.models(window)[deployment], one):
                    seen["free"] += 1
                    assert is_same(free, watched), (seed, deployment, setting)


@pytest.mark.slow
def test_observers_agree_on_drawn_scenarios() -> None:
    seen: Counter[str] = Counter()
    for seed in range(150):
        check(seed, seen)
        check(seed, seen, draw_plain_scenario)
    for seed in FOUND_PLAIN:
        check(seed, seen, draw_plain_scenario)
    assert seen["rows"] > 50
    assert seen["free"] > 100
    assert seen["held"] > 500
    assert seen["lost"] > 100
