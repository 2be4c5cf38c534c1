"""Canonical names: records keep them for ever, `names.json` says what each is called in the code now.

Who renames an info entry, an observation, a column or an agent changes the right-hand side of its row there, and no record.
"""

from __future__ import annotations

import json
from pathlib import Path

PATH = Path(__file__).parent / "names.json"
KINDS = ("agents", "columns", "info", "observations", "players")


class UnknownName(LookupError):
    """A name of the code that no canonical name stands for."""


class Names:
    """The map of `names.json`: kind -> canonical name -> current name.

    Args:
        table: the map.
        learn: take up unknown names under themselves, as the rewriting command does.
    """

    def __init__(self, table: dict[str, dict[str, str]], *, learn: bool = False) -> None:
        self.table = {kind: dict(table.get(kind, {})) for kind in KINDS}
        self._canonical = {kind: {now: name for name, now in rows.items()} for kind, rows in self.table.items()}
        for kind, rows in self.table.items():
            if len(self._canonical[kind]) < len(rows):
                raise ValueError(f"names.json: two canonical {kind} have the same current name")
        self._learn = learn
        self._used: dict[str, set[str]] = {kind: set() for kind in KINDS}

    @classmethod
    def load(cls, *, learn: bool = False) -> Names:
        return cls(json.loads(PATH.read_text(encoding="utf-8")) if PATH.exists() else {}, learn=learn)

    def canonical(self, kind: str, now: str) -> str:
        """What a name of the code is called in the records."""
        if now not in self._canonical[kind]:
            if not self._learn:
                raise UnknownName(
                    f"{now!r} is not among the current names of {kind} in tests/golden/names.json. If it is a new name of "
                    "something that was there, write it on the right of its canonical name; if it is new, run "
                    "`python -m tests.golden`, which adds it"
                )
            if now in self.table[kind]:
                raise UnknownName(f"{now!r} of {kind} is the canonical name of {self.table[kind][now]!r}; add a row by hand")
            self.table[kind][now] = self._canonical[kind][now] = now
        self._used[kind].add(self._canonical[kind][now])
        return self._canonical[kind][now]

    def player(self, now: str) -> str:
        """The canonical name of a player of a game; `bidder_3` is called as `bidder` is."""
        name, _, number = now.rpartition("_")
        return f"{self.canonical('players', name)}_{number}" if number.isdigit() else self.canonical("players", now)

    def current(self, kind: str, canonical: str) -> str:
        """What a canonical name is called in the code; itself if it is not in the table yet."""
        name = self.table[kind].get(canonical, canonical)
        self.canonical(kind, name)
        return name

    def text(self, *, everything: bool) -> str:
        """The file, or of it what was asked for since it was read."""
        rows = {
            kind: {name: now for name, now in sorted(rows.items()) if everything or name in self._used[kind]}
            for kind, rows in self.table.items()
        }
        return json.dumps(rows, indent=1) + "\n"
