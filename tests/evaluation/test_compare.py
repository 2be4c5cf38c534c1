import json
import re

import gymnasium as gym
import numpy as np
import pandas as pd
import pytest
from budgetgym import compare, evaluate, make_agent
from budgetgym.agents import registry as registry_module
from budgetgym.agents.registry import as_problem
from budgetgym.envs.bidding.problem import RealTimeBidding
from budgetgym.envs.routing.agentic.problem import AgenticRouting
from budgetgym.evaluation import compare as compare_module
from budgetgym.evaluation import precision as precision_module
from budgetgym.evaluation.budgets import budget_cases
from budgetgym.evaluation.compare import Interrupted, run_comparison
from budgetgym.evaluation.play import Session
from budgetgym.evaluation.table import print_table


@pytest.fixture
def env():
    return gym.make("budgetgym/RealTimeBidding-v0", T=50)


AGENTS = ["lin:b0=20", "constant", "dmd"]


def test_a_row_per_agent_and_budget(env, tmp_path):
    table = compare(env, AGENTS, 30, budgets="c0=1/8,1/2", out=tmp_path)
    assert table["budget"].tolist() == ["c0=1/8"] * 3 + ["c0=1/2"] * 3
    assert table["agent"].tolist() == AGENTS * 2
    assert table["difference"].tolist()[::3] == [0.0, 0.0]
    rows = pd.read_parquet(tmp_path / "results.parquet")
    assert len(rows) == 180
    assert {"seed", "versions", "command", "information", "instance", "tuned_on", "latency_us"} <= set(rows)
    assert "budgetgym" in json.loads(rows["versions"].iloc[0])
    html = (tmp_path / "report.html").read_text()
    assert "c0=1/2" in html
    assert all(agent in html for agent in AGENTS)


def test_an_interrupted_comparison_keeps_what_is_finished_and_continues(env, tmp_path, monkeypatch):
    played = []
    play = Session.play

    def until_the_third(self, numbers, *more):
        if len(played) == 2:
            raise KeyboardInterrupt
        played.append(len(numbers))
        return play(self, numbers, *more)

    monkeypatch.setattr(Session, "play", until_the_third)
    with pytest.raises(Interrupted):
        compare(env, AGENTS, 30, out=tmp_path)
    assert pd.read_parquet(tmp_path / "results.parquet")["agent"].unique().tolist() == AGENTS[:2]
    monkeypatch.setattr(Session, "play", lambda self, numbers, *m: played.append("again") or play(self, numbers, *m))
    table = compare(env, AGENTS, 30, out=tmp_path)
    assert played == [30, 30, "again"]
    fresh = compare(env, AGENTS, 30)
    measured = ["latency_us"]
    pd.testing.assert_frame_equal(table.drop(columns=measured), fresh.drop(columns=measured))


def test_nothing_is_kept_that_another_question_would_get(env, tmp_path, monkeypatch):
    monkeypatch.setattr(compare_module, "_check_grows", lambda *arguments: None)  # which would refuse them all
    first = compare(env, ["constant"], 10, out=tmp_path)
    assert not first.equals(compare(env, ["constant"], 10, seed=1, out=tmp_path))
    other = gym.make("budgetgym/RealTimeBidding-v0", T=51)
    assert not first["theta_value"].equals(compare(other, ["constant"], 10, out=tmp_path)["theta_value"])
    log = np.array([[0, 5, 0.1]] * 50)
    prices = []
    for price in (5, 6):
        log[:, 1] = price
        path = tmp_path / "log.txt"
        np.savetxt(path, log, fmt=["%d", "%d", "%g"])
        replay = gym.make("budgetgym/RealTimeBidding-v0", T=50, log=str(path), budget=100.0)
        prices.append(compare(replay, ["constant:bid=10"], out=tmp_path)["spent"].iloc[0])
    assert prices == [100, 96]


