"""Prices, reserves, feedback, charges, noisy predictions and limits: by hand on a small log, or in closed form."""

import numpy as np
import pytest
from budgetgym.envs.bidding.law import PRICE_LEVELS
from budgetgym.envs.bidding.market import Market
from budgetgym.envs.bidding.problem import RealTimeBidding
from budgetgym.envs.core import BudgetedEnv, BudgetedVectorEnv
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

#                click price theta
LOG = np.array(
    [
        [1, 10, 0.5],
        [0, 20, 0.1],
        [0, 0, 0.2],
        [1, 30, 0.4],
        [0, 5, 0.3],
    ]
)
THETA = LOG[:, 2]


def make(log=LOG, **rules):
    return BudgetedEnv(RealTimeBidding, log=log, **{"T": len(log), "budget": 1000.0, **rules})


def replay(bids, log=LOG, **rules):
    """What the steps of the first episode return."""
    env = make(log, **rules)
    env.reset(seed=0)
    return [env.step(np.array([bid], float)) for bid in bids]


def column(steps, name):
    return [info[name] for *_, info in steps]


def market(thetas=(0.3,), pmf=(1.0,), prices=None):
    """Independent prices, uniform on 0..300 by default."""
    price_pmf = np.full(PRICE_LEVELS, 1 / PRICE_LEVELS) if prices is None else np.eye(PRICE_LEVELS)[prices]
    groups = np.zeros((1, len(thetas)), int) if prices is None else np.arange(len(thetas))[None]
    price_pmf = price_pmf.reshape(1, -1, PRICE_LEVELS)
    return Market(np.array([thetas]), np.array([pmf]), groups, price_pmf, np.zeros(1))


def play_in_one_tick(bid, lanes, auctions, **rules):
    """The infos of many episodes that bid the same everywhere."""
    envs = BudgetedVectorEnv(RealTimeBidding, lanes, **{"T": auctions, "ticks": 1, "budget": 1e9, **rules})
    envs.reset(seed=0)
    return envs.step(np.full((lanes, 1), float(bid)))[-1]


def assert_mean(samples, expected):
    """A z-test over independent samples."""
    assert samples.mean() == pytest.approx(expected, abs=4.5 * samples.std() / len(samples) ** 0.5 + 1e-9)


# --- Pricing ----------------------------------------------------------------------------------------------------------------


def test_a_first_price_winner_pays_its_own_bid():
    steps = replay([10.5, 19.9, 0, 31, 5], rule="first_price")
    assert column(steps, "cost") == column(steps, "price_paid") == [10.5, 0, 0, 31, 5]
    assert column(steps, "wins") == [1, 1, 2, 3, 4]


def test_a_first_price_bid_beyond_the_money_pays_all_the_money():
    steps = replay([300] * 5, rule="first_price", budget=12.0)
    assert column(steps, "cost") == [12, 0, 0, 0, 0]
    assert column(steps, "wins") == [1, 1, 2, 2, 2]  # with no money left, 0 still wins the impression that costs nothing
    assert column(steps, "blocked") == [1, 2, 3, 4, 5]


def test_a_bid_below_the_reserve_never_wins_and_a_price_is_at_least_the_reserve():
    steps = replay([11.99, 300, 12, 29, 300], reserve=12)
    assert column(steps, "cost") == [0, 20, 12, 0, 12]


def test_a_bid_at_the_reserve_wins_at_the_reserve_under_both_rules():
    for rule in ("second_price", "first_price"):
        assert column(replay([12] * 5, rule=rule, reserve=12), "cost") == [12, 0, 12, 0, 12]


def test_a_first_price_reserve_changes_who_wins_and_not_what_is_paid():
    assert column(replay([11, 25, 13.5, 300, 12], rule="first_price", reserve=12), "cost") == [0, 25, 13.5, 300, 12]


def test_a_bid_below_the_soft_reserve_pays_itself_and_one_above_it_the_greater_of_the_two_prices():
    assert column(replay([14, 300, 3, 29, 15], soft_reserve=15), "cost") == [14, 20, 3, 0, 15]


def test_hard_and_soft_reserves_go_together():
    assert column(replay([9, 300, 7.9, 300, 8], reserve=8, soft_reserve=15), "cost") == [0, 20, 0, 30, 8]
    assert column(replay([12, 19, 8, 15, 15.5], reserve=8, soft_reserve=15), "cost") == [12, 0, 8, 0, 15]


