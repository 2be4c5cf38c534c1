"""Conversions: when they come, what is charged for them, and what a planner may think of those that have not come."""

import numpy as np
import pytest
from budgetgym.envs.bidding.conversions import delay_distribution
from budgetgym.envs.bidding.law import PRICE_LEVELS
from budgetgym.envs.bidding.market import Market
from budgetgym.envs.bidding.problem import RealTimeBidding
from budgetgym.envs.core import BudgetedEnv, BudgetedVectorEnv
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare, geom, weibull_min


def sure(price=1, theta=1.0):
    """Impressions that all cost the same and are all as likely clicked."""
    price_pmf = np.eye(PRICE_LEVELS)[[[price]]]
    return Market(np.array([[theta]]), np.ones((1, 1)), np.zeros((1, 1), int), price_pmf, np.zeros(1))


def replay(bids, log, **rules):
    env = BudgetedEnv(RealTimeBidding, log=np.array(log), **{"T": len(log), "budget": 1e6, **rules})
    env.reset(seed=0)
    return [env.step(np.array([bid], float)) for bid in bids]


def column(steps, name):
    return [info[name] for *_, info in steps]


def assert_frequencies(counts, probabilities):
    """A chi-square test, over the classes that are possible."""
    counts, probabilities = np.asarray(counts), np.asarray(probabilities)
    possible = probabilities > 1e-12
    assert counts[~possible].sum() == 0
    assert probabilities.sum() == pytest.approx(1)
    expected = probabilities[possible] / probabilities[possible].sum() * counts.sum()
    assert chisquare(counts[possible], expected).pvalue > 1e-5


# --- Laws of the delay ------------------------------------------------------------------------------------------------------


def test_a_geometric_delay_has_its_mean_and_starts_at_zero():
    cdf = delay_distribution("geometric:4", 2000)
    assert cdf[:6] == pytest.approx(geom(1 / 5, loc=-1).cdf(np.arange(6)))
    assert (1 - cdf).sum() == pytest.approx(4)


def test_a_weibull_delay_is_rounded_down():
    cdf = delay_distribution("weibull:20:0.7", 50)
    assert cdf == pytest.approx(weibull_min(0.7, scale=20).cdf(np.arange(1, 52)))


def test_a_delay_as_counted():
    assert delay_distribution([0.2, 0.3, 0.5], 1) == pytest.approx([0.2, 0.5])
    assert delay_distribution(np.array([0.2, 0.3, 0.5]), 4) == pytest.approx([0.2, 0.5, 1, 1, 1])
    assert delay_distribution((1,), 0).tolist() == [1]
    assert delay_distribution(None, 2).tolist() == [1, 1, 1]


LAWS = [None, "geometric:3", "weibull:5:0.5", [0.1] * 10]


@given(delay=st.sampled_from(LAWS), window=st.integers(0, 40), auctions=st.integers(1, 40))
def test_delays_that_end_after_the_episode_count_as_its_end(delay, window, auctions):
    whole = delay_distribution(delay, window)
    cut = delay_distribution(delay, window, auctions)
    assert whole.shape == (window + 1,)
    assert cut.shape == (min(window, auctions) + 1,)
    assert (np.diff(whole) >= 0).all()
    assert whole[-1] <= 1
    assert np.array_equal(cut[:-1], whole[: len(cut) - 1])
    assert cut[-1] == whole[-1]


@pytest.mark.parametrize(
    "delay",
    [
        "geometric",
        "geometric:",
        "geometric:x",
        "geometric:0",
        "geometric:-2",
        "geometric:nan",
        "geometric:inf",
        "geometric:1:2",
        "weibull:3",
        "weibull:3:0",
        "weibull:3:1:2",
        "poisson:3",
        "",
        5,
        float("nan"),
        [],
        [0.5, 0.4],
        [1.5, -0.5],
        [float("nan"), 1.0],
        [[0.5, 0.5]],
        [[0.5], [0.25, 0.25]],
        ["a"],
        [0.5 + 1j, 0.5],
        {"geometric": 3},
    ],
    ids=repr,
)
def test_bad_delays_are_refused_by_name(delay):
    with pytest.raises(ValueError, match="delay is "):
        RealTimeBidding(conversion_rate=0.1, delay=delay)


# --- When conversions come --------------------------------------------------------------------------------------------------


def test_a_fixed_delay_reports_each_conversion_on_its_day_and_the_rest_at_the_end():
    log = [[1, 1, 0.5]] * 6
    for delay, reported in (
        (None, [1, 2, 3, 4, 5, 6]),
        ([0, 1], [0, 1, 2, 3, 4, 6]),
        ([0, 0, 0, 1], [0, 0, 0, 1, 2, 6]),
        ([0] * 50 + [1], [0] * 6),  # beyond the window, which is the episode by default
    ):
        assert column(replay([1] * 6, log, conversion_rate=1.0, delay=delay), "conversions") == reported


