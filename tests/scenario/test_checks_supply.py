from typing import Any

import pytest

from planner.scenario.known import kind_of
from tests.scenario.samples import notices_with, problems_with, scenario


def test_models_and_providers_are_known() -> None:
    assert problems_with({"deployments.a.model": "gpt-4o-mni"}) == [
        "deployments.a.model: got 'gpt-4o-mni'; not in the catalogue and not under models; did you mean gpt-4o-mini?"
    ]
    assert problems_with({"deployments.b.model": "zebra"}) == [
        "deployments.b.model: got 'zebra'; not in the catalogue and not under models"
    ]
    assert problems_with({"deployments.a.provider": "opena"}) == [
        "deployments.a.provider: got 'opena'; not in the catalogue; did you mean openai?"
    ]


def test_figures_and_deployments_that_nobody_uses_are_noticed() -> None:
    unused = {
        "models.gpt-4o-2024-08-05": {"input_usd_per_mtok": 1},
        "deployments.c": {"model": "m", "latency": {"total_s": 1}},
    }
    assert notices_with(unused) == [
        "models.gpt-4o-2024-08-05: no strategy uses this model, so these figures change nothing; "
        "did you mean gpt-4o-2024-08-06?",
        "deployments.c: no strategy uses this deployment",
    ]


GPU = {
    "deployments.b.server": {"gpu": "l40s", "replicas": 2},
    "deployments.b.limits": {"concurrent": 8},
}
DEVICE = {
    "deployments.b.device": {"kind": "jetson-orin-nano-super", "fleet": 5},
    "deployments.b.limits": {"concurrent": 5},
}


def test_own_hardware_needs_no_token_price() -> None:
    free = {"models.m": {"ability": {"faq": 0}}}
    assert problems_with({**GPU, **free}) == []
    assert problems_with({**DEVICE, **free}) == []


def test_own_hardware_is_in_the_catalogue() -> None:
    assert problems_with({**GPU, "deployments.b.server.gpu": "l40"}) == [
        "deployments.b.server.gpu: got 'l40'; not in the catalogue; did you mean l40s?"
    ]
    assert problems_with({**DEVICE, "deployments.b.device.kind": "jetson-orin-nano-sup"}) == [
        "deployments.b.device.kind: got 'jetson-orin-nano-sup'; not in the catalogue; did you mean jetson-orin-nano-super?"
    ]
    assert problems_with({**GPU, **DEVICE}) == ["deployments.b.device: given beside server; give one of them"]


@pytest.mark.parametrize(("hardware", "what"), [(GPU, "own GPUs"), (DEVICE, "devices")])
def test_own_hardware_needs_an_explicit_latency_and_concurrency(hardware: dict[str, Any], what: str) -> None:
    assert problems_with({**hardware, "deployments.b.latency": "catalogue", "deployments.b.limits": {}}) == [
        f"deployments.b.latency: not supported yet: {what} without an explicit latency; "
        "give {ttft_s, tokens_per_s} or {total_s}",
        f"deployments.b.limits.concurrent: not supported yet: {what} without a number of calls in flight",
    ]


def test_a_device_without_price_or_power_in_the_catalogue_must_give_them() -> None:
    phone = {**DEVICE, "deployments.b.device.kind": "iphone-16-pro"}
    assert problems_with(phone) == [
        "deployments.b.device: usd must be given: the catalogue has no price of iphone-16-pro",
        "deployments.b.device.kind: watts must be given: the catalogue has no power of iphone-16-pro",
    ]
    assert problems_with({**phone, "deployments.b.device.usd": 999, "deployments.b.device.watts": 4}) == []
    assert (
        problems_with({**phone, "deployments.b.device.usd": 999, "finance.electricity_usd_per_kwh": 0}) == []
    )


