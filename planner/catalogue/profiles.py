"""Everything about a deployment that is not a price or a token rule, under one name.

Latency, limits, outages and random failures by provider; devices, GPUs, transfer and energy. Each record has
`source`, `as_of`, `confidence` and a one-line `note` for a table of assumptions (`describe` on a Range).
"""

from planner.catalogue.batches import BatchProfile, batch
from planner.catalogue.energy import TokenEnergy, token_energy
from planner.catalogue.hardware import (
    Device,
    Gpu,
    UnknownHardware,
    device,
    devices,
    gpu,
    gpus,
    parameter,
    parameters,
    transfer,
)
from planner.catalogue.latency import Latency, LatencyUnknown, has_latency, latency
from planner.catalogue.limits import LimitSet, counts_cached, default_limits, limit_tiers, limiter_kind
from planner.catalogue.reading import Range
from planner.catalogue.reliability import ErrorProfile, OutageProfile, errors, outages, start_profile

__all__ = [
    "BatchProfile",
    "Device",
    "ErrorProfile",
    "Gpu",
    "Latency",
    "LatencyUnknown",
    "LimitSet",
    "OutageProfile",
    "Range",
    "TokenEnergy",
    "UnknownHardware",
    "batch",
    "counts_cached",
    "default_limits",
    "device",
    "devices",
    "errors",
    "gpu",
    "gpus",
    "has_latency",
    "latency",
    "limit_tiers",
    "limiter_kind",
    "outages",
    "parameter",
    "parameters",
    "start_profile",
    "token_energy",
    "transfer",
]
