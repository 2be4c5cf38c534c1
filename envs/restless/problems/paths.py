"""`RestlessPaths`: the pulled arms lie on the way of someone who travels."""

from __future__ import annotations

from typing import Any, Unpack

from ...core.checks import positive_integer
from ..arms import published_arms, read_arms
from ..feasible.paths import PathSet, contains
from ..kernels import restless_kernels
from ..network import planar_network, read_network
from ..problem import Options, Restless, generators, number_of_arms


class RestlessPaths(Restless):
    r"""
    ## Description
    J arms at the nodes of a network. In a step somebody leaves the source, walks along at most `walk` edges, is back at the
    source at the end, and pulls up to B of the arms on the way. Edges and nodes may be passed again, and to pass an arm does
    not oblige to pull it. (`routing` in the authors' code, whose programme lets detached loops "visit" any arm, so that there
    the path binds random and greedy policies but not those that solve the programme. Here it binds all.)

    $chain

    ## Action Space
    `MultiBinary(J)`: which arms are pulled. Feasible if at most B are, and one such walk passes them all: exactly, by a
    table of all sets of nodes for J <= 20, by branch and bound beyond.

    $observation_to_end

    ## Arguments
    | Name | Meaning | Default |
    |---|---|---|
    | J | number of arms; the J nodes around the source of a larger own network | 20, or as many as there are arms or nodes |
    | B | most pulls in a step, and number of arms with a high prize | 5 |
    | walk | most edges of a walk | 2 B |
    | instance_seed | which instance: arms and network | 0 |
    | arms | your own `Arms`, the path of their CSV file, or a mapping of arrays; see `budgetgym.envs.restless.arms` | None |
    | network | a `Network`, or the path of its CSV file (columns `station1`, `station2`); replaces the drawn one | None |
    | nodes | names of the network's nodes to keep, in this order | all |
    | source | name of the node where walks begin and end | the centre: fewest edges to all others |
    | start | probability of an arm to begin in state 1 | 0.2 |
    $options

    ## Instances
    The arms are the published ones; J, B = 20, 5; 40, 10; 100, 20. The network is drawn in the plane: a tree and the shortest
    further connections, 1.4 edges a node. The published networks are parts of the London Underground, which is not
    distributed here; `network=` reads its table of connections, and `nodes=` picks the part.

    $optimum

    ## References
    $paper

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
        walk: int | None = None,
        instance_seed: int = 0,
        arms: str | Any = None,
        network: Any = None,
        nodes: Any = None,
        source: Any = None,
        start: float = 0.2,
        **options: Unpack[Options],
    ) -> None:
        random, ordering = generators(instance_seed)
        given = read_network(network, nodes, J, source)
        own = None if arms is None else read_arms(arms)
        J = number_of_arms(J, own, given)
        chains = published_arms(J, positive_integer("B", B), start, random)  # drawn in any case: the network comes after
        self.network = planar_network(J, random) if given is None else given
        self.source = self.network.centre() if source is None else self.network.node(source)
        super().__init__(
            arms=chains if own is None else own,
            feasible=PathSet(self.network, self.source, B, walk),
            random=ordering,
            **options,
        )
