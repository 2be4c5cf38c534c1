"""Build hook: the top-level folders of the repository become the package `budgetgym`.

A wheel gets `_budgetgym.py` as `budgetgym/__init__.py` and `_main.py` as `budgetgym/__main__.py`. An editable install gets a
tree of links under `.dev/`, so that runtime, pytest and type checkers see one `budgetgym`, and new files appear at once.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FRONT_DOOR = {
    "_budgetgym.py": "budgetgym/__init__.py",
    "_main.py": "budgetgym/__main__.py",
    "py.typed": "budgetgym/py.typed",
}
SUBPACKAGES = ("envs", "agents", "baselines", "evaluation", "testing")


class CustomBuildHook(BuildHookInterface):
    """Maps the repository to the package, for wheels and for editable installs."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before it collects the files."""
        if version == "editable":
            link_tree(Path(self.root))
        else:
            build_data["force_include"].update(FRONT_DOOR)


def link_tree(root: Path) -> None:
    """Fill `.dev/budgetgym/` with relative links into the repository."""
    package = root / ".dev" / "budgetgym"
    package.mkdir(parents=True, exist_ok=True)
    links = {Path(target).name: source for source, target in FRONT_DOOR.items()} | {name: name for name in SUBPACKAGES}
    for name, source in links.items():
        link = package / name
        if link.is_symlink() or link.exists():
            link.unlink()
        link.symlink_to(os.path.relpath(root / source, package))
