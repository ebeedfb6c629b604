"""Where and when a drill takes place: what was asked, checked all at once, and the stretch that is simulated.

Comes in: a scenario and the drill as it was asked for; goes out: a `Plan`, with the providers' deployments, the
strategies and a `Stretch`: one simulated window that holds a time before the outage, the outage, and a time after it.

A drill of generated traffic lies at the first moment of the plan that fits, so it meets that week's volume and models;
a date puts it later. Times are UTC. The window starts at a full hour, at which all luck of arrivals is named; requests
before the counted time are left out, unless a cap of a day has to be counted from its beginning (a lead-in).
"""

import datetime
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from planner import chance
from planner.errors import Problem, ScenarioError
from planner.experiments.drill_manner import MODES, Manner, unusable
from planner.scenario.declare import NOTHING
from planner.scenario.fields import CascadeRouter, Scenario
from planner.scenario.paths import closest, nearest
from planner.scenario.quotas import first_hour_of_days
from planner.workload import traces
from planner.workload.shapes import HOURS_PER_WEEK, weekly_weights
from planner.workload.windows import DAY_S, Window, eras, horizon, horizon_words

PEAK = "peak"
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
HOUR_S, WEEK_S = 3600, 7 * DAY_S
#: Least time before and after an outage: a bucket of a minute, a breaker and a few retries settle in it.
LEAST_AROUND_S = 600.0
_WEEKLY = re.compile(r"([a-z]+)\s+(\d{1,2}):(\d{2})")
_DATED = re.compile(r"(\d{4}-\d{2}-\d{2})[ t](\d{1,2}):(\d{2})")


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """One simulated window around an outage [from, to); moments in ns since the window's start.

    Requests that arrive in [counted, from) are "before", in [from, to) "during", in [to, end) "after"; earlier ones
    are a lead-in that no figure counts.
    """

    start_s: float  # of the window, since 00:00 UTC of the plan's first day; a full hour
    era: int
    leads_in: bool  # requests before `counted_ns` are simulated
    counted_ns: int
    from_ns: int
    to_ns: int
    end_ns: int
    is_recording: bool

    @property
    def outage_ns(self) -> int:
        return self.to_ns - self.from_ns

    def window(self, replication: int) -> Window:
        """The window of a replication, without any outage by law: those would come in both runs at random."""
        return Window(
            index=replication,
            era=self.era,
            start_s=self.start_s,
            length_s=self.end_ns / 1e9,
            weight=1.0,
            stratum="",
            spells=(),
        )

    def longer(self) -> "Stretch":
        """The same with twice the time after the outage."""
        return replace(self, end_ns=self.to_ns + 2 * (self.end_ns - self.to_ns))


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A drill that can be run."""

    providers: tuple[str, ...]
    manner: Manner
    minutes: float
    deployments: tuple[str, ...]  # of the providers, used by some strategy of the drill
    strategies: tuple[str, ...]
    stretch: Stretch
    place: str  # when the outage begins, in words


def plan_drill(
    scenario: Scenario,
    provider: str | Sequence[str],
    minutes: float,
    at: str | float,
    mode: str,
    strategies: Sequence[str] | None,
    figures: Mapping[str, Any] = NOTHING,
) -> Plan:
    """The drill that was asked for; `figures` are fields of `Manner`, None where nothing was given.

    Raises
    ------
    ScenarioError
        With every problem of what was asked.
    """
    problems: list[Problem] = []
    wanted = tuple(dict.fromkeys(scenario.strategies if strategies is None else strategies))
    for name in wanted:
        if name not in scenario.strategies:
            problems.append(_unknown("--strategy", name, scenario.strategies))
    known = tuple(name for name in wanted if name in scenario.strategies) or tuple(scenario.strategies)
    providers = providers_of(provider)
    deployments = _deployments(scenario, providers, known, problems)
    if mode not in MODES:
        problems.append(_unknown("--mode", mode, MODES))
    given = {name: value for name, value in figures.items() if value is not None}
    problems += unusable(mode, given)
    outage_s = minutes * 60.0
    if not (isinstance(minutes, int | float) and math.isfinite(minutes) and outage_s >= 1.0):
        problems.append(Problem(field="--minutes", given=f"{minutes}", allowed="at least 1/60 (minutes)"))
        outage_s = math.nan
    find = _in_recording if scenario.traffic.trace is not None else _in_plan
    found = find(scenario, at, outage_s, problems)
    if problems or found is None:
        raise ScenarioError(problems, "the drill")
    stretch, place = found
    return Plan(
        providers=providers,
        manner=Manner(mode=mode, **given),
        minutes=minutes,
        deployments=deployments,
        strategies=wanted,
        stretch=stretch,
        place=place,
    )


# -- who -------------------------------------------------------------------------------------------


def providers_of(provider: str | Sequence[str]) -> tuple[str, ...]:
    """Who is out: names in a list, or one text with commas between them.

    >>> providers_of("openai, azure"), providers_of(["openai"])
    (('openai', 'azure'), ('openai',))
    """
    names = provider.split(",") if isinstance(provider, str) else provider
    return tuple(dict.fromkeys(name.strip() for name in names))


def _deployments(
    scenario: Scenario, wanted: Sequence[str], strategies: Sequence[str], problems: list[Problem]
) -> tuple[str, ...]:
    """The providers' deployments that some of the strategies use, in the scenario's order."""
    used = {name for strategy in strategies for name in scenario.deployments_of(strategy)}
    found = {name: one.provider for name, one in scenario.deployments.items() if name in used}
    providers = sorted({whose for whose in found.values() if whose is not None})
    told = ", ".join(strategies)
    for provider in wanted or ("",):
        if provider not in providers:
            problems.append(_not_asked(scenario, provider, providers, strategies, told))
    return tuple(name for name, whose in found.items() if whose in wanted)


def _not_asked(
    scenario: Scenario, provider: str, providers: Sequence[str], strategies: Sequence[str], told: str
) -> Problem:
    """Why a provider cannot be out: none of the strategies has a deployment of it."""
    judges = [name for name in strategies if verifier_of(scenario, name) == provider]
    if judges:
        given = f"{provider!r}, who only checks answers of {', '.join(judges)} (router.verifier)"
        rest = f", or {', '.join(providers)}" if providers else ""
        allowed = (
            "a provider of deployments: a verifier answers with its own latency whatever happens, as its outages are "
            f"not simulated; make it a deployment of a strategy to drill it{rest}"
        )
        return Problem(field="--provider", given=given, allowed=allowed)
    if not providers:
        allowed = f"a provider; no deployment of {told} names one, give deployments.NAME.provider"
        return Problem(field="--provider", given=repr(provider), allowed=allowed)
    hint: str | None
    if provider in scenario.deployments:
        whose = scenario.deployments[provider].provider
        hint = (
            f"{provider} is a deployment without a provider" if whose is None
            else f"{provider} is a deployment of {whose}"
        )  # fmt: skip
    else:
        near = nearest(provider, providers)
        hint = None if near is None else f"did you mean {near}?"
    everywhere = any(one.provider == provider for one in scenario.deployments.values())
    given = f"{provider!r}, whom no strategy of {told} uses" if everywhere else repr(provider)
    allowed = f"{', '.join(providers)} (providers that {told} use)"
    return Problem(field="--provider", given=given, allowed=allowed, hint=hint)


def verifier_of(scenario: Scenario, strategy: str) -> str | None:
    """The provider of a cascade's verifier, where it names one."""
    router = scenario.strategy(strategy).router
    return router.verifier.provider if isinstance(router, CascadeRouter) else None


