"""What is known about the models of a scenario: its own figures over the catalogue's, and the models in force.

The catalogue is read only when a rule first asks, so that a scenario can be declared without it.
"""

import datetime
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from planner import limiting
from planner.errors import CatalogueError, PriceUnknown
from planner.scenario.fields import Scenario
from planner.scenario.outages import harms_of
from planner.scenario.paths import Path, nearest
from planner.scenario.price_drift import drift_factor
from planner.scenario.provisioned import provisioned_rates
from planner.scenario.strategies import CascadeRouter
from planner.scenario.supply import Deployment, OwnModel

if TYPE_CHECKING:
    from planner.catalogue.models import Model, Retirement

ONE_DAY = datetime.timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Facts:
    """A model as the rules see it. An own model without modalities takes text, without a window it has no limit."""

    name: str
    modalities: frozenset[str]
    context_tokens: int | None
    max_output_tokens: int | None
    input_token_factor: float
    params_billions: float | None
    bytes_per_weight: float
    is_in_catalogue: bool


@dataclass(frozen=True, kw_only=True)
class Service:
    """A model in force at a provider over [start, end): of a deployment, or of a cascade's verifier.

    `place` is where the model is named, `migration` the place of the migration that brings it (None: from the
    start), `owner` the deployment, or None for a verifier.
    """

    place: Path
    owner: str | None
    model: str
    provider: str | None
    is_own_hardware: bool
    start: datetime.date
    end: datetime.date  # equal to `start` where another migration follows on the same day
    migration: int | None

    @property
    def serves(self) -> bool:
        """Whether there is a day on which this model answers."""
        return self.start < self.end


def catalogue_names() -> tuple[str, ...]:
    """Every model name that the catalogue accepts."""
    from planner.catalogue import models

    return models.names()


@cache
def record(name: str) -> "Model | None":
    """The catalogue's record of a model, None where it has none."""
    from planner.catalogue import models

    try:
        return models.model(name)
    except models.UnknownModel:
        return None


def is_known(scenario: Scenario, model: str) -> bool:
    """Whether a model is one of the scenario's own or of the catalogue."""
    return model in scenario.models or record(model) is not None


def did_you_mean(scenario: Scenario, model: str) -> str | None:
    """The model that a mistyped name most likely means."""
    near = nearest(model, [*scenario.models, *catalogue_names()])
    return f"did you mean {near}?" if near is not None else None


def facts(scenario: Scenario, model: str) -> Facts | None:
    """What is known about a model, None where neither the scenario nor the catalogue knows it."""
    own, found = scenario.models.get(model), record(model)
    if own is None and found is None:
        return None
    given = own or OwnModel()
    modalities = frozenset(given.modalities or (found.modalities if found is not None else ("text",)))
    return Facts(
        name=model,
        modalities=modalities,
        context_tokens=given.context_tokens or (found.context_tokens if found is not None else None),
        max_output_tokens=given.max_output_tokens or (found.max_output_tokens if found is not None else None),
        input_token_factor=given.input_token_factor
        or (found.input_token_factor if found is not None else 1.0),
        params_billions=given.params_billions or (found.params_billions if found is not None else None),
        bytes_per_weight=_bytes_per_weight(given, found),
        is_in_catalogue=found is not None,
    )


def _bytes_per_weight(own: OwnModel, found: "Model | None") -> float:
    given = "bytes_per_weight" in own.model_fields_set
    return own.bytes_per_weight if given or found is None else found.bytes_per_weight or own.bytes_per_weight


def home_provider(model: str) -> str | None:
    """The provider of a model's own vendor; None for open weights and own models."""
    found = record(model)
    return found.home_provider if found is not None else None


def price_problem(
    scenario: Scenario, model: str, provider: str | None, meter: str, on: datetime.date
) -> str | None:
    """Why no price of a meter is known on a day; None where one is."""
    from planner.catalogue import prices

    own = scenario.models.get(model)
    if own is not None and _own_price(own, meter) is not None:
        return None
    where = provider or home_provider(model)
    try:
        if where is None:
            raise PriceUnknown(f"no {meter} price of {model} is known")
        if meter == "cached_input" and prices.cached_from(model, where, on) is not None:
            return None  # all input costs the same until then
        prices.price(model, where, meter, on)
    except PriceUnknown as error:
        if own is not None and meter == "image" and own.input_usd_per_mtok is not None:
            return None  # images cost the input price where nobody lists them apart
        return str(error)
    return None


