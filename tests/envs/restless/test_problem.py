"""The four problems: a step recalculated in plain Python, published instances, budgets, and what they refuse."""

import copy
import itertools
import math

import gymnasium as gym
import numpy as np
import pytest
from budgetgym.envs.core import BudgetedEnv, BudgetedVectorEnv
from budgetgym.envs.core.batch import Batch, episode_keys
from budgetgym.envs.restless.arms import Arms
from budgetgym.envs.restless.feasible.base import FeasibleActions
from budgetgym.envs.restless.network import Network
from budgetgym.envs.restless.problems.capacity import RestlessCapacity
from budgetgym.envs.restless.problems.interventions import RestlessInterventions, link
from budgetgym.envs.restless.problems.matching import RestlessMatching
from budgetgym.envs.restless.problems.spillover import RestlessSpillover
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st

PROBLEMS = (RestlessCapacity, RestlessMatching, RestlessInterventions, RestlessSpillover)
every = pytest.mark.parametrize("kind", PROBLEMS)


def made_id(kind):
    return f"budgetgym/{kind.__name__}-v0"


def begun(problem, n=1, seed=0):
    batch = Batch(problem, n)
    batch.seed(episode_keys(seed, n))
    batch.reset()
    return batch


def actions_of(problem, n, seed=0):
    return problem.feasible.sample(np.random.default_rng(seed), n)


def up_of(transitions):
    """(..., S) -> probability to rise from state 0."""
    return transitions[..., 0, 1]


def prizes_of(problem):
    return problem.arms.rewards[:, -1, 0, :]


# --- one step ------------------------------------------------------------------------------------------------------------


def assert_step_is(problem, up, arms, action, prizes, n=20_000):
    """The rewards and next states of n steps from `arms` are those of chains that rise with probability `up` (J,)."""
    J, top = len(arms), 3
    expected = 0.0
    for j in range(J):
        higher, lower = min(arms[j] + 1, top), max(arms[j] - 1, 0)
        expected += up[j] * prizes[j, higher] + (1 - up[j]) * prizes[j, lower]
    batch = begun(problem, n)
    batch.state.arms[:] = arms
    transition = batch.step(np.tile(action, (n, 1)))
    assert np.allclose(transition.reward, expected, rtol=1e-12)
    after = batch.state.arms
    rose = after == np.minimum(arms + 1, top)
    assert (rose | (after == np.maximum(arms - 1, 0))).all()
    error = 5 * np.sqrt(up * (1 - up) / n) + 1e-9
    assert (np.abs(rose.mean(axis=0) - up) < error).all()
    realised = prizes[np.arange(J), after].sum(axis=1)
    assert np.allclose(batch.state.realised, realised)
    assert batch.state.realised.mean() == pytest.approx(expected, abs=5 * realised.std() / n**0.5)
    assert (batch.state.cost == action.sum()).all()
    # Arms move on independently of each other.
    moving = np.flatnonzero((up > 0.02) & (up < 0.98))
    apart = np.corrcoef(rose[:, moving].T) - np.eye(len(moving))
    assert np.abs(apart).max() < 5.5 / n**0.5


@pytest.mark.parametrize("kind", [RestlessCapacity, RestlessMatching])
def test_one_pulled_arm_after_the_other(kind):
    problem = kind(instance_seed=3)
    arms = np.arange(20) % 4
    action = actions_of(problem, 1)[0]
    assert 0 < action.sum() < 10
    up = up_of(problem.arms.transitions)[np.arange(20), action]
    assert ((up > 0.7) == (action == 1)).all()
    assert_step_is(problem, up, arms, action, prizes_of(problem))


def test_interventions_add_up():
    problem = RestlessInterventions(instance_seed=1)
    arms = np.arange(20) // 2 % 4
    seen = set()
    for action in actions_of(problem, 6, seed=2):
        v = [sum(problem.coupling[j, i] for i in range(10) if action[i]) for j in range(20)]
        seen |= set(v)
        up = up_of(problem.arms.transitions)[np.arange(20), v]
        assert_step_is(problem, up, arms, action, prizes_of(problem), n=5000)
    assert seen == {0, 1, 2, 3}


@pytest.mark.parametrize("q", [0.0, 0.3, 1.0])
def test_a_cascade_by_enumeration_of_who_is_reached(q):
    """Which neighbours a pull reaches, link by link, over all possibilities: no formula of the code is used."""
    network = Network(tuple("abcdef"), np.array([[0, 1], [1, 2], [0, 2], [2, 3], [3, 4], [4, 5]]))
    problem = RestlessSpillover(network=network, B=3, q=q)
    plain = RestlessCapacity(J=6, B=3)  # the same seed draws the same arms
    base = up_of(plain.arms.transitions)
    action = np.array([1, 1, 0, 0, 1, 0])
    links = [(a, b) for a, b in [*network.edges.tolist(), *network.edges[:, ::-1].tolist()] if action[a]]
    up = np.zeros(6)
    for works in itertools.product((0, 1), repeat=len(links)):
        chance = math.prod(q if w else 1 - q for w in works)
        treated = action.copy()
        for (_, b), w in zip(links, works, strict=True):
            treated[b] |= w
        up += chance * base[np.arange(6), treated]
    assert_step_is(problem, up, np.array([0, 1, 2, 3, 1, 0]), action, prizes_of(plain))


