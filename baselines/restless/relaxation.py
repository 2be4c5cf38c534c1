"""Lagrangian relaxation: an upper bound for every policy, and what states of arms are worth under it.

Arms meet only in what can be done at once. If that must hold on average only, not in every event, each arm can be planned
for itself, at prices for its treatment; the best prices give the least bound. That is a linear programme over the
probabilities rho[t, j, s, l] that arm j is in state s and gets level l at time t (Hawkins 2003; Adelman and Mersereau,
Operations Research 2008). Two relaxations of the feasible set:

* `"budget"`: only the number of pulls in a step is limited, on average, as usual in the literature on restless bandits;
* `"set"`: the average action must be a mixture of feasible ones (as far as the linear rows of the set say). Never worse.

Where several components meet at an arm, the average action says what its average level is, and that it is at the highest
level at least as often as any component is chosen that takes it there alone (on a network, the arm's own pull).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ...envs.core.checks import one_of
from ...envs.core.ledger import payable
from ...envs.restless.feasible.programme import Programme
from ...envs.restless.problem import Restless
from ..core.cache import cached_array

RELAXATIONS = ("set", "budget")

VERSION = 4
"""Of this calculation, for the tables on disk."""


class Relaxation(NamedTuple):
    """The solution of a relaxation."""

    bound: float
    """No policy has a larger expected return."""
    values: NDArray[np.float64]
    """(H + 1, J, S) what arm j in state s at time t is worth until the end, net of the prices of its treatment."""
    price: float
    """Of a pull, in reward, because the total budget is limited."""
    prices: NDArray[np.float64]
    """(H, J, L) of treating an arm at a level in a step, because what can be done at once is limited; 0 for level 0."""


def relax(problem: Restless, budget: float, relaxation: str = "set") -> Relaxation:
    """The relaxation of a problem with `budget` pulls in the whole episode; kept on disk.

    Raises:
        ValueError: an unknown relaxation.
        RuntimeError: the solver failed.
    """
    one_of("relaxation", relaxation, RELAXATIONS)
    (J, L, S), H = problem.arms.shape, problem.horizon
    pulls = whole_pulls(problem, budget)

    def solve() -> NDArray[np.float64]:
        found = _solve(problem, pulls, relaxation)
        return np.concatenate([[found.bound, found.price], found.values.ravel(), found.prices.ravel()])

    table = cached_array(solve, "restless relaxation", VERSION, problem.key, relaxation, pulls)
    values, prices = np.split(table[2:], [(H + 1) * J * S])
    return Relaxation(float(table[0]), values.reshape(H + 1, J, S), float(table[1]), prices.reshape(H, J, L))


def whole_pulls(problem: Restless, budget: float) -> float:
    """How many pulls a budget is; infinite if it can't run out."""
    pulls = float(np.floor(payable(budget, budget)))
    return pulls if pulls < problem.horizon * problem.feasible.most else np.inf


def _solve(problem: Restless, pulls: float, relaxation: str) -> Relaxation:
    arms, M = problem.arms, problem.coupling
    (J, L, S), H, m = arms.shape, problem.horizon, problem.feasible.m
    linear = problem.feasible.linear()
    if relaxation == "budget":
        linear = linear.counted()
    excess = np.maximum(M.sum(axis=1) - (L - 1), 0).astype(float)
    Y = len(linear.y_low)

    # Columns: rho (H, J, S, L); then for every t the action, the set's own variables, and the excess over the highest level.
    steps, everyone = sp.identity(H), sp.identity(J)
    alone = np.argwhere(M >= L - 1) if excess.any() or L > 2 else np.zeros((0, 2), int)
    arm, component = (sp.csr_array(np.eye(n)[alone[:, k]]) for k, n in enumerate((J, m)))
    top = sp.kron(everyone, np.tile(np.arange(L) == L - 1, S)[None, :].astype(float))
    level = sp.kron(everyone, np.tile(np.arange(L, dtype=float), S)[None, :])
    highest = sp.diags_array(excess) @ top
    stay = sp.kron(sp.identity(J * S), np.ones((1, L)))
    arrive = sp.block_diag([arms.transitions[j].transpose(1, 0, 2).reshape(S * L, S).T for j in range(J)])
    flow = sp.kron(steps, stay) - sp.kron(sp.eye_array(H, k=-1), arrive)
    rows: Any = sp.block_array(
        [
            [flow, None, None, None],
            [sp.kron(steps, level), sp.kron(steps, -M.astype(float)), None, sp.identity(H * J)],
            [sp.kron(steps, -highest), None, None, sp.identity(H * J)],
            [sp.kron(steps, arm @ top), sp.kron(steps, -component), None, None],
            [None, sp.kron(steps, linear.rows[:, :m]), sp.kron(steps, linear.rows[:, m:]) if Y else None, None],
            [None, np.ones((1, H * m)), None, None],
        ],
        format="csr",
    )
    first = np.zeros((H, J, S))
    first[0] = arms.start
    equal, links, more = first.ravel(), np.zeros(H * J), np.zeros(H * len(alone))
    programme = Programme(
        rows,
        np.concatenate([equal, links, np.full(H * J, -np.inf), more, np.tile(linear.low, H), [0.0]]),
        np.concatenate([equal, links, links, more + np.inf, np.tile(linear.high, H), [pulls]]),
        np.concatenate([np.zeros(H * J * S * L + H * m), np.tile(linear.y_low, H), links]),
        np.concatenate([np.full(H * J * S * L, np.inf), np.ones(H * m), np.tile(linear.y_high, H), np.tile(excess, H)]),
    )
    gains = arms.expected_rewards().transpose(0, 2, 1)  # (J, S, L)
    objective = np.concatenate([np.tile(gains.ravel(), H), np.zeros(programme.shape[1] - H * J * S * L)])
    # Interior points and crossover: with many levels, or on a network of 100 nodes, simplex takes six times as long.
    programme.set_options(solver="ipm")
    solution = programme.maximise(objective)
    duals = programme.row_duals()
    link, saturation = duals[H * J * S :][: 2 * H * J].reshape(2, H, J)
    prices = link[..., None] * np.arange(L)
    prices[..., -1] -= excess * saturation
    prices[..., -1] += duals[H * J * S + 2 * H * J :][: len(more)].reshape(H, -1) @ arm
    return Relaxation(solution.value, _values(problem, gains, prices), float(duals[-1]), prices)


def _values(problem: Restless, gains: NDArray[np.float64], prices: NDArray[np.float64]) -> NDArray[np.float64]:
    """(H + 1, J, S) by backward induction for every arm alone, at prices (H, J, L) of its treatment.

    The programme's own duals are not used: they are right only for states that its solution reaches.
    """
    J, _, S = problem.arms.shape
    values = np.zeros((problem.horizon + 1, J, S))
    for t in range(problem.horizon - 1, -1, -1):
        ahead = np.einsum("jlst,jt->jsl", problem.arms.transitions, values[t + 1])
        values[t] = (gains + ahead - prices[t][:, None, :]).max(axis=2)
    return values
