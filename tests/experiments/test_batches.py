"""What is said of tasks in no hurry: shares against the turnaround's law, times that do not mix with those of a chat."""

import math
from io import StringIO
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from planner.api import Comparison, compare
from planner.catalogue import profiles
from planner.cli.report import show
from planner.engines.run import run_window
from planner.experiments.drill import drill
from planner.experiments.explain import explain_text
from planner.experiments.limits import why_429
from planner.experiments.simulate import simulate
from planner.scenario import Scenario, load
from planner.workload.windows import plan_windows
from tests.engines.hand_tables import MODEL, POLICY, at, limits, run_rows, target

SIGMA = 1.676432  # ln(3600 / 420) / 1.281552: the lognormal through 7 min at 50 % and an hour at 90 %


def both(**changes: Any) -> Scenario:
    """A chat of 2 s and as many requests in no hurry at one deployment, both of a thousand tokens."""
    tree = {
        "name": "both",
        "start": "2027-01-01",
        "traffic": {"requests_per_month": 4_000_000},
        "tasks": {
            "chat": {"share": 0.5, "input_tokens": 1000, "output_tokens": 100},
            "night": {"share": 0.5, "input_tokens": 1000, "output_tokens": 100, "urgency": "batch"},
        },
        "models": {"m": MODEL},
        "deployments": {
            "a": target(latency={"total_s": {"exponential_mean": 2}}, batch={"price_factor": 0.5}),
        },
        "strategies": {"s": {"omni": ["a"]}},
        "policy": {"timeout_s": 60, "retries": 0},
        "slo": {"p95_latency_s": 30},
        "finance": {"horizon_months": 1},
        "run": {"seed": 6, "replications": 3, "window_s": 900},
    }
    return load(tree).set(changes)


@pytest.fixture(scope="module")
def compared() -> Comparison:
    return compare(both())


def normal_cdf(z: float) -> float:
    return 0.5 * math.erfc(-z / math.sqrt(2))


# -- closed forms ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def turnarounds_s() -> np.ndarray:
    """Seconds until the answers to 20,000 requests in no hurry, all handed in at once."""
    rows = at(*[0.0] * 20_000, task="night")
    scenario = load(
        {
            "name": "law", "traffic": {"trace": {"rows": rows}}, "tasks": {"night": {"urgency": "batch"}},
            "models": {"m": MODEL}, "deployments": {"a": target(batch={"price_factor": 0.5, "expires_s": 7200})},
            "strategies": {"s": {"omni": ["a"]}}, "policy": POLICY, "finance": {"horizon_months": 1},
            "run": {"seed": 9, "replications": 1},
        }
    )  # fmt: skip
    run = run_window(scenario, "s", plan_windows(scenario)[0], engine="compiled")
    found: np.ndarray = run.outcome_arrays["ended_ns"] / 1e9
    assert set(run.outcomes["cause"]) == {"", "expired"}
    assert ((run.outcomes["cause"] == "expired").to_numpy() == (found == 7200)).all()
    return found


@pytest.mark.parametrize("within_s", [60, 420, 1800, 3600, 7199.999])
def test_the_share_returned_within_a_time_is_the_laws(turnarounds_s: np.ndarray, within_s: float) -> None:
    """Five standard deviations of a binomial share: wrong by chance less than once in 1.7 million."""
    expected = normal_cdf(math.log(within_s / 420) / SIGMA)
    share = (turnarounds_s <= within_s).mean()
    assert share == pytest.approx(expected, abs=5 * math.sqrt(expected * (1 - expected) / 20_000))
    if within_s == 3600:
        assert expected == pytest.approx(0.9, abs=1e-6)


def test_the_expired_share_is_the_rest_of_the_law(turnarounds_s: np.ndarray) -> None:
    expected = 1 - normal_cdf(math.log(7200 / 420) / SIGMA)
    assert 0.04 < expected < 0.05
    share = (turnarounds_s == 7200).mean()
    assert share == pytest.approx(expected, abs=5 * math.sqrt(expected * (1 - expected) / 20_000))


def test_the_catalogues_law_goes_through_both_measured_quantiles() -> None:
    found = profiles.batch()
    assert (found.turnaround_p50_s, found.turnaround_p90_s, found.expires_s) == (420, 3600, 86_400)
    assert found.turnaround_sigma == pytest.approx(SIGMA, abs=1e-6)
    assert found.note.startswith("turnaround of batch APIs: p50 7 min, p90 60 min, cancelled after 24 h")


