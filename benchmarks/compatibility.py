"""Other people's libraries on our ids: every id that each can serve, a few hundred steps each, written as a table.

    python benchmarks/compatibility.py                  # the libraries that are installed here, on all ids
    python benchmarks/compatibility.py skrl rl_zoo3     # some of them
    make compatibility                                  # all, each in the environment that it needs

A library's results replace its rows in `benchmarks/results/compatibility.csv`, from which `--page` writes the table of
`docs/other_libraries.md`.
"""

# pyright: reportMissingImports=false
# Most libraries are installed only in environments of their own.
from __future__ import annotations

import argparse
import csv
import importlib
import importlib.metadata
import importlib.util
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
FIELDS: tuple[str, ...] = ("library", "version", "gymnasium", "script", "id", "result")
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


def sb3(
    algorithm: str, module: str = "stable_baselines3", policy: str = "MlpPolicy", **settings: Any
) -> Callable[[str], None]:
    def run(id: str) -> None:
        from stable_baselines3.common.env_util import make_vec_env
        from stable_baselines3.common.evaluation import evaluate_policy

        cls = getattr(importlib.import_module(module), algorithm)
        model = cls(
            policy, make_vec_env(name_of(id), n_envs=1 if "buffer_size" in settings else 2, seed=0), seed=0, **settings
        )
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
        from skrl.agents.torch.ppo import PPO
        from skrl.envs.wrappers.torch import wrap_env
        from skrl.memories.torch import RandomMemory
        from skrl.trainers.torch import SequentialTrainer
        from skrl.utils.model_instantiators import torch as models

        env = wrap_env(gym.make_vec(name_of(id), num_envs=2))
        observed: dict[str, Any] = {
            "observation_space": env.observation_space,
            "action_space": env.action_space,
            "device": "cpu",
        }
        network = [{"name": "net", "input": "OBSERVATIONS", "layers": [32], "activations": "elu"}]
        kinds = {spaces.Discrete: models.categorical_model, spaces.MultiDiscrete: models.multicategorical_model}
        policy = kinds.get(type(env.action_space), models.gaussian_model)
        agent = PPO(
            models={
                "policy": policy(**observed, network=network, output="ACTIONS"),
                "value": models.deterministic_model(**observed, network=network, output="ONE"),
            },
            memory=RandomMemory(memory_size=32, num_envs=env.num_envs, device="cpu"),
            observation_space=env.observation_space,
            action_space=env.action_space,
            device="cpu",
            cfg={"rollouts": 32, "experiment": {"write_interval": 0, "checkpoint_interval": 0}},
        )
        SequentialTrainer(env=env, agents=agent, cfg={"timesteps": 150, "headless": True, "disable_progressbar": True}).train()

    yield Script("PPO, SequentialTrainer over gym.make_vec", run, (spaces.Discrete, spaces.Box, spaces.MultiDiscrete))


def tianshou() -> Iterator[Script]:
    def run(id: str) -> None:
        import torch
        from tianshou.algorithm import PPO
        from tianshou.algorithm.modelfree.reinforce import ProbabilisticActorPolicy
        from tianshou.algorithm.optim import AdamOptimizerFactory
        from tianshou.data import Collector, VectorReplayBuffer
        from tianshou.env import DummyVectorEnv
        from tianshou.trainer import OnPolicyTrainerParams
        from tianshou.utils.net.common import Net
        from tianshou.utils.net.continuous import ContinuousActorProbabilistic, ContinuousCritic
        from tianshou.utils.net.discrete import DiscreteActor, DiscreteCritic

        env: Any = gym.make(name_of(id))
        discrete = isinstance(env.action_space, spaces.Discrete)
        seen = [Net(state_shape=env.observation_space.shape, hidden_sizes=[32]) for _ in range(2)]
        if discrete:
            actor: Any = DiscreteActor(preprocess_net=seen[0], action_shape=env.action_space.n, softmax_output=False)
            critic: Any = DiscreteCritic(preprocess_net=seen[1])
        else:
            actor = ContinuousActorProbabilistic(preprocess_net=seen[0], action_shape=env.action_space.shape)
            critic = ContinuousCritic(preprocess_net=seen[1])
        policy = ProbabilisticActorPolicy(
            actor=actor,
            dist_fn=(lambda logits: torch.distributions.Categorical(logits=logits))
            if discrete
            else (lambda means: torch.distributions.Independent(torch.distributions.Normal(*means), 1)),
            action_space=env.action_space,
            action_scaling=not discrete,
        )
        algorithm = PPO(policy=policy, critic=critic, optim=AdamOptimizerFactory(lr=1e-3))
        train, test = (DummyVectorEnv([lambda: gym.make(name_of(id))] * 2) for _ in range(2))
        algorithm.run_training(
            OnPolicyTrainerParams(
                training_collector=Collector(algorithm, train, VectorReplayBuffer(2000, 2)),
                test_collector=Collector(algorithm, test),
                max_epochs=1,
                epoch_num_steps=200,
                collection_step_num_env_steps=100,
                test_step_num_episodes=2,
                show_progress=False,
            )
        )

    yield Script("PPO, Collector over DummyVectorEnv", run, (spaces.Discrete, spaces.Box))


