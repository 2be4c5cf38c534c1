"""Profiles, their boundary policies, the embedded instances, and the fit."""

from dataclasses import replace

import numpy as np
import pytest
from budgetgym.envs.core.batch import Batch, episode_keys
from budgetgym.envs.routing.agentic.boundary import boundary, label_probabilities
from budgetgym.envs.routing.agentic.fit import fit_profile, mean_calls, mean_dollars, success_rates, task_correlation
from budgetgym.envs.routing.agentic.instances import TARGETS, UNFITTED, make_profile
from budgetgym.envs.routing.agentic.kernels import HARD, INTRACTABLE
from budgetgym.envs.routing.agentic.meter import uncached
from budgetgym.envs.routing.agentic.problem import AgenticRouting
from budgetgym.envs.routing.agentic.profile import Model, Profile, criticality

NAMES = sorted(TARGETS)


def play(problem, model, episodes, seed=0):
    """The batch after always calling one model."""
    batch = Batch(problem, episodes)
    batch.seed(episode_keys(seed, episodes))
    batch.reset()
    actions = batch.read_actions(np.full(episodes, model))
    while not batch.state.finished.all():
        batch.step(actions)
    return batch


@pytest.mark.parametrize("name", NAMES)
def test_an_instance_reaches_its_published_rates(name):
    rates = success_rates(make_profile(name))
    assert rates[0] == pytest.approx(TARGETS[name].small, abs=1e-4)
    assert rates[-1] == pytest.approx(TARGETS[name].large, abs=1e-4)


def test_published_costs():
    assert mean_calls(make_profile("appworld"))[-1] == pytest.approx(18.75, abs=0.01)
    assert mean_dollars(make_profile("tau2-retail"))[-1] == pytest.approx(0.0852, abs=1e-4)
    assert mean_dollars(make_profile("swe"))[-1] == pytest.approx(0.547, abs=1e-3)
    assert task_correlation(make_profile("tau2-retail")) == pytest.approx([0.51, 0.49], abs=0.1)
    assert task_correlation(make_profile("tau2-airline")) == pytest.approx([0.61, 0.67], abs=0.1)


def test_telecom_falls_with_the_required_actions_as_published():
    # gpt-4.1 in tau2-bench's figure; weights are the shares of the tasks.
    observed = np.array([0.542, 0.381, 0.312, 0.406, 0.125, 0.25, 0.071, 0.0, 0.0, 0.0, 0.0])
    profile = make_profile("tau2-telecom")
    error = boundary(profile).success[1].mean(axis=0) - observed
    assert np.sqrt(np.average(error**2, weights=profile.weights)) < 0.09


@pytest.mark.parametrize("name", NAMES)
def test_boundary_policies_in_simulation_are_as_calculated(name):
    problem = AgenticRouting(instance=name, budget=float("inf"))
    exact, profile = problem.boundary, problem.profile
    for m in {0, len(profile.models) - 1}:
        state = play(problem, m, 6000, seed=m).state
        for simulated, expected in (
            (state.success, exact.success),
            (state.t, exact.calls),
            (state.dollars, exact.dollars),
        ):
            error = simulated.mean() - exact.mean(expected, profile)[m]
            assert abs(error) < 4.5 * simulated.std() / np.sqrt(6000)


def test_the_shipped_numbers_are_what_the_fit_finds():
    for name in ("appworld", "webshop", "tau2-telecom"):
        target, shipped = TARGETS[name], make_profile(name)
        fitted = fit_profile(UNFITTED[name], target.small, target.large, large_calls=target.large_calls)
        assert [m.skill for m in fitted.models] == pytest.approx([m.skill for m in shipped.models], abs=1e-4)
        assert fitted.gap_weight == pytest.approx(shipped.gap_weight, abs=1e-4)
        assert fitted.give_up == pytest.approx(shipped.give_up, abs=1e-4)


def test_a_pair_of_ones_own_is_fitted():
    fitted = fit_profile(UNFITTED["webshop"], 0.3, 0.8, correlation=0.4)
    assert success_rates(fitted) == pytest.approx([0.3, 0.8], abs=1e-4)
    assert task_correlation(fitted)[-1] == pytest.approx(0.4, abs=1e-3)
    inverted = fit_profile(UNFITTED["webshop"], 0.8, 0.3)
    assert success_rates(inverted) == pytest.approx([0.8, 0.3], abs=1e-4)


def test_a_fitted_profile_says_which_of_its_numbers_are_data():
    guess = replace(UNFITTED["webshop"], required=criticality(0.4), silent=0.07)
    fitted = fit_profile(guess, 0.3, 0.8, large_calls=7)
    data, rest = fitted.remarks
    assert data == (
        "the profile was fitted to success of always the first model 0.3, success of always the last model 0.8, "
        "its mean calls 7"
    )
    solved, _, assumed = rest.partition("; assumed")
    assert "gap_weight" in solved
    assert "give_up" in solved
    for part in ("required 0.7 / 0.3 (outer thirds), 0.4 / 0.6 (middle)", "silent 0.07", "spread 1.5", "recovery 0.02 / 0.08"):
        assert part in assumed
    assert AgenticRouting(instance=fitted).remarks == fitted.remarks
    changed = replace(fitted, required=criticality(0.1))
    assert "required 0.925" in AgenticRouting(instance=changed).remarks[1]
    assert "was changed after it was fitted: the first model succeeds at" in AgenticRouting(instance=changed).remarks[2]
    assert guess.remarks == ()
    assert "PLACEHOLDER" in make_profile("swe").remarks[0]


