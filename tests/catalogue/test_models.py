"""What models take, how able they are, and when they retire."""

import math
from datetime import date

import numpy as np
import pytest

from planner.catalogue.models import (
    MODALITIES,
    Model,
    UnknownModel,
    ability_from_share,
    benchmarks,
    canonical,
    load,
    model,
    names,
    retirement,
)
from planner.errors import CatalogueError

WANTED = [
    "gpt-4-turbo-2024-04-09",
    "gpt-4-0613",
    "gpt-3.5-turbo-0125",
    "gpt-4o-2024-05-13",
    "gpt-4o-2024-08-06",
    "gpt-4o-2024-11-20",
    "gpt-4o",
    "gpt-4o-mini-2024-07-18",
    "gpt-4o-mini",
    "o1",
    "o1-mini",
    "o1-preview",
    "o3",
    "o3-mini",
    "o4-mini",
    "gpt-4.1",
    "gpt-4.1-mini",
    "gpt-4.1-nano",
    "gpt-5",
    "gpt-5-mini",
    "gpt-5-nano",
    "gpt-5.1",
    "gpt-5.2",
    "gpt-5.4",
    "gpt-5.4-mini",
    "gpt-5.4-nano",
    "gpt-5.5",
    "gpt-5.6",
    "gpt-5.6-sol",
    "gpt-5.6-terra",
    "gpt-5.6-luna",
    "gpt-4o-audio-preview",
    "gpt-4o-mini-audio-preview",
    "gpt-4o-realtime-preview",
    "gpt-realtime",
    "gpt-realtime-mini",
    "gpt-audio",
    "gpt-audio-1.5",
    "gpt-audio-mini",
    "claude-opus-5-5",
    "claude-sonnet-5-5",
    "claude-haiku-5-5",
    "claude-haiku-4-5",
    "gemini-4-argon",
    "gemini-3.8-flash",
    "gemini-3.5-flash-lite",
    "gemini-2.5-pro",
    "gemini-2.5-flash",
    "gemini-2.5-flash-lite",
    "gemini-2.0-flash",
    "gemini-1.5-pro",
    "gemini-1.5-flash",
    "mistral-small-latest",
    "mistral-large-latest",
    "mistral-large-4-0",
    "llama-3.1-8b-instruct",
    "llama-3.3-70b-instruct",
    "llama-3.2-1b-instruct",
    "gemma-3-1b",
    "qwen2.5-1.5b",
]


@pytest.mark.parametrize("name", WANTED)
def test_the_catalogue_holds(name: str) -> None:
    assert name in names()
    assert isinstance(model(name), Model)


@pytest.mark.parametrize(
    ("name", "modalities", "context", "longest"),
    [
        ("gpt-4-0613", {"text"}, 8192, 4096),
        ("gpt-4-turbo", {"text", "vision"}, 128000, 4096),
        ("gpt-4o-2024-05-13", {"text", "vision"}, 128000, 4096),
        ("gpt-4o-2024-11-20", {"text", "vision"}, 128000, 16384),
        ("o1-mini", {"text"}, 128000, 65536),
        ("o3-mini", {"text"}, 200000, 100000),
        ("gpt-4.1-mini", {"text", "vision"}, 1047576, 32768),
        ("gpt-5", {"text", "vision"}, 272000, 128000),
        ("gpt-5.6", {"text", "vision"}, 922000, 128000),
        ("gpt-5.6-luna", {"text", "vision"}, 922000, 128000),
        ("gpt-audio-1.5", {"text", "audio"}, 128000, 16384),
        ("gpt-realtime", {"text", "vision", "audio"}, 32000, 4096),
        ("claude-haiku-4-5", {"text", "vision"}, 200000, 64000),
        ("claude-opus-5-5", {"text", "vision"}, 1000000, 128000),
        ("gemini-2.5-flash", {"text", "vision", "audio"}, 1048576, 65536),
        ("llama-3.1-8b-instruct", {"text"}, 131072, 131072),
    ],
)
def test_modalities_and_windows(name: str, modalities: set[str], context: int, longest: int) -> None:
    record = model(name)
    assert record.modalities == modalities
    assert (record.context_tokens, record.max_output_tokens) == (context, longest)


def test_a_wrong_name_gets_the_nearest_right_one() -> None:
    with pytest.raises(
        UnknownModel, match="'gpt-4o-mni' is not a model of the catalogue; did you mean gpt-4o-mini"
    ):
        model("gpt-4o-mni")
    with pytest.raises(CatalogueError) as caught:
        model("zzz")
    assert "did you mean" not in str(caught.value)


