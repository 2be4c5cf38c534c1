"""Finished parts of a comparison, kept on disk so that an interrupted one continues."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..agents.registry import find_class, read_values, split_name, taken_by
from ..envs.core.files import check_folder, checksum, remove_leftovers, write_text, write_whole
from ..envs.core.problem import Problem
from ..envs.core.versions import versions
from .sources import sources_digest


class Store:
    """A folder with a file per finished (agent, budget): its episodes, curves and facts.

    Every file has its checksum, which also covers the key: what was edited, cut short or renamed counts as not there.

    Args:
        folder: made if it does not exist; None keeps nothing.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = None if folder is None else folder / "cells"
        if self._folder is not None:
            check_folder(self._folder)
            remove_leftovers(self._folder)

    @property
    def keeps(self) -> bool:
        """Whether there is a folder."""
        return self._folder is not None

    def load(self, key: str) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]] | None:
        """Episodes, curves and facts that were saved under `key`; None if there are none."""
        if self._folder is None:
            return None
        try:
            tables = [path.read_bytes() for path in self._tables(key)]
        except OSError:  # not finished
            return None
        if (facts := self.load_row(key, *tables)) is None:
            return None
        episodes, curves = (pd.read_parquet(io.BytesIO(table)) for table in tables)
        return episodes, curves, facts

    def save(self, key: str, episodes: pd.DataFrame, curves: pd.DataFrame, facts: dict[str, Any]) -> None:
        """Save a finished part; the facts come last, so a part without them is not finished."""
        if self._folder is None:
            return
        tables = [table.to_parquet(index=False) for table in (episodes, curves)]
        for path, table in zip(self._tables(key), tables, strict=True):
            write_whole(path, lambda file, table=table: file.write(table))
        self.save_row(key, facts, *tables)

    def _tables(self, key: str) -> list[Path]:
        assert self._folder is not None
        return [self._folder / f"{key}.{name}.parquet" for name in ("episodes", "curves")]

    def load_row(self, key: str, *tables: bytes) -> dict[str, Any] | None:
        """A result without episodes, one row of a table, that was saved under `key`; None if there is none."""
        if self._folder is None:
            return None
        try:
            kept = json.loads((self._folder / f"{key}.json").read_bytes())
            row = kept["row"]
            return row if kept["sha256"] == checksum(key, _text(row), *tables) else None
        except (OSError, ValueError, KeyError, TypeError):  # not finished, or a file that was cut short or edited
            return None

    def save_row(self, key: str, row: dict[str, Any], *tables: bytes) -> None:
        """Save a row, as a single file that is there as a whole or not at all."""
        if self._folder is not None:
            kept = {"sha256": checksum(key, _text(row), *tables), "row": row}
            write_text(self._folder / f"{key}.json", json.dumps(kept, indent=1))


def _text(row: dict[str, Any]) -> bytes:
    return json.dumps(row).encode()


def cell_key(problem: Problem, agent: str, episodes: int, seed: int, *further: Any) -> str:
    """Names all that a part's result depends on: the code, the versions of the libraries, the problem and its inputs, the
    agent, the episodes, and whatever is given besides."""
    name, written = split_name(agent)
    agent_class: Any = find_class(name, problem)
    agent_settings = read_values(written, taken_by(agent_class))
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
