"""The planner's problem for one topic without a hard budget: effort has a price in the reward.

With b the public belief that the state is good, q the precision of the next agent's signal and beta its effort,

    V(b) = sup over q of { payoff(b, q) - price * beta(q) + discount * E[V(b')] }

where the payoff is -C times the probability of a wrong action (altruistic planner) or of the bad action (biased planner),
and b' is Bayes' posterior after the agent's action, drifted if the state may switch: the Bellman equation of Arghal et al.,
"Steering the Herd" (arXiv 2504.02648), for agents of any `Behaviour`.

V lives on a uniform grid of beliefs with linear interpolation. It has two halves, because V can jump at 1/2: just above it
agents who ignore their signal choose the good action, just below it the bad one. The left half ends with the belief 1/2
itself, where agents have no opinion; the right half begins with the limit from above.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...envs.core.checks import as_array, boolean, is_number, non_negative, number, positive, positive_integer
from ...envs.core.jit import jit
from ...envs.steering.behaviour import (
    TIE,
    Behaviour,
    belief,
    bounded,
    choice_law,
    drift,
    evidence,
    good_probability,
    log_odds,
    read_behaviour,
    response,
    unwanted_probability,
)
from ...envs.steering.effort import Effort, effort_of

GAP = 1e-10
"""The values of an infinite horizon solve Bellman's equation on the grid to this, or to rounding errors that are larger."""

ABOVE_HALF = 1e-6
"""Log-odds of the opinion in the limit from above 1/2: well beyond `TIE`, and worth no more than 2.5e-7 of a precision."""

BESIDE = 100.0 * TIE
"""Log-odds of strength that leave no agent torn who was torn without them: of her response to a limit."""

EPSILON = float(np.finfo(np.float64).eps)


class Society(NamedTuple):
    """What the planner faces, and what she wants."""

    biased: bool
    """She wants the good action whatever the state; otherwise the right one."""
    loss: float
    """C, of an action that she does not want, >= 0."""
    effort: Effort
    behaviour: Behaviour = Behaviour()
    own_on_ties: bool = True
    """Agents who are torn act on their signal; otherwise on the public belief."""
    hazard: float = 0.0
    """Probability that the state switches after a period, in [0, 1/2)."""
    q_max: float = 1.0
    """Largest precision, in [p, 1]."""


class Solution(NamedTuple):
    """The value of a society to its planner, and the best precision; n beliefs in each half."""

    beliefs: NDArray[np.float64]
    """(2, n): 0 to 1/2, and 1/2 (the limit from above) to 1."""
    values: NDArray[np.float64]
    """(2, n)"""
    precision: NDArray[np.float64]
    """(2, n) the best precision, with a finite horizon that of the first period. Of equally good ones a cheapest."""
    side: NDArray[np.int64]
    """(2, n) 0: that precision itself; -1, 1: it is a limit that is best approached from below, or above, and not attained."""
    obfuscates: NDArray[np.bool_]
    """(2, n) whether the precision is the highest (or its limit) at which agents ignore their signal."""
    gap: float
    """The values are at most this far from the solution of Bellman's equation on the grid; rounding errors aside."""

    @property
    def value_above_half(self) -> float:
        """The limit of the value from above 1/2."""
        return float(self.values[1, 0])

    def value(self, b: float) -> float:
        """The value at a belief in [0, 1]."""
        if not 0.0 <= number("b", b, "a belief in [0, 1]") <= 1.0:
            raise ValueError(f"b is {b!r}; expected a belief in [0, 1]")
        half = int(b > 0.5)
        return float(np.interp(b, self.beliefs[half], self.values[half]))


class Menu(NamedTuple):
    """The precisions to choose from, cheapest first; of equally cheap ones the nearest to the baseline. m precisions."""

    continuum: bool
    """They stand for all precisions: the first is the baseline, and the limits where agents are torn are added."""
    precisions: NDArray[np.float64]
    """(m,)"""
    strengths: NDArray[np.float64]
    """(m,) their log-odds."""
    costs: NDArray[np.float64]
    """(m,) price * beta"""


class Grid(NamedTuple):
    """Beliefs, uniform but for a few more; c cells of the uniform grid in each half."""

    beliefs: NDArray[np.float64]
    """(2 n,) the halves one after the other."""
    first: NDArray[np.int64]
    """(2, c) the number, in its half, of the belief with which a cell begins."""


class Choice(NamedTuple):
    """What is chosen at every belief, and what comes of it; 2 n beliefs, the halves one after the other."""

    precision: NDArray[np.float64]
    side: NDArray[np.int64]
    """See `Solution`."""
    obfuscates: NDArray[np.bool_]
    reward: NDArray[np.float64]
    """Expected, of this period."""
    good: NDArray[np.float64]
    """Probability of the good action."""
    after_good: NDArray[np.int64]
    """The belief after the good action lies between this one of the grid and the next."""
    part_good: NDArray[np.float64]
    """How far, in [0, 1]."""
    after_bad: NDArray[np.int64]
    part_bad: NDArray[np.float64]


