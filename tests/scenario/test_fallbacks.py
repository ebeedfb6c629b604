"""What groups and their fallbacks must say together, and how far one request can go through them."""

from typing import Any

import pytest

from planner.engines.run import run_window
from planner.scenario import load
from planner.scenario.worst_case import MOST_WAYS, ways, worst_case
from planner.workload.windows import plan_windows
from tests.engines.hand_tables import MODEL, POLICY, at, fixed, target
from tests.scenario.samples import notices_with, problems, problems_with

BROKEN = {"errors": {"rate": 1, "status": 503, "latency_s": 0.5}}


def with_fallbacks(fallbacks: Any, groups: Any = None) -> dict[str, Any]:
    groups = {"spare": ["b"], "last": ["b"]} if groups is None else groups
    return {"strategies.omni-only.groups": groups, "strategies.omni-only.fallbacks": fallbacks}


PLACE = "strategies.omni-only.fallbacks"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            with_fallbacks({"omni": ["spaer"]}),
            f"{PLACE}.omni.any[0]: got 'spaer'; allowed: a group of omni-only: omni, spare and last; did you mean spare?",
        ),
        (
            with_fallbacks({"omni": {"limit": ["mini"]}}),
            f"{PLACE}.omni.limit[0]: got mini, and omni-only has no such tier",
        ),
        (
            with_fallbacks({"spaer": ["last"]}),
            f"{PLACE}.spaer: got 'spaer'; allowed: a group of omni-only: omni, spare and last; did you mean spare?",
        ),
        (with_fallbacks({"omni": ["omni"]}), f"{PLACE}.omni.any[0]: omni falls back on itself"),
        (with_fallbacks({"omni": ["spare", "spare"]}), f"{PLACE}.omni.any[1]: spare stands here twice"),
        (
            with_fallbacks({"omni": ["spare"], "spare": {"timeout": ["last"]}, "last": {"error": ["omni"]}}),
            f"{PLACE}.omni: a circle of fallbacks: omni falls back on spare, then last, then omni; take omni out of the lists of last",
        ),
        (
            with_fallbacks({"omni": []}),
            f"{PLACE}.omni: names no group to fall back on; name one, or leave it out",
        ),
        (with_fallbacks({"omni": {"every": ["spare"]}}), f"{PLACE}.omni.every: "),
        (
            with_fallbacks({"omni": ["spare"]}, {"mini": ["b"], "spare": ["b"]}),
            "strategies.omni-only.groups.mini: mini is a tier: give its deployments under mini",
        ),
        (
            with_fallbacks({"omni": ["spare"]}, {"spare": ["nobody"]}),
            "strategies.omni-only.groups.spare[0]: got 'nobody'; allowed: a name under deployments",
        ),
        (
            {"strategies.omni-only.rules": [{"when": {"task": "faq"}, "to": "spare"}]},
            "strategies.omni-only.rules[0].to: got 'spare'; allowed: a group of omni-only: omni",
        ),
        (
            {"deployments.b.policy": {"max_fallbacks": 1}},
            "deployments.b.policy.max_fallbacks: a strategy falls back from group to group, not of one deployment",
        ),
    ],
)
def test_what_cannot_be_is_named(changes: dict[str, Any], expected: str) -> None:
    found = problems_with(changes)
    assert any(problem.startswith(expected) for problem in found), found


def test_a_circle_and_a_stranger_are_named_with_their_lines() -> None:
    text = """\
name: Circles
traffic: {requests_per_month: 1000}
tasks: {chat: {}}
models: {m: {input_usd_per_mtok: 1, output_usd_per_mtok: 2}}
deployments:
  a: {model: m, latency: {total_s: 1}}
  b: {model: m, latency: {total_s: 1}}
strategies:
  round:
    omni: [a]
    groups: {spare: [b]}
    fallbacks:
      omni: [spare]
      spare: [omni]
  lost:
    omni: [a]
    fallbacks:
      omni: [nowhere]
"""
    first, second = problems(text)
    assert first.startswith("<text>:13: ")
    assert "a circle of fallbacks: omni falls back on spare, then omni" in first
    assert second.startswith("<text>:18: ")
    assert "got 'nowhere'; allowed: a group of lost" in second


