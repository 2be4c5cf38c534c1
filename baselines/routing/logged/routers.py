"""Routers for replayed logs: rules of thumb, and two that learn which model answers what.

The learned ones predict every model's outcome from what is known before a call, on the log's training part, and call the
model with the highest prediction minus a price of money times its expected cost. That price (the Lagrange multiplier of the
budget) is looked up at every call from the dollars left per call left: what the router would have spent on the training part
at each price.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ....envs.core import jit, rng
from ....envs.core.checks import natural, number_of, probability
from ....envs.core.problem import Problem
from ....envs.routing.logged.logs import RoutingLog
from ....envs.routing.logged.problem import LoggedRouting
from ....envs.routing.logged.reading import Reading, read_domain, read_expected_cost, read_length, read_pace, read_step
from ...core.policy import Information, KernelPolicy

Floats: TypeAlias = NDArray[np.float64]

Predictor: TypeAlias = Callable[[Floats, NDArray[np.int64], NDArray[np.int64]], Floats]
"""predict(length (n,), step (n,), domain (n,)) -> (n, m): the expected outcome of every model, in [0, 1]. `length` and `step`
are those of `RoutingLog`, `domain` the number of the domain."""

FEWEST_ROWS = 10
"""To learn from."""

DOMAIN_DISTANCE = 3.0
"""Two domains are as far apart as prompts whose lengths differ by this many standard deviations."""

PRICES = 400
"""Of money, that a router looks up."""

GRID = 101
"""Lengths at which a compiled router keeps its predictions, from -5 to 5."""

MOST_CELLS = 500
"""Pairs of domain and step in that table; later steps of a trace are predicted like the last one that fits."""

MOST_TUNED_ON = 5000
"""Rows of the training part, evenly spread, on which a router finds its prices of money."""


# --- predictors -----------------------------------------------------------------------------------------------------------


def fit_knn(log: RoutingLog, neighbours: int | None = None) -> Predictor:
    """The mean outcome of the training queries that are nearest in length, step and domain.

    Args:
        log: to learn from.
        neighbours: how many; by default 5 sqrt(rows), within 20..200.

    Raises:
        ValueError: the log is too short.
    """
    from sklearn.neighbors import KNeighborsRegressor  # a slow import that the rest of the package does not need

    _enough(log)
    if neighbours is None:
        neighbours = int(np.clip(5.0 * len(log) ** 0.5, 20, 200))
    elif isinstance(neighbours, bool) or not isinstance(neighbours, int) or neighbours < 1:
        raise ValueError(f"neighbours is {neighbours!r}; expected an integer >= 1")
    domains, steps = len(log.domains), log.known.steps

    def place(length: Floats, step: NDArray[np.int64], domain: NDArray[np.int64]) -> Floats:
        return np.column_stack([length, step / steps, _one_hot(domain, domains) * DOMAIN_DISTANCE / np.sqrt(2.0)])

    regressor = KNeighborsRegressor(min(neighbours, len(log)), algorithm="brute")
    regressor.fit(place(log.length, log.step, log.domain), log.outcome)
    return lambda length, step, domain: np.asarray(regressor.predict(place(length, step, domain))).reshape(len(length), -1)


def fit_mf(log: RoutingLog, rank: int | None = None) -> Predictor:
    """Matrix factorisation of queries x models, whose query factors are predicted from length, step and domain.

    Outcomes are a mean per model plus the product of `rank` factors of the query and of the model (principal components); a
    ridge regression on a spline of the length, one line per domain and the step gives the factors of queries never seen.

    Args:
        log: to learn from.
        rank: number of factors; by default 5, or the number of models where that is less.

    Raises:
        ValueError: the log is too short, or rank beyond the number of models.
    """
    from sklearn.decomposition import PCA
    from sklearn.linear_model import RidgeCV
    from sklearn.preprocessing import SplineTransformer

    _enough(log)
    models, domains, steps = len(log.models), len(log.domains), log.known.steps
    if rank is None:
        rank = min(5, models)
    elif isinstance(rank, bool) or not isinstance(rank, int) or not 1 <= rank <= models:
        raise ValueError(f"rank is {rank!r}; expected an integer in 1..{models}, the number of models")
    spline = SplineTransformer(n_knots=4, degree=2, extrapolation="linear")
    spline.fit(log.length[:, None])

    def design(length: Floats, step: NDArray[np.int64], domain: NDArray[np.int64]) -> Floats:
        of_domain = _one_hot(domain, domains)
        curve = np.asarray(spline.transform(length[:, None]))
        return np.column_stack([curve, of_domain, of_domain * length[:, None], step / steps])

    factors = PCA(rank, svd_solver="full").fit(log.outcome)
    ridge = RidgeCV(np.geomspace(0.1, 1000.0, 9))
    ridge.fit(design(log.length, log.step, log.domain), factors.transform(log.outcome))

    def predict(length: Floats, step: NDArray[np.int64], domain: NDArray[np.int64]) -> Floats:
        of_query = np.asarray(ridge.predict(design(length, step, domain))).reshape(len(length), rank)
        return np.clip(factors.inverse_transform(of_query), 0.0, 1.0)

    return predict


PREDICTORS: dict[str, Callable[..., Predictor]] = {"knn": fit_knn, "mf": fit_mf}


def predict_rows(predictor: Predictor, log: RoutingLog) -> Floats:
    """The predictions for every row of a log, (n, m)."""
    return predictor(log.length, log.step, log.domain)


def _enough(log: RoutingLog) -> None:
    if len(log) < FEWEST_ROWS:
        raise ValueError(f"{log.source} has {len(log)} queries to learn from; expected at least {FEWEST_ROWS}")


def _one_hot(domain: NDArray[np.int64], domains: int) -> Floats:
    return (domain[:, None] == np.arange(domains)).astype(float)


# --- what all routers share -----------------------------------------------------------------------------------------------


class LogRouter(KernelPolicy[LoggedRouting]):
    """What routers of logs share."""

    serves = LoggedRouting
    information: ClassVar[Information] = "model"


def even_spend(problem: LoggedRouting) -> float:
    """The expected budget of an episode per call, dollars; for a range on a log scale, its geometric middle."""
    return problem.budget.middle(problem.resources) / (problem.params.tasks * problem.reading.calls)


def weak_and_strong(log: RoutingLog) -> tuple[int, int]:
    """The cheapest model, the better one of several, and the best of the others; of equals the first."""
    quality, cost = log.each_alone()
    cheapest = cost <= cost.min() * (1.0 + 1e-9)
    weak = int(np.argmax(np.where(cheapest, quality, -1.0)))
    quality[weak] = -1.0
    return weak, int(np.argmax(quality)) if len(quality) > 1 else weak


@jit
def pace_of(reading, pace, observation):
    """Dollars left per call left; of an observation without budget, the even spend `pace`."""
    return read_pace(reading, observation) if reading.shows_budget else pace


# --- rules ----------------------------------------------------------------------------------------------------------------


class AlwaysParameters(NamedTuple):
    """Which model."""

    model: int


@jit
def act_always(p, observation, memory, action):
    """Always the same model."""
    action[0] = p.model


class Always(LogRouter):
    """Calls the same model for every query.

    Args:
        problem: the replayed log.
        model: name or number; by default the best one on the training part that the budget pays for on average, or else
            the cheapest.
    """

    name = "always"

    def __init__(self, problem: Problem, model: str | int | None = None) -> None:
        problem = self.served(problem)
        if model is None:
            quality, cost = problem.statistics.each_alone()
            within = cost <= even_spend(problem) * problem.reading.calls
            model = int(np.argmax(np.where(within, quality, -1.0)) if within.any() else np.argmin(cost))
        super().__init__(problem, act_always, AlwaysParameters(number_of("model", model, problem.log.models)))


class RandomParameters(NamedTuple):
    """Key of the random numbers, the two models, and how often the second is called."""

    key: np.uint64
    weak: int
    strong: int
    p: float


@jit
def act_random(p, observation, memory, action):
    """The strong model if a hash of the key, the number of the call and the query falls below p.

    Of nothing else, so that an episode is the same whatever others are played beside it.
    """
    memory[0] += 1.0
    query = np.int64((read_length(observation) + 5.0) * 2.0**32)
    bits = rng.mix(rng.mix(p.key + np.uint64(memory[0])) + np.uint64(query))
    action[0] = p.strong if rng.unit(bits) < p.p else p.weak


class Random(LogRouter):
    """Calls the best model with probability `p`, otherwise the cheapest. A router must beat it to be worth its training.

    Args:
        problem: the replayed log.
        p: by default what the budget pays for, at the training part's mean costs.
        seed: of the choices.
    """

    name = "random"

    def __init__(self, problem: Problem, p: float | None = None, seed: int = 0) -> None:
        problem = self.served(problem)
        weak, strong = weak_and_strong(problem.statistics)
        if p is None:
            p = _affordable_share(problem, weak, strong)
        parameters = RandomParameters(np.uint64(natural("seed", seed)), weak, strong, probability("p", p))
        super().__init__(problem, act_random, parameters, np.zeros(1))

    def set_random_seed(self, seed: int | None = None) -> None:
        """Choose another stream of models."""
        self.parameters = self.parameters._replace(key=np.uint64(natural("seed", 0 if seed is None else seed)))


def _affordable_share(problem: LoggedRouting, weak: int, strong: int) -> float:
    """The share of strong calls that the budget pays for, at the training part's mean costs."""
    cost = problem.statistics.each_alone()[1]
    spare = even_spend(problem) * problem.reading.calls - cost[weak]
    return float(np.clip(spare / (cost[strong] - cost[weak]), 0.0, 1.0)) if cost[strong] > cost[weak] else 1.0


