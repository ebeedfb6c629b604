"""Scenarios drawn over everything the engines read, for comparing the two of them.

In comes a `random.Random` (hypothesis' own, which can shrink, or one with a seed, for the fuzzer), out goes a plain
scenario with one strategy, `s`. Values are few and coarse, so that ties are common: outages that begin where attempts
begin, timeouts equal to service times, caps of one, no tokens at all, loads far above capacity.
"""

from random import Random
from typing import Any

from planner.engines import rules
from tests.engines.batch_fields import draw_batches
from tests.engines.cache_fields import draw_caches
from tests.engines.gateway_fields import draw_platforms
from tests.engines.health_fields import draw_health
from tests.engines.outage_fields import draw_outages
from tests.engines.retry_fields import draw_retries
from tests.engines.session_fields import draw_sessions

SECONDS = (0, 0.25, 0.5, 1, 2)
OFF = None  # what is switched off by null
# Of a policy, what no deployment can have of its own.
WHOLE_REQUESTS = {
    "select",
    "lowest_latency",
    "lowest_usage",
    "spill_over",
    "deadline_s",
    "layers",
    "retry_budget",
    "max_fallbacks",
    "special_fallbacks_only",
}
FALLBACK_LISTS = ("error", "limit", "timeout", "context_window", "content_policy", "any")


def draw_scenario(random: Random) -> dict[str, Any]:
    """A scenario with everything; what stands beside limits per minute is drawn last and changes no other draw."""
    scenario = draw_plain_scenario(random)
    deployments = scenario["deployments"]
    for deployment in deployments.values():
        if "charge" in (deployment["limits"] or ()):  # not of own hardware, which has calls at once alone
            charge = deployment["limits"]["charge"]
            quotas = [_quota(random, charge) for _ in range(random.choice((0, 0, 1, 2)))]
            deployment["limits"] |= {"scope": "deployment", "windows": quotas}
    if "trace" in scenario["traffic"]:
        _cap_days(random, deployments)
    _share_limits(random, deployments)
    draw_retries(random.choice, scenario)
    draw_caches(random.choice, scenario)
    draw_sessions(random.choice, scenario)
    draw_platforms(random.choice, scenario)
    draw_batches(random.choice, scenario)
    draw_health(random.choice, scenario)
    draw_outages(random.choice, scenario)
    return scenario


def draw_plain_scenario(random: Random) -> dict[str, Any]:
    """A scenario with no limits but those per minute and of calls at once."""
    names = ["a", "b", "c", "d"][: random.choice((1, 2, 2, 3, 4))]
    tasks = {"ask": _task(random), "photo": _task(random)}
    return {
        "name": "drawn",
        "traffic": _traffic(random, list(tasks)),
        "tasks": tasks,
        "models": {"big": _model(random, 1.0), "small": _model(random, 0.0), "judge": _model(random, 0.0)},
        "deployments": {name: _deployment(random) for name in names},
        "strategies": {"s": _strategy(random, names)},
        "policy": _policy(random),
        "gateway": _gateway(random),
        "finance": {"horizon_months": 1},
        "run": {"seed": random.randrange(1000), "replications": 1, "window_s": 60, "max_in_flight": 5000},
    }


# -- demand ----------------------------------------------------------------------------------------


def _traffic(random: Random, tasks: list[str]) -> dict[str, Any]:
    if random.random() < 0.4:
        return {"requests_per_month": random.choice((50_000, 1_000_000, 5_000_000))}
    arrival_s, rows = 0.0, []
    for _ in range(random.randrange(1, 60)):
        arrival_s += random.choice((0, 0, 0.25, 0.25, 1, 5))
        row: dict[str, Any] = {
            "arrival_s": arrival_s,
            "input_tokens": random.choice((0, 1, 100, 900)),
            "output_tokens": random.choice((0, 1, 25, 100)),
            "task": random.choice(tasks),
        }
        if random.random() < 0.3:
            row["service_s"] = [random.choice((0, 0.5, 1, 3)) for _ in range(random.randrange(1, 4))]
        if random.random() < 0.3:
            row["router_score"] = random.choice((0.25, 0.5, 0.75))
        if random.random() < 0.3:
            row["verifier_score"] = random.choice((0.25, 0.5, 0.75))
        rows.append(row)
    return {"trace": {"rows": rows}}


