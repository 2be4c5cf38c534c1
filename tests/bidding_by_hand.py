"""The bidders that serve second-price auctions without limits, and what they see, put together by hand."""

import numpy as np

BIDDERS = [
    "constant",
    "random",
    "mcpc",
    "lin",
    "ortb1",
    "ortb2",
    "cmdp",
    "throttle",
    "pid",
    "adaptive_pacing",
    "dmd",
    "dmd:mirror=euclidean",
    "fluid",
    "ss_mdp",
    "rlb",
    "rlb_pmf",
    "rlb_map_a:T0=20",
    "rlb_map_d:T0=20",
    "rlb_seg:T0=20",
    "rlb_nn:T0=20:steps=20",
    "optimal",
]


def see(problem, theta, remaining=1.0, time=1.0, **others):
    """The observation of an auction for `theta`, with these shares of money and time left; other features are 0 or named."""
    initial, scale = problem.budget.range_of("money")[0], problem.budget_scale[0]
    values = {
        "theta": theta / problem.statistics.theta_avg,
        "money_size": initial / (initial + scale),
        "money_remaining": remaining,
        "time_remaining": time,
        **others,
    }
    assert values.keys() <= set(problem.observation_names)
    return np.array([values.get(name, 0.0) for name in problem.observation_names])


def play_by_hand(agent, problem, auctions):
    """Bids in one episode of which only (theta, paid before, auctions left) change, and the memory after every bid.

    auctions: pairs of theta and what the auction before was paid.
    """
    initial, T = problem.budget.range_of("money")[0], problem.horizon
    bids, memories, state, spent = [], [], None, 0.0
    for k, (theta, paid) in enumerate(auctions):
        spent += paid
        remaining = 1.0 - spent / initial if initial else 0.0
        observation = see(problem, theta, remaining, 1.0 - k / T)
        action, state = agent.predict(observation, state, None if k == 0 else np.array([False]))
        bids.append(action.item())
        memories.append(state[0][0].copy())
    return bids, memories
