"""What the real router does, case by case: the numbers that the planner's reading of it stands on.

Each test asserts what one case recorded; the comment on top of the case's file says what it shows. The router needs
5 to 30 ms for a call besides the scripted time, more on a machine shared with others, and a wait is counted from the
failure before it, so the lateness adds up. LATE_S is what a moment may be later than the exact sum of latencies and
waits: half of the shortest wait that a test must see. EARLY_S is what it may be earlier, for the timers' resolution.
"""

import math

import pytest

from tests.gateway import recordings
from tests.gateway.fake_provider import Call
from tests.gateway.recordings import Recording

EARLY_S = 0.005
LATE_S = 0.25
PINNED = "1.109.1"


def calls_to(recording: Recording, provider: str) -> list[Call]:
    return [call for call in recording.calls if call.provider == provider]


def statuses(recording: Recording) -> list[int | None]:
    return [call.status for call in recording.calls]


def answers(recording: Recording) -> list[str | None]:
    """Give who answered each request, or the class of its error."""
    return [request.error or request.answered_by for request in recording.requests]


def assert_moments(found: list[float], expected: list[float]) -> None:
    """Each moment is the expected one, or up to LATE_S later."""
    assert len(found) == len(expected)
    wrong = [
        (moment, exact)
        for moment, exact in zip(found, expected, strict=True)
        if not exact - EARLY_S <= moment <= exact + LATE_S
    ]
    assert wrong == [], f"(found, expected) of the moments that are off; all found: {found}"


def starts(calls: list[Call] | tuple[Call, ...]) -> list[float]:
    return [call.at_s for call in calls]


def ends(recording: Recording) -> list[float]:
    return [request.ended_s for request in recording.requests]


@pytest.mark.case("single-retries")
class TestRetriesOfOneDeployment:
    def test_the_waits_are_half_a_second_and_one_second(self, recording: Recording) -> None:
        assert statuses(recording) == [503, 503, 503]
        assert_moments(starts(recording.calls), [0.0, 0.6, 1.7])

    def test_it_also_waits_two_seconds_after_the_last_attempt(self, recording: Recording) -> None:
        assert answers(recording) == ["ServiceUnavailableError"]
        assert_moments(ends(recording), [3.8])

    def test_the_run_had_the_pinned_version_and_no_jitter(self, recording: Recording) -> None:
        assert (recording.litellm, recording.jitter) == (PINNED, 0)


@pytest.mark.case("retries-disabled")
def test_without_retries_there_is_one_call_and_no_wait_after_it(recording: Recording) -> None:
    assert answers(recording) == ["ServiceUnavailableError"]
    assert statuses(recording) == [503]
    assert_moments(ends(recording), [0.1])


@pytest.mark.case("retry-other-deployment")
def test_a_retry_in_a_group_of_two_waits_for_nothing_and_may_take_the_same_deployment(
    recording: Recording,
) -> None:
    assert recording.providers() == "a a a"
    assert answers(recording) == ["ServiceUnavailableError"]
    assert_moments(starts(recording.calls), [0.0, 0.0, 0.0])
    assert_moments(ends(recording), [0.0])


@pytest.mark.case("retry-after")
def test_retry_after_is_waited_exactly_in_place_of_the_growing_wait(recording: Recording) -> None:
    assert statuses(recording) == [429, 429, 200]
    assert_moments(starts(recording.calls), [0.0, 1.0, 2.0])
    assert answers(recording) == ["a"]


@pytest.mark.case("single-limited")
def test_a_deployment_alone_is_not_cooled_by_429(recording: Recording) -> None:
    assert statuses(recording) == [429, 200, 200]
    assert_moments(starts(recording.calls), [0.0, 0.5, 1.0])
    assert answers(recording) == ["a", "a"]


@pytest.mark.case("cooldown-by-429")
def test_one_429_cools_at_once_and_all_traffic_returns_when_the_cooldown_is_over(
    recording: Recording,
) -> None:
    assert recording.providers() == "a b b b b a a a a"
    assert statuses(recording) == [429] + [200] * 8
    assert answers(recording) == list("bbbbaaaa")
    assert_moments(starts(recording.calls)[:2], [0.0, 0.0])


