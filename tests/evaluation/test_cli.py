import json
import os
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
from budgetgym.agents.registry import read_value
from budgetgym.evaluation.cli import main

ID = "budgetgym/RealTimeBidding-v0"
SMALL = "ppo:lanes=4:n_steps=50:batch_size=200"
FAST = ["--set", "T=40", "--episodes", "20"]


def run(*arguments, **settings):
    command = [sys.executable, "-c", "from budgetgym.evaluation.cli import main; main()", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, **settings)


def test_list():
    ran = run("list")
    assert ran.returncode == 0
    assert ID in ran.stdout
    assert ran.stdout.count("Whittle indices") == 1  # five environments of one family, one list
    assert "rlb" in ran.stdout
    assert "rlb" in json.loads(run("list", "--json").stdout)[ID]


def test_compare_prints_a_table_and_writes_results(tmp_path):
    out = tmp_path / "results"
    ran = run("compare", ID, *FAST, "--agents", "lin:b0=20,constant", "--budgets", "c0=1/8,1/2", "--out", str(out))
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count("lin:b0=20") >= 2
    assert "c0=1/2" in ran.stdout
    assert f"report:  {out / 'report.html'}" in ran.stdout
    rows = pd.read_parquet(out / "results.parquet")
    assert len(rows) == 80
    assert rows["command"].iloc[0].startswith("budgetgym compare budgetgym/RealTimeBidding-v0 --set T=40")


def test_compare_for_machines():
    ran = run("compare", ID, *FAST, "--agents", "lin:b0=20,constant", "--json")
    rows = json.loads(ran.stdout)
    assert [row["agent"] for row in rows] == ["lin:b0=20", "constant"]
    assert rows[0]["episodes"] == 20


