"""SAC: soft actor-critic by Stable-Baselines3, on the native batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3 import SAC
from stable_baselines3.common.callbacks import BaseCallback

from ...envs.core.problem import Problem
from .learner import Learner


class Sac(Learner):
    """Soft actor-critic (Haarnoja et al., arXiv:1801.01290) by Stable-Baselines3, for continuous actions.

    Args:
        problem: what to decide on.
        path: of a saved agent; without it the agent has to `learn` first.
        seed: of network, exploration and training episodes.
        overrides: replace settings of the configuration, such as `learning_rate` or `lanes`.

    Raises:
        ValueError: no configuration for the family, or actions that are not continuous.
    """

    name = "sac"
    algorithm = SAC
    policy = "MlpPolicy"

    def __init__(self, problem: Problem, path: str | Path | None = None, seed: int = 0, **overrides: Any) -> None:
        super().__init__(problem, path, seed, **overrides)
        if not isinstance(problem.action_space, spaces.Box):
            raise ValueError(
                f"sac is for continuous actions, not {problem.action_space}; expected a problem with discrete=False"
            )


class TemperatureToZero(BaseCallback):
    """Lets the temperature, the weight of entropy, fall to (nearly) zero with the square of the time that is left.

    SAC's own rule holds the entropy at a target, which is right where the best action is a matter of degree. Where actions
    fall into a few classes, the target is either too high at the end or too low at the beginning.
    """

    def __init__(self, start: float, end: float = 1e-3) -> None:
        super().__init__()
        self._start, self._end = start, end

    def _on_step(self) -> bool:
        assert isinstance(self.model, SAC)
        temperature = max(self._end, self._start * self.model._current_progress_remaining**2)
        self.model.ent_coef_tensor = torch.tensor(temperature)
        return True