@every
def test_both_rewards_have_the_same_mean(kind):
    """And only the reward differs: states, costs and the metric are the same to the bit."""
    n = 4000
    runs = []
    for reward in ("expected", "realised"):
        problem = kind(reward=reward, instance_seed=5)
        batch = begun(problem, n, seed=7)
        total = np.zeros(n)
        for t in range(20):
            transition = batch.step(actions_of(problem, n, seed=t))
            total += transition.reward
        assert transition.terminated.all()
        runs.append((batch, total))
    (expected, by_law), (realised, as_it_came) = runs
    assert np.array_equal(expected.state.arms, realised.state.arms)
    assert np.array_equal(expected.state.realised, realised.state.realised)
    assert np.allclose(as_it_came, realised.state.realised)
    difference = as_it_came - by_law
    assert abs(difference.mean()) < 4.5 * difference.std() / n**0.5


def test_own_rewards_that_depend_on_the_treatment_spill_over_with_their_cause():
    """An arm of one state: left alone it pays 1, pulled 3. With a chance q to be reached it pays 1 + 2 q."""
    arms = {"transitions": np.ones((3, 2, 1, 1)), "rewards": np.tile([[[1.0], [3.0]]], (3, 1, 1))}
    network = Network(tuple("abc"), np.array([[0, 1], [1, 2]]))
    env = BudgetedEnv(RestlessSpillover, arms=arms, network=network, q=0.25)
    env.reset(seed=0)
    *_, info = step = env.step(np.array([1, 0, 0]))
    assert (step[1], info["realised"]) == (pytest.approx(3 + 1.5 + 1), pytest.approx(5.5))
    assert env.step(np.array([1, 0, 1]))[1] == pytest.approx(3 + 1 + 2 * (1 - 0.75**2) + 3)


@every
def test_episodes_by_hand(kind):
    """Start, observation, budget and end of an episode."""
    env = gym.make(made_id(kind), start=0.5, horizon=3, budget=4)
    problem = env.unwrapped.problem  # type: ignore[attr-defined]
    J = len(problem.coupling)
    observation, info = env.reset(seed=1)
    names = [*(f"arms[{j}]" for j in range(J)), "pulls_size", "pulls_remaining", "time_remaining"]
    assert list(problem.observation_names) == names
    assert set(observation[:J]) == {0, 1}
    most = problem.feasible.most * 3
    assert observation[J:].tolist() == pytest.approx([4 / (4 + most), 1, 1])
    assert (info["remaining"], info["spent"], info["blocked"], info["realised"]) == (4, 0, 0, 0)
    one = np.eye(problem.feasible.m, dtype=int)[0]
    observation, _, terminated, truncated, info = env.step(one)
    assert observation[J:].tolist() == pytest.approx([4 / (4 + most), 0.75, 2 / 3])
    assert (info["cost"], info["spent"], info["remaining"], terminated) == (1, 1, 3, False)
    env.step(0 * one)
    *_, terminated, truncated, info = env.step(one)
    assert (info["spent"], terminated, truncated) == (2, True, False)
    with pytest.raises(gym.error.ResetNeeded):
        env.step(one)


@every
def test_observations_in_their_three_forms(kind):
    plain, one_hot = kind(start=0.5), kind(start=0.5, observation="one-hot")
    bare = kind(start=0.5, budget_aware=False)
    batches = [begun(problem, 10, seed=4) for problem in (plain, one_hot, bare)]
    for t in range(4):
        seen = [batch.observe() for batch in batches]
        arms = batches[0].state.arms
        assert np.array_equal(seen[0][:, :20], arms)
        assert np.array_equal(seen[1][:, :80].reshape(10, 20, 4), np.eye(4)[arms])
        assert np.array_equal(seen[0][:, 20:], seen[1][:, 80:])
        assert np.array_equal(seen[2], arms)
        assert all(plain.observation_space.contains(row) for row in seen[0])
        assert all(one_hot.observation_space.contains(row) for row in seen[1])
        for batch in batches:
            batch.step(actions_of(plain, 10, seed=t))
    assert (plain.reading.one_hot, one_hot.reading.one_hot) == (False, True)
    assert plain.reading[:2] == (20, 4)


@every
def test_first_states_have_their_distribution(kind):
    state = begun(kind(start=0.2), 4000).state
    assert set(np.unique(state.arms)) == {0, 1}
    assert state.arms.mean() == pytest.approx(0.2, abs=0.01)
    assert not begun(kind(start=0.0), 50).state.arms.any()
    assert begun(kind(start=1.0), 50).state.arms.all()


# --- instances and noise ----------------------------------------------------------------------------------------------


