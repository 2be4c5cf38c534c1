"""The code of an action, its rows of a programme, and its bound: against plain Python and enumeration."""

from itertools import product

import numpy as np
import pytest
from budgetgym.agents.restless.sequoia.coding import Coding
from budgetgym.envs.restless.problems.capacity import RestlessCapacity
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_restless import KINDS, all_actions, tiny
from tiny_sequoia import code_of


@given(st.sampled_from(KINDS), st.integers(0, 50), st.booleans(), st.sampled_from([1, 3, 4]))
@settings(max_examples=60, deadline=None)
def test_codes_by_hand(kind, seed, levels, J):
    problem = tiny(kind, seed, J=max(J, 3) if kind == "paths" else J)
    coding = Coding(problem, levels)
    assert coding.has_levels == (levels and kind in ("interventions", "spillover"))
    actions = np.array(list(product((0, 1), repeat=problem.feasible.m)))
    codes = coding.encode(actions)
    assert codes.shape == (len(actions), coding.width)
    assert codes.tolist() == [code_of(problem, action, coding.has_levels) for action in actions]


@pytest.mark.parametrize("levels", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_the_rows_admit_the_codes_of_feasible_actions_and_no_others(kind, levels):
    """A fixed action has a solution if and only if it is feasible, and then the folded code can say nothing but its own."""
    for seed in range(3):
        problem = tiny(kind, seed, J=4)
        coding = Coding(problem, levels)
        m, X = coding.m, coding.width
        programme = coding.linear.programme(m)
        random, feasible = np.random.default_rng(seed), set(all_actions(problem))
        free = np.ones(m)
        for action in product((0, 1), repeat=m):
            programme.limit_columns(np.arange(m), action, action)
            if action not in feasible:
                with pytest.raises(RuntimeError, match=r"(?i)infeasible"):
                    programme.maximise(np.zeros(programme.shape[1]))
                continue
            coefficients = random.normal(size=X)
            folded = coding.fold(coefficients[None])[0]
            objective = np.concatenate([folded, np.zeros(programme.shape[1] - len(folded))])
            value = coefficients @ np.array(code_of(problem, action, coding.has_levels))
            for sign in (1.0, -1.0):
                assert sign * programme.maximise(sign * objective).value == pytest.approx(value, abs=1e-6)
        programme.limit_columns(np.arange(m), 0 * free, free)


@given(st.sampled_from(KINDS), st.integers(0, 50), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_highest_is_an_upper_bound(kind, instance, seed):
    problem = tiny(kind, instance, J=4)
    coding = Coding(problem)
    coefficients = np.random.default_rng(seed).normal(size=(5, coding.width))
    codes = coding.encode(np.array(all_actions(problem)))
    highest = coding.highest(coding.fold(coefficients))
    assert (highest >= (codes @ coefficients.T).max(axis=0) - 1e-12).all()
    assert (highest >= 0.0).all()  # doing nothing is possible


def test_highest_where_nothing_can_be_pulled():
    """No worker has enough for any arm."""
    problem = RestlessCapacity(J=3, B=1, costs=[5, 5, 5], capacities=[2])
    assert problem.feasible.most == 0
    assert Coding(problem).highest(np.ones((2, 3))).tolist() == [0.0, 0.0]
