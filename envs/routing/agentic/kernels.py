"""The mathematics of an agent whose every move is made by a model that a router picks.

An episode is a stream of tasks that share a budget; in every step of a task the router names a model, or asks one for a
verdict, or stops. The law of a move stands in `law.py`, the meter in `meter.py`; here they are put together.

Every step consumes the same number of random draws whatever the action, and a task's own facts are drawn from a key of
their own: all routers meet the same tasks.
"""

from __future__ import annotations

import numpy as np

from ...core import jit, rng
from ...core.ledger import pays
from . import law
from .beliefs import draw_belief, replay_history
from .meter import is_warm, prompt_price
from .profile import DIFFICULTIES, TOKEN_LEVELS

SPARSE, SOFT, BOUNDARY, GATED, WINDOWED, BILL = range(6)
"""Rewards, in the order of `REWARDS` in `problem.py`."""

CHEAPEST, BANKRUPT, FREE = range(3)
"""What follows on a call that the budget can't pay, in the order of `EXHAUSTION` in `problem.py`."""

PAID, UNPAID, REFUSED, STOPPED = range(4)
"""What an action comes to: a call that the budget pays, one for nothing, none for lack of money, none as asked."""

EASY, HARD, INTRACTABLE = range(3)

LARGEST_ESTIMATE = 6.0
"""Standard deviations at which a difficulty estimate is cut off, once in a thousand million tasks."""

DRAWS = 6
"""Random numbers set aside for a step: output length, rollback or verdict, move, giving up, required tier, signal."""

FEWEST_COSTS = 20
"""The windowed reward scales by the boundary policies until this many costs were seen."""


# --- a task -------------------------------------------------------------------------------------------------------------


@jit
def task_uniform(state, i, k):
    """Number k of the uniform draws that belong to the present task."""
    return rng.reserved(rng.mix(state.key[i] + np.uint64(state.task[i])), k)


@jit
def draw_from(pmf, u):
    """The index that u in [0, 1) falls on, from probabilities."""
    k = 0
    while k < pmf.shape[0] - 1 and u >= pmf[k]:
        u -= pmf[k]
        k += 1
    return k


@jit
def begin_task(params, state, i):
    """The next task of the stream: its facts from its own key, no errors, cold caches."""
    d = np.int64(task_uniform(state, i, 1) * DIFFICULTIES)
    s = draw_from(params.laws.subgoals_pmf, task_uniform(state, i, 2))
    state.difficulty[i] = d
    state.kind[i] = s
    state.difficulty_class[i] = draw_from(params.labels[d, s], task_uniform(state, i, 3))
    radius = np.sqrt(-2.0 * np.log(1.0 - task_uniform(state, i, 4)))
    noise = params.estimate_noise * radius * np.cos(2.0 * np.pi * task_uniform(state, i, 5))
    estimate = (params.difficulty[d] + noise) / params.estimate_spread
    state.estimate[i] = min(max(estimate, -LARGEST_ESTIMATE), LARGEST_ESTIMATE)
    state.step[i] = 0
    state.progress[i] = 0
    state.errors[i] = 0
    state.corrupted[i] = 0
    state.rolled_back[i] = False
    state.task_cost[i] = 0.0
    state.task_dollars[i] = 0.0
    state.moves[i] = 0
    state.first_error_step[i] = 0
    state.cost_min[i] = params.boundary_cost[0, d, s]
    state.cost_max[i] = params.boundary_cost[1, d, s]
    state.prompt[i] = params.first_prompt
    state.last_model[i] = -1
    for m in range(params.seconds.shape[0]):
        state.remembered[i, m] = 0.0
    arrive(params, state, i, task_uniform(state, i, 6), task_uniform(state, i, 7))
    state.first_signal[i] = state.signal[i]


@jit
def arrive(params, state, i, u_required, u_signal):
    """The agent comes to a subgoal: the tier that it requires, and a signal of that."""
    third = law.zone(state.progress[i], params.laws.subgoals[state.kind[i]])
    tiers = params.laws.required.shape[1]
    # Sums of comparisons instead of branches, which would be coin tosses for the processor's branch prediction.
    r, below = 0, 0.0
    for tier in range(tiers - 1):
        below += params.laws.required[third, tier]
        r += u_required >= below
    other = min(np.int64((u_signal - params.criticality_accuracy) * params.wrong_signals), tiers - 2)
    state.required[i] = r
    state.signal[i] = r if u_signal < params.criticality_accuracy else other + (other >= r)


# --- what a call costs --------------------------------------------------------------------------------------------------


