"""Why 429: shares worked out by hand for every kind and charge, and advice that a run of its own confirms."""

import dataclasses
import itertools
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from planner import theory
from planner.errors import PlannerError
from planner.experiments import limit_runs
from planner.experiments.limits import (
    CHARGES,
    Cell,
    DeploymentLimits,
    LimitReport,
    index_of,
    rounded,
    why_429,
)
from planner.experiments.simulate import simulate
from planner.scenario import Scenario, load
from planner.scenario.declare import NOTHING
from planner.workload.windows import plan_windows
from tests.engines.hand_tables import MODEL, POLICY, at, limits, target

RETRY = {"when_limited": "retry"}
LIMITED: dict[str, Any] = {
    "name": "Limited",
    "start": "2027-01-01",
    "traffic": {"requests_per_month": 3_000_000},
    "tasks": {
        "faq": {"share": 0.7, "max_output_tokens": 500, "input_tokens": 300, "output_tokens": {"p50": 100, "p95": 300}},
        "long": {"share": 0.3, "max_output_tokens": 2000, "input_tokens": 800, "output_tokens": {"p50": 200, "p95": 900}},
    },
    "models": {"m": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 2}},
    "deployments": {
        "first": {
            "model": "m",
            "latency": {"ttft_s": {"p50": 0.4, "p95": 0.9}, "tokens_per_s": 80},
            "errors": {"rate": 0.05, "status": 500, "latency_s": 0.5},
            "limits": {
                "requests_per_minute": 90,
                "tokens_per_minute": 90_000,
                "kind": "token-bucket",
                "charge": "prompt-plus-max-output",
            },
        },
        "second": {"model": "m", "latency": {"total_s": 2}, "limits": {"requests_per_minute": 40, "concurrent": 3}},
    },
    "strategies": {"both": {"omni": ["first", "second"]}, "one": {"omni": ["first"]}},
    "policy": {"retries": 2, "retry_after_cap_s": 5, "breaker": {"failures": 3, "open_s": 10}},
    "finance": {"horizon_months": 1},
    "run": {"seed": 4, "replications": 3, "window_s": 900},
}  # fmt: skip


def scenario(
    rows: Sequence[Mapping[str, Any]],
    given: Mapping[str, Any],
    policy: Mapping[str, Any] = RETRY,
    task: Mapping[str, Any] = NOTHING,
    others: Sequence[str] = (),
) -> Scenario:
    """Recorded requests to one deployment that answers in 2 s, with the limits given."""
    return load(
        {
            "name": "by hand",
            "traffic": {"trace": {"rows": [dict(row) for row in rows]}},
            "tasks": {"chat": dict(task), **dict.fromkeys(others, NOTHING)},
            "models": {"m": MODEL},
            "deployments": {"a": target(limits=limits(**given))},
            "strategies": {"s": {"omni": ["a"]}},
            "policy": POLICY | dict(policy),
            "finance": {"horizon_months": 1},
            "run": {"seed": 1, "replications": 2},
        }
    )


def found(one: Scenario, **options: Any) -> DeploymentLimits:
    """What is found of the only deployment."""
    (row,) = why_429(one, **options).rows
    return row


def sixths(row: DeploymentLimits, kind: str, which: str = "limited") -> list[float | None]:
    """Six times the share, by charge."""
    shares = [cell.shares for cell in row.cells if cell.label == kind]
    values = [None if one is None else getattr(one, which).value for one in shares]
    return [None if value is None else round(6 * value, 9) for value in values]


# -- the matrix, by hand -------------------------------------------------------------------------


def test_six_requests_within_a_second_under_sixty_a_minute() -> None:
    """A slice of 1 s holds one, a slice of 10 s holds ten, and a bucket or a minute holds sixty."""
    row = found(scenario(at(0, 0.1, 0.2, 0.3, 0.4, 0.5), {"requests_per_minute": 60, "charge": "estimate"}))
    for kind, expected in (
        ("token-bucket", 0),
        ("fixed-window", 0),
        ("sub-window 1 s", 5),
        ("sub-window 10 s", 0),
        ("leaky-bucket", 0),
    ):
        assert sixths(row, kind) == [expected] * 5, kind
        assert sixths(row, kind, "lost") == [expected] * 5, kind
    (present,) = (cell for cell in row.cells if cell.is_present)
    assert (present.label, present.charge) == ("token-bucket", "estimate")
    assert present.shares == row.present


