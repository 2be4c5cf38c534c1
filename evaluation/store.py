"""Finished parts of a comparison, kept on disk so that an interrupted one continues."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..agents.registry import find_class, split_name
from ..envs.core.problem import Problem
from .provenance import versions
from .sources import sources_digest


class Store:
    """A folder with a file per finished (agent, budget): its episodes, curves and facts.

    Args:
        folder: made if it does not exist; None keeps nothing.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = None if folder is None else folder / "cells"
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)

    @property
    def keeps(self) -> bool:
        """Whether there is a folder."""
        return self._folder is not None

    def load(self, key: str) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]] | None:
        """Episodes, curves and facts that were saved under `key`; None if there are none."""
        if self._folder is None:
            return None
        try:
            facts = json.loads((self._folder / f"{key}.json").read_text())
            episodes = pd.read_parquet(self._folder / f"{key}.episodes.parquet")
            return episodes, pd.read_parquet(self._folder / f"{key}.curves.parquet"), facts
        except (OSError, ValueError):  # not finished, or a file that was cut short: play it
            return None

    def save(self, key: str, episodes: pd.DataFrame, curves: pd.DataFrame, facts: dict[str, Any]) -> None:
        """Save a finished part; the facts come last, so a part without them is not finished."""
        if self._folder is None:
            return
        episodes.to_parquet(self._folder / f"{key}.episodes.parquet", index=False)
        curves.to_parquet(self._folder / f"{key}.curves.parquet", index=False)
        write_whole(self._folder / f"{key}.json", lambda path: path.write_text(json.dumps(facts, indent=1)))

    def load_row(self, key: str) -> dict[str, Any] | None:
        """A result without episodes, one row of a table, that was saved under `key`; None if there is none."""
        if self._folder is None:
            return None
        try:
            return json.loads((self._folder / f"{key}.json").read_text())
        except (OSError, ValueError):
            return None

    def save_row(self, key: str, row: dict[str, Any]) -> None:
        """Save a row, as a single file that is there as a whole or not at all."""
        if self._folder is not None:
            write_whole(self._folder / f"{key}.json", lambda path: path.write_text(json.dumps(row, indent=1)))


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` write a file, and put it in place only when it is complete."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".tmp")
    os.close(handle)
    temporary = Path(name)
    try:
        write(temporary)
        temporary.chmod(0o644)  # mkstemp makes files that nobody else can read
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def cell_key(problem: Problem, agent: str, episodes: int, seed: int, *further: Any) -> str:
    """Names all that a part's result depends on: the code, the versions of the libraries, the problem and its inputs, the
    agent, the episodes, and whatever is given besides."""
    name, agent_settings = split_name(agent)
    agent_class: Any = find_class(name, problem)
    digest = hashlib.sha256(sources_digest(problem, agent_class))
    for part in (versions(), type(problem).__qualname__, problem.max_episode_steps, name, episodes, seed, *further):
        digest.update(repr(part).encode())
    for settings in (problem.settings, agent_settings):
        for key, value in sorted(settings.items()):
            digest.update(key.encode() + b"=" + _content(value))
    return f"{name}-{digest.hexdigest()[:20]}"


def _content(value: Any) -> bytes:
    """What a setting stands for: the bytes of a file or an array, otherwise its text."""
    if isinstance(value, str | Path) and len(str(value)) < 4096:
        for path in (Path(value), Path(f"{value}.zip")):  # saved agents may be named without their suffix
            if path.is_file():
                return hashlib.sha256(path.read_bytes()).digest()
    if isinstance(value, np.ndarray):
        return hashlib.sha256(np.ascontiguousarray(value).tobytes()).digest()
    if isinstance(value, pd.DataFrame):
        return hashlib.sha256(value.to_csv().encode()).digest()
    if dataclasses.is_dataclass(value):
        return b"".join(_content(getattr(value, field.name)) for field in dataclasses.fields(value))
    return repr(value).encode()
