"""What a situation is worth where a lookahead ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ...baselines.core.policy import KernelPolicy
from ...envs.core.batch import Batch
from ...envs.core.loops import OK, compile_rollout
from ...envs.core.states import part_of


class Evaluator(Protocol):
    """Values the situations of some lanes."""

    def __call__(self, forks: Batch, first: int, last: int, observation: NDArray[np.float64]) -> NDArray[np.float64]:
        """What lanes `first` .. `last` - 1 earn from here on, (n,), by their observations (n, d). May play them on.

        Lanes whose episode has ended earn nothing more.
        """
        ...


class Rollout:
    """The environment's own return, if a policy goes on.

    Args:
        policy: compiled; it begins without memory of what was before.
        horizon: steps; None: to the end of the episode.
        beyond: values what comes after the horizon; by default nothing.
    """

    def __init__(self, policy: KernelPolicy, horizon: int | None = None, beyond: Evaluator | None = None) -> None:
        if horizon is not None and horizon < 0:
            raise ValueError(f"horizon is {horizon!r}; expected at least 0, or None")
        self.policy, self.horizon, self.beyond = policy, horizon, beyond

    def __call__(self, forks: Batch, first: int, last: int, observation: NDArray[np.float64]) -> NDArray[np.float64]:
        """See `Evaluator`."""
        n, problem = last - first, forks.problem
        state, returns = part_of(forks.state, first, last), np.zeros(n)
        memory = self.policy.initial_memory(n)
        actions = np.zeros((n, len(forks.rules.action_low)), forks.action_dtype)
        steps = problem.horizon if self.horizon is None else self.horizon
        roll = compile_rollout(problem.kernels, self.policy.act)
        while steps and not state.finished.all():
            fault = roll(
                forks.params, forks.rules, state, self.policy.parameters, memory, observation, actions, steps, returns
            )
            if fault != OK:
                forks.refuse(fault, actions)
            if self.horizon is not None:
                break
        if self.beyond is not None:
            returns += self.beyond(forks, first, last, observation)
        return returns


class Value:
    """A function of the observation: a critic, or one of your own.

    Args:
        function: observations (n, d) -> values (n,).
    """

    def __init__(self, function: Callable[[NDArray[np.float64]], Any]) -> None:
        self.function = function

    def __call__(self, forks: Batch, first: int, last: int, observation: NDArray[np.float64]) -> NDArray[np.float64]:
        """See `Evaluator`."""
        values = np.asarray(self.function(observation), float).reshape(-1)
        if values.shape != (last - first,) or not np.isfinite(values).all():
            raise ValueError(
                f"the value function returned {values.shape} for {last - first} observations, or not only numbers; "
                f"expected ({last - first},) finite numbers"
            )
        return np.where(forks.state.finished[first:last], 0.0, values)


def critic(model: Any) -> Value:
    """The critic of a model of Stable-Baselines3 with an actor-critic policy, such as PPO, as it is.

    Its values must be in the environment's own rewards: a model that learned with `VecNormalize` has other units.
    """
    import torch

    def values(rows: NDArray[np.float64]) -> NDArray[np.float64]:
        with torch.no_grad():
            return model.policy.predict_values(torch.as_tensor(rows, dtype=torch.float32)).numpy().ravel()

    return Value(values)
