"""Feasible sets against brute force: what belongs to them, as a test, as a linear set, as a list, and as an optimum."""

import copy
import itertools
import pickle

import numpy as np
import pytest
from budgetgym.envs.restless.feasible.base import FeasibleActions
from budgetgym.envs.restless.feasible.capacity import CapacitySet
from budgetgym.envs.restless.feasible.cardinality import CardinalitySet
from budgetgym.envs.restless.feasible.matching import MatchingSet
from gymnasium import spaces
from gymnasium.vector.utils import batch_space
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_flow


def can_be_packed(costs, capacities):
    """Whether workers can share these costs: the largest one with any worker who can carry it, then the rest."""
    if not len(costs):
        return True
    first, *rest = sorted(costs, reverse=True)
    tried = set()
    for w, room in enumerate(capacities):
        if room >= first - 1e-9 and room not in tried:
            tried.add(room)
            if can_be_packed(rest, [*capacities[:w], room - first, *capacities[w + 1 :]]):
                return True
    return False


def can_be_scheduled(arm_slots, worker_slots, visits):
    """Whether every arm gets its appointments: a maximum flow from arms through slots to pairs of a worker and a slot."""
    n, K = arm_slots.shape
    W = len(worker_slots)
    source, arms, slots, pairs = 0, 1, 1 + n, 1 + n + K
    sink = pairs + W * K
    graph = np.zeros((sink + 1, sink + 1), np.int32)
    graph[source, arms : arms + n] = visits
    graph[arms : arms + n, slots : slots + K] = visits * arm_slots
    for w, k in np.argwhere(worker_slots):
        graph[slots + k, pairs + w * K + k] = 1
        graph[pairs + w * K + k, sink] = 1
    return maximum_flow(csr_array(graph), source, sink).flow_value == visits * n


def members_of(feasible):
    """Every binary vector of the set, by its definition."""
    actions = np.array(list(itertools.product((0, 1), repeat=feasible.m)))
    if isinstance(feasible, CapacitySet):
        belongs = [can_be_packed(feasible.costs[a == 1].tolist(), feasible.capacities.tolist()) for a in actions]
    elif isinstance(feasible, MatchingSet):
        belongs = [
            a.sum() <= feasible.asked and can_be_scheduled(feasible.arm_slots[a == 1], feasible.worker_slots, feasible.visits)
            for a in actions
        ]
    else:
        belongs = [a.sum() <= feasible.asked for a in actions]
    return actions, np.array(belongs)


def capacity_set(random):
    J, W = random.integers(1, 8), random.integers(1, 4)
    if random.random() < 0.3:  # costs that are no whole numbers
        return CapacitySet(random.choice([0.3, 0.6, 0.9, 1.1], J), random.choice([0.3, 0.9, 1.5, 2.0, 9.0], W))
    return CapacitySet(random.integers(2, 7, J), random.integers(1, 14, W))


def matching_set(random):
    J, W, K = random.integers(1, 8), random.integers(1, 5), random.integers(1, 5)
    arm_slots = random.random((J, K)) < 0.4
    arm_slots[np.arange(J), random.integers(0, K, J)] = True
    most = int(random.integers(1, 9))
    feasible = MatchingSet(arm_slots, random.random((W, K)) < 0.6, most, visits=int(random.integers(1, 4)))
    feasible.asked = most  # type: ignore[attr-defined]
    return feasible


def cardinality_set(random):
    most = int(random.integers(1, 9))
    feasible = CardinalitySet(int(random.integers(1, 8)), most)
    feasible.asked = most  # type: ignore[attr-defined]
    return feasible


KINDS = {"capacity": capacity_set, "matching": matching_set, "cardinality": cardinality_set}
kinds = pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)


@kinds
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_members_are_those_of_the_definition(make, seed):
    random = np.random.default_rng(seed)
    feasible = make(random)
    actions, belongs = members_of(feasible)
    assert np.array_equal(feasible.contains(actions), belongs)
    assert feasible.contains(actions[-1]) is bool(belongs[-1])
    assert feasible.most >= actions[belongs].sum(axis=1).max()
    listed = feasible.enumerate()
    assert not listed[0].any()
    assert sorted(map(tuple, listed)) == sorted(map(tuple, actions[belongs]))  # complete, and each once
    assert feasible.enumerate(limit=len(listed)) is not None
    assert feasible.enumerate(limit=len(listed) - 1) is None
    known = set(map(tuple, listed))
    for action in listed:  # closed downwards
        for i in np.flatnonzero(action):
            assert tuple(np.where(np.arange(feasible.m) == i, 0, action)) in known


