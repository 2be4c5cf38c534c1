"""A ReLU network as a function of the action alone: what a mixed-integer programme or a search must maximise."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ....envs.core.checks import as_array
from ....envs.core.problem import read_only


class Question(NamedTuple):
    """What the state decides. The value of a code x is `constant + linear x + output relu(... relu(first x + bias) ...)`."""

    constant: float
    linear: NDArray[np.float64]
    """(X,)"""
    bias: NDArray[np.float64]
    """(K,) of the first hidden layer: what the state adds there."""


class Flat(NamedTuple):
    """The layers in a form that compiled code reads."""

    first: NDArray[np.float64]
    """(X, K): a row for every entry of the code."""
    sizes: NDArray[np.int64]
    """Units of every hidden layer."""
    weights: NDArray[np.float64]
    """Of all deeper layers, one after another, row by row."""
    biases: NDArray[np.float64]
    output: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Layers:
    """What does not depend on the state.

    Attributes:
        first: (K, X) weights of the first hidden layer.
        deeper: weights (K', K) and biases (K',) of every further hidden layer.
        output: (K',) weights of the last one.

    Raises:
        ValueError: shapes that do not fit, or numbers that are not finite.
    """

    first: NDArray[np.float64]
    deeper: tuple[tuple[NDArray[np.float64], NDArray[np.float64]], ...]
    output: NDArray[np.float64]

    def __post_init__(self) -> None:
        object.__setattr__(self, "first", _finite("first", self.first, 2))
        deeper = tuple((_finite("weights", w, 2), _finite("biases", b, 1)) for w, b in self.deeper)
        object.__setattr__(self, "deeper", deeper)
        object.__setattr__(self, "output", _finite("output", self.output, 1))
        below = len(self.first)
        for weights, biases in deeper:
            if weights.shape != (len(biases), below):
                raise ValueError(f"weights of a deeper layer have shape {weights.shape}; expected ({len(biases)}, {below})")
            below = len(biases)
        if self.output.shape != (below,):
            raise ValueError(f"output has shape {self.output.shape}; expected ({below},)")

    def values(self, question: Question, codes: NDArray[np.float64]) -> NDArray[np.float64]:
        """The values (k,) of codes (k, X)."""
        return self.values_from(question, codes, codes @ self.first.T)

    def values_from(self, question: Question, codes: NDArray[np.float64], reached: NDArray[np.float64]) -> NDArray[np.float64]:
        """The same where `reached` (k, K), the first weights times the codes, is known."""
        active = np.maximum(reached + question.bias, 0.0)
        for weights, biases in self.deeper:
            active = np.maximum(active @ weights.T + biases, 0.0)
        return question.constant + codes @ question.linear + active @ self.output

    @cached_property
    def flat(self) -> Flat:
        """For compiled code."""
        nothing = [np.zeros(0)]
        return Flat(
            read_only(self.first.T),
            read_only(np.array([len(self.first), *(len(b) for _, b in self.deeper)], np.int64)),
            read_only(np.concatenate([w.ravel() for w, _ in self.deeper] or nothing)),
            read_only(np.concatenate([b for _, b in self.deeper] or nothing)),
            read_only(self.output),
        )


def _finite(name: str, values: NDArray[np.float64], ndim: int) -> NDArray[np.float64]:
    array = as_array(name, values).astype(float)
    if array.ndim != ndim or not np.isfinite(array).all():
        raise ValueError(f"{name} has shape {array.shape}; expected {ndim} dimension(s) of finite numbers")
    return array
