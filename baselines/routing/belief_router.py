"""A router that knows the laws, keeps the exact posterior of what is hidden, and looks ahead with the told router's tables."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...envs.core import jit
from ...envs.core.jit import fingerprint
from ...envs.core.problem import Problem
from ...envs.routing import law
from ...envs.routing.beliefs import CORRUPTED, TIERS, WEIGHT, begin_belief, update_belief
from ...envs.routing.profile import DIFFICULTIES, ERROR_LEVELS, Laws
from ..cache import cached_array
from ..policy import Information, KernelPolicy
from .routers import ERRORS, ESTIMATE, LAST_MODEL, PROGRESS, ROLLED_BACK, SIGNAL, STEPS_LEFT, Places, places, routing_problem
from .values import arrival_worth, belief_worth, corruption_grid, fill_told, lasting, place_tier, task_table
