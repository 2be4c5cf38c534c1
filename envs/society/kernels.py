"""The mechanics of an episode: the planner commits a precision, a cohort gets its signals, acts at once, and all see it.

With one agent to a cohort, the random numbers are those of `SocialSteering`, draw by draw: with the agents that it assumes,
the episodes are the same to the last bit.
"""

from __future__ import annotations

import numpy as np

from ..core import jit, rng
from ..core.ledger import charge, observe_budget, open_ledger
from ..steering import behaviour as bh
from ..steering import kernels as steering
from .state import BIN, BINS, EMPIRICAL, NONE


@jit
def reset(params, state, w):
    """A new episode; what was counted in past ones stays."""
    planner = state.planner
    planner.t[w] = 0
    planner.finished[w] = False
    open_ledger(params.rules, planner, w)
    steering.reset(params.planner, planner, w)
    state.awaited[w] = False
    state.precision[w, :] = 0.0
    state.signal[w, :] = 0.0
    state.action[w, :] = 0.0


@jit
def commit(params, state, w, action):
    """The planner buys a precision for the next cohort, whose members get their signals."""
    planner = state.planner
    q, _, cost, as_asked = steering.purchase(params.planner, action[0], planner.remaining[w, 0], planner.initial[w, 0])
    planner.blocked[w] += not as_asked
    planner.cost[w, 0] = cost
    charge(planner, w)
    draws = rng.reserve(planner.rng, w, steering.DRAWS * params.cohort + 1)
    first = planner.t[w] * params.cohort
    for j in range(params.cohort):
        right = rng.reserved(draws, steering.DRAWS * j + 1) < q
        state.precision[w, first + j] = q
        state.signal[w, first + j] = 1.0 if right == planner.good[w, 0] else -1.0
    state.awaited[w] = True


@jit
def act(params, state, w, actions, reward):
    """The cohort acts (M,), 1 for good; the public belief follows. Writes its rewards (M,) and returns the planner's.

    Expected rewards: the members' given the public belief before, and their signals; the planner's given the belief after.
    """
    rules, planner, cohort = params.planner, state.planner, params.cohort
    good, L = planner.good[w, 0], planner.log_odds[w, 0]
    first = planner.t[w] * cohort
    q = state.precision[w, first]
    strength = bh.log_odds(q)
    if params.public_belief == EMPIRICAL:
        state.situation[w, planner.t[w]] = situation_of(L)
    after_good, after_bad = understood(params, state, w, q, strength)
    total, said_something, chose_good, errors = 0.0, 0, 0, 0
    for j in range(cohort):
        acts_good = actions[j] == 1
        wrong = acts_good != good
        state.action[w, first + j] = 1.0 if acts_good else -1.0
        errors += wrong
        chose_good += acts_good
        said = evidence(params, after_good, after_bad, q, strength, acts_good)
        total += said
        said_something += said != 0.0
        doubt = 1.0 * wrong if rules.realised else doubt_of(bh.belief(L + state.signal[w, first + j] * strength), acts_good)
        reward[j] = -rules.loss * doubt
    if total != 0.0:
        planner.log_odds[w, 0] = bh.bounded(L + total)
        planner.belief[w, 0] = bh.belief(planner.log_odds[w, 0])

    planner.errors[w] += errors
    planner.good_actions[w] += chose_good
    planner.informative[w] += said_something
    planner.last_precision[w, 0] = q
    planner.last_action[w, 0] = (2.0 * chose_good - cohort) / cohort
    planner.last_informative[w, 0] = said_something / cohort
    state.awaited[w] = False
    planner.t[w] += 1
    planner.finished[w] = planner.t[w] == rules.periods
    if planner.finished[w] and params.public_belief == EMPIRICAL:
        count_episode(params, state, w)

    if rules.biased:
        unwanted = np.float64(cohort - chose_good)
    elif rules.realised:
        unwanted = np.float64(errors)
    else:
        b = planner.belief[w, 0]
        unwanted = chose_good * doubt_of(b, True) + (cohort - chose_good) * doubt_of(b, False)
    return -rules.loss * unwanted - rules.price * planner.cost[w, 0]


@jit
def doubt_of(b, acts_good):
    """Probability that an action is wrong at belief b."""
    return 1.0 - b if acts_good else b


# --- what the public makes of actions ------------------------------------------------------------------------------------


