"""The rows of finished requests that measures are made of, from the full tables of a run.

The compiled engine writes such rows itself; this is how they follow from Outcomes and Attempts, for the
reference engine and for whoever doubts the other.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from planner import tables
from planner.engines.work import Work

Integers = npt.NDArray[np.int64]


def facts(
    outcomes: Mapping[str, Integers],
    attempts: Mapping[str, Integers],
    work: Work,
    outside: npt.NDArray[np.bool_],
    is_verified_outside: bool,
) -> Integers:
    """Rows of `tables.FACTS`, by request; shape (requests, columns).

    `outside` says of each deployment, in the scenario's order, whether private data would leave the house;
    `is_verified_outside` says it of a cascade's verifier.
    """
    requests = work.requests
    names = outcomes["request"]
    order = work.came(names)
    place = np.searchsorted(names, attempts["request"])  # row of each call's request
    rows = np.zeros((len(names), len(tables.FACTS)), np.int64)
    columns = [column.name for column in tables.FACTS]
    for column in tables.OUTCOMES_TABLE:
        rows[:, columns.index(column.name)] = outcomes[column.name]
    waited = np.zeros(len(names), np.int64)
    np.add.at(waited, place, attempts["started_ns"] - attempts["queued_ns"])
    rows[:, columns.index("wait_ns")] = waited
    served = (attempts["outcome"] == tables.OK) & (attempts["deployment"] == outcomes["deployment"][place])
    speed_ns = attempts["ended_ns"] - attempts["first_token_ns"]
    rows[place[served], columns.index("speed_ns")] = speed_ns[served]
    streamed = attempts["output_tokens"] + attempts["audio_output_tokens"]
    rows[place[served], columns.index("speed_output_tokens")] = streamed[served]
    sent = attempts["deployment"]
    left = np.zeros(len(names), np.bool_)
    is_real = sent >= 0
    left[place[is_real][outside[sent[is_real]]]] = True
    if is_verified_outside:
        left[place[sent == tables.VERIFIER]] = True
    rows[:, columns.index("flags")] = (
        tables.FACT_SENSITIVE * requests.sensitive[order].astype(np.int64)
        + tables.FACT_ASKED * work.routing.asked[order].astype(np.int64)
        + tables.FACT_OVER_CONTEXT * work.over_context()[order].astype(np.int64)
        + tables.FACT_OUTSIDE * left.astype(np.int64)
        + tables.FACT_REPEATED * (requests.repeat[order] > 0).astype(np.int64)
    )
    rows[:, columns.index("input_tokens")] = requests.input_tokens[order]
    rows[:, columns.index("output_tokens")] = requests.output_tokens[order]
    return rows
