"""The programme over levels of treatment, against all feasible actions one by one."""

import numpy as np
import pytest
from budgetgym.baselines.restless.treatment import Treatment, levels_of, value_of
from budgetgym.envs.restless.problems.interventions import RestlessInterventions
from budgetgym.envs.restless.problems.spillover import RestlessSpillover
from tiny_restless import KINDS, level, tiny

SHAPES = {
    "any": lambda values, random: values,
    "increasing": lambda values, random: np.sort(values, axis=1),
    "decreasing": lambda values, random: -np.sort(values, axis=1),
    "concave": lambda values, random: np.cumsum(-np.sort(-np.abs(values), axis=1), axis=1),
    "ties": lambda values, random: np.round(values),
    "one arm counts": lambda values, random: values * (np.arange(len(values)) == 0)[:, None],
}


def instances():
    for kind in KINDS:
        for seed in range(3):
            yield tiny(kind, seed, J=4)
    yield RestlessInterventions(J=9, N=6, B=3)
    yield RestlessSpillover(J=8, B=3, q=0.3)
    yield RestlessSpillover(J=8, B=3, q=0.7)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_list_and_the_programme_are_as_good_as_all_actions(shape):
    for number, problem in enumerate(instances()):
        random = np.random.default_rng(number)
        treatment, (J, L, _) = Treatment(problem), problem.arms.shape
        actions = problem.feasible.enumerate()
        for most, price in ((None, 0.0), (2, 0.0), (0, 0.0), (None, 0.4), (1, 0.4)):
            values = SHAPES[shape](random.normal(0.0, 1.0, (J, L)), random)
            worth = value_of(problem, values, actions) - price * actions.sum(axis=1)
            found = treatment.maximise(values, most, price)
            assert problem.feasible.contains(found)
            allowed = actions.sum(axis=1) <= (problem.feasible.m if most is None else most)
            assert found.sum() <= (problem.feasible.m if most is None else most)
            assert value_of(problem, values, found[None])[0] - price * found.sum() == pytest.approx(
                worth[allowed].max(), abs=1e-6
            )
            if not treatment.one_by_one:
                proved = treatment.prove(values, most, price)
                assert proved.sum() <= (problem.feasible.m if most is None else most)
                assert value_of(problem, values, proved[None])[0] - price * proved.sum() == pytest.approx(
                    worth[allowed].max(), abs=1e-6
                )
            for i in np.flatnonzero(found):  # nothing idle
                less = found.copy()
                less[i] = 0
                assert value_of(problem, values, less[None])[0] < value_of(problem, values, found[None])[0]


@pytest.mark.parametrize("kind", KINDS)
def test_levels_and_values_of_actions(kind):
    problem = tiny(kind, 1)
    actions = problem.feasible.enumerate()
    values = np.random.default_rng(0).normal(size=problem.arms.shape[:2])
    for action, levels, value in zip(actions, levels_of(problem, actions), value_of(problem, values, actions), strict=True):
        assert levels.tolist() == [level(problem, j, action) for j in range(3)]
        assert value == pytest.approx(sum(values[j, level(problem, j, action)] for j in range(3)))
