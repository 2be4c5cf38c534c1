"""Tables that took long to compute, kept on disk."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

LARGEST = 1 << 29
"""Tables above half a GiB are computed anew rather than kept."""


P = TypeVar("P")


class ByKey(Generic[P]):
    """A problem that counts as the same as others with the same `key`, as an argument of what `lru_cache` keeps."""

    def __init__(self, problem: P) -> None:
        self.problem = problem
        self.key: str = cast(Any, problem).key

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ByKey) and self.key == other.key


def cache_directory() -> Path:
    """`$BUDGETGYM_CACHE`, or `budgetgym` in the user's cache directory."""
    if chosen := os.environ.get("BUDGETGYM_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "budgetgym"


def cached_array(compute: Callable[[], NDArray[np.float64]], *key: Any) -> NDArray[np.float64]:
    """What `compute` returns, from disk if it was computed with this `key` before.

    Args:
        compute: makes the array.
        key: everything that the array depends on: arrays, numbers, strings, and the fingerprint of the code.
    """
    path = cache_directory() / f"{_digest(key)}.npy"
    try:
        return np.load(path)
    except (OSError, ValueError, EOFError):  # not there, or a broken file: compute
        pass
    array = compute()
    if array.nbytes <= LARGEST:
        _write(path, array)
    return array


def _digest(key: tuple[Any, ...]) -> str:
    digest = hashlib.sha256()
    for part in key:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.dtype}{part.shape}".encode())
            digest.update(np.ascontiguousarray(part).tobytes())
        else:
            digest.update(repr(part).encode())
    return digest.hexdigest()[:32]


def _write(path: Path, array: NDArray[np.float64]) -> None:
    """Write the whole file or none: another process may read it at any time. A full or read-only disk is no error."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".tmp", delete=False) as file:
            np.save(file, array)
        os.replace(file.name, path)
    except OSError:
        return
