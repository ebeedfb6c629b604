"""Rules about service: what refuses, delays or loses requests, and who depends on one provider alone.

Each rule is a function from the facts of a comparison to findings; a finding carries its number and the rows that it
is made of, so a test can check it against something independent. Thresholds stand at the top, with the reason.
"""

import math
from collections.abc import Iterator
from itertools import groupby, pairwise
from operator import attrgetter

from planner.experiments.finding import Facts, Finding, Rows, Rule, calls_per_request, summary_rows
from planner.experiments.loads import loads
from planner.scenario.fields import Scenario
from planner.workload.outage_lines import GATEWAY_LINE
from planner.workload.windows import eras

LIMIT_SHARE = 0.001  # one refused call in a thousand is felt in the tail
HEADROOM = 0.8  # of a limit, on average over a window: minutes within it are busier


def limit_binds(facts: Facts) -> Iterator[Finding]:
    """A rate limit refuses calls."""
    names = list(facts.scenario.deployments)
    for strategy in facts.samples:
        pooled = pooled_behind(facts.scenario, strategy)
        limiters: list[tuple[str, tuple[str, ...]]] = [
            (f"the rate limit of {name}", (name,)) for name in names if name not in pooled
        ]
        if pooled:
            limiters.append(("the limit of the platform's account", pooled))
        for whose, members in limiters:
            places = [names.index(name) for name in members]
            counts = [calls_per_request(facts.comparison, strategy, place) for place in places]
            calls, limited = (math.fsum(column) for column in zip(*counts, strict=True))
            if calls and limited / calls > LIMIT_SHARE:
                yield Finding(
                    "limit-binds",
                    strategy,
                    f"{strategy}: {whose} refuses {limited / calls:.1%} of its calls (429).",
                    limited / calls,
                    Rows("calls", {"strategy": strategy, "deployment": members}),
                    share=limited / calls,
                    subject="/".join(members),
                )


def pooled_behind(scenario: Scenario, strategy: str) -> tuple[str, ...]:
    """Deployments that draw on the limits of a platform's account."""
    return () if scenario.gateway_for(strategy).limits is None else scenario.behind_gateway(strategy)


def waiting(facts: Facts) -> Iterator[Finding]:
    """A good part of the latency is spent in the client's own queue."""
    for strategy in facts.samples:
        wait, latency = facts.number(strategy, "wait_mean_s"), facts.number(strategy, "latency_mean_s")
        if wait is not None and latency and wait / latency > 0.1:
            yield Finding(
                "waiting",
                strategy,
                f"{strategy}: {wait / latency:.0%} of the mean latency is waiting for a free slot or a refilled limit.",
                wait / latency,
                summary_rows(strategy, "wait_mean_s", "latency_mean_s"),
                share=wait / latency,
            )


def sensitive_outside(facts: Facts) -> Iterator[Finding]:
    """Private data leaves the house."""
    for strategy in facts.samples:
        number = facts.number(strategy, "sensitive_outside")
        if number:
            yield Finding(
                "sensitive-outside",
                strategy,
                f"{strategy}: {number:,.1f} requests with private data per simulated window go to deployments outside.",
                number,
                summary_rows(strategy, "sensitive_outside"),
                share=_part(number, facts.comparison.results[strategy].mean_count("arrived")),
            )


def _part(count: float, of: float) -> float:
    return min(count / of, 1.0) if of else 0.0


def over_context(facts: Facts) -> Iterator[Finding]:
    """Requests that a deployment of their route cannot take for their size."""
    for strategy in facts.samples:
        share = facts.number(strategy, "over_context_share")
        if share:
            yield Finding(
                "over-context",
                strategy,
                f"{strategy}: {share:.2%} of requests exceed the context window of a deployment they are sent to.",
                share,
                summary_rows(strategy, "over_context_share"),
                share=share,
            )


