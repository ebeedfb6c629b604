"""How tokens that one model counted transfer to another: the same vocabulary or not, the same answers or not.

Comes in: data/tokenizers.yaml and two names of models; goes out: ranges of a factor on input and on output tokens.
"""

from dataclasses import dataclass
from functools import cache

from planner.catalogue.reading import Range, as_range, read

EXACT = Range(
    low=1.0,
    central=1.0,
    high=1.0,
    unit="factor",
    as_of="",
    confidence="high",
    source="counted by this model itself",
)


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """Factors on the input and output tokens of a log for one model, low to high."""

    input: Range
    output: Range


def vocabulary(model: str) -> str:
    """The family of models that count text alike; a model of none is a family of its own.

    >>> vocabulary("gpt-4o-mini"), vocabulary("gpt-4-turbo-2024-04-09"), vocabulary("our-own")
    ('openai-o200k', 'openai-cl100k', 'our-own')
    """
    fits = [
        (len(start), family)
        for family, starts in read("tokenizers")["families"].items()
        for start in starts
        if model.startswith(start)
    ]
    return max(fits)[1] if fits else model


def transfer(counted_by: str | None, model: str) -> Transfer:
    """What becomes of tokens that `counted_by` counted (None: nobody knows who) with another model.

    The model that counted has no range. One of the same vocabulary has none on input; its answers may be longer or shorter.
    """
    if counted_by == model:
        return Transfer(input=EXACT, output=EXACT)
    ranges = _ranges()
    if counted_by is not None and vocabulary(counted_by) == vocabulary(model):
        same = Range(
            low=1.0, central=1.0, high=1.0, unit="factor", as_of=read("tokenizers")["as_of"], confidence="medium",
            source=f"counted with the same vocabulary, {vocabulary(model)}",
        )  # fmt: skip
        return Transfer(input=same, output=ranges["output_other_model"])
    return Transfer(input=ranges["input_other_vocabulary"], output=ranges["output_other_vocabulary"])


@cache
def _ranges() -> dict[str, Range]:
    return {name: as_range(row) for name, row in read("tokenizers")["transfer"].items()}


__all__ = ["EXACT", "Transfer", "transfer", "vocabulary"]
