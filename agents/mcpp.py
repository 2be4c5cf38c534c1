"""MCPP: Monte-Carlo portfolio planning for workflows with a budget and a deadline (Wang et al., arXiv:2605.06110)."""

from __future__ import annotations

import itertools
import math
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..baselines.policy import Information, Policy, PolicyState
from ..baselines.workflow.policies import (
    PORTFOLIO,
    PortfolioParameters,
    act_by_rule,
    is_possible,
    portfolio_parameters,
    workflow_problem,
)
from ..envs.core import jit
from ..envs.core.batch import Batch
from ..envs.core.loops import OK, compile_rollout
from ..envs.core.problem import Problem, positive_integer
from ..envs.workflow.kernels import (
    cut_to_budget,
    hopeless,
    is_ready,
    read_attempts,
    read_done,
    read_initial,
    read_rounds,
    read_share,
)

CHUNK = 16
"""Candidates whose futures are played in one batch."""

_FIRST = 3
"""In a fork's memory the rule and its scratch come first; then whether the candidate was played, and the candidate."""


class Situation(NamedTuple):
    """What an observation says of the present."""

    done: int
    attempts: NDArray[np.int64]
    initial: NDArray[np.float64]
    """(2,) dollars and seconds at the start."""
    remaining: NDArray[np.float64]
    """(2,) dollars and seconds left."""
    rounds: int


@jit
def act_candidate_first(p, observation, memory, action):
    """The candidate in the first round, then the fork's rule of the portfolio."""
    if memory[_FIRST] == 0.0:
        memory[_FIRST] = 1.0
        for v in range(action.shape[0]):
            action[v] = np.int64(memory[_FIRST + 1 + v])
    else:
        act_by_rule(p, observation, memory, action)


