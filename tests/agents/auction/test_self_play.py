"""Bidders that learn from each other settle at the market's equilibrium."""

import numpy as np
import pytest
from budgetgym.agents.auction.self_play import AuctionFeatures, FrozenPool, SelfPlay, frozen
from budgetgym.baselines.auction.equilibrium import pacing_equilibrium
from budgetgym.envs.auction.batch import AuctionBatch
from budgetgym.envs.auction.game import AuctionGame
from budgetgym.envs.auction.sb3 import AuctionVecEnv
from stable_baselines3 import PPO

GAME = AuctionGame(
    n_agents=3, rule="first_price", granularity="tick", ticks=10, T=500, budgets=40.0, objective="value", highest_bid=1.0
)


def learner(venv):
    kwargs = {"log_std_init": -1.5, "net_arch": [32], "features_extractor_class": AuctionFeatures}
    settings = {"n_steps": 10, "batch_size": 320, "n_epochs": 6, "learning_rate": 2e-3, "gamma": 1.0, "gae_lambda": 0.9}
    return PPO("MlpPolicy", venv, policy_kwargs=kwargs, seed=0, device="cpu", **settings)


def mean_multiplier(model, venv):
    batch = AuctionBatch(GAME, 20)
    batch.seed(range(20))
    policy, observation, chosen = frozen(model), batch.reset(), []
    while not batch.state.finished.all():
        actions = np.clip(policy(observation.reshape(-1, 8)), -1, 1).reshape(20, 3)
        chosen.append(venv.multipliers(actions))
        observation = batch.step(chosen[-1]).observation
    return np.mean(chosen[:-2])  # with the money gone, the last ones mean nothing


def test_self_play_against_frozen_copies_finds_the_pacing_equilibrium():
    batch = AuctionBatch(GAME, 20)
    batch.seed(range(20))
    batch.reset()
    values = batch.record_values().reshape(-1, 3).T
    wanted = pacing_equilibrium(values, np.full(3, 40.0 * 20)).multipliers.mean()
    assert 0.2 < wanted < 0.5
    pool = FrozenPool(size=4)
    venv = AuctionVecEnv(GAME, 128, learners=[0], opponents=pool, lowest=0.05, seed=0)
    pool.play_in(venv)
    model = learner(venv)
    untrained = mean_multiplier(model, venv)
    model.learn(80_000, callback=SelfPlay(pool, every=4))
    assert len(pool.members) == 4
    assert abs(untrained / wanted - 1) > 0.2
    assert mean_multiplier(model, venv) == pytest.approx(wanted, rel=0.1)


def test_a_frozen_policy_stays_as_it_was():
    venv = AuctionVecEnv(GAME, 32, seed=0)
    model = learner(venv)
    observations = np.random.default_rng(0).uniform(0.1, 0.9, (30, 8))
    before = frozen(model)
    seen = before(observations)
    model.learn(1000)
    assert np.array_equal(before(observations), seen)
    assert not np.array_equal(frozen(model)(observations), seen)


def test_a_pool_draws_who_plays_and_forgets_the_oldest():
    pool = FrozenPool(size=2, seed=0)
    venv = AuctionVecEnv(GAME, 50, learners=[0], opponents=pool, lowest=0.1, seed=0)
    pool.play_in(venv)
    venv.reset()
    start = AuctionBatch(GAME, 50).reset()
    assert np.all(pool.act(start) == 1.0)  # truthful while it is empty
    for place in (-1.0, 0.0, 1.0):
        pool.add(lambda seen, place=place: np.full((len(seen), 1), place))
    multipliers = pool.act(start)
    assert np.unique(multipliers.round(6)).tolist() == pytest.approx([0.1**0.5, 1.0], abs=1e-6)
    assert 0.3 < (multipliers == 1.0).mean() < 0.7
    later = start.copy()
    later[..., 7] = 0.5
    assert np.array_equal(pool.act(later), multipliers)  # the same all episode long