def test_six_requests_under_eight_hundred_tokens_a_minute() -> None:
    """One request a second from 0 s, each of 100 tokens in, 50 out, at most 400 out, and gone after 2 s.

    Charged 100 by estimate, 500 by prompt-plus-max-output, 400 by max-of-max-output-and-estimate, 150 by actual.
    Refused requests do not come back. Levels before each request, 800 a minute are 13.33 a second:

    token bucket: by 500: 800, 313, 327 ... 367, so five are refused; by 400: 800, 413, 27, 40, 53, 67: four; by
    150: 800, 663, 527, 390, 253, 117: one. At the end, 150 come off as the answers arrive; each needs 100 before:
    800, 800, 650, 513, 377, 240: none.
    fixed window: 800 hold eight of 100, one of 500, two of 400, five of 150; at the end only 600 have come off
    when the sixth needs 100 of the 200 left.
    sub-window 10 s: 133 tokens hold one of 100, and nothing larger: five are refused, or all. At the end: two
    come before anything is charged, then 133 - 150 are left: four. Of 1 s: 13 tokens hold none of them.
    leaky bucket (admits while anything is left; set right to 150 at the end):
      by 500, +350 two seconds later: 800, 313, -173 + 350 = 177, -310 + 350 = 40, -447 + 350 = -97: refused;
      then -83 + 350 = 267: one is refused.
      by 400, +250: 800, 413, 27 + 250 = 277, -110 + 250 = 140, -247 + 250 = 3, -383 + 250 = -133: one is refused.
      by 100, -50 and by 150, and at the end: never empty.
    """
    task = {"max_output_tokens": 400}
    given = {"tokens_per_minute": 800, "charge": "actual"}
    row = found(scenario(at(0, 1, 2, 3, 4, 5), given, task=task))
    assert CHARGES == (
        "estimate",
        "prompt-plus-max-output",
        "max-of-max-output-and-estimate",
        "actual",
        "after-completion",
    )
    assert sixths(row, "token-bucket") == [0, 5, 4, 1, 0]
    assert sixths(row, "fixed-window") == [0, 5, 4, 1, 0]
    assert sixths(row, "sub-window 1 s") == [6, 6, 6, 6, 6]
    assert sixths(row, "sub-window 10 s") == [5, 6, 6, 6, 4]
    assert sixths(row, "leaky-bucket") == [0, 1, 1, 0, 0]
    assert sixths(row, "sub-window 10 s", "too_large") == [0, 6, 6, 6, 0]
    for kind in ("token-bucket", "fixed-window", "sub-window 1 s", "sub-window 10 s", "leaky-bucket"):
        assert sixths(row, kind, "lost") == sixths(row, kind)  # nobody retries


@pytest.mark.parametrize(
    ("when_limited", "lost"), [("retry", 5), ("reject", 5), ("wait", 0)]
)  # nobody leaves the queue
def test_who_waits_for_a_limit_or_is_turned_away_without_a_row_met_it_too(
    when_limited: str, lost: int
) -> None:
    rows = at(0, 0.1, 0.2, 0.3, 0.4, 0.5)
    given = {"requests_per_minute": 60, "kind": "sub-window", "charge": "estimate"}
    row = found(scenario(rows, given, {"when_limited": when_limited}))
    assert round(6 * (row.present.limited.value or 0), 9) == 5
    assert round(6 * (row.present.lost.value or 0), 9) == lost


def test_a_wait_for_a_slot_is_no_wait_for_a_limit() -> None:
    """One at a time, 2 s each: five wait for the slot; the limit of a slice of 10 s lets all of them through."""
    given = {"requests_per_minute": 600, "concurrent": 1, "kind": "sub-window", "charge": "estimate"}
    row = found(scenario(at(0, 0.1, 0.2, 0.3, 0.4, 0.5), given, {"when_limited": "wait"}))
    assert row.present.limited.value == 0
    assert row.present.n_asked == 2 * 6


def test_who_leaves_the_queue_at_a_limit_is_lost_to_it() -> None:
    """A slice a minute long holds one request; the others leave the queue after 3 s."""
    given = {"requests_per_minute": 1, "kind": "sub-window", "slice_s": 60, "charge": "estimate"}
    row = found(scenario(at(0, 1, 2, 3), given, {"when_limited": "wait", "queue_timeout_s": 3}))
    assert (row.present.limited.value, row.present.lost.value) == (0.75, 0.75)


def test_a_wait_for_a_slot_that_the_deadline_ends_is_not_lost_to_the_limit_of_before() -> None:
    """600 tokens a minute are 10 a second, one slot, deadlines of 11 s.

    The first takes all 600 at 0 s. The second needs 100 at 0.2 s, is refused and comes back at 10 s. At 9.9 s the
    third takes 10 and holds the slot; the second waits for that slot until 11.2 s: the 429 is not what ended it.
    """
    rows = [
        *at(0, input_tokens=600, service_s=0.05),
        *at(0.2, input_tokens=100, service_s=0.05),
        *at(9.9, input_tokens=10, service_s=9),
    ]
    given: dict[str, Any] = {"tokens_per_minute": 600, "concurrent": 1, "charge": "estimate"}
    waits = {**RETRY, "retries": 1, "deadline_s": 11, "retry_after_cap_s": 11}
    one = scenario(rows, given, waits)
    ends = simulate(one, "s").outcomes["cause"].tolist()
    assert ends == ["", "deadline", ""]
    row = found(one)
    assert row.present.limited.value == pytest.approx(1 / 3)
    assert row.present.lost.value == 0
    # One that should wait longer for its slice of a minute to end than its deadline is lost to the limit.
    given = {
        "requests_per_minute": 2,
        "concurrent": 3,
        "kind": "sub-window",
        "slice_s": 60,
        "charge": "estimate",
    }
    row = found(scenario(at(0, 0.1, 0.2), given, waits))
    assert (row.present.limited.value, row.present.lost.value) == (pytest.approx(1 / 3), pytest.approx(1 / 3))


