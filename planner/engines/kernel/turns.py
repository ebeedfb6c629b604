"""Whose turn it is: groups and their fallbacks, levels, and the deployments in them."""

from planner import failures
from planner import tables as t
from planner.engines import layout as c
from planner.engines import rules
from planner.engines.kernel.breakers import avoids, turns_away
from planner.engines.kernel.candidates import index_in_group, is_left
from planner.engines.kernel.conversations import pinned
from planner.engines.kernel.endings import finish, give_up, pass_failed
from planner.engines.kernel.selection import choose
from planner.engines.kernel.signatures import BOOL, INT, MEMORY, VOID, is_over
from planner.engines.kernel.spill import first_level
from planner.jit import jit
from planner.raw import RAW_INTEGERS


@jit(VOID(*MEMORY, INT, INT), forceinline=True, late=True)
def ask(m, f, e, laws, slot, desk):  # type: ignore[no-untyped-def]
    """Turn to a deployment; its retries begin anew."""
    m[slot + c.L_DESK] = desk
    m[slot + c.L_HAS_ASKED] = 1
    m[slot + c.L_TRY] = 0
    first_s = rules.kept_at_first(m[desk + c.D_BACKOFF], f[m[desk + c.D_FLOATS] + c.F_BASE_S])
    f[m[slot + c.L_FLOATS] + c.G_PREVIOUS] = first_s


@jit(VOID(RAW_INTEGERS, INT, INT), forceinline=True, late=True)
def enter(m, slot, group):  # type: ignore[no-untyped-def]
    """Turn to a group, of which nobody has been asked yet."""
    m[slot + c.L_GROUP] = group
    m[slot + c.L_HAS_ASKED] = 0
    m[slot + c.L_PLACE] = -1
    m[slot + c.L_PINNED] = c.NONE
    m[slot + c.L_GROUPS] |= 1 << m[group + c.U_INDEX]


@jit(VOID(RAW_INTEGERS, INT), forceinline=True, late=True)
def begin_pass(m, slot):  # type: ignore[no-untyped-def]
    """Turn to the group that the request's route names, as if nobody had been asked yet."""
    m[slot + c.L_STAGE] = c.MINI_STAGE
    m[slot + c.L_GROUPS] = 0
    m[slot + c.L_BROKE_OFF] = 0
    m[slot + c.L_DEPTH] = 0
    enter(m, slot, m[m[slot + c.L_ROUTE] + c.T_GROUP])


@jit(VOID(RAW_INTEGERS, INT), forceinline=True, late=True)
def escalate(m, slot):  # type: ignore[no-untyped-def]
    """A cascade turns to omni."""
    m[slot + c.L_STAGE] = c.OMNI_STAGE
    m[slot + c.L_DEPTH] = 0
    enter(m, slot, m[m[slot + c.L_ROUTE] + c.T_ESCALATE])


@jit(BOOL(RAW_INTEGERS, INT), late=True)
def falls_back(m, slot):  # type: ignore[no-untyped-def]
    """All of a group failed: turn to the next one that its fallbacks name, or those it was reached by; or to none."""
    lists, depth = m[m[slot + c.L_GROUP] + c.U_FALLBACKS], m[slot + c.L_DEPTH]
    if lists != c.NONE and depth < m[c.C_MAX_FALLBACKS]:
        failure = failures.CONTEXT_WINDOW
        if m[slot + c.L_HAS_ASKED]:
            failure = rules.failure_of(m[slot + c.L_CAUSE])
        frame = slot + m[c.C_FRAMES] + 2 * depth
        m[frame] = m[lists + 2 * failure]
        m[frame + 1] = m[frame] + m[lists + 2 * failure + 1]
        depth += 1
    while depth > 0:
        frame = slot + m[c.C_FRAMES] + 2 * (depth - 1)
        while m[frame] < m[frame + 1]:
            index = m[m[frame]]
            m[frame] += 1
            if not (m[slot + c.L_GROUPS] >> index) & 1:
                m[slot + c.L_DEPTH] = depth
                enter(m, slot, m[c.C_GROUPS] + index * c.N_GROUP)
                return True
        depth -= 1
    m[slot + c.L_DEPTH] = 0
    return False


@jit(BOOL(*MEMORY, INT), late=True)
def goes_on(m, f, e, laws, slot):  # type: ignore[no-untyped-def]
    """All of a group was tried: a fallback's turn, or omni's in a cascade's first stage, or the pass has failed."""
    if m[slot + c.L_BROKE_OFF]:
        if m[c.C_N_LAYERS]:
            pass_failed(m, f, e, laws, slot)
        else:
            finish(m, f, e, laws, slot, 0)
        return False
    has_fallbacks = m[m[slot + c.L_GROUP] + c.U_FALLBACKS] != c.NONE
    if (has_fallbacks or m[slot + c.L_DEPTH] > 0) and falls_back(m, slot):
        return True
    is_cascade = m[m[slot + c.L_ROUTE] + c.T_ESCALATE] != c.NONE
    if is_cascade and m[slot + c.L_STAGE] == c.MINI_STAGE:
        escalate(m, slot)
        return True
    if m[c.C_N_LAYERS]:
        pass_failed(m, f, e, laws, slot)
    else:
        finish(m, f, e, laws, slot, 0)
    return False


