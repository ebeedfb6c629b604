"""How long the batch APIs of providers take. Which model has one is said by its batch prices (data/prices-*.yaml).

Comes in: data/batches.yaml. Goes out: the measured turnaround, as a lognormal law, and the window after which
what is unfinished is cancelled.
"""

import math
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist

from planner.catalogue.reading import read

_Z90 = NormalDist().inv_cdf(0.90)


@dataclass(frozen=True, kw_only=True)
class BatchProfile:
    """Turnaround of batches, one law for every provider, as nobody has published one of each."""

    turnaround_p50_s: float
    turnaround_p90_s: float
    turnaround_sigma: float  # of the logarithm
    expires_s: float
    source: str
    window_source: str
    as_of: str
    confidence: str

    @property
    def note(self) -> str:
        """One line for a table of assumptions."""
        return (
            f"turnaround of batch APIs: p50 {self.turnaround_p50_s / 60:.0f} min, p90 {self.turnaround_p90_s / 60:.0f} min, "
            f"cancelled after {self.expires_s / 3600:.0f} h; {self.source}; confidence {self.confidence}"
        )


@cache
def batch() -> BatchProfile:
    """The lognormal law through the two measured quantiles: sigma = ln(p90 / p50) / 1.2816."""
    row = read("batches")
    p50_s, p90_s = float(row["turnaround_p50_s"]), float(row["turnaround_p90_s"])
    return BatchProfile(
        turnaround_p50_s=p50_s,
        turnaround_p90_s=p90_s,
        turnaround_sigma=math.log(p90_s / p50_s) / _Z90,
        expires_s=float(row["expires_s"]),
        source=row["source"],
        window_source=row["window_source"],
        as_of=row["as_of"],
        confidence=row["confidence"],
    )
