"""Mirror-descent search: planning as one update of a last-iterate learner (Sokota et al., arXiv:2304.13138)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...baselines.core.policy import Policy
from ...envs.core.checks import non_negative, positive_integer, probability
from ...envs.core.loops import OK
from ...envs.core.problem import Problem
from .evaluators import Evaluator
from .lookahead import basis_of
from .tree import back_up, blank_tree, bytes_of, compile_walk
from .world import Planner


def mirror_step(policy: NDArray[np.float64], values: NDArray[np.float64], eta: float) -> NDArray[np.float64]:
    """One step of mirror descent with entropy: the new policy (A,) is proportional to policy(a) exp(eta values(a))."""
    with np.errstate(divide="ignore"):
        logits = np.log(policy) + eta * values
    weights = np.exp(logits - logits.max())
    return weights / weights.sum()


def magnetic_step(
    policy: NDArray[np.float64], values: NDArray[np.float64], eta: float, alpha: float, magnet: NDArray[np.float64]
) -> NDArray[np.float64]:
    """One step of magnetic mirror descent, proportional to [policy magnet^(eta alpha) exp(eta values)]^(1 / (1 + eta alpha)).

    Its fixed point for fixed values is magnet exp(values / alpha), and for two players a quantal response equilibrium.
    """
    with np.errstate(divide="ignore"):
        logits = (np.log(policy) + eta * alpha * np.log(magnet) + eta * values) / (1.0 + eta * alpha)
    weights = np.exp(logits - logits.max())
    return weights / weights.sum()


class MirrorDescentSearch(Planner):
    """Improves a policy at the present decision by one step of mirror descent on its own action values.

    The values are means over forks in which every action is tried and the policy plays on. With exact values the gain is
    (KL(new, old) + KL(old, new)) / eta, so never negative; a small eta leaves the policy only for what is clearly better.

    Args:
        problem: with Discrete actions or others of which some are tried; see `Flare`.
        simulations: per decision, divided evenly among the actions.
        eta: step size, per spread of the values of single simulations.
        doubt: the policy takes another action with this probability; without doubt it could never change.
        policy, evaluator, candidates: see `Flare`.
        seed, peek: see `Planner`.
    """

    def __init__(
        self,
        problem: Problem,
        simulations: int = 256,
        eta: float = 20.0,
        doubt: float = 0.3,
        policy: str | Policy | None = None,
        evaluator: Evaluator | None = None,
        candidates: int | None = None,
        seed: int = 0,
        peek: bool = False,
    ) -> None:
        super().__init__(problem, seed, peek)
        self.simulations, self.eta = positive_integer("simulations", simulations), non_negative("eta", eta)
        self.doubt, self.basis = probability("doubt", doubt), basis_of(problem, policy, evaluator, candidates)

    def plan(self, lane: int, observation: NDArray[np.float64]) -> NDArray[Any]:
        """See `Planner.plan`."""
        random, world = self.random(observation), self.world
        masks = world.action_mask()[lane : lane + 1] if self.problem.kernels.mask is not None else None
        actions = self.basis.candidates(observation[None], masks, random)[0]
        K = len(actions)
        if K == 1:
            return actions[0]
        values, spread = self.action_values(lane, observation, actions, random)
        old = np.full(K, self.doubt / K)
        old[0] += 1.0 - self.doubt  # the policy's own action comes first
        new = mirror_step(old, (values - values.max()) / (spread or 1.0), self.eta)
        return actions[int(new.argmax())]

    def action_values(
        self, lane: int, observation: NDArray[np.float64], actions: NDArray[Any], random: np.random.Generator
    ) -> tuple[NDArray[np.float64], float]:
        """Mean values (K,) of actions (K, m) over forks, and the standard deviation of a single simulation's value."""
        K = len(actions)
        S = max(self.simulations // K, 1) * K
        forks, tree = self.forks(2 * S, lane, random), blank_tree(S, 1, K, actions.shape[1], self.world.action_dtype)
        tree.candidates[0], tree.action[0] = K, actions
        rows = np.repeat(observation[None], S, axis=0)
        how = 1e9, 1e9, 1.0, 0.0  # boundless exploration tries all actions alike
        walk, arrays = compile_walk(self.problem.kernels), bytes_of(forks.state)
        scratch = (), np.zeros(0), np.empty(1, np.int8), np.zeros(1, tree.action.dtype)
        fault = walk(forks.params, forks.rules, forks.state, arrays, 0, S, tree, how, scratch, rows)
        if fault != OK:
            raise RuntimeError(f"lane {fault} of the forks refused its action, which a candidate should never cause")
        ahead = self.basis.evaluator(forks, 0, S, rows)
        back_up(tree, 0, S, ahead, True)
        single = ahead + tree.reward[:, 0]
        return tree.total[0, :K] / np.maximum(tree.done[0, :K], 1), float(single.std())
