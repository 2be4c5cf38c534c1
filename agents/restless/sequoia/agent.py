"""The agents: SEQUOIA, Residual SEQUOIA, and iterative DQN, which asks the same kind of network greedily."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from stable_baselines3.common.type_aliases import MaybeCallback

from ....baselines.core.policy import observation_rows
from ....baselines.restless.policies import RestlessPolicy
from ....envs.core.checks import one_of
from ....envs.core.problem import Problem
from ....envs.restless.reading import read_situation
from ...learning.configuration import Configuration, configuration_of
from ...learning.learner import Learner
from ...learning.saved import Fit
from .algorithm import ActionValueLearner, ActionValuePolicy
from .base import BASES
from .maximiser import Decision, Maximiser, check_proof
from .network import ActionValue
from .question import Question

VARIANTS = ("default", "paper")

REMEMBERED = 100_000
"""Decisions that are kept for the report, the latest ones."""


class Sequoia(Learner, RestlessPolicy):
    """SEQUOIA (Xu, Wilder, Khalil, Tambe: Reinforcement learning with combinatorial actions for coupled restless bandits,
    ICLR 2025): a Q-network whose value is maximised exactly over the feasible set at every decision.

    Args:
        problem: a restless bandit whose observations show time and budget.
        path: of a saved agent; without it the agent has to `learn` first.
        seed: of network, exploration and training episodes.
        variant: "paper" learns as published, with the authors' network; "default" as it should be; see
            `budgetgym.agents.restless.learning`. Of a saved agent, what it has learned with.
        method: how the maximum is found: "auto", "enumerate", "scip", "highs", "gurobi", or "search", without proof; see
            `Maximiser`.
        tolerance, time_limit: of the proof, see `Maximiser`.
        overrides: replace settings of the configuration, such as `learning_rate` or `lanes`.

    Attributes:
        decisions: the latest ones, each with objective, bound, gap, status and seconds; `report` makes a table of them.

    Raises:
        ValueError: another family, observations without time and budget, or a setting that can't be meant.
        ImportError: the solver's package is missing.
    """

    name = "sequoia"
    needs_law = True
    algorithm = ActionValueLearner
    policy = ActionValuePolicy
    methods: ClassVar[tuple[str, ...]] = ("auto", "enumerate", "scip", "highs", "gurobi", "search")

    @classmethod
    def check(cls, problem: Problem) -> None:
        """See `Policy.check`: a restless bandit that shows time and budget."""
        super(Learner, cls).check(problem)  # what it learns in takes any action

    def __init__(
        self,
        problem: Problem,
        path: str | Path | None = None,
        seed: int = 0,
        variant: str = "default",
        method: str = "auto",
        tolerance: float = 1e-6,
        time_limit: float = 10.0,
        **overrides: Any,
    ) -> None:
        self.variant = one_of("variant", variant, VARIANTS)
        Learner.__init__(self, problem, path, seed, **overrides)
        check_proof(tolerance, time_limit)
        self._how = {"method": one_of("method", method, self.methods), "tolerance": tolerance, "time_limit": time_limit}
        self._maximiser: Maximiser | None = None
        self._updates = 0
        self.decisions: deque[Decision] = deque(maxlen=REMEMBERED)
        self.proofs = (0, 0)

    def choose(self, saved: Mapping[str, Any]) -> None:
        """The variant."""
        self.variant = saved.get("variant", self.variant)

    @property
    def choices(self) -> dict[str, Any]:
        """The variant."""
        return {"variant": self.variant}

    def fit(self) -> Fit:
        """A network knows one instance: arms, coupling, feasible set and horizon. Its budget may differ."""
        return super().fit()._replace(key=self.problem.key)

    def configuration_for(self, problem: Problem) -> Configuration:
        """The variant's configuration."""
        return configuration_of("sequoia/paper" if self.variant == "paper" else self.name, problem, self.default)

    def learn(self, total_timesteps: int | None = None, callback: MaybeCallback = None, progress_bar: bool = False) -> Self:
        """Train for `total_timesteps` decisions, by default those of the configuration."""
        self._maximiser = None
        try:
            return super().learn(total_timesteps, callback, progress_bar)
        finally:
            self._maximiser = None  # of the network as it was

    def decide(self, rows: NDArray[np.float64], deterministic: bool) -> NDArray[Any]:
        """The best actions (n, m) by the network; the same situations have the same answer."""
        different, which = np.unique(observation_rows(self.problem, rows), axis=0, return_inverse=True)
        actions = np.stack([self._decide_on(row) for row in different])
        return actions[which.ravel()].astype(self.problem.action_space.dtype)

    def _decide_on(self, row: NDArray[np.float64]) -> NDArray[np.int64]:
        seen = read_situation(self.problem.reading, row)
        if seen.t >= self.problem.horizon or seen.left == 0:  # vector environments also ask about the end of an episode
            return np.zeros(self.problem.feasible.m, np.int64)
        decision = self.maximiser.decide(self.question(row), seen.left, seen.arms)
        self.decisions.append(decision)
        taken, unproved = self.proofs
        self.proofs = taken + 1, unproved + (decision.status != "optimal")
        return decision.action

    def __getstate__(self) -> dict[str, Any]:
        """Without the solver's model, which can't be copied; it is made again when it is needed."""
        return {**self.__dict__, "_maximiser": None}

    @property
    def maximiser(self) -> Maximiser:
        """What finds the best action by the network as it is now; it may be learning."""
        if self._maximiser is None or self._updates != self.model._n_updates:
            self._updates = self.model._n_updates
            self._network: ActionValue = self.model.policy.q_net.exact()
            self._maximiser = Maximiser(self._network.coding, self._network.layers(), **self._how)
        return self._maximiser

    def question(self, row: NDArray[np.float64]) -> Question:
        """What the network is asked in the situation of an observation (d,)."""
        _ = self.maximiser
        return self._network.question(row)

    def report(self) -> pd.DataFrame:
        """The latest decisions: state, action, objective, bound, gap, status, seconds."""
        return pd.DataFrame(list(self.decisions), columns=list(Decision._fields))