@kinds
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=8, deadline=None)
def test_the_linear_set_has_the_same_members(make, seed):
    feasible = make(np.random.default_rng(seed))
    linear = feasible.linear()
    y = len(linear.y_low)
    assert (linear.rows.toarray()[0] == np.concatenate([np.ones(feasible.m), np.zeros(y)])).all()  # it counts the pulls
    programme = linear.programme(feasible.m)
    for action, belongs in zip(*members_of(feasible), strict=True):
        programme.limit_columns(np.arange(feasible.m), action, action)
        try:
            programme.maximise(np.zeros(feasible.m + y))
            found = True
        except RuntimeError:  # no solution
            found = False
        assert found == belongs, action


@kinds
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_the_optimum_is_the_best_of_the_list(make, seed):
    random = np.random.default_rng(seed)
    feasible = make(random)
    listed = feasible.enumerate()
    for most in (None, 0, 1, int(random.integers(0, feasible.m + 2)), None):  # a limit is forgotten afterwards
        values = random.normal(0.3, 1.0, feasible.m)
        best = feasible.maximise(values, most)
        allowed = listed if most is None else listed[listed.sum(axis=1) <= most]
        assert best.shape == (feasible.m,)
        assert feasible.contains(best)
        assert most is None or best.sum() <= most
        assert best @ values == pytest.approx((allowed @ values).max(), abs=1e-6)
        assert not best[values <= 0].any()
    assert not feasible.maximise(-np.ones(feasible.m)).any()


@kinds
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_projections_and_samples_are_maximal(make, seed):
    random = np.random.default_rng(seed)
    feasible = make(random)
    m = feasible.m
    wanted = random.integers(0, 2, (20, m))
    most = int(random.integers(0, m + 1))

    def is_maximal(part, of, most=m):
        more = [np.where(np.arange(m) == i, 1, part) for i in np.flatnonzero(of > part)]
        return feasible.contains(part) and (part.sum() == most or not any(feasible.contains(one) for one in more))

    for orders in (None, random.permutation(m), np.argsort(random.random((20, m)), axis=1)):
        kept = feasible.project(wanted, orders)
        assert (kept <= wanted).all()
        assert all(is_maximal(part, of) for part, of in zip(kept, wanted, strict=True))
        assert (kept[feasible.contains(wanted)] == wanted[feasible.contains(wanted)]).all()
        fewer = feasible.project(wanted, orders, most)
        assert (fewer.sum(axis=1) <= most).all()
        assert all(is_maximal(part, of, most) for part, of in zip(fewer, wanted, strict=True))
    order = random.permutation(m)
    by_hand = np.zeros(m, int)
    for i in order:  # taken up in this order, each if it fits
        by_hand[i] = wanted[0, i]
        by_hand[i] &= feasible.contains(by_hand)
    assert feasible.project(wanted[0], order).tolist() == by_hand.tolist()
    samples = feasible.sample(random, 20)
    assert samples.shape == (20, m)
    assert all(is_maximal(sample, np.ones(m, int)) for sample in samples)
    assert all(is_maximal(sample, np.ones(m, int), most) for sample in feasible.sample(random, 20, most))
    assert feasible.sample(random).shape == (m,)


# --- capacity -----------------------------------------------------------------------------------------------------------


def test_a_packing_that_no_sum_tells():
    """Two workers of 5: 3 + 2 twice is possible; 4 + 3 + 3 costs no more, and is not."""
    feasible = CapacitySet([3, 2, 3, 2, 4], [5, 5])
    assert feasible.contains([1, 1, 1, 1, 0])
    assert not feasible.contains([1, 0, 1, 0, 1])
    assert not feasible.contains([0, 1, 1, 1, 1])
    assert feasible.contains([1, 1, 0, 0, 1])
    assert feasible.most == 4


