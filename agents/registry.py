"""All agents and baselines by name: those of a family, and the learners and planners that serve every family."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from ..baselines.core.policy import Policy
from ..envs.core.checks import DECIMAL
from ..envs.core.problem import Problem
from ..envs.core.resolve import as_problem
from ..envs.family import Agent, agents_of, families, family_of, resolve
from ..envs.hints import near

LEARNERS: dict[str, Agent] = {
    name: Agent(f"budgetgym.agents.learning.{name}:{cls}", description, learns=True)
    for name, cls, description in (
        ("ppo", "Ppo", "Stable-Baselines3's PPO"),
        ("sac", "Sac", "Stable-Baselines3's SAC, for continuous actions"),
        ("a2c", "A2c", "Stable-Baselines3's A2C"),
        ("dqn", "Dqn", "Stable-Baselines3's DQN, for Discrete actions"),
        ("maskable_ppo", "MaskablePpo", "sb3-contrib's PPO that never asks for what it can't pay"),
        ("recurrent_ppo", "RecurrentPpo", "sb3-contrib's PPO with an LSTM"),
        ("lagrangian_ppo", "LagrangianPpo", "PPO that keeps the budget in expectation only"),
    )
}
"""Learners of Stable-Baselines3: they serve every family that has what they need, as their `check` says."""

PLANNERS: dict[str, Agent] = {
    name: Agent(f"budgetgym.agents.planning.{path}", description, slow=True)
    for name, path, description in (
        ("flare", "flare:Flare", "lookahead in forks of the present (FLARE)"),
        ("one_step", "flare:OneStep", "the best next step, by trying all in forks"),
        ("beam", "beam:BeamSearch", "keeps the few best-looking continuations"),
        ("mds", "mirror_descent:MirrorDescentSearch", "one step of mirror descent on a policy's values"),
        ("bavt", "value_tree:ValueTree", "value tree that narrows as its budget runs out"),
    )
}
"""Planners look ahead in forks, which every environment has."""

GENERIC = {
    "random": Agent("budgetgym.baselines.core.random:RandomAction", "uniformly random actions"),
    **LEARNERS,
    **PLANNERS,
}
"""What serves every family that does not have an agent of this name itself."""

LONGEST_INTEGER = 4000
"""Digits; Python itself refuses to read longer ones."""

_SETTING = re.compile(r":(?=[A-Za-z_]\w*=)")
_NUMBER = r"(\d+(?:\.\d+)?(?:/\d+)?)"
_RANGE = re.compile(rf"{_NUMBER}\.\.{_NUMBER}")


def make_agent(name: str, env: Any, **settings: Any) -> Policy:
    """An agent by name.

    Args:
        name: see `list_agents`; may carry settings, as in "lin:b0=10", "dmd:mirror=euclidean:step=0.1" or
            "always:model=meta/llama:free". See `split_name` and `read_values`.
        env: the environment that it decides on, any face of it, or its problem.
        settings: the agent's own arguments.

    Raises:
        ValueError: an unknown name (with near matches), an agent of another family, or one that can't serve this problem as
            it is set.
    """
    problem = as_problem(env)
    name, written = split_name(name)
    check_agent(name, problem, [*written, *settings])
    agent = find_class(name, problem)
    return agent(problem, **{**read_values(written, taken_by(agent)), **settings})


def why_not(name: str, problem: Problem) -> str | None:
    """What keeps the agent of this name from serving the problem with its settings; None if nothing is known to.

    Raises:
        ValueError: an unknown name, or an agent of other families only.
    """
    agent = find_agent(name, problem)
    try:
        check = getattr(resolve(agent.path), "check", None)
        if check is not None:
            check(problem)
    except ValueError as error:
        return str(error)
    except Exception as error:  # somebody else's agent that is broken must not take down the list of all others
        return f"{type(error).__name__}: {error}"
    return None


def list_agents(env: Any = None) -> list[str]:
    """The names of the agents that can be made for `env`, a face, a problem or an id, as it is set; or of all agents."""
    if env is None:
        return list(dict.fromkeys(name for family in families() for name in (*agents_of(family), *GENERIC)))
    problem = as_problem(env)
    return [name for name in known_agents(problem) if why_not(name, problem) is None]


def tuned_agents(problem: Problem) -> list[str]:
    """The names of the agents that the problem's family has set up: its own, learners that it configures, and planners.

    A family that configures no learner has all that can be made.
    """
    from .learning.configuration import learning_of

    own, configured = agents_of(family_of(problem)), learning_of(problem).configurations
    return [
        name
        for name in known_agents(problem)
        if name in own or name in configured or ((name not in LEARNERS or not configured) and why_not(name, problem) is None)
    ]


def known_agents(problem: Problem) -> dict[str, Agent]:
    """All agents that a problem of its family may have, by name."""
    own = agents_of(family_of(problem))
    return {**own, **{name: agent for name, agent in GENERIC.items() if name not in own}}


def find_agent(name: str, problem: Problem) -> Agent:
    """The agent of this name for the problem's family.

    Raises:
        ValueError: an unknown name, or an agent of other families only.
    """
    known = known_agents(problem)
    if name in known:
        return known[name]
    if served := [family.name for family in families() if name in agents_of(family)]:
        what = f"agent {name!r} serves {', '.join(served)}, not {type(problem).__name__}"
        raise ValueError(f"{what}{near(name, list(known))}")
    raise ValueError(f"no agent {name!r}{near(name, list(known))}")


def find_class(name: str, problem: Problem) -> Callable[..., Policy]:
    """The class of the agent of this name for the problem's family; ValueError as `find_agent`."""
    return resolve(find_agent(name, problem).path)


