"""What the Q-network learns before it plays: the next reward of strategically chosen states and actions."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ....baselines.restless.treatment import levels_of, value_of
from ....envs.core.batch import Batch, episode_keys
from ....envs.restless.problem import Restless
from ....envs.restless.reading import read_arms, read_left, rows_after, with_arms
from .coding import Coding
from .question import Layers
from .search import Search


class Examples(NamedTuple):
    """Situations, actions, what they earn at once, and a situation that may come next."""

    observations: NDArray[np.float64]
    """(n, d)"""
    actions: NDArray[np.int64]
    """(n, m)"""
    rewards: NDArray[np.float64]
    """(n,) exact expectations."""
    following: NDArray[np.float64]
    """(n, d) observations."""


def strategic_examples(problem: Restless, states: int, random: np.random.Generator) -> Examples:
    """Examples that say what matters: four actions in each of `states` situations.

    A third of the situations are those of random play; in a third every arm's state is drawn anew; and in a third as many
    arms as can be pulled are in their highest state besides, where random play hardly gets. The actions are: the best for
    the next reward, two random maximal ones, and a random part of one, down to nothing.
    """
    rows = _rows_of_random_play(problem, states, random)
    arms = read_arms(problem.reading, rows)
    J, _, S = problem.arms.shape
    anew = np.arange(states) % 3 > 0
    arms[anew] = random.integers(0, S, (int(anew.sum()), J))
    for row in np.flatnonzero(np.arange(states) % 3 == 2):
        arms[row, random.permutation(J)[: problem.feasible.most]] = S - 1
    rows = with_arms(problem.reading, rows, arms)
    gains = problem.arms.expected_rewards()[np.arange(J), :, arms]  # (states, J, L)
    maximal = problem.feasible.sample(random, 3 * states).reshape(3, states, -1)
    part = maximal[2] * (random.random(maximal[2].shape) < random.random((states, 1)))
    actions = np.concatenate([myopic_actions(problem, gains), maximal[0], maximal[1], part])
    left = np.tile(read_left(problem.reading, rows), 4)
    for k in np.flatnonzero(actions.sum(axis=1) > left):  # no more than could be done
        actions[k] = problem.feasible.project(actions[k], most=int(left[k]))
    rewards = np.array([value_of(problem, gains[k % states], action[None])[0] for k, action in enumerate(actions)])
    observations = np.tile(rows, (4, 1))
    return Examples(observations, actions, rewards, following(problem, observations, actions, random))


def following(
    problem: Restless, rows: NDArray[np.float64], actions: NDArray[np.int64], random: np.random.Generator
) -> NDArray[np.float64]:
    """(n, d) observations that come after actions (n, m) under observations (n, d), drawn at random."""
    arms = read_arms(problem.reading, rows)
    n, J = arms.shape
    laws = problem.arms.transitions[np.arange(J), levels_of(problem, actions), arms].cumsum(axis=2)  # (n, J, S)
    after = (random.random((n, J, 1)) >= laws[..., :-1]).sum(axis=2)
    return rows_after(problem.reading, rows, after, actions.sum(axis=1))


def myopic_actions(problem: Restless, gains: NDArray[np.float64]) -> NDArray[np.int64]:
    """The best actions (n, m) for the next reward, for rewards (n, J, L) of levels of arms, by local search."""
    coding = Coding(problem)
    more = gains[..., 1:] - gains[..., :1]
    n = len(gains)
    linear = np.zeros((n, coding.width))
    linear[:, -more[0].size :] = more.reshape(n, -1)
    layers = Layers(np.zeros((0, coding.width)), (), np.zeros(0))
    most = np.full(n, problem.feasible.most)
    return Search(coding).maximise(layers, linear, np.zeros((n, 0)), most)[0]


def _rows_of_random_play(problem: Restless, count: int, random: np.random.Generator) -> NDArray[np.float64]:
    """(count, d) observations at all times of episodes in which random maximal actions are played, or at times nothing."""
    lanes = -(-count // problem.horizon)
    batch = Batch(problem, lanes)
    batch.seed(episode_keys(int(random.integers(1 << 31)), lanes))
    batch.reset()
    seen = [batch.observe()]
    for _ in range(problem.horizon - 1):
        actions = problem.feasible.sample(random, lanes) * (random.random((lanes, 1)) < 0.7)
        seen.append(batch.step(actions).observation)
    rows = np.concatenate(seen)
    return rows[random.permutation(len(rows))[:count]]
