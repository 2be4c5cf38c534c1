"""A ReLU network as rows of a mixed-integer programme over a feasible set, with tight bounds on every unit.

Every unit with input z in [low, high] and output h = max(z, 0) gets a binary d that says whether it is active:
`h >= z`, `h >= 0`, `h <= z - low (1 - d)`, `h <= high d`. What makes this quick to solve is known (Fischetti and Jo 2018;
Anderson et al. 2020, and the study that this package began with):

* bounds over the feasible set, not over a box: those of the first layer are `bias + [low, high] of (first x)`, where the
  second part does not depend on the state, so that linear programmes find it once per network; those of deeper layers come
  from the first layer's by linear relaxation (CROWN, Zhang et al. 2018), with a bound over the set in place of the box;
* units that are always active or never are fixed;
* a unit of the last layer with a negative weight is held down by the objective: it needs `h >= z` and no binary; one with a
  positive weight is pushed up, and needs only the other rows.

The programme is made once. A state changes some coefficients, limits and the objective, always at the same places.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ....envs.restless.feasible.programme import Programme
from .coding import Coding
from .question import Layers, Question

SLACK = 1e-7
"""By how much ranges from linear programmes are widened: solvers are exact up to their tolerances."""


@dataclass
class Mip:
    """max objective v + constant subject to row_low <= A v <= row_high, low <= v <= high, and v whole where `whole`.

    The first m variables are the action. A is `rows` in compressed rows; only `rows.data`, limits and objective change.
    """

    rows: sp.csr_array
    row_low: NDArray[np.float64]
    row_high: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    whole: NDArray[np.bool_]
    objective: NDArray[np.float64]
    constant: float
    m: int


class Embedding:
    """The programme of a network over a feasible set.

    Args:
        coding: of the actions; gives the set.
        layers: of the network.
    """

    def __init__(self, coding: Coding, layers: Layers) -> None:
        if layers.first.shape[1] != coding.width:
            raise ValueError(f"the network reads codes of {layers.first.shape[1]} entries; expected {coding.width}")
        self.coding, self.layers = coding, layers
        self._first = coding.fold(layers.first)
        self._build()

    @cached_property
    def first_range(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lowest and highest value of `first x` over the set's linear relaxation, (K,) each."""
        return linear_range(self.coding, self._first)

    def bounds(self, question: Question) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Lowest and highest inputs of the units of every hidden layer."""
        low, high = self.first_range
        found = [(low + question.bias, high + question.bias)]
        for depth in range(len(self.layers.deeper)):
            found.append(self._deeper_bounds(question, found, depth))
        return found

    def _deeper_bounds(
        self, question: Question, known: list[tuple[NDArray[np.float64], NDArray[np.float64]]], depth: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """By linear relaxation of all layers below, and by their ranges; the better of the two."""
        weights, biases = self.layers.deeper[depth]
        active_low, active_high = (np.maximum(side, 0.0) for side in known[-1])
        up, down = np.maximum(weights, 0.0), np.minimum(weights, 0.0)
        low = up @ active_low + down @ active_high + biases
        high = up @ active_high + down @ active_low + biases
        relaxed_high = self._relaxed_high(question, known, depth, weights, biases)
        relaxed_low = -self._relaxed_high(question, known, depth, -weights, -biases)
        return np.maximum(low, relaxed_low - SLACK), np.minimum(high, relaxed_high + SLACK)

    def _relaxed_high(
        self,
        question: Question,
        known: list[tuple[NDArray[np.float64], NDArray[np.float64]]],
        depth: int,
        weights: NDArray[np.float64],
        biases: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """An upper bound on `weights h + biases` over the set, for the outputs h of layer `depth`."""
        total = biases.copy()
        for layer in range(depth, -1, -1):
            low, high = known[layer]
            span = np.maximum(high - low, 1e-12)
            unstable = (low < 0.0) & (high > 0.0)
            on = (low >= 0.0).astype(float)
            slope = np.where(unstable, high / span, on)  # of the line above the unit
            lift = np.where(unstable, -slope * low, 0.0)
            below = np.where(unstable, (high > -low).astype(float), on)  # of a line below it
            positive, negative = np.maximum(weights, 0.0), np.minimum(weights, 0.0)
            total = total + positive @ lift
            weights = positive * slope + negative * below
            if layer > 0:
                deeper, shift = self.layers.deeper[layer - 1]
                total = total + weights @ shift
                weights = weights @ deeper
        total = total + weights @ question.bias
        return total + self.coding.highest(weights @ self._first)

    def mip(self, question: Question, most: int) -> Mip:
        """The programme for a question with up to `most` pulls. Every call fills the same object anew."""
        mip, data = self._mip, self._mip.rows.data
        mip.constant = question.constant
        mip.objective[: self._first.shape[1]] = self.coding.fold(question.linear[None])[0]
        mip.row_high[0] = min(self.coding.linear.high[0], most)
        biases = [question.bias, *(b for _, b in self.layers.deeper)]
        for at, bias, (low, high) in zip(self._places, biases, self.bounds(question), strict=True):
            lowest, highest = np.minimum(low, 0.0), np.maximum(high, 0.0)
            mip.high[at.output] = highest
            mip.row_low[at.above] = bias[at.has_above]
            mip.row_high[at.near] = (bias - lowest)[at.has_binary]
            # A unit that is always 0 counts as never active: low = high = 0 must not ask for both.
            mip.low[at.binary] = ((low >= 0.0) & (high > 0.0))[at.has_binary]
            mip.high[at.binary] = (high > 0.0)[at.has_binary]
            data[at.near_entries], data[at.off_entries] = -lowest[at.has_binary], -highest[at.has_binary]
        return mip

    def _build(self) -> None:
        """Rows and limits that no state changes, and where the others stand."""
        linear, layers = self.coding.linear, self.layers
        base: Any = linear.rows.shape
        weights = [self._first, *(w for w, _ in layers.deeper)]
        signs = [np.full(len(w), np.nan) for w in weights[:-1]] + [layers.output]  # only the last layer's are known
        has_above, has_binary = [~(sign > 0.0) for sign in signs], [~(sign <= 0.0) for sign in signs]
        width = base[1] + sum(len(w) + int(two.sum()) for w, two in zip(weights, has_binary, strict=True))
        blocks: list[Any] = [sp.csr_array((linear.rows.data, linear.rows.indices, linear.rows.indptr), shape=(base[0], width))]
        self._places: list[_Places] = []
        reads, column, row = np.arange(self._first.shape[1]), base[1], base[0]
        for w, above, two in zip(weights, has_above, has_binary, strict=True):
            K, A, B = len(w), int(above.sum()), int(two.sum())
            output, binary = column + np.arange(K), column + K + np.arange(B)
            outputs = _placed(sp.identity(K), output, width)
            beyond = sp.csr_array(outputs - _placed(sp.coo_array(w), reads, width))  # output - input
            switch = _placed(sp.identity(B), binary, width)
            blocks += [beyond[above], beyond[two] + switch, outputs[two] + switch]
            rows = (row + np.arange(A), row + A + np.arange(B), row + A + B + np.arange(B))
            self._places.append(_Places(output, binary, above, two, *rows))
            reads, column, row = output, column + K + B, row + A + 2 * B
        everything = sp.csr_array(sp.vstack([block for block in blocks if block.shape[0]]))
        everything.sort_indices()
        for at in self._places:
            at.near_entries, at.off_entries = (_entries(everything, some, at.binary) for some in (at.near, at.off))
        m, n = self.coding.m, base[1]
        low, high, whole = np.zeros(width), np.ones(width), np.zeros(width, np.bool_)
        low[m:n], high[m:n], whole[m:n], whole[:m] = linear.y_low, linear.y_high, linear.y_whole, True
        row_low, row_high = np.full(row, -np.inf), np.full(row, np.inf)
        row_low[: base[0]], row_high[: base[0]] = linear.low, linear.high
        objective = np.zeros(width)
        objective[self._places[-1].output] = layers.output
        for at in self._places:
            whole[at.binary] = True
            row_high[at.off] = 0.0
        self._mip = Mip(everything, row_low, row_high, low, high, whole, objective, 0.0, m)


@dataclass
class _Places:
    """Where a hidden layer stands in the programme: variables, which units need what, rows, and entries that change."""

    output: NDArray[np.int64]
    binary: NDArray[np.int64]
    has_above: NDArray[np.bool_]
    has_binary: NDArray[np.bool_]
    above: NDArray[np.int64]
    near: NDArray[np.int64]
    off: NDArray[np.int64]
    near_entries: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    off_entries: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))


def _placed(matrix: Any, columns: NDArray[np.int64], width: int) -> sp.csr_array:
    """The matrix with its columns at these places of a wider one."""
    matrix = sp.coo_array(matrix)
    return sp.csr_array((matrix.data, (matrix.row, columns[matrix.col])), shape=(matrix.shape[0], width))


def _entries(rows: sp.csr_array, at: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where the entries (at[k], columns[k]) stand in `rows.data`."""
    found = [
        rows.indptr[r] + np.searchsorted(rows.indices[rows.indptr[r] : rows.indptr[r + 1]], c)
        for r, c in zip(at, columns, strict=True)
    ]
    return np.array(found, np.int64)


def linear_range(coding: Coding, weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lowest and highest value of `weights x` over the linear relaxation of the folded codes, for rows (K, F); (K,) each."""
    linear, m = coding.linear, coding.m
    programme = Programme(
        linear.rows,
        linear.low,
        linear.high,
        np.concatenate([np.zeros(m), linear.y_low]),
        np.concatenate([np.ones(m), linear.y_high]),
    )
    objective = np.zeros(programme.shape[1])
    found = np.empty((2, len(weights)))
    for side, sign in enumerate((-1.0, 1.0)):
        for k, row in enumerate(weights):
            objective[: weights.shape[1]] = sign * row
            found[side, k] = sign * programme.maximise(objective).value
    return found[0] - SLACK, found[1] + SLACK
