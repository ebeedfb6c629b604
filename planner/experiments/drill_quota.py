"""Which quota at the fallbacks would have lost nothing, found by runs of the drill under other limits.

Comes in: a strategy's pairs of runs; goes out: for each fallback the least requests per minute, tokens per minute and
calls at once, each by itself with the other limits of all fallbacks off, then all of them together, confirmed by a run
of every replication. Caps of a day, quotas of `limits.windows`, kind and charge stay as they are, and so do the limits of
the provider that is out.

Where a limit turns calls away, enough is what loses no more requests than no limit at all. Where it lets them wait
(`when_limited: wait`, `when_busy: wait`) nothing may ever be lost, however long the wait: there enough is what lets
every request end as without limits. Quotas have two digits, calls at once are whole numbers; they are found by halves,
and more need not always lose fewer: what is told was simulated, that nothing smaller would do is known of what was tried.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from planner import limiting, tables
from planner.engines.work import Work
from planner.errors import LoadExceedsCapacity, ScenarioError
from planner.experiments.drill_counts import refused
from planner.experiments.drill_runs import Arrays, Bench, Pair, Rows, calls_of
from planner.experiments.limits import MOST_TIMES, index_of, rounded
from planner.scenario.declare import NOTHING
from planner.scenario.fields import Scenario
from planner.scenario.known import limits_of
from planner.scenario.paths import render
from planner.scenario.quotas import beside_minutes, sharing
from planner.scenario.steps import MOST_CALLS

CONCURRENT = "concurrent"
STEPS_TOGETHER = 5  # of all quotas, where each alone would do; then they are sought one by one
NONE_LOST, NONE_WAITS = "none-lost", "none-waits"
LIMIT = tables.CAUSES[tables.LIMIT]
UNITS = {
    "requests_per_minute": "requests/min",
    "tokens_per_minute": "tokens/min",
    "input_tokens_per_minute": "input tokens/min",
    "output_tokens_per_minute": "output tokens/min",
    CONCURRENT: "calls at once",
}
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Quota:
    """The least of one limit at a fallback, the others off; None where none up to 1,000 times the demand does.

    `deployments` draw on the same quota. `given` is what holds now, None for no limit (or a cap in steps).
    """

    deployments: tuple[str, ...]
    field: str
    rule: str  # none-lost or none-waits
    given: int | None
    needed: int | None
    text: str


@dataclass(frozen=True, kw_only=True)
class FallbackQuota:
    """What would have lost nothing; counts of requests are over all replications.

    `lost_by_cause` are requests that no quota saves: lost with the outage, not without it, and no limit at any fallback.
    A `limit` among them is the outage's own 429, one of the provider that is out, or a quota that is kept.
    """

    fallbacks: tuple[str, ...]  # that are asked more often in the outage
    n_lost: int  # with the limits as they are, and not without the outage
    n_lost_unlimited: int  # the same without limits at the fallbacks
    lost_by_cause: Mapping[str, int]
    n_refused: int  # of those lost by `limit`: the outage's own 429 was what they met last
    quotas: tuple[Quota, ...]
    together: Mapping[
        str, Mapping[str, int]
    ]  # DEPLOYMENT: field: quota; confirmed by runs, empty if none found
    text: str


def fallback_quota(
    bench: Bench, strategy: str, pairs: Sequence[Pair], heard: Callable[[], None]
) -> FallbackQuota:
    """The search for a strategy; `heard` is called after each step."""
    return _Search(bench, strategy, pairs, heard).result()


class _Search:
    def __init__(self, bench: Bench, strategy: str, pairs: Sequence[Pair], heard: Callable[[], None]) -> None:
        self.bench, self.strategy, self.pairs, self.heard = bench, strategy, pairs, heard
        self.scenario = bench.scenario
        used = self.scenario.deployments_of(strategy)
        self.hit = [name for name in used if name in bench.plan.deployments]
        self.others = tuple(name for name in used if name not in bench.plan.deployments)
        self.without = [_lost(pair.without) for pair in pairs]
        self.free: list[Rows] = []
        self.known: dict[tuple[str, str, int], bool] = {}
        self.settings: dict[str, Scenario | None] = {}

    def result(self) -> FallbackQuota:
        now = sum(
            int((_lost(pair.with_outage) & ~one).sum())
            for pair, one in zip(self.pairs, self.without, strict=True)
        )
        nothing = FallbackQuota(
            fallbacks=(), n_lost=now, n_lost_unlimited=now, lost_by_cause={}, n_refused=0, quotas=(), together={}, text="",
        )  # fmt: skip
        provider = " and ".join(self.bench.plan.providers)
        if not self.hit:
            return replace(nothing, text=f"It has no deployment of {provider}: the outage does not touch it.")
        if not self.others:
            rows = [pair.with_outage for pair in self.pairs]
            text = f"No quota helps: it has no deployment beside those of {provider}."
            return replace(
                nothing, lost_by_cause=self._causes(rows), n_refused=self._refused(rows), text=text
            )
        pooled = [name for name in self.others if name in self._pooled]
        if pooled:
            text = (
                f"Not sought: {_listed(pooled)} and what is out draw on the same limits, those of the platform "
                "(gateway.limits); planner limits tells what they would have to be."
            )
            rows = [pair.with_outage for pair in self.pairs]
            return replace(
                nothing, lost_by_cause=self._causes(rows), n_refused=self._refused(rows), text=text
            )
        try:
            free = self._lifted({})
        except ScenarioError as error:
            why = "; ".join(map(str, error.problems))
            return replace(
                nothing, text=f"Not sought: the limits of the fallbacks cannot be taken off: {why}."
            )
        try:
            self.free = self.bench.each(partial(self._run, free), self.bench.replications)
        except LoadExceedsCapacity as error:
            return replace(nothing, text=f"Not sought: without limits at the fallbacks no run ends: {error}.")
        self.heard()
        units = self._units()
        left = self._causes(self.free)
        n_left, n_refused = sum(left.values()), self._refused(self.free)
        nothing = replace(nothing, n_lost_unlimited=n_left, lost_by_cause=left, n_refused=n_refused)
        if not units:
            why = "no other deployment is asked more often in the outage"
            told = f"{self._told(left, n_refused)} are lost all the same" if n_left else "nothing is lost"
            return replace(nothing, text=f"No fallback quota is used: {why}, and {told}.")
        found = [(unit, field, *self._least(unit, field)) for unit in units for field in self._fields(unit)]
        quotas = tuple(self._quota(*one) for one in found)
        together = self._together(found)
        return replace(
            nothing,
            fallbacks=tuple(name for unit in units for name in unit),
            quotas=quotas,
            together=together,
            text=self._text(now, left, n_refused, quotas, together),
        )

    @property
    def _pooled(self) -> tuple[str, ...]:
        """Deployments whose own limits do not hold, as the platform's stand in their place."""
        if self.scenario.gateway_for(self.strategy).limits is None:
            return ()
        return self.scenario.behind_gateway(self.strategy)

    # -- runs --

    def _causes(self, runs: Sequence[Rows]) -> dict[str, int]:
        """CAUSE: requests lost that are not lost without the outage, over all replications."""
        sums = np.zeros(len(tables.CAUSES), np.int64)
        for rows, without in zip(runs, self.without, strict=True):
            sums += np.bincount(rows.outcomes["cause"][_lost(rows) & ~without], minlength=len(tables.CAUSES))
        return {cause: int(n) for cause, n in zip(tables.CAUSES, sums, strict=True) if n}

    def _refused(self, runs: Sequence[Rows]) -> int:
        """Requests among those of `_causes` that the outage itself refused, over all replications."""
        bench = self.bench
        return sum(
            int((refused(bench.hit, bench.plan.deployments, bench.stretch, rows) & ~without).sum())
            for rows, without in zip(runs, self.without, strict=True)
        )

    def _lifted(self, quotas: Mapping[str, Mapping[str, int]]) -> Scenario:
        """The outage with no limits per minute and no caps at the fallbacks but those given, by deployment."""
        changes: dict[str, Any] = {}
        for name in self.others:
            limits = self.bench.hit.deployments[name].limits
            own = quotas.get(name, {})
            if limits is None:
                if own:
                    changes[render(("deployments", name, "limits"))] = {
                        **dict.fromkeys(limiting.FIELDS),
                        **own,
                    }
                continue
            given = {field: getattr(limits, field) for field in limits.model_fields_set}
            if "windows" in given:
                given["windows"] = [window.model_dump(exclude_unset=True) for window in limits.windows]
            # Own hardware answers a number of calls at once, or it cannot be simulated: here as many as there may be.
            most = MOST_CALLS if self.scenario.deployments[name].is_own_hardware else None
            lifted = {**given, **dict.fromkeys(limiting.FIELDS), CONCURRENT: most, **own}
            changes[render(("deployments", name, "limits"))] = lifted
        return self.bench.hit.set(changes)

    def _run(self, scenario: Scenario, replication: int) -> Rows:
        return self.bench.run(scenario, self.strategy, replication, self._work(replication))

    def _work(self, replication: int) -> Work:
        return self.pairs[replication].work

    def _setting(self, key: str, quotas: Mapping[str, Mapping[str, int]]) -> Scenario | None:
        """The scenario under some quotas; None where they are refused, such as fewer a minute than one in a slice."""
        if key not in self.settings:
            try:
                self.settings[key] = self._lifted(quotas)
            except ScenarioError:
                self.settings[key] = None
        return self.settings[key]

    def _does(self, quotas: Mapping[str, Mapping[str, int]], rule: str, replication: int) -> bool:
        """Whether a replication loses nothing more, or has nobody wait, under some quotas."""
        name = repr(sorted((one, sorted(own.items())) for one, own in quotas.items()))
        if (name, rule, replication) not in self.known:
            scenario = self._setting(name, quotas)
            self.known[name, rule, replication] = scenario is not None and self._is_enough(
                scenario, replication, rule
            )
        return self.known[name, rule, replication]

    def _is_enough(self, scenario: Scenario, replication: int, rule: str) -> bool:
        try:
            outcomes = self.bench.outcomes(scenario, self.strategy, replication, self._work(replication))
        except LoadExceedsCapacity:  # such as a queue that a small quota never works off
            return False
        free = self.free[replication]
        if rule == NONE_WAITS:
            return all(np.array_equal(column, free.outcomes[name]) for name, column in outcomes.items())
        without = self.without[replication]
        return int((_failed(outcomes) & ~without).sum()) <= int((_lost(free) & ~without).sum())

    # -- what is searched --

    def _units(self) -> list[tuple[str, ...]]:
        """Fallbacks that are asked more often in the outage, those that share limits together."""
        units: list[tuple[str, ...]] = []
        for name in self.others:
            unit = tuple(one for one in self.others if one in sharing(self.scenario, name, self.strategy))
            if unit in units:
                continue
            asked, before = (
                sum(int(calls_of(rows, self.scenario, unit).sum()) for rows in runs)
                for runs in (self.free, [pair.without for pair in self.pairs])
            )
            if asked > before:
                units.append(unit)
        return units

    def _fields(self, unit: tuple[str, ...]) -> list[str]:
        """Requests and tokens per minute and calls at once; input and output tokens where they are limited apart.

        Nobody sells own hardware by the minute: it has a quota only where the scenario gives one.
        """
        limits = self.scenario.deployments[unit[0]].limits
        fields = [limiting.FIELDS[limiting.REQUESTS], limiting.FIELDS[limiting.TOKENS]]
        if self.scenario.deployments[unit[0]].is_own_hardware:
            fields = [field for field in fields if self._given(unit, field) is not None]
        if limits is not None:
            fields += [
                limiting.FIELDS[measure]
                for measure in (limiting.INPUT, limiting.OUTPUT)
                if getattr(limits, limiting.FIELDS[measure]) is not None
            ]
        # Calls at once stay each deployment's own, also where the limits per minute are shared.
        return [*fields, CONCURRENT] if len(unit) == 1 else fields

    def _rule(self, unit: tuple[str, ...], field: str) -> str:
        policies = [self.scenario.policy_for(self.strategy, name) for name in unit]
        waits = [
            one.when_busy == "wait" if field == CONCURRENT else one.when_limited == "wait" for one in policies
        ]
        return NONE_WAITS if any(waits) else NONE_LOST

    def _least(
        self, unit: tuple[str, ...], field: str, beside: Mapping[str, Mapping[str, int]] = NOTHING
    ) -> tuple[str, int | None]:
        """(rule, least quota that does in every replication, beside others that hold already).

        The search begins at the demand of the run without limits.
        """
        rule = self._rule(unit, field)
        ladder = _WHOLE if field == CONCURRENT else _TWO_DIGITS

        def does(place: int, replication: int) -> bool:
            return self._does(_with(beside, unit, field, ladder.at(place)), rule, replication)

        found: int | None = None  # a place on the ladder
        short = 0  # a replication in which `found` does not do
        while True:
            demand = max(1, self._demand(unit, field, short))
            start = ladder.place(demand) if found is None else found + 1
            most = ladder.place(min(max(demand, 10) * MOST_TIMES, ladder.most))
            found = _least_place(start, most, partial(does, replication=short), is_floor=found is not None)
            if found is None:
                return rule, None
            verdicts = self.bench.each(partial(does, found), self.bench.replications)
            self.heard()
            if all(verdicts):
                return rule, ladder.at(found)
            short = verdicts.index(False)

    def _demand(self, unit: tuple[str, ...], field: str, replication: int) -> int:
        """About what the busiest minute asks, or the most calls at once: only where the search begins."""
        rows = self.free[replication]
        mine = calls_of(rows, self.scenario, unit)
        started, ended = rows.attempts["started_ns"][mine], rows.attempts["ended_ns"][mine]
        if not started.size:
            return 1
        if field == CONCURRENT:
            return int(_at_once(started, ended).max())
        weights = np.ones(started.shape)
        if field != limiting.FIELDS[limiting.REQUESTS]:
            meters = ("input_tokens", "output_tokens", "reasoning_tokens", "image_tokens")
            weights = np.sum([rows.attempts[meter][mine] for meter in meters], axis=0).astype(np.float64)
        return int(np.bincount(started // limiting.MINUTE_NS, weights=weights).max())

    def _together(
        self, found: Sequence[tuple[tuple[str, ...], str, str, int | None]]
    ) -> dict[str, dict[str, int]]:
        """All quotas at once, raised together by small steps where they lose something together."""
        places = {(unit, field): needed for unit, field, _, needed in found if needed is not None}
        if len(places) < len(found):
            return {}
        waits = all(rule == NONE_WAITS for _, _, rule, _ in found)
        for _ in range(STEPS_TOGETHER):
            quotas: dict[str, dict[str, int]] = {}
            for (unit, field), needed in places.items():
                for name in unit:
                    quotas.setdefault(name, {})[field] = needed
            rule = NONE_WAITS if waits else NONE_LOST
            does = self.bench.each(partial(self._does, quotas, rule), self.bench.replications)
            if all(does):
                self.heard()
                return quotas
            places = {
                (unit, field): needed + 1 if field == CONCURRENT else rounded(index_of(needed) + 1)
                for (unit, field), needed in places.items()
            }
        # Those that let calls wait first: they change nothing, so that the others still meet the run without limits.
        ordered = sorted(found, key=lambda one: one[2] != NONE_WAITS)
        return self._one_by_one([(unit, field) for unit, field, _, _ in ordered])

    def _one_by_one(self, wanted: Sequence[tuple[tuple[str, ...], str]]) -> dict[str, dict[str, int]]:
        """Each the least beside those before it: where one may be small only because another one was without limits.

        Such as the mini tier of a cascade, whose refusals go to omni.
        """
        quotas: dict[str, dict[str, int]] = {}
        for unit, field in wanted:
            _, needed = self._least(unit, field, quotas)
            if needed is None:
                return {}
            quotas = _with(quotas, unit, field, needed)
        does = self.bench.each(partial(self._does, quotas, NONE_LOST), self.bench.replications)
        return quotas if all(does) else {}

    # -- words --

    def _given(self, unit: tuple[str, ...], field: str) -> int | None:
        limits = self.scenario.deployments[unit[0]].limits
        if limits is None:
            return None
        if field == CONCURRENT:
            return limits.concurrent if isinstance(limits.concurrent, int) else None
        rates, _ = limits_of(self.scenario.deployments[unit[0]], self.bench.models[unit[0]])
        return rates[limiting.FIELDS.index(field)]

    def _quota(self, unit: tuple[str, ...], field: str, rule: str, needed: int | None) -> Quota:
        given, names = self._given(unit, field), " and ".join(unit)
        what = "no call waits" if rule == NONE_WAITS else "nothing more is lost than without limits"
        has = "no limit now" if given is None else f"has {given:,}"
        if needed is None:
            text = f"{names}: no number of {UNITS[field]} was found at which {what} ({has})"
        else:
            text = f"{names}: {needed:,} {UNITS[field]}, so that {what} ({has})"
        return Quota(deployments=unit, field=field, rule=rule, given=given, needed=needed, text=text)

    def _told(self, causes: Mapping[str, int], n_refused: int) -> str:
        """Requests by cause, a mean of the replications; of those by a limit, how many the outage refused itself."""
        n = len(self.pairs)
        each = [f"{total / n:,.3g} by {cause}" for cause, total in causes.items()]
        if n_refused:
            which = "all" if n_refused == causes[LIMIT] else f"{n_refused / n:,.3g} of them"
            place = list(causes).index(LIMIT)
            each[place] += f" ({which} the outage's own 429)"
        return f"{_listed(each)} (mean of {n})" if n > 1 else _listed(each)

    def _text(
        self,
        now: int,
        left: Mapping[str, int],
        n_refused: int,
        quotas: Sequence[Quota],
        together: Mapping[str, Mapping[str, int]],
    ) -> str:
        parts = []
        n_left = sum(left.values())
        if n_left:
            parts.append(
                f"No quota saves all: without any limit at {_listed(list(self.others))} the outage still loses "
                f"{self._told(left, n_refused)}."
            )
        kept = [f"{name} keeps {_listed(list(beside_minutes(self.scenario.deployments[name])))}"
                for name in self.others if beside_minutes(self.scenario.deployments[name])]  # fmt: skip
        if kept:
            parts.append(f"{_listed(kept)} in every run.")
        if now <= n_left:
            parts.append(
                "The quotas as they are lose nothing." if now == 0 else "The quotas as they are lose no more."
            )
        if together:
            told = _listed(
                [
                    f"{quota:,} {UNITS[field]} at {name}"
                    for name, own in together.items()
                    for field, quota in own.items()
                ]
            )
            loses = "nothing is lost" if n_left == 0 else "no more are lost than without limits"
            is_one = sum(len(own) for own in together.values()) == 1
            parts.append(f"With {told}{'' if is_one else ' together'}, {loses}: simulated.")
        elif all(one.needed is not None for one in quotas):
            parts.append("No quotas were found that do together.")
        else:
            parts.append("For some limits no quota was found that does.")
        return " ".join(parts)


# -- ladders ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Ladder:
    """Numbers that are tried, by place from 0."""

    at: Callable[[int], int]
    place: Callable[[int], int]  # of the least number that is at least so large
    most: int


_TWO_DIGITS = _Ladder(rounded, index_of, 10**12)
_WHOLE = _Ladder(lambda place: place + 1, lambda number: number - 1, MOST_CALLS)


def _least_place(start: int, most: int, does: Callable[[int], bool], *, is_floor: bool) -> int | None:
    """The least place that does, looked for around `start` by doubling steps, then by halves.

    `is_floor`: smaller places than `start` are known not to do. None where none up to `most` does.
    """
    step = 1
    if does(start):
        high = start
        if is_floor or start == 0:
            return start
        low = -1
        while high > 0:
            low = max(high - step, 0)
            if not does(low):
                break
            high, step, low = low, 2 * step, -1
        if high == 0:
            return 0
    else:
        low, high = start, start
        while True:
            high = min(low + step, most)
            if high <= low:
                return None
            if does(high):
                break
            low, step = high, 2 * step
    while high - low > 1:
        middle = (low + high) // 2
        if does(middle):
            high = middle
        else:
            low = middle
    return high


# -- counting and words ----------------------------------------------------------------------------


def _with(
    quotas: Mapping[str, Mapping[str, int]], unit: Sequence[str], field: str, quota: int
) -> dict[str, dict[str, int]]:
    """Quotas by deployment with one more."""
    found = {name: dict(own) for name, own in quotas.items()}
    for name in unit:
        found.setdefault(name, {})[field] = quota
    return found


def _lost(rows: Rows) -> npt.NDArray[np.bool_]:
    return _failed(rows.outcomes)


def _failed(outcomes: Arrays) -> npt.NDArray[np.bool_]:
    found: npt.NDArray[np.bool_] = outcomes["outcome"] != tables.OK
    return found


def _at_once(started: Integers, ended: Integers) -> Integers:
    """Calls in flight right after each start; a call that ends then has gone."""
    order = np.sort(started)
    found: Integers = np.searchsorted(order, order, side="right") - np.searchsorted(
        np.sort(ended), order, side="right"
    )
    return found


def _listed(parts: Sequence[str]) -> str:
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last


__all__ = ["CONCURRENT", "NONE_LOST", "NONE_WAITS", "UNITS", "FallbackQuota", "Quota", "fallback_quota"]
