"""All agents and baselines by name."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import gymnasium as gym

from ..baselines.core.policy import Policy
from ..envs.core.problem import Problem
from ..envs.core.resolve import near, problem_of


class Entry(NamedTuple):
    """Where an agent is defined ("module:Class", or the class itself), and what it is."""

    path: str | type[Policy]
    description: str


_NUMBER = r"(\d+(?:\.\d+)?(?:/\d+)?)"
_RANGE = re.compile(rf"{_NUMBER}\.\.{_NUMBER}")

AGENTS: dict[str, dict[str, Entry]] = {
    "RealTimeBidding": {
        "constant": Entry("budgetgym.baselines.bidding.bidders:Constant", "the same bid in every auction"),
        "random": Entry("budgetgym.baselines.bidding.bidders:Random", "a uniform bid"),
        "mcpc": Entry("budgetgym.baselines.bidding.bidders:Mcpc", "worth at the largest cost per click, no pacing"),
        "lin": Entry("budgetgym.baselines.bidding.bidders:Lin", "in proportion to theta, tuned on training auctions"),
        "ss_mdp": Entry("budgetgym.baselines.bidding.bidders:SsMdp", "dynamic programme that is blind to theta"),
        "ortb1": Entry(
            "budgetgym.baselines.bidding.ortb:Ortb1", "concave in theta, win curve b / (c + b) (Zhang et al. 2014)"
        ),
        "ortb2": Entry("budgetgym.baselines.bidding.ortb:Ortb2", "concave in theta, win curve b^2 / (c^2 + b^2)"),
        "cmdp": Entry("budgetgym.baselines.bidding.cmdp:Cmdp", "linear programme, budget in expectation (Du et al. 2017)"),
        "throttle": Entry("budgetgym.baselines.bidding.pacing:Throttle", "truthful bids in a share of the auctions"),
        "pid": Entry("budgetgym.baselines.bidding.pacing:Pid", "a PID controller of the spend (Zhang et al. 2016)"),
        "adaptive_pacing": Entry("budgetgym.baselines.bidding.pacing:AdaptivePacing", "shaded values (Balseiro and Gur 2019)"),
        "dmd": Entry("budgetgym.baselines.bidding.descent:DualMirrorDescent", "dual mirror descent on the price of money"),
        "roas_dmd": Entry(
            "budgetgym.baselines.bidding.descent:RoasMirrorDescent", "the same, with a limit on what clicks may cost"
        ),
        "shade": Entry("budgetgym.baselines.bidding.shading:Shading", "first-price shading by the empirical win curve"),
        "fluid": Entry("budgetgym.baselines.bidding.fluid:Fluid", "lookahead in the fluid value, law of theta learnt"),
        "rlb": Entry("budgetgym.agents.bidding.rlb:Rlb", "dynamic programme over average impressions (Cai et al. 2017)"),
        "rlb_pmf": Entry("budgetgym.agents.bidding.rlb:RlbPmf", "dynamic programme over the training law of theta"),
        "rlb_nn": Entry("budgetgym.agents.bidding.rlb_scale:RlbNn", "RLB beyond its table by a network"),
        "rlb_seg": Entry("budgetgym.agents.bidding.rlb_scale:RlbSeg", "RLB segment by segment"),
        "rlb_map_d": Entry("budgetgym.agents.bidding.rlb_scale:RlbMapD", "RLB beyond its table by mapping marginal values"),
        "rlb_map_a": Entry("budgetgym.agents.bidding.rlb_scale:RlbMapA", "RLB beyond its table by mapping actions"),
        "optimal": Entry("budgetgym.agents.bidding.rlb:Optimal", "the exact optimum of a synthetic instance"),
        "ppo": Entry("budgetgym.agents.learning.ppo:Ppo", "Stable-Baselines3's PPO, configured per environment"),
        "sac": Entry("budgetgym.agents.learning.sac:Sac", "Stable-Baselines3's SAC, configured per environment"),
        "a2c": Entry("budgetgym.agents.learning.a2c:A2c", "Stable-Baselines3's A2C, configured per environment"),
        "recurrent_ppo": Entry("budgetgym.agents.learning.recurrent_ppo:RecurrentPpo", "sb3-contrib's PPO with an LSTM"),
        "lagrangian_ppo": Entry(
            "budgetgym.agents.learning.lagrangian_ppo:LagrangianPpo", "PPO that keeps the budget in expectation only"
        ),
    },
    "AgenticRouting": {
        "always_small": Entry("budgetgym.baselines.routing.agentic.routers:AlwaysSmall", "the first model for every move"),
        "always_large": Entry("budgetgym.baselines.routing.agentic.routers:AlwaysLarge", "the last model for every move"),
        "always": Entry("budgetgym.baselines.routing.agentic.routers:Always", "one model for every move: always:model=NAME"),
        "random": Entry("budgetgym.baselines.routing.agentic.routers:Random", "the large model with probability p"),
        "first_large": Entry(
            "budgetgym.baselines.routing.agentic.routers:FirstLarge", "large calls first, while the budget lasts"
        ),
        "cascade": Entry("budgetgym.baselines.routing.agentic.routers:Cascade", "one model up after every failure that shows"),
        "error_gated": Entry(
            "budgetgym.baselines.routing.agentic.routers:ErrorGated", "large while errors weigh on the agent"
        ),
        "criticality_gated": Entry(
            "budgetgym.baselines.routing.agentic.routers:CriticalityGated", "the tier that the signal names"
        ),
        "greedy": Entry("budgetgym.baselines.routing.agentic.routers:Greedy", "least cost per expected progress"),
        "belief": Entry(
            "budgetgym.baselines.routing.agentic.belief_router:Belief", "exact posterior, lookahead into the exact values"
        ),
        "bopo": Entry(
            "budgetgym.agents.routing.agentic.bopo.agent:Bopo", "boundary-guided policy optimisation (arXiv:2602.21227)"
        ),
        "grpo": Entry(
            "budgetgym.agents.routing.agentic.bopo.agent:Grpo", "group-relative policy optimisation, without guidance"
        ),
        "ppo": Entry("budgetgym.agents.learning.ppo:Ppo", "Stable-Baselines3's PPO, configured per environment"),
        "a2c": Entry("budgetgym.agents.learning.a2c:A2c", "Stable-Baselines3's A2C, configured per environment"),
        "dqn": Entry("budgetgym.agents.learning.dqn:Dqn", "Stable-Baselines3's DQN, for Discrete actions"),
        "maskable_ppo": Entry(
            "budgetgym.agents.learning.maskable_ppo:MaskablePpo", "sb3-contrib's PPO that never asks for what it can't pay"
        ),
        "recurrent_ppo": Entry("budgetgym.agents.learning.recurrent_ppo:RecurrentPpo", "sb3-contrib's PPO with an LSTM"),
        "lagrangian_ppo": Entry(
            "budgetgym.agents.learning.lagrangian_ppo:LagrangianPpo", "PPO that keeps the budget in expectation only"
        ),
    },
    "LoggedRouting": {
        "always": Entry("budgetgym.baselines.routing.logged.routers:Always", "one model for every query: always:model=NAME"),
        "random": Entry("budgetgym.baselines.routing.logged.routers:Random", "the best or the cheapest model, by chance"),
        "even_spend": Entry(
            "budgetgym.baselines.routing.logged.routers:EvenSpend", "the best model within the dollars left per call"
        ),
        "length": Entry("budgetgym.baselines.routing.logged.routers:LengthThreshold", "the best model for long prompts"),
        "knn": Entry(
            "budgetgym.baselines.routing.logged.routers:NearestNeighbours", "predicts outcomes by the nearest queries"
        ),
        "mf": Entry(
            "budgetgym.baselines.routing.logged.routers:MatrixFactorisation", "predicts outcomes by matrix factorisation"
        ),
        "ppo": Entry("budgetgym.agents.learning.ppo:Ppo", "Stable-Baselines3's PPO, configured per environment"),
    },
    "WorkflowRouting": {
        "random": Entry("budgetgym.baselines.workflow.policies:RandomLaunch", "a uniform model and number of samples"),
        "cheapest": Entry("budgetgym.baselines.workflow.policies:Cheapest", "one sample of the cheapest model"),
        "strongest": Entry(
            "budgetgym.baselines.workflow.policies:Strongest", "one sample of the model that passes most often"
        ),
        "fastest": Entry("budgetgym.baselines.workflow.policies:Fastest", "one sample of the fastest model"),
        "per_dollar": Entry("budgetgym.baselines.workflow.policies:PerDollar", "one sample, best success per dollar"),
        "per_second": Entry("budgetgym.baselines.workflow.policies:PerSecond", "the launch with the best success per second"),
        "hedged": Entry("budgetgym.baselines.workflow.policies:Hedged", "parallel samples, best success per dollar"),
        "paced": Entry("budgetgym.baselines.workflow.policies:Paced", "the fastest launch within the dollars' even pace"),
        "timed": Entry("budgetgym.baselines.workflow.policies:Timed", "the cheapest launch within the time's even pace"),
        "mcpp": Entry("budgetgym.agents.workflow.mcpp:Mcpp", "Monte-Carlo portfolio planning (Wang et al. 2026)"),
        "optimal": Entry("budgetgym.baselines.workflow.optimum:Optimal", "the exact optimum of a small workflow"),
        "ppo": Entry("budgetgym.agents.learning.ppo:Ppo", "Stable-Baselines3's PPO, configured per environment"),
        "a2c": Entry("budgetgym.agents.learning.a2c:A2c", "Stable-Baselines3's A2C, configured per environment"),
        "maskable_ppo": Entry(
            "budgetgym.agents.learning.maskable_ppo:MaskablePpo", "sb3-contrib's PPO that never asks for what it can't pay"
        ),
    },
    "Restless": {
        "null": Entry("budgetgym.baselines.restless.policies:Null", "does nothing: what shares are measured from"),
        "random": Entry("budgetgym.baselines.restless.policies:Random", "a random maximal feasible action"),
        "sampling": Entry("budgetgym.baselines.restless.policies:Sampling", "the best next reward among random actions"),
        "constant": Entry("budgetgym.baselines.restless.policies:Constant", "the best action to repeat in every step"),
        "myopic": Entry("budgetgym.baselines.restless.policies:Myopic", "the best next reward, exactly"),
        "iterative": Entry("budgetgym.baselines.restless.policies:Iterative", "the best next reward, greedily"),
        "whittle": Entry("budgetgym.baselines.restless.policies:Whittle", "the largest sum of Whittle indices"),
        "lagrangian": Entry(
            "budgetgym.baselines.restless.policies:Lagrangian", "decoupled values to the end, in a linear programme"
        ),
        "joint": Entry("budgetgym.baselines.restless.policies:Joint", "the same values, with joint effects on every arm"),
        "optimal": Entry("budgetgym.baselines.restless.policies:Optimal", "the exact optimum of a few arms"),
        "sequential_ppo": Entry(
            "budgetgym.agents.restless.sequential_ppo:SequentialPpo",
            "masked PPO that builds the action component by component",
        ),
        "sequoia": Entry(
            "budgetgym.agents.restless.sequoia.agent:Sequoia", "a Q-network in a mixed-integer programme (Xu et al. 2025)"
        ),
        "residual_sequoia": Entry(
            "budgetgym.agents.restless.sequoia.agent:ResidualSequoia", "the same, on top of Lagrangian values"
        ),
        "iterative_dqn": Entry("budgetgym.agents.restless.sequoia.agent:IterativeDqn", "a Q-network asked greedily"),
        "latent_ppo": Entry(
            "budgetgym.agents.restless.latent_ppo:LatentPpo", "PPO over costs that a maximiser turns into the action"
        ),
    },
    "SocialSteering": {
        "null": Entry("budgetgym.baselines.steering.planners:Null", "never does anything: what shares are measured from"),
        "random": Entry("budgetgym.baselines.steering.planners:Random", "a precision by chance"),
        "once": Entry(
            "budgetgym.baselines.steering.planners:Once", "the largest precision for the first agent, nothing later"
        ),
        "myopic": Entry("budgetgym.baselines.steering.planners:Myopic", "the best next reward"),
        "even_spend": Entry("budgetgym.baselines.steering.planners:EvenSpend", "the best next reward, within an even share"),
        "threshold": Entry("budgetgym.baselines.steering.planners:Threshold", "two thresholds on the belief, tuned"),
        "lagrangian": Entry("budgetgym.baselines.steering.optimal:Lagrangian", "the optimum if effort had a price"),
        "optimal": Entry("budgetgym.baselines.steering.optimal:Optimal", "the exact optimum"),
        "ppo": Entry("budgetgym.agents.learning.ppo:Ppo", "Stable-Baselines3's PPO, configured per environment"),
        "sac": Entry("budgetgym.agents.learning.sac:Sac", "Stable-Baselines3's SAC, configured per environment"),
        "a2c": Entry("budgetgym.agents.learning.a2c:A2c", "Stable-Baselines3's A2C, configured per environment"),
        "dqn": Entry("budgetgym.agents.learning.dqn:Dqn", "Stable-Baselines3's DQN, for Discrete actions"),
        "maskable_ppo": Entry(
            "budgetgym.agents.learning.maskable_ppo:MaskablePpo", "sb3-contrib's PPO that never asks for what it can't pay"
        ),
    },
    "TrapTree": {
        "random": Entry("budgetgym.baselines.traptree.policies:Random", "a child by chance"),
        "greedy": Entry("budgetgym.baselines.traptree.policies:Greedy", "the child that looks best"),
        "contrarian": Entry("budgetgym.baselines.traptree.policies:Contrarian", "the odd one out: reads the trap off"),
        "systematic": Entry("budgetgym.baselines.traptree.policies:Systematic", "depth-first search, with backtracking"),
        "ppo": Entry("budgetgym.agents.learning.ppo:Ppo", "Stable-Baselines3's PPO, configured per environment"),
        "a2c": Entry("budgetgym.agents.learning.a2c:A2c", "Stable-Baselines3's A2C, configured per environment"),
        "dqn": Entry("budgetgym.agents.learning.dqn:Dqn", "Stable-Baselines3's DQN, for Discrete actions"),
    },
}
"""Family of problems -> name -> agent. A subclass of a family is served by the family's agents."""


