"""The cost-quality frontier of routers on a log, with RouteLLM's measures.

A router gives every query a score, and a threshold on it decides who answers; or it predicts every model's outcome, and a
price of money decides. Sweeping threshold or price draws a curve from the weak model to the strong one.

With r the mean outcome of a task, PGR = (r - r_weak) / (r_strong - r_weak) is the performance gap recovered; APGR is its mean
over all shares of strong calls from 0 to 1, the area under the curve; CPT(x %) is the smallest share of strong calls whose
PGR is x %. Choosing at random has APGR 1/2 and CPT(x %) = x % in expectation. (Ong et al., RouteLLM, arXiv:2406.18665. They
take ten points of the curve and leave out contaminated prompts; here are up to `POINTS` of them, and all prompts.)

Among more than two models the share of strong calls becomes the share of cost: 0 is what the weak model alone would cost, and
1 what the strong one would. APGR can then exceed 1: a router may be better than the strong model.

Where one of the two is at least as good and costs no more, it dominates: nothing is there to be traded, neither measure has a
meaning, and the models and the routers' highest quality are all that is reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..baselines.routing.logged.bounds import TaskValues
from ..baselines.routing.logged.routers import PREDICTORS, Predictor, money_prices, predict_rows, weak_and_strong
from ..envs.core.checks import natural
from ..envs.core.files import write_text, write_whole
from ..envs.hints import near
from ..envs.routing.logged.logs import Part, RoutingLog, load_routing_log
from .formatting import estimate, number, percent
from .plots import STYLE

Floats: TypeAlias = NDArray[np.float64]

POINTS = 201
"""Of a curve, at most."""

FOLDS = 5
RESAMPLES = 200
RULES = ("random", "length")
ROUTERS = (*PREDICTORS, *RULES)
LEVELS = (0.2, 0.5, 0.8)
"""Performance gaps recovered whose CPT is reported."""

CPT_COLUMNS = tuple(f"CPT({100 * level:.0f} %)" for level in LEVELS)


class Curve(NamedTuple):
    """What a router reaches, point by point, from the weak model to the strong one. Means per task."""

    share: Floats
    """Of strong calls; among more than two models, of cost. Rising."""
    quality: Floats
    cost: Floats
    """Dollars."""


@dataclass(frozen=True)
class Frontier:
    """The curves of several routers on the same queries.

    Attributes:
        table: a row per router: `APGR` with its 95 % interval (`_low`, `_high`; bootstrap over tasks), `CPT(20 %)`,
            `CPT(50 %)` and `CPT(80 %)` (NaN where the curve does not reach them), and `highest quality`. The last row,
            `oracle`, knows all outcomes. All but the last column are NaN where one model dominates.
        curves: by router.
        bound: the highest mean `quality` that hindsight could buy, for every mean `cost` of a task; see `hindsight`.
        models: a row per model: its mean `quality` and `cost` of a task.
        facts: what was measured: source, tasks, how routers were fitted, weak, strong, axis, the oracle's quality (the best
            model for every task), and what that costs if the cheapest of the best is taken; and `dominates`, the name of the
            end that dominates the other one, or None.
    """

    table: pd.DataFrame
    curves: dict[str, Curve]
    bound: pd.DataFrame
    models: pd.DataFrame
    facts: dict[str, Any]

    def tables(self) -> list[tuple[str, pd.DataFrame]]:
        """The two tables and what to call them."""
        return [("models", self.models), ("routers", self.table)]


def frontier(
    log: Any,
    routers: Sequence[str] = ("knn", "mf", "length", "random"),
    *,
    models: Sequence[str] | None = None,
    prices: Any = None,
    weak: str | None = None,
    strong: str | None = None,
    split: Part | None = None,
    seed: int = 0,
) -> Frontier:
    """Measure routers on a log. None of the learned ones sees a query that it routes.

    A log with a split of its own is measured on its test part, by routers that were fitted on its training part. Any other,
    and any part that is asked for, is measured in fifths: each by routers that were fitted on the other four.

    Args:
        log: path, table or log; see `load_routing_log`.
        routers: `knn` and `mf` learn; `length` calls the strong model for long prompts, `random` at random.
        models: which ones to keep.
        prices: of the models, in place of the log's costs.
        weak: the model at the cheap end; by default the cheapest.
        strong: the expensive model; by default the best of the others.
        split: the part to measure, "test", "train" or "all"; by default a log's own test part, or all.
        seed: of `random` and of the bootstrap.

    Raises:
        ValueError: an unknown router or model; or a strong model that is worse and cheaper than the weak one.
    """
    if unknown := [name for name in routers if name not in ROUTERS]:
        raise ValueError(f"no router {unknown[0]!r}{near(unknown[0], list(ROUTERS))}")
    if not routers:
        raise ValueError("routers is empty; expected at least one")
    whole = load_routing_log(log, models, prices)
    training = whole.part("train") if whole.own_split and split in (None, "test") else None
    played = whole.part(split or ("test" if whole.own_split else "all"))
    ends = _ends(whole, weak, strong)
    dominating = _dominating(played, ends)
    natural("seed", seed)
    sweeps = {name: _swept(name, training, played, ends, seed) for name in routers}
    evenly = np.full((played.tasks, 1), 1.0 / played.tasks)
    curves = {name: _curves(swept, evenly, dominating is not None)[0] for name, swept in sweeps.items()}
    bound = pd.DataFrame(dict(zip(("cost", "quality"), hindsight(played), strict=True)))
    alone = played.each_alone()[0]
    facts = _facts(played, training, ends, bound, dominating)
    if dominating is not None:
        highest = {name: float(curve.quality.max()) for name, curve in curves.items()} | {"oracle": facts["oracle"]}
        unknown = dict.fromkeys(("APGR", "APGR_low", "APGR_high", *CPT_COLUMNS), np.nan)
        rows = [{"router": name, **unknown, "highest quality": best} for name, best in highest.items()]
        return Frontier(pd.DataFrame(rows), curves, bound, _models(played), facts)
    quality = float(alone[ends[0]]), float(alone[ends[1]])
    rows = [
        _measures(name, curve.share, curve.quality, quality, _interval(sweeps[name], played, ends, seed))
        for name, curve in curves.items()
    ]
    rows.append(_measures("oracle", *oracle_curve(played, *ends), quality, (np.nan, np.nan)))
    return Frontier(pd.DataFrame(rows), curves, bound, _models(played), facts)


# --- measures -------------------------------------------------------------------------------------------------------------


def pgr(quality: Any, weak: float, strong: float) -> Any:
    """The performance gap recovered by a mean outcome: 0 is the weak model's, 1 the strong one's."""
    return (np.asarray(quality) - weak) / (strong - weak)


def apgr(share: Floats, quality: Floats, weak: float, strong: float) -> float:
    """The area under PGR over the shares from 0 to 1. Beyond its ends a curve (rising shares) stays as it is."""
    inside = (share > 0.0) & (share < 1.0)
    places = np.concatenate([[0.0], share[inside], [1.0]])
    recovered = pgr(np.interp(places, share, quality), weak, strong)
    return float(np.sum(np.diff(places) * (recovered[1:] + recovered[:-1]) / 2.0))


def cpt(share: Floats, quality: Floats, weak: float, strong: float, level: float) -> float:
    """The smallest share whose PGR is at least `level`, along straight lines between points; NaN if it is never reached."""
    recovered = pgr(quality, weak, strong)
    reached = np.flatnonzero(recovered >= level)
    if len(reached) == 0:
        return float("nan")
    k = int(reached[0])
    if k == 0:
        return float(max(share[0], 0.0))
    rise = (level - recovered[k - 1]) / (recovered[k] - recovered[k - 1])
    return float(max(share[k - 1] + rise * (share[k] - share[k - 1]), 0.0))


def _measures(
    name: str, share: Floats, quality: Floats, ends: tuple[float, float], interval: tuple[float, float]
) -> dict[str, Any]:
    return {
        "router": name,
        "APGR": apgr(share, quality, *ends),
        "APGR_low": interval[0],
        "APGR_high": interval[1],
        **{name: cpt(share, quality, *ends, level) for name, level in zip(CPT_COLUMNS, LEVELS, strict=True)},
        "highest quality": float(quality.max()),
    }


# --- curves ---------------------------------------------------------------------------------------------------------------


class _Swept(NamedTuple):
    """What every task came to at every point of a sweep, each (points, tasks)."""

    quality: Floats
    cost: Floats
    share: Floats
    """What it adds to the axis: its strong calls, or its cost."""
    ends: tuple[Floats, Floats]
    """(tasks,) each: the same under the weak model alone, and under the strong one."""


def _swept(name: str, training: RoutingLog | None, played: RoutingLog, ends: tuple[int, int], seed: int) -> _Swept:
    """Play a router at every point of its sweep."""
    if name in RULES:
        score = np.random.default_rng(seed).random(len(played)) if name == "random" else played.length
        choices = choices_by_threshold(score, *ends)
    else:
        predicted = honest_predictions(name, played, training)
        if len(played.models) == 2:
            choices = choices_by_threshold(predicted[:, ends[1]] - predicted[:, ends[0]], *ends)
        else:
            choices = choices_by_price(predicted, played)
    outcomes = [(*played.under(choice), _on_axis(played, choice, ends)) for choice in choices]
    quality, cost, share = (np.array(column) for column in zip(*outcomes, strict=True))
    return _Swept(quality, cost, share, _ends_on_axis(played, ends))


def choices_by_threshold(score: Floats, weak: int, strong: int) -> list[NDArray[np.int64]]:
    """The model of every row at falling thresholds: the strong one for scores at or above it. From none strong to all."""
    different = np.unique(score)[::-1]
    if len(different) > POINTS - 1:
        different = different[_spread(len(different), POINTS - 1)]
    return [np.where(score >= threshold, strong, weak) for threshold in (np.inf, *different)]


def choices_by_price(predicted: Floats, log: RoutingLog) -> list[NDArray[np.int64]]:
    """The model of every row at falling prices of money: the best prediction minus price times expected cost."""
    prices = money_prices(log)[::-1]
    choices: list[NDArray[np.int64]] = []
    for price in prices:
        choice = np.argmax(predicted - price * log.expected_cost, axis=1)
        if not choices or not np.array_equal(choice, choices[-1]):
            choices.append(choice)
    return [choices[k] for k in _spread(len(choices))]


def _spread(n: int, most: int = POINTS) -> NDArray[np.int64]:
    """At most `most` of the numbers 0..n-1, evenly spread, the first and the last among them."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(np.int64))


