"""`RealTimeBidding`: one advertising campaign with a budget in a stream of second-price auctions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..core import rng
from ..core.checks import boolean, non_negative, one_of, positive, positive_integer
from ..core.features import Feature
from ..core.fragments import cut_log, remark_of
from ..core.metrics import Metric
from ..core.problem import Kernels, Problem, read_on_infeasible, read_only
from . import kernels as k
from .instances import make_market
from .law import EVENTS, HIGHEST_PRICE, regime_starts
from .logs import BidLog, load_log
from .market import Market
from .reading import Reading
from .settings import read_budget, read_control, read_conversions, read_limits, read_rules, read_ticks
from .state import CONTROLS, FEEDBACK, REWARDS, Params, State
from .statistics import TrainingStatistics

REPORTED = {
    "win": (),
    "price": ("price_paid",),
    "minimum": ("price_paid", "minimum_bid"),
    "full": ("price_paid", "market_price"),
}
"""What `info` reports of the latest auction, by feedback."""


class RealTimeBidding(Problem):
    r"""
    ## Description
    A campaign has `T` auctions and a budget of `B`. Each auction offers an ad impression with click probability `theta`.
    The bidder names a bid; if it reaches the market price, the highest bid of the others, the impression is won at that
    price (second price, ties win) and may be clicked. The budget spent on a mediocre impression is missing for a good one
    later: the bidder must pace itself. Model and evaluation follow RLB (Cai et al., 2017); everything about it can be varied.

    ## Action Space
    `control="bid"`: `Box(0, 300, (1,))`, the bid; with `discrete=True`, `Discrete(301)`: the integer bids.
    `control="pacing"`: `Box(-1, 1, (1,))`: the bid is `theta * cost_per_click * exp(4 * action)`, at most 300; 0 bids an
    impression's worth at the market's average cost per click, -1 a 55th of it, 1 55 times.
    `control="dual"`, with a limit: `Box(0, 100, (2,))`, the prices mu of money, in multiples of the market's average worth of
    money, and lambda of the limit; the bid is `(1 + lambda) theta / (mu theta_avg / mean_price + lambda / limit)`.
    With `ticks=K` an action holds for all auctions of a tick. A number out of range is clipped; `on_infeasible="raise"`
    refuses it.

    ## Observation Space
    | Index | Name | Meaning | Range |
    |---|---|---|---|
    | 0 | theta | predicted click probability of this impression, in multiples of the training average | [0, 1 / theta_avg] |
    | | traffic | instead of theta, with ticks: auctions of this tick, in multiples of the average tick's | [0, ticks] |
    | 1 | last_price | price paid in the auction before / 300, 0 if it was lost (feedback price) | [0, 1] |
    | | last_minimum | instead: the least bid that would have won it / 300 (feedback minimum) | [0, 1] |
    | | last_market_price | instead: the highest bid of the others / 300 (feedback full) | [0, 1] |
    | 2 | win_rate | share of this episode's auctions won | [0, 1] |
    | 3 | spend_rate | spent per auction so far, in multiples of the market's mean price | [0, 300 / mean_price] |
    | | spend_rate | instead, if clicks or conversions are charged: x / (1 + x) of that | [0, 1] |
    | | last_win | whether the auction before was won (feedback minimum and full; feedback win: at 1) | [0, 1] |
    | | click_rate | clicks per auction, in multiples of theta_avg (conversions, or clicks charged) | [0, 1 / theta_avg] |
    | | conversion_rate | conversions reported per auction, in multiples of theta_avg * conversion_rate | |
    | | slack | what the predicted clicks won may cost by the limit, less what they did, in multiples of T * mean_price | |
    | 4 | money_size | size of the budget: initial / (initial + T * mean_price) | [0, 1] |
    | 5 | money_remaining | remaining share of the budget | [0, 1] |
    | 6 | time_remaining | remaining share of the auctions, or ticks | [0, 1] |

    Entries without a number stand there only where their argument asks for them; the last three are always the last.
    With ticks, 1 and `last_win` are means over the last tick. `budget_aware=False` leaves out the last three.

    ## Rewards
    `reward="expected"` gives theta for every impression won, `"click"` whether it was clicked (0 or 1), which has the same
    mean and several hundred times the variance, `"conversion"` the conversions reported in this step. `objective="profit"`
    gives `click_value` times that (a conversion is worth `click_value / conversion_rate`), minus what is charged.

    ## Market rules
    - `rule`: `"second_price"` or `"first_price"`. `reserve`: bids below it never win, and a second price is at least that.
      `soft_reserve`: a winning bid below it pays itself, one above it at least the soft reserve.
    - `feedback`: what an auction shows. `"win"`: whether it was won. `"price"`: also what a win costs. `"minimum"`: the least
      bid that wins, after every auction. `"full"`: the highest bid of the others, also where the reserve was above it. `info`
      holds `price_paid`, `minimum_bid` or `market_price` to match. What is charged shows in the account in any case.
    - `cost_event`: what is paid for. `"click"`: bids and prices are still money per impression; a click is charged the
      price / predicted theta, as by exchanges that rank bids per click by predicted rate. `"conversion"`: likewise, when it
      is reported.
    - Conversions, with `conversion_rate` > 0: a click converts with that probability, `delay` auctions later, if that is
      within the `attribution_window`. At the end of the episode all that is still to come is reported at once.
    - Limits: `cpc_limit`, `cpa_limit` (money per click or conversion) and `roas_limit` (worth per money: click_value * theta
      / price), the strictest counts. `limits="hard"`: a bid is lowered to what keeps prices so far within what the predicted
      clicks won may cost. `limits="soft"`: nothing is enforced; `info["cost"]` is the cost of a constrained MDP whose sum
      should be at most 0: prices minus what the true theta won may cost; the money is in `spent` and `remaining`.
    - Predictions: the bidder sees min(1, theta * `calibration` * a log-normal of mean 1 and log-sd `noise`) instead of theta.
      Clicks, rewards and `theta_value` follow the true one.
    - `ticks=K`: an episode has K decisions. The auctions of each follow `traffic`: `"even"`, `"weekly"` (a built-in profile of
      168 hours), the path of a table of hour-of-week shares (as Avito's), or shares of your own.

    ## Budget
    One resource, `money`, in the log's unit (iPinYou: a thousandth of a fen). A bid that could be charged more than the
    remaining money is lowered and counted in `info["blocked"]`. Charges for delayed conversions are lowered to what is left
    when they come: the exchange bears the rest. `budget=` is money: an amount (`inf`: no limit), or a range to draw it from;
    `c0=` is the share of the market's own cost instead: `B = int(mean_price * c0 * T)`. Without either, c0 is 1/8.

    ## Starting State
    The full budget and the first impression. The synthetic instances draw auctions independently (within a regime). A log
    is cut into episodes of T auctions in file order, episode k from line k T on. What is left at the end is too short:
    `fragment="omit"` leaves it out, `"scale"` makes it an episode with its share of time and budget (to bidders it looks like
    the rest of a whole one), `"whole"` one with the whole budget, of which they believe that T auctions come, as in RLB's
    experiments. `shuffled=True` begins episodes at random lines instead, for training. `reset(options={"episode": k})` plays
    a certain one.

    ## Episode End
    Terminates after `T` auctions, or at the end of the log.

    ## Information
    The ledger (`cost`, `spent`, `remaining`, `blocked`), `wins`, `clicks` and `theta_value` (the sum of theta over the
    impressions won, the score of tables: clicks are too rare to rank bidders), `conversions` if there are any, what `feedback`
    shows, `excess` with a limit (prices so far minus what the true theta won may cost), and `action_mask` if `discrete`.

    ## Arguments
    | Name | Meaning | Default |
    |---|---|---|
    | instance | `"2997"`, `"1458"`, `"shift"`, `"uniform"`, or a `Market` | `"2997"` |
    | log | path of a log with `click price theta` per line, or such a table; replaces the instance | None |
    | statistics | path of training statistics (rlb-dp's info.json) or of a training log, or `TrainingStatistics` | measured |
    | T | auctions per episode | 1000 |
    | budget, c0 | see Budget; only one of them | c0 = 1/8 |
    | reward | `"expected"`, `"click"` or `"conversion"` | `"expected"` |
    | objective | `"clicks"` or `"profit"` | `"clicks"` |
    | click_value | money a click is worth, for profit and roas_limit | cost per click |
    | control | `"bid"`, `"pacing"` or `"dual"` | `"bid"` |
    | discrete | see Action Space | False |
    | rule, reserve, soft_reserve, feedback, cost_event | see Market rules | second price, 0, 0, `"price"`, `"impression"` |
    | conversion_rate | conversions per click | 0 |
    | delay | None, `"geometric:MEAN"`, `"weibull:SCALE:SHAPE"`, or probabilities of 0, 1, 2 ... auctions | None |
    | attribution_window | auctions; conversions after it do not count | T |
    | cpc_limit, cpa_limit, roas_limit, limits | see Market rules | None, `"hard"` |
    | calibration, noise | see Market rules | 1, 0 |
    | ticks, traffic | see Market rules | None, `"even"` |
    | shuffled, fragment | see Starting State | False, `"omit"` |
    | on_infeasible | see Action Space | `"project"` |
    | budget_aware | see Observation Space | True |

    Bidders are tuned on `statistics`: what is known before the first auction. Without a file they are the instance's own
    exact ones; for a log, they are measured on the log itself, which is hindsight, and results say so.

    ## Instances
    `"2997"`: a light-tailed twin of iPinYou's campaign 2997; `"1458"`: a heavy-tailed one of 1458; `"shift"`: 2997 with
    its regime change; `"uniform"`: closed forms. How each was calibrated stands in `budgetgym.envs.bidding.instances`.

    ## Exact optimum
    `budgetgym.baselines.bidding`: the value of the best non-anticipating policy for the synthetic instances
    (`optimal_value`; in first-price auctions, and with limits, noisy predictions or ticks, an upper bound), and for every
    episode the fractional knapsack over what came up, an upper bound in hindsight. Both where impressions are paid for.

    ## References
    H. Cai, K. Ren, W. Zhang, K. Malialis, J. Wang, Y. Yu, D. Guo: Real-Time Bidding by Reinforcement Learning in Display
    Advertising. WSDM 2017, arXiv:1701.02490.

    ## Version History
    * v0: initial version. Since its first draft observations are float32 by default, and actions that are infeasible or out of
      range are projected or clipped in place of an error.
    """

    state_class = State
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
        log: str | Any = None,
        statistics: str | Path | TrainingStatistics | None = None,
        T: int = 1000,
        budget: Any = None,
        c0: Any = None,
        reward: Literal["expected", "click", "conversion"] = "expected",
        objective: Literal["clicks", "profit"] = "clicks",
        click_value: float | None = None,
        control: Literal["bid", "pacing", "dual"] = "bid",
        discrete: bool = False,
        rule: Literal["second_price", "first_price"] = "second_price",
        reserve: float = 0.0,
        soft_reserve: float = 0.0,
        feedback: Literal["win", "price", "minimum", "full"] = "price",
        cost_event: Literal["impression", "click", "conversion"] = "impression",
        conversion_rate: float = 0.0,
        delay: Any = None,
        attribution_window: int | None = None,
        cpc_limit: float | None = None,
        cpa_limit: float | None = None,
        roas_limit: float | None = None,
        limits: Literal["hard", "soft"] = "hard",
        calibration: float = 1.0,
        noise: float = 0.0,
        ticks: int | None = None,
        traffic: str | Any = "even",
        shuffled: bool = False,
        fragment: Literal["omit", "scale", "whole"] = "omit",
        on_infeasible: Literal["project", "raise"] = "project",
        budget_aware: bool = True,
    ) -> None:
        self.on_infeasible = read_on_infeasible(on_infeasible)
        T = positive_integer("T", T)
        self.log = None if log is None else log if isinstance(log, BidLog) else load_log(log)
        self.market = None if log is not None else instance if isinstance(instance, Market) else make_market(str(instance))
        self._instance = "own market" if isinstance(instance, Market) else f"instance {instance}"
        self.statistics = self._read_statistics(statistics)
        mean_price = self.statistics.mean_price
        if boolean("shuffled", shuffled) and self.log is None:
            raise ValueError("shuffled=True without log=...; expected a log whose lines it shuffles")
        if self.log is not None:
            cut = cut_log(len(self.log.theta), T, fragment, self.log.source, "auctions")
            if not shuffled:
                self.num_episodes, self.remarks = cut.episodes, remark_of(cut, T, fragment, "auctions")
        elif fragment != "omit":
            raise ValueError(f"fragment={fragment!r} without log=...; expected a log, whose end may be too short")

        self.objective = one_of("objective", objective, ("clicks", "profit"))
        self.click_value = self.statistics.cost_per_click if click_value is None else positive("click_value", click_value)
        self.rule = rule
        self.feedback = one_of("feedback", feedback, FEEDBACK)
        self.reported = REPORTED[self.feedback]
        self.cost_event = one_of("cost_event", cost_event, EVENTS)
        rules = read_rules(rule, reserve, soft_reserve)
        conversions = read_conversions(
            conversion_rate, delay, attribution_window, T, reward=reward, cost_event=cost_event, cpa=cpa_limit
        )
        limit = read_limits(
            cpc_limit, cpa_limit, roas_limit, limits, conversion_rate=conversions.rate, click_value=self.click_value
        )
        self.limit = limit.money
        self.constraint = "limit_cost" if limit.soft else None
        if ticks is not None and fragment == "scale":
            raise ValueError("fragment='scale' with ticks=...; expected 'omit' or 'whole': ticks are parts of a whole episode")
        decisions = read_ticks(ticks, traffic, T)
        self.ticks = decisions.number
        self.control = control
        action_space = read_control(control, discrete, limit)
        self.kernels = Kernels(k.reset, k.step, k.observe, k.mask if discrete else None, k.resample)
        self.metrics = self._counted(conversions.rate)
        super().__init__(
            params=Params(
                auctions=T,
                episodes=self.num_episodes or 1,
                scales_fragment=fragment == "scale",
                theta_avg=self.statistics.theta_avg,
                mean_price=mean_price,
                control=CONTROLS.index(control),
                reward=REWARDS.index(one_of("reward", reward, REWARDS)),
                profit=objective == "profit",
                click_value=self.click_value,
                rules=rules,
                feedback=FEEDBACK.index(feedback),
                charged_for=EVENTS.index(cost_event),
                conversion_rate=conversions.rate,
                window=conversions.window,
                delay_cdf=conversions.delay_cdf,
                limit=limit.money,
                limit_is_hard=limit.hard,
                calibration=positive("calibration", calibration),
                noise=non_negative("noise", noise),
                tick_start=decisions.start,
                replay=self.log is not None,
                shuffled=shuffled,
                **{name: read_only(array) for name, array in _log_arrays(self.log).items()},
                **{name: read_only(array) for name, array in _market_arrays(self.market, T).items()},
            ),
            features=self._features(conversions.rate),
            action_space=action_space,
            horizon=decisions.number or T,
            budget=read_budget(budget, c0, mean_price * T),
            budget_scale=mean_price * T,
            budget_aware=budget_aware,
        )

    def _counted(self, conversion_rate: float) -> tuple[Metric, ...]:
        """Metrics: also conversions and what exceeds a limit, where there are any; a tick wins more than once."""
        own = [Metric("wins", "wins", "mean") if m.how == "per step" and self.ticks else m for m in type(self).metrics]
        if conversion_rate > 0:
            own.append(Metric("conversions", "conversions", "total"))
        if self.limit < math.inf:
            own.append(Metric("excess", "excess", "mean"))
        return tuple(own)

    def _features(self, conversion_rate: float) -> list[Feature]:
        theta_avg, mean_price = self.statistics.theta_avg, self.statistics.mean_price
        charged = self.cost_event != "impression"
        theta = Feature("theta", 0.0, 1.0 / theta_avg, "predicted click probability / training average")
        traffic = Feature("traffic", 0.0, float(self.ticks or 0), "auctions of this tick / those of the average tick")
        last_win = Feature("last_win", 0.0, 1.0, "whether the auction before was won")
        last = {
            "win": last_win,
            "price": Feature("last_price", 0.0, 1.0, "price paid in the auction before / 300, 0 if it was lost"),
            "minimum": Feature("last_minimum", 0.0, 1.0, "least bid that would have won the auction before / 300"),
            "full": Feature("last_market_price", 0.0, 1.0, "highest bid of the others in the auction before / 300"),
        }
        spend = "spent per auction / mean price" + (", as x / (1 + x)" if charged else "")
        features = [
            theta if self.ticks is None else traffic,
            last[self.feedback],
            Feature("win_rate", 0.0, 1.0, "share of the auctions so far that were won"),
            Feature("spend_rate", 0.0, 1.0 if charged else HIGHEST_PRICE / mean_price, spend),
        ]
        if self.feedback in ("minimum", "full"):
            features.append(last_win)
        if conversion_rate > 0 or charged:
            features.append(Feature("click_rate", 0.0, 1.0 / theta_avg, "clicks per auction / average theta"))
        if conversion_rate > 0:
            highest = 1.0 / (theta_avg * conversion_rate)
            features.append(Feature("conversion_rate", 0.0, highest, "conversions per auction / their average rate"))
        if self.limit < math.inf:
            meaning = "what the predicted clicks won may cost, less what they did, / (T * mean price)"
            features.append(Feature("slack", -HIGHEST_PRICE / mean_price, self.limit / mean_price, meaning))
        return features

    @property
    def sizes(self) -> Mapping[str, int]:
        """Auctions in the rings of clicks and conversions: the window and the present one."""
        return {"ring": self.params.window + 1 if self.params.conversion_rate > 0 else 1}

    def check_state(self, state: State) -> None:
        """Running episodes must stand on a line of this log, or an atom of this market."""
        available = self.params.log_theta.size if self.params.replay else self.params.theta.shape[1]
        source = state.source[~state.finished]
        if ((source < 0) | (source >= available)).any():
            raise ValueError(f"the snapshot is of another problem: {self.instance} has no impression {source.max()}")

    @property
    def action_meaning(self) -> Mapping[str, str]:
        """Whether actions are bids, pacing exponents or dual variables."""
        return {"control": self.control}

    @property
    def score(self) -> str:
        """`theta_value`; under the profit objective the return."""
        return "theta_value" if self.objective == "clicks" else "return"

    @property
    def instance(self) -> str:
        """The instance's name, or the log's source."""
        return self._instance if self.log is None else f"log {self.log.source}"

    def widen(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """See `Problem.widen`; theta is rounded up too.

        Bidders in whole units are tuned so that some bids are whole ones exactly, and must not fall below them.
        """
        wide = super().widen(rows)
        if self.ticks is None:
            highest = self.observation_space.high[0]  # type: ignore[attr-defined]
            wide[:, 0] = np.where(rows[:, 0] > 0.0, np.nextafter(rows[:, 0], np.float32(np.inf)), 0.0).clip(max=highest)
        return wide

    @property
    def reading(self) -> Reading:
        """What bidders need to read observations."""
        budget = len(self.observation_names) - 3
        return Reading(self.statistics.theta_avg, float(self.budget_scale[0]), self.horizon, budget)

    def _read_statistics(self, statistics: str | Path | TrainingStatistics | None) -> TrainingStatistics:
        if isinstance(statistics, TrainingStatistics):
            known = statistics
        elif isinstance(statistics, str | Path):
            known = TrainingStatistics.load(statistics)
        elif statistics is not None:
            raise ValueError(f"statistics is {statistics!r}; expected the path of a file, or TrainingStatistics")
        elif self.log is not None:
            known = TrainingStatistics.from_log(self.log)
        else:
            assert self.market is not None
            known = TrainingStatistics.from_market(self.market, self._instance)
        for name in ("theta_avg", "mean_price"):  # observations are in multiples of these
            if not getattr(known, name) > 0:
                raise ValueError(f"{name} of the statistics ({known.source}) is {getattr(known, name)!r}; expected > 0")
        return known


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
            "theta_pmf": np.ones((1, 1)),
            "theta_table": np.zeros((1, 1, 2)),
            "group": np.zeros((1, 1), np.int64),
            "price_table": np.zeros((1, 1, 1, 2)),
        }
    return {
        "regime_start": regime_starts(market.regime_start, T),
        "theta": market.theta,
        "theta_pmf": market.theta_pmf,
        "theta_table": _alias_tables(market.theta_pmf),
        "group": market.group,
        "price_table": _alias_tables(market.price_pmf),
    }


def _alias_tables(pmf: NDArray[np.float64]) -> NDArray[np.float64]:
    """The alias tables of every pmf along the last axis, with a further axis of two."""
    return np.stack([rng.alias_table(row) for row in pmf.reshape(-1, pmf.shape[-1])]).reshape(*pmf.shape, 2)
