import gymnasium as gym
import numpy as np
import pytest
from budgetgym import as_sb3_vec_env, compare, evaluate, make_agent
from budgetgym.baselines.core.policy import KernelPolicy
from budgetgym.envs.core.resolve import as_problem
from budgetgym.evaluation import play as play_module
from budgetgym.evaluation.leaderboard import run_leaderboard
from toys import Painter


class Middle:
    """A stranger's agent for any box: the middle of it, for any number of observations."""

    def __init__(self, space):
        self.action = (space.low + space.high) / 2

    def predict(self, observation, state=None, episode_start=None, deterministic=True):
        return np.tile(self.action, (len(observation), 1)) if np.ndim(observation) == 2 else self.action, state


@pytest.fixture
def env():
    return gym.make("budgetgym/RealTimeBidding-v0", T=50, budget=(50.0, 500.0))


def test_episodes_depend_on_seed_and_number_alone(env, monkeypatch):
    agent = make_agent("lin", env)
    a = evaluate(agent, env, 40, seed=1).episodes
    assert a.equals(evaluate(agent, env, 40, seed=1).episodes)
    assert a.head(7).equals(evaluate(agent, env, 7, seed=1).episodes)
    assert not a["return"].equals(evaluate(agent, env, 40, seed=2).episodes["return"])
    monkeypatch.setattr(play_module, "LANES", 3)
    assert a.equals(evaluate(agent, env, 40, seed=1).episodes)
    three = evaluate(make_agent("random", env), env, 40, seed=1).episodes
    monkeypatch.undo()
    assert three.equals(evaluate(make_agent("random", env), env, 40, seed=1).episodes)
    other = evaluate(make_agent("constant", env), env, 40, seed=1).episodes
    assert other["bound"].equals(a["bound"])
    assert other["initial"].equals(a["initial"])


def test_the_columns_and_the_summary(env):
    result = evaluate(make_agent("rlb", env), env, 60)
    assert list(result.episodes) == [
        "episode",
        "initial",
        "return",
        "bound",
        "spent",
        "length",
        "blocked",
        "overspent",
        "clicks",
        "wins",
        "theta_value",
    ]
    assert (result.episodes["length"] == 50).all()
    assert result.summary["return"] == pytest.approx(result.episodes["return"].mean())
    share = result.episodes["theta_value"].sum() / result.episodes["bound"].sum()
    assert result.summary["share_of_bound"] == pytest.approx(share)
    assert result.summary["share_of_bound_low"] < share < result.summary["share_of_bound_high"]
    assert result.summary["information"] == "model"
    spent = result.curves[result.curves["episode"] == 3]["spent_share"].to_numpy()
    assert (np.diff(spent) >= 0).all()
    row = result.episodes.loc[3]
    assert spent[-1] == pytest.approx(row["spent"] / row["initial"])


def test_another_budget(env):
    episodes = evaluate(make_agent("constant", env), env, 5, budget=33.0).episodes
    assert (episodes["initial"] == 33.0).all()


def test_whoever_remembers_plays_one_episode_after_the_other(env):
    agent = make_agent("dmd", env)
    assert isinstance(agent, KernelPolicy)
    together = evaluate(agent, env, 20).episodes["return"]
    forgetful = make_agent("dmd", env)
    type(forgetful).carries_over, kept = False, type(forgetful).carries_over
    try:
        fresh = evaluate(forgetful, env, 20).episodes["return"]
    finally:
        type(forgetful).carries_over = kept
    assert together[0] == fresh[0]
    assert not together.equals(fresh)


def test_strangers_and_other_problems():
    problem = Painter()
    result = evaluate(Middle(problem.action_space), problem, 10)
    assert np.isnan(result.summary["share_of_bound"])
    assert result.summary["hits"] >= 0
    assert {"spent", "spent_blue"} <= set(result.episodes)
    assert (result.episodes["spent_blue"] <= 3.0).all()


def test_all_of_a_log():
    log = np.column_stack([np.zeros(25), np.arange(25) % 7 + 1, np.full(25, 0.1)])
    env = gym.make("budgetgym/RealTimeBidding-v0", log=log, T=10, budget=20.0)
    assert evaluate(make_agent("constant", env), env, "all").episodes["length"].tolist() == [10, 10, 5]
    assert evaluate(make_agent("constant", env), env).episodes["episode"].tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match=r"episodes is 4; log .* has 3"):
        evaluate(make_agent("constant", env), env, 4)


@pytest.mark.parametrize("episodes", [0, -3, 2.5, "some", True])
def test_bad_numbers_of_episodes(env, episodes):
    with pytest.raises(ValueError, match="episodes is"):
        evaluate(make_agent("constant", env), env, episodes)


@pytest.mark.parametrize("episodes", [2_000_000_000, 10**400])
def test_numbers_of_episodes_that_nobody_can_mean_are_refused_at_once(env, episodes):
    with pytest.raises(ValueError, match="expected at most 10,000,000"):
        evaluate(make_agent("constant", env), env, episodes)
    with pytest.raises(ValueError, match="expected at most 10,000,000"):
        compare(env, ["constant"], episodes)


@pytest.mark.parametrize(
    ("ask", "name"),
    [
        (lambda n: as_problem("budgetgym/RealTimeBidding-v0").replace(T=n), "T"),
        (lambda n: as_problem("budgetgym/SocialSteering-v0").replace(T=n), "T"),
        (lambda n: as_problem("budgetgym/TrapTree-v0").replace(branching=n), "branching"),
        (lambda n: gym.make_vec("budgetgym/TrapTree-v0", num_envs=n), "num_envs"),
        (lambda n: as_sb3_vec_env("budgetgym/TrapTree-v0", n), "the number of lanes"),
        (lambda n: make_agent("ppo", "budgetgym/TrapTree-v0", lanes=n).learn(1), "the number of lanes"),
        (lambda n: make_agent("ppo", "budgetgym/TrapTree-v0").learn(n * n), "timesteps"),
        (lambda n: run_leaderboard("unused", seeds=n), "seeds"),
    ],
)
def test_so_are_other_sizes(ask, name):
    with pytest.raises(ValueError, match=rf"{name} is [24]0+; expected at most"):
        ask(2_000_000_000)


def test_things_that_are_not_agents_or_environments(env):
    with pytest.raises(ValueError, match="without end"):
        evaluate(make_agent("constant", env), env, "all")
    with pytest.raises(TypeError, match=r"expected something with predict"):
        evaluate("lin", env, 3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="environment of this suite"):
        evaluate(make_agent("constant", env), gym.make("CartPole-v1"), 3)
    with pytest.raises(ValueError, match="several resources"):
        evaluate(Middle(Painter().action_space), Painter(), 3, budget=2.0)


def test_an_invalid_action_of_an_agent_is_an_error(env):
    class Wild(Middle):
        def predict(self, observation, state=None, episode_start=None, deterministic=True):
            return np.full((len(observation), 1), np.nan), state

    with pytest.raises(ValueError, match="lane 0"):
        evaluate(Wild(env.action_space), env, 3)
