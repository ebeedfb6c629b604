"""Single runs that are timed: each builds its input first and gives seconds of the part that counts."""

import gc
import time
from collections.abc import Callable
from typing import Any

import planner
from benchmarks.models import two_providers
from planner.engines.compiled import CompiledEngine
from planner.engines.program import compile_program
from planner.engines.reference import Engine
from planner.engines.run import reduce_window
from planner.engines.work import prepare
from planner.experiments.cells import rules_of
from planner.metrics import Tally
from planner.workload.requests import generate, generate_blocks
from planner.workload.windows import eras, plan_windows


def seconds(work: Callable[[], object]) -> float:
    """Wall seconds of one call, garbage collected before."""
    gc.collect()
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


class Model:
    """A scenario's only strategy with its first window, and `n` requests made ready."""

    def __init__(self, raw: dict[str, Any], n: int) -> None:
        self.scenario, self.n = planner.load(raw), n
        (self.strategy,) = self.scenario.strategies
        self.window = plan_windows(self.scenario)[0]
        models = eras(self.scenario)[0].models
        self.program = compile_program(self.scenario, self.strategy, models, self.window)

    def reference_s(self) -> float:
        """The reference engine alone."""
        work = self._work()
        return seconds(lambda: Engine(self.program, work).run())

    def compiled_s(self) -> float:
        """The compiled engine alone: blocks of requests in, rows of finished requests out."""
        blocks = [
            prepare(self.scenario, self.strategy, self.program, block)
            for block in generate_blocks(self.scenario, self.window, self.n)
        ]
        routes = blocks[0].routing.routes

        def run() -> None:
            engine = CompiledEngine(self.program, routes, n_tasks=len(self.scenario.tasks), wants_rows=False)
            done = sum(len(rows.outcomes) for rows in engine.run(blocks))
            assert done == self.n

        return seconds(run)

    def end_to_end_s(self) -> float:
        """From the scenario to reduced measures: generation, routing, engine, reducers."""

        def run() -> None:
            tally = Tally(
                len(self.scenario.tasks), rules_of(self.scenario, self.strategy), self.window.length_s
            )
            blocks = generate_blocks(self.scenario, self.window, self.n)
            reduce_window(self.scenario, self.strategy, self.window, blocks, tally.add)
            assert tally.sample({}, {}, {}).n == self.n

        return seconds(run)

    def _work(self) -> Any:
        requests = generate(self.scenario, self.window, self.n)
        return prepare(self.scenario, self.strategy, self.program, requests)


def two_provider_model(n: int) -> Model:
    return Model(two_providers(), n)
