"""How an episode of `SocialSteering` looks: the path of the belief, the region of herding, the precision that was bought."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.canvas import BLUE, FAINT, GREEN, INK, ORANGE, PAPER, PURPLE, RAIL, RED, SERIES, SOFT, Box, Canvas
from ..core.render import Drawing, Moment, View, amount, draw_spending

PERIODS = 50
"""That fit side by side."""


class SteeringDrawing(Drawing):
    """Blue is the belief, orange the precision; grey is where agents herd."""

    step = "agent"

    def visible(self, problem: Any) -> Sequence[str]:
        """What everybody saw."""
        return ("last_precision", "last_action", "last_informative", "good_actions", "informative")

    def hidden(self, problem: Any) -> Sequence[str]:
        """The state, and beliefs where they are not shown."""
        return ("good", "belief", "errors")

    def title(self, view: View) -> str:
        """The problem and its objective."""
        return f"SocialSteering, {view.problem.settings.get('objective', 'altruistic')} planner"

    def offer(self, view: View) -> str:
        """What is believed, and whether the next agent will follow her signal."""
        p, beliefs = view.problem.params, beliefs_of(view, view.observation)
        baseline = p.levels[p.baseline]
        if not len(beliefs):
            return f"which precision for the next agent? {baseline:.2g} is free"
        if len(beliefs) > 1:
            return f"which precisions? beliefs: {', '.join(f'{b:.2f}' for b in beliefs[:8])}"
        herds = max(beliefs[0], 1 - beliefs[0]) > baseline + 1e-9
        words = f"at {baseline:.2g}, which is free, she {'herds' if herds else 'follows her signal'}"
        return f"belief {beliefs[0]:.2f}: which precision? {words}"

    def decision(self, view: View, moment: Moment) -> str:
        """The precision that was bought, and what the agent did."""
        after, words = moment.after, []
        for q, action, informative in zip(
            after["last_precision"], after["last_action"], after["last_informative"], strict=True
        ):
            herd = "on her signal" if informative else "with the herd: nothing is learnt"
            words.append(f"precision {q:.2g}: {'good' if action > 0 else 'bad'} action, {herd}")
        lowered = " (lowered to what is left)" if moment.blocked else ""
        story = words[0] if len(words) == 1 else "; ".join(text.partition(",")[0] for text in words[:3])
        return f"{story}{lowered}; cost {amount(float(moment.cost[0]))}"

    def standing(self, view: View) -> str:
        """Actions so far."""
        acted = view.t * len(view.seen["last_action"])
        good, told = int(view.seen["good_actions"]), int(view.seen["informative"])
        return f"{good} of {acted} acted good, {told} told something; return {view.total:.4g}"

    def secret(self, view: View) -> str:
        """The state."""
        states = ", ".join("good" if good else "bad" for good in view.hidden["good"])
        return f"the state is {states}; {int(view.hidden['errors'])} wrong actions"

    def draw(self, view: View, canvas: Canvas, box: Box) -> None:
        """Beliefs above precisions on the left, effort on the right."""
        left, right = box.columns(5, 2, gap=24)
        upper, lower = left.rows(7, 3, gap=8)
        draw_beliefs(view, canvas, upper)
        draw_precisions(view, canvas, lower)
        draw_spending(view, canvas, right)


def beliefs_of(view: View, observation: NDArray[Any]) -> NDArray[np.float64]:
    """(K,) public beliefs, as far as observations show them; else (0,)."""
    reading, topics = view.problem.reading, len(view.seen["last_action"])
    return observation[reading.belief : reading.belief + topics] if reading.belief >= 0 else np.zeros(0)


def window_of(view: View) -> tuple[int, int]:
    """The first period that is shown, and how many."""
    shown = min(view.horizon, PERIODS)
    return max(0, min(view.t + 4, view.horizon) - shown), shown


def draw_beliefs(view: View, canvas: Canvas, box: Box) -> None:
    """The path of the belief in every topic; a triangle is what the agent did, hollow where it told nothing."""
    p = view.problem.params
    first, shown = window_of(view)
    label = 44.0
    plot = Box(box.x + label, box.y + 26, box.width - label, box.height - 28)
    canvas.text(box.x, box.y, "public belief in the good state", 15)
    x = box.x + 236
    for words, up in (("good action", True), ("bad", False)):
        _triangle(canvas, x, box.y + 9, 6, up, GREEN if up else RED, True)
        canvas.text(x + 10, box.y, words, 14, SOFT)
        x += 108
    _triangle(canvas, x - 52, box.y + 9, 6, True, SOFT, False)
    canvas.text(x - 42, box.y, "hollow: herding", 14, SOFT)
    canvas.rectangle(plot, PAPER, RAIL)
    baseline, best = float(p.levels[p.baseline]), float(p.q_max)
    for edge, fill in ((baseline, FAINT), (best, RAIL)):
        high = plot.height * (1.0 - edge)
        canvas.rectangle(Box(plot.x, plot.y, plot.width, high), fill)
        canvas.rectangle(Box(plot.x, plot.bottom - high, plot.width, high), fill)
    if plot.height * (1 - best) >= 16:
        canvas.text(plot.x + 8, plot.y + 3, "herding whatever is bought", 13, SOFT)
    if plot.height * (best - baseline) >= 16:
        y = plot.y + plot.height * (1 - (best + baseline) / 2)
        whose = "" if view.problem.settings.get("agents", "bayes") == "bayes" else " of Bayesian agents"
        canvas.text(plot.x + 8, y, f"herding{whose} at precision {baseline:.2g}, which is free", 13, SOFT, "lm")
    for value in (0.0, 0.5, 1.0):
        canvas.text(plot.x - 6, plot.bottom - value * plot.height, f"{value:.1f}", 13, SOFT, "rm")
    canvas.dashes((plot.x, plot.y + plot.height / 2), (plot.right, plot.y + plot.height / 2), SOFT, 1)
    unit = plot.width / shown
    beliefs = [(moment.t, beliefs_of(view, moment.observation)) for moment in view.history]
    beliefs.append((view.t, beliefs_of(view, view.observation)))
    if not len(beliefs[-1][1]):
        canvas.text(
            plot.x + plot.width / 2, plot.y + plot.height * 0.42, "observations do not show the belief", 15, SOFT, "mm"
        )
    inside = [(t, values) for t, values in beliefs if t >= first]
    for k in range(len(beliefs[-1][1])):
        colour = BLUE if len(beliefs[-1][1]) == 1 else SERIES[k % len(SERIES)]
        points = [(plot.x + (t - first) * unit, plot.bottom - float(values[k]) * plot.height) for t, values in inside]
        canvas.line(points, colour, 3)
        canvas.circle(*points[-1], 5, colour)
    _draw_actions(view, canvas, plot, first, unit)
    for k, good in enumerate(view.hidden.get("good", ())):
        y = plot.y + 4 if good else plot.bottom - 4
        canvas.dashes((plot.x, y), (plot.right, y), PURPLE if len(view.hidden["good"]) == 1 else SERIES[k % len(SERIES)], 3)


def _draw_actions(view: View, canvas: Canvas, plot: Box, first: int, unit: float) -> None:
    size = max(3.0, min(8.0, 0.3 * unit))
    for moment in view.history:
        if moment.t < first:
            continue
        beliefs = beliefs_of(view, moment.observation)
        for k, action in enumerate(moment.after["last_action"].tolist()):
            height = float(beliefs[k]) if len(beliefs) else 0.5
            x, y = plot.x + (moment.t - first + 0.5) * unit, plot.bottom - height * plot.height
            offset = -14 if action > 0 else 14
            y = min(max(y + offset, plot.y + 10), plot.bottom - 10)
            _triangle(canvas, x, y, size, action > 0, GREEN if action > 0 else RED, bool(moment.after["last_informative"][k]))


def draw_precisions(view: View, canvas: Canvas, box: Box) -> None:
    """The precision of every agent's signal, from 1/2 up; the dashed line is free."""
    p = view.problem.params
    first, shown = window_of(view)
    label = 44.0
    plot = Box(box.x + label, box.y + 20, box.width - label, box.height - 22)
    baseline, top = float(p.levels[p.baseline]), max(float(p.q_max), 0.5 + 1e-9)
    canvas.text(box.x, box.y, f"precision of each agent's signal; {baseline:.2g} is free", 15)
    canvas.rectangle(plot, FAINT)
    unit, topics = plot.width / shown, len(view.seen["last_action"])
    for moment in view.history:
        if moment.t < first:
            continue
        for k, q in enumerate(moment.after["last_precision"].tolist()):
            width = (unit - 2) / topics
            height = max(plot.height * (q - 0.5) / (top - 0.5), 3.0)
            bar = Box(plot.x + (moment.t - first) * unit + 1 + k * width, plot.bottom - height, width, height)
            free = abs(q - baseline) < 1e-9 or moment.cost[0] == 0
            canvas.rectangle(bar, SOFT if free else ORANGE if topics == 1 else SERIES[k % len(SERIES)])
            if unit >= 34 and topics == 1:
                canvas.text(bar.x + width / 2, plot.bottom - 16, f"{q:.2g}", 13, PAPER if free and height >= 18 else INK, "ma")
    y = plot.bottom - plot.height * (baseline - 0.5) / (top - 0.5)
    canvas.dashes((plot.x, y), (plot.right, y), INK, 1)
    for value in (0.5, top):
        canvas.text(plot.x - 6, plot.bottom - plot.height * (value - 0.5) / (top - 0.5), f"{value:.2g}", 13, SOFT, "rm")


def _triangle(canvas: Canvas, x: float, y: float, size: float, up: bool, colour: Any, filled: bool) -> None:
    tip = -size if up else size
    corners = [(x - size, y - 0.7 * tip), (x + size, y - 0.7 * tip), (x, y + tip)]
    if filled:
        canvas.polygon(corners, colour)
    else:
        canvas.line([*corners, corners[0], corners[1]], colour, 2)


DRAWING = SteeringDrawing()
