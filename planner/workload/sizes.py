"""Sizes of requests on a model, and which of them it can take.

Comes in: requests counted alike for every model. Goes out: whole tokens by meter as this model counts and
bills them, and who fits its modalities and its context window. `resolve_model` lays the scenario's own figures
over the catalogue's; what neither knows is an error where it is needed, never 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from planner import catalogue
from planner.catalogue import latency, tokens
from planner.errors import CatalogueError, Problem, ScenarioError
from planner.scenario.demand import Task
from planner.scenario.fields import Scenario
from planner.scenario.supply import OwnModel

if TYPE_CHECKING:
    from planner.workload.requests import Requests

Integers = npt.NDArray[np.int64]
NOT_RECORDED = -1


@dataclass(frozen=True)
class Model:
    """A model as the workload sees it: the scenario's figures over the catalogue's."""

    name: str
    modalities: frozenset[str]
    context_tokens: int | None  # longest prompt; None: no limit
    window_tokens: int | None  # prompt, hidden and visible answer together
    max_output_tokens: int | None
    reasoning_tokens_per_output_token: float
    input_token_factor: float
    output_token_factor: float
    image_tokens: Mapping[str, int]  # TASK: billed tokens of all images of one request
    image_context_tokens: Mapping[str, int]  # TASK: tokens of them that fill the window
    audio_input_tokens_per_s: int
    audio_output_tokens_per_s: int  # 0: takes speech, answers in text
    streaming: bool  # false: the first visible token comes with the last


@dataclass(frozen=True, eq=False)
class Sizes:
    """Sizes of requests on one model; every array has shape (n,), tokens."""

    input: Integers
    image: Integers
    audio_input: Integers
    output: Integers  # visible; the transcript where the answer is spoken
    audio_output: Integers
    reasoning: Integers  # hidden
    max_output: Integers  # cap on the visible answer that a limiter may charge
    eligible: npt.NDArray[np.bool_]  # modalities and size fit
    over_context: npt.NDArray[np.bool_]  # modalities fit, size does not


def resolve_model(scenario: Scenario, name: str, provider: str | None) -> Model:
    """The scenario's figures of a model over the catalogue's.

    An own model without modalities takes text, without a context window it has no limit.

    Raises
    ------
    CatalogueError
        A name that neither the scenario nor the catalogue knows.
    ScenarioError
        An own model that takes images or speech of some task, without a rule to count them.
    """
    own = scenario.models.get(name, OwnModel())
    known = None if name in scenario.models and name not in catalogue.names() else catalogue.model(name)
    context = own.context_tokens if own.context_tokens is not None or known is None else known.context_tokens
    window = context
    if own.context_tokens is None and known is not None:
        window = known.total_window_tokens or known.context_tokens
    longest, ratio = own.max_output_tokens, own.reasoning_tokens_per_output_token
    if known is not None:
        longest = known.max_output_tokens if longest is None else longest
        ratio = known.reasoning_tokens_per_output_token.central if ratio is None else ratio
    modalities = (
        frozenset(own.modalities or ("text",)) if known is None or own.modalities else known.modalities
    )
    tasks = {key: task for key, task in scenario.tasks.items() if set(task.modalities) <= modalities}
    images, image_context = _image_tokens(name, own, tasks)
    audio_in, audio_out = _audio_rates(name, tasks)
    home = provider or (None if known is None else known.home_provider)
    streams = known is None or home is None or not latency.has_latency(name, home)
    return Model(
        name=name,
        modalities=modalities,
        context_tokens=context,
        window_tokens=window,
        max_output_tokens=longest,
        reasoning_tokens_per_output_token=ratio or 0.0,
        input_token_factor=own.input_token_factor or (1.0 if known is None else known.input_token_factor),
        output_token_factor=own.output_token_factor or (1.0 if known is None else known.output_token_factor),
        image_tokens=images,
        image_context_tokens=image_context,
        audio_input_tokens_per_s=audio_in,
        audio_output_tokens_per_s=audio_out,
        streaming=streams or latency.latency(name, home or "").streaming,
    )


def eligible_task(scenario: Scenario, task: str, model: Model) -> bool:
    """Whether a model takes all that a task's requests hold, whatever their size."""
    return set(scenario.tasks[task].modalities) <= model.modalities


