"""Which models the catalogue offers for a tier of a scenario: priced, measured, not retired, taking what its tasks send.

Comes in: a scenario and a tier, omni or mini; goes out: the model that the tier asks first, and what could stand in its place.
"""

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from planner.scenario import known
from planner.scenario.checks_eligibility import ways
from planner.scenario.fields import Scenario
from planner.scenario.finding import View

TIERS = ("omni", "mini")
#: Classes of the catalogue that each tier is offered first; the others follow.
CLASSES = {"omni": ("omni", "mid", "mini", "nano"), "mini": ("mini", "nano", "mid", "omni")}


@dataclass(frozen=True, kw_only=True)
class Slot:
    """The model of a tier that can be changed: the first one asked that is paid by the token, and where it is served."""

    tier: str
    model: str
    deployments: tuple[str, ...]  # of that model in that tier, in the order in which they are asked
    provider: str

    @property
    def written(self) -> str:
        """MODEL@PROVIDER, as in a link."""
        return f"{self.model}@{self.provider}"


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A model at a provider that could serve a tier on the first day of the plan."""

    model: str
    provider: str
    model_class: str  # omni | mid | mini | nano
    input_usd_per_mtok: float
    output_usd_per_mtok: float
    retires: datetime.date | None  # within the horizon; None: it lasts

    @property
    def written(self) -> str:
        """MODEL@PROVIDER, as in a link."""
        return f"{self.model}@{self.provider}"


def slot(scenario: Scenario, tier: str) -> Slot | None:
    """The model that a tier asks first; None where nothing in it is paid by the token and sold by a provider."""
    for strategy in scenario.strategies:
        levels = getattr(scenario.strategy(strategy), tier) or ()
        for name in (name for level in levels for name in level):
            found = scenario.deployments[name]
            if found.is_paid_by_token and found.provider is not None:
                return Slot(
                    tier=tier,
                    model=found.model,
                    provider=found.provider,
                    deployments=_of_model(scenario, tier, found.model),
                )
    return None


def _of_model(scenario: Scenario, tier: str, model: str) -> tuple[str, ...]:
    """Deployments of a model in a tier, over all strategies, that a catalogue's model can take the place of."""
    found: dict[str, None] = {}
    for strategy in scenario.strategies:
        for level in getattr(scenario.strategy(strategy), tier) or ():
            for name in level:
                one = scenario.deployments[name]
                if one.model == model and one.is_paid_by_token and one.provider is not None:
                    found[name] = None
    return tuple(found)


def offers(scenario: Scenario, tier: str) -> tuple[Offer, ...]:
    """What could serve a tier: priced on the first day, not retired by then, measured, taking what its tasks send.

    Those that last the horizon come first, the tier's class before others, the newest before older ones.
    """
    here = slot(scenario, tier)
    if here is None:
        return ()
    from planner.catalogue import models

    view = view_of(scenario)
    needed = _modalities(view, here)
    least = _least_context(scenario, here)
    first, end = view.horizon
    found = [
        offer
        for name, record in models.load().items()
        if needed <= record.modalities
        and record.context_tokens >= least
        and record.tier in CLASSES[tier]
        and ("audio" in needed or "audio" not in record.output_modalities)
        for offer in _at_providers(scenario, name, record, first, end)
    ]
    return _today_first(found, CLASSES[tier])


def _today_first(found: Sequence[Offer], classes: Sequence[str]) -> tuple[Offer, ...]:
    """The newest of the tier's own class of every vendor at the head, then by class and age; what retires comes last."""

    from planner.catalogue import models

    place = {name: index for index, name in enumerate(models.load())}  # of a vendor's, the oldest first

    def order(offer: Offer) -> tuple[bool, int, int, bool, str]:
        is_resold = offer.provider != known.home_provider(offer.model)
        rank = classes.index(offer.model_class)
        return offer.retires is not None, rank, -place[offer.model], is_resold, offer.provider

    ordered = sorted(found, key=order)
    heads: dict[str, Offer] = {}
    for offer in ordered:
        if offer.retires is None and offer.model_class == classes[0]:
            heads.setdefault(models.model(offer.model).vendor, offer)
    vendors = list(dict.fromkeys(record.vendor for record in models.load().values()))
    first = sorted(heads.values(), key=lambda offer: vendors.index(models.model(offer.model).vendor))
    return (*first, *(offer for offer in ordered if offer not in first))


def view_of(scenario: Scenario) -> View:
    return View(scenario=scenario, line=lambda path: None)


def _at_providers(
    scenario: Scenario, name: str, record: Any, first: datetime.date, end: datetime.date
) -> Iterator[Offer]:
    from planner.catalogue import prices

    for provider in prices.providers(name):
        if not known.has_latency(name, provider):
            continue
        gone = known.retirement(name, provider)
        retires = None if gone is None else gone.date
        if retires is not None and retires <= first:
            continue
        if any(known.price_problem(scenario, name, provider, meter, first) for meter in ("input", "output")):
            continue
        usd = [known.usd_per_mtok(scenario, name, provider, meter, first) for meter in ("input", "output")]
        yield Offer(
            model=name,
            provider=provider,
            model_class=record.tier,
            input_usd_per_mtok=usd[0],
            output_usd_per_mtok=usd[1],
            retires=retires if retires is not None and retires < end else None,
        )


def _modalities(view: View, here: Slot) -> frozenset[str]:
    """What the tasks send that may come to a slot's deployments."""
    names = set(here.deployments)
    return frozenset(
        kind
        for strategy in view.strategies
        for task, found in view.scenario.tasks.items()
        if any(names & set(way.deployments) for way in ways(view, strategy, task))
        for kind in found.modalities
    )


def _least_context(scenario: Scenario, here: Slot) -> int:
    """A model of a far smaller window would fail requests by their size: a quarter of the present one is asked for."""
    found = known.facts(scenario, here.model)
    return 0 if found is None or found.context_tokens is None else min(found.context_tokens // 4, 32_000)


def sellers(scenario: Scenario, model: str) -> list[str]:
    """Providers at which a model can be called on the first day of the plan."""
    from planner.catalogue import prices

    return [
        one
        for one in prices.providers(model)
        if known.has_latency(model, one)
        and not any(
            known.price_problem(scenario, model, one, meter, scenario.start) for meter in ("input", "output")
        )
        and not (
            (gone := known.retirement(model, one)) and gone.date and gone.date <= view_of(scenario).horizon[1]
        )
    ]


__all__ = ["TIERS", "Offer", "Slot", "offers", "sellers", "slot"]
