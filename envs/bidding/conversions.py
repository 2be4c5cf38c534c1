"""Conversions: they follow clicks with a delay, count within an attribution window, and are settled at the episode's end."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core import jit, rng
from ..core.checks import as_array


@jit
def draw_delay(params, state, i):
    """Auctions between a click and its conversion, 0..W; W + 1 for none within the window. Takes two draws."""
    converts = rng.uniform(state.rng, i) < params.conversion_rate
    u = rng.uniform(state.rng, i)
    return np.searchsorted(params.delay_cdf, u, side="right") if converts else params.window + 1


@jit
def expect_conversion(params, state, i, clicked, charge, delay):
    """Remember the present auction's click, and when it converts."""
    n, size = state.auction[i], params.window + 1
    slot = n % size
    converts = clicked and delay <= params.window
    state.click_charge[i, slot] = charge if clicked else -1.0
    state.click_due[i, slot] = n + delay if converts else -1
    if converts:
        state.due[i, (n + delay) % size] += 1
        state.due_charge[i, (n + delay) % size] += charge


@jit
def report_conversions(params, state, i, last):
    """What is due after the present auction, or all that is still to come if it is the last one: conversions, charge."""
    size = params.window + 1
    first = state.auction[i] % size
    count, charge = 0, 0.0
    for k in range(size if last else 1):
        slot = (first + k) % size
        count += state.due[i, slot]
        charge += state.due_charge[i, slot]
        state.due[i, slot], state.due_charge[i, slot] = 0, 0.0
    state.conversions[i] += count
    return count, charge


@jit
def forget_conversions(params, state, i):
    """An episode begins with nothing on its way."""
    for k in range(state.due.shape[1]):
        state.click_charge[i, k], state.click_due[i, k] = -1.0, -1
        state.due[i, k], state.due_charge[i, k] = 0, 0.0


@jit
def redraw_conversions(params, state, i):
    """Redraw when the clicks that have not converted will do so, given that they have not until now."""
    size, n = params.window + 1, state.auction[i]
    for k in range(size):
        state.due[i, k], state.due_charge[i, k] = 0, 0.0
    for age in range(1, min(params.window, n) + 1):  # the click `age` auctions ago may still convert
        slot = (n - age) % size
        if state.click_charge[i, slot] < 0.0 or 0 <= state.click_due[i, slot] < n:
            continue
        past, within = params.delay_cdf[age - 1], params.delay_cdf[params.window]
        open_ = 1.0 - params.conversion_rate * past
        u = rng.uniform(state.rng, i) * open_
        state.click_due[i, slot] = -1
        if u < params.conversion_rate * (within - past):
            delay = np.searchsorted(params.delay_cdf, past + u / params.conversion_rate, side="right")
            due = n - age + min(max(delay, age), params.window)
            state.click_due[i, slot] = due
            state.due[i, due % size] += 1
            state.due_charge[i, due % size] += state.click_charge[i, slot]


def delay_distribution(delay: Any, window: int, auctions: int | None = None) -> NDArray[np.float64]:
    """P(delay <= 0..W auctions), (W + 1,).

    Args:
        delay: None for none; "geometric:MEAN" (from 0 on, in auctions); "weibull:SCALE:SHAPE", rounded down to auctions; or
            the probabilities (m,) of 0, 1, 2, ... auctions, as counted somewhere.
        window: W, auctions.
        auctions: of an episode; if they are fewer than W, (auctions + 1,) are returned, the last of them for W: whatever
            comes after the end is reported there.

    Raises:
        ValueError: it is none of these.
    """
    at = np.arange(min(window, window if auctions is None else auctions) + 1.0)
    at[-1] = window
    if delay is None:
        return np.ones(len(at))
    if isinstance(delay, str):
        name, *numbers = delay.split(":")
        try:
            values = [float(number) for number in numbers]
        except ValueError:
            values = []
        if all(math.isfinite(value) and value > 0 for value in values):
            if name == "geometric" and len(values) == 1:
                return 1.0 - (values[0] / (values[0] + 1.0)) ** (at + 1.0)
            if name == "weibull" and len(values) == 2:
                return 1.0 - np.exp(-(((at + 1.0) / values[0]) ** values[1]))
    else:
        pmf = as_array("delay", delay)
        if pmf.dtype.kind in "fiu" and pmf.ndim == 1 and (pmf >= 0).all() and abs(pmf.sum() - 1.0) < 1e-9:
            return np.minimum(np.cumsum(pmf)[np.minimum(at, len(pmf) - 1).astype(int)], 1.0)
    raise ValueError(
        f"delay is {delay!r}; expected None, 'geometric:MEAN', 'weibull:SCALE:SHAPE' with numbers > 0, "
        "or probabilities of 0, 1, 2, ... auctions that sum to 1"
    )