def rllib_ppo(masked: bool) -> Callable[[str], None]:
    def run(id: str) -> None:
        import ray
        from ray.rllib.algorithms.ppo import PPOConfig

        config = PPOConfig().environment(name_of(id), env_config={"mask_in_observation": True} if masked else {})
        config = config.env_runners(num_env_runners=0).training(train_batch_size=200, minibatch_size=50, num_epochs=1)
        if masked:
            from ray.rllib.core.rl_module.rl_module import RLModuleSpec
            from ray.rllib.examples.rl_modules.classes.action_masking_rlm import ActionMaskingTorchRLModule

            config = config.rl_module(
                rl_module_spec=RLModuleSpec(module_class=ActionMaskingTorchRLModule, model_config={"head_fcnet_hiddens": [32]})
            )
        ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, ignore_reinit_error=True)
        try:
            algorithm = config.debugging(log_level="ERROR").build_algo()
            algorithm.train()
            algorithm.stop()
        finally:
            ray.shutdown()

    return run


def rllib() -> Iterator[Script]:
    yield Script("PPO", rllib_ppo(masked=False), ANY)
    yield Script("PPO with its ActionMaskingTorchRLModule, mask_in_observation=True", rllib_ppo(masked=True), DISCRETE)


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


def cleanrl_file(name: str, *arguments: str) -> Callable[[str], None]:
    """A file of a checkout, with nothing but arguments of its command line."""

    def run(id: str) -> None:
        checkout = Path(os.environ["CLEANRL"])
        command = [sys.executable, str(checkout / "cleanrl" / f"{name}.py"), "--env-id", name_of(id), "--no-cuda", *arguments]
        path = os.pathsep.join([str(checkout), os.environ.get("PYTHONPATH", "")])
        with tempfile.TemporaryDirectory() as folder:
            ran = subprocess.run(
                command, capture_output=True, text=True, cwd=folder, env={**os.environ, "PYTHONPATH": path}, timeout=300
            )
        check(ran.returncode == 0, (ran.stderr.strip() or "no output").splitlines()[-1])

    return run


def cleanrl() -> Iterator[Script]:
    replay = ("--total-timesteps", "300", "--learning-starts", "100", "--buffer-size", "1000")
    yield Script("ppo.py", cleanrl_file("ppo", "--num-envs", "2", "--total-timesteps", "512"), DISCRETE)
    yield Script("pqn.py", cleanrl_file("pqn", "--num-envs", "2", "--total-timesteps", "512"), DISCRETE)
    yield Script("dqn.py", cleanrl_file("dqn", *replay), DISCRETE)
    yield Script("c51.py", cleanrl_file("c51", *replay), DISCRETE)
    for name in ("ddpg", "td3", "sac"):
        yield Script(f"{name}_continuous_action.py", cleanrl_file(f"{name}_continuous_action", *replay), BOX)
    ppo = cleanrl_file("ppo_continuous_action", "--total-timesteps", "2048")
    yield Script("ppo_continuous_action.py", ppo, BOX)


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
    "ray": ("ray.rllib", rllib),
    "cleanrl": ("tyro", cleanrl),
}


