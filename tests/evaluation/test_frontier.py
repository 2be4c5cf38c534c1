"""RouteLLM's measures: by hand, against their definitions, and on their data."""

import io
import json

import numpy as np
import pandas as pd
import pytest
from budgetgym.envs.routing.logged.logs import load_routing_log
from budgetgym.evaluation import frontier as f
from budgetgym.evaluation.cli import app
from rich.console import Console
from toy_logs import toy_frame
from typer.testing import CliRunner

PAIR = {"models": ["small", "large"]}


def routed(log, score):
    """Share of strong calls and quality at every threshold, one query after another."""
    order = np.argsort(-score, kind="stable")
    gain = (log.outcome[:, 1] - log.outcome[:, 0])[order]
    quality = log.outcome[:, 0].mean() + np.append(0.0, np.cumsum(gain)) / len(log)
    return np.linspace(0, 1, len(log) + 1), quality


def test_pgr_apgr_and_cpt_by_hand():
    share, quality = np.array([0.0, 0.5, 1.0]), np.array([0.4, 0.7, 0.8])
    assert f.pgr(quality, 0.4, 0.8) == pytest.approx([0, 0.75, 1])
    assert f.apgr(share, quality, 0.4, 0.8) == pytest.approx((0.375 + 0.875) / 2)
    assert f.cpt(share, quality, 0.4, 0.8, 0.5) == pytest.approx(1 / 3)
    assert f.cpt(share, quality, 0.4, 0.8, 0.8) == pytest.approx(0.6)
    assert f.cpt(share, quality, 0.4, 0.8, 0.0) == 0
    assert np.isnan(f.cpt(share, quality, 0.4, 0.8, 1.5))
    dip = np.array([0.4, 0.8, 0.6, 0.8])
    assert f.cpt(np.array([0, 0.2, 0.6, 1]), dip, 0.4, 0.8, 0.9) == pytest.approx(0.18)  # the first time, not the last


def test_a_curve_beyond_the_ends_is_cut_and_one_short_of_them_goes_on():
    assert f.apgr(np.array([-0.5, 0.5, 1.5]), np.array([0.0, 1.0, 1.0]), 0.0, 1.0) == pytest.approx(0.375 + 0.5)
    assert f.apgr(np.array([0.0, 0.5]), np.array([0.0, 1.0]), 0.0, 1.0) == pytest.approx(0.75)


def test_the_length_router_is_that_of_the_definition():
    log = load_routing_log(toy_frame(150), **PAIR)
    found = f.frontier(log, ["length"])
    weak, strong = log.each_alone()[0]
    distinct = np.unique(log.prompt_chars, return_counts=True)[1].max() == 1
    share, quality = routed(log, log.length)
    row = found.table.iloc[0]
    assert row["APGR"] == pytest.approx(f.apgr(share, quality, weak, strong), abs=1e-12 if distinct else 5e-3)
    curve = found.curves["length"]
    assert curve.share[[0, -1]] == pytest.approx([0, 1])
    assert (curve.quality[0], curve.quality[-1]) == pytest.approx((weak, strong))
    assert (curve.cost[0], curve.cost[-1]) == pytest.approx(tuple(log.each_alone()[1]))
    assert (np.diff(curve.share) > 0).all()


def test_random_routing_recovers_half_on_average():
    log = load_routing_log(toy_frame(100), **PAIR)
    found = [f.frontier(log, ["random"], seed=seed).table.iloc[0] for seed in range(40)]
    assert np.mean([row["APGR"] for row in found]) == pytest.approx(0.5, abs=0.04)
    assert np.mean([row["CPT(50 %)"] for row in found]) == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("models", [["small", "large"], None])
def test_nobody_beats_the_oracle(steps, models):
    found = f.frontier(toy_frame(300, steps=steps), models=models)
    oracle = found.table.set_index("router").loc["oracle"]
    others = found.table[found.table["router"] != "oracle"]
    assert (others["APGR"] <= oracle["APGR"] + 1e-9).all()
    assert (others["highest quality"] <= oracle["highest quality"] + 1e-9).all()
    for curve in found.curves.values():
        assert (curve.quality <= np.interp(curve.cost, found.bound["cost"], found.bound["quality"]) + 1e-9).all()


def test_the_oracle_is_the_best_model_for_every_query_and_the_cheapest_of_those():
    frame = pd.DataFrame({"prompt_chars": [10] * 4, "outcome:a": [1, 0, 0, 1], "outcome:b": [1, 1, 0, 1]})
    frame["cost:a"], frame["cost:b"] = 1.0, 5.0
    found = f.frontier(frame, ["length"])
    assert found.facts["oracle"] == 0.75
    assert found.facts["oracle_cost"] == (1 + 5 + 0 + 1) / 4
    oracle = found.table.set_index("router").loc["oracle"]
    assert oracle["CPT(50 %)"] == pytest.approx(0.125)  # weak .5, strong .75: half the gap is half a query of four
    assert oracle["APGR"] == pytest.approx(0.875)


def test_good_routers_are_distinguished_from_chance():
    table = f.frontier(toy_frame(3000), models=["small", "medium"]).table.set_index("router")
    assert table.loc["knn", "APGR_low"] > 0.5
    assert table.loc["mf", "APGR_low"] > 0.5
    assert table.loc["random", "APGR_low"] < 0.5 < table.loc["random", "APGR_high"]
    assert (table["APGR_low"].iloc[:-1] < table["APGR"].iloc[:-1]).all()


