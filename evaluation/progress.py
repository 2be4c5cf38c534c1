"""Progress of a comparison as a bar on standard error."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from .compare import Progress

console = Console(stderr=True)


class BarProgress(Progress):
    """A bar for the episodes of the part that is being played; a line for every finished part where nobody watches."""

    def __init__(self) -> None:
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
        self._bars = Bars(*columns, console=console, transient=True)
        self._task = self._bars.add_task("", total=None)
        self._label = ""

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bars.stop()

    def begin(self, label: str, episodes: int) -> None:
        """A part begins."""
        self._label = label
        self._bars.reset(self._task, total=episodes or None, description=label)

    def advance(self, episodes: int) -> None:
        """So many of its episodes were just finished."""
        self._bars.advance(self._task, episodes)

    def end(self, loaded: bool) -> None:
        """The part is done."""
        if not console.is_terminal:
            console.print(f"{self._label}: {'kept from before' if loaded else 'done'}", markup=False, highlight=False)