def _task(random: Random) -> dict[str, Any]:
    images = [{"width_px": 512, "height_px": 512}] if random.random() < 0.5 else []
    return {
        "shared_prefix_tokens": random.choice((0, 0, 120)),
        "difficulty": {"mean": random.choice((0, 1)), "sd": random.choice((0.5, 1))},
        "discrimination": random.choice((0.5, 2)),
        "luck_correlation": random.choice((0, 0.5, 1)),
        "images": images,
        "modalities": ["text", "vision"] if images else ["text"],
        "input_tokens": random.choice((0, 10, 400, {"p50": 100, "p95": 900})),
        "output_tokens": random.choice((0, 10, {"exponential_mean": 60})),
        "max_output_tokens": random.choice((1, 50, 200)),
        "sensitive": random.choice((0, 0.5, 1)),
        "priority": random.choice((0, 0, 1, -2)),
    }


def _model(random: Random, ability: float) -> dict[str, Any]:
    return {
        "modalities": ["text", "vision"],
        "context_tokens": random.choice((500, 100_000)),
        "max_output_tokens": random.choice((60, 1000)),
        "image_tokens": 85,
        "input_usd_per_mtok": 1,
        "output_usd_per_mtok": 2,
        "ability": {"ask": ability, "photo": ability},
        "reasoning_tokens_per_output_token": random.choice((0, 0, 1.5)),
        "input_token_factor": random.choice((1, 1.3)),
        "output_token_factor": random.choice((1, 0.7)),
    }


# -- supply ----------------------------------------------------------------------------------------


def _law(random: Random, *numbers: float) -> Any:
    if random.random() < 0.6:
        return random.choice(numbers)
    return random.choice(
        (
            {"fixed": 0.5},
            {"exponential_mean": 0.5},
            {"p50": 0.5, "p95": 2.0},
            {"mean": 1.0, "cv": 2.0, "kind": "gamma"},
            {"mean": 1.0, "cv": 0.5, "kind": "lognormal"},
            {"empirical": [0.25, 0.5, 0.5, 3]},
            {"mixture": [{"weight": 0.5, "law": 0.25}, {"weight": 0.5, "law": {"exponential_mean": 2}}]},
        )
    )


def _deployment(random: Random) -> dict[str, Any]:
    if random.random() < 0.5:
        latency = {"total_s": _law(random, 0, 0.5, 1, 2)}
    else:
        latency = {
            "ttft_s": _law(random, 0, 0.25, 1),
            "tokens_per_s": random.choice((25, 100, {"mean": 60, "cv": 0.3})),
        }
    deployment: dict[str, Any] = {
        "model": random.choice(("big", "small")),
        "latency": latency,
        "limits": random.choice((OFF, _limits(random), _limits(random))),
        "errors": random.choice(
            (
                OFF,
                {
                    "rate": random.choice((0.1, 0.5, 1)),
                    "status": random.choice((500, 503)),
                    "latency_s": _law(random, 0, 0.5),
                },
                {"rate": random.choice((0, 0.2)), "mid_stream": random.choice((0.2, 0.5, 1))},
            )
        ),
        "outages": random.choice((OFF, _windows(random), _outage_law(random))),
        "trust": random.choice(("outside", "contract", "in-house", "device")),
        "weight": random.choice((1, 0.5, 3)),
        "provider": random.choice((OFF, "openai", "azure")),
        "content_filter": random.choice((OFF, OFF, _content_filter(random))),
    }
    hardware = random.choice((OFF, OFF, OFF, "server", "device"))
    if hardware is not OFF:
        deployment["limits"] = (deployment["limits"] or {}) | {"concurrent": _concurrent(random, 1, 4)}
    if hardware == "server":
        deployment["server"] = {"gpu": "l40s", "replicas": random.choice((1, 2)), "usd_per_gpu_hour": 1}
    if hardware == "device":
        deployment["device"] = {
            "kind": "laptop-rtx-4050",
            "fleet": random.choice((1, 1000)),
            "tokens_per_s": 30,
            "usd": 900,
        }
    if random.random() < 0.3:
        deployment["policy"] = _some_of_a_policy(random, WHOLE_REQUESTS)
    return {name: value for name, value in deployment.items() if name != "provider" or value is not None}


