"""Intervals: hand-computed values, and that they cover what they promise."""

import numpy as np
import pytest
from graftbench.reports.coverage import coverage
from graftbench.reports.intervals import (
    iqm,
    mean_interval,
    proportion_interval,
    stratified_interval,
    studentise,
    widening,
)
from scipy import stats


def test_iqm_is_the_mean_of_the_middle_half():
    assert iqm(np.array([100.0, 1, 2, 3, 4, 5, 6, -100])) == pytest.approx((2 + 3 + 4 + 5) / 4)
    values = np.random.default_rng(0).normal(size=(7, 13))
    np.testing.assert_allclose(iqm(values), stats.trim_mean(values, 0.25, axis=1))


def test_the_mean_interval_is_students_times_the_widening():
    found = mean_interval([1.0, 2.0, 3.0])
    half = widening((3,), "mean") * stats.t.ppf(0.975, 2) * 1 / np.sqrt(3)
    assert (found.estimate, found.low, found.high) == pytest.approx((2, 2 - half, 2 + half))
    assert widening((3,), "mean") > 1.5


def test_welch_degrees_of_freedom_equal_scipys():
    a, b = np.array([1.0, 2, 4, 7]), np.array([10.0, 11, 11.5])
    _, variance, freedom = studentise([a[None], b[None]], "mean")
    scipys = stats.ttest_ind(a, b, equal_var=False)
    assert freedom[0] == pytest.approx(scipys.df)
    assert np.sqrt(variance[0]) * 2 == pytest.approx((a.mean() - b.mean()) / scipys.statistic)


def test_one_seed_gives_no_interval_rather_than_a_narrow_one():
    found = mean_interval([0.5])
    assert (found.low, found.high, found.half_width) == (None, None, None)
    assert stratified_interval([np.array([1.0, 2.0]), np.array([3.0])]).low is None


def test_nan_is_refused():
    with pytest.raises(ValueError, match="finite"):
        mean_interval([1.0, float("nan")])


def test_proportions_are_clopper_pearson():
    exact = stats.binomtest(7, 12).proportion_ci(method="exact")
    found = proportion_interval(7, 12)
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high))
    assert proportion_interval(0, 5).low == 0
    assert proportion_interval(5, 5).high == 1


def test_intervals_cover_where_the_percentile_bootstrap_does_not():
    """A reduced form of ``graftbench coverage``: at least 94 % for every promised shape of scores."""
    found = coverage(trials=6000, naive_trials=300, designs=(("mean", 1, 0.0), ("iqm", 6, 20.0), ("iqm", 4, 2.0)))
    promised = found[found["promised"]]
    assert promised["coverage"].min() >= 0.94
    assert (promised[promised["seeds"] == 3]["naive_coverage"] < 0.9).all()
    aggregate = promised[(promised["statistic"] == "iqm") & (promised["seeds"] == 10)]
    assert (aggregate["times_wider"] < 1.4).all()
