"""`planner drill`: an outage of one provider or of several, planted and replayed on common luck, strategy by strategy.

Comes in: a scenario file and which outage; goes out: who was served by whom, lost why, backlog, recovery, money and the
fallback quota that would have lost nothing, on the terminal and as JSON. Every figure is one of the drill's.
"""

from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli.checking import FileArgument, SetOption, load
from planner.cli.comparing import EngineOption, check_engine, progress
from planner.cli.ending import plural, reported
from planner.cli.figures import DASH, count, money_span, quantity, span
from planner.cli.options import JsonOption, file_of, write_json
from planner.cli.warming import announce

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.console import Console

    from planner.experiments.answer import Cost
    from planner.experiments.drill import Drill, Phase, StrategyDrill
    from planner.experiments.drill_counts import Paired
    from planner.metrics.intervals import Estimate

WIDEST = 78
LIMIT = "limit"


@reported
def drill(
    file: FileArgument,
    provider: Annotated[
        str,
        typer.Option(
            help="Whose deployments are out, all at once; several with commas between them.",
            metavar="NAME[,NAME]",
            show_default=False,
        ),
    ],
    overrides: SetOption = None,
    minutes: Annotated[float, typer.Option(help="How long.", metavar="N")] = 30.0,
    at: Annotated[
        str,
        typer.Option(
            help="peak: the busiest hour of the week; or 'tue 14:00', or '2027-03-02 14:00' (UTC); or seconds into a "
            "recording.",
            metavar="WHEN",
        ),
    ] = "peak",
    mode: Annotated[
        str, typer.Option(help="error, hang, degraded or limited: what happens to calls.", metavar="NAME")
    ] = "error",
    share: Annotated[
        float | None,
        typer.Option(
            help="Share of the calls that meet it, such as 0.3; all, if not given.",
            metavar="SHARE",
            show_default=False,
        ),
    ] = None,
    status: Annotated[
        int | None,
        typer.Option(help="HTTP status in mode error, such as 529.", metavar="CODE", show_default=False),
    ] = None,
    slowdown: Annotated[
        float | None,
        typer.Option(help="Factor on latency in mode degraded.", metavar="FACTOR", show_default=False),
    ] = None,
    retry_after: Annotated[
        float | None,
        typer.Option(
            help="Seconds that a refusal asks to wait in mode limited.", metavar="SECONDS", show_default=False
        ),
    ] = None,
    strategy: Annotated[
        list[str] | None,
        typer.Option(help="Only this strategy; may be repeated.", metavar="NAME", show_default=False),
    ] = None,
    replications: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=1000,
            help="Drills with other luck to take means over, instead of run.replications.",
            show_default=False,
        ),
    ] = None,
    quota: Annotated[
        bool, typer.Option(help="Search the fallback quota that would have lost nothing.")
    ] = True,
    engine: EngineOption = "compiled",
    json_to: JsonOption = None,
) -> None:
    """Rehearse an outage: who is served by whom, what is lost and why, backlog, recovery, money, fallback quota.

    Each strategy meets the same requests and the same luck twice, without and with the outage.
    """
    check_engine(engine)
    target = file_of(json_to)
    scenario = load(file, overrides)
    announce(engine)
    from rich.console import Console

    from planner.experiments.drill import drill as run

    with progress(Console(stderr=True), "Drilling") as report:
        found = run(
            scenario,
            provider=provider,
            minutes=minutes,
            at=at,
            mode=mode,
            share=share,
            status=status,
            slowdown=slowdown,
            retry_after_s=retry_after,
            strategies=strategy,
            replications=replications,
            engine=engine,
            quota=quota,
            report=report,
        )
    write_json(found.to_dict, json_to)
    show(found, Console(stderr=json_to == "-", highlight=False, markup=False, emoji=False))
    if target is not None:
        typer.echo(f"Written: {target}", err=True)


