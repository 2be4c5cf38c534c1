"""What an auction is worth to every agent: independent, log-normal or uniform with a shared part, or rows of a table.

Quantile functions are tabulated, and interpolated at a uniform draw: no logarithm or exponential per bidder. The draws of an
auction are counted from its own start, so that they are the same whatever was bid, and can be computed side by side.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..core import jit, rng
from ..core.checks import as_array, number, positive
from .state import COPULA, PRODUCT, TABLE

CELLS = 1024
"""Of a tabulated quantile function: 8 kB, which stays in the nearest cache."""
TAIL = 1 / (4 * CELLS)
"""Probability that the first and the last node stand for: values beyond do not occur."""

DEFAULT_SIGMA = 1.0


class ValueLaw(NamedTuple):
    """How values are drawn, as `layout.Params` has it, and what follows from it."""

    law: int
    shared: NDArray[np.float64]
    own: NDArray[np.float64]
    cdf: NDArray[np.float64]
    cdf_span: float
    table: NDArray[np.float64]
    mean: float
    """Expected value of a click, over agents and auctions."""
    highest: float
    """No value is above it."""


# --- kernels ----------------------------------------------------------------------------------------------------------------


@jit
def draws_per_auction(agents):
    """One shared draw, the agents' own, and their lots if they tie."""
    return 1 + 2 * agents


@jit
def first_lot(draw, agents):
    """Where an auction's lots begin."""
    return draw + np.uint64(2 + agents) * rng.GOLDEN_GAMMA


@jit
def interpolate(nodes, u):
    """The function with these values at equal steps from 0 to 1, at u in [0, 1)."""
    at = u * (nodes.shape[0] - 1)
    k = np.int64(at)
    return nodes[k] + (at - k) * (nodes[k + 1] - nodes[k])


@jit
def draw_values(params, draw, value):
    """Write the agents' values (N,) in the auction whose random numbers begin at `draw`."""
    common = rng.reserved(draw, 1)
    if params.law == TABLE:
        row = np.int64(common * params.table.shape[0])
        for i in range(value.shape[0]):
            value[i] = params.table[row, i]
        return
    shared = interpolate(params.shared, common)
    if params.law == PRODUCT:
        for i in range(value.shape[0]):
            value[i] = shared * interpolate(params.own, rng.reserved(draw, 2 + i))
    else:
        for i in range(value.shape[0]):
            normal = shared + interpolate(params.own, rng.reserved(draw, 2 + i))
            value[i] = interpolate(params.cdf, 0.5 + 0.5 * normal / params.cdf_span)


# --- laws -------------------------------------------------------------------------------------------------------------------


def read_law(values: Any, correlation: float, agents: int) -> ValueLaw:
    """The law of `values`: "uniform", "lognormal", "lognormal:SIGMA", or a table (m, agents) of values >= 0.

    Args:
        values: see above. "uniform" is on [0, 1]; "lognormal" has mean 1 and the standard deviation SIGMA of its logarithm.
        correlation: in [0, 1], of two agents' logarithms, or of the normals behind two uniforms.
        agents: their number.

    Raises:
        ValueError: another form, values that are negative or not finite, or a correlation with a table.
    """
    if isinstance(values, str):
        if not 0 <= number("correlation", correlation, "a number in [0, 1]") <= 1:
            raise ValueError(f"correlation is {correlation!r}; expected a number in [0, 1]")
        if values == "uniform":
            return _independent_uniform() if correlation == 0 else _correlated_uniform(correlation)
        name, _, sigma = values.partition(":")
        if name == "lognormal":
            return _lognormal(_sigma(values, sigma), correlation)
    elif correlation != 0:
        raise ValueError(f"correlation is {correlation!r} with a table of values; expected 0, the table has its own")
    else:
        return _table(values, agents)
    raise ValueError(f"values is {values!r}; expected 'uniform', 'lognormal', 'lognormal:SIGMA' or a table (m, n_agents)")


_NO_TABLE = np.zeros((0, 0))
_NO_CDF = np.zeros(2)


def _independent_uniform() -> ValueLaw:
    return ValueLaw(PRODUCT, np.ones(2), np.array([0.0, 1.0]), _NO_CDF, 1.0, _NO_TABLE, 0.5, 1.0)


def _correlated_uniform(correlation: float) -> ValueLaw:
    from scipy.special import ndtr

    normal = _normal_quantiles()
    shared, own = np.sqrt(correlation) * normal, np.sqrt(1 - correlation) * normal
    span = float(shared[-1] + own[-1]) * (1 + 1e-9)  # interpolation is on [0, 1)
    return ValueLaw(COPULA, shared, own, ndtr(np.linspace(-span, span, CELLS + 1)), span, _NO_TABLE, 0.5, 1.0)


def _lognormal(sigma: float, correlation: float) -> ValueLaw:
    shared = _factor(sigma * np.sqrt(correlation))
    own = _factor(sigma * np.sqrt(1 - correlation))
    return ValueLaw(PRODUCT, shared, own, _NO_CDF, 1.0, _NO_TABLE, 1.0, float(shared[-1] * own[-1]))


def _table(values: Any, agents: int) -> ValueLaw:
    table = as_array("values", values)
    if table.dtype.kind not in "fiu" or table.ndim != 2 or table.shape[0] == 0 or table.shape[1] != agents:
        raise ValueError(f"values has shape {table.shape} and dtype {table.dtype}; expected numbers (m >= 1, {agents})")
    table = np.array(table, np.float64, order="C")
    wrong = table[~((table >= 0) & (table < np.inf))]
    if len(wrong):
        raise ValueError(f"values holds {wrong[0].item()!r}; expected finite numbers >= 0")
    if not table.any():
        raise ValueError("values are all 0; expected at least one that is worth something")
    return ValueLaw(TABLE, np.ones(2), np.ones(2), _NO_CDF, 1.0, table, float(table.mean()), float(table.max()))


def _normal_quantiles() -> NDArray[np.float64]:
    from scipy.special import ndtri

    return ndtri(np.linspace(0.0, 1.0, CELLS + 1).clip(TAIL, 1 - TAIL))


def _factor(sigma: float) -> NDArray[np.float64]:
    """Quantiles of a log-normal factor; its mean, under interpolation, is exactly 1."""
    quantiles = np.exp(sigma * _normal_quantiles())
    return quantiles / np.mean(0.5 * (quantiles[1:] + quantiles[:-1]))


def _sigma(values: str, text: str) -> float:
    if ":" not in values:
        return DEFAULT_SIGMA
    try:
        sigma = float(text)
    except ValueError:
        raise ValueError(f"values is {values!r}; expected 'lognormal:SIGMA' with a number, such as 'lognormal:0.5'") from None
    return positive("SIGMA of values", sigma)
