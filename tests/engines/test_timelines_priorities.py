"""Timelines of task priorities in client queues, worked out by hand.

Calls of 2 s unless said otherwise. Task `haste` has priority -1 and task `chat` 0: lower goes first.
"""

from typing import Any

import pytest

from planner.engines.run import Run
from tests.engines.hand_tables import at, check_attempts, check_outcomes, limits, outage, run_rows, target

ONE = limits(concurrent=1)
TASKS: dict[str, Any] = {"chat": {"share": 0.5}, "haste": {"share": 0.5, "priority": -1}}


def chat(*arrivals_s: float, **given: Any) -> list[dict[str, Any]]:
    return at(*arrivals_s, task="chat", **given)


def haste(*arrivals_s: float, **given: Any) -> list[dict[str, Any]]:
    return at(*arrivals_s, task="haste", **given)


def run(rows: list[dict[str, Any]], given: Any = None, policy: Any = None, **sections: Any) -> Run:
    deployments = given if given is not None else {"a": target(limits=ONE)}
    return run_rows(rows, deployments, policy, **({"tasks": TASKS} | sections))


def test_a_call_of_higher_priority_overtakes_those_who_wait_but_not_the_one_in_flight() -> None:
    # 0 runs 0-2. 1 (chat) waits from 0.5, 2 (haste) from 1, 3 (chat) from 1.2, 4 (haste) from 1.5.
    # At 2: 2; at 4: 4; then chats in order of joining: 1 at 6, 3 at 8. 5 (haste) comes at 6.5, while 1
    # is in flight: it is not stopped, but 5 goes before 3: 5 at 8, 3 at 10.
    rows = [*chat(0, 0.5), *haste(1), *chat(1.2), *haste(1.5, 6.5)]
    check_attempts(
        run(rows),
        """
        request queued_s started_s ended_s
        0       0        0         2
        1       0.5      6         8
        2       1        2         4
        3       1.2      10        12
        4       1.5      4         6
        5       6.5      8         10
        """,
    )


def test_equal_priorities_stay_first_come_first_served() -> None:
    # As above, with one priority for both tasks: 2 s each, one after another.
    tasks = {"chat": {"share": 0.5, "priority": 7}, "haste": {"share": 0.5, "priority": 7}}
    rows = [*chat(0, 0.5), *haste(1), *chat(1.2), *haste(1.5)]
    check_attempts(
        run(rows, tasks=tasks),
        """
        request queued_s started_s
        0       0        0
        1       0.5      2
        2       1        4
        3       1.2      6
        4       1.5      8
        """,
    )


def test_three_classes_are_served_class_by_class() -> None:
    # Joined while 0 is in flight, in this order: 1 low, 2 middle, 3 high, 4 middle, 5 low, 6 high.
    # Served: high 3, 6; middle 2, 4; low 1, 5; from 2 on, every 2 s.
    tasks = {"low": {"priority": 9}, "middle": {"priority": 5}, "high": {"priority": 1}}
    order = ["low", "middle", "high", "middle", "low", "high"]
    rows = [*at(0, task="low"), *(at(1 + k / 8, task=task)[0] for k, task in enumerate(order))]
    check_attempts(
        run(rows, tasks=tasks),
        """
        request started_s
        0       0
        1       10
        2       6
        3       2
        4       8
        5       12
        6       4
        """,
    )


def test_at_one_instant_a_freed_slot_goes_to_those_who_wait_before_an_arrival() -> None:
    # At 2 the end of 0 (round 1) hands over to 1 (round 3) before 2 arrives (round 4), however urgent.
    check_attempts(
        run([*chat(0, 1), *haste(2)]),
        """
        request queued_s started_s
        0       0        0
        1       1        2
        2       2        4
        """,
    )


def test_the_head_expires_with_a_lower_class_behind_it_and_the_queue_goes_on() -> None:
    # 0 runs 0-5 as recorded. 1 (chat) joins at 2, 2 (haste) at 1.5 and is the head. Patience 3 s: 2 leaves
    # at 4.5, while the slot is busy; 1 is handed the slot at 5, which is the end of its patience: served.
    rows = [*chat(0, service_s=5), *chat(2), *haste(1.5)]
    found = run(rows, policy={"queue_timeout_s": 3})
    check_outcomes(
        found,
        """
        request ended_s outcome  cause
        0       5       ok       -
        1       7       ok       -
        2       4.5     rejected queue
        """,
    )


