"""`AuctionBatch`: worlds of one auction game, side by side in compiled code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from gymnasium.error import ResetNeeded
from numpy.typing import NDArray

from ..core.batch import seeded_keys
from ..core.checks import MOST_LANES, positive_integer
from ..core.jit import bind
from . import kernels
from .game import OBSERVATION_NAMES, AuctionGame
from .state import State, Work


class Transition(NamedTuple):
    """What one step of W worlds with N agents returned."""

    observation: NDArray[np.float64]  # (W, N, 8)
    reward: NDArray[np.float64]  # (W, N)
    terminated: NDArray[np.bool_]  # (W, N) the agent is exhausted, or its world is over


class AuctionBatch:
    """W worlds of one game. World w is bit-identical to the single PettingZoo environment with the same seed.

    A finished world stays as it is, without rewards, until it is reset.

    Args:
        game: the game; shared, never changed.
        n_worlds: W, at least 1.
    """

    def __init__(self, game: AuctionGame, n_worlds: int) -> None:
        self.game = game
        self.n_worlds = positive_integer("n_worlds", n_worlds, MOST_LANES)
        self.params = game.params
        self.state = _blank_state(self.n_worlds, game.n_agents)
        self.state.initial[:] = self.params.budgets
        self._work = _blank_work(game)
        self._seeded = np.zeros(self.n_worlds, np.bool_)
        self._everywhere = np.ones(self.n_worlds, np.bool_)
        world = (self.params, self.state, self._work)
        self._step = bind(kernels.step_worlds, *world, self._blank(), self._blank(), self._blank(len(OBSERVATION_NAMES)))

    def __reduce__(self) -> tuple[Any, ...]:
        """Copied and pickled with its state; the compiled step is bound anew."""
        return _batch_again, (self.game, self.n_worlds, self.state, self._seeded)

    # --- episodes -------------------------------------------------------------------------------------------------------

    def seed(self, seeds: Sequence[int | None]) -> None:
        """Set the generators as those of single environments with these seeds, one per world; None is a fresh one.

        Raises:
            ValueError: not one seed per world.
        """
        if len(seeds) != self.n_worlds:
            raise ValueError(f"there are {len(seeds)} seeds; expected {self.n_worlds}, one per world")
        self.set_keys(seeded_keys(seeds))

    def set_keys(self, keys: NDArray[np.uint64]) -> None:
        """Set the generators to `keys`, one per world (W,), such as `core.batch.episode_keys` gives."""
        self.state.rng[:] = keys
        self._seeded[:] = True

    def reset(self, worlds: NDArray[np.bool_] | None = None, budgets: Any = None) -> NDArray[np.float64]:
        """Start new episodes and return what all agents see, (W, N, 8).

        Args:
            worlds: (W,) in which ones; by default in all. Those that were never seeded get fresh seeds.
            budgets: initial money of these episodes: an amount, (N,) or (W, N); by default the game's.

        Raises:
            ValueError: budgets of another shape, not positive, or below the reserve; worlds of another shape.
        """
        chosen = self._everywhere if worlds is None else self._read_worlds(worlds)
        amounts = self.params.budgets
        if budgets is not None:
            amounts = self.game.read_budgets("budgets", budgets, self.state.initial.shape, self.params.reserve)
        new = chosen & ~self._seeded
        if new.any():
            self.state.rng[new] = seeded_keys([None] * int(new.sum()))
            self._seeded |= new
        self.state.initial[chosen] = np.broadcast_to(amounts, self.state.initial.shape)[chosen]
        kernels.reset_worlds(self.params, self.state, chosen)
        return self.observe()

    def observe(self) -> NDArray[np.float64]:
        """What all agents see now, (W, N, 8)."""
        observation = self._blank(len(OBSERVATION_NAMES))
        kernels.observe_worlds(self.params, self.state, observation)
        return observation

    def step(self, actions: Any) -> Transition:
        """One auction or tick in every world that has not finished.

        Args:
            actions: (W, N), clipped to [0, highest_bid]. Those of agents that have terminated are not looked at.

        Raises:
            gymnasium.error.ResetNeeded: a world was never reset.
            ValueError: wrong shape or dtype, NaN or infinite; nothing has happened then.
        """
        rows = self._read_actions(actions)
        transition = Transition(self._blank(len(OBSERVATION_NAMES)), self._blank(), np.empty(rows.shape, np.bool_))
        self._step(self.params, self.state, self._work, rows, transition.reward, transition.observation)
        np.logical_not(self.state.active, out=transition.terminated)
        transition.terminated[self.state.finished] = True
        return transition

    def info(self) -> dict[str, NDArray[Any]]:
        """Fresh arrays: cost, spent, remaining, blocked, wins, each (W, N); revenue, liquid_welfare, each (W,)."""
        state = self.state
        return {
            "cost": state.cost.copy(),
            "spent": state.spent.copy(),
            "remaining": state.remaining.copy(),
            "blocked": state.blocked.copy(),
            "wins": state.wins.copy(),
            "revenue": state.revenue.copy(),
            "liquid_welfare": np.minimum(state.worth_won, state.initial).sum(axis=1),
        }

    # --- forks and hindsight ----------------------------------------------------------------------------------------------

    def snapshot(self) -> State:
        """A copy of the whole worlds: state, ledger and generators."""
        return State._make(array.copy() for array in self.state)

    def restore(self, snapshot: State) -> None:
        """Return to a snapshot of a batch of the same game and size.

        Raises:
            ValueError: it is of another size.
        """
        if snapshot.value.shape != self.state.value.shape:
            raise ValueError(f"snapshot has (worlds, agents) {snapshot.value.shape}; expected {self.state.value.shape}")
        for here, there in zip(self.state, snapshot, strict=True):
            here[...] = there
        self._seeded[:] = True

    def fork(self, copies: int, world: int = 0) -> AuctionBatch:
        """`copies` worlds that all continue from one world of this batch, each with the same future."""
        forked = AuctionBatch(self.game, copies)
        for here, there in zip(forked.state, self.state, strict=True):
            here[...] = there[world]
        forked._seeded[:] = True
        return forked

    def record_values(self) -> NDArray[np.float64]:
        """The values of all auctions of episodes that have just begun, (W, T, N): hindsight, for solvers and tests.

        Raises:
            ValueError: an episode is under way. The worlds stay as they are.
        """
        if self.state.auction.any():
            raise ValueError(f"auctions held are {self.state.auction.tolist()}; expected 0, worlds that were just reset")
        values = np.empty((self.n_worlds, self.params.auctions, self.game.n_agents))
        kernels.record_values(self.params, self.snapshot(), values)
        return values

    # --- helpers ----------------------------------------------------------------------------------------------------------

    def _read_worlds(self, worlds: Any) -> NDArray[np.bool_]:
        chosen = np.asarray(worlds)
        if chosen.shape != (self.n_worlds,) or chosen.dtype != np.bool_:
            raise ValueError(f"worlds is {worlds!r}; expected a bool for each of {self.n_worlds} worlds")
        return chosen

    def _read_actions(self, actions: Any) -> NDArray[np.float64]:
        if not self._seeded.all():
            raise ResetNeeded(f"worlds {np.flatnonzero(~self._seeded).tolist()} have no episode yet; call reset() first")
        shape = self.state.value.shape
        array = np.asarray(actions)
        if array.shape != shape or array.dtype.kind not in "fiu":
            raise ValueError(f"actions have shape {array.shape} and dtype {array.dtype}; expected numbers {shape}")
        rows = np.ascontiguousarray(array, np.float64)
        wrong = np.argwhere(self.state.active & ~np.isfinite(rows))
        if len(wrong):
            w, i = wrong[0].tolist()
            raise ValueError(f"the action of agent {i} in world {w} is {rows[w, i]}; expected a finite number")
        return np.clip(rows, 0.0, self.game.highest_bid)

    def _blank(self, *trailing: int) -> NDArray[np.float64]:
        return np.empty((self.n_worlds, self.game.n_agents, *trailing))


def _batch_again(game: AuctionGame, n_worlds: int, state: State, seeded: NDArray[np.bool_]) -> AuctionBatch:
    batch = AuctionBatch(game, n_worlds)
    batch.restore(state)
    batch._seeded[:] = seeded
    return batch


def _blank_state(worlds: int, agents: int) -> State:
    per_world = {"rng": np.uint64, "draw": np.uint64, "finished": np.bool_, "revenue": np.float64}
    per_world |= dict.fromkeys(("t", "auction", "bidders"), np.int64)
    per_agent = {"active": np.bool_, "wins": np.int64, "blocked": np.int64}
    fields: dict[str, Any] = {}
    for name in State._fields:
        if name in per_world:
            fields[name] = np.zeros(worlds, per_world[name])
        else:
            fields[name] = np.zeros((worlds, agents), per_agent.get(name, np.float64))
    return State(**fields)


def _blank_work(game: AuctionGame) -> Work:
    places = game.n_slots + 1
    return Work(np.zeros(game.n_agents), np.zeros(game.n_agents), np.zeros(places, np.int64), np.zeros(places))
