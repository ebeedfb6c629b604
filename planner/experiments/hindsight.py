"""What each choice would have cost: the strategies of a scenario over the catalogue's real price steps and retirements.

Comes in: a scenario, a first day, and the day after the last; goes out: for each strategy its bill over the days on which
it could have been run, the changes of price that it met, and its bill over the days common to all, on the same requests
and luck. A hindsight is the bill of the scenario moved to the past: the ledger, its intervals and the hand check hold.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from planner.catalogue import prices as price_list
from planner.errors import PlannerError, Problem, ScenarioError
from planner.experiments import answer as answers
from planner.experiments.answer import Cost
from planner.experiments.cells import Cell, Progress, clock, run_cells
from planner.experiments.comparison import OBJECTIVE, check_size, measure_weights, measured
from planner.experiments.past import Stretch, followed, moved, services_of, stretch, unfollowed
from planner.finance import (
    CostVectors,
    Ledger,
    Tco,
    account,
    cost_vectors,
    difference_interval,
    tco,
    tco_interval,
)
from planner.finance.hand_check import HandCheck, check_strategy
from planner.finance.horizon import plan_of
from planner.finance.mean_month import ChangeDay, change_days
from planner.finance.quantities import Quantities
from planner.finance.rates import models_of, rates_of
from planner.finance.token_prices import has_own_prices
from planner.metrics import deletions
from planner.scenario import known
from planner.scenario.checks_money import EARLIEST
from planner.scenario.declare import FrozenMap
from planner.scenario.fields import Scenario
from planner.scenario.finance_volume import Commitment, commitment_months
from planner.scenario.finding import listed
from planner.workload.windows import Window, eras, horizon, month_pieces, plan_windows, requests_per_month

if TYPE_CHECKING:
    import pandas as pd

ONE_DAY = timedelta(days=1)
MOST_MONTHS = 240  # as finance.horizon_months
BY_PRICE = ("cheapest", "inverse-price")  # selections that ask for the list price
HELD = (
    "Held as they are today, as no history of them is kept: traffic and its volume, sizes, latency, limits, outages, "
    "accuracy, and all prices but the list prices of tokens."
)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A strategy over its own stretch."""

    stretch: Stretch
    scenario: Scenario
    windows: tuple[Window, ...]
    quantities: tuple[Quantities, ...]
    ledger: Ledger
    tco: Tco
    vectors: CostVectors
    changes: tuple[ChangeDay, ...]

    def cost(self, measure: str) -> Cost:
        """A total of `finance.Tco` with its interval."""
        return _cost(self.tco, self.vectors, measure)


@dataclass(frozen=True, kw_only=True)
class Together:
    """All strategies that could be run at all, over the days on which all of them could: same requests, same luck."""

    start: date
    end: date
    scenario: Scenario
    windows: tuple[Window, ...]
    ledgers: Mapping[str, Ledger]
    tcos: Mapping[str, Tco]
    vectors: Mapping[str, CostVectors]
    misses: Mapping[str, tuple[str, ...]]  # targets that a strategy misses, in words
    best: str | None
    ranked: tuple[str, ...]  # cheapest first, by the objective; those that miss a target last

    def cost(self, strategy: str, measure: str) -> Cost:
        """A total of `finance.Tco` with its interval."""
        return _cost(self.tcos[strategy], self.vectors[strategy], measure)

    def regret(self, strategy: str, measure: str) -> Cost:
        """What a strategy would have cost more than the cheapest that meets every target (of all, where none does)."""
        return _gap(self, self.ranked[0], strategy, measure)


