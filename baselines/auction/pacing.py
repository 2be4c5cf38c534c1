"""Multiplicative pacing: bid less after spending more than planned, and more after spending less."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...envs.auction.game import OBSERVATION_NAMES, AuctionGame
from ...envs.core.checks import positive

_SPEND, _MONEY, _TIME = (OBSERVATION_NAMES.index(name) for name in ("last_spend", "money_remaining", "time_remaining"))


class MultiplicativePacing:
    """One multiplier per agent, moved after every tick by (plan / spend) ** rate and kept within [lowest, highest].

    The plan is an even share of the budget for every tick; an agent with less than that left keeps its multiplier, as its
    spend no longer shows whether it bids too much. In first-price auctions, with a highest multiplier of 1, all agents
    doing this approach the first-price pacing equilibrium. Reads each agent's own observation, nothing else.

    Args:
        game: by tick.
        worlds: W.
        rate: of the adaptation, in (0, 1].
        highest: upper bound of multipliers; 1 for agents that never bid above the value.
        lowest: lower bound, and what is spent counts as at least this share of the plan.

    Raises:
        ValueError: the game is by auction, or a bad number.
    """

    def __init__(
        self, game: AuctionGame, worlds: int = 1, rate: float = 0.1, highest: float = 1.0, lowest: float = 1e-3
    ) -> None:
        if game.granularity != "tick":
            raise ValueError(f"granularity is {game.granularity!r}; expected 'tick', where actions are multipliers")
        self.steps = game.steps
        self.rate, self.lowest = positive("rate", rate), positive("lowest", lowest)
        self.highest = min(positive("highest", highest), game.highest_bid)
        self.multipliers: NDArray[np.float64] = np.full((worlds, game.n_agents), min(1.0, self.highest))
        """(W, N) the next actions."""

    def act(self, observation: NDArray[np.float64]) -> NDArray[np.float64]:
        """The next multipliers, (W, N), given what all agents see, (W, N, 8).

        An episode begins with the multipliers of the last one, the first with 1.
        """
        begun = observation[..., _TIME] < 1.0
        solvent = observation[..., _MONEY] * self.steps >= 1.0
        spend = np.maximum(observation[..., _SPEND], self.lowest)
        moved = np.clip(self.multipliers * spend**-self.rate, self.lowest, self.highest)
        self.multipliers = np.where(begun & solvent, moved, self.multipliers)
        return self.multipliers