# -- measures --------------------------------------------------------------------------------------


def test_times_over_all_tasks_are_of_those_that_somebody_waits_for(compared: Comparison) -> None:
    found = compared.results["s"].estimates
    for measure in ("latency_mean_s", "latency_p50_s", "latency_p95_s", "ttft_p95_s", "wait_mean_s"):
        assert found["", measure] == found["chat", measure], measure
    assert found["", "latency_p95_s"].value < 10
    assert found["night", "latency_p50_s"].value > 300
    assert compared.timed == ("chat",)
    curve = compared.results["s"].curve.latency_s
    assert curve.max() < 60


def test_they_are_the_quantiles_of_the_chats_rows(compared: Comparison) -> None:
    took = []
    for window in compared.windows:
        run = run_window(compared.scenario, "s", window, engine="reference")
        rows = run.outcome_arrays
        is_chat = rows["task"] == 0
        took.append((rows["ended_ns"] - rows["arrived_ns"])[is_chat] / 1e9)
    pooled = np.concatenate(took)
    assert compared.results["s"].estimates["", "latency_mean_s"].value == pytest.approx(
        pooled.mean(), rel=0.02
    )
    assert compared.results["s"].estimates["", "latency_p95_s"].value == pytest.approx(
        np.quantile(pooled, 0.95), rel=0.05
    )


def test_shares_tokens_and_money_are_of_all_tasks(compared: Comparison) -> None:
    result = compared.results["s"]
    arrived = result.mean_count("arrived")
    of_night = sum(cell.sample.counts[1, 0] for cell in result.cells) / len(result.cells)
    assert 0.4 < of_night / arrived < 0.6
    # What is lost has expired: of 2,000 nights 1.5 are expected to need more than a day.
    lost = result.estimates["", "failed:expired"].value
    assert result.estimates["", "availability"].value == pytest.approx(1 - lost, abs=1e-12)
    assert 0 < lost < 0.004
    accounts = result.ledger.by("account", view="invoiced")
    assert set(accounts) >= {"api/input", "api/output", "api/batch/input", "api/batch/output"}
    # Half as dear, and about as many: 0.5 within the spread of counts.
    assert float(accounts["api/batch/input"] / accounts["api/input"]) == pytest.approx(0.5, rel=0.1)


def test_where_all_tasks_are_in_no_hurry_the_times_are_theirs() -> None:
    found = compare(both(**{"tasks.chat.urgency": "batch"})).results["s"].estimates
    assert found["", "latency_p50_s"].value > 300
    assert found["chat", "latency_p50_s"].value > 300


def test_targets_over_all_tasks_are_about_the_chat_and_a_tasks_own_about_its_turnaround() -> None:
    found = compare(both(**{"tasks.night.slo.p95_latency_s": 3600}))
    rows = {(row.task, row.measure): row for row in found.slo_rows}
    assert rows[None, "p95_latency_s"].met
    assert not rows["night", "p95_latency_s"].met  # 95 % need 110 min
    assert not found.verdicts["s"].meets


def test_good_are_batch_answers_within_their_own_targets_alone(compared: Comparison) -> None:
    """30 s is the chat's target; every night is good without one of its own, and nine in ten within an hour."""
    found = compared.results["s"].estimates
    rate = 4_000_000 / 2_629_800 / 2
    assert found["night", "goodput_per_s"].value == pytest.approx(rate, rel=0.03)
    strict = compare(both(**{"tasks.night.slo.p95_latency_s": 3600})).results["s"].estimates
    share = strict["night", "goodput_per_s"].value / found["night", "goodput_per_s"].value
    assert share == pytest.approx(0.9, abs=0.06)


def test_reports_name_whose_times_they_are(compared: Comparison) -> None:
    console = Console(width=100, record=True, file=StringIO())
    show(compared, console)
    text = console.export_text()
    assert "Latency of chat, s" in text
    assert "Turnaround of night, s" in text
    assert "answers to night (urgency batch) come in" in " ".join(text.split())
    plain = Console(width=100, record=True, file=StringIO())
    show(compare(both(**{"tasks.night.urgency": "interactive"})), plain)
    assert "Latency, s" in plain.export_text()
    assert "Turnaround" not in plain.export_text()


