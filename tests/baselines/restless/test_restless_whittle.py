"""The Whittle index, against closed forms, Gittins' index and prices tried one by one."""

import numpy as np
import pytest
from budgetgym.baselines.restless.whittle import whittle_index


def advantage(transitions, gains, discount, price):
    """What a pull gains over none in every state of an arm that is planned optimally at a price: by policy iteration."""
    S = gains.shape[1]
    pulled = np.zeros(S, bool)
    while True:
        followed = np.where(pulled[:, None], transitions[1], transitions[0])
        value = np.linalg.solve(np.eye(S) - discount * followed, np.where(pulled, gains[1] - price, gains[0]))
        gained = gains[1] - price - gains[0] + discount * (transitions[1] - transitions[0]) @ value
        better = np.where(np.abs(gained) < 1e-11, pulled, gained > 0.0)
        if (better == pulled).all():
            return gained
        pulled = better


def bisected(transitions, gains, discount):
    """(S,) the price at which a pull is worth it no longer, for an indexable arm."""
    S = gains.shape[1]
    index = np.empty(S)
    for s in range(S):
        low, high = -1e3, 1e3
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if advantage(transitions, gains, discount, middle)[s] > 0 else (low, middle)
        index[s] = low
    return index


def is_indexable(transitions, gains, discount, prices):
    """Whether pulled states only drop out along a grid of prices."""
    wanted = np.array([advantage(transitions, gains, discount, price) > 1e-9 for price in prices])
    return not (~wanted[:-1] & wanted[1:]).any()


def random_arm(seed, S):
    random = np.random.default_rng(seed)
    return random.dirichlet(np.full(S, 0.4), (2, S)), random.uniform(0.0, 1.0, (2, S))


def test_random_arms_against_prices_tried_one_by_one():
    """Index and verdict; some of these arms are not indexable."""
    verdicts = []
    for seed in range(150):
        transitions, gains = random_arm(seed, 3)
        index, indexable = whittle_index(transitions, gains, 0.95)
        prices = np.linspace(-8.0, 8.0, 800)
        by_grid = is_indexable(transitions, gains, 0.95, prices)
        if indexable:
            assert by_grid
            assert index == pytest.approx(bisected(transitions, gains, 0.95), abs=1e-7)
        elif by_grid:  # a state comes back within less than the grid can see
            assert not is_indexable(transitions, gains, 0.95, np.linspace(-8.0, 8.0, 20001))
        verdicts.append(indexable)
    assert 0.5 < np.mean(verdicts) < 1.0


def test_an_arm_that_rests_when_left_alone_has_the_gittins_index():
    """Largest discounted reward per discounted time, by enumeration of the sets of states to go on in."""
    for seed in range(10):
        transitions, gains = random_arm(seed, 4)
        transitions[0], gains[0] = np.eye(4), 0.0
        index, indexable = whittle_index(transitions, gains, 0.9)
        gittins = np.full(4, -np.inf)
        for s in range(4):
            for chosen in range(16):
                go_on = np.array([chosen >> k & 1 for k in range(4)], bool)
                moves = np.eye(4) - 0.9 * transitions[1] * go_on[None, :]
                reward, time = np.linalg.solve(moves, gains[1]), np.linalg.solve(moves, np.ones(4))
                gittins[s] = max(gittins[s], reward[s] / time[s])
        assert indexable
        assert index == pytest.approx(gittins, abs=1e-9)


def test_a_machine_that_a_repair_makes_new():
    """Good pays 1 and fails with probability f; a repair of the bad one succeeds at once. Closed form, by two equations."""
    f, discount = 0.2, 0.9
    decay = np.array([[1.0, 0.0], [f, 1.0 - f]])  # states: bad, good
    transitions, gains = np.stack([decay, np.array([[0.0, 1.0], [f, 1.0 - f]])]), np.array([[0.0, 1.0], [0.0, 1.0]])
    index, indexable = whittle_index(transitions, gains, discount)
    # A pull in the good state changes nothing. One in the bad state is worth being good once, if the price is its index.
    assert indexable
    assert index == pytest.approx([discount / (1.0 - discount * (1.0 - f)), 0.0])


def test_without_a_future_the_index_is_the_gain():
    transitions, gains = random_arm(0, 5)
    index, indexable = whittle_index(transitions, gains, 0.0)
    assert indexable
    assert index == pytest.approx(gains[1] - gains[0])


def test_an_arm_where_a_pull_changes_nothing_has_index_zero():
    transitions, gains = random_arm(1, 3)
    index, indexable = whittle_index(np.stack([transitions[0]] * 2), np.stack([gains[0]] * 2), 0.99)
    assert indexable
    assert index == pytest.approx(np.zeros(3), abs=1e-12)
