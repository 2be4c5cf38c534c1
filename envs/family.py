"""`Family`: all that the suite must know of a family of problems, in one record, and the registry of these records.

Our families and everybody else's are registered by the same call, `register_family`, and get the same: ids, agents, learners
and planners that fit, optimum and bounds, comparisons, the leaderboard, pictures. This module imports no numerics: references
are "module:name" strings that are resolved when they are first used, or the objects themselves.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import gymnasium as gym
from gymnasium.envs.registration import parse_env_id

from .hints import near

if TYPE_CHECKING:
    from .core.problem import Problem

Reference: TypeAlias = str | Any
"""An object, or where it is: "module:name"."""


@dataclass(frozen=True)
class Agent:
    """An agent of a family, or a learner or planner that serves every family with what it needs.

    Attributes:
        path: the class, or where it is. It is called with the problem and the agent's own settings, and predicts as
            `budgetgym.baselines.core.policy.Policy` says; its class method `check` says what it needs of a problem.
        description: a few words, for lists.
        learns: it has to `learn` before it decides; then it also takes a `seed`, has `learn(total_timesteps)`, and says in
            `configuration.timesteps` how many are enough, as `Learner` does.
        slow: it takes long to decide; the leaderboard has it play fewer episodes.
    """

    path: Reference
    description: str
    learns: bool = False
    slow: bool = False


@dataclass(frozen=True)
class Episodes:
    """How many of the common episodes the leaderboard plays.

    Attributes:
        usual: by most agents.
        slow: by agents that take long to decide, which play the first of them.
        of: by single agents that take longer still.
    """

    usual: int = 200
    slow: int = 200
    of: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Environment:
    """What stands behind an id.

    Attributes:
        problem: the class of the problem, or where it is.
        settings: fixed arguments, for presets.
        episodes: on the leaderboard.
    """

    problem: Reference
    settings: Mapping[str, Any] = field(default_factory=dict)
    episodes: Episodes = Episodes()


@dataclass(frozen=True)
class Family:
    """A family of problems. Only `name` and `problem` are needed; everything else has a sound default.

    Attributes:
        name: lower case, as its folders are called.
        problem: the class that the family consists of, with its subclasses; or where it is.
        environments: id -> `Environment`.
        agents: name -> `Agent`, the family's own. Learners and planners that serve every family are added automatically.
        oracle: an `Oracle` (`baselines/core/oracle.py`): optimum, bounds, and the value of doing nothing.
        learning: a `Learning` (`agents/learning/configuration.py`): how learners are set up.
        lookahead: a `Lookahead` (`agents/planning/lookahead.py`): what planners start from.
        masks: masks(problem, observations (n, d)) -> (n, actions): which can be executed, as far as observations show it; by
            default learners get the masks from the environment.
        drawing: a `Drawing` (`envs/core/render.py`): what frames and texts show; by default observation, action and spend.
        games: name -> module of a PettingZoo environment, for families of several agents.
        demo: arguments of `budgetgym compare` that show the family at its best within a minute.
    """

    name: str
    problem: Reference
    environments: Mapping[str, Environment] = field(default_factory=dict)
    agents: Mapping[str, Agent] = field(default_factory=dict)
    oracle: Reference = None
    learning: Reference = None
    lookahead: Reference = None
    masks: Reference = None
    drawing: Reference = None
    games: Mapping[str, str] = field(default_factory=dict)
    demo: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check what can be checked without importing anything.

        Raises:
            ValueError, TypeError: a name or a reference that can't be meant.
        """
        if not isinstance(self.name, str) or not re.fullmatch(r"\w+", self.name):
            raise ValueError(f"name is {self.name!r}; expected letters, digits and underscores")
        for what, kind in (("environments", Environment), ("agents", Agent)):
            given = getattr(self, what)
            if not isinstance(given, Mapping) or not all(isinstance(value, kind) for value in given.values()):
                raise TypeError(f"{what} is {given!r}; expected names or ids with a budgetgym.{kind.__name__}(...) each")
        if not isinstance(self.demo, tuple):
            raise TypeError(f"demo is {self.demo!r}; expected a tuple of command lines")
        if not isinstance(self.problem, str | type):
            raise TypeError(f"problem is {self.problem!r}; expected the class of the family's problems, or where it is")
        for id in self.environments:
            parse_env_id(id)  # Gymnasium's error names what is wrong
        for name, agent in self.agents.items():
            check_agent_name(name)
            check_reference(f"agents[{name!r}].path", agent.path)
        references = {name: getattr(self, name) for name in ("problem", "oracle", "learning", "lookahead", "masks", "drawing")}
        references |= {f"environments[{id!r}].problem": environment.problem for id, environment in self.environments.items()}
        for name, reference in references.items():
            check_reference(name, reference)

    def serves(self, cls: type) -> bool:
        """Whether `cls` itself is the family's class; nothing is imported for it."""
        if not isinstance(self.problem, str):
            return self.problem is cls
        module, _, name = self.problem.partition(":")
        return getattr(sys.modules.get(module), name, None) is cls


