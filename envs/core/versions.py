"""Versions of all that a result depends on."""

from __future__ import annotations

import platform
from functools import lru_cache
from importlib.metadata import version


@lru_cache
def versions() -> dict[str, str]:
    """By name."""
    import budgetgym

    packages = ("gymnasium", "numpy", "numba", "scipy", "stable-baselines3", "sb3-contrib", "torch")
    return {"budgetgym": budgetgym.__version__, "python": platform.python_version()} | {p: version(p) for p in packages}
