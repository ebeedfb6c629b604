import pytest

from planner.scenario import load
from planner.scenario.batches import terms_of
from planner.scenario.worst_case import worst_case
from tests.scenario.samples import changed_at, notices_with, problems, problems_with, scenario

NIGHT = {"tasks.faq.urgency": "batch"}
TERMS = {"deployments.b.batch": {"price_factor": 0.5}}


def test_an_urgency_is_interactive_or_batch() -> None:
    assert problems_with({"tasks.faq.urgency": "night"}) == [
        "tasks.faq.urgency: got 'night'; allowed: interactive or batch"
    ]


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("price_factor", 1.5, "0 to 1"),
        ("price_factor", -0.1, "0 to 1"),
        ("expires_s", 604_801, "604800"),
        ("expires_s", 0, "> 0"),
        ("turnaround_s", -1, ">= 0"),
        ("window_s", 1, "no such field"),
    ],
)
def test_terms_have_bounds(field: str, value: float, allowed: str) -> None:
    (problem,) = problems_with(NIGHT | {"deployments.a.batch": {field: value}})
    assert problem.startswith(f"deployments.a.batch.{field}: ")
    assert allowed in problem


@pytest.mark.parametrize(
    "hardware", [{"server": {"gpu": "l40s"}}, {"device": {"kind": "phone-high-end", "fleet": 1}}]
)
def test_own_hardware_has_no_batch_api(hardware: dict[str, object]) -> None:
    own = {"model": "m", "latency": {"total_s": 1}, "batch": {"price_factor": 0.5}} | hardware
    text = (
        "deployments.b.batch: servers and devices of one's own have no batch API; calls of tasks with urgency batch are "
        "ordinary ones there; leave it out"
    )
    assert text in problems_with(NIGHT | {"deployments.b": own})


def test_terms_without_a_task_in_no_hurry_are_told() -> None:
    assert "deployments.b.batch: unused: no task has urgency batch" in notices_with(TERMS)
    assert not [text for text in notices_with(NIGHT | TERMS) if "unused" in text]


def test_a_deployment_without_a_known_batch_api_is_told() -> None:
    text = (
        "deployments.b: no batch price of m is known on 2025-01-01: calls of faq (urgency batch) are ordinary ones there, at "
        "the ordinary price; where it has a batch API, give deployments.b.batch: {price_factor: 0.5}"
    )
    assert text in notices_with(NIGHT)
    for silent in ({}, NIGHT | TERMS, NIGHT | {"deployments.b.batch": None}):
        assert not [text for text in notices_with(silent) if "batch price" in text]


def test_terms_need_a_price() -> None:
    assert problems_with(NIGHT | {"deployments.b.batch": {"turnaround_s": 60}}) == [
        "deployments.b.batch: the price of m is your own, and the list does not say what it is in a batch; "
        "give deployments.b.batch.price_factor"
    ]
    assert problems_with(NIGHT | TERMS) == []
    assert problems_with(NIGHT | {"deployments.a.batch": {"turnaround_s": 60}}) == []


def test_an_own_price_of_a_listed_model_needs_a_factor_of_ones_own() -> None:
    given = changed_at(NIGHT)
    given["models"] |= {"gpt-4o-2024-08-06": {"input_usd_per_mtok": 2, "output_usd_per_mtok": 8}}
    assert problems(given) == [
        "deployments.a.model: the price of gpt-4o-2024-08-06 is your own, and the list does not say what it is in a batch; "
        "give deployments.a.batch: {price_factor: 0.5}, or null"
    ]
    given["deployments"]["a"]["batch"] = None
    assert problems(given) == []


def test_a_batch_api_that_begins_inside_the_plan_must_be_decided_on() -> None:
    # o1-mini has batch prices from 2025-01-31 on, and none before.
    begins = {
        "deployments.a.model": "o1-mini",
        "finance.horizon_months": 6,
        "deployments.a.latency": {"total_s": 5},
    }
    assert problems_with(NIGHT | begins) == [
        "deployments.a.model: o1-mini has a batch price at openai from 2025-01-31 on, and none before; "
        "give deployments.a.batch: {price_factor: 0.5}, or null"
    ]
    assert problems_with(NIGHT | begins | {"deployments.a.batch": None}) == []
    assert problems_with(begins) == []


