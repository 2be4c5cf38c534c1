"""Arguments that cannot be meant are refused by name."""

import numpy as np
import pytest
from budgetgym.envs.auction.game import AuctionGame


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n_agents": 0}, "n_agents is 0; expected an integer >= 1"),
        ({"rule": "third_price"}, "rule is 'third_price'; expected one of"),
        ({"n_slots": 2}, "n_slots is 2 with rule='second_price'; expected 1"),
        ({"granularity": "day"}, "granularity is 'day'"),
        ({"objective": "clicks"}, "objective is 'clicks'"),
        ({"T": 0}, "T is 0"),
        ({"ticks": 4}, "expected granularity='tick'"),
        ({"traffic": "weekly"}, "expected granularity='tick'"),
        ({"granularity": "tick", "T": 10, "ticks": 11}, "ticks is 11; expected at most T = 10"),
        ({"granularity": "tick", "traffic": [-1, 2]}, "traffic is"),
        ({"reserve": -1}, "reserve is -1; expected a finite number >= 0"),
        ({"reserve": np.nan}, "reserve is nan"),
        ({"position_effects": [0.5, 0.6], "rule": "gsp", "n_slots": 2}, "expected exposures that do not increase"),
        ({"position_effects": [1.5]}, r"position_effects is \[1.5\]; expected numbers in \(0, 1\]"),
        ({"position_effects": [1, 0.5]}, "position_effects is .*; expected a number, or 1 of them"),
        ({"qualities": 0}, r"qualities is 0; expected numbers in \(0, 1\]"),
        ({"qualities": [1, 1]}, "qualities is .*; expected a number, or 4 of them"),
        ({"budgets": 0}, "budgets is 0; expected amounts > 0"),
        ({"budgets": np.nan}, "budgets is nan; expected amounts"),
        ({"budgets": [1, 2]}, r"budgets is \[1, 2\]; expected one amount, or amounts of shape \(4,\)"),
        ({"budgets": 0.1, "reserve": 0.2}, "budgets is 0.1; expected amounts > 0, at least the reserve 0.2"),
        ({"values": "normal"}, "values is 'normal'; expected 'uniform', 'lognormal'"),
        ({"values": "lognormal:wide"}, "values is 'lognormal:wide'; expected 'lognormal:SIGMA' with a number"),
        ({"values": "lognormal:-1"}, "SIGMA of values is -1.0"),
        ({"values": [[1, 2]]}, r"values has shape \(1, 2\).*; expected numbers \(m >= 1, 4\)"),
        ({"values": [[1, 2, 3, -4]]}, "values holds -4.0; expected finite numbers >= 0"),
        ({"values": [[0, 0, 0, 0]]}, "values are all 0"),
        ({"values": [[1, 2, 3, 4]], "correlation": 0.5}, "correlation is 0.5 with a table"),
        ({"correlation": 1.5}, r"correlation is 1.5; expected a number in \[0, 1\]"),
        ({"correlation": "high"}, "correlation is 'high'"),
        ({"highest_bid": 0}, "highest_bid is 0; expected a finite number > 0"),
    ],
)
def test_a_wrong_argument_is_refused_by_name(wrong, message):
    with pytest.raises(ValueError, match=message):
        AuctionGame(**wrong)


def test_defaults_follow_from_the_other_arguments():
    game = AuctionGame(n_agents=5, T=100, rule="gsp", n_slots=3)
    assert game.params.effects == pytest.approx([1, 0.8, 0.64])
    assert game.params.budgets == pytest.approx([100 * 0.5 / 10] * 5)
    assert game.highest_bid == 1.0
    assert game.steps == 100
    tick = AuctionGame(granularity="tick")
    assert (tick.steps, tick.highest_bid, tick.observation_names[0]) == (48, 4.0, "traffic")
    assert AuctionGame(granularity="tick", T=10).steps == 10
