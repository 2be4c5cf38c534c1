import time
from typing import Any

import budgetgym.envs.core.notice as notice
import pytest
from budgetgym.envs.bidding.problem import RealTimeBidding
from budgetgym.envs.core.ledger import pays
from budgetgym.envs.core.loops import compile_loops
from numba import njit
from toys import Painter


def test_loops_belong_to_the_family_that_they_are_made_for():
    for kernels, family in ((RealTimeBidding().kernels, "bidding"), (Painter.kernels, "toys")):
        step: Any = compile_loops(kernels).step
        assert notice.family_in(step.py_func) == family
    shared: Any = pays
    assert notice.family_in(shared.py_func) is None
    assert notice.family_in(lambda x: x) is None


@pytest.mark.parametrize(("patience", "expected"), [(0.0, 1), (100.0, 0)])
def test_a_compilation_that_takes_long_is_announced_once(patience, expected, monkeypatch, capsys):
    monkeypatch.setattr(notice, "PATIENCE", patience)
    monkeypatch.setattr(notice, "family_in", lambda function: f"toys of {patience}")
    for power in (2, 3):
        njit(lambda x, power=power: x**power)(1.5)
        time.sleep(0.05)
    assert capsys.readouterr().err.count("budgetgym: compiling toys of") == expected
