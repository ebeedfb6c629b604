"""A scenario moved to the past: from which day to which each strategy could have been run, and why not before or after.

Comes in: a scenario as it is, a first day and the day after the last; goes out: the same scenario on those days, and for
each strategy the stretch on which all its models were on sale at a known price and had not retired. Nothing is simulated.
"""

import calendar
import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date

from planner.catalogue import prices as price_list
from planner.scenario import known
from planner.scenario.batches import has_batch_tasks, terms_of
from planner.scenario.checks_money import meters_of
from planner.scenario.demand import Traffic
from planner.scenario.fields import CascadeRouter, Scenario
from planner.scenario.finance import Finance, Migration
from planner.scenario.finding import View
from planner.scenario.known import Service
from planner.scenario.migrations import model_in_force

ONE_DAY = datetime.timedelta(days=1)
#: What lets the volume change from year to year: off in the past, where only prices are asked about.
GROWTH = {"growth_per_month": 0.0, "growth_per_year": None, "saturation_requests_per_month": None}


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """The days [start, end) on which a strategy could have been run; none where `start` is None.

    `begins` says why not before, `ends` why not after; None where nothing kept it from all of the days asked about.
    """

    strategy: str
    start: date | None
    end: date | None
    begins: str | None = None
    ends: str | None = None

    @property
    def days(self) -> int:
        """Days of it."""
        return 0 if self.start is None or self.end is None else (self.end - self.start).days

    def words(self) -> str:
        """First and last day, or that there is none."""
        return "never" if self.start is None or self.end is None else f"{self.start} to {self.end - ONE_DAY}"


def moved(scenario: Scenario, start: date, end: date) -> Scenario:
    """The scenario on the days [start, end): constant volume, and of its finance only what is not after them.

    Migrations from before the first day hold from it on. The list prices are those of the catalogue, day by day.
    """
    months = (end.year - start.year) * 12 + end.month - start.month
    while _after(start, months) < end:
        months += 1
    finance = scenario.finance.model_copy(
        update={
            "horizon_months": months,
            "until": None if _after(start, months) == end else end,
            "migrations": tuple(one for one in scenario.finance.migrations if one.at < end),
            "price_steps": tuple(one for one in scenario.finance.price_steps if one.at < end),
            **({"price_drift": ()} if "price_drift" in Finance.model_fields else {}),
        }
    )
    constant = {name: value for name, value in GROWTH.items() if name in Traffic.model_fields}
    traffic = scenario.traffic.model_copy(update=constant)
    return scenario.model_copy(update={"start": start, "finance": finance, "traffic": traffic})


def followed(scenario: Scenario, successors: Mapping[str, str], start: date, end: date) -> Scenario:
    """The scenario in which models that retire within [start, end) are followed by others, from that day on, at no cost.

    One that nobody uses, or that does not retire on these days, is left as it is: see `unfollowed`.
    """
    added: list[Migration] = []
    for origin, successor in successors.items():
        day = _retires(scenario, origin, successors, start, end)
        if day is not None:
            added.append(Migration.model_validate({"at": day, "from": origin, "to": successor, "usd": 0.0}))
    if not added:
        return scenario
    migrations = (*scenario.finance.migrations, *added)
    return scenario.model_copy(
        update={"finance": scenario.finance.model_copy(update={"migrations": migrations})}
    )


def unfollowed(scenario: Scenario, successors: Mapping[str, str], start: date, end: date) -> list[str]:
    """Models that a successor is named for but that nobody uses on a day within [start, end) on which they retire."""
    moves = followed(scenario, successors, start, end)
    begun = {
        (one.model, one.start) for name in scenario.strategies for one in services_of(moves, name, start, end)
    }
    return [
        name
        for name, successor in successors.items()
        if (successor, _retires(scenario, name, successors, start, end)) not in begun
    ]


def _retires(
    scenario: Scenario, model: str, successors: Mapping[str, str], start: date, end: date
) -> date | None:
    """First day inside (start, end) on which a model retires at a provider where it, or one that it follows, is used."""
    names = {model}
    while more := {origin for origin, successor in successors.items() if successor in names} - names:
        names |= more
    names |= {one.from_model for one in scenario.finance.migrations if one.to in names}
    found = []
    for written, provider in _written(scenario):
        if written in names and known.is_known(scenario, model):
            one = known.retirement(model, provider)
            found += [one.date] if one is not None and one.date is not None else []
    return min((day for day in found if start < day < end), default=None)


def _written(scenario: Scenario) -> Iterator[tuple[str, str | None]]:
    """(MODEL, PROVIDER) as written at deployments that are not own hardware, and at verifiers."""
    for deployment in scenario.deployments.values():
        if not deployment.is_own_hardware:
            yield deployment.model, deployment.provider
    for name in scenario.strategies:
        router = scenario.strategy(name).router
        if isinstance(router, CascadeRouter):
            verifier = router.verifier
            yield verifier.model, verifier.provider or known.home_provider(verifier.model)


