"""Summaries against numbers worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from budgetgym.envs.core.metrics import Metric
from budgetgym.evaluation.columns import visible_columns
from budgetgym.evaluation.evaluate import check_ledger
from budgetgym.evaluation.summary import best_of, metric_column, summarise, tail_mean


def tiny(**changes: object) -> tuple[Any, Any]:
    """Two agents, one budget, the same two episodes, the second agent's in reverse order."""
    columns = {
        "agent": ["b", "b", "a", "a"],
        "budget": "half",
        "budget_value": 0.5,
        "initial": 10.0,
        "episode": [0, 1, 1, 0],
        "return": [1.0, 3.0, 6.0, 2.0],
        "bound": [4.0, 6.0, 6.0, 4.0],
        "spent": [5.0, 10.0, 8.0, 10.0],
        "length": [10, 30, 30, 10],
        "blocked": [0, 2, 0, 0],
        "overspent": False,
        "wins": [4, 8, 20, 8],
        "value": [2.0, 3.0, 5.0, 3.0],
    }
    cells = {"agent": ["a", "b"], "budget": "half", "budget_value": 0.5, "optimum": 5.0, "null": 0.0, "latency_us": [2.0, 7.5]}
    cells |= {"information": ["model", "observation"], "seconds": 1.0}
    return pd.DataFrame(columns | changes), pd.DataFrame(cells)


def normal(budgets: int, n: int, seed: int = 0) -> tuple[Any, Any]:
    """One agent whose returns are normal with mean 3, at many budgets."""
    rng = np.random.default_rng(seed)
    index = pd.MultiIndex.from_product([range(budgets), range(n)], names=["budget_value", "episode"])
    frame = index.to_frame(index=False).astype({"budget_value": float})
    frame["budget"] = frame["budget_value"].astype(str)
    frame["return"] = rng.normal(3.0, 2.0, len(frame))
    frame = frame.assign(agent="a", initial=1.0, bound=np.nan, spent=1.0, length=1, blocked=0, overspent=False)
    cells = frame.drop_duplicates("budget")[["agent", "budget", "budget_value"]]
    return frame, cells.assign(optimum=np.nan, null=0.0, latency_us=1.0, information="observation", seconds=0.0)


def test_shares_are_measured_from_what_doing_nothing_earns():
    episodes, cells = tiny()
    summary: Any = summarise(episodes, cells.assign(null=1.5), score="value", metrics=[], resamples=50)
    a, b = (summary[summary["agent"] == agent].iloc[0] for agent in "ab")
    assert (a["share_of_optimum"], b["share_of_optimum"]) == (pytest.approx(2.5 / 3.5), pytest.approx(1.0 / 3.5))
    assert a["share_of_optimum_low"] == pytest.approx((a["value_low"] - 1.5) / 3.5)
    definition = next(c for c in visible_columns(summary, [], "value") if c.name == "share_of_optimum").definition
    assert "less what doing nothing is expected to earn" in definition
    summary = summarise(episodes, cells.assign(null=5.0 - 1e-14), score="value", metrics=[], resamples=50)
    assert summary["share_of_optimum"].isna().all()  # the optimum is to do nothing


def test_values_by_hand():
    metrics = [
        Metric("wins", "Win rate", "per step"),
        Metric("wins", "wins", "total"),
        Metric("wins", "wins/episode", "mean"),
    ]
    summary = summarise(*tiny(), score="value", metrics=metrics, resamples=200)
    assert summary["agent"].tolist() == ["b", "a"]
    b, a = (summary.iloc[k] for k in range(2))
    assert (b["episodes"], b["return"], b["value"]) == (2, 2.0, 2.5)
    assert a["share_of_bound"] == pytest.approx(8 / 10)
    assert b["share_of_bound"] == pytest.approx(5 / 10)
    assert (a["share_of_optimum"], b["share_of_optimum"]) == (pytest.approx(0.8), pytest.approx(0.5))
    assert (a["spent"], a["initial"], a["spent_share"], b["spent_share"]) == (9.0, 10.0, 0.9, 0.75)
    assert (a["blocked"], b["blocked"]) == (0, 2)
    assert (a["win_rate"], a["wins"], a["wins_episode"]) == (28 / 40, 28, 14)
    assert (b["difference"], b["difference_low"], b["difference_high"]) == (0, 0, 0)
    assert (a["latency_us"], b["latency_us"]) == (2.0, 7.5)
    assert (a["information"], b["information"]) == ("model", "observation")


