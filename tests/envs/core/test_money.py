"""What a budget pays: the one comparison of money, and what every family makes of it. Known answers."""

import gymnasium as gym
import numpy as np
import pandas as pd
import pytest
from budgetgym import BudgetAwareObservation
from budgetgym.envs.auction.batch import AuctionBatch
from budgetgym.envs.auction.game import AuctionGame
from budgetgym.envs.bidding.problem import RealTimeBidding
from budgetgym.envs.core import BudgetedVectorEnv
from budgetgym.envs.core.batch import Batch
from budgetgym.envs.core.ledger import ROUNDING, payment, pays
from budgetgym.envs.routing.logged.problem import LoggedRouting
from budgetgym.envs.steering.problem import SocialSteering
from hypothesis import given, settings
from hypothesis import strategies as st

PRICES = [(price, calls) for price in (0.01, 0.02, 0.05, 0.07, 0.1, 0.3, 1.1) for calls in (3, 10, 29, 100)]


@given(st.floats(1e-12, 1e12), st.integers(1, 2000))
@settings(deadline=None)
def test_a_budget_pays_exactly_the_calls_that_it_is_the_price_of(price, calls):
    budget = price * calls
    left, spent, made = budget, 0.0, 0
    while left > 0.0 and pays(left, price, budget):
        cost = payment(left, price, budget)
        left, spent, made = left - cost, spent + cost, made + 1
    assert (left, made) == (0.0, calls)
    assert spent == pytest.approx(budget, rel=ROUNDING)


def test_nothing_is_bought_with_an_empty_budget_and_an_unlimited_one_pays_all():
    assert not pays(0.0, 1e-300, 0.0)
    assert not pays(0.0, 1e-9, 2.0)  # otherwise what costs next to nothing could be had without end
    assert pays(0.0, 0.0, 0.0)
    assert payment(1e-10, 0.0, 1.0) == 0.0  # what is free takes nothing, not even dust
    assert pays(np.inf, 1e300, np.inf)
    assert payment(np.inf, 2.0, np.inf) == 2.0


# --- the same in every family -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("price", "calls"), PRICES)
def test_log_replay(price, calls):
    log = pd.DataFrame({"prompt_chars": [10] * (calls + 1), "outcome:m": 1.0, "cost:m": price})
    envs = BudgetedVectorEnv(LoggedRouting(log=log, split="all", T=calls + 1, budget=price * calls), 1)
    _, info = envs.reset(seed=0)
    for _ in range(calls + 1):
        assert info["action_mask"][0, 0] == (info["remaining"][0] > 0)
        *_, info = envs.step(np.zeros(1, int))
    assert (info["quality"][0], info["blocked"][0], info["remaining"][0]) == (calls, 1, 0.0)
    assert info["spent"][0] == price * calls


@pytest.mark.parametrize(("price", "purchases"), [case for case in PRICES if case[1] < 100])
def test_steering(price, purchases):
    problem = SocialSteering(T=purchases + 1, p=0.5, q_max=1.0, levels=2, k=2 * price, budget=price * purchases, discrete=True)
    batch = Batch(problem, 1)
    batch.seed(np.ones(1, np.uint64))
    batch.reset()
    best = int(np.argmax(problem.params.costs))
    for _ in range(purchases + 1):
        assert batch.action_mask()[0, best] == (batch.state.remaining[0, 0] > 0)
        batch.step(np.array([[best]]))
    assert batch.state.blocked[0] == 1
    assert (batch.state.remaining[0, 0], batch.state.spent[0, 0]) == (0.0, price * purchases)


@pytest.mark.parametrize(("price", "auctions"), [case for case in PRICES if case[1] < 100])
def test_first_price_auctions(price, auctions):
    """One bidder, and an agent among others who bid nothing: both pay their own bid."""
    log = np.array([[1, 0, 0.5]] * (auctions + 1) + [[0, 1, 0.5]])
    bidder = Batch(RealTimeBidding(log=log, T=auctions + 1, rule="first_price", budget=price * auctions), 1)
    bidder.seed(np.ones(1, np.uint64))
    bidder.reset()
    game = AuctionGame(n_agents=2, T=auctions + 1, rule="first_price", budgets=price * auctions, highest_bid=2.0)
    agents = AuctionBatch(game, 1)
    agents.seed([0])
    agents.reset()
    for k in range(auctions + 1):
        bidder.step(np.array([[price]]))
        if k < auctions:
            agents.step(np.array([[price, 0.0]]))
    assert bidder.state.wins[0] == auctions + 1  # the last one for nothing
    assert (bidder.state.blocked[0], bidder.state.remaining[0, 0]) == (1, 0.0)
    info = agents.info()
    assert (info["wins"][0, 0], info["blocked"][0, 0]) == (auctions, 0)
    assert (info["remaining"][0, 0], info["spent"][0, 0]) == (0.0, price * auctions)


