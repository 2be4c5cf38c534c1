"""`Restless`: what all restless problems of the suite share. Each of them adds its arms, coupling and feasible set."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping
from functools import cached_property
from string import Template
from typing import Any, TypedDict

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ..core.checks import natural, one_of, positive_integer
from ..core.features import Feature
from ..core.metrics import Metric
from ..core.problem import Problem, read_on_infeasible, read_only
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


class Options(TypedDict, total=False):
    """The arguments that all restless problems share, for `**options: Unpack[Options]`; see their docstrings."""

    horizon: int
    budget: Any
    reward: str
    observation: str
    on_infeasible: str
    budget_aware: bool


class Restless(Problem):
    """A restless bandit: arms, a coupling of actions to arms, and a feasible set.

    What its problems share stands once: a subclass that takes `**options` gets the arguments of `Options` in its signature,
    with the defaults below, and the `PARAGRAPHS` that its docstring names.

    Args:
        arms: chains, rewards, starts.
        coupling: the matrix M (J, m) of how an action treats the arms; None pulls them one by one.
        feasible: what can be done in one step; its kernels are those of the class.
        random: of the instance; draws the order in which pulls are taken up.
        horizon, budget, reward, observation, on_infeasible, budget_aware: see the classes.
    """

    state_class = State
    resources = ("pulls",)
    metrics = (Metric("realised", "realised reward", "mean"),)

    def __init_subclass__(cls, **keywords: Any) -> None:
        """Spell out in signature and docstring what the class shares with others: settings and `help` are read from there."""
        super().__init_subclass__(**keywords)
        if cls.__doc__ is not None:
            cls.__doc__ = Template(inspect.cleandoc(cls.__doc__)).safe_substitute(PARAGRAPHS)
        init: Any = cls.__init__
        parameters = dict(inspect.signature(init).parameters)
        if parameters.pop("options", None) is not None:
            known = inspect.signature(Restless.__init__).parameters
            parameters |= {name: known[name] for name in Options.__annotations__}
            init.__signature__ = inspect.Signature(list(parameters.values()))

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
        on_infeasible: str = "project",
        budget_aware: bool = True,
    ) -> None:
        J, L, S = arms.shape
        self.arms, self.feasible = arms, feasible
        self.coupling = np.eye(J, dtype=np.int64) if coupling is None else coupling
        horizon = positive_integer("horizon", horizon)
        one_hot = one_of("observation", observation, ("integer", "one-hot")) == "one-hot"
        self.on_infeasible = read_on_infeasible(on_infeasible)
        project = self.on_infeasible == "project"
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
                Feature("arms", np.zeros(J * S), np.ones(J * S), f"one-hot: entry {S} j + s is 1 if arm j is in state s")
                if one_hot
                else Feature("arms", np.zeros(J), np.full(J, S - 1.0), "state of each arm")
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
        return {"arms": len(self.coupling), "components": self.coupling.shape[1], "scratch": self.feasible.scratch_size}

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


PARAGRAPHS = {
    "chain": """\
An arm is a chain of four states. In a step it goes one state up with probability p, or else one down, within the ends:
p is drawn from U(0, 0.2) for an arm that is left alone and from U(0.7, 0.9) for one that is pulled. The highest state
has the prize: 4, 5 or 6 for the first B arms, 1, 2 or 3 for the others. Below it, the first B arms pay less with every
state (0.2, 0.15, 0.1) and the others more (0.1, 0.15, 0.2), so that the myopic shun the arms that are worth most.""",
    "observation_to_end": """\
## Observation Space
For the default instance; `observation="one-hot"` has an entry `arms[j * S + s]` for every arm j and state s.

| Index | Name | Meaning | Range |
|---|---|---|---|
| 0..19 | arms[0..19] | state of every arm | {0, 1, 2, 3} |
| 20 | pulls_size | size of the budget: initial / (initial + as many pulls as an episode can hold) | [0, 1] |
| 21 | pulls_remaining | remaining share of the pulls | [0, 1] |
| 22 | time_remaining | remaining share of the steps | [0, 1] |

`budget_aware=False` leaves out the last three. The arms' laws are the same in every episode and are not repeated: agents
that plan read them from the problem.

## Rewards
`reward="expected"` (default, the metric of the paper): the expected reward of the next states, given states and action.
`reward="realised"`: the rewards of the states that were reached. Both have the same mean; the sum of the realised ones
is in `info["realised"]` either way.

## Budget
One resource, `pulls`: how often arms can be pulled (or interventions run) over the whole episode. `budget=` is an amount,
or a range to draw it from; by default there are enough for every step. An action with more than are left is cut back:
pulls are taken up in an order that is fixed (and random) per instance, each if it still fits, and `info["blocked"]` counts
the action. What is within the budget is done as asked for.

What can't be done in one step, budget or not, is *infeasible*. `on_infeasible="project"` (default) cuts it back in the same
way. `"raise"` refuses it with an error, for debugging; the action space is then a MultiBinary whose samples are feasible.

## Starting State
Every arm is in state 1 with probability `start`, else in state 0. (The authors evaluate with 0.2 and train with 0.5.)

## Episode End
Terminates after `horizon` steps.""",
    "options": """\
| horizon | steps of an episode | 20 |
| budget | pulls of an episode, see Budget | all |
| reward, observation, on_infeasible | see above | "expected", "integer", "project" |
| budget_aware | see Observation Space | True |""",
    "optimum": """\
## Exact optimum
`budgetgym.baselines.restless`: exact dynamic programming for a handful of arms, otherwise an upper bound, the Lagrangian
relaxation over the feasible set. Scores are shares of (optimum or bound - doing nothing).""",
    "paper": """\
L. Xu, B. Wilder, E. B. Khalil, M. Tambe: Reinforcement learning with combinatorial actions for coupled restless bandits.
ICLR 2025, arXiv:2503.01919.""",
}
"""What docstrings of the classes share; they name it as `$chain`, `$options` and so on."""
