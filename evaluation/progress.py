"""Progress of comparisons and of the leaderboard, as a bar on standard error."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from . import leaderboard
from .compare import Progress
from .formatting import duration
from .leaderboard_run import Run

console = Console(stderr=True)

QUIET = 30.0
"""Seconds between two lines about the progress of a comparison in a log file."""


class _OneBar:
    """A bar that is there as long as the `with` statement lasts."""

    def __init__(self, *columns: ProgressColumn) -> None:
        self._bars = Bars(*columns, console=console, transient=True)
        self._task = self._bars.add_task("", total=None)

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bars.stop()


class BarProgress(_OneBar, Progress):
    """A bar for the episodes of the part that is being played; where nobody watches, a line now and then."""

    def __init__(self) -> None:
        super().__init__(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._label = ""
        self._number = 0
        self._spoke = time.monotonic()

    def begin(self, label: str, episodes: int) -> None:
        """A part begins."""
        self._label = label
        self._number += episodes > 0
        self._bars.reset(self._task, total=episodes or None, description=label)

    def advance(self, episodes: int) -> None:
        """`episodes` of its episodes were just finished."""
        self._bars.advance(self._task, episodes)

    def end(self, loaded: bool) -> None:
        """The part is done."""
        if not console.is_terminal and time.monotonic() - self._spoke > QUIET:
            self._spoke = time.monotonic()
            console.print(f"{self._number} parts done, the last: {self._label}", markup=False, highlight=False, soft_wrap=True)


class RunsProgress(_OneBar, leaderboard.Progress):
    """A bar for the runs of the leaderboard: how many are finished, which are running, and how long the rest will take.

    What a run will take is what runs of the same agent, or else of its kind (learning or not), took on average so far.
    """

    def __init__(self) -> None:
        super().__init__(BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
        self._left: list[Run] = []
        self._begun: dict[Run, float] = {}
        self._took: dict[Any, list[float]] = defaultdict(list)
        self._number = 0

    def plan(self, runs: Sequence[Run], kept: int) -> None:
        """The runs are known."""
        self._left = list(runs)
        self._number = len(runs)
        self._bars.reset(self._task, total=len(runs))
        console.print(f"{len(runs)} runs to do, {kept} kept from before", highlight=False)

    def begin(self, run: Run) -> None:
        """A run begins."""
        self._begun[run] = time.monotonic()
        self._show()

    def end(self, run: Run, row: dict[str, Any]) -> None:
        """A run has ended."""
        seconds = time.monotonic() - self._begun.pop(run)
        self._left.remove(run)
        for kind in (run.agent, run.training_seed is None):
            self._took[kind].append(seconds)
        self._bars.advance(self._task)
        k = self._number - len(self._left)
        if not console.is_terminal or row["status"] == "failed":
            line = f"{k} of {self._number}: {_name(run)}: {row['status']} in {duration(1e6 * seconds)}"
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        self._show()

    def _show(self) -> None:
        running = ", ".join(_name(run) for run in self._begun)
        self._bars.update(self._task, description=f"{self._rest()} {running}")

    def _rest(self) -> str:
        """How long the runs that are left will take, with as many side by side as now."""
        kinds = [next((k for k in (run.agent, run.training_seed is None) if self._took[k]), None) for run in self._left]
        known = [sum(self._took[kind]) / len(self._took[kind]) for kind in kinds if kind is not None]
        if not known:
            return ""
        at_least = "at least " if len(known) < len(kinds) else "about "
        return f"{at_least}{duration(1e6 * sum(known) / max(1, len(self._begun)))} left:"


def _name(run: Run) -> str:
    seed = "" if run.training_seed is None else f" seed {run.training_seed}"
    return f"{run.agent}{seed} on {run.environment.rpartition('/')[2]}"
