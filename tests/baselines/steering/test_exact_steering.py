"""The exact optimum, its bounds and the value of doing nothing, against published tables, closed forms and plain Python."""

import math
import random

import numpy as np
import pytest
from budgetgym.baselines.steering import grid
from budgetgym.baselines.steering.exact import MOST_RESTS, check_exact, exact, relaxed, rests_of, value, without_control
from budgetgym.baselines.steering.piecewise import average, value_at
from budgetgym.baselines.steering.values import best_price, bound, null_value, optimal_value, society_of
from budgetgym.envs.steering.behaviour import log_odds
from budgetgym.envs.steering.problem import SocialSteering
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_steering import Truth

SIX = [0.5, 0.6, 0.7, 0.8, 0.9, 1.0]


def made(objective="altruistic", T=10, q_max=1.0, **settings):
    """A tenth of precision costs 1, as in the tables."""
    settings = {"levels": [q for q in SIX if q <= q_max], "k": 10.0, "budget": 1.0, **settings}
    return SocialSteering(objective=objective, T=T, q_max=q_max, **settings)


def best(problem, budget, tolerance=1e-9):
    return value(exact(problem, budget, tolerance), problem)


# --- the tables --------------------------------------------------------------------------------------------------------

TABLES = {
    ("altruistic", 5, 1.0): {0: -1.212720, 1: -0.974540, 2: -0.5, 3: 0.0, 4: 0.0, 100: 0.0},
    ("altruistic", 10, 1.0): {0: -2.044603, 1: -1.682149, 2: -1.0, 3: 0.0, 100: 0.0},
    ("biased", 5, 1.0): {
        0: -2.5, 1: -2.353050, 2: -2.060150, 3: -1.939500, 4: -1.65, 6: -1.641, 8: -1.506, 10: -1.286, 100: -1.286
    },
    ("biased", 10, 1.0): {
        0: -5.0, 1: -4.711825, 2: -4.181825, 3: -3.964780, 4: -3.795117, 6: -3.519361, 8: -3.231309, 10: -2.968796,
        15: -2.524200, 20: -2.126, 100: -2.126,
    },
    ("altruistic", 10, 0.9): {
        0: -2.044603, 1: -1.682149, 2: -1.0, 3: -0.909067, 4: -0.590544, 6: -0.424, 8: -0.371947, 12: -0.340595,
        16: -0.336489, 20: -0.336069, 100: -0.336069,
    },
    ("biased", 10, 0.9): {
        0: -5.0, 2: -4.181825, 4: -3.795117, 8: -3.302381, 12: -2.89605, 16: -2.565, 20: -2.163784, 100: -2.163784
    },
}  # fmt: skip


@pytest.mark.parametrize("which", TABLES, ids=str)
def test_the_tables(which):
    problem = made(*which)
    for budget, expected in TABLES[which].items():
        assert best(problem, float(budget)) == pytest.approx(expected, abs=1.001e-6)


@pytest.mark.parametrize("which", TABLES, ids=str)
def test_more_effort_is_never_worse(which):
    problem = made(*which)
    values = [best(problem, x) for x in np.arange(0, 25, 0.5)]
    assert (np.diff(values) >= -1e-9).all()
    assert values[::2] == pytest.approx(values[1::2], abs=1e-9)  # half a unit buys nothing
    # The rests of a large budget are those of all smaller ones.
    solved = exact(problem, 8.0, 1e-9)
    for r, rest in enumerate(solved.rests):
        f = solved.first
        here = slice(f.start[r], f.start[r] + f.size[r] + 1)
        at = value_at(f.x[here], f.at[here], f.g[here], f.h[here], f.size[r], 0.0)
        assert at == pytest.approx(best(problem, float(rest)), abs=1e-9)