def test_weights_must_fit_the_memory_of_the_gpus() -> None:
    large = {**GPU, "models.m.params_billions": 70, "models.m.bytes_per_weight": 2}
    assert problems_with(large) == [
        "deployments.b.server.gpu: got l40s, 48 GB in 1 of them; "
        "allowed: at least 140 GB for m (70e9 weights of 2 bytes)"
    ]
    assert problems_with({**large, "deployments.b.server.gpus_per_replica": 3}) == []
    assert problems_with({**large, "models.m.bytes_per_weight": 0.5}) == []


def test_a_latency_of_the_catalogue_must_exist() -> None:
    assert problems_with({"deployments.b.latency": "catalogue"}) == [
        "deployments.b.latency: the catalogue has no latency of m without a provider; "
        "give deployments.b.latency: {ttft_s, tokens_per_s} or {total_s}"
    ]
    assert problems_with({"deployments.b.latency": "catalogue", "deployments.b.provider": "openai"}) == [
        "deployments.b.latency: the catalogue has no latency of m at openai; "
        "give deployments.b.latency: {ttft_s, tokens_per_s} or {total_s}"
    ]
    to_own = {"finance.migrations": [{"at": "2025-06-01", "from": "gpt-4o-2024-08-06", "to": "m"}]}
    assert problems_with(to_own) == [
        "finance.migrations[0].to: the catalogue has no latency of m at openai; "
        "give deployments.a.latency: {ttft_s, tokens_per_s} or {total_s}"
    ]


def test_a_speed_is_above_zero() -> None:
    for law in (0, {"fixed": 0}, {"empirical": [0, 5]}):
        assert problems_with({"deployments.b.latency": {"ttft_s": 1, "tokens_per_s": law}}) == [
            "deployments.b.latency.tokens_per_s: got a speed that can be 0; allowed: a law above 0 (tokens/s)"
        ]
    assert (
        problems_with({"deployments.b.latency": {"ttft_s": 0, "tokens_per_s": {"exponential_mean": 5}}}) == []
    )


def test_a_bucket_lets_at_least_one_request_through() -> None:
    slow = {"deployments.a.limits": {"requests_per_minute": 10, "burst_s": 3}}
    assert problems_with(slow) == [
        "deployments.a.limits.burst_s: got 3; allowed: at least 6: 10 requests per minute let no request through in less"
    ]
    assert problems_with({**slow, "deployments.a.limits.burst_s": 6}) == []


@pytest.mark.parametrize(
    ("charge", "needed"),
    [
        ("estimate", 900),
        ("actual", 1100),
        ("prompt-plus-max-output", 1300),
        ("max-of-max-output-and-estimate", 900),
    ],
)
def test_a_request_of_certain_size_fits_the_bucket(charge: str, needed: int) -> None:
    sizes = {
        "tasks.faq.input_tokens": 600,
        "tasks.faq.shared_prefix_tokens": 300,
        "tasks.faq.output_tokens": 200,
        "tasks.faq.max_output_tokens": 400,
    }
    limits = {"deployments.a.limits": {"tokens_per_minute": needed - 1, "charge": charge}}
    assert problems_with({**sizes, **limits}) == [
        f"deployments.a.limits.tokens_per_minute: got {needed - 1} ({needed - 1} tokens in burst_s 60); "
        f"allowed: at least {needed} tokens at once: one request of task faq is charged that much by {charge}"
    ]
    assert (
        problems_with({**sizes, "deployments.a.limits": {"tokens_per_minute": needed, "charge": charge}})
        == []
    )
    drawn = {**sizes, "tasks.faq.input_tokens": {"p50": 600, "p95": 601}, "tasks.faq.max_output_tokens": 200}
    assert problems_with({**drawn, **limits}) == []  # too large only by chance: fails by name when it happens


def test_the_bucket_holds_what_burst_s_says() -> None:
    limits = {"deployments.a.limits": {"tokens_per_minute": 6000, "burst_s": 1, "charge": "estimate"}}
    assert problems_with({**limits, "tasks.faq.input_tokens": 101}) == [
        "deployments.a.limits.tokens_per_minute: got 6000 (100 tokens in burst_s 1); "
        "allowed: at least 101 tokens at once: one request of task faq is charged that much by estimate"
    ]
    assert problems_with({**limits, "tasks.faq.input_tokens": 100}) == []