def honest_predictions(name: str, log: RoutingLog, training: RoutingLog | None = None) -> Floats:
    """A learned router's predictions for the rows of a log, (n, m), by what was fitted on other tasks.

    On the `training` log; without one, on the rest of the log, for each of `FOLDS` parts.
    """
    fit = PREDICTORS[name]
    if training is not None:
        return predict_rows(fit(training), log)
    if log.tasks < FOLDS:
        raise ValueError(f"{log.source} has {log.tasks} tasks; {name} is measured in {FOLDS} parts, expected at least as many")
    fold = (np.random.default_rng(0).permutation(log.tasks) % FOLDS)[log.task]
    predicted = np.empty(log.outcome.shape)
    for k in range(FOLDS):
        predictor: Predictor = fit(log.rows(fold != k, f"{log.source}, without a fifth"))
        predicted[fold == k] = predict_rows(predictor, log.rows(fold == k, log.source))
    return predicted


def _on_axis(log: RoutingLog, choice: NDArray[np.int64], ends: tuple[int, int]) -> Floats:
    """What every task adds to the axis: its strong calls, or its cost."""
    if len(log.models) == 2:
        return np.add.reduceat((choice == ends[1]).astype(float), log.start)
    return log.under(choice)[1]


def _ends_on_axis(log: RoutingLog, ends: tuple[int, int]) -> tuple[Floats, Floats]:
    """The same of the weak model and of the strong one alone."""
    weak, strong = (_on_axis(log, np.full(len(log), end), ends) for end in ends)
    return weak, strong