@jit
def locate(grid, i, L, said, beyond, hazard):
    """Where the belief lies after evidence, from log-odds L of grid belief i: number of the grid belief below, part beyond.

    Beliefs within `TIE` of 1/2 are 1/2, as they are to agents; unless the evidence is a limit, approached by evidence that
    speaks more for the good state (`beyond` 1) or for the bad one (-1). Then they lie beside 1/2.
    """
    beliefs = grid.beliefs
    half = beliefs.shape[0] // 2
    if said == 0.0 and beyond == 0:
        if hazard == 0.0:
            return (i, 0.0) if i % half < half - 1 else (i - 1, 1.0)
        if i == half:
            return i, 0.0  # drift brings the limit from above no nearer
    later = drift(bounded(L + said), hazard)
    right = 1 if later > TIE or (later >= -TIE and beyond > 0) else 0
    b, cells = belief(later), grid.first.shape[1]
    j = right * half + grid.first[right, min(max(np.int64((2.0 * b - right) * cells), 0), cells - 1)]
    while j < (right + 1) * half - 2 and beliefs[j + 1] <= b:
        j += 1
    return j, min(max((b - beliefs[j]) / (beliefs[j + 1] - beliefs[j]), 0.0), 1.0)


@jit
def outcome(society, grid, i, L, q, strength, side, cost, follows_good, follows_bad):
    """What a signal does to agents who then choose the good action with probability `follows_good` or `follows_bad`.

    Returns the fields `reward` to `part_bad` of `Choice`.
    """
    mind, b, hazard = society.behaviour, grid.beliefs[i], society.hazard
    in_good, in_bad = choice_law(mind, follows_good, follows_bad, q)
    good = good_probability(b, in_good, in_bad)
    unwanted = unwanted_probability(society.biased, b, in_good, in_bad)
    reward = -society.loss * unwanted - cost
    if follows_good == follows_bad:
        after, part = locate(grid, i, L, 0.0, 0, hazard)
        return reward, good, after, part, after, part
    after_good, part_good = locate(grid, i, L, evidence(mind, follows_good, follows_bad, q, strength, True), side, hazard)
    after_bad, part_bad = locate(grid, i, L, evidence(mind, follows_good, follows_bad, q, strength, False), -side, hazard)
    return reward, good, after_good, part_good, after_bad, part_bad


@jit
def expected(values, discount, reward, good, after_good, part_good, after_bad, part_bad):
    """The value of an outcome, if the values (2 n,) follow."""
    if_good = values[after_good] + part_good * (values[after_good + 1] - values[after_good])
    if_bad = values[after_bad] + part_bad * (values[after_bad + 1] - values[after_bad])
    return reward + discount * (good * if_good + (1.0 - good) * if_bad)


@jit
def torn_strength(behaviour, opinion, agrees):
    """Strength of a signal that leaves an agent torn, if it agrees with her opinion or contradicts it; negative: none does."""
    weight = behaviour.confirming if agrees and opinion != 0.0 else behaviour.contradicting
    prior = behaviour.prior_weight * abs(opinion)
    return ((-prior if agrees else prior) - behaviour.self_trust) / weight if weight > 0.0 else -1.0


@jit
def levelling_strength(behaviour, b):
    """Strength of a signal that, followed, brings belief b to 1/2 if it contradicts it: V jumps there. Negative: none does.

    The good action then has the probabilities x and 1 - x in the two states, and x = max(b, 1 - b).
    """
    toss = choice_law(behaviour, 1.0, 0.0, 1.0)[1]
    q = (max(b, 1.0 - b) - toss) / (1.0 - 2.0 * toss)
    return log_odds(q) if 0.5 <= q <= 1.0 else -1.0


@jit
def choose(choice, i, q, side, obfuscates, reward, good, after_good, part_good, after_bad, part_bad):
    """Enter a precision and its outcome."""
    choice.precision[i] = q
    choice.side[i] = side
    choice.obfuscates[i] = obfuscates
    choice.reward[i] = reward
    choice.good[i] = good
    choice.after_good[i], choice.part_good[i] = after_good, part_good
    choice.after_bad[i], choice.part_bad[i] = after_bad, part_bad


