"""How an episode of `RealTimeBidding` looks: the latest auction as bid against price, those before it, and the spend."""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from ..core.canvas import FAINT, GREEN, INK, ORANGE, PURPLE, RAIL, RED, SOFT, Box, Canvas
from ..core.render import Drawing, Moment, View, amount, draw_spending
from .kernels import asked_bid
from .law import HIGHEST_PRICE
from .state import BID

RECENT = 40
"""Auctions that are shown side by side."""

FEEDBACK_FIELDS = {"price": "price_paid", "minimum": "minimum_bid", "full": "market_price"}
"""What the feedback shows of the latest auction."""


class BiddingDrawing(Drawing):
    """Bids are orange, what was paid is green. Of a lost auction it shows what the feedback does."""

    step = "auction"

    def visible(self, problem: Any) -> Sequence[str]:
        """What a bidder counts itself, and what the feedback shows."""
        return ("auction", "won", "wins", "clicks", *problem.reported)

    def hidden(self, problem: Any) -> Sequence[str]:
        """What it would like to know."""
        return ("market_price", "theta")

    def title(self, view: View) -> str:
        """The problem, and what is simulated."""
        return f"RealTimeBidding, {view.problem.instance}"

    def offer(self, view: View) -> str:
        """The impression that is up, or the traffic of the tick."""
        if view.problem.ticks:
            return f"a tick with {view.observation[0]:.2f}x the average number of auctions"
        return f"an impression with {view.observation[0]:.2f}x the average chance of a click: what to bid?"

    def decision(self, view: View, moment: Moment) -> str:
        """The bid, and what it won."""
        bid = bid_of(view, moment)
        asked = f"bid {bid:.3g}" if bid is not None else f"action {moment.action[0]:.3g}"
        if view.problem.ticks:
            paid = amount(float(moment.cost[0]))
            return f"{asked} for an average impression: won {float(moment.after['won']):.0%} of the tick, paid {paid}"
        asked += f" for an impression at {moment.observation[0]:.2f}x"
        lowered = ", lowered to what is left" if moment.blocked else ""
        if not moment.after["won"]:
            return f"{asked}{lowered}: lost, nothing paid"
        click = " and was clicked" if moment.after["clicks"] > moment.before["clicks"] else ""
        return f"{asked}{lowered}: won{click}, paid {amount(float(moment.cost[0]))}"

    def standing(self, view: View) -> str:
        """Wins and clicks."""
        wins, auctions = int(view.seen["wins"]), int(view.seen["auction"])
        rate = f" ({wins / auctions:.0%})" if auctions else ""
        return f"{amount(wins)} of {amount(auctions)} won{rate}, {int(view.seen['clicks'])} clicks; return {view.total:.4g}"

    def secret(self, view: View) -> str:
        """The market price, and the true click probability."""
        return f"price of the others {view.hidden['market_price']:.3g}; true theta now {view.hidden['theta']:.3g}"

    def draw(self, view: View, canvas: Canvas, box: Box) -> None:
        """Bid against price, recent auctions, spend."""
        left, right = box.columns(3, 2, gap=28)
        upper, lower = left.rows(6, 7, gap=10)
        self._draw_auction(view, canvas, upper)
        self._draw_recent(view, canvas, lower)
        draw_spending(view, canvas, right)

    def _draw_auction(self, view: View, canvas: Canvas, box: Box) -> None:
        moment = view.last
        if moment is None:
            canvas.text(box.x, box.y, self.offer(view), 16, width=box.width)
            return
        what = "the average auctions of a tick" if view.problem.ticks else "the average chance of a click"
        canvas.text(box.x, box.y, f"offered: {moment.observation[0]:.2f}x {what}", 16, width=box.width)
        bid, price, top = bid_of(view, moment), shown_price(view, moment), scale_of(view)
        rail = Box(box.x + 52, box.y + 30, box.width - 52 - 90, 30)
        unit = rail.width / top
        canvas.text(box.x, rail.y + 6, "bid", 16)
        canvas.rectangle(rail, FAINT)
        if bid is not None:
            canvas.rectangle(rail._replace(width=unit * min(bid, top)), None, ORANGE, 2)
            canvas.rectangle(rail._replace(width=unit * min(made_bid(view, moment, bid), top)), ORANGE)
            canvas.text(rail.x + 6, rail.y + 6, f"{bid:.3g}", 16)
        won = bool(moment.after["won"])
        second = rail._replace(y=rail.y + 38)
        canvas.text(box.x, second.y + 6, "price", 16)
        canvas.rectangle(second, FAINT)
        if price is not None:
            canvas.rectangle(second._replace(width=unit * min(price, top)), GREEN if won else SOFT)
            canvas.text(second.x + 6, second.y + 6, f"{price:.3g}", 16, (255, 255, 255))
        elif bid is not None and not won:
            start = second.x + unit * min(made_bid(view, moment, bid), top)
            canvas.hatch(Box(start, second.y, second.right - start, second.height), SOFT)
            canvas.text(second.x + 6, second.y + 6, "above the bid", 16, SOFT)
        if "market_price" in view.hidden and not won:
            x = second.x + unit * min(float(view.hidden["market_price"]), top)
            canvas.line([(x, second.y - 4), (x, second.bottom + 4)], PURPLE, 3)
        for value in (0, top / 2, top):
            canvas.text(second.x + unit * value, second.bottom + 4, f"{value:.0f}", 13, SOFT, "ma")
        x = rail.right + 50
        (canvas.check if won else canvas.cross)(x, rail.y + 20, 17)
        words = f"{float(moment.after['won']):.0%} won" if view.problem.ticks else "won" if won else "lost"
        canvas.text(x, rail.y + 42, words, 20, GREEN if won else RED, "ma")

    def _draw_recent(self, view: View, canvas: Canvas, box: Box) -> None:
        recent, top = view.history[-RECENT:], scale_of(view)
        canvas.text(box.x, box.y, "recent auctions" if not view.problem.ticks else "recent ticks", 15)
        canvas.rectangle(Box(box.right - 132, box.y + 3, 12, 12), None, ORANGE, 2)
        canvas.text(box.right - 116, box.y, "bid", 14, SOFT)
        canvas.rectangle(Box(box.right - 84, box.y + 3, 12, 12), GREEN)
        canvas.text(box.right - 68, box.y, "won, paid", 14, SOFT)
        plot = Box(box.x, box.y + 22, box.width, box.height - 24)
        width = plot.width / RECENT
        for k, moment in enumerate(recent):
            x, bid, price = plot.x + k * width, bid_of(view, moment), shown_price(view, moment)
            unit = plot.height / top
            if moment.after["won"] and price is not None:
                canvas.rectangle(Box(x, plot.bottom - unit * min(price, top), width - 2, unit * min(price, top)), GREEN)
            if bid is not None:
                high = max(unit * min(bid, top), 1.0)
                canvas.rectangle(Box(x, plot.bottom - high, width - 2, high), None, ORANGE if moment.after["won"] else RAIL, 2)
                canvas.line([(x, plot.bottom - high), (x + width - 2, plot.bottom - high)], ORANGE, 2.5)
        canvas.line([(plot.x, plot.bottom), (plot.right, plot.bottom)], INK, 1.5)


