"""How an episode of `AgenticRouting` looks: the task's subgoals, a lane per model with its calls, and the meter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...core.canvas import BLUE, FAINT, GREEN, INK, ORANGE, PAPER, RAIL, RED, SKY, SOFT, Box, Canvas, text_width
from ...core.render import Drawing, Moment, View, amount, draw_spending
from .profile import ERROR_LEVELS
from .reading import ESTIMATE, LAST_MODEL, SIGNAL, read_subgoals

PROGRESS, SOLVED, FAILED, ERROR, ROLLBACK, VERDICT = (
    "reached a subgoal",
    "solved",
    "failed",
    "an error",
    "rolled back",
    "no objection",
)
"""What a move can come to, as far as the router sees it."""

COLOURS = {PROGRESS: GREEN, SOLVED: GREEN, FAILED: RED, ERROR: RED, ROLLBACK: ORANGE, VERDICT: SKY}


class AgenticDrawing(Drawing):
    """Lanes are models, from the cheapest at the bottom; a dot is a call, green where it seemed to make progress."""

    def visible(self, problem: Any) -> Sequence[str]:
        """What the router saw or was told of the present task, and of those before."""
        return ("task", "step", "progress", "errors", "rolled_back", "success", "dollars", "large_calls")

    def hidden(self, problem: Any) -> Sequence[str]:
        """What a router has to guess."""
        return ("required", "corrupted", "difficulty_class")

    def title(self, view: View) -> str:
        """The problem and the kind of tasks."""
        return f"AgenticRouting, {view.problem.instance}"

    def offer(self, view: View) -> str:
        """What is known of the next move."""
        names = [model.name for model in view.problem.profile.models]
        tier = round(float(view.observation[SIGNAL]) * (view.problem.profile.tiers - 1))
        needs = f"tier {tier}" if view.problem.profile.tiers > 2 else ("the large model" if tier else "the small model")
        words = f"which model moves next? signal: {needs} is needed; errors {int(view.seen['errors'])}"
        return words if len(names) > 1 else f"the next move of {names[0]}"

    def decision(self, view: View, moment: Moment) -> str:
        """The model that was called, its cost, and what the move seemed to come to."""
        called, verdict = called_model(view.problem, moment)
        if called is None:
            words = "gave the task up" if not moment.blocked else "no model could be paid"
        else:
            words = ("a verdict by " if verdict else "") + view.problem.profile.models[called].name
            words += " (no more could be paid)" if moment.blocked else ""
        unit = view.resources[0].replace("_", " ")
        outcome = event_of(view, moment)
        words = f"{words}: {'the task is ' if outcome in (SOLVED, FAILED) else ''}{outcome}"
        return f"{words}; cost {amount(float(moment.cost[0]))} {unit}"

    def standing(self, view: View) -> str:
        """Tasks, calls and dollars."""
        tasks = f"{int(view.seen['success'])} of {view.problem.tasks} tasks solved; " if view.problem.tasks > 1 else ""
        calls, dollars = (amount(float(view.seen[name])) for name in ("large_calls", "dollars"))
        return f"{tasks}{calls} large calls, ${dollars} in all; return {view.total:.3g}"

    def secret(self, view: View) -> str:
        """What the router would like to know."""
        label = ("easy", "hard", "intractable")[int(view.hidden["difficulty_class"])]
        broken = "corrupted" if view.hidden["corrupted"] else "sound"
        return f"tier {int(view.hidden['required'])} is required; the work so far is {broken}; the task is {label}"

    def draw(self, view: View, canvas: Canvas, box: Box) -> None:
        """Subgoals and lanes on the left, spend and meter on the right."""
        left, right = box.columns(5, 2, gap=24)
        upper, lower = left.rows(1, 2.1, gap=8)
        self._draw_task(view, canvas, upper)
        draw_lanes(view, canvas, lower)
        top, bottom = right.rows(3, 2, gap=14)
        draw_spending(view, canvas, top)
        draw_meter(view, canvas, bottom)

    def _draw_task(self, view: View, canvas: Canvas, box: Box) -> None:
        last = view.last
        ended = last is not None and event_of(view, last) in (SOLVED, FAILED)
        shown = last.observation if last is not None and ended else view.observation
        subgoals = int(read_subgoals.py_func(view.problem.reading, shown))  # type: ignore[attr-defined]
        progress = int((last.before if last is not None and ended else view.seen)["progress"])
        task = int((last.before if last is not None and ended else view.seen)["task"])
        solved = last is not None and event_of(view, last) == SOLVED
        of = f" {task + 1} of {view.problem.tasks}" if view.problem.tasks > 1 else ""
        canvas.text(box.x, box.y, f"task{of}: {subgoals} subgoals; looks {_difficulty(float(shown[ESTIMATE]))}", 15)
        if last is not None and ended:
            canvas.text(box.right, box.y - 3, f"task {event_of(view, last)}", 20, GREEN if solved else RED, "ra")
        width = min(46.0, box.width / max(subgoals, 1))
        for k in range(subgoals):
            x, y = box.x + (k + 0.5) * width, box.y + 44
            done = solved or k < progress
            ring = ORANGE if k == progress and not ended else SOFT
            canvas.circle(x, y, 0.36 * width, GREEN if done else PAPER, GREEN if done else ring, 4 if ring == ORANGE else 2)
            if done:
                canvas.check(x, y, 0.15 * width, PAPER)
        errors = int((last.before if last is not None and ended else view.seen)["errors"])
        y = box.y + 76
        canvas.text(box.x, y - 2, "errors that weigh on the agent", 14, SOFT)
        for k in range(ERROR_LEVELS - 1):
            canvas.rectangle(
                Box(box.x + 208 + 22 * k, y - 2, 16, 16), RED if k < errors else FAINT, RED if k < errors else RAIL
            )


def draw_lanes(view: View, canvas: Canvas, box: Box) -> None:
    """A lane per model with the calls of the present task; at its end what the next call costs."""
    problem, models = view.problem, view.problem.profile.models
    last = view.last
    task = int(last.before["task"]) if last is not None else 0
    moves = [moment for moment in view.history if int(moment.before["task"]) == task]
    canvas.text(box.x, box.y, "calls in this task", 15)
    x = box.x + 130
    for words, colour in (("progress", GREEN), ("error", RED), ("undone", ORANGE)):
        canvas.rectangle(Box(x, box.y + 3, 11, 11), colour)
        canvas.text(x + 15, box.y, words, 14, SOFT)
        x += 28 + text_width(words, 14)
    canvas.text(box.right, box.y, "next call", 14, SOFT, "ra")
    height = min(64.0, (box.height - 40) / len(models))
    track = Box(box.x + 124, box.y + 24, box.width - 124 - 100, height * len(models))
    column = track.width / problem.profile.T
    prices = view.observation[LAST_MODEL + 2 * len(models) : LAST_MODEL + 3 * len(models)] / problem.params.per.price
    called = None if last is None else called_model(problem, last)[0]
    signal = round(float(view.observation[SIGNAL]) * (problem.profile.tiers - 1))
    for m, model in enumerate(models):
        y = track.bottom - (m + 1) * height
        lane = Box(track.x, y + 3, track.width, height - 6)
        canvas.rectangle(lane, (255, 244, 219) if m == called else FAINT, ORANGE if m == called else None, 2)
        middle = y + height / 2
        wanted = model.tier == signal and not view.finished
        canvas.text(box.x, middle - (8 if wanted else 0), model.name, 15, INK, "lm", 118)
        if wanted:
            canvas.text(box.x, middle + 9, "the signal's tier", 13, SOFT, "lm")
        price = f"${prices[m]:.2g}" if problem.unit == "dollars" else "1 large call" if prices[m] == 1 else "free"
        afford = view.observation[LAST_MODEL + 3 * len(models) + m] > 0.5 if problem.budget_aware else True
        canvas.text(box.right, middle, price if afford else "can't pay", 15, INK if afford else RED, "rm")
    for moment in moves:
        m, verdict = called_model(problem, moment)
        if m is None:
            continue
        cell = Box(
            track.x + int(moment.before["step"]) * column + 1, track.bottom - (m + 1) * height + 8, column - 1.5, height - 16
        )
        fill = COLOURS[event_of(view, moment)]
        canvas.rectangle(cell, PAPER if verdict else fill, fill, 2)
    canvas.text(track.right, track.bottom + 1, f"step {problem.profile.T}", 13, SOFT, "ra")


def draw_meter(view: View, canvas: Canvas, box: Box) -> None:
    """How much of the next prompt every model has in its cache."""
    models = view.problem.profile.models
    warm = view.observation[LAST_MODEL + len(models) : LAST_MODEL + 2 * len(models)]
    canvas.text(box.x, box.y, "next prompt: share in cache", 15, width=box.width)
    height = min(30.0, (box.height - 26) / len(models))
    for m, model in enumerate(models):
        y = box.y + 24 + (len(models) - 1 - m) * height
        canvas.text(box.x, y + 2, model.name, 13, SOFT, width=80)
        canvas.bar(Box(box.x + 84, y + 2, box.width - 130, height - 10), float(warm[m]), SKY if warm[m] < 1 else BLUE)
        canvas.text(box.right, y + 2, f"{warm[m]:.0%}", 13, INK, "ra")


def called_model(problem: Any, moment: Moment) -> tuple[int | None, bool]:
    """The model that was called, None if none was; and whether it was asked for a verdict."""
    models, asked = len(problem.profile.models), int(moment.action[0])
    if moment.blocked:
        made = moment.after["step"] > moment.before["step"] or moment.after["task"] > moment.before["task"]
        return (0 if made else None), False
    if problem.stop and asked == models:
        return None, False
    return (asked, False) if asked < models else (asked - models - problem.stop, True)


def event_of(view: View, moment: Moment) -> str:
    """What a move came to, as far as the router sees it."""
    before, after = moment.before, moment.after
    is_last = view.finished and moment is view.last
    if is_last or after["task"] > before["task"]:
        return SOLVED if after["success"] > before["success"] else FAILED
    if after["rolled_back"]:
        return ROLLBACK
    if after["progress"] > before["progress"]:
        return PROGRESS
    return VERDICT if called_model(view.problem, moment)[1] else ERROR


def _difficulty(estimate: float) -> str:
    """An estimate of the difficulty in standard deviations, in words."""
    words = "harder" if estimate > 0 else "easier"
    return f"{words} than usual ({estimate:+.1f} sd)" if abs(estimate) >= 0.25 else "of usual difficulty"


DRAWING = AgenticDrawing()