@every
def test_an_instance_is_its_seed(kind):
    same, again, other = kind(instance_seed=1), kind(instance_seed=1), kind(instance_seed=2)
    assert same.key == again.key != other.key
    assert np.array_equal(same.arms.transitions, again.arms.transitions)
    assert not np.array_equal(same.arms.transitions, other.arms.transitions)
    assert sorted(same.params.order) == list(range(same.feasible.m))
    assert same.instance.endswith("of 20 arms, seed 1")
    # Episodes differ, the instance does not.
    assert len(np.unique(begun(same, 50).state.arms, axis=0)) > 20
    assert not np.array_equal(begun(same, 50, seed=1).state.arms, begun(same, 50, seed=2).state.arms)


@every
def test_a_table_of_what_is_good_has_a_key(kind):
    base = kind()
    assert base.key == kind(reward="realised", observation="one-hot", budget=7).key
    for changes in ({"horizon": 5}, {"start": 0.5}, {"on_infeasible": "raise"}, {"B": 6}):
        assert kind(**changes).key != base.key


def episodes(problem, plan, n=30, seed=9):
    batch = begun(problem, n, seed)
    states = [batch.state.arms.copy()]
    for action in plan:
        batch.step(np.tile(action, (n, 1)))
        states.append(batch.state.arms.copy())
    return np.array(states)


@every
def test_the_luck_of_an_arm_does_not_depend_on_other_arms(kind):
    """Two plans: wherever an arm is treated the same in both, it moves the same, whatever happens to the others."""
    problem = kind(instance_seed=4, start=0.5)
    plans = [actions_of(problem, 20, seed) for seed in (0, 1)]
    a, b = (episodes(problem, plan) for plan in plans)
    levels = [np.minimum(plan @ problem.coupling.T, problem.arms.shape[1] - 1) for plan in plans]
    # Chains that rise with their own probability: equally treated and in the same state, they are in the same next state.
    same_before = (a[:-1] == b[:-1]) & (levels[0] == levels[1])[:, None, :]
    assert same_before.mean() > 0.1
    assert (a[1:] == b[1:])[same_before].all()
    assert not (a == b).all()


@every
def test_a_better_treatment_never_makes_luck_worse(kind):
    """The same random numbers decide: with more treatment an arm rises whenever it would have risen with less."""
    problem = kind(start=0.5)
    none = np.zeros((20, problem.feasible.m), int)
    for plan in (actions_of(problem, 20, 3), np.tile(actions_of(problem, 1, 4)[0], (20, 1))):
        assert (episodes(problem, plan) >= episodes(problem, none)).all()


@every
def test_the_first_states_of_a_seed_are_the_same_for_all_sizes(kind):
    small, large = (begun(kind(J=J, start=0.5), 100, seed=3).state.arms for J in (20, 60))
    assert np.array_equal(small, large[:, :20])


@every
def test_all_problems_of_a_seed_share_their_random_numbers(kind):
    """With the same arms, left alone, the same happens under all of them."""
    arms = own_arms(6, seed=1)
    first = episodes(RestlessCapacity(arms=arms, start=0.5), np.zeros((20, 6), int))
    settings_ = {"effects": np.eye(6, dtype=int)} if kind is RestlessInterventions else {}
    assert np.array_equal(episodes(kind(arms=arms, **settings_), np.zeros((20, 6), int)), first)


def own_arms(J, seed=0, states=3):
    random = np.random.default_rng(seed)
    return Arms.from_arrays(
        random.dirichlet(np.ones(states), (J, 2, states)),
        random.normal(size=(J, 2, states, states)),
        random.dirichlet(np.ones(states), J),
    )


@every
def test_a_lane_is_the_single_environment(kind):
    settings_ = {"budget": (5, 60), "on_infeasible": "project", "reward": "realised", "horizon": 8}
    envs = gym.make_vec(made_id(kind), num_envs=4, **settings_)
    singles = [gym.make(made_id(kind), **settings_) for _ in range(4)]
    first, _ = envs.reset(seed=11)
    assert all(np.array_equal(single.reset(seed=11 + k)[0], first[k]) for k, single in enumerate(singles))
    random = np.random.default_rng(0)
    for _ in range(8):
        actions = (random.random((4, envs.single_action_space.n)) < 0.4).astype(int)  # type: ignore[attr-defined]
        observation, reward, terminated, _, info = envs.step(actions)
        for k, single in enumerate(singles):
            alone = single.step(actions[k])
            assert np.array_equal(alone[0], observation[k])
            assert (alone[1], alone[2]) == (reward[k], terminated[k])
            for name in ("cost", "spent", "remaining", "blocked", "realised"):
                assert alone[4][name] == info[name][k]
    assert terminated.all()


@every
def test_gymnasiums_own_vector_environment_agrees(kind):
    theirs = gym.vector.SyncVectorEnv([lambda: BudgetedEnv(kind(horizon=4))] * 3)
    ours = BudgetedVectorEnv(kind(horizon=4), 3)
    assert ours.action_space.shape == theirs.action_space.shape
    assert np.array_equal(ours.reset(seed=5)[0], theirs.reset(seed=5)[0])
    ours.action_space.seed(0)
    for _ in range(7):
        actions = ours.action_space.sample()
        assert ours.action_space.contains(actions)
        a, b = ours.step(actions), theirs.step(actions)
        assert all(np.array_equal(x, y) for x, y in zip(a[:4], b[:4], strict=True))


