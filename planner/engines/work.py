"""What an engine is given beside the program: the requests, their routes, sizes and right answers."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from planner.engines.program import Program
from planner.routing.quality import correctness
from planner.routing.routers import Routing, decide
from planner.scenario.fields import Scenario
from planner.scenario.prompt_caches import PromptCache
from planner.workload.origins import origin_of
from planner.workload.requests import Requests
from planner.workload.sizes import Model, Sizes, prefix_tokens, resolve_model, sizes

Found = TypeVar("Found")

#: What was worked out of requests that several strategies meet one after the other, with the origin that it was made from.
_KNOWN: WeakKeyDictionary[Requests, tuple[str, dict[Hashable, Any]]] = WeakKeyDictionary()


@dataclass(frozen=True)
class Work:
    """Requests with everything about them that does not depend on time."""

    requests: Requests
    routing: Routing
    sizes: Mapping[str, Sizes]  # by deployment
    sizes_by_model: Mapping[str, Sizes]
    correct: Mapping[str, npt.NDArray[np.int8]]  # by model
    # DEPLOYMENT with a prompt cache: by request, what it may find of its own conversation, what it may find of others',
    # and what it would leave of its conversation, tokens; shape (n, 3)
    kept: Mapping[str, npt.NDArray[np.int64]] = field(default_factory=dict)
    known: dict[Hashable, Any] = field(
        default_factory=dict
    )  # what is remembered of the requests, by all their strategies

    def came(self, names: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Rows of the requests that Outcomes name, in ascending order of names: all but those that never came."""
        order = np.argsort(self.requests.request, kind="stable")
        ordered = self.requests.request[order]
        place = np.searchsorted(ordered, names)
        assert np.array_equal(ordered[np.minimum(place, len(ordered) - 1)], names) or not len(names), (
            "Outcomes name requests of the window"
        )
        return order[place]

    def unasked(self, names: npt.NDArray[np.int64], n_tasks: int) -> npt.NDArray[np.int64]:
        """Turns by task that never came, where Outcomes have these names; repeats are no turns. Shape (n_tasks,)."""
        came = self.came(names)
        asked = self.requests.task[came[self.requests.repeat[came] == 0]]
        return self.requests.planned(n_tasks) - np.bincount(asked, minlength=n_tasks)

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
    kept: dict[str, npt.NDArray[np.int64]] = {}
    models = dict.fromkeys(target.model for target in program.targets.values())
    by_model = {model: _sizes(scenario, requests, model) for model in models}  # whoever serves it
    for name, target in program.targets.items():
        measured[name] = by_model[target.model]
        cache = scenario.deployments[name].prompt_cache
        if cache is not None:
            kept[name] = _kept(cache, requests, resolve_model(scenario, target.model, target.provider))
    rated = {model: _correct(scenario, requests, program.replication, model) for model in models}
    return Work(requests, routing, measured, by_model, rated, kept, known_of(scenario, requests))


def known_of(scenario: Scenario, requests: Requests) -> dict[Hashable, Any]:
    """What is remembered of some requests for as long as they are kept, WHAT: as it is in every strategy.

    It is of all scenarios that requests of this origin have, and gone with the first one of another.
    """
    origin = origin_of(scenario)
    whose, known = _KNOWN.get(requests, ("", {}))
    if whose != origin:
        known = {}
        _KNOWN[requests] = (origin, known)
    return known


def once(scenario: Scenario, requests: Requests, what: Hashable, make: Callable[[], Found]) -> Found:
    """What `make` gives, made once for these requests."""
    known = known_of(scenario, requests)
    found = known.get(what)
    if found is None:
        found = known[what] = make()
    return cast("Found", found)


def _sizes(scenario: Scenario, requests: Requests, model: str) -> Sizes:
    return once(
        scenario,
        requests,
        ("sizes", model),
        lambda: sizes(scenario, requests, resolve_model(scenario, model, None)),
    )


def _correct(scenario: Scenario, requests: Requests, replication: int, model: str) -> npt.NDArray[np.int8]:
    return once(
        scenario,
        requests,
        ("correct", replication, model),
        lambda: correctness(scenario, requests, replication, model),
    )


def _kept(cache: PromptCache, requests: Requests, model: Model) -> npt.NDArray[np.int64]:
    """What a cache may give to requests and take from them; see `Work.kept`."""
    shared = cache.kept(prefix_tokens(requests.shared_tokens, model))
    talks = requests.session >= 0
    if not cache.conversations or not talks.any():
        return np.column_stack([shared, shared, shared])
    own = np.where(talks, cache.kept(prefix_tokens(requests.prefix_tokens, model)), shared)
    left = np.where(talks, cache.kept(prefix_tokens(requests.input_tokens, model)), shared)
    return np.column_stack([own, shared, left])