def test_a_failed_call_is_charged_what_it_would_have_answered() -> None:
    """Both calls fail, and their rows have no answer: 150 tokens each are charged all the same, of 200."""
    one = scenario(at(0, 1), {"tokens_per_minute": 200, "charge": "actual"}).set(
        {"deployments.a.errors": {"rate": 1, "status": 500, "latency_s": 0.5}}
    )
    row = found(one)
    assert row.present.limited.value == 0.5


def test_a_retry_after_a_429_that_succeeds_is_limited_and_not_lost() -> None:
    """The second of two comes back after 1 s, when the next slice has begun."""
    given = {"requests_per_minute": 60, "kind": "sub-window", "charge": "estimate"}
    row = found(scenario(at(0, 0.5), given, {**RETRY, "retries": 1}))
    assert (row.present.limited.value, row.present.lost.value) == (0.5, 0)


def test_the_slice_as_it_is_has_a_row_of_its_own_and_a_burst_stays_with_buckets() -> None:
    rows = at(0, 0.1, 0.2, 0.3, 0.4, 0.5)
    row = found(
        scenario(rows, {"requests_per_minute": 60, "kind": "sub-window", "slice_s": 3, "charge": "actual"})
    )
    assert sixths(row, "sub-window 3 s") == [3] * 5
    assert [cell.label for cell in row.cells if cell.is_present] == ["sub-window 3 s"]
    row = found(scenario(rows, {"requests_per_minute": 60, "burst_s": 2, "charge": "actual"}))
    assert sixths(row, "token-bucket") == [4] * 5
    assert sixths(row, "leaky-bucket") == [3] * 5  # the third comes while 0.2 of a request is left
    assert sixths(row, "fixed-window") == [0] * 5


def test_a_cell_that_is_refused_says_why() -> None:
    given = {
        "requests_per_minute": 30,
        "tokens_per_minute": None,
        "output_tokens_per_minute": 5000,
        "kind": "token-bucket",
        "charge": "actual",
    }
    row = found(load(LIMITED).set({"deployments.first.limits": given}), strategies=["one"])
    cells = {(cell.label, cell.charge): cell for cell in row.cells}
    uncounted = cells["token-bucket", "estimate"]
    assert uncounted.shares is None
    assert uncounted.refused == (
        "output_tokens_per_minute: the charging rule estimate counts no output, so this limit would never be met; give "
        "deployments.first.limits.charge: prompt-plus-max-output, actual or after-completion",
    )
    never = cells["sub-window 1 s", "actual"]
    assert never.shares is None
    assert never.refused[0] == (
        "slice_s: got 1; allowed: at least 2: 30 requests per minute let no request through in less"
    )
    assert cells["token-bucket", "actual"].refused == ()


def test_a_setting_whose_load_exceeds_the_capacity_says_so() -> None:
    """Ten a second come, a slice of 1 s lets one through, and only 25 may be in flight; 60 fit a minute."""
    rows = at(*(i / 10 for i in range(60)))
    given = {"requests_per_minute": 600, "kind": "fixed-window", "charge": "estimate"}
    one = scenario(rows, given, {"when_limited": "wait"}).set({"run.max_in_flight": 25})
    row = found(one.set({"deployments.a.limits.requests_per_minute": 60}))
    assert row.present.limited.value == 0
    (slow, *_) = (cell for cell in row.cells if cell.label == "sub-window 1 s")
    assert slow.shares is None
    assert slow.refused[0].startswith("load exceeds capacity: more than run.max_in_flight = 25")


def test_a_bucket_under_steady_overload_does_what_the_fluid_says() -> None:
    """Two requests a second for two minutes at one a second: empty after 60 s, 60 more than it can give."""
    rows = at(*(i / 2 for i in range(240)))
    given = {"requests_per_minute": 60, "kind": "token-bucket", "charge": "estimate"}
    fluid = theory.token_bucket_fluid([120.0], [2.0], 1.0, 60.0)
    (backlog,) = fluid.backlog_tokens
    rejected = found(scenario(rows, given, {"when_limited": "reject"})).present.limited.value
    assert rejected == pytest.approx(backlog / 240, abs=1.5 / 240)
    first_wait_s = 60.0 / (2.0 - 1.0)  # the level is 60 - t until then; later ones all wait
    waited = found(scenario(rows, given, {"when_limited": "wait"})).present.limited.value
    assert waited == pytest.approx(1 - first_wait_s / 120, abs=1.5 / 240)


