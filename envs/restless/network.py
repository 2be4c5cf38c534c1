"""`Network`: who is next to whom. Loaded from a CSV file of connections, or generated in the plane."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.csgraph import minimum_spanning_tree, shortest_path
from scipy.spatial import Delaunay

from ..core.checks import as_array, positive_integer
from ..core.tables import place, read_csv, require_columns, texts_of

EDGES_PER_NODE = 1.4
"""Of a generated network; city railways have 1.3 to 1.5."""


@dataclass(frozen=True, eq=False)
class Network:
    """A connected graph without direction.

    Attributes:
        names: of its J nodes.
        edges: (E, 2) numbers of the nodes that are next to each other, every pair once, the smaller number first.

    Raises:
        ValueError: repeated names, edges that lead nowhere or to where they begin, or parts that are not connected.
    """

    names: tuple[str, ...]
    edges: NDArray[np.int64]

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(map(str, self.names)))
        J = len(self.names)
        if len(set(self.names)) != J or not J:
            raise ValueError(f"the network has the nodes {list(self.names)}; expected at least one, and each once")
        edges = as_array("edges", self.edges)
        if not edges.size:
            edges = np.zeros((0, 2), np.int64)
        if edges.ndim != 2 or edges.shape[1] != 2 or edges.dtype.kind not in "iu":
            raise ValueError(f"edges have shape {edges.shape} and dtype {edges.dtype}; expected whole numbers, (E, 2)")
        if (wrong := (edges < 0) | (edges >= J)).any():
            raise ValueError(f"the network has edges to {edges[wrong][0]}; expected nodes 0..{J - 1}")
        if (same := edges[:, 0] == edges[:, 1]).any():
            raise ValueError(f"node {self.names[edges[int(same.argmax()), 0]]!r} is connected with itself; expected another")
        object.__setattr__(self, "edges", np.unique(np.sort(edges, axis=1), axis=0))
        if (away := ~np.isfinite(self.hops()[0])).any():
            raise ValueError(
                f"no way leads from node {self.names[0]!r} to {self.names[int(away.argmax())]!r}; expected one network"
            )

    def adjacency(self) -> NDArray[np.int64]:
        """(J, J) 1 for neighbours."""
        J = len(self.names)
        matrix = np.zeros((J, J), np.int64)
        matrix[self.edges[:, 0], self.edges[:, 1]] = matrix[self.edges[:, 1], self.edges[:, 0]] = 1
        return matrix

    def hops(self) -> NDArray[np.float64]:
        """(J, J) fewest edges between two nodes."""
        return np.asarray(shortest_path(sp.csr_array(self.adjacency()), unweighted=True, directed=False))

    def node(self, name: object) -> int:
        """The number of a node.

        Raises:
            ValueError: there is none of that name.
        """
        if str(name) not in self.names:
            raise ValueError(f"the network has no node {name!r}; it has {', '.join(self.names[:8])}, ...")
        return self.names.index(str(name))

    def centre(self) -> int:
        """The node with the fewest edges to all others, taken together."""
        return int(self.hops().sum(axis=1).argmin())

    def part(self, names: Iterable[object]) -> Network:
        """The network of these nodes only, in this order."""
        chosen = [self.node(name) for name in names]
        number = {node: k for k, node in enumerate(chosen)}
        edges = [(number[a], number[b]) for a, b in self.edges.tolist() if a in number and b in number]
        return Network(tuple(self.names[node] for node in chosen), np.array(edges, np.int64).reshape(-1, 2))

    def around(self, source: int, J: int) -> Network:
        """The J nodes with the fewest edges from `source`, in their own order."""
        if positive_integer("J", J) > len(self.names):
            raise ValueError(f"J is {J}; this network has only {len(self.names)} nodes")
        nearest = np.sort(np.argsort(self.hops()[source], kind="stable")[:J])
        return self.part(self.names[node] for node in nearest)


def load_network(path: str | Path) -> Network:
    """A network from a CSV file whose columns `station1` and `station2` name the two ends of every connection.

    Names are text: 7 and 07 are two stations. Other columns are ignored, and so are repeated connections (several lines
    between two stations).

    Raises:
        ValueError: it can't be read, or is none; the message names the file and the line.
    """
    where = f"network file {str(path)!r}"
    try:
        table = read_csv(Path(path), where)
    except OSError as error:
        raise ValueError(f"{where} can't be read: {error}") from error
    require_columns(table, ["station1", "station2"], where)
    if table.empty:
        raise ValueError(f"{where} has no connections; expected at least one row")
    ends = [texts_of(table, name, where).tolist() for name in ("station1", "station2")]
    if loops := [k for k, (a, b) in enumerate(zip(*ends, strict=True)) if a == b]:
        at, name = place(table, loops[0]), ends[0][loops[0]]
        raise ValueError(f"{where}, {at}: {name!r} is connected with itself; expected another")
    names = _in_order({*ends[0], *ends[1]})
    number = {name: k for k, name in enumerate(names)}
    return Network(tuple(names), np.array([[number[a], number[b]] for a, b in zip(*ends, strict=True)]))


def planar_network(J: int, random: np.random.Generator) -> Network:
    """J places in the unit square, connected like a city's railways: a tree, and the shortest further connections.

    No two edges cross: they are taken from the Delaunay triangulation.
    """
    if positive_integer("J", J) < 4:
        raise ValueError(f"J is {J}; a generated network has at least 4 nodes")
    places = random.random((J, 2))
    triangles = Delaunay(places).simplices
    edges = np.unique(
        np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [0, 2]]]), axis=1), axis=0
    )
    length = np.linalg.norm(places[edges[:, 0]] - places[edges[:, 1]], axis=1)
    tree = minimum_spanning_tree(sp.coo_array((length, (edges[:, 0], edges[:, 1])), shape=(J, J)).tocsr()).tocoo()
    in_tree = {tuple(sorted(pair)) for pair in zip(tree.row.tolist(), tree.col.tolist(), strict=True)}
    others = [tuple(edges[e].tolist()) for e in np.argsort(length) if tuple(edges[e].tolist()) not in in_tree]
    chosen = [*in_tree, *others[: max(0, round(EDGES_PER_NODE * J) - len(in_tree))]]
    return Network(tuple(map(str, range(J))), np.array(sorted(chosen)))


def read_network(
    network: Network | str | Path | None, nodes: Iterable[object] | None = None, J: int | None = None, source: object = None
) -> Network | None:
    """A network from itself or its CSV file; or the part of it with these nodes; or its J nodes around a source.

    Returns:
        The network; None if none is given.

    Raises:
        ValueError: neither a network nor a file; nodes that it does not have, or without it; J above the number of nodes.
    """
    if network is None:
        if nodes is not None:
            raise ValueError(f"nodes is {nodes!r}, without a network; expected also the network that it is a part of")
        return None
    if isinstance(network, str | Path):
        network = load_network(network)
    if not isinstance(network, Network):
        raise ValueError(f"network is {network!r}; expected a Network or the path of a CSV file")
    if nodes is not None:
        if isinstance(nodes, str) or not isinstance(nodes, Iterable):
            raise ValueError(f"nodes is {nodes!r}; expected a list of names of nodes")
        return network.part(nodes)
    return network if J is None else network.around(network.centre() if source is None else network.node(source), J)


def _in_order(names: set[str]) -> list[str]:
    """Sorted, as numbers where all are numbers."""
    return sorted(names, key=lambda name: (int(name), name)) if all(name.isdecimal() for name in names) else sorted(names)
