"""Prices by hand: every expected figure below was typed from public price lists."""

from datetime import date
from decimal import Decimal
from itertools import pairwise

import pytest

from planner.catalogue.models import load
from planner.catalogue.prices import (
    METERS,
    PROVIDERS,
    cached_from,
    long_context,
    meters,
    periods,
    price,
    price_changes,
    price_decisions,
    providers,
)
from planner.errors import CatalogueError, PriceUnknown


def usd(name: str, provider: str, meter: str, on: str) -> Decimal:
    return price(name, provider, meter, date.fromisoformat(on)).usd_per_mtok


@pytest.mark.parametrize(
    ("name", "provider", "meter", "on", "expected"),
    [
        ("gpt-4-turbo-2024-04-09", "openai", "input", "2024-05-13", "10"),
        ("gpt-4-turbo-2024-04-09", "openai", "output", "2024-05-13", "30"),
        ("gpt-4-0613", "openai", "output", "2023-06-13", "60"),
        ("gpt-3.5-turbo-0125", "openai", "batch_input", "2024-06-01", "0.25"),
        ("gpt-4o-2024-05-13", "openai", "input", "2024-05-13", "5"),
        ("gpt-4o-2024-05-13", "openai", "output", "2026-10-01", "15"),
        ("gpt-4o-2024-11-20", "openai", "input", "2024-11-20", "2.5"),
        ("gpt-4o-2024-11-20", "openai", "cached_input", "2024-11-20", "1.25"),
        ("gpt-4o-2024-11-20", "openai", "batch_output", "2026-01-01", "5"),
        ("gpt-4o-mini-2024-07-18", "openai", "input", "2024-12-01", "0.15"),
        ("gpt-4o-mini-2024-07-18", "openai", "output", "2024-12-01", "0.6"),
        ("gpt-4.1-nano", "openai", "cached_input", "2025-05-01", "0.025"),
        ("gpt-5-nano", "openai", "batch_input", "2025-09-01", "0.025"),
        ("gpt-5.6-sol", "openai", "cache_write", "2026-11-12", "5"),
        ("gpt-5.6-luna", "openai", "output", "2026-11-12", "1.2"),
        ("o1", "openai", "output", "2025-01-01", "60"),
        ("gpt-audio-1.5", "openai", "audio_output", "2026-11-12", "64"),
        ("gpt-4o-realtime-preview-2024-10-01", "openai", "audio_input", "2024-10-01", "100"),
        ("gpt-4o-realtime-preview-2024-12-17", "openai", "audio_cached_input", "2025-01-01", "2.5"),
        ("gpt-realtime-2.1-mini", "openai", "audio_input", "2026-11-12", "10"),
        ("gpt-audio", "azure", "audio_input", "2026-11-12", "40"),
        ("gpt-4o", "azure", "input", "2024-06-05", "5"),
        ("gpt-4o", "azure", "input", "2025-03-19", "2.5"),
        ("gpt-4o-mini", "azure", "cached_input", "2024-09-06", "0.083"),
        ("claude-opus-5-5", "anthropic", "output", "2026-11-12", "20"),
        ("claude-sonnet-5-5", "anthropic", "cached_input", "2026-11-12", "0.1"),
        ("claude-haiku-5-5", "anthropic", "cache_write", "2026-11-12", "0.125"),
        ("claude-haiku-4-5", "anthropic", "output", "2026-01-01", "5"),
        ("claude-3-haiku-20240307", "anthropic", "output", "2024-03-07", "1.25"),
        ("gemini-4-argon", "google", "input", "2026-11-12", "2"),
        ("gemini-3.8-flash", "google", "output", "2026-11-12", "3.75"),
        ("gemini-2.5-flash", "google", "audio_input", "2026-01-01", "1"),
        ("gemini-2.5-flash", "google", "cached_input", "2025-08-01", "0.075"),
        ("gemini-2.5-flash", "google", "cached_input", "2026-08-01", "0.03"),
        ("mistral-large-4-0", "mistral", "output", "2026-11-12", "4.18"),
        ("llama-3.1-8b-instruct", "groq", "output", "2024-10-16", "0.08"),
        ("llama-3.3-70b-instruct", "together", "input", "2025-06-01", "0.88"),
        ("llama-3.3-70b-instruct", "cerebras", "output", "2025-06-01", "1.2"),
    ],
)
def test_price_is_what_the_price_list_of_the_day_said(
    name: str, provider: str, meter: str, on: str, expected: str
) -> None:
    assert usd(name, provider, meter, on) == Decimal(expected)


