"""Findings: rules over results that say what a reader would otherwise have to dig for.

Comes in: a finished comparison; goes out: findings, most important first. What matters more is said first: findings
with money at stake by that money, then those that concern a share of requests, calls or tokens by that share, then the
rest in the order of the rules.
"""

from decimal import Decimal
from typing import TYPE_CHECKING

from planner.experiments import findings_answer, findings_money, findings_service
from planner.experiments.finding import Facts, Finding, Rows, Rule
from planner.experiments.findings_money import WASTE_WORDS, mean_against_median

if TYPE_CHECKING:
    from planner.experiments.comparison import Comparison

RULES: tuple[Rule, ...] = (
    *findings_answer.RULES,
    *findings_money.RULES,
    *findings_service.RULES,
    mean_against_median,
)


def findings(comparison: "Comparison") -> tuple[Finding, ...]:
    """All that the rules find, most important first; the same sentence once."""
    facts = Facts.of(comparison)
    found = {(one.code, one.text): one for rule in RULES for one in rule(facts)}
    return tuple(sorted(found.values(), key=_importance))


def _importance(one: Finding) -> tuple[int, Decimal, float]:
    if one.usd is not None:
        return 0, -one.usd, 0.0
    if one.share is not None:
        return 1, Decimal(0), -one.share
    return 2, Decimal(0), 0.0


__all__ = ["RULES", "WASTE_WORDS", "Facts", "Finding", "Rows", "findings"]
