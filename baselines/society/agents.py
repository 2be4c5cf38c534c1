"""Reference agents of a society: they do what the public belief assumes of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...envs.core.checks import as_array
from ...envs.core.jit import jit
from ...envs.society.game import Society
from ...envs.steering import behaviour as bh
from ..core.policy import PolicyState


class BayesianAgents:
    """Follow the signal unless the public belief outweighs it: choose what is likelier to fit the state.

    An agent who is torn, to 1e-9 in log-odds, acts on her signal, or on the belief with `ties="belief"`. One object decides
    for all agents. From a history it infers the belief itself, with the game's prior.

    Args:
        game: the society.

    Raises:
        ValueError: the history is observed, and the prior is a range: nothing shows which one an episode has.
    """

    def __init__(self, game: Society) -> None:
        params = game.params.planner
        if params.history and params.prior_low != params.prior_high:
            raise ValueError(
                f"prior is {(params.prior_low, params.prior_high)} with observation='history'; expected a number, since a "
                "history does not show which prior its episode has"
            )
        self.game = game
        self._prior = bh.log_odds(params.prior_low)

    def predict(
        self,
        observation: Any,
        state: PolicyState | None = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[np.int64], PolicyState | None]:
        """Decide.

        Args:
            observation: of agents who have their signals, (..., d); such as (d,) or (worlds, cohort, d).
            state: passed through, there is no memory.
            episode_start: not looked at.
            deterministic: not looked at, there is no chance.

        Returns:
            Actions (...), 1 for the good one, and `state`.

        Raises:
            ValueError: observations of another size.
        """
        seen, size = as_array("observation", observation), len(self.game.agent_observation_names)
        if seen.shape[-1:] != (size,):
            raise ValueError(f"observation has shape {seen.shape}; expected (..., {size})")
        rows = np.ascontiguousarray(seen, np.float64).reshape(-1, size)
        actions = np.empty(len(rows), np.int64)
        params = self.game.params.planner
        if params.history:
            decide_on_histories(params.behaviour, params.own_on_ties, self._prior, self.game.cohort, rows, actions)
        else:
            decide_on_beliefs(params.behaviour, params.own_on_ties, rows, actions)
        return actions.reshape(seen.shape[:-1]), state


@jit
def chooses_good(mind, own_on_ties, L, q, signal):
    """Whether an agent with log-odds L and a signal (+1 or -1) of precision q chooses the good action."""
    after_good, after_bad = bh.response(mind, L, bh.log_odds(q), own_on_ties)
    return (after_good if signal > 0.0 else after_bad) > 0.5


@jit
def inferred(mind, own_on_ties, prior, cohort, history):
    """Log-odds that follow from a history: the actions (N,) of all agents, 0 for those to come, and their precisions (N,)."""
    L, agents = prior, history.shape[0] // 2
    for first in range(0, agents, cohort):
        if history[first] == 0.0:
            break
        q = history[agents + first]
        strength = bh.log_odds(q)
        after_good, after_bad = bh.response(mind, L, strength, own_on_ties)
        total = 0.0
        for j in range(first, first + cohort):
            total += bh.evidence(mind, after_good, after_bad, q, strength, history[j] > 0.0)
        L = bh.bounded(L + total)
    return L


@jit
def decide_on_beliefs(mind, own_on_ties, rows, actions):
    """Decide on rows of public belief, its squashed log-odds, precision and signal."""
    for i in range(rows.shape[0]):
        actions[i] = chooses_good(mind, own_on_ties, bh.log_odds(rows[i, 0]), rows[i, 2], rows[i, 3])


@jit
def decide_on_histories(mind, own_on_ties, prior, cohort, rows, actions):
    """Decide on rows of actions, precisions, own precision and signal."""
    agents = (rows.shape[1] - 2) // 2
    for i in range(rows.shape[0]):
        L = inferred(mind, own_on_ties, prior, cohort, rows[i, : 2 * agents])
        actions[i] = chooses_good(mind, own_on_ties, L, rows[i, 2 * agents], rows[i, 2 * agents + 1])
