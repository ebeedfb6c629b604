"""From a count to money: the account, unit, unit price and scale of everything that is used.

Comes in: a strategy of a scenario; goes out: for each count of `quantities` on a day with certain models
in force, the charges that it makes. The ledger and its intervals are computed from the same charges, so
they cannot disagree.
"""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Literal, NamedTuple

from planner.catalogue import profiles, tokens
from planner.finance import quantities as q
from planner.finance.hardware import device_watts
from planner.finance.ledger import ECONOMIC, EXACT, INVOICED, View, exact
from planner.finance.quantities import Key
from planner.finance.token_prices import (
    UnitPrice,
    batch_price,
    has_own_prices,
    home_provider,
    long_threshold,
    pays_by_token,
    price_days,
    token_price,
)
from planner.scenario import paths
from planner.scenario.batches import has_batch_tasks, terms_of
from planner.scenario.fields import CascadeRouter, Scenario
from planner.scenario.known import BATCH_METERS
from planner.scenario.migrations import model_in_force
from planner.scenario.price_levels import PriceLevel
from planner.scenario.remembered import once_per_scenario
from planner.scenario.strategies import Verifier
from planner.scenario.supply import Deployment
from planner.tables import METERS

MS_W_PER_KWH = 3_600_000_000  # milliseconds times watts in a kilowatt-hour
BYTES_PER_GB = 1_000_000_000
DATED = frozenset(
    (*q.TOKEN_KINDS, q.VERIFIED)
)  # counts whose price moves; all others cost the same on any day
Driver = Literal["request", "hour"]  # what moves a cost: expected requests, or hours
_LOST = {"failed": Fraction(1), "unasked": Fraction(1), "failed-again": Fraction(-1)}


class Sold(NamedTuple):
    """Tokens that somebody sells: who (None: nobody known), of which model, of which meter."""

    provider: str | None
    model: str
    meter: str


@dataclass(frozen=True, kw_only=True)
class Charge:
    """What one count costs: `scale` units for each, at `unit_price_usd` a unit.

    `per` says what drives it: expected requests of the task, or the task's share of the hours.
    """

    view: View
    account: str
    unit: str
    unit_price_usd: Decimal
    source: str
    scale: Fraction = Fraction(1)
    per: Driver = "request"
    through_gateway: bool = False
    sold: Sold | None = None  # None: no tokens, or those of own hardware


