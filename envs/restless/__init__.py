"""Coupled restless bandits: arms that move on their own, and few of them can be pulled at once."""

from ..family import Agent, Environment, Episodes, Family

ENVS = "budgetgym.envs.restless"
BASELINES = "budgetgym.baselines.restless"
AGENTS = "budgetgym.agents.restless"

FAMILY = Family(
    name="restless",
    problem=f"{ENVS}.problem:Restless",
    environments={
        "budgetgym/RestlessCapacity-v0": Environment(
            f"{ENVS}.problems.capacity:RestlessCapacity", episodes=Episodes(400, 100)
        ),
        "budgetgym/RestlessMatching-v0": Environment(
            f"{ENVS}.problems.matching:RestlessMatching", episodes=Episodes(400, 100)
        ),
        "budgetgym/RestlessPaths-v0": Environment(f"{ENVS}.problems.paths:RestlessPaths", episodes=Episodes(400, 100)),
        "budgetgym/RestlessInterventions-v0": Environment(
            f"{ENVS}.problems.interventions:RestlessInterventions", episodes=Episodes(400, 100)
        ),
        "budgetgym/RestlessSpillover-v0": Environment(
            f"{ENVS}.problems.spillover:RestlessSpillover", episodes=Episodes(400, 40)
        ),
    },
    agents={
        "null": Agent(f"{BASELINES}.policies:Null", "does nothing: what shares are measured from"),
        "random": Agent(f"{BASELINES}.policies:Random", "a random maximal feasible action"),
        "sampling": Agent(f"{BASELINES}.policies:Sampling", "the best next reward among random actions"),
        "constant": Agent(f"{BASELINES}.policies:Constant", "the best action to repeat in every step"),
        "myopic": Agent(f"{BASELINES}.policies:Myopic", "the best next reward, exactly"),
        "iterative": Agent(f"{BASELINES}.policies:Iterative", "the best next reward, greedily"),
        "whittle": Agent(f"{BASELINES}.policies:Whittle", "the largest sum of Whittle indices"),
        "lagrangian": Agent(f"{BASELINES}.policies:Lagrangian", "decoupled values to the end, in a linear programme"),
        "joint": Agent(f"{BASELINES}.policies:Joint", "the same values, with joint effects on every arm"),
        "optimal": Agent(f"{BASELINES}.policies:Optimal", "the exact optimum of a few arms"),
        "sequential_ppo": Agent(
            f"{AGENTS}.sequential_ppo:SequentialPpo",
            "masked PPO that builds the action component by component",
            learns=True,
        ),
        "sequoia": Agent(
            f"{AGENTS}.sequoia.agent:Sequoia",
            "a Q-network in a mixed-integer programme (Xu et al. 2025)",
            learns=True,
            slow=True,
        ),
        "residual_sequoia": Agent(
            f"{AGENTS}.sequoia.agent:ResidualSequoia",
            "the same, on top of Lagrangian values",
            learns=True,
            slow=True,
        ),
        "iterative_dqn": Agent(f"{AGENTS}.sequoia.agent:IterativeDqn", "a Q-network asked greedily", learns=True),
        "latent_ppo": Agent(
            f"{AGENTS}.latent_ppo:LatentPpo",
            "PPO over costs that a maximiser turns into the action",
            learns=True,
        ),
    },
    oracle=f"{BASELINES}.oracle:ORACLE",
    learning=f"{AGENTS}.learning:LEARNING",
    lookahead=f"{AGENTS}.lookahead:LOOKAHEAD",
    drawing=f"{ENVS}.drawing:DRAWING",
    demo=(
        "budgetgym/RestlessPaths-v0 --agents null,random,myopic,whittle,lagrangian --episodes 200",
        "budgetgym/RestlessSpillover-v0 --agents null,random,whittle,lagrangian,joint --episodes 50",
    ),
)