class Mcpp(Policy):
    """Monte-Carlo portfolio planning.

    Before every round, candidates are tried out in forks of the present: the candidate is played, then one rule of a
    portfolio of simple policies to the end. A candidate's score is the largest completion probability that any of the rules
    reaches after it, estimated from `rollouts` futures each. The best candidate is executed, its outcome observed, and
    everything planned anew. The futures are the same for all candidates and rules, so that luck does not choose.

    With few combinations of launches, all of them are candidates. Otherwise what the rules themselves would do is tried
    first, and the best of that improved in one ready subtask after the other. Either way every rule's own round is among the
    candidates, which makes the plan at least as good as the best rule, but for the error of the estimates.

    Args:
        problem: the workflow.
        rollouts: futures per candidate and rule.
        candidates: try all combinations of launches if there are no more than so many.
        portfolio: names of the rules to continue with, with `+` between them; by default all of `PORTFOLIO`.
        seed: of the futures. The same observation gets the same decision.
    """

    information: ClassVar[Information] = "model"

    def __init__(
        self,
        problem: Problem,
        rollouts: int = 200,
        candidates: int = 64,
        portfolio: str = "+".join(PORTFOLIO),
        seed: int = 0,
    ) -> None:
        self.problem = problem = workflow_problem(problem, "mcpp")
        self.rollouts = positive_integer("rollouts", rollouts)
        self.candidates = positive_integer("candidates", candidates)
        self.rules = _rules(portfolio)
        self.set_random_seed(seed)
        self.parameters: PortfolioParameters = portfolio_parameters(problem)
        self._launches = problem.action_space.nvec[0]  # type: ignore[attr-defined]
        self._rollout = compile_rollout(problem.kernels, act_candidate_first)
        self._forks = Batch(problem, CHUNK * len(self.rules) * self.rollouts)
        self._observation = self._forks.observe()
        self._action = np.zeros((self._forks.n, len(problem.workflow.subtasks)), np.int64)
        self._memory = np.zeros((self._forks.n, _FIRST + 1 + len(problem.workflow.subtasks)))

    def set_random_seed(self, seed: int | None = None) -> None:
        """Choose other futures."""
        seed = 0 if seed is None else seed
        if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
            raise ValueError(f"seed is {seed!r}; expected an integer >= 0")
        self._seed = int(seed)

    def predict(
        self,
        observation: Any,
        state: PolicyState | None = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[Any], PolicyState | None]:
        """Decide; see `Policy.predict`. `deterministic` makes no difference."""
        rows = np.ascontiguousarray(np.atleast_2d(np.asarray(observation, float)))
        expected = len(self.problem.observation_names)
        if rows.ndim != 2 or rows.shape[1] != expected:
            raise ValueError(f"observation has shape {np.shape(observation)}; expected ({expected},) or (n, {expected})")
        actions = np.stack([self.plan(row) for row in rows])
        return (actions[0] if np.ndim(observation) == 1 else actions), state

    def plan(self, observation: NDArray[np.float64]) -> NDArray[np.int64]:
        """The best candidate for one observation (d,), as an action (V,)."""
        situation = self._read(observation)
        options = self._options(situation)
        nothing = np.zeros(len(options), np.int64)
        if all(len(entries) == 1 for entries in options):
            return nothing
        entropy = [self._seed, *observation.view(np.uint32).tolist()]
        futures = np.random.SeedSequence(entropy).generate_state(self.rollouts, np.uint64)
        proposed = self._proposals(observation)
        if math.prod(map(len, options)) <= self.candidates:
            everything = np.array(list(itertools.product(*options)), np.int64)
            tried = self._distinct(np.concatenate([proposed, everything]), situation)
            return tried[np.argmax(self.scores(situation, tried, futures))]
        tried = self._distinct(proposed, situation)
        scores = self.scores(situation, tried, futures)
        best, score = tried[np.argmax(scores)], scores.max()
        for v, entries in enumerate(options):
            if len(entries) == 1:
                continue
            varied = np.tile(best, (len(entries), 1))
            varied[:, v] = entries
            varied = self._distinct(varied, situation)
            scores = self.scores(situation, varied, futures)
            if scores.max() > score:
                best, score = varied[np.argmax(scores)], scores.max()
        return best

    def scores(
        self, situation: Situation, candidates: NDArray[np.int64], futures: NDArray[np.uint64]
    ) -> NDArray[np.float64]:
        """The estimated completion probability after each candidate (c, V) with the best rule of the portfolio, (c,)."""
        scores = [self._try(situation, candidates[k : k + CHUNK], futures) for k in range(0, len(candidates), CHUNK)]
        return np.concatenate(scores).max(axis=1)

    def _try(self, situation: Situation, candidates: NDArray[np.int64], futures: NDArray[np.uint64]) -> NDArray[np.float64]:
        """(c, rules) completion probabilities, from one batch of forks: candidates x rules x futures."""
        forks, V = self._forks, candidates.shape[1]
        per_rule = len(futures)
        per_candidate = len(self.rules) * per_rule
        used = len(candidates) * per_candidate
        state = forks.state
        state.finished[:] = np.arange(forks.n) >= used
        state.t[:] = situation.rounds
        state.initial[:] = situation.initial
        state.remaining[:] = situation.remaining
        state.done[:] = situation.done
        state.attempts[:] = situation.attempts
        forks.resample(np.resize(futures, forks.n))
        self._memory[:, 0] = np.tile(np.repeat(self.rules, per_rule), CHUNK)
        self._memory[:, _FIRST] = 0.0
        self._memory[:used, _FIRST + 1 : _FIRST + 1 + V] = np.repeat(candidates, per_candidate, axis=0)
        returns = np.zeros(forks.n)
        fault = self._rollout(
            forks.params,
            forks.rules,
            state,
            self.parameters,
            self._memory,
            self._observation,
            self._action,
            np.iinfo(np.int64).max,
            returns,
        )
        if fault != OK:
            forks.refuse(fault, self._action)
        return returns[:used].reshape(len(candidates), len(self.rules), per_rule).mean(axis=2)

    def _read(self, observation: NDArray[np.float64]) -> Situation:
        reading = self.parameters.reading
        initial = np.zeros(2)
        read_initial(reading, observation, initial)
        share = np.array([read_share(reading, observation, k) for k in range(2)])
        attempts = np.array([read_attempts(reading, observation, v) for v in range(reading.subtasks)], np.int64)
        return Situation(read_done(reading, observation), attempts, initial, initial * share, read_rounds(reading, observation))

    def _options(self, situation: Situation) -> list[list[int]]:
        """For every subtask the entries that make sense: 0, and if it is ready, each launch that is affordable by itself."""
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


def _rules(portfolio: str) -> NDArray[np.int64]:
    """The numbers of the rules that are named."""
    names = [name.strip() for name in str(portfolio).split("+")]
    for name in names:
        if name not in PORTFOLIO:
            raise ValueError(f"portfolio names {name!r}; expected some of {'+'.join(PORTFOLIO)}")
    return np.array([PORTFOLIO.index(name) for name in dict.fromkeys(names)], np.int64)
