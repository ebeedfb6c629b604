"""What a comparison rests on: every figure that was not simulated, with source, date and confidence.

Comes in: a scenario; goes out: rows for a table. Money's own assumptions come from `finance`; here are
latency, limits, outages, failures and quality, and what must be said about the run itself.
"""

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING

from planner import catalogue
from planner.catalogue import profiles
from planner.catalogue.policies import preset
from planner.finance import Assumption
from planner.finance import assumptions as money_assumptions
from planner.finance import not_included as not_in_the_bill
from planner.finance.basis_volume import capacity_figures
from planner.finance.dearest import dearest
from planner.limiting import FIELDS, INPUT, OUTPUT, PER_DAY
from planner.routing.quality import rating
from planner.scenario.batches import Batch, has_batch_tasks, terms_of
from planner.scenario.declare import shown
from planner.scenario.fields import CascadeRouter, Scenario
from planner.scenario.gateway import DOCUMENTED, Gateway, PooledLimits
from planner.scenario.known import limits_of
from planner.scenario.laws import Law
from planner.scenario.outages import OutageLaw
from planner.scenario.quotas import PLATFORM, capped_by_day, first_hour_of_days, pool_of
from planner.scenario.steps import stairs
from planner.scenario.supply import CATALOGUE, Limits, Streaming, Total
from planner.scenario.worst_case import worst_case
from planner.workload.conversations import has_followers
from planner.workload.outage_lines import outage_law
from planner.workload.windows import eras, volume_notice

if TYPE_CHECKING:
    import pandas as pd

#: Limits that are on only where they are asked for.
APART = (FIELDS[INPUT], FIELDS[OUTPUT], *PER_DAY)
GIVEN = "scenario"


def assumptions(scenario: Scenario) -> "pd.DataFrame":
    """All assumptions, each once: what, value, unit, source, as_of, confidence."""
    import pandas as pd

    columns = ["what", "value", "unit", "source", "as_of", "confidence"]
    return pd.DataFrame([row.to_dict() for row in assumption_rows(scenario)], columns=columns)


def assumption_rows(scenario: Scenario) -> tuple[Assumption, ...]:
    """All assumptions, each once, money's first."""
    return tuple(
        dict.fromkeys(
            [
                *(row for name in scenario.strategies for row in money_assumptions(scenario, name)),
                *_worst_cases(scenario),
                *_presets(scenario),
                *_platforms(scenario),
                *_service(scenario),
                *_quality(scenario),
            ]
        )
    )


def _used(scenario: Scenario) -> list[str]:
    found = {name for strategy in scenario.strategies for name in scenario.deployments_of(strategy)}
    return [name for name in scenario.deployments if name in found]


def _worst_cases(scenario: Scenario) -> Iterator[Assumption]:
    """How far retries may drive one request: no figure of a run, but what the policy allows."""
    for name in scenario.strategies:
        yield Assumption(
            what=f"one request under {name}",
            value=worst_case(scenario, name).text,
            unit="",
            source="policy: retries, layers, fallbacks, hedges, timeouts, waits and deadline",
        )
        yield Assumption(
            what=f"dearest possible request under {name}",
            value=dearest(scenario, name).text,
            unit="",
            source="largest prompt and answer on the longest way, at the prices of the plan's first day",
        )


def _presets(scenario: Scenario) -> Iterator[Assumption]:
    """Policies that behave as a known system: what they are taken from, and what that system does otherwise."""
    places = [scenario.policy]
    for name in scenario.strategies:
        places.append(scenario.strategies[name].policy)
    places += [scenario.deployments[name].policy for name in _used(scenario)]
    for name in dict.fromkeys(policy.preset for policy in places if policy.preset is not None):
        found = preset(name)
        yield Assumption(
            what=f"policy preset {name}",
            value=f"{found.about}, field by field",
            unit="",
            source=found.source,
            as_of=found.as_of,
            confidence=found.confidence,
        )
        for difference in found.differs:
            yield Assumption(
                what=f"not as {name} does it",
                value=difference,
                unit="",
                source=found.source,
                as_of=found.as_of,
            )


def _service(scenario: Scenario) -> Iterator[Assumption]:
    for name in _used(scenario):
        for era in eras(scenario):
            yield from _latency(scenario, name, era.models[name])
            if _has_own_limits(scenario, name):
                yield from _limits(scenario, name, era.models[name])
            yield from _batch(scenario, name, era.models[name], era.start)
        yield from _prompt_cache(scenario, name)
        yield from _failures(scenario, name)
    yield from _together(scenario)


