"""Rollouts of a policy on the native batch: several of every task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from ...baselines.core.policy import KernelPolicy
from ...envs.core.batch import Batch
from ...envs.core.loops import OK, compile_rollout
from ...envs.core.problem import Problem, State
from .policy import GroupPolicy
from .tasks import Visit, begin


class Outcomes(NamedTuple):
    """How R rollouts of the M tasks of a visit ended."""

    task: NDArray[np.int64]
    """(R,) place of the task in the visit."""
    reward: NDArray[np.float64]
    """(R,) sum of the environment's rewards."""
    initial: NDArray[np.float64]
    """(R, resources) budget at the start."""
    spent: NDArray[np.float64]
    """(R, resources)."""
    metrics: dict[str, NDArray[np.float64]]
    """(R,) each: the problem's metrics at the end."""


class Rollouts(NamedTuple):
    """R rollouts, decision by decision; T is the longest one's number of decisions, d the observation's length."""

    observation: NDArray[np.float32]
    """(T, R, d)."""
    action: NDArray[np.int64]
    """(T, R)."""
    log_probability: NDArray[np.float32]
    """(T, R) of the action, when it was chosen."""
    alive: NDArray[np.bool_]
    """(T, R) whether the decision was made: the episode had not ended."""
    outcomes: Outcomes

    def first(self, tasks: int) -> NDArray[np.float64]:
        """The first observation of every task (M, d); NaN for those without rollouts."""
        found = np.full((tasks, self.observation.shape[2]), np.nan)
        found[self.outcomes.task] = self.observation[0]
        return found


