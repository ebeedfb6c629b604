"""Where requests go under a strategy: from tasks to the tier they are sent to, and on to whoever served them or nobody.

Comes in: a comparison; goes out: a tidy table of links. Nothing is simulated anew: windows count requests by task, tier
and server, whole numbers that are weighted as all measures per request are, so what enters a node leaves it.
"""

from typing import TYPE_CHECKING

import numpy as np

from planner import tables
from planner.finance.hand_check import check_strategy
from planner.metrics import samples as s
from planner.scenario.fields import MONTH_S
from planner.workload.windows import expected_requests, horizon

if TYPE_CHECKING:
    import pandas as pd

    from planner.experiments.comparison import Comparison

FAILED = "failed"
TIER_WORDS = {"omni": "omni", "mini": "mini", "rule": "by rule"}
COLUMNS = (
    "strategy", "level", "source", "source_kind", "target", "target_kind",
    "requests_share", "requests_per_month", "requests_simulated",
)  # fmt: skip


def flow(comparison: "Comparison", strategy: str) -> "pd.DataFrame":
    """The links of a strategy.

    Parameters
    ----------
    strategy : str
        One of the scenario's.

    Returns
    -------
    DataFrame [strategy, level, source, source_kind, target, target_kind, requests_share, requests_per_month,
    requests_simulated]
        Level 0 runs from a task to a tier (omni, mini, by rule), level 1 from a tier to a deployment that served, or to
        "failed". `requests_share` is of all requests that arrive (0..1; each level adds up to 1), `requests_per_month` of
        a mean month of the plan, questions asked once more included. Links that nothing took have no row.

    Raises
    ------
    PlannerError
        There is no such strategy.

    Notes
    -----
    The tier is where the router or a rule sent a request, or, in a cascade, where its last answer came from; a fallback
    to the other tier keeps it. A deployment that no request was served by has no link.
    """
    import pandas as pd

    scenario = comparison.scenario
    check_strategy(scenario, strategy)
    samples = [cell.sample for cell in comparison.results[strategy].cells]
    arrived = np.array([one.n for one in samples], dtype=np.float64)
    weight = comparison.plan.weights[0] / np.maximum(arrived, 1.0)
    counts = np.stack([one.flow for one in samples])  # windows, tasks, tiers, servers
    asked = float(weight @ arrived)
    shares = np.tensordot(weight, counts, axes=1) / asked
    simulated = counts.sum(axis=0)
    planned = np.array([_planned(one) for one in samples])
    monthly = _turns_in_a_mean_month(comparison) * asked / float(weight @ planned)
    servers = [(name, "deployment") for name in scenario.deployments] + [(FAILED, FAILED)]
    tiers = [TIER_WORDS[name] for name in tables.TIERS]
    rows = []
    for i, task in enumerate(scenario.tasks):
        for j, tier in enumerate(tiers):
            link = (0, task, "task", tier, "tier")
            rows.append((*link, shares[i, j].sum(), simulated[i, j].sum()))
    for j, tier in enumerate(tiers):
        for k, (server, kind) in enumerate(servers):
            link = (1, tier, "tier", server, kind)
            rows.append((*link, shares[:, j, k].sum(), simulated[:, j, k].sum()))
    return pd.DataFrame(
        [(strategy, *row[:6], row[5] * monthly, int(row[6])) for row in rows if row[6] > 0], columns=COLUMNS
    )


def _planned(sample: s.Sample) -> float:
    counts = sample.counts.sum(axis=0)
    return float(counts[s.ARRIVED] - counts[s.REPEATED] + counts[s.UNASKED])


def _turns_in_a_mean_month(comparison: "Comparison") -> float:
    first, last = horizon(comparison.scenario)
    return expected_requests(comparison.scenario) / ((last - first).days * 86_400 / MONTH_S)


__all__ = ["FAILED", "flow"]
