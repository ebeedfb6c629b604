"""A comparison on a terminal: tables with a column per strategy, the answer, findings and notices.

Comes in: a Comparison; goes out: text on a rich console. Every figure is one of the comparison's; totals are
sums of its ledger rows, to the cent. Where strategies do not fit side by side, tables follow one another.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from planner.cli import figures
from planner.cli.checking import volume
from planner.cli.choices import choice
from planner.cli.ending import plural
from planner.cli.figures import DASH, NO, YES, money_span, quantity, span, unit_cost
from planner.cli.lines import heading, item, text_line
from planner.experiments.answer import GATES, SloRow
from planner.finance import usd
from planner.scenario.seasons import MONTHS, season_factors
from planner.tables import CAUSES, WASTES
from planner.workload.windows import horizon_words

if TYPE_CHECKING:
    from planner.experiments.comparison import Comparison
    from planner.metrics import Estimate
    from planner.scenario.demand import Traffic

LABEL_WIDTH = 22
VALUE_WIDTH = 15  # 12,345,678.90
GAP = 3  # between columns
DIFFERENCES = (
    ("invoiced total, USD", "tco_total_usd"),
    ("economic total, USD", "economic_tco_total_usd"),
    ("p95 latency, s", "latency_p95_s"),
    ("accuracy, points of %", "accuracy"),
)
MAX_LABEL_WIDTH = 34


@dataclass(frozen=True)
class Cell:
    """What a strategy has in a row: a value, under it an interval or a remark, and a style."""

    value: str
    under: str = ""
    style: str = ""


@dataclass(frozen=True)
class Row:
    """A row of a table with a column per strategy; without cells it heads a section."""

    label: str
    cells: tuple[Cell, ...] = ()
    is_total: bool = False


def show(comparison: "Comparison", console: Console) -> None:
    """Everything a reader needs, the answer after the tables."""
    scenario = comparison.scenario
    heading(console, scenario.name)
    if scenario.question:
        text_line(console, scenario.question)
    text_line(console, _traffic(comparison))
    text_line(
        console,
        "Ranges are 95 % intervals. Economic cost is the invoiced cost, wrong answers and downtime.",
        "dim",
    )
    side_by_side(
        console,
        comparison.strategies,
        [
            *money_rows(comparison),
            *wasted_rows(comparison),
            *difference_rows(comparison),
            *service_rows(comparison),
        ],
    )
    heading(console, "Targets")
    _targets(console, comparison.slo_rows)
    title = f"Total cost over {horizon_words(scenario)} by account, USD (sums of ledger rows, not discounted)"
    heading(console, title)
    side_by_side(console, comparison.strategies, account_rows(comparison))
    heading(console, "Answer")
    text_line(console, comparison.answer, "bold")
    choice(console, comparison)
    if comparison.notices:
        heading(console, "Notices")
        for text in comparison.notices:
            item(console, text)
    console.print()
    for text in basis(comparison):
        text_line(console, text)


# -- rows --------------------------------------------------------------------------------------


def money_rows(comparison: "Comparison") -> Iterator[Row]:
    """Verdicts, then totals and unit costs with their intervals."""
    yield Row("targets", tuple(_verdict(comparison, name) for name in comparison.strategies))
    for view, prefix in (("Invoiced", ""), ("Economic", "economic_")):
        yield Row(f"{view} cost, USD")
        yield _money(comparison, "total", f"{prefix}tco_total_usd", usd)
        yield _money(comparison, "net present value", f"{prefix}tco_npv_usd", usd)
        yield _money(comparison, "per 1,000 requests", f"{prefix}cost_per_1k_requests_usd", unit_cost)
        yield _money(comparison, "per correct answer", f"{prefix}cost_per_correct_answer_usd", unit_cost)


def wasted_rows(comparison: "Comparison") -> Iterator[Row]:
    """Money that bought nobody an answer, by cause; nothing where no strategy wasted any."""
    found = {
        (row["strategy"], row["cause"]): Cell(usd(row["value"], ""), money_span(row["low"], row["high"]))
        for row in comparison.wasted.to_dict("records")
    }
    causes = [cause for cause in WASTES if any((name, cause) in found for name in comparison.strategies)]
    if causes:
        yield Row("Wasted, in the invoiced cost, USD")
        for cause in ("", *causes):
            cells = tuple(found.get((name, cause), Cell("none")) for name in comparison.strategies)
            yield Row(cause or "all wasted", cells)


def difference_rows(comparison: "Comparison") -> Iterator[Row]:
    """Each strategy minus the first, paired on the same requests and luck."""
    baseline, *others = comparison.strategies
    if not others:
        return
    gaps = {name: {row[0]: row[1:] for row in comparison.difference_rows(baseline, name)} for name in others}
    yield Row(f"Minus {baseline}, paired")
    for label, measure in DIFFERENCES:
        cells = [Cell("baseline")]
        for name in others:
            gap = gaps[name].get(measure)
            cells.append(
                Cell(DASH) if gap is None else _difference(*gap, unit="" if "usd" in measure else label[-1])
            )
        yield Row(label, tuple(cells))


def _difference(value: Any, low: Any, high: Any, *, unit: str) -> Cell:
    """A gap with its sign: of money exact, of shares in percentage points, of times in seconds."""
    if isinstance(value, Decimal):
        return Cell(("+" if value > 0 else "") + usd(value, ""), money_span(low, high))
    scale = 100 if unit == "%" else 1
    found = [None if one is None else scale * one for one in (value, low, high)]
    return Cell(("+" if value > 0 else "") + quantity(found[0]), span(found[1], found[2]))


def service_rows(comparison: "Comparison") -> Iterator[Row]:
    """Latency, reliability, quality and tokens with their intervals."""
    timed = comparison.timed
    yield Row(f"Latency of {', '.join(timed)}, s" if comparison.is_timed_in_part else "Latency, s")
    for statistic in ("mean", "p50", "p95", "p99"):
        yield _measure(comparison, statistic, f"latency_{statistic}_s")
    yield _measure(comparison, "first token, p95", "ttft_p95_s")
    yield _measure(comparison, "wait, mean", "wait_mean_s")
    yield _measure(comparison, "output tokens/s, mean", "speed_mean")
    for task in (task for task in comparison.scenario.tasks if task not in timed):
        yield Row(f"Turnaround of {task}, s")
        for statistic in ("p50", "p90", "p95"):
            yield _measure(comparison, statistic, f"latency_{statistic}_s", task)
        yield _measure(comparison, "availability", "availability", task)
    yield Row("Reliability")
    yield _measure(comparison, "availability", "availability")
    yield from _grouped(comparison, "failed:", "failed, ")
    yield _measure(comparison, "goodput, requests/s", "goodput_per_s")
    yield _measure(comparison, "calls per request", "attempts_mean")
    yield Row("Quality and routing")
    yield _measure(comparison, "accuracy", "accuracy")
    yield _measure(comparison, "sent to omni", "omni_share")
    yield from _grouped(comparison, "served_share:", "served by ")
    for label, measure in (
        ("asked once more", "repeated_share"),
        ("never asked, of the traffic", "unasked_share"),
        ("over the context", "over_context_share"),
        ("sensitive sent outside, a window", "sensitive_outside"),
    ):
        if any(result.estimates["", measure].value for result in comparison.results.values()):
            yield _measure(comparison, label, measure)
    yield Row("Tokens of a request")
    for what in ("input", "output"):
        for statistic in ("mean", "p50", "p95"):
            yield _measure(comparison, f"{what}, {statistic}", f"{what}_tokens_{statistic}")
    yield from _window_rows(comparison)


def _window_rows(comparison: "Comparison") -> Iterator[Row]:
    yield Row("Mean of a window")
    results = comparison.results.values()
    for which in ("arrived", "completed", "failed"):
        yield Row(f"requests {which}", tuple(Cell(quantity(one.mean_count(which))) for one in results))
    everything = range(len(comparison.scenario.tasks))
    lost = [one.mean_lost(everything) for one in results]
    for cause in (cause for cause in CAUSES if any(cause in one for one in lost)):
        yield Row(f"failed, {cause}", tuple(Cell(quantity(one.get(cause, 0))) for one in lost))
    for meter in next(iter(results)).cells[0].sample.billed_tokens:
        means = [one.mean_tokens(meter) for one in results]
        if any(means) or meter in ("input", "output"):
            label = f"{meter.replace('_', ' ')} tokens"
            yield Row(label, tuple(Cell(quantity(mean)) for mean in means))


def account_rows(comparison: "Comparison") -> Iterator[Row]:
    """Sums of the ledger by account, by view, with their totals: exact, then rounded each to the cent."""
    ledgers = [result.ledger for result in comparison.results.values()]
    for view in ("invoiced", "economic"):
        sums = [ledger.by("account", view=view) for ledger in ledgers]
        accounts = dict.fromkeys(name for one in sums for name in one)
        if accounts:
            yield Row("invoiced" if view == "invoiced" else "on no invoice")
        for account in accounts:
            yield Row(account, tuple(Cell(_amount(one.get(account))) for one in sums))
        if view == "invoiced":
            yield Row(
                "total invoiced", tuple(_total(ledger.total("invoiced")) for ledger in ledgers), is_total=True
            )
    yield Row("total economic", tuple(_total(ledger.total()) for ledger in ledgers), is_total=True)


def _amount(value: Decimal | None) -> str:
    """An account that a strategy does not have costs it nothing."""
    return usd(value or Decimal(0), "")


def _total(value: Decimal) -> Cell:
    return Cell(usd(value, ""), style="bold")


def _verdict(comparison: "Comparison", strategy: str) -> Cell:
    verdict = comparison.verdicts[strategy]
    n_rows = sum(row.strategy == strategy for row in comparison.slo_rows)
    best = "the answer" if verdict.is_best else ""
    if not n_rows:
        return Cell(f"{DASH} none given", best)
    if verdict.meets:
        return Cell(f"{YES} met", best, "green")
    return Cell(f"{NO} misses {len(verdict.misses)} of {n_rows}", style="red")


def _money(comparison: "Comparison", label: str, measure: str, write: Callable[[Decimal | None], str]) -> Row:
    cells = []
    for name in comparison.strategies:
        cost = comparison.costs(name).get(measure)
        if cost is None:
            unknown = comparison.results[name].tco.unknown
            cells.append(
                Cell(DASH, unknown.get("per_correct_usd" if "correct" in measure else "per_1k_usd", ""))
            )
        else:
            cells.append(Cell(write(cost.value).removesuffix(" USD"), money_span(cost.low, cost.high)))
    return Row(label, tuple(cells))


def _measure(comparison: "Comparison", label: str, measure: str, task: str = "") -> Row:
    """A measure of all tasks together, or of one."""
    cells = []
    for result in comparison.results.values():
        found = result.estimates.get((task, measure))
        is_share = found is not None and result.measures[task, measure].unit == "share"
        cells.append(Cell(DASH) if found is None else _estimate(found, "share" if is_share else ""))
    return Row(label, tuple(cells))


def _estimate(found: "Estimate", unit: str) -> Cell:
    if found.value is None:
        return Cell(DASH, found.reason or "")
    is_exact = found.low == found.high == found.value
    return Cell(quantity(found.value, unit), "" if is_exact else span(found.low, found.high, unit))


def _grouped(comparison: "Comparison", prefix: str, label: str) -> Iterator[Row]:
    """Shares by cause or deployment; one that never came up has no measure and is said to be none."""
    names = dict.fromkeys(
        measure
        for result in comparison.results.values()
        for task, measure in result.estimates
        if not task and measure.startswith(prefix)
    )
    for name in names:
        cells = []
        for result in comparison.results.values():
            found = result.estimates.get(("", name))
            cells.append(Cell("none") if found is None else _estimate(found, "share"))
        yield Row(label + name.removeprefix(prefix), tuple(cells))


# -- lines -------------------------------------------------------------------------------------


def _traffic(comparison: "Comparison") -> str:
    from planner.workload.windows import counts

    told, traffic = counts(comparison.scenario), comparison.scenario.traffic
    text = volume(told.turns_per_month, told.conversations_per_month)
    if told.users_active_per_day is not None:
        text += f" of {told.users_active_per_day:,.0f} active users a day"
    return f"{text}{''.join(f', {part}' for part in growth_in_words(traffic))}."


def growth_in_words(traffic: "Traffic") -> Iterator[str]:
    """Growth, saturation and seasons, where there are any."""
    if traffic.growth_per_year is not None:
        yield f"{100 * traffic.growth_per_year:+.3g} % each year"
    elif traffic.growth_per_month:
        yield f"{100 * traffic.growth_per_month:+.3g} % each month"
    if traffic.saturation_requests_per_month is not None:
        yield f"at most {figures.count(traffic.saturation_requests_per_month)} a month"
    factors = season_factors(traffic.seasons)
    if factors is not None:
        least, most = min(factors), max(factors)
        busiest, quietest = (MONTHS[factors.index(one)].capitalize() for one in (most, least))
        yield f"seasons from {least:.3g} ({quietest}) to {most:.3g} ({busiest})"


def basis(comparison: "Comparison") -> Iterator[str]:
    """What the figures rest on: how much was simulated, and what the intervals leave out."""
    scenario = comparison.scenario
    yield (
        f"{figures.count(comparison.represented_requests)} requests represented by "
        f"{figures.count(comparison.simulated_requests)} simulated in {plural(len(comparison.windows), 'window')} "
        f"per strategy; engine {comparison.engine}; seed {scenario.run.seed}; hash {scenario.hash[:12]}."
    )
    yield (
        "Intervals show sampling error only (95 %, over windows): prices, volumes and quality are taken as given. "
        "The app and the Python API list every assumption and what no account covers."
    )


# -- drawing -----------------------------------------------------------------------------------


def side_by_side(console: Console, strategies: Sequence[str], rows: Iterator[Row] | Sequence[Row]) -> None:
    """As many strategies in a table as its width allows without breaking a figure."""
    rows = list(rows)
    cells = [cell for row in rows for cell in row.cells]
    least = max([VALUE_WIDTH, *(len(cell.value) for cell in cells)])
    most = max(
        [least, *(len(cell.under) for cell in cells if cell.under.count(" ") < 3), *map(len, strategies)]
    )
    per_table = max(1, (console.width - LABEL_WIDTH) // (least + GAP))
    for start in range(0, len(strategies), per_table):
        chosen = slice(start, start + per_table)
        n_columns = len(strategies[chosen])
        width = max(least, min(most, (console.width - LABEL_WIDTH) // n_columns - GAP))
        label_width = min(MAX_LABEL_WIDTH, max(8, console.width - n_columns * (width + GAP)))
        console.print(_table(strategies[chosen], rows, chosen, label_width, width))


def _table(
    strategies: Sequence[str], rows: Sequence[Row], chosen: slice, label_width: int, width: int
) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1))
    table.add_column("", width=label_width, overflow="fold")
    for name in strategies:
        table.add_column(Text(name), justify="right", width=width, overflow="fold")
    for row in rows:
        if not row.cells:
            table.add_section()
            table.add_row(Text(row.label, "bold"))
            continue
        cells = []
        for cell in row.cells[chosen]:
            text = Text(cell.value, cell.style)
            if cell.under:
                text.append(f"\n{cell.under}", "dim")
            cells.append(text)
        table.add_row(Text(row.label, "bold" if row.is_total else ""), *cells)
    return table


def _targets(console: Console, rows: Sequence[SloRow]) -> None:
    if not rows:
        text_line(console, "None given (slo): every strategy is eligible.")
        return
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1))
    for name in ("strategy", "target", "found", "verdict"):
        table.add_column(name, overflow="fold")
    for row in rows:
        _, more_is_better, words, unit = GATES[row.measure]
        where = f" of {row.task}" if row.task else ""
        unit = "share" if unit == "%" else unit
        bound = f"{words}{where} at {'least' if more_is_better else 'most'} {quantity(row.target, unit)}"
        found = quantity(row.value, unit) if row.value is not None else f"{DASH} {row.reason or ''}".rstrip()
        verdict = Text(f"{YES} met", "green") if row.met else Text(f"{NO} missed", "red")
        table.add_row(Text(row.strategy), Text(bound), Text(found), verdict)
    console.print(table)


__all__ = [
    "Cell", "Row", "account_rows", "basis", "heading", "item", "money_rows", "service_rows", "show", "side_by_side",
    "text_line",
]  # fmt: skip
