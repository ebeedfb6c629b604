"""Rules about retries: what a field of theirs asks for must be possible beside the others."""

from collections.abc import Iterator

from planner.scenario.finding import Finding, View
from planner.scenario.paths import Path
from planner.scenario.policy import Policy


def retries(view: View) -> Iterator[Finding]:
    """Fields about retries that nothing reads, or that another one contradicts; each where it is given."""
    told: set[Path] = set()
    for name in view.strategies:
        whole = view.scenario.strategy_policy(name)
        for finding in (*_targets(view, name, whole), *_avoided(view, name, whole), *_waits(view, name)):
            if finding.path not in told:
                told.add(finding.path)
                yield finding


def _targets(view: View, name: str, policy: Policy) -> Iterator[Finding]:
    """Who is asked after a failure."""
    because = (("strategies", name), ("policy", "retry_target"))
    at = view.given_at("asks_equals", name)
    if at is not None and not policy.asks_equals and policy.retry_target == "reselect":
        yield Finding(
            path=at,
            given="asks_equals false with retry_target reselect, which chooses among all equals",
            allowed="one of them",
            because=because,
        )
    at = view.given_at("sibling_wait", name)
    if (
        at is not None
        and at[-1] != "preset"
        and policy.sibling_wait == "none"
        and policy.retry_target == "same"
    ):
        yield Finding(
            path=at,
            given="sibling_wait none with retry_target same, which has no sibling to go to",
            allowed="retry_target reselect beside it",
            because=because,
        )


def _avoided(view: View, name: str, policy: Policy) -> Iterator[Finding]:
    """A breaker that only moves its deployment to the end of a choice, where there is a choice."""
    if policy.select != "in-order" or policy.retry_target == "reselect":
        return
    for deployment in view.deployments_of(name):
        breaker = view.scenario.policy_for(name, deployment).breaker
        at = view.given_at("breaker", name, deployment)
        if breaker is not None and at is not None and breaker.when_open == "last":
            yield Finding(
                path=(*at, "when_open") if "when_open" in breaker.model_fields_set else at,
                given=f"last, and {name} asks its deployments as written (select in-order)",
                allowed="another select, or retry_target reselect",
                because=(("policy", "select"), ("strategies", name)),
            )


def _waits(view: View, name: str) -> Iterator[Finding]:
    """A wait after the last retry, where there are retries; a ceiling on what is honoured, where it is."""
    for deployment in view.deployments_of(name):
        policy = view.scenario.policy_for(name, deployment)
        because = (("strategies", name), ("deployments", deployment, "policy"))
        at = view.given_at("sleep_after_last", name, deployment)
        if at is not None and at[-1] != "preset" and policy.sleep_after_last and policy.most_retries == 0:
            yield Finding(path=at, text="unused: there are no retries", because=because, is_notice=True)
        if policy.honours_retry_after:
            continue
        for field in ("retry_after_cap_s", "retry_after_above_cap", "retry_after_jitter_s"):
            at = view.given_at(field, name, deployment)
            if at is not None and at[-1] != "preset":
                yield Finding(
                    path=at, text="unused: honours_retry_after is false", because=because, is_notice=True
                )
