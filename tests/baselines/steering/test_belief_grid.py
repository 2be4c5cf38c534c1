"""The planner's problem on a grid of beliefs, against closed forms, tables of another solver, and plain Python."""

import math
from bisect import bisect
from functools import cache, lru_cache

import numpy as np
import pytest
from budgetgym.baselines.steering.grid import Society, Solution, no_control, solve
from budgetgym.envs.steering.behaviour import BEHAVIOURS, Behaviour
from budgetgym.envs.steering.effort import Effort

P, DISCOUNT = 0.7, 0.9
BAYES = Behaviour()


def society(k, *, biased=False, p=P, exponent=1.0, **fields) -> Society:
    return Society(biased, 1.0, Effort(float(k), p, exponent, two_sided=biased), **fields)


@cache
def altruistic(k, discount=DISCOUNT, behaviour=BAYES) -> Solution:
    return solve(society(k, behaviour=behaviour), discount=discount)


@cache
def biased(k, discount=DISCOUNT, behaviour=BAYES) -> Solution:
    return solve(society(k, biased=True, behaviour=behaviour), discount=discount)


def blocks(solution: Solution) -> list[tuple[float, float]]:
    """The first and the last belief of every interval where the planner obfuscates."""
    beliefs = solution.beliefs[solution.obfuscates]
    runs = np.split(beliefs, np.flatnonzero(np.diff(beliefs) > 3e-4) + 1)
    return [(run[0], run[-1]) for run in runs if len(run)]


def values(solution: Solution, beliefs) -> list[float]:
    return [solution.value(b) for b in beliefs]


# --- No control -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("p", "d"), [(0.7, 0.9), (0.6, 0.95), (0.8, 0.5), (0.7, 0.0), (2 / 3, 0.9), (0.7321, 0.9)])
def test_no_control_has_a_closed_form(p, d):
    half = (-(1 - p) * (1 + d) - d**2 * (1 - p) ** 2 / (1 - d)) / (1 - 2 * d**2 * p * (1 - p))
    at_p = -(1 - p) - d * (1 - p) ** 2 / (1 - d) + 2 * d * p * (1 - p) * half
    solution = no_control(society(1, p=p), discount=d)
    assert values(solution, [0.5, p, 1 - p]) == pytest.approx([half, at_p, at_p], abs=1e-9)
    cascade = np.append(np.arange(0.0, 1 - p - 1e-3, 0.01), np.arange(p + 1e-3, 1.0, 0.01))
    assert values(solution, cascade) == pytest.approx(-np.minimum(cascade, 1 - cascade) / (1 - d), abs=1e-9)


def test_no_control_in_numbers():
    solution = no_control(society(1), discount=DISCOUNT)
    expected = [-1.968778, -1.854198, -1.854198, -2.0, -2.33956]
    assert values(solution, [0.5, 0.3, 0.7, 0.2, 0.4]) == pytest.approx(expected, abs=2e-6)


def test_ties_to_the_public_belief_make_the_first_agent_the_only_one_who_informs():
    assert no_control(society(1, own_on_ties=False), discount=DISCOUNT).value(0.5) == pytest.approx(-3.0, abs=1e-9)


@pytest.mark.parametrize(("own", "expected"), [(True, -0.42), (False, 0.0)])
def test_an_agent_at_a_belief_of_the_grid_ties_with_a_precision_of_the_same_number(own, expected):
    solution = no_control(society(1, biased=True, own_on_ties=own), discount=0.0)
    assert solution.value(0.7) == pytest.approx(expected, abs=1e-12)


# --- The altruistic planner -------------------------------------------------------------------------------------------

BELIEFS = [0.1, 0.2, 0.25, 0.3, 0.4, 0.5]
ALTRUISTIC = {
    0.5: [-0.15] * 6,
    1: [-0.3] * 6,
    3: [-0.9] * 6,
    4: [-1.0, -1.2, -1.2, -1.2, -1.2, -1.2],
    5: [-1.0, -1.492, -1.5, -1.5, -1.5, -1.5],
    5.5: [-1.0, -1.5852, -1.64438, -1.65, -1.65, -1.65],
    6: [-1.0, -1.6784, -1.7200, -1.7904, -1.8, -1.8],
    8: [-1.0, -1.92701, -1.87696, -1.85420, -2.09020, -1.96878],
}
THRESHOLDS = {0.5: (0.015, 0.015), 1: (0.03, 0.03), 3: (0.09, 0.09), 4: (0.11975, 0.12281), 5: (0.14436, 0.20635)}
THRESHOLDS |= {5.5: (0.15580, 0.25373)}