def test_an_agent_that_was_trained_again_is_played_again(env, tmp_path):
    learner = make_agent("ppo:lanes=4:n_steps=50:batch_size=200", env)
    scores = []
    for _ in range(2):
        learner.learn(2000).save(tmp_path / "ppo.zip")  # type: ignore[attr-defined]
        scores.append(compare(env, [f"ppo:path={tmp_path / 'ppo.zip'}"], 10, out=tmp_path)["theta_value"].iloc[0])
    assert scores[0] != scores[1]


def edited(file):
    """Other numbers in a file that can still be read."""
    if file.suffix == ".json":
        file.write_text(re.sub(r'"optimum": [\d.]+', '"optimum": 1000.0', file.read_text()))
    else:
        pd.read_parquet(file).iloc[:-1].to_parquet(file)


@pytest.mark.parametrize(
    "broken",
    [lambda file: file.write_bytes(b"cut short"), lambda file: file.write_bytes(b"{}"), edited],
    ids=["cut", "{}", "edited"],
)
@pytest.mark.parametrize("which", ["json", "episodes.parquet", "curves.parquet"])
def test_a_broken_part_is_played_again(env, tmp_path, broken, which):
    first = compare(env, ["constant"], 10, out=tmp_path)
    [file] = (tmp_path / "cells").glob(f"*.{which}")
    before = file.read_bytes()
    broken(file)
    assert file.read_bytes() != before
    again = compare(env, ["constant"], 10, out=tmp_path)
    assert again.drop(columns="latency_us").equals(first.drop(columns="latency_us"))
    [played] = (tmp_path / "cells").glob(f"*.{which}")
    assert len(played.read_bytes()) >= 0.9 * len(before)


def test_results_only_grow(env, tmp_path):
    """Agents, budgets and episodes may be added; what would be lost, or is another question, is refused beforehand."""
    first = compare(env, ["constant", "lin:b0=20"], 10, out=tmp_path)
    (tmp_path / "cells" / "left-by-who-was-killed.tmp").write_bytes(b"half")
    more = compare(env, ["constant", "lin:b0=20", "dmd"], 10, out=tmp_path)
    assert more["theta_value"].tolist()[:2] == first["theta_value"].tolist()
    assert not list(tmp_path.rglob("*.tmp"))
    compare(env, ["constant", "lin:b0=20", "dmd"], 12, out=tmp_path)
    before = (tmp_path / "results.parquet").read_bytes()
    other = gym.make("budgetgym/RealTimeBidding-v0", T=51)
    for mistake, asked in {
        "results of agent lin:b0=20, dmd, which this comparison leaves out": (env, ["constant"], 12, 0),
        "results for seed 0, and here seed is 1": (env, ["constant", "lin:b0=20", "dmd"], 12, 1),
        "has 12 episodes, and this comparison may have fewer": (env, ["constant", "lin:b0=20", "dmd"], 10, 0),
        "results for settings": (other, ["constant", "lin:b0=20", "dmd"], 12, 0),
    }.items():
        with pytest.raises(ValueError, match=mistake):
            compare(*asked, out=tmp_path)
    assert (tmp_path / "results.parquet").read_bytes() == before
    (tmp_path / "results.parquet").write_bytes(b"no table")
    with pytest.raises(ValueError, match="is not the result of a comparison"):
        compare(env, ["constant"], 10, out=tmp_path)


def test_out_is_tried_before_anything_is_played(env, tmp_path, monkeypatch):
    monkeypatch.setattr(Session, "play", lambda *a, **k: pytest.fail("played"))
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OSError, match=r"file/sub can't be written"):
        compare(env, ["constant"], 5, out=tmp_path / "file" / "sub")


def test_agents_as_objects_have_names(env):
    table = compare(env, {"mine": make_agent("constant", env), "yours": make_agent("lin:b0=9", env)}, 5)
    assert table["agent"].tolist() == ["mine", "yours"]
    with pytest.raises(ValueError, match="named twice"):
        compare(env, ["lin", "lin"], 5)


