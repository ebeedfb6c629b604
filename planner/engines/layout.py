"""A program as a few typed arrays, with a name for every column: what the compiled engine runs on.

Comes in: a `Program` and the routes of a strategy; goes out: a `State`. The engine's memory `m` is one
array of integers: registers and constants, then desks (deployments), routes, chains, outage spells and
rows to be taken away, then the slots of requests in flight, last because they grow. A desk, a route, a
spell or a slot is named by the place of its first column in `m`. `f` holds the few real numbers, `e`
the event list. One flat array each: passing many arrays from function to function costs more than the
whole simulation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from planner.chance import FOREVER_NS
from planner.engines.cache_rules import CacheRule
from planner.engines.episodes import known_outages
from planner.engines.health_rules import HealthRule
from planner.engines.program import Layer, Program, Target
from planner.engines.rules import NO_LAW
from planner.engines.spells import Spell
from planner.limiting import REQUESTS, TOKENS
from planner.routing.routers import Group, Route
from planner.sampling import Laws, is_zero
from planner.tables import CLOSED, METERS, WASTES

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

NONE = -1
FULL = -2  # of a choice: all that are left are at a limit
OPEN_TO = -3  # of a level: somebody can be asked

# Registers, which change, and constants of a run: the first places of `m`.
(
    R_NOW, R_TICKET, R_FREE_SLOT, R_IN_FLIGHT, R_WAITING, R_NEXT_REQUEST, R_DONE, R_RETRYING,
    R_TO_COME, R_IS_TOO_MUCH,  # rows of conversations that have begun; whether more is in flight than may be
    R_OUTCOME_ROW, R_OUTCOME_FIRST, R_OUTCOME_END, R_ATTEMPT_ROW, R_ATTEMPT_FIRST, R_ATTEMPT_END,
    R_EVENT_ROW, R_EVENT_FIRST, R_EVENT_END,
    R_BATCHES,  # calls that wait for a batch API
    C_SEED, C_REPLICATION, C_DEADLINE, C_ROUTER_LAW, C_ROUTER_STREAM, C_CHECK_LAW, C_CHECK_STREAM, C_VERDICT_STREAM,
    C_CHECK_INPUT, C_CHECK_OUTPUT, C_CHECK_BILL, C_CHECK_OUTSIDE, C_HAS_ACCEPT, C_WANTS_ROWS, C_N_DESKS, C_SERVICE, C_N_SERVICE,
    C_GROUPS, C_MAX_FALLBACKS, C_FRAMES, C_HEDGES, C_SLOT_WIDTH, C_MAX_IN_FLIGHT,
    C_COUNTS, C_TASK_WIDTH, C_LAYERS, C_N_LAYERS, C_PASSES, C_RETRY_PPM, C_RETRY_MINIMUM, C_SELECT,
    C_SELECT_STREAM,
    C_CHOOSES, C_RULE, C_SPILL_PPM,  # whether a selection is asked, what it goes by, the factor on healthy shares
    C_ASKS_EQUALS, C_RESELECTS,
    C_IS_OPEN,  # pauses of conversations count from arrivals
    # Whether conversations keep anything (2: those of a single row, too), and where in their slot it ends.
    C_REMEMBERS, C_TALK_END,
    C_PIN_TTL, C_REPINS,  # of their affinity; NONE: none
    C_CLASSES,  # of priority, by task; 0 where all tasks are served alike
    C_BATCH,  # by task, whether it is in no hurry; 0 where none is
    C_TOLD,  # where the end that a breaker is told of late stands, as the columns of a slot; 0 where none is
    N_HEADER,
) = range(66)  # fmt: skip
# First places of `f`.
CF_TRUE_POSITIVE, CF_FALSE_POSITIVE, CF_ACCEPT, N_HEADER_F = range(4)

# Columns of a desk: settings of a deployment ...
(
    D_INDEX, D_SIZES, D_CORRECT, D_CALLS, D_FLOATS, D_CONCURRENT, D_LIMITERS, D_N_LIMITERS, D_CHARGE,
    D_SETTLES, D_SIBLING,  # the next desk that shares its limiters, round in a ring; NONE: nobody
    D_TIMEOUT, D_RETRIES, D_RETRIES_LIMITED, D_RETRIES_TIMEOUT, D_BACKOFF, D_WAIT_LAW, D_WAITS, D_N_WAITS, D_SLEEPS, D_RETRY_CAP,
    D_RETRY_AFTER, D_ABOVE_CAP, D_SKIPS_WAIT,
    D_BREAKER, D_COUNTED, D_FAILURES, D_OPEN_NS, D_GROWTH, D_OPEN_CAP, D_SUCCESSES, D_ALLOWED, D_HONOURS, D_WINDOW, D_REJECTS,
    D_BREAKS_BILL, D_RETRIES_BROKEN, D_S_BREAK,
    D_HEDGE_AFTER, D_HEDGES, D_HEDGE_BILL, D_HEDGE_TO,
    D_FILTER_LAW, D_FILTER_BILLS, D_S_FILTER, D_S_FILTER_LATENCY,
    D_WAITS_BUSY, D_WHEN_LIMITED, D_QUEUE_LIMIT, D_PATIENCE_LAW, D_BILL, D_TTFT, D_SPEED, D_TOTAL, D_STREAMS,
    D_GATEWAY, D_ERROR_STATUS, D_ERROR_LAW, D_SPELLS, D_N_SPELLS,
    D_GATEWAY_SPELLS, D_N_GATEWAY_SPELLS, D_S_GATEWAY_OUTAGE, D_S_GATEWAY_SHARE,  # of the platform before it
    D_S_TTFT, D_S_SPEED, D_S_ERROR, D_S_ERROR_LATENCY,
    D_S_OUTAGE, D_S_OUTAGE_SHARE, D_S_GATEWAY, D_S_BACKOFF, D_S_PATIENCE, D_COUNTS, D_LONG_ABOVE, D_OUTSIDE,
    D_CLASS_TAILS,  # where the last waiting call of each class of priority stands
    D_MEMORY,  # of its earlier calls, where the selection goes by them; 0: none
    D_RING,  # the window of ends of its breaker, where it has one; 0: none
    D_CACHE, D_UNCOUNTS,  # its prompt cache, where it has one (0: none); whether its limiters leave out what that gives
    D_BATCH_LAW, D_EXPIRES, D_S_BATCH,  # turnaround of its batch API; NO_LAW: it has none, or no task wants one
    D_LAG,  # from the end of a call until its breaker is told
    # ... and its state.
    D_BUSY, D_HEAD, D_TAIL, D_WAITING, D_EPOCH, D_WAKE,
    D_STATE, D_COUNT, D_SUCCEEDED, D_OPENINGS, D_PROBING, D_OPEN_UNTIL, D_FAILED, D_FAILED_END, D_WELL, D_WELL_END,
    D_KNOWN_OUT,  # the next stretch [from, to) in which it is known to be out
    N_DESK,
) = range(103)  # fmt: skip
(
    F_ERROR_RATE, F_BASE_S, F_CAP_S, F_JITTER_S, F_FACTOR, F_SPREAD, F_WEIGHT, F_PRICE, F_FILTER_SHARE, F_BREAK_RATE,
    F_RETRY_JITTER_S,
    N_DESK_F,
) = range(12)  # fmt: skip
RETRY, WAIT, REJECT = range(3)
WHEN_LIMITED = ("retry", "wait", "reject")

# Columns of a limiter: `program.Limiter`, then its state. Before the first of a desk stands when all were filled last.
X_FILLED = -1
X_MEASURE, X_WINDOW_NS, X_SINCE, X_LEAKS, X_SETTLES, X_P, X_Q, X_CAPACITY, X_LEVEL, N_LIMITER = range(10)

# Columns of a spell.
P_FROM, P_TO, P_MODE, P_STATUS, P_LAW, P_RETRY_AFTER, P_FLOAT, N_SPELL = range(8)

# Columns of a route: a tier, the group that is asked first, and the one that a cascade goes on to, or NONE.
T_TIER, T_GROUP, T_ESCALATE, N_ROUTE = range(4)
# Columns of a group: a stretch of desks in `m`, its levels, its place among the groups, whether the rest of it is
# passed over after a content filter, and where its fallbacks stand, or NONE: (first, length) by class of failure,
# each a stretch of places among the groups.
U_CHAIN, U_LENGTH, U_LEVELS, U_N_LEVELS, U_INDEX, U_LEAVES, U_FALLBACKS, N_GROUP = range(8)
# Columns of a level: its stretch of the chain, and where a round-robin looks next.
V_FIRST, V_LENGTH, V_TURN, N_LEVEL = range(4)

# What the selection goes by: its rule, and what a desk's calls left behind, samples behind the columns.
# Both kinds begin alike, with the use of a minute.
W_MARGIN, W_ASKS_LOWEST = range(2)
W_SKIPS, W_SAMPLES, W_COUNTS, W_UNSEEN, W_BUFFER_PPM, W_TIMEOUT_PS, W_FAILURE_PS = range(1, 8)
B_MINUTE, B_REQUESTS, B_TOKENS, B_MOST_REQUESTS, B_MOST_TOKENS, N_USAGE = range(6)
A_KEPT, A_NEXT, A_TOTAL, N_LATENCIES = range(N_USAGE, N_USAGE + 4)

# A breaker's window of ends: its rule (`health_rules.HealthRule`) and state; behind the columns as many places as
# it holds: an end each (1: failed, 2: slow), or a bucket.
(
    Z_PLACES, Z_BUCKET_NS, Z_WINDOW_NS, Z_ALIGNED, Z_MINIMUM, Z_FAILURE_PPM, Z_SLOW_NS, Z_SLOW_PPM, Z_ON_SUCCESS,
    Z_HALF_OPEN, Z_DECIDES,
    Z_OLDEST, Z_LENGTH, Z_CALLS, Z_FAILED, Z_SLOW, Z_ADMITTED, N_HEALTH,
) = range(18)  # fmt: skip
ZB_START, ZB_CALLS, ZB_FAILED, ZB_SLOW, N_BUCKET = range(5)

# A prompt cache: where a slot says what of its prefix it would find and leave (the three of `Work.kept`), its rule
# (`cache_rules.CacheRule`), the place of its one real number, and where a conversation has its entry; behind the columns
# an entry for each task.
J_KEPT, J_TTL, J_MAX_AGE, J_REFRESHES, J_CHARGES, J_COLD, J_TALK, N_CACHE = range(8)
I_TOKENS, I_WRITTEN, I_TOUCHED, N_ENTRY = range(4)  # no tokens: nothing was ever written

# Columns of a layer of retries. A request's passes and waits by layer stand behind its recorded service times, what
# prompt caches would keep of its prefix and,
# where groups fall back, for each step of the way what is left of the list (next, end); then
# by desk the answers that its earlier passes had, and behind them what these read from and wrote to prompt caches;
# its previous waits stand behind its real numbers.
Y_ATTEMPTS, Y_BACKOFF, Y_LAW, Y_WAITS, Y_N_WAITS, Y_FLOATS, Y_STREAM, N_LAYER = range(8)

# Columns of a slot: a request on its way and its present call. Behind them stand its sizes by model, its
# right answers by model, its calls by desk, its recorded service times and what each prompt cache would keep of its prefix.
(
    L_NAME, L_TASK, L_ARRIVED, L_ROUTE, L_DEADLINE, L_ATTEMPTS, L_CAUSE, L_OUTCOME, L_STAGE, L_PLACE, L_TRY,
    L_RESUME, L_DESK, L_ROLE, L_CALL_ATTEMPT, L_DRAW, L_TICKET, L_QUEUED, L_STARTED, L_FIRST, L_ENDED,
    L_CALL_OUTCOME, L_STATUS, L_RETRY_AFTER, L_TURNED_AWAY, L_IS_WAITING, L_IS_PROBE, L_EPOCH, L_HAS_DONE,
    L_ANSWERS,  # tokens are made, were it not cut
    L_STREAMED, L_BROKE_OFF,  # visible tokens of an answer that breaks off, or NONE; whether the pass ends with it
    L_RETRYING,  # counts against the retry budget
    L_TRIED, L_CHOICES,  # of a selection: bits of the group's members that are not asked (again), draws so far
    L_FIRST_LEVEL,  # where it began, of levels that share the load
    # The group that is asked, whether somebody in it was, bits of those asked in this pass, fallbacks on the way here.
    L_GROUP, L_HAS_ASKED, L_GROUPS, L_DEPTH,
    # Number of the next call; of hedged ones: calls under way, hedges so far, whether this slot's own call is under
    # way, the ticket of the first, the number of the next hedge, the slots of the others in order, and of such a slot
    # the request it belongs to.
    L_NEXT_ATTEMPT, L_PENDING, L_HEDGES, L_OWN_PENDING, L_BUNDLE, L_NEXT_NUMBER, L_FIRST_HEDGE, L_NEXT_HEDGE, L_OWNER,
    L_NEXT_DRAW, L_SEEN_TO_BREAK,  # luck that none of them has had; whether one broke off after its first token
    L_ASKED_REQUESTS, L_ASKED_TOKENS, L_ASKED_INPUT, L_ASKED_OUTPUT,  # by what a limiter counts
    L_NEXT, L_PREVIOUS, L_SERVED, L_SERVED_FIRST, L_SERVED_OUTPUT, L_SERVED_NS, L_WAIT_NS,
    L_FACTS, L_INPUT, L_OUTPUT, L_FLOATS, L_FREE, L_COUNTS,
    L_TALK, L_LATER,  # slots of its conversation and of the row behind it, or NONE
    L_PAUSE, L_IS_REPEAT,  # before it arrives; whether it asks once more
    L_PINNED,  # the deployment that was asked first, as its conversation stays there
    L_FOUND_OWN,  # whether a prompt cache had something of its conversation
    L_READ, L_WRITTEN,  # tokens of the present call that a prompt cache gave, and that it took where it charges for them
    L_UNCOUNTED,  # those that its limiters do not count, as of the last look at them
    # Who answered, and the two of that call; and once more.
    L_ANSWERED, L_ANSWERED_READ, L_ANSWERED_WRITTEN, L_ANSWERED_AGAIN, L_AGAIN_READ, L_AGAIN_WRITTEN,
    L_DRAWN,  # the desk whose luck for its first call was drawn before and stands among the real numbers, or NONE
    N_SLOT,
) = range(85)  # fmt: skip
# What a conversation keeps, in a slot of its own, behind the columns that every slot has: its rows that are not over;
# by group who answered it (0: nobody) and when last; by prompt cache an entry.
TALK_ROWS, TALK_PINS = N_SLOT, N_SLOT + 1
# A slot's real numbers in `f`: its previous wait, then what its block has of it.
G_PREVIOUS, G_LUCK, N_SLOT_F = 0, 1, 5
# A request's luck in its block: a recorded score of a verifier, and of its first call at the desk ROW_DRAWN the chance
# that it fails, the time to its first token (or its whole time, where that is one law) and its speed.
LUCK_SCORE, LUCK_ERROR, LUCK_TIME, LUCK_SPEED, N_LUCK = range(5)
assert N_SLOT_F == G_LUCK + N_LUCK
# Columns of a request's sizes at a model: the meters of `tables.METERS`, then two more.
(
    M_INPUT, M_CACHED, M_WRITTEN, M_OUTPUT, M_HIDDEN, M_IMAGE, M_HEARD, M_SPOKEN, M_MAX_OUTPUT, M_ELIGIBLE, N_SIZE,
) = range(11)  # fmt: skip

# What a request does when its event comes.
ATTEMPT, NEXT, ESCALATE, AGAIN, RESELECT = range(5)
MINI_STAGE, OMNI_STAGE = range(2)

# The event list `e`: a header, then `capacity` times, events, free events, and events of N_EVENT columns.
H_CAPACITY, H_EVENTS, H_FREE, H_SEQUENCE, H_HEAP_NS = range(5)
(
    K_END, K_CHECK, K_RESUME, K_LEFT, K_HAND_OVER, K_WAKE, K_EXPIRE, K_GIVE_UP, K_EDGE, K_HEDGE, K_CAP, K_TELL,
    K_SEND_ON, K_BEGIN,
) = range(14)  # fmt: skip
(
    E_ROUND, E_NAME, E_ATTEMPT, E_SEQUENCE, E_KIND, E_WHO, E_TICKET, E_CAUSE,
    E_TOOK, E_RETRY_AFTER, E_GROUP,  # of an end that a breaker is told of late; its epoch is the ticket
    N_EVENT,
) = range(12)  # fmt: skip

# Counts of a task: of its requests and of a verifier's calls ...
(
    Q_ARRIVED, Q_COMPLETED, Q_FAILED, Q_ASKED, Q_REPEATED, Q_FAILED_AGAIN, Q_UNASKED, Q_CHECKS, Q_CHECK_TOKENS,
    N_TASK_COUNTS,
) = (0, 1, 2, 3, 4, 5, 6, 7, 8, 16)  # fmt: skip
# ... and, desk by desk, of its calls there: billed tokens by meter that led to an answer and, by kind of waste
# from WASTED on, that did not; the same above a long-context threshold; then time, calls, tokens sent and passed
# on, answers.
API, WASTED = 0, 1
API_LONG = WASTED + len(WASTES)
N_KINDS = 2 * API_LONG
QD_TOKENS = 0
(QD_BUSY_NS, QD_CALLS, QD_LIMITED, QD_SENT, QD_DELIVERED, QD_WRONG, QD_RIGHT, QD_UNRATED, N_DESK_COUNTS) = (
    QD_TOKENS + N_KINDS * len(METERS) + place for place in (0, 1, 2, 3, 6, 8, 9, 10, 11)
)  # fmt: skip

# Why the kernel comes back.
FINISHED, NEED_REQUESTS, NEED_SLOTS, NEED_EVENTS, NEED_ROWS, TICK, TOO_MUCH, TOO_MANY_TO_COME = range(8)

N_EVENT_COLUMNS = 6
N_ATTEMPT_COLUMNS = 29
# Rows of outcomes have the columns of `tables.FACTS`.
(O_WAIT, O_SPEED_OUTPUT, O_SPEED_NS, O_FACTS, O_INPUT, O_OUTPUT, N_OUTCOME_COLUMNS) = range(11, 18)

ROOM = 16_384  # rows of outcomes and attempts that are kept before they are taken away
ROOM_TO_REDUCE = 4_096  # of outcomes where they are all that is wanted: few enough for the processor's cache
EVENT_ROOM = 1024


# Columns of an arriving request: what of it has a column in a slot.
(
    ROW_NAME, ROW_TASK, ROW_ARRIVED, ROW_ROUTE, ROW_FACTS, ROW_INPUT, ROW_OUTPUT,
    ROW_PAUSE,  # NEVER: it arrives by itself
    ROW_REPEATS, ROW_SESSION,
    ROW_DRAWN,  # the desk whose first call's luck is known
    N_ROW,
) = range(12)  # fmt: skip


class Block(NamedTuple):
    """Requests that arrive, by (arrival, name), as a slot takes them over.

    Few arrays of many columns: the loop over events keeps what it knows of each array at hand all the time.
    """

    rows: Integers  # (n, N_ROW)
    behind: Integers  # (n, what stands behind a slot's own columns: sizes, right answers, calls so far, ...)
    luck: Floats  # (n, N_LUCK)


#: Numba's type of `Block`.
BLOCK_TYPE = numba.types.NamedTuple((numba.int64[:, ::1], numba.int64[:, ::1], numba.float64[:, ::1]), Block)


@dataclass
class State:
    """The engine's memory and where things stand in it."""

    m: Integers
    f: Floats
    e: Integers
    laws: Laws
    desks: dict[str, int]  # DEPLOYMENT: its place
    routes: list[int]  # places, in the order of the strategy's routes
    models: list[str]  # in the order of a request's sizes
    caches: list[str]  # deployments with a prompt cache, in the order of what they would keep
    slot_width: int
    first_slot: int
    first_slot_f: int
    slot_width_f: int

    def counts(self) -> dict[str, Integers]:
        """What finance bills, by task (T) and desk (D, in the order of `desks`), summed over the run so far."""
        n_desks, width = len(self.desks), int(self.m[C_TASK_WIDTH])
        first, end = int(self.m[C_COUNTS]), int(self.m[R_OUTCOME_FIRST])
        table = self.m[first:end].reshape(-1, width).copy()
        by_desk = table[:, N_TASK_COUNTS:].reshape(len(table), n_desks, N_DESK_COUNTS)
        return {
            "arrived": table[:, Q_ARRIVED],
            "completed": table[:, Q_COMPLETED],
            "failed": table[:, Q_FAILED],
            "asked": table[:, Q_ASKED],
            "repeated": table[:, Q_REPEATED],
            "failed-again": table[:, Q_FAILED_AGAIN],
            "unasked": table[:, Q_UNASKED],
            "checks": table[:, Q_CHECKS],
            "check_tokens": table[:, Q_CHECK_TOKENS:N_TASK_COUNTS],  # (T, meters)
            "tokens": by_desk[..., QD_TOKENS:QD_BUSY_NS].reshape(len(table), n_desks, N_KINDS, -1),
            "busy_ns": by_desk[..., QD_BUSY_NS],
            "calls": by_desk[..., QD_CALLS],
            "limited": by_desk[..., QD_LIMITED],
            "sent": by_desk[..., QD_SENT:QD_DELIVERED],  # input, image, audio_input
            "delivered": by_desk[..., QD_DELIVERED:QD_WRONG],  # output, audio_output
            "answers": by_desk[..., QD_WRONG:N_DESK_COUNTS],  # wrong, right, unrated
        }

    @property
    def n_slots(self) -> int:
        return (len(self.m) - self.first_slot) // self.slot_width

    def more_slots(self, capacity: int) -> None:
        """Room for more requests in flight; new slots are free."""
        before = self.n_slots
        assert capacity > before
        self.m = _grown(self.m, self.first_slot + capacity * self.slot_width)
        self.f = _grown(self.f, self.first_slot_f + capacity * self.slot_width_f)
        self._free(before, capacity)

    def _free(self, before: int, capacity: int) -> None:
        """Put the slots from a number on, which nobody ever had, before those that are free."""
        places = self.first_slot + np.arange(before, capacity) * self.slot_width
        # New slots are taken in order; the last one leads to those that were free before.
        self.m[places[:-1] + L_FREE] = places[1:]
        self.m[places[-1] + L_FREE] = self.m[R_FREE_SLOT]
        self.m[places + L_FLOATS] = self.first_slot_f + np.arange(before, capacity) * self.slot_width_f
        self.m[R_FREE_SLOT] = places[0]

    def more_events(self, capacity: int) -> None:
        """Room for more pending events."""
        before = int(self.e[H_CAPACITY])
        assert capacity > before
        grown = np.zeros(H_HEAP_NS + capacity * (3 + N_EVENT), np.int64)
        grown[:H_HEAP_NS] = self.e[:H_HEAP_NS]
        grown[H_CAPACITY] = capacity
        events = H_HEAP_NS + 3 * capacity
        moved = events - (H_HEAP_NS + 3 * before)
        for part in range(3):
            old = self.e[H_HEAP_NS + part * before : H_HEAP_NS + (part + 1) * before]
            grown[H_HEAP_NS + part * capacity :][:before] = old if part == 0 else old + moved
        grown[events:][: before * N_EVENT] = self.e[H_HEAP_NS + 3 * before :]
        n_free = int(self.e[H_FREE])
        fresh = events + np.arange(before, capacity) * N_EVENT
        grown[H_HEAP_NS + 2 * capacity + n_free :][: len(fresh)] = fresh
        grown[H_FREE] = n_free + len(fresh)
        self.e = grown