@jit
def improve(society, menu, price, grid, values, discount, slack, choice, improved):
    """One Bellman backup of `values` (2 n,), into `improved` (2 n,).

    `choice` gets precisions that are within `slack` of the best: a later one of the menu must be better than that.

    Agents whose choice is certain change their response only at the strengths that leave them torn. Between those, if they
    ignore their signal, precision changes nothing but the cost: the baseline and the limits are enough. Where they follow it,
    the value of the next belief jumps at 1/2. (With q_max < 1 or self-trust it jumps elsewhere too. There precisions of the
    menu come near enough to the better side.)
    """
    mind, beliefs = society.behaviour, grid.beliefs
    limits = menu.continuum and mind.rationality == np.inf
    strongest = log_odds(society.q_max)
    for i in range(beliefs.shape[0]):
        L = log_odds(beliefs[i])
        opinion = ABOVE_HALF if 2 * i == beliefs.shape[0] else L
        best, chosen = -np.inf, -np.inf
        for k in range(menu.precisions.shape[0]):
            q, strength = menu.precisions[k], menu.strengths[k]
            good, bad = response(mind, opinion, strength, society.own_on_ties)
            if limits and k > 0 and good == bad:
                continue
            result = outcome(society, grid, i, L, q, strength, 0, menu.costs[k], good, bad)
            value = expected(values, discount, *result)
            best = max(best, value)
            if value > chosen + slack:
                chosen = value
                choose(choice, i, q, 0, False, *result)
        for special in range(3 if limits else 0):
            at = levelling_strength(mind, beliefs[i]) if special == 2 else torn_strength(mind, opinion, special == 1)
            q = belief(at)
            cost = price * effort_of(society.effort, q)
            for side in (0, -1, 1):
                beside = at + side * BESIDE
                if min(at, beside) < 0.0 or at > strongest + (-TIE if side > 0 else TIE):
                    continue
                good, bad = response(mind, opinion, beside, society.own_on_ties)
                result = outcome(society, grid, i, L, q, at, side, cost, good, bad)
                value = expected(values, discount, *result)
                best = max(best, value)
                if value > chosen + slack:
                    chosen = value
                    choose(choice, i, q, side, good == bad, *result)
        improved[i] = best


@jit
def evaluate(choice, discount, tolerance, values):
    """Turn `values` (2 n,) into those of a choice made for ever, by sweeps in place until none changes more than this."""
    change = np.inf
    while change > tolerance:
        change = 0.0
        for i in range(values.shape[0]):
            before = values[i]
            values[i] = expected(
                values,
                discount,
                choice.reward[i],
                choice.good[i],
                choice.after_good[i],
                choice.part_good[i],
                choice.after_bad[i],
                choice.part_bad[i],
            )
            change = max(change, abs(values[i] - before))