def test_other_spellings_of_the_same_question(env, tmp_path):
    compare(env, ["lin:b0=10.0"], 5, out=tmp_path)
    both = compare(env, ["lin:b0=10.0", "lin:b0=1e1"], 5, out=tmp_path)
    assert both["agent"].tolist() == ["lin:b0=10.0", "lin:b0=1e1"]
    assert len(list(tmp_path.glob("cells/*.json"))) == 1
    assert compare(env, {"lin: mine": make_agent("lin:b0=9", env)}, 5)["agent"].tolist() == ["lin: mine"]
    assert compare(env, ["constant"], 2, budgets=[1000000, 1000001])["budget"].tolist() == ["1e+06", "1000001.0"]
    with pytest.raises(ValueError, match="every budget once"):
        compare(env, ["constant"], 2, budgets=[2000, 2000.0])
    with pytest.raises(TypeError, match="'lin' is 'rlb'"):
        compare(env, {"lin": "rlb"}, 2)  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("agents", "settings", "message"),
    [
        (["rbl"], {}, "did you mean 'rlb'"),
        (["lin:b=3"], {}, "no setting 'b'"),
        ([], {}, "agents is empty"),
        (["lin"], {"budgets": "c1=3"}, "'c1'"),
        (["lin"], {"budgets": "c0=x"}, "'x' is not a number"),
        (["lin"], {"budgets": []}, "at least one"),
    ],
)
def test_mistakes_are_found_before_anything_is_played(env, agents, settings, message, monkeypatch):
    monkeypatch.setattr(Session, "play", lambda *a, **k: pytest.fail("played"))
    with pytest.raises(ValueError, match=message):
        compare(env, agents, 5, **settings)


def test_budgets_are_named_as_papers_name_them(env):
    problem = as_problem(env)
    assert [case.label for case in budget_cases(problem, "c0=1/32,0.5,0.3")] == ["c0=1/32", "c0=1/2", "c0=0.3"]
    assert [case.label for case in budget_cases(problem, [100, 2000])] == ["100", "2000"]
    assert budget_cases(problem, {"c0": [1 / 16]})[0].problem.budget.range_of("money") == (196.0, 196.0)
    assert budget_cases(as_problem(gym.make("budgetgym/RealTimeBidding-v0", c0=1 / 4)), None)[0].label == "c0=1/4"
    mixed = as_problem(gym.make("budgetgym/RealTimeBidding-v0", budget=7.0))
    assert budget_cases(mixed, "c0=1/8")[0].problem.budget.range_of("money")[0] > 7


