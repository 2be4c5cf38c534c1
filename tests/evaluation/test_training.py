import os
import signal
import subprocess
import sys
import time
from typing import Any

import gymnasium as gym
import numpy as np
import pandas as pd
import pytest
from budgetgym import evaluate, make_agent
from budgetgym.agents.registry import as_problem
from budgetgym.evaluation.cli import app
from budgetgym.evaluation.training import EVALUATION_SEED, checkpoint_every, evaluate_every
from stable_baselines3.common.callbacks import EveryNTimesteps
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from typer.testing import CliRunner

ID = "budgetgym/RealTimeBidding-v0"
SMALL = "ppo:lanes=4:n_steps=50:batch_size=200"
CODE = "from budgetgym.evaluation.cli import main; main()"


def run(*arguments):
    return subprocess.run([sys.executable, "-c", CODE, *map(str, arguments)], capture_output=True, text=True, timeout=240)


def test_train_from_the_command_line_and_go_on_from_a_checkpoint(tmp_path):
    out, events = tmp_path / "ppo.zip", tmp_path / "events"
    task = [ID, "--set", "T=20", "--set", "c0=1/8"]
    often = ["--checkpoint-every", 400, "--evaluate-every", 400, "--episodes", 20, "--tensorboard", events]
    ran = run("train", *task, "--timesteps", 1000, "--agent", SMALL, "--out", out, *often)
    assert ran.returncode == 0, ran.stderr
    names = ["ppo-400.zip", "ppo-800.zip", "ppo-best.zip", "ppo-evaluations.csv", "ppo.zip"]
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == names
    evaluations = pd.read_csv(tmp_path / "ppo-evaluations.csv")
    assert evaluations["timesteps"].tolist() == [400, 800]
    [log] = events.rglob("events*")
    logged = EventAccumulator(str(log)).Reload()
    assert [event.step for event in logged.Scalars("eval/theta_value")] == [400, 800]
    assert [event.value for event in logged.Scalars("eval/theta_value")] == pytest.approx(evaluations["theta_value"].tolist())
    best = make_agent(f"ppo:path={tmp_path / 'ppo-best.zip'}", gym.make(ID, T=20, c0=1 / 8))
    again = evaluate(best, gym.make(ID, T=20, c0=1 / 8), 20, EVALUATION_SEED).summary["theta_value"]
    assert again == pytest.approx(evaluations["theta_value"].max())
    on = tmp_path / "on.zip"
    ran = run("train", *task, "--timesteps", 400, "--agent", f"ppo:path={tmp_path / 'ppo-800.zip'}", "--out", on)
    assert ran.returncode == 0, ran.stderr
    first, then, other = (make_agent(f"ppo:path={path}", gym.make(ID, T=20)) for path in (tmp_path / "ppo-800.zip", on, out))
    weights = [agent.model.policy.state_dict()["value_net.weight"].numpy() for agent in (first, then, other)]  # type: ignore[attr-defined]
    step = [np.abs(later - weights[0]).max() for later in weights[1:]]
    assert 0 < step[0] < 10 * step[1]  # it went on from there
    with pytest.raises(ValueError, match="lanes is 8; this agent has learned with 4"):
        make_agent(f"ppo:path={on}:lanes=8", gym.make(ID, T=20)).learn(100)  # type: ignore[attr-defined]


