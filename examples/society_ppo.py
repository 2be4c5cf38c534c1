"""A planner and ten agents learn in one society: who informs whom, and whom to believe.

    python examples/society_ppo.py            # prints, and writes society_ppo.png

The agents learn when to follow their own signal, and the planner for whom to buy a better one, in turns, each by
Stable-Baselines3's PPO against the other as it is. Beside them: Bayesian agents in the same episodes, and the exact optimum of
a planner with these.
"""

import sys

import numpy as np
from budgetgym import make_agent
from budgetgym.baselines.society.agents import BayesianAgents
from budgetgym.baselines.steering.values import optimal_value
from budgetgym.envs.society.batch import SocietyBatch
from budgetgym.envs.society.game import Society
from budgetgym.envs.society.sb3 import AgentsVecEnv, PlannerVecEnv, Predicts
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecEnv

SETTINGS = {"n_agents": 10, "prior": (0.3, 0.7), "discrete": True}
GAME = Society(**SETTINGS)
TRAINING = Society(**SETTINGS, reward="expected")  # the same on average, without the noise of the state
BAYESIAN = BayesianAgents(GAME)
WORLDS = 4000


def learner(venv: VecEnv) -> PPO:
    """PPO with a learning rate that falls to zero."""
    return PPO(
        "MlpPolicy",
        venv,
        n_steps=10,
        batch_size=1280,
        n_epochs=4,
        learning_rate=lambda left: 2e-3 * max(left, 0.0),
        gamma=1.0,
        policy_kwargs={"net_arch": [64, 64]},
        seed=0,
        device="cpu",
    )


def play(planner: Predicts, agents: Predicts) -> tuple[float, float, float]:
    """Welfare per episode with its standard error, and how often the agents choose as Bayesian ones would there."""
    batch = SocietyBatch(GAME, WORLDS)
    batch.seed(range(1000, 1000 + WORLDS))
    observation, welfare, agree = batch.reset(), np.zeros(WORLDS), []
    while not batch.finished:
        seen = batch.commit(planner.predict(observation)[0])
        rows = seen.reshape(-1, seen.shape[-1])
        actions = np.asarray(agents.predict(rows, deterministic=True)[0]).reshape(seen.shape[:2])  # type: ignore[call-arg]
        agree.append((actions == BAYESIAN.predict(seen)[0]).mean())
        observation, _, reward = batch.act(actions)
        welfare += reward.sum(axis=1)
    return float(welfare.mean()), float(welfare.std() / WORLDS**0.5), float(np.mean(agree))


def main(rounds: int = 2, timesteps: int = 400_000, picture: str = "society_ppo.png") -> list[tuple[float, float, float]]:
    """Learn in turns. Returns welfare, that with Bayesian agents, and the agents' agreement with these, after every turn."""
    optimum = optimal_value(GAME.planner, float(GAME.planner.budget.middle(GAME.planner.resources)))
    planner: Predicts = make_agent("random", GAME.planner)
    agents: PPO | None = None
    rows = []
    for turn in range(2 * rounds):
        if turn % 2 == 0:
            venv: VecEnv = AgentsVecEnv(TRAINING, 512, planner, seed=turn)
            agents = learner(venv) if agents is None else agents
            agents.set_env(venv)
            agents.learn(timesteps)
        else:
            assert agents is not None
            planner = learner(PlannerVecEnv(TRAINING, 512, agents, seed=turn)).learn(timesteps)
        welfare, error, agree = play(planner, agents)
        bayesian, *_ = play(planner, BAYESIAN)
        rows.append((welfare, bayesian, agree))
        who = "agents" if turn % 2 == 0 else "planner"
        print(
            f"after the {who} learned: welfare {welfare:.3f} +- {1.96 * error:.3f} (Bayesian agents {bayesian:.3f}, optimum "
            f"{optimum:.3f}); agents choose as Bayesian ones in {agree:.1%}"
        )
    draw(rows, optimum, picture)
    return rows


def draw(rows: list[tuple[float, float, float]], optimum: float, picture: str) -> None:
    """Welfare after every turn, beside that of Bayesian agents and the optimum; and agreement."""
    from matplotlib.figure import Figure

    turns = np.arange(len(rows))
    labels = ["agents" if turn % 2 == 0 else "planner" for turn in turns]
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    welfare, agreement = figure.subplots(1, 2)
    welfare.plot(turns, [row[0] for row in rows], "o-", label="learned agents")
    welfare.plot(turns, [row[1] for row in rows], "s--", label="Bayesian agents, same planner")
    welfare.axhline(optimum, color="black", linewidth=1, linestyle=":", label="exact optimum with Bayesian agents")
    welfare.set_title("welfare: expected mistakes, negative", fontsize=10)
    welfare.legend(frameon=False, fontsize=8)
    agreement.plot(turns, [100 * row[2] for row in rows], "o-", color="C2")
    agreement.set_title("choices as Bayes' rule has them, %", fontsize=10)
    for axes in (welfare, agreement):
        axes.set_xticks(turns, labels)
        axes.set_xlabel("who has just learned")
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(picture, dpi=120)


if __name__ == "__main__":
    main(picture=sys.argv[1] if len(sys.argv) > 1 else "society_ppo.png")
