"""LAW: a number or a distribution, wherever a time, a size or a pause is given.

In comes the plain YAML value (`2.0`, `{p50: 0.4, p95: 0.9}`, `{mixture: [...]}`), out goes an
immutable `Law` that knows its mean and its quantiles and hands its components to the sampler
(`planner.sampling`). Nothing is drawn here.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from statistics import NormalDist
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import PydanticCustomError, core_schema

from planner.scenario.declare import shown

NORMAL = NormalDist()
Z95 = NORMAL.inv_cdf(0.95)
MAX_EMPIRICAL = 100_000
MAX_FILE_CHARACTERS = 4_000_000
MAX_VALUE = 1e8  # seconds (three years) or tokens: keeps draws within int64 nanoseconds

LAW_TEXT = (
    "a number, {fixed}, {exponential_mean}, {p50, p95}, {mean, cv, kind: lognormal|gamma}, "
    "{mixture: [{weight, law}, ...]} or {empirical: file}"
)


class Kind(IntEnum):
    """Families of a component, with the codes that the sampler knows."""

    FIXED = 0  # a = value
    EXPONENTIAL = 1  # a = mean
    LOGNORMAL = 2  # a = mu, b = sigma of the logarithm
    GAMMA = 3  # a = shape, b = scale
    EMPIRICAL = 4  # values, sorted


@dataclass(frozen=True)
class Component:
    """One part of a mixture: its weight, family and parameters (see `Kind`)."""

    weight: float
    kind: Kind
    a: float
    b: float = 0.0
    values: tuple[float, ...] = ()

    @property
    def mean(self) -> float:
        match self.kind:
            case Kind.FIXED | Kind.EXPONENTIAL:
                return self.a
            case Kind.LOGNORMAL:
                return math.exp(self.a + self.b * self.b / 2)
            case Kind.GAMMA:
                return self.a * self.b
        return math.fsum(self.values) / len(self.values)

    @property
    def upper(self) -> float:
        """Largest value that can occur; infinity for an unbounded family."""
        match self.kind:
            case Kind.FIXED:
                return self.a
            case Kind.EMPIRICAL:
                return self.values[-1]
        return math.inf


class LawProblem(ValueError):
    """What is wrong with a law, and where inside it (a path relative to the law)."""

    def __init__(self, inside: tuple[str | int, ...], given: str, allowed: str) -> None:
        self.inside, self.given, self.allowed = inside, given, allowed
        super().__init__(f"got {given}; allowed: {allowed}")


@dataclass(frozen=True)
class Law:
    """A non-negative random number: a tuple of weighted components (weights sum to 1)."""

    components: tuple[Component, ...]
    form: Any = None  # the plain value it was read from, for writing it back

    def __hash__(self) -> int:
        return hash(self.components)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Law) and self.components == other.components

    @property
    def mean(self) -> float:
        """Mean, in the unit of the field. A median times a price is not the bill: use this."""
        return math.fsum(part.weight * part.mean for part in self.components)

    @property
    def is_fixed(self) -> bool:
        """True where every draw gives the same value, so that sizes are certain."""
        return len(self.components) == 1 and self.components[0].kind is Kind.FIXED

    @property
    def upper(self) -> float:
        """Largest value that can be drawn (infinity for unbounded families)."""
        return max(part.upper for part in self.components)

    @staticmethod
    def fixed(value: float) -> "Law":
        return Law((Component(1.0, Kind.FIXED, float(value)),), form=value)

    @staticmethod
    def lognormal(p50: float, sigma: float) -> "Law":
        """By its median and the spread of its logarithm."""
        return Law(
            (Component(1.0, Kind.LOGNORMAL, math.log(p50), sigma),),
            form={"p50": p50, "p95": p50 * math.exp(sigma * Z95)},
        )

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.with_info_plain_validator_function(
            _validate,
            serialization=core_schema.plain_serializer_function_ser_schema(lambda law: law.form),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        number = {"type": "number", "minimum": 0}
        return {
            "description": f"LAW: {LAW_TEXT}",
            "anyOf": [
                number,
                {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {
                        **dict.fromkeys(("fixed", "exponential_mean", "p50", "p95", "mean", "cv"), number),
                        "kind": {"enum": ["lognormal", "gamma"]},
                        "mixture": {"type": "array"},
                        "empirical": {"anyOf": [{"type": "string"}, {"type": "array", "items": number}]},
                    },
                },
            ],
        }


def _validate(value: Any, info: core_schema.ValidationInfo) -> Law:
    if isinstance(value, Law):
        return value
    folder = (info.context or {}).get("folder")
    try:
        return parse_law(value, folder)
    except LawProblem as problem:
        raise PydanticCustomError(
            "law",
            "{given}",
            {"inside": problem.inside, "given": problem.given, "allowed": problem.allowed},
        ) from None


def parse_law(value: Any, folder: Path | None = None) -> Law:
    """The law that a plain value describes.

    Parameters
    ----------
    value : number or mapping
        As read from YAML.
    folder : path, optional
        Where a relative `empirical: file` is looked for; the working directory if not given.

    Raises
    ------
    LawProblem
        With the place inside the law, what was given and what is allowed.
    """
    if _is_number(value):
        return Law.fixed(_non_negative(value, ()))
    if not isinstance(value, Mapping):
        raise LawProblem((), _shown(value), LAW_TEXT)
    keys = set(value)
    for wanted, reader in _FORMS:
        if wanted & keys:
            extra = keys - wanted - ({"kind"} if "cv" in wanted else set())
            missing = wanted - keys
            if extra:
                key = sorted(map(str, extra))[0]
                raise LawProblem((key,), f"the key {key} beside {', '.join(sorted(wanted & keys))}", LAW_TEXT)
            if missing:
                raise LawProblem((), f"no {' and no '.join(sorted(missing))}", LAW_TEXT)
            return _finite(Law(reader(value, folder), form=_plain(value)))
    raise LawProblem((), _shown(value), LAW_TEXT)


def _finite(law: Law) -> Law:
    """Quantiles or moments far apart can give a mean that no float holds, and no simulation meets."""
    try:
        mean = law.mean
    except OverflowError:
        mean = math.inf
    if not mean <= MAX_VALUE:
        raise LawProblem((), f"a law with mean {mean:g}", f"a law with a mean of at most {MAX_VALUE:g}")
    return law


def _fixed(value: Mapping[str, Any], folder: Path | None) -> tuple[Component, ...]:
    return (Component(1.0, Kind.FIXED, _non_negative(value["fixed"], ("fixed",))),)


def _exponential(value: Mapping[str, Any], folder: Path | None) -> tuple[Component, ...]:
    return (Component(1.0, Kind.EXPONENTIAL, _positive(value["exponential_mean"], ("exponential_mean",))),)


def _quantiles(value: Mapping[str, Any], folder: Path | None) -> tuple[Component, ...]:
    """Lognormal through two quantiles: mu = ln p50, sigma = ln(p95/p50)/z (facts: method §2.5)."""
    p50, p95 = _positive(value["p50"], ("p50",)), _positive(value["p95"], ("p95",))
    if p95 < p50:
        raise LawProblem(("p95",), _shown(p95), f"at least p50, which is {p50:g}")
    if p95 == p50:
        return (Component(1.0, Kind.FIXED, p50),)
    return (Component(1.0, Kind.LOGNORMAL, math.log(p50), math.log(p95 / p50) / Z95),)


def _moments(value: Mapping[str, Any], folder: Path | None) -> tuple[Component, ...]:
    mean, cv = _positive(value["mean"], ("mean",)), _non_negative(value["cv"], ("cv",))
    kind = value.get("kind", "lognormal")
    if kind not in ("lognormal", "gamma"):
        raise LawProblem(("kind",), _shown(kind), "lognormal or gamma")
    if cv == 0:
        return (Component(1.0, Kind.FIXED, mean),)
    if not 1e-6 <= cv <= 1e3:
        raise LawProblem(("cv",), _shown(cv), "0, or 1e-06 to 1000")
    if kind == "gamma":
        return (Component(1.0, Kind.GAMMA, 1 / (cv * cv), mean * cv * cv),)
    variance = math.log1p(cv * cv)
    return (Component(1.0, Kind.LOGNORMAL, math.log(mean) - variance / 2, math.sqrt(variance)),)


def _mixture(value: Mapping[str, Any], folder: Path | None) -> tuple[Component, ...]:
    parts = value["mixture"]
    if not isinstance(parts, Sequence) or isinstance(parts, str) or not parts:
        raise LawProblem(("mixture",), _shown(parts), "a list of {weight, law}")
    found: list[Component] = []
    total = 0.0
    for index, part in enumerate(parts):
        here = ("mixture", index)
        if not isinstance(part, Mapping) or set(part) != {"weight", "law"}:
            raise LawProblem(here, _shown(part), "{weight, law}")
        weight = _positive(part["weight"], (*here, "weight"))
        total += weight
        try:
            inner = parse_law(part["law"], folder)
        except LawProblem as problem:
            raise LawProblem((*here, "law", *problem.inside), problem.given, problem.allowed) from None
        found += [Component(weight * c.weight, c.kind, c.a, c.b, c.values) for c in inner.components]
    if abs(total - 1) > 1e-9:
        raise LawProblem(("mixture",), f"weights that sum to {total:g}", "weights that sum to 1")
    return tuple(found)


def _empirical(value: Mapping[str, Any], folder: Path | None) -> tuple[Component, ...]:
    given = value["empirical"]
    here = ("empirical",)
    if isinstance(given, str):
        words = _words(Path(given) if folder is None else Path(folder) / given, given)
        given = [
            _number_in_file(word, here) for index, word in enumerate(words) if index or _looks_numeric(word)
        ]
    if not isinstance(given, list | tuple):
        raise LawProblem(here, _shown(given), f"1 to {MAX_EMPIRICAL} numbers, or a file of them")
    if not 1 <= len(given) <= MAX_EMPIRICAL:
        raise LawProblem(here, f"{len(given)} values", f"1 to {MAX_EMPIRICAL} numbers, or a file of them")
    values = tuple(sorted(_non_negative(number, (*here, index)) for index, number in enumerate(given)))
    return (Component(1.0, Kind.EMPIRICAL, 0.0, values=values),)


def _words(path: Path, given: str) -> list[str]:
    """The words of a text file, commas apart; never more than `MAX_FILE_CHARACTERS` of it."""
    here = ("empirical",)
    if not path.is_file():
        raise LawProblem(here, shown(given), "a readable file of numbers (no such file)")
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(MAX_FILE_CHARACTERS + 1)
    except OSError as error:
        raise LawProblem(here, shown(given), f"a readable file of numbers ({error.strerror})") from None
    except ValueError:  # not UTF-8, or a path with a zero character
        raise LawProblem(here, shown(given), "a text file of numbers, one a line") from None
    if len(text) > MAX_FILE_CHARACTERS:
        raise LawProblem(here, shown(given), f"a file of at most {MAX_FILE_CHARACTERS:,} characters")
    return text.replace(",", "\n").split()


_FORMS = (
    ({"fixed"}, _fixed),
    ({"exponential_mean"}, _exponential),
    ({"mixture"}, _mixture),
    ({"empirical"}, _empirical),
    ({"p50", "p95"}, _quantiles),
    ({"mean", "cv"}, _moments),
)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _non_negative(value: Any, inside: tuple[str | int, ...]) -> float:
    if not _is_number(value) or not 0 <= value <= MAX_VALUE:
        raise LawProblem(inside, _shown(value), _range(value, ">= 0"))
    return float(value)


def _positive(value: Any, inside: tuple[str | int, ...]) -> float:
    if not _is_number(value) or not 0 < value <= MAX_VALUE:
        raise LawProblem(inside, _shown(value), _range(value, "> 0"))
    return float(value)


def _range(value: Any, low: str) -> str:
    """The upper bound is a technical one: named only where it was passed."""
    return f"a number {low}" + (f", at most {MAX_VALUE:g}" if _is_number(value) and value > MAX_VALUE else "")


def _looks_numeric(word: str) -> bool:
    """A first word that is no number is a column's heading."""
    try:
        float(word)
    except ValueError:
        return False
    return True


def _number_in_file(word: str, inside: tuple[str | int, ...]) -> float:
    if not _looks_numeric(word):
        raise LawProblem(inside, f"'{word}' in the file", "numbers only, after an optional heading")
    return float(word)


def _shown(value: Any) -> str:
    return f"the text {shown(value)}" if isinstance(value, str) else shown(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value
