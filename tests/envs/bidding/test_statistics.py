import json
import math

import numpy as np
import pytest
from budgetgym.envs.bidding.instances import make_market
from budgetgym.envs.bidding.law import PRICE_LEVELS
from budgetgym.envs.bidding.logs import load_log
from budgetgym.envs.bidding.statistics import THETA_ATOMS, TrainingStatistics, condensed

CAMPAIGNS = ("1458", "2259", "2261", "2821", "2997", "3358", "3386", "3427", "3476")


def info(**changes) -> dict:
    counts = [0] * PRICE_LEVELS
    counts[10], counts[300] = 3, 1
    valid = {"clk_train": 1, "imp_train": 4, "cost_train": 330, "price_counter_train": counts, "dim": 7}
    return {key: value for key, value in (valid | changes).items() if value is not None}


def write(folder, content):
    path = folder / "info.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_load_smooths_by_laplace(tmp_path):
    path = write(tmp_path, info())
    statistics = TrainingStatistics.load(path)
    assert (statistics.theta_avg, statistics.mean_price) == (0.25, 82.5)
    assert statistics.cost_per_click == 330
    assert statistics.source == str(path)
    assert statistics.price_pmf[[0, 10, 300]] == pytest.approx([1 / 305, 4 / 305, 2 / 305])
    assert statistics.price_pmf.sum() == pytest.approx(1)
    assert not statistics.price_pmf.flags.writeable


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (info(clk_train=None, imp_train=None), r"lacks the keys \['clk_train', 'imp_train'\]"),
        (info(clk_train=-1), "clk_train is -1; expected an integer of at least 0"),
        (info(cost_train=1.5), "cost_train is 1.5; expected an integer"),
        (info(imp_train=True), "imp_train is True; expected an integer"),
        (info(clk_train=5), "clk_train is 5; expected at most imp_train, 4"),
        (info(imp_train=5), "price_counter_train sums to 4; expected imp_train, 5"),
        (info(imp_train=0, clk_train=0, price_counter_train=[0] * 301), "imp_train is 0; expected at least one"),
        (info(price_counter_train=[0] * 300), "price_counter_train is a list of 300; expected a list of 301 counts"),
        (info(price_counter_train="x"), "price_counter_train is 'x'; expected a list of 301 counts"),
        (info(price_counter_train=[5, -1] + [0] * 299), r"price_counter_train\[1\] is -1; expected an integer"),
        ([1], "holds a JSON list; expected an object"),
    ],
)
def test_wrong_files_are_explained(tmp_path, content, message):
    path = write(tmp_path, content)
    with pytest.raises(ValueError, match=message) as error:
        TrainingStatistics.load(path)
    assert str(path) in str(error.value)


def test_missing_and_unreadable_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.json does not exist"):
        TrainingStatistics.load(tmp_path / "nowhere.json")
    path = tmp_path / "info.json"
    path.write_bytes(b"{\xff")
    with pytest.raises(ValueError, match=r"info\.json: is not JSON"):
        TrainingStatistics.load(path)


def test_from_log_measures_the_stream_itself():
    log = load_log(np.array([[0, 10, 0.1], [1, 300, 0.3]]))
    statistics = TrainingStatistics.from_log(log)
    assert statistics.theta_avg == pytest.approx(0.2)  # and not the half of the auctions that were clicked
    assert statistics.mean_price == 155
    assert statistics.price_pmf[[0, 10, 300]] == pytest.approx([1 / 303, 2 / 303, 2 / 303])
    assert statistics.source == "the log itself, in hindsight"


def test_from_market_is_exact():
    market = make_market("shift")
    statistics = TrainingStatistics.from_market(market, "instance shift")
    np.testing.assert_array_equal(statistics.price_pmf, market.marginal_price_pmf)
    assert (statistics.theta_avg, statistics.mean_price) == (market.mean_theta, market.mean_price)
    assert statistics.source == "instance shift"


def test_a_click_that_never_comes_is_infinitely_expensive():
    pmf = np.full(PRICE_LEVELS, 1 / PRICE_LEVELS)
    assert TrainingStatistics(pmf, 0.0, 150.0, "mine").cost_per_click == math.inf


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"price_pmf": np.ones(3) / 3}, r"price_pmf has shape \(3,\); expected \(301,\)"),
        ({"price_pmf": np.zeros(301)}, "price_pmf sums to 0.0"),
        ({"theta_avg": 1.5}, r"theta_avg is 1.5; expected a number in \[0, 1\]"),
        ({"mean_price": math.nan}, "mean_price is nan"),
    ],
)
def test_wrong_arguments_are_named(changes, message):
    valid = {"price_pmf": np.full(301, 1 / 301), "theta_avg": 0.1, "mean_price": 150.0, "source": "mine"}
    with pytest.raises(ValueError, match=message):
        TrainingStatistics(**(valid | changes))


@pytest.mark.parametrize("campaign", CAMPAIGNS)
def test_the_nine_campaigns_load(campaign, shared_data):
    path = shared_data / "ipinyou" / "info" / f"{campaign}.info.json"
    raw = json.loads(path.read_text())
    statistics = TrainingStatistics.load(path)
    assert statistics.cost_per_click == pytest.approx(raw["cost_train"] / raw["clk_train"])
    smoothed_mean = (raw["cost_train"] + 150 * 301) / (raw["imp_train"] + 301)
    assert statistics.price_pmf @ np.arange(PRICE_LEVELS) == pytest.approx(smoothed_mean)


