"""How the society looks: the path of the public belief, the agents with what they did, and the planner's effort.

Signals are private to the agents; like the state they are drawn with `reveal=True` only.
"""

from __future__ import annotations

from typing import Any

from ..core.canvas import FAINT, GREEN, INK, ORANGE, PAPER, PURPLE, RED, SOFT, Box, Canvas
from ..core.render import Film, Moment, View, amount, draw_spending
from ..steering.drawing import SteeringDrawing, draw_beliefs, draw_precisions


class SocietyFilm(Film):
    """One world of a `SocietyBatch`: a step is a round, in which the planner buys precision and a cohort acts."""

    def views(self, batch: Any) -> list[View]:
        """The world as the planner sees it, and the actions of all."""
        planner, problem = batch.state.planner, batch.game.planner
        row, t = batch.observe_planner()[0], int(planner.t[0])
        seen = {name: getattr(planner, name)[0].copy() for name in self.drawing.visible(problem)}
        seen |= {name: getattr(batch.state, name)[0].copy() for name in ("action", "precision", "awaited")}
        hidden = {"good": planner.good[0].copy(), "errors": planner.errors[0].copy()} if self.reveal else {}
        if self.reveal:
            hidden["signal"] = batch.state.signal[0].copy()
        return [
            View(
                problem=problem,
                t=t,
                horizon=problem.horizon,
                elapsed=t / problem.horizon,
                resources=problem.resources,
                initial=planner.initial[0].copy(),
                remaining=planner.remaining[0].copy(),
                spent=planner.spent[0].copy(),
                observation=row,
                seen=seen,
                hidden=hidden,
                finished=bool(planner.finished[0]),
                blocked=int(planner.blocked[0]),
                mark=(t, planner.remaining[0].tobytes(), row.tobytes(), batch.state.action[0].tobytes()),
            )
        ]


class SocietyDrawing(SteeringDrawing):
    """The agents are players: a circle each, green where she chose the good action."""

    step = "round"

    def title(self, view: View) -> str:
        """How many agents."""
        return f"Society, {len(view.seen['action'])} agents and a planner"

    def offer(self, view: View) -> str:
        """Whose turn it is."""
        if view.seen["awaited"]:
            cohort = cohort_of(view)
            who = f"agent {cohort.start}" if len(cohort) == 1 else f"agents {cohort.start} to {cohort.stop - 1}"
            return f"{who}: good or bad action? the signal has precision {view.seen['precision'][cohort.start]:.2g}"
        return "the planner: " + super().offer(view)

    def decision(self, view: View, moment: Moment) -> str:
        """The precision and the actions of the cohort."""
        cohort = len(view.seen["action"]) // view.horizon
        acted = moment.after["action"][moment.t * cohort : (moment.t + 1) * cohort]
        good = int((acted > 0).sum())
        did = ("good" if good else "bad") + " action" if cohort == 1 else f"{good} of {cohort} acted good"
        told = "it moved the belief" if moment.after["last_informative"][0] else "nothing is learnt from it"
        return f"precision {moment.after['last_precision'][0]:.2g}: {did}, {told}; cost {amount(float(moment.cost[0]))}"

    def standing(self, view: View) -> str:
        """Actions so far."""
        acted = view.seen["action"]
        return f"{int((acted > 0).sum())} of {int((acted != 0).sum())} acted good; return of the planner {view.total:.4g}"

    def secret(self, view: View) -> str:
        """The state; the signals are dots in the picture."""
        return super().secret(view) + "; purple dots: signals, good above and bad below"

    def draw(self, view: View, canvas: Canvas, box: Box) -> None:
        """Beliefs, agents, precisions; effort on the right."""
        left, right = box.columns(5, 2, gap=24)
        upper, middle, lower = left.rows(5, 2, 2.6, gap=6)
        draw_beliefs(view, canvas, upper)
        draw_agents(view, canvas, middle)
        draw_precisions(view, canvas, lower)
        draw_spending(view, canvas, right)


def cohort_of(view: View) -> range:
    """The agents of the present round."""
    size = len(view.seen["action"]) // view.horizon
    return range(view.t * size, (view.t + 1) * size)


def draw_agents(view: View, canvas: Canvas, box: Box) -> None:
    """A circle per agent, with an arrow up for the good action."""
    actions = view.seen["action"]
    canvas.text(box.x, box.y, "agents: green acted good, red bad; framed: deciding now", 14, SOFT, width=box.width)
    inner = Box(box.x + 44, box.y + 20, box.width - 44, box.height - 20)
    unit = inner.width / len(actions)
    radius = max(2.0, min(15.0, 0.42 * unit, 0.42 * inner.height))
    now = cohort_of(view) if view.seen["awaited"] else range(0)
    signals = view.hidden.get("signal")
    for i, action in enumerate(actions.tolist()):
        x, y = inner.x + (i + 0.5) * unit, inner.y + inner.height / 2
        fill = GREEN if action > 0 else RED if action < 0 else FAINT
        canvas.circle(x, y, radius, fill, ORANGE if i in now else SOFT, 4 if i in now else 1)
        if radius >= 8 and action:
            sign = -1 if action > 0 else 1
            canvas.arrow((x, y - 0.5 * sign * radius), (x, y + 0.6 * sign * radius), PAPER, 2.5, 7)
        elif radius >= 10:
            canvas.text(x, y, str(i), 13, INK if i in now else SOFT, "mm")
        if signals is not None and signals[i]:
            canvas.circle(x, y - radius - 4 if signals[i] > 0 else y + radius + 4, 4, PURPLE)


DRAWING = SocietyDrawing()
