"""What is known of agentic routing: the optimum for budgets in calls."""

from __future__ import annotations

from ...core.oracle import Oracle
from .values import optimal_value

SETTINGS = frozenset(
    {
        "instance",
        "unit",
        "tasks",
        "reward",
        "cost_weight",
        "success_value",
        "failure_price",
        "hard_bonus",
        "shaping",
        "window",
        "exhaustion",
        "bankruptcy_penalty",
        "stop",
        "verify",
        "criticality_accuracy",
        "difficulty_noise",
        "budget_aware",
    }
)
"""What optimum and bounds account for. A setting that is added to the problem makes them unknown until it stands here."""

ORACLE = Oracle(SETTINGS, optimum=optimal_value)