# -- caps of a day, quotas of windows and shared limits ------------------------------------------


@pytest.mark.parametrize(
    ("kept", "told"),
    [
        ({"windows": [{"requests": 3, "per_s": 10}]}, "windows[0] (3 requests in 10 s)"),
        ({"requests_per_day": 3}, "requests_per_day 3"),
        ({"tokens_per_day": 400, "windows": []}, "tokens_per_day 400"),
    ],
)
@pytest.mark.parametrize("engine", limit_runs.ENGINES)
def test_limits_beside_those_per_minute_stay_in_force_and_are_told(
    kept: dict[str, Any], told: str, engine: str
) -> None:
    """Six requests within a second; a day or ten seconds hold three of 100 to 500 tokens, 400 of them as estimated.

    A slice of 1 s holds one of sixty a minute. Without limits all six come, whatever the other limit holds.
    """
    rows = at(0, 0.1, 0.2, 0.3, 0.4, 0.5)
    row = found(scenario(rows, {"requests_per_minute": 60, "charge": "estimate", **kept}), engine=engine)
    held = 2 if "tokens_per_day" in kept else 3
    for kind, expected in (
        ("token-bucket", held),
        ("fixed-window", held),
        ("sub-window 1 s", 5),
        ("sub-window 10 s", held),
        ("leaky-bucket", held),
    ):
        assert sixths(row, kind)[0] == expected, kind
    assert row.kept == (
        f"{told} stay in force as they are in every setting, and count where they are met: without limits per minute "
        f"{held / 6:.3%} meet them, so no quota per minute brings it to 0.001."
    )
    assert "Without limits the busiest minute asks 6 requests of 60 (0.1 times the limit)" in row.why
    assert row.demand.n_calls == 2 * 6
    assert row.quota_advice == ()
    assert row.together is None


def test_quotas_are_advised_where_what_stays_in_force_lets_enough_through() -> None:
    given = {
        "requests_per_minute": 2,
        "tokens_per_minute": 9000,
        "kind": "fixed-window",
        "charge": "estimate",
    }
    row = found(scenario(at(0, 1, 2, 3), given | {"windows": [{"requests": 4, "per_s": 60}]}))
    assert row.kept == (
        "windows[0] (4 requests in 60 s) stay in force as they are in every setting, and count where they are met: "
        "without limits per minute 0.000% meet them."
    )
    requests, tokens = row.quota_advice
    assert requests.needed == 4
    assert tokens.text == "tokens_per_minute does not bind: 0.000% meet it or what stays in force"
    assert row.together is not None
    assert row.together.is_fixed
    row = found(scenario(at(0, 1, 2, 3), given | {"windows": []}))
    assert row.kept is None


@pytest.mark.parametrize("engine", limit_runs.ENGINES)
def test_shared_limits_change_for_all_that_share_them(engine: str) -> None:
    """Four a minute for both, a and b in turn: the third of each is refused, and only six let all of b's through."""
    shared = limits(requests_per_minute=4, kind="fixed-window", charge="estimate", scope="provider")
    one = load(
        {
            "name": "shared",
            "traffic": {
                "trace": {
                    "rows": [
                        row | {"task": ("chat", "mail")[i % 2]}
                        for i, row in enumerate(at(0, 0.1, 0.2, 0.3, 0.4, 0.5))
                    ]
                }
            },
            "tasks": {"chat": {}, "mail": {}},
            "models": {"m": MODEL},
            "deployments": {
                "a": target(provider="openai", limits=shared),
                "b": target(provider="openai", limits=shared | {"concurrent": 9}),
            },
            "strategies": {
                "s": {"omni": ["a"], "rules": [{"when": {"task": "mail"}, "to": ["b"]}]},
                "alone": {"omni": ["a"]},
            },
            "policy": POLICY | RETRY,
            "finance": {"horizon_months": 1},
            "run": {"seed": 1, "replications": 2},
        }
    )
    first, second = why_429(one, strategies=["s"], engine=engine).rows
    for row, needed, names in ((first, 5, "a and b"), (second, 6, "b and a")):
        assert row.present.limited.value == pytest.approx(1 / 3)
        assert row.quota_advice[0].needed == needed
        assert row.demand.peak_minute["requests_per_minute"] == 6
        assert row.kept == (
            f"{names} draw on the same limits (scope provider): these change for all of them together, and what the "
            "busiest minute asks is of all of them."
        )
    # Where the strategy uses only one of them, it has the limits for itself.
    (row,) = why_429(one, strategies=["alone"], engine=engine).rows
    assert row.kept is None
    assert row.present.limited.value == pytest.approx(1 / 3)