class Tariff:
    """All prices of a strategy; one object for one scenario and strategy."""

    def __init__(self, scenario: Scenario, strategy: str) -> None:
        self.scenario = scenario
        self.strategy = strategy
        self.gateway_fee = exact(scenario.gateway_for(strategy).fee)
        self.gateway_source = fee_source(scenario, strategy)
        router = scenario.strategy(strategy).router
        self._router = router
        self._verifier: Verifier | None = router.verifier if isinstance(router, CascadeRouter) else None
        self._known: dict[tuple[Key, str | None, date | None], tuple[Charge, ...]] = {}
        self._tokens_known: dict[tuple[object, ...], Charge] = {}

    def cuts(self, start: date, end: date) -> set[date]:
        """Days inside (start, end) on which a price that this strategy may pay changes."""
        days: set[date] = set()
        for model, provider in self._sold():
            days.update(price_days(self.scenario, model, provider, self._meters, start, end))
        if self._verifier is not None:
            days.update(one.at for one in self.scenario.finance.migrations if start < one.at < end)
        return days

    @property
    def has_verifier(self) -> bool:
        """Whether answers are checked by a model that is paid by the token."""
        return self._verifier is not None

    @cached_property
    def sellers(self) -> frozenset[str | None]:
        """Providers whose tokens this strategy may pay for within the horizon."""
        own = {name for name, found in self.scenario.deployments.items() if found.is_own_hardware}
        return frozenset(
            _seller(provider, model) for name, model, provider in self._named() if name not in own
        )

    @property
    def _meters(self) -> tuple[str, ...]:
        """Meters whose price may change the bill."""
        return (*METERS, *dict.fromkeys(BATCH_METERS.values())) if has_batch_tasks(self.scenario) else METERS

    def charges(self, key: Key, models: Mapping[str, str], on: date) -> tuple[Charge, ...]:
        """What a count costs on a day with these models in force.

        Raises
        ------
        PriceUnknown
            Tokens were used of which no price is known on that day.
        """
        model = self._verifier_model(on) if key.kind == q.VERIFIED else models.get(key.deployment or "")
        asked = (key, model, on if key.kind in DATED else None)
        if asked not in self._known:
            self._known[asked] = tuple(self._charges(key, model, on))
        return self._known[asked]

    def priced_by(self, key: Key) -> Hashable:
        """What, beside the day and the models in force, the price of a count of `DATED` goes by.

        All counts that have it in common cost the same, so that one price tells of them all; where their costs stand in
        the accounts may differ.
        """
        return (
            key.deployment, key.kind == q.VERIFIED, key.kind.endswith(q.LONG), key.meter,
            self.scenario.tasks[key.task].is_batch,
        )  # fmt: skip

    def _charges(self, key: Key, model: str | None, on: date) -> Iterator[Charge]:
        assert key.kind in q.KINDS, (
            f"a count that no account knows of: {key}"
        )  # it would cost nothing, unseen
        kind = key.kind.removesuffix(q.LONG)
        if kind in q.USES:
            yield from self._tokens(key, kind, model, on)
        elif kind == q.VERIFIED and key.meter in METERS:
            yield self._verifier_tokens(key, model, on)
            if key.meter == "input":  # the prompt of a check leaves our cloud as well
                yield from self._gigabytes(
                    Fraction(exact(profiles.transfer()["bytes_per_input_token"].central))
                )
        elif kind == q.ROUTED:
            yield from self._decisions()
        elif kind in (q.SENT, q.DELIVERED):
            yield from self._transfer(key, model)
        elif kind == q.BUSY:
            yield from self._energy(key)
        elif kind == q.ANSWERS and key.meter == "wrong":
            yield from self._wrong_answers(key)
        elif kind == q.REQUESTS and key.meter in _LOST:
            yield from self._downtime(_LOST[key.meter])
        elif kind == q.REQUESTS and key.meter == "completed":
            yield from self._review(key)

    def _tokens(self, key: Key, kind: str, model: str | None, on: date) -> Iterator[Charge]:
        deployment, model = self._whose(key, model)
        provider = deployment.provider
        if not pays_by_token(self.scenario, deployment, model, key.meter):
            return  # paid by the hour, the piece or the unit
        is_long, account = key.kind.endswith(q.LONG), f"{kind}/{key.meter}"
        terms = None
        if self.scenario.tasks[key.task].is_batch:
            assert key.deployment is not None, f"use of nobody: {key}"
            terms = terms_of(self.scenario, key.deployment, model, on)
        if terms is None:
            price = _token_price(self.scenario, model, provider, key.meter, on, is_long, deployment.level)
        else:
            factor, account = terms.price_factor, f"{kind}/{q.BATCH}/{key.meter}"
            price = batch_price(self.scenario, model, provider, key.meter, on, factor=factor, is_long=is_long)
        # The same charge on all days of a price, and at all ends that calls come to alike.
        what = (key.deployment, model, key.meter, account, price.usd, price.source)
        found = self._tokens_known.get(what)
        if found is None:
            found = self._tokens_known[what] = Charge(
                view=INVOICED,
                account=account,
                unit="token",
                unit_price_usd=price.usd,
                source=price.source,
                through_gateway=deployment.is_paid_by_token,
                sold=None if deployment.is_own_hardware else Sold(_seller(provider, model), model, key.meter),
            )
        yield found

    def _verifier_tokens(self, key: Key, model: str | None, on: date) -> Charge:
        assert self._verifier is not None, f"a check without a verifier: {key}"
        assert model is not None, f"a check without a model: {key}"
        price = token_price(self.scenario, model, self._verifier.provider, key.meter, on)
        return Charge(
            view=INVOICED,
            account=f"verifier/{key.meter}",
            unit="token",
            unit_price_usd=price.usd,
            source=price.source,
            through_gateway=True,
            sold=Sold(_seller(self._verifier.provider, model), model, key.meter),
        )

    def _decisions(self) -> Iterator[Charge]:
        assert self._router is not None, "decisions without a router"
        if self._router.usd_per_1k_requests:
            yield Charge(
                view=INVOICED,
                account="router",
                unit="request",
                unit_price_usd=exact(self._router.usd_per_1k_requests).scaleb(-3, EXACT),
                source=router_source(self.scenario, self.strategy),
            )

    def _transfer(self, key: Key, model: str | None) -> Iterator[Charge]:
        """Prompts to others' deployments leave our cloud; answers leave it unless a device gave them."""
        deployment, model = self._whose(key, model)
        stays = deployment.is_own_hardware if key.kind == q.SENT else deployment.device is not None
        if not stays:
            yield from self._gigabytes(bytes_each(self.scenario, key, model))

    def _gigabytes(self, size: Fraction) -> Iterator[Charge]:
        price = self.scenario.finance.transfer_usd_per_gb
        if size and price:
            yield Charge(
                view=INVOICED,
                account="transfer",
                unit="GB",
                unit_price_usd=exact(price),
                source="scenario: finance.transfer_usd_per_gb",
                scale=size / BYTES_PER_GB,
            )

    def _energy(self, key: Key) -> Iterator[Charge]:
        assert key.deployment is not None, f"time of nobody: {key}"
        price = self.scenario.finance.electricity_usd_per_kwh
        device = self.scenario.deployments[key.deployment].device
        if device is not None and price:
            watts, source = device_watts(self.scenario, key.deployment)
            idle = exact(device.idle_watts or 0)  # paid by the hour, `standing_hardware`
            above = f", {idle} W of them idle or not" if idle else ""
            yield Charge(
                view=INVOICED,
                account="energy",
                unit="kWh",
                unit_price_usd=exact(price),
                source=f"scenario: finance.electricity_usd_per_kwh; {watts} W while answering ({source}){above}",
                scale=Fraction(EXACT.subtract(watts, idle)) / MS_W_PER_KWH,
            )

    def _wrong_answers(self, key: Key) -> Iterator[Charge]:
        cost = self.scenario.tasks[key.task].cost_of_wrong_answer_usd
        if cost:
            yield Charge(
                view=ECONOMIC,
                account="wrong answers",
                unit="answer",
                unit_price_usd=exact(cost),
                source=f"scenario: tasks.{key.task}.cost_of_wrong_answer_usd",
            )

    def _review(self, key: Key) -> Iterator[Charge]:
        """Answers that people look at, whoever gave them."""
        review = self.scenario.tasks[key.task].review
        if review is not None and review.share and review.usd:
            yield Charge(
                view=INVOICED,
                account="review",
                unit="answer",
                unit_price_usd=exact(review.usd),
                source=f"scenario: tasks.{key.task}.review",
                scale=Fraction(exact(review.share)),
            )

    def _downtime(self, scale: Fraction) -> Iterator[Charge]:
        """Turns of the traffic that nobody answered: those that failed, and those that were then never asked.

        A question that fails once more when it is asked again is lost once.
        """
        cost = self.scenario.finance.downtime_usd_per_hour
        if cost:
            yield Charge(
                view=ECONOMIC,
                account="downtime",
                unit="h",
                unit_price_usd=exact(cost),
                source="scenario: finance.downtime_usd_per_hour",
                scale=scale,
                per="hour",
            )

    def _whose(self, key: Key, model: str | None) -> tuple[Deployment, str]:
        """The deployment of a count and the model that it then runs."""
        assert key.deployment is not None, f"use of nobody: {key}"
        assert model is not None, f"use of no model: {key}"
        return self.scenario.deployments[key.deployment], model

    def _verifier_model(self, on: date) -> str | None:
        return None if self._verifier is None else model_in_force(self.scenario, self._verifier.model, on)

    def _sold(self) -> set[tuple[str, str | None]]:
        """Every (model, provider) whose tokens this strategy may pay for within the horizon."""
        return {(model, provider) for _, model, provider in self._named()}

    def _named(self) -> Iterator[tuple[str | None, str, str | None]]:
        """(deployment, model, provider) of them; no deployment is the verifier."""
        for name in self.scenario.deployments_of(self.strategy):
            deployment = self.scenario.deployments[name]
            for model in successors(self.scenario, deployment.model):
                if deployment.is_paid_by_token or (
                    deployment.is_own_hardware and has_own_prices(self.scenario, model)
                ):
                    yield name, model, deployment.provider
        if self._verifier is not None:
            for model in successors(self.scenario, self._verifier.model):
                yield None, model, self._verifier.provider


