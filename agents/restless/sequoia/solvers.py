"""Mixed-integer solvers behind one small interface: SCIP, HiGHS and Gurobi."""

from __future__ import annotations

import importlib.util
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ....envs.core.checks import one_of
from ....envs.restless.feasible.programme import OutOfTime, Programme
from .embedding import Mip


class Outcome(NamedTuple):
    """What a solver found."""

    action: NDArray[np.int64] | None
    """(m,) the best one; None if nothing is better than the cutoff, or nothing was found in time."""
    bound: float
    """Proved: no action has a larger value."""
    status: str
    """"optimal", or "time_limit"."""


class Solver(Protocol):
    """A solver that is made for the first programme and then answers others with the same variables and rows."""

    name: ClassVar[str]

    def solve(self, mip: Mip, start: NDArray[np.int64], value: float, tolerance: float, time_limit: float) -> Outcome:
        """The best action of the programme, if it is better than a known one.

        Args:
            mip: of the same form as the first.
            start: (m,) a feasible action.
            value: of `start`.
            tolerance: absolute; within it of the bound an action counts as optimal.
            time_limit: seconds.

        Raises:
            RuntimeError: the solver failed; its status is in the message.
        """
        ...


class Scip:
    """SCIP through PySCIPOpt. The model is kept, and only what differs is changed.

    Dense rows of a network make cuts, heuristics and propagation cost more than they save, by two orders of magnitude; and
    the value of the known action prunes the tree from the start.

    Args:
        mip: the first programme.
        propagate, presolve, separate: switch these back on, which pays where the set itself has much structure.
    """

    name = "scip"

    def __init__(self, mip: Mip, propagate: bool = False, presolve: bool = False, separate: bool = False) -> None:
        import pyscipopt

        scip: Any = pyscipopt  # its stubs do not know all that it has
        self._scip = scip
        model = self._model = scip.Model()
        model.hideOutput()
        settings = scip.SCIP_PARAMSETTING
        model.setHeuristics(settings.OFF)
        model.setSeparating(settings.FAST if separate else settings.OFF)
        model.setParams(
            {
                "presolving/maxrounds": -1 if presolve else 0,
                "propagating/maxrounds": int(propagate),
                "propagating/maxroundsroot": int(propagate),
                "conflict/enable": False,
                "branching/relpscost/maxreliable": 1,
                "branching/relpscost/initcand": 8,
                "parallel/maxnthreads": 1,
                "misc/catchctrlc": False,
            }
        )
        kinds = ("CONTINUOUS", "INTEGER", "BINARY")
        binary = mip.whole & (mip.high <= 1.0) & (mip.low >= 0.0)
        self._variables = [
            model.addVar(vtype=kinds[int(whole) + int(two)], lb=low, ub=high)
            for whole, two, low, high in zip(mip.whole, binary, mip.low, mip.high, strict=True)
        ]
        self._rows = []
        rows = mip.rows
        for r in range(len(mip.row_low)):
            part = slice(rows.indptr[r], rows.indptr[r + 1])
            terms = zip(rows.data[part].tolist(), rows.indices[part].tolist(), strict=True)
            total = scip.quicksum(a * self._variables[j] for a, j in terms)
            low, high = mip.row_low[r], mip.row_high[r]
            finite = (low if np.isfinite(low) else None, high if np.isfinite(high) else None)
            self._rows.append(model.addCons(scip.scip.ExprCons(total, *finite)))
        self._owner = np.repeat(np.arange(len(mip.row_low)), np.diff(rows.indptr))
        self._set_objective(mip)
        self._known = _copies(mip)

    def solve(self, mip: Mip, start: NDArray[np.int64], value: float, tolerance: float, time_limit: float) -> Outcome:
        """See `Solver.solve`."""
        model = self._model
        model.freeTransform()
        self._change(mip)
        cutoff = value - mip.constant + tolerance
        model.setObjlimit(cutoff)
        model.setParam("limits/time", time_limit)
        model.setParam("limits/absgap", tolerance)
        model.optimize()
        status = model.getStatus()
        if status == "infeasible":  # nothing above the cutoff
            return Outcome(None, cutoff + mip.constant, "optimal")
        if status not in ("optimal", "gaplimit", "timelimit"):
            raise RuntimeError(f"SCIP ended with status {status!r}; expected a solution or the time limit")
        proved = model.getDualbound()
        bound = np.inf if model.isInfinity(proved) else max(proved, cutoff) + mip.constant
        found = model.getBestSol() if model.getNSols() else None
        action = None if found is None else np.array([found[x] > 0.5 for x in self._variables[: mip.m]], np.int64)
        return Outcome(action, bound, "time_limit" if status == "timelimit" else "optimal")

    def _change(self, mip: Mip) -> None:
        model, known, now = self._model, self._known, _copies(mip)
        for at in np.flatnonzero(known["data"] != now["data"]):
            variable = self._variables[mip.rows.indices[at]]
            model.chgCoefLinear(self._rows[self._owner[at]], variable, float(now["data"][at]))
        for r in np.flatnonzero(known["row_low"] != now["row_low"]):
            model.chgLhs(self._rows[r], float(now["row_low"][r]))
        for r in np.flatnonzero(known["row_high"] != now["row_high"]):
            model.chgRhs(self._rows[r], float(now["row_high"][r]))
        # A variable may move from [0, 0] to [1, 1]: first wider, then narrower.
        for j in np.flatnonzero(known["high"] < now["high"]):
            model.chgVarUb(self._variables[j], float(now["high"][j]))
        for j in np.flatnonzero(known["low"] != now["low"]):
            model.chgVarLb(self._variables[j], float(now["low"][j]))
        for j in np.flatnonzero(known["high"] > now["high"]):
            model.chgVarUb(self._variables[j], float(now["high"][j]))
        if (known["objective"] != now["objective"]).any():
            self._set_objective(mip)
        self._known = now

    def _set_objective(self, mip: Mip) -> None:
        used = np.flatnonzero(mip.objective)
        terms = zip(mip.objective[used].tolist(), used.tolist(), strict=True)
        self._model.setObjective(self._scip.quicksum(a * self._variables[j] for a, j in terms), "maximize")


