"""Small scenarios over the whole space of policies, and the closest comparison of both engines on them.

In comes `pick`, which chooses one of several values: hypothesis chooses for the tests, a generator of
random numbers for the fuzzer, so that there is one space. Goes out the plain dict of a sound scenario whose
strategy `s` is run. Moments stand on a grid of half seconds, so that much happens at the same instant, and
the plainest choice of each list stands first.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from planner import tables
from planner.engines import rules
from planner.engines.run import Run, reduce_window, run_window
from planner.errors import LoadExceedsCapacity, ScenarioError
from planner.finance import count, from_counts
from planner.scenario import Scenario, load
from planner.scenario.fields import MONTH_S
from planner.workload.requests import generate
from planner.workload.windows import Window, plan_windows
from tests.engines.batch_fields import draw_batches
from tests.engines.cache_fields import draw_caches
from tests.engines.gateway_fields import draw_platforms
from tests.engines.health_fields import draw_health
from tests.engines.outage_fields import draw_outages
from tests.engines.retry_fields import draw_retries
from tests.engines.session_fields import draw_sessions

Pick = Callable[[Sequence[Any]], Any]
Raw = dict[str, Any]

STRATEGY = "s"
SPEAKER = "gpt-realtime-2.1"  # the only kind of model that takes and gives speech; it takes images, too
BOTH = (False, True)
SELDOM = (False, False, False, True)

# -- parts -----------------------------------------------------------------------------------------


def law(pick: Pick, *seconds: float) -> Any:
    """A law of a time: mostly one of the given values, for ties; else every family."""
    value = pick(seconds)
    form = pick(("fixed",) * 9 + ("named", "exponential", "lognormal", "gamma", "mixture", "empirical"))
    if value == 0 or form == "fixed":
        return value
    return {
        "named": {"fixed": value},
        "exponential": {"exponential_mean": value},
        "lognormal": {"p50": value, "p95": 3 * value},
        "gamma": {"mean": value, "cv": 0.5, "kind": "gamma"},
        "mixture": {"mixture": [{"weight": 0.6, "law": value}, {"weight": 0.4, "law": {"exponential_mean": value}}]},
        "empirical": {"empirical": [value, value, 2 * value]},
    }[form]  # fmt: skip


def backoff(pick: Pick) -> Raw:
    kind = pick(rules.BACKOFFS)
    if kind == "fixed":
        return {"kind": kind, "waits_s": pick(([0.5], [0], [0.5, 1, 0], [2, 0.5]))}
    if kind == "law":
        return {"kind": kind, "wait_s": law(pick, 0.5, 0, 1)}
    waits = {"base_s": pick((0.5, 0, 1)), "cap_s": pick((2, 0.5, 0, 8))}
    return {"kind": kind, **waits, **({"jitter_s": pick((0, 0.75))} if kind == "litellm" else {})}


COUNTS = (
    ["error", "timeout"],
    ["error"],
    ["limited"],
    ["timeout", "limited"],
    ["error", "timeout", "limited"],
)


def breaker(pick: Pick) -> Raw | None:
    if pick(BOTH):
        return None
    if pick(BOTH):
        counts = pick(COUNTS)
        return {
            "kind": "cooldown",
            "open_s": pick((1, 0.5, 2, 5, 1e-9)),
            "allowed_fails": pick((None, None, 0, 1, 3)),
            "counts": counts,
            **({"honours_retry_after": pick(BOTH)} if "limited" in counts else {}),
        }
    growth = pick(("constant", "linear", "exponential"))
    opening = {
        "open_s": pick((1, 0.5, 2, 5, 1e-9)),
        "open_growth": growth,
        **({} if growth == "constant" else {"open_cap_s": pick((5, 7, 300))}),
    }
    if pick(BOTH):
        return opening | window_breaker(pick)
    return {
        "kind": "consecutive",
        "failures": pick((1, 2, 3)),
        **opening,
        "successes": pick((1, 1, 2)),
        "counts": pick(COUNTS),
    }


def window_breaker(pick: Pick) -> Raw:
    """A breaker over a window of ends, but for how long it stays open."""
    common = {
        "minimum_calls": pick((1, 2, 3)),
        "failure_share": pick((0.5, 1, 0.666667, 0.1, 1e-6)),
        "counts": pick(COUNTS),
    }
    if pick(BOTH):
        return common | {"kind": "sampling-window", "window_s": pick((5, 1, 0.5, 7.3, 30, 0.001))}
    slow_s = pick((None, 1, 0.5, 2))
    return {
        **common,
        "kind": "sliding-window",
        **pick(
            ({"window_calls": 3}, {"window_calls": 10}, {"window_s": 1}, {"window_s": 3}, {"window_s": 10})
        ),
        "slow_s": slow_s,
        **({} if slow_s is None else {"slow_share": pick((1, 0.5, 0.3))}),
        "half_open_calls": pick((1, 2, 3, 10)),
    }


class Bounds:
    """What all policies of a scenario keep to, so that a call always ends and no timeout is pointless."""

    def __init__(self, pick: Pick) -> None:
        self.shortest_s = pick((None, 5, 3, 2))  # the shortest deadline
        self.ends_hangs = pick(BOTH)
        self.deadlines_s = [None, 20] if self.shortest_s is None else [self.shortest_s, 20, None]
        # Nobody honours a retry-after for longer than a request may take.
        self.caps_s = [5, 0, 0.5, 20] if self.shortest_s is None else [0.5, 0, 2]
        timeouts_s = [2, 2, 1, 1, 5, 3, 1.5, 0.5, 1e-9]
        self.timeouts_s = [t for t in timeouts_s if self.shortest_s is None or t <= self.shortest_s]
        if not self.ends_hangs:
            self.timeouts_s.append(None)


def policy(pick: Pick, bounds: Bounds, scope: str) -> Raw:
    """A policy: whole for the scenario, a few fields for a strategy or a deployment."""
    makers: dict[str, Callable[[], Any]] = {
        "timeout_s": lambda: pick(bounds.timeouts_s),
        "retries": lambda: pick((0, 1, 2, 3)),
        "backoff": lambda: backoff(pick),
        "sleep_after_last": lambda: pick(BOTH),
        "retry_after_cap_s": lambda: pick(bounds.caps_s),
        "breaker": lambda: breaker(pick),
        "hedge": lambda: (
            pick((None, None, 1))
            and {
                "after_s": pick((0.5, 0.25, 1, 1e-9)),
                "max": pick((1, 2, 3)),
                "bill_losers": pick(("full", "input", "none")),
                "to": pick((None, None, "d0")),
            }
        ),
        "when_busy": lambda: pick(("wait", "wait", "wait", "reject")),
        "when_limited": lambda: pick(("reject", "retry", "wait")),
        "queue_limit": lambda: pick((None, None, 5, 2, 1, 0)),
        "queue_timeout_s": lambda: pick((None, 1)) and law(pick, 1, 0, 0.5, 2),
        "retries_mid_stream": lambda: pick(BOTH),
        "bill_mid_stream": lambda: pick(("partial", "input", "none")),
        "bill_timeouts": lambda: pick(("full", "input", "none")),
    }
    if scope != "deployment":
        makers["deadline_s"] = lambda: pick(bounds.deadlines_s)
        makers["max_fallbacks"] = lambda: pick((5, 1, 0, 2))
        makers["special_fallbacks_only"] = lambda: pick(BOTH)
        makers["select"] = lambda: pick(
            (
                "in-order",
                "round-robin",
                "weighted",
                "least-busy",
                "cheapest",
                "inverse-price",
                "lowest-latency",
                "lowest-usage",
            )
        )
        makers["lowest_latency"] = lambda: lowest_latency(pick)
        makers["lowest_usage"] = lambda: {
            "off_by_one": pick(SELDOM),
            "when_full": pick(("next-level", "lowest")),
        }
        makers["spill_over"] = lambda: (
            pick((None, None, 1)) and {"overprovisioning": pick((1.4, 1, 0.3, 1e3))}
        )
        makers["layers"] = lambda: [
            {"name": f"l{k}", "attempts": pick((2, 3, 1)), "backoff": backoff(pick)}
            for k in range(pick((0, 0, 1, 2)))
        ]
        makers["retry_budget"] = lambda: (
            pick((None, 1)) and {"ratio": pick((0, 0.1, 0.5)), "minimum": pick((3, 1, 0))}
        )
    return {name: make() for name, make in makers.items() if scope == "scenario" or pick(SELDOM)}


def lowest_latency(pick: Pick) -> Raw:
    return {
        "samples": pick((10, 1, 2, 3)),
        "counts": pick(("per-token", "first-token", "first-token-per-token", "total")),
        "unseen": pick(("zero-sample", "first", "last")),
        "buffer": pick((0, 0.5, 2)),
        "timeout_sample_s": pick((1000, None, 0)),
        "failure_sample_s": pick((None, 0, 10)),
        "skips_full": pick(BOTH),
    }


def planted(pick: Pick, bounds: Bounds) -> list[Raw]:
    """Outages that begin and end on the grid, where attempts start; they may touch and overlap."""
    found = []
    for _ in range(pick((1, 2, 3))):
        mode = pick(
            ("error", "degraded", "limited", "hang")
            if bounds.ends_hangs
            else ("error", "degraded", "limited")
        )
        from_s = pick((0, 0.5, 1, 2, 3.5, 5, 8))
        found.append(
            {"from_s": from_s, "to_s": from_s + pick((0.5, 1, 2, 5, 30)), "mode": mode, **_harm(pick)}
        )
    return found


def drawn_outages(pick: Pick, bounds: Bounds) -> Raw:
    mode = pick(
        ("error", "degraded", "limited", "hang") if bounds.ends_hangs else ("error", "degraded", "limited")
    )
    return {
        "mtbf_h": pick((0.01, 0.05)),
        "duration_h": law(pick, 0.0005, 0.002, 0.01),
        "mode": mode,
        **_harm(pick),
    }


def _harm(pick: Pick) -> Raw:
    return {
        "status": pick((503, 500)),
        "error_latency_s": law(pick, 0.5, 0, 2),
        "slowdown": pick((2, 1, 3, 1.5, 1e6)),
        "retry_after_s": pick((None, None, 0, 0.5)),
        "share": pick((1, 1, 0.5)),
    }


def limits(pick: Pick, replays: bool) -> Raw | None:
    """Caps of a deployment. Where sizes follow laws, no bucket is too small for the smallest request."""
    if pick(SELDOM):
        return None
    charge = pick(
        (
            "estimate",
            "actual",
            "prompt-plus-max-output",
            "max-of-max-output-and-estimate",
            "catalogue",
            "after-completion",
        )
    )
    kind = pick(("token-bucket", "catalogue", "fixed-window", "sub-window", "leaky-bucket"))
    per_minute = pick((None, None, 60, 120, 120, 6, 1, 100_000, "catalogue"))
    tokens: tuple[int | None, ...] = (None, 30_000_000, 10**12)
    if replays:
        tokens = (None, None, 6_000, 12_000, 60_000, 600, 999_983, 7, 10**12)
    if (kind in ("token-bucket", "catalogue") and charge == "after-completion") or kind == "leaky-bucket":
        tokens = tuple(limit for limit in tokens if limit not in (7, 999_983))  # what is owed must stay exact
    bursts_s = [60, 10, 2, 1, 0.5]
    if isinstance(per_minute, int):
        bursts_s = [burst_s for burst_s in bursts_s if per_minute * burst_s / 60 >= 1]
    found: Raw = {
        "requests_per_minute": per_minute,
        "tokens_per_minute": pick((*tokens, "catalogue")),
        "concurrent": concurrent(pick, 1, 1, 2, None, 5),
        "kind": kind,
        "charge": charge,
    }
    if replays and pick(SELDOM):
        found |= {"requests_per_day": pick((3, 20)), "tokens_per_day": pick((None, 900, 5_000))}
        found |= {"day_resets_at": pick((None, 0, 8))}
    if pick(SELDOM):
        found["input_tokens_per_minute"] = pick((*tokens, "catalogue"))
    if charge not in ("estimate", "catalogue") and pick(SELDOM):
        found["output_tokens_per_minute"] = pick((*tokens, "catalogue"))
    if pick(SELDOM):
        found["windows"] = quotas(pick, charge, replays)
    if kind == "sub-window":
        found["slice_s"] = pick(bursts_s)
    elif kind not in ("fixed-window", "catalogue"):
        found["burst_s"] = pick(bursts_s)
    return found


def share_limits(pick: Pick, deployments: Raw) -> None:
    """Sometimes deployments of a provider draw on the same limits: those of the first that gives numbers."""
    scope = pick(("deployment", "deployment", "provider", "account"))
    bought = [one for one in deployments.values() if one["provider"] is not None]
    given = [one["limits"] for one in bought if one["limits"] and "catalogue" not in one["limits"].values()]
    if scope == "deployment" or not given:
        return
    for one in bought:
        one["limits"] = given[0] | {"concurrent": pick((None, 1, 2)), "scope": scope}
        if scope == "account":
            one["account"] = pick(("x", "y"))


def quotas(pick: Pick, charge: str, replays: bool) -> list[Raw]:
    """Limits with lengths of their own; generated windows are whole multiples of them."""
    found = []
    for _ in range(pick((1, 2, 3))):
        measure = pick(("requests", "tokens", "input_tokens", "output_tokens"))
        if measure == "requests" or (measure == "output_tokens" and charge in ("estimate", "catalogue")):
            quota = {"requests": pick((2, 1, 3, 10))}
        else:
            quota = {measure: pick((900, 100, 150, 5_000) if replays else (10**9, 10**12))}
        kind = pick(("fixed-window", "token-bucket", "leaky-bucket") if replays else ("fixed-window",))
        found.append({**quota, "per_s": pick((2.5, 5, 20, 0.5) if replays else (5, 0.5, 2.5)), "kind": kind})
    return found


def concurrent(pick: Pick, *values: int | None) -> Any:
    """A cap of one of the values, or steps of them on the grid, with doors closed but in the last."""
    value = pick(values)
    if not pick(SELDOM):
        return value
    ends_s = pick(([1], [0.5, 2], [2, 3.5, 5], [1, 1.5, 2, 2.5, 8], [1e-9, 30]))
    return [*({"until_s": end_s, "value": pick((0, *values))} for end_s in ends_s), {"value": value}]


def latency(pick: Pick, model: str) -> Any:
    forms = ["total", "total", "streaming"] + (["catalogue"] if model == SPEAKER else [])
    form = pick(forms)
    if form == "catalogue":
        return form
    if form == "total":
        return {"total_s": law(pick, 1, 0.5, 2, 0, 3)}
    return {"ttft_s": law(pick, 0.5, 0, 1), "tokens_per_s": law(pick, 50, 10, 100)}


def deployment(pick: Pick, bounds: Bounds, models: Sequence[str], replays: bool) -> Raw:
    model = pick(models)
    found: Raw = {"model": model, "provider": "openai" if model == SPEAKER else pick((None, None, "openai"))}
    found["limits"] = limits(pick, replays)
    if found["provider"] is None and pick(SELDOM):
        hardware = {"server": {"gpu": "h100-80gb"}, "device": {"kind": "jetson-orin-nano-super", "fleet": 5}}
        kind = pick(sorted(hardware))
        found[kind] = hardware[kind]
        found["limits"] = (found["limits"] or {}) | {"concurrent": concurrent(pick, 1, 2)}
        if kind == "server" and replays:
            found["trust"] = pick(("in-house", "outside"))
    elif pick(SELDOM):
        found["trust"] = pick(("outside", "contract", "in-house", "device"))
    found["latency"] = latency(pick, model)
    error = {
        "rate": pick((0.3, 0.3, 0.6, 0, 1)),
        "status": pick((500, 599)),
        "latency_s": law(pick, 0.5, 0, 1),
        **({"mid_stream": pick((0.5, 1))} if pick(SELDOM) else {}),
    }
    found["errors"] = pick((None, error, error, "catalogue"))
    if pick(SELDOM):
        refusal = {
            "share": pick((0.3, 1, 0)),
            "latency_s": law(pick, 0.5, 0, 1),
            "billed": pick(("input", "none")),
        }
        found["content_filter"] = refusal
    kind = pick(("none", "planted", "none", "drawn", "catalogue"))
    found["outages"] = {
        "none": lambda: None,
        "planted": lambda: planted(pick, bounds),
        "drawn": lambda: drawn_outages(pick, bounds),
        "catalogue": lambda: "catalogue",
    }[kind]()
    given = policy(pick, bounds, "deployment")
    return found | ({"policy": given} if given else {})


def strategy(pick: Pick, names: Sequence[str], rules: Sequence[Raw]) -> Raw:
    """Tiers in any order of the deployments, with every router."""
    orders = [
        [*names[at:], *names[:at]][:length] for length in range(len(names), 0, -1) for at in range(len(names))
    ]
    tiers = pick((("omni",), ("mini",), ("omni", "mini"), ("omni", "mini")))
    found: Raw = {tier: pick(orders) for tier in tiers}
    if len(names) > 1 and pick(BOTH):
        found[tiers[0]] = [list(names[:2]), *names[2:]]
    if len(names) > 2 and pick(SELDOM):
        found[tiers[-1]] = [list(names[:2]), list(names[2:])]
    if len(tiers) == 2:
        kind = pick((None, "threshold", "cascade", "cascade"))
        if kind is not None:
            found["router"] = router(pick, kind)
    found |= fallbacks(pick, tiers, orders)
    targets = [*tiers, *found.get("groups", ()), list(names[-1:]), [list(names)]]
    conditions = pick(
        (
            [],
            [{"sensitive": True}, {"context_tokens_over": 100}],
            [{"task": "chat", "sensitive": False}, {"modality": "text"}],
        )
    )
    own = [{"when": when, "to": pick(targets)} for when in conditions]
    return found | ({"rules": [*rules, *own]} if rules or own else {})


def fallbacks(pick: Pick, tiers: Sequence[str], orders: Sequence[Any]) -> Raw:
    """Groups, each falling back on later ones of a fixed order (omni first), so that there is no circle."""
    if not pick(SELDOM):
        return {}
    groups = {f"g{k}": pick(orders) for k in range(pick((2, 1, 3)))}
    order = [*tiers, *groups]
    found: Raw = {}
    for index, group in enumerate(order[:-1]):
        lists = [order[index + 1 :], order[:index:-1], order[index + 1 : index + 2]]
        kind = pick(("any", "classes", "classes", "none"))
        if kind == "any":
            found[group] = pick(lists)
        elif kind == "classes":
            classes = ("error", "limit", "timeout", "context_window", "content_policy")
            found[group] = {"any": pick(lists)} | {name: pick((*lists, [])) for name in classes if pick(BOTH)}
    return {"groups": groups, "fallbacks": found}


def router(pick: Pick, kind: str) -> Raw:
    found: Raw = {"kind": kind, "latency_s": law(pick, 0, 0.5, 1), "usd_per_1k_requests": 0.1}
    if kind == "threshold":
        rule = pick(("omni_share", "threshold"))
        return found | {rule: pick((0.5, 0, 1, 0.25)), "score_correlation": pick((0.6, 0, 1))}
    verifier = {
        "model": "judge",
        "input_tokens": pick((20, 0)),
        "output_tokens": pick((1, 0)),
        "latency_s": law(pick, 0.5, 0, 1),
        "true_positive": pick((1, 0.5)),
        "false_positive": pick((0, 0.5)),
    }
    accept = pick((None, 0.5))
    return found | {"verifier": verifier} | ({} if accept is None else {"accept_score": accept})


# -- the whole -------------------------------------------------------------------------------------


def scenario(pick: Pick, most_requests: int = 24) -> Raw:
    """A sound scenario of the whole space, with about `most_requests` requests at most."""
    bounds = Bounds(pick)
    replays = pick((True, True, True, False))
    kind = pick(("text", "text", "text", "vision", "audio"))
    own = {"m": _model(pick, kind, replays), "n": _plain_model(pick)}
    speaks = kind == "audio" or pick(SELDOM)
    models = ["m", "n", *([SPEAKER] if speaks else [])]
    names = [f"d{k}" for k in range(pick((2, 1, 3, 4)))]
    able = {"text": "m", "vision": "m", "audio": SPEAKER}[kind]
    deployments = {
        name: deployment(pick, bounds, [able] if name == "d0" else models, replays) for name in names
    }
    share_limits(pick, deployments)
    # Images and speech go where a model takes them, past one that may not.
    special = (
        [{"when": {"modality": kind}, "to": pick((["d0"], [*names[1:], "d0"]))}] if kind != "text" else []
    )
    base = strategy(pick, names, special)
    gateway = {"kind": pick(("direct", "unified")), "fee": 0, "latency_s": law(pick, 0, 0.5)}
    strategies: Raw = {STRATEGY: base}
    if pick(SELDOM):
        strategies = {"base": base, STRATEGY: {"like": "base"}}
    strategies[STRATEGY] = dict(strategies[STRATEGY])
    if given := policy(pick, bounds, "strategy"):
        strategies[STRATEGY]["policy"] = given
    if pick(SELDOM):
        strategies[STRATEGY]["gateway"] = {"kind": "unified", "latency_s": law(pick, 0.5, 0)}
    general = policy(pick, bounds, "scenario")
    # A hedge goes to a deployment of every strategy; one that is like the other names at least the other's.
    common = _mentioned({"base": strategies.get("base", strategies[STRATEGY])})
    policies = [general, *(one.get("policy", {}) for one in (*deployments.values(), *strategies.values()))]
    for given in policies:
        if given.get("hedge") and given["hedge"]["to"] not in common:
            given["hedge"]["to"] = None
    if any(
        given.get("hedge") for given in policies
    ):  # calls multiply: no more than a thousand of one request
        for given in policies:
            if len(given.get("layers") or ()) > 1:
                given["layers"] = given["layers"][:1]
    used = {deployments[name]["model"] for name in _mentioned(strategies)}
    rated = {model: share for model, share in {"m": 0.7, "n": 0.4, SPEAKER: 0.9}.items() if model in used}
    is_rated = any(one.get("router", {}).get("kind") == "cascade" for one in strategies.values()) or pick(
        BOTH
    )
    window_s = pick((30, 5))
    drawn = {
        "name": "generated",
        "traffic": _recorded(pick, most_requests, kind, used) if replays else _generated(pick, most_requests, window_s),
        "tasks": _tasks(pick, kind, rated if is_rated else {}),
        "models": own | {"judge": _prices()},
        "deployments": deployments,
        "strategies": strategies,
        "policy": general,
        "gateway": gateway,
        "finance": {"horizon_months": 1},
        "run": {
            "seed": pick((1, 2, 3, 2**32 - 1)),
            "replications": pick((1, 4)),
            "window_s": window_s,
            "max_in_flight": pick((*[2_000_000] * 12, 10, 3, 1)),
        },
    }  # fmt: skip
    draw_retries(pick, drawn)
    draw_caches(pick, drawn)
    draw_health(pick, drawn)
    draw_outages(pick, drawn)
    draw_sessions(pick, drawn)
    draw_batches(pick, drawn)
    with_platform = copy.deepcopy(drawn)
    draw_platforms(pick, with_platform)
    return with_platform if _is_sound(with_platform) else drawn


def _is_sound(drawn: Raw) -> bool:
    """Whether the language takes it: a platform's draw may not suit what stands there, such as a hang that nothing ends."""
    try:
        load(drawn)
    except ScenarioError:
        return False
    return True


