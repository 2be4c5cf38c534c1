"""`BudgetedEnv`: the Gymnasium environment of a problem, a batch of one."""

from __future__ import annotations

import operator
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from .batch import Batch, binary, generator_keys
from .checks import MOST_LANES, boolean, positive_integer
from .presentation import Presentation
from .problem import Problem, State
from .render import RENDER_FPS, RENDER_MODES, Film, Filmed, check_render_mode
from .resolve import make_problem
from .vector import BudgetedVectorEnv


class BudgetedEnv(Filmed, gym.Env[Any, Any]):
    """Any problem of the suite as a Gymnasium environment. `env.unwrapped.problem.__doc__` describes the problem.

    `info` of every reset and step holds `cost` (what this step spent), `spent`, `remaining`, `blocked` (actions so far that
    could not be afforded as asked for), the problem's metrics and what else it reports, and `action_mask` where actions can be
    infeasible. `cost`, `spent` and `remaining` are floats for a single resource, otherwise arrays in the order of
    `problem.resources`.

    Args:
        problem: a `Problem`, its class, or the class's path "module:Class".
        observation_dtype: "float32", which most libraries expect, or "float64" for exact numbers. `evaluate` reads exact ones
            in either case. Box actions are declared as float32; the numbers themselves are taken as precise as they come.
        mask_in_observation: observations are `{"observations": ..., "action_mask": ...}`; for Discrete actions.
        render_mode: None, "ansi" (a few lines of text), "rgb_array" (a picture of the latest decision; needs Pillow) or
            "human" (the same in a window; needs pygame).
        reveal: show what agents don't know, marked as hidden.
        settings: the problem's own arguments.

    Raises:
        TypeError: an unknown setting. The problem raises for bad values.
        ValueError: an unknown dtype or render mode, or masks for actions that are not Discrete.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": RENDER_MODES, "render_fps": RENDER_FPS}  # type: ignore[misc]

    def __init__(
        self,
        problem: str | type[Problem] | Problem,
        *,
        observation_dtype: Any = "float32",
        mask_in_observation: bool = False,
        render_mode: str | None = None,
        reveal: bool = False,
        **settings: Any,
    ) -> None:
        self.problem = make_problem(problem, settings)
        self._presentation = Presentation(self.problem, observation_dtype, mask_in_observation)
        self.observation_space: spaces.Space[Any] = self._presentation.observation_space
        self.action_space = self._presentation.action_space
        self.render_mode = check_render_mode(render_mode)
        self._batch = Batch(self.problem, 1)
        self._film = Film(self.problem, render_mode, boolean("reveal", reveal)) if render_mode is not None else None
        self._action = np.zeros((1, len(self._batch.rules.action_low)), self._batch.action_dtype)
        self._read_action = _reader(self.action_space, self._action)
        self._single = len(self.problem.resources) == 1

    def __getstate__(self) -> dict[str, Any]:
        """Without the reader of actions, which is made anew: a copy must not read into the original."""
        return {name: value for name, value in self.__dict__.items() if name != "_read_action"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._read_action = _reader(self.action_space, self._action)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start the next episode. `options` may set its `budget`, and its number `episode` where a log is replayed.

        With a seed the generator starts anew, and a log is replayed from its first episode.
        """
        chosen = self._batch.read_options(options)
        super().reset(seed=seed)
        if seed is not None or not self._batch.seeded[0]:
            self._batch.seed(generator_keys([self.np_random]))
        self._batch.choose(chosen)
        self._batch.reset()
        if self._film is not None:
            self._film.begin(self._batch)
        info = self._info()
        return self._presentation.show(self._batch.observe()[0], info.get("action_mask")), info

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """One decision.

        Any element of the action space can be stepped, and a Box action out of range is clipped, unless the problem was made
        with `on_infeasible="raise"`.

        Raises:
            ValueError, TypeError: a wrong shape or type, NaN or infinite, or an action refused; nothing has happened then.
            gymnasium.error.ResetNeeded: the episode is over, or none was started.
        """
        self._read_action(action)
        batch = self._batch
        if batch.state.finished[0]:
            raise gym.error.ResetNeeded("the episode is over; call reset() before the next step")
        observation, reward, terminated, truncated = batch.step(self._action)
        if self._film is not None:
            self._film.record(batch, self._action, reward)
        info = self._info()
        shown = self._presentation.show(observation[0], info.get("action_mask"))
        return shown, reward.item(), terminated.item(), truncated.item(), info

    def action_masks(self) -> NDArray[np.bool_]:
        """Which actions can be executed now, (number of actions,); the form that sb3-contrib's MaskablePPO asks for."""
        return self._batch.action_mask()[0].astype(bool)

    def snapshot(self) -> State:
        """A complete copy of the world, to come back to with `restore`."""
        return self._batch.snapshot()

    def restore(self, snapshot: State) -> None:
        """Return to a snapshot; the same actions then have the same outcomes."""
        self._batch.restore(snapshot)
        if self._film is not None:
            self._film.rewind(self._batch)

    def model(self, forks: int, *, seed: int | None = None, peek: bool = False) -> BudgetedVectorEnv:
        """`forks` copies of the present state, to be rolled forward side by side by a planner.

        The hidden state of every fork is redrawn from its posterior and its future is random, so that a planner plans in
        beliefs. The forks never restart: a lane that has finished stays so, without reward.

        Args:
            forks: number of copies.
            seed: of the redraw; None takes it from the environment's own generator.
            peek: keep the true hidden state and the true future in every fork. That is clairvoyance; say so in results.
        """
        positive_integer("forks", forks, MOST_LANES)
        if not self._batch.seeded[0]:
            raise gym.error.ResetNeeded("no episode was started; call reset() before model()")
        forked = self._batch.fork(forks)
        if not peek:
            generator = self.np_random if seed is None else np.random.default_rng(seed)
            forked.resample(generator.integers(2**64, size=forks, dtype=np.uint64))
        return BudgetedVectorEnv.of_batch(forked, self._presentation)

    def _info(self) -> dict[str, Any]:
        """`Batch.info` for a batch of one; written out because it is on the path of every step."""
        state = self._batch.state
        info: dict[str, Any]
        if self._single:
            info = {"cost": state.cost.item(), "spent": state.spent.item(), "remaining": state.remaining.item()}
        else:
            info = {"cost": state.cost[0].copy(), "spent": state.spent[0].copy(), "remaining": state.remaining[0].copy()}
        if self.problem.constraint is not None:
            info["cost"] = getattr(state, self.problem.constraint).item()
        info["blocked"] = state.blocked.item()
        for name in self.problem.info_fields:
            info[name] = getattr(state, name).item()
        if self.problem.kernels.mask is not None:
            info["action_mask"] = self._batch.action_mask()[0]
        return info


def _reader(space: spaces.Space[Any], row: NDArray[Any]) -> Any:
    """A function that checks shape and type of one action and writes its components into `row` (1, m)."""
    shape = space.shape or ()

    def read_integer(action: Any) -> None:
        try:
            row[0, 0] = operator.index(action)
        except (TypeError, OverflowError):
            raise TypeError(f"action is {action!r}; expected an integer of {space}") from None

    def read_array(action: Any) -> None:
        array = np.asarray(action)
        if array.shape != shape:
            raise ValueError(f"action {action!r} has shape {array.shape}; expected {shape} for {space}")
        if array.dtype.kind == "f" and isinstance(space, spaces.MultiBinary):
            array = binary(array)
        if array.dtype.kind not in kinds:
            raise TypeError(f"action {action!r} has dtype {array.dtype}; expected {row.dtype} for {space}")
        row[0] = array.ravel()

    kinds = "fiu" if row.dtype.kind == "f" else "iub"
    return read_integer if isinstance(space, spaces.Discrete) else read_array
