"""`LoggedRouting`: a log of what every model answered, replayed under a budget."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ...core.budget import Budget
from ...core.checks import amount, boolean, number, one_of, positive_integer
from ...core.features import Feature
from ...core.fragments import FRAGMENTS, cut_log, remark_of
from ...core.metrics import Metric
from ...core.problem import Kernels, Problem, read_only
from . import kernels as k
from .logs import Part, Price, RoutingLog, load_routing_log
from .reading import Reading
from .state import Params, State

DEFAULT_SHARE = 0.5


class LoggedRouting(Problem):
    r"""
    ## Description
    A stream of `T` tasks shares one budget. For every query the router picks one of N models, and a log of a benchmark shows
    how well that model answered it and what that cost. An expensive model called for an easy query is missing for a hard one.
    A task may be a trace of several calls; it is passed if the model chosen at each step is good enough there.

    The router sees what is known before a call: the length of the prompt, its domain, prices and the budget. Outcomes never
    enter observations.

    ## Action Space
    `Discrete(N)`: which model to call, in the order of `problem.log.models`. `info["action_mask"]` marks those that can be
    afforded.

    ## Observation Space
    For K domains and N models:

    | Index | Name | Meaning | Range |
    |---|---|---|---|
    | 0 | prompt_length | log(1 + characters), standardised over the log | [-5, 5] |
    | 1 | step | calls so far in this task, in lengths of the longest one | [0, 1] |
    | 2 .. | domain[k] | 1 for the query's domain, else 0 | [0, 1] |
    | 2+K .. | cost[m] | expected cost of a call / the most expensive model's mean cost of a task | [0, highest] |
    | 2+K+N .. | affordable[m] | whether the model can be called | [0, 1] |
    | 2+K+2N | tasks_remaining | remaining share of the tasks | [0, 1] |
    | 3+K+2N | dollars_size | size of the budget: initial / (initial + T * the most expensive model's mean cost) | [0, 1] |
    | 4+K+2N | dollars_remaining | remaining share of the budget | [0, 1] |
    | 5+K+2N | time_remaining | remaining share of the steps, were all tasks as long as the longest | [0, 1] |

    `budget_aware=False` leaves out `affordable` and all after it. float64, so that money can be read back exactly.

    ## Rewards
    At the end of a task its outcome, in [0, 1]: the product of the outcomes of the models called at its steps, hence 1 if all
    are right (TwinRouterBench's rule). 0 at earlier steps, so what went wrong within a trace stays hidden to its end.

    ## Budget
    One resource, `dollars`. What a call costs depends on the answer and is known only after it. A call is made only if the
    most that it can cost still fits, so the budget is never overspent: per model a line over the prompt's length that lies
    above every logged cost (`RoutingLog.quoted_cost`). If it does not fit, the cheapest model is called instead; if even that
    one does not fit, the query stays unanswered: outcome 0, for free. Both count in `info["blocked"]`. The episode goes on,
    as a later, shorter query may still fit.

    `budget=` is dollars: an amount (`inf`: no limit), or a range to draw it from; `share=` is the share of the cost of the
    most expensive model for T average tasks, a number, a fraction or a range. Without either, the share is 1/2. It must pay
    for at least the cheapest call of the log.

    ## Starting State
    The full budget and the first query. The log is cut into episodes of T tasks in its order. What is left at its end is too
    short: `fragment="omit"` leaves it out, `"scale"` makes it an episode with its share of time and budget (to routers it
    looks like the rest of a whole one), `"whole"` one with the whole budget. `shuffled=True` draws every task at random
    instead, for training and for benchmarks that are sorted by subject. `reset(options={"episode": k})` plays a certain one
    of the former.

    ## Episode End
    Terminates after `T` tasks, or at the end of the log.

    ## Information
    The ledger (`cost`, `spent`, `remaining`, `blocked`), `quality` (sum of the outcomes, the score), `expensive_calls` (to the
    model with the highest mean cost), `unanswered`, and `action_mask`.

    ## Arguments
    | Name | Meaning | Default |
    |---|---|---|
    | log | path of a CSV or Parquet file, a data frame, or a `RoutingLog`; see `load_routing_log` for the columns | required |
    | models | which models of the log to route between, and in which order | all |
    | prices | of every model: dollars per call, or per million tokens (prompt, answer) | the log's costs |
    | split | the part of the log that is played: `"test"`, `"train"` or `"all"` | `"test"` |
    | T | tasks per episode | 100 |
    | budget, share | see Budget; only one of them | share = 1/2 |
    | shuffled, fragment | see Starting State | False, `"omit"` |
    | budget_aware | see Observation Space | True |

    Learned routers are fitted on `problem.statistics`: the training part when the test part is played. Otherwise it is the
    played part itself, which is hindsight, and results say so.

    ## Instances
    Three published benchmarks are recognised by their columns: RouteLLM's GSM8K and MMLU (Mixtral-8x7B and GPT-4-1106) and
    LLMRouter's scores of nine models. See `load_routing_log` for their prices.

    ## Exact optimum
    `budgetgym.baselines.routing.logged.bounds`: for every episode the fractional multiple-choice knapsack over what came up,
    an upper bound in hindsight.

    ## References
    I. Ong, A. Almahairi, V. Wu, W.-L. Chiang, T. Wu, J. E. Gonzalez, M. W. Kadous, I. Stoica: RouteLLM: Learning to Route
    LLMs with Preference Data. ICLR 2025, arXiv:2406.18665. LLMRouter: github.com/ulab-uiuc/LLMRouter. TwinRouterBench:
    arXiv:2605.18859.

    ## Version History
    * v0: initial version. Since its first draft observations are float32 by default, and actions that are infeasible or out of
      range are projected or clipped in place of an error.
    """

    kernels = Kernels(k.reset, k.step, k.observe, k.mask, k.resample)
    state_class = State
    resources = ("dollars",)
    budget_settings = ("budget", "share")
    metrics = (
        Metric("quality", "quality", "mean"),
        Metric("expensive_calls", "expensive calls", "per step"),
        Metric("unanswered", "unanswered", "total"),
    )

    def __init__(
        self,
        *,
        log: str | Any,
        models: Sequence[str] | None = None,
        prices: Mapping[str, Price] | None = None,
        split: Part = "test",
        T: int = 100,
        budget: Any = None,
        share: Any = None,
        shuffled: bool = False,
        fragment: Literal["omit", "scale", "whole"] = "omit",
        budget_aware: bool = True,
    ) -> None:
        T = positive_integer("T", T)
        boolean("shuffled", shuffled)
        self.log = load_routing_log(log, models, prices)
        self.played = self.log.part(split)
        self.statistics = _statistics(self.log, self.played, split)
        known = self.log.known
        if not known.highest_cost > 0.0:
            raise ValueError(f"{self.log.source} has no cost above 0; expected dollars, without which there is no budget")
        one_of("fragment", fragment, FRAGMENTS)
        if not shuffled:
            cut = cut_log(self.played.tasks, T, fragment, self.played.source, "tasks")
            self.num_episodes, self.remarks = cut.episodes, remark_of(cut, T, fragment, "tasks")
        money = T * known.highest_cost
        some_costs, some_domains = np.zeros(len(self.log.models)), np.zeros(len(self.log.domains))
        costs = some_costs, some_costs + known.highest_expected / known.highest_cost
        features = [
            Feature("prompt_length", -5.0, 5.0, "log(1 + characters), standardised over the log"),
            Feature("step", 0.0, 1.0, "calls so far in this task / those of the longest task"),
            Feature("domain", some_domains, some_domains + 1.0, "the query's domain, one-hot"),
            Feature("cost", *costs, "expected cost of a call to each model / mean cost of a task with the most expensive one"),
        ]
        if budget_aware:
            features.append(Feature("affordable", some_costs, some_costs + 1.0, "whether each model can be called"))
            features.append(Feature("tasks_remaining", 0.0, 1.0, "remaining share of the tasks"))
        super().__init__(
            params=Params(
                tasks=T,
                episodes=self.num_episodes or 1,
                scales_fragment=fragment == "scale",
                shuffled=bool(shuffled),
                shows_budget=bool(budget_aware),
                steps=known.steps,
                cost_scale=known.highest_cost,
                most_expensive=known.most_expensive,
                **{name: read_only(array) for name, array in _arrays(self.played).items()},
            ),
            features=features,
            action_space=spaces.Discrete(len(self.log.models)),
            horizon=T * known.steps,
            budget=_read_budget(budget, share, money),
            budget_scale=money,
            budget_aware=budget_aware,
            least_budget=float(self.played.quoted_cost.min()),
        )

    def check_state(self, state: State) -> None:
        """Running episodes must stand on a row of this log."""
        rows = np.concatenate([state.shown[~state.finished], state.source[~state.finished]])
        if ((rows < 0) | (rows >= len(self.played))).any():
            raise ValueError(f"the snapshot is of another problem: {self.instance} has no row {rows.max()}")
        if (state.done[~state.finished] >= self.params.tasks).any():
            raise ValueError(f"the snapshot is of another problem: here an episode ends after {self.params.tasks} tasks")

    @property
    def action_meaning(self) -> Mapping[str, str]:
        """The models."""
        return {"models": ", ".join(self.log.models)}

    @property
    def score(self) -> str:
        """`quality`."""
        return "quality"

    @property
    def instance(self) -> str:
        """The log's source and part."""
        return f"log {self.played.source}"

    @property
    def reading(self) -> Reading:
        """What routers need to read observations."""
        return Reading(
            domains=len(self.log.domains),
            models=len(self.log.models),
            steps=self.params.steps,
            cost_scale=self.params.cost_scale,
            money_scale=float(self.budget_scale[0]),
            tasks=self.params.tasks,
            calls=len(self.statistics) / self.statistics.tasks,
            shows_budget=self.budget_aware,
            budget=len(self.observation_names) - 3,
        )


def _statistics(log: RoutingLog, played: RoutingLog, split: Part) -> RoutingLog:
    """What routers are fitted on: the training part, or what is played where that is not kept apart."""
    if split == "test" and log.train.any():
        return log.part("train")
    return played.rows(np.ones(len(played), np.bool_), f"{played.source}, the very queries that are played (hindsight)")


def _read_budget(budget: Any, share: Any, money: float) -> Any:
    """Dollars from `budget`, or from the share of what the most expensive model would cost."""
    if budget is not None:
        if share is not None:
            raise ValueError(f"budget={budget!r} and share={share!r}; expected only one of them")
        return budget
    if isinstance(share, Sequence) and not isinstance(share, str):
        return Budget({"dollars": tuple(_share(part) * money for part in share)}, log=True)  # type: ignore[dict-item]
    return _share(DEFAULT_SHARE if share is None else share) * money


def _share(value: Any) -> float:
    try:
        share = amount(value) if isinstance(value, str) else number("share", value, "a share")
    except ValueError:
        share = math.nan
    if not (math.isfinite(share) and share >= 0):
        raise ValueError(f"share is {value!r}; expected a share >= 0 of the largest cost, such as 1/2, or a range")
    return share


def _arrays(log: RoutingLog) -> dict[str, NDArray[Any]]:
    order = np.lexsort((log.length, log.domain))
    rank = np.empty(len(log), np.int64)
    rank[order] = np.arange(len(log))
    return {
        "outcome": np.ascontiguousarray(log.outcome, float),
        "cost": np.ascontiguousarray(log.cost, float),
        "expected": np.ascontiguousarray(log.expected_cost),
        "quote": np.ascontiguousarray(log.quoted_cost),
        "length": np.ascontiguousarray(log.length),
        "domain": np.ascontiguousarray(log.domain, np.int64),
        "last": np.ascontiguousarray(log.last),
        "start": np.ascontiguousarray(log.start, np.int64),
        "mean_outcome": log.outcome.mean(axis=0),
        "order": order.astype(np.int64),
        "rank": rank,
        "domain_start": np.searchsorted(log.domain[order], np.arange(len(log.domains) + 1)).astype(np.int64),
    }