def _content_filter(random: Random) -> dict[str, Any]:
    return {
        "share": random.choice((0, 0.3, 1)),
        "latency_s": _law(random, 0, 0.25, 1),
        "billed": random.choice(("none", "input")),
    }


def _limits(random: Random) -> dict[str, Any]:
    requests_per_minute = random.choice((OFF, 1, 6, 60))
    shortest_s = 60 / (requests_per_minute or 60)  # less would let no request through, ever
    kind = random.choice(("token-bucket", "catalogue", "fixed-window", "sub-window", "leaky-bucket"))
    length_s = random.choice([burst_s for burst_s in (1, 10, 60) if burst_s >= shortest_s])
    length = {"fixed-window": {}, "catalogue": {}, "sub-window": {"slice_s": length_s}}.get(
        kind, {"burst_s": length_s}
    )
    charge = random.choice(
        ("estimate", "prompt-plus-max-output", "max-of-max-output-and-estimate", "actual", "after-completion")
    )
    return {
        "requests_per_minute": requests_per_minute,
        "tokens_per_minute": random.choice((OFF, 60, 6000)),
        "input_tokens_per_minute": random.choice((OFF, OFF, 6000)),
        "output_tokens_per_minute": OFF if charge == "estimate" else random.choice((OFF, OFF, 600, 6000)),
        "concurrent": _concurrent(random, OFF, 1, 1, 2, 10),
        "kind": kind,
        "charge": charge,
        **length,
    }


def _quota(random: Random, charge: str) -> dict[str, Any]:
    measure, quota = random.choice(
        (("requests", 3), ("tokens", 500), ("input_tokens", 600), ("output_tokens", 100))
    )
    if measure == "output_tokens" and charge == "estimate":  # which counts none
        measure, quota = "tokens", 900
    kind = random.choice(("fixed-window", "token-bucket", "leaky-bucket"))
    return {measure: quota, "per_s": random.choice((0.5, 4, 6)), "kind": kind}


def _cap_days(random: Random, deployments: dict[str, Any]) -> None:
    """Caps of a day: over generated traffic they need windows of days, too long for a test."""
    caps: list[dict[str, Any]] = [
        {},
        {},
        {"requests_per_day": 5},
        {"tokens_per_day": 3000, "day_resets_at": 23},
    ]
    for deployment in deployments.values():
        if deployment["limits"] is not OFF:
            deployment["limits"] |= random.choice(caps)


def _share_limits(random: Random, deployments: dict[str, Any]) -> None:
    """Sometimes all deployments with a provider have the same limits, and share them by provider or by account."""
    scope = random.choice(("deployment", "deployment", "deployment", "provider", "account"))
    bought = [
        one
        for one in deployments.values()
        if one.get("provider") is not None and not {"server", "device"} & set(one)
    ]
    limits = next((one["limits"] for one in bought if one["limits"] is not OFF), OFF)
    if scope == "deployment" or limits is OFF:
        return
    for deployment in bought:
        deployment["limits"] = limits | {"concurrent": random.choice((OFF, 1, 2)), "scope": scope}
        if scope == "account":
            deployment["account"] = random.choice(("x", "x", "y"))


