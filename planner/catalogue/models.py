"""Models of the catalogue: what they take and give, how large, how able, where they run, when they retire.

Comes in: data/models-*.yaml, scores.yaml, tokens.yaml (reasoning), parameters.yaml (energy),
retirements.yaml. Goes out: frozen `Model` records by name. A moving name such as gpt-4o is a record of its
own that says what it points at today.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cache, cached_property
from types import MappingProxyType
from typing import Any

from planner.catalogue.reading import Range, as_range, day, did_you_mean, given, number, read, whole, yes
from planner.errors import CatalogueError

FILES = ("openai", "anthropic", "google", "mistral", "open")
MODALITIES = frozenset({"text", "vision", "audio"})
_NOT_INHERITED = frozenset({"aliases", "snapshots", "alias_of", "like"})


class UnknownModel(CatalogueError):
    """A name that is neither a model of the catalogue nor a synonym of one."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """A benchmark score as a share 0..1; `value` is None where kind is absent, which is not zero."""

    value: float | None
    kind: str  # measured | reported | estimate | absent
    as_of: str | None
    source: str
    confidence: str | None


ABSENT = Score(value=None, kind="absent", as_of=None, source="no figure was found", confidence=None)


@dataclass(frozen=True, kw_only=True)
class Retirement:
    """When a model stops answering at a provider.

    `date` is None for a moving name without a date of its own: it counts as open, and `notice` names the date
    of its newest snapshot.
    """

    date: date | None
    source: str
    confidence: str
    as_of: str
    notice: str | None = None

    @property
    def is_open(self) -> bool:
        return self.date is None


@dataclass(frozen=True, kw_only=True)
class Model:
    """One model, with units in the names and sources beside the figures.

    `context_tokens` is the largest prompt. Prompt and answer share it, unless the vendor publishes a larger
    window for both (`total_window_tokens`): see `fits`. `modalities` is what goes in, `output_modalities`
    what comes out.
    """

    name: str
    vendor: str
    home_provider: str | None
    family: str
    tier: str  # omni | mid | mini | nano | device
    released: date | None
    modalities: frozenset[str]
    output_modalities: frozenset[str]
    modalities_confidence: str
    modalities_basis: str | None
    context_tokens: int
    total_window_tokens: int | None
    max_output_tokens: int
    params_billions: float | None
    bytes_per_weight: float | None
    kv_bytes_per_token: int | None
    open_weights: bool
    runs_on: frozenset[str]  # api | gpu | device
    input_token_factor: float
    output_token_factor: float
    reasoning: str  # never | optional | always
    reasoning_tokens_per_output_token: Range
    image_rule: str | None
    image_basis: str | None
    image_confidence: str | None
    audio_rule: str | None
    audio_basis: str | None
    audio_confidence: str | None
    energy_wh_per_query: Range | None
    scores: Mapping[str, Score] = field(hash=False)
    aliases: tuple[str, ...]
    alias_of: str | None
    snapshots: tuple[str, ...]
    source: str
    as_of: str
    confidence: str
    note: str | None

    @cached_property
    def ability(self) -> float | None:
        """Ability on the difficulty scale, d ~ N(0, 1); an estimate from MMLU, None where that is unknown.

        The value solves mean over d of logistic(a - d) = MMLU share. Multiple choice lets one guess right,
        which this ignores: abilities of weak models come out too high.
        """
        share = self.scores["mmlu"].value
        return None if share is None else ability_from_share(share)

    @property
    def ability_basis(self) -> str:
        """Where `ability` comes from, in one line."""
        mmlu = self.scores["mmlu"]
        if mmlu.value is None:
            return "absent: no MMLU score is known"
        origin = f"MMLU {mmlu.kind} ({mmlu.source}, {mmlu.as_of})"
        return f"estimate: solves E[logistic(a - d)] = {mmlu.value:.3g}, {origin}"

    def fits(self, prompt_tokens: int, output_tokens: int = 0) -> bool:
        """Whether a prompt and an answer of these sizes fit the window."""
        window = self.total_window_tokens or self.context_tokens
        return prompt_tokens <= self.context_tokens and prompt_tokens + output_tokens <= window


def share_from_ability(ability: float) -> float:
    """Share answered correctly at difficulty d ~ N(0, 1): the mean of logistic(ability - d).

    Trapezoids of width 0.125 on [-9, 9]; for this analytic integrand the rule errs by less than 1e-12.
    """
    step = 0.125
    total = 0.0
    for i in range(-72, 73):
        d = i * step
        total += math.exp(-0.5 * d * d) / (1.0 + math.exp(d - ability))
    return total * step / math.sqrt(2.0 * math.pi)


def ability_from_share(share: float) -> float:
    """Ability at which the mean of logistic(ability - d), d ~ N(0, 1), is `share`; by bisection.

    Raises ValueError outside (0, 1): no finite ability answers everything or nothing.

    >>> round(ability_from_share(0.887), 3)
    2.413
    """
    if not 0.0 < share < 1.0:
        raise ValueError(f"share must be inside (0, 1): {share}")
    low, high = -40.0, 40.0
    while high - low > 1e-10:
        middle = 0.5 * (low + high)
        if share_from_ability(middle) < share:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


@cache
def load() -> Mapping[str, Model]:
    """All models by their own name, synonyms left out; read once."""
    scores = _scores()
    models: dict[str, Model] = {}
    for name, row in _rows().items():
        target = row.get("alias_of")
        models[name] = _model(name, row, scores.get(name) or scores.get(target or "") or {})
    return MappingProxyType(models)


@cache
def _synonyms() -> Mapping[str, str]:
    """Every accepted name to the name of its record."""
    found = {name: name for name in load()}
    for model_ in load().values():
        for alias in model_.aliases:
            assert alias not in found, f"{alias} names two models"
            found[alias] = model_.name
    return MappingProxyType(found)


def names() -> tuple[str, ...]:
    """Every name that `model` accepts, synonyms included, sorted."""
    return tuple(sorted(_synonyms()))


def canonical(name: str) -> str:
    """Name of the record that `name` stands for; raises UnknownModel."""
    try:
        return _synonyms()[name]
    except (KeyError, TypeError):
        hint = did_you_mean(name, _synonyms())
        raise UnknownModel(f"{name!r} is not a model of the catalogue{hint}") from None


def model(name: str) -> Model:
    """The record of a model by its name or a synonym; raises UnknownModel with the nearest name."""
    return load()[canonical(name)]


def benchmarks() -> Mapping[str, str]:
    """Benchmarks of `Model.scores`, each with what it asks."""
    return MappingProxyType(dict(read("scores")["benchmarks"]))


def retirement(name: str, provider: str) -> Retirement | None:
    """When a model retires at a provider; None where no date is known for it or its snapshots.

    Retirement belongs to model and provider: the same model may live longer on Azure. A moving name without a
    date gives an open `Retirement` whose notice names the date of its newest snapshot. Raises UnknownModel.
    """
    record = model(name)
    dates = _retirements().get(provider, {})
    if record.name in dates:
        return dates[record.name]
    for snapshot in reversed(record.snapshots):
        if snapshot in dates:
            newest = dates[snapshot]
            notice = (
                f"{record.name} is a moving name without a retirement date at {provider}; "
                f"its newest dated snapshot {snapshot} retires on {newest.date}"
            )
            return Retirement(
                date=None,
                source=newest.source,
                confidence=newest.confidence,
                as_of=newest.as_of,
                notice=notice,
            )
    return None


@cache
def _retirements() -> Mapping[str, Mapping[str, Retirement]]:
    content = read("retirements")
    found: dict[str, dict[str, Retirement]] = {}
    for provider, block in content["providers"].items():
        of_provider = found.setdefault(provider, {})
        for part in (block, block.get("doubtful")):
            for when, models in (part or {}).get("dates", {}).items():
                for name in models:
                    of_provider[name] = Retirement(
                        date=date.fromisoformat(when),
                        source=part["source"],
                        confidence=part["confidence"],
                        as_of=content["as_of"],
                    )
    return MappingProxyType(found)


def _rows() -> dict[str, dict[str, Any]]:
    """Rows of all files with defaults and `like` filled in."""
    complete: dict[str, dict[str, Any]] = {}
    for file in FILES:
        content = read(f"models-{file}")
        for name, row in content["models"].items():
            origin = row.get("like") or row.get("alias_of")
            base = content["defaults"] if origin is None else complete[origin]
            kept = {key: value for key, value in base.items() if key not in _NOT_INHERITED}
            complete[name] = {**kept, **row}
    return complete


def _scores() -> dict[str, dict[str, Score]]:
    found: dict[str, dict[str, Score]] = {}
    for group in read("scores")["sets"]:
        for name, row in group["rows"].items():
            for benchmark, percent in row.items():
                found.setdefault(name, {})[benchmark] = Score(
                    value=float(Decimal(percent) / 100),  # divided as a decimal: 79.8 % is 0.798, not 0.7979…
                    kind=group["kind"],
                    as_of=group["as_of"],
                    source=group["source"],
                    confidence=group["confidence"],
                )
    return found


def _model(name: str, row: Mapping[str, Any], scores: Mapping[str, Score]) -> Model:
    reasoning = read("tokens")["reasoning_rules"][given(row, "reasoning_rule") or "none"]
    energy = given(row, "energy")
    return Model(
        name=name,
        vendor=row["vendor"],
        home_provider=given(row, "home_provider"),
        family=row["family"],
        tier=row["tier"],
        released=day(given(row, "released")),
        modalities=frozenset(row["modalities"]),
        output_modalities=frozenset(row["output_modalities"]),
        modalities_confidence=given(row, "modalities_confidence") or "high",
        modalities_basis=given(row, "modalities_basis"),
        context_tokens=int(row["context_tokens"]),
        total_window_tokens=whole(given(row, "total_window_tokens")),
        max_output_tokens=int(row["max_output_tokens"]),
        params_billions=number(given(row, "params_billions")),
        bytes_per_weight=number(given(row, "bytes_per_weight")),
        kv_bytes_per_token=whole(given(row, "kv_bytes_per_token")),
        open_weights=yes(row["open_weights"]),
        runs_on=frozenset(row["runs_on"]),
        input_token_factor=number(given(row, "input_token_factor")) or 1.0,
        output_token_factor=number(given(row, "output_token_factor")) or 1.0,
        reasoning=row["reasoning"],
        reasoning_tokens_per_output_token=as_range(reasoning, unit="hidden tokens per visible one"),
        image_rule=given(row, "image_rule"),
        image_basis=given(row, "image_basis"),
        image_confidence=given(row, "image_confidence"),
        audio_rule=given(row, "audio_rule"),
        audio_basis=given(row, "audio_basis"),
        audio_confidence=given(row, "audio_confidence"),
        energy_wh_per_query=None
        if energy is None
        else as_range(read("parameters")["energy_per_query"][energy]),
        scores=MappingProxyType({key: scores.get(key, ABSENT) for key in read("scores")["benchmarks"]}),
        aliases=tuple(row.get("aliases", ())),
        alias_of=given(row, "alias_of"),
        snapshots=tuple(row.get("snapshots", ())),
        source=row["source"],
        as_of=row["as_of"],
        confidence=row["confidence"],
        note=given(row, "note"),
    )
