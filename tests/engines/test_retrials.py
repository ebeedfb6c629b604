"""Both engines against the retrial queue: whoever is turned away comes back after an exponential backoff.

How much is simulated, and how often a right engine fails, stands in `tests.engines.queues`.
"""

import numpy as np
import pytest

from planner import theory
from tests.engines.queues import EFFORTS, SERVICE_S, Effort, compare, simulate


@pytest.mark.parametrize("effort", EFFORTS, ids=lambda effort: effort.engine)
@pytest.mark.parametrize(
    ("servers", "load", "backoff_s", "full"),
    [(1, 0.5, 3.0, {"when_busy": "reject"}), (3, 1.5, 5.0, {"when_busy": "wait", "queue_limit": 0})],
    ids=["one-server-that-rejects", "three-servers-without-a-queue"],
)
def test_whoever_is_turned_away_comes_back_as_the_retrial_queue_says(
    effort: Effort, servers: int, load: float, backoff_s: float, full: dict[str, object]
) -> None:
    """A layer of practically endless passes around a deployment that turns away: M/M/c/c with retrials.

    The mean wait at one server is rho / (1 - rho) x (service + backoff). A backoff that is not drawn anew for each
    return, a return that joins a queue, a server that is kept for somebody who is away, or a limit of passes that is
    reached (none is) gives another one.
    """
    arrivals_per_s = load / SERVICE_S
    effort = effort._replace(
        arrivals=effort.arrivals * (servers + 1) // 2
    )  # they wait more rarely, and longer
    backoff = {"kind": "law", "wait_s": {"exponential_mean": backoff_s}}
    caller = {"name": "caller", "attempts": 1000, "backoff": backoff}
    windows = simulate(effort, arrivals_per_s, servers, 300.0, layers=[caller], **full)
    truth = theory.retrial_mmc(arrivals_per_s, SERVICE_S, backoff_s, servers)
    if servers == 1:
        assert truth == pytest.approx(theory.retrial_mm1(arrivals_per_s, SERVICE_S, backoff_s), rel=1e-9)
    compare(
        effort,
        windows,
        blocked=(lambda w: np.mean(w.waits_s > 0), truth.blocked),
        wait_s=(lambda w: np.mean(w.waits_s), truth.wait_s),
        away=(lambda w: w.waiting, truth.away),
        carried_load=(lambda w: w.in_service, truth.carried_load),
    )
    assert all(np.all(w.is_served) for w in windows)