def _unknown(what: str, name: str, names: Iterable[str]) -> Problem:
    known = list(names)
    near = nearest(name, known)
    hint = None if near is None else f"did you mean {near}?"
    return Problem(field=what, given=repr(name), allowed=", ".join(known), hint=hint)


# -- when, in generated traffic --------------------------------------------------------------------

_AT_PLAN = "peak, a weekday and time such as 'tue 14:00', or a date and time such as '2027-03-02 14:00' (UTC)"


def _in_plan(
    scenario: Scenario, at: str | float, outage_s: float, problems: list[Problem]
) -> tuple[Stretch, str] | None:
    """The stretch and its place; None where something is wrong, which is then told."""
    horizon_s = _horizon_s(scenario)
    day_hour = first_hour_of_days(scenario)
    moment = _moment(scenario, at, problems)
    if math.isnan(outage_s):
        return None
    around_s = max(outage_s, LEAST_AROUND_S)
    longest_s = math.floor((horizon_s - WEEK_S - _lead_s(scenario)) / 3)
    if outage_s > longest_s:
        ends = "horizon_months" if scenario.finance.until is None else "until"
        allowed = (
            f"at most {longest_s / 60:,.0f} minutes, so that the outage and as long before and after it lie within the "
            f"plan of {horizon_words(scenario)} (finance.{ends})"
        )
        problems.append(Problem(field="--minutes", given=f"{outage_s / 60:,.10g}", allowed=allowed))
        return None
    if moment is None:
        return None
    weekly, begins_s = moment
    earliest_s, latest_s = _moments_s(scenario, outage_s)
    if weekly:
        while begins_s < earliest_s:
            begins_s += WEEK_S
    if not earliest_s <= begins_s <= latest_s:
        first, last = moments(scenario, outage_s / 60.0)
        allowed = f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}, so that the plan holds what is before and after"
        problems.append(Problem(field="--at", given=repr(at), allowed=allowed))
        return None
    counted_s = begins_s - around_s
    start_s = counted_s // HOUR_S * HOUR_S
    if day_hour is not None:
        start_s = (counted_s - day_hour * HOUR_S) // DAY_S * DAY_S + day_hour * HOUR_S
    day = scenario.start + datetime.timedelta(seconds=start_s)
    era = next(era.index for era in eras(scenario) if era.start <= day < era.end)
    counted_ns, from_ns, to_ns, end_ns = (
        int(chance.to_ns(one - start_s))
        for one in (counted_s, begins_s, begins_s + outage_s, begins_s + outage_s + around_s)
    )
    stretch = Stretch(
        start_s=start_s,
        era=era,
        leads_in=day_hour is not None,
        counted_ns=counted_ns,
        from_ns=from_ns,
        to_ns=to_ns,
        end_ns=end_ns,
        is_recording=False,
    )
    return stretch, f"{_at_s(scenario, begins_s):%A %Y-%m-%d %H:%M} UTC"


