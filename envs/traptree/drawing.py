"""How an episode of `TrapTree` looks: the way down the tree, and the scores that its children show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.canvas import BLUE, INK, ORANGE, PAPER, PURPLE, RAIL, SOFT, Box, Canvas
from ..core.render import Drawing, Moment, View, draw_spending
from .reading import read_level, read_score

MOST_CHILDREN = 12
"""Children of a node that are drawn, side by side."""


class TrapTreeDrawing(Drawing):
    """The walker is blue; a node is dark where it looks good. What was tried before and left again is grey."""

    step = "move"

    def visible(self, problem: Any) -> Sequence[str]:
        """Nothing beyond what is observed."""
        return ("success",)

    def hidden(self, problem: Any) -> Sequence[str]:
        """The way to the leaf that pays."""
        return ("solution",)

    def title(self, view: View) -> str:
        """The problem and its size."""
        p = view.problem.params
        return f"TrapTree, {p.branching}^{p.depth} leaves, one of them pays"

    def offer(self, view: View) -> str:
        """The children and their scores."""
        p = view.problem.params
        level = level_of(view, view.observation)
        if level == p.depth:
            return f"at a leaf (level {level}) that does not pay" + (": go back?" if p.backtrack else "")
        good = [c for c in range(p.branching) if read_score.py_func(view.observation, c) > 0.5]  # type: ignore[attr-defined]
        back = " or back" if p.backtrack else ""
        return f"level {level} of {p.depth}: which child{back}? looking good: {', '.join(map(str, good[:12])) or 'none'}"

    def decision(self, view: View, moment: Moment) -> str:
        """Where the walker went."""
        before, action = level_of(view, moment.observation), int(moment.action[0])
        if moment.blocked:
            return "no moves are left"
        if action == view.problem.params.branching:
            return f"back from level {before}; cost 1 move"
        if before == view.problem.params.depth:
            return f"child {action} of a leaf: there is none; cost 1 move"
        looked = "looked good" if read_score.py_func(moment.observation, action) > 0.5 else "looked bad"  # type: ignore[attr-defined]
        end = ": this leaf pays" if moment.reward > 0 else ""
        return f"to child {action} of level {before}, which {looked}; cost 1 move{end}"

    def standing(self, view: View) -> str:
        """Whether the leaf was found."""
        return f"{'the leaf was found' if view.seen['success'] else 'nothing found'}; return {view.total:.3g}"

    def secret(self, view: View) -> str:
        """The way to the leaf."""
        return "the way to the leaf is " + ", ".join(map(str, view.hidden["solution"].tolist()))

    def draw(self, view: View, canvas: Canvas, box: Box) -> None:
        """The tree along the walker's path, and the moves spent."""
        left, right = box.columns(5, 2, gap=24)
        draw_legend(canvas, left)
        draw_tree(view, canvas, left._replace(y=left.y + 24, height=left.height - 24))
        draw_spending(view, canvas, right)


def level_of(view: View, observation: Any) -> int:
    """How deep one stands."""
    return int(read_level.py_func(view.problem.reading, observation))  # type: ignore[attr-defined]


Node = tuple[int, ...]
"""The way to a node: the children to go to, from the root."""


def path_of(view: View) -> tuple[list[Node], Node, dict[Node, Any]]:
    """All nodes that were visited, the present one, and the observations at those; a node is the way to it.

    Where the history begins late, the path does too: it is filled up with unknown children, -1.
    """
    p = view.problem.params
    first = view.history[0].observation if view.history else view.observation
    here: Node = tuple(-1 for _ in range(level_of(view, first)))
    visited: list[Node] = [here]
    seen: dict[Node, Any] = {here: first}
    for k, moment in enumerate(view.history):
        action = int(moment.action[0])
        if not moment.blocked:
            if action == p.branching:
                here = here[:-1]
            elif len(here) < p.depth:
                here = (*here, action)
        seen[here] = view.history[k + 1].observation if k + 1 < len(view.history) else view.observation
        visited.append(here)
    return visited, here, seen


def draw_legend(canvas: Canvas, box: Box) -> None:
    """What the circles mean."""
    x = box.x
    for words, fill, ring in (("looks good", INK, INK), ("looks bad", PAPER, SOFT), ("walker", BLUE, BLUE)):
        canvas.circle(x + 7, box.y + 9, 6, fill, ring, 2)
        canvas.text(x + 18, box.y, words, 14, SOFT)
        x += 110
    canvas.line([(x, box.y + 9), (x + 18, box.y + 9)], ORANGE, 4)
    canvas.text(x + 24, box.y, "latest move", 14, SOFT)


def draw_tree(view: View, canvas: Canvas, box: Box) -> None:
    """Level by level the children of the nodes on the walker's path."""
    p = view.problem.params
    visited, here, seen = path_of(view)
    children = min(p.branching, MOST_CHILDREN)
    height = box.height / (p.depth + 0.6)
    radius = max(3.0, min(12.0, 0.30 * height, 0.32 * box.width / children))
    top = box.y + radius + 4
    solution = tuple(view.hidden["solution"].tolist()) if "solution" in view.hidden else ()
    known = set(visited)
    parent_x = box.x + box.width / 2
    spread = box.width * 0.94
    at: dict[Node, tuple[float, float]] = {(): (parent_x, top)}
    for depth in range(min(len(here) + 1, p.depth)):
        way = here[:depth]
        gap = spread / children
        for c in range(children):
            child = (*way, c)
            x = box.x + box.width / 2 + (c - (children - 1) / 2) * gap
            at[child] = (x, top + (depth + 1) * height)
        if depth < len(here) and here[depth] not in range(children):
            at[here[: depth + 1]] = (box.x + box.width / 2, top + (depth + 1) * height)
    last = _latest_edge(visited)
    for child, (x, y) in at.items():
        if child:
            on_path = child == here[: len(child)]
            colour = ORANGE if (child == last and on_path) else BLUE if on_path else RAIL
            canvas.line([at[child[:-1]], (x, y)], colour, 4 if on_path or child == last else 2)
    for child, (x, y) in at.items():
        observation = seen.get(child[:-1]) if child else None
        good = observation is not None and child[-1] >= 0 and read_score.py_func(observation, child[-1]) > 0.5  # type: ignore[attr-defined]
        tried = child in known and child != here[: len(child)]
        fill = BLUE if child == here else SOFT if tried else INK if good else PAPER
        canvas.circle(
            x,
            y,
            radius * (1.25 if child == here else 1.0),
            fill,
            ORANGE if child == last else SOFT,
            3 if child == last else 1.5,
        )
        if solution and child and child == solution[: len(child)]:
            canvas.circle(x, y, radius + 5, None, PURPLE, 3)
    if view.seen["success"]:
        canvas.check(at[here][0] + 24, at[here][1], 12)
    elif len(here) == p.depth:
        canvas.cross(at[here][0] + 24, at[here][1], 9)
    if p.branching > children:
        canvas.text(box.right, box.bottom - 16, f"{children} of {p.branching} children are drawn", 14, SOFT, "ra")
    if (below := p.depth - len(here) - 1) > 0:
        canvas.text(box.x, box.bottom - 16, f"{below} more level{'s' if below > 1 else ''} below", 14, SOFT)


def _latest_edge(visited: list[Node]) -> Node | None:
    """The lower end of the edge that the latest move went along."""
    if len(visited) < 2 or visited[-1] == visited[-2]:
        return None
    return max(visited[-1], visited[-2], key=len)


DRAWING = TrapTreeDrawing()
