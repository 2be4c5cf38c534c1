"""`RealTimeBidding`: one advertising campaign with a budget in a stream of second-price auctions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ..core import rng
from ..core.budget import Budget
from ..core.checks import boolean, one_of, positive_integer
from ..core.metrics import Metric
from ..core.problem import Kernels, Problem, core_fields, read_only
from . import kernels as k
from .instances import make_market
from .logs import BidLog, load_log
from .market import Market
from .statistics import TrainingStatistics

DEFAULT_C0 = 1 / 8


class RealTimeBidding(Problem):
    r"""
    ## Description
    A campaign has `T` auctions and a budget of `B`. Each auction offers an ad impression with click probability `theta`.
    The bidder names a bid; if it reaches the market price, the highest bid of the others, the impression is won at that
    price (second price, ties win) and may be clicked. The budget spent on a mediocre impression is missing for a good one
    later: the bidder must pace itself. Model and evaluation follow RLB (Cai et al., 2017).

    ## Action Space
    `Box(0, 300, (1,))`, the bid. With `discrete=True`, `Discrete(301)`: the integer bids. With `pacing=True`,
    `Box(-1, 1, (1,))`: the bid is `theta * cost_per_click * exp(4 * action)`, at most 300; 0 bids an impression's worth at
    the market's average cost per click, -1 a 55th of it, 1 55 times.

    ## Observation Space
    | Index | Name | Meaning | Range |
    |---|---|---|---|
    | 0 | theta | click probability of this impression, in multiples of the training average | [0, 1 / theta_avg] |
    | 1 | last_price | price paid in the auction before, / 300; 0 if it was lost | [0, 1] |
    | 2 | win_rate | share of this episode's auctions won | [0, 1] |
    | 3 | spend_rate | spent per auction so far, in multiples of the market's mean price | [0, 300 / mean_price] |
    | 4 | money_size | size of the budget: initial / (initial + T * mean_price) | [0, 1] |
    | 5 | money_remaining | remaining share of the budget | [0, 1] |
    | 6 | time_remaining | remaining share of the auctions | [0, 1] |

    `budget_aware=False` leaves out 4 to 6. float64, so that money can be read back exactly.

    ## Rewards
    Of an impression won: `reward="expected"` gives theta, `"click"` whether it was clicked (0 or 1), which has the same
    mean and several hundred times the variance. `objective="profit"` gives `click_value` times that, minus the price.

    ## Budget
    One resource, `money`, in the log's unit (iPinYou: a thousandth of a fen). A bid above the remaining money is lowered to
    it and counted in `info["blocked"]`. `budget=` is money: an amount, or a range to draw it from; `c0=` is the share of
    the market's own cost instead: `B = int(mean_price * c0 * T)`. Without either, c0 is 1/8.

    ## Starting State
    The full budget and the first impression. The synthetic instances draw auctions independently (within a regime). A log
    is cut into episodes of T auctions in file order, episode k from line k T on; the last one may be shorter and still has
    the whole budget. `shuffled=True` begins episodes at random lines instead, for training. `reset(options={"episode": k})`
    plays a certain one.

    ## Episode End
    Terminates after `T` auctions, or at the end of the log.

    ## Information
    The ledger (`cost`, `spent`, `remaining`, `blocked`), `wins`, `clicks` and `theta_value` (the sum of theta over the
    impressions won, the score of tables: clicks are too rare to rank bidders), and `action_mask` if `discrete`.

    ## Arguments
    | Name | Meaning | Default |
    |---|---|---|
    | instance | `"2997"`, `"1458"`, `"shift"`, `"uniform"`, or a `Market` | `"2997"` |
    | log | path of a log with `click price theta` per line, or such a table; replaces the instance | None |
    | statistics | path of a campaign's training statistics (rlb-dp's info.json), or a `TrainingStatistics` | measured |
    | T | auctions per episode | 1000 |
    | budget, c0 | see Budget; only one of them | c0 = 1/8 |
    | reward | `"expected"` or `"click"` | `"expected"` |
    | objective | `"clicks"` or `"profit"` | `"clicks"` |
    | click_value | money a click is worth, for profit | cost per click |
    | discrete, pacing | see Action Space; not both | False |
    | shuffled | see Starting State | False |
    | budget_aware | see Observation Space | True |

    Bidders are tuned on `statistics`: what is known before the first auction. Without a file they are the instance's own
    exact ones; for a log, they are measured on the log itself, which is hindsight, and results say so.

    ## Instances
    `"2997"`: a light-tailed twin of iPinYou's campaign 2997; `"1458"`: a heavy-tailed one of 1458; `"shift"`: 2997 with
    its regime change; `"uniform"`: closed forms. How each was calibrated stands in `budgetgym.envs.bidding.instances`.

    ## Exact optimum
    `budgetgym.baselines.bidding`: the value of the best non-anticipating policy for the synthetic instances
    (`optimal_value`), and for every episode the fractional knapsack over what came up, an upper bound in hindsight.

    ## References
    H. Cai, K. Ren, W. Zhang, K. Malialis, J. Wang, Y. Yu, D. Guo: Real-Time Bidding by Reinforcement Learning in Display
    Advertising. WSDM 2017, arXiv:1701.02490.

    ## Version History
    * v0: initial version
    """

    resources = ("money",)
    budget_settings = ("budget", "c0")
    metrics = (
        Metric("clicks", "clicks", "total"),
        Metric("wins", "win rate", "per step"),
        Metric("theta_value", "theta value", "mean"),
    )

    def __init__(
        self,
        *,
        instance: str | Market = "2997",
        log: Any = None,
        statistics: str | Path | TrainingStatistics | None = None,
        T: int = 1000,
        budget: Any = None,
        c0: Any = None,
        reward: Literal["expected", "click"] = "expected",
        objective: Literal["clicks", "profit"] = "clicks",
        click_value: float | None = None,
        discrete: bool = False,
        pacing: bool = False,
        shuffled: bool = False,
        budget_aware: bool = True,
    ) -> None:
        T = positive_integer("T", T)
        one_of("reward", reward, ("expected", "click"))
        one_of("objective", objective, ("clicks", "profit"))
        for name, value in (("discrete", discrete), ("pacing", pacing), ("shuffled", shuffled)):
            boolean(name, value)
        if discrete and pacing:
            raise ValueError("discrete=True with pacing=True; expected at most one of them")
        if shuffled and log is None:
            raise ValueError("shuffled=True without log=...; expected a log whose lines it shuffles")

        self.log = None if log is None else log if isinstance(log, BidLog) else load_log(log)
        self.market = None if log is not None else instance if isinstance(instance, Market) else make_market(str(instance))
        self._instance = "own market" if isinstance(instance, Market) else f"instance {instance}"
        self.statistics = self._read_statistics(statistics)
        _positive_means(self.statistics)
        self.objective = objective
        self.click_value = _click_value(click_value, self.statistics.cost_per_click)
        self.kernels = Kernels(k.reset, k.step, k.observe, k.mask if discrete else None, k.resample)
        if self.log is not None and not shuffled:
            self.num_episodes = math.ceil(len(self.log.theta) / T)

        mean_price = self.statistics.mean_price
        super().__init__(
            params=k.Params(
                auctions=T,
                theta_avg=self.statistics.theta_avg,
                mean_price=mean_price,
                pacing=pacing,
                realised=reward == "click",
                profit=objective == "profit",
                click_value=self.click_value,
                replay=self.log is not None,
                shuffled=shuffled,
                **{name: read_only(array) for name, array in _log_arrays(self.log).items()},
                **{name: read_only(array) for name, array in _market_arrays(self.market, T).items()},
            ),
            features={
                "theta": (0.0, 1.0 / self.statistics.theta_avg),
                "last_price": (0.0, 1.0),
                "win_rate": (0.0, 1.0),
                "spend_rate": (0.0, k.HIGHEST_PRICE / mean_price),
            },
            action_space=_action_space(discrete, pacing),
            horizon=T,
            budget=_read_budget(budget, c0, mean_price * T),
            budget_scale=mean_price * T,
            budget_aware=budget_aware,
        )

    def allocate(self, n: int) -> k.State:
        """A state for `n` episodes."""
        return k.State(
            **core_fields(n, 1),
            theta=np.zeros(n),
            source=np.zeros(n, np.int64),
            imagined=np.zeros(n, np.bool_),
            last_price=np.zeros(n),
            wins=np.zeros(n, np.int64),
            clicks=np.zeros(n, np.int64),
            theta_value=np.zeros(n),
        )

    def check_state(self, state: k.State) -> None:
        """Running episodes must stand on a line of this log, or an atom of this market."""
        available = self.params.log_theta.size if self.params.replay else self.params.theta.shape[1]
        source = state.source[~state.finished]
        if ((source < 0) | (source >= available)).any():
            raise ValueError(f"the snapshot is of another problem: {self.instance} has no impression {source.max()}")

    @property
    def score(self) -> str:
        """`theta_value`; under the profit objective the return."""
        return "theta_value" if self.objective == "clicks" else "return"

    @property
    def instance(self) -> str:
        """The instance's name, or the log's source."""
        return self._instance if self.log is None else f"log {self.log.source}"

    @property
    def reading(self) -> k.Reading:
        """What bidders need to read observations."""
        return k.Reading(self.statistics.theta_avg, float(self.budget_scale[0]), self.horizon)

    def _read_statistics(self, statistics: str | Path | TrainingStatistics | None) -> TrainingStatistics:
        if isinstance(statistics, TrainingStatistics):
            return statistics
        if isinstance(statistics, str | Path):
            return TrainingStatistics.load(statistics)
        if statistics is not None:
            raise ValueError(f"statistics is {statistics!r}; expected the path of a file, or TrainingStatistics")
        if self.log is not None:
            return TrainingStatistics.from_log(self.log)
        assert self.market is not None
        return TrainingStatistics.from_market(self.market, self._instance)


def _positive_means(statistics: TrainingStatistics) -> None:
    """Observations are in multiples of these."""
    for name in ("theta_avg", "mean_price"):
        if not getattr(statistics, name) > 0:
            raise ValueError(f"{name} of the statistics ({statistics.source}) is {getattr(statistics, name)!r}; expected > 0")


def _click_value(value: float | None, cost_per_click: float) -> float:
    if value is None:
        return cost_per_click
    if isinstance(value, str) or not (math.isfinite(value) and value > 0):
        raise ValueError(f"click_value is {value!r}; expected money > 0")
    return float(value)


def _action_space(discrete: bool, pacing: bool) -> spaces.Space[Any]:
    if discrete:
        return spaces.Discrete(k.HIGHEST_PRICE + 1)
    if pacing:
        return spaces.Box(-1.0, 1.0, (1,))
    return spaces.Box(0.0, float(k.HIGHEST_PRICE), (1,))


def _read_budget(budget: Any, c0: Any, market_cost: float) -> Any:
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
        share = float(Fraction(c0)) if isinstance(c0, str) else float(c0)
    except (TypeError, ValueError, ZeroDivisionError):
        share = math.nan
    if not (math.isfinite(share) and share >= 0):
        raise ValueError(f"c0 is {c0!r}; expected a share >= 0 of the market's cost, such as 1/8, or a range of shares")
    return float(int(market_cost * share))


def _log_arrays(log: BidLog | None) -> dict[str, NDArray[Any]]:
    if log is None:
        return {"log_click": np.zeros(0, np.int8), "log_price": np.zeros(0, np.int16), "log_theta": np.zeros(0)}
    return {
        "log_click": np.ascontiguousarray(log.click, np.int8),
        "log_price": np.ascontiguousarray(log.price, np.int16),
        "log_theta": np.ascontiguousarray(log.theta, np.float64),
    }


def _market_arrays(market: Market | None, T: int) -> dict[str, NDArray[Any]]:
    if market is None:
        return {
            "regime_start": np.zeros(1, np.int64),
            "theta": np.zeros((1, 1)),
            "theta_table": np.zeros((1, 1, 2)),
            "group": np.zeros((1, 1), np.int64),
            "price_table": np.zeros((1, 1, 1, 2)),
        }
    return {
        "regime_start": np.ceil(market.regime_start * T).astype(np.int64),
        "theta": market.theta,
        "theta_table": _alias_tables(market.theta_pmf),
        "group": market.group,
        "price_table": _alias_tables(market.price_pmf),
    }


def _alias_tables(pmf: NDArray[np.float64]) -> NDArray[np.float64]:
    """The alias tables of every pmf along the last axis, with a further axis of two."""
    return np.stack([rng.alias_table(row) for row in pmf.reshape(-1, pmf.shape[-1])]).reshape(*pmf.shape, 2)
