"""Optima where one belief is not enough: against expectimax in plain Python, and against the other exact solver."""

import math

import numpy as np
import pytest
from budgetgym import compare, evaluate, make_agent
from budgetgym.baselines.steering.enumeration import enumerated_value
from budgetgym.baselines.steering.values import null_value, optimal_value
from budgetgym.envs.steering.network import read_network
from budgetgym.envs.steering.problem import SocialSteering
from tiny_steering import Truth

BIASED = {"public_belief": "biased"}
VARIANTS = [
    {"agents": "llm_like", **BIASED},
    {"agents": "grether", "hazard": 0.1, "objective": "biased", **BIASED},
    {"agents": "stubborn", "discount": 0.9, "ties": "belief", **BIASED},
    {"agents": "logit", "price": 0.4, "prior": 0.35, **BIASED},
    {"network": "last-1", "objective": "biased"},
    {"network": "last-2", "ties": "belief", "agents": "overweight"},
    {"network": "first-2", "objective": "biased", "prior": 0.6},
    {"network": "complete", "agents": "logit"},
    {"network": "random-0.5", "discount": 0.8},
]


@pytest.mark.parametrize("settings", VARIANTS, ids=str)
def test_it_equals_expectimax(settings):
    problem = SocialSteering(T=4, instance_seed=3, **settings)
    truth = dict(settings)
    if "network" in settings:
        random = np.random.default_rng(3)
        truth["network"] = read_network(settings["network"], 4, random).tolist()
    plain = Truth(T=4, **truth)
    for budget in (0.0, 0.3):
        assert optimal_value(problem, budget) == pytest.approx(plain.optimum(budget), abs=1e-9)
    assert null_value(problem) == pytest.approx(plain.policy_value(lambda *_: [0.7], 0.0), abs=1e-9)


@pytest.mark.parametrize("objective", ["altruistic", "biased"])
def test_agents_who_weigh_like_bayes_share_the_planners_belief(objective):
    """Two solvers that have nothing in common but the model's functions."""
    one = SocialSteering(objective=objective, T=8)
    two = SocialSteering(objective=objective, T=8, public_belief="biased")
    for budget in (0.2, 0.6):
        assert enumerated_value(two, budget) == pytest.approx(optimal_value(one, budget), abs=1e-6)
    assert null_value(two) == pytest.approx(null_value(one), abs=1e-9)


def test_it_says_where_it_ends():
    with pytest.raises(ValueError, match="more than 1500000 states"):
        enumerated_value(SocialSteering(network="complete", T=12), 0.6)
    with pytest.raises(ValueError, match="one prior"):
        enumerated_value(SocialSteering(prior=(0.3, 0.6), **BIASED), 0.6)  # type: ignore[arg-type]
    table = compare(SocialSteering(network="complete", T=12), ["null"], 20)
    assert "share_of_optimum" not in table or math.isnan(table["share_of_optimum"].iloc[0])


def test_shares_are_measured_on_networks():
    problem = SocialSteering(network="last-1")
    summary = evaluate(make_agent("threshold", problem), problem, 4000).summary
    assert 0.0 < summary["share_of_optimum"] <= 1.05