def new_state(
    program: Program,
    routes: Sequence[Route],
    *,
    n_tasks: int,
    wants_rows: bool,
    n_recorded: int,
    slots: int,
    long_above: Mapping[str, int],
) -> State:
    """The state of an engine before the first request.

    `long_above` gives deployments' long-context thresholds in prompt tokens.
    """
    targets = list(program.targets.values())
    models = list(dict.fromkeys(target.model for target in targets))
    f: list[float] = [0.0] * N_HEADER_F
    m: list[int] = [0] * N_HEADER
    first_desk = len(m)
    desks = {target.name: first_desk + number * N_DESK for number, target in enumerate(targets)}
    m += [0] * (N_DESK * len(targets))
    pools: dict[str, int] = {}  # where the limiters stand
    behind = N_SLOT + len(models) * N_SIZE  # of a slot's fixed columns and sizes
    for number, target in enumerate(targets):
        model = models.index(target.model)
        row = _desk_row(target, program.laws, f)
        row |= {
            D_SIZES: N_SLOT + model * N_SIZE,
            D_CORRECT: behind + model,
            D_CALLS: behind + len(models) + number,
            D_COUNTS: N_TASK_COUNTS + number * N_DESK_COUNTS,
            D_LONG_ABOVE: long_above.get(target.name, NONE),
            D_OUTSIDE: int(target.is_outside),
        }
        if target.hedge is not None:
            row |= {D_HEDGE_TO: desks[target.hedge.to or target.name]}
        row |= {D_N_LIMITERS: len(target.limiters), D_SIBLING: _sibling(targets, number, desks)}
        sharing = target.name if target.pool is None else f"pool {target.pool}"
        is_first = sharing not in pools
        m += [0] if is_first else []
        row |= {D_LIMITERS: pools.setdefault(sharing, len(m))}
        for limiter in target.limiters if is_first else ():
            m += [
                limiter.measure,
                limiter.window_ns,
                limiter.since_ns,
                int(limiter.leaks),
                int(limiter.settles),
            ]
            m += [limiter.p, limiter.q, limiter.capacity, limiter.capacity]
        for place, spells in ((D_SPELLS, target.spells), (D_GATEWAY_SPELLS, target.gateway_spells)):
            row |= {place: len(m)}
            for spell in spells:
                m += _spell_row(spell, f)
        row |= {D_KNOWN_OUT: len(m)}
        stretches = known_outages(target) if target.knows_outages else ()
        for from_ns, to_ns in (*stretches, (FOREVER_NS, FOREVER_NS)):
            m += [from_ns, to_ns]
        row |= {D_CLASS_TAILS: len(m)}
        m += [NONE] * len(set(program.classes))
        for column, value in row.items():
            m[desks[target.name] + column] = value
    groups = _groups(program.groups, desks, m)
    places = []
    for route in routes:
        places.append(len(m))
        escalate = groups + route.escalate * N_GROUP if route.is_cascade else NONE
        m += [route.tier, groups + route.group * N_GROUP, escalate]
    told = 0
    if any(target.lag_ns for target in targets):
        told = len(m)
        m += [0] * N_SLOT
    calls_end = behind + len(models) + len(targets)
    caches = [target.name for target in targets if target.cache is not None]
    talk_caches = TALK_PINS + 2 * len(program.groups)
    talk_end = talk_caches + N_ENTRY * len(caches)
    frames = calls_end + n_recorded + 3 * len(caches)
    passes = frames + (2 * program.max_fallbacks if any(one.fallbacks for one in program.groups) else 0)
    layers = len(m)
    for layer in program.layers:
        m += _layer_row(layer, f)
    rule = len(m)
    m += _rule_row(program)
    for target in targets:
        if memory := _memory_row(program, target):
            m[desks[target.name] + D_MEMORY] = len(m)
            m += memory
        if target.breaker is not None and target.breaker.health is not None:
            m[desks[target.name] + D_RING] = len(m)
            m += _health_row(target.breaker.health)
        if target.cache is not None:
            m[desks[target.name] + D_CACHE] = len(m)
            number = caches.index(target.name)
            place = calls_end + n_recorded + 3 * number
            m += _cache_row(target.cache, place, talk_caches + N_ENTRY * number, n_tasks, f)
            m[desks[target.name] + D_UNCOUNTS] = int(bool(target.limiters) and not target.counts_cached)
    # A cascade may ask a deployment twice in one turn: the second call finds what the first one left.
    meets_itself = bool(caches) and any(route.is_cascade for route in routes)
    header = _header(program) | {
        C_HEDGES: program.most_hedges, C_MAX_IN_FLIGHT: program.max_in_flight,
        C_GROUPS: groups, C_MAX_FALLBACKS: program.max_fallbacks, C_FRAMES: frames,
        C_RULE: rule, C_TOLD: told,
        C_LAYERS: layers, C_N_LAYERS: len(program.layers), C_PASSES: passes,
        C_WANTS_ROWS: int(wants_rows), C_N_DESKS: len(targets), C_SERVICE: calls_end, C_N_SERVICE: n_recorded,
        R_FREE_SLOT: NONE, C_TALK_END: talk_end, C_REMEMBERS: int(program.remembers) * (1 + meets_itself),
    }  # fmt: skip
    if program.classes:
        header |= {C_CLASSES: len(m)}
        m += program.classes
    if program.batch_tasks:
        header |= {C_BATCH: len(m)}
        m += [int(is_batch) for is_batch in program.batch_tasks]
    task_width = N_TASK_COUNTS + len(targets) * N_DESK_COUNTS
    header |= {C_COUNTS: len(m), C_TASK_WIDTH: task_width}
    m += [0] * (n_tasks * task_width)
    slot_width = passes + (2 * len(program.layers) + 3 * len(targets) if program.layers else 0)
    slot_width = max(slot_width, talk_end)
    slot_width_f = N_SLOT_F + len(program.layers)
    end = len(m)  # rows follow, and the slots behind them
    for at, room, columns in (
        (R_OUTCOME_ROW, ROOM if wants_rows else ROOM_TO_REDUCE, N_OUTCOME_COLUMNS),
        (R_ATTEMPT_ROW, ROOM if wants_rows else 128, N_ATTEMPT_COLUMNS),
        (R_EVENT_ROW, EVENT_ROOM, N_EVENT_COLUMNS),
    ):
        header |= {at: end, at + 1: end, at + 2: end + room * columns}
        end += room * columns
    for place, value in header.items():
        m[place] = value
    if program.verifier is not None:
        f[CF_TRUE_POSITIVE] = program.verifier.true_positive
        f[CF_FALSE_POSITIVE] = program.verifier.false_positive
        f[CF_ACCEPT] = program.verifier.accept_score or 0.0
    m[C_SLOT_WIDTH] = slot_width
    state = State(
        m=_grown(np.array(m, np.int64), end + slots * slot_width),
        f=_grown(np.array(f, np.float64), len(f) + slots * slot_width_f),
        e=np.zeros(H_HEAP_NS, np.int64),
        laws=program.laws,
        desks=desks,
        routes=places,
        models=models,
        caches=caches,
        slot_width=slot_width,
        first_slot=end,
        first_slot_f=len(f),
        slot_width_f=slot_width_f,
    )
    state._free(0, slots)
    state.more_events(256 + 2 * slots)
    return state


