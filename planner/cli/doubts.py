"""The part of `planner tco` that says how sure the costs are: budgets, who is cheapest, what flips the decision.

Comes in: an uncertainty analysis; goes out: text on a rich console. Every figure is one of the analysis'.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from planner.cli.report import Cell, Row, heading, item, side_by_side, text_line

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from planner.experiments.comparison import Comparison
    from planner.experiments.uncertainty import Uncertainty

MOST_BARS = 6
QUANTILES = (
    ("P50", "p50"), ("P80", "p80"), ("P95, the 95 % budget", "p95"), ("mean of the worst 5 %", "cvar95"),
)  # fmt: skip


def show(found: "Uncertainty", comparison: "Comparison", console: "Console") -> None:
    """All of it."""
    whose = "default ranges of the catalogue" if found.is_default else "ranges of the scenario"
    heading(
        console, f"How sure: {found.draws:,} draws of {len(found.inputs_used)} uncertain inputs ({whose})"
    )
    side_by_side(console, found.strategies, list(_rows(found)))
    for line in _breaches(found):
        text_line(console, line)
    pair = closest(found, comparison.winner)
    if pair is not None:
        heading(console, f"What moves {pair[0]} minus {pair[1]}, {found.objective} cost in USD")
        for line in _bars(found, *pair):
            item(console, line)
    heading(console, "What knowing would be worth before choosing, at most")
    for line in _information(found):
        item(console, line)
    text_line(console, found.sampling_error)
    text_line(
        console,
        f"The fast bills behind the draws differ from the exact ledger by at most {found.check.largest_difference:.1e} of "
        f"the total over {found.check.draws} checked draws.",
    )


def closest(found: "Uncertainty", winner: str | None) -> tuple[str, str] | None:
    """The answer and the strategy whose cost comes nearest to it; without an answer the first; None of one strategy.

    One that misses a target is taken only where no other meets all of them: it is no choice, whatever it costs.
    """
    if len(found.strategies) < 2:
        return None
    expected = {name: one[found.objective] for name, one in found.expected.items()}
    first = winner if winner in expected else found.strategies[0]
    assert first is not None
    others = [name for name in found.strategies if name != first]
    return first, min(
        others, key=lambda name: (name not in found.passing, abs(expected[name] - expected[first]))
    )


def _rows(found: "Uncertainty") -> Iterator[Row]:
    names = found.strategies
    totals = found.budget[found.budget["measure"] == "total"]
    for view in ("invoiced", "economic"):
        rows = _by_strategy(totals[totals["view"] == view])
        yield Row(
            "invoiced total, USD" if view == "invoiced" else "economic total, with what is invoiced, USD"
        )
        for label, column in (("as given", "expected"), *QUANTILES):
            yield Row(label, tuple(Cell(f"{rows[name][column]:,.0f}") for name in names))
    odds, regret = _by_strategy(found.cheapest), _by_strategy(found.regret)
    yield Row(f"{found.objective} cost")
    yield Row("costs least in", tuple(Cell(f"{odds[name]['among_all']:.1%}") for name in names))
    if not all(odds[name]["passes"] for name in names):
        cells = [
            Cell(f"{odds[name]['among_passing']:.1%}" if odds[name]["passes"] else "misses one")
            for name in names
        ]
        yield Row("among those that meet all targets", tuple(cells))
    yield Row(
        "regret against the best of all, mean", tuple(Cell(f"{regret[name]['mean']:,.0f}") for name in names)
    )


def _by_strategy(table: "pd.DataFrame") -> dict[str, dict[str, Any]]:
    return {
        row["strategy"]: {str(name): value for name, value in row.items()} for row in table.to_dict("records")
    }


def worth_of_knowing(found: "Uncertainty") -> list[tuple[str, float]] | None:
    """(INPUT, USD) before choosing among the strategies that may be chosen, "" for everything; None where one may.

    Those that meet every target; where none does, all.
    """
    if len(found.passing) == 1 and len(found.strategies) > 1:
        return None
    column = "usd_among_passing" if found.passing else "usd"
    rows = [(str(row["input"]), float(row[column])) for row in found.information.to_dict("records")]
    return rows[:1] + sorted(rows[1:], key=lambda row: -row[1])


def _breaches(found: "Uncertainty") -> Iterator[str]:
    budget = found.scenario.finance.budget_usd_per_month
    if budget is None:
        return
    months = found.months[(found.months["view"] == "invoiced") & (found.months["measure"] == "month")]
    for name in found.strategies:
        rows = months[months["strategy"] == name].to_dict("records")
        worst = max(rows, key=lambda row: row["breach"])
        years = found.years[found.years["strategy"] == name].to_dict("records")
        told = ", ".join(f"{row['year']} {row['breach']:.1%}" for row in years)
        yield (
            f"{name} passes the budget of {budget:,.0f} USD a month in {worst['breach']:.1%} of the draws in {worst['month']}, "
            f"its worst month; by year: {told}."
        )


def _bars(found: "Uncertainty", a: str, b: str) -> Iterator[str]:
    bars = [bar for bar in found.tornado(a, b).to_dict("records") if bar["swing"] >= 0.01]
    for bar in bars[:MOST_BARS]:
        flips = ", ".join(_figure(value) for value in bar["switches"])
        yield (
            f"{bar['input']} at {_figure(bar['p10'])}: {bar['at_p10']:+,.0f}; at {_figure(bar['p90'])}: {bar['at_p90']:+,.0f}"
            + (f"; the decision flips at {flips}" if flips else "; never flips it")
        )
    if len(bars) > MOST_BARS:
        yield f"{len(bars) - MOST_BARS} more move it less (--json has them)"


def _figure(value: float) -> str:
    """Four significant digits, written out from 10,000 on.

    >>> _figure(70000.0), _figure(1237234.0), _figure(0.8984), _figure(1.0)
    ('70,000', '1,237,234', '0.8984', '1')
    """
    return f"{value:,.0f}" if abs(value) >= 1e4 else f"{value:,.4g}"


def _information(found: "Uncertainty") -> Iterator[str]:
    rows = worth_of_knowing(found)
    if rows is None:
        yield "nothing: one strategy only meets every target, so no input can change the choice"
        return
    for name, usd in rows[: MOST_BARS + 1]:
        if usd >= 1 or not name:
            yield f"{name or 'everything'}: {usd:,.0f} USD"


__all__ = ["closest", "show", "worth_of_knowing"]
