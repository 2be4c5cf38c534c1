import os
import resource
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
from budgetgym.evaluation.training import EVALUATION_SEED, checkpoint_every, evaluate_every, save_last
from stable_baselines3.common.callbacks import EveryNTimesteps
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from typer.testing import CliRunner

ID = "budgetgym/RealTimeBidding-v0"
SMALL = "ppo:lanes=4:n_steps=50:batch_size=200"
CODE = "from budgetgym.evaluation.cli import main; main()"


def run(*arguments):
    return subprocess.run([sys.executable, "-c", CODE, *map(str, arguments)], capture_output=True, text=True, timeout=240)


@pytest.mark.filterwarnings("ignore:rich is experimental")
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
    # Go on with the same OUT: nothing of the first run is lost, and counts go on.
    before = {name: (tmp_path / name).read_bytes() for name in names}
    other = make_agent(f"ppo:path={out}", gym.make(ID, T=20))
    ran = run("train", *task, "--timesteps", 800, "--agent", f"ppo:path={tmp_path / 'ppo-800.zip'}", "--out", out, *often)
    assert ran.returncode == 0, ran.stderr
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == sorted(
        [*names, "ppo-1200.zip", "ppo-1600.zip"]
    )
    assert all((tmp_path / name).read_bytes() == before[name] for name in ("ppo-400.zip", "ppo-800.zip"))
    later = pd.read_csv(tmp_path / "ppo-evaluations.csv")
    pd.testing.assert_frame_equal(later.iloc[:2], evaluations)
    assert later["timesteps"].tolist() == [400, 800, 1200, 1600]
    assert later["seconds"].is_monotonic_increasing
    best = make_agent(f"ppo:path={tmp_path / 'ppo-best.zip'}", gym.make(ID, T=20, c0=1 / 8))
    again = evaluate(best, gym.make(ID, T=20, c0=1 / 8), 20, EVALUATION_SEED).summary["theta_value"]
    assert again == pytest.approx(later["theta_value"].max())
    first, then = (make_agent(f"ppo:path={path}", gym.make(ID, T=20)) for path in (tmp_path / "ppo-800.zip", out))
    weights = [agent.model.policy.state_dict()["value_net.weight"].numpy() for agent in (first, then, other)]  # type: ignore[attr-defined]
    step = [np.abs(later - weights[0]).max() for later in weights[1:]]
    assert 0 < step[0] < 10 * step[1]  # it went on from there
    # What would lose something is refused before it learns.
    on = f"ppo:path={out}"
    for arguments, message in (
        (["--agent", SMALL], f"{out} is there already, from an earlier run"),
        (["--agent", on, *often, "--episodes", "30"], "over 20 episodes, this run 30"),
        (["--agent", on, *often, "--set", "noise=0.1"], "is of another run"),
    ):
        with pytest.raises(ValueError, match=message):
            CliRunner().invoke(app, [str(a) for a in ("train", *task, *arguments, "--out", out)], catch_exceptions=False)
    ran = CliRunner().invoke(
        app, [*map(str, ["train", *task, "--timesteps", 200, "--agent", SMALL, "--out", out]), "--overwrite"]
    )
    assert ran.exit_code == 0, ran.output
    assert make_agent(f"ppo:path={out}", gym.make(ID, T=20)).model.num_timesteps == 200  # type: ignore[attr-defined]
    assert not (tmp_path / "ppo-best.zip").exists()


def counted(agent: Any) -> list[int]:
    """Counts of decisions while it learns from 80 more."""
    seen = []
    agent.learn(80, lambda places, _: seen.append(places["self"].num_timesteps) is None)
    return seen


