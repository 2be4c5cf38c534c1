import gymnasium as gym
import numpy as np
import pytest
from budgetgym import evaluate, make_agent
from budgetgym.agents.learning.ppo import Ppo
from budgetgym.envs.bidding.law import HIGHEST_PRICE

SMALL = {"lanes": 64, "n_steps": 50, "batch_size": 1600, "n_epochs": 6, "learning_rate": 3e-3}


@pytest.fixture(scope="module")
def env():
    return gym.make("budgetgym/RealTimeBidding-v0", instance="uniform", T=50, c0=1 / 8)


def test_ppo_learns_to_save_its_budget(env):
    """Untrained it bids the worth and is broke after a fifth of the auctions; trained it must beat any constant bid."""
    untrained = evaluate(make_agent("mcpc", env), env, 500).summary["share_of_optimum"]
    constant = evaluate(make_agent("constant", env), env, 500).summary["share_of_optimum"]
    agent = make_agent("ppo", env, seed=0, **SMALL)
    assert isinstance(agent, Ppo)
    trained = evaluate(agent.learn(300_000), env, 500).summary["share_of_optimum"]
    assert untrained < 0.8
    assert trained > constant + 0.03
    assert trained > 0.9


def test_ppo_that_does_not_see_its_budget_reads_nothing_into_what_it_sees(env):
    """It sees theta and the market alone; to its critic money is free, so that it learns to be broke early."""
    blind = gym.make("budgetgym/RealTimeBidding-v0", instance="uniform", T=50, c0=1 / 8, budget_aware=False)
    agent = make_agent("ppo", blind, seed=0, **SMALL)
    assert isinstance(agent, Ppo)
    summary = evaluate(agent.learn(50_000), blind, 500).summary
    assert agent.model.observation_space.shape == blind.observation_space.shape == (4,)
    assert summary["share_of_optimum"] < evaluate(make_agent("mcpc", env), env, 500).summary["share_of_optimum"]
    assert summary["spent_share"] > 0.95


def test_ppo_learns_where_large_calls_are_worth_it():
    env = gym.make("budgetgym/AgenticRouting-v0", instance="webshop", budget=4)
    agent = make_agent("ppo", env, seed=0, n_steps=64, batch_size=4096)
    assert isinstance(agent, Ppo)
    untrained = evaluate(agent.learn(1), env, 4000).episodes["success"]
    agent = make_agent("ppo", env, seed=0, n_steps=64, batch_size=4096)
    trained = evaluate(agent.learn(500_000), env, 4000).episodes["success"]  # type: ignore[attr-defined]
    for baseline in ("random", "error_gated", "first_large"):
        gain = trained - evaluate(make_agent(baseline, env), env, 4000).episodes["success"]
        assert gain.mean() > 2 * gain.std() / np.sqrt(4000)
    assert trained.mean() > untrained.mean() + 0.02


def test_ppo_learns_to_inform_while_it_matters():
    """It must beat the best next reward, which pays too early for what the herd would learn on its own."""
    env = gym.make("budgetgym/SocialSteering-v0", T=5)
    agent = make_agent("ppo", env, seed=0, lanes=256, batch_size=1280)
    assert isinstance(agent, Ppo)
    share = evaluate(agent.learn(150_000), env, 4000).summary["share_of_optimum"]
    assert evaluate(make_agent("myopic", env), env, 4000).summary["share_of_optimum"] < 0.85
    assert share > 0.93


@pytest.mark.parametrize("settings", [{"discrete": True}, {"levels": None}, {"topics": 2}, {"network": "last-2"}], ids=str)
def test_ppo_steers_in_every_form_of_the_environment(settings):
    env = gym.make("budgetgym/SocialSteering-v0", **settings)
    agent = make_agent("ppo", env, lanes=8, batch_size=160)
    agent.learn(160)  # type: ignore[attr-defined]
    action, _ = agent.predict(env.reset(seed=0)[0])
    assert env.action_space.contains(action.astype(env.action_space.dtype) if np.ndim(action) else action.item())
    env.step(action)


def test_the_same_seed_learns_the_same(env, tmp_path):
    agents = [make_agent("ppo", env, seed=seed, **SMALL).learn(6400) for seed in (1, 1, 2)]  # type: ignore[attr-defined]
    observations = np.random.default_rng(0).uniform(0.1, 0.9, (20, 7))
    bids = [agent.predict(observations)[0] for agent in agents]
    assert np.array_equal(bids[0], bids[1])
    assert not np.array_equal(bids[0], bids[2])
    agents[0].save(tmp_path / "ppo.zip")
    loaded = Ppo.load(tmp_path / "ppo.zip", env)
    assert np.array_equal(loaded.predict(observations)[0], bids[0])
    assert np.array_equal(make_agent(f"ppo:path={tmp_path / 'ppo.zip'}", env).predict(observations[3])[0], bids[0][3])


def test_it_bids_in_every_form_of_the_environment(env, tmp_path):
    make_agent("ppo", env, **SMALL).learn(3200).save(tmp_path / "ppo.zip")  # type: ignore[attr-defined]
    for settings in ({}, {"discrete": True}, {"control": "pacing"}):
        other = gym.make("budgetgym/RealTimeBidding-v0", instance="uniform", T=50, **settings)
        action, _ = make_agent("ppo", other, path=tmp_path / "ppo.zip").predict(other.reset(seed=0)[0])
        assert other.action_space.contains(action.astype(other.action_space.dtype) if np.ndim(action) else action.item())
        assert np.all(np.abs(action) <= HIGHEST_PRICE)


def test_it_says_what_is_missing(env):
    with pytest.raises(ValueError, match="has not learned"):
        make_agent("ppo", env).predict(np.zeros(7))
    with pytest.raises(ValueError, match="nothing to save"):
        make_agent("ppo", env).save("x.zip")  # type: ignore[attr-defined]
    with pytest.raises(FileNotFoundError):
        make_agent("ppo:path=nowhere.zip", env)