@pytest.mark.parametrize("bid", [0, 17.5, 149, 300])
@pytest.mark.parametrize("reserve", [0, 60])
@pytest.mark.parametrize("rule", ["first_price", "second_price"])
def test_expected_spend_on_uniform_prices_has_its_closed_form(rule, reserve, bid):
    info = play_in_one_tick(bid, 400, 200, instance="uniform", rule=rule, reserve=reserve)
    prices = np.arange(int(bid) + 1)
    wins = len(prices) / 301 if bid >= reserve else 0.0
    second_price = np.maximum(prices, reserve).sum() / 301 if bid >= reserve else 0.0
    assert_mean(info["wins"] / 200, wins)
    assert_mean(info["spent"] / 200, bid * wins if rule == "first_price" else second_price)


def test_expected_spend_under_a_soft_reserve_has_its_closed_form():
    below = play_in_one_tick(80, 400, 200, instance="uniform", soft_reserve=100)
    assert_mean(below["spent"] / 200, 80 * 81 / 301)
    above = play_in_one_tick(150, 400, 200, instance="uniform", soft_reserve=100)
    assert_mean(above["spent"] / 200, np.maximum(np.arange(151), 100).sum() / 301)


# --- Feedback ---------------------------------------------------------------------------------------------------------------

LEDGER = {"cost", "spent", "remaining", "blocked", "wins", "clicks", "theta_value"}
FEEDBACK = {
    "win": (["last_win"], []),
    "price": (["last_price"], ["price_paid"]),
    "minimum": (["last_minimum"], ["price_paid", "minimum_bid"]),
    "full": (["last_market_price"], ["price_paid", "market_price"]),
}


@pytest.mark.parametrize("feedback", FEEDBACK)
def test_the_observation_and_the_info_hold_what_the_feedback_tells(feedback):
    env = make(feedback=feedback)
    entry, fields = FEEDBACK[feedback]
    also = ["last_win"] if feedback in ("minimum", "full") else []
    tail = ["money_size", "money_remaining", "time_remaining"]
    assert list(env.problem.observation_names) == ["theta", *entry, "win_rate", "spend_rate", *also, *tail]
    assert set(env.reset(seed=0)[1]) == LEDGER | set(fields)


@pytest.mark.parametrize(
    ("feedback", "seen"),
    [
        # after a loss at 19 against 20, a win at 300 against 0, a loss against 30; the reserve is 12
        ("win", [0, 1, 0]),
        ("price", [0, 12 / 300, 0]),
        ("minimum", [20 / 300, 12 / 300, 30 / 300]),
        ("full", [20 / 300, 0, 30 / 300]),
    ],
)
def test_each_feedback_has_exact_values(feedback, seen):
    env = make(LOG[1:], feedback=feedback, reserve=12)
    assert env.reset(seed=0)[0][1] == 0
    steps = [env.step(np.array([bid])) for bid in (19.0, 300.0, 29.0)]
    assert [observation[1] for observation, *_ in steps] == pytest.approx(seen)
    if feedback in ("minimum", "full"):
        assert [observation[4] for observation, *_ in steps] == [0, 1, 0]
    values = {"price_paid": [0, 12, 0], "minimum_bid": [20, 12, 30], "market_price": [20, 0, 30]}
    for name in FEEDBACK[feedback][1]:
        assert column(steps, name) == values[name]


def same_to_a_bidder(one, other, bids, **rules):
    """Whether two logs give the same observations and infos."""
    env = make(one, **rules)
    envs = [env, make(other, **rules, statistics=env.problem.statistics)]
    seen = [[e.reset(seed=0), *(e.step(np.array([bid]))[::4] for bid in bids)] for e in envs]
    return all(np.array_equal(a[0], b[0]) and a[1] == b[1] for a, b in zip(*seen, strict=True))


def changed(click=None, price=None):
    log = LOG.copy()
    if click is not None:
        log[:, 0] = click
    if price is not None:
        log[:, 1] = price
    return log


