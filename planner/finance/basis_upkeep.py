"""Figures of hardware that is bought and of what is kept up, for the table of assumptions.

Comes in: a scenario and one of its strategies; goes out: rows. Figures that add nothing to the bill are left out.
"""

from collections.abc import Callable, Iterator
from decimal import Decimal

from planner.catalogue import profiles
from planner.finance.assumption import Assumption, given_figure
from planner.finance.hardware import (
    gpus_of,
    power_share,
    pue,
    server_life_years,
    server_of,
    server_prices,
)
from planner.finance.integrations import integrations
from planner.finance.ledger import exact, plain
from planner.finance.standing_charge import strategy_pays
from planner.finance.standing_upkeep import sends_outside
from planner.scenario.fields import Scenario

Figure = Callable[[Scenario, str], tuple[Decimal, str]]
#: Figures of bought servers: field, catalogue's name, words, unit, where it is looked up.
_SERVER_FIGURES: tuple[tuple[str, str, str, str, Figure], ...] = (
    ("life_years", "hardware_life_years", "life of servers", "years", server_life_years),
    ("power_share", "gpu_power_share", "mean draw of GPUs", "share of board power", power_share),
    ("pue", "pue_industry", "power usage effectiveness", "ratio", pue),
)


def owned_servers(scenario: Scenario, name: str) -> Iterator[Assumption]:
    """Figures of a bought server."""
    server, owned = server_of(scenario, name)
    for what, price, source in server_prices(scenario, name):
        yield Assumption(what=f"{what} of {name}", value=plain(price), unit="USD", source=source)
    for _, parameter, words, unit, figure in _SERVER_FIGURES:
        value, source = figure(scenario, name)
        yield _looked_up(f"{words} of {name}", value, unit, source, parameter)
    gpu, host = profiles.gpu(server.gpu), profiles.parameter("server_overhead_kw")
    yield Assumption(
        what=f"board power of {name}",
        value=plain(exact(gpu.watts)),
        unit="W",
        source=f"catalogue: {gpu.name} ({gpu.source}); {gpus_of(server)} of them",
        as_of=gpu.as_of,
        confidence=gpu.confidence,
    )
    yield Assumption(
        what=f"power of the host of eight GPUs of {name}",
        value=plain(exact(host.central)),
        unit=host.unit,
        source=f"catalogue: {host.source}",
        as_of=host.as_of,
        confidence=host.confidence,
    )
    for field_name, unit, words in (
        ("rack_usd_per_month", "USD/month", "room of"),
        ("residual_share", "share of price", "value at the end of"),
    ):
        if value := getattr(owned, field_name):
            yield given_figure(
                value, unit, f"{words} {name}", "deployments", name, "server", "owned", field_name
            )
    yield given_figure(
        scenario.finance.electricity_usd_per_kwh,
        "USD/kWh",
        "electricity of own servers",
        "finance",
        "electricity_usd_per_kwh",
    )


def fleets(scenario: Scenario, name: str) -> Iterator[Assumption]:
    """Figures of a fleet beside price, life and power while answering."""
    device = scenario.deployments[name].device
    assert device is not None, f"{name} is no device"
    figures = [
        ("spares_share", "share of fleet", "spares of"),
        ("losses_per_year", "1/year", "losses of"),
        ("residual_share", "share of price", "value at the end of"),
    ]
    if device.updates_per_year:
        figures += [
            ("updates_per_year", "1/year", "updates of"),
            ("update_usd", "USD", "an update of a device of"),
            ("update_gb", "GB", "size of an update of"),
        ]
    if device.idle_watts:
        figures += [
            ("idle_watts", "W", "power while idle of a device of"),
            ("hours_on_per_day", "h/day", "time switched on of"),
        ]
    for field_name, unit, words in figures:
        if value := getattr(device, field_name):
            yield given_figure(value, unit, f"{words} {name}", "deployments", name, "device", field_name)


def upkeep(scenario: Scenario, strategy: str) -> Iterator[Assumption]:
    """Figures of effort, maintenance, compliance and the end of the plan that a strategy pays."""
    effort = scenario.finance.effort
    if effort is not None:
        for field_name, unit, words in (
            ("days_per_integration", "days", "integration of an interface"),
            ("days_per_model_switch", "days", "change of a model"),
            ("usd_per_day", "USD/day", "day of work"),
        ):
            yield given_figure(getattr(effort, field_name), unit, words, "finance", "effort", field_name)
        interfaces = integrations(scenario, strategy)
        yield Assumption(
            what=f"interfaces of {strategy}",
            value=str(len(interfaces)),
            unit="interfaces",
            source=f"scenario: finance.effort; {', '.join(interfaces)}",
            confidence=None,
        )
    for item in scenario.finance.maintenance:
        if strategy_pays(item.strategies, scenario, strategy):
            by_month = item.usd_per_month is not None
            field_name = "usd_per_month" if by_month else "hardware_share_per_year"
            yield given_figure(
                getattr(item, field_name),
                "USD/month" if by_month else "share of purchase price/year",
                item.name, "finance", "maintenance", item.name, field_name,
            )  # fmt: skip
    for audit in scenario.finance.compliance:
        is_outside = audit.only_if is None or sends_outside(scenario, strategy)
        if strategy_pays(audit.strategies, scenario, strategy) and is_outside:
            every = "once" if audit.every_months is None else f"every {audit.every_months} months"
            yield given_figure(
                audit.usd, f"USD, {every}", audit.name, "finance", "compliance", audit.name, "usd"
            )
    for last in scenario.finance.at_end:
        if strategy_pays(last.strategies, scenario, strategy):
            yield given_figure(last.usd, "USD", last.name, "finance", "at_end", last.name, "usd")


def promises(scenario: Scenario, strategy: str) -> Iterator[Assumption]:
    """What is promised to customers, and what providers promise."""
    promise = scenario.finance.sla
    if promise is not None:
        yield given_figure(
            promise.availability,
            "share of a month",
            "availability promised",
            "finance",
            "sla",
            "availability",
        )
        yield given_figure(
            promise.penalty_usd_per_month, "USD", "month below it", "finance", "sla", "penalty_usd_per_month",
        )  # fmt: skip
    through = scenario.behind_gateway(strategy)
    for name in scenario.deployments_of(strategy):
        sla = scenario.deployments[name].sla
        if sla is None or name in through:
            continue
        for index, band in enumerate(sla.credits):
            what = f"credit of {name} below {band.below:g} of a month"
            yield given_figure(
                band.share, "share of spend", what, "deployments", name, "sla", "credits", index, "share"
            )


def reviews(scenario: Scenario) -> Iterator[Assumption]:
    """What people look at."""
    for name, task in scenario.tasks.items():
        if task.review is not None:
            yield given_figure(
                task.review.share, "share of answers", f"answers to {name} looked at", "tasks", name, "review", "share",
            )  # fmt: skip
            yield given_figure(task.review.usd, "USD", f"one look at {name}", "tasks", name, "review", "usd")


def _looked_up(what: str, value: Decimal, unit: str, source: str, parameter: str) -> Assumption:
    """A figure with its source; one of the catalogue with its date and confidence."""
    if source.startswith("scenario: "):
        return Assumption(what=what, value=plain(value), unit=unit, source=source)
    figure = profiles.parameter(parameter)
    return Assumption(
        what=what,
        value=plain(value),
        unit=unit,
        source=source,
        as_of=figure.as_of,
        confidence=figure.confidence,
    )