class EvenSpendParameters(NamedTuple):
    """The models from best to worst, and what a call may cost."""

    reading: Reading
    ranked: NDArray[np.int64]
    pace: float


@jit
def act_even_spend(p, observation, memory, action):
    """The best model whose expected cost is within the dollars left per call left, else the last one of the ranking."""
    pace = pace_of(p.reading, p.pace, observation) * (1.0 + 1e-9)  # it is off by rounding
    for k in range(p.ranked.shape[0]):
        action[0] = p.ranked[k]
        if read_expected_cost(p.reading, observation, p.ranked[k]) <= pace:
            break


class EvenSpend(LogRouter):
    """Calls the best model that costs no more than the dollars left per call left; looks at prices, not at queries.

    Args:
        problem: the replayed log.
    """

    name = "even_spend"

    def __init__(self, problem: Problem) -> None:
        problem = self.served(problem)
        quality, cost = problem.statistics.each_alone()
        ranked = np.argsort(-quality, kind="stable")
        ranked = np.append(ranked[ranked != np.argmin(cost)], np.argmin(cost))  # the cheapest is the last resort
        super().__init__(problem, act_even_spend, EvenSpendParameters(problem.reading, ranked, even_spend(problem)))


class LengthParameters(NamedTuple):
    """The two models, and the threshold for every spend per call."""

    reading: Reading
    weak: int
    strong: int
    threshold: Floats
    spend: Floats
    pace: float