def check_agent_name(name: str) -> None:
    """Check that a name can be written on the command line.

    Raises:
        ValueError: it can't.
    """
    if not re.fullmatch(r"\w+", name):
        raise ValueError(f"name is {name!r}; expected letters, digits and underscores")


def check_reference(name: str, reference: Reference) -> None:
    """Check the form of a reference.

    Raises:
        ValueError: a string that is not "module:name".
    """
    if isinstance(reference, str) and not all(reference.partition(":")):
        raise ValueError(f"{name} is {reference!r}; expected an object, or where it is: 'module:name'")


def resolve(reference: Reference) -> Any:
    """The object that a reference stands for.

    Raises:
        ImportError, AttributeError: there is no such module or name.
    """
    if not isinstance(reference, str):
        return reference
    module, _, name = reference.partition(":")
    return getattr(importlib.import_module(module), name)


# --- the registry -----------------------------------------------------------------------------------------------------------

OURS = (
    "budgetgym.envs.bidding:FAMILY",
    "budgetgym.envs.routing.agentic:FAMILY",
    "budgetgym.envs.routing.logged:FAMILY",
    "budgetgym.envs.workflow:FAMILY",
    "budgetgym.envs.restless:FAMILY",
    "budgetgym.envs.steering:FAMILY",
    "budgetgym.envs.traptree:FAMILY",
    "budgetgym.envs.auction:FAMILY",
    "budgetgym.envs.society:FAMILY",
)
"""The records of the suite's own families, a line each."""

_families: dict[str, Family] = {}
_origins: dict[str, str] = {}
"""Family -> the module that registered it."""

_short: dict[str, str] = {}
"""Id without its namespace -> id, of those that were free."""

_added: dict[str, dict[str, Agent]] = {}
"""Family -> agents that `register_agent` gave it."""


def register_family(family: Family, *, replace: bool = False) -> None:
    """Make a family known: its ids to Gymnasium, its agents to `make_agent`, itself to comparisons and the leaderboard.

    Ids are also registered without their namespace, where that is free: "TrapTree-v0" beside "budgetgym/TrapTree-v0".

    Args:
        family: the record.
        replace: take the place of a family of the same name, as when a notebook cell is run again.

    Raises:
        ValueError: a family of this name, or an id of another family, is there already.
    """
    if family.name in _families and not replace:
        raise ValueError(f"family {family.name!r} is registered already; replace=True takes its place")
    taken = {id: other.name for other in _families.values() if other.name != family.name for id in other.environments}
    before = _families.get(family.name)
    own = set() if before is None else set(before.environments)
    for id in family.environments:
        if id in taken:
            raise ValueError(f"id {id!r} belongs to the family {taken[id]!r}")
        if id in gym.registry and id not in own:
            raise ValueError(f"id {id!r} is registered with Gymnasium already, and not by this family")
    for id in own:
        gym.registry.pop(id, None)
        if _short.get(short := _without_namespace(id)) == id:
            del _short[short]
            gym.registry.pop(short, None)
    _families[family.name] = family
    _origins[family.name] = sys._getframe(1).f_globals.get("__name__", "")
    _added.setdefault(family.name, {})
    for id, environment in family.environments.items():
        register(id, environment.problem, **environment.settings)
        if (short := _without_namespace(id)) not in gym.registry:
            register(short, environment.problem, **environment.settings)
            _short[short] = id


