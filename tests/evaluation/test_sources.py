"""What kept results depend on."""

import re

import pytest
from budgetgym.agents.registry import find_class
from budgetgym.envs.core.resolve import as_problem
from budgetgym.envs.family import family_of
from budgetgym.evaluation import sources
from ours import FIRST_IDS, IDS


@pytest.mark.parametrize("id", FIRST_IDS)
def test_a_family_does_not_depend_on_the_others(id):
    """So that to edit one leaves the kept results of all others valid."""
    problem = as_problem(id)
    names = {cls.__module__ for cls in type(problem).__mro__}
    found = sources.reachable({*sources.PLAYS, *names, *sources._named(family_of(problem))})
    ours = [path for path in found if path.is_relative_to(sources.PACKAGE)]  # others' agents may be registered
    files = {path.relative_to(sources.PACKAGE).as_posix() for path in ours}
    folders = {re.match(r"(?:envs|baselines|agents)/(\w+)/", path) for path in files}
    found = {match.group(1) for match in folders if match}
    assert found <= {"core", "learning", "planning", "group_policy", type(problem).__module__.split(".")[2]}
    assert f"envs/{type(problem).__module__.split('.')[2]}/" in " ".join(files)


def test_what_shows_results_does_not_count_and_what_plays_does(monkeypatch):
    problem = as_problem("budgetgym/TrapTree-v0")
    agent = find_class("greedy", problem)
    before = sources.sources_digest(problem, agent)  # type: ignore[arg-type]
    real = sources._digest

    def edited(path):
        return lambda other: b"other" if other == sources.PACKAGE / path else real(other)

    for path, counts in (
        ("evaluation/report.py", False),
        ("evaluation/table.py", False),
        ("evaluation/play.py", True),
        ("envs/core/loops.py", True),
        ("envs/traptree/kernels.py", True),
        ("agents/planning/flare.py", False),
        ("agents/traptree/lookahead.py", True),
        ("envs/bidding/kernels.py", False),
    ):
        monkeypatch.setattr(sources, "_digest", edited(path))
        assert (sources.sources_digest(problem, agent) != before) == counts, path  # type: ignore[arg-type]


def test_all_ids_have_a_family():
    assert all(family_of(as_problem(id)).name != type(as_problem(id)).__name__ for id in IDS)
