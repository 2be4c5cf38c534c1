"""Policies for restless bandits: from doing nothing to prices that look ahead to the end.

They all choose from the same feasible set as the environment, and read the arms' states, the time and the pulls left from
the observation.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from ...envs.core.checks import is_number, natural, one_of, positive_integer
from ...envs.core.problem import Problem
from ...envs.restless.problem import Restless
from ...envs.restless.reading import Situation, read_situation
from ..core.policy import Information, Policy, PolicyState, observation_rows
from .exact import Exact, check_size, exact
from .relaxation import RELAXATIONS, relax, whole_pulls
from .treatment import Treatment, value_of
from .values import worth_of_levels
from .whittle import whittle_index


class RestlessPolicy(Policy[Restless]):
    """What all these policies share: which problems they take, and what they may be asked about.

    Raises:
        ValueError: another family, or observations without time and budget.
    """

    serves = Restless
    needs_budget = True

    def __init__(self, problem: Problem) -> None:
        # Narrower than any problem, and set once.
        self.problem: Restless = self.served(problem)  # pyright: ignore[reportIncompatibleVariableOverride]

    def check_problem(self, problem: Problem) -> None:
        """The law and the feasible set must be the same; the budget may differ."""
        super().check_problem(problem)
        if isinstance(problem, Restless) and problem.key != self.problem.key:
            raise ValueError(
                f"{type(self).__name__} was made for {self.problem.instance}; make the agent for this environment"
            )


class SetPolicy(RestlessPolicy):
    """A policy that chooses from the feasible set, one situation after another; the same situations have the same answer."""

    information: ClassVar[Information] = "model"

    @abstractmethod
    def decide(self, situation: Situation) -> NDArray[np.int64]:
        """The action (m,) in a situation with pulls and steps left, with at most `situation.left` pulls."""

    def predict(
        self,
        observation: Any,
        state: PolicyState | None = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[Any], PolicyState | None]:
        """Decide; see `Policy.predict`. `deterministic` makes no difference."""
        rows, which = np.unique(observation_rows(self.problem, observation), axis=0, return_inverse=True)
        decided = np.stack([self._decide_on(read_situation(self.problem.reading, row)) for row in rows])
        actions = decided[which.ravel()].astype(self.problem.action_space.dtype)
        return (actions[0] if np.ndim(observation) == 1 else actions), state

    def _decide_on(self, situation: Situation) -> NDArray[np.int64]:
        # Vector environments also ask about the last observation of an episode, and ignore the answer.
        over = situation.t >= self.problem.horizon or not situation.left
        return np.zeros(self.problem.feasible.m, np.int64) if over else self.decide(situation)


class Null(SetPolicy):
    """Does nothing: what shares are measured from."""

    name = "null"
    information: ClassVar[Information] = "observation"

    def decide(self, situation: Situation) -> NDArray[np.int64]:
        """Zeros."""
        return np.zeros(self.problem.feasible.m, np.int64)


class Constant(SetPolicy):
    """The best of all actions that can be repeated in every step of the episode within the budget, found exactly.

    Under a fixed action the arms are independent chains, so that its value is a sum over arms, exactly.
    """

    name = "constant"
    needs_law = True

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self._treatment = Treatment(self.problem)
        self._worth = worth_of_levels(self.problem)
        self._actions: dict[int, NDArray[np.int64]] = {}

    def decide(self, situation: Situation) -> NDArray[np.int64]:
        """The same action as ever; a smaller one only where other actions than its own have spent the pulls."""
        most = min(situation.initial // self.problem.horizon, situation.left)
        if most not in self._actions:
            self._actions[most] = self._treatment.maximise(self._worth, most)
        return self._actions[most]


class Random(RestlessPolicy):
    """A random maximal feasible action."""

    name = "random"
    information: ClassVar[Information] = "observation"

    def __init__(self, problem: Problem, seed: int = 0) -> None:
        super().__init__(problem)
        self.set_random_seed(seed)

    def set_random_seed(self, seed: int | None = None) -> None:
        """Choose another stream of actions."""
        self._seed = natural("seed", 0 if seed is None else seed)

    def predict(
        self,
        observation: Any,
        state: PolicyState | None = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[Any], PolicyState | None]:
        """Decide; the state counts the draws of every lane, which has a stream of its own."""
        rows = observation_rows(self.problem, observation)
        drawn = np.zeros(len(rows), np.int64) if state is None else state[0]
        if drawn.shape != (len(rows),):
            raise ValueError(f"state is for {len(drawn)} observations; expected {len(rows)}")
        actions = np.stack([self._choose(row, i, k) for i, (row, k) in enumerate(zip(rows, drawn.tolist(), strict=True))])
        actions = actions.astype(self.problem.action_space.dtype)
        return (actions[0] if np.ndim(observation) == 1 else actions), (drawn + 1,)

    def _choose(self, row: NDArray[np.float64], lane: int, draw: int) -> NDArray[np.int64]:
        generator = np.random.default_rng([self._seed, lane, draw])
        return self.draw(read_situation(self.problem.reading, row), generator)

    def draw(self, situation: Situation, generator: np.random.Generator) -> NDArray[np.int64]:
        """A random maximal feasible action (m,)."""
        return self.problem.feasible.sample(generator, most=situation.left)


class Sampling(Random):
    """The best of K random maximal actions, by the exact expectation of the next reward."""

    name = "sampling"
    needs_law = True
    information: ClassVar[Information] = "model"

    def __init__(self, problem: Problem, K: int = 100, seed: int = 0) -> None:
        super().__init__(problem, seed)
        self.K = positive_integer("K", K)
        self._gains = self.problem.arms.expected_rewards()

    def draw(self, situation: Situation, generator: np.random.Generator) -> NDArray[np.int64]:
        """The best of K draws (m,)."""
        actions = self.problem.feasible.sample(generator, self.K, most=situation.left)
        return actions[value_of(self.problem, at_states(self._gains, situation.arms), actions).argmax()]


class Myopic(SetPolicy):
    """The largest expected reward of the next step, exactly, as a mixed-integer programme."""

    name = "myopic"
    needs_law = True

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self._treatment = Treatment(self.problem)
        self._gains = self.problem.arms.expected_rewards()

    def decide(self, situation: Situation) -> NDArray[np.int64]:
        """Solve the programme."""
        return self._treatment.maximise(at_states(self._gains, situation.arms), situation.left)


class Iterative(SetPolicy):
    """Greedy: adds the component that raises the expected reward of the next step the most, as long as one does and fits."""

    name = "iterative"
    needs_law = True

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self._gains = self.problem.arms.expected_rewards()

    def decide(self, situation: Situation) -> NDArray[np.int64]:
        """Grow an action from nothing."""
        feasible, values = self.problem.feasible, at_states(self._gains, situation.arms)
        action = np.zeros(feasible.m, np.int64)
        worth = value_of(self.problem, values, action[None])[0]
        for _ in range(min(feasible.most, situation.left)):
            wider = (action | np.eye(feasible.m, dtype=np.int64))[action == 0]
            wider = wider[feasible.contains(wider)]
            worths = value_of(self.problem, values, wider)
            if not len(wider) or worths.max() <= worth:
                break
            action, worth = wider[worths.argmax()], worths.max()
        return action


class Whittle(SetPolicy):
    """The feasible action with the largest sum of Whittle indices.

    Arms are taken for themselves, left alone or pulled; where pulls spill over, that is ignored.

    Args:
        discount: of the infinite horizon for which the index is defined.

    Raises:
        ValueError: actions don't pull arms one by one, or an arm has no index.
    """

    name = "whittle"
    needs_law = True

    @classmethod
    def check(cls, problem: Problem) -> None:
        """See `Policy.check`: arms must be pulled one by one. Whether they have an index is found out later."""
        super().check(problem)
        own_levels(cast(Restless, problem))

    def __init__(self, problem: Problem, discount: float = 0.99) -> None:
        super().__init__(problem)
        if not is_number(discount) or not 0.0 <= discount < 1.0:
            raise ValueError(f"discount is {discount!r}; expected a number in [0, 1)")
        own = own_levels(self.problem)
        arms, gains = self.problem.arms, self.problem.arms.expected_rewards()
        self.index = np.empty((len(own), arms.shape[2]))
        for j, level in enumerate(own):
            chosen = [0, level]
            self.index[j], indexable = whittle_index(arms.transitions[j, chosen], gains[j, chosen], discount)
            if not indexable:
                raise ValueError(f"arm {arms.names[j]!r} is not indexable: it has no Whittle index")

    def decide(self, situation: Situation) -> NDArray[np.int64]:
        """Maximise the sum of indices."""
        return self.problem.feasible.maximise(at_states(self.index, situation.arms), situation.left)


class Lagrangian(SetPolicy):
    """What every component of the action is worth alone until the end of the episode, in a linear programme.

    The values of the arms' states come from the Lagrangian relaxation of the whole episode. Where components meet at an arm
    (interventions, spillover) their effects are added up as if each were alone: that is the decoupling.

    Args:
        relaxation: "set" or "budget", see `budgetgym.baselines.restless.relaxation`.
    """

    name = "lagrangian"
    needs_law = True

    def __init__(self, problem: Problem, relaxation: str = "set") -> None:
        super().__init__(problem)
        self.relaxation = one_of("relaxation", relaxation, RELAXATIONS)
        self._gains = self.problem.arms.expected_rewards()
        self._solved: dict[float, Any] = {}

    def level_values(self, situation: Situation) -> tuple[NDArray[np.float64], float]:
        """(J, L) reward and value ahead of every level for every arm, and the price of a pull."""
        pulls = whole_pulls(self.problem, situation.initial)
        if pulls not in self._solved:
            self._solved[pulls] = relax(self.problem, pulls, self.relaxation)
        solved = self._solved[pulls]
        ahead = np.einsum("jlst,jt->jls", self.problem.arms.transitions, solved.values[situation.t + 1])
        return at_states(self._gains + ahead, situation.arms), solved.price

    def decide(self, situation: Situation) -> NDArray[np.int64]:
        """Add up what every component does alone, and maximise."""
        values, price = self.level_values(situation)
        levels = np.minimum(self.problem.coupling, values.shape[1] - 1)
        alone = values[np.arange(len(values))[:, None], levels] - values[:, :1]
        return self.problem.feasible.maximise(alone.sum(axis=0) - price, situation.left)


class Joint(Lagrangian):
    """As `Lagrangian`, but with the joint effect of the components on every arm, in a mixed-integer programme."""

    name = "joint"

    def __init__(self, problem: Problem, relaxation: str = "set") -> None:
        super().__init__(problem, relaxation)
        self._treatment = Treatment(self.problem)

    def decide(self, situation: Situation) -> NDArray[np.int64]:
        """Solve the programme."""
        values, price = self.level_values(situation)
        return self._treatment.maximise(values, situation.left, price)


class Optimal(SetPolicy):
    """The exact optimum of a problem of few arms.

    Raises:
        ValueError: there are too many arms or actions.
    """

    name = "optimal"
    needs_law = True

    @classmethod
    def check(cls, problem: Problem) -> None:
        """See `Policy.check`: there must not be too many arms."""
        super().check(problem)
        check_size(cast(Restless, problem), problem.budget.range_of("pulls")[1])

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self._ample: Exact | None = None
        self._scarce: Exact | None = None
        pulls = whole_pulls(self.problem, self.problem.budget.range_of("pulls")[1])
        if pulls == np.inf:
            self._ample = exact(self.problem, np.inf)
        else:
            self._scarce = exact(self.problem, pulls)

    def decide(self, situation: Situation) -> NDArray[np.int64]:
        """Look up."""
        solved = self._solution(situation)
        left = min(situation.left, solved.best.shape[1] - 1)
        return solved.actions[solved.best[(situation.t, left, *situation.arms)]]

    def _solution(self, situation: Situation) -> Exact:
        """A table that knows the situation: where pulls can't run out any more that is one without them."""
        problem = self.problem
        if situation.left >= (problem.horizon - situation.t) * problem.feasible.most:
            self._ample = self._ample or exact(problem, np.inf)
            return self._ample
        if self._scarce is None or situation.left >= self._scarce.best.shape[1]:
            self._scarce = exact(problem, min(situation.initial, problem.horizon * problem.feasible.most - 1))
        return self._scarce


def at_states(table: NDArray[np.float64], arms: NDArray[np.int64]) -> NDArray[np.float64]:
    """The entries of a table (J, ..., S) at the arms' states: (J, ...)."""
    return table[np.arange(len(arms)), ..., arms]


def own_levels(problem: Restless) -> NDArray[np.int64]:
    """(J,) the level at which every arm is treated by its own pull.

    Raises:
        ValueError: the components of the action are not the arms.
    """
    J, m = problem.coupling.shape
    own = problem.coupling.diagonal()
    if m != J or (own == 0).any():
        raise ValueError(f"the actions of {problem.instance} don't pull arms one by one; an index of arms says nothing")
    return np.minimum(own, problem.arms.shape[1] - 1)
