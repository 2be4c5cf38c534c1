"""How pulls could be carried out, for pictures: by which worker, in which slot, on which walk; and a network's layout.

The feasible sets say that there is a way; these functions name one.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, permutations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse.csgraph import shortest_path

from .feasible.capacity import CapacitySet
from .feasible.matching import MatchingSet
from .network import Network

MOST_ORDERED = 6
"""Stops that are put into the best order; more of them into a good one."""

TRIES = 20_000
"""Of dealing out pulls to workers."""


def deal_out(feasible: CapacitySet, pulled: Sequence[int]) -> list[list[int]]:
    """Which arms each worker pulls, one list per worker. Pulls that found no worker within `TRIES` are left out."""
    room = feasible.capacities.astype(float).copy()
    order = sorted(pulled, key=lambda arm: -feasible.costs[arm])
    hands: list[list[int]] = [[] for _ in room]
    tries = 0

    def place(k: int) -> bool:
        nonlocal tries
        tries += 1
        if k == len(order):
            return True
        tried = set()
        for worker in np.argsort(room):
            cost = feasible.costs[order[k]]
            if room[worker] + 1e-9 < cost or room[worker] in tried or tries > TRIES:
                continue
            tried.add(room[worker])
            room[worker] -= cost
            hands[worker].append(order[k])
            if place(k + 1):
                return True
            hands[worker].pop()
            room[worker] += cost
        return False

    place(0)
    return hands


def appointments(feasible: MatchingSet, pulled: Sequence[int]) -> dict[tuple[int, int], int]:
    """(worker, slot) -> the arm that has an appointment there."""
    cells = np.argwhere(feasible.worker_slots)
    visits = np.repeat(np.asarray(pulled, int), feasible.visits)
    if not len(visits) or not len(cells):
        return {}
    suits = feasible.arm_slots[visits][:, cells[:, 1]]
    rows, columns = linear_sum_assignment(~suits)
    return {(int(cells[c, 0]), int(cells[c, 1])): int(visits[r]) for r, c in zip(rows, columns, strict=True) if suits[r, c]}


def walk_through(network: Network, source: int, pulled: Sequence[int]) -> list[int]:
    """The nodes of a short closed walk from the source through the pulled ones, edge by edge."""
    hops, before = shortest_path(sp.csr_array(network.adjacency()), unweighted=True, directed=False, return_predecessors=True)
    stops = [node for node in pulled if node != source]
    if len(stops) <= MOST_ORDERED:
        orders = ([source, *order, source] for order in permutations(stops))
        tour = min(orders, key=lambda order: sum(hops[a, b] for a, b in pairwise(order)))
    else:
        tour = [source]
        while stops:
            stops.remove(nearest := min(stops, key=lambda node: hops[tour[-1], node]))
            tour.append(nearest)
        tour.append(source)
    walk = [source]
    for a, b in pairwise(tour):
        back = [b]
        while back[-1] != a:
            back.append(int(before[a, back[-1]]))
        walk += back[-2::-1]
    return walk


def places_of(network: Network, rounds: int = 150) -> NDArray[np.float64]:
    """(J, 2) where to draw the nodes, in the unit square: distances are as the hops, as well as they can be (SMACOF)."""
    hops = network.hops()
    J = len(hops)
    if J == 1:
        return np.full((1, 2), 0.5)
    centred = -0.5 * (hops**2 - (hops**2).mean(0) - (hops**2).mean(1)[:, None] + (hops**2).mean())
    values, vectors = np.linalg.eigh(centred)
    places = np.zeros((J, 2))
    places[:, : min(2, J)] = vectors[:, ::-1][:, :2] * np.sqrt(np.maximum(values[::-1][:2], 1e-9))
    places += 1e-3 * np.random.default_rng(0).standard_normal((J, 2))
    weights = 1.0 / np.maximum(hops, 1.0) ** 2 - np.eye(J)
    laplacian = np.diag(weights.sum(axis=1)) - weights
    inverse = np.linalg.pinv(laplacian)
    for _ in range(rounds):
        apart = np.linalg.norm(places[:, None] - places[None], axis=2)
        pull = -weights * hops / np.maximum(apart, 1e-9)
        np.fill_diagonal(pull, 0.0)
        np.fill_diagonal(pull, -pull.sum(axis=1))
        places = inverse @ (pull @ places)
    spread = np.maximum(np.ptp(places, axis=0), 1e-9)
    return (places - places.min(axis=0)) / spread
