"""Agents that others register."""

import pytest
from budgetgym import evaluate, list_agents, make_agent, register_agent
from budgetgym.agents import registry
from budgetgym.baselines.traptree.policies import Greedy

ID = "budgetgym/TrapTree-v0"


@pytest.fixture
def own_registry(monkeypatch):
    monkeypatch.setattr(registry, "AGENTS", {family: dict(agents) for family, agents in registry.AGENTS.items()})
    monkeypatch.setattr(registry, "_REGISTERED_LEARNERS", set())


@pytest.mark.parametrize("agent", [Greedy, "budgetgym.baselines.traptree.policies:Greedy"])
def test_a_registered_agent_is_known_by_name(own_registry, agent):
    register_agent("mine", "TrapTree", agent, "mine", learns=True)
    assert "mine" in list_agents(ID)
    assert registry.learns("mine")
    assert not registry.learns("greedy")
    assert registry.learns("ppo")
    found = evaluate(make_agent("mine", ID), ID, 20).episodes
    assert found.equals(evaluate(make_agent("greedy", ID), ID, 20).episodes)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("greedy", "TrapTree", Greedy, ""), "name is 'greedy', which is taken in TrapTree"),
        (("mine", "TrapTre", Greedy, ""), "family is 'TrapTre'; did you mean 'TrapTree'"),
        (("mi:ne", "TrapTree", Greedy, ""), "name is 'mi:ne'; expected letters"),
        (("mine", "TrapTree", "Greedy", ""), "agent is 'Greedy'; expected a class"),
    ],
)
def test_what_cant_be_registered(own_registry, arguments, message):
    with pytest.raises(ValueError, match=message):
        register_agent(*arguments)