def _has_own_limits(scenario: Scenario, name: str) -> bool:
    """Whether they hold under some strategy, and no platform's in their place."""
    users = [one for one in scenario.strategies if name in scenario.deployments_of(one)]
    return not all(isinstance(scenario.limited(one, name).limits, PooledLimits) for one in users)


def _platforms(scenario: Scenario) -> Iterator[Assumption]:
    """What platforms before the providers add, limit and lose, and how they choose; the fee stands with the money."""
    for name in scenario.strategies:
        gateway = scenario.gateway_for(name)
        whose = f"the platform of {name}"
        if gateway.latency_s.mean:
            yield _law(f"time that the gateway of {name} adds", gateway.latency_s, "s")
        if not scenario.behind_gateway(name):
            continue
        if gateway.limits is not None:
            given = gateway.limits.model_dump(exclude_unset=True, exclude_none=True)
            yield Assumption(
                what=f"limits of {whose}",
                value=shown(given) if given else "none at all",
                unit="",
                source=GIVEN,
                confidence=GIVEN,
            )
        if isinstance(gateway.outages, OutageLaw):
            yield _outages(f"outages of {whose}", gateway.outages, GIVEN, None, GIVEN)
        if scenario.is_routed_by_platform(name):
            documented = preset(DOCUMENTED) if gateway.routing is None else None
            yield Assumption(
                what=f"choice of {whose} among equals",
                value=str(gateway.selection),
                unit="",
                source=GIVEN if documented is None else documented.source,
                as_of=None if documented is None else documented.as_of,
                confidence=GIVEN if documented is None else documented.confidence,
            )


def _outages(what: str, law: OutageLaw, source: str, as_of: str | None, confidence: str | None) -> Assumption:
    share = law.duration_h.mean / law.mtbf_h
    does = " or ".join(dict.fromkeys(harm.mode for harm in law.harms))
    where = f", {law.regional:.0%} of them in its region alone" if law.regional else ""
    return Assumption(
        what=what,
        value=f"every {law.mtbf_h:.0f} h for {law.duration_h.mean:.3g} h on average ({share:.2%} of the time), {does}{where}",
        unit="h",
        source=source,
        as_of=as_of,
        confidence=confidence,
    )


def _latency(scenario: Scenario, name: str, model: str) -> Iterator[Assumption]:
    deployment = scenario.deployments[name]
    latency = deployment.latency
    if isinstance(latency, Total):
        yield _law(f"time of a call at {name}", latency.total_s, "s")
    elif isinstance(latency, Streaming):
        yield _law(f"time to first token at {name}", latency.ttft_s, "s")
        yield _law(f"output speed at {name}", latency.tokens_per_s, "tokens/s")
    else:
        profile = profiles.latency(model, deployment.provider or catalogue.model(model).home_provider)
        borrowed = f"; borrowed from {profile.borrowed_from}" if profile.borrowed_from else ""
        for what, p50, p95, unit in (
            ("time to first token", profile.ttft_p50_s, profile.ttft_p95_s, "s"),
            ("output speed", profile.tokens_per_s_p50, profile.tokens_per_s_p95, "tokens/s"),
        ):
            yield Assumption(
                what=f"{what} of {model} at {name}",
                value=f"p50 {p50:.3g}, p95 {p95:.3g}",
                unit=unit,
                source=f"{profile.kind}: {profile.source}{borrowed}",
                as_of=profile.as_of,
                confidence=profile.confidence,
            )


def _batch(scenario: Scenario, name: str, model: str, on: date) -> Iterator[Assumption]:
    """Turnaround of a batch API, where some task would use it."""
    terms = terms_of(scenario, name, model, on) if has_batch_tasks(scenario) else None
    if terms is None:
        return
    given, profile, what = (
        scenario.deployments[name].batch,
        profiles.batch(),
        f"turnaround of the batch API of {name}",
    )
    if isinstance(given, Batch) and given.turnaround_s is not None:
        yield _law(what, given.turnaround_s, "s")
    else:
        yield Assumption(
            what=what,
            value=f"p50 {profile.turnaround_p50_s:g}, p90 {profile.turnaround_p90_s:g}, cut at {terms.expires_s:g}",
            unit="s",
            source=f"measured: {profile.source}; the same law for every provider",
            as_of=profile.as_of,
            confidence=profile.confidence,
        )


