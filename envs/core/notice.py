"""Says on standard error that code is being compiled: the first use of a family takes a while, and would do so in silence."""

from __future__ import annotations

import multiprocessing
import sys
from functools import cache
from threading import Timer
from typing import Any

from numba.core import event
from numba.core.dispatcher import Dispatcher

PATIENCE = 1.0
"""Seconds after which a compilation is worth a line."""

SHARED = ("core", "learning", "planning", "group_policy")
"""Folders of code that is made for the kernels of all families."""


class CompilationNotice(event.Listener):
    """Prints one line per family when compiling something of it takes long. What is found in the cache is not compiled.

    Worker processes keep silent: they compile what the first process did not need.
    """

    def __init__(self) -> None:
        self._depth = 0
        self._said: set[str] = set()
        self._timer: Timer | None = None

    def on_start(self, event: Any) -> None:
        """A compilation begins; those within it are part of it."""
        self._depth += 1
        name = family_in(event.data["dispatcher"].py_func)
        if self._depth == 1 and name is not None and name not in self._said:
            self._timer = Timer(PATIENCE, self._say, [name])
            self._timer.daemon = True
            self._timer.start()

    def on_end(self, event: Any) -> None:
        """A compilation has ended."""
        self._depth -= 1
        if self._depth == 0 and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _say(self, name: str) -> None:
        self._said.add(name)
        print(f"budgetgym: compiling {name}, once; the first use takes 10 to 40 s", file=sys.stderr, flush=True)


def family_in(function: Any) -> str | None:
    """The family that a compiled function belongs to: the folder that it, or what it is made from, stands in.

    None for other people's functions, and for those of the core that are made from nothing else.
    """
    package, *parts = (function.__module__ or "").split(".")
    if package != "budgetgym":
        return None
    if len(parts) > 2 and parts[1] not in SHARED:
        return parts[1]
    for cell in function.__closure__ or ():
        if isinstance(cell.cell_contents, Dispatcher):
            made_from = cell.cell_contents.py_func
            if not (made_from.__module__ or "").startswith("budgetgym."):
                return (made_from.__module__ or "a prompt").partition(".")[0]
            if (name := family_in(made_from)) is not None:
                return name
    return None


@cache
def announce_compilation() -> None:
    """From now on, say when something is compiled; a second call changes nothing."""
    if multiprocessing.parent_process() is None:
        event.register("numba:compile", CompilationNotice())
