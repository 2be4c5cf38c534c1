"""Known answers of Knapsack RL (arXiv:2509.25849) and V_0.5 (arXiv:2603.10848)."""

import itertools
import math

import numpy as np
import pytest
from budgetgym.agents.group_policy.allocators import (
    Knapsack,
    Seen,
    SequentialStopping,
    Uniform,
    evenly,
    expected_rollouts,
    information,
    knapsack,
    mixed_probability,
    risk,
    rollout_value,
    worth_another,
)
from budgetgym.agents.group_policy.baselines import ValuePrior, shrunk, squared_distance
from budgetgym.agents.group_policy.tasks import TaskPool
from budgetgym.envs.routing.agentic.problem import AgenticRouting
from hypothesis import given, settings
from hypothesis import strategies as st


def test_how_likely_a_group_is_mixed():
    assert mixed_probability(8, 0.5) == pytest.approx(0.992188, abs=1e-6)
    assert mixed_probability(8, 0.1) == pytest.approx(0.569533, abs=1e-6)
    assert mixed_probability(8, 0.02) == pytest.approx(0.149237, abs=1e-6)
    assert expected_rollouts(0.5) == pytest.approx(3.0)
    assert expected_rollouts(0.2) == pytest.approx(5.25)
    assert expected_rollouts(0.01) == pytest.approx(100.0101, abs=1e-4)
    assert next(n for n in itertools.count(2) if mixed_probability(n, 0.01) >= 0.9) == 230
    rates = np.linspace(0.0, 1.0, 3001)
    assert rates[information(rates).argmax()] == pytest.approx(1 / 3, abs=1e-3)
    assert information(1 / 3) == pytest.approx(4 / 27)


@pytest.mark.parametrize(
    ("total", "counts", "value", "uniform"),
    [
        (24, (2, 5, 7, 5, 3, 2), 0.301347, 0.268101),
        (48, (2, 18, 11, 7, 8, 2), 0.363382, 0.338228),
        (96, (22, 33, 15, 9, 15, 2), 0.387093, 0.374011),
    ],
)
def test_the_published_knapsack(total, counts, value, uniform):
    p = np.array([0.02, 0.1, 0.3, 0.5, 0.8, 0.98])
    found = knapsack(p, total, low=2, most=64)
    assert tuple(found) == counts
    assert rollout_value(found, p).sum() == pytest.approx(value, abs=1e-6)
    assert rollout_value(evenly(6, total), p).sum() == pytest.approx(uniform, abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0.0, 1.0), min_size=2, max_size=4), st.integers(1, 2), st.integers(3, 5), st.data())
def test_the_knapsack_is_the_best_of_all_divisions(p, low, most, data):
    total = data.draw(st.integers(len(p) * low, len(p) * most))
    rates = np.array(p)
    found = knapsack(rates, total, low, most)
    assert found.sum() == total
    assert found.min() >= low
    assert found.max() <= most
    every = (n for n in itertools.product(range(low, most + 1), repeat=len(p)) if sum(n) == total)
    best = max(float(rollout_value(np.array(n), rates).sum()) for n in every)
    assert rollout_value(found, rates).sum() == pytest.approx(best, abs=1e-12)


def test_solved_tasks_get_the_least_and_unsolved_ones_what_nobody_needs():
    """At a success rate of .5 the chance of a mixed group is 1 to the last digit long before 2000 rollouts."""
    assert knapsack(np.array([1.0, 0.0, 0.4]), 30, low=2, most=20).tolist() == [2, 8, 20]
    assert knapsack(np.array([1.0, 0.0, 0.4]), 52, low=2, most=20).tolist() == [12, 20, 20]
    counts = knapsack(np.array([1.0, 0.0, 0.0, 0.5]), 6000, low=2, most=3000)
    assert counts[0] == 2
    assert counts[3] < 2000
    assert abs(counts[1] - counts[2]) <= 1


@pytest.mark.parametrize("total", [1, 300])
def test_a_total_that_cannot_be_divided_is_refused(total):
    with pytest.raises(ValueError, match=f"total is {total}; expected between 4 and 256"):
        knapsack(np.array([0.2, 0.5]), total)


def test_shrinkage_keeps_the_prior_while_the_distance_can_be_noise():
    k = np.array([4])
    assert shrunk(np.array([0.5]), np.array([0.0]), k) == 0.0  # |m - V| = 1 / sqrt(k)
    distance = 0.8**2 - 0.25
    weight = distance / (distance + 0.25)
    assert shrunk(np.array([0.8]), np.array([0.0]), k) == pytest.approx(weight * 0.8)


