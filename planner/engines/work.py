"""What an engine is given beside the program: the requests, their routes, sizes and right answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from planner.engines.program import Program
from planner.errors import Problem, ScenarioError
from planner.routing.quality import correctness
from planner.routing.routers import Routing, decide
from planner.scenario.fields import Scenario
from planner.workload.requests import Requests
from planner.workload.sizes import Sizes, prefix_tokens, resolve_model, sizes


@dataclass(frozen=True)
class Work:
    """Requests with everything about them that does not depend on time."""

    requests: Requests
    routing: Routing
    sizes: Mapping[str, Sizes]  # by deployment
    sizes_by_model: Mapping[tuple[str, str | None], Sizes]  # by (model, provider)
    correct: Mapping[str, npt.NDArray[np.int8]]  # by model
    # DEPLOYMENT with a prompt cache: tokens of each request's prefix that it would keep
    kept: Mapping[str, npt.NDArray[np.int64]] = field(default_factory=dict)

    def over_context(self) -> npt.NDArray[np.bool_]:
        """Requests that some deployment of their route, fallbacks apart, cannot take for their size."""
        over = np.zeros(self.requests.n, dtype=np.bool_)
        if not any(one.over_context.any() for one in self.sizes_by_model.values()):
            return over
        groups = self.routing.groups
        for index, route in enumerate(self.routing.routes):
            taken = self.routing.route == index
            for group in (route.group, *([route.escalate] if route.is_cascade else [])):
                for name in groups[group].chain:
                    over |= taken & self.sizes[name].over_context
        return over


def prepare(
    scenario: Scenario, strategy: str, program: Program, requests: Requests, threshold: float | None = None
) -> Work:
    """Route, measure and rate the requests of a window, or of a block of it, for a strategy.

    `threshold` is the router's, where an earlier block of the window has found it.
    """
    routing = decide(scenario, strategy, requests, program.replication, threshold)
    measured: dict[str, Sizes] = {}
    same: dict[tuple[str, str | None], Sizes] = {}
    kept: dict[str, npt.NDArray[np.int64]] = {}
    for name, target in program.targets.items():
        provider = scenario.deployments[name].provider
        key = (target.model, provider)
        if key not in same:
            same[key] = sizes(scenario, requests, resolve_model(scenario, target.model, provider))
        measured[name] = same[key]
        cache = scenario.deployments[name].prompt_cache
        if cache is not None:
            _no_conversations(name, requests)
            kept[name] = cache.kept(prefix_tokens(requests, resolve_model(scenario, target.model, provider)))
    models = dict.fromkeys(target.model for target in program.targets.values())
    rated = {model: correctness(scenario, requests, program.replication, model) for model in models}
    return Work(requests, routing, measured, same, rated, kept)


def _no_conversations(name: str, requests: Requests) -> None:
    """The prefix of a conversation is one of its own, which grows with every turn."""
    if ((requests.session >= 0) & (requests.prefix_tokens > 0)).any():
        problem = Problem(
            field=f"deployments.{name}.prompt_cache",
            text="not supported yet: prompt caches of a recording's conversations",
            hint="leave out the column session or prefix_tokens",
        )
        raise ScenarioError([problem])
