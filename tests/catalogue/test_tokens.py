"""Image and audio tokens against published examples and sums done by hand."""

from decimal import Decimal

import pytest

from planner.catalogue.models import load
from planner.catalogue.tokens import (
    NoTokenRule,
    audio_input_tokens_per_s,
    audio_output_tokens_per_s,
    check_rules,
    image_context_tokens,
    image_rule,
    image_tokens,
)


@pytest.mark.parametrize(
    ("name", "width_px", "height_px", "detail", "expected"),
    [
        # published: 2048 x 4096 becomes 768 x 1536, six tiles
        ("gpt-4o-2024-05-13", 2048, 4096, "high", 1105),
        ("gpt-4-turbo-2024-04-09", 2048, 4096, "high", 1105),
        ("gpt-4o-mini-2024-07-18", 2048, 4096, "high", 36835),
        # published: low detail, whatever the size
        ("gpt-4o", 4096, 8192, "low", 85),
        ("gpt-4o-mini", 4096, 8192, "low", 2833),
        # 1024 x 1024 becomes 768 x 768, four tiles: 85 + 4 x 170 and 2833 + 4 x 5667
        ("gpt-4o-2024-11-20", 1024, 1024, "high", 765),
        ("gpt-4o-mini", 1024, 1024, "high", 25501),
        # 512 x 512 is not enlarged: one tile
        ("gpt-4o", 512, 512, "high", 255),
        ("gpt-4o", 513, 512, "high", 425),
        # 4096 x 512 becomes 2048 x 256: four tiles in one row
        ("gpt-4o", 4096, 512, "high", 765),
        # 75 + 4 x 150 and 70 + 4 x 140, from memory
        ("o1", 1024, 1024, "high", 675),
        ("gpt-5", 1024, 1024, "high", 630),
        # 32 x 32 patches: 1024 x 1.62 = 1658.88, x 2.46 = 2519.04, x 1.72 = 1761.28, rounded up
        ("gpt-4.1-mini", 1024, 1024, "high", 1659),
        ("gpt-5-nano", 1024, 1024, "high", 2520),
        ("o4-mini", 1024, 1024, "high", 1762),
        # 4096 patches are capped at 1536: x 1.62 = 2488.32
        ("gpt-5-mini", 2048, 2048, "high", 2489),
        # published: 200 x 200 about 54, 1000 x 1000 about 1334, 1092 x 1092 about 1590
        ("claude-3-5-sonnet-20240620", 200, 200, "high", 54),
        ("claude-3-5-sonnet-20240620", 1000, 1000, "high", 1334),
        ("claude-3-haiku-20240307", 1092, 1092, "high", 1590),
        # 3136 x 784 becomes 1568 x 392 = 614,656 px; 819.5 tokens
        ("claude-opus-5-5", 3136, 784, "high", 820),
        ("claude-opus-5-5", 4000, 4000, "high", 1600),
        # published: 600 x 400 is 258
        ("gemini-2.0-flash", 600, 400, "high", 258),
        ("gemini-2.5-pro", 384, 384, "high", 258),
        ("gemini-2.5-pro", 769, 400, "high", 516),
        ("gemini-2.5-pro", 1536, 1536, "high", 1032),
        ("gemini-1.5-pro", 3000, 3000, "high", 258),
    ],
)
def test_image_tokens(name: str, width_px: int, height_px: int, detail: str, expected: int) -> None:
    assert image_tokens(name, width_px, height_px, detail) == expected


def test_one_photo_costs_as_much_on_mini_as_on_launch_omni_and_twice_the_later_omni() -> None:
    def usd(name: str, per_mtok: str) -> Decimal:
        return Decimal(image_tokens(name, 2048, 4096)) * Decimal(per_mtok) / 1_000_000

    assert usd("gpt-4o-2024-05-13", "5") == Decimal("0.005525")
    assert usd("gpt-4o-mini-2024-07-18", "0.15") == Decimal("0.00552525")
    assert usd("gpt-4o-2024-08-06", "2.5") == Decimal("0.0027625")


def test_extra_image_tokens_of_mini_are_billed_but_do_not_fill_the_window() -> None:
    assert image_context_tokens("gpt-4o-mini", 2048, 4096) == 1105
    assert image_context_tokens("gpt-4o-mini", 100, 100, "low") == 85
    assert image_context_tokens("gpt-4o", 2048, 4096) == 1105


@pytest.mark.parametrize(
    ("width_px", "height_px", "detail", "text"),
    [
        (0, 100, "high", "at least 1 x 1"),
        (100, -1, "high", "at least 1 x 1"),
        (100, 100, "hihg", "did you mean high"),
    ],
)
def test_impossible_images_are_refused(width_px: int, height_px: int, detail: str, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        image_tokens("gpt-4o", width_px, height_px, detail)


def test_a_model_without_vision_says_what_it_takes() -> None:
    with pytest.raises(NoTokenRule, match=r"o1-mini takes no images \(it takes text\)"):
        image_tokens("o1-mini", 100, 100)


def test_a_minute_of_talk_with_the_realtime_model_of_2024_10() -> None:
    name = "gpt-4o-realtime-preview-2024-10-01"
    heard, spoken = 60 * audio_input_tokens_per_s(name), 60 * audio_output_tokens_per_s(name)
    assert (heard, spoken) == (600, 1200)
    assert Decimal(heard) * 100 / 1_000_000 == Decimal("0.06")
    assert Decimal(spoken) * 200 / 1_000_000 == Decimal("0.24")


def test_gemini_hears_but_does_not_speak() -> None:
    assert audio_input_tokens_per_s("gemini-2.5-flash") == 32
    with pytest.raises(NoTokenRule, match="answers in text"):
        audio_output_tokens_per_s("gemini-2.5-flash")


def test_audio_of_a_text_model_is_an_error() -> None:
    with pytest.raises(NoTokenRule, match="takes no audio"):
        audio_input_tokens_per_s("gpt-4o")


def test_every_model_has_a_rule_for_all_it_takes_and_gives() -> None:
    for record in load().values():
        check_rules(record)
        assert ("vision" in record.modalities) == (record.image_rule is not None), record.name
        assert ("audio" in record.modalities) == (record.audio_rule is not None), record.name


def test_rules_assumed_for_newer_models_say_so() -> None:
    for name in ("gpt-5.6", "gpt-5.6-luna", "claude-haiku-5-5", "gemini-4-argon"):
        rule = image_rule(name)
        assert rule.confidence == "low"
        assert rule.note
        assert "assumed like" in rule.note
    assert image_rule("gpt-4o").confidence == "high"
    assert image_tokens("gpt-5.6-luna", 1024, 1024) == image_tokens("gpt-5-mini", 1024, 1024)


def test_a_bigger_image_never_has_fewer_tokens_at_the_same_shape() -> None:
    for name in ("gpt-4o", "gpt-4o-mini", "gpt-5-mini", "claude-opus-5-5", "gemini-2.5-pro"):
        counts = [image_tokens(name, side, side) for side in range(16, 3000, 61)]
        assert counts == sorted(counts)
