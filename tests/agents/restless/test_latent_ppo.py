import gymnasium as gym
import numpy as np
import pytest
from budgetgym import evaluate, make_agent
from budgetgym.agents.registry import as_problem
from budgetgym.agents.restless.latent_ppo import LatentPpo, LatentVecEnv, decode
from budgetgym.envs.core.batch import Batch, seeded_keys
from hypothesis import given, settings
from hypothesis import strategies as st
from own_problem import OnlineKnapsack
from tiny_restless import KINDS, all_actions, tiny

SMALL = {"lanes": 64, "batch_size": 320}


@given(st.sampled_from(KINDS), st.integers(0, 50), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_decoders_against_brute_force(kind, instance, seed):
    """Both are feasible, affordable and without worthless components; exact is the best, greedy can't be added to."""
    problem = tiny(kind, instance, J=4)
    feasible = problem.feasible
    random = np.random.default_rng(seed)
    values, left = random.normal(size=(5, feasible.m)), random.integers(0, feasible.m + 2, 5)
    exact, greedy = (decode(feasible, values, left, decoder) for decoder in ("exact", "greedy"))
    for value, most, best, near in zip(values, left, exact, greedy, strict=True):
        possible = all_actions(problem, most)
        assert tuple(best) in possible
        assert tuple(near) in possible
        assert value @ best == pytest.approx(max(value @ np.array(action) for action in possible))
        assert not near[value <= 0].any()
        assert not any(
            sum(wider) == near.sum() + 1 and (wider >= near).all() and (value * (wider - near)).max() > 0
            for wider in map(np.array, possible)
        )


@pytest.mark.parametrize("decoder", ["greedy", "exact"])
@pytest.mark.parametrize("budget", [None, 3, 0.29 * 100, (0.5, 4.0)], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_an_episode_is_that_of_the_same_actions_in_the_plain_batch(kind, budget, decoder):
    """No value however wild leads to an infeasible action or to more pulls than are left."""
    problem = tiny(kind, seed=5, J=4, horizon=4, budget=budget)
    n, random = 6, np.random.default_rng(0)
    venv = LatentVecEnv(problem, n, seed=0, decoder=decoder)
    assert venv.action_space.shape == (problem.feasible.m,)
    venv.reset()
    plain = Batch(problem, n)
    plain.seed(seeded_keys(list(range(n))))
    plain.reset()
    returns, infos = np.zeros(n), []
    for _ in range(problem.horizon):
        values = random.uniform(-0.2, 1.0, (n, problem.feasible.m))
        left = np.floor(plain.state.remaining[:, 0] + 1e-9).astype(int)
        actions = decode(problem.feasible, values, left, decoder)
        assert (actions.sum(axis=1) <= left).all()
        returns += plain.step(actions).reward
        _, _, done, infos = venv.step(values)
    assert done.all()
    assert not plain.state.blocked.any()
    assert [info["episode"]["r"] for info in infos] == pytest.approx(returns.tolist())
    assert [info["spent"] for info in infos] == plain.info()["spent"].tolist()


def test_it_learns_whom_to_pull():
    """After 60,000 decisions it must be far above random and the best next reward, which miss most."""
    env = gym.make("budgetgym/RestlessCapacity-v0", J=8, B=3)
    agent = make_agent("latent_ppo", env, seed=0, **SMALL)
    assert isinstance(agent, LatentPpo)
    share = evaluate(agent.learn(60_000), env, 200).summary["share_of_optimum"]
    others = [evaluate(make_agent(name, env), env, 200).summary["share_of_optimum"] for name in ("random", "myopic")]
    assert max(others) < 0.7
    assert share > 0.9  # seeds 0..4: 0.949 to 0.986; the untrained network has 0.346


@pytest.mark.parametrize("decoder", ["greedy", "exact"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_it_decides_is_feasible_and_affordable(kind, decoder):
    problem = tiny(kind, seed=2, J=4, budget=3, observation="one-hot" if kind == "paths" else "integer")
    agent = LatentPpo(problem, lanes=4, batch_size=20, n_steps=5, decoder=decoder)
    agent.learn(20)
    random = np.random.default_rng(0)
    states = random.integers(0, 2, (10, 4))
    shown = np.eye(2)[states].reshape(10, -1) if kind == "paths" else states
    size = 3 / (3 + problem.reading.scale)
    for left in range(4):
        rows = np.hstack([shown, np.tile([size, left / 3, 1.0], (10, 1))])
        for deterministic in (True, False):
            actions, _ = agent.predict(rows, deterministic=deterministic)
            assert actions.shape == (10, problem.feasible.m)
            assert actions.dtype == problem.action_space.dtype
            assert problem.feasible.contains(actions).all()
            assert (actions.sum(axis=1) <= left).all()
        assert agent.predict(rows[0])[0].shape == (problem.feasible.m,)


def test_the_same_seed_learns_the_same(tmp_path):
    env = gym.make("budgetgym/RestlessMatching-v0", J=8, B=3)
    agents = [make_agent("latent_ppo", env, seed=seed, **SMALL).learn(6400) for seed in (1, 1, 2)]  # type: ignore[attr-defined]
    observations = np.array([env.reset(seed=seed)[0] for seed in range(20)])
    actions = [agent.predict(observations)[0] for agent in agents]
    assert np.array_equal(actions[0], actions[1])
    assert not np.array_equal(actions[0], actions[2])
    agents[0].save(tmp_path / "agent.zip")
    assert np.array_equal(LatentPpo.load(tmp_path / "agent.zip", env).predict(observations)[0], actions[0])
    again = make_agent(f"latent_ppo:path={tmp_path / 'agent.zip'}", env)
    assert np.array_equal(again.predict(observations[3])[0], actions[0][3])


def test_a_saved_agent_decides_as_it_has_learned(tmp_path):
    problem = tiny("capacity", seed=0)
    LatentPpo(problem, decoder="exact", lanes=4, batch_size=20, n_steps=5).learn(20).save(tmp_path / "agent.zip")
    assert LatentPpo.load(tmp_path / "agent.zip", problem).decoder == "exact"
    assert LatentPpo(problem, tmp_path / "agent.zip", decoder="greedy").decoder == "greedy"
    assert LatentPpo(problem).decoder == "greedy"


def test_a_rollout_longer_than_the_training_does_no_harm():
    """SB3's share of what is left to learn is then far below zero, and so would be the learning rate: NaN."""
    problem = tiny("capacity", seed=0)
    agent = LatentPpo(problem, **SMALL).learn(1)
    assert all(bool(weights.isfinite().all()) for weights in agent.model.policy.parameters())


def test_it_says_what_is_missing():
    env = gym.make("budgetgym/RestlessCapacity-v0", J=8, B=3)
    with pytest.raises(ValueError, match="latent_ppo has not learned"):
        make_agent("latent_ppo", env).predict(env.reset(seed=0)[0])
    with pytest.raises(ValueError, match="nothing to save"):
        make_agent("latent_ppo", env).save("x.zip")  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="serves Restless"):
        LatentPpo(as_problem(OnlineKnapsack()))
    with pytest.raises(ValueError, match="decoder is 'best'"):
        make_agent("latent_ppo:decoder=best", env)
    with pytest.raises(ValueError, match="budget_aware=True"):
        make_agent("latent_ppo", gym.make("budgetgym/RestlessCapacity-v0", J=8, B=3, budget_aware=False))
