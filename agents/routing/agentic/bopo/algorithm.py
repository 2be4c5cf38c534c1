"""The learning of BoPO: taxonomy, synthesis, imitation, then group-relative optimisation against the boundary policies."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import torch
from stable_baselines3.common.type_aliases import MaybeCallback
from stable_baselines3.common.utils import update_learning_rate

from .....envs.core.checks import boolean, non_negative, positive_integer
from .....envs.routing.agentic.boundary import ROLLOUTS_PER_LABEL
from .....envs.routing.agentic.problem import AgenticRouting
from ....group_policy.baselines import GroupMean
from ....group_policy.optimiser import GroupPolicyOptimiser
from ....group_policy.tasks import TaskPool
from .boundary import BoundaryReference, BoundaryReward
from .synthesis import Demonstrations, synthesise
from .taxonomy import Taxonomy, classify


class BoundaryGuidedOptimiser(GroupPolicyOptimiser):
    """Boundary-guided policy optimisation (arXiv:2602.21227): see `learn`, then `prepare`.

    Args:
        synthesis: begin by imitating demonstrations, see `synthesise`.
        reference: boundary policies in every group, see `BoundaryReference`; otherwise the group's mean alone.
        hard_bonus, cost_weight: see `BoundaryReward`.
        free_below: see `BoundaryReward`; by default what always-large uses on average, so that calls are priced where no cap
            binds.
        scale: see `budgetgym.agents.group_policy.baselines.scaled`.
        label_rollouts: of each boundary policy, for the labels.
        mixtures, hard_share: see `synthesise`.
        imitation_epochs, imitation_batch: of the regression on demonstrations; batches are of episodes.
        imitation_rate: its learning rate.
        others: of `GroupPolicyOptimiser`; shaper and baseline are BoPO's own.
    """

    def __init__(
        self,
        *arguments: Any,
        synthesis: bool = True,
        reference: bool = True,
        hard_bonus: float = 0.5,
        cost_weight: float = 0.07,
        free_below: float | None = None,
        scale: str = "batch",
        label_rollouts: int = ROLLOUTS_PER_LABEL,
        mixtures: int = 16,
        hard_share: float = 0.8,
        imitation_epochs: int = 2,
        imitation_batch: int = 256,
        imitation_rate: float = 2e-3,
        **settings: Any,
    ) -> None:
        self.synthesis, self.reference = boolean("synthesis", synthesis), boolean("reference", reference)
        self.hard_bonus, self.cost_weight = non_negative("hard_bonus", hard_bonus), non_negative("cost_weight", cost_weight)
        self.free_below, self.scale = free_below, scale
        self.label_rollouts, self.mixtures, self.hard_share = label_rollouts, mixtures, hard_share
        self.imitation_epochs = positive_integer("imitation_epochs", imitation_epochs)
        self.imitation_batch, self.imitation_rate = positive_integer("imitation_batch", imitation_batch), imitation_rate
        self.taxonomy: Taxonomy | None = None
        self.is_warm = False
        super().__init__(*arguments, **settings)

    def learn(self, total_timesteps: int, callback: MaybeCallback = None, *arguments: Any, **settings: Any) -> Self:
        """Prepare once, then optimise; see `GroupPolicyOptimiser.learn`. `learn(0)` prepares only."""
        if self.taxonomy is None:
            self.prepare()
        return super().learn(total_timesteps, callback, *arguments, **settings)

    def prepare(self) -> list[float]:
        """Label the tasks, and imitate what is synthesised from them, unless a saved agent has. Returns the mean loss of every
        epoch of that."""
        problem, seed = self.problem, 0 if self.seed is None else self.seed
        if not isinstance(problem, AgenticRouting) or problem.tasks != 1:
            what = f"{problem.tasks} tasks" if isinstance(problem, AgenticRouting) else type(problem).__name__
            raise ValueError(f"env is of {what}; BoPO labels tasks of AgenticRouting, one per episode (tasks=1)")
        self.pool = TaskPool(problem, self.tasks, seed)
        self.taxonomy = classify(problem, self.pool, self.label_rollouts, seed + 1)
        free_below = float(problem.budget_scale[0]) if self.free_below is None else self.free_below
        reward = BoundaryReward(self.taxonomy, self.cost_weight, self.hard_bonus, free_below)
        self.shaper = reward
        self.baseline = (
            BoundaryReference(problem, reward, shared_noise=self.shared_noise, scale=self.scale, seed=seed + 2)
            if self.reference
            else GroupMean(self.scale)
        )
        done, self.is_warm = self.is_warm, True
        if done or not self.synthesis:
            return []
        return self.imitate(synthesise(problem, self.pool, self.taxonomy, self.mixtures, self.hard_share, seed + 3))

    def imitate(self, shown: Demonstrations) -> list[float]:
        """Maximum likelihood of demonstrations. Returns the mean loss of every epoch."""
        losses = []
        update_learning_rate(self.policy.optimizer, self.imitation_rate)
        for _ in range(self.imitation_epochs):
            parts = self._random.permutation(shown.action.shape[1])
            batches = np.array_split(parts, max(1, len(parts) // self.imitation_batch))
            losses.append(float(np.mean([self._imitate_some(shown, part) for part in batches])))
        # What Adam remembers is of another loss.
        self.policy.optimizer.state.clear()
        return losses

    def _imitate_some(self, shown: Demonstrations, part: np.ndarray) -> float:
        T = int(shown.alive[:, part].any(axis=1).sum())
        alive = torch.as_tensor(shown.alive[:T, part])
        logits = self.policy.episodes(torch.as_tensor(shown.observation[:T, part]), alive)
        loss = torch.nn.functional.cross_entropy(logits, torch.as_tensor(shown.action[:T, part])[alive])
        self.policy.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.policy.parameters(), self.largest_gradient)
        self.policy.optimizer.step()
        return float(loss.detach())
