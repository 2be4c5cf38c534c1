"""The fluid value against linear programmes, and the bidder against the optimum."""

import gymnasium as gym
import numpy as np
import pytest
from bidding_by_hand import see
from budgetgym import compare, evaluate, make_agent
from budgetgym.baselines.bidding.bounds import fractional_knapsack
from budgetgym.baselines.bidding.fluid import EARN, LAW, POINTS, SPEND, draw_curve, fluid_value
from budgetgym.baselines.bidding.values import minimum_pmf, worth_and_price_weight
from budgetgym.envs.bidding.problem import RealTimeBidding
from budgetgym.evaluation.play import play

RATES = np.geomspace(0.05, 320, 60)


def drawn(problem):
    """The memory of a fluid bidder at its first auction, with the curve drawn, and its parameters."""
    agent = make_agent("fluid", problem)
    memory = agent.initial_memory(1)[0]
    draw_curve(agent.parameters, memory)
    return memory, agent.parameters


@pytest.mark.parametrize(("c0", "share"), [("1/32", 0.93), ("1/8", 0.93)])
def test_first_prices(c0, share):
    """A regression: the curve once counted bids' own prices, which cost a tenth of the value."""
    problem = RealTimeBidding(rule="first_price", c0=c0, T=200)
    assert evaluate(make_agent("fluid", problem), problem, 100).summary["share_of_optimum"] > share


@pytest.mark.parametrize(
    "settings",
    [{}, {"instance": "1458"}, {"instance": "uniform"}, {"reserve": 50.0}, {"objective": "profit"}],
    ids=str,
)
def test_the_fluid_value_is_that_of_the_linear_programme(settings):
    problem = RealTimeBidding(T=100, **settings)
    memory, _ = drawn(problem)
    law, price = problem.statistics.law(), np.arange(301)
    unit, weight = worth_and_price_weight(problem)
    mass = law.theta_pmf[0][:, None] * minimum_pmf(problem)
    gain = mass * (unit * law.theta[0][:, None] - weight * price)
    for rho in RATES:
        best = fractional_knapsack(gain.ravel(), (mass * price).ravel(), rho)
        assert fluid_value(memory, rho) == pytest.approx(best, rel=0.01)


@pytest.mark.parametrize("settings", [{}, {"instance": "1458"}, {"instance": "uniform"}, {"reserve": 50.0}], ids=str)
def test_the_fluid_value_is_concave_and_never_falls(settings):
    memory, _ = drawn(RealTimeBidding(T=100, **settings))
    rho = np.concatenate([np.linspace(0, 2, 4001), np.linspace(2, 400, 4001)[1:]])
    value = np.array([fluid_value(memory, r) for r in rho])
    slope = np.diff(value) / np.diff(rho)
    assert (slope >= 0).all()
    assert (np.diff(slope) <= 1e-9 * slope[0]).all()
    assert (np.diff(memory[SPEND:EARN]) >= 0).all()
    assert (np.diff(memory[EARN : EARN + POINTS]) >= 0).all()


def test_without_money_what_is_free_can_still_be_won():
    log = np.stack([np.zeros(400), np.tile([0, 50], 200), np.full(400, 0.01)], axis=1)
    problem = RealTimeBidding(log=log, T=100, c0=1 / 8)
    memory, _ = drawn(problem)
    free = minimum_pmf(problem)[0] * 0.01
    assert fluid_value(memory, 0.0) == pytest.approx(free, rel=0.03)
    assert fluid_value(memory, 1e-9) == pytest.approx(free, rel=0.03)


def test_the_bid_is_the_largest_price_at_which_winning_pays():
    problem = RealTimeBidding(T=200, c0=1 / 8)
    agent = make_agent("fluid", problem)
    initial, T = problem.budget.range_of("money")[0], 200
    for left in (200, 57, 2):
        for b in (0, 3, 40, 300, 1500):
            for theta in (0.0002, 0.003, 0.008, 0.02):
                action, (memory,) = agent.predict(see(problem, theta, b / initial, left / T))
                curve = memory[0].copy()
                later = left - 1
                gains = [
                    theta + later * (fluid_value(curve, (b - d) / later) - fluid_value(curve, b / later))
                    for d in range(min(b, 300) + 1)
                ]
                wanted = next((d - 1 for d, gain in enumerate(gains) if gain < -1e-15), len(gains) - 1)
                assert action.item() == max(wanted, 0)


