"""Published rate limits by provider, model and tier, and how each provider enforces them.

Comes in: data/limits.yaml. Goes out: the tiers of a model's pool, and the highest published one as default,
named. A limit that is not published is None: unknown, not unlimited. A pool taken from a relative says so in
`borrowed_from`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from planner.catalogue.models import Model, model
from planner.catalogue.reading import given, read, whole, yes


@dataclass(frozen=True, kw_only=True)
class LimitSet:
    """Limits of one tier. Providers cap tokens together (`tokens_per_minute`) or input and output apart."""

    model: str
    provider: str
    pool: str | None
    tier: str | None
    requests_per_minute: int | None
    requests_per_day: int | None
    tokens_per_minute: int | None
    input_tokens_per_minute: int | None
    output_tokens_per_minute: int | None
    limiter: str  # token-bucket | fixed-window
    charge: str  # estimate | prompt-plus-max-output | max-of-max-output-and-estimate
    failed_requests_count: bool
    counts_cached: (
        bool  # whether tokens read from a prompt cache count; where nothing was found they are taken to
    )
    kind: str  # published | estimate (borrowed) | no data
    borrowed_from: str | None
    as_of: str | None
    source: str
    confidence: str
    enforcement_source: str
    enforcement_as_of: str
    enforcement_confidence: str
    remark: str | None

    @property
    def note(self) -> str:
        """One line for a table of assumptions."""
        if self.kind == "no data":
            return f"limits of {self.model} at {self.provider}: none applied; {self.source}"
        figures = [
            f"{value:,} {text}"
            for value, text in (
                (self.requests_per_minute, "requests/min"),
                (self.tokens_per_minute, "tokens/min"),
                (self.input_tokens_per_minute, "input tokens/min"),
                (self.output_tokens_per_minute, "output tokens/min"),
            )
            if value is not None
        ]
        borrowed = f", borrowed from {self.borrowed_from}" if self.borrowed_from else ""
        remark = f"; {self.remark}" if self.remark else ""
        return (
            f"limits of {self.model} at {self.provider}: {', '.join(figures)} "
            f"({self.tier}, highest published{borrowed}); "
            f"{self.source}, {self.as_of}; confidence {self.confidence}{remark}"
        )


@cache
def limit_tiers(name: str, provider: str) -> tuple[LimitSet, ...]:
    """All published tiers of a model at a provider, lowest first; empty where none is known. Raises
    UnknownModel."""
    record = model(name)
    block = _provider(provider)
    pool, is_own = _pool(record, block)
    if pool is None:
        return ()
    return tuple(_limit_set(record, provider, block, row, pool, is_own) for row in block["published"][pool])


@cache
def default_limits(name: str, provider: str) -> LimitSet:
    """Limits of the highest published tier, which the result names; kind "no data" where none is known.

    Raises UnknownModel.
    """
    tiers = limit_tiers(name, provider)
    return tiers[-1] if tiers else _limit_set(model(name), provider, _provider(provider), {}, None, True)


@cache
def limiter_kind(provider: str) -> str:
    """How a provider keeps its limits; of one that nothing was found for, the kind that is assumed."""
    kind: str = _provider(provider)["kind"]
    return kind


@cache
def counts_cached(name: str | None, provider: str) -> bool:
    """Whether a provider counts tokens read from a prompt cache in its limits of a model; None: of no known one."""
    return _counts_cached(_provider(provider), None if name is None else model(name).family)


def _counts_cached(block: Mapping[str, Any], family: str | None) -> bool:
    is_exception = family is not None and family in block.get("cached_counted_in", ())
    return yes(block["counts_cached"]) != is_exception


def _provider(provider: str) -> Mapping[str, Any]:
    content = read("limits")
    block: Mapping[str, Any] = content["providers"].get(provider, content["other"])
    return block


def _pool(record: Model, block: Mapping[str, Any]) -> tuple[str | None, bool]:
    """Pool of a model and whether it is published for it: by name, else by family, else by tier."""
    for pool, members in block.get("pools", {}).items():
        if record.name in members or record.alias_of in members:
            return pool, True
    borrowed = block.get("assumed_by_family", {}).get(record.family) or block.get("assumed", {}).get(
        record.tier
    )
    return borrowed, False


def _limit_set(
    record: Model,
    provider: str,
    block: Mapping[str, Any],
    row: Mapping[str, Any],
    pool: str | None,
    is_own: bool,
) -> LimitSet:
    enforcement = block["enforcement"]
    source = given(row, "source")
    return LimitSet(
        model=record.name,
        provider=provider,
        pool=pool,
        tier=given(row, "tier"),
        requests_per_minute=whole(given(row, "requests_per_minute")),
        requests_per_day=whole(given(row, "requests_per_day")),
        tokens_per_minute=whole(given(row, "tokens_per_minute")),
        input_tokens_per_minute=whole(given(row, "input_tokens_per_minute")),
        output_tokens_per_minute=whole(given(row, "output_tokens_per_minute")),
        limiter=block["kind"],
        charge=block["charge"],
        failed_requests_count=yes(block["failed_requests_count"]),
        counts_cached=_counts_cached(block, record.family),
        kind="no data" if pool is None else "published" if is_own else "estimate",
        borrowed_from=None if is_own else pool,
        as_of=given(row, "as_of"),
        source=block["sources"][source] if source else "no published limit was found",
        confidence="low" if source is None or not is_own else row["confidence"],
        enforcement_source=f"{enforcement['source']} (confidence {enforcement['confidence']})",
        enforcement_as_of=str(enforcement["as_of"]),
        enforcement_confidence=enforcement["confidence"],
        remark=given(row, "note"),
    )
