"""Conversations written by hand, for timelines of both engines.

A conversation is a list of turns: the first has `arrival_s`, each later one `pause_s`, all the columns of a recording
they need; `repeat: 1` marks a row that asks once more. Requests are named by their place among all turns.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from planner.engines.run import Run
from planner.scenario import load
from planner.tables import NEVER
from planner.workload.requests import Requests, from_frame
from planner.workload.windows import Window
from tests.engines.hand_tables import MODEL, POLICY, on_both_engines, target

SIZES = {"input_tokens": 100, "output_tokens": 50}


def turn(pause_s: float, **given: Any) -> dict[str, Any]:
    """A later turn."""
    return {"pause_s": pause_s, **given}


def opening(arrival_s: float, **given: Any) -> dict[str, Any]:
    """The first turn."""
    return {"arrival_s": arrival_s, **given}


def run_talks(
    talks: Sequence[Sequence[Mapping[str, Any]]],
    deployments: Mapping[str, Any] | None = None,
    policy: Mapping[str, Any] | None = None,
    *,
    is_open: bool = False,
    length_s: float = 3600.0,
    **sections: Any,
) -> Run:
    """Conversations through strategy `s` on both engines: all deployments in order as omni, unless `strategy` says otherwise."""
    deployments = {"a": target()} if deployments is None else deployments
    scenario = load(
        {
            "name": "by hand",
            "traffic": {"requests_per_month": 1},
            "tasks": {"chat": {}},
            "models": {"m": MODEL},
            "deployments": dict(deployments),
            "strategies": {"s": sections.pop("strategy", {"omni": list(deployments)})},
            "policy": POLICY | dict(policy or {}),
            "finance": {"horizon_months": 1},
            "run": {"seed": 1, "replications": 1},
            **sections,
        }
    )
    rows = [row for talk in talks for row in talk]
    session = np.repeat(np.arange(len(talks)), [len(talk) for talk in talks])
    moments = [talk[0]["arrival_s"] for talk in talks for _ in talk]
    columns = [
        {
            "arrival_s": moment,
            **SIZES,
            **{
                name: value
                for name, value in row.items()
                if name not in ("pause_s", "arrival_s", "repeat", "shared")
            },
        }
        for row, moment in zip(rows, moments, strict=True)
    ]
    # In the order of the rows, as their moments may not be: a conversation stands where its first turn does.
    found = from_frame(scenario, columns)
    assert np.array_equal(found.request, np.arange(len(rows))), (
        "conversations in the order of their first turns"
    )
    pauses = [row.get("pause_s") for row in rows]
    requests: Requests = replace(
        found,
        session=session,
        repeat=np.array([row.get("repeat", 0) for row in rows], np.int64),
        pause_ns=np.array([NEVER if one is None else round(one * 1e9) for one in pauses], np.int64),
        shared_tokens=np.array([row.get("shared", 0) for row in rows], np.int64),
        is_open=is_open,
    )
    return on_both_engines(scenario, "s", Window(0, 0, 0.0, length_s, 1.0, "", ()), requests)