def services_of(scenario: Scenario, strategy: str, start: date, end: date) -> tuple[Service, ...]:
    """Every model in force in a strategy over [start, end), by deployment and time, its verifier's last."""
    found = []
    for name in scenario.deployments_of(strategy):
        one = scenario.deployments[name]
        found += _in_force(scenario, one.model, name, one.provider, one.is_own_hardware, start, end)
    router = scenario.strategy(strategy).router
    if isinstance(router, CascadeRouter):
        provider = router.verifier.provider or known.home_provider(router.verifier.model)
        found += _in_force(scenario, router.verifier.model, None, provider, False, start, end)
    return tuple(found)


def _in_force(
    scenario: Scenario,
    written: str,
    owner: str | None,
    provider: str | None,
    is_own: bool,
    start: date,
    end: date,
) -> list[Service]:
    days = sorted({start, *(one.at for one in scenario.finance.migrations if start < one.at < end)})
    found: list[Service] = []
    for day, after in zip(days, [*days[1:], end], strict=True):
        model = model_in_force(scenario, written, day)
        if found and found[-1].model == model:
            found[-1] = replace(found[-1], end=after)
            continue
        found.append(
            Service(
                place=(),
                owner=owner,
                model=model,
                provider=provider,
                is_own_hardware=is_own,
                start=day,
                end=after,
                migration=None,
            )
        )
    return found


def stretch(scenario: Scenario, strategy: str, start: date, end: date) -> Stretch:
    """The first days in a row within [start, end) on which every model of a strategy could be used and billed.

    `scenario` is the one of these days: see `moved`.
    """
    served = services_of(scenario, strategy, start, end)
    days = sorted({start, *(day for one in served for day in _turns(one) if start < day < end)})
    problems = {day: _problem_of_all(scenario, served, day) for day in days}
    first = next((day for day in days if problems[day] is None), None)
    if first is None:
        return Stretch(strategy=strategy, start=None, end=None, begins=problems[days[-1]])
    last = next((day for day in days if day > first and problems[day] is not None), None)
    before = [day for day in days if day < first]
    return Stretch(
        strategy=strategy,
        start=first,
        end=last or end,
        begins=problems[before[-1]] if before else None,
        ends=problems[last] if last is not None else None,
    )


def _turns(one: Service) -> Iterator[date]:
    """Days on which what can be said about a model may change."""
    yield one.start
    found = known.record(one.model)
    if found is not None and found.released is not None:
        yield found.released
    retired = known.retirement(one.model, one.provider)
    if retired is not None and retired.date is not None:
        yield retired.date
    for meter in price_list.METERS:
        yield from known.price_days(one.model, one.provider, meter, one.start, one.end)


def _problem_of_all(scenario: Scenario, served: tuple[Service, ...], day: date) -> str | None:
    for one in served:
        if one.start <= day < one.end:
            problem = _problem(scenario, one, day)
            if problem is not None:
                return problem
    return None


def _problem(scenario: Scenario, one: Service, day: date) -> str | None:
    """Why a model could not be used and billed on a day; None where it could."""
    found = known.record(one.model)
    where = f" at {one.provider}" if one.provider else ""
    if found is not None and found.released is not None and day < found.released:
        return f"{one.model} came only on {found.released}"
    if one.is_own_hardware:
        return None
    retired = known.retirement(one.model, one.provider)
    if retired is not None and retired.date is not None and day >= retired.date:
        return f"{one.model} retired{where} on {retired.date} ({retired.source})"
    view = View(scenario=scenario, line=lambda path: None)
    for meter in meters_of(view, replace(one, start=day)):
        problem = known.price_problem(scenario, one.model, one.provider, meter, day)
        if problem is not None:
            return problem
    return _changes_kind(scenario, one, day, retired.date if retired is not None else None)


def _changes_kind(scenario: Scenario, one: Service, day: date, retired: date | None) -> str | None:
    """Whether a batch API or a price of writing to a prompt cache, which shape the run itself, is there as at the end."""
    if one.owner is None:
        return None
    last = min(one.end, retired or one.end) - ONE_DAY
    deployment = scenario.deployments[one.owner]
    if has_batch_tasks(scenario) and deployment.batch is not None:
        now, then = (terms_of(scenario, one.owner, one.model, on) is None for on in (day, last))
        if now != then:
            return f"{one.model} had {'no' if now else 'a'} batch price on {day}, unlike on {last}"
    if deployment.prompt_cache is not None:
        now, then = (known.charges_writes(scenario, one.owner, one.model, on) for on in (day, last))
        if now != then:
            return f"writing to the cache of {one.model} had {'a' if now else 'no'} price on {day}, unlike on {last}"
    return None


def _after(start: date, months: int) -> date:
    """The same day some months later, or that month's last."""
    month = start.month - 1 + months
    year, month = start.year + month // 12, month % 12 + 1
    return date(year, month, min(start.day, calendar.monthrange(year, month)[1]))


__all__ = ["Stretch", "followed", "moved", "services_of", "stretch", "unfollowed"]
