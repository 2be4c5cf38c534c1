import numpy as np
import pytest
from budgetgym.envs.bidding.law import PRICE_LEVELS
from budgetgym.envs.bidding.market import Market


def point(price: int) -> np.ndarray:
    pmf = np.zeros(PRICE_LEVELS)
    pmf[price] = 1.0
    return pmf


def two_regimes() -> dict[str, np.ndarray]:
    return {
        "theta": np.array([[0.0, 0.2], [0.4, 0.8]]),
        "theta_pmf": np.array([[0.25, 0.75], [0.5, 0.5]]),
        "group": np.array([[0, 1], [0, 0]]),
        "price_pmf": np.array([[point(10), point(20)], [point(100), point(300)]]),
        "regime_start": np.array([0.0, 0.75]),
    }


def test_averages_weigh_regimes_by_their_duration():
    market = Market(**two_regimes())
    np.testing.assert_allclose(market.regime_weights, [0.75, 0.25])
    assert market.mean_theta == pytest.approx(0.75 * 0.15 + 0.25 * 0.6)
    np.testing.assert_allclose(market.group_pmf, [[0.25, 0.75], [1.0, 0.0]])
    expected = 0.75 * (0.25 * point(10) + 0.75 * point(20)) + 0.25 * point(100)
    np.testing.assert_allclose(market.marginal_price_pmf, expected)
    assert market.mean_price == pytest.approx(expected @ np.arange(PRICE_LEVELS))


def test_arrays_are_copied_converted_and_read_only():
    arguments = two_regimes()
    market = Market(**arguments)
    arguments["theta"][0, 0] = 0.1
    assert market.theta[0, 0] == 0.0
    for name, dtype in (("theta", np.float64), ("group", np.int64), ("price_pmf", np.float64)):
        array = getattr(market, name)
        assert array.dtype == dtype
        assert not array.flags.writeable


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("theta", [0.1, 0.2], r"theta has shape \(2,\)"),
        ("theta", [[0.2, 0.1], [0.4, 0.8]], r"theta\[0, 0:2\] is \[0.2, 0.1\]; expected non-decreasing"),
        ("theta", [[0.1, 1.5], [0.4, 0.8]], r"theta\[0, 1\] is 1.5; expected a value in \[0.0, 1.0\]"),
        ("theta", [[0.1, 0.2], [0.4, np.nan]], r"theta\[1, 1\] is nan"),
        ("theta_pmf", [[0.5, 0.6], [0.5, 0.5]], r"theta_pmf sums to 1.1 along its last axis at \(0,\); expected 1"),
        ("theta_pmf", [[-0.5, 1.5], [0.5, 0.5]], r"theta_pmf\[0, 0\] is -0.5"),
        ("theta_pmf", [[0.5, 0.5]], r"theta_pmf has shape \(1, 2\); expected that of theta, \(2, 2\)"),
        ("group", [[0, 2], [0, 0]], r"group\[0, 1\] is 2; expected a value in \[0, 1\]"),
        ("group", [[1, 0], [0, 0]], r"group\[0, 0:2\] is \[1, 0\]; expected non-decreasing"),
        ("group", [[0.0, 1.0], [0.0, 0.0]], "group has dtype float64; expected integers"),
        ("price_pmf", np.ones((2, 2, 300)) / 300, r"price_pmf has shape \(2, 2, 300\); expected \(2, groups, 301\)"),
        ("price_pmf", np.ones((2, 2, 301)) / 300, r"price_pmf sums to 1.003\d* along its last axis at \(0, 0\)"),
        ("regime_start", [0.0], r"regime_start has shape \(1,\); expected \(2,\)"),
        ("regime_start", [0.1, 0.5], r"regime_start is \[0.1, 0.5\]; expected 0 first"),
        ("regime_start", [0.0, 0.0], "strictly ascending"),
        ("regime_start", [0.0, 1.0], "below 1"),
        ("regime_start", [0.0, np.nan], "regime_start is"),
    ],
)
def test_wrong_arguments_are_named(name, value, message):
    with pytest.raises(ValueError, match=message):
        Market(**(two_regimes() | {name: np.array(value)}))
