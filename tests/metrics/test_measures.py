"""Measures against hand-worked windows, NumPy's own quantiles and plain identities."""

from importlib import import_module

import numpy as np
import pytest

from planner import tables
from planner.metrics import Pool, Rules, Sample, Tally, deletions, interval, latency_curve, measures
from planner.metrics.histogram import GAMMA, N_BINS, RELATIVE_ERROR, bin_of, representatives
from planner.metrics.measures import in_order

NS = 1_000_000_000
COLUMN = {column.name: index for index, column in enumerate(tables.FACTS)}
RULES = Rules(targets=np.array([[3.0, np.nan, np.nan]]), is_omni=np.array([True]))


def rows_of(latency: list[float], *, failed: int = 0, correct: list[int] | None = None) -> np.ndarray:
    """Requests of one task that arrive at 0; the first `failed` fail. TTFT is half the latency."""
    n = len(latency)
    rows = np.zeros((n, len(tables.FACTS)), np.int64)
    completed = np.arange(n) >= failed
    ended = np.rint(np.array(latency) * NS).astype(np.int64)
    rows[:, COLUMN["request"]] = np.arange(n)
    rows[:, COLUMN["ended_ns"]] = ended
    rows[:, COLUMN["first_token_ns"]] = np.where(completed, ended // 2, tables.NEVER)
    rows[:, COLUMN["outcome"]] = np.where(completed, tables.OK, tables.ERROR)
    rows[:, COLUMN["deployment"]] = np.where(completed, 0, tables.NO_DEPLOYMENT)
    rows[:, COLUMN["cause"]] = np.where(completed, tables.NO_CAUSE, tables.PROVIDER_ERROR)
    rows[:, COLUMN["attempts"]] = 1
    rows[:, COLUMN["correct"]] = np.where(completed, correct if correct is not None else 1, tables.UNRATED)
    rows[:, COLUMN["speed_output_tokens"]] = np.where(completed, 80, 0)
    rows[:, COLUMN["speed_ns"]] = np.where(completed, 2 * NS, 0)
    rows[:, COLUMN["input_tokens"]] = 100
    rows[:, COLUMN["output_tokens"]] = 50
    return rows


def make_sample(latency: list[float], *, failed: int = 0, correct: list[int] | None = None) -> Sample:
    tally = Tally(1, RULES, 100.0)
    tally.add(rows_of(latency, failed=failed, correct=correct))
    return tally.sample({}, {}, {})


def measure_all(samples: list[Sample], weights: list[float] | None = None, rate: float | None = 2.0):
    plan = deletions(weights or [1.0] * len(samples), ["only"] * len(samples))
    return measures(Pool(samples, plan), [0], ["only"], rate)


def test_equal_windows_give_numpys_quantiles_of_the_pool():
    generator = np.random.Generator(np.random.Philox(3))
    windows = [generator.exponential(2.0, 500) for _ in range(4)]
    found = measure_all([make_sample(list(one)) for one in windows])
    pooled = np.concatenate(windows)
    for name, share in (("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99)):
        assert found[f"latency_{name}_s"].replicates[0] == pytest.approx(np.quantile(pooled, share), abs=2e-9)
    assert found["latency_mean_s"].replicates[0] == pytest.approx(pooled.mean(), abs=2e-9)


@pytest.mark.parametrize("n", [0, 1, 2, 3000])
def test_numbers_are_put_in_order_and_equal_ones_stay_as_they_come(n: int):
    generator = np.random.Generator(np.random.Philox(11))
    for values in (
        generator.exponential(2.0, n),
        np.round(generator.exponential(2.0, n), 1),
        generator.integers(0, 5, n).astype(float),
        10.0 ** generator.uniform(-300, 300, n),
    ):
        expected = np.argsort(values, kind="stable")
        assert expected.tolist() == in_order(values.view(np.int64)).tolist()


def test_tasks_of_a_pool_are_sorted_as_by_themselves():
    generator = np.random.Generator(np.random.Philox(12))
    rules = Rules(targets=np.full((3, 3), np.nan), is_omni=np.array([True]))
    windows = []
    for _ in range(4):
        rows = rows_of(list(np.round(generator.exponential(2.0, 400), 1)))
        rows[:, COLUMN["task"]] = generator.integers(0, 3, len(rows))
        tally = Tally(3, rules, 100.0)
        tally.add(rows)
        windows.append(tally.sample({}, {}, {}))
    plan = deletions([1.0, 2.0, 3.0, 4.0], ["only"] * 4)
    for is_exact in (True, False):
        pool = Pool(windows, plan)
        pool.is_exact = is_exact
        every = pool._sorted("latency_s")
        for scope in ([0], [1], [2], [0, 2], [0, 1, 2]):
            kept = np.isin(every.tasks, scope)
            for column, expected in zip(pool._of("latency_s", scope), every, strict=True):
                assert expected[kept].tolist() == column.tolist()


def test_what_a_bin_stands_for_falls_into_it():
    """Binned windows are binned again, so their values must stay where they are."""
    assert list(range(N_BINS)) == [bin_of(value) for value in representatives().tolist()]


def test_quantiles_left_without_a_window_are_those_of_the_others():
    generator = np.random.Generator(np.random.Philox(4))
    windows = [generator.exponential(2.0, 300) for _ in range(3)]
    found = measure_all([make_sample(list(one)) for one in windows])["latency_p95_s"].replicates
    for left_out in range(3):
        rest = np.concatenate([one for index, one in enumerate(windows) if index != left_out])
        assert found[left_out + 1] == pytest.approx(np.quantile(rest, 0.95), abs=2e-9)


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
    low, high = interval(two.replicates - one.replicates, strata)
    assert low == pytest.approx(0.5)
    assert high == pytest.approx(0.5)


def test_curve_is_the_distribution():
    window = make_sample(list(np.linspace(1.0, 2.0, 1001)))
    pool = Pool([window], deletions([1.0], ["only"]))
    curve = latency_curve(pool)
    assert curve.latency_s == pytest.approx(1.0 + curve.shares, abs=1e-9)
    assert len(curve.shares) <= 600
    assert np.isnan(curve.low_s).all()  # one window has no spread


def test_speed_wait_and_tokens_are_read_from_their_columns():
    tally = Tally(1, RULES, 100.0)
    rows = rows_of([2.0, 4.0])
    rows[:, COLUMN["wait_ns"]] = [NS // 2, 3 * NS // 2]
    rows[:, COLUMN["speed_output_tokens"]] = [30, 90]
    tally.add(rows)
    found = measures(Pool([tally.sample({}, {}, {})], deletions([1.0], ["only"])), [0], ["only"], None)
    assert found["speed_mean"].replicates[0] == pytest.approx((15 + 45) / 2)
    assert found["wait_mean_s"].replicates[0] == pytest.approx(1.0)
    assert found["input_tokens_mean"].replicates[0] == 100
    assert "goodput_per_s" not in found


def test_sensitive_requests_sent_outside_need_both_flags():
    tally = Tally(1, RULES, 100.0)
    rows = rows_of([1.0] * 4)
    both = tables.FACT_SENSITIVE | tables.FACT_OUTSIDE
    rows[:, COLUMN["flags"]] = [
        tables.FACT_SENSITIVE,
        tables.FACT_OUTSIDE,
        both,
        both | tables.FACT_OVER_CONTEXT,
    ]
    tally.add(rows)
    found = measures(Pool([tally.sample({}, {}, {})], deletions([1.0], ["only"])), [0], ["only"], None)
    assert found["sensitive_outside"].replicates[0] == 2
    assert found["over_context_share"].replicates[0] == 0.25


def test_rows_may_come_in_any_order_and_in_blocks():
    rows = rows_of(list(np.linspace(0.5, 9.0, 101)), failed=7)
    shuffled = rows[np.random.Generator(np.random.Philox(6)).permutation(len(rows))]
    whole, parts = Tally(1, RULES, 100.0), Tally(1, RULES, 100.0)
    whole.add(rows)
    for begin in range(0, len(rows), 10):
        parts.add(shuffled[begin : begin + 10])
    one, other = whole.sample({}, {}, {}), parts.sample({}, {}, {})
    assert one.sums == other.sums
    assert np.array_equal(one.counts, other.counts)
    assert np.array_equal(np.sort(one.values["ttft_s"][0]), np.sort(other.values["ttft_s"][0]))


def test_the_series_counts_arrivals_by_the_minute():
    rows = rows_of([1.0, 2.0, 3.0], failed=1)
    rows[:, COLUMN["arrived_ns"]] = [0, 61 * NS, 119 * NS]
    rows[:, COLUMN["ended_ns"]] += rows[:, COLUMN["arrived_ns"]]
    tally = Tally(1, RULES, 120.0)
    tally.add(rows)
    assert tally.sample({}, {}, {}).series.tolist() == [[1, 1, NS], [2, 0, 5 * NS]]


def test_every_bin_stands_for_its_values_within_half_a_percent():
    values = np.exp(np.random.Generator(np.random.Philox(8)).uniform(np.log(1e-5), np.log(1e7), 5000))
    stands_for = representatives()
    for value in values:
        assert abs(stands_for[bin_of(value)] - value) <= RELATIVE_ERROR * value * (1 + 1e-9)
    assert bin_of(0.0) == 0
    assert stands_for[0] == 0.0
    assert bin_of(1e300) == N_BINS - 1
    assert pytest.approx((1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)) == GAMMA


def test_merged_bins_are_the_bins_of_the_whole(monkeypatch):
    from planner.metrics import samples

    monkeypatch.setattr(samples, "EXACT_LIMIT", 50)
    latency = list(np.random.Generator(np.random.Philox(9)).exponential(2.0, 400))
    whole, parts = Tally(1, RULES, 100.0), Tally(1, RULES, 100.0)
    whole.add(rows_of(latency))
    for begin in range(0, 400, 30):
        parts.add(rows_of(latency[begin : begin + 30]))
    one, other = whole.sample({}, {}, {}), parts.sample({}, {}, {})
    assert not one.is_exact
    for name in samples.COLUMNS:
        for left, right in zip(one.values[name], other.values[name], strict=True):
            assert np.array_equal(left, right)


def test_a_plan_too_large_to_sort_is_binned(monkeypatch):
    latency = list(np.random.Generator(np.random.Philox(10)).exponential(2.0, 900))
    samples = [make_sample(latency[:300]), make_sample(latency[300:600]), make_sample(latency[600:])]
    exact = measure_all(samples)
    monkeypatch.setattr(import_module("planner.metrics.measures"), "EXACT_POOL", 500)
    binned = measure_all(samples)
    for name in ("latency_p50_s", "latency_p95_s", "ttft_p90_s"):
        one, other = exact[name].replicates, binned[name].replicates
        assert not np.array_equal(one, other)
        assert other == pytest.approx(one, rel=0.06)
    assert exact["latency_mean_s"].replicates.tolist() == binned["latency_mean_s"].replicates.tolist()
