"""The exact optimum of steering one topic with a list of precisions: dynamic programming over belief, effort left and time.

For every period and every amount of effort that can be left, the value is a function of the public belief that is linear in
pieces (`piecewise.py`), computed backwards as the maximum over the precisions. No grid: the tables of the published model come
out to the last digit. What can be lost to joining pieces is bounded by `tolerance` in all.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...envs.core import ledger
from ...envs.core.jit import jit
from ...envs.steering.behaviour import CERTAIN, choice_law, evidence, log_odds, response
from ...envs.steering.problem import SocialSteering
from ..core.cache import ByKey
from .piecewise import Law, average, back_up, before_drift, larger, simplify, value_at

TOLERANCE = 1e-6
"""That the value may be off in all, by joining pieces."""

MOST_RESTS = 4096
MOST_PIECES = 1 << 24
"""Breakpoints of all functions that are kept, about half a GiB."""


class Functions(NamedTuple):
    """The functions of all periods and rests, one after another. Function r of period t is number t * R + r."""

    x: NDArray[np.float64]
    at: NDArray[np.float64]
    g: NDArray[np.float64]
    h: NDArray[np.float64]
    start: NDArray[np.int64]
    """(T * R,) where each begins."""
    size: NDArray[np.int64]
    """(T * R,) how many breakpoints it has; there is one piece more."""


class Exact(NamedTuple):
    """The optimum: values of every belief, rest of effort and period."""

    law: Law
    rests: NDArray[np.float64]
    """(R,) amounts of effort that make a difference, increasing; one entry if it cannot run out. See `rests_of`."""
    after: NDArray[np.int64]
    """(R, A) which rest is left after a precision; -1: it can't be paid."""
    ahead: Functions
    """What the periods after t = 0 .. T - 1 are worth, of the belief right after the action of period t."""
    first: Functions
    """What the whole episode is worth, of the prior."""


def exact(problem: SocialSteering, budget: float, tolerance: float = TOLERANCE, least: float | None = None) -> Exact:
    """Solve a problem of one topic and a list of precisions; the latest two are kept in memory.

    Args:
        problem: the law; its own budget is ignored.
        budget: effort of an episode.
        tolerance: what the values may be off in all.
        least: the smallest budget of an episode, where budgets differ. All from there to `budget` are solved for.

    Raises:
        ValueError: several topics, a network, a biased public belief, a logit, a continuum of precisions; or too many amounts
            of effort that can be left.
    """
    check_exact(problem)
    return _exact(ByKey(problem), budget, tolerance, budget if least is None else least)


def relaxed(problem: SocialSteering, price: float, tolerance: float = TOLERANCE) -> Exact:
    """The same without a budget, where a unit of effort costs `price` in the reward. Likewise, but nothing is kept.

    Raises:
        ValueError: see `exact`.
    """
    check_exact(problem)
    return _solve(problem, math.inf, price, list(range(len(problem.params.levels))), tolerance)


def without_control(problem: SocialSteering) -> Exact:
    """The same for the planner who never does anything."""
    p = problem.params
    check_exact(problem if p.listed else problem.replace(levels=2))
    return _solve(problem, math.inf, 0.0, [p.baseline], TOLERANCE)


def value(solved: Exact, problem: SocialSteering) -> float:
    """The expected return with all the effort, over the problem's priors."""
    p, f, r = problem.params, solved.first, len(solved.rests) - 1
    here = slice(f.start[r], f.start[r] + f.size[r] + 1)
    x, at, g, h = f.x[here], f.at[here], f.g[here], f.h[here]
    if p.prior_low == p.prior_high:
        return float(value_at(x, at, g, h, f.size[r], log_odds(p.prior_low)))
    return float(average(x, g, h, f.size[r], p.prior_low, p.prior_high))


def check_exact(problem: SocialSteering) -> None:
    """Refuse what the value is not linear in pieces for, or what is not a function of one belief."""
    p = problem.params
    reasons = {
        f"{problem.topics} topics": problem.topics > 1,
        "a network": len(p.observes) > 0,
        "a biased public belief": problem.shared_bias,
        "agents with a logit choice": not p.behaviour.certain_choice,
        "a continuum of precisions": not p.listed,
    }
    for reason, holds in reasons.items():
        if holds:
            raise ValueError(f"no exact solution with {reason}; expected one topic, certain choices and a list of precisions")


