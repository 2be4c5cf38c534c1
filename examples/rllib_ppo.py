"""RLlib's PPO on our ids. Needs `pip install "ray[rllib]"`, which pins Gymnasium 1.2.2: see `make rllib`.

python examples/rllib_ppo.py [ID]
"""

import sys

import ray  # pyright: ignore[reportMissingImports]
from ray.rllib.algorithms.ppo import PPOConfig  # pyright: ignore[reportMissingImports]

ENV_ID = "budgetgym:budgetgym/TrapTree-v0"


def main(env_id: str = ENV_ID, iterations: int = 15) -> list[float]:
    """Train, and return the mean return of the episodes in every iteration."""
    config = (
        PPOConfig()
        .environment(env_id)
        .env_runners(num_env_runners=0, num_envs_per_env_runner=32)
        .training(train_batch_size=8000, minibatch_size=1000, num_epochs=8, lr=2e-3, entropy_coeff=0.01)
        .debugging(seed=0, log_level="ERROR")
    )
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, ignore_reinit_error=True)
    history: list[float] = []
    try:
        algorithm = config.build_algo()
        for _ in range(iterations):
            history.append(float(algorithm.train()["env_runners"]["episode_return_mean"]))
            print(f"mean return {history[-1]:.4f}")
        algorithm.stop()
    finally:
        ray.shutdown()
    return history


if __name__ == "__main__":
    main([*sys.argv[1:], ENV_ID][0])
