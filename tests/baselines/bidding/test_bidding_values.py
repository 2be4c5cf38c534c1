"""Value tables against independent calculations, and the published rows to the unit."""

import gymnasium as gym
import numpy as np
import pytest
from budgetgym import compare, evaluate, make_agent
from budgetgym.baselines.bidding import values
from budgetgym.baselines.bidding.values import best_bid, optimal_value, optimal_values, pmf_values, rlb_values
from budgetgym.envs.bidding.market import Market
from budgetgym.envs.bidding.problem import RealTimeBidding
from budgetgym.envs.bidding.statistics import TrainingStatistics
from budgetgym.evaluation.play import play


def paper_recursion(pmf, theta, T, B, unit=1.0, price_weight=0.0):
    """RLB's equations as printed, one state at a time; nothing is won without money."""
    V = np.zeros((T + 1, B + 1))
    for t in range(1, T + 1):
        for b in range(1, B + 1):
            gains = [unit * theta - price_weight * d + V[t - 1, b - d] - V[t - 1, b] for d in range(min(b, 300) + 1)]
            a = max((d for d, gain in enumerate(gains) if gain >= 0 and min(gains[: d + 1]) >= 0), default=-1)
            V[t, b] = V[t - 1, b] + sum(pmf[d] * gains[d] for d in range(a + 1))
    return V


@pytest.mark.parametrize("settings", [{}, {"objective": "profit", "click_value": 5000.0}], ids=str)
@pytest.mark.parametrize("instance", ["2997", "uniform"])
def test_rlb_values_solve_the_papers_recursion(instance, settings):
    problem = RealTimeBidding(instance=instance, T=12, budget=350.0, **settings)
    unit, weight = values.worth_and_price_weight(problem)
    expected = paper_recursion(problem.statistics.price_pmf, problem.statistics.theta_avg, 12, 350, unit, weight)
    assert np.allclose(rlb_values(problem, 350), expected, rtol=1e-12, atol=1e-15)


@pytest.fixture
def tiny():
    """Three thetas, two price groups, two regimes."""
    prices = np.zeros((2, 2, 301))
    prices[0, 0, [1, 3, 4]] = [0.5, 0.25, 0.25]
    prices[0, 1, [0, 2, 5]] = [0.1, 0.6, 0.3]
    prices[1, 0, [2, 6]] = [0.5, 0.5]
    prices[1, 1, [1, 7]] = [0.9, 0.1]
    return Market(
        theta=np.array([[0.1, 0.2, 0.7], [0.05, 0.3, 0.9]]),
        theta_pmf=np.array([[0.5, 0.3, 0.2], [0.2, 0.2, 0.6]]),
        group=np.array([[0, 0, 1], [0, 1, 1]]),
        price_pmf=prices,
        regime_start=np.array([0.0, 0.5]),
    )


def expectimax(market, T, t_left, budget, unit, weight):
    """The best expected score by trying every bid, without any property of the solution."""
    if t_left == 0:
        return 0.0
    r = np.searchsorted(market.regime_start * T, T - t_left, side="right") - 1
    total = 0.0
    for g, p in enumerate(market.theta_pmf[r]):
        pmf = market.price_pmf[r, market.group[r, g]]
        lost = expectimax(market, T, t_left - 1, budget, unit, weight)
        best = -np.inf
        for bid in range(-1, budget + 1):
            value = 0.0
            for d in np.flatnonzero(pmf):
                won = d <= bid
                after = expectimax(market, T, t_left - 1, budget - d, unit, weight) if won else lost
                value += pmf[d] * (after + (unit * market.theta[r, g] - weight * d if won else 0.0))
            best = max(best, value)
        total += p * best
    return total


@pytest.mark.parametrize("objective", ["clicks", "profit"])
def test_optimal_values_are_the_expectimax(tiny, objective):
    problem = RealTimeBidding(instance=tiny, T=4, budget=6.0, objective=objective, click_value=9.0)
    unit, weight = values.worth_and_price_weight(problem)
    for budget in (0, 3, 6):
        assert optimal_value(problem, budget) == pytest.approx(expectimax(tiny, 4, 4, budget, unit, weight), rel=1e-12)


def test_the_best_bid_is_the_best_by_trial(tiny):
    problem = RealTimeBidding(instance=tiny, T=4, budget=9.0)
    value = optimal_values(problem, 9)
    pmf = tiny.price_pmf[1, 1]
    for t in range(1, 5):
        for b in range(10):
            for theta in (0.05, 0.3, 0.9):
                worth = [
                    sum(pmf[d] * (theta + value[t - 1, b - d] - value[t - 1, b]) for d in range(bid + 1))
                    for bid in range(b + 1)
                ]
                chosen = best_bid(np.arange(301), value, t, b, theta, 0.0)
                assert worth[chosen] == pytest.approx(max(worth), abs=1e-15)