def _groups(groups: Sequence[Group], desks: Mapping[str, int], m: list[int]) -> int:
    """Write the groups, with their chains, levels and fallbacks before them; the place of the first."""
    rows = []
    for index, group in enumerate(groups):
        chain = len(m)
        m += [desks[name] for name in group.chain]
        levels, at = len(m), chain
        for level in group.levels:
            m += [at, len(level), 0]
            at += len(level)
        fallbacks = NONE
        if group.fallbacks:
            stretches, at = [], len(m)
            for one_list in group.fallbacks:
                stretches += [at, len(one_list)]
                m += one_list
                at += len(one_list)
            fallbacks = len(m)
            m += stretches
        rows += [
            chain, len(group.chain), levels, len(group.levels), index, int(group.leaves_when_filtered), fallbacks,
        ]  # fmt: skip
    place = len(m)
    m += rows
    return place


def _spell_row(spell: Spell, f: list[float]) -> list[int]:
    f += [spell.slowdown, spell.share]
    return [
        spell.from_ns, spell.to_ns, spell.mode, spell.status, spell.latency_law, spell.retry_after_ns, len(f) - 2,
    ]  # fmt: skip


def _sibling(targets: Sequence[Target], number: int, desks: Mapping[str, int]) -> int:
    """The desk that comes next, round in a ring, among those that share a desk's limiters; NONE: nobody does."""
    own = targets[number]
    for target in (*targets[number + 1 :], *targets[:number]):
        if own.pool is not None and target.pool == own.pool:
            return desks[target.name]
    return NONE


