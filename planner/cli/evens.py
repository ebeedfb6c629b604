"""`planner break-even`: what flips the order of two strategies.

Comes in: a scenario file; goes out: lines on the terminal and JSON: for each pair the volumes, the months and the cost of
an error at which the cheaper one changes, and on demand the omni share that costs least.
"""

from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli.checking import FileArgument, SetOption, load
from planner.cli.comparing import EngineOption, check_engine, progress
from planner.cli.ending import reported
from planner.cli.figures import money_span, unit_cost
from planner.cli.options import JsonOption, ReplicationsOption, file_of, write_json
from planner.cli.warming import announce

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from planner.experiments.break_even import BreakEven, MonthEven, Pair
    from planner.experiments.omni_share import OmniShare
    from planner.finance.flips import ErrorCost, OverTime


@reported
def break_even(
    file: FileArgument,
    between: Annotated[
        tuple[str, str] | None,
        typer.Option(help="Only these two strategies.", metavar="A B", show_default=False),
    ] = None,
    overrides: SetOption = None,
    omni_share: Annotated[
        bool,
        typer.Option(
            "--omni-share",
            help="Also look for the omni share that costs least, for threshold routers: some 17 runs.",
        ),
    ] = False,
    floor: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="With --omni-share: least accuracy, instead of slo.accuracy.",
            show_default=False,
        ),
    ] = None,
    headroom: Annotated[
        float | None,
        typer.Option(
            help="Own servers follow the volume, used so far in the peak (0.7); without it they stand.",
            show_default=False,
        ),
    ] = None,
    month: Annotated[
        str | None,
        typer.Option(
            help="Also the break-even of one month's own bill.", metavar="YYYY-MM", show_default=False
        ),
    ] = None,
    json_to: JsonOption = None,
    replications: ReplicationsOption = None,
    engine: EngineOption = "compiled",
) -> None:
    """Say what flips the order of two strategies: the volume, the month, the cost of an error, the omni share.

    Unit costs are held as simulated; planner map shows what more traffic does to them.
    """
    check_engine(engine)
    if floor is not None and not omni_share:
        raise typer.BadParameter("only goes with --omni-share", param_hint="--floor")
    target = file_of(json_to)
    scenario = load(file, overrides)
    announce(engine)
    from rich.console import Console

    from planner.experiments.break_even import break_even as made

    with progress(Console(stderr=True), "Simulating") as report:
        found = made(
            scenario, between=between, shares=omni_share, floor=floor, headroom=headroom, engine=engine,
            replications=replications, report=report,
        )  # fmt: skip
    lines = list(texts(found, month))
    write_json(found.to_dict, json_to)
    show(lines, Console(stderr=json_to == "-", highlight=False, markup=False, emoji=False))
    if target is not None:
        typer.echo(f"Written: {target}", err=True)


def show(lines: list[str], console: "Console") -> None:
    for line in lines:
        console.print(line, soft_wrap=True)


def texts(found: "BreakEven", month: str | None = None) -> "Iterator[str]":
    """All that is printed, line by line."""
    from planner.workload.windows import horizon_words

    scenario = found.scenario
    yield (
        f"{scenario.name}: {scenario.objective} cost over {horizon_words(scenario)}, today "
        f"{found.requests_per_month:,.0f} requests a month; unit costs held as simulated"
    )
    monthly = {} if month is None else found.in_month(month)
    if not found.pairs:
        yield ""
        yield "There is one strategy only: nothing to break even with."
    for pair in found.pairs:
        yield ""
        yield f"{pair.a} and {pair.b}"
        yield f"  volume   {_volumes(pair)}"
        if month is not None:
            yield f"  {month}  {_month(monthly[pair.a, pair.b])}"
        yield f"  time     so far {_time(pair.months)}; discounted {_time(pair.months_npv)}"
        for index, one in enumerate(pair.error_costs):
            yield f"  {'errors' if index == 0 else '':<8} {_error(one, pair)}"
        if not pair.error_costs:
            yield "  errors   no task"
    for share in found.omni_shares:
        yield ""
        yield from _share(share)


def _volumes(pair: "Pair") -> str:
    if not pair.volumes:
        return (
            "never: both cost the same"
            if pair.always is None
            else f"never: {pair.always} is cheaper at every volume"
        )
    steps = [
        f"{one.after} is cheaper above {_requests(float(one.volume))}"
        + (" (a step of capacity)" if one.kind == "step" else "")
        for one in pair.volumes
    ]
    now = f"today {pair.today}" if pair.today else "today both cost the same"
    return f"{pair.volumes[0].before} is cheaper at first, {', '.join(steps)} requests a month; {now}"


def _month(found: "MonthEven") -> str:
    own = f"that month's own bill ({found.requests:,.0f} requests)"
    if not found.volumes:
        return f"{own}: never, " + (f"{found.always} is cheaper" if found.always else "both cost the same")
    told = ", ".join(
        f"{one.after} is cheaper above {_requests(float(one.volume))} requests" for one in found.volumes
    )
    return f"{own}: {told}"


def _time(found: "OverTime") -> str:
    if found.leads_at_first is None:
        return "both cost the same"
    if not found.turns:
        return f"{found.leads_at_first} has always cost less"
    turns = ", ".join(f"{turn.after} from {turn.month} on" for turn in found.turns)
    return f"{found.leads_at_first} has cost less at first, {turns}"


def _error(one: "ErrorCost", pair: "Pair") -> str:
    from decimal import Decimal

    where = "all tasks" if one.task is None else one.task
    if one.factor is None and one.usd is None:
        if one.more_wrong is None:
            return f"{where}: never, both give as many wrong answers"
        return f"{where}: never, {one.below} is cheaper whatever an error costs"
    if one.task is None:
        assert one.factor is not None, "a common factor is one"
        return f"{where}: {one.above} is cheaper above {float(one.factor):.4g} times what errors cost today, {one.below} below"
    assert one.usd is not None, "a task has an amount"
    usd = unit_cost(Decimal(one.usd.numerator) / Decimal(one.usd.denominator))
    today = f", today {unit_cost(one.today_usd)}" if one.today_usd else ", today nothing"
    return f"{where}: {one.above} is cheaper above {usd} a wrong answer, {one.below} below{today}"


def _share(share: "OmniShare") -> "Iterator[str]":
    floor = "no floor" if share.floor is None else f"accuracy at least {share.floor:.4g}"
    if share.best is None:
        yield f"{share.strategy}: no omni share keeps {floor}"
        return
    best = share.best
    today = "" if share.today is None else f"; today {share.today:.4g}"
    yield f"{share.strategy}: the omni share that costs least with {floor} is {best.share:.4g}{today}"
    cost = f"{best.cost.value:,.0f} USD"
    span = money_span(best.cost.low, best.cost.high)
    yield f"  cost {cost}" + (f" ({span})" if span else "")
    value, low, high = best.accuracy.value, best.accuracy.low, best.accuracy.high
    if value is not None:
        yield f"  accuracy {value:.4f}" + (f" ({low:.4f} to {high:.4f})" if low is not None else "")
    if share.floor_binds:
        yield f"  the floor binds: without it {share.free.share:.4g} would cost {share.free.cost.value:,.0f} USD"
    else:
        yield "  the floor does not bind" if share.floor is not None else "  no floor was asked for"
    assert share.near is not None, "there is a best share"
    yield f"  as good within 2 %: {share.near[0]:.4g} to {share.near[1]:.4g}"


def _requests(volume: float) -> str:
    return f"{volume:,.0f}" if volume >= 100 else f"{volume:.3g}"


__all__ = ["break_even", "show", "texts"]