def phases(solution: Solution) -> tuple[float, float]:
    """Where the altruist begins to pay, and where she begins to buy certainty: d_A, t_A."""
    b, q = solution.beliefs[0], solution.precision[0]
    return b[q > P][0], b[q == 1.0][0]


@pytest.mark.parametrize("k", ALTRUISTIC)
def test_the_altruistic_table(k):
    solution = altruistic(k)
    assert values(solution, BELIEFS) == pytest.approx(ALTRUISTIC[k], abs=1e-4)
    assert solution.values[0] == pytest.approx(solution.values[1, ::-1], abs=1e-5)  # symmetric
    assert solution.gap < 1e-10
    assert not solution.obfuscates.any()
    if k in THRESHOLDS:
        assert phases(solution) == pytest.approx(THRESHOLDS[k], abs=5e-4)
        b, q = solution.beliefs[0], solution.precision[0]
        first, last = phases(solution)
        assert (q[b < first] == P).all()
        assert (q[b >= last] == 1.0).all()
        middle = (b > first) & (b < last)
        assert q[middle] == pytest.approx(1 - b[middle], abs=1e-9)


@pytest.mark.parametrize("k", [0.5, 1, 3])
def test_cheap_certainty_is_bought_at_once_or_never(k):
    solution = altruistic(k)
    m = np.minimum(solution.beliefs, 1 - solution.beliefs)
    assert solution.values == pytest.approx(np.maximum(-m / (1 - DISCOUNT), -k * (1 - P)), abs=1e-9)
    assert (np.diff(solution.values, 2, axis=1) >= -1e-9).all()  # convex


@pytest.mark.parametrize("k", [4, 5, 5.5])
def test_the_middle_phase_of_more_expensive_certainty(k):
    p, d, cost = P, DISCOUNT, k * (1 - P)
    a = d * (1 / (1 - d) - 2 * cost)
    first = ((a + k) - math.sqrt((a + k) ** 2 - 4 * a * k * (1 - p))) / (2 * a)
    last = (k - 1 - 2 * d * cost) / (d / (1 - d) - 2 * d * cost)
    solution = altruistic(k)
    assert phases(solution) == pytest.approx((first, last), abs=5e-4)
    x = solution.beliefs[0]
    x = x[(x > first) & (x < last)]
    expected = -k * (1 - x - p) - x - 2 * d * x * (1 - x) * cost - d * x**2 / (1 - d)
    assert values(solution, x) == pytest.approx(expected, abs=1e-4)


def test_the_middle_phase_can_be_concave():
    below, at, above = values(altruistic(5.5), [0.18, 0.20, 0.22])
    assert [below, at, above] == pytest.approx([-1.56997, -1.5852, -1.60525], abs=1e-4)
    assert at - (below + above) / 2 == pytest.approx(0.0024, abs=1e-4)


