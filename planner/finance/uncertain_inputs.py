"""The uncertain inputs of a scenario: those it names, or default ranges for what it has.

Comes in: a scenario; goes out: inputs with what is believed of each, and correlations. Default ranges are factors on
what the scenario says: on its volume and growth, and on rows of the bill, each with source.
"""

from collections.abc import Iterator
from typing import Any

from planner.catalogue.ranges import factor_ranges, gpu_hour_range
from planner.catalogue.reading import Range
from planner.finance.distributions import Correlation, Input, Inverse, Myerson, Pert, Rows
from planner.finance.float_bill import Line
from planner.finance.token_prices import has_own_prices, home_provider
from planner.scenario import declared, paths
from planner.scenario.declared import Kind
from planner.scenario.fields import CascadeRouter, Scenario
from planner.scenario.input_kinds import kind_of, value_at

PROMPT = frozenset({"input", "cached_input", "cache_write", "image", "audio_input"})
ANSWER = frozenset({"output", "reasoning", "audio_output", "ms"})  # a device is busy as long as it speaks
TOKENS = frozenset({"api", "wasted", "verifier"})


def inputs_of(scenario: Scenario) -> tuple[Input, ...]:
    """Inputs under `uncertain`; where there are none, the default ranges."""
    if scenario.uncertain:
        return tuple(_given(scenario, path) for path in scenario.uncertain)
    return tuple(_defaults(scenario))


def correlations_of(scenario: Scenario, inputs: tuple[Input, ...]) -> tuple[Correlation, ...]:
    """Rank correlations under `correlated`."""
    place = {one.name: index for index, one in enumerate(inputs)}
    return tuple(
        Correlation(place[one.between[0]], place[one.between[1]], one.rank) for one in scenario.correlated
    )


def moves(one: Input, line: Line) -> bool:
    """Whether an input of kind factor moves a line of the bill."""
    rows = one.rows
    assert rows is not None, f"{one.name} moves no rows"
    return (
        (rows.groups is None or bool({line.spent_on, line.spent_on.partition("/")[0]} & rows.groups))
        and (rows.meters is None or line.meter in rows.meters)
        and (rows.deployments is None or line.deployment in rows.deployments)
    )


def _given(scenario: Scenario, path: str) -> Input:
    kind = kind_of(scenario, path)
    assert kind != "fixed", f"{path} cannot be uncertain: checked when the scenario was read"
    steps = paths.concrete(scenario.to_dict(), path)
    place = declared.at(steps)
    given = scenario.uncertain[path]
    (_, low), (_, middle), (_, high) = given.figures
    belief = Myerson(low, middle, high) if given.is_quantiles else Pert(low, middle, high)
    return Input(
        name=path,
        label=place.description if place is not None else "",
        kind=kind,
        belief=belief,
        value=float(value_at(scenario, path)),
        unit=place.unit if place is not None else "",
        **_bounds(place),
    )