@once_per_scenario
def _token_price(
    scenario: Scenario,
    model: str,
    provider: str | None,
    meter: str,
    on: date,
    is_long: bool,
    level: PriceLevel | None,
) -> UnitPrice:
    """`token_price`, looked up once for all strategies and for all ends that a call may come to."""
    return token_price(scenario, model, provider, meter, on, is_long=is_long, level=level)


def _seller(provider: str | None, model: str) -> str | None:
    """Who sells a model's tokens where nobody is named: its own vendor."""
    return provider if provider is not None else home_provider(model)


def long_thresholds(scenario: Scenario, strategy: str, models: Mapping[str, str], on: date) -> dict[str, int]:
    """DEPLOYMENT: prompt tokens above which its model's long-context price holds on a day.

    For `quantities.count`. `models` are those in force (`Era.models`); own hardware, provisioned units and models
    without such a price are left out.
    """
    found = {}
    for name in scenario.deployments_of(strategy):
        deployment = scenario.deployments[name]
        above = long_threshold(scenario, models[name], deployment.provider, on)
        if above is not None and deployment.is_paid_by_token:
            found[name] = above
    return found


def fee_source(scenario: Scenario, strategy: str) -> str:
    """Where a strategy's gateway fee is written: in it, in one it is `like`, or for the whole scenario."""
    for name in scenario.lineage(strategy):
        if "fee" in scenario.strategies[name].gateway.model_fields_set:
            return "scenario: " + paths.render(("strategies", name, "gateway", "fee"))
    return "scenario: gateway.fee"


