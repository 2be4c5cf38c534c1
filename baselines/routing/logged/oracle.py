"""What is known of replayed routing logs: the best that the log allows in hindsight."""

from __future__ import annotations

from ...core.oracle import Oracle
from .bounds import hindsight_bounds

SETTINGS = frozenset({"log", "models", "prices", "split", "T", "shuffled", "fragment", "budget_aware"})
"""What optimum and bounds account for. A setting that is added to the problem makes them unknown until it stands here."""

ORACLE = Oracle(SETTINGS, bounds=hindsight_bounds)
