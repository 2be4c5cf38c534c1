"""RLB: bidding by exact dynamic programming (Cai et al., Real-Time Bidding by Reinforcement Learning, WSDM 2017)."""

from __future__ import annotations

from typing import ClassVar

from ..baselines.bidding.bidders import TableParameters, act_by_table, bidding_problem, largest_budget
from ..baselines.bidding.values import optimal_values, rlb_values, worth_and_price_weight
from ..baselines.policy import Information, KernelPolicy
from ..envs.core.problem import Problem


class Rlb(KernelPolicy):
    """Solves the campaign as if every impression were average, then bids with the actual theta.

    The value function V(t, b) averages theta out (section 3 of the paper); at bid time the largest price d with
    `theta + V(t-1, b-d) - V(t-1, b) >= 0` is bid. The table is exact for budgets up to the problem's own, and kept on disk
    by training statistics, T and budget.

    Args:
        problem: the bidding problem.
    """

    information: ClassVar[Information] = "model"

    def __init__(self, problem: Problem) -> None:
        problem = bidding_problem(problem, "rlb", needs_budget=True)
        value = rlb_values(problem, largest_budget(problem))
        super().__init__(
            problem, act_by_table, TableParameters(problem.reading, value, *worth_and_price_weight(problem), False)
        )


class Optimal(KernelPolicy):
    """The best non-anticipating bidder of a synthetic instance: RLB's rule with the exact value table.

    The table sums over the joint law of theta and price, where RLB takes the average theta.

    Args:
        problem: a bidding problem that does not replay a log.
    """

    information: ClassVar[Information] = "model"

    def __init__(self, problem: Problem) -> None:
        problem = bidding_problem(problem, "optimal", needs_budget=True)
        value = optimal_values(problem, largest_budget(problem))
        super().__init__(
            problem, act_by_table, TableParameters(problem.reading, value, *worth_and_price_weight(problem), False)
        )
