"""Amounts are read back from sizes, in compiled code, in arrays and in networks alike."""

import numpy as np
import pytest
import torch
from budgetgym.agents.learning.features import LARGEST, amount_left
from budgetgym.envs.core.reading import amount_of, amounts_of, left_of


@pytest.mark.parametrize("scale", [1.0, 0.3, 2e4])
def test_amounts_are_read_back(scale):
    initial = np.array([0.0, 1e-3, 0.7, 5.0, 900.0]) * scale
    sizes, share = initial / (initial + scale), 0.25
    assert amounts_of(sizes, scale) == pytest.approx(initial, rel=1e-12)
    assert [amount_of(size, scale) for size in sizes] == amounts_of(sizes, scale).tolist()
    left = [left_of(size, share, scale) for size in sizes]
    assert left == pytest.approx(share * initial, rel=1e-12)
    rows = torch.as_tensor(np.column_stack([np.ones(5), sizes, np.full(5, share)]))
    assert amount_left(rows, 1, scale)[:, 0].numpy() == pytest.approx(left, rel=1e-12)


def test_a_size_of_one_is_infinite_but_in_networks():
    assert amount_of(1.0, 2.0) == amounts_of(np.ones(1), 2.0)[0] == left_of(1.0, 0.5, 2.0) == np.inf
    assert left_of(1.0, 0.0, 2.0) == 0.0
    assert amount_left(torch.tensor([[1.0, 0.5]]), 0, 2.0).item() == pytest.approx(LARGEST)


def test_several_budgets_have_a_column_each():
    rows = torch.tensor([[9.0, 0.5, 0.75, 1.0, 0.5, 9.0]])
    assert amount_left(rows, 1, resources=2).tolist() == [[1.0, 1.5]]
