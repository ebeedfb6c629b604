"""What changing a number of a scenario does: to money alone, to the volume, or to what is simulated.

Comes in: a scenario and a path; goes out: the kind of that input, and the number that stands there, defaults
included. The language itself asks here whether an input may be uncertain, so nothing of money is imported.
"""

from collections.abc import Mapping
from typing import Any, Literal

from planner.scenario.declare import Fields, FrozenMap, shown
from planner.scenario.fields import Scenario
from planner.scenario.laws import Law
from planner.scenario.paths import Path, PathProblem, as_path, closest, position, render

Kind = Literal["money", "volume", "simulated", "fixed"]

#: Chosen, not uncertain: what is asked, how it is run, what is aimed at, what costs are only compared with.
_FIXED_SECTIONS = frozenset({"schema", "name", "question", "start", "currency", "objective", "slo", "uncertain", "correlated", "run"})  # fmt: skip
_FIXED_FINANCE = frozenset({"horizon_months", "fiscal_year_starts", "depreciation_years", "baseline", "budget_usd_per_month"})  # fmt: skip
#: Below a deployment, a strategy or the gateway: numbers that only the bill reads, besides all amounts of money.
_BILL_ONLY = frozenset(
    {
        "fee", "watts", "idle_watts", "hours_on_per_day", "life_years", "fleet", "losses_per_year", "spares_share",
        "updates_per_year", "update_gb", "residual_share", "power_share", "pue", "replicas", "gpus_per_replica",
        "price_factor", "price_level_factor",
    }
)  # fmt: skip
_BY_PRICE = frozenset({"cheapest", "inverse-price"})


def kind_of(scenario: Scenario, path: str | Path) -> Kind:
    """What changing the number at a path changes.

    Returns
    -------
    money
        Every simulated outcome stays as it is, to the bit: only the bill changes.
    volume
        How many requests come. Use per request is taken to stay as simulated; what more load does to waits,
        limits and failures is told, not computed.
    simulated
        Calls, tokens, answers or failures change: they have to be simulated again.
    fixed
        Nothing that could be uncertain: a day, a seed, a target, a word, the structure.

    Raises
    ------
    PathProblem
        The path names nothing of this scenario.
    """
    steps = as_path(path)
    value = value_at(scenario, steps)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "fixed"
    first, last = str(steps[0]), str(steps[-1])
    if first in _FIXED_SECTIONS or (first == "tasks" and steps[2:3] in (("slo",), ("value_usd",))):
        return "fixed"
    if first == "finance":
        if steps[1] in _FIXED_FINANCE:
            return "fixed"
        return "simulated" if str(steps[1]).startswith("price_") and chooses_by_price(scenario) else "money"
    if first == "traffic":
        return "volume" if str(steps[1]).startswith(("requests_per", "users", "growth", "season", "saturation")) else "simulated"  # fmt: skip
    if first == "models" and last.endswith("_usd_per_mtok"):
        return "simulated" if chooses_by_price(scenario) else "money"
    if last == "price_level_factor" and chooses_by_price(scenario):
        return "simulated"
    if "accuracy" in steps[-2:-1] or "ability" in steps[-2:-1]:  # what follows is a name of the user's
        return "simulated"
    is_of_the_bill = "usd" in last.split("_") or last in _BILL_ONLY or steps[2:3] in (("review",), ("sla",))
    return "money" if is_of_the_bill else "simulated"


def chooses_by_price(scenario: Scenario) -> bool:
    """Whether some strategy sends a request where it is cheapest, or more often: prices then move traffic."""
    return any(
        scenario.policy_for(strategy, deployment).select in _BY_PRICE
        for strategy in scenario.strategies
        for deployment in scenario.deployments_of(strategy)
    )


def value_at(scenario: Scenario, path: str | Path) -> Any:
    """The value in force at a path, the default where nothing is given; sections as they are.

    Raises
    ------
    PathProblem
        The path names nothing of this scenario.
    """
    steps = as_path(path)
    here: Any = scenario
    for depth, step in enumerate(steps):
        names = _inside(here)
        if step not in names:
            is_open = bool(names) or isinstance(here, Fields | Mapping | tuple | list)
            reason = f"no {shown(step)} here" if is_open else f"{shown(_plain(here))} has no fields"
            raise PathProblem(render(steps), position(steps, depth), reason, closest(step, map(str, names)))
        here = names[step]
    return here.form if isinstance(here, Law) else here


def replaced(scenario: Scenario, path: str | Path, number: float) -> Scenario:
    """The scenario with the number at a path replaced and nothing checked again: for numbers known to be sound.

    Where the number is part of a law, use `Scenario.set`.
    """
    return _replaced(scenario, as_path(path), number)


def _replaced(here: Any, steps: Path, number: float) -> Any:
    if not steps:
        return number
    first, rest = steps[0], steps[1:]
    if isinstance(here, Fields):
        name = _attribute(type(here), str(first))
        return here.model_copy(update={name: _replaced(getattr(here, name), rest, number)})
    if isinstance(here, Mapping):
        return FrozenMap({**here, str(first): _replaced(here[str(first)], rest, number)})
    assert isinstance(here, tuple), f"{shown(_plain(here))} has no parts"
    place = (
        first if isinstance(first, int) else [getattr(item, "name", None) for item in here].index(str(first))
    )
    return (*here[:place], _replaced(here[place], rest, number), *here[place + 1 :])


def _inside(here: Any) -> dict[str | int, Any]:
    """What stands below a value, by the steps that lead there."""
    if isinstance(here, Fields):
        return {info.alias or name: getattr(here, name) for name, info in type(here).model_fields.items()}
    if isinstance(here, Law):
        return _inside(here.form)
    if isinstance(here, Mapping):
        return dict(here)
    if isinstance(here, tuple | list):
        names = [getattr(item, "name", None) for item in here]
        named = {name: item for name, item in zip(names, here, strict=True) if name is not None and names.count(name) == 1}  # fmt: skip
        return {**named, **dict(enumerate(here))}
    return {}


def _attribute(section: type[Fields], step: str) -> str:
    return next(name for name, info in section.model_fields.items() if (info.alias or name) == step)


def _plain(here: Any) -> Any:
    return here.form if isinstance(here, Law) else here
