"""Shaded bids in first-price auctions."""

import numpy as np
import pytest
from bidding_by_hand import see
from budgetgym import make_agent
from budgetgym.baselines.bidding.shading import CURVE, best_shaded_bid
from budgetgym.baselines.bidding.values import minimum_pmf
from budgetgym.envs.bidding.market import Market
from budgetgym.envs.bidding.problem import RealTimeBidding
from budgetgym.envs.bidding.statistics import TrainingStatistics
from budgetgym.envs.core.batch import Batch, episode_keys
from budgetgym.evaluation.play import play
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st


def first_price(**settings):
    return RealTimeBidding(**{"T": 100, "rule": "first_price", "feedback": "minimum", **settings})


@given(st.lists(st.integers(0, 5), min_size=301, max_size=301), st.floats(0, 1), st.floats(1e-6, 0.1))
@hypothesis_settings(deadline=None, max_examples=60)
def test_the_bid_is_the_best_of_all_whole_bids(counts, worth, money):
    weights = np.array(counts, float)
    surplus = (worth - money * np.arange(301)) * np.cumsum(weights)
    bid = best_shaded_bid(weights, worth, money)
    assert surplus[bid] >= surplus.max() - 1e-12
    assert worth - money * bid >= 0


def test_nothing_is_bid_where_nothing_is_gained():
    weights = np.zeros(301)
    weights[50] = 1.0
    assert best_shaded_bid(weights, 49.0, 1.0) == 0
    assert best_shaded_bid(weights, 50.0, 1.0) == 0
    assert best_shaded_bid(weights, 50.5, 1.0) == 50
    assert best_shaded_bid(weights, 0.0, 1.0) == 0


def test_the_price_of_money_and_the_win_curve_move_by_hand():
    problem = first_price(T=10, budget=100.0)
    agent = make_agent("shade", problem, step=0.3, prior=2.0)
    mu = problem.statistics.theta_avg / problem.statistics.mean_price
    curve, theta, state, spent, lowered = 2.0 * minimum_pmf(problem), 0.008, None, 0.0, False
    for k, (paid, minimum) in enumerate([(0, 0), (0, 70), (40, 35), (0, 300), (20, 0)]):
        if k:
            spent += paid
            mu *= 1.0 if lowered else np.exp(0.3 * (paid / 10 - 1))
            curve[minimum] += 1
        seen = see(problem, theta, 1 - spent / 100, 1 - k / 10, last_minimum=minimum / 300, last_win=float(paid > 0))
        action, state = agent.predict(seen, state, np.array([False]))
        assert state[0][0, 0] == pytest.approx(mu)
        assert state[0][0, CURVE:] == pytest.approx(curve)
        surplus = (theta - mu * np.arange(301)) * np.cumsum(curve)
        assert action.item() == surplus.argmax()
        lowered = action.item() > 100 - spent


@pytest.mark.parametrize("feedback", ["minimum", "full"])
@pytest.mark.parametrize("reserve", [0.0, 60.0])
def test_the_win_curve_is_learnt_where_the_least_winning_bid_is_shown(feedback, reserve):
    wrong = TrainingStatistics(np.eye(301)[200], 0.004, 60.0, "wrong on purpose")
    problem = first_price(T=3000, feedback=feedback, reserve=reserve, statistics=wrong)
    agent = make_agent("shade", problem, prior=10.0)
    curve = learnt_curve(agent, problem)
    true = problem.market.marginal_price_pmf.copy()
    true[int(reserve)] += true[: int(reserve)].sum()
    true[: int(reserve)] = 0.0
    assert np.abs(np.cumsum(curve) - np.cumsum(true)).max() < 0.04


@pytest.mark.parametrize("feedback", ["win", "price"])
def test_it_is_not_learnt_where_it_is_not_shown(feedback):
    problem = first_price(T=300, feedback=feedback)
    assert learnt_curve(make_agent("shade", problem), problem) == pytest.approx(minimum_pmf(problem))


def learnt_curve(agent, problem):
    """The win curve after an episode, as a law."""
    batch = Batch(problem, 1)
    batch.seed(episode_keys(0, 1))
    batch.reset()
    state = None
    for _ in range(problem.horizon):
        action, state = agent.predict(batch.observe(), state, np.zeros(1, bool))
        batch.step(batch.read_actions(action))
    curve = state[0][0, CURVE:]
    return curve / curve.sum()


def spiky():
    """Most prices are one of two floors: there is nothing to be gained by bidding anything else."""
    prices = np.full((1, 1, 301), 0.1 / 301)
    prices[0, 0, [20, 120]] += [0.6, 0.3]
    theta = np.linspace(0.001, 0.01, 10)[None]
    return Market(theta, np.full((1, 10), 0.1), np.zeros((1, 10), int), prices, np.zeros(1))


@pytest.mark.parametrize(("instance", "margin"), [("2997", 1.005), ("1458", 1.005), ("spiky", 1.15)])
def test_shading_beats_bidding_the_worth(instance, margin):
    problem = first_price(T=1000, instance=spiky() if instance == "spiky" else instance)
    score = {
        name: play(make_agent(name, problem), problem, range(160), 0).episodes["theta_value"].to_numpy()
        for name in ("shade", "dmd", "lin")
    }
    for other in ("dmd", "lin"):
        assert score["shade"].mean() > margin * score[other].mean()
        difference = score["shade"] - score[other]
        assert difference.mean() > 3 * difference.std() / np.sqrt(len(difference))


def test_shading_for_profit_earns_more_than_bidding_the_worth():
    problem = first_price(T=500, c0=1.0, objective="profit")
    shade, dmd = (play(make_agent(name, problem), problem, range(10), 0).episodes["return"] for name in ("shade", "dmd"))
    assert shade.mean() > 1.5 * max(dmd.mean(), 0.0)


def test_where_shading_does_not_serve():
    with pytest.raises(ValueError, match="shade is for first prices"):
        make_agent("shade", RealTimeBidding(T=10))
    with pytest.raises(ValueError, match="cost_event='click'"):
        make_agent("shade", first_price(cost_event="click"))
    with pytest.raises(ValueError, match="prior is -1"):
        make_agent("shade", first_price(), prior=-1)