def _without_namespace(id: str) -> str:
    """The id as scripts can make a folder's name of it, which a slash would break in two."""
    return id.rpartition("/")[2]


def register(id: str, problem: Reference, **settings: Any) -> None:
    """Register a problem with Gymnasium alone: `gym.make(id)` and `gym.make_vec(id)` then work. See `register_family`.

    Args:
        id: "namespace/Name-v0".
        problem: the class of a `Problem`, or where it is, "module:Class"; imported when an environment is first made.
        settings: fixed arguments of the problem, for presets.
    """
    gym.register(
        id=id,
        entry_point="budgetgym.envs.core.env:BudgetedEnv",
        vector_entry_point="budgetgym.envs.core.vector:BudgetedVectorEnv",
        kwargs={"problem": problem, **settings},
    )


def register_agent(
    name: str,
    family: str,
    agent: Reference,
    description: str,
    *,
    learns: bool = False,
    slow: bool = False,
) -> None:
    """Give an agent of yours a name, which `make_agent`, `compare`, the command line and the leaderboard then know.

    Args:
        name: letters, digits and underscores.
        family: the family of problems that it serves, such as "bidding" or "restless".
        agent, description, learns, slow: see `Agent`.

    Raises:
        ValueError: a name that can't be written on the command line or is taken in this family, or an unknown family.
    """
    check_agent_name(name)
    record = find_family(family)
    if (other := agents_of(record).get(name)) is not None:
        raise ValueError(f"name is {name!r}, which is taken in {family}: {other.description}")
    if not isinstance(agent, str | type):
        raise ValueError(f"agent is {agent!r}; expected a class, or where it is: 'module:Class'")
    check_reference("agent", agent)
    _added[family][name] = Agent(agent, description, learns=learns, slow=slow)


def families() -> Iterator[Family]:
    """All families, in the order in which they were registered."""
    return iter(tuple(_families.values()))


def find_family(name: str) -> Family:
    """The family of this name.

    Raises:
        ValueError: there is none; the error names near matches.
    """
    if name not in _families:
        raise ValueError(f"family is {name!r}{near(name, list(_families))}")
    return _families[name]


def family_of(problem: Problem | type[Problem]) -> Family:
    """The family of a problem, or of its class: the nearest one among its base classes.

    A problem of no registered family is one of its own, without anything but itself.
    """
    kind = problem if isinstance(problem, type) else type(problem)
    for cls in kind.__mro__:
        for family in _families.values():
            if family.serves(cls):
                return family
    return Family(name=kind.__name__, problem=kind)


def agents_of(family: Family) -> dict[str, Agent]:
    """The family's own agents by name, with those that `register_agent` added."""
    return {**family.agents, **_added.get(family.name, {})}


def defining_modules() -> list[str]:
    """The modules that registered other people's families, and do so again where another process imports them."""
    return sorted({module for module in _origins.values() if module and not f"{module}.".startswith(("budgetgym.", "__"))})


def environments() -> dict[str, Environment]:
    """All ids and what stands behind them."""
    return {id: environment for family in _families.values() for id, environment in family.environments.items()}


def register_ours() -> None:
    """Register the suite's own families; called by `import budgetgym`."""
    for reference in OURS:
        register_family(cast(Family, resolve(reference)), replace=True)
