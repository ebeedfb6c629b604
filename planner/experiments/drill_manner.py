"""What happens to calls that meet a drilled outage: its mode, and the figures that the mode reads.

Comes in: what was asked for; goes out: a `Manner`, checked, and its words. Names, bounds and meanings are those of the
language's own outage windows (`scenario.supply.Outage`). A figure that is not given is that of the deployment's own
outages where they follow a law, else the language's default; only the share is not: all calls meet a drill unless told
otherwise.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from planner.errors import Problem
from planner.scenario import declared
from planner.scenario.checks_outages import READ_IN
from planner.scenario.complaints import allowed_text
from planner.scenario.declared import Kind, Place
from planner.scenario.outages import Harm, Outage

#: FIELD: option of the command that gives it.
OPTIONS = {
    "share": "--share",
    "status": "--status",
    "slowdown": "--slowdown",
    "retry_after_s": "--retry-after",
}
#: Fields that are those of a deployment's own law where they are not given, as far as the mode reads them.
OF_THE_LAW = ("status", "error_latency_s", "slowdown", "retry_after_s")


def place_of(field: str) -> Place:
    """What the language allows a field of an outage to be."""
    return declared.fields_of(Outage)[field]


MODES: tuple[str, ...] = place_of("mode").choices


@dataclass(frozen=True, kw_only=True)
class Manner:
    """How a provider is out. None: as the deployment's own law of outages has it, else the language's default."""

    mode: str
    share: float = 1.0  # of the calls that start in the outage
    status: int | None = None
    slowdown: float | None = None
    retry_after_s: float | None = None

    def words(self, n_providers: int = 1) -> str:
        """What calls meet, as `openai ... for 30 min` reads.

        >>> Manner(mode="error", share=0.3, status=529).words(), Manner(mode="limited", retry_after_s=20).words(2)
        ('answers errors (529) to 30 % of calls', 'refuse calls with 429, to be sent again after 20 s')
        """
        s = "s" if n_providers == 1 else ""
        few = "" if self.share == 1.0 else f"{100 * self.share:.6g} % of calls"
        if self.mode == "error":
            status = "" if self.status is None else f" ({self.status})"
            return f"answer{s} errors{status}" + (few and f" to {few}")
        if self.mode == "hang":
            return f"{'does' if s else 'do'} not answer" + (few and f" {few}")
        if self.mode == "degraded":
            factor = "" if self.slowdown is None else f" ({self.slowdown:.6g} times)"
            return f"{'is' if s else 'are'} slow{factor}" + (few and f" with {few}")
        asks = "" if self.retry_after_s is None else f", to be sent again after {self.retry_after_s:.6g} s"
        return f"refuse{s} {few or 'calls'} with 429{asks}"

    def window(self, law: Harm | None) -> dict[str, Any]:
        """Fields of an outage window at a deployment whose own outages follow a law, or none."""
        found = {} if law is None else {name: getattr(law, name) for name in OF_THE_LAW}
        found |= {name: value for name, value in asdict(self).items() if value is not None}
        return {name: value for name, value in found.items() if self.mode in READ_IN.get(name, MODES)}


def unusable(mode: str, given: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong with figures of an outage; `given` holds those that are not None."""
    for name, value in given.items():
        place = place_of(name)
        modes = READ_IN.get(name, MODES)
        if not _is_within(place, value):
            yield Problem(field=OPTIONS[name], given=f"{value}", allowed=allowed_text(_plain(place), value))
        elif mode in MODES and mode not in modes:
            yield Problem(
                field=OPTIONS[name],
                given=f"{value} with mode {mode}",
                allowed=f"with --mode {' or '.join(modes)}, which alone reads it",
            )


def _is_within(place: Place, value: Any) -> bool:
    kinds = int if place.kind is Kind.WHOLE else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds):
        return False
    assert place.low is not None, "figures of an outage have bounds"
    assert place.high is not None, "figures of an outage have bounds"
    above = value > place.low if place.low_open else value >= place.low
    return above and (value < place.high if place.high_open else value <= place.high)


def _plain(place: Place) -> Place:
    """The place without null: not to give an option is to say nothing."""
    return replace(place, nullable=False)


__all__ = ["MODES", "OPTIONS", "Manner", "place_of", "unusable"]