def test_calls_moves_and_samples():
    """A tenth of a budget ten times, where what is bought is whole."""
    for budget in (0.29 * 100, 3 * 1.1 / 1.1):
        envs = gym.make_vec("budgetgym/TrapTree-v0", num_envs=1, depth=30, branching=2, budget=budget)
        envs.reset(seed=0)
        moves = 0
        while not envs.step(np.zeros(1, int))[2][0]:
            moves += 1
        assert moves + 1 == round(budget)
    envs = gym.make_vec("budgetgym/AgenticRouting-v0", num_envs=1, budget=0.1 * 3 * 10 - 1e-15, exhaustion="bankrupt")
    _, info = envs.reset(seed=0)
    calls = 0
    while info["action_mask"][0, -1]:
        *_, info = envs.step(np.full(1, info["action_mask"].shape[1] - 1))
        calls += 1
    assert calls == 3
    workflow = {
        "models": {"m": {"price": 100_000.0, "speed": 1.0}},
        "subtasks": {name: {"success": {"m": 1.0}, "length": 1} for name in "abcdefg"},
    }
    envs = gym.make_vec("budgetgym/WorkflowRouting-v0", num_envs=1, workflow=workflow, budget=0.7, deadline=1.0)
    envs.reset(seed=0)
    _, reward, *_, info = envs.step(np.ones((1, 7), int))
    assert (reward[0], info["blocked"][0], info["remaining"].tolist()) == (1.0, 0, [[0.0, 0.0]])


class Meter(gym.Wrapper, gym.utils.RecordConstructorArgs):
    """A foreign environment whose steps all cost the same."""

    def __init__(self, env, price):
        gym.utils.RecordConstructorArgs.__init__(self, price=price)
        gym.Wrapper.__init__(self, env)
        self.price = price

    def step(self, action):
        observation, reward, terminated, truncated, info = super().step(action)
        return observation, reward, terminated, truncated, {**info, "cost": self.price}


@pytest.mark.parametrize(
    ("price", "steps"), [(price, steps) for price in (0.1, 0.3, 0.7, 1.1, 0.01) for steps in (1, 3, 6, 9, 10)]
)
def test_the_wrapper_of_other_peoples_environments(price, steps):
    env = BudgetAwareObservation(Meter(gym.make("Pendulum-v1"), price), price * steps, terminate=True)
    env.reset(seed=0)
    made, over = 0, False
    while not over:
        observation, _, over, _, info = env.step(np.zeros(1))
        made += 1
    assert made == steps
    assert (info["remaining"], observation[-1]) == (0.0, 0.0)
    assert info["spent"] == price * steps  # never more, not by a rounding either


def test_what_exceeded_the_budget_stays_spent():
    env = BudgetAwareObservation(Meter(gym.make("Pendulum-v1"), 3.0), 2.0)
    env.reset(seed=0)
    assert env.step(np.zeros(1))[-1]["spent"] == 3.0
    env.env.price = 0.0  # type: ignore[attr-defined]
    info = env.step(np.zeros(1))[-1]
    assert (info["spent"], info["remaining"]) == (3.0, -1.0)


def test_a_range_of_budgets_leaves_the_wrapped_environment_its_random_numbers():
    """Blackjack's cards and such: what the environment draws does not depend on the wrapper."""
    plain, wrapped = gym.make("Pendulum-v1"), BudgetAwareObservation(Meter(gym.make("Pendulum-v1"), 1.0), (1.0, 9.0))
    first = [plain.reset(seed=0)[0], *(plain.reset()[0] for _ in range(3))]
    drawn = [wrapped.reset(seed=0), *(wrapped.reset() for _ in range(3))]
    assert np.array_equal(first, [observation[:-1] for observation, _ in drawn])
    budgets = [info["remaining"] for _, info in drawn]
    assert len(set(budgets)) == 4
    assert wrapped.reset(seed=0)[1]["remaining"] == budgets[0]


# --- huge and unlimited budgets -----------------------------------------------------------------------------------------

IDS = {
    "budgetgym/RealTimeBidding-v0": 150.0,
    "budgetgym/AgenticRouting-v0": 4,
    "budgetgym/WorkflowRouting-v0": [1, 1, 1, 1],
    "budgetgym/RestlessCapacity-v0": None,
    "budgetgym/SocialSteering-v0": np.ones(1),
    "budgetgym/TrapTree-v0": 0,
}


@pytest.mark.parametrize("id", IDS)
@pytest.mark.parametrize("budget", [1e15, 1e18, np.inf])
def test_what_is_spent_of_a_huge_budget_is_what_was_paid(id, budget):
    usual, huge = gym.make(id).unwrapped, gym.make(id).unwrapped
    resources = usual.problem.resources  # type: ignore[attr-defined]
    usual.reset(seed=3, options={"budget": dict.fromkeys(resources, 1e6)})
    huge.reset(seed=3, options={"budget": dict.fromkeys(resources, budget)})
    usual.action_space.seed(0)
    for _ in range(3):
        action = usual.action_space.sample()
        *_, over, _, info = usual.step(action)
        observation, *_, same = huge.step(action)
        paid = np.atleast_1d(info["spent"])
        assert np.atleast_1d(same["spent"]) == pytest.approx(paid, rel=1e-12)
        assert np.isfinite(observation).all()
        k = len(resources)
        assert observation[-2 * k - 1 : -1] == pytest.approx(1.0)
        if over:
            break
