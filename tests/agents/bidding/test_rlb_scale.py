"""RLB beyond its table: what the four bidders take from it, by hand."""

import numpy as np
import pytest
from bidding_by_hand import play_by_hand, see
from budgetgym import make_agent
from budgetgym.agents.bidding import rlb_scale
from budgetgym.agents.bidding.rlb_scale import fit_marginal, network_marginal
from budgetgym.baselines.bidding.values import best_bid, rlb_values
from budgetgym.envs.bidding.problem import RealTimeBidding
from budgetgym.evaluation.play import play

FOUR = ["rlb_map_a", "rlb_map_d", "rlb_seg", "rlb_nn"]


def ask(agent, problem, theta, b, left):
    initial = problem.budget.range_of("money")[0]
    return agent.predict(see(problem, theta, b / initial, left / problem.horizon))[0].item()


@pytest.mark.parametrize("name", FOUR)
@pytest.mark.parametrize("T0", [80, 1000])
@pytest.mark.parametrize("settings", [{}, {"reserve": 30.0}, {"objective": "profit"}], ids=str)
def test_within_the_table_all_four_are_rlb(name, T0, settings):
    problem = RealTimeBidding(T=80, c0=1 / 8, **settings)
    played = [play(agent, problem, range(20), 0) for agent in (make_agent("rlb", problem), make_agent(name, problem, T0=T0))]
    assert played[0].episodes.equals(played[1].episodes)
    assert played[0].curves.equals(played[1].curves)


@pytest.fixture(scope="module")
def problem():
    return RealTimeBidding(T=35, budget=700.0)


@pytest.fixture(scope="module")
def table(problem):
    """RLB's table of 10 auctions, to a quarter more than an even share of the money."""
    return rlb_values(problem, 251, 10)


STATES = [(35, 700), (35, 350), (30, 699), (21, 13), (12, 240), (11, 0), (11, 700), (10, 151), (3, 60), (1, 5)]
THETAS = (0.0003, 0.002, 0.005, 0.019)
PAID = np.arange(301)


def test_map_a_bids_as_with_the_same_money_per_auction(problem, table):
    agent = make_agent("rlb_map_a", problem, T0=10)
    for left, b in STATES:
        for theta in THETAS:
            t, money = (10, int(b / left * 10)) if left > 10 else (left, b)
            wanted = best_bid(PAID, table, t, min(money, 251), theta, 0.0)
            assert ask(agent, problem, theta, b, left) == max(min(wanted, b), 0)


def test_map_d_sums_marginal_values_at_the_same_money_per_auction(problem, table):
    agent = make_agent("rlb_map_d", problem, T0=10)

    def marginal(t, b):
        t, b = (10, int(b / t * 10)) if t > 10 else (t, b)
        b = min(b, 250)
        return table[t, b + 1] - table[t, b]

    for left, b in STATES:
        for theta in THETAS:
            bid, gain = 0, theta
            for d in range(1, min(b, 300) + 1):
                gain -= marginal(left - 1, b - d) if left > 1 else 0.0
                if gain < 0:
                    break
                bid = d
            assert ask(agent, problem, theta, b, left) == bid, (left, b, theta)


def test_segments_share_evenly_and_pass_on_what_they_leave(problem, table):
    """T is 35: segments of 5, 10, 10 and 10 auctions."""
    agent = make_agent("rlb_seg", problem, T0=10)
    rng = np.random.default_rng(0)
    plan = [(theta, paid) for theta, paid in zip(rng.choice(THETAS, 35), rng.choice([0, 0, 30], 35), strict=True)]
    plan[0] = (plan[0][0], 0)
    bids, memories = play_by_hand(agent, problem, plan)
    b, kept = 700, None
    for k, ((theta, paid), bid, memory) in enumerate(zip(plan, bids, memories, strict=True)):
        b -= paid
        left = 35 - k
        later = 30 if k < 5 else 20 if k < 15 else 10 if k < 25 else 0
        if k in (0, 5, 15, 25):
            kept = b * later // left
        assert memory[0] == kept
        share = max(b - kept, 0)
        assert bid == max(best_bid(PAID, table, left - later, min(share, 251), theta, 0.0), 0)
        assert bid <= share
    assert kept == 0  # the last segment may spend all


