"""Every price and money figure that a strategy's bill rests on, with source and date, and what is left out.

Comes in: a scenario and one of its strategies; goes out: rows for the table of assumptions. A figure that
the bill would ask for and nobody knows is listed as unknown, not left out.
"""

from collections.abc import Callable, Iterator
from datetime import date
from functools import partial

from planner.catalogue import profiles
from planner.errors import PriceUnknown
from planner.finance.assumption import GIVEN, Assumption, given_figure
from planner.finance.basis_upkeep import fleets, owned_servers, promises, reviews, upkeep
from planner.finance.basis_volume import volume_figures
from planner.finance.currency import rate_of
from planner.finance.hardware import device_life_years, device_price, device_watts, gpu_hour_price
from planner.finance.ledger import exact, plain
from planner.finance.migrations import migrations_met
from planner.finance.standing_charge import strategy_pays
from planner.finance.tariff import fee_source, router_source
from planner.finance.token_prices import UnitPrice, batch_price, has_own_prices, token_price
from planner.scenario.batches import has_batch_tasks, terms_of
from planner.scenario.fields import CascadeRouter, Scenario
from planner.scenario.known import charges_writes
from planner.scenario.migrations import model_in_force
from planner.scenario.price_levels import PriceLevel
from planner.workload.windows import eras


def assumptions(scenario: Scenario, strategy: str) -> tuple[Assumption, ...]:
    """Prices and money inputs of a strategy's bill, each once, in the order of the bill."""
    rows = (
        *_token_prices(scenario, strategy),
        *_hardware(scenario, strategy),
        *(Assumption(**figure._asdict()) for figure in volume_figures(scenario, strategy)),
        *_between(scenario, strategy),
        *_work(scenario, strategy),
        *upkeep(scenario, strategy),
        *promises(scenario, strategy),
        *reviews(scenario),
        *_economic(scenario),
        *_over_time(scenario),
        *_exchange(scenario),
    )
    return tuple(dict.fromkeys(rows))


def not_included() -> list[str]:
    """Costs that no account covers, in words for people."""
    return [
        "taxes, duties and changes of foreign exchange rates: all amounts are counted net in US dollars",
        "discounts, tiers and commitments that are not given under finance; free tiers and promotional credit",
        "prices of flex, priority and batch but where price_level or urgency batch asks for them",
        "support plans and seats of providers",
        "storage of prompts, answers, images and logs; monitoring and evaluation tools",
        "embeddings, retrieval, tool calls and fine-tuning",
        "energy of rented GPUs beyond their price by the hour, and of devices while they are idle, unless "
        "device.idle_watts is given",
        "losses of own servers before their life ends; spares of devices are bought and kept level, not tied up",
        "what reviewed answers are worth: a review changes neither accuracy nor the cost of wrong answers",
        "service credits that providers owe after outages, unless deployments.X.sla says them; penalties for anything but "
        "outages (finance.sla)",
        "price changes that nobody announced, unless supposed in the scenario: the last known list price is carried "
        "forward and says so",
    ]


def _token_prices(scenario: Scenario, strategy: str) -> Iterator[Assumption]:
    for era in eras(scenario):
        for name in scenario.deployments_of(strategy):
            deployment, model = scenario.deployments[name], era.models[name]
            if not deployment.is_paid_by_token and not (
                deployment.is_own_hardware and has_own_prices(scenario, model)
            ):
                yield Assumption(
                    what=f"{model} on {name}",
                    value="0",
                    unit="USD/1e6 tokens",
                    source="own hardware, paid by the hour or the piece"
                    if deployment.is_own_hardware
                    else "provisioned units, paid for whether used or not",
                )
                continue
            for meter in (*_meters(scenario), *_cache_meters(scenario, name, model, era.start)):
                yield _token_price(scenario, model, deployment.provider, meter, era.start, deployment.level)
            yield from _batch_prices(scenario, name, model, era.start)
        router = scenario.strategy(strategy).router
        if isinstance(router, CascadeRouter):
            model = model_in_force(scenario, router.verifier.model, era.start)
            for meter in ("input", "output"):
                yield _token_price(scenario, model, router.verifier.provider, meter, era.start)
    for index, step in enumerate(scenario.finance.price_steps):
        yield given_figure(
            step.factor, "times", f"price of {step.model} from {step.at}", "finance", "price_steps", index
        )
    for index, drift in enumerate(scenario.finance.price_drift):
        model, provider = drift.model or "all models", drift.provider or "all providers"
        what = f"drift of token prices: {model} at {provider}"
        yield given_figure(drift.per_year, "1/year", what, "finance", "price_drift", index, "per_year")


