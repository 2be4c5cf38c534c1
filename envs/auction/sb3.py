"""`AuctionVecEnv`: the learning agents of many auction worlds as lanes of a Stable-Baselines3 `VecEnv`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ..core.checks import positive, positive_integer
from ..core.worlds import WorldsVecEnv
from .batch import AuctionBatch
from .game import OBSERVATION_NAMES, AuctionGame


class Opponents(Protocol):
    """Who plays the seats that do not learn."""

    def act(self, observation: NDArray[np.float64]) -> NDArray[np.float64]:
        """The actions of all seats (W, N), of which those of learners are not used, given what all agents see (W, N, 8)."""
        ...


class AuctionVecEnv(WorldsVecEnv):
    """One lane per learning agent, so that one network learns from all seats: parameter sharing.

    Lane w * L + k is the k-th learner of world w. An action in [-1, 1] is a place between the `lowest` and the highest bid (or
    multiplier) on a log scale. The lanes of a world begin and end together: an agent without money waits, with reward 0, for
    the end of its world. The info of a lane that finishes has `terminal_observation`, `episode` (return and length), and the
    agent's `spent_share` and `wins`.

    Args:
        game: the game of all worlds.
        n_worlds: W.
        learners: seats that learn; by default all.
        opponents: who plays the others.
        lowest: the bid or multiplier of action -1, > 0.
        seed: of the worlds.

    Raises:
        ValueError: seats that do not exist or come twice, or no opponents where they are needed.
    """

    def __init__(
        self,
        game: AuctionGame,
        n_worlds: int,
        learners: Sequence[int] | None = None,
        opponents: Opponents | None = None,
        lowest: float = 0.02,
        seed: int | None = None,
    ) -> None:
        self.game = game
        self.seats = np.arange(game.n_agents) if learners is None else np.asarray(learners)
        if self.seats.ndim != 1 or not np.isin(self.seats, np.arange(game.n_agents)).all() or not self.seats.size:
            raise ValueError(f"learners is {learners!r}; expected seats in 0..{game.n_agents - 1}")
        if len(np.unique(self.seats)) < len(self.seats):
            raise ValueError(f"learners is {learners!r}; expected every seat at most once")
        if opponents is None and len(self.seats) < game.n_agents:
            raise ValueError(
                f"opponents is None, but only the seats {self.seats.tolist()} learn; expected who plays the others"
            )
        if not positive("lowest", lowest) < game.highest_bid:
            raise ValueError(f"lowest is {lowest!r}; expected less than the highest bid, {game.highest_bid}")
        self.opponents = opponents
        self._ends = np.log([lowest, game.highest_bid])
        self._batch = AuctionBatch(game, positive_integer("n_worlds", n_worlds))
        self._seen = np.empty((n_worlds, game.n_agents, len(OBSERVATION_NAMES)))
        self._returns = np.zeros((n_worlds, len(self.seats)))
        own = [game.observation_spaces[seat] for seat in self.seats]
        observed = spaces.Box(np.min([s.low for s in own], axis=0), np.max([s.high for s in own], axis=0), dtype=np.float64)
        super().__init__(n_worlds, n_worlds * len(self.seats), observed, spaces.Box(-1.0, 1.0, (1,)))
        if seed is not None:
            self.seed(seed)

    def multipliers(self, actions: NDArray[Any]) -> NDArray[np.float64]:
        """Bids or multipliers for actions in [-1, 1]."""
        low, high = self._ends
        return np.minimum(np.exp(low + (np.asarray(actions, float) + 1.0) / 2.0 * (high - low)), self.game.highest_bid)

    def reset(self) -> NDArray[np.float32]:
        """Start new episodes in all worlds, with the seeds set before: a world has that of its first lane."""
        if (seeds := self._take_seeds()) is not None:
            self._batch.seed(seeds)
        self._returns[:] = 0.0
        self._seen[:] = self._batch.reset()
        return self._lanes(self._seen)

    def step_wait(self) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        """One auction or tick in every world; worlds that finish start their next episode."""
        assert self._actions is not None
        W, L = self._returns.shape
        rows = np.zeros(self._seen.shape[:2]) if self.opponents is None else np.array(self.opponents.act(self._seen))
        rows[:, self.seats] = self.multipliers(self._actions).reshape(W, L)
        observation, reward, _ = self._batch.step(rows)
        self._returns += reward[:, self.seats]
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        finished = self._batch.state.finished.copy()
        if finished.any():
            for w in np.flatnonzero(finished).tolist():
                for k in range(L):
                    infos[w * L + k] = self._last_of(w, k, observation)
            self._returns[finished] = 0.0
            observation[finished] = self._batch.reset(finished)[finished]
        self._seen[:] = observation
        rewards = reward[:, self.seats].astype(np.float32).ravel()
        return self._lanes(observation), rewards, np.repeat(finished, L), infos

    def _last_of(self, w: int, k: int, observation: NDArray[np.float64]) -> dict[str, Any]:
        state, seat = self._batch.state, self.seats[k]
        return {
            **self._last_info(self._returns[w, k], int(state.t[w]), observation[w, seat]),
            "spent_share": float(state.spent[w, seat] / state.initial[w, seat]),
            "wins": int(state.wins[w, seat]),
        }

    def _lanes(self, observation: NDArray[np.float64]) -> NDArray[np.float32]:
        return observation[:, self.seats].reshape(self.num_envs, -1).astype(np.float32)
