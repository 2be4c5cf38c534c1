"""How fast the suite is, each figure beside its reference in the same run. One core; medians of several rounds.

    python benchmarks/throughput.py                      # writes results/throughput.csv
    python benchmarks/throughput.py --log test.theta.txt # replays this log instead of one drawn from the 2997 twin
    python benchmarks/throughput.py --ppo                # the rows of PPO alone, printed

The machines are noisy and shared: read the ratios.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import gymnasium as gym
import numpy as np
import pandas as pd
import torch
from budgetgym import as_sb3_vec_env
from budgetgym.baselines.bidding.bidders import Lin
from budgetgym.baselines.bidding.values import fill_rlb, minimum_pmf, solve
from budgetgym.baselines.routing.agentic.values import optimum_curve
from budgetgym.envs.bidding.kernels import record_auctions
from budgetgym.envs.bidding.law import least_prices
from budgetgym.envs.bidding.problem import RealTimeBidding
from budgetgym.envs.core.batch import Batch
from budgetgym.envs.core.loops import compile_rollout
from budgetgym.envs.routing.agentic.problem import AgenticRouting
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import DummyVecEnv

ROUNDS = 5
ID = "budgetgym/RealTimeBidding-v0"
ROUTING = "budgetgym/AgenticRouting-v0"
STEERING = "budgetgym/SocialSteering-v0"
RESTLESS = ("Capacity", "Matching", "Paths", "Interventions", "Spillover")
LOG_LENGTH = 156_063


def alternate(ours: Callable[[], float], reference: Callable[[], float]) -> tuple[float, float]:
    """Medians of two measurements taken in turns, so that the machine's moods hit both; a first round warms up."""
    pairs = [(ours(), reference()) for _ in range(ROUNDS + 1)][1:]
    return median(pair[0] for pair in pairs), median(pair[1] for pair in pairs)


def vector_rate(env: gym.vector.VectorEnv, actions: np.ndarray, steps: int = 2000) -> float:
    env.reset(seed=0)
    start = time.perf_counter()
    for k in range(steps):
        env.step(actions[k % len(actions)])
    return steps * env.num_envs / (time.perf_counter() - start)


def single_rate(env: gym.Env, actions: list, steps: int = 50_000) -> float:
    env.reset(seed=0)
    start = time.perf_counter()
    for k in range(steps):
        *_, terminated, truncated, _ = env.step(actions[k % len(actions)])
        if terminated or truncated:
            env.reset()
    return steps / (time.perf_counter() - start)


def replay_rate(problem: RealTimeBidding) -> float:
    """Auctions per second of Lin over a whole log, as `evaluate` plays it."""
    agent = Lin(problem, b0=10)
    episodes = problem.num_episodes or 0
    batch = Batch(problem, episodes)
    rollout = compile_rollout(problem.kernels, agent.act)  # type: ignore[attr-defined]
    batch.seed(np.zeros(episodes, np.uint64))
    batch.reset()
    observation, actions, returns = batch.observe(), np.zeros((episodes, 1)), np.zeros(episodes)
    memory = agent.initial_memory(episodes)  # type: ignore[attr-defined]
    start = time.perf_counter()
    rollout(
        batch.params,
        batch.rules,
        batch.state,
        agent.parameters,
        memory,
        observation,
        actions,
        problem.horizon,
        returns,  # type: ignore[attr-defined]
    )
    took = time.perf_counter() - start
    return int(batch.state.t.sum()) / took


def drawn_log() -> np.ndarray:
    """A log as long as the real one, from the twin."""
    batch = Batch(RealTimeBidding(T=LOG_LENGTH), 1)
    batch.reset()
    theta, price, click = np.zeros((1, LOG_LENGTH)), np.zeros((1, LOG_LENGTH)), np.zeros((1, LOG_LENGTH), bool)
    record_auctions(batch.params, batch.state, theta, price, click, np.zeros(1, np.int64))
    return np.column_stack([click[0], price[0], theta[0]])


