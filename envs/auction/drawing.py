"""How the auction looks: every bidder's value, bid and payment on one scale, and what is left of its money.

What a bidder alone knows, its value and money, is drawn as each of them sees it: a picture of the game shows what the players
see, all together.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.canvas import BLUE, FAINT, GREEN, INK, ORANGE, SKY, SOFT, Box, Canvas
from ..core.render import Drawing, Film, Moment, View, amount

FIELDS = ("value", "initial", "remaining", "wins", "won", "price_paid", "active", "blocked", "revenue")
"""Of the state of the game; all but the revenue have one entry per bidder."""


class AuctionFilm(Film):
    """One world of an `AuctionBatch`."""

    def views(self, batch: Any) -> list[View]:
        """The world as its players see it."""
        state, game = batch.state, batch.game
        t, money = int(state.t[0]), state.remaining[0]
        rows = batch.observe()[0]
        return [
            View(
                problem=game,
                t=t,
                horizon=game.steps,
                elapsed=t / game.steps,
                resources=("money",),
                initial=state.initial[0].sum(keepdims=True),
                remaining=money.sum(keepdims=True),
                spent=state.spent[0].sum(keepdims=True),
                observation=rows.ravel(),
                seen={name: np.array(getattr(state, name)[0]) for name in FIELDS},
                hidden={},
                finished=bool(state.finished[0]),
                blocked=int(state.blocked[0].sum()),
                mark=(t, money.tobytes(), rows.tobytes()),
            )
        ]


class AuctionDrawing(Drawing):
    """Orange is the bid, green what was paid, blue the money left."""

    step = "auction"

    def title(self, view: View) -> str:
        """The rule and the number of bidders."""
        return f"Auction, {view.problem.rule.replace('_', ' ')}, {view.problem.n_agents} bidders"

    def offer(self, view: View) -> str:
        """What everybody could win."""
        if view.problem.granularity == "tick":
            return "a tick of auctions: by which multiple of its value does everybody bid?"
        return f"values {_list(view.seen['value'])}: what does everybody bid?"

    def decision(self, view: View, moment: Moment) -> str:
        """Bids, winners, and what they paid."""
        winners = np.flatnonzero(moment.after["won"] > 0)
        paid = ", ".join(f"bidder {i} won for {moment.after['price_paid'][i]:.3g}" for i in winners[:3])
        more = f" and {len(winners) - 3} more" if len(winners) > 3 else ""
        what = "multiples" if view.problem.granularity == "tick" else "bids"
        return f"{what} {_list(moment.action)}: {paid or 'nobody won'}{more}"

    def standing(self, view: View) -> str:
        """Revenue, and who is still there."""
        who = f"{int(view.seen['active'].sum())} of {view.problem.n_agents} bidders have money"
        return f"revenue {amount(float(view.seen['revenue']))}; {who}; wins {_list(view.seen['wins'])}"

    def draw(self, view: View, canvas: Canvas, box: Box) -> None:
        """A row per bidder."""
        last, game = view.last, view.problem
        by_tick = game.granularity == "tick"
        values = view.seen["value"] if last is None else last.before["value"]
        height = min(62.0, (box.height - 26) / game.n_agents)
        scale = Box(box.x + 92, box.y + 26, 330, height * game.n_agents)
        money = Box(box.x + 530, box.y + 26, box.width - 530 - 62, height * game.n_agents)
        top = (
            max(1e-9, *(float(np.max(moment.action)) for moment in view.history[-100:]), float(values.max()))
            if last
            else max(float(values.max()), 1e-9)
        )
        x = scale.x
        for words, colour in (("bid" if not by_tick else "multiple", ORANGE), ("paid", GREEN)):
            canvas.rectangle(Box(x, box.y + 3, 12, 12), colour)
            canvas.text(x + 17, box.y, words, 14, SOFT)
            x += 76
        if not by_tick:
            canvas.line([(x + 4, box.y + 2), (x + 4, box.y + 16)], INK, 3)
            canvas.text(x + 12, box.y, "value", 14, SOFT)
        canvas.text(scale.right + 8, box.y, f"scale 0 to {top:.3g}", 13, SOFT, "ra")
        canvas.text(money.x, box.y, "money left; mark: even pace", 14, SOFT)
        size = max(8, min(16, int(height * 0.6)))
        for i in range(game.n_agents):
            y, bar = scale.y + i * height + 2, max(2.0, height - 6)
            middle = y + bar / 2
            present = bool(view.seen["active"][i])
            if height >= 9:
                canvas.text(box.x, middle, f"bidder {i}", size, INK if present else SOFT, "lm", 88)
            canvas.rectangle(Box(scale.x, y, scale.width, bar), FAINT)
            if last is not None:
                canvas.rectangle(Box(scale.x, y, scale.width * min(float(last.action[i]) / top, 1.0), bar), ORANGE)
                won = float(last.after["won"][i])
                if won > 0:
                    paid = float(last.after["price_paid"][i])
                    canvas.rectangle(Box(scale.x, y + bar / 2, scale.width * min(paid / top, 1.0), bar / 2), GREEN)
                    canvas.check(scale.right + 22, middle, min(10.0, bar / 2.5))
                    if height >= 9:
                        canvas.text(
                            scale.right + 38, middle, f"{paid:.3g}" if not by_tick else f"{won:.0%}", size, GREEN, "lm", 64
                        )
            if not by_tick:
                mark = scale.x + scale.width * min(float(values[i]) / top, 1.0)
                canvas.line([(mark, y - 1), (mark, y + bar + 1)], INK, 3)
            initial, left = float(view.seen["initial"][i]), float(view.seen["remaining"][i])
            canvas.bar(
                Box(money.x, y, money.width, bar),
                left / initial if np.isfinite(initial) and initial > 0 else 0.0,
                BLUE if present else SKY,
            )
            pace = money.x + money.width * (1.0 - view.elapsed)
            canvas.line([(pace, y - 1), (pace, y + bar + 1)], INK, 2)
            if height >= 9:
                canvas.text(box.right, middle, amount(round(left, 2)), size, SOFT, "rm", 58)


def _list(values: Any) -> str:
    words = ", ".join(f"{value:.3g}" for value in values[:6])
    return words + (", .." if len(values) > 6 else "")


DRAWING = AuctionDrawing()
