"""Rules about provisioned units and levels of service: units that are sold, limits that they keep, prices that are known."""

from collections.abc import Iterator
from fractions import Fraction

from planner.errors import PriceUnknown
from planner.scenario import known
from planner.scenario.batches import Batch
from planner.scenario.checks_money import HORIZON, meters_of
from planner.scenario.finding import Finding, View
from planner.scenario.known import Service
from planner.scenario.paths import Path, render
from planner.scenario.provisioned import Capacity, Provisioned, capacity_of, published_units
from planner.scenario.supply import CATALOGUE, Deployment


def units(view: View) -> Iterator[Finding]:
    """Units are a provider's, in numbers that are sold, with limits that they keep, at a price that is known."""
    for name, deployment in view.scenario.deployments.items():
        given = deployment.provisioned
        if given is None:
            continue
        path: Path = ("deployments", name, "provisioned")
        if deployment.is_own_hardware:
            other = "server" if deployment.server is not None else "device"
            yield Finding(
                path=path,
                text=f"units are bought of a provider, and this is a {other} of one's own",
                because=(("deployments", name, other),),
            )
            continue
        yield from _alone(name, deployment)
        yield from _price(view, path, deployment, given)
        for service in view.services_of.get(name, ()):
            if service.serves and known.is_known(view.scenario, service.model):
                yield from _of_model(view, path, deployment, given, service)


def _alone(name: str, deployment: Deployment) -> Iterator[Finding]:
    """What does not go together with units: no limits at all, limits of others, a batch API, a level of service."""
    limits, path = deployment.limits, ("deployments", name)
    because = ((*path, "provisioned"),)
    if limits is None:
        yield Finding(
            path=(*path, "limits"),
            given="null",
            allowed="limits, or leave them out: units work off only so much",
            because=because,
        )
    elif limits.scope != "deployment":
        yield Finding(
            path=(*path, "limits", "scope"),
            given=limits.scope,
            allowed="deployment: units are those of one deployment",
            because=because,
        )
    if limits is not None:
        for field in ("input_tokens_per_minute", "output_tokens_per_minute"):
            if getattr(limits, field) == CATALOGUE:
                yield Finding(
                    path=(*path, "limits", field),
                    given=CATALOGUE,
                    allowed="a number or null: nobody publishes one for units",
                    because=because,
                )
    if isinstance(deployment.batch, Batch):
        yield Finding(
            path=(*path, "batch"),
            text="units have no batch API; calls of tasks with urgency batch are ordinary ones there",
            hint="leave it out",
            because=because,
        )


def _price(view: View, path: Path, deployment: Deployment, given: Provisioned) -> Iterator[Finding]:
    from planner.catalogue import provisioned

    begin, end = view.horizon
    horizon_months = 12 * (end.year - begin.year) + end.month - begin.month + (end.day > begin.day)
    if given.reservation is not None:
        months = given.reservation.months
        if months > horizon_months:
            yield Finding(
                path=(*path, "reservation", "months"),
                given=str(months),
                allowed=f"at most {horizon_months}, the length of the plan: what is owed after its end would be in no bill",
                because=HORIZON,
            )
        elif over := -horizon_months % months:
            yield Finding(
                path=(*path, "reservation", "months"),
                text=f"terms of {months} months do not fill a plan of {horizon_months}: the last one runs {over} months "
                "longer, which are in no bill",
                because=HORIZON,
                is_notice=True,
            )
    elif given.usd_per_unit_hour is None:
        try:
            provisioned.unit_price(deployment.provider or "", given.reach)
        except PriceUnknown:
            where = f"at {deployment.provider}" if deployment.provider else "without a provider"
            yield Finding(
                path=path,
                text=f"the price of a unit ({given.reach}) {where} is not known",
                hint=f"give {render((*path, 'usd_per_unit_hour'))} or {render((*path, 'reservation'))}",
                because=((*path[:-1], "provider"),),
            )


def _of_model(
    view: View, path: Path, deployment: Deployment, given: Provisioned, service: Service
) -> Iterator[Finding]:
    found = published_units(deployment, service.model)
    is_own = found is not None and found.model == service.model
    if found is not None and is_own and (fits := found.next_size(given.units, given.reach)) != given.units:
        minimum, step = found.minimum[given.reach], found.step[given.reach]
        yield Finding(
            path=(*path, "units"),
            given=str(given.units),
            allowed=f"{minimum} and more in steps of {step}, as units of {service.model} ({given.reach}) are sold, such as {fits}",
            because=(service.place, (*path, "reach"), (*path[:-1], "provider")),
        )
    if found is not None and not is_own and None in (given.tokens_per_unit_minute, given.output_weight):
        yield Finding(
            path=path,
            text=f"nothing is published of units of {service.model} at {deployment.provider}: they are taken to work off as "
            f"much as those of {found.model}",
            hint=f"give {render((*path, 'tokens_per_unit_minute'))} and output_weight",
            because=(service.place,),
            is_notice=True,
        )
    capacity = capacity_of(deployment, service.model)
    where = f"at {deployment.provider}" if deployment.provider else "without a provider"
    lacking = {
        "tokens_per_unit_minute": (capacity.tokens_per_minute, f"what a unit of {service.model} {where} works off"),
        "output_weight": (capacity.output_weight, f"how many input tokens an output token of {service.model} {where} counts as"),
    }  # fmt: skip
    for field, (value, what) in lacking.items():
        if value is None:
            yield Finding(
                path=(*path, field),
                text=f"{what} is not known",
                hint=f"give {render((*path, field))}",
                because=(service.place, (*path[:-1], "provider")),
            )
    if deployment.limits is not None and None not in (capacity.tokens_per_minute, capacity.output_weight):
        yield from _kept(view, path, deployment, capacity, service)