def test_only_clicks_that_were_won_convert():
    log = [[1, 1, 0.5], [0, 1, 0.5], [1, 9, 0.5], [1, 1, 0.5], [0, 1, 0.5]]
    assert column(replay([5] * 5, log, conversion_rate=1.0, delay=[0, 1]), "conversions") == [0, 1, 1, 1, 2]


@pytest.mark.parametrize(
    ("window", "conversions"), [(2, [0, 0, 0, 0, 0, 0]), (3, [0, 0, 0, 1, 2, 6]), (49, [0, 0, 0, 1, 2, 6]), (0, [0] * 6)]
)
def test_conversions_outside_the_attribution_window_never_come(window, conversions):
    rules = {"conversion_rate": 1.0, "delay": [0, 0, 0, 1], "attribution_window": window}
    assert column(replay([1] * 6, [[1, 1, 0.5]] * 6, **rules), "conversions") == conversions


def test_a_window_longer_than_the_episode_counts_what_comes_after_it():
    rules = {"conversion_rate": 1.0, "delay": [0] * 50 + [1], "attribution_window": 50}
    assert column(replay([1] * 6, [[1, 1, 0.5]] * 6, **rules), "conversions") == [0, 0, 0, 0, 0, 6]


def test_conversions_are_forgotten_between_episodes():
    env = BudgetedEnv(RealTimeBidding, instance=sure(), T=6, budget=1e6, conversion_rate=1.0, delay=[0, 0, 0, 1])
    env.reset(seed=0)
    for _ in range(3):
        env.step(np.array([1.0]))
    env.reset()
    assert [env.step(np.array([0.0]))[-1]["conversions"] for _ in range(6)] == [0] * 6


def first_conversion(envs, steps, bids):
    """(n,) the step, from 0 on, with which a lane's first conversion is reported; `steps` if none is."""
    when = np.full(envs.num_envs, steps)
    for k in range(steps):
        *_, info = envs.step(np.full((envs.num_envs, 1), bids[k] if k < len(bids) else 0.0))
        when = np.where((when == steps) & (info["conversions"] > 0), k, when)
    return when


@pytest.mark.parametrize("delay", ["geometric:3", "weibull:4:0.7", [0.1, 0.0, 0.4, 0.2, 0.0, 0.3]], ids=str)
@pytest.mark.parametrize("auctions", [12, 5])
def test_delays_have_the_frequencies_of_their_law(delay, auctions):
    window, rate, lanes = 7, 0.6, 20_000
    rules = {"conversion_rate": rate, "delay": delay, "attribution_window": window}
    envs = BudgetedVectorEnv(RealTimeBidding, lanes, instance=sure(), T=auctions, budget=10.0, **rules)
    envs.reset(seed=0)
    when = first_conversion(envs, auctions, [1.0])
    pmf = np.zeros(max(window + 1, auctions) + 1)
    pmf[: window + 1] = rate * np.diff(delay_distribution(delay, window), prepend=0.0)
    pmf[auctions - 1] = pmf[auctions - 1 : -1].sum()  # at the end all that is still to come is reported
    pmf = np.append(pmf[:auctions], 1 - pmf[:auctions].sum())
    assert_frequencies(np.bincount(when, minlength=auctions + 1), pmf)


@pytest.mark.parametrize("window", [3, 400])
def test_the_conversions_of_an_episode_are_those_within_the_window(window):
    rules = {"conversion_rate": 0.3, "delay": "geometric:20", "attribution_window": window, "ticks": 1}
    envs = BudgetedVectorEnv(RealTimeBidding, 2000, instance=sure(theta=0.4), T=50, budget=1e6, **rules)
    envs.reset(seed=0)
    *_, info = envs.step(np.full((2000, 1), 1.0))
    within = 0.3 * delay_distribution("geometric:20", window)[-1]
    clicks = info["clicks"].sum()
    assert info["conversions"].sum() / clicks == pytest.approx(within, abs=4.5 * (within * (1 - within) / clicks) ** 0.5)
    assert (info["conversions"] <= info["clicks"]).all()


def test_the_delays_do_not_depend_on_the_bids():
    rules = {"instance": sure(theta=0.5), "T": 20, "budget": 1e6, "conversion_rate": 0.5, "delay": "geometric:2"}
    seen = []
    for bids in ([1.0] * 20, [0.0] * 10 + [1.0] * 10):
        envs = BudgetedVectorEnv(RealTimeBidding, 50, **rules)
        envs.reset(seed=0)
        for bid in bids:
            envs.step(np.full((50, 1), bid))
        seen.append(envs.snapshot().click_due[:, 10:20])
    assert np.array_equal(*seen)