def test_a_model_counts_tokens_by_its_own_factor() -> None:
    limits = {
        "deployments.a.limits": {"tokens_per_minute": 149, "charge": "estimate"},
        "tasks.faq.input_tokens": 100,
    }
    assert problems_with({**limits, "models.gpt-4o-2024-08-06": {"input_token_factor": 1.5}})[0].endswith(
        "allowed: at least 150 tokens at once: one request of task faq is charged that much by estimate"
    )
    assert problems_with(limits) == []


def test_a_rate_that_no_64_bit_bucket_holds_is_refused() -> None:
    assert problems_with({"deployments.a.limits": {"tokens_per_minute": 999_999_937}}) == [
        "deployments.a.limits.tokens_per_minute: got 999999937; "
        "allowed: a rate whose bucket is exact in 64 bits: round it to a multiple of 1,000"
    ]
    assert problems_with({"deployments.a.limits": {"tokens_per_minute": 999_999_000}}) == []


def test_images_and_speech_can_be_counted_on_every_model_that_may_get_them() -> None:
    photo = {
        "tasks.faq.modalities": ["text", "vision"],
        "tasks.faq.images": [{"width_px": 100, "height_px": 100}],
        "models.m.modalities": ["text", "vision"],
    }
    assert problems_with(photo) == [
        "deployments.b.model: the tokens of task faq's images are not known: "
        "'m' is not a model of the catalogue; give models.m.image_tokens"
    ]
    assert problems_with({**photo, "models.m.image_tokens": 100}) == []
    talk = {
        "tasks.faq.modalities": ["text", "audio"],
        "tasks.faq.audio": {"input_s": 5},
        "models.m.modalities": ["text", "audio"],
        "models.m.audio_input_usd_per_mtok": 5,
        "strategies": {"s": {"omni": ["b"]}},
    }
    assert problems_with(talk) == [
        "deployments.b.model: the tokens of task faq's speech are not known: 'm' is not a model of the catalogue"
    ]


def test_a_deadline_of_one_deployment_is_refused() -> None:
    assert problems_with({"deployments.a.policy": {"deadline_s": 60}}) == [
        "deployments.a.policy.deadline_s: a deadline is of the whole request, not of one deployment; "
        "give it under policy or under a strategy's policy"
    ]


def test_an_own_model_without_figures_takes_text_of_any_length() -> None:
    from planner.scenario.known import facts

    found = facts(scenario(), "m")
    assert found is not None
    assert found.modalities == {"text"}
    assert found.context_tokens is None


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (
            {"kind": "fixed-window", "burst_s": 10},
            "deployments.a.limits.burst_s: got burst_s with kind fixed-window; allowed: burst_s with kind token-bucket or leaky-bucket",
        ),
        (
            {"kind": "sub-window", "burst_s": 10},
            "deployments.a.limits.burst_s: got burst_s with kind sub-window; allowed: burst_s with kind token-bucket or leaky-bucket",
        ),
        (
            {"slice_s": 10},
            "deployments.a.limits.slice_s: got slice_s with kind token-bucket, that of openai; "
            "allowed: slice_s with kind sub-window; give deployments.a.limits.kind",
        ),
        (
            {"kind": "token-bucket", "slice_s": 10},
            "deployments.a.limits.slice_s: got slice_s with kind token-bucket; allowed: slice_s with kind sub-window",
        ),
        (
            {"kind": "sub-window", "requests_per_minute": 50},
            "deployments.a.limits.slice_s: got 1; allowed: at least 1.2: 50 requests per minute let no request through in less",
        ),
        (
            {"kind": "fixed-window", "tokens_per_minute": 50, "charge": "estimate"},
            "deployments.a.limits.tokens_per_minute: got 50 (50 tokens in a minute); "
            "allowed: at least 100 tokens at once: one request of task faq is charged that much by estimate",
        ),
        (
            {"kind": "sub-window", "slice_s": 2, "tokens_per_minute": 2970, "charge": "after-completion"},
            "deployments.a.limits.tokens_per_minute: got 2970 (99 tokens in slice_s 2); "
            "allowed: at least 100 tokens at once: one request of task faq is charged that much by after-completion",
        ),
        (
            {"tokens_per_minute": 100_001, "charge": "after-completion"},
            "deployments.a.limits.tokens_per_minute: got 100001; "
            "allowed: a rate whose bucket is exact in 64 bits: round it to a multiple of 1,000",
        ),
    ],
)
def test_each_kind_of_limiter_says_what_does_not_fit_it(given: dict[str, object], problem: str) -> None:
    assert problems_with({"tasks.faq.input_tokens": 100, "deployments.a.limits": given}) == [problem]


