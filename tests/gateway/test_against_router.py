"""The planner against the real router: the same configuration imported and simulated, the same providers and requests.

Each provider's upstream calls must come at the same moments, each request must end alike at the same moment; later
only by what the router itself needs for a call (5 to 30 ms, more on a machine shared with others, adding up from call
to call). Where the router draws at random, some seed of the simulation must show exactly what was recorded, or counts
must lie within the binomial interval. What the planner has no words for stands in UNPLANNED with its reason, and in
docs/gateways.md.
"""

import math

import pytest

from tests.gateway import recordings
from tests.gateway.planned import Planned, planned
from tests.gateway.recordings import Recording
from tests.gateway.test_recordings import EARLY_S, LATE_S

UNPLANNED = {
    "context-window-other": "deployments.a: context_window",
    "context-window-set": "deployments.a: context_window",
    "context-window-unset": "deployments.a: context_window",
    "default-fallbacks": "status 400",
    "fallback-groups": "status 400",
    "forbidden": "status 403",
    "timeout-status": "status 408",
    "unauthorised": "status 401",
}
COUNTED = {"shuffle-rpm": 0.9, "shuffle-weights": 0.75}  # share of the first provider
#: Some request of these is sent to one that was drawn.
DRAWN = ("both-limited", "latency-based", "usage-based-lowest")
LATE_TIMERS = "latency-based-fast-failures"
EXACT = sorted(set(recordings.case_names()) - {*UNPLANNED, *COUNTED, *DRAWN, LATE_TIMERS})
SEEDS = 40


def moments(given: Recording | Planned) -> dict[str, list[float]]:
    """Starts of the calls of each provider."""
    found: dict[str, list[float]] = {}
    for call in given.calls:
        found.setdefault(call.provider, []).append(call.at_s)
    return found


def differences(real: Recording, plan: Planned) -> list[str]:
    """What is not alike, in words; nothing where all is."""
    found = []
    starts, expected = moments(real), moments(plan)
    if {name: len(own) for name, own in starts.items()} != {name: len(own) for name, own in expected.items()}:
        found.append(f"calls {starts}, planned {expected}")
    else:
        for name, own in starts.items():
            for at_s, exact_s in zip(sorted(own), sorted(expected[name]), strict=True):
                if not exact_s - EARLY_S <= at_s <= exact_s + LATE_S + real.lag_s:
                    found.append(f"a call of {name} at {at_s}, planned {exact_s}")
    answered = tuple(request.answered_by for request in real.requests)
    if answered != plan.answered_by:
        found.append(f"answered by {answered}, planned {plan.answered_by}")
    for request, exact_s in zip(real.requests, plan.ended_s, strict=True):
        if not exact_s - EARLY_S <= request.ended_s <= exact_s + LATE_S + real.lag_s:
            found.append(f"an end at {request.ended_s}, planned {exact_s}")
    return found


@pytest.fixture(scope="module", autouse=True)
def _recorded() -> None:
    recordings.start([*EXACT, *DRAWN, *COUNTED, LATE_TIMERS])


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", EXACT)
def test_the_planner_does_what_the_router_does(name: str) -> None:
    assert differences(recordings.run(name), planned(name)) == []


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", DRAWN)
def test_some_luck_of_the_planner_is_what_the_router_drew(name: str) -> None:
    real = recordings.run(name)
    assert any(differences(real, planned(name, seed)) == [] for seed in range(SEEDS))


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("name", "share"), COUNTED.items())
def test_shares_of_a_weighted_draw_are_alike(name: str, share: float) -> None:
    real, plan = recordings.run(name), planned(name)
    reach = 5 * math.sqrt(share * (1 - share) / len(real.requests))  # once in two million runs
    for given in (real, plan):
        assert abs(len(moments(given)["a"]) / len(given.calls) - share) < reach


@pytest.mark.timeout(600)
def test_who_only_fails_fast_is_preferred_again_after_every_cooldown() -> None:
    """The router learns of a call's end a little after it, so that single calls may go the other way."""
    real, plan = (
        [answered is None for answered in given]
        for given in (
            [request.answered_by for request in recordings.run(LATE_TIMERS).requests],
            planned(LATE_TIMERS).answered_by,
        )
    )
    assert len(real) == len(plan)
    assert sum(plan[-16:]) == 4  # one of four
    assert abs(sum(real[-16:]) - sum(plan[-16:])) <= 1
    assert not any(one and following for one, following in zip(real[-16:], real[-15:], strict=False))


@pytest.mark.parametrize(("name", "reason"), UNPLANNED.items())
def test_what_the_planner_has_no_words_for_is_said(name: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        planned(name)
