"""MCPP: Monte-Carlo portfolio planning for workflows with a budget and a deadline (Wang et al., arXiv:2605.06110)."""

from __future__ import annotations

import hashlib
import itertools
import math
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ...baselines.core.policy import Information, PolicyState, observation_rows
from ...baselines.workflow.policies import (
    PACED,
    PORTFOLIO,
    TIMED,
    PortfolioParameters,
    WorkflowPolicy,
    act_by_rule,
    check_workflow,
    is_possible,
    portfolio_parameters,
)
from ...envs.core import jit
from ...envs.core.batch import Batch
from ...envs.core.checks import natural, non_negative, positive_integer
from ...envs.core.loops import OK, compile_rollout
from ...envs.core.problem import Problem
from ...envs.workflow.law import cut_to_budget, hopeless, is_ready
from ...envs.workflow.reading import Situation, read_situation

FORKS = 16_384
"""Futures that are played in one batch."""

MOST_PLANS = 100_000
"""Decisions that are kept."""

FIRST_FUTURES = 100
"""Every candidate is tried with every rule in this many futures; then the race begins."""

_FIRST = 3
"""In a fork's memory the rule and its scratch come first; then whether the candidate was played, and the candidate."""


@jit
def act_candidate_first(p, observation, memory, action):
    """The candidate in the first round, then the fork's rule of the portfolio."""
    if memory[_FIRST] == 0.0:
        memory[_FIRST] = 1.0
        for v in range(action.shape[0]):
            action[v] = np.int64(memory[_FIRST + 1 + v])
    else:
        act_by_rule(p, observation, memory, action)