def _mentioned(strategies: Raw) -> set[str]:
    """Deployments that some strategy can use."""
    targets = [one.get(tier, []) for one in strategies.values() for tier in ("omni", "mini")]
    targets += [levels for one in strategies.values() for levels in one.get("groups", {}).values()]
    targets += [rule["to"] for one in strategies.values() for rule in one.get("rules", ())]
    levels = [level for target in targets if not isinstance(target, str) for level in target]
    return {name for level in levels for name in ([level] if isinstance(level, str) else level)}


def _prices() -> Raw:
    return {"input_usd_per_mtok": 1, "output_usd_per_mtok": 2}


def _model(pick: Pick, kind: str, replays: bool) -> Raw:
    """An own model; a request of a recording may be too large for it."""
    found = _prices() | {
        "modalities": ["text", "vision"] if kind == "vision" else ["text"],
        "reasoning_tokens_per_output_token": pick((0, 2, 0.5)),
        "input_token_factor": pick((1, 0.5, 3)),
        "output_token_factor": pick((1, 0.5, 3)),
    }
    optional = {
        "context_tokens": pick((None, None, 100_000, 300) if replays else (None, 100_000)),
        "max_output_tokens": pick((None, 40, 4096)),
        "image_tokens": 85 if kind == "vision" else None,
    }
    return found | {name: value for name, value in optional.items() if value is not None}