# --- Rewards, observations and charges --------------------------------------------------------------------------------------


def test_conversions_are_rewarded_when_they_are_reported():
    log = [[1, 2, 0.5]] * 5
    rules = {"conversion_rate": 1.0, "delay": [0, 0, 0, 1], "reward": "conversion"}
    assert [reward for _, reward, *_ in replay([2] * 5, log, **rules)] == [0, 0, 0, 1, 4]


def test_under_the_profit_objective_a_conversion_is_worth_its_share_of_clicks():
    rules = {"conversion_rate": 0.999999999, "reward": "conversion", "objective": "profit", "click_value": 30.0}
    rewards = [reward for _, reward, *_ in replay([2] * 4, [[1, 2, 0.5]] * 4, **rules, delay=[0, 1])]
    assert rewards == pytest.approx([-2, 30 - 2, 30 - 2, 60 - 2])
    half = {**rules, "conversion_rate": 0.5, "instance": sure(5, 0.4), "T": 40, "ticks": 1, "budget": 1e6}
    envs = BudgetedVectorEnv(RealTimeBidding, 5000, **half)
    envs.reset(seed=0)
    _, reward, *_ = envs.step(np.full((5000, 1), 5.0))
    assert reward.mean() / 40 == pytest.approx(0.4 * 30 - 5, abs=4.5 * reward.std() / 40 / 5000**0.5)


def test_clicks_and_conversions_show_in_the_observation():
    env = BudgetedEnv(RealTimeBidding, log=np.array([[1, 1, 0.5]] * 4), T=4, budget=99.0, conversion_rate=1.0, delay=[0, 1])
    assert env.problem.observation_names[4:6] == ("click_rate", "conversion_rate")
    env.reset(seed=0)
    seen = [env.step(np.array([1.0]))[0][4:6] for _ in range(3)]
    assert np.array(seen) == pytest.approx(np.array([[2, 0], [2, 1], [2, 4 / 3]]))


def test_a_conversion_is_charged_when_it_is_reported():
    log = [[1, 10, 0.5], [1, 20, 0.25], [0, 5, 0.5], [1, 30, 0.1], [1, 1, 0.5]]
    steps = replay([300] * 5, log, conversion_rate=1.0, delay=[0, 0, 1], cost_event="conversion")
    assert column(steps, "cost") == [0, 0, 10 / 0.5, 20 / 0.25, 30 / 0.1 + 1 / 0.5]
    assert column(steps, "price_paid") == [10, 20, 5, 30, 1]
    assert column(steps, "clicks") == [1, 2, 2, 3, 4]


def test_a_charge_is_lowered_to_what_is_left_when_it_comes():
    steps = replay([300] * 5, [[1, 10, 0.5]] * 5, conversion_rate=1.0, delay=[0, 0, 1], cost_event="conversion", budget=50.0)
    # 50 * 0.5 = 25 wins; a charge of 20 leaves 30, whose half still wins; one more leaves 10, which the third takes
    assert column(steps, "wins") == [1, 2, 3, 4, 4]
    assert column(steps, "cost") == [0, 0, 20, 20, 10]
    assert steps[-1][-1]["remaining"] == 0


def test_a_bid_is_lowered_to_what_a_conversion_could_be_charged():
    log = [[1, 10, 0.5]] * 2
    rules = {"conversion_rate": 0.25, "cost_event": "conversion"}
    for budget, wins in ((80.0, 1), (79.9, 0)):  # 80 * 0.5 * 0.25 = 10
        first, _ = replay([10, 0], log, budget=budget, **rules)
        assert (first[-1]["wins"], first[-1]["blocked"]) == (wins, 1 - wins)


@pytest.mark.parametrize(("window", "calibration"), [(30, 1.0), (2, 1.0), (30, 0.5)])
def test_charging_conversions_costs_the_price_on_average(window, calibration):
    lanes, auctions = 3000, 40
    rules = {"conversion_rate": 0.3, "delay": "geometric:2", "attribution_window": window, "calibration": calibration}
    envs = BudgetedVectorEnv(
        RealTimeBidding, lanes, instance="uniform", T=auctions, ticks=1, budget=1e12, cost_event="conversion", **rules
    )
    envs.reset(seed=0)
    *_, info = envs.step(np.full((lanes, 1), 200.0))
    spent = info["spent"] / auctions
    expected = 200 * 201 / 2 / 301 / calibration * delay_distribution("geometric:2", window)[-1]
    assert spent.mean() == pytest.approx(expected, abs=4.5 * spent.std() / lanes**0.5)