def _concurrent(random: Random, *values: int | None) -> Any:
    """A cap of one of the values or, at times, steps of them with closed doors among them."""
    value = random.choice(values)
    if random.random() < 0.7:
        return value
    ends_s = sorted(random.sample(range(1, 120), random.choice((1, 2, 5))))
    return [
        *({"until_s": end / 4, "value": random.choice((0, *values))} for end in ends_s),
        {"value": value},
    ]


def _episode(random: Random) -> dict[str, Any]:
    episode: dict[str, Any] = {"mode": random.choice(("error", "hang", "degraded", "limited"))}
    if episode["mode"] == "error":
        episode |= {"status": random.choice((500, 503)), "error_latency_s": _law(random, 0, 0.25, 1)}
    if episode["mode"] == "degraded":
        episode["slowdown"] = random.choice((1, 2, 3.5))
    if episode["mode"] == "limited":
        episode |= {"retry_after_s": random.choice((OFF, 0, 0.5)), "error_latency_s": _law(random, 0, 0.5)}
    return episode | {"share": random.choice((1, 1, 0.5))}


def _windows(random: Random) -> list[dict[str, Any]]:
    edges = sorted(random.sample(range(0, 120), random.choice((2, 4, 6))))
    return [
        {"from_s": start / 4, "to_s": end / 4} | _episode(random)
        for start, end in zip(edges[::2], edges[1::2], strict=True)
    ]


def _outage_law(random: Random) -> dict[str, Any]:
    duration_h = random.choice((0.001, {"exponential_mean": 0.002}))
    return {"mtbf_h": random.choice((0.005, 0.02)), "duration_h": duration_h} | _episode(random)


# -- how calls are made ----------------------------------------------------------------------------


def _policy(random: Random) -> dict[str, Any]:
    timeout_s = random.choice((OFF, 0.5, 1, 2))
    deadline_s = random.choice((OFF, OFF, timeout_s, 2, 4.5))
    return {
        "select": random.choice(
            (
                "in-order",
                "in-order",
                "round-robin",
                "weighted",
                "least-busy",
                "cheapest",
                "inverse-price",
                "lowest-latency",
                "lowest-usage",
            )
        ),
        "lowest_latency": _lowest_latency(random),
        "lowest_usage": {
            "off_by_one": random.choice((False, False, False, True)),
            "when_full": random.choice(("next-level", "lowest")),
        },
        "spill_over": random.choice((OFF, OFF, {"overprovisioning": random.choice((1.4, 1, 0.5))})),
        "timeout_s": timeout_s,
        "deadline_s": deadline_s,
        "retries": random.choice((0, 1, 2, 3)),
        "backoff": _backoff(random),
        "sleep_after_last": random.choice((False, True)),
        "retry_after_cap_s": random.choice((0, 5, 60) if deadline_s is None else (0, 0.5)),
        "breaker": random.choice((OFF, _breaker(random))),
        "when_busy": random.choice(("wait", "wait", "reject")),
        "when_limited": random.choice(("retry", "wait", "reject")),
        "queue_limit": random.choice((OFF, 0, 1, 4)),
        "queue_timeout_s": random.choice((OFF, _law(random, 0, 0.5, 1))),
        "bill_timeouts": random.choice(("none", "input", "full")),
        "retries_mid_stream": random.choice((False, True)),
        "bill_mid_stream": random.choice(("none", "input", "partial")),
        "layers": _layers(random),
        "max_fallbacks": random.choice((0, 1, 2, 5)),
        "special_fallbacks_only": random.choice((False, True)),
        "hedge": OFF if random.random() < 0.6 else _hedge(random, timeout_s),
        "retry_budget": random.choice(
            (OFF, {"ratio": random.choice((0, 0.1, 0.5)), "minimum": random.choice((0, 1, 3))})
        ),
    }


def _hedge(random: Random, timeout_s: float | None) -> dict[str, Any]:
    return {
        "after_s": random.choice([s for s in (0.25, 0.5, 1) if timeout_s is None or s < timeout_s]),
        "max": random.choice((1, 1, 2, 3)),
        "bill_losers": random.choice(("none", "input", "full")),
        "to": random.choice((OFF, OFF, "a", "b")),
    }


