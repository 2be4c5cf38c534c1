"""What planners look ahead with in real-time bidding."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...baselines.bidding.bidders import largest_budget
from ...baselines.bidding.values import rlb_values
from ...envs.bidding.problem import RealTimeBidding
from ...envs.bidding.reading import read_auctions_left, read_remaining
from ..planning.evaluators import Value
from ..planning.lookahead import Lookahead


class MoneyLeft:
    """What the money left is worth in the auctions left, if every impression were an average one: RLB's value table."""

    def __init__(self, problem: RealTimeBidding) -> None:
        self._reading, self._value = problem.reading, rlb_values(problem, largest_budget(problem))

    def __call__(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, d) observations -> (n,)."""
        last = self._value.shape[1] - 1
        read = [(read_auctions_left(self._reading, row), min(read_remaining(self._reading, row), last)) for row in rows]
        t, b = np.array(read).T
        return self._value[t, b]


LOOKAHEAD = Lookahead(policy="ss_mdp", evaluator=lambda problem: Value(MoneyLeft(problem)))
