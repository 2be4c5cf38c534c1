import copy
import inspect
import pickle
import re

import budgetgym
import gymnasium as gym
import numpy as np
import pytest
from budgetgym.envs.core import BudgetedEnv, BudgetedVectorEnv
from gymnasium.utils.env_checker import check_env
from ours import IDS
from own_problem import OnlineKnapsack
from stable_baselines3.common.env_checker import check_env as sb3_check_env
from toys import Painter
from variants import ROUTING, VARIANTS


# A bid is money in 0..300: both checkers would like actions scaled, as `BidPacing-v0` has them.
@pytest.mark.filterwarnings("ignore:.*symmetric and normalized")
@pytest.mark.parametrize(("id", "settings"), VARIANTS, ids=str)
def test_gymnasium_and_sb3_accept_it(id, settings):
    env = gym.make(id, **settings)
    check_env(env.unwrapped)
    sb3_check_env(env)


def test_every_environment_is_among_the_variants():
    assert {id for id, _ in VARIANTS} == set(IDS)


@pytest.mark.filterwarnings("ignore:.*symmetric and normalized")
@pytest.mark.parametrize("problem", [Painter, OnlineKnapsack])
def test_third_party_problems_pass_the_checker(problem):
    check_env(BudgetedEnv(problem), skip_render_check=True)


@pytest.mark.parametrize("id", IDS)
def test_the_spec_survives_json_and_pickle(id):
    env = gym.make(id, budget=500.0)
    again = gym.make(gym.envs.registration.EnvSpec.from_json(env.spec.to_json()))  # type: ignore[union-attr]
    assert again.unwrapped.problem.budget == env.unwrapped.problem.budget  # type: ignore[attr-defined]
    assert pickle.loads(pickle.dumps(env.spec)) == env.spec
    assert gym.make(f"budgetgym:{id}").spec is not None


def test_reset_starts_over_with_a_seed_and_goes_on_without():
    env = BudgetedEnv(OnlineKnapsack)

    def episode(**settings):
        observations = [env.reset(**settings)[0]]
        observations += [env.step(k % 2)[0] for k in range(10)]
        return np.array(observations)

    first, second = episode(seed=3), episode()
    assert not np.array_equal(first, second)
    assert np.array_equal(first, episode(seed=3))
    assert np.array_equal(second, episode())
    assert not np.array_equal(first, episode(seed=4))


def test_a_step_needs_an_episode():
    env = BudgetedEnv(OnlineKnapsack, horizon=1)
    with pytest.raises(gym.error.ResetNeeded):
        env.step(0)
    env.reset(seed=0)
    assert env.step(0)[2]
    with pytest.raises(gym.error.ResetNeeded):
        env.step(0)


def test_a_refused_reset_changes_nothing():
    env = BudgetedEnv(OnlineKnapsack)
    with pytest.raises(ValueError, match="bogus"):
        env.reset(options={"budget": 1.0, "bogus": 1})
    assert env.reset(seed=0)[1]["remaining"] == 5.0
    for forks in (0, -1, 2.5):
        with pytest.raises(ValueError, match="forks"):
            env.model(forks)  # type: ignore[arg-type]
    with pytest.raises(gym.error.ResetNeeded):
        BudgetedEnv(OnlineKnapsack).model(2)


def test_a_snapshot_is_a_complete_fork():
    env = BudgetedEnv(Painter, horizon=50)
    env.reset(seed=5)
    env.step(np.array([0.1, 0.1, 0.2]))
    here = env.snapshot()
    actions = [np.array([0.1 * k, 0.05, 0.9]) for k in range(6)]
    first = [env.step(action)[:2] for action in actions]
    env.restore(here)
    again = [env.step(action)[:2] for action in actions]
    assert all(np.array_equal(a[0], b[0]) and a[1] == b[1] for a, b in zip(first, again, strict=True))
    with pytest.raises(ValueError, match="same batch size"):
        BudgetedVectorEnv(Painter, 2).restore(here)