def _lowest_latency(random: Random) -> dict[str, Any]:
    return {
        "samples": random.choice((1, 2, 10)),
        "counts": random.choice(("per-token", "first-token", "first-token-per-token", "total")),
        "unseen": random.choice(("zero-sample", "first", "last")),
        "buffer": random.choice((0, 0.25, 1)),
        "timeout_sample_s": random.choice((OFF, 0, 1000)),
        "failure_sample_s": random.choice((OFF, 0, 1)),
        "skips_full": random.choice((False, True)),
    }


def _breaker(random: Random) -> dict[str, Any]:
    if random.random() < 0.5:
        counts = random.choice(COUNTS)
        return {
            "kind": "cooldown",
            "open_s": random.choice((0.5, 2, 30)),
            "allowed_fails": random.choice((OFF, OFF, 0, 1, 3)),
            "counts": counts,
            **({"honours_retry_after": random.choice((False, True))} if "limited" in counts else {}),
        }
    growth = random.choice(("constant", "linear", "exponential"))
    cap = {} if growth == "constant" else {"open_cap_s": random.choice((30, 300))}
    if random.random() < 0.5:
        return cap | {"open_growth": growth} | _window_breaker(random)
    return cap | {
        "kind": "consecutive",
        "failures": random.choice((1, 2, 5)),
        "open_s": random.choice((0.5, 2, 30)),
        "open_growth": growth,
        "successes": random.choice((1, 1, 2, 3)),
        "counts": random.choice(COUNTS),
    }


def _window_breaker(random: Random) -> dict[str, Any]:
    common = {
        "open_s": random.choice((0.5, 2, 30)),
        "minimum_calls": random.choice((1, 2, 3)),
        "failure_share": random.choice((1e-6, 0.1, 0.5, 0.666667, 1)),
        "counts": random.choice(COUNTS),
    }
    if random.random() < 0.4:
        window_s = random.choice((0.001, 0.5, 3, 7.3, 30))
        return common | {"kind": "sampling-window", "window_s": window_s}
    slow_s = random.choice((OFF, 0.5, 1, 2))
    slow = {} if slow_s is OFF else {"slow_share": random.choice((0.3, 0.5, 1))}
    window = random.choice(({"window_s": 1}, {"window_s": 4}, {"window_calls": 3}, {"window_calls": 10}))
    half_open_calls = random.choice((1, 2, 3, 10))
    return (
        common
        | slow
        | window
        | {"kind": "sliding-window", "slow_s": slow_s, "half_open_calls": half_open_calls}
    )


def _some_of_a_policy(random: Random, never: set[str]) -> dict[str, Any]:
    whole = _policy(random)
    return {name: whole[name] for name in random.sample(sorted(set(whole) - never), 3)}


def _layers(random: Random) -> list[dict[str, Any]]:
    return [
        {"name": f"l{number}", "attempts": random.choice((1, 2, 3)), "backoff": _backoff(random)}
        for number in range(random.choice((0, 0, 1, 2)))
    ]


def _backoff(random: Random) -> dict[str, Any]:
    kind = random.choice(rules.BACKOFFS)
    if kind == "fixed":
        waits_s = [random.choice(SECONDS) for _ in range(random.randrange(1, 4))]
        return {"kind": kind, "waits_s": waits_s, "spread": random.choice((0, 0, 0.5))}
    if kind == "law":
        return {"kind": kind, "wait_s": _law(random, 0, 0.5, 1)}
    backoff = {"kind": kind, "base_s": random.choice((0.25, 1)), "cap_s": random.choice((0.5, 8))}
    if kind in ("exponential", "equal-jitter", "full-jitter"):
        backoff["factor"] = random.choice((1, 1.5, 2))
    if kind in ("linear", "exponential"):
        backoff["spread"] = random.choice((0, 0.25, 1))
    return backoff | ({"jitter_s": random.choice((0, 0.75))} if kind == "litellm" else {})


