"""Policies for restless bandits: against enumeration, exact values, and what every policy must do."""

from collections import Counter

import gymnasium as gym
import numpy as np
import pytest
from budgetgym import make_agent
from budgetgym.baselines.restless.exact import exact_value
from budgetgym.baselines.restless.policies import (
    Constant,
    Iterative,
    Joint,
    Lagrangian,
    Myopic,
    Null,
    Optimal,
    Random,
    Sampling,
    Whittle,
)
from budgetgym.baselines.restless.relaxation import relax
from budgetgym.baselines.restless.values import null_value
from budgetgym.baselines.restless.whittle import whittle_index
from budgetgym.envs.core.batch import Batch, episode_keys
from budgetgym.envs.restless.arms import Arms
from budgetgym.envs.restless.problems.capacity import RestlessCapacity
from budgetgym.envs.restless.problems.interventions import RestlessInterventions
from budgetgym.envs.restless.problems.matching import RestlessMatching
from budgetgym.envs.restless.problems.spillover import RestlessSpillover
from budgetgym.envs.restless.reading import read_situation
from budgetgym.evaluation.play import play
from tiny_restless import KINDS, ONE_BY_ONE, all_actions, expectimax, gain, observation_of, policy_value, reward_of, tiny
from toys import Painter

PLANNERS = (Null, Constant, Myopic, Iterative, Lagrangian, Joint, Optimal)
EVERY = (*PLANNERS, Random, Sampling, Whittle)


def made(agent, problem):
    """The policy, or None where arms have no index: not one by one, or not indexable."""
    try:
        return agent(problem)
    except ValueError:
        assert agent is Whittle
        return None


def situations(problem, budget):
    """Every situation of an episode with this budget, as the environment shows it."""
    J, _, S = problem.arms.shape
    for states in np.ndindex(*(S,) * J):
        for t in range(problem.horizon):
            for left in range(int(budget) + 1):
                yield states, left, observation_of(problem, states, t, left, budget)


@pytest.mark.parametrize("kind", KINDS)
def test_no_policy_beats_the_optimum_and_the_optimum_not_the_bound(kind):
    """By exact values, which also check that every action is feasible and affordable."""
    for seed in range(4):
        problem = tiny(kind, seed)
        for budget in (0, 1, 4, 100):
            optimum = exact_value(problem, budget)
            for agent in PLANNERS:
                if policy := made(agent, problem):
                    assert policy_value(policy, problem, budget) <= optimum + 1e-9
            assert policy_value(Optimal(problem), problem, budget) == pytest.approx(optimum, abs=1e-9)
            assert optimum <= relax(problem, budget).bound + 1e-7


@pytest.mark.parametrize("kind", KINDS)
def test_doing_nothing_is_worth_its_value(kind):
    for seed in range(4):
        problem = tiny(kind, seed, S=3)
        assert null_value(problem) == pytest.approx(policy_value(Null(problem), problem, 100), abs=1e-10)
        assert null_value(problem) == pytest.approx(expectimax(problem, 0), abs=1e-10)
    returns = play(Null(problem), problem, range(2000), 0).episodes["return"]
    assert returns.mean() == pytest.approx(null_value(problem), abs=4 * returns.std() / np.sqrt(2000))


