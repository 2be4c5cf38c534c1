"""The portfolio: what each rule launches."""

import dataclasses

import numpy as np
import pytest
from budgetgym import evaluate, list_agents, make_agent
from budgetgym.agents.registry import LEARNERS, PLANNERS
from budgetgym.baselines.workflow.policies import PORTFOLIO, launch_table, portfolio_parameters
from budgetgym.envs.bidding.problem import RealTimeBidding
from budgetgym.envs.core import BudgetedEnv
from budgetgym.envs.workflow.problem import WorkflowRouting

#                  dollars per sample        seconds  probability
WORKFLOW = {  # cheap     0.0001             20       0.1
    #           quick     0.0008              5       0.3
    #           good      0.0040             10       0.8
    "models": {
        "cheap": {"price": 0.1, "speed": 50},
        "quick": {"price": 0.8, "speed": 200},
        "good": {"price": 4, "speed": 100},
    },
    "subtasks": {
        "a": {"success": {"cheap": 0.1, "quick": 0.3, "good": 0.8}, "length": 1000},
        "b": {"success": {"cheap": 0.1, "quick": 0.3, "good": 0.8}, "length": 1000},
        "c": {"success": {"cheap": 0.9, "quick": 0.3, "good": 0.2}, "length": 1000, "after": ["a", "b"]},
    },
}
EXPECTED = {  # for a: per dollar 1000, 375, 200; per second with three samples 0.0136, 0.131, 0.099
    "cheapest": ("cheap", 1),
    "strongest": ("good", 1),
    "fastest": ("quick", 1),
    "per_dollar": ("cheap", 1),
    "per_second": ("quick", 3),
    "hedged": ("cheap", 3),
    "paced": ("quick", 3),
    "timed": ("quick", 1),
}


@pytest.fixture
def problem():
    return WorkflowRouting(workflow=WORKFLOW, budget=0.1, deadline=100.0)


@pytest.mark.parametrize("rule", PORTFOLIO)
def test_each_rule_launches_what_its_name_says(problem, rule):
    env = BudgetedEnv(problem)
    observation, _ = env.reset(seed=0)
    action, _ = make_agent(rule, problem).predict(observation)
    entry = problem.entry(*EXPECTED[rule])
    assert action.tolist() == [entry, entry, 0]
    batch, _ = make_agent(rule, problem).predict(np.stack([observation] * 3))
    assert batch.tolist() == [[entry, entry, 0]] * 3


def test_what_cannot_be_afforded_is_replaced_by_the_next_best(problem):
    env = BudgetedEnv(problem)

    def first(rule, dollars, seconds):
        observation, _ = env.reset(seed=0, options={"budget": {"dollars": dollars, "seconds": seconds}})
        return make_agent(rule, problem).predict(observation)[0].tolist()

    assert first("strongest", 0.1, 8.0) == [problem.entry("quick")] * 2 + [0]
    assert first("strongest", 0.0045, 100.0) == [problem.entry("good"), problem.entry("cheap"), 0]  # a has reserved 0.004
    assert first("hedged", 0.0005, 100.0) == [problem.entry("cheap", 3), problem.entry("cheap", 2), 0]
    # paced: a's part of the dollars is 0.474; until success one, two and three quick samples are expected to take 0.0027,
    # 0.0031 and 0.0037, three cheap ones 0.0011
    assert first("paced", 0.0036, 100.0)[0] == problem.entry("cheap", 3)
    assert first("paced", 0.0060, 100.0)[0] == problem.entry("quick", 1)
    assert first("paced", 0.0080, 100.0)[0] == problem.entry("quick", 3)
    # timed: a's part of the seconds is a half; until success one cheap sample takes 200, one quick 16.7, two quick 9.8
    assert first("timed", 1.0, 900.0)[0] == problem.entry("cheap", 1)
    assert first("timed", 1.0, 70.0)[0] == problem.entry("quick", 1)
    assert first("timed", 1.0, 25.0)[0] == problem.entry("quick", 2)


def test_rules_pick_the_model_for_the_subtask(problem):
    order = portfolio_parameters(problem).order
    assert order.shape == (8, 3, 9)
    assert order[PORTFOLIO.index("strongest"), 2, 0] == problem.entry("cheap")
    assert (np.sort(order, axis=2) == np.arange(1, 10)).all()


