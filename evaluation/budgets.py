"""The budgets of a comparison, and what to call them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from ..envs.core import checks
from ..envs.core.checks import amount
from ..envs.core.problem import Problem


class BudgetCase(NamedTuple):
    """One budget: a label for tables, a number for axes, and the problem that has it."""

    label: str
    value: float
    problem: Problem


def budget_cases(problem: Problem, budgets: str | Mapping[str, Sequence[Any]] | Sequence[Any] | None) -> list[BudgetCase]:
    """The problem at every budget.

    Args:
        problem: as it was made.
        budgets: None for its own; amounts; "1969,4000"; or another setting that fixes the budget, with its values, as
            {"c0": [1/32, 1/8]} or "c0=1/32,1/8".

    Raises:
        ValueError: a setting that the problem does not have, or no budgets at all.
    """
    if budgets is None:
        return [_own(problem)]
    name, values = _read(budgets, problem.budget_settings[0])
    if not values:
        raise ValueError(f"budgets is {budgets!r}; expected at least one")
    if name not in (*problem.budget_settings, *problem.limit_settings):
        known = " or ".join((*problem.budget_settings, *problem.limit_settings))
        raise ValueError(f"budgets name the setting {name!r}; the budget of {type(problem).__name__} is set by {known}")
    excluded = problem.budget_settings if name in problem.budget_settings else ()
    cleared = {key: None for key in excluded if key in problem.settings and key != name}
    cases = [_case(name, number(value), problem.replace(**cleared, **{name: number(value)})) for value in values]
    labels = [case.label for case in cases]
    if len(set(labels)) < len(labels):
        raise ValueError(f"budgets is {budgets!r}; expected every budget once")
    return cases


def number(value: Any) -> float:
    """A number, or a fraction in text such as "1/32"."""
    try:
        return amount(value) if isinstance(value, str) else checks.number("budget", value, "a number")
    except ValueError:
        raise ValueError(f"budget {value!r} is not a number or a fraction") from None


def _case(name: str, value: float, problem: Problem) -> BudgetCase:
    """The problem with this budget; one without limit has its place on axes by the amount that is never used up."""
    place = value if math.isfinite(value) else float(problem.budget.arrays(problem.resources)[0][0])
    return BudgetCase(_label(name, value), place, problem)


def _read(budgets: str | Mapping[str, Sequence[Any]] | Sequence[Any], own: str) -> tuple[str, list[Any]]:
    if isinstance(budgets, str):
        name, equals, values = budgets.rpartition("=")
        return (name if equals else own), [value.strip() for value in values.split(",") if value.strip()]
    if isinstance(budgets, Mapping):
        if len(budgets) != 1:
            raise ValueError(f"budgets is {budgets!r}; expected one setting with its values")
        ((name, values),) = budgets.items()
        return name, list(values)
    return own, list(budgets)


def _own(problem: Problem) -> BudgetCase:
    if problem.settings.get("c0") is not None and not isinstance(problem.settings["c0"], Sequence):
        return BudgetCase(_label("c0", problem.settings["c0"]), number(problem.settings["c0"]), problem)
    low, high = problem.budget.arrays(problem.resources)
    amounts = [f"{a:g}" if a == b else f"{a:g}..{b:g}" for a, b in zip(low, high, strict=True)]
    return BudgetCase(", ".join(amounts), float(low[0] + high[0]) / 2, problem)


def _label(name: str, value: Any) -> str:
    """An amount as it is; a setting with its name. Simple fractions are shown as such: papers speak of shares of 1/32."""
    exact = number(value)
    if name == "budget":
        return f"{exact:g}" if float(f"{exact:g}") == exact else repr(exact)
    simple = Fraction(exact).limit_denominator(1000)
    is_simple = 0 < exact < 1 and float(simple) == exact and simple.numerator == 1
    return f"{name}={simple if is_simple else f'{exact:g}'}"
