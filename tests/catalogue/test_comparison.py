"""Rows behind `planner models`: tidy, tagged, None where nothing is known."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from planner.catalogue import UnknownModel, compare_models, list_models, model, price, todays_pairs
from planner.catalogue.models import load


def by_measure(name: str, on: date) -> dict[str, dict[str, Any]]:
    return {row["measure"]: row for row in compare_models([name], on)}


def test_omni_or_mini_is_answered_measure_by_measure() -> None:
    on = date(2024, 12, 1)
    rows = compare_models(["gpt-4o-2024-11-20", "gpt-4o-mini"], on)
    omni = {row["measure"]: row["value"] for row in rows if row["model"] == "gpt-4o-2024-11-20"}
    mini = {row["measure"]: row["value"] for row in rows if row["model"] == "gpt-4o-mini"}
    assert list(omni) == list(mini)
    assert (omni["input price"], mini["input price"]) == (Decimal("2.5"), Decimal("0.15"))
    assert (omni["output price"], mini["output price"]) == (Decimal("10"), Decimal("0.6"))
    assert omni["modalities"] == ("text", "vision")
    assert omni["context"] == 128000
    assert (omni["tokens of a 1024 x 1024 image"], mini["tokens of a 1024 x 1024 image"]) == (765, 25501)
    assert (omni["score mmlu"], mini["score mmlu"]) == (0.857, 0.82)
    assert omni["retirement"] == date(2027, 1, 14)
    assert omni["runs on"] == ("api",)
    assert omni["energy of a short query"] == 0.3
    assert mini["energy of a short query"] is None


def test_rows_carry_kind_date_and_source_and_absent_is_none() -> None:
    for row in compare_models(list(load()), date(2027, 1, 1)):
        assert set(row) == {"model", "measure", "value", "unit", "kind", "as_of", "source", "note"}
        assert row["kind"] in ("measured", "published", "claim", "reported", "estimate", "absent")
        assert row["source"]
        if row["kind"] == "absent":
            assert row["value"] is None, row
        elif row["value"] is not None:
            assert row["as_of"], row


def test_a_price_unknown_on_the_day_is_none_with_the_reason() -> None:
    row = by_measure("gpt-4o-2024-11-20", date(2024, 6, 1))["input price"]
    assert row["value"] is None
    assert "known since 2024-11-20" in row["note"]


def test_a_carried_price_says_so() -> None:
    assert (
        "price of 2026-11-12 carried forward"
        in by_measure("gpt-5.6", date(2027, 3, 1))["input price"]["note"]
    )


def test_audio_models_show_audio_prices() -> None:
    rows = by_measure("gpt-audio-1.5", date(2026, 11, 12))
    assert rows["audio input price"]["value"] == Decimal("32")
    assert rows["audio output price"]["value"] == Decimal("64")
    assert rows["tokens of a second of speech"]["value"] == 10


def test_an_open_model_shows_its_cheapest_host_by_name() -> None:
    row = by_measure("llama-3.1-8b-instruct", date(2026, 11, 12))["output price"]
    assert row["value"] == Decimal("0.05")
    assert "at deepinfra" in row["note"]


def test_a_device_model_is_sold_by_nobody() -> None:
    rows = by_measure("gemma-3-1b", date(2026, 11, 12))
    assert rows["input price"]["value"] is None
    assert rows["TTFT"]["value"] is None
    assert rows["runs on"]["value"] == ("device", "gpu")


def test_an_unknown_name_in_a_comparison_is_an_error() -> None:
    with pytest.raises(UnknownModel):
        compare_models(["gpt-4o", "gpt-4p"], date(2026, 1, 1))


def test_the_list_has_one_row_per_model() -> None:
    rows = list_models()
    assert [row["model"] for row in rows] == list(load())
    by_name = {row["model"]: row for row in rows}
    assert by_name["o1-mini"]["input_usd_per_mtok"] is None  # retired: its price ended
    assert by_name["gpt-4o"]["retires"] is None
    assert "2027-01-14" in by_name["gpt-4o"]["retirement_note"]
    assert by_name["gpt-4o-mini"]["output_usd_per_mtok"] == Decimal("0.6")
    past = {row["model"]: row for row in list_models(date(2024, 6, 1))}
    assert past["gpt-4o"]["input_usd_per_mtok"] == Decimal("5")


def test_todays_pairs_are_one_per_maker_with_a_cheaper_small_model() -> None:
    pairs = todays_pairs()
    assert [provider for _, _, provider in pairs] == ["openai", "anthropic", "google"]
    for omni, mini, provider in pairs:
        assert model(omni).home_provider == model(mini).home_provider == provider
        assert model(omni).tier == "omni"
        assert model(mini).tier == "mini"
        on = date(2026, 11, 12)
        assert (
            price(mini, provider, "output", on).usd_per_mtok
            < price(omni, provider, "output", on).usd_per_mtok
        )