def _law(what: str, law: Law, unit: str) -> Assumption:
    return Assumption(
        what=what, value=f"{law.form} (mean {law.mean:.4g})", unit=unit, source=GIVEN, confidence=GIVEN
    )


def _prompt_cache(scenario: Scenario, name: str) -> Iterator[Assumption]:
    cache = scenario.deployments[name].prompt_cache
    if cache is None:
        return
    touch = "its last use" if cache.refresh else "it was written"
    age = "" if cache.max_age_s is None else f", at most {cache.max_age_s:g} s after it was written"
    cold = cache.cold_ttft_s_per_mtok
    yield Assumption(
        what=f"prompt cache of {name}",
        value=f"a task's prefix of {cache.min_tokens:,} tokens or more, in steps of {cache.step_tokens:,}, is kept "
        f"{cache.ttl_s:g} s after {touch}{age}"
        + (f"; without it the first token comes {cold:g} s later for a million tokens" if cold else ""),
        unit="",
        source=GIVEN,
        confidence=GIVEN,
    )


def _limits(scenario: Scenario, name: str, model: str) -> Iterator[Assumption]:
    deployment = scenario.deployments[name]
    limits = deployment.limits
    if deployment.provisioned is not None:
        yield from _units(scenario, name, model)
        return
    if limits is None or deployment.provider is None or deployment.is_own_hardware:
        return
    if model not in catalogue.names():
        return
    published = profiles.default_limits(model, deployment.provider)
    units = ("requests/min", "tokens/min", "tokens/min", "tokens/min", "requests/day", "tokens/day")
    for field, unit in zip((*FIELDS, *PER_DAY), units, strict=True):
        given = getattr(limits, field)
        if given is None and field in APART:
            continue  # off unless asked for: said below where the provider publishes one
        if given != "catalogue":
            yield Assumption(
                what=f"{field} of {name}",
                value="none" if given is None else str(given),
                unit=unit,
                source=GIVEN,
            )
            continue
        number = getattr(published, field)
        yield Assumption(
            what=f"{field} of {model} at {name}",
            value="none known" if number is None else str(number),
            unit=unit,
            source=f"{published.kind}: {published.source}"
            + (f" ({published.tier})" if published.tier else ""),
            as_of=published.as_of,
            confidence=published.confidence,
        )
    if deployment.prompt_cache is not None:
        yield _cached_reads(name, limits, published)
    yield from _not_kept(name, limits, published)


def _units(scenario: Scenario, name: str, model: str) -> Iterator[Assumption]:
    """What provisioned units work off, and the limits that the run has for it."""
    deployment = scenario.deployments[name]
    yield from (Assumption(**figure._asdict()) for figure in capacity_figures(scenario, name, model))
    rates, charge = limits_of(deployment, model)
    for field, rate in zip(FIELDS, rates, strict=True):
        if rate is not None:
            is_given = deployment.limits is not None and getattr(deployment.limits, field) == rate
            yield Assumption(
                what=f"{field} of {model} at {name}",
                value=str(rate),
                unit="tokens/min" if field != FIELDS[0] else "requests/min",
                source=GIVEN if is_given else f"what the units keep whatever the mix; charged {charge}",
            )


def _cached_reads(name: str, limits: Limits, published: profiles.LimitSet) -> Assumption:
    """Whether what a prompt cache gives counts in limits of tokens, and whose rule that is."""
    words = {True: "counted like any others", False: "not counted"}
    what = f"tokens from the prompt cache of {name} in its limits"
    if limits.counts_cached in (CATALOGUE, published.counts_cached):
        return Assumption(
            what=what,
            value=words[published.counts_cached],
            unit="",
            source=published.enforcement_source,
            as_of=published.enforcement_as_of,
            confidence=published.enforcement_confidence,
        )
    return Assumption(
        what=what,
        value=words[bool(limits.counts_cached)],
        unit="",
        source=f"{GIVEN}; the provider does it otherwise: {published.enforcement_source}",
        as_of=published.enforcement_as_of,
        confidence=GIVEN,
    )


