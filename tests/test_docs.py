"""Every code block of README and docs says what it is, and those that are to run do, as printed.

The words after a block's language are its tag:

    run             runs here, quickly; blocks of a page run one after the other and share names and folder
    file: NAME      is written to that file, for the blocks after it
    slow: WHY       runs in `make slow` only
    shown: WHY      is not run: what stands in its way
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TAG = re.compile(r"(run)$|(file|slow|shown): (\S.*)$")


class Block(NamedTuple):
    """A fenced block of a page."""

    place: str
    language: str
    tag: str
    text: str


def blocks_of(page: Path) -> list[Block]:
    """The fenced blocks of a page, in their order."""
    blocks, opened = [], None
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if not line.startswith("```"):
            if opened is not None:
                opened[1].append(line)
        elif opened is None:
            opened = f"{page.name}:{number} {line[3:]}", []
        else:
            place, _, rest = opened[0].partition(" ")
            language, _, tag = rest.partition(" ")
            blocks.append(Block(place, language, tag, "\n".join(opened[1]) + "\n"))
            opened = None
    assert opened is None, f"{opened} is never closed"
    return blocks


def kind_of(block: Block) -> str:
    """The first word of a block's tag."""
    return block.tag.partition(":")[0]


def _auction_says(printed: str) -> None:
    numbers = [float(number) for number in re.findall(r"\d\.\d*", printed)]
    assert numbers[:4] == pytest.approx(numbers[4:], rel=0.1)  # what agents settle at, and the equilibrium


def _society_says(printed: str) -> None:
    (share,) = re.findall(r"(\d+)%", printed)
    assert int(share) >= 90


SAYS: dict[str, Callable[[str], None]] = {"auction.md": _auction_says, "society.md": _society_says}
"""What the output of a page's blocks must show, as the text around them says."""


def play(block: Block, names: dict[str, object], folder: Path) -> None:
    """Do what a block is for."""
    if kind_of(block) == "file":
        (folder / block.tag.partition(": ")[2]).write_text(block.text, encoding="utf-8")
    elif block.language == "python":
        exec(compile(block.text, block.place, "exec"), names)
    else:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block.text],
            capture_output=True,
            text=True,
            timeout=1200,
            env={**os.environ, "PATH": path},
        )
        assert done.returncode == 0, f"{block.place}\n{done.stdout}{done.stderr}"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where a page's blocks run: an empty folder with the examples in it."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (tmp_path / "runs").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path / "examples"))
    return tmp_path


def pages_with(kind: str) -> list[Path]:
    """The pages with a block of this kind."""
    return [page for page in PAGES if any(kind_of(block) == kind for block in blocks_of(page))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_says_what_it_is(page):
    for block in blocks_of(page):
        assert block.language, f"{block.place} has no language"
        expected = "expected run, file: NAME, slow: WHY or shown: WHY"
        assert TAG.match(block.tag), f"{block.place} has the tag {block.tag!r}; {expected}"


@pytest.mark.parametrize("page", pages_with("run"), ids=lambda page: page.name)
def test_blocks_run(page, folder, capsys):
    names: dict[str, object] = {"__name__": "__main__"}
    for block in blocks_of(page):
        if kind_of(block) in ("run", "file"):
            play(block, names, folder)
    if page.name in SAYS:
        SAYS[page.name](capsys.readouterr().out)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("page", pages_with("slow"), ids=lambda page: page.name)
def test_slow_blocks_run(page, folder):
    names: dict[str, object] = {"__name__": "__main__"}
    for block in blocks_of(page):
        if kind_of(block) != "shown":
            play(block, names, folder)


def test_most_blocks_run():
    kinds = [kind_of(block) for page in PAGES for block in blocks_of(page)]
    assert len(kinds) >= 45
    assert kinds.count("run") > len(kinds) / 2


def test_the_page_about_the_layout_names_what_is_there():
    text = (ROOT / "docs" / "structure.md").read_text()
    named = set(re.findall(r"`((?:envs|baselines|agents|evaluation|testing|tests)/[\w/]+(?:\.py|/))`", text))
    assert len(named) >= 10
    assert [path for path in named if not (ROOT / path).exists() and "law" not in path] == []
