"""From one row per episode to one row per agent and budget, with bootstrap intervals."""

from __future__ import annotations

import math
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

TAIL_NEEDS = 50
"""Episodes below which the conditional value at risk has no interval: fewer than five of them would carry it."""

ROUGH = 30
"""Episodes below which intervals of skewed scores cover less than they promise; tables say so."""

# Numbers gathered at once by a batch of resamples: 2e6 int64 indices and as many counts are about 50 MB.
BATCH_NUMBERS = 2_000_000


def remarks_of(summary: pd.DataFrame) -> list[str]:
    """What must be said beside a summary's numbers, every sentence once."""
    return list(dict.fromkeys(line for lines in summary["remarks"] for line in lines.splitlines()))


def best_of(agents: Sequence[str], scores: Sequence[float], information: Sequence[str]) -> str | None:
    """The agent with the highest score among those that don't see the future, if any; the first of several.

    Returns:
        Its name; None if no score is known.
    """
    fair = [kind != "clairvoyant" for kind in information]
    known = [(score, -k) for k, score in enumerate(scores) if math.isfinite(score) and (fair[k] or not any(fair))]
    return agents[-max(known)[1]] if known else None


class _Estimates(NamedTuple):
    """Statistics of every agent, each (agents,) or (agents, resamples)."""

    mean_return: Floats
    mean_score: Floats
    share_of_bound: Floats
    difference: Floats
    difference_to_best: Floats
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

    Rows are ordered by `budget_value`, then by the agents' first appearance in `episodes`. Intervals come from a bootstrap
    over episodes; at each budget all agents share the same resampled episodes, so that the intervals of differences are
    paired. They are percentile intervals at a level that makes up for small numbers (`expanded`), and of `cvar`, which is
    biased and skewed, a studentised one. Where there is none its ends are NaN: of a single episode, and of `cvar` with
    fewer than `TAIL_NEEDS`.

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
        `difference` (mean paired difference of the score to the first agent), `difference_to_best` (the same to the best agent
        of the budget, see `best_of`; it is chosen on these very episodes), `cvar` (mean score of the worst tenth of the
        episodes, see `tail_mean`), each of them with `_low` and `_high`; `spent` and `initial` (what was spent, and the
        budget; means per episode), `spent_share`, `blocked` (total), `violations` (episodes that spent more than their
        budget of any resource), one column per metric (see `metric_column`) and, where not every episode has a value of it,
        the number of those that have one (`_episodes`), `unproved` (the share of decisions, among those taken by optimising,
        that are not proved to be the best by the agent's own values; NaN without any), `optimum_unknown` (why; None if it is
        known), `remarks` (what must be said beside the numbers, a line each), `null` (expected score of doing nothing),
        `latency_us` and `information`. Shares are fractions and NaN where
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
        kinds = [str(facts.loc[(budget, agent), "information"]) for agent in frames]
        best = best_of(list(frames), [float(frame[score].mean()) for frame in frames.values()], kinds)
        intervals = _bootstrap(frames, (agents[0], best), score, confidence, resamples, seed)
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
    frames: dict[str, Frame],
    references: tuple[str, str | None],
    score: str,
    confidence: float,
    resamples: int,
    seed: int,
) -> _Intervals:
    """Estimates of all agents at one budget, with intervals from resampling whole episodes.

    `references` are the agents that `difference` and `difference_to_best` are to.
    """
    columns = [[frame[name].to_numpy(np.float64) for frame in frames.values()] for name in ("return", score, "bound")]
    table = np.stack([column for group in columns for column in group], axis=-1)
    table[~np.isfinite(table)] = np.nan
    n = len(table)
    positions = [list(frames).index(name) if name in frames else None for name in references]

    ranked = np.sort(np.stack([frame[score].to_numpy(np.float64) for frame in frames.values()]))
    order = [np.argsort(frame[score].to_numpy(np.float64), kind="stable") for frame in frames.values()]

    def estimates(counts: Floats) -> tuple[_Estimates, Floats]:
        """From how often each episode counts, (resamples, n): statistics, and standard errors of `cvar`."""
        tails = [tail_mean(values, counts[:, places]) for values, places in zip(ranked, order, strict=True)]
        means, errors = (np.stack(column) for column in zip(*tails, strict=True))
        return _estimates((counts @ table).T, n, positions, means), errors

    found, errors = estimates(np.ones((1, n)))
    point, error = _Estimates(*(values[:, 0] for values in found)), errors[:, 0]
    nowhere = _Estimates(*(np.full(len(frames), np.nan) for _ in point))
    if n == 1:
        return _Intervals(point, nowhere, nowhere)

    unknown = np.zeros((len(point), len(frames)), dtype=bool)

    def of_resamples(drawn: NDArray[Any], axis: int = -1) -> Floats:
        # Counting how often each episode was drawn turns all columns' sums into one matrix product, and all agents
        # share the draw, which is what pairs them.
        lots = drawn.reshape(-1, n).astype(np.intp)
        counts = np.stack([np.bincount(lot, minlength=n) for lot in lots]).astype(np.float64)
        found, errors = estimates(counts)
        # scipy warns of NaN, which for us just means that there is no bound or no reference: we put it back below.
        unknown[np.isnan(np.stack(found)).any(axis=-1)] = True
        values = np.nan_to_num(np.stack([*found, errors]))
        return values.reshape(*values.shape[:-1], *drawn.shape[:-1])

    import scipy.stats  # a slow import that the rest of the package does not need

    from .statistics import expanded

    resample: Any = scipy.stats.bootstrap  # `random_state` is called `rng` since 1.15, which keeps the old name
    *drawn, drawn_errors = resample(
        (np.arange(n),),
        of_resamples,
        n_resamples=resamples,
        batch=max(1, BATCH_NUMBERS // n),
        vectorized=True,
        paired=True,
        method="percentile",
        random_state=np.random.default_rng(seed),
    ).bootstrap_distribution
    level = expanded(confidence, [n])
    ends = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=-1)
    low, high = (_Estimates(*np.where(unknown, np.nan, end)) for end in ends)
    drawn_cvar = drawn[_Estimates._fields.index("cvar")]
    tails = studentised(point.cvar, error, drawn_cvar, drawn_errors, confidence) if n >= TAIL_NEEDS else (nowhere.cvar,) * 2
    return _Intervals(point, low._replace(cvar=tails[0]), high._replace(cvar=tails[1]))