@pytest.mark.parametrize("cost_event", ["impression", "click", "conversion"])
@pytest.mark.parametrize(
    ("feedback", "hidden"),
    [
        ("win", {"price": LOG[:, 1] + 3}),
        ("price", {"price": LOG[:, 1] + 3}),
        ("minimum", {"price": [39, 1, 2, 3, 40]}),  # below the reserve
        ("full", {}),
    ],
)
def test_a_loser_sees_nothing_but_what_the_feedback_tells(feedback, hidden, cost_event):
    rules = {"feedback": feedback, "reserve": 40, "cost_event": cost_event, "conversion_rate": 0.5}
    other = changed(click=1 - LOG[:, 0], **hidden)
    assert same_to_a_bidder(LOG, other, [39.0] * 5, **rules)
    assert not same_to_a_bidder(LOG, changed(price=LOG[:, 1] + 50), [39.0] * 5, **rules) or feedback in ("win", "price")


def test_only_full_feedback_tells_market_prices_below_the_reserve():
    for feedback in FEEDBACK:
        below = same_to_a_bidder(LOG, changed(price=[7, 7, 7, 7, 7]), [300.0] * 5, feedback=feedback, reserve=30)
        assert below == (feedback != "full")


def test_a_first_price_winner_is_not_shown_the_second_price():
    for feedback in FEEDBACK:
        same = same_to_a_bidder(LOG, changed(price=LOG[:, 1] + 3), [50.0] * 5, feedback=feedback, rule="first_price")
        assert same == (feedback in ("win", "price"))


def test_a_winner_who_pays_for_clicks_learns_the_price_only_by_feedback():
    for feedback in FEEDBACK:
        one, other = (changed(click=0, price=price) for price in (LOG[:, 1], LOG[:, 1] + 3))
        same = same_to_a_bidder(one, other, [50.0] * 5, feedback=feedback, cost_event="click")
        assert same == (feedback == "win")


# --- What is charged for ----------------------------------------------------------------------------------------------------


def test_a_click_is_charged_the_price_per_predicted_theta():
    steps = replay([300] * 5, cost_event="click")
    assert column(steps, "cost") == [10 / 0.5, 0, 0, 30 / 0.4, 0]
    assert column(steps, "price_paid") == [10, 20, 0, 30, 5]
    steps = replay([300] * 5, cost_event="click", calibration=0.5, rule="first_price", budget=1e6)
    assert column(steps, "cost") == [300 / 0.25, 0, 0, 300 / 0.2, 0]


def test_profit_is_what_clicks_are_worth_less_what_is_charged_for_them():
    rules = {"objective": "profit", "click_value": 100.0, "cost_event": "click"}
    assert [r for _, r, *_ in replay([300] * 5, **rules, reward="click")] == [100 - 20, 0, 0, 100 - 75, 0]
    assert [r for _, r, *_ in replay([300] * 5, **rules)] == pytest.approx([50 - 20, 10, 20, 40 - 75, 30])


def test_clicks_charged_for_show_in_the_observation():
    env = make(cost_event="click")
    assert env.problem.observation_names[3:5] == ("spend_rate", "click_rate")
    env.reset(seed=0)
    env.step(np.array([300.0]))
    observation, *_ = env.step(np.array([300.0]))
    rate = (20 / 2) / 13
    assert observation[3:5] == pytest.approx([rate / (1 + rate), 0.5 / 0.3])


@pytest.mark.parametrize("event", ["click", "conversion"])
def test_an_impression_that_is_never_clicked_by_prediction_is_free(event):
    log = np.array([[1, 0, 0.0], [0, 5, 0.4]])
    steps = replay([0, 300], log, cost_event=event, conversion_rate=1.0)
    assert column(steps, "cost") == [0, 0]
    assert column(steps, "wins") == [1, 2]


@pytest.mark.parametrize("calibration", [1.0, 0.4])
def test_charging_clicks_costs_the_price_on_average(calibration):
    lanes, auctions = 2000, 100
    rules = {"instance": market((0.1, 0.4), (0.5, 0.5)), "cost_event": "click", "calibration": calibration}
    info = play_in_one_tick(150, lanes, auctions, **rules)
    assert_mean(info["spent"] / auctions, 150 * 151 / 2 / 301 / calibration)


def test_a_bid_is_lowered_to_what_a_click_could_be_charged():
    steps = replay([300] * 5, cost_event="click", budget=40.0)
    assert column(steps, "cost") == [20, 0, 0, 0, 0]  # 40 * 0.5 = 20 wins at 10; then 20 * 0.1 and 20 * 0.4 lose
    assert column(steps, "blocked") == [1, 2, 3, 4, 5]
    assert column(steps, "wins") == [1, 1, 2, 2, 3]


