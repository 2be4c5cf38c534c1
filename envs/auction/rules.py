"""One auction: who gets which slot, and what it costs.

All money is in scores, quality * bid: what a bid offers for a slot of full exposure. The winner of slot s pays the price
given here for `effects[s]` of exposure; with quality 1 and one slot of effect 1, scores are bids.
"""

from __future__ import annotations

import numpy as np

from ..core import jit, rng
from .state import FIRST_PRICE, VCG


@jit
def priority(draw, i):
    """The lot of agent i in an auction whose lots begin at `draw`: among equal scores the highest one goes first."""
    return rng.mix(draw + np.uint64(i) * rng.GOLDEN_GAMMA)


@jit
def goes_before(score, i, other_score, j, draw):
    """Whether agent i is placed before j, which is -1 for an empty place; that one's score is the reserve."""
    if score != other_score:
        return score > other_score
    return j < 0 or priority(draw, i) > priority(draw, j)


@jit
def rank(scores, reserve, draw, order, top):
    """Write the agents with the K + 1 highest of the `scores` (N,), and these: `order` and `top` (K + 1,).

    Places left empty hold -1 and the reserve, so that a price can be read off the place below. A score equal to the reserve
    is placed, one of 0 never is: it stays out. Insertion, because few agents ever get among the first K + 1.
    """
    last = top.shape[0] - 1
    for k in range(last + 1):
        order[k], top[k] = -1, reserve
    least = reserve  # of what is placed, kept at hand: most agents only meet this comparison
    for i in range(scores.shape[0]):
        score = scores[i]
        if score < least or score <= 0.0 or not goes_before(score, i, top[last], order[last], draw):
            continue
        k = last
        while k > 0 and goes_before(score, i, top[k - 1], order[k - 1], draw):
            order[k], top[k] = order[k - 1], top[k - 1]
            k -= 1
        order[k], top[k] = i, score
        least = top[last]


@jit
def payment(rule, effects, top, s):
    """What the winner of slot s pays, given the ranked scores `top` (K + 1,).

    First price: its own score. Second price and GSP: the next one. VCG: what its presence costs those below it, each of whom
    would move up by one slot.
    """
    if rule == FIRST_PRICE:
        return effects[s] * top[s]
    if rule == VCG:
        slots = effects.shape[0]
        total = 0.0
        for k in range(s, slots):
            below = effects[k + 1] if k + 1 < slots else 0.0
            total += (effects[k] - below) * top[k + 1]
        return total
    return effects[s] * top[s + 1]
