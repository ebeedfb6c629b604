"""A deployment's prompt cache as the scenario declares it."""

from typing import TYPE_CHECKING, TypeVar

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from planner.scenario.declare import Fields, field

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Tokens = TypeVar("Tokens", int, "npt.NDArray[np.int64]")


class PromptCache(Fields):
    """The provider keeps the shared prefix of a task, and what a conversation sent, and reads it at a price of its own.

    Defaults: OpenAI keeps prefixes of 1,024 tokens and more in steps of 128 for 5 to 10 idle minutes and an hour at
    most; Anthropic keeps them for 5 minutes after the last hit, from 512 to 4,096 tokens on by model and to the token
    (`step_tokens: 1`). Facts: routing_semantics §12.
    """

    ttl_s: float = field(
        "seconds after the start of the call that touched it last at which a prefix is gone; shorter gaps find it",
        300.0,
        unit="s",
        ge=0.001,
        le=604_800,
    )
    min_tokens: int = field("shortest prefix that is kept", 1024, unit="tokens", ge=1, le=10_000_000)
    step_tokens: int = field(
        "beyond min_tokens a prefix is kept in steps of so many tokens; the rest of it is plain input",
        128,
        unit="tokens",
        ge=1,
        le=10_000_000,
    )
    refresh: bool = field("whether a hit begins ttl_s anew; false: only writing does", True)
    max_age_s: float | None = field(
        "seconds after it was written at which a prefix is gone, however often it is used; null: no such end",
        None,
        unit="s",
        ge=0.001,
        le=604_800,
    )
    cold_ttft_s_per_mtok: float = field(
        "seconds that a million tokens of a prefix that is not in the cache add to the time to first token; latency is "
        "then that of calls that find it",
        0.0,
        unit="s/1e6 tokens",
        ge=0,
        le=1e6,
    )

    conversations: bool = field(
        "whether all that a conversation has sent is kept for its next turn, not only the prefix shared with others",
        True,
    )

    def kept(self, prefix: Tokens) -> Tokens:
        """Tokens of prefixes that are kept: min_tokens and whole steps beyond, 0 of shorter prefixes.

        >>> [PromptCache().kept(prefix) for prefix in (0, 1023, 1024, 1151, 1152, 2000)]
        [0, 0, 1024, 1024, 1152, 1920]
        """
        steps = (prefix - self.min_tokens) // self.step_tokens
        return (prefix >= self.min_tokens) * (self.min_tokens + steps * self.step_tokens)

    @model_validator(mode="after")
    def _outlives_its_touch(self) -> "PromptCache":
        if self.max_age_s is not None and self.max_age_s < self.ttl_s:
            raise PydanticCustomError(
                "given_allowed",
                "max_age_s",
                {
                    "given": f"max_age_s {self.max_age_s:g}",
                    "allowed": f"at least ttl_s, which is {self.ttl_s:g}",
                    "inside": ("max_age_s",),
                },
            )
        return self