def _plain_model(pick: Pick) -> Raw:
    return _prices() | {"reasoning_tokens_per_output_token": pick((0, 1)), "max_output_tokens": 200}


def _tasks(pick: Pick, kind: str, rated: Mapping[str, float]) -> Raw:
    """One task of text and, where asked for, one with images or speech."""
    length = {"exponential_mean": pick((100, 20))}
    chat: Raw = {
        "input_tokens": length,
        "output_tokens": law(pick, 50, 10, 200),
        "max_output_tokens": pick((None, 20, 100)),
        "shared_prefix_tokens": pick((0, 50)),
        "sensitive": pick((0, 0.5)),
    }
    found = {"chat": chat, "haste": {**chat, "priority": pick((-1, 0, 1, 2))}}
    if kind == "vision":
        image = {"width_px": 512, "height_px": 512, "detail": "low"}
        found["see"] = {"modalities": ["text", "vision"], "images": [image] * pick((1, 2))}
    if kind == "audio":
        speech = {"input_s": law(pick, 2, 0, 5), "output_s": law(pick, 1, 3)}
        found["talk"] = {"modalities": ["text", "audio"], "audio": speech}
    if rated:
        for task in found.values():
            task["accuracy"] = dict(rated)
    return found


def _generated(pick: Pick, most_requests: int, window_s: float) -> Raw:
    rate = most_requests / window_s * pick((0.5, 0.25, 0.75))
    return {"requests_per_month": rate * MONTH_S}


