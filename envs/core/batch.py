"""`Batch`: a problem, the state of n episodes, and what can be done to them. The faces are thin layers over it.

A face is one of the interfaces through which a problem is used: the Gymnasium environment (`env.py`), the Gymnasium vector
environment (`vector.py`) and Stable-Baselines3's VecEnv (`sb3.py`). They differ in how they are
called, not in what happens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

import numpy as np
from gymnasium import spaces
from gymnasium.error import ResetNeeded
from gymnasium.utils import seeding
from numpy.typing import NDArray

from .checks import MOST_LANES, as_array, positive_integer
from .jit import bind
from .loops import INVALID, OK, compile_loops
from .problem import Problem, State
from .states import CORE_FIELDS


class Transition(NamedTuple):
    """What one step of a batch of n lanes returned."""

    observation: NDArray[np.float64]  # (n, d)
    reward: NDArray[np.float64]  # (n,)
    terminated: NDArray[np.bool_]  # (n,)
    truncated: NDArray[np.bool_]  # (n,)


class Batch:
    """n episodes of one problem, side by side.

    Args:
        problem: the problem; shared, never changed.
        n: number of lanes, at least 1.
        stride: how far a lane's episode number moves on at every reset; a batch plays every episode of a log once if
            lane i begins at i and moves on by n.
    """

    def __init__(self, problem: Problem, n: int, stride: int | None = None) -> None:
        self.problem = problem
        self.n = positive_integer("the number of lanes", n, MOST_LANES)
        self.params = problem.params
        self.rules = problem.rules()
        self.stride = n if stride is None else stride
        self.state: State = problem.allocate(n)
        _check_state(problem, self.state, n)
        self.loops = compile_loops(problem.kernels)
        self.action_dtype = action_dtype(problem.action_space)
        self._all_lanes = np.ones(n, np.bool_)
        self.seeded = np.zeros(n, np.bool_)
        self._ready = False
        self._world = (self.params, self.rules, self.state)
        self._reported = [(name, getattr(self.state, name)) for name in problem.info_fields]
        # The loops on the path of every step are bound: numba's dispatch would take longer than their work.
        self._step = bind(self.loops.step, *self._world, True, self.stride, self._blank_actions(), *self._blank_transition())
        self._observe = bind(self.loops.observe, *self._world, self._all_lanes, self._blank_transition().observation)
        self._mask_shape = _mask_shape(problem, n)
        if self._mask_shape is not None:
            self._mask = bind(self.loops.mask, self.params, self.state, np.empty(self._mask_shape, np.int8))

    def __reduce__(self) -> tuple[Any, ...]:
        """Copied and pickled with its state; the compiled loops are bound anew."""
        return _batch_again, (self.problem, self.n, self.stride, self.state, self.seeded)

    # --- episodes -------------------------------------------------------------------------------------------------------

    def seed(self, keys: NDArray[np.uint64], lanes: NDArray[np.bool_] | None = None) -> None:
        """Set the generators of the chosen lanes to `keys`, one per lane (n,), and their next episode to the lane's number."""
        chosen = self._all_lanes if lanes is None else lanes
        # A seeded lane is as new: what a problem carries over from episode to episode is forgotten.
        for here, blank in zip(self.state, self.problem.allocate(self.n), strict=True):
            here[chosen] = blank[chosen]
        self.state.rng[chosen] = keys[chosen]
        self.state.next_episode[chosen] = np.flatnonzero(chosen)
        self.seeded |= chosen
        self._ready = bool(self.seeded.all())

    def read_options(self, options: Mapping[str, Any] | None) -> dict[str, NDArray[Any]]:
        """Check the options of a reset: `budget` and `episode`, one for all lanes or one per lane. Changes nothing.

        Raises:
            ValueError: an unknown option, or a value that cannot be meant.
        """
        read: dict[str, NDArray[Any]] = {}
        for name, value in (options or {}).items():
            if name == "budget":
                read["next_budget"] = self._budget_rows(value)
            elif name == "episode":
                read["next_episode"] = self._episode_rows(value)
            else:
                raise ValueError(f"reset option {name!r} is not known; expected 'budget' or 'episode'")
        return read

    def choose(self, read: Mapping[str, NDArray[Any]], lanes: NDArray[np.bool_] | None = None) -> None:
        """Let the next episodes of the chosen lanes begin as the options say that `read_options` has read."""
        chosen = self._all_lanes if lanes is None else lanes
        for field, rows in read.items():
            getattr(self.state, field)[chosen] = rows[chosen]

    def reset(self, lanes: NDArray[np.bool_] | None = None) -> None:
        """Start the next episode in the chosen lanes, by default in all."""
        self.loops.reset(*self._world, self._all_lanes if lanes is None else lanes, self.stride)

    def observe(self, out: NDArray[np.float64] | None = None, lanes: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
        """The observations of the chosen lanes, written into `out` (n, d), by default a new array."""
        if out is None:
            out = self._blank_transition().observation
        self._observe(*self._world, self._all_lanes if lanes is None else lanes, out)
        return out

    def step(self, actions: NDArray[Any], restart: bool = False) -> Transition:
        """Advance every lane by one step. Lanes that had finished begin anew if `restart`, else they stay as they are.

        Args:
            actions: (n, m), from `read_actions`.
            restart: Gymnasium's NEXT_STEP autoreset.

        Box actions out of range are clipped, unless the problem's `on_infeasible` is "raise".

        Raises:
            gymnasium.error.ResetNeeded: a lane was never reset.
            ValueError: an action is NaN or infinite, or refused; nothing has happened then.
            RuntimeError: the problem's kernel charged less than 0 or more than what remains, which is a defect of it.
        """
        if not self._ready:
            raise ResetNeeded(f"lanes {np.flatnonzero(~self.seeded).tolist()} have no episode yet; call reset() first")
        transition = self._blank_transition()
        fault = self._step(*self._world, restart, self.stride, actions, *transition)
        if fault <= INVALID and (within := self._clipped(actions)) is not None:
            # Nothing has happened yet; looking only now keeps actions within their range off this path.
            fault = self._step(*self._world, restart, self.stride, within, *transition)
        if fault != OK:
            self.refuse(fault, actions)
        return transition

    def _clipped(self, actions: NDArray[Any]) -> NDArray[Any] | None:
        """Box actions (n, m) within their range; None for others, if one is not finite, or if they are to be refused.

        What is out of range only because an end of it was rounded to 32 bits is never refused.
        """
        space, low, high = self.problem.action_space, self.rules.action_low, self.rules.action_high
        if not isinstance(space, spaces.Box) or not np.isfinite(actions).all():
            return None
        if self.problem.on_infeasible == "raise":
            rounded = actions.astype(np.float32)
            if not ((rounded >= low.astype(np.float32)) & (rounded <= high.astype(np.float32))).all():
                return None
        return np.clip(actions, low, high)

    def refuse(self, fault: int, actions: NDArray[Any]) -> NoReturn:
        """Raise the error of a `fault` that a loop returned for `actions` (n, m)."""
        if fault <= INVALID:
            lane = INVALID - fault
            expected = self.problem.explain_action(actions[lane])
            raise ValueError(f"action {actions[lane].tolist()} of lane {lane} is invalid; {expected}")
        raise RuntimeError(
            f"{type(self.problem).__name__}: step {self.state.t[fault]} of lane {fault} charged {self.state.cost[fault]} "
            f"with {self.state.remaining[fault]} remaining; a kernel's cost must lie between 0 and what remains"
        )

    def read_actions(self, actions: Any) -> NDArray[Any]:
        """Check shape and dtype of a batch of actions and give it the form that `step` takes, (n, m).

        Raises:
            ValueError: wrong shape or dtype.
        """
        space = self.problem.action_space
        array = np.asarray(actions)
        shape = (self.n, *(space.shape or ()))
        if array.shape != shape:
            raise ValueError(f"actions have shape {array.shape}; expected {shape}, one action of {space} per lane")
        if isinstance(space, spaces.MultiBinary) and array.dtype.kind == "f":
            array = binary(array)
        if not np.can_cast(array.dtype, self.action_dtype, "same_kind") and array.dtype != np.bool_:
            raise ValueError(
                f"actions have dtype {array.dtype}; expected what casts safely to {self.action_dtype} for {space}"
            )
        return np.ascontiguousarray(array, self.action_dtype).reshape(self.n, -1)

    def action_mask(self) -> NDArray[np.int8]:
        """The masks of all lanes, (n, number of actions).

        Raises:
            TypeError: the problem has no mask kernel.
        """
        if self._mask_shape is None:
            raise TypeError(f"{type(self.problem).__name__} has no action masks")
        out = np.empty(self._mask_shape, np.int8)
        self._mask(self.params, self.state, out)
        return out

    # --- the ledger, as info ----------------------------------------------------------------------------------------------

    def info(self, lanes: NDArray[np.int64] | slice = slice(None)) -> dict[str, NDArray[Any]]:
        """Fresh arrays with a row per lane: cost, spent, remaining, blocked, what else the problem reports, its action mask.

        For all lanes (any slice is taken for that), or for those with these numbers.
        With a single resource the first three have shape (n,), otherwise (n, resources). A problem with a `constraint` has the
        cost of that instead of the spend.
        """
        state = self.state
        rows: Any = (lanes, 0) if len(self.problem.resources) == 1 else lanes
        info = {
            "cost": state.cost[rows].copy(),
            "spent": state.spent[rows].copy(),
            "remaining": state.remaining[rows].copy(),
            "blocked": state.blocked[lanes].copy(),
        }
        everything = isinstance(lanes, slice)
        if self.problem.constraint is not None:
            info["cost"] = getattr(state, self.problem.constraint)[lanes].copy()
        for name, column in self._reported:
            info[name] = column.copy() if everything else column[lanes]
        if self._mask_shape is not None:
            info["action_mask"] = self.action_mask()[lanes]
        return info

    # --- forks ------------------------------------------------------------------------------------------------------------

    def snapshot(self) -> State:
        """A copy of the whole world: state, ledger and generators."""
        return type(self.state)(*(array.copy() for array in self.state))

    def restore(self, snapshot: State) -> None:
        """Return to a snapshot of a batch of the same problem and size.

        Raises:
            ValueError: it is of another size, or of a problem with other data.
        """
        if type(snapshot) is not type(self.state):
            raise ValueError(f"snapshot is a {type(snapshot).__name__}; expected what snapshot() of the same problem returned")
        self.problem.check_state(snapshot)
        for name, here, there in zip(self.state._fields, self.state, snapshot, strict=True):
            if here.shape != there.shape:
                raise ValueError(f"snapshot has {name} of shape {there.shape}; expected {here.shape}, the same batch size")
            here[...] = there
        self._take_for_seeded()

    def _take_for_seeded(self) -> None:
        self.seeded[:] = True
        self._ready = True

    def fork(self, copies: int, lane: int = 0, problem: Problem | None = None) -> Batch:
        """`copies` lanes that all continue from `lane` of this batch, each with the same future.

        `problem` may be this one with another limit of steps (`Problem.truncated`).
        """
        forked = Batch(problem or self.problem, copies, self.stride)
        for name in self.state._fields:
            getattr(forked.state, name)[...] = getattr(self.state, name)[lane]
        forked._take_for_seeded()
        return forked

    def resample(self, keys: NDArray[np.uint64]) -> None:
        """Redraw every lane's hidden state from its posterior, and its future from `keys` (n,)."""
        self.loops.resample(self.params, self.state, keys)

    # --- blanks for the loops to write into -------------------------------------------------------------------------------

    def _blank_transition(self) -> Transition:
        n = self.n
        observation = np.empty((n, len(self.problem.observation_names)))
        return Transition(observation, np.empty(n), np.empty(n, np.bool_), np.empty(n, np.bool_))

    def _blank_actions(self) -> NDArray[Any]:
        return np.empty((self.n, len(self.rules.action_low)), self.action_dtype)

    # --- reading options --------------------------------------------------------------------------------------------------

    def _budget_rows(self, value: Any) -> NDArray[np.float64]:
        resources = self.problem.resources
        if isinstance(value, Mapping):
            if set(value) != set(resources):
                raise ValueError(f"option budget names {sorted(value)}; expected {sorted(resources)}")
            value = np.stack(np.broadcast_arrays(*(_amounts(value[name]) for name in resources)), axis=-1)
        elif len(resources) == 1:
            value = _amounts(value)[..., None]
        else:
            raise ValueError(f"option budget is {value!r}; this problem has several resources, expected a mapping")
        if value.shape[:-1] not in ((), (self.n,)):
            raise ValueError(f"option budget has shape {value.shape[:-1]}; expected one amount, or one per lane ({self.n},)")
        if not (value >= 0).all():
            raise ValueError(f"option budget is {value[..., 0].tolist()!r}; expected amounts >= 0")
        self.problem.check_amounts("option budget", value)
        return np.broadcast_to(value, (self.n, len(resources)))

    def _episode_rows(self, value: Any) -> NDArray[np.int64]:
        episodes = np.asarray(value)
        if episodes.dtype.kind not in "iu" or episodes.shape not in ((), (self.n,)) or (episodes < 0).any():
            raise ValueError(f"option episode is {value!r}; expected an integer >= 0, or one per lane ({self.n},)")
        if (available := self.problem.num_episodes) is not None and (episodes >= available).any():
            raise ValueError(f"option episode is {value!r}; {self.problem.instance} has the episodes 0..{available - 1}")
        return np.broadcast_to(episodes.astype(np.int64), (self.n,))


def _batch_again(problem: Problem, n: int, stride: int, state: State, seeded: NDArray[np.bool_]) -> Batch:
    batch = Batch(problem, n, stride)
    for here, there in zip(batch.state, state, strict=True):
        here[...] = there
    batch.seeded[:] = seeded
    batch._ready = bool(seeded.all())
    return batch


def action_dtype(space: spaces.Space[Any]) -> np.dtype[Any]:
    """The dtype in which kernels receive actions of `space`: float64 for a Box, otherwise int64.

    Never a narrower one: a wrong action must not wrap around into a right one.
    """
    return np.dtype(np.float64 if isinstance(space, spaces.Box) else np.int64)


def binary(actions: NDArray[Any]) -> NDArray[np.int64]:
    """Zeros and ones as whole numbers: Stable-Baselines3's actions of MultiBinary spaces are floats.

    Raises:
        ValueError: another number, or NaN.
    """
    if not ((actions == 0) | (actions == 1)).all():
        raise ValueError(f"actions are {actions.tolist()}; expected 0 and 1 only")
    return actions.astype(np.int64)


def generator_keys(generators: Sequence[np.random.Generator]) -> NDArray[np.uint64]:
    """One key for the kernels' generator from each of Gymnasium's."""
    return np.array([generator.integers(2**64, dtype=np.uint64) for generator in generators], np.uint64)


def seeded_keys(seeds: Sequence[int | None]) -> NDArray[np.uint64]:
    """The keys that single environments with these seeds would draw; None is a fresh one."""
    return generator_keys([seeding.np_random(seed)[0] for seed in seeds])


def episode_keys(seed: int, n: int) -> NDArray[np.uint64]:
    """Keys of the episodes 0 .. n-1 of an evaluation; an episode's key does not depend on how many there are."""
    return np.asarray(np.random.SeedSequence(seed).generate_state(n, np.uint64), np.uint64)


def _amounts(value: Any) -> NDArray[np.float64]:
    """An option's amounts; text, as "3", is none."""
    amounts = as_array("option budget", value)
    if amounts.dtype.kind not in "iuf":
        raise ValueError(f"option budget is {value!r}; expected numbers")
    return amounts.astype(float)


def _mask_shape(problem: Problem, n: int) -> tuple[int, int] | None:
    """(n, number of actions), or None for a problem without masks."""
    if problem.kernels.mask is None:
        return None
    if not isinstance(problem.action_space, spaces.Discrete):
        raise TypeError(
            f"{type(problem).__name__} has a mask kernel; masks are for Discrete actions, not {problem.action_space}"
        )
    return n, int(problem.action_space.n)


def _check_state(problem: Problem, state: State, n: int) -> None:
    """A problem's state keeps the contract, or the error says what it lacks."""
    missing = [name for name in CORE_FIELDS if name not in state._fields]
    if missing:
        raise TypeError(f"{type(problem).__name__}: its state lacks {missing}; make its class with @state")
    for name, array in zip(state._fields, state, strict=True):
        if array.shape[:1] != (n,):
            raise TypeError(f"{type(problem).__name__}.allocate({n}): {name} has shape {array.shape}; expected ({n}, ...)")
    conditions = [metric.among for metric in problem.metrics if metric.among is not None]
    unknown = [name for name in (*problem.info_fields, *conditions) if name not in state._fields]
    if unknown:
        raise TypeError(f"{type(problem).__name__}.metrics or reported: {unknown} are not fields of the state")
