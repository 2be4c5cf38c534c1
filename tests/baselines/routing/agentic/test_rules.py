"""The exact success rates of rules: known values, what is played, and what is refused."""

import numpy as np
import pytest
from budgetgym import make_agent
from budgetgym.baselines.routing.agentic.rules import rule_success
from budgetgym.baselines.routing.agentic.values import optimum_curve
from budgetgym.envs.routing.agentic.problem import AgenticRouting
from budgetgym.evaluation.play import play


@pytest.mark.parametrize(
    ("name", "success"), [("criticality_gated", 0.5860), ("first_large", 0.5689), ("always_small", 0.4500)]
)
def test_known_values(name, success):
    problem = AgenticRouting(budget=10)
    assert rule_success(problem, make_agent(name, problem)) == pytest.approx(success, abs=5e-5)


@pytest.mark.parametrize("instance", ["webshop", "swe"])
@pytest.mark.parametrize("name", ["always_large", "random:p=0.4", "error_gated:errors=2", "criticality_gated"])
def test_it_is_what_is_played(instance, name):
    problem = AgenticRouting(instance=instance, budget=4)
    agent = make_agent(name, problem)
    exact = rule_success(problem, agent)
    success = play(agent, problem, range(4000), 1).episodes["success"].to_numpy(float)
    assert success.mean() == pytest.approx(exact, abs=4 * success.std() / np.sqrt(4000))
    assert exact < optimum_curve(problem, 4, "informed")[-1]


def test_what_it_does_not_follow_is_refused():
    problem = AgenticRouting(budget=4)
    for name in ("cascade", "belief", "greedy"):
        with pytest.raises(ValueError, match=f"router is {name}; expected one of always"):
            rule_success(problem, make_agent(name, problem))
    for settings, message in (
        ({"exhaustion": "free"}, "exhaustion is 'free'"),
        ({"tasks": 2}, "tasks is 2"),
        ({"unit": "dollars", "budget": None}, "unit is 'dollars'"),
        ({"budget": (1.0, 4.0)}, "expected one amount"),
    ):
        other = problem.replace(**settings)
        with pytest.raises(ValueError, match=message):
            rule_success(other, make_agent("first_large", other))
    truncated = problem.truncated(3)
    with pytest.raises(ValueError, match="truncated after 3 steps"):
        rule_success(truncated, make_agent("first_large", truncated))
