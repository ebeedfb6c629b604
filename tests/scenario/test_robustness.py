"""Whatever is written into a scenario, reading it ends in a scenario or in problems, never in a failure."""

import copy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from planner.errors import ScenarioError
from planner.scenario import load
from planner.scenario.declared import walk
from planner.scenario.paths import Path, PathProblem, set_value
from tests.scenario.samples import BASE

FULL: dict[str, Any] = {
    **copy.deepcopy(BASE),
    "slo": {"accuracy": 0.5, "sensitive_outside": 0},
    "policy": {"timeout_s": 20, "deadline_s": 60},
    "gateway": {"kind": "unified", "fee": 0.05},
}
FULL["tasks"] = {
    "faq": {"share": 0.5, "accuracy": {"m": 0.5}, "sensitive": 0.2},
    "photo": {"share": 0.5, "modalities": ["text", "vision"], "images": [{"width_px": 10, "height_px": 10}]},
}
FULL["deployments"]["c"] = {
    "model": "m",
    "server": {"gpu": "l40s"},
    "latency": {"total_s": 1},
    "limits": {"concurrent": [{"until_s": 60, "value": 2}, {"value": 3}]},
}
FULL["strategies"] = {
    "s": {"omni": ["a"], "mini": ["b", "a"], "router": {"omni_share": 0.5}},
    "t": {"like": "s", "rules": [{"when": {"sensitive": True}, "to": ["c", "a"]}], "policy": {"retries": 0}},
    "v": {"like": "s", "router": {"kind": "cascade", "verifier": {"model": "gpt-4o-mini-2024-07-18"}}},
}
FULL["finance"] = {
    "horizon_months": 12,
    "one_time": [{"name": "x", "usd": 5, "strategies": ["s"]}],
    "migrations": [{"at": "2025-06-01", "from": "gpt-4o-2024-08-06", "to": "gpt-4o-2024-11-20"}],
    "price_steps": [{"at": "2025-06-01", "model": "gpt-4o-2024-11-20", "factor": 0.5}],
    "price_drift": [{"model": "m", "per_year": -0.2}, {"provider": "openai", "per_year": -0.1}],
    "rates": "real",
    "inflation_per_year": 0.02,
    "baseline": {"name": "x", "usd_per_request": 0.1},
}
FULL["traffic"] = {"requests_per_month": 1000, "growth_per_year": 0.1, "seasons": {"december": 2}}

NAMES = {
    "TASK": ["faq", "photo", "new"],
    "MODEL": ["m", "gpt-4o-2024-08-06", "n"],
    "DEPLOYMENT": ["a", "b", "c", "d"],
    "STRATEGY": ["s", "t", "v", "w"],
    "COLUMN": ["task", "x"],
    "NAME": ["arrival_s", "x"],
}
PATHS = [path for path, _ in walk()] + [("zebra",), ("policy", "zebra"), ("tasks", "TASK", "zebra")]
JUNK = [
    None, True, False, 0, 1, -1, 0.5, 1e9, 10**30, "", "x", "no", "s", "a", "c", "m", "omni", "mini", "catalogue", "gpt-5.6",
    "openai", "azure", "2025-06-01", "2027-03-01", "hang", "cascade", "law", "unified", "vision", [], {}, ["a"], [["a", "zz"]],
    [1], [None], {"x": 1}, {"p50": 1, "p95": 2}, {"p50": 3, "p95": 2}, {"fixed": 0}, {"total_s": 2}, {"mtbf_h": 1, "duration_h": 1, "mode": "hang"},
    [{"from_s": 0, "to_s": 5, "mode": "hang"}], {"kind": "cascade", "verifier": {"model": "zz"}}, {"threshold": 9},
    [{"when": {"task": "zz"}, "to": "mini"}], {"rows": [{"arrival_s": 0}]}, {"file": "x.csv"}, [{"until_s": 5, "value": 0}, {"value": 1}],
    {"kind": "jetson-orin-nano", "fleet": 1},
]  # fmt: skip


@st.composite
def mutations(draw: st.DrawFn) -> list[tuple[Path, Any]]:
    found = []
    for _ in range(draw(st.integers(1, 4))):
        pattern = draw(st.sampled_from(PATHS))
        steps: list[str | int] = []
        for step in pattern:
            if step == "N":
                steps.append(draw(st.integers(0, 1)))
            else:
                steps.append(draw(st.sampled_from(NAMES[str(step)])) if step in NAMES else step)
        length = draw(st.integers(1, len(steps))) if draw(st.booleans()) else len(steps)
        found.append((tuple(steps[:length]), draw(st.sampled_from(JUNK))))
    return found


@settings(max_examples=400, deadline=None, derandomize=True, database=None)
@given(mutations())
def test_any_change_of_any_field_is_accepted_or_explained(changes: list[tuple[Path, Any]]) -> None:
    tree: Any = FULL
    for path, value in changes:
        try:
            tree = set_value(tree, path, value)
        except PathProblem:
            continue
    try:
        found = load(tree)
    except ScenarioError as error:
        texts = [str(problem) for problem in error.problems]
        assert len(texts) == len(set(texts))
        assert all(texts)
    else:
        assert load(found.to_dict()).hash == found.hash


def test_the_full_sample_is_sound() -> None:
    assert load(FULL).name == "Sample"
