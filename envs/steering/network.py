"""Who observes whom: a directed acyclic graph of agents who act one after another."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.checks import as_array, probability

KINDS = ("complete", "last-K", "first-K", "random-R")
_SPELLED = re.compile(r"(last|first|random)-([0-9]+(?:\.[0-9]+)?)")


def read_network(network: Any, T: int, random: np.random.Generator) -> NDArray[np.bool_]:
    """The matrix (T, T) whose entry (t, s) says whether agent t observes agent s, from a name or a matrix.

    Args:
        network: "complete" (everybody observes all before her); "last-K" (the K before her); "first-K" (the first K observe
            nobody, all later ones observe those: guinea pigs); "random-R" (each earlier one with probability R); or the
            matrix itself, of 0 and 1, with nothing on or above the diagonal.
        T: number of agents.
        random: draws the random one.

    Raises:
        ValueError: an unknown name, or a matrix that is not such a graph.
    """
    before = np.tri(T, T, -1, dtype=np.bool_)
    if isinstance(network, str):
        if network == "complete":
            return before
        if (found := _SPELLED.fullmatch(network)) is None:
            raise ValueError(f"network is {network!r}; expected one of {KINDS}, or a matrix")
        kind, amount = found[1], float(found[2])
        if kind == "random":
            return before & (random.random((T, T)) < probability("network's R", amount))
        if amount != int(amount) or amount < 1:
            raise ValueError(f"network is {network!r}; expected a whole number of agents, at least 1")
        K = int(amount)
        guinea_pigs = np.arange(T) < K
        return before & ~np.tri(T, T, -K - 1, dtype=np.bool_) if kind == "last" else ~guinea_pigs[:, None] & guinea_pigs
    matrix = as_array("network", network)
    if matrix.shape != (T, T) or matrix.dtype.kind not in "biuf" or not np.isin(matrix, (0, 1)).all():
        raise ValueError(f"network has shape {matrix.shape}; expected ({T}, {T}), a row per agent, of 0 and 1")
    if (wrong := np.argwhere((matrix != 0) & ~before)).size:
        t, s = wrong[0]
        raise ValueError(f"network lets agent {t} observe agent {s}; expected earlier agents only")
    return matrix.astype(np.bool_)
