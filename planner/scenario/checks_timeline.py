"""Rules about the plan over time: growth and seasons, drift of prices, real rates, and what today costs."""

from collections.abc import Iterator

from planner.scenario import known
from planner.scenario.declare import shown
from planner.scenario.finding import Finding, View
from planner.scenario.paths import closest, render
from planner.scenario.seasons import written_factors, yearly_mean

TRAFFIC = ("traffic",)
DRIFT = ("finance", "price_drift")
_EVERY_USE = (("deployments",), ("finance", "migrations"), ("strategies",))


def growth(view: View) -> Iterator[Finding]:
    """Growth is by month or by year, not both."""
    traffic = view.scenario.traffic
    monthly = (*TRAFFIC, "growth_per_month")
    if traffic.growth_per_year is not None and "growth_per_month" in traffic.model_fields_set:
        yield Finding(
            path=(*TRAFFIC, "growth_per_year"),
            text=f"given beside traffic.growth_per_month{view.where(monthly)}",
            hint="give one of them",
            because=(monthly,),
        )


def saturation(view: View) -> Iterator[Finding]:
    """An S-curve begins below its end and grows towards it."""
    traffic = view.scenario.traffic
    if traffic.saturation_requests_per_month is None:
        return
    path = (*TRAFFIC, "saturation_requests_per_month")
    if traffic.users is not None and not any(view.scenario.shares().values()):
        return  # shares that sum to nothing are told elsewhere; no volume follows from them
    volume = view.scenario.requests_per_month()
    sizes = tuple((*TRAFFIC, name) for name in ("requests_per_month", "users", "trace"))
    if volume is None:
        yield Finding(
            path=path,
            text="needs traffic.requests_per_month or traffic.users to start from",
            because=sizes,
        )
    elif traffic.saturation_requests_per_month < volume:
        yield Finding(
            path=path,
            given=f"{traffic.saturation_requests_per_month:g}",
            allowed=f"at least the volume that the plan begins with, {volume:.10g} requests a month",
            hint="a decline is a growth below 0, without saturation",
            because=(*sizes, ("tasks",)),
        )
    for name in ("growth_per_month", "growth_per_year"):
        rate = getattr(traffic, name)
        if rate is not None and rate < 0:
            yield Finding(
                path=path,
                text=f"traffic.{name} is {rate:g}{view.where((*TRAFFIC, name))}; only growth of 0 or more saturates",
                because=((*TRAFFIC, name),),
            )


def seasons(view: View) -> Iterator[Finding]:
    """Factors whose mean is not 1 are scaled, which is worth knowing."""
    given = view.scenario.traffic.seasons
    if given is None:
        return
    mean = yearly_mean(written_factors(given))
    if abs(mean - 1.0) > 0.0005:
        yield Finding(
            path=(*TRAFFIC, "seasons"),
            text=f"the factors have mean {mean:.4g} over a year, by length of months; they are divided by it, so that "
            "requests_per_month stays the mean",
            is_notice=True,
        )


def price_drift(view: View) -> Iterator[Finding]:
    """A drift is of a model and a provider that are used, and each is said once."""
    sellers = {
        service.provider or known.home_provider(service.model)
        for service in view.services
        if service.serves and not service.is_own_hardware
    }
    providers = sorted(name for name in sellers if name is not None)
    first: dict[tuple[str | None, str | None], int] = {}
    for index, one in enumerate(view.scenario.finance.price_drift):
        path = (*DRIFT, index)
        if one.model is not None and one.model not in view.models:
            yield Finding(
                path=(*path, "model"),
                text=f"no strategy uses a model {shown(one.model)}",
                hint=closest(one.model, view.models),
                complete=_EVERY_USE,
            )
        if one.provider is not None and one.provider not in providers:
            yield Finding(
                path=(*path, "provider"),
                text=f"no strategy buys tokens from a provider {shown(one.provider)}",
                hint=closest(one.provider, providers),
                complete=_EVERY_USE,
            )
        fits = (one.model, one.provider)
        if fits in first:
            other = (*DRIFT, first[fits])
            yield Finding(
                path=path,
                text=f"for the same prices as {render(other)}{view.where(other)}",
                hint="give one of them",
            )
        first.setdefault(fits, index)


def rates(view: View) -> Iterator[Finding]:
    """A real rate needs an inflation; beside a nominal one it would say nothing."""
    finance = view.scenario.finance
    inflation = ("finance", "inflation_per_year")
    if finance.rates == "real" and finance.inflation_per_year is None:
        yield Finding(
            path=("finance", "rates"),
            text="real rates need finance.inflation_per_year: all amounts are nominal",
            because=(inflation,),
        )
    if finance.rates == "nominal" and finance.inflation_per_year is not None:
        yield Finding(
            path=inflation,
            text="given, but finance.rates is nominal: discount_rate has inflation in it",
            hint="leave it out, or give finance.rates: real",
            because=(("finance", "rates"),),
        )


def baseline(view: View) -> Iterator[Finding]:
    """What today costs is more than nothing."""
    found = view.scenario.finance.baseline
    path = ("finance", "baseline")
    if found is not None and not (found.usd_per_request or found.usd_per_month):
        yield Finding(
            path=path,
            text="nothing says what it costs",
            hint="give usd_per_request or usd_per_month above 0",
            because=((*path, "usd_per_request"), (*path, "usd_per_month")),
        )


TIMELINE = (growth, saturation, seasons, price_drift, rates, baseline)
