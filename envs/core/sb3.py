"""`as_sb3_vec_env`: a problem as a Stable-Baselines3 `VecEnv`, without a Python loop over sub-environments."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices

from ..hints import near
from .batch import Batch, Transition, seeded_keys
from .checks import boolean, plain
from .presentation import Presentation
from .problem import Problem
from .render import RENDER_FPS, RENDER_MODES, Film, check_render_mode
from .resolve import as_problem, make_problem
from .window import tile


def as_sb3_vec_env(
    problem: str | type[Problem] | Problem | gym.Env[Any, Any],
    n_envs: int = 1,
    *,
    seed: int | None = None,
    step_info: bool = False,
    observation_dtype: Any = "float32",
    mask_in_observation: bool = False,
    render_mode: str | None = None,
    reveal: bool = False,
    **settings: Any,
) -> BudgetedSb3VecEnv:
    """A Stable-Baselines3 vector environment with `n_envs` lanes.

    Args:
        problem: an environment id, an environment made with `gym.make` (a limit of steps holds here too), a `Problem`, its
            class or "module:Class".
        n_envs: number of lanes.
        seed: lane i is seeded with seed + i.
        step_info: fill every lane's info dict at every step (`cost`, `spent`, ...), as learners with constraints need.
            Without it only lanes that finish have one, and steps cost a tenth.
        observation_dtype, mask_in_observation: see `BudgetedEnv`.
        render_mode, reveal: see `BudgetedEnv`; "rgb_array" is what SB3's VecVideoRecorder takes.
        settings: the problem's own arguments.

    Raises:
        ValueError: an unknown id, or an environment in a wrapper that would be left out; see `unwrap`. Presentation: see
            `BudgetedEnv`.
        TypeError: not an environment of the suite, an unknown setting, or settings for what is already made.
    """
    if isinstance(problem, gym.Env) and settings:
        raise TypeError(f"settings {sorted(settings)} came with an environment that is already made")
    if isinstance(problem, str) and ":" not in problem and problem not in gym.registry:
        raise ValueError(f"no environment {problem!r}{near(problem, [id for id in gym.registry if 'budgetgym' in id])}")
    if isinstance(problem, str) and problem.rpartition(":")[2] in gym.registry:
        problem, settings = gym.make(problem, **settings), {}
    made = as_problem(problem) if isinstance(problem, gym.Env) else make_problem(problem, settings)
    presentation = Presentation(made, observation_dtype, mask_in_observation)
    return BudgetedSb3VecEnv(
        made, n_envs, seed=seed, step_info=step_info, presentation=presentation, render_mode=render_mode, reveal=reveal
    )


class BudgetedSb3VecEnv(VecEnv):
    """A batch as Stable-Baselines3 sees it: restarts within the step, a list of info dicts, float32 rewards.

    The info of a lane that finishes has `terminal_observation`, `TimeLimit.truncated`, `episode` (return and length, as
    SB3's Monitor writes it), and the final ledger and metrics. The other lanes have an empty dict, unless `step_info`.
    """

    def __init__(
        self,
        problem: Problem,
        n_envs: int,
        *,
        seed: int | None = None,
        step_info: bool = False,
        presentation: Presentation | None = None,
        render_mode: str | None = None,
        reveal: bool = False,
    ) -> None:
        self.problem = problem
        self._presentation = presentation or Presentation(problem)
        self.step_info = step_info
        self.render_mode = check_render_mode(render_mode)
        self._film = Film(problem, render_mode, boolean("reveal", reveal)) if render_mode is not None else None
        self._batch = Batch(problem, n_envs)
        self._returns = np.zeros(n_envs)
        self._actions: Any = None
        self._no_infos: list[dict[str, Any]] = [{} for _ in range(n_envs)]
        self._start = time.monotonic()
        super().__init__(n_envs, self._presentation.observation_space, self._presentation.action_space)
        self.metadata = {"render_modes": RENDER_MODES, "render_fps": RENDER_FPS}
        if seed is not None:
            self.seed(seed)

    def reset(self) -> Any:
        """Start new episodes in all lanes, with the seeds and options set before."""
        chosen = [self._batch.read_options(options) for options in self._options]
        if not self._batch.seeded.all() or any(seed is not None for seed in self._seeds):
            self._batch.seed(seeded_keys(self._seeds))
        for lane, options in enumerate(chosen):
            self._batch.choose(options, np.arange(self.num_envs) == lane)
        self._reset_seeds()
        self._reset_options()
        self._returns[:] = 0.0
        self._batch.reset()
        if self._film is not None:
            self._film.begin(self._batch)
        self.reset_infos = self._lane_infos(range(self.num_envs))
        return self._show(self._batch.observe())

    def step_async(self, actions: np.ndarray) -> None:
        """Take the actions, (n, ...)."""
        self._actions = actions

    def step_wait(self) -> tuple[Any, NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        """One decision in every lane; lanes that finish start their next episode."""
        batch = self._batch
        observation, reward, terminated, truncated = self._advance()
        self._returns += reward
        infos = self._lane_infos(range(self.num_envs)) if self.step_info else self._no_infos.copy()
        done = terminated | truncated
        if done.any():
            finished = np.flatnonzero(done)
            ended = self._show(observation[finished], finished)
            for k, (lane, info) in enumerate(zip(finished, self._lane_infos(finished), strict=True)):
                info["terminal_observation"] = _row(ended, k)
                info["TimeLimit.truncated"] = bool(truncated[lane])
                info["episode"] = {
                    "r": float(self._returns[lane]),
                    "l": int(batch.state.t[lane]),
                    "t": round(time.monotonic() - self._start, 6),
                }
                infos[lane] = info
            self._returns[finished] = 0.0
            batch.reset(done)
            batch.observe(observation, done)
            if self._film is not None:
                self._film.begin(batch, done)
        return self._show(observation), reward.astype(np.float32), done, infos

    def _show(self, observation: NDArray[np.float64], lanes: NDArray[np.int64] | slice = slice(None)) -> Any:
        """Observations of these lanes, in the form of the observation space."""
        masked = self._presentation.with_mask and self.problem.kernels.mask is not None
        return self._presentation.show(observation, self._batch.action_mask()[lanes] if masked else None)

    def _advance(self) -> Transition:
        """The batch's step with the actions taken; a subclass may let lanes wait."""
        rows = self._batch.read_actions(self._actions)
        transition = self._batch.step(rows)
        if self._film is not None:
            self._film.record(self._batch, rows, transition.reward)
        return transition

    def action_masks(self) -> NDArray[np.bool_]:
        """Which actions can be executed now, (n, number of actions)."""
        return self._batch.action_mask().astype(bool)

    def render(self, mode: str | None = None) -> Any:
        """The frames of all lanes as one (height, width, 3), their texts one after another, or None for a window."""
        if mode not in (None, self.render_mode):
            raise ValueError(f"mode is {mode!r}; expected {self.render_mode!r}, the render_mode that it was made with")
        shown = [] if self._film is None else self._film.render(self._batch)
        if not shown:
            return None
        return "\n\n".join(shown) if self.render_mode == "ansi" else tile(shown)

    def get_images(self) -> list[Any]:
        """A frame (height, width, 3) per lane."""
        return self._film.render(self._batch) if self._film is not None and self.render_mode == "rgb_array" else []

    def close(self) -> None:
        """Close the window, if there is one."""
        if self._film is not None:
            self._film.close()

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """An attribute of this environment, or of its problem, once per lane."""
        owner = self if attr_name in self.__dict__ else self.problem
        return [getattr(owner, attr_name)] * len(list(self._get_indices(indices)))

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Lanes share one problem: nothing can be set for one of them alone."""
        raise AttributeError(f"{attr_name!r} can't be set: the lanes share one problem; make another environment")

    def env_method(
        self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any
    ) -> list[Any]:
        """`action_masks` per lane; there are no sub-environments with other methods."""
        if method_name != "action_masks" or not self.has_attr("action_masks"):
            raise AttributeError(f"{type(self.problem).__name__} has no method {method_name!r} per lane")
        masks = self.action_masks()
        return [masks[lane] for lane in self._get_indices(indices)]

    def has_attr(self, attr_name: str) -> bool:
        """Whether `get_attr` finds it, or, for `action_masks`, whether the problem has masks."""
        if attr_name == "action_masks":
            return self.problem.kernels.mask is not None
        return super().has_attr(attr_name)

    def env_is_wrapped(
        self, wrapper_class: type[gym.Wrapper[Any, Any, Any, Any]], indices: VecEnvIndices = None
    ) -> list[bool]:
        """No lane is wrapped; but episodes are monitored, which is what SB3 wants to know."""
        return [wrapper_class is Monitor] * len(list(self._get_indices(indices)))

    def _lane_infos(self, lanes: Sequence[int] | NDArray[np.int64] | range) -> list[dict[str, Any]]:
        columns = self._batch.info(np.asarray(lanes))
        return [{name: plain(column[row]) for name, column in columns.items()} for row in range(len(lanes))]


def _row(shown: Any, k: int) -> Any:
    """Row k of what is shown, as an array or a dictionary of arrays."""
    return {name: rows[k] for name, rows in shown.items()} if isinstance(shown, dict) else shown[k]