@pytest.mark.case("both-limited")
def test_two_limited_deployments_get_two_calls_then_none_while_both_are_cooled(recording: Recording) -> None:
    assert recording.providers() in ("a b", "b a")
    assert statuses(recording) == [429, 429]
    assert answers(recording) == ["RateLimitError", "RouterRateLimitError", "RouterRateLimitError"]
    assert_moments(ends(recording), [0.0, 0.5, 1.0])


@pytest.mark.case("retry-after-cooldown")
def test_retry_after_sets_the_time_of_the_cooldown_before_the_routers_own(recording: Recording) -> None:
    assert answers(recording) == ["b"] * 7 + ["a"] * 5


@pytest.mark.case("deployment-cooldown")
def test_a_deployments_own_cooldown_time_comes_before_retry_after_and_the_routers(
    recording: Recording,
) -> None:
    assert recording.providers() == "a b a a a"
    assert answers(recording) == ["RateLimitError", "b", "a", "a", "a"]


@pytest.mark.case("timeout-status")
def test_five_answers_408_cool_as_five_503_do(recording: Recording) -> None:
    assert recording.providers() == "a a a a a b b"
    assert answers(recording) == ["Timeout"] * 5 + ["b"] * 2


@pytest.mark.case("forbidden")
def test_403_never_cools_and_the_retry_leaves_out_the_one_that_refused(recording: Recording) -> None:
    assert recording.providers() == " ".join(["a b"] * 7)
    assert answers(recording) == ["b"] * 7


@pytest.mark.case("error-rate-cooldown")
def test_five_failing_calls_cool_and_the_sixth_request_avoids_the_deployment(recording: Recording) -> None:
    assert recording.providers() == "a a a a a b b b"
    assert answers(recording) == ["ServiceUnavailableError"] * 5 + ["b"] * 3


@pytest.mark.case("allowed-fails")
def test_the_failure_after_the_allowed_ones_cools_and_the_count_starts_again(recording: Recording) -> None:
    failed = "InternalServerError"
    assert recording.providers() == "a a b b b b a a b b b b a a a a"
    assert answers(recording) == [failed] * 2 + ["b"] * 4 + [failed] * 2 + ["b"] * 4 + ["a"] * 4


@pytest.mark.case("unauthorised")
def test_one_401_cools_at_once_in_a_group_of_two(recording: Recording) -> None:
    assert recording.providers() == "a b b b"
    assert answers(recording) == ["b", "b", "b"]


