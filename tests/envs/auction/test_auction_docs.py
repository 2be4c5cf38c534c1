"""The examples in docs/auction.md run, and show what the text around them says."""

import re
from pathlib import Path

import pytest

TEXT = (Path(__file__).parents[3] / "docs" / "auction.md").read_text()


def test_the_examples_run(capsys):
    first, second = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    exec(first, {})
    exec(second, {})
    numbers = [float(number) for number in re.findall(r"\d\.\d*", capsys.readouterr().out)]
    assert numbers[:4] == pytest.approx(numbers[4:], rel=0.1)
