"""What is known of restless bandits: the exact optimum of a few arms, otherwise the bound of the relaxation."""

from __future__ import annotations

from ..core.oracle import Oracle
from .values import null_value, optimal_value

SETTINGS = frozenset(
    {
        "J",
        "B",
        "N",
        "K",
        "q",
        "walk",
        "instance_seed",
        "arms",
        "costs",
        "capacities",
        "network",
        "nodes",
        "source",
        "effects",
        "arm_slots",
        "worker_slots",
        "start",
        "horizon",
        "reward",
        "observation",
        "on_infeasible",
        "budget_aware",
    }
)
"""What optimum and bounds account for. A setting that is added to the problem makes them unknown until it stands here."""

ORACLE = Oracle(SETTINGS, optimum=optimal_value, null=null_value)
