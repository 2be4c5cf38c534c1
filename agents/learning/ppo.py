"""PPO: proximal policy optimisation by Stable-Baselines3, on the native batch."""

from __future__ import annotations

from typing import Any

from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.policies import ActorCriticPolicy

from .learner import Learner


class Ppo(Learner):
    """Proximal policy optimisation (Schulman et al., arXiv:1707.06347) by Stable-Baselines3.

    Args:
        problem: what to decide on.
        path: of a saved agent; without it the agent has to `learn` first.
        seed: of network, exploration and training episodes.
        overrides: replace settings of the configuration, such as `learning_rate` or `lanes`.

    Raises:
        ValueError: no configuration for the family.
    """

    name = "ppo"
    algorithm = PPO
    policy = ActorCriticPolicy


class CriticFirst(BaseCallback):
    """Lets only the critic learn from the first rollouts.

    A critic that does not yet know what money is worth takes all spending for free, and the policy would at once unlearn to
    save.
    """

    def __init__(self, rollouts: int) -> None:
        super().__init__()
        self._left = rollouts

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
