"""The parts of planners against closed forms and plain Python."""

import numpy as np
import pytest
from budgetgym.agents.planning.beam import earned_so_far
from budgetgym.agents.planning.candidates import Proposed, changed_components
from budgetgym.agents.planning.evaluators import Rollout, Value
from budgetgym.agents.planning.memory import Trajectories
from budgetgym.agents.planning.mirror_descent import magnetic_step, mirror_step
from budgetgym.agents.planning.tree import (
    back_up,
    blank_tree,
    bytes_of,
    choose,
    clear,
    copy_lane,
    enter,
    fingerprint,
    list_actions,
)
from budgetgym.agents.planning.value_tree import node_probabilities, reachable_within
from budgetgym.baselines.core.random import RandomAction
from budgetgym.baselines.routing.agentic.routers import AlwaysSmall, FirstLarge
from budgetgym.envs.core.batch import Batch, episode_keys
from budgetgym.envs.routing.agentic.problem import AgenticRouting
from budgetgym.envs.workflow.problem import WorkflowRouting
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import nbinom

# --- mirror descent -----------------------------------------------------------------------------------------------------

simplex = st.lists(st.floats(0.01, 1.0), min_size=2, max_size=5)


def divergence(p, q):
    return float((p * np.log(p / q)).sum())


@settings(max_examples=100, deadline=None)
@given(simplex, st.data(), st.floats(0.01, 5.0))
def test_the_gain_of_mirror_descent_is_exact(weights, data, eta):
    """E_new[Q] - E_old[Q] = (KL(new, old) + KL(old, new)) / eta."""
    old = np.array(weights) / sum(weights)
    values = np.array(data.draw(st.lists(st.floats(-1.0, 1.0), min_size=len(old), max_size=len(old))))
    new = mirror_step(old, values, eta)
    assert new.sum() == pytest.approx(1.0)
    assert new @ values - old @ values == pytest.approx((divergence(new, old) + divergence(old, new)) / eta, abs=1e-9)


def test_magnetic_descent_ends_at_the_magnet_tilted_by_the_values():
    magnet, values, alpha = np.array([0.5, 0.3, 0.2]), np.array([0.1, -0.4, 0.7]), 0.5
    policy = np.full(3, 1 / 3)
    for _ in range(500):
        policy = magnetic_step(policy, values, 0.3, alpha, magnet)
    fixed = magnet * np.exp(values / alpha)
    assert policy == pytest.approx(fixed / fixed.sum(), abs=1e-14)


def test_magnetic_descent_finds_the_quantal_response_of_a_biased_game():
    """Rock, paper, scissors with a doubled stake, temperature .2: the known equilibrium, of both players."""
    game = np.array([[0.0, -1, 2], [1, 0, -1], [-2, 1, 0]])
    x = y = np.full(3, 1 / 3)
    uniform = np.full(3, 1 / 3)
    for _ in range(5000):
        x, y = magnetic_step(x, game @ y, 0.1, 0.2, uniform), magnetic_step(y, -game.T @ x, 0.1, 0.2, uniform)
    assert x == pytest.approx([0.288887, 0.487250, 0.223863], abs=2e-6)


# --- the value tree -----------------------------------------------------------------------------------------------------


def test_the_choice_of_nodes_narrows():
    values = np.array([0.2, 0.6, 0.2])
    assert node_probabilities(values, 1.0) == pytest.approx(values)
    assert node_probabilities(values, 0.5) == pytest.approx(values**2 / (values**2).sum())
    assert node_probabilities(values, 0.01)[1] == pytest.approx(1.0)
    assert np.isfinite(node_probabilities(np.zeros(3), 0.001)).all()
    with pytest.raises(ValueError, match="remaining is 0"):
        node_probabilities(values, 0.0)


@pytest.mark.parametrize("steps", [1, 3, 8, 20])
@pytest.mark.parametrize("progress", [0.2, 0.6, 0.95])
@pytest.mark.parametrize("failure", [0.2, 0.05, 0.001])
def test_the_reachability_bound_holds(steps, progress, failure):
    """With this many expansions, fewer than the needed steps of progress are as unlikely as was asked for."""
    expansions = int(np.ceil(reachable_within(steps, progress, failure)))
    assert nbinom.cdf(expansions - steps, steps, progress) >= 1.0 - failure


