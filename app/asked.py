"""What the page "Failover" is asked for, and its address.

The address is the state: `?v=1&scenario=support-chatbot&provider=openai&minutes=30&at=tue+14:00&mode=hang&beside=litellm`,
or `...&at=2027-03-01+14:00&mode=limited&share=0.3&retry-after=20`.
`v`, `scenario` and paths of fields are those of the page of comparisons (`app.state`); parameters that equal the
default are left out, and those that cannot be used are dropped with a notice. A configuration that was dropped on the
page stands in no address.
"""

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from app import state
from app.state import Address
from planner.catalogue.policies import presets
from planner.errors import ScenarioError
from planner.experiments.drill_manner import MODES, place_of
from planner.experiments.drill_stretch import DAYS, PEAK, moments
from planner.scenario import paths
from planner.scenario.checks_outages import READ_IN
from planner.scenario.complaints import allowed_text
from planner.scenario.fields import Scenario
from planner.workload.windows import horizon

MINUTES, LEAST_MINUTES, MOST_MINUTES = 30, 1, 240
REPLICATIONS, MOST_REPLICATIONS = 5, 50
NONE, NO_RETRIES = "none", "no-retries"
PRESETS = presets()
BESIDE = (NONE, *PRESETS, NO_RETRIES)
#: PARAMETER: field of `Asked`; what a later one allows may hang on an earlier one.
OWN = {
    "provider": "provider", "minutes": "minutes", "at": "at", "mode": "mode", "share": "share", "status": "status",
    "slowdown": "slowdown", "retry-after": "retry_after_s", "beside": "beside", "replications": "replications",
}  # fmt: skip
#: Figures of an outage that one mode alone reads; None: as the deployment's own law of outages has it.
OF_MODE = ("status", "slowdown", "retry_after_s")
LEAST_SHARE = 0.001
_DATED = re.compile(r"(\d{4}-\d{2}-\d{2})[ +t](\d{1,2})(?::00)?", re.ASCII)
_WEEKLY = re.compile(r"([a-z]+)[ +](\d{1,2})(?::00)?")
_RETRIES: Mapping[str, Any] = {"retries": 0, "retries_after": {}, "layers": []}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A drill to be shown. `provider` None stands for the first that can be out."""

    scenario: str
    values: Mapping[str, Any] = field(default_factory=dict)
    provider: str | None = None
    minutes: int = MINUTES
    at: str = PEAK
    mode: str = MODES[0]
    share: float = 1.0
    status: int | None = None
    slowdown: float | None = None
    retry_after_s: float | None = None
    beside: str = NONE
    replications: int = REPLICATIONS

    def params(self) -> dict[str, str]:
        """What stands in the address bar."""
        found = Address(self.scenario, self.values).params()
        if self.provider is not None:
            found["provider"] = self.provider
        for name, default in _DEFAULTS.items():
            if (value := getattr(self, OWN[name])) != default:
                found[name] = f"{value:.10g}" if isinstance(value, float) else str(value)
        return found

    def figures(self) -> dict[str, Any]:
        """How the provider is out, as `planner.drill` takes it."""
        found = {name: getattr(self, name) for name in OF_MODE if self.mode in READ_IN[name]}
        return {"mode": self.mode, "share": self.share, **found}


_DEFAULTS = {
    "minutes": MINUTES, "at": PEAK, "mode": MODES[0], "share": 1.0, "status": None, "slowdown": None, "retry-after": None,
    "beside": NONE, "replications": REPLICATIONS,
}  # fmt: skip


def read(params: Mapping[str, str], files: Mapping[str, Path]) -> tuple[Asked, tuple[str, ...]]:
    """What parameters ask for, and a notice for each that cannot be used."""
    others = {name: text for name, text in params.items() if name not in OWN}
    address, notices = state.read(others, files)
    if params.get("v", state.VERSION) != state.VERSION:
        return Asked(scenario=address.scenario), notices
    asked = Asked(scenario=address.scenario, values=address.values)
    complaints = []
    try:
        scenario = state.applied(state.scenario_of(files[address.scenario]), address.values)
    except ScenarioError:
        return asked, notices
    for name in OWN:
        if name not in params:
            continue
        try:
            asked = replace(asked, **{OWN[name]: _value(scenario, asked, name, params[name].strip())})
        except ValueError as error:
            complaints.append(f"{name} was ignored: {error}")
    return asked, (*notices, *complaints)


def _value(scenario: Scenario, asked: Asked, name: str, text: str) -> Any:
    """A value as it is kept, beside what was asked before it. Raises ValueError with what is allowed."""
    if name == "at":
        return _at(scenario, asked.minutes, text)
    if name == "share" or OWN[name] in OF_MODE:
        return _figure(asked.mode, OWN[name], text)
    if name in ("minutes", "replications"):
        low, high = (LEAST_MINUTES, MOST_MINUTES) if name == "minutes" else (1, MOST_REPLICATIONS)
        if not re.fullmatch(r"\d{1,6}", text, re.ASCII) or not low <= int(text) <= high:
            raise ValueError(f"got {text!r}; allowed: a whole number, {low} to {high}")
        return int(text)
    allowed = {"mode": tuple(MODES), "beside": BESIDE, "provider": providers(scenario)}[name]
    if text not in allowed:
        hint = paths.closest(text, allowed, many=0)  # all listed before it
        raise ValueError(f"got {text!r}; allowed: {', '.join(allowed)}" + (f"; {hint}" if hint else ""))
    return text


def _figure(mode: str, field: str, text: str) -> float | int:
    """A figure of an outage within the bounds of the language, where the mode reads it."""
    place = replace(place_of(field), nullable=False)
    least = LEAST_SHARE if field == "share" else place.low
    found = None
    if re.fullmatch(r"\d{1,9}" if field == "status" else r"\d{1,9}(\.\d{1,9})?", text, re.ASCII):
        found = int(text) if field == "status" else float(text)
    assert least is not None, "figures of an outage have bounds"
    assert place.high is not None, "figures of an outage have bounds"
    if found is None or not least <= found <= place.high:
        allowed = f"{LEAST_SHARE:g} to 1 (share of the calls)" if field == "share" else allowed_text(place)
        raise ValueError(f"got {text!r}; allowed: {allowed}")
    if mode not in READ_IN.get(field, MODES):
        raise ValueError(f"got {text!r} with mode {mode}; allowed: with mode {' or '.join(READ_IN[field])}")
    return found


def _at(scenario: Scenario, minutes: int, text: str) -> str:
    lower = text.lower()
    if lower == PEAK:
        return PEAK
    if scenario.traffic.trace is not None:
        if not re.fullmatch(r"\d{1,9}", lower, re.ASCII):
            raise ValueError(f"got {text!r}; allowed: peak, or whole seconds into the recording")
        return lower
    dated = _DATED.fullmatch(lower)
    if dated is not None:
        first, last = moments(scenario, minutes)
        try:
            begins = datetime.datetime.combine(
                datetime.date.fromisoformat(dated[1]), datetime.time(int(dated[2]))
            )
        except ValueError:
            begins = None
        if begins is None or not first <= begins <= last:
            allowed = f"a day and full hour (UTC) from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}, so that the plan"
            raise ValueError(f"got {text!r}; allowed: {allowed} holds what is before and after")
        return on_day(begins.date(), begins.hour)
    found = _WEEKLY.fullmatch(lower)
    days = [day for day in DAYS if found is not None and found[1] in (day, day[:3])]
    if found is None or not days or int(found[2]) > 23:
        allowed = "peak, a weekday and full hour such as 'tue 14:00', or a date and full hour such as '2027-03-01 14:00'"
        raise ValueError(f"got {text!r}; allowed: {allowed}")
    return weekly(days[0], int(found[2]))


def on_day(day: datetime.date, hour: int) -> str:
    """A date and hour as the drill reads them.

    >>> on_day(datetime.date(2027, 3, 1), 9)
    '2027-03-01 09:00'
    """
    return f"{day:%Y-%m-%d} {hour:02d}:00"


def is_dated(at: str) -> bool:
    """Whether `at` names a date."""
    return _DATED.fullmatch(at) is not None


def date_and_hour(scenario: Scenario, at: str) -> tuple[datetime.date, int]:
    """The date and hour of `at` within the plan; its second day at 09:00 where it names none."""
    first, last = days(scenario)
    found = _DATED.fullmatch(at)
    if found is None:
        return min(first + datetime.timedelta(days=1), last), 9
    return min(max(datetime.date.fromisoformat(found[1]), first), last), int(found[2])


def days(scenario: Scenario) -> tuple[datetime.date, datetime.date]:
    """First and last day of the plan."""
    start, end = horizon(scenario)
    return start, end - datetime.timedelta(days=1)


def weekly(day: str, hour: int) -> str:
    """A weekday and hour as the drill reads them.

    >>> weekly("tuesday", 9)
    'tue 09:00'
    """
    return f"{day[:3]} {hour:02d}:00"


def day_and_hour(at: str) -> tuple[str, int]:
    """The weekday and hour of `at`; Monday 09:00 where it names none.

    >>> day_and_hour("tue 14:00"), day_and_hour("peak")
    (('tuesday', 14), ('monday', 9))
    """
    found = _WEEKLY.fullmatch(at)
    if found is None:
        return DAYS[0], 9
    return next(day for day in DAYS if day[:3] == found[1]), int(found[2])


def providers(scenario: Scenario) -> tuple[str, ...]:
    """Providers that strategies use, in the order in which they are met."""
    used = (name for strategy in scenario.strategies for name in scenario.deployments_of(strategy))
    found = (scenario.deployments[name].provider for name in used)
    return tuple(dict.fromkeys(one for one in found if one))


def beside(scenario: Scenario, policy: str) -> Scenario:
    """The scenario under another policy. Raises ScenarioError where that does not fit.

    A preset takes the place of the whole policy; policies of single strategies and deployments stay above it.
    `no-retries` takes retries and layers of retries away wherever they are given, and keeps all else.
    """
    if policy in PRESETS:
        return scenario.set({"policy": {"preset": policy}})
    assert policy == NO_RETRIES, f"no policy is called {policy}"
    changes = {f"policy.{name}": value for name, value in _RETRIES.items()}
    for kind, owners in (("strategies", scenario.strategies), ("deployments", scenario.deployments)):
        for owner, one in owners.items():
            given = one.policy.model_fields_set
            changes |= {
                paths.render((kind, owner, "policy", name)): value
                for name, value in _RETRIES.items()
                if name in given
            }
    return scenario.set(changes)


def beside_words(scenario: Scenario, policy: str) -> str:
    """What was changed for the other policy."""
    above = [
        name
        for owners in (scenario.strategies, scenario.deployments)
        for name, one in owners.items()
        if one.policy.model_fields_set
    ]
    if policy == NO_RETRIES:
        return (
            "The same scenario without any retry: policy.retries 0 and no layers, wherever they were given."
        )
    given = sorted(scenario.policy.model_fields_set - scenario.policy.from_preset)
    words = f"The same scenario with policy: {{preset: {policy}}} in place of its own policy"
    words += f" ({', '.join(given)})." if given else "."
    return words + (f" Policies of {', '.join(above)} stay above it." if above else "")
