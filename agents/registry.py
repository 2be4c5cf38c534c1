"""All agents and baselines by name."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import gymnasium as gym

from ..baselines.policy import Policy
from ..envs.core.problem import Problem
from ..envs.core.resolve import near, problem_of


class Entry(NamedTuple):
    """Where an agent is defined, which problems it serves (None: all), and what it is."""

    path: str
    problems: tuple[str, ...] | None
    description: str


_NUMBER = r"(\d+(?:\.\d+)?(?:/\d+)?)"
_RANGE = re.compile(rf"{_NUMBER}\.\.{_NUMBER}")

_BIDDING = ("RealTimeBidding",)
_WORKFLOW = ("WorkflowRouting",)

AGENTS: dict[str, Entry] = {
    "constant": Entry("..baselines.bidding.bidders:Constant", _BIDDING, "the same bid in every auction"),
    "random": Entry("..baselines.bidding.bidders:Random", _BIDDING, "a uniform bid"),
    "mcpc": Entry("..baselines.bidding.bidders:Mcpc", _BIDDING, "worth at the largest cost per click, no pacing"),
    "lin": Entry("..baselines.bidding.bidders:Lin", _BIDDING, "in proportion to theta, tuned on training auctions"),
    "ss_mdp": Entry("..baselines.bidding.bidders:SsMdp", _BIDDING, "dynamic programme that is blind to theta"),
    "dmd": Entry("..baselines.bidding.bidders:DualMirrorDescent", _BIDDING, "dual mirror descent on the price of money"),
    "rlb": Entry(".rlb:Rlb", _BIDDING, "dynamic programme over average impressions (Cai et al. 2017)"),
    "optimal": Entry(".rlb:Optimal", _BIDDING, "the exact optimum of a synthetic instance"),
    "ppo": Entry(".ppo:Ppo", _BIDDING, "Stable-Baselines3's PPO, configured per environment"),
    "flow_random": Entry("..baselines.workflow.policies:RandomLaunch", _WORKFLOW, "a uniform model and number of samples"),
    "cheapest": Entry("..baselines.workflow.policies:Cheapest", _WORKFLOW, "one sample of the cheapest model"),
    "strongest": Entry("..baselines.workflow.policies:Strongest", _WORKFLOW, "one sample of the model that passes most often"),
    "fastest": Entry("..baselines.workflow.policies:Fastest", _WORKFLOW, "one sample of the fastest model"),
    "per_dollar": Entry("..baselines.workflow.policies:PerDollar", _WORKFLOW, "one sample, best success per dollar"),
    "per_second": Entry("..baselines.workflow.policies:PerSecond", _WORKFLOW, "the launch with the best success per second"),
    "hedged": Entry("..baselines.workflow.policies:Hedged", _WORKFLOW, "parallel samples, best success per dollar"),
    "paced": Entry("..baselines.workflow.policies:Paced", _WORKFLOW, "the fastest launch within the dollars' even pace"),
    "timed": Entry("..baselines.workflow.policies:Timed", _WORKFLOW, "the cheapest launch within the time's even pace"),
    "mcpp": Entry(".mcpp:Mcpp", _WORKFLOW, "Monte-Carlo portfolio planning (Wang et al. 2026)"),
    "flow_optimal": Entry("..baselines.workflow.optimum:Optimal", _WORKFLOW, "the exact optimum of a small workflow"),
}


def make_agent(name: str, env: Any, **settings: Any) -> Policy:
    """An agent by name.

    Args:
        name: see `list_agents`; may carry settings, as in "lin:b0=10" or "dmd:mirror=euclidean:step=0.1".
        env: the environment that it decides on, any face of it, or its problem.
        settings: the agent's own arguments.

    Raises:
        ValueError: an unknown name (with near matches), or an agent of another family.
    """
    problem = as_problem(env)
    name, written = split_name(name)
    settings = {**written, **settings}
    check_agent(name, problem, list(settings))
    return _constructor(name)(problem, **settings)


def check_agent(name: str, problem: Problem, settings: list[str]) -> None:
    """Check a name and the names of its settings, without making the agent.

    Raises:
        ValueError: see `make_agent`.
    """
    if name not in AGENTS:
        raise ValueError(f"no agent {name!r}{near(name, list_agents(problem))}")
    if not _serves(AGENTS[name], problem):
        served = ", ".join(AGENTS[name].problems or ())
        raise ValueError(f"agent {name!r} serves {served}, not {type(problem).__name__}{near(name, list_agents(problem))}")
    parameters = inspect.signature(_constructor(name)).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return  # the agent hands its settings on, and will say
    known = [parameter.name for parameter in parameters if parameter.name != "problem"]
    for setting in settings:
        if setting not in known:
            hint = near(setting, known) if known else "; it has none"
            raise ValueError(f"agent {name!r} has no setting {setting!r}{hint}")


def _constructor(name: str) -> Callable[..., Policy]:
    module, _, attribute = AGENTS[name].path.partition(":")
    return getattr(importlib.import_module(module, __package__), attribute)


def list_agents(env: Any = None) -> list[str]:
    """The names of all agents, or of those that serve `env`."""
    if env is None:
        return list(AGENTS)
    problem = as_problem(env)
    return [name for name, entry in AGENTS.items() if _serves(entry, problem)]


def as_problem(env: Any) -> Problem:
    """The problem of an environment, a face, a registered id, or a problem itself."""
    if isinstance(env, Problem):
        return env
    if isinstance(env, str):
        env = gym.make(env)
    return problem_of(env)


def split_name(name: str) -> tuple[str, dict[str, Any]]:
    """ "lin:b0=10" as ("lin", {"b0": 10})."""
    head, *parts = name.split(":")
    return head, read_settings(parts, f"agent {name!r}")


def read_settings(parts: Sequence[str], where: str) -> dict[str, Any]:
    """Settings written as KEY=VALUE; `where` they stand is for the error message."""
    settings = {}
    for part in parts:
        key, equals, value = part.partition("=")
        if not (key and equals):
            raise ValueError(f"{where}: {part!r} is not a setting; expected KEY=VALUE")
        settings[key] = read_value(value)
    return settings


def read_value(text: str) -> Any:
    """A setting from the command line: an integer, a number, true or false, a range "low..high", or the text itself."""
    if found := _RANGE.fullmatch(text):
        return tuple(float(Fraction(end)) for end in found.groups())
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _serves(entry: Entry, problem: Problem) -> bool:
    return entry.problems is None or any(family.__name__ in entry.problems for family in type(problem).__mro__)