def test_no_effort_and_all_the_effort():
    problem = made("altruistic", q_max=0.9)
    assert best(problem, 0.0) == pytest.approx(null_value(problem), abs=1e-6)
    unlimited = value(relaxed(problem, 0.0, 1e-9), problem)
    assert best(problem, 20.0) == best(problem, 1e6) == pytest.approx(unlimited, abs=1e-9)
    # A biased planner can't lower precision either.
    problem = made("biased", q_max=0.9)
    assert best(problem, 0.0) == pytest.approx(null_value(problem), abs=1e-6)


# --- plain Python ------------------------------------------------------------------------------------------------------


def any_case(seed):
    """Settings and a budget, with all that can be odd about them."""
    rng = random.Random(seed)
    q_max = rng.choice([0.8, 0.9, 1.0])
    levels = rng.choice([[0.5, 0.6, 0.7, 0.8], [0.5], [0.65, 0.8], [q_max], [0.7], [0.51, 0.52, q_max]])
    case = {
        "objective": rng.choice(["altruistic", "biased"]),
        "p": rng.choice([0.5, 0.55, 0.7, 0.75, 0.8]),
        "q_max": q_max,
        "levels": levels,
        "prior": rng.choice([0.5, 0.5, 0.3, 0.42, 0.7, 0.9, 1e-4, 1 - 1e-9]),
        "k": rng.choice([10, 3, 1, 0]),
        "cost": rng.choice(["linear", "concave", "quadratic"]),
        "price": rng.choice([0.0, 0.0, 0.3]),
        "C": rng.choice([1.0, 2.0, 0.0]),
        "T": rng.choice([1, 2, 3, 4]),
        "discount": rng.choice([1.0, 1.0, 0.8]),
        "ties": rng.choice(["signal", "belief"]),
        "hazard": rng.choice([0.0, 0.0, 0.1, 0.4]),
        "agents": rng.choice(
            [
                *("bayes", "weizsacker", "overweight", "underweight", "grether", "llm_like", "stubborn"),
                {"contradicting": 1.3, "stubborn": 0.1, "self_trust": 0.2},
                {"prior_weight": 0.0},
                {"contradicting": 0.0, "confirming": 0.0},
                {"prior_weight": 1.7, "confirming": 0.0, "self_trust": 0.4},
            ]
        ),
    }
    return case, rng.choice([0.0, 0.1, 0.35, 1.0, 2.0, 3.0, 50.0])


@pytest.mark.parametrize("block", range(4))
def test_plain_python_agrees(block):
    for seed in range(60 * block, 60 * block + 60):
        case, budget = any_case(seed)
        problem = SocialSteering(**case, budget=budget)
        truth = Truth(**case)
        assert best(problem, budget) == pytest.approx(truth.optimum(budget), abs=1e-7), (case, budget)
        nothing = truth.policy_value(lambda t, last: (case["p"],), budget)  # noqa: B023
        assert null_value(problem) == pytest.approx(nothing, abs=1e-6), case


def test_longer_problems_agree_too():
    for case, budget in (
        ({"T": 7, "objective": "biased"}, 0.45),
        ({"T": 6, "hazard": 0.1}, 0.3),
        ({"T": 6, "agents": "llm_like", "objective": "biased", "hazard": 0.05}, 0.4),
        ({"T": 7, "agents": "weizsacker", "discount": 0.9}, 0.5),
    ):
        assert best(SocialSteering(**case), budget) == pytest.approx(Truth(**case).optimum(budget), abs=1e-7)


def test_certainty_that_drifts_to_a_tie():
    """From certainty the belief drifts to 0.6, and then, if nobody listens, to 0.52, where agents are torn at q = 0.52.

    The value at that single belief counts for all beliefs that are as good as certain; below 1/2 likewise.
    """
    case = {"p": 0.55, "q_max": 1.0, "levels": [0.52, 1.0], "hazard": 0.4, "price": 0.3, "C": 2.0, "T": 4, "ties": "belief"}
    for prior in (0.2, 0.5, 0.8):
        for objective in ("altruistic", "biased"):
            own = {**case, "objective": objective, "prior": prior}
            assert best(SocialSteering(**own), 0.6) == pytest.approx(Truth(**own).optimum(0.6), abs=1e-8)
            own["ties"] = "signal"
            assert best(SocialSteering(**own), 0.6) == pytest.approx(Truth(**own).optimum(0.6), abs=1e-8)