def test_synonyms_give_the_same_record_and_moving_names_their_own() -> None:
    assert model("gpt-4-turbo") is model("gpt-4-turbo-2024-04-09")
    assert canonical("claude-haiku-4-5") == "claude-haiku-4-5-20251001"
    assert model("gpt-4o").name == "gpt-4o"
    assert model("gpt-4o").alias_of == "gpt-4o-2024-08-06"
    assert model("gpt-5.6").alias_of == "gpt-5.6-sol"
    assert model("gpt-4o").scores == model("gpt-4o-2024-08-06").scores


def test_every_record_is_complete_and_says_where_it_comes_from() -> None:
    for record in load().values():
        assert record.tier in ("omni", "mid", "mini", "nano", "device"), record.name
        assert {"text"} <= record.modalities <= MODALITIES
        assert {"text"} <= record.output_modalities <= MODALITIES
        assert record.runs_on
        assert record.runs_on <= {"api", "gpu", "device"}
        assert record.context_tokens > 0
        assert record.max_output_tokens > 0
        assert record.total_window_tokens is None or record.total_window_tokens > record.context_tokens
        assert record.input_token_factor == record.output_token_factor == 1.0
        assert record.source
        assert record.as_of
        assert record.confidence in ("low", "medium", "high")
        assert record.alias_of is None or record.alias_of in load()
        assert set(record.snapshots) <= set(load())
        assert (record.alias_of is None) == (not record.snapshots), record.name
        assert ("gpu" in record.runs_on or "device" in record.runs_on) == record.open_weights, record.name


def test_modalities_newer_than_our_sources_are_marked_as_assumed() -> None:
    for name in ("gpt-5.6", "gpt-5.6-luna", "claude-opus-5-5", "gemini-4-argon"):
        record = model(name)
        assert record.modalities_confidence == "low"
        assert record.modalities_basis is not None
        assert record.modalities_basis.startswith("assumed like")
    assert model("gpt-4o").modalities_basis is None


def test_open_models_carry_what_a_server_needs() -> None:
    llama = model("llama-3.1-8b-instruct")
    assert llama.params_billions == 8
    assert llama.kv_bytes_per_token == 131072  # 32 layers x 8 heads x 128 x 2 x 2 bytes
    assert llama.runs_on == {"api", "gpu"}
    assert model("llama-3.3-70b").kv_bytes_per_token == 80 * 8 * 128 * 2 * 2
    for name in ("llama-3.2-1b-instruct", "gemma-3-1b", "qwen2.5-1.5b"):
        size = model(name).params_billions
        assert size is not None
        assert 1 <= size <= 2
        assert "device" in model(name).runs_on


def test_a_window_for_prompt_and_answer_apart_is_read_right() -> None:
    gpt_5 = model("gpt-5")
    assert gpt_5.fits(272_000, 128_000)
    assert not gpt_5.fits(272_001, 0)
    gpt_4o = model("gpt-4o")
    assert gpt_4o.fits(120_000, 8_000)
    assert not gpt_4o.fits(120_000, 8_001)


def test_hidden_tokens_of_reasoning_models() -> None:
    hidden = model("o1-mini").reasoning_tokens_per_output_token
    assert (hidden.low, hidden.central, hidden.high, hidden.confidence) == (2, 4, 10, "low")
    for name in ("gpt-4o", "gpt-4o-mini", "gpt-4.1", "llama-3.1-8b-instruct"):
        never = model(name).reasoning_tokens_per_output_token
        assert (never.low, never.central, never.high) == (0, 0, 0)
    optional = model("gpt-5.6").reasoning_tokens_per_output_token
    assert (optional.central, optional.high, optional.confidence) == (0, 10, "low")
    for record in load().values():
        figures = record.reasoning_tokens_per_output_token
        assert (record.reasoning == "never") == (figures.high == 0), record.name
        assert (record.reasoning == "always") == (figures.central > 0), record.name


def test_scores_are_shares_with_a_tag_and_absent_is_not_zero() -> None:
    score = model("gpt-4o-2024-08-06").scores["mmlu"]
    assert (score.value, score.kind, score.as_of) == (0.887, "measured", "2025-07-09")
    assert model("gpt-4o-2024-08-06").scores["drop"].value == 0.798
    assert model("gpt-4o-mini").scores["simpleqa"].value == 0.095
    assert model("llama-3.1-8b-instruct").scores["mmlu"].kind == "reported"
    assert model("gpt-3.5-turbo").scores["mmlu"].kind == "estimate"
    for record in load().values():
        assert set(record.scores) == set(benchmarks())
        for one in record.scores.values():
            assert one.kind in ("measured", "reported", "estimate", "absent")
            assert (one.value is None) == (one.kind == "absent")
            assert one.source
            if one.value is not None:
                assert 0 < one.value < 1
                assert one.as_of
                assert one.confidence in ("low", "medium", "high")
    absent = model("gpt-5.6").scores["mmlu"]
    assert (absent.value, absent.kind) == (None, "absent")


