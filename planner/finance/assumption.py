"""A figure that a bill rests on, with where it comes from."""

from dataclasses import asdict, dataclass

from planner.finance.ledger import exact, plain
from planner.scenario import paths

GIVEN = "given"  # confidence of what the scenario says itself


@dataclass(frozen=True, kw_only=True)
class Assumption:
    """One figure. `value` is a plain number as text or "unknown"; `as_of` is None for the scenario's own."""

    what: str
    value: str
    unit: str
    source: str
    as_of: str | None = None
    confidence: str | None = GIVEN

    def to_dict(self) -> dict[str, str | None]:
        """The row for JSON and tables."""
        return asdict(self)


def given_figure(value: float, unit: str, what: str, *path: str | int) -> Assumption:
    """A figure that the scenario gives itself."""
    return Assumption(
        what=what, value=plain(exact(value)), unit=unit, source="scenario: " + paths.render(path)
    )