def _curves(swept: _Swept, weights: Floats, dominated: bool = False) -> list[Curve]:
    """The curve for every column of weights (tasks, curves), each of which sums to 1.

    Where one model dominates there is no axis from the weak to the strong one: shares are NaN, and costs rise.
    """
    if dominated:
        cost, quality = (column @ weights for column in (swept.cost, swept.quality))
        rising = np.argsort(cost, axis=0, kind="stable")
        by_cost = (np.take_along_axis(one, rising, axis=0).T for one in (np.full(cost.shape, np.nan), quality, cost))
        return [Curve(*points) for points in zip(*by_cost, strict=True)]
    weak, strong = (end @ weights for end in swept.ends)
    shares = (swept.share @ weights - weak) / (strong - weak)
    order = np.argsort(shares, axis=0, kind="stable")
    columns = (np.take_along_axis(one, order, axis=0) for one in (shares, swept.quality @ weights, swept.cost @ weights))
    return [Curve(*points) for points in zip(*(column.T for column in columns), strict=True)]


def hindsight(log: RoutingLog) -> tuple[Floats, Floats]:
    """The best mean outcome for every mean cost, by who knows all outcomes and costs: corners of a concave curve.

    Tasks may be left unanswered, and the last purchase be made in part: a bound that no router exceeds.
    """
    cost, outcome = TaskValues(log).frontier(np.arange(log.tasks))
    free = int(np.searchsorted(cost, 0.0, side="right")) - 1
    return cost[free:] / log.tasks, outcome[free:] / log.tasks


