"""RLB: bidding by exact dynamic programming (Cai et al., Real-Time Bidding by Reinforcement Learning, WSDM 2017)."""

from __future__ import annotations

import numpy as np

from ..baselines.bidding.bidders import TableBidder, bidding_problem, largest_budget
from ..baselines.bidding.values import optimal_values, pmf_values, rlb_values
from ..envs.core.problem import Problem


class Rlb(TableBidder):
    """Solves the campaign as if every impression were average, then bids with the actual theta.

    The value function V(t, b) averages theta out (section 3 of the paper); at bid time the largest price d with
    `theta + V(t-1, b-d) - V(t-1, b) >= 0` is bid. The table is exact for budgets up to the problem's own, and kept on disk
    by training statistics, T and budget.

    Args:
        problem: the bidding problem.
    """

    def __init__(self, problem: Problem) -> None:
        problem = bidding_problem(problem, "rlb", needs_budget=True)
        super().__init__(problem, rlb_values(problem, largest_budget(problem)))


class RlbPmf(TableBidder):
    """RLB's rule with a value table that sums over the training law of theta instead of taking its average.

    On heavy tails RLB spends too much too early: its table does not know that a few impressions are worth hundreds of others.

    Args:
        problem: a bidding problem whose training statistics tell the law of theta: a training log, or a synthetic instance.
    """

    def __init__(self, problem: Problem) -> None:
        problem = bidding_problem(problem, "rlb_pmf", needs_budget=True)
        super().__init__(problem, pmf_values(problem, largest_budget(problem)))


class Optimal(TableBidder):
    """The best non-anticipating bidder of a synthetic instance: RLB's rule with the exact value table.

    The table sums over the joint law of theta and price, where RLB takes the average theta.

    Args:
        problem: a bidding problem that does not replay a log.
    """

    def __init__(self, problem: Problem) -> None:
        problem = bidding_problem(problem, "optimal", needs_budget=True)
        p = problem.params
        if p.soft_reserve > 0.0 or p.noise > 0.0 or p.calibration != 1.0 or p.limit < np.inf:
            raise ValueError("optimal is for second prices, true predictions and no limits; make the environment with these")
        super().__init__(problem, optimal_values(problem, largest_budget(problem)))
