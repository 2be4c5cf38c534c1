"""The unit of rewards is the user's choice: decisions, indices and bounds do not depend on it."""

from dataclasses import replace

import numpy as np
import pytest
from budgetgym.agents.restless.sequoia.coding import Coding
from budgetgym.agents.restless.sequoia.maximiser import Maximiser
from budgetgym.agents.restless.sequoia.question import Question
from budgetgym.baselines.restless.exact import exact
from budgetgym.baselines.restless.relaxation import relax
from budgetgym.baselines.restless.treatment import Treatment
from budgetgym.baselines.restless.whittle import whittle_index
from budgetgym.envs.core.scaling import unit_of
from budgetgym.envs.restless.problems.capacity import RestlessCapacity
from budgetgym.envs.restless.problems.paths import RestlessPaths
from tiny_restless import KINDS, tiny
from tiny_sequoia import random_layers, random_question

UNITS = (1e-9, 1e-5, 1e7)


@pytest.mark.parametrize(
    ("values", "unit"), [([0.3, -5.0], 4.0), ([1e-9], 2.0**-30), ([0.0, 0.0], 1.0), ([], 1.0), ([8], 8.0)]
)
def test_the_unit_is_the_power_of_two_below_the_largest(values, unit):
    assert unit_of(values) == unit


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("kind", [RestlessCapacity, RestlessPaths])
def test_the_best_pulls(kind, unit):
    """Too many arms to list: the programme, and the search for tours."""
    feasible = kind(J=40, B=6).feasible
    for seed in range(4):
        values = np.random.default_rng(seed).exponential(1.0, feasible.m)
        worth = values @ feasible.maximise(values)
        assert values @ feasible.maximise(unit * values) == pytest.approx(worth, rel=1e-9)
        if kind is RestlessCapacity:
            assert values @ feasible.prove(unit * values) == pytest.approx(worth, rel=1e-9)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("kind", KINDS)
def test_values_bounds_and_decisions(kind, unit):
    problem = tiny(kind, 3)
    arms = problem.settings["arms"]
    other = problem.replace(arms=replace(arms, rewards=unit * arms.rewards))
    assert exact(other, 5.0).value == pytest.approx(unit * exact(problem, 5.0).value, rel=1e-9)
    assert np.array_equal(exact(other, 5.0).best, exact(problem, 5.0).best)
    assert relax(other, 5.0).bound == pytest.approx(unit * relax(problem, 5.0).bound, rel=1e-7)
    values = np.random.default_rng(0).normal(size=problem.arms.shape[:2])
    assert np.array_equal(Treatment(other).prove(unit * values, 2), Treatment(problem).prove(values, 2))
    assert np.array_equal(Treatment(other).maximise(unit * values, 2), Treatment(problem).maximise(values, 2))


@pytest.mark.parametrize("unit", UNITS)
def test_the_whittle_index(unit):
    arms = tiny("capacity", 1, S=4).arms
    for transitions, gains in zip(arms.transitions, arms.expected_rewards(), strict=True):
        index, indexable = whittle_index(transitions, gains, 0.9)
        scaled = whittle_index(transitions, unit * gains, 0.9)
        assert scaled[0] == pytest.approx(unit * index, rel=1e-9)
        assert scaled[1] == indexable


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("method", ["search", "highs", "scip"])
def test_the_best_action_by_a_network(method, unit):
    coding, random = Coding(tiny("interventions", 0, J=6)), np.random.default_rng(0)
    layers = random_layers(random, coding.width, (5, 4))
    question = random_question(random, layers)
    scaled = Question(unit * question.constant, unit * question.linear, question.bias)
    state = np.zeros(6, np.int64)
    best = Maximiser(coding, layers, "enumerate").decide(question, 2, state)
    found = Maximiser(coding, replace(layers, output=unit * layers.output), method).decide(scaled, 2, state)
    assert found.objective == pytest.approx(unit * best.objective, rel=1e-6)
    assert found.status == ("heuristic" if method == "search" else "optimal")
