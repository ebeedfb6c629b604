"""What the rules across fields see (View) and what they say (Finding).

A rule is a plain function from a View to findings. A finding names the place in the tree, the words, and
what it rests on: where something it rests on is itself faulty, the finding is a consequence and is dropped.
"""

import calendar
import datetime
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path as FilePath

from planner.scenario.declare import shown
from planner.scenario.fields import Scenario
from planner.scenario.gateway import Gateway, PooledLimits
from planner.scenario.known import Facts, Service, facts, services
from planner.scenario.paths import Path, closest
from planner.scenario.policy import Policy
from planner.scenario.strategies import Strategy


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something wrong, or worth a notice, across fields.

    `because` are places it rests on, `complete` collections (tasks, deployments ...) that must be known
    whole for it to hold.
    """

    path: Path
    given: str | None = None
    allowed: str | None = None
    hint: str | None = None
    text: str | None = None
    because: tuple[Path, ...] = ()
    complete: tuple[Path, ...] = ()
    is_notice: bool = False


@dataclass(frozen=True, kw_only=True)
class View:
    """A scenario under check, perhaps with faulty parts left out.

    Parameters
    ----------
    line
        Line of a path of the tree, None where it has none.
    folder
        Where files named in the scenario lie; None for the working directory.
    """

    scenario: Scenario
    line: Callable[[Path], int | None]
    folder: FilePath | None = None

    @cached_property
    def strategies(self) -> tuple[str, ...]:
        """Strategies whose `like` can be followed to its end."""
        return tuple(name for name in self.scenario.strategies if self.circle(name) is None)

    def circle(self, name: str) -> tuple[str, ...] | None:
        """The strategies from `name` along `like` where they end nowhere or turn in a circle, else None."""
        met = [name]
        while (parent := self.scenario.strategies[met[-1]].like) is not None:
            if parent not in self.scenario.strategies or parent in met:
                return (*met, parent)
            met.append(parent)
        return None

    def deployments_of(self, strategy: str) -> tuple[str, ...]:
        """Deployments that a strategy can use and that exist."""
        return tuple(
            name for name in self.scenario.deployments_of(strategy) if name in self.scenario.deployments
        )

    @cached_property
    def used(self) -> tuple[str, ...]:
        """Deployments that some strategy can use, in the scenario's order."""
        named = {name for strategy in self.strategies for name in self.deployments_of(strategy)}
        return tuple(name for name in self.scenario.deployments if name in named)

    @cached_property
    def services(self) -> tuple[Service, ...]:
        """Every model in force over the horizon."""
        return services(self.scenario, self.horizon, self.used, self.strategies)

    @cached_property
    def services_of(self) -> dict[str, list[Service]]:
        """DEPLOYMENT: the models in force there, in order of time."""
        found: dict[str, list[Service]] = {}
        for service in self.services:
            if service.owner is not None:
                found.setdefault(service.owner, []).append(service)
        return found

    def strategy(self, name: str) -> Strategy:
        """A strategy with `like` followed; see `Scenario.strategy`."""
        if name not in self._resolved:
            self._resolved[name] = self.scenario.strategy(name)
        return self._resolved[name]

    @cached_property
    def _resolved(self) -> dict[str, Strategy]:
        return {}

    def facts(self, model: str) -> Facts | None:
        """What is known about a model; see `known.facts`."""
        if model not in self._facts:
            self._facts[model] = facts(self.scenario, model)
        return self._facts[model]

    @cached_property
    def _facts(self) -> dict[str, Facts | None]:
        return {}

    @cached_property
    def models(self) -> tuple[str, ...]:
        """Models that some strategy uses within the horizon, verifiers' included."""
        return tuple(dict.fromkeys(service.model for service in self.services))

    @cached_property
    def whole_months(self) -> tuple[datetime.date, datetime.date]:
        """First day of the plan and the day after the last of its `horizon_months`."""
        start = self.scenario.start
        months = start.year * 12 + start.month - 1 + self.scenario.finance.horizon_months
        year, month = min(months // 12, datetime.MAXYEAR), months % 12 + 1
        return start, datetime.date(year, month, min(start.day, calendar.monthrange(year, month)[1]))

    @cached_property
    def horizon(self) -> tuple[datetime.date, datetime.date]:
        """First day of the plan and the day after its last."""
        start, whole = self.whole_months
        given = self.scenario.finance.until
        return start, given if given is not None and start < given < whole else whole

    def span(self) -> str:
        """The horizon in words, first and last day."""
        start, end = self.horizon
        return f"{start} to {end - datetime.timedelta(days=1)}"

    def has_trace_column(self, column: str) -> bool | None:
        """Whether the trace records a column; None where only reading its file can tell."""
        trace = self.scenario.traffic.trace
        if trace is None:
            return False
        if trace.rows is not None:
            return any(column in row for row in trace.rows)
        return True if trace.columns is not None and column in trace.columns else None

    def where(self, path: Path) -> str:
        """ " (line 13)", or nothing where a place has no line."""
        line = self.line(path)
        return f" (line {line})" if line is not None else ""

    def given_at(self, field: str, strategy: str, deployment: str | None = None) -> Path | None:
        """Where the policy field in force was given: deployment over strategy over scenario; None: the default.

        One that a preset fills was given where the preset was.
        """
        places: list[tuple[Path, Policy]] = []
        if deployment is not None:
            places.append(
                (("deployments", deployment, "policy"), self.scenario.deployments[deployment].policy)
            )
        for name in self.scenario.lineage(strategy):
            places.append((("strategies", name, "policy"), self.scenario.strategies[name].policy))
        places.append((("policy",), self.scenario.policy))
        for path, policy in places:
            if field in policy.model_fields_set:
                return (*path, "preset" if field in policy.from_preset else field)
        if field == "select" and self.scenario.is_routed_by_platform(strategy):
            return self.gateway_at("routing", strategy)
        return None

    def gateway_at(self, field: str, strategy: str) -> Path | None:
        """Where the field of the gateway in force was given, strategy over scenario; None: the default.

        A gateway of another kind begins anew (`Gateway.over`).
        """
        names = self.scenario.lineage(strategy)
        places: list[tuple[Path, Gateway]] = [
            *((("strategies", name, "gateway"), self.scenario.strategies[name].gateway) for name in names),
            (("gateway",), self.scenario.gateway),
        ]
        kind = None
        for path, gateway in places:
            if "kind" in gateway.model_fields_set:
                if kind is not None and gateway.kind != kind:
                    return None
                kind = gateway.kind
            if field in gateway.model_fields_set:
                return (*path, field)
        return None

    def is_pooled(self, strategy: str, deployment: str) -> bool:
        """Whether a platform's limits stand in place of a deployment's own."""
        return isinstance(self.scenario.limited(strategy, deployment).limits, PooledLimits)

    def tier_at(self, strategy: str, field: str) -> Path:
        """Where a field of a strategy was given: its own, or that of the strategy it is like."""
        for name in self.scenario.lineage(strategy):
            if field in self.scenario.strategies[name].model_fields_set:
                return ("strategies", name, field)
        return ("strategies", strategy)


def unknown(path: Path, name: str, known: Iterable[str], section: str) -> Finding:
    """A name that should be one of a section's (tasks, deployments, strategies)."""
    return Finding(
        path=path,
        given=shown(name),
        allowed=f"a name under {section}",
        hint=closest(name, known),
        because=((section, name),),
    )


def listed(names: Iterable[str]) -> str:
    """a, b and c"""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
