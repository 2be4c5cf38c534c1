"""Routers of logs: what they choose, what they learn from, and that nobody exceeds the bounds."""

import itertools

import numpy as np
import pandas as pd
import pytest
from budgetgym import compare, evaluate, make_agent
from budgetgym.agents.registry import list_agents
from budgetgym.baselines.core.oracle import episode_bounds
from budgetgym.baselines.routing.logged.bounds import TaskValues, best_plans, concave_steps, fractional_optimum
from budgetgym.baselines.routing.logged.routers import (
    Always,
    NearestNeighbours,
    fit_knn,
    fit_mf,
    predict_rows,
    weak_and_strong,
)
from budgetgym.envs.core.batch import Batch, episode_keys
from budgetgym.envs.routing.logged.logs import load_routing_log
from budgetgym.envs.routing.logged.problem import LoggedRouting
from hypothesis import given, settings
from hypothesis import strategies as st
from own_problem import OnlineKnapsack
from scipy.optimize import linprog
from toy_logs import toy_frame

ROUTERS = ["always", "random", "even_spend", "length", "knn", "mf"]

shares = st.floats(0, 1, width=16)
task = st.lists(st.tuples(st.integers(0, 9), shares), min_size=2, max_size=2)
tasks = st.lists(task, min_size=1, max_size=5)


def log_of(options):
    """A log with a task per entry, which holds (cost, outcome) of every model."""
    table = np.array(options, float)
    frame = pd.DataFrame({"prompt_chars": np.ones(len(table))})
    for k in range(table.shape[1]):
        frame[f"cost:{k}"], frame[f"outcome:{k}"] = table[:, k, 0], table[:, k, 1]
    return load_routing_log(frame)


def linear_programme(options, budget):
    """The multiple-choice knapsack's relaxation by a general solver: at most one unit of models per task."""
    table = np.array(options, float)
    n, m = table.shape[:2]
    once = np.kron(np.eye(n), np.ones(m))
    cost = table[..., 0].ravel()
    found = linprog(-table[..., 1].ravel(), np.vstack([once, cost]), np.append(np.ones(n), budget), bounds=(0, 1))
    return -found.fun


@given(tasks, st.floats(0, 50))
@settings(deadline=None, max_examples=60)
def test_the_bound_is_the_linear_programme(options, budget):
    log = log_of(options)
    found = fractional_optimum(*TaskValues(log).frontier(np.arange(log.tasks)), budget)
    assert found == pytest.approx(linear_programme(options, budget), abs=1e-6)


@given(tasks, st.floats(0, 50))
@settings(deadline=None, max_examples=40)
def test_no_choice_of_whole_models_is_better(options, budget):
    log = log_of(options)
    best = 0.0
    for choice in itertools.product(range(3), repeat=len(options)):
        picked = [option[k] for option, k in zip(options, choice, strict=True) if k < 2]
        if sum(cost for cost, _ in picked) <= budget:
            best = max(best, sum(outcome for _, outcome in picked))
    assert fractional_optimum(*TaskValues(log).frontier(np.arange(log.tasks)), budget) >= best - 1e-9


@given(st.lists(task, min_size=1, max_size=4), st.floats(0, 30))
@settings(deadline=None, max_examples=60)
def test_the_plans_of_a_trace_are_those_of_brute_force(steps, budget):
    table = np.array(steps, float)
    cost, outcome = best_plans(table[..., 1], table[..., 0])
    best = 0.0
    for choice in itertools.product(range(2), repeat=len(steps)):
        picked = table[np.arange(len(steps)), list(choice)]
        if picked[:, 0].sum() <= budget:
            best = max(best, picked[:, 1].prod())
    affordable = outcome[cost <= budget]
    assert (affordable.max() if len(affordable) else 0.0) == pytest.approx(best)
    assert (np.diff(cost) > 0).all()
    assert (np.diff(outcome) > 0).all()


def test_merged_plans_are_optimistic():
    generator = np.random.default_rng(0)
    outcome, cost = generator.uniform(0.5, 1.0, (9, 4)), generator.uniform(0, 1, (9, 4))
    costs, outcomes = best_plans(outcome, cost)
    assert len(costs) <= 200
    for _ in range(300):
        rows, choice = np.arange(9), generator.integers(4, size=9)
        reached = outcomes[costs <= cost[rows, choice].sum()]
        assert reached.max() >= outcome[rows, choice].prod() - 1e-12


