"""Files that are there as a whole or not at all: the one way in which the package writes."""

from __future__ import annotations

import glob
import hashlib
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows, where a file that somebody writes can't be deleted anyway
    fcntl = None


def write_whole(path: str | Path, write: Callable[[BinaryIO], object]) -> None:
    """Let `write` write a file beside `path`, and put it in place when it is complete and on the disk.

    Whoever is killed, or has a full disk, leaves the file that was there before. What somebody who was killed left beside this
    file is deleted.

    Args:
        path: of the file; missing folders are made.
        write: is called with the file, open for writing and reading bytes.

    Raises:
        OSError: it can't be written; names the path.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(path.parent, f".{path.name}.*.tmp")
        temporary, file = _open_beside(path)
        try:
            with file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise _named(error, f"{path} can't be written, and is as it was: {error.strerror or error}") from error


def write_text(path: str | Path, text: str) -> None:
    """`write_whole` for a text, in UTF-8."""
    write_whole(path, lambda file: file.write(text.encode("utf-8")))


def check_writable(path: str | Path) -> None:
    """Find out before hours of work whether a file could be written; leaves nothing behind but missing folders.

    Raises:
        OSError: it could not: a folder is there, or no file can be made beside it.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; expected the path of a file")
    _try(path.parent, path)


def check_folder(folder: str | Path) -> None:
    """The same for files in a folder, which is made if it does not exist.

    Raises:
        OSError: no file can be made in it, or it is a file.
    """
    _try(Path(folder), Path(folder))


def _try(folder: Path, asked: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        temporary, file = _open_beside(folder / "budgetgym")
        file.close()
        temporary.unlink()
    except OSError as error:
        raise _named(error, f"{asked} can't be written: {error.strerror or error}") from error


def _named(error: OSError, message: str) -> OSError:
    """The same kind of error with a message of ours."""
    named = type(error)(message)
    named.errno = error.errno
    return named


def remove_leftovers(folder: Path, pattern: str = "*.tmp") -> None:
    """Delete the temporary files in a folder that nobody is writing any more.

    Args:
        folder: where they are.
        pattern: of their names; everything in it but * is meant literally.
    """
    for name in glob.glob(glob.escape(str(folder / pattern)).replace("[*]", "*"), include_hidden=True):
        with suppress(OSError), open(name, "rb") as file:  # gone, in use, or not ours to delete
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # who writes holds it, until the process ends
            os.unlink(name)


def _open_beside(path: Path) -> tuple[Path, BinaryIO]:
    """A new temporary file in the same folder, that only this process writes."""
    while True:
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
        file = open(temporary, "x+b")  # noqa: SIM115  the caller closes it
        if fcntl is not None:
            with suppress(OSError):  # a file system without locks
                fcntl.flock(file, fcntl.LOCK_EX)
        if temporary.exists():
            return temporary, file
        file.close()  # taken for a leftover before it was locked


def checksum(key: str, *contents: bytes) -> str:
    """SHA-256 of contents under the name that they are kept by, so that neither can be exchanged unnoticed."""
    digest = hashlib.sha256(key.encode())
    for content in contents:
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()
