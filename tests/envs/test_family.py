"""The record of a family, and its registry."""

import subprocess
import sys
from pathlib import Path

import budgetgym
import gymnasium as gym
import own_problem
import pytest
from budgetgym.agents.planning.lookahead import Lookahead
from budgetgym.envs import family as module
from budgetgym.envs.core import BudgetedEnv
from budgetgym.envs.core.render import Drawing
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


def test_records_of_wrong_types_are_refused():
    with pytest.raises(TypeError, match="demo is 'one line'; expected a tuple"):
        Family(name="mine", problem=OnlineKnapsack, demo="one line")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"agents is .*; expected names or ids with a budgetgym.Agent"):
        Family(name="mine", problem=OnlineKnapsack, agents={"a": OnlineKnapsack})  # type: ignore[dict-item]
    with pytest.raises(TypeError, match="problem is 3; expected the class"):
        Family(name="mine", problem=3)
    with pytest.raises(gym.error.Error, match="Malformed environment ID"):
        Family(name="mine", problem=OnlineKnapsack, environments={"no id!": budgetgym.Environment(OnlineKnapsack)})
    with pytest.raises(ValueError, match="agent is <function"):
        budgetgym.register_agent("mine", "traptree", find_family, "a function")


def test_an_id_of_gymnasium_is_not_taken_over(own_registry):
    taken = {"CartPole-v1": budgetgym.Environment(OnlineKnapsack)}
    with pytest.raises(ValueError, match="id 'CartPole-v1' is registered with Gymnasium already"):
        budgetgym.register_family(Family(name="mine", problem=OnlineKnapsack, environments=taken))
    assert "mine" not in [family.name for family in families()]


def with_lookahead(policy):
    class Mine(OnlineKnapsack):
        """With planners of its own."""

    budgetgym.register_family(Family(name="mine", problem=Mine, lookahead=Lookahead(policy)), replace=True)
    return Mine()


@pytest.mark.parametrize(
    ("policy", "message"),
    [("nope", "no agent 'nope'"), ("flare", "neither learns nor plans"), ("ppo", "neither learns nor plans")],
)
def test_what_planners_cant_improve_on_is_named(own_registry, policy, message):
    problem = with_lookahead(policy)
    assert "flare" not in budgetgym.list_agents(problem)
    with pytest.raises(ValueError, match=message):
        budgetgym.make_agent("flare", problem)


def test_a_broken_agent_does_not_hide_the_others(own_registry):
    budgetgym.register_agent("broken", "traptree", "nowhere:Nobody", "is not there")
    assert "greedy" in budgetgym.list_agents("budgetgym/TrapTree-v0")
    assert "broken" not in budgetgym.list_agents("budgetgym/TrapTree-v0")


def test_a_family_draws_itself(own_registry):
    class Mine(OnlineKnapsack):
        """With a picture."""

    class Mark(Drawing):
        """A black box."""

        def draw(self, view, canvas, box):
            canvas.rectangle(box, (0, 0, 0))

    budgetgym.register_family(Family(name="mine", problem=Mine, drawing=Mark()))
    env = BudgetedEnv(Mine, render_mode="rgb_array")
    env.reset(seed=0)
    frame = env.render()
    assert frame[frame.shape[0] // 2, frame.shape[1] // 2].tolist() == [0, 0, 0]


PROMPT = """
import sys; sys.path.insert(0, {folder!r})
import budgetgym, own_problem
class Mine(own_problem.OnlineKnapsack):
    pass
ids = {{"mine/Mine-v0": budgetgym.Environment(Mine)}}
budgetgym.register_family(budgetgym.Family(name="mine", problem=Mine, environments=ids))
print(budgetgym.compare("mine/Mine-v0", ["random"], episodes=5)["episodes"].tolist())
try:
    budgetgym.compare("mine/Mine-v0", ["random"], episodes=5, out={out!r})
except ValueError as error:
    print(error)
"""


def test_at_a_prompt_comparisons_work_and_results_are_not_kept(tmp_path):
    code = PROMPT.format(folder=str(Path(own_problem.__file__).parent), out=str(tmp_path))
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "[5]" in ran.stdout, ran.stderr
    assert "can't be kept; put them into a module" in ran.stdout