def test_who_has_no_limit_per_minute_is_told_what_stays() -> None:
    one = scenario(at(0, 1), {"requests_per_day": 1})
    report = why_429(one)
    assert report.rows == ()
    assert report.notices == (
        "a has no limit per minute to try: requests_per_day 1 stay in force as they are.",
    )
    with pytest.raises(
        PlannerError, match="--deployment: a has no limit per minute, only requests_per_day 1; give"
    ):
        why_429(one, deployments=["a"])


@pytest.mark.parametrize(
    ("kept", "window_s", "length_s"),
    [
        ({"requests_per_day": 500}, 86_400, 86_400),
        ({"requests_per_day": 500}, 3 * 86_400, 86_400),
        ({"windows": [{"requests": 500, "per_s": 7200}]}, 14_400, 14_400),
        ({}, 14_400, 840),
    ],
)
def test_windows_are_shortened_only_as_far_as_other_limits_allow(
    kept: dict[str, Any], window_s: int, length_s: int
) -> None:
    given = limits(requests_per_minute=90, kind="token-bucket", charge="actual", **kept)
    one = load(LIMITED).set({"deployments.first.limits": given, "run.window_s": window_s})
    shorter, windows, notice = limit_runs.plan_within(one, 2000)
    assert {window.length_s for window in windows} == {length_s}
    assert shorter.run.window_s == length_s
    assert notice is not None
    assert notice.startswith(
        "Windows stay as long as" if window_s == length_s else f"Windows of {length_s:g} s"
    )


# -- engines, observers and the short way --------------------------------------------------------


@pytest.fixture(scope="module")
def report() -> LimitReport:
    return why_429(load(LIMITED), requests=4000)


def shares_of(one: LimitReport) -> list[Any]:
    return [(row.strategy, row.deployment, [cell.shares for cell in row.cells]) for row in one.rows]


def without_runs(one: LimitReport) -> LimitReport:
    return dataclasses.replace(one, engine="", seconds=0.0, simulated_requests=0)


def test_watching_the_reference_engine_counts_what_the_rows_tell() -> None:
    small = load(LIMITED).set({"run.window_s": 300})
    compiled, reference = (
        why_429(small, requests=500, engine=engine) for engine in ("compiled", "reference")
    )
    assert compiled.n_requests == reference.n_requests
    assert without_runs(compiled) == without_runs(reference)
    assert any(
        cell.shares and (cell.shares.limited.value or 0) > 0 for row in compiled.rows for cell in row.cells
    )


