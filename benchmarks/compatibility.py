"""Other people's libraries on our ids: every id that each can serve, a few hundred steps each, written as a table.

    python benchmarks/compatibility.py                  # the libraries that are installed here, on all ids
    python benchmarks/compatibility.py skrl rl_zoo3     # some of them
    make compatibility                                  # all, each in the environment that it needs

A library's results replace its rows in `benchmarks/results/compatibility.csv`, from which `--page` writes the table of
`docs/other_libraries.md`.
"""

from __future__ import annotations

import argparse
import csv
import importlib.metadata
import os
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium as gym
from gymnasium import spaces

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "compatibility.csv"
PAGE = ROOT / "docs" / "other_libraries.md"
BEGIN, END = "<!-- table: python benchmarks/compatibility.py --page -->", "<!-- end of table -->"

IDS = (
    "RealTimeBidding-v0",
    "BidPacing-v0",
    "AgenticRouting-v0",
    "WorkflowRouting-v0",
    "RestlessCapacity-v0",
    "RestlessMatching-v0",
    "RestlessPaths-v0",
    "RestlessInterventions-v0",
    "RestlessSpillover-v0",
    "SocialSteering-v0",
    "TrapTree-v0",
)
FIELDS = ("library", "version", "gymnasium", "script", "id", "result")
WORKS = "works"


class Script(NamedTuple):
    """One way in which a library is used.

    `run(id)` raises where it does not work; `kinds` are the action spaces that the library's own documentation lists for it.
    """

    name: str
    run: Callable[[str], None]
    kinds: tuple[type[spaces.Space[Any]], ...]


DISCRETE, BOX = (spaces.Discrete,), (spaces.Box,)
ANY = (spaces.Discrete, spaces.Box, spaces.MultiDiscrete, spaces.MultiBinary)


def name_of(id: str) -> str:
    """The id as a script gets it that knows nothing of the suite."""
    return f"budgetgym:{id}"


def check(condition: bool, what: str) -> None:
    if not condition:
        raise RuntimeError(what)


# --- Stable-Baselines3 and what builds on it ------------------------------------------------------------------------------


def sb3(algorithm: str, module: str = "stable_baselines3", policy: str = "MlpPolicy", **settings: Any) -> Callable[[str], None]:
    def run(id: str) -> None:
        from stable_baselines3.common.env_util import make_vec_env
        from stable_baselines3.common.evaluation import evaluate_policy

        cls = getattr(importlib.import_module(module), algorithm)
        model = cls(policy, make_vec_env(name_of(id), n_envs=1 if "buffer_size" in settings else 2, seed=0), seed=0, **settings)
        model.learn(300)
        evaluate_policy(model, model.get_env(), n_eval_episodes=1)

    return run


def sb3_checker(id: str) -> None:
    from stable_baselines3.common.env_checker import check_env

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if id == "RealTimeBidding-v0":  # a bid is money; BidPacing-v0 has the normalised form
            warnings.filterwarnings("ignore", ".*symmetric and normalized")
        check_env(gym.make(name_of(id)))


def sb3_masks(id: str) -> None:
    from sb3_contrib import MaskablePPO

    settings = {"discrete": True} if id in ("RealTimeBidding-v0", "SocialSteering-v0") else {}
    model = MaskablePPO("MlpPolicy", gym.make(name_of(id), **settings), n_steps=64, seed=0)
    model.learn(128)


ON_POLICY: dict[str, Any] = {"n_steps": 64}
OFF_POLICY: dict[str, Any] = {"buffer_size": 1000, "learning_starts": 50}


def stable_baselines3() -> Iterator[Script]:
    yield Script("env_checker.check_env, warnings as errors", sb3_checker, ANY)
    for name in ("PPO", "A2C"):
        yield Script(name, sb3(name, **ON_POLICY), ANY)
    yield Script("DQN", sb3("DQN", **OFF_POLICY), DISCRETE)
    for name in ("SAC", "TD3", "DDPG"):
        yield Script(name, sb3(name, **OFF_POLICY), BOX)


def contrib() -> Iterator[Script]:
    yield Script("MaskablePPO (discrete=True where that is a setting)", sb3_masks, DISCRETE)
    yield Script("RecurrentPPO", sb3("RecurrentPPO", "sb3_contrib", "MlpLstmPolicy", **ON_POLICY), ANY)
    yield Script("TRPO", sb3("TRPO", "sb3_contrib", **ON_POLICY), ANY)
    yield Script("QRDQN", sb3("QRDQN", "sb3_contrib", **OFF_POLICY), DISCRETE)
    for name in ("TQC", "CrossQ"):
        yield Script(name, sb3(name, "sb3_contrib", **OFF_POLICY), BOX)


def sbx() -> Iterator[Script]:
    yield Script("PPO", sb3("PPO", "sbx", **ON_POLICY), ANY)
    yield Script("DQN", sb3("DQN", "sbx", **OFF_POLICY), DISCRETE)
    for name in ("SAC", "TQC", "CrossQ"):
        yield Script(name, sb3(name, "sbx", **OFF_POLICY), BOX)


