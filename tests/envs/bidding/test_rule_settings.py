"""Wrong market rules are refused by name, and all rules go together."""

import re

import numpy as np
import pytest
from budgetgym.envs.bidding.law import PRICE_LEVELS
from budgetgym.envs.bidding.market import Market
from budgetgym.envs.bidding.problem import RealTimeBidding
from budgetgym.envs.core import BudgetedEnv, BudgetedVectorEnv
from hypothesis import given, settings
from hypothesis import strategies as st

NAN, INF = float("nan"), float("inf")
CONVERTING = {"conversion_rate": 0.1}
NUMBERS = {
    # what is no number > 0, or >= 0, or in a range; and what else must be given
    "reserve": ([-1, 301, 2.5, NAN, INF, "5", None, True], {}),
    "soft_reserve": ([-1, 301, 2.5, NAN, "5", None], {}),
    "conversion_rate": ([-0.1, 1.1, NAN, "0.1", None, True], {}),
    "attribution_window": ([-1, 2.5, NAN, "5", True], CONVERTING),
    "cpc_limit": ([0, -1.0, NAN, INF, "5", True], {}),
    "cpa_limit": ([0, -1.0, NAN, INF, "5"], CONVERTING),
    "roas_limit": ([0, -1.0, NAN, INF, "5"], {}),
    "calibration": ([0, -1.0, NAN, INF, "1", None], {}),
    "noise": ([-0.1, NAN, INF, "0", None], {}),
    "ticks": ([0, -1, 2.5, NAN, "5", True, 1001], {}),
    "click_value": ([0, -1.0, NAN, INF, "x", [1.0], True], {}),
    "T": ([0, 2.5, NAN, True], {}),
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, (values, _) in NUMBERS.items() for value in values], ids=repr
)
def test_a_number_out_of_range_is_refused_by_name_and_value(name, value):
    with pytest.raises(ValueError, match=re.escape(f"{name} is {value!r}; expected")):
        RealTimeBidding(**{**NUMBERS[name][1], name: value})


@pytest.mark.parametrize("value", ["second", "WIN", NAN, None, 1, ["win"], b"win"], ids=repr)
@pytest.mark.parametrize("name", ["rule", "feedback", "cost_event", "limits", "control", "reward", "objective"])
def test_an_unknown_choice_is_refused_by_name_and_value(name, value):
    with pytest.raises(ValueError, match=re.escape(f"{name} is {value!r}; expected one of (")):
        RealTimeBidding(**{**CONVERTING, name: value})


@pytest.mark.parametrize("value", [5, 2.5, NAN, "5"], ids=repr)
def test_a_first_price_auction_has_no_soft_reserve(value):
    with pytest.raises(ValueError, match=re.escape(f"soft_reserve={value!r} with rule='first_price'")):
        RealTimeBidding(rule="first_price", soft_reserve=value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("reward", "conversion"),
        ("cost_event", "conversion"),
        ("delay", "geometric:5"),
        ("attribution_window", 5),
        ("cpa_limit", 5.0),
    ],
)
def test_what_needs_conversions_is_refused_without_them(name, value):
    with pytest.raises(
        ValueError, match=re.escape(f"{name}={value!r} with conversion_rate=0; expected a conversion_rate > 0")
    ):
        RealTimeBidding(**{name: value})
    RealTimeBidding(**{name: value}, conversion_rate=0.1)


@pytest.mark.parametrize("settings", [{"control": "dual"}, {"limits": "soft"}])
def test_what_needs_a_limit_is_refused_without_one(settings):
    name, value = next(iter(settings.items()))
    with pytest.raises(ValueError, match=f"{name}='{value}' without a limit; expected cpc_limit, cpa_limit or roas_limit"):
        RealTimeBidding(**settings)


@pytest.mark.parametrize("control", ["pacing", "dual"])
def test_only_bids_are_discrete(control):
    with pytest.raises(ValueError, match=f"discrete=True with control='{control}'; expected 'bid'"):
        RealTimeBidding(discrete=True, control=control, cpc_limit=5.0)


@pytest.mark.parametrize("traffic", ["weekly", [1, 2], "nowhere.csv", None], ids=repr)
def test_traffic_needs_ticks(traffic):
    with pytest.raises(ValueError, match=re.escape(f"traffic={traffic!r} without ticks=")):
        RealTimeBidding(traffic=traffic)


@pytest.mark.parametrize(
    "traffic",
    [[], [0, 0], [1, -1], [1, NAN], [1, INF], [[1, 2]], 5, None, ["a"], [[1], [1, 2]], {"mon": 1}, b"weekly", [1, 1j], [True]],
    ids=repr,
)
def test_bad_traffic_is_refused_by_name_and_value(traffic):
    with pytest.raises(ValueError, match=re.escape(f"traffic is {traffic!r}; expected")):
        RealTimeBidding(ticks=5, traffic=traffic)


# --- All rules together -----------------------------------------------------------------------------------------------------

PRICES = np.stack([np.full(PRICE_LEVELS, 1 / PRICE_LEVELS), np.eye(PRICE_LEVELS)[:50].mean(axis=0)])[None]
MARKET = Market(np.array([[0.0, 0.1, 0.6]]), np.array([[0.2, 0.5, 0.3]]), np.array([[0, 0, 1]]), PRICES, np.zeros(1))
LOG = np.random.default_rng(0).integers(0, [2, 60, 11], (70, 3)) * [1, 1, 0.1]
T = 25


