"""A tree in which what looks good leads nowhere: a test of planners."""

from ..family import Agent, Environment, Episodes, Family

ENVS = "budgetgym.envs.traptree"
BASELINES = "budgetgym.baselines.traptree"
AGENTS = "budgetgym.agents.traptree"

FAMILY = Family(
    name="traptree",
    problem=f"{ENVS}.problem:TrapTree",
    environments={
        "budgetgym/TrapTree-v0": Environment(f"{ENVS}.problem:TrapTree", episodes=Episodes(1000, 1000)),
    },
    agents={
        "random": Agent(f"{BASELINES}.policies:Random", "a random child"),
        "greedy": Agent(f"{BASELINES}.policies:Greedy", "the child that looks best"),
        "contrarian": Agent(f"{BASELINES}.policies:Contrarian", "the odd one out: reads the trap off"),
        "systematic": Agent(f"{BASELINES}.policies:Systematic", "depth-first search, with backtracking"),
    },
    oracle=f"{BASELINES}.oracle:ORACLE",
    learning=f"{AGENTS}.learning:LEARNING",
    lookahead=f"{AGENTS}.lookahead:LOOKAHEAD",
    drawing=f"{ENVS}.drawing:DRAWING",
    demo=("budgetgym/TrapTree-v0 --set traps=2 --agents random,greedy,beam:width=3,one_step,flare --episodes 60",),
)
