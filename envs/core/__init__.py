"""What every problem stands on: the contract, the budget ledger, the generator, and the faces.

A problem of your own needs these names only::

    from budgetgym.envs.core import Kernels, Metric, Problem, core_fields, jit, rng
"""

from . import rng
from .budget import Budget
from .env import BudgetedEnv
from .jit import jit
from .metrics import Metric
from .problem import Kernels, Problem, core_fields
from .vector import BudgetedVectorEnv
from .wrappers import BudgetAwareObservation

__all__ = [
    "Budget",
    "BudgetAwareObservation",
    "BudgetedEnv",
    "BudgetedVectorEnv",
    "Kernels",
    "Metric",
    "Problem",
    "core_fields",
    "jit",
    "rng",
]
