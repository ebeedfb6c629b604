"""What a month's bill gains or loses because of how much was used in all: tiers, commitments, prepaid credit.

Comes in: the calendar and prices of a strategy, without any counts. Goes out: adjustments, each piecewise linear in one
sum over the month's charges of tokens. Three readers work the same data: the ledger in exact decimals (`quantities`: one
row for each knot), and intervals and drawn bills in floats (`amount`, `amounts`). Which charges make the sum is data too
(`Scope`). The fields of the language stand in `scenario.finance_volume`.

An adjustment's base is scale x (the sum of its scope's charges + the amounts of the earlier adjustments in `adds`).
Tiers come before commitments, which count what is left after them, and prepaid fees come last. The gateway's fee is a
share of spend before all of these (`horizon`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
import numpy.typing as npt

from planner.errors import PlannerError, PriceUnknown
from planner.finance.calendar import Month
from planner.finance.ledger import EXACT, INVOICED, View, exact, plain, rounded
from planner.finance.quantities import API, LONG, VERIFIED, Key
from planner.finance.standing_charge import strategy_pays
from planner.finance.tariff import Sold
from planner.scenario import paths
from planner.scenario.finance_volume import Commitment, VolumePrices, commitment_months
from planner.tables import METERS

if TYPE_CHECKING:
    from planner.finance.horizon import Plan

Floats = npt.NDArray[np.float64]
ONE = Decimal(1)
VOLUME, COMMITMENT, PREPAID = "volume prices", "commitment", "prepaid fee"
ADJUSTED = (VOLUME, COMMITMENT, PREPAID)  # groups of accounts that hold nothing but adjustments


class PricesMove(PlannerError):
    """Tiers that go by tokens of a price that changes within a month: whose tokens count first is not worked out."""


class Priced(Protocol):
    """What a scope asks of a charge (`tariff.Charge`) or of a line of the bill."""

    @property
    def sold(self) -> Sold | None: ...
    @property
    def unit_price_usd(self) -> Decimal: ...


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Which charges count: those of tokens that somebody sells and that meet every field given; None: any."""

    provider: str | None = None
    model: str | None = None
    meters: tuple[str, ...] | None = None
    unit_price_usd: Decimal | None = None

    def holds(self, charge: Priced) -> bool:
        """Whether a charge is one of these. Waste, batch calls and a cascade's checks count as well."""
        sold = charge.sold
        return (
            sold is not None
            and self.provider in (None, sold.provider)
            and self.model in (None, sold.model)
            and (self.meters is None or sold.meter in self.meters)
            and self.unit_price_usd in (None, charge.unit_price_usd)
        )


@dataclass(frozen=True, kw_only=True)
class Knot:
    """Where the price changes, and what each unit there adds to the bill (less than 0: takes off it).

    Counted is, of a base: `above` what is over the threshold, `whole` all of it where it is over the threshold, `below`
    what is missing to the threshold.
    """

    part: Literal["above", "whole", "below"]
    threshold: Decimal
    slope_usd: Decimal
    account: str
    source: str

    def quantity(self, base: Decimal) -> Decimal:
        """Units of a base that this knot prices."""
        if self.part == "below":
            return max(Decimal(0), EXACT.subtract(self.threshold, base))
        if base <= self.threshold:
            return Decimal(0)
        return base if self.part == "whole" else EXACT.subtract(base, self.threshold)

    def amount(self, base: Floats) -> Floats:
        """USD for each of many bases: quantity x slope in floats."""
        return knot_amount(self.part, float(self.slope_usd), float(self.threshold), base)


def knot_amount(part: str, slope: float | Floats, threshold: float | Floats, base: Floats) -> Floats:
    """USD of a knot for each of many bases, and, where drawn costs move them, slopes and thresholds."""
    if part == "below":
        return np.asarray(slope * np.maximum(0.0, threshold - base))
    if part == "whole":
        return np.asarray(slope * np.where(base > threshold, base, 0.0))
    return np.asarray(slope * np.maximum(0.0, base - threshold))


@dataclass(frozen=True, kw_only=True)
class Adjustment:
    """One month's change of the bill by one rule of the scenario.

    `of` says what is summed over the charges of the scope: their money, or their tokens. `adds` are places of earlier
    adjustments of the same strategy, whose amounts (USD) belong to the base; only where `of` is amount_usd.
    """

    month: str
    scope: Scope
    of: Literal["amount_usd", "quantity"] = "amount_usd"
    scale: Decimal = ONE
    adds: tuple[int, ...] = ()
    knots: tuple[Knot, ...]
    view: View = INVOICED
    task: str | None = None
    deployment: str | None = None

    @property
    def unit(self) -> str:
        """What its quantities are of."""
        return "USD" if self.of == "amount_usd" else "token"

    def quantities(self, base: Decimal) -> tuple[tuple[Knot, Decimal], ...]:
        """The rows of an exact base (scale and `adds` are in it): each knot with its units, without those of none."""
        found = ((knot, knot.quantity(base)) for knot in self.knots)
        return tuple((knot, units) for knot, units in found if units)

    def amount(self, base: Floats) -> Floats:
        """USD for each of many bases, any shape: the float twin of `quantities`."""
        return np.asarray(sum((knot.amount(base) for knot in self.knots), np.zeros_like(base, dtype=float)))


