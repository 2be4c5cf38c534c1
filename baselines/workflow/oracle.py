"""What is known of workflow routing: the exact optimum of small workflows."""

from __future__ import annotations

from ..core.oracle import Oracle
from .optimum import optimal_value

SETTINGS = frozenset({"instance", "instance_seed", "workflow", "samples", "budget_aware"})
"""What optimum and bounds account for. A setting that is added to the problem makes them unknown until it stands here."""

ORACLE = Oracle(SETTINGS, optimum=optimal_value)
