import time

import numpy as np
import pytest
from budgetgym.envs.bidding import instances
from budgetgym.envs.bidding.instances import INSTANCES, make_market
from budgetgym.envs.bidding.law import PRICE_LEVELS
from budgetgym.envs.bidding.market import Market
from budgetgym.envs.bidding.statistics import TrainingStatistics

PRICES = np.arange(PRICE_LEVELS)


def sd(pmf: np.ndarray, values: np.ndarray) -> float:
    mean = pmf @ values
    return float(np.sqrt(pmf @ (values - mean) ** 2))


def joint_pmf(market: Market, regime: int) -> np.ndarray:
    """(G, 301) probability of every pair of theta atom and price."""
    return market.theta_pmf[regime][:, None] * market.price_pmf[regime, market.group[regime]]


def mid_ranks(pmf: np.ndarray) -> np.ndarray:
    return np.cumsum(pmf) - pmf / 2


def correlation(joint: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> float:
    row_pmf, column_pmf = joint.sum(axis=1), joint.sum(axis=0)
    covariance = (rows - row_pmf @ rows) @ joint @ (columns - column_pmf @ columns)
    return float(covariance / sd(row_pmf, rows) / sd(column_pmf, columns))


def spearman(market: Market, regime: int) -> float:
    joint = joint_pmf(market, regime)
    return correlation(joint, mid_ranks(joint.sum(axis=1)), mid_ranks(joint.sum(axis=0)))


def pearson(market: Market, regime: int) -> float:
    return correlation(joint_pmf(market, regime), market.theta[regime], PRICES)


def quantile(market: Market, share: float) -> float:
    return float(market.theta[0][np.searchsorted(np.cumsum(market.theta_pmf[0]), share)])


@pytest.mark.parametrize("name", INSTANCES)
def test_an_instance_is_built_in_a_moment(name):
    make_market(name)
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        make_market(name)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.05


def test_unknown_instance_suggests_near_matches():
    with pytest.raises(ValueError, match=r"unknown instance '2979'; did you mean '2997'\? the instances are '2997', "):
        make_market("2979")
    with pytest.raises(ValueError, match="unknown instance 'xyz'; the instances are"):
        make_market("xyz")


@pytest.mark.parametrize(("name", "mean_theta"), [("2997", 0.0039273), ("1458", 0.00057669)])
def test_twin_has_the_price_pmf_of_training_and_the_theta_of_the_log(name, mean_theta, shared_data):
    market = make_market(name)
    assert market.mean_theta == pytest.approx(mean_theta, rel=1e-6)
    training = TrainingStatistics.load(shared_data / "ipinyou" / "info" / f"{name}.info.json")
    pmf = market.marginal_price_pmf
    assert np.abs(pmf - training.price_pmf).sum() / 2 < 0.08
    assert market.mean_price == pytest.approx(training.mean_price, rel=0.01)
    assert sd(pmf, PRICES) == pytest.approx(sd(training.price_pmf, PRICES), rel=0.03)
    assert np.abs(np.cumsum(pmf - training.price_pmf)).max() < 0.015


def test_2997_is_light_tailed_and_more_expensive_at_the_top():
    market = make_market("2997")
    theta, pmf = market.theta[0], market.theta_pmf[0]
    assert sd(pmf, theta) == pytest.approx(0.00157, rel=0.03)
    assert sd(pmf, np.log(theta)) == pytest.approx(0.394, rel=0.02)
    for share, measured in ((0.01, 0.00132), (0.1, 0.00217), (0.5, 0.00372), (0.9, 0.00576), (0.99, 0.00887)):
        assert quantile(market, share) == pytest.approx(measured, rel=0.05)
    assert theta[-1] == pytest.approx(0.0199, rel=0.01)
    assert spearman(market, 0) == pytest.approx(0.132, abs=0.01)
    assert pearson(market, 0) == pytest.approx(0.29, abs=0.01)
    mean_prices = market.price_pmf[0] @ PRICES
    assert mean_prices.argmin() == 3
    assert mean_prices[-1] > 2 * market.mean_price


def test_1458_is_heavy_tailed_and_linked_in_the_bulk_only():
    market = make_market("1458")
    theta, pmf = market.theta[0], market.theta_pmf[0]
    assert sd(pmf, theta) == pytest.approx(0.0133, rel=0.02)
    for share, measured in ((0.1, 0.000031), (0.5, 0.00013), (0.9, 0.000447), (0.99, 0.00115)):
        assert quantile(market, share) == pytest.approx(measured, rel=0.1)
    rare = theta > 0.004
    assert pmf[rare].sum() == pytest.approx(0.00127, rel=0.2)
    assert (theta * pmf)[rare].sum() / market.mean_theta == pytest.approx(0.653, rel=0.02)
    assert spearman(market, 0) == pytest.approx(0.175, abs=0.01)
    assert pearson(market, 0) == pytest.approx(0.006, abs=0.003)


def test_shift_changes_the_means_at_three_tenths():
    market = make_market("shift")
    np.testing.assert_array_equal(market.regime_start, [0.0, 0.3])
    np.testing.assert_allclose((market.theta * market.theta_pmf).sum(axis=1), [0.0031, 0.0043])
    regime_pmf = np.stack([joint_pmf(market, r).sum(axis=0) for r in range(2)])
    np.testing.assert_allclose(regime_pmf @ PRICES, [62.5, 52.5])
    assert market.mean_price == pytest.approx(0.3 * 62.5 + 0.7 * 52.5)
    assert spearman(market, 0) == pytest.approx(0.25, abs=0.01)
    assert spearman(market, 1) == pytest.approx(0.154, abs=0.015)


@pytest.mark.parametrize("name", ["2997", "1458"])
def test_dependence_leaves_the_price_marginal_alone(name):
    market = make_market(name)
    law = {"2997": instances._PRICE_2997, "1458": instances._PRICE_1458}[name]
    np.testing.assert_allclose(market.marginal_price_pmf, law.pmf(), rtol=0, atol=1e-14)


def test_uniform_has_its_closed_forms():
    market = make_market("uniform")
    assert market.mean_theta == pytest.approx(0.005)
    assert market.mean_price == pytest.approx(150)
    win = np.cumsum(market.price_pmf[0, 0])
    cost = np.cumsum(market.price_pmf[0, 0] * PRICES)
    np.testing.assert_allclose(win, (PRICES + 1) / 301)
    np.testing.assert_allclose(cost, PRICES * (PRICES + 1) / 2 / 301)
    assert market.theta[0, 0] == pytest.approx(0.01 / 128)
    assert market.theta[0, -1] == pytest.approx(0.01 * 127 / 128)
