"""What requests are made from: what is left out of it leaves every request as it was, and all else makes others."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

import planner
from planner.scenario.fields import Scenario
from planner.workload.origins import NOT_READ, is_generated, origin_of
from planner.workload.requests import Requests, generate
from planner.workload.windows import plan_windows

SCENARIO = planner.load("scenarios/support-chatbot.yaml")
SERVED_OTHERWISE = {
    "strategies.hybrid.router.omni_share": 0.6,
    "deployments.omni-openai.outages": [{"from_s": 10, "to_s": 60}],
    "deployments.mini-openai.limits": {"concurrent": 3},
    "policy.timeout_s": 5,
    "gateway": {"kind": "unified", "latency_s": {"fixed": 0.1}},
    "slo.p95_latency_s": 3,
    "finance.discount_rate": 0.2,
    "name": "another",
}
COMING_OTHERWISE = {
    "traffic.requests_per_month": 3_000_000,
    "traffic.growth_per_month": 0.01,
    "traffic.sessions.turns_mean": 2.5,
    "tasks.faq.difficulty": {"mean": 0.5, "sd": 1.0},
    "tasks.faq.input_tokens": {"p50": 300, "p95": 900},
    "tasks.faq.accuracy": {"gpt-4o-2024-11-20": 0.5},
    "models": {"own": {"modalities": ["text"]}},
    "run.seed": 8,
    "start": "2026-12-01",
}


def same(one: Requests, other: Requests) -> bool:
    """Whether all columns are equal, to the bit."""
    pairs = [(getattr(one, column.name), getattr(other, column.name)) for column in fields(Requests)]
    arrays = [(a, b) for a, b in pairs if isinstance(a, np.ndarray)]
    assert len(arrays) > 15
    return all(a.tobytes() == np.asarray(b).tobytes() for a, b in arrays)


def requests(scenario: Scenario) -> Requests:
    return generate(scenario, plan_windows(SCENARIO)[3], 300)


@pytest.mark.parametrize("path", SERVED_OTHERWISE)
def test_what_serves_requests_changes_none_of_them(path: str) -> None:
    changed = SCENARIO.set({path: SERVED_OTHERWISE[path]})
    assert changed.to_dict() != SCENARIO.to_dict()
    assert origin_of(changed) == origin_of(SCENARIO)
    assert same(requests(changed), requests(SCENARIO))


@pytest.mark.parametrize("path", COMING_OTHERWISE)
def test_what_makes_requests_sizes_or_answers_gives_them_another_name(path: str) -> None:
    assert origin_of(SCENARIO.set({path: COMING_OTHERWISE[path]})) != origin_of(SCENARIO)


def test_every_section_that_is_left_out_is_one_of_the_language() -> None:
    known = {declared.alias or name for name, declared in Scenario.model_fields.items()}
    assert set(NOT_READ) <= known | {"schema"}


def test_a_recording_is_not_generated(tmp_path: Path) -> None:
    file = tmp_path / "log.csv"
    file.write_text("t_s,input_tokens,output_tokens\n0,10,5\n1,20,6\n")
    assert is_generated(SCENARIO)
    assert not is_generated(SCENARIO.set({"traffic": {"trace": {"file": str(file)}}}))
