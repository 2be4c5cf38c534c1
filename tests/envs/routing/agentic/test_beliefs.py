"""The posterior of what is hidden, against frequencies in simulation."""

import itertools

import numpy as np
import pytest
from budgetgym.envs.core import BudgetedEnv
from budgetgym.envs.core.batch import Batch, episode_keys
from budgetgym.envs.core.jit import jit
from budgetgym.envs.routing.agentic.beliefs import CORRUPTED, TIERS, WEIGHT, normalise, replay_history
from budgetgym.envs.routing.agentic.problem import AgenticRouting

EPISODES = 60_000


@jit
def replay_all(params, state):
    for i in range(state.step.shape[0]):
        replay_history(params, state, i)


def after(problem, actions, episodes=EPISODES):
    """Batch after these actions in every lane, and the lanes still in their task, with their beliefs worked out."""
    batch = Batch(problem, episodes)
    batch.seed(episode_keys(0, episodes))
    batch.reset()
    for action in actions:
        batch.step(batch.read_actions(np.full(episodes, action)))
    replay_all(batch.params, batch.state)
    return batch, ~batch.state.finished


@pytest.mark.parametrize(
    ("settings", "actions"),
    [
        ({"instance": "webshop"}, (0, 0, 1, 0)),
        ({"instance": "appworld", "verify": True, "criticality_accuracy": 0.6}, (0, 0, 2, 0, 0, 3)),
        ({"instance": "swe", "difficulty_noise": 3.0}, (0, 1, 2, 0, 0)),
    ],
    ids=["two models", "verdicts", "four tiers"],
)
def test_beliefs_are_calibrated(settings, actions):
    """Among tasks with about the same belief, the hidden facts are as frequent as believed."""
    batch, alive = after(AgenticRouting(**settings), actions)
    state, belief = batch.state, batch.state.belief
    weight = belief[:, :, WEIGHT]
    assert weight[alive].sum(axis=1) == pytest.approx(np.ones(alive.sum()))
    believed = {
        "corrupted": ((weight * belief[:, :, CORRUPTED]).sum(axis=1), state.corrupted == 1),
        "hard": (weight[:, 10:].sum(axis=1), state.difficulty >= 10),
        "top tier": ((weight * belief[:, :, -1]).sum(axis=1), state.required == belief.shape[2] - TIERS - 1),
        "easy and clean": (
            (weight[:, :6] * (1 - belief[:, :6, CORRUPTED])).sum(axis=1),
            (state.difficulty < 6) & (state.corrupted == 0),
        ),
    }
    for name, (probability, true) in believed.items():
        probability, true = probability[alive], true[alive]
        edges = np.quantile(probability, np.linspace(0, 1, 6))
        for low, high in itertools.pairwise(edges):
            chosen = (probability >= low) & (probability <= high)
            error = true[chosen].mean() - probability[chosen].mean()
            assert abs(error) < 4.5 * 0.5 / np.sqrt(chosen.sum()), name


def test_resampling_draws_from_the_belief_and_keeps_what_was_seen():
    problem = AgenticRouting()
    env = BudgetedEnv(problem)
    env.reset(seed=3)
    for action in (0, 0, 1, 0, 0):
        env.step(action)
    forks = env.model(20_000, seed=0)
    state = forks._batch.state
    belief = state.belief[0]
    assert np.bincount(state.difficulty, minlength=16) / 20_000 == pytest.approx(belief[:, WEIGHT], abs=0.015)
    assert state.corrupted.mean() == pytest.approx((belief[:, WEIGHT] * belief[:, CORRUPTED]).sum(), abs=0.015)
    assert state.required.mean() == pytest.approx((belief[:, WEIGHT] * belief[:, TIERS + 1]).sum(), abs=0.015)
    assert len(np.unique(state.key)) == 20_000
    here = env._batch.observe()
    assert np.array_equal(forks._batch.observe(), np.repeat(here, 20_000, axis=0))


def test_a_shown_difficulty_is_known():
    batch, alive = after(AgenticRouting(difficulty_noise=0.0), (0, 0), 500)
    assert (batch.state.belief[alive, batch.state.difficulty[alive], WEIGHT] == 1.0).all()
    env = BudgetedEnv(AgenticRouting, difficulty_noise=0.0)
    env.reset(seed=0)
    env.step(0)
    assert np.unique(env.model(50, seed=0)._batch.state.difficulty).tolist() == env._batch.state.difficulty.tolist()


def test_a_finished_task_can_be_resampled():
    env = BudgetedEnv(AgenticRouting, stop=True)
    env.reset(seed=0)
    env.step(2)
    assert env.model(4, seed=0)._batch.state.finished.all()


def test_a_belief_that_is_contradicted_knows_nothing():
    rows = np.zeros((4, WEIGHT + TIERS + 4))
    normalise(rows)
    assert rows[:, WEIGHT].tolist() == [0.25] * 4
