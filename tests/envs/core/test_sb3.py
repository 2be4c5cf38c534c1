import gymnasium as gym
import numpy as np
import pytest
from budgetgym import as_sb3_vec_env, evaluate
from own_problem import OnlineKnapsack
from stable_baselines3 import PPO
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize
from toys import Painter


@pytest.mark.parametrize("problem", [OnlineKnapsack(horizon=6), Painter(horizon=5)], ids=["knapsack", "painter"])
def test_it_equals_dummy_vec_env(problem):
    from budgetgym.envs.core import BudgetedEnv

    theirs = DummyVecEnv([lambda: Monitor(BudgetedEnv(problem))] * 4)
    ours = as_sb3_vec_env(problem, 4, step_info=True)
    for env in (theirs, ours):
        env.seed(7)
    assert np.array_equal(ours.reset(), theirs.reset())
    problem.action_space.seed(0)
    for _ in range(20):
        actions = np.array([problem.action_space.sample() for _ in range(4)])
        (a, r, d, i), (b, s, e, j) = ours.step(actions), theirs.step(actions)
        assert np.array_equal(a, b)
        assert np.array_equal(r, s)
        assert r.dtype == s.dtype
        assert np.array_equal(d, e)
        for mine, other in zip(i, j, strict=True):
            assert mine.keys() | {"TimeLimit.truncated"} == other.keys() | {"TimeLimit.truncated"}
            for key in mine.keys() - {"episode"}:
                assert np.array_equal(mine[key], other[key]), key
            if "episode" in mine:
                assert mine["episode"]["r"] == pytest.approx(other["episode"]["r"], abs=1e-5)
                assert mine["episode"]["l"] == other["episode"]["l"]


def test_from_an_id_an_environment_or_a_class():
    for source in ("budgetgym/RealTimeBidding-v0", gym.make("budgetgym/RealTimeBidding-v0")):
        assert as_sb3_vec_env(source, 3).num_envs == 3
    venv = as_sb3_vec_env("budgetgym/RealTimeBidding-v0", 3, discrete=True, budget=50.0)
    assert venv.has_attr("action_masks")
    masks = np.stack(venv.env_method("action_masks"))
    assert masks.shape == (3, 301)
    assert venv.get_attr("horizon") == [1000] * 3
    with pytest.raises(AttributeError, match="share one problem"):
        venv.set_attr("horizon", 3)
    with pytest.raises(TypeError, match="not an environment of this suite"):
        as_sb3_vec_env(gym.make("CartPole-v1"), 3)


def test_it_must_be_reset_first():
    venv = as_sb3_vec_env(OnlineKnapsack, 2)
    with pytest.raises(gym.error.ResetNeeded):
        venv.step(np.zeros(2, int))
    with pytest.raises(ValueError, match="number of lanes is 0"):
        as_sb3_vec_env(OnlineKnapsack, 0)
    with pytest.raises(ValueError, match="RealTimeBidding-v0"):
        as_sb3_vec_env("budgetgym/RealTimeBiding-v0", 2)
    with pytest.raises(TypeError, match="already made"):
        as_sb3_vec_env(gym.make("budgetgym/RealTimeBidding-v0"), 2, control="pacing")


def test_options_reach_the_next_reset():
    venv = as_sb3_vec_env(OnlineKnapsack, 2)
    venv.set_options([{"budget": 1.0}, {}])
    venv.reset()
    assert [info["remaining"] for info in venv.reset_infos] == [1.0, 5.0]


def test_sb3s_wrappers_learner_and_evaluation_run_on_it():
    venv = VecNormalize(as_sb3_vec_env(OnlineKnapsack, 8, seed=0, horizon=10))
    model = PPO("MlpPolicy", venv, n_steps=16, batch_size=64, n_epochs=1, seed=0, device="cpu").learn(256)
    mean, _ = evaluate_policy(model, as_sb3_vec_env(OnlineKnapsack, 4, seed=0, horizon=10), n_eval_episodes=8)
    assert np.isfinite(mean)
    assert len(model.ep_info_buffer or ()) > 0


def test_ppo_plays_binary_actions():
    """SB3's actions of MultiBinary spaces are floats."""
    id = "budgetgym/RestlessPaths-v0"
    model = PPO("MlpPolicy", as_sb3_vec_env(id, 4), n_steps=20, batch_size=40, seed=0)
    model.learn(160)
    env = gym.make(id)
    returns, _ = evaluate_policy(model, Monitor(env), 2)
    assert float(np.mean(returns)) > 0.0
    assert evaluate(model, env, 5).summary["return"] > 0.0


@pytest.mark.parametrize("wrong", [0.5, np.nan, 2.0, -1.0])
def test_binary_actions_are_nothing_but_zero_and_one(wrong):
    id = "budgetgym/RestlessCapacity-v0"
    env, envs = gym.make(id, disable_env_checker=True), gym.make_vec(id, num_envs=2)
    env.reset(seed=0)
    envs.reset(seed=0)
    action = np.zeros(20, np.float32)
    assert env.step(action)[1] > 0.0
    envs.step(np.zeros((2, 20), np.float32))
    action[3] = wrong
    with pytest.raises(ValueError, match="expected 0 and 1 only"):
        env.step(action)
    with pytest.raises(ValueError, match="expected 0 and 1 only"):
        envs.step(np.stack([action, action]))
