"""`RestlessInterventions`: every action of a few helps several arms, and only together they help much."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from ...core.checks import as_array, positive_integer
from ..arms import Arms, birth_death, published_rewards, published_start, read_arms
from ..feasible.cardinality import CardinalitySet, contains
from ..kernels import restless_kernels
from ..problem import Options, Restless, generators, number_of_arms

TOGETHER = 3
"""Interventions come in groups of this many, and every one treats this many arms."""

WEIGHT = 3.0
"""What one intervention adds to the argument of an arm's link function."""


class RestlessInterventions(Restless):
    r"""
    ## Description
    J arms and N interventions, a radio campaign or a training say, each of which treats several arms at once; at most B of
    them run in a step. An arm with v effective interventions goes up with probability
    `0.98 (a sig(3 b v - x0) - a sig(-x0)) + 0.01`, or else down. *Easy* arms (the first `ceil(J B / N)`) respond to the
    first intervention, if weakly (a in 0.2..0.5, b = 1, x0 in {1, 2}); *hard* arms (a in 0.7..1, b in 1.4..1.9, x0 in
    {9, 10}) hardly respond to one, half to two and fully to three. B interventions are for hard arms, in groups of three
    that treat the same three arms, so they are worth having only together; the others are for easy arms.

    The prizes are the published ones: 4, 5 or 6 in the highest state of the first B arms (which are easy ones), 1, 2 or 3
    in that of the others, and small rewards below. (`sigmoid` in the authors' code, whose training environment draws other
    link functions than the one it is evaluated on.)

    ## Action Space
    `MultiBinary(N)`: which interventions run. Feasible if at most B do.

    $observation_to_end

    ## Arguments
    | Name | Meaning | Default |
    |---|---|---|
    | J | number of arms | 20, or as many as there are own arms |
    | N | number of interventions | 10, or as many as there are columns of own effects |
    | B | most interventions in a step, and number of arms with a high prize | 5 |
    | instance_seed | which instance: prizes, link functions, who treats whom | 0 |
    | arms | your own `Arms`, the path of their CSV file, or a mapping of arrays; see `budgetgym.envs.restless.arms` | None |
    | effects | (J, N) by how many levels an intervention treats an arm, up to its highest; with own arms | None |
    | start | probability of an arm to begin in state 1 | 0.2 |
    $options

    ## Instances
    As published for J, N, B = 20, 10, 5; 40, 20, 10; 100, 50, 20; 100, 30, 20. Where there are not enough arms for every
    group to have its own (the authors' code fails there), groups share the arms that are treated least. With N >= 30 and
    B >= 8 the actions can't be listed: 20, 30, 8 has 8.7 million.

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
        N: int | None = None,
        B: int = 5,
        instance_seed: int = 0,
        arms: str | Any = None,
        effects: Any = None,
        start: float = 0.2,
        **options: Unpack[Options],
    ) -> None:
        random, ordering = generators(instance_seed)
        own = None if arms is None else read_arms(arms)
        if (own is None) != (effects is None):
            raise ValueError("own arms and effects come together: the levels of the arms are what the effects add up to")
        J, B = number_of_arms(J, own), positive_integer("B", B)
        if own is None:
            N = positive_integer("N", 10 if N is None else N)
            if not TOGETHER <= J or not B < N:
                raise ValueError(f"J, N, B are {J}, {N}, {B}; expected B < N, and J >= {TOGETHER}")
            easy = min(int(np.ceil(J * B / N)), J - TOGETHER)
            matrix = _groups(J, N, B, max(easy, TOGETHER), random)
            chosen = CardinalitySet(N, B)
            own = _arms(J, B, easy, int(matrix.sum(axis=1).max()) + 1, start, random)
        else:
            matrix = _effects(effects, J, own.shape[1])
            if N is not None and matrix.shape[1] != N:
                raise ValueError(f"effects has {matrix.shape[1]} columns; expected N = {N}")
            chosen = CardinalitySet(matrix.shape[1], B)
        super().__init__(
            arms=own,
            coupling=matrix,
            feasible=chosen,
            random=ordering,
            **options,
        )


def link(a: Any, b: Any, x0: Any, v: Any) -> Any:
    """Probability to rise with v effective interventions (section 1.5 of the authors' code)."""
    return 0.98 * (a * expit(WEIGHT * b * v - x0) - a * expit(-x0)) + 0.01


def _arms(J: int, B: int, easy: int, levels: int, start: float, random: np.random.Generator) -> Arms:
    """The published arms: link functions of easy and hard ones, a level for every number of interventions."""
    hard = np.arange(J) >= easy
    a = np.where(hard, (random.random(J) * 0.3 + 0.7).round(1), (random.random(J) * 0.3 + 0.2).round(1))
    b = np.where(hard, (random.random(J) * 0.5 + 1.4).round(1), 1.0)
    x0 = np.where(hard, random.integers(9, 11, J), random.integers(1, 3, J))
    up = link(a[:, None], b[:, None], x0[:, None], np.arange(levels))
    return Arms.from_arrays(birth_death(up), published_rewards(J, B, random), published_start(J, start))


def _groups(J: int, N: int, B: int, easy: int, random: np.random.Generator) -> NDArray[np.int64]:
    """(J, N) who treats whom: B interventions the hard arms, the others the easy ones, in groups; the rest one by one."""
    matrix = np.zeros((J, N), np.int64)
    shuffled = random.permutation(N)
    for interventions, arms in ((shuffled[:B], np.arange(min(easy, J - TOGETHER), J)), (shuffled[B:], np.arange(easy))):
        whole = len(interventions) // TOGETHER * TOGETHER
        groups = [interventions[k : k + TOGETHER] for k in range(0, whole, TOGETHER)]
        for group in [*groups, *interventions[whole:, None]]:
            treated = matrix[arms].sum(axis=1)
            least = arms[np.lexsort([random.random(len(arms)), treated])][:TOGETHER]  # untouched ones as long as there are
            matrix[np.ix_(least, group)] = 1
    return matrix


def _effects(effects: Any, J: int, levels: int) -> NDArray[np.int64]:
    matrix = as_array("effects", effects)
    if matrix.ndim != 2 or matrix.shape[0] != J or not matrix.shape[1] or matrix.dtype.kind not in "iub" or (matrix < 0).any():
        kind = f"shape {matrix.shape} and dtype {matrix.dtype}"
        raise ValueError(f"effects has {kind}; expected whole numbers >= 0, a row for each of {J} arms")
    return np.minimum(matrix, levels - 1).astype(np.int64)  # more is the highest level too, and sums can't overflow
