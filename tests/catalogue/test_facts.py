"""Completeness against the reference tables, where they lie beside the repository."""

import csv
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from planner.catalogue.models import UnknownModel, model, retirement
from planner.catalogue.prices import long_context, price, price_decisions
from planner.errors import PriceUnknown

FACTS = Path(__file__).parents[2].parent / "shared" / "facts"
LAST_READING = date(2026, 11, 12)
METERS = ("input", "output", "batch_input", "batch_output", "audio_input", "audio_output")
# Compared at a row's last day: the table's notes say that caching came, or its price moved, inside the row.
AT_THE_END = ("cached_input", "cache_write", "audio_cached_input")


def rows(name: str) -> list[dict[str, str]]:
    path = FACTS / name
    if not path.exists():
        pytest.skip("the reference tables are not beside the repository")
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_price_of_the_reference_table_is_in_the_catalogue() -> None:
    seen = 0
    for row in rows("model_prices.csv"):
        name, provider = row["model_id"], row["provider"]
        start = date.fromisoformat(row["effective_from"])
        end = (
            date.fromisoformat(row["effective_to"]) - timedelta(days=1)
            if row["effective_to"]
            else LAST_READING
        )
        if (name, provider) in (("gpt-4o-mini", "azure"), ("o1-mini", "azure")):
            end = date(
                2026, 11, 11
            )  # the listing of 2026-11-12 carries another price, as the table's note says
        for meter in METERS:
            if row[meter]:
                seen += 1
                assert price(name, provider, meter, start).usd_per_mtok == Decimal(row[meter]), (
                    name,
                    provider,
                    meter,
                )
        for meter in AT_THE_END:
            if row[meter]:
                seen += 1
                assert price(name, provider, meter, end).usd_per_mtok == Decimal(row[meter]), (
                    name,
                    provider,
                    meter,
                )
        if row["long_context_threshold"]:
            long = long_context(name, provider, start)
            assert long is not None
            assert str(long.threshold_tokens) == row["long_context_threshold"]
            assert (long.input_usd_per_mtok, long.output_usd_per_mtok) == (
                Decimal(row["long_input"]),
                Decimal(row["long_output"]),
            )
    assert seen > 250


def test_every_retirement_of_the_reference_table_is_in_the_catalogue() -> None:
    seen = 0
    for row in rows("model_prices.csv"):
        if row["retirement_date"]:
            found = retirement(row["model_id"], row["provider"])
            assert found is not None, row["model_id"]
            assert str(found.date) == row["retirement_date"], row["model_id"]
            seen += 1
    assert seen > 30


def test_windows_agree_with_the_reference_table_where_it_has_one_generation() -> None:
    moved = {"mistral-small-latest", "mistral-large-latest", "gpt-4o", "gemini-1.5-flash"}
    for row in rows("model_prices.csv"):
        record = model(row["model_id"])
        if record.name in moved or record.open_weights:
            continue
        assert str(record.context_tokens) == row["context_window"], record.name
        assert str(record.max_output_tokens) == row["max_output"], record.name


def test_todays_prices_agree_with_the_reference_listing() -> None:
    seen = 0
    for row in rows("current_prices.csv"):
        provider = {"gemini": "google"}.get(row["provider"], row["provider"])
        name = row["catalogue_key"].split("/")[-1]
        if provider not in ("openai", "azure", "anthropic", "google", "mistral"):
            continue
        if row["catalogue_key"].startswith("azure/gpt-4o-realtime"):
            continue  # not sold there any more
        try:
            found = price(name, provider, "input", LAST_READING)
        except PriceUnknown:
            continue
        assert found.usd_per_mtok == Decimal(row["input"]), row["catalogue_key"]
        for meter in (
            "output",
            "cached_input",
            "cache_write",
            "batch_input",
            "batch_output",
            "audio_input",
            "audio_output",
        ):
            try:
                amount = price(name, provider, meter, LAST_READING).usd_per_mtok
            except PriceUnknown:
                continue
            if row[meter]:
                assert amount == Decimal(row[meter]), (row["catalogue_key"], meter)
        seen += 1
    assert seen > 90


def test_todays_retirements_agree_with_the_reference_listing() -> None:
    seen = 0
    for row in rows("current_prices.csv"):
        provider = {"gemini": "google"}.get(row["provider"], row["provider"])
        name = row["catalogue_key"].split("/")[-1]
        if provider not in ("openai", "azure", "anthropic", "google", "mistral"):
            continue
        try:
            price(name, provider, "input", LAST_READING)
        except PriceUnknown:
            continue
        found = retirement(name, provider)
        listed = None if found is None or found.date is None else str(found.date)
        assert (listed or "") == row["retirement_date"], (row["catalogue_key"], listed)
        seen += 1
    assert seen > 90


def test_every_disagreement_of_the_reference_table_is_settled() -> None:
    settled = {(decision.model, decision.provider) for decision in price_decisions()}
    for row in rows("price_disagreements.csv"):
        assert (row["model"], row["provider"]) in settled, row["model"]


def test_scores_agree_with_the_reference_table() -> None:
    columns = {"mmlu_pct": "mmlu", "gpqa_pct": "gpqa", "math_pct": "math", "humaneval_pct": "humaneval"}
    columns |= {"mgsm_pct": "mgsm", "drop_f1": "drop", "simpleqa_pct": "simpleqa"}
    ours = {"llama-3.1-70b": "llama-3.1-70b-instruct", "llama-3.1-8b": "llama-3.1-8b-instruct"}
    seen = 0
    for row in rows("quality_scores.csv"):
        try:
            record = model(ours.get(row["model_id"], row["model_id"]))
        except UnknownModel:
            continue  # effort variants and models that are not shipped
        for column, benchmark in columns.items():
            value = record.scores[benchmark].value
            if row[column]:
                assert value == float(Decimal(row[column]) / 100), (record.name, benchmark)
                seen += 1
    assert seen > 120
