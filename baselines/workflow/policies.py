"""Simple policies for workflows: the portfolio that MCPP continues with, and baselines in their own right.

Each is a rule that ranks the launches (model and samples) of a subtask; every ready subtask gets the first of its ranking
that can still be afforded. They differ in what they rank by, and all are one kernel, so that a single batch of forks can
play all of them side by side.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...envs.core import jit, rng
from ...envs.core.checks import natural
from ...envs.core.problem import Problem
from ...envs.workflow.law import affordable_samples, is_ready, launched_model, launched_samples
from ...envs.workflow.problem import WorkflowRouting
from ...envs.workflow.reading import Reading, read_done, read_initial, read_share
from ...envs.workflow.state import Params
from ..core.policy import Information, KernelPolicy, Policy

PORTFOLIO = ("cheapest", "strongest", "fastest", "per_dollar", "per_second", "hedged", "paced", "timed")
"""The rules, by number."""

PER_DOLLAR, PER_SECOND = PORTFOLIO.index("per_dollar"), PORTFOLIO.index("per_second")
PACED, TIMED = PORTFOLIO.index("paced"), PORTFOLIO.index("timed")


class PortfolioParameters(NamedTuple):
    """What the kernel reads. P rules, V subtasks, A = M * N launches, numbered by their action entries 1 .. A."""

    reading: Reading
    params: Params
    order: NDArray[np.int64]
    """(P, V, A) entries, best first."""
    dollars: NDArray[np.float64]
    """(V, A + 1) expected dollars until the subtask is completed, repeating the launch; infinite for no hope."""
    seconds: NDArray[np.float64]
    """(V, A + 1) expected seconds, likewise."""
    dollars_needed: NDArray[np.float64]
    """(V,) the least dollars that the subtask is expected to take."""
    seconds_part: NDArray[np.float64]
    """(V,) its part of the least seconds that it and the longest path after it are expected to take."""


@jit
def is_possible(params, v, entry, dollars, seconds, initial):
    """Whether a launch may succeed, and all its samples are affordable."""
    m, asked = launched_model(params, entry), launched_samples(params, entry)
    return params.success[v, m] > 0.0 and affordable_samples(params, v, m, asked, dollars, seconds, initial) == asked


@jit
def choose_launch(p, rule, v, done, money, dollars, seconds, initial):
    """The entry for ready subtask v: the first of the rule's ranking that is affordable, or 0.

    money: dollars left for all subtasks that are not done. dollars: of them, what this round has not reserved yet.
    """
    if rule == PACED:
        needed = 0.0
        for u in range(p.reading.subtasks):
            if (done >> u) & 1 == 0:
                needed += p.dollars_needed[u]
        allowance = money * (p.dollars_needed[v] / needed) if needed > 0.0 and money < np.inf else money
        for entry in p.order[rule, v]:  # by expected seconds
            if p.dollars[v, entry] <= allowance and is_possible(p.params, v, entry, dollars, seconds, initial):
                return entry
        rule = PER_DOLLAR  # nothing is within the allowance
    elif rule == TIMED:
        allowance = seconds * p.seconds_part[v]
        for entry in p.order[rule, v]:  # by expected dollars
            if p.seconds[v, entry] <= allowance and is_possible(p.params, v, entry, dollars, seconds, initial):
                return entry
        rule = PER_SECOND
    for entry in p.order[rule, v]:
        if is_possible(p.params, v, entry, dollars, seconds, initial):
            return entry
    return 0


@jit
def act_by_rule(p, observation, memory, action):
    """Launch every ready subtask by the rule whose number is memory[0]. memory[1:3] is scratch."""
    initial = memory[1:3]
    read_initial(p.reading, observation, initial)
    done = read_done(p.reading, observation)
    money = initial[0] * read_share(p.reading, observation, 0)
    seconds = initial[1] * read_share(p.reading, observation, 1)
    rule = np.int64(memory[0])
    dollars = money
    for v in range(p.reading.subtasks):
        action[v] = 0
        if is_ready(p.params, done, v):
            entry = choose_launch(p, rule, v, done, money, dollars, seconds, initial)
            action[v] = entry
            if entry > 0:
                m = launched_model(p.params, entry)
                dollars -= launched_samples(p.params, entry) * p.params.dollars[v, m, p.params.atoms[v, m] - 1]


class WorkflowPolicy(Policy[WorkflowRouting]):
    """What agents for workflows share."""

    serves = WorkflowRouting
    needs_budget = True


def check_workflow(mine: Problem, problem: Problem) -> None:
    """Check that two problems have the same workflow: numbers of another would mean other things.

    Raises:
        ValueError: they do not.
    """
    if getattr(mine, "workflow", None) != getattr(problem, "workflow", None):
        raise ValueError(
            f"the agent was made for {mine.instance}, not {problem.instance}; make the agent for this environment"
        )


class LaunchTable(NamedTuple):
    """Every launch of every subtask, (V, M, N) each: n = 1 .. N samples of model m."""

    success: NDArray[np.float64]
    """Probability that one of the samples passes."""
    dollars: NDArray[np.float64]
    """Expected, of all samples."""
    seconds: NDArray[np.float64]
    """Expected, of the longest sample."""


def launch_table(problem: WorkflowRouting) -> LaunchTable:
    """What the launches of a problem can be expected to do: 1 - (1 - p)^n, n E[cost], E[max of n durations]."""
    params = problem.params
    V, M = params.success.shape
    n = np.arange(1, params.samples + 1)
    success = 1.0 - (1.0 - params.success[:, :, None]) ** n
    dollars, seconds = np.zeros((V, M, len(n))), np.zeros((V, M, len(n)))
    for v in range(V):
        for m in range(M):
            K = params.atoms[v, m]
            dollars[v, m] = n * params.dollars[v, m, :K].mean()
            at_most = np.arange(K + 1)[:, None] / K  # P(a length is among the shortest 0 .. K)
            seconds[v, m] = params.seconds[v, m, :K] @ np.diff(at_most**n, axis=0)
    return LaunchTable(success, dollars, seconds)


def portfolio_parameters(problem: WorkflowRouting) -> PortfolioParameters:
    """The rankings of all rules.

    * cheapest, strongest, fastest: one sample, by least expected dollars, highest probability, least expected seconds
    * per_dollar: one sample, by success per dollar; more samples at once are never better by that measure
    * per_second: success per second over all launches: samples side by side take little more time than one
    * hedged: as many samples at once as can be, by success per dollar
    * paced: the launch with the least expected seconds until success, of those that are expected to cost no more until
      success than the subtask's part of the dollars left, which are parted as `per_dollar` would spend them; else `per_dollar`
    * timed: the launch with the least expected dollars until success, of those that are expected to take no longer until
      success than the subtask's part of the seconds left, which are parted along the longest path as `per_second` would
      spend them; else `per_second`
    """
    table = launch_table(problem)
    dollars_until, seconds_until = (
        # Without hope also what costs nothing.
        np.divide(amounts, table.success, out=np.full(amounts.shape, np.inf), where=table.success > 0.0)
        for amounts in (table.dollars, table.seconds)
    )
    N = problem.params.samples
    one = np.where(np.arange(N) == 0, 0.0, np.inf)  # a single sample
    many = np.arange(N, 0, -1.0)  # as many as can be: fewer only if none of the others is affordable
    never = np.where(table.success > 0.0, 0.0, np.inf)
    keys = {
        "cheapest": (table.dollars, one + never),
        "strongest": (table.dollars, -table.success, one + never),
        "fastest": (table.dollars, table.seconds, one + never),
        "per_dollar": (table.seconds, dollars_until, one),
        "per_second": (table.dollars, seconds_until),
        "hedged": (np.broadcast_to(dollars_until[:, :, :1], table.dollars.shape), np.broadcast_to(many, table.dollars.shape)),
        "paced": (table.dollars, seconds_until),
        "timed": (table.seconds, dollars_until),
    }
    order = np.stack([_ranking(keys[rule]) for rule in PORTFOLIO])
    dollars, seconds = (until.reshape(len(until), -1) for until in (dollars_until, seconds_until))
    nothing = np.full((len(dollars), 1), np.inf)
    least = seconds.min(axis=1)
    return PortfolioParameters(
        problem.reading,
        problem.params,
        order,
        np.concatenate([nothing, dollars], axis=1),
        np.concatenate([nothing, seconds], axis=1),
        dollars.min(axis=1),
        least / problem.workflow.longest_path(least),
    )


def _ranking(keys: tuple[NDArray[np.float64], ...]) -> NDArray[np.int64]:
    """(V, A) entries by ascending keys (V, M, N), the last key first, as in `np.lexsort`.

    Nearly equal keys count as equal: ties are real (n samples cost n times as much), and must not be broken by rounding.
    """
    rounded = [np.array([float(f"{x:.9g}") for x in np.broadcast_to(key, keys[0].shape).ravel()]) for key in keys]
    rows = [key.reshape(keys[0].shape[0], -1) for key in rounded]
    return np.stack([np.lexsort([row[v] for row in rows]) for v in range(keys[0].shape[0])]) + 1


class PortfolioPolicy(WorkflowPolicy, KernelPolicy):
    """One rule of the portfolio, throughout.

    Args:
        problem: the workflow.
    """

    information: ClassVar[Information] = "model"

    def __init__(self, problem: Problem) -> None:
        problem = self.served(problem)
        memory = np.array([PORTFOLIO.index(self.name), 0.0, 0.0])
        super().__init__(problem, act_by_rule, portfolio_parameters(problem), memory)

    def check_problem(self, problem: Problem) -> None:
        """Also: it must be the same workflow."""
        super().check_problem(problem)
        check_workflow(self.problem, problem)


class Cheapest(PortfolioPolicy):
    """One sample of the model with the least dollars per sample."""

    name = "cheapest"


class Strongest(PortfolioPolicy):
    """One sample of the model that passes most often."""

    name = "strongest"


class Fastest(PortfolioPolicy):
    """One sample of the model with the least seconds per sample."""

    name = "fastest"


class PerDollar(PortfolioPolicy):
    """One sample of the model with the best success per dollar."""

    name = "per_dollar"


class PerSecond(PortfolioPolicy):
    """The model and number of samples with the best success per second."""

    name = "per_second"


class Hedged(PortfolioPolicy):
    """As many samples at once as a launch may have, of the model with the best success per dollar."""

    name = "hedged"


class Paced(PortfolioPolicy):
    """The fastest launch whose expected cost stays within the subtask's part of the dollars left."""

    name = "paced"