def test_metrics_are_averaged_over_the_episodes_that_have_a_value():
    metrics = [
        Metric("wins", label, how, among="wins") for label, how in (("one", "mean"), ("two", "total"), ("three", "per step"))
    ]
    episodes, cells = tiny(wins=[4.0, 8.0, 20.0, np.nan])
    b, a = (row for _, row in summarise(episodes, cells, score="value", metrics=metrics, resamples=20).iterrows())
    assert (a["one"], a["two"], a["three"], a["one_episodes"]) == (20.0, 20.0, 20 / 30, 1)
    assert (b["one"], b["two"], b["three"], b["one_episodes"]) == (6.0, 12.0, 12 / 40, 2)
    none: Any = summarise(episodes.assign(wins=np.nan), cells, score="value", metrics=metrics, resamples=20)
    assert none["one"].isna().all()
    assert none["one_episodes"].tolist() == [0, 0]
    one = next(c for c in visible_columns(none, metrics, "value") if c.name == "one")
    assert one.text(none.iloc[0]) == "– (0)"


def test_differences_to_the_best_leave_out_who_sees_the_future():
    episodes, cells = tiny()
    summary: Any = summarise(episodes, cells, score="value", metrics=[], resamples=50).set_index("agent")
    best = summary["value"].idxmax()
    assert summary.loc[best, ["difference_to_best", "difference_to_best_low", "difference_to_best_high"]].tolist() == [0, 0, 0]
    assert summary["difference_to_best"].max() == 0
    seers = cells.assign(information=np.where(cells["agent"] == best, "clairvoyant", "model"))
    summary = summarise(episodes, seers, score="value", metrics=[], resamples=50).set_index("agent")
    assert summary["difference_to_best"][best] > 0
    assert best_of(["a", "b", "c"], [1.0, np.nan, 1.0], ["model"] * 3) == "a"
    assert best_of(["a", "b"], [1.0, 2.0], ["clairvoyant"] * 2) == "b"
    assert best_of(["a"], [np.nan], ["model"]) is None


def test_differences_are_paired_by_episode():
    """The differences are 1 and 2 however the rows are ordered, so the percentile interval is [1, 2]."""
    a = summarise(*tiny(), score="value", metrics=[], resamples=500).iloc[1]
    assert (a["difference"], a["difference_low"], a["difference_high"]) == (1.5, 1.0, 2.0)


def test_ratio_of_sums_resamples_both_sums():
    """Resamples of b's episodes are {0,0}, {0,1}, {1,1}: the shares are 2/4, 5/10 and 3/6, all one half."""
    b = summarise(*tiny(), score="value", metrics=[], resamples=500).iloc[0]
    assert b["share_of_bound_low"] == pytest.approx(0.5)
    assert b["share_of_bound_high"] == pytest.approx(0.5)


def test_score_that_is_the_return_is_not_repeated():
    summary = summarise(*tiny(), score="return", metrics=[], resamples=50)
    assert summary.columns.is_unique
    assert summary.iloc[1]["share_of_bound"] == pytest.approx(8 / 10)


def test_budgets_are_ordered_by_value_and_agents_by_appearance():
    low, cells = tiny(budget="quarter", budget_value=0.25)
    high, _ = tiny()
    summary = summarise(pd.concat([high, low]), pd.concat([cells, cells.assign(budget="quarter")]), score="value", metrics=[])
    assert list(zip(summary["budget"], summary["agent"], strict=True)) == [
        ("quarter", "b"),
        ("quarter", "a"),
        ("half", "b"),
        ("half", "a"),
    ]


