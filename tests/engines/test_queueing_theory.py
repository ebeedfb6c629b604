"""Both engines against queueing theory where requests are turned away or leave: M/M/c/K and Erlang A.

How much is simulated, and how often a right engine fails, stands in `tests.engines.queues`.
"""

import numpy as np
import pytest

from planner import theory
from tests.engines.queues import EFFORTS, SERVICE_S, Effort, compare, simulate

on_each_engine = pytest.mark.parametrize("effort", EFFORTS, ids=lambda effort: effort.engine)


@on_each_engine
@pytest.mark.parametrize(("servers", "places", "load"), [(3, 8, 3.3), (1, 4, 0.95)])
def test_a_queue_limit_turns_away_as_many_as_m_m_c_k_says(
    effort: Effort, servers: int, places: int, load: float
) -> None:
    """K counts those in service too: the queue limit is K - c. One place more or less changes the loss by 7 % or more.

    A place that is not given back, a wait of those turned away that is counted as one of those admitted, or an order
    of arrival and end at the limit that is not the right one shows in the shares; another service law in the waits.
    """
    arrivals_per_s = load / SERVICE_S
    windows = simulate(effort, arrivals_per_s, servers, 60.0, queue_limit=places - servers)
    truth = theory.mm_c_k(arrivals_per_s, SERVICE_S, servers, places)
    compare(
        effort,
        windows,
        blocked=(lambda w: np.mean(~w.is_served), truth.blocked),
        wait_s=(lambda w: np.mean(w.waits_s[w.is_served]), truth.wait_s),
        queue_length=(lambda w: w.waiting, truth.queue_length),
        carried_load=(lambda w: w.in_service, truth.carried_load),
    )
    assert all(np.all(w.waits_s[~w.is_served] == 0.0) for w in windows)


@on_each_engine
@pytest.mark.parametrize(("servers", "load", "patience_s"), [(3, 3.3, 3.0), (1, 0.9, 8.0)])
def test_impatient_requests_leave_the_queue_as_erlang_a_says(
    effort: Effort, servers: int, load: float, patience_s: float
) -> None:
    """Patience is drawn for each request, and whoever leaves gives his place in the line to those behind him.

    Patience that also runs during the call, a leaver who still takes his turn at the server, or one patience for all
    requests (fixed at the mean it loses fewer) is refused. Three servers are offered 3.3 erlang: only leaving keeps
    the queue short.
    """
    arrivals_per_s = load / SERVICE_S
    patience = {"exponential_mean": patience_s}
    windows = simulate(effort, arrivals_per_s, servers, 100.0, queue_timeout_s=patience)
    truth = theory.erlang_a(arrivals_per_s, SERVICE_S, patience_s, servers)
    compare(
        effort,
        windows,
        abandoned=(lambda w: np.mean(~w.is_served), truth.abandoned),
        delayed=(lambda w: np.mean(w.waits_s > 0), truth.delayed),
        wait_s=(lambda w: np.mean(w.waits_s), truth.wait_s),
        queue_length=(lambda w: w.waiting, truth.queue_length),
        carried_load=(lambda w: w.in_service, truth.carried_load),
    )
