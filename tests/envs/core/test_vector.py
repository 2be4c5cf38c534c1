"""The native vector environment is `SyncVectorEnv` over single ones, to the last bit."""

import gymnasium as gym
import numpy as np
import pytest
from budgetgym.envs.core import BudgetedEnv, BudgetedVectorEnv
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers import TimeLimit
from gymnasium.wrappers.vector import RecordEpisodeStatistics
from own_problem import OnlineKnapsack
from toys import Painter

PROBLEMS = {
    "knapsack": OnlineKnapsack(horizon=6, capacity=(0.5, 2.0)),
    "painter": Painter(horizon=5),
    "bidding": gym.make("budgetgym/RealTimeBidding-v0", T=6, budget=60.0).unwrapped.problem,  # type: ignore[attr-defined]
}


def assert_same(a, b, path=""):
    assert type(a) is type(b), path
    if isinstance(a, dict):
        assert a.keys() == b.keys(), path
        for key in a:
            assert_same(a[key], b[key], f"{path}/{key}")
    elif isinstance(a, tuple) or (isinstance(a, np.ndarray) and a.dtype == object):
        for row, (x, y) in enumerate(zip(a, b, strict=True)):
            assert_same(x, y, f"{path}[{row}]")
    elif isinstance(a, np.ndarray):
        assert a.dtype == b.dtype, path
        assert np.array_equal(a, b), path
    else:
        assert a == b, path


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
@pytest.mark.parametrize("mode", list(AutoresetMode))
@pytest.mark.parametrize("limit", [None, 4])
def test_it_equals_sync_vector_env(problem, mode, limit):
    def single():
        env = BudgetedEnv(problem)
        return env if limit is None else TimeLimit(env, limit)

    theirs = SyncVectorEnv([single] * 5, autoreset_mode=mode)
    ours = BudgetedVectorEnv(problem, 5, autoreset_mode=mode, max_episode_steps=limit)
    assert ours.single_observation_space == theirs.single_observation_space
    assert ours.action_space == theirs.action_space
    assert_same(ours.reset(seed=11), theirs.reset(seed=11))
    theirs.action_space.seed(0)
    for _ in range(25):
        actions = theirs.action_space.sample()
        a, b = ours.step(actions), theirs.step(actions)
        assert_same(a, b)
        done = a[2] | a[3]
        if mode is AutoresetMode.DISABLED and done.any():
            options = {"reset_mask": done}
            observation, _ = ours.reset(options=dict(options))
            assert_same(observation, theirs.reset(options=dict(options))[0])


def test_a_lane_does_not_depend_on_its_company():
    wide, narrow = (BudgetedVectorEnv(Painter, n, autoreset_mode="SameStep") for n in (64, 3))
    a, _ = wide.reset(seed=100)
    b, _ = narrow.reset(seed=[110, 163, 100])
    lanes = [10, 63, 0]
    wide.action_space.seed(0)
    for _ in range(40):
        assert np.array_equal(a[lanes], b)
        actions = wide.action_space.sample()
        a, b = wide.step(actions)[0], narrow.step(actions[lanes])[0]


def test_make_vec_uses_the_native_environment():
    envs = gym.make_vec("budgetgym/RealTimeBidding-v0", num_envs=4, max_episode_steps=3)
    assert isinstance(envs, BudgetedVectorEnv)
    assert envs.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    envs.reset(seed=0)
    truncated = [envs.step(np.zeros((4, 1)))[3].all() for _ in range(4)]
    assert truncated == [False, False, True, False]


def test_gymnasiums_wrappers_work_on_it():
    envs = RecordEpisodeStatistics(BudgetedVectorEnv(OnlineKnapsack, 3, horizon=4, autoreset_mode="SameStep"))
    envs.reset(seed=0)
    for _ in range(4):
        *_, info = envs.step(np.zeros(3, int))
    assert info["episode"]["l"].tolist() == [4, 4, 4]


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        (np.zeros(3), "shape"),
        (np.zeros((4, 1)) * np.nan, "lane 0"),
        (np.array([[1.0], [2.0], [np.inf], [400.0]]), "lane 2"),
        (np.zeros((4, 1), complex), "dtype"),
        (np.array([["a"]] * 4), "dtype"),
        (None, "shape"),
    ],
)
def test_bad_actions_are_errors_and_change_nothing(actions, message):
    envs = gym.make_vec("budgetgym/RealTimeBidding-v0", num_envs=4)
    assert isinstance(envs, BudgetedVectorEnv)
    envs.reset(seed=0)
    before = envs.snapshot()
    with pytest.raises(ValueError, match=message):
        envs.step(actions)
    assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(before, envs.snapshot(), strict=True))


def test_finished_lanes_must_be_reset_when_autoreset_is_disabled():
    envs = BudgetedVectorEnv(OnlineKnapsack, 2, horizon=1, autoreset_mode="Disabled")
    with pytest.raises(gym.error.ResetNeeded, match=r"lanes \[0, 1\]"):
        envs.step(np.zeros(2, int))
    envs.reset(seed=0)
    envs.step(np.zeros(2, int))
    envs.reset(options={"reset_mask": np.array([True, False])})
    with pytest.raises(gym.error.ResetNeeded, match=r"lanes \[1\]"):
        envs.step(np.zeros(2, int))


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_lanes_that_were_never_reset_do_not_play_and_get_seeds_of_their_own(mode):
    envs = BudgetedVectorEnv(OnlineKnapsack, 4, autoreset_mode=mode)
    envs.reset(options={"reset_mask": np.array([True, False, False, False])})
    with pytest.raises(gym.error.ResetNeeded, match=r"lanes \[1, 2, 3\]"):
        envs.step(np.zeros(4, int))
    assert len(np.unique(envs.reset()[0][:, 0])) == 4


@pytest.mark.parametrize("mask", [np.zeros(2, bool), np.ones(3, bool), np.ones(2, int)])
def test_a_reset_mask_that_cannot_be_meant(mask):
    envs = BudgetedVectorEnv(OnlineKnapsack, 2)
    with pytest.raises(ValueError, match="reset_mask"):
        envs.reset(options={"reset_mask": mask})


@pytest.mark.parametrize("num_envs", [0, -1, 2.5, True])
def test_num_envs(num_envs):
    with pytest.raises(ValueError, match="num_envs"):
        BudgetedVectorEnv(OnlineKnapsack, num_envs)


def test_resample_hidden_changes_the_hidden_and_the_future_only():
    envs = BudgetedVectorEnv(Painter, 4)
    envs.reset(seed=0)
    before = envs.snapshot()
    envs.resample_hidden(seed=3)
    after = envs.snapshot()
    changed = {
        name for name, a, b in zip(before._fields, before, after, strict=True) if not np.array_equal(a, b, equal_nan=True)
    }
    assert changed == {"rng", "colour"}
