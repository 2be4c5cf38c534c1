"""Tiny restless bandits with random laws, and their truth in plain Python: expectimax, and the exact value of a policy."""

from functools import cache, reduce
from itertools import product
from typing import Any

import numpy as np
from budgetgym.envs.restless.arms import Arms
from budgetgym.envs.restless.network import Network
from budgetgym.envs.restless.problem import Restless
from budgetgym.envs.restless.problems.capacity import RestlessCapacity
from budgetgym.envs.restless.problems.interventions import RestlessInterventions
from budgetgym.envs.restless.problems.matching import RestlessMatching
from budgetgym.envs.restless.problems.paths import RestlessPaths
from budgetgym.envs.restless.problems.spillover import RestlessSpillover

KINDS = ("capacity", "matching", "interventions", "spillover", "paths")
ONE_BY_ONE = ("capacity", "matching", "paths")


def tiny(kind: str, seed: int, *, J: int = 3, S: int = 2, horizon: int = 3, limited: bool = True, **settings: Any) -> Restless:
    """A random instance. Rewards may be negative and treatment may harm. Not `limited`: all components fit at once."""
    random = np.random.default_rng([KINDS.index(kind), seed])
    L = 3 if kind == "interventions" else 2
    arms = Arms(
        random.dirichlet(np.ones(S), (J, L, S)), random.normal(0.0, 1.0, (J, L, S, S)), random.dirichlet(np.ones(S), J)
    )
    settings = {"arms": arms, "horizon": horizon, "instance_seed": seed, **settings}
    if kind == "capacity":
        costs = random.integers(1, 4, J)
        capacities = random.integers(2, 5, 2) if limited else np.full(J, 4)
        return RestlessCapacity(costs=costs, capacities=capacities, B=len(capacities), **settings)
    if kind == "matching":
        arm_slots = random.random((J, 3)) < 0.6
        arm_slots[np.arange(J), random.integers(0, 3, J)] = True
        worker_slots = random.random((2, 3)) < 0.7 if limited else np.ones((2 * J, 3), bool)
        worker_slots[0] = True
        return RestlessMatching(arm_slots=arm_slots, worker_slots=worker_slots, K=3, B=2 if limited else J, **settings)
    if kind == "interventions":
        m = 3
        effects = random.integers(0, 3, (J, m))
        return RestlessInterventions(effects=effects, B=2 if limited else m, **settings)
    if kind == "paths":
        ring = Network(tuple(map(str, range(J))), np.array([[j, (j + 1) % J] for j in range(J)]))
        walk = int(random.integers(1, J + 1)) if limited else 2 * J
        return RestlessPaths(network=ring, source=0, B=2 if limited else J, walk=walk, **settings)
    network = Network(tuple(map(str, range(J))), np.array([[j, j + 1] for j in range(J - 1)]))
    return RestlessSpillover(network=network, B=1 + (J > 3) if limited else J, q=float(random.uniform(0.2, 0.8)), **settings)


def all_actions(problem: Restless, most: float = np.inf) -> list[tuple[int, ...]]:
    """All feasible actions with at most `most` ones."""
    every = product((0, 1), repeat=problem.feasible.m)
    return [a for a in every if sum(a) <= most and problem.feasible.contains(np.array(a))]


def level(problem: Restless, j: int, action) -> int:
    """At which level an action treats arm j."""
    return min(sum(int(w) * int(a) for w, a in zip(problem.coupling[j], action, strict=True)), problem.arms.shape[1] - 1)


def gain(problem: Restless, j: int, treated: int, s: int) -> float:
    """Expected reward of arm j in state s."""
    arms = problem.arms
    return sum(p * r for p, r in zip(arms.transitions[j, treated, s], arms.rewards[j, treated, s], strict=True))


def next_states(problem: Restless, states, action) -> list[tuple[float, tuple[int, ...]]]:
    """All joint states that may come next, with their probabilities."""
    J = len(states)
    laws = [problem.arms.transitions[j, level(problem, j, action), states[j]] for j in range(J)]
    return [(float(p), t) for t, p in np.ndenumerate(reduce(np.multiply.outer, laws)) if p > 0.0]


def reward_of(problem: Restless, states, action) -> float:
    """Expected reward of a step."""
    return sum(gain(problem, j, level(problem, j, action), s) for j, s in enumerate(states))


def first_states(problem: Restless) -> list[tuple[float, tuple[int, ...]]]:
    """Joint first states with their probabilities."""
    J, _, S = problem.arms.shape
    start = problem.arms.start
    return [(float(np.prod([start[j, t[j]] for j in range(J)])), t) for t in product(range(S), repeat=J)]


def expectimax(problem: Restless, budget: float) -> float:
    """The exact optimum: a dictionary over joint states, and every feasible action in each."""

    @cache
    def steps(states, action):
        return reward_of(problem, states, action), next_states(problem, states, action)

    @cache
    def value(t, left, states):
        if t == problem.horizon:
            return 0.0
        best = -np.inf
        for action in all_actions(problem, left):
            now, later = steps(states, action)
            best = max(best, now + sum(p * value(t + 1, left - sum(action), s) for p, s in later))
        return best

    return sum(p * value(0, int(budget), states) for p, states in first_states(problem))


def observation_of(problem: Restless, states, t: int, left: float, initial: float):
    """What the environment shows."""
    S = problem.arms.shape[2]
    shown = np.eye(S)[list(states)].ravel() if problem.reading.one_hot else np.array(states, float)
    scale = problem.reading.scale
    return np.concatenate(
        [shown, [initial / (initial + scale), left / initial if initial else 0.0, max(0.0, 1 - t / problem.horizon)]]
    )


def policy_value(policy, problem: Restless, budget: float) -> float:
    """The exact expected return of a policy: the distribution over joint states and pulls left, step by step."""
    here = {(int(budget), states): p for p, states in first_states(problem) if p > 0.0}
    total = 0.0
    for t in range(problem.horizon):
        rows = np.stack([observation_of(problem, states, t, left, budget) for left, states in here])
        actions, _ = policy.predict(rows)
        ahead: dict[Any, float] = {}
        for ((left, states), p), action in zip(here.items(), np.asarray(actions, int).tolist(), strict=True):
            assert problem.feasible.contains(np.array(action))
            assert sum(action) <= left
            total += p * reward_of(problem, states, action)
            for q, after in next_states(problem, states, action):
                key = left - sum(action), after
                ahead[key] = ahead.get(key, 0.0) + p * q
        here = ahead
    return total


def alone(problem: Restless, j: int) -> float:
    """The optimum of arm j if it could have any level that some action gives it, without limits."""
    levels = {level(problem, j, a) for a in product((0, 1), repeat=problem.feasible.m)}
    S = problem.arms.shape[2]
    ahead = np.zeros(S)
    for _ in range(problem.horizon):
        ahead = np.array(
            [max(gain(problem, j, x, s) + problem.arms.transitions[j, x, s] @ ahead for x in levels) for s in range(S)]
        )
    return float(problem.arms.start[j] @ ahead)