@dataclass(frozen=True, kw_only=True)
class Hindsight:
    """What a look back found. Money is exact, in USD; tables are DataFrames made when asked for."""

    scenario: Scenario
    since: date
    until: date
    engine: str
    stretches: Mapping[str, Stretch]
    choices: Mapping[str, Choice]
    together: Together | None
    answer: str
    notices: tuple[str, ...]
    simulated_requests: int
    seconds: float = field(compare=False)

    @property
    def objective(self) -> str:
        """The total by which strategies are ranked: a field of `finance.Tco`."""
        return OBJECTIVE[self.scenario.objective]

    @property
    def months(self) -> "pd.DataFrame":
        """Bills by month, over each strategy's own stretch: strategy, month, start, end, invoiced_usd, economic_usd.

        `end` is the day after the last; money stays Decimal.
        """
        import pandas as pd

        return pd.DataFrame(
            self.month_rows(), columns=["strategy", "month", "start", "end", "invoiced_usd", "economic_usd"]
        ).astype({"invoiced_usd": object, "economic_usd": object})

    def month_rows(self) -> list[tuple[str, str, date, date, Decimal, Decimal]]:
        """The rows of `months`."""
        found = []
        for name, choice in self.choices.items():
            spans = {month.name: month for month in plan_of(choice.scenario, name).months}
            found += [
                (
                    name,
                    row.month,
                    spans[row.month].start,
                    spans[row.month].end,
                    row.invoiced_usd,
                    row.economic_usd,
                )
                for row in choice.tco.per_month
            ]
        return found

    @property
    def steps(self) -> "pd.DataFrame":
        """Changes of price, each with what a mean month costs before and after: the fields of `PriceChange`."""
        import pandas as pd

        return pd.DataFrame(self.step_rows())

    def step_rows(self) -> list[dict[str, Any]]:
        """The rows of `steps`, with the date's basis and the confidence of the catalogue."""
        return [
            {"strategy": name, **vars(change), **_told(self.choices[name].scenario, change)}
            for name, choice in self.choices.items()
            for day in choice.changes
            for change in day.changes
        ]

    @property
    def ledger(self) -> "pd.DataFrame":
        """Every row of every bill over the strategies' own stretches; amounts are exact Decimals."""
        import pandas as pd

        return pd.concat([one.ledger.to_frame() for one in self.choices.values()], ignore_index=True)

    def hand_check(self, strategy: str) -> HandCheck:
        """Any month of a strategy's bill in the past by pocket calculator: `.bill(month, account)`."""
        check_strategy(self.scenario, strategy)
        if strategy not in self.choices:
            raise PlannerError(f"{strategy} has no bill: {self.stretches[strategy].begins}")
        one = self.choices[strategy]
        return HandCheck(one.scenario, strategy, one.windows, one.quantities, one.ledger)

    def to_dict(self) -> dict[str, Any]:
        """The JSON document of `planner hindsight --json`: plain values, money as decimal strings."""
        from planner.experiments.hindsight_document import document

        return document(self)


def hindsight(
    scenario: Scenario,
    since: date | str,
    until: date | str | None = None,
    *,
    successors: Mapping[str, str] | None = None,
    engine: str = "compiled",
    replications: int | None = None,
    workers: int | None = None,
    report: Progress | None = None,
) -> Hindsight:
    """What every strategy of a scenario would have cost in the past, at the list prices of each day.

    Parameters
    ----------
    since : date or YYYY-MM-DD
        First day. The scenario's own `start` and horizon are not used, nor what its finance plans for later days.
    until : date or YYYY-MM-DD, optional
        The day after the last; today if not given.
    successors : mapping MODEL to MODEL, optional
        Which model follows one that retires, from that day on and at no cost of moving. Without one, and without a
        migration under `finance.migrations` that comes in time, a strategy ends with its first model that retires.
    replications, workers, report
        As in `compare`.

    Raises
    ------
    ScenarioError
        Days that are none, or not in order; successors that do not exist or are of no use.
    PlannerError
        No strategy could have been run on any of these days: each with the reason.
    """
    began = clock()
    successors = dict(successors or {})
    first, last = asked_days(scenario, since, until, successors)
    whole = moved(followed(scenario, successors, first, last), first, last)
    stretches = {name: stretch(whole, name, first, last) for name in whole.strategies}
    able = [name for name, one in stretches.items() if one.start is not None]
    if not able:
        reasons = "; ".join(f"{name}: {one.begins}" for name, one in stretches.items())
        raise PlannerError(f"No strategy could have been run from {first} to {last - ONE_DAY}: {reasons}.")
    runs = _Runs(whole, stretches, able, engine, replications, workers, report)
    choices = {name: _choice(runs, stretches[name]) for name in able}
    together = _together(runs)
    return Hindsight(
        scenario=whole,
        since=first,
        until=last,
        engine=engine,
        stretches=stretches,
        choices=choices,
        together=together,
        answer=_answer(whole, together, stretches, able),
        notices=tuple(dict.fromkeys(_notices(scenario, whole, successors, stretches))),
        simulated_requests=runs.simulated_requests,
        seconds=clock() - began,
    )


