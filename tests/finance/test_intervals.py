"""Intervals of totals: the float twin of the ledger, the jackknife against textbook formulas, pairing."""

import math
from decimal import Decimal

import numpy as np
import pytest
from scipy import stats

from planner.finance import MEASURES, account, cost_vectors, difference_interval, tco, tco_interval
from planner.metrics.intervals import jackknife, t_quantile
from tests.finance.plans import OMNI, Window, counted, scenario

D = Decimal
MINI = "gpt-4o-mini-2024-07-18"


def plan():
    return scenario(
        start="2025-01-15",
        tasks={
            "faq": {"share": 0.7, "cost_of_wrong_answer_usd": 0.01},
            "photo": {"share": 0.3, "cost_of_wrong_answer_usd": 0.5},
        },
        deployments={
            "omni": {"model": OMNI, "provider": "openai"},
            "mini": {"model": MINI, "provider": "openai"},
        },
        strategies={"omni-only": {"omni": ["omni"]}, "mini-only": {"mini": ["mini"]}},
        gateway={"kind": "unified", "fee": 0.05},
        finance={
            "horizon_months": 4,
            "discount_rate": 0.08,
            "one_time": [{"name": "Integration", "usd": 5000.0}],
            "people": [{"name": "run", "fte": 0.5, "usd_per_year": 120_000.0}],
            "downtime_usd_per_hour": 70.0,
            "transfer_usd_per_gb": 0.09,
            "migrations": [{"at": "2025-03-01", "from": OMNI, "to": "gpt-4o-2024-08-06", "usd": 100.0}],
            "price_steps": [{"at": "2025-02-11", "model": OMNI, "factor": 0.5}],
        },
    )


def drawn(deployment: str, seed: int) -> tuple[list[Window], list[dict]]:
    """Ten windows in two eras and two strata, of busy and quiet hours, with uneven counts of two tasks."""
    luck = np.random.default_rng(seed)
    windows, counts = [], []
    for era, stratum, number, weight in ((0, "", 4, 0.5), (0, "outage:openai", 2, 0.1), (1, "", 4, 0.4)):
        for _ in range(number):
            windows.append(Window(era, weight / number, stratum, float(luck.uniform(0.2, 5))))
            merged: dict = {}
            for task in ("faq", "photo"):
                n = int(luck.integers(20, 60))
                failed = int(luck.integers(0, 5))
                wrong = int(luck.integers(0, 9))
                merged |= counted(task, n, failed, **{
                    f"{deployment}__api__input": int(luck.integers(400, 900)) * n,
                    f"{deployment}__api__output": int(luck.integers(100, 300)) * n,
                    f"{deployment}__wasted_timeout__output": failed * 100,
                    f"{deployment}__sent__input": 700 * n,
                    f"{deployment}__answers__right": n - failed - wrong,
                    f"{deployment}__answers__wrong": wrong,
                })  # fmt: skip
            counts.append(merged)
    return windows, counts


@pytest.mark.parametrize("measure", MEASURES)
def test_the_float_twin_gives_the_figures_of_the_ledger(measure: str) -> None:
    windows, counts = drawn("omni", 1)
    vectors = cost_vectors(plan(), "omni-only", windows, counts)
    exact = getattr(tco(plan(), account(plan(), "omni-only", windows, counts)), measure)
    assert vectors.estimate(measure) == pytest.approx(float(exact), rel=1e-9)


@pytest.mark.parametrize("measure", ["economic_npv_usd", "invoiced_per_correct_usd"])
def test_leaving_out_a_window_is_what_the_ledger_gives_without_it(measure: str) -> None:
    windows, counts = drawn("omni", 2)
    without = cost_vectors(plan(), "omni-only", windows, counts).without_each(measure)
    for left_out in range(len(windows)):
        # the others of its stratum take over its weight
        mates = [
            i
            for i, w in enumerate(windows)
            if w[0] == windows[left_out].era and w.stratum == windows[left_out].stratum
        ]
        factor = len(mates) / (len(mates) - 1)
        kept = [
            (w._replace(weight=w.weight * factor) if i in mates else w, counts[i])
            for i, w in enumerate(windows)
            if i != left_out
        ]
        ledger = account(plan(), "omni-only", [w for w, _ in kept], [c for _, c in kept])
        assert without[left_out] == pytest.approx(float(getattr(tco(plan(), ledger), measure)), rel=1e-9)


def test_with_equal_requests_the_interval_is_students_t_on_window_costs() -> None:
    tokens = [400, 500, 450, 700, 380]
    windows = [Window(weight=0.2)] * 5
    counts = [counted(requests=10, omni__api__input=10 * n) for n in tokens]
    one = scenario()
    value = tco(one, account(one, "omni-only", windows, counts)).invoiced_usd
    found = tco_interval(cost_vectors(one, "omni-only", windows, counts), "invoiced_usd", value)
    costs = np.array(tokens) * 31e6 * 2.5e-6
    low, high = stats.t.interval(0.95, 4, loc=costs.mean(), scale=stats.sem(costs))
    assert float(value) == pytest.approx(costs.mean())
    assert found is not None
    assert float(found.low) == pytest.approx(low, rel=1e-9)
    assert float(found.high) == pytest.approx(high, rel=1e-9)
    assert type(found.low) is D