@every
def test_a_snapshot_is_a_fork_and_a_model_redraws_the_luck(kind):
    env = BudgetedEnv(kind, budget=30, start=0.5)
    problem = env.problem
    env.reset(seed=4)
    plan = actions_of(problem, 5)
    env.step(plan[0])
    here = env.snapshot()
    first = [env.step(action) for action in plan]
    env.restore(here)
    for (observation, reward, _, _, info), action in zip(first, plan, strict=True):
        again = env.step(action)
        assert np.array_equal(again[0], observation)
        assert (again[1], again[4]) == (reward, info)
    env.restore(here)
    twin = copy.deepcopy(env)
    assert np.array_equal(twin.step(plan[0])[0], first[0][0])
    actions = np.tile(plan[0], (50, 1))
    assert (env.model(50, peek=True).step(actions)[0] == first[0][0]).all()
    assert len(np.unique(env.model(50, seed=1).step(actions)[0], axis=0)) > 10
    here.arms[:] = 4
    with pytest.raises(ValueError, match=r"another problem: the arms of .* of 20 arms, seed 0 have 4 states"):
        env.restore(here)


# --- budgets and what can't be done ------------------------------------------------------------------------------------


@every
@given(seed=st.integers(0, 2**32 - 1), greed=st.floats(0, 1), budget=st.floats(0, 60), step=st.floats(0, 30))
@settings(max_examples=10, deadline=None)
def test_no_budget_is_overspent_and_blocked_counts_what_was_cut_back(kind, seed, greed, budget, step):
    problem = kind(instance_seed=seed % 5, on_infeasible="project", budget=(budget, budget + step), horizon=8)
    feasible = problem.feasible
    random = np.random.default_rng(seed)
    batch = begun(problem, 12, seed=seed)
    assert (batch.state.initial >= budget).all()
    assert (batch.state.initial <= budget + step + 1e-9).all()
    spent, blocked = np.zeros(12), np.zeros(12, int)
    for _ in range(8):
        actions = (random.random((12, feasible.m)) < greed).astype(int)
        affordable = np.floor(batch.state.remaining[:, 0] + 1e-9).astype(int)
        batch.step(actions)
        pulled = batch.state.pulled
        for lane in range(12):
            possible = feasible.contains(actions[lane]) and actions[lane].sum() <= affordable[lane]
            blocked[lane] += not possible
            part = feasible.project(actions[lane], problem.params.order, affordable[lane])
            assert pulled[lane].tolist() == (actions[lane] if possible else part).tolist()
        spent += pulled.sum(axis=1)
        assert feasible.contains(pulled).all()
        assert np.array_equal(batch.state.blocked, blocked)
        assert (batch.state.remaining >= 0).all()
        assert np.allclose(batch.state.initial[:, 0] - batch.state.remaining[:, 0], spent, atol=1e-6)
    assert batch.state.finished.all()


@every
def test_what_cannot_be_done_is_refused_and_changes_nothing(kind):
    env = gym.make_vec(made_id(kind), num_envs=3, on_infeasible="raise")
    space = env.single_action_space
    assert isinstance(space, FeasibleActions)
    env.reset(seed=0)
    m = space.feasible.m
    actions = np.zeros((3, m), int)
    actions[1] = 1
    assert not space.contains(actions[1])
    before = env.snapshot()  # type: ignore[attr-defined]
    with pytest.raises(
        ValueError, match=r"action \[1, 1, .*\] of lane 1 is invalid; expected an element of MultiBinary\("
    ) as error:
        env.step(actions)
    assert space.feasible.explain() in str(error.value)
    assert 'on_infeasible="project"' in str(error.value)
    after = env.snapshot()  # type: ignore[attr-defined]
    assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(before, after, strict=True))
    single = gym.make(made_id(kind), on_infeasible="raise")
    single.reset(seed=0)
    for action in (actions[1], actions[1] * 2, actions[1] * 0.5):
        with pytest.raises(ValueError, match=r"action"):
            single.unwrapped.step(action)
    with pytest.raises(TypeError, match="dtype"):
        single.unwrapped.step(np.array(["x"] * m))
    with pytest.raises(ValueError, match="shape"):
        single.unwrapped.step(actions[0, 1:])
    with pytest.raises(ValueError, match="is invalid"):
        single.unwrapped.step(-np.ones(m, int))


@every
def test_projection_needs_no_feasible_space(kind):
    env = gym.make(made_id(kind))
    assert type(env.action_space) is spaces.MultiBinary
    problem = env.unwrapped.problem  # type: ignore[attr-defined]
    m = problem.feasible.m
    env.reset(seed=0)
    *_, info = env.step(np.ones(m, np.int8))
    assert info["blocked"] == 1
    pulled = env.unwrapped.snapshot().pulled[0]  # type: ignore[attr-defined]
    assert info["cost"] == pulled.sum() > 0
    assert not any(problem.feasible.contains(np.where(np.arange(m) == i, 1, pulled)) for i in np.flatnonzero(pulled == 0))