def _kept(
    view: View, path: Path, deployment: Deployment, capacity: Capacity, service: Service
) -> Iterator[Finding]:
    """Limits that were given are not above what the units work off; derived ones are told."""
    limits, most, weight = deployment.limits, capacity.tokens_per_minute, capacity.output_weight
    assert limits is not None
    assert most is not None
    assert weight is not None
    place = (*path[:-1], "limits")
    because = (path, service.place)
    tokens, sent, answered = (
        getattr(limits, f"{field}_per_minute") for field in ("tokens", "input_tokens", "output_tokens")
    )
    dearer = max(Fraction(1), weight)
    for field, rate, each in (
        ("tokens", tokens, min(Fraction(1), weight)),
        ("input_tokens", sent, Fraction(1)),
        ("output_tokens", answered, weight),
    ):
        if isinstance(rate, int) and rate * each > most:
            yield Finding(
                path=(*place, f"{field}_per_minute"),
                given=str(rate),
                allowed=f"at most {int(most / each)}: what the units work off in a minute",
                because=because,
            )
            return
    if isinstance(sent, int) and isinstance(answered, int):
        if sent + weight * answered > most:
            yield Finding(
                path=(*place, "input_tokens_per_minute"),
                given=f"{sent} beside {answered} output tokens",
                allowed=f"at most {int(most - weight * answered)}: units work off input + {float(weight):g} x output "
                f"of {most:,} tokens a minute",
                because=(*because, (*place, "output_tokens_per_minute")),
            )
    elif tokens == CATALOGUE and weight != 1:
        yield Finding(
            path=path,
            text=f"units work off {most:,} tokens of {service.model} a minute, input + {float(weight):g} x output; the limit "
            f"counts all alike, so that {capacity.tokens_of_any_kind:,} are admitted, as though all were the dearer kind",
            hint=f"give {render((*place, 'input_tokens_per_minute'))} and output_tokens_per_minute for your mix",
            because=because,
            is_notice=True,
        )
    elif isinstance(tokens, int) and tokens * dearer > most:
        yield Finding(
            path=(*place, "tokens_per_minute"),
            text=f"{tokens:,} tokens a minute are what the units work off only while few of them are of the dearer kind: "
            f"input + {float(weight):g} x output may be {most:,}",
            because=because,
            is_notice=True,
        )


def pools(view: View) -> Iterator[Finding]:
    """A platform's limits do not take the place of what units work off."""
    for name in view.used:
        if view.scenario.deployments[name].provisioned is None:
            continue
        for strategy in view.strategies:
            if name in view.deployments_of(strategy) and view.is_pooled(strategy, name):
                at = view.gateway_at("limits", strategy)
                yield Finding(
                    path=("deployments", name, "provisioned"),
                    text=f"strategy {strategy} has a platform's limits in place of what the units work off"
                    + (view.where(at) if at is not None else ""),
                    hint="leave out gateway.limits, so that each deployment keeps its own",
                    because=(("gateway", "limits"), ("strategies", strategy, "gateway", "limits")),
                )
                break


def price_levels(view: View) -> Iterator[Finding]:
    """A level of service is that of tokens that are paid for, and has a price on every day."""
    for name, deployment in view.scenario.deployments.items():
        path: Path = ("deployments", name)
        level = deployment.level
        if level is None:
            if deployment.price_level_factor is not None:
                yield Finding(
                    path=(*path, "price_level_factor"),
                    given=f"{deployment.price_level_factor:g} with price_level standard",
                    allowed="price_level_factor with price_level priority or flex",
                    because=((*path, "price_level"),),
                )
            continue
        if not deployment.is_paid_by_token:
            yield Finding(
                path=(*path, "price_level"),
                text="its tokens are not paid for one by one, so there is no level at which they are bought",
                hint="leave it out",
                because=tuple((*path, field) for field in ("server", "device", "provisioned")),
            )
        elif level.factor is None:
            yield from _unpriced(view, path, level.name)


def _unpriced(view: View, path: Path, level: str) -> Iterator[Finding]:
    for service in view.services_of.get(str(path[1]), ()):
        if not service.serves or not known.is_known(view.scenario, service.model):
            continue
        provider = service.provider or known.home_provider(service.model)
        for meter in meters_of(view, service):
            if known.price_problem(view.scenario, service.model, provider, meter, service.start) is not None:
                continue  # told with the ordinary prices
            reason = known.level_price_problem(
                view.scenario, service.model, provider, level, meter, service.start
            )
            if reason is not None:
                yield Finding(
                    path=(*path, "price_level"),
                    text=reason,
                    hint=f"give {render((*path, 'price_level_factor'))}",
                    because=(service.place, ("models", service.model), ("start",), ("tasks",)),
                )
                return


PROVISIONED = (units, pools, price_levels)
