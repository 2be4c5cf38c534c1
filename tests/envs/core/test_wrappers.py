import gymnasium as gym
import numpy as np
import pytest
from budgetgym import Budget, BudgetAwareObservation
from gymnasium.utils.env_checker import check_env
from gymnasium.wrappers import FlattenObservation


class Meter(gym.Wrapper, gym.utils.RecordConstructorArgs):
    """A foreign environment that reports its costs."""

    def __init__(self, env):
        gym.utils.RecordConstructorArgs.__init__(self)
        gym.Wrapper.__init__(self, env)

    def step(self, action):
        observation, reward, terminated, truncated, info = super().step(action)
        return observation, reward, terminated, truncated, {**info, "fuel": 1.5}


def metered(**settings):
    return BudgetAwareObservation(Meter(gym.make("CartPole-v1")), cost_key="fuel", **settings)


@pytest.mark.filterwarnings("ignore:.*(has a wrapper applied|infinity)")
def test_shares_and_ledger():
    env = metered(budget=6.0, horizon=10)
    assert env.observation_space.shape == (6,)
    check_env(env, skip_render_check=True)
    observation, info = env.reset(seed=0)
    assert observation[4:].tolist() == [1.0, 1.0]
    observation, *_, info = env.step(0)
    assert observation[4:] == pytest.approx([0.75, 0.9])
    assert (info["spent"], info["remaining"]) == (1.5, 4.5)


def test_it_can_end_the_episode_and_never_hides_an_overrun():
    env = metered(budget=2.0, terminate=True)
    env.reset(seed=0)
    assert not env.step(0)[2]
    observation, _, terminated, _, info = env.step(1)
    assert terminated
    assert observation[-1] == 0.0
    assert info["remaining"] == -1.0


def test_a_range_is_drawn_per_episode():
    env = metered(budget=(1.0, 9.0))
    drawn = [env.reset(seed=k)[1]["remaining"] for k in range(20)]
    assert 1.0 <= min(drawn) < max(drawn) <= 9.0


def test_costs_must_be_costs_and_integers_become_shares():
    class Bad(Meter):
        def step(self, action):
            observation, reward, terminated, truncated, info = super().step(action)
            return observation, reward, terminated, truncated, {**info, "fuel": self.cost}

    for cost in (np.nan, -5.0, np.inf):
        env = BudgetAwareObservation(Bad(gym.make("CartPole-v1")), 3.0, cost_key="fuel")
        env.env.cost = cost  # type: ignore[attr-defined]
        env.reset(seed=0)
        with pytest.raises(ValueError, match="finite cost >= 0"):
            env.step(0)
    whole = BudgetAwareObservation(FlattenObservation(Meter(gym.make("FrozenLake-v1"))), 6.0, cost_key="fuel")
    whole.reset(seed=0)
    assert whole.step(0)[0][-1] == 0.75
    drawn = [metered(budget=Budget({"cost": (1.0, 10_000.0)}, log=True)).reset(seed=k)[1]["remaining"] for k in range(40)]
    assert 20 < np.median(drawn) < 500


def test_errors_speak_of_the_argument():
    env = BudgetAwareObservation(gym.make("CartPole-v1"), 3.0)
    env.reset()
    with pytest.raises(KeyError, match="cost"):
        env.step(0)
    with pytest.raises(TypeError, match="FlattenObservation"):
        BudgetAwareObservation(gym.make("Blackjack-v1"), 3.0)
    with pytest.raises(ValueError, match="horizon"):
        metered(budget=1.0, horizon=0)
    with pytest.raises(ValueError, match="cost"):
        metered(budget=np.nan)
    assert BudgetAwareObservation(FlattenObservation(Meter(gym.make("FrozenLake-v1"))), 3.0).observation_space.shape == (17,)