def test_precision_plays_as_many_episodes_as_it_takes_and_none_twice(env, tmp_path, monkeypatch):
    asked = []
    play = Session.play
    monkeypatch.setattr(Session, "play", lambda self, numbers, *more: asked.append(numbers) or play(self, numbers, *more))
    comparison = run_comparison(as_problem(env), ["constant", "lin:b0=9"], precision=0.005, out=tmp_path)
    count = comparison.settings["number_of_episodes"]
    assert count > 64
    assert sum(len(numbers) for numbers in asked) == 2 * count
    assert comparison.settings["wider_than_precision"] == ""
    summary = comparison.summary()
    widths = (summary["share_of_bound_high"] - summary["share_of_bound_low"]) / 2
    if summary["share_of_optimum"].notna().all():
        widths = (summary["share_of_optimum_high"] - summary["share_of_optimum_low"]) / 2
    assert widths.max() <= 0.005
    whole = run_comparison(as_problem(env), ["constant", "lin:b0=9"], count)
    assert comparison.episodes.equals(whole.episodes)
    asked.clear()
    run_comparison(as_problem(env), ["constant", "lin:b0=9"], precision=0.005, out=tmp_path)
    assert not asked
    finer = run_comparison(as_problem(env), ["constant", "lin:b0=9"], precision=0.0035, out=tmp_path)
    assert asked[0][0] == count  # goes on from what is kept
    assert finer.episodes.equals(run_comparison(as_problem(env), ["constant", "lin:b0=9"], len(finer.episodes) // 2).episodes)


def test_precision_that_cant_be_reached_is_reported(env, monkeypatch):
    monkeypatch.setattr(precision_module, "MOST", 100)
    settings = run_comparison(as_problem(env), ["constant"], precision=1e-6).settings
    assert settings["number_of_episodes"] == 100
    assert settings["wider_than_precision"].startswith("constant at ")


def test_precision_of_agents_whose_memory_carries_over(env, monkeypatch, tmp_path):
    """They are the same as without a break, from the store as well."""
    agent = type("Carrying", (type(make_agent("dmd", env)),), {"carries_over": True})
    monkeypatch.setattr(registry_module, "find_class", lambda name, problem: agent)
    whole = evaluate(make_agent("dmd", env), env, 128).episodes
    monkeypatch.setattr(precision_module, "MOST", 64)
    run_comparison(as_problem(env), ["dmd"], precision=1e-6, out=tmp_path)
    monkeypatch.setattr(precision_module, "MOST", 128)
    assert evaluate(make_agent("dmd", env), env, precision=1e-6).episodes.equals(whole)
    grown = run_comparison(as_problem(env), ["dmd"], precision=1e-6, out=tmp_path).episodes
    assert grown["return"].equals(whole["return"])


@pytest.mark.parametrize(("precision", "episodes", "message"), [(0.01, 5, "only one of them"), (0, None, "precision is 0")])
def test_precision_that_cant_be_meant(env, precision, episodes, message):
    with pytest.raises(ValueError, match=message):
        compare(env, ["constant"], episodes, precision=precision)
    with pytest.raises(ValueError, match=message):
        evaluate(make_agent("constant", env), env, episodes, precision=precision)


def test_without_optimum_and_bound_the_score_is_measured_by_its_spread():
    row = {"share_of_optimum": np.nan, "share_of_bound": np.nan, "return_low": 1.0, "return_high": 3.0}
    assert precision_module.half_width(row, np.array([0.0, 8.0]), "return") == pytest.approx(0.25)


def test_results_carry_what_it_takes_to_repeat_them(env, tmp_path):
    compare(env, ["lin:b0=9"], 5, seed=3, out=tmp_path)
    row = pd.read_parquet(tmp_path / "results.parquet").iloc[0]
    assert json.loads(row["agent_settings"]) == {"b0": "9"}
    assert {"torch", "budgetgym", "numpy"} <= set(json.loads(row["versions"]))
    assert row["seed"] == 3
    assert {"instance", "settings", "budget", "information", "command", "training_seed", "overspent"} <= set(row.index)


def test_remarks_stand_beside_results_once(tmp_path, capsys):
    log = np.column_stack([np.zeros(25), np.full(25, 5), np.full(25, 0.1)])
    table = compare(RealTimeBidding(log=log, T=10), ["constant", "lin"], budgets="c0=1/4,1/2", out=tmp_path)
    said = "5 auctions at the end of the log: left out"
    assert set(table["remarks"]) == {said}
    assert set(pd.read_parquet(tmp_path / "results.parquet")["remarks"]) == {said}
    assert (tmp_path / "report.html").read_text().count(said) == 1
    print_table(table, RealTimeBidding.metrics, "theta_value")
    assert capsys.readouterr().out.count(said) == 1
    assert set(compare(RealTimeBidding(log=log, T=5), ["constant"])["remarks"]) == {""}
    problem = AgenticRouting(instance="webshop")
    result = evaluate(make_agent("always_small", problem), problem, 5)
    assert result.remarks == list(problem.remarks)
    assert "assumed" in result.remarks[1]
