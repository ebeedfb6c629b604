"""A strategy compiled for the engines: integers, codes and packed laws, nothing to look up by name.

Comes in: a scenario, one of its strategies, the models in force and the window's outage spells;
goes out: a `Program`. Both engines run programs, so every default and every override of policy
(deployment over strategy over scenario) is resolved here, once.
"""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from planner import catalogue, tables
from planner.catalogue import profiles
from planner.chance import check_streams, stream_id, to_ns
from planner.engines import rules
from planner.engines.cache_rules import CacheRule, cache_rule
from planner.engines.health_rules import HealthRule, health_rule
from planner.engines.preference_rules import LatencyRule, UsageRule, latency_rule, spill_ppm, usage_rule
from planner.engines.priorities import priority_classes
from planner.engines.spells import LawTable, Spell, own_spells, platform_spells
from planner.errors import Problem, ScenarioError
from planner.routing.routers import Group, groups_of
from planner.sampling import Laws
from planner.scenario import breaker as breakers
from planner.scenario import retrying
from planner.scenario.batches import has_batch_tasks, terms_of
from planner.scenario.fields import CascadeRouter, Scenario
from planner.scenario.known import counts_cached, limits_of, list_usd_per_mtok
from planner.scenario.laws import Law, parse_law
from planner.scenario.paths import render
from planner.scenario.policy import Policy
from planner.scenario.quotas import Quota, pool_of, quotas_of, since_day_began_ns
from planner.scenario.remembered import once_per_scenario
from planner.scenario.steps import stairs
from planner.scenario.supply import ContentFilter, Deployment, Errors, Streaming, Total
from planner.workload.windows import Window, eras

