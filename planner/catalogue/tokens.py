"""Images and audio as tokens, by the rule of each model's family.

Comes in: data/tokens.yaml and a model's rule names. Goes out: whole tokens of an image, tokens per second of
audio. Rules differ widely: the same photo is 33 times more tokens on GPT-4o mini than on GPT-4o. Arithmetic
is exact (integers and fractions).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from typing import Any

from planner.catalogue.models import Model, model
from planner.catalogue.reading import did_you_mean, given, read
from planner.errors import CatalogueError

DETAILS = ("low", "high")


class NoTokenRule(CatalogueError):
    """A model that does not take or give this kind of input or output, or whose rule is not known."""


@dataclass(frozen=True, kw_only=True)
class ImageRule:
    """How one model counts an image; `numbers` are the rule's own figures as written in tokens.yaml."""

    name: str
    family: str  # openai_tile | openai_tile_mini | openai_patch | anthropic_area | gemini_tile | gemini_flat
    numbers: tuple[tuple[str, Fraction], ...]
    context_rule: str | None
    as_of: str
    confidence: str
    source: str
    note: str | None

    def describe(self) -> str:
        """One line for a table of assumptions."""
        note = f"; {self.note}" if self.note else ""
        return f"image tokens by {self.name}: {self.source}, {self.as_of}, confidence {self.confidence}{note}"


@dataclass(frozen=True, kw_only=True)
class AudioRule:
    """Tokens per second of audio in and out; `output_tokens_per_s` is None for models that do not speak."""

    name: str
    input_tokens_per_s: int
    output_tokens_per_s: int | None
    as_of: str
    confidence: str
    source: str
    note: str | None

    def describe(self) -> str:
        """One line for a table of assumptions."""
        spoken = "" if self.output_tokens_per_s is None else f", {self.output_tokens_per_s} out"
        figures = f"{self.input_tokens_per_s} in{spoken}"
        return f"audio tokens per second {figures}: {self.source}, confidence {self.confidence}"


@cache
def image_rule(name: str) -> ImageRule:
    """Image rule of a model. Raises UnknownModel, or NoTokenRule where it takes no images."""
    record = model(name)
    if record.image_rule is None:
        takes = ", ".join(sorted(record.modalities))
        raise NoTokenRule(f"{record.name} takes no images (it takes {takes})")
    rule = _image_rule(record.image_rule)
    if record.image_confidence is None:
        return rule
    note = "; ".join(text for text in (record.image_basis, rule.note) if text)
    return replace(rule, confidence=record.image_confidence, note=note)


@cache
def audio_rule(name: str) -> AudioRule:
    """Audio rule of a model. Raises UnknownModel, or NoTokenRule where it takes no audio."""
    record = model(name)
    if record.audio_rule is None:
        takes = ", ".join(sorted(record.modalities))
        raise NoTokenRule(f"{record.name} takes no audio (it takes {takes})")
    row = read("tokens")["audio_rules"][record.audio_rule]
    spoken = given(row, "output_tokens_per_s")
    note = "; ".join(text for text in (record.audio_basis, given(row, "note")) if text)
    return AudioRule(
        name=record.audio_rule,
        input_tokens_per_s=int(row["input_tokens_per_s"]),
        output_tokens_per_s=int(spoken) if spoken and "audio" in record.output_modalities else None,
        as_of=row["as_of"],
        confidence=record.audio_confidence or row["confidence"],
        source=row["source"],
        note=note or None,
    )


def image_tokens(name: str, width_px: int, height_px: int, detail: str = "high") -> int:
    """Billed tokens of one image.

    Parameters
    ----------
    name : model or synonym
    width_px, height_px : whole pixels, at least 1
    detail : low or high; only OpenAI's tile rules know the difference

    Raises UnknownModel, NoTokenRule, or ValueError for impossible pixels or detail.
    """
    return _count(image_rule(name), width_px, height_px, detail)


def image_context_tokens(name: str, width_px: int, height_px: int, detail: str = "high") -> int:
    """Tokens of one image that fill the context window.

    The same as `image_tokens`, except on GPT-4o mini, whose extra image tokens are billed only.
    """
    rule = image_rule(name)
    return _count(_image_rule(rule.context_rule) if rule.context_rule else rule, width_px, height_px, detail)


def audio_input_tokens_per_s(name: str) -> int:
    """Tokens of a second of audio that is sent. Raises UnknownModel or NoTokenRule."""
    return audio_rule(name).input_tokens_per_s