@lru_cache(maxsize=2)  # each may take half a GiB
def _exact(which: ByKey[SocialSteering], budget: float, tolerance: float, least: float) -> Exact:
    problem = which.problem
    return _solve(problem, budget, problem.params.price, list(range(len(problem.params.levels))), tolerance, least)


def _solve(
    problem: SocialSteering, budget: float, price: float, actions: list[int], tolerance: float, least: float = math.inf
) -> Exact:
    p = problem.params
    law = law_of(problem, actions, price)
    rests, after = rests_of(p.costs[actions], budget, p.periods, min(budget, least))
    *ahead, first = _backwards(law, after, p.periods, p.survival, p.hazard, tolerance / p.periods)
    return Exact(law, rests, after, _joined(ahead[::-1]), first)


def law_of(problem: SocialSteering, actions: list[int], price: float) -> Law:
    """What the agents make of these precisions, piecewise in the belief, from the kernels' own functions."""
    rows = []
    for action in actions:
        edges = _edges(problem, float(problem.params.strengths[action]))
        between = [edges[0] - 1.0, *((a + b) / 2 for a, b in pairwise(edges)), edges[-1] + 1.0]
        cells = [between[0]]
        for edge, after in zip(edges, between[1:], strict=True):
            cells += [edge, after]
        rows.append((edges, [_cell(problem, action, L, price) for L in cells]))
    E = max(len(edges) for edges, _ in rows)
    edges = np.full((len(rows), E), np.inf)
    table = np.zeros((6, len(rows), 2 * E + 1))
    for a, (own, cells) in enumerate(rows):
        edges[a, : len(own)] = own
        table[:, a, : len(cells)] = np.array(cells).T
    counts = np.array([len(own) for own, _ in rows])
    return Law(edges, counts, *(np.ascontiguousarray(part) for part in table))


def _edges(problem: SocialSteering, strength: float) -> list[float]:
    """The beliefs at which an agent's choice after a good or a bad signal may change, and even odds."""
    mind = problem.params.behaviour
    found = {0.0}
    if mind.prior_weight > 0.0:
        for weight in (mind.confirming, mind.contradicting):
            L = (mind.self_trust + weight * strength) / mind.prior_weight
            found |= {L, -L}
    apart: list[float] = []
    for L in sorted(found):
        if abs(L) < CERTAIN * 1e3 and (not apart or L - apart[-1] > 1e-8):
            apart.append(L)
    return apart


def _cell(problem: SocialSteering, action: int, L: float, price: float) -> tuple[float, ...]:
    """The row of a law: see `Law`."""
    p, mind = problem.params, problem.params.behaviour
    q, strength = float(p.levels[action]), float(p.strengths[action])
    after_good, after_bad = response(mind, L, strength, p.own_on_ties)
    in_good, in_bad = choice_law(mind, after_good, after_bad, q)
    good, bad = (evidence(mind, after_good, after_bad, q, strength, did_good) for did_good in (True, False))
    loss_bad = 1.0 - in_bad if p.biased else in_bad
    paid = price * float(p.costs[action])
    return in_good, in_bad, good, bad, -p.loss * (1.0 - in_good) - paid, -p.loss * loss_bad - paid


