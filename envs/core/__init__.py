"""What every problem stands on: the contract, the budget ledger, the generator, and the faces.

A problem of your own needs these names only::

    from budgetgym.envs.core import CoreState, Feature, Floats, Ints, Kernels, Metric, Problem, Shape, jit, pays, rng, state
"""

from . import rng
from .budget import Budget
from .env import BudgetedEnv
from .features import Feature
from .jit import jit
from .ledger import pays
from .metrics import Metric
from .notice import announce_compilation
from .problem import Kernels, Problem
from .states import Bits, Bools, CoreState, Floats, Ints, Shape, state
from .vector import BudgetedVectorEnv
from .wrappers import BudgetAwareObservation

__all__ = [
    "Bits",
    "Bools",
    "Budget",
    "BudgetAwareObservation",
    "BudgetedEnv",
    "BudgetedVectorEnv",
    "CoreState",
    "Feature",
    "Floats",
    "Ints",
    "Kernels",
    "Metric",
    "Problem",
    "Shape",
    "jit",
    "pays",
    "rng",
    "state",
]

announce_compilation()