def test_assumptions_tell_the_turnaround_and_where_it_is_from(compared: Comparison) -> None:
    rows = compared.assumptions.set_index("what")
    row = rows.loc["turnaround of the batch API of a"]
    assert row["value"] == "p50 420, p90 3600, cut at 86400"
    assert "OpenRouter" in row["source"]
    assert row["as_of"] == "2026-11"


# -- other looks at the same runs ------------------------------------------------------------------


def test_the_story_of_a_request_tells_of_the_batch_api() -> None:
    terms = {"turnaround_s": 30, "expires_s": 20, "price_factor": 0.5}
    rows = at(0, task="night", service_s=[60, 7])
    run = run_rows(
        rows, {"a": target(batch=terms)}, {"retries": 1}, tasks={"chat": {}, "night": {"urgency": "batch"}}
    )  # fmt: skip
    text = explain_text(run, "#0")
    assert "task night (in no hurry: urgency batch)" in text
    assert "call 0 (primary, m) is handed in to the batch API" in text
    assert "call 0 ends: timeout (expired in the batch API)" in text
    # 100 tokens at 0.5 USD and 50 at 1 USD per million.
    assert "Billed tokens: 0.0001000 USD" in text


def test_limits_decide_about_ordinary_calls_alone() -> None:
    """The report on limits is the same whether the nights are handed in or not there at all."""
    own = limits(requests_per_minute=20, kind="fixed-window", charge="actual")
    rows = [*at(*[0.5 * k for k in range(60)], task="chat"), *at(*[0.5 * k for k in range(60)], task="night")]
    tree = {
        "name": "limits", "start": "2027-01-01", "traffic": {"trace": {"rows": rows}},
        "tasks": {"chat": {}, "night": {"urgency": "batch"}}, "models": {"m": MODEL},
        "deployments": {"a": target(limits=own, batch={"turnaround_s": 5, "price_factor": 0.5})},
        "strategies": {"s": {"omni": ["a"]}}, "policy": POLICY | {"when_limited": "retry"},
        "finance": {"horizon_months": 1}, "run": {"seed": 1, "replications": 1},
    }  # fmt: skip
    (found,) = why_429(load(tree)).rows
    assert found.demand.n_calls == 60
    assert found.demand.peak_minute["requests_per_minute"] == 60
    assert found.present.n_asked == 60
    assert found.present.n_limited == 40


def test_a_drill_loses_no_batch_answer_and_its_latency_is_the_chats() -> None:
    quiet = {"mtbf_h": 1e6, "duration_h": 0.1, "error_latency_s": 0.0}
    rows = [
        *at(*range(0, 1800, 2), task="chat"), *at(*range(1, 1800, 2), task="night"),
    ]  # fmt: skip
    scenario = load(
        {
            "name": "drill", "start": "2027-01-01", "traffic": {"trace": {"rows": rows}},
            "tasks": {"chat": {}, "night": {"urgency": "batch"}}, "models": {"m": MODEL},
            "deployments": {
                "a": target(provider="openai", outages=quiet, batch={"turnaround_s": 300, "price_factor": 0.5}),
            },
            "strategies": {"s": {"omni": ["a"]}}, "policy": POLICY, "finance": {"horizon_months": 1},
            "run": {"seed": 1, "replications": 1},
        }
    )  # fmt: skip
    found = drill(scenario, provider="openai", minutes=5, at=600)
    one = found.strategies["s"]
    before, during, _ = one.phases
    assert before.latency_p95_s.without.value == 2
    assert during.lost["provider-error"].with_outage.value == 150  # a chat every two seconds, and no night
    assert one.fates["lost"].value == 150


def test_a_window_of_a_minute_drains_for_a_day_and_keeps_its_rates() -> None:
    scenario = both(
        **{"run.window_s": 60, "deployments.a.batch": {"price_factor": 0.5, "turnaround_s": 80_000}}
    )
    run = simulate(scenario, "s")
    ends_s = run.outcome_arrays["ended_ns"] / 1e9
    is_night = run.outcome_arrays["task"] == 1
    assert (ends_s[is_night] >= 80_000).all()
    assert run.work.requests.arrived_ns.max() < 60e9
    found = compare(scenario).results["s"].estimates
    assert found["", "goodput_per_s"].value == pytest.approx(4_000_000 / 2_629_800, rel=0.03)