# -- what is asked -------------------------------------------------------------------------------


def asked_days(
    scenario: Scenario,
    since: date | str,
    until: date | str | None,
    successors: Mapping[str, str],
) -> tuple[date, date]:
    """First day and the day after the last, before anything is simulated; raises as `hindsight` does."""
    first, last = _days(since, until)
    _check_successors(scenario, successors, first, last)
    return first, last


def _days(since: date | str, until: date | str | None) -> tuple[date, date]:
    problems: list[Problem] = []
    first = _day("since", since, problems)
    last = date.today() if until is None else _day("until", until, problems)
    if first is not None and first < EARLIEST:
        problems.append(Problem(field="since", given=str(first), allowed=f"{EARLIEST} or later"))
    elif first is not None and last is not None and last <= first:
        today = ", today" if until is None else ""
        problems.append(
            Problem(field="until", given=f"{last}{today}", allowed=f"a day after since, which is {first}")
        )
    elif first is not None and last is not None and (last.year - first.year) * 12 >= MOST_MONTHS:
        problems.append(
            Problem(field="until", given=str(last), allowed=f"less than {MOST_MONTHS} months after {first}")
        )
    if problems:
        raise ScenarioError(problems, "what was asked of the past")
    assert first is not None, "a day without a problem is there"
    assert last is not None, "a day without a problem is there"
    return first, last


def _day(name: str, value: date | str, problems: list[Problem]) -> date | None:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        if len(value) == 10:
            return date.fromisoformat(value)
    except ValueError:
        pass
    problems.append(Problem(field=name, given=repr(value), allowed="a date, YYYY-MM-DD"))
    return None


def _check_successors(scenario: Scenario, successors: Mapping[str, str], first: date, last: date) -> None:
    problems = []
    for origin, successor in successors.items():
        if not known.is_known(scenario, successor):
            problems.append(
                Problem(
                    field="successor",
                    text=f"{origin}={successor}: {successor} is not in the catalogue",
                    hint=known.did_you_mean(scenario, successor),
                )
            )
        elif origin == successor:
            problems.append(Problem(field="successor", text=f"{origin} replaces itself"))
    sound = {
        origin: one for origin, one in successors.items() if origin != one and known.is_known(scenario, one)
    }
    for name in unfollowed(scenario, sound, first, last):
        problems.append(
            Problem(
                field="successor",
                text=f"{name}={successors[name]}: no strategy uses a model {name} that retires between {first} and {last}",
            )
        )
    if problems:
        raise ScenarioError(problems, "what was asked of the past")


# -- simulation ----------------------------------------------------------------------------------


