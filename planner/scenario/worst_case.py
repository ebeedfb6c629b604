"""How far one request can go: the most calls and the longest time that a strategy's retries allow.

Comes in: a scenario whose fields are sound; goes out: bounds for each strategy, found without any run. They hold for
every request; most requests stay far below.
"""

import math
from dataclasses import dataclass

from planner.scenario.batches import terms_of
from planner.scenario.fields import Scenario
from planner.scenario.known import refuses_when_out
from planner.scenario.migrations import models_in_force
from planner.scenario.policy import Policy
from planner.scenario.retrying import Backoff
from planner.scenario.steps import is_capped
from planner.scenario.strategies import TIER_GROUPS, CascadeRouter, Levels, Strategy

MOST_WAYS = 5_000  # of a group, that are followed one by one
MOST_STEPS = 100_000  # many walks may lead to few ways: a second or two


@dataclass(frozen=True, kw_only=True)
class WorstCase:
    """Bounds of one request under a strategy.

    `calls` counts a verifier's call too. `seconds` is None where nothing bounds it; `unbounded` then says what.
    """

    calls: int
    passes: int
    seconds: float | None
    unbounded: str = ""

    @property
    def text(self) -> str:
        """One line for people."""
        layers = f" in {self.passes:,} passes" if self.passes > 1 else ""
        calls = f"at most {self.calls:,} call{'' if self.calls == 1 else 's'}{layers}"
        if self.seconds is None:
            return f"{calls}; its time has no bound: {self.unbounded}"
        return f"{calls} and {self.seconds:,.1f} s for one request"


def worst_case(scenario: Scenario, strategy: str) -> WorstCase:
    """Bounds of one request under a strategy: its longest way, all of it failing.

    Calls are the passes of all layers multiplied, times 1 + retries of every turn of a way, fallbacks included, times
    1 + hedges; time adds up timeouts, waits between them and time in queues, up to the deadline.
    """
    policy = scenario.strategy_policy(strategy)
    passes = passes_of(policy)
    found = ways(scenario, strategy)
    calls = max(
        (sum(_calls(scenario, strategy, turn) for turn in way.turns) + way.has_check for way in found),
        default=0,
    )
    # Tasks in no hurry have no deadline, and their calls may last as long as a batch API has for them.
    longest = [
        _longest_s(scenario, strategy, found, is_batch)
        for is_batch in dict.fromkeys(task.is_batch for task in scenario.tasks.values())
    ]
    total_s, reason = max(longest, key=lambda one: one[0], default=(0.0, ""))
    if math.isinf(total_s):
        return WorstCase(
            calls=passes * calls, passes=passes, seconds=None, unbounded=reason or "a wait without bound"
        )
    return WorstCase(calls=passes * calls, passes=passes, seconds=total_s)


def _longest_s(scenario: Scenario, strategy: str, found: "list[Way]", is_batch: bool) -> tuple[float, str]:
    """(longest time on these ways of a request of tasks with this urgency, what has no bound)."""
    policy, router = scenario.strategy_policy(strategy), scenario.strategy(strategy).router
    decision_s = router.latency_s.upper if router is not None else 0.0
    longest_s, reason = 0.0, ""
    for way in found:
        way_s = (
            router.verifier.latency_s.upper if way.has_check and isinstance(router, CascadeRouter) else 0.0
        )
        for turn in way.turns:
            turn_s, why = _turn_s(scenario, strategy, turn, is_batch)
            way_s += turn_s
            reason = reason or why
        longest_s = max(longest_s, way_s)
    total_s = decision_s + passes_of(policy) * longest_s + _layer_waits_s(policy)
    if policy.deadline_s is not None and not is_batch:
        total_s = min(total_s, policy.deadline_s)
    return total_s, reason


@dataclass(frozen=True)
class Turn:
    """A call and its retries: at one of these deployments, or each at any of them."""

    deployments: tuple[str, ...]
    reselects: bool = False  # each retry may be at another one


@dataclass(frozen=True)
class Way:
    """Turns that one request may meet in a pass where all of them fail, in order; equals as written."""

    turns: tuple[Turn, ...]
    has_check: bool = False  # a verifier's call too


def ways(scenario: Scenario, strategy: str) -> list[Way]:
    """Every way that a pass can take: through the group it is sent to and those that its failures lead to.

    With more than 5,000 ways from a group, one way through all groups that can be reached stands for them.
    """
    found, policy = scenario.strategy(strategy), scenario.strategy_policy(strategy)
    walk = _Walk(found, policy)
    first = [group for group in TIER_GROUPS if found.group(group)]
    first += [rule.to for rule in found.rules if isinstance(rule.to, str) and rule.to not in first]
    walks = [groups for group in first for groups in walk.after((group,))]
    result = [Way(walk.turns(groups)) for groups in walks]
    result += [Way(turns_of(rule.to, policy)) for rule in found.rules if isinstance(rule.to, tuple)]
    if isinstance(found.router, CascadeRouter) and found.omni and found.mini:
        # An answer that the check turns down may be of any group on the way: the later ones are not asked by then.
        begun = dict.fromkeys(
            groups[:length] for groups in walk.after(("mini",)) for length in range(1, len(groups) + 1)
        )
        both = dict.fromkeys(
            groups for met in begun for groups in (walk.after((*met, "omni")) if "omni" not in met else [met])
        )
        result += [Way(walk.turns(groups), has_check=True) for groups in both]
    return result


