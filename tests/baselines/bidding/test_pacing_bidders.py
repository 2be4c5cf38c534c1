"""Controllers of the spend, by hand."""

import numpy as np
import pytest
from bidding_by_hand import play_by_hand, see
from budgetgym import make_agent
from budgetgym.baselines.bidding.pacing import even_price, spend_at
from budgetgym.baselines.bidding.values import minimum_pmf
from budgetgym.envs.bidding.problem import RealTimeBidding
from budgetgym.evaluation.play import play


@pytest.mark.parametrize("settings", [{}, {"instance": "1458"}, {"instance": "uniform"}, {"reserve": 30.0}], ids=str)
@pytest.mark.parametrize("c0", [1 / 32, 1 / 8, 1 / 2])
def test_the_even_price_spends_the_budget_evenly(settings, c0):
    problem = RealTimeBidding(T=100, c0=c0, **settings)
    law, prices = problem.statistics.law(), minimum_pmf(problem)

    def spend(money):
        return sum(
            mass * sum(price * prices[price] for price in range(301) if price * money <= theta)
            for theta, mass in zip(law.theta[0], law.theta_pmf[0], strict=True)
        )

    money, even = even_price(problem), problem.budget.range_of("money")[0] / 100
    # The spend steps where a bid reaches the next price.
    assert spend(money * 1.001) <= even * (1 + 1e-9) and spend(money * 0.999) >= even * (1 - 1e-9)  # noqa: PT018
    assert spend_at(problem, money * 1.01) == pytest.approx(spend(money * 1.01), rel=1e-9)


def test_the_even_price_of_no_budget_and_of_any_budget():
    nothing = RealTimeBidding(T=10, budget=0.0)
    assert spend_at(nothing, even_price(nothing)) == 0
    ample = RealTimeBidding(T=10, budget=1e6)
    assert make_agent("pid", ample).predict(see(ample, 1e-4))[0] == 300