class _Runs:
    """The simulated windows: those of the common stretch, met by all strategies, and what a longer stretch needs beside."""

    def __init__(
        self,
        whole: Scenario,
        stretches: Mapping[str, Stretch],
        able: Sequence[str],
        engine: str,
        replications: int | None,
        workers: int | None,
        report: Progress | None,
    ) -> None:
        self.whole, self.stretches, self.able = whole, stretches, tuple(able)
        self._how = {"engine": engine, "workers": workers, "report": report}
        self._replications = replications
        self.simulated_requests = 0
        self.common = _common([stretches[name] for name in able])
        self.base = moved(whole, *self.common) if self.common is not None else None
        self.windows: tuple[Window, ...] = ()
        self.cells: dict[str, tuple[Cell, ...]] = {}
        if self.base is not None:
            self.windows, self.cells = self._run(self.base, self.able)

    def _run(
        self, scenario: Scenario, names: Sequence[str]
    ) -> tuple[tuple[Window, ...], dict[str, tuple[Cell, ...]]]:
        # Followed to their end: a strategy that one is `like` may not have been on sale, and is not run.
        alone = {name: scenario.strategy(name).model_copy(update={"like": None}) for name in names}
        few = scenario.model_copy(update={"strategies": FrozenMap(alone)})
        windows = plan_windows(few, self._replications)
        check_size(few, windows)
        cells = run_cells(few, windows, **self._how)  # type: ignore[arg-type]
        found = {name: tuple(one[name] for one in cells) for name in names}
        self.simulated_requests += sum(cell.sample.n for one in found.values() for cell in one)
        return windows, found

    def of(self, strategy: str, scenario: Scenario) -> tuple[tuple[Window, ...], tuple[Quantities, ...]]:
        """Windows and counts of a strategy over its own stretch, whose scenario it is.

        Uses per request are those of the common stretch, so that its days cost the same in both bills: volume is
        constant, and what a request uses depends on the models in force alone. Eras with models that were not met there
        are simulated for themselves.
        """
        plan = eras(scenario)
        windows: list[Window] = []
        counts: list[Quantities] = []
        met = set()
        if self.base is not None:
            for window, cell in zip(self.windows, self.cells[strategy], strict=True):
                day = eras(self.base)[window.era].start
                era = next(era for era in plan if era.start <= day < era.end)
                met.add(models_of(scenario, strategy, era))
                windows.append(replace(window, era=era.index))
                counts.append(cell.quantities)
        lacking = {era.index for era in plan if models_of(scenario, strategy, era) not in met}
        if lacking:
            more, cells = self._run(scenario, [strategy])
            for window, cell in zip(more, cells[strategy], strict=True):
                if window.era in lacking:
                    windows.append(replace(window, index=len(windows)))
                    counts.append(cell.quantities)
        return tuple(windows), tuple(counts)


def _common(stretches: Sequence[Stretch]) -> tuple[date, date] | None:
    starts = [one.start for one in stretches if one.start is not None]
    ends = [one.end for one in stretches if one.end is not None]
    return (max(starts), min(ends)) if max(starts) < min(ends) else None


def _choice(runs: _Runs, found: Stretch) -> Choice:
    assert found.start is not None, f"{found.strategy} could never be run"
    assert found.end is not None, f"{found.strategy} could never be run"
    name = found.strategy
    scenario = moved(runs.whole, found.start, found.end)
    windows, quantities = runs.of(name, scenario)
    ledger = account(scenario, name, windows, quantities)
    plan = plan_of(scenario, name)
    return Choice(
        stretch=found,
        scenario=scenario,
        windows=windows,
        quantities=quantities,
        ledger=ledger,
        tco=tco(scenario, ledger),
        vectors=cost_vectors(scenario, name, windows, quantities),
        changes=change_days(plan, rates_of(scenario, name, plan.eras, windows, quantities)),
    )


def _together(runs: _Runs) -> Together | None:
    base = runs.base
    if base is None or runs.common is None:
        return None
    windows = runs.windows
    plan = deletions(measure_weights(base, windows), [(one.era, one.stratum) for one in windows])
    ledgers, tcos, vectors, misses = {}, {}, {}, {}
    for name in runs.able:
        cells = runs.cells[name]
        quantities = [cell.quantities for cell in cells]
        ledgers[name] = account(base, name, windows, quantities)
        tcos[name] = tco(base, ledgers[name])
        vectors[name] = cost_vectors(base, name, windows, quantities)
        estimates = {key: one.estimate(plan.strata) for key, one in measured(base, plan, cells).items()}
        misses[name] = tuple(row.words() for row in answers.slo_rows(base, name, estimates) if not row.met)
    measure = OBJECTIVE[base.objective]
    ranked = tuple(sorted(runs.able, key=lambda name: (bool(misses[name]), getattr(tcos[name], measure))))
    found = Together(
        start=runs.common[0],
        end=runs.common[1],
        scenario=base,
        windows=windows,
        ledgers=ledgers,
        tcos=tcos,
        vectors=vectors,
        misses=misses,
        best=None,
        ranked=ranked,
    )
    if misses[ranked[0]]:
        return found
    second = next((name for name in ranked[1:] if not misses[name]), None)
    if second is not None:
        gap = _gap(found, ranked[0], second, measure)
        if gap.value == 0 or (gap.low is not None and gap.low <= 0):
            return found
    return replace(found, best=ranked[0])


