"""Rules about the plan: dates, prices, retirements, migrations and who pays."""

import datetime
from collections.abc import Iterator

from planner.scenario import known
from planner.scenario.declare import shown
from planner.scenario.finding import Finding, View, listed, unknown
from planner.scenario.known import Service
from planner.scenario.paths import Path, closest, nearest, render

EARLIEST, LATEST = datetime.date(2020, 1, 1), datetime.date(2100, 12, 31)
MIGRATIONS = ("finance", "migrations")
PAID_BY = ("one_time", "people", "maintenance", "compliance", "at_end")  # lists whose items name who pays
HORIZON = (("start",), ("finance", "horizon_months"))


def start(view: View) -> Iterator[Finding]:
    """The plan begins in our time; a default start is worth knowing."""
    scenario = view.scenario
    if not EARLIEST <= scenario.start <= LATEST:
        yield Finding(
            path=("start",), given=str(scenario.start), allowed=f"a date from {EARLIEST} to {LATEST}"
        )
    if "start" not in scenario.model_fields_set:
        yield Finding(path=("start",), text=f"not given; the plan begins on {scenario.start}", is_notice=True)


def payers(view: View) -> Iterator[Finding]:
    """Costs are for strategies that exist."""
    finance, strategies = view.scenario.finance, view.scenario.strategies
    for section in PAID_BY:
        for index, item in enumerate(getattr(finance, section)):
            for place, name in enumerate(item.strategies or ()):
                if name not in strategies:
                    path = ("finance", section, index, "strategies", place)
                    yield unknown(path, name, strategies, "strategies")


def migrations(view: View) -> Iterator[Finding]:
    """A migration is of a model in use, to another model that exists, on a day of the horizon, once a day."""
    begin, end = view.horizon
    acting = {service.migration for service in view.services}
    first: dict[tuple[str, datetime.date], int] = {}
    for index, one in enumerate(view.scenario.finance.migrations):
        path = (*MIGRATIONS, index)
        if not known.is_known(view.scenario, one.to):
            yield Finding(
                path=(*path, "to"),
                text=f"got {shown(one.to)}; not in the catalogue"
                + (" and not under models" if view.scenario.models else ""),
                hint=known.did_you_mean(view.scenario, one.to),
                because=(("models", one.to),),
            )
        if one.to == one.from_model:
            yield Finding(path=(*path, "to"), text=f"{one.to} replaces itself")
        elif not begin <= one.at < end:
            yield Finding(
                path=(*path, "at"),
                given=str(one.at),
                allowed=f"a day of the horizon, {view.span()}",
                because=HORIZON,
            )
        elif (one.from_model, one.at) in first:
            other = (*MIGRATIONS, first[one.from_model, one.at])
            yield Finding(
                path=(*path, "at"),
                text=f"{one.from_model} is replaced on {one.at} by {render(other)} already{view.where(other)}",
            )
        elif index not in acting:
            yield from _unused(view, (*path, "from"), one.from_model, one.at)
        first.setdefault((one.from_model, one.at), index)


def _unused(view: View, path: Path, model: str, on: datetime.date) -> Iterator[Finding]:
    in_force = list(dict.fromkeys(s.model for s in view.services if s.start <= on <= s.end))
    yield Finding(
        path=path,
        text=f"no strategy uses {shown(model)} on {on}",
        hint=closest(model, in_force),
        because=(MIGRATIONS, *HORIZON),
        complete=(("deployments",), ("strategies",)),
    )


def successors(view: View) -> Iterator[Finding]:
    """A successor takes all that tasks need and its predecessor took."""
    needed = {kind: name for name, task in view.scenario.tasks.items() for kind in task.modalities}
    told: set[int] = set()
    for index, one in enumerate(view.scenario.finance.migrations):
        before, after = view.facts(one.from_model), view.facts(one.to)
        acts = any(service.migration == index for service in view.services)
        if before is None or after is None or not acts or index in told:
            continue
        lost = [kind for kind in needed if kind in before.modalities - after.modalities]
        if lost:
            told.add(index)
            yield Finding(
                path=(*MIGRATIONS, index, "to"),
                text=f"{one.to} does not take {lost[0]}, which task {needed[lost[0]]} needs and {one.from_model} took",
                because=(
                    ("models", one.to),
                    ("models", one.from_model),
                    ("tasks", needed[lost[0]], "modalities"),
                ),
            )


def prices(view: View) -> Iterator[Finding]:
    """Every model in force has a price on every day it may be billed; own hardware is paid otherwise."""
    carried: dict[datetime.date, dict[str, Path]] = {}
    for service in view.services:
        if service.is_own_hardware or not service.serves or not known.is_known(view.scenario, service.model):
            continue
        if _provider_is_unknown(service) or _stands_ready(view, service):
            continue
        reason = _price_problem(view, service)
        if reason is not None:
            yield Finding(path=service.place, text=reason, because=_rests_on(view, service))
            continue
        last = service.end - known.ONE_DAY
        since = known.carried_since(view.scenario, service.model, service.provider, last)
        if since is not None:
            where = service.provider or known.home_provider(service.model)
            carried.setdefault(since, {}).setdefault(f"{service.model} at {where}", service.place)
    for since, models in sorted(carried.items()):
        place = next(iter(models.values())) if len(models) == 1 else ("start",)
        yield Finding(
            path=place, text=f"price of {since} carried forward for {listed(models)}", is_notice=True
        )


