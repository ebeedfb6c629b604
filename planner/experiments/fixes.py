"""Fixes: what would change a finding, as changes of the scenario that can be applied, undone and pasted.

Comes in: a comparison and one of its findings; goes out: fixes, the one to try first in front. A fix of kind `change`
alters the system; one of kind `target` leaves the system alone and relaxes what is asked of it, and says so; one of
kind `search` has to be looked for (`find`), which simulates. Each is held against the language before it is offered,
and says what it costs where it has a price.
"""

import json
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from planner.errors import ScenarioError
from planner.experiments import fixes_calls, fixes_routes
from planner.experiments.cells import Progress
from planner.experiments.figure_words import figure
from planner.experiments.finding import Finding
from planner.experiments.fixes_calls import Proposal
from planner.experiments.verdicts import Held, matrix
from planner.scenario.fields import Scenario, ThresholdRouter

if TYPE_CHECKING:
    from planner.experiments.comparison import Comparison

Kind = Literal["change", "target", "search"]
LEAST_SHARE_STEP = 1e-6


@dataclass(frozen=True, kw_only=True)
class Fix:
    """What would change a finding: `words` for a button, and changes as {path: value} for `scenario.set` or `--set`.

    A fix of kind `search` has no changes yet: `find` gives those.
    """

    kind: Kind
    words: str
    changes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def options(self) -> tuple[str, ...]:
        """`--set PATH=VALUE` for each change, quoted for a shell."""
        return tuple(
            f"--set {shlex.quote(f'{path}={json.dumps(value)}')}" for path, value in self.changes.items()
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"kind": self.kind, "words": self.words, "changes": dict(self.changes)}


def fixes_of(comparison: "Comparison", finding: Finding) -> tuple[Fix, ...]:
    """Fixes of a finding that the scenario can take, the one to try first in front; none where nothing is known to help."""
    scenario = comparison.scenario
    found = [
        Fix(kind="change", words=words, changes=changes)
        for words, changes in RECIPES.get(finding.code, _nothing)(comparison, finding)
        if is_sound(scenario, changes)
    ]
    found += _search(comparison, finding)
    if finding.code == "near-miss":
        found += _relaxed(comparison, finding)
    return tuple(found)


def fix_of(comparison: "Comparison", finding: Finding) -> Fix | None:
    """The fix to try first, or None."""
    return next(iter(fixes_of(comparison, finding)), None)


def is_sound(scenario: Scenario, changes: Mapping[str, Any]) -> bool:
    """Whether a scenario takes changes without a problem."""
    try:
        scenario.set(changes)
    except ScenarioError:
        return False
    return True


Recipe = Callable[["Comparison", Finding], Iterator[Proposal]]


def _nothing(comparison: "Comparison", finding: Finding) -> Iterator[Proposal]:
    yield from ()


def _near_miss(comparison: "Comparison", finding: Finding) -> Iterator[Proposal]:
    """By the target that is missed."""
    for held in _missed(comparison, finding):
        if held.measure == "sensitive_outside":
            yield from fixes_routes.keep_inside(comparison, finding)
        elif held.measure == "availability":
            yield from fixes_routes.second_provider(comparison, finding)


def _own_breaker(comparison: "Comparison", finding: Finding) -> Iterator[Proposal]:
    """Somebody else to ask while it is open, or a breaker that chance does not open."""
    yield from fixes_routes.second_provider(comparison, finding)
    yield from fixes_calls.open_later(comparison, finding)


def _missed(comparison: "Comparison", finding: Finding) -> list[Held]:
    return [one for one in matrix(comparison) if one.strategy == finding.strategy and not one.met]


RECIPES: Mapping[str, Recipe] = {
    "near-miss": _near_miss,
    "images-dearer-on-mini": fixes_routes.images_to_omni,
    "wasted-spend": fixes_calls.waste_less,
    "prompt-cache-off": fixes_calls.cache_prompts,
    "over-budget": fixes_routes.less_omni,
    "limit-binds": fixes_calls.more_quota_or_wait,
    "limit-headroom": fixes_calls.more_quota,
    "waiting": fixes_calls.more_places,
    "own-breaker": _own_breaker,
    "over-context": fixes_routes.long_to_larger,
    "sensitive-outside": fixes_routes.keep_inside,
    "calls-per-request": fixes_calls.fewer_calls,
    "single-provider": fixes_routes.second_provider,
}


# -- targets -------------------------------------------------------------------------------------


