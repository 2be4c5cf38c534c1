"""Prices of money and of a limit: their moves by hand, and where they lead in the long run."""

import numpy as np
import pytest
from bidding_by_hand import play_by_hand, see
from budgetgym import make_agent
from budgetgym.envs.bidding.market import Market
from budgetgym.envs.bidding.problem import RealTimeBidding
from budgetgym.evaluation.play import play
from scipy.optimize import linprog


@pytest.mark.parametrize("mirror", ["entropy", "euclidean"])
def test_dual_mirror_descent_by_hand(mirror):
    problem = RealTimeBidding(T=60, c0=1 / 8)
    agent = make_agent("dmd", problem, mirror=mirror, step=0.1)
    rho = problem.budget.range_of("money")[0] / 60
    start = problem.statistics.theta_avg / problem.statistics.mean_price
    paid = [0.0, 0.0, 80.0, 0.0, 7.0]
    mus = [start]
    for price in paid[1:]:
        g = rho - price
        mus.append(mus[-1] * np.exp(-0.1 * g / rho) if mirror == "entropy" else max(mus[-1] - 0.1 * start * g / rho, 0))
    bids, memories = play_by_hand(agent, problem, [(0.004, p) for p in paid])
    assert [memory[0] for memory in memories] == pytest.approx(mus)
    assert bids == [min(np.floor(0.004 / mu), 300) for mu in mus]
    _, after = agent.predict(see(problem, 0.004), (memories[-1][None],), np.array([True]))
    assert after[0][0, 0] == pytest.approx(mus[-1])  # the price of money is kept for the next episode


def test_for_profit_money_costs_itself_as_well():
    problem = RealTimeBidding(T=60, c0=1 / 8, objective="profit", click_value=20_000.0)
    agent = make_agent("dmd", problem, step=0.1)
    bids, memories = play_by_hand(agent, problem, [(0.004, 0), (0.004, 50)])
    assert memories[0][0] == pytest.approx(20_000 * problem.statistics.theta_avg / problem.statistics.mean_price)
    assert bids == [np.floor(80 / (1 + memory[0])) for memory in memories]


def limited(**settings):
    return RealTimeBidding(**{"T": 10, "budget": 100.0, "cpc_limit": 8000.0, "limits": "soft", **settings})


def test_the_price_of_a_limit_by_hand():
    problem = limited()
    agent = make_agent("roas_dmd", problem, step=0.2)
    scale = problem.budget_scale[0]
    mu, extra = problem.statistics.theta_avg / problem.statistics.mean_price, 1.0
    theta, state, spent, slack, lowered = 0.006, None, 0.0, 0.0, False
    for k, paid in enumerate([0.0, 0.0, 70.0, 10.0, 0.0]):
        if k:
            earned = 8000 * theta - paid if paid else 0.0
            spent, slack = spent + paid, slack + earned
            if not lowered:
                mu, extra = mu * np.exp(-0.2 * (10 - paid) / 10), extra * np.exp(-0.2 * earned / 10)
        seen = see(problem, theta, 1 - spent / 100, 1 - k / 10, slack=slack / scale)
        action, state = agent.predict(seen, state, np.array([False]))
        assert state[0][0, :2] == pytest.approx([mu, extra])
        assert action.item() == min(np.floor((1 + extra) * theta / (mu + extra / 8000)), 300)
        lowered = action.item() > 100 - spent
    # Both prices are kept for the next episode; its first auction teaches nothing.
    _, state = agent.predict(see(problem, theta), state, np.array([True]))
    assert state[0][0, :2] == pytest.approx([mu, extra])


