"""MCPP: as good as the optimum on small workflows, better than all of its portfolio where models must be mixed."""

import math

import numpy as np
import pytest
from budgetgym import compare, evaluate, make_agent
from budgetgym.agents.workflow.mcpp import Mcpp
from budgetgym.baselines.core.oracle import exact_optimum
from budgetgym.baselines.workflow.optimum import policy_value
from budgetgym.baselines.workflow.policies import PORTFOLIO
from budgetgym.envs.core import BudgetedEnv
from budgetgym.envs.workflow.problem import WorkflowRouting
from budgetgym.envs.workflow.reading import read_situation


def mixing():
    """A subtask that only the expensive model solves, and one that it must not be wasted on: each rule treats both alike."""
    workflow = {
        "models": {"cheap": {"price": 1, "speed": 1}, "expensive": {"price": 10, "speed": 1}},
        "subtasks": {
            "easy": {"success": {"cheap": 0.5, "expensive": 0.55}, "length": 1},
            "hard": {"success": {"cheap": 0.02, "expensive": 0.8}, "length": 1, "after": ["easy"]},
        },
    }
    return WorkflowRouting(workflow=workflow, samples=1, budget=24e-6, deadline=5.0)


def test_it_beats_every_rule_where_models_must_be_mixed():
    problem = mixing()
    optimum = exact_optimum(problem)
    portfolio = "cheapest+strongest+fastest"
    best = max(policy_value(problem, make_agent(rule, problem)) for rule in portfolio.split("+"))
    assert best < optimum - 0.1
    score = evaluate(make_agent(f"mcpp:rollouts=400:portfolio={portfolio}", problem), problem, 600).summary["completed"]
    assert score > best + 0.05
    assert abs(score - optimum) < 4 * math.sqrt(optimum * (1 - optimum) / 600)


@pytest.mark.parametrize(("instance", "dollars", "seconds"), [("chain", 0.008, 60.0), ("diamond", 0.008, 60.0)])
def test_it_reaches_the_optimum_of_small_workflows(instance, dollars, seconds):
    problem = WorkflowRouting(instance=instance, budget=dollars, deadline=seconds)
    optimum = exact_optimum(problem)
    scores = {
        name: evaluate(make_agent(name, problem), problem, 250).episodes["completed"]
        for name in ("mcpp:rollouts=400", *PORTFOLIO)
    }
    mcpp = scores["mcpp:rollouts=400"]
    assert mcpp.mean() > optimum - 0.02 - 3 * math.sqrt(optimum * (1 - optimum) / 250)
    for rule in PORTFOLIO:
        ahead = mcpp - scores[rule]
        assert ahead.mean() >= -2 * ahead.sem()


def test_the_same_observation_gets_the_same_decision():
    problem = WorkflowRouting(instance="diamond")
    env = BudgetedEnv(problem)
    first, _ = env.reset(seed=0)
    agent = make_agent("mcpp:rollouts=200", problem)
    assert isinstance(agent, Mcpp)
    action, _ = agent.predict(first)
    assert problem.action_space.contains(action)
    second, *_ = env.step(action)
    batch, _ = agent.predict(np.stack([second, first, second]))
    assert batch[1].tolist() == action.tolist()
    assert batch[0].tolist() == batch[2].tolist()
    assert make_agent("mcpp:rollouts=200", problem).predict(second)[0].tolist() == batch[0].tolist()


def test_scores_are_the_completion_probabilities_of_a_rule():
    """With one rule and its own first round as candidate, the estimate is the rule's exact value."""
    problem = WorkflowRouting(instance="chain", budget=0.012, deadline=60.0)
    for rule in ("per_second", "paced"):
        agent = Mcpp(problem, rollouts=8000, portfolio=rule)
        observation, _ = BudgetedEnv(problem).reset(seed=0)
        own = agent._proposals(observation)
        futures = np.random.SeedSequence(7).generate_state(8000, np.uint64)
        pair = np.array([[0, agent.rules[0]]])
        estimate = agent._try(read_situation(agent.parameters.reading, observation), own, pair, futures).mean()
        value = policy_value(problem, make_agent(rule, problem))
        assert abs(estimate - value) < 4 * math.sqrt(value * (1 - value) / 8000)


def test_large_choices_are_improved_subtask_by_subtask():
    problem = WorkflowRouting(instance="codeflow", budget=0.02, deadline=120.0)
    scores = {
        name: evaluate(make_agent(name, problem), problem, 40).episodes["completed"]
        for name in ("mcpp:rollouts=200:candidates=8", "paced", "hedged")
    }
    mcpp = scores.pop("mcpp:rollouts=200:candidates=8")
    for score in scores.values():
        assert (mcpp - score).mean() >= -2 * (mcpp - score).sem()


def test_it_gives_up_where_nothing_can_be_done():
    problem = WorkflowRouting(instance="chain")
    env = BudgetedEnv(problem)
    observation, _ = env.reset(seed=0, options={"budget": {"dollars": 0.00041, "seconds": 60.0}})
    agent = make_agent("mcpp", problem)
    assert agent.predict(observation)[0].any()
    observation[-2] = 0.0  # no time left
    assert not agent.predict(observation)[0].any()


def test_it_is_compared_like_any_agent(tmp_path):
    problem = WorkflowRouting(instance="chain", deadline=50.0)
    table = compare(problem, ["mcpp:rollouts=100", "paced"], 20, budgets="0.008,0.02", out=tmp_path)
    assert table["budget"].tolist() == ["0.008", "0.008", "0.02", "0.02"]
    assert (table["information"] == "model").all()
    assert table["share_of_optimum"].notna().all()
    table = compare(problem, ["paced"], 20, budgets="deadline=40,80")
    assert table["budget"].tolist() == ["deadline=40", "deadline=80"]
    assert table["completed"].iloc[0] <= table["completed"].iloc[1]
    with pytest.raises(ValueError, match="is set by budget or deadline"):
        compare(problem, ["paced"], 20, budgets="c0=1/8")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rollouts": 10}, "rollouts is 10; expected at least 100"),
        ({"rollouts": 0.5}, "rollouts is 0.5"),
        ({"candidates": 0}, "candidates is 0"),
        ({"caution": -1}, "caution is -1"),
        ({"patience": "x"}, "patience is 'x'"),
        ({"portfolio": "cheapest+best"}, "portfolio names 'best'; expected some of cheapest"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_bad_settings_name_the_argument_and_the_value(settings, message):
    with pytest.raises(ValueError, match=message):
        make_agent("mcpp", WorkflowRouting(), **settings)


def test_wrong_observations_are_refused():
    with pytest.raises(ValueError, match="observation has shape"):
        make_agent("mcpp", WorkflowRouting()).predict(np.zeros(3))
    with pytest.raises(ValueError, match="budget_aware=True"):
        make_agent("mcpp", WorkflowRouting(budget_aware=False))