def _cost(found: Tco, vectors: CostVectors, measure: str) -> Cost:
    value: Decimal = getattr(found, measure)
    return Cost(value, *(tco_interval(vectors, measure, value) or (None, None)))


def _gap(found: Together, cheaper: str, other: str, measure: str) -> Cost:
    value: Decimal = getattr(found.tcos[other], measure) - getattr(found.tcos[cheaper], measure)
    ends = difference_interval(found.vectors[other], found.vectors[cheaper], measure, value)
    return Cost(value, *(ends or (None, None)))


# -- words -----------------------------------------------------------------------------------------


def _answer(
    scenario: Scenario, found: Together | None, stretches: Mapping[str, Stretch], able: Sequence[str]
) -> str:
    measure = OBJECTIVE[scenario.objective]
    never = [name for name in stretches if name not in able]
    left_out = f" {listed(never)} could not be run on any day." if never else ""
    if found is None:
        return (
            f"There is no day on which all of {listed(able)} could be run, so they are not ranked.{left_out}"
        )
    basis = f"{scenario.objective} cost, {found.start} to {found.end - ONE_DAY}"
    first = found.ranked[0]
    total = answers.money_words(getattr(found.tcos[first], measure))
    if found.misses[first]:
        return (
            f"None meets every target; the cheapest would have been {first} at {total} ({basis}), which misses "
            f"{'; '.join(found.misses[first])}.{left_out}"
        )
    if len(found.ranked) == 1:
        return f"{first} would have cost {total} ({basis}); nothing stands beside it.{left_out}"
    told = []
    for name in found.ranked[1:]:
        gap = _gap(found, first, name, measure)
        missed = f", and misses {'; '.join(found.misses[name])}" if found.misses[name] else ""
        if gap.value < 0:
            told.append(f"{name} {answers.money_words(-gap.value)} less{missed}")
        else:
            told.append(f"{name} {answers.money_words(gap.value)} more{missed}")
    others = "; ".join(told)
    if found.best is None:
        second = next(name for name in found.ranked[1:] if not found.misses[name])
        return (
            f"No clear best in hindsight: {first} at {total} and {second} cannot be told apart ({basis}). "
            f"Against {first}: {others}.{left_out}"
        )
    return f"Best in hindsight: {first} at {total} ({basis}); against it {others}.{left_out}"


def _notices(
    given: Scenario, whole: Scenario, successors: Mapping[str, str], stretches: Mapping[str, Stretch]
) -> list[str]:
    found = list(_dropped(given, whole))
    for origin, successor in successors.items():
        day = next(
            one.at for one in whole.finance.migrations if (one.from_model, one.to) == (origin, successor)
        )
        found.append(
            f"{successor} follows {origin} from {day} on, as asked for; no cost of moving is counted, and where nothing says "
            f"how good {successor} is at a task it is taken to be as good as {origin}"
        )
    common = _common([one for one in stretches.values() if one.start is not None])
    for name, one in stretches.items():
        if one.start is None or one.end is None:
            continue
        if whole.strategy_policy(name).select in BY_PRICE and common not in (None, (one.start, one.end)):
            found.append(
                f"{name} chooses among equals by price: on all its days as by the prices of those common to all strategies"
            )
        for service in services_of(whole, name, one.start, one.end):
            found += _of_service(whole, service)
    return found


