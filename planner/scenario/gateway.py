"""What stands between us and the providers: straight calls, or one platform with a fee, limits and outages of its own.

A platform stands before every deployment but own servers and devices (`Deployment.is_behind_gateway`).
"""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Tag, model_validator
from pydantic_core import PydanticCustomError

from planner.scenario.declare import AsTuple, Fields, field
from planner.scenario.laws import Law
from planner.scenario.outages import Outage, OutageLaw
from planner.scenario.policy import preset_field
from planner.scenario.steps import CapOrSteps
from planner.scenario.supply import Limits, QuotaWindow

#: The platform whose documented routing is the default of kind unified, a preset of the catalogue.
DOCUMENTED = "openrouter"
#: Fields that only a platform has; fee and latency_s may also be those of a proxy of one's own.
OF_PLATFORMS = ("limits", "outages", "routing")


def _cap(what: str, unit: str) -> Any:
    return field(f"{what}; null: none", None, unit=unit, ge=1, le=10**12)


class PlatformLimits(Fields):
    """Limits of an account at a platform: one pool for all deployments behind it, in place of their own rate limits.

    Without any quota nothing is limited there.
    """

    requests_per_minute: int | None = _cap("requests per minute", "requests/min")
    tokens_per_minute: int | None = _cap("tokens per minute", "tokens/min")
    input_tokens_per_minute: int | None = _cap("input tokens per minute", "tokens/min")
    output_tokens_per_minute: int | None = _cap("output tokens per minute", "tokens/min")
    requests_per_day: int | None = _cap("requests per day, whatever the kind", "requests/day")
    tokens_per_day: int | None = _cap("tokens per day, whatever the kind", "tokens/day")
    day_resets_at: int = field("hour (UTC) at which caps of a day are whole again", 0, unit="h", ge=0, le=23)
    kind: Literal["token-bucket", "fixed-window", "sub-window", "leaky-bucket"] = field(
        "how a limit is kept, as limits.kind of a deployment", "token-bucket"
    )
    charge: Literal[
        "estimate", "prompt-plus-max-output", "max-of-max-output-and-estimate", "actual", "after-completion"
    ] = field("tokens charged at admission, as limits.charge of a deployment", "estimate")
    burst_s: float = field("seconds of the limit that a bucket holds", 60.0, unit="s", gt=0, le=86_400)
    slice_s: float = field("sub-window: length of a slice", 1.0, unit="s", ge=0.001, le=60)
    windows: Annotated[tuple[QuotaWindow, ...], AsTuple] = field(
        "further limits beside those above, all of which a call must meet", ()
    )

    @model_validator(mode="after")
    def _nothing_idle(self) -> "PlatformLimits":
        idle = self.model_fields_set & ({"burst_s"} if self.kind in ("fixed-window", "sub-window") else set())
        idle |= self.model_fields_set & (set() if self.kind == "sub-window" else {"slice_s"})
        wanted = {"slice_s": "kind sub-window", "burst_s": "kind token-bucket or leaky-bucket"}
        for name in sorted(idle):
            raise _given_allowed(name, f"kind {self.kind}", wanted[name])
        if "day_resets_at" in self.model_fields_set and not self.is_daily:
            raise _given_allowed("day_resets_at", "no cap of a day", "requests_per_day or tokens_per_day")
        return self

    @property
    def is_daily(self) -> bool:
        """Whether a cap of a day is on."""
        return self.requests_per_day is not None or self.tokens_per_day is not None

    def at(self, concurrent: CapOrSteps | None) -> "PooledLimits":
        """The same as limits of a deployment, whose calls at once stay its own."""
        given = {name: getattr(self, name) for name in type(self).model_fields}
        fields_set = {*self.model_fields_set, *_RATES, "kind", "charge"}
        if concurrent is not None:
            fields_set.add("concurrent")
        return PooledLimits.model_construct(fields_set, **given, concurrent=concurrent)


_RATES = ("requests_per_minute", "tokens_per_minute", "input_tokens_per_minute", "output_tokens_per_minute")


def _given_allowed(name: str, given: str, wanted: str) -> PydanticCustomError:
    words = {"given": f"{name} with {given}", "allowed": f"{name} with {wanted}", "inside": (name,)}
    return PydanticCustomError("given_allowed", "limits", words)


class PooledLimits(Limits):
    """A platform's limits at a deployment behind it; never written in a scenario."""


def _outages_form(value: Any) -> str:
    return "windows" if isinstance(value, list | tuple) else "law"


PlatformOutages = Annotated[
    Annotated[tuple[Outage, ...], AsTuple, Tag("windows")] | Annotated[OutageLaw, Tag("law")],
    Discriminator(_outages_form),
]


class Gateway(Fields):
    """What stands between us and the providers. Under a strategy only the given fields count, unless it gives another kind."""

    kind: Literal["direct", "unified"] = field("straight to providers, or one platform in front", "direct")
    fee: float = field("fee on API spend", 0.0, unit="share", ge=0, le=10, slider=(0, 0.2))
    latency_s: Law = field("time added to every call", Law.fixed(0), unit="s")
    limits: PlatformLimits | None = field(
        "unified: limits of the account, one pool for all deployments behind the platform in place of their own rate "
        "limits, {} for none at all; null: each keeps its own (bring your own key)",
        None,
    )
    outages: PlatformOutages | None = field(
        "unified: outages of the platform itself, {mtbf_h, duration_h} or windows, which every call through it meets "
        "before any of the provider's; null: none",
        None,
    )
    routing: (
        Literal[
            "in-order",
            "round-robin",
            "weighted",
            "least-busy",
            "cheapest",
            "inverse-price",
            "lowest-latency",
            "lowest-usage",
        ]
        | None
    ) = field(
        "unified: how it chooses among the equals of a level where no policy.select is given; null: as OpenRouter "
        "documents it, inverse-price",
        None,
    )

    @property
    def selection(self) -> str | None:
        """How a platform chooses where no policy says so; None without a platform."""
        if self.kind != "unified":
            return None
        return self.routing or str(preset_field(DOCUMENTED, "select"))

    def over(self, base: "Gateway") -> "Gateway":
        """This gateway's given fields over `base`; one of another kind begins anew."""
        is_other = (
            "kind" in self.model_fields_set and "kind" in base.model_fields_set and self.kind != base.kind
        )
        under = Gateway() if is_other else base
        return under.model_copy(update={name: getattr(self, name) for name in self.model_fields_set})


__all__ = ["OF_PLATFORMS", "Gateway", "PlatformLimits", "PooledLimits"]
