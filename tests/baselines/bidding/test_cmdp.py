"""The programme's bids against a knapsack over (theta, price) cells."""

import numpy as np
import pytest
from bidding_by_hand import see
from budgetgym import make_agent
from budgetgym.baselines.bidding.bounds import fractional_knapsack
from budgetgym.baselines.bidding.cmdp import solve_cmdp
from budgetgym.baselines.bidding.values import minimum_pmf, worth_and_price_weight
from budgetgym.envs.bidding.problem import RealTimeBidding
from budgetgym.envs.bidding.statistics import TrainingStatistics
from scipy.optimize import linprog

PRICES = np.arange(301)

SETTINGS = [
    {},
    {"c0": 1 / 32},
    {"c0": 2.0},
    {"budget": 0.0},
    {"instance": "1458"},
    {"instance": "uniform", "c0": 1 / 3},
    {"reserve": 40.0},
    {"objective": "profit", "c0": 1 / 2},
    {"objective": "profit", "click_value": 3000.0, "c0": 1.0},
]


def solved(settings):
    problem = RealTimeBidding(T=100, **settings)
    law = problem.statistics.law()
    return problem, solve_cmdp(problem), law.theta[0], law.theta_pmf[0], minimum_pmf(problem)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_the_value_is_that_of_the_fractional_knapsack_over_cells(settings):
    problem, bids, theta, theta_pmf, prices = solved(settings)
    assert bids.shape == (len(theta), 301)
    assert (bids >= 0).all()
    assert bids.sum(axis=1) == pytest.approx(np.ones(len(theta)), abs=1e-9)
    unit, weight = worth_and_price_weight(problem)
    mass = theta_pmf[:, None] * prices
    won = np.cumsum(bids[:, ::-1], axis=1)[:, ::-1]  # a price is won by all bids from it on
    value = (mass * won * (unit * theta[:, None] - weight * PRICES)).sum()
    spend = (mass * won * PRICES).sum()
    even = problem.budget.range_of("money")[0] / 100
    gain = mass * (unit * theta[:, None] - weight * PRICES)
    best = fractional_knapsack(gain.ravel(), (mass * PRICES).ravel(), even)
    assert value == pytest.approx(best, rel=1e-9)
    assert spend <= even * (1 + 1e-9)


def test_the_value_is_that_of_the_linear_programme():
    pmf = np.zeros(301)
    pmf[[0, 1, 2, 5, 9, 20]] = [0.05, 0.2, 0.25, 0.2, 0.2, 0.1]
    theta, theta_pmf = np.array([0.0, 0.02, 0.05, 0.3]), np.array([0.3, 0.4, 0.2, 0.1])
    statistics = TrainingStatistics(pmf, float(theta @ theta_pmf), float(pmf @ PRICES), "mine", theta, theta_pmf)
    mass, row = (theta_pmf[:, None] * pmf).ravel(), np.tile(PRICES, 4)
    for budget in (0.0, 3.0, 17.0, 40.0, 70.0):
        bids = solve_cmdp(RealTimeBidding(statistics=statistics, T=10, budget=budget))
        won = np.cumsum(bids[:, ::-1], axis=1)[:, ::-1].ravel()
        worth = mass * np.repeat(theta, 301)
        best = -linprog(-worth, A_ub=(mass * row)[None], b_ub=[budget / 10], bounds=(0, 1)).fun
        assert worth @ won == pytest.approx(best, rel=1e-7)
        assert (mass * row) @ won <= budget / 10 + 1e-12


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_bids_are_worth_over_a_price_of_money_and_at_most_one_theta_mixes(settings):
    problem, bids, theta, _, _ = solved(settings)
    unit, weight = worth_and_price_weight(problem)
    mixed = ((bids > 1e-12).sum(axis=1) > 1).nonzero()[0]
    assert len(mixed) <= 1
    assert ((bids > 1e-12).sum(axis=1) <= 2).all()
    pure = np.setdiff1d(np.arange(len(theta)), mixed)
    chosen = bids.argmax(axis=1)
    assert (np.diff(chosen[pure]) >= 0).all()
    # Between what is won and what is lost lies a price of money mu, and the bids are floor(worth / (mu + weight)).
    most = max([unit * theta[g] / (chosen[g] + 1) - weight for g in pure if chosen[g] < 300], default=0.0)
    least = min([unit * theta[g] / chosen[g] - weight for g in pure if chosen[g] > 0], default=np.inf)
    assert max(most, 0.0) <= least
    money = (max(most, 0.0) + least) / 2 + weight
    fewer, more = (np.minimum(np.floor(unit * theta[pure] / (money * tie)), 300) for tie in (1 + 1e-12, 1 - 1e-12))
    assert (fewer <= chosen[pure]).all()
    assert (chosen[pure] <= more).all()


def test_worthless_impressions_are_never_paid_for():
    log = np.stack([np.zeros(400), np.arange(400) % 100 + 1, np.where(np.arange(400) % 2, 0.0, 0.01)], axis=1)
    for c0 in (1 / 8, 1.0, 3.0):
        problem = RealTimeBidding(log=log, T=100, c0=c0)
        assert make_agent("cmdp", problem).predict(see(problem, 0.0))[0] == 0


def test_the_agent_draws_the_programmes_bids():
    problem, bids, theta, _, _ = solved({})
    agent = make_agent("cmdp", problem)
    g = int(((bids > 1e-12).sum(axis=1) > 1).nonzero()[0][0])
    low, high = np.flatnonzero(bids[g] > 1e-12)
    state, drawn = None, []
    for _ in range(3000):
        action, state = agent.predict(see(problem, theta[g]), state, np.array([False]))
        drawn.append(int(action.item()))
    assert set(drawn) == {low, high}
    assert np.mean(np.array(drawn) == high) == pytest.approx(bids[g, high], abs=0.04)
    sure = [k for k in range(len(theta)) if k != g]
    asked = [agent.predict(see(problem, theta[k]))[0].item() for k in sure]
    assert asked == bids.argmax(axis=1)[sure].tolist()


def test_draws_are_seeded():
    problem, bids, theta, _, _ = solved({})
    g = int(((bids > 1e-12).sum(axis=1) > 1).nonzero()[0][0])

    def some(agent):
        state, drawn = None, []
        for _ in range(60):
            action, state = agent.predict(see(problem, theta[g]), state, np.array([False]))
            drawn.append(action.item())
        return drawn

    agent = make_agent("cmdp", problem)
    first = some(agent)
    assert some(make_agent("cmdp", problem)) == first
    agent.set_random_seed(3)
    assert some(agent) != first
    assert some(make_agent("cmdp", problem, seed=3)) == some(agent)


def test_first_prices_are_refused():
    with pytest.raises(ValueError, match=r"cmdp is for second prices.*see shade"):
        make_agent("cmdp", RealTimeBidding(T=10, rule="first_price"))
