"""What agents of an auction reached, and what each could have had with one constant multiplier instead."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...envs.auction.batch import AuctionBatch
from ...envs.auction.game import AuctionGame
from ...envs.core.batch import episode_keys
from ...envs.core.checks import natural, positive_integer

GRID = 48
"""Constant multipliers that are tried, on a log scale up to the highest."""


class Players(Protocol):
    """Who plays all seats."""

    def act(self, observation: NDArray[np.float64]) -> NDArray[np.float64]:
        """The actions of all seats (W, N), given what all agents see (W, N, 8)."""
        ...


def play_auction(game: AuctionGame, players: Players, worlds: int, seed: int = 0) -> pd.DataFrame:
    """Play the game once in every world and measure what its agents reached.

    The regret of an agent is what the best constant multiplier would have returned in the very same auctions, if the others
    had done what they did, minus what the agent got: a deviation by hindsight. It is below 0 where adapting paid.

    Args:
        game: by tick.
        players: who plays all seats.
        worlds: how many.
        seed: of the worlds.

    Returns:
        A row per world and agent: world, agent, return, regret, spent_share, win_rate (slots per auction held), blocked; and
        revenue and liquid_welfare of the world.

    Raises:
        ValueError: the game is by auction, where an action is a bid for one value and no constant makes sense.
    """
    if game.granularity != "tick":
        raise ValueError(f"granularity is {game.granularity!r}; expected 'tick', where actions are multipliers")
    batch = AuctionBatch(game, positive_integer("worlds", worlds))
    batch.set_keys(episode_keys(natural("seed", seed), worlds))
    observation = batch.reset()
    begin = AuctionBatch(game, worlds)
    begin.restore(batch.snapshot())
    returns, actions = np.zeros((worlds, game.n_agents)), []
    while not batch.state.finished.all():
        actions.append(np.array(players.act(observation)))
        observation, reward, _ = batch.step(actions[-1])
        returns += reward
    state, info = batch.state, batch.info()
    best = np.stack([_best_constant(game, begin, w, np.array(actions)[:, w]) for w in range(worlds)])
    columns: dict[str, Any] = {
        "return": returns,
        "regret": best - returns,
        "spent_share": info["spent"] / state.initial,
        "win_rate": state.wins / state.auction[:, None],
        "blocked": info["blocked"],
        "revenue": np.repeat(info["revenue"][:, None], game.n_agents, axis=1),
        "liquid_welfare": np.repeat(info["liquid_welfare"][:, None], game.n_agents, axis=1),
    }
    index = {"world": np.repeat(np.arange(worlds), game.n_agents), "agent": np.tile(np.arange(game.n_agents), worlds)}
    return pd.DataFrame({**index, **{name: column.ravel() for name, column in columns.items()}})


def _best_constant(game: AuctionGame, begin: AuctionBatch, world: int, actions: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N,) the best return of every agent over constant multipliers, the others' actions (steps, N) being what they were."""
    constants = np.geomspace(game.highest_bid / 1000.0, game.highest_bid, GRID)
    best = np.zeros(game.n_agents)
    for agent in range(game.n_agents):
        forks = begin.fork(GRID, world)
        returns = np.zeros(GRID)
        for others in actions:
            rows = np.tile(others, (GRID, 1))
            rows[:, agent] = constants
            returns += forks.step(rows).reward[:, agent]
        best[agent] = returns.max()
    return best
