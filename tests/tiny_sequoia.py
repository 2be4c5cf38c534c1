"""Tiny networks over tiny restless bandits, and what they say in plain Python."""

from itertools import pairwise

import numpy as np
import pytest
from budgetgym.agents.restless.sequoia.coding import Coding
from budgetgym.agents.restless.sequoia.question import Layers, Question
from budgetgym.envs.restless.problem import Restless
from tiny_restless import level


def random_layers(random: np.random.Generator, width: int, hidden: tuple[int, ...]) -> Layers:
    """A ReLU network with random weights; a sixth of the last ones are zero."""
    sizes = (width, *hidden)
    weights = [random.normal(size=(b, a)) for a, b in pairwise(sizes)]
    output = random.normal(size=sizes[-1]) * (random.random(sizes[-1]) > 1 / 6)
    return Layers(weights[0], tuple((w, random.normal(size=len(w))) for w in weights[1:]), output)


def random_question(random: np.random.Generator, layers: Layers, shift: float = 0.0) -> Question:
    """What a state may ask; `shift` moves the inputs of all units."""
    K, X = layers.first.shape
    return Question(float(random.normal()), random.normal(size=X), 2.0 * random.normal(size=K) + shift)


def code_of(problem: Restless, action, levels: bool) -> list[float]:
    """The code of an action: its components, and, with levels, a one for the level of every arm above 0."""
    code = [float(a) for a in action]
    if levels:
        L = problem.arms.shape[1]
        for j in range(problem.arms.shape[0]):
            code += [float(level(problem, j, action) == one) for one in range(1, L)]
    return code


def plain_value(layers: Layers, question: Question, code) -> float:
    """The network's value, unit by unit."""

    def times(row, entries) -> float:
        return sum(w * x for w, x in zip(row, entries, strict=True))

    active = code
    for weights, biases in ((layers.first, question.bias), *layers.deeper):
        active = [max(times(row, active) + b, 0.0) for row, b in zip(weights, biases, strict=True)]
    return float(question.constant + times(question.linear, code) + times(layers.output, active))


def best_value(coding: Coding, layers: Layers, question: Question, most: float = np.inf) -> float:
    """The largest value of all feasible actions with up to `most` pulls."""
    listed = coding.feasible.enumerate()
    assert listed is not None
    listed = listed[listed.sum(axis=1) <= most]
    return float(layers.values(question, coding.encode(listed)).max())


def needs(solver: str) -> None:
    """Skip what is not installed, and licences that refuse."""
    if solver == "gurobi":
        gurobi = pytest.importorskip("gurobipy")
        try:
            gurobi.Env(params={"OutputFlag": 0}).close()
        except gurobi.GurobiError as error:
            pytest.skip(str(error))
