"""What planners read from observations is what the state holds."""

import numpy as np
import pytest
from budgetgym.envs.core.batch import Batch, episode_keys
from budgetgym.envs.steering.problem import SocialSteering
from budgetgym.envs.steering.reading import read_left, read_log_odds, read_opinion, read_period


@pytest.mark.parametrize(
    "settings", [{}, {"topics": 3, "public_belief": "biased", "budget": (0.5, 3.0)}, {"network": "last-2"}], ids=str
)
def test_observations_are_read_back(settings):
    problem = SocialSteering(**settings)
    reading, lanes, random = problem.reading, 20, np.random.default_rng(0)
    batch = Batch(problem, lanes)
    batch.seed(episode_keys(1, lanes))
    batch.reset()
    for t in range(problem.horizon):
        state = batch.state
        opinion = state.opinion if state.opinion.shape[1] else state.log_odds
        for i, row in enumerate(batch.observe()):
            assert read_period(reading, row) == t
            assert read_left(reading, row) == pytest.approx(state.remaining[i, 0], abs=1e-12)
            for j in range(problem.topics):
                assert read_log_odds(reading, row, j) == pytest.approx(state.log_odds[i, j], abs=1e-9)
                assert read_opinion(reading, row, j) == pytest.approx(opinion[i, j], abs=1e-6)
        batch.step(random.uniform(-1.0, 1.0, (lanes, problem.topics)))