@pytest.mark.parametrize(
    ("name", "provider", "meter", "step", "before", "after"),
    [
        ("gpt-4o", "openai", "input", "2024-10-02", "5", "2.5"),
        ("gpt-4o", "openai", "output", "2024-10-02", "15", "10"),
        ("o1-mini", "openai", "input", "2025-01-31", "3", "1.1"),
        ("o1-mini", "openai", "output", "2025-01-31", "12", "4.4"),
        ("o1-mini", "openai", "cached_input", "2025-01-31", "1.5", "0.55"),
        ("o3", "openai", "input", "2025-06-10", "10", "2"),
        ("o3", "openai", "output", "2025-06-10", "40", "8"),
        ("o3", "openai", "cached_input", "2025-06-10", "2.5", "0.5"),
        ("gemini-1.5-flash", "google", "input", "2024-08-12", "0.35", "0.075"),
        ("gemini-1.5-flash", "google", "output", "2024-08-12", "1.05", "0.3"),
        ("gemini-1.5-pro", "google", "input", "2024-10-01", "3.5", "1.25"),
        ("gemini-1.5-pro", "google", "output", "2024-10-01", "10.5", "5"),
        ("claude-3-5-haiku-20241022", "anthropic", "input", "2024-12-03", "1", "0.8"),
        ("gpt-4o-audio-preview", "openai", "audio_input", "2024-12-17", "100", "40"),
        ("mistral-large-latest", "mistral", "output", "2024-07-24", "12", "9"),
    ],
)
def test_price_step_falls_on_its_day_and_not_the_day_before(
    name: str, provider: str, meter: str, step: str, before: str, after: str
) -> None:
    day = date.fromisoformat(step)
    assert price(name, provider, meter, date.fromordinal(day.toordinal() - 1)).usd_per_mtok == Decimal(before)
    assert price(name, provider, meter, day).usd_per_mtok == Decimal(after)
    assert day in price_changes(name, provider, meter, date(2024, 1, 1), date(2026, 11, 1))


def test_launch_price_of_gpt_4o_was_half_of_gpt_4_turbo_exactly() -> None:
    for meter in ("input", "output"):
        omni = usd("gpt-4o-2024-05-13", "openai", meter, "2024-05-13")
        turbo = usd("gpt-4-turbo-2024-04-09", "openai", meter, "2024-05-13")
        assert omni / turbo == Decimal("0.5")


def test_an_image_costs_the_input_price_unless_the_model_has_an_image_price() -> None:
    assert usd("gpt-4o-mini-2024-07-18", "openai", "image", "2024-12-01") == Decimal("0.15")
    assert usd("gpt-realtime", "openai", "image", "2026-01-01") == Decimal("5")
    with pytest.raises(PriceUnknown, match="no image price"):
        price("gpt-3.5-turbo-0125", "openai", "image", date(2025, 1, 1))


@pytest.mark.parametrize(
    ("name", "on", "expected"),
    [
        ("gpt-4o", "2024-10-01", date(2024, 10, 2)),  # the alias, with its move to the cheaper snapshot
        ("gpt-4o", "2024-10-02", None),  # has a price of its own by then
        ("gpt-4o", "2024-05-12", None),  # not even input had a price
        ("gpt-4o-mini", "2024-09-30", date(2024, 10, 1)),
        ("gpt-4o-2024-05-13", "2024-09-30", None),  # never got one
        ("no-such-model", "2024-09-30", None),
    ],
)
def test_cached_input_has_a_price_from_a_day_on(name: str, on: str, expected: date | None) -> None:
    assert cached_from(name, "openai", date.fromisoformat(on)) == expected


def test_reasoning_bills_as_output() -> None:
    on = date(2024, 12, 1)
    assert price("o1-mini", "openai", "reasoning", on) == price("o1-mini", "openai", "output", on)


