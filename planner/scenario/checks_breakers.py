"""Rules about breakers: one that opens should be able to close again before the window is over."""

from collections.abc import Iterator

from planner.scenario.finding import Finding, View
from planner.scenario.paths import Path
from planner.scenario.policy import Breaker


def closing(view: View) -> Iterator[Finding]:
    """A breaker open for a whole window rejects every later arrival of it; growth only lengthens that.

    A notice, no problem: retries and later turns of sessions may still reach it while the run drains. A
    trace is one window of its own length, which `run.window_s` does not cut.
    """
    window_s = view.scenario.run.window_s
    if view.scenario.traffic.trace is not None:
        return
    told: set[Path] = set()
    for name in view.strategies:
        for deployment in view.deployments_of(name):
            breaker = view.scenario.policy_for(name, deployment).breaker
            at = view.given_at("breaker", name, deployment)
            if breaker is None or at is None or at in told:
                continue
            if breaker.open_time_s < window_s or _may_be_shorter(breaker):
                continue
            told.add(at)
            yield Finding(
                path=(*at, "open_s") if "open_s" in breaker.model_fields_set else at,
                text=f"open for {breaker.open_time_s:g} s, and run.window_s is {window_s:g}: "
                "once open, it lets no later arrival of a window through",
                hint="give a shorter open_s or a longer window",
                because=(("run", "window_s"), ("deployments", deployment, "policy", "breaker")),
                is_notice=True,
            )


def _may_be_shorter(breaker: Breaker) -> bool:
    """A cooldown whose length a refusal tells."""
    return breaker.kind == "cooldown" and breaker.honours_retry_after and "limited" in breaker.counted


BREAKERS = (closing,)