@jit
def look_up(spend, pace):
    """The first entry of the falling `spend` within `pace`, or the last one."""
    pace *= 1.0 + 1e-9  # what the observation says is off by rounding
    low, high = 0, spend.shape[0] - 1
    while low < high:
        middle = (low + high) // 2
        if spend[middle] <= pace:
            high = middle
        else:
            low = middle + 1
    return low


@jit
def act_by_length(p, observation, memory, action):
    """The strong model for prompts beyond the threshold that the dollars left per call left pay for."""
    threshold = p.threshold[look_up(p.spend, pace_of(p.reading, p.pace, observation))]
    action[0] = p.strong if read_length(observation) >= threshold else p.weak


class LengthThreshold(LogRouter):
    """Calls the best model for long prompts and the cheapest for short ones; the threshold follows the budget.

    Args:
        problem: the replayed log.
    """

    name = "length"

    def __init__(self, problem: Problem) -> None:
        problem = self.served(problem)
        log = problem.statistics
        weak, strong = weak_and_strong(log)
        threshold = np.append(np.quantile(log.length, np.linspace(0.0, 1.0, PRICES)), np.inf)
        threshold[0] = -np.inf
        cost = log.expected_cost
        spend = [float(np.where(log.length >= limit, cost[:, strong], cost[:, weak]).mean()) for limit in threshold]
        parameters = LengthParameters(problem.reading, weak, strong, threshold, _falling(spend), even_spend(problem))
        super().__init__(problem, act_by_length, parameters)


