"""`Restless`: what all restless problems of the suite share. Each of them adds its arms, coupling and feasible set."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ..core.checks import natural, one_of, positive_integer
from ..core.features import Feature
from ..core.metrics import Metric
from ..core.problem import Problem, read_only
from . import kernels as k
from .arms import Arms
from .coupling import make_coupling
from .feasible.base import FeasibleActions, FeasibleSet, order_of_pulls
from .network import Network
from .reading import Reading
from .state import Params, State

HORIZON = 20
"""Steps of a published episode."""

DEFAULT_ARMS = 20


class Restless(Problem):
    """A restless bandit: arms, a coupling of actions to arms, and a feasible set.

    Args:
        arms: chains, rewards, starts.
        coupling: the matrix M (J, m) of how an action treats the arms; None pulls them one by one.
        feasible: what can be done in one step; its kernels are those of the class.
        random: of the instance; draws the order in which pulls are taken up.
        options: horizon, budget, reward, observation, on_infeasible and budget_aware, see the classes.
    """

    state_class = State
    resources = ("pulls",)
    metrics = (Metric("realised", "realised reward", "mean"),)

    def __init__(
        self,
        *,
        arms: Arms,
        feasible: FeasibleSet,
        random: np.random.Generator,
        coupling: NDArray[np.int64] | None = None,
        horizon: int = HORIZON,
        budget: Any = None,
        reward: str = "expected",
        observation: str = "integer",
        on_infeasible: str = "raise",
        budget_aware: bool = True,
    ) -> None:
        J, L, S = arms.shape
        self.arms, self.feasible = arms, feasible
        self.coupling = np.eye(J, dtype=np.int64) if coupling is None else coupling
        horizon = positive_integer("horizon", horizon)
        one_hot = one_of("observation", observation, ("integer", "one-hot")) == "one-hot"
        project = one_of("on_infeasible", on_infeasible, ("raise", "project")) == "project"
        most = float(horizon * max(1, feasible.most))
        super().__init__(
            params=Params(
                coupling=make_coupling(self.coupling),
                members=feasible.members,
                order=order_of_pulls(feasible.m, random),
                project=project,
                laws=read_only(k.pack_laws(arms.transitions, arms.expected_rewards(), arms.rewards)),
                levels=L,
                one_by_one=coupling is None,
                start=read_only(arms.start.cumsum(axis=-1)),
                expected=one_of("reward", reward, ("expected", "realised")) == "expected",
                one_hot=one_hot,
                horizon=horizon,
            ),
            features=[
                Feature("arms", np.zeros(J * S), np.ones(J * S), "state of every arm, one-hot")
                if one_hot
                else Feature("arms", np.zeros(J), np.full(J, S - 1.0), "state of every arm")
            ],
            action_space=spaces.MultiBinary(feasible.m) if project else FeasibleActions(feasible),
            horizon=horizon,
            budget=most if budget is None else budget,
            budget_scale=most,
            budget_aware=budget_aware,
        )

    @property
    def sizes(self) -> Mapping[str, int]:
        """Arms, components of an action, and the scratch space of the feasible set."""
        return {"arms": len(self.coupling), "components": self.coupling.shape[1], "desk": self.feasible.desk}

    @property
    def refuses_actions(self) -> bool:
        """Not where infeasible actions are cut back."""
        return not self.params.project

    def explain_action(self, action: NDArray[Any]) -> str:
        """What was expected, and how to have such actions cut back instead."""
        hint = "" if self.params.project else '; on_infeasible="project" cuts back what can\'t be done'
        return super().explain_action(action) + hint

    def check_state(self, state: State) -> None:
        """The arms must be in states that there are."""
        S = self.arms.shape[2]
        if ((state.arms < 0) | (state.arms >= S)).any():
            raise ValueError(f"the snapshot is of another problem: the arms of {self.instance} have {S} states")

    @property
    def instance(self) -> str:
        """The kind of problem and its size."""
        kind = type(self).__name__.removeprefix("Restless").lower()
        drawn = "own arms" if self.settings.get("arms") is not None else f"seed {self.settings.get('instance_seed', 0)}"
        return f"{kind} of {len(self.coupling)} arms, {drawn}"

    @property
    def reading(self) -> Reading:
        """What agents need to read observations."""
        J, _, S = self.arms.shape
        return Reading(
            arms=J,
            states=S,
            one_hot=self.params.one_hot,
            budget=J * S if self.params.one_hot else J,
            scale=float(self.budget_scale[0]),
            horizon=self.horizon,
            unlimited=self.horizon * self.feasible.m,
        )

    @cached_property
    def key(self) -> str:
        """A digest of everything that decides what is good to do in a step: arms, coupling, feasible set and horizon."""
        p = self.params
        digest = hashlib.sha256(f"{type(self).__name__} {self.horizon} {p.project}".encode())
        for array in (*p.coupling, *p.members, p.order, self.arms.transitions, self.arms.rewards, self.arms.start):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


def generators(instance_seed: int) -> tuple[np.random.Generator, np.random.Generator]:
    """Two generators of an instance: of what makes it, and of the order of its pulls, which is the same for own arms."""
    first, second = np.random.SeedSequence(natural("instance_seed", instance_seed)).spawn(2)
    return np.random.default_rng(first), np.random.default_rng(second)


def number_of_arms(J: int | None, arms: Arms | None, network: Network | None = None) -> int:
    """How many arms: as asked for, as own arms there are, as nodes there are, or 20; ValueError if these differ."""
    given = {"J": None if J is None else positive_integer("J", J)}
    given["own arms"] = None if arms is None else arms.shape[0]
    given["nodes of the network"] = None if network is None else len(network.names)
    numbers = {name: number for name, number in given.items() if number is not None}
    if len(set(numbers.values())) > 1:
        raise ValueError(f"{' and '.join(f'{name}: {number}' for name, number in numbers.items())}; expected the same number")
    return next(iter(numbers.values()), DEFAULT_ARMS)