@jit
def prompt_dollars(params, state, i, m):
    """Dollars for the next prompt, if it goes to model m."""
    warm = is_warm(state.clock[i], state.used_at[i, m], params.cache_seconds)
    remembered = state.remembered[i, m] if warm else 0.0
    return prompt_price(params.prices[m, 0], params.prices[m, 1], state.prompt[i], remembered)


@jit
def worst_cost(params, state, i, m, verdict):
    """The most that a call of model m can take from the budget now."""
    if not params.in_dollars:
        return params.calls[m]
    longest = params.verdict_tokens if verdict else params.tokens[m, TOKEN_LEVELS - 1]
    return prompt_dollars(params, state, i, m) + longest * params.prices[m, 2]


@jit
def affordable(params, state, i, m, verdict):
    """Whether a call of model m is within what remains, whatever the length of its output."""
    return pays(state.remaining[i, 0], worst_cost(params, state, i, m, verdict), state.initial[i, 0])


@jit
def bill_call(params, state, i, m, output, grows):
    """Make a call of model m and return its dollars; the output joins the prompt if the prompt `grows`."""
    dollars = prompt_dollars(params, state, i, m) + output * params.prices[m, 2]
    state.used_at[i, m] = state.clock[i]
    state.remembered[i, m] = state.prompt[i]
    state.clock[i] += params.seconds[m]
    state.last_model[i] = m
    if grows:
        state.prompt[i] += output + params.observation_tokens
    return dollars


# --- a step -------------------------------------------------------------------------------------------------------------


@jit
def reset(params, state, i):
    """The first task of a stream."""
    state.key[i] = rng.next_uint64(state.rng, i)
    state.task[i] = 0
    state.clock[i] = 0.0
    state.success[i] = 0
    state.large_calls[i] = 0.0
    state.dollars[i] = 0.0
    state.wasted[i] = 0.0
    state.bankrupt[i] = False
    state.trap_at_1[i] = 0
    state.recovered[i] = 0
    for m in range(params.seconds.shape[0]):
        state.used_at[i, m] = 0.0
    begin_task(params, state, i)


@jit
def step(params, state, i, action):
    """One move of the agent, by the model that the router names; or a verdict, or the end of the task."""
    draws = rng.reserve(state.rng, i, DRAWS)
    subgoals = params.laws.subgoals[state.kind[i]]
    before = state.progress[i]
    state.rolled_back[i] = False
    m, verdict, fare = choose_call(params, state, i, action[0])
    cost, over, solved = 0.0, True, False
    if fare in (PAID, UNPAID):
        cost = make_call(params, state, i, m, verdict, fare == PAID, rng.reserved(draws, 1))
        event = judge(params, state, i, m, draws) if verdict else move(params, state, i, m, draws)
        solved = state.progress[i] == subgoals and state.corrupted[i] == 0
        hazard = law.given_up(params.laws, state.errors[i])
        gone = hazard > 0.0 and rng.reserved(draws, 4) < hazard
        over = state.progress[i] == subgoals or state.step[i] == params.T or gone
        if not over and (event == law.PROGRESS or event == law.ROLLBACK):
            arrive(params, state, i, rng.reserved(draws, 5), rng.reserved(draws, 6))
        remember(params, state, i, m, verdict, event)
    if not over:
        return params.shaping * (state.progress[i] - before) / subgoals, cost, False
    # The potential of a finished task is 0, so that shaping adds up to nothing and changes no policy's order.
    reward = end_task(params, state, i, solved) - params.shaping * before / subgoals
    if fare == REFUSED:
        return reward + ruin(params, state, i), cost, True
    return reward, cost, next_task(params, state, i)


@jit
def choose_call(params, state, i, asked):
    """What an action comes to: the model, whether it is asked for a verdict, and who pays."""
    models = params.seconds.shape[0]
    if params.stop and asked == models:
        return 0, False, STOPPED
    verdict = asked >= models
    m = asked - models - params.stop if verdict else asked
    if affordable(params, state, i, m, verdict):
        return m, verdict, PAID
    state.blocked[i] += 1
    if params.exhaustion == BANKRUPT:
        return 0, False, REFUSED
    if affordable(params, state, i, 0, False):
        return 0, False, PAID
    return 0, False, UNPAID if params.exhaustion == FREE else REFUSED