def router_source(scenario: Scenario, strategy: str) -> str:
    """Where the price of a strategy's router is written: in it or in one it is `like`."""
    owner = next(name for name in scenario.lineage(strategy) if scenario.strategies[name].router is not None)
    return "scenario: " + paths.render(("strategies", owner, "router", "usd_per_1k_requests"))


def successors(scenario: Scenario, model: str) -> tuple[str, ...]:
    """A model and all that replace it within the plan, in order."""
    days = sorted(one.at for one in scenario.finance.migrations)
    return tuple(dict.fromkeys([model, *(model_in_force(scenario, model, day) for day in days)]))


def bytes_each(scenario: Scenario, key: Key, model: str) -> Fraction:
    """Bytes on the wire for each count of `sent` or `delivered`; 0 for counts that bring none of their own.

    Text goes by tokens, images by the call (their tokens depend on the model, their bytes do not), speech
    by the second. Figures: catalogue parameters, transfer.
    """
    sizes = profiles.transfer()
    if key.meter == "calls":
        return len(scenario.tasks[key.task].images) * Fraction(exact(sizes["bytes_per_image"].central))
    if key.meter == "input":
        return Fraction(exact(sizes["bytes_per_input_token"].central))
    if key.meter == "output":
        return Fraction(exact(sizes["bytes_per_output_token"].central))
    if key.meter in ("audio_input", "audio_output"):
        is_prompt = key.meter == "audio_input"
        tokens_per_s = (tokens.audio_input_tokens_per_s if is_prompt else tokens.audio_output_tokens_per_s)(
            model
        )
        return Fraction(exact(sizes["bytes_per_audio_s"].central)) / tokens_per_s
    return Fraction(0)