def _bounds(place: declared.Place | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if place is None:
        return found
    if place.low is not None:
        found |= {"low": float(place.low), "low_open": place.low_open}
    if place.high is not None:
        found |= {"high": float(place.high), "high_open": place.high_open}
    return found | {"is_whole": place.kind is Kind.WHOLE}


def _defaults(scenario: Scenario) -> Iterator[Input]:
    yield from _volume(scenario)
    if any(True for _ in _api_providers(scenario)):
        yield _factor("input_tokens", "input tokens per request", "prompts: their tokens and what they cost", Rows(meters=PROMPT))  # fmt: skip
        yield _factor("output_tokens", "output tokens per request", "answers: their tokens and what they cost", Rows(meters=ANSWER))  # fmt: skip
    for provider, deployments in _api_providers(scenario):
        name = f"price of tokens at {provider}"
        yield _factor("api_price", name, "list prices over the horizon", Rows(groups=TOKENS, deployments=frozenset(deployments)))  # fmt: skip
    used = [name for strategy in scenario.strategies for name in scenario.deployments_of(strategy)]
    for name in dict.fromkeys(used):
        server = scenario.deployments[name].server
        if server is not None:
            found = gpu_hour_range(server.gpu)
            yield _of_range(f"price of a GPU hour of {name}", "what other providers ask", found, Rows(groups=frozenset({"compute/gpu-hours"}), deployments=frozenset({name})))  # fmt: skip
    finance = scenario.finance
    if any(scenario.deployments[name].device is not None for name in used) and finance.electricity_usd_per_kwh:  # fmt: skip
        yield _factor("electricity", "price of electricity", "energy of own devices", Rows(groups=frozenset({"energy"})))  # fmt: skip
    if finance.people:
        yield _factor("people", "cost of people", "pay of those who run it", Rows(groups=frozenset({"people", "integration"})))  # fmt: skip
    if finance.transfer_usd_per_gb:
        yield _factor("transfer", "price of data sent", "transfer out of the cloud", Rows(groups=frozenset({"transfer"})))  # fmt: skip
    yield from _quality(scenario)
    if finance.downtime_usd_per_hour:
        yield _factor("downtime_cost", "cost of an hour without answers", "economic", Rows(groups=frozenset({"downtime"})))  # fmt: skip


def _volume(scenario: Scenario) -> Iterator[Input]:
    for name, path in (
        ("volume", "traffic.requests_per_month"),
        ("volume", "traffic.users.active_per_day"),
        ("growth", "traffic.growth_per_month"),
        ("growth", "traffic.growth_per_year"),
    ):
        try:
            value = value_at(scenario, path)
        except paths.PathProblem:
            continue
        if value:
            found = factor_ranges()[name]
            low, high = sorted((found.low * value, found.high * value))
            place = declared.at(paths.parse(path))
            yield Input(
                name=path,
                label=place.description if place is not None else name,
                kind="volume",
                belief=Myerson(low, found.central * value, high),
                value=float(value),
                unit=place.unit if place is not None else "",
                source=f"{found.source}, {found.as_of}",
                confidence=found.confidence,
                **_bounds(place),
            )


def _api_providers(scenario: Scenario) -> Iterator[tuple[str, tuple[str | None, ...]]]:
    """Who is paid by the token, and by which deployments; a cascade's checks belong to no deployment."""
    found: dict[str, dict[str | None, None]] = {}
    for strategy in scenario.strategies:
        for name in scenario.deployments_of(strategy):
            one = scenario.deployments[name]
            if one.is_paid_by_token or (one.is_own_hardware and has_own_prices(scenario, one.model)):
                found.setdefault(one.provider or home_provider(one.model) or one.model, {})[name] = None
        router = scenario.strategy(strategy).router
        if isinstance(router, CascadeRouter):
            judge = router.verifier
            found.setdefault(judge.provider or home_provider(judge.model) or judge.model, {})[None] = None
    for provider, deployments in found.items():
        yield provider, tuple(deployments)


def _quality(scenario: Scenario) -> Iterator[Input]:
    if not any(task.cost_of_wrong_answer_usd for task in scenario.tasks.values()):
        return
    wrong = frozenset({"wrong answers"})
    yield _factor("wrong_answer_cost", "cost of a wrong answer", "of every task", Rows(groups=wrong))
    tiers: dict[str, set[str | None]] = {"omni": set(), "mini": set(), "others": set()}
    for strategy in scenario.strategies:
        one = scenario.strategy(strategy)
        for tier in ("omni", "mini"):
            tiers[tier] |= {name for level in getattr(one, tier) or () for name in level}
        tiers["others"] |= set(scenario.deployments_of(strategy))
    both = tiers["omni"] & tiers["mini"]
    tiers["others"] -= (tiers["omni"] | tiers["mini"]) - both
    for tier, names in tiers.items():
        mine = names - both if tier != "others" else names
        if mine:
            yield _factor("wrong_answer_share", f"share of wrong answers of {tier}", "as an evaluation may have it wrong", Rows(groups=wrong, deployments=frozenset(mine)))  # fmt: skip


def _factor(key: str, name: str, label: str, rows: Rows) -> Input:
    return _of_range(name, label, factor_ranges()[key], rows)


def _of_range(name: str, label: str, found: Range, rows: Rows) -> Input:
    """An input of kind factor, with its central figure as median; a range to one side only is mirrored."""
    low = found.low if found.low < found.central else found.central**2 / found.high
    high = found.high if found.high > found.central else found.central**2 / found.low
    is_wider_below = found.central - low > high - found.central
    return Input(
        name=name,
        label=label,
        kind="factor",
        belief=(Inverse if is_wider_below else Myerson)(low, found.central, high),
        value=1.0,
        unit="factor",
        source=f"{found.source}, {found.as_of}",
        confidence=found.confidence,
        low=0.0,
        rows=rows,
    )