def test_reference_missing_at_a_budget_leaves_no_difference():
    low, cells = tiny(budget="quarter", budget_value=0.25)
    episodes = pd.concat([tiny()[0], low[low["agent"] == "a"]])
    summary = summarise(episodes, pd.concat([cells, cells.assign(budget="quarter")]), score="value", metrics=[], resamples=50)
    assert summary.iloc[0][["difference", "difference_low", "difference_high"]].isna().all()
    assert summary.iloc[0]["value_low"] == 3.0


def test_one_episode_has_no_interval():
    episodes, cells = tiny()
    row = summarise(episodes[episodes["episode"] == 1], cells, score="value", metrics=[]).iloc[1]
    assert (row["value"], row["difference"]) == (5.0, 2.0)
    ends = [name for name in row.index if str(name).endswith(("_low", "_high"))]
    assert len(ends) == 14
    assert row[ends].isna().all()


def test_unknown_references_are_nan():
    episodes, cells = tiny(bound=[np.nan, 6.0, 6.0, np.nan])
    summary: Any = summarise(episodes, cells.assign(optimum=np.nan), score="value", metrics=[], resamples=50)
    shares = [name for name in summary if "share_of" in name]
    assert summary[shares].isna().to_numpy().all()
    assert summary["value_low"].notna().all()


def test_intervals_cover_the_mean_about_as_often_as_they_say():
    """400 intervals of 95 %: the count of hits has a standard deviation of 1.1 percentage points."""
    summary: Any = summarise(*normal(400, 60), score="return", metrics=[], resamples=300)
    hits = ((summary["return_low"] < 3.0) & (summary["return_high"] > 3.0)).mean()
    assert 0.90 < hits < 0.98


def test_interval_width_matches_the_standard_error():
    row = summarise(*normal(1, 2000), score="return", metrics=[]).iloc[0]
    assert row["return_high"] - row["return_low"] == pytest.approx(2 * 1.96 * 2.0 / np.sqrt(2000), rel=0.1)


def test_same_seed_same_intervals_whatever_the_other_budgets():
    episodes, cells = normal(2, 30)
    one: Any = summarise(episodes, cells, score="return", metrics=[], seed=3)
    last = summarise(episodes[episodes["budget"] == "1.0"], cells, score="return", metrics=[], seed=3)
    pd.testing.assert_frame_equal(one.iloc[1:].reset_index(drop=True), last)
    other: Any = summarise(episodes, cells, score="return", metrics=[], seed=4)
    assert (one["return_low"] != other["return_low"]).all()


def test_different_episodes_are_an_error_that_names_the_agents():
    with pytest.raises(ValueError, match=r"'half'.*\['a'\].*'b'"):
        summarise(*tiny(episode=[0, 1, 1, 2]), score="value", metrics=[])


def test_repeated_episodes_are_an_error():
    with pytest.raises(ValueError, match="'a' has repeated episodes"):
        summarise(*tiny(episode=[0, 1, 1, 1]), score="value", metrics=[])


def test_missing_columns_and_cells_are_errors():
    episodes, cells = tiny()
    with pytest.raises(ValueError, match="clicks"):
        summarise(episodes, cells, score="value", metrics=[Metric("clicks", "clicks", "total")])
    with pytest.raises(ValueError, match="optimum"):
        summarise(episodes, cells.drop(columns="optimum"), score="value", metrics=[])
    with pytest.raises(ValueError, match=r"no row for.*'b'"):
        summarise(episodes, cells.iloc[:1], score="value", metrics=[])
    with pytest.raises(ValueError, match="more than one row"):
        summarise(episodes, pd.concat([cells, cells]), score="value", metrics=[])
    with pytest.raises(ValueError, match="no episodes"):
        summarise(episodes.iloc[:0], cells, score="value", metrics=[])
    with pytest.raises(ValueError, match="confidence"):
        summarise(episodes, cells, score="value", metrics=[], confidence=95)


def test_metric_labels_may_not_hide_other_columns():
    repeated = summarise(*tiny(), score="value", metrics=[Metric("value", "value", "mean")], resamples=50)
    assert repeated.columns.is_unique
    with pytest.raises(ValueError, match="another label"):
        summarise(*tiny(), score="value", metrics=[Metric("value", "value", "total")], resamples=50)


