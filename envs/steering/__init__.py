"""Social-learning steering: a planner buys precise signals for agents who learn from each other."""

from ..family import Agent, Environment, Episodes, Family

ENVS = "budgetgym.envs.steering"
BASELINES = "budgetgym.baselines.steering"
AGENTS = "budgetgym.agents.steering"

FAMILY = Family(
    name="steering",
    problem=f"{ENVS}.problem:SocialSteering",
    environments={
        "budgetgym/SocialSteering-v0": Environment(f"{ENVS}.problem:SocialSteering", episodes=Episodes(20_000, 1000)),
    },
    agents={
        "null": Agent(f"{BASELINES}.planners:Null", "never does anything: what shares are measured from"),
        "random": Agent(f"{BASELINES}.planners:Random", "a random precision"),
        "once": Agent(f"{BASELINES}.planners:Once", "the largest precision for the first agent, nothing later"),
        "myopic": Agent(f"{BASELINES}.planners:Myopic", "the best next reward"),
        "even_spend": Agent(f"{BASELINES}.planners:EvenSpend", "the best next reward, within an even share"),
        "threshold": Agent(f"{BASELINES}.planners:Threshold", "two thresholds on the belief, tuned"),
        "lagrangian": Agent(f"{BASELINES}.optimal:Lagrangian", "the optimum if effort had a price"),
        "optimal": Agent(f"{BASELINES}.optimal:Optimal", "the exact optimum"),
    },
    oracle=f"{BASELINES}.oracle:ORACLE",
    learning=f"{AGENTS}.learning:LEARNING",
    lookahead=f"{AGENTS}.lookahead:LOOKAHEAD",
    drawing=f"{ENVS}.drawing:DRAWING",
    masks=f"{AGENTS}.masks:precision_masks",
    demo=(
        "budgetgym/SocialSteering-v0 --set objective=biased --budgets 0.3,0.6,1.2 --episodes 20000 "
        "--agents null,random,myopic,even_spend,threshold,lagrangian,optimal",
    ),
)
