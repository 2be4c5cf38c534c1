"""Functions of the public belief that are linear in pieces, with jumps, and with values of their own at the breakpoints.

They are what the value of steering is, exactly: agents change from following their signal to following the herd at certain
beliefs, and torn agents do so at single points, which nearly every path from an even prior meets. So a function is kept as

    x (n,)      breakpoints, as log-odds, increasing
    at (n,)     the values at these points
    g, h (n+1,) on the open interval before point i: the value is g[i] * b + h[i] * (1 - b), with the belief b

All compiled code here reads functions from slices of long arrays and writes into others; it returns the number of
breakpoints written, or -1 if there was no room.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...envs.core.jit import jit
from ...envs.steering.behaviour import TIE, belief, log_odds

ROUNDING = 1e-12
"""Values this near to each other are equal."""


class Law(NamedTuple):
    """What A actions do, piecewise in the belief. E edges at most; cell 2 i lies before edge i, cell 2 i + 1 is the edge."""

    edges: NDArray[np.float64]
    """(A, E) log-odds, increasing; beyond `counts` unused."""
    counts: NDArray[np.int64]
    """(A,) number of edges."""
    in_good: NDArray[np.float64]
    """(A, 2 E + 1) probability that the agent acts good in the good state."""
    in_bad: NDArray[np.float64]
    """(A, 2 E + 1) the same in the bad state."""
    says_good: NDArray[np.float64]
    """(A, 2 E + 1) evidence of a good action, in log-odds."""
    says_bad: NDArray[np.float64]
    """(A, 2 E + 1) evidence of a bad action."""
    gain_good: NDArray[np.float64]
    """(A, 2 E + 1) reward in the good state, with the price of effort."""
    gain_bad: NDArray[np.float64]
    """(A, 2 E + 1) reward in the bad state."""


@jit
def locate(x, n, L):
    """Number of the first of n breakpoints that is not below L, ties included."""
    low, high = 0, n
    while low < high:
        middle = (low + high) // 2
        if x[middle] < L - TIE:
            low = middle + 1
        else:
            high = middle
    return low


@jit
def value_at(x, at, g, h, n, L):
    """The value at log-odds L of a function with n breakpoints."""
    i = locate(x, n, L)
    if i < n and x[i] <= L + TIE:
        return at[i]
    b = belief(L)
    return g[i] * b + h[i] * (1.0 - b)


@jit
def cell_of(law, a, L):
    """Number of the cell of action a's law in which log-odds L lie."""
    i = locate(law.edges[a], law.counts[a], L)
    return 2 * i + 1 if i < law.counts[a] and law.edges[a, i] <= L + TIE else 2 * i


@jit
def look_ahead(law, a, x, at, g, h, n, L, discount):
    """Value of action a at log-odds L, from the function of the next period."""
    cell = cell_of(law, a, L)
    b = belief(L)
    likely = b * law.in_good[a, cell] + (1.0 - b) * law.in_bad[a, cell]
    after = 0.0  # an action that cannot happen leads to no belief at all
    if likely > 0.0:
        after += likely * value_at(x, at, g, h, n, L + law.says_good[a, cell])
    if likely < 1.0:
        after += (1.0 - likely) * value_at(x, at, g, h, n, L + law.says_bad[a, cell])
    return b * law.gain_good[a, cell] + (1.0 - b) * law.gain_bad[a, cell] + discount * after


@jit
def back_up(law, a, x, at, g, h, n, discount, out_x, out_at, out_g, out_h):
    """Write the value of action a as a function of the belief, from the function (x, at, g, h) of the next period."""
    room, m = out_x.shape[0], 0
    edges = law.counts[a]
    for c in range(edges + 1):
        cell, low = 2 * c, law.edges[a, c - 1] if c > 0 else -np.inf
        high = law.edges[a, c] if c < edges else np.inf
        to_good, to_bad = law.says_good[a, cell], law.says_bad[a, cell]
        good = locate(x, n, low + to_good)  # the next breakpoints that the beliefs after a good and a bad action meet
        bad = locate(x, n, low + to_bad)
        good += good < n and x[good] - to_good <= low + TIE
        bad += bad < n and x[bad] - to_bad <= low + TIE
        p, r = law.in_good[a, cell], law.in_bad[a, cell]
        while True:
            if m >= room:
                return -1
            out_g[m] = law.gain_good[a, cell] + discount * (p * g[good] + (1.0 - p) * g[bad])
            out_h[m] = law.gain_bad[a, cell] + discount * (r * h[good] + (1.0 - r) * h[bad])
            next_good = x[good] - to_good if good < n else np.inf
            next_bad = x[bad] - to_bad if bad < n else np.inf
            L = min(next_good, next_bad)
            if high - TIE <= L:
                break
            b = belief(L)
            # Probability of the belief that follows, times its value: for a linear piece that is linear in b, too.
            if next_good <= L + TIE:
                after = (b * p + (1.0 - b) * r) * at[good]
                good += 1
            else:
                after = b * p * g[good] + (1.0 - b) * r * h[good]
            if next_bad <= L + TIE:
                after += (b * (1.0 - p) + (1.0 - b) * (1.0 - r)) * at[bad]
                bad += 1
            else:
                after += b * (1.0 - p) * g[bad] + (1.0 - b) * (1.0 - r) * h[bad]
            out_x[m] = L
            out_at[m] = b * law.gain_good[a, cell] + (1.0 - b) * law.gain_bad[a, cell] + discount * after
            m += 1
        if c < edges:
            out_x[m], out_at[m] = high, look_ahead(law, a, x, at, g, h, n, high, discount)
            m += 1
    return m


