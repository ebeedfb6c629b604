"""Latency, limits, outages, failures and hardware: figures typed from sources, borrowing never silent."""

import math
from decimal import Decimal

import pytest

from planner.catalogue.models import UnknownModel, load
from planner.catalogue.prices import providers
from planner.catalogue.profiles import (
    LatencyUnknown,
    UnknownHardware,
    default_limits,
    device,
    devices,
    errors,
    gpu,
    gpus,
    has_latency,
    latency,
    limit_tiers,
    outages,
    parameter,
    parameters,
    transfer,
)


def test_a_measured_profile_has_the_measured_figures() -> None:
    found = latency("gpt-4o-2024-05-13", "openai")
    assert (found.ttft_p50_s, found.ttft_p95_s) == (0.555, 0.8485)
    assert (found.tokens_per_s_p50, found.tokens_per_s_p95) == (61.83, 80.8)
    assert found.measured
    assert found.borrowed_from is None
    assert found.streaming
    turbo = latency("gpt-4-turbo-2024-04-09", "openai")
    assert found.tokens_per_s_p50 / turbo.tokens_per_s_p50 == pytest.approx(2.641, abs=0.001)
    assert turbo.source == found.source


def test_a_missing_95_percent_point_follows_from_the_named_spread() -> None:
    mini = latency("gpt-4o-mini", "openai")
    assert mini.tokens_per_s_p50 == 50.86
    assert mini.tokens_per_s_sigma == pytest.approx(0.301)
    assert mini.tokens_per_s_p95 == pytest.approx(50.86 * math.exp(1.6448536 * 0.301), rel=1e-6)
    gpt_5 = latency("gpt-5", "openai")
    assert (gpt_5.ttft_p50_s, gpt_5.tokens_per_s_p50) == (0.89, 80)
    assert gpt_5.ttft_sigma == pytest.approx(0.42)
    assert gpt_5.tokens_per_s_sigma == pytest.approx(0.30)
    assert "0.42" in gpt_5.spread_source
    assert "June 2025" in gpt_5.spread_source


def test_voice_answers_have_the_claimed_mean_and_least_value() -> None:
    voice = latency("gpt-4o-audio-preview-2024-10-01", "openai")
    assert (voice.ttft_mean_s, voice.ttft_min_s) == (0.320, 0.232)
    sigma = voice.ttft_sigma
    assert voice.ttft_p50_s * math.exp(sigma**2 / 2) == pytest.approx(0.320)
    assert voice.ttft_p50_s * math.exp(-2.3263479 * sigma) == pytest.approx(0.232)
    assert latency("gpt-audio-1.5", "openai").ttft_p50_s == voice.ttft_p50_s
    assert latency("gpt-audio-1.5", "openai").borrowed_from is not None


def test_a_borrowed_profile_names_its_lender_and_is_an_estimate_of_low_confidence() -> None:
    for name, provider, lender in (
        ("gpt-5.6", "openai", "gpt-5 at openai"),
        ("gpt-4o-2024-11-20", "openai", "gpt-4o-2024-05-13 at openai (TTFT)"),
        ("claude-opus-5-5", "anthropic", "claude-3-opus-20240229 at anthropic"),
        ("llama-3.3-70b-instruct", "cerebras", "llama-3.3-70b-instruct at openrouter"),
        ("gpt-5.4-mini", "azure", "gpt-4.1-mini at openai"),
    ):
        found = latency(name, provider)
        assert found.borrowed_from is not None
        assert lender in found.borrowed_from
        assert (found.kind, found.confidence, found.measured) == ("estimate", "low", False)
        assert lender in found.note


def test_two_models_of_2024_do_not_stream() -> None:
    for record in load().values():
        if record.home_provider is not None:
            assert latency(record.name, record.home_provider).streaming == (
                record.name not in ("o1-mini", "o1-preview")
            )


def test_every_model_has_a_latency_wherever_it_is_sold() -> None:
    for record in load().values():
        for provider in {record.home_provider, *providers(record.name)} - {None}:
            assert provider is not None
            found = latency(record.name, provider)
            assert 0 < found.ttft_p50_s < found.ttft_p95_s
            assert 0 < found.tokens_per_s_p50 < found.tokens_per_s_p95
            assert found.source
            assert found.as_of
            assert found.confidence in ("low", "medium", "high")
            assert (found.kind == "estimate") == (found.borrowed_from is not None)
            assert "\n" not in found.note