@pytest.mark.parametrize(
    ("p", "d", "cheap", "expensive"),
    [
        (0.7, 0.5, 1.607, 1.646),
        (0.7, 0.9, 3.940, 5.949),
        (0.7, 0.95, 5.263, 11.148),
        (0.6, 0.9, 7.443, 8.099),
        (0.8, 0.9, 2.105, 3.933),
    ],
)
def test_the_regimes_of_the_altruist(p, d, cheap, expensive):
    a, b = 2 * d * (1 - d) * (1 - p) ** 2, 1 - 3 * d * (1 - p)
    assert (math.sqrt(b * b + 4 * a) - b) / (2 * a) == pytest.approx(cheap, abs=6e-4)
    certain = (1 - p) * (1 + d * (1 - p) / (1 - d)) / (1 - 2 * d * p * (1 - p))
    assert certain / (1 - p) == pytest.approx(expensive, abs=6e-4)
    for k, phased in ((0.98 * cheap, False), (1.02 * cheap, True)):
        solution = solve(society(k, p=p), discount=d, step=5e-4)
        b, q = solution.beliefs[0], solution.precision[0]
        assert ((q > p) & (q < 1.0) & (b > 0)).any() == phased
    # The bound supposes that after a bad signal at 1 - p nothing more is paid. At a discount of 0.95 more is, which is worth
    # something: certainty is given up earlier, at 10.75.
    last = 10.75 if d == 0.95 else expensive
    for k, bought in ((0.995 * last, True), (1.005 * last, False)):
        solution = solve(society(k, p=p), discount=d, step=5e-4)
        assert (solution.precision[0, round((1 - p) / 5e-4)] == 1.0) == bought


def test_expensive_certainty_is_never_bought_and_garbling_can_help_an_altruist():
    solution = altruistic(8)
    assert (solution.precision < 1.0).all()
    j = round(0.36 / 2.5e-4)
    assert solution.precision[0, j] == pytest.approx(0.64, abs=1e-9)  # below the baseline 0.7, and as free
    assert solution.values[0, j] == pytest.approx(-2.091, abs=1e-3)
    as_it_is = -0.3 + DISCOUNT * sum(
        y * solution.value(b) for y, b in ((0.444, 0.36 * 0.7 / 0.444), (0.556, 0.36 * 0.3 / 0.556))
    )
    assert as_it_is == pytest.approx(-2.100, abs=1e-3)
    slopes = np.diff(values(solution, [0.2999, 0.3, 0.3001])) / 1e-4
    assert slopes[1] < slopes[0] - 4.0  # a concave kink at 1 - p


# --- The biased planner -----------------------------------------------------------------------------------------------

BIASED = {
    0.25: [-8.2143, -6.3582, -4.5150, -2.8114, -1.4091, -0.25, -0.125, 0.0],
    0.5: [-8.4064, -6.5951, -4.8175, -3.1967, -1.9081, -0.5, -0.25, 0.0],
    1: [-8.7240, -7.0679, -5.4225, -3.9671, -2.8282, -1.0, -0.5, 0.0],
}
LAST_DITCH = {0.25: 0.0037, 0.5: 0.0080, 1: 0.0175}


@pytest.mark.parametrize("k", BIASED)
def test_the_biased_table(k):
    solution = biased(k)
    assert values(solution, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.65, 0.7]) == pytest.approx(BIASED[k], abs=1e-4)
    assert solution.value_above_half == pytest.approx(-2 * k, abs=1e-4)  # k (p - 1/2) every period
    assert solution.gap < 1e-10
    assert blocks(solution) == [(0.5, pytest.approx(0.7))]
    assert (solution.side[solution.obfuscates] == -1).all()
    b, q = solution.beliefs, solution.precision
    assert q[solution.obfuscates] == pytest.approx(b[solution.obfuscates], abs=1e-6)
    assert b[0, q[0] != P][0] == pytest.approx(LAST_DITCH[k], abs=5e-4)


@pytest.mark.parametrize("k", [0.25, 0.5, 1, 2, 4, 8])
def test_what_the_biased_planner_gets_for_sure(k):
    solution = biased(k)
    b, v, q = solution.beliefs, solution.values, solution.precision
    assert (v[b > P + 1e-9] == 0.0).all()
    assert (q[b > P + 1e-9] == P).all()
    assert v[b < b[0, q[0] != P][0]] == pytest.approx(-1 / (1 - DISCOUNT))
    held = solution.obfuscates
    assert v[held] == pytest.approx(-k * (P - b[held]) / (1 - DISCOUNT), abs=1e-4)


def test_the_biased_planner_lowers_precision_to_keep_hope():
    solution = biased(1)
    b, q = solution.beliefs[0], solution.precision[0]
    lowers = (b > 0.301) & (b < 0.464)
    assert q[lowers] == pytest.approx(1 - b[lowers], abs=1e-6)
    assert (solution.side[0, lowers] == 1).all()  # 1/2 is not enough: beyond it she can obfuscate
    ditch = (b > 0.2) & (b < 0.3)
    assert (q[ditch] >= 1 - b[ditch] - 1e-9).all()


