from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from budgetgym import make_agent
from budgetgym.agents.learning.discount import AutomaticDiscount, agreement, demonstrate, discount_of, longest_increasing
from budgetgym.envs.steering.problem import SocialSteering
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.spatial.distance import cdist
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.callbacks import CallbackList, ConvertCallback

STEPS = 20
TINY: dict[str, Any] = {"learning_starts": 10**6, "buffer_size": 1000, "policy_kwargs": {"net_arch": [4]}}


@pytest.mark.parametrize(("k", "gamma"), [(1, 0.2), (10, 0.85134), (50, 0.96832), (100, 0.98403), (500, 0.99679)])
def test_the_discount_of_the_paper(k, gamma):
    assert discount_of(k) == pytest.approx(gamma, abs=5e-6)
    assert discount_of(k) ** k == pytest.approx(0.2)


@given(st.lists(st.integers(0, 9), max_size=9))
def test_longest_increasing_against_brute_force(numbers):
    assert longest_increasing([0, 2, 1, 3]) == 3
    chosen = [[n for b, n in enumerate(numbers) if mask >> b & 1] for mask in range(2 ** len(numbers))]
    assert longest_increasing(numbers) == max(len(part) for part in chosen if part == sorted(set(part)))


def worth(gamma: float, H: int, m: int, c: float) -> tuple[float, float]:
    """ProgressChain: imitating pays 1 in each of m steps, skipping them c in each of the H - m after; times 1 - gamma."""
    t = gamma ** np.arange(H)
    return (1 - gamma) * t[:m].sum(), (1 - gamma) * c * t[m:].sum()


def test_progress_chain():
    """A patient agent takes the shortcut; at the discount of 20 mastered steps it imitates."""
    H, m = 100, 20
    assert worth(0.99, H, m, 1.0) == pytest.approx((0.182, 0.452), abs=5e-4)
    assert discount_of(m) == pytest.approx(0.922681, abs=5e-7)
    assert worth(discount_of(m), H, m, 1.0) == pytest.approx((0.8, 0.19968), abs=5e-6)
    critical = brentq(lambda g: np.subtract(*worth(g, H, m, 1.0)), 0.5, 0.999)
    assert critical == pytest.approx(0.967720, abs=5e-7)


class Walk(gym.Env):
    """A walk along an arc, ahead with a probability, else back."""

    def __init__(self, ahead: float) -> None:
        self.ahead = ahead
        self.action_space = gym.spaces.Discrete(1)
        self.observation_space = gym.spaces.Box(-1.0, 1.0, (2,), np.float64)

    def observe(self):
        angle = self.at / STEPS * np.pi / 2
        return np.array([np.cos(angle), np.sin(angle)])

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.at, self.t = 0, 0
        return self.observe(), {}

    def step(self, action):
        self.at += 1 if self.np_random.random() < self.ahead else -1
        self.t += 1
        return self.observe(), 0.0, False, self.t == STEPS, {}


def shown() -> np.ndarray:
    env = Walk(1)
    rows = [env.reset()[0]]
    return np.array([*rows, *(env.step(0)[0] for _ in range(STEPS - 1))])


def gammas(ahead: float, steps: int, **settings: Any) -> list[float]:
    """The discounts that a learner goes through."""
    seen: list[float] = []
    schedule = AutomaticDiscount([shown()], every=2 * STEPS, **settings)

    def note(local, _):
        seen.append(local["self"].gamma)
        return True

    model = DQN("MlpPolicy", Walk(ahead), seed=0, device="cpu", **TINY)
    model.learn(steps, CallbackList([schedule, ConvertCallback(note)]))
    return list(dict.fromkeys(seen))


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_who_follows_the_demonstration_may_look_further_ahead(distance):
    """From a fifth of the steps by five at every evaluation, to all of them."""
    expected = [discount_of(k) for k in (4, 9, 14, 19, 20)]
    assert gammas(1, 15 * STEPS, distance=distance) == pytest.approx(expected)
    assert gammas(1, 3 * STEPS, distance=distance, increments=1) == pytest.approx([expected[0], discount_of(5)])


def test_who_wanders_may_not():
    """Who goes elsewhere stays at the first discount; a random walk gets a few steps far."""
    assert gammas(0.0, 60 * STEPS) == [discount_of(4)]
    assert discount_of(4) < max(gammas(0.5, 60 * STEPS)) < discount_of(15)


def test_the_discount_is_what_the_learner_learns_with():
    """A step that pays 1, for ever: the value is 1 / (1 - gamma), which a Q-network must come to."""
    values = []
    for start in (0.05, 0.2):
        env = gym.wrappers.TransformReward(Walk(0.0), lambda reward: 1.0)
        settings: dict[str, Any] = {"learning_starts": 50, "target_update_interval": 20, "learning_rate": 5e-3}
        model = DQN("MlpPolicy", env, seed=0, device="cpu", gamma=0.99, gradient_steps=2, **{**TINY, **settings})
        model.learn(2000, AutomaticDiscount([shown()], every=10**6, start=start))
        observation = torch.as_tensor(env.reset()[0][None], dtype=torch.float32)
        values.append(float(model.q_net(observation).detach()))
    assert values == pytest.approx([1 / (1 - discount_of(1)), 1 / (1 - discount_of(4))], rel=0.1)


def test_agreement_of_demonstrations_of_the_suite():
    """The optimum's own episodes, as another one's reference."""
    problem = SocialSteering()
    rows = demonstrate(make_agent("optimal", problem), problem, 5)
    assert [episode.shape for episode in rows] == [(10, 8)] * 5
    assert agreement(cdist(rows[0], rows[0]), 10) == 10
    assert agreement(cdist(rows[0], rows[0]), 4) == 4
    assert agreement(cdist(rows[0][::-1], rows[0]), 10) == 1
    agent: Any = make_agent("sac", problem, lanes=4, learning_starts=8, batch_size=16, buffer_size=1000)
    schedule = AutomaticDiscount(rows, every=40, distance="euclidean")
    agent.learn(120, schedule)
    assert agent.model.gamma == discount_of(schedule.progress)
    assert schedule.progress >= 2


def test_it_says_what_was_expected():
    with pytest.raises(ValueError, match=r"shapes \[\]; expected at least one"):
        AutomaticDiscount([], every=5)
    with pytest.raises(ValueError, match="distance is 'manhattan'"):
        AutomaticDiscount([shown()], every=5, distance="manhattan")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="learner is PPO, whose rollouts keep the first discount"):
        PPO("MlpPolicy", Walk(1), device="cpu").learn(1, AutomaticDiscount([shown()], every=5))
    with pytest.raises(ValueError, match=r"3 entries; the learner sees \(2,\)"):
        DQN("MlpPolicy", Walk(1), device="cpu", **TINY).learn(1, AutomaticDiscount([np.zeros((5, 3))], every=5))
