"""Rules about breakers: one that opens should be able to close again, and what it looks for should be possible."""

from collections.abc import Iterator

from planner.scenario.breaker import Breaker
from planner.scenario.finding import Finding, View
from planner.scenario.paths import Path, render


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


def slowness(view: View) -> Iterator[Finding]:
    """Slow calls that a breaker is told to look for can exist: nothing cuts a call before it is slow.

    The default of 60 s is above the default timeout; only given fields are told.
    """
    can_be_slow: dict[Path, bool] = {}
    told: dict[Path, Finding] = {}
    for name in view.strategies:
        for deployment in view.deployments_of(name):
            breaker = view.scenario.policy_for(name, deployment).breaker
            at = view.given_at("breaker", name, deployment)
            if breaker is None or at is None or breaker.slow_s is None:
                continue
            given = [one for one in ("slow_s", "slow_share") if one in breaker.model_fields_set]
            if not given:
                continue
            cut = _cut(view, name, deployment, breaker.slow_s)
            can_be_slow[at] = can_be_slow.get(at, False) or cut is None
            if cut is not None:
                told[at] = Finding(
                    path=(*at, given[0]),
                    text=f"unused: no call is slow, longer than {breaker.slow_s:g} s, for {cut[1]}",
                    because=(cut[0], ("deployments", deployment, "policy")),
                    is_notice=True,
                )
    yield from (finding for at, finding in told.items() if not can_be_slow[at])


def _cut(view: View, strategy: str, deployment: str, slow_s: float) -> tuple[Path, str] | None:
    """What ends every call before it is slow: its place, and words for it."""
    for field, found_s in (
        ("timeout_s", view.scenario.policy_for(strategy, deployment).timeout_s),
        ("deadline_s", view.scenario.strategy_policy(strategy).deadline_s),
    ):
        if found_s is not None and found_s <= slow_s:
            owner = deployment if field == "timeout_s" else None
            place = view.given_at(field, strategy, owner) or ("policy", field)
            return place, f"{render(place)} is {found_s:g}{view.where(place)}"
    return None


BREAKERS = (closing, slowness)