@every
def test_a_feasible_action_beyond_the_budget_is_cut_back_in_the_order_of_the_instance(kind):
    problem = kind(budget=2.7)
    action = problem.feasible.sample(np.random.default_rng(0))
    assert action.sum() >= 3
    batch = begun(problem)
    batch.step(action[None])
    by_hand = [i for i in problem.params.order if action[i]][:2]
    assert np.flatnonzero(batch.state.pulled[0]).tolist() == sorted(by_hand)
    assert batch.state.blocked[0] == 1
    batch.step(action[None])
    assert not batch.state.pulled.any()
    assert batch.state.remaining[0, 0] == pytest.approx(0.7)
    batch.step(0 * action[None])
    assert batch.state.blocked[0] == 2  # nothing was asked for, nothing cut back


@every
@pytest.mark.parametrize("budget", [1e20, 1e300, 2.0**63])
def test_a_budget_may_mean_without_limit(kind, budget):
    batch = begun(kind(budget=budget))
    action = batch.problem.feasible.sample(np.random.default_rng(0))  # type: ignore[attr-defined]
    batch.step(action[None])
    assert batch.state.pulled[0].tolist() == action.tolist()
    assert batch.state.blocked[0] == 0


@every
def test_a_budget_that_rounding_left_a_little_short(kind):
    budget = 0.29 * 100 - 26
    assert 3 - 1e-9 < budget < 3
    env = BudgetedEnv(kind, budget=budget)
    env.reset(seed=0)
    feasible = kind().feasible
    action = feasible.project(feasible.sample(np.random.default_rng(0)), most=3)
    *_, info = env.step(action)
    assert (info["cost"], info["remaining"], info["blocked"]) == (pytest.approx(3), 0, 0)


@every
def test_budgets_of_an_episode(kind):
    drawn = begun(kind(budget=(10, 30)), 400).state.initial
    assert 10 <= drawn.min() < 11 < 29 < drawn.max() <= 30
    problem = kind()
    assert problem.budget.amounts == {"pulls": 20 * problem.feasible.most}
    env = BudgetedEnv(problem)
    assert env.reset(seed=0, options={"budget": 3})[1]["remaining"] == 3
    for t in range(20):
        *_, info = env.step(problem.feasible.sample(np.random.default_rng(t)))
    assert info["spent"] == 3
    assert info["blocked"] >= 18
    nothing = BudgetedEnv(kind, budget=0)
    observation, _ = nothing.reset(seed=0)
    assert observation[20:22].tolist() == [0, 0]
    assert nothing.step(problem.feasible.sample(np.random.default_rng(0)))[4]["blocked"] == 1


# --- published instances --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("J", "B"), [(20, 5), (40, 10), (100, 20)])
def test_published_capacities_and_calendars(J, B):
    costs, capacities = [], []
    for seed in range(12):
        feasible = RestlessCapacity(J=J, B=B, instance_seed=seed).feasible
        costs += feasible.costs.tolist()  # type: ignore[attr-defined]
        capacities += feasible.capacities.tolist()  # type: ignore[attr-defined]
        assert (len(costs), len(capacities)) == ((seed + 1) * J, (seed + 1) * B)
    assert set(costs) == {2, 3, 4, 5, 6}
    assert set(capacities) == {2, 3, 4, 5, 6, 7}
    arm_slots, worker_slots = np.zeros((2, 5))
    for seed in range(12):
        problem = RestlessMatching(J=J, B=B, instance_seed=seed)
        feasible = problem.feasible
        assert feasible.arm_slots.shape == (J, 5)  # type: ignore[attr-defined]
        assert feasible.worker_slots.shape == (B, 5)  # type: ignore[attr-defined]
        assert (feasible.arm_slots.sum(axis=1) == 2).all()  # type: ignore[attr-defined]
        assert (feasible.worker_slots.sum(axis=1) == 3).all()  # type: ignore[attr-defined]
        assert feasible.most <= B
        arm_slots += feasible.arm_slots.mean(axis=0)  # type: ignore[attr-defined]
        worker_slots += feasible.worker_slots.mean(axis=0)  # type: ignore[attr-defined]
    assert arm_slots[0] < arm_slots[2] < arm_slots[4]  # demand and supply miss each other
    assert worker_slots[0] > worker_slots[2] > worker_slots[4]
    assert (prizes_of(problem)[:B, 3] >= 4).all()
    assert (prizes_of(problem)[B:, 3] <= 3).all()


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def test_the_link_function_of_the_authors():
    for a, b, x0, v in itertools.product((0.2, 1.0), (1.0, 1.9), (1, 10), range(4)):
        weight = 3  # of an intervention
        by_hand = 0.98 * (a * sigmoid(b * weight * v - x0) - a * sigmoid(-x0)) + 0.01
        assert link(a, b, x0, v) == pytest.approx(by_hand, rel=1e-12)
    # Published: hard arms rise with about .01, .02, .5, .9 for 0 to 3 interventions.
    assert link(0.95, 1.6, 9.5, np.arange(4)) == pytest.approx([0.01, 0.02, 0.5, 0.93], abs=0.04)


