"""Small scenarios of inline rows, and comparison of their runs with tables worked out by hand.

In comes a list of recorded requests with fixed latencies, out goes a run; `check_attempts`,
`check_outcomes` and `check_events` compare it with a text table, to the nanosecond. A `-` stands
for a moment that never happened, for nobody, or for no cause.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from planner import tables
from planner.engines.run import Run, run_window
from planner.scenario import Scenario, load
from planner.workload.requests import Requests
from planner.workload.windows import Window, plan_windows

MODEL = {
    "modalities": ["text"],
    "context_tokens": 100_000,
    "input_usd_per_mtok": 1,
    "output_usd_per_mtok": 2,
}

STREAM = {"ttft_s": 1.0, "tokens_per_s": 50}  # 50 output tokens: first at 1 s, last at 2 s

# Every option that a timeline may depend on, so that no default of the language is relied on.
POLICY: dict[str, Any] = {
    "timeout_s": None,
    "deadline_s": None,
    "retries": 0,
    "backoff": {"kind": "fixed", "waits_s": [1]},
    "sleep_after_last": False,
    "retry_after_cap_s": 60,
    "breaker": None,
    "when_busy": "wait",
    "when_limited": "reject",
    "queue_limit": None,
    "queue_timeout_s": None,
    "bill_timeouts": "full",
}


def target(**given: Any) -> dict[str, Any]:
    """A deployment of model `m` that answers in 2 s, never fails and has no limits, unless given."""
    return {
        "model": "m", "latency": {"total_s": 2.0}, "limits": None, "errors": None, "outages": None, **given,
    }  # fmt: skip


def fixed(*waits_s: float) -> dict[str, Any]:
    """Backoff with the given waits; the last repeats."""
    return {"kind": "fixed", "waits_s": list(waits_s)}


def limits(**given: Any) -> dict[str, Any]:
    """Limits of which only the given ones are on."""
    return {"requests_per_minute": None, "tokens_per_minute": None, "concurrent": None, **given}


def outage(from_s: float, to_s: float, mode: str = "error", **given: Any) -> dict[str, Any]:
    """An episode [from, to); in mode error a 503 after 1 s unless given."""
    base: dict[str, Any] = {"from_s": from_s, "to_s": to_s, "mode": mode}
    if mode == "error":
        base |= {"status": 503, "error_latency_s": 1.0}
    return base | given


def at(
    *arrivals_s: float, input_tokens: int = 100, output_tokens: int = 50, **given: Any
) -> list[dict[str, Any]]:
    """One recorded request per moment; request names are positions in this list."""
    sizes = {"input_tokens": input_tokens, "output_tokens": output_tokens}
    return [{"arrival_s": arrival_s, **sizes, **given} for arrival_s in arrivals_s]


def run_rows(
    rows: Sequence[Mapping[str, Any]],
    deployments: Mapping[str, Any] | None = None,
    policy: Mapping[str, Any] | None = None,
    **sections: Any,
) -> Run:
    """Replay rows on both engines through strategy `s`: all deployments in order as omni, unless `strategy` says otherwise.

    `deployments` defaults to one plain target called `a`; `sections` are further parts of the
    scenario (`tasks`, `models`, `gateway`, `run`) or the `strategy`.
    """
    deployments = {"a": target()} if deployments is None else deployments
    strategy = sections.pop("strategy", {"omni": list(deployments)})
    scenario = load(
        {
            "name": "by hand",
            "traffic": {"trace": {"rows": [dict(row) for row in rows]}},
            "tasks": {"chat": {}},
            "models": {"m": MODEL},
            "deployments": dict(deployments),
            "strategies": {"s": strategy},
            "policy": POLICY | dict(policy or {}),
            "finance": {"horizon_months": 1},
            "run": {"seed": 1, "replications": 1},
            **sections,
        }
    )
    return on_both_engines(scenario, "s")


def on_both_engines(
    scenario: Scenario, strategy: str, window: Window | None = None, requests: Requests | None = None
) -> Run:
    """The reference engine's run, of the first window unless given, after the compiled one gave the same rows."""
    window = plan_windows(scenario)[0] if window is None else window
    runs = [
        run_window(scenario, strategy, window, engine=engine, requests=requests)
        for engine in ("reference", "compiled")
    ]
    for name in ("outcome_arrays", "attempt_arrays", "event_arrays"):
        one, other = (getattr(run, name) for run in runs)
        for column in one:
            assert np.array_equal(one[column], other[column]), (
                f"the engines differ in {name}, column {column}"
            )
    return runs[0]


