"""How restless bandits look: arms as tiles, or nodes of their network, by state, with the pulls of the latest step.

Beside them stands what ties the pulls together: workers' loads, calendars, the walk, interventions, neighbours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.canvas import FAINT, GREEN, INK, ORANGE, PAPER, RAIL, RED, SKY, SOFT, Box, Canvas, blend, ink_on, text_width
from ..core.render import Drawing, Moment, View, amount, draw_spending
from .arrangement import appointments, deal_out, places_of, walk_through
from .feasible.capacity import CapacitySet
from .feasible.matching import MatchingSet
from .feasible.paths import PathSet


class RestlessDrawing(Drawing):
    """Green is a good state; orange is what was pulled, light blue what is reached by pulls of other arms."""

    def visible(self, problem: Any) -> Sequence[str]:
        """The action as it was carried out, and how it treated the arms."""
        return ("pulled", "level")

    def title(self, view: View) -> str:
        """The problem and its size."""
        return f"{type(view.problem).__name__}, {len(view.problem.coupling)} arms"

    def offer(self, view: View) -> str:
        """How many can be pulled, and how the arms are."""
        arms, best = arms_of(view, view.observation), view.problem.arms.shape[2] - 1
        most = int(min(view.problem.feasible.most, view.remaining[0] + 1e-6))
        what = "interventions" if has_interventions(view.problem) else "arms"
        return f"which {what}, at most {most}? {(arms == best).sum()} of {len(arms)} arms in the best state"

    def decision(self, view: View, moment: Moment) -> str:
        """What was pulled, and how the arms moved."""
        pulled = np.flatnonzero(moment.after["pulled"])
        what = "ran" if has_interventions(view.problem) else "pulled"
        names = ", ".join(map(str, pulled[:10])) + (", .." if len(pulled) > 10 else "")
        asked = int(np.sum(moment.action))
        cut = f" (of {asked} asked for)" if moment.blocked else ""
        rose, fell = moved(view, moment)
        return f"{what} {names or 'nothing'}{cut}; {rose} arms rose, {fell} fell; reward {moment.reward:.3g}"

    def standing(self, view: View) -> str:
        """Return and pulls."""
        mean = arms_of(view, view.observation).mean() / max(view.problem.arms.shape[2] - 1, 1)
        return f"return {view.total:.4g}; {amount(float(view.spent[0]))} pulls; mean state {mean:.0%} of the best"

    def draw(self, view: View, canvas: Canvas, box: Box) -> None:
        """Arms on the left, what ties them together on the right."""
        problem = view.problem
        left, right = box.columns(*((5, 2) if hasattr(problem, "network") else (3, 2)), gap=24)
        arms = left._replace(y=left.y + 26, height=left.height - 26)
        draw_legend(view, canvas, left)
        if hasattr(problem, "network"):
            draw_network(view, canvas, arms)
            draw_spending(view, canvas, right)
            return
        draw_tiles(view, canvas, arms)
        if isinstance(problem.feasible, CapacitySet):
            draw_workers(view, canvas, right, problem.feasible)
        elif isinstance(problem.feasible, MatchingSet):
            draw_calendar(view, canvas, right, problem.feasible)
        elif has_interventions(problem):
            draw_interventions(view, canvas, right)
        else:
            draw_spending(view, canvas, right)


def has_interventions(problem: Any) -> bool:
    """Whether the components of an action are no arms."""
    return problem.coupling.shape[0] != problem.coupling.shape[1] or not (
        problem.params.one_by_one or hasattr(problem, "network")
    )


def arms_of(view: View, observation: NDArray[Any]) -> NDArray[np.int64]:
    """(J,) states of the arms."""
    problem = view.problem
    J, _, S = problem.arms.shape
    if problem.params.one_hot:
        return observation[: J * S].reshape(J, S).argmax(axis=1)
    return observation[:J].astype(np.int64)


def moved(view: View, moment: Moment) -> tuple[int, int]:
    """How many arms rose and how many fell in the latest step."""
    change = arms_of(view, view.observation) - arms_of(view, moment.observation)
    return int((change > 0).sum()), int((change < 0).sum())


def treated(view: View) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(J,) which arms the latest action pulled, and which it only reached by pulls of others."""
    problem, J = view.problem, len(view.problem.coupling)
    if view.last is None:
        return np.zeros(J, bool), np.zeros(J, bool)
    level = view.last.after["level"] > 0
    own = level if has_interventions(problem) else view.last.after["pulled"] > 0
    return own, level & ~own


