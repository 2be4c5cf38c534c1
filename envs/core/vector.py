"""`BudgetedVectorEnv`: the native Gymnasium vector environment of a problem."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from .batch import Batch, seeded_keys
from .checks import MOST_LANES, boolean, positive_integer
from .presentation import Presentation
from .problem import Problem, State
from .render import RENDER_FPS, RENDER_MODES, Film, check_render_mode
from .resolve import make_problem


class BudgetedVectorEnv(gym.vector.VectorEnv[Any, Any, NDArray[Any]]):
    """n episodes of a problem in one compiled loop; behaves as `SyncVectorEnv` over n single environments would.

    Lane i is bit-identical to a single environment with the same seed. Where a log is replayed, lane i plays the episodes
    i, i + n, i + 2n, ... of it.

    Args:
        problem: a `Problem`, its class, or the class's path "module:Class".
        num_envs: number of lanes.
        autoreset_mode: Gymnasium's NEXT_STEP, SAME_STEP or DISABLED.
        max_episode_steps: truncate episodes after this many steps.
        observation_dtype, mask_in_observation: see `BudgetedEnv`.
        render_mode, reveal: see `BudgetedEnv`. `render` returns a tuple with an entry per lane; a window shows all lanes.
        settings: the problem's own arguments.
    """

    metadata: ClassVar[dict[str, Any]] = {  # type: ignore[misc]
        "render_modes": RENDER_MODES,
        "render_fps": RENDER_FPS,
        "autoreset_mode": AutoresetMode.NEXT_STEP,
    }

    def __init__(
        self,
        problem: str | type[Problem] | Problem,
        num_envs: int = 1,
        *,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        max_episode_steps: int | None = None,
        observation_dtype: Any = "float32",
        mask_in_observation: bool = False,
        render_mode: str | None = None,
        reveal: bool = False,
        **settings: Any,
    ) -> None:
        positive_integer("num_envs", num_envs, MOST_LANES)
        check_render_mode(render_mode)
        batch = Batch(make_problem(problem, settings).truncated(max_episode_steps), int(num_envs))
        presentation = Presentation(batch.problem, observation_dtype, mask_in_observation)
        self._set_up(batch, presentation, AutoresetMode(autoreset_mode), render_mode)
        if render_mode is not None:
            self._film = Film(self.problem, render_mode, boolean("reveal", reveal))

    @classmethod
    def of_batch(cls, batch: Batch, presentation: Presentation) -> BudgetedVectorEnv:
        """The face of a batch that is already under way, for planners: finished lanes stay finished, without reward."""
        env = cls.__new__(cls)
        env._set_up(batch, presentation, AutoresetMode.DISABLED, None)
        env._finished_lanes_may_idle = True
        return env

    def _set_up(
        self, batch: Batch, presentation: Presentation, autoreset_mode: AutoresetMode, render_mode: str | None
    ) -> None:
        self._batch = batch
        self._presentation = presentation
        self.problem = batch.problem
        self.num_envs = batch.n
        self.single_observation_space = presentation.observation_space
        self.single_action_space = presentation.action_space
        self.observation_space = batch_space(self.single_observation_space, batch.n)
        self.action_space = batch_space(self.single_action_space, batch.n)
        self.autoreset_mode = autoreset_mode
        self.metadata = {**type(self).metadata, "autoreset_mode": autoreset_mode}  # type: ignore[misc]
        self.render_mode = render_mode
        self._film: Film | None = None
        self._finished_lanes_may_idle = False
        self._everywhere = np.ones(batch.n, np.bool_)
        self._presence_keys = [f"_{name}" for name in batch.info()]

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Start new episodes: in all lanes, or where `options["reset_mask"]` (n,) is true.

        Args:
            seed: lane i gets seed + i; or one seed per lane.
            options: `reset_mask`; `budget` and `episode`, one for all or one per lane.
        """
        options = dict(options or {})
        lanes = self._read_mask(options.pop("reset_mask", None))
        chosen = self._batch.read_options(options)
        if seed is not None:
            self._batch.seed(seeded_keys(self._lane_seeds(seed)), lanes)
        else:
            never = ~self._batch.seeded if lanes is None else lanes & ~self._batch.seeded
            if never.any():
                self._batch.seed(seeded_keys([None] * self.num_envs), never)
        self._batch.choose(chosen, lanes)
        self._batch.reset(lanes)
        if self._film is not None:
            self._film.begin(self._batch, lanes)
        info = self._info()
        return self._show(self._batch.observe(), info), info

    def step(self, actions: Any) -> tuple[Any, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """One decision in every lane.

        Raises:
            ValueError: actions of the wrong shape or dtype, NaN or infinite, or refused; nothing has happened then.
            gymnasium.error.ResetNeeded: no episode was started, or a lane has finished and autoreset is DISABLED.
        """
        batch = self._batch
        rows = batch.read_actions(actions)
        if self.autoreset_mode is AutoresetMode.DISABLED and not self._finished_lanes_may_idle:
            self._refuse_finished_lanes()
        observation, reward, terminated, truncated = batch.step(rows, self.autoreset_mode is AutoresetMode.NEXT_STEP)
        if self._film is not None:
            self._film.record(batch, rows, reward)
        if self.autoreset_mode is AutoresetMode.SAME_STEP and batch.state.finished.any():
            info = self._restart(observation)
        else:
            info = self._info()
        return self._show(observation, info), reward, terminated, truncated, info

    def action_masks(self) -> NDArray[np.bool_]:
        """Which actions can be executed now, (n, number of actions)."""
        return self._batch.action_mask().astype(bool)

    def render(self) -> tuple[Any, ...] | None:
        """A text or a frame per lane, as the render mode has it; None for a window."""
        shown = [] if self._film is None else self._film.render(self._batch)
        return tuple(shown) or None

    def close_extras(self, **kwargs: Any) -> None:
        """Close the window, if there is one."""
        if self._film is not None:
            self._film.close()

    def snapshot(self) -> State:
        """A complete copy of all lanes, to come back to with `restore`."""
        return self._batch.snapshot()

    def restore(self, snapshot: State) -> None:
        """Return to a snapshot of this environment, or of one with the same number of lanes."""
        self._batch.restore(snapshot)
        if self._film is not None:
            self._film.rewind(self._batch)

    def resample_hidden(self, seed: int | None = None) -> None:
        """Redraw what agents cannot see from its posterior in every lane, and make every lane's future random anew."""
        generator = self.np_random if seed is None else np.random.default_rng(seed)
        self._batch.resample(generator.integers(2**64, size=self.num_envs, dtype=np.uint64))

    def _restart(self, observation: NDArray[np.float64]) -> dict[str, Any]:
        """Begin anew where lanes finished, in `observation` too; the info keeps how they ended, as Gymnasium has it."""
        batch = self._batch
        finished = batch.state.finished.copy()
        rows = np.flatnonzero(finished)
        ends = batch.info(rows)
        final_obs = np.full(self.num_envs, None, dtype=object)
        for k, row in enumerate(rows):
            mask = ends["action_mask"][k] if "action_mask" in ends else None
            final_obs[row] = self._presentation.show(observation[row].copy(), mask)
        final_info: dict[str, Any] = {}
        for name, ended in ends.items():
            column = np.zeros((self.num_envs, *ended.shape[1:]), ended.dtype)
            column[rows] = ended
            final_info[name] = column
            final_info[f"_{name}"] = finished.copy()
        batch.reset(finished)
        batch.observe(observation, finished)
        if self._film is not None:
            self._film.begin(batch, finished)
        return {
            **self._info(),
            "final_obs": final_obs,
            "_final_obs": finished.copy(),
            "final_info": final_info,
            "_final_info": finished,
        }

    def _show(self, observation: NDArray[np.float64], info: dict[str, Any]) -> Any:
        return self._presentation.show(observation, info.get("action_mask"))

    def _info(self) -> dict[str, Any]:
        info: dict[str, Any] = self._batch.info()
        info.update(dict.fromkeys(self._presence_keys, self._everywhere.copy()))
        return info

    def _lane_seeds(self, seed: int | Sequence[int | None]) -> list[int | None]:
        if isinstance(seed, int | np.integer):
            self._np_random, self._np_random_seed = seeding.np_random(int(seed))
            return [int(seed) + lane for lane in range(self.num_envs)]
        seeds = list(seed)
        if len(seeds) != self.num_envs:
            raise ValueError(f"seed has {len(seeds)} entries; expected one per lane, {self.num_envs}")
        return seeds

    def _read_mask(self, mask: Any) -> NDArray[np.bool_] | None:
        if mask is None:
            return None
        mask = np.asarray(mask)
        if mask.shape != (self.num_envs,) or mask.dtype != np.bool_ or not mask.any():
            raise ValueError(f"option reset_mask is {mask!r}; expected ({self.num_envs},) booleans, at least one of them true")
        return mask

    def _refuse_finished_lanes(self) -> None:
        finished = self._batch.state.finished
        if finished.any():
            lanes = np.flatnonzero(finished).tolist()
            raise gym.error.ResetNeeded(
                f"lanes {lanes} have no running episode; call reset(options={{'reset_mask': ...}}) before the next step"
            )