class Timed(PortfolioPolicy):
    """The cheapest launch whose expected duration stays within the subtask's part of the seconds left."""

    name = "timed"


class RandomParameters(NamedTuple):
    """What the random policy reads: scales, key of its random numbers, and the number of launches of a subtask."""

    reading: Reading
    key: np.uint64
    launches: int


@jit
def act_at_random(p, observation, memory, action):
    """A uniform launch for every subtask: a hash of the key, the round, the subtask, and the time left."""
    memory[0] += 1.0
    left = np.uint64(read_share(p.reading, observation, 1) * 2.0**52)
    for v in range(p.reading.subtasks):
        bits = rng.mix(rng.mix(p.key + np.uint64(memory[0]) * np.uint64(64) + np.uint64(v)) + left)
        action[v] = 1 + np.int64(rng.unit(bits) * p.launches)


class RandomLaunch(WorkflowPolicy, KernelPolicy):
    """A uniform model and number of samples for every ready subtask.

    Args:
        problem: the workflow.
        seed: of its choices.
    """

    name = "random"

    def __init__(self, problem: Problem, seed: int = 0) -> None:
        problem = self.served(problem)
        self._launches = problem.params.success.shape[1] * problem.params.samples
        super().__init__(
            problem,
            act_at_random,
            RandomParameters(problem.reading, np.uint64(natural("seed", seed)), self._launches),
            np.zeros(1),
        )

    def set_random_seed(self, seed: int | None = None) -> None:
        """Choose another stream of launches."""
        self.parameters = RandomParameters(
            self.parameters.reading, np.uint64(natural("seed", 0 if seed is None else seed)), self._launches
        )