def test_the_money_that_segments_keep_is_whole_and_exact():
    """Also where the share is no fraction that floating point knows."""
    for T, T0, b in [(49, 1, 49), (3, 1, 3000), (7, 2, 700), (110, 10, 1100), (93, 31, 930)]:
        problem = RealTimeBidding(T=T, budget=float(b))
        _, memories = play_by_hand(make_agent("rlb_seg", problem, T0=T0), problem, [(0.004, 0)])
        assert memories[0][0] == b * ((T - 1) // T0 * T0) // T


def test_the_network_continues_the_table_where_it_ends():
    problem = RealTimeBidding(T=2000, c0=1 / 8)
    agent = make_agent("rlb_nn", problem, T0=200, steps=600)
    table = agent.parameters.table.value
    rows, columns = table.shape[0] - 1, table.shape[1] - 1
    typical = np.diff(table[rows]).mean() * problem.statistics.mean_price / problem.statistics.theta_avg
    assert agent.error < 0.2 * typical
    b = np.arange(columns // 5, columns - 1)
    exact = table[rows, b + 1] - table[rows, b]
    learnt = np.array([network_marginal(agent.parameters, rows, money) for money in b])
    assert np.abs(learnt / exact - 1).mean() < 0.03
    assert np.abs(learnt / exact - 1).max() < 0.15
    # Farther out the marginal value depends on money per auction, and on little else.
    far = np.array([network_marginal(agent.parameters, 2000, 10 * money) for money in b])
    assert np.abs(far / exact - 1).mean() < 0.1


def test_a_network_can_learn_any_table():
    """D = 1 / (1 + b / t): no bidding involved."""
    t, b = np.meshgrid(np.arange(81.0), np.arange(401.0), indexing="ij")
    t[0] = 1.0
    value = t * np.log1p(b / t)
    marginal, error = fit_marginal(value, 0.2, 400, 0)
    assert error < 0.05
    rate = np.array([0.5, 1.0, 3.0])
    assert marginal(np.full(3, 80.0), rate) == pytest.approx(1 / (1 + rate), abs=0.02)
    first, again, other = (fit_marginal(value, 0.2, 20, seed)[0](t, 0.01 + b / 80) for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_where_there_is_nothing_to_continue_no_network_is_taught():
    assert make_agent("rlb_nn", RealTimeBidding(T=10), T0=10, steps=10**9).error == 0.0


@pytest.fixture(scope="module")
def long_problem():
    return RealTimeBidding(T=5000, c0=1 / 8, instance="uniform")


@pytest.mark.parametrize("name", ["rlb_map_a", "rlb_map_d", "rlb_seg", "rlb_nn"])
def test_ten_times_the_table_is_played_well(name, long_problem):
    settings = {"steps": 800} if name == "rlb_nn" else {}
    episodes = play(make_agent(name, long_problem, T0=500, **settings), long_problem, range(8), 0).episodes
    assert episodes["theta_value"].sum() >= 0.97 * episodes["bound"].sum()


@pytest.mark.parametrize("name", FOUR)
def test_settings_are_checked_and_vast_tables_refused(name, monkeypatch):
    problem = RealTimeBidding(T=10_000, c0=1.0)
    with pytest.raises(ValueError, match=r"T0 is 9000, whose table .* expected a smaller T0"):
        make_agent(name, problem, T0=9000)
    with pytest.raises(ValueError, match="T0 is 0"):
        make_agent(name, problem, T0=0)
    with pytest.raises(ValueError, match="budget_aware"):
        make_agent(name, RealTimeBidding(T=10, budget_aware=False))
    small = RealTimeBidding(T=20, budget=100.0)
    monkeypatch.setattr(rlb_scale, "LARGEST_TABLE", 11 * 64 * 8)  # budgets to 63, a quarter more than half of 100
    make_agent(name, small, T0=10, **({"steps": 1} if name == "rlb_nn" else {}))
    with pytest.raises(ValueError, match="T0 is 11"):
        make_agent(name, small, T0=11)