def _provider_is_unknown(service: Service) -> bool:
    from planner.catalogue import prices as table

    return service.provider is not None and service.provider not in table.PROVIDERS


def _stands_ready(view: View, service: Service) -> bool:
    """Whether its tokens are paid for with the units that work them off."""
    return service.owner is not None and view.scenario.deployments[service.owner].provisioned is not None


def _price_problem(view: View, service: Service) -> str | None:
    """The first meter and day without a price, in words."""
    for meter in meters_of(view, service):
        days = (
            service.start,
            *known.price_days(service.model, service.provider, meter, service.start, service.end),
        )
        for day in days:
            reason = known.price_problem(view.scenario, service.model, service.provider, meter, day)
            if reason is not None:
                own = render(("models", service.model, f"{meter}_usd_per_mtok"))
                return f"{reason}; a price of one's own would be {own}"
    return None


def meters_of(view: View, service: Service) -> tuple[str, ...]:
    """Meters that requests of this scenario can run up on a model."""
    model = view.facts(service.model)
    assert model is not None
    meters = ["input", "output"]
    if service.owner is None:
        return tuple(meters)
    tasks = [task for task in view.scenario.tasks.values() if set(task.modalities) <= model.modalities]
    if any(task.images for task in tasks if "vision" in task.modalities):
        meters.append("image")
    spoken = [task.audio for task in tasks if "audio" in task.modalities]
    if any(audio.input_s.mean > 0 for audio in spoken):
        meters.append("audio_input")
    if any(audio.output_s.mean > 0 for audio in spoken) and known.speaks(service.model):
        meters.append("audio_output")
    if view.scenario.deployments[service.owner].prompt_cache is not None:
        meters.append("cached_input")
        if known.charges_writes(view.scenario, service.owner, service.model, service.start):
            meters.append("cache_write")
    return tuple(meters)


def retirements(view: View) -> Iterator[Finding]:
    """A model that retires inside the horizon is replaced by then."""
    noted: set[str] = set()
    for service in view.services:
        if service.is_own_hardware or not service.serves:
            continue
        found = known.retirement(service.model, service.provider)
        if found is None:
            continue
        if found.date is None:
            if found.notice is not None and found.notice not in noted:
                noted.add(found.notice)
                yield Finding(path=service.place, text=found.notice, is_notice=True)
        elif found.date < service.end:
            yield from _retires(view, service, found.date)


def _retires(view: View, service: Service, on: datetime.date) -> Iterator[Finding]:
    followers = [
        s.migration
        for s in view.services
        if s.owner == service.owner and s.start == service.end and s.migration is not None
    ]
    what = f"{service.model} retires at {service.provider} on {on}"
    if on <= service.start:
        begins = "the start of the plan" if service.migration is None else "its migration"
        text, hint = f"{what}, before {begins} on {service.start}", None
    elif followers and service.end < view.horizon[1]:
        place = (*MIGRATIONS, followers[0], "at")
        text = f"{what}, and its migration comes only on {service.end}{view.where(place)}"
        hint = f"set {render(place)} to {on} or earlier"
    else:
        text = f"{what}, inside the horizon {view.span()}"
        hint = f"add to finance.migrations: {{at: {on}, from: {service.model}, to: MODEL}}"
    yield Finding(path=service.place, text=text, hint=hint, because=_rests_on(view, service))


def _rests_on(view: View, service: Service) -> tuple[Path, ...]:
    return (MIGRATIONS, *HORIZON, ("models", service.model), (*service.place[:-1], "provider"))


def price_steps(view: View) -> Iterator[Finding]:
    """A supposed price change is of a model in use, on a day of the horizon."""
    begin, end = view.horizon
    for index, step in enumerate(view.scenario.finance.price_steps):
        path = ("finance", "price_steps", index)
        if not begin <= step.at < end:
            yield Finding(
                path=(*path, "at"),
                given=str(step.at),
                allowed=f"a day of the horizon, {view.span()}",
                because=HORIZON,
            )
        if step.model not in view.models:
            near = nearest(step.model, view.models)
            yield Finding(
                path=(*path, "model"),
                text=f"no strategy uses a model {shown(step.model)}",
                hint=f"did you mean {near}?" if near is not None else closest(step.model, view.models),
                because=(MIGRATIONS,),
                complete=(("deployments",), ("strategies",)),
            )


MONEY = (
    start,
    payers,
    migrations,
    successors,
    prices,
    retirements,
    price_steps,
)
