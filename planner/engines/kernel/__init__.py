"""The compiled engine's heart: the reference engine's rules as one loop over events, part by part."""

from planner.engines.kernel.loop import MARGIN as MARGIN
from planner.engines.kernel.loop import run as run

__all__ = ["MARGIN", "run"]