def test_settings_are_read_as_numbers_ranges_and_text():
    texts = ["7", "0.5", "true", "100..300", "1/32..1/2", "../log..txt", "c0..1", "1/32"]
    assert [read_value(text) for text in texts] == [7, 0.5, True, (100, 300), (1 / 32, 0.5), "../log..txt", "c0..1", "1/32"]
    ran = run("compare", ID, *FAST, "--agents", "constant", "--set", "budget=50..200", "--set", "instance=1458")
    assert ran.returncode == 0, ran.stderr
    assert "50..200" in ran.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["compare", "budgetgym/RealTimeBiding-v0", "--agents", "lin"], "did you mean 'budgetgym/RealTimeBidding-v0'"),
        (["compare", ID, "--agents", "ln"], "did you mean 'lin'"),
        (["compare", ID, "--agents", "lin", "--set", "bugdet=3"], "did you mean 'budget'"),
        (["compare", ID, "--agents", "lin", "--set", "budget"], "expected KEY=VALUE"),
        (["compare", ID, "--agents", "lin", "--set", "log=nowhere.txt"], "nowhere.txt"),
        (["compare", ID, "--agents", "lin", "--episodes", "many"], "episodes is 'many'"),
        (["compare", ID, "--agents", "lin", "--episodes", "0"], "episodes is 0"),
        (["compare", ID, "--agents", "lin", "--episodes", "5", "--precision", "0.1"], "expected only one of them"),
        (["compare", ID, "--agents", "ppo", *FAST], "ppo has not learned"),
        (["train", ID, "--agent", "rlb"], "does not learn"),
        (["--import", "no_such_module", "list"], "--import no_such_module: No module named"),
        (["--import", "broken_module", "list"], "--import broken_module: RuntimeError: mine"),
        (["compare", "CartPole-v1", "--agents", "random"], "CartPole-v1 is not an environment of this suite"),
        (["compare", ID, "--agents", "lin", "--set", "T=5", "--set", "T=6"], "--set: 'T' is given twice"),
        (["compare", ID, "--agents", "lin", "--set", "c0=true"], "c0 is True; expected a share"),
        (["compare", ID, "--agents", "lin", "--set", f"T={2**63}"], f"T is {2**63}; expected at most"),
        (
            ["compare", ID, "--agents", "lin", "--episodes", f"1{'0' * 400}"],
            "episodes is an integer of about 400 digits",
        ),
        (["compare", ID, "--agents", "lin", "--episodes", "²"], "episodes is '²'"),
        (["compare", ID, "--agents", "lin", "--budgets", "1e400"], "'1e400' is not a number"),
        (["compare", ID, "--agents", "lin", "--seed", "-1"], "seed is -1; expected an integer >= 0"),
        (["compare", ID, "--agents", "lin:b0=1/0..2"], "'1/0..2' is no range"),
        (["compare", ID, "--agents", "constant:bid=true"], "bid is True"),
        (["compare", ID, "--agents", "ppo:path=3"], "path is '3'; expected the file of a saved agent"),
        (["compare", ID, "--agents", "ppo:path=no_zip.zip"], "no_zip.zip is not a zip file"),
        (
            ["compare", "budgetgym/WorkflowRouting-v0", "--agents", "random", "--set", "instance_seed=abc"],
            "instance_seed is 'abc'",
        ),
        (["train", ID, "--timesteps", "0"], "timesteps is 0; expected an integer >= 1"),
        (["train", ID, "--agent", "ppo:n_steps=1:lanes=1"], "ppo can't be made with n_steps=1, lanes=1: `n_steps * n_envs`"),
        (["train", ID, "--agent", "ppo:gamma=x"], "gamma is 'x'; expected a number"),
        (["train", ID, "--evaluate-every", "5", "--episodes", "0"], "episodes is 0"),
        (["train", ID, "--tensorboard", "no_zip.zip"], "no_zip.zip can't be written"),
        (["train", "budgetgym/RestlessCapacity-v0", "--agent", "sequoia:time_limit=x"], "time_limit is 'x'"),
        (["leaderboard", "--effort", "inf"], "effort is inf; expected a finite number > 0"),
        (["leaderboard", "--render", "other.parquet"], "other.parquet is not a leaderboard's: it has no column 'environment'"),
        (["leaderboard", "--render", "no_zip.zip"], "no_zip.zip is not the Parquet file of a leaderboard"),
        (["frontier", "--log", "no_zip.zip", "--routers", ","], "routers is empty"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "no_zip.zip").write_bytes(b"no zip")
    (tmp_path / "broken_module.py").write_text("raise RuntimeError('mine')")
    pd.DataFrame({"mine": [1]}).to_parquet(tmp_path / "other.parquet")
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "argv", ["budgetgym", *arguments])
    monkeypatch.setattr(signal, "signal", lambda *handler: None)
    with pytest.raises(SystemExit) as exit:
        main()
    assert exit.value.code == 2
    [line] = capsys.readouterr().err.strip().split("\n")
    assert message in line


def test_a_mistake_has_no_traceback():
    ran = run("compare", ID, "--agents", "ln")
    assert ran.returncode == 2
    assert ran.stderr.strip().startswith("budgetgym: no agent 'ln'; did you mean 'lin'")


def test_train_then_compare(tmp_path):
    path = tmp_path / "ppo.zip"
    ran = run("train", ID, "--set", "T=20", "--timesteps", "1000", "--agent", SMALL, "--out", str(path))
    assert ran.returncode == 0, ran.stderr
    assert path.exists()
    ran = run("compare", ID, "--set", "T=20", "--episodes", "5", "--agents", f"lin,ppo:path={path}")
    assert ran.returncode == 0, ran.stderr
    assert "ppo:path" in ran.stdout


def test_ctrl_c_keeps_what_is_finished(tmp_path):
    """The first agent is quick; the second, with a large table to compute, is interrupted."""
    log = tmp_path / "log.txt"
    log.write_text("".join(f"0 {k % 150} 0.0{k % 7}1\n" for k in range(3000)))
    code = "from budgetgym.evaluation.cli import main; main()"
    arguments = ["compare", ID, "--set", f"log={log}", "--set", "c0=1", "--agents", "constant,rlb", "--out", str(tmp_path)]
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "BUDGETGYM_CACHE": str(tmp_path / "cache")},
        # Where the tests run in the background of a script, Ctrl-C is ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 200
    while not list(tmp_path.glob("cells/constant-*.json")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=200)
    assert process.returncode == 130, stderr
    assert "interrupted; what is finished is in" in stderr
    assert "constant" in stdout
    assert pd.read_parquet(tmp_path / "results.parquet")["agent"].unique().tolist() == ["constant"]
