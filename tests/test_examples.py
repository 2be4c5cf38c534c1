"""The examples run, and do what they say."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import budgetgym
import gymnasium as gym
import numpy as np
import pytest
from budgetgym.evaluation.leaderboard import run_leaderboard
from budgetgym.testing import check_family
from own_problem import FAMILY
from toy_logs import toy_frame

KNAPSACK = "example/OnlineKnapsack-v0"


def test_own_problem_is_a_family_like_ours():
    """By one call: ids, checks, every agent that fits, shares of the optimum, and pictures."""
    check_family(FAMILY, [{}, {"capacity": (1.0, 8.0)}, {"horizon": 7, "heaviest": 3.0}, {"budget_aware": False}])
    learners, planners = ["ppo", "a2c", "dqn", "maskable_ppo", "recurrent_ppo"], ["flare", "one_step", "beam", "mds", "bavt"]
    assert budgetgym.list_agents(KNAPSACK) == ["price", "random", *learners, *planners]
    table = budgetgym.compare(KNAPSACK, ["price", "random", "one_step"], episodes=100).set_index("agent")
    assert table["share_of_optimum"]["random"] < 0.7 < table["share_of_optimum"]["one_step"]
    assert 0.85 < table["share_of_optimum"]["price"] < 1.0
    frame = gym.make(KNAPSACK, render_mode="rgb_array")
    frame.reset(seed=0)
    assert np.asarray(frame.render()).ndim == 3


@pytest.mark.parametrize("name", ["ppo", "a2c", "dqn", "maskable_ppo", "recurrent_ppo"])
def test_learners_serve_own_problem(name):
    small = {"dqn": {"learning_starts": 64}}.get(name, {"n_steps": 8, "batch_size": 64} if "ppo" in name else {})
    learner: Any = budgetgym.make_agent(name, KNAPSACK, lanes=8, **small)
    assert budgetgym.evaluate(learner.learn(256), KNAPSACK, 5).summary["share_of_optimum"] > -1.0


@pytest.mark.parametrize("name", ["flare:simulations=32", "beam", "mds:simulations=32", "bavt"])
def test_planners_serve_own_problem(name):
    """With random actions as what to improve on: better than these."""
    planner = budgetgym.make_agent(name, KNAPSACK)
    assert budgetgym.evaluate(planner, KNAPSACK, 2).summary["share_of_optimum"] > 0.55


def test_own_problem_has_a_row_on_the_leaderboard(tmp_path):
    table = run_leaderboard(tmp_path, [KNAPSACK], ["price", "a2c:lanes=8"], seeds=1, episodes=20, effort=1e-4)
    assert table["status"].tolist() == ["finished", "finished"]
    assert table["share"].iloc[0] > 0.8


def test_own_problem_is_compared_on_the_command_line():
    arguments = ["--import", "own_problem", "compare", KNAPSACK, "--agents", "price,random", "--episodes", "20", "--json"]
    command = [sys.executable, "-c", "from budgetgym.evaluation.cli import main; main()", *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[1] / "examples")
    assert [row["agent"] for row in json.loads(ran.stdout)] == ["price", "random"]


def test_train_ppo(capsys):
    import train_ppo

    train_ppo.main(timesteps=6400)
    assert re.findall("^(untrained|trained): [0-9.]+% of the optimum", capsys.readouterr().out, flags=re.MULTILINE) == [
        "untrained",
        "trained",
    ]


# Scripts of other people's libraries, which know our ids and nothing else of the suite.
TRAPTREE, STEERING = "budgetgym:budgetgym/TrapTree-v0", "budgetgym:budgetgym/SocialSteering-v0"


def test_sb3_script():
    import sb3_script

    assert max(sb3_script.main(TRAPTREE, timesteps=30_000).values()) > 0.05  # at random 0.005
    returns = sb3_script.main(STEERING, timesteps=1000)
    assert list(returns) == ["PPO", "A2C", "SAC"]
    assert all(-3.0 < mean < 0.0 for mean in returns.values())


def test_ppo_discrete():
    import ppo_discrete

    history = ppo_discrete.main(["--env-id", TRAPTREE, "--total-timesteps", "150000"])
    assert history[0] < 0.05
    assert history[-1] > 0.3
    with pytest.raises(TypeError, match="expected Box and Discrete"):
        ppo_discrete.main(["--env-id", STEERING])


def test_ppo_discrete_learns_where_episodes_are_cut_short():
    import ppo_discrete

    history = ppo_discrete.main(
        ["--env-id", "CartPole-v1", "--num-envs", "8", "--num-steps", "128", "--total-timesteps", "25000"]
    )
    assert history[0] < 40
    assert max(history[-5:]) > 120


def test_ppo_continuous():
    import ppo_continuous

    history = ppo_continuous.main(["--env-id", STEERING, "--total-timesteps", "120000"])
    assert history[0] < -1.0
    assert history[-1] > -0.6  # the optimum is -.42, silence -1.1


# TorchRL's own: it moves its collectors, and brings SWIG types in.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning:torchrl.*")
def test_torchrl_ppo():
    import torchrl_ppo

    history = torchrl_ppo.main(TRAPTREE, total_frames=12_000)
    assert len(history) == 3
    assert history[-1] > history[0]


def test_rllib_ppo():
    pytest.importorskip("ray.rllib", reason="RLlib pins another Gymnasium; `make rllib` runs this test")
    import rllib_ppo

    history = rllib_ppo.main(TRAPTREE, iterations=7)
    assert history[0] < 0.1
    assert history[-1] > 0.2


def test_auction_ppo(capsys, tmp_path):
    import auction_ppo

    distances = auction_ppo.main(rounds=2, timesteps=50_000, picture=str(tmp_path / "auction.png"))
    assert distances[2] < distances[0] / 2  # closer to the equilibrium
    assert (tmp_path / "auction.png").stat().st_size > 10_000
    assert capsys.readouterr().out.count("equilibrium") == 3


def test_society_ppo(capsys, tmp_path):
    import society_ppo

    rows = society_ppo.main(rounds=1, timesteps=30_000, picture=str(tmp_path / "society.png"))
    assert len(rows) == 2
    assert rows[0][2] > 0.6  # the agents have learned something, which the planner's turn does not change
    assert (tmp_path / "society.png").stat().st_size > 10_000
    assert capsys.readouterr().out.count("welfare") == 2


def test_compare_on_a_log(capsys, tmp_path):
    import compare_on_a_log

    generator = np.random.default_rng(0)
    log = np.column_stack([np.zeros(2500), generator.integers(1, 100, 2500), generator.uniform(0.001, 0.01, 2500)])
    np.savetxt(tmp_path / "log.txt", log, fmt=["%d", "%d", "%.6f"])
    compare_on_a_log.main(str(tmp_path / "log.txt"))
    printed = capsys.readouterr().out
    assert "c0=1/32" in printed
    shares = [float(line.split()[3]) for line in printed.splitlines()[1:]]
    assert len(shares) == 8
    assert shares == pytest.approx([1.0] * 8, abs=0.3)


def test_fit_your_models(capsys):
    import fit_your_models

    fit_your_models.main(episodes=300)
    printed = capsys.readouterr().out
    assert "calls per task [13.8, 12.5]" in printed
    assert all(agent in printed for agent in ("always_small", "first_large", "belief"))


def test_route_a_log(capsys, tmp_path):
    import route_a_log

    toy_frame(400).to_csv(tmp_path / "log.csv", index=False)
    route_a_log.main(str(tmp_path / "log.csv"))
    printed = capsys.readouterr().out
    assert re.search(r"knn: quality [\d.]+ of 50, \d+% of the best in hindsight", printed)


def test_maternal_health(capsys, tmp_path):
    import maternal_health

    maternal_health.main(plot=str(tmp_path / "plot.png"), episodes=40)
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:5]]
    shares = {row[0]: float(row[2]) for row in rows}
    assert list(shares) == ["random", "myopic", "whittle", "lagrangian"]
    assert shares["lagrangian"] > max(shares["random"], shares["myopic"], shares["whittle"]) + 0.05
    assert (tmp_path / "plot.png").read_bytes()[:4] == b"\x89PNG"


def test_steer_a_society(capsys, tmp_path):
    import steer_a_society

    steer_a_society.main("weizsacker", str(tmp_path / "plot.png"), episodes=500)
    printed = capsys.readouterr().out
    shares = {line.split()[0]: float(line.split()[2]) for line in printed.splitlines()[1:5]}
    assert shares["null"] == pytest.approx(0.0, abs=0.15)
    assert shares["optimal"] == pytest.approx(1.0, abs=0.15)
    assert (tmp_path / "plot.png").stat().st_size > 10_000