def test_capacities_at_their_ends():
    nobody = CapacitySet([2, 3, 4], [1, 1])
    assert nobody.most == 0
    assert nobody.enumerate().tolist() == [[0, 0, 0]]  # type: ignore[union-attr]
    assert nobody.maximise(np.ones(3)).tolist() == nobody.sample(np.random.default_rng(0)).tolist() == [0, 0, 0]
    for capacity in (20, 50, 10_000, 1e18):  # much more than all arms take
        everybody = CapacitySet([2, 3, 4, 5, 6], [capacity])
        assert everybody.most == 5
        assert everybody.contains([1] * 5)
        assert everybody.maximise(np.ones(5)).tolist() == [1] * 5
    heavy = CapacitySet([2, 9, 2], [5, 8])  # one arm that nobody can carry
    assert heavy.enumerate().tolist() == [[0, 0, 0], [1, 0, 0], [0, 0, 1], [1, 0, 1]]  # type: ignore[union-attr]
    assert heavy.maximise(np.ones(3)).tolist() == [1, 0, 1]
    crowd = CapacitySet(np.ones(3), np.full(20_000, 7.0))  # more places than 16 bits can count
    assert (crowd.most, crowd.contains([1, 1, 1])) == (3, True)


def test_sums_of_decimals_are_exact_enough():
    feasible = CapacitySet([0.1, 0.2, 0.3], [0.6])  # 0.1 + 0.2 + 0.3 > 0.6 in floating point
    assert feasible.contains([1, 1, 1])
    assert CapacitySet([0.1] * 10, [1.0]).most == 10
    assert not CapacitySet([0.1, 0.2, 0.31], [0.6]).contains([1, 1, 1])


