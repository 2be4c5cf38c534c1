"""What agents of an auction reached, and the best constant multiplier in hindsight."""

import numpy as np
import pytest
from budgetgym.baselines.auction.pacing import MultiplicativePacing
from budgetgym.baselines.auction.regret import play_auction
from budgetgym.envs.auction.game import AuctionGame


class Constant:
    """The same multipliers all the time."""

    def __init__(self, *multipliers):
        self.multipliers = np.array(multipliers)

    def act(self, observation):
        return np.tile(self.multipliers, (len(observation), 1))


def test_truth_has_no_regret_in_second_price_with_ample_money():
    game = AuctionGame(n_agents=2, granularity="tick", ticks=4, T=400, budgets=1000.0, highest_bid=1.0)
    truthful = play_auction(game, Constant(1.0, 1.0), worlds=3)
    assert np.abs(truthful["regret"]).max() < 1e-9
    assert truthful["liquid_welfare"].iloc[0] == pytest.approx(400 * 2 / 3, rel=0.05)  # the larger of two uniform values
    assert truthful["revenue"].iloc[0] == pytest.approx(400 / 3, rel=0.08)
    shy = play_auction(game, Constant(0.5, 1.0), worlds=3)
    assert (shy[shy["agent"] == 0]["regret"] > 1.0).all()
    assert np.abs(shy[shy["agent"] == 1]["regret"]).max() < 1e-9


def test_bidding_too_high_for_the_budget_is_regretted():
    rules = {"rule": "first_price", "granularity": "tick", "objective": "value", "highest_bid": 1.0}
    game = AuctionGame(n_agents=2, ticks=20, T=1000, budgets=[50.0, 400.0], **rules)
    greedy = play_auction(game, Constant(1.0, 0.5), worlds=4)
    assert (greedy[greedy["agent"] == 0]["spent_share"] > 0.999).all()
    assert (greedy[greedy["agent"] == 0]["regret"] > 0.5 * greedy[greedy["agent"] == 0]["return"]).all()
    paced = play_auction(game, MultiplicativePacing(game, 4, rate=0.3), worlds=4)
    assert paced["regret"].sum() < greedy["regret"].sum() / 2


def test_it_needs_ticks():
    with pytest.raises(ValueError, match="granularity is 'auction'"):
        play_auction(AuctionGame(n_agents=2), Constant(1.0, 1.0), worlds=1)