# --- What planners think of conversions on their way ------------------------------------------------------------------------


def waiting(bids, seed=0, **rules):
    """An environment after these bids, before anything converted."""
    env = BudgetedEnv(RealTimeBidding, **{"instance": sure(), "T": 20, "budget": 1e4, "conversion_rate": 0.5, **rules})
    for attempt in range(seed, seed + 1000):
        env.reset(seed=attempt)
        infos = [env.step(np.array([bid]))[-1] for bid in bids]
        if infos[-1]["conversions"] == 0:
            return env
    raise AssertionError("something always converts")


@pytest.mark.parametrize("delay", ["geometric:3", "weibull:4:0.7", [0.1, 0.0, 0.4, 0.2, 0.0, 0.1, 0.2]], ids=str)
@pytest.mark.parametrize("age", [1, 4, 6])
def test_forks_expect_a_conversion_by_the_law_given_that_it_has_not_come(delay, age):
    window, rate = 6, 0.5
    env = waiting([1.0] + [0.0] * (age - 1), delay=delay, attribution_window=window)
    model = env.model(20_000, seed=0)
    when = first_conversion(model, 20 - age, [])
    cdf = delay_distribution(delay, window)
    pmf = np.zeros(20 - age + 1)
    pmf[: window - age + 1] = rate * np.diff(cdf)[age - 1 :] / (1 - rate * cdf[age - 1])
    pmf[-1] = 1 - pmf[:-1].sum()
    assert_frequencies(np.bincount(when, minlength=20 - age + 1), pmf)


def test_forks_expect_the_conversions_of_several_clicks_independently():
    env = waiting([1.0, 0.0, 1.0], delay="geometric:3", attribution_window=6)
    model = env.model(20_000, seed=0)
    due = model.snapshot().click_due[:, [0, 2]] >= 0
    cdf = delay_distribution("geometric:3", 6)
    p = np.array([0.5 * (cdf[6] - cdf[age - 1]) / (1 - 0.5 * cdf[age - 1]) for age in (3, 1)])
    joint = np.outer([1 - p[0], p[0]], [1 - p[1], p[1]]).ravel()
    assert_frequencies(np.bincount(2 * due[:, 0] + due[:, 1], minlength=4), joint)


def test_forks_agree_with_the_episodes_in_which_nothing_has_come_yet():
    """Bayes by counting, with a click that has been charged for."""
    rules = {"instance": sure(10, 1.0), "delay": "weibull:3:0.6", "attribution_window": 8, "cost_event": "conversion"}
    problem = RealTimeBidding(T=12, budget=1e4, conversion_rate=0.5, **rules)
    envs = BudgetedVectorEnv(problem, 20_000)
    envs.reset(seed=0)
    for bid in (10.0, 10.0, 0.0):
        *_, info = envs.step(np.full((20_000, 1), bid))
    silent = info["conversions"] == 0
    for _ in range(9):
        *_, info = envs.step(np.zeros((20_000, 1)))
    counted = np.bincount(info["spent"][silent].astype(int), minlength=41)

    model = waiting([10.0, 10.0, 0.0], T=12, **rules).model(100_000, seed=0)
    for _ in range(9):
        *_, info = model.step(np.zeros((100_000, 1)))
    imagined = np.bincount(info["spent"].astype(int), minlength=41)
    assert set(np.flatnonzero(imagined)) == {0, 20, 40}
    assert_frequencies(counted, imagined / imagined.sum())


def test_forks_remember_what_has_converted_and_forget_what_cannot():
    env = BudgetedEnv(RealTimeBidding, instance=sure(), T=20, budget=1e4, conversion_rate=1.0, delay=[0, 1])
    env.reset(seed=0)
    for bid in (1.0, 0.0):
        env.step(np.array([bid]))
    model = env.model(50, seed=0)
    infos = [model.step(np.zeros((50, 1)))[-1] for _ in range(18)]
    assert (infos[-1]["conversions"] == 1).all()

    late = waiting([1.0, 0.0, 0.0], delay=[0.5, 0.25, 0.25], attribution_window=2).model(50, seed=0)
    assert (first_conversion(late, 17, []) == 17).all()  # the window is over


def test_a_peek_keeps_the_conversions_that_are_on_their_way():
    env = BudgetedEnv(RealTimeBidding, instance=sure(), T=8, budget=1e4, conversion_rate=0.5, delay="geometric:2")
    env.reset(seed=3)
    env.step(np.array([1.0]))
    model = env.model(30, peek=True)
    for bid in [1.0] * 7:
        *_, theirs = model.step(np.full((30, 1), bid))
        *_, ours = env.step(np.array([bid]))
        assert (theirs["conversions"] == ours["conversions"]).all()