def _relaxed(comparison: "Comparison", finding: Finding) -> Iterator[Fix]:
    """The targets set to what the strategy does: no better a system, and it says so.

    Not offered for private data: a target of none is a ban.
    """
    missed = _missed(comparison, finding)
    if any(one.target == 0 for one in missed):
        return
    changes = {one.path: _just_met(one) for one in missed}
    told = "; ".join(f"{one.name} {figure(changes[one.path], one.unit, 6)}" for one in missed)
    words = f"Relax the target to what {finding.strategy} does ({told}); nothing gets better by it"
    if is_sound(comparison.scenario, changes):
        yield Fix(kind="target", words=words, changes=changes)


def _just_met(one: Held) -> float:
    """The tightest target of three digits (of shares, of a hundredth of a per cent) that a value meets."""
    assert one.value is not None, "a miss that is not measured is not near"
    scale = 10_000 if one.unit == "%" else 10 ** (2 - int(f"{one.value:e}".partition("e")[2]))
    whole = int(one.value * scale)
    steps = (whole, whole + 1) if not one.more_is_better else (whole, whole - 1)
    found: float = next(step / scale for step in steps if one.reaches(step / scale))
    return found


# -- shares that have to be searched -----------------------------------------------------------------


def _search(comparison: "Comparison", finding: Finding) -> Iterator[Fix]:
    strategy = finding.strategy
    if strategy is None or not _has_share(comparison.scenario, strategy):
        return
    if finding.code == "errors-outweigh-the-bill" and comparison.scenario.objective == "economic":
        yield Fix(
            kind="search", words=f"Look for the omni share at which {strategy} costs least, errors included"
        )
    elif finding.code == "near-miss" and _misses_accuracy_alone(comparison, finding):
        yield Fix(
            kind="search", words=f"Look for the nearest omni share at which {strategy} meets its accuracy"
        )


def _misses_accuracy_alone(comparison: "Comparison", finding: Finding) -> bool:
    return [(one.task, one.measure) for one in _missed(comparison, finding)] == [(None, "accuracy")]


def _has_share(scenario: Scenario, strategy: str) -> bool:
    from planner.experiments.omni_share import threshold_strategies

    if strategy not in threshold_strategies(scenario):
        return False
    router = scenario.strategy(strategy).router
    return isinstance(router, ThresholdRouter) and router.omni_share is not None


def find(
    comparison: "Comparison",
    finding: Finding,
    *,
    replications: int | None = None,
    report: Progress | None = None,
) -> tuple[Fix | None, str]:
    """(the fix that a search finds, or None; what was found in words). Simulates some 17 omni shares of one strategy.

    `replications` are those of the comparison, the scenario's unless given, so that both are of the same plan.
    """
    from planner.experiments.omni_share import nearest_share, omni_share, share_changes

    scenario, strategy = comparison.scenario, finding.strategy
    assert strategy is not None, "only fixes of a strategy are searched"
    router = scenario.strategy(strategy).router
    assert isinstance(router, ThresholdRouter), "offered only where there is such a router"
    today = router.omni_share
    assert today is not None, "offered only where the router has a share"
    if finding.code == "near-miss":
        point, points = nearest_share(scenario, strategy, replications=replications, report=report)
        if point is None:
            return (
                None,
                f"No omni share of {strategy} meets the accuracy; the best of those looked at has {_accuracy(points)}",
            )
    else:
        point = omni_share(scenario, strategy, replications=replications, report=report).best
        if point is None:
            return None, f"No omni share of {strategy} meets the accuracy that is asked for."
    if abs(point.share - today) < LEAST_SHARE_STEP:
        return None, f"The omni share of {strategy} is the best of those looked at: {today:.4g}."
    words = f"Send {100 * point.share:.4g} % of {strategy} to omni instead of {100 * today:.4g} %"
    told = f"{words}: {_point_words(point.cost.value, point.accuracy.value)} on the same traffic and luck."
    return Fix(kind="change", words=words, changes=share_changes(scenario, strategy, point.share)), told


def _accuracy(points: Any) -> str:
    best = max((point.accuracy.value or 0.0 for point in points), default=0.0)
    return f"{figure(best, '%')}."


def _point_words(cost: Any, accuracy: float | None) -> str:
    from planner.experiments.answer import money_words

    text = f"it then costs {money_words(cost)}"
    return text if accuracy is None else f"{text} with an accuracy of {figure(accuracy, '%')}"


__all__ = ["RECIPES", "Fix", "Kind", "find", "fix_of", "fixes_of", "is_sound"]
