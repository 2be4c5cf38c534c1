"""`RestlessMatching`: pulls that need appointments with workers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.checks import positive_integer
from ..arms import published_arms, read_arms
from ..feasible.matching import MatchingSet, contains
from ..kernels import restless_kernels
from ..problem import HORIZON, Restless, generators, number_of_arms

ARM_SLOTS = 2
WORKER_SLOTS = 3


class RestlessMatching(Restless):
    r"""
    ## Description
    J arms and B workers with calendars of K slots. To pull an arm takes two appointments: a slot that suits the arm, and a
    worker who is available in it and sees nobody else then. At most B arms are pulled in a step. (`scheduling` in the
    authors' code. As in its programme, the two appointments may be with the same worker; its heuristics ask for two
    different ones, a smaller set.)

    An arm is a chain of four states. In a step it goes one state up with probability p, or else one down, within the ends:
    p is drawn from U(0, 0.2) for an arm that is left alone and from U(0.7, 0.9) for one that is pulled. The highest state
    has the prize: 4, 5 or 6 for the first B arms, 1, 2 or 3 for the others. Below it, the first B arms pay less with every
    state (0.2, 0.15, 0.1) and the others more (0.1, 0.15, 0.2), so that the myopic shun the arms that are worth most.

    ## Action Space
    `MultiBinary(J)`: which arms are pulled. Feasible if all their appointments can be found.

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
    | B | number of workers, most pulls in a step, and number of arms with a high prize | 5 |
    | K | slots, at least 3 | 5 |
    | instance_seed | which instance: arms and calendars | 0 |
    | arms | your own `Arms`, the path of their CSV file, or a mapping of arrays; see `budgetgym.envs.restless.arms` | None |
    | arm_slots | (J, K) which slots suit an arm; replaces the drawn ones | None |
    | worker_slots | (W, K) when a worker is available; replaces the drawn ones | None |
    | start | probability of an arm to begin in state 1 | 0.2 |
    | horizon | steps of an episode | 20 |
    | budget | pulls of an episode, see Budget | all |
    | reward, observation, on_infeasible | see above | "expected", "integer", "raise" |
    | budget_aware | see Observation Space | True |

    ## Instances
    As published: an arm has 2 slots and a worker 3, drawn without replacement with probabilities that rise from slot to slot
    for arms and fall for workers, so that demand and supply miss each other. J, B = 20, 5; 40, 10; 100, 20.

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
        K: int = 5,
        instance_seed: int = 0,
        arms: Any = None,
        arm_slots: Any = None,
        worker_slots: Any = None,
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
        if positive_integer("K", K) < WORKER_SLOTS:
            raise ValueError(f"K is {K}; expected at least {WORKER_SLOTS} slots")
        chains = published_arms(J, B, start, random)
        rising, falling = np.sort(random.random(K)), np.sort(random.random(K))[::-1]
        drawn = _calendars(J, ARM_SLOTS, rising, random), _calendars(B, WORKER_SLOTS, falling, random)
        chosen = MatchingSet(
            drawn[0] if arm_slots is None else arm_slots, drawn[1] if worker_slots is None else worker_slots, B
        )
        if chosen.m != J:
            raise ValueError(f"arm_slots has {chosen.m} rows; expected {J}, one for every arm")
        super().__init__(
            arms=chains if own is None else own,
            feasible=chosen,
            random=ordering,
            horizon=horizon,
            budget=budget,
            reward=reward,
            observation=observation,
            on_infeasible=on_infeasible,
            budget_aware=budget_aware,
        )


def _calendars(n: int, slots: int, weights: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.bool_]:
    """(n, K) calendars with so many slots each, drawn without replacement with these weights."""
    calendars = np.zeros((n, len(weights)), np.bool_)
    for row in calendars:
        row[random.choice(len(weights), slots, replace=False, p=weights / weights.sum())] = True
    return calendars