def test_a_fit_says_what_it_cannot_reach():
    with pytest.raises(ValueError, match=r"large is 1\.2; expected a number in \(0, 1\)"):
        fit_profile(UNFITTED["webshop"], 0.3, 1.2)
    with pytest.raises(ValueError, match="large_calls is 3; with this profile it can be from"):
        fit_profile(UNFITTED["webshop"], 0.3, 0.6, large_calls=3)
    without_gap = replace(UNFITTED["webshop"], required=criticality(0.0))
    with pytest.raises(ValueError, match=r"small is 0.3; with this profile it can be from"):
        fit_profile(without_gap, 0.3, 0.8)


def test_labels_follow_the_taxonomy():
    bounds = boundary(make_profile("webshop"))
    labels = label_probabilities(bounds)
    assert labels.sum(axis=-1) == pytest.approx(np.ones(labels.shape[:2]))
    small, large = bounds.success[0, 3, 1], bounds.success[1, 3, 1]
    neither = (1 - small) ** 5
    assert labels[3, 1] == pytest.approx([1 - neither, neither * (1 - (1 - large) ** 5), neither * (1 - large) ** 5])
    state = play(AgenticRouting(instance="webshop"), 0, 4000).state
    shares = AgenticRouting(instance="webshop").labels
    assert (state.difficulty_class == HARD).mean() == pytest.approx(shares["hard"], abs=0.03)
    assert (state.difficulty_class == INTRACTABLE).mean() == pytest.approx(shares["intractable"], abs=0.03)


def test_one_certain_subgoal_is_a_geometric_law():
    """No errors that weigh, no silent failures, one subgoal: success within T tries."""
    models = tuple(Model(f"m{k}", skill, k, uncached(1, 1)) for k, skill in enumerate((0.0, 1.0)))
    profile = Profile(models, 5, (1,), (1.0,), criticality(0.0), 0.0, error_weight=0.0, spread=0.0, silent=0.0, silent_gap=0.0)
    p = 1 / (1 + np.exp(-np.array([0.0, 1.0])))
    assert success_rates(profile) == pytest.approx(1 - (1 - p) ** 5)
    assert mean_calls(profile) == pytest.approx((1 - (1 - p) ** 5) / p)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"silent": 1.2}, r"silent is 1.2; expected a probability in \[0, 1\]"),
        ({"silent": 0.5, "silent_gap": 0.6}, r"silent \+ silent_gap is 1.1"),
        ({"give_up": float("nan")}, "give_up is nan"),
        ({"silent": None}, "silent is None; expected a probability"),
        ({"spread": [1]}, r"spread is \[1\]; expected a finite number"),
        ({"first_prompt": 0.0}, "first_prompt is 0.0; expected a finite number > 0"),
        ({"subgoals": (5, 2), "weights": (1, 1)}, "expected rising numbers"),
        ({"subgoals": 3}, "subgoals is 3; expected a tuple"),
        ({"required": ((float("nan"), 0.5), (0.5, 0.5))}, "required is nan"),
        ({"T": 0}, "T is 0; expected integers >= 1"),
        ({"subgoals": (2, 0)}, r"subgoals is \(2, 0\)"),
        ({"weights": (1.0,)}, "weights is"),
        ({"required": ((0.5, 0.6), (0.5, 0.5))}, "required is"),
        ({"gap_weight": -1.0}, "gap_weight is -1.0; expected a finite number >= 0"),
        ({"models": ()}, "expected at least two Models"),
    ],
)
def test_what_cannot_be_meant_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        replace(make_profile("webshop"), **change)


def test_lists_are_taken_and_one_tier_needs_no_signal():
    models = [Model(f"m{k}", 0.0, 0, uncached(1, 1)) for k in range(3)]
    profile = Profile(models, 5, [1, 2], [1, 1], ((1.0,), (1.0,)), 0.0)  # type: ignore[arg-type]
    assert hash(profile)
    assert AgenticRouting(instance=profile).observation_space.shape == (9 + 4 * 3 + 3,)
    free = replace(profile, models=tuple(replace(model, prices=uncached(0, 0)) for model in profile.models))
    with pytest.raises(ValueError, match="cost nothing, so that no budget could limit"):
        AgenticRouting(instance=free, unit="dollars")
    some = replace(profile, models=(free.models[0], *profile.models[1:]))  # OpenRouter's ":free"
    assert AgenticRouting(instance=some, unit="dollars", budget=0.0).least_budget.tolist() == [0.0]


def test_models_are_checked():
    with pytest.raises(ValueError, match="model 'm': recovery is 2"):
        Model("m", 0.0, 0, uncached(1, 1), recovery=2)
    with pytest.raises(ValueError, match="model 'm': tier is -1"):
        Model("m", 0.0, -1, uncached(1, 1))
    with pytest.raises(ValueError, match="model 'm': max_tokens is 0"):
        Model("m", 0.0, 0, uncached(1, 1), max_tokens=0)
    with pytest.raises(ValueError, match=r"prices is \(1, 2\); expected Prices"):
        Model("m", 0.0, 0, (1, 2))
    small, large = make_profile("webshop").models
    with pytest.raises(ValueError, match="the last of the pool; expected it to be of the highest tier"):
        replace(make_profile("webshop"), models=(large, small))
    with pytest.raises(ValueError, match="names that differ"):
        replace(make_profile("webshop"), models=(make_profile("webshop").models[0],) * 2)
    with pytest.raises(ValueError, match=r"instance is 'appword'; did you mean 'appworld'"):
        AgenticRouting(instance="appword")
    with pytest.raises(ValueError, match=r"1.5 q is 1.5"):
        criticality(1.0)