def test_prices_are_decimals_made_from_text_and_never_floats() -> None:
    found = price("gpt-4o-mini", "openai", "output", date(2026, 1, 1))
    assert isinstance(found.usd_per_mtok, Decimal)
    assert str(found.usd_per_mtok) == "0.6"


def test_price_after_the_last_reading_is_carried_forward_and_says_so() -> None:
    last_day = price("gpt-5.6", "openai", "input", date(2026, 11, 12))
    assert not last_day.carried_forward
    assert last_day.carried_text is None
    later = price("gpt-5.6", "openai", "input", date(2027, 1, 1))
    assert later.carried_forward
    assert later.carried_text == "price of 2026-11-12 carried forward"
    assert later.usd_per_mtok == Decimal("4")
    assert later.known_until == date(2026, 11, 12)


def test_a_model_gone_from_the_lists_carries_the_price_of_the_day_it_was_last_seen() -> None:
    found = price("o1-preview", "openai", "output", date(2026, 5, 1))
    assert found.carried_text == "price of 2025-12-07 carried forward"


def test_price_before_the_first_day_is_an_error_that_says_since_when() -> None:
    with pytest.raises(
        PriceUnknown,
        match="input price of gpt-4o-2024-11-20 at openai is not known on 2024-11-19; known since 2024-11-20",
    ):
        price("gpt-4o-2024-11-20", "openai", "input", date(2024, 11, 19))


def test_price_after_the_end_is_an_error_that_says_from_when_to_when() -> None:
    with pytest.raises(PriceUnknown, match="from 2025-01-31 to 2025-10-26"):
        price("o1-mini", "openai", "input", date(2025, 10, 27))
    assert usd("o1-mini", "openai", "input", "2025-10-26") == Decimal("1.1")


def test_a_hole_in_the_history_is_unknown_and_not_bridged() -> None:
    with pytest.raises(PriceUnknown, match="since 2026-11-12"):
        price("mistral-small-latest", "mistral", "input", date(2026, 7, 1))


def test_a_zeroed_entry_of_a_retired_model_is_unknown_and_never_free() -> None:
    with pytest.raises(PriceUnknown):
        price("gemini-1.5-flash", "google", "output", date(2026, 6, 1))


@pytest.mark.parametrize(
    ("name", "provider", "meter", "text"),
    [
        ("gpt-4o-mni", "openai", "input", "did you mean gpt-4o-mini"),
        ("gpt-4o", "opnai", "input", "did you mean openai"),
        ("gpt-4o", "groq", "input", "prices are known at openai, azure"),
        ("gpt-4o", "openai", "inputs", "did you mean input"),
        ("gpt-4o-2024-05-13", "openai", "cached_input", "never got a prompt-cache discount"),
        ("gemma-3-1b", "groq", "input", "own hardware"),
    ],
)
def test_an_unknown_price_is_an_error_that_helps(name: str, provider: str, meter: str, text: str) -> None:
    with pytest.raises(PriceUnknown, match=text) as caught:
        price(name, provider, meter, date(2026, 1, 1))
    assert isinstance(caught.value, CatalogueError)


def test_changes_are_only_those_inside_the_span_and_of_that_meter() -> None:
    span = (date(2024, 8, 1), date(2025, 12, 31))
    assert price_changes("gpt-4o", "openai", "input", *span) == (date(2024, 10, 2),)
    # 2024-10-01 brought the cached price only: input did not change
    assert price_changes("gpt-4o-2024-08-06", "openai", "input", date(2024, 8, 6), span[1]) == ()
    assert price_changes("gpt-4o-2024-08-06", "openai", "cached_input", *span) == (date(2024, 10, 1),)
    assert price_changes("gpt-4o", "openai", "input", date(2024, 10, 2), date(2024, 11, 1)) == ()
    assert price_changes("gpt-4o", "openai", "input", date(2024, 9, 1), date(2024, 10, 2)) == ()


def test_the_day_a_price_stops_being_known_counts_as_a_change() -> None:
    assert price_changes("o1-mini", "openai", "input", date(2025, 10, 1), date(2025, 11, 1)) == (
        date(2025, 10, 27),
    )


