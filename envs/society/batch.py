"""`SocietyBatch`: worlds of one society, side by side in compiled code, for training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from gymnasium import spaces
from gymnasium.error import ResetNeeded
from numpy.typing import NDArray

from ..core.batch import action_dtype, seeded_keys
from ..core.checks import MOST_LANES, as_array, positive_integer
from ..core.jit import bind
from . import kernels
from .game import Society
from .state import BINS, EMPIRICAL, State


class Round(NamedTuple):
    """What a round of W worlds with cohorts of M returned."""

    observation: NDArray[np.float64]  # (W, d) what the planners see now
    planner_reward: NDArray[np.float64]  # (W,)
    reward: NDArray[np.float64]  # (W, M) of the cohort that acted


class SocietyBatch:
    """W worlds of one society. World w is bit-identical to the single PettingZoo environment with the same seed.

    A round is `commit`, then `act`; all worlds go through their rounds together, until `finished`.

    Args:
        game: the society; shared, never changed.
        n_worlds: W, at least 1.
    """

    def __init__(self, game: Society, n_worlds: int) -> None:
        self.game = game
        self.n_worlds = W = positive_integer("n_worlds", n_worlds, MOST_LANES)
        self.params = game.params
        self.state = _blank_state(game, W)
        self._seeded = np.zeros(W, np.bool_)
        self._started = False
        world, seen = (self.params, self.state), self._blank_observations(game.cohort)
        self._commit = bind(kernels.commit_worlds, *world, self._blank_commitments(), seen)
        self._act = bind(kernels.act_worlds, *world, np.empty((W, game.cohort), np.int64), *self._blank_round())

    def __reduce__(self) -> tuple[Any, ...]:
        """Copied and pickled with its state; the compiled steps are bound anew."""
        return _batch_again, (self.game, self.n_worlds, self.state, self._seeded, self._started)

    # --- episodes -------------------------------------------------------------------------------------------------------

    @property
    def round(self) -> int:
        """Rounds of this episode that are over."""
        return int(self.state.planner.t[0])

    @property
    def finished(self) -> bool:
        """Whether the episode is over, in all worlds."""
        return bool(self.state.planner.finished[0])

    @property
    def awaits_agents(self) -> bool:
        """Whether a cohort has its signals and has not acted yet; otherwise the planner is up, unless `finished`."""
        return bool(self.state.awaited[0])

    @property
    def cohort(self) -> range:
        """Numbers of the agents who are up, or will be after the planner."""
        return range(self.round * self.game.cohort, min((self.round + 1) * self.game.cohort, self.game.n_agents))

    def seed(self, seeds: Sequence[int | None]) -> None:
        """Set the generators as those of single environments with these seeds, one per world; None is a fresh one.

        Raises:
            ValueError: not one seed per world.
        """
        if len(seeds) != self.n_worlds:
            raise ValueError(f"there are {len(seeds)} seeds; expected {self.n_worlds}, one per world")
        self.set_keys(seeded_keys(seeds))

    def set_keys(self, keys: NDArray[np.uint64]) -> None:
        """Set the generators to `keys`, one per world (W,), such as `core.batch.episode_keys` gives; past counts are lost."""
        self.state.planner.rng[:] = keys
        self.state.counts[:] = 0.0
        self._seeded[:] = True

    def reset(self, budget: Any = None) -> NDArray[np.float64]:
        """Start a new episode in every world and return what the planners see, (W, d). Never seeded, seeds are fresh.

        Args:
            budget: effort of these episodes, an amount or (W,); by default the game's.

        Raises:
            ValueError: budgets of another shape, negative or not finite.
        """
        amounts = np.nan if budget is None else self._read_budget(budget)
        if not self._seeded.all():
            self.set_keys(seeded_keys([None] * self.n_worlds))
        self.state.planner.next_budget[:, 0] = amounts
        kernels.reset_worlds(self.params, self.state)
        self._started = True
        return self.observe_planner()

    def commit(self, actions: Any) -> NDArray[np.float64]:
        """Every planner commits a precision for the next cohort. Returns what its members see, (W, M, d).

        Args:
            actions: (W, 1) for a Box, (W,) for Discrete; see `game.planner.action_space`.

        Raises:
            gymnasium.error.ResetNeeded: no episode was started, or it is over.
            RuntimeError: a cohort has not acted yet.
            ValueError: wrong shape or dtype, NaN or infinite, or the number of a precision that there is not; nothing has
                happened then. A number out of range of a Box is clipped.
        """
        self._check_turn(agents=False)
        rows, seen = self._read_commitments(actions), self._blank_observations(self.game.cohort)
        self._commit(self.params, self.state, rows, seen)
        return seen

    def act(self, actions: Any) -> Round:
        """Every cohort acts at once.

        Args:
            actions: (W, M), 1 for the good action, 0 for the bad one.

        Raises:
            gymnasium.error.ResetNeeded: no episode was started, or it is over.
            RuntimeError: the planner has not committed a precision.
            ValueError: wrong shape or dtype, or neither 0 nor 1; nothing has happened then.
        """
        self._check_turn(agents=True)
        rows = as_array("actions", actions)
        expected = f"integers 0 or 1 of shape {(self.n_worlds, self.game.cohort)}"
        if rows.shape != (self.n_worlds, self.game.cohort) or rows.dtype.kind not in "iub":
            raise ValueError(f"agents' actions have shape {rows.shape} and dtype {rows.dtype}; expected {expected}")
        if not ((rows == 0) | (rows == 1)).all():
            raise ValueError(f"agents' actions are {rows.tolist()}; expected {expected}")
        outcome = self._blank_round()
        self._act(self.params, self.state, np.ascontiguousarray(rows, np.int64), *outcome)
        return outcome

    def observe_planner(self) -> NDArray[np.float64]:
        """What the planners see now, (W, d)."""
        seen = self._blank_round().observation
        kernels.observe_planners(self.params, self.state, seen)
        return seen

    def observe_agents(self, first: int, count: int = 1) -> NDArray[np.float64]:
        """What the agents first .. first + count - 1 see now, (W, count, d); 0 for signals that they don't have yet."""
        seen = self._blank_observations(count)
        kernels.observe_agents(self.params, self.state, first, seen)
        return seen

    def info(self) -> dict[str, NDArray[Any]]:
        """The planners' ledgers, fresh arrays: cost (of the latest commitment), spent, remaining, blocked, each (W,)."""
        planner = self.state.planner
        return {
            "cost": planner.cost[:, 0].copy(),
            "spent": planner.spent[:, 0].copy(),
            "remaining": planner.remaining[:, 0].copy(),
            "blocked": planner.blocked.copy(),
        }

    def action_mask(self) -> NDArray[np.int8]:
        """Which precisions the planners can pay, (W, len(levels)); for lists of precisions."""
        masks = np.empty((self.n_worlds, len(self.params.planner.costs)), np.int8)
        kernels.mask_worlds(self.params, self.state, masks)
        return masks

    # --- forks ------------------------------------------------------------------------------------------------------------

    def snapshot(self) -> State:
        """A copy of the whole worlds: state, ledgers, generators and counts."""
        return _copied(self.state)

    def restore(self, snapshot: State) -> None:
        """Return to a snapshot of a batch of the same society and size.

        Raises:
            ValueError: it is of another size.
        """
        for here, there in zip(_arrays(self.state), _arrays(snapshot), strict=True):
            if here.shape != there.shape:
                raise ValueError(f"the snapshot has an array of shape {there.shape}; expected {here.shape}, the same batch")
        for here, there in zip(_arrays(self.state), _arrays(snapshot), strict=True):
            here[...] = there
        self._seeded[:] = True
        self._started = True

    # --- helpers ----------------------------------------------------------------------------------------------------------

    def _check_turn(self, agents: bool) -> None:
        if not self._started or self.finished:
            raise ResetNeeded("the episode is over, or none was started; call reset() first")
        if agents != self.awaits_agents:
            raise RuntimeError("agents act after a commitment; call commit()" if agents else "a cohort is up; call act()")

    def _read_commitments(self, actions: Any) -> NDArray[Any]:
        space = self.game.planner.action_space
        array, shape = as_array("the planner's actions", actions), (self.n_worlds, *(space.shape or ()))
        if array.shape != shape or array.dtype.kind not in ("fiu" if isinstance(space, spaces.Box) else "iu"):
            raise ValueError(
                f"the planner's actions have shape {array.shape} and dtype {array.dtype}; expected {shape}, each in {space}"
            )
        low, high = self.params.rules.action_low[0], self.params.rules.action_high[0]
        if isinstance(space, spaces.Box) and np.isfinite(array).all():
            array = np.clip(array, low, high)
        if not ((array >= low) & (array <= high)).all():
            raise ValueError(f"the planner's actions are {array.tolist()}; expected each in {space}")
        return np.ascontiguousarray(array, action_dtype(space)).reshape(self.n_worlds, 1)

    def _read_budget(self, budget: Any) -> NDArray[np.float64]:
        amounts = as_array("budget", budget)
        if amounts.dtype.kind not in "fiu" or amounts.shape not in ((), (self.n_worlds,)):
            raise ValueError(f"budget is {budget!r}; expected one amount, or one per world ({self.n_worlds},)")
        if not (amounts >= 0).all():
            raise ValueError(f"budget is {budget!r}; expected amounts >= 0")
        return amounts.astype(np.float64)

    def _blank_commitments(self) -> NDArray[Any]:
        return np.empty((self.n_worlds, 1), action_dtype(self.game.planner.action_space))

    def _blank_observations(self, count: int) -> NDArray[np.float64]:
        return np.empty((self.n_worlds, count, len(self.game.agent_observation_names)))

    def _blank_round(self) -> Round:
        W = self.n_worlds
        return Round(np.empty((W, len(self.game.planner.observation_names))), np.empty(W), np.empty((W, self.game.cohort)))


