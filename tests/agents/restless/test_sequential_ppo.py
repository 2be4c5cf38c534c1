from itertools import product
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from budgetgym import evaluate, make_agent
from budgetgym.agents.registry import as_problem
from budgetgym.agents.restless.sequential_env import PartialActions, SequentialVecEnv
from budgetgym.agents.restless.sequential_ppo import SequentialPpo
from budgetgym.envs.core.batch import Batch, seeded_keys
from own_problem import OnlineKnapsack
from tiny_restless import KINDS, all_actions, tiny

SMALL = {"lanes": 32, "n_steps": 100, "batch_size": 800}


def play(venv: SequentialVecEnv, steps: int, random: np.random.Generator):
    """Random micro-actions that the masks allow. Yields lane, built action and the transition of every real step."""
    venv.reset()
    m = venv.problem.feasible.m
    for _ in range(steps):
        masks = venv.action_masks()
        choices = np.array([random.choice(np.flatnonzero(mask)) for mask in masks])
        built = venv._partial.chosen.copy()
        adding = np.flatnonzero(choices < m)
        built[adding, choices[adding]] = 1
        _, reward, done, infos = venv.step(choices)
        for lane in range(venv.num_envs):
            yield lane, built[lane], bool(venv._acting[lane]), float(reward[lane]), bool(done[lane]), infos[lane]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("left", [0, 1, 2, 50])
def test_masks_are_those_of_brute_force(kind, left):
    """From every part of every feasible action, taken up in a random order, exactly what keeps it feasible is open."""
    problem = tiny(kind, seed=3, J=4)
    m, random = problem.feasible.m, np.random.default_rng(left)
    feasible = set(all_actions(problem, left))
    for action in feasible:
        partial = PartialActions(problem.feasible, 1)
        partial.begin(np.ones(1, bool), np.array([float(left)]))
        for component in random.permutation(np.flatnonzero(action)):
            assert partial.open[0, component]
            partial.add(np.array([component]))
        assert tuple(partial.chosen[0]) == action
        wider = [tuple(np.bitwise_or(action, unit)) for unit in np.eye(m, dtype=int)]
        expected = [not action[k] and wider[k] in feasible for k in range(m)]
        assert partial.masks()[0].tolist() == [*expected, True]


def test_a_component_that_does_not_fit_is_refused():
    problem = tiny("spillover", seed=0)  # one pull
    partial = PartialActions(problem.feasible, 2)
    partial.begin(np.ones(2, bool), np.full(2, 9.0))
    partial.add(np.array([0, 3]))
    with pytest.raises(ValueError, match="component 0 of lane 0 can't be added; expected one of"):
        partial.add(np.array([0, 3]))