def test_a_precision_near_the_limit_gets_near_the_value():
    # With a list of levels there are no limits. At 0.6 the level 0.5999 is ignored, for the price of a distance of 0.1001.
    held = solve(society(1, biased=True), discount=DISCOUNT, levels=[0.5999, 0.7], step=0.005)
    assert held.value(0.6) == pytest.approx(-1.001, abs=1e-9)


def test_near_ties_of_an_expensive_biased_planner():
    assert biased(4).value(0.5) == pytest.approx(-3.396, abs=3e-3)


# --- Myopic planners --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("k", "threshold"), [(0.5, 0.15), (0.8, 0.24), (1.2, None)])
def test_the_myopic_altruist(k, threshold):
    solution = altruistic(k, discount=0.0)
    b, q = solution.beliefs[0], solution.precision[0]
    if threshold is None:  # certainty costs more than the errors of the baseline
        assert (q == P).all()
    else:
        assert b[q != P][0] == pytest.approx(threshold, abs=5e-4)
        assert (q[b > threshold + 1e-9] == 1.0).all()
    error = np.minimum(np.minimum(b, 1 - P), k * (1 - P))
    assert solution.values[0] == pytest.approx(-error, abs=1e-9)


@pytest.mark.parametrize(("k", "last_ditch", "holds"), [(0.5, 0.0632, 0.5), (1, 0.1077, 0.5), (3, 0.1952, 0.5385)])
def test_the_myopic_biased_planner(k, last_ditch, holds):
    solution = biased(k, discount=0.0)
    b, q = solution.beliefs[0], solution.precision[0]
    assert b[q != P][0] == pytest.approx(last_ditch, abs=5e-4)
    assert blocks(solution) == [(pytest.approx(holds, abs=5e-4), pytest.approx(0.7, abs=5e-4))]
    assert math.isclose(2 * last_ditch * (1 - last_ditch), k * (1 - last_ditch - P), abs_tol=2e-3)


@pytest.mark.parametrize(("k", "end"), [(0.25, 0.375), (0.1, 0.45), (0.5, None)])
def test_where_the_myopic_biased_planner_lowers_precision(k, end):
    solution = biased(k, discount=0.0)
    b, q = solution.beliefs[0], solution.precision[0]
    lowers = b[(q < P) & (b < 0.5)]
    if end is None:
        assert len(lowers) == 0
    else:
        assert (lowers[0], lowers[-1]) == pytest.approx((1 - P, end), abs=1e-3)


# --- Finite horizons --------------------------------------------------------------------------------------------------

LEVELS = [0.5, 0.6, 0.7, 0.8, 0.9, 1.0]


@pytest.mark.parametrize(("horizon", "expected", "hold"), [(5, -1.212720, -2.5), (10, -2.044603, -5.0)])
def test_no_control_of_a_finite_horizon_without_discount(horizon, expected, hold):
    # Only beliefs of the grid are met before the cascades, so that the exact tables of budgets apply.
    assert no_control(society(1), discount=1.0, horizon=horizon).value(0.5) == pytest.approx(expected, abs=1e-6)
    assert no_control(society(1, biased=True), discount=1.0, horizon=horizon).value(0.5) == pytest.approx(hold, abs=1e-6)


def exact_value(is_biased, mu, horizon):
    """The value at 1/2 without discount, by recursion over log-odds, a lattice. mu: the price of a tenth of precision."""

    @lru_cache(None)
    def value(L, t):
        if t == 0:
            return 0.0
        b, best = 1 / (1 + math.exp(-L)), -math.inf
        for q in LEVELS:
            strength = math.log(q / (1 - q)) if q < 1 else 40.0
            cost = 10 * mu * (abs(q - P) if is_biased else max(q - P, 0.0))
            if strength >= abs(L) - 1e-8:
                good = b * q + (1 - b) * (1 - q)
                later = good * value(round(min(L + strength, 40.0), 9), t - 1)
                if good < 1:
                    later += (1 - good) * value(round(max(L - strength, -40.0), 9), t - 1)
                best = max(best, later - cost - ((1 - good) if is_biased else (1 - q)))
            else:
                best = max(best, value(L, t - 1) - cost - (float(L < 0) if is_biased else min(b, 1 - b)))
        return best

    return value(0.0, horizon)


