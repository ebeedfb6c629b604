import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from planner.scenario import PathProblem, describe, field_rows, json_schema, load, parse, render
from planner.scenario.declared import Kind, at, walk
from planner.scenario.yaml_nodes import read_yaml
from tests.scenario.samples import BASE, changed_at

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def validator() -> Any:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(json.loads(json.dumps(schema)))


def test_the_schema_accepts_what_loads(validator: Any) -> None:
    assert list(validator.iter_errors(BASE)) == []
    assert list(validator.iter_errors(load(BASE).to_dict())) == []
    paths = sorted((ROOT / "scenarios").glob("*.yaml"))
    for path in paths:
        tree = read_yaml(path.read_text(encoding="utf-8")).value
        assert [error.message for error in validator.iter_errors(tree)] == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("tasks.faq.input_tokens", {"p50": 1, "p95": 2}),
        (
            "tasks.faq.input_tokens",
            {"mixture": [{"weight": 1, "law": {"mean": 1, "cv": 0.5, "kind": "gamma"}}]},
        ),
        ("deployments.a.limits", None),
        ("deployments.a.limits", {"requests_per_minute": "catalogue", "tokens_per_minute": None}),
        ("deployments.a.outages", [{"from_s": 0, "to_s": 5, "mode": "hang"}]),
        ("strategies.omni-only.omni", ["a", ["b"]]),
        ("policy.breaker", None),
        ("finance.migrations", [{"at": "2025-06-01", "from": "x", "to": "y"}]),
        ("policy.layers", []),
        ("policy.layers", [{"name": "app", "attempts": 4}, {"name": "sdk"}]),
        ("policy.retry_budget", {"ratio": 0.1, "minimum": 0}),
    ],
)
def test_the_schema_accepts_every_form(validator: Any, path: str, value: Any) -> None:
    assert list(validator.iter_errors(changed_at({path: value}))) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("policy.retries", -1),
        ("policy.retries", 1.5),
        ("policy.retrys", 1),
        ("tasks.faq.accuracy", {"m": 1}),
        ("tasks.faq.input_tokens", {"p50": 1}),
        ("tasks", {"A Task": {}}),
        ("tasks", {}),
        ("deployments.a.latency", {"ttft_s": 1}),
        ("objective", "cheap"),
        ("deployments.a.prompt_cache", {"ttl_s": 0}),
        ("strategies.omni-only.omni", "a"),
        ("finance.migrations", [{"at": "2025-06-01", "from_model": "x", "to": "y"}]),
    ],
)
def test_the_schema_refuses_what_no_field_allows(validator: Any, path: str, value: Any) -> None:
    assert list(validator.iter_errors(changed_at({path: value}))) != []


def test_every_field_has_a_description_and_a_kind() -> None:
    rows = field_rows()
    assert len({row["path"] for row in rows}) == len(rows)
    nameless = [
        row["path"] for row in rows if not row["description"] and not row["path"].endswith(("]", "NAME"))
    ]
    assert [path for path in nameless if path.rsplit(".", 1)[-1].islower()] == []
    assert {row["type"] for row in rows} <= {str(kind) for kind in Kind}
    json.dumps(rows)


def test_rows_name_fields_by_pattern() -> None:
    by_path = {row["path"]: row for row in field_rows()}
    growth = by_path["traffic.growth_per_month"]
    assert (growth["low"], growth["high"], growth["default"], growth["slider"]) == (
        -0.5,
        1,
        0.0,
        (-0.05, 0.2),
    )
    assert growth["unit"] == "1/month"
    assert by_path["models[MODEL].ability.TASK"]["type"] == "number"
    assert by_path["finance.people[N].fte"]["required"]
    assert by_path["tasks.TASK.input_tokens"]["type"] == "law"
    assert by_path["tasks.TASK.input_tokens"]["default"] == 500
    assert by_path["deployments.DEPLOYMENT.outages[N].mode"]["choices"] == (
        "error",
        "hang",
        "degraded",
        "limited",
    )
    assert by_path["deployments.DEPLOYMENT.provisioned.units"]["required"]
    assert not by_path["run.precision"]["supported"]
    assert by_path["tasks.TASK.urgency"]["choices"] == ("interactive", "batch")
    assert by_path["traffic.bursts.kind"]["choices_later"] == ("renewal", "cox", "clients")
    assert by_path["tasks.TASK.accuracy[MODEL]"]["high_open"]


@pytest.mark.parametrize(
    ("path", "unit", "allowed"),
    [
        ("deployments.omni.limits.burst_s", "s", "number > 0, at most 86400 (s)"),
        ("models[gpt-4.1].input_usd_per_mtok", "USD/1e6 tokens",
         "number >= 0 (USD/1e6 tokens), or null: from the catalogue"),
        ("tasks.faq.input_tokens.p50", "tokens", "number > 0 (tokens)"),
        ("tasks.faq.input_tokens.cv", "", "0 to 1000"),
        ("finance.one_time[Integration].usd", "USD", "number >= 0 (USD)"),
        ("finance.one_time[3].usd", "USD", "number >= 0 (USD)"),
        ("strategies.s.router.kind", "", "threshold or cascade"),
        ("deployments.x.latency.total_s.p95", "s", "number > 0 (s)"),
    ],
)  # fmt: skip
def test_a_concrete_path_is_described(path: str, unit: str, allowed: str) -> None:
    row = describe(path)
    assert row.path == render(parse(path))
    assert row.unit == unit
    assert row.allowed == allowed


def test_a_path_that_the_language_does_not_have_is_refused() -> None:
    with pytest.raises(PathProblem) as caught:
        describe("tasks.faq.inputtokens")
    assert str(caught.value) == (
        "path 'tasks.faq.inputtokens', character 11: no field 'inputtokens' here; did you mean input_tokens?"
    )
    with pytest.raises(PathProblem, match="no field 'x' here"):
        describe("name.x")
    assert at(("tasks", "faq", "nothing")) is None


def test_the_neutral_value_of_every_field_passes_its_own_declaration(validator: Any) -> None:
    """Defaults are never outside their bounds, which pydantic does not check by itself."""
    for path, place in walk():
        if (
            isinstance(place.default, int | float)
            and not isinstance(place.default, bool)
            and place.later is None
        ):
            assert place.low is None or place.default >= place.low, path
            assert place.high is None or place.default <= place.high, path
        if place.slider is not None:
            assert place.low is None or place.slider[0] >= place.low, path
            assert place.high is None or place.slider[1] <= place.high, path


def test_the_public_list_is_sorted_and_true() -> None:
    import planner.scenario as package

    assert package.__all__ == sorted(package.__all__)
    assert all(hasattr(package, name) for name in package.__all__)