def _layer_row(layer: Layer, f: list[float]) -> list[int]:
    backoff, floats = layer.backoff, len(f)
    f += [backoff.base_s, backoff.cap_s, backoff.jitter_s, backoff.factor, backoff.spread, *backoff.waits_s]
    return [
        layer.attempts, backoff.kind, backoff.law, floats + 5, len(backoff.waits_s), floats, layer.stream,
    ]  # fmt: skip


def _rule_row(program: Program) -> list[int]:
    """What a selection that remembers goes by."""
    if (latency := program.lowest_latency) is not None:
        return [
            0, int(latency.skips_full), latency.samples, latency.counts, latency.unseen, latency.buffer_ppm,
            latency.timeout_ps, latency.failure_ps,
        ]  # fmt: skip
    if (usage := program.lowest_usage) is not None:
        return [usage.margin, int(usage.asks_lowest)]
    return []


def _memory_row(program: Program, target: Target) -> list[int]:
    """What a selection remembers of a deployment, at the start: nothing; empty where it remembers nothing ever."""
    usage = [0, 0, 0, _or_none(target.rates[REQUESTS]), _or_none(target.rates[TOKENS])]
    if program.lowest_latency is not None:
        return usage + [0] * (N_LATENCIES - N_USAGE + program.lowest_latency.samples)
    return usage if program.lowest_usage is not None else []


