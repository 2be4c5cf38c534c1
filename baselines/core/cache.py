"""Tables that took long to compute, kept on disk."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Generic, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from ...envs.core.files import remove_leftovers, write_whole

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


def cache_directory() -> Path | None:
    """`$BUDGETGYM_CACHE`, or `budgetgym` in the user's cache directory; None for a user who has no home."""
    if chosen := os.environ.get("BUDGETGYM_CACHE"):
        return Path(chosen)
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "budgetgym"
    except RuntimeError:  # a container's user without an entry in /etc/passwd
        return None


def cached_array(compute: Callable[[], NDArray[np.float64]], *key: Any) -> NDArray[np.float64]:
    """What `compute` returns, from disk if it was computed with this `key` before.

    Args:
        compute: makes the array.
        key: everything that the array depends on: arrays, numbers, strings, and the fingerprint of the code.
    """
    if (folder := cache_directory()) is None:
        return compute()
    path = folder / f"{_digest(key)}.table"
    if (kept := _read(path)) is not None:
        return kept
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


def _read(path: Path) -> NDArray[np.float64] | None:
    """What `_write` wrote; None if there is no file, or one that is not as it was written under this name."""
    try:
        with path.open("rb") as file:
            sound = file.read(hashlib.sha256().digest_size) == _checksum(path, file)
            file.seek(hashlib.sha256().digest_size)
            return np.load(file) if sound else None
    except OSError:
        return None


def _write(path: Path, array: NDArray[np.float64]) -> None:
    """A checksum, then the array as NumPy saves it. A full or read-only disk is no error."""

    def write(file: BinaryIO) -> None:
        file.write(bytes(hashlib.sha256().digest_size))
        np.save(file, array)
        file.seek(hashlib.sha256().digest_size)
        found = _checksum(path, file)
        file.seek(0)
        file.write(found)

    with suppress(OSError):
        write_whole(path, write)
        remove_leftovers(path.parent)


def _checksum(path: Path, file: BinaryIO) -> bytes:
    """SHA-256 of the rest of the file, under the name that it is kept by."""
    return hashlib.file_digest(cast(Any, file), lambda: hashlib.sha256(path.stem.encode())).digest()
