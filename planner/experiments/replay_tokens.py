"""How the tokens of a log become those of other models: who counted them, and factors with ranges for everybody else.

Comes in: a scenario, a log and perhaps the name of the model that counted; goes out: rows of factors, low to high, each with
its source, and the changes of the scenario that apply one end of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from planner.catalogue.tokenizers import transfer
from planner.errors import Problem, ScenarioError
from planner.scenario import paths
from planner.scenario.fields import Scenario
from planner.scenario.known import facts, record
from planner.scenario.migrations import model_in_force
from planner.scenario.paths import closest
from planner.scenario.strategies import CascadeRouter
from planner.workload.logs import Log

LEVELS = ("low", "central", "high")
UNKNOWN = "unknown"
FIELDS = {"input": "input_token_factor", "output": "output_token_factor"}


@dataclass(frozen=True, kw_only=True)
class Factor:
    """Tokens of a model for each token that the log counted, and why."""

    model: str
    meter: str  # input or output
    low: float
    central: float
    high: float
    confidence: str
    source: str

    def at(self, level: str) -> float:
        """The factor at an end of its range."""
        return float(getattr(self, level))


def counted_by(scenario: Scenario, log: Log, said: str | None) -> tuple[str | None, str]:
    """The model whose tokens the log counted, None if nobody knows, and why it is taken for that.

    Raises ScenarioError for a name that neither the scenario nor the catalogue knows.
    """
    if said is not None and said.lower() == UNKNOWN:
        return None, "it was said not to be known"
    if said is not None:
        found = _known(scenario, said)
        if found is None:
            from planner.scenario.known import catalogue_names

            names = [*scenario.models, *catalogue_names()]
            problem = Problem(
                field="counted by",
                given=repr(said),
                allowed=f"a model, or {UNKNOWN}",
                hint=closest(said, names),
            )
            raise ScenarioError([problem], "the log")
        return found, "given"
    if log.model is None or not log.model_names:
        return None, "the log has no column of models"
    counts = np.bincount(log.model[log.model >= 0], minlength=len(log.model_names))
    if not counts.any():
        return None, "the log's column of models is empty"
    most = int(counts.argmax())
    name, share = log.model_names[most], counts[most] / log.n
    found = _known(scenario, name)
    if found is None:
        return None, f"its model {name} is not known here"
    others = (
        "" if share == 1 else f", for {share:.0%} of the requests; the others are taken as counted by it, too"
    )
    return found, f"the log's column of models names {name}{others}"


def _known(scenario: Scenario, name: str) -> str | None:
    """A model of the scenario or the catalogue; platforms write theirs with a path in front."""
    for one in dict.fromkeys((name, name.rpartition("/")[2])):
        if one in scenario.models:
            return one
        found = record(one)
        if found is not None:
            return found.alias_of or found.name
    return None


def models_of(scenario: Scenario) -> tuple[str, ...]:
    """The models in force on the first day of the plan: of deployments that a strategy uses, and of verifiers."""
    found: dict[str, None] = {}
    for name in scenario.strategies:
        for deployment in scenario.deployments_of(name):
            found[model_in_force(scenario, scenario.deployments[deployment].model, scenario.start)] = None
        router = scenario.strategy(name).router
        if isinstance(router, CascadeRouter):
            found[model_in_force(scenario, router.verifier.model, scenario.start)] = None
    return tuple(found)


def factors(scenario: Scenario, counter: str | None) -> tuple[Factor, ...]:
    """Two rows for each model: of its input and of its output.

    A factor of the scenario's own (`models.X.input_token_factor`) or of the catalogue is relative to the tokens that the
    scenario counts in; both are divided by that of the model that counted the log. One that the scenario gives has no range.
    """
    rows = []
    for model in models_of(scenario):
        ranges = transfer(counter, _canonical(scenario, model))
        is_counter = counter is not None and _canonical(scenario, model) == _canonical(scenario, counter)
        for meter, field in FIELDS.items():
            one = getattr(ranges, meter)
            ratio = _factor(scenario, model, meter) / (
                1.0 if counter is None else _factor(scenario, counter, meter)
            )
            own = scenario.models.get(model)
            if is_counter:
                rows.append(_row(model, meter, 1.0, 1.0, 1.0, "high", "this model counted the log"))
            elif own is not None and getattr(own, field) is not None:
                source = "scenario: " + paths.render(("models", model, field))
                rows.append(_row(model, meter, ratio, ratio, ratio, "given", source))
            else:
                low, central, high = (ratio * end for end in (one.low, one.central, one.high))
                rows.append(_row(model, meter, low, central, high, one.confidence, one.source))
    return tuple(rows)


def _row(
    model: str, meter: str, low: float, central: float, high: float, confidence: str, source: str
) -> Factor:
    return Factor(
        model=model, meter=meter, low=low, central=central, high=high, confidence=confidence, source=source
    )


def changes(rows: Sequence[Factor], level: str) -> dict[str, Any]:
    """The fields of a scenario that hold the factors at one end of their ranges."""
    return {paths.render(("models", row.model, FIELDS[row.meter])): row.at(level) for row in rows}


def _canonical(scenario: Scenario, model: str) -> str:
    found = None if model in scenario.models and record(model) is None else record(model)
    return model if found is None else found.alias_of or found.name


def _factor(scenario: Scenario, model: str, meter: str) -> float:
    """Tokens of a model for each that the scenario counts."""
    if meter == "input":
        known = facts(scenario, model)
        return 1.0 if known is None else known.input_token_factor
    own, found = scenario.models.get(model), record(model)
    given = None if own is None else own.output_token_factor
    return given or (1.0 if found is None else found.output_token_factor)


__all__ = ["LEVELS", "UNKNOWN", "Factor", "changes", "counted_by", "factors", "models_of"]
