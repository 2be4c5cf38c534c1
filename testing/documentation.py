"""The docstring of a problem: its sections, and its tables against the spaces and the settings."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

from ..envs.core.problem import Problem
from .contract import require

SECTIONS = (
    "Description",
    "Action Space",
    "Observation Space",
    "Rewards",
    "Budget",
    "Starting State",
    "Episode End",
    "Arguments",
    "Instances",
    "Exact optimum",
    "References",
    "Version History",
)


def check_documentation(problem: Problem) -> None:
    """Check that the docstring of the problem's class has all sections, and that its tables agree with the problem.

    The table of the section Observation Space lists the entries of the problem as it is, one row each or `| 0..3 | x[0..3] |`
    for several; every argument stands in the section Arguments.

    Raises:
        ContractError: a section is missing, or a table disagrees.
    """
    text = inspect.cleandoc(type(problem).__doc__ or "")
    missing = [name for name in SECTIONS if f"## {name}\n" not in f"{text}\n"]
    require(not missing, problem, f"its docstring lacks the sections {missing}; expected {', '.join(SECTIONS)}")
    rows, entries = list(observation_rows(text)), list(enumerate(problem.observation_names))
    wrong = [entry for entry in entries if entry not in rows] + [row for row in rows if row not in entries]
    require(not wrong, problem, f"the docstring's observation table and the observation differ at {wrong[:4]}")
    arguments = section(text, "Arguments")
    unnamed = [name for name in problem.setting_names() if not re.search(rf"\b{name}\b", arguments)]
    require(not unnamed, problem, f"the docstring's section Arguments lacks {unnamed}")


def section(text: str, name: str) -> str:
    """The text of one section."""
    return text.partition(f"## {name}\n")[2].partition("\n## ")[0]


def observation_rows(text: str) -> Iterator[tuple[int, str]]:
    """(index, name) of every entry in the first table of the section Observation Space."""
    table = section(text, "Observation Space")
    for first, last, name in re.findall(r"^\| (\d+)(?:\.\.(\d+))? \| (\S+) \|", table, flags=re.MULTILINE):
        for k in range(int(first), int(last or first) + 1):
            yield k, re.sub(r"\[.*\]", f"[{k - int(first)}]", name) if last else name
