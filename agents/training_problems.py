"""What learners learn on, and what the problem to decide on takes for their actions, by family."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ..baselines.bidding.bidders import training_problem
from ..envs.bidding.layout import HIGHEST_PRICE
from ..envs.bidding.problem import RealTimeBidding
from ..envs.core.budget import Budget
from ..envs.core.problem import Problem
from ..envs.restless.problem import Restless
from ..envs.routing.agentic.problem import AgenticRouting
from ..envs.routing.logged.problem import LoggedRouting
from ..envs.steering.problem import SocialSteering


def budgets_around(problem: Problem, factor: float) -> Budget:
    """The problem's budgets, widened by `factor` both ways, on a log scale.

    With one budget all episodes spend along nearly the same curve; a critic that sees only that curve cannot tell what a
    little more money is worth, and the policy swings between hoarding and wasting.
    """
    low, high = problem.budget.arrays(problem.resources)
    ranges = zip(problem.resources, np.maximum(low / factor, 1e-9), np.maximum(high * factor, 1e-9), strict=True)
    return Budget({resource: (float(a), float(b)) for resource, a, b in ranges}, log=True)


def bidding_training(problem: RealTimeBidding) -> RealTimeBidding:
    """Simulated training auctions, with a pacing exponent as action and budgets around the problem's own."""
    if problem.control == "dual":
        raise ValueError("control is 'dual', which no learner is configured for; expected 'bid' or 'pacing'")
    kept = {"ticks": problem.ticks, "traffic": problem.settings.get("traffic", "even"), "budget_aware": problem.budget_aware}
    return training_problem(problem).replace(**kept, control="pacing", budget=budgets_around(problem, 4.0))


def short_bidding_training(problem: RealTimeBidding) -> RealTimeBidding:
    """Training episodes of 50 decisions with the same money per auction; `BiddingFeatures` does not tell them apart.

    A critic has to see what one bid is worth beside all later ones; of a thousand that is lost in its error.
    """
    training = bidding_training(problem)
    decisions = min(training.horizon, 50)
    T = max(training.params.auctions * decisions // training.horizon, 1)
    low, high = (float(end[0]) * T / training.params.auctions for end in training.budget.arrays(training.resources))
    ticks = None if training.ticks is None else decisions
    return training.replace(T=T, ticks=ticks, budget=Budget({"money": (low, high)}, log=True))


def bids_from_pacing(problem: RealTimeBidding, observations: NDArray[np.float64], actions: NDArray[np.float32]) -> NDArray:
    """What the problem takes for a pacing exponent: itself, a bid, or a whole bid."""
    if problem.control == "pacing":
        return actions
    truthful = observations[:, :1] * problem.statistics.mean_price
    bids = np.clip(truthful * np.exp(4.0 * actions), 0.0, HIGHEST_PRICE)
    return bids.astype(np.int64)[:, 0] if isinstance(problem.action_space, spaces.Discrete) else bids.astype(np.float32)


def soft_bidding_training(problem: RealTimeBidding) -> RealTimeBidding:
    """As `short_bidding_training`, with money for the highest price in every auction."""
    training = short_bidding_training(problem)
    return training.replace(budget=float(HIGHEST_PRICE * training.params.auctions), budget_aware=False)


def soft_routing_training(problem: AgenticRouting) -> AgenticRouting:
    """The same tasks, with a budget for any calls."""
    return problem.replace(budget=np.inf, budget_aware=False)


def routing_training(problem: AgenticRouting) -> AgenticRouting:
    """The same tasks, with budgets around the problem's own."""
    return problem.replace(budget=budgets_around(problem, 2.0))


def all_caps(problem: AgenticRouting) -> AgenticRouting:
    """The same tasks, with budgets from a twentieth of what always-large takes to as much as an episode can use."""
    unlimited = float(problem.replace(budget=np.inf).budget.arrays(problem.resources)[1][0])
    least = max(float(problem.budget_scale[0]) / 20.0, float(problem.least_budget[0]))
    return problem.replace(budget=Budget({problem.resources[0]: (least, unlimited)}, log=True))


def logged_training(problem: LoggedRouting) -> LoggedRouting:
    """Random queries of what routers may learn from, with budgets around the problem's own.

    That is the training part. Where all is played, or the training part itself, it is that (hindsight, and results say so).
    """
    settings = {"split": "train"} if problem.settings.get("split", "test") == "test" else {}
    return problem.replace(**settings, shuffled=True, budget=budgets_around(problem, 2.0), share=None)


def as_it_is(problem: Problem) -> Problem:
    """Learn on the problem itself."""
    return problem


def as_chosen(problem: Problem, observations: NDArray[np.float64], actions: NDArray[Any]) -> NDArray[Any]:
    """The learner's actions are the problem's own."""
    return actions


def steering_by_number(problem: SocialSteering) -> SocialSteering:
    """The same problem, with the numbers of precisions as actions where they are listed."""
    return problem.replace(discrete=True) if problem.params.listed else problem


def precisions_from_numbers(problem: SocialSteering, observations: NDArray[np.float64], actions: NDArray[Any]) -> NDArray[Any]:
    """What the problem takes for the numbers of precisions: themselves, or places on the scale from -1 to 1."""
    p = problem.params
    if not (p.on_scale and p.listed):
        return actions
    on_scale = (p.levels - 0.5) / (p.q_max - 0.5) * 2.0 - 1.0
    return on_scale[actions].reshape(len(actions), -1)


def in_expectation(problem: Restless) -> Restless:
    """The same problem with expected rewards, which have the same mean and no luck."""
    return problem if problem.params.expected else problem.replace(reward="expected")
