"""`Profile`: the law of a kind of task and of the models that can work on it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import norm

from ...core.checks import natural, non_negative, number, positive, probability
from .meter import CACHE_SECONDS, PER_TOKEN, Prices, check_prices

ERROR_LEVELS = 4
"""Visible errors that weigh on an agent: 0 to 3."""

DIFFICULTIES = 16
"""Classes of task difficulty: the medians of equally likely slices of a normal distribution."""

TOKEN_LEVELS = 256
"""Equally likely lengths of a model's output: the medians of slices of a log-normal distribution."""


OWN_NUMBERS = "own numbers"


@dataclass(frozen=True)
class Model:
    """A language model of the pool.

    Args:
        name: for tables.
        skill: theta_m, in logits.
        tier: it suffices for subgoals that require this tier or a lower one.
        prices: dollars per million tokens.
        output_tokens: median length of what it writes.
        output_spread: standard deviation of the logarithm of that length.
        max_tokens: it is cut off there.
        recovery: probability per step that it notices a silent corruption, and repairs it.
        verify_accuracy: probability that its verdict on the work so far is right.
        seconds: time of a call.
    """

    name: str
    skill: float
    tier: int
    prices: Prices
    output_tokens: float = 70.0
    output_spread: float = 0.6
    max_tokens: int = 1024
    recovery: float = 0.05
    verify_accuracy: float = 0.8
    seconds: float = 10.0

    def __post_init__(self) -> None:
        where = f"model {self.name!r}"
        check_prices(f"{where}: prices", self.prices)
        probability(f"{where}: recovery", self.recovery)
        probability(f"{where}: verify_accuracy", self.verify_accuracy)
        if not math.isfinite(number(f"{where}: skill", self.skill, "a finite number")):
            raise ValueError(f"{where}: skill is {self.skill!r}; expected a finite number")
        natural(f"{where}: tier", self.tier)
        for name in ("output_tokens", "max_tokens", "seconds"):
            positive(f"{where}: {name}", getattr(self, name))
        non_negative(f"{where}: output_spread", self.output_spread)