@pytest.mark.parametrize(
    ("deployment", "kind"),
    [
        ({"provider": "openai"}, "token-bucket"),
        ({"provider": "azure"}, "fixed-window"),
        ({"provider": "mistral"}, "token-bucket"),
        ({}, "token-bucket"),
        ({"provider": "azure", "limits": {"kind": "sub-window"}}, "sub-window"),
        ({"provider": "azure", "limits": {"kind": "token-bucket"}}, "token-bucket"),
        ({"provider": "azure", "limits": None}, "fixed-window"),
    ],
)
def test_a_limiter_is_of_the_kind_given_else_of_its_providers(
    deployment: dict[str, object], kind: str
) -> None:
    found = scenario({"deployments.b": {"model": "m", "latency": {"total_s": 1}, **deployment}})
    assert kind_of(found.deployments["b"]) == kind


def test_what_the_providers_kind_does_not_read_is_refused_even_where_nobody_uses_the_deployment() -> None:
    azure = {"model": "m", "latency": {"total_s": 1}, "provider": "azure", "limits": {"burst_s": 10}}
    assert problems_with({"deployments.idle": azure}) == [
        "deployments.idle.limits.burst_s: got burst_s with kind fixed-window, that of azure; "
        "allowed: burst_s with kind token-bucket or leaky-bucket; give deployments.idle.limits.kind"
    ]
    azure["limits"] = {"burst_s": 10, "kind": "token-bucket"}
    assert problems_with({"deployments.idle": azure}) == []


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (
            {"output_tokens_per_minute": 1000, "charge": "estimate"},
            "deployments.a.limits.output_tokens_per_minute: the charging rule estimate counts no output, so this limit "
            "would never be met; give deployments.a.limits.charge: prompt-plus-max-output, actual or after-completion",
        ),
        (
            {"input_tokens_per_minute": 99, "charge": "actual"},
            "deployments.a.limits.input_tokens_per_minute: got 99 (99 tokens in burst_s 60); "
            "allowed: at least 100 tokens at once: one request of task faq is charged that much by actual",
        ),
        (
            {"output_tokens_per_minute": 399, "charge": "prompt-plus-max-output"},
            "deployments.a.limits.output_tokens_per_minute: got 399 (399 tokens in burst_s 60); "
            "allowed: at least 400 tokens at once: one request of task faq is charged that much by prompt-plus-max-output",
        ),
    ],
)
def test_limits_of_input_and_output_say_what_does_not_fit(given: dict[str, object], problem: str) -> None:
    sizes = {"tasks.faq.input_tokens": 100, "tasks.faq.max_output_tokens": 400}
    assert problems_with({**sizes, "deployments.a.limits": given}) == [problem]


def test_a_leaky_bucket_lets_any_request_in_and_a_window_needs_no_round_rate() -> None:
    for given in (
        {"kind": "leaky-bucket", "tokens_per_minute": 60, "requests_per_minute": 1, "burst_s": 1},
        {"kind": "fixed-window", "tokens_per_minute": 100_001, "charge": "after-completion"},
    ):
        assert problems_with({"tasks.faq.input_tokens": 100, "deployments.a.limits": given}) == []