#: Provisioned units count use in a bucket that admits below 100 %: the prompt and the longest answer at admission, set right
#: at the end. A cache's tokens are taken off at Azure (azure-ai-docs, concepts/provisioned-throughput.md).
_UNITS_CHARGE = "prompt-plus-max-output"


def limits_of(deployment: Deployment, model: str) -> tuple[tuple[int | None, ...], str]:
    """(limits per minute in the order of `limiting.FIELDS`, charging rule) of a deployment with a model in force.

    The catalogue's where it is asked for, of provisioned units those that their number makes; own hardware has no provider's limits, and a model under a name of its own
    has none published.
    """
    from planner.catalogue import profiles

    given, published = deployment.limits, None
    if given is None:
        return (None,) * len(limiting.FIELDS), "estimate"
    if deployment.provisioned is not None:
        charge = _UNITS_CHARGE if given.charge == "catalogue" else given.charge
        return provisioned_rates(deployment, model), charge
    if deployment.provider is not None and not deployment.is_own_hardware and record(model) is not None:
        published = profiles.default_limits(model, deployment.provider)
    written = {field: getattr(given, field) for field in limiting.FIELDS}
    rates = tuple(
        getattr(published, field, None) if rate == "catalogue" else rate for field, rate in written.items()
    )
    charge = given.charge
    if charge == "catalogue":
        charge = "estimate" if published is None else published.charge
    return rates, charge


def refuses_when_out(scenario: Scenario, strategy: str, deployment: str) -> bool:
    """Whether calls at a deployment may meet an episode of 429s, of its own or of the platform before it."""
    found: list[object] = [scenario.deployments[deployment].outages]
    if deployment in scenario.behind_gateway(strategy):
        found.append(scenario.gateway_for(strategy).outages)
    return any(harm.mode == "limited" for given in found for harm in harms_of(given))


def kind_of(deployment: Deployment) -> str:
    """How the limits of a deployment are kept: as given, else its provider's kind, else a token bucket."""
    from planner.catalogue import profiles

    limits = deployment.limits
    if limits is not None and limits.kind != "catalogue":
        return limits.kind
    if deployment.provisioned is not None:
        return limiting.LEAKY_BUCKET
    if deployment.provider is None or deployment.is_own_hardware:
        return limiting.TOKEN_BUCKET
    return profiles.limiter_kind(deployment.provider)


def counts_cached(deployment: Deployment, model: str) -> bool:
    """Whether tokens that a prompt cache gives count in a deployment's limits, with a model in force.

    As given, else as its provider counts them; own hardware has no provider's rule.
    """
    from planner.catalogue import profiles

    limits = deployment.limits
    if limits is not None and isinstance(limits.counts_cached, bool):
        return limits.counts_cached
    if deployment.provisioned is not None:
        return deployment.provider != "azure"
    if limits is None or deployment.provider is None or deployment.is_own_hardware:
        return True
    return profiles.counts_cached(model if record(model) is not None else None, deployment.provider)


def charges_writes(scenario: Scenario, deployment: str, model: str, on: datetime.date) -> bool:
    """Whether tokens that a prompt cache takes in are a meter of their own: a `cache_write` price is known that day.

    Elsewhere they are plain input (OpenAI's older models; facts: routing_semantics §12). Own hardware has no provider
    whose price would count.
    """
    own, found = scenario.models.get(model), scenario.deployments[deployment]
    if found.is_own_hardware:
        return own is not None and own.cache_write_usd_per_mtok is not None
    return price_problem(scenario, model, found.provider, "cache_write", on) is None


def lists_batch(model: str, provider: str, on: datetime.date) -> bool:
    """Whether a provider lists batch prices of a model on a day, so that it has a batch API of it."""
    from planner.catalogue import prices

    try:
        for meter in ("batch_input", "batch_output"):
            prices.price(model, provider, meter, on)
    except PriceUnknown:
        return False
    return True


#: Which batch price a meter has. Speech has none that is known, and a batch API neither reads nor writes prompt caches.
BATCH_METERS = {
    "input": "batch_input",
    "image": "batch_input",
    "output": "batch_output",
    "reasoning": "batch_output",
}


