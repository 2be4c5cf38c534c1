"""The agents: BoPO, and group-relative policy optimisation without its guidance."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from .....baselines.core.policy import PolicyState, observation_rows
from .....envs.core.problem import Problem
from .....envs.routing.agentic.problem import AgenticRouting
from ....group_policy.optimiser import GroupPolicyOptimiser
from ....group_policy.policy import GroupPolicy
from ....learning.learner import Learner
from .algorithm import BoundaryGuidedOptimiser


class Grpo(Learner):
    """Group-relative policy optimisation (GRPO, arXiv:2402.03300) on the environment's own reward.

    Args:
        problem: what to decide on.
        path: of a saved agent; without it the agent has to `learn` first.
        seed: of network, tasks, and rollouts.
        overrides: replace settings of the configuration, such as `learning_rate` or `tasks_per_update`; see
            `GroupPolicyOptimiser`.

    Raises:
        ValueError: no configuration for the family.
    """

    name = "grpo"
    serves = AgenticRouting
    algorithm: Any = GroupPolicyOptimiser
    policy = GroupPolicy

    def scaled(self, venv: VecEnv) -> VecEnv:
        """As they are: rewards are compared with those of the same task."""
        return venv

    def predict(
        self,
        observation: Any,
        state: PolicyState | None = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[Any], PolicyState | None]:
        """Decide; see `Policy.predict`. The state is the memory of the episodes.

        Raises:
            ValueError: it has not learned yet.
        """
        rows = observation_rows(self.problem, observation)
        actions, state = self.learned().policy.predict(rows, state, episode_start, deterministic)
        actions = self.configuration.decode(self.problem, rows, actions)
        return (actions[0] if np.ndim(observation) == 1 else actions), state


class Bopo(Grpo):
    """Boundary-guided policy optimisation of a budget-aware router (Budget-Aware Agentic Routing via Boundary-Guided
    Training, arXiv:2602.21227).

    Tasks are labelled by what always-small and always-large make of them; the router imitates the cheapest successes on hard
    tasks and always-small elsewhere; then it is optimised in groups that have the boundary policies as references. Budgets
    are drawn while learning, so that one router serves all caps, and what the budget can't pay is masked.

    Args:
        problem: an `AgenticRouting` with one task per episode, in calls or dollars.
        path, seed: see `Grpo`.
        overrides: replace settings of the configuration. Ablations: `synthesis=False`, `reference=False`, `hard_bonus=0`,
            `memory="none"`, "stack" or "recurrent"; see `BoundaryGuidedOptimiser`.
    """

    name = "bopo"
    algorithm = BoundaryGuidedOptimiser

    @classmethod
    def check(cls, problem: Problem) -> None:
        """Also: tasks are labelled one by one."""
        super().check(problem)
        if (tasks := cast(AgenticRouting, problem).tasks) != 1:
            raise ValueError(f"tasks is {tasks}; bopo labels tasks, expected one per episode")

    def __init__(self, problem: Problem, path: Any = None, seed: int = 0, memory: str | None = None, **overrides: Any) -> None:
        if memory is not None:
            overrides["policy_kwargs"] = {**overrides.get("policy_kwargs", {}), "memory": memory}
        super().__init__(problem, path, seed, **overrides)
