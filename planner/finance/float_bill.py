"""The bill of a strategy in floats, quickly: what each line costs in each month, for thousands of changed inputs.

Comes in: a scenario, a strategy and the rates per request that were simulated; goes out: a matrix of USD, lines by
calendar months. A line is finer than a row of the ledger: one count, one charge, one stretch of equal prices, so that
it is a product of quantities and prices and nothing but. The exact ledger stays `horizon.account`; this is its float
twin, made of the same charges, and differs from it only in the rounding of quantities to 1e-6 unit.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from planner.finance.float_adjustments import NO_RULES, SUM, Rules, figures_of, rules_of, summed_in
from planner.finance.horizon import AT_START, CREDITED, Plan, plan_of
from planner.finance.ledger import ECONOMIC, INVOICED
from planner.finance.quantities import Key
from planner.finance.rates import Rates
from planner.finance.standing import standing_charges
from planner.scenario.fields import Scenario
from planner.workload.windows import MonthPiece, horizon

Floats = npt.NDArray[np.float64]
FloatRates = Mapping[int, Mapping[str, Mapping[Key, float]]]  # ERA: TASK: count per request
FEE, CREDITS = "gateway fee", "credits"  # shares of what is spent on something else


@dataclass(frozen=True)
class Line:
    """What tells a line from others: equal in two bills of the same strategy, whatever its price and quantity."""

    view: str
    account: str
    task: str | None
    deployment: str | None
    unit: str
    detail: tuple[object, ...]  # what is counted and from when, or whose charge it is

    def channel(self, rules: Rules) -> int:
        """Where it is summed up: 0 for what is invoiced, 1 for what is not, others for figures of rules."""
        if self.view == INVOICED:
            return 0
        if self.view == ECONOMIC:
            return 1
        *_, rule, knot = self.detail
        assert isinstance(rule, int) and isinstance(knot, int), self  # noqa: PT018
        return rules.channel(self.view, rule, knot)

    @property
    def is_at_start(self) -> bool:
        """Whether it is paid on the plan's first day."""
        return self.account in AT_START

    @property
    def spent_on(self) -> str:
        """The account; of a gateway's fee or a provider's credit, the one on whose spend it is taken."""
        return str(self.detail[0]) if self.account in (FEE, CREDITS) else self.account

    @property
    def meter(self) -> str | None:
        """What is counted (`quantities.Key.meter`); None for what stands whoever comes."""
        return None if self.is_standing else str(self.detail[2])

    @property
    def is_standing(self) -> bool:
        """Whether it is paid whether or not a request comes."""
        return len(self.detail) == 1


@dataclass(frozen=True)
class FloatBill:
    """USD of each line in each calendar month, shape (lines, months).

    Where prices move with volume, `rules` are those of each month, and the lines of `inner` are what the rules sum up
    and their figures, whose values stand in `figures`; they are no money.
    """

    lines: tuple[Line, ...]
    usd: Floats
    rules: Rules = NO_RULES
    inner: tuple[Line, ...] = ()
    figures: Floats | None = None

    @property
    def all_lines(self) -> tuple[Line, ...]:
        """Lines of money, then those of figures."""
        return (*self.lines, *self.inner)

    @property
    def values(self) -> Floats:
        """What stands in all of them, shape (lines, months)."""
        return self.usd if self.figures is None else np.concatenate([self.usd, self.figures])

    def channels(self, values: Floats) -> Floats:
        """Values of all lines, such as `values`, summed up by channel; shape (channels, 1, months)."""
        found = np.zeros((self.rules.channels, 1, self.usd.shape[1]))
        for line, one in zip(self.all_lines, values, strict=True):
            found[line.channel(self.rules), 0] += one
        return found


def float_rates(rates: Mapping[int, Rates]) -> dict[int, dict[str, dict[Key, float]]]:
    """Rates of `rates.rates_of` as floats."""
    return {
        era: {task: {key: float(rate) for key, rate in found.items()} for task, found in by_task.items()}
        for era, by_task in rates.items()
    }


