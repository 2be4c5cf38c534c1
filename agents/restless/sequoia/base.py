"""What the Lagrangian relaxation knows of a situation, in the form of a network's terms: where Residual SEQUOIA begins."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from ....baselines.restless.relaxation import Relaxation, relax, whole_pulls
from ....baselines.restless.treatment import Treatment, value_of
from ....envs.core.checks import one_of
from ....envs.restless.problem import Restless
from ....envs.restless.reading import Situations, read_situations
from .coding import Coding

BASES = ("joint", "lagrangian")


class LagrangianBase:
    """Q(s, a) = sum over arms of (reward + value ahead) under the relaxation + what the set brings + price x pulls left after.

    Args:
        problem: what to decide on.
        base: "joint" takes every arm's level as it is under the whole action; "lagrangian" adds up what every component
            does alone. Both say the same where arms are pulled one by one.
    """

    def __init__(self, problem: Restless, base: str = "joint") -> None:
        self.problem, self.coding = problem, Coding(problem)
        self.base = one_of("base", base, BASES)
        self._gains = problem.arms.expected_rewards()
        self._solved: dict[float, tuple[Relaxation, NDArray[np.float64], NDArray[np.float64]]] = {}

    def terms(self, observations: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Constants (n,) and linear parts (n, X) for observations (n, d)."""
        value, linear = self.terms_of(read_situations(self.problem.reading, observations.numpy()))
        return (torch.as_tensor(array, dtype=observations.dtype) for array in (value, linear))  # type: ignore[return-value]

    def terms_of(self, situations: Situations) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The same for n situations."""
        arms, t, left, initial = situations
        n, J = arms.shape
        value, linear = np.empty(n), np.empty((n, self.coding.width))
        for pulls in np.unique(initial):
            chosen = np.flatnonzero(initial == pulls)
            relaxation, worth, rest = self._worth(float(pulls))
            when = np.minimum(t[chosen], self.problem.horizon - 1)
            levels = worth[when[:, None], np.arange(J), arms[chosen]]  # (k, J, L)
            value[chosen] = levels[..., 0].sum(axis=1) + rest[when + 1]
            gains = levels[..., 1:] - levels[..., :1]
            linear[chosen] = self._by_code(gains)
            linear[chosen, : self.coding.m] -= relaxation.price
            value[chosen] += relaxation.price * left[chosen]
        return value, linear

    def ahead(self, arms: NDArray[np.int64], t: NDArray[np.int64], initial: NDArray[np.int64]) -> NDArray[np.float64]:
        """(n,) what the relaxation says of states of arms (n, J) at times t (n,), until the end."""
        total = np.empty(len(arms))
        for pulls in np.unique(initial):
            chosen = initial == pulls
            values = self._worth(float(pulls))[0].values
            total[chosen] = values[t[chosen][:, None], np.arange(arms.shape[1]), arms[chosen]].sum(axis=1)
        return total

    def expected_ahead(
        self, arms: NDArray[np.int64], t: NDArray[np.int64], initial: NDArray[np.int64], actions: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """(n,) the expectation of `ahead` one step later, if actions (n, m) are played."""
        level = np.minimum(actions @ self.problem.coupling.T, self.coding.levels - 1)
        j, total = np.arange(arms.shape[1]), np.empty(len(arms))
        for pulls in np.unique(initial):
            chosen = initial == pulls
            worth = self._worth(float(pulls))[1]
            found = worth[t[chosen][:, None], j, arms[chosen], level[chosen]]
            total[chosen] = (found - self._gains[j, level[chosen], arms[chosen]]).sum(axis=1)
        return total

    def _worth(self, pulls: float) -> tuple[Relaxation, NDArray[np.float64], NDArray[np.float64]]:
        """The relaxation; (H, J, S, L) reward and value ahead of every level; (H + 1,) what the set brings until the end.

        Values of arms are net of the prices of treatment. What is paid at these prices for the best action of a step comes
        back: the sum of both is the bound.
        """
        key = whole_pulls(self.problem, pulls)
        if key not in self._solved:
            relaxation = relax(self.problem, key)
            ahead = np.einsum("jlst,hjt->hjsl", self.problem.arms.transitions, relaxation.values[1:])
            treatment = Treatment(self.problem)
            best = [treatment.maximise(prices, price=relaxation.price) for prices in relaxation.prices]
            paid = [
                value_of(self.problem, prices, action[None])[0] - relaxation.price * action.sum()
                for prices, action in zip(relaxation.prices, best, strict=True)
            ]
            rest = np.concatenate([np.cumsum(paid[::-1])[::-1], [0.0]])
            self._solved[key] = relaxation, self._gains.transpose(0, 2, 1) + ahead, rest
        return self._solved[key]

    def _by_code(self, gains: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, X) for gains (n, J, L - 1) of levels over level 0."""
        coding, n = self.coding, len(gains)
        if not coding.has_levels:
            return gains[..., 0]
        if self.base == "joint":
            return np.concatenate([np.zeros((n, coding.m)), gains.reshape(n, -1)], axis=1)
        levels = np.minimum(self.problem.coupling, coding.levels - 1)  # (J, m)
        padded = np.concatenate([np.zeros((n, len(levels), 1)), gains], axis=2)
        alone = padded[:, np.arange(len(levels))[:, None], levels].sum(axis=1)
        return np.concatenate([alone, np.zeros((n, gains[0].size))], axis=1)
