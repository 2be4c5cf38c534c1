"""What the terminal table shows at several widths."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from budgetgym.evaluation.formatting import duration, estimate, number, percent, percent_estimate
from budgetgym.evaluation.summary import summarise
from budgetgym.evaluation.table import print_table
from rich.console import Console


def printed(data, width: int, **settings) -> str:
    summary = summarise(data.episodes, data.cells, score=data.score, metrics=data.metrics, resamples=100, **settings)
    console = Console(file=io.StringIO(), width=width)
    print_table(summary, data.metrics, data.score, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [40, 80, 120, 200])
def test_lines_fit_and_every_agent_has_one_row_in_every_block(comparison, width):
    text = printed(comparison(budgets=2), width)
    assert max(map(len, text.splitlines())) <= width
    blocks = len(re.findall("^agent ", text, flags=re.MULTILINE))
    for agent in ("Lin", "SS-MDP", "hindsight"):
        assert len(re.findall(rf"^{agent} ", text, flags=re.MULTILINE)) == blocks
    assert "…" not in text


def test_a_wide_table_shows_everything(comparison):
    text = printed(comparison(budgets=1), 200)
    for heading in [
        "of bound",
        "of optimum",
        "clicks",
        "win rate",
        "spent",
        "blocked",
        "vs Lin",
        "latency",
        "sees",
        "clairvoyant",
    ]:
        assert heading in text
    assert "200 episodes per agent" in text
    assert "95 % intervals" in text


def test_a_narrow_table_is_cut_into_blocks_that_repeat_the_agents(comparison):
    text = printed(comparison(budgets=1), 80)
    for heading in ("of bound", "of optimum", "clicks", "win rate", "spent", "blocked", "vs Lin", "latency", "sees"):
        assert len(re.findall(rf"\b{heading}\b", text)) == 1
    assert len(re.findall("^SS-MDP ", text, flags=re.MULTILINE)) > 1


def test_one_episode_and_unknown_references(comparison):
    text = printed(comparison(budgets=1, episodes=1, known=False), 160)
    assert "1 episode per agent, hence no intervals." in text
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
    assert percent_estimate(0.961, 0.952, 0.97) == "96.1 % [95.2, 97.0]"
    assert [duration(x) for x in (0.42, 999.9, 1e3, 2.5e6, np.nan)] == ["0.42 µs", "1 ms", "1 ms", "2.5 s", "–"]


def test_a_share_of_nothing_has_no_sign():
    assert percent(-1e-5) == "0.0 %"
    assert percent_estimate(-1e-5, -0.001, -1e-4) == "0.0 % [-0.1, 0.0]"