def own_breaker(facts: Facts) -> Iterator[Finding]:
    """Requests lost to our own breaker, not to the provider."""
    for strategy in facts.samples:
        share = facts.number(strategy, "failed:own-breaker")
        if share:
            yield Finding(
                "own-breaker",
                strategy,
                f"{strategy}: {share:.2%} of requests are lost to our own breaker while no call was tried.",
                share,
                Rows("lost", {"strategy": strategy, "task": "", "cause": "own-breaker"}),
                share=share,
            )


def retries_amplify(facts: Facts) -> Iterator[Finding]:
    """Calls per request."""
    for strategy in facts.samples:
        calls = facts.number(strategy, "attempts_mean")
        if calls is not None and calls > 1.05:
            yield Finding(
                "calls-per-request",
                strategy,
                f"{strategy}: one request becomes {calls:.2f} upstream calls on average.",
                calls,
                summary_rows(strategy, "attempts_mean"),
            )


def planted_outages(facts: Facts) -> Iterator[Finding]:
    """How much of the horizon's requests meet an outage, by the plan's weights."""
    weights: dict[str, float] = {}
    for window in facts.windows:
        if window.stratum:
            weights[window.stratum] = weights.get(window.stratum, 0.0) + window.weight
    for line, weight in weights.items():
        yield Finding(
            "outage-windows",
            None,
            f"{weight:.2%} of windows meet an outage of {_whose(line)}; they are simulated on purpose "
            f"and weighted by that probability.",
            weight,
            Rows("windows", {"stratum": line}),
            share=weight,
            subject=line,
        )


def _whose(line: str) -> str:
    return "the platform" if line.startswith(GATEWAY_LINE) else line.removeprefix("outage:")


def migrations(facts: Facts) -> Iterator[Finding]:
    """Models that change within the horizon."""
    scenario = facts.scenario
    stretches = eras(scenario)
    for before, after in pairwise(stretches):
        moved = {
            (before.models[name], after.models[name])
            for name in after.models
            if before.models[name] != after.models[name]
        }
        for old, new in sorted(moved):
            yield Finding(
                "migration",
                None,
                f"From {after.start} on {new} serves in place of {old}.",
                float(after.start.toordinal()),
                Rows("models", {"model": new, "from": after.start.isoformat()}),
                subject=f"{after.start}/{old}/{new}",
            )


def single_provider(facts: Facts) -> Iterator[Finding]:
    """Every call goes to one provider: while it is out, nobody else answers."""
    scenario = facts.scenario
    for strategy in facts.samples:
        names = scenario.deployments_of(strategy)
        found = {scenario.deployments[name].provider for name in names}
        if (
            len(found) == 1
            and None not in found
            and not any(scenario.deployments[n].is_own_hardware for n in names)
        ):
            provider = found.pop()
            # Who was out at the same time is what counts, not how many deployments there are.
            yield Finding(
                "single-provider",
                strategy,
                f"{strategy}: every call goes to {provider}; while it is out, nobody else answers.",
                1.0,
                Rows("calls", {"strategy": strategy, "deployment": names}),
                share=1.0,
                subject=provider,
            )


def limit_headroom(facts: Facts) -> Iterator[Finding]:
    """A rate limit that holds today and has little left in the busiest window."""
    for strategy in facts.samples:
        # All of a deployment stand one after the other.
        for deployment, rows in groupby(loads(facts.comparison, strategy), key=attrgetter("deployment")):
            busiest = max(rows, key=lambda one: one.used)
            if busiest.used > HEADROOM:
                yield Finding(
                    "limit-headroom",
                    strategy,
                    f"{strategy}: in the busiest window {deployment} uses {busiest.used:.0%} of its "
                    f"{busiest.limit:,} {busiest.words}, on average over the window; minutes within it are busier.",
                    busiest.used,
                    Rows(
                        "loads",
                        {
                            "strategy": strategy,
                            "deployment": deployment,
                            "limit": busiest.field,
                            "window": busiest.window,
                        },
                    ),
                    share=busiest.used,
                    subject=deployment,
                )


RULES: tuple[Rule, ...] = (
    limit_binds,
    limit_headroom,
    waiting,
    own_breaker,
    over_context,
    sensitive_outside,
    retries_amplify,
    single_provider,
    planted_outages,
    migrations,
)
