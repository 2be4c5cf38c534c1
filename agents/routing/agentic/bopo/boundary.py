"""Boundary-guided policy optimisation: what a rollout earns, and what that is compared with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .....baselines.routing.agentic.routers import AlwaysLarge, AlwaysSmall
from .....envs.core.checks import non_negative, one_of, positive_integer
from .....envs.routing.agentic.kernels import HARD
from .....envs.routing.agentic.problem import AgenticRouting
from ....group_policy.baselines import SCALES, group_means, scaled
from ....group_policy.rollouts import Outcomes, Rollouts, keys_of, outcomes_together, play_kernel
from ....group_policy.tasks import Visit
from .taxonomy import Taxonomy


class BoundaryReward:
    """Success, plus a bonus on hard tasks, minus the cost in units of what the boundary policies take (arXiv:2602.21227).

    r = s (1 + hard_bonus [hard]) - cost_weight C_norm, C_norm = clip((C - C_min) / (C_max - C_min), 0, 1), with C_min and
    C_max the mean costs of the boundary policies on the same task.

    Args:
        taxonomy: of the pool's tasks.
        cost_weight: lambda.
        hard_bonus: the paper does not state its size.
        free_below: budgets below this amount (of the first resource) bind anyway, and what is spent of them is not priced:
            what they leave unspent is worth nothing. inf prices nothing, 0 everything.
    """

    def __init__(self, taxonomy: Taxonomy, cost_weight: float, hard_bonus: float, free_below: float = 0.0) -> None:
        self.taxonomy = taxonomy
        self.cost_weight, self.hard_bonus = non_negative("cost_weight", cost_weight), non_negative("hard_bonus", hard_bonus)
        self.free_below = free_below

    def __call__(self, outcomes: Outcomes, visit: Visit) -> NDArray[np.float64]:
        """See `Shaper`."""
        number = visit.numbers[outcomes.task]
        low, high = self.taxonomy.cost[number].T
        norm = np.clip((outcomes.spent[:, 0] - low) / np.maximum(high - low, 1e-9), 0.0, 1.0)
        hard = self.taxonomy.label[number] == HARD
        priced = outcomes.initial[:, 0] >= self.free_below
        return outcomes.metrics["success"] * (1.0 + self.hard_bonus * hard) - self.cost_weight * norm * priced


class BoundaryReference:
    """The mean of the group and of rollouts of the boundary policies on the same task, under the same budget.

    A group in which all rollouts fail cheaply has no mean to differ from; with the references it has, and the sign is right:
    negative where a boundary policy succeeds, positive where both spend in vain. The paper's exact expression is not known to
    us; this is advantage = (reward - mean of group and references) / spread of group and references.

    Args:
        problem: the routing problem.
        reward: the shaper, for the references' rewards.
        copies: rollouts of each boundary policy per task.
        shared_noise: as the optimiser's: references meet the same random numbers too.
        scale: "group" as published; see `scaled`.
        seed: of the references' random numbers.
    """

    def __init__(
        self,
        problem: AgenticRouting,
        reward: BoundaryReward,
        copies: int = 1,
        shared_noise: bool = False,
        scale: str = "batch",
        seed: int = 0,
    ) -> None:
        self.problem, self.reward, self.copies = problem, reward, positive_integer("copies", copies)
        self.shared_noise, self.scale = shared_noise, one_of("scale", scale, SCALES)
        self._random = np.random.default_rng(seed)

    def references(self, visit: Visit) -> Outcomes:
        """Rollouts of always-small and always-large on all tasks of a visit."""
        task = np.repeat(np.arange(len(visit.numbers)), self.copies)
        return outcomes_together(
            [
                play_kernel(self.problem, policy, visit, task, keys_of(visit, task, self.shared_noise, self._random))
                for policy in (AlwaysSmall(self.problem), AlwaysLarge(self.problem))
            ]
        )

    def __call__(self, rewards: NDArray[np.float64], rollouts: Rollouts, visit: Visit) -> NDArray[np.float64]:
        """See `Baseline`."""
        references = self.references(visit)
        task, tasks = rollouts.outcomes.task, len(visit.numbers)
        everyone = np.concatenate([task, references.task])
        values = np.concatenate([rewards, self.reward(references, visit)])
        centred = values - group_means(values, everyone, tasks)[everyone]
        spread = np.sqrt(group_means(centred**2, everyone, tasks))
        return scaled(centred[: len(rewards)], task, self.scale, spread)