def test_ctrl_c_keeps_what_was_learned_and_every_checkpoint(tmp_path):
    out = tmp_path / "ppo.zip"
    arguments = ["train", ID, "--set", "T=20", "--agent", SMALL, "--out", str(out), "--checkpoint-every", "400"]
    process = subprocess.Popen(
        [sys.executable, "-c", CODE, *arguments],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 100
    while len(list(tmp_path.glob("ppo-*.zip"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=100)
    assert process.returncode == 130, stderr
    for path in (out, *tmp_path.glob("ppo-*.zip")):
        make_agent(f"ppo:path={path}", gym.make(ID, T=20))


SMALLER: dict[str, dict[str, Any]] = {ID: {"T": 20}, "budgetgym/RestlessCapacity-v0": {"J": 4, "B": 2}}

LEARNERS: dict[str, tuple[Any, dict[str, Any], int]] = {
    "ppo": (ID, {"lanes": 4, "n_steps": 10, "batch_size": 40}, 80),
    "sac": (ID, {"lanes": 4, "learning_starts": 8, "batch_size": 16, "buffer_size": 1000}, 80),
    "grpo": ("budgetgym/AgenticRouting-v0", {"tasks": 64, "tasks_per_update": 16, "rollouts_per_task": 4}, 2000),
    "bopo": ("budgetgym/AgenticRouting-v0", {"tasks": 64, "tasks_per_update": 16, "label_rollouts": 2}, 2000),
    "sequential_ppo": ("budgetgym/RestlessCapacity-v0", {"lanes": 4, "n_steps": 20, "batch_size": 80}, 160),
    "latent_ppo": ("budgetgym/RestlessCapacity-v0", {"lanes": 4, "n_steps": 20, "batch_size": 80}, 160),
    "sequoia": ("budgetgym/RestlessCapacity-v0", {"lanes": 4, "warm_states": 64, "learning_starts": 8, "batch_size": 16}, 80),
}


@pytest.mark.parametrize("name", LEARNERS)
def test_every_learner_can_be_watched(name, tmp_path):
    """A checkpoint is what an evaluation at the same time saw, also where decisions are made from a copy of the network;
    and who is watched learns the same."""
    id, settings, timesteps = LEARNERS[name]
    problem = as_problem(gym.make(id, **SMALLER.get(id, {})))
    out = tmp_path / "agent.zip"
    agents = [make_agent(name, problem, seed=3, **settings) for _ in range(2)]
    watched, alone = agents
    often = [evaluate_every(timesteps // 2, watched, out, 10), checkpoint_every(timesteps // 2, watched, out)]  # type: ignore[arg-type]
    watched.learn(timesteps, often)  # type: ignore[attr-defined]
    alone.learn(timesteps)  # type: ignore[attr-defined]
    seen = pd.read_csv(tmp_path / "agent-evaluations.csv")
    assert len(seen) >= 1
    for steps, score in zip(seen["timesteps"], seen[problem.score], strict=True):
        saved = make_agent(f"{name}:path={tmp_path / f'agent-{steps}.zip'}", problem)
        assert evaluate(saved, problem, 10, EVALUATION_SEED).summary[problem.score] == pytest.approx(score)
    found = [evaluate(agent, problem, 20).episodes["return"].tolist() for agent in agents]
    assert found[0] == found[1]


def test_who_is_killed_while_saving_leaves_the_file_before(tmp_path, monkeypatch):
    problem = as_problem(gym.make(ID, T=20))
    agent: Any = make_agent("ppo", problem, lanes=4, n_steps=10, batch_size=40)
    out = tmp_path / "ppo.zip"
    agent.learn(40, evaluate_every(40, agent, out, 5))
    before = (tmp_path / "ppo-best.zip").read_bytes()

    def dies_half_way(path):
        path.write_bytes(b"half")
        raise OSError("killed")

    monkeypatch.setattr(agent, "save", dies_half_way)
    with pytest.raises(OSError, match="killed"):
        agent.learn(40, evaluate_every(40, agent, out, 5))
    assert (tmp_path / "ppo-best.zip").read_bytes() == before


@pytest.mark.parametrize("make", [checkpoint_every, evaluate_every])
def test_it_says_what_was_expected(make, tmp_path):
    with pytest.raises(ValueError, match=r"-every is 0; expected"):
        make(0, None, tmp_path)
    assert isinstance(make(5, None, tmp_path), EveryNTimesteps)


def test_episodes_belong_to_evaluations(tmp_path):
    ran = CliRunner().invoke(app, ["train", ID, "--episodes", "5", "--out", str(tmp_path / "ppo.zip")])
    assert "without --evaluate-every" in str(ran.exception)
