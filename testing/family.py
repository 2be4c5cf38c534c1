"""The record of a family: every reference leads somewhere, and what it leads to fits together."""

from __future__ import annotations

import importlib
import json
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.envs.registration import EnvSpec

from ..agents.learning.configuration import Learning
from ..agents.planning.lookahead import Lookahead
from ..agents.registry import known_agents, list_agents
from ..baselines.core.oracle import Oracle
from ..envs.core.problem import Problem
from ..envs.core.render import Drawing
from ..envs.core.resolve import as_problem
from ..envs.family import Family, agents_of, family_of, find_family, resolve
from .contract import ContractError, RandomActions, first_episodes, play, require, started
from .documentation import check_documentation
from .oracle import check_oracle
from .problem import check_problem


def check_family(
    family: Family | str,
    settings: Iterable[Mapping[str, Any]] = ({},),
    *,
    episodes: int = 400,
    documentation: bool = False,
    seed: int = 0,
) -> None:
    """Check a registered family: its record, every problem behind its ids with every one of the `settings`, and its oracle.

    Args:
        family: the record, or its name; it must be registered.
        settings: arguments with which the problems are made, one after the other.
        episodes: played with every agent that is held against the oracle; 0 leaves that out, which takes longest.
        documentation: whether the docstrings must have all sections, as the suite's own do.
        seed: of all episodes.

    Raises:
        ContractError: a rule is broken; the message names it.
    """
    record = find_family(family) if isinstance(family, str) else family
    check_record(record)
    for id in record.environments:
        check_id(id)
        for given in settings:
            problem = as_problem(gym.make(id, **given))
            check_problem(problem, seed)
            check_observed_masks(problem, seed)
            if episodes:
                check_oracle(problem, episodes=episodes, seed=seed)
        if documentation:
            check_documentation(as_problem(id))


def check_record(family: Family) -> None:
    """Resolve every reference of the record, and check what it leads to."""
    found = {}
    for name in ("problem", "oracle", "learning", "lookahead", "masks", "drawing"):
        found[name] = _resolved(family, name, getattr(family, name))
    for name, kind in (("oracle", Oracle), ("learning", Learning), ("lookahead", Lookahead), ("drawing", Drawing)):
        fits = found[name] is None or isinstance(found[name], kind)
        require(fits, family.name, f"{name} is {found[name]!r}; expected {kind.__name__}(...), or one of its subclasses")
    for name, agent in agents_of(family).items():
        cls = _resolved(family, f"agents[{name!r}]", agent.path)
        require(callable(cls), family.name, f"agent {name!r} is {cls!r}; expected a class")
        require(agent.description, family.name, f"agent {name!r} has no description")
    for name, module in family.games.items():
        game = importlib.import_module(module)
        require(hasattr(game, "parallel_env"), family.name, f"the game {name} has no parallel_env in {module}")
    for id, environment in family.environments.items():
        cls = _resolved(family, f"environments[{id!r}].problem", environment.problem)
        require(isinstance(cls, type) and issubclass(cls, Problem), family.name, f"{id} is {cls!r}; expected a Problem")
        require(family_of(cls) is family, family.name, f"{id} leads to {cls.__name__}, of the family {family_of(cls).name!r}")
        problem = as_problem(id)
        learners = {name for name, agent in known_agents(problem).items() if agent.learns}
        configured = {} if found["learning"] is None else found["learning"].configurations
        unknown = {name for name in configured if name.partition("/")[0] not in learners}
        require(not unknown, family.name, f"learning configures {sorted(unknown)}; expected names of learners")
        policy = None if found["lookahead"] is None else found["lookahead"].policy
        require(policy is None or policy in known_agents(problem), family.name, f"lookahead.policy is {policy!r}, no agent")
        require(list_agents(problem), family.name, f"no agent can be made for {id}")
    for line in family.demo:
        id = shlex.split(line)[0]
        require(id in family.environments, family.name, f"the demo {line!r} begins with {id!r}; expected an id of the family")


def check_id(id: str) -> None:
    """Check that an id makes all faces, and that its spec survives JSON where its problem is named and not given."""
    env = gym.make(id)
    assert env.spec is not None
    if isinstance(gym.spec(id).kwargs["problem"], str):
        again = gym.make(EnvSpec.from_json(env.spec.to_json()))
        require(type(as_problem(again)) is type(as_problem(env)), id, "its spec does not survive JSON")
    json.dumps(as_problem(env).instance)
    require(gym.make_vec(id, num_envs=2).num_envs == 2, id, "gym.make_vec makes no vector environment")


def check_observed_masks(problem: Problem, seed: int = 0) -> None:
    """Check that masks that are read from observations are those of the environment, where it has any."""
    reader = resolve(family_of(problem).masks)
    if reader is None or problem.kernels.mask is None or not problem.budget_aware:
        return
    batch = started(problem, *first_episodes(problem, 6, seed))
    for _ in play(batch, RandomActions(problem, seed), 60):
        running = ~batch.state.finished
        read, true = reader(problem, batch.observe()), batch.action_mask().astype(bool)
        require(
            np.array_equal(read[running], true[running]),
            problem,
            "the masks that `masks` reads from observations are not those of the environment",
        )


def _resolved(family: Family, name: str, reference: Any) -> Any:
    try:
        return resolve(reference)
    except (ImportError, AttributeError) as error:
        raise ContractError(f"{family.name}: {name} is {reference!r}, which leads nowhere: {error}") from error
