"""`RestlessCapacity`: pulls that workers of limited capacity must share."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.checks import as_array, positive, positive_integer
from ..arms import published_arms, read_arms
from ..feasible.capacity import CapacitySet, contains
from ..kernels import restless_kernels
from ..problem import HORIZON, Restless, generators, number_of_arms


class RestlessCapacity(Restless):
    r"""
    ## Description
    J arms, patients say, each in better or worse state; B health workers, each of whom can spend so much effort in a step.
    To pull an arm, one worker must spend the arm's cost. Which arms are pulled at once is a packing problem (`constrained`
    in the authors' code, which never checks it).

    An arm is a chain of four states. In a step it goes one state up with probability p, or else one down, within the ends:
    p is drawn from U(0, 0.2) for an arm that is left alone and from U(0.7, 0.9) for one that is pulled. The highest state
    has the prize: 4, 5 or 6 for the first B arms, 1, 2 or 3 for the others. Below it, the first B arms pay less with every
    state (0.2, 0.15, 0.1) and the others more (0.1, 0.15, 0.2), so that the myopic shun the arms that are worth most.

    ## Action Space
    `MultiBinary(J)`: which arms are pulled. Feasible if the pulled arms can be dealt out to the workers so that none spends
    more than his capacity.

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
    One resource, `pulls`: how often arms can be pulled over the whole episode. `budget=` is an amount, or a range
    to draw it from; by default there are enough for every step. An action with more than are left is cut back: pulls
    are taken up in an order that is fixed (and random) per instance, and `info["blocked"]` counts it.

    What can't be done in one step, budget or not, is *infeasible*. `on_infeasible="raise"` (default) refuses it with an
    error, and samples of the action space are feasible; `"project"` cuts it back in the same way and counts it in
    `info["blocked"]`, and the action space is a plain MultiBinary.

    ## Starting State
    Every arm is in state 1 with probability `start`, else in state 0. (The authors evaluate with 0.2 and train with 0.5.)

    ## Episode End
    Terminates after `horizon` steps.

    ## Arguments
    | Name | Meaning | Default |
    |---|---|---|
    | J | number of arms | 20, or as many as there are own arms |
    | B | number of workers, and of arms with a high prize | 5 |
    | instance_seed | which instance: arms, costs, capacities | 0 |
    | arms | your own `Arms`, the path of their CSV file, or a mapping of arrays; see `budgetgym.envs.restless.arms` | None |
    | costs | effort of every arm's pull (J,), or one for all; replaces the drawn ones | None |
    | capacities | effort of every worker (B,), or one for all; replaces the drawn ones | None |
    | start | probability of an arm to begin in state 1 | 0.2 |
    | horizon | steps of an episode | 20 |
    | budget | pulls of an episode, see Budget | all |
    | reward, observation, on_infeasible | see above | "expected", "integer", "raise" |
    | budget_aware | see Observation Space | True |

    ## Instances
    As published: costs are uniform on 2..6 and capacities on 2..7, once per instance. J, B = 20, 5; 40, 10; 100, 20.

    ## Exact optimum
    `budgetgym.baselines.restless`: exact dynamic programming for a handful of arms, otherwise an upper bound, the Lagrangian
    relaxation over the feasible set. Scores are shares of (optimum or bound - doing nothing).

    ## References
    L. Xu, B. Wilder, E. B. Khalil, M. Tambe: Reinforcement learning with combinatorial actions for coupled restless bandits.
    ICLR 2025, arXiv:2503.01919.

    ## Version History
    * v0: initial version
    """

    kernels = restless_kernels(contains)

    def __init__(
        self,
        *,
        J: int | None = None,
        B: int = 5,
        instance_seed: int = 0,
        arms: Any = None,
        costs: Any = None,
        capacities: Any = None,
        start: float = 0.2,
        horizon: int = HORIZON,
        budget: Any = None,
        reward: str = "expected",
        observation: str = "integer",
        on_infeasible: str = "raise",
        budget_aware: bool = True,
    ) -> None:
        random, ordering = generators(instance_seed)
        own = None if arms is None else read_arms(arms)
        J, B = number_of_arms(J, own), positive_integer("B", B)
        chains = published_arms(J, B, start, random)
        drawn = random.integers(2, 7, size=J), random.integers(2, 8, size=B)
        super().__init__(
            arms=chains if own is None else own,
            feasible=CapacitySet(_for_each(costs, drawn[0], "costs"), _for_each(capacities, drawn[1], "capacities")),
            random=ordering,
            horizon=horizon,
            budget=budget,
            reward=reward,
            observation=observation,
            on_infeasible=on_infeasible,
            budget_aware=budget_aware,
        )


def _for_each(given: Any, drawn: Any, name: str) -> Any:
    """What was given for each, or one number for all, or else what was drawn."""
    if given is None:
        return drawn
    values = as_array(name, given)
    if values.ndim == 0:
        return np.full(len(drawn), positive(name, given))
    if len(values) != len(drawn):
        raise ValueError(f"{name} has {len(values)} entries; expected {len(drawn)}")
    return values
