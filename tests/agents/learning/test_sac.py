import gymnasium as gym
import numpy as np
import pytest
from budgetgym import evaluate, make_agent
from budgetgym.agents.learning.sac import Sac
from budgetgym.agents.registry import as_problem
from own_problem import OnlineKnapsack

SMALL = {"lanes": 32, "batch_size": 256, "learning_starts": 3000, "gradient_steps": 4}


@pytest.fixture(scope="module")
def env():
    return gym.make("budgetgym/SocialSteering-v0", T=5)


def test_sac_learns_to_inform_while_it_matters(env):
    """Untrained it does about nothing; the best simple planner that looks one step ahead has six tenths of the optimum."""
    agent = make_agent("sac", env, seed=0, **SMALL)
    assert isinstance(agent, Sac)
    agent.learn(30_000)
    share = evaluate(agent, env, 4000).summary["share_of_optimum"]
    myopic = evaluate(make_agent("myopic", env), env, 4000).summary["share_of_optimum"]
    assert myopic < 0.85
    assert share > 0.93


def test_sac_learns_to_save_its_budget():
    env = gym.make("budgetgym/RealTimeBidding-v0", instance="uniform", T=100, c0=1 / 8)
    agent = make_agent("sac", env, seed=0, **SMALL)
    assert isinstance(agent, Sac)
    learned = evaluate(agent.learn(23_000), env, 300).summary["share_of_optimum"]
    agent = make_agent("sac", env, seed=0, **SMALL)
    assert isinstance(agent, Sac)
    at_first = evaluate(agent.learn(SMALL["learning_starts"]), env, 300).summary["share_of_optimum"]
    assert learned > at_first + 0.1


def test_the_same_seed_learns_the_same(env, tmp_path):
    agents = [make_agent("sac", env, seed=seed, **SMALL).learn(4000) for seed in (1, 1, 2)]  # type: ignore[attr-defined]
    observations = np.random.default_rng(0).uniform(0.1, 0.9, (20, 8))
    asked = [agent.predict(observations)[0] for agent in agents]
    assert np.array_equal(asked[0], asked[1])
    assert not np.array_equal(asked[0], asked[2])
    agents[0].save(tmp_path / "sac.zip")
    assert np.array_equal(Sac.load(tmp_path / "sac.zip", env).predict(observations)[0], asked[0])
    assert np.array_equal(make_agent(f"sac:path={tmp_path / 'sac.zip'}", env).predict(observations[3])[0], asked[0][3])


def test_it_says_what_is_missing(env):
    with pytest.raises(ValueError, match="sac has not learned"):
        make_agent("sac", env).predict(np.zeros(8))
    with pytest.raises(ValueError, match="sac is for continuous actions, not Discrete"):
        Sac(as_problem(OnlineKnapsack()))
    with pytest.raises(ValueError, match="discrete"):
        make_agent("sac", gym.make("budgetgym/SocialSteering-v0", discrete=True))