def test_no_query_is_predicted_by_what_saw_it():
    """With one query's outcomes turned around, its own prediction stays, and some others' change."""
    log = load_routing_log(toy_frame(100), **PAIR)
    outcome = log.outcome.copy()
    outcome[7] = 1 - outcome[7]
    turned = load_routing_log(
        toy_frame(100).assign(**{f"outcome:{name}": outcome[:, k] for k, name in enumerate(log.models)}), **PAIR
    )
    for name in ("knn", "mf"):
        one, other = f.honest_predictions(name, log), f.honest_predictions(name, turned)
        assert np.array_equal(one[7], other[7])
        assert not np.array_equal(one, other)


def test_a_split_of_the_logs_own_is_kept():
    frame = toy_frame(100).assign(split=["train", "test"] * 50)
    found = f.frontier(frame, ["mf"])
    assert found.facts["tasks"] == 50
    assert "train part" in found.facts["fitted"]
    assert f.frontier(frame, ["mf"], split="all").facts["tasks"] == 100


def test_more_than_two_models_share_cost():
    found = f.frontier(toy_frame(2000), ["knn", "random", "length"])
    assert found.facts["axis"] == "share of cost"
    table = found.table.set_index("router")
    assert table.loc["knn", "APGR"] > table.loc["random", "APGR"]
    assert found.curves["random"].share[[0, -1]] == pytest.approx([0, 1])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"routers": ["kn"]}, "no router 'kn'; did you mean 'knn'"),
        ({"weak": "smal"}, r"weak is 'smal', which data frame does not have; did you mean 'small'"),
        ({"strong": "huge"}, "strong is 'huge'"),
        ({"weak": "large", "strong": "large"}, "weak and strong are both 'large'"),
        ({"weak": "large", "strong": "small"}, "expected the strong model to be better"),
        ({"models": ["small"]}, "expected at least two"),
        ({"split": "dev"}, "split is 'dev'"),
    ],
)
def test_mistakes_are_explained(settings, message):
    with pytest.raises(ValueError, match=message):
        f.frontier(toy_frame(200), **settings)


@pytest.mark.parametrize(
    ("prices", "models", "dominating"),
    [
        ({"small": 2, "medium": 2, "large": 2}, None, "large"),  # equal costs, three models
        ({"small": 2, "medium": 2, "large": 2}, ["small", "large"], "large"),
        (
            {"small": 3, "medium": 3, "large": 2},
            ["small", "large"],
            "large",
        ),  # better and cheaper: the cheapest model is the best
    ],
)
def test_a_model_that_is_better_and_cheaper_dominates(prices, models, dominating):
    found = f.frontier(toy_frame(200), ["random", "length"], prices=prices, models=models)
    assert found.facts["dominates"] == dominating
    assert found.table[["APGR", "APGR_low", *f.CPT_COLUMNS]].isna().to_numpy().all()
    assert found.table["highest quality"].iloc[-1] == pytest.approx(found.facts["oracle"])
    assert (np.diff(found.curves["random"].cost) >= 0).all()
    console = Console(width=120, record=True, file=io.StringIO())
    f.print_frontier(found, console)
    assert f"{dominating} dominates" in (text := console.export_text())
    assert "highest quality of oracle" in text
    assert f.frontier(toy_frame(200), ["random"], **PAIR).facts["dominates"] is None


def test_too_few_tasks_for_parts():
    frame = toy_frame(4).assign(**{"outcome:small": 0.0, "outcome:large": 1.0})
    with pytest.raises(ValueError, match="has 4 tasks; knn is measured in 5 parts"):
        f.frontier(frame, ["knn"], **PAIR)


def test_it_is_printed_and_written(tmp_path):
    found = f.frontier(toy_frame(80), **PAIR)
    console = Console(width=120, record=True, file=io.StringIO())
    f.print_frontier(found, console)
    text = console.export_text()
    assert "APGR" in text
    assert "oracle" in text
    assert "share of strong calls" in text
    table, plot = f.write_frontier(found, tmp_path / "new" / "folder")
    rows = pd.read_csv(table)
    assert set(rows["router"]) == {"knn", "mf", "length", "random", "hindsight", "small", "large"}
    assert plot is not None
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_the_command_line(tmp_path):
    toy_frame(80).to_csv(tmp_path / "log.csv", index=False)
    command = ["frontier", "--log", str(tmp_path / "log.csv"), "--routers", "random,length"]
    ran = CliRunner().invoke(app, [*command, "--models", "small,large", "--out", str(tmp_path / "out"), "--json"])
    assert ran.exit_code == 0, ran.output
    output = json.loads(ran.stdout)
    assert [row["router"] for row in output["routers"]] == ["random", "length", "oracle"]
    assert output["weak"] == "small"
    assert (tmp_path / "out" / "frontier.csv").exists()
    printed = CliRunner().invoke(app, command).stdout
    assert "CPT(50 %)" in printed


def test_published_logs(shared_data):
    folder = shared_data / "routing/compact"
    gsm8k = f.frontier(folder / "routellm_gsm8k.csv")
    assert gsm8k.facts["oracle"] == pytest.approx(0.929, abs=5e-4)
    table = gsm8k.table.set_index("router")
    assert table.loc["mf", "APGR_low"] > 0.5
    assert table.loc["length", "APGR_low"] > 0.5
    mmlu = f.frontier(folder / "routellm_mmlu.csv.gz", ["mf"])
    assert mmlu.facts["oracle"] == pytest.approx(0.859, abs=5e-4)
    assert mmlu.table["APGR"].iloc[0] == pytest.approx(0.677, abs=0.01)
    for split, oracle in (("train", 0.802), (None, 0.743)):
        nine = f.frontier(folder / "llmrouter_scores.csv.gz", ["length"], split=split)
        assert nine.facts["oracle"] == pytest.approx(oracle, abs=5e-4)
        assert (nine.facts["weak"], nine.facts["strong"]) == ("gemma-2-9b-it", "llama-3.1-nemotron-51b-instruct")
