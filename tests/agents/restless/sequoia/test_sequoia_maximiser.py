"""The maximiser: all methods agree, and what it says about its own answer is true."""

import numpy as np
import pytest
from budgetgym.agents.restless.sequoia.coding import Coding
from budgetgym.agents.restless.sequoia.maximiser import METHODS, Maximiser
from budgetgym.agents.restless.sequoia.question import Question
from budgetgym.agents.restless.sequoia.solvers import Highs, Outcome, Scip
from budgetgym.envs.restless.problems.capacity import RestlessCapacity
from budgetgym.envs.restless.problems.paths import RestlessPaths
from tiny_restless import KINDS, tiny
from tiny_sequoia import best_value, needs, random_layers, random_question

PROOFS = ("enumerate", "scip", "highs")


def asked(kind, seed=0, hidden=(5, 4), J=6):
    """A coding, a network and a source of questions."""
    coding, random = Coding(tiny(kind, seed, J=J)), np.random.default_rng(seed)
    return coding, random_layers(random, coding.width, hidden), random


@pytest.mark.parametrize("kind", KINDS)
def test_methods_agree_and_say_the_truth(kind):
    coding, layers, random = asked(kind)
    makers = {method: Maximiser(coding, layers, method) for method in (*PROOFS, "auto", "search", "greedy")}
    assert makers["auto"].method == "enumerate"
    state = np.zeros(6, np.int64)
    for most in (0, 1, 2, coding.m, 1000):
        question = random_question(random, layers)
        best = best_value(coding, layers, question, most)
        for maximiser in makers.values():
            decision = maximiser.decide(question, most, state)
            assert coding.feasible.contains(decision.action)
            assert decision.action.sum() <= most
            assert decision.state is state
            assert decision.objective == pytest.approx(maximiser.value(question, decision.action), abs=1e-12)
            assert decision.gap == decision.bound - decision.objective >= 0.0
            assert decision.bound >= best - 1e-6
            assert decision.seconds > 0.0
            if maximiser.method in PROOFS:
                assert decision.status == "optimal"
                assert decision.gap <= 1e-6  # of what solvers take for equal
                assert decision.objective == pytest.approx(best, abs=1e-6)
            else:
                assert decision.status == "heuristic"
                assert decision.bound == np.inf
                assert decision.objective <= best + 1e-9


def test_a_known_action_is_never_left_for_a_worse_one():
    coding, layers, random = asked("capacity", seed=2)
    listed = coding.feasible.enumerate()
    assert listed is not None
    for method in ("search", "greedy", "scip"):
        maximiser = Maximiser(coding, layers, method, kicks=0)
        for _ in range(20):
            question = random_question(random, layers)
            start = listed[layers.values(question, coding.encode(listed)).argmax()]
            decision = maximiser.decide(question, coding.m, np.zeros(6, np.int64), start)
            assert decision.objective >= maximiser.value(question, start) - 1e-9


@pytest.mark.parametrize("method", ["scip", "highs", "gurobi"])
@pytest.mark.parametrize("kind", ["capacity", "interventions", "paths"])
def test_no_time_is_an_honest_answer(kind, method):
    """The action of the search, and a bound that holds."""
    needs(method)
    coding, layers, random = asked(kind, hidden=(20, 20), J=8)
    hurried = Maximiser(coding, layers, method, time_limit=1e-9)
    statuses = set()
    for _ in range(5):
        question = random_question(random, layers)
        decision = hurried.decide(question, coding.m, np.zeros(8, np.int64))
        statuses.add(decision.status)
        assert coding.feasible.contains(decision.action)
        assert decision.bound >= best_value(coding, layers, question) - 1e-6
        assert decision.gap >= 0.0
        assert decision.bound == np.inf or decision.bound < 1e6  # not a solver's number for infinity
    assert "time_limit" in statuses


def test_settings_that_can_not_be_meant():
    coding, layers, _ = asked("capacity")
    for message, settings in (
        (r"method is 'best'; expected one of .*'scip'|method is 'best'", {"method": "best"}),
        ("tolerance is 0", {"tolerance": 0}),
        ("tolerance is nan", {"tolerance": float("nan")}),
        ("tolerance is 'small'", {"tolerance": "small"}),
        ("time_limit is -1", {"time_limit": -1}),
        ("time_limit is None", {"time_limit": None}),
    ):
        with pytest.raises(ValueError, match=message):
            Maximiser(coding, layers, **settings)
    assert {"enumerate", "scip", "highs", "gurobi"} <= set(METHODS)


@pytest.mark.parametrize("problem", [RestlessCapacity(J=60, B=15), RestlessPaths(J=40, B=8)], ids=["capacity", "paths"])
def test_large_sets_are_not_listed(problem):
    coding = Coding(problem)
    layers = random_layers(np.random.default_rng(0), coding.width, (3,))
    assert Maximiser(coding, layers).method == "scip"
    with pytest.raises(ValueError, match=r"method is 'enumerate', but there are more than .* actions"):
        Maximiser(coding, layers, "enumerate")


def test_a_missing_solver_is_named(monkeypatch):
    coding, layers, random = asked("capacity")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match="solver 'scip' needs the package pyscipopt"):
        Maximiser(coding, layers, "scip").decide(random_question(random, layers), 3, np.zeros(6, np.int64))


def test_a_solver_that_fails_is_an_error(monkeypatch):
    """Never an action in silence: neither if it gives up, nor if what it returns can't be done."""
    coding, layers, random = asked("capacity")
    question, state = random_question(random, layers), np.zeros(6, np.int64)
    maximiser = Maximiser(coding, layers, "scip")
    assert isinstance(maximiser.decide(question, 3, state).objective, float)

    class Broken:
        """A model that ends in trouble."""

        def __getattr__(self, name):
            return lambda *arguments: "numerics" if name == "getStatus" else None

    monkeypatch.setattr(maximiser._solver, "_model", Broken())
    with pytest.raises(RuntimeError, match="SCIP ended with status 'numerics'"):
        maximiser.decide(question, 3, state)
    for kind, method in ((Scip, "scip"), (Highs, "highs")):
        broken = Maximiser(coding, layers, method)
        monkeypatch.setattr(kind, "solve", lambda *_: Outcome(np.ones(6, np.int64), 1e9, "optimal"))
        plenty = Question(0.0, np.full(6, 100.0), question.bias)  # everything at once would be worth more
        with pytest.raises(RuntimeError, match=f"{method} returned .*, which is not feasible"):
            broken.decide(plenty, 6, state)
