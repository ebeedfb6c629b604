"""What a LiteLLM proxy configuration says, as far as a plan can use it: data only.

Source: BerriAI/litellm 1.109.1, types/router.py, router_python_core.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from planner.errors import ScenarioError
from planner.scenario.paths import Path, render

VERSION = "1.109.1"
WILDCARD = "*"
STRATEGIES = {
    "simple-shuffle": "weighted",
    "least-busy": "least-busy",
    "latency-based-routing": "lowest-latency",
    "usage-based-routing": "lowest-usage",
    "usage-based-routing-v2": "lowest-usage",
    "cost-based-routing": "cheapest",
}
"""LiteLLM's word: ours for `policy.select`."""

RETRY_CLASSES = (
    "BadRequestErrorRetries",
    "AuthenticationErrorRetries",
    "TimeoutErrorRetries",
    "RateLimitErrorRetries",
    "ContentPolicyViolationErrorRetries",
    "InternalServerErrorRetries",
    "ServiceUnavailableErrorRetries",
    "NotFoundErrorRetries",
    "DefaultRetries",
)


class ConfigurationError(ScenarioError):
    """A configuration that cannot be imported, with every problem that was found in it."""

    def __str__(self) -> str:
        count = len(self.problems)
        noun = "problem" if count == 1 else "problems"
        return "\n".join(
            [*map(str, self.problems), f"{count} {noun} in {self.source}; nothing was imported."]
        )


@dataclass(frozen=True, kw_only=True)
class Unmapped:
    """A place of the configuration that the scenario does not say, or says otherwise, and why."""

    path: Path
    reason: str

    @property
    def place(self) -> str:
        return render(self.path)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One deployment of `model_list`: what a plan can use of it. None stands for what is not given."""

    path: Path
    model_name: str
    model: str
    host: str | None = None  # of api_base, without port, path, user or query
    region: str | None = None
    identity: str | None = None  # model_info.id
    base_model: str | None = None
    mode: str | None = None
    weight: float | None = None
    rpm: int | None = None
    tpm: int | None = None
    order: int | None = None
    timeout_s: float | None = None
    stream_timeout_s: float | None = None
    retries: int | None = None
    cooldown_s: float | None = None
    concurrent: int | None = None
    input_usd_per_token: Decimal | None = None
    output_usd_per_token: Decimal | None = None
    context_tokens: int | None = None


Lists = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """`router_settings` over `litellm_settings`: how the router chooses, retries, gives up and falls back."""

    strategy: str = "simple-shuffle"
    buffer: float | None = None
    samples: int | None = None
    retries: int | None = None
    timeout_s: float | None = None
    stream_timeout_s: float | None = None
    retry_after_s: float | None = None
    allowed_fails: int | None = None
    cooldown_s: float | None = None
    has_cooldowns: bool = True
    max_fallbacks: int | None = None
    concurrent: int | None = None
    enforces_limits: bool = False
    fallbacks: Lists = field(default_factory=dict)  # GROUP or *: groups
    context_window: Lists | None = None  # None: not set, so that `fallbacks` count
    content_policy: Lists | None = None
    aliases: Mapping[str, str] = field(default_factory=dict)
    retry_policy: Mapping[str, int] = field(default_factory=dict)
    group_retry_policies: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """What a configuration says, the places that were not read, and the line of every path.

    `warnings` depend on the environment of this machine and are no part of the scenario.
    """

    file: str
    entries: tuple[Entry, ...]
    settings: Settings
    unmapped: tuple[Unmapped, ...]
    warnings: tuple[str, ...]
    lines: Mapping[Path, int]

    def line(self, path: Path) -> int | None:
        """Line of a path, or of the nearest thing around it."""
        return next((self.lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in self.lines), None)

    def at(self, key: str, group: str | None = None) -> Path:
        """Where a setting stands, or the entry of a group in a list of fallbacks."""
        sections = ("router_settings", "litellm_settings")
        section = next((one for one in sections if (one, key) in self.lines), sections[0])
        if group is not None:
            entries = (path for path in self.lines if len(path) == 4 and path[:2] == (section, key))
            return next((path for path in entries if path[3] == group), (section, key))
        return (section, key)


__all__ = [
    "RETRY_CLASSES",
    "STRATEGIES",
    "VERSION",
    "WILDCARD",
    "Configuration",
    "ConfigurationError",
    "Entry",
    "Lists",
    "Settings",
    "Unmapped",
]