@jit
def make_call(params, state, i, m, verdict, paid, u):
    """Call model m, count it, and return what it takes from the budget."""
    state.step[i] += 1
    output = params.verdict_tokens if verdict else params.tokens[m, np.int64(u * TOKEN_LEVELS)]
    dollars = bill_call(params, state, i, m, output, not verdict) * paid
    large = params.calls[m] * paid
    cost = dollars if params.in_dollars else large
    state.task_cost[i] += cost
    state.task_dollars[i] += dollars
    state.dollars[i] += dollars
    state.large_calls[i] += large
    state.wasted[i] += dollars * (state.difficulty_class[i] == INTRACTABLE)
    return cost


@jit
def move(params, state, i, m, draws):
    """The outcome of a move by model m; returns its event."""
    laws = params.laws
    e = state.errors[i]
    state.moves[i] += 1
    if state.corrupted[i] and rng.reserved(draws, 2) < law.found(laws, m, 1):
        return roll_back(state, i)
    u_move = rng.reserved(draws, 3)
    p = law.success(laws, state.difficulty[i], m, state.required[i], e)
    quiet = (1.0 - p) * law.silent(laws, m, state.required[i])
    if u_move >= p and state.first_error_step[i] == 0:
        state.first_error_step[i] = state.moves[i]
        state.trap_at_1[i] += state.moves[i] == 1
    if u_move >= p + quiet:
        state.errors[i] = law.errors_after(law.ERROR, e)
        return law.ERROR
    if u_move >= p:
        state.corrupted[i] = 1
    state.errors[i] = law.errors_after(law.PROGRESS, e)
    state.progress[i] += 1
    return law.PROGRESS


@jit
def judge(params, state, i, m, draws):
    """Model m's verdict on the work so far; an accused subgoal is done again, rightly or not."""
    if rng.reserved(draws, 2) < law.accused(params.laws, m, state.corrupted[i]):
        return roll_back(state, i)
    return law.CLEAN


@jit
def roll_back(state, i):
    """Undo the latest subgoal, and with it the corruption."""
    state.rolled_back[i] = True
    state.progress[i] = max(state.progress[i] - 1, 0)
    state.errors[i] = law.errors_after(law.ROLLBACK, state.errors[i])
    state.corrupted[i] = 0
    return law.ROLLBACK


@jit
def remember(params, state, i, m, verdict, event):
    """Note what the router saw in this step, for the posterior."""
    models, tiers = params.seconds.shape[0], params.laws.required.shape[1]
    caller = m + models * verdict
    state.history[i, state.step[i] - 1] = (event * tiers + state.signal[i]) * 2 * models + caller


@jit
def next_task(params, state, i):
    """Go on to the next task of the stream. True if there is none, which ends the episode."""
    if state.task[i] + 1 == params.tasks:
        return True
    state.task[i] += 1
    begin_task(params, state, i)
    return False


@jit
def ruin(params, state, i):
    """The budget can't pay the agent's next call: what that costs beside this task, which fails; so do all that follow."""
    state.bankrupt[i] = True
    penalty = params.bankruptcy_penalty if params.exhaustion == BANKRUPT else 0.0
    failures = params.failure_price if params.reward == BILL else 0.0
    return -penalty - failures * (params.tasks - 1 - state.task[i])


# --- rewards ------------------------------------------------------------------------------------------------------------


@jit
def end_task(params, state, i, solved):
    """Count the task, and give its reward."""
    state.success[i] += solved
    state.recovered[i] += solved and state.first_error_step[i] > 0
    return task_reward(params, state, i, solved)


@jit
def task_reward(params, state, i, solved):
    """What a task earns at its end, by the mode of reward; see the table in `AgenticRouting`."""
    cost = state.task_cost[i]
    if params.reward == SOFT:
        return solved - params.cost_weight * cost
    if params.reward == BOUNDARY:
        low, high = state.cost_min[i], state.cost_max[i]
        norm = min(max((cost - low) / (high - low + 1e-12), 0.0), 1.0)
        bonus = params.hard_bonus if solved and state.difficulty_class[i] == HARD else 0.0
        return solved + bonus - params.cost_weight * norm
    if params.reward == GATED:
        return params.success_value - params.cost_weight * cost if solved else 0.0
    if params.reward == WINDOWED:
        thrift = windowed_thrift(params, state, i, np.sqrt(cost))
        return 1.0 - params.cost_weight + params.cost_weight * thrift if solved else 0.0
    if params.reward == BILL:
        return -state.task_dollars[i] - (0.0 if solved else params.failure_price)
    return np.float64(solved)


