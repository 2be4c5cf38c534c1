"""How an episode of `WorkflowRouting` looks: the graph of subtasks, the launches of the latest round, the models."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.canvas import FAINT, GREEN, INK, ORANGE, PAPER, RAIL, SOFT, Box, Canvas
from ..core.render import Drawing, Moment, View, amount
from .law import is_ready, launched_model
from .reading import read_attempts, read_ready


class WorkflowDrawing(Drawing):
    """A subtask is green when it is completed; an orange frame: samples were drawn in the latest round."""

    step = "round"

    def visible(self, problem: Any) -> Sequence[str]:
        """What is done and was tried; observations say so too."""
        return ("done", "attempts", "samples", "solved", "elapsed", "completed")

    def title(self, view: View) -> str:
        """The problem and the workflow."""
        return f"WorkflowRouting, {view.problem.instance}"

    def pace(self, view: View, k: int) -> float | None:
        """Dollars go with the seconds to the deadline, which have no pace themselves."""
        return float(view.remaining[1] / view.initial[1]) if k == 0 and np.isfinite(view.initial[1]) else None

    def offer(self, view: View) -> str:
        """The subtasks that can be worked on."""
        ready = read_ready(view.problem.reading, view.observation[None])[0]
        names = [part.name for part, is_ready in zip(view.problem.workflow.subtasks, ready, strict=True) if is_ready]
        return f"ready: {', '.join(names)}; which models, how many samples?"

    def decision(self, view: View, moment: Moment) -> str:
        """What was launched, and what passed."""
        workflow = view.problem.workflow
        parts = []
        for v, (m, n, passed) in launches(view.problem, moment).items():
            parts.append(f"{workflow.subtasks[v].name}: {n} x {workflow.models[m].name} {'passed' if passed else 'failed'}")
        cut = ", cut to what is left" if moment.blocked else ""
        cost = f"${amount(float(moment.cost[0]))}, {amount(float(moment.cost[1]))} s"
        return f"{'; '.join(parts) or 'nothing launched'}{cut}; {cost}"

    def standing(self, view: View) -> str:
        """Completed subtasks and samples."""
        total = len(view.problem.workflow.subtasks)
        end = "; completed in time" if view.seen["completed"] else "; not completed" if view.finished else ""
        return f"{int(view.seen['solved'])} of {total} subtasks done, {int(view.seen['samples'])} samples{end}"

    def draw(self, view: View, canvas: Canvas, box: Box) -> None:
        """The graph, and the models below it."""
        models = view.problem.workflow.models
        graph, table = box.rows(box.height - 24 - 19 * min(len(models), 4), 24 + 19 * min(len(models), 4), gap=6)
        draw_graph(view, canvas, graph)
        draw_models(view, canvas, table)


def launches(problem: Any, moment: Moment) -> dict[int, tuple[int, int, bool]]:
    """Subtask -> its model, the samples that were drawn, and whether one passed; of the latest round."""
    found, p = {}, problem.params
    before, after = int(moment.before["done"]), int(moment.after["done"])
    for v, entry in enumerate(moment.action.astype(int).tolist()):
        if entry > 0 and is_ready.py_func(p, before, v):  # type: ignore[attr-defined]
            drawn = int(moment.after["attempts"][v] - moment.before["attempts"][v])
            found[v] = int(launched_model.py_func(p, entry)), drawn, bool((after & ~before) >> v & 1)  # type: ignore[attr-defined]
    return found


@lru_cache(maxsize=16)
def _levels(problem: Any) -> NDArray[np.int64]:
    """(V,) the longest chain of subtasks before each."""
    before = problem.params.before
    level = np.zeros(len(before), np.int64)
    for _ in range(len(before)):
        for v in range(len(before)):
            earlier = [level[u] + 1 for u in range(len(before)) if before[v] >> u & 1]
            level[v] = max([0, *earlier])
    return level


def draw_graph(view: View, canvas: Canvas, box: Box) -> None:
    """Subtasks from left to right, each below those that wait for the same."""
    problem = view.problem
    workflow, level = problem.workflow, _levels(problem)
    V, done = len(workflow.subtasks), int(view.seen["done"])
    ready = read_ready(problem.reading, view.observation[None])[0]
    launched = {} if view.last is None else launches(problem, view.last)
    column = box.width / (level.max() + 1)
    rows = np.bincount(level)
    width, height = min(column - 26, 190.0), min(74.0, box.height / rows.max() - 8)
    at, place = {}, np.zeros(level.max() + 1)
    for v in range(V):
        k = level[v]
        at[v] = (box.x + (k + 0.5) * column, box.y + (place[k] + 0.5) * box.height / rows[k])
        place[k] += 1
    for v in range(V):
        for u in range(V):
            if int(problem.params.before[v]) >> u & 1:
                start, end = (at[u][0] + width / 2, at[u][1]), (at[v][0] - width / 2, at[v][1])
                canvas.arrow(start, end, GREEN if done >> u & 1 else SOFT, 2)
    size = max(9, min(15, int(height / 3.6)))
    for v, part in enumerate(workflow.subtasks):
        node = Box(at[v][0] - width / 2, at[v][1] - height / 2, width, height)
        completed = done >> v & 1
        fill = (212, 239, 230) if completed else PAPER if ready[v] else FAINT
        canvas.rounded(
            node,
            fill,
            ORANGE if v in launched else GREEN if completed else INK if ready[v] else RAIL,
            4 if v in launched else 2,
        )
        canvas.text(node.x + 8, node.y + 6, part.name, size, INK, width=width - 30)
        if completed:
            canvas.check(node.right - 14, node.y + 13, 7)
        if v in launched:
            m, n, passed = launched[v]
            canvas.text(node.x + 8, node.y + height / 2, f"{n} x {workflow.models[m].name}", size, INK, "lm", width - 14)
            if not passed:
                canvas.cross(node.right - 14, node.y + 13, 6)
        state = "done" if completed else "ready" if ready[v] else "waits"
        tries = int(read_attempts.py_func(problem.reading, view.observation, v))  # type: ignore[attr-defined]
        if height >= 40:
            canvas.text(
                node.x + 8,
                node.bottom - size - 6,
                f"{state}, {tries} tries" if tries else state,
                size - 1,
                SOFT,
                width=width - 12,
            )


def draw_models(view: View, canvas: Canvas, box: Box) -> None:
    """What a sample costs and takes on average, and how often it passes; of the first subtask that is ready."""
    problem = view.problem
    workflow, p = problem.workflow, problem.params
    ready = np.flatnonzero(read_ready(problem.reading, view.observation[None])[0])
    v = int(ready[0]) if len(ready) else 0
    canvas.text(box.x, box.y, f"a sample of {workflow.subtasks[v].name}", 14, SOFT, width=230)
    at = [box.x + 240, box.x + 390, box.x + 520]
    for x, words in zip(at, ("passes", "dollars", "seconds"), strict=True):
        canvas.text(x, box.y, words, 14, SOFT)
    for m, model in enumerate(workflow.models[:4]):
        y = box.y + 20 + 19 * m
        atoms = int(p.atoms[v, m])
        canvas.text(box.x, y, model.name, 14, width=220)
        canvas.bar(Box(at[0], y + 3, 90, 10), float(p.success[v, m]), GREEN)
        canvas.text(at[0] + 98, y, f"{p.success[v, m]:.0%}", 14)
        canvas.text(at[1], y, f"${amount(float(p.dollars[v, m, :atoms].mean()))}", 14)
        canvas.text(at[2], y, f"{amount(float(p.seconds[v, m, :atoms].mean()))} s", 14)


DRAWING = WorkflowDrawing()
