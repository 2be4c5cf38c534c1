"""What the kernels of agentic routing read and change."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...core import Bits, Bools, CoreState, Floats, Ints, Shape, state
from .profile import Laws


class Scales(NamedTuple):
    """Reciprocals of what observations are measured in: dividing takes the processor longer."""

    subgoal: float
    """1 / the largest number of subgoals."""
    error: float
    tier: float
    token: float
    """1 / the largest prompt."""
    step: float
    task: float
    price: float
    """1 / the most expensive call."""


class Params(NamedTuple):
    """What the kernels read. N models, D difficulties, S numbers of subgoals, R tiers."""

    tasks: int
    """Per episode."""
    T: int
    """Steps per task."""
    in_dollars: bool
    """The budget is dollars, not calls of large models."""
    calls: NDArray[np.float64]
    """(N,) what a call takes from a budget of calls."""
    stop: bool
    """There is an action to stop the task."""
    verify: bool
    """There are actions to ask each model for a verdict."""
    exhaustion: int
    reward: int
    cost_weight: float
    success_value: float
    failure_price: float
    hard_bonus: float
    bankruptcy_penalty: float
    shaping: float
    window: int
    boundary_roots: NDArray[np.float64]
    """(2,) square roots of the boundary policies' mean costs, in the budget's unit."""
    budget_aware: bool
    laws: Laws
    estimate_spread: float
    """Standard deviation of a difficulty estimate over all tasks; a task's estimate is shown in units of it."""
    estimate_noise: float
    """Standard deviation of the estimate's error, in logits."""
    criticality_accuracy: float
    wrong_signals: float
    """Number of other tiers per probability of a wrong signal."""
    difficulty: NDArray[np.float64]
    """(D,) in logits."""
    labels: NDArray[np.float64]
    """(D, S, 3) probabilities of a task's label."""
    boundary_cost: NDArray[np.float64]
    """(2, D, S) expected cost of the cheaper and the more expensive boundary policy on such a task, in the budget's unit."""
    prices: NDArray[np.float64]
    """(N, 3) dollars per token: read, write, output."""
    tokens: NDArray[np.float64]
    """(N, TOKEN_LEVELS) equally likely output lengths."""
    mean_tokens: NDArray[np.float64]
    """(N,)"""
    verdict_tokens: float
    seconds: NDArray[np.float64]
    """(N,) of a call."""
    cache_seconds: float
    first_prompt: float
    observation_tokens: float
    per: Scales


@state
class State(CoreState):
    """One entry per episode: the fields of the core, then the task's and the episode's."""

    key: Bits
    """What the episode's tasks are drawn from."""
    task: Ints
    """Number of the task, from 0."""
    # the task
    difficulty: Ints
    """Class of difficulty; hidden."""
    kind: Ints
    """Index of its number of subgoals."""
    difficulty_class: Ints
    """Label: easy, hard, intractable; hidden."""
    estimate: Floats
    """Noisy difficulty, in units of its spread."""
    step: Ints
    """Steps taken in this task."""
    progress: Ints
    """Subgoals reached, as it seems."""
    errors: Ints
    """That weigh on the agent."""
    corrupted: Ints
    """Hidden."""
    required: Ints
    """Tier that the present subgoal requires; hidden."""
    signal: Ints
    """Noisy reading of it."""
    first_signal: Ints
    """The signal at the task's first subgoal."""
    rolled_back: Bools
    """The latest step undid a subgoal."""
    history: Annotated[NDArray[np.int16], Shape("steps")]
    """(n, T) what the router saw of this task, packed."""
    belief: Annotated[Floats, Shape("difficulties", "readings")]
    """(n, D, 2 + R) room for the posterior, which `resample` works out from the history."""
    task_cost: Floats
    """Spent on this task, in the budget's unit."""
    task_dollars: Floats
    # the prompt and its caches
    prompt: Floats
    """Tokens of the next prompt."""
    last_model: Ints
    """-1 before the first call."""
    remembered: Annotated[Floats, Shape("models")]
    """(n, N) tokens in each model's cache."""
    used_at: Annotated[Floats, Shape("models")]
    """(n, N) seconds."""
    clock: Floats
    """Seconds."""
    # the window of the windowed reward: it runs on from episode to episode
    costs: Annotated[Floats, Shape("window")]
    """(n, window) root costs in order of arrival."""
    ranked: Annotated[Floats, Shape("window")]
    """(n, window) the same, sorted."""
    seen: Ints
    """Costs since the lane was seeded."""
    # counted over the episode
    success: Ints
    """Tasks solved."""
    large_calls: Floats
    dollars: Floats
    wasted: Floats
    """Dollars spent on intractable tasks."""
    bankrupt: Bools
    trap_at_1: Ints
    """Tasks whose first move failed."""
    recovered: Ints
    """Tasks solved although a move had failed."""
    # of the present task, at the end the last one
    moves: Ints
    """Calls that were not verdicts."""
    first_error_step: Ints
    """Number of the first move that failed, seen or not, from 1; 0: none so far."""
    cost_min: Floats
    """C_min: expected cost of the cheaper boundary policy on this task."""
    cost_max: Floats
    """C_max: of the more expensive one."""
