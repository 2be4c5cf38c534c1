"""The dynamic programme against closed forms, an independent expectimax, and simulation."""

import itertools
import math
from functools import cache

import numpy as np
import pytest
from budgetgym import evaluate, make_agent
from budgetgym.baselines.core.oracle import exact_optimum
from budgetgym.baselines.workflow.optimum import lattice_of, optimal_value, policy_value
from budgetgym.baselines.workflow.policies import PORTFOLIO
from budgetgym.envs.workflow.problem import WorkflowRouting
from scipy.stats import nbinom


def chain_of_one_model(p, V, **settings):
    subtasks = {str(v): {"success": {"m": p}, "length": 500, "after": [str(v - 1)] if v else []} for v in range(V)}
    workflow = {"models": {"m": {"price": 0.3, "speed": 70}}, "subtasks": subtasks}
    return WorkflowRouting(workflow=workflow, samples=1, **settings)


@pytest.mark.parametrize("calls", [4, 7, 13, 30])
@pytest.mark.parametrize("limit", ["budget", "deadline"])
def test_a_chain_of_fixed_lengths_is_a_negative_binomial(calls, limit):
    p, V = 0.37, 4
    price, seconds = 500 * 0.3e-6, 500 / 70
    amounts = {"budget": 40 * price, "deadline": 40 * seconds}
    amounts[limit] = calls * (price if limit == "budget" else seconds)
    problem = chain_of_one_model(p, V, **amounts)
    expected = nbinom.cdf(calls - V, V, p)
    assert exact_optimum(problem) == pytest.approx(expected, rel=1e-12)
    assert policy_value(problem, make_agent("cheapest", problem)) == pytest.approx(expected, rel=1e-12)


TINY = {
    "models": {"weak": {"price": 1, "speed": 1}, "strong": {"price": 3, "speed": 1}},
    "subtasks": {
        "a": {"success": {"weak": 0.5, "strong": 0.9}, "length": {"weak": 1, "strong": [1, 2]}},
        "b": {"success": {"weak": 0.3, "strong": 0.7}, "length": [1, 3]},
        "c": {"success": {"weak": 0.2, "strong": 0.8}, "length": {"weak": [1, 1, 2], "strong": 1}, "after": ["a", "b"]},
    },
}


def expectimax(workflow, N, dollars, seconds):
    """The best completion probability by trying everything: whole units, sample by sample, in plain Python."""
    prices = {name: model["price"] for name, model in workflow["models"].items()}
    names = list(workflow["subtasks"])

    def lengths(name, model):
        given = workflow["subtasks"][name]["length"]
        given = given[model] if isinstance(given, dict) else given
        return given if isinstance(given, list) else [given]

    def outcomes(launches):
        """(probability, passed names, cost, time) of every way in which the samples of a round can come out."""
        samples = [(name, model) for name, model, n in launches for _ in range(n)]
        ways = [[(length, passed) for length in lengths(name, model) for passed in (True, False)] for name, model in samples]
        for way in itertools.product(*ways):
            probability, cost, time, passed = 1.0, 0, 0, set()
            for (name, model), (length, success) in zip(samples, way, strict=True):
                p = workflow["subtasks"][name]["success"][model]
                probability *= (p if success else 1 - p) / len(lengths(name, model))
                cost += prices[model] * length
                time = max(time, length)
                passed |= {name} if success else set()
            yield probability, frozenset(passed), cost, time

    @cache
    def value(done, dollars, seconds):
        if len(done) == len(names):
            return 1.0
        ready = [n for n in names if n not in done and set(workflow["subtasks"][n].get("after", [])) <= done]
        choices = [[None, *((n, m, k) for m in prices for k in range(1, N + 1))] for n in ready]
        best = 0.0
        for choice in itertools.product(*choices):
            launches = [launch for launch in choice if launch]
            worst = sum(k * prices[m] * max(lengths(n, m)) for n, m, k in launches)
            slowest = max((max(lengths(n, m)) for n, m, _ in launches), default=0)
            if launches and worst <= dollars and slowest <= seconds:
                best = max(
                    best, sum(p * value(done | passed, dollars - c, seconds - t) for p, passed, c, t in outcomes(launches))
                )
        return best

    return value(frozenset(), dollars, seconds)


