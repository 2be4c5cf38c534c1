"""Recurrent PPO by sb3-contrib, on the native batch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sb3_contrib import RecurrentPPO

from ...baselines.core.policy import PolicyState, observation_rows
from .configuration import Configuration
from .learner import Learner
from .schedules import falling


class RecurrentPpo(Learner):
    """Proximal policy optimisation with an LSTM (Hochreiter & Schmidhuber 1997) by sb3-contrib, where the present hides much.

    Args:
        problem: what to decide on.
        path: of a saved agent; without it the agent has to `learn` first.
        seed: of network, exploration and training episodes.
        overrides: replace settings of the configuration, such as `learning_rate` or `lanes`.

    Raises:
        ValueError: a setting that can't be meant.
    """

    name = "recurrent_ppo"
    algorithm = RecurrentPPO
    policy = "MlpLstmPolicy"
    default = Configuration(
        timesteps=300_000,
        lanes=64,
        settings={
            "n_steps": 64,
            "batch_size": 2048,
            "n_epochs": 4,
            "learning_rate": falling(2e-3),
            "gamma": 1.0,
            "gae_lambda": 0.95,
            "policy_kwargs": {"net_arch": [64], "lstm_hidden_size": 32},
        },
    )

    def predict(
        self,
        observation: Any,
        state: PolicyState | None = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[Any], PolicyState | None]:
        """Decide; see `Policy.predict`. The state is the LSTM's, (layers, n, units) hidden and cell.

        Raises:
            ValueError: it has not learned yet.
        """
        model, rows = self.learned(), observation_rows(self.problem, observation)
        started = None if episode_start is None else np.broadcast_to(np.asarray(episode_start, bool), len(rows))
        actions, state = model.predict(rows, state, started, deterministic)
        actions = self.configuration.decode(self.problem, rows, actions)
        return (actions[0] if np.ndim(observation) == 1 else actions), state
