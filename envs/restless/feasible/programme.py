"""Linear and mixed-integer programmes on HiGHS: built once, then solved again and again for other objectives and limits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from ...core.scaling import unit_of

GAP = 1e-9
"""Relative gap at which an optimum counts as proved."""


class Solution(NamedTuple):
    """What the solver found."""

    x: NDArray[np.float64]
    value: float
    bound: float
    """Proved: no solution is better."""
    status: str
    """"optimal", or "time_limit" with the best solution found until then."""


class OutOfTime(RuntimeError):
    """The time limit came before any solution.

    Attributes:
        bound: proved until then: no solution is better; infinite if nothing was.
    """

    def __init__(self, message: str, bound: float) -> None:
        super().__init__(message)
        self.bound = bound


class Programme:
    """max c x subject to row_low <= A x <= row_high, low <= x <= high, and some x whole.

    Args:
        rows: A, (r, n).
        row_low, row_high: (r,) limits; infinities for none.
        low, high: (n,) limits.
        whole: (n,) which variables are whole numbers; by default none.
        time_limit: seconds per solution, infinite by default.
    """

    def __init__(
        self,
        rows: sp.csr_array,
        row_low: ArrayLike,
        row_high: ArrayLike,
        low: ArrayLike,
        high: ArrayLike,
        whole: ArrayLike = False,
        time_limit: float = np.inf,
    ) -> None:
        import highspy
        from highspy._core import _Highs  # what `Highs` is made of: that one greets on stdout before it can be silenced

        rows = sp.csr_array(rows)
        shape: Any = rows.shape
        r, n = self.shape = shape
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = n, r
        model.col_cost_ = np.zeros(n)
        model.col_lower_, model.col_upper_ = np.array(low, float), np.array(high, float)
        model.row_lower_, model.row_upper_ = np.array(row_low, float), np.array(row_high, float)
        model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        model.a_matrix_.start_ = rows.indptr.astype(np.int32)
        model.a_matrix_.index_ = rows.indices.astype(np.int32)
        model.a_matrix_.value_ = rows.data.astype(float)
        self.is_mixed = bool(np.any(whole))
        if self.is_mixed:
            kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
            model.integrality_ = [kinds[int(flag)] for flag in np.broadcast_to(np.asarray(whole, bool), n)]
        model.sense_ = highspy.ObjSense.kMaximize
        self._solver: Any = _Highs()
        self.set_options(output_flag=False, threads=1, mip_rel_gap=GAP, mip_abs_gap=1e-7, time_limit=float(time_limit))
        self._solver.passModel(model)
        self._columns = np.arange(n, dtype=np.int32)
        self._optimal, self._late = highspy.HighsModelStatus.kOptimal, highspy.HighsModelStatus.kTimeLimit

    def set_options(self, **options: Any) -> None:
        """Set options of HiGHS by their names."""
        for name, value in options.items():
            self._solver.setOptionValue(name, value)

    def limit_row(self, row: int, low: float, high: float) -> None:
        """Change the limits of one row."""
        self._solver.changeRowBounds(row, low, high)

    def limit_columns(self, columns: Sequence[int] | NDArray[Any], low: ArrayLike, high: ArrayLike) -> None:
        """Change the limits of some variables."""
        columns = np.asarray(columns, np.int32)
        self._solver.changeColsBounds(len(columns), columns, np.asarray(low, float), np.asarray(high, float))

    def maximise(self, objective: NDArray[np.float64], start: NDArray[Any] | None = None) -> Solution:
        """The best x for this objective c (n,). Only its proportions matter: the solver's tolerances are for numbers around 1.

        Args:
            objective: c.
            start: (k,) the first variables of a solution that is known; the solver finds the rest of it.

        Raises:
            OutOfTime: the time limit came first.
            RuntimeError: the solver found no solution for another reason; its status is in the message.
        """
        solver, unit = self._solver, unit_of(objective)
        self._unit = unit
        solver.changeColsCost(len(self._columns), self._columns, np.asarray(objective, float) / unit)
        if start is not None:
            solver.setSolution(len(start), self._columns[: len(start)], np.asarray(start, float))
        solver.run()
        status, info = solver.getModelStatus(), solver.getInfo()
        timely = status == self._optimal
        if not timely and not (status == self._late and np.isfinite(info.objective_function_value)):
            message = f"HiGHS ended with status {solver.modelStatusToString(status)}; expected a solution"
            if status == self._late:
                raise OutOfTime(message, info.mip_dual_bound * unit if self.is_mixed else np.inf)
            raise RuntimeError(message)
        x = np.array(solver.getSolution().col_value)
        bound = info.mip_dual_bound if self.is_mixed else info.objective_function_value
        return Solution(x, info.objective_function_value * unit, bound * unit, "optimal" if timely else "time_limit")

    def row_duals(self) -> NDArray[np.float64]:
        """Shadow prices of the rows in the latest solution of a linear programme, (r,)."""
        return np.array(self._solver.getSolution().row_dual) * self._unit