@pytest.mark.parametrize(
    ("rules", "most"),
    [
        ({"budget": 20.9}, 20),
        ({"budget": 40.0, "cost_event": "click"}, 20),
        ({"budget": 40.0, "cost_event": "click", "calibration": 0.5}, 10),
        ({"budget": 40.0, "cost_event": "conversion", "conversion_rate": 0.5}, 10),
        ({"cpc_limit": 30.0}, 15),
        ({"cpc_limit": 30.0, "limits": "soft"}, 300),
        ({"cpa_limit": 80.0, "conversion_rate": 0.25}, 10),
        ({"roas_limit": 4.0, "click_value": 100.0}, 12),
    ],
)
def test_masks_hold_the_bids_that_money_and_limits_allow(rules, most):
    env = make(discrete=True, **rules)
    _, info = env.reset(seed=0)
    assert info["action_mask"].sum() == most + 1
    here = env.snapshot()
    assert env.step(most)[-1]["blocked"] == 0
    env.restore(here)
    if most < 300:
        assert env.step(most + 1)[-1]["blocked"] == 1


def test_masks_do_not_tell_which_impression_a_tick_begins_with():
    rules = {"discrete": True, "ticks": 1, "budget": 40.0, "cost_event": "click", "cpc_limit": 30.0}
    masks = [make(log, **rules).reset(seed=0)[1]["action_mask"] for log in (LOG, LOG[::-1])]
    assert np.array_equal(*masks)
    assert masks[0].sum() == 31  # the best impression would be clicked for sure


# --- Predictions ------------------------------------------------------------------------------------------------------------


def test_a_calibrated_prediction_is_a_multiple_of_theta_and_rewards_follow_the_true_one():
    env = make(calibration=0.8)
    predicted = [env.reset(seed=0)[0][0] * 0.3]
    steps = [env.step(np.array([300.0])) for _ in range(5)]
    predicted += [observation[0] * 0.3 for observation, *_ in steps[:-1]]
    assert predicted == pytest.approx(0.8 * THETA)
    assert [reward for _, reward, *_ in steps] == THETA.tolist()
    assert column(steps, "clicks") == [1, 1, 1, 2, 2]
    assert make(calibration=3.0).reset(seed=0)[0][0] * 0.3 == pytest.approx(1.0)  # not 1.5


@pytest.mark.parametrize(("calibration", "noise"), [(1.0, 0.6), (0.5, 0.3), (1.7, 0.0)])
def test_predictions_are_log_normal_around_the_calibrated_theta(calibration, noise):
    world = market((0.002, 0.004), (0.5, 0.5))
    rules = {"calibration": calibration, "noise": noise}
    envs = BudgetedVectorEnv(RealTimeBidding, 20_000, observation_dtype="float64", instance=world, T=1, **rules)
    observation, _ = envs.reset(seed=0)
    ratio = observation[:, 0] * world.mean_theta / envs.snapshot().theta
    assert_mean(ratio, calibration)
    assert_mean(np.log(ratio), np.log(calibration) - noise**2 / 2)
    assert np.log(ratio).std() == pytest.approx(noise, abs=4.5 * noise / (2 * len(ratio)) ** 0.5 + 1e-12)


def test_clicks_and_theta_value_follow_the_true_theta():
    info = play_in_one_tick(300, 500, 100, instance=market((0.3,)), noise=1.0, calibration=0.5)
    assert info["theta_value"] == pytest.approx(30.0)
    assert_mean(info["clicks"] / 100, 0.3)


