"""Lagrangian PPO: the reference for soft budgets, which are kept in expectation and not in every episode."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.vec_env import VecEnv

from ...envs.core.batch import Transition
from ...envs.core.checks import non_negative, positive
from ...envs.core.problem import Problem
from ...envs.core.sb3 import BudgetedSb3VecEnv
from .learner import Learner


class LagrangianPpo(Learner):
    """PPO for a constrained MDP: the best return whose expected cost is at most the budget (Ray, Achiam & Amodei, Benchmarking
    Safe Exploration in Deep Reinforcement Learning, 2019), with the multiplier of Stooke et al. (arXiv:2007.03964).

    It learns with money that does not run out, and pays for it with a multiplier that moves until the mean cost is the budget.
    What is left of a budget it never sees; so it can also play under a hard one, where it simply runs out.

    Args:
        problem: what to decide on; its budget, one amount of one resource, is the limit of the expected cost.
        path: of a saved agent; without it the agent has to `learn` first.
        seed: of network, exploration and training episodes.
        overrides: replace settings of the configuration, such as `learning_rate` or `lanes`.

    Raises:
        ValueError: no configuration for the family, several resources, or a budget that varies or is 0.
    """

    name = "lagrangian_ppo"
    algorithm = PPO
    policy = ActorCriticPolicy

    @classmethod
    def check(cls, problem: Problem) -> None:
        """See `Policy.check`: the family must say how to learn without the budget, which must be one amount."""
        expected_limit(problem)
        super().check(problem)

    @property
    def limit(self) -> float:
        """Of the expected cost of an episode."""
        return expected_limit(self.problem)

    @cached_property
    def _seen(self) -> list[int]:
        return [self.problem.observation_names.index(name) for name in self.training.observation_names]

    def make_venv(self, training: Problem, lanes: int) -> VecEnv:
        """The environment to learn in, whose episodes may be shorter, with as much to spend per decision."""
        limit = self.limit * training.horizon / self.problem.horizon
        return LagrangianVecEnv(training, lanes, limit, seed=self._seed)

    def decide(self, rows: NDArray[np.float64], deterministic: bool) -> NDArray[Any]:
        """Decide without looking at the budget."""
        actions, _ = self.model.predict(rows[:, self._seen], deterministic=deterministic)
        return self.configuration.decode(self.problem, rows, actions)

    def progress(self) -> dict[str, Any]:
        """Also the multiplier."""
        return {**super().progress(), "multiplier": vars(self.model.get_env().unwrapped.multiplier)}

    def go_on_from(self, progress: Mapping[str, Any]) -> None:
        """Also with the multiplier."""
        super().go_on_from(progress)
        vars(self.model.get_env().unwrapped.multiplier).update(progress["multiplier"])


def expected_limit(problem: Problem) -> float:
    """What the expected cost of an episode may be: the problem's budget.

    Raises:
        ValueError: several resources, or a budget that varies or is 0.
    """
    low, high = problem.budget.arrays(problem.resources)
    if len(low) != 1 or low[0] != high[0] or low[0] <= 0.0:
        raise ValueError(f"budget is {problem.budget.amounts}; lagrangian_ppo has one limit, expected one amount > 0")
    return float(low[0])


FIRST_PRICE = 0.1
"""As a share of what would take all returns. A price that begins too high has the policy spend nothing; until it has learned
to spend again, the price has fallen too far."""

SLACK = 0.5
"""The largest error that counts while less than the limit is spent, for the same reason."""


class Multiplier:
    """The price of cost: a controller of its logarithm, with a proportional and an integral part.

    With the error e = cost / limit - 1 of the k-th update, between -`SLACK` and 1: log value = log start + proportional e_k +
    integral (e_1 + .. + e_k). In logarithms steps need no scale of rewards, and the price is never negative.

    Args:
        proportional, integral: see above, >= 0.

    Attributes:
        value: what the limit's amount of cost takes from the reward; 0 before the first update.
    """

    def __init__(self, proportional: float = 0.5, integral: float = 0.1) -> None:
        self._proportional, self._integral = non_negative("proportional", proportional), non_negative("integral", integral)
        self._start, self._sum = 0.0, 0.0
        self.value = 0.0

    def update(self, cost: float, mean_return: float) -> None:
        """Move by what episodes cost on average, in multiples of the limit.

        The first price is `FIRST_PRICE` of what would take the mean return of the first episodes, were they to spend the
        limit or, if they spend more, what they spend.
        """
        if self._start == 0.0:
            self._start = FIRST_PRICE * abs(mean_return) / max(cost, 1.0)
        error = min(max(cost - 1.0, -SLACK), 1.0)
        self._sum += error
        if self._start > 0.0:
            self.value = math.exp(math.log(self._start) + self._proportional * error + self._integral * self._sum)


class LagrangianVecEnv(BudgetedSb3VecEnv):
    """A batch that pays the reward less the multiplier times the cost.

    Args:
        problem: with a budget that does not run out.
        n_envs: number of lanes.
        limit: of the expected cost of an episode, > 0.
        seed: lane i is seeded with seed + i.

    Attributes:
        multiplier: moved by `MoveMultiplier`.
    """

    def __init__(self, problem: Problem, n_envs: int, limit: float, *, seed: int | None = None) -> None:
        super().__init__(problem, n_envs, seed=seed)
        self.limit = positive("limit", limit)
        self.multiplier = Multiplier()
        self._cost, self._reward, self._episodes = 0.0, 0.0, 0

    def _advance(self) -> Transition:
        transition = super()._advance()
        cost = self._batch.state.cost[:, 0] / self.limit
        self._cost += float(cost.sum())
        self._reward += float(transition.reward.sum())
        self._episodes += int((transition.terminated | transition.truncated).sum())
        return transition._replace(reward=transition.reward - self.multiplier.value * cost)

    def means(self) -> tuple[float, float] | None:
        """Cost, in multiples of the limit, and return of an episode, on average since the last call; None if none ended."""
        if self._episodes == 0:
            return None
        means = self._cost / self._episodes, self._reward / self._episodes
        self._cost, self._reward, self._episodes = 0.0, 0.0, 0
        return means


class MoveMultiplier(BaseCallback):
    """Moves the multiplier by the cost of every rollout.

    Attributes:
        history: (cost in multiples of the limit, return, multiplier) of every rollout.
    """

    def __init__(self) -> None:
        super().__init__()
        self.history: list[tuple[float, float, float]] = []

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        venv: Any = self.training_env.unwrapped
        if (means := venv.means()) is None:
            return
        venv.multiplier.update(*means)
        self.history.append((*means, venv.multiplier.value))
        for name, value in zip(("cost", "return", "multiplier"), self.history[-1], strict=True):
            self.logger.record(f"lagrangian/{name}", value)
