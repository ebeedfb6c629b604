"""How much of its rate limits a deployment uses, window by window.

Comes in: a comparison; goes out: for each deployment with limits per minute, what came to it on average over each
simulated window, against the limit. Requests are the calls that the limit let through. Tokens are those that the rule
of the limit counts, as far as bills tell them: input alone where the provider charges an estimate of the prompt, input
and output where it charges what was used. A charge by max-output is above what is billed: `planner limits` has it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.finance.quantities import TOKEN_KINDS
from planner.limiting import FIELDS
from planner.scenario.known import counts_cached, limits_of
from planner.workload.windows import eras

if TYPE_CHECKING:
    from planner.experiments.cells import Cell
    from planner.experiments.comparison import Comparison

WORDS = {
    "requests_per_minute": "requests a minute",
    "tokens_per_minute": "tokens a minute",
    "input_tokens_per_minute": "input tokens a minute",
    "output_tokens_per_minute": "output tokens a minute",
}
PROMPT = ("input", "cached_input", "cache_write", "image", "audio_input")
ANSWER = ("output", "reasoning", "audio_output")
PROMPT_ONLY = (
    "estimate",
    "max-of-max-output-and-estimate",
)  # charging rules that count no answer, as far as bills tell


@dataclass(frozen=True, kw_only=True)
class Load:
    """A limit per minute in a window: what came per minute, on average over it."""

    strategy: str
    deployment: str
    field: str
    window: int
    limit: int
    per_minute: float

    @property
    def used(self) -> float:
        """Share of the limit."""
        return self.per_minute / self.limit

    @property
    def words(self) -> str:
        return WORDS[self.field]


def loads(comparison: "Comparison", strategy: str) -> Iterator[Load]:
    """Every limit per minute of every deployment of a strategy in every window.

    Left out are deployments that share limits (of an account, a provider or a platform), where one alone does not tell,
    and tokens where some task is in no hurry: what goes to a batch API meets no limit per minute.
    """
    scenario = comparison.scenario
    result, places = comparison.results[strategy], list(scenario.deployments)
    has_batches = any(task.is_batch for task in scenario.tasks.values())
    stretches = eras(scenario)
    for name in scenario.deployments_of(strategy):
        deployment = scenario.limited(strategy, name)
        if deployment is not scenario.deployments[name] or deployment.limits is None:
            continue
        if deployment.limits.scope != "deployment":
            continue
        for window, cell in zip(comparison.windows, result.cells, strict=True):
            model = stretches[window.era].models[name]
            rates, charge = limits_of(deployment, model)
            for field, limit in zip(FIELDS, rates, strict=True):
                if limit is None or (has_batches and field != "requests_per_minute"):
                    continue
                if field == "requests_per_minute":
                    place = places.index(name)
                    came = cell.sample.n_calls.get(place, 0) - cell.sample.n_limited.get(place, 0)
                else:
                    came = _tokens(cell, name, _meters(field, charge, counts_cached(deployment, model)))
                yield Load(
                    strategy=strategy,
                    deployment=name,
                    field=field,
                    window=window.index,
                    limit=limit,
                    per_minute=came / (window.length_s / 60),
                )


def _meters(field: str, charge: str, is_cached_counted: bool) -> tuple[str, ...]:
    prompt = tuple(meter for meter in PROMPT if is_cached_counted or meter != "cached_input")
    if field == "input_tokens_per_minute":
        return prompt
    if field == "output_tokens_per_minute":
        return ANSWER
    return prompt if charge in PROMPT_ONLY else (*prompt, *ANSWER)


def _tokens(cell: "Cell", deployment: str, meters: tuple[str, ...]) -> int:
    return sum(
        n
        for key, n in cell.quantities.items()
        if key.deployment == deployment and key.kind in TOKEN_KINDS and key.meter in meters
    )


__all__ = ["Load", "loads"]