def bid_of(view: View, moment: Moment) -> float | None:
    """The bid that an action asked for; in a tick that of an average impression. None where that depends on the limit."""
    problem = view.problem
    theta = (1.0 if problem.ticks else moment.observation[0]) * problem.params.theta_avg
    if problem.params.control != BID and not math.isfinite(theta):
        return None
    return float(asked_bid.py_func(problem.params, SimpleNamespace(predicted=[theta]), 0, moment.action))  # type: ignore[attr-defined]


def made_bid(view: View, moment: Moment, bid: float) -> float:
    """The bid as it was made: lowered to the money left, if that was too little. What a hard limit allows is not drawn."""
    problem = view.problem
    if not moment.blocked or problem.ticks or problem.cost_event != "impression":
        return bid
    return min(bid, float(view.initial[0] - moment.spent[0] + moment.cost[0]))


def shown_price(view: View, moment: Moment) -> float | None:
    """What winning cost, or would have cost, as far as the feedback shows it."""
    problem = view.problem
    shown = FEEDBACK_FIELDS.get(problem.feedback)
    if moment.after["won"] and shown is not None and "price_paid" in moment.after:
        return float(moment.after["price_paid"])
    if moment.after["won"]:
        return float(moment.cost[0]) if problem.cost_event == "impression" and not problem.ticks else None
    return float(moment.after[shown]) if shown in ("minimum_bid", "market_price") else None


def scale_of(view: View) -> float:
    """The highest bid or price that fits into the picture."""
    bids = [bid_of(view, moment) or 0.0 for moment in view.history[-RECENT:]]
    prices = [shown_price(view, moment) or 0.0 for moment in view.history[-RECENT:]]
    highest = max([1.0, *bids, *prices])
    return next((top for top in (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0) if highest <= top), float(HIGHEST_PRICE))


DRAWING = BiddingDrawing()