def batch_price_problem(
    scenario: Scenario, model: str, provider: str | None, meter: str, on: datetime.date
) -> str | None:
    """Why no listed batch price of a meter is known on a day; None where one is.

    Beside an own price it says nothing: what a negotiated price is in a batch nobody but the user knows.
    """
    from planner.catalogue import prices

    own = scenario.models.get(model)
    if own is not None and (
        _own_price(own, _billed_as(meter)) is not None or own.input_usd_per_mtok is not None
    ):
        return f"the price of {model} is your own, and the list does not say what it is in a batch"
    if provider is None or meter not in BATCH_METERS:
        return f"no batch price of {meter} tokens of {model} is known"
    try:
        listed = prices.meters(model, provider)
        if meter == "image" and meter in listed:
            return f"no batch price of {meter} tokens of {model} at {provider} is known"
        prices.price(model, provider, BATCH_METERS[meter], on)
    except PriceUnknown as error:
        return str(error)
    return None


def listed_as(model: str, provider: str, meter: str) -> str:
    """The meter under which a level of service is listed: images are input where the provider has no price of theirs."""
    from planner.catalogue import prices

    return "input" if meter == "image" and "image" not in prices.meters(model, provider) else meter


def level_price_problem(
    scenario: Scenario, model: str, provider: str | None, level: str, meter: str, on: datetime.date
) -> str | None:
    """Why no listed price of a meter at a level of service is known on a day; None where one is."""
    from planner.catalogue import price_levels

    own = scenario.models.get(model)
    if own is not None and (
        _own_price(own, _billed_as(meter)) is not None or own.input_usd_per_mtok is not None
    ):
        return f"the price of {model} is your own, and the list does not say what it is at level {level}"
    if provider is None:
        return f"no {level} price of {model} is known"
    try:
        price_levels.level_price(model, provider, level, listed_as(model, provider, meter), on)
    except PriceUnknown as error:
        return str(error)
    return None


def _billed_as(meter: str) -> str:
    return "output" if meter == "reasoning" else meter


def list_usd_per_mtok(scenario: Scenario, deployment: str, model: str, on: datetime.date) -> float | None:
    """Input plus output list price of a deployment's model on a day, as selections by price see it; None: unknown.

    In USD per million tokens of each, times the scenario's price steps until then and its drift; levels of service and negotiated
    factors are not seen. Own hardware costs nothing per token, unless its model has a price; provisioned units never do.
    """
    from planner.catalogue import prices

    found = scenario.deployments[deployment]
    own, where = scenario.models.get(model), found.provider or home_provider(model)
    total = 0.0
    for meter in ("input", "output"):
        given = None if own is None or found.provisioned is not None else _own_price(own, meter)
        if given is not None:
            total += given
        elif found.is_paid_by_token:
            if where is None:
                return None
            try:
                total += float(prices.price(model, where, meter, on).usd_per_mtok)
            except PriceUnknown:
                return None
    for step in scenario.finance.price_steps:
        if step.model == model and step.at <= on:
            total *= step.factor
    if scenario.finance.price_drift:
        total *= float(drift_factor(scenario, model, where, on))
    return total


def usd_per_mtok(scenario: Scenario, model: str, provider: str, meter: str, on: datetime.date) -> float:
    """The price of a meter before anything that is negotiated: the scenario's own, else the listed one of a day.

    Raises PriceUnknown where `price_problem` has something to say.
    """
    from planner.catalogue import prices

    own = scenario.models.get(model)
    given = None if own is None else _own_price(own, meter)
    return float(prices.price(model, provider, meter, on).usd_per_mtok) if given is None else given


def _own_price(own: OwnModel, meter: str) -> float | None:
    price: float | None = getattr(own, f"{meter}_usd_per_mtok")
    return price


def carried_since(
    scenario: Scenario, model: str, provider: str | None, on: datetime.date
) -> datetime.date | None:
    """The last day on which the input or output price in force was seen, where that is before `on`."""
    from planner.catalogue import prices

    own, where = scenario.models.get(model), provider or home_provider(model)
    found = []
    for meter in ("input", "output"):
        if where is None or (own is not None and _own_price(own, meter) is not None):
            continue
        try:
            price = prices.price(model, where, meter, on)
        except PriceUnknown:
            continue
        found += [price.known_until] if price.carried_forward else []
    return min(found, default=None)


