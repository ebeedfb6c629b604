"""Who answers: own or negotiated models, and deployments of them."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Tag, model_validator
from pydantic_core import PydanticCustomError

from planner.scenario.batches import Batches
from planner.scenario.declare import (
    NOTHING,
    AsMap,
    AsTuple,
    DumpMap,
    Fields,
    Key,
    bounded,
    field,
    later,
)
from planner.scenario.demand import Modality
from planner.scenario.finance_sla import ProviderSla
from planner.scenario.hardware import Device, Owned
from planner.scenario.laws import Law
from planner.scenario.outages import Outages, harms_of
from planner.scenario.policy import Policy
from planner.scenario.price_levels import Level, PriceLevel
from planner.scenario.prompt_caches import PromptCache
from planner.scenario.provisioned import Provisioned
from planner.scenario.steps import CapOrSteps

CATALOGUE: Literal["catalogue"] = "catalogue"
Trust = Literal["outside", "contract", "in-house", "device"]
Price = float | None


def _price(what: str) -> Any:
    return field(f"price of {what}; null: from the catalogue", None, unit="USD/1e6 tokens", ge=0, le=1e6)


class OwnModel(Fields):
    """Own or negotiated prices and abilities; anything not given comes from the catalogue."""

    modalities: Annotated[tuple[Modality, ...], AsTuple] | None = field("what it takes", None)
    context_tokens: int | None = field("context window", None, unit="tokens", ge=1)
    max_output_tokens: int | None = field("longest answer", None, unit="tokens", ge=1)
    params_billions: float | None = field("parameters", None, unit="1e9", gt=0)
    bytes_per_weight: float = field("bytes of a weight as served", 2.0, unit="bytes", gt=0, le=16)
    kv_bytes_per_token: float | None = field("key-value memory of a token", None, unit="bytes", gt=0)
    image_tokens: int | None = field(
        "tokens of an image; null: the catalogue's rule", None, unit="tokens", ge=1
    )
    input_usd_per_mtok: Price = _price("input tokens")
    cached_input_usd_per_mtok: Price = _price("input tokens read from a prompt cache")
    cache_write_usd_per_mtok: Price = _price("input tokens written to a prompt cache")
    output_usd_per_mtok: Price = _price("output and hidden reasoning tokens")
    image_usd_per_mtok: Price = _price("image tokens")
    audio_input_usd_per_mtok: Price = _price("audio input tokens")
    audio_output_usd_per_mtok: Price = _price("audio output tokens")
    ability: Annotated[Mapping[str, float], AsMap, DumpMap] = field(
        "TASK: ability on the difficulty scale", NOTHING
    )
    reasoning_tokens_per_output_token: float | None = field(
        "hidden tokens for each visible one; null: from the catalogue", None, unit="ratio", ge=0, le=1000
    )
    joules_per_output_token: float | None = field(
        "energy of an output token at a provider, hosts and building included, for footprints; null: from the catalogue",
        None,
        unit="J",
        ge=0,
        le=1e6,
    )
    input_token_factor: float | None = field(
        "tokens of this model for each counted input token", None, unit="ratio", gt=0, le=100
    )
    output_token_factor: float | None = field(
        "tokens of this model for each counted output token", None, unit="ratio", gt=0, le=100
    )


class Streaming(Fields):
    """Latency as time to first token plus tokens at a speed."""

    ttft_s: Law = field("time to the provider's first token", unit="s")
    tokens_per_s: Law = field("output speed, hidden tokens included", unit="tokens/s")
    stalls: Annotated[Any, later("stalls within a stream")] = field("pauses within a stream", None)


class Total(Fields):
    """Latency as one total; the whole answer comes at its end."""

    total_s: Law = field("time of the whole call", unit="s")


def _latency_form(value: Any) -> str:
    if value == CATALOGUE or isinstance(value, str):
        return "catalogue"
    if isinstance(value, Total) or (isinstance(value, Mapping) and "total_s" in value):
        return "total"
    return "streaming"


Latency = Annotated[
    Annotated[Literal["catalogue"], Tag("catalogue")]
    | Annotated[Streaming, Tag("streaming")]
    | Annotated[Total, Tag("total")],
    Discriminator(_latency_form),
]

#: What a quota counts, in the order of `limiting.REQUESTS` and so on.
MEASURES = ("requests", "tokens", "input_tokens", "output_tokens")

Rate = int | Literal["catalogue"] | None


def _whole_or_catalogue(value: Any) -> Any:
    """Bounds of a union must be checked by hand: pydantic would report every branch."""
    if value is None or value == CATALOGUE:
        return value
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 10**12:
        raise PydanticCustomError("own", "{given}", {"given": value, "allowed": "whole number >= 1"})
    return value


WholeOrCatalogue = Annotated[Rate, bounded(_whole_or_catalogue, 1, 10**12)]


class QuotaWindow(Fields):
    """One more limit, with a length and a kind of its own: plans have windows of hours and of weeks at once."""

    requests: int | None = field("requests in per_s", None, unit="requests", ge=1, le=10**12)
    tokens: int | None = field("tokens in per_s", None, unit="tokens", ge=1, le=10**12)
    input_tokens: int | None = field("input tokens in per_s", None, unit="tokens", ge=1, le=10**12)
    output_tokens: int | None = field("output tokens in per_s", None, unit="tokens", ge=1, le=10**12)
    per_s: float = field(
        "length of a window, which begins with the simulated one, or time in which an empty bucket fills",
        unit="s",
        ge=0.001,
        le=604_800,
    )
    kind: Literal["fixed-window", "token-bucket", "leaky-bucket"] = field(
        "how it is kept, as limits.kind; a bucket holds the whole quota", "fixed-window"
    )

    @model_validator(mode="after")
    def _one_measure(self) -> "QuotaWindow":
        given = [name for name in MEASURES if getattr(self, name) is not None]
        if len(given) != 1:
            raise PydanticCustomError(
                "given_allowed",
                "window",
                {"given": " and ".join(given) or "no quota", "allowed": f"one of {', '.join(MEASURES)}"},
            )
        return self


class Limits(Fields):
    """Caps of a deployment; null switches one off."""

    requests_per_minute: WholeOrCatalogue = field(
        "requests per minute; catalogue: the provider's highest published tier",
        CATALOGUE,
        unit="requests/min",
    )
    tokens_per_minute: WholeOrCatalogue = field(
        "tokens per minute; catalogue: the provider's highest published tier", CATALOGUE, unit="tokens/min"
    )
    input_tokens_per_minute: WholeOrCatalogue = field(
        "input tokens per minute, where they are limited apart; null: none; catalogue: the provider's highest "
        "published tier",
        None,
        unit="tokens/min",
    )
    output_tokens_per_minute: WholeOrCatalogue = field(
        "output tokens per minute, where they are limited apart; null: none; catalogue: the provider's highest "
        "published tier",
        None,
        unit="tokens/min",
    )
    requests_per_day: int | None = field(
        "requests per day, whatever the kind; null: none", None, unit="requests/day", ge=1, le=10**12
    )
    tokens_per_day: int | None = field(
        "tokens per day, whatever the kind; null: none", None, unit="tokens/day", ge=1, le=10**12
    )
    day_resets_at: int | None = field(
        "hour (UTC) at which caps of a day are whole again; null: the provider's, which is 8 for google and else 0",
        None,
        unit="h",
        ge=0,
        le=23,
    )
    concurrent: CapOrSteps | None = field(
        "calls in flight at once, or steps [{until_s: 600, value: 10}, {value: 2}] in seconds of every simulated "
        "window, each of which begins at 0; a lower cap stops no call in flight; null: none",
        None,
        unit="calls",
    )
    kind: Literal["catalogue", "token-bucket", "fixed-window", "sub-window", "leaky-bucket"] = field(
        "how a limit is kept: a bucket that refills; a count of each minute; a count of each slice; a bucket "
        "that admits below 100 % and is set right to the billed tokens at a call's end; catalogue: the "
        "provider's kind, token-bucket where none is known",
        CATALOGUE,
    )
    charge: Literal[
        "catalogue",
        "estimate",
        "prompt-plus-max-output",
        "max-of-max-output-and-estimate",
        "actual",
        "after-completion",
    ] = field("tokens charged at admission; after-completion: the billed ones, at the end", CATALOGUE)
    burst_s: float = field("seconds of the limit that a bucket holds", 60.0, unit="s", gt=0, le=86_400)
    slice_s: float = field(
        "sub-window: length of a slice, which holds limit x slice_s / 60; a part of a request left over is lost",
        1.0,
        unit="s",
        ge=0.001,
        le=60,
    )

    counts_cached: Literal["catalogue", True, False] = field(
        "whether tokens that prompt_cache gives a call count in limits of tokens and of input tokens; catalogue: as the "
        "provider counts them, true where nothing is known",
        CATALOGUE,
    )
    scope: Literal["deployment", "account", "provider"] = field(
        "whose limits these are: all deployments of one account (the provider's, unless deployments name others) or of "
        "one provider that say so draw on the same; concurrent stays each one's own",
        "deployment",
    )
    windows: Annotated[tuple[QuotaWindow, ...], AsTuple] = field(
        "further limits beside those above, all of which a call must meet", ()
    )

    def idle(self, kind: str) -> tuple[str, ...]:
        """Fields that were given and that a kind of limiter does not read."""
        unread = set() if kind == "sub-window" else {"slice_s"}
        if kind in ("fixed-window", "sub-window"):
            unread.add("burst_s")
        return tuple(sorted(self.model_fields_set & unread))

    @model_validator(mode="after")
    def _nothing_idle(self) -> "Limits":
        # What the catalogue's kind leaves idle only the rules across fields can tell, which know the provider.
        kinds = {"slice_s": "kind sub-window", "burst_s": "kind token-bucket or leaky-bucket"}
        needs = {
            name: (kinds[name], f"kind {self.kind}")
            for name in (self.idle(self.kind) if self.kind != CATALOGUE else ())
        }
        if self.requests_per_day is None and self.tokens_per_day is None and self.day_resets_at is not None:
            needs["day_resets_at"] = ("requests_per_day or tokens_per_day", "no cap of a day")
        for name, (wanted, given) in sorted(needs.items()):
            raise PydanticCustomError(
                "given_allowed",
                "limits",
                {"given": f"{name} with {given}", "allowed": f"{name} with {wanted}", "inside": (name,)},
            )
        return self


class Errors(Fields):
    """Random failures of single calls."""

    rate: float = field("share of calls that fail", 0.0, unit="share", ge=0, le=1)
    status: int = field("HTTP status of the failure", 500, ge=500, le=599)
    latency_s: Law = field("time until the failure is answered", Law.fixed(0.5), unit="s")
    mid_stream: float = field(
        "share of the other calls that break off, at a moment that is as likely as any other of the call",
        0.0,
        unit="share",
        ge=0,
        le=1,
    )


class ContentFilter(Fields):
    """Prompts that the provider refuses with status 400: the same one every time, and no fault of its health."""

    share: float = field("share of requests that it refuses", 0.0, unit="share", ge=0, le=1)
    latency_s: Law = field("time until the refusal", Law.fixed(0.5), unit="s")
    billed: Literal["none", "input"] = field("what a refused call costs", "none")


def _errors_form(value: Any) -> str:
    return "catalogue" if isinstance(value, str) else "errors"


Failures = Annotated[
    Annotated[Literal["catalogue"], Tag("catalogue")] | Annotated[Errors, Tag("errors")],
    Discriminator(_errors_form),
]


def may_be_out(deployment: "Deployment") -> bool:
    """Whether some episode may meet every call to a deployment."""
    if deployment.outages == CATALOGUE:
        return deployment.provider is not None
    return any(harm.is_full for harm in harms_of(deployment.outages))


class Server(Fields):
    """Own or rented GPUs, billed by the hour or bought; latency and concurrency are given beside it."""

    gpu: str = field("GPU in the catalogue")
    replicas: int = field("copies of the model", 1, unit="replicas", ge=1, le=100_000)
    gpus_per_replica: int = field("GPUs of one copy", 1, unit="GPUs", ge=1, le=1024)
    usd_per_gpu_hour: float | None = field(
        "price; null: from the catalogue", None, unit="USD/h", ge=0, le=1e5
    )
    owned: Owned | None = field("bought instead of rented by the hour; null: rented", None)
    dispatch: Annotated[Any, later("batching servers")] = field("how requests reach replicas", None)
    scheduler: Annotated[Any, later("batching servers")] = field("whole-prompt or chunked", None)
    batch_cap: Annotated[Any, later("batching servers")] = field("requests in a batch", None)
    prefill_tokens_cap: Annotated[Any, later("batching servers")] = field("prefill tokens of a batch", None)
    chunk_tokens: Annotated[Any, later("batching servers")] = field("tokens of a chunk", None)
    kv_blocks: Annotated[Any, later("batching servers")] = field("key-value blocks", None)
    kv_block_tokens: Annotated[Any, later("batching servers")] = field("tokens of a block", None)
    watermark: Annotated[Any, later("batching servers")] = field("share of blocks kept free", None)
    iteration: Annotated[Any, later("batching servers")] = field("iteration law", None)
    failures: Annotated[Any, later("batching servers")] = field("replica failures", None)


class Deployment(Fields):
    """A model somewhere: provider, latency, limits, failures."""

    model: str = field("model in the catalogue or under models")
    provider: str | None = field("who serves it; null: nobody whose limits, errors or outages we know", None)
    region: str | None = field(
        "where at the provider, for outages.regional: deployments that name the same region, or none, share its outages",
        None,
        min_length=1,
        max_length=60,
    )
    account: str | None = field(
        "account at the provider, for limits.scope: account; null: the provider's only one", None
    )
    label: str | None = field("name shown to people", None)
    trust: Trust | None = field("null: device for a device, in-house for a server, else outside", None)
    latency: Latency = field("catalogue, {ttft_s, tokens_per_s} or {total_s}", CATALOGUE)
    limits: Limits | None = field("caps; null: none", Limits())
    errors: Failures | None = field("random failures; null: none", CATALOGUE)
    content_filter: ContentFilter | None = field("null: none", None)
    outages: Outages | None = field("catalogue, {mtbf_h, duration_h}, windows, or null", CATALOGUE)
    prompt_cache: PromptCache | None = field(
        "what the provider keeps of shared prefixes, {} for the defaults; null: every prefix is plain input",
        None,
    )
    batch: Batches | None = field(
        "batch API, for tasks with urgency batch: catalogue (where the provider lists batch prices of the model), its terms, "
        "or null: none",
        CATALOGUE,
    )
    price_level: Level = field(
        "level of service at which tokens are bought; priority and flex at the provider's listed prices, or at "
        "price_level_factor. Calls of tasks with urgency batch to a batch API have no level",
        "standard",
    )
    price_level_factor: float | None = field(
        "price of every meter at the level over the ordinary one; null: the provider's listed prices",
        None,
        unit="factor",
        gt=0,
        le=100,
    )
    provisioned: Provisioned | None = field(
        "units that stand ready and are paid for whether used or not; null: tokens are paid as they are used",
        None,
    )
    sla: ProviderSla | None = field("service credits that the provider owes; null: none", None)
    server: Server | None = field("own or rented GPUs", None)
    device: Device | None = field("a fleet of devices", None)
    weight: float = field(
        "share among equals under select: weighted, relative to theirs", 1.0, unit="weight", gt=0, le=1e6
    )
    policy: Policy = field("policy of this deployment, over the strategy's", Policy())

    @property
    def effective_trust(self) -> str:
        """Where private data would be: the given trust, else what the hardware implies."""
        if self.trust is not None:
            return self.trust
        if self.device is not None:
            return "device"
        return "in-house" if self.server is not None else "outside"

    @property
    def is_outside(self) -> bool:
        """Whether private data sent here leaves the house."""
        return self.effective_trust in ("outside", "contract")

    @property
    def is_own_hardware(self) -> bool:
        """Own hardware is paid by the hour or the piece, not by the token."""
        return self.server is not None or self.device is not None

    @property
    def is_paid_by_token(self) -> bool:
        """Whether a provider bills its tokens: those of provisioned units cost nothing on top."""
        return not self.is_own_hardware and self.provisioned is None

    @property
    def level(self) -> PriceLevel | None:
        """The level of service at which its tokens are bought; None: the ordinary one."""
        if self.price_level == "standard":
            return None
        return PriceLevel(self.price_level, self.price_level_factor)

    @property
    def is_behind_gateway(self) -> bool:
        """Whether calls go through what stands before providers: own hardware is called straight."""
        return not self.is_own_hardware


Models = Annotated[Mapping[str, OwnModel], AsMap, DumpMap]
Deployments = Annotated[Mapping[Key, Deployment], AsMap, DumpMap]