@jit
def understood(params, state, w, q, strength):
    """Probabilities of the good action after a good signal and after a bad one, as the public takes agents to act now."""
    if params.public_belief == EMPIRICAL:
        counted = state.counts[w, situation_of(state.planner.log_odds[w, 0]), level_of(params.planner.levels, q)]
        with_bad, with_good = counted[0, 0] + counted[0, 1], counted[1, 0] + counted[1, 1]
        if with_bad == 0.0 or with_good == 0.0:
            return 0.5, 0.5  # nothing is known of them, so actions say nothing
        return counted[1, 1] / with_good, counted[0, 1] / with_bad
    return bh.response(params.planner.behaviour, state.planner.log_odds[w, 0], strength, params.planner.own_on_ties)


@jit
def evidence(params, after_good, after_bad, q, strength, acts_good):
    """What an action says about the state, in log-odds, if agents act as `understood`."""
    if params.public_belief == NONE:
        return 0.0
    if params.public_belief == EMPIRICAL:
        return bh.log_likelihood_ratio(params.planner.behaviour, after_good, after_bad, q, acts_good)
    return bh.evidence(params.planner.behaviour, after_good, after_bad, q, strength, acts_good)


@jit
def situation_of(L):
    """The bin of the log-odds L."""
    return min(max(np.int64(np.floor(L / BIN + 0.5)) + BINS // 2, 0), BINS - 1)


@jit
def level_of(levels, q):
    """The number of a precision on the list."""
    level = 0
    while levels[level] != q:
        level += 1
    return level


@jit
def count_episode(params, state, w):
    """Count how the agents of a finished episode acted. Only now: earlier, the belief would show what their signals were."""
    for i in range(state.action.shape[1]):
        situation = state.situation[w, i // params.cohort]
        level = level_of(params.planner.levels, state.precision[w, i])
        state.counts[w, situation, level, np.int64(state.signal[w, i] > 0.0), np.int64(state.action[w, i] > 0.0)] += 1.0


# --- what is seen ----------------------------------------------------------------------------------------------------------


@jit
def observe_planner(params, state, w, out):
    """As in `SocialSteering`."""
    steering.observe(params.planner, state.planner, w, out[: params.rules.features])
    if params.rules.budget_aware:
        observe_budget(params.rules, state.planner, w, out[params.rules.features :])


@jit
def observe_agent(params, state, w, i, out):
    """The public belief or the history, then what agent i alone knows; that is 0 before she has a signal."""
    agents, k = state.action.shape[1], 0
    if params.planner.history:
        for j in range(agents):
            out[j] = state.action[w, j]
            out[agents + j] = state.precision[w, j]
        k = 2 * agents
    else:
        out[0] = state.planner.belief[w, 0]
        out[1] = steering.squashed(out[0])
        k = 2
    out[k] = state.precision[w, i]
    out[k + 1] = state.signal[w, i]


# --- over all worlds -------------------------------------------------------------------------------------------------------


@jit
def reset_worlds(params, state):
    """Start an episode in every world."""
    for w in range(state.awaited.shape[0]):
        reset(params, state, w)


@jit
def commit_worlds(params, state, actions, observation):
    """Commit `actions` (W, 1) and write what the cohorts see, (W, M, d)."""
    for w in range(actions.shape[0]):
        commit(params, state, w, actions[w])
        for j in range(params.cohort):
            observe_agent(params, state, w, state.planner.t[w] * params.cohort + j, observation[w, j])


@jit
def act_worlds(params, state, actions, observation, planner_reward, reward):
    """Let the cohorts act (W, M); write what planners see (W, d), their rewards (W,), and those of the cohorts (W, M)."""
    for w in range(actions.shape[0]):
        planner_reward[w] = act(params, state, w, actions[w], reward[w])
        observe_planner(params, state, w, observation[w])


@jit
def mask_worlds(params, state, out):
    """Write which precisions the planners can pay, (W, levels)."""
    for w in range(out.shape[0]):
        steering.mask(params.planner, state.planner, w, out[w])


@jit
def observe_planners(params, state, observation):
    """Write what the planners see, (W, d)."""
    for w in range(observation.shape[0]):
        observe_planner(params, state, w, observation[w])


@jit
def observe_agents(params, state, first, observation):
    """Write what agent `first` and those after her see, (W, any number of them, d)."""
    for w in range(observation.shape[0]):
        for j in range(observation.shape[1]):
            observe_agent(params, state, w, first + j, observation[w, j])
