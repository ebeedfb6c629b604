"""Break-even as plain values for JSON: volumes, shares and money as decimal strings, rounded only where they must be."""

import decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from planner.finance import plain

if TYPE_CHECKING:
    from planner.experiments.break_even import BreakEven, Pair
    from planner.finance.flips import ErrorCost, OverTime

_DIGITS = decimal.Context(
    prec=28, rounding=decimal.ROUND_HALF_EVEN
)  # of a fraction that has no finite decimal


def document(found: "BreakEven") -> dict[str, Any]:
    """The JSON document of `planner break-even --json`."""
    return {
        "scenario": found.scenario.name,
        "hash": found.scenario.hash,
        "objective": found.scenario.objective,
        "requests_per_month": found.requests_per_month,
        "headroom": found.headroom,
        "lines": {
            name: {
                "fixed_usd": decimal_text(line.fixed_usd),
                "usd_per_request_a_month": decimal_text(line.unit_usd),
                "step": None
                if line.steps is None
                else {
                    "requests_per_month": decimal_text(line.steps.capacity),
                    "usd": decimal_text(line.steps.usd),
                    "spare": line.steps.spare,
                },
            }
            for name, line in found.lines.items()
        },
        "pairs": [_pair(pair) for pair in found.pairs],
        "omni_shares": [share.to_dict() for share in found.omni_shares],
    }


def _pair(pair: "Pair") -> dict[str, Any]:
    return {
        "a": pair.a,
        "b": pair.b,
        "volumes": [
            {
                "requests_per_month": decimal_text(one.volume),
                "before": one.before,
                "after": one.after,
                "kind": one.kind,
            }
            for one in pair.volumes
        ],
        "always": pair.always,
        "today": pair.today,
        "months": _over_time(pair.months),
        "months_npv": _over_time(pair.months_npv),
        "error_costs": [_error_cost(one) for one in pair.error_costs],
    }


def _over_time(found: "OverTime") -> dict[str, Any]:
    return {
        "leads_at_first": found.leads_at_first,
        "turns": [{"month": turn.month, "before": turn.before, "after": turn.after} for turn in found.turns],
        "b_minus_a_so_far_usd": {month: plain(difference) for month, difference in found.differences},
    }


def _error_cost(one: "ErrorCost") -> dict[str, Any]:
    return {
        "task": one.task,
        "usd": None if one.usd is None else decimal_text(one.usd),
        "factor": None if one.factor is None else decimal_text(one.factor),
        "below": one.below,
        "above": one.above,
        "more_wrong": one.more_wrong,
        "today_usd": None if one.today_usd is None else plain(one.today_usd),
    }


def decimal_text(amount: Fraction) -> str:
    """A fraction as a decimal string, to 28 significant digits.

    >>> decimal_text(Fraction(320, 3)), decimal_text(Fraction(5, 4))
    ('106.6666666666666666666666667', '1.25')
    """
    return plain(_DIGITS.divide(decimal.Decimal(amount.numerator), decimal.Decimal(amount.denominator)))