@pytest.mark.parametrize(
    "given",
    [
        {"requests_per_minute": 200, "tokens_per_minute": 250_000},
        {"requests_per_minute": 120, "tokens_per_minute": None},
        {"requests_per_minute": 1000, "tokens_per_minute": 100_000, "burst_s": 10},
        {"requests_per_minute": None, "tokens_per_minute": 600_000, "burst_s": 6},
    ],
)
def test_a_run_that_no_limit_would_touch_is_the_run_without_limits(
    given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = load(LIMITED).set(
        {"deployments.first.limits": {"kind": "token-bucket", "charge": "actual", **given}}
    )
    quick = why_429(one, strategies=["both"], requests=1500)
    monkeypatch.setattr(limit_runs, "lets_through", lambda *_: False)
    slow = why_429(one, strategies=["both"], requests=1500)
    assert quick.simulated_requests < slow.simulated_requests
    assert without_runs(quick) == without_runs(slow)


def test_shares_are_those_of_the_rows(report: LimitReport) -> None:
    """The present setting counted again, by hand from the table of calls of each window."""
    one = load(LIMITED)
    assert report.n_windows == len(plan_windows(one)) == 3
    for row in report.rows:
        asked, limited, weights = [], [], []
        for index in range(3):
            run = simulate(one, row.strategy, replication=index)
            calls = run.attempts[run.attempts["deployment"] == row.deployment]
            asked.append(calls["request"].nunique())
            limited.append(calls[calls["outcome"] == "limited"]["request"].nunique())
            weights.append(1 / len(run.outcomes))
        assert row.present.n_asked == sum(asked)
        assert row.present.n_limited == sum(limited)
        expected = np.dot(weights, limited) / np.dot(weights, asked)
        assert row.present.limited.value == pytest.approx(expected, rel=1e-12)


def test_every_kind_and_charge_stands_in_the_matrix_and_one_is_marked(report: LimitReport) -> None:
    for row in report.rows:
        places = [(cell.label, cell.charge) for cell in row.cells]
        assert len(places) == len(set(places)) == 25
        assert sum(cell.is_present for cell in row.cells) == 1


# -- what would fix it ---------------------------------------------------------------------------


def test_the_least_quota_of_requests_and_of_tokens() -> None:
    """Six at once: six requests, and six times 100 + 400 tokens, must be there at once."""
    given = {"requests_per_minute": 3, "tokens_per_minute": 1500, "charge": "prompt-plus-max-output"}
    row = found(scenario(at(*[0.0] * 6), given, task={"max_output_tokens": 400}), target=0)
    requests, tokens = row.quota_advice
    assert (requests.field, requests.given, requests.needed) == ("requests_per_minute", 3, 6)
    assert (tokens.field, tokens.given, tokens.needed) == ("tokens_per_minute", 1500, 3000)
    assert requests.shares.limited.value == tokens.shares.limited.value == 0
    assert row.together is not None
    assert row.together.quotas == {"requests_per_minute": 6, "tokens_per_minute": 3000}
    assert row.together.shares.limited.value == 0


def test_a_limit_that_does_not_bind_is_said_not_to() -> None:
    given = {"requests_per_minute": 100, "tokens_per_minute": 1000, "charge": "prompt-plus-max-output"}
    row = found(scenario(at(*[0.0] * 6), given, task={"max_output_tokens": 400}), target=0)
    requests, tokens = row.quota_advice
    assert requests.needed is None
    assert requests.text.startswith("requests_per_minute does not bind")
    assert tokens.needed == 3000
    assert row.together is not None
    assert row.together.quotas == {"requests_per_minute": 100, "tokens_per_minute": 3000}


def test_the_longest_max_output_that_fits_the_quota() -> None:
    """Six at once of 100 tokens in: 2,400 tokens leave 300 for each answer; answers of 50 are not cut."""
    given = {"tokens_per_minute": 2400, "charge": "prompt-plus-max-output"}
    row = found(scenario(at(*[0.0] * 6), given, task={"max_output_tokens": 400}), target=0)
    assert row.max_output_advice is not None
    assert row.max_output_advice.cap == 300
    assert row.max_output_advice.max_output_tokens == {"chat": 300}
    assert row.max_output_advice.shares.limited.value == 0
    assert row.max_output_advice.cut == 0
    # 660 tokens leave 10 for each answer, which cuts all of them; 606 leave one, and 605 not even that.
    for quota, cap in ((660, 10), (606, 1), (605, None)):
        row = found(
            scenario(at(*[0.0] * 6), {**given, "tokens_per_minute": quota}, task={"max_output_tokens": 400}),
            target=0,
        )
        assert row.max_output_advice is not None
        assert row.max_output_advice.cap == cap
        assert row.max_output_advice.cut == (None if cap is None else 1)
    assert row.max_output_advice is not None
    assert row.max_output_advice.text.startswith("No max-output setting does")


def test_max_output_is_no_advice_where_the_charge_does_not_count_it() -> None:
    for charge in ("estimate", "actual"):
        row = found(scenario(at(*[0.0] * 6), {"tokens_per_minute": 300, "charge": charge}), target=0)
        assert not row.is_fixed
        assert row.max_output_advice is None
    row = found(
        scenario(at(*[0.0] * 6), {"requests_per_minute": 3, "charge": "prompt-plus-max-output"}), target=0
    )
    assert row.max_output_advice is None  # no tokens are limited


def test_a_share_below_the_target_needs_nothing() -> None:
    rows = at(0, 0.1, 0.2, 0.3, 0.4, 0.5)
    given = {"requests_per_minute": 60, "kind": "sub-window", "charge": "estimate"}
    row = found(scenario(rows, given), target=0.9)
    assert row.is_fixed
    assert row.quota_advice == ()
    assert row.together is None
    # Twice the quota leaves four of six, five times the quota one of six.
    row = found(scenario(rows, given), target=0.2)
    assert [one.needed for one in row.quota_advice] == [300]


def test_where_no_quota_helps_it_says_so() -> None:
    """A thousand and one times as many as the quota at once: a thousand times the quota leaves one."""
    given = {"requests_per_minute": 1, "charge": "estimate"}
    row = found(scenario(at(*[0.0] * 1001), given), target=0)
    (advice,) = row.quota_advice
    assert advice.needed is None
    assert advice.text.startswith("No requests_per_minute up to 1,000 times 1 ")
    assert row.together is not None
    assert not row.together.is_fixed


def test_advice_is_confirmed_by_a_run_and_a_step_less_does_not_do(report: LimitReport) -> None:
    one, checked = load(LIMITED), 0
    for row in report.rows:
        if row.is_fixed:
            continue
        assert row.together is not None
        assert row.together.is_fixed
        place = f"deployments.{row.deployment}.limits"
        advised = one.set({f"{place}.{name}": quota for name, quota in row.together.quotas.items()})
        again = why_429(advised, strategies=[row.strategy], deployments=[row.deployment], requests=4000)
        assert again.rows[0].present == row.together.shares
        assert again.rows[0].is_fixed
        for advice in row.quota_advice:
            if advice.needed is None:
                continue
            others = {
                f"{place}.{name}": None
                for name in ("requests_per_minute", "tokens_per_minute")
                if name != advice.field
            }
            for quota, is_enough in (
                (advice.needed, True),
                (rounded(index_of(advice.needed) - 1), False),
            ):
                (tried,) = why_429(
                    one.set({f"{place}.{advice.field}": quota, **others}),
                    strategies=[row.strategy],
                    deployments=[row.deployment],
                    requests=4000,
                ).rows
                assert tried.is_fixed is is_enough
                checked += 1
    assert checked >= 4


def test_advice_on_max_output_is_confirmed_by_a_run() -> None:
    one = load(LIMITED).set(
        {"deployments.first.limits.requests_per_minute": None, "deployments.first.limits.tokens_per_minute": 70_000}
    )  # fmt: skip
    row = found(one, strategies=["one"], target=0.01, requests=4000)
    advice = row.max_output_advice
    assert advice is not None
    assert advice.cap is not None
    assert 1 < advice.cap < 2000
    assert advice.max_output_tokens == {"faq": min(500, advice.cap), "long": min(2000, advice.cap)}
    capped = {f"tasks.{name}.max_output_tokens": cap for name, cap in advice.max_output_tokens.items()}
    again = found(one.set(capped), strategies=["one"], target=0.01, requests=4000)
    assert again.is_fixed
    assert again.present == advice.shares
    free = {"deployments.first.limits": None, "deployments.first.errors": None}  # one call for each request
    outputs = [
        simulate(which.set(free), "one", replication=index).attempts["output_tokens"].to_numpy()
        for which in (one, one.set(capped))
        for index in range(3)
    ]  # fmt: skip
    before, after = np.concatenate(outputs[:3]), np.concatenate(outputs[3:])
    assert advice.cut == pytest.approx((after < before).mean(), abs=1e-12)


# -- why -----------------------------------------------------------------------------------------


def test_why_names_the_busiest_minute_the_busiest_slice_and_what_is_charged() -> None:
    """Seven in the first minute, three of them in one second, and two in the second minute."""
    rows = at(0, 1, 1.1, 1.9, 20, 30, 59.9, 60, 100)
    given = {
        "requests_per_minute": 60,
        "tokens_per_minute": 60_000,
        "kind": "sub-window",
        "charge": "prompt-plus-max-output",
    }
    row = found(scenario(rows, given, task={"max_output_tokens": 500}))
    assert row.demand.peak_minute["requests_per_minute"] == 7
    assert row.demand.peak_minute["tokens_per_minute"] == 7 * 600
    assert row.demand.peak_slice["requests_per_minute"] == 3
    assert row.demand.n_calls == 2 * 9
    assert row.why == (
        "Without limits the busiest minute asks 7 requests of 60 (0.117 times the limit) and 4,200 tokens of 60,000 "
        "(0.07 times the limit); the busiest 1 s ask 3 requests where a slice holds 1 and 1,800 tokens where a slice "
        "holds 1,000; prompt-plus-max-output charges 4 times the tokens that are billed."
    )


def test_requests_larger_than_the_bucket_are_told_by_task() -> None:
    rows = [
        {**row, "task": task}
        for row, task in zip(at(0, 1, 2, 3), ["chat", "chat", "big", "big"], strict=True)
    ]
    rows[3]["input_tokens"] = 801
    one = scenario(rows, {"tokens_per_minute": 800, "charge": "estimate"}, others=["big"])
    row = found(one)
    assert row.present.too_large.value == 0.25
    assert row.present.too_large_by_task == {"big": 0.5}
    assert row.too_large is not None
    assert "too-large" in row.too_large
    assert "big 50.00%" in row.too_large
    # Three of 100 before it, 3 s of refill: 1.05 times the quota less 300 must hold 801, so 1,049, rounded up.
    assert [advice.needed for advice in row.quota_advice] == [1100]


# -- names, nothing limited, plain values --------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strategies": ["bth"]}, "--strategy: got 'bth'; allowed: both, one; did you mean both?"),
        (
            {"deployments": ["frist"]},
            "--deployment: got 'frist'; allowed: first, second; did you mean first?",
        ),
        (
            {"deployments": ["second"], "strategies": ["one"]},
            "--deployment: second is used by none of one",
        ),
        ({"target": 1.0}, "target: got 1; allowed: 0 up to 1, without 1 (share of requests)"),
        ({"requests": 0}, "requests: got 0; allowed: at least 1"),
        ({"engine": "fast"}, "engine: got 'fast'; allowed: compiled, reference"),
    ],
)
def test_what_is_not_there_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(PlannerError) as raised:
        why_429(load(LIMITED), **options)
    assert str(raised.value) == message