class Mcpp(WorkflowPolicy):
    """Monte-Carlo portfolio planning.

    Before every round, candidates are tried out in forks of the present: the candidate is played, then one rule of a
    portfolio of simple policies to the end. A candidate's score is the largest completion probability that any of the rules
    reaches after it, estimated from simulated futures. The best candidate is executed, its outcome observed, and everything
    planned anew.

    The futures are the same for all candidates and rules, so that noise does not decide. After the first of them, those pairs
    of candidate and rule drop out that are behind the best by more than `patience` standard errors of the difference; the
    others meet twice as many, and so on up to `rollouts`. A candidate that no rule proposes must be ahead of the best that
    one does by `caution` standard errors: of a hundred equals one always seems better.

    With few combinations of launches, all of them are candidates. Otherwise what the rules themselves would do is tried
    first, and the best of that improved in one ready subtask after the other. Either way every rule's own round is among the
    candidates, which makes the plan at least as good as the best rule, but for the error of the estimates.

    Args:
        problem: the workflow.
        rollouts: futures of the candidates that stay to the end, at least 100.
        candidates: try all combinations of launches if there are no more than this.
        patience, caution: see above, >= 0.
        portfolio: names of the rules to continue with, with `+` between them; by default all of `PORTFOLIO`.
        seed: of the futures. The same situation gets the same decision, which is kept for the next time.
    """

    name = "mcpp"
    needs_law = True
    information: ClassVar[Information] = "model"

    def __init__(
        self,
        problem: Problem,
        rollouts: int = 2000,
        candidates: int = 128,
        patience: float = 2.0,
        caution: float = 1.0,
        portfolio: str = "+".join(PORTFOLIO),
        seed: int = 0,
    ) -> None:
        self.problem = problem = self.served(problem)
        self.rollouts = positive_integer("rollouts", rollouts)
        if self.rollouts < FIRST_FUTURES:
            raise ValueError(f"rollouts is {rollouts}; expected at least {FIRST_FUTURES}")
        self.candidates = positive_integer("candidates", candidates)
        self.patience, self.caution = non_negative("patience", patience), non_negative("caution", caution)
        self.rules = _rules(portfolio)
        self.set_random_seed(seed)
        self.parameters: PortfolioParameters = portfolio_parameters(problem)
        self._launches = problem.action_space.nvec[0]  # type: ignore[attr-defined]
        self._rollout = compile_rollout(problem.kernels, act_candidate_first)
        self._forks = Batch(problem, max(FORKS, self.rollouts))
        V = len(problem.workflow.subtasks)
        self._observation = self._forks.observe()
        self._action = np.zeros((self._forks.n, V), np.int64)
        self._memory = np.zeros((self._forks.n, _FIRST + 1 + V))

    def set_random_seed(self, seed: int | None = None) -> None:
        """Choose other futures."""
        self._seed = natural("seed", 0 if seed is None else seed)
        self._plans: dict[tuple[Any, ...], NDArray[np.int64]] = {}

    def check_problem(self, problem: Problem) -> None:
        """Also: it must be the same workflow."""
        super().check_problem(problem)
        check_workflow(self.problem, problem)

    def predict(
        self,
        observation: Any,
        state: PolicyState | None = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[Any], PolicyState | None]:
        """Decide; see `Policy.predict`. `deterministic` makes no difference."""
        rows = observation_rows(self.problem, observation)
        actions = np.stack([self.plan(row) for row in rows])
        return (actions[0] if np.ndim(observation) == 1 else actions), state

    def plan(self, observation: NDArray[np.float64]) -> NDArray[np.int64]:
        """The best candidate for one observation (d,), as an action (V,)."""
        situation = read_situation(self.parameters.reading, observation)
        # How often a subtask was tried says nothing of what is to come.
        key = (situation.done, *(f"{amount:.12g}" for amount in (*situation.initial, *situation.remaining)))
        if key not in self._plans:
            if len(self._plans) >= MOST_PLANS:
                self._plans.clear()
            digest = hashlib.sha256(repr((self._seed, *key)).encode()).digest()
            futures = np.random.SeedSequence(list(digest)).generate_state(self.rollouts, np.uint64).astype(np.uint64)
            self._plans[key] = self._plan(situation, observation, futures)
        return self._plans[key]

    def _plan(self, situation: Situation, observation: NDArray[np.float64], futures: NDArray[np.uint64]) -> NDArray[np.int64]:
        """The best candidate in a situation."""
        options = self._options(situation)
        if all(len(entries) == 1 for entries in options):
            return np.zeros(len(options), np.int64)
        proposed = self._distinct(self._proposals(observation), situation)
        if math.prod(map(len, options)) <= self.candidates:
            everything = np.array(list(itertools.product(*options)), np.int64)
            return self._best(situation, proposed, everything, futures)
        best = self._best(situation, proposed, proposed, futures)
        for v, entries in enumerate(options):
            if len(entries) > 1:
                varied = np.tile(best, (len(entries), 1))
                varied[:, v] = entries
                best = self._best(situation, best[None], varied, futures)
        return best

    def _best(
        self,
        situation: Situation,
        proposed: NDArray[np.int64],
        others: NDArray[np.int64],
        futures: NDArray[np.uint64],
    ) -> NDArray[np.int64]:
        """The winner among what was proposed (p, V) and others (o, V)."""
        candidates = self._distinct(np.concatenate([proposed, others]), situation)
        if len(candidates) == 1:
            return candidates[0]
        pair, completed = self._race(situation, candidates, futures)
        mean = completed.mean(axis=1)
        winner, incumbents = np.argmax(mean), np.flatnonzero(pair[:, 0] < len(proposed))
        if len(incumbents):
            incumbent = incumbents[np.argmax(mean[incumbents])]
            ahead = completed[winner] - completed[incumbent]
            if ahead.mean() <= self.caution * _standard_error(ahead):
                winner = incumbent
        return candidates[pair[winner, 0]]

    def _race(
        self, situation: Situation, candidates: NDArray[np.int64], futures: NDArray[np.uint64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The pairs (candidate, rule) that are not clearly worse than the best, (k, 2), and whether each completed, (k, f).

        Ends when one candidate is left, or with the futures.
        """
        rules = self._different_rules(situation.done)
        pair = np.stack(np.meshgrid(np.arange(len(candidates)), rules, indexing="ij"), axis=-1).reshape(-1, 2)
        completed = np.zeros((len(pair), 0))
        while completed.shape[1] < len(futures) and (pair[:, 0] != pair[0, 0]).any():
            seen = completed.shape[1]
            more = futures[seen : max(2 * seen, FIRST_FUTURES)]
            completed = np.concatenate([completed, self._try(situation, candidates, pair, more)], axis=1)
            behind = completed[np.argmax(completed.mean(axis=1))] - completed
            stays = behind.mean(axis=1) <= max(self.patience, self.caution) * _standard_error(behind)
            pair, completed = pair[stays], completed[stays]
        return pair, completed

    def _different_rules(self, done: int) -> NDArray[np.int64]:
        """The rules of the portfolio, without those that rank the remaining launches as an earlier one does."""
        remaining = [v for v in range(self.parameters.reading.subtasks) if not done >> v & 1]
        rankings = {}
        for rule in self.rules.tolist():
            adaptive = rule if rule in (PACED, TIMED) else None  # more than its ranking
            rankings.setdefault((adaptive, self.parameters.order[rule, remaining].tobytes()), rule)
        return np.array(list(rankings.values()), np.int64)

    def _try(
        self, situation: Situation, candidates: NDArray[np.int64], pair: NDArray[np.int64], futures: NDArray[np.uint64]
    ) -> NDArray[np.float64]:
        """Whether each pair (k, 2) of candidate and rule completed in each future, (k, f)."""
        together = max(1, self._forks.n // len(futures))
        parts = [self._play(situation, candidates, pair[k : k + together], futures) for k in range(0, len(pair), together)]
        return np.concatenate(parts)

    def _play(
        self, situation: Situation, candidates: NDArray[np.int64], pair: NDArray[np.int64], futures: NDArray[np.uint64]
    ) -> NDArray[np.float64]:
        """As `_try`, from one batch of forks."""
        forks, state = self._forks, self._forks.state
        each = len(futures)
        used = len(pair) * each
        state.finished[:] = np.arange(forks.n) >= used
        state.t[:used] = situation.rounds
        state.initial[:used] = situation.initial
        state.remaining[:used] = situation.remaining
        state.done[:used] = situation.done
        state.attempts[:used] = situation.attempts
        forks.resample(np.resize(futures, forks.n))
        self._memory[:used, 0] = np.repeat(pair[:, 1], each)
        self._memory[:used, _FIRST] = 0.0
        self._memory[:used, _FIRST + 1 :] = np.repeat(candidates[pair[:, 0]], each, axis=0)
        returns = np.zeros(forks.n)
        world = (forks.params, forks.rules, state, self.parameters, self._memory, self._observation, self._action)
        fault = self._rollout(*world, np.iinfo(np.int64).max, returns)
        if fault != OK:
            forks.refuse(fault, self._action)
        return returns[:used].reshape(len(pair), each)

    def _options(self, situation: Situation) -> list[list[int]]:
        """For every subtask the entries that make sense: 0, and if it is ready, each launch that is affordable alone."""
        params = self.problem.params
        done, initial, (dollars, seconds) = situation.done, situation.initial, situation.remaining
        options = [[0] for _ in range(len(params.before))]
        if hopeless(params, done, dollars, seconds, initial):
            return options
        for v, entries in enumerate(options):
            if is_ready(params, done, v):
                launches = range(1, self._launches)
                entries += [entry for entry in launches if is_possible(params, v, entry, dollars, seconds, initial)]
        return options

    def _proposals(self, observation: NDArray[np.float64]) -> NDArray[np.int64]:
        """What each rule would do, (rules, V)."""
        actions = np.zeros((len(self.rules), self._action.shape[1]), np.int64)
        for rule, action in zip(self.rules, actions, strict=True):
            act_by_rule(self.parameters, observation, np.array([float(rule), 0.0, 0.0]), action)
        return actions

    def _distinct(self, candidates: NDArray[np.int64], situation: Situation) -> NDArray[np.int64]:
        """Candidates as they would be executed, each once, in their order; none that does nothing."""
        cut = candidates.copy()
        remaining = np.tile(situation.remaining, (len(cut), 1))
        cut_to_budget(self.problem.params, situation.done, remaining, situation.initial, cut)
        cut = cut[cut.any(axis=1)]
        first = np.unique(cut, axis=0, return_index=True)[1]
        return cut[np.sort(first)]


def _standard_error(differences: NDArray[np.float64]) -> Any:
    """Of their mean over the last axis."""
    return differences.std(axis=-1) / differences.shape[-1] ** 0.5


def _rules(portfolio: str) -> NDArray[np.int64]:
    """The numbers of the rules that are named."""
    names = [name.strip() for name in str(portfolio).split("+")]
    for name in names:
        if name not in PORTFOLIO:
            raise ValueError(f"portfolio names {name!r}; expected some of {'+'.join(PORTFOLIO)}")
    return np.array([PORTFOLIO.index(name) for name in dict.fromkeys(names)], np.int64)
