"""Pulls on the way of someone who travels: a closed walk on a network, of limited length, must pass all pulled arms."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ...core.checks import natural, positive_integer
from ...core.jit import jit
from ...core.problem import read_only
from ...core.scaling import unit_of
from ..network import Network
from .base import FeasibleSet, LinearSet, linear_set
from .tours import SCRATCH_ROWS, search_tour, tabulate, tour_found, tour_within

LARGEST_TABLE = 20
"""Networks of up to this many nodes have a table of all sets of nodes."""

ROUNDS = 100_000
"""Of the local search for larger networks, divided by the number of nodes: 20 ms for 100 of them."""


class Members(NamedTuple):
    """What the test reads."""

    table: NDArray[np.uint64]
    """A bit for every set of nodes, whether it is feasible, 64 to a number; empty for larger networks."""
    hops: NDArray[np.int64]
    """(J, J) fewest edges between two nodes."""
    source: int
    walk: int
    most: int


@jit
def contains(members, action, scratch):
    """Whether a closed walk from the source within the length passes all pulled nodes, and they are not too many."""
    if members.table.shape[0] > 0:
        return _tabulated(members, action)
    stops = _stops(members, action, scratch)
    return stops >= 0 and tour_within(members.hops, members.source, members.walk, stops, scratch)


@jit
def contains_surely(members, action, scratch):
    """The same, but only if such a walk is easy to find."""
    if members.table.shape[0] > 0:
        return _tabulated(members, action)
    stops = _stops(members, action, scratch)
    return stops >= 0 and tour_found(members.hops, members.source, members.walk, stops, scratch)


@jit
def _tabulated(members, action):
    chosen = 0
    for j in range(action.shape[0]):
        chosen |= action[j] << j
    return (members.table[chosen >> 6] >> np.uint64(chosen & 63)) & np.uint64(1) != np.uint64(0)


@jit
def _stops(members, action, scratch):
    """How many nodes besides the source have to be passed, with their numbers on the scratch; -1 if too many are pulled."""
    count, stops = 0, 0
    for j in range(action.shape[0]):
        if action[j]:
            count += 1
            if j != members.source:  # the walk begins there
                if count > members.most:
                    return -1
                scratch[stops] = j
                stops += 1
    return stops if count <= members.most else -1


class PathSet(FeasibleSet):
    """At most B pulls, all of them on one closed walk of limited length from the source.

    The walk may use edges and nodes again, and may wait or be shorter. Passing a node does not oblige to pull it. Shortest
    ways between stops are what counts, so the test asks for a tour of the stops in the metric of the network: by a table up
    to 20 nodes (Held and Karp's dynamic programme over all sets), and else by Held and Karp's bound and branching.

    Args:
        network: of J nodes.
        source: number of the node where the walk begins and ends.
        most: B.
        walk: the most edges of the walk; by default 2 B.
    """

    test = contains
    easy_test = contains_surely

    def __init__(self, network: Network, source: int, most: int, walk: int | None = None) -> None:
        self.network, self.m = network, len(network.names)
        limit = positive_integer("B", most)
        self.source = natural("source", source)
        if source >= self.m:
            raise ValueError(f"source is {source}; expected a node 0..{self.m - 1}")
        self.walk = 2 * limit if walk is None else positive_integer("walk", walk)
        hops = network.hops().astype(np.int64)
        self.hops = hops
        self.most = min(limit, int((2 * hops[source] <= self.walk).sum()))
        table = np.zeros(0, np.uint64)
        if self.m <= LARGEST_TABLE:
            table = np.zeros(max(1, (1 << self.m) >> 6), np.uint64)
            lengths = np.zeros((1 << self.m, self.m), np.int16)
            tabulate(hops, self.source, self.walk, self.most, lengths, table)
        self.members = Members(read_only(table), read_only(hops), self.source, self.walk, self.most)
        self.scratch_size = SCRATCH_ROWS * (self.most + 2)

    def linear(self) -> LinearSet:
        """A circulation on the edges' two directions that is connected to the pulled nodes by a flow.

        Variables after the pulls: whether the walk uses an arc, and the flow on it, of which every pulled node takes one
        unit. A closed walk that uses an edge twice can do so in both directions, so every arc is used at most once. The last
        rows are not needed for whole solutions, and tighten the relaxation: to pull a node, the walk must enter every ball
        around it that does not hold the source.
        """
        J, s, hops = self.m, self.source, self.hops
        ends = self.network.edges
        arcs = np.concatenate([ends, ends[:, ::-1]])
        arcs = arcs[hops[s, arcs[:, 0]] + 1 + hops[arcs[:, 1], s] <= self.walk]
        A = len(arcs)
        balance = np.zeros((J, A))
        balance[arcs[:, 1], np.arange(A)] += 1.0
        balance[arcs[:, 0], np.arange(A)] -= 1.0
        elsewhere = np.flatnonzero(np.arange(J) != s)
        balls = [(v, hops[v] <= radius) for v in elsewhere for radius in range(hops[s, v])]
        entered = np.array([inside[arcs[:, 1]] & ~inside[arcs[:, 0]] for _, inside in balls], float).reshape(len(balls), A)
        centre = np.eye(J)[np.array([v for v, _ in balls], int)]
        rows: Any = sp.block_array(
            [
                [np.ones((1, J)), None, None],
                [None, np.ones((1, A)), None],
                [None, balance, None],
                [-np.eye(J)[elsewhere], None, balance[elsewhere]],
                [None, -self.most * sp.eye_array(A), sp.eye_array(A)],
                [centre, -entered, None],
            ],
            format="csr",
        )
        balanced = np.zeros(J + len(elsewhere))
        high = np.concatenate([[self.most, self.walk], balanced, np.zeros(A + len(balls))]).astype(float)
        low = np.concatenate([[-np.inf, -np.inf], balanced, np.full(A + len(balls), -np.inf)])
        y_high = np.concatenate([np.ones(A), np.full(A, float(self.most))])
        return linear_set(rows, high, low, y_high, np.arange(2 * A) < A)

    @property
    def is_quick_to_list(self) -> bool:
        """Only with a table."""
        return len(self.members.table) > 0

    def maximise_unlisted(self, values: NDArray[np.float64], most: int | None = None) -> NDArray[np.int64]:
        """A local search over tours: feasible and quick, but not proved to be the best; `prove` takes seconds or minutes."""
        limit = self.most if most is None else min(self.most, most)
        action = np.zeros(self.m, np.int64)
        if limit > 0:
            random = np.zeros(1, np.uint64)  # always the same, so that the same question has the same answer
            scratch, chosen = np.zeros((3, limit + 1), np.int64), np.zeros(self.m, np.int64)
            rounds = max(1, ROUNDS // self.m)
            values = np.ascontiguousarray(values / unit_of(values), float)
            search_tour(self.hops, self.source, self.walk, limit, values, rounds, random, scratch, chosen, action)
        return action

    def explain(self) -> str:
        """In words."""
        start = self.network.names[self.source]
        return f"at most {self.most} pulls on one closed walk of at most {self.walk} edges from node {start!r}"
