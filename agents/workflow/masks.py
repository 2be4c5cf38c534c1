"""Which launches of `WorkflowRouting` can be paid, read from observations."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...envs.core import jit
from ...envs.workflow.law import affordable_samples, is_ready, launched_model, launched_samples
from ...envs.workflow.problem import WorkflowRouting
from ...envs.workflow.reading import read_done, read_initial, read_ready, read_share


@jit
def write_launch_masks(params, reading, rows, initial, out):
    """As `launch_masks`, into out (n, V, entries). initial: (2,) to write in."""
    for i in range(rows.shape[0]):
        done = read_done(reading, rows[i])
        read_initial(reading, rows[i], initial)
        dollars = initial[0] * read_share(reading, rows[i], 0)
        seconds = initial[1] * read_share(reading, rows[i], 1)
        for v in range(out.shape[1]):
            out[i, v, 0] = True
            for entry in range(1, out.shape[2]):
                m, asked = launched_model(params, entry), launched_samples(params, entry)
                can_pay = affordable_samples(params, v, m, asked, dollars, seconds, initial) == asked
                out[i, v, entry] = is_ready(params, done, v) and can_pay


def launch_masks(problem: WorkflowRouting, rows: NDArray[np.float64]) -> NDArray[np.bool_]:
    """For every subtask: leaving it, and if it is ready each launch that can be paid alone, (n, V (1 + M N)).

    Of launches that can only be paid one by one, the environment cuts the later ones. Without dollars and seconds in the
    observation, all launches of ready subtasks are open.
    """
    V, entries = len(problem.params.before), int(problem.action_space.nvec[0])  # type: ignore[attr-defined]
    out = np.ones((len(rows), V, entries), np.bool_)
    if problem.budget_aware and len(rows):
        write_launch_masks(problem.params, problem.reading, np.ascontiguousarray(rows), np.empty(2), out)
    else:
        out[:, :, 1:] = read_ready(problem.reading, rows)[:, :, None]
    return out.reshape(len(rows), V * entries)
