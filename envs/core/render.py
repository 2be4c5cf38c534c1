"""How episodes are shown: `Film` keeps what was played, a `Drawing` makes pictures and texts of it. Each family has its own.

A drawing sees a `View`: the observation, the account, the decisions so far, and the fields of the state that it declares
`visible`, because agents know them. It does not get the state itself: what is hidden can't find its way into a picture.
Fields that it declares `hidden` are in the view only where the face was made with `reveal=True`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ..family import family_of, resolve
from .canvas import BLUE, FAINT, INK, RAIL, SKY, SOFT, Box, Canvas
from .window import Window, tile

RENDER_MODES = ["ansi", "rgb_array", "human"]
RENDER_FPS = 10

WIDTH, HEIGHT, MARGIN = 800, 500, 20
"""Pixels of a frame."""

COLUMNS = 80
"""Of a text."""

Fields = Mapping[str, NDArray[Any]]


def check_render_mode(mode: str | None, known: Sequence[str] = RENDER_MODES) -> str | None:
    """The mode itself.

    Raises:
        ValueError: an unknown one.
    """
    if mode not in (None, *known):
        raise ValueError(f"render_mode is {mode!r}; expected None or one of {known}")
    return mode


class Moment(NamedTuple):
    """One decision of an episode, and what came of it."""

    t: int
    """Steps before it."""
    observation: NDArray[np.float64]
    """(d,) on which it was made."""
    before: Fields
    """The visible fields, before it."""
    action: NDArray[Any]
    """(m,) as it was asked for."""
    reward: float
    cost: NDArray[np.float64]
    """(resources,)"""
    spent: NDArray[np.float64]
    """(resources,) so far, with this step."""
    blocked: int
    """How much the count of blocked actions grew."""
    after: Fields
    """The visible fields, after it."""
    mark: tuple[Any, ...]
    """What tells whether a restored state comes right after it."""


@dataclass
class View:
    """What a drawing is made of: all that is known of one episode.

    Attributes:
        problem: what is played, or the game.
        t: steps taken.
        horizon: steps in an episode.
        elapsed: share of the time that has passed.
        resources: what is spent.
        initial, remaining, spent: of every resource, (resources,).
        observation: (d,) the present one.
        seen: the fields that the drawing declares visible.
        hidden: those that it declares hidden; empty without `reveal`.
        history: the decisions so far, the latest one last. It may begin late, where a snapshot was restored.
        finished: whether the episode is over.
        blocked: actions so far that could not be executed as asked for.
        mark: what tells whether a restored state is this one.
    """

    problem: Any
    t: int
    horizon: int
    elapsed: float
    resources: tuple[str, ...]
    initial: NDArray[np.float64]
    remaining: NDArray[np.float64]
    spent: NDArray[np.float64]
    observation: NDArray[np.float64]
    seen: Fields
    hidden: Fields
    finished: bool
    blocked: int = 0
    mark: tuple[Any, ...] = ()
    history: list[Moment] = field(default_factory=list)

    @property
    def last(self) -> Moment | None:
        """The latest decision."""
        return self.history[-1] if self.history else None

    @property
    def total(self) -> float:
        """Sum of the rewards since the history begins."""
        return math.fsum(moment.reward for moment in self.history)


class Drawing:
    """How the episodes of a family look. This one knows no family: it shows the observation, and where the money went.

    A subclass says which fields of the state it uses, tells the story in three sentences, and draws the picture between
    header and footer. Header and footer, which have step, budget and those sentences, are the same for all.
    """

    step = "step"
    """What a step is called."""

    def visible(self, problem: Any) -> Sequence[str]:
        """Fields of the state that agents know, though observations may leave them out."""
        return ()

    def hidden(self, problem: Any) -> Sequence[str]:
        """Fields of the state that agents don't know; for `reveal=True`."""
        return ()

    def title(self, view: View) -> str:
        """What is played."""
        return type(view.problem).__name__

    def pace(self, view: View, k: int) -> float | None:
        """The share of resource k that would be left, had it been spent evenly; None where that means nothing."""
        return 1.0 - view.elapsed

    def offer(self, view: View) -> str:
        """What there is to decide now."""
        entries = zip(view.problem.observation_names, view.observation, strict=True)
        return ", ".join(f"{name} {value:.3g}" for name, value in entries)

    def decision(self, view: View, moment: Moment) -> str:
        """What was chosen, what it cost, and what came of it."""
        action = ", ".join(f"{value:.3g}" for value in moment.action[:8]) + (", .." if len(moment.action) > 8 else "")
        costs = ", ".join(f"{amount(cost)} {name}" for name, cost in zip(view.resources, moment.cost, strict=True))
        return f"action {action}: cost {costs}, reward {moment.reward:.4g}" + (", blocked" if moment.blocked else "")

    def standing(self, view: View) -> str:
        """What has come of the episode so far."""
        return f"return {view.total:.4g}"

    def secret(self, view: View) -> str:
        """The hidden fields in words; only asked for with `reveal=True`."""
        return ", ".join(f"{name} {np.array2string(value, precision=3)}" for name, value in view.hidden.items())

    def draw(self, view: View, canvas: Canvas, box: Box) -> None:
        """Draw the picture into a box of the canvas."""
        left, right = box.columns(3, 2)
        draw_observation(view, canvas, left)
        draw_spending(view, canvas, right)


