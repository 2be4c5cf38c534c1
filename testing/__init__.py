"""The contract of problems and families as functions that anyone can call; they need no test framework.

    from budgetgym.testing import check_family, check_problem

    check_problem(MyProblem(budget=3.0))
    check_family(MY_FAMILY)

Both return nothing, or raise a `ContractError` that says which rule is broken, where, and what is expected. `CHECKS` has the
single checks by name, for `pytest.mark.parametrize`.
"""

if __name__ == "testing":
    raise ImportError("import budgetgym.testing, not testing")

from .contract import ContractError
from .documentation import check_documentation
from .family import check_family
from .oracle import check_oracle
from .problem import CHECKS, check_problem

__all__ = ["CHECKS", "ContractError", "check_documentation", "check_family", "check_oracle", "check_problem"]