def test_a_range_of_priors_is_their_mean():
    for objective in ("altruistic", "biased"):
        problem = SocialSteering(prior=(0.15, 0.85), T=4, objective=objective, budget=0.25)
        n = 1000
        priors = 0.15 + 0.7 * (np.arange(n) + 0.5) / n
        solved = exact(problem, 0.25, 1e-9)
        each = [value(solved, problem.replace(prior=float(b))) for b in priors]
        assert value(solved, problem) == pytest.approx(np.mean(each), abs=2e-4)
        truth = Truth(T=4, objective=objective)
        assert each[::97] == pytest.approx([truth.optimum(0.25, float(b)) for b in priors[::97]], abs=1e-7)
        assert null_value(problem) == pytest.approx(
            np.mean([null_value(problem.replace(prior=float(b))) for b in priors]), abs=3e-4
        )


@given(st.lists(st.floats(-1, 1), min_size=5, max_size=5), st.floats(0.01, 0.4), st.floats(0.5, 0.99))
@settings(deadline=None)
def test_the_mean_of_a_function(heights, low, high):
    x = np.array([log_odds(b) for b in (0.2, 0.5, 0.6, 0.97)])
    g, h = np.array(heights), np.array(heights[::-1])
    n = 100_000
    b = low + (high - low) * (np.arange(n) + 0.5) / n
    piece = np.searchsorted([0.2, 0.5, 0.6, 0.97], b)
    by_hand = (g[piece] * b + h[piece] * (1 - b)).mean()
    assert average(x, g, h, 4, low, high) == pytest.approx(by_hand, abs=1e-4)


# --- the Lagrangian dual -----------------------------------------------------------------------------------------------

PRICES = [*np.arange(0, 0.5, 0.05), *np.arange(0.5, 1.01, 0.1)]


@pytest.mark.parametrize(
    ("objective", "budget", "expected", "tolerance"),
    [
        ("altruistic", 1, -1.3446, 1e-4),
        ("altruistic", 2, -0.6446, 1e-4),
        ("biased", 2, -3.9822, 1e-4),
        ("biased", 6, -3.137, 1e-3),
        ("biased", 10, -2.537, 1e-3),
    ],
)
def test_the_dual_bound(objective, budget, expected, tolerance):
    problem = made(objective)
    coarse = min(value(relaxed(problem, mu), problem) + mu * budget for mu in PRICES)
    assert coarse == pytest.approx(expected, abs=tolerance)
    fine = bound(problem, float(budget))
    assert best(problem, float(budget)) <= fine <= coarse + 1e-5
    mu = best_price(problem, float(budget))
    assert value(relaxed(problem, mu), problem) + mu * budget == pytest.approx(fine, abs=1e-9)


@pytest.mark.parametrize("objective", ["altruistic", "biased"])
def test_the_bound_of_no_effort_and_of_all_the_effort(objective):
    problem = made(objective, q_max=0.9)
    assert bound(problem, 0.0) == pytest.approx(null_value(problem), abs=1e-3)
    assert bound(problem, 1000.0) == pytest.approx(best(problem, 1000.0), abs=1e-6)
    assert best_price(problem, 1000.0) == 0.0
    several = problem.replace(topics=3)
    assert bound(several, 3000.0) == pytest.approx(3 * best(problem, 1000.0), abs=1e-5)
    assert null_value(several) == pytest.approx(3 * null_value(problem), abs=1e-9)


