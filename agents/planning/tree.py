"""The compiled part of a lookahead: a tree of what was tried, and the walks through it in forks of the present.

Nodes stand for what was done and what was seen then, as POMCP's do (Silver and Veness, 2010): where the environment answers an
action in several ways, each has a node of its own, since what to do next depends on it. Observations that differ by less than
a resolution are taken for the same.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...envs.core import rng
from ...envs.core.jit import jit
from ...envs.core.ledger import charge, observe_budget
from ...envs.core.loops import INVALID, OK, anything_goes, is_valid, mask_nothing, record_cost
from ...envs.core.problem import Kernels


class Tree(NamedTuple):
    """N nodes, K candidates of each at most, m components of an action; S walks of D steps at most."""

    size: NDArray[np.int64]
    """(1,) nodes so far; node 0 is the present."""
    candidates: NDArray[np.int64]
    """(N,) how many of a node's actions there are; 0: not known yet."""
    action: NDArray[Any]
    """(N, K, m)."""
    child: NDArray[np.int64]
    """(N, K) a node that an action leads to, or -1."""
    sibling: NDArray[np.int64]
    """(N,) another node that the same action leads to, or -1."""
    seen: NDArray[np.uint64]
    """(N,) a hash of what is seen at a node."""
    begun: NDArray[np.int64]
    """(N, K) walks that took the action, also those that have no value yet."""
    done: NDArray[np.int64]
    """(N, K) walks that have a value."""
    total: NDArray[np.float64]
    """(N, K) sum of what they earned from there on."""
    node: NDArray[np.int64]
    """(S, D) where every walk went."""
    chosen: NDArray[np.int64]
    """(S, D) what it chose there."""
    reward: NDArray[np.float64]
    """(S, D) what that earned at once."""
    length: NDArray[np.int64]
    """(S,) steps of the walk in the tree."""
    leaf: NDArray[np.int64]
    """(S,) the node where it left the tree."""


def blank_tree(walks: int, depth: int, candidates: int, components: int, dtype: Any) -> Tree:
    """A tree of the present alone."""
    nodes = walks + 1
    return Tree(
        np.ones(1, np.int64),
        np.zeros(nodes, np.int64),
        np.zeros((nodes, candidates, components), dtype),
        np.full((nodes, candidates), -1, np.int64),
        np.full(nodes, -1, np.int64),
        np.zeros(nodes, np.uint64),
        np.zeros((nodes, candidates), np.int64),
        np.zeros((nodes, candidates), np.int64),
        np.zeros((nodes, candidates)),
        np.zeros((walks, depth), np.int64),
        np.zeros((walks, depth), np.int64),
        np.zeros((walks, depth)),
        np.zeros(walks, np.int64),
        np.zeros(walks, np.int64),
    )


def clear(tree: Tree) -> None:
    """Make it a tree of the present alone again."""
    used = int(tree.size[0])
    tree.size[0] = 1
    for array in (tree.candidates, tree.begun, tree.done, tree.total):
        array[:used] = 0
    tree.child[:used], tree.sibling[:used] = -1, -1


@jit
def choose(tree, node, exploration, widening, exponent):
    """The upper confidence bound's choice at a node: value + exploration sqrt(log n / n_a); first everything once.

    At the present all candidates are looked at; elsewhere, after n walks, the first `widening` n^exponent (progressive
    widening). The first one is the policy's own, so that where few have been, walks go on as it would.
    """
    count = tree.candidates[node]
    walks = 0
    for k in range(count):
        walks += tree.begun[node, k]
    open_ = count if node == 0 else min(count, max(1, np.int64(widening * (walks + 1.0) ** exponent)))
    best, best_bound = 0, -np.inf
    log_walks = np.log(walks + 1.0)
    for k in range(open_):
        if tree.begun[node, k] == 0:
            return k
        done = tree.done[node, k]
        # Begun but not yet valued walks count as visits, which keeps walks of the same wave apart.
        value = tree.total[node, k] / done if done > 0 else 0.0
        bound = value + exploration * np.sqrt(log_walks / (tree.begun[node, k] + 1.0))
        if bound > best_bound:
            best, best_bound = k, bound
    return best


@jit
def back_up(tree, first, last, values, propagate):
    """Give the value at the end of walks `first` .. `last` - 1 to every action on their way; or to the first alone."""
    for walk in range(first, last):
        earned = values[walk - first]
        for step in range(tree.length[walk] - 1, -1, -1):
            earned += tree.reward[walk, step]
            if propagate or step == 0:
                node, k = tree.node[walk, step], tree.chosen[walk, step]
                tree.total[node, k] += earned
                tree.done[node, k] += 1


