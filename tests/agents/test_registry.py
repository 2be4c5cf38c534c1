"""Agents that others register."""

import pandas as pd
import pytest
from budgetgym import evaluate, list_agents, make_agent, register_agent
from budgetgym.agents.registry import find_agent, read_value, read_values, split_name
from budgetgym.baselines.traptree.policies import Greedy
from budgetgym.envs import family
from budgetgym.envs.core.resolve import as_problem
from budgetgym.envs.routing.agentic.instances import make_profile
from budgetgym.envs.routing.agentic.problem import AgenticRouting
from budgetgym.envs.routing.logged.problem import LoggedRouting

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


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("always:model=meta/llama:free", ("always", {"model": "meta/llama:free"})),
        ("ppo:path=C:\\a.zip:n_steps=2", ("ppo", {"path": "C:\\a.zip", "n_steps": "2"})),
        ("x:a=http://b:80/?c=d:e", ("x", {"a": "http://b:80/?c=d:e"})),
        ("x:a=:b==", ("x", {"a": "", "b": "="})),
    ],
)
def test_a_setting_begins_where_a_key_follows_on_a_colon(name, parts):
    assert split_name(name) == parts


@pytest.mark.parametrize("name", ["lin:b0", "lin:b0:step=1", "lin:"])
def test_a_colon_without_a_setting_is_refused(name):
    with pytest.raises(ValueError, match="is not a setting; expected KEY=VALUE"):
        split_name(name)


def test_only_plain_decimals_are_read_as_numbers():
    for text in ("1_000", "nan", "0xFF", " 1", "1e", "infinity"):
        assert read_value(text) == text
    assert [read_value(text) for text in ("007", "1e3", "inf", "-2")] == [7, 1000.0, float("inf"), -2]
    read = read_values({"a": "007", "b": "007", "c": "true"}, {"a": "str | None", "b": "int"})
    assert read == {"a": "007", "b": 7, "c": True}


POOL = ("meta/llama:free", "405", "1", "007", "true")


@pytest.mark.parametrize("kind", ["logged", "agentic"])
def test_any_model_of_a_pool_can_be_named(kind):
    """Names come first; what is no name is a number: "1" is the third model, "0" the first."""
    if kind == "logged":
        columns = {f"{what}:{name}": [1.0, 0.5] for name in POOL for what in ("outcome", "cost")}
        problem = LoggedRouting(log=pd.DataFrame({"prompt_chars": [1, 2], **columns}), T=1, split="all", budget=1)
    else:
        profile = make_profile("swe")
        models = [*profile.models, profile.models[-1]]
        renamed = tuple(model.__class__(**{**vars(model), "name": name}) for model, name in zip(models, POOL, strict=True))
        problem = AgenticRouting(instance=profile.__class__(**{**vars(profile), "models": renamed}))
    for number, name in enumerate(POOL):
        assert make_agent(f"always:model={name}", problem).parameters.model == number
    assert make_agent("always:model=0", problem).parameters.model == 0
    assert make_agent("always:model=4", problem).parameters.model == 4
    for wrong in ("5", "1.0", "TRUE", "-1"):
        with pytest.raises(ValueError, match=f"model is '{wrong}'; expected one of 'meta/llama:free', '405'"):
            make_agent(f"always:model={wrong}", problem)
