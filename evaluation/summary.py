"""From one row per episode to one row per agent and budget, with bootstrap intervals."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..envs.core.metrics import Metric

Floats = NDArray[np.float64]
Frame = Any  # a DataFrame; pandas' own annotations take every selection for a Series as well

EPISODE_COLUMNS = (
    "agent",
    "budget",
    "budget_value",
    "initial",
    "episode",
    "return",
    "bound",
    "spent",
    "length",
    "blocked",
    "overspent",
)
CELL_COLUMNS = ("agent", "budget", "optimum", "null", "latency_us", "information")

WORST = 0.1
"""The share of all episodes, the worst ones, whose mean score is the conditional value at risk."""

# Numbers gathered at once by a batch of resamples: 2e6 int64 indices and as many counts are about 50 MB.
BATCH_NUMBERS = 2_000_000


def remarks_of(summary: pd.DataFrame) -> list[str]:
    """What must be said beside a summary's numbers, every sentence once."""
    return list(dict.fromkeys(line for lines in summary["remarks"] for line in lines.splitlines()))


class _Estimates(NamedTuple):
    """Statistics of every agent; each array has shape (agents,), or (agents, resamples) inside the bootstrap."""

    mean_return: Floats
    mean_score: Floats
    share_of_bound: Floats
    difference: Floats
    cvar: Floats


class _Intervals(NamedTuple):
    """A point estimate with the two ends of its interval."""

    point: _Estimates
    low: _Estimates
    high: _Estimates