@pytest.mark.parametrize(("dollars", "seconds"), [(7, 4), (9, 6), (12, 5), (5, 9), (2, 9)])
def test_the_optimum_is_the_expectimax(dollars, seconds):
    amounts = {"budget": dollars * 1e-6, "deadline": float(seconds)}
    problem = WorkflowRouting(workflow=TINY, samples=2, **{**amounts, "budget": 20e-6, "deadline": 20.0})
    assert lattice_of(problem, np.ones(2))[:2] == (pytest.approx(1e-6), 1)
    value = optimal_value(problem, dollars * 1e-6, float(seconds))
    assert value == pytest.approx(expectimax(TINY, 2, dollars, seconds), abs=1e-12)


@pytest.mark.parametrize("instance", ["chain", "diamond"])
def test_a_fixed_policys_value_is_its_simulated_return(instance):
    problem = WorkflowRouting(instance=instance, budget=0.0123, deadline=64.3)
    for rule in PORTFOLIO:
        agent = make_agent(rule, problem)
        value = policy_value(problem, agent)
        score = evaluate(agent, problem, 4000).episodes["completed"].mean()
        assert abs(score - value) < 4 * math.sqrt(value * (1 - value) / 4000)


@pytest.mark.parametrize("instance", ["chain", "diamond"])
def test_the_optimal_policy_earns_its_value_and_no_rule_more(instance):
    problem = WorkflowRouting(instance=instance)
    agent = make_agent("optimal", problem)
    optimum = exact_optimum(problem)
    assert policy_value(problem, agent) == pytest.approx(optimum, rel=1e-12)
    result = evaluate(agent, problem, 4000)
    assert result.cell["optimum"] == optimum
    assert abs(result.summary["completed"] - optimum) < 4 * math.sqrt(optimum * (1 - optimum) / 4000)
    assert result.summary["blocked"] == 0
    for rule in PORTFOLIO:
        assert policy_value(problem, make_agent(rule, problem)) <= optimum + 1e-12


def test_the_optimum_rises_with_dollars_and_seconds():
    problem = WorkflowRouting(instance="diamond")
    values = [[optimal_value(problem, b, d) for d in (20.0, 40.0, 80.0)] for b in (0.004, 0.008, 0.016)]
    assert (np.diff(values, axis=0) >= 0).all()
    assert (np.diff(values, axis=1) >= 0).all()


def test_one_table_serves_smaller_budgets():
    problem = WorkflowRouting(instance="diamond", budget=(0.006, 0.02), deadline=(40.0, 80.0))
    agent = make_agent("optimal", problem)
    small = WorkflowRouting(instance="diamond", budget=0.0081, deadline=52.3)
    score = evaluate(agent, problem, 3000)
    assert 0.2 < score.summary["completed"] < 0.95
    assert math.isnan(score.cell["optimum"])  # budgets vary
    assert policy_value(small, make_agent("optimal", small)) == pytest.approx(exact_optimum(small), rel=1e-12)
    with pytest.raises(ValueError, match="was made for"):
        evaluate(agent, WorkflowRouting(instance="diamond", budget=0.03, deadline=80.0), 10)
    with pytest.raises(ValueError, match="expected one amount"):
        policy_value(problem, agent)


def test_large_workflows_are_refused_with_their_size():
    problem = WorkflowRouting(instance="codeflow")
    with pytest.raises(ValueError, match=r"codeflow has 22 sets .* = .* states; expected at most"):
        make_agent("optimal", problem)
    assert math.isnan(exact_optimum(problem))
    wide = {
        "models": {"m": {"price": 1, "speed": 1}},
        "subtasks": {str(v): {"success": {"m": 0.5}, "length": [1, 2, 3]} for v in range(6)},
    }
    with pytest.raises(ValueError, match="outcomes of rounds"):
        optimal_value(WorkflowRouting(workflow=wide, samples=4, budget=1e-5, deadline=9.0), 1e-4, 20.0)
