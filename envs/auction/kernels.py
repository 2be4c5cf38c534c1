"""The mechanics of an episode: auctions are held one after another, each with the money that is left by then.

Nothing is overspent, and nothing is held twice: an agent that runs out of money is missing in the very next auction.
"""

from __future__ import annotations

import numpy as np

from ..core import jit, ledger, rng
from .rules import payment, rank
from .values import draw_values, draws_per_auction, first_lot

DUST = 1e-6
"""Share of its initial money with which an agent counts as exhausted."""


@jit
def by_tick(params):
    """Whether a step is a tick of many auctions."""
    return params.tick_start.shape[0] > 1


@jit
def is_exhausted(params, money, initial):
    """Whether an agent with so much money is out: it can't reach the reserve, or has next to nothing.

    Without the second, agents who pay what others bid would halve what they have left for hundreds of auctions.
    """
    return not ledger.pays(money, params.reserve, initial) or (initial < np.inf and money <= DUST * initial)


@jit
def arrive(params, state, w):
    """The next auction comes up."""
    state.draw[w] = rng.reserve(state.rng, w, draws_per_auction(state.value.shape[1]))
    draw_values(params, state.draw[w], state.value[w])


@jit
def hold_auction(params, state, work, w, gain):
    """One auction for the scores in `work.score`; adds the worth won to `gain` (N,).

    A score beyond an agent's money is lowered to it: nobody pays more than its score. Returns the least score that would have
    won a slot for a loser; by how much that of a winner differs is added to its `minimum_bid`.
    """
    agents, slots = work.score.shape[0], params.effects.shape[0]
    for i in range(agents):
        asked, money = work.score[i], state.remaining[w, i]
        if not ledger.pays(money, asked, state.initial[w, i]):
            state.blocked[w, i] += 1
            work.score[i] = money
    rank(work.score, params.reserve, first_lot(state.draw[w], agents), work.order, work.top)
    for s in range(slots):
        i = work.order[s]
        if i < 0:
            break
        initial, money = state.initial[w, i], state.remaining[w, i]
        price = ledger.payment(money, payment(params.rule, params.effects, work.top, s), initial)
        money -= price
        state.cost[w, i] += price
        state.remaining[w, i] = money
        state.won[w, i] += 1.0
        state.minimum_bid[w, i] += work.top[slots] - work.top[slots - 1]
        gain[i] += params.effects[s] * params.quality[i] * state.value[w, i]
        if is_exhausted(params, money, initial):
            state.active[w, i] = False
            state.bidders[w] -= 1
            work.weight[i] = 0.0
    state.auction[w] += 1
    return work.top[slots - 1]


@jit
def step(params, state, work, w, action, reward):
    """One auction, or all auctions of a tick, for the agents' actions (N,); writes their rewards (N,)."""
    agents = action.shape[0]
    for i in range(agents):
        state.cost[w, i] = 0.0
        state.won[w, i] = 0.0
        state.minimum_bid[w, i] = 0.0
        reward[i] = 0.0
        work.weight[i] = action[i] * params.quality[i] if state.active[w, i] else 0.0
    minimum, begun = 0.0, state.auction[w]
    if by_tick(params):
        end = params.tick_start[state.t[w] + 1]
        while state.auction[w] < end and state.bidders[w] > 0:
            arrive(params, state, w)
            for i in range(agents):
                work.score[i] = work.weight[i] * state.value[w, i]
            minimum += hold_auction(params, state, work, w, reward)
    else:
        for i in range(agents):
            work.score[i] = work.weight[i]
        minimum = hold_auction(params, state, work, w, reward)
    state.t[w] += 1
    state.finished[w] = state.auction[w] == params.auctions or state.bidders[w] == 0
    close_step(params, state, w, reward, minimum, max(state.auction[w] - begun, 1))  # a tick may be empty
    if not (by_tick(params) or state.finished[w]):
        arrive(params, state, w)