def summarise(
    episodes: pd.DataFrame,
    cells: pd.DataFrame,
    *,
    score: str,
    metrics: Sequence[Metric],
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Condense a comparison to one row per budget and agent.

    Rows are ordered by `budget_value`, then by the agents' first appearance in `episodes`. Intervals are percentile
    bootstrap intervals over episodes; at each budget all agents share the same resampled episodes, so that the
    intervals of differences are paired. A single episode has no interval: its ends are NaN.

    Args:
        episodes: One row per agent, budget and episode.
        cells: One row per agent and budget.
        score: Column of `episodes` that `bound` and `optimum` refer to.
        metrics: Family metrics to report.
        confidence: Coverage of the intervals, between 0 and 1.
        resamples: Number of bootstrap resamples.
        seed: Seed of the bootstrap. A budget's intervals do not depend on which other budgets are present.

    Returns:
        Columns `budget`, `budget_value`, `agent`, `episodes` (count), `return` and the score (means per episode),
        `share_of_bound` (sum of scores / sum of bounds), `share_of_optimum` ((mean score - null) / (optimum - null)),
        `difference` (mean paired difference of the score to the first agent), `cvar` (mean score of the worst tenth of the
        episodes, see `tail_mean`), each of them with `_low` and `_high`; `spent` (total), `spent_share`, `blocked` (total),
        `violations` (episodes that spent more than their budget of any resource), one column per metric (see
        `metric_column`), `optimum_unknown` (why; None if it is known), `remarks` (what must be said beside the numbers, a line
        each), `null` (expected score of doing nothing), `latency_us` and `information`. Shares are fractions and NaN where
        their reference is unknown or not positive. `attrs` keeps `confidence`, `resamples` and the first agent as
        `reference`.

    Raises:
        ValueError: Columns are missing or would collide, there are no episodes, an episode or a cell is repeated or
            absent, or agents were evaluated on different episodes at the same budget.
    """
    _check(episodes, cells, score, metrics, confidence)
    agents = list(episodes["agent"].unique())
    facts = cells.set_index(["budget", "agent"])
    budgets = episodes.drop_duplicates("budget").sort_values("budget_value", kind="stable")["budget"]
    rows: list[dict[str, Any]] = []
    for budget in budgets:
        frames = _paired_frames(episodes[episodes["budget"] == budget], agents, str(budget))
        intervals = _bootstrap(frames, agents[0], score, confidence, resamples, seed)
        for k, (agent, frame) in enumerate(frames.items()):
            fact: Any = facts.loc[(budget, agent)]
            rows.append(_row(frame, fact, k, intervals, score, metrics))
    summary = pd.DataFrame(rows)
    summary.attrs = {"confidence": confidence, "resamples": resamples, "reference": agents[0]}
    return summary


def metric_column(metric: Metric) -> str:
    """Column of the summary that holds a metric: its label in snake case, "win rate" is `win_rate`."""
    return re.sub(r"\W+", "_", metric.label.lower()).strip("_")


def shown_metrics(metrics: Sequence[Metric], score: str) -> list[Metric]:
    """The metrics for tables, without those that only repeat the mean score or the mean return."""
    shown = [m for m in metrics if m.how != "hidden"]
    return [m for m in shown if not (m.how == "mean" and m.name in (score, "return") and metric_column(m) == m.name)]


def _check(episodes: pd.DataFrame, cells: pd.DataFrame, score: str, metrics: Sequence[Metric], confidence: float) -> None:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, not {confidence}")
    needed = [*EPISODE_COLUMNS, score, *(m.name for m in metrics)]
    if missing := [name for name in dict.fromkeys(needed) if name not in episodes]:
        raise ValueError(f"episodes lacks the columns {missing}")
    if missing := [name for name in CELL_COLUMNS if name not in cells]:
        raise ValueError(f"cells lacks the columns {missing}")
    if episodes.empty:
        raise ValueError("there are no episodes to summarise")
    key = ["budget", "agent"]
    if repeated := _pairs(cells[cells.duplicated(key)]):
        raise ValueError(f"cells has more than one row for (budget, agent) {sorted(repeated)}")
    if absent := _pairs(episodes) - _pairs(cells):
        raise ValueError(f"cells has no row for (budget, agent) {sorted(absent)}")


def _pairs(frame: Frame) -> set[tuple[Any, Any]]:
    return set(zip(frame["budget"], frame["agent"], strict=True))


def _paired_frames(at_budget: Frame, agents: Sequence[str], budget: str) -> dict[str, Frame]:
    """Each agent's episodes in the same order; ValueError if they are not the same episodes."""
    frames = {str(a): at_budget[at_budget["agent"] == a].sort_values("episode") for a in agents}
    frames = {agent: frame for agent, frame in frames.items() if len(frame)}
    for agent, frame in frames.items():
        if frame["episode"].duplicated().any():
            raise ValueError(f"agent {agent!r} has repeated episodes at budget {budget!r}")
    first, *others = frames
    expected = frames[first]["episode"].to_numpy()
    if odd := [a for a in others if not np.array_equal(frames[a]["episode"].to_numpy(), expected)]:
        raise ValueError(
            f"at budget {budget!r} the agents {odd} were evaluated on other episodes than {first!r}: "
            "evaluate all agents on the same episodes"
        )
    return frames


def _bootstrap(
    frames: dict[str, Frame], reference: str, score: str, confidence: float, resamples: int, seed: int
) -> _Intervals:
    """Estimates of all agents at one budget, with intervals from resampling whole episodes."""
    columns = [[frame[name].to_numpy(np.float64) for frame in frames.values()] for name in ("return", score, "bound")]
    table = np.stack([column for group in columns for column in group], axis=-1)
    table[~np.isfinite(table)] = np.nan
    n = len(table)
    position = list(frames).index(reference) if reference in frames else None

    ranked = np.sort(np.stack([frame[score].to_numpy(np.float64) for frame in frames.values()]))
    order = [np.argsort(frame[score].to_numpy(np.float64), kind="stable") for frame in frames.values()]

    def estimates(counts: Floats) -> _Estimates:
        """From how often each episode counts, (resamples, n)."""
        tails = np.stack([tail_mean(values, counts[:, places]) for values, places in zip(ranked, order, strict=True)])
        return _estimates((counts @ table).T, n, position, tails)

    point = _Estimates(*(values[:, 0] for values in estimates(np.ones((1, n)))))
    if n == 1:
        nowhere = _Estimates(*(np.full(len(frames), np.nan) for _ in point))
        return _Intervals(point, nowhere, nowhere)

    unknown = np.zeros((len(point), len(frames)), dtype=bool)

    def of_resamples(drawn: NDArray[Any], axis: int = -1) -> Floats:
        # Counting how often each episode was drawn turns all columns' sums into one matrix product, and all agents
        # share the draw, which is what pairs them.
        lots = drawn.reshape(-1, n).astype(np.intp)
        counts = np.stack([np.bincount(lot, minlength=n) for lot in lots]).astype(np.float64)
        values = np.stack(estimates(counts))
        # scipy warns of NaN, which for us just means that there is no bound or no reference: we put it back below.
        unknown[np.isnan(values).any(axis=-1)] = True
        values = np.nan_to_num(values)
        return values.reshape(*values.shape[:-1], *drawn.shape[:-1])

    import scipy.stats  # a slow import that the rest of the package does not need

    resample: Any = scipy.stats.bootstrap  # `random_state` is called `rng` since 1.15, which keeps the old name
    interval = resample(
        (np.arange(n),),
        of_resamples,
        n_resamples=resamples,
        batch=max(1, BATCH_NUMBERS // n),
        vectorized=True,
        paired=True,
        confidence_level=confidence,
        method="percentile",
        random_state=np.random.default_rng(seed),
    ).confidence_interval
    low, high = (np.where(unknown, np.nan, end) for end in interval)
    return _Intervals(point, _Estimates(*low), _Estimates(*high))


def _estimates(sums: Floats, n: int, reference: int | None, tails: Floats) -> _Estimates:
    """Statistics from the sums of (return, score, bound) of each agent, (3 * agents, many), and their tails."""
    returns, scores, bounds = np.split(sums, 3)
    difference = np.full_like(scores, np.nan) if reference is None else (scores - scores[reference]) / n
    return _Estimates(returns / n, scores / n, _share(scores, bounds), difference, tails)


def tail_mean(ranked: Floats, counts: Floats, share: float = WORST) -> Floats:
    """The mean of the lowest `share` of all values: their conditional value at risk.

    Where `share` of the number of values is not whole, the last value counts by the fraction (Rockafellar and Uryasev,
    "Conditional value-at-risk for general loss distributions", 2002), so that it is exact for any number.

    Args:
        ranked: values in ascending order, (n,).
        counts: how often each of them counts, (resamples, n); every row has the same sum.
        share: above 0, at most 1.

    Returns:
        A mean per row of `counts`, (resamples,).
    """
    size = share * counts[0].sum()
    first = min(len(ranked), int(2 * share * len(ranked)) + 100)
    if (counts[:, :first].sum(axis=1) < size).any():
        first = len(ranked)
    head = counts[:, :first]
    weights = np.clip(size - (np.cumsum(head, axis=1) - head), 0.0, head)
    return weights @ ranked[:first] / size


def _share(part: Any, whole: Any) -> Any:
    """`part / whole`, NaN where the whole is unknown or not positive."""
    part, whole = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)


def _row(frame: Frame, fact: Any, k: int, intervals: _Intervals, score: str, metrics: Sequence[Metric]) -> dict[str, Any]:
    """The summary of agent number k, whose episodes are `frame`."""
    row: dict[str, Any] = {
        "budget": frame["budget"].iloc[0],
        "budget_value": float(frame["budget_value"].iloc[0]),
        "agent": frame["agent"].iloc[0],
        "episodes": len(frame),
    }

    def add(values: dict[str, Any]) -> None:
        if taken := [name for name in values if name in row]:
            raise ValueError(f"the summary would have two columns {taken}: give the metric another label")
        row.update(values)

    def of_agent(name: str) -> tuple[float, float, float]:
        value, low, high = (float(getattr(estimates, name)[k]) for estimates in intervals)
        return value, low, high

    scores = of_agent("mean_score")
    optimum, null = float(fact["optimum"]), float(fact["null"])
    add(_with_interval("return", *of_agent("mean_return")))
    if score != "return":
        add(_with_interval(score, *scores))
    add(_with_interval("share_of_bound", *of_agent("share_of_bound")))
    gain = optimum - null
    if gain <= 1e-7 * max(abs(optimum), abs(null)):  # nothing can be gained, up to the rounding of either
        gain = 0.0
    add(_with_interval("share_of_optimum", *(float(_share(value - null, gain)) for value in scores)))
    add({"spent": float(frame["spent"].sum())})
    add({"spent_share": float(_share(frame["spent"].sum(), frame["initial"].sum()))})
    add({"blocked": int(frame["blocked"].sum()), "violations": int(frame["overspent"].sum())})
    add(_with_interval("cvar", *of_agent("cvar")))
    for metric in shown_metrics(metrics, score):
        add({metric_column(metric): _condense(frame, metric)})
    add(_with_interval("difference", *of_agent("difference")))
    reason = fact.get("optimum_unknown")
    add({"optimum_unknown": reason if isinstance(reason, str) else None})
    add({"remarks": str(fact.get("remarks", ""))})
    add({"null": null, "latency_us": float(fact["latency_us"]), "information": str(fact["information"])})
    return row


def _with_interval(name: str, value: float, low: float, high: float) -> dict[str, float]:
    return {name: value, f"{name}_low": low, f"{name}_high": high}


def _condense(frame: Frame, metric: Metric) -> float:
    total = float(frame[metric.name].sum())
    if metric.how == "total":
        return total
    if metric.how == "mean":
        return total / len(frame)
    return float(_share(total, frame["length"].sum()))