def sizes(scenario: Scenario, requests: "Requests", model: Model) -> Sizes:
    """Tokens of each request on a model.

    Factors are applied to the common counts and rounded half to even, at least 1 (a recorded 0 stays 0); an
    answer recorded for this very model is taken as it is. Visible answers are cut at the task's
    `max_output_tokens` and at the model's longest answer, whichever is less; where neither is known the
    drawn answer itself is what a limiter can charge. A request fits if its prompt (text, images as the window
    counts them, speech) fits `context_tokens`, and with the cap of its task (else its answer) and hidden
    tokens also the whole window.
    """
    names, task = list(scenario.tasks), requests.task
    kinds = [scenario.tasks[name] for name in names]

    def by_task(values: list[int]) -> Integers:
        return np.array(values, np.int64)[task]

    sent = _scaled(requests.input_tokens, model.input_token_factor)
    answer = _scaled(requests.output_tokens, model.output_token_factor)
    recorded = requests.output_by_model.get(model.name)
    if recorded is not None:
        answer = np.where(recorded == NOT_RECORDED, answer, recorded)
    no_cap = np.iinfo(np.int64).max
    own_cap = no_cap if model.max_output_tokens is None else model.max_output_tokens
    cap = by_task([min(kind.max_output_tokens or no_cap, own_cap) for kind in kinds])
    output = np.minimum(answer, cap)
    none = np.zeros(requests.n, np.int64)  # of what this model or these tasks do not have
    hidden = model.reasoning_tokens_per_output_token
    reasoning = _rounded(output * hidden) if hidden else none
    hears, speaks = model.audio_input_tokens_per_s, model.audio_output_tokens_per_s
    audio_input, audio_output = none, none
    if hears or speaks:
        audio_input = _rounded((requests.audio_input_ms * hears + requests.resent_speech_ms * speaks) / 1e3)
        audio_output = _rounded(requests.audio_output_ms * speaks / 1e3)

    def shown(tokens_by_task: Mapping[str, int]) -> Integers:
        """Tokens of all images of a request."""
        each = [tokens_by_task.get(name, 0) for name in names]
        return by_task(each) * requests.image_sets if any(each) else none

    seen = shown(model.image_context_tokens)
    prompt = sent + seen + audio_input
    is_capped = np.array([kind.max_output_tokens is not None for kind in kinds])[task]
    whole = prompt + np.where(is_capped, cap, output) + reasoning
    fits = np.ones(requests.n, bool)
    if model.context_tokens is not None and model.window_tokens is not None:
        fits = (prompt <= model.context_tokens) & (whole <= model.window_tokens)
    takes = np.array([eligible_task(scenario, name, model) for name in names])[task]
    return Sizes(
        input=sent,
        image=shown(model.image_tokens),
        audio_input=audio_input,
        output=output,
        audio_output=audio_output,
        reasoning=reasoning,
        max_output=np.where(cap == no_cap, output, cap),
        eligible=takes & fits,
        over_context=takes & ~fits,
    )


def prefix_tokens(counted: Integers, model: Model) -> Integers:
    """Tokens of prefixes on a model, a part of the input; counted and rounded as that is."""
    return _scaled(counted, model.input_token_factor)


def _scaled(counted: Integers, factor: float) -> Integers:
    if factor == 1.0:
        return counted
    return np.where(counted > 0, np.maximum(_rounded(counted * factor), 1), 0)


def _rounded(values: npt.NDArray[np.floating]) -> Integers:
    """Half to even."""
    return np.rint(values).astype(np.int64)


def _image_tokens(
    name: str, own: OwnModel, tasks: Mapping[str, Task]
) -> tuple[dict[str, int], dict[str, int]]:
    """Billed tokens, and tokens in the window, of the images of each task's request."""
    billed: dict[str, int] = {}
    filling: dict[str, int] = {}
    for key, task in tasks.items():
        if own.image_tokens is not None:
            billed[key] = filling[key] = own.image_tokens * len(task.images)
            continue
        try:
            shapes = [(image.width_px, image.height_px, image.detail) for image in task.images]
            billed[key] = sum(tokens.image_tokens(name, *shape) for shape in shapes)
            filling[key] = sum(tokens.image_context_tokens(name, *shape) for shape in shapes)
        except CatalogueError as error:
            raise ScenarioError([_unknown(f"models[{name}].image_tokens", key, "images", error)]) from error
    return billed, filling


def _audio_rates(name: str, tasks: Mapping[str, Task]) -> tuple[int, int]:
    """Tokens per second of speech in and out; 0 where no task speaks."""
    spoken = [key for key, task in tasks.items() if "audio" in task.modalities]
    if not spoken:
        return 0, 0
    try:
        rule = tokens.audio_rule(name)
    except CatalogueError as error:
        raise ScenarioError([_unknown(f"models[{name}].modalities", spoken[0], "speech", error)]) from error
    return rule.input_tokens_per_s, rule.output_tokens_per_s or 0


def _unknown(field: str, task: str, what: str, error: CatalogueError) -> Problem:
    return Problem(field=field, text=f"the tokens of {what} in task {task} are not known: {error}")
