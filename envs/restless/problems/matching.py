"""`RestlessMatching`: pulls that need appointments with workers."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from ...core.checks import positive_integer
from ..arms import published_arms, read_arms
from ..feasible.matching import MatchingSet, contains
from ..kernels import restless_kernels
from ..problem import Options, Restless, generators, number_of_arms

ARM_SLOTS = 2
WORKER_SLOTS = 3


class RestlessMatching(Restless):
    r"""
    ## Description
    J arms and B workers with calendars of K slots. To pull an arm takes two appointments: a slot that suits the arm, and a
    worker who is available in it and sees nobody else then. At most B arms are pulled in a step. (`scheduling` in the
    authors' code. As in its programme, the two appointments may be with the same worker; its heuristics ask for two
    different ones, a smaller set.)

    $chain

    ## Action Space
    `MultiBinary(J)`: which arms are pulled. Feasible if all their appointments can be found.

    $observation_to_end

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
    $options

    ## Instances
    As published: an arm has 2 slots and a worker 3, drawn without replacement with probabilities that rise from slot to slot
    for arms and fall for workers, so that demand and supply miss each other. J, B = 20, 5; 40, 10; 100, 20.

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
        K: int = 5,
        instance_seed: int = 0,
        arms: str | Any = None,
        arm_slots: Any = None,
        worker_slots: Any = None,
        start: float = 0.2,
        **options: Unpack[Options],
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
            **options,
        )


def _calendars(n: int, slots: int, weights: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.bool_]:
    """(n, K) calendars with `slots` slots each, drawn without replacement with these weights."""
    calendars = np.zeros((n, len(weights)), np.bool_)
    for row in calendars:
        row[random.choice(len(weights), slots, replace=False, p=weights / weights.sum())] = True
    return calendars