def rests_of(
    costs: NDArray[np.float64], budget: float, periods: int, least: float
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The amounts of effort that must be distinguished, and which follows which; see `Exact`.

    They are all sums of costs within the budget: what is left pays for the same purchases as the largest sum within it.

    Args:
        costs: (A,) of the precisions.
        budget: the largest amount.
        periods: there are no more purchases than these.
        least: the smallest amount that an episode begins with. If even that cannot run out, one entry is enough.

    Raises:
        ValueError: there are too many.
    """
    if ledger.pays(least, periods * costs.max(), least):
        return np.array([budget]), np.zeros((1, len(costs)), np.int64)
    slack = ledger.tolerance(min(budget, periods * costs.max()))
    rests = np.zeros(1)
    for _ in range(periods):
        sums = (rests[:, None] + costs).ravel()
        more = np.sort(np.concatenate([rests, sums[sums <= budget + slack]]))
        more = more[np.concatenate([[True], np.diff(more) > slack])]
        if len(more) > MOST_RESTS:
            raise ValueError(f"more than {MOST_RESTS} amounts can be left of a budget of {budget:g}; round the costs")
        if len(more) == len(rests):
            break
        rests = more
    left = rests[:, None] - costs
    after = np.searchsorted(rests, left + slack, side="right") - 1
    return rests, np.where(left >= -slack, after, -1)


def _backwards(
    law: Law, after: NDArray[np.int64], periods: int, survival: float, hazard: float, tolerance: float
) -> Iterator[Functions]:
    """The functions of the last period's end, of the one before, ..., and of the beginning (the last one without drift)."""
    R = len(after)
    x, at, g, h = np.zeros((4, R))
    ahead = Functions(x, at, g, h, np.arange(R), np.zeros(R, np.int64))
    yield ahead
    room, most = 1024, 256
    total = R
    for t in range(periods - 1, -1, -1):
        while True:
            work = np.empty((3, 4, most))
            x, at, g, h = np.empty((4, room))
            out = Functions(x, at, g, h, np.zeros(R, np.int64), np.zeros(R, np.int64))
            fault = back_up_all(law, after, ahead, survival, 0.0 if t == 0 else hazard, tolerance, work, out)
            if fault == 0:
                break
            room, most = (2 * room, most) if fault == 1 else (room, 2 * most)
        used = int(out.start[-1] + out.size[-1] + 1)
        x, at, g, h = (part[:used].copy() for part in (x, at, g, h))
        ahead = Functions(x, at, g, h, out.start, out.size)
        total += used
        if total > MOST_PIECES:
            raise ValueError(f"the values have more than {MOST_PIECES} pieces; allow a larger tolerance")
        yield ahead


@jit
def back_up_all(law, after, ahead, discount, hazard, tolerance, work, out):
    """The functions of one period earlier, for all rests. Returns 0, or what had no room: 1 the result, 2 one function."""
    place = 0
    for r in range(after.shape[0]):
        best, n = 0, -1
        for a in range(after.shape[1]):
            rest = after[r, a]
            if rest < 0:
                continue
            i, size = ahead.start[rest], ahead.size[rest]
            x, at = ahead.x[i : i + size + 1], ahead.at[i : i + size + 1]
            g, h = ahead.g[i : i + size + 1], ahead.h[i : i + size + 1]
            new = work[2] if n >= 0 else work[0]
            m = back_up(law, a, x, at, g, h, size, discount, new[0], new[1], new[2], new[3])
            if m < 0:
                return 2
            if n < 0:
                n = m
                continue
            old, both = work[best], work[1 - best]
            n = larger(
                old[0], old[1], old[2], old[3], n, new[0], new[1], new[2], new[3], m, both[0], both[1], both[2], both[3]
            )
            if n < 0:
                return 2
            n = simplify(both[0], both[1], both[2], both[3], n, 0.0)
            best = 1 - best
        final = work[best]
        n = simplify(final[0], final[1], final[2], final[3], n, tolerance)
        if hazard > 0.0:
            n = before_drift(final[0], final[1], final[2], final[3], n, hazard)
        if place + n + 1 > out.x.shape[0]:
            return 1
        out.start[r], out.size[r] = place, n
        for k in range(n + 1):
            out.x[place + k], out.at[place + k] = final[0, k], final[1, k]
            out.g[place + k], out.h[place + k] = final[2, k], final[3, k]
        place += n + 1
    return 0


def _joined(stages: list[Functions]) -> Functions:
    """All functions in one set of arrays, in the order of the stages."""
    offsets = np.cumsum([0, *(len(stage.x) for stage in stages[:-1])])
    return Functions(
        np.concatenate([stage.x for stage in stages]),
        np.concatenate([stage.at for stage in stages]),
        np.concatenate([stage.g for stage in stages]),
        np.concatenate([stage.h for stage in stages]),
        np.concatenate([stage.start + offset for stage, offset in zip(stages, offsets, strict=True)]),
        np.concatenate([stage.size for stage in stages]),
    )