def test_the_published_example_of_the_bound():
    assert reachable_within(8, 0.6, 0.05) == pytest.approx(34.9, abs=0.06)
    with pytest.raises(ValueError, match="progress 0"):
        reachable_within(3, 0.0, 0.1)


# --- the tree -----------------------------------------------------------------------------------------------------------


def test_the_bound_tries_everything_once_and_then_what_is_best():
    tree = blank_tree(10, 3, 3, 1, np.int64)
    tree.candidates[0] = 3
    order = []
    for walk in range(3):
        k = choose(tree, 0, 1.0, 1e9, 1.0)
        order.append(k)
        tree.begun[0, k] += 1
        tree.node[walk, 0], tree.chosen[walk, 0], tree.reward[walk, 0], tree.length[walk] = 0, k, 0.0, 1
    assert order == [0, 1, 2]
    back_up(tree, 0, 3, np.array([0.1, 0.9, 0.2]), True)
    assert choose(tree, 0, 0.1, 1e9, 1.0) == 1
    assert tree.total[0].tolist() == [0.1, 0.9, 0.2]
    # The bound itself, by hand: value + c sqrt(ln(n + 1) / (n_a + 1)).
    tree.begun[0] = [1, 8, 1]
    bounds = np.array([0.1, 0.9, 0.2]) + 2.0 * np.sqrt(np.log(11) / (np.array([1, 8, 1]) + 1))
    assert choose(tree, 0, 2.0, 1e9, 1.0) == bounds.argmax() == 2
    assert choose(tree, 0, 2.0, 1.0, 0.0) == 2  # at the present all are open
    tree.candidates[1] = 3
    assert choose(tree, 1, 2.0, 1.0, 0.5) == 0
    tree.begun[1, 0] = 2
    assert choose(tree, 1, 2.0, 1.0, 0.5) == 0  # after two walks still the first alone
    tree.begun[1, 0] = 3
    assert choose(tree, 1, 2.0, 1.0, 0.5) == 1  # after three the second
    tree.size[0] = 2
    clear(tree)
    assert not tree.begun.any()
    assert not tree.candidates.any()


def test_values_go_to_all_actions_on_the_way_or_to_the_first():
    for propagate in (True, False):
        tree = blank_tree(4, 3, 2, 1, np.int64)
        tree.node[0], tree.chosen[0], tree.reward[0], tree.length[0] = [0, 1, 2], [1, 0, 1], [1.0, 10.0, 100.0], 3
        back_up(tree, 0, 1, np.array([1000.0]), propagate)
        assert tree.total[0, 1] == 1111.0
        assert tree.total[1, 0] == (1110.0 if propagate else 0.0)
        assert tree.total[2, 1] == (1100.0 if propagate else 0.0)
        assert tree.done.sum() == (3 if propagate else 1)


def test_nodes_are_what_was_seen():
    def seen(row, per):
        return np.uint64(fingerprint(row, per))

    tree = blank_tree(10, 3, 2, 1, np.int64)
    near, same, far = np.array([0.51, 1.0]), np.array([0.49, 1.0]), np.array([0.7, 1.0])
    assert seen(near, 10.0) == seen(same, 10.0)
    assert seen(near, 0.0) != seen(same, 0.0)
    assert seen(near, 10.0) != seen(far, 10.0)
    first = enter(tree, 0, 1, seen(near, 10.0))
    assert enter(tree, 0, 1, seen(same, 10.0)) == first == 1
    second = enter(tree, 0, 1, seen(far, 10.0))
    assert second == 2
    assert enter(tree, 0, 1, seen(near, 10.0)) == 1
    assert enter(tree, 0, 0, seen(near, 10.0)) == 3  # after another action


def test_actions_are_listed_with_the_policy_s_own_first():
    tree = blank_tree(2, 1, 4, 1, np.int64)
    list_actions(tree, 1, np.array([1, 0, 1, 1], np.int8), 10, 13)
    assert tree.action[1, :3, 0].tolist() == [13, 12, 10]
    list_actions(tree, 2, np.array([1, 0, 1, 1], np.int8), 0, 1)  # its own is not possible
    assert tree.action[2, :3, 0].tolist() == [0, 2, 3]
    assert tree.candidates.tolist() == [0, 3, 3]