def test_metric_column_is_snake_case():
    assert metric_column(Metric("wins", "Win rate (%)", "per step")) == "win_rate"


@pytest.mark.parametrize("n", [1, 3, 10, 13, 40, 500])
def test_the_worst_tenth_is_exact_for_any_number(n):
    """Against the definition by Rockafellar and Uryasev: the largest of z - mean(max(z - x, 0)) / share over all z."""
    rng = np.random.default_rng(n)
    values = np.sort(rng.normal(size=n).round(1))
    expected = max(z - np.maximum(z - values, 0).mean() / 0.1 for z in values)
    assert tail_mean(values, np.ones((1, n)))[0][0] == pytest.approx(expected)
    counts = rng.multinomial(n, np.full(n, 1 / n), size=3)
    repeated = [tail_mean(np.repeat(values, count), np.ones((1, n))) for count in counts]
    means, errors = tail_mean(values, counts.astype(float))
    assert means == pytest.approx([mean[0] for mean, _ in repeated])
    assert errors == pytest.approx([error[0] for _, error in repeated], nan_ok=True)


def test_the_standard_error_of_cvar_is_right_for_many_values():
    """Against the spread of 500 samples of 1,000 values; as quantile counts the last value that has a part in the tail."""
    samples = np.sort(np.random.default_rng(0).exponential(size=(500, 1000)))
    found = [tail_mean(values, np.ones((1, 1000))) for values in samples]
    means, errors = (np.concatenate(column) for column in zip(*found, strict=True))
    assert np.mean(errors) == pytest.approx(np.std(means), rel=0.1)


@pytest.mark.parametrize("n", [50, 300])
def test_intervals_of_cvar_cover_it(n):
    """The percentile interval covers .84 at 50 and .91 at 300; 95 % of 200 have a standard deviation of 1.5 points."""
    summary: Any = summarise(*normal(200, n), score="return", metrics=[], resamples=400)
    truth = 3.0 - 2.0 * 1.754983
    assert ((summary["cvar_low"] < truth) & (truth < summary["cvar_high"])).mean() > 0.915


def test_fewer_than_fifty_episodes_have_no_interval_of_cvar():
    row = summarise(*normal(1, 49), score="return", metrics=[], resamples=50).iloc[0]
    assert np.isnan(row["cvar_low"])
    assert np.isnan(row["cvar_high"])
    assert row["return_low"] < row["return_high"]


def test_intervals_of_few_episodes_are_not_too_narrow():
    """A plain percentile interval of 8 episodes covers .87."""
    summary: Any = summarise(*normal(400, 8), score="return", metrics=[], resamples=400)
    assert ((summary["return_low"] < 3.0) & (summary["return_high"] > 3.0)).mean() > 0.90


def test_tails_that_do_not_vary_have_a_point_for_an_interval():
    """Two of three episodes fail: the worst tenth all do."""
    episodes, cells = normal(1, 60)
    row = summarise(episodes.assign(**{"return": np.arange(60) % 3 == 0}), cells, score="return", metrics=[]).iloc[0]
    assert (row["cvar_low"], row["cvar"], row["cvar_high"]) == (0.0, 0.0, 0.0)


def test_cvar_has_an_interval_and_violations_are_counted():
    episodes, cells = normal(1, 400)
    row: Any = summarise(episodes, cells, score="return", metrics=[]).iloc[0]
    assert row["cvar"] == pytest.approx(np.sort(episodes["return"])[:40].mean())
    assert row["cvar_low"] < row["cvar"] < row["cvar_high"]
    assert row["cvar"] == pytest.approx(3.0 - 2.0 * 1.755, abs=0.5)  # of a normal law
    assert row["violations"] == 0
    columns = [c.name for c in visible_columns(summarise(episodes, cells, score="return", metrics=[]), [], "return")]
    assert {"cvar", "violations"} <= set(columns)
    with pytest.raises(RuntimeError, match="2 episodes spent more than their budget, the first is number 5"):
        check_ledger(episodes.assign(overspent=episodes["episode"].isin([5, 9])))
