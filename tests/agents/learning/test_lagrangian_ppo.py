import math
from typing import Any, NamedTuple

import numpy as np
import pytest
from budgetgym import make_agent
from budgetgym.agents.learning.lagrangian_ppo import LagrangianPpo, LagrangianVecEnv, MoveMultiplier, Multiplier
from budgetgym.envs.bidding.problem import RealTimeBidding
from budgetgym.envs.core import CoreState, Feature, Kernels, Problem, jit, state
from budgetgym.envs.routing.agentic.problem import AgenticRouting
from budgetgym.envs.steering.problem import SocialSteering
from budgetgym.evaluation.play import play
from gymnasium import spaces
from stable_baselines3 import PPO


class Params(NamedTuple):
    """Nothing."""

    nothing: int


@state
class State(CoreState):
    """The fields of the core."""


@jit
def reset(params, state, i):
    """Nothing to do."""


@jit
def step(params, state, i, action):
    """The first arm pays 1 and costs 1; the second pays .3 for nothing."""
    return (1.0 if action[0] == 0 else 0.3), (1.0 if action[0] == 0 else 0.0), True


@jit
def observe(params, state, i, out):
    """Nothing to see."""
    out[0] = 0.0


class TwoArms(Problem):
    """One decision between two arms."""

    kernels = Kernels(reset, step, observe)
    state_class = State

    def __init__(self) -> None:
        what: Any = {"features": [Feature("nothing", 0.0, 0.0, "nothing")], "action_space": spaces.Discrete(2)}
        super().__init__(params=Params(0), horizon=1, budget=1.0, budget_scale=1.0, budget_aware=False, **what)


def test_two_arms_have_their_closed_form():
    """At a limit of .4 the expensive arm is pulled with P = .4 = sigmoid((1 - .3 - price of one) / weight of entropy)."""
    limit, entropy = 0.4, 0.1
    venv = LagrangianVecEnv(TwoArms(), 512, limit, seed=0)
    mover = MoveMultiplier()
    settings: dict[str, Any] = {"n_epochs": 2, "learning_rate": 0.01, "gamma": 0.0, "ent_coef": entropy}
    nets = {"policy_kwargs": {"net_arch": []}, "normalize_advantage": False}
    model = PPO("MlpPolicy", venv, seed=0, device="cpu", n_steps=1, batch_size=512, **settings, **nets)
    model.learn(512 * 800, mover)
    cost, earned, price = np.mean(mover.history[-300:], axis=0)
    assert cost == pytest.approx(1.0, abs=0.03)
    assert earned == pytest.approx(0.4 * 1.0 + 0.6 * 0.3, abs=0.02)
    assert price / limit == pytest.approx(0.7 + entropy * math.log(0.6 / 0.4), rel=0.04)


def test_the_multiplier_is_a_controller_of_logarithms():
    multiplier = Multiplier(proportional=0.5, integral=0.1)
    assert multiplier.value == 0.0
    multiplier.update(1.5, 6.0)
    assert multiplier.value == pytest.approx(0.4 * math.exp(0.6 * 0.5))  # from a tenth of what would take all: 6 / 1.5
    multiplier.update(1.0, 5.0)
    assert multiplier.value == pytest.approx(0.4 * math.exp(0.1 * 0.5))
    multiplier.update(9.0, 5.0)
    assert multiplier.value == pytest.approx(0.4 * math.exp(0.5 + 0.1 * 1.5))  # an error counts as 1 at most
    multiplier.update(0.0, 5.0)
    assert multiplier.value == pytest.approx(0.4 * math.exp(-0.25 + 0.1 * 1.0))  # and as -1/2 at least
    for _ in range(600):
        multiplier.update(0.0, 5.0)
    assert 0.0 < multiplier.value < 1e-10  # what is never spent has no price
    free = Multiplier()
    free.update(0.5, 0.0)
    assert free.value == 0.0  # nothing was earned yet
    free.update(0.5, 2.0)
    assert free.value > 0.0


def test_every_cost_counts_the_last_one_of_an_episode_too():
    problem = AgenticRouting(budget=np.inf)
    venv = LagrangianVecEnv(problem, 8, 10.0, seed=0)
    venv.multiplier.value = 0.5
    venv.reset()
    rewards, spent, episodes = np.zeros(8), [], 0
    random = np.random.default_rng(0)
    while episodes < 40:
        _, reward, done, infos = venv.step(random.integers(2, size=8))
        rewards += reward
        for lane in np.flatnonzero(done):
            paid = 0.5 * infos[lane]["spent"] / 10.0
            assert rewards[lane] == pytest.approx(infos[lane]["success"] - paid, abs=1e-5)
            assert infos[lane]["episode"]["r"] == pytest.approx(rewards[lane], abs=1e-5)
            spent.append(infos[lane]["spent"])
            rewards[lane], episodes = 0.0, episodes + 1
    left = venv._batch.state.spent[:, 0]
    means = venv.means()
    assert means is not None
    assert means[0] * episodes * 10.0 == pytest.approx(sum(spent) + left.sum())
    assert venv.means() is None


def test_it_reaches_the_linear_programme_of_bidding():
    """Clicks and spend of the known optimum in expectation; the soft budget is exceeded now and then, the hard one never."""
    problem = RealTimeBidding(instance="uniform", T=200, c0=1 / 8)
    agent: Any = make_agent("lagrangian_ppo", problem, seed=0, lanes=64, batch_size=800)
    agent.learn(500_000)
    limit, soft = agent.limit, problem.replace(budget=300.0 * 200, c0=None)
    mine, best = (play(who, soft, range(1000), 1000).episodes for who in (agent, make_agent("cmdp", problem)))
    assert mine["spent"].mean() == pytest.approx(limit, rel=0.08)
    per_money = mine["theta_value"].mean() / best["theta_value"].mean() / (mine["spent"].mean() / best["spent"].mean())
    assert mine["theta_value"].mean() > 0.95 * best["theta_value"].mean()
    assert per_money < 1.05
    assert 0.1 < (mine["spent"] > limit).mean() < 0.95
    assert (play(agent, problem, range(200), 1000).episodes["spent"] <= limit).all()


def test_it_decides_without_looking_at_the_budget():
    problem = AgenticRouting(budget=5)
    agent: Any = make_agent("lagrangian_ppo", problem, lanes=8, n_steps=16, batch_size=64)
    agent.learn(128)
    rows = np.random.default_rng(0).uniform(0, 1, (50, len(problem.observation_names)))
    others = rows.copy()
    others[:, 15:] = np.random.default_rng(1).uniform(0, 1, (50, 5))  # affordable, the budget, the time
    assert np.array_equal(agent.predict(rows)[0], agent.predict(others)[0])
    assert isinstance(agent, LagrangianPpo)
    assert agent.limit == 5.0


def test_it_says_what_a_limit_is():
    with pytest.raises(ValueError, match="expected one amount > 0"):
        make_agent("lagrangian_ppo", AgenticRouting(budget=(2.0, 5.0)))
    with pytest.raises(ValueError, match="lagrangian_ppo has no configuration for SocialSteering; give one"):
        make_agent("lagrangian_ppo", SocialSteering())
    with pytest.raises(ValueError, match="limit"):
        LagrangianVecEnv(TwoArms(), 2, 0.0)
