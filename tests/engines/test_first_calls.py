"""Luck of first calls, drawn with the block: what each call would draw by itself, and a run that does not depend on it."""

from dataclasses import replace

import numpy as np
import pytest

import planner
from planner.chance import uniform
from planner.engines import compiled
from planner.engines import layout as c
from planner.engines.first_calls import draw_first_calls
from planner.engines.program import Program, compile_program
from planner.engines.run import run_window
from planner.engines.work import Work, known_of, prepare
from planner.sampling import draw_law
from planner.workload.requests import generate
from planner.workload.windows import eras, plan_windows

SHIPPED = planner.load("scenarios/support-chatbot.yaml")
SCENARIO = SHIPPED.set(
    {f"deployments.{name}.errors": {"rate": 0.05, "latency_s": 0.5} for name in SHIPPED.deployments}
)
WINDOW = plan_windows(SCENARIO)[12]


def made(strategy: str, **policy: object) -> tuple[Program, Work]:
    scenario = SCENARIO.set({f"strategies.{strategy}.policy.{name}": value for name, value in policy.items()})
    program = compile_program(scenario, strategy, eras(scenario)[WINDOW.era].models, WINDOW)
    return program, prepare(scenario, strategy, program, generate(scenario, WINDOW, 500))


def places(program: Program) -> dict[str, int]:
    return {name: 1000 + k for k, name in enumerate(program.targets)}


@pytest.mark.parametrize("strategy", ["omni-only", "hybrid"])
def test_each_finds_what_it_would_draw_at_the_deployment_that_its_route_asks_first(strategy: str) -> None:
    program, work = made(strategy)
    desks, luck = places(program), np.full((500, c.N_LUCK), -1.0)
    found = draw_first_calls(program, desks, work, luck)
    asked = set()
    for i, name in enumerate(work.requests.request.tolist()):
        route = work.routing.routes[work.routing.route[i]]
        deployment = work.routing.groups[route.group].chain[0]
        target, asked = program.targets[deployment], asked | {deployment}
        assert found[i] == desks[deployment]
        who = (program.seed, program.replication)
        assert target.error_rate > 0
        assert luck[i, c.LUCK_ERROR] == uniform(*who, target.streams["error"], name, 0)
        for column, law, stream in (
            (c.LUCK_TIME, target.ttft_law, "ttft"),
            (c.LUCK_SPEED, target.speed_law, "speed"),
        ):
            assert luck[i, column] == draw_law(program.laws, law, *who, target.streams[stream], name, 0)
    assert len(asked) == (2 if strategy == "hybrid" else 1)


def test_what_was_drawn_for_all_requests_by_another_strategy_is_what_some_of_them_draw() -> None:
    requests = generate(SCENARIO, WINDOW, 500)

    def drawn(*strategies: str) -> np.ndarray:
        for strategy in strategies:
            program = compile_program(SCENARIO, strategy, eras(SCENARIO)[WINDOW.era].models, WINDOW)
            work = prepare(
                SCENARIO, strategy, program, requests if len(strategies) > 1 else replace(requests)
            )
            luck = np.full((500, c.N_LUCK), -1.0)
            draw_first_calls(program, places(program), work, luck)
        return luck

    alone = drawn("hybrid")
    assert (alone != -1.0).any(axis=0).sum() == 3
    assert np.array_equal(drawn("omni-only", "mini-only", "hybrid"), alone)
    remembered = [
        value for what, value in known_of(SCENARIO, requests).items() if what[0] == SCENARIO.run.seed
    ]
    assert [value.shape for value in remembered] == [
        (500,)
    ] * 6  # error, first token and speed of two deployments


def test_nobody_knows_who_is_first_where_equals_are_chosen_among() -> None:
    program, work = made("hybrid", select="least-busy")
    luck = np.full((500, c.N_LUCK), -1.0)
    assert (draw_first_calls(program, places(program), work, luck) == c.NONE).all()
    assert (luck == -1.0).all()


def test_a_run_is_the_same_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = SCENARIO.set({"policy.hedge": {"after_s": 2.0, "max": 2}})
    before = run_window(scenario, "hybrid", WINDOW, engine="compiled")
    assert (before.attempt_arrays["attempt"] > 0).any()
    monkeypatch.setattr(
        compiled, "draw_first_calls", lambda _, desks, work, luck: np.full(work.requests.n, c.NONE, np.int64)
    )
    after = run_window(scenario, "hybrid", WINDOW, engine="compiled")
    for table in ("outcome_arrays", "attempt_arrays"):
        one, other = getattr(before, table), getattr(after, table)
        assert all(np.array_equal(one[name], other[name]) for name in one)