def test_large_sets_are_exact_too():
    """The optimum of the integer programme belongs to the set, and no arm can be added to it: two independent calculations."""
    random = np.random.default_rng(1)
    feasible = CapacitySet(random.integers(2, 7, 100), random.integers(2, 8, 20))
    for _ in range(5):
        values = random.random(100)
        best = feasible.maximise(values)
        assert feasible.contains(best)
        assert best.sum() <= feasible.most
        assert not any(feasible.contains(np.where(np.arange(100) == i, 1, best)) for i in np.flatnonzero(best == 0))
        assert values @ best >= (feasible.sample(random, 200) @ values).max()
    assert feasible.maximise(np.ones(100)).sum() == feasible.most
    # If all arms cost the same, it is arithmetic.
    alike = CapacitySet(np.full(300, 3), random.integers(2, 8, 60))
    assert alike.most == (alike.capacities // 3).sum()


@pytest.mark.parametrize(
    ("costs", "capacities", "message"),
    [
        ([2, 0], [3], r"costs are \[2, 0\]; expected a list of finite numbers > 0"),
        ([2, float("nan")], [3], r"costs are \[2, nan\]"),
        ([], [3], r"costs are \[\]"),
        (5, [3], "costs are 5"),
        (["a"], [3], r"costs are \['a'\]"),
        ([[1], [1, 2]], [3], r"costs is \[\[1\], \[1, 2\]\]; expected an array"),
        ([2], [3, -1], r"capacities are \[3, -1\]; expected a list of finite numbers > 0"),
        ([2], [float("inf")], r"capacities are \[inf\]"),
        ([2], [], r"capacities are \[\]"),
        (np.arange(1.0, 61.0), [3], "costs take 60 different values; too many combinations, expected fewer: round them"),
        (np.repeat(np.arange(1.0, 13.0), 2), [80], "capacity 80 has too many ways to combine 12 costs; round them"),
        (np.ones(1 << 15), [3], "costs has 32768 entries; expected fewer than 32768 arms"),
    ],
)
def test_capacities_that_cannot_be_meant(costs, capacities, message):
    with pytest.raises(ValueError, match=message):
        CapacitySet(costs, capacities)


# --- matching -----------------------------------------------------------------------------------------------------------


def test_a_bottleneck_of_slots():
    """Two arms that both depend on the one slot with a single worker: two appointments each are too many."""
    arm_slots = [[1, 0, 0], [1, 0, 0], [0, 1, 1]]
    assert MatchingSet(arm_slots, [[1, 1, 1], [1, 1, 0]], 3).enumerate().tolist() == [  # type: ignore[union-attr]
        [0, 0, 0],
        [1, 0, 0],
        [0, 1, 0],
        [0, 0, 1],
        [1, 0, 1],
        [0, 1, 1],
    ]
    # A single worker can see the same arm twice, in two slots; but not in one slot twice.
    assert MatchingSet(arm_slots, [[1, 1, 1]], 3).enumerate().tolist() == [[0, 0, 0], [0, 0, 1]]  # type: ignore[union-attr]


def test_more_appointments_than_16_bits_can_count():
    feasible = MatchingSet([[1, 1]] * 5, np.ones((65_536, 2)), 10**6)
    assert feasible.most == 5
    assert feasible.contains([1] * 5)
    assert feasible.maximise(np.ones(5)).tolist() == [1] * 5
    lanes = MatchingSet(np.eye(4, dtype=int).repeat(3, axis=0), np.ones((40_000, 4)), 10**9)
    assert lanes.contains([1] * 12)


def test_many_arms_keep_to_their_lanes():
    """Thousands of arms count in rows of 16 bits side by side."""
    J = 9000
    arm_slots = np.zeros((J, 3), bool)
    arm_slots[np.arange(J), np.arange(J) % 3] = True
    feasible = MatchingSet(arm_slots, [[1, 1, 1]] * 100, J)
    action = np.zeros(J, int)
    action[:150] = 1  # 50 arms in every slot, twice, are 100 appointments
    assert feasible.contains(action)
    action[150] = 1
    assert not feasible.contains(action)
    assert not feasible.contains(np.ones(J, int))
    assert feasible.sample(np.random.default_rng(0)).reshape(-1, 3).sum(axis=0).tolist() == [50, 50, 50]


@pytest.mark.parametrize(
    ("arm_slots", "worker_slots", "changes", "message"),
    [
        ([[1, 0], [0, 0]], [[1, 1]], {}, "arm_slots: arm 1 has no slot; expected at least one"),
        ([[1, 0]], [[1, 1, 1]], {}, "worker_slots has 3 slots and arm_slots 2; expected the same"),
        ([[1, 2]], [[1, 1]], {}, r"arm_slots has shape \(1, 2\); expected a table of 0 and 1"),
        ([[1, np.nan]], [[1, 1]], {}, r"arm_slots has shape \(1, 2\); expected a table of 0 and 1"),
        ([1, 0], [[1, 1]], {}, r"arm_slots has shape \(2,\)"),
        (5, [[1, 1]], {}, r"arm_slots has shape \(\)"),
        ([[1], [1, 0]], [[1, 1]], {}, "arm_slots is .*; expected an array"),
        ([[1, 0]], np.zeros((0, 2)), {}, r"worker_slots has shape \(0, 2\)"),
        (np.ones((2, 13)), np.ones((2, 13)), {}, "arm_slots has 13 slots; expected at most 12"),
        (np.ones((1 << 15, 2)), [[1, 1]], {}, "arm_slots has 32768 rows; expected fewer than 32768 arms"),
        ([[1, 0]], [[1, 1]], {"most": 0}, "B is 0; expected an integer >= 1"),
        ([[1, 0]], [[1, 1]], {"visits": 1.5}, "visits is 1.5; expected an integer >= 1"),
    ],
)
def test_calendars_that_cannot_be_meant(arm_slots, worker_slots, changes, message):
    with pytest.raises(ValueError, match=message):
        MatchingSet(arm_slots, worker_slots, **{"most": 3, **changes})


# --- all kinds ----------------------------------------------------------------------------------------------------------


def test_cardinality_at_its_ends():
    assert CardinalitySet(4, 10**9).most == 4
    assert CardinalitySet(4, 2).maximise(np.array([-1.0, 3.0, 0.0, 1.0])).tolist() == [0, 1, 0, 1]
    for m, most, message in ((0, 1, "number of components is 0"), (4, 0, "B is 0"), (4, 2.0, "B is 2.0")):
        with pytest.raises(ValueError, match=message):
            CardinalitySet(m, most)  # type: ignore[arg-type]


@kinds
def test_actions_that_are_none(make):
    feasible = make(np.random.default_rng(0))
    m = feasible.m
    for actions, message in (
        (np.zeros(m + 1), rf"actions have shape \({m + 1},\); expected \({m},\) or \(k, {m}\)"),
        (np.zeros((1, 1, m)), r"actions have shape \(1, 1,"),
        (0, r"actions have shape \(\)"),
        (np.full(m, 2), "actions are .*; expected 0 and 1 only"),
        (np.full(m, -1), "actions are .*; expected 0 and 1 only"),
        (np.full(m, 0.5), "actions are .*; expected 0 and 1 only"),
        (np.full(m, np.nan), "actions are .*; expected 0 and 1 only"),
        ([[0], [0, 1]], "actions is .*; expected an array"),
    ):
        with pytest.raises(ValueError, match=message):
            feasible.contains(actions)
        with pytest.raises(ValueError, match=message):
            feasible.project(actions)
    for order in (np.full(m, m), np.full(m, -1), np.arange(m + 1), np.zeros(m, int)):
        with pytest.raises(ValueError, match=r"order is .*; expected the components"):
            feasible.project(np.ones(m, int), order)


@kinds
def test_copies_work_also_after_the_solver_was_used(make):
    random = np.random.default_rng(5)
    feasible = make(random)
    values = random.random(feasible.m)
    best = feasible.maximise(values)
    for again in (pickle.loads(pickle.dumps(feasible)), copy.deepcopy(feasible)):
        assert np.array_equal(again.enumerate(), feasible.enumerate())
        assert again.maximise(values).tolist() == best.tolist()
        assert again.explain() == feasible.explain()


@kinds
def test_values_must_be_numbers(make):
    feasible = make(np.random.default_rng(8))
    for values in (np.full(feasible.m, np.nan), np.full(feasible.m, np.inf), np.ones(feasible.m + 1)):
        for best in (feasible.maximise, feasible.prove):
            with pytest.raises(ValueError, match=f"values are .*; expected {feasible.m} finite numbers"):
                best(values)
    for best in (feasible.maximise, feasible.prove):
        with pytest.raises(ValueError, match="most is -1; expected a number >= 0"):
            best(np.ones(feasible.m), -1)


@kinds
def test_spaces(make):
    feasible = make(np.random.default_rng(8))
    m = feasible.m
    space = FeasibleActions(feasible, seed=3)
    assert isinstance(space, spaces.MultiBinary)
    belongs = {tuple(action) for action in feasible.enumerate()}
    for action in itertools.product((0, 1), repeat=m):
        assert space.contains(np.array(action, np.int8)) == (action in belongs)
    for x in (np.zeros(m + 1, np.int8), np.full(m, 2), np.full(m, 0.5), "x", 0):
        assert not space.contains(x)
    first = [space.sample() for _ in range(5)]
    assert all(space.contains(action) and action.dtype == np.int8 for action in first)
    space.seed(3)
    assert all(np.array_equal(action, space.sample()) for action in first)
    assert not space.sample(mask=np.zeros(m, np.int8)).any()
    half = np.arange(m) % 2
    assert not space.sample(mask=(2 * half).astype(np.int8))[half == 0].any()
    forced = np.where(first[0] == 1, 1, 0).astype(np.int8)
    assert np.array_equal(space.sample(mask=forced), first[0])
    for mask in (np.full(m, 3), np.ones(m + 1)):
        with pytest.raises(ValueError, match=f"mask is .*; expected {m} numbers 0, 1 or 2"):
            space.sample(mask=mask)
    if (1,) * m not in belongs:
        with pytest.raises(ValueError, match="its ones are not feasible together"):
            space.sample(mask=np.ones(m, np.int8))
    again = pickle.loads(pickle.dumps(space))
    assert np.array_equal(again.sample(), space.sample())
    assert feasible.explain() in repr(space)

    batch = batch_space(space, 4)
    assert (batch.shape, batch.dtype) == ((4, m), np.int8)
    batch.seed(1)
    rows = batch.sample()
    assert batch.contains(rows)
    assert all(space.contains(row) for row in rows)
    batch.seed(1)
    assert np.array_equal(batch.sample(), rows)
    maximal = {tuple(action) for action in feasible.sample(np.random.default_rng(0), 200)}
    assert {tuple(row) for _ in range(50) for row in batch.sample()} == maximal
    if not feasible.contains(np.ones(m, int)):
        assert not batch.contains(np.concatenate([rows[:3], np.ones((1, m), np.int8)]))
    assert not batch.contains(rows[:3])
