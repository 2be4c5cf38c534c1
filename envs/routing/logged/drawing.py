"""How an episode of `LoggedRouting` looks: the query, the expected costs of an answer, who answered, and how well."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.canvas import FAINT, GREEN, INK, ORANGE, RED, SKY, SOFT, Box, Canvas, blend
from ...core.render import Drawing, Moment, View, amount, draw_spending

RECENT = 48
"""Calls that are shown side by side."""


class LoggedDrawing(Drawing):
    """Lanes are models; a dot is a call, from red to green by the outcome of its task."""

    step = "call"

    def visible(self, problem: Any) -> Sequence[str]:
        """What is counted."""
        return ("done", "quality", "expensive_calls", "unanswered", "step")

    def title(self, view: View) -> str:
        """The problem."""
        return f"LoggedRouting, {view.problem.params.tasks} tasks"

    def offer(self, view: View) -> str:
        """The query that waits."""
        return f"{query(view, view.observation)}: which model?"

    def decision(self, view: View, moment: Moment) -> str:
        """The model, its cost, and how well it answered."""
        m = called_model(view.problem, moment)
        who = "nobody (nothing could be paid)" if m is None else view.problem.log.models[m]
        changed = f" instead of {view.problem.log.models[int(moment.action[0])]}" if moment.blocked and m is not None else ""
        ended = moment.after["done"] > moment.before["done"]
        outcome = f"outcome {moment.reward:.2g}" if ended else "the task goes on"
        return f"{query(view, moment.observation)}: {who}{changed}; {outcome}; cost ${amount(float(moment.cost[0]))}"

    def standing(self, view: View) -> str:
        """Tasks, their outcomes, and calls to the most expensive model."""
        done, quality = int(view.seen["done"]), float(view.seen["quality"])
        rate = f", mean outcome {quality / done:.3f}" if done else ""
        expensive = view.problem.log.models[view.problem.params.most_expensive]
        return f"{done} of {view.problem.params.tasks} tasks{rate}; {int(view.seen['expensive_calls'])} calls to {expensive}"

    def draw(self, view: View, canvas: Canvas, box: Box) -> None:
        """The models with their prices, the latest calls, the spend."""
        left, right = box.columns(5, 2, gap=24)
        upper, lower = left.rows(1, 1, gap=12)
        draw_models(view, canvas, upper)
        draw_calls(view, canvas, lower)
        draw_spending(view, canvas, right)


def costs_of(view: View, observation: NDArray[Any]) -> NDArray[np.float64]:
    """(m,) dollars that a call is expected to cost."""
    first = 2 + len(view.problem.log.domains)
    return observation[first : first + len(view.problem.log.models)] * view.problem.params.cost_scale


def query(view: View, observation: NDArray[Any]) -> str:
    """What is known of a query, in words."""
    domains = view.problem.log.domains
    domain = domains[int(np.argmax(observation[2 : 2 + len(domains)]))]
    length = float(observation[0])
    size = "a long" if length > 0.7 else "a short" if length < -0.7 else "an average"
    return f"{size} prompt" + (f" in {domain}" if len(domains) > 1 else "")


def called_model(problem: Any, moment: Moment) -> int | None:
    """The model that answered; None if none could be paid."""
    if not moment.blocked:
        return int(moment.action[0])
    if moment.after["unanswered"] > moment.before["unanswered"]:
        return None
    first = 2 + len(problem.log.domains)
    return int(np.argmin(moment.observation[first : first + len(problem.log.models)]))


def draw_models(view: View, canvas: Canvas, box: Box) -> None:
    """What a call of each model was expected to cost, the one that answered, and the outcome."""
    last, names = view.last, view.problem.log.models
    observation = view.observation if last is None else last.observation
    called = None if last is None else called_model(view.problem, last)
    costs = costs_of(view, observation)
    canvas.text(box.x, box.y, f"{query(view, observation)}: expected cost of an answer", 15, width=box.width - 90)
    height = min(40.0, (box.height - 24) / len(names))
    largest = max(float(costs.max()), 1e-12)
    for m, name in enumerate(names):
        y = box.y + 26 + m * height
        size = max(9, min(15, int(height * 0.6)))
        canvas.text(box.x, y + height / 2, name, size, INK, "lm", 150)
        rail = Box(box.x + 158, y + 2, box.width - 158 - 150, height - 5)
        canvas.bar(rail, float(costs[m]) / largest, ORANGE if m == called else SKY)
        canvas.text(rail.right + 8, y + height / 2, f"${amount(float(costs[m]))}", size, SOFT, "lm")
        if m == called and last is not None and last.after["done"] > last.before["done"]:
            right = last.reward >= 0.5
            (canvas.check if right else canvas.cross)(box.right - 40, y + height / 2 - 1, min(12.0, height / 3))
            canvas.text(box.right, y + height / 2, f"{last.reward:.2g}", size, GREEN if right else RED, "rm")


def draw_calls(view: View, canvas: Canvas, box: Box) -> None:
    """The latest calls, a lane per model."""
    names, recent = view.problem.log.models, view.history[-RECENT:]
    canvas.text(box.x, box.y, "latest calls; green: good outcome, red: bad, grey: the task goes on", 14, SOFT, width=box.width)
    height = min(36.0, (box.height - 24) / len(names))
    width = (box.width - 158) / min(RECENT, view.horizon)
    for m, name in enumerate(names):
        y = box.y + 24 + m * height
        canvas.rectangle(Box(box.x + 158, y + 2, box.width - 158, height - 4), FAINT)
        canvas.text(box.x, y + height / 2, name, max(9, min(15, int(height * 0.6))), INK, "lm", 150)
    for k, moment in enumerate(recent):
        m = called_model(view.problem, moment)
        if m is None:
            continue
        ended = moment.after["done"] > moment.before["done"]
        fill = blend(RED, GREEN, moment.reward) if ended else SOFT
        canvas.rectangle(Box(box.x + 159 + k * width, box.y + 24 + m * height + 4, width - 2, height - 8), fill)


DRAWING = LoggedDrawing()