def moments(scenario: Scenario, minutes: float) -> tuple[datetime.datetime, datetime.datetime]:
    """The first and the last moment of the plan, UTC, at which an outage of a length may begin."""
    first_s, last_s = _moments_s(scenario, minutes * 60.0)
    return _at_s(scenario, first_s), _at_s(scenario, last_s)


def _moments_s(scenario: Scenario, outage_s: float) -> tuple[float, float]:
    around_s = max(outage_s, LEAST_AROUND_S)
    return around_s + _lead_s(scenario), _horizon_s(scenario) - outage_s - around_s


def _horizon_s(scenario: Scenario) -> float:
    start, end = horizon(scenario)
    return float((end - start).days * DAY_S)


def _lead_s(scenario: Scenario) -> float:
    """Time that a cap of a day may need before what is counted."""
    return 0.0 if first_hour_of_days(scenario) is None else float(DAY_S)


def _at_s(scenario: Scenario, seconds: float) -> datetime.datetime:
    midnight = datetime.datetime.combine(scenario.start, datetime.time())
    return midnight + datetime.timedelta(seconds=seconds)


def _moment(scenario: Scenario, at: str | float, problems: list[Problem]) -> tuple[bool, float] | None:
    """(comes every week, seconds since the plan's start: the first time); None where it cannot be read."""
    text = str(at).strip().lower()
    first_hour = scenario.start.weekday() * 24
    if text == PEAK:
        hour = int(np.argmax(weekly_weights(scenario.traffic.weekly_shape)))  # the first of equals
        return True, float((hour - first_hour) % HOURS_PER_WEEK * HOUR_S)
    weekly = _WEEKLY.fullmatch(text)
    if weekly is not None and (clock := _clock(weekly[2], weekly[3])) is not None:
        days = [index for index, day in enumerate(DAYS) if weekly[1] in (day, day[:3])]
        if days:
            return True, float((days[0] * DAY_S + clock - first_hour * HOUR_S) % WEEK_S)
    dated = _DATED.fullmatch(text)
    if dated is not None and (clock := _clock(dated[2], dated[3])) is not None:
        try:
            day = datetime.date.fromisoformat(dated[1])
        except ValueError:
            pass
        else:
            return False, float((day - scenario.start).days * DAY_S + clock)
    hint = None
    if re.fullmatch(r"\d+(\.\d+)?", text):
        hint = "seconds are for a scenario that replays a recording (traffic.trace)"
    elif (first := re.match(r"[a-z]+", text)) is not None and first[0] not in [day[:3] for day in DAYS]:
        hint = closest(first[0], (PEAK, *DAYS), many=0)
    problems.append(Problem(field="--at", given=repr(at), allowed=_AT_PLAN, hint=hint))
    return None


