"""The leaderboard: whatever interrupts it, the numbers are the same in the end."""

import signal
import subprocess
import sys
import time

import pandas as pd
from budgetgym.evaluation.leaderboard import TIMES, run_leaderboard

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
    """Start, and send a signal as soon as so many runs are finished."""
    process = start(out, *arguments)
    deadline = time.monotonic() + 100
    while len(list(out.glob("cells/*.json"))) < finished and time.monotonic() < deadline:
        time.sleep(0.002)
    process.send_signal(sent)
    _, stderr = process.communicate(timeout=100)
    return process.returncode, stderr


def test_interrupted_at_any_moment_it_ends_with_the_same_numbers(tmp_path):
    """Killed after the first run and while a learner learns, stopped by Ctrl-C while another one does, then finished."""
    agents = ["null", "random", LONG]
    out = tmp_path / "interrupted"
    assert interrupt(out, signal.SIGKILL, 1, "--agents", ",".join(agents))[0] == -signal.SIGKILL
    kept = {path: path.stat().st_mtime_ns for path in out.glob("cells/*.json")}
    assert 1 <= len(kept) < 4
    assert interrupt(out, signal.SIGKILL, 2, "--agents", ",".join(agents))[0] == -signal.SIGKILL
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
