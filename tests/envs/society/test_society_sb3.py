"""The two sides of a society as lanes of a VecEnv."""

import numpy as np
import pytest
from budgetgym import make_agent
from budgetgym.baselines.society.agents import BayesianAgents
from budgetgym.envs.core.sb3 import BudgetedSb3VecEnv
from budgetgym.envs.society.batch import SocietyBatch
from budgetgym.envs.society.game import Society
from budgetgym.envs.society.sb3 import AgentsVecEnv, PlannerVecEnv
from stable_baselines3 import PPO


def test_with_bayesian_agents_the_planner_lives_in_social_steering():
    game = Society(n_agents=6, discrete=True)
    venv, single = PlannerVecEnv(game, 3, BayesianAgents(game), seed=5), BudgetedSb3VecEnv(game.planner, 3, seed=5)
    assert np.array_equal(venv.reset(), single.reset())
    rng = np.random.default_rng(0)
    for _ in range(13):  # two episodes
        actions = rng.integers(venv.action_space.n, size=3)  # type: ignore[attr-defined]
        seen, expected = venv.step(actions), single.step(actions)
        for ours, theirs in zip(seen[:3], expected[:3], strict=True):
            assert np.array_equal(ours, theirs)
        for ours, theirs in zip(seen[3], expected[3], strict=True):
            assert ("episode" in ours) == ("episode" in theirs)
            if "episode" in ours:
                assert ours["episode"]["r"] == theirs["episode"]["r"]
                assert np.array_equal(ours["terminal_observation"], theirs["terminal_observation"])


@pytest.mark.parametrize("cohort", [1, 2])
def test_agents_act_once_each_in_their_turn(cohort):
    game = Society(n_agents=4, cohort=cohort, discrete=True)
    planner = make_agent("random", game.planner)
    venv, batch = AgentsVecEnv(game, 3, planner, seed=2), SocietyBatch(game, 3)
    batch.seed([2 + w * cohort for w in range(3)])  # a world has the seed of its first lane
    planner.set_random_seed(0)
    observation = venv.reset()
    planner.set_random_seed(0)
    rng, seen = np.random.default_rng(0), batch.commit(planner.predict(batch.reset())[0])
    for _ in range(6):
        assert np.array_equal(observation, seen.reshape(3 * cohort, -1).astype(np.float32))
        actions = rng.integers(2, size=3 * cohort)
        observation, reward, done, infos = venv.step(actions)
        outcome = batch.act(actions.reshape(3, cohort))
        assert np.array_equal(reward, outcome.reward.ravel().astype(np.float32))
        assert done.all()
        assert [info["episode"]["l"] for info in infos] == [1] * 3 * cohort
        seen = batch.commit(planner.predict(batch.reset() if batch.finished else outcome.observation)[0])


def test_agents_learn_to_weigh_their_signal_against_the_belief():
    game = Society(n_agents=5, prior=(0.2, 0.8), discrete=True, reward="expected")
    planner, bayesian = make_agent("random", game.planner), BayesianAgents(game)
    venv = AgentsVecEnv(game, 256, planner, seed=0)
    settings = {"n_steps": 10, "batch_size": 640, "n_epochs": 4, "learning_rate": 5e-3, "gamma": 1.0}
    model = PPO("MlpPolicy", venv, policy_kwargs={"net_arch": [32]}, seed=0, device="cpu", **settings)

    def agreement():
        batch = SocietyBatch(game, 500)
        batch.seed(range(500))
        observation, agree = batch.reset(), []
        while not batch.finished:
            seen = batch.commit(planner.predict(observation)[0])
            wanted = bayesian.predict(seen)[0]
            agree.append((model.predict(seen.reshape(500, -1), deterministic=True)[0] == wanted.ravel()).mean())
            observation = batch.act(wanted).observation
        return np.mean(agree)

    assert agreement() < 0.8
    model.learn(60_000)
    assert agreement() > 0.9