def small_market():
    """Eight thetas and a price law that depends on them, few enough for a linear programme in no time."""
    prices = np.zeros((1, 2, 301))
    prices[0, 0, [5, 20, 50, 90, 140]] = [0.2, 0.3, 0.2, 0.2, 0.1]
    prices[0, 1, [10, 40, 80, 150, 240]] = [0.1, 0.2, 0.3, 0.2, 0.2]
    theta = np.array([[0.0005, 0.001, 0.002, 0.003, 0.004, 0.006, 0.01, 0.02]])
    pmf = np.array([[0.1, 0.2, 0.2, 0.15, 0.15, 0.1, 0.07, 0.03]])
    return Market(theta, pmf, np.array([[0, 0, 0, 0, 1, 1, 1, 1]]), prices, np.zeros(1))


def value_of_the_programme(problem):
    """Expected theta of an episode at most, with the budget and the limit held in expectation."""
    market, price = problem.market, np.arange(301)
    mass = market.theta_pmf[0][:, None] * market.price_pmf[0][market.group[0]]
    worth, cost = mass * market.theta[0][:, None], mass * price
    even = problem.budget.range_of("money")[0] / problem.horizon
    constraints = np.stack([cost.ravel(), (cost - problem.limit * worth).ravel()])
    return -linprog(-1e3 * worth.ravel(), A_ub=constraints, b_ub=[even, 0.0], bounds=(0, 1)).fun / 1e3 * problem.horizon


@pytest.mark.parametrize(
    ("c0", "limit", "binds"),
    [(1 / 8, 3.0, "budget"), (1 / 6, 0.4, "budget"), (1 / 2, 0.3, "limit"), (2.0, 0.7, "limit")],
)
def test_in_the_long_run_the_limit_holds_and_little_is_lost(c0, limit, binds):
    market = small_market()
    problem = RealTimeBidding(
        instance=market, T=1000, c0=c0, cpc_limit=limit * market.mean_price / market.mean_theta, limits="soft"
    )
    episodes = play(make_agent("roas_dmd", problem), problem, range(40), 0).episodes.tail(30)
    assert episodes["theta_value"].mean() >= 0.95 * value_of_the_programme(problem)
    assert episodes["theta_value"].mean() <= 1.02 * value_of_the_programme(problem)
    assert episodes["excess"].sum() <= 0.01 * episodes["spent"].sum()
    assert (episodes["excess"] <= 0.08 * episodes["spent"]).all()
    if binds == "limit":
        assert episodes["excess"].sum() >= -0.02 * episodes["spent"].sum()  # what the limit allows is used
    else:
        assert episodes["spent"].mean() >= 0.98 * problem.budget.range_of("money")[0]


def test_a_hard_limit_is_never_exceeded():
    problem = limited(T=500, c0=1 / 4, budget=None, limits="hard")
    episodes = play(make_agent("roas_dmd", problem), problem, range(10), 0).episodes
    assert (episodes["excess"] <= 1e-6).all()
    assert (episodes["theta_value"] > 0).all()


def test_limits_of_every_kind_are_money_per_theta():
    for settings, money in [
        ({"cpc_limit": 5000.0}, 5000.0),
        ({"cpa_limit": 50_000.0, "conversion_rate": 0.1, "cpc_limit": None}, 5000.0),
        ({"roas_limit": 2.0, "click_value": 10_000.0, "cpc_limit": None}, 5000.0),
    ]:
        problem = limited(**settings)
        assert make_agent("roas_dmd", problem).parameters.limit == pytest.approx(money)


def test_where_the_limited_bidder_does_not_serve():
    with pytest.raises(ValueError, match="roas_dmd serves a limit"):
        make_agent("roas_dmd", RealTimeBidding(T=10))
    with pytest.raises(ValueError, match="roas_dmd maximises clicks"):
        make_agent("roas_dmd", limited(objective="profit"))
    with pytest.raises(ValueError, match="cost_event='click'"):
        make_agent("roas_dmd", limited(cost_event="click"))
    with pytest.raises(ValueError, match="budget_aware"):
        make_agent("roas_dmd", limited(budget_aware=False))
    with pytest.raises(ValueError, match="step is 0"):
        make_agent("roas_dmd", limited(), step=0)