def _not_kept(name: str, limits: Limits, published: profiles.LimitSet) -> Iterator[Assumption]:
    """Where limits are kept otherwise than by the provider, or not at all, it must not be passed over in silence."""
    if limits.kind == "catalogue":
        yield Assumption(
            what=f"limiter of {name}",
            value=published.limiter,
            unit="",
            source=published.enforcement_source,
            as_of=published.enforcement_as_of,
            confidence=published.enforcement_confidence,
        )
    elif published.limiter != limits.kind:
        yield Assumption(
            what=f"limiter of {name}",
            value=limits.kind,
            unit="",
            source=f"simulated as a {limits.kind}; the provider keeps a {published.limiter}",
            as_of=published.as_of,
            confidence="low",
        )
    for field in ("input_tokens_per_minute", "output_tokens_per_minute", "requests_per_day"):
        number = getattr(published, field)
        if number is not None and getattr(limits, field, None) is None:
            yield Assumption(
                what=f"{field} of {name}",
                value=f"{number}, not simulated",
                unit="",
                source=published.source,
                as_of=published.as_of,
                confidence=published.confidence,
            )


def _failures(scenario: Scenario, name: str) -> Iterator[Assumption]:
    deployment = scenario.deployments[name]
    if deployment.errors == "catalogue" and deployment.provider is not None:
        found = profiles.errors(deployment.provider)
        yield Assumption(
            what=f"random failures at {name}",
            value=f"{found.rate:g}",
            unit="share of calls",
            source=f"{found.kind}: {found.source}",
            as_of=found.as_of,
            confidence=found.confidence,
        )
    law = outage_law(scenario, name)
    if law is None:
        return
    if deployment.outages == "catalogue":
        assert deployment.provider is not None
        profile = profiles.outages(deployment.provider)
        borrowed = f"; borrowed from {profile.borrowed_from}" if profile.borrowed_from else ""
        source, as_of, confidence = f"{profile.source}{borrowed}", profile.as_of, profile.confidence
    else:
        source, as_of, confidence = GIVEN, None, GIVEN
    yield _outages(f"outages at {name}", law, source, as_of, confidence)
    if law.starts == "weekday-peaks":
        pattern = profiles.start_profile()
        yield Assumption(
            what=f"outages at {name} begin",
            value=pattern.value,
            unit="",
            source=pattern.source,
            as_of=pattern.as_of,
            confidence=pattern.confidence,
        )
    elif law.starts != "uniform":
        yield Assumption(
            what=f"outages at {name} begin", value="by 168 weights of the week", unit="", source=GIVEN
        )


def _together(scenario: Scenario) -> Iterator[Assumption]:
    """Providers that are out by one cause: nobody publishes how often."""
    for pair in scenario.outages_together:
        yield Assumption(
            what=f"outages of {' and '.join(pair.providers)} at once",
            value=f"{pair.share:.0%} of those of the one that has fewer",
            unit="",
            source=GIVEN,
            confidence=GIVEN,
        )


def _quality(scenario: Scenario) -> Iterator[Assumption]:
    models: dict[str, None] = {}
    for era in eras(scenario):
        models |= dict.fromkeys(era.models[name] for name in _used(scenario))
    for task, found in scenario.tasks.items():
        for model in models:
            rated = rating(scenario, task, model)
            what = f"quality of {model} on {task}"
            if rated is None:
                yield Assumption(
                    what=what, value="unrated", unit="", source="nothing is known", confidence=None
                )
            elif model in found.accuracy:
                yield Assumption(
                    what=what, value=f"{found.accuracy[model]:g}", unit="share right", source="own evaluation"
                )
            else:
                basis = (
                    f"{rated.basis}, from {rated.from_model}" if rated.basis == "inherited" else rated.basis
                )
                yield Assumption(
                    what=what,
                    value=f"{rated.ability:.3g}",
                    unit="ability",
                    source=f"estimate: {basis}",
                    confidence="low",
                )


def _has_steps(limits: Limits | None) -> bool:
    return limits is not None and len(stairs(limits.concurrent)) > 1


def not_included(scenario: Scenario) -> tuple[str, ...]:
    """What is left out of the bill and of the simulation."""
    left_out = [*not_in_the_bill()]
    left_out.append(
        "conversations whose context is cut or summarised, and users who leave because answers are slow"
    )
    return tuple(left_out)


def _gateways(scenario: Scenario) -> list[Gateway]:
    """Platforms before somebody, by strategy."""
    return [scenario.gateway_for(name) for name in scenario.strategies if scenario.behind_gateway(name)]


