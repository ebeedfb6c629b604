"""The compiled engine: drives the kernel over blocks of requests, and grows its tables as it goes.

Comes in: a Program and blocks of Work; goes out: rows of Outcomes, Attempts and Events, identical to
the reference engine's to the bit.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numba
import numpy as np

from planner import tables
from planner.engines import kernel, rules
from planner.engines import layout as c
from planner.engines.episodes import known_outages
from planner.engines.first_calls import draw_first_calls
from planner.engines.heap import push_first
from planner.engines.layout import Block, Integers, State
from planner.engines.overload import too_many_to_come
from planner.engines.program import Program
from planner.engines.rules import MODES, Round
from planner.engines.work import Work
from planner.errors import LoadExceedsCapacity
from planner.jit import jit
from planner.routing.routers import Route

STEPS = 200_000  # events between two looks at the clock: a few hundredths of a second
FEWEST_SLOTS, FIRST_SLOTS = 64, 1024  # for requests in flight, before anybody knows how many there will be
GROWTH = 4  # times as many when they run out: each time all are copied
Report = Callable[[int], None]


@dataclass
class Rows:
    """What the kernel wrote since the last time: outcomes, attempts and events."""

    outcomes: Integers
    attempts: Integers
    events: Integers


class CompiledEngine:
    """A run: feed it blocks in order of arrival, take rows from it as they come."""

    def __init__(
        self,
        program: Program,
        routes: tuple[Route, ...],
        *,
        n_tasks: int,
        wants_rows: bool = True,
        n_recorded: int = 0,
        long_above: Mapping[str, int] | None = None,
        n_first: int = FIRST_SLOTS,
    ) -> None:
        """`n_first` requests or so are in the first block; results do not depend on it."""
        self.program = program
        self.state = c.new_state(
            program,
            routes,
            n_tasks=n_tasks,
            wants_rows=wants_rows,
            n_recorded=n_recorded,
            slots=min(max(n_first, FEWEST_SLOTS), FIRST_SLOTS),
            long_above=long_above or {},
        )
        self._plant_changes()

    def run(self, blocks: Iterable[Work], report: Report | None = None) -> Iterator[Rows]:
        """Let every request of the blocks live to its end; rows come in the order of their ends."""
        waiting = iter(blocks)
        state = self.state
        first = next(waiting, None)
        if first is None:
            return
        block, following = make_block(self.program, state, first), next(waiting, None)
        while True:
            status = kernel.run(state.m, state.f, state.e, state.laws, block, following is None, STEPS)
            if report is not None:
                report(int(state.m[c.R_DONE]))
            if status in (c.NEED_ROWS, c.FINISHED):
                yield self._take_rows()
            if status == c.FINISHED:
                return
            if status == c.NEED_REQUESTS:
                assert following is not None
                block, following = make_block(self.program, state, following), next(waiting, None)
                state.m[c.R_NEXT_REQUEST] = 0
            elif status == c.NEED_SLOTS:
                state.more_slots(GROWTH * state.n_slots)
            elif status == c.TOO_MUCH:
                raise LoadExceedsCapacity(self._too_much())
            elif status == c.TOO_MANY_TO_COME:
                m = state.m
                raise LoadExceedsCapacity(
                    too_many_to_come(self.program.max_in_flight, int(m[c.R_NOW]), int(m[c.R_DONE]))
                )
            elif status == c.NEED_EVENTS:
                state.more_events(2 * int(state.e[c.H_CAPACITY]))

    def _take_rows(self) -> Rows:
        m, taken = self.state.m, []
        for row, columns in (
            (c.R_OUTCOME_ROW, c.N_OUTCOME_COLUMNS),
            (c.R_ATTEMPT_ROW, c.N_ATTEMPT_COLUMNS),
            (c.R_EVENT_ROW, c.N_EVENT_COLUMNS),
        ):
            first = m[row + 1]
            taken.append(m[first : m[row]].reshape(-1, columns).copy())
            m[row] = first
        return Rows(*taken)

    def _too_much(self) -> str:
        m, desks = self.state.m, self.state.desks
        waiting = ", ".join(
            f"{name}: {m[desk + c.D_WAITING]} waiting, {m[desk + c.D_BUSY]} in flight"
            for name, desk in desks.items()
        )
        return rules.too_much(
            self.program.max_in_flight, int(m[c.R_NOW]), int(m[c.R_DONE]), waiting, int(m[c.R_BATCHES])
        )

    def _plant_changes(self) -> None:
        """Edges of outages only leave an event, changes of a cap and queues sent on none; state timers, ranked like the
        reference's.
        """
        states = tables.OUTAGE_STATES
        spells = [(tables.NO_DEPLOYMENT, spell) for spell in self.program.gateway_spells]
        spells += [(one.index, spell) for one in self.program.targets.values() for spell in one.spells]
        edges = [
            (time_ns, index, before, after)
            for index, spell in spells
            for time_ns, before, after in (
                (spell.from_ns, tables.UP, states[spell.mode]),
                (spell.to_ns, states[spell.mode], tables.UP),
            )
            if time_ns >= 0
        ]
        caps = [
            (time_ns, target.index, self.state.desks[target.name], c.NONE if cap is None else cap)
            for target in self.program.targets.values()
            for time_ns, cap in target.later_caps
        ]
        outs = [
            (from_ns, target.index, self.state.desks[target.name])
            for target in self.program.targets.values()
            for from_ns, _ in (known_outages(target) if target.knows_outages else ())
            if from_ns >= 0
        ]
        room = int(self.state.e[c.H_CAPACITY])
        needed = len(edges) + len(caps) + len(outs) + 2 * kernel.MARGIN
        if needed > room:
            self.state.more_events(room + needed)
        for time_ns, index, before, after in edges:
            push_first(self.state.e, time_ns, int(Round.TIMERS), 0, index, c.K_EDGE, before, after, 0)
        for time_ns, index, desk, cap in caps:  # of one deployment and instant, after its edges
            push_first(self.state.e, time_ns, int(Round.TIMERS), 0, index, c.K_CAP, desk, 0, cap)
        for time_ns, index, desk in outs:
            push_first(self.state.e, time_ns, int(Round.TIMERS), 0, index, c.K_SEND_ON, desk, 0, 0)


def run_rows(
    program: Program, work: Work, report: Callable[[int, int], None] | None = None
) -> tuple[dict[str, Integers], dict[str, Integers], dict[str, Integers]]:
    """Outcomes, Attempts and Events of one block of requests, as arrays by the contracts of `tables`."""
    requests = work.requests
    n_recorded = 0 if requests.service_ns is None else requests.service_ns.shape[1]
    n_tasks = int(requests.task.max(initial=0)) + 1
    engine = CompiledEngine(
        program, work.routing.routes, n_tasks=n_tasks, n_recorded=n_recorded, n_first=requests.n
    )
    taken = list(engine.run([work], None if report is None else lambda done: report(done, requests.n)))
    outcomes = np.concatenate([rows.outcomes for rows in taken])
    attempts = np.concatenate([rows.attempts for rows in taken])
    outcomes = outcomes[np.argsort(outcomes[:, 0], kind="stable")]
    attempts = attempts[np.lexsort((attempts[:, 1], attempts[:, 0]))]
    events = np.concatenate([rows.events for rows in taken])
    contracts = (tables.OUTCOMES_TABLE, tables.ATTEMPTS, tables.EVENTS)
    found = [
        {column.name: np.ascontiguousarray(table[:, index]) for index, column in enumerate(contract)}
        for contract, table in zip(contracts, (outcomes, attempts, events), strict=True)
    ]
    return found[0], found[1], found[2]


def make_block(program: Program, state: State, work: Work) -> Block:
    """A block of requests as arrays that the kernel copies from."""
    requests, routing, keys = work.requests, work.routing, state.models
    state.m[c.C_IS_OPEN] = requests.is_open
    n = requests.n
    assert not n or requests.pause_ns[0] == tables.NEVER, "a block holds whole conversations"
    service, n_models = requests.service_ns, len(keys)
    calls = n_models * (c.N_SIZE + 1)  # where those so far are counted, by desk
    recorded = calls + len(state.desks)
    kept = recorded + (0 if service is None else service.shape[1])
    behind = np.empty((n, kept + 3 * len(state.caches)), np.int64)
    behind[:, calls:recorded] = 0  # all other columns are filled below
    for index, key in enumerate(keys):
        one = work.sizes_by_model[key]
        _fill_sizes(
            behind, index * c.N_SIZE, one.input, one.output, one.reasoning, one.image, one.audio_input, one.audio_output,
            one.max_output, one.eligible, n_models * c.N_SIZE + index, work.correct[key],
        )  # fmt: skip
    if service is not None:
        behind[:, recorded:kept] = service
    for index, name in enumerate(state.caches):
        behind[:, kept + 3 * index : kept + 3 * index + 3] = work.kept[name]
    luck = np.empty((n, c.N_LUCK))
    luck[:, c.LUCK_SCORE] = requests.verifier_score
    drawn = draw_first_calls(program, state.desks, work, luck)
    rows = np.empty((n, c.N_ROW), np.int64)
    _fill_rows(
        rows, requests.request, requests.task, requests.arrived_ns, np.array(state.routes, np.int64)[routing.route],
        requests.sensitive, routing.asked, work.over_context(), requests.input_tokens, requests.output_tokens,
        requests.pause_ns, requests.repeat, requests.session, drawn,
    )  # fmt: skip
    return Block(rows, behind, luck)


@jit(
    numba.void(
        numba.int64[:, ::1], *(numba.int64[::1],) * 4, *(numba.boolean[::1],) * 3, *(numba.int64[::1],) * 6
    )
)
def _fill_rows(  # type: ignore[no-untyped-def]
    rows,
    request,
    task,
    arrived,
    route,
    sensitive,
    asked,
    over_context,
    sent,
    answered,
    pause,
    repeat,
    session,
    drawn,
):
    """What a slot takes over into columns of its own, request by request."""
    for i in range(rows.shape[0]):
        rows[i, c.ROW_NAME] = request[i]
        rows[i, c.ROW_TASK] = task[i]
        rows[i, c.ROW_ARRIVED] = arrived[i]
        rows[i, c.ROW_ROUTE] = route[i]
        rows[i, c.ROW_FACTS] = (
            tables.FACT_SENSITIVE * sensitive[i]
            + tables.FACT_ASKED * asked[i]
            + tables.FACT_REPEATED * (repeat[i] > 0)
            + tables.FACT_OVER_CONTEXT * over_context[i]
        )
        rows[i, c.ROW_INPUT] = sent[i]
        rows[i, c.ROW_OUTPUT] = answered[i]
        rows[i, c.ROW_PAUSE] = pause[i]
        rows[i, c.ROW_REPEATS] = repeat[i]
        rows[i, c.ROW_SESSION] = session[i]
        rows[i, c.ROW_DRAWN] = drawn[i]


@jit(
    numba.void(
        numba.int64[:, ::1],
        numba.int64,
        *(numba.int64[::1],) * 7,
        numba.boolean[::1],
        numba.int64,
        numba.int8[::1],
    )
)
def _fill_sizes(  # type: ignore[no-untyped-def]
    table, first, sent, output, hidden, image, heard, spoken, max_output, eligible, place, correct
):
    """Sizes at one model, side by side as a slot takes them, and whether its answer would be right."""
    for i in range(sent.shape[0]):
        table[i, first + c.M_INPUT] = sent[i]
        table[i, first + c.M_CACHED] = 0
        table[i, first + c.M_WRITTEN] = 0
        table[i, first + c.M_OUTPUT] = output[i]
        table[i, first + c.M_HIDDEN] = hidden[i]
        table[i, first + c.M_IMAGE] = image[i]
        table[i, first + c.M_HEARD] = heard[i]
        table[i, first + c.M_SPOKEN] = spoken[i]
        table[i, first + c.M_MAX_OUTPUT] = max_output[i]
        table[i, first + c.M_ELIGIBLE] = eligible[i]
        table[i, place] = correct[i]


assert len(MODES) == len(tables.OUTAGE_STATES), "states of outages follow their modes"
