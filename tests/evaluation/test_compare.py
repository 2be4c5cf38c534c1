import json

import gymnasium as gym
import numpy as np
import pandas as pd
import pytest
from budgetgym import compare, make_agent
from budgetgym.agents.registry import as_problem
from budgetgym.evaluation import compare as compare_module
from budgetgym.evaluation.budgets import budget_cases
from budgetgym.evaluation.compare import Interrupted


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
    original = compare_module.evaluate

    def until_the_third(agent, *arguments, **settings):
        if len(played) == 2:
            raise KeyboardInterrupt
        played.append(type(agent).__name__)
        return original(agent, *arguments, **settings)

    monkeypatch.setattr(compare_module, "evaluate", until_the_third)
    with pytest.raises(Interrupted):
        compare(env, AGENTS, 30, out=tmp_path)
    assert pd.read_parquet(tmp_path / "results.parquet")["agent"].unique().tolist() == AGENTS[:2]
    monkeypatch.setattr(compare_module, "evaluate", lambda agent, *a, **k: played.append("again") or original(agent, *a, **k))
    table = compare(env, AGENTS, 30, out=tmp_path)
    assert played == ["Lin", "Constant", "again"]
    fresh = compare(env, AGENTS, 30)
    measured = ["latency_us"]
    pd.testing.assert_frame_equal(table.drop(columns=measured), fresh.drop(columns=measured))


def test_nothing_is_kept_that_another_question_would_get(env, tmp_path):
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


def test_a_broken_part_is_played_again(env, tmp_path):
    first = compare(env, ["constant"], 10, out=tmp_path)
    for file in (tmp_path / "cells").iterdir():
        file.write_bytes(b"cut short")
    again = compare(env, ["constant"], 10, out=tmp_path)
    assert again["theta_value"].equals(first["theta_value"])


def test_agents_as_objects_have_names(env):
    table = compare(env, {"mine": make_agent("constant", env), "yours": make_agent("lin:b0=9", env)}, 5)
    assert table["agent"].tolist() == ["mine", "yours"]
    with pytest.raises(ValueError, match="named twice"):
        compare(env, ["lin", "lin"], 5)


def test_other_spellings_of_the_same_question(env, tmp_path):
    compare(env, ["lin:b0=10.0"], 5, out=tmp_path)
    assert compare(env, ["lin:b0=1e1"], 5, out=tmp_path)["agent"].tolist() == ["lin:b0=1e1"]
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
    monkeypatch.setattr(compare_module, "evaluate", lambda *a, **k: pytest.fail("played"))
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
