"""Models of Stable-Baselines3 are played as they were trained."""

import gymnasium as gym
import numpy as np
import pytest
from budgetgym import as_sb3_vec_env, compare, evaluate, make_agent
from budgetgym.envs.core.batch import Batch, episode_keys
from gymnasium.wrappers import RescaleAction
from own_problem import OnlineKnapsack
from sb3_contrib import MaskablePPO
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv, VecFrameStack, VecNormalize

SMALL = {"n_steps": 8, "batch_size": 8, "n_epochs": 1, "seed": 0, "device": "cpu"}


@pytest.fixture(scope="module")
def routing():
    return gym.make("budgetgym/AgenticRouting-v0", budget=1, exhaustion="bankrupt")


@pytest.fixture(scope="module")
def masked(routing):
    return MaskablePPO("MlpPolicy", as_sb3_vec_env(routing, 2, seed=0), **SMALL)


def knapsack(lanes=4):
    return as_sb3_vec_env(OnlineKnapsack, lanes, seed=0, horizon=10)


@pytest.fixture(scope="module")
def normalised():
    """Trained a little, under statistics that are far from those of raw observations."""
    return PPO("MlpPolicy", VecNormalize(knapsack()), **{**SMALL, "learning_rate": 0.05}).learn(512)


def played(model, seen, episodes=20):
    """Returns (episodes,) of the common episodes, where `seen` is what the model is shown."""
    batch = Batch(OnlineKnapsack(horizon=10), episodes)
    batch.seed(episode_keys(0, episodes))
    batch.reset()
    returns = np.zeros(episodes)
    while not batch.state.finished.all():
        actions, _ = model.predict(seen(batch.observe()), deterministic=True)
        returns += batch.step(batch.read_actions(actions)).reward
    return returns


def test_masks_are_handed_to_whoever_takes_them(routing, masked, tmp_path):
    assert evaluate(masked, routing, 40).summary["blocked"] == 0
    assert evaluate(masked.policy, routing, 40).summary["blocked"] == 0  # SB3's policies predict too
    masked.save(tmp_path / "masked.zip")
    kept = compare(routing, [f"maskable_ppo:path={tmp_path / 'masked.zip'}", "random"], 40)
    assert kept["blocked"].tolist()[0] == 0 < kept["blocked"].tolist()[1]


def test_a_model_is_played_under_its_vec_normalize(normalised, tmp_path):
    venv = normalised.get_vec_normalize_env()
    right, wrong = played(normalised, venv.normalize_obs), played(normalised, lambda rows: rows)
    assert right.mean() != wrong.mean()
    count = venv.obs_rms.count
    assert np.array_equal(evaluate(normalised, OnlineKnapsack(horizon=10), 20).episodes["return"], right)
    assert venv.obs_rms.count == count  # evaluation does not move the statistics
    normalised.save(tmp_path / "model.zip")
    venv.save(str(tmp_path / "statistics.pkl"))
    loaded = PPO.load(tmp_path / "model.zip", device="cpu")
    with pytest.raises(ValueError, match="VecNormalize"):
        evaluate(loaded, OnlineKnapsack(horizon=10), 20)
    with pytest.raises(ValueError, match="VecNormalize"):
        evaluate(make_agent(f"ppo:path={tmp_path / 'model.zip'}", OnlineKnapsack(horizon=10)), OnlineKnapsack(horizon=10), 20)
    again = VecNormalize.load(str(tmp_path / "statistics.pkl"), knapsack())
    assert np.array_equal(evaluate(loaded, again, 20).episodes["return"], right)
    both = compare(again, {"model": loaded, "take all": make_agent("random", OnlineKnapsack(horizon=10))}, 20)
    assert both["return"].tolist()[0] == pytest.approx(right.mean())
    alone = evaluate(make_agent("random", OnlineKnapsack(horizon=10)), OnlineKnapsack(horizon=10), 20)
    assert both["return"].tolist()[1] == pytest.approx(
        alone.summary["return"]
    )  # the suite's agents read observations as they are
    loaded.set_env(again)
    assert np.array_equal(evaluate(loaded, OnlineKnapsack(horizon=10), 20).episodes["return"], right)


def test_scaled_rewards_change_nothing(normalised):
    scaled = VecNormalize(knapsack(), norm_obs=False)
    model = PPO("MlpPolicy", scaled, **SMALL).learn(64)
    assert np.array_equal(evaluate(model, scaled, 20).episodes["return"], played(model, lambda rows: rows))


def test_what_was_trained_in_other_spaces_is_refused():
    env = gym.make("budgetgym/RealTimeBidding-v0", T=10, budget=20.0)
    rescaled = PPO("MlpPolicy", DummyVecEnv([lambda: RescaleAction(env, -1, 1)]), **SMALL)
    with pytest.raises(ValueError, match="action_space"):
        evaluate(rescaled, env, 3)
    stacked = PPO("MlpPolicy", VecFrameStack(knapsack(), 2), **SMALL)
    with pytest.raises(ValueError, match="observation_space"):
        evaluate(stacked, OnlineKnapsack(horizon=10), 3)
