"""Replayed routing logs: `AgenticRouting` with `log=`, where the outcomes of all models are known."""

from ...family import Agent, Family

ENVS, BASELINES, AGENTS = (
    "budgetgym.envs.routing.logged",
    "budgetgym.baselines.routing.logged",
    "budgetgym.agents.routing.logged",
)

FAMILY = Family(
    name="logged_routing",
    problem=f"{ENVS}.problem:LoggedRouting",
    agents={
        "always": Agent(f"{BASELINES}.routers:Always", "one model for every query: always:model=NAME"),
        "random": Agent(f"{BASELINES}.routers:Random", "the best or the cheapest model, at random"),
        "even_spend": Agent(f"{BASELINES}.routers:EvenSpend", "the best model within the dollars left per call"),
        "length": Agent(f"{BASELINES}.routers:LengthThreshold", "the best model for long prompts"),
        "knn": Agent(f"{BASELINES}.routers:NearestNeighbours", "predicts outcomes by the nearest queries"),
        "mf": Agent(f"{BASELINES}.routers:MatrixFactorisation", "predicts outcomes by matrix factorisation"),
    },
    oracle=f"{BASELINES}.oracle:ORACLE",
    learning=f"{AGENTS}.learning:LEARNING",
    lookahead=f"{AGENTS}.lookahead:LOOKAHEAD",
    drawing=f"{ENVS}.drawing:DRAWING",
)