def state_colour(problem: Any, state: int) -> tuple[int, int, int]:
    """From white, the worst state, to green, the best."""
    return blend((250, 250, 250), GREEN, state / max(problem.arms.shape[2] - 1, 1))


@lru_cache(maxsize=16)
def _prizes(problem: Any) -> NDArray[np.float64]:
    """(J,) the largest reward of a step of every arm."""
    return problem.arms.rewards.max(axis=(1, 2, 3))


@lru_cache(maxsize=16)
def _places(network: Any) -> NDArray[np.float64]:
    return places_of(network)


def draw_legend(view: View, canvas: Canvas, box: Box) -> None:
    """What colours mean."""
    S = view.problem.arms.shape[2]
    canvas.text(box.x, box.y, "state", 14, SOFT)
    x = box.x + 38
    for state in range(S) if S <= 6 else (0, S - 1):
        fill = state_colour(view.problem, state)
        canvas.rectangle(Box(x, box.y, 18, 17), fill, RAIL)
        canvas.text(x + 9, box.y + 9, str(state), 13, ink_on(fill), "mm")
        x += 20
    marks = [("treated" if has_interventions(view.problem) else "pulled", ORANGE)]
    if hasattr(view.problem, "network") and not isinstance(view.problem.feasible, PathSet):
        marks.append(("neighbour of a pull", SKY))
    x += 12
    for words, colour in marks:
        canvas.rectangle(Box(x, box.y + 1, 15, 15), None, colour, 3)
        canvas.text(x + 20, box.y, words, 14, SOFT)
        x += 32 + text_width(words, 14)
    for words, up in (("rose", True), ("fell", False)):
        _triangle(canvas, x + 6, box.y + 9, 6, up)
        canvas.text(x + 16, box.y, words, 14, SOFT)
        x += 28 + text_width(words, 14)
    if not hasattr(view.problem, "network"):
        canvas.text(x, box.y, "x6 prize", 14, SOFT)


