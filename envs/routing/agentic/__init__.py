"""Agentic routing: which language model answers the next call of a task, under a budget."""

from ...family import Agent, Environment, Episodes, Family

ENVS, BASELINES, AGENTS = (
    "budgetgym.envs.routing.agentic",
    "budgetgym.baselines.routing.agentic",
    "budgetgym.agents.routing.agentic",
)

FAMILY = Family(
    name="routing",
    problem=f"{ENVS}.problem:AgenticRouting",
    environments={
        "budgetgym/AgenticRouting-v0": Environment(f"{ENVS}.problem:AgenticRouting", episodes=Episodes(20_000, 1000)),
    },
    agents={
        "always_small": Agent(f"{BASELINES}.routers:AlwaysSmall", "the first model for every move"),
        "always_large": Agent(f"{BASELINES}.routers:AlwaysLarge", "the last model for every move"),
        "always": Agent(f"{BASELINES}.routers:Always", "one model for every move: always:model=NAME"),
        "random": Agent(f"{BASELINES}.routers:Random", "the large model with probability p"),
        "first_large": Agent(f"{BASELINES}.routers:FirstLarge", "large calls first, while the budget lasts"),
        "cascade": Agent(f"{BASELINES}.routers:Cascade", "one model up after every failure that shows"),
        "error_gated": Agent(f"{BASELINES}.routers:ErrorGated", "large while errors weigh on the agent"),
        "criticality_gated": Agent(f"{BASELINES}.routers:CriticalityGated", "the tier that the signal names"),
        "greedy": Agent(f"{BASELINES}.routers:Greedy", "least cost per expected progress"),
        "belief": Agent(f"{BASELINES}.belief_router:Belief", "exact posterior, lookahead into the exact values"),
        "bopo": Agent(
            f"{AGENTS}.bopo.agent:Bopo",
            "boundary-guided policy optimisation (arXiv:2602.21227)",
            learns=True,
        ),
        "grpo": Agent(
            f"{AGENTS}.bopo.agent:Grpo",
            "group-relative policy optimisation, without guidance",
            learns=True,
        ),
    },
    oracle=f"{BASELINES}.oracle:ORACLE",
    learning=f"{AGENTS}.learning:LEARNING",
    lookahead=f"{AGENTS}.lookahead:LOOKAHEAD",
    drawing=f"{ENVS}.drawing:DRAWING",
    masks=f"{AGENTS}.masks:call_masks",
    demo=(
        "budgetgym/AgenticRouting-v0 --budgets 5,10,15 --episodes 20000 "
        "--agents first_large,random,error_gated,criticality_gated,belief",
    ),
)
