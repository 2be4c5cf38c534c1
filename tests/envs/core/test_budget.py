import gymnasium as gym
import numpy as np
import pytest
from budgetgym import Budget
from budgetgym.envs.core.budget import as_budget
from own_problem import OnlineKnapsack
from toys import Painter


@pytest.mark.parametrize("value", [-1.0, float("nan"), (1.0, float("inf")), (3.0, 1.0), "much", None, (1, 2, 3)])
def test_an_amount_that_cannot_be_meant_names_the_resource_and_the_value(value):
    with pytest.raises(ValueError, match="'money'"):
        as_budget(value, ("money",))


def test_resources_must_be_the_problems_own():
    with pytest.raises(ValueError, match=r"\['gold'\].*\['red', 'blue'\]|gold.*blue.*red"):
        as_budget({"gold": 1.0}, ("red", "blue"))
    with pytest.raises(ValueError, match="several resources"):
        as_budget(3.0, ("red", "blue"))
    with pytest.raises(ValueError, match="log range needs low > 0"):
        Budget({"money": (0.0, 2.0)}, log=True)


def test_budgets_are_drawn_from_their_range():
    batch = gym.make_vec("budgetgym/RealTimeBidding-v0", num_envs=2000, budget=(100.0, 300.0))
    _, info = batch.reset(seed=0)
    assert (info["remaining"] >= 100).all()
    assert (info["remaining"] <= 300).all()
    assert info["remaining"].mean() == pytest.approx(200, abs=5)
    _, info = gym.make_vec("budgetgym/RealTimeBidding-v0", num_envs=2000, budget=Budget({"money": (1, 100)}, log=True)).reset(
        seed=0
    )
    assert np.median(info["remaining"]) == pytest.approx(10, rel=0.1)


def test_a_reset_can_set_the_budget_of_its_episode():
    env = gym.make("budgetgym/RealTimeBidding-v0", budget=100.0, T=2)
    _, info = env.reset(seed=0, options={"budget": 7.0})
    assert info["remaining"] == 7.0
    _, info = env.reset()
    assert info["remaining"] == 100.0
    for bad in (-1.0, float("nan"), [1.0, 2.0], "3", True, 10**400):
        with pytest.raises(ValueError, match="budget"):
            env.reset(options={"budget": bad})
    with pytest.raises(ValueError, match="'bugdet' is not known"):
        env.reset(options={"bugdet": 3.0})


def test_several_resources():
    envs = gym.make_vec("test/Painter-v0", num_envs=3) if "test/Painter-v0" in gym.registry else None
    from budgetgym.envs.core import BudgetedVectorEnv

    envs = envs or BudgetedVectorEnv(Painter, 3)
    _, info = envs.reset(seed=1, options={"budget": {"red": [1.0, 2.0, 3.0], "blue": 0.5}})
    assert info["remaining"].tolist() == [[1.0, 0.5], [2.0, 0.5], [3.0, 0.5]]
    with pytest.raises(ValueError, match="blue"):
        envs.reset(options={"budget": {"red": 1.0}})


def test_the_observation_tells_size_and_shares():
    from budgetgym.envs.core import BudgetedEnv

    env = BudgetedEnv(Painter, observation_dtype="float64")
    assert env.problem.observation_names == (
        "hits",
        "parity[0]",
        "red_size",
        "blue_size",
        "red_remaining",
        "blue_remaining",
        "time_remaining",
    )
    env.reset(seed=0, options={"budget": {"red": 10.0, "blue": 5.0}})
    observation, *_ = env.step(np.array([2.0, 0.5, 0.0]))
    assert observation[2:].tolist() == [0.5, 0.5, 0.8, 0.9, 1 - 1 / 12]


def test_budget_aware_false_removes_budget_and_time():
    problem = OnlineKnapsack(budget_aware=False)
    assert problem.observation_names == ("value", "weight")
    assert problem.replace(budget_aware=True).observation_names[-1] == "time_remaining"
