"""Measures against hand-worked windows, NumPy's own quantiles and plain identities."""

import numpy as np
import pytest

from planner import tables
from planner.metrics import Pool, Sample, deletions, latency_curve, measures, meets_targets, sample

NS = 1_000_000_000


def make_sample(
    latency: list[float], *, failed: int = 0, correct: list[int] | None = None, length_s: float = 100.0
) -> Sample:
    """A window of one task; the first `failed` requests fail."""
    n = len(latency)
    completed = np.arange(n) >= failed
    values = np.array(latency)
    return Sample(
        length_s=length_s,
        task=np.zeros(n, np.int64),
        latency_s=values,
        ttft_s=np.where(completed, values / 2, np.nan),
        wait_s=np.zeros(n),
        speed=np.where(completed, 40.0, np.nan),
        input_tokens=np.full(n, 100.0),
        output_tokens=np.full(n, 50.0),
        completed=completed,
        correct=np.array(correct if correct is not None else [1] * n, np.int8),
        is_omni=np.ones(n, np.bool_),
        deployment=np.where(completed, 0, -1),
        cause=np.where(completed, 0, tables.PROVIDER_ERROR),
        over_context=np.zeros(n, np.bool_),
        sensitive_outside=np.zeros(n, np.bool_),
        n_attempts=np.ones(n, np.int64),
        billed_tokens=dict.fromkeys(tables.METERS, 0),
        n_limited={},
        n_calls={0: n},
    )


def measure_all(samples: list[Sample], weights: list[float] | None = None, rate: float | None = 2.0):
    plan = deletions(weights or [1.0] * len(samples), ["only"] * len(samples))
    pool = Pool(samples, plan)
    everything = np.ones(len(pool.task), np.bool_)
    good = meets_targets(pool, [{"p95_latency_s": 3.0, "p95_ttft_s": None, "min_tokens_per_s": None}])
    return measures(pool, everything, ["only"], rate, good)