PLANNERS: dict[str, Entry] = {
    "flare": Entry("budgetgym.agents.planning.flare:Flare", "lookahead in forks of the present (FLARE)"),
    "one_step": Entry("budgetgym.agents.planning.flare:OneStep", "the best next step, by trying all in forks"),
    "beam": Entry("budgetgym.agents.planning.beam:BeamSearch", "keeps the few best-looking continuations"),
    "mds": Entry(
        "budgetgym.agents.planning.mirror_descent:MirrorDescentSearch", "one step of mirror descent on a policy's values"
    ),
    "bavt": Entry("budgetgym.agents.planning.value_tree:ValueTree", "value tree that narrows as its budget runs out"),
}
"""Planners serve every family that they know how to look ahead in."""

for _family in ("RealTimeBidding", "AgenticRouting", "WorkflowRouting", "Restless", "SocialSteering", "TrapTree"):
    AGENTS[_family].update(PLANNERS)

LEARNERS = (
    "ppo",
    "sac",
    "a2c",
    "dqn",
    "maskable_ppo",
    "recurrent_ppo",
    "lagrangian_ppo",
    "grpo",
    "bopo",
    "sequential_ppo",
    "latent_ppo",
    "sequoia",
    "residual_sequoia",
    "iterative_dqn",
)
"""Agents that have to `learn` before they decide, each with a configuration per family (configurations.py)."""


