"""Train Stable-Baselines3's PPO on a problem of the suite: a plain SB3 script, with the suite's vector environment.

python examples/train_ppo.py
"""

import budgetgym
import gymnasium as gym
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecNormalize

T = 100
SETTINGS = {"instance": "uniform", "T": T, "pacing": True}


def main(timesteps: int = 300_000) -> None:
    # Budgets drawn from a range: one policy learns them all, and learns what money is worth.
    venv = budgetgym.as_sb3_vec_env("budgetgym/RealTimeBidding-v0", 64, seed=0, c0=(1 / 32, 1 / 2), **SETTINGS)
    scaled = VecNormalize(venv, gamma=0.999)
    model = PPO("MlpPolicy", scaled, n_steps=T, batch_size=1600, gamma=1.0, gae_lambda=0.9, seed=0, device="cpu")
    model.learn(timesteps)

    class Trained:
        """The policy with the observations scaled as in training."""

        def predict(self, observation, state=None, episode_start=None, deterministic=True):
            return model.predict(scaled.normalize_obs(observation), deterministic=deterministic)

    env = gym.make("budgetgym/RealTimeBidding-v0", c0=1 / 8, **SETTINGS)
    summary = budgetgym.evaluate(Trained(), env, episodes=500).summary
    print(f"{summary['share_of_optimum']:.1%} of the exact optimum, {summary['spent_share']:.1%} of the budget spent")


if __name__ == "__main__":
    main()
