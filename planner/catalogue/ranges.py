"""Default ranges of what a plan takes for certain: low, central and high as factors, each with source.

Comes in: data/uncertainty.yaml, hardware.yaml and parameters.yaml; goes out: `Range` records by name.
"""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from planner.catalogue.hardware import gpu, parameter
from planner.catalogue.reading import Range, as_range, read

#: Figures of `hardware.parameters` whose low and high, over the central figure, are the range of a factor.
_BY_PARAMETER = {
    "electricity": "electricity_usd_per_kwh",
    "people": "engineer_usd_per_hour",
}


@cache
def factor_ranges() -> Mapping[str, Range]:
    """Ranges of factors by name: volume, growth, input_tokens, api_price, people and others."""
    found = {name: as_range(row) for name, row in read("uncertainty")["factors"].items()}
    found |= {name: _in_proportion(parameter(figure)) for name, figure in _BY_PARAMETER.items()}
    return MappingProxyType(found)


def gpu_hour_range(name: str) -> Range:
    """What other providers ask for a GPU's hour, over the median offer."""
    found = gpu(name)
    central = float(found.usd_per_hour)
    return Range(
        low=float(found.usd_per_hour_low) / central,
        central=1.0,
        high=float(found.usd_per_hour_high) / central,
        unit="factor",
        as_of=found.as_of,
        confidence=found.confidence,
        source=f"{found.offers} offers, {found.source}",
    )


def _in_proportion(one: Range) -> Range:
    return Range(
        low=one.low / one.central,
        central=1.0,
        high=one.high / one.central,
        unit="factor",
        as_of=one.as_of,
        confidence=one.confidence,
        source=one.source,
    )