@pytest.mark.parametrize("is_biased", [False, True])
@pytest.mark.parametrize("mu", [0.05, 0.15, 0.7])
def test_a_list_of_precisions_over_a_finite_horizon(is_biased, mu):
    solution = solve(society(10, biased=is_biased), price=mu, discount=1.0, horizon=10, levels=LEVELS, step=1e-3)
    # The biased planner's paths meet ties at beliefs that are not on the grid, where the value jumps.
    assert solution.value(0.5) == pytest.approx(exact_value(is_biased, mu, 10), abs=0.012 if is_biased else 1e-6)


@pytest.mark.parametrize(
    ("is_biased", "units", "expected", "tolerance"),
    [(False, 1, -1.3446, 1e-4), (False, 2, -0.6446, 1e-4), (True, 2, -3.9822, 0.012), (True, 6, -3.137, 0.012)],
)
def test_the_dual_bound_of_a_budget(is_biased, units, expected, tolerance):
    prices = np.append(np.arange(0.0, 0.51, 0.05), np.arange(0.6, 1.01, 0.1))
    asked = society(10, biased=is_biased)
    bounds = [
        solve(asked, price=mu, discount=1.0, horizon=10, levels=LEVELS, step=1e-3).value(0.5) + mu * units for mu in prices
    ]
    assert min(bounds) == pytest.approx(expected, abs=tolerance)


def test_a_long_horizon_is_for_ever():
    for is_biased in (False, True):
        asked = society(2, biased=is_biased)
        long = solve(asked, discount=0.8, horizon=150, step=5e-3, precisions=51)
        for_ever = solve(asked, discount=0.8, step=5e-3, precisions=51)
        assert long.values == pytest.approx(for_ever.values, abs=1e-9)


def test_one_period_is_myopic():
    asked = society(1, biased=True)
    assert solve(asked, discount=1.0, horizon=1, step=1e-3).values == pytest.approx(
        solve(asked, discount=0.0, step=1e-3).values, abs=1e-12
    )


# --- Other agents -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("behaviour", "value", "block"),
    [
        (Behaviour(), -2.828, (0.5, 0.70)),
        (Behaviour(contradicting=1.5), -2.884, (0.5, 0.7805)),
        (Behaviour(contradicting=2.0), -2.894, (0.5, 0.8445)),
        (Behaviour(contradicting=0.5), -2.514, (0.5, 0.604)),
    ],
)
def test_agents_who_trust_their_signals_more_are_harder_to_hold(behaviour, value, block):
    solution = biased(1, behaviour=behaviour)
    assert solution.value(0.5) == pytest.approx(value, abs=1e-3)
    assert blocks(solution) == [pytest.approx(block, abs=5e-4)]


def test_agents_who_always_follow_near_one_half_cannot_be_held_there():
    solution = biased(1, behaviour=BEHAVIOURS["weizsacker"])
    assert blocks(solution) == [pytest.approx((2 / 3, 0.8235), abs=5e-4)]  # below odds of 2 to 1 any signal is followed
    assert solution.value(0.5) == pytest.approx(solution.value_above_half, abs=1e-4)
    assert solution.value(0.5) == pytest.approx(-4.0790, abs=1e-3)


def test_behaviour_without_control():
    assert no_control(society(1, behaviour=BEHAVIOURS["weizsacker"]), discount=DISCOUNT).value(0.5) == pytest.approx(
        -1.968778, abs=1e-6
    )
    assert no_control(society(1, behaviour=BEHAVIOURS["underweight"]), discount=DISCOUNT).value(0.5) == pytest.approx(-3.0)