class _Walk:
    """Groups that a request meets one after another while all of them fail: see `Engine._serve` of the reference."""

    def __init__(self, strategy: Strategy, policy: Policy) -> None:
        self.strategy, self.policy = strategy, policy
        self.n_steps = 0
        self._lists: dict[str, tuple[tuple[str, ...], ...]] = {}

    def lists(self, group: str) -> tuple[tuple[str, ...], ...]:
        """The lists that a group may fall back on, each once."""
        if group not in self._lists:
            found = self.strategy.lists(group, self.policy.special_fallbacks_only)
            self._lists[group] = tuple(dict.fromkeys(found))
        return self._lists[group]

    def turns(self, groups: tuple[str, ...]) -> tuple[Turn, ...]:
        return tuple(
            turn for group in groups for turn in turns_of(self.strategy.group(group) or (), self.policy)
        )

    def after(self, met: tuple[str, ...]) -> list[tuple[str, ...]]:
        """All walks that begin with these groups and go on from the last of them."""
        try:
            return self._from(met, 0)
        except _TooManyWays:
            return [self._everywhere(met)]

    def _from(self, met: tuple[str, ...], n_fallbacks: int) -> list[tuple[str, ...]]:
        """Each group fails in one way, so one of its lists is gone through, each entry with all that follows it."""
        if n_fallbacks == self.policy.max_fallbacks:
            return [met]
        self.n_steps += 1
        if self.n_steps > MOST_STEPS:
            raise _TooManyWays
        found: dict[tuple[str, ...], None] = {}
        for one_list in self.lists(met[-1]):
            walks = [met]
            for other in one_list:
                walks = [
                    further
                    for walk in walks
                    for further in ([walk] if other in walk else self._from((*walk, other), n_fallbacks + 1))
                ]
                walks = list(dict.fromkeys(walks))
                if len(walks) + len(found) > MOST_WAYS:
                    raise _TooManyWays
            found |= dict.fromkeys(walks)
        return list(found)

    def _everywhere(self, met: tuple[str, ...]) -> tuple[str, ...]:
        found, pending = dict.fromkeys(met), [met[-1]]
        while pending:
            fresh = [one for one_list in self.lists(pending.pop(0)) for one in one_list if one not in found]
            found |= dict.fromkeys(fresh)
            pending += fresh
        return tuple(found)


class _TooManyWays(Exception):
    """There are more ways than anybody needs to know one by one."""


def turns_of(levels: Levels, policy: Policy) -> tuple[Turn, ...]:
    """Turns of a group: of each deployment; of each level, where equals are not asked; or of the group and each level
    after the first, where retries choose anew.
    """
    everybody = tuple(name for level in levels for name in level)
    if policy.retry_target == "reselect":
        later = [Turn(level, reselects=True) for level in levels[1:]]
        return (Turn(everybody, reselects=True), *later) if levels else ()
    if not policy.asks_equals:
        return tuple(Turn(level) for level in levels)
    return tuple(Turn((name,)) for name in everybody)


def _calls(scenario: Scenario, strategy: str, turn: Turn) -> int:
    """Most calls of a turn; those of tasks in no hurry are not hedged."""
    own = [scenario.policy_for(strategy, name) for name in turn.deployments]
    if all(task.is_batch for task in scenario.tasks.values()):
        return 1 + max(one.most_retries for one in own)
    if turn.reselects:
        return (1 + max(one.most_retries for one in own)) * (1 + max(hedges_of(one) for one in own))
    return max(calls_of(one) for one in own)


def _turn_s(scenario: Scenario, strategy: str, turn: Turn, is_batch: bool) -> tuple[float, str]:
    """(longest time of a turn, what has no bound there)."""
    if not turn.reselects:
        return max(_target_s(scenario, strategy, name, is_batch) for name in turn.deployments)
    own = [scenario.policy_for(strategy, name) for name in turn.deployments]
    call_s, why = max(_hedged_s(scenario, strategy, name, is_batch) for name in turn.deployments)
    retries = max(one.most_retries for one in own)
    waits = [
        max(_waits_s(scenario, strategy, name, retries)[k] for name in turn.deployments)
        for k in range(retries + 1)
    ]
    return (1 + retries) * call_s + sum(waits), why


def _target_s(scenario: Scenario, strategy: str, name: str, is_batch: bool) -> tuple[float, str]:
    """(longest time at a deployment, what has no bound there)."""
    retries = scenario.policy_for(strategy, name).most_retries
    call_s, why = _hedged_s(scenario, strategy, name, is_batch)
    return (1 + retries) * call_s + sum(_waits_s(scenario, strategy, name, retries)), why