def solve(
    society: Society,
    *,
    discount: float,
    price: float = 1.0,
    horizon: int | None = None,
    levels: Sequence[float] | NDArray[np.float64] | None = None,
    step: float = 2.5e-4,
    precisions: int = 1001,
) -> Solution:
    """The planner's optimal value, by policy iteration or, with a finite horizon, by backward induction.

    Args:
        society: what she faces.
        discount: in [0, 1); with a finite horizon also 1.
        price: what a unit of effort takes from the reward, >= 0.
        horizon: periods; None: for ever.
        levels: the precisions on offer, in [1/2, q_max]; None: all of them. With a list the value jumps, at the beliefs where
            agents cease to follow one (they join the grid) and at all from which those are reached. There, and wherever paths
            lead to such ties, several levels give the value to about 1e-2 only.
        step: of the grid of beliefs; 1/2 is a multiple of it.
        precisions: how many of a continuum are tried, evenly spaced, besides the baseline and those that leave agents torn.

    Raises:
        ValueError: an argument out of its range.
    """
    society = check_society(society)
    price = non_negative("price", price)
    periods = None if horizon is None else positive_integer("horizon", horizon)
    discount = _discount(discount, periods)
    menu = make_menu(society, price, levels, precisions)
    grid = make_grid(step, _where_torn(society.behaviour, menu))
    size = len(grid.beliefs)
    choice = Choice(
        np.zeros(size),
        np.zeros(size, np.int64),
        np.zeros(size, np.bool_),
        np.zeros(size),
        np.zeros(size),
        np.zeros(size, np.int64),
        np.zeros(size),
        np.zeros(size, np.int64),
        np.zeros(size),
    )
    values, improved = np.zeros(size), np.zeros(size)
    slack = GAP if periods else 0.5 * GAP * (1.0 - discount)

    def backup() -> float:
        improve(society, menu, price, grid, values, discount, slack, choice, improved)
        change = float(np.abs(improved - values).max())
        values[:] = improved
        return change

    gap = 0.0
    if periods is not None:
        for _ in range(periods):
            backup()
    else:
        rounding = 64.0 * EPSILON * (society.loss + menu.costs[0]) / (1.0 - discount)
        to_go = discount / (1.0 - discount)  # after a backup that changes nothing by more than x, at most x * to_go is missing
        while (change := backup()) * to_go > GAP and change > rounding:
            evaluate(choice, discount, rounding / 16.0, values)
        gap = change * to_go
    halves = (2, size // 2)
    return Solution(
        grid.beliefs.reshape(halves),
        values.reshape(halves),
        choice.precision.reshape(halves),
        choice.side.reshape(halves),
        choice.obfuscates.reshape(halves),
        gap,
    )


def no_control(society: Society, *, discount: float, horizon: int | None = None, step: float = 2.5e-4) -> Solution:
    """What the society is worth to the planner if she leaves it alone: every signal has the precision p, which is free."""
    return solve(society, discount=discount, horizon=horizon, levels=[society.effort.p], step=step)


def check_society(society: Society) -> Society:
    """The society with numbers of one type, as compiled code wants them.

    Raises:
        ValueError: a field out of its range.
    """
    effort = society.effort
    if not 0.5 <= number("p", effort.p, "a precision in [0.5, 1)") < 1.0:
        raise ValueError(f"p is {effort.p!r}; expected a precision in [0.5, 1)")
    if not effort.p <= number("q_max", society.q_max, "a precision in [p, 1]") <= 1.0:
        raise ValueError(f"q_max is {society.q_max!r}; expected a precision in [p, 1], with p = {effort.p!r}")
    if not 0.0 <= number("hazard", society.hazard, "a probability in [0, 1/2)") < 0.5:
        raise ValueError(f"hazard is {society.hazard!r}; expected a probability in [0, 1/2)")
    return Society(
        boolean("biased", society.biased),
        non_negative("loss", society.loss),
        Effort(
            non_negative("k", effort.k),
            float(effort.p),
            positive("exponent", effort.exponent),
            boolean("two_sided", effort.two_sided),
        ),
        read_behaviour(society.behaviour)[1],
        boolean("own_on_ties", society.own_on_ties),
        float(society.hazard),
        float(society.q_max),
    )


def make_menu(society: Society, price: float, levels: Any, precisions: int) -> Menu:
    """The precisions to choose from: those listed, or a grid of [1/2, q_max] with the baseline."""
    p, q_max = society.effort.p, society.q_max
    if levels is None:
        if positive_integer("precisions", precisions) < 2:
            raise ValueError(f"precisions is {precisions!r}; expected an integer >= 2")
        offered = np.append(np.linspace(0.5, q_max, precisions), p)
    else:
        offered = as_array("levels", levels)
        numbers = offered.ndim == 1 and len(offered) > 0 and all(is_number(q) for q in offered)
        if not (numbers and ((offered >= 0.5) & (offered <= q_max)).all()):
            raise ValueError(f"levels is {levels!r}; expected a list of precisions in [0.5, q_max], with q_max = {q_max!r}")
        offered = offered.astype(np.float64)
    offered = np.unique(offered)
    costs = price * np.array([effort_of(society.effort, q) for q in offered])
    order = np.lexsort((offered, np.abs(offered - p), costs))
    offered = offered[order]
    return Menu(levels is None, offered, np.array([log_odds(q) for q in offered]), costs[order])


def _discount(discount: Any, periods: int | None) -> float:
    expected_range = "a number in [0, 1)" if periods is None else "a number in [0, 1]"
    value = number("discount", discount, expected_range)
    if not (0.0 <= value < 1.0 or (value == 1.0 and periods is not None)):
        raise ValueError(f"discount is {discount!r}; expected {expected_range}")
    return value


def _where_torn(behaviour: Behaviour, menu: Menu) -> NDArray[np.float64]:
    """Beliefs above 1/2 at which a signal of the list leaves an agent torn: the values on both sides are far apart."""
    if menu.continuum or not behaviour.certain_choice or behaviour.prior_weight == 0.0:
        return np.zeros(0)
    opinions = (behaviour.contradicting * menu.strengths + behaviour.self_trust) / behaviour.prior_weight
    return np.array([belief(opinion) for opinion in opinions if opinion > 0.0])


def make_grid(step: Any, more: NDArray[np.float64]) -> Grid:
    """The grid with this step, and `more` beliefs above 1/2, with their mirror images below."""
    cells = round(0.5 / positive("step", step))
    if cells < 1 or abs(cells * step - 0.5) > 1e-9:
        raise ValueError(f"step is {step!r}; expected a number that divides 1/2")
    left = np.linspace(0.0, 0.5, cells + 1)
    images = 1.0 - more
    images = np.unique(images[np.abs(left[:, None] - images).min(axis=0) > 1e-9])
    halves = [np.sort(np.concatenate([left, images])), np.sort(np.concatenate([left + 0.5, 1.0 - images]))]
    first = [np.searchsorted(half, left[:-1] + 0.5 * side) for side, half in enumerate(halves)]
    return Grid(np.concatenate(halves), np.array(first, np.int64))