def _clock(hours: str, minutes: str) -> int | None:
    """Seconds since midnight; None for no time of day."""
    return int(hours) * HOUR_S + int(minutes) * 60 if int(hours) < 24 and int(minutes) < 60 else None


# -- when, in a recording --------------------------------------------------------------------------


def _in_recording(
    scenario: Scenario, at: str | float, outage_s: float, problems: list[Problem]
) -> tuple[Stretch, str] | None:
    """As `_in_plan`; the recording needs as long before the outage, and holds what comes after it if anything does."""
    arrived_ns = np.sort(traces.recording(scenario).arrived_ns)
    last_ns = int(arrived_ns[-1])
    text = str(at).strip().lower()
    is_peak = text == PEAK
    offset_s = math.nan
    if not is_peak:
        try:
            offset_s = float(text)
        except ValueError:
            offset_s = math.nan
        if not (math.isfinite(offset_s) and offset_s >= 0):
            is_weekly = _WEEKLY.fullmatch(text) is not None or _DATED.fullmatch(text) is not None
            hint = "a recording has no calendar" if is_weekly else closest(text, (PEAK,), many=0)
            allowed = "peak, or seconds into the recording, such as 600"
            problems.append(Problem(field="--at", given=repr(at), allowed=allowed, hint=hint))
            offset_s = math.nan
    if math.isnan(outage_s):
        return None
    outage_ns = int(chance.to_ns(outage_s))
    if 2 * outage_ns > last_ns:
        allowed = f"at most {last_ns / 1.2e11:,.6g} minutes: the recording of {last_ns / 6e10:,.6g} minutes has to hold "
        allowed += "the outage and as long before it"
        problems.append(Problem(field="--minutes", given=f"{outage_s / 60:,.10g}", allowed=allowed))
        return None
    if is_peak:
        # A busiest stretch begins with an arrival or ends before the recording does.
        starts = np.unique(np.clip(arrived_ns, outage_ns, last_ns - outage_ns))
        held = np.searchsorted(arrived_ns, starts + outage_ns) - np.searchsorted(arrived_ns, starts)
        from_ns = int(starts[np.argmax(held)])
    elif math.isnan(offset_s):
        return None
    else:
        from_ns = int(chance.to_ns(min(offset_s, 1e9)))
        if not outage_ns <= from_ns <= last_ns - outage_ns:
            allowed = (
                f"{outage_ns / 1e9:g} to {(last_ns - outage_ns) / 1e9:g} s, so that the recording of {last_ns / 1e9:g} s "
                "holds the outage and as long before it"
            )
            problems.append(Problem(field="--at", given=repr(at), allowed=allowed))
            return None
    around_ns = max(outage_ns, int(chance.to_ns(LEAST_AROUND_S)))
    stretch = Stretch(
        start_s=0.0,
        era=0,
        leads_in=True,
        counted_ns=max(0, from_ns - around_ns),
        from_ns=from_ns,
        to_ns=from_ns + outage_ns,
        end_ns=last_ns + 1,  # the last arrival is one of its requests
        is_recording=True,
    )
    return stretch, f"{from_ns / 1e9:,.10g} s into the recording"


__all__ = ["PEAK", "Plan", "Stretch", "moments", "plan_drill", "providers_of", "verifier_of"]