def notices(scenario: Scenario) -> tuple[str, ...]:
    """What a reader must know about this run."""
    found = [str(notice) for notice in scenario.notices]
    volume = volume_notice(scenario)
    if volume is not None:
        found.append(volume)
    unhurried = [name for name, task in scenario.tasks.items() if task.is_batch]
    if 0 < len(unhurried) < len(scenario.tasks):
        found.append(
            f"Latency, time to first token, waits, speed and targets of all tasks together are of those that somebody waits "
            f"for; answers to {', '.join(unhurried)} (urgency batch) come in their own time, told by task."
        )
    capped = capped_by_day(scenario)
    if capped and scenario.traffic.trace is not None:
        found.append(
            f"A cap of a day at {', '.join(capped)}: the recording is taken to begin at 00:00 UTC with nothing used of it."
        )
    elif capped:
        found.append(
            f"A cap of a day at {', '.join(capped)}: every simulated window holds whole days and begins at "
            f"{first_hour_of_days(scenario):02d}:00 UTC, when the cap is whole again."
        )
    pools: dict[str, dict[str, None]] = {}
    for name in _used(scenario):
        for strategy in scenario.strategies:
            is_used = name in scenario.deployments_of(strategy)
            if is_used and (pool := pool_of(scenario.limited(strategy, name))) is not None:
                whose = f"{pool} of {strategy}" if pool == PLATFORM else pool
                pools.setdefault(whose, {})[name] = None
    found += [
        f"Deployments {', '.join(names)} draw on the same limits ({pool}), except for calls at once."
        for pool, names in pools.items()
        if len(names) > 1
    ]
    begun = [
        name for name in _used(scenario) if (given := scenario.deployments[name].limits) and given.windows
    ]
    begun += [PLATFORM] if any(one.limits and one.limits.windows for one in _gateways(scenario)) else []
    if begun:
        found.append(
            f"Quotas of limits.windows at {', '.join(begun)} are whole at the start of every simulated window, and their "
            f"windows are counted from there."
        )
    keeping = [name for name in _used(scenario) if scenario.deployments[name].prompt_cache is not None]
    if keeping and scenario.traffic.trace is not None:
        found.append(
            f"The recording is taken to begin with nothing in the prompt caches of {', '.join(keeping)}."
        )
    elif keeping:
        found.append(
            f"Prompt caches of {', '.join(keeping)} keep nothing at the start of every simulated window: its first calls "
            f"find no prefix, which real traffic would. Longer windows make that weigh less."
        )
    planted = [name for name in _used(scenario) if isinstance(scenario.deployments[name].outages, tuple)]
    planted = [name for name in planted if scenario.deployments[name].outages]
    planted += (
        [PLATFORM]
        if any(one.outages and isinstance(one.outages, tuple) for one in _gateways(scenario))
        else []
    )
    if planted:
        found.append(
            f"Every simulated window holds the planted outage of {', '.join(planted)}: measures and money describe "
            f"windows with that outage, not the long run (use mtbf_h and duration_h for that)."
        )
    stepped = [name for name in _used(scenario) if _has_steps(scenario.deployments[name].limits)]
    if stepped:
        found.append(
            f"Every simulated window begins with the first step of limits.concurrent of {', '.join(stepped)}: measures and "
            f"money describe windows in which the cap changes so, not the long run."
        )
    found += _of_conversations(scenario)
    if any(isinstance(scenario.strategy(name).router, CascadeRouter) for name in scenario.strategies):
        found.append("A cascade's verifier is taken never to fail; its calls have no limits.")
    remembering = [
        name
        for name in scenario.strategies
        if scenario.strategy_policy(name).select in ("lowest-latency", "lowest-usage")
    ]
    if remembering:
        found.append(
            f"What {', '.join(remembering)} chooses by is remembered by one gateway for all requests; several copies of a "
            f"gateway that do not share it would each know less."
        )
    return tuple(dict.fromkeys(found))


def _of_conversations(scenario: Scenario) -> list[str]:
    """What is taken for granted of users who talk."""
    traffic = scenario.traffic
    if traffic.trace is not None or not has_followers(scenario):
        return []
    found = []
    if max(scenario.turns_by_task().values()) > 1.0:
        found.append(
            "No conversation is under way at the start of a simulated window, and all that begin in it are followed to "
            "their end: load is lower in its first minutes than that of real traffic."
        )
        if traffic.sessions.context == "resend":
            found.append(
                "Later turns send all earlier ones again, uncut and without a summary; resent speech costs the full price "
                "of speech heard."
            )
    if any(task.requery_probability > 0 for task in scenario.tasks.values()):
        found.append(
            "Whoever asks again sends the same question, as hard as before; the new answer takes the place of the old one."
        )
    return found