def test_equal_windows_give_numpys_quantiles_of_the_pool():
    generator = np.random.Generator(np.random.Philox(3))
    windows = [generator.exponential(2.0, 500) for _ in range(4)]
    found = measure_all([make_sample(list(one)) for one in windows])
    pooled = np.concatenate(windows)
    for name, share in (("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99)):
        assert found[f"latency_{name}_s"].replicates[0] == pytest.approx(
            np.quantile(pooled, share), rel=1e-12
        )
    assert found["latency_mean_s"].replicates[0] == pytest.approx(pooled.mean(), rel=1e-12)


def test_quantiles_left_without_a_window_are_those_of_the_others():
    generator = np.random.Generator(np.random.Philox(4))
    windows = [generator.exponential(2.0, 300) for _ in range(3)]
    found = measure_all([make_sample(list(one)) for one in windows])["latency_p95_s"].replicates
    for left_out in range(3):
        rest = np.concatenate([one for index, one in enumerate(windows) if index != left_out])
        assert found[left_out + 1] == pytest.approx(np.quantile(rest, 0.95), rel=1e-12)


def test_windows_count_by_their_weight_not_by_their_size():
    """A busy window and a quiet one of equal weight: the mean of the two means, not of all requests."""
    found = measure_all([make_sample([1.0] * 90), make_sample([3.0] * 10)], [0.5, 0.5])
    assert found["latency_mean_s"].replicates[0] == pytest.approx(2.0)
    assert found["latency_p50_s"].replicates[0] == pytest.approx(2.0, abs=1.0)


def test_a_rare_planted_window_weighs_its_probability():
    """Nothing fails in the common window (0.99), all in the planted one (0.01): availability 0.99."""
    found = measure_all([make_sample([1.0] * 50), make_sample([1.0] * 50, failed=50)], [0.99, 0.01])
    assert found["availability"].replicates[0] == pytest.approx(0.99)
    assert found["failed:provider-error"].replicates[0] == pytest.approx(0.01)


def test_availability_accuracy_and_goodput_by_hand():
    """10 requests, 2 fail; of the 8 answers 5 are right, 1 unrated; 6 answers within 3 s."""
    latency = [1.0, 1.0, 1, 2, 2.5, 2.9, 3.0, 2, 5, 6]
    correct = [-1, -1, 1, 1, 1, 1, 1, 0, 0, -1]
    found = measure_all([make_sample(latency, failed=2, correct=correct)])
    assert found["availability"].replicates[0] == pytest.approx(0.8)
    assert found["accuracy"].replicates[0] == pytest.approx(5 / 7)
    assert found["goodput_per_s"].replicates[0] == pytest.approx(2.0 * 6 / 10)


def test_unrated_answers_give_no_accuracy():
    found = measure_all([make_sample([1.0, 2.0], correct=[-1, -1])] * 2)
    assert found["accuracy"].estimate(["only", "only"]).value is None


def test_failed_requests_have_a_latency_but_no_time_to_first_token():
    """Latency ends with success or final failure (4 values), TTFT is of served answers (2 values)."""
    found = measure_all([make_sample([1.0, 3.0, 5.0, 7.0], failed=2)])
    assert found["latency_mean_s"].replicates[0] == pytest.approx(4.0)
    assert found["ttft_mean_s"].replicates[0] == pytest.approx(3.0)


def test_a_paired_difference_is_tighter_than_its_parts():
    generator = np.random.Generator(np.random.Philox(5))
    common = generator.normal(5.0, 1.0, 12)
    strata = ["only"] * 12
    one = measure_all([make_sample([value]) for value in common])["latency_mean_s"]
    two = measure_all([make_sample([value + 0.5]) for value in common])["latency_mean_s"]
    from planner.metrics import interval

    low, high = interval(two.replicates - one.replicates, strata)
    assert low == pytest.approx(0.5)
    assert high == pytest.approx(0.5)


def test_curve_is_the_distribution():
    window = make_sample(list(np.linspace(1.0, 2.0, 1001)))
    pool = Pool([window], deletions([1.0], ["only"]))
    shares, latency = latency_curve(pool)
    assert latency == pytest.approx(1.0 + shares, abs=1e-9)
    assert len(shares) <= 600


def arrays(contract, rows):
    return tables.columns(contract, rows)


def test_sample_reads_wait_speed_and_exposure_from_the_rows():
    """Two requests. 7: fails at A after waiting 2 s, served by B (10 tokens in 2 s). 9: served by A at once."""
    meters = (100, 0, 0, 10, 0, 0, 0, 0)
    outcomes = arrays(
        tables.OUTCOMES_TABLE,
        [
            (7, 0, 0, 6 * NS, 8 * NS, tables.OK, 1, tables.OMNI, 2, 0, 1),
            (9, 0, NS, 2 * NS, 3 * NS, tables.OK, 0, tables.MINI, 1, 0, 0),
        ],
    )
    attempts = arrays(
        tables.ATTEMPTS,
        [
            (
                7,
                0,
                0,
                tables.PRIMARY,
                0,
                2 * NS,
                -1,
                -1,
                3 * NS,
                tables.ERROR,
                0,
                500,
                -1,
                *meters,
                *(0,) * 8,
            ),
            (
                7,
                1,
                1,
                tables.RETRY,
                4 * NS,
                5 * NS,
                -1,
                6 * NS,
                8 * NS,
                tables.OK,
                0,
                200,
                -1,
                *meters,
                *meters,
            ),
            (9, 0, 0, tables.PRIMARY, NS, NS, -1, 2 * NS, 3 * NS, tables.OK, 0, 200, -1, *meters, *meters),
        ],
    )
    requests = {
        "request": np.array([9, 7]),  # requests come by arrival, outcomes by name
        "input_tokens": np.array([90, 70]),
        "output_tokens": np.array([10, 10]),
        "sensitive": np.array([False, True]),
    }
    found = sample(
        outcomes,
        attempts,
        requests,
        length_s=10.0,
        over_context=np.array([False, True]),
        outside=np.array([False, True]),
        omni=frozenset({1}),
    )
    assert found.wait_s.tolist() == [3.0, 0.0]
    assert found.latency_s.tolist() == [8.0, 2.0]
    assert found.ttft_s.tolist() == [6.0, 1.0]
    assert found.speed.tolist() == [5.0, 10.0]
    assert found.input_tokens.tolist() == [70.0, 90.0]
    assert found.sensitive_outside.tolist() == [True, False]
    assert found.over_context.tolist() == [True, False]
    assert found.is_omni.tolist() == [True, False]
    assert found.billed_tokens["input"] == 200
    assert found.n_calls == {0: 2, 1: 1}