_REGISTERED_LEARNERS: set[str] = set()


def learns(name: str) -> bool:
    """Whether the agent of this name has to `learn` before it decides."""
    return name in LEARNERS or name in _REGISTERED_LEARNERS


def register_agent(name: str, family: str, agent: str | type[Policy], description: str, *, learns: bool = False) -> None:
    """Give an agent of yours a name, which `make_agent`, `compare`, the command line and the leaderboard then know.

    Args:
        name: letters, digits and underscores.
        family: the family of problems that it serves, such as "RealTimeBidding" or "Restless".
        agent: a class, or its path "module:Class", which is imported when it is first used. It is called with the problem and
            the agent's own settings, and predicts as `Policy` says.
        description: a few words for lists.
        learns: it has to `learn` before it decides; then it also takes a `seed`, has `learn(total_timesteps)`, and says in
            `configuration.timesteps` how many are enough, as `Learner` does.

    Raises:
        ValueError: a name that can't be written on the command line or is taken in this family, or an unknown family.
    """
    if not re.fullmatch(r"\w+", name):
        raise ValueError(f"name is {name!r}; expected letters, digits and underscores")
    if family not in AGENTS:
        raise ValueError(f"family is {family!r}{near(family, list(AGENTS))}")
    if name in AGENTS[family]:
        raise ValueError(f"name is {name!r}, which is taken in {family}: {AGENTS[family][name].description}")
    if not (isinstance(agent, type) or (isinstance(agent, str) and all(agent.partition(":")))):
        raise ValueError(f"agent is {agent!r}; expected a class, or its path 'module:Class'")
    AGENTS[family][name] = Entry(agent, description)
    if learns:
        _REGISTERED_LEARNERS.add(name)


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
    return find_class(name, problem)(problem, **settings)


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