def test_a_deployment_without_limits_says_what_to_give() -> None:
    one = load(LIMITED).set({"deployments.second.limits": None})
    with pytest.raises(PlannerError, match=r"second has no rate limit; give deployments\.second\.limits"):
        why_429(one, deployments=["second"])


def test_a_scenario_without_limits_says_so_and_what_to_give() -> None:
    one = load(LIMITED).set(
        {"deployments.second.limits": None, "deployments.first.limits": {"concurrent": 3}}
    )
    empty = why_429(one)
    assert empty.rows == ()
    (notice,) = empty.notices
    assert notice.startswith("No deployment has a rate limit")
    assert "deployments.first.limits.requests_per_minute: 500" in notice


def test_a_deployment_that_nobody_asks_has_no_share() -> None:
    one = load(LIMITED).set(
        {
            "deployments.first.limits": None,
            "deployments.first.errors": None,
            "deployments.first.outages": None,
        }
    )
    row = found(one, strategies=["both"])
    assert row.deployment == "second"
    assert row.present.limited.value is None
    assert row.is_fixed
    assert row.why == "No simulated request under both reaches second."


def test_the_report_is_plain_values(report: LimitReport) -> None:
    text = json.dumps(report.to_dict(), allow_nan=False)
    assert json.loads(text)["rows"][0]["cells"][0]["kind"] == "token-bucket"
    with pytest.raises(dataclasses.FrozenInstanceError):
        report.target = 1  # type: ignore[misc]