def _estimates(sums: Floats, n: int, references: Sequence[int | None], tails: Floats) -> _Estimates:
    """Statistics from the sums of (return, score, bound) of each agent, (3 * agents, many), and their tails."""
    returns, scores, bounds = np.split(sums, 3)
    to_first, to_best = (np.full_like(scores, np.nan) if k is None else (scores - scores[k]) / n for k in references)
    return _Estimates(returns / n, scores / n, _share(scores, bounds), to_first, to_best, tails)


def tail_mean(ranked: Floats, counts: Floats, share: float = WORST) -> tuple[Floats, Floats]:
    """The mean of the lowest `share` of all values, their conditional value at risk, and its standard error.

    Where `share` of the number of values is not whole, the last value counts by the fraction (Rockafellar and Uryasev,
    "Conditional value-at-risk for general loss distributions", 2002), so that it is exact for any number. The standard
    error is that of the mean of q - max(q - x, 0) / share with the quantile q as it was found (Trindade et al., "Financial
    prediction with constrained tail risk", 2007), which is right for many values.

    Args:
        ranked: values in ascending order, (n,).
        counts: how often each of them counts, (resamples, n); every row has the same sum.
        share: above 0, at most 1.

    Returns:
        A mean and a standard error per row of `counts`, each (resamples,); with a single value the error is NaN.
    """
    n = counts[0].sum()
    size = share * n
    first = min(len(ranked), int(2 * share * len(ranked)) + 100)
    if (counts[:, :first].sum(axis=1) < size).any():
        first = len(ranked)
    head, values = counts[:, :first], ranked[:first]
    below = np.cumsum(head, axis=1) - head
    quantile = values[np.maximum((below < size - 1e-9 * n).sum(axis=1) - 1, 0)]
    short = np.maximum(quantile[:, None] - values, 0.0) / share
    shortfall = (head * short).sum(axis=1) / n
    spread = np.maximum((head * short**2).sum(axis=1) - n * shortfall**2, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return quantile - shortfall, np.sqrt(spread / (n - 1) / n)


def studentised(value: Floats, error: Floats, drawn: Floats, errors: Floats, confidence: float) -> tuple[Floats, Floats]:
    """The two ends of bootstrap-t intervals (Efron and Tibshirani, "An introduction to the bootstrap", 1993, chapter 12).

    Args:
        value, error: estimates and their standard errors, (k,).
        drawn, errors: the same in resamples, (k, resamples). Where an error is 0 the estimate's own stands in for it.
        confidence: coverage of the intervals.
    """
    own = np.broadcast_to(error[:, None], errors.shape)
    by = np.where(errors > 1e-12 * np.maximum(own, 1e-300), errors, own)
    ratio = np.divide(drawn - value[:, None], by, out=np.zeros_like(drawn), where=by > 0)
    low, high = np.quantile(ratio, [(1 - confidence) / 2, (1 + confidence) / 2], axis=-1)
    return value - high * error, value - low * error


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
    add({"spent": float(frame["spent"].mean()), "initial": float(frame["initial"].mean())})
    add({"spent_share": float(_share(frame["spent"].sum(), frame["initial"].sum()))})
    add({"blocked": int(frame["blocked"].sum()), "violations": int(frame["overspent"].sum())})
    add(_with_interval("cvar", *of_agent("cvar")))
    for metric in shown_metrics(metrics, score):
        add({metric_column(metric): _condense(frame, metric)})
        if metric.among is not None:
            add({f"{metric_column(metric)}_episodes": int(frame[metric.name].notna().sum())})
    for name in ("difference", "difference_to_best"):
        add(_with_interval(name, *of_agent(name)))
    reason = fact.get("optimum_unknown")
    add({"optimum_unknown": reason if isinstance(reason, str) else None})
    add({"remarks": str(fact.get("remarks", ""))})
    proved, unproved = (float(fact.get(f"{kind}_decisions", 0)) for kind in ("proved", "unproved"))
    add({"unproved": float(_share(unproved, proved + unproved))})
    add({"null": null, "latency_us": float(fact["latency_us"]), "information": str(fact["information"])})
    return row


def _with_interval(name: str, value: float, low: float, high: float) -> dict[str, float]:
    return {name: value, f"{name}_low": low, f"{name}_high": high}


def _condense(frame: Frame, metric: Metric) -> float:
    """A metric over the episodes that have a value; NaN if a mean is asked for and none has."""
    known = frame[frame[metric.name].notna()]
    total = float(known[metric.name].sum())
    if metric.how == "total":
        return total
    return float(_share(total, len(known) if metric.how == "mean" else known["length"].sum()))