def oracle_curve(log: RoutingLog, weak: int, strong: int) -> tuple[Floats, Floats]:
    """Shares and mean outcomes of who knows all outcomes: `hindsight`, with the axis for its cost."""
    spent = log.cost
    if len(log.models) == 2:
        spent = np.zeros(log.cost.shape)
        spent[:, strong] = 1.0
    cost, quality = hindsight(replace(log, cost=spent))
    low, high = (float(end.mean()) for end in _ends_on_axis(log, (weak, strong)))
    return (cost - low) / (high - low), quality


def _interval(swept: _Swept, log: RoutingLog, ends: tuple[int, int], seed: int) -> tuple[float, float]:
    """A 95 % percentile interval of APGR, by resampling tasks; NaN where the strong model is not surely the better one."""
    generator = np.random.default_rng(seed)
    drawn = generator.integers(log.tasks, size=(RESAMPLES, log.tasks))
    weights = np.stack([np.bincount(lot, minlength=log.tasks) for lot in drawn], axis=1) / log.tasks
    weak, strong = (np.multiply.reduceat(log.outcome[:, end], log.start) @ weights for end in ends)
    if not (strong > weak).all():
        return float("nan"), float("nan")
    curves = _curves(swept, weights)
    found = [apgr(c.share, c.quality, *quality) for c, *quality in zip(curves, weak, strong, strict=True)]
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


# --- ends and facts -------------------------------------------------------------------------------------------------------


def _ends(log: RoutingLog, weak: str | None, strong: str | None) -> tuple[int, int]:
    for name, model in (("weak", weak), ("strong", strong)):
        if model is not None and model not in log.models:
            raise ValueError(f"{name} is {model!r}, which {log.source} does not have{near(str(model), list(log.models))}")
    if len(log.models) < 2:
        raise ValueError(f"{log.source} has the models {log.models}; expected at least two, to choose between")
    usual = weak_and_strong(log)
    first = usual[0] if weak is None else log.models.index(weak)
    second = usual[1] if strong is None else log.models.index(strong)
    if first == second:
        raise ValueError(f"weak and strong are both {log.models[first]!r}; expected two models")
    return first, second