def _waits_s(scenario: Scenario, strategy: str, name: str, retries: int) -> list[float]:
    """Longest waits after the failures of a turn at a deployment, the last one's too."""
    policy, deployment = scenario.policy_for(strategy, name), scenario.limited(strategy, name)
    waits = [longest_wait_s(policy.backoff, k) for k in range(retries + 1)]
    may_be_asked = deployment.limits is not None and policy.when_limited == "retry"
    if (may_be_asked or refuses_when_out(scenario, strategy, name)) and policy.honours_retry_after:
        asked_s = policy.retry_after_cap_s + policy.retry_after_jitter_s
        waits = [max(wait, asked_s) for wait in waits]
    if not policy.sleep_after_last or retries == 0:
        waits[-1] = 0.0
    return waits


def _hedged_s(scenario: Scenario, strategy: str, name: str, is_batch: bool) -> tuple[float, str]:
    """(longest time of a call and its hedges, what has no bound there)."""
    policy = scenario.policy_for(strategy, name)
    call_s, why = _call_s(scenario, strategy, name)
    if is_batch:
        return _batch_s(scenario, name, call_s, why)
    if policy.hedge is not None:
        # The last further call begins so much later, and may be at another deployment with other limits and timeouts.
        hedge_s, why_hedge = _call_s(scenario, strategy, policy.hedge.to or name)
        call_s, why = max(call_s, policy.hedge.max * policy.hedge.after_s + hedge_s), why or why_hedge
    return call_s, why


def _batch_s(scenario: Scenario, name: str, call_s: float, why: str) -> tuple[float, str]:
    """The same of a call that is never hedged: through a batch API for as long as the models there have one."""
    days = [scenario.start, *(one.at for one in scenario.finance.migrations)]
    found = [terms_of(scenario, name, models_in_force(scenario, day)[name], day) for day in days]
    windows_s = [terms.expires_s for terms in found if terms is not None]
    longest_s, why = (call_s, why) if None in found else (0.0, "")
    return max([longest_s, *windows_s]), why


def _call_s(scenario: Scenario, strategy: str, name: str) -> tuple[float, str]:
    """(longest time of one call at a deployment, from its asking to its end; what has no bound there)."""
    policy, limits = scenario.policy_for(strategy, name), scenario.limited(strategy, name).limits
    queue_s = 0.0
    is_queued = limits is not None and (
        (is_capped(limits.concurrent) and policy.when_busy == "wait") or policy.when_limited == "wait"
    )
    if is_queued and policy.queue_limit != 0:
        queue_s = math.inf if policy.queue_timeout_s is None else policy.queue_timeout_s.upper
    call_s = math.inf if policy.timeout_s is None else policy.timeout_s
    why = ""
    if math.isinf(call_s):
        why = f"{name} has no timeout_s"
    elif math.isinf(queue_s):
        why = f"calls wait at {name} without queue_timeout_s"
    return call_s + queue_s, why


def passes_of(policy: Policy) -> int:
    """Passes of all layers of retries, multiplied."""
    return math.prod(layer.attempts for layer in policy.layers)


def calls_of(policy: Policy) -> int:
    """Most calls that one turn to a deployment can make: retries, and the hedges of each."""
    return (1 + policy.most_retries) * (1 + hedges_of(policy))


def hedges_of(policy: Policy) -> int:
    """Further calls that may stand beside one."""
    return policy.hedge.max if policy.hedge is not None else 0


def _layer_waits_s(policy: Policy) -> float:
    """All waits of all layers: those of an inner layer come again in every pass of the outer ones."""
    total_s, outer = 0.0, 1
    for layer in policy.layers:
        total_s += outer * sum(longest_wait_s(layer.backoff, k) for k in range(layer.attempts - 1))
        outer *= layer.attempts
    return total_s


def longest_wait_s(backoff: Backoff, k: int) -> float:
    """Longest wait before retry k, in seconds; inf where its law has no upper end."""
    if backoff.kind == "fixed":
        waits_s = backoff.waits_s or (0.0,)
        return waits_s[min(k, len(waits_s) - 1)] * (1 + backoff.spread)
    if backoff.kind == "law":
        return backoff.wait_s.upper if backoff.wait_s is not None else 0.0
    if backoff.kind == "polly":
        # The curve's next value, at its highest, less the one before at its lowest.
        lowest = _polly_curve(k - 1) if k > 0 else 0.0
        return min(backoff.cap_s, backoff.base_s / 1.4 * (_polly_curve(k + 1) - lowest))
    if backoff.kind == "decorrelated":
        return min(backoff.cap_s, backoff.base_s * 3.0 ** min(k + 1, 600))
    if backoff.kind == "linear":
        return min(backoff.base_s * (k + 1), backoff.cap_s) * (1 + backoff.spread)
    if backoff.kind == "envoy":
        return min(backoff.base_s * (2.0 ** min(k + 1, 1000) - 1), backoff.cap_s)
    try:
        grown_s = min(backoff.base_s * backoff.factor**k, backoff.cap_s)
    except OverflowError:
        grown_s = backoff.cap_s if backoff.base_s > 0 else 0.0
    return (grown_s + (backoff.jitter_s if backoff.kind == "litellm" else 0.0)) * (1 + backoff.spread)


def _polly_curve(t: float) -> float:
    return 2.0**t * math.tanh(2.0 * math.sqrt(t))
