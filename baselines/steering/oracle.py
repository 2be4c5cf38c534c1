"""What is known of social-learning steering: the exact optimum, or a bound on it, and the value of doing nothing."""

from __future__ import annotations

from ..core.oracle import Oracle
from .values import null_value, optimal_value

SETTINGS = frozenset(
    {
        "objective",
        "prior",
        "p",
        "q_max",
        "levels",
        "C",
        "k",
        "cost",
        "price",
        "T",
        "discount",
        "agents",
        "public_belief",
        "ties",
        "hazard",
        "topics",
        "network",
        "instance_seed",
        "reward",
        "observation",
        "discrete",
        "on_infeasible",
        "budget_aware",
    }
)
"""What optimum and bounds account for. A setting that is added to the problem makes them unknown until it stands here."""

ORACLE = Oracle(SETTINGS, optimum=optimal_value, null=null_value)