@pytest.mark.parametrize("kind", KINDS)
def test_the_constant_policy_repeats_the_best_action(kind):
    class Repeat:
        def __init__(self, action):
            self.action = action

        def predict(self, rows):
            return np.tile(self.action, (len(rows), 1)), None

    for seed in range(4):
        problem = tiny(kind, seed)
        for budget in (2, 3, 6, 8, 100):
            affordable = all_actions(problem, budget // problem.horizon)
            best = max(policy_value(Repeat(a), problem, budget) for a in affordable)
            assert policy_value(Constant(problem), problem, budget) == pytest.approx(best, abs=1e-6)
    # Whatever was spent before: no more than there is.
    row = observation_of(problem, (0, 0, 0), 1, 1, 100)
    assert Constant(problem).predict(row)[0].sum() <= 1


@pytest.mark.parametrize("kind", KINDS)
def test_the_myopic_take_the_best_next_reward(kind):
    for seed in range(3):
        problem = tiny(kind, seed)
        for states, left, row in situations(problem, 2):
            best = max(reward_of(problem, states, a) for a in all_actions(problem, left))
            action, _ = Myopic(problem).predict(row) if left else (np.zeros(problem.feasible.m, int), None)
            assert reward_of(problem, states, action) == pytest.approx(best, abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_the_iterative_are_greedy(kind):
    for seed in range(3):
        problem = tiny(kind, seed, J=4)
        policy = Iterative(problem)
        for states, left, row in situations(problem, 3):
            by_hand = [0] * problem.feasible.m
            while sum(by_hand) < left:
                grown = [[*by_hand[:i], 1, *by_hand[i + 1 :]] for i in range(len(by_hand)) if not by_hand[i]]
                grown = [a for a in grown if problem.feasible.contains(np.array(a))]
                best = max(grown, key=lambda a: reward_of(problem, states, a), default=by_hand)
                if reward_of(problem, states, best) <= reward_of(problem, states, by_hand) + 1e-12:
                    break
                by_hand = best
            assert policy.predict(row)[0].tolist() == by_hand


@pytest.mark.parametrize("agent", [Random, Sampling])
def test_random_policies_have_a_stream_per_lane(agent):
    problem = tiny("capacity", 3, J=6, limited=False).replace(costs=[1] * 6, capacities=[2], B=1)
    settings = {"K": 2} if agent is Sampling else {}
    row = observation_of(problem, (0,) * 6, 0, 100, 100)
    batch = np.tile(row, (40, 1))

    def draws(policy, rows, n=3):
        state, found = None, []
        for _ in range(n):
            actions, state = policy.predict(rows, state)
            found.append(actions)
        return np.stack(found)

    first = draws(agent(problem, seed=1, **settings), batch)
    assert (first == draws(agent(problem, seed=1, **settings), batch)).all()
    assert (first[:, :7] == draws(agent(problem, seed=1, **settings), batch[:7])).all()  # whatever else is in the batch
    assert (first != draws(agent(problem, seed=2, **settings), batch)).any()
    again = agent(problem, seed=2, **settings)
    again.set_random_seed(1)
    assert (first == draws(again, batch)).all()
    assert len({lane.tobytes() for lane in first.swapaxes(0, 1)}) > 30
    assert not (first[0] == first[1]).all()
    assert (first.sum(axis=2) == 2).all()  # maximal
    single, state = agent(problem, seed=1, **settings).predict(row)
    assert (single == first[0, 0]).all()
    with pytest.raises(ValueError, match="state is for 1 observations; expected 40"):
        agent(problem, **settings).predict(batch, state)


def test_sampling_takes_the_best_of_its_draws():
    problem = tiny("spillover", 1, J=4)
    row = observation_of(problem, (0, 1, 0, 1), 0, 100, 100)
    worth = [reward_of(problem, (0, 1, 0, 1), a) for a in all_actions(problem) if sum(a) == problem.feasible.most]
    action, _ = Sampling(problem, K=300).predict(row)
    assert reward_of(problem, (0, 1, 0, 1), action) == pytest.approx(max(worth))
    with pytest.raises(ValueError, match="K is 0"):
        Sampling(problem, K=0)


def rising(J, B, **settings):
    """The published arms, and workers who take one arm each: a cardinality, arms one by one, indexable."""
    return RestlessCapacity(J=J, B=B, costs=1, capacities=1, **settings)


@pytest.mark.parametrize("agent", [Whittle, Lagrangian, Joint])
def test_with_a_cardinality_the_largest_indices_are_pulled(agent):
    problem = rising(8, 3)
    policy, random = agent(problem), np.random.default_rng(0)
    arms, solved = problem.arms, relax(problem, 1e9)
    for _ in range(60):
        states, t = random.integers(0, 4, 8), int(random.integers(0, 20))
        if agent is Whittle:
            index = [whittle_index(arms.transitions[j], arms.expected_rewards()[j], 0.99)[0][s] for j, s in enumerate(states)]
        else:
            ahead = [arms.transitions[j, :, s] @ solved.values[t + 1, j] for j, s in enumerate(states)]
            now = [gain(problem, j, 1, s) - gain(problem, j, 0, s) for j, s in enumerate(states)]
            index = [x + a[1] - a[0] for x, a in zip(now, ahead, strict=True)]
        left = int(random.integers(0, 61 - 3 * t)) if t < 20 else 0
        chosen = policy.predict(observation_of(problem, states, t, left, 60))[0]
        best = sorted((x for x in index if x > 0), reverse=True)[: min(3, left)]
        assert sum(x for x, a in zip(index, chosen, strict=True) if a) == pytest.approx(sum(best), abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("relaxation", ["set", "budget"])
def test_level_values_and_what_is_made_of_them(kind, relaxation):
    """One step ahead at the relaxation's values; joint effects exactly, or each component's alone."""
    for seed in range(3):
        problem = tiny(kind, seed)
        separate, joint = Lagrangian(problem, relaxation), Joint(problem, relaxation)
        for states, left, row in situations(problem, 4):
            solved, situation = relax(problem, 4, relaxation), read_situation(problem.reading, row)
            values, price = separate.level_values(situation)
            assert price == solved.price
            for j, s in enumerate(states):
                for x in range(problem.arms.shape[1]):
                    ahead = problem.arms.transitions[j, x, s] @ solved.values[situation.t + 1, j]
                    assert values[j, x] == pytest.approx(gain(problem, j, x, s) + ahead, abs=1e-12)

            def worth(action, problem=problem, values=values, price=price):
                levels = np.minimum(problem.coupling @ np.array(action), problem.arms.shape[1] - 1)
                return values[np.arange(len(values)), levels].sum() - price * sum(action)

            nothing = worth(np.zeros(problem.feasible.m, int))

            def added(action, worth=worth, nothing=nothing):
                return sum(a * (worth(e) - nothing) for a, e in zip(action, np.eye(len(action), dtype=int), strict=True))

            options = all_actions(problem, left)
            mine, theirs = separate.predict(row)[0], joint.predict(row)[0]
            assert added(mine) == pytest.approx(max(map(added, options)), abs=1e-6)
            assert worth(theirs) == pytest.approx(max(map(worth, options)), abs=1e-6)
            if kind in ONE_BY_ONE:
                assert (mine == theirs).all()


def test_planning_ahead_is_nearly_optimal_where_arms_meet_in_the_feasible_set_only():
    shares = {"lagrangian": [], "myopic": []}
    for seed in range(2):
        for kind in (RestlessCapacity, RestlessMatching):
            problem = kind(J=4, B=2, instance_seed=seed, horizon=12)
            null, best = null_value(problem), exact_value(problem, 1e9)
            for agent in (Lagrangian, Myopic):
                shares[agent.name].append((policy_value(agent(problem), problem, 1000) - null) / (best - null))
    assert min(shares["lagrangian"]) > 0.9
    assert np.mean(shares["lagrangian"]) > 0.97
    assert np.mean(shares["myopic"]) < np.mean(shares["lagrangian"]) - 0.1  # the trap


def test_joint_effects_matter_where_interventions_meet():
    """Hard arms need three interventions at once: each alone does next to nothing."""
    problem = RestlessInterventions(J=6, N=6, B=3, horizon=10)
    returns = {
        agent.name: play(agent(problem), problem, range(200), 0).episodes["return"].mean() for agent in (Lagrangian, Joint)
    }
    assert returns["joint"] > 1.1 * returns["lagrangian"]


@pytest.mark.parametrize("agent", EVERY)
@pytest.mark.parametrize("kind", KINDS)
def test_single_batched_and_one_hot_observations(agent, kind):
    problem = tiny(kind, 1)
    shown = problem.replace(observation="one-hot")
    if (policy := made(agent, problem)) is None:
        return
    found = [(states, row) for states, _, row in situations(problem, 3)]
    rows = np.stack([row for _, row in found])
    actions, _ = policy.predict(rows)
    assert actions.shape == (len(rows), problem.feasible.m)
    assert actions.dtype == problem.action_space.dtype
    assert all(problem.action_space.contains(action) for action in actions)
    hot = np.stack([np.concatenate([np.eye(2)[list(states)].ravel(), row[-3:]]) for states, row in found])
    assert (agent(shown).predict(hot)[0] == actions).all()
    if not isinstance(policy, Random):
        singles = [policy.predict(row)[0] for row in rows]
        assert (np.stack(singles) == actions).all()
        assert singles[0].shape == (problem.feasible.m,)
    with pytest.raises(ValueError, match=r"observation has shape \(2,\); expected \(6,\) or \(n, 6\)"):
        policy.predict(rows[0, :2])


@pytest.mark.parametrize("agent", EVERY)
@pytest.mark.parametrize("kind", KINDS)
def test_never_more_than_is_left(agent, kind):
    """Budgets from a range, whole or not: nothing is cut back, and the last observation of an episode is no trouble."""
    problem = tiny(kind, 2, horizon=4, budget=(0.0, 7.5))
    if (policy := made(agent, problem)) is None:
        return
    batch = Batch(problem, 60)
    batch.seed(episode_keys(0, 60))
    batch.reset()
    observation, state = batch.observe(), None
    for _ in range(4):
        actions, state = policy.predict(observation, state)
        observation = batch.step(batch.read_actions(actions)).observation
    assert batch.state.finished.all()
    assert not batch.state.blocked.any()
    assert (batch.state.initial[:, 0] < 1).any()
    policy.predict(observation, state)


def test_observations_say_what_the_situation_is():
    problem = RestlessMatching(J=6, B=2, horizon=9, budget=(0.0, 18.0))
    batch = Batch(problem, 200)
    batch.seed(episode_keys(0, 200))
    batch.reset()
    random = np.random.default_rng(0)
    for t in range(9):
        for i, row in enumerate(batch.observe()):
            situation = read_situation(problem.reading, row)
            assert situation.arms.tolist() == batch.state.arms[i].tolist()
            assert situation.t == t
            assert situation.left == int(batch.state.remaining[i, 0] + 1e-9)
            assert situation.initial == int(batch.state.initial[i, 0] + 1e-9)
        batch.step(batch.read_actions(problem.feasible.sample(random, 200)))
    nothing = read_situation(problem.reading, observation_of(problem, (0,) * 6, 0, 0, 0))
    assert (nothing.left, nothing.initial) == (0, 0.0)


@pytest.mark.parametrize("agent", EVERY)
def test_another_instance_is_refused_and_another_budget_is_not(agent):
    problem = rising(5, 2)
    policy = agent(problem)
    policy.check_problem(problem.replace(budget=7))
    for other in (problem.replace(instance_seed=1), problem.replace(horizon=21), RestlessSpillover(J=5, B=2)):
        with pytest.raises(ValueError, match=r"was made for .*make the agent for this environment"):
            policy.check_problem(other)


@pytest.mark.parametrize("agent", EVERY)
def test_what_no_policy_can_read_is_refused(agent):
    with pytest.raises(ValueError, match="reads the budget from the observation; expected budget_aware=True"):
        agent(rising(4, 2, budget_aware=False))
    with pytest.raises(ValueError, match=f"{agent.name} serves Restless, not Painter"):
        agent(Painter())


def test_whittle_needs_arms_with_an_index():
    with pytest.raises(ValueError, match="don't pull arms one by one"):
        Whittle(RestlessInterventions(J=6, N=4, B=2))
    Whittle(RestlessSpillover(J=6, B=2))  # its own pull is what counts
    for discount in (1.0, -0.1, "0.9", None, True, float("nan")):
        with pytest.raises(ValueError, match="discount is"):
            Whittle(rising(4, 2), discount)  # type: ignore[arg-type]
    for seed in range(400):
        random = np.random.default_rng(seed)
        transitions, gains = random.dirichlet(np.full(3, 0.4), (1, 2, 3)), random.uniform(size=(1, 2, 3))
        if not whittle_index(transitions[0], gains[0], 0.99)[1]:
            break
    arms = Arms.from_arrays(transitions, gains, names=["Ann"])
    with pytest.raises(ValueError, match="arm 'Ann' is not indexable"):
        Whittle(RestlessCapacity(arms=arms, costs=1, capacities=1, B=1))


def test_an_unknown_relaxation_is_refused():
    with pytest.raises(ValueError, match="relaxation is 'none'"):
        Lagrangian(rising(4, 2), "none")


def test_random_actions_are_all_drawn():
    problem = rising(4, 2)
    rows = np.tile(observation_of(problem, (0,) * 4, 0, 40, 40), (300, 1))
    counts = Counter(map(tuple, Random(problem).predict(rows)[0].tolist()))
    assert len(counts) == 6
    assert min(counts.values()) > 25


@pytest.mark.parametrize("budget", [0, 1, 7, 10.6, 33, 100, 1e20])
def test_situations_are_read_from_observations_of_any_precision(budget):
    env = gym.make("budgetgym/RestlessCapacity-v0", budget=budget)
    problem = env.unwrapped.problem
    observation, _ = env.reset(seed=0)
    action = problem.feasible.project(np.eye(20, dtype=int)[3] + np.eye(20, dtype=int)[5], most=int(min(budget, 2)))
    pulls = 0
    for t in range(4):
        for row in (observation, observation.astype(np.float32).astype(float)):
            situation = read_situation(problem.reading, row)
            assert situation.t == t
            if budget < 1e20:
                assert (situation.initial, situation.left) == (int(budget), int(budget - pulls))
            else:
                assert situation.left == situation.initial == 400
        assert make_agent("lagrangian", env).predict(observation)[0].sum() <= budget - pulls
        if pulls + action.sum() <= budget:
            observation, *_ = env.step(action.astype(np.int8))
            pulls += action.sum()
        else:
            break
