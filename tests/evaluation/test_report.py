"""The HTML report: self-contained, well formed, safe and complete."""

from __future__ import annotations

import re
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest
from budgetgym.evaluation.palette import looks
from budgetgym.evaluation.report import write_report
from budgetgym.evaluation.summary import summarise

VOID = {"meta", "link", "br", "hr", "img", "input"}


class Page(HTMLParser):
    """Collects ids, references, tags and text, and whether every element is closed."""

    def __init__(self, html: str):
        super().__init__()
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.ids: list[str] = []
        self.references: list[str] = []
        self.labels: list[str] = []
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
        self.labels += [value or "" for name, value in attrs if name == "aria-label"]
        self.references += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def written(path: Path, data, **changes) -> str:
    summary = summarise(data.episodes, data.cells, score=data.score, metrics=data.metrics, resamples=50)
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
    assert page.tags["figure"] == 4
    assert page.tags["table"] == 3 + 2
    for agent in ("Lin", "Monte-Carlo planner", "hindsight"):
        assert page.text.count(agent) >= 3 + 2 + 2  # tables, legends, axes
    for text in (
        "budgetgym compare",
        "c0=1/32",
        "optimum, or a proved bound on it",
        "even spending",
        "win rate",
        "Median time",
    ):
        assert text in page.text
    assert 'scope="col"' in html
    assert 'scope="row"' in html


def test_page_needs_nothing_else(html):
    page = Page(html)
    assert page.references
    assert all(reference.startswith("#") for reference in page.references)
    assert page.tags["script"] == page.tags["link"] == page.tags["img"] == 0
    assert "@import" not in html
    assert not re.search(r"url\((?!#)", html)


def test_ids_are_unique_and_references_lead_somewhere(html):
    page = Page(html)
    assert [i for i, n in Counter(page.ids).items() if n > 1] == []
    used = {r.removeprefix("#") for r in page.references} | set(re.findall(r"url\(#([^)]+)\)", html))
    assert used <= set(page.ids)


def test_plots_are_text_in_the_colours_of_the_page(html):
    page = Page(html)
    assert page.tags["style"] == 1  # matplotlib's own style sheets would leak into the page
    assert page.tags["text"] > 20
    assert "var(--ink)" in html[html.index("<figure") :]
    assert "#0102" not in html
    assert sum(label.endswith(".") and "Lin" in label for label in page.labels) == 4


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
    assert page.tags["figure"] == 2
    assert "A single episode has no interval." in page.text
    assert "nan" not in page.text.lower()
    assert "optimum" not in page.text.replace("bound and optimum refer to", "")


def test_glyphs_that_matplotlib_lacks_do_not_matter(comparison, tmp_path):
    data = comparison(budgets=2, agents=2, episodes=4)
    for table in (data.episodes, data.cells, data.curves):
        table["agent"] = table["agent"].replace("RLB", "预算 🦥")
    assert Page(written(tmp_path / "r.html", data)).text.count("预算 🦥") >= 4


@pytest.mark.parametrize("module", ["jinja2", "matplotlib"])
def test_missing_packages_are_named(comparison, tmp_path, monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=r'pip install "budgetgym\[report\]"'):
        written(tmp_path / "r.html", comparison(budgets=1, agents=1, episodes=2))


def test_looks_differ():
    styles = looks([str(k) for k in range(30)])
    assert len({look[:2] for look in styles.values()}) == 30
    assert len({look.colour for look in list(styles.values())[:10]}) == 10