def test_a_lane_is_copied_whole():
    problem = AgenticRouting(budget=5)
    batch = Batch(problem, 3)
    batch.seed(episode_keys(0, 3))
    batch.reset()
    for _ in range(4):
        batch.step(batch.read_actions(np.array([0, 1, 0])))
    copy_lane(bytes_of(batch.state), 1, 2)
    for array in batch.state:
        assert np.array_equal(array[1], array[2], equal_nan=True)
    after = batch.step(batch.read_actions(np.array([0, 1, 1])))
    assert np.array_equal(after.observation[1], after.observation[2])


# --- memory -------------------------------------------------------------------------------------------------------------


def test_similar_situations_are_remembered_as_one():
    space = spaces.Box(np.zeros(2), np.array([1.0, 10.0]), dtype=np.float64)
    memory = Trajectories(space, size=2, threshold=0.9, trust=2)
    memory.remember(np.array([[0.5, 5.0]]), np.array([1.0]))
    assert np.isnan(memory.recall(np.array([[0.5, 5.0]])))  # one value is not enough
    memory.remember(np.array([[0.55, 5.9]]), np.array([0.0]))  # within a tenth of every range
    assert memory.recall(np.array([[0.45, 4.1], [0.39, 5.0], [0.5, 6.1]])).tolist()[0] == 0.5
    assert np.isnan(memory.recall(np.array([[0.39, 5.0], [0.5, 6.1]]))).all()
    for row in ([0.0, 0.0], [1.0, 10.0]):  # two others: the oldest is forgotten
        memory.remember(np.array([row]), np.array([0.0]))
    assert np.isnan(memory.recall(np.array([[0.5, 5.0]])))
    assert len(memory.rows) == 2


# --- evaluators ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def forks():
    problem = AgenticRouting(instance="webshop", budget=5)
    batch = Batch(problem, 2000)
    batch.seed(episode_keys(3, 2000))
    batch.reset()
    return batch


def test_rollouts_to_the_end_have_the_policy_s_value(forks):
    problem = forks.problem
    exact = float(problem.boundary.mean(problem.boundary.success, problem.profile)[0])
    found = Rollout(AlwaysSmall(problem))(forks, 0, 2000, forks.observe())
    assert abs(found.mean() - exact) < 4 * found.std() / np.sqrt(2000)
    assert forks.state.finished.all()
    assert not Rollout(AlwaysSmall(problem))(forks, 0, 2000, forks.observe()).any()  # over is over


def test_rollouts_stop_at_their_horizon_and_value_what_is_beyond(forks):
    rollout = Rollout(FirstLarge(forks.problem), 2, Value(lambda rows: np.full(len(rows), 7.0)))
    found = rollout(forks, 10, 60, forks.observe()[10:60])
    assert (found == 7.0).all()  # webshop's tasks have three subgoals at least
    assert (forks.state.t[10:60] == 2).all()
    assert (forks.state.t[:10] == 0).all()


def test_what_is_not_a_value_is_refused(forks):
    for function in (lambda rows: np.zeros(3), lambda rows: np.full(len(rows), np.nan)):
        with pytest.raises(ValueError, match="value function returned"):
            Value(function)(forks, 0, 10, forks.observe()[:10])
    with pytest.raises(ValueError, match="horizon is -1"):
        Rollout(FirstLarge(forks.problem), -1)


def test_earned_is_the_default_look():
    assert earned_so_far(np.zeros((2, 1)), np.zeros((2, 1)), np.zeros((2, 1)), np.array([1.0, 2.0])).tolist() == [1.0, 2.0]


def test_where_nobody_proposes_components_are_changed_at_random():
    """So that planners have something to choose from in other people's families with several components."""
    problem = WorkflowRouting()
    base = RandomAction(problem)
    proposed = Proposed(problem, [base], 8, changed_components)
    rows = np.zeros((2, len(problem.observation_names)))
    for actions in proposed(rows, None, np.random.default_rng(0)):
        assert len(actions) > 3
        assert all(problem.action_space.contains(action) for action in actions)
        assert len(np.unique(actions, axis=0)) == len(actions)