DEFAULT = Drawing()


def draw_observation(view: View, canvas: Canvas, box: Box) -> None:
    """Every entry of the observation on its range, up to what there is room for."""
    space = view.problem.observation_space
    assert isinstance(space, spaces.Box)
    names = view.problem.observation_names
    columns = 1 if len(names) <= 14 else 2
    rows = min(math.ceil(len(names) / columns), int(box.height // 18))
    height = min(28.0, box.height / max(rows, 1))
    for k, part in enumerate(box.columns(*[1.0] * columns)):
        chosen = range(k * rows, min((k + 1) * rows, len(names)))
        for row, j in enumerate(chosen):
            y = part.y + row * height
            low, high = float(space.low[j]), float(space.high[j])
            bounded = math.isfinite(high - low) and high > low
            canvas.text(part.x, y, names[j], 14, width=part.width * 0.45)
            if bounded:
                rail = Box(part.x + part.width * 0.48, y + 3, part.width * 0.30, height * 0.5)
                canvas.bar(rail, (view.observation[j] - low) / (high - low), SKY)
            canvas.text(part.right, y, f"{view.observation[j]:.3g}", 14, SOFT, "ra")


def draw_spending(view: View, canvas: Canvas, box: Box, k: int = 0) -> None:
    """What was spent of resource k over time, beside even spending."""
    canvas.text(box.x, box.y, f"{view.resources[k].replace('_', ' ')} spent", 15, width=box.width * 0.6)
    plot = Box(box.x, box.y + 22, box.width, box.height - 42)
    canvas.rectangle(plot, FAINT)
    initial = float(view.initial[k])
    spent = [(moment.t + 1, float(moment.spent[k])) for moment in view.history]
    known = [(0, 0.0), *spent] if not spent or spent[0][0] == 1 else spent
    top = initial if math.isfinite(initial) and initial > 0 else max([amount for _, amount in known] + [1e-12])
    if math.isfinite(initial):
        canvas.text(box.right, box.y, "even pace", 13, SOFT, "ra")
        canvas.dashes((plot.x, plot.bottom), (plot.right, plot.y), SOFT)
    stride = max(1, len(known) // 200)
    known = [*known[::stride], known[-1]]
    points = [(plot.x + plot.width * t / view.horizon, plot.bottom - plot.height * amount / top) for t, amount in known]
    if len(points) > 2:
        canvas.polygon([(points[0][0], plot.bottom), *points, (points[-1][0], plot.bottom)], (204, 226, 240))
    canvas.line(points, BLUE, 2.5)
    canvas.circle(*points[-1], 4, BLUE)
    canvas.line([(plot.x, plot.bottom), (plot.right, plot.bottom)], SOFT, 1)
    canvas.text(plot.x, plot.bottom + 4, "start", 13, SOFT)
    canvas.text(plot.right, plot.bottom + 4, "end", 13, SOFT, "ra")


# --- pictures and texts ------------------------------------------------------------------------------------------------------


def picture(drawing: Drawing, view: View) -> NDArray[np.uint8]:
    """A frame (height, width, 3)."""
    canvas = Canvas(WIDTH, HEIGHT)
    right = WIDTH - MARGIN
    canvas.text(right, 14, progress(drawing, view), 18, SOFT, "ra")
    canvas.text(MARGIN, 11, drawing.title(view), 22, width=right - MARGIN - 250)
    y = 46.0
    for k in range(len(view.resources)):
        _draw_account(canvas, view, k, drawing.pace(view, k), y)
        y += 26
    lines = sentences(drawing, view)
    top = HEIGHT - 12 - 21 * len(lines)
    drawing.draw(view, canvas, Box(MARGIN, y + 10, WIDTH - 2 * MARGIN, top - 12 - (y + 10)))
    canvas.line([(MARGIN, top - 4), (right, top - 4)], RAIL, 1)
    for row, (label, words) in enumerate(lines):
        canvas.text(MARGIN, top + 21 * row, label, 16, SOFT)
        canvas.text(MARGIN + 66, top + 21 * row, words, 16, INK, width=right - MARGIN - 66)
    return canvas.array()


def _draw_account(canvas: Canvas, view: View, k: int, pace: float | None, y: float) -> None:
    """What is left of resource k, with a mark where it would be if the budget were spent evenly over time."""
    initial, left = float(view.initial[k]), float(view.remaining[k])
    canvas.text(MARGIN, y, f"{view.resources[k].replace('_', ' ')} left", 16, width=118)
    rail = Box(MARGIN + 124, y, 330, 18)
    if not math.isfinite(initial):
        canvas.rectangle(rail, RAIL)
        canvas.text(rail.right + 12, y, f"no limit; {amount(float(view.spent[k]))} spent", 16)
        return
    canvas.bar(rail, left / initial if initial > 0 else 0.0, BLUE)
    words = f"{amount(left)} of {amount(initial)}"
    if pace is not None:
        mark = rail.x + rail.width * pace
        canvas.line([(mark, y - 3), (mark, y + 21)], INK, 2.5)
        words += f"; even pace {amount(initial * pace)}"
    canvas.text(rail.right + 12, y, words, 16, width=WIDTH - MARGIN - rail.right - 12)


def progress(drawing: Drawing, view: View) -> str:
    """How far the episode is, in words."""
    return f"{drawing.step} {view.t} of {view.horizon}" + (", over" if view.finished else "")


def sentences(drawing: Drawing, view: View) -> list[tuple[str, str]]:
    """The story in words: what came of the latest decision, what is up now, what has come of it all."""
    last = drawing.decision(view, view.last) if view.last is not None else "nothing yet"
    now = "the episode is over" if view.finished else drawing.offer(view)
    lines = [("last", last), ("now", now), ("so far", drawing.standing(view))]
    if view.hidden:
        lines.append(("hidden:", drawing.secret(view)))
    return lines


def text(drawing: Drawing, view: View) -> str:
    """The same story as plain text, at most 80 columns wide."""
    lines = [f"{drawing.title(view)}: {progress(drawing, view)}"]
    lines += [_account_line(view, k, drawing.pace(view, k)) for k in range(len(view.resources))]
    lines += [f"{label:<7} {words}" for label, words in sentences(drawing, view)]
    return "\n".join(line if len(line) <= COLUMNS else line[: COLUMNS - 2].rstrip() + ".." for line in lines)


def _account_line(view: View, k: int, pace: float | None) -> str:
    initial, left = float(view.initial[k]), float(view.remaining[k])
    name = view.resources[k].replace("_", " ")[:12]
    if not math.isfinite(initial):
        return f"{name:<7} no limit; {amount(float(view.spent[k]))} spent"
    cells = 24
    filled = round(cells * left / initial) if initial > 0 else 0
    bar = list("#" * filled + "." * (cells - filled))
    if pace is None:
        return f"{name:<7} [{''.join(bar)}] {amount(left)} of {amount(initial)}"
    bar.insert(round(cells * pace), "|")
    return f"{name:<7} [{''.join(bar)}] {amount(left)} of {amount(initial)}, even pace {amount(initial * pace)}"


def amount(value: float) -> str:
    """A sum of something, short enough for a label."""
    if not math.isfinite(value):
        return "no limit"
    size = abs(value)
    if 0 < size < 1e-6:
        return f"{value:.1g}"
    if size >= 1e7:
        return f"{value:.3g}"
    if size >= 1000 or abs(value - round(value)) < 1e-6:
        return f"{value:,.0f}"
    return f"{value:.4g}" if size >= 1 else f"{value:.3g}"


# --- what was played ---------------------------------------------------------------------------------------------------------


class Film:
    """What was played in every lane of a batch since its episode began, and how it is shown.

    A face has one only where it was made with a render mode. It calls `begin` after lanes were reset, `record` after every
    step, and `rewind` after a snapshot was restored.

    Args:
        problem: what is played.
        mode: "ansi", "rgb_array" or "human".
        reveal: show what agents don't know, marked as hidden.
    """

    def __init__(self, problem: Any, mode: str, reveal: bool = False) -> None:
        self.drawing: Drawing = resolve(family_of(problem).drawing) or DEFAULT
        self.mode, self.reveal = mode, reveal
        self._views: list[View] = []
        self._window = Window(type(problem).__name__, RENDER_FPS) if mode == "human" else None

    def begin(self, batch: Any, lanes: NDArray[np.bool_] | None = None) -> None:
        """Episodes have begun in the chosen lanes, by default in all."""
        views = self.views(batch)
        if self._views and lanes is not None:
            views = [new if chosen else old for old, new, chosen in zip(self._views, views, lanes, strict=True)]
        self._views = views
        self._show()

    def record(self, batch: Any, actions: NDArray[Any], reward: NDArray[np.float64]) -> None:
        """A step was made with `actions` (n, m). Lanes that began anew forget, and those that had finished stay."""
        for lane, (before, view) in enumerate(zip(self._views, self.views(batch), strict=True)):
            if view.t == before.t > 0:
                continue
            if view.t > 0:
                before.history.append(_moment(before, view, actions[lane], float(reward[lane])))
                view.history = before.history
            self._views[lane] = view
        self._show()

    def rewind(self, batch: Any) -> None:
        """A snapshot was restored: keep the decisions that led to it, if they are known."""
        views = self.views(batch)
        for before, view in zip(self._views, views, strict=False):
            led = [k for k, moment in enumerate(before.history) if moment.mark == view.mark]
            view.history = before.history[: led[-1] + 1] if led and view.t > 0 else []
        self._views = views
        self._show()

    def render(self, batch: Any) -> list[Any]:
        """Texts or frames, one per lane; in a window there are none.

        Raises:
            gymnasium.error.DependencyNotInstalled: what draws or shows them is missing.
        """
        views = self.views(batch)
        for before, view in zip(self._views, views, strict=False):
            view.history = before.history
        self._views = views
        if self._window is not None:
            self._show()
            return []
        shown = text if self.mode == "ansi" else picture
        return [shown(self.drawing, view) for view in views]

    def close(self) -> None:
        """Close the window, if there is one."""
        if self._window is not None:
            self._window.close()

    def _show(self) -> None:
        """In human mode, show the present frames."""
        if self._window is not None and self._views:
            self._window.show(tile([picture(self.drawing, view) for view in self._views]))

    def views(self, batch: Any) -> list[View]:
        """The present views of all lanes, without history."""
        rows, problem, state = batch.observe(), batch.problem, batch.state
        views = []
        for lane in range(batch.n):
            seen = {name: getattr(state, name)[lane].copy() for name in self.drawing.visible(problem)}
            secret = self.drawing.hidden(problem) if self.reveal else ()
            hidden = {name: getattr(state, name)[lane].copy() for name in secret}
            t, remaining = int(state.t[lane]), state.remaining[lane].copy()
            views.append(
                View(
                    problem=problem,
                    t=t,
                    horizon=problem.horizon,
                    elapsed=min((t + int(state.late[lane])) / problem.horizon, 1.0),
                    resources=problem.resources,
                    initial=state.initial[lane].copy(),
                    remaining=remaining,
                    spent=state.spent[lane].copy(),
                    observation=rows[lane],
                    seen=seen,
                    hidden=hidden,
                    finished=bool(state.finished[lane]),
                    blocked=int(state.blocked[lane]),
                    mark=(t, int(state.rng[lane]), int(state.blocked[lane]), remaining.tobytes(), rows[lane].tobytes()),
                )
            )
        return views


class Filmed:
    """How a face over a single lane or world is rendered, and closed."""

    _film: Film | None
    _batch: Any

    def render(self) -> Any:
        """The latest step, as the render mode has it: text, a frame (height, width, 3), or None for a window."""
        shown = [] if self._film is None else self._film.render(self._batch)
        return shown[0] if shown else None

    def close(self) -> None:
        """Close the window, if there is one."""
        if self._film is not None:
            self._film.close()


def _moment(before: View, after: View, action: NDArray[Any], reward: float) -> Moment:
    """The decision between two views."""
    return Moment(
        t=before.t,
        observation=before.observation,
        before=before.seen,
        action=np.array(action, np.float64),
        reward=reward,
        cost=after.spent - before.spent,
        spent=after.spent,
        blocked=after.blocked - before.blocked,
        after=after.seen,
        mark=after.mark,
    )
