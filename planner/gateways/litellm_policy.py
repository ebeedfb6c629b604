"""How a LiteLLM router calls, as fields of a policy beside the preset `litellm`.

Comes in: a Configuration; goes out: plain fields of the scenario's policy and of deployments, and what they do not say.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from planner.gateways.litellm_configuration import STRATEGIES, Configuration, Entry
from planner.scenario.paths import Path

PRESET_RETRIES, PRESET_TIMEOUT_S, PRESET_OPEN_S, PRESET_FALLBACKS, PRESET_BASE_S = 2, 6000, 5, 5, 0.5
LONGEST_WAIT_S = 8  # of LiteLLM's backoff
MOST_RETRIES, MOST_FALLBACKS = 100, 20


@dataclass(frozen=True, kw_only=True)
class PolicyWriter:
    """Writes policies; `leave` lists a place with the reason, `most_retries` are what the language leaves room for."""

    given: Configuration
    most_retries: int
    leave: Callable[[Path, str], None]

    def of_deployment(self, entry: Entry, retries: int) -> dict[str, Any]:
        settings, params = self.given.settings, (*entry.path, "litellm_params")
        found: dict[str, Any] = {}
        own_s = entry.timeout_s or entry.stream_timeout_s
        if entry.stream_timeout_s is not None:
            self._tell_stream((*params, "stream_timeout"), entry.timeout_s)
        if own_s is not None and own_s != (self._timeout_s() or PRESET_TIMEOUT_S):
            found["timeout_s"] = own_s
        if entry.retries is not None:
            if entry.retries > self.most_retries:
                self.leave(
                    (*params, "num_retries"),
                    f"{self.most_retries} retries are taken, the most that the plan allows",
                )
            if min(entry.retries, self.most_retries) != retries:
                found["retries"] = min(entry.retries, self.most_retries)
        if entry.cooldown_s is not None:
            if settings.has_cooldowns:
                found["breaker"] = self._breaker(entry.cooldown_s) | {"honours_retry_after": False}
            else:
                self.leave(
                    (*params, "cooldown_time"), "router_settings.disable_cooldowns: nothing cools down"
                )
        policy = settings.group_retry_policies.get(entry.model_name)
        if policy:
            path = ("router_settings", "model_group_retry_policy", entry.model_name)
            found |= self.retries_after(policy, path)
        return found

    def _tell_stream(self, path: Path, other_s: float | None) -> None:
        if other_s is not None:
            self.leave(
                path,
                "a timeout to the first chunk and between chunks; here timeout counts, of the whole call",
            )
        else:
            self.leave(path, "a timeout to the first chunk and between chunks; here it is of the whole call")

    def _timeout_s(self) -> float | None:
        settings = self.given.settings
        return settings.timeout_s or settings.stream_timeout_s

    def _breaker(self, open_s: float | None) -> dict[str, Any]:
        settings = self.given.settings
        found: dict[str, Any] = {"kind": "cooldown", "open_s": open_s or settings.cooldown_s or PRESET_OPEN_S}
        if settings.allowed_fails is not None:
            found["allowed_fails"] = min(settings.allowed_fails, 10**6)
        return found

    def of_all(self, retries: int) -> dict[str, Any]:
        """The policy of all strategies: LiteLLM's preset, and beside it what the configuration says otherwise."""
        settings = self.given.settings
        select = STRATEGIES[settings.strategy]
        found: dict[str, Any] = {"preset": "litellm"}
        if select != "weighted":
            found["select"] = select
        if select == "lowest-latency":
            own = {"buffer": settings.buffer, "samples": settings.samples}
            given = {key: value for key, value in own.items() if value is not None}
            found |= {"lowest_latency": _bounded(given)} if given else {}
            if _bounded(given) != given:
                self.leave(
                    ("router_settings", "routing_strategy_args"),
                    "taken up to the largest values of the language",
                )
        if select == "lowest-usage":
            found["lowest_usage"] = {"off_by_one": True}
        if retries != PRESET_RETRIES:
            found["retries"] = retries
        if settings.stream_timeout_s is not None:
            self._tell_stream(("router_settings", "stream_timeout"), settings.timeout_s)
        timeout_s = self._timeout_s()
        if timeout_s is not None and timeout_s != PRESET_TIMEOUT_S:
            found["timeout_s"] = timeout_s
        if settings.max_fallbacks is not None and settings.max_fallbacks > MOST_FALLBACKS:
            self.leave(
                self.given.at("max_fallbacks"),
                f"{MOST_FALLBACKS} are taken, the most that the plan allows",
            )
        most = (
            PRESET_FALLBACKS
            if settings.max_fallbacks is None
            else min(settings.max_fallbacks, MOST_FALLBACKS)
        )
        if most != PRESET_FALLBACKS:
            found["max_fallbacks"] = most
        if not settings.has_cooldowns:
            found["breaker"] = None
            for key in ("cooldown_time", "allowed_fails"):
                if self.given.line(("router_settings",)) and ("router_settings", key) in self.given.lines:
                    self.leave(("router_settings", key), "disable_cooldowns: nothing cools down")
        elif (breaker := self._breaker(None)) != {"kind": "cooldown", "open_s": PRESET_OPEN_S}:
            found["breaker"] = breaker
        wait_s = settings.retry_after_s
        if wait_s is not None and wait_s > PRESET_BASE_S:
            base_s = min(wait_s, LONGEST_WAIT_S)
            found["backoff"] = {
                "kind": "litellm",
                "base_s": base_s,
                "cap_s": LONGEST_WAIT_S,
                "jitter_s": 0.75,
            }
            if base_s < LONGEST_WAIT_S:
                self.leave(
                    ("router_settings", "retry_after"),
                    "here waits double from it on; in LiteLLM they stay at it until 0.5, 1, 2, 4 s have passed it",
                )
        if settings.retry_policy:
            found |= self.retries_after(settings.retry_policy, ("router_settings", "retry_policy"))
        return found

    def retries_after(self, policy: Mapping[str, int], path: Path) -> dict[str, Any]:
        """`retries_after` of a RetryPolicy: after errors, limits and timeouts; other exceptions are listed."""
        wanted = {
            "error": ("InternalServerErrorRetries", "ServiceUnavailableErrorRetries"),
            "limited": ("RateLimitErrorRetries",),
            "timeout": ("TimeoutErrorRetries",),
        }
        found, used = {}, set()
        for word, names in wanted.items():
            name = next((one for one in (*names, "DefaultRetries") if one in policy), None)
            if name is not None:
                found[word] = min(policy[name], self.most_retries)
                used.add(name)
        for name in policy:
            if name not in used:
                self.leave((*path, name), "retries after this exception have no count of their own here")
        return {"retries_after": found} if found else {}


def _bounded(given: Mapping[str, Any]) -> dict[str, Any]:
    most = {"buffer": 100.0, "samples": 100}
    return {key: min(value, most[key]) for key, value in given.items()}


__all__ = ["MOST_RETRIES", "PRESET_RETRIES", "PolicyWriter"]
