"""`list_agents` is right: what it lists can be made, and what it leaves out can't."""

import gymnasium as gym
import pytest
from budgetgym import list_agents, make_agent
from budgetgym.agents.registry import known_agents
from budgetgym.envs.core.resolve import make_problem
from budgetgym.envs.family import family_of, resolve
from ours import IDS
from variants import VARIANTS

SLOW = {
    "bidding": {"lin", "rlb_nn"},
    "workflow": {"mcpp"},
    "routing": {"belief"},
    "steering": {"threshold", "lagrangian", "optimal", "flare", "one_step", "beam", "mds", "bavt"},
    "restless": {"optimal", "whittle"},
}
"""By family, what takes more than a second to be made."""


def problem_of(id, settings):
    registered = dict(gym.spec(id).kwargs)
    return make_problem(registered.pop("problem"), {**registered, **settings})


@pytest.mark.parametrize(("id", "settings"), VARIANTS, ids=str)
def test_what_is_listed_can_be_made_and_nothing_else(id, settings):
    problem = problem_of(id, settings)
    listed = set(list_agents(problem))
    for name, agent in known_agents(problem).items():
        slow = agent.learns or name in SLOW.get(family_of(problem).name, ())
        if name not in listed:
            with pytest.raises(ValueError):
                make_agent(name, problem)
        elif not slow:
            make_agent(name, problem)


@pytest.mark.parametrize("id", sorted(IDS))
def test_other_families_are_refused_alike(id):
    problem = problem_of(id, {})
    other = problem_of("budgetgym/TrapTree-v0" if "TrapTree" not in id else "budgetgym/WorkflowRouting-v0", {})
    for name, agent in known_agents(problem).items():
        if name in family_of(problem).agents:
            with pytest.raises(ValueError, match=rf"{name} serves \w+, not {type(other).__name__}"):
                resolve(agent.path)(other)
