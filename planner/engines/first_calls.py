"""The luck of requests' first calls, drawn for a whole block before the run.

Comes in: the requests of a block with their routes; goes out: by request, what it will draw if it calls the deployment that
its route asks first. Nothing is decided here: luck goes by names, so that a call which is drawn as it starts finds the same.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from planner.chance import uniform_many
from planner.engines import layout as c
from planner.engines import rules
from planner.engines.program import Program, Target
from planner.engines.work import Work
from planner.jit import jit
from planner.sampling import draw_many

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def draw_first_calls(program: Program, desks: Mapping[str, int], work: Work, luck: Floats) -> Integers:
    """Fill the columns of `luck` from LUCK_ERROR on, and say for which desk they hold; NONE: for nobody.

    Only where routes ask their deployments in order, so that it is clear who will be first, and service times are not recorded.

    Returns
    -------
    array, shape (requests,)
        The place in `desks` of each request's deployment.
    """
    routing, requests = work.routing, work.requests
    if program.select != rules.IN_ORDER or requests.service_ns is not None:
        return np.full(requests.n, c.NONE, np.int64)
    chains = [routing.groups[route.group].chain for route in routing.routes]
    names = [chain[0] if chain else None for chain in chains]  # who is asked first, by route
    found = np.array([c.NONE if name is None else desks[name] for name in names], np.int64)[routing.route]
    asked = [name for name in dict.fromkeys(names) if name is not None]
    for name in asked:
        mine = np.arange(requests.n) if len(asked) == 1 else np.flatnonzero(found == desks[name])
        _draw(program, program.targets[name], requests.request[mine], mine, luck)
    return found


def _draw(program: Program, target: Target, names: Integers, mine: Integers, luck: Floats) -> None:
    """What the first call of each request at a deployment draws, where the deployment draws it at all."""
    seed, replication = program.seed, program.replication
    if target.error_rate > 0.0:
        drawn = uniform_many(seed, replication, target.streams["error"], names, 0)
        _put(drawn, mine, luck, c.LUCK_ERROR)
    is_whole = target.total_law != rules.NO_LAW
    laws = {"ttft": (c.LUCK_TIME, target.total_law if is_whole else target.ttft_law)}
    if not is_whole:
        laws["speed"] = (c.LUCK_SPEED, target.speed_law)
    for purpose, (column, law) in laws.items():
        drawn = draw_many(program.laws, law, seed, replication, target.streams[purpose], names, 0)
        _put(drawn, mine, luck, column)


@jit("void(float64[::1], int64[::1], float64[:, ::1], int64)")
def _put(drawn: Floats, rows: Integers, table: Floats, column: int) -> None:
    for i in range(rows.shape[0]):
        table[rows[i], column] = drawn[i]
