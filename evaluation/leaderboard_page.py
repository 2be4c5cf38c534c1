"""The leaderboard as Markdown."""

from __future__ import annotations

from pathlib import Path

import pandas as pd


def write_page(table: pd.DataFrame, folder: Path) -> tuple[Path, Path | None]:
    """Write `leaderboard.md`."""
    (folder / "leaderboard.md").write_text(table.drop(columns="resampled_shares").to_string())
    return folder / "leaderboard.md", None
