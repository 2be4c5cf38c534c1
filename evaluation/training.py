"""What is done while a learner learns, as callbacks of Stable-Baselines3: checkpoints, and evaluation on common episodes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from stable_baselines3.common.callbacks import BaseCallback, EveryNTimesteps

from ..agents.learning import saved
from ..agents.learning.learner import Learner
from ..envs.core.checks import positive_integer
from ..envs.core.files import check_writable, write_text
from .evaluate import count_episodes, evaluate

EVALUATION_SEED = 987_654_321
"""Of the episodes on which the best agent is chosen: other ones than those of a comparison, whose seed is 0 by default."""


def checkpoint_every(decisions: int, learner: Learner, out: Path) -> BaseCallback:
    """Save the learner as OUT-DECISIONS.zip every `decisions` decisions; see `Checkpoint`."""
    return Every(positive_integer("checkpoint-every", decisions), Checkpoint(learner, out))


def evaluate_every(decisions: int, learner: Learner, out: Path, episodes: Any = None) -> BaseCallback:
    """Evaluate the learner every `decisions` decisions; see `Evaluation`."""
    return Every(positive_integer("evaluate-every", decisions), Evaluation(learner, out, episodes))


class Every(EveryNTimesteps):
    """When the decisions reach or pass a multiple of n, also where an agent goes on. SB3 counts from the last time, so that
    lanes that do not divide n shift it ever further, and from 0 for an agent that goes on."""

    def _on_training_start(self) -> None:
        super()._on_training_start()
        self.last_time_trigger = self._multiple()

    def _on_step(self) -> bool:
        due = self._multiple() > self.last_time_trigger
        self.last_time_trigger = self._multiple()
        return self._on_event() if due else True

    def _multiple(self) -> int:
        return self.num_timesteps - self.num_timesteps % self.n_steps


class Checkpoint(BaseCallback):
    """Saves the learner, with the number of decisions in the file's name.

    A checkpoint never replaces another one: where there is one after as many decisions, from another run, the new one is
    OUT-DECISIONS-2.zip.

    Args:
        learner: what learns.
        out: path of the agent that will be saved in the end.
    """

    def __init__(self, learner: Learner, out: Path) -> None:
        super().__init__()
        self._learner, self._out = learner, out
        check_writable(out)

    def _on_step(self) -> bool:
        self._learner.save(free_checkpoint(self._out, self.num_timesteps))
        return True


class Evaluation(BaseCallback):
    """Plays the learner on the same episodes every time, those of `EVALUATION_SEED`, of the problem to decide on.

    Every time is a row of OUT-evaluations.csv, and of tensorboard (`eval/...`); the agent with the best score so far is saved
    as OUT-best.zip. Where these files are there already, as when an agent goes on, rows are added to the rows, and the best
    is only replaced by a better one.

    Args:
        learner: what learns.
        out: path of the agent that will be saved in the end.
        episodes: see `evaluate`.

    Raises:
        ValueError: OUT-evaluations.csv can't be continued, since it is of another problem or of other episodes.
    """

    def __init__(self, learner: Learner, out: Path, episodes: Any = None) -> None:
        super().__init__()
        self._learner, self._episodes = learner, episodes
        self._table, self._kept = beside(out, "-evaluations.csv"), beside(out, "-best.zip")
        check_writable(self._table)
        count_episodes(learner.problem, episodes)
        self._rows = self._rows_before()
        scores = [row[learner.problem.score] for row in self._rows]
        self._best = max(scores) if scores and self._kept.is_file() else -np.inf
        self._started = time.perf_counter() - (self._rows[-1]["seconds"] if self._rows else 0.0)

    def _rows_before(self) -> list[dict[str, Any]]:
        """The evaluations of the runs before."""
        problem, table = self._learner.problem, self._table
        other = f"{table} is of another run; choose another --out"
        if self._kept.is_file() and (settings := saved.read(self._kept).problem_settings) != saved.settings_of(problem):
            raise ValueError(f"{other} ({self._kept.name} was chosen on a problem with {settings})")
        if not table.is_file():
            return []
        if getattr(self._learner, "model", None) is None:
            raise ValueError(f"{other}, or go on from the agent that learned in it")
        try:
            rows = pd.read_csv(table)
        except ValueError as error:  # pandas' errors are of this kind
            raise ValueError(f"{other} ({error})") from None
        needed = ["timesteps", "seconds", "episodes", problem.score]
        if missing := [name for name in needed if name not in rows]:
            raise ValueError(f"{other} (it has no column {missing[0]!r})")
        count = count_episodes(problem, self._episodes)
        if (others := rows["episodes"][rows["episodes"] != count].tolist()) != []:
            raise ValueError(f"{table} has evaluations over {others[0]} episodes, this run {count}; expected as many")
        return [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]

    def _on_step(self) -> bool:
        problem = self._learner.problem
        summary = evaluate(self._learner, problem, self._episodes, EVALUATION_SEED).summary
        numbers = {name: value for name, value in summary.items() if isinstance(value, int | float)}
        seconds = time.perf_counter() - self._started
        self._rows.append({"timesteps": self.num_timesteps, "seconds": round(seconds, 3), **numbers})
        write_text(self._table, pd.DataFrame(self._rows).to_csv(index=False))
        if numbers[problem.score] > self._best:
            self._best = numbers[problem.score]
            self._learner.save(self._kept)
        for name, value in numbers.items():
            self.logger.record(f"eval/{name}", value)
        self.logger.dump(self.num_timesteps)
        return True


def beside(out: Path, ending: str) -> Path:
    """OUT.zip with another ending."""
    return out.with_name(out.name.removesuffix(".zip") + ending)


def free_checkpoint(out: Path, decisions: int) -> Path:
    """OUT-DECISIONS.zip, or with a further number if that is there already."""
    path, number = beside(out, f"-{decisions}.zip"), 2
    while path.exists():
        path, number = beside(out, f"-{decisions}-{number}.zip"), number + 1
    return path


def files_of(out: Path) -> list[Path]:
    """The files of an earlier run with the same OUT that one which begins anew would replace or add to."""
    return [path for path in (out, beside(out, "-best.zip"), beside(out, "-evaluations.csv")) if path.exists()]


def save_last(learner: Any, out: Path) -> Path:
    """Save an agent that has stopped learning as OUT.zip, or as a checkpoint if the agent there has learned for longer.

    Returns:
        The path.
    """
    made = getattr(getattr(learner, "model", None), "num_timesteps", None)
    if made is not None and out.is_file():
        try:
            longer = saved.read(out).progress["counts"]["num_timesteps"] > made
        except ValueError:  # not an agent of ours; whoever named it meant it to be replaced
            longer = False
        out = free_checkpoint(out, made) if longer else out
    learner.save(out)
    return out