def test_history_of_a_meter_has_no_overlap_and_neighbours_differ() -> None:
    for name in load():
        for provider in providers(name):
            for meter in meters(name, provider):
                history = periods(name, provider, meter)
                for earlier, later in pairwise(history):
                    assert earlier.effective_to is not None
                    assert earlier.effective_to <= later.effective_from
                    touching = earlier.effective_to == later.effective_from
                    assert not touching or earlier.usd_per_mtok != later.usd_per_mtok


def test_every_price_has_a_positive_amount_a_source_a_date_and_a_confidence() -> None:
    count = 0
    for name in load():
        for provider in providers(name):
            for meter in meters(name, provider):
                for period in periods(name, provider, meter):
                    count += 1
                    assert period.usd_per_mtok > 0, (name, provider, meter)
                    assert period.source
                    assert period.date_basis
                    assert period.confidence in ("low", "medium", "high")
                    assert period.known_until >= period.effective_from
                    assert period.known_until <= date(2026, 11, 12)
    assert count > 400


def test_every_model_sold_by_its_maker_has_input_and_output_prices_there() -> None:
    for record in load().values():
        if record.home_provider is None:
            assert record.open_weights, record.name
            continue
        for meter in ("input", "output"):
            assert periods(record.name, record.home_provider, meter), record.name


def test_models_that_take_or_give_audio_have_audio_prices_at_home() -> None:
    for record in load().values():
        assert record.home_provider is not None or "audio" not in record.modalities
        if record.home_provider and "audio" in record.modalities:
            assert periods(record.name, record.home_provider, "audio_input"), record.name
        if record.home_provider and "audio" in record.output_modalities:
            assert periods(record.name, record.home_provider, "audio_output"), record.name


def test_long_context_thresholds_and_prices() -> None:
    flash = long_context("gemini-1.5-flash", "google", date(2024, 6, 1))
    assert flash is not None
    assert (flash.threshold_tokens, flash.input_usd_per_mtok, flash.output_usd_per_mtok) == (
        128_000,
        Decimal("0.7"),
        Decimal("2.1"),
    )
    cheaper = long_context("gemini-1.5-flash", "google", date(2024, 9, 1))
    assert cheaper is not None
    assert cheaper.output_usd_per_mtok == Decimal("0.6")
    newest = long_context("gpt-5.6-luna", "openai")
    assert newest is not None
    assert (newest.threshold_tokens, newest.input_usd_per_mtok, newest.output_usd_per_mtok) == (
        272_000,
        Decimal("0.4"),
        Decimal("1.8"),
    )
    assert long_context("gpt-4o", "openai") is None
    with pytest.raises(PriceUnknown):
        long_context("gemini-1.5-flash", "google", date(2026, 1, 1))


def test_a_moving_name_has_its_targets_price_where_it_has_no_history_of_its_own() -> None:
    on = date(2026, 11, 12)
    assert price("gpt-5.6", "openai", "output", on) == price("gpt-5.6-sol", "openai", "output", on)
    assert price("gpt-4o-mini", "openai", "input", on) == price(
        "gpt-4o-mini-2024-07-18", "openai", "input", on
    )


def test_a_synonym_has_the_price_of_its_record() -> None:
    on = date(2025, 3, 1)
    assert usd("o1-mini-2024-09-12", "openai", "output", "2025-03-01") == Decimal("4.4")
    assert price("o1-mini-2024-09-12", "openai", "input", on) == price("o1-mini", "openai", "input", on)


def test_the_named_providers_are_there() -> None:
    wanted = {"openai", "azure", "anthropic", "google", "mistral", "groq", "bedrock", "together", "fireworks"}
    assert wanted | {"deepinfra", "cerebras"} <= set(PROVIDERS)
    assert providers("gpt-4o-mini-2024-07-18") == ("openai", "azure")
    assert providers("gemma-3-1b") == ()


def test_every_contradiction_between_sources_is_settled_in_words() -> None:
    decisions = price_decisions()
    assert len(decisions) == 18
    for decision in decisions:
        assert decision.taken
        assert decision.because


def test_meters_are_the_ten_we_bill() -> None:
    assert len(METERS) == 10
    assert meters("gpt-4o-audio-preview-2024-12-17", "openai") == (
        "input",
        "output",
        "audio_input",
        "audio_output",
    )