def test_a_plan_is_cut_to_the_requests_asked_for_and_says_when_windows_are_shortened() -> None:
    one = load(LIMITED).set({"run.window_s": 3600, "run.replications": 20})
    few = why_429(one, strategies=["one"], deployments=["first"], requests=20_000)
    assert few.n_requests <= 22_000
    assert few.notices == ()
    short = why_429(one, strategies=["one"], deployments=["first"], requests=3000)
    assert short.n_windows == 2
    (notice,) = short.notices
    assert notice.startswith("Windows of ")


def test_the_ladder_of_rounded_quotas_has_every_number_of_two_digits_once() -> None:
    ladder = [rounded(index) for index in range(400)]
    assert ladder == sorted(set(ladder))
    assert all(number < 100 or len(str(number).rstrip("0")) <= 2 for number in ladder)
    for quota in itertools.chain(range(1, 1200), (9_999, 10_000, 10_001, 123_456, 999_999)):
        index = index_of(quota)
        assert rounded(index) >= quota
        assert index == 0 or rounded(index - 1) < quota


def test_progress_ends_at_its_total() -> None:
    heard: list[tuple[int, int]] = []
    why_429(load(LIMITED), strategies=["one"], requests=500, report=lambda *one: heard.append(one))
    assert heard == sorted(heard)
    assert heard[-1][0] == heard[-1][1]


def test_kinds_of_a_cell_are_told_in_words() -> None:
    cell = Cell(
        kind="sub-window", slice_s=10.0, charge="actual", is_present=False, shares=None, refused=("no",)
    )
    assert cell.label == "sub-window 10 s"


def test_a_deployment_with_steps_of_concurrency_has_its_limits_explained() -> None:
    steps = [{"until_s": 5, "value": 1}, {"value": 2}]
    found = load(
        {
            "name": "steps",
            "traffic": {"trace": {"rows": at(0, 1, 2)}},
            "tasks": {"chat": {}},
            "models": {"m": MODEL},
            "deployments": {"a": target(limits=limits(requests_per_minute=1, concurrent=steps, burst_s=60))},
            "strategies": {"s": {"omni": ["a"]}},
            "policy": POLICY | RETRY,
            "finance": {"horizon_months": 1},
        }
    )
    (row,) = why_429(found).rows
    assert row.present.limited.value == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("counts", "asked", "times"), [(True, "3,000", 1), (False, "1,848", 0.616), ("catalogue", "3,000", 1)]
)
def test_demand_leaves_out_what_the_cache_gives_where_limits_do(
    counts: Any, asked: str, times: float
) -> None:
    """Two calls of 1,500 tokens; the second reads 1,152 of them."""
    rows = at(0, 3, input_tokens=1500, output_tokens=50, prefix_tokens=1200)
    own = {"tokens_per_minute": 2000, "kind": "fixed-window", "charge": "estimate", "counts_cached": counts}
    found = load(
        {
            "name": "Cached", "start": "2027-01-01", "traffic": {"trace": {"rows": rows}}, "tasks": {"chat": {}},
            "models": {"m": MODEL | {"cached_input_usd_per_mtok": 0.1}},
            "deployments": {"a": target(limits=limits(**own), prompt_cache={"ttl_s": 10})},
            "strategies": {"s": {"omni": ["a"]}}, "policy": POLICY | RETRY, "finance": {"horizon_months": 1},
            "run": {"replications": 1},
        }
    )  # fmt: skip
    (row,) = why_429(found).rows
    assert f"the busiest minute asks {asked} tokens/min of 2,000" in row.why.replace(
        " tokens of", " tokens/min of"
    ), row.why
    present = next(cell for cell in row.cells if cell.is_present)
    assert present.shares is not None
    assert present.shares.n_limited == (0 if counts is False else 1)
