"""First-price pacing equilibria: what bidders with budgets settle at when each scales its bids by one multiplier.

In the equilibrium agent i bids beta_i v_ij in auction j, 0 < beta_i <= 1, the highest bids win and are paid, nobody spends
more than its budget B_i, and beta_i < 1 only where the budget is spent. It exists, its multipliers are unique, and it solves
the quasi-linear Eisenberg-Gale programme, whose dual is convex with one variable per agent:

    minimise  sum_j max_i beta_i v_ij - sum_i B_i log beta_i    over 0 < beta <= 1.

Conitzer, Kroer, Panigrahi, Schrijvers, Sodomka, Stier-Moses, Wilkens: Pacing Equilibrium in First Price Auction Markets.
Management Science 68(12), 2022.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...envs.core.checks import as_array, positive

SHRINK = 0.3
"""Factor between smoothings: Newton's method then needs a few steps for each."""
NEWTON_STEPS = 50
SMOOTHINGS = 25
PRECISION = 1e-9
"""Of the smoothed minimum, relative to the smoothing: shares of an auction are as exact as its square root."""


class PacingEquilibrium(NamedTuple):
    """A first-price pacing equilibrium of n agents and m auctions, up to the certified gap."""

    multipliers: NDArray[np.float64]
    """(n,) beta: bid per value."""
    prices: NDArray[np.float64]
    """(m,) the highest bids."""
    allocation: NDArray[np.float64]
    """(n, m) shares of every auction, summing to at most 1; fractions where bids tie."""
    spend: NDArray[np.float64]
    """(n,) what each agent pays for its allocation."""
    gap: float
    """Difference of dual and primal objective, in money: neither is farther from the optimum than this."""


def pacing_equilibrium(values: Any, budgets: Any, tolerance: float = 1e-8) -> PacingEquilibrium:
    """The first-price pacing equilibrium of a finite sample of auctions, each for one item.

    The maximum in the dual is smoothed to a log-sum-exp and the bound beta <= 1 to a barrier. Newton's method follows the
    minimum as the smoothing vanishes. The softmax is a feasible allocation at any time, so weak duality certifies the gap.

    Args:
        values: (n, m) value of every auction for every agent, finite and >= 0.
        budgets: (n,) money for these m auctions, > 0. For a sample of m of an episode's T auctions: m / T of it.
        tolerance: stop at this gap, as a share of the sum of budgets. It says little about an agent whose budget is a smaller
            share than that.

    Raises:
        ValueError: arrays of the wrong shape or range.
        RuntimeError: the gap was not reached, because rounding is coarser than the tolerance.
    """
    v, money = _read(values, budgets)
    tolerance = positive("tolerance", tolerance)
    unit = float(v.max())
    v = v / unit  # multipliers do not change with the unit of money
    money = money / unit
    beta = np.full(len(v), 0.5)
    smoothing, gap = min(1.0, float(money.sum())), np.inf  # prices sum to at most all money
    for _ in range(SMOOTHINGS):
        beta = _minimise(v, money, beta, smoothing)
        allocation = _softmax(v, beta, smoothing)
        gap = _dual(v, money, beta) - _primal(v, money, allocation)
        if gap <= tolerance * money.sum():
            prices = (beta[:, None] * v).max(axis=0)
            return PacingEquilibrium(beta, prices * unit, allocation, allocation @ prices * unit, float(gap) * unit)
        smoothing *= SHRINK
    raise RuntimeError(
        f"the gap is {gap / money.sum():.3g} of the budgets after {SMOOTHINGS} smoothings; expected {tolerance:.3g}"
    )


def _minimise(v: NDArray[Any], money: NDArray[Any], beta: NDArray[Any], smoothing: float) -> NDArray[np.float64]:
    """Newton's method with backtracking from `beta`, for the dual smoothed by `smoothing`."""
    objective = _smoothed(v, money, beta, smoothing)
    for _ in range(NEWTON_STEPS):
        share = _softmax(v, beta, smoothing)
        won = share * v
        gradient = won.sum(axis=1) - money / beta + smoothing / (1.0 - beta)
        hessian = (np.diag((won * v).sum(axis=1)) - won @ won.T) / smoothing
        hessian += np.diag(money / beta**2 + smoothing / (1.0 - beta) ** 2)
        step = np.linalg.solve(hessian, -gradient)
        decrement = float(-gradient @ step)
        if decrement <= PRECISION * smoothing:
            break
        size = 1.0
        while size > 1e-12:
            trial = beta + size * step
            if (trial > 0).all() and (trial < 1).all():
                value = _smoothed(v, money, trial, smoothing)
                if value <= objective - 1e-4 * size * decrement:
                    beta, objective = trial, value
                    break
            size *= 0.5
        else:  # nothing is gained beyond rounding
            break
    return beta


def _softmax(v: NDArray[Any], beta: NDArray[Any], smoothing: float) -> NDArray[np.float64]:
    """(n, m) shares of every auction by bid; where nobody wants it, of no consequence."""
    bids = beta[:, None] * v / smoothing
    weights = np.exp(bids - bids.max(axis=0))
    return weights / weights.sum(axis=0)


def _smoothed(v: NDArray[Any], money: NDArray[Any], beta: NDArray[Any], smoothing: float) -> float:
    bids = beta[:, None] * v / smoothing
    top = bids.max(axis=0)
    prices = smoothing * (top + np.log(np.exp(bids - top).sum(axis=0)))
    return float(prices.sum() - money @ np.log(beta) - smoothing * np.log1p(-beta).sum())


def _dual(v: NDArray[Any], money: NDArray[Any], beta: NDArray[Any]) -> float:
    """The dual objective, with the constant that makes it equal to the primal one in the optimum."""
    return float((beta[:, None] * v).max(axis=0).sum() - money @ np.log(beta) + money @ (np.log(money) - 1.0))


def _primal(v: NDArray[Any], money: NDArray[Any], allocation: NDArray[Any]) -> float:
    """sum_i B_i log(u_i + left_i) - left_i, with the best unspent money left_i = max(B_i - u_i, 0)."""
    worth = (allocation * v).sum(axis=1)
    return float(money @ np.log(np.maximum(worth, money)) - np.maximum(money - worth, 0.0).sum())


def _read(values: Any, budgets: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    v, money = as_array("values", values), as_array("budgets", budgets)
    if v.ndim != 2 or v.size == 0 or v.dtype.kind not in "fiu" or not ((v >= 0) & (v < np.inf)).all():
        raise ValueError(f"values is {values!r}; expected finite numbers >= 0 of shape (agents, auctions)")
    if not v.any():
        raise ValueError("values are all 0; expected at least one that is worth something")
    if money.shape != v.shape[:1] or money.dtype.kind not in "fiu" or not (money > 0).all():
        raise ValueError(f"budgets is {budgets!r}; expected {len(v)} amounts > 0, one per agent")
    # Nobody pays more than its value of everything: larger and unlimited budgets come to the same.
    enough = np.maximum(v.sum(axis=1), v.max())
    return v.astype(np.float64), np.minimum(money, enough).astype(np.float64)