def test_the_lower_class_expires_behind_the_head_and_the_last_of_a_class_is_found_again() -> None:
    # 0 runs 0-10. Chats 1 (at 1) and 2 (at 2) wait, haste 3 (at 2.5). Patience 4 s: 1 leaves at 5, 2 at 6, 3 at
    # 6.5. Chats 4 (at 6.2) and 5 (at 7), haste 6 (at 8): 4 leaves at 10.2 unless served. At 10: 6, at 12: nobody
    # is left (4 left at 10.2, 5 at 11).
    rows = [*chat(0, service_s=10), *chat(1, 2), *haste(2.5), *chat(6.2, 7), *haste(8)]
    check_outcomes(
        run(rows, policy={"queue_timeout_s": 4}),
        """
        request ended_s outcome  cause
        0       10      ok       -
        1       5       rejected queue
        2       6       rejected queue
        3       6.5     rejected queue
        4       10.2    rejected queue
        5       11      rejected queue
        6       12      ok       -
        """,
    )


def test_the_limit_of_a_queue_counts_all_who_wait() -> None:
    # Room for one: chat 1 has it, so haste 2 is turned away although it would be served first.
    check_outcomes(
        run([*chat(0, 0.5), *haste(1)], policy={"queue_limit": 1}),
        """
        request ended_s outcome  cause
        0       2       ok       -
        1       4       ok       -
        2       1       rejected queue
        """,
    )


def test_a_new_head_that_needs_less_is_served_while_the_other_waits_for_the_limiter() -> None:
    # 600 tokens a minute = 10 per s, bucket of 100, full at 0. 0 (chat, 100) takes it all. 1 (chat, 80) joins at 1
    # with 10 there: wakes at 8. 2 (haste, 30) joins at 2 with 20 there and is the head: wakes at 3. Then 0 are left,
    # and 1 gets its 80 at 11.
    deployments = {"a": target(limits=limits(tokens_per_minute=600, burst_s=10, charge="estimate"))}
    rows = [*chat(0), *chat(1, input_tokens=80), *haste(2, input_tokens=30)]
    check_attempts(
        run(rows, deployments, {"when_limited": "wait"}),
        """
        request queued_s started_s
        0       0        0
        1       1        11
        2       2        3
        """,
    )


def test_a_new_head_whose_tokens_are_there_starts_at_once() -> None:
    # As above; haste 2 needs 15 at 2, where 20 are there: it starts at 2. 5 are left, and 80 are there at 9.5.
    deployments = {"a": target(limits=limits(tokens_per_minute=600, burst_s=10, charge="estimate"))}
    rows = [*chat(0), *chat(1, input_tokens=80), *haste(2, input_tokens=15)]
    check_attempts(
        run(rows, deployments, {"when_limited": "wait"}),
        """
        request queued_s started_s
        0       0        0
        1       1        9.5
        2       2        2
        """,
    )


def test_a_new_head_that_needs_more_makes_the_others_wait() -> None:
    # 1 (chat, 30) joins at 1 with 10 there: wakes at 3. 2 (haste, 80) joins at 2 with 20 there and is the head: the
    # look at 3 finds it 50 short, so it starts at 8, and 1 gets its 30 at 11: a start never overtakes the head.
    deployments = {"a": target(limits=limits(tokens_per_minute=600, burst_s=10, charge="estimate"))}
    rows = [*chat(0), *chat(1, input_tokens=30), *haste(2, input_tokens=80)]
    check_attempts(
        run(rows, deployments, {"when_limited": "wait"}),
        """
        request queued_s started_s
        0       0        0
        1       1        11
        2       2        8
        """,
    )


@pytest.mark.parametrize("order", [("chat", "haste"), ("haste", "chat")])
def test_an_opening_breaker_sends_all_classes_on_at_once(order: tuple[str, str]) -> None:
    # 0 fails at 1 and opens a's breaker; at 1 all go to b, which has one slot: 0 has it until 3, as starts of an
    # instant are by request. 1 and 2 wait there by class: haste at 3, chat at 5.
    deployments = {"a": target(limits=ONE, outages=[outage(0, 10)]), "b": target(limits=ONE)}
    rows = [*chat(0), *(at(0.5 + k / 4, task=task)[0] for k, task in enumerate(order))]
    found = run(rows, deployments, {"breaker": {"kind": "consecutive", "failures": 1, "open_s": 30}})
    first, second = ("3 5", "5 7") if order[0] == "haste" else ("5 7", "3 5")
    check_attempts(
        found,
        f"""
        request attempt deployment queued_s started_s ended_s outcome
        0       0       a          0        0 1    error
        0       1       b          1        1 3    ok
        1       0       b          1        {first}    ok
        2       0       b          1        {second}    ok
        """,
    )
