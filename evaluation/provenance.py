"""What a result was made with, for those who want to repeat it."""

from __future__ import annotations

import json
from typing import Any

from ..agents.registry import split_name
from ..envs.core.problem import Problem


def problem_settings(problem: Problem) -> str:
    """The settings that a problem was made with, except its budget, as JSON."""
    budget = problem.budget_settings
    return json.dumps({name: str(value) for name, value in problem.settings.items() if name not in budget})


def agent_settings(name: str) -> str:
    """The settings that are written in an agent's name, as JSON."""
    return json.dumps({key: str(value) for key, value in split_name(name)[1].items()})


def training_seed(agent: Any) -> int | None:
    """The seed that a learner has learned with, which Stable-Baselines3 saves with its models; None for others."""
    return getattr(getattr(agent, "model", agent), "seed", None)
