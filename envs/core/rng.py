"""The kernels' random generator: splitmix64, one 64-bit counter per episode.

The counter lives inside the state, so a copy of the state is a complete fork of the world, and an episode does not depend on
what happens in the other lanes of its batch. (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014.)

Every function takes the array of counters and the lane `i`; it advances that lane's counter by one.
"""

import numpy as np
from numpy.typing import NDArray

from .jit import jit

GOLDEN_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_DOUBLE_UNIT = 1.0 / (1 << 53)


@jit
def mix(z):
    """64 bits that look random, a one-to-one function of `z`."""
    z = (z ^ (z >> np.uint64(30))) * _MIX_1
    z = (z ^ (z >> np.uint64(27))) * _MIX_2
    return z ^ (z >> np.uint64(31))


@jit
def unit(bits):
    """A float64 in [0, 1) from the upper 53 of 64 bits."""
    return np.float64(bits >> np.uint64(11)) * _DOUBLE_UNIT


@jit
def next_uint64(rng, i):
    """The next 64 random bits of lane `i`."""
    rng[i] += GOLDEN_GAMMA
    return mix(rng[i])


@jit
def uniform(rng, i):
    """A float64 in [0, 1), with 53 random bits."""
    return unit(next_uint64(rng, i))


@jit
def reserve(rng, i, n):
    """Set aside the next `n` draws of lane `i`, for `reserved`: a step that uses few of them costs no more than those."""
    start = rng[i]
    rng[i] += np.uint64(n) * GOLDEN_GAMMA
    return start


@jit
def reserved(start, k):
    """Number k (from 1) of the draws that `reserve` set aside, a float64 in [0, 1)."""
    return unit(mix(start + np.uint64(k) * GOLDEN_GAMMA))


@jit
def integer(rng, i, n):
    """An integer in 0..n-1. The bias of the multiplication method is below n / 2**53."""
    return np.int64(uniform(rng, i) * n)


@jit
def normal(rng, i):
    """A standard normal (Box-Muller, one of the pair, so that every call costs exactly two draws)."""
    radius = np.sqrt(-2.0 * np.log(1.0 - uniform(rng, i)))
    return radius * np.cos(2.0 * np.pi * uniform(rng, i))


@jit
def from_alias(rng, i, table):
    """An index drawn from a pmf in constant time (Walker's alias method), with a table made by `alias_table`."""
    scaled = uniform(rng, i) * table.shape[0]
    column = np.int64(scaled)
    # Without a branch: which way it went would be a coin toss for the processor's branch prediction.
    keep = np.int64(scaled - column < table[column, 0])
    return keep * column + (1 - keep) * np.int64(table[column, 1])


def alias_table(pmf: NDArray[np.float64]) -> NDArray[np.float64]:
    """Walker's alias table of `pmf` (m,), as (m, 2): column j stands for j below `table[j, 0]`, for `table[j, 1]` above."""
    m = len(pmf)
    threshold = np.asarray(pmf, float) / np.sum(pmf) * m
    alias = np.arange(m)
    small = [j for j in range(m) if threshold[j] < 1.0]
    large = [j for j in range(m) if threshold[j] >= 1.0]
    while small and large:
        j, donor = small.pop(), large[-1]
        alias[j] = donor
        threshold[donor] -= 1.0 - threshold[j]
        if threshold[donor] < 1.0:
            small.append(large.pop())
    threshold[small + large] = 1.0  # what is left differs from 1 by rounding only
    return np.stack([threshold, alias.astype(np.float64)], axis=1)
