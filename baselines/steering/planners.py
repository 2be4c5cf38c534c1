"""Planners in closed form: from doing nothing to thresholds on the public belief. All are compiled.

With several topics each is steered by the same rule, one after another, from the same effort.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from ...envs.core.checks import natural, probability
from ...envs.core.jit import jit
from ...envs.core.ledger import payment, pays
from ...envs.core.problem import Problem
from ...envs.steering.behaviour import TIE, belief
from ...envs.steering.effort import buy_precision, effort_of
from ...envs.steering.problem import SocialSteering
from ...envs.steering.reading import read_initial, read_left, read_log_odds, read_opinion, read_period
from ..core.policy import Information, KernelPolicy, Policy, PolicyState, observation_rows
from ..core.tuning import MeanReturn
from .model import (
    Model,
    ask,
    choices,
    model_of,
    option,
    options,
    reward,
)

TUNING_EPISODES = 4000
TUNING_SEED = 1_000_003


class SteeringPolicy(Policy[SocialSteering]):
    """Which problems planners take.

    Attributes:
        needs_belief: it reads the public belief, and the effort left, from the observation.
    """

    serves = SocialSteering
    needs_belief: ClassVar[bool] = False

    @classmethod
    def check(cls, problem: Problem) -> None:
        """See `Policy.check`."""
        super().check(problem)
        if cls.needs_belief and cast(SocialSteering, problem).params.history:
            raise ValueError(f'{cls.name} reads the public belief from the observation; expected observation="belief"')


class Steering(SteeringPolicy, KernelPolicy):
    """What these planners share.

    Raises:
        ValueError: another family, or observations without what it reads.
    """

    information: ClassVar[Information] = "model"
    needs_budget = True
    needs_belief = True

    def check_problem(self, problem: Problem) -> None:
        """Agents, costs and objective must be the same; the budget may differ."""
        super().check_problem(problem)
        mine = self.problem
        if isinstance(mine, SocialSteering) and isinstance(problem, SocialSteering) and problem.key != mine.key:
            raise ValueError(f"{type(self).__name__} was made for {mine.instance}; make the agent for this environment")


@jit
def act_null(model, observation, memory, action):
    """The baseline."""
    action[:] = ask(model, model.params.effort.p)


class Null(Steering):
    """Never does anything: all signals have the baseline precision. What shares are measured from."""

    information: ClassVar[Information] = "observation"
    name = "null"
    needs_budget = False
    needs_belief = False

    def __init__(self, problem: Problem) -> None:
        problem = self.served(problem)
        super().__init__(problem, act_null, model_of(problem))


class Random(SteeringPolicy):
    """A random precision, all equally likely."""

    information: ClassVar[Information] = "observation"
    name = "random"

    def __init__(self, problem: Problem, seed: int = 0) -> None:
        self.problem = self.served(problem)
        self._model = model_of(self.problem)
        self.set_random_seed(seed)

    def set_random_seed(self, seed: int | None = None) -> None:
        """Choose another stream of precisions."""
        self._seed = natural("seed", 0 if seed is None else seed)

    def predict(
        self,
        observation: Any,
        state: PolicyState | None = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[Any], PolicyState | None]:
        """Decide; see `Policy.predict`. The state counts the draws; those of a lane do not depend on the other lanes."""
        rows = observation_rows(self.problem, observation)
        drawn = np.zeros(1, np.int64) if state is None else state[0]
        space = self.problem.action_space
        shape = (len(rows), *(space.shape or ()))
        picks = np.random.default_rng([self._seed, int(drawn[0])]).random(shape) * len(self._model.menu)
        actions = self._asked[picks.astype(np.int64)].astype(space.dtype)
        return (actions[0] if np.ndim(observation) == 1 else actions), (drawn + 1,)

    @property
    def _asked(self) -> NDArray[np.float64]:
        return np.array([ask(self._model, q) for q in self._model.menu])


@jit
def most_expensive(model, left, initial):
    """The largest precision that is affordable."""
    params = model.params
    if not params.listed:
        q = buy_precision(params.effort, params.q_max, left, initial)
        return q, payment(left, effort_of(params.effort, q), initial)
    best = model.baseline
    for k in range(model.baseline, model.menu.shape[0]):
        if pays(left, model.costs[k], initial):
            best = k
    return model.menu[best], model.costs[best]


@jit
def act_once(model, observation, memory, action):
    """All that the effort pays for in the first period, nothing later."""
    left, initial = read_left(model.reading, observation), read_initial(model.reading, observation)
    first = read_period(model.reading, observation) == 0
    for j in range(action.shape[0]):
        q, cost = most_expensive(model, left, initial) if first else (model.params.effort.p, 0.0)
        left -= cost
        action[j] = ask(model, q)


class Once(Steering):
    """Buys the largest precision once, for the first agent, and lets the herd run."""

    name = "once"

    def __init__(self, problem: Problem) -> None:
        problem = self.served(problem)
        super().__init__(problem, act_once, model_of(problem))


@jit
def greediest(model, L, opinion, left, initial):
    """The affordable option with the best reward of this period; among equal ones the cheapest, then the baseline's side."""
    best_q, best_cost = model.menu[model.baseline], 0.0
    best = reward(model, best_q, 0.0, L, opinion)
    for k in range(options(model)):
        q, cost = option(model, k, opinion)
        if pays(left, cost, initial):
            worth = reward(model, q, cost, L, opinion)
            if worth > best + 1e-12 or (worth > best - 1e-12 and cost < best_cost - 1e-12):
                best_q, best_cost, best = q, cost, worth
    return best_q, best_cost