def test_hulls_by_hand():
    cost, outcome = concave_steps(np.array([[2.0, 1.0, 4.0, 3.0]]), np.array([[0.5, 0.1, 0.6, 0.54]]))
    assert cost.tolist() == [[2.0, 2.0, 0.0, 0.0]]
    assert outcome == pytest.approx(np.array([[0.5, 0.1, 0.0, 0.0]]))
    free = concave_steps(np.array([[0.0, 0.0, 1.0]]), np.array([[0.2, 0.5, 0.4]]))
    assert free[1].sum() == pytest.approx(0.5)
    assert free[0].sum() == 0


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("name", ROUTERS)
def test_nobody_exceeds_the_bound_of_any_episode(name, steps):
    problem = LoggedRouting(log=toy_frame(120, steps=steps), T=20, share=(0.05, 1.0), shuffled=True)
    episodes = evaluate(make_agent(name, problem), problem, 50).episodes
    assert (episodes["quality"] <= episodes["bound"] + 1e-9).all()
    assert (episodes["spent"] <= episodes["initial"]).all()
    assert (episodes["bound"] <= 20).all()


def test_the_bound_knows_the_episodes_that_are_played():
    problem = LoggedRouting(log=toy_frame(80, seed=3), split="all", T=15, shuffled=True, share=10.0)
    batch = Batch(problem, 8)
    batch.seed(episode_keys(0, 8))
    batch.reset()
    before = batch.snapshot()
    bounds = episode_bounds(problem, batch)
    assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(before, batch.state, strict=True))
    best = np.zeros(8)  # a budget without end: the best model for every task
    while not batch.state.finished.all():
        best += problem.played.outcome[batch.state.source].max(axis=1) * ~batch.state.finished
        batch.step(batch.read_actions(np.zeros(8, int)))
    assert bounds == pytest.approx(best)


def test_all_routers_are_listed_for_logs_alone():
    assert set(ROUTERS) <= set(list_agents(LoggedRouting(log=toy_frame(), T=10)))
    assert {"always", "random"} == set(ROUTERS) & set(list_agents("budgetgym/AgenticRouting-v0"))
    with pytest.raises(ValueError, match="serves LoggedRouting"):
        Always(OnlineKnapsack())


def stream(share, n=3000, **changes):
    return LoggedRouting(log=toy_frame(n), **{"T": 100, "share": share, "shuffled": True, **changes})


def test_the_better_router_wins():
    problem = stream(0.3)
    quality = {name: evaluate(make_agent(name, problem), problem, 60).summary for name in ROUTERS}
    assert quality["knn"]["quality_low"] > quality["random"]["quality_high"]
    assert quality["mf"]["quality_low"] > quality["random"]["quality_high"]
    assert quality["knn"]["spent_share"] > 0.95


@pytest.mark.parametrize("name", ["length", "knn", "mf", "random", "even_spend"])
def test_more_money_is_spent_where_it_helps(name):
    spent = [
        evaluate(make_agent(name, problem), problem, 20).episodes["spent"].mean() for problem in map(stream, (0.1, 0.3, 0.6))
    ]
    assert np.diff(spent).min() > 0


def test_without_the_budget_in_sight_the_price_is_fixed():
    problem = stream(0.3, budget_aware=False)
    for name in ("knn", "length"):
        summary = evaluate(make_agent(name, problem), problem, 20).summary
        assert 0.7 < summary["spent_share"] <= 1.0


def test_predictions_find_what_the_log_holds():
    log = load_routing_log(toy_frame(4000))
    train, test = log.part("train"), log.part("test")
    constant = ((test.outcome - train.outcome.mean(axis=0)) ** 2).mean()
    for fit in (fit_knn, fit_mf):
        predicted = predict_rows(fit(train), test)
        assert predicted.shape == test.outcome.shape
        assert predicted.min() >= 0
        assert predicted.max() <= 1
        assert ((test.outcome - predicted) ** 2).mean() < 0.97 * constant
        law = np.flatnonzero(test.domain == log.domains.index("law"))
        maths = np.flatnonzero(test.domain != log.domains.index("law"))
        assert predicted[maths, 1].mean() - predicted[law, 1].mean() > 0.15


