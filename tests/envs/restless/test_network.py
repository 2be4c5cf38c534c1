"""Networks: by hand, as files, generated, and the published tube map."""

import itertools
import json
from collections import deque

import numpy as np
import pytest
from budgetgym.envs.restless.network import EDGES_PER_NODE, Network, load_network, planar_network, read_network
from hypothesis import given, settings
from hypothesis import strategies as st

#     a - b - c - d - e      and b - d
PATH = Network(tuple("abcde"), np.array([[1, 0], [1, 2], [3, 2], [3, 4], [3, 1], [1, 3]]))


def hops_from(network, source):
    """Breadth-first search, by hand."""
    neighbours = [set() for _ in network.names]
    for a, b in network.edges.tolist():
        neighbours[a].add(b)
        neighbours[b].add(a)
    hops, queue = {source: 0}, deque([source])
    while queue:
        here = queue.popleft()
        for there in neighbours[here] - hops.keys():
            hops[there] = hops[here] + 1
            queue.append(there)
    return hops


def edges_by_name(network):
    return {frozenset((network.names[a], network.names[b])) for a, b in network.edges.tolist()}


def test_by_hand():
    assert PATH.edges.tolist() == [[0, 1], [1, 2], [1, 3], [2, 3], [3, 4]]  # each once, smaller first, sorted
    assert PATH.adjacency().sum(axis=1).tolist() == [1, 3, 2, 3, 1]
    assert (PATH.adjacency() == PATH.adjacency().T).all()
    assert PATH.hops()[0].tolist() == [0, 1, 2, 2, 3]
    assert (PATH.node("d"), PATH.centre()) == (3, 1)
    part = PATH.part("dcb")
    assert (part.names, part.edges.tolist()) == (tuple("dcb"), [[0, 1], [0, 2], [1, 2]])
    assert PATH.around(4, 4).names == tuple("bcde")
    assert PATH.around(0, 5).edges.tolist() == PATH.edges.tolist()
    assert PATH.around(2, 1).names == ("c",)


def test_names_may_be_numbers():
    network = Network((7, 9), np.array([[0, 1]]))  # type: ignore[arg-type]
    assert (network.names, network.node(9), network.part([9, 7]).names) == (("7", "9"), 1, ("9", "7"))


@pytest.mark.parametrize(
    ("names", "edges", "message"),
    [
        ("aa", [[0, 1]], r"the network has the nodes \['a', 'a'\]; expected at least one, and each once"),
        ("", [], r"the network has the nodes \[\]"),
        ("ab", [[0, 2]], r"the network has edges to 2; expected nodes 0\.\.1"),
        ("ab", [[0, 1], [-1, 0]], r"the network has edges to -1; expected nodes 0\.\.1"),
        ("ab", [[0, 1], [1, 1]], "node 'b' is connected with itself"),
        ("abcd", [[0, 1], [2, 3]], "no way leads from node 'a' to 'c'; expected one network"),
        ("ab", [], "no way leads from node 'a' to 'b'"),
        ("ab", [[0.0, 1.0]], r"edges have shape \(1, 2\) and dtype float64; expected whole numbers"),
        ("abcd", [[0, 1, 2, 3]], r"edges have shape \(1, 4\)"),
        ("ab", [[0, 1], [1]], "edges is .*; expected an array"),
    ],
)
def test_networks_that_cannot_be_meant(names, edges, message):
    with pytest.raises(ValueError, match=message):
        Network(tuple(names), edges)


def test_nodes_that_there_are_not():
    with pytest.raises(ValueError, match="the network has no node 'x'; it has a, b, c, d, e"):
        PATH.part("ax")
    with pytest.raises(ValueError, match="no way leads from node 'a' to 'c'"):
        PATH.part("ac")
    with pytest.raises(ValueError, match="expected at least one, and each once"):
        PATH.part("aab")
    for J, message in ((6, "J is 6; this network has only 5 nodes"), (0, "J is 0; expected an integer >= 1")):
        with pytest.raises(ValueError, match=message):
            PATH.around(0, J)


# --- files --------------------------------------------------------------------------------------------------------------


def file_of(folder, text):
    path = folder / "network.csv"
    path.write_text(text)
    return path


