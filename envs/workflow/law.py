"""The law of a workflow: chances and lengths of samples, and what can be paid. Kernels sample from it, solvers sum over it."""

from __future__ import annotations

from ..core import jit
from ..core.ledger import pays


@jit
def success_probability(params, v, m):
    """The probability that one sample of subtask v by model m passes."""
    return params.success[v, m]


@jit
def length_probability(params, v, m):
    """The probability of each of the `params.atoms[v, m]` lengths."""
    return 1.0 / params.atoms[v, m]


@jit
def is_ready(params, done, v):
    """Whether subtask v may be worked on: not completed, and all before it are."""
    return (done >> v) & 1 == 0 and done & params.before[v] == params.before[v]


@jit
def launched_model(params, entry):
    """The model that an action's entry names, 1 + model * N + (samples - 1)."""
    return (entry - 1) // params.samples


@jit
def launched_samples(params, entry):
    """The number of samples that an action's entry names."""
    return (entry - 1) % params.samples + 1


@jit
def affordable_samples(params, v, m, asked, dollars, seconds, initial):
    """How many of the asked samples can be paid for and finished, should all be as long as they can; 0 for none.

    dollars, seconds: what is there. initial: (2,) dollars and seconds at the start of the episode.
    """
    last = params.atoms[v, m] - 1
    if not pays(seconds, params.seconds[v, m, last], initial[1]):
        return 0
    n = asked
    while n > 0 and not pays(dollars, n * params.dollars[v, m, last], initial[0]):
        n -= 1
    return n


@jit
def hopeless(params, done, dollars, seconds, initial):
    """Whether some subtask that is not completed can't be tried even once any more."""
    for v in range(params.before.shape[0]):
        if (done >> v) & 1 == 0:
            tried = False
            for m in range(params.success.shape[1]):
                if params.success[v, m] > 0.0 and affordable_samples(params, v, m, 1, dollars, seconds, initial) == 1:
                    tried = True
            if not tried:
                return True
    return False


@jit
def cut_to_budget(params, done, remaining, initial, actions):
    """Replace actions (n, V) by what the environment launches: ready subtasks only, as many samples as are affordable."""
    for i in range(actions.shape[0]):
        reserved = 0.0
        for v in range(params.before.shape[0]):
            entry = actions[i, v]
            actions[i, v] = 0
            if entry > 0 and is_ready(params, done, v):
                m, asked = launched_model(params, entry), launched_samples(params, entry)
                n = affordable_samples(params, v, m, asked, remaining[i, 0] - reserved, remaining[i, 1], initial)
                reserved += n * params.dollars[v, m, params.atoms[v, m] - 1]
                if n > 0:
                    actions[i, v] = entry - asked + n