@jit
def larger(x, at, g, h, n, y, at_y, g_y, h_y, m, out_x, out_at, out_g, out_h):
    """Write the maximum of two functions, of n and of m breakpoints."""
    room, size, i, j = out_x.shape[0], 0, 0, 0
    low, b_low = -np.inf, 0.0
    while True:
        next_x = x[i] if i < n else np.inf
        next_y = y[j] if j < m else np.inf
        high = min(next_x, next_y)
        b_high = belief(high) if high < np.inf else 1.0
        if size + 2 > room:
            return -1
        at_low = (g[i] - g_y[j]) * b_low + (h[i] - h_y[j]) * (1.0 - b_low)
        at_high = (g[i] - g_y[j]) * b_high + (h[i] - h_y[j]) * (1.0 - b_high)
        first_before, first_after = at_low > 0.0, at_high > 0.0
        if min(abs(at_low), abs(at_high)) <= ROUNDING:  # they touch at an end, if at all
            first_before = first_after = at_low + at_high > -ROUNDING
        if first_before != first_after:
            b = b_low + (b_high - b_low) * at_low / (at_low - at_high)
            L = log_odds(b)
            if low + TIE >= L:
                first_before = first_after
            elif high - TIE <= L:
                first_after = first_before
            else:
                out_g[size], out_h[size] = (g[i], h[i]) if first_before else (g_y[j], h_y[j])
                out_x[size], out_at[size] = L, g[i] * b + h[i] * (1.0 - b)
                size += 1
        out_g[size], out_h[size] = (g[i], h[i]) if first_after else (g_y[j], h_y[j])
        if high == np.inf:
            return size
        if next_x <= high + TIE:
            value = at[i]
            i += 1
        else:
            value = g[i] * b_high + h[i] * (1.0 - b_high)
        if next_y <= high + TIE:
            other = at_y[j]
            j += 1
        else:
            other = g_y[j] * b_high + h_y[j] * (1.0 - b_high)
        out_x[size], out_at[size] = high, max(value, other)
        size += 1
        low, b_low = high, b_high


@jit
def simplify(x, at, g, h, n, tolerance):
    """Join neighbouring pieces where that changes no value by more than `tolerance`. In place; returns the new number."""
    m, b = 0, belief(x[0]) if n > 0 else 0.0
    for i in range(n):
        b_next = belief(x[i + 1]) if i + 1 < n else 1.0
        dg, dh = g[i + 1] - g[m], h[i + 1] - h[m]
        away = max(abs(dg * b + dh * (1.0 - b)), abs(dg * b_next + dh * (1.0 - b_next)))
        away = max(away, abs(at[i] - g[m] * b - h[m] * (1.0 - b)))
        if away > tolerance:
            x[m], at[m], g[m + 1], h[m + 1] = x[i], at[i], g[i + 1], h[i + 1]
            m += 1
        b = b_next
    return m


@jit
def before_drift(x, at, g, h, n, hazard):
    """Turn a function of the belief after the state may have switched into one of the belief before. In place.

    A breakpoint to which certainty drifts is met from all beliefs that are as good as certain: it becomes a piece.
    """
    m, last = 0, n
    for i in range(n):
        b_after = belief(x[i])
        b = (b_after - hazard) / (1.0 - 2.0 * hazard)
        near = TIE * b_after * (1.0 - b_after) / (1.0 - 2.0 * hazard)
        if b >= 1.0 + near:
            last = i
            break
        if b > 1.0 - near:
            certain = at[i]
            x[m] = log_odds(1.0 - near)
            _mix(g, h, i, m, hazard)
            at[m] = g[m] * (1.0 - near) + h[m] * near
            g[m + 1] = h[m + 1] = certain
            return m + 1
        if b >= near:
            x[m], at[m] = log_odds(b), at[i]
            _mix(g, h, i, m, hazard)
            m += 1
        elif b > -near:
            g[0] = h[0] = at[i]
            x[0] = log_odds(near)
            good, bad = (1.0 - hazard) * g[i + 1] + hazard * h[i + 1], hazard * g[i + 1] + (1.0 - hazard) * h[i + 1]
            at[0] = good * near + bad * (1.0 - near)
            m = 1
    _mix(g, h, last, m, hazard)
    return m


@jit
def _mix(g, h, i, m, hazard):
    good, bad = g[i], h[i]
    g[m], h[m] = (1.0 - hazard) * good + hazard * bad, hazard * good + (1.0 - hazard) * bad


@jit
def average(x, g, h, n, low, high):
    """The mean of a function over beliefs that are uniform between two probabilities."""
    total, start = 0.0, low
    for i in range(n + 1):
        end = min(max(belief(x[i]), low), high) if i < n else high
        if end > start:
            total += (end - start) * (0.5 * (start + end) * g[i] + (1.0 - 0.5 * (start + end)) * h[i])
            start = end
    return total / (high - low)
