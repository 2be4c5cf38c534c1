"""What is known of real-time bidding: the exact optimum of synthetic instances, and the knapsack in hindsight."""

from __future__ import annotations

from ..core.oracle import Oracle
from .bounds import hindsight_bounds
from .values import optimal_value

SETTINGS = frozenset(
    {
        "instance",
        "log",
        "statistics",
        "T",
        "reward",
        "objective",
        "click_value",
        "control",
        "discrete",
        "rule",
        "reserve",
        "soft_reserve",
        "feedback",
        "cost_event",
        "conversion_rate",
        "delay",
        "attribution_window",
        "cpc_limit",
        "cpa_limit",
        "roas_limit",
        "limits",
        "calibration",
        "noise",
        "ticks",
        "traffic",
        "shuffled",
        "fragment",
        "on_infeasible",
        "budget_aware",
    }
)
"""What optimum and bounds account for. A setting that is added to the problem makes them unknown until it stands here."""

ORACLE = Oracle(SETTINGS, bounds=hindsight_bounds, optimum=optimal_value)
