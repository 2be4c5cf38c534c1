"""Closed walks: against breadth-first search over (node, what was visited), and the published network."""

import itertools
import json

import gymnasium as gym
import numpy as np
import pytest
from budgetgym.envs.restless.feasible import paths, tours
from budgetgym.envs.restless.feasible.paths import PathSet
from budgetgym.envs.restless.network import Network, load_network, planar_network
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp


def walks(network: Network, source: int, walk: int) -> set[frozenset[int]]:
    """What the closed walks from the source visit, each within `walk` edges, by walking all of them step by step."""
    neighbours = [np.flatnonzero(row).tolist() for row in network.adjacency()]
    here, closed = {(source, frozenset([source]))}, {frozenset([source])}
    for _ in range(walk):
        here = {(v, seen | {v}) for u, seen in here for v in neighbours[u]} | here  # waiting is allowed
        closed |= {seen for v, seen in here if v == source}
    return closed


def feasible_sets(network: Network, source: int, walk: int, most: int) -> set[frozenset[int]]:
    visited = walks(network, source, walk)
    nodes = range(len(network.names))
    sets = (frozenset(chosen) for k in range(most + 1) for chosen in itertools.combinations(nodes, k))
    return {chosen for chosen in sets if any(chosen <= seen for seen in visited)}


def vectors(sets: set[frozenset[int]], m: int) -> set[tuple[int, ...]]:
    return {tuple(int(j in chosen) for j in range(m)) for chosen in sets}


def both_tests(network: Network, source: int, most: int, walk: int, monkeypatch) -> list[PathSet]:
    """The set with its table, and with the search that larger networks use."""
    tabulated = PathSet(network, source, most, walk)
    monkeypatch.setattr(paths, "LARGEST_TABLE", 0)
    searched = PathSet(network, source, most, walk)
    monkeypatch.undo()
    assert len(tabulated.members.table) > 0 == len(searched.members.table)
    return [tabulated, searched]


@pytest.mark.parametrize(
    ("seed", "J", "walk", "most"), [(0, 8, 5, 4), (1, 9, 8, 3), (2, 8, 10, 8), (3, 7, 1, 2), (4, 9, 7, 9)]
)
def test_membership_is_what_all_walks_visit(seed, J, walk, most, monkeypatch):
    network = planar_network(J, np.random.default_rng(seed))
    expected = vectors(feasible_sets(network, seed, walk, most), J)
    everything = np.array(list(itertools.product((0, 1), repeat=J)))
    for feasible in both_tests(network, seed, most, walk, monkeypatch):
        members = everything[feasible.contains(everything)]
        assert {tuple(row) for row in members.tolist()} == expected
        assert feasible.most >= max(map(sum, expected))
    listed = PathSet(network, seed, most, walk).enumerate()
    assert listed is not None
    assert len(listed) == len(expected)


def some_network(kind: str, J: int, random: np.random.Generator) -> Network:
    star, chain = [(0, k) for k in range(1, J)], [(k, k + 1) for k in range(J - 1)]
    tree = [(int(random.integers(k)), k) for k in range(1, J)]
    edges = {
        "star": star,
        "chain": chain,
        "ring": [*chain, (J - 1, 0)],
        "tree": tree,
        "dense": [*tree, *(random.choice(J, 2, replace=False).tolist() for _ in range(J))],
    }
    return planar_network(J, random) if kind == "planar" else Network(tuple(map(str, range(J))), np.array(edges[kind]))


@settings(max_examples=40, deadline=None)
@given(
    kind=st.sampled_from(["star", "chain", "ring", "tree", "dense", "planar"]),
    seed=st.integers(0, 10_000),
    J=st.integers(8, 15),
    walk=st.integers(2, 24),
    most=st.integers(1, 16),
)
def test_table_and_search_agree(kind, seed, J, walk, most):
    random = np.random.default_rng(seed)
    network, source = some_network(kind, J, random), int(random.integers(J))
    tabulated = PathSet(network, source, most, walk)
    searched = PathSet(network, source, most, walk)
    searched.members = searched.members._replace(table=tabulated.members.table[:0])
    actions = (random.random((300, J)) < random.random((300, 1))).astype(int)
    assert np.array_equal(tabulated.contains(actions), searched.contains(actions))


