"""The arguments of `RealTimeBidding`, group by group: each is read, checked against the others, and refused by name."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ..core.budget import Budget
from ..core.checks import amount, boolean, natural, non_negative, number, one_of, positive, positive_integer, probability
from ..core.problem import read_only
from .conversions import delay_distribution
from .law import HIGHEST_PRICE, Rules
from .state import CONTROLS
from .traffic import read_profile, tick_starts

DEFAULT_C0 = 1 / 8


def read_rules(rule: str, reserve: Any, soft_reserve: Any) -> Rules:
    """The rules of an auction. A first-price auction is one whose soft reserve no bid reaches."""
    one_of("rule", rule, ("second_price", "first_price"))
    least = _price("reserve", reserve)
    if rule == "second_price":
        return Rules(least, _price("soft_reserve", soft_reserve))
    if soft_reserve != 0:
        raise ValueError(f"soft_reserve={soft_reserve!r} with rule='first_price'; expected none, all bids pay themselves")
    return Rules(least, math.inf)


def _price(name: str, value: Any) -> float:
    if not (non_negative(name, value) <= HIGHEST_PRICE and float(value).is_integer()):
        raise ValueError(f"{name} is {value!r}; expected whole money in 0..{HIGHEST_PRICE}, as market prices are")
    return float(value)


class Conversions(NamedTuple):
    """How clicks convert."""

    rate: float
    """Per click; 0 if there are none."""
    window: int
    """W: auctions after a click in which its conversion counts, at most T."""
    delay_cdf: NDArray[np.float64]
    """(W + 1,) see `Params`."""


def read_conversions(rate: Any, delay: Any, window: Any, T: int, *, reward: str, cost_event: str, cpa: Any) -> Conversions:
    """How clicks convert; without conversions nothing may ask for them."""
    rate = probability("conversion_rate", rate)
    if rate == 0:
        needed = {"delay": delay, "attribution_window": window, "cpa_limit": cpa}
        needed["reward"] = "conversion" if reward == "conversion" else None
        needed["cost_event"] = "conversion" if cost_event == "conversion" else None
        for name, value in needed.items():
            if value is not None:
                raise ValueError(f"{name}={value!r} with conversion_rate=0; expected a conversion_rate > 0")
        window = 0
    window = T if window is None else natural("attribution_window", window)
    return Conversions(rate, min(window, T), read_only(delay_distribution(delay, window, T)))


class Limits(NamedTuple):
    """What clicks or conversions may cost on average."""

    money: float
    """That a unit of theta may cost: the strictest of the limits; infinite without."""
    hard: bool
    soft: bool


def read_limits(cpc: Any, cpa: Any, roas: Any, limits: str, *, conversion_rate: float, click_value: float) -> Limits:
    """The strictest of the limits, and whether it is enforced."""
    one_of("limits", limits, ("hard", "soft"))
    all_limits = [math.inf]
    if cpc is not None:
        all_limits.append(positive("cpc_limit", cpc))
    if cpa is not None:
        all_limits.append(positive("cpa_limit", cpa) * conversion_rate)
    if roas is not None:
        all_limits.append(click_value / positive("roas_limit", roas))
    limited = min(all_limits) < math.inf
    if limits == "soft" and not limited:
        raise ValueError("limits='soft' without a limit; expected cpc_limit, cpa_limit or roas_limit")
    return Limits(min(all_limits), limited and limits == "hard", limited and limits == "soft")


class Ticks(NamedTuple):
    """How auctions are gathered to decisions."""

    number: int | None
    """Decisions of an episode; None if every auction is one."""
    start: NDArray[np.int64]
    """(K + 1,) see `Params`."""


def read_ticks(ticks: Any, traffic: Any, T: int) -> Ticks:
    """How the T auctions of an episode are gathered to decisions."""
    if ticks is None:
        if not (isinstance(traffic, str) and traffic == "even"):
            raise ValueError(f"traffic={traffic!r} without ticks=...; expected the number of ticks that it fills")
        return Ticks(None, read_only(np.zeros(1, np.int64)))
    count = positive_integer("ticks", ticks)
    if count > T:
        raise ValueError(f"ticks is {ticks}; expected at most T = {T}, the auctions that they divide")
    return Ticks(count, read_only(tick_starts(read_profile(traffic), count, T)))


def read_control(control: str, discrete: bool, limits: Limits) -> spaces.Space[Any]:
    """The actions."""
    one_of("control", control, CONTROLS)
    if boolean("discrete", discrete) and control != "bid":
        raise ValueError(f"discrete=True with control={control!r}; expected 'bid'")
    if control == "dual" and limits.money == math.inf:
        raise ValueError("control='dual' without a limit; expected cpc_limit, cpa_limit or roas_limit")
    if discrete:
        return spaces.Discrete(HIGHEST_PRICE + 1)
    if control == "pacing":
        return spaces.Box(-1.0, 1.0, (1,), np.float64)
    if control == "dual":
        return spaces.Box(0.0, 100.0, (2,), np.float64)
    return spaces.Box(0.0, float(HIGHEST_PRICE), (1,), np.float64)


def read_budget(budget: Any, c0: Any, market_cost: float) -> Any:
    """Money from `budget`, or from the share `c0` of the market's own cost of an episode, as RLB has it."""
    if budget is not None:
        if c0 is not None:
            raise ValueError(f"budget={budget!r} and c0={c0!r}; expected only one of them")
        return budget
    if isinstance(c0, Sequence) and not isinstance(c0, str):
        return Budget({"money": tuple(_money(share, market_cost) for share in c0)}, log=True)  # type: ignore[dict-item]
    return _money(DEFAULT_C0 if c0 is None else c0, market_cost)


def _money(c0: Any, market_cost: float) -> float:
    try:
        share = amount(c0) if isinstance(c0, str) else number("c0", c0, "a share")
    except ValueError:
        share = math.nan
    if not (math.isfinite(share) and share >= 0):
        raise ValueError(f"c0 is {c0!r}; expected a share >= 0 of the market's cost, such as 1/8, or a range of shares")
    return float(int(market_cost * share))