def _falling(spend: list[float]) -> Floats:
    return np.minimum.accumulate(np.array(spend))


# --- learned --------------------------------------------------------------------------------------------------------------


class PredictingParameters(NamedTuple):
    """Predictions on a grid, and the price of money for every spend per call."""

    reading: Reading
    table: Floats
    """(domains, steps, GRID, m)"""
    price: Floats
    """Outcome per dollar."""
    spend: Floats
    pace: float


@jit
def act_by_prediction(p, observation, memory, action):
    """The model with the highest predicted outcome minus the price of money times its expected cost."""
    price = p.price[look_up(p.spend, pace_of(p.reading, p.pace, observation))]
    domain = read_domain(p.reading, observation)
    step = min(read_step(p.reading, observation), p.table.shape[1] - 1)
    place = (read_length(observation) + 5.0) * ((p.table.shape[2] - 1) / 10.0)
    left = min(np.int64(place), p.table.shape[2] - 2)
    weight = place - left
    best = -np.inf
    for model in range(p.table.shape[3]):
        here, beyond = p.table[domain, step, left, model], p.table[domain, step, left + 1, model]
        value = here + weight * (beyond - here) - price * read_expected_cost(p.reading, observation, model)
        if value > best:
            best = value
            action[0] = model


class Predicting(LogRouter):
    """Calls the model with the highest predicted outcome minus the price of money times its expected cost.

    The price follows the dollars left per call left; without the budget in the observation it is fixed.

    Args:
        problem: the replayed log.
        predictor: of outcomes, fitted on `problem.statistics`.
    """

    def __init__(self, problem: LoggedRouting, predictor: Predictor) -> None:
        log = problem.statistics
        table = _tabulate(predictor, problem.reading)
        price = money_prices(log)
        rows = np.linspace(0, len(log) - 1, min(len(log), MOST_TUNED_ON)).astype(np.int64)
        predicted, cost = predictor(log.length[rows], log.step[rows], log.domain[rows]), log.expected_cost[rows]
        choices = [np.argmax(predicted - one * cost, axis=1) for one in price]
        spend = [float(cost[np.arange(len(rows)), choice].mean()) for choice in choices]
        parameters = PredictingParameters(problem.reading, table, price, _falling(spend), even_spend(problem))
        super().__init__(problem, act_by_prediction, parameters)


def money_prices(log: RoutingLog) -> Floats:
    """Prices of money from 0 to where nothing but the cheapest model is called, outcome per dollar, rising."""
    return np.append(0.0, np.geomspace(1e-4, 1e5, PRICES) / log.known.highest_cost)


def _tabulate(predictor: Predictor, reading: Reading) -> Floats:
    shape = (reading.domains, min(reading.steps, max(MOST_CELLS // reading.domains, 1)), GRID)
    domain, step, place = (axis.ravel() for axis in np.indices(shape))
    table = predictor(place * (10.0 / (GRID - 1)) - 5.0, step, domain)
    return np.ascontiguousarray(table.reshape(*shape, -1), float)


class NearestNeighbours(Predicting):
    """Predicts outcomes by the nearest training queries (scikit-learn); see `fit_knn`.

    Args:
        problem: the replayed log.
        neighbours: how many.
    """

    name = "knn"

    def __init__(self, problem: Problem, neighbours: int | None = None) -> None:
        problem = self.served(problem)
        super().__init__(problem, fit_knn(problem.statistics, neighbours))


class MatrixFactorisation(Predicting):
    """Predicts outcomes by factors of queries and models (scikit-learn); see `fit_mf`.

    Args:
        problem: the replayed log.
        rank: number of factors.
    """

    name = "mf"

    def __init__(self, problem: Problem, rank: int | None = None) -> None:
        problem = self.served(problem)
        super().__init__(problem, fit_mf(problem.statistics, rank))