def test_a_file(tmp_path):
    """Numbers are sorted as numbers, repeated connections count once in either direction, other columns don't count."""
    path = file_of(tmp_path, "line,station1,station2\nx,10,9\ny,9,10\nx,9,2\nx,10,9\n")
    network = load_network(path)
    assert (network.names, network.edges.tolist()) == (("2", "9", "10"), [[0, 1], [1, 2]])
    assert read_network(str(path)).names == network.names
    assert read_network(network) is network
    assert read_network(network, nodes=[10, 9]).names == ("10", "9")
    assert load_network(file_of(tmp_path, "station1,station2\nb,10\n10,a\n")).names == ("10", "a", "b")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"network\.csv' is empty; expected a line with the names"),
        ("station1,station2\na,b,\n", r"network\.csv', line 2: 'a,b,' has 3 fields, the header has 2"),
        ("station1,to\na,b\n", r"network\.csv' lacks the columns \['station2'\]; it has \['station1', 'to'\]"),
        ("station1,station2\n", "has no connections"),
        ("station1,station2\na,\n", r"network\.csv', line 2: station2 is missing"),
        ("station1,station2\na,b\nc,c\n", "'c' is connected with itself"),
        ("station1,station2\na,b\nc,d\n", "no way leads from node 'a' to 'c'"),
    ],
)
def test_files_that_cannot_be_meant(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        load_network(file_of(tmp_path, text))


@pytest.mark.parametrize(
    ("given", "nodes", "message"),
    [
        ("nowhere.csv", None, r"network file 'nowhere\.csv' can't be read"),
        (5, None, "network is 5; expected a Network or the path of a CSV file"),
        (PATH, "ab", "nodes is 'ab'; expected a list of names of nodes"),
        (PATH, 3, "nodes is 3; expected a list of names of nodes"),
        (PATH, ["z"], "no node 'z'"),
    ],
)
def test_what_is_read_as_a_network(given, nodes, message):
    with pytest.raises(ValueError, match=message):
        read_network(given, nodes)


# --- generated ----------------------------------------------------------------------------------------------------------


def crosses(p, q, r, s):
    """Whether the segments p-q and r-s cross, if they share no end."""

    def side(a, b, c):
        return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]) > 0

    return side(p, q, r) != side(p, q, s) and side(r, s, p) != side(r, s, q)


@given(seed=st.integers(0, 2**32 - 1), J=st.integers(4, 40))
@settings(max_examples=15, deadline=None)
def test_generated_networks_are_planar_and_hold_together(seed, J):
    network = planar_network(J, np.random.default_rng(seed))
    assert len(hops_from(network, 0)) == J
    assert len(network.edges) <= max(round(EDGES_PER_NODE * J), J - 1)
    places = np.random.default_rng(seed).random((J, 2))
    for (a, b), (c, d) in itertools.combinations(network.edges.tolist(), 2):
        assert len({a, b, c, d}) < 4 or not crosses(places[a], places[b], places[c], places[d])
    # The tree is there: what connects a node with its nearest one is in every minimum spanning tree.
    length = np.linalg.norm(places[:, None] - places[None], axis=2) + np.diag(np.full(J, np.inf))
    assert all(network.adjacency()[j, length[j].argmin()] for j in range(J))
    again = planar_network(J, np.random.default_rng(seed))
    assert np.array_equal(again.edges, network.edges)


def test_edges_per_node_of_a_generated_network():
    for J in (20, 40, 100):
        assert len(planar_network(J, np.random.default_rng(J)).edges) == round(1.4 * J)
    assert not np.array_equal(
        planar_network(20, np.random.default_rng(0)).edges, planar_network(20, np.random.default_rng(1)).edges
    )


@given(seed=st.integers(0, 2**32 - 1), J=st.integers(4, 30), data=st.data())
@settings(max_examples=10, deadline=None)
def test_hops_and_parts(seed, J, data):
    network = planar_network(J, np.random.default_rng(seed))
    hops = network.hops()
    for source in range(J):
        assert {node: hops[source, node] for node in range(J)} == hops_from(network, source)
    source, size = data.draw(st.integers(0, J - 1)), data.draw(st.integers(1, J))
    part = network.around(source, size)
    chosen = [network.node(name) for name in part.names]
    assert chosen == sorted(chosen)
    assert source in chosen
    assert max(hops[source, chosen]) <= min(np.delete(hops[source], chosen), default=np.inf)
    assert edges_by_name(part) == {edge for edge in edges_by_name(network) if edge <= set(part.names)}


@pytest.mark.parametrize("J", [3, 0, 2.5, True])
def test_generated_networks_have_a_size(J):
    with pytest.raises(ValueError, match=f"J is {J}"):
        planar_network(J, np.random.default_rng(0))


# --- the published map --------------------------------------------------------------------------------------------------


def test_the_tube(shared_data):
    folder = shared_data / "london"
    if not folder.is_dir():
        pytest.skip(f"no map of the tube at {folder}")
    tube = load_network(folder / "london_connections.csv")
    assert (len(tube.names), len(tube.edges)) == (302, 349)
    degree = tube.adjacency().sum(axis=1)
    assert ((degree == 2).sum(), degree.max()) == (216, 7)
    published = json.loads((folder / "tube_subgraphs_from_pkl.json").read_text())
    for J, edges in (("20", 29), ("40", 56), ("60", 82), ("80", 108), ("100", 133)):
        part = tube.part(published[J]["station_ids"])
        assert len(part.edges) == edges
        assert {tuple(edge) for edge in part.edges.tolist()} == {tuple(sorted(edge[:2])) for edge in published[J]["edges"]}