@dataclass(frozen=True)
class Profile:
    """How tasks of a kind go, with the models of a pool, ordered from the cheapest to the most expensive.

    A task has a difficulty d ~ N(0, spread), `subgoals` to reach one after another, and a limit of `T` steps. Subgoal g
    requires a tier; the model that makes the next move succeeds with probability

        sigmoid(skill - d - error_weight * e - gap_weight * max(0, required - tier)),

    where e is the number of errors that weigh on the agent. A move that fails may do so silently, with probability
    `silent`, and `silent + silent_gap` if the model's tier does not suffice: it looks like progress, and the task is lost
    unless the corruption is found.

    Args:
        models: the pool.
        T: steps allowed per task.
        subgoals: possible numbers of subgoals.
        weights: their relative frequencies.
        required: (zones, tiers) probabilities of the tier that a subgoal requires; row 0 for the first and last third of
            the subgoals, row 1 for the middle third. `criticality` makes it for two tiers.
        gap_weight: delta, logits lost per missing tier.
        error_weight: eta, logits lost per error.
        spread: standard deviation of the difficulty, in logits.
        silent, silent_gap: see above.
        give_up: probability per step that an agent with three errors gives up, and the task fails.
        first_prompt: tokens of the first prompt.
        observation_tokens: tokens that the tools add to the prompt at every step.
        verdict_tokens: tokens of a verdict.
        cache_seconds: life of a cached prompt.
        source: where the numbers come from.
        fitted_to: what `fit_profile` was given: names and values of its targets. All other numbers are assumptions, or were
            solved for; see `remarks`.

    Raises:
        ValueError: a probability outside [0, 1], or another value that cannot be meant; the error names it.
    """

    models: tuple[Model, ...]
    T: int
    subgoals: tuple[int, ...]
    weights: tuple[float, ...]
    required: tuple[tuple[float, ...], tuple[float, ...]]
    gap_weight: float
    error_weight: float = 0.5
    spread: float = 1.5
    silent: float = 0.03
    silent_gap: float = 0.15
    give_up: float = 0.0
    first_prompt: float = 1300.0
    observation_tokens: float = 300.0
    verdict_tokens: float = 20.0
    cache_seconds: float = CACHE_SECONDS
    source: str = OWN_NUMBERS
    fitted_to: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        for name in ("models", "subgoals", "weights", "required"):
            object.__setattr__(self, name, as_tuple(name, getattr(self, name)))
        object.__setattr__(self, "required", tuple(as_tuple("required", row) for row in self.required))
        self._check_models()
        self._check_tasks()
        for name in ("silent", "silent_gap", "give_up"):
            probability(name, getattr(self, name))
        probability("silent + silent_gap", self.silent + self.silent_gap)
        for name in ("gap_weight", "error_weight", "spread", "observation_tokens", "verdict_tokens", "cache_seconds"):
            non_negative(name, getattr(self, name))
        positive("first_prompt", self.first_prompt)

    def _check_models(self) -> None:
        if len(self.models) < 2 or not all(isinstance(model, Model) for model in self.models):
            raise ValueError(f"models is {self.models!r}; expected at least two Models, cheapest first")
        names = [model.name for model in self.models]
        if len(set(names)) < len(names):
            raise ValueError(f"models are named {names}; expected names that differ")
        if self.models[-1].tier < max(model.tier for model in self.models):
            raise ValueError(f"model {names[-1]!r} is the last of the pool; expected it to be of the highest tier")

    def _check_tasks(self) -> None:
        whole_numbers("T", (self.T,))
        whole_numbers("subgoals", self.subgoals)
        if list(self.subgoals) != sorted(set(self.subgoals)):
            raise ValueError(f"subgoals is {self.subgoals!r}; expected rising numbers")
        for weight in self.weights:
            non_negative("weights", weight)
        if len(self.weights) != len(self.subgoals) or not sum(self.weights) > 0:
            raise ValueError(f"weights is {self.weights!r}; expected one weight >= 0 for each of the subgoals {self.subgoals}")
        if len(self.required) != 2 or len(self.required[0]) != len(self.required[1]):
            raise ValueError(f"required is {self.required!r}; expected two rows: outer thirds, middle third")
        for row in self.required:
            if abs(sum(probability("required", p) for p in row) - 1) > 1e-9:
                raise ValueError(f"required is {self.required!r}; expected rows of probabilities that sum to 1")

    @property
    def tiers(self) -> int:
        """Number of tiers that a subgoal may require."""
        return len(self.required[0])

    @property
    def remarks(self) -> tuple[str, ...]:
        """Of a profile that was fitted: which of its numbers are data, which were solved for, and which are assumptions."""
        if not self.fitted_to:
            return ()
        data = [f"{TARGET_MEANING[name]} {value:g}" for name, value in self.fitted_to]
        source = "" if self.source == OWN_NUMBERS else f" ({self.source})"
        free = dict(self.fitted_to)
        solved = {"skill": _listed(model.skill for model in self.models), "gap_weight": f"{self.gap_weight:.3g}"}
        assumed = {
            "required": f"{_listed(self.required[0])} (outer thirds), {_listed(self.required[1])} (middle)",
            "silent": f"{self.silent:g}",
            "silent_gap": f"{self.silent_gap:g}",
            "error_weight": f"{self.error_weight:g}",
            "recovery": _listed(model.recovery for model in self.models),
        }
        for name, target in (("give_up", "large_calls"), ("spread", "correlation")):
            (solved if target in free else assumed)[name] = f"{getattr(self, name):.3g}"
        return (
            f"the profile was fitted to {', '.join(data)}{source}",
            f"solved for: {_named(solved)}; assumed, and these decide what routing can gain: {_named(assumed)}, subgoals, "
            "tiers, tokens, T",
        )

    @property
    def largest_prompt(self) -> float:
        """Tokens of the longest prompt that a task can lead to."""
        longest = max(model.max_tokens for model in self.models)
        return self.first_prompt + (self.T - 1) * (longest + self.observation_tokens)

    def difficulty(self) -> NDArray[np.float64]:
        """The equally likely difficulties, (DIFFICULTIES,), in logits."""
        return self.spread * norm.ppf((np.arange(DIFFICULTIES) + 0.5) / DIFFICULTIES)

    def laws(self) -> Laws:
        """The probabilities that the kernels draw from and the exact solvers sum over."""
        models = self.models
        required = np.arange(self.tiers)
        tier = np.array([model.tier for model in models])
        skill = np.array([model.skill for model in models])
        missing = np.maximum(0, required[None, :] - tier[:, None])
        logit = (
            skill[None, :, None, None]
            - self.difficulty()[:, None, None, None]
            - self.gap_weight * missing[None, :, :, None]
            - self.error_weight * np.arange(ERROR_LEVELS)
        )
        weights = np.asarray(self.weights, float) / sum(self.weights)
        return Laws(
            success=expit(logit),
            silent=np.asarray(self.silent + self.silent_gap * (missing > 0), float),
            recovery=np.array([model.recovery for model in models]),
            accuracy=np.array([model.verify_accuracy for model in models]),
            give_up=float(self.give_up),
            required=np.asarray(self.required, float),
            subgoals=np.asarray(self.subgoals, np.int64),
            subgoals_pmf=weights,
        )

    def tokens(self) -> NDArray[np.float64]:
        """Equally likely output lengths of every model, whole tokens, (N, TOKEN_LEVELS)."""
        z = norm.ppf((np.arange(TOKEN_LEVELS) + 0.5) / TOKEN_LEVELS)
        rows = [np.round(np.exp(np.log(m.output_tokens) + m.output_spread * z)) for m in self.models]
        return np.stack([np.clip(row, 1, m.max_tokens) for row, m in zip(rows, self.models, strict=True)])

    def prices(self) -> NDArray[np.float64]:
        """Dollars per token, (N, 3): read, write, output."""
        rows = [(model.prices.read, model.prices.write, model.prices.output) for model in self.models]
        return PER_TOKEN * np.asarray(rows, float)


