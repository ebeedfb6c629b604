"""The latency curve: a distribution whose interval is that of the measures at the same share."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.metrics import interval
from planner.metrics.curves import intervals
from planner.metrics.measures import QUANTILES
from tests.experiments.test_frontier import TEXT


def test_the_band_is_the_interval_of_the_measures_at_their_shares() -> None:
    from planner.experiments.comparison import compare
    from planner.scenario.reading import loads

    found = compare(loads(TEXT))
    for result in found.results.values():
        curve = result.curve
        for name, share in QUANTILES.items():
            measure = result.estimates["", f"latency_{name}_s"]
            (place,) = np.flatnonzero(np.isclose(curve.shares, share, atol=1e-12))
            assert curve.latency_s[place] == pytest.approx(measure.value, rel=1e-9)
            assert curve.low_s[place] == pytest.approx(measure.low, rel=1e-9)
            assert curve.high_s[place] == pytest.approx(measure.high, rel=1e-9)
        assert (np.diff(curve.latency_s) >= 0).all()
        assert (curve.low_s <= curve.latency_s).all()
        assert (curve.latency_s <= curve.high_s).all()
    table = found.curves
    assert list(table.columns) == ["strategy", "share", "latency_s", "low_s", "high_s"]


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_many_intervals_at_once_are_each_its_own(seed: int) -> None:
    generator = np.random.Generator(np.random.Philox(seed))
    strata = ["a"] * 4 + ["b"] * 3
    replicates = generator.normal(5.0, 1.0, (6, 8))
    replicates[3, 1:] = replicates[3, 0]  # nothing differs
    low, high = intervals(replicates, strata)
    for k in range(len(replicates)):
        expected = interval(replicates[k], strata)
        assert expected is not None
        assert (low[k], high[k]) == pytest.approx(expected, rel=1e-9)


def test_without_two_windows_in_each_stratum_there_is_no_band() -> None:
    low, high = intervals(np.ones((3, 4)), ["a", "a", "b"])
    assert np.isnan(low).all()
    assert np.isnan(high).all()
    broken = np.ones((2, 4))
    broken[1, 2] = np.nan
    low, high = intervals(broken, ["a", "a", "a"])
    assert not np.isnan(low[0])
    assert np.isnan(low[1])
    assert np.isnan(high[1])
