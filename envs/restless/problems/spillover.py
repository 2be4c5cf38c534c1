"""`RestlessSpillover`: a pull also reaches the neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.checks import positive_integer, probability
from ..arms import Arms, published_arms, read_arms
from ..feasible.cardinality import CardinalitySet, contains
from ..kernels import restless_kernels
from ..network import planar_network, read_network
from ..problem import HORIZON, Restless, generators, number_of_arms


class RestlessSpillover(Restless):
    r"""
    ## Description
    J arms on a network, and at most B pulls in a step. A pull does not stay where it is: it reaches every neighbour of the
    pulled arm with probability q, independently (one step of an independent cascade), and who is reached moves on as if he
    had been pulled. An arm that was not pulled, with m pulled neighbours, so moves by
    `(1 - q)^m P(left alone) + (1 - (1 - q)^m) P(pulled)`. Pulls at neighbouring arms are partly wasted on each other, and an
    arm with many neighbours is worth more than its own prize: what a pull is worth depends on the other pulls, which no sum
    over single arms can say.

    An arm is a chain of four states. In a step it goes one state up with probability p, or else one down, within the ends:
    p is drawn from U(0, 0.2) for an arm that is left alone and from U(0.7, 0.9) for one that is pulled. The highest state
    has the prize: 4, 5 or 6 for the first B arms, 1, 2 or 3 for the others. Below it, the first B arms pay less with every
    state (0.2, 0.15, 0.1) and the others more (0.1, 0.15, 0.2), so that the myopic shun the arms that are worth most.

    ## Action Space
    `MultiBinary(J)`: which arms are pulled. Feasible if at most B are.

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
    | J | number of arms; the J nodes around the centre of a larger own network | 20, or as many as there are arms or nodes |
    | B | most pulls in a step, and number of arms with a high prize | 5 |
    | q | probability that a pull reaches a neighbour | 0.5 |
    | instance_seed | which instance: arms and network | 0 |
    | arms | your own `Arms`, the path of their CSV file, or a mapping of arrays; see `budgetgym.envs.restless.arms` | None |
    | network | a `Network`, or the path of its CSV file (columns `station1`, `station2`); replaces the drawn one | None |
    | nodes | names of the network's nodes to keep, in this order | all |
    | start | probability of an arm to begin in state 1 | 0.2 |
    | horizon | steps of an episode | 20 |
    | budget | pulls of an episode, see Budget | all |
    | reward, observation, on_infeasible | see above | "expected", "integer", "raise" |
    | budget_aware | see Observation Space | True |

    ## Instances
    Our own. The arms are the published ones, the network is drawn in the plane: a tree and the shortest further connections,
    1.4 edges a node.

    ## Exact optimum
    `budgetgym.baselines.restless`: exact dynamic programming for a handful of arms, otherwise an upper bound, the Lagrangian
    relaxation over the feasible set. Scores are shares of (optimum or bound - doing nothing).

    ## References
    L. Xu, B. Wilder, E. B. Khalil, M. Tambe: Reinforcement learning with combinatorial actions for coupled restless bandits.
    ICLR 2025, arXiv:2503.01919. (The arms.)

    C. Herlihy, J. P. Dickerson: Networked restless bandits with positive externalities. AAAI 2023, arXiv:2212.05144. (The
    idea that a pull also helps the neighbours of an arm.)

    ## Version History
    * v0: initial version
    """

    kernels = restless_kernels(contains)

    def __init__(
        self,
        *,
        J: int | None = None,
        B: int = 5,
        q: float = 0.5,
        instance_seed: int = 0,
        arms: Any = None,
        network: Any = None,
        nodes: Any = None,
        start: float = 0.2,
        horizon: int = HORIZON,
        budget: Any = None,
        reward: str = "expected",
        observation: str = "integer",
        on_infeasible: str = "raise",
        budget_aware: bool = True,
    ) -> None:
        random, ordering = generators(instance_seed)
        given = read_network(network, nodes, J)
        own = None if arms is None else read_arms(arms)
        J = number_of_arms(J, own, given)
        chains = published_arms(J, positive_integer("B", B), start, random)  # drawn in any case: the network comes after
        self.network = planar_network(J, random) if given is None else given
        matrix, spread = _cascade(self.network.adjacency(), probability("q", q))
        super().__init__(
            arms=_with_spread(chains if own is None else own, spread),
            coupling=matrix,
            feasible=CardinalitySet(J, B),
            random=ordering,
            horizon=horizon,
            budget=budget,
            reward=reward,
            observation=observation,
            on_infeasible=on_infeasible,
            budget_aware=budget_aware,
        )


def _cascade(adjacency: NDArray[np.int64], q: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The coupling (J, J), and (L,) the probability that an arm is reached at every level.

    A pulled neighbour adds 1; the own pull adds more than all neighbours together, which is the highest level.
    """
    degree = int(adjacency.sum(axis=1).max(initial=0))
    reached = np.append(1.0 - (1.0 - q) ** np.arange(degree + 1), 1.0)
    return adjacency + (degree + 1) * np.eye(len(adjacency), dtype=np.int64), reached


def _with_spread(arms: Arms, reached: NDArray[np.float64]) -> Arms:
    """Arms with two levels as arms with a level for every probability `reached` (L,) of being treated."""
    if arms.shape[1] != 2:
        raise ValueError(f"arms have {arms.shape[1]} levels of treatment; expected 2: left alone and pulled")
    share = np.stack([1.0 - reached, reached], axis=1)
    transitions = np.einsum("la,jast->jlst", share, arms.transitions)
    # The reward of a step is that of its cause, left alone or pulled, on average over what may have caused it.
    rewards = np.einsum("la,jast,jast->jlst", share, arms.transitions, arms.rewards)
    rewards = np.divide(rewards, transitions, out=np.zeros_like(rewards), where=transitions > 0.0)
    return Arms(transitions, rewards, arms.start, arms.names)