@pytest.mark.parametrize("budget", [None, 3, 0.29 * 100, (0.5, 4.0)], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_an_episode_is_that_of_the_same_actions_in_the_plain_batch(kind, budget):
    """Whatever is built is feasible and paid for, nothing is cut back, and returns are those of `Batch`."""
    problem = tiny(kind, seed=5, J=4, horizon=4, budget=budget)
    n = 6
    venv = SequentialVecEnv(problem, n, seed=0)
    played: list[list[np.ndarray]] = [[] for _ in range(n)]
    found: dict[int, tuple[float, dict]] = {}
    for lane, built, acts, reward, done, info in play(venv, 40, np.random.default_rng(0)):
        if lane in found:
            continue
        if not acts:
            assert reward == 0.0
            assert not done
            continue
        assert problem.feasible.contains(built)
        played[lane].append(built)
        if done:
            found[lane] = info["episode"]["r"], info
    assert len(found) == n
    plain = Batch(problem, n)
    plain.seed(seeded_keys([0 + lane for lane in range(n)]))
    plain.reset()
    returns = np.zeros(n)
    for t in range(problem.horizon):
        returns += plain.step(np.stack([actions[t] for actions in played])).reward
    ledger = plain.info()
    for lane, (total, info) in found.items():
        assert len(played[lane]) == problem.horizon
        assert total == pytest.approx(returns[lane], abs=1e-5)
        assert info["blocked"] == 0
        assert info["spent"] == ledger["spent"][lane] <= plain.state.initial[lane, 0]


def test_micro_steps_show_what_is_built_and_change_nothing_else():
    problem = tiny("capacity", seed=1, J=4, horizon=3, limited=False)
    venv = SequentialVecEnv(problem, 2, seed=0)
    first = venv.reset()
    assert venv.observation_space.contains(first[0])
    middle: Any
    middle, reward, done, _ = venv.step(np.array([2, problem.feasible.m]))  # lane 0 builds, lane 1 acts
    assert np.array_equal(middle[0, :-4], first[0, :-4])
    assert middle[0, -4:].tolist() == [0.0, 0.0, 1.0, 0.0]
    assert not middle[1, -4:].any()
    assert middle[1, -5] < first[1, -5]  # time
    assert reward[0] == 0.0
    assert not done.any()
    assert venv.get_attr("horizon") == [3, 3]
    assert [len(mask) for mask in venv.env_method("action_masks")] == [5, 5]
    with pytest.raises(AttributeError):
        venv.env_method("render")


def test_it_learns_whom_to_pull():
    """After 60,000 micro-steps it must be far above random and the best next reward, which miss most."""
    env = gym.make("budgetgym/RestlessCapacity-v0", J=8, B=3)
    agent = make_agent("sequential_ppo", env, seed=0, **SMALL)
    assert isinstance(agent, SequentialPpo)
    share = evaluate(agent.learn(60_000), env, 200).summary["share_of_optimum"]
    others = [evaluate(make_agent(name, env), env, 200).summary["share_of_optimum"] for name in ("random", "myopic")]
    assert max(others) < 0.7
    assert share > 0.9  # seeds 0..4: 0.956 to 0.995; the untrained network has 0.612, a constant action


@pytest.mark.parametrize("kind", KINDS)
def test_what_it_decides_is_feasible_and_affordable(kind):
    problem = tiny(kind, seed=2, J=4, budget=3, observation="one-hot" if kind == "paths" else "integer")
    agent = SequentialPpo(problem, lanes=4, n_steps=16, batch_size=64)
    agent.learn(64)
    J, S = 4, problem.arms.shape[2]
    states = np.array(list(product(range(S), repeat=J)))
    shown = np.eye(S)[states].reshape(len(states), -1) if kind == "paths" else states
    size = 3 / (3 + problem.reading.scale)
    for left in range(4):
        tail = np.tile([size, left / 3, 1.0], (len(states), 1))
        for deterministic in (True, False):
            actions, _ = agent.predict(np.hstack([shown, tail]), deterministic=deterministic)
            assert actions.shape == (len(states), problem.feasible.m)
            assert actions.dtype == problem.action_space.dtype
            assert problem.feasible.contains(actions).all()
            assert (actions.sum(axis=1) <= left).all()
    assert agent.predict(np.hstack([shown, tail])[0])[0].shape == (problem.feasible.m,)


def test_the_same_seed_learns_the_same(tmp_path):
    env = gym.make("budgetgym/RestlessMatching-v0", J=8, B=3)
    agents = [make_agent("sequential_ppo", env, seed=seed, **SMALL).learn(6400) for seed in (1, 1, 2)]  # type: ignore[attr-defined]
    observations = np.array([env.reset(seed=seed)[0] for seed in range(20)])
    actions = [agent.predict(observations)[0] for agent in agents]
    assert np.array_equal(actions[0], actions[1])
    assert not np.array_equal(actions[0], actions[2])
    agents[0].save(tmp_path / "agent.zip")
    assert np.array_equal(SequentialPpo.load(tmp_path / "agent.zip", env).predict(observations)[0], actions[0])
    again = make_agent(f"sequential_ppo:path={tmp_path / 'agent.zip'}", env)
    assert np.array_equal(again.predict(observations[3])[0], actions[0][3])
    other = gym.make("budgetgym/RestlessMatching-v0", J=8, B=3, instance_seed=1)
    with pytest.raises(ValueError, match="make the agent for this environment"):
        again.check_problem(as_problem(other))


def test_a_rollout_longer_than_the_training_does_no_harm():
    """SB3's share of what is left to learn is then far below zero, and so would be the learning rate: NaN."""
    problem = tiny("capacity", seed=0)
    agent = SequentialPpo(problem, **SMALL).learn(1)
    assert all(bool(weights.isfinite().all()) for weights in agent.model.policy.parameters())


def test_it_says_what_is_missing():
    env = gym.make("budgetgym/RestlessCapacity-v0", J=8, B=3)
    with pytest.raises(ValueError, match="sequential_ppo has not learned"):
        make_agent("sequential_ppo", env).predict(env.reset(seed=0)[0])
    with pytest.raises(ValueError, match="serves Restless"):
        SequentialPpo(as_problem(OnlineKnapsack()))
    with pytest.raises(ValueError, match="budget_aware=True"):
        make_agent("sequential_ppo", gym.make("budgetgym/RestlessCapacity-v0", J=8, B=3, budget_aware=False))
