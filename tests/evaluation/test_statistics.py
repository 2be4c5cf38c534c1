"""Statistics across tasks against rliable's, which can't be imported beside pandas 3."""

import numpy as np
import pytest
from budgetgym.evaluation import statistics
from budgetgym.evaluation.statistics import (
    as_matrix,
    as_tasks,
    estimate,
    expanded,
    improvement,
    interquartile_mean,
    mean,
    mean_of_runs,
    median,
    optimality_gap,
    profile,
)
from scipy.stats import norm

A = np.array([[0.77, 0.44, 0.24], [0.21, 0.93, 1.02], [0.75, 0.86, 0.69], [1.04, 0.93, 0.20], [0.97, 0.23, 0.86]])
B = np.array([[0.77, 0.44, 0.24], [-0.06, 0.73, 0.59], [0.37, 0.81, 0.63], [0.96, 0.71, 0.35]])

# Printed by rliable 1.2.0 with pandas < 3:
#
#   from rliable import library, metrics
#   random = np.random.RandomState(0)
#   for name in ("aggregate_iqm", "aggregate_mean", "aggregate_median", "aggregate_optimality_gap"):
#       function = getattr(metrics, name)
#       statistic = lambda x: np.array([function(x)])
#       print(name, library.get_interval_estimates({"a": A}, statistic, reps=50_000, random_state=random))
#   probability = lambda x, y: np.array([metrics.probability_of_improvement(x, y)])
#   print(library.get_interval_estimates({"ab": [A, B]}, probability, reps=20_000, random_state=random))
#   print(library.create_performance_profile({"a": A}, np.array([0.4, 0.6, 0.8]), reps=50_000))
AGGREGATES = [
    (interquartile_mean, 0.7188888888888889, 0.47888888888888886, 0.8933333333333334),
    (mean, 0.676, 0.5193333333333333, 0.825350000000001),
    (median, 0.678, 0.48200000000000004, 0.86),
    (optimality_gap, 0.32799999999999996, 0.18066666666666675, 0.48333333333333317),
]
IMPROVEMENT = (0.64166667, 0.40833333, 0.85833333)
PROFILE = ([0.73333333, 0.66666667, 0.46666667], [0.53333333, 0.4, 0.2], [0.93333333, 0.86666667, 0.73333333])
NOISE = 0.012


@pytest.mark.parametrize(("statistic", "value", "low", "high"), AGGREGATES)
def test_aggregates_are_those_of_rliable(statistic, value, low, high):
    found = estimate(A, statistic, resamples=50_000, as_rliable=True)
    assert found.value == pytest.approx(value, abs=1e-12)
    assert (found.low, found.high) == (pytest.approx(low, abs=NOISE), pytest.approx(high, abs=NOISE))


def test_probability_of_improvement_is_that_of_rliable():
    found = improvement(A, B, resamples=20_000, as_rliable=True)
    assert found.value == pytest.approx(IMPROVEMENT[0], abs=1e-8)
    assert (found.low, found.high) == (pytest.approx(IMPROVEMENT[1], abs=NOISE), pytest.approx(IMPROVEMENT[2], abs=NOISE))
    assert improvement(B, A).value == pytest.approx(1 - found.value)


def test_five_runs_have_an_interval_over_seeds_and_episodes_that_covers():
    """Student's: the percentile interval of five runs of one task covers .80."""
    rng = np.random.default_rng(0)
    inside = []
    for _ in range(400):
        scores = rng.normal(0.0, 0.05, 5) + rng.normal(0.0, 0.02)
        resampled = scores + rng.normal(0.0, 0.02, (200, 1))
        _, low, high = mean_of_runs(scores, resampled, 100)
        inside.append(low < 0.0 < high)
    assert 0.92 < np.mean(inside) < 0.99


def test_one_run_has_an_interval_over_episodes_and_equal_ones_a_point():
    resampled = np.linspace(0.0, 1.0, 1001)[:, None]
    assert mean_of_runs(np.array([0.5]), resampled, 1000)[1:] == pytest.approx((0.025, 0.975), abs=0.002)
    assert mean_of_runs(np.full(3, 0.5), np.full((10, 3), 0.5), 10) == (0.5, 0.5, 0.5)
    assert np.isnan(mean_of_runs(np.full(3, np.nan), np.full((10, 3), np.nan), 10)).all()


def test_few_runs_widen_an_interval():
    assert expanded(0.95, [1, 1]) == 0.95
    assert expanded(0.95, [10_000]) == pytest.approx(0.95, abs=1e-4)
    assert expanded(0.95, [5]) == pytest.approx(2 * norm.cdf(2.776445 * 1.25**0.5) - 1, abs=1e-6)
    scores = [[0.1, 0.4, 0.5, 0.6, 0.9]]
    (_, low, high), (_, narrow_low, narrow_high) = estimate(scores, mean), estimate(scores, mean, as_rliable=True)
    assert low < narrow_low < narrow_high < high


def test_profiles_are_those_of_rliable():
    found = estimate(A, lambda scores: profile(scores, [0.4, 0.6, 0.8]), resamples=50_000, as_rliable=True)
    for ours, theirs in zip(found, PROFILE, strict=True):
        assert ours == pytest.approx(theirs, abs=1e-8)  # shares of 15 runs


def test_tasks_count_alike_however_many_runs_they_have():
    ragged = [[0.5], [0.1, 0.3], [0.9, 0.8, 1.0]]
    assert as_matrix(as_tasks(ragged)).shape == (6, 3)
    assert estimate(ragged, mean).value == pytest.approx((0.5 + 0.2 + 0.9) / 3)
    assert improvement([[1.0], [0.0, 2.0]], [[0.0, 0.5, 1.0], [1.0]]).value == pytest.approx((2.5 / 3 + 0.5) / 2)
    assert profile(as_matrix(as_tasks(ragged)), [0.4])[0] == pytest.approx(2 / 3)


def test_one_run_for_each_task_has_no_spread():
    found = estimate([[0.2], [0.9]], interquartile_mean)
    assert found.value == found.low == found.high == pytest.approx(0.55)


@pytest.mark.parametrize("scores", [[], [[0.1], []], [[np.nan]]])
def test_scores_that_cant_be_used(scores):
    with pytest.raises(ValueError, match="scores"):
        estimate(scores, mean)


def test_other_tasks_can_not_be_compared():
    with pytest.raises(ValueError, match="3 tasks and others 1"):
        improvement(A, [[0.1]])
    with pytest.raises(ValueError, match="confidence is 1"):
        statistics.interval(np.zeros(1), np.zeros((2, 1)), 1.0)