class LearnerTime(BaseCallback):
    """How long the learner itself took, between rollouts."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds, self._ended = 0.0, 0.0

    def _on_rollout_start(self) -> None:
        if self._ended:
            self.seconds += time.perf_counter() - self._ended
            self._ended = 0.0

    _on_training_end = _on_rollout_start

    def _on_rollout_end(self) -> None:
        self._ended = time.perf_counter()

    def _on_step(self) -> bool:
        return True


def ppo_rate(venv, n_steps: int, batch_size: int, total: int) -> tuple[float, float]:
    """Steps per second of SB3's PPO, and the share of the time that its learner takes."""
    model = PPO("MlpPolicy", venv, n_steps=n_steps, batch_size=batch_size, n_epochs=4, seed=0, device="cpu")
    learner = LearnerTime()
    start = time.perf_counter()
    model.learn(total, callback=learner)
    took = time.perf_counter() - start
    return model.num_timesteps / took, learner.seconds / took


PPO_STEPS = 65_536


def measure_ppo(note: Callable[..., None]) -> None:
    """The same network, total steps and epochs; rollouts of 16,384 steps in all of them."""

    def native() -> tuple[float, float]:
        return ppo_rate(as_sb3_vec_env(ID, 256, seed=0, control="pacing"), 64, 4096, PPO_STEPS)

    def dummy(batch_size: int) -> tuple[float, float]:
        return ppo_rate(DummyVecEnv([lambda: gym.make(ID, control="pacing")] * 8), 2048, batch_size, PPO_STEPS)

    rounds = [(native(), dummy(64), dummy(4096)) for _ in range(3)]
    (fast, share), (usual, usual_share), (slow, slow_share) = (
        tuple(median(found[k][part] for found in rounds) for part in (0, 1)) for k in range(3)
    )
    what, reference = "SB3 PPO, native batch of 256, minibatches of 4096", "DummyVecEnv of 8, minibatches of"
    note(what, fast / 1e3, "k steps/s", ">= 5 x", f"{reference} 64", usual / 1e3)
    note(what, fast / 1e3, "k steps/s", "reported", f"{reference} 4096", slow / 1e3)
    note("  share of the learner, native batch of 256", share, "", "reported", f"{reference} 64", usual_share)
    note("  share of the learner, native batch of 256", share, "", "reported", f"{reference} 4096", slow_share)


def start_seconds() -> float:
    """A new process: import, `gym.make`, reset, with a warm cache."""
    code = f"import budgetgym, gymnasium as gym; gym.make({ID!r}).reset(seed=0)"
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - start


def import_seconds() -> float:
    code = "import gymnasium, numpy, time; s = time.perf_counter(); import budgetgym; print(time.perf_counter() - s)"
    return float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)


def table_seconds() -> float:
    problem = RealTimeBidding()
    paid, pmf = least_prices(problem.params.rules), minimum_pmf(problem)
    start = time.perf_counter()
    solve(fill_rlb, (paid, pmf, problem.statistics.theta_avg, 0.0), 1000, 1969)
    return time.perf_counter() - start


