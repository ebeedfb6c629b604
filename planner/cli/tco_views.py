"""Views of `planner tco` beside the bill: another currency, what answers are worth, depreciation, energy and CO2e.

Comes in: a statement; goes out: rows and lines of text. Each view is absent where the scenario has nothing for it.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from planner.cli.figures import DASH
from planner.cli.report import Cell, Row
from planner.finance import usd
from planner.finance.currency import money, rate_words
from planner.finance.footprint import TOTAL

if TYPE_CHECKING:
    from planner.experiments.statement import Statement
    from planner.finance.investment import Payback
    from planner.finance.value import Return

VIEWS = (("invoiced", "invoiced cost"), ("economic", "economic cost, with what is invoiced"))


def currency_rows(made: "Statement") -> Iterator[Row]:
    """Totals in the scenario's currency; none for USD."""
    scenario = made.comparison.scenario
    if rate_words(scenario) is None:
        return
    results = made.comparison.results.values()
    yield Row("invoiced", tuple(Cell(money(one.tco.invoiced_usd, scenario)) for one in results))
    yield Row(
        "economic, with what is invoiced",
        tuple(Cell(money(one.tco.economic_usd, scenario)) for one in results),
    )


def value_rows(made: "Statement") -> Iterator[Row]:
    """Net value, saving, return and payback by view; none unless a worth or a baseline is given."""
    names = [name for name in made.comparison.strategies if name in made.values]
    if not names:
        return
    found = [made.values[name] for name in names]
    if any(one.value_usd is not None or one.unknown for one in found):
        yield Row(
            "worth of right answers",
            tuple(_money(one.value_usd, one.unknown.get("value_usd", "")) for one in found),
        )
    if found[0].baseline is not None:
        yield Row(f"today: {found[0].baseline}", tuple(_money(one.baseline_usd) for one in found))
    for view, words in VIEWS:
        backs: list[Return] = [getattr(one, view) for one in found]
        yield Row(f"against {words}")
        if any(back.net_value_usd is not None for back in backs):
            yield Row("net value", tuple(_money(back.net_value_usd) for back in backs))
            yield Row("net value / cost", tuple(_share(back.roi_of_value) for back in backs))
        if any(back.saving_usd is not None for back in backs):
            yield Row("saving against today", tuple(_money(back.saving_usd) for back in backs))
            yield Row("saving, present value", tuple(_money(back.saving_npv_usd) for back in backs))
            yield Row("saving / cost", tuple(_share(back.roi_of_saving) for back in backs))
            yield Row("payback", tuple(Cell(payback_words(back.payback)) for back in backs))
            yield Row(
                "payback, discounted", tuple(Cell(payback_words(back.discounted_payback)) for back in backs)
            )


def payback_words(found: "Payback | None") -> str:
    """Months until it has paid back, or why it does not."""
    if found is None:
        return DASH
    if found.months is None:
        return str(found.reason)
    again = f", below again from {found.again_below[0]:.1f}" if found.again_below else ""
    return f"{found.months:.1f} months{again}"


def accounting_lines(made: "Statement") -> Iterator[str]:
    """Capital, depreciation and what is left of it, for strategies that buy things that last."""
    for name, one in made.books.items():
        capex = sum((month.capex_usd for month in one.months), Decimal(0))
        written_off = sum((month.depreciation_usd for month in one.months), Decimal(0))
        left = one.months[-1].book_value_usd
        yield (
            f"{name}: {usd(capex)} paid for things that last, {usd(written_off)} of it written off within the plan, "
            f"{usd(left)} still on the books at its end (straight line; no NPV reads it)."
        )


def footprint_rows(made: "Statement") -> Iterator[Row]:
    """Energy and CO2e of 1,000 requests: all deployments together, a dash where nobody knows."""
    rows = _footprints(made)
    for label, name in (
        ("kWh per 1,000 requests", "kwh_per_1k"),
        ("kg CO2e per 1,000 requests", "kg_per_1k"),
    ):
        cells = [_spread(rows[strategy], name) for strategy in made.comparison.strategies]
        yield Row(label, tuple(cells))


def footprint_reasons(made: "Statement") -> Iterator[str]:
    """Why a sum is not known, each reason once with the strategies that it holds for."""
    whose: dict[str, list[str]] = {}
    for name, row in _footprints(made).items():
        unknown = row["unknown"] if isinstance(row["unknown"], str) else ""  # not a number where all is known
        for reason in dict.fromkeys(unknown.split("; no figure")):
            if reason:
                text = reason if reason.startswith("no figure") else f"no figure{reason}"
                whose.setdefault(text, []).append(name)
    for reason, names in whose.items():
        yield f"{', '.join(names)}: {reason}"


def _footprints(made: "Statement") -> dict[str, dict[Any, Any]]:
    """STRATEGY: the row of all its deployments together."""
    table = made.footprints
    return {row["strategy"]: row for row in table[table["deployment"] == TOTAL].to_dict("records")}


def _spread(row: dict[Any, Any], name: str) -> Cell:
    central = row[f"{name}_central"]
    if central is None or central != central:
        return Cell(DASH, "not known")
    return Cell(f"{central:.3g}", f"{row[f'{name}_low']:.3g} to {row[f'{name}_high']:.3g}")


def _money(amount: Decimal | None, why: str = "") -> Cell:
    return Cell(DASH, why) if amount is None else Cell(usd(amount, ""))


def _share(share: Decimal | None) -> Cell:
    return Cell(DASH if share is None else f"{share:.1%}")


__all__ = [
    "accounting_lines",
    "currency_rows",
    "footprint_reasons",
    "footprint_rows",
    "payback_words",
    "value_rows",
]