def posterior(world, predicted, calibration, noise):
    """P(atom | prediction), by Bayes; a prediction of 1 is one that was lowered to it."""
    z = (np.log(predicted / (calibration * world.theta[0])) + noise**2 / 2) / noise
    weights = world.theta_pmf[0] * (norm.pdf(z) if predicted < 1 else norm.sf(z))
    return weights / weights.sum()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("thetas", "calibration", "noise"), [((0.1, 0.3), 1.2, 0.7), ((0.0, 0.05), 1.0, 0.2), ((0.5, 0.9), 1.0, 1.0)]
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_forks_draw_theta_from_its_posterior(thetas, calibration, noise, seed):
    world = market(thetas, (0.7, 0.3), [10, 20])
    env = BudgetedEnv(RealTimeBidding, instance=world, T=2, calibration=calibration, noise=noise, budget=1e6)
    observation, _ = env.reset(seed=seed)
    predicted = observation[0] * world.mean_theta
    model = env.model(20_000, seed=1)
    theta = model.snapshot().theta
    assert set(theta) <= set(thetas)
    high = (
        1.0
        if predicted > 0 and thetas[0] == 0
        else 0.0
        if predicted == 0
        else posterior(world, predicted, calibration, noise)[1]
    )
    assert (theta == thetas[1]).mean() == pytest.approx(high, abs=4.5 * (high * (1 - high) / 20_000) ** 0.5 + 1e-12)
    *_, info = model.step(np.full((20_000, 1), 300.0))
    assert np.array_equal(info["price_paid"], np.where(theta == thetas[1], 20, 10))  # the price belongs to the theta
    assert (model.snapshot().predicted >= 0).all()


@pytest.mark.parametrize(("calibration", "noise"), [(1.0, 0.8), (2.0, 0.5), (4.0, 0.0)])
def test_a_redraw_changes_nothing_about_the_law_of_theta_given_its_prediction(calibration, noise):
    """Bayes by counting: among lanes with like predictions, as many have the high theta before and after."""
    world = market((0.3, 0.5), (0.6, 0.4))
    lanes = 20_000
    envs = BudgetedVectorEnv(RealTimeBidding, lanes, instance=world, T=2, calibration=calibration, noise=noise)
    observation, _ = envs.reset(seed=0)
    predicted, before = observation[:, 0] * world.mean_theta, envs.snapshot().theta
    envs.resample_hidden(seed=1)
    after = envs.snapshot().theta
    for low, high in zip((0, 0.2, 0.4, 0.6, 1 - 1e-9), (0.2, 0.4, 0.6, 1 - 1e-9, 2), strict=True):
        here = (predicted >= low) & (predicted < high)
        if here.any():
            difference = (after[here] == 0.5).mean() - (before[here] == 0.5).mean()
            assert abs(difference) <= 4.5 * (0.5 / here.sum()) ** 0.5
    assert (before != after).any() == (noise > 0 or (predicted == 1).any())


def test_forks_of_a_noisy_log_draw_lines_by_how_likely_they_make_the_prediction():
    env = make(noise=0.5, budget=1e6)
    observation, _ = env.reset(seed=0)
    predicted = observation[0] * 0.3
    model = env.model(20_000, seed=1)
    weights = norm.pdf((np.log(predicted / THETA) + 0.125) / 0.5)
    for theta, share in zip(THETA, weights / weights.sum(), strict=True):
        assert (model.snapshot().theta == theta).mean() == pytest.approx(share, abs=4.5 * (share / 20_000) ** 0.5)


def test_what_is_predicted_never_to_be_clicked_stays_so_in_forks_of_a_noisy_log():
    env = make(np.array([[0, 5, 0.0], [1, 6, 0.5]]), noise=0.5)
    env.reset(seed=0)
    assert (env.model(200, seed=1).snapshot().theta == 0).all()


def test_forks_of_a_noisy_log_do_not_know_the_price():
    """Even where the prediction gives the line away."""
    env = make(noise=1e-6)
    env.reset(seed=0)
    model = env.model(2000, seed=1)
    assert (model.snapshot().theta == 0.5).all()
    assert set(model.step(np.full((2000, 1), 300.0))[-1]["price_paid"]) == {0, 5, 10, 20, 30}


# --- Limits -----------------------------------------------------------------------------------------------------------------


def test_the_strictest_limit_counts():
    limits = {"cpc_limit": 50.0, "cpa_limit": 160.0, "roas_limit": 4.0}  # per theta: 50, 160 * 0.25 = 40, 100 / 4 = 25
    rules = {"conversion_rate": 0.25, "click_value": 100.0}
    for given_, most in (((), np.inf), (("cpc_limit",), 50), (("cpc_limit", "cpa_limit"), 40), (tuple(limits), 25)):
        problem = make(**rules, **{name: limits[name] for name in given_}).problem
        assert problem.limit == most
        assert ("slack" in problem.observation_names) == (most < np.inf)


