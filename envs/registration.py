"""The ids of the suite, in one table."""

from __future__ import annotations

from typing import Any

import gymnasium as gym

ENVIRONMENTS: dict[str, str] = {
    "budgetgym/RealTimeBidding-v0": "budgetgym.envs.bidding.problem:RealTimeBidding",
    "budgetgym/AgenticRouting-v0": "budgetgym.envs.routing.agentic.problem:AgenticRouting",
    "budgetgym/WorkflowRouting-v0": "budgetgym.envs.workflow.problem:WorkflowRouting",
    "budgetgym/RestlessCapacity-v0": "budgetgym.envs.restless.problems.capacity:RestlessCapacity",
    "budgetgym/RestlessMatching-v0": "budgetgym.envs.restless.problems.matching:RestlessMatching",
    "budgetgym/RestlessPaths-v0": "budgetgym.envs.restless.problems.paths:RestlessPaths",
    "budgetgym/RestlessInterventions-v0": "budgetgym.envs.restless.problems.interventions:RestlessInterventions",
    "budgetgym/RestlessSpillover-v0": "budgetgym.envs.restless.problems.spillover:RestlessSpillover",
    "budgetgym/SocialSteering-v0": "budgetgym.envs.steering.problem:SocialSteering",
    "budgetgym/TrapTree-v0": "budgetgym.envs.traptree.problem:TrapTree",
}
"""id -> where its problem is defined. An id never changes its meaning; what may change learning results gets a new version."""


def register(id: str, problem: str, **settings: Any) -> None:
    """Register a problem, ours or yours, with Gymnasium: `gym.make(id)` and `gym.make_vec(id)` then work.

    Args:
        id: "namespace/Name-v0".
        problem: "module:Class" of a `Problem`; imported when an environment is first made.
        settings: fixed arguments of the problem, for presets.
    """
    gym.register(
        id=id,
        entry_point="budgetgym.envs.core.env:BudgetedEnv",
        vector_entry_point="budgetgym.envs.core.vector:BudgetedVectorEnv",
        kwargs={"problem": problem, **settings},
    )


def register_all() -> None:
    """Register every id of the suite; called by `import budgetgym`."""
    for id, problem in ENVIRONMENTS.items():
        register(id, problem)