@pytest.mark.parametrize("again", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))], ids=["deepcopy", "pickle"])
@pytest.mark.parametrize("id", IDS)
def test_a_copy_goes_on_by_itself(id, again):
    env = gym.make(id).unwrapped
    env.reset(seed=0)
    env.action_space.seed(0)
    other = again(env)
    actions = [env.action_space.sample() for _ in range(6)]
    alone = [other.step(action)[:2] for action in actions[:1]]
    before = env.snapshot()  # type: ignore[attr-defined]
    assert before.t[0] == 0
    together = [env.step(action)[:2] for action in actions[:1]]
    assert np.array_equal(alone[0][0], together[0][0])
    assert alone[0][1] == together[0][1]


def test_copies_of_vector_environments_go_on_alike():
    env = gym.make_vec(ROUTING, num_envs=3, tasks=2)
    env.reset(seed=0)
    env.step(np.zeros(3, int))
    other = copy.deepcopy(env)
    for action in (1, 0, 1):
        first, second = env.step(np.full(3, action)), other.step(np.full(3, action))
        assert np.array_equal(first[0], second[0])
        assert np.array_equal(first[1], second[1])


def test_a_model_forks_the_present_and_resamples_what_is_hidden():
    env = BudgetedEnv(Painter, horizon=50)
    env.reset(seed=5)
    env.step(np.array([0.5, 0.0, 0.0]))
    here = env.snapshot()
    beliefs, truth = env.model(500, seed=1), env.model(3, peek=True)
    assert np.array_equal(beliefs.snapshot().remaining, np.repeat(here.remaining, 500, axis=0))
    assert np.unique(truth.snapshot().colour).tolist() == here.colour.tolist()
    assert len(np.unique(beliefs.snapshot().colour)) == 500
    assert beliefs.snapshot().colour.mean() == pytest.approx(0.5, abs=0.05)
    rewards = truth.step(np.tile([0.5, 0.0, 0.3], (3, 1)))[1]
    assert rewards.tolist() == [env.step(np.array([0.5, 0.0, 0.3]))[1]] * 3
    assert len(np.unique(beliefs.step(np.tile([0.5, 0.0, 0.3], (500, 1)))[1])) == 500


def test_forks_that_finish_stay_finished():
    env = BudgetedEnv(OnlineKnapsack, horizon=2)
    env.reset(seed=0)
    model = env.model(4)
    for finished, _ in zip((False, True, True), range(3), strict=True):
        _, reward, terminated, _, info = model.step(np.ones(4, int))
        assert terminated.tolist() == [finished] * 4
    assert reward.tolist() == [0.0] * 4
    assert info["cost"].tolist() == [0.0] * 4


def test_settings_that_do_not_exist_have_near_matches():
    with pytest.raises(TypeError, match="'capacty'; did you mean 'capacity'"):
        BudgetedEnv(OnlineKnapsack, capacty=3)
    with pytest.raises(TypeError, match="expected a Problem"):
        BudgetedEnv("own_problem:Params")


def test_a_problem_registers_itself_in_one_line():
    budgetgym.register("test/OnlineKnapsack-v0", "own_problem:OnlineKnapsack", horizon=7)
    assert gym.make("test/OnlineKnapsack-v0").unwrapped.problem.horizon == 7  # type: ignore[attr-defined]
    assert gym.make_vec("test/OnlineKnapsack-v0", num_envs=2, capacity=1.0).num_envs == 2


def test_the_docstring_has_its_sections_and_the_tables_match_the_spaces():
    for id in IDS:
        problem = gym.make(id).unwrapped.problem  # type: ignore[attr-defined]
        text = inspect.getdoc(type(problem))
        for section in (
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
        ):
            assert f"## {section}\n" in text
        assert list(rows_of_the_observation_table(text)) == list(enumerate(problem.observation_names))
        for name in problem.setting_names():
            assert f"| {name}" in text or f", {name}" in text


def rows_of_the_observation_table(text):
    """(index, name) of every entry; a row such as `| 0..19 | arms[0..19] |` stands for several."""
    table = text.split("## Observation Space\n")[1].split("\n## ")[0]
    for first, last, name in re.findall(r"^\| (\d+)(?:\.\.(\d+))? \| (\S+) \|", table, flags=re.MULTILINE):
        for k in range(int(first), int(last or first) + 1):
            yield k, re.sub(r"\[.*\]", f"[{k - int(first)}]", name) if last else name
