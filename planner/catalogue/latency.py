"""Latency of a model at a provider: time to first token and output speed, with date and source.

Comes in: data/latency.yaml. Goes out: medians and 95 % points for lognormal laws. A figure measured on
another model or provider is borrowed, and the profile says from whom. The rule of borrowing: the pair's own
entry; for a moving name its target's entry; else the model's entry at its home provider; else no profile
(LatencyUnknown). Never a silent default.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from planner.catalogue.models import Model, model
from planner.catalogue.reading import given, number, read
from planner.errors import CatalogueError

Z95 = 1.6448536269514722  # standard normal quantile at 0.95
Z01 = -2.3263478740408408  # at 0.01
_CONFIDENCE = {"low": 0, "medium": 1, "high": 2}


class LatencyUnknown(CatalogueError):
    """Neither a measurement nor a named relative exists for this model at this provider."""


@dataclass(frozen=True, kw_only=True)
class Latency:
    """Latency profile of one pair; both laws are lognormal with the medians and 95 % points given.

    `tokens_per_s_p95` is the fast end of the speed. Where no 95 % point was measured it follows from the
    sigma named in `spread_source`. `streaming` is false where the first visible token comes with the last.
    `ttft_mean_s` and `ttft_min_s` are the vendor's figures for answers by voice, else None.
    """

    model: str
    provider: str
    ttft_p50_s: float
    ttft_p95_s: float
    tokens_per_s_p50: float
    tokens_per_s_p95: float
    ttft_mean_s: float | None
    ttft_min_s: float | None
    streaming: bool
    kind: str  # measured | published | claim | estimate (borrowed, in whole or in part)
    borrowed_from: str | None
    as_of: str
    source: str
    spread_source: str
    confidence: str

    @property
    def measured(self) -> bool:
        """Whether both figures were measured on this model at this provider."""
        return self.kind == "measured"

    @property
    def ttft_sigma(self) -> float:
        """Standard deviation of ln(TTFT)."""
        return math.log(self.ttft_p95_s / self.ttft_p50_s) / Z95

    @property
    def tokens_per_s_sigma(self) -> float:
        """Standard deviation of ln(tokens per second)."""
        return math.log(self.tokens_per_s_p95 / self.tokens_per_s_p50) / Z95

    @property
    def note(self) -> str:
        """One line for a table of assumptions."""
        borrowed = f"; borrowed from {self.borrowed_from}" if self.borrowed_from else ""
        stream = "" if self.streaming else "; does not stream"
        return (
            f"latency of {self.model} at {self.provider}: "
            f"TTFT p50 {self.ttft_p50_s:.3g} s, p95 {self.ttft_p95_s:.3g} s; "
            f"output p50 {self.tokens_per_s_p50:.3g} tokens/s, p95 {self.tokens_per_s_p95:.3g}; "
            f"{self.kind}{borrowed}{stream}; {self.source}, {self.as_of}; confidence {self.confidence}"
        )


@cache
def latency(name: str, provider: str) -> Latency:
    """Latency profile of a model at a provider. Raises UnknownModel or LatencyUnknown."""
    record = model(name)
    entry = _entry(record, provider)
    measurements = read("latency")["measurements"]
    ttft, speed = measurements[entry["ttft"]], measurements[entry["speed"]]
    ttft_p50_s, ttft_p95_s, ttft_spread = _ttft(ttft)
    speed_p50, speed_p95, speed_spread = _speed(speed)
    lenders = tuple(
        f"{part['models'][0]} at {part['provider']} ({what})"
        for what, part in (("TTFT", ttft), ("speed", speed))
        if record.name not in part["models"] or provider != part["provider"]
    )
    kinds = {ttft["kind"], speed["kind"]}
    not_streaming = read("latency")["not_streaming"]["models"]
    return Latency(
        model=record.name,
        provider=provider,
        ttft_p50_s=ttft_p50_s,
        ttft_p95_s=ttft_p95_s,
        tokens_per_s_p50=speed_p50,
        tokens_per_s_p95=speed_p95,
        ttft_mean_s=number(given(ttft, "ttft_mean_s")),
        ttft_min_s=number(given(ttft, "ttft_min_s")),
        streaming=record.name not in not_streaming,
        kind="estimate" if lenders else (kinds.pop() if len(kinds) == 1 else "published"),
        borrowed_from=", ".join(lenders) or None,
        as_of=_joined(ttft["as_of"], speed["as_of"]),
        source=_joined(_source(ttft), _source(speed)),
        spread_source=f"TTFT: {ttft_spread}; speed: {speed_spread}",
        confidence="low"
        if lenders
        else min(ttft["confidence"], speed["confidence"], key=_CONFIDENCE.__getitem__),
    )


def has_latency(name: str, provider: str) -> bool:
    """Whether `latency` gives a profile for the pair. Raises UnknownModel."""
    try:
        latency(name, provider)
    except LatencyUnknown:
        return False
    return True


def _entry(record: Model, provider: str) -> Mapping[str, str]:
    profiles = read("latency")["profiles"]
    places = [provider] if record.home_provider in (None, provider) else [provider, record.home_provider]
    for place in places:
        for name in (record.name, record.alias_of):
            if name in profiles.get(place, {}):
                found: Mapping[str, str] = profiles[place][name]
                return found
    known = ", ".join(sorted(place for place, rows in profiles.items() if record.name in rows))
    where = f"latency is known at {known}" if known else "none is known anywhere"
    raise LatencyUnknown(
        f"no latency of {record.name} at {provider} is known; {where}; give latency in the deployment"
    )


def _source(measurement: Mapping[str, Any]) -> str:
    text: str = read("latency")["sources"][measurement["source"]]
    note = given(measurement, "note")
    return f"{text} ({note})" if note else text


def _joined(first: str, second: str) -> str:
    return first if first == second else f"TTFT: {first}; speed: {second}"


def _ttft(row: Mapping[str, Any]) -> tuple[float, float, str]:
    """Median, 95 % point and where the spread comes from.

    From a mean m and a least value taken as the 1 % point q: the lognormal with ln m = mu + s^2/2 and ln q =
    mu + z s, z the 1 % quantile, so s^2/2 - z s = ln(m/q).
    """
    if "ttft_mean_s" in row:
        mean_s, least_s = float(row["ttft_mean_s"]), float(row["ttft_min_s"])
        sigma = Z01 + math.sqrt(Z01 * Z01 + 2.0 * math.log(mean_s / least_s))
        median_s = mean_s * math.exp(-0.5 * sigma * sigma)
        return (
            median_s,
            median_s * math.exp(Z95 * sigma),
            "lognormal through the claimed mean and least value",
        )
    return _law(row, "ttft", "_s")


def _speed(row: Mapping[str, Any]) -> tuple[float, float, str]:
    return _law(row, "tokens_per_s", "")


def _law(row: Mapping[str, Any], what: str, unit: str) -> tuple[float, float, str]:
    """Median and 95 % point of a figure, the latter from a sigma where it was not measured."""
    median = float(row[f"{what}_p50{unit}"])
    measured = number(given(row, f"{what}_p95{unit}"))
    if measured is not None:
        return median, measured, "p95 as measured"
    own = given(row, f"{what}_sigma")
    if own is not None:
        return median, median * math.exp(Z95 * float(own)), f"sigma {own} of the same measurement"
    default = read("latency")["defaults"][f"{what}_sigma"]
    return (
        median,
        median * math.exp(Z95 * float(default["value"])),
        f"sigma {default['value']}: {default['source']}",
    )