def price_days(
    model: str, provider: str | None, meter: str, start: datetime.date, end: datetime.date
) -> tuple[datetime.date, ...]:
    """Days inside (start, end) on which a list price changes, or stops being known."""
    from planner.catalogue import prices

    where = provider or home_provider(model)
    if where is None:
        return ()
    try:
        return prices.price_changes(model, where, meter, start, end)
    except PriceUnknown:
        return ()


def retirement(model: str, provider: str | None) -> "Retirement | None":
    """When a model retires at a provider; None where nothing is known, or there is no provider."""
    from planner.catalogue import models

    if provider is None or record(model) is None:
        return None
    return models.retirement(model, provider)


def speaks(model: str) -> bool:
    """Whether a model answers in speech."""
    found = record(model)
    return found is not None and "audio" in found.output_modalities


def has_latency(model: str, provider: str | None) -> bool:
    """Whether the catalogue has a latency profile of a model at a provider."""
    from planner.catalogue import latency

    return provider is not None and record(model) is not None and latency.has_latency(model, provider)


def image_problem(scenario: Scenario, model: str) -> str | None:
    """Why the tokens of an image are not known on a model; None where they are."""
    from planner.catalogue import tokens

    own = scenario.models.get(model)
    if own is not None and own.image_tokens is not None:
        return None
    return _problem_of(tokens.image_rule, model)


def audio_problem(model: str) -> str | None:
    """Why the tokens of speech are not known on a model; None where they are."""
    from planner.catalogue import tokens

    return _problem_of(tokens.audio_rule, model)


def _problem_of(rule: object, model: str) -> str | None:
    assert callable(rule)
    try:
        rule(model)
    except CatalogueError as error:
        return str(error)
    return None


def is_rated(scenario: Scenario, task: str, model: str) -> bool:
    """Whether anything says how often a model is right at a task; successors inherit from predecessors."""
    met, open_ = set(), [model]
    while open_:
        name = open_.pop()
        own, found = scenario.models.get(name), record(name)
        if name in scenario.tasks[task].accuracy or (own is not None and task in own.ability):
            return True
        if found is not None and found.ability is not None:
            return True
        met.add(name)
        open_ += [
            m.from_model for m in scenario.finance.migrations if m.to == name and m.from_model not in met
        ]
    return False


# -- models in force -----------------------------------------------------------------------------


def services(
    scenario: Scenario,
    horizon: tuple[datetime.date, datetime.date],
    used: tuple[str, ...],
    strategies: tuple[str, ...],
) -> tuple[Service, ...]:
    """Every model in force over the horizon, for the deployments used and the verifiers of cascades."""
    found: list[Service] = []
    place: Path
    for name in used:
        deployment = scenario.deployments[name]
        place = ("deployments", name, "model")
        found += _eras(
            scenario, horizon, place, name, deployment.model, deployment.provider, deployment.is_own_hardware
        )
    for name in strategies:
        router = scenario.strategies[name].router
        if isinstance(router, CascadeRouter):
            place = ("strategies", name, "router", "verifier", "model")
            provider = router.verifier.provider or home_provider(router.verifier.model)
            found += _eras(scenario, horizon, place, None, router.verifier.model, provider, False)
    return tuple(found)


def _eras(
    scenario: Scenario,
    horizon: tuple[datetime.date, datetime.date],
    place: Path,
    owner: str | None,
    model: str,
    provider: str | None,
    is_own_hardware: bool,
) -> list[Service]:
    """The models that follow each other where one is written, by the migrations in order of date."""
    start, end = horizon
    steps: list[tuple[datetime.date, str, int | None]] = [(start, model, None)]
    migrations = scenario.finance.migrations
    order = sorted(
        (index for index in range(len(migrations)) if start <= migrations[index].at < end),
        key=lambda i: migrations[i].at,
    )
    for day in dict.fromkeys(migrations[index].at for index in order):
        moves = {migrations[i].from_model: i for i in reversed(order) if migrations[i].at == day}
        seen = {model}
        while model in moves and migrations[moves[model]].to not in seen:
            by = moves[model]
            model = migrations[by].to
            seen.add(model)
            steps.append((day, model, by))
    ends = [*(step[0] for step in steps[1:]), end]
    return [
        Service(
            place=place if by is None else ("finance", "migrations", by, "to"),
            owner=owner,
            model=name,
            provider=provider,
            is_own_hardware=is_own_hardware,
            start=begins,
            end=ends_,
            migration=by,
        )
        for (begins, name, by), ends_ in zip(steps, ends, strict=True)
    ]
