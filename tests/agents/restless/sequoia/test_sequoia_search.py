"""Local search: feasible, never worse than where it begins, and on small sets nearly always the best."""

import copy

import numpy as np
import pytest
from budgetgym.agents.restless.sequoia.coding import Coding
from budgetgym.agents.restless.sequoia.question import Layers, Question
from budgetgym.agents.restless.sequoia.search import Search, _compile_search
from budgetgym.envs.restless.arms import Arms
from budgetgym.envs.restless.problems.interventions import RestlessInterventions
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_restless import KINDS, all_actions, tiny
from tiny_sequoia import best_value, random_layers, random_question


def ask(search, layers, questions, most, starts=None, kicks=None):
    """Actions and values, with the constants."""
    linear, bias = np.array([q.linear for q in questions]), np.array([q.bias for q in questions])
    actions, values = search.maximise(layers, linear, bias, np.asarray(most), starts, kicks)
    return actions, values + [q.constant for q in questions]


def value(coding, layers, question, action):
    return float(layers.values(question, coding.encode(np.asarray(action, np.int64)[None]))[0])


@given(
    st.sampled_from(KINDS),
    st.integers(0, 20),
    st.sampled_from([(), (5,), (4, 6), (3, 4, 3)]),
    st.sampled_from([None, 0, 1, 10]),
)
@settings(max_examples=80, deadline=None)
def test_what_it_finds_is_feasible_and_worth_what_it_says(kind, seed, hidden, kicks):
    problem = tiny(kind, seed, J=5)
    coding, random = Coding(problem), np.random.default_rng(seed)
    layers = random_layers(random, coding.width, hidden) if hidden else Layers(np.zeros((0, coding.width)), (), np.zeros(0))
    questions = [random_question(random, layers) for _ in range(8)]
    most = random.integers(0, coding.feasible.most + 2, 8)
    starts = np.stack([coding.feasible.sample(random, most=int(k)) for k in most])
    for begun in (None, starts):
        actions, values = ask(Search(coding, kicks), layers, questions, most, begun)
        assert coding.feasible.contains(actions).all()
        assert (actions.sum(axis=1) <= most).all()
        for k, (question, action) in enumerate(zip(questions, actions, strict=True)):
            assert values[k] == pytest.approx(value(coding, layers, question, action), abs=1e-9)
            assert values[k] >= value(coding, layers, question, starts[k] if begun is not None else 0 * action) - 1e-9
            assert values[k] <= best_value(coding, layers, question, int(most[k])) + 1e-9


@pytest.mark.parametrize("kind", KINDS)
def test_with_many_kicks_it_finds_the_best(kind):
    found, asked = 0, 0
    for seed in range(4):
        problem = tiny(kind, seed, J=7)
        coding, random = Coding(problem), np.random.default_rng(seed)
        layers = random_layers(random, coding.width, (6, 5))
        questions = [random_question(random, layers) for _ in range(25)]
        most = random.integers(1, coding.feasible.most + 1, 25)
        _, values = ask(Search(coding, 60), layers, questions, most)
        best = [best_value(coding, layers, q, int(k)) for q, k in zip(questions, most, strict=True)]
        found, asked = found + int((values > np.array(best) - 1e-9).sum()), asked + 25
    assert found >= asked - 1


@given(st.sampled_from(KINDS), st.integers(0, 20), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_greedy_is_greedy(kind, instance, seed):
    """Plain Python: the component that adds most, as long as one does and fits."""
    problem = tiny(kind, instance, J=5)
    coding, random = Coding(problem), np.random.default_rng(seed)
    layers = random_layers(random, coding.width, (4, 3))
    question, most = random_question(random, layers), int(random.integers(0, coding.feasible.m + 1))
    action = [0] * coding.m
    while True:
        wider = [[*action[:i], 1, *action[i + 1 :]] for i in range(coding.m) if not action[i]]
        wider = [w for w in wider if tuple(w) in all_actions(problem, most)]
        best = max(wider, key=lambda w: value(coding, layers, question, w), default=None)
        if best is None or value(coding, layers, question, best) <= value(coding, layers, question, action) + 1e-9:
            break
        action = best
    found, _ = ask(Search(coding, kicks=None), layers, [question], [most])
    assert found[0].tolist() == action


def test_the_same_question_has_the_same_answer_in_any_company():
    problem = tiny("spillover", 0, J=8)
    coding, random = Coding(problem), np.random.default_rng(0)
    layers = random_layers(random, coding.width, (6,))
    questions = [random_question(random, layers) for _ in range(20)]
    most = np.full(20, coding.feasible.most)
    together, _ = ask(Search(coding, 3), layers, questions, most)
    for k, question in enumerate(questions):
        assert ask(Search(coding, 3), layers, [question], most[:1])[0].tolist() == [together[k].tolist()]


def three_together(m=10, most=4):
    """Arm 0 needs three of the interventions at once."""
    effects = np.zeros((3, m), np.int64)
    effects[0, [2, 5, 8]] = 1
    effects[1, 1], effects[2, 7] = 1, 1
    chains = np.broadcast_to(np.eye(2), (3, 4, 2, 2))
    return RestlessInterventions(effects=effects, B=most, arms=Arms.from_arrays(chains, np.zeros((3, 2))), horizon=3)


@pytest.mark.parametrize("kicks", [0, 20])
def test_components_that_only_work_together_are_found(kicks):
    """Each of the three costs 0.1 and alone or in pairs brings nothing; together they bring 5. Others bring 0.05 each."""
    coding = Coding(three_together())
    linear = np.full(coding.width, 0.0)
    linear[:10] = -0.1
    linear[[1, 7]] = 0.05
    linear[10 + 2] = 5.0  # arm 0 at level 3
    layers = Layers(np.zeros((0, coding.width)), (), np.zeros(0))
    question = Question(0.0, linear, np.zeros(0))
    actions, values = ask(Search(coding, kicks), layers, [question], [4])
    assert values[0] == pytest.approx(4.75)
    assert actions[0, [2, 5, 8]].tolist() == [1, 1, 1]


@pytest.mark.parametrize("scale", [1e-3, 1e6, 1e12])
def test_it_ends_whatever_the_size_of_values(scale):
    """Rounding of large values must not look like improvement, again and again."""
    problem = tiny("capacity", 0, J=8, limited=False)
    coding, random = Coding(problem), np.random.default_rng(0)
    layers = random_layers(random, coding.width, (8, 8))
    layers = Layers(layers.first, layers.deeper, scale * layers.output)
    questions = [random_question(random, layers) for _ in range(50)]
    questions = [Question(0.0, scale * q.linear, q.bias) for q in questions]
    most = np.full(50, 4)
    _, values = ask(Search(coding, 40), layers, questions, most)
    best = np.array([best_value(coding, layers, q, 4) for q in questions])
    assert (values > best - 1e-6 * scale).mean() > 0.95


def test_a_copied_problem_is_not_compiled_again():
    """Copies and loaded problems lose the read-only mark of their arrays, which is a type of its own for numba: 10 s."""
    problem = tiny("capacity", 0)
    compiled = _compile_search(type(problem.feasible).test)
    random = np.random.default_rng(0)
    signatures = []
    for one in (problem, copy.deepcopy(problem)):
        coding = Coding(one)
        layers = random_layers(random, coding.width, (3,))
        ask(Search(coding), layers, [random_question(random, layers)], [2])
        signatures.append(len(compiled.signatures))  # type: ignore[attr-defined]
    assert signatures[0] == signatures[1]
