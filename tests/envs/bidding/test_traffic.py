"""When auctions come up, and that a tick is nothing but its auctions under one action."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from budgetgym.envs.bidding.problem import RealTimeBidding
from budgetgym.envs.bidding.traffic import HOURS, load_traffic, read_profile, tick_starts, weekly_profile
from budgetgym.envs.core import BudgetedEnv, BudgetedVectorEnv
from hypothesis import given
from hypothesis import strategies as st

#                click price theta
LOG = np.array([[1, 10, 0.5], [0, 20, 0.1], [0, 0, 0.2], [1, 30, 0.4], [0, 5, 0.3]])


# --- Profiles ---------------------------------------------------------------------------------------------------------------


def test_the_weekly_profile_is_a_distribution_over_the_hours_of_a_week():
    profile = weekly_profile()
    assert profile.shape == (HOURS,)
    assert profile.sum() == pytest.approx(1)
    assert (profile > 0).all()
    by_day = profile.reshape(7, 24)
    assert (by_day.argmin(axis=1) <= 5).all()  # quiet at night
    assert by_day[5:].sum() / 2 < by_day[:5].sum() / 5  # and at weekends


def test_profiles_are_read_and_normalised():
    assert read_profile("even").tolist() == [1]
    assert np.array_equal(read_profile("weekly"), weekly_profile())
    assert read_profile([1, 3]).tolist() == [0.25, 0.75]


def test_ticks_divide_even_traffic_evenly():
    assert tick_starts(np.ones(1), 4, 100).tolist() == [0, 25, 50, 75, 100]
    assert tick_starts(np.ones(1), 100, 100).tolist() == list(range(101))


def test_ticks_take_their_shares_of_the_traffic():
    assert tick_starts(np.array([0.25, 0.75]), 2, 100).tolist() == [0, 25, 100]
    assert tick_starts(np.array([0.25, 0.75]), 4, 80).tolist() == [0, 10, 20, 50, 80]  # traffic flows evenly in a share
    assert tick_starts(np.array([0.1, 0.3, 0.4, 0.2]), 2, 50).tolist() == [0, 20, 50]
    assert tick_starts(np.array([0.0, 1.0, 0.0]), 3, 7).tolist() == [0, 0, 7, 7]
    assert np.diff(tick_starts(weekly_profile(), HOURS, 10**6)) == pytest.approx(weekly_profile() * 10**6, abs=1)


@given(
    shares=st.lists(st.floats(0, 1, allow_subnormal=False), min_size=1, max_size=20).filter(lambda s: sum(s) > 1e-3),
    ticks=st.integers(1, 50),
    auctions=st.integers(50, 5000),
)
def test_the_starts_of_ticks_follow_the_traffic_passed_to_half_an_auction(shares, ticks, auctions):
    profile = read_profile(shares)
    starts = tick_starts(profile, ticks, auctions)
    assert (starts[0], starts[-1], len(starts)) == (0, auctions, ticks + 1)
    assert (np.diff(starts) >= 0).all()
    for k, start in enumerate(starts):
        whole, part = divmod(k * len(profile), ticks)
        passed = profile[:whole].sum() + (profile[whole] * part / ticks if part else 0.0)
        assert abs(start - passed * auctions) <= 0.5 + 1e-6


# --- Tables -----------------------------------------------------------------------------------------------------------------


def week(region=1, shares=None):
    hours = pd.MultiIndex.from_product([[region], range(1, 8), range(24)], names=["region_id", "dow", "hour"])
    return hours.to_frame(index=False).assign(traffic_share=np.ones(HOURS) if shares is None else shares)


def written(folder, table):
    path = folder / "traffic.csv"
    table.to_csv(path, index=False)
    return path


def test_a_table_is_read_by_hour_and_averaged_over_regions(tmp_path):
    ramp = np.arange(HOURS) + 1.0
    path = written(tmp_path, pd.concat([week(1, ramp), week(2, ramp[::-1])]).sample(frac=1, random_state=0))
    assert load_traffic(path, region=1) == pytest.approx(ramp / ramp.sum())
    assert load_traffic(path, region=2) == pytest.approx(ramp[::-1] / ramp.sum())
    assert load_traffic(path) == pytest.approx(np.full(HOURS, 1 / HOURS))
    assert np.array_equal(read_profile(str(path)), load_traffic(path))
    for traffic in (path, str(path)):
        assert RealTimeBidding(T=1000, ticks=4, traffic=traffic).params.tick_start.tolist() == [0, 250, 500, 750, 1000]


@pytest.mark.parametrize(
    ("table", "region", "message"),
    [
        (week().drop(columns="hour"), None, r"traffic\.csv lacks the columns \['hour'\]; it has \['region_id', 'dow', 'traf"),
        (week().drop(columns=["dow", "traffic_share"]), None, r"lacks the columns \['dow', 'traffic_share'\]"),
        (week().drop(columns="region_id"), 1, r"lacks the columns \['region_id'\]"),
        (week(), 2, r"region is 2, which .*traffic\.csv does not have"),
        (week().drop(index=7), None, "holds 167 hours of a week; expected dow 1..7 and hour 0..23, 168 in all"),
        (week().assign(dow=week()["dow"] - 1), None, r"traffic\.csv, line 2: dow is '0'; expected a day of the week, 1\.\.7"),
        (
            pd.concat([week(1), week(2, -0.5 * np.ones(HOURS))]),
            None,
            r"traffic\.csv, line 170: traffic_share is '-0\.5'; expected a share",
        ),
        (week().assign(traffic_share=np.nan), None, "line 2: traffic_share is ''"),
        (week().assign(traffic_share="x"), None, "line 2: traffic_share is 'x'"),
        (week().assign(traffic_share=0.0), None, "not all 0"),
        (pd.concat([week(), week()]), None, "line 170: the region has this hour before"),
    ],
)
def test_wrong_tables_are_explained(tmp_path, table, region, message):
    with pytest.raises(ValueError, match=message):
        load_traffic(written(tmp_path, table), region)


def test_a_table_that_is_not_there_is_named(tmp_path):
    for path in (tmp_path / "nowhere.csv", tmp_path):
        with pytest.raises(FileNotFoundError, match=f"{path} does not exist"):
            load_traffic(path)
    with pytest.raises(FileNotFoundError, match="hourly does not exist"):
        RealTimeBidding(ticks=5, traffic="hourly")


def test_the_traffic_of_avito_is_read(shared_data):
    path = shared_data / "ipinyou/traffic/avito_bat.traffic_share.csv"
    table = pd.read_csv(path).sort_values(["dow", "hour"])
    mean = load_traffic(path)
    assert mean.shape == (HOURS,)
    assert mean.sum() == pytest.approx(1)
    regions = [part["traffic_share"].to_numpy() for _, part in table.groupby("region_id")]
    assert len(regions) == 114
    assert np.mean([part / part.sum() for part in regions], axis=0) == pytest.approx(mean, rel=1e-3)  # rounded to six digits
    first = table[table["region_id"] == 645530]["traffic_share"]
    assert load_traffic(path, 645530) == pytest.approx(first / first.sum())
    assert np.corrcoef(mean, weekly_profile())[0, 1] > 0.8
    with pytest.raises(ValueError, match="region is 1, which"):
        load_traffic(path, 1)


# --- Ticks ------------------------------------------------------------------------------------------------------------------

RULES = [
    {},
    {"rule": "first_price", "reserve": 20},
    {"soft_reserve": 70, "noise": 0.7, "calibration": 1.5},
    {"cost_event": "click", "reward": "click", "instance": "1458"},
    {"cost_event": "conversion", "conversion_rate": 0.4, "delay": "geometric:9", "reward": "conversion", "instance": "1458"},
    {"cpc_limit": 9000.0, "noise": 0.5},
    {"roas_limit": 1.1, "limits": "soft", "instance": "shift", "objective": "profit"},
]


@pytest.mark.parametrize("rules", RULES, ids=str)
@pytest.mark.parametrize("traffic", ["even", "weekly", [0, 5, 0, 1]], ids=str)
def test_a_tick_is_nothing_but_its_auctions_under_one_action(rules, traffic):
    """As well when the money runs out within a tick."""
    settings = {"T": 120, "control": "pacing", "budget": 1500.0, **rules}
    ticked = BudgetedVectorEnv(RealTimeBidding, 20, ticks=8, traffic=traffic, **settings)
    single = BudgetedVectorEnv(RealTimeBidding, 20, **settings)
    _, theirs = ticked.reset(seed=0)
    single.reset(seed=0)
    starts = ticked.problem.params.tick_start
    total, cost = np.zeros((2, 20)), np.zeros((2, 20))
    for tick, (start, stop) in enumerate(pairwise(starts)):
        if start == 120:
            break
        action = np.full((20, 1), 0.1 + 0.03 * tick)
        _, reward, over, _, theirs = ticked.step(action)
        total[0] += reward
        cost[0] += theirs["cost"]
        assert (over == (stop == 120)).all()
        for _ in range(start, stop):
            _, reward, over, _, ours = single.step(action)
            total[1] += reward
            cost[1] += ours["cost"]
        if stop > 0:
            for name in ("wins", "clicks", "blocked", "conversions"):
                assert np.array_equal(theirs.get(name, 0), ours.get(name, 0))
            for name in ("spent", "remaining", "theta_value", *(["excess"] if "excess" in ours else [])):
                assert theirs[name] == pytest.approx(ours[name], abs=1e-6)
    assert over.all()
    assert (theirs["wins"] > 0).any()
    assert total[0] == pytest.approx(total[1])
    assert cost[0] == pytest.approx(cost[1])


def test_an_observation_of_a_tick_tells_its_traffic_and_the_means_of_the_last_one():
    def played(feedback):
        env = BudgetedEnv(RealTimeBidding, log=LOG, T=5, ticks=2, traffic=[3, 2], budget=100.0, feedback=feedback)
        assert env.problem.observation_names[0] == "traffic"
        first, _ = env.reset(seed=0)
        second, reward, *_, info = env.step(np.array([10.0]))  # wins at 10, loses against 20, wins at 0
        assert reward == pytest.approx(0.7)
        return first, second, info

    first, second, info = played("price")
    assert first == pytest.approx([3 * 2 / 5, 0, 0, 0, 100 / 165, 1, 1])
    assert second == pytest.approx([2 * 2 / 5, 5 / 300, 2 / 3, 10 / 3 / 13, 100 / 165, 0.9, 0.5])
    assert info["price_paid"] == 5
    assert played("win")[1][1] == pytest.approx(2 / 3)
    assert played("minimum")[1][[1, 4]] == pytest.approx([10 / 300, 2 / 3])
    assert played("full")[2]["market_price"] == 10


def test_ticks_without_traffic_pass_and_the_last_auction_ends_the_episode():
    env = BudgetedEnv(RealTimeBidding, log=LOG, T=5, ticks=4, traffic=[0, 2, 3, 0], budget=100.0)
    assert env.reset(seed=0)[0][0] == 0
    observation, reward, over, _, info = env.step(np.array([300.0]))
    assert (reward, over, info["wins"], info["cost"], info["price_paid"]) == (0, False, 0, 0, 0)
    assert observation[[0, -1]] == pytest.approx([2 * 4 / 5, 0.75])
    assert not env.step(np.array([300.0]))[2]
    *_, over, _, info = env.step(np.array([300.0]))
    assert over
    assert info["wins"] == 5


def test_a_tick_at_the_end_of_a_log_is_cut_short():
    env = BudgetedEnv(RealTimeBidding, log=LOG, T=4, ticks=2, budget=100.0, fragment="whole")
    env.reset(seed=0, options={"episode": 1})
    *_, over, _, info = env.step(np.array([300.0]))
    assert over
    assert (info["wins"], info["spent"]) == (1, 5)


def test_forks_do_not_know_the_impression_that_a_tick_begins_with():
    for world in ({"log": LOG}, {"instance": "uniform"}):
        env = BudgetedEnv(RealTimeBidding, T=5, ticks=1, budget=100.0, **world)
        env.reset(seed=0)
        thetas, counts = np.unique(env.model(6400, seed=0).snapshot().theta, return_counts=True)
        assert len(thetas) == (5 if "log" in world else 64)
        assert counts.min() > 50
        assert len(set(env.model(10, peek=True).snapshot().theta)) == 1


# --- Control by the prices of money and of a limit --------------------------------------------------------------------------


def dual_bids(problem, predicted, mu, lam):
    """The documented formula."""
    s = problem.statistics
    with np.errstate(divide="ignore", invalid="ignore"):
        bid = (1 + lam) * predicted / (mu * s.theta_avg / s.mean_price + lam / problem.limit)
    return np.minimum(bid, 300.0)


@pytest.mark.parametrize("rules", [{}, {"noise": 0.8, "calibration": 0.7}, {"limits": "soft", "rule": "first_price"}], ids=str)
def test_dual_control_bids_by_its_formula_also_within_ticks(rules):
    settings = {"T": 60, "budget": 3000.0, "cpc_limit": 15_000.0, **rules}
    lanes, starts = 30, [0, 12, 24, 36, 48, 60]
    dual = BudgetedVectorEnv(RealTimeBidding, lanes, control="dual", **settings)
    ticked = BudgetedVectorEnv(RealTimeBidding, lanes, control="dual", ticks=5, **settings)
    plain = BudgetedVectorEnv(RealTimeBidding, lanes, **settings)
    observation, _ = plain.reset(seed=0)
    dual.reset(seed=0)
    ticked.reset(seed=0)
    prices = np.random.default_rng(0).uniform(0, 3, (5, lanes, 2))
    for tick in range(5):
        mu, lam = prices[tick].T
        for _ in range(starts[tick], starts[tick + 1]):
            predicted = observation[:, 0] * plain.problem.statistics.theta_avg
            bids = dual_bids(plain.problem, predicted, mu, lam)
            observation, _, _, _, ours = plain.step(bids[:, None])
            theirs = dual.step(prices[tick])[-1]
            assert theirs["spent"] == pytest.approx(ours["spent"])
            assert np.array_equal(theirs["wins"], ours["wins"])
        *_, theirs = ticked.step(prices[tick])
        assert theirs["spent"] == pytest.approx(ours["spent"])
        assert np.array_equal(theirs["wins"], ours["wins"])
    assert 0 < ours["wins"].mean() < 60


@pytest.mark.parametrize(
    ("action", "bid"),
    [
        ([1.0, 0.0], 0.5 * 13 / 0.3),  # an impression's worth at the market's average cost per click
        ([2.0, 0.0], 0.5 * 13 / 0.6),
        ([0.0, 1.0], 2 * 0.5 * 40),
        ([1.0, 3.0], 4 * 0.5 / (0.3 / 13 + 3 / 40)),
        ([0.0, 100.0], 101 * 0.5 * 40 / 100),
        ([0.0, 0.01], 300.0),  # 2020
        ([0.0, 0.0], 300.0),  # money is worth nothing
    ],
)
def test_dual_bids_by_hand(action, bid):
    rules = {"control": "dual", "cpc_limit": 40.0, "limits": "soft", "rule": "first_price"}
    env = BudgetedEnv(RealTimeBidding, log=LOG, T=5, budget=1000.0, **rules)
    env.reset(seed=0)
    assert env.step(np.array(action))[-1]["price_paid"] == pytest.approx(bid)