def test_a_cascade_does_not_fall_back_on_its_own_second_stage() -> None:
    changes = {
        "strategies": {
            "both": {
                "omni": ["a"], "mini": ["b"], "groups": {"spare": ["b"]},
                "fallbacks": {"mini": ["spare"], "spare": ["omni"]},
                "router": {"kind": "cascade", "verifier": {"model": "m"}},
            }
        }
    }  # fmt: skip
    found = problems_with(changes)
    assert any("which a cascade asks in any case when mini fails" in problem for problem in found), found


def test_what_never_acts_is_worth_knowing() -> None:
    notices = notices_with(
        with_fallbacks({"omni": {"timeout": ["spare"], "content_policy": ["spare"]}})
        | {"policy.timeout_s": None, "deployments.c": {"model": "m", "latency": {"total_s": 1}}}
        | {"strategies.omni-only.groups.last": ["c"]}
    )
    assert any("fallbacks.omni.timeout: unused: no call of this group is ever cut" in one for one in notices)
    assert any(
        "content_policy: unused: no deployment of this group has a content_filter" in one for one in notices
    )
    assert any(
        "groups.last: unreachable: no rule and no fallback leads to it, so c can never be asked" in one
        for one in notices
    )
    notices = notices_with({"policy.max_fallbacks": 2})
    assert any("policy.max_fallbacks: unused: no strategy has fallbacks" in one for one in notices)


def a_graph(policy: dict[str, Any], strategy: dict[str, Any], names: str) -> Any:
    return load(
        {
            "name": "worst",
            "traffic": {"trace": {"rows": at(0)}},
            "tasks": {"chat": {}},
            "models": {"m": MODEL},
            "deployments": {name: target(**BROKEN) for name in names},
            "strategies": {"s": {"omni": ["a"], "groups": {name: [name] for name in names[1:]}} | strategy},
            "policy": POLICY | {"timeout_s": 30} | policy,
            "finance": {"horizon_months": 1},
        }
    )


@pytest.mark.parametrize(
    ("policy", "fallbacks", "calls"),
    [
        # a, then b and, before the rest of a's list, c and d of b's own; with a retry each: 4 x 2.
        ({"retries": 1, "backoff": fixed(1)}, {"omni": ["b", "d"], "b": ["c"]}, 8),
        # d stands on two lists and is asked once: a, b, d, c.
        ({}, {"omni": ["b", "c"], "b": ["d"], "c": ["d"]}, 4),
        # Two lists of which one counts: after an error b and c, after a limit d: the longer one.
        ({}, {"omni": {"error": ["b", "c"], "limit": ["d"]}}, 3),
        # No more than one fallback upon another: c of b is too far, d of a is not.
        ({"max_fallbacks": 1}, {"omni": ["b", "d"], "b": ["c"]}, 3),
        # Three passes of four groups.
        ({"layers": [{"name": "app", "attempts": 3}]}, {"omni": ["b", "d"], "b": ["c"]}, 12),
    ],
)
def test_the_worst_case_is_what_a_request_meets_that_fails_everywhere(
    policy: dict[str, Any], fallbacks: dict[str, Any], calls: int
) -> None:
    # Every call fails with 503, so the lists for errors are the ones that count in the run.
    scenario = a_graph(policy, {"fallbacks": fallbacks}, "abcd")
    worst = worst_case(scenario, "s")
    assert worst.calls == calls
    run = run_window(scenario, "s", plan_windows(scenario)[0])
    assert len(run.attempts) == calls
    assert worst.seconds is not None
    assert run.outcomes["ended_s"][0] <= worst.seconds


def test_a_graph_with_too_many_ways_is_bounded_by_one_way_through_all_of_it() -> None:
    # Each of 16 groups falls back on all later ones, in another order by class: more ways than are followed.
    names = "abcdefghijklmnopq"
    fallbacks = {}
    for index, name in enumerate(names[:-1]):
        later = list(names[index + 1 :])
        group = "omni" if index == 0 else name
        fallbacks[group] = {"error": later, "limit": later[::-1], "timeout": later[1:] + later[:1]}
    scenario = a_graph({"max_fallbacks": 20}, {"fallbacks": fallbacks}, names)
    assert worst_case(scenario, "s").calls == len(names)
    # Followed one by one there would be more than MOST_WAYS from some group; each still ends everywhere.
    assert len(ways(scenario, "s")) <= MOST_WAYS