@pytest.mark.case("ordered-pair")
class TestOrderedPair:
    def test_each_failure_of_the_first_level_goes_on_to_the_second(self, recording: Recording) -> None:
        assert recording.providers().startswith("a b a b a b a b a b b")
        assert {request.error for request in recording.requests} == {None}

    def test_the_fifth_failure_cools_the_first_level_and_it_gets_all_traffic_back(
        self, recording: Recording
    ) -> None:
        # The cooldown of 1.9 s begins with the failure at 1.0 s, so the request at 2.75 s is the last without it.
        assert answers(recording) == ["b"] * 12 + ["a"] * 4
        assert [call.status for call in calls_to(recording, "a")] == [503] * 5 + [200] * 4

    def test_the_next_level_is_asked_without_a_wait(self, recording: Recording) -> None:
        assert_moments([call.at_s for call in recording.calls[:10]], [n // 2 * 0.25 for n in range(10)])


@pytest.mark.case("ordered-pair-retries")
def test_a_retry_stays_on_its_level_and_waits_for_nothing_as_the_group_has_two(recording: Recording) -> None:
    assert recording.providers() == "a a b"
    assert_moments(starts(recording.calls), [0.0, 0.0, 0.0])


@pytest.mark.case("order-below-cooldown")
def test_while_the_first_level_is_cooled_the_second_is_chosen_without_an_error(recording: Recording) -> None:
    assert recording.providers() == "a b b b b a a a a"
    assert answers(recording) == list("bbbbaaaa")


@pytest.mark.case("fallback-groups")
def test_a_400_is_not_retried_and_falls_back_at_once(recording: Recording) -> None:
    assert recording.providers() == "a b a b"
    assert answers(recording) == ["b", "b"]
    assert_moments(starts(recording.calls), [0.0, 0.0, 0.5, 0.5])


@pytest.mark.case("fallback-after-retries")
def test_a_fallback_starts_after_the_wait_that_follows_the_last_attempt(recording: Recording) -> None:
    assert recording.providers() == "a a b"
    assert_moments(starts(recording.calls), [0.0, 0.5, 1.5])
    assert answers(recording) == ["b"]


@pytest.mark.case("timeout-and-fallback")
def test_a_timeout_holds_for_each_attempt_and_is_retried_before_the_fallback(recording: Recording) -> None:
    assert recording.providers() == "a a b"
    assert statuses(recording) == [None, None, 200]
    assert_moments([call.took_s for call in recording.calls], [0.5, 0.5, 0.05])
    # Half a second each for: attempt, wait, attempt; then one second, the wait after the last attempt.
    assert_moments(starts(recording.calls), [0.0, 1.0, 2.5])


@pytest.mark.case("cyclic-fallbacks")
def test_a_group_that_was_tried_for_a_request_is_not_tried_again(recording: Recording) -> None:
    assert recording.providers() == "a a b b"
    assert answers(recording) == ["ServiceUnavailableError"]
    assert_moments(starts(recording.calls), [0.0, 0.5, 1.5, 2.0])
    assert_moments(ends(recording), [3.0])


@pytest.mark.case("fallback-chain")
def test_every_group_on_the_way_has_a_retry_loop_of_its_own(recording: Recording) -> None:
    assert recording.providers() == "a a b b c"
    assert_moments(starts(recording.calls), [0.0, 0.5, 1.5, 2.0, 3.0])
    assert answers(recording) == ["c"]


@pytest.mark.case("default-fallbacks")
def test_default_fallbacks_serve_a_group_without_any_of_its_own(recording: Recording) -> None:
    assert recording.providers() == "a b"
    assert answers(recording) == ["b"]


@pytest.mark.case("order-then-fallback")
def test_the_levels_of_a_group_come_before_its_fallbacks(recording: Recording) -> None:
    assert recording.providers() == "a b c"
    assert answers(recording) == ["c"]


@pytest.mark.case("cooled-group-falls-back")
def test_a_group_cooled_as_a_whole_falls_back_without_a_call_or_a_wait(recording: Recording) -> None:
    assert sorted(call.provider for call in recording.calls[:2]) == ["a", "b"]
    assert [call.provider for call in recording.calls[2:]] == ["c", "c", "c"]
    assert answers(recording) == ["c", "c", "c"]
    assert_moments(starts(recording.calls), [0.0, 0.0, 0.0, 0.5, 1.0])


@pytest.mark.case("content-policy-unset")
def test_a_content_policy_refusal_takes_the_general_fallbacks_without_a_list_of_its_own(
    recording: Recording,
) -> None:
    assert recording.providers() == "a b"
    assert answers(recording) == ["b"]


@pytest.mark.case("content-policy-set")
def test_a_content_policy_refusal_takes_its_own_list(recording: Recording) -> None:
    assert recording.providers() == "a c"
    assert answers(recording) == ["c"]


@pytest.mark.case("content-policy-other")
def test_a_content_policy_list_without_the_group_shuts_off_the_general_one(recording: Recording) -> None:
    assert recording.providers() == "a"
    assert answers(recording) == ["ContentPolicyViolationError"]


@pytest.mark.case("context-window-unset")
def test_a_prompt_too_long_takes_the_general_fallbacks_without_a_list_of_its_own(
    recording: Recording,
) -> None:
    assert recording.providers() == "a b"
    assert answers(recording) == ["b"]


@pytest.mark.case("context-window-set")
def test_a_prompt_too_long_takes_its_own_list(recording: Recording) -> None:
    assert recording.providers() == "a c"
    assert answers(recording) == ["c"]


@pytest.mark.case("context-window-other")
def test_a_context_window_list_without_the_group_shuts_off_the_general_one(recording: Recording) -> None:
    assert recording.providers() == "a"
    assert answers(recording) == ["ContextWindowExceededError"]


@pytest.mark.case("usage-based")
def test_rpm_3_admits_two_requests_a_minute_and_refuses_the_others_without_a_call(
    recording: Recording,
) -> None:
    assert recording.providers() == "a a"
    assert answers(recording) == ["a", "a"] + ["RateLimitError"] * 3
    assert_moments(ends(recording)[2:], [0.6, 0.9, 1.2])


@pytest.mark.case("usage-based-lowest")
def test_the_deployment_with_fewer_tokens_this_minute_is_chosen(recording: Recording) -> None:
    # An answer of a counts 100 tokens, one of b 11. The first choice is a tie, drawn at random; the second is the
    # other one, and b then has ten turns (110 tokens) before a is the lower one again.
    order = recording.providers().split()
    assert order[:2] in (["a", "b"], ["b", "a"])
    assert order[2:] == ["b"] * 9 + ["a"]


@pytest.mark.case("least-busy")
def test_fewest_in_flight_is_chosen_and_the_first_in_the_list_wins_a_tie(recording: Recording) -> None:
    # Requests arrive every 0.2 s and calls end half way between two of them, so that a late timer decides nothing.
    assert recording.providers() == expected_least_busy({"a": 2.1, "b": 0.9, "c": 0.5}, 12, 0.2)


def expected_least_busy(latency_s: dict[str, float], count: int, every_s: float) -> str:
    """Give the order of providers under the rule itself: fewest unfinished calls, ties to the first."""
    busy_until: dict[str, list[float]] = {name: [] for name in latency_s}
    order = []
    for number in range(count):
        now_s = number * every_s
        in_flight = {name: sum(end > now_s for end in ends_s) for name, ends_s in busy_until.items()}
        chosen = min(in_flight, key=in_flight.__getitem__)
        busy_until[chosen].append(now_s + latency_s[chosen])
        order.append(chosen)
    return " ".join(order)


@pytest.mark.case("latency-based")
def test_latency_based_tries_each_once_and_then_stays_with_the_quicker(recording: Recording) -> None:
    order = recording.providers().split()
    assert sorted(order[:2]) == ["quick", "slow"]
    assert order[2:] == ["quick"] * 8


@pytest.mark.case("latency-based-fast-failures")
class TestLatencyBasedFastFailures:
    def test_a_target_that_only_fails_is_preferred_whenever_it_is_not_cooled(
        self, recording: Recording
    ) -> None:
        # Once it is cooled for the first time it is called again by the first request after every cooldown.
        broken_s = starts(calls_to(recording, "broken"))
        gaps_s = [after - before for before, after in zip(broken_s[-5:], broken_s[-4:], strict=False)]
        assert all(0.9 < gap_s < 1.1 for gap_s in gaps_s), gaps_s

    def test_its_first_five_calls_are_needed_to_cool_it_and_one_is_enough_after_that(
        self, recording: Recording
    ) -> None:
        order = recording.providers().split()
        fifth = [number for number, provider in enumerate(order) if provider == "broken"][4]
        assert order[fifth + 1 : fifth + 9] == (["good"] * 3 + ["broken"]) * 2
        assert answers(recording).count("ServiceUnavailableError") == order.count("broken")


def assert_share(count: int, total: int, share: float) -> None:
    """The count lies within four standard errors of its share: a false alarm in 16,000 runs."""
    assert abs(count - share * total) <= 4 * math.sqrt(total * share * (1 - share))


@pytest.mark.case("shuffle-weights")
def test_simple_shuffle_draws_by_weight(recording: Recording) -> None:
    assert len(recording.calls) == 300
    assert_share(len(calls_to(recording, "a")), 300, 0.75)


@pytest.mark.case("shuffle-rpm")
def test_simple_shuffle_takes_rpm_for_weights_where_there_are_none(recording: Recording) -> None:
    assert len(recording.calls) == 300
    assert_share(len(calls_to(recording, "a")), 300, 0.9)


@pytest.mark.case("parallel-limit")
def test_one_request_more_than_max_parallel_requests_fails_at_once(recording: Recording) -> None:
    assert recording.providers() == "a a"
    assert answers(recording) == ["a", "a", "RateLimitError"]
    assert_moments(ends(recording), [0.5, 0.55, 0.1])


def test_every_case_says_what_it_shows_and_is_asserted_here(request: pytest.FixtureRequest) -> None:
    source = request.path.read_text(encoding="utf-8")
    assert [name for name in recordings.case_names() if f'case("{name}")' not in source] == []
    texts = {
        name: (recordings.CASES / f"{name}.yaml").read_text(encoding="utf-8")
        for name in recordings.case_names()
    }
    assert [name for name, text in texts.items() if not text.startswith("# ")] == []
