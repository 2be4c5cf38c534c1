"""What solvers, bounds and tables take for the law of an auction is what a played auction does."""

import numpy as np
import pytest
from budgetgym.baselines.bidding.bounds import fractional_knapsack
from budgetgym.baselines.bidding.values import worth_and_price_weight
from budgetgym.baselines.core.oracle import episode_bounds, why_unknown
from budgetgym.envs.bidding import law
from budgetgym.envs.bidding.problem import RealTimeBidding
from budgetgym.envs.core import BudgetedVectorEnv
from budgetgym.envs.core.batch import Batch

BIDS = np.array([*range(24), 60, 150, 199, 200, 299, 300])
PRICES = np.array([*range(0, 24, 2), 61, 150, 300])
RULES = [
    {"rule": "second_price", "reserve": reserve, "soft_reserve": soft_reserve}
    for reserve in (0, 8, 20)
    for soft_reserve in (0, 15, 200)
]
RULES += [{"rule": "first_price", "reserve": reserve} for reserve in (0, 8, 20)]


def log_of(prices):
    """A log of these market prices."""
    return np.stack([np.ones(len(prices)), prices, np.full(len(prices), 0.25)], axis=1)


def play(bids, prices, budget=1e9, **settings):
    """The problem, and what every bid (n,) gets in a log of these prices: charged, won and rewards, (n, prices) each."""
    problem = RealTimeBidding(log=log_of(prices), T=len(prices), budget=budget, **settings)
    envs = BudgetedVectorEnv(problem, len(bids))
    envs.reset(seed=0)
    rewards, infos = zip(*(envs.step(bids[:, None].astype(float))[1::3] for _ in prices), strict=True)
    charged = np.stack([info["cost"] for info in infos], axis=1).reshape(len(bids), len(prices))
    won = np.diff(np.stack([info["wins"] for info in infos], axis=1), prepend=0) > 0
    return problem, charged, won, np.stack(rewards, axis=1)


@pytest.mark.parametrize("rules", RULES, ids=str)
def test_a_played_auction_charges_what_solvers_sum_over(rules):
    problem, charged, won, rewards = play(BIDS, PRICES, objective="profit", click_value=40.0, **rules)
    params = problem.params
    minimum = np.array([law.minimum_bid(params.rules, float(price)) for price in PRICES])
    table = law.payments(params.rules)
    assert np.array_equal(charged, table[np.ix_(BIDS, minimum.astype(int))])
    assert np.array_equal(won, [[law.wins(float(bid), least) for least in minimum] for bid in BIDS])
    unit, price_weight = worth_and_price_weight(problem)
    assert rewards == pytest.approx(unit * 0.25 * won - price_weight * charged)


@pytest.mark.parametrize("rules", RULES, ids=str)
def test_the_law_of_the_least_winning_bid_and_expected_payments_are_means_over_played_auctions(rules):
    problem, charged, won, _ = play(BIDS, PRICES, **rules)
    shown = np.bincount(PRICES, minlength=law.PRICE_LEVELS) / len(PRICES)
    pmf = law.minimum_pmf(problem.params.rules, shown)
    assert pmf.sum() == pytest.approx(1.0)
    assert np.cumsum(pmf)[BIDS] == pytest.approx(won.mean(axis=1))
    assert law.expected_payments(problem.params.rules, pmf)[BIDS] == pytest.approx(charged.mean(axis=1))


@pytest.mark.parametrize("rules", RULES, ids=str)
def test_no_win_costs_less_than_the_least_price(rules):
    problem, charged, won, _ = play(BIDS, PRICES, **rules)
    minimum = [int(law.minimum_bid(problem.params.rules, float(price))) for price in PRICES]
    least = np.broadcast_to(law.least_prices(problem.params.rules)[minimum], charged.shape)
    assert (charged[won] >= least[won]).all()
    at_least = play(np.array(sorted(set(minimum))), PRICES, **rules)[1]
    assert np.array_equal(np.where(at_least > 0, at_least, np.inf).min(axis=0)[least[0] > 0], least[0][least[0] > 0])


@pytest.mark.parametrize("rules", RULES, ids=str)
def test_the_bound_in_hindsight_charges_the_least_prices(rules):
    problem, *_ = play(BIDS, PRICES, budget=300.0, **rules)
    batch = Batch(problem, 1)
    batch.seed(np.zeros(1, np.uint64))
    batch.reset()
    minimum = [int(law.minimum_bid(problem.params.rules, float(price))) for price in PRICES]
    least = law.least_prices(problem.params.rules)[minimum].astype(float)
    assert episode_bounds(problem, batch)[0] == pytest.approx(fractional_knapsack(np.full(len(PRICES), 0.25), least, 300.0))


@pytest.mark.parametrize("rules", RULES, ids=str)
def test_what_can_be_charged_is_there_whatever_the_others_bid(rules):
    problem = RealTimeBidding(**rules)
    paid = law.payments(problem.params.rules)
    for money in (0.0, 7.0, 14.0, 15.0, 100.0, 300.0):
        bid = int(law.highest_bid(problem.params.rules, money))
        assert paid[: bid + 1].max() <= money


@pytest.mark.parametrize(("event", "rate"), [("click", 0.25), ("conversion", 0.125)])
def test_events_are_charged_so_that_an_impression_is_expected_to_bring_its_price(event, rate):
    problem = RealTimeBidding(log=log_of(PRICES), T=5, conversion_rate=0.5, cost_event=event)
    assert law.events_expected(problem.params, 0.25) == rate
    assert law.price_of_event(problem.params, 10.0, 0.25) == 10.0 / rate
    assert law.price_of_event(problem.params, 0.0, 0.0) == 0.0


@pytest.mark.parametrize(
    "wrong", [lambda table: table * 1.5, lambda table: 300.0 - table, lambda table: np.diag(table.diagonal())]
)
def test_value_tables_refuse_prices_that_they_cannot_hold(wrong, monkeypatch):
    table = wrong(law.payments(law.Rules(0.0, 0.0)))
    monkeypatch.setattr(law, "payments", lambda rules: table)
    problem = RealTimeBidding(T=25)
    with pytest.raises(ValueError, match="value tables are not for such rules"):
        law.least_prices(problem.params.rules)
    assert "value tables" in str(why_unknown(problem))


def test_regimes_by_time_left_are_those_that_auctions_are_drawn_from():
    problem = RealTimeBidding(instance="shift", T=37)
    by_auction = [law.regime_of(problem.params.regime_start, n) for n in range(37)]
    assert law.regimes_by_time_left(problem.market.regime_start, 37)[1:].tolist() == by_auction[::-1]
