"""The network as a mixed-integer programme: its optimum and its bounds, against all actions one by one."""

import numpy as np
import pytest
from budgetgym.agents.restless.sequoia.coding import Coding
from budgetgym.agents.restless.sequoia.embedding import Embedding
from budgetgym.agents.restless.sequoia.question import Layers, Question
from budgetgym.agents.restless.sequoia.solvers import Outcome, make_solver
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_restless import KINDS, tiny
from tiny_sequoia import best_value, code_of, needs, plain_value, random_layers, random_question

HIDDEN = ((4,), (4, 3), (3, 4, 3))


def solve(solver, embedding, question, most=None, start=None):
    """The solver's best action and its value, or those of the start if nothing is better."""
    coding, layers = embedding.coding, embedding.layers
    start = np.zeros(coding.m, np.int64) if start is None else start
    value = layers.values(question, coding.encode(start[None]))[0]
    mip = embedding.mip(question, coding.m if most is None else most)
    made = solver if not isinstance(solver, str) else make_solver(solver, mip)
    outcome: Outcome = made.solve(mip, start, value, 1e-9, 30.0)
    assert outcome.status == "optimal"
    action = start if outcome.action is None else outcome.action
    found = layers.values(question, coding.encode(action[None]))[0]
    assert coding.feasible.contains(action)
    assert action.sum() <= (coding.m if most is None else most)
    assert outcome.bound >= found - 1e-6
    return max(found, value)


@pytest.mark.parametrize("solver", ["scip", "highs", "gurobi"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_optimum_is_that_of_all_actions(kind, solver):
    needs(solver)
    for seed, hidden in enumerate(HIDDEN):
        for levels, J in ((True, 4), (False, 4), (True, 8)):
            problem = tiny(kind, seed, J=J)
            random = np.random.default_rng([seed, J])
            coding = Coding(problem, levels)
            layers = random_layers(random, coding.width, hidden)
            embedding = Embedding(coding, layers)
            for _ in range(2):
                question = random_question(random, layers)
                assert solve(solver, embedding, question) == pytest.approx(best_value(coding, layers, question), abs=1e-6)


@pytest.mark.parametrize("solver", ["scip", "highs"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_same_objects_answer_many_questions_as_fresh_ones_do(kind, solver):
    """Between questions everything moves: units get stuck on and off, pull limits fall to 0 and come back, known actions are
    poor and then the best."""
    problem = tiny(kind, 3, J=5)
    coding = Coding(problem)
    random = np.random.default_rng(0)
    layers = random_layers(random, coding.width, (4, 3))
    kept = Embedding(coding, layers)
    lasting = make_solver(solver, kept.mip(random_question(random, layers), coding.m))
    for k in range(40):
        question = random_question(random, layers, shift=(0.0, -8.0, 0.0, 8.0)[k % 4])
        most = int(random.integers(0, coding.feasible.most + 2)) if k % 3 else 0
        expected = best_value(coding, layers, question, most)
        start = coding.feasible.sample(random, most=most) if k % 2 else None
        assert solve(lasting, kept, question, most, start) == pytest.approx(expected, abs=1e-6)
        if k % 10 == 0:
            assert solve(solver, Embedding(coding, layers), question, most, start) == pytest.approx(expected, abs=1e-6)


@given(st.sampled_from(KINDS), st.integers(0, 20), st.sampled_from(HIDDEN), st.sampled_from([-3.0, 0.0, 3.0]), st.booleans())
@settings(max_examples=60, deadline=None)
def test_bounds_enclose_every_unit(kind, seed, hidden, shift, levels):
    problem = tiny(kind, seed, J=4)
    coding = Coding(problem, levels)
    random = np.random.default_rng(seed)
    layers = random_layers(random, coding.width, hidden)
    question = random_question(random, layers, shift)
    listed = coding.feasible.enumerate()
    assert listed is not None
    inputs = coding.encode(listed) @ layers.first.T + question.bias
    for k, (low, high) in enumerate(Embedding(coding, layers).bounds(question)):
        assert (low <= inputs.min(axis=0) + 1e-9).all()
        assert (high >= inputs.max(axis=0) - 1e-9).all()
        if k < len(layers.deeper):
            weights, biases = layers.deeper[k]
            inputs = np.maximum(inputs, 0.0) @ weights.T + biases


@given(st.integers(0, 2**32 - 1), st.sampled_from(HIDDEN))
@settings(max_examples=20, deadline=None)
def test_the_network_in_plain_python(seed, hidden):
    problem, random = tiny("interventions", 0), np.random.default_rng(seed)
    coding = Coding(problem)
    layers = random_layers(random, coding.width, hidden)
    question = random_question(random, layers)
    actions = np.array([[0, 0, 0], [1, 0, 1]])
    expected = [plain_value(layers, question, code_of(problem, action, True)) for action in actions]
    assert layers.values(question, coding.encode(actions)) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("solver", ["scip", "highs"])
@pytest.mark.parametrize(
    "case", ["nothing hidden", "never active", "always active", "no weight", "dead layer", "dead unit", "huge values"]
)
def test_networks_that_are_hardly_networks(case, solver):
    problem = tiny("capacity", 1, J=5)
    coding = Coding(problem)
    random = np.random.default_rng(0)
    layers = random_layers(random, coding.width, (4, 3))
    (weights, biases), X = layers.deeper[0], coding.width
    shift = 0.0
    if case == "nothing hidden":
        layers = Layers(np.zeros((0, X)), (), np.zeros(0))
    elif case == "never active":
        shift = -50.0
    elif case == "always active":
        layers, shift = Layers(np.abs(layers.first), ((np.abs(weights), np.abs(biases)),), layers.output), 50.0
    elif case == "no weight":
        layers = Layers(layers.first, layers.deeper, np.zeros(3))
    elif case == "dead layer":  # the second layer's inputs are exactly 0
        layers, shift = Layers(layers.first, ((weights, np.zeros(3)),), np.abs(layers.output) + 1.0), -50.0
    elif case == "dead unit":
        weights = weights * np.array([[1.0], [0.0], [1.0]])
        layers = Layers(layers.first, ((weights, biases * [1.0, 0.0, 1.0]),), np.ones(3))
    embedding = Embedding(coding, layers)
    scale = 1e4 if case == "huge values" else 1.0
    for _ in range(3):
        question = random_question(random, layers, shift)
        question = Question(scale * question.constant, scale * question.linear, question.bias)
        expected = best_value(coding, layers, question)
        assert solve(solver, embedding, question) == pytest.approx(expected, rel=1e-9, abs=1e-6)


def test_a_network_for_other_codes_is_refused():
    problem = tiny("interventions", 0)
    with pytest.raises(ValueError, match="reads codes of 3 entries; expected 9"):
        Embedding(Coding(problem), Layers(np.zeros((2, 3)), (), np.zeros(2)))
    with pytest.raises(ValueError, match=r"output has shape \(3,\); expected \(2,\)"):
        Layers(np.zeros((2, 3)), (), np.zeros(3))
    with pytest.raises(ValueError, match=r"weights of a deeper layer have shape \(4, 3\); expected \(4, 2\)"):
        Layers(np.zeros((2, 3)), ((np.zeros((4, 3)), np.zeros(4)),), np.zeros(4))
    with pytest.raises(ValueError, match="first has shape"):
        Layers(np.full((2, 3), np.nan), (), np.zeros(2))
