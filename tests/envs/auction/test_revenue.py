"""Revenues that theory knows: symmetric bidders, independent values uniform on [0, 1], no budgets (Myerson, 1981)."""

import numpy as np
import pytest
from budgetgym.envs.auction.batch import AuctionBatch
from budgetgym.envs.auction.game import AuctionGame

T, WORLDS = 20_000, 20


def revenue(multiplier=1.0, **settings):
    """(WORLDS,) per auction; the same auctions whatever the settings."""
    batch = AuctionBatch(AuctionGame(granularity="tick", ticks=1, T=T, budgets=1e9, **settings), WORLDS)
    batch.seed(range(WORLDS))
    batch.reset()
    batch.step(np.full((WORLDS, batch.game.n_agents), multiplier))
    return batch.info()["revenue"] / T


def assert_mean(samples, expected):
    assert samples.mean() == pytest.approx(expected, abs=4.5 * samples.std() / len(samples) ** 0.5)


@pytest.mark.parametrize("n", [2, 3, 5, 10])
def test_first_and_second_price_earn_the_same_in_equilibrium(n):
    expected = (n - 1) / (n + 1)
    assert_mean(revenue(n_agents=n), expected)
    assert_mean(revenue((n - 1) / n, n_agents=n, rule="first_price"), expected)


def test_vcg_and_gsp_with_one_slot_earn_what_second_price_earns_exactly():
    second = revenue(n_agents=4)
    assert (revenue(n_agents=4, rule="vcg") == second).all()
    assert (revenue(n_agents=4, rule="gsp") == second).all()


def test_the_best_reserve_of_two_bidders_is_a_half_and_earns_five_twelfths():
    assert_mean(revenue(n_agents=2, reserve=0.5), 5 / 12)
    for r in (0.4, 0.6):
        assert_mean(revenue(n_agents=2, reserve=r), 1 / 3 + r**2 - 4 / 3 * r**3)
        assert (revenue(n_agents=2, reserve=0.5) - revenue(n_agents=2, reserve=r)).mean() > 0


def test_an_agent_that_shades_its_equilibrium_bid_further_earns_less():
    """Best response of the first-price equilibrium, on the same auctions."""
    game = AuctionGame(granularity="tick", ticks=1, T=T, n_agents=3, rule="first_price", budgets=1e9)
    batch = AuctionBatch(game, 1)
    batch.seed([0])
    batch.reset()
    own = np.array([2 / 3, 0.5, 0.6, 0.75, 0.85])
    forks = batch.fork(len(own))
    actions = np.full((len(own), 3), 2 / 3)
    actions[:, 0] = own
    assert forks.step(actions).reward[:, 0].argmax() == 0
