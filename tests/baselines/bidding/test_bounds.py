import gymnasium as gym
import numpy as np
import pytest
from budgetgym import evaluate, make_agent
from budgetgym.baselines.bidding.bounds import fractional_knapsack
from budgetgym.baselines.core.oracle import episode_bounds, exact_optimum
from budgetgym.envs.core.batch import Batch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from toys import Painter

items = st.lists(st.tuples(st.floats(-1, 5), st.integers(0, 9)), min_size=1, max_size=12)


@given(items, st.floats(0, 40))
@settings(deadline=None)
def test_the_knapsack_is_the_linear_programme(pairs, budget):
    worth, price = np.array(pairs, float).T
    exact = -linprog(-worth, A_ub=price[None], b_ub=[budget], bounds=(0, 1)).fun
    assert fractional_knapsack(worth, price, budget) == pytest.approx(exact, abs=1e-6)


def test_by_hand():
    worth, price = np.array([6.0, 10.0, 12.0, 1.0, -3.0]), np.array([1.0, 2.0, 3.0, 0.0, 0.0])
    assert fractional_knapsack(worth, price, 5.0) == 1 + 6 + 10 + 8
    assert fractional_knapsack(worth, price, 0.0) == 1
    assert fractional_knapsack(worth, price, 99.0) == 29
    assert fractional_knapsack(worth[:0], price[:0], 5.0) == 0


@pytest.mark.parametrize("objective", ["clicks", "profit"])
@pytest.mark.parametrize("instance", ["2997", "1458", "shift", "uniform"])
def test_nobody_exceeds_the_bound_of_any_episode(instance, objective):
    env = gym.make("budgetgym/RealTimeBidding-v0", instance=instance, objective=objective, T=100, budget=(0.0, 3000.0))
    score = env.unwrapped.problem.score  # type: ignore[attr-defined]
    for agent in ("optimal", "rlb", "lin", "dmd", "random", "constant:bid=300"):
        episodes = evaluate(make_agent(agent, env), env, 100).episodes
        assert (episodes[score] <= episodes["bound"] + 1e-9).all()
        assert (episodes["spent"] <= episodes["initial"]).all()


def test_realised_profit_is_bounded_by_the_clicks_that_came():
    settings = {"objective": "profit", "reward": "click", "T": 20, "c0": 1.0}
    env = gym.make("budgetgym/RealTimeBidding-v0", **settings)
    for agent in ("constant:bid=100", "optimal", "constant:bid=300"):
        episodes = evaluate(make_agent(agent, env), env, 1000).episodes
        assert (episodes["return"] <= episodes["bound"] + 1e-9).all()


def test_the_optimum_is_below_the_mean_bound():
    env = gym.make("budgetgym/RealTimeBidding-v0", T=100, c0=1 / 8)
    result = evaluate(make_agent("optimal", env), env, 1000)
    assert result.cell["optimum"] < result.episodes["bound"].mean()


def test_where_nothing_is_known():
    problem = Painter()
    batch = Batch(problem, 3)
    batch.reset()
    assert np.isnan(episode_bounds(problem, batch)).all()
    assert np.isnan(exact_optimum(problem))
    assert np.isnan(exact_optimum(gym.make("budgetgym/RealTimeBidding-v0", budget=(1.0, 2.0)).unwrapped.problem))  # type: ignore[attr-defined]