def _recorded(pick: Pick, most_requests: int, kind: str, used: set[str]) -> Raw:
    """Rows on the grid, in any order, with any of the optional columns; empty cells are not recorded."""
    gaps_s = pick(((0, 0.5), (0.5,), (0, 0.5, 1), (0,), (0, 0, 0.5, 1), (0, 2, 10), (0.1, 0.3), (30, 60)))
    sizes = pick(((100, 10), (10, 100), (0, 1, 500), (50, 200), (100, 10**4, 10**6), (1, 10**9, 10**12)))
    answers = pick(((50, 100), (0, 50), (10, 25, 1000)))
    columns: dict[str, Sequence[Any]] = {
        "prefix_tokens": (0,),
        "service_s": (1, [2, 0.5], [0.5, 0.5, 3], 0, None),
        "router_score": (0.5, 0, 1, None),
        "verifier_score": (0.5, 0, 1, None),
        "output_tokens.m": (20, None),
        "correct.m": (1, 0, None),
        "session": ("one", "two"),
        "task": {"text": ("chat", "haste"), "vision": ("chat", "see"), "audio": ("chat", "talk")}[kind],
    }
    chosen = [
        name for name in columns if pick(SELDOM) and (not name.endswith(".m") or "m" in used)
    ]  # fmt: skip
    rows, moment_s = [], pick((0, 0.5))
    for _ in range(pick(range(1 + most_requests // 4, most_requests + 1))):
        row = {"arrival_s": moment_s, "input_tokens": pick(sizes), "output_tokens": pick(answers)}
        rows.append(row | {name: pick(columns[name]) for name in chosen})
        moment_s += pick(gaps_s)
    order = pick(("as they come", "backwards", "interleaved"))
    if order == "backwards":
        rows.reverse()
    elif order == "interleaved":
        rows = [*rows[::2], *rows[1::2]]
    return {"trace": {"rows": rows}}


@st.composite
def scenarios(draw: st.DrawFn, most_requests: int = 24) -> Raw:
    """`scenario`, chosen by hypothesis."""
    return scenario(lambda options: draw(st.sampled_from(options)), most_requests)


# -- both engines ----------------------------------------------------------------------------------

TABLES = ("outcome_arrays", "attempt_arrays", "event_arrays")


def difference(raw: Raw) -> str | None:
    """Where the engines differ on strategy `s` in the first and the last window; None if nowhere."""
    found = load(raw)
    windows = plan_windows(found)
    for window in dict.fromkeys((windows[0], windows[-1])):
        text = window_difference(found, STRATEGY, window)
        if text is not None:
            return f"window {window.index}: {text}"
    return None


def window_difference(found: Scenario, name: str, window: Window) -> str | None:
    """Where the engines differ in a window: in a row of a table, in what is left of it, or in how they end."""
    one, other = (_run(found, name, window, engine) for engine in ("reference", "compiled"))
    if isinstance(one, str) or isinstance(other, str):
        return None if one == other else f"reference: {_short(one)}; compiled: {_short(other)}"
    for table in TABLES:
        text = table_difference(getattr(one, table), getattr(other, table))
        if text is not None:
            return f"{table}, {text}"
    return _reduced_difference(found, name, window, one)


def _run(found: Scenario, name: str, window: Window, engine: str) -> Run | str:
    try:
        return run_window(found, name, window, engine=engine)
    except LoadExceedsCapacity as refusal:
        return str(refusal)


def _short(ending: Run | str) -> str:
    return ending if isinstance(ending, str) else f"{len(ending.outcome_arrays['request'])} outcomes"


def table_difference(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> str | None:
    """The first row in which two tables differ, with all its columns."""
    assert list(one) == list(other)
    if len({len(values) for values in (*one.values(), *other.values())}) > 1:
        return f"{len(next(iter(one.values())))} rows against {len(next(iter(other.values())))}"
    assert all(one[column].dtype == other[column].dtype == np.int64 for column in one)
    rows = [np.flatnonzero(one[column] != other[column]) for column in one]
    first = min((int(found[0]) for found in rows if found.size), default=None)
    if first is None:
        return None
    shown = [
        f"{column} {one[column][first]}" + (f" against {other[column][first]}" * bool(one[column][first] != other[column][first]))
        for column in one
    ]  # fmt: skip
    return f"row {first}: " + ", ".join(shown)


def _reduced_difference(found: Scenario, name: str, window: Window, run: Run) -> str | None:
    """What the compiled engine leaves of a run without rows, against what follows from the reference's rows.

    Facts are what measures are made of, counts what the bill is made of.
    """
    taken: list[np.ndarray] = []
    reduced = reduce_window(found, name, window, [generate(found, window)], taken.append)
    counted = from_counts(found, reduced.deployments, reduced.counts)
    names = run.outcome_arrays["request"]
    came = run.work.came(names)
    billed = count(
        found, name, run.outcome_arrays, run.attempt_arrays, asked=run.work.routing.asked[came],
        repeated=run.work.requests.repeat[came] > 0, unasked=run.work.unasked(names, len(found.tasks)),
    )  # fmt: skip
    if counted != billed:
        keys = sorted(key for key in counted.keys() | billed.keys() if counted.get(key) != billed.get(key))
        return f"counts: {[(key, billed.get(key), counted.get(key)) for key in keys[:3]]}"
    rows = np.concatenate(taken)
    rows = rows[np.argsort(rows[:, 0], kind="stable")]
    columns = [column.name for column in tables.FACTS]
    expected = run.facts()
    if expected.shape != rows.shape:
        return f"facts: {expected.shape[0]} rows against {rows.shape[0]}"
    text = table_difference(
        dict(zip(columns, expected.T, strict=True)), dict(zip(columns, rows.T, strict=True))
    )
    return None if text is None else f"facts, {text}"
