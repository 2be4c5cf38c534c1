"""The examples in docs/society.md run, and show what the text around them says."""

import re
from pathlib import Path

TEXT = (Path(__file__).parents[3] / "docs" / "society.md").read_text()


def test_the_examples_run(capsys):
    first, second = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    world = {}
    exec(first, world)
    assert world["env"].agents == []
    exec(second, {})
    (share,) = re.findall(r"(\d+)%", capsys.readouterr().out)
    assert int(share) >= 90