_PURPOSES = (
    "ttft", "speed", "error", "error-latency", "outage-latency", "gateway-latency", "backoff", "queue-timeout",
    "filter-latency", "mid-stream", "outage-share", "gateway-outage-latency", "gateway-outage-share", "batch",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Limiter:
    """A limiter in integers (see `quotas.Quota`)."""

    measure: int  # what it counts, as in `limiting.FIELDS`
    window_ns: int  # 0 for a bucket
    since_ns: int  # of its present window that have gone at the start
    leaks: bool  # admits while there is anything left, however large the call
    settles: bool  # sets a call's tokens right at its end
    p: int
    q: int
    capacity: int


@dataclass(frozen=True, kw_only=True)
class Backoff:
    """Waits before retries."""

    kind: int
    base_s: float
    cap_s: float
    jitter_s: float
    factor: float
    spread: float
    waits_s: tuple[float, ...]
    law: int


@dataclass(frozen=True, kw_only=True)
class Breaker:
    """When a target is no longer asked, and when again; codes of `rules`."""

    kind: int
    counts: int  # bit 1 << outcome is set where such an end is a failure
    failures: int
    open_ns: int
    growth: int
    cap_ns: int
    successes: int
    allowed_fails: int | None
    honours_retry_after: bool
    rejects: bool  # while it is open; False: calls are sent where nobody else is left
    window_ns: int
    health: HealthRule | None  # of kinds that look at a window of ends


@dataclass(frozen=True, kw_only=True)
class Layer:
    """An outer loop of retries around everything that is tried for a request."""

    attempts: int
    backoff: Backoff
    stream: int


@dataclass(frozen=True, kw_only=True)
class RetryBudget:
    """Retries under way at once are fewer than max(minimum, share of the requests in flight)."""

    ratio_ppm: int
    minimum: int


@dataclass(frozen=True, kw_only=True)
class Hedge:
    """Further calls where one has not answered."""

    after_ns: int
    most: int
    bill_losers: int
    to: str | None  # another deployment; None: the same


@dataclass(frozen=True, kw_only=True)
class BatchApi:
    """What takes calls of tasks that are in no hurry."""

    turnaround_law: int
    expires_ns: int


@dataclass(frozen=True, kw_only=True)
class Target:
    """A deployment as an engine sees it."""

    name: str
    index: int  # in the scenario's order
    model: str
    provider: str | None
    is_outside: bool  # private data would leave the house
    ttft_law: int
    speed_law: int
    total_law: int  # one law for the whole call instead of the two above; NO_LAW if not
    streams_answer: bool  # False: the first token comes with the last
    gateway_law: int
    error_rate: float
    error_status: int
    error_law: int
    break_rate: float  # of calls that would have been answered
    retries_broken: bool  # also after the first token
    break_bills: int
    filter_share: float  # of prompts that its content filter refuses
    filter_law: int
    filter_stream: int
    filter_bills: int
    spells: tuple[Spell, ...]
    gateway_spells: tuple[Spell, ...]  # of the platform before it, which a call meets first
    concurrent: int | None  # at the window's start
    later_caps: tuple[tuple[int, int | None], ...]  # (ns, `concurrent` from then on), in order
    limiters: tuple[Limiter, ...]
    pool: str | None  # of limiters that it shares; None: its own
    charge: int
    timeout_ns: int | None
    retries: tuple[int, int, int]  # after an error, a limit, a timeout
    backoff: Backoff
    sleep_after_last: bool
    honours_retry_after: bool
    retry_after_cap_ns: int
    retries_above_cap: bool  # a longer retry-after is waited for by the backoff
    retry_after_jitter_s: float
    skips_wait: bool  # where a sibling is healthy
    breaker: Breaker | None
    lag_ns: int  # after the end of a call until its breaker is told
    knows_outages: bool  # whoever is wholly out is passed over
    hedge: Hedge | None
    weight: float  # among equals, under weighted and inverse-price
    list_price: float  # input + output, under cheapest and inverse-price; 0 elsewhere
    waits_when_busy: bool
    when_limited: str
    queue_limit: int | None
    queue_timeout_law: int
    bill_timeouts: int
    rates: tuple[int | None, ...] = ()  # limits per minute by what they count, as in `limiting.FIELDS`
    cache: CacheRule | None = None  # of prompts
    counts_cached: bool  # in its limits of tokens; False: what the cache gives a call is not charged
    batch: BatchApi | None = None  # None also where no task wants one
    streams: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Verifier:
    """A cascade's judge."""

    latency_law: int
    true_positive: float
    false_positive: float
    accept_score: float | None
    input_tokens: int
    output_tokens: int
    bill_timeouts: int
    is_outside: bool  # private data would leave the house


@dataclass(frozen=True, kw_only=True)
class Affinity:
    """Conversations stay with who answered them."""

    ttl_ns: int
    repins: bool


@dataclass(frozen=True, kw_only=True)
class Program:
    """All that an engine needs to know about a strategy in a window."""

    seed: int
    replication: int
    targets: Mapping[str, Target]
    laws: Laws
    deadline_ns: int | None
    router_law: int
    verifier: Verifier | None
    length_ns: int
    max_in_flight: int
    groups: tuple[Group, ...]  # what routes and fallbacks name by their places
    max_fallbacks: int = 5
    layers: tuple[Layer, ...] = ()  # outermost first
    retry_budget: RetryBudget | None = None
    classes: tuple[int, ...] = ()  # of priority in queues, by task; 0 is served first; () where all are alike
    batch_tasks: tuple[bool, ...] = ()  # by task, whether it is in no hurry; () where none is
    select: int = rules.IN_ORDER
    asks_equals: bool = True  # after one of a level failed
    reselects: bool = False  # retries are of a group, and choose anew in it
    select_stream: int = stream_id("select")
    lowest_latency: LatencyRule | None = None
    lowest_usage: UsageRule | None = None
    spill_ppm: int | None = None  # levels share the load by their health
    affinity: Affinity | None = None
    router_stream: int = stream_id("router-latency")
    verifier_stream: int = stream_id("verifier-latency")
    verdict_stream: int = stream_id("verdict")

    @property
    def gateway_spells(self) -> tuple[Spell, ...]:
        """Outages of the platform before the targets; none where there is no platform."""
        return next((one.gateway_spells for one in self.targets.values() if one.gateway_spells), ())

    @property
    def chooses(self) -> bool:
        """Whether deployments are not simply asked one after the other, as written."""
        is_plain = (
            self.asks_equals and not self.reselects and self.spill_ppm is None and self.affinity is None
        )
        return self.select != rules.IN_ORDER or not is_plain

    @property
    def remembers(self) -> bool:
        """Whether it matters which conversation a request belongs to."""
        return self.affinity is not None or any(target.cache is not None for target in self.targets.values())

    @property
    def most_hedges(self) -> int:
        """Further calls that may stand beside one; 0 where nothing is hedged."""
        return max(
            (target.hedge.most for target in self.targets.values() if target.hedge is not None), default=0
        )


def compile_program(
    scenario: Scenario, strategy: str, models_in_force: Mapping[str, str], window: Window
) -> Program:
    """The program of a strategy in a window.

    Parameters
    ----------
    models_in_force : mapping from deployment to model
        After the migrations that came before the window.

    Raises
    ------
    ScenarioError
        A rate limit whose exact arithmetic would overflow 64 bits.
    """
    asked = (strategy, tuple(models_in_force.items()), window.era)
    settled = _settled(scenario, *asked)
    if settled.goes_by_the_hour:
        settled = _settle(scenario, *asked, window.start_s)
    table = LawTable(settled.laws)
    platform = platform_spells(scenario, strategy, window, table)
    targets = dict(settled.program.targets)
    for name, target in targets.items():
        own = own_spells(scenario, name, window, table)
        # A platform stands before providers, not before our own servers and devices.
        before = platform if scenario.deployments[name].is_behind_gateway else ()
        if own or before:
            targets[name] = replace(target, spells=own, gateway_spells=before)
    return replace(
        settled.program,
        replication=window.index,
        targets=targets,
        laws=table.packed() if len(table.laws) > len(settled.laws) else settled.program.laws,
        length_ns=int(to_ns(window.length_s)),
    )


@dataclass(frozen=True)
class _Settled:
    """A program as far as it is the same in all windows of an era: without spells, of no window and no length."""

    program: Program
    laws: tuple[Law, ...]  # those of the program, by index
    goes_by_the_hour: bool  # daily quotas and prices depend on when a window begins: to be made for each


@once_per_scenario
def _settled(
    scenario: Scenario, strategy: str, models_in_force: tuple[tuple[str, str], ...], era: int
) -> _Settled:
    """A strategy in an era; the greater part of compiling it, and most windows need no more."""
    return _settle(scenario, strategy, models_in_force, era, None)


def _settle(
    scenario: Scenario,
    strategy: str,
    models_in_force: tuple[tuple[str, str], ...],
    era: int,
    start_s: float | None,
) -> _Settled:
    """A strategy in an era, and in a window that begins at `start_s` where one is given."""
    table = LawTable()
    resolved = scenario.strategy(strategy)
    policy = scenario.strategy_policy(strategy)
    models = dict(models_in_force)
    deployments = scenario.deployments_of(strategy)
    targets = {
        name: _target(scenario, strategy, name, models[name], era, start_s, table) for name in deployments
    }
    chooses_by_price = policy.select in ("cheapest", "inverse-price")
    if chooses_by_price and start_s is not None:
        on = scenario.start + datetime.timedelta(seconds=start_s)
        targets = _by_price(scenario, policy.select, targets, on)
    layers = tuple(
        Layer(
            attempts=layer.attempts,
            backoff=_backoff(layer.backoff, table),
            stream=stream_id("layer-backoff", layer.name),
        )
        for layer in policy.layers
    )
    check_streams({f"{p}:{n}": target.streams[p] for n, target in targets.items() for p in _PURPOSES})
    check_streams({layer.name: own.stream for layer, own in zip(policy.layers, layers, strict=True)})
    router = resolved.router
    verifier = None
    if isinstance(router, CascadeRouter):
        judge = router.verifier
        verifier = Verifier(
            latency_law=table.add(judge.latency_s),
            true_positive=judge.true_positive,
            false_positive=judge.false_positive,
            accept_score=router.accept_score,
            input_tokens=round(judge.input_tokens),
            output_tokens=round(judge.output_tokens),
            bill_timeouts=rules.BILLS.index(policy.bill_timeouts),
            is_outside=scenario.is_verified_outside(strategy),
        )
    program = Program(
        seed=scenario.run.seed,
        replication=0,
        targets=targets,
        router_law=table.add(router.latency_s) if router is not None else rules.NO_LAW,
        verifier=verifier,
        laws=table.packed(),
        deadline_ns=None if policy.deadline_s is None else int(to_ns(policy.deadline_s)),
        length_ns=0,
        max_in_flight=scenario.run.max_in_flight,
        groups=groups_of(scenario, strategy),
        max_fallbacks=policy.max_fallbacks,
        layers=layers,
        retry_budget=_retry_budget(policy),
        classes=priority_classes([task.priority for task in scenario.tasks.values()]),
        batch_tasks=tuple(task.is_batch for task in scenario.tasks.values())
        if has_batch_tasks(scenario)
        else (),
        select=rules.SELECTIONS.index(policy.select),
        asks_equals=policy.asks_equals,
        reselects=policy.retry_target == "reselect",
        lowest_latency=latency_rule(policy),
        lowest_usage=usage_rule(policy),
        spill_ppm=spill_ppm(policy),
        affinity=None
        if policy.affinity is None
        else Affinity(ttl_ns=int(to_ns(policy.affinity.ttl_s)), repins=policy.affinity.repin),
    )
    has_daily_quotas = any(
        quota.is_daily
        for name in deployments
        for quota in quotas_of(scenario.limited(strategy, name), models[name])[0]
    )
    return _Settled(program, tuple(table.laws), goes_by_the_hour=chooses_by_price or has_daily_quotas)


def _by_price(
    scenario: Scenario, select: str, targets: Mapping[str, Target], on: datetime.date
) -> dict[str, Target]:
    """Targets with their list price on the window's day, and weights of price^-2 under inverse-price.

    Weights are relative to the cheapest that costs anything, so that nothing overflows
    (`theory.inverse_price_weights`). One that is free has no equals: checked before any run.
    """
    found = {name: list_usd_per_mtok(scenario, name, target.model, on) for name, target in targets.items()}
    known = {name: price for name, price in found.items() if price is not None}
    unknown = [name for name in found if name not in known]
    assert not unknown, f"prices of {unknown} on {on} are known: checked before any run"
    cheapest = min((price for price in known.values() if price > 0), default=1.0)
    changed = {}
    for name, target in targets.items():
        price = known[name]
        weight = target.weight
        if select == "inverse-price" and price > 0:
            weight = (cheapest / price) * (cheapest / price)
        changed[name] = replace(target, weight=weight, list_price=price)
    return changed


def _retry_budget(policy: Policy) -> RetryBudget | None:
    budget = policy.retry_budget
    if budget is None:
        return None
    return RetryBudget(ratio_ppm=round(budget.ratio * 1e6), minimum=budget.minimum)


def _backoff(given: retrying.Backoff, table: LawTable) -> Backoff:
    return Backoff(
        kind=rules.BACKOFFS.index(given.kind),
        base_s=given.base_s,
        cap_s=given.cap_s,
        jitter_s=given.jitter_s,
        factor=given.factor,
        spread=given.spread,
        waits_s=given.waits_s or (),
        law=table.add(given.wait_s),
    )


def _target(
    scenario: Scenario,
    strategy: str,
    name: str,
    model: str,
    era: int,
    start_s: float | None,
    table: LawTable,
) -> Target:
    deployment = scenario.limited(strategy, name)
    policy = scenario.policy_for(strategy, name)
    in_force_from = eras(scenario)[era].start
    platform_s = scenario.gateway_for(strategy).latency_s if deployment.is_behind_gateway else Law.fixed(0)
    ttft, speed, total, streams_answer = latency_laws(deployment, model)
    errors = errors_of(deployment)
    filtered = deployment.content_filter or ContentFilter()
    quotas, charge = quotas_of(deployment, model)
    rates, _ = limits_of(deployment, model)
    limits = deployment.limits
    caps = stairs(limits.concurrent if limits is not None else None)
    return Target(
        name=name,
        index=list(scenario.deployments).index(name),
        model=model,
        provider=deployment.provider,
        is_outside=deployment.is_outside,
        ttft_law=table.add(ttft),
        speed_law=table.add(speed),
        total_law=table.add(total),
        streams_answer=streams_answer,
        gateway_law=table.add(platform_s),
        error_rate=errors.rate,
        error_status=errors.status,
        error_law=table.add(errors.latency_s),
        break_rate=errors.mid_stream,
        retries_broken=policy.retries_mid_stream,
        break_bills=rules.BILLS_MID_STREAM.index(policy.bill_mid_stream),
        filter_share=filtered.share,
        filter_law=table.add(filtered.latency_s),
        # One provider judges a prompt alike wherever and however often it is sent.
        filter_stream=stream_id("content-filter", deployment.provider or name),
        filter_bills=rules.BILLS.index(filtered.billed),
        spells=(),
        gateway_spells=(),
        concurrent=caps[0][1],
        later_caps=tuple((int(to_ns(from_s)), cap) for from_s, cap in caps[1:]),
        limiters=_limiters(scenario, name, deployment, quotas, start_s),
        pool=pool_of(deployment),
        charge=rules.CHARGES.index(charge),
        timeout_ns=None if policy.timeout_s is None else int(to_ns(policy.timeout_s)),
        retries=_retries(policy),
        backoff=_backoff(policy.backoff, table),
        sleep_after_last=policy.sleep_after_last,
        honours_retry_after=policy.honours_retry_after,
        retry_after_cap_ns=int(to_ns(policy.retry_after_cap_s)),
        retries_above_cap=policy.retry_after_above_cap == "backoff",
        retry_after_jitter_s=policy.retry_after_jitter_s,
        skips_wait=policy.sibling_wait == "none",
        breaker=None if policy.breaker is None else breaker_of(policy.breaker),
        lag_ns=int(to_ns(policy.health.lag_s)),
        knows_outages=policy.health.knowledge == "perfect",
        hedge=None if policy.hedge is None else _hedge(policy.hedge),
        weight=deployment.weight,
        list_price=0.0,
        waits_when_busy=policy.when_busy == "wait",
        when_limited=policy.when_limited,
        queue_limit=policy.queue_limit,
        queue_timeout_law=table.add(policy.queue_timeout_s),
        bill_timeouts=rules.BILLS.index(policy.bill_timeouts),
        rates=rates,
        cache=cache_rule(scenario, name, model, in_force_from),
        counts_cached=deployment.prompt_cache is None or counts_cached(deployment, model),
        batch=_batch(scenario, name, model, in_force_from, table),
        streams={purpose: stream_id(purpose, name) for purpose in _PURPOSES},
    )


def _batch(scenario: Scenario, name: str, model: str, on: datetime.date, table: LawTable) -> BatchApi | None:
    """The batch API of a deployment, where some task would use it."""
    terms = terms_of(scenario, name, model, on) if has_batch_tasks(scenario) else None
    if terms is None:
        return None
    return BatchApi(turnaround_law=table.add(terms.turnaround_s), expires_ns=int(to_ns(terms.expires_s)))


def _retries(policy: Policy) -> tuple[int, int, int]:
    """Retries after an error, a limit, a timeout."""
    given = policy.retries_after
    error, limited, timeout = (
        policy.retries if own is None else own for own in (given.error, given.limited, given.timeout)
    )
    return error, limited, timeout


def _hedge(given: retrying.Hedge) -> Hedge:
    return Hedge(
        after_ns=int(to_ns(given.after_s)),
        most=given.max,
        bill_losers=rules.BILLS.index(given.bill_losers),
        to=given.to,
    )


def breaker_of(given: breakers.Breaker) -> Breaker:
    """A breaker in codes and nanoseconds."""
    open_ns = int(to_ns(given.open_time_s))
    return Breaker(
        kind=rules.BREAKERS.index(given.kind),
        counts=sum(1 << tables.OUTCOMES.index(outcome) for outcome in given.counted),
        failures=given.failures,
        open_ns=open_ns,
        growth=rules.GROWTHS.index(given.open_growth),
        cap_ns=int(to_ns(given.open_cap_s)),
        successes=given.successes,
        allowed_fails=given.allowed_fails,
        honours_retry_after=given.honours_retry_after,
        rejects=given.when_open == "reject",
        window_ns=rules.COOLDOWN_WINDOW_NS if given.allowed_fails is None else open_ns,
        health=health_rule(given),
    )


def latency_laws(deployment: Deployment, model: str) -> tuple[Law | None, Law | None, Law | None, bool]:
    """(time to first token, speed, total, streams) of a deployment with the model in force."""
    latency = deployment.latency
    if isinstance(latency, Total):
        return None, None, latency.total_s, False
    if isinstance(latency, Streaming):
        return latency.ttft_s, latency.tokens_per_s, None, True
    profile = profiles.latency(model, deployment.provider or catalogue.model(model).home_provider)
    ttft = parse_law({"p50": profile.ttft_p50_s, "p95": profile.ttft_p95_s})
    speed = parse_law({"p50": profile.tokens_per_s_p50, "p95": profile.tokens_per_s_p95})
    return ttft, speed, None, profile.streaming


def errors_of(deployment: Deployment) -> Errors:
    """Random failures of a deployment: given, or the provider's in the catalogue, or none."""
    if isinstance(deployment.errors, Errors):
        return deployment.errors
    if deployment.errors is None or deployment.provider is None:
        return Errors()
    found = profiles.errors(deployment.provider)
    return Errors(rate=found.rate, status=found.status, latency_s=Law.fixed(found.latency_s))


def _limiters(
    scenario: Scenario, name: str, limited: Deployment, quotas: tuple[Quota, ...], start_s: float | None
) -> tuple[Limiter, ...]:
    """One limiter for each limit that is on; `limited` is the deployment with the limits that hold for it."""
    since_ns = 0 if start_s is None else since_day_began_ns(scenario, limited, start_s)
    for quota in quotas:
        if not quota.is_exact:
            problem = Problem(
                field=render(("deployments", name, "limits", *quota.place)),
                given=str(quota.limit),
                allowed=quota.rounded,
            )
            raise ScenarioError([problem])
    return tuple(
        Limiter(
            measure=quota.measure,
            window_ns=quota.window_ns,
            since_ns=since_ns if quota.is_daily else 0,
            leaks=quota.leaks,
            settles=quota.settles,
            p=quota.p,
            q=quota.q,
            capacity=quota.capacity,
        )
        for quota in quotas
    )