def _batch_prices(scenario: Scenario, name: str, model: str, on: date) -> Iterator[Assumption]:
    """Prices of a deployment's batch API, where some task would use it."""
    terms = terms_of(scenario, name, model, on) if has_batch_tasks(scenario) else None
    if terms is None:
        return
    provider = scenario.deployments[name].provider
    where = f" at {provider}" if provider else ""
    for meter in _meters(scenario):
        ask = partial(batch_price, scenario, model, provider, meter, on, factor=terms.price_factor)
        yield _priced(f"batch {meter} price of {model}{where} from {on}", ask)


def _meters(scenario: Scenario) -> tuple[str, ...]:
    """Meters that the tasks can touch; hidden reasoning is billed as output."""
    modalities = {modality for task in scenario.tasks.values() for modality in task.modalities}
    vision = ("image",) if "vision" in modalities else ()
    audio = ("audio_input", "audio_output") if "audio" in modalities else ()
    return ("input", "output", *vision, *audio)


def _cache_meters(scenario: Scenario, deployment: str, model: str, on: date) -> tuple[str, ...]:
    """Meters of a deployment's prompt cache; written tokens are plain input where they have no price."""
    if scenario.deployments[deployment].prompt_cache is None:
        return ()
    writes = charges_writes(scenario, deployment, model, on)
    return ("cached_input", "cache_write") if writes else ("cached_input",)


def _token_price(
    scenario: Scenario,
    model: str,
    provider: str | None,
    meter: str,
    on: date,
    level: PriceLevel | None = None,
) -> Assumption:
    of_level = f"{level.name} " if level is not None else ""
    what = f"{of_level}{meter} price of {model}" + (f" at {provider}" if provider else "") + f" from {on}"
    return _priced(what, partial(token_price, scenario, model, provider, meter, on, level=level))


def _priced(what: str, ask: Callable[[], UnitPrice]) -> Assumption:
    """A price of tokens, or that nobody knows it."""
    try:
        found = ask()
    except PriceUnknown as unknown:
        return Assumption(
            what=what, value="unknown", unit="USD/1e6 tokens", source=str(unknown), confidence=None
        )
    return Assumption(
        what=what,
        value=plain(found.usd_per_mtok),
        unit="USD/1e6 tokens",
        source=found.source,
        as_of=found.as_of,
        confidence=found.confidence,
    )


def _hardware(scenario: Scenario, strategy: str) -> Iterator[Assumption]:
    for name in scenario.deployments_of(strategy):
        deployment = scenario.deployments[name]
        if deployment.server is not None and deployment.server.owned is not None:
            yield from owned_servers(scenario, name)
        elif deployment.server is not None:
            price, source = gpu_hour_price(scenario, name)
            gpu = (
                None
                if deployment.server.usd_per_gpu_hour is not None
                else profiles.gpu(deployment.server.gpu)
            )
            yield Assumption(
                what=f"GPU of {name}",
                value=plain(price),
                unit="USD/h",
                source=source,
                as_of=gpu.as_of if gpu else None,
                confidence=gpu.confidence if gpu else GIVEN,
            )
        if deployment.device is not None:
            device = profiles.device(deployment.device.kind)
            figures = (
                ("usd", "price", "USD", device_price),
                ("life_years", "life", "years", device_life_years),
                ("watts", "power while answering", "W", device_watts),
            )
            for field_name, word, unit, figure in figures:
                is_own = getattr(deployment.device, field_name) is not None
                try:
                    value, source = figure(scenario, name)
                    shown = plain(value)
                except PriceUnknown as unknown:
                    shown, source = "unknown", str(unknown)
                yield Assumption(
                    what=f"{word} of a device of {name}",
                    value=shown,
                    unit=unit,
                    source=source,
                    as_of=None if is_own else device.as_of,
                    confidence=GIVEN if is_own else device.confidence,
                )
            yield from fleets(scenario, name)
            yield given_figure(
                scenario.finance.electricity_usd_per_kwh,
                "USD/kWh",
                "electricity of devices",
                "finance",
                "electricity_usd_per_kwh",
            )