def _dropped(given: Scenario, whole: Scenario) -> list[str]:
    """What of the plan is about other days, or about growth."""
    found = []
    later = [one for one in given.finance.migrations if one not in whole.finance.migrations]
    if later:
        moves = listed(f"{one.from_model} to {one.to} on {one.at}" for one in later)
        found.append(f"left out, as later than the last day: finance.migrations, {moves}")
    steps = [one for one in given.finance.price_steps if one not in whole.finance.price_steps]
    if steps:
        told = listed(f"{one.model} on {one.at}" for one in steps)
        found.append(f"left out, as later than the last day: finance.price_steps, {told}")
    if given.traffic != whole.traffic:
        found.append(
            f"volume is constant at {requests_per_month(whole):,.0f} requests in a mean month on all days: growth is left out"
        )
    if getattr(given.finance, "price_drift", ()):
        found.append("finance.price_drift is left out: the list prices of the past are known")
    idle = [one.name for one in whole.finance.commitments if not _runs(whole, one)]
    if idle:
        found.append(
            f"in no bill, as they begin on days of their own that are not among these: finance.commitments, {listed(idle)}; leave "
            "starts out to have them signed on the first day"
        )
    for index, factor in enumerate(whole.finance.negotiated):
        first, last = factor.starts or whole.start, factor.ends or horizon(whole)[1]
        holds = first < horizon(whole)[1] and last > whole.start
        found.append(
            f"finance.negotiated[{index}], {factor.factor:g} x list prices of {factor.provider}, "
            + (
                "holds on its days as if it had been signed then"
                if holds
                else "is for other days: it is in no bill"
            )
        )
    by_volume = [
        name
        for name in ("volume_prices", "commitments", "prepaid")
        if getattr(whole.finance, name)
        and not (name == "commitments" and len(idle) == len(whole.finance.commitments))
    ]
    if by_volume:
        told = listed(f"finance.{name}" for name in by_volume)
        found.append(
            f"{told} hold in all bills as if they had been signed then; a mean month before and after a change of price is "
            "what it costs without them"
        )
    if given.currency != "USD":
        found.append(f"amounts are in USD, not in {given.currency}")
    return found


def _runs(whole: Scenario, one: Commitment) -> bool:
    """Whether a commitment runs in some month of a scenario."""
    months = len({piece.month for piece in month_pieces(whole)})
    return bool(set(commitment_months(whole, one)) & set(range(months)))


def _of_service(scenario: Scenario, one: known.Service) -> list[str]:
    """What should be known about the price of a model within a stretch."""
    found = []
    if has_own_prices(scenario, one.model):
        found.append(f"the price of {one.model} is your own (models.{one.model}) and is held on all days")
    record = known.record(one.model)
    if record is None:
        found.append(f"{one.model} is not in the catalogue: it is taken to have been there on all days")
    if one.is_own_hardware:
        return found
    where = one.provider or known.home_provider(one.model)
    since = known.carried_since(scenario, one.model, one.provider, one.end - ONE_DAY)
    if since is not None:
        found.append(f"price of {since} carried forward for {one.model} at {where}")
    retired = known.retirement(one.model, one.provider)
    if retired is not None and retired.notice is not None:
        found.append(retired.notice)
    if (
        where is not None
        and one.owner is not None
        and scenario.deployments[one.owner].prompt_cache is not None
    ):
        began = price_list.cached_from(one.model, where, one.start)
        if began is not None:
            found.append(
                f"{one.model} at {where} has a price of cached input only from {began}: before it, what a prompt cache "
                "holds costs as much as other input"
            )
    return found


def _told(scenario: Scenario, change: Any) -> dict[str, Any]:
    """How the day of a list price is known, and how sure it is; None for prices of one's own."""
    where = change.provider or known.home_provider(change.model)
    meter = change.meter.partition(",")[0]
    own = scenario.models.get(change.model)
    is_own = (
        own is not None
        and getattr(own, f"{'output' if meter == 'reasoning' else meter}_usd_per_mtok") is not None
    )
    if where is None or is_own:
        return {"basis": None, "confidence": None}
    try:
        found = price_list.price(change.model, where, meter, change.day)
    except PlannerError:
        return {"basis": None, "confidence": None}
    is_its_day = found.effective_from == change.day
    return {"basis": found.date_basis if is_its_day else None, "confidence": found.confidence}


__all__ = ["HELD", "Choice", "Hindsight", "Together", "asked_days", "hindsight"]
