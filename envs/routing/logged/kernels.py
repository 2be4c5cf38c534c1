"""The mathematics of a replayed routing log.

A query waits. The router calls a model; the log says how well that model answered and what it cost. A task may be a trace of
several such calls, and its outcome is their product. What the models would answer is in the log, and hidden: `resample`
redraws it for a planner. Nothing in a replay is random; a shuffled one draws its tasks, the same ones whatever is called.
"""

from __future__ import annotations

import numpy as np

from ...core import jit, rng
from ...core.ledger import pays

NEIGHBOURS = 50
"""A planner takes the waiting query's outcomes from one of this many of its domain with prompts of nearly the same length."""


@jit
def begin_task(params, state, i):
    """The task whose first row is `source` arrives."""
    state.shown[i] = state.source[i]
    state.step[i] = 0
    state.passing[i] = 1.0
    state.belief[i] = 1.0


@jit
def draw_task(params, state, i):
    """The first row of a random task."""
    return params.start[rng.integer(state.rng, i, params.start.shape[0])]


@jit
def next_task(params, state, i):
    """Move to the first row of the next task. False at the end of a log."""
    if params.shuffled or state.imagined[i]:
        state.source[i] = draw_task(params, state, i)
        return True
    state.source[i] += 1
    return state.source[i] < params.last.shape[0]


@jit
def late_tasks(params, state, i):
    """Tasks of a whole episode that are missing in this one, at the end of the log."""
    return state.late[i] // params.steps


@jit
def is_done(params, state, i):
    """Whether the episode has had all of its tasks."""
    return state.done[i] + late_tasks(params, state, i) == params.tasks


@jit
def reset(params, state, i):
    """Episode k of a replay begins with task k T of the log; of a shuffled one, with a random task."""
    state.imagined[i] = False
    state.done[i] = 0
    state.quality[i] = 0.0
    state.expensive_calls[i] = 0
    state.unanswered[i] = 0
    if params.shuffled:
        state.source[i] = draw_task(params, state, i)
    else:
        first = state.episode[i] % params.episodes * params.tasks
        state.source[i] = params.start[first]
        if params.scales_fragment:
            state.late[i] = max(first + params.tasks - params.start.shape[0], 0) * params.steps
    begin_task(params, state, i)


@jit
def can_be_paid(params, state, i, model):
    """Whether the budget pays for the most that a call of the model can cost."""
    return pays(state.remaining[i, 0], params.quote[state.shown[i], model], state.initial[i, 0])


@jit
def called_model(params, state, i, asked):
    """The model that is called: the one asked for, else the cheapest if it can be afforded, else -1."""
    row = state.shown[i]
    if can_be_paid(params, state, i, asked):
        return asked
    cheapest = 0
    for model in range(1, params.quote.shape[1]):
        if params.quote[row, model] < params.quote[row, cheapest]:
            cheapest = model
    return cheapest if can_be_paid(params, state, i, cheapest) else -1


@jit
def step(params, state, i, action):
    """One call. Whether it can be afforded goes by the most that it can cost, so it never overspends."""
    asked = action[0]
    model = called_model(params, state, i, asked)
    state.blocked[i] += model != asked
    outcome, cost, usual = 0.0, 0.0, 0.0
    if model >= 0:
        source = state.source[i]
        outcome = params.outcome[source, model]
        cost = min(params.cost[source, model], params.quote[state.shown[i], model])  # in a fork, another row's cost
        usual = params.mean_outcome[model]
        state.expensive_calls[i] += model == params.most_expensive
    else:
        state.unanswered[i] += 1
    state.passing[i] *= outcome
    state.belief[i] *= usual
    if not params.last[state.source[i]]:
        state.source[i] += 1
        state.shown[i] = state.source[i]
        state.step[i] += 1
        return 0.0, cost, False
    reward = state.passing[i]
    state.quality[i] += reward
    state.done[i] += 1
    over = is_done(params, state, i) or not next_task(params, state, i)
    if not over:
        begin_task(params, state, i)
    return reward, cost, over


@jit
def observe(params, state, i, out):
    """What is known of the waiting query; see the table in `LoggedRouting`."""
    row = state.shown[i]
    domains, models = params.domain_start.shape[0] - 1, params.quote.shape[1]
    out[0] = params.length[row]
    out[1] = min(state.step[i] / params.steps, 1.0)  # a planner's fork may join two tasks
    for domain in range(domains):
        out[2 + domain] = params.domain[row] == domain
    costs = 2 + domains
    for model in range(models):
        out[costs + model] = params.expected[row, model] / params.cost_scale
    if params.shows_budget:
        for model in range(models):
            out[costs + models + model] = can_be_paid(params, state, i, model)
        out[costs + 2 * models] = 1.0 - (state.done[i] + late_tasks(params, state, i)) / params.tasks


@jit
def mask(params, state, i, out):
    """Models that can be afforded."""
    for model in range(out.shape[0]):
        out[model] = can_be_paid(params, state, i, model)


@jit
def similar_row(params, state, i, row):
    """A random other row of the same domain with nearly the same length; of any domain where there is no other."""
    domain = params.domain[row]
    low, high = params.domain_start[domain], params.domain_start[domain + 1]
    if high - low < 2:
        low, high = 0, params.order.shape[0]
    others = min(high - low - 1, NEIGHBOURS)
    if others == 0:
        return row
    first = min(max(params.rank[row] - others // 2, low), high - 1 - others)
    place = first + rng.integer(state.rng, i, others)
    return params.order[place + (place >= params.rank[row])]  # leaving out the row itself


@jit
def resample(params, state, i):
    """A planner's view: the waiting query with the answers of a similar one, its trace passing so far as often as the
    models that were called usually do, and random tasks after it."""
    if not state.finished[i]:
        state.imagined[i] = True
        state.source[i] = similar_row(params, state, i, state.shown[i])
        state.passing[i] = np.float64(rng.uniform(state.rng, i) < state.belief[i])


@jit
def record_rows(params, state, rows, length):
    """Write the rows that come up in the running episodes, from here to their ends, into `rows` (n, steps).

    This is hindsight, for bounds. Uses up the episodes; entries beyond an episode's `length` (n,) are left as they are.
    """
    for i in range(length.shape[0]):
        t = 0
        over = False
        while not over:
            rows[i, t] = state.source[i]
            t += 1
            if params.last[state.source[i]]:
                state.done[i] += 1
                over = is_done(params, state, i) or not next_task(params, state, i)
            else:
                state.source[i] += 1
        length[i] = t
        state.finished[i] = True
