"""Code blocks of the documentation run as printed."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("page", ["own_problem.md"])
def test_python_blocks_run(page, monkeypatch):
    """Those tagged `python` alone, one after the other; `python no-run` shows parts of a file."""
    monkeypatch.chdir(ROOT)
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / "docs" / page).read_text(), flags=re.MULTILINE | re.DOTALL)
    assert blocks
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, page, "exec"), names)


def test_the_page_about_the_layout_names_what_is_there():
    text = (ROOT / "docs" / "structure.md").read_text()
    named = set(re.findall(r"`((?:envs|baselines|agents|evaluation|testing|tests)/[\w/]+(?:\.py|/))`", text))
    assert len(named) >= 10
    assert [path for path in named if not (ROOT / path).exists() and "law" not in path] == []
