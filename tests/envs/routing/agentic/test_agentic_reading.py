"""What routers read from observations is what the state holds."""

import numpy as np
import pytest
from budgetgym.envs.core.batch import Batch, episode_keys
from budgetgym.envs.routing.agentic import reading as r
from budgetgym.envs.routing.agentic.problem import AgenticRouting


@pytest.mark.parametrize("settings", [{"instance": "swe"}, {"unit": "dollars", "tasks": 2, "verify": True}], ids=str)
def test_observations_are_read_back(settings):
    problem = AgenticRouting(**settings)
    reading, lanes, random = problem.reading, 20, np.random.default_rng(0)
    batch = Batch(problem, lanes)
    batch.seed(episode_keys(3, lanes))
    batch.reset()
    for _ in range(12):
        rows, state, masks = batch.observe(), batch.state, batch.action_mask()
        affordable = r.read_all_affordable(reading, rows)
        for i in np.flatnonzero(~state.finished):
            row = rows[i]
            assert r.read_subgoals(reading, row) == problem.params.laws.subgoals[state.kind[i]]
            assert r.read_progress(reading, row) == state.progress[i]
            assert r.read_errors(row) == state.errors[i]
            assert r.read_rolled_back(row) == state.rolled_back[i]
            assert r.read_estimate(row) == state.estimate[i]
            assert r.read_signal(reading, row) == state.signal[i]
            assert r.read_steps_left(reading, row) == problem.profile.T - state.step[i]
            assert r.read_last_model(reading, row) == state.last_model[i]
            assert r.read_left(reading, row) == pytest.approx(state.remaining[i, 0], rel=1e-12)
            paid = [r.read_affordable(reading, row, m) for m in range(reading.models)]
            assert affordable[i].tolist() == paid
            if any(paid):
                assert paid == masks[i, : reading.models].astype(bool).tolist()
        batch.step(batch.read_actions(random.integers(0, masks.shape[1], lanes)))
