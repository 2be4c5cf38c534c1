"""budgetgym: environments, exact answers and reference agents for sequential budgeted decisions.

Importing it registers the ids for `gym.make`; everything heavy is loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .envs.family import Agent, Environment, Episodes, Family, register, register_agent, register_family, register_ours

if TYPE_CHECKING:
    from .agents.registry import list_agents, make_agent
    from .envs.core.budget import Budget
    from .envs.core.sb3 import as_sb3_vec_env
    from .envs.core.wrappers import BudgetAwareObservation
    from .evaluation.compare import compare
    from .evaluation.evaluate import evaluate

__version__ = "0.1.0"

__all__ = [
    "Agent",
    "Budget",
    "BudgetAwareObservation",
    "Environment",
    "Episodes",
    "Family",
    "as_sb3_vec_env",
    "compare",
    "evaluate",
    "list_agents",
    "make_agent",
    "register",
    "register_agent",
    "register_family",
]

_LAZY = {
    "Budget": "envs.core.budget",
    "BudgetAwareObservation": "envs.core.wrappers",
    "as_sb3_vec_env": "envs.core.sb3",
    "compare": "evaluation.compare",
    "evaluate": "evaluation.evaluate",
    "list_agents": "agents.registry",
    "make_agent": "agents.registry",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


register_ours()