@jit
def close_step(params, state, w, reward, minimum, auctions):
    """Turn what a step has summed up into what is reported of it. reward (N,): the worth won before, the reward afterwards."""
    for i in range(reward.shape[0]):
        cost = state.cost[w, i]
        state.spent[w, i] = ledger.spent_after(state.spent[w, i], cost, state.remaining[w, i], state.initial[w, i])
        state.revenue[w] += cost
        state.worth_won[w, i] += reward[i]
        state.wins[w, i] += np.int64(state.won[w, i])
        state.price_paid[w, i] = cost / max(state.won[w, i], 1.0)
        state.won[w, i] /= auctions
        least = max(minimum + state.minimum_bid[w, i], 0.0)  # below 0 by rounding
        state.minimum_bid[w, i] = least / (auctions * params.quality[i])
        if params.profit:
            reward[i] -= cost


@jit
def reset(params, state, w):
    """A new episode with the money in `initial`."""
    agents = state.value.shape[1]
    state.t[w] = 0
    state.auction[w] = 0
    state.bidders[w] = agents
    state.finished[w] = False
    state.revenue[w] = 0.0
    for i in range(agents):
        state.active[w, i] = True
        state.value[w, i] = 0.0
        state.remaining[w, i] = state.initial[w, i]
        state.spent[w, i] = 0.0
        state.worth_won[w, i] = 0.0
        state.wins[w, i] = 0
        state.blocked[w, i] = 0
        state.cost[w, i] = 0.0
        state.won[w, i] = 0.0
        state.price_paid[w, i] = 0.0
        state.minimum_bid[w, i] = 0.0
    if not by_tick(params):
        arrive(params, state, w)


@jit
def observe(params, state, w, out):
    """Write what every agent sees, (N, 8); see the table in `AuctionGame`. None of it is about a rival's money."""
    ticks = params.tick_start.shape[0] - 1
    steps = ticks if ticks > 0 else params.auctions
    ahead = 0
    if ticks > 0 and state.t[w] < ticks:
        ahead = params.tick_start[state.t[w] + 1] - params.tick_start[state.t[w]]
    for i in range(out.shape[0]):
        initial = state.initial[w, i]
        out[i, 0] = ahead * ticks / params.auctions if ticks > 0 else state.value[w, i]
        out[i, 1] = state.cost[w, i] / initial * steps
        out[i, 2] = state.won[w, i]
        out[i, 3] = min(state.price_paid[w, i], params.highest_score)  # means may round above their bounds
        out[i, 4] = min(state.minimum_bid[w, i], params.highest_score / params.quality[i])
        out[i, 5] = ledger.share(initial, initial + params.budget_scale)
        out[i, 6] = ledger.share(state.remaining[w, i], initial)
        out[i, 7] = 1.0 - state.t[w] / steps


@jit
def step_worlds(params, state, work, actions, reward, observation):
    """One step in every world that has not finished: actions and reward (W, N), observation (W, N, 8)."""
    for w in range(actions.shape[0]):
        if state.finished[w]:
            state.cost[w, :] = 0.0
            reward[w, :] = 0.0
        else:
            step(params, state, work, w, actions[w], reward[w])
        observe(params, state, w, observation[w])


@jit
def reset_worlds(params, state, chosen):
    """New episodes in the chosen worlds (W,)."""
    for w in range(chosen.shape[0]):
        if chosen[w]:
            reset(params, state, w)


@jit
def observe_worlds(params, state, observation):
    """Write what all agents see, (W, N, 8)."""
    for w in range(observation.shape[0]):
        observe(params, state, w, observation[w])


@jit
def record_values(params, state, value):
    """Write the values of all auctions of episodes that have just begun, (W, T, N), which uses them up."""
    for w in range(value.shape[0]):
        for k in range(value.shape[1]):
            if by_tick(params) or k > 0:
                arrive(params, state, w)
            for i in range(value.shape[2]):
                value[w, k, i] = state.value[w, i]
