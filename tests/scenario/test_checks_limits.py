"""What is said about caps of a day that cannot mean anything, and where windows begin with those that can."""

from typing import Any

from planner.workload.windows import plan_windows
from tests.scenario.samples import problems_with, scenario

DAY = {"tasks.faq.input_tokens": 100, "run.window_s": 86_400}


def capped(name: str = "a", **given: Any) -> dict[str, Any]:
    return {f"deployments.{name}.limits": {"charge": "estimate", **given}}


def test_a_cap_of_a_day_needs_whole_days() -> None:
    for field in ("requests_per_day", "tokens_per_day"):
        for window_s in (3600, 90_000):
            assert problems_with({**DAY, **capped(**{field: 1000}), "run.window_s": window_s}) == [
                f"deployments.a.limits.{field}: a cap of a day needs windows of whole days, not of {window_s} s, "
                "which would begin with an unknown part of it used; give run.window_s: 86400, or a trace"
            ]
        assert problems_with({**DAY, **capped(**{field: 1000})}) == []


def test_days_begin_at_one_hour() -> None:
    here, there = capped(requests_per_day=9), capped("b", requests_per_day=9, day_resets_at=8)
    assert problems_with({**DAY, **here, **there}) == [
        "deployments.b.limits.requests_per_day: its day begins at 8 h UTC, that of a at 0 h; windows of whole days "
        "begin with one of them; give the same day_resets_at to both, or a trace"
    ]
    assert problems_with({**DAY, **capped(requests_per_day=9, day_resets_at=8), **there}) == []


def test_a_days_hour_without_a_cap_is_idle() -> None:
    assert problems_with(capped(day_resets_at=8)) == [
        "deployments.a.limits.day_resets_at: got day_resets_at with no cap of a day; "
        "allowed: day_resets_at with requests_per_day or tokens_per_day"
    ]


def test_the_smallest_request_fits_the_cap_of_a_day() -> None:
    assert problems_with({**DAY, **capped(tokens_per_day=99)}) == [
        "deployments.a.limits.tokens_per_day: got 99 (99 tokens in a day); "
        "allowed: at least 100 tokens at once: one request of task faq is charged that much by estimate"
    ]


def test_windows_begin_when_the_cap_is_whole() -> None:
    for hour in (0, 8):
        found = scenario({**DAY, **capped(requests_per_day=9, day_resets_at=hour), "run.replications": 20})
        starts = [window.start_s for window in plan_windows(found)]
        assert {start % 86_400 for start in starts} == {hour * 3600}
        assert len(set(starts)) > 10, "drawn among the days"
    hours = {window.start_s % 86_400 for window in plan_windows(scenario({**DAY, "run.replications": 20}))}
    assert len(hours) > 5, "at any hour where nothing has a cap of a day"


def plan(*windows: dict[str, Any]) -> dict[str, Any]:
    return {"tasks.faq.input_tokens": 100, **capped(windows=list(windows))}


PER_S = "deployments.a.limits.windows[0].per_s"
FULL = "begin with all of a quota of {} s, so they would let too much through; they must be {}; "
CHANGE = "change run.window_s or per_s, or give a trace"


def test_windows_of_quotas_fit_the_simulated_ones() -> None:
    fit = "a whole number of times per_s, or at least 100 times as long"
    hours = plan({"requests": 9, "per_s": 18_000})
    assert problems_with(hours) == [
        f"{PER_S}: windows of 3600 s (run.window_s) {FULL.format(18000, fit)}{CHANGE}"
    ]
    assert problems_with({**hours, "run.window_s": 36_000}) == []
    bucket = plan({"requests": 1000, "per_s": 600, "kind": "token-bucket"})
    fill = "at least 10 times per_s, as a bucket begins full"
    assert problems_with(bucket) == [
        f"{PER_S}: windows of 3600 s (run.window_s) {FULL.format(600, fill)}{CHANGE}"
    ]
    assert problems_with({**bucket, "run.window_s": 6000}) == []


