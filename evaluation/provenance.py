"""What a result was made with, for those who want to repeat it."""

from __future__ import annotations

import json
from typing import Any

from ..agents.registry import split_name
from ..envs.core.problem import Problem


def problem_settings(problem: Problem) -> str:
    """The settings that a problem was made with, except its budget, as JSON; and its limit of steps, if there is one."""
    limit = {} if problem.max_episode_steps is None else {"max_episode_steps": problem.max_episode_steps}
    settings = {**problem.settings, **limit}
    return json.dumps({name: str(value) for name, value in settings.items() if name not in problem.budget_settings})


def agent_settings(name: str) -> str:
    """The settings that are written in an agent's name, as JSON."""
    return json.dumps({key: str(value) for key, value in split_name(name)[1].items()})


def training_seed(agent: Any) -> int | None:
    """The seed that a learner has learned with, which Stable-Baselines3 saves with its models; None for others."""
    return getattr(getattr(agent, "model", agent), "seed", None)