def _batch_again(game: Society, n_worlds: int, state: State, seeded: NDArray[np.bool_], started: bool) -> SocietyBatch:
    batch = SocietyBatch(game, n_worlds)
    batch.restore(state)
    batch._seeded[:] = seeded
    batch._started = started
    return batch


def _blank_state(game: Society, worlds: int) -> State:
    agents = (worlds, game.n_agents)
    bins, rounds = (BINS, game.rounds) if game.params.public_belief == EMPIRICAL else (0, 0)
    planner = game.planner.allocate(worlds)
    planner.next_episode[:] = 0  # nothing is replayed, and worlds are alike
    return State(
        planner=planner,
        awaited=np.zeros(worlds, np.bool_),
        precision=np.zeros(agents),
        signal=np.zeros(agents),
        action=np.zeros(agents),
        situation=np.zeros((worlds, rounds), np.int64),
        counts=np.zeros((worlds, bins, len(game.params.planner.levels), 2, 2)),
    )


def _arrays(state: State) -> list[NDArray[Any]]:
    return [*state.planner, *state[1:]]


def _copied(state: State) -> State:
    arrays = iter([array.copy() for array in _arrays(state)])
    planner = type(state.planner)._make(next(arrays) for _ in state.planner)
    return State(planner, *arrays)