def nanoseconds(text: str) -> int:
    """Decimal seconds, exactly; `-` never happened."""
    if text == "-":
        return tables.NEVER
    scaled = Decimal(text) * 10**9
    assert scaled == int(scaled), f"{text} s is not a whole number of nanoseconds"
    return int(scaled)


def _cell(column: str, value: Any) -> Any:
    if column.endswith("_s"):
        return int(value)
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return "-"
    return str(value) or "-"


def _actual(
    frame: pd.DataFrame, arrays: Mapping[str, np.ndarray], names: Sequence[str], order: Sequence[str]
) -> list[dict[str, Any]]:
    """The wanted columns of a table, times in ns and the rest as text, in a fixed order of rows."""
    shown = frame.copy()
    for column in [name for name in frame.columns if name.endswith("_s")]:
        exact = arrays[column.removesuffix("_s") + "_ns"]
        seconds = frame[column].to_numpy(dtype=float)
        assert np.array_equal(np.isnan(seconds), exact == tables.NEVER), (
            f"{column}: NaN where it never happened"
        )
        assert np.array_equal(np.rint(np.nan_to_num(seconds, nan=-1e-9) * 1e9).astype(np.int64), exact), (
            column
        )
        shown[column] = exact
    shown = shown.sort_values(list(order), kind="stable")
    return [{name: _cell(name, row[name]) for name in names} for _, row in shown.iterrows()]


def _expected(text: str) -> tuple[list[str], list[dict[str, Any]]]:
    header, *lines = [line.split() for line in text.strip().splitlines() if line.strip()]
    assert all(len(line) == len(header) for line in lines), f"a row does not fit the header {header}"
    return header, [
        {
            name: nanoseconds(word) if name.endswith("_s") else word
            for name, word in zip(header, line, strict=True)
        }
        for line in lines
    ]


def _text(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    shown = [
        [
            ("-" if row[name] == tables.NEVER else str((Decimal(row[name]) / 10**9).normalize()))
            if name.endswith("_s")
            else row[name]
            for name in names
        ]
        for row in rows
    ]
    return "\n".join(" ".join(f"{cell:>13}" for cell in line) for line in [list(names), *shown])


def _compare(names: Sequence[str], expected: list[dict[str, Any]], actual: list[dict[str, Any]]) -> None:
    assert expected == actual, f"by hand\n{_text(names, expected)}\nthe run\n{_text(names, actual)}"


def check_attempts(run: Run, text: str) -> None:
    """Attempts, by request then attempt, are exactly the rows of the table (for its columns)."""
    names, rows = _expected(text)
    _compare(names, rows, _actual(run.attempts, run.attempt_arrays, names, ["request", "attempt"]))


def check_outcomes(run: Run, text: str) -> None:
    """Outcomes, by request, are exactly the rows of the table (for its columns)."""
    names, rows = _expected(text)
    _compare(names, rows, _actual(run.outcomes, run.outcome_arrays, names, ["request"]))


def check_events(run: Run, kind: str, text: str) -> None:
    """Events of a kind, by time, are exactly the rows of the table (for its columns)."""
    names, rows = _expected(text)
    chosen = (run.events["kind"] == kind).to_numpy(dtype=bool)
    arrays = {name: values[chosen] for name, values in run.event_arrays.items()}
    _compare(names, rows, _actual(run.events[chosen].reset_index(drop=True), arrays, names, ["time_s"]))
