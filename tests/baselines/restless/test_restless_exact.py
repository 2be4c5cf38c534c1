"""The exact optimum of a few arms: against expectimax in plain Python, and as a policy."""

import numpy as np
import pytest
from budgetgym.baselines.restless.exact import exact, exact_value
from budgetgym.baselines.restless.policies import Optimal
from budgetgym.baselines.restless.relaxation import relax
from budgetgym.baselines.restless.values import null_value
from budgetgym.envs.restless.problems.capacity import RestlessCapacity
from budgetgym.envs.restless.problems.interventions import RestlessInterventions
from budgetgym.envs.restless.problems.matching import RestlessMatching
from budgetgym.envs.restless.problems.spillover import RestlessSpillover
from budgetgym.evaluation.play import play
from tiny_restless import KINDS, alone, expectimax, policy_value, tiny


@pytest.mark.parametrize("kind", KINDS)
def test_the_optimum_is_the_expectimax_by_hand(kind):
    for seed in range(5):
        problem = tiny(kind, seed, J=2 + seed % 3, horizon=3 if seed % 3 < 2 else 2)
        for budget in (0, 1, 2, 3.9, 100):
            by_hand = expectimax(problem, min(budget, 12))
            assert exact_value(problem, budget) == pytest.approx(by_hand, abs=1e-9)
            assert policy_value(Optimal(problem), problem, budget) == pytest.approx(by_hand, abs=1e-9)


def test_more_states_than_two():
    for kind in KINDS:
        problem = tiny(kind, 7, S=4, horizon=2)
        assert exact_value(problem, 3) == pytest.approx(expectimax(problem, 3), abs=1e-9)


def test_actions_that_take_more_than_there_ever_is():
    """Four pulls fit at once, but the whole episode has fewer."""
    problem = tiny("capacity", 0, J=4).replace(costs=[1] * 4, capacities=[4], B=1)
    for budget in range(4):
        assert exact_value(problem, budget) == pytest.approx(expectimax(problem, budget), abs=1e-9)


def test_the_values_know_every_start_and_every_smaller_budget():
    problem = tiny("matching", 2)
    solved = exact(problem, 4)
    assert solved.values.shape == (5, 2, 2, 2)
    start = np.einsum("i,j,k->ijk", *problem.arms.start)
    for budget in range(5):
        assert (solved.values[budget] * start).sum() == pytest.approx(exact_value(problem, budget), abs=1e-9)
    assert solved.best.max() < len(solved.actions)


@pytest.mark.parametrize("kind", KINDS)
def test_unlimited_arms_are_worth_their_sum(kind):
    problem = tiny(kind, 3, limited=False)
    apart = sum(alone(problem, j) for j in range(3))
    assert exact_value(problem, 1e3) <= apart + 1e-9
    if kind in ("capacity", "matching"):
        assert exact_value(problem, 1e3) == pytest.approx(apart, abs=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_the_optimal_policy_earns_its_value_in_simulation(kind):
    for limit in ({}, {"budget": 3}):
        problem = tiny(kind, 1, S=3, horizon=5, **limit)
        budget = problem.budget.range_of("pulls")[1]
        returns = play(Optimal(problem), problem, range(2000), 0).episodes["return"]
        assert returns.mean() == pytest.approx(exact_value(problem, budget), abs=4 * returns.std() / np.sqrt(2000))
        assert returns.std() > 0.0


def test_budgets_other_than_those_of_the_problem():
    """The policy is asked about less than it was made for, about more, and about a range."""
    plain = tiny("interventions", 4)
    for made_for in (0, 2, 100, (1, 100), (0, 3)):
        policy = Optimal(plain.replace(budget=made_for))
        for budget in (0, 1, 2, 3, 5, 6, 100):
            assert policy_value(policy, plain, budget) == pytest.approx(exact_value(plain, budget), abs=1e-9)


def test_problems_with_other_budgets_share_a_solution():
    problem = tiny("capacity", 5)
    assert exact(problem, 3) is exact(problem.replace(budget=1), 3.5)
    assert exact(problem, 3) is not exact(problem.replace(horizon=4), 3)


def test_the_optimum_lies_between_doing_nothing_and_the_bound():
    for problem in (
        RestlessCapacity(J=5, B=2),
        RestlessMatching(J=5, B=2),
        RestlessInterventions(J=6, N=4, B=2, horizon=8),
        RestlessSpillover(J=5, B=1),
    ):
        for budget in (6, 1e9):
            value, bound = exact_value(problem, budget), relax(problem, budget).bound
            assert null_value(problem) < value <= bound + 1e-7


@pytest.mark.parametrize(
    "problem",
    [
        RestlessCapacity(J=12, B=3),  # joint states
        RestlessInterventions(J=6, N=30, B=8),  # actions
        RestlessMatching(J=9, B=4, horizon=200, budget=700),  # pulls
    ],
    ids=lambda problem: problem.instance,
)
def test_what_is_too_large_is_refused(problem):
    budget = problem.budget.range_of("pulls")[1]
    with pytest.raises(ValueError, match=r"too large for an exact solution; a bound is in `relaxation`"):
        exact(problem, budget)
    with pytest.raises(ValueError, match="too large"):
        Optimal(problem)