@pytest.mark.parametrize("objective", ["altruistic", "biased"])
@pytest.mark.parametrize("extra", [{}, {"agents": "stubborn", "hazard": 0.1}, {"prior": 0.35, "price": 0.2}], ids=str)
def test_several_topics_stay_below_their_bound(objective, extra):
    case = {"objective": objective, "topics": 2, "T": 3, "levels": [0.5, 0.7, 0.9], **extra}
    problem = SocialSteering(**case)
    for budget in (0.0, 0.2, 0.4, 0.8, 5.0):
        truth = Truth(**case).optimum(budget)
        assert truth <= bound(problem, budget) + 1e-6
        assert optimal_value(problem, budget) == bound(problem, budget)
    assert truth == pytest.approx(bound(problem, 5.0), abs=1e-5)


def test_the_optimum_is_exact_where_it_can_be_and_a_bound_elsewhere():
    problem = SocialSteering(T=6)
    assert optimal_value(problem, 0.3) == pytest.approx(best(problem, 0.3), abs=1e-6)
    assert optimal_value(problem, 0.3) < bound(problem, 0.3) - 0.01
    for case in ({"levels": None}, {"agents": "logit"}):
        other = problem.replace(**case)
        assert optimal_value(other, 0.3) == bound(other, 0.3)
    # What a list allows, a continuum allows too; and certainty is not for sale.
    assert best(problem, 0.3) <= optimal_value(problem.replace(levels=None), 0.3) + 1e-4
    for case in ({"network": "complete"}, {"public_belief": "biased"}):
        with pytest.raises(ValueError, match="a single topic can't be solved"):
            bound(problem.replace(**case), 0.3)


@pytest.mark.parametrize(
    "case", [{}, {"topics": 2}, {"levels": None}, {"agents": "logit"}, {"T": None, "discount": 0.8}], ids=str
)
def test_worlds_without_losses_or_costs(case):
    """C = 0 and k = 0 are allowed, so that all that is known of them is known."""
    free = SocialSteering(**{"T": 4, **case}, k=0.0)
    assert optimal_value(free, 0.0) == pytest.approx(optimal_value(free, 10.0), abs=1e-6)
    harmless = SocialSteering(**{"T": 4, **case}, C=0.0, price=1.0)
    assert optimal_value(harmless, 0.3) == pytest.approx(0.0, abs=1e-9)
    assert null_value(harmless) == pytest.approx(0.0, abs=1e-9)


# --- for ever ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("objective", ["altruistic", "biased"])
@pytest.mark.parametrize("extra", [{}, {"hazard": 0.1, "prior": 0.37}, {"agents": "weizsacker", "prior": 0.41}], ids=str)
def test_for_ever_agrees_with_the_grid(objective, extra):
    case = {"objective": objective, "T": None, "discount": 0.9, "budget": None, "price": 1.0, **extra}
    problem = SocialSteering(**case)
    here = optimal_value(problem, math.inf)
    assert here == pytest.approx(value(relaxed(problem, 1.0), problem), abs=1e-5)
    on_grid = grid.solve(society_of(problem), discount=0.9, price=1.0, levels=problem.params.levels, step=1e-3)
    assert here == pytest.approx(on_grid.value(problem.settings.get("prior", 0.5)), abs=2e-2)


def test_doing_nothing_for_ever():
    problem = SocialSteering(T=None, discount=0.9, budget=None, price=1.0)
    assert null_value(problem) == pytest.approx(-1.968778, abs=2e-6)
    assert null_value(problem.replace(prior=0.7)) == pytest.approx(-1.854198, abs=2e-6)
    assert null_value(problem.replace(prior=0.4)) == pytest.approx(-2.33956, abs=6e-6)
    assert null_value(problem.replace(ties="belief")) == pytest.approx(-3.0, abs=2e-6)
    assert null_value(problem.replace(levels=None)) == pytest.approx(-1.968778, abs=2e-6)
    # The agents hardly matter as long as nobody can be torn; a logit is solved on the grid.
    logit = null_value(problem.replace(agents={"rationality": 200.0}, prior=0.8))
    assert logit == pytest.approx(null_value(problem.replace(prior=0.8)), abs=1e-3)