def test_expected_durations_of_parallel_samples():
    workflow = {
        "models": {"m": {"price": 1, "speed": 10}},
        "subtasks": {"a": {"success": {"m": 0.5}, "length": [100, 200, 600]}},
    }
    table = launch_table(WorkflowRouting(workflow=workflow, samples=2))
    assert table.success.ravel().tolist() == [0.5, 0.75]
    assert table.dollars.ravel() == pytest.approx([300e-6, 600e-6])
    pairs = [max(a, b) / 10 for a in (100, 200, 600) for b in (100, 200, 600)]
    assert table.seconds.ravel() == pytest.approx([30.0, np.mean(pairs)])


def test_the_rules_never_ask_for_what_they_cannot_afford():
    for instance in ("codeflow", "random"):
        problem = WorkflowRouting(instance=instance)
        for rule in PORTFOLIO:
            assert evaluate(make_agent(rule, problem), problem, 200).episodes["blocked"].sum() == 0


def test_random_launches_are_spread_and_seeded(problem):
    agent = make_agent("random:seed=3", problem)
    again = evaluate(make_agent("random:seed=3", problem), problem, 50).episodes
    assert evaluate(agent, problem, 50).episodes.equals(again)
    agent.set_random_seed(4)
    assert not evaluate(agent, problem, 50).episodes.equals(again)
    observation = np.tile(BudgetedEnv(problem).reset(seed=0)[0], (900, 1))
    observation[:, -2] = np.linspace(0.1, 1.0, 900)
    counts = np.bincount(agent.predict(observation)[0][:, 0], minlength=10)
    assert counts[0] == 0
    assert (counts[1:] > 60).all()
    with pytest.raises(ValueError, match="seed is -1"):
        make_agent("random:seed=-1", problem)


def test_agents_of_another_family_are_refused(problem):
    assert set(list_agents(problem)) - set(LEARNERS) == {*PORTFOLIO, "mcpp", "random", "optimal", *PLANNERS}
    with pytest.raises(ValueError, match="serves workflow, not RealTimeBidding"):
        make_agent("hedged", RealTimeBidding(T=5))
    with pytest.raises(ValueError, match="budget_aware=True"):
        make_agent("hedged", WorkflowRouting(budget_aware=False))


@pytest.mark.parametrize("name", ["paced", "mcpp", "optimal"])
def test_agents_of_another_workflow_are_refused(name):
    problem = WorkflowRouting(instance="chain", budget=0.008, deadline=40.0)
    other = problem.workflow.subtasks[0]
    changed = dataclasses.replace(other, success={**other.success, "small": 0.71})
    workflow = dataclasses.replace(problem.workflow, name="other", subtasks=(changed, *problem.workflow.subtasks[1:]))
    with pytest.raises(ValueError, match=r"made for (workflow chain, not workflow other|budget_scale)"):
        make_agent(name, problem).check_problem(problem.replace(workflow=workflow))


def test_models_may_be_free():
    """By hand: a is tried with the free model until it passes, b with the one that costs; then both for free."""
    table = {
        "models": {"free": {"price": 0, "speed": 100}, "paid": {"price": 8, "speed": 50}},
        "subtasks": {
            "a": {"success": {"free": 0.25, "paid": 0.5}, "length": 500},
            "b": {"after": ["a"], "success": {"free": 0, "paid": 0.5}, "length": 1000},
        },
    }
    problem = WorkflowRouting(workflow=table, samples=1)
    assert problem.workflow.typical_use() == pytest.approx((0.016, 60.0))
    assert problem.budget.amounts["dollars"] == pytest.approx(0.032)
    order = portfolio_parameters(problem).order
    for rule in ("cheapest", "per_dollar"):
        assert order[PORTFOLIO.index(rule), :, 0].tolist() == [1, 2]
    for agent in ("optimal", *PORTFOLIO):
        result = evaluate(make_agent(agent, problem), problem, 200)
        assert result.summary["share_of_optimum_low"] <= 1.1
        assert result.summary["completed"] > 0.3
    table["models"]["paid"]["price"] = 0
    free = WorkflowRouting(workflow=table, samples=1, budget=0)
    assert free.workflow.typical_use()[0] == 1.0
    result = evaluate(make_agent("optimal", free), free, 200)
    assert result.summary["spent"] == 0.0
    assert result.summary["completed"] == pytest.approx(result.cell["optimum"], abs=0.1)
    table["subtasks"]["b"]["success"] = {"free": 0.5, "paid": 0.5}
    table["models"]["paid"]["price"] = 8
    assert WorkflowRouting(workflow=table).workflow.typical_use()[0] == pytest.approx(0.008 + 0.016)
