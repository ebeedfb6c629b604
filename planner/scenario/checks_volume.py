"""Rules about prices that move with volume: they are of providers and strategies that exist, in time, and count nothing twice."""

import datetime
from collections.abc import Iterable, Iterator

from planner.scenario import known
from planner.scenario.checks_money import HORIZON, MIGRATIONS
from planner.scenario.declare import shown
from planner.scenario.finance_volume import Commitment, Negotiated, VolumePrices, commitment_months
from planner.scenario.finding import Finding, View, unknown
from planner.scenario.paths import Path, closest, render

_USED = (("deployments",), ("strategies",))


def sellers(view: View) -> dict[str, None]:
    """Providers whose tokens some strategy may pay for; those of own hardware and provisioned units are paid otherwise."""
    found: dict[str, None] = {}
    for service in view.services:
        owner = None if service.owner is None else view.scenario.deployments[service.owner]
        provider = service.provider or known.home_provider(service.model)
        if provider is not None and (owner is None or owner.is_paid_by_token):
            found.setdefault(provider)
    return found


def _seller(view: View, path: Path, provider: str) -> Iterator[Finding]:
    sold_by = sellers(view)
    if provider not in sold_by:
        yield Finding(
            path=(*path, "provider"),
            text=f"no strategy buys tokens of {shown(provider)}",
            hint=closest(provider, sold_by),
            because=(MIGRATIONS,),
            complete=_USED,
        )


def _model(view: View, path: Path, model: str | None) -> Iterator[Finding]:
    if model is not None and model not in view.models:
        yield Finding(
            path=(*path, "model"),
            text=f"no strategy uses a model {shown(model)}",
            hint=closest(model, view.models),
            because=(MIGRATIONS,),
            complete=_USED,
        )


def volume_prices(view: View) -> Iterator[Finding]:
    """Tiers are of tokens that are bought, and no token is in two of them."""
    rules = view.scenario.finance.volume_prices
    for index, rule in enumerate(rules):
        path = ("finance", "volume_prices", index)
        yield from _seller(view, path, rule.provider)
        yield from _model(view, path, rule.model)
        for field, what in (("steps", "step"), ("meters", "meter")):
            if getattr(rule, field) == ():
                place = (*path, field)
                yield Finding(path=place, given="[]", allowed=f"at least one {what}", because=(place,))
        for earlier in range(index):
            if _share_tokens(rules[earlier], rule):
                other = ("finance", "volume_prices", earlier)
                yield Finding(
                    path=path,
                    text=f"tokens of {rule.provider} are in {render(other)} already{view.where(other)}; "
                    "each token can be in one of them",
                    hint="give model or meters to tell them apart",
                    because=(other,),
                )
                break


def _share_tokens(one: VolumePrices, other: VolumePrices) -> bool:
    same_model = one.model is None or other.model is None or one.model == other.model
    same_meter = one.meters is None or other.meters is None or bool(set(one.meters) & set(other.meters))
    return one.provider == other.provider and same_model and same_meter


def commitments(view: View) -> Iterator[Finding]:
    """Commitments are signed by strategies that exist, begin with a month of the plan and end within it."""
    begin, end = view.horizon
    last = end - known.ONE_DAY
    in_plan = 12 * (last.year - begin.year) + last.month - begin.month + 1
    for index, one in enumerate(view.scenario.finance.commitments):
        path = ("finance", "commitments", index)
        yield from _seller(view, path, one.provider)
        for place, name in enumerate(one.strategies or ()):
            if name not in view.scenario.strategies:
                yield unknown((*path, "strategies", place), name, view.scenario.strategies, "strategies")
        if one.starts is not None and not (
            begin <= one.starts < end and (one.starts.day == 1 or one.starts == begin)
        ):
            yield Finding(
                path=(*path, "starts"),
                given=str(one.starts),
                allowed=f"{begin}, or the first day of a month after it, until {last}",
                because=HORIZON,
            )
        elif (first := commitment_months(view.scenario, one).start) + one.months > in_plan:
            since = f" from {one.starts} on" if one.starts is not None else ""
            yield Finding(
                path=(*path, "months"),
                given=f"{one.months}",
                allowed=f"at most {in_plan - first}: the plan, {view.span()}, has so many calendar months{since}; "
                "what is owed after its end would be in no bill",
                hint="give a longer finance.horizon_months, or fewer months",
                because=(*HORIZON, (*path, "starts")),
            )
        yield from _counted_twice(view, index, path, one)


