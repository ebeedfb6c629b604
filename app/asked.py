"""What the page "Failover" is asked for, and its address.

The address is the state: `?v=1&scenario=support-chatbot&provider=openai&minutes=30&at=tue+14:00&mode=hang&beside=litellm`.
`v`, `scenario` and paths of fields are those of the page of comparisons (`app.state`); parameters that equal the
default are left out, and those that cannot be used are dropped with a notice. A configuration that was dropped on the
page stands in no address.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from app import state
from app.state import Address
from planner.catalogue.policies import presets
from planner.errors import ScenarioError
from planner.experiments.drill_stretch import DAYS, MODES, PEAK
from planner.scenario import paths
from planner.scenario.fields import Scenario

MINUTES, LEAST_MINUTES, MOST_MINUTES = 30, 1, 240
REPLICATIONS, MOST_REPLICATIONS = 5, 50
NONE, NO_RETRIES = "none", "no-retries"
PRESETS = presets()
BESIDE = (NONE, *PRESETS, NO_RETRIES)
OWN = ("provider", "minutes", "at", "mode", "beside", "replications")
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
    beside: str = NONE
    replications: int = REPLICATIONS

    def params(self) -> dict[str, str]:
        """What stands in the address bar."""
        found = Address(self.scenario, self.values).params()
        if self.provider is not None:
            found["provider"] = self.provider
        for name, default in _DEFAULTS.items():
            if (value := getattr(self, name)) != default:
                found[name] = str(value)
        return found


_DEFAULTS = {
    "minutes": MINUTES, "at": PEAK, "mode": MODES[0], "beside": NONE, "replications": REPLICATIONS,
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
            asked = replace(asked, **{name: _value(scenario, name, params[name].strip())})
        except ValueError as error:
            complaints.append(f"{name} was ignored: {error}")
    return asked, (*notices, *complaints)


def _value(scenario: Scenario, name: str, text: str) -> Any:
    """A value as it is kept. Raises ValueError with what is allowed."""
    if name == "at":
        return _at(scenario, text)
    if name in ("minutes", "replications"):
        low, high = (LEAST_MINUTES, MOST_MINUTES) if name == "minutes" else (1, MOST_REPLICATIONS)
        if not re.fullmatch(r"\d{1,6}", text, re.ASCII) or not low <= int(text) <= high:
            raise ValueError(f"got {text!r}; allowed: a whole number, {low} to {high}")
        return int(text)
    allowed = {"mode": tuple(MODES), "beside": BESIDE, "provider": providers(scenario)}[name]
    if text not in allowed:
        hint = paths.closest(text, allowed)
        raise ValueError(f"got {text!r}; allowed: {', '.join(allowed)}" + (f"; {hint}" if hint else ""))
    return text


def _at(scenario: Scenario, text: str) -> str:
    lower = text.lower()
    if lower == PEAK:
        return PEAK
    if scenario.traffic.trace is not None:
        if not re.fullmatch(r"\d{1,9}", lower, re.ASCII):
            raise ValueError(f"got {text!r}; allowed: peak, or whole seconds into the recording")
        return lower
    found = _WEEKLY.fullmatch(lower)
    days = [day for day in DAYS if found is not None and found[1] in (day, day[:3])]
    if found is None or not days or int(found[2]) > 23:
        raise ValueError(f"got {text!r}; allowed: peak, or a weekday and hour such as 'tue 14:00'")
    return weekly(days[0], int(found[2]))


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