def _health_row(rule: HealthRule) -> list[int]:
    """A breaker's window of ends, empty."""
    settings = [
        rule.places, rule.bucket_ns, rule.window_ns, int(rule.is_aligned), rule.minimum, rule.failure_ppm, rule.slow_ns,
        rule.slow_ppm, int(rule.opens_on_success), rule.half_open_calls, rule.decides_after,
    ]  # fmt: skip
    width = N_BUCKET if rule.window_ns else 1
    return settings + [0] * (N_HEALTH - len(settings) + rule.places * width)


def _cache_row(rule: CacheRule, place: int, of_talk: int, n_tasks: int, f: list[float]) -> list[int]:
    """A prompt cache that keeps nothing yet; `place` is where a slot says what it would keep."""
    f.append(rule.cold_s_per_token)
    settings = [
        place, rule.ttl_ns, rule.max_age_ns, int(rule.refreshes), int(rule.charges_writes), len(f) - 1, of_talk,
    ]  # fmt: skip
    return settings + [0] * (N_ENTRY * n_tasks)


def _desk_row(target: Target, laws: Laws, f: list[float]) -> dict[int, int]:
    """The settings of a deployment and its state at the start: nothing in flight, buckets full."""
    streams, backoff = target.streams, target.backoff
    floats = len(f)
    f += [
        target.error_rate,
        backoff.base_s,
        backoff.cap_s,
        backoff.jitter_s,
        backoff.factor,
        backoff.spread,
        target.weight,
        target.list_price,
        target.filter_share,
        target.break_rate,
        target.retry_after_jitter_s,
    ]
    waits = len(f)
    f += backoff.waits_s
    row = {
        D_INDEX: target.index,
        D_FLOATS: floats,
        D_CONCURRENT: _or_none(target.concurrent),
        D_CHARGE: target.charge,
        D_SETTLES: int(any(limiter.settles for limiter in target.limiters)),
        D_TIMEOUT: _or_none(target.timeout_ns),
        D_RETRIES: target.retries[0],
        D_RETRIES_LIMITED: target.retries[1],
        D_RETRIES_TIMEOUT: target.retries[2],
        D_BACKOFF: backoff.kind,
        D_WAIT_LAW: backoff.law,
        D_WAITS: waits,
        D_N_WAITS: len(backoff.waits_s),
        D_SLEEPS: int(target.sleep_after_last),
        D_RETRY_CAP: target.retry_after_cap_ns,
        D_RETRY_AFTER: int(target.honours_retry_after),
        D_ABOVE_CAP: int(target.retries_above_cap),
        D_SKIPS_WAIT: int(target.skips_wait),
        D_LAG: target.lag_ns,
        D_BREAKER: NONE,
        D_WAITS_BUSY: int(target.waits_when_busy),
        D_WHEN_LIMITED: WHEN_LIMITED.index(target.when_limited),
        D_QUEUE_LIMIT: _or_none(target.queue_limit),
        D_PATIENCE_LAW: target.queue_timeout_law,
        D_BILL: target.bill_timeouts,
        D_TTFT: target.ttft_law,
        D_SPEED: target.speed_law,
        D_TOTAL: target.total_law,
        D_STREAMS: int(target.streams_answer),
        # A gateway that adds nothing is no draw: most calls have none.
        D_GATEWAY: NO_LAW if is_zero(laws, target.gateway_law) else target.gateway_law,
        D_ERROR_STATUS: target.error_status,
        D_ERROR_LAW: target.error_law,
        D_BREAKS_BILL: target.break_bills,
        D_RETRIES_BROKEN: int(target.retries_broken),
        D_S_BREAK: streams["mid-stream"],
        D_FILTER_LAW: target.filter_law,
        D_FILTER_BILLS: target.filter_bills,
        D_S_FILTER: target.filter_stream,
        D_S_FILTER_LATENCY: streams["filter-latency"],
        D_N_SPELLS: len(target.spells),
        D_N_GATEWAY_SPELLS: len(target.gateway_spells),
        D_S_GATEWAY_OUTAGE: streams["gateway-outage-latency"],
        D_S_GATEWAY_SHARE: streams["gateway-outage-share"],
        D_S_TTFT: streams["ttft"],
        D_S_SPEED: streams["speed"],
        D_S_ERROR: streams["error"],
        D_S_ERROR_LATENCY: streams["error-latency"],
        D_S_OUTAGE: streams["outage-latency"],
        D_S_OUTAGE_SHARE: streams["outage-share"],
        D_S_GATEWAY: streams["gateway-latency"],
        D_S_BACKOFF: streams["backoff"],
        D_S_PATIENCE: streams["queue-timeout"],
        D_HEAD: NONE,
        D_TAIL: NONE,
        D_WAKE: NONE,
        D_HEDGE_AFTER: NONE,
        D_BATCH_LAW: NO_LAW,
        D_STATE: CLOSED,
    }
    if target.batch is not None:
        row |= {
            D_BATCH_LAW: target.batch.turnaround_law, D_EXPIRES: target.batch.expires_ns, D_S_BATCH: streams["batch"],
        }  # fmt: skip
    if target.hedge is not None:
        hedge = target.hedge
        row |= {D_HEDGE_AFTER: hedge.after_ns, D_HEDGES: hedge.most, D_HEDGE_BILL: hedge.bill_losers}
    if target.breaker is not None:
        breaker = target.breaker
        row |= {
            D_BREAKER: breaker.kind, D_COUNTED: breaker.counts, D_FAILURES: breaker.failures,
            D_OPEN_NS: breaker.open_ns, D_GROWTH: breaker.growth, D_OPEN_CAP: breaker.cap_ns,
            D_SUCCESSES: breaker.successes, D_ALLOWED: _or_none(breaker.allowed_fails),
            D_HONOURS: int(breaker.honours_retry_after), D_WINDOW: breaker.window_ns,
            D_REJECTS: int(breaker.rejects),
        }  # fmt: skip
    return row


