"""`BudgetAwareObservation`: budgets for environments that are not ours."""

from __future__ import annotations

import math
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from .budget import Amount, Budget, as_budget
from .ledger import amount_between, payment, pays, share, spent_after


class BudgetAwareObservation(gym.Wrapper[NDArray[np.float64], Any, NDArray[Any], Any], gym.utils.RecordConstructorArgs):
    """Adds the remaining share of a budget, and of time, to the observations of any environment that reports its costs.

    The environment's own (flat Box) observation comes first, then the remaining share of the budget, and, with a `horizon`,
    the remaining share of time. `info` gains `spent` and `remaining`. The wrapper cannot stop a foreign environment from
    spending more than the budget with its last step: the share then shows 0, and `info["remaining"]` is below 0.

    Args:
        env: an environment with a one-dimensional Box observation and `info[cost_key]` at every step.
        budget: amount per episode, or a range (low, high) to draw it from.
        horizon: steps in an episode; None leaves the time out.
        cost_key: where `info` has the step's cost.
        terminate: end the episode (`terminated`) when nothing remains.

    Raises:
        TypeError: the observation space is not a one-dimensional Box.
        KeyError: a step's info has no `cost_key`.
        ValueError: a budget or a cost that is negative or not finite, a horizon below 1.
    """

    def __init__(
        self,
        env: gym.Env[Any, Any],
        budget: Amount | Budget,
        *,
        horizon: int | None = None,
        cost_key: str = "cost",
        terminate: bool = False,
    ) -> None:
        gym.utils.RecordConstructorArgs.__init__(self, budget=budget, horizon=horizon, cost_key=cost_key, terminate=terminate)
        gym.Wrapper.__init__(self, env)
        inner = env.observation_space
        if not isinstance(inner, spaces.Box) or len(inner.shape) != 1:
            raise TypeError(f"observation space is {inner}; expected a one-dimensional Box (see FlattenObservation)")
        if horizon is not None and horizon < 1:
            raise ValueError(f"horizon is {horizon!r}; expected an integer >= 1")
        self._budget = as_budget(budget, ("cost",))
        self._horizon = horizon
        self._cost_key = cost_key
        self._terminate = terminate
        self._initial = self._remaining = self._spent = 0.0
        self._t = 0
        self._random = np.random.default_rng()
        # Shares do not fit an integer observation: it becomes float64.
        dtype = inner.dtype if inner.dtype.kind == "f" else np.dtype(np.float64)
        shares = np.ones(1 if horizon is None else 2, dtype)
        self.observation_space: spaces.Space[Any] = spaces.Box(
            np.concatenate([inner.low, 0 * shares]), np.concatenate([inner.high, shares]), dtype=dtype.type
        )

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[NDArray[Any], dict[str, Any]]:
        """Start an episode with a full budget. A seed is the environment's, and that of the budgets drawn."""
        observation, info = self.env.reset(seed=seed, options=options)
        if seed is not None:  # a stream of its own: the environment draws what it would draw without the wrapper
            self._random = np.random.default_rng(np.random.SeedSequence(seed).spawn(1)[0])
        low, high = self._budget.range_of("cost")
        self._initial = low if low == high else amount_between(low, high, self._budget.log, self._random.uniform())
        self._remaining, self._spent = self._initial, 0.0
        self._t = 0
        return self._extend(observation), self._report(info)

    def step(self, action: Any) -> tuple[NDArray[Any], Any, bool, bool, dict[str, Any]]:
        """Step the environment and pay for it."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        if self._cost_key not in info:
            raise KeyError(f"info has no {self._cost_key!r}; expected the step's cost there (cost_key=...)")
        cost = float(info[self._cost_key])
        if not (math.isfinite(cost) and cost >= 0.0):
            raise ValueError(f"info[{self._cost_key!r}] is {cost!r}; expected a finite cost >= 0")
        if pays(self._remaining, cost, self._initial):
            cost = payment(self._remaining, cost, self._initial)
        self._remaining -= cost
        overrun = self._remaining < 0.0  # which the ledger does not know
        spent = self._spent, cost, self._remaining, self._initial
        self._spent = self._spent + cost if overrun else spent_after(*spent)
        self._t += 1
        terminated = bool(terminated or (self._terminate and self._remaining <= 0.0))
        return self._extend(observation), reward, terminated, truncated, self._report(info)

    def _extend(self, observation: NDArray[Any]) -> NDArray[Any]:
        shares = [max(0.0, share(self._remaining, self._initial))]
        if self._horizon is not None:
            shares.append(max(0.0, 1.0 - self._t / self._horizon))
        return np.concatenate([observation, shares]).astype(self.observation_space.dtype)

    def _report(self, info: dict[str, Any]) -> dict[str, Any]:
        return {**info, "spent": self._spent, "remaining": self._remaining}
