"""How environments meet other people's code: 32-bit numbers, clipped actions, masks among the observations."""

import budgetgym
import gymnasium as gym
import numpy as np
import pytest
from budgetgym import as_sb3_vec_env, make_agent
from budgetgym.agents.registry import why_not
from budgetgym.envs.core import BudgetedEnv, BudgetedVectorEnv
from budgetgym.envs.family import agents_of, family_of
from gymnasium import spaces
from gymnasium.utils.env_checker import check_env
from ours import IDS
from stable_baselines3 import DQN
from toys import Painter
from variants import VARIANTS

BIDDING, STEERING, ROUTING = "budgetgym/RealTimeBidding-v0", "budgetgym/SocialSteering-v0", "budgetgym/AgenticRouting-v0"


def faces(id, n=3, **settings):
    """What all faces show at the start and after a step of the same worlds."""
    single = [gym.make(id, **settings).unwrapped for _ in range(n)]
    vector = gym.make_vec(id, num_envs=n, **settings)
    sb3 = as_sb3_vec_env(id, n, seed=0, **settings)
    single[0].action_space.seed(0)
    actions = [single[0].action_space.sample() for _ in range(n)]
    starts = [env.reset(seed=k)[0] for k, env in enumerate(single)], vector.reset(seed=0)[0], sb3.reset()
    steps = [env.step(a)[0] for env, a in zip(single, actions, strict=True)], vector.step(actions)[0], sb3.step(actions)[0]
    return (single[0], vector, sb3), (starts, steps)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("id", IDS)
def test_all_faces_declare_and_show_the_same(id, dtype):
    (single, vector, sb3), shown = faces(id, observation_dtype=dtype)
    assert single.observation_space == vector.single_observation_space == sb3.observation_space
    assert single.observation_space.dtype == np.dtype(dtype)
    assert single.action_space == vector.single_action_space == sb3.action_space
    for singles, lanes, sb3_lanes in shown:
        assert {rows.dtype for rows in (*singles, lanes, sb3_lanes)} == {np.dtype(dtype)}
        assert np.array_equal(np.stack(singles), lanes)
        assert np.array_equal(lanes, sb3_lanes)


def test_by_default_they_are_exact_ones_in_32_bits():
    exact, shown = gym.make(BIDDING, observation_dtype=np.float64), gym.make(BIDDING)
    observation, _ = exact.reset(seed=0)
    assert np.array_equal(shown.reset(seed=0)[0], observation.astype(np.float32))
    assert exact.action_space.dtype == np.float32
    with pytest.raises(ValueError, match="observation_dtype is 'float16'; expected one of"):
        gym.make(BIDDING, observation_dtype="float16")


# --- agents of the suite in somebody's loop -----------------------------------------------------------------------------

LOOPS = [
    *((id, settings) for id, settings in VARIANTS if settings.get("budget_aware", True) and "observation" not in settings),
    (STEERING, {"levels": None}),
    (STEERING, {"levels": None, "T": None, "discount": 0.6, "budget": None, "price": 0.5, "objective": "biased"}),
]
BY_CHANCE = {"random", "throttle", "mcpp", "sampling"}
"""They hash what they see, so that other digits are other dice."""


def returns(agent, env, seeds=(0, 1), steps=60):
    """What the agent earns in the first steps of these episodes."""
    earned = []
    for seed in seeds:
        observation, _ = env.reset(seed=seed)
        state, start, rewards = None, True, []
        for _ in range(steps):
            action, state = agent.predict(observation, state=state, episode_start=np.array([start]))
            observation, reward, terminated, truncated, _ = env.step(action)
            start = False
            rewards.append(reward)
            if terminated or truncated:
                break
        earned.append(sum(rewards))
    return earned


@pytest.mark.parametrize(("id", "settings"), LOOPS, ids=str)
def test_agents_lose_nothing_by_32_bits(id, settings):
    """Ties and amounts that a budget pays exactly would be lost to rounding."""
    exact, shown = gym.make(id, observation_dtype="float64", **settings), gym.make(id, **settings)
    problem = exact.unwrapped.problem
    for name, kind in agents_of(family_of(problem)).items():
        if name in BY_CHANCE or kind.learns or kind.slow or why_not(name, problem):
            continue
        agent = make_agent(name, exact)
        assert returns(agent, shown) == pytest.approx(returns(agent, exact), abs=1e-6, rel=1e-6), name


# --- actions ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("id", "settings"), [(BIDDING, {}), ("budgetgym/BidPacing-v0", {}), (STEERING, {"topics": 2})], ids=str
)
def test_a_box_action_out_of_range_is_clipped_and_not_blocked(id, settings):
    ends, beyond = gym.make(id, **settings), gym.make(id, **settings)
    space = ends.action_space
    assert isinstance(space, spaces.Box)
    for end, far in ((space.high, space.high + 5), (space.low, space.low - 1e30)):
        assert np.array_equal(ends.reset(seed=1)[0], beyond.reset(seed=1)[0])
        for there, here in zip(ends.step(end), beyond.step(far), strict=True):
            assert here == there if isinstance(here, dict) else np.array_equal(here, there)
    lanes, clipped = (gym.make_vec(id, num_envs=2, **settings) for _ in range(2))
    lanes.reset(seed=1)
    clipped.reset(seed=1)
    low = np.stack([space.low, space.low])
    assert np.array_equal(lanes.step(low)[0], clipped.step(low - 1)[0])