class ResidualSequoia(Sequoia):
    """SEQUOIA that begins with what the Lagrangian relaxation knows, and learns what that misses. Ours.

    Q is the sum over arms of reward and value ahead under the relaxation, plus a network that is zero at first. So before
    learning it decides as the Lagrangian policy does, and still with one mixed-integer programme. After learning it plays the
    best of the policies that it went through, the first one included, by their returns in episodes set aside.

    Args:
        base: "joint" (default) values an arm at the level that the whole action gives it; "lagrangian" adds up what its
            components do alone, as the Lagrangian index policy does. Both are the same where arms are pulled one by one.
        arguments: see `Sequoia`.
    """

    name = "residual_sequoia"

    def __init__(
        self, problem: Problem, path: str | Path | None = None, seed: int = 0, base: str = "joint", **arguments: Any
    ) -> None:
        self.base = one_of("base", base, BASES)
        super().__init__(problem, path, seed, **arguments)

    def configuration_for(self, problem: Problem) -> Configuration:
        """The residual's configuration."""
        return configuration_of(f"{self.name}/{self.base}", problem, self.default)

    def choose(self, saved: Mapping[str, Any]) -> None:
        """Its base is the one that it has learned with."""
        super().choose(saved)
        self.base = saved.get("base", self.base)

    @property
    def choices(self) -> dict[str, Any]:
        """Also the base."""
        return {**super().choices, "base": self.base}


class IterativeDqn(Sequoia):
    """Deep Q-learning with the same network, but actions are built greedily: the component that adds the most value, as long
    as one does and fits, while learning and while deciding. A published reference, without its defects.

    Args:
        arguments: see `Sequoia`; the method is always greedy.
    """

    name = "iterative_dqn"
    methods = ("greedy",)

    def __init__(self, problem: Problem, path: str | Path | None = None, seed: int = 0, **arguments: Any) -> None:
        super().__init__(problem, path, seed, **{"method": "greedy", **arguments})