def audio_output_tokens_per_s(name: str) -> int:
    """Tokens of a second of spoken answer. Raises UnknownModel or NoTokenRule."""
    spoken = audio_rule(name).output_tokens_per_s
    if spoken is None:
        raise NoTokenRule(f"{model(name).name} does not speak: it takes audio and answers in text")
    return spoken


def check_rules(record: Model) -> None:
    """Raises NoTokenRule where a model takes vision or audio without a rule to count it."""
    if "vision" in record.modalities:
        image_rule(record.name)
    if "audio" in record.modalities:
        audio_rule(record.name)
    if "audio" in record.output_modalities:
        audio_output_tokens_per_s(record.name)


@cache
def _image_rule(rule_name: str) -> ImageRule:
    row: Mapping[str, Any] = read("tokens")["image_rules"][rule_name]
    words = {"family", "context_rule", "as_of", "confidence", "source", "note"}
    return ImageRule(
        name=rule_name,
        family=row["family"],
        numbers=tuple((key, Fraction(text)) for key, text in row.items() if key not in words),
        context_rule=given(row, "context_rule"),
        as_of=row["as_of"],
        confidence=row["confidence"],
        source=row["source"],
        note=given(row, "note"),
    )


def _count(rule: ImageRule, width_px: int, height_px: int, detail: str) -> int:
    if width_px < 1 or height_px < 1:
        raise ValueError(f"an image has at least 1 x 1 pixels: {width_px} x {height_px}")
    if detail not in DETAILS:
        raise ValueError(f"detail must be low or high: {detail!r}{did_you_mean(detail, DETAILS)}")
    return _FAMILIES[rule.family](dict(rule.numbers), width_px, height_px, detail)


def _ceil(value: Fraction) -> int:
    return -(-value.numerator // value.denominator)


def _openai_tile(numbers: Mapping[str, Fraction], width_px: int, height_px: int, detail: str) -> int:
    """Fit inside 2048 x 2048, shrink the shorter side to 768, count tiles of 512; never enlarge."""
    if detail == "low":
        return int(numbers["low_detail_tokens"])
    width, height = Fraction(width_px), Fraction(height_px)
    for pick, limit in ((max, 2048), (min, 768)):
        side = pick(width, height)
        if side > limit:
            width, height = width * limit / side, height * limit / side
    tiles = _ceil(width / 512) * _ceil(height / 512)
    return int(numbers["base_tokens"] + numbers["tokens_per_tile"] * tiles)


def _openai_patch(numbers: Mapping[str, Fraction], width_px: int, height_px: int, detail: str) -> int:
    """Patches of 32 x 32 up to a cap, times the model's factor, rounded up."""
    patch = numbers["patch_px"]
    patches = min(_ceil(width_px / patch) * _ceil(height_px / patch), int(numbers["max_patches"]))
    return _ceil(patches * numbers["factor"])


def _anthropic_area(numbers: Mapping[str, Fraction], width_px: int, height_px: int, detail: str) -> int:
    """Shrink the longer side to 1568, then one token for 750 pixels, rounded up, at most 1600."""
    shrink = min(Fraction(1), numbers["max_side_px"] / max(width_px, height_px))
    tokens = _ceil(width_px * height_px * shrink * shrink / numbers["px_per_token"])
    return min(tokens, int(numbers["max_tokens"]))


def _gemini_tile(numbers: Mapping[str, Fraction], width_px: int, height_px: int, detail: str) -> int:
    """One tile for a small image, else tiles of 768 x 768."""
    if max(width_px, height_px) <= numbers["small_px"]:
        return int(numbers["tokens_per_tile"])
    tile = numbers["tile_px"]
    return int(numbers["tokens_per_tile"]) * _ceil(width_px / tile) * _ceil(height_px / tile)


def _gemini_flat(numbers: Mapping[str, Fraction], width_px: int, height_px: int, detail: str) -> int:
    """The same for every image."""
    return int(numbers["tokens_per_image"])


_FAMILIES: Mapping[str, Callable[[Mapping[str, Fraction], int, int, str], int]] = {
    "openai_tile": _openai_tile,
    "openai_tile_mini": _openai_tile,
    "openai_patch": _openai_patch,
    "anthropic_area": _anthropic_area,
    "gemini_tile": _gemini_tile,
    "gemini_flat": _gemini_flat,
}