@pytest.mark.parametrize(("J", "N", "B"), [(20, 10, 5), (40, 20, 10), (100, 50, 20), (100, 30, 20)])
@pytest.mark.parametrize("seed", range(3))
def test_published_interventions(J, N, B, seed):
    problem = RestlessInterventions(J=J, N=N, B=B, instance_seed=seed)
    matrix = problem.coupling
    easy = math.ceil(J * B / N)
    assert matrix.shape == (J, N)
    assert set(np.unique(matrix)) == {0, 1}
    assert (matrix.sum(axis=0) == 3).all()  # every intervention treats three arms
    on_hard, on_easy = matrix[easy:].any(axis=0), matrix[:easy].any(axis=0)
    assert (on_hard.sum(), on_easy.sum(), (on_hard & on_easy).sum()) == (B, N - B, 0)
    for half in (matrix[:, on_hard], matrix[:, on_easy]):
        columns, counts = np.unique(half, axis=1, return_counts=True)
        groups = half.shape[1] // 3
        assert columns.shape[1] >= groups + half.shape[1] % 3 - (counts > 3).sum()
        assert (counts >= 3).sum() == groups  # triples treat the same arms, the rest one by one
        assert counts.sum() == half.shape[1]
    # Where there are enough arms for every group, none is treated by two.
    needed = [3 * (n // 3 + n % 3) for n in (B, N - B)]
    if needed[0] <= J - easy and needed[1] <= easy:
        assert matrix.sum(axis=1).max() == 3
    up = up_of(problem.arms.transitions)
    known = {True: set(), False: set()}
    for a, b, x0 in itertools.product(np.arange(2, 6) / 10, [1.0], [1, 2]):
        known[False].add((a, b, x0))
    for a, b, x0 in itertools.product(np.arange(7, 11) / 10, np.arange(14, 20) / 10, [9, 10]):
        known[True].add((a, b, x0))
    for j in range(J):
        laws = [[link(a, b, x0, v) for v in range(up.shape[1])] for a, b, x0 in known[j >= easy]]
        assert np.abs(np.array(laws) - up[j]).max(axis=1).min() < 1e-12
    assert up[:, 0] == pytest.approx(0.01)
    assert (prizes_of(problem)[:B, 3] >= 4).all()
    assert (prizes_of(problem)[B:, 3] <= 3).all()
    assert problem.feasible.most == B


@pytest.mark.parametrize(("J", "N", "B"), [(5, 8, 4), (20, 12, 8), (40, 12, 10), (3, 2, 1), (20, 30, 8)])
def test_interventions_where_the_authors_code_fails(J, N, B):
    for seed in range(4):
        problem = RestlessInterventions(J=J, N=N, B=B, instance_seed=seed)
        assert (problem.coupling.sum(axis=0) == 3).all()
        assert problem.arms.shape[1] == problem.coupling.sum(axis=1).max() + 1
        begun(problem).step(actions_of(problem, 1))


def test_spillover_draws_the_same_network_for_own_arms():
    drawn = RestlessSpillover(J=12, instance_seed=3)
    own = RestlessSpillover(arms=own_arms(12), instance_seed=3)
    assert np.array_equal(own.network.edges, drawn.network.edges)
    assert len(drawn.network.edges) == round(1.4 * 12)
    assert drawn.feasible.most == 5


# --- own instances ----------------------------------------------------------------------------------------------------------


@every
def test_own_arms_in_all_their_forms(kind, tmp_path):
    arms = own_arms(6)
    rows = ["arm,action,state,next_state,probability,reward,start"]
    for j, a, s, t in np.ndindex(6, 2, 3, 3):
        values = (arms.transitions[j, a, s, t], arms.rewards[j, a, s, t], arms.start[j, s])
        rows.append(",".join(map(str, (j, a, s, t, *map(repr, map(float, values))))))
    (tmp_path / "arms.csv").write_text("\n".join(rows))
    mapping = {"transitions": arms.transitions, "rewards": arms.rewards, "start": arms.start}
    settings_ = {"effects": np.eye(6, 7, dtype=int)} if kind is RestlessInterventions else {}
    problems = [kind(arms=given, **settings_) for given in (arms, mapping, str(tmp_path / "arms.csv"), tmp_path / "arms.csv")]
    for problem in problems:
        assert problem.instance.endswith("of 6 arms, own arms")
        assert problem.observation_space.shape == (9,)
        assert problem.arms.shape[::2] == (6, 3)
        assert np.allclose(problem.arms.transitions[:, [0, -1]], arms.transitions)
    plan = actions_of(problems[0], 20)
    runs = [episodes(problem, plan) for problem in problems]
    assert all(np.array_equal(run, runs[0]) for run in runs[1:])
    # A plain recalculation of the expected reward of one step.
    problem, action = problems[0], plan[0]
    batch = begun(problem)
    states = batch.state.arms[0].copy()
    reward = batch.step(action[None]).reward[0]
    if kind in (RestlessCapacity, RestlessMatching, RestlessInterventions):
        pulled = action[:6]
        by_hand = sum(arms.transitions[j, pulled[j], states[j]] @ arms.rewards[j, pulled[j], states[j]] for j in range(6))
        assert reward == pytest.approx(by_hand)


def test_own_costs_capacities_and_calendars():
    problem = RestlessCapacity(J=4, B=2, costs=[1, 2, 3, 4], capacities=[4.5, 3])
    assert problem.feasible.costs.tolist() == [1, 2, 3, 4]  # type: ignore[attr-defined]
    assert problem.feasible.capacities.tolist() == [4.5, 3]  # type: ignore[attr-defined]
    alike = RestlessCapacity(costs=2, capacities=5).feasible
    assert alike.costs.tolist() == [2] * 20  # type: ignore[attr-defined]
    assert (alike.capacities.tolist(), alike.most) == ([5] * 5, 10)  # type: ignore[attr-defined]
    # The arms are those of the seed, whatever they cost.
    assert np.array_equal(problem.arms.transitions, RestlessCapacity(J=4, B=2).arms.transitions)
    own = RestlessMatching(J=3, B=2, arm_slots=np.eye(3), worker_slots=np.ones((4, 3)))
    assert (own.feasible.most, own.feasible.contains([1, 0, 1]), own.feasible.contains([1, 1, 1])) == (2, True, False)
    other = RestlessMatching(K=8, instance_seed=2).feasible
    assert (other.arm_slots.shape, other.worker_slots.shape) == ((20, 8), (5, 8))  # type: ignore[attr-defined]


def test_own_effects_count_up_to_the_highest_level():
    """Arms with three levels: 1 and 2 interventions differ, and whatever is more is the highest, however large."""
    transitions = np.zeros((2, 3, 2, 2))
    transitions[:, :, :, 1] = np.array([0.0, 0.5, 1.0])[None, :, None]
    transitions[:, :, :, 0] = 1 - transitions[:, :, :, 1]
    arms = {"transitions": transitions, "rewards": [[0, 1], [0, 10]]}
    for effects in ([[1, 1, 0], [2**62, 2**62, 7]], np.array([[1, 1, 0], [2, 2, 2]], np.uint64)):
        env = BudgetedEnv(RestlessInterventions, arms=arms, effects=effects, B=3)
        env.reset(seed=0)
        assert env.step(np.array([1, 0, 0]))[1] == 10.5
        assert env.step(np.array([1, 1, 0]))[1] == 11
        assert env.step(np.array([0, 0, 1]))[1] == 10
        assert env.step(np.array([1, 1, 1]))[1] == 11


def test_own_network(tmp_path):
    path = tmp_path / "network.csv"
    path.write_text("station1,station2\n1,2\n2,3\n3,4\n4,1\n4,5\n")
    problem = RestlessSpillover(network=path)
    assert (problem.network.names, len(problem.coupling)) == (tuple("12345"), 5)
    part = RestlessSpillover(network=str(path), nodes=[5, 4, 3], B=1)
    assert (part.network.names, part.network.edges.tolist()) == (("5", "4", "3"), [[0, 1], [1, 2]])
    assert RestlessSpillover(network=problem.network, J=5).key == problem.key


@every
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"J": 0}, "J is 0; expected an integer >= 1"),
        ({"J": 20.0}, "J is 20.0; expected an integer >= 1"),
        ({"B": 0}, "B is 0; expected an integer >= 1"),
        ({"B": True}, "B is True; expected an integer >= 1"),
        ({"instance_seed": -1}, "instance_seed is -1; expected an integer >= 0"),
        ({"instance_seed": None}, "instance_seed is None; expected an integer >= 0"),
        ({"start": 1.5}, r"start is 1.5; expected a probability in \[0, 1\]"),
        ({"start": float("nan")}, r"start is nan; expected a probability in \[0, 1\]"),
        ({"horizon": 0}, "horizon is 0; expected an integer >= 1"),
        ({"budget": -1}, "budget of 'pulls' is -1; expected an amount >= 0"),
        ({"budget": float("nan")}, "budget of 'pulls' is nan; expected an amount >= 0"),
        ({"budget": (3, 1)}, r"budget of 'pulls' is \(3, 1\)"),
        ({"budget": "all"}, "budget of 'pulls' is 'all'"),
        ({"budget": {"money": 3}}, r"budget names \['money'\]; expected exactly the resources \['pulls'\]"),
        ({"reward": "mean"}, r"reward is 'mean'; expected one of \('expected', 'realised'\)"),
        ({"observation": "onehot"}, r"observation is 'onehot'; expected one of \('integer', 'one-hot'\)"),
        ({"on_infeasible": "ignore"}, r"on_infeasible is 'ignore'; expected one of \('project', 'raise'\)"),
        ({"budget_aware": "no"}, "budget_aware is 'no'; expected True or False"),
        ({"budget_aware": 1}, "budget_aware is 1; expected True or False"),
    ],
)
def test_bad_settings_name_the_argument_and_the_value(kind, given, message):
    with pytest.raises(ValueError, match=message):
        kind(**given)


