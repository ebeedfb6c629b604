"""How a drill is shown: tables before, during and after, recovery, money, and the difference another policy makes.

Every figure is one of the drill's; a mean number of requests is written as its sentences do.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from html import escape
from typing import Any

import pandas as pd

from app import cards, text
from app.cards import Line
from planner.api import Drill
from planner.experiments.drill import Phase, StrategyDrill
from planner.experiments.drill_counts import Paired
from planner.experiments.limits import DeploymentLimits
from planner.finance import usd
from planner.finance.ledger import total_of
from planner.metrics.intervals import Estimate

Rows = list[tuple[str, list[str]]]
LIMIT = "limit"  # the cause, of `tables.CAUSES`
VIEWS = {"invoiced": "on the bill", "economic": "not on the bill"}


# -- tables ----------------------------------------------------------------------------------------


def table(
    heads: Sequence[str], rows: Iterable[Sequence[str]], words: str, *, sums: Sequence[str] = ()
) -> str:
    """An HTML table; `words` names it for screen readers, rows that begin with one of `sums` are sums."""
    head = "".join(f"<th scope='col'>{escape(one)}</th>" for one in heads)
    body = "".join(
        f"<tr{' class=sum' if row[0] in sums else ''}><th scope='row'>{escape(row[0])}</th>"
        + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    return (
        f"<div class='sideways'><table class='figures phases' aria-label='{escape(words, quote=True)}'><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def phases(one: StrategyDrill) -> str:
    """Before, during and after: with the outage, and in brackets without it where that differs."""
    heads = ["Requests arriving", *(f"{phase.name}, {_span(phase)}" for phase in one.phases)]
    rows = [[label, *cells] for label, cells in phase_rows(one)]
    return table(heads, rows, f"{one.name} before, during and after the outage")


def _span(phase: Phase) -> str:
    return f"{(phase.to_s - phase.from_s) / 60:,.3g} min"


def phase_rows(one: StrategyDrill) -> Rows:
    """Rows of the table of a strategy."""
    rows: Rows = [("arriving", [many(phase.requests) for phase in one.phases])]
    for name in dict.fromkeys(name for phase in one.phases for name in phase.served):
        rows.append((f"served by {name}", [_counts(phase.served.get(name)) for phase in one.phases]))
    for cause in dict.fromkeys(cause for phase in one.phases for cause in phase.lost):
        words = text.CAUSES.get(cause, cause)
        rows.append((f"lost: {words}", [_counts(phase.lost.get(cause)) for phase in one.phases]))
        if cause == LIMIT and one.n_refused:
            rows.append(("of these by the outage's 429", [many(phase.refused) for phase in one.phases]))
    rows.append(("calls per request", [_paired(phase.calls_per_request, "") for phase in one.phases]))
    rows.append(("p95 latency", [_paired(phase.latency_p95_s, "s") for phase in one.phases]))
    if one.money.phases:
        rows.append(
            (
                "bill, USD",
                [
                    _both(usd(phase.with_invoiced_usd, ""), usd(phase.without_invoiced_usd, ""))
                    for phase in one.money.phases
                ],
            )
        )
    return rows


def _counts(found: Paired | None) -> str:
    return "0" if found is None else _both(many(found.with_outage), many(found.without))


def _paired(found: Paired, unit: str) -> str:
    return _both(text.number(found.with_outage.value, unit), text.number(found.without.value, unit))


def _both(with_outage: str, without: str) -> str:
    return with_outage if with_outage == without else f"{with_outage} ({without})"


def many(one: Estimate) -> str:
    """A mean number of requests."""
    return amount(one.value)


def amount(value: float | None) -> str:
    """A mean number of requests, as the sentences have it.

    >>> amount(1234.4), amount(3.25), amount(7.0), amount(None)
    ('1,234', '3.2', '7', '–')
    """
    if value is None:
        return text.DASH
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:,.1f}"


# -- backlog, recovery, losses ---------------------------------------------------------------------


def backlogs(drill: Drill) -> pd.DataFrame:
    """Rows of the chart; strategies that the outage does not touch have none."""
    parts = [
        pd.DataFrame(
            {
                "strategy": one.name,
                "minute": [seconds / 60 for seconds in one.backlog.times_s],
                "backlog": one.backlog.backlog,
            }
        )
        for one in drill.strategies.values()
        if one.is_touched
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def effects(one: StrategyDrill) -> str:
    """Losses, backlog and recovery as a table with intervals."""
    found = one.recovery
    lines = [
        _count_line("Requests affected", one.affected),
        _count_line("Lost with the outage", one.lost.with_outage),
        _count_line("Lost without it", one.lost.without),
    ]
    if one.affected_sessions is not None:
        lines.append(_count_line("Conversations affected", one.affected_sessions))
    lines.append(_count_line("Most in flight beyond the usual", one.backlog.peak))
    if one.backlog.peak_s.value is not None and one.backlog.peak.value:
        lines.append(Line(name="reached, after it begins", value=text.number(one.backlog.peak_s.value, "s")))
    lines += [
        _time_line("Recovered, after its end", found.all_s),
        Line(name="at the longest", value=text.number(found.longest_s, "s")),
        _time_line("Backlog gone, after its end", found.backlog_s),
    ]
    if one.lost.with_outage.value or one.lost.without.value:
        lines.append(_time_line("Last loss, after its end", found.loss_s))
    return cards.table(tuple(lines))


def _count_line(name: str, one: Estimate) -> Line:
    ends = "" if one.low is None or one.high is None else f"{amount(one.low)} to {amount(one.high)}"
    return Line(name=name, value=many(one), interval=ends or (one.reason or "" if one.value is None else ""))


def _time_line(name: str, one: Estimate) -> Line:
    ends = text.interval(one.low, one.high, "s")
    return Line(
        name=name,
        value=text.number(one.value, "s"),
        interval=ends or (one.reason or "" if one.value is None else ""),
    )


# -- money -----------------------------------------------------------------------------------------


def money(one: StrategyDrill) -> str:
    """Parts of the difference with their sums."""
    bill = one.money
    assert bill.invoiced_usd is not None, "money that is not known has no parts"
    assert bill.economic_usd is not None, "money that is not known has no parts"
    sums = ("on the bill, in all", "with what is not on the bill")
    rows = [[part.part, VIEWS[part.view], signed(part.usd.value), _ends(part.usd)] for part in bill.parts]
    rows.append([sums[0], "", signed(bill.invoiced_usd.value), _ends(bill.invoiced_usd)])
    if bill.prices_downtime or bill.prices_wrong_answers:
        rows.append([sums[1], "", signed(bill.economic_usd.value), _ends(bill.economic_usd)])
    heads = ["Why the bill changes", "Where", "Change", "95 % interval"]
    return table(heads, rows, f"Parts of the change of the bill of {one.name}", sums=sums)


def gap(one: StrategyDrill) -> Decimal:
    """The largest difference between a sum shown and its parts; 0 is right."""
    bill = one.money
    assert bill.invoiced_usd is not None, "money that is not known has no parts"
    assert bill.economic_usd is not None, "money that is not known has no parts"
    invoiced = total_of(part.usd.value for part in bill.parts if part.view == "invoiced")
    everything = total_of(part.usd.value for part in bill.parts)
    gaps = [bill.invoiced_usd.value - invoiced, bill.economic_usd.value - everything]
    return max(gaps, key=abs)


def signed(value: Decimal) -> str:
    """A change of money, as the sentences have it.

    >>> signed(Decimal("0.5")), signed(Decimal("-1234.5"))
    ('+0.50 USD', '-1,234.50 USD')
    """
    return ("+" if value > 0 else "") + usd(value)


def _ends(cost: Any) -> str:
    if cost.low is None or cost.high is None:
        return ""
    return f"{usd(cost.low).removesuffix(' USD')} to {usd(cost.high)}"


# -- another policy --------------------------------------------------------------------------------


def differences(here: Drill, other: Drill) -> list[list[str]]:
    """A row for each strategy and measure: as the scenario has it, under the other policy, and the difference."""
    rows = []
    for name, one in here.strategies.items():
        two = other.strategies[name]
        if not one.is_touched:
            continue
        measures: list[tuple[str, Any, Any]] = [
            ("requests lost", one.lost.with_outage.value, two.lost.with_outage.value),
            ("calls per request, during", _calls(one), _calls(two)),
            ("recovered after (s)", one.recovery.all_s.value, two.recovery.all_s.value),
            ("change of the bill (USD)", _cost(one, "invoiced_usd"), _cost(two, "invoiced_usd")),
        ]
        if one.money.prices_downtime or one.money.prices_wrong_answers:
            measures.append(
                ("with what is not on it (USD)", _cost(one, "economic_usd"), _cost(two, "economic_usd"))
            )
        for words, a, b in measures:
            gap = None if a is None or b is None else b - a
            rows.append(
                [f"{name}: {words}", _written(words, a), _written(words, b), _written(words, gap, True)]
            )
    return rows


def _calls(one: StrategyDrill) -> float | None:
    return next(phase for phase in one.phases if phase.name == "during").calls_per_request.with_outage.value


def _cost(one: StrategyDrill, name: str) -> Decimal | None:
    cost = getattr(one.money, name)
    return None if cost is None else cost.value


def _written(words: str, value: Any, is_difference: bool = False) -> str:
    if value is None:
        return text.DASH
    if isinstance(value, Decimal):
        return ("+" if value > 0 else "") + usd(value, "")
    plus = "+" if is_difference and value > 0 else ""
    return plus + (amount(value) if words == "requests lost" else text.number(value))


# -- limits ----------------------------------------------------------------------------------------


def limit_cells(row: DeploymentLimits) -> tuple[list[str], list[list[str]], list[str]]:
    """(heads, rows, reasons) of the matrix: share that meets a limit, in brackets the share lost to one."""
    charges = list(dict.fromkeys(cell.charge for cell in row.cells))
    by_place = {(cell.label, cell.charge): cell for cell in row.cells}
    reasons: dict[str, int] = {}
    rows = []
    for kind in dict.fromkeys(cell.label for cell in row.cells):
        cells = []
        for charge in charges:
            cell = by_place.get((kind, charge))
            if cell is None:
                cells.append(text.DASH)
            elif cell.shares is None:
                notes = ", ".join(
                    str(reasons.setdefault(reason, len(reasons) + 1)) for reason in cell.refused
                )
                cells.append(f"not possible [{notes}]")
            else:
                limited = text.number(cell.shares.limited.value, "share")
                lost = text.number(cell.shares.lost.value, "share")
                cells.append(f"{limited} ({lost})" + (" *" if cell.is_present else ""))
        rows.append([kind, *cells])
    return ["Kind", *charges], rows, list(reasons)


def findings(worst: Mapping[str, tuple[str, str]]) -> str:
    """Worst case and dearest request by strategy."""
    rows = [[name, *found] for name, found in worst.items()]
    return table(["Strategy", "Longest way of one request", "Dearest request"], rows, "Static findings")


def advice(row: DeploymentLimits, target: float) -> list[str]:
    """What would fix it, one line for each way."""
    if row.is_fixed:
        return [f"Nothing to fix: at most {text.number(target, 'share')} may meet a limit."]
    return row.remedies
