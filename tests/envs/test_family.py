"""The record of a family, and its registry."""

import subprocess
import sys

import budgetgym
import gymnasium as gym
import pytest
from budgetgym.envs import family as module
from budgetgym.envs.family import Family, environments, families, family_of, find_family
from budgetgym.testing import check_family
from ours import FAMILIES
from own_problem import FAMILY, OnlineKnapsack
from toys import Painter

NAMES = [family.name for family in FAMILIES]


@pytest.fixture
def own_registry(monkeypatch):
    """Leaves the registry as it was."""
    monkeypatch.setattr(module, "_families", dict(module._families))
    monkeypatch.setattr(module, "_added", {name: dict(agents) for name, agents in module._added.items()})


@pytest.mark.parametrize("name", NAMES)
def test_every_family_keeps_the_contract(name):
    check_family(name, episodes=0, documentation=True)


def test_importing_the_suite_imports_no_numerics():
    code = "import sys, budgetgym; print([m for m in ('numba', 'torch', 'scipy', 'pandas') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_a_subclass_belongs_to_the_family_and_a_stranger_to_none():
    assert family_of(OnlineKnapsack()) is FAMILY
    assert family_of(type("Mine", (OnlineKnapsack,), {})) is FAMILY
    stranger = family_of(Painter())
    assert (stranger.name, stranger.problem, stranger.oracle) == ("Painter", Painter, None)
    assert stranger.name not in [family.name for family in families()]


def test_a_class_in_a_notebook_is_enough_and_a_cell_may_run_again(own_registry):
    class Mine(OnlineKnapsack):
        """Nowhere to be imported from."""

    record = Family(name="mine", problem=Mine, environments={"mine/Mine-v0": budgetgym.Environment(Mine, {"horizon": 7})})
    budgetgym.register_family(record)
    assert gym.make("mine/Mine-v0").unwrapped.problem.horizon == 7  # type: ignore[attr-defined]
    assert "ppo" in budgetgym.list_agents("mine/Mine-v0")
    with pytest.raises(ValueError, match="family 'mine' is registered already; replace=True"):
        budgetgym.register_family(record)
    budgetgym.register_family(Family(name="mine", problem=Mine), replace=True)
    assert "mine/Mine-v0" not in environments()
    assert "mine/Mine-v0" not in gym.registry


def test_what_cant_be_registered(own_registry):
    with pytest.raises(ValueError, match="name is 'my family'; expected letters"):
        Family(name="my family", problem=OnlineKnapsack)
    with pytest.raises(ValueError, match="oracle is 'nowhere'; expected an object, or where it is"):
        Family(name="mine", problem=OnlineKnapsack, oracle="nowhere")
    taken = {"budgetgym/TrapTree-v0": budgetgym.Environment(OnlineKnapsack)}
    with pytest.raises(ValueError, match="id 'budgetgym/TrapTree-v0' belongs to the family 'traptree'"):
        budgetgym.register_family(Family(name="mine", problem=OnlineKnapsack, environments=taken))
    with pytest.raises(ValueError, match="family is 'biding'; did you mean 'bidding'"):
        find_family("biding")
