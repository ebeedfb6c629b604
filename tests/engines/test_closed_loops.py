"""Users who wait for their answers, against the laws of closed loops."""

import numpy as np
import pytest

from planner import tables, theory
from planner.engines.run import run_window
from planner.scenario import load
from planner.workload.windows import Window
from tests.engines.hand_tables import MODEL, POLICY, limits, target
from tests.engines.intervals import check
from tests.engines.talks import opening, run_talks, turn

WINDOWS = 10


@pytest.mark.parametrize(("users", "servers"), [(1, 1), (12, 2), (30, 3)])
def test_users_who_think_and_wait_get_what_the_machine_repairman_law_says(users: int, servers: int) -> None:
    """M/M/c//N, each user a conversation of many turns; N = X (R + Z) holds for what was simulated, too."""
    think_s, service_s, turns = 10.0, 2.0, 1500 if users == 1 else 120
    truth = theory.machine_repairman(users, think_s, service_s, servers)
    rates, responses = [], []
    for seed in range(WINDOWS):
        pauses = np.random.default_rng(seed).exponential(think_s, (users, turns))
        talks = [
            [opening(0), *(turn(float(np.round(one, 9))) for one in own)] for own in pauses
        ]  # all ask at 0: the first fifth is left out
        run = run_talks(
            talks,
            {
                "a": target(
                    latency={"total_s": {"exponential_mean": service_s}}, limits=limits(concurrent=servers)
                )
            },
            run={"seed": seed, "replications": 1},
        )
        outcomes = run.outcome_arrays
        arrived, ended = outcomes["arrived_ns"] / 1e9, outcomes["ended_ns"] / 1e9
        last = outcomes["ended_ns"].reshape(users, -1)[:, -1].min() / 1e9  # all are still there until then
        first = last / 5
        counted = (ended >= first) & (ended < last)
        rates.append(counted.sum() / (last - first))
        responses.append(float((ended - arrived)[counted].mean()))
    check(rates, truth.requests_per_s, 0.12)
    check(responses, truth.response_s, 0.4)
    mean_rate, mean_response = float(np.mean(rates)), float(np.mean(responses))
    assert abs(mean_rate * (mean_response + think_s) / users - 1) < 0.03


def test_users_in_conversation_are_turns_per_second_times_answer_and_thinking_time() -> None:
    """N = X R + X' Z over a whole run that ends empty, exactly: X' are the turns that somebody thought before."""
    scenario = load(
        {
            "name": "loop",
            "traffic": {
                "requests_per_month": 6_000_000,
                "sessions": {"turns_mean": 4, "think_time_s": {"p50": 8, "p95": 30}},
            },
            "tasks": {"chat": {}},
            "models": {"m": MODEL},
            "deployments": {
                "a": target(latency={"total_s": {"exponential_mean": 2}}, limits=limits(concurrent=8))
            },
            "strategies": {"s": {"omni": ["a"]}},
            "policy": POLICY,
            "finance": {"horizon_months": 1},
        }
    )
    run = run_window(scenario, "s", Window(0, 0, 0.0, 3600.0, 1.0, "", ()), engine="compiled")
    requests, outcomes = run.work.requests, run.outcome_arrays
    assert len(outcomes["request"]) == requests.n
    took_ns = int((outcomes["ended_ns"] - outcomes["arrived_ns"]).sum())
    thought_ns = int(requests.pause_ns[requests.pause_ns != tables.NEVER].sum())
    talk = requests.session[np.argsort(requests.request)]
    begins, ends = {}, {}
    for session, arrived, ended in zip(
        talk.tolist(), outcomes["arrived_ns"].tolist(), outcomes["ended_ns"].tolist(), strict=True
    ):
        begins[session] = min(begins.get(session, arrived), arrived)
        ends[session] = max(ends.get(session, ended), ended)
    present_ns = sum(ends[session] - begins[session] for session in begins)
    assert present_ns == took_ns + thought_ns
    assert len(begins) > 1500


def test_a_slower_answer_lets_a_closed_loop_ask_less_often_and_an_open_one_as_often() -> None:
    """Twelve users, thinking 10 s: at twice the time of an answer a closed loop of one slot asks half as often."""
    rates = {}
    for is_open in (False, True):
        for service_s in (2, 4):
            talks = [[opening(k * 0.5), *(turn(10) for _ in range(40))] for k in range(12)]
            run = run_talks(
                talks,
                {"a": target(latency={"total_s": service_s}, limits=limits(concurrent=1))},
                is_open=is_open,
            )
            arrived = np.sort(run.outcome_arrays["arrived_ns"]) / 1e9
            rates[is_open, service_s] = (len(arrived) - 1) / (arrived[-1] - arrived[0])
    assert rates[True, 2] == rates[True, 4]
    assert abs(rates[False, 2] / rates[False, 4] - 2) < 0.1
