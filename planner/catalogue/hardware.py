"""Devices and GPUs to buy or rent, and figures around them: energy, transfer, hours.

Comes in: data/hardware.yaml and parameters.yaml. Goes out: frozen records; money is Decimal. What was not
found is None, never 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from types import MappingProxyType
from typing import TypeVar

from planner.catalogue.reading import Range, amount, as_range, did_you_mean, given, number, read
from planner.errors import CatalogueError

T = TypeVar("T")


class UnknownHardware(CatalogueError):
    """A device, GPU or parameter that the catalogue does not hold."""


@dataclass(frozen=True, kw_only=True)
class Device:
    """A device that runs a small model where the user is.

    `tokens_per_s` is the sum over `concurrency` users at once.
    """

    name: str
    label: str
    model: str
    memory_gb: float
    concurrency: int
    tokens_per_s: float | None
    watts: float | None
    joules_per_token: float | None
    usd: Decimal | None
    life_years: float
    life_source: str
    as_of: str
    source: str
    confidence: str
    remark: str | None

    @property
    def note(self) -> str:
        """One line for a table of assumptions."""
        cost = "price not found" if self.usd is None else f"{self.usd} USD over {self.life_years:g} years"
        speed = "no speed known" if self.tokens_per_s is None else f"{self.tokens_per_s:g} tokens/s"
        power = "no power known" if self.watts is None else f"{self.watts:g} W"
        origin = f"{self.source}, {self.as_of}; confidence {self.confidence}"
        return f"{self.label}: {speed}, {power}, {cost}; {origin}"


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """A rented GPU; `usd_per_hour` is the median on-demand offer, low and high span the offers read."""

    name: str
    label: str
    memory_gb: float
    watts: float
    usd_per_hour: Decimal
    usd_per_hour_low: Decimal
    usd_per_hour_high: Decimal
    provider: str
    offers: int
    as_of: str
    source: str
    confidence: str
    remark: str | None

    @property
    def note(self) -> str:
        """One line for a table of assumptions."""
        return (
            f"{self.label}: {self.usd_per_hour} USD/h at {self.provider} "
            f"({self.usd_per_hour_low} to {self.usd_per_hour_high} over "
            f"{self.offers} offers); {self.source}, {self.as_of}; confidence {self.confidence}"
        )


@cache
def devices() -> Mapping[str, Device]:
    """Devices by id such as jetson-orin-nano-super."""
    content = read("hardware")
    life = as_range(content["life"], unit="years")
    return MappingProxyType(
        {
            name: Device(
                name=name,
                label=row["label"],
                model=row["model"],
                memory_gb=float(row["memory_gb"]),
                concurrency=int(row["concurrency"]),
                tokens_per_s=number(given(row, "tokens_per_s")),
                watts=number(given(row, "watts")),
                joules_per_token=number(given(row, "joules_per_token")),
                usd=amount(given(row, "usd")),
                life_years=life.central,
                life_source=f"{life.source}, confidence {life.confidence}",
                as_of=row["as_of"],
                source=row["source"],
                confidence=row["confidence"],
                remark=given(row, "note"),
            )
            for name, row in content["devices"].items()
        }
    )


@cache
def gpus() -> Mapping[str, Gpu]:
    """GPUs by id such as h100-80gb."""
    return MappingProxyType(
        {
            name: Gpu(
                name=name,
                label=row["label"],
                memory_gb=float(row["memory_gb"]),
                watts=float(row["watts"]),
                usd_per_hour=Decimal(row["usd_per_hour"]["central"]),
                usd_per_hour_low=Decimal(row["usd_per_hour"]["low"]),
                usd_per_hour_high=Decimal(row["usd_per_hour"]["high"]),
                provider=row["provider"],
                offers=int(row["offers"]),
                as_of=row["as_of"],
                source=row["source"],
                confidence=row["confidence"],
                remark=given(row, "note"),
            )
            for name, row in read("hardware")["gpus"].items()
        }
    )


@cache
def parameters() -> Mapping[str, Range]:
    """Figures around the models by name: electricity_usd_per_kwh, pue_hyperscale, egress_aws_usd_per_gb and
    others."""
    return MappingProxyType({name: as_range(row) for name, row in read("parameters")["parameters"].items()})


@cache
def transfer() -> Mapping[str, Range]:
    """Assumed bytes on the wire: bytes_per_input_token, bytes_per_output_token, bytes_per_audio_s,
    bytes_per_image."""
    return MappingProxyType({name: as_range(row) for name, row in read("parameters")["transfer"].items()})


def device(name: str) -> Device:
    """One device; raises UnknownHardware with the nearest id."""
    return _one(devices(), name, "device")


def gpu(name: str) -> Gpu:
    """One GPU; raises UnknownHardware with the nearest id."""
    return _one(gpus(), name, "GPU")


def parameter(name: str) -> Range:
    """One figure of `parameters`; raises UnknownHardware with the nearest name."""
    return _one(parameters(), name, "parameter")


def _one(table: Mapping[str, T], name: str, what: str) -> T:
    if name not in table:
        hint = did_you_mean(name, table) or "; known: " + ", ".join(table)
        raise UnknownHardware(f"{name!r} is no {what} of the catalogue{hint}")
    return table[name]
