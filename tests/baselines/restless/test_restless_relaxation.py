"""The Lagrangian relaxation: against linear programmes written plainly, its own dual, and exact optima."""

import numpy as np
import pytest
from budgetgym.baselines.restless.relaxation import relax, whole_pulls
from budgetgym.envs.restless.problems.capacity import RestlessCapacity
from budgetgym.envs.restless.problems.spillover import RestlessSpillover
from scipy.optimize import linprog
from tiny_restless import KINDS, ONE_BY_ONE, all_actions, alone, expectimax, gain, level, tiny

BUDGETS = (0.0, 2.0, 1e3)


def occupation_bound(problem, pulls, *, mixtures):
    """The relaxation as a linear programme in words: how often every arm is where and treated how.

    With `mixtures`, the average action of a step is a mixture of feasible ones; otherwise only the pulls are counted. The
    average level of an arm is what the average action gives, or less by an excess that only the highest level may have.
    A component that takes an arm there alone is chosen no more often than the arm is at that level.
    """
    (J, L, S), H, m = problem.arms.shape, problem.horizon, problem.feasible.m
    actions = all_actions(problem)
    names = [("rho", t, j, s, x) for t in range(H) for j in range(J) for s in range(S) for x in range(L)]
    names += [("a", t, i) for t in range(H) for i in range(m)]
    names += [("excess", t, j) for t in range(H) for j in range(J)]
    names += [("mix", t, k) for t in range(H) for k in range(len(actions))] if mixtures else []
    at = {name: column for column, name in enumerate(names)}
    equal, equal_to, below, at_most = [], [], [], []

    def add(rows, limits, terms, limit):
        row = np.zeros(len(names))
        for name, weight in terms:
            row[at[name]] += weight
        rows.append(row)
        limits.append(limit)

    cost = np.zeros(len(names))
    for t in range(H):
        for j in range(J):
            top = max(int(problem.coupling[j].sum()) - (L - 1), 0)
            for s in range(S):
                for x in range(L):
                    cost[at["rho", t, j, s, x]] = -gain(problem, j, x, s)
                terms = [(("rho", t, j, s, x), 1.0) for x in range(L)]
                if t:
                    moves = problem.arms.transitions[j]
                    terms += [(("rho", t - 1, j, r, x), -moves[x, r, s]) for r in range(S) for x in range(L)]
                add(equal, equal_to, terms, 0.0 if t else problem.arms.start[j, s])
            average = [(("rho", t, j, s, x), float(x)) for s in range(S) for x in range(L)]
            given = [(("a", t, i), -float(problem.coupling[j, i])) for i in range(m)]
            add(equal, equal_to, [*average, *given, (("excess", t, j), 1.0)], 0.0)
            highest = [(("rho", t, j, s, L - 1), -float(top)) for s in range(S)]
            add(below, at_most, [(("excess", t, j), 1.0), *highest], 0.0)
            for i in np.flatnonzero(problem.coupling[j] >= L - 1):
                add(below, at_most, [(("a", t, i), 1.0), *[(("rho", t, j, s, L - 1), -1.0) for s in range(S)]], 0.0)
        if mixtures:
            add(equal, equal_to, [(("mix", t, k), 1.0) for k in range(len(actions))], 1.0)
            for i in range(m):
                mixed = [(("mix", t, k), -float(a[i])) for k, a in enumerate(actions)]
                add(equal, equal_to, [(("a", t, i), 1.0), *mixed], 0.0)
        else:
            add(below, at_most, [(("a", t, i), 1.0) for i in range(m)], problem.feasible.most)
    add(below, at_most, [(("a", t, i), 1.0) for t in range(H) for i in range(m)], pulls)
    highs = [1.0 if name[0] == "a" else None for name in names]
    found = linprog(cost, np.array(below), at_most, np.array(equal), equal_to, [(0.0, high) for high in highs])
    assert found.status == 0
    return -found.fun


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("budget", BUDGETS)
def test_the_bound_is_that_of_the_plain_programme(kind, budget):
    for seed in range(4):
        problem = tiny(kind, seed, J=3 + seed % 2, S=2 + seed % 2)
        counted = relax(problem, budget, "budget").bound
        assert counted == pytest.approx(occupation_bound(problem, budget, mixtures=False), abs=1e-7)
        bound, hull = relax(problem, budget).bound, occupation_bound(problem, budget, mixtures=True)
        assert hull - 1e-7 <= bound <= counted + 1e-7  # the rows of a set may allow a little more than mixtures
        if kind not in ONE_BY_ONE:  # those of a cardinality do not
            assert bound == pytest.approx(hull, abs=1e-7)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("budget", BUDGETS)