@jit
def act_myopic(model, observation, memory, action):
    """The best reward of this period."""
    left, initial = read_left(model.reading, observation), read_initial(model.reading, observation)
    for j in range(action.shape[0]):
        L, opinion = read_log_odds(model.reading, observation, j), read_opinion(model.reading, observation, j)
        q, cost = greediest(model, L, opinion, left, initial)
        left -= cost
        action[j] = ask(model, q)


class Myopic(Steering):
    """The best reward of this period, as long as the effort lasts."""

    name = "myopic"
    needs_law = True

    def __init__(self, problem: Problem) -> None:
        problem = self.served(problem)
        super().__init__(problem, act_myopic, model_of(problem))


@jit
def act_even(model, observation, memory, action):
    """The best reward of this period, within an even share of the effort."""
    periods = np.float64(model.params.periods - read_period(model.reading, observation))
    if model.params.survival < 1.0:
        periods = min(periods, 1.0 / (1.0 - model.params.survival))
    left = read_left(model.reading, observation) / max(periods, 1.0)
    initial = read_initial(model.reading, observation)
    for j in range(action.shape[0]):
        L, opinion = read_log_odds(model.reading, observation, j), read_opinion(model.reading, observation, j)
        q, cost = greediest(model, L, opinion, left, initial)
        left -= cost
        action[j] = ask(model, q)


class EvenSpend(Steering):
    """The best reward of this period within what is left per period to come; what is not used is spread over the rest."""

    name = "even_spend"
    needs_law = True

    def __init__(self, problem: Problem) -> None:
        problem = self.served(problem)
        super().__init__(problem, act_even, model_of(problem))


class ThresholdParameters(NamedTuple):
    """The two thresholds, on min(b, 1 - b) of the altruistic planner and on b of the biased one."""

    model: Model
    low: float
    high: float


@jit
def cheapest(model, opinion, left, initial, informs):
    """The cheapest affordable option after which agents follow their signal (or else follow a good herd); if none, p.

    Among equally cheap ones the most precise.
    """
    best_q, best_cost, found = model.menu[model.baseline], 0.0, False
    for k in range(options(model)):
        q, cost = option(model, k, opinion)
        better = not found or cost < best_cost - 1e-12 or (cost < best_cost + 1e-12 and q > best_q)
        if not (better and pays(left, cost, initial)):
            continue
        after_good, after_bad = choices(model, q, opinion)
        if after_good - after_bad > 0.5 if informs else after_bad > 0.5:
            best_q, best_cost, found = q, cost, True
    return best_q, best_cost


@jit
def act_altruistic_thresholds(p, observation, memory, action):
    """Nothing where the belief is clear, everything where it is open, and the cheapest informative signal in between."""
    model = p.model
    left, initial = read_left(model.reading, observation), read_initial(model.reading, observation)
    for j in range(action.shape[0]):
        b = belief(read_log_odds(model.reading, observation, j))
        doubt = min(b, 1.0 - b)
        if doubt <= p.low + TIE:
            q, cost = model.params.effort.p, 0.0
        elif doubt > p.high + TIE:
            q, cost = most_expensive(model, left, initial)
        else:
            q, cost = cheapest(model, read_opinion(model.reading, observation, j), left, initial, True)
        left -= cost
        action[j] = ask(model, q)


@jit
def act_biased_thresholds(p, observation, memory, action):
    """Nothing below, where all is lost; keep agents listening in between; above, keep them in a good herd."""
    model = p.model
    left, initial = read_left(model.reading, observation), read_initial(model.reading, observation)
    for j in range(action.shape[0]):
        b, opinion = belief(read_log_odds(model.reading, observation, j)), read_opinion(model.reading, observation, j)
        if b < p.low - TIE:
            q, cost = model.params.effort.p, 0.0
        elif b < p.high - TIE:
            q, cost = cheapest(model, opinion, left, initial, True)
        else:
            q, cost = cheapest(model, opinion, left, initial, False)
        left -= cost
        action[j] = ask(model, q)


class Threshold(Steering):
    """The shape that the paper reports of optimal policies (its theorems 3 and 5), with two thresholds.

    Altruistic, of the doubt x = min(b, 1 - b): the baseline for x <= low, the largest precision for x > high, and the cheapest
    precision that agents listen to in between. Biased, of b: the baseline for b < low, the cheapest precision that agents
    listen to for b < high, and above the cheapest one with which they ignore their signals and act good.

    Args:
        problem: what to steer.
        low: lower threshold in [0, 1].
        high: upper threshold in [low, 1]. Without either both are tuned on episodes of the problem.
    """

    name = "threshold"

    def __init__(self, problem: Problem, low: float | None = None, high: float | None = None) -> None:
        problem = self.served(problem)
        act = act_biased_thresholds if problem.params.biased else act_altruistic_thresholds
        model = model_of(problem)
        lows = [probability("low", low)] if low is not None else np.linspace(0.0, 0.5, 21).tolist()
        top = 1.0 if problem.params.biased else 0.5
        highs = [probability("high", high)] if high is not None else np.linspace(0.0, top, 21).tolist()
        pairs = [ThresholdParameters(model, a, b) for a in lows for b in highs if a <= b]
        if not pairs:
            raise ValueError(f"low is {low!r} with high {high!r}; expected low <= high")
        earns = MeanReturn(problem, act, TUNING_EPISODES, TUNING_SEED) if len(pairs) > 1 else None
        super().__init__(problem, act, max(pairs, key=earns) if earns else pairs[0])
