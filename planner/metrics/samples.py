"""What measures need to know of a simulated window: one column per fact, one entry per request.

Comes in: Outcomes, Attempts and Requests as arrays; goes out: a `Sample`. Token sums stay integers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from planner import tables

Floats = npt.NDArray[np.float64]
Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Sample:
    """A window under a strategy; arrays have shape (requests,), NaN where a fact does not exist."""

    length_s: float
    task: npt.NDArray[np.int64]
    latency_s: Floats  # end, by success or final failure, minus arrival
    ttft_s: Floats  # first visible token of the served answer minus arrival
    wait_s: Floats  # sum over attempts of started minus queued; backoff apart
    speed: Floats  # tokens/s of the served answer
    input_tokens: Floats
    output_tokens: Floats
    completed: npt.NDArray[np.bool_]
    correct: npt.NDArray[np.int8]
    is_omni: npt.NDArray[np.bool_]
    deployment: npt.NDArray[np.int64]
    cause: npt.NDArray[np.int64]
    over_context: npt.NDArray[np.bool_]
    sensitive_outside: npt.NDArray[np.bool_]
    n_attempts: npt.NDArray[np.int64]
    billed_tokens: Mapping[str, int]  # by meter, all attempts
    n_limited: Mapping[int, int]  # calls refused with 429, by deployment
    n_calls: Mapping[int, int]  # calls by deployment

    @property
    def n(self) -> int:
        return len(self.task)


def sample(
    outcomes: Arrays,
    attempts: Arrays,
    requests: Arrays,
    *,
    length_s: float,
    over_context: npt.NDArray[np.bool_],
    outside: npt.NDArray[np.bool_],
    omni: frozenset[int],
) -> Sample:
    """A window's Sample.

    Parameters
    ----------
    outcomes, attempts : arrays by the contracts of `planner.tables`
        Outcomes sorted by request.
    requests : arrays `request`, `input_tokens`, `output_tokens`, `sensitive`, shape (requests,)
    over_context : bool array, shape (requests,)
        In the order of `requests`.
    outside : bool array, shape (deployments,)
        Deployments whose trust is neither in-house nor device.
    omni : deployments of the omni tier
    """
    names = outcomes["request"]
    order = np.argsort(requests["request"], kind="stable")
    assert np.array_equal(requests["request"][order], names), "Outcomes and Requests name the same requests"
    ended, arrived = outcomes["ended_ns"].astype(np.int64), outcomes["arrived_ns"].astype(np.int64)
    first = outcomes["first_token_ns"].astype(np.int64)
    place = np.searchsorted(names, attempts["request"])  # row of each attempt's request
    waited = np.bincount(
        place,
        weights=(attempts["started_ns"] - attempts["queued_ns"]).astype(np.float64),
        minlength=len(names),
    )
    sensitive = requests["sensitive"][order]
    sent = attempts["deployment"].astype(np.int64)
    to_outside = np.zeros(len(names), dtype=np.bool_)
    is_real = sent >= 0
    to_outside[place[is_real][outside[sent[is_real]]]] = True
    tier, deployment = outcomes["tier"].astype(np.int64), outcomes["deployment"].astype(np.int64)
    by_rule = (tier == tables.RULE) & np.isin(deployment, list(omni))
    limited = sent[(attempts["outcome"] == tables.LIMITED) & is_real]
    return Sample(
        length_s=length_s,
        task=outcomes["task"].astype(np.int64),
        latency_s=(ended - arrived) / 1e9,
        ttft_s=np.where(first == tables.NEVER, np.nan, (first - arrived) / 1e9),
        wait_s=waited / 1e9,
        speed=_speed(outcomes, attempts, place),
        input_tokens=requests["input_tokens"][order].astype(np.float64),
        output_tokens=requests["output_tokens"][order].astype(np.float64),
        completed=outcomes["outcome"] == tables.OK,
        correct=outcomes["correct"].astype(np.int8),
        is_omni=(tier == tables.OMNI) | by_rule,
        deployment=deployment,
        cause=outcomes["cause"].astype(np.int64),
        over_context=over_context[order],
        sensitive_outside=sensitive & to_outside,
        n_attempts=outcomes["attempts"].astype(np.int64),
        billed_tokens={meter: int(attempts[f"billed_{meter}_tokens"].sum()) for meter in tables.METERS},
        n_limited=_counts(limited),
        n_calls=_counts(sent[is_real]),
    )


def _counts(codes: npt.NDArray[np.int64]) -> dict[int, int]:
    found, counts = np.unique(codes, return_counts=True)
    return dict(zip(found.tolist(), counts.tolist(), strict=True))


def _speed(outcomes: Arrays, attempts: Arrays, place: npt.NDArray[np.intp]) -> Floats:
    """Output tokens / (ended - first token) of the attempt that was served; NaN where it did not stream."""
    speed = np.full(len(outcomes["request"]), np.nan)
    streamed = (
        (attempts["outcome"] == tables.OK)
        & (attempts["deployment"] == outcomes["deployment"][place])
        & (attempts["ended_ns"] > attempts["first_token_ns"])
    )
    took_s = (attempts["ended_ns"] - attempts["first_token_ns"])[streamed] / 1e9
    tokens = (attempts["output_tokens"] + attempts["audio_output_tokens"])[streamed]
    speed[place[streamed]] = tokens / took_s
    return speed