def _counted_twice(view: View, index: int, path: Path, one: Commitment) -> Iterator[Finding]:
    months = set(commitment_months(view.scenario, one))
    for earlier, other in enumerate(view.scenario.finance.commitments[:index]):
        both = [name for name in view.strategies if _signs(view, one, name) and _signs(view, other, name)]
        if one.provider == other.provider and both and months & set(commitment_months(view.scenario, other)):
            place = ("finance", "commitments", earlier)
            yield Finding(
                path=path,
                text=f"runs beside {other.name}{view.where(place)} at {one.provider} for strategy {both[0]}: "
                "use would count towards both",
                hint="give them as one, or one after the other",
                because=(place,),
            )
            return


def _signs(view: View, one: Commitment, strategy: str) -> bool:
    return one.strategies is None or any(name in one.strategies for name in view.scenario.lineage(strategy))


def negotiated(view: View) -> Iterator[Finding]:
    """Negotiated factors are of tokens that are bought, on days of the plan, one at a time."""
    given = view.scenario.finance.negotiated
    begin, end = view.horizon
    for index, one in enumerate(given):
        path = ("finance", "negotiated", index)
        yield from _seller(view, path, one.provider)
        yield from _model(view, path, one.model)
        if one.starts is not None and not begin <= one.starts < end:
            yield _no_day(view, (*path, "from"), one.starts)
        if one.ends is not None and not begin < one.ends <= end:
            yield _no_day(view, (*path, "to"), one.ends, begin + known.ONE_DAY, end)
        elif one.ends is not None and one.starts is not None and one.ends <= one.starts:
            yield Finding(
                path=(*path, "to"),
                given=str(one.ends),
                allowed=f"after from, which is {one.starts}{view.where((*path, 'from'))}",
                because=((*path, "from"),),
            )
        for earlier in range(index):
            other = given[earlier]
            if (other.provider, other.model) == (one.provider, one.model) and _meet(other, one):
                place = ("finance", "negotiated", earlier)
                yield Finding(
                    path=path,
                    text=f"{render(place)} holds for the same prices on some of its days{view.where(place)}",
                    hint="give from and to, so that one follows the other",
                    because=(place,),
                )
                break
        yield from _idle_factor(view, path, one)


def _meet(one: Negotiated, other: Negotiated) -> bool:
    first, last = datetime.date.min, datetime.date.max
    return (one.starts or first) < (other.ends or last) and (other.starts or first) < (one.ends or last)


def _no_day(
    view: View,
    path: Path,
    given: datetime.date,
    first: datetime.date | None = None,
    last: datetime.date | None = None,
) -> Finding:
    span = view.span() if first is None else f"{first} to {last}, the day after the plan"
    return Finding(path=path, given=str(given), allowed=f"a day of the horizon, {span}", because=HORIZON)


def _idle_factor(view: View, path: Path, one: Negotiated) -> Iterator[Finding]:
    own = None if one.model is None else view.scenario.models.get(one.model)
    if own is not None and None not in (own.input_usd_per_mtok, own.output_usd_per_mtok):
        yield Finding(
            path=path,
            text=f"prices of {one.model} are your own (models), which this factor leaves as they are",
            because=(("models", one.model or ""),),
            is_notice=True,
        )


def prepaid(view: View) -> Iterator[Finding]:
    """Credit is bought of somebody whose tokens are bought, once."""
    met: set[str | None] = set()
    for index, one in enumerate(view.scenario.finance.prepaid):
        path = ("finance", "prepaid", index)
        if one.provider is not None:
            yield from _seller(view, path, one.provider)
        elif not _has_platform(view, view.strategies):
            yield Finding(
                path=(*path, "through"),
                text="no strategy goes through a platform",
                hint="give gateway.kind: unified",
                because=(("gateway",),),
                complete=(("strategies",),),
            )
        if one.provider in met:
            field = "through" if one.provider is None else "provider"
            yield Finding(
                path=(*path, field), text="its credit has a fee already", because=(("finance", "prepaid"),)
            )
        met.add(one.provider)


def _has_platform(view: View, strategies: Iterable[str]) -> bool:
    return any(view.scenario.gateway_for(name).kind == "unified" for name in strategies)


VOLUME = (volume_prices, commitments, negotiated, prepaid)
