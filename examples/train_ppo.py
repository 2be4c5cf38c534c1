"""Train Stable-Baselines3's PPO on a problem of the suite: a plain SB3 script, with the suite's vector environment.

    python examples/train_ppo.py

Two things make the difference between three quarters and nearly all of the optimum: budgets drawn from a range, so that the
critic sees what money is worth, and features in which money is counted per auction left.
"""

import budgetgym
import gymnasium as gym
from budgetgym.agents.bidding.features import bidding_features
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecNormalize

ID = "budgetgym/RealTimeBidding-v0"
SETTINGS = {"instance": "uniform", "T": 50, "control": "pacing"}


def main(timesteps: int = 300_000) -> None:
    venv = budgetgym.as_sb3_vec_env(ID, 64, seed=0, c0=(1 / 32, 1 / 2), **SETTINGS)
    model = PPO(
        "MlpPolicy",
        VecNormalize(venv, norm_obs=False, gamma=0.999),
        n_steps=50,
        batch_size=1600,
        n_epochs=6,
        learning_rate=3e-3,
        gamma=1.0,
        gae_lambda=0.9,
        policy_kwargs={"log_std_init": -1.5, **bidding_features(venv.problem)},  # type: ignore[arg-type]
        seed=0,
        device="cpu",
    )
    env = gym.make(ID, c0=1 / 8, **SETTINGS)
    for stage in ("untrained", "trained"):
        if stage == "trained":
            model.learn(timesteps)
        summary = budgetgym.evaluate(model, env, episodes=500).summary
        print(f"{stage}: {summary['share_of_optimum']:.1%} of the optimum, {summary['spent_share']:.1%} of the budget spent")


if __name__ == "__main__":
    main()