def amounts(adjustments: Sequence[Adjustment], sums: Floats) -> Floats:
    """USD of every adjustment for many bills at once.

    Parameters
    ----------
    sums : float array, shape (adjustments, ...)
        Of each adjustment the sum over the charges of its scope, USD or tokens as `of` says; `scale` and `adds` are
        applied here.

    Returns
    -------
    float array of the same shape, USD
    """
    found = np.zeros_like(sums, dtype=float)
    for place, one in enumerate(adjustments):
        base = sums[place] + sum((found[earlier] for earlier in one.adds), np.zeros_like(sums[place]))
        found[place] = one.amount(float(one.scale) * base)
    return found


def exact_quantities(
    adjustments: Sequence[Adjustment], sums: Sequence[Decimal]
) -> Iterator[tuple[Adjustment, Knot, Decimal]]:
    """The rows of one bill: (adjustment, knot, units) for the exact sums of the scopes; see `amounts`."""
    found: list[Decimal] = []
    for one, total in zip(adjustments, sums, strict=True):
        for earlier in one.adds:
            total = EXACT.add(total, found[earlier])
        usd = Decimal(0)
        for knot, units in one.quantities(EXACT.multiply(one.scale, total)):
            usd = EXACT.add(usd, EXACT.multiply(units, knot.slope_usd))
            yield one, knot, units
        found.append(usd)


def adjustments(plan: "Plan") -> tuple[Adjustment, ...]:
    """Every adjustment of a strategy over the horizon, month by month, in the order in which they count.

    A month that the plan covers in part has that part of every threshold and of every commitment.
    """
    made: list[Adjustment] = []
    for place, month in enumerate(plan.months):
        first = len(made)
        made += _tiers(plan, month)
        tiers = range(first, len(made))
        first = len(made)
        made += _commitments(plan, month, place, made, tiers)
        made += _prepaid(plan, month, made, (*tiers, *range(first, len(made))))
    return tuple(made)


# -- tiers -----------------------------------------------------------------------------------------


def _tiers(plan: "Plan", month: Month) -> Iterator[Adjustment]:
    for index, rule in enumerate(plan.scenario.finance.volume_prices):
        scope = Scope(provider=rule.provider, model=rule.model, meters=rule.meters)
        if rule.of == "usd":
            yield Adjustment(month=month.name, scope=scope, knots=_steps(rule, index, month, ONE))
            continue
        # Lists with tiers of tokens count each of their prices by itself: a model's meter, batch and long calls apart.
        for scope_of_price, price in _prices_in(plan, month, scope):
            yield Adjustment(
                month=month.name, scope=scope_of_price, of="quantity", knots=_steps(rule, index, month, price)
            )


def _steps(rule: VolumePrices, index: int, month: Month, price: Decimal) -> tuple[Knot, ...]:
    """One knot for each step: the change of the factor there, or all of it with kind volume.

    With kind volume a step prices the whole use, so what the step before it took off is given back.
    """
    found, before = [], ONE
    for place, step in enumerate(rule.steps):
        factor = exact(step.factor)
        source = (
            f"scenario: {paths.render(('finance', 'volume_prices', index, 'steps', place))}: {rule.kind}, times {factor} "
            f"above {plain(exact(step.above))} {'USD' if rule.of == 'usd' else 'tokens'} a month, times {before} below"
        )
        found.append(
            Knot(
                part="above" if rule.kind == "graduated" else "whole",
                threshold=_part_of(step.above, month),
                slope_usd=EXACT.multiply(EXACT.subtract(factor, before), price),
                account=VOLUME,
                source=source,
            )
        )
        before = factor
    return tuple(knot for knot in found if knot.slope_usd)


