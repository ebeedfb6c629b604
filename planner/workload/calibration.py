"""A fixed sample of the generated mix, for calibrating a router: its luck is never used to simulate."""

import numpy as np

from planner.scenario.fields import Scenario
from planner.workload.requests import Requests, drawn

CALIBRATION = 2**32 - 1  # its replication
SAMPLE = 20_000


def calibration_sample(scenario: Scenario, n: int = SAMPLE) -> Requests:
    """`n` requests of the scenario's mix of tasks, sizes, sensitivity and difficulty, all at time 0."""
    return drawn(scenario, CALIBRATION, np.arange(n, dtype=np.int64), np.zeros(n, dtype=np.int64))