class Truncation(Protocol):
    """When rollouts are cut off while learning: they end with what they have."""

    def __call__(self, t: int, observation: NDArray[np.float32], task: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether to end rollouts before decision t (from 0): observation (n, d), task (n,) place in the visit -> (n,)."""
        ...


class Never:
    """Rollouts run until the environment ends them."""

    def __call__(self, t: int, observation: NDArray[np.float32], task: NDArray[np.int64]) -> NDArray[np.bool_]:
        """See `Truncation`."""
        return np.zeros(len(task), np.bool_)


class AfterSteps:
    """Rollouts end after a number of decisions, as with the fixed budgets of Elastic Reasoning (arXiv:2505.05315).

    Args:
        steps: at least 1.
    """

    def __init__(self, steps: int) -> None:
        if steps < 1:
            raise ValueError(f"steps is {steps!r}; expected at least 1")
        self.steps = steps

    def __call__(self, t: int, observation: NDArray[np.float32], task: NDArray[np.int64]) -> NDArray[np.bool_]:
        """See `Truncation`."""
        return np.full(len(task), t >= self.steps)


def keys_of(visit: Visit, task: NDArray[np.int64], shared: bool, random: np.random.Generator) -> NDArray[np.uint64]:
    """The futures' keys of rollouts (R,): the task's own for all of its rollouts if `shared`, else each another."""
    return visit.futures[task] if shared else random.integers(2**64, size=len(task), dtype=np.uint64)


def collect(
    problem: Problem,
    policy: GroupPolicy,
    visit: Visit,
    counts: NDArray[np.int64],
    random: np.random.Generator,
    shared_noise: bool = False,
    truncation: Truncation | None = None,
) -> Rollouts:
    """Play every task of a visit `counts` (M,) times, with actions drawn from the policy.

    Args:
        problem: with Discrete actions.
        policy: what draws them.
        visit: the tasks.
        counts: (M,) rollouts of each, 0 or more.
        random: of actions, and of noise that is not shared.
        shared_noise: all rollouts of a task meet the same random numbers of the environment, so that they differ by their
            actions alone; see `GroupPolicyOptimiser`.
        truncation: by default never.

    Raises:
        ValueError: nothing was decided.
    """
    cut = Never() if truncation is None else truncation
    task = np.repeat(np.arange(len(counts)), counts)
    batch = begin(problem, visit, task, keys_of(visit, task, shared_noise, random))
    R, steps = len(task), []
    memory, actions, reward = policy.start(R), np.zeros(R, np.int64), np.zeros(R)
    rows, going = batch.observe(), np.arange(R)
    while True:
        seen = rows[going].astype(np.float32)
        stays = ~cut(len(steps), seen, task[going])
        going, seen = going[stays], seen[stays]
        if not len(going):
            break
        with torch.no_grad():
            logits, memory[going] = policy.step(torch.as_tensor(seen), memory[going])
            noise = random.standard_exponential(logits.shape, np.float32)  # the largest of logit - log noise is a draw
            chosen = (logits - torch.as_tensor(np.log(np.maximum(noise, 1e-30)))).argmax(dim=1)
            log_probability = torch.log_softmax(logits, dim=1).gather(1, chosen[:, None])[:, 0]
        steps.append((going, seen, chosen.numpy(), log_probability.numpy()))
        actions[going] = chosen.numpy()
        after = batch.step(batch.read_actions(actions))
        rows, reward[going] = after.observation, reward[going] + after.reward[going]
        going = going[~(after.terminated | after.truncated)[going]]
    if not steps:
        raise ValueError("no decision was made: truncation ended every rollout before its first, or there were none")
    return _side_by_side(steps, R, outcomes_of(batch, task, reward))


def _side_by_side(steps: Sequence[tuple[NDArray, NDArray, NDArray, NDArray]], R: int, outcomes: Outcomes) -> Rollouts:
    T, d = len(steps), steps[0][1].shape[1]
    rollouts = Rollouts(
        np.zeros((T, R, d), np.float32),
        np.zeros((T, R), np.int64),
        np.zeros((T, R), np.float32),
        np.zeros((T, R), bool),
        outcomes,
    )
    for t, (going, seen, chosen, log_probability) in enumerate(steps):
        rollouts.observation[t, going], rollouts.action[t, going] = seen, chosen
        rollouts.log_probability[t, going], rollouts.alive[t, going] = log_probability, True
    return rollouts


def play_kernel(
    problem: Problem, agent: KernelPolicy, visit: Visit, task: NDArray[np.int64], keys: NDArray[np.uint64]
) -> Outcomes:
    """Let a compiled policy play rollouts of the tasks (R,) with these futures (R,), without leaving compiled code."""
    batch = begin(problem, visit, task, keys)
    rollout, returns = compile_rollout(problem.kernels, agent.act), np.zeros(len(task))
    memory, rows = agent.initial_memory(len(task)), batch.observe()
    actions = np.zeros((len(task), len(batch.rules.action_low)), batch.action_dtype)
    while not batch.state.finished.all():
        fault = rollout(
            batch.params, batch.rules, batch.state, agent.parameters, memory, rows, actions, problem.horizon, returns
        )
        if fault != OK:
            batch.refuse(fault, actions)
    return outcomes_of(batch, task, returns)


def outcomes_of(batch: Batch, task: NDArray[np.int64], reward: NDArray[np.float64]) -> Outcomes:
    """How the rollouts of a batch ended."""
    state: State = batch.state
    metrics = {metric.name: getattr(state, metric.name).astype(np.float64) for metric in batch.problem.metrics}
    return Outcomes(task, reward, state.initial.copy(), state.spent.copy(), metrics)


def together(parts: Sequence[Rollouts]) -> Rollouts:
    """Rollouts of several rounds as one."""
    if len(parts) == 1:
        return parts[0]
    T = max(len(part.action) for part in parts)

    def padded(array: NDArray) -> NDArray:
        return np.concatenate([array, np.zeros((T - len(array), *array.shape[1:]), array.dtype)])

    arrays = (
        np.concatenate([padded(array) for array in column], axis=1) for column in zip(*(p[:4] for p in parts), strict=True)
    )
    return Rollouts._make([*arrays, outcomes_together([part.outcomes for part in parts])])


def outcomes_together(parts: Sequence[Outcomes]) -> Outcomes:
    """The outcomes of several rounds as one."""
    metrics = {name: np.concatenate([part.metrics[name] for part in parts]) for name in parts[0].metrics}
    columns = zip(*(part[:4] for part in parts), strict=True)
    return Outcomes._make([*(np.concatenate(column) for column in columns), metrics])
