"""Optimum, bounds and the value of doing nothing, against simulation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..agents.registry import find_agent, list_agents, make_agent
from ..baselines.core.oracle import oracle_of
from ..envs.core.problem import Problem
from ..evaluation.evaluate import evaluate
from .contract import require

STANDARD_ERRORS = 4.5
"""A difference that chance does not make."""


def check_oracle(problem: Problem, agents: Sequence[str] | None = None, episodes: int = 400, seed: int = 0) -> None:
    """Check that no agent scores more than the optimum on average, nor more than the bound of any episode.

    Where the family has an agent `null`, its mean must be the oracle's value of doing nothing.

    Args:
        problem: with the settings that are to be checked; call it for several.
        agents: names; by default all that can be made and neither learn nor take long to decide.
        episodes: to play with each.
        seed: of the episodes.

    Raises:
        ContractError: the oracle is beaten or wrong.
    """
    oracle = oracle_of(problem)
    if oracle.optimum is None and oracle.bounds is None and oracle.null is None:
        return
    if agents is None:
        agents = [name for name in list_agents(problem) if not _takes_long(name, problem)]
    for name in agents:
        agent = make_agent(name, problem)
        result = evaluate(agent, problem, min(episodes, problem.num_episodes or episodes), seed)
        scores, bounds = result.episodes[problem.score].to_numpy(float), result.episodes["bound"].to_numpy(float)
        tolerance = 1e-6 * max(1.0, float(np.abs(scores).max()))
        beaten = scores > bounds + tolerance  # never where the bound is NaN, unknown
        require(
            not beaten.any(), problem, f"{name} scores more than the bound in episodes {np.flatnonzero(beaten)[:5].tolist()}"
        )
        optimum, null = result.cell["optimum"], result.cell["null"]
        error = STANDARD_ERRORS * scores.std() / max(len(scores) - 1, 1) ** 0.5 + tolerance
        if result.cell["information"] != "clairvoyant" and np.isfinite(optimum):
            require(
                scores.mean() <= optimum + error,
                problem,
                f"{name} scores {scores.mean():.6g} +- {error:.2g} on average, and the optimum is {optimum:.6g}",
            )
        if name == "null" and np.isfinite(null):
            require(
                abs(scores.mean() - null) <= error,
                problem,
                f"doing nothing scores {scores.mean():.6g} +- {error:.2g}, and the oracle says {null:.6g}",
            )


def _takes_long(name: str, problem: Problem) -> bool:
    agent = find_agent(name, problem)
    return agent.learns or agent.slow
