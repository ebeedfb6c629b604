"""The bounds of one request against sums by hand and against runs in which everything fails."""

import math

import pytest

from planner.engines.run import run_window
from planner.errors import ScenarioError
from planner.experiments.assumptions import assumptions
from planner.scenario import Scenario, load
from planner.scenario.retrying import Backoff
from planner.scenario.worst_case import longest_wait_s, worst_case
from planner.workload.windows import plan_windows
from tests.engines.hand_tables import MODEL, POLICY, at, fixed, run_rows, target

HANGS = {"outages": [{"from_s": 0, "to_s": 1e6, "mode": "hang"}]}


def scenario(policy: dict[str, object], deployments: dict[str, object] | None = None) -> Scenario:
    deployments = deployments or {"a": target(**HANGS), "b": target(**HANGS)}
    return load(
        {
            "name": "worst",
            "traffic": {"trace": {"rows": at(0)}},
            "tasks": {"chat": {}},
            "models": {"m": MODEL},
            "deployments": deployments,
            "strategies": {"s": {"omni": list(deployments)}},
            "policy": POLICY | policy,
            "finance": {"horizon_months": 1},
        }
    )


@pytest.mark.parametrize(
    ("policy", "calls", "seconds"),
    [
        # Two targets, three calls of 30 s each, waits of 1 and 2 s: 2 x (90 + 3).
        ({"timeout_s": 30, "retries": 2, "backoff": fixed(1, 2)}, 6, 186.0),
        # The last failed attempt is slept after, too: 2 x (90 + 1 + 2 + 2).
        ({"timeout_s": 30, "retries": 2, "backoff": fixed(1, 2), "sleep_after_last": True}, 6, 190.0),
        # Four passes of that, ten seconds apart: 4 x 186 + 3 x 10.
        (
            {
                "timeout_s": 30, "retries": 2, "backoff": fixed(1, 2),
                "layers": [{"name": "app", "attempts": 4, "backoff": fixed(10)}],
            },
            24, 774.0,
        ),
        # Two layers: 2 x 3 passes of 2 x 1 s, the inner waits (1 + 2) in both passes of the outer one, which waits 8.
        (
            {
                "timeout_s": 1,
                "layers": [
                    {"name": "app", "attempts": 2, "backoff": fixed(8)},
                    {"name": "sdk", "attempts": 3, "backoff": fixed(1, 2)},
                ],
            },
            12, 26.0,
        ),
        ({"timeout_s": 30, "retries": 2, "backoff": fixed(1, 2), "deadline_s": 45}, 6, 45.0),
    ],
)  # fmt: skip
def test_bounds_are_the_sums_by_hand_and_a_run_that_hangs_throughout_reaches_them(
    policy: dict[str, object], calls: int, seconds: float
) -> None:
    found = scenario(policy)
    worst = worst_case(found, "s")
    assert (worst.calls, worst.seconds) == (calls, pytest.approx(seconds))
    run = run_window(found, "s", plan_windows(found)[0])
    assert run.outcome_arrays["ended_ns"][0] / 1e9 == pytest.approx(seconds)
    if "deadline_s" not in policy:
        assert run.outcome_arrays["attempts"][0] == calls


def test_what_has_no_bound_is_named() -> None:
    assert worst_case(scenario({}, {"a": target()}), "s").unbounded == "a has no timeout_s"
    crowded = {"a": target(limits={"requests_per_minute": None, "tokens_per_minute": None, "concurrent": 1})}
    found = worst_case(scenario({"timeout_s": 5}, crowded), "s")
    assert (found.seconds, found.unbounded) == (None, "calls wait at a without queue_timeout_s")
    assert worst_case(scenario({"timeout_s": 5, "queue_timeout_s": 2}, crowded), "s").seconds == 7


@pytest.mark.parametrize(
    ("kind", "waits"),
    [
        ("exponential", (0.5, 1, 2, 4, 4)),
        ("full-jitter", (0.5, 1, 2, 4, 4)),
        ("litellm", (1.25, 1.75, 2.75, 4.75, 4.75)),
        ("decorrelated", (1.5, 4, 4, 4, 4)),
    ],
)
def test_longest_waits(kind: str, waits: tuple[float, ...]) -> None:
    backoff = Backoff(kind=kind, base_s=0.5, cap_s=4.0)  # type: ignore[arg-type]
    assert tuple(longest_wait_s(backoff, k) for k in range(5)) == waits
    assert math.isfinite(longest_wait_s(backoff, 10**6))


