"""Workflow routing: a graph of subtasks, and which models to launch on them, in dollars and seconds."""

from ..family import Agent, Environment, Episodes, Family

ENVS = "budgetgym.envs.workflow"
BASELINES = "budgetgym.baselines.workflow"
AGENTS = "budgetgym.agents.workflow"

FAMILY = Family(
    name="workflow",
    problem=f"{ENVS}.problem:WorkflowRouting",
    environments={
        "budgetgym/WorkflowRouting-v0": Environment(f"{ENVS}.problem:WorkflowRouting", episodes=Episodes(20_000, 4000)),
    },
    agents={
        "random": Agent(f"{BASELINES}.policies:RandomLaunch", "a uniform model and number of samples"),
        "cheapest": Agent(f"{BASELINES}.policies:Cheapest", "one sample of the cheapest model"),
        "strongest": Agent(f"{BASELINES}.policies:Strongest", "one sample of the model that passes most often"),
        "fastest": Agent(f"{BASELINES}.policies:Fastest", "one sample of the fastest model"),
        "per_dollar": Agent(f"{BASELINES}.policies:PerDollar", "one sample, best success per dollar"),
        "per_second": Agent(f"{BASELINES}.policies:PerSecond", "the launch with the best success per second"),
        "hedged": Agent(f"{BASELINES}.policies:Hedged", "parallel samples, best success per dollar"),
        "paced": Agent(f"{BASELINES}.policies:Paced", "the fastest launch within the dollars' even pace"),
        "timed": Agent(f"{BASELINES}.policies:Timed", "the cheapest launch within the time's even pace"),
        "mcpp": Agent(f"{AGENTS}.mcpp:Mcpp", "Monte-Carlo portfolio planning (Wang et al. 2026)", slow=True),
        "optimal": Agent(f"{BASELINES}.optimum:Optimal", "the exact optimum of a small workflow"),
    },
    oracle=f"{BASELINES}.oracle:ORACLE",
    learning=f"{AGENTS}.learning:LEARNING",
    lookahead=f"{AGENTS}.lookahead:LOOKAHEAD",
    drawing=f"{ENVS}.drawing:DRAWING",
    masks=f"{AGENTS}.masks:launch_masks",
    demo=("budgetgym/WorkflowRouting-v0 --agents cheapest,strongest,hedged,paced,optimal --episodes 5000",),
)