def routing_seconds(knowledge: str) -> float:
    """The exact optimum at one cap, without what is kept on disk."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["BUDGETGYM_CACHE"] = folder
        start = time.perf_counter()
        optimum_curve(AgenticRouting(), 10, knowledge)  # type: ignore[arg-type]
        return time.perf_counter() - start


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--log", help="a log with `click price theta` per line")
    arguments.add_argument("--ppo", action="store_true", help="measure PPO alone, and only print")
    given = arguments.parse_args()
    log = given.log
    torch.set_num_threads(1)
    generator = np.random.default_rng(0)
    rows = []

    def note(what: str, value: float, unit: str, target: str, reference: str = "", other: float = np.nan) -> None:
        ratio = value / other if other == other else np.nan
        rows.append(
            {
                "what": what,
                "value": value,
                "unit": unit,
                "target": target,
                "reference": reference,
                "of_reference": other,
                "ratio": ratio,
            }
        )
        print(
            f"{what:<55} {value:12.4g} {unit:<12} target {target:<22} {f'{ratio:.2f} x {reference}' if ratio == ratio else ''}"
        )

    if given.ppo:
        measure_ppo(note)
        return
    bids, flips = generator.uniform(0, 300, (64, 1024, 1)), generator.integers(0, 2, (64, 1024))
    ours = gym.make_vec(ID, num_envs=1024)
    cartpole = gym.make_vec("CartPole-v1", num_envs=1024, vectorization_mode="vector_entry_point")
    fast, slow = alternate(lambda: vector_rate(ours, bids), lambda: vector_rate(cartpole, flips))
    note(
        "native vector env, 1024 lanes, random bids",
        fast / 1e6,
        "M steps/s",
        ">= 20, >= 2 x",
        "CartPole-v1 native vector",
        slow / 1e6,
    )

    for unit in ("calls", "dollars"):
        routing = gym.make_vec(ROUTING, num_envs=1024, unit=unit)
        fast, slow = alternate(lambda env=routing: vector_rate(env, flips), lambda: vector_rate(cartpole, flips))
        what = f"routing, native vector env, 1024 lanes, budget in {unit}"
        note(what, fast / 1e6, "M steps/s", ">= 10", "CartPole-v1 native vector", slow / 1e6)
    for kind in RESTLESS:
        restless = gym.make_vec(f"budgetgym/Restless{kind}-v0", num_envs=1024)
        restless.action_space.seed(0)
        pulls = np.array([restless.action_space.sample() for _ in range(64)])  # feasible, which every step checks
        fast, slow = alternate(lambda env=restless, a=pulls: vector_rate(env, a), lambda: vector_rate(cartpole, flips))
        what = f"restless {kind.lower()}, J = 20, native vector env, 1024 lanes"
        note(what, fast / 1e6, "M steps/s", ">= 5", "CartPole-v1 native vector", slow / 1e6)
    for what, steering, actions in (
        ("precisions on a scale", gym.make_vec(STEERING, num_envs=1024), generator.uniform(-1, 1, (64, 1024, 1))),
        ("numbers, with masks", gym.make_vec(STEERING, num_envs=1024, discrete=True), generator.integers(0, 5, (64, 1024))),
    ):
        fast, slow = alternate(lambda env=steering, a=actions: vector_rate(env, a), lambda: vector_rate(cartpole, flips))
        what = f"steering, native vector env, 1024 lanes, {what}"
        note(what, fast / 1e6, "M steps/s", ">= 20", "CartPole-v1 native vector", slow / 1e6)
    routing = gym.make(ROUTING)
    fast, slow = alternate(lambda: single_rate(routing, [0, 1, 1, 0]), lambda: single_rate(gym.make("CartPole-v1"), [0, 1]))
    note("routing, single env through gym.make", fast / 1e3, "k steps/s", "reported", "CartPole-v1", slow / 1e3)
    for knowledge in ("informed", "difficulty"):
        routing_seconds(knowledge)
        seconds = median(routing_seconds(knowledge) for _ in range(3))
        note(f"routing, {knowledge} optimum of appworld at cap 10, cold", seconds, "s", "< 10")

    single, pole = gym.make(ID), gym.make("CartPole-v1")
    actions = [np.array([bid], np.float32) for bid in generator.uniform(0, 300, 64)]
    fast, slow = alternate(lambda: single_rate(single, actions), lambda: single_rate(pole, [0, 1, 1, 0]))
    note("single env through gym.make", fast / 1e3, "k steps/s", ">= 100, >= 1 x", "CartPole-v1", slow / 1e3)

    problem = RealTimeBidding(log=log or drawn_log(), c0=1 / 32)
    rates = [replay_rate(problem) for _ in range(4 * ROUNDS)]
    note(f"replay of a log of {len(problem.log.theta)} by Lin", median(rates) / 1e6, "M auctions/s", ">= 50")  # type: ignore[union-attr]

    measure_ppo(note)
    note("first gym.make + reset in a new process", median(start_seconds() for _ in range(ROUNDS)), "s", "< 1.5")
    note("import budgetgym, after gymnasium and numpy", median(import_seconds() for _ in range(ROUNDS)), "s", "< 0.5")
    table_seconds()
    note("RLB table, T = 1000, B = 1969", median(table_seconds() for _ in range(ROUNDS)), "s", "< 2")

    path = Path(__file__).parent / "results" / "throughput.csv"
    pd.DataFrame(rows).round(4).to_csv(path, index=False)
    print(f"written: {path}")


if __name__ == "__main__":
    main()