FOUR = own_arms(4)


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        (RestlessCapacity, {"arms": FOUR, "J": 5}, "J: 5 and own arms: 4; expected the same number"),
        (RestlessCapacity, {"arms": 4}, "arms is int; expected Arms, the path of a CSV file"),
        (RestlessCapacity, {"arms": "nowhere.csv"}, r"arms file 'nowhere\.csv' can't be read"),
        (RestlessCapacity, {"costs": [1, 2]}, "costs has 2 entries; expected 20"),
        (RestlessCapacity, {"capacities": [1, 2]}, "capacities has 2 entries; expected 5"),
        (RestlessCapacity, {"costs": 0}, "costs is 0; expected a finite number > 0"),
        (RestlessCapacity, {"costs": "cheap"}, "costs is 'cheap'; expected a finite number > 0"),
        (RestlessCapacity, {"costs": [[1], [1, 2]]}, "costs is .*; expected an array"),
        (RestlessCapacity, {"capacities": float("nan")}, "capacities is nan; expected a finite number > 0"),
        (
            RestlessMatching,
            {"arms": FOUR, "arm_slots": np.ones((5, 5))},
            "arm_slots has 5 rows; expected 4, one for every arm",
        ),
        (RestlessMatching, {"arm_slots": 5}, r"arm_slots has shape \(\); expected a table of 0 and 1"),
        (RestlessMatching, {"worker_slots": np.ones((5, 4))}, "worker_slots has 4 slots and arm_slots 5; expected the same"),
        (
            RestlessMatching,
            {"worker_slots": np.full((5, 5), 2)},
            r"worker_slots has shape \(5, 5\); expected a table of 0 and 1",
        ),
        (RestlessMatching, {"K": 2}, "K is 2; expected at least 3 slots"),
        (RestlessMatching, {"K": 13}, "arm_slots has 13 slots; expected at most 12"),
        (RestlessMatching, {"K": "5"}, "K is '5'; expected an integer >= 1"),
        (RestlessInterventions, {"N": 5}, "J, N, B are 20, 5, 5; expected B < N"),
        (RestlessInterventions, {"N": 0}, "N is 0; expected an integer >= 1"),
        (RestlessInterventions, {"J": 2}, "J, N, B are 2, 10, 5; expected B < N, and J >= 3"),
        (RestlessInterventions, {"arms": FOUR}, "own arms and effects come together"),
        (RestlessInterventions, {"effects": np.ones((20, 10), int)}, "own arms and effects come together"),
        (
            RestlessInterventions,
            {"arms": FOUR, "effects": np.ones((3, 2), int)},
            r"effects has shape \(3, 2\) .*each of 4 arms",
        ),
        (RestlessInterventions, {"arms": FOUR, "effects": np.ones((4, 2))}, "effects has .* dtype float64; expected whole"),
        (
            RestlessInterventions,
            {"arms": FOUR, "effects": -np.ones((4, 2), int)},
            "effects has .*; expected whole numbers >= 0",
        ),
        (RestlessInterventions, {"arms": FOUR, "effects": [[1], [1, 2]]}, "effects is .*; expected an array"),
        (
            RestlessInterventions,
            {"arms": FOUR, "effects": np.eye(4, dtype=int), "N": 3},
            "effects has 4 columns; expected N = 3",
        ),
        (RestlessSpillover, {"q": -0.1}, r"q is -0.1; expected a probability in \[0, 1\]"),
        (RestlessSpillover, {"q": "half"}, r"q is 'half'; expected a probability in \[0, 1\]"),
        (RestlessSpillover, {"J": 3}, "J is 3; a generated network has at least 4 nodes"),
        (RestlessSpillover, {"network": 5}, "network is 5; expected a Network or the path of a CSV file"),
        (RestlessSpillover, {"network": "nowhere.csv"}, r"network file 'nowhere\.csv' can't be read"),
        (RestlessSpillover, {"nodes": [1, 2]}, r"nodes is \[1, 2\], without a network"),
        (
            RestlessSpillover,
            {"network": Network(("a", "b"), np.array([[0, 1]])), "J": 20},
            "J is 20; this network has only 2 nodes",
        ),
    ],
)
def test_bad_settings_of_one_problem(kind, given, message):
    with pytest.raises(ValueError, match=message):
        kind(**given)


def test_spillover_knows_two_levels_only():
    arms = {"transitions": np.full((4, 3, 2, 2), 0.5), "rewards": np.zeros((4, 2))}
    with pytest.raises(ValueError, match="arms have 3 levels of treatment; expected 2: left alone and pulled"):
        RestlessSpillover(arms=arms)


@pytest.mark.parametrize("kind", [RestlessCapacity, RestlessMatching])
def test_levels_that_are_never_reached_do_no_harm(kind):
    arms = {"transitions": np.full((4, 3, 2, 2), 0.5), "rewards": np.zeros((4, 2))}
    begun(kind(arms=arms)).step(np.array([[1, 0, 0, 0]]))
