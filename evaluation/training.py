"""What is done while a learner learns, as callbacks of Stable-Baselines3: checkpoints, and evaluation on common episodes."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from stable_baselines3.common.callbacks import BaseCallback, EveryNTimesteps

from ..agents.learning.learner import Learner
from ..envs.core.checks import positive_integer
from .evaluate import evaluate

EVALUATION_SEED = 987_654_321
"""Of the episodes on which the best agent is chosen: other ones than those of a comparison, whose seed is 0 by default."""


def checkpoint_every(decisions: int, learner: Learner, out: Path) -> BaseCallback:
    """Save the learner as OUT-DECISIONS.zip every `decisions` decisions; see `Checkpoint`."""
    return EveryNTimesteps(positive_integer("checkpoint-every", decisions), Checkpoint(learner, out))


def evaluate_every(decisions: int, learner: Learner, out: Path, episodes: Any = None) -> BaseCallback:
    """Evaluate the learner every `decisions` decisions; see `Evaluation`."""
    return EveryNTimesteps(positive_integer("evaluate-every", decisions), Evaluation(learner, out, episodes))


class Checkpoint(BaseCallback):
    """Saves the learner, with the number of decisions in the file's name.

    Args:
        learner: what learns.
        out: path of the agent that will be saved in the end.
    """

    def __init__(self, learner: Learner, out: Path) -> None:
        super().__init__()
        self._learner, self._out = learner, out

    def _on_step(self) -> bool:
        save_whole(self._learner, beside(self._out, f"-{self.num_timesteps}.zip"))
        return True


class Evaluation(BaseCallback):
    """Plays the learner on the same episodes every time, those of `EVALUATION_SEED`, of the problem to decide on.

    Every time is a row of OUT-evaluations.csv, and of tensorboard (`eval/...`); the agent with the best score so far is saved
    as OUT-best.zip.

    Args:
        learner: what learns.
        out: path of the agent that will be saved in the end.
        episodes: see `evaluate`.
    """

    def __init__(self, learner: Learner, out: Path, episodes: Any = None) -> None:
        super().__init__()
        self._learner, self._out, self._episodes = learner, out, episodes
        self._rows: list[dict[str, Any]] = []
        self._best = -np.inf
        self._started = time.perf_counter()

    def _on_step(self) -> bool:
        problem = self._learner.problem
        summary = evaluate(self._learner, problem, self._episodes, EVALUATION_SEED).summary
        numbers = {name: value for name, value in summary.items() if isinstance(value, int | float)}
        seconds = time.perf_counter() - self._started
        self._rows.append({"timesteps": self.num_timesteps, "seconds": round(seconds, 3), **numbers})
        pd.DataFrame(self._rows).to_csv(beside(self._out, "-evaluations.csv"), index=False)
        if numbers[problem.score] > self._best:
            self._best = numbers[problem.score]
            save_whole(self._learner, beside(self._out, "-best.zip"))
        for name, value in numbers.items():
            self.logger.record(f"eval/{name}", value)
        self.logger.dump(self.num_timesteps)
        return True


def beside(out: Path, ending: str) -> Path:
    """OUT.zip with another ending."""
    return out.with_name(out.name.removesuffix(".zip") + ending)


def save_whole(learner: Learner, path: Path) -> None:
    """Save a learner so that the file is never there in part: a process killed while writing leaves the one before."""
    partial = path.with_name(f".{path.name.removesuffix('.zip')}.partial.zip")
    learner.save(partial)
    os.replace(partial, path)
