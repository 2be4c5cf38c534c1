"""`RestlessSpillover`: a pull also reaches the neighbours."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from ...core.checks import positive_integer, probability
from ..arms import Arms, published_arms, read_arms
from ..feasible.cardinality import CardinalitySet, contains
from ..kernels import restless_kernels
from ..network import planar_network, read_network
from ..problem import Options, Restless, generators, number_of_arms


class RestlessSpillover(Restless):
    r"""
    ## Description
    J arms on a network, and at most B pulls in a step. A pull does not stay where it is: it reaches every neighbour of the
    pulled arm with probability q, independently (one step of an independent cascade), and who is reached moves on as if he
    had been pulled. An arm that was not pulled, with m pulled neighbours, so moves by
    `(1 - q)^m P(left alone) + (1 - (1 - q)^m) P(pulled)`. Pulls at neighbouring arms are partly wasted on each other, and an
    arm with many neighbours is worth more than its own prize: what a pull is worth depends on the other pulls, which no sum
    over single arms can say.

    $chain

    ## Action Space
    `MultiBinary(J)`: which arms are pulled. Feasible if at most B are.

    $observation_to_end

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
    $options

    ## Instances
    Our own. The arms are the published ones, the network is drawn in the plane: a tree and the shortest further connections,
    1.4 edges a node.

    $optimum

    ## References
    $paper (The arms.)

    C. Herlihy, J. P. Dickerson: Networked restless bandits with positive externalities. AAAI 2023, arXiv:2212.05144. (The
    idea that a pull also helps the neighbours of an arm.)

    ## Version History
    * v0: initial version. Since its first draft observations are float32 by default, and actions that are infeasible or out of
      range are projected or clipped in place of an error.
    """

    kernels = restless_kernels(contains)

    def __init__(
        self,
        *,
        J: int | None = None,
        B: int = 5,
        q: float = 0.5,
        instance_seed: int = 0,
        arms: str | Any = None,
        network: Any = None,
        nodes: Any = None,
        start: float = 0.2,
        **options: Unpack[Options],
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
            **options,
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