def zoo(algorithm: str) -> Callable[[str], None]:
    """Train by its command line, then watch the trained agent by its own `enjoy` with its default rendering."""

    def run(id: str) -> None:
        with tempfile.TemporaryDirectory() as folder:
            tuned = Path(folder) / "tuned.yml"
            tuned.write_text(f"{id}:\n  n_timesteps: 300\n  policy: MlpPolicy\n")
            common = ["--algo", algorithm, "--env", id, "--gym-packages", "budgetgym"]
            environment = {**os.environ, "SDL_VIDEODRIVER": "dummy"}
            for command in (
                ["rl_zoo3.train", *common, "-n", "300", "-c", str(tuned), "-f", folder, "--eval-freq", "-1"],
                ["rl_zoo3.enjoy", *common, "-n", "50", "-f", folder],
            ):
                ran = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, env=environment)
                check(ran.returncode == 0, (ran.stderr.strip() or ran.stdout.strip()).splitlines()[-1])

    return run


def rl_zoo3() -> Iterator[Script]:
    yield Script("python -m rl_zoo3.train and rl_zoo3.enjoy, --algo ppo", zoo("ppo"), ANY)


# --- other learners ---------------------------------------------------------------------------------------------------------


def torchrl() -> Iterator[Script]:
    def run(id: str) -> None:
        from torchrl.collectors import Collector
        from torchrl.envs import GymEnv
        from torchrl.envs.utils import check_env_specs

        env = GymEnv(name_of(id))
        env.set_seed(0)
        check_env_specs(env)
        steps = sum(batch.numel() for batch in Collector(env, None, frames_per_batch=100, total_frames=300))
        check(steps == 300, f"{steps} steps")

    yield Script("GymEnv, check_env_specs, Collector", run, ANY)


def skrl() -> Iterator[Script]:
    def run(id: str) -> None:
        from skrl.envs.wrappers.torch import wrap_env

        env = wrap_env(gym.make_vec(name_of(id), num_envs=2))
        env.reset()
        for _ in range(100):
            action = env.action_space.sample()
            import torch

            env.step(torch.as_tensor([action, action]).reshape(2, -1))

    yield Script("wrap_env over gym.make_vec", run, (spaces.Discrete, spaces.Box, spaces.MultiDiscrete))


def tianshou() -> Iterator[Script]:
    def run(id: str) -> None:
        from tianshou.algorithm.random import MARLRandomDiscreteMaskedOffPolicyAlgorithm  # noqa: F401

    yield Script("Collector", run, ANY)


def supersuit() -> Iterator[Script]:
    def wrap(id: str) -> None:
        import supersuit as ss

        env = ss.frame_stack_v1(ss.dtype_v0(gym.make(name_of(id)), "float32"), 3)
        env.reset(seed=0)
        for _ in range(50):
            if any(env.step(env.action_space.sample())[2:4]):
                env.reset()

    yield Script("dtype_v0, frame_stack_v1", wrap, ANY)


def minari() -> Iterator[Script]:
    def run(id: str) -> None:
        import minari as m

        with tempfile.TemporaryDirectory() as folder:
            os.environ["MINARI_DATASETS_PATH"] = folder
            env = m.DataCollector(gym.make(name_of(id)), record_infos=True)
            for seed in range(2):
                env.reset(seed=seed)
                while not any(env.step(env.action_space.sample())[2:4]):
                    pass
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                env.create_dataset(f"test/{id.lower()}", eval_env=env.spec)
            check(m.load_dataset(f"test/{id.lower()}").total_episodes == 2, "episodes are missing")

    yield Script("DataCollector", run, ANY)


def gymnasium_wrappers() -> Iterator[Script]:
    def run(id: str) -> None:
        from gymnasium import wrappers
        from gymnasium.utils.env_checker import check_env

        check_env(gym.make(name_of(id)).unwrapped)
        env: Any = gym.make(name_of(id))
        for wrapper in (wrappers.RecordEpisodeStatistics, wrappers.NormalizeObservation, wrappers.NormalizeReward):
            env = wrapper(env)
        env.reset(seed=0)
        for _ in range(100):
            if any(env.step(env.action_space.sample())[2:4]):
                env.reset()

    yield Script("check_env, RecordEpisodeStatistics, NormalizeObservation, NormalizeReward", run, ANY)


LIBRARIES: dict[str, tuple[str, Callable[[], Iterator[Script]]]] = {
    "gymnasium": ("gymnasium", gymnasium_wrappers),
    "stable-baselines3": ("stable_baselines3", stable_baselines3),
    "sb3-contrib": ("sb3_contrib", contrib),
    "torchrl": ("torchrl", torchrl),
    "minari": ("minari", minari),
    "rl_zoo3": ("rl_zoo3", rl_zoo3),
    "sbx-rl": ("sbx", sbx),
    "skrl": ("skrl", skrl),
    "tianshou": ("tianshou", tianshou),
    "supersuit": ("supersuit", supersuit),
}