@pytest.mark.parametrize("size", [1, 7, 5000])
def test_a_condensed_law_keeps_the_mean_and_the_order(size):
    rng = np.random.default_rng(size)
    for theta in (rng.random(size), np.exp(rng.normal(-7, 2, size)).clip(0, 1), np.where(rng.random(size) < 0.4, 0, 0.01)):
        values, pmf = condensed(theta)
        assert len(values) == len(pmf) <= THETA_ATOMS
        assert values @ pmf == pytest.approx(theta.mean(), rel=1e-12)
        assert pmf.sum() == pytest.approx(1)
        assert (np.diff(values) > 0).all()
        assert pmf[values == 0].sum() == pytest.approx((theta == 0).mean())
        assert values[-1] <= theta.max() * (1 + 1e-12)


def test_a_condensed_law_is_fine_grained():
    theta = np.exp(np.random.default_rng(0).normal(-6, 1, 20_000)).clip(0, 1)
    values, pmf = condensed(theta)
    for q in (0.1, 0.5, 0.9, 0.99, 0.999):
        assert values[np.searchsorted(np.cumsum(pmf), q)] == pytest.approx(np.quantile(theta, q), rel=0.05)
    assert (values**2) @ pmf == pytest.approx((theta**2).mean(), rel=0.001)


@pytest.mark.parametrize(
    ("theta", "values", "pmf"),
    [
        ([0.25], [0.25], [1.0]),
        ([0.25] * 9, [0.25], [1.0]),
        ([0.0, 0.0], [0.0], [1.0]),
        ([0.0, 0.5, 0.0, 1.0], [0.0, 0.5, 1.0], [0.5, 0.25, 0.25]),
        ([1.0, 1e-300], [1e-300, 1.0], [0.5, 0.5]),
    ],
)
def test_few_values_are_kept_as_they_are(theta, values, pmf):
    found = condensed(np.array(theta))
    assert found[0].tolist() == pytest.approx(values)
    assert found[1].tolist() == pytest.approx(pmf)


def test_a_training_log_tells_the_law_of_theta(tmp_path):
    path = tmp_path / "train.txt"
    path.write_text("0 10 0.1 2\n1\t300 0.3 1\n0 10 0.1 1\n\n0 20 0 3\n".replace("\t", " "))
    statistics = TrainingStatistics.load(path)
    assert statistics.theta is not None
    assert statistics.theta_pmf is not None
    assert statistics.theta == pytest.approx([0, 0.1, 0.3])
    assert statistics.theta_pmf == pytest.approx([0.25, 0.5, 0.25])
    assert (statistics.theta_avg, statistics.mean_price) == pytest.approx((0.125, 85))
    assert statistics.price_pmf[[0, 10, 300]] == pytest.approx([1 / 305, 3 / 305, 2 / 305])
    assert statistics.source == str(path)
    law = statistics.law()
    assert law.mean_theta == pytest.approx(0.125)
    assert law.theta_pmf[0] == pytest.approx([0.25, 0.5, 0.25])


def test_a_log_of_some_thousand_thetas_has_its_mean_to_rounding():
    theta = np.random.default_rng(1).lognormal(-6, 1.5, 30_000).clip(0, 1)
    log = load_log(np.stack([np.zeros(30_000), np.full(30_000, 7), theta], axis=1))
    statistics = TrainingStatistics.from_log(log)
    assert statistics.law().mean_theta == pytest.approx(statistics.theta_avg, rel=1e-12)


def test_without_a_law_theta_is_its_average(tmp_path):
    statistics = TrainingStatistics.load(write(tmp_path, info()))
    assert statistics.theta is None
    law = statistics.law()
    assert law.theta.tolist() == [[0.25]]
    assert law.theta_pmf.tolist() == [[1.0]]


def test_the_law_of_a_market_joins_its_regimes():
    market = make_market("shift")
    statistics = TrainingStatistics.from_market(market)
    assert statistics.theta is not None
    assert (np.diff(statistics.theta) > 0).all()
    law = statistics.law()
    assert law.mean_theta == pytest.approx(market.mean_theta, rel=1e-12)
    some = market.theta[1, 40]
    weights = market.regime_weights[:, None] * market.theta_pmf * (market.theta == some)
    assert law.theta_pmf[law.theta == some].sum() == pytest.approx(weights.sum())
    assert law.marginal_price_pmf == pytest.approx(market.marginal_price_pmf)


@pytest.mark.parametrize(
    "law",
    [
        {"theta": np.array([0.2, 0.1]), "theta_pmf": np.array([0.5, 0.5])},
        {"theta": np.array([0.1, 0.2]), "theta_pmf": np.array([0.5, 0.6])},
        {"theta": np.array([0.1, 1.2]), "theta_pmf": np.array([0.5, 0.5])},
        {"theta": np.array([0.1, 0.2]), "theta_pmf": np.array([1.0])},
        {"theta": np.array([0.1, 0.2])},
        {"theta_pmf": np.array([0.5, 0.5])},
    ],
    ids=str,
)
def test_a_wrong_law_is_refused(law):
    with pytest.raises(ValueError, match="theta"):
        TrainingStatistics(np.full(301, 1 / 301), 0.1, 150.0, "mine", **law)