def check_agent(name: str, problem: Problem, settings: list[str]) -> None:
    """Check a name and the names of its settings, without making the agent.

    Raises:
        ValueError: see `make_agent`.
    """
    parameters = inspect.signature(find_class(name, problem)).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return  # the agent hands its settings on, and will say
    known = [parameter.name for parameter in parameters if parameter.name != "problem"]
    for setting in settings:
        if setting not in known:
            hint = near(setting, known) if known else "; it has none"
            raise ValueError(f"agent {name!r} has no setting {setting!r}{hint}")


def split_name(name: str) -> tuple[str, dict[str, str]]:
    """ "lin:b0=10" as ("lin", {"b0": "10"}), values as they are written.

    A setting begins where KEY= follows on a colon; any other colon belongs to the value before it.
    """
    head, *parts = _SETTING.split(name)
    if ":" in head:
        raise ValueError(f"agent {name!r}: {head.partition(':')[2]!r} is not a setting; expected KEY=VALUE")
    return head, split_settings(parts, f"agent {name!r}")


def split_settings(parts: Sequence[str], where: str) -> dict[str, str]:
    """Settings written as KEY=VALUE; `where` they stand is for the error message."""
    settings = {}
    for part in parts:
        key, equals, value = part.partition("=")
        if not (key and equals):
            raise ValueError(f"{where}: {part!r} is not a setting; expected KEY=VALUE")
        if key in settings:
            raise ValueError(f"{where}: {key!r} is given twice; expected it once")
        settings[key] = value
    return settings


def taken_by(*makers: Callable[..., Any]) -> dict[str, str]:
    """The annotations of arguments, as text; what the later ones say of an argument counts."""
    parameters = (parameter for maker in makers for parameter in inspect.signature(maker).parameters.values())
    return {parameter.name: str(parameter.annotation) for parameter in parameters}


def read_values(written: Mapping[str, str], annotations: Mapping[str, str]) -> dict[str, Any]:
    """Settings that were written as text, as what their arguments take.

    What takes text gets the text: names and paths may look like numbers (a model called 405, a file called 007). The others
    are read by `read_value`.
    """
    return {
        name: text if re.search(r"\bstr\b", annotations.get(name, "")) else read_value(text) for name, text in written.items()
    }


def read_value(text: str) -> Any:
    """A setting from the command line: an integer, a number, true or false, a range "low..high", or the text itself."""
    if found := _RANGE.fullmatch(text):
        try:
            return tuple(float(Fraction(end)) for end in found.groups())
        except ArithmeticError:
            raise ValueError(f"{text!r} is no range; expected two numbers, low..high") from None
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if re.fullmatch(r"[+-]?[0-9]+", text) and len(text) <= LONGEST_INTEGER:
        return int(text)
    return float(text) if re.fullmatch(DECIMAL, text) or text == "inf" else text
