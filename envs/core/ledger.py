"""The ledger: what a budget pays, and how money moves. Amounts are per lane and resource, (n, k) in the state.

All comparisons of money are `pays`, here and in every family: sums of prices round, and ten calls of 0.1 fit into 1.
"""

from __future__ import annotations

import numpy as np

from . import rng
from .jit import jit

ROUNDING = 1e-9
"""Share of an initial amount that sums of prices may be off by."""


@jit
def tolerance(initial):
    """What an amount that is left of `initial` may be off by; of an unlimited amount, nothing."""
    return ROUNDING * initial if initial < np.inf else 0.0


@jit
def payable(remaining, initial):
    """The most that what remains of an initial amount pays for, rounding included; where nothing remains, nothing."""
    return remaining + tolerance(initial) if remaining > 0.0 else 0.0


@jit
def pays(remaining, amount, initial):
    """Whether what remains of an initial amount pays for `amount`."""
    return amount <= payable(remaining, initial)


@jit
def payment(remaining, amount, initial):
    """What paying an `amount` that it pays takes from what remains: all of it where the two are equal but for rounding."""
    return remaining if amount > 0.0 and amount >= remaining - tolerance(initial) else amount


@jit
def spent_after(spent, cost, remaining, initial):
    """What is spent in all after a payment of `cost` that left so much of an initial amount; never more than that.

    A sum of its own: of a huge budget, or an unlimited one, the difference to the start says nothing.
    """
    return initial if remaining == 0.0 else min(spent + cost, initial)


@jit
def charge(state, i):
    """Pay the latest cost of lane i, and write down what that took. False, and nothing paid, if the budget does not pay it."""
    for k in range(state.cost.shape[1]):
        cost = state.cost[i, k]
        if not (0.0 <= cost < np.inf and pays(state.remaining[i, k], cost, state.initial[i, k])):
            return False
    for k in range(state.cost.shape[1]):
        cost = payment(state.remaining[i, k], state.cost[i, k], state.initial[i, k])
        state.cost[i, k] = cost
        state.remaining[i, k] -= cost
        state.spent[i, k] = spent_after(state.spent[i, k], cost, state.remaining[i, k], state.initial[i, k])
    return True


@jit
def amount_between(low, high, log, u):
    """The amount of a range at u in [0, 1), even in its logarithm if `log`."""
    return low * (high / low) ** u if log else low + (high - low) * u


@jit
def open_ledger(rules, state, i):
    """Give lane i its initial budget: the one asked for, or as configured."""
    for k in range(state.initial.shape[1]):
        amount = state.next_budget[i, k]
        low, high = rules.budget_low[k], rules.budget_high[k]
        if not np.isnan(amount):
            state.next_budget[i, k] = np.nan
        elif low == high:
            amount = low
        else:
            amount = amount_between(low, high, rules.budget_log, rng.uniform(state.rng, i))
        state.initial[i, k] = amount
        state.remaining[i, k] = amount
        state.spent[i, k] = 0.0
        state.cost[i, k] = 0.0
    state.blocked[i] = 0
    state.late[i] = 0


@jit
def time_to_come(rules, state, i):
    """The share of the horizon that the episode has: 1, but for one that begins late."""
    return 1.0 - state.late[i] / rules.horizon


@jit
def shorten_ledger(rules, state, i):
    """Leave lane i, whose episode begins late, the budget for the time to come."""
    if state.late[i] > 0:
        for k in range(state.initial.shape[1]):
            state.initial[i, k] *= time_to_come(rules, state, i)
            state.remaining[i, k] = state.initial[i, k]


@jit
def share(part, whole):
    """A part as a share of the whole: 1 of an unlimited whole, 0 of none."""
    return 0.0 if whole == 0.0 else part / whole if whole < np.inf else 1.0


@jit
def observe_budget(rules, state, i, out):
    """The tail of an observation: size of every budget, remaining share of every budget, remaining share of time.

    An episode that begins late looks like the rest of a whole one whose budget was spent evenly so far.
    """
    resources, part = state.initial.shape[1], time_to_come(rules, state, i)
    for k in range(resources):
        initial = state.initial[i, k]
        out[k] = share(initial, initial + rules.budget_scale[k] * part)
        out[resources + k] = share(state.remaining[i, k], initial) * part
    out[2 * resources] = max(0.0, 1.0 - (state.t[i] + state.late[i]) / rules.horizon)