@jit
def fingerprint(observation, per):
    """A hash of an observation (d,), rounded to multiples of 1 / per; exact if per is 0."""
    bits = np.uint64(0)
    for j in range(observation.shape[0]):
        x = observation[j] if per == 0.0 else np.floor(observation[j] * per + 0.5)
        # Numbers that differ in the 40th bit differ here: observations are far coarser.
        bits = rng.mix(bits + rng.GOLDEN_GAMMA + np.uint64(np.int64(x * 2.0**40)))
    return bits


@jit
def enter(tree, node, k, seen):
    """The node that action k of a node leads to where this is seen; a new one if nobody has been there."""
    child = tree.child[node, k]
    while child >= 0 and tree.seen[child] != seen:
        child = tree.sibling[child]
    if child < 0:
        child = tree.size[0]
        tree.size[0] += 1
        tree.seen[child], tree.sibling[child] = seen, tree.child[node, k]
        tree.child[node, k] = child
    return child


def bytes_of(state: Any) -> tuple[NDArray[np.uint8], ...]:
    """A state's arrays as rows of bytes, a row per lane: all of one type, so that compiled code can go over them."""
    return tuple(np.ascontiguousarray(array).reshape(len(array), -1).view(np.uint8) for array in state)


@jit
def list_actions(tree, node, mask, lowest, own):
    """Make all possible actions of a Discrete space candidates of a node, `own` first if it is one."""
    count = 0
    for a in range(mask.shape[0]):
        if mask[a]:
            tree.action[node, count, 0] = lowest + a
            if lowest + a == own:
                tree.action[node, count, 0] = tree.action[node, 0, 0]
                tree.action[node, 0, 0] = own
            count += 1
    tree.candidates[node] = count


@jit
def copy_lane(arrays, source, target):
    """Copy a lane's whole state over that of another; `arrays` are those of `bytes_of`."""
    for k in range(len(arrays)):
        array = arrays[k]
        for byte in range(array.shape[1]):
            array[target, byte] = array[source, byte]


@lru_cache
def compile_walk(kernels: Kernels, act: Callable[..., Any] | None = None) -> Callable[..., int]:
    """`walk(params, rules, state, arrays, first, last, tree, how, scratch, observation (lanes, d))`.

    Walks `first` .. `last` - 1 go down the tree in the lanes with these numbers, each until it enters a new node, comes to one
    without candidates, has made `depth` steps, or its episode ends. The n-th walk that begins with an action goes into the
    n-th of the futures, which stand in the lanes behind the walks': all actions meet the same noise. With a compiled policy's
    `act`, new nodes get all possible actions of a Discrete space as candidates, that policy's own first. `how` is exploration,
    widening, exponent, and 1 / resolution or 0; `arrays` are `bytes_of` the state; `scratch` is the policy's parameters and
    memory (p,), a mask (A,) and an action (1,). Leaves the last observation of every lane; returns a fault or OK.
    """
    kernel_step, kernel_observe = kernels.step, kernels.observe
    kernel_mask, kernel_feasible = kernels.mask or mask_nothing, kernels.feasible or anything_goes

    @jit
    def walk(params, rules, state, arrays, first, last, tree, how, scratch, observation):
        exploration, widening, exponent, per = how
        policy, memory, mask, own = scratch
        walks, depth = tree.node.shape
        for i in range(first, last):
            node, steps = 0, 0
            copy_lane(arrays, walks + tree.begun[0, choose(tree, 0, exploration, widening, exponent)], i)
            while steps < depth and not state.finished[i] and tree.candidates[node] > 0:
                k = choose(tree, node, exploration, widening, exponent)
                action = tree.action[node, k]
                if not (is_valid(rules, action) and kernel_feasible(params, state, i, action)):
                    return INVALID - i
                reward, cost, terminated = kernel_step(params, state, i, action)
                record_cost(state.cost, i, cost)
                if not charge(state, i):
                    return i
                state.t[i] += 1
                state.finished[i] = terminated or state.t[i] == rules.max_steps
                tree.begun[node, k] += 1
                tree.node[i, steps], tree.chosen[i, steps], tree.reward[i, steps] = node, k, reward
                steps += 1
                kernel_observe(params, state, i, observation[i, : rules.features])
                if rules.budget_aware:
                    observe_budget(rules, state, i, observation[i, rules.features :])
                known = tree.size[0]
                node = enter(tree, node, k, fingerprint(observation[i], per))
                if node == known:
                    if act is not None and steps < depth and not state.finished[i]:
                        memory[:] = 0.0
                        act(policy, observation[i], memory, own)
                        kernel_mask(params, state, i, mask)
                        list_actions(tree, node, mask, np.int64(rules.action_low[0]), np.int64(own[0]))
                    break
            tree.length[i], tree.leaf[i] = steps, node
        return OK

    return walk