@jit(BOOL(RAW_INTEGERS, INT, INT), forceinline=True, late=True)
def leaves(m, slot, group):  # type: ignore[no-untyped-def]
    """Whether the rest of a group is passed over: a content filter refused the prompt, and fallbacks are for that; or
    an answer broke off that was seen in part.
    """
    if m[slot + c.L_BROKE_OFF]:
        return True
    return (
        m[group + c.U_LEAVES] != 0
        and m[slot + c.L_HAS_ASKED] != 0
        and m[slot + c.L_CAUSE] == t.CONTENT_POLICY
    )


@jit(INT(RAW_INTEGERS, INT, INT), late=True)
def place_in_group(m, slot, desk):  # type: ignore[no-untyped-def]
    """Place of a deployment among those of the group that is tried."""
    chain, place = m[m[slot + c.L_GROUP] + c.U_CHAIN], 0
    while m[chain + place] != desk:
        place += 1
    return place


@jit(INT(*MEMORY, INT, INT), late=True)
def open_pin(m, f, e, laws, slot, level):  # type: ignore[no-untyped-def]
    """The deployment that the conversation stays with, if it can be asked now, in a level (NONE: in the group)."""
    if m[c.C_PIN_TTL] == c.NONE:
        return c.NONE
    desk = pinned(m, slot)
    if desk == c.NONE or not m[slot + m[desk + c.D_SIZES] + c.M_ELIGIBLE]:
        return c.NONE
    place = place_in_group(m, slot, desk)
    if level != c.NONE:
        begins = m[level + c.V_FIRST] - m[m[slot + c.L_GROUP] + c.U_CHAIN]
        if place < begins or place >= begins + m[level + c.V_LENGTH]:
            return c.NONE
    is_tried = m[c.C_RESELECTS] and (m[slot + c.L_TRIED] >> place) & 1
    return c.NONE if is_tried or avoids(m, f, e, laws, desk, slot, m[c.R_NOW]) else desk


@jit(BOOL(*MEMORY, INT), late=True)
def next_chosen(m, f, e, laws, slot):  # type: ignore[no-untyped-def]
    """Move to the deployment that the selection names; False where the request is over."""
    while True:
        group = m[slot + c.L_GROUP]
        levels, n_levels = m[group + c.U_LEVELS], m[group + c.U_N_LEVELS]
        if leaves(m, slot, group):
            if goes_on(m, f, e, laws, slot):
                continue
            return False
        if m[slot + c.L_PLACE] < 0 and m[slot + c.L_PINNED] == c.NONE:
            desk = open_pin(m, f, e, laws, slot, c.NONE)
            if desk != c.NONE:
                if is_over(m, f, e, laws, slot, m[c.R_NOW]):
                    give_up(m, f, e, laws, slot)
                    return False
                m[slot + c.L_PINNED] = desk
                ask(m, f, e, laws, slot, desk)
                return True
        if m[slot + c.L_PLACE] >= 0:
            if is_over(m, f, e, laws, slot, m[c.R_NOW]):
                give_up(m, f, e, laws, slot)
                return False
            number = (m[slot + c.L_FIRST_LEVEL] + m[slot + c.L_PLACE]) % n_levels
            level = levels + number * c.N_LEVEL
            index = c.NONE  # of those asked after one failed, where equals are not
            if m[c.C_ASKS_EQUALS] or not m[slot + c.L_TRIED]:
                index = choose(m, f, e, laws, slot, level)
            if index == c.FULL:
                m[slot + c.L_CAUSE], m[slot + c.L_OUTCOME] = t.LIMIT, t.REJECTED
                m[slot + c.L_HAS_ASKED] = 1
            elif index != c.NONE:
                m[slot + c.L_TRIED] |= 1 << index_in_group(m, slot, level, index)
                ask(m, f, e, laws, slot, m[m[level + c.V_FIRST] + index])
                return True
        m[slot + c.L_PLACE] += 1
        m[slot + c.L_TRIED] = 0
        if m[slot + c.L_PLACE] == 0:
            m[slot + c.L_FIRST_LEVEL] = 0
            if m[c.C_SPILL_PPM] != c.NONE and n_levels > 1:
                m[slot + c.L_FIRST_LEVEL] = first_level(m, f, e, laws, slot, levels, n_levels)
        if m[slot + c.L_PLACE] >= n_levels:
            if goes_on(m, f, e, laws, slot):
                continue
            return False


@jit(BOOL(*MEMORY, INT), late=True)
def has_somebody(m, f, e, laws, slot):  # type: ignore[no-untyped-def]
    """Whether somebody of the group that is tried could be asked for this request."""
    group = m[slot + c.L_GROUP]
    for place in range(m[group + c.U_LENGTH]):
        desk = m[m[group + c.U_CHAIN] + place]
        can_take = m[slot + m[desk + c.D_SIZES] + c.M_ELIGIBLE] and not (m[slot + c.L_TRIED] >> place) & 1
        if can_take and not turns_away(m, f, e, laws, desk, slot, m[c.R_NOW]):
            return True
    return False