def test_a_very_rational_logit_is_nearly_bayes():
    for is_biased in (False, True):
        coarse = {"discount": DISCOUNT, "step": 2.5e-3, "precisions": 201}
        bayes = solve(society(3, biased=is_biased), **coarse)
        logit = solve(society(3, biased=is_biased, behaviour=Behaviour(rationality=3000.0)), **coarse)
        assert values(logit, [0.1, 0.3, 0.5, 0.6, 0.8]) == pytest.approx(values(bayes, [0.1, 0.3, 0.5, 0.6, 0.8]), abs=0.05)
        noisy = solve(society(3, biased=is_biased, behaviour=Behaviour(rationality=3.0)), **coarse)
        assert noisy.value_above_half == pytest.approx(noisy.value(0.5), abs=1e-4)  # smooth: nobody ignores a signal


# --- An independent calculation ---------------------------------------------------------------------------------------


def plain_values(
    grid, *, is_biased, levels, k, discount, hazard, own=True, weights=(1.0, 1.0, 0.0), rationality=None, stubborn=0.0
):
    """Value iteration in plain Python on a grid (2, n), from probabilities: none of the suite's kernels, no log-odds kept."""
    n = len(grid[0])
    prior_weight, weight, self_trust = weights

    def opinion(b):
        b = min(max(b, 1e-17), 1 - 1e-16)
        return math.log(b / (1 - b))

    def p_good(b, q, signal, above):
        """Probability that an agent plays G after the signal."""
        prior = prior_weight * (1e-6 if above else opinion(b))
        x = prior + signal * (weight * opinion(q) + self_trust)
        if rationality is not None:
            listens = 1 / (1 + math.exp(min(-rationality * x, 700)))
        elif abs(x) > 1e-9:
            listens = float(x > 0)
        else:
            listens = float((signal if own or abs(prior) < 1e-9 else prior) > 0)
        return (1 - stubborn) * listens + stubborn / 2

    def interpolated(v, b, half):
        j = min(max(bisect(grid[half], b) - 1, 0), n - 2)
        part = (b - grid[half][j]) / (grid[half][j + 1] - grid[half][j])
        return v[half][j] + part * (v[half][j + 1] - v[half][j])

    def q_value(v, half, j, q):
        b, above = grid[half][j], half == 1 and j == 0
        g, h = p_good(b, q, 1, above), p_good(b, q, -1, above)
        in_good, in_bad = q * g + (1 - q) * h, (1 - q) * g + q * h
        good = b * in_good + (1 - b) * in_bad
        error = (1 - good) if is_biased else b * (1 - in_good) + (1 - b) * in_bad
        total = -error - k * (abs(q - P) if is_biased else max(q - P, 0.0))
        for chance, joint in ((good, b * in_good), (1 - good, b * (1 - in_good))):
            if chance > 1e-12:
                later = joint / chance
                right = later > 0.5 + 1e-9 or (above and abs(g - h) < 1e-12)
                later += hazard * (1 - 2 * later)
                if above and right and abs(g - h) < 1e-12:
                    later = 0.5
                total += discount * chance * interpolated(v, later, int(right))
        return total

    v = [[0.0] * n, [0.0] * n]
    for _ in range(120):
        v = [[max(q_value(v, half, j, q) for q in levels) for j in range(n)] for half in range(2)]
    return np.array(v)


AGENTS = {
    "bayes": ({}, Behaviour()),
    "ties to the belief": ({"own": False}, Behaviour()),
    "grether": ({"weights": (0.88, 0.51, 0.0)}, BEHAVIOURS["grether"]),
    "weizsacker": ({"weights": (1.0, 1.0, math.log(2))}, BEHAVIOURS["weizsacker"]),
    "stubborn": ({"stubborn": 0.2}, BEHAVIOURS["stubborn"]),
    "logit": ({"rationality": 3.0}, BEHAVIOURS["logit"]),
}


@pytest.mark.parametrize("agents", AGENTS)
@pytest.mark.parametrize("is_biased", [False, True])
@pytest.mark.parametrize("hazard", [0.0, 0.1])
def test_plain_value_iteration_agrees(agents, is_biased, hazard):
    plain, behaviour = AGENTS[agents]
    levels, k, discount = [0.5, 0.625, 0.7, 0.9], 0.7, 0.8
    asked = society(k, biased=is_biased, behaviour=behaviour, hazard=hazard, own_on_ties=plain.get("own", True))
    solution = solve(asked, discount=discount, levels=levels, step=0.025)
    expected = plain_values(
        solution.beliefs.tolist(), is_biased=is_biased, levels=levels, k=k, discount=discount, hazard=hazard, **plain
    )
    assert solution.values == pytest.approx(expected, abs=1e-8)


