"""Why 429: how often the rate limits of a deployment hold requests back, under every way of keeping and charging.

Comes in: a scenario; goes out: a LimitReport, plain frozen values. For each strategy and deployment with rate
limits: a matrix of limiter kind x charging rule with the share of requests that met a limit and the share lost to
one, the reason in one sentence, and the least quota or the longest max-output that would fix it.

Conventions. A request met a limit if a call of it was refused with 429, had to wait for a limit, or was turned
away by one (`policy.when_limited`). It was lost if it failed and a limit was the last thing that happened to it.
Shares are of the requests whose calls the deployment's limits decided about. Only the limits per minute of that
deployment change from cell to cell; all else, luck included, stays. So do its caps of a day and quotas of
`limits.windows`: they are in force in every cell, and meeting one counts. Limits of an account or a provider change at
all deployments that share them, and what is asked is counted at all of them. Other kinds keep `burst_s` where they read it and drop it
where they do not. Every figure is of a run with exactly that setting: nothing is extrapolated. How requests are
counted: `planner.experiments.limit_runs`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from planner import limiting
from planner.engines import rules
from planner.errors import LoadExceedsCapacity, PlannerError, Problem, ScenarioError
from planner.experiments.cells import clock
from planner.experiments.limit_runs import Bench, Demand, Setting, Shares
from planner.metrics.intervals import Estimate
from planner.scenario.declare import NOTHING
from planner.scenario.fields import Scenario
from planner.scenario.gateway import PooledLimits
from planner.scenario.known import kind_of, limits_of
from planner.scenario.paths import closest, render
from planner.scenario.quotas import beside_minutes, sharing
from planner.scenario.reading import load
from planner.workload.windows import eras

TARGET = 0.001
REQUESTS = 70_000  # of one run
CHARGES = rules.CHARGES
COUNT_MAX_OUTPUT = ("prompt-plus-max-output", "max-of-max-output-and-estimate")
KINDS: tuple[tuple[str, float | None], ...] = (
    (limiting.TOKEN_BUCKET, None),
    (limiting.FIXED_WINDOW, None),
    (limiting.SUB_WINDOW, 1.0),
    (limiting.SUB_WINDOW, 10.0),
    (limiting.LEAKY_BUCKET, None),
)
MOST_TIMES = 1000  # a quota that many times the present one is the largest that is tried
MOST_STEPS = 40  # of all quotas together, where each alone would do
BY_OVERRIDE = "set by override"  # a hint of `scenario.reading`: every setting here is one
NOUNS = ("requests", "tokens", "input tokens", "output tokens")  # of `limiting.FIELDS`
Report = Callable[[int, int], None]
_PARTS_PER_ADVICE = 10  # of progress


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A limiter kind under a charging rule; where a scenario may not be so, `refused` says why."""

    kind: str
    slice_s: float | None  # of a sub-window
    charge: str
    is_present: bool
    shares: Shares | None
    refused: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        return kind_label(self.kind, self.slice_s)


@dataclass(frozen=True, kw_only=True)
class QuotaAdvice:
    """One limit by itself, the others off: the share it limits, and the least quota that fixes that.

    `shares` are those of the run at `needed`, or at `given` where no other quota is needed or found.
    """

    field: str  # such as tokens_per_minute
    given: int
    needed: int | None
    shares_given: Shares  # of the run at `given`
    shares: Shares
    text: str


@dataclass(frozen=True, kw_only=True)
class Together:
    """All limits of the deployment at the quotas advised, and what was simulated with exactly these."""

    quotas: Mapping[str, int]
    shares: Shares
    is_fixed: bool
    text: str


@dataclass(frozen=True, kw_only=True)
class MaxOutputAdvice:
    """The largest common max-output that fixes it at the present quota; `cap` is None where none does.

    `shares` are those of the run at `cap`, or at one token where even that does not help. `cut` is the share of
    answers that the cap would cut short.
    """

    cap: int | None
    max_output_tokens: Mapping[str, int]  # by task
    shares: Shares
    cut: float | None
    text: str