def _between(scenario: Scenario, strategy: str) -> Iterator[Assumption]:
    """What stands between us and the models: gateway, router, wires."""
    gateway, router = scenario.gateway_for(strategy), scenario.strategy(strategy).router
    if gateway.fee:
        yield Assumption(
            what="gateway fee",
            value=plain(exact(gateway.fee)),
            unit="share of spend",
            source=fee_source(scenario, strategy),
        )
    if router is not None and router.usd_per_1k_requests:
        yield Assumption(
            what=f"router of {strategy}",
            value=plain(exact(router.usd_per_1k_requests)),
            unit="USD/1,000 requests",
            source=router_source(scenario, strategy),
        )
    if scenario.finance.transfer_usd_per_gb:
        yield given_figure(
            scenario.finance.transfer_usd_per_gb,
            "USD/GB",
            "data sent out of our cloud",
            "finance",
            "transfer_usd_per_gb",
        )
        for name, size in profiles.transfer().items():
            yield Assumption(
                what=name.replace("_", " "),
                value=plain(exact(size.central)),
                unit=size.unit,
                source=size.source,
                as_of=size.as_of,
                confidence=size.confidence,
            )


def _work(scenario: Scenario, strategy: str) -> Iterator[Assumption]:
    for item in scenario.finance.one_time:
        if strategy_pays(item.strategies, scenario, strategy):
            yield given_figure(item.usd, "USD", item.name, "finance", "one_time", item.name, "usd")
    for person in scenario.finance.people:
        if strategy_pays(person.strategies, scenario, strategy):
            yield given_figure(person.fte, "FTE", person.name, "finance", "people", person.name, "fte")
            yield given_figure(
                person.usd_per_year, "USD/year", person.name, "finance", "people", person.name, "usd_per_year"
            )
            if person.raise_per_year:
                raised = f"{person.name}: raise"
                path = ("finance", "people", person.name, "raise_per_year")
                yield given_figure(person.raise_per_year, "1/year", raised, *path)
    for day, origin, successor, cost in migrations_met(scenario, strategy):
        yield Assumption(
            what=f"migration from {origin} to {successor} on {day}",
            value=plain(cost),
            unit="USD",
            source="scenario: finance.migrations",
        )


def _economic(scenario: Scenario) -> Iterator[Assumption]:
    for name, task in scenario.tasks.items():
        yield given_figure(
            task.cost_of_wrong_answer_usd,
            "USD",
            f"wrong answer to {name}",
            "tasks",
            name,
            "cost_of_wrong_answer_usd",
        )
    yield given_figure(
        scenario.finance.downtime_usd_per_hour,
        "USD/h",
        "time without answers",
        "finance",
        "downtime_usd_per_hour",
    )


def _over_time(scenario: Scenario) -> Iterator[Assumption]:
    """Rates, and what the accounting view and the view of value are worked with."""
    finance = scenario.finance
    name = f"discount rate, {finance.rates}"
    yield given_figure(finance.discount_rate, "1/year", name, "finance", "discount_rate")
    if finance.inflation_per_year is not None:
        yield given_figure(finance.inflation_per_year, "1/year", "inflation", "finance", "inflation_per_year")
    if finance.depreciation_years is not None:
        what = "life of one-time costs and integration in the accounting view"
        yield given_figure(finance.depreciation_years, "years", what, "finance", "depreciation_years")
    for task, asked in scenario.tasks.items():
        if asked.value_usd is not None:
            yield given_figure(
                asked.value_usd, "USD", f"worth of a right answer to {task}", "tasks", task, "value_usd"
            )
    if finance.baseline is not None:
        for amount, unit in (("usd_per_request", "USD"), ("usd_per_month", "USD/month")):
            what = f"{finance.baseline.name}: {amount.removeprefix('usd_').replace('_', ' ')}"
            yield given_figure(getattr(finance.baseline, amount), unit, what, "finance", "baseline", amount)


def _exchange(scenario: Scenario) -> Iterator[Assumption]:
    rate = rate_of(scenario)
    if rate is not None:
        yield Assumption(
            what=f"one {rate.currency}, for totals shown in {rate.currency}",
            value=plain(rate.usd_per_unit),
            unit="USD",
            source=f"{rate.source} (scenario: finance.exchange)",
            as_of=rate.as_of.isoformat(),
        )
