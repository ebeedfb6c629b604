"""Which models count alike, and the ranges for those that do not."""

from pathlib import Path

import pandas as pd
import pytest

from planner.catalogue import models
from planner.catalogue.reading import read
from planner.catalogue.tokenizers import transfer, vocabulary

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "alpacaeval_output_lengths.dev.parquet"


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("gpt-4o-2024-08-06", "openai-o200k"),
        ("gpt-4o-mini", "openai-o200k"),
        ("o1-mini", "openai-o200k"),
        ("gpt-4.1-nano", "openai-o200k"),
        ("gpt-4-0613", "openai-cl100k"),
        ("gpt-4-turbo-2024-04-09", "openai-cl100k"),
        ("gpt-3.5-turbo-0125", "openai-cl100k"),
        ("claude-sonnet-4-5-20250929", "claude-3-to-4"),
        ("claude-opus-5-5", "claude-5"),
        ("llama-3.1-8b-instruct", "llama-3"),
        ("llama-2-70b-chat", "llama-2"),
        ("my-own-model", "my-own-model"),
    ],
)
def test_a_model_has_the_vocabulary_of_its_family(model: str, family: str) -> None:
    assert vocabulary(model) == family


def test_every_family_has_a_model_of_the_catalogue_and_no_start_is_in_two() -> None:
    starts = [start for family in read("tokenizers")["families"].values() for start in family]
    assert len(starts) == len(set(starts))
    known = {vocabulary(name) for name in models.names()}
    assert set(read("tokenizers")["families"]) <= known


def test_ranges_hold_their_middle_and_widen_with_the_distance() -> None:
    itself, same, other, nobody = (
        transfer(counter, "gpt-4o-mini") for counter in ("gpt-4o-mini", "gpt-4o", "claude-opus-5", None)
    )
    assert (itself.input.low, itself.output.high) == (1, 1)
    assert (same.input.low, same.input.high) == (1, 1)
    assert same.output.low < 1 < same.output.high
    assert other == nobody
    assert other.input.low < 1 < other.input.high
    assert other.output.low < same.output.low < same.output.high < other.output.high
    for one in (same.output, other.input, other.output):
        assert one.central == 1
        assert one.confidence == "low"
        assert one.source


def test_both_at_once_is_the_product_of_the_ranges_rounded() -> None:
    given = read("tokenizers")["transfer"]
    for end in ("low", "high"):
        product = float(given["input_other_vocabulary"][end]) * float(given["output_other_model"][end])
        assert float(given["output_other_vocabulary"][end]) == pytest.approx(product, abs=0.03)


def test_the_figures_of_alpacaeval_are_those_of_its_data() -> None:
    if not SHARED.exists():
        pytest.skip("the shared data are not here")
    table = pd.read_parquet(SHARED)
    means = {
        name: table[f"{name}_words"].mean()
        for name in ("gpt-4o-2024-05-13", "gpt-4o-mini-2024-07-18", "gpt-3.5-turbo-1106", "gpt4_1106_preview")
    }
    ratios = {name: round(mean / means["gpt-4o-2024-05-13"], 2) for name, mean in means.items()}
    source = read("tokenizers")["transfer"]["output_other_model"]["source"]
    assert f"{len(table)} equal instructions" in source
    assert f"gpt-4o-mini over gpt-4o {ratios['gpt-4o-mini-2024-07-18']:.2f}" in source
    assert f"gpt-4-1106 over gpt-4o {ratios['gpt4_1106_preview']:.2f}" in source
    assert f"gpt-3.5-turbo-1106 over gpt-4o {ratios['gpt-3.5-turbo-1106']:.2f}" in source