def _dominating(log: RoutingLog, ends: tuple[int, int]) -> int | None:
    """The model of the two that is at least as good as the other and costs no more, the better one first; None if neither is.

    Raises:
        ValueError: the weak model is the better and more expensive one.
    """
    quality, cost = log.each_alone()
    for one, other in (ends[::-1], ends):
        if quality[one] >= quality[other] and cost[one] <= cost[other] * (1.0 + 1e-9):
            return one
    if quality[ends[1]] < quality[ends[0]]:
        names = [log.models[end] for end in ends]
        raise ValueError(
            f"strong is {names[1]!r} with quality {quality[ends[1]]:.3f}, weak {names[0]!r} with {quality[ends[0]]:.3f}; "
            "expected the strong model to be better, choose with weak= and strong="
        )
    return None


def _models(log: RoutingLog) -> pd.DataFrame:
    quality, cost = log.each_alone()
    return pd.DataFrame({"model": log.models, "quality": quality, "cost": cost})


def _facts(
    log: RoutingLog, training: RoutingLog | None, ends: tuple[int, int], bound: pd.DataFrame, dominating: int | None
) -> dict[str, Any]:
    return {
        "source": log.source,
        "tasks": log.tasks,
        "fitted": f"on {training.source}" if training is not None else f"in {FOLDS} parts, each on the {FOLDS - 1} others",
        "weak": log.models[ends[0]],
        "strong": log.models[ends[1]],
        "axis": "share of strong calls" if len(log.models) == 2 else "share of cost",
        "oracle": float(bound["quality"].iloc[-1]),
        "oracle_cost": float(bound["cost"].iloc[-1]),
        "dominates": None if dominating is None else log.models[dominating],
    }


# --- what a reader sees ---------------------------------------------------------------------------------------------------


def print_frontier(found: Frontier, console: Console | None = None) -> None:
    """Print the facts, the models alone, and the routers.

    Args:
        found: what `frontier` returned.
        console: where to print; standard output by default.
    """
    console = console or Console()
    facts = found.facts
    for line in (
        f"{facts['source']}: {facts['tasks']:,} tasks",
        f"learned routers fitted {facts['fitted']}",
        f"oracle {facts['oracle']:.3f}, at {number(1000 * facts['oracle_cost'])} dollars per 1,000 tasks if it takes the "
        "cheapest of the best",
    ):
        console.print(Text(line), soft_wrap=True)
    models = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("model", "quality", "$ / 1,000 tasks", ""):
        models.add_column(heading, justify="left" if heading in ("model", "") else "right", no_wrap=True)
    roles = {facts["weak"]: "weak", facts["strong"]: "strong"}
    for name, quality, cost in found.models.itertuples(index=False):
        models.add_row(Text(name), f"{quality:.3f}", number(1000 * cost), roles.get(name, ""))
    console.print(models)
    if facts["dominates"] is not None:
        other = facts["weak"] if facts["dominates"] == facts["strong"] else facts["strong"]
        verdict = (
            f"{facts['dominates']} dominates {other}: at least as good, and no more expensive. No router saves anything by"
        )
        console.print(
            Text(f"{verdict} calling {other} where that is not better, and APGR and CPT have no meaning."), soft_wrap=True
        )
        for name, best in zip(found.table["router"], found.table["highest quality"], strict=True):
            console.print(Text(f"highest quality of {name}: {best:.3f}"), soft_wrap=True)
        return
    routers = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("router", "APGR", *CPT_COLUMNS, "highest quality"):
        routers.add_column(heading, justify="left" if heading == "router" else "right", no_wrap=True)
    for row in found.table.to_dict("records"):
        shares = (percent(row[name]) for name in CPT_COLUMNS)
        interval = estimate(row["APGR"], row["APGR_low"], row["APGR_high"])
        routers.add_row(row["router"], interval, *shares, f"{row['highest quality']:.3f}")
    console.print(routers)
    meaning = f"APGR: area under the gap recovered over the {facts['axis']}; CPT: the smallest such share."
    console.print(Text(f"{meaning} [95 % intervals] by bootstrap over tasks.", style="dim"), soft_wrap=True)