@dataclass(frozen=True, kw_only=True)
class DeploymentLimits:
    """All about the limits of one deployment under one strategy."""

    strategy: str
    deployment: str
    kind: str
    slice_s: float | None
    charge: str
    quotas: Mapping[str, int]  # limits per minute that are on, by field
    when_limited: str
    kept: str | None  # about limits that are the same in every setting, and about limits that are shared
    present: Shares
    cells: tuple[Cell, ...]
    demand: Demand
    why: str
    is_fixed: bool  # already: at most the target is limited
    quota_advice: tuple[QuotaAdvice, ...]
    together: Together | None
    max_output_advice: MaxOutputAdvice | None
    too_large: str | None  # about requests that no wait helps

    @property
    def label(self) -> str:
        return kind_label(self.kind, self.slice_s)

    @property
    def remedies(self) -> list[str]:
        """What would fix it, one sentence for each way."""
        found = [one.text for one in self.quota_advice]
        if self.together is not None and (len(self.quotas) > 1 or not self.together.is_fixed):
            found.append(self.together.text)
        if self.max_output_advice is not None:
            found.append(self.max_output_advice.text)
        return found


@dataclass(frozen=True, kw_only=True)
class LimitReport:
    """What was found, by strategy and deployment; `notices` are sentences about the whole."""

    name: str
    target: float
    engine: str
    rows: tuple[DeploymentLimits, ...]
    notices: tuple[str, ...]
    n_windows: int
    n_requests: int  # of one run, over all windows
    n_settings: int  # told apart; runs that would be the same call by call were simulated once
    simulated_requests: int
    seconds: float = field(compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain values: the JSON document of `planner limits --json`."""
        found: dict[str, Any] = _plain(asdict(self))
        return found


def why_429(
    scenario: Scenario | str | Path,
    *,
    strategies: Sequence[str] | None = None,
    deployments: Sequence[str] | None = None,
    target: float = TARGET,
    engine: str = "compiled",
    requests: int = REQUESTS,
    report: Report | None = None,
) -> LimitReport:
    """Why requests meet rate limits, and what would fix it.

    Parameters
    ----------
    scenario : Scenario or path
        A path is loaded.
    strategies, deployments : sequences of names, optional
        All strategies, and all their deployments that have rate limits, if not given.
    target : float
        Share of requests that may meet a limit, 0..1, for the advice.
    requests : int
        About how many requests one run may hold; the plan gets fewer, then shorter windows to fit.
    report : callable (done, total), optional
        Called often; what it raises ends the work.

    Raises
    ------
    PlannerError
        A name that is not there, a deployment without rate limits, a target outside (0, 1).
    """
    began = clock()
    scenario = scenario if isinstance(scenario, Scenario) else load(scenario)
    if not 0 <= target < 1:
        raise PlannerError(f"target: got {target:g}; allowed: 0 up to 1, without 1 (share of requests)")
    if requests < 1:
        raise PlannerError(f"requests: got {requests}; allowed: at least 1")
    pairs = _pairs(scenario, strategies, deployments)
    notices = _not_tried(scenario, strategies)
    if not pairs and not notices:
        notices = [nothing_limited(scenario, strategies)]
    rows: list[DeploymentLimits] = []
    if not pairs:
        return LimitReport(
            name=scenario.name, target=target, engine=engine, rows=(), notices=tuple(notices), n_windows=0,
            n_requests=0, n_settings=0, simulated_requests=0, seconds=clock() - began,
        )  # fmt: skip
    bench = Bench(scenario, dict.fromkeys(strategy for strategy, _ in pairs), requests, engine)
    notices += bench.notices
    parts = len(KINDS) * len(CHARGES) + 2 * _PARTS_PER_ADVICE
    for index, (strategy, deployment) in enumerate(pairs):

        def heard(done: int, index: int = index) -> None:
            if report is not None:
                report(index * parts + min(done, parts), len(pairs) * parts)

        rows.append(_Study(bench, strategy, deployment, target, heard).result())
    if report is not None:
        report(len(pairs) * parts, len(pairs) * parts)
    return LimitReport(
        name=scenario.name,
        target=target,
        engine=engine,
        rows=tuple(rows),
        notices=tuple(notices),
        n_windows=len(bench.windows),
        n_requests=bench.n_requests,
        n_settings=bench.n_settings,
        simulated_requests=bench.simulated,
        seconds=clock() - began,
    )


def kind_label(kind: str, slice_s: float | None) -> str:
    """A limiter kind in words.

    >>> kind_label("sub-window", 10.0)
    'sub-window 10 s'
    """
    return kind if slice_s is None else f"{kind} {slice_s:g} s"


def nothing_limited(scenario: Scenario, strategies: Sequence[str] | None = None) -> str:
    """What to say, and what to give, where no deployment has a rate limit."""
    used = [name for one in strategies or scenario.strategies for name in scenario.deployments_of(one)]
    place = render(("deployments", next(iter(used), "NAME"), "limits"))
    return (
        "No deployment has a rate limit, so none can be met. Give one, such as "
        f"{place}.requests_per_minute: 500 or {place}.tokens_per_minute: 30000. Where a deployment "
        "has a provider and no limits are written, the highest tier that the catalogue knows of it holds."
    )


def _not_tried(scenario: Scenario, strategies: Sequence[str] | None) -> list[str]:
    """About deployments whose only limits are of a day or of `limits.windows`."""
    used = [(one, name) for one in strategies or scenario.strategies for name in scenario.deployments_of(one)]
    texts = [
        f"{name} has no limit per minute to try: {_listed(found)} stay in force as they are."
        for strategy, name in used
        if not _quotas(scenario, strategy, name)
        and (found := beside_minutes(scenario.limited(strategy, name)))
    ]
    return list(dict.fromkeys(texts))


# -- which deployments ---------------------------------------------------------------------------


def _pairs(
    scenario: Scenario, strategies: Sequence[str] | None, deployments: Sequence[str] | None
) -> list[tuple[str, str]]:
    """Strategies with those of their deployments that have rate limits."""
    for name in strategies or ():
        _known("strategy", name, scenario.strategies)
    wanted = tuple(strategies or scenario.strategies)
    for name in deployments or ():
        _known("deployment", name, scenario.deployments)
        users = [one for one in wanted if name in scenario.deployments_of(one)]
        if not users:
            raise PlannerError(f"--deployment: {name} is used by none of {', '.join(wanted)}")
        if not any(_quotas(scenario, one, name) for one in users):
            beside = beside_minutes(scenario.limited(users[0], name))
            without = f"no limit per minute, only {_listed(beside)}" if beside else "no rate limit"
            raise PlannerError(
                f"--deployment: {name} has {without}; give "
                f"{render(('deployments', name, 'limits'))}.requests_per_minute or .tokens_per_minute"
            )
    return [
        (strategy, name)
        for strategy in dict.fromkeys(wanted)
        for name in scenario.deployments_of(strategy)
        if (deployments is None or name in deployments) and _quotas(scenario, strategy, name)
    ]


def _known(what: str, name: str, names: Mapping[str, Any]) -> None:
    if name not in names:
        hint = closest(name, names)
        raise PlannerError(
            f"--{what}: got {name!r}; allowed: {', '.join(names)}" + (f"; {hint}" if hint else "")
        )


def _quotas(scenario: Scenario, strategy: str, deployment: str) -> dict[str, int]:
    """Limits per minute that are on under a strategy, the highest of all models that come to serve there."""
    found: dict[str, int] = {}
    limited = scenario.limited(strategy, deployment)
    for era in eras(scenario):
        rates, _ = limits_of(limited, era.models[deployment])
        for name, rate in zip(limiting.FIELDS, rates, strict=True):
            if rate is not None:
                found[name] = max(found.get(name, 0), rate)
    return found


# -- one deployment under one strategy -----------------------------------------------------------


class _Study:
    """The matrix, the reason and the advice for one deployment under one strategy."""

    def __init__(
        self, bench: Bench, strategy: str, deployment: str, target: float, heard: Callable[[int], None]
    ) -> None:
        self.bench, self.strategy, self.deployment = bench, strategy, deployment
        self.target, self.heard = target, heard
        self.done = 0
        scenario = bench.scenario
        found = scenario.limited(strategy, deployment)
        limits = found.limits
        assert limits is not None, "a deployment with quotas has limits"
        self.place = bench.place(strategy, deployment)
        self.kind = kind_of(found)
        self.slice_s = limits.slice_s if self.kind == limiting.SUB_WINDOW else None
        _, self.charge = limits_of(found, eras(scenario)[0].models[deployment])
        self.quotas = _quotas(scenario, strategy, deployment)
        # Kind and charge are those in force, so that a run under another kind changes nothing else by the way.
        self.given = limits.model_dump(exclude_unset=True)
        self.beside = beside_minutes(found)
        self.others = [
            name
            for name in sharing(scenario, deployment, strategy)[1:]
            if name in scenario.deployments_of(strategy)
        ]
        self.scope = "the platform's" if isinstance(limits, PooledLimits) else f"scope {limits.scope}"
        self.burst_s, self.given_slice_s = limits.burst_s, limits.slice_s
        self.is_bound_by_requests = False
        self.when_limited = scenario.policy_for(strategy, deployment).when_limited

    def result(self) -> DeploymentLimits:
        present = self.shares(self.written())
        cells = self.matrix()
        slice_s = self.slice_s if self.slice_s is not None else min(self.burst_s, 1.0)
        demand = self.bench.demand(self.strategy, self.deployment, self.written(), self.charge, slice_s)
        self.parts_done(_PARTS_PER_ADVICE)
        is_fixed = self.is_enough(present)
        advice: tuple[QuotaAdvice, ...] = ()
        together = max_output = None
        floor = self.floor()
        if not is_fixed:
            if floor is None or self.is_enough(floor):
                advice = tuple(self.quota_advice(name) for name in self.quotas)
                together = self.together(advice)
            requests = limiting.FIELDS[limiting.REQUESTS]
            self.is_bound_by_requests = any(
                one.field == requests and not self.is_enough(one.shares_given) for one in advice
            )
            max_output = self.max_output_advice()
        self.parts_done(_PARTS_PER_ADVICE)
        return DeploymentLimits(
            strategy=self.strategy,
            deployment=self.deployment,
            kind=self.kind,
            slice_s=self.slice_s,
            charge=self.charge,
            quotas=self.quotas,
            when_limited=self.when_limited,
            kept=self.kept(floor, is_fixed),
            present=present,
            cells=cells,
            demand=demand,
            why=self.why(present, demand),
            is_fixed=is_fixed,
            quota_advice=advice,
            together=together,
            max_output_advice=max_output,
            too_large=self.too_large(present),
        )

    # -- settings and their runs --

    def written(
        self,
        kind: str | None = None,
        slice_s: float | None = None,
        charge: str | None = None,
        quotas: Mapping[str, int | None] = NOTHING,
    ) -> dict[str, Any]:
        """The deployment's limits as they would be written, with only what the kind reads."""
        kind = kind or self.kind
        found = {**self.given, "kind": kind, "charge": charge or self.charge, **quotas}
        found.pop("slice_s", None)
        if kind == limiting.SUB_WINDOW:
            found["slice_s"] = slice_s if slice_s is not None else self.given_slice_s
        if kind in limiting.WINDOWS:
            found.pop("burst_s", None)
        return found

    def shares(self, limits: Mapping[str, Any], cap: int | None = None) -> Shares:
        found = self.bench.shares(self.strategy, self.deployment, Setting(limits, cap))
        self.heard(self.done)
        return found

    def parts_done(self, parts: int) -> None:
        self.done += parts
        self.heard(self.done)

    def is_enough(self, shares: Shares) -> bool:
        """Whether at most the target is limited; nobody asked means nobody is limited."""
        return shares.limited.value is None or shares.limited.value <= self.target

    # -- the matrix --

    def matrix(self) -> tuple[Cell, ...]:
        kinds = list(KINDS)
        if (self.kind, self.slice_s) not in kinds:
            kinds.append((self.kind, self.slice_s))
        found = []
        for kind, slice_s in kinds:
            for charge in CHARGES:
                shares, refused = self.tried(self.written(kind, slice_s, charge))
                is_present = (kind, slice_s, charge) == (self.kind, self.slice_s, self.charge)
                found.append(
                    Cell(
                        kind=kind,
                        slice_s=slice_s,
                        charge=charge,
                        is_present=is_present,
                        shares=shares,
                        refused=refused,
                    )
                )
                self.parts_done(1)
        return tuple(found)

    def tried(
        self, limits: Mapping[str, Any], cap: int | None = None
    ) -> tuple[Shares | None, tuple[str, ...]]:
        """(shares, ()), or (None, why the setting is refused or cannot be run)."""
        try:
            return self.shares(limits, cap), ()
        except ScenarioError as error:
            return None, tuple(_reason(problem).removeprefix(f"{self.place}.") for problem in error.problems)
        except LoadExceedsCapacity as error:  # such as a queue that a small quota never works off
            return None, (str(error),)

    # -- why --

    def why(self, present: Shares, demand: Demand) -> str:
        """Why 429s come, in one sentence: peak minute, busiest slice, charged against used tokens."""
        if demand.n_calls == 0:
            return f"No simulated request under {self.strategy} reaches {self.deployment}."
        parts = [self._peak(field_, demand) for field_ in self.quotas]
        text = f"Without limits the busiest minute asks {_listed(parts)}"
        held = [self._slice(field_, demand) for field_ in self.quotas if self._seconds_held() < 60]
        if held:
            text += f"; the busiest {demand.slice_s:g} s ask {_listed(held)}"
        charges_tokens = any(name != limiting.FIELDS[limiting.REQUESTS] for name in self.quotas)
        if charges_tokens and demand.billed_tokens:
            ratio = demand.charged_tokens / demand.billed_tokens
            text += f"; {self.charge} charges {ratio:.3g} times the tokens that are billed"
            if self.kind == limiting.LEAKY_BUCKET and self.charge != "after-completion":
                text += ", until their end sets it right"
        return text + "."

    def _seconds_held(self) -> float:
        """Seconds of a limit that may be spent at once."""
        if self.kind == limiting.FIXED_WINDOW:
            return 60.0
        return self.slice_s if self.slice_s is not None else self.burst_s

    def _peak(self, name: str, demand: Demand) -> str:
        asked, limit = demand.peak_minute[name], self.quotas[name]
        return f"{asked:,} {_unit(name)} of {limit:,} ({asked / limit:.3g} times the limit)"

    def _slice(self, name: str, demand: Demand) -> str:
        holds = self.quotas[name] * self._seconds_held() / 60
        if self.kind == limiting.SUB_WINDOW:
            return f"{demand.peak_slice[name]:,} {_unit(name)} where a slice holds {holds:,.6g}"
        return f"{demand.peak_slice[name]:,} {_unit(name)} where the bucket holds {holds:,.6g}"

    def too_large(self, present: Shares) -> str | None:
        """Requests that are larger than a limit ever holds, by task."""
        if not present.too_large.value:
            return None
        tasks = ", ".join(f"{name} {share:.2%}" for name, share in present.too_large_by_task.items())
        return (
            f"{present.too_large.value:.2%} of the requests are larger than the limit ever holds (too-large), so no "
            f"wait and no retry helps: {tasks}."
        )

    def floor(self) -> Shares | None:
        """Without any limit per minute, what the limits do that stay in force; None where there are none."""
        if not self.beside:
            return None
        return self.tried(self.written(quotas=dict.fromkeys(limiting.FIELDS)))[0]

    def kept(self, floor: Shares | None, is_fixed: bool) -> str | None:
        """What stays in force whatever is tried, and who shares the limits that change."""
        parts = []
        if self.beside:
            text = f"{_listed(self.beside)} stay in force as they are in every setting, and count where they are met"
            if floor is not None:
                text += f": without limits per minute {_percent(floor)} meet them"
                if not is_fixed and not self.is_enough(floor):
                    text += f", so no quota per minute brings it to {self.target:.3g}"
            parts.append(text + ".")
        if self.others:
            parts.append(
                f"{_listed([self.deployment, *self.others])} draw on the same limits ({self.scope}): these change "
                "for all of them together, and what the busiest minute asks is of all of them."
            )
        return " ".join(parts) or None

    # -- what would fix it --

    def quota_advice(self, name: str) -> QuotaAdvice:
        """The least quota of one limit, the others off."""
        given = self.quotas[name]
        others = {other: None for other in limiting.FIELDS if other != name}

        def at(quota: int) -> Shares | None:
            return self.tried(self.written(quotas={**others, name: quota}))[0]

        here = self.tried(self.written(quotas=others))[0]
        assert here is not None, "the present limits are sound, so are some of them"
        if self.is_enough(here):
            alone = "it or what stays in force" if self.beside else "it alone"
            text = f"{name} does not bind: {_percent(here)} meet {alone}"
            return QuotaAdvice(
                field=name, given=given, needed=None, shares_given=here, shares=here, text=text
            )
        low = index_of(given + 1) - 1  # the largest rounded quota that is not above the given one
        high = _first_enough(low, given, lambda quota: self._does(at(quota)))
        if high is None:
            most = at(rounded(index_of(given * MOST_TIMES)))
            left = "" if most is None else f": {_percent(most)} still meet it there"
            text = f"No {name} up to {MOST_TIMES:,} times {given:,} brings it to {self.target:.3g}{left}"
            return QuotaAdvice(
                field=name, given=given, needed=None, shares_given=here, shares=here, text=text
            )
        least = _bisected(low, high, lambda index: self._does(at(rounded(index))))
        needed = rounded(least)
        found = at(needed)
        assert found is not None, "a quota that does was simulated"
        text = f"{name}: {needed:,} instead of {given:,} leaves {_percent(found)}"
        return QuotaAdvice(field=name, given=given, needed=needed, shares_given=here, shares=found, text=text)

    def _does(self, shares: Shares | None) -> bool:
        return shares is not None and self.is_enough(shares)

    def together(self, advice: Sequence[QuotaAdvice]) -> Together:
        """All quotas as advised, raised together by small steps where they leave too much together."""
        quotas = {one.field: one.needed or one.given for one in advice}
        found = None
        is_hopeless = any(one.needed is None and not self.is_enough(one.shares) for one in advice)
        for _ in range(0 if is_hopeless else MOST_STEPS):
            shares, _refused = self.tried(self.written(quotas=quotas))
            if self._does(shares):
                found = shares
                break
            quotas = {name: rounded(index_of(quota) + 1) for name, quota in quotas.items()}
        told = ", ".join(f"{name} {quota:,}" for name, quota in quotas.items())
        if found is not None:
            text = f"With {told}: {_percent(found)} meet a limit, {_percent(found, 'lost')} are lost to one"
            return Together(quotas=quotas, shares=found, is_fixed=True, text=text)
        present = self.shares(self.written())
        text = f"No quotas were found that bring it to {self.target:.3g}"
        text += "" if is_hopeless else f" together; tried up to {told}"
        return Together(quotas={}, shares=present, is_fixed=False, text=text)

    def max_output_advice(self) -> MaxOutputAdvice | None:
        """The largest common max-output that fixes it; None where the charging rule counts none."""
        counts = [limiting.FIELDS[limiting.TOKENS], limiting.FIELDS[limiting.OUTPUT]]
        if self.charge not in COUNT_MAX_OUTPUT or not any(name in self.quotas for name in counts):
            return None
        limits = self.written()
        longest = self.bench.longest_cap(self.strategy, self.deployment)

        def at(cap: int) -> Shares | None:
            return self.tried(limits, cap)[0]

        least = at(1)
        if least is None:
            least = self.shares(limits)
        if longest < 2 or not self._does(at(1)):
            text = f"No max-output setting does: even at 1 token {_percent(least)} meet a limit"
            if self.is_bound_by_requests:
                text += " (requests_per_minute binds, whatever the tokens)"
            return MaxOutputAdvice(cap=None, max_output_tokens={}, shares=least, cut=None, text=text)
        # Downwards from what is too long: the first step that does, on the ladder of rounded numbers.
        low = index_of(1)
        high = index_of(longest)
        best = low
        while high - low > 1:
            middle = (low + high) // 2
            if self._does(at(rounded(middle))):
                low = best = middle
            else:
                high = middle
        cap = rounded(best)
        found = at(cap)
        assert found is not None, "a cap that does was simulated"
        cut = self.bench.cut_share(self.strategy, self.deployment, cap)
        caps = {name: self._capped(name, cap) for name in self.bench.scenario.tasks}
        text = f"max_output_tokens of at most {cap:,} leaves {_percent(found)}, and cuts {cut:.1%} of the answers short"
        return MaxOutputAdvice(cap=cap, max_output_tokens=caps, shares=found, cut=cut, text=text)

    def _capped(self, task: str, cap: int) -> int:
        return min(cap, self.bench.scenario.tasks[task].max_output_tokens or cap)


# -- rounded quotas ------------------------------------------------------------------------------


def rounded(index: int) -> int:
    """The index-th number of at most two significant digits: 1 to 99, then 100, 110 ... 990, 1000, 1100 ...

    >>> [rounded(index) for index in (0, 98, 99, 100, 188, 189, 190)]
    [1, 99, 100, 110, 990, 1000, 1100]
    """
    if index < 99:
        return index + 1
    power, step = divmod(index - 99, 90)
    return int((10 + step) * 10 ** (power + 1))


def index_of(quota: int) -> int:
    """Index of the least such number that is at least `quota`.

    >>> [rounded(index_of(quota)) for quota in (7, 99, 100, 101, 9_999)]
    [7, 99, 100, 110, 10000]
    """
    if quota <= 99:
        return max(quota, 1) - 1
    power = len(str(quota)) - 2
    digits = -(-quota // 10**power)
    return 99 + 90 * (power - 1) + digits - 10


def _first_enough(low: int, given: int, does: Callable[[int], bool]) -> int | None:
    """Index of a quota that does, found by doubling; None where none up to MOST_TIMES does."""
    most = min(given * MOST_TIMES, 10**12)
    quota = given
    while quota < most:
        quota = min(quota * 2, most)
        index = max(index_of(quota), low + 1)
        if does(rounded(index)):
            return index
    return None


def _bisected(low: int, high: int, does: Callable[[int], bool]) -> int:
    """The least index above `low` that does, `high` does; by halves, so of a share that is not falling everywhere
    it is one edge of several."""
    while high - low > 1:
        middle = (low + high) // 2
        if does(middle):
            high = middle
        else:
            low = middle
    return high


# -- words and plain values ----------------------------------------------------------------------


def _unit(name: str) -> str:
    return NOUNS[limiting.FIELDS.index(name)]


def _listed(parts: Sequence[str]) -> str:
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last


def _percent(shares: Shares, which: str = "limited") -> str:
    value = getattr(shares, which).value
    return "none" if value is None else f"{value:.3%}"


def _reason(problem: Problem) -> str:
    """What is wrong with a setting, without where it was set: in no file."""
    hint = (problem.hint or "").removesuffix(BY_OVERRIDE).removesuffix("; ") or None
    return str(replace(problem, file="", line=None, hint=hint))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value


__all__ = [
    "Cell",
    "DeploymentLimits",
    "Estimate",
    "LimitReport",
    "MaxOutputAdvice",
    "QuotaAdvice",
    "Together",
    "kind_label",
    "nothing_limited",
    "why_429",
]
