"""Episodes of a deployment that overlap: what holds when, and when it is wholly out."""

from collections.abc import Sequence
from itertools import pairwise

from planner.engines.program import Target
from planner.engines.spells import Spell


def full_outages(spells: Sequence[Spell]) -> tuple[tuple[int, int], ...]:
    """Stretches [from, to) in which the episode that holds, the last to begin, meets every call; in order, apart.

    `spells` are in order of their starts.
    """
    edges = sorted({edge for spell in spells for edge in (spell.from_ns, spell.to_ns)})
    found: list[tuple[int, int]] = []
    for start, end in pairwise(edges):
        holding = [spell for spell in spells if spell.from_ns <= start < spell.to_ns]
        if not holding or not holding[-1].is_full:
            continue
        if found and found[-1][1] == start:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return tuple(found)


def known_outages(target: Target) -> tuple[tuple[int, int], ...]:
    """Stretches in which no call gets through to a deployment, by its own outages or its platform's; in order, apart."""
    found: list[tuple[int, int]] = []
    for start, end in sorted((*full_outages(target.spells), *full_outages(target.gateway_spells))):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return tuple(found)
