"""A fixed sample of the generated mix, for calibrating a router: its luck is never used to simulate."""

import numpy as np

from planner.scenario.fields import Scenario
from planner.workload.arrivals import TURN_BITS
from planner.workload.conversations import has_followers
from planner.workload.requests import Requests, drawn, kept

CALIBRATION = 2**32 - 1  # its replication
SAMPLE = 20_000


def calibration_sample(scenario: Scenario, n: int = SAMPLE) -> Requests:
    """`n` requests of the scenario's mix of tasks, sizes, sensitivity and difficulty, all at time 0."""
    names, together = np.arange(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    if not has_followers(scenario):
        return drawn(scenario, CALIBRATION, names, together)
    found = drawn(scenario, CALIBRATION, names << TURN_BITS, together)  # room for the names of later turns
    return kept(found, found.repeat == 0)
