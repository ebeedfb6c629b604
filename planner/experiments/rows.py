"""The rows behind a finding: which table of a comparison, and which of its rows.

Comes in: a comparison and a finding (or the `Rows` that it names); goes out: those rows as a table. Beside the tables
of `Comparison` there are a few that only findings need.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from planner.errors import PlannerError
from planner.experiments.finding import Finding, Rows, calls_per_request, tokens_per_request
from planner.experiments.findings_money import image_cost, tier_of
from planner.experiments.loads import loads
from planner.experiments.verdicts import matrix
from planner.workload.sizes import resolve_model
from planner.workload.windows import eras

if TYPE_CHECKING:
    import pandas as pd

    from planner.experiments.comparison import Comparison

Table = Callable[["Comparison"], "pd.DataFrame"]


def rows_behind(comparison: "Comparison", finding: Finding) -> "pd.DataFrame":
    """The rows that a finding's number is made of; every column of their table.

    Raises PlannerError where the finding names none.
    """
    if finding.rows is None:
        raise PlannerError(f"{finding.code}: no rows stand behind this finding")
    return select(comparison, finding.rows)


def select(comparison: "Comparison", rows: Rows) -> "pd.DataFrame":
    """The rows of a table that have the wanted values."""
    table = TABLES[rows.table](comparison)
    for column, wanted in rows.where.items():
        values = wanted if isinstance(wanted, tuple) else (wanted,)
        kept = [any(value is one or value == one for one in values) for value in table[column]]
        table = table[kept]
    return table.reset_index(drop=True)


def _frame(rows: list[tuple], columns: str) -> "pd.DataFrame":
    import pandas as pd

    # Whole numbers, Decimals and what is missing stay what they are.
    names = columns.split()
    return pd.DataFrame(
        {name: pd.Series([row[i] for row in rows], dtype=object) for i, name in enumerate(names)}
    )


def targets(comparison: "Comparison") -> "pd.DataFrame":
    """The verdict matrix: strategy, task (None for all), measure, target, value, low, high, unit, met, verdict."""
    rows = [
        (
            one.strategy,
            one.task,
            one.measure,
            one.target,
            one.value,
            one.low,
            one.high,
            one.unit,
            one.met,
            one.verdict,
        )
        for one in matrix(comparison)
    ]
    return _frame(rows, "strategy task measure target value low high unit met verdict")


def tokens(comparison: "Comparison") -> "pd.DataFrame":
    """Billed tokens by meter: strategy, meter, tokens (of all simulated calls), tokens_per_request (windows by their weights)."""
    rows = []
    for name, result in comparison.results.items():
        for meter in result.cells[0].sample.billed_tokens:
            counted = sum(cell.sample.billed_tokens[meter] for cell in result.cells)
            expected = tokens_per_request(comparison, name, meter)
            rows.append((name, meter, counted, expected))
    return _frame(rows, "strategy meter tokens tokens_per_request")


def calls(comparison: "Comparison") -> "pd.DataFrame":
    """Calls: strategy, deployment, provider, model (at the start), calls and limited (refused with 429) as simulated, and per
    request over the plan, windows by their weights: calls_per_request, limited_per_request.
    """
    scenario = comparison.scenario
    rows = []
    for name, result in comparison.results.items():
        used = scenario.deployments_of(name)
        for place, (deployment, one) in enumerate(scenario.deployments.items()):
            n = sum(cell.sample.n_calls.get(place, 0) for cell in result.cells)
            limited = sum(cell.sample.n_limited.get(place, 0) for cell in result.cells)
            if deployment in used or n:
                expected = calls_per_request(comparison, name, place)
                rows.append((name, deployment, one.provider, one.model, n, limited, *expected))
    names = "strategy deployment provider model calls limited calls_per_request limited_per_request"
    return _frame(rows, names)


def volumes(comparison: "Comparison") -> "pd.DataFrame":
    """Expected requests by month and task: strategy, month, task, planned, arrived, completed, failed, right, wrong, unrated."""
    names = "month task planned arrived completed failed right wrong unrated"
    rows = [
        (name, *(getattr(volume, column) for column in names.split()))
        for name, result in comparison.results.items()
        for volume in result.ledger.volumes
    ]
    return _frame(rows, f"strategy {names}")


def windows(comparison: "Comparison") -> "pd.DataFrame":
    """The windows that were simulated: window, era, stratum (the outage planted; "" for none), start_s, length_s, weight."""
    rows = [
        (one.index, one.era, one.stratum, one.start_s, one.length_s, one.weight) for one in comparison.windows
    ]
    return _frame(rows, "window era stratum start_s length_s weight")


def models(comparison: "Comparison") -> "pd.DataFrame":
    """Models in force: from (first day), deployment, model."""
    rows = [
        (era.start.isoformat(), deployment, model)
        for era in eras(comparison.scenario)
        for deployment, model in era.models.items()
    ]
    return _frame(rows, "from deployment model")


def images(comparison: "Comparison") -> "pd.DataFrame":
    """Images of one request on the first day: task, deployment, model, tier, image_tokens, usd_per_mtok, usd."""
    scenario = comparison.scenario
    rows = []
    for task, found in scenario.tasks.items():
        if not found.images:
            continue
        for tier in ("omni", "mini"):
            for name in tier_of(scenario, tier):
                usd = image_cost(scenario, name, task)
                if usd is not None:
                    one = scenario.deployments[name]
                    n = resolve_model(scenario, one.model, one.provider).image_tokens[task]
                    rows.append((task, name, one.model, tier, n, usd * 10**6 / n, usd))
    return _frame(rows, "task deployment model tier image_tokens usd_per_mtok usd")


def limit_loads(comparison: "Comparison") -> "pd.DataFrame":
    """Use of limits per minute: strategy, deployment, limit, window, allowed and used per minute, share."""
    rows = [
        (one.strategy, one.deployment, one.field, one.window, one.limit, one.per_minute, one.used)
        for name in comparison.results
        for one in loads(comparison, name)
    ]
    return _frame(rows, "strategy deployment limit window allowed_per_minute used_per_minute share")


def _own(name: str) -> Table:
    """A table that a comparison has itself."""

    def table(comparison: "Comparison") -> "pd.DataFrame":
        found: pd.DataFrame = getattr(comparison, name)
        return found

    return table


TABLES: Mapping[str, Table] = {
    "ledger": _own("ledger"),
    "summary": _own("summary"),
    "slo": targets,
    "lost": _own("lost"),
    "wasted": _own("wasted"),
    "money": _own("money"),
    "differences": _own("differences"),
    "tokens": tokens,
    "calls": calls,
    "volumes": volumes,
    "windows": windows,
    "models": models,
    "images": images,
    "loads": limit_loads,
}


__all__ = ["TABLES", "rows_behind", "select"]
