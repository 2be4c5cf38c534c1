"""What becomes of an environment's wrappers where its problem is played, learned or planned for: the same everywhere."""

import pickle

import gymnasium as gym
import numpy as np
import pytest
from budgetgym import as_sb3_vec_env, compare, evaluate, make_agent
from budgetgym.agents.registry import list_agents
from budgetgym.baselines.core.oracle import known_optimum, null_score
from budgetgym.envs.core import BudgetedEnv, BudgetedVectorEnv
from budgetgym.envs.core.batch import Batch
from budgetgym.envs.core.resolve import as_problem, unwrap
from gymnasium.wrappers import (
    ClipAction,
    NormalizeObservation,
    RecordEpisodeStatistics,
    RescaleAction,
    StickyAction,
    TimeLimit,
    TransformReward,
    vector,
)
from own_problem import OnlineKnapsack
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecCheckNan, VecFrameStack, VecNormalize
from toys import Painter

ID = "budgetgym/RealTimeBidding-v0"
SETTINGS = {"T": 10, "budget": 20.0}


class Own(RecordEpisodeStatistics):
    """A subclass of a neutral wrapper may do more."""


def lengths(venv, steps=30):
    """Of the episodes that finish in a VecEnv."""
    venv.reset()
    found = []
    for _ in range(steps):
        infos = venv.step(np.stack([venv.action_space.sample() for _ in range(venv.num_envs)]))[3]
        found += [info["episode"]["l"] for info in infos if "episode" in info]
    return set(found)


def test_limits_of_steps_hold_in_every_face():
    limited = gym.make(ID, max_episode_steps=3, **SETTINGS)
    assert lengths(as_sb3_vec_env(limited, 2)) == {3}
    assert lengths(as_sb3_vec_env(ID, 2, max_episode_steps=3, **SETTINGS)) == {3}
    native = gym.make_vec(ID, num_envs=2, max_episode_steps=3, **SETTINGS)
    assert isinstance(native, BudgetedVectorEnv)
    for env in (limited, native, TimeLimit(TimeLimit(BudgetedEnv(as_problem(ID).replace(**SETTINGS)), 3), 7)):
        assert set(evaluate(make_agent("constant", env), env, 3).episodes["length"]) == {3}
        assert set(evaluate(make_agent("constant", env), env, 3, budget=5.0).episodes["length"]) == {3}
        assert as_problem(env).max_episode_steps == 3
    assert as_problem(gym.make(ID, **SETTINGS)).max_episode_steps is None


def test_a_registered_limit_of_steps_holds_too():
    gym.register("test/Limited-v0", "budgetgym.envs.core:BudgetedEnv", max_episode_steps=4,
                 kwargs={"problem": OnlineKnapsack, "horizon": 9})  # fmt: skip
    try:
        assert lengths(as_sb3_vec_env("test/Limited-v0", 2)) == {4}
        assert set(evaluate(make_agent("random", "test/Limited-v0"), "test/Limited-v0", 3).episodes["length"]) == {4}
    finally:
        gym.registry.pop("test/Limited-v0")


def test_what_is_known_of_whole_episodes_is_unknown_of_truncated_ones():
    whole = as_problem(ID).replace(**SETTINGS)
    cut = whole.truncated(3)
    assert np.isfinite(known_optimum(whole)[0])
    assert np.isnan(known_optimum(cut)[0])
    assert "truncated after 3 steps" in str(known_optimum(cut)[1])
    assert np.isnan(evaluate(make_agent("constant", cut), cut, 3).episodes["bound"]).all()
    steering = as_problem("budgetgym/SocialSteering-v0")
    assert np.isfinite(null_score(steering))
    assert np.isnan(null_score(steering.truncated(3)))
    with pytest.raises(ValueError, match="truncated after 3 steps"):
        make_agent("optimal", cut)