def _header(program: Program) -> dict[int, int]:
    verifier = program.verifier
    values = {
        C_SEED: program.seed,
        C_REPLICATION: program.replication,
        C_DEADLINE: _or_none(program.deadline_ns),
        C_ROUTER_LAW: program.router_law,
        C_ROUTER_STREAM: program.router_stream,
        C_CHECK_STREAM: program.verifier_stream,
        C_VERDICT_STREAM: program.verdict_stream,
        C_RETRY_PPM: NONE,
        C_SELECT: program.select,
        C_SELECT_STREAM: program.select_stream,
        C_CHOOSES: int(program.chooses),
        C_ASKS_EQUALS: int(program.asks_equals),
        C_RESELECTS: int(program.reselects),
        C_SPILL_PPM: _or_none(program.spill_ppm),
        C_PIN_TTL: NONE,
    }
    if program.affinity is not None:
        values |= {C_PIN_TTL: program.affinity.ttl_ns, C_REPINS: int(program.affinity.repins)}
    if program.retry_budget is not None:
        values |= {
            C_RETRY_PPM: program.retry_budget.ratio_ppm,
            C_RETRY_MINIMUM: program.retry_budget.minimum,
        }
    if verifier is not None:
        values |= {
            C_CHECK_LAW: verifier.latency_law,
            C_CHECK_INPUT: verifier.input_tokens,
            C_CHECK_OUTPUT: verifier.output_tokens,
            C_CHECK_BILL: verifier.bill_timeouts,
            C_CHECK_OUTSIDE: int(verifier.is_outside),
            C_HAS_ACCEPT: int(verifier.accept_score is not None),
        }
    return values


def _or_none(value: int | None) -> int:
    return NONE if value is None else value


def _grown(array: np.ndarray, size: int) -> np.ndarray:
    found = np.zeros(size, array.dtype)
    found[: len(array)] = array
    return found
