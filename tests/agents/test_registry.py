"""Agents that others register."""

import pytest
from budgetgym import evaluate, list_agents, make_agent, register_agent
from budgetgym.agents.registry import find_agent
from budgetgym.baselines.traptree.policies import Greedy
from budgetgym.envs import family
from budgetgym.envs.core.resolve import as_problem

ID = "budgetgym/TrapTree-v0"


@pytest.fixture
def own_registry(monkeypatch):
    """Leaves the registry as it was."""
    monkeypatch.setattr(family, "_families", dict(family._families))
    monkeypatch.setattr(family, "_added", {name: dict(agents) for name, agents in family._added.items()})


@pytest.mark.parametrize("agent", [Greedy, "budgetgym.baselines.traptree.policies:Greedy"])
def test_a_registered_agent_is_known_by_name(own_registry, agent):
    register_agent("mine", "traptree", agent, "mine", learns=True)
    assert "mine" in list_agents(ID)
    assert find_agent("mine", as_problem(ID)).learns
    assert not find_agent("greedy", as_problem(ID)).learns
    found = evaluate(make_agent("mine", ID), ID, 20).episodes
    assert found.equals(evaluate(make_agent("greedy", ID), ID, 20).episodes)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("greedy", "traptree", Greedy, ""), "name is 'greedy', which is taken in traptree"),
        (("mine", "traptre", Greedy, ""), "family is 'traptre'; did you mean 'traptree'"),
        (("mi:ne", "traptree", Greedy, ""), "name is 'mi:ne'; expected letters"),
        (("mine", "traptree", "Greedy", ""), "agent is 'Greedy'; expected an object"),
    ],
)
def test_what_cant_be_registered(own_registry, arguments, message):
    with pytest.raises(ValueError, match=message):
        register_agent(*arguments)
