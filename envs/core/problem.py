"""The contract of a problem: parameters, state and kernels. All faces are made from it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self, TypeAlias

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from .budget import BudgetLike, as_budget
from .checks import boolean, one_of, positive_integer, same
from .features import Feature, budget_features, check_features, observation_space
from .metrics import Metric
from .states import CoreState

State: TypeAlias = Any
"""An instance of a class made with `state` (states.py): arrays with one entry (or row) per episode of the batch."""


@dataclass(frozen=True)
class Kernels:
    """The mathematics of a problem: functions compiled with `jit` that act on lane `i` of a batch.

    Attributes:
        reset: `reset(params, state, i)` starts an episode; the core fields are already set.
        step: `step(params, state, i, action) -> reward, cost, terminated`. `action` is a 1-D array with the action's
            components (one entry for Discrete). `cost` is a float, or a tuple with one entry per resource; it must be >= 0
            and what `pays` says that `state.remaining[i]` pays, so the kernel decides what an unaffordable action becomes, and
            counts it in `state.blocked[i]`. `state.t[i]` is the number of steps before this one.
        observe: `observe(params, state, i, out)` writes the problem's own features into `out` (d,).
        mask: `mask(params, state, i, out)` writes 1 for every discrete action that can be executed as it is, else 0, into
            `out` (number of actions,), int8.
        resample: `resample(params, state, i)` redraws what the agent cannot see from its posterior. Without it nothing but
            the generator is redrawn, which is right where the state hides nothing.
        feasible: `feasible(params, state, i, action) -> bool` says whether an action that is within its range belongs to the
            set of what can be done at all; if not, it is refused like one out of range, before anything happens. `step`
            handles affordability.
    """

    reset: Callable[..., Any]
    step: Callable[..., Any]
    observe: Callable[..., Any]
    mask: Callable[..., Any] | None = None
    resample: Callable[..., Any] | None = None
    feasible: Callable[..., Any] | None = None


class Rules(NamedTuple):
    """What the generic loops need to know of a problem, in a form that compiled code reads."""

    horizon: int
    max_steps: int
    """Truncation after this many steps; 0 is never."""
    budget_low: NDArray[np.float64]
    budget_high: NDArray[np.float64]
    budget_log: bool
    budget_scale: NDArray[np.float64]
    budget_aware: bool
    features: int
    action_low: NDArray[np.float64]
    action_high: NDArray[np.float64]


class Problem:
    """A sequential budgeted decision problem.

    A subclass sets the class attributes and calls `super().__init__` with its parameters.

    Args:
        params: NamedTuple of scalars and arrays; what the kernels read and never change.
        features: the problem's own observation entries, in the order in which `observe` writes them.
        action_space: Discrete, MultiDiscrete, MultiBinary or a bounded Box.
        horizon: steps in an episode (the unit of the remaining time share), at least 1.
        budget: see `Budget`.
        budget_scale: per resource, what an agent without a budget would use in an episode, > 0. Observations give the
            initial budget as `size = initial / (initial + scale)`, which lies in [0, 1).
        budget_aware: end the observation with budget and time (see `observation_names`). False is for ablations.
        least_budget: per resource, the smallest initial amount with which an episode can begin.
    """

    kernels: Kernels
    state_class: type[CoreState]
    """What an episode is; see `state`."""
    resources: tuple[str, ...] = ("money",)
    metrics: tuple[Metric, ...] = ()
    reported: tuple[str, ...] = ()
    """Further fields of the state, (n,), that `info` reports: what the latest step came to."""
    constraint: str | None = None
    """Field of the state that `info["cost"]` reports instead of the spend: the cost of a constrained MDP."""
    remarks: tuple[str, ...] = ()
    """What must be said beside results: what of the data is left out, or assumed."""
    num_episodes: int | None = None
    """How many different episodes there are (a replayed log); None if they are drawn without end."""
    budget_settings: tuple[str, ...] = ("budget",)
    """Arguments that set the budget, the one that takes amounts first; at most one of them is given."""
    limit_settings: tuple[str, ...] = ()
    """Further arguments that limit an episode, each separately; comparisons may vary them in place of the budget."""
    on_infeasible: str = "project"
    """What becomes of actions that can't be done: "project" does the nearest thing that can, and clips a Box action to its
    range; "raise" refuses them, for debugging."""
    max_episode_steps: int | None = None
    """Episodes are truncated after this many steps; see `truncated`."""
    settings: dict[str, Any]
    """The arguments that the problem was made with."""

    def __new__(cls, *arguments: Any, **settings: Any) -> Self:
        """Keep the arguments, for `replace`."""
        problem = super().__new__(cls)
        signature = inspect.signature(cls.__init__)
        problem.settings = {}
        for name, value in list(signature.bind_partial(problem, *arguments, **settings).arguments.items())[1:]:
            kind = signature.parameters[name].kind
            if kind is inspect.Parameter.VAR_POSITIONAL:
                raise TypeError(f"{cls.__name__} takes *{name}; expected arguments with names, which settings are kept by")
            problem.settings |= value if kind is inspect.Parameter.VAR_KEYWORD else {name: value}
        return problem

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as the settings that it was made with."""
        return _made_again, (type(self), self.settings, self.max_episode_steps)

    def __deepcopy__(self, memo: Any) -> Self:
        """A problem never changes, so that copies of environments share it."""
        return self

    @classmethod
    def variant(cls, settings: Mapping[str, Any]) -> type[Problem]:
        """The class that serves these settings, for an id behind which several stand; by default this one."""
        return cls

    @property
    def info_fields(self) -> list[str]:
        """Fields of the state that `info` reports beside the ledger."""
        return [*(metric.name for metric in self.metrics), *self.reported]

    @classmethod
    def setting_defaults(cls) -> dict[str, Any]:
        """The arguments that the problem is made with, and their defaults; `**settings` stands for those of the base class."""
        _, *own = inspect.signature(cls.__init__).parameters.values()
        defaults = {p.name: p.default for p in own if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
        if any(p.kind is p.VAR_KEYWORD for p in own):
            owner = next(c for c in cls.__mro__ if "__init__" in vars(c))
            base = cls.__mro__[cls.__mro__.index(owner) + 1]
            inherited = base.setting_defaults() if issubclass(base, Problem) and base is not Problem else {}
            defaults = {**inherited, **defaults}
        return defaults

    @classmethod
    def setting_names(cls) -> list[str]:
        """The names of the arguments that the problem is made with."""
        return list(cls.setting_defaults())

    def replace(self, **changes: Any) -> Self:
        """The same problem with some settings changed."""
        return type(self)(**{**self.settings, **changes}).truncated(self.max_episode_steps)

    def equals(self, other: Problem) -> bool:
        """Whether the other one was made in the same way."""
        return self is other or (
            type(self) is type(other)
            and self.max_episode_steps == other.max_episode_steps
            and self.settings.keys() == other.settings.keys()
            and all(same(value, other.settings[name]) for name, value in self.settings.items())
        )

    def truncated(self, steps: int | None) -> Self:
        """The same problem with episodes that are truncated after this many steps, as Gymnasium's `TimeLimit` does it.

        Observations still count time in units of the horizon. None changes nothing, and of two limits the smaller one holds.

        Raises:
            ValueError: steps below 1.
        """
        if steps is None:
            return self
        shorter = object.__new__(type(self))
        shorter.__dict__.update(self.__dict__)
        shorter.max_episode_steps = min(positive_integer("max_episode_steps", steps), self.max_episode_steps or steps)
        return shorter

    def __init__(
        self,
        *,
        params: Any,
        features: Sequence[Feature],
        action_space: spaces.Space[Any],
        horizon: int,
        budget: BudgetLike,
        budget_scale: float | tuple[float, ...],
        budget_aware: bool = True,
        least_budget: float | tuple[float, ...] = 0.0,
    ) -> None:
        self.params = params
        self.horizon = positive_integer("horizon", horizon)
        self.budget = as_budget(budget, self.resources)
        self.least_budget = np.broadcast_to(np.asarray(least_budget, float), (len(self.resources),)).copy()
        self.check_amounts("budget", self.budget.arrays(self.resources)[0])
        self.budget_scale = np.broadcast_to(np.asarray(budget_scale, float), (len(self.resources),)).copy()
        if not (np.isfinite(self.budget_scale).all() and (self.budget_scale > 0).all()):
            raise ValueError(f"budget_scale is {budget_scale!r}; expected positive amounts")
        self.budget_aware = boolean("budget_aware", budget_aware)
        self.action_space = action_space
        check_features(type(self).__name__, features)
        self.features = (*features, *(budget_features(self.resources) if self.budget_aware else ()))
        self.observation_names, self.observation_space = observation_space(self.features)

    @property
    def sizes(self) -> Mapping[str, int]:
        """The lengths of the axes that the state class names, such as the number of arms; by default there are none."""
        return {}

    def allocate(self, n: int) -> State:
        """A blank state for a batch of `n` episodes."""
        if not hasattr(getattr(self, "state_class", None), "allocate"):
            raise TypeError(f"{type(self).__name__} has no state_class that was made with @state")
        return self.state_class.allocate(n, {"resources": len(self.resources), **self.sizes})

    def check_state(self, state: State) -> None:
        """Refuse a snapshot that this problem's kernels could not go on from, with a ValueError; by default none."""
        return

    @property
    def refuses_actions(self) -> bool:
        """Whether some elements of the action space can't be stepped, because they are not feasible."""
        return self.kernels.feasible is not None

    def explain_action(self, action: NDArray[Any]) -> str:
        """What was expected in place of an action (m,) that was refused, for the error message."""
        return f"expected an element of {self.action_space}"

    def check_amounts(self, name: str, amounts: NDArray[np.float64]) -> None:
        """Refuse initial amounts (..., resources) that are below `least_budget`, with a ValueError that names them."""
        for k, resource in enumerate(self.resources):
            if (lowest := np.min(amounts[..., k])) < self.least_budget[k]:
                least = self.least_budget[k]
                raise ValueError(f"{name} is {lowest:g} {resource}; {self.instance} needs at least {least:g} to begin")

    def widen(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Observations (n, d) that were shown in 32 bits, for agents that count.

        Sizes and remaining shares of budgets are rounded up: what a budget pays exactly must not look as if it fell short by a
        rounding error.
        """
        wide = rows.astype(np.float64)
        if self.budget_aware:
            shown = rows[:, -1 - 2 * len(self.resources) : -1]
            above = np.nextafter(shown, np.float32(2.0))
            wide[:, -1 - 2 * len(self.resources) : -1] = np.where((shown > 0.0) & (above < 1.0), above, shown)
        return wide

    @property
    def action_meaning(self) -> Mapping[str, str]:
        """What the action space does not say of actions, such as which models are numbered: a saved agent fits where it is the
        same. By default nothing."""
        return {}

    @property
    def score(self) -> str:
        """The column of the episodes table that bounds and optima refer to: `return`, or the name of a metric."""
        return "return"

    @property
    def instance(self) -> str:
        """What was simulated, in a few words, for tables of results."""
        return type(self).__name__

    def rules(self) -> Rules:
        """The rules for the generic loops."""
        budget_low, budget_high = self.budget.arrays(self.resources)
        action_low, action_high = action_bounds(self.action_space)
        tail = 2 * len(self.resources) + 1 if self.budget_aware else 0
        return Rules(
            horizon=self.horizon,
            max_steps=self.max_episode_steps or 0,
            budget_low=budget_low,
            budget_high=budget_high,
            budget_log=self.budget.log,
            budget_scale=self.budget_scale,
            budget_aware=self.budget_aware,
            features=len(self.observation_names) - tail,
            action_low=action_low,
            action_high=action_high,
        )


def _made_again(cls: type[Problem], settings: dict[str, Any], max_episode_steps: int | None = None) -> Problem:
    return cls(**settings).truncated(max_episode_steps)


def action_bounds(space: spaces.Space[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lowest and highest value of every component of an action, each (m,).

    Raises:
        ValueError: the space is not of a kind that kernels take, or a Box is not bounded.
    """
    if isinstance(space, spaces.Discrete):
        return np.array([float(space.start)]), np.array([float(space.start + space.n - 1)])
    if isinstance(space, spaces.MultiDiscrete):
        start = space.start.ravel().astype(float)
        return start, start + space.nvec.ravel() - 1.0
    if isinstance(space, spaces.MultiBinary):
        size = int(np.prod(space.shape))
        return np.zeros(size), np.ones(size)
    if isinstance(space, spaces.Box) and space.is_bounded():
        return space.low.ravel().astype(float), space.high.ravel().astype(float)
    raise ValueError(f"action_space is {space}; expected Discrete, MultiDiscrete, MultiBinary or a bounded Box")


def read_on_infeasible(value: Any) -> str:
    """The argument `on_infeasible`; see `Problem.on_infeasible`."""
    return one_of("on_infeasible", value, ("project", "raise"))


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """A contiguous view that can't be written, for parameters.

    For numba that is a type of its own; if all problems of a family keep to it, they share one compilation.
    """
    view = np.ascontiguousarray(array).view()
    view.setflags(write=False)
    return view