class Highs:
    """HiGHS: a fresh model per question, which costs less than changing one."""

    name = "highs"

    def __init__(self, mip: Mip) -> None:
        """Nothing to keep."""

    def solve(self, mip: Mip, start: NDArray[np.int64], value: float, tolerance: float, time_limit: float) -> Outcome:
        """See `Solver.solve`."""
        programme = Programme(mip.rows, mip.row_low, mip.row_high, mip.low, mip.high, mip.whole, time_limit)
        programme.set_options(
            mip_abs_gap=tolerance, mip_rel_gap=0.0, mip_heuristic_effort=0.0, mip_pool_soft_limit=10, presolve="off"
        )
        try:
            found = programme.maximise(mip.objective, start)
        except OutOfTime as late:
            return Outcome(None, late.bound + mip.constant, "time_limit")
        return Outcome((found.x[: mip.m] > 0.5).astype(np.int64), found.bound + mip.constant, found.status)


class Gurobi:
    """Gurobi, for those who have a licence: a fresh model per question."""

    name = "gurobi"

    def __init__(self, mip: Mip) -> None:
        import gurobipy  # pyright: ignore[reportMissingImports]  # an extra, absent where it is not asked for

        self._gurobi = gurobipy
        self._environment = gurobipy.Env(params={"OutputFlag": 0, "Threads": 1})

    def solve(self, mip: Mip, start: NDArray[np.int64], value: float, tolerance: float, time_limit: float) -> Outcome:
        """See `Solver.solve`."""
        gp = self._gurobi
        with gp.Model(env=self._environment) as model:
            kinds = np.where(mip.whole, "I", "C")
            x: Any = model.addMVar(len(mip.low), mip.low, mip.high, mip.objective, kinds)
            model.ModelSense = gp.GRB.MAXIMIZE
            for limit, sense in ((mip.row_low, ">"), (mip.row_high, "<")):
                if (some := np.isfinite(limit)).any():
                    model.addMConstr(mip.rows[some], x, sense, limit[some])
            model.update()
            x[: mip.m].Start = start
            for name, setting in (("Cuts", 0), ("Heuristics", 0), ("Presolve", 0), ("IntFeasTol", 1e-9)):
                model.setParam(name, setting)
            for name, setting in (("MIPGap", 0.0), ("MIPGapAbs", tolerance), ("TimeLimit", time_limit)):
                model.setParam(name, setting)
            model.optimize()
            if model.Status not in (gp.GRB.OPTIMAL, gp.GRB.TIME_LIMIT):
                raise RuntimeError(f"Gurobi ended with status {model.Status}; expected a solution or the time limit")
            action = (x.X[: mip.m] > 0.5).astype(np.int64) if model.SolCount else None
            status = "optimal" if model.Status == gp.GRB.OPTIMAL else "time_limit"
            bound = np.inf if model.ObjBound >= gp.GRB.INFINITY else model.ObjBound + mip.constant
            return Outcome(action, bound, status)


SOLVERS: dict[str, tuple[str, type[Any]]] = {
    "scip": ("pyscipopt", Scip),
    "highs": ("highspy", Highs),
    "gurobi": ("gurobipy", Gurobi),
}
"""Name -> the package that it needs, and the class."""


def make_solver(name: str, mip: Mip, **options: Any) -> Solver:
    """A solver by name.

    Raises:
        ValueError: an unknown name.
        ImportError: its package is missing; the message says which.
    """
    package, kind = SOLVERS[one_of("solver", name, tuple(SOLVERS))]
    if importlib.util.find_spec(package) is None:
        raise ImportError(f"solver {name!r} needs the package {package}: pip install {package}")
    return kind(mip, **options)


def _copies(mip: Mip) -> dict[str, NDArray[np.float64]]:
    """What may differ from one programme to the next."""
    names = ("row_low", "row_high", "low", "high", "objective")
    return {"data": np.array(mip.rows.data, float), **{name: getattr(mip, name).copy() for name in names}}