def test_the_linear_set_has_the_same_members(monkeypatch):
    network = planar_network(9, np.random.default_rng(5))
    feasible = PathSet(network, 2, 4, 7)
    linear = feasible.linear()
    rest = len(linear.y_low)
    everything = np.array([a for a in itertools.product((0, 1), repeat=9) if sum(a) <= 4])
    for action in everything[:: len(everything) // 90]:
        found = milp(
            np.zeros(9 + rest),
            constraints=LinearConstraint(linear.rows, linear.low, linear.high),
            bounds=Bounds(np.concatenate([action, linear.y_low]), np.concatenate([action, linear.y_high])),
            integrality=np.concatenate([np.ones(9), linear.y_whole]),
        )
        assert found.success == feasible.contains(action)


@pytest.mark.parametrize("most", [None, 2, 0])
def test_the_maximum_is_the_best_of_all(most):
    random = np.random.default_rng(0)
    network = planar_network(12, random)
    feasible = PathSet(network, 3, 5, 9)
    actions = feasible.enumerate()
    assert actions is not None
    allowed = actions[actions.sum(axis=1) <= (5 if most is None else most)]
    for _ in range(5):
        values = random.normal(0.3, 1.0, 12)
        best = (allowed @ values).max()
        limit = 5 if most is None else most
        for action in (
            feasible.maximise(values, most),
            feasible.prove(values, most),
            feasible.maximise_unlisted(values, most),
        ):
            assert feasible.contains(action)
            assert action.sum() <= limit
            assert values @ action == pytest.approx(best)
            assert not action[values <= 0].any()


def test_the_search_on_a_large_network_comes_close_to_the_proof():
    random = np.random.default_rng(1)
    network = planar_network(40, random)
    feasible = PathSet(network, network.centre(), 6)
    for _ in range(3):
        values = random.random(40)
        found, proved = feasible.maximise(values), feasible.prove(values)
        assert feasible.contains(found)
        assert feasible.contains(proved)
        assert 0.98 * (values @ proved) <= values @ found <= values @ proved + 1e-9
        assert np.array_equal(found, feasible.maximise(values))


def test_the_rest_of_a_tour_costs_at_least_its_bound_also_where_a_price_makes_a_cost_negative():
    line = np.array([10, 1, 8, 0])  # here, two stops that are left, and the source
    hops, price = np.abs(line[:, None] - line), tours.SCALE * np.array([0, -3, -2, 0])
    cost = tours.SCALE * hops + price[:, None] + price
    least = min(cost[0, a] + cost[a, b] + cost[b, 3] for a, b in ((1, 2), (2, 1)))
    used, near, link = np.array([1, 0, 0]), np.zeros(3, int), np.zeros(3, int)
    assert tours._rest(hops, np.arange(4), 3, price, 0, used, near, link) <= least


@pytest.mark.timeout(60)
def test_many_stops_do_not_make_the_test_hang():
    """With poor prices the search behind the bound took minutes here; it takes a fraction of a second."""
    network = planar_network(300, np.random.default_rng(0))
    feasible = PathSet(network, network.centre(), 30)
    assert feasible.contains(feasible.sample(np.random.default_rng(1), 20)).all()


def test_large_sets_are_sampled_projected_and_closed_downwards():
    random = np.random.default_rng(2)
    network = planar_network(60, random)
    feasible = PathSet(network, network.centre(), 12)
    drawn = feasible.sample(random, 20)
    assert feasible.contains(drawn).all()
    assert drawn.sum(axis=1).min() > 3
    assert feasible.contains(drawn * (random.random(drawn.shape) < 0.5)).all()
    kept = feasible.project(np.ones(60, int))
    wider = (kept | np.eye(60, dtype=int))[kept == 0]
    assert feasible.contains(kept)
    assert not feasible.contains(wider).any()


def test_a_ring_is_walked_round_or_there_and_back():
    ring = Network(tuple("abcdefghij"), np.array([(k, (k + 1) % 10) for k in range(10)]))
    assert PathSet(ring, 0, 10, 10).contains(np.ones(10, int))
    nine = PathSet(ring, 0, 10, 9)
    assert not nine.contains(np.ones(10, int))
    assert nine.contains([1, 1, 1, 1, 1, 0, 0, 0, 0, 0])  # four out and four back
    assert not nine.contains([0, 0, 0, 1, 0, 0, 0, 1, 0, 0])  # all round, or 2 * 3 + 2 * 3
    assert PathSet(ring, 0, 3, 1).contains([1] + [0] * 9)  # the source needs no step
    assert not PathSet(ring, 0, 3, 1).contains([0, 1] + [0] * 8)
    assert PathSet(ring, 0, 3, 1).most == 1


def test_the_published_network_has_3931_feasible_pull_sets(shared_data, monkeypatch):
    stored = json.loads((shared_data / "london" / "tube_subgraphs_from_pkl.json").read_text())["20"]
    tube = load_network(shared_data / "london" / "london_connections.csv").part(stored["station_ids"])
    assert len(tube.edges) == 29
    source = stored["source_in_authors_code"]
    actions = np.array([a for k in range(6) for a in _pulls(20, k)])
    assert len(actions) == 21_700
    for feasible in both_tests(tube, source, 5, 10, monkeypatch):
        assert feasible.contains(actions).sum() == 3931
    visited = walks(tube, source, 10)
    inside = actions[feasible.contains(actions)]
    sample = inside[:: len(inside) // 50]
    assert all(any({*np.flatnonzero(action)} <= seen for seen in visited) for action in sample)


def _pulls(m, k):
    for chosen in itertools.combinations(range(m), k):
        yield [int(j in chosen) for j in range(m)]


def test_the_environment_reads_a_network(tmp_path):
    table = tmp_path / "lines.csv"
    table.write_text("station1,station2,line\n" + "".join(f"{k},{k + 1},red\n" for k in range(1, 12)) + "3,9,blue\n3,9,red\n")
    problem = gym.make("budgetgym/RestlessPaths-v0", network=str(table), source="1", B=2, walk=4).unwrapped.problem  # type: ignore[attr-defined]
    assert problem.action_space.n == 12
    assert problem.source == 0
    enumerated = problem.feasible.enumerate()
    assert enumerated is not None
    assert {tuple(np.flatnonzero(a)) for a in enumerated} == {(), (0,), (1,), (2,), (0, 1), (0, 2), (1, 2)}
    around = gym.make("budgetgym/RestlessPaths-v0", network=str(table), source=3, J=5, B=2).unwrapped.problem  # type: ignore[attr-defined]
    assert around.network.names == ("1", "2", "3", "4", "9")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"source": "77"}, "no node '77'"),
        ({"walk": 0}, "walk is 0; expected an integer >= 1"),
        ({"B": 0}, "B is 0; expected an integer >= 1"),
        ({"J": 3}, "J is 3; a generated network has at least 4 nodes"),
        ({"network": "nowhere.csv"}, "network file 'nowhere.csv' can't be read"),
        ({"network": 5}, "network is 5; expected a Network or the path"),
        ({"nodes": [0, 1]}, "nodes"),
    ],
)
def test_bad_input_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        gym.make("budgetgym/RestlessPaths-v0", **arguments)
