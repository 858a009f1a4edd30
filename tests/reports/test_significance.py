"""Rank tests against scipy, scikit-posthocs, published values and complete agreement."""

import numpy as np
import pytest
import scikit_posthocs
from graftbench.reports.intervals import stratified_interval, widening
from graftbench.reports.power import blocks_for_gap, more_seeds, plan_power
from graftbench.reports.significance import (
    cliques,
    critical_difference,
    friedman_floor,
    holm_floor,
    nemenyi_floor,
    rank_test,
)
from scipy import stats

NAMES = tuple("abcdef")


@pytest.fixture
def losses():
    return np.random.default_rng(5).normal(size=(9, 6)) + np.arange(6) * 0.7


def test_p_values_are_scipys_and_scikit_posthocs(losses):
    found = rank_test(losses, NAMES, "rule")
    scipys = stats.friedmanchisquare(*losses.T)
    assert found.friedman_statistic == pytest.approx(scipys.statistic)
    assert found.friedman_p == pytest.approx(scipys.pvalue)
    nemenyi = scikit_posthocs.posthoc_nemenyi_friedman(losses).to_numpy()
    holm = scikit_posthocs.posthoc_siegel_friedman(losses, p_adjust="holm").to_numpy()
    assert found.nemenyi["b", "e"] == pytest.approx(nemenyi[1, 4])
    assert found.holm["b", "e"] == pytest.approx(holm[1, 4])


def test_mean_ranks_by_hand():
    found = rank_test(np.array([[1.0, 2, 3], [1, 3, 2], [5, 5, 9]]), ("a", "b", "c"), "rule")
    assert found.mean_ranks == pytest.approx({"a": (1 + 1 + 1.5) / 3, "b": (2 + 3 + 1.5) / 3, "c": (3 + 2 + 3) / 3})


@pytest.mark.parametrize(("blocks", "difference"), [(3, 4.35), (5, 3.37), (8, 2.67), (10, 2.38)])
def test_critical_differences_of_six_strategies(blocks, difference):
    assert critical_difference(6, blocks) == pytest.approx(difference, abs=0.005)


@pytest.mark.parametrize("blocks", [3, 5, 8])
def test_floors_are_what_complete_agreement_gives(blocks):
    found = rank_test(np.tile(np.arange(6.0), (blocks, 1)), NAMES, "rule")
    assert found.friedman_p == pytest.approx(friedman_floor(6, blocks))
    assert found.nemenyi["a", "f"] == pytest.approx(nemenyi_floor(6, blocks))
    assert found.holm["a", "f"] == pytest.approx(holm_floor(6, blocks))


def test_the_floor_of_two_strategies_is_wilcoxons():
    assert friedman_floor(2, 5) == stats.wilcoxon([1, 2, 3, 4, 5]).pvalue == 0.0625
    found = rank_test(np.array([[1.0, 2], [1, 3], [1, 4], [1, 5], [1, 6]]), ("a", "b"), "rule")
    assert found.friedman_p == 0.0625
    assert found.verdicts == {("a", "b"): "untestable"}


def test_untestable_is_not_tied():
    agreeing = np.tile(np.arange(6.0), (5, 1))
    found = rank_test(agreeing, NAMES, "rule")
    assert found.verdicts["a", "f"] == "separated"
    assert found.verdicts["a", "b"] == "untestable", "neighbours on five blocks cannot be told apart"
    disagreeing = np.random.default_rng(0).normal(size=(5, 6))
    assert "tied" in rank_test(disagreeing, NAMES, "rule").verdicts.values()
    few = rank_test(agreeing[:2], NAMES, "rule")
    assert set(few.verdicts.values()) == {"untestable"}
    assert not few.testable


def test_equal_scores_give_p_one_and_no_nan():
    found = rank_test(np.ones((4, 3)), ("a", "b", "c"), "rule")
    assert (found.friedman_statistic, found.friedman_p) == (0.0, 1.0)
    assert found.cliques == (("a", "b", "c"),)


def test_a_strategy_that_never_ran_is_last_and_breaks_nothing():
    found = rank_test(np.array([[1.0, 2, np.inf], [2, 1, 3], [1, 2, np.inf]]), ("a", "b", "c"), "rule")
    assert found.mean_ranks["c"] == 3
    assert np.isfinite(list(found.nemenyi.values())).all()


def test_cliques_are_the_largest_runs():
    ranks = {"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0}
    verdicts = dict.fromkeys([("a", "b"), ("b", "c"), ("b", "d"), ("c", "d")], "tied")
    verdicts |= {("a", "c"): "separated", ("a", "d"): "separated"}
    assert cliques(ranks, verdicts) == (("a", "b"), ("b", "c", "d"))


def test_blocks_for_a_gap_are_the_fewest_that_separate_it():
    needed = blocks_for_gap(6, 2.0)
    assert critical_difference(6, needed) < 2.0 <= critical_difference(6, needed - 1)


def test_power_before_the_run():
    power = plan_power(strategies=8, targets=2, seeds=3)
    assert not power.testable
    assert "untestable" in " ".join(power.sentences())
    enough = plan_power(8, power.blocks_for_any_pair, 3)
    assert enough.testable
    assert not plan_power(8, power.blocks_for_any_pair - 1, 3).testable
    assert plan_power(4, 5, 1).cell_half_width is None


def test_more_seeds_would_separate_a_clear_difference():
    noise = np.array([-1.0, 0.0, 1.0])
    needed = 3 + more_seeds([0.5 + noise, 0.5 + noise])
    wider = widening((3, 3), "mean")
    half = [wider * stats.t.ppf(0.975, 2 * (n - 1)) * np.sqrt(2) / 2 / np.sqrt(n) for n in (needed - 1, needed)]
    assert half[0] >= 0.5 > half[1]
    assert more_seeds([np.array([0.3])]) is None
    assert more_seeds([noise - 0.5, noise - 0.5]) is None, "no seeds make an order true that is not"


def test_no_more_seeds_are_needed_exactly_where_the_interval_leaves_zero_outside():
    rng, found = np.random.default_rng(0), []
    for shift in np.linspace(0.2, 3, 40):
        differences = [shift + spread * rng.standard_normal(3) for spread in (0.1, 0.3, 2.0)]
        found.append(more_seeds(differences) == 0)
        assert found[-1] == (stratified_interval(differences).low > 0)
    assert any(found) and not all(found)
