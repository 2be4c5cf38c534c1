"""`AuctionGame`: the arguments of a multi-agent auction, read and checked, and the spaces of its agents."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ..bidding.traffic import read_profile, tick_starts
from ..core.checks import as_array, is_number, non_negative, one_of, positive, positive_integer
from .state import OBJECTIVES, RULES, Params
from .values import read_law

OBSERVATION_NAMES = (
    "value",
    "last_spend",
    "last_win",
    "last_price",
    "last_minimum",
    "money_size",
    "money_remaining",
    "time_remaining",
)

DEFAULT_TICKS = 48
"""Half hours of a day."""
DEFAULT_EFFECT = 0.8
"""Exposure of a slot, relative to the one above it."""
DEFAULT_MULTIPLIER = 4.0
"""Upper bound of multipliers: above 1 agents bid more than the value, as those do that maximise value within a budget."""


class AuctionGame:
    r"""
    ## Description
    `n_agents` bidders with budgets meet in `T` auctions. Each auction sells `n_slots` positions, of which the lower ones are
    seen less; every agent has its own value for a click and bids for clicks. Rivals are agents too: what an impression
    costs is what the others make of it.

    ## Agents
    `bidder_0` ... `bidder_{n_agents - 1}`, all acting at once.

    ## Action Space
    `granularity="auction"`: `Box(0, highest_bid, (1,))`, the bid for the auction that is up.
    `granularity="tick"`: `Box(0, highest_bid, (1,))`, a multiplier: the bid is that times the agent's value in all auctions of
    the tick. A bid of 0 stays out.

    ## Observation Space
    | Index | Name | Meaning | Range |
    |---|---|---|---|
    | 0 | value | own value of a click in this auction | [0, highest value] |
    | | traffic | instead of value, by tick: auctions of this tick, in multiples of the average tick's | [0, ticks] |
    | 1 | last_spend | spent in the last step, in multiples of the budget per step | [0, steps] |
    | 2 | last_win | slots won in the last step, per auction | [0, 1] |
    | 3 | last_price | mean payment for these, 0 if there were none | [0, highest score] |
    | 4 | last_minimum | mean least bid that would have won a slot in the last step | [0, highest score / quality] |
    | 5 | money_size | size of the budget: initial / (initial + T * mean value / n_agents) | [0, 1] |
    | 6 | money_remaining | remaining share of the budget | [0, 1] |
    | 7 | time_remaining | remaining share of the steps | [0, 1] |

    Nothing in it is about a rival's budget or value. float64.

    ## Rules
    Agents are ranked by score = quality * bid (eCPM: expected money per exposure), equal scores by lot. The first goes to the
    first slot, and so on, as far as scores reach the `reserve`. A slot of effect a gives a * quality clicks. Its winner pays

    - `"second_price"`: the next score, at least the reserve; one slot only.
    - `"first_price"`: a times its own score.
    - `"gsp"`: a times the next score, at least the reserve (generalised second price).
    - `"vcg"`: what its presence takes from those below it (Vickrey, Clarke, Groves), with the reserve as the seller's own bid.

    ## Rewards
    Worth won, a * quality * value for every slot; minus payments if `objective="profit"`.

    ## Budget
    Auctions are held one after another, within ticks too. A score beyond an agent's remaining money is lowered to it, and
    counted in `blocked`: no agent ever pays more than it has. One that has less than the reserve left, or not more than
    a millionth of its budget, is exhausted and takes no part in the next auction.

    ## Starting State
    Full budgets. Values are drawn independently from auction to auction:

    - `"uniform"`: on [0, 1]. With a `correlation`, through a Gaussian copula: that of the normals behind two agents' values.
    - `"lognormal"`, `"lognormal:SIGMA"`: a shared factor times an own one, of mean 1; SIGMA (1 by default) is the standard
      deviation of the logarithm of values, `correlation` that of two agents' logarithms.
    - a table (m, n_agents): every auction has the values of one of its rows, drawn at random with replacement.

    Quantile functions are interpolated between 1,025 nodes; values outside of probabilities 1 / 4096 and 1 - 1 / 4096 of a
    factor do not occur. The values of an episode follow from the seed alone, whatever is bid.

    ## Episode End
    An agent terminates when it is exhausted, the others after `T` auctions: time is part of the problem, nothing is truncated.

    ## Information
    Each agent's ledger (`cost`, `spent`, `remaining`, `blocked`), its `wins`, and two numbers of the whole world:
    `revenue`, what all agents paid, and `liquid_welfare`, the sum over agents of the lesser of worth won and budget.

    ## Arguments
    | Name | Meaning | Default |
    |---|---|---|
    | n_agents | number of bidders | 4 |
    | rule | see Rules | `"second_price"` |
    | n_slots | positions that an auction sells | 1 |
    | position_effects | exposure of each slot, in (0, 1], not increasing | 1, 0.8, 0.64 ... |
    | qualities | clicks per exposure of each agent, in (0, 1], or one for all | 1 |
    | reserve | the least score that a slot is sold for; a score equal to it wins | 0 |
    | granularity | `"auction"` or `"tick"`: what a step is | `"auction"` |
    | T | auctions per episode | 1000 |
    | ticks, traffic | by tick: steps per episode; `"even"`, `"weekly"`, a table's path or shares | 48, `"even"` |
    | budgets | initial money of each agent, or one for all | T * mean value / (2 n_agents) |
    | values, correlation | see Starting State | `"uniform"`, 0 |
    | objective | `"profit"` or `"value"` | `"profit"` |
    | highest_bid | upper bound of actions | highest value; by tick 4 |

    ## References
    B. Edelman, M. Ostrovsky, M. Schwarz: Internet Advertising and the Generalized Second-Price Auction. AER 97(1), 2007.
    H. Varian: Position Auctions. International Journal of Industrial Organization 25(6), 2007.

    ## Version History
    * v0: initial version. Since its first draft observations are float32 by default, and actions that are infeasible or out of
      range are projected or clipped in place of an error.
    """

    def __init__(
        self,
        *,
        n_agents: int = 4,
        rule: Literal["second_price", "first_price", "gsp", "vcg"] = "second_price",
        n_slots: int = 1,
        position_effects: Any = None,
        qualities: Any = 1.0,
        reserve: float = 0.0,
        granularity: Literal["auction", "tick"] = "auction",
        T: int = 1000,
        ticks: int | None = None,
        traffic: Any = "even",
        budgets: Any = None,
        values: Any = "uniform",
        correlation: float = 0.0,
        objective: Literal["profit", "value"] = "profit",
        highest_bid: float | None = None,
    ) -> None:
        self.n_agents = positive_integer("n_agents", n_agents)
        self.n_slots = positive_integer("n_slots", n_slots)
        self.rule = one_of("rule", rule, RULES)
        if rule == "second_price" and n_slots > 1:
            raise ValueError(f"n_slots is {n_slots} with rule='second_price'; expected 1, or the rule 'gsp' or 'vcg'")
        self.granularity = one_of("granularity", granularity, ("auction", "tick"))
        self.objective = one_of("objective", objective, OBJECTIVES)
        T = positive_integer("T", T)
        tick_start = _tick_start(granularity, T, ticks, traffic)
        self.steps = T if granularity == "auction" else len(tick_start) - 1
        """Steps per episode."""
        law = read_law(values, correlation, self.n_agents)
        self.mean_value, self.highest_value = law.mean, law.highest
        reserve = non_negative("reserve", reserve)
        default = law.highest if granularity == "auction" else DEFAULT_MULTIPLIER
        self.highest_bid = default if highest_bid is None else positive("highest_bid", highest_bid)
        quality = _shares("qualities", qualities, self.n_agents)
        highest_score = self.highest_bid * (1.0 if granularity == "auction" else law.highest) * float(quality.max())
        fair_share = T * law.mean / self.n_agents
        self.params = Params(
            auctions=T,
            rule=RULES.index(rule),
            profit=objective == "profit",
            reserve=reserve,
            effects=_effects(position_effects, self.n_slots),
            quality=quality,
            budgets=self.read_budgets("budgets", fair_share / 2 if budgets is None else budgets, (self.n_agents,), reserve),
            highest_score=max(highest_score, reserve),
            budget_scale=fair_share,
            tick_start=tick_start,
            law=law.law,
            shared=law.shared,
            own=law.own,
            cdf=law.cdf,
            cdf_span=law.cdf_span,
            table=law.table,
        )
        self.action_space = spaces.Box(0.0, self.highest_bid, (1,), np.float64)
        self.observation_names = OBSERVATION_NAMES if granularity == "auction" else ("traffic", *OBSERVATION_NAMES[1:])
        self.observation_spaces = tuple(self._observation_space(float(q)) for q in quality)

    def _observation_space(self, quality: float) -> spaces.Box:
        first = self.highest_value if self.granularity == "auction" else self.steps
        score = self.params.highest_score
        high = np.array([first, self.steps, 1.0, score, score / quality, 1.0, 1.0, 1.0])
        return spaces.Box(np.zeros(len(high)), high, dtype=np.float64)

    @staticmethod
    def read_budgets(name: str, budgets: Any, shape: tuple[int, ...], reserve: float) -> NDArray[np.float64]:
        """Initial money as an array of this `shape`, from one amount for all or whatever broadcasts to it.

        Raises:
            ValueError: another shape, or amounts that are not positive or below the reserve.
        """
        array = as_array(name, budgets)
        if array.dtype.kind not in "fiu" or array.shape not in {shape[k:] for k in range(len(shape) + 1)}:
            raise ValueError(f"{name} is {budgets!r}; expected one amount, or amounts of shape {shape}")
        if not ((array > 0) & (array >= reserve)).all():
            raise ValueError(f"{name} is {budgets!r}; expected amounts > 0, at least the reserve {reserve}")
        return np.array(np.broadcast_to(array, shape), np.float64)


def _tick_start(granularity: str, T: int, ticks: int | None, traffic: Any) -> NDArray[np.int64]:
    if granularity == "auction":
        if ticks is not None or not (isinstance(traffic, str) and traffic == "even"):
            raise ValueError(f"ticks={ticks!r} and traffic={traffic!r} by auction; expected granularity='tick' for these")
        return np.zeros(1, np.int64)
    count = min(DEFAULT_TICKS, T) if ticks is None else positive_integer("ticks", ticks)
    if count > T:
        raise ValueError(f"ticks is {ticks}; expected at most T = {T}, the auctions that they divide")
    return tick_starts(read_profile(traffic), count, T)


def _effects(effects: Any, slots: int) -> NDArray[np.float64]:
    if effects is None:
        return np.power(DEFAULT_EFFECT, np.arange(slots, dtype=np.float64))
    array = _shares("position_effects", effects, slots)
    if (np.diff(array) > 0).any():
        raise ValueError(f"position_effects is {effects!r}; expected exposures that do not increase from slot to slot")
    return array


def _shares(name: str, values: Any, count: int) -> NDArray[np.float64]:
    """One number for all or (count,), each in (0, 1]."""
    array = as_array(name, values)
    if array.dtype.kind not in "fiu" or (array.shape != (count,) and not (is_number(values) and array.ndim == 0)):
        raise ValueError(f"{name} is {values!r}; expected a number, or {count} of them")
    if not ((array > 0) & (array <= 1)).all():
        raise ValueError(f"{name} is {values!r}; expected numbers in (0, 1]")
    return np.array(np.broadcast_to(array, (count,)), np.float64)
