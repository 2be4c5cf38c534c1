"""ORTB's bids against numerical maximisation, its constants against what they are constants of."""

import numpy as np
import pytest
from bidding_by_hand import see
from budgetgym import make_agent
from budgetgym.baselines.bidding.ortb import fitted_c, ortb_bid, spending_lagrange
from budgetgym.baselines.bidding.values import minimum_pmf
from budgetgym.envs.bidding.problem import RealTimeBidding

CURVES = {"ortb1": (lambda b, c: b / (c + b), False), "ortb2": (lambda b, c: b**2 / (c**2 + b**2), True)}


@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize("theta", [1e-5, 0.0007, 0.004, 0.03, 1.0])
@pytest.mark.parametrize(("c", "lagrange"), [(50.0, 5e-5), (3.0, 1e-3), (200.0, 2e-6)])
def test_the_bid_maximises_the_expected_surplus(name, theta, c, lagrange):
    wins, squared = CURVES[name]
    bid = ortb_bid(theta, c, lagrange, squared)
    grid = np.linspace(0.0, theta / lagrange, 200_001)  # beyond, winning costs more than it is worth
    surplus = (theta - lagrange * grid) * wins(grid, c)
    assert abs(bid - grid[surplus.argmax()]) <= 2 * grid[1]
    assert (theta - lagrange * bid) * wins(bid, c) >= surplus.max() * (1 - 1e-12)


@pytest.mark.parametrize("name", CURVES)
def test_worthless_impressions_get_nothing_and_better_ones_more(name):
    squared = CURVES[name][1]
    bids = [ortb_bid(theta, 40.0, 1e-4, squared) for theta in np.linspace(0, 0.02, 50)]
    assert bids[0] == 0
    assert (np.diff(bids) > 0).all()


@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize("c", [0.5, 12.0, 77.0, 900.0])
def test_c_is_recovered_where_prices_follow_the_curve(name, c):
    wins, squared = CURVES[name]
    pmf = np.diff(wins(np.arange(301.0), c), prepend=0.0)  # beyond 300 nothing is won; the fit looks at 0..300
    assert fitted_c(pmf, squared) == pytest.approx(c, rel=1e-4)


def expected_spend(problem, agent):
    """Per auction, by asking the agent for every theta there is and paying every price below its bid."""
    law, prices = problem.statistics.law(), minimum_pmf(problem)
    spend = 0.0
    for theta, mass in zip(law.theta[0], law.theta_pmf[0], strict=True):
        bid = agent.predict(see(problem, theta))[0].item()
        assert bid == np.floor(bid)
        spend += mass * sum(price * prices[price] for price in range(int(bid) + 1))
    return spend


@pytest.mark.parametrize("settings", [{}, {"instance": "1458"}, {"reserve": 20.0}, {"c0": 1 / 2}], ids=str)
@pytest.mark.parametrize("name", CURVES)
def test_the_expected_spend_is_the_budget(name, settings):
    problem = RealTimeBidding(T=100, **{"c0": 1 / 8, **settings})
    even = problem.budget.range_of("money")[0] / 100
    agent = make_agent(name, problem)
    # Whole bids step: the spend jumps at lambda, so that the budget lies between the two sides of the jump.
    less, more = (
        expected_spend(problem, make_agent(name, problem, lagrange=agent.parameters.lagrange * factor))
        for factor in (1.001, 0.999)
    )
    assert less - 1e-9 <= even <= more + 1e-9
    assert more - less < 0.05 * even
    assert expected_spend(problem, make_agent(name, problem, lagrange=agent.parameters.lagrange / 2)) > 1.2 * even


@pytest.mark.parametrize("name", CURVES)
def test_budgets_of_nothing_and_of_everything(name):
    nothing, everything = (RealTimeBidding(T=10, budget=budget) for budget in (0.0, 1e5))
    assert make_agent(name, nothing).predict(see(nothing, 0.02))[0] == 0
    assert make_agent(name, everything).predict(see(everything, 1e-3))[0] == 300
    assert spending_lagrange(everything, 50.0, CURVES[name][1]) == pytest.approx(1e-12)


@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize("setting", ["c", "lagrange"])
@pytest.mark.parametrize("value", [0, -1.0, float("nan"), "much"])
def test_constants_must_be_positive(name, setting, value):
    with pytest.raises(ValueError, match=f"{setting} is "):
        make_agent(name, RealTimeBidding(T=10), **{setting: value})
