"""The outages and slow spells that reach into a window, as engines see them.

Comes in: the spells of a window, drawn or planted, and what the scenario says they do; goes out: `Spell`s in nanoseconds,
with their laws in the table of a program.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from planner import tables
from planner.chance import to_ns
from planner.engines import rules
from planner.sampling import Laws, pack_laws
from planner.scenario.fields import Scenario
from planner.scenario.laws import Law
from planner.scenario.outages import Harm
from planner.workload.outage_lines import gateway_line_of, lines_of, outage_law
from planner.workload.windows import Window


@dataclass(frozen=True, kw_only=True)
class Spell:
    """An outage window [from, to) of a target."""

    from_ns: int
    to_ns: int
    mode: int
    status: int
    slowdown: float
    latency_law: int
    retry_after_ns: int  # NEVER where a refusal says nothing
    share: float  # of the calls that start in it

    @property
    def is_full(self) -> bool:
        """Whether no call that starts in it is answered."""
        return self.share >= 1.0 and self.mode in (rules.ERROR, rules.HANG, rules.OVERLOADED)


class LawTable:
    """Collects laws and gives each its index, behind those that are there already."""

    def __init__(self, laws: Iterable[Law] = ()) -> None:
        self.laws = list(laws)

    def add(self, law: Law | None) -> int:
        if law is None:
            return rules.NO_LAW
        self.laws.append(law)
        return len(self.laws) - 1

    def packed(self) -> Laws:
        laws = self.laws or [Law.fixed(0)]
        return pack_laws(
            [[(c.weight, int(c.kind), c.a, c.b, c.values) for c in law.components] for law in laws]
        )


def platform_spells(scenario: Scenario, strategy: str, window: Window, table: LawTable) -> tuple[Spell, ...]:
    """Outage windows of the platform that a strategy's calls meet before they are at a provider."""
    gateway = scenario.gateway_for(strategy)
    if gateway.kind != "unified":
        return ()
    found: list[tuple[int, int, Harm]] = []
    if isinstance(gateway.outages, tuple):
        found = [(int(to_ns(one.from_s)), int(to_ns(one.to_s)), one) for one in gateway.outages]
    elif gateway.outages is not None:
        line = gateway_line_of(scenario).get(strategy)  # none where nobody is behind it
        law = gateway.outages
        found = [(start, end, law.harm(luck)) for key, start, end, luck in window.spells if key == line]
    return _in_order(found, table)


def own_spells(scenario: Scenario, name: str, window: Window, table: LawTable) -> tuple[Spell, ...]:
    """Outage windows of a deployment in a window, planted or cut from the lines that hit it."""
    outages = scenario.deployments[name].outages
    found: list[tuple[int, int, Harm]]
    if isinstance(outages, tuple):
        found = [(int(to_ns(one.from_s)), int(to_ns(one.to_s)), one) for one in outages]
    else:
        law, lines = outage_law(scenario, name), lines_of(scenario).get(name, ())
        if law is None:
            return ()
        found = [(start, end, law.harm(luck)) for key, start, end, luck in window.spells if key in lines]
    return _in_order(found, table)


def _in_order(found: Sequence[tuple[int, int, Harm]], table: LawTable) -> tuple[Spell, ...]:
    """Spells (from, to, what they do) that reach into a window, by their beginning."""
    ordered = sorted(((start, end, law) for start, end, law in found if end > 0), key=lambda one: one[:2])
    return tuple(_spell(start, end, law, table) for start, end, law in ordered)


def _spell(start: int, end: int, law: Harm, table: LawTable) -> Spell:
    return Spell(
        from_ns=start,
        to_ns=end,
        mode=rules.MODES.index(law.mode),
        status=law.status,
        slowdown=law.slowdown,
        retry_after_ns=tables.NEVER if law.retry_after_s is None else int(to_ns(law.retry_after_s)),
        share=law.share,
        latency_law=table.add(law.error_latency_s),
    )