def _gateway(random: Random) -> dict[str, Any]:
    if random.random() < 0.5:
        return {"kind": "direct"}
    return {"kind": "unified", "fee": 0.05, "latency_s": _law(random, 0, 0.25)}


def _levels(random: Random, names: list[str]) -> list[Any]:
    chosen: list[Any] = random.sample(names, random.randrange(1, len(names) + 1))
    if len(chosen) > 2 and random.random() < 0.2:
        return [chosen[:2], chosen[2:]]
    return [chosen] if random.random() < 0.2 else chosen


def _strategy(random: Random, names: list[str]) -> dict[str, Any]:
    strategy: dict[str, Any] = {"omni": _levels(random, names)}
    if random.random() < 0.7:
        strategy["mini"] = _levels(random, names)
        strategy["router"] = random.choice((_threshold, _cascade))(random)
    if random.random() < 0.5:
        strategy |= _fallbacks(random, [tier for tier in ("omni", "mini") if tier in strategy], names)
    if random.random() < 0.4:
        whens = (
            {"sensitive": True},
            {"context_tokens_over": 100},
            {"modality": random.choice(("text", "vision"))},
            {"task": "ask"},
        )
        tiers = [tier for tier in ("omni", "mini") if tier in strategy] + list(strategy.get("groups", ()))
        strategy["rules"] = [
            {"when": when, "to": random.choice((random.choice(tiers), _levels(random, names)))}
            for when in random.sample(whens, random.randrange(1, 4))
        ]
    if random.random() < 0.3:
        # A timeout may pass the scenario's deadline.
        strategy["policy"] = _some_of_a_policy(random, {"timeout_s", "layers"}) | {"layers": _layers(random)}
    if random.random() < 0.2:
        strategy["gateway"] = _gateway(random)
    return strategy


def _fallbacks(random: Random, tiers: list[str], names: list[str]) -> dict[str, Any]:
    """Groups and what they fall back on: always on later ones, so that there is no circle."""
    groups = {f"g{number}": _levels(random, names) for number in range(random.choice((0, 1, 2, 3)))}
    order = [*tiers, *groups]
    found: dict[str, Any] = {}
    for index, group in enumerate(order[:-1]):
        later = order[index + 1 :]

        def some(later: list[str] = later) -> list[str]:
            return random.sample(later, random.randrange(len(later) + 1))

        if random.random() < 0.3:
            found[group] = random.sample(later, random.randrange(1, len(later) + 1))
        elif random.random() < 0.7:
            lists = {name: some() for name in random.sample(FALLBACK_LISTS, random.randrange(1, 5))}
            found[group] = {"any": [random.choice(later)], **lists}
    return {"groups": groups, "fallbacks": found}


def _threshold(random: Random) -> dict[str, Any]:
    rule = random.choice(({"omni_share": random.choice((0, 0.3, 1))}, {"threshold": 0.5}))
    return {
        "kind": "threshold", **rule, "score_correlation": random.choice((0, 0.6, 1)),
        "latency_s": _law(random, 0, 0.25), "usd_per_1k_requests": 0.1,
    }  # fmt: skip


def _cascade(random: Random) -> dict[str, Any]:
    verifier = {
        "model": "judge", "input_tokens": 20, "output_tokens": 1, "latency_s": _law(random, 0, 0.5),
        "true_positive": random.choice((0, 0.9, 1)), "false_positive": random.choice((0, 0.3)),
    }  # fmt: skip
    return {
        "kind": "cascade", "accept_score": random.choice((OFF, 0.5)), "verifier": verifier,
        "latency_s": _law(random, 0, 0.25), "usd_per_1k_requests": 0.1,
    }  # fmt: skip


COUNTS = (
    ["error", "timeout"], ["error"], ["timeout"], ["limited"], ["limited", "timeout"], ["error", "timeout", "limited"],
)  # fmt: skip