def test_a_hard_limit_lowers_bids_to_what_the_predicted_clicks_allow():
    env = make(cpc_limit=40.0)
    assert env.problem.observation_names[4] == "slack"
    env.reset(seed=0)
    steps = [env.step(np.array([300.0])) for _ in range(5)]
    # slack + 40 theta: 20 wins at 10; 10 + 4 loses against 20; 10 + 8 wins at 0; 18 + 16 wins at 30; 4 + 12 wins at 5
    assert column(steps, "cost") == [10, 0, 0, 30, 5]
    assert column(steps, "blocked") == [1, 2, 3, 4, 5]
    assert [observation[4] * 13 * 5 for observation, *_ in steps] == pytest.approx([10, 10, 18, 4, 11])
    assert column(steps, "excess") == pytest.approx([-10, -10, -18, -4, -11])


LIMITS = st.sampled_from(
    [
        {"cpc_limit": 20.0},
        {"cpc_limit": 3e3},
        {"cpa_limit": 100.0},
        {"roas_limit": 1.5},
        {"cpc_limit": 90.0, "roas_limit": 0.9},
    ]
)
WORLD = market((0.0, 0.05, 0.7), (0.2, 0.5, 0.3))


@given(
    limit=LIMITS,
    rule=st.sampled_from(["first_price", "second_price"]),
    event=st.sampled_from(["impression", "click", "conversion"]),
    noise=st.sampled_from([0.0, 0.8]),
    low=st.floats(0, 300),
    seed=st.integers(0, 2**31),
)
@settings(max_examples=25, deadline=None)
def test_a_hard_limit_holds_at_every_step(limit, rule, event, noise, low, seed):
    problem = RealTimeBidding(
        instance=WORLD, T=40, budget=3000.0, rule=rule, cost_event=event, conversion_rate=0.5, noise=noise, **limit
    )
    envs = BudgetedVectorEnv(problem, 20, observation_dtype="float64")
    observation, _ = envs.reset(seed=seed)
    bids = np.random.default_rng(seed).uniform(low, 300, (40, 20, 1))
    prices, allowed, wins = np.zeros(20), np.zeros(20), np.zeros(20)
    for bid in bids:
        predicted = observation[:, 0] * WORLD.mean_theta
        observation, *_, info = envs.step(bid)
        prices += info["price_paid"]
        allowed += (info["wins"] - wins) * problem.limit * predicted
        wins = info["wins"]
        assert (prices <= allowed + 1e-9).all()
        assert (info["remaining"] >= 0).all()


def test_rounding_of_the_slack_never_bars_a_bid_of_nothing():
    log = np.array([[0, 0, 0.27], [0, 0, 0.04], [0, 0, 0.0]])
    env = make(log, cpc_limit=191.5, rule="first_price", statistics=make().problem.statistics)
    env.reset(seed=0)
    env.step(np.array([1.0]))
    env.step(np.array([300.0]))
    assert -1e-12 < env.snapshot().slack[0] < 0
    *_, info = env.step(np.array([0.0]))
    assert (info["wins"], info["blocked"]) == (3, 1)


@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_a_soft_limit_costs_the_price_less_what_the_true_theta_may_cost(noise):
    env = make(cpc_limit=40.0, limits="soft", noise=noise)
    env.reset(seed=0)
    steps = [env.step(np.array([bid])) for bid in (300.0, 300.0, 0.0, 29.0, 300.0)]
    won, prices = np.array([1, 1, 1, 0, 1]), np.array([10, 20, 0, 0, 5])
    costs = prices - won * 40 * THETA
    assert column(steps, "cost") == pytest.approx(costs)
    assert column(steps, "excess") == pytest.approx(np.cumsum(costs))
    assert column(steps, "spent") == np.cumsum(prices).tolist()
    assert column(steps, "blocked") == [0] * 5


def test_the_costs_of_a_soft_limit_sum_to_the_excess_in_ticks_too():
    envs = BudgetedVectorEnv(
        RealTimeBidding, 50, instance=WORLD, T=60, ticks=7, noise=0.5, roas_limit=1.2, limits="soft", budget=3000.0
    )
    envs.reset(seed=0)
    infos = [envs.step(np.full((50, 1), 90.0 + 10 * k))[-1] for k in range(7)]
    assert sum(info["cost"] for info in infos) == pytest.approx(infos[-1]["excess"])
    limit = envs.problem.limit  # type: ignore[attr-defined]
    assert infos[-1]["excess"] == pytest.approx(infos[-1]["spent"] - limit * infos[-1]["theta_value"])