def test_an_unknown_latency_is_an_error() -> None:
    with pytest.raises(LatencyUnknown, match="give latency in the deployment"):
        latency("gemma-3-1b", "groq")
    assert not has_latency("gemma-3-1b", "groq")
    with pytest.raises(UnknownModel):
        latency("gpt-4oo", "openai")


def test_outages_of_openai_by_hand() -> None:
    found = outages("openai")
    # 1298 days x 24 / 95; (1390 + 6501) min / 60 / 95 = 1.3844 h;
    # exp(-1.16^2 / 2) = 0.51027; exp(1.644854 x 1.16) = 6.7393
    assert found.mtbf_h == pytest.approx(327.916, abs=0.001)
    assert found.duration_mean_h == pytest.approx(1.38439, abs=1e-5)
    assert found.duration_p50_h == pytest.approx(0.7064, abs=2e-4)
    assert found.duration_p95_h == pytest.approx(4.761, abs=2e-3)
    assert found.borrowed_from is None
    assert found.as_of == "2024-08-31"


def test_outages_of_anthropic_by_hand() -> None:
    found = outages("anthropic")
    assert found.mtbf_h == pytest.approx(401.28)
    assert found.duration_mean_h == pytest.approx(1675 / 60 / 25)
    assert found.duration_p50_h == pytest.approx(0.449, abs=5e-4)
    assert found.duration_p95_h == pytest.approx(4.136, abs=5e-3)


@pytest.mark.parametrize(("provider", "percent"), [("openai", 99.5778), ("anthropic", 99.7217)])
def test_the_outage_law_loses_the_minutes_that_the_status_page_counted(provider: str, percent: float) -> None:
    assert outages(provider).availability * 100 == pytest.approx(percent, abs=5e-5)


def test_every_other_provider_borrows_its_outages_and_says_so() -> None:
    for provider in ("azure", "google", "mistral", "groq", "bedrock", "somebody-else"):
        found = outages(provider)
        assert found.borrowed_from == "openai"
        assert found.mtbf_h == outages("openai").mtbf_h
        assert found.confidence == "low"
        assert "borrowed from openai" in found.note
        assert found.provider == provider


def test_random_failures_are_what_was_probed_or_no_data() -> None:
    for provider in ("openai", "anthropic", "google"):
        found = errors(provider)
        assert (found.rate, found.kind) == (0, "measured")
        assert "0 failures in 10,080 probes" in found.source
    assert errors("mistral").rate == pytest.approx(3 / 10080)
    unknown = errors("groq")
    assert (unknown.rate, unknown.kind) == (0, "no data")
    assert "no data" in unknown.note


@pytest.mark.parametrize(
    ("name", "provider", "tier", "rpm", "tpm", "itpm", "otpm"),
    [
        ("gpt-4o-2024-11-20", "openai", "tier 5", 10_000, 30_000_000, None, None),
        ("gpt-4o-mini", "openai", "tier 5", 30_000, 150_000_000, None, None),
        ("o3-mini", "openai", "tier 5", 10_000, 150_000_000, None, None),
        ("gpt-5.5", "openai", "tier 1", 1_000, 500_000, None, None),
        ("claude-3-5-sonnet-20241022", "anthropic", "tier 4", 4_000, None, 400_000, 80_000),
        ("claude-sonnet-4-6", "anthropic", "tier 4", 4_000, None, 2_000_000, 400_000),
        ("claude-haiku-4-5", "anthropic", "tier 1", 50, None, 50_000, 10_000),
    ],
)
def test_default_limits_are_the_highest_published_tier_by_name(
    name: str, provider: str, tier: str, rpm: int, tpm: int | None, itpm: int | None, otpm: int | None
) -> None:
    found = default_limits(name, provider)
    assert found.tier == tier
    assert found.requests_per_minute == rpm
    assert found.tokens_per_minute == tpm
    assert (found.input_tokens_per_minute, found.output_tokens_per_minute) == (itpm, otpm)
    assert (found.kind, found.borrowed_from) == ("published", None)
    assert tier in found.note


def test_limits_of_models_without_published_ones_are_borrowed_and_say_so() -> None:
    luna = default_limits("gpt-5.6-luna", "openai")
    assert (luna.kind, luna.borrowed_from, luna.confidence) == ("estimate", "gpt-4o-mini", "low")
    opus = default_limits("claude-opus-5-5", "anthropic")
    assert opus.borrowed_from == "claude-fable-5.x"