def test_steps_of_traces_are_distinguished():
    frame = pd.DataFrame({"query": np.repeat(np.arange(200), 2), "prompt_chars": np.tile([50, 60], 200)})
    frame["outcome:cheap"] = np.tile([1.0, 0.0], 200)
    frame["outcome:expensive"] = 1.0
    frame["cost:cheap"], frame["cost:expensive"] = 1.0, 3.0
    problem = LoggedRouting(log=frame, T=50, budget=50 * 4.0)
    summary = evaluate(make_agent("knn:neighbours=20", problem), problem, "all").summary
    assert summary["quality"] == 50
    assert summary["share_of_bound"] == 1


def test_learning_never_touches_what_is_played():
    frame = toy_frame(400)
    problem = LoggedRouting(log=frame)
    rows = np.flatnonzero(~problem.log.train)
    changed = frame.copy()
    outcomes = [name for name in frame if name.startswith("outcome:")]
    changed.loc[rows, outcomes] = 1 - changed.loc[rows, outcomes]
    for name in ROUTERS:
        one, other = (make_agent(name, LoggedRouting(log=log)) for log in (frame, changed))
        for here, there in zip(one.parameters, other.parameters, strict=True):  # type: ignore[attr-defined]
            assert np.array_equal(here, there), name


def test_what_is_measured_in_hindsight_says_so():
    table = compare(LoggedRouting(log=toy_frame(100), split="all", T=50), ["always", "knn"])
    assert table is not None
    assert LoggedRouting(log=toy_frame(100), split="all").statistics.source.endswith("(hindsight)")


def test_weak_and_strong():
    assert weak_and_strong(load_routing_log(toy_frame(500))) == (0, 2)
    assert weak_and_strong(load_routing_log(toy_frame(500), models=["large"])) == (0, 0)
    tied = load_routing_log(toy_frame(500), prices=dict.fromkeys(("small", "medium", "large"), 1.0))
    assert weak_and_strong(tied)[0] == 2


def test_one_model_and_random():
    problem = stream(0.3)
    assert make_agent("always:model=large", problem).parameters.model == 2  # type: ignore[attr-defined]
    assert make_agent("always:model=1", problem).parameters.model == 1  # type: ignore[attr-defined]
    calls = evaluate(make_agent("random:p=0.25", problem), problem.replace(share=2.0), 50).summary["expensive_calls"]
    assert calls == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("always:model=huge", r"model is 'huge'; expected one of 'small', 'medium', 'large', or a number in 0\.\.2"),
        ("always:model=3", "model is '3'"),
        ("random:p=1.5", r"p is 1.5; expected a probability in \[0, 1\]"),
        ("random:seed=-1", "seed is -1; expected an integer >= 0"),
        ("knn:neighbours=0", "neighbours is 0; expected an integer >= 1"),
        ("mf:rank=4", r"rank is 4; expected an integer in 1\.\.3"),
        ("knn:k=3", "no setting 'k'"),
    ],
)
def test_mistakes_are_explained(name, message):
    with pytest.raises(ValueError, match=message):
        make_agent(name, stream(0.3, n=100))


def test_too_little_to_learn_from():
    with pytest.raises(ValueError, match="has 5 queries to learn from; expected at least 10"):
        NearestNeighbours(LoggedRouting(log=toy_frame(10), T=5))


def test_mmlu_is_quickly_learned(shared_data):
    problem = LoggedRouting(log=shared_data / "routing/compact/routellm_mmlu.csv.gz", T=100, share=0.25, shuffled=True)
    quality = {name: evaluate(make_agent(name, problem), problem, 60).summary for name in ("random", "knn", "mf")}
    assert quality["knn"]["quality_low"] > quality["random"]["quality_high"]
    assert quality["mf"]["quality_low"] > quality["random"]["quality_high"]


def test_the_example_routes_a_log(capsys, tmp_path):
    import route_a_log

    toy_frame(2000, models=("small", "medium")).to_csv(tmp_path / "log.csv", index=False)
    route_a_log.main(str(tmp_path / "log.csv"))
    lines = capsys.readouterr().out.splitlines()[-3:]
    quality = {line.partition(":")[0]: float(line.split()[2]) for line in lines}
    assert quality["knn"] > quality["random"]
