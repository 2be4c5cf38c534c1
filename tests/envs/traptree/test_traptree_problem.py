import itertools

import gymnasium as gym
import numpy as np
import pytest
from budgetgym.envs.core.batch import Batch, episode_keys
from budgetgym.envs.traptree.problem import TrapTree
from hypothesis import given, settings
from hypothesis import strategies as st


def batch_of(problem, n, seed=0):
    batch = Batch(problem, n)
    batch.seed(episode_keys(seed, n))
    batch.reset()
    return batch


def step(batch, actions):
    return batch.step(batch.read_actions(np.asarray(actions)))


@pytest.mark.parametrize(("branching", "depth"), [(2, 3), (3, 2), (4, 1)])
def test_exactly_one_of_all_ways_pays(branching, depth):
    problem = TrapTree(branching=branching, depth=depth)
    ways = list(itertools.product(range(branching), repeat=depth))
    batch = batch_of(problem, 1).fork(len(ways))
    total = np.zeros(len(ways))
    for level in range(depth):
        total += step(batch, [way[level] for way in ways]).reward
    assert sorted(total)[-2:] == ([0.0, 1.0] if len(ways) > 1 else [1.0])
    assert tuple(batch.state.solution[0]) == ways[int(total.argmax())]
    assert batch.state.finished.all()


def test_solutions_are_uniform():
    solutions = batch_of(TrapTree(branching=3, depth=2), 9000).state.solution
    counts = np.bincount(solutions @ [3, 1], minlength=9)
    assert ((counts - 1000) ** 2 / 1000).sum() < 26.1  # chi-square, 8 degrees of freedom, one in a thousand


@pytest.mark.parametrize("traps", [0, 1, 2, 3])
def test_scores_mislead_at_traps_and_are_honest_below(traps):
    problem = TrapTree(branching=4, depth=3, traps=traps)
    batch = batch_of(problem, 50)
    solution = batch.state.solution.copy()
    for level in range(3):
        scores = batch.observe()[:, 2:6]
        right = scores[np.arange(50), solution[:, level]]
        others = (scores.sum(axis=1) - right) / 3
        assert (right == (0.0 if level < traps else 1.0)).all()
        assert (others == (1.0 if level < traps else 0.0)).all()
        step(batch, solution[:, level])
    assert batch.state.success.all()
    assert (batch.observe()[:, 1:6] == [1, 0, 0, 0, 0]).all()  # a leaf has no children


def test_below_a_decoy_everything_looks_good():
    batch = batch_of(TrapTree(), 20)
    step(batch, (batch.state.solution[:, 0] + 1) % 4)
    assert (batch.observe()[:, 2:6] == 1.0).all()
    assert batch.state.trap_at_1.all()
    assert (batch.state.first_error_step == 1).all()


def test_going_back_and_recovering():
    """A wrong turn, a step back, and the right way: six moves."""
    batch = batch_of(TrapTree(backtrack=True), 10)
    solution = batch.state.solution.copy()
    step(batch, solution[:, 0])
    step(batch, (solution[:, 1] + 1) % 4)
    step(batch, np.full(10, 4))
    assert (batch.state.level == 1).all()
    for level in (1, 2, 3):
        last = step(batch, solution[:, level])
    assert last.reward.all()
    assert last.terminated.all()
    assert batch.state.recovered.all()
    assert not batch.state.trap_at_1.any()
    assert (batch.state.first_error_step == 2).all()
    assert (batch.state.initial - batch.state.remaining == 6).all()


def test_a_barren_leaf_ends_the_episode_or_can_only_be_left():
    wrong = batch_of(TrapTree(depth=1), 5)
    assert step(wrong, (wrong.state.solution[:, 0] + 1) % 4).terminated.all()
    stuck = batch_of(TrapTree(depth=1, backtrack=True), 5)
    step(stuck, (stuck.state.solution[:, 0] + 1) % 4)
    assert not step(stuck, np.zeros(5, int)).terminated.any()  # nothing is below it, but it took a move
    assert (stuck.state.level == 1).all()
    assert step(stuck, np.full(5, 4)).terminated.all()  # the third of three moves
    root = batch_of(TrapTree(backtrack=True), 5)
    step(root, np.full(5, 4))
    assert (root.state.level == 0).all()


def test_moves_end_the_episode():
    batch = batch_of(TrapTree(budget=2.5), 5)
    assert not step(batch, batch.state.solution[:, 0]).terminated.any()
    assert step(batch, batch.state.solution[:, 1]).terminated.all()
    assert (batch.state.remaining == 0.5).all()
    none = batch_of(TrapTree(budget=0.5), 5)
    assert step(none, np.zeros(5, int)).terminated.all()
    assert none.state.blocked.all()
    assert (none.state.level == 0).all()


@settings(max_examples=40, deadline=None)
@given(
    st.integers(2, 4),
    st.integers(1, 4),
    st.booleans(),
    st.floats(0.0, 12.0),
    st.lists(st.integers(0, 4), min_size=12, max_size=12),
    st.integers(0, 1000),
)
def test_never_overspent_and_batch_is_single(branching, depth, backtrack, budget, actions, seed):
    problem = TrapTree(branching=branching, depth=depth, backtrack=backtrack, budget=budget)
    many, one = Batch(problem, 3), Batch(problem, 1)
    keys = episode_keys(seed, 3)
    many.seed(keys)
    one.seed(keys[2:])
    many.reset()
    one.reset()
    for action in actions:
        action %= problem.action_space.n  # type: ignore[attr-defined]
        a, b = step(many, np.full(3, action)), step(one, [action])
        assert np.array_equal(a.observation[2], b.observation[0])
        assert a.reward[2] == b.reward[0]
        assert (many.state.remaining >= 0.0).all()
        assert problem.observation_space.contains(a.observation[0])
    assert (many.state.initial - many.state.remaining).max() <= budget


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"branching": 1}, "branching is 1"),
        ({"depth": 0}, "depth is 0"),
        ({"traps": 5}, "traps is 5; expected 0..4"),
        ({"horizon": 3}, "horizon is 3; expected at least the depth, 4"),
        ({"backtrack": "yes"}, "backtrack is 'yes'"),
        ({"budget": -1.0}, "budget"),
    ],
)
def test_settings_that_cannot_be_meant(settings, message):
    with pytest.raises(ValueError, match=message):
        gym.make("budgetgym/TrapTree-v0", **settings)