@pytest.mark.parametrize("instance", ["2997", "1458", "shift", "uniform"])
def test_values_rise_with_time_and_money(instance):
    problem = RealTimeBidding(instance=instance, T=40, budget=600.0)
    for table in (rlb_values(problem, 600), optimal_values(problem, 600)):
        assert (np.diff(table, axis=0) >= 0).all()
        assert (np.diff(table, axis=1) >= -1e-15).all()


@pytest.mark.parametrize("instance", ["2997", "shift", "uniform"])
def test_the_optimal_bidder_earns_its_value_and_no_one_more(instance):
    env = gym.make("budgetgym/RealTimeBidding-v0", instance=instance, T=100, c0=1 / 8)
    results = {name: evaluate(make_agent(name, env), env, 4000) for name in ("optimal", "rlb", "lin", "ss_mdp", "dmd")}
    best = results["optimal"].episodes["theta_value"]
    optimum = results["optimal"].cell["optimum"]
    assert abs(best.mean() - optimum) < 4 * best.sem()
    for result in results.values():
        score = result.episodes["theta_value"]
        assert score.mean() < optimum + 4 * score.sem()
        assert (score - best).mean() <= 3 * (score - best).sem()


def value_of_constant_bid(problem, bid, budget):
    """Expected theta-value of a fixed bid by summing over the distribution of the money left."""
    pmf, theta = problem.statistics.price_pmf, problem.statistics.theta_avg
    money = np.zeros(budget + 1)
    money[budget] = 1.0
    value = 0.0
    for _ in range(problem.horizon):
        after = np.zeros_like(money)
        for b, p in enumerate(money):
            if p:
                highest = min(bid, b)
                won = pmf[: highest + 1]
                value += p * theta * won.sum()
                after[b] += p * (1 - won.sum())
                after[b - np.arange(highest + 1)] += p * won
        money = after
    return value


def test_a_fixed_policys_value_is_its_simulated_return():
    """Prices and theta are independent in "uniform", so the marginals suffice."""
    env = gym.make("budgetgym/RealTimeBidding-v0", instance="uniform", T=30, budget=700.0)
    score = evaluate(make_agent("constant:bid=90", env), env, 5000).episodes["theta_value"]
    expected = value_of_constant_bid(env.unwrapped.problem, 90, 700)  # type: ignore[attr-defined]
    assert abs(score.mean() - expected) < 4 * score.sem()


def test_the_published_rows_of_campaign_2997(shared_data):
    """Byte for byte what the authors' code prints: clicks, impressions and cost on the whole test log, T=1000, c0=1/32."""
    env = gym.make(
        "budgetgym/RealTimeBidding-v0",
        log=str(shared_data / "ipinyou/2997/rlb-dp.test.theta.txt"),
        statistics=str(shared_data / "ipinyou/info/2997.info.json"),
        c0=1 / 32,
        fragment="whole",
    )
    table = compare(env, ["ss_mdp", "mcpc", "lin:b0=10", "rlb"], episodes="all").set_index("agent")
    rows = {
        name: (int(row["clicks"]), round(row["win_rate"] * 156_063), round(row["spent"] * 157))
        for name, row in table.iterrows()
    }
    assert rows == {
        "ss_mdp": (80, 40_395, 306_637),
        "mcpc": (48, 14_752, 307_751),
        "lin:b0=10": (71, 32_208, 203_610),
        "rlb": (78, 39_680, 304_375),
    }


def test_a_table_is_computed_once(monkeypatch, tmp_path):
    monkeypatch.setenv("BUDGETGYM_CACHE", str(tmp_path))
    problem = RealTimeBidding(T=5, budget=40.0)
    first = rlb_values(problem, 40)
    assert len(list(tmp_path.glob("*.table"))) == 1
    assert np.array_equal(rlb_values(problem, 40), first)
    rlb_values(problem, 41)
    assert len(list(tmp_path.glob("*.table"))) == 2
    for file in tmp_path.glob("*.table"):
        file.write_bytes(b"broken")
    assert np.array_equal(rlb_values(problem, 40), first)


def test_a_log_has_no_exact_optimum():
    with pytest.raises(ValueError, match="not known"):
        optimal_value(RealTimeBidding(log=np.array([[0, 5, 0.1]]), T=1, budget=3.0), 3)