@pytest.mark.parametrize("id", [BIDDING, STEERING])
def test_refusing_is_for_debugging(id):
    env = gym.make(id, on_infeasible="raise").unwrapped
    assert isinstance(env, BudgetedEnv)
    env.reset(seed=0)
    with pytest.raises(ValueError, match="is invalid; expected an element of Box"):
        env.step(env.action_space.high * 1.001)
    assert env.snapshot().t[0] == 0
    with pytest.raises(ValueError, match="on_infeasible is 'ignore'"):
        gym.make(id, on_infeasible="ignore")


class UpToThreeTenths(Painter):
    """32 bits round the end of the range up."""

    on_infeasible = "raise"

    def __init__(self):
        super().__init__()
        self.action_space = spaces.Box(0.0, np.full(3, 0.3), dtype=np.float64)


def test_an_end_that_32_bits_round_up_is_not_refused():
    env = BudgetedEnv(UpToThreeTenths())
    assert (env.action_space.high.astype(float) > 0.3).all()
    env.reset(seed=0)
    *_, info = env.step(env.action_space.high)
    assert info["cost"].tolist() == [0.3, 0.3]
    with pytest.raises(ValueError, match="is invalid"):
        env.step(np.full(3, 0.3001))


# --- masks among the observations ---------------------------------------------------------------------------------------

DISCRETE = [(id, settings) for id, settings in VARIANTS if isinstance(gym.make(id, **settings).action_space, spaces.Discrete)]


@pytest.mark.parametrize(("id", "settings"), DISCRETE, ids=str)
def test_observations_can_hold_their_masks(id, settings):
    single, vector = (
        f(id, mask_in_observation=True, **settings) for f in (gym.make, lambda id, **s: gym.make_vec(id, 2, **s))
    )
    check_env(single.unwrapped, skip_render_check=True)
    observation, info = single.reset(seed=0)
    lanes, _ = vector.reset(seed=0)
    for _ in range(20):
        mask = info.get("action_mask", np.ones(single.action_space.n))
        assert np.array_equal(observation["action_mask"], mask)
        assert np.array_equal(lanes["action_mask"][0], mask)
        assert np.array_equal(lanes["observations"][0], observation["observations"])
        action = np.flatnonzero(mask)[-1]
        observation, _, terminated, _, info = single.step(action)
        if terminated:
            break
        lanes = vector.step(np.array([action, 0]))[0]


@pytest.mark.parametrize(("id", "settings"), [(BIDDING, {}), ("budgetgym/RestlessPaths-v0", {}), (STEERING, {})])
def test_other_actions_have_no_masks_to_show(id, settings):
    for make in (gym.make, lambda id, **s: gym.make_vec(id, 2, **s), lambda id, **s: as_sb3_vec_env(id, 2, **s)):
        with pytest.raises(ValueError, match=r"mask_in_observation=True, but the actions of .* expected Discrete ones"):
            make(id, mask_in_observation=True, **settings)


def test_final_observations_hold_their_masks():
    envs = BudgetedVectorEnv(BIDDING_CLASS, 2, T=1, discrete=True, mask_in_observation=True, autoreset_mode="SameStep")
    envs.reset(seed=0)
    *_, info = envs.step(np.zeros(2, int))
    assert set(info["final_obs"][1]) == {"observations", "action_mask"}
    venv = as_sb3_vec_env(BIDDING, 2, T=1, discrete=True, mask_in_observation=True)
    venv.reset()
    assert venv.step(np.zeros(2, int))[3][1]["terminal_observation"]["action_mask"].shape == (301,)


BIDDING_CLASS = "budgetgym.envs.bidding.problem:RealTimeBidding"


def test_models_are_played_as_they_were_trained():
    """In the precision and the form of their observation space; what has none sees 32 bits."""
    venv = as_sb3_vec_env(ROUTING, 4, mask_in_observation=True)
    model = DQN("MultiInputPolicy", venv, buffer_size=1000, learning_starts=50, seed=0)
    model.learn(100)
    assert budgetgym.evaluate(model, gym.make(ROUTING), 5).summary["violations"] == 0

    class Listening:
        seen = None

        def predict(self, observation, **_):
            self.seen = observation
            return np.zeros(len(observation), int), None

    for space, dtype in ((None, np.float32), (gym.make(ROUTING, observation_dtype="float64").observation_space, np.float64)):
        agent = Listening()
        if space is not None:
            agent.observation_space = space
        budgetgym.evaluate(agent, ROUTING, 2)
        assert agent.seen.dtype == dtype
