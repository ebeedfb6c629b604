"""What a configuration must be: every problem at once with file, line and field, and no secret anywhere."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.gateways import ConfigurationError
from planner.gateways.yaml_text import yaml_text
from tests.gateways_config.configurations import FULL, SECRET, imported, scenario_of, small

WRONG = """\
model_list:
  - model_name: chat
    litellm_params: {model: openai/gpt-4o, rpm: many, timeout: -1, num_retries: 1.5}
  - litellm_params: {model: openai/gpt-4o}
  - model_name: bare
  - model_name: empty
    litellm_params: {api_base: os.environ/WHERE_IS_IT}
router_settings:
  routing_strategy: simple-shufle
  fallbacks: [{chat: spare}, {a: [b], c: [d]}, chat]
  health_check_interval: 3
  disable_cooldowns: maybe
  default_fallbacks: spare
  model_group_alias: {x: 3}
"""


def problems(text: str, **environment: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        imported(text, **environment)
    assert str(caught.value).endswith("; nothing was imported.")
    return [str(problem) for problem in caught.value.problems]


def test_all_problems_are_told_at_once_with_file_line_field_given_and_allowed() -> None:
    assert problems(WRONG) == [
        "config.yaml:3: model_list[0].litellm_params.rpm: got 'many'; allowed: whole number >= 0 (requests/min)",
        "config.yaml:3: model_list[0].litellm_params.timeout: got -1; allowed: number >= 0 (s)",
        "config.yaml:3: model_list[0].litellm_params.num_retries: got 1.5; allowed: whole number >= 0 (retries)",
        "config.yaml:4: model_list[1].model_name: got nothing; allowed: text, the name that clients ask for",
        "config.yaml:5: model_list[2].litellm_params: got nothing; allowed: a mapping with model",
        "config.yaml:7: model_list[3].litellm_params.model: got nothing; allowed: text, such as openai/gpt-4o",
        "config.yaml:7: model_list[3].litellm_params.api_base: got os.environ/WHERE_IS_IT; allowed: a value, or a "
        "variable of the environment that has one; set WHERE_IS_IT, or give --env WHERE_IS_IT=VALUE",
        "config.yaml:9: router_settings.routing_strategy: got 'simple-shufle'; allowed: simple-shuffle, least-busy, "
        "latency-based-routing, usage-based-routing, usage-based-routing-v2, cost-based-routing; "
        "did you mean simple-shuffle?",
        "config.yaml:10: router_settings.fallbacks[0].chat: got a text; allowed: a list of model names",
        "config.yaml:10: router_settings.fallbacks[1]: got a mapping with 2 keys; allowed: a mapping with one key, "
        "such as {gpt-4o: [gpt-4o-mini]}",
        "config.yaml:10: router_settings.fallbacks[2]: got a text; allowed: a mapping with one key, such as "
        "{gpt-4o: [gpt-4o-mini]}",
        "config.yaml:11: router_settings.health_check_interval: got health_check_interval under router_settings; "
        "allowed: it under general_settings",
        "config.yaml:12: router_settings.disable_cooldowns: got 'maybe'; allowed: true or false",
        "config.yaml:13: router_settings.default_fallbacks: got a text; allowed: a list of model names",
        "config.yaml:14: router_settings.model_group_alias.x: got a number; allowed: a model_name of model_list",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "config.yaml:1: got nothing; allowed: a mapping with model_list"),
        ("- a", "config.yaml:1: got a list; allowed: a mapping with model_list"),
        ("model_list: []", "config.yaml:1: model_list: got an empty list; allowed: a list of deployments"),
        ("litellm_settings: {}", "config.yaml: model_list: got nothing; allowed: a list of deployments"),
        ("model_list: [3]", "config.yaml:1: model_list[0]: got a number; allowed: a mapping with model_name"),
        ("model_list: [{a: }", "config.yaml:1: not readable as YAML"),
        (
            "model_list: [{model_name: '*', litellm_params: {model: '*'}}]",
            "config.yaml:1: model_list: got no deployment that a plan can hold",
        ),
        (
            "model_list: [{model_name: a, litellm_params: {model: b}}]\nmodel_list: 3",
            "config.yaml:2: model_list: the key is given twice; first on line 1",
        ),
    ],
)
def test_what_is_no_configuration_is_told(text: str, told: str) -> None:
    assert problems(text)[0].startswith(told)


def test_a_strategy_that_litellm_has_and_the_planner_has_not_is_refused() -> None:
    (told,) = problems(small({"routing_strategy": "lar1"}))
    assert "got 'lar1'; allowed: simple-shuffle, " in told


def test_too_many_equals_and_too_many_groups_are_refused() -> None:
    (told,) = problems(small(None, *[{"model": "openai/gpt-4o"}] * 61))
    assert told.endswith("got 61 deployments of one model_name; allowed: at most 60")
    entries = [{"model_name": f"m{number}", "model": "openai/gpt-4o"} for number in range(53)]
    told = problems(small({"default_fallbacks": [one["model_name"] for one in entries]}, *entries))[0]
    assert told.endswith("got 52 groups that m0 falls back on; allowed: at most 50")


def test_words_of_yaml_1_1_and_merge_keys_are_read_as_litellm_reads_them() -> None:
    found = imported(
        "base: &base {rpm: 5_000, timeout: '12'}\n"
        "model_list: [{model_name: a, litellm_params: {<<: *base, model: openai/gpt-4o}}]\n"
        "router_settings: {disable_cooldowns: yes}\n"
    )
    assert "breaker: null" in found.text
    assert "policy: {timeout_s: 12}" in found.text
    assert "limits: {concurrent: 5000}" in found.text


# -- the environment -----------------------------------------------------------------------------


def test_a_reference_is_read_from_the_environment_and_its_value_never_shown() -> None:
    text = small(None, {"model": "azure/gpt-4o", "api_base": "os.environ/BASE", "rpm": "os.environ/RPM"})
    found = imported(text, BASE="https://our-eu.openai.azure.com", RPM="70")
    assert "azure/gpt-4o (our-eu)" in found.text
    assert "concurrent: 70" in found.text
    told = problems(text, BASE="x", RPM=SECRET)
    assert told == [
        "config.yaml:2: model_list[0].litellm_params.rpm: got the value of a variable of the environment; "
        "allowed: whole number >= 0 (requests/min)"
    ]


def test_a_variable_that_the_configuration_sets_itself_counts() -> None:
    entry = {"model": "openai/gpt-4o", "rpm": "os.environ/RPM"}
    found = imported(small(None, entry, environment_variables={"RPM": 80}), RPM="70")
    assert "concurrent: 80" in found.text


def test_a_secret_without_a_value_is_a_notice_as_it_is_not_needed() -> None:
    text = small(None, {"model": "openai/gpt-4o", "api_key": "os.environ/OPENAI_API_KEY"})
    (told,) = imported(text).warnings
    assert told.startswith(
        "config.yaml:2: model_list[0].litellm_params.api_key: os.environ/OPENAI_API_KEY has no value here"
    )
    found = imported(text, OPENAI_API_KEY=SECRET)
    assert found.warnings == ()
    assert found.text == imported(text).text
    assert SECRET not in repr(found)


# -- secrets -------------------------------------------------------------------------------------


def everything(text: str) -> str:
    """All that an import says, whatever comes of it."""
    try:
        return repr(imported(text))
    except ConfigurationError as error:
        return f"{error}\n{error!r}"


BROKEN = (
    f"model_list: [{{api_key: {SECRET}",
    f"model_list:\n  api_key: {SECRET}\n    x: y",
    f"model_list: {SECRET}",
    f"{SECRET}",
    f"[{SECRET}]",
    f"api_key: *{SECRET}\nmodel_list: []",
    f"api_key: &{SECRET} !{SECRET} x\nmodel_list: []",
    f"api_key: !!{SECRET} x",
    f"api_key: '{SECRET}",
    f'api_key: "{SECRET}\\q"',
    f"api_key: {SECRET}: {SECRET}",
    f"- {SECRET}: - {SECRET}",
    f"model_list: [{{model_name: a, litellm_params: {SECRET}}}]",
    f"model_list: [{{model_name: a, litellm_params: [{SECRET}]}}]",
    f"model_list: [{{model_name: a, litellm_params: {{model: {{api_key: {SECRET}}}}}}}]",
    f"model_list: [{{model_name: a, litellm_params: {{model: openai/gpt-4o, rpm: {SECRET}, weight: Bearer {SECRET}}}}}]",
    f"model_list: [{{model_name: a, litellm_params: {{model: openai/gpt-4o, api_key: 'a\x01{SECRET}'}}}}]",
    f"model_list: [{{model_name: a, litellm_params: {{model: openai/gpt-4o}}}}]\nrouter_settings: {SECRET}",
    f"model_list: [{{model_name: a, litellm_params: {{model: openai/gpt-4o}}}}]\nrouter_settings: "
    f"{{routing_strategy: {SECRET}, fallbacks: {SECRET}, retry_policy: {SECRET}, num_retries: '{SECRET}'}}",
)


def test_a_secret_is_in_nothing_that_comes_of_a_full_configuration() -> None:
    assert SECRET not in everything(FULL)
    assert "secret" not in imported(FULL).text.replace("aws_secret_access_key", "").replace(
        "a secret, or may", ""
    )


@pytest.mark.parametrize("text", BROKEN, ids=range(len(BROKEN)))
def test_a_secret_is_in_no_message_about_a_broken_configuration(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        imported(text)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_key_of_digits_is_not_shown_either() -> None:
    for key in ("0123456789", "0x1234567890", "1_234_567_890.5"):
        told = everything(
            small(None, {"model": "openai/gpt-4o"}) + f"general_settings:\n  master_key: {key}\n"
        )
        assert key not in told
        assert "config.yaml:4: general_settings.master_key: got a value; allowed: " in told


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_secret_is_in_nothing_that_comes_of_a_damaged_configuration(data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(FULL)), min_size=1, max_size=3)))
    pieces = [FULL[start:stop] for start, stop in pairwise([0, *cuts, len(FULL)])]
    damage = st.sampled_from(
        ["", " ", ":", "[", "}", "'", '"', "*", "&a ", "!x ", "\n", "\t", "- ", "# ", "%", "0"]
    )
    text = "".join(piece + data.draw(damage) for piece in pieces)
    if text.count(SECRET) == FULL.count(SECRET):  # a cut key is another text
        assert SECRET not in everything(text)


def test_secrets_have_many_names() -> None:
    fields: dict[str, Any] = dict.fromkeys(
        ("api_key", "azure_ad_token", "client_secret", "aws_session_token", "vertex_credentials", "headers"),
        SECRET,
    )
    found = imported(small(None, {"model": "openai/gpt-4o", **fields}))
    assert SECRET not in repr(found)
    (told,) = [one for one in found.notices if "never kept" in one]
    assert all(f"model_list[0].litellm_params.{name}" in told for name in fields)


KEYS = (
    "model_list", "model_name", "litellm_params", "model_info", "model", "api_base", "rpm", "weight", "order", "timeout",
    "num_retries", "id", "input_cost_per_token", "router_settings", "litellm_settings", "routing_strategy",
    "routing_strategy_args", "fallbacks", "default_fallbacks", "context_window_fallbacks", "model_group_alias",
    "retry_policy", "model_group_retry_policy", "optional_pre_call_checks", "max_fallbacks", "cooldown_time", "chat", "*",
    "environment_variables", "mode", "base_model", "max_input_tokens", "region_name", "api_key", "DefaultRetries",
)  # fmt: skip
leaves = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 10**18), st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["chat", "openai/gpt-4o", "openai/", "/", "http://[", "os.environ/X", "os.environ/", "1e999"]),
    st.text(max_size=5),
)  # fmt: skip
trees = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=25,
)
sections = st.dictionaries(st.sampled_from(KEYS), trees, max_size=8).map(
    lambda one: {**one, "api_key": SECRET}
)
deployments = st.fixed_dictionaries(
    {
        "model_name": st.sampled_from(["chat", "b"]),
        "litellm_params": sections.map(lambda one: {"model": "gpt-4o", **one}),
    },
    optional={"model_info": trees},
)


@settings(max_examples=300, deadline=None)
@given(st.lists(deployments | trees, max_size=3), sections, sections, sections)
def test_anything_gives_a_scenario_that_loads_or_problems_and_never_a_secret(
    model_list: list[Any], router: dict[str, Any], litellm: dict[str, Any], others: dict[str, Any]
) -> None:
    tree = {"model_list": model_list, "router_settings": router, "litellm_settings": litellm}
    text = yaml_text({**others, **tree})
    told = everything(text)
    assert SECRET not in told
    if told.startswith("Imported("):
        scenario_of(imported(text))
