"""Joules of a token at a provider: published for a query, measured for an open model, or not known.

Comes in: data/parameters.yaml and the models' records; goes out: a range with its source, None where nobody says. What
is published for a query holds the whole building; what was measured at GPUs does not.
"""

from dataclasses import dataclass
from functools import cache

from planner.catalogue import models
from planner.catalogue.hardware import gpu, parameter
from planner.catalogue.reading import Range, as_range, read

J_PER_WH = 3600
MEASURED_ON = "h100-80gb"
GPUS_PER_HOST = 8
STAND_IN = "strong-model-stand-in"


@dataclass(frozen=True, kw_only=True)
class TokenEnergy:
    """Joules of an output token, and of an input token as a share of it, hosts and building included."""

    low: float
    central: float
    high: float
    input_share: Range
    source: str
    confidence: str


@cache
def token_energy(name: str) -> TokenEnergy | None:
    """Energy of a model's tokens at a provider; None where no figure is known.

    Open models: measured at GPUs, x (1 + host / GPU power) x PUE of a large cloud. Models with a published Wh for a
    query: that, over the tokens of its answer. Other strong models: a stand-in with a wide range. Small closed models:
    nobody says.
    """
    if name not in models.names():
        return None
    record, share = models.model(name), parameter("input_token_energy_share")
    measured = read("parameters")["energy_per_output_token"]
    if record.name in measured:
        return _measured(as_range(measured[record.name]), share)
    if record.runs_on == frozenset({"device"}):
        return None  # a device is metered by its own power
    query = record.energy_wh_per_query
    if query is None and record.tier == "omni":
        query = as_range(read("parameters")["energy_per_query"][STAND_IN])
    return None if query is None else _published(query, share)


def _published(query: Range, share: Range) -> TokenEnergy:
    """Wh of a short query over the tokens of its answer; the short prompt is not taken off."""
    tokens = parameter("output_tokens_per_query")
    each = J_PER_WH / tokens.central
    return TokenEnergy(
        low=query.low * each,
        central=query.central * each,
        high=query.high * each,
        input_share=share,
        source=f"{query.source}; {tokens.central:g} tokens: {tokens.source}",
        confidence=query.confidence if query.kind != "published" else tokens.confidence,
    )


def _measured(joules: Range, share: Range) -> TokenEnergy:
    """GPUs alone, with their part of a host and of the building on top."""
    board_w = gpu(MEASURED_ON).watts * parameter("gpu_power_share").central
    host = 1 + 1000 * parameter("server_overhead_kw").central / GPUS_PER_HOST / board_w
    pue = parameter("pue_hyperscale")
    return TokenEnergy(
        low=joules.low * host * pue.low,
        central=joules.central * host * pue.central,
        high=joules.high * host * pue.high,
        input_share=share,
        source=(
            f"{joules.source}, x {host:.3f} for the host ({parameter('server_overhead_kw').source}) x PUE "
            f"{pue.low:g} to {pue.high:g} ({pue.source})"
        ),
        confidence=joules.confidence,
    )