def test_ability_solves_the_mean_of_the_logistic_over_normal_difficulty() -> None:
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    for share in (0.2, 0.493, 0.684, 0.82, 0.887, 0.929):
        ability = ability_from_share(share)
        mean = float(np.sum(weights / (1 + np.exp(nodes - ability)))) / math.sqrt(2 * math.pi)
        assert mean == pytest.approx(share, abs=1e-9)


def test_ability_is_symmetric_and_rejects_the_impossible() -> None:
    assert ability_from_share(0.5) == pytest.approx(0, abs=1e-9)
    assert ability_from_share(0.8) == pytest.approx(-ability_from_share(0.2), abs=1e-8)
    for share in (0.0, 1.0, -0.1, 1.1):
        with pytest.raises(ValueError, match="inside"):
            ability_from_share(share)


def test_ability_of_a_model_is_an_estimate_and_none_where_no_score_is_known() -> None:
    record = model("gpt-4o-2024-11-20")
    assert record.ability is not None
    assert record.ability == pytest.approx(ability_from_share(0.857))
    assert record.ability_basis.startswith("estimate")
    assert model("gpt-5.6").ability is None
    assert model("gpt-5.6").ability_basis.startswith("absent")
    omni, mini = model("gpt-4o").ability, model("gpt-4o-mini").ability
    assert omni is not None
    assert mini is not None
    assert omni > mini


@pytest.mark.parametrize(
    ("name", "provider", "expected"),
    [
        ("gpt-4o-2024-05-13", "openai", date(2026, 10, 23)),
        ("gpt-4o-2024-05-13", "azure", date(2026, 12, 9)),
        ("gpt-4o-2024-11-20", "openai", date(2027, 1, 14)),
        ("gpt-4o-2024-11-20", "azure", date(2027, 4, 14)),
        ("gpt-4o", "azure", date(2027, 4, 14)),
        ("gpt-4o-mini-2024-07-18", "openai", date(2027, 1, 14)),
        ("o1-mini", "openai", date(2025, 10, 27)),
        ("o1-mini-2024-09-12", "openai", date(2025, 10, 27)),
        ("gpt-5", "openai", date(2026, 12, 11)),
        ("gpt-5", "azure", date(2027, 2, 9)),
        ("gpt-4.1-2025-04-14", "openai", date(2027, 1, 14)),
        ("gpt-5.6-luna", "azure", date(2028, 1, 11)),
        ("gpt-audio", "openai", date(2027, 1, 20)),
        ("claude-sonnet-4-5", "anthropic", date(2026, 11, 30)),
        ("gemini-1.5-flash", "google", date(2025, 9, 29)),
        ("llama-3.1-8b-instruct", "together", date(2026, 3, 6)),
        ("llama-3.1-8b-instruct", "bedrock", date(2027, 3, 30)),
    ],
)
def test_retirement_belongs_to_model_and_provider(name: str, provider: str, expected: date) -> None:
    found = retirement(name, provider)
    assert found is not None
    assert found.date == expected
    assert not found.is_open
    assert found.source
    assert found.confidence in ("low", "medium", "high")


@pytest.mark.parametrize(
    ("name", "provider"),
    [
        ("gpt-5.6", "openai"),
        ("gpt-5.6-luna", "openai"),
        ("gpt-audio-1.5", "openai"),
        ("gpt-realtime-2.1-mini", "openai"),
        ("claude-opus-5-5", "anthropic"),
        ("llama-3.1-8b-instruct", "groq"),
    ],
)
def test_no_retirement_was_announced_for(name: str, provider: str) -> None:
    assert retirement(name, provider) is None


@pytest.mark.parametrize(
    ("name", "provider", "snapshot", "when"),
    [
        ("gpt-4o", "openai", "gpt-4o-2024-11-20", "2027-01-14"),
        ("gpt-4o-mini", "openai", "gpt-4o-mini-2024-07-18", "2027-01-14"),
        ("gpt-4.1", "openai", "gpt-4.1-2025-04-14", "2027-01-14"),
        ("gpt-5.6", "azure", "gpt-5.6-sol", "2028-01-11"),
    ],
)
def test_a_moving_name_counts_as_open_and_names_its_newest_snapshot(
    name: str, provider: str, snapshot: str, when: str
) -> None:
    found = retirement(name, provider)
    assert found is not None
    assert found.is_open
    assert found.date is None
    assert found.notice is not None
    assert snapshot in found.notice
    assert when in found.notice


def test_energy_is_given_only_where_known() -> None:
    energy = model("gpt-4o-2024-05-13").energy_wh_per_query
    assert energy is not None
    assert (energy.low, energy.central, energy.high, energy.unit) == (0.24, 0.3, 0.34, "Wh")
    assert model("gpt-4o-mini").energy_wh_per_query is None
    device = model("gemma-3-1b").energy_wh_per_query
    assert device is not None
    assert device.central == pytest.approx(0.1056 * 500 / 3600, rel=0.01)  # J per token, tokens, J per Wh