def draw_tiles(view: View, canvas: Canvas, box: Box) -> None:
    """A tile per arm: its state as fill and number, its number above, its prize on the right."""
    problem = view.problem
    arms, prizes = arms_of(view, view.observation), _prizes(problem)
    before = arms if view.last is None else arms_of(view, view.last.observation)
    own, reached = treated(view)
    columns = max(1, min(len(arms), round(math.sqrt(len(arms) * box.width / box.height))))
    rows = math.ceil(len(arms) / columns)
    width, height = min(box.width / columns, 140.0), min(box.height / rows, 110.0)
    small = max(9, min(13, int(width / 4.2)))
    for j, state in enumerate(arms.tolist()):
        tile = Box(box.x + j % columns * width + 3, box.y + j // columns * height + 3, width - 6, height - 6)
        fill = state_colour(problem, state)
        canvas.rectangle(tile, fill, RAIL)
        if own[j] or reached[j]:
            canvas.rectangle(tile, None, ORANGE if own[j] else SKY, 4)
        canvas.text(
            tile.x + tile.width / 2,
            tile.y + tile.height / 2 + 2,
            str(state),
            max(12, min(24, int(width / 2.6))),
            ink_on(fill),
            "mm",
        )
        if height >= 34:
            canvas.text(tile.x + 6, tile.y + 4, problem.arms.names[j], small, ink_on(fill), width=width / 2)
            if width >= 60:
                canvas.text(tile.right - 6, tile.bottom - small - 6, f"x{prizes[j]:.3g}", small, ink_on(fill), "ra")
        if state != before[j]:
            size = max(3.0, min(6.0, width / 12))
            _triangle(canvas, tile.right - size - 5, tile.y + size + 5, size, state > before[j])


def draw_network(view: View, canvas: Canvas, box: Box) -> None:
    """The arms at their places in the network, and the walk."""
    problem = view.problem
    network, arms = problem.network, arms_of(view, view.observation)
    before = arms if view.last is None else arms_of(view, view.last.observation)
    own, reached = treated(view)
    radius = max(5.0, min(17.0, 70.0 / math.sqrt(len(arms))))
    inner = Box(box.x + radius + 6, box.y + radius + 4, box.width - 2 * radius - 12, box.height - 2 * radius - 8)
    at = [(inner.x + x * inner.width, inner.y + y * inner.height) for x, y in _places(network)]
    for a, b in network.edges.tolist():
        canvas.line([at[a], at[b]], SKY if (own[a] or own[b]) and reached.any() else RAIL, 3)
    if isinstance(problem.feasible, PathSet):
        if own.any():
            walk = walk_through(network, problem.source, np.flatnonzero(own).tolist())
            canvas.line([at[node] for node in walk], ORANGE, 4)
            for a, b in pairwise(walk):
                middle = (0.4 * at[a][0] + 0.6 * at[b][0], 0.4 * at[a][1] + 0.6 * at[b][1])
                canvas.arrow(at[a], middle, ORANGE, 3, 11)
        x, y = at[problem.source]
        canvas.rectangle(Box(x - radius - 6, y - radius - 6, 2 * radius + 12, 2 * radius + 12), PAPER, INK, 2.5)
    for j, state in enumerate(arms.tolist()):
        fill = state_colour(problem, state)
        x, y = at[j]
        ring = ORANGE if own[j] else SKY if reached[j] else SOFT
        canvas.circle(x, y, radius, fill, ring, 4 if own[j] or reached[j] else 1.5)
        if radius >= 11:
            canvas.text(x - radius - 2, y - radius + 1, problem.arms.names[j], 11, SOFT, "rm")
        if radius >= 8:
            canvas.text(x, y + 1, str(state), max(10, int(radius)), ink_on(fill), "mm")
        if state != before[j]:
            _triangle(canvas, x + radius * 0.9, y - radius * 0.9, max(4.0, radius / 3), state > before[j])
    if isinstance(problem.feasible, PathSet):
        canvas.text(
            box.right, box.bottom - 12, f"square: start of the walk, {problem.feasible.walk} edges at most", 13, SOFT, "ra"
        )


def draw_workers(view: View, canvas: Canvas, box: Box, feasible: CapacitySet) -> None:
    """Every worker's capacity, and the pulls that fill it."""
    canvas.text(box.x, box.y, "workers: effort of their pulls / capacity", 15, width=box.width)
    pulled = [] if view.last is None else np.flatnonzero(view.last.after["pulled"]).tolist()
    hands, largest = deal_out(feasible, pulled), float(feasible.capacities.max())
    height = min(44.0, (box.height - 28) / len(hands))
    unit = (box.width - 48) / largest
    for worker, arms in enumerate(hands):
        y, x = box.y + 26 + worker * height, box.x
        bar = max(3.0, height - 8)
        canvas.rectangle(Box(x, y, unit * float(feasible.capacities[worker]), bar), FAINT, SOFT)
        for arm in arms:
            part = Box(x, y, unit * float(feasible.costs[arm]), bar)
            canvas.rectangle(part, ORANGE, PAPER, 2)
            if bar >= 14:
                canvas.text(
                    part.x + part.width / 2, y + bar / 2 + 1, f"arm {view.problem.arms.names[arm]}", 13, INK, "mm", part.width
                )
            x += part.width
        if bar >= 12:
            used = sum(float(feasible.costs[arm]) for arm in arms)
            canvas.text(box.right, y + bar / 2 + 1, f"{used:.3g}/{feasible.capacities[worker]:.3g}", 14, SOFT, "rm")


def draw_calendar(view: View, canvas: Canvas, box: Box, feasible: MatchingSet) -> None:
    """Who sees whom in which slot."""
    workers, slots = feasible.worker_slots.shape
    pulled = [] if view.last is None else np.flatnonzero(view.last.after["pulled"]).tolist()
    booked = appointments(feasible, pulled)
    canvas.text(box.x, box.y, f"calendars: a pull takes {feasible.visits} appointments", 15, width=box.width)
    label = 66.0
    width, height = (box.width - label) / slots, min(44.0, (box.height - 46) / workers)
    for slot in range(slots):
        canvas.text(box.x + label + (slot + 0.5) * width, box.y + 24, f"slot {slot}", 13, SOFT, "ma", width)
    for worker in range(workers):
        y = box.y + 44 + worker * height
        if height >= 14:
            canvas.text(box.x, y + height / 2 - 8, f"worker {worker}", 13, SOFT, width=label)
        for slot in range(slots):
            cell = Box(box.x + label + slot * width + 2, y + 2, width - 4, height - 4)
            arm = booked.get((worker, slot))
            if not feasible.worker_slots[worker, slot]:
                canvas.rectangle(cell, RAIL)
            else:
                canvas.rectangle(cell, PAPER if arm is None else ORANGE, SOFT)
            if arm is not None and height >= 16:
                canvas.text(
                    cell.x + cell.width / 2,
                    cell.y + cell.height / 2 + 1,
                    f"arm {view.problem.arms.names[arm]}",
                    13,
                    INK,
                    "mm",
                    width,
                )
    y = box.y + 50 + workers * height
    if y + 16 <= box.bottom:
        canvas.text(box.x, y, "grey: not there; white: free", 13, SOFT)


def draw_interventions(view: View, canvas: Canvas, box: Box) -> None:
    """Every intervention with the arms that it treats; those that ran are orange."""
    matrix = view.problem.coupling
    ran = np.zeros(matrix.shape[1], bool) if view.last is None else view.last.after["pulled"] > 0
    canvas.text(box.x, box.y, f"interventions, and whom they treat: {int(ran.sum())} ran", 15, width=box.width)
    N = len(ran)
    columns = 1 if N <= 14 else 2 if N <= 28 else 3
    rows = math.ceil(N / columns)
    width, height = box.width / columns, min(34.0, (box.height - 26) / rows)
    size = max(8, min(15, int(height * 0.55)))
    for n in range(N):
        part = Box(box.x + n // rows * width, box.y + 26 + n % rows * height, width - 6, max(height - 5, 3.0))
        canvas.rectangle(part, ORANGE if ran[n] else FAINT)
        arms = np.flatnonzero(matrix[:, n])
        names = ", ".join(view.problem.arms.names[arm] for arm in arms[:8])
        canvas.text(
            part.x + 6,
            part.y + part.height / 2 + 1,
            f"{n}: arms {names}" if columns == 1 else f"{n}: {names}",
            size,
            INK,
            "lm",
            width - 12,
        )


def _triangle(canvas: Canvas, x: float, y: float, size: float, up: bool) -> None:
    """It rose, or fell; with an edge in white, so that it can be seen on any state."""
    for grow, colour in ((size + 2.5, PAPER), (size, INK if up else RED)):
        tip = -grow if up else grow
        canvas.polygon([(x - grow, y - tip * 0.7), (x + grow, y - tip * 0.7), (x, y + tip)], colour)


DRAWING = RestlessDrawing()
