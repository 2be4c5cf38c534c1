"""Independent tasks in processes of their own, one thread each; what one of them breaks, the others don't notice."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import threading
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")

ONE_THREAD: dict[str, str] = dict.fromkeys(
    ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)
"""Sums in several threads have another order, and so other last digits: a result must not depend on the machine's cores."""


class Failure(NamedTuple):
    """A task that did not end well."""

    error: str
    """One line."""
    traceback: str


def each_in_processes(
    function: Callable[[T], Any],
    tasks: Sequence[T],
    workers: int = 1,
    imports: Sequence[str] = (),
    begun: Callable[[T], None] = lambda task: None,
) -> Generator[tuple[T, Any], None, None]:
    """Call `function` on every task in fresh processes, and yield (task, result or `Failure`) as they end.

    Processes are ended when the iterator is closed, and when this process dies, however it dies.

    Args:
        function: defined in a module; it and tasks and results can be pickled.
        tasks: are begun in this order.
        workers: processes side by side.
        imports: modules that every process imports first.
        begun: called when a task begins.
    """
    waiting = deque(tasks)
    idle: list[tuple[Connection, BaseProcess]] = []
    busy: dict[Any, tuple[BaseProcess, T]] = {}
    try:
        while waiting or busy:
            while waiting and len(busy) < workers:
                link, process = idle.pop() if idle else _start(function, imports)
                task = waiting.popleft()
                busy[link] = process, task
                with suppress(OSError):  # it has died already, which we notice below
                    link.send(task)
                begun(task)
            for link in wait(list(busy)):
                process, task = busy.pop(link)
                yield task, _received(link, process, idle)
    finally:
        for link, process in idle:
            link.close()  # it ends on its own, and leaves nothing behind
            process.join()
        for process, _ in busy.values():
            process.terminate()
        for process, _ in busy.values():
            process.join()


def _received(link: Any, process: BaseProcess, idle: list[tuple[Connection, BaseProcess]]) -> Any:
    try:
        result = link.recv()
    except (EOFError, OSError):
        process.join()
        return Failure(f"its process ended with exit code {process.exitcode}", "")
    idle.append((link, process))
    return result


def _start(function: Callable[[Any], Any], imports: Sequence[str]) -> tuple[Connection, BaseProcess]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, function, tuple(imports)), daemon=True)
    with _with_one_thread(), _without_interrupts():
        process.start()
    theirs.close()  # so that we see it end when the process does
    return ours, process


@contextmanager
def _with_one_thread() -> Iterator[None]:
    """Processes that are started have one thread each; libraries look at this when they are loaded."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(ONE_THREAD)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Processes that are started ignore Ctrl-C, which reaches all of a terminal's: we end them ourselves."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _serve(link: Connection, function: Callable[[Any], Any], imports: Sequence[str]) -> None:
    """The life of a process: task in, result out, until the other end closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    for module in imports:
        importlib.import_module(module)
    while True:
        try:
            task = link.recv()
        except EOFError:
            return
        try:
            result = function(task)
        except Exception as error:
            result = Failure(f"{type(error).__name__}: {error}", traceback.format_exc())
        link.send(result)


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