def test_the_pid_controller_by_hand():
    problem = RealTimeBidding(T=12, budget=120.0)
    agent = make_agent("pid", problem, period=3, proportional=0.5, integral=0.2, derivative=0.3, base=10_000.0)
    paid = [0, 10, 0, 30, 0, 0, 0, 5, 5, 5, 0, 20]  # before every auction
    bids, _ = play_by_hand(agent, problem, [(0.0051, p) for p in paid])
    # Of every period what was paid over an even share of what was left.
    errors = [1 - 40 / (120 / 4), 1 - 0 / (80 / 3), 1 - 15 / (80 / 2)]
    phis = [0.0]
    for k, error in enumerate(errors):
        change = error - errors[k - 1] if k else 0.0
        phis.append(0.5 * error + 0.2 * sum(errors[: k + 1]) + 0.3 * change)
    assert bids == [np.floor(51 * np.exp(phis[k // 3])) for k in range(12)]


def test_the_pid_controller_is_held_within_bounds_and_begins_every_episode_anew():
    problem = RealTimeBidding(T=10, budget=50.0)
    agent = make_agent("pid", problem, period=1, proportional=100.0, integral=0.0, derivative=0.0, base=1000.0)
    bids, memories = play_by_hand(agent, problem, [(0.01, 0), (0.01, 0), (0.01, 50)])
    assert [memory[0] for memory in memories] == [0.0, 4.5, -2.0]
    assert bids == [10, 300, 1]
    _, state = agent.predict(see(problem, 0.01), (memories[-1][None],), np.array([True]))
    assert state[0][0, 0] == 0


def test_the_pid_controller_spends_what_a_fixed_bid_does_not():
    """The base is tenfold too small: feedback has to make up for it."""
    problem = RealTimeBidding(T=1000, c0=1 / 8)
    base = make_agent("pid", problem).parameters.base / 10
    results = {
        gain: play(make_agent("pid", problem, base=base, integral=gain, proportional=gain), problem, range(20), 0)
        .episodes["spent"]
        .mean()
        for gain in (0.0, 0.1)
    }
    budget = problem.budget.range_of("money")[0]
    assert results[0.0] < 0.1 * budget
    assert results[0.1] > 0.6 * budget


def test_throttling_by_hand():
    problem = RealTimeBidding(T=12, budget=120.0)
    agent = make_agent("throttle", problem, base=40_000.0, period=3, rate=0.2)
    start = min(10.0 / spend_at(problem, 1 / 40_000), 1.0)
    paid = [0, 10, 0, 30, 0, 0, 0, 5, 5, 15, 0, 20]
    bids, memories = play_by_hand(agent, problem, [(0.0051, p) for p in paid])
    # 40 of 120 / 4; 0 of 80 / 3; 25 of 80 / 2.
    shares = [start, start * 0.8, start * 0.8 * 1.2, start * 0.8 * 1.2 * 1.2]
    assert [memory[0] for memory in memories] == pytest.approx([shares[k // 3] for k in range(12)])
    assert set(bids) <= {0.0, 204.0}


def test_a_throttled_share_never_exceeds_one():
    problem = RealTimeBidding(T=10, budget=1e5)
    _, memories = play_by_hand(make_agent("throttle", problem, period=1), problem, [(0.01, 0)] * 10)
    assert [memory[0] for memory in memories] == [1.0] * 10


@pytest.mark.parametrize("base", [9_000.0, 25_000.0])
def test_throttling_bids_the_worth_in_just_its_share_of_the_auctions(base):
    problem = RealTimeBidding(T=5000, c0=1 / 16)
    agent = make_agent("throttle", problem, base=base, period=5000)
    thetas = np.random.default_rng(0).uniform(0.002, 0.01, 4000)
    bids, memories = play_by_hand(agent, problem, [(theta, 0) for theta in thetas])
    share = memories[0][0]
    even = problem.budget.range_of("money")[0] / 5000
    assert share == pytest.approx(even / spend_at(problem, 1 / base))
    taken = np.array(bids) > 0
    assert taken.mean() == pytest.approx(share, abs=4 * np.sqrt(share / 4000))
    assert np.array(bids)[taken].tolist() == np.floor(thetas[taken] * base).tolist()


def test_throttling_is_seeded():
    problem = RealTimeBidding(T=100, c0=1 / 8)
    plan = [(0.005, 0)] * 100
    agent = make_agent("throttle", problem)
    first = play_by_hand(agent, problem, plan)[0]
    assert play_by_hand(make_agent("throttle", problem), problem, plan)[0] == first
    agent.set_random_seed(1)
    assert play_by_hand(agent, problem, plan)[0] != first
    assert play_by_hand(make_agent("throttle", problem, seed=1), problem, plan)[0] == play_by_hand(agent, problem, plan)[0]


@pytest.mark.parametrize("rate", [0, 1, 1.5])
def test_a_rate_outside_its_range_is_refused(rate):
    with pytest.raises(ValueError, match="rate is "):
        make_agent("throttle", RealTimeBidding(T=10), rate=rate)


def test_adaptive_pacing_by_hand():
    problem = RealTimeBidding(T=10, budget=100.0, click_value=20_000.0)
    agent = make_agent("adaptive_pacing", problem, step=0.5, start=1.0, highest=4.0)
    paid = [0, 0, 30, 0, 60, 10]
    bids, memories = play_by_hand(agent, problem, [(0.0061, p) for p in paid])
    # mu + 0.5 * (1 + 1) * (paid / 10 - 1), within [0, 4]
    mus = [1.0, 0.0, 2.0, 1.0, 4.0, 4.0]
    assert [memory[0] for memory in memories] == pytest.approx(mus)
    assert bids == [np.floor(122 / (1 + mu)) for mu in mus]
    _, state = agent.predict(see(problem, 0.0061), (memories[-1][None],), np.array([True]))
    assert state[0][0, 0] == pytest.approx(4.0)  # kept for the next episode


def test_adaptive_pacing_starts_at_an_even_spend_and_never_bids_above_the_value():
    for c0 in (1 / 32, 1 / 8, 4.0):
        problem = RealTimeBidding(T=200, c0=c0)
        agent = make_agent("adaptive_pacing", problem)
        mu = agent.initial_memory(1)[0, 0]
        assert mu == pytest.approx(max(problem.click_value * even_price(problem) - 1, 0))
        for theta in (0.0, 0.001, 0.004, 0.015):
            bids, memories = play_by_hand(agent, problem, [(theta, 0)] * 150)
            assert max(bids) <= theta * problem.click_value
            assert min(memory[0] for memory in memories) >= 0
    assert play(agent, problem, range(3), 0).episodes["spent"].max() < 0.5 * problem.budget.range_of("money")[0]


def test_a_start_above_the_largest_multiplier_is_refused():
    with pytest.raises(ValueError, match=r"start is 5.*highest"):
        make_agent("adaptive_pacing", RealTimeBidding(T=10), start=5.0, highest=2.0)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("pid:period=0", "period is 0"),
        ("pid:base=0", "base is 0"),
        ("pid:integral=-1", "integral is -1"),
        ("throttle:period=0", "period is 0"),
        ("throttle:base=-2", "base is -2"),
        ("adaptive_pacing:step=0", "step is 0"),
        ("adaptive_pacing:start=-1", "start is -1"),
    ],
)
def test_wrong_settings_are_named(name, message):
    with pytest.raises(ValueError, match=message):
        make_agent(name, RealTimeBidding(T=10))
