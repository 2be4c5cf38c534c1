"""The HTML report: self-contained, well formed, safe and complete."""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
import sys
from collections import Counter
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from budgetgym.evaluation import plots
from budgetgym.evaluation.columns import ordered
from budgetgym.evaluation.formatting import number, percent
from budgetgym.evaluation.report import drawings, write_report
from budgetgym.evaluation.summary import summarise
from budgetgym.evaluation.verdict import headline, verdict

VOID = {"meta", "link", "br", "hr", "img", "input", "source", "wbr"}


class Page(HTMLParser):
    """Collects ids, references, tags and text, and whether every element is closed."""

    def __init__(self, html: str):
        super().__init__()
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.ids: list[str] = []
        self.references: list[str] = []
        self.alts: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags[tag] += 1
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.alts += [value or "" for name, value in attrs if name == "alt"]
        self.references += [value or "" for name, value in attrs if name in ("src", "srcset", "href", "xlink:href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def summarised(data) -> Any:
    return summarise(data.episodes, data.cells, score=data.score, metrics=data.metrics, resamples=50)


def written(path: Path, data, **changes) -> str:
    summary = summarised(data)
    arguments = {
        "title": "Bidding",
        "command": "budgetgym compare",
        "settings": {"seed": 0},
        "versions": {"numpy": "2.4"},
        "curves": data.curves,
    }
    result = write_report(
        path,
        summary=summary,
        episodes=data.episodes,
        cells=data.cells,
        score=data.score,
        metrics=data.metrics,
        **(arguments | changes),
    )
    assert result == path
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def html(comparison, tmp_path_factory) -> str:
    return written(tmp_path_factory.mktemp("report") / "new" / "report.html", comparison(budgets=3, episodes=20))


def test_page_is_well_formed_and_complete(html):
    page = Page(html)
    assert page.open == []
    assert page.tags["figure"] == page.tags["img"] == page.tags["source"] == len(page.alts) == 4
    assert all(page.alts)
    assert page.tags["table"] == 3 + 3 + 2
    for agent in ("Lin", "Monte-Carlo planner", "hindsight"):
        assert page.text.count(agent) >= 3 + 3
    for text in ("budgetgym compare", "c0=1/32", "RLB has the highest mean", "the optimum", "even", "win rate", "Median time"):
        assert text in page.text
    assert 'scope="col"' in html
    assert 'scope="row"' in html


def test_page_needs_nothing_else(html):
    page = Page(html)
    assert page.references
    assert all(reference.startswith("data:image/svg+xml;base64,") for reference in page.references)
    assert page.tags["script"] == page.tags["link"] == page.tags["svg"] == 0
    assert "@import" not in html
    assert "url(" not in html
    assert [i for i, n in Counter(page.ids).items() if n > 1] == []


def test_pictures_are_whole_and_name_every_agent(html):
    for reference in Page(html).references:
        picture = ElementTree.fromstring(base64.b64decode(reference.partition(",")[2]))
        words = " ".join("".join(picture.itertext()).split())
        for agent in ("Lin", "Mcpc", "SS-MDP"):
            assert agent in words


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 1, 30), (1, 8, 30), (3, 1, 30), (8, 3, 2)], ids=str)
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("narrow", [True, False])
def test_no_plot_is_empty(comparison, shape, known, narrow):
    """Every panel has ink beyond its white, its grid and its axes."""
    import matplotlib.style
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    data = comparison(*shape, known=known)
    made = drawings(summarised(data), data.curves, data.score)
    assert {"spending", "latency"} <= set(made)
    for draw in made.values():
        with matplotlib.style.context(plots.STYLE):
            figure = draw(narrow)
            canvas = FigureCanvasAgg(figure)
            canvas.draw()
        image = np.asarray(canvas.buffer_rgba()).astype(int)
        for axes in figure.axes:
            left, bottom, right, top = axes.get_window_extent().extents.astype(int)
            panel = image[len(image) - top : len(image) - bottom, left:right, :3]
            coloured = np.ptp(panel, axis=2) > 60
            assert coloured.sum() >= 20, axes.get_title()


def test_an_agent_far_off_does_not_squeeze_the_others(comparison):
    data = comparison(budgets=1, agents=6, episodes=50)
    others = data.episodes["agent"] != "SS-MDP"
    data.episodes.loc[others, "theta_value"] = data.episodes["bound"] * 0.9 + np.arange(len(others)) % 7 / 100
    data.episodes.loc[~others, "theta_value"] *= 0.5
    summary = summarised(data)
    figure = plots.differences(summary, data.score, list(summary["agent"]), narrow=False)
    [panel, shares] = figure.axes
    off = summary.set_index("agent").loc["SS-MDP"]
    assert off["difference_to_best"] < panel.get_xlim()[0]
    assert summary.set_index("agent").loc["Lin", "difference_to_best"] > panel.get_xlim()[0]
    assert [text.get_text() for text in panel.texts] == [number(off["difference_to_best"])]  # said, and not left out
    assert [text.get_text() for text in shares.texts] == [percent(off["share_of_optimum"])]