@st.composite
def rules(draw):
    """Any combination of settings that is allowed."""
    one = {
        "T": T,
        "budget": draw(st.sampled_from([0.0, 40.0, 300.5, 1e5])),
        "objective": draw(st.sampled_from(["clicks", "profit"])),
        "rule": draw(st.sampled_from(["first_price", "second_price"])),
        "reserve": draw(st.sampled_from([0, 0, 7, 300])),
        "feedback": draw(st.sampled_from(["win", "price", "minimum", "full"])),
        "calibration": draw(st.sampled_from([0.3, 1.0, 2.5])),
        "noise": draw(st.sampled_from([0.0, 0.6])),
        "budget_aware": draw(st.booleans()),
    }
    if draw(st.booleans()):
        one |= {"log": LOG, "shuffled": draw(st.booleans())}
    else:
        one |= {"instance": MARKET}
    if one["rule"] == "second_price":
        one["soft_reserve"] = draw(st.sampled_from([0, 11]))
    if draw(st.booleans()):
        delays = [None, "geometric:4", "weibull:3:0.5", [0.5, 0, 0.5]]
        one |= {"conversion_rate": draw(st.sampled_from([0.2, 1.0])), "delay": draw(st.sampled_from(delays))}
        one["attribution_window"] = draw(st.sampled_from([None, 0, 3, 50]))
    converting = ["conversion"] if "conversion_rate" in one else []
    one["reward"] = draw(st.sampled_from(["expected", "click", *converting]))
    one["cost_event"] = draw(st.sampled_from(["impression", "click", *converting]))
    limits = draw(st.sets(st.sampled_from(["cpc_limit", "roas_limit", *(["cpa_limit"] if converting else [])])))
    one |= {name: {"cpc_limit": 90.0, "cpa_limit": 300.0, "roas_limit": 1.1}[name] for name in limits}
    one["limits"] = draw(st.sampled_from(["hard", "soft"])) if limits else "hard"
    one["control"] = draw(st.sampled_from(["bid", "pacing", *(["dual"] if limits else [])]))
    one["discrete"] = one["control"] == "bid" and draw(st.booleans())
    if draw(st.booleans()):
        one |= {"ticks": draw(st.sampled_from([1, 4, T])), "traffic": draw(st.sampled_from(["even", "weekly", [0, 3, 1, 0]]))}
    return one


def assert_same(one, other):
    """Observations, rewards, ends and infos."""
    for a, b in zip(one, other, strict=True):
        if isinstance(a, dict):
            assert a.keys() == b.keys()
            assert all(np.array_equal(a[name], b[name]) for name in a)
        else:
            assert np.array_equal(a, b)


def lane(step, i):
    """What lane i of a batch saw, in the form of a single environment's."""
    *rows, info = step
    return [*(row[i] for row in rows), {name: value[i] for name, value in info.items() if not name.startswith("_")}]


@given(rules=rules(), seed=st.integers(0, 2**31), greed=st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_any_rules_keep_the_ledger_the_spaces_and_the_equality_of_batches_and_single_episodes(rules, seed, greed):
    problem = RealTimeBidding(**rules)
    envs = BudgetedVectorEnv(problem, 3, autoreset_mode="Disabled")
    again = BudgetedVectorEnv(problem, 3, autoreset_mode="Disabled")
    single = BudgetedEnv(problem)
    assert_same(envs.reset(seed=seed), again.reset(seed=seed))
    single.reset(seed=seed + 1, options={"episode": 1} if problem.num_episodes else None)
    low, high = problem.rules()[-2:]
    generator = np.random.default_rng(seed)
    spent, over, steps, single_is_over = np.zeros(3), np.zeros(3, bool), 0, False
    while not over.any():
        share = np.where(generator.random((3, len(low))) < greed, 1.0, generator.random((3, len(low))))
        actions = (low + share * (high - low)).astype(envs.action_space.dtype).reshape(envs.action_space.shape)
        step = observation, reward, over, _, info = envs.step(actions)
        assert_same(step, again.step(actions))
        assert not single_is_over
        ours = single.step(actions[1])
        single_is_over = ours[2]
        assert_same(ours, lane(step, 1))
        steps += 1

        assert (observation >= envs.observation_space.low - 1e-6).all()
        assert (observation <= envs.observation_space.high + 1e-6).all()
        assert np.isfinite(reward).all()
        assert (info["remaining"] >= 0).all()
        assert (info["spent"] >= spent).all()
        assert info["spent"] + info["remaining"] == pytest.approx(rules["budget"])
        if problem.constraint is None:
            assert info["cost"] == pytest.approx(info["spent"] - spent, abs=1e-6)
        spent = info["spent"]
        assert (info["clicks"] <= info["wins"]).all()
        if "conversion_rate" in rules:
            assert (info["conversions"] <= info["clicks"]).all()
    assert steps <= problem.horizon


@given(rules=rules(), seed=st.integers(0, 2**31), before=st.integers(0, 10))
@settings(max_examples=60, deadline=None)
def test_under_any_rules_snapshots_and_peeking_forks_repeat_the_future_and_redrawn_forks_play_on(rules, seed, before):
    env = BudgetedEnv(RealTimeBidding(**rules))
    env.reset(seed=seed)
    env.action_space.seed(seed)
    over = False
    for _ in range(before):
        if over:
            break
        over = env.step(env.action_space.sample())[2]
    here, peeking, redrawn = env.snapshot(), env.model(2, peek=True), env.model(20, seed=0)
    actions, future = [], []
    while not over:
        actions.append(env.action_space.sample())
        future.append(env.step(actions[-1]))
        over = future[-1][2]
    env.restore(here)
    for action, ours in zip(actions, future, strict=True):
        assert_same(env.step(action), ours)
        assert_same(lane(peeking.step(np.stack([action] * 2)), 1), ours)
        *_, info = redrawn.step(np.stack([action] * 20))
        assert (info["remaining"] >= 0).all()
