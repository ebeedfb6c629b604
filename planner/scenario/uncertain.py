"""What is believed of uncertain inputs: three figures for each, and which of them go together.

Fields only; whether a path names something that may be uncertain stands in `checks_uncertain`.
"""

from collections.abc import Mapping
from typing import Annotated

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from planner.scenario.declare import AsMap, AsTuple, DumpMap, Fields, field

QUANTILES = ("p10", "p50", "p90")
ENDS = ("min", "mode", "max")


class Uncertain(Fields):
    """Three figures of one input, in its unit: {p10, p50, p90} or {min, mode, max}."""

    p10: float | None = field("value that is passed with a probability of 90 %", None)
    p50: float | None = field("value that is as likely passed as not", None)
    p90: float | None = field("value that is passed with a probability of 10 %", None)
    min: float | None = field("lowest value", None)
    mode: float | None = field("most likely value", None)
    max: float | None = field("highest value", None)

    @property
    def is_quantiles(self) -> bool:
        """Whether it is given by its quantiles, not by its ends."""
        return self.p10 is not None

    @property
    def figures(self) -> tuple[tuple[str, float], ...]:
        """The three figures by name, in order."""
        names = QUANTILES if self.is_quantiles else ENDS
        return tuple((name, float(getattr(self, name))) for name in names)

    @model_validator(mode="after")
    def _three(self) -> "Uncertain":
        given = {name for name in (*QUANTILES, *ENDS) if getattr(self, name) is not None}
        if given not in (set(QUANTILES), set(ENDS)):
            names = [name for name in (*QUANTILES, *ENDS) if name in given]
            words = {"given": " and ".join(names) or "nothing", "allowed": "{p10, p50, p90} or {min, mode, max}"}  # fmt: skip
            raise PydanticCustomError("given_allowed", "uncertain", words)
        return self


class Correlated(Fields):
    """Two inputs that go together."""

    between: Annotated[tuple[str, ...], AsTuple] = field("two paths under uncertain", min_length=2, max_length=2)  # fmt: skip
    rank: float = field("Spearman's rank correlation", gt=-1, lt=1)


UncertainInputs = Annotated[Mapping[str, Uncertain], AsMap, DumpMap]
Correlations = Annotated[tuple[Correlated, ...], AsTuple]
