"""Outages and random failures of providers, from status pages and probes.

Comes in: data/reliability.yaml. Goes out: a law of outages that meets the counted outage minutes, and a rate
of random failures. Data exist for OpenAI and Anthropic up to 2024-08; every other provider borrows OpenAI's
law and says so.
"""

import math
from dataclasses import dataclass
from functools import cache
from typing import Literal

from planner.catalogue.latency import Z95
from planner.catalogue.reading import read


@dataclass(frozen=True, kw_only=True)
class OutageProfile:
    """Outages of a provider: `mtbf_h` on average from start to start, lognormal lengths in hours."""

    provider: str
    mtbf_h: float
    duration_mean_h: float
    duration_p50_h: float
    duration_p95_h: float
    duration_sigma: float
    as_of: str
    source: str
    confidence: str
    borrowed_from: str | None
    starts: Literal[
        "uniform", "weekday-peaks"
    ]  # when in the week: by the provider's own incidents, or at any time alike

    @property
    def availability(self) -> float:
        """Share of time without an outage, partial ones counted like major ones."""
        return 1.0 - self.duration_mean_h / self.mtbf_h

    @property
    def kind(self) -> str:
        return "estimate" if self.borrowed_from else "measured"

    @property
    def note(self) -> str:
        """One line for a table of assumptions."""
        borrowed = f"; no data of its own, borrowed from {self.borrowed_from}" if self.borrowed_from else ""
        return (
            f"outages of {self.provider}: one every {self.mtbf_h:.0f} h, p50 {self.duration_p50_h:.2f} h, "
            f"p95 {self.duration_p95_h:.1f} h ({self.availability:.3%} up){borrowed}; "
            f"{self.source}, to {self.as_of}; "
            f"confidence {self.confidence}"
        )


@dataclass(frozen=True, kw_only=True)
class ErrorProfile:
    """Random failures of single calls outside outages."""

    provider: str
    rate: float
    status: int
    latency_s: float
    kind: str  # measured | no data
    as_of: str | None
    source: str
    confidence: str

    @property
    def note(self) -> str:
        """One line for a table of assumptions."""
        return f"random failures at {self.provider}: {self.rate:.2%} of calls; {self.kind}: {self.source}"


@cache
def outages(provider: str) -> OutageProfile:
    """Outage law of a provider, or OpenAI's with `borrowed_from` set where its own is not known.

    mtbf = days x 24 / days with an outage; mean length = outage minutes, major and partial, / 60 / days with
    an outage; the median of a lognormal with spread sigma is mean x exp(-sigma^2/2), its 95 % point median x
    exp(1.645 sigma). So the law loses exactly the minutes that the status page counted.
    """
    content = read("reliability")
    lender = content["outages_borrowed_from"]
    is_own = provider in content["outages"]
    row = content["outages"][provider if is_own else lender]
    affected = int(row["days_with_outage"])
    mean_h = (int(row["major_minutes"]) + int(row["partial_minutes"])) / 60.0 / affected
    sigma = float(row["sigma_ln"])
    median_h = mean_h * math.exp(-0.5 * sigma * sigma)
    return OutageProfile(
        provider=provider,
        mtbf_h=int(row["days"]) * 24.0 / affected,
        duration_mean_h=mean_h,
        duration_p50_h=median_h,
        duration_p95_h=median_h * math.exp(Z95 * sigma),
        duration_sigma=sigma,
        as_of=row["as_of"],
        source=row["source"],
        confidence=row["confidence"] if is_own else "low",
        borrowed_from=None if is_own else lender,
        starts="weekday-peaks" if provider in content["outage_starts"] else "uniform",
    )


@cache
def start_weights() -> tuple[float, ...]:
    """Weights of the 168 hours of a week, Monday 00:00 UTC first, of mean 1: `starts: weekday-peaks`.

    Weekday x hour of the day, as OpenAI's incidents began (the only provider with enough of them).
    """
    row = read("reliability")["outage_starts"]["openai"]
    products = [float(day) * float(hour) for day in row["weekdays"] for hour in row["hours"]]
    mean = math.fsum(products) / len(products)
    return tuple(product / mean for product in products)


@dataclass(frozen=True, kw_only=True)
class StartProfile:
    """Where `start_weights` come from, in words."""

    value: str
    source: str
    as_of: str
    confidence: str


def start_profile() -> StartProfile:
    """What to say of `starts: weekday-peaks`."""
    row, weights = read("reliability")["outage_starts"]["openai"], start_weights()
    return StartProfile(
        value=f"on weekday peaks: hours of the week count {min(weights):.2g} to {max(weights):.2g} times their mean",
        source=f"weekday and hour of {row['incidents']} incidents, taken as independent and smoothed: {row['source']}",
        as_of=row["as_of"],
        confidence=row["confidence"],
    )


@cache
def errors(provider: str) -> ErrorProfile:
    """Random failures of a provider: the probed share where one exists, else 0 with kind "no data"."""
    content = read("reliability")["errors"]
    defaults = content["defaults"]
    probed = content["measured"].get(provider)
    if probed is None:
        rate, kind, source, as_of, confidence = (
            float(defaults["rate"]),
            "no data",
            "none was found, so none is applied",
            None,
            "low",
        )
    else:
        failures, probes = int(probed["failures"]), int(probed["probes"])
        rate, kind, as_of, confidence = failures / probes, "measured", content["as_of"], content["confidence"]
        source = (
            f"{failures} failures in {probes:,} probes of {content['of'][provider]} ({content['source']})"
        )
    return ErrorProfile(
        provider=provider,
        rate=rate,
        status=int(defaults["status"]),
        latency_s=float(defaults["latency_s"]),
        kind=kind,
        as_of=as_of,
        source=source,
        confidence=confidence,
    )