def test_a_quota_counts_one_thing() -> None:
    allowed = "allowed: one of requests, tokens, input_tokens, output_tokens"
    assert problems_with(plan({"per_s": 60})) == [f"deployments.a.limits.windows[0]: got no quota; {allowed}"]
    assert problems_with(plan({"tokens": 900, "requests": 9, "per_s": 60})) == [
        f"deployments.a.limits.windows[0]: got requests and tokens; {allowed}"
    ]


def test_quotas_hold_the_smallest_request_and_are_exact() -> None:
    assert problems_with(plan({"tokens": 99, "per_s": 60})) == [
        "deployments.a.limits.windows[0].tokens: got 99 (99 tokens in per_s 60); "
        "allowed: at least 100 tokens at once: one request of task faq is charged that much by estimate"
    ]
    week = plan({"tokens": 999_983, "per_s": 60_480, "kind": "token-bucket"}) | {"run.window_s": 604_800}
    assert problems_with(week) == [
        "deployments.a.limits.windows[0].tokens: got 999983; allowed: a quota whose bucket is exact in 64 bits: "
        "a multiple of 1,000,000, a shorter per_s, or kind fixed-window"
    ]


NUMBERS = {"requests_per_minute": 600, "tokens_per_minute": None, "charge": "estimate"}
B = {"deployments.b.provider": "openai"}


def shared(name: str, scope: str = "provider", **given: Any) -> dict[str, Any]:
    return {f"deployments.{name}.limits": {**NUMBERS, "scope": scope, **given}}


def test_limits_that_are_shared_are_the_same() -> None:
    assert problems_with({**B, **shared("a"), **shared("b", concurrent=3)}) == []
    assert problems_with({**B, **shared("a"), **shared("b", requests_per_minute=60)}) == [
        "deployments.b.limits.requests_per_minute: not as at a, which draws on the same limits (scope provider); "
        "give the same as deployments.a.limits.requests_per_minute"
    ]
    # Other accounts, or limits of its own, may differ.
    other = {**B, **shared("a", "account"), **shared("b", "account", requests_per_minute=60)}
    assert problems_with({**other, "deployments.b.account": "second"}) == []
    assert problems_with({**B, **shared("a"), **shared("b", "deployment", requests_per_minute=60)}) == []


def test_limits_that_are_shared_are_kept_in_one_way() -> None:
    """OpenAI keeps token buckets: given or not, it is the same."""
    assert problems_with({**B, **shared("a"), **shared("b", kind="token-bucket")}) == []
    assert problems_with({**B, **shared("a"), **shared("b", kind="fixed-window")}) == [
        "deployments.b.limits.kind: not as at a, which draws on the same limits (scope provider); "
        "give the same as deployments.a.limits.kind"
    ]


def test_limits_are_checked_as_the_provider_keeps_them() -> None:
    """Azure counts each minute, so the catalogue's kind holds a minute of tokens."""
    azure = {"deployments.a.provider": "azure", "tasks.faq.input_tokens": 100, "start": "2025-04-01"}
    given = capped(tokens_per_minute=99, requests_per_minute=None)
    assert problems_with({**azure, **given}) == [
        "deployments.a.limits.tokens_per_minute: got 99 (99 tokens in a minute); "
        "allowed: at least 100 tokens at once: one request of task faq is charged that much by estimate"
    ]


def test_limits_that_are_shared_are_given_in_numbers_and_have_an_owner() -> None:
    assert problems_with(shared("a", charge="catalogue", tokens_per_minute="catalogue")) == [
        f"deployments.a.limits.{field}: got catalogue; allowed: given, or null, with scope provider: "
        "the catalogue has limits of each model"
        for field in ("tokens_per_minute", "charge")
    ]
    assert problems_with(shared("b")) == [
        "deployments.b.limits.scope: got provider; allowed: deployment, where there is no provider"
    ]


def test_an_account_without_its_scope_is_idle() -> None:
    assert problems_with({"deployments.a.account": "x", **shared("a")}) == [
        "deployments.a.account: an account changes nothing but whose limits these are; "
        "give deployments.a.limits.scope: account"
    ]