def test_a_switching_state_lets_the_herd_forget():
    for is_biased in (False, True):
        solution = solve(society(1, biased=is_biased, hazard=0.1), discount=DISCOUNT, step=2.5e-3, precisions=101)
        assert solution.gap < 1e-10
    assert solution.value(1.0) < -0.1  # what is certain now is not for ever


# --- The interface ----------------------------------------------------------------------------------------------------


def test_half_belongs_to_the_left():
    solution = biased(1)
    assert solution.beliefs.shape == solution.values.shape == (2, 2001)
    assert solution.value(0.5) == solution.values[0, -1] < solution.values[1, 0] == solution.value_above_half
    assert solution.value(0.50025) == pytest.approx(solution.values[1, 1])
    with pytest.raises(ValueError, match=r"b is 1\.5; expected a belief in \[0, 1\]"):
        solution.value(1.5)


def test_a_price_scales_the_cost():
    kwargs = {"discount": DISCOUNT, "step": 5e-3, "precisions": 101}
    assert solve(society(1, biased=True), price=2.0, **kwargs).values == pytest.approx(
        solve(society(2, biased=True), **kwargs).values, abs=1e-9
    )


@pytest.mark.parametrize("exponent", [0.5, 2.0])
def test_other_shapes_of_the_cost(exponent):
    solution = solve(society(8, exponent=exponent), discount=DISCOUNT, step=5e-3)
    assert solution.value(0.5) >= -2.4 - 1e-9  # certainty costs the same
    follows = np.maximum(np.maximum(solution.beliefs, 1 - solution.beliefs), P)
    inside = (solution.precision > follows + 1e-3) & (solution.precision < 1.0)
    assert inside.any() == (exponent == 2.0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"discount": 1.0}, r"discount is 1\.0; expected a number in \[0, 1\)"),
        ({"discount": -0.1}, r"discount is -0\.1; expected a number in \[0, 1\)"),
        ({"discount": math.nan}, "discount is nan"),
        ({"discount": 1.1, "horizon": 3}, r"discount is 1\.1; expected a number in \[0, 1\]"),
        ({"horizon": 0}, "horizon is 0; expected an integer >= 1"),
        ({"price": -1.0}, "price is -1.0; expected a finite number >= 0"),
        ({"levels": [0.4, 0.7]}, r"levels is \[0\.4, 0\.7\]; expected a list of precisions in \[0\.5, q_max\]"),
        ({"levels": []}, r"levels is \[\]; expected a list of precisions"),
        ({"levels": ["high"]}, "levels is"),
        ({"step": 0.3}, "step is 0.3; expected a number that divides 1/2"),
        ({"step": 0.0}, "step is 0.0"),
        ({"precisions": 1}, "precisions is 1; expected an integer >= 2"),
    ],
)
def test_bad_arguments_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        solve(society(1), **({"discount": DISCOUNT} | changes))


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (society(1, hazard=0.5), r"hazard is 0\.5; expected a probability in \[0, 1/2\)"),
        (society(1, q_max=0.6), r"q_max is 0\.6; expected a precision in \[p, 1\], with p = 0\.7"),
        (society(1, p=1.0), r"p is 1\.0; expected a precision in \[0\.5, 1\)"),
        (society(-1), r"k is -1\.0; expected a finite number >= 0"),
        (society(1)._replace(loss=-1.0), r"loss is -1\.0; expected a finite number >= 0"),
        (society(1)._replace(biased="yes"), "biased is 'yes'; expected True or False"),
        (society(1, behaviour=Behaviour(stubborn=1.0)), "agents' stubborn is 1; expected a share below 1"),
    ],
)
def test_bad_societies_are_named(bad, message):
    with pytest.raises(ValueError, match=message):
        solve(bad, discount=DISCOUNT)
