"""The leaderboard: whatever interrupts it, the numbers are the same in the end."""

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from budgetgym.envs import family
from budgetgym.evaluation.cli import app
from budgetgym.evaluation.leaderboard import TIMES, as_table, plan_runs, run_leaderboard, write_leaderboard
from budgetgym.evaluation.leaderboard_page import write_page
from budgetgym.evaluation.leaderboard_run import RESAMPLES
from budgetgym.evaluation.leaderboard_table import groups, ranked, standing
from typer.testing import CliRunner

ID = "budgetgym/SocialSteering-v0"
TINY = "ppo:lanes=4:n_steps=50:batch_size=200"
LONG = f"{TINY}:n_epochs=30"
ARGUMENTS = ["leaderboard", "--envs", ID, "--seeds", "2", "--episodes", "100", "--effort", "1e-4"]


def start(out, *arguments):
    code = "from budgetgym.evaluation.cli import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", code, *ARGUMENTS, *arguments, "--out", str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Where the tests run in the background of a script, Ctrl-C is ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def finish(out, agents, **settings):
    return run_leaderboard(out, [ID], agents, 2, episodes=100, effort=1e-4, **settings)


def interrupt(out, sent, finished, *arguments):
    """Start, and send a signal as soon as `finished` runs are finished."""
    process = start(out, *arguments)
    deadline = time.monotonic() + 100
    while len(list(out.glob("cells/*.json"))) < finished and time.monotonic() < deadline:
        time.sleep(0.002)
    process.send_signal(sent)
    _, stderr = process.communicate(timeout=100)
    return process.returncode, stderr


def test_interrupted_at_any_moment_it_ends_with_the_same_numbers(tmp_path):
    """Killed while a learner learns, stopped by Ctrl-C while another one does, then finished."""
    agents = ["null", "random", LONG]
    out = tmp_path / "interrupted"
    assert interrupt(out, signal.SIGKILL, 2, "--agents", ",".join(agents))[0] == -signal.SIGKILL
    kept = {path: path.stat().st_mtime_ns for path in out.glob("cells/*.json")}
    assert 2 <= len(kept) < 4
    code, stderr = interrupt(out, signal.SIGINT, 3, "--agents", ",".join(agents))
    assert code == 130
    assert "run the same command to continue" in stderr
    assert "Traceback" not in stderr
    resumed = finish(out, agents).drop(columns=list(TIMES))
    assert all(path.stat().st_mtime_ns == before for path, before in kept.items())  # nothing was done twice
    pd.testing.assert_frame_equal(resumed, finish(tmp_path / "whole", agents).drop(columns=list(TIMES)))
    assert resumed["agent"].tolist() == ["null", "random", LONG, LONG]
    assert (resumed["status"] == "finished").all()
    assert resumed["training_decisions"].dropna().min() >= 600


@pytest.fixture
def own_registry(monkeypatch):
    monkeypatch.setattr(family, "_added", {name: dict(agents) for name, agents in family._added.items()})
    yield
    sys.modules.pop("faulty_agents", None)


def test_what_breaks_is_reported_and_loses_nothing_else(tmp_path, own_registry):
    trap = "budgetgym/TrapTree-v0"
    names = ["breaks", "greedy", "dies", "systematic", "contrarian"]
    table = run_leaderboard(tmp_path, [trap], names, episodes=30, imports=["faulty_agents"])
    rows = table.set_index("agent")
    assert rows["status"].tolist() == ["failed", "finished", "failed", "left out", "finished"]
    assert rows["reason"]["breaks"] == "RuntimeError: out of luck"
    assert "predict" in rows["traceback"]["breaks"]
    assert rows["reason"]["dies"] == "its process ended with exit code 7"
    assert "backtrack=True" in rows["reason"]["systematic"]
    assert rows["share"]["contrarian"] == 1.0
    page, plot = write_leaderboard(table, tmp_path)
    text = page.read_text()
    assert "**2 of the runs failed**" in text
    assert "- `dies`: its process ended with exit code 7" in text
    assert plot is None  # only baselines: nothing to compare
    assert pd.read_parquet(tmp_path / "leaderboard.parquet")["episodes"].tolist() == [30] * 5


