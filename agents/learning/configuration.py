"""How learners are set up, by family: what a family says, and what is done where it says nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...envs.core.budget import Budget
from ...envs.core.problem import Problem
from ...envs.family import family_of, resolve

if TYPE_CHECKING:
    from stable_baselines3.common.callbacks import BaseCallback


def as_it_is(problem: Any) -> Any:
    """Learn on the problem itself."""
    return problem


def as_chosen(problem: Problem, observations: NDArray[np.float64], actions: NDArray[Any]) -> NDArray[Any]:
    """The learner's actions are the problem's own."""
    return actions


def nothing_more(problem: Problem) -> dict[str, Any]:
    """The network sees the observation."""
    return {}


@dataclass(frozen=True)
class Configuration:
    """How a learner learns one family.

    Attributes:
        timesteps: decisions that are enough to learn.
        lanes: episodes side by side.
        settings: the other arguments of SB3's class.
        training: the problem to learn on, from the problem to decide on.
        decode: decode(problem, observations (n, d), actions (n, ...)) -> actions of the problem to decide on.
        features: policy_kwargs that depend on the problem to learn on, such as a features extractor.
        callbacks: made anew for every call of `learn`.
    """

    timesteps: int
    lanes: int
    settings: dict[str, Any] = field(default_factory=dict)
    training: Callable[[Any], Problem] = as_it_is
    decode: Callable[[Any, NDArray[np.float64], NDArray[Any]], NDArray[Any]] = as_chosen
    features: Callable[[Any], dict[str, Any]] = nothing_more
    callbacks: Callable[[], list[BaseCallback]] = list


@dataclass(frozen=True)
class Learning:
    """What a family says of learners.

    Attributes:
        configurations: name of the learner -> `Configuration`. A learner with variants looks for "name/variant".
    """

    configurations: Mapping[str, Configuration] = field(default_factory=dict)


def learning_of(problem: Problem) -> Learning:
    """What the problem's family says of learners; nothing by default."""
    learning = resolve(family_of(problem).learning)
    if not (learning is None or isinstance(learning, Learning)):
        raise TypeError(f"the learning of the family {family_of(problem).name!r} is {learning!r}; expected Learning(...)")
    return Learning() if learning is None else learning


def configuration_of(name: str, problem: Problem, default: Configuration | None) -> Configuration:
    """The family's configuration of a learner, or else the learner's own default.

    Raises:
        ValueError: there is neither.
    """
    configuration = learning_of(problem).configurations.get(name, default)
    if configuration is None:
        family = family_of(problem).name
        raise ValueError(
            f"{name} has no configuration for {type(problem).__name__}; give one in the `learning` of the family {family!r}"
        )
    return configuration


def budgets_around(problem: Problem, factor: float) -> Budget:
    """The problem's budgets, widened by `factor` both ways, on a log scale.

    With one budget all episodes spend along nearly the same curve; a critic that sees only that curve cannot learn what a
    little more money is worth, and the policy swings between hoarding and wasting.
    """
    low, high = problem.budget.arrays(problem.resources)
    ranges = zip(problem.resources, np.maximum(low / factor, 1e-9), np.maximum(high * factor, 1e-9), strict=True)
    return Budget({resource: (float(a), float(b)) for resource, a, b in ranges}, log=True)