def find_entry(name: str, problem: Problem) -> Entry:
    """The agent of this name that serves the problem.

    Raises:
        ValueError: an unknown name, or an agent of other families only.
    """
    for family in type(problem).__mro__:
        if (entry := AGENTS.get(family.__name__, {}).get(name)) is not None:
            return entry
    if served := [family for family, agents in AGENTS.items() if name in agents]:
        what = f"agent {name!r} serves {', '.join(served)}, not {type(problem).__name__}"
        raise ValueError(f"{what}{near(name, list_agents(problem))}")
    raise ValueError(f"no agent {name!r}{near(name, list_agents(problem))}")


def find_class(name: str, problem: Problem) -> Callable[..., Policy]:
    """The class of the agent of this name that serves the problem; ValueError as `find_entry`."""
    path = find_entry(name, problem).path
    if not isinstance(path, str):
        return path
    module, _, attribute = path.partition(":")
    return getattr(importlib.import_module(module, __package__), attribute)


def list_agents(env: Any = None) -> list[str]:
    """The names of all agents, or of those that serve `env`."""
    if env is None:
        return list(dict.fromkeys(name for agents in AGENTS.values() for name in agents))
    families = [family.__name__ for family in type(as_problem(env)).__mro__]
    return list(dict.fromkeys(name for family in families for name in AGENTS.get(family, {})))


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
