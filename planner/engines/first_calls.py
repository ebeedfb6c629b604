"""The luck of requests' first calls, drawn for a whole block before the run.

Comes in: the requests of a block with their routes; goes out: by request, what it will draw if it calls the deployment that
its route asks first. Nothing is decided here: luck goes by names, so that a call which is drawn as it starts finds the same.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from planner.chance import uniform_many
from planner.engines import layout as c
from planner.engines import rules
from planner.engines.program import Program, Target
from planner.engines.work import Work
from planner.jit import jit
from planner.sampling import content, draw_many

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
        target = program.targets[name]
        if len(asked) == 1:
            for column, drawn in _drawn(program, target, work, None):
                luck[:, column] = drawn
        else:
            mine = np.flatnonzero(found == desks[name])
            for column, drawn in _drawn(program, target, work, mine):
                _put(drawn, mine, luck, column)
    return found


def _drawn(
    program: Program, target: Target, work: Work, mine: Integers | None
) -> Iterator[tuple[int, Floats]]:
    """(column, luck) of the first calls at a deployment, as far as it draws any: of all requests, or of `mine`.

    What is drawn for all is remembered with the requests: another strategy may ask the same deployment, or some of them.
    """
    names = work.requests.request
    for column, purpose, law in _draws(target):
        stream = target.streams[purpose]
        what = (program.seed, program.replication, stream, b"" if law is None else content(program.laws, law))
        drawn: Floats | None = work.known.get(what)
        if drawn is None:
            drawn = _draw(program, stream, law, names if mine is None else names[mine])
            if mine is None:
                work.known[what] = drawn
        elif mine is not None:
            drawn = drawn[mine]
        yield column, drawn


def _draws(target: Target) -> Iterator[tuple[int, str, int | None]]:
    """(column, purpose, law) of what a call at a deployment draws; None: a share of 1."""
    if target.error_rate > 0.0:
        yield c.LUCK_ERROR, "error", None
    if target.total_law != rules.NO_LAW:
        yield c.LUCK_TIME, "ttft", target.total_law
    else:
        yield c.LUCK_TIME, "ttft", target.ttft_law
        yield c.LUCK_SPEED, "speed", target.speed_law


def _draw(program: Program, stream: int, law: int | None, names: Integers) -> Floats:
    if law is None:
        return uniform_many(program.seed, program.replication, stream, names, 0)
    return draw_many(program.laws, law, program.seed, program.replication, stream, names, 0)


@jit("void(float64[::1], int64[::1], float64[:, ::1], int64)")
def _put(drawn: Floats, rows: Integers, table: Floats, column: int) -> None:
    for i in range(rows.shape[0]):
        table[rows[i], column] = drawn[i]