class Laws(NamedTuple):
    """Probabilities of a profile. D difficulties, N models, R tiers, S numbers of subgoals."""

    success: NDArray[np.float64]
    """(D, N, R, ERROR_LEVELS) that a move succeeds."""
    silent: NDArray[np.float64]
    """(N, R) that a move that fails does so silently."""
    recovery: NDArray[np.float64]
    """(N,) that a corruption is found in a step."""
    accuracy: NDArray[np.float64]
    """(N,) that a verdict is right."""
    give_up: float
    """That an agent with three errors gives up after a step."""
    required: NDArray[np.float64]
    """(2, R) that a subgoal requires a tier; row 1 in the middle third."""
    subgoals: NDArray[np.int64]
    """(S,) possible numbers of subgoals."""
    subgoals_pmf: NDArray[np.float64]
    """(S,) their probabilities."""


TARGET_MEANING = {
    "small": "success of always the first model",
    "large": "success of always the last model",
    "large_calls": "its mean calls",
    "correlation": "its intra-task correlation",
}
"""Of what `fit_profile` fits, in words."""


def _listed(numbers: Iterable[float]) -> str:
    return " / ".join(f"{number:.3g}" for number in numbers)


def _named(values: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def criticality(q: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """`required` for two tiers: a subgoal needs the upper one with probability 1.5 q in the middle third, else .75 q.

    Under-routing costs most in the middle of a trace (TwinRouterBench: 73 % of it falls there).
    """
    probability("q", q)
    probability("1.5 q", 1.5 * q)
    return (1 - 0.75 * q, 0.75 * q), (1 - 1.5 * q, 1.5 * q)


def whole_numbers(name: str, values: tuple[Any, ...]) -> None:
    """Check that all are integers >= 1; otherwise a ValueError that names them."""
    wrong = [v for v in values if isinstance(v, bool) or not isinstance(v, int | np.integer) or v < 1]
    if wrong or not values:
        raise ValueError(f"{name} is {values if len(values) != 1 else values[0]!r}; expected integers >= 1")


def as_tuple(name: str, value: Any) -> tuple[Any, ...]:
    """A list or tuple as a tuple; otherwise a ValueError that names it."""
    if not isinstance(value, list | tuple | np.ndarray):
        raise ValueError(f"{name} is {value!r}; expected a tuple")
    return tuple(value.tolist() if isinstance(value, np.ndarray) else value)