def test_the_last_auction_is_worth_all_that_is_left():
    problem = RealTimeBidding(T=200, c0=1 / 8)
    initial = problem.budget.range_of("money")[0]
    agent = make_agent("fluid", problem)
    assert agent.predict(see(problem, 1e-5, 41 / initial, 1 / 200))[0] == 41
    assert agent.predict(see(problem, 1e-5, 1.0, 1 / 200))[0] == 300
    profit = RealTimeBidding(T=200, c0=1 / 8, objective="profit", click_value=10_000.0)
    assert make_agent("fluid", profit).predict(see(profit, 0.0033, 1.0, 1 / 200))[0] == 33


def test_the_law_of_theta_follows_what_comes():
    """Given nothing but an average, the bidder ends with the stream's own law."""
    problem = RealTimeBidding(T=2000, c0=1 / 8)
    agent = make_agent("fluid", problem, window=2000)
    state = None
    for k, theta in enumerate(np.random.default_rng(0).choice([0.001, 0.004], 8000, p=[0.75, 0.25])):
        _, state = agent.predict(see(problem, theta, 0.5, 1 - k % 2000 / 2000), state, np.array([False]))
    law = state[0][0, LAW:SPEND]
    seen = np.sort(law)[::-1] / law.sum()
    assert seen[:2] == pytest.approx([0.75, 0.25], abs=0.05)
    assert seen[:2].sum() > 0.97


def scores(problem, names, episodes):
    return {name: play(make_agent(name, problem), problem, range(episodes), 0).episodes["theta_value"] for name in names}


def test_it_comes_close_to_the_optimum_on_light_tails():
    score = scores(RealTimeBidding(T=1000, c0=1 / 8), ("optimal", "fluid"), 60)
    assert score["fluid"].mean() >= 0.99 * score["optimal"].mean()


def test_it_beats_rlb_on_heavy_tails():
    score = scores(RealTimeBidding(T=1000, c0=1 / 8, instance="1458"), ("rlb", "fluid"), 60)
    difference = score["fluid"] - score["rlb"]
    assert difference.mean() > 4 * difference.sem()


def test_on_the_real_stream_of_2997_it_is_at_least_rlb(shared_data):
    env = gym.make(
        "budgetgym/RealTimeBidding-v0",
        log=str(shared_data / "ipinyou/2997/rlb-dp.test.theta.txt"),
        statistics=str(shared_data / "ipinyou/info/2997.info.json"),
        c0=1 / 8,
    )
    table = compare(env, ["rlb", "fluid"], episodes="all").set_index("agent")
    assert table.loc["fluid", "theta_value"] >= table.loc["rlb", "theta_value"]


@pytest.mark.parametrize("c0", [1 / 32, 1 / 8])
def test_on_the_real_stream_of_1458_it_is_near_the_hindsight_bound(shared_data, c0):
    problem = RealTimeBidding(
        log=str(shared_data / "ipinyou/1458/rtbcontrol.test.txt"),
        statistics=str(shared_data / "ipinyou/1458/rtbcontrol.train.txt"),
        c0=c0,
    )
    episodes = evaluate(make_agent("fluid", problem), problem, "all").episodes
    assert episodes["theta_value"].sum() >= 0.99 * episodes["bound"].sum()


def test_settings_are_checked():
    problem = RealTimeBidding(T=10)
    for name, message in (("fluid:window=0", "window is 0"), ("fluid:refresh=0", "refresh is 0")):
        with pytest.raises(ValueError, match=message):
            make_agent(name, problem)
    with pytest.raises(ValueError, match="budget_aware"):
        make_agent("fluid", RealTimeBidding(T=10, budget_aware=False))