def test_the_bound_is_not_below_the_optimum(kind, budget):
    for seed in range(6):
        problem = tiny(kind, seed)
        optimum = expectimax(problem, min(budget, 9))
        assert relax(problem, budget).bound >= optimum - 1e-7
        assert relax(problem, budget, "budget").bound >= optimum - 1e-7


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("relaxation", ["set", "budget"])
@pytest.mark.parametrize("budget", BUDGETS)
def test_values_and_prices_are_a_dual_solution(kind, relaxation, budget):
    """Whatever the prices, the arms' values, the price of all pulls and the best takings of every step bound the optimum.

    At the best prices that is the relaxation's bound again: exactly with a cardinality, whose mixtures are the relaxed set;
    elsewhere real actions take no more than relaxed ones.
    """
    for seed in range(5):
        problem = tiny(kind, seed)
        (J, L, S), H = problem.arms.shape, problem.horizon
        found = relax(problem, budget, relaxation)
        assert found.price >= -1e-9
        assert not found.prices[..., 0].any()
        for j in range(J):  # values in every state, reached or not
            ahead = np.zeros(S)
            for t in range(H - 1, -1, -1):
                moves, now = problem.arms.transitions[j], found.prices[t, j]
                ahead = np.array(
                    [max(gain(problem, j, x, s) - now[x] + moves[x, s] @ ahead for x in range(L)) for s in range(S)]
                )
                assert found.values[t, j] == pytest.approx(ahead, abs=1e-9)
        pulls = whole_pulls(problem, budget)
        dual = (problem.arms.start * found.values[0]).sum() + (found.price * pulls if found.price > 1e-12 else 0.0)
        for t in range(H):
            takings = [
                sum(found.prices[t, j, level(problem, j, a)] for j in range(J)) - found.price * sum(a)
                for a in all_actions(problem)
            ]
            dual += max(takings)
        assert dual <= found.bound + 1e-7
        assert dual >= expectimax(problem, min(budget, 9)) - 1e-7
        if kind == "interventions" and problem.coupling.sum(axis=1).max() < L:
            assert dual == pytest.approx(found.bound, abs=1e-7)


@pytest.mark.parametrize("relaxation", ["set", "budget"])
def test_strong_duality_with_a_cardinality(relaxation):
    """Workers who each take one arm: the relaxed set is that of mixtures, so real actions reach the bound at its prices."""
    for seed in range(8):
        plain = tiny("capacity", seed, J=4)
        problem = plain.replace(costs=[1] * 4, capacities=[1] * 2, B=2)
        for budget in (0, 3, 100):
            found, pulls = relax(problem, budget, relaxation), whole_pulls(problem, budget)
            dual = (problem.arms.start * found.values[0]).sum() + (found.price * pulls if found.price > 1e-12 else 0.0)
            for t in range(problem.horizon):
                takings = found.prices[t, :, 1] - found.price
                dual += np.maximum(np.sort(takings)[-2:], 0.0).sum()
            assert dual == pytest.approx(found.bound, abs=1e-7)


@pytest.mark.parametrize("kind", KINDS)
def test_without_limits_the_bound_is_exact(kind):
    for seed in range(4):
        problem = tiny(kind, seed, limited=False, S=3)
        apart = sum(alone(problem, j) for j in range(3))
        for relaxation in ("set", "budget"):
            bound = relax(problem, 1e3, relaxation).bound
            optimum = expectimax(problem, 1e3)
            if kind in ONE_BY_ONE:
                assert bound == pytest.approx(apart, abs=1e-7)
                assert optimum == pytest.approx(apart, abs=1e-9)
            else:  # every level of an arm alone can be had, but not for all arms together
                assert bound >= optimum - 1e-7


def test_a_single_arm_is_solved_exactly():
    """One arm alone: with all pulls the optimum, with few the best mixture of policies, which is never less."""
    for seed in range(6):
        problem = tiny("capacity", seed, J=1, S=3, horizon=4).replace(costs=[1], capacities=[1], B=1)
        assert relax(problem, 4).bound == pytest.approx(alone(problem, 0), abs=1e-8)
        curve = [relax(problem, k).bound for k in range(5)]
        assert (np.diff(curve) >= -1e-8).all()
        assert (np.diff(curve, 2) <= 1e-8).all()  # concave, as mixtures are
        assert all(bound >= expectimax(problem, k) - 1e-8 for k, bound in enumerate(curve))


def test_budgets_are_whole_pulls():
    problem = tiny("capacity", 0)
    total = problem.horizon * problem.feasible.most
    assert [whole_pulls(problem, b) for b in (0, 1.9, 2, total - 1, total, 1e9)] == [0, 1, 2, total - 1, np.inf, np.inf]
    assert relax(problem, 2.7).bound == relax(problem, 2).bound
    assert relax(problem, 1e9).price == 0.0


def test_an_unknown_relaxation_is_refused():
    with pytest.raises(ValueError, match="relaxation is 'lp'"):
        relax(tiny("capacity", 0), 3, "lp")


def test_published_instances_are_bounded():
    """Never above the budget-only bound, clearly below it where workers are the bottleneck."""
    problem = RestlessCapacity(J=20, B=5, instance_seed=1)
    bound, counted = relax(problem, 1e9).bound, relax(problem, 1e9, "budget").bound
    assert bound < 0.99 * counted
    spill = RestlessSpillover(J=20, B=5)
    assert relax(spill, 1e9).bound == pytest.approx(relax(spill, 1e9, "budget").bound, rel=1e-9)
    assert relax(spill, 30).bound < relax(spill, 60).bound < relax(spill, 1e9).bound