@pytest.mark.parametrize("factor", [0.2, 20.0])
def test_against_budgets_what_is_off_the_axis_is_said(comparison, factor):
    data = comparison(budgets=2, agents=6, episodes=20)
    data.episodes.loc[data.episodes["agent"].isin(["SS-MDP", "Mcpc"]), "theta_value"] *= 2.3
    data.episodes.loc[data.episodes["agent"] == "PPO", "theta_value"] *= factor
    summary = summarised(data)
    panels = {
        axes.get_title(): axes
        for axes in plots.courses(summary, data.score, list(summary["agent"].unique()), narrow=False).axes
    }
    expected = [percent(share) for share in summary.loc[summary["agent"] == "PPO", "share_of_optimum"]]
    assert [text.get_text() for text in panels["PPO"].texts] == expected
    assert len(panels["Lin"].texts) == 0


def test_user_text_is_escaped(comparison, tmp_path):
    data = comparison(budgets=1, agents=2, episodes=4)
    evil = "<script>alert('$x$ & \"y\"')</script>"
    for table in (data.episodes, data.cells, data.curves):
        table["agent"] = table["agent"].replace("RLB", evil)
        table["budget"] = evil
    html = written(tmp_path / "r.html", data, title=evil, command=evil, settings={evil: evil}, versions={evil: evil})
    page = Page(html)
    assert page.tags["script"] == 0
    assert page.text.count(evil) >= 8


def test_one_budget_one_episode_nothing_known(comparison, tmp_path):
    data = comparison(budgets=1, agents=1, episodes=1, known=False)
    page = Page(written(tmp_path / "r.html", data, curves=data.curves.iloc[:0]))
    assert page.tags["figure"] == 1
    assert "A single episode has no interval." in page.text
    assert "nan" not in page.text.lower()
    assert "Neither an optimum nor a bound is known" in page.text


def test_one_budget_has_no_plot_against_budgets(comparison):
    data = comparison(budgets=1, agents=3, episodes=20)
    assert list(drawings(summarised(data), data.curves, data.score)) == ["differences", "spending", "latency"]


def test_glyphs_that_matplotlib_lacks_do_not_matter(comparison, tmp_path):
    data = comparison(budgets=2, agents=2, episodes=4)
    for table in (data.episodes, data.cells, data.curves):
        table["agent"] = table["agent"].replace("RLB", "预算 🦥")
    page = Page(written(tmp_path / "r.html", data))
    assert page.text.count("预算 🦥") >= 4
    assert "预算 🦥" in base64.b64decode(page.references[0].partition(",")[2]).decode()


@pytest.mark.parametrize("module", ["jinja2", "matplotlib"])
def test_missing_packages_are_named(comparison, tmp_path, monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=r'pip install "budgetgym\[report\]"'):
        written(tmp_path / "r.html", comparison(budgets=1, agents=1, episodes=2))


def said(data) -> tuple[dict[str, str], str]:
    """The verdict of every budget, and the headline."""
    tables = {budget: ordered(rows, data.score) for budget, rows in summarised(data).groupby("budget", sort=False)}
    return {budget: verdict(rows, data.score) for budget, rows in tables.items()}, headline(tables, data.score)


def test_the_verdict_says_who_is_best_and_whether_that_is_certain(comparison):
    data = comparison(budgets=2, agents=3, episodes=60)
    sentences, all_in_all = said(data)
    assert sentences["c0=1/32"].startswith("RLB is best: theta value 1.")
    assert "It is ahead of Lin, the next, by 0.201 [0." in sentences["c0=1/32"]
    assert "clearly ahead of every other agent at each of the 2" in all_in_all
    twin = data.episodes["agent"] == "Lin"
    rlb = data.episodes.loc[data.episodes["agent"] == "RLB", "theta_value"].to_numpy()
    data.episodes.loc[twin, "theta_value"] = rlb - np.where(np.arange(len(rlb)) % 2, 0.1, -0.099)
    sentences, all_in_all = said(data)
    assert "but is not distinguishable from Lin. It is ahead of SS-MDP by" in sentences["c0=1/32"]
    assert "at none of the 2" in all_in_all


def test_who_sees_the_future_is_not_called_the_best(comparison):
    sentences, _ = said(comparison(budgets=1, agents=8, episodes=60))
    assert sentences["c0=1/32"].startswith("RLB ")


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
# In a frame, as Chromium's own windows are at least 500 pixels wide.
FRAME = """<!DOCTYPE html><title></title><iframe style="width: {width}px; height: 900px; border: 0" srcdoc="{page}"></iframe>
<script>addEventListener("load", () => {{
    const page = document.querySelector("iframe").contentDocument;
    document.title = JSON.stringify([page.documentElement.scrollWidth, [...page.images].every(i => i.naturalWidth > 0)]);
}})</script>"""


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
@pytest.mark.parametrize("width", [400, 1100])
def test_in_a_browser_nothing_scrolls_sideways_and_the_console_is_clean(comparison, tmp_path, width):
    data = comparison(budgets=2, agents=8, episodes=20)
    for table in (data.episodes, data.cells, data.curves):
        table["agent"] = table["agent"].replace("PPO", "ppo:path=/home/somebody/runs/ppo_with_masks.zip")
    html = written(tmp_path / "r.html", data).replace("<details>", "<details open>")
    (tmp_path / "frame.html").write_text(FRAME.format(width=width, page=escape(html)), encoding="utf-8")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", f"--user-data-dir={tmp_path / 'user'}"]
    command = [str(CHROMIUM), *flags, "--dump-dom", (tmp_path / "frame.html").as_uri()]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120)
    found = re.search(r"<title>\[(\d+),(\w+)\]</title>", ran.stdout)
    assert found, ran.stderr
    assert int(found[1]) <= width
    assert found[2] == "true"
    assert "CONSOLE" not in ran.stderr