def test_layers_that_multiply_beyond_a_thousand_calls_are_refused_with_their_line() -> None:
    layers = [{"name": name, "attempts": 8} for name in ("app", "proxy", "sdk")]
    with pytest.raises(ScenarioError) as caught:
        scenario({"timeout_s": 30, "retries": 1, "layers": layers})
    (problem,) = caught.value.problems
    assert problem.field == "policy.layers"
    assert problem.given == "512 passes, up to 2,048 calls for one request of s"
    with pytest.raises(ScenarioError, match="app stands here twice"):
        scenario({"timeout_s": 30, "layers": [{"name": "app"}, {"name": "app"}]})


@pytest.mark.parametrize("field", ["layers", "retry_budget"])
def test_what_is_of_whole_requests_is_refused_under_a_deployment(field: str) -> None:
    given = {"layers": [{"name": "app"}], "retry_budget": {}}[field]
    with pytest.raises(ScenarioError, match="not of one deployment"):
        scenario({"timeout_s": 30}, {"a": target(policy={field: given})})


def test_waits_that_a_provider_may_ask_for_count_where_there_are_rate_limits() -> None:
    # Two calls of 30 s; between them the backoff of 1 s, or a retry-after of up to 60 s.
    own = {"a": target(limits={"requests_per_minute": 60, "tokens_per_minute": None, "concurrent": None})}
    given = {
        "timeout_s": 30,
        "retries": 1,
        "backoff": fixed(1),
        "when_limited": "retry",
        "retry_after_cap_s": 60,
    }
    assert worst_case(scenario(given, own), "s").seconds == 120
    assert worst_case(scenario(given, {"a": target()}), "s").seconds == 61


def test_every_strategy_is_measured_against_the_most_calls() -> None:
    given = {
        "name": "two",
        "traffic": {"trace": {"rows": at(0)}},
        "tasks": {"chat": {}},
        "models": {"m": MODEL},
        "deployments": {"a": target(), "b": target()},
        "strategies": {"few": {"omni": ["a"]}, "many": {"omni": ["a", "b"]}},
        "policy": POLICY | {"timeout_s": 30, "layers": [{"name": "app", "attempts": 600}]},
        "finance": {"horizon_months": 1},
    }
    with pytest.raises(
        ScenarioError, match="up to 1,200 calls for one request of many; allowed: at most 1,000 calls"
    ):
        load(given)


def test_a_comparison_says_how_far_one_request_can_go() -> None:
    found = scenario({"timeout_s": 30, "retries": 2, "backoff": fixed(1, 2)})
    table = assumptions(found).set_index("what")
    assert table.loc["one request under s", "value"] == "at most 6 calls and 186.0 s for one request"


def test_a_hedge_elsewhere_may_take_as_long_as_calls_there() -> None:
    # a's call is cut at 2 s; its hedges begin at 1 and 2 s at b, where a call may take 10 s: 2 + 10, which a run in which
    # everything hangs takes, too. Two hedges, one call: three calls.
    deployments = {"a": target(**HANGS, policy={"timeout_s": 2}), "b": target(**HANGS)}
    policy = {"timeout_s": 10, "hedge": {"after_s": 1, "max": 2, "to": "b"}}
    found = load(
        scenario(policy, deployments).to_dict()
        | {"strategies": {"s": {"omni": ["a"], "groups": {"spare": ["b"]}}}}
    )
    worst = worst_case(found, "s")
    assert (worst.calls, worst.seconds) == (3, 12.0)
    run = run_window(found, "s", plan_windows(found)[0])
    assert (len(run.attempts), run.outcomes["ended_s"][0]) == (3, 12.0)