def _prices_in(plan: "Plan", month: Month, scope: Scope) -> Iterator[tuple[Scope, Decimal]]:
    """Every price of a token within a scope that may be paid in a month, each as a scope of its own.

    Raises
    ------
    PricesMove
        A price changes within the month: what was used before and after it would each begin below the first step.
    """
    found: dict[Scope, None] = {}
    met: dict[tuple[object, ...], Decimal] = {}
    for piece in plan.pieces:
        if piece.month != month.name:
            continue
        models = plan.eras[piece.era].models
        for key in _keys(plan):
            try:
                charges = plan.tariff.charges(key, models, piece.start)
            except PriceUnknown:  # raised again where tokens of that kind are really used
                continue
            for charge in charges:
                if charge.sold is not None and scope.holds(charge):
                    one = Scope(
                        provider=scope.provider,
                        model=charge.sold.model,
                        meters=(charge.sold.meter,),
                        unit_price_usd=charge.unit_price_usd,
                    )
                    found.setdefault(one)
                    before = met.setdefault(
                        (key.deployment, key.kind, charge.account, charge.sold), charge.unit_price_usd
                    )
                    if before != charge.unit_price_usd:
                        raise PricesMove(
                            f"not supported yet: tiers of tokens (finance.volume_prices with of: tokens) at {scope.provider} in "
                            f"{month.name}, as the price of {charge.sold.model} ({charge.sold.meter}) changes on {piece.start}, within "
                            "the month; let prices change on the first of a month, or give tiers of: usd"
                        )
    for one in found:
        assert one.unit_price_usd is not None, f"a price that is none: {one}"
        yield one, one.unit_price_usd


def _keys(plan: "Plan") -> Iterator[Key]:
    """One count of every kind that may be paid by the token; waste costs what use does."""
    for task in plan.shares:
        for meter in METERS:
            for name in plan.scenario.deployments_of(plan.strategy):
                yield Key(task, name, API, meter)
                yield Key(task, name, API + LONG, meter)
            if plan.tariff.has_verifier:
                yield Key(task, None, VERIFIED, meter)


# -- commitments and prepaid credit ----------------------------------------------------------------


def _commitments(
    plan: "Plan", month: Month, place: int, made: Sequence[Adjustment], tiers: Sequence[int]
) -> Iterator[Adjustment]:
    """Pay the maximum of the commitment and of use at its price level: what is missing, and what the level takes off."""
    for index, one in enumerate(plan.scenario.finance.commitments):
        if not _is_bound(plan, one) or place not in commitment_months(plan.scenario, one):
            continue
        path = ("finance", "commitments", index)
        scope = Scope(provider=one.provider)
        adds = _of_provider(made, tiers, one.provider)
        level = exact(one.factor)
        if level != ONE:
            source = f"scenario: {paths.render((*path, 'factor'))} ({one.name})"
            knot = Knot(
                part="above",
                threshold=Decimal(0),
                slope_usd=EXACT.subtract(level, ONE),
                account=f"{COMMITMENT}/price level",
                source=source,
            )
            yield Adjustment(month=month.name, scope=scope, adds=adds, knots=(knot,))
        unused = Knot(
            part="below",
            threshold=_part_of(one.usd_per_month, month),
            slope_usd=ONE,
            account=f"{COMMITMENT}/unused",
            source=f"scenario: {paths.render((*path, 'usd_per_month'))} ({one.name})",
        )
        yield Adjustment(month=month.name, scope=scope, scale=level, adds=adds, knots=(unused,))


def _is_bound(plan: "Plan", one: Commitment) -> bool:
    """Whether a strategy has signed: those named, or all that may buy of the provider."""
    if one.strategies is not None:
        return strategy_pays(one.strategies, plan.scenario, plan.strategy)
    return one.provider in plan.tariff.sellers


def _prepaid(
    plan: "Plan", month: Month, made: Sequence[Adjustment], before: Sequence[int]
) -> Iterator[Adjustment]:
    """A share of spend that is bought ahead, of the platform where all spend goes through one, else by provider."""
    given = plan.scenario.finance.prepaid
    has_platform = plan.scenario.gateway_for(plan.strategy).kind == "unified"
    through = any(one.through is not None for one in given) and has_platform
    for index, one in enumerate(given):
        if (one.through is not None) != through or (one.provider not in plan.tariff.sellers and not through):
            continue
        knot = Knot(
            part="above",
            threshold=Decimal(0),
            slope_usd=exact(one.fee),
            account=PREPAID,
            source=f"scenario: {paths.render(('finance', 'prepaid', index, 'fee'))}",
        )
        if through:  # credit of the platform pays for tokens and for its fee
            scale = EXACT.add(ONE, plan.tariff.gateway_fee)
            yield Adjustment(month=month.name, scope=Scope(), scale=scale, knots=(knot,))
        else:
            adds = _of_provider(made, before, one.provider)
            yield Adjustment(month=month.name, scope=Scope(provider=one.provider), adds=adds, knots=(knot,))


def _of_provider(made: Sequence[Adjustment], places: Sequence[int], provider: str | None) -> tuple[int, ...]:
    return tuple(place for place in places if made[place].scope.provider == provider)


def _part_of(usd: float, month: Month) -> Decimal:
    """A monthly figure in a month that the plan may cover in part."""
    return rounded(Fraction(exact(usd)) * month.fraction)
