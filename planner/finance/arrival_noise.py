"""How far chance alone moves a month's bill: requests come in random numbers and sizes, whatever is known of inputs.

Comes in: a scenario and a strategy's ledger; goes out: by how much a month in twenty passes its mean. It is small, and
told so that nobody takes it for what `uncertainty` is about.
"""

import math

from planner.finance.ledger import Ledger
from planner.finance.risk import compound_quantile
from planner.scenario.fields import Scenario
from planner.scenario.laws import Component, Kind, Law


def month_noise(scenario: Scenario, ledger: Ledger, share: float = 0.95) -> float | None:
    """Excess of a quantile of the first month's spend on requests over its mean, as a share of it.

    The month is a compound Poisson sum (mean N E[c], variance N E[c^2]; facts: method §3.6). Costs of a task's requests
    are taken to vary as much as the more variable of its prompts and answers, which is more than they do. None where
    requests are not independent (conversations, days of their own luck), come from a recording or cost nothing.
    """
    traffic = scenario.traffic
    if traffic.sessions.turns_mean > 1 or traffic.daily_spread or traffic.trace is not None:
        return None
    month = min((volume.month for volume in ledger.volumes), default="")
    requests = {one.task: float(one.planned) for one in ledger.volumes if one.month == month and one.planned}
    spent = dict.fromkeys(requests, 0.0)
    for row in ledger.rows:
        if row.month == month and row.task in spent and row.view == "invoiced":
            spent[row.task] += float(row.amount_usd)
    calls, total = sum(requests.values()), sum(spent.values())
    if not total:
        return None
    second = sum(
        requests[task] / calls * (spent[task] / requests[task]) ** 2 * (1 + _variation(scenario, task) ** 2)
        for task in requests
    )
    return compound_quantile(calls, total / calls, second, 0.0, share) / total - 1


def _variation(scenario: Scenario, task: str) -> float:
    """The larger coefficient of variation of a task's prompts and answers."""
    one = scenario.tasks[task]
    return max(variation(one.input_tokens), variation(one.output_tokens))


def variation(law: Law) -> float:
    """Standard deviation over mean of a law; 0 where the mean is."""
    mean = law.mean
    if not mean:
        return 0.0
    second = math.fsum(part.weight * _second(part) for part in law.components)
    return math.sqrt(max(0.0, second / mean**2 - 1))


def _second(part: Component) -> float:
    """E[x^2] of a component."""
    match part.kind:
        case Kind.FIXED:
            return part.a**2
        case Kind.EXPONENTIAL:
            return 2 * part.a**2
        case Kind.LOGNORMAL:
            return math.exp(2 * part.a + 2 * part.b**2)
        case Kind.GAMMA:
            return part.a * (part.a + 1) * part.b**2
    return math.fsum(value**2 for value in part.values) / len(part.values)