def test_a_limit_of_steps_stays_with_the_problem():
    problem = OnlineKnapsack(horizon=9).truncated(5)
    assert problem.truncated(7).max_episode_steps == problem.truncated(None).max_episode_steps == 5
    for again in (pickle.loads(pickle.dumps(problem)), problem.replace(horizon=8), Batch(problem, 2).fork(3).problem):
        assert again.max_episode_steps == 5
    assert OnlineKnapsack(horizon=9).equals(OnlineKnapsack(horizon=9))
    assert not problem.equals(OnlineKnapsack(horizon=9))
    with pytest.raises(ValueError, match="max_episode_steps is 0"):
        problem.truncated(0)


def test_planners_look_ahead_as_far_as_the_limit():
    env = TimeLimit(BudgetedEnv(OnlineKnapsack, horizon=9), 3)
    env.reset(seed=0)
    planner = make_agent("one_step", env).attach(env)  # type: ignore[attr-defined]
    assert planner.forks(2, 0, np.random.default_rng(0)).rules.max_steps == 3
    with pytest.raises(ValueError, match="TransformReward"):
        planner.attach(TransformReward(env, lambda reward: -reward))


WRAPPED = {
    "RescaleAction": lambda env: RescaleAction(env, -1, 1),
    "ClipAction": ClipAction,
    "NormalizeObservation": lambda env: RecordEpisodeStatistics(NormalizeObservation(env)),
    "StickyAction": lambda env: TimeLimit(StickyAction(env, 0.5), 3),
    "TransformReward": lambda env: TransformReward(env, lambda reward: -reward),
    "Own": Own,
}


@pytest.mark.parametrize("name", WRAPPED)
def test_other_wrappers_are_refused_everywhere_by_name(name, tmp_path):
    env = gym.make(ID, **SETTINGS)
    agent, wrapped = make_agent("constant", env), WRAPPED[name](env)
    for use in (
        lambda: evaluate(agent, wrapped, 3),
        lambda: compare(wrapped, ["constant"], 3),
        lambda: as_sb3_vec_env(wrapped, 2),
        lambda: make_agent("constant", wrapped),
        lambda: list_agents(wrapped),
    ):
        with pytest.raises(ValueError, match=f"env has the wrapper {name}, which would be left out"):
            use()
    assert as_problem(wrapped.unwrapped).horizon == 10


def test_wrappers_that_change_nothing_are_passed_by():
    env = gym.make(ID, **SETTINGS)
    native = gym.make_vec(ID, num_envs=2, **SETTINGS)
    lanes = as_sb3_vec_env(env, 2)
    for neutral in (
        Monitor(RecordEpisodeStatistics(env)),
        vector.RecordEpisodeStatistics(native),
        VecCheckNan(lanes),
        VecNormalize(lanes, norm_obs=False),
        DummyVecEnv([lambda: Monitor(gym.make(ID, **SETTINGS)), lambda: gym.make(ID, **SETTINGS)]),
        gym.make_vec(ID, num_envs=2, vectorization_mode="sync", **SETTINGS),
    ):
        assert as_problem(neutral).equals(as_problem(env)), neutral


def test_vector_environments_in_wrappers():
    lanes = as_sb3_vec_env(ID, 2, **SETTINGS)
    with pytest.raises(ValueError, match="VecFrameStack"):
        as_problem(VecFrameStack(lanes, 2))
    with pytest.raises(ValueError, match=r"VecNormalize\(norm_obs=True\)"):
        make_agent("constant", VecNormalize(lanes))
    assert unwrap(VecNormalize(lanes)).normalise is not None
    native = gym.make_vec(ID, num_envs=2, **SETTINGS)
    with pytest.raises(ValueError, match="TransformReward"):
        evaluate(make_agent("constant", native), vector.TransformReward(native, lambda reward: -reward), 3)
    with pytest.raises(ValueError, match="environments 0 and 1 differ"):
        as_problem(DummyVecEnv([lambda: gym.make(ID, T=10), lambda: gym.make(ID, T=11)]))
    for stranger in (gym.make("CartPole-v1"), DummyVecEnv([lambda: gym.make("CartPole-v1")]), "CartPole-v1", None):
        with pytest.raises(TypeError, match="not an environment of this suite"):
            as_problem(stranger)
    assert as_problem(Painter()).horizon == Painter().horizon