def first_price_expectimax(market, T, t_left, budget, unit, weight):
    """The best expected score where bids pay themselves, by trying every bid."""
    if t_left == 0:
        return 0.0
    r = 1 if T - t_left >= T / 2 else 0
    total = 0.0
    for g, p in enumerate(market.theta_pmf[r]):
        pmf = market.price_pmf[r, market.group[r, g]]
        lost = first_price_expectimax(market, T, t_left - 1, budget, unit, weight)
        best = lost
        for bid in range(budget + 1):
            won = pmf[: bid + 1].sum()
            if won > 0:
                gained = unit * market.theta[r, g] - weight * bid
                after = first_price_expectimax(market, T, t_left - 1, budget - bid, unit, weight)
                best = max(best, won * (gained + after) + (1 - won) * lost)
        total += p * best
    return total


@pytest.mark.parametrize("objective", ["clicks", "profit"])
def test_first_price_values_are_the_expectimax(tiny, objective):
    settings = {"T": 4, "budget": 6.0, "objective": objective, "click_value": 9.0, "rule": "first_price"}
    problem = RealTimeBidding(instance=tiny, **settings)
    unit, weight = values.worth_and_price_weight(problem)
    for budget in (0, 3, 6):
        exact = first_price_expectimax(tiny, 4, 4, budget, unit, weight)
        assert optimal_value(problem, budget) == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize("instance", ["2997", "shift", "uniform"])
def test_the_optimal_bidder_earns_its_value_where_bids_pay_themselves(instance):
    env = gym.make("budgetgym/RealTimeBidding-v0", instance=instance, T=60, c0=1 / 8, rule="first_price", reserve=3)
    result = evaluate(make_agent("optimal", env), env, 1500)
    score = result.episodes["theta_value"]
    assert abs(score.mean() - result.cell["optimum"]) < 4 * score.sem()
    for name in ("shade", "dmd", "lin"):
        other = evaluate(make_agent(name, env), env, 1500).episodes["theta_value"]
        assert other.mean() < result.cell["optimum"] + 4 * other.sem()


def test_the_table_over_the_training_law_is_exact_where_theta_and_price_are_independent():
    problem = RealTimeBidding(instance="uniform", T=60, budget=900.0)
    assert np.array_equal(pmf_values(problem, 900), optimal_values(problem, 900))
    played = [play(make_agent(name, problem), problem, range(30), 0) for name in ("rlb_pmf", "optimal")]
    assert played[0].episodes.equals(played[1].episodes)


def test_the_table_over_the_training_law_is_the_expectimax_of_independent_draws(tmp_path):
    path = tmp_path / "train.txt"
    path.write_text("0 1 0.1\n0 3 0.2\n0 5 0.2\n0 5 0\n")
    problem = RealTimeBidding(log=np.array([[0, 2, 0.3]] * 4), statistics=path, T=2, budget=6.0)
    law = problem.statistics.law()
    assert law.theta[0].tolist() == pytest.approx([0, 0.1, 0.2])
    table = pmf_values(problem, 6)
    for budget in (0, 2, 6):
        assert table[2, budget] == pytest.approx(expectimax(law, 2, 2, budget, 1.0, 0.0), rel=1e-12)
    assert play(make_agent("rlb_pmf", problem), problem, range(1), 0).episodes["wins"].item() == 2


def test_rlb_pmf_needs_the_law_of_theta(tmp_path):
    average = TrainingStatistics(np.full(301, 1 / 301), 0.004, 150.0, "an average")
    with pytest.raises(ValueError, match=r"an average.*know only the average theta.*training log"):
        make_agent("rlb_pmf", RealTimeBidding(statistics=average, T=10))
    with pytest.raises(ValueError, match="charges are left to chance"):
        make_agent("rlb_pmf", RealTimeBidding(T=10, cost_event="click"))


def test_rlb_pmf_beats_rlb_on_heavy_tails():
    problem = RealTimeBidding(instance="1458", T=300, c0=1 / 8)
    pmf, rlb = (play(make_agent(name, problem), problem, range(300), 0).episodes["theta_value"] for name in ("rlb_pmf", "rlb"))
    assert (pmf - rlb).mean() > 4 * (pmf - rlb).sem()


def test_with_more_money_than_can_be_spent_everything_is_won():
    problem = RealTimeBidding(instance="uniform", T=20)
    assert problem.market is not None
    for budget in (20 * 300, 1e9, np.inf):
        assert optimal_value(problem, budget) == pytest.approx(20 * problem.market.mean_theta)