@pytest.mark.parametrize(
    ("k", "mu", "V", "expected"),
    [(4, 0.0, 0.0, 0.0703), (4, 0.0, 0.1, 0.0779), (4, 0.0, 0.5, 0.2309), (4, 0.0, 1.0, 0.4116), (16, 0.0, 1.0, 0.0773)],
)
def test_the_exact_error_of_the_shrunk_baseline(k, mu, V, expected):
    """The sum over the binomial law of k rewards of -1 and 1."""
    wins = np.arange(k + 1)
    p = (1 + mu) / 2
    law = np.array([math.comb(k, int(w)) for w in wins]) * p**wins * (1 - p) ** (k - wins)
    baseline = shrunk(2 * wins / k - 1, np.full(k + 1, V), np.full(k + 1, k))
    assert law @ (baseline - mu) ** 2 == pytest.approx(expected, abs=5e-5)


def test_the_weight_minimises_the_error():
    k, distance = 5, 0.3
    weights = np.linspace(0.0, 1.0, 100_001)
    errors = weights**2 / k + (1 - weights) ** 2 * distance
    assert errors.min() == pytest.approx(float(risk(k, distance)), abs=1e-9)
    assert weights[errors.argmin()] == pytest.approx(distance / (distance + 1 / k), abs=1e-4)


@pytest.mark.parametrize(("distance", "stops"), [(0.0, 4), (0.05, 4), (0.25, 12), (1.0, 15), (4.0, 16), (1e12, 16)])
def test_one_step_lookahead_stops_where_published(distance, stops):
    k = 4
    while worth_another(k, distance) and k < 100:
        k += 1
    assert k == stops


def seen_of(trials, means, first):
    return Seen(np.array(trials), np.array(means), None if first is None else np.array(first))


def test_allocators_in_rounds():
    problem = AgenticRouting(instance="webshop", budget=4)
    pool = TaskPool(problem, 3)
    visit = pool.visit(np.arange(3), np.random.default_rng(0))
    nothing = seen_of([0, 0, 0], [np.nan] * 3, None)
    assert Uniform()(visit, pool, nothing, 8).tolist() == [3, 3, 2]
    assert Uniform()(visit, pool, seen_of([3, 3, 2], [0.5] * 3, [[0.0]] * 3), 8).tolist() == [0, 0, 0]
    assert Knapsack()(visit, pool, nothing, 30).tolist() == [10, 10, 10]  # nothing is known
    pool.rewards[:] = [0.3, 1.0, np.nan]
    assert Knapsack()(visit, pool, nothing, 30).tolist() == [18, 2, 10]  # the unknown one keeps its even share

    prior = ValuePrior()
    stopping = SequentialStopping(prior, first=4, most=16)
    assert stopping(visit, pool, nothing, 48).tolist() == [4, 4, 4]
    prior.update(np.array([[0.0], [0.0], [0.0]]), np.array([0.5, 0.5, 0.5]), np.array([100, 100, 100]))
    first = [[0.0]] * 3
    # As expected; far off; far off, but at the limit.
    assert stopping(visit, pool, seen_of([4, 4, 16], [0.5, 1.0, 1.0], first), 20).tolist() == [0, 1, 0]
    assert stopping(visit, pool, seen_of([4, 4, 4], [1.0, 1.0, 1.0], first), 2).sum() == 2  # what is left


def test_the_prior_finds_a_law_that_is_in_its_features():
    random = np.random.default_rng(0)
    x = random.normal(size=(2000, 2))
    prior = ValuePrior(memory=0.9)
    assert np.isnan(prior(x)).all()
    for _ in range(3):
        prior.update(x, 0.3 + 0.2 * x[:, 0] - 0.1 * x[:, 1] ** 2, np.full(2000, 5))
    assert prior(x[:5]) == pytest.approx(0.3 + 0.2 * x[:5, 0] - 0.1 * x[:5, 1] ** 2, abs=1e-3)
    prior.update(x, np.full(2000, np.nan), np.zeros(2000, np.int64))  # tasks without rollouts say nothing
    assert np.isfinite(prior(x)).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Knapsack(low=5, most=3), "low is 5 and most is 3"),
        (lambda: SequentialStopping(ValuePrior(), first=0), "first is 0"),
        (lambda: ValuePrior(memory=0.0), "memory is 0.0"),
    ],
)
def test_settings_that_cannot_be_meant(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_the_distance_is_never_negative():
    assert squared_distance(np.array([0.1]), np.array([0.0]), np.array([4])) == 0.0