def test_going_on_continues_counts_schedules_and_the_scale_of_rewards(tmp_path):
    problem = as_problem(gym.make(ID, T=20))
    agent: Any = make_agent("ppo", problem, seed=7, lanes=4, n_steps=10, batch_size=40, learning_rate=1e-3)
    assert counted(agent)[-1] == 80
    agent.save(tmp_path / "ppo")
    loaded: Any = make_agent(f"ppo:path={tmp_path / 'ppo'}:batch_size=20", problem)
    assert loaded.model.seed == 7
    assert (loaded.model.n_steps, loaded.model.batch_size, loaded.model.learning_rate) == (10, 20, 1e-3)
    scales = [vars(a.model.get_vec_normalize_env().ret_rms) for a in (agent, loaded)]
    assert scales[0] == scales[1]
    assert counted(loaded) == list(range(84, 164, 4))
    assert loaded.model._current_progress_remaining == 0.0
    assert counted(agent)[0] == 84  # without a file too
    shorter = save_last(make_agent(f"ppo:path={tmp_path / 'ppo'}", problem), tmp_path / "ppo.zip")
    assert shorter == tmp_path / "ppo.zip"
    loaded.save(tmp_path / "ppo.zip")
    assert save_last(agent.learn(0), tmp_path / "ppo.zip") == tmp_path / "ppo.zip"
    assert (
        save_last(make_agent("ppo", problem, lanes=4, n_steps=10, batch_size=40).learn(40), tmp_path / "ppo.zip").name
        == "ppo-40.zip"
    )  # type: ignore[attr-defined]


def test_off_policy_replay_fills_again_before_learning_goes_on(tmp_path):
    env = gym.make("budgetgym/SocialSteering-v0", discrete=True)
    small: dict[str, Any] = {"lanes": 4, "learning_starts": 40, "batch_size": 8, "buffer_size": 400}
    agent: Any = make_agent("dqn", env, **small).learn(200)  # type: ignore[attr-defined]
    rate = agent.model.exploration_rate
    agent.save(tmp_path / "dqn.zip")
    loaded: Any = make_agent(f"dqn:path={tmp_path / 'dqn.zip'}", env)
    done = loaded.model._n_updates
    loaded.learn(40)
    assert loaded.model._n_updates == done == agent.model._n_updates
    loaded.learn(40)
    assert loaded.model._n_updates > done
    assert loaded.model.exploration_rate <= rate


def test_sigterm_keeps_what_was_learned_and_every_checkpoint(tmp_path):
    """As Ctrl-C does: Slurm and Kubernetes end runs by it."""
    out = tmp_path / "ppo.zip"
    arguments = ["train", ID, "--set", "T=20", "--agent", SMALL, "--out", str(out), "--checkpoint-every", "400"]
    process = subprocess.Popen(
        [sys.executable, "-c", CODE, *arguments],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
    )
    deadline = time.monotonic() + 100
    while len(list(tmp_path.glob("ppo-*.zip"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
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


def test_a_full_disk_leaves_the_agent_before(tmp_path):
    agent: Any = make_agent("ppo", gym.make(ID, T=20), lanes=4, n_steps=10, batch_size=40).learn(40)  # type: ignore[attr-defined]
    path = tmp_path / "ppo.zip"
    agent.save(path)
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match=f"{path} can't be written, and is as it was"):
            agent.save(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_out_is_tried_before_anything_is_learned(tmp_path):
    (tmp_path / "agent.zip").mkdir()
    (tmp_path / "file").write_text("")
    for out, message in (
        ("agent", "agent.zip is a folder; expected the path of a file"),
        ("file/a.zip", "file/a.zip can't be written"),
    ):
        with pytest.raises(OSError, match=message):
            CliRunner().invoke(app, ["train", ID, "--out", str(tmp_path / out)], catch_exceptions=False)


@pytest.mark.parametrize("make", [checkpoint_every, evaluate_every])
def test_it_says_what_was_expected(make, tmp_path):
    with pytest.raises(ValueError, match=r"-every is 0; expected"):
        make(0, None, tmp_path / "agent.zip")
    learner: Any = make_agent("ppo", gym.make(ID, T=20))
    assert isinstance(make(5, learner, tmp_path / "agent.zip"), EveryNTimesteps)


def test_episodes_belong_to_evaluations(tmp_path):
    ran = CliRunner().invoke(app, ["train", ID, "--episodes", "5", "--out", str(tmp_path / "ppo.zip")])
    assert "without --evaluate-every" in str(ran.exception)
