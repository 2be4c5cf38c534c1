"""`RestlessCapacity`: pulls that workers of limited capacity must share."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from ...core.checks import as_array, positive, positive_integer
from ..arms import published_arms, read_arms
from ..feasible.capacity import CapacitySet, contains
from ..kernels import restless_kernels
from ..problem import Options, Restless, generators, number_of_arms


class RestlessCapacity(Restless):
    r"""
    ## Description
    J arms, patients say, each in better or worse state; B health workers, each of whom can spend so much effort in a step.
    To pull an arm, one worker must spend the arm's cost. Which arms are pulled at once is a packing problem (`constrained`
    in the authors' code, which never checks it).

    $chain

    ## Action Space
    `MultiBinary(J)`: which arms are pulled. Feasible if the pulled arms can be dealt out to the workers so that none spends
    more than his capacity.

    $observation_to_end

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
    $options

    ## Instances
    As published: costs are uniform on 2..6 and capacities on 2..7, once per instance. J, B = 20, 5; 40, 10; 100, 20.

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
        instance_seed: int = 0,
        arms: str | Any = None,
        costs: Any = None,
        capacities: Any = None,
        start: float = 0.2,
        **options: Unpack[Options],
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
            **options,
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