def test_speed_is_no_target_of_a_task_in_no_hurry() -> None:
    assert problems_with(NIGHT | {"tasks.faq.slo": {"min_tokens_per_s": 20, "p95_latency_s": 3600}}) == [
        "tasks.faq.slo.min_tokens_per_s: answers to a task with urgency batch come all at once, so they have no speed; "
        "leave it out"
    ]


def test_a_hang_needs_a_timeout_where_a_task_in_no_hurry_may_meet_it() -> None:
    hang = {
        "deployments.b.outages": [{"from_s": 0, "to_s": 9, "mode": "hang"}],
        "policy.timeout_s": None,
        "policy.deadline_s": 30,
    }
    assert problems_with(hang) == []
    assert problems_with(hang | TERMS | NIGHT) == []  # every night goes through the batch API
    assert problems_with(hang | NIGHT) == [
        "deployments.b.outages[0].mode: a hang that nothing ends: under strategy mini-only there is no timeout_s, and "
        "deadline_s does not hold for task faq (urgency batch); give policy.timeout_s"
    ]


def test_a_request_larger_than_a_bucket_may_go_to_a_batch_api() -> None:
    small = {"deployments.b.limits": {"tokens_per_minute": 100, "kind": "token-bucket", "charge": "actual"}}
    (problem,) = problems_with(small)
    assert "one request of task faq" in problem
    assert problems_with(small | NIGHT | TERMS) == []


def test_terms_are_the_catalogues_unless_given() -> None:
    found = scenario(NIGHT)
    listed = terms_of(found, "a", "gpt-4o-2024-08-06", found.start)
    assert listed is not None
    # Median 7 min, 90 % within the hour: a lognormal with sigma = ln(3600 / 420) / 1.2816 = 1.6765.
    (part,) = listed.turnaround_s.components
    assert part.a == pytest.approx(6.0402547, abs=1e-6)
    assert part.b == pytest.approx(1.67642, abs=1e-4)
    assert (listed.expires_s, listed.price_factor) == (86_400, None)
    assert terms_of(found, "b", "m", found.start) is None
    own = scenario(NIGHT | {"deployments.a.batch": {"turnaround_s": 60, "expires_s": 3600}})
    given = terms_of(own, "a", "gpt-4o-2024-08-06", own.start)
    assert given is not None
    assert (given.turnaround_s.mean, given.expires_s, given.price_factor) == (60, 3600, None)
    off = scenario(NIGHT | {"deployments.a.batch": None})
    assert terms_of(off, "a", "gpt-4o-2024-08-06", off.start) is None


def test_the_longest_time_of_a_request_knows_the_window_of_a_batch_api() -> None:
    # A chat ends by its deadline. A night may expire three times, with waits of at most 0.5 and 1 s between.
    policy = {
        "policy": {
            "timeout_s": 5,
            "deadline_s": 12,
            "retries": 2,
            "backoff": {"kind": "fixed", "waits_s": [0.5, 1]},
        }
    }
    policy |= {"deployments.a.limits": None}  # no refusal that asks to wait
    assert worst_case(scenario(policy), "omni-only").seconds == 12
    assert worst_case(scenario(policy | NIGHT), "omni-only").seconds == 3 * 86_400 + 1.5
    # Without a batch API: three timeouts and the waits, whatever the deadline says.
    own = {"deployments.b.limits": None}
    assert worst_case(scenario(policy | NIGHT | own), "mini-only").seconds == 16.5


def test_a_scenario_with_batch_terms_is_written_back_as_it_was() -> None:
    terms = {"turnaround_s": {"p50": 60, "p95": 600}, "expires_s": 3600, "price_factor": 0.5}
    found = scenario(NIGHT | {"deployments.a.batch": terms})
    again = load(found.model_dump(mode="json", by_alias=True, exclude_unset=True))
    assert again.hash == found.hash
    assert again.deployments["a"].batch == found.deployments["a"].batch