@jit(INT(*MEMORY, INT, INT), late=True)
def open_to(m, f, e, laws, slot, level):  # type: ignore[no-untyped-def]
    """Members of a level that could take the request, or FULL where a breaker turns it away from every one of them."""
    n_left = 0
    for index in range(m[level + c.V_LENGTH]):
        if is_left(m, f, e, laws, slot, level, index):
            n_left += 1
            if not turns_away(m, f, e, laws, m[m[level + c.V_FIRST] + index], slot, m[c.R_NOW]):
                return c.OPEN_TO
    return c.FULL if n_left else c.NONE


@jit(BOOL(*MEMORY, INT, BOOL), late=True)
def next_anew(m, f, e, laws, slot, is_retry):  # type: ignore[no-untyped-def]
    """Move to a deployment chosen anew, in the first level where somebody can be asked; False: the request is over.

    `L_PLACE` is the turn: in turn 0 all levels are looked at, in later ones that level alone.
    """
    while True:
        group = m[slot + c.L_GROUP]
        levels, n_levels = m[group + c.U_LEVELS], m[group + c.U_N_LEVELS]
        if not is_retry:
            if leaves(m, slot, group):
                if goes_on(m, f, e, laws, slot):
                    continue
                return False
            m[slot + c.L_PLACE] += 1
            m[slot + c.L_TRY] = 0
            if m[slot + c.L_PLACE] == 0:
                m[slot + c.L_TRIED] = 0
                m[slot + c.L_FIRST_LEVEL] = 0
                if m[c.C_SPILL_PPM] != c.NONE and n_levels > 1:
                    m[slot + c.L_FIRST_LEVEL] = first_level(m, f, e, laws, slot, levels, n_levels)
            if m[slot + c.L_PLACE] >= n_levels:
                if goes_on(m, f, e, laws, slot):
                    continue
                return False
        is_retry = False
        if is_over(m, f, e, laws, slot, m[c.R_NOW]):
            give_up(m, f, e, laws, slot)
            return False
        turn = m[slot + c.L_PLACE]
        number = (m[slot + c.L_FIRST_LEVEL] + turn) % n_levels
        desk = open_pin(m, f, e, laws, slot, levels + number * c.N_LEVEL if turn else c.NONE)
        if desk != c.NONE:
            if m[slot + c.L_TRY] == 0:
                ask(m, f, e, laws, slot, desk)
            m[slot + c.L_DESK] = desk
            m[slot + c.L_HAS_ASKED] = 1
            return True
        for place in range(turn, turn + 1 if turn else n_levels):
            level = levels + (m[slot + c.L_FIRST_LEVEL] + place) % n_levels * c.N_LEVEL
            found = open_to(m, f, e, laws, slot, level)
            if found == c.FULL:
                m[slot + c.L_CAUSE], m[slot + c.L_OUTCOME] = t.OWN_BREAKER, t.REJECTED
                m[slot + c.L_HAS_ASKED] = 1
            elif found == c.OPEN_TO:
                index = choose(m, f, e, laws, slot, level)
                if index == c.FULL:
                    m[slot + c.L_CAUSE], m[slot + c.L_OUTCOME] = t.LIMIT, t.REJECTED
                    m[slot + c.L_HAS_ASKED] = 1
                    break
                desk = m[m[level + c.V_FIRST] + index]
                if m[slot + c.L_TRY] == 0:
                    ask(m, f, e, laws, slot, desk)
                m[slot + c.L_DESK] = desk
                m[slot + c.L_HAS_ASKED] = 1
                return True


@jit(BOOL(*MEMORY, INT, INT), forceinline=True, late=True)
def next_target(m, f, e, laws, slot, resume):  # type: ignore[no-untyped-def]
    """Move to the next eligible deployment of the chain; False where the request is over."""
    if m[c.C_RESELECTS]:
        return next_anew(m, f, e, laws, slot, resume == c.RESELECT)
    if m[c.C_CHOOSES]:
        return next_chosen(m, f, e, laws, slot)
    now = m[c.R_NOW]
    while True:
        group = m[slot + c.L_GROUP]
        first, length = m[group + c.U_CHAIN], m[group + c.U_LENGTH]
        m[slot + c.L_PLACE] += 1
        if m[slot + c.L_PLACE] >= length or leaves(m, slot, group):
            if goes_on(m, f, e, laws, slot):
                continue
            return False
        if is_over(m, f, e, laws, slot, now):
            give_up(m, f, e, laws, slot)
            return False
        desk = m[first + m[slot + c.L_PLACE]]
        if m[slot + m[desk + c.D_SIZES] + c.M_ELIGIBLE]:
            ask(m, f, e, laws, slot, desk)
            return True
