"""No sequence of actions spends more than the budget."""

import gymnasium as gym
import numpy as np
import pytest
from budgetgym.envs.bidding.problem import RealTimeBidding
from budgetgym.envs.core import BudgetedEnv, BudgetedVectorEnv
from hypothesis import given, settings
from hypothesis import strategies as st
from own_problem import OnlineKnapsack
from toys import Painter

CLICKED = np.array([[1, 5, 0.5], [1, 20, 0.9], [0, 7, 0.3], [1, 0, 0.0]] * 10)
PROBLEMS = {
    "knapsack": OnlineKnapsack(horizon=30, capacity=2.0),
    "painter": Painter(),
    "bids": gym.make("budgetgym/RealTimeBidding-v0", T=40, budget=200.0).unwrapped.problem,  # type: ignore[attr-defined]
    "discrete bids": gym.make("budgetgym/RealTimeBidding-v0", T=40, budget=200.0, discrete=True).unwrapped.problem,  # type: ignore[attr-defined]
    "pacing": gym.make("budgetgym/RealTimeBidding-v0", T=40, budget=200.0, control="pacing").unwrapped.problem,  # type: ignore[attr-defined]
    "first prices": RealTimeBidding(T=40, rule="first_price", reserve=20, cpc_limit=20_000.0),
    "clicks": RealTimeBidding(T=40, instance="1458", cost_event="click", noise=0.5, ticks=5),
    "conversions": RealTimeBidding(T=40, log=CLICKED, cost_event="conversion", conversion_rate=0.8, delay="geometric:3"),
}


@pytest.mark.parametrize("name", PROBLEMS)
@given(seed=st.integers(0, 2**32 - 1), greed=st.floats(0, 1), budget=st.floats(0, 1000))
@settings(max_examples=25, deadline=None)
def test_the_ledger_adds_up_and_nothing_is_overspent(name, seed, greed, budget):
    """Valid actions, from timid to as expensive as possible."""
    problem = PROBLEMS[name]
    envs = BudgetedVectorEnv(problem, 8, autoreset_mode="SameStep")
    generator = np.random.default_rng(seed)
    low, high = (np.asarray(bound) for bound in problem.rules()[-2:])
    _, info = envs.reset(seed=seed, options={"budget": dict.fromkeys(problem.resources, budget)})
    initial = info["remaining"].reshape(8, -1).copy()
    spent = np.zeros_like(initial)
    for _ in range(problem.horizon - 1):
        share = np.where(generator.random((8, len(low))) < greed, 1.0, generator.random((8, len(low))))
        actions = (low + share * (high - low)).astype(envs.action_space.dtype).reshape(envs.action_space.shape)  # type: ignore[arg-type]
        _, _, terminated, _, info = envs.step(actions)
        if terminated.any():
            break
        spent += info["cost"].reshape(8, -1)
        assert (info["cost"] >= 0).all()
        assert (info["remaining"] >= 0).all()
        assert np.allclose(spent, info["spent"].reshape(8, -1), atol=1e-9)
        assert (info["spent"].reshape(8, -1) <= initial).all()


HOSTILE = [
    float("nan"),
    float("inf"),
    -float("inf"),
    np.inf,
    None,
    "bid",
    [1.0, 2.0],
    np.zeros((1, 1)),
    np.array([1 + 2j]),
    np.array(["7"]),
    np.array([None]),
    {"bid": 1},
]


@pytest.mark.parametrize("action", HOSTILE, ids=repr)
@pytest.mark.parametrize("discrete", [False, True])
def test_an_invalid_action_is_an_error_and_changes_nothing(action, discrete):
    env = gym.make("budgetgym/RealTimeBidding-v0", discrete=discrete).unwrapped
    assert isinstance(env, BudgetedEnv)
    env.reset(seed=0)
    before = env.snapshot()
    wrapped = action if discrete or not isinstance(action, float) else np.array([action])
    with pytest.raises((ValueError, TypeError), match="action"):
        env.step(wrapped)
    assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(before, env.snapshot(), strict=True))


@given(actions=st.lists(st.one_of(st.floats(allow_nan=True, allow_infinity=True), st.integers(-5, 400)), max_size=60))
@settings(max_examples=60, deadline=None)
def test_arbitrary_bids_never_overspend(actions):
    """Whatever is sent: it is an error, or it is a step within the budget."""
    env = gym.make("budgetgym/RealTimeBidding-v0", budget=150.0, T=100).unwrapped
    assert isinstance(env, BudgetedEnv)
    env.reset(seed=1)
    for bid in actions:
        try:
            *_, info = env.step(np.array([bid]))
        except ValueError:
            assert not np.isfinite(bid)
            continue
        assert 0 <= info["spent"] <= 150
        assert info["spent"] + info["remaining"] == 150


def test_a_faulty_kernel_cannot_overspend():
    env = BudgetedEnv(Painter, overcharge=1.5)
    env.reset(seed=0, options={"budget": {"red": 2.0, "blue": 1.0}})
    with pytest.raises(RuntimeError, match=r"Painter: step 0 of lane 0 charged \[3"):
        env.step(np.array([2.0, 0.0, 0.0]))
    assert env.snapshot().remaining.tolist() == [[2.0, 1.0]]


def test_a_wrong_action_does_not_wrap_into_a_right_one():
    envs = gym.make_vec("budgetgym/RealTimeBidding-v0", num_envs=2, discrete=True)
    envs.reset(seed=0)
    for wrong in (2**32, 2**64 - 1, -(2**62)):
        with pytest.raises((ValueError, OverflowError), match=r"lane 1|dtype|int"):
            envs.step(np.array([0, wrong], np.uint64 if wrong > 2**63 else np.int64))


def test_unaffordable_is_counted():
    env = gym.make("budgetgym/RealTimeBidding-v0", budget=0.0, T=3)
    env.reset(seed=0)
    for step in range(3):
        *_, info = env.step(np.array([10.0]))
        assert info["blocked"] == step + 1
        assert info["spent"] == 0


def test_masks_tell_what_is_affordable():
    env = gym.make("test/Knapsack-v0") if "test/Knapsack-v0" in gym.registry else BudgetedEnv(OnlineKnapsack, capacity=0.3)
    _, info = env.reset(seed=0)
    for _ in range(20):
        affordable = bool(info["action_mask"][1])
        blocked = info["blocked"]
        *_, info = env.step(1)
        assert info["blocked"] == blocked + (not affordable)