@jit
def windowed_thrift(params, state, i, root):
    """1 for a cost at the lower end of the recent ones, 0 at the upper: Router-R1's sliding window over root costs.

    The ends are the 5 % and 95 % quantiles of the costs seen before; the window then takes this one in.
    """
    held = min(state.seen[i], params.window)
    low, high = params.boundary_roots[0], params.boundary_roots[1]
    if held >= min(FEWEST_COSTS, params.window):
        low, high = quantile(state.ranked[i], held, 0.05), quantile(state.ranked[i], held, 0.95)
    slot = state.seen[i] % params.window
    if held == params.window:
        forget(state.ranked[i], held, state.costs[i, slot])
        held -= 1
    insert(state.ranked[i], held, root)
    state.costs[i, slot] = root
    state.seen[i] += 1
    if high <= low:
        return 1.0 if root <= low else 0.0
    return 1.0 - min(max((root - low) / (high - low), 0.0), 1.0)


@jit
def quantile(ranked, held, q):
    """Linear interpolation between the ranks of the first `held` entries, as NumPy's default."""
    position = q * (held - 1)
    k = np.int64(position)
    upper = min(k + 1, held - 1)
    return ranked[k] + (position - k) * (ranked[upper] - ranked[k])


@jit
def insert(ranked, held, value):
    """Sort a value into the first `held` entries."""
    k = held
    while k > 0 and ranked[k - 1] > value:
        ranked[k] = ranked[k - 1]
        k -= 1
    ranked[k] = value


@jit
def forget(ranked, held, value):
    """Take one entry of that value out of the first `held`."""
    k = 0
    while k < held - 1 and ranked[k] != value:
        k += 1
    while k < held - 1:
        ranked[k] = ranked[k + 1]
        k += 1


# --- what the router sees -----------------------------------------------------------------------------------------------


@jit
def observe(params, state, i, out):
    """See the table in `AgenticRouting`."""
    models = params.seconds.shape[0]
    per = params.per
    subgoals = params.laws.subgoals[state.kind[i]]
    per_token = 1.0 / state.prompt[i]
    out[0] = state.progress[i] / subgoals
    out[1] = subgoals * per.subgoal
    out[2] = state.errors[i] * per.error
    out[3] = state.rolled_back[i]
    out[4] = state.estimate[i]
    out[5] = state.signal[i] * per.tier
    out[6] = min(state.prompt[i] * per.token, 1.0)
    out[7] = 1.0 - state.step[i] * per.step
    out[8] = 1.0 - state.task[i] * per.task
    for m in range(models):
        warm = is_warm(state.clock[i], state.used_at[i, m], params.cache_seconds)
        out[9 + m] = state.last_model[i] == m
        out[9 + models + m] = warm * min(state.remembered[i, m] * per_token, 1.0)
        out[9 + 2 * models + m] = expected_price(params, state, i, m) * per.price
        if params.budget_aware:
            out[9 + 3 * models + m] = affordable(params, state, i, m, False)


@jit
def expected_price(params, state, i, m):
    """What a call of model m would take from the budget now, on average."""
    if not params.in_dollars:
        return params.calls[m]
    return prompt_dollars(params, state, i, m) + params.mean_tokens[m] * params.prices[m, 2]


@jit
def mask(params, state, i, out):
    """Calls within what remains; if none is, the agent may go on as `exhaustion` says. Stopping is always possible."""
    models = params.seconds.shape[0]
    some = False
    for m in range(models):
        out[m] = affordable(params, state, i, m, False)
        some = some or out[m] == 1
    if not some:
        out[0] = 1
    if params.stop:
        out[models] = 1
    if params.verify:
        for m in range(models):
            out[models + params.stop + m] = affordable(params, state, i, m, True)


@jit
def resample(params, state, i):
    """Redraw what the router can't see from its posterior: difficulty, label, corruption, required tier; and all to come."""
    state.key[i] = rng.next_uint64(state.rng, i)
    u_difficulty, u_label = rng.uniform(state.rng, i), rng.uniform(state.rng, i)
    u_corrupted, u_required = rng.uniform(state.rng, i), rng.uniform(state.rng, i)
    if state.finished[i]:
        return
    replay_history(params, state, i)
    d, z, r = draw_belief(state.belief[i], u_difficulty, u_corrupted, u_required)
    s = state.kind[i]
    state.difficulty[i] = d
    state.corrupted[i] = z
    state.required[i] = r
    state.difficulty_class[i] = draw_from(params.labels[d, s], u_label)
    state.cost_min[i] = params.boundary_cost[0, d, s]
    state.cost_max[i] = params.boundary_cost[1, d, s]