def test_a_newcomers_row(tmp_path):
    """The example's own command, from its folder."""
    import leaderboard_row

    command = re.search(r"budgetgym (--import .*)", leaderboard_row.__doc__).group(1).split()  # type: ignore[union-attr, arg-type]
    code = "from budgetgym.evaluation.cli import main; main()"
    arguments = [*command, "--episodes", "200", "--out", str(tmp_path)]
    folder = Path(leaderboard_row.__file__).parent
    ran = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=200, cwd=folder)
    assert ran.returncode == 0, ran.stderr
    rows = pd.read_parquet(tmp_path / "leaderboard.parquet").set_index("agent")
    assert rows["status"].tolist() == ["finished"] * 3
    assert 0.5 < rows["share"]["even_pace"] < 1.1
    assert rows["information"]["even_pace"] == "observation"
    assert rows["command"].iloc[0].startswith("budgetgym --import leaderboard_row")
    assert "`even_pace`" in (tmp_path / "leaderboard.md").read_text()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"envs": ["budgetgym/TrapTre-v0"]}, "no environment 'budgetgym/TrapTre-v0'; did you mean"),
        ({"agents": ["nul"]}, "agent 'nul' serves none of these environments; did you mean 'null'"),
        ({"agents": ["null:x=1"]}, "agent 'null' has no setting 'x'"),
        ({"agents": ["null", "null"]}, "expected each of them once"),
        ({"envs": []}, "expected at least one of each"),
        ({"seeds": 0}, "seeds"),
        ({"workers": 0}, "workers"),
        ({"episodes": 0}, "episodes"),
        ({"effort": 0.0}, "effort is 0.0"),
    ],
)
def test_mistakes_are_found_before_anything_is_run(tmp_path, settings, message):
    with pytest.raises(ValueError, match=message):
        run_leaderboard(tmp_path, **settings)
    assert not list(tmp_path.iterdir())


def test_slow_agents_play_the_first_of_the_same_episodes():
    runs = {run.agent: run for run in plan_runs([ID], ["null", "flare", "ppo"], 3, None, 1.0)}
    assert runs["null"].episodes > runs["flare"].episodes > 0
    assert plan_runs([ID], ["flare"], 3, 5, 1.0)[0].episodes == 5
    assert [run.training_seed for run in plan_runs([ID], ["ppo"], 3, None, 1.0)] == [0, 1, 2]


def board():
    """Two environments; a learner with two seeds in the first, baselines and planners in both."""
    rng = np.random.default_rng(0)
    rows = []
    shares = {"ppo": [0.9, 0.7], "flare": [0.85], "threshold": [0.8], "random": [0.3], "optimal": [1.0]}
    for environment in ("budgetgym/A-v0", "budgetgym/B-v0"):
        for agent, values in shares.items():
            if environment == "budgetgym/B-v0" and agent == "ppo":
                continue
            for seed, share in enumerate(values):
                rows.append(
                    {
                        "environment": environment,
                        "agent": agent,
                        "training_seed": seed if agent == "ppo" else None,
                        "learns": agent == "ppo",
                        "status": "finished",
                        "share": share,
                        "share_of": "optimum",
                        "score": 10 * share,
                        "score_name": "return",
                        "null": 0.0,
                        "optimum": 10.0,
                        "instance": "a toy",
                        "budget": "5",
                        "cvar": 5 * share,
                        "spent_share": 0.5,
                        "violations": 0,
                        "blocked": 3,
                        "latency_us": 10.0,
                        "information": "model",
                        "episodes": 30,
                        "resampled_shares": share + rng.normal(0, 0.01, RESAMPLES),
                        "versions": {},
                    }
                )
    return as_table(rows, "command")


def test_groups_and_standings():
    table = board()
    ranks = ranked(table)
    assert ranks["agent"].tolist()[:5] == ["optimal", "flare", "ppo", "threshold", "random"]
    ppo = ranks[ranks["agent"] == "ppo"].iloc[0]
    assert (ppo["share"], ppo["runs"], ppo["blocked"]) == (pytest.approx(0.8), 2, pytest.approx(0.1))
    assert ppo["share_low"] < 0.72  # the spread of the seeds, far above that of the episodes
    assert ranks[ranks["agent"] == "flare"].iloc[0]["share_low"] > 0.82
    compared = groups(ranks)
    assert compared["best baseline"] == {"budgetgym/A-v0": "threshold", "budgetgym/B-v0": "threshold"}
    assert compared["best learner"] == {"budgetgym/A-v0": "ppo"}
    learner = standing(table, "ppo", compared["best learner"], compared["best baseline"])
    assert learner.statistics["improvement"].value == pytest.approx(0.5)  # one of two seeds
    planner = standing(table, "flare", compared["best planner"], compared["best baseline"])
    assert planner.statistics["interquartile mean"].value == pytest.approx(0.85)
    assert planner.statistics["improvement"].value == 1.0


def test_the_page_is_the_same_from_the_parquet_file_and_needs_no_matplotlib(tmp_path, monkeypatch):
    page, plot = write_leaderboard(board(), tmp_path)
    assert plot is not None
    assert plot.read_bytes()[:4] == b"\x89PNG"
    again, _ = write_page(pd.read_parquet(tmp_path / "leaderboard.parquet"), tmp_path / "again")
    assert page.read_text() == again.read_text()
    assert "over the environments that all of these groups serve: A-v0." in page.read_text()
    table = board()
    table[table["agent"] == "ppo"].to_parquet(tmp_path / "alone.parquet")
    shown = CliRunner().invoke(
        app, ["leaderboard", "--render", str(tmp_path / "alone.parquet"), "--out", str(tmp_path / "alone")]
    )
    assert "no two groups of agents to compare" in shown.output
    assert "pip install" not in shown.output
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    without, plot = write_page(board(), tmp_path / "without")
    assert plot is None
    assert "profiles.png" not in without.read_text()
