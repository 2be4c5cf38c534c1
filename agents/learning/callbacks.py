"""What is done after every rollout, as callbacks of Stable-Baselines3 that configurations name."""

from __future__ import annotations

from typing import Any

import torch
from stable_baselines3 import SAC
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.policies import ActorCriticPolicy


class CriticFirst(BaseCallback):
    """Lets only the critic learn from the first rollouts.

    A critic that does not yet know what money is worth takes all spending for free, and the policy would at once unlearn to
    save.
    """

    def __init__(self, rollouts: int) -> None:
        super().__init__()
        self._left = rollouts

    def _on_training_start(self) -> None:
        if self.num_timesteps:  # of an agent that goes on the critic knows
            self._left = 0

    def _on_rollout_end(self) -> None:
        policy = self.model.policy
        assert isinstance(policy, ActorCriticPolicy)
        actor = [*policy.mlp_extractor.policy_net.parameters(), *policy.action_net.parameters()]
        if isinstance(getattr(policy, "log_std", None), type(actor[0])):
            actor.append(policy.log_std)
        for parameter in actor:
            parameter.requires_grad_(self._left <= 0)
        self._left -= 1

    def _on_step(self) -> bool:
        return True


class EntropyToZero(BaseCallback):
    """Lets the weight of entropy fall linearly to zero: first look at everything, in the end do the best."""

    def __init__(self, start: float) -> None:
        super().__init__()
        self._start = start

    def _on_rollout_end(self) -> None:
        model: Any = self.model  # PPO, or one of its variants, which have no common class with a weight of entropy
        model.ent_coef = self._start * max(model._current_progress_remaining, 0.0)

    def _on_step(self) -> bool:
        return True


class TemperatureToZero(BaseCallback):
    """Lets the temperature, the weight of entropy, fall to (nearly) zero with the square of the time that is left.

    SAC's own rule holds the entropy at a target, which is right where the best action is a matter of degree. Where actions
    fall into a few classes, the target is either too high at the end or too low at the beginning.
    """

    def __init__(self, start: float, end: float = 1e-3) -> None:
        super().__init__()
        self._start, self._end = start, end

    def _on_step(self) -> bool:
        assert isinstance(self.model, SAC)
        temperature = max(self._end, self._start * self.model._current_progress_remaining**2)
        self.model.ent_coef_tensor = torch.tensor(temperature)
        return True