def float_bill(scenario: Scenario, strategy: str, rates: FloatRates) -> FloatBill:
    """The bill of a strategy with these uses per request.

    Raises
    ------
    PriceUnknown
        As `horizon.account`.
    """
    plan = plan_of(scenario, strategy)
    place = {month.name: index for index, month in enumerate(plan.months)}
    lines: dict[Line, Floats] = {}
    inner: dict[Line, Floats] = {}
    for line, usd in (*_standing(plan, place), *_used(plan, rates, place), *_figures(plan, len(place))):
        mine = lines if line.view in (INVOICED, ECONOMIC) else inner
        mine[line] = mine[line] + usd if line in mine else usd
    found = np.array(list(lines.values())) if lines else np.zeros((0, len(place)))
    if not inner:
        return FloatBill(tuple(lines), found)
    return FloatBill(tuple(lines), found, rules_of(plan), tuple(inner), np.array(list(inner.values())))


def _figures(plan: Plan, n_months: int) -> Iterator[tuple[Line, Floats]]:
    for what, rule, knot, month, figure in figures_of(plan):
        value = np.zeros(n_months)
        value[month] = figure
        yield Line(what, "", None, None, "", ("figure", rule, knot)), value


def _standing(plan: Plan, place: Mapping[str, int]) -> Iterator[tuple[Line, Floats]]:
    """Lines are told apart by their order within a month: what their sources say may hold the very figures that vary."""
    met: dict[tuple[str, str, str | None, str], int] = {}
    for charge in standing_charges(plan.scenario, plan.strategy, plan.months):
        usd = np.zeros(len(place))
        usd[place[charge.month]] = float(charge.quantity) * float(charge.unit_price_usd)
        kind = (charge.month, charge.account, charge.deployment, charge.unit)
        met[kind] = met.get(kind, 0) + 1
        yield Line(INVOICED, charge.account, None, charge.deployment, charge.unit, (met[kind],)), usd


def _used(plan: Plan, rates: FloatRates, place: Mapping[str, int]) -> Iterator[tuple[Line, Floats]]:
    fee = float(plan.tariff.gateway_fee)
    shares = {task: float(share) for task, share in plan.shares.items()}
    for start, pieces in _stretches(plan):
        models = plan.eras[pieces[0].era].models
        requests, hours = np.zeros(len(place)), np.zeros(len(place))
        for piece in pieces:
            requests[place[piece.month]] += piece.expected_requests
            hours[place[piece.month]] += (piece.end - piece.start).days * 24
        for task, found in rates[pieces[0].era].items():
            if not requests.any():
                continue
            for key, rate in found.items():
                for number, charge in enumerate(plan.tariff.charges(key, models, pieces[0].start)):
                    driver = hours if charge.per == "hour" else requests
                    each = shares[task] * rate * float(charge.scale) * float(charge.unit_price_usd)
                    detail = (charge.account, key.kind, key.meter, key.task, start, number)
                    owner = task if charge.per == "request" else None
                    usd = driver * each
                    yield Line(charge.view, charge.account, owner, key.deployment, charge.unit, detail), usd
                    if charge.through_gateway and fee:
                        yield Line(INVOICED, FEE, owner, key.deployment, "USD", detail), usd * fee
                    for rule, month in summed_in(plan, charge) if charge.sold is not None else ():
                        counted = np.zeros(len(place))
                        counted[month] = usd[month]
                        yield (
                            Line(SUM, charge.account, owner, key.deployment, "USD", (*detail, rule, 0)),
                            counted,
                        )
                    if plan.credits and charge.account.partition("/")[0] in CREDITED:
                        back = np.array(
                            [-float(plan.credits.get((month, key.deployment or ""), 0)) for month in place]
                        )
                        if back.any():
                            yield Line(INVOICED, CREDITS, owner, key.deployment, "USD", detail), usd * back


def _stretches(plan: Plan) -> Iterator[tuple[str, list[MonthPiece]]]:
    """Pieces between which neither a model nor a price changes, and the day from which they go.

    Prices that drift change with every month, on no day that `cuts` would name: then each piece is by itself.
    """
    cuts = sorted(plan.tariff.cuts(*horizon(plan.scenario)))
    drifts = bool(getattr(plan.scenario.finance, "price_drift", ()))
    found: dict[tuple[int, int, int], list[MonthPiece]] = {}
    for number, piece in enumerate(plan.pieces):
        stretch = (piece.era, bisect_right(cuts, piece.start), number if drifts else 0)
        found.setdefault(stretch, []).append(piece)
    for pieces in found.values():
        yield pieces[0].start.isoformat(), pieces