# --- running them -----------------------------------------------------------------------------------------------------------


def outcomes(library: str, ids: tuple[str, ...]) -> Iterator[dict[str, str]]:
    """A row for every script of a library and every id with an action space that it serves."""
    import budgetgym  # noqa: F401  registers the ids, so that their spaces can be looked at

    module, scripts = LIBRARIES[library]
    importlib.import_module(module)
    version = cleanrl_commit() if library == "cleanrl" else importlib.metadata.version(library)
    versions = {"version": version, "gymnasium": importlib.metadata.version("gymnasium")}
    for script in scripts():
        for id in ids:
            space = gym.make(id).action_space
            if not isinstance(space, script.kinds):
                result = f"not: it serves no {type(space).__name__} actions"
            else:
                result = attempt(script, id)
            yield {"library": library, **versions, "script": script.name, "id": id, "result": result}


def cleanrl_commit() -> str:
    command = ["git", "-C", os.environ["CLEANRL"], "rev-parse", "--short=8", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def attempt(script: Script, id: str) -> str:
    """`WORKS`, or what went wrong in a line."""
    try:
        script.run(id)
    except Exception as error:
        traceback.print_exc()
        return f"fails: {type(error).__name__}: {(str(error).splitlines() or [''])[0][:150]}"
    return WORKS


def replace_rows(rows: list[dict[str, str]]) -> None:
    """Put a library's rows in the place of those that it had."""
    kept = [row for row in read_rows() if row["library"] != rows[0]["library"]]
    order = list(LIBRARIES)
    merged = sorted([*kept, *rows], key=lambda row: order.index(row["library"]))
    with RESULTS.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(merged)


def read_rows() -> list[dict[str, str]]:
    if not RESULTS.exists():
        return []
    with RESULTS.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def page(rows: list[dict[str, str]]) -> str:
    """The table of the documentation: a row per script, with the ids for which it does not work, and why."""
    lines = ["| library | script | works on | not on |", "|---|---|---|---|"]
    for library, script in dict.fromkeys((row["library"], row["script"]) for row in rows):
        own = [row for row in rows if (row["library"], row["script"]) == (library, script)]
        works = [row["id"].removesuffix("-v0") for row in own if row["result"] == WORKS]
        reasons: dict[str, list[str]] = {}
        for row in own:
            if row["result"] != WORKS:
                reasons.setdefault(row["result"].removeprefix("not: "), []).append(row["id"].removesuffix("-v0"))
        others = "; ".join(f"{', '.join(ids)} ({reason})" for reason, ids in reasons.items()) or "–"
        listed = f"all {len(own)} ids" if len(works) == len(IDS) else ", ".join(works) or "–"
        version = f"{library} {own[0]['version']} (Gymnasium {own[0]['gymnasium']})"
        lines.append(f"| {version} | {script} | {listed} | {others} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("libraries", nargs="*", metavar="LIBRARY", help=f"of {', '.join(LIBRARIES)}")
    parser.add_argument("--ids", nargs="*", default=IDS)
    parser.add_argument("--page", action="store_true", help="only write the table of the documentation")
    asked = parser.parse_args()
    if asked.page:
        text = PAGE.read_text(encoding="utf-8")
        before, after = text[: text.index(BEGIN) + len(BEGIN)], text[text.index(END) :]
        PAGE.write_text(f"{before}\n{page(read_rows())}\n{after}", encoding="utf-8")
        return
    installed = [name for name, (module, _) in LIBRARIES.items() if importlib.util.find_spec(module.split(".")[0])]
    installed = [name for name in installed if name != "cleanrl"]  # needs a checkout
    for library in asked.libraries or installed:
        rows = []
        for row in outcomes(library, tuple(asked.ids)):
            print(f"{row['library']:18} {row['script'][:40]:40} {row['id']:26} {row['result']}", flush=True)
            rows.append(row)
        replace_rows(rows)


if __name__ == "__main__":
    main()