def test_cheap_certainty_for_ever():
    """The paper's first regime in closed form: certainty at once, or never."""
    for k, prior in ((0.5, 0.5), (1.0, 0.4), (3.0, 0.2), (3.0, 0.05)):
        problem = SocialSteering(
            T=None, discount=0.9, budget=None, price=1.0, k=k, q_max=1.0, levels=[0.5, 0.7, 0.9, 1.0], prior=prior
        )
        expected = max(-prior / 0.1, -k * 0.3)
        assert optimal_value(problem, math.inf) == pytest.approx(expected, abs=2e-6)


# --- precision and limits ----------------------------------------------------------------------------------------------


def test_the_tolerance_is_kept():
    problem = SocialSteering(levels=11, T=30, prior=0.45)
    fine = exact(problem, 0.4, 1e-7)
    for tolerance in (1e-2, 1e-3, 1e-4):
        coarse = exact(problem, 0.4, tolerance)
        assert len(coarse.ahead.x) < len(fine.ahead.x)
        for prior in (0.05, 0.3, 0.45, 0.5, 0.7, 0.93):
            here = problem.replace(prior=prior)
            assert value(coarse, here) == pytest.approx(value(fine, here), abs=tolerance)


def test_solutions_are_kept_and_do_not_depend_on_the_problem_s_own_budget():
    problem = SocialSteering(T=5)
    assert exact(problem, 0.2) is exact(problem.replace(budget=3.0, observation="history"), 0.2)
    assert exact(problem, 0.2) is not exact(problem, 0.3)
    assert exact(problem, 0.2) is not exact(problem, 0.2, 1e-3)
    assert exact(problem, 0.2) is not exact(problem.replace(k=2.0), 0.2)


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ({"topics": 2}, "no exact solution with 2 topics"),
        ({"network": "last-1"}, "no exact solution with a network"),
        ({"public_belief": "biased"}, "no exact solution with a biased public belief"),
        ({"agents": "logit"}, "no exact solution with agents with a logit choice"),
        ({"levels": None}, "no exact solution with a continuum of precisions; expected one topic, certain choices"),
    ],
)
def test_what_has_no_exact_solution(case, message):
    problem = SocialSteering(**case)
    for solve in (check_exact, lambda x: exact(x, 0.3), lambda x: relaxed(x, 0.3)):
        with pytest.raises(ValueError, match=message):
            solve(problem)
    if "levels" in case:
        assert value(without_control(problem), problem) == null_value(SocialSteering())


def test_amounts_that_can_be_left():
    costs = np.array([0.2, 0.1, 0.0, 0.1, 0.2])
    rests, after = rests_of(costs, 0.35, 9, 0.35)
    assert rests == pytest.approx([0.0, 0.1, 0.2, 0.3])
    assert after.tolist() == [[-1, -1, 0, -1, -1], [-1, 0, 1, 0, -1], [0, 1, 2, 1, 0], [1, 2, 3, 2, 1]]
    assert len(rests_of(costs, 1.8, 9, 1.8)[0]) == 1  # cannot run out
    assert len(rests_of(costs, 1.7, 9, 1.7)[0]) == 18
    assert len(rests_of(costs, 99.0, 9, 0.0)[0]) == 19  # might, in another episode
    # 3 - 2 = 1 pays for as much as 0 does.
    rests, after = rests_of(np.array([0.0, 2.0, 3.0]), 5.0, 9, 5.0)
    assert rests.tolist() == [0, 2, 3, 4, 5]
    assert after.tolist() == [[0, -1, -1], [1, 0, -1], [2, 0, 0], [3, 1, 0], [4, 2, 1]]
    assert rests_of(np.array([0.0, 2.0, 3.0]), 1e9, 3, 0.0)[0].tolist() == [0, 2, 3, 4, 5, 6, 7, 8, 9]
    with pytest.raises(ValueError, match=f"more than {MOST_RESTS} amounts can be left of a budget of 10; round the costs"):
        rests_of(np.random.default_rng(0).random(20), 10.0, 100, 10.0)