def write_frontier(found: Frontier, folder: str | Path) -> tuple[Path, Path | None]:
    """Write `frontier.csv`, all points of all curves, and `frontier.png`; None for the latter without matplotlib.

    Raises:
        ValueError: there is another `frontier.csv` already.
    """
    folder = Path(folder)
    points = [pd.DataFrame(curve._asdict()).assign(router=name) for name, curve in found.curves.items()]
    bound = found.bound.iloc[_spread(len(found.bound))].assign(router="hindsight")
    alone = found.models.rename(columns={"model": "router"})
    table = pd.concat([*points, bound, alone], ignore_index=True)[["router", "share", "cost", "quality"]]
    path, text = folder / "frontier.csv", table.to_csv(index=False)
    if path.exists() and path.read_text(encoding="utf-8") != text:
        raise ValueError(f"{path} has another frontier (log, routers or version differ); choose another folder (--out)")
    write_text(path, text)
    try:
        figure = draw_frontier(found)
    except ImportError:
        return folder / "frontier.csv", None
    write_whole(folder / "frontier.png", lambda file: figure.savefig(file, dpi=160, format="png"))
    return folder / "frontier.csv", folder / "frontier.png"


INK = "#222222"


def draw_frontier(found: Frontier) -> Any:
    """A matplotlib figure: mean outcome against mean cost, a curve per router and a dot per model."""
    import matplotlib.style
    from matplotlib.figure import Figure  # not pyplot: it would keep every figure and pick a window toolkit

    with matplotlib.style.context(STYLE):
        figure = Figure(figsize=(8.0, 5.0), layout="constrained")
        axes = figure.add_subplot()
        for k, (name, curve) in enumerate(found.curves.items()):
            every = max(1, len(curve.cost) // 8)
            axes.plot(
                1000 * curve.cost,
                curve.quality,
                marker="os^DvP<X>h"[k % 10],
                markersize=4.5,
                markevery=every,
                linewidth=1.6,
                label=name,
            )
        _draw_bound(axes, found)
        _draw_models(axes, found.models)
        axes.set_xlabel("dollars per 1,000 tasks")
        axes.set_ylabel("mean outcome of a task")
        figure.legend(frameon=False, loc="outside upper left", ncols=6)
    return figure


def _draw_bound(axes: Any, found: Frontier) -> None:
    """From the cheapest model's cost to the most expensive one's, so that the axes stay with what routers can do."""
    low, high = found.models["cost"].min(), found.models["cost"].max()
    cost, quality = found.bound["cost"].to_numpy(), found.bound["quality"].to_numpy()
    shown = np.linspace(low, high, 400)
    best = np.interp(shown, cost, quality)
    axes.plot(1000 * shown, best, color=INK, linestyle="--", linewidth=1.2, label="best in hindsight")


def _draw_models(axes: Any, models: pd.DataFrame) -> None:
    """A dot per model with its name to the right of it; beyond the most expensive one no curve goes."""
    low, high = 1000 * models["cost"].min(), 1000 * models["cost"].max()
    longest = max(len(name) for name in models["model"])
    axes.set_xlim(low - 0.04 * (high - low), high + (high - low) * (0.03 + 0.012 * longest))
    for name, quality, cost in models.itertuples(index=False):
        cheap = 1000 * cost <= (low + high) / 2
        axes.annotate(
            name,
            (1000 * cost, quality),
            xytext=(6, -4 if cheap else 0),
            textcoords="offset points",
            va="top" if cheap else "center",
            fontsize=7.5,
            color=INK,
        )
    axes.plot(1000 * models["cost"], models["quality"], "o", color=INK, markersize=4, zorder=4)
