"""What the terminal table shows at several widths."""

from __future__ import annotations

import io
import pickle
import re

import numpy as np
import pandas as pd
import pytest
from budgetgym.evaluation.formatting import duration, estimate, number, percent, percent_estimate
from budgetgym.evaluation.summary import summarise
from budgetgym.evaluation.table import Show, Table, folded, pieces, print_table
from rich.console import Console


def printed(data, width: int, show: Show = "compact") -> str:
    summary = summarise(data.episodes, data.cells, score=data.score, metrics=data.metrics, resamples=100)
    console = Console(file=io.StringIO(), width=width)
    print_table(summary, data.metrics, data.score, console, show)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("show", ["compact", "all"])
@pytest.mark.parametrize("width", [40, 80, 120, 200])
def test_lines_fit_and_every_agent_has_one_row_in_every_block(comparison, width, show):
    text = printed(comparison(budgets=2), width, show)
    assert max(map(len, text.splitlines())) <= width
    blocks = len(re.findall("^agent ", text, flags=re.MULTILINE))
    assert blocks == 2 or show == "all"
    for agent in ("Lin", "SS-MDP", "hindsight"):
        assert len(re.findall(rf"^{agent} ", text, flags=re.MULTILINE)) == blocks
    assert "…" not in text


def test_at_80_columns_one_table_says_who_is_best_and_by_how_much(comparison):
    text = printed(comparison(budgets=1), 80)
    first, second, *rows = [line for line in text.splitlines() if line][1:]
    assert (first.split(), second.split()) == (["theta"], ["agent", "value", "vs", "best", "of", "optimum", "spent"])
    scores = [float(found[1]) for row in rows if (found := re.match(r"\S.*?  +([\d.]+)  ", row))]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) == 8
    assert rows[0].startswith("hindsight")
    assert "best" in rows[1]
    assert "Sees the future, so is never called the best: hindsight." in text
    assert "More columns with --columns all: return, of bound, vs Lin, worst tenth, clicks" in " ".join(text.split())


@pytest.mark.parametrize("show", ["compact", "all"])
def test_everything_is_there_if_there_is_room(comparison, show):
    text = printed(comparison(budgets=1), 300, show)
    for heading in ("of bound", "of optimum", "clicks", "rate", "spent", "blocked", "vs Lin", "latency", "sees"):
        assert heading in text
    assert "clairvoyant" in text
    assert "200 episodes" in text
    assert "95 % intervals" in text
    assert "More columns" not in text


def test_all_columns_in_blocks_that_repeat_the_agents(comparison):
    text = printed(comparison(budgets=1), 80, "all")
    for heading in ("of bound", "of optimum", "clicks", "rate", "spent", "blocked", "vs Lin", "latency", "sees"):
        assert heading in text
    assert len(re.findall("^SS-MDP ", text, flags=re.MULTILINE)) > 1


def test_long_names_break_behind_separators(comparison):
    name = "sequoia:path=/tmp/runs/x.zip:method=scip"
    data = comparison(budgets=1)
    for table in (data.episodes, data.cells):
        table["agent"] = table["agent"].replace("PPO", name)
    lines = printed(data, 80).splitlines()
    k = next(k for k, line in enumerate(lines) if line.startswith("sequoia"))
    assert [line.split()[0] for line in lines[k : k + 3]] == ["sequoia:path=/", "tmp/runs/x.", "zip:method="]
    assert folded("abc:defghijklmnopqrst", 10) == "abc:\n  defghijk\n  lmnopqrs\n  t"
    assert "".join(pieces(name)) == name


def test_a_table_is_a_frame_that_prints_compactly(comparison):
    data = comparison(budgets=1, agents=2, episodes=20)
    frame = summarise(data.episodes, data.cells, score=data.score, metrics=data.metrics, resamples=100)
    table = Table(frame, data.metrics, data.score)
    assert str(table).splitlines()[0].strip() == "c0=1/32"
    assert "in its `summary`" in str(table)
    assert "<td>best</td>" in table._repr_html_()
    pd.testing.assert_frame_equal(table.summary, frame)
    assert type(table.summary) is type(table[["agent"]]) is pd.DataFrame
    assert table.summary.attrs == frame.attrs
    assert str(pickle.loads(pickle.dumps(table))) == str(table)


def test_one_episode_and_unknown_references(comparison):
    text = printed(comparison(budgets=1, episodes=1, known=False), 160)
    assert "1 episode, hence no intervals." in text
    assert "of bound" not in text
    assert "nan" not in text.lower()


def test_markup_in_names_is_printed_as_it_is(comparison):
    data = comparison(budgets=1, agents=2, episodes=3)
    for table in (data.episodes, data.cells):
        table["agent"] = table["agent"].replace("RLB", "[red]RLB[/red]")
    assert "[red]RLB[/red]" in printed(data, 160)


def test_numbers():
    assert [number(x) for x in (np.nan, 0, 0.5, 12.345, 12345.6, 1e-5)] == [
        "–",
        "0",
        "0.5000",
        "12.35",
        "12,346",
        "1.00e-05",
    ]
    assert estimate(0.18821, 0.17784, 0.1991) == "0.188 [0.178, 0.199]"
    assert estimate(2.0, 1.0, 3.0, signed=True) == "+2.0 [+1.0, +3.0]"
    assert estimate(0.5, np.nan, np.nan, signed=True) == "+0.5000"
    assert estimate(-9.08, -9.08 - 1e-12, -9.08 + 1e-12) == "-9.080 [-9.080, -9.080]"  # rounding, not eight digits
    assert estimate(0.0, 0.0, 0.0, signed=True) == "0 [0, 0]"
    assert estimate(1.0, 0.0, 2.6) == "1.0 [0.0, 2.6]"
    assert estimate(-0.0001, -0.02, 0.03, signed=True) == "+0.000 [-0.020, +0.030]"
    assert estimate(31507.123, 31507.121, 31507.125) == "31,507 [31,507, 31,507]"
    assert percent_estimate(0.961, 0.952, 0.97) == "96.1 % [95.2, 97.0]"
    assert [duration(x) for x in (0.42, 999.9, 1e3, 2.5e6, np.nan)] == ["0.42 µs", "1 ms", "1 ms", "2.5 s", "–"]


def test_a_share_of_nothing_has_no_sign():
    assert percent(-1e-5) == "0.0 %"
    assert percent_estimate(-1e-5, -0.001, -1e-4) == "0.0 % [-0.1, 0.0]"