def test_differences_are_paired_by_window() -> None:
    both = plan()
    windows, omni = drawn("omni", 3)
    _, mini = drawn("mini", 3)
    a = cost_vectors(both, "omni-only", windows, omni)
    b = cost_vectors(both, "mini-only", windows, mini)
    totals = [
        tco(both, account(both, s, windows, c)).invoiced_usd
        for s, c in (("omni-only", omni), ("mini-only", mini))
    ]
    apart = [tco_interval(v, "invoiced_usd", t) for v, t in zip((a, b), totals, strict=True)]
    paired = difference_interval(a, b, "invoiced_usd", totals[0] - totals[1])
    assert paired is not None
    assert all(apart)
    widths = [float(i.high - i.low) for i in apart if i]
    # equal counts at 2.50/10 and 0.15/0.60: the costs move together, so the difference varies less
    assert float(paired.high - paired.low) < math.hypot(*widths)
    assert float(paired.high - paired.low) < widths[0]
    same = difference_interval(a, a, "economic_usd", D(0))
    assert same == (0, 0)


def test_standing_charges_have_no_sampling_error() -> None:
    one = scenario(finance__one_time=[{"name": "Integration", "usd": 5000.0}])
    vectors = cost_vectors(one, "omni-only", [Window(weight=0.5)] * 2, [counted(requests=4)] * 2)
    assert tco_interval(vectors, "invoiced_usd", D("5000")) == (D("5000"), D("5000"))


def test_one_window_in_a_stratum_gives_no_interval() -> None:
    one = scenario()
    windows = [Window(weight=0.4), Window(weight=0.4), Window(weight=0.2, stratum="outage:openai")]
    vectors = cost_vectors(one, "omni-only", windows, [counted(omni__api__input=n) for n in (1, 2, 3)])
    assert tco_interval(vectors, "invoiced_usd", D(1)) is None


def test_an_unknown_figure_has_no_interval() -> None:
    one = scenario()
    vectors = cost_vectors(
        one, "omni-only", [Window(weight=0.5)] * 2, [counted(omni__api__input=n) for n in (1, 2)]
    )
    assert tco_interval(vectors, "invoiced_per_correct_usd", None) is None


def test_a_task_met_in_one_window_only_gives_no_interval() -> None:
    two = scenario(tasks={"faq": {"share": 0.9}, "photo": {"share": 0.1}})
    counts = [
        {**counted(omni__api__input=5), **counted("photo", omni__api__input=9)},
        counted(omni__api__input=7),
    ]
    windows = [Window(weight=0.5)] * 2
    value = tco(two, account(two, "omni-only", windows, counts)).invoiced_usd
    assert tco_interval(cost_vectors(two, "omni-only", windows, counts), "invoiced_usd", value) is None


def test_jackknife_of_a_mean_is_its_standard_error_and_strata_add_variances() -> None:
    values = np.array([3.0, 5.0, 4.0, 9.0, 1.0])
    means = (values.sum() - values) / 4
    assert jackknife([np.arange(5)], means) == pytest.approx((values.std(ddof=1) / math.sqrt(5), 4.0))
    # two strata of weights 0.25 and 0.75: the variance is the weighted sum, the freedom Satterthwaite's
    a, b = values[:2], values[2:]
    without = np.concatenate([
        0.25 * (a.sum() - a) + 0.75 * b.mean(),
        0.25 * a.mean() + 0.75 * (b.sum() - b) / 2,
    ])  # fmt: skip
    variances = 0.25**2 * a.var(ddof=1) / 2, 0.75**2 * b.var(ddof=1) / 3
    freedom = sum(variances) ** 2 / (variances[0] ** 2 / 1 + variances[1] ** 2 / 2)
    assert jackknife([np.arange(2), np.arange(2, 5)], without) == pytest.approx(
        (math.sqrt(sum(variances)), freedom)
    )


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    """A ratio of random sums: cost over requests, true mean 500 tokens; 400 repetitions of 8 windows."""
    luck = np.random.default_rng(11)
    hits = 0
    for _ in range(400):
        requests = luck.poisson(200, 8).astype(float)
        tokens = np.array([luck.gamma(2.0, 250.0, int(n)).sum() for n in requests])
        rates = (tokens.sum() - tokens) / (requests.sum() - requests)
        found = jackknife([np.arange(8)], rates)
        assert found is not None
        half = found[0] * t_quantile(0.975, found[1])
        hits += abs(tokens.sum() / requests.sum() - 500.0) <= half
    assert 0.92 <= hits / 400 <= 0.98


def test_t_quantiles_are_students() -> None:
    assert t_quantile(0.975, 4) == pytest.approx(2.7764451051977987)
    assert t_quantile(0.975, 7.3) == pytest.approx(stats.t.ppf(0.975, 7.3))
