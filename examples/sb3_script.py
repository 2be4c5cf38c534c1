"""A script for Stable-Baselines3 as one finds it anywhere; only the id is ours, and `module:id` imports the suite.

    python examples/sb3_script.py [ID]

For the suite's fast vector environment, and for configurations that come near the optimum, see train_ppo.py.
"""

import sys
import tempfile
from pathlib import Path

import gymnasium as gym
import numpy as np
from stable_baselines3 import A2C, DQN, PPO, SAC
from stable_baselines3.common.callbacks import EvalCallback
from stable_baselines3.common.env_checker import check_env
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy

ENV_ID = "budgetgym:budgetgym/TrapTree-v0"


def main(env_id: str = ENV_ID, timesteps: int = 60_000) -> dict[str, float]:
    """Train each algorithm that takes the actions, and return their mean returns."""
    check_env(gym.make(env_id))
    discrete = isinstance(gym.make(env_id).action_space, gym.spaces.Discrete)
    algorithms = [PPO, A2C, DQN if discrete else SAC]
    results = {}
    for algorithm in algorithms:
        learns_in = make_vec_env(env_id, n_envs=8, seed=0)
        watch = make_vec_env(env_id, n_envs=8, seed=1)
        with tempfile.TemporaryDirectory() as folder:
            callback = EvalCallback(watch, best_model_save_path=folder, eval_freq=timesteps // 32, verbose=0)
            algorithm("MlpPolicy", learns_in, seed=0, device="cpu").learn(timesteps, callback)
            best = algorithm.load(Path(folder) / "best_model", device="cpu")
        returns, _ = evaluate_policy(best, watch, n_eval_episodes=200, return_episode_rewards=True)
        mean, spread = float(np.mean(returns)), float(np.std(returns))
        results[algorithm.__name__] = mean
        print(f"{algorithm.__name__}: {mean:.3f} +- {spread:.3f}")
    return results


if __name__ == "__main__":
    main([*sys.argv[1:], ENV_ID][0])