def show(found: "Drill", console: "Console") -> None:
    """The drill on a terminal."""
    console.print(
        f"{found.provider} ({', '.join(found.deployments)}) {found.manner.words(len(found.providers))} for "
        f"{found.minutes:g} min from {found.place}",
        style="bold",
    )
    console.print(
        f"Means of {plural(found.n_replications, 'replication')} with 95 % intervals; in brackets the same requests and luck "
        "without the outage.",
        style="dim",
    )
    for one in found.strategies.values():
        console.print()
        _strategy(one, console)
    console.print()
    for notice in found.notices:
        console.print(f"notice: {notice}")
    for one in found.strategies.values():
        console.print(one.sentence)
    console.print(
        f"{count(found.simulated_requests)} requests simulated in {found.seconds:.1f} s, {count(found.n_requests)} in all "
        "replications of one run.",
        style="dim",
    )


def _strategy(one: "StrategyDrill", console: "Console") -> None:
    console.print(one.name, style="bold")
    if not one.is_touched:
        console.print("It has no deployment of the provider: the outage does not touch it.")
        return
    _phases(one, console)
    for line in (_lost(one), _backlog(one), _recovery(one), *_money(one)):
        console.print(line)
    if one.quota is not None:
        console.print(f"Fallback quota: {one.quota.text}")
        for quota in one.quota.quotas:
            console.print(f"- {quota.text}")


# -- before, during, after -------------------------------------------------------------------------


def _phases(one: "StrategyDrill", console: "Console") -> None:
    from rich import box
    from rich.table import Table

    heads = [f"{phase.name}, {_minutes(phase)}" for phase in one.phases]
    rows = list(_rows(one))
    if console.width < WIDEST or any(len(cell) > 18 for _, cells in rows for cell in cells):
        for label, cells in rows:
            told = (f"{phase.name} {cell}" for phase, cell in zip(one.phases, cells, strict=True))
            console.print(f"{label}: {'; '.join(told)}")
        return
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1))
    table.add_column("requests arriving")
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True)
    for label, cells in rows:
        table.add_row(label, *cells)
    console.print(table)


def _minutes(phase: "Phase") -> str:
    return f"{(phase.to_s - phase.from_s) / 60:,.3g} min"


def _rows(one: "StrategyDrill") -> "Iterator[tuple[str, list[str]]]":
    yield "arriving", [_number(phase.requests) for phase in one.phases]
    for label, of in (("served by", "served"), ("lost:", "lost")):
        names = dict.fromkeys(name for phase in one.phases for name in getattr(phase, of))
        for name in names:
            yield f"{label} {name}", [_pair(getattr(phase, of), name) for phase in one.phases]
            if name == LIMIT and of == "lost" and one.n_refused:
                yield "- the outage's 429", [_number(phase.refused) for phase in one.phases]
    yield "calls per request", [_both(phase.calls_per_request, "") for phase in one.phases]
    yield "p95 latency", [_both(phase.latency_p95_s, "s") for phase in one.phases]
    if one.money.phases:
        from planner.finance import usd

        cells = []
        for phase in one.money.phases:
            with_usd, without_usd = phase.with_invoiced_usd, phase.without_invoiced_usd
            cells.append(
                usd(with_usd, "") + (f" ({usd(without_usd, '')})" if with_usd != without_usd else "")
            )
        yield "bill, USD", cells


def _pair(found: "Mapping[str, Paired]", name: str) -> str:
    return _both(found[name], None) if name in found else "0"


def _both(found: "Paired", unit: str | None) -> str:
    """With the outage, and without it in brackets where that differs."""
    told = [
        _number(one) if unit is None else quantity(one.value).strip()
        for one in (found.with_outage, found.without)
    ]
    text = told[0] if told[0] == told[1] else f"{told[0]} ({told[1]})"
    return f"{text} {unit}".strip() if unit and found.with_outage.value is not None else text