def test_too_many_calls_are_refused_without_layers_and_beside_other_mistakes() -> None:
    # 1 + 100 retries, each with 10 hedges: 101 x 11 = 1,111 calls at the one deployment.
    with pytest.raises(ScenarioError) as caught:
        scenario({"timeout_s": 5, "retries": 100, "hedge": {"after_s": 1, "max": 10}}, {"a": target(**HANGS)})
    (problem,) = caught.value.problems
    assert (problem.field, problem.given) == (
        "strategies.s",
        "1 passes, up to 1,111 calls for one request of s",
    )
    # A hedge to nobody hides how many calls there are, not that 40 x 40 passes are too many.
    layers = [{"name": name, "attempts": 40} for name in ("app", "sdk")]
    with pytest.raises(ScenarioError) as caught:
        scenario({"timeout_s": 5, "layers": layers, "hedge": {"after_s": 1, "to": "c"}})
    assert [problem.field for problem in caught.value.problems] == ["policy.hedge.to", "policy.layers"]


def test_bounds_where_retries_choose_anew_and_where_one_equal_is_asked() -> None:
    hanging = {name: target(**HANGS) for name in "abc"}
    policy = {"timeout_s": 30, "retries": 2, "backoff": fixed(1, 2)}
    found = scenario(policy | {"retry_target": "reselect"}, hanging).set(
        {"strategies.s.omni": [["a", "b"], ["c"]]}
    )
    # A turn of the group and one of its second level: 3 calls of 30 s, waits of 1 and 2 s, twice.
    worst = worst_case(found, "s")
    assert (worst.calls, worst.seconds) == (6, pytest.approx(186))
    run = run_window(found, "s", plan_windows(found)[0])
    assert run.outcomes["attempts"].tolist() == [6]
    assert run.outcomes["ended_s"].tolist() == [186]
    found = scenario(policy | {"asks_equals": False, "select": "round-robin"}, hanging)
    found = found.set({"strategies.s.omni": [["a", "b"], ["c"]]})
    assert worst_case(found, "s").calls == 6  # a or b, then c, three calls each
    assert run_window(found, "s", plan_windows(found)[0]).outcomes["attempts"].tolist() == [6]
    # More retries after a timeout than after others: four calls at each of three.
    found = scenario(policy | {"retries_after": {"timeout": 3}}, hanging)
    assert worst_case(found, "s").calls == 12
    assert run_window(found, "s", plan_windows(found)[0]).outcomes["attempts"].tolist() == [12]


def test_pollys_waits_stay_below_their_bound() -> None:
    backoff = Backoff(kind="polly", base_s=1, cap_s=1000)
    for k in range(8):
        curve = [2**t * math.tanh(math.sqrt(4 * t)) for t in (max(0, k - 1), k + 1)]
        assert longest_wait_s(backoff, k) == pytest.approx((curve[1] - (curve[0] if k else 0)) / 1.4)


def test_a_cascade_may_go_on_from_any_answer_of_its_first_stage() -> None:
    # mini answers and is turned down: w and x are still free, so that omni's fallback x, and y behind it, are asked.
    # m 2 s, the check, then o, x, y1, y2 and y3 cut after 5 s each: 7 calls, 27 s. Had m failed and w answered, there
    # would be one more. With all of mini's way used up there would be fewer.
    slow = {"outages": [{"from_s": 0, "to_s": 1000, "mode": "degraded", "slowdown": 100}]}
    deployments = {
        "m": target(),
        "w": target(),
        **{name: target(**slow) for name in ("o", "x", "y1", "y2", "y3")},
    }
    strategy = {
        "omni": ["o"],
        "mini": ["m"],
        "groups": {"w": ["w"], "x": ["x"], "y": ["y1", "y2", "y3"]},
        "fallbacks": {"mini": ["w"], "w": ["x"], "x": ["y"], "omni": ["x"]},
        "router": {
            "kind": "cascade",
            "accept_score": 0.5,
            "verifier": {"model": "m", "input_tokens": 10, "output_tokens": 1, "latency_s": 0},
        },
    }
    run = run_rows(
        at(0, verifier_score=0.0, **{"correct.m": 0}),
        deployments,
        {"max_fallbacks": 2, "timeout_s": 5},
        strategy=strategy,
        tasks={"chat": {"accuracy": {"m": 0.7}}},
    )
    worst = worst_case(run.scenario, "s")
    assert run.outcomes["attempts"].tolist() == [7]
    assert worst.calls == 8
    assert run.outcomes["ended_s"].tolist() == [27]
    assert worst.seconds is not None
    assert worst.seconds >= 27