def test_limits_nobody_published_are_none_and_not_unlimited_by_silence() -> None:
    found = default_limits("gemini-4-argon", "google")
    assert found.kind == "no data"
    assert found.requests_per_minute is None
    assert "none applied" in found.note
    assert limit_tiers("gemini-4-argon", "google") == ()


def test_tiers_rise() -> None:
    tiers = limit_tiers("gpt-4o", "openai")
    assert [tier.tier for tier in tiers] == [f"tier {i}" for i in range(1, 6)]
    assert [tier.tokens_per_minute for tier in tiers] == [30_000, 450_000, 800_000, 2_000_000, 30_000_000]
    assert limit_tiers("gpt-4o-mini", "openai")[0].requests_per_day == 10_000


def test_how_a_limit_is_enforced_differs_by_provider() -> None:
    openai, azure = default_limits("gpt-4o", "openai"), default_limits("gpt-4o", "azure")
    assert (openai.limiter, openai.charge) == ("token-bucket", "max-of-max-output-and-estimate")
    assert openai.failed_requests_count
    assert (azure.limiter, azure.charge) == ("fixed-window", "prompt-plus-max-output")
    claude = default_limits("claude-opus-5-5", "anthropic")
    assert (claude.limiter, claude.charge) == ("token-bucket", "prompt-plus-max-output")


def test_a_jetson_of_the_shipped_kind() -> None:
    jetson = device("jetson-orin-nano-super")
    assert (jetson.tokens_per_s, jetson.watts, jetson.usd, jetson.life_years) == (54.1, 25, Decimal("250"), 4)
    assert jetson.life_source
    assert devices()["laptop-rtx-4050"].usd is None
    assert devices()["iphone-16-pro"].tokens_per_s is None
    for one in devices().values():
        assert one.model in load()
        assert one.source
        assert one.as_of
        assert one.confidence in ("low", "medium", "high")
        assert one.label in one.note


@pytest.mark.parametrize(
    ("name", "low", "central", "high", "memory_gb"),
    [
        ("h100-80gb", "2.4024", "3.99", "12.29", 80),
        ("a100-80gb", "1.39", "2.79", "3.673", 80),
        ("a100-40gb", "1.99", "2.7447", "3.3996", 40),
        ("l40s", "0.941", "1.861", "1.861", 48),
        ("l4", "0.70", "0.80", "1.10", 24),
        ("h200-141gb", "3.99", "5.40", "6.305", 141),
    ],
)
def test_gpu_prices(name: str, low: str, central: str, high: str, memory_gb: int) -> None:
    found = gpu(name)
    assert found.usd_per_hour == Decimal(central)
    assert (found.usd_per_hour_low, found.usd_per_hour_high) == (Decimal(low), Decimal(high))
    assert found.memory_gb == memory_gb


def test_gpus_are_priced_low_to_high_with_a_source() -> None:
    for one in gpus().values():
        assert 0 < one.usd_per_hour_low <= one.usd_per_hour <= one.usd_per_hour_high
        assert one.source
        assert one.as_of
        assert one.provider in one.note


def test_unknown_hardware_gets_the_nearest_name() -> None:
    with pytest.raises(UnknownHardware, match="did you mean h100-80gb"):
        gpu("h100-80g")
    with pytest.raises(UnknownHardware, match="did you mean jetson-orin-nano"):
        device("jetson-orin-nan")
    with pytest.raises(UnknownHardware, match="did you mean pue_hyperscale"):
        parameter("pue_hyperscal")


def test_figures_around_the_models() -> None:
    assert parameter("electricity_usd_per_kwh").central == 0.13
    assert parameter("pue_hyperscale").central == 1.12
    assert parameter("egress_aws_usd_per_gb").central == 0.09
    assert set(transfer()) == {
        "bytes_per_input_token",
        "bytes_per_output_token",
        "bytes_per_audio_s",
        "bytes_per_image",
    }
    for name, figure in (*parameters().items(), *transfer().items()):
        assert figure.low <= figure.central <= figure.high, name
        assert figure.source
        assert figure.as_of
        assert figure.confidence in ("low", "medium", "high")
        assert figure.unit in figure.describe(name)
    for figure in transfer().values():
        assert figure.confidence == "low"