def _number(one: "Estimate") -> str:
    """A mean number of requests.

    >>> from planner.metrics.intervals import Estimate
    >>> _number(Estimate(1234.5)), _number(Estimate(0.0)), _number(Estimate(2.25))
    ('1,234', '0', '2.2')
    """
    return DASH if one.value is None else _amount(one.value)


def _amount(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:,.1f}"


# -- lines -----------------------------------------------------------------------------------------


def _lost(one: "StrategyDrill") -> str:
    sums: dict[str, float] = {}
    for phase in one.phases:
        for cause, found in phase.lost.items():
            sums[cause] = sums.get(cause, 0.0) + (found.with_outage.value or 0.0)
    told = {cause: f"{_amount(value)} by {cause}" for cause, value in sums.items() if value}
    if one.n_refused:
        refused = sum(phase.refused.value or 0.0 for phase in one.phases)
        told[LIMIT] += f" ({_amount(refused)} by a 429 of the outage itself)"
    causes = ", ".join(told.values())
    ends = span(one.lost.with_outage.low, one.lost.with_outage.high)
    text = f"Lost: {_number(one.lost.with_outage)} requests" + (f" ({ends})" if ends else "")
    text += f": {causes}" if causes else ""
    return f"{text}; without the outage {_number(one.lost.without)}."


def _backlog(one: "StrategyDrill") -> str:
    peak = one.backlog.peak
    if not peak.value:
        return "Backlog: never more requests in flight than without the outage."
    ends = span(peak.low, peak.high)
    text = f"Backlog: at most {_number(peak)} more requests in flight" + (f" ({ends})" if ends else "")
    if one.backlog.peak_s.value is not None:
        text += f", {quantity(one.backlog.peak_s.value, 's')} after the outage begins"
    return f"{text}."


def _recovery(one: "StrategyDrill") -> str:
    found = one.recovery
    if found.all_s.value is None:
        known = [
            f"{what} {quantity(of.value, 's')} after its end"
            for what, of in (("the backlog is gone", found.backlog_s), ("the last loss is", found.loss_s))
            if of.value is not None
        ]
        return f"Recovery: none within the stretch: {found.all_s.reason}" + (
            f"; {'; '.join(known)}." if known else "."
        )
    ends = span(found.all_s.low, found.all_s.high, "s")
    text = f"Recovery: {quantity(found.all_s.value, 's')} after the outage's end" + (
        f" ({ends})" if ends else ""
    )
    if found.longest_s is not None:
        text += f", at the longest {quantity(found.longest_s, 's')}"
    return f"{text}; the backlog is gone after {quantity(found.backlog_s.value, 's')}."


def _money(one: "StrategyDrill") -> "Iterator[str]":
    bill = one.money
    if bill.invoiced_usd is None or bill.economic_usd is None:
        yield f"Money: not known: {bill.unknown}"
        return
    parts = [f"{part.part} {_usd(part.usd)}" for part in bill.parts if part.view == "invoiced"]
    yield f"Bill: {_usd(bill.invoiced_usd, with_span=True)}" + (f": {', '.join(parts)}." if parts else ".")
    parts = [f"{part.part} {_usd(part.usd)}" for part in bill.parts if part.view == "economic"]
    if bill.prices_downtime or bill.prices_wrong_answers:
        yield f"With what is not on the bill: {_usd(bill.economic_usd, with_span=True)}" + (
            f": {', '.join(parts)}." if parts else "."
        )
    if not bill.prices_downtime:
        yield "Downtime: not priced (finance.downtime_usd_per_hour)."
    yield f"Cold caches: {bill.cold_caches_reason}."


def _usd(cost: "Cost", *, with_span: bool = False) -> str:
    from planner.finance import usd

    text = ("+" if cost.value > 0 else "") + usd(cost.value)
    ends = money_span(cost.low, cost.high) if with_span else ""
    return f"{text} ({ends})" if ends else text


__all__ = ["drill", "show"]
