"""Better information for whom, and when? A society decides one after another, and a planner can pay for some precision.

Agents see what those before them did, and herd; a herd may be wrong. The planner cannot pay everybody: with effort for a few
precise signals, whom should they go to? Agents here weigh signals as language models were seen to do ("llm_like"); others
are "bayes", "weizsacker", "stubborn", or numbers of your own: {"contradicting": 1.4, "stubborn": 0.1}.

    python examples/steer_a_society.py [agents [plot.png]]
"""

import sys

import gymnasium as gym
import matplotlib
import numpy as np
from budgetgym import compare, make_agent

PLANNERS = {"null": "no control", "once": "all for the first", "threshold": "two thresholds", "optimal": "exact optimum"}
SOCIETY = {"T": 20, "budget": 0.3}
ID = "budgetgym/SocialSteering-v0"


def main(agents: str = "llm_like", plot: str = "steer_a_society.png", *, episodes: int = 4000) -> None:
    env = gym.make(ID, agents=agents, **SOCIETY)
    table = compare(env, list(PLANNERS), episodes, seed=0)
    print(table[["agent", "return", "share_of_optimum", "wrong_actions", "spent_share"]].round(3).to_string(index=False))
    draw({name: beliefs_of(name, agents, 300) for name in ("null", "optimal")}, plot)
    print(f"plot: {plot}")


def beliefs_of(name: str, agents: str, episodes: int) -> np.ndarray:
    """(episodes, T + 1): the public belief that the state is good, before every agent and after the last."""
    envs = gym.make_vec(ID, num_envs=episodes, agents=agents, **SOCIETY)
    planner = make_agent(name, envs)
    observation, _ = envs.reset(seed=0)
    beliefs = [observation[:, 0]]
    for _ in range(SOCIETY["T"]):
        observation, *_ = envs.step(planner.predict(observation)[0])
        beliefs.append(observation[:, 0])
    return np.array(beliefs).T


def draw(paths: dict[str, np.ndarray], path: str) -> None:
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(1, len(paths), figsize=(9, 3.8), sharey=True, layout="constrained")
    for axes, (name, beliefs) in zip(panels, paths.items(), strict=True):
        axes.plot(beliefs.T, color="#3f90da", alpha=0.06, linewidth=1.5)
        doubt = np.minimum(beliefs[:, -1], 1 - beliefs[:, -1]).mean()
        title = f"{PLANNERS[name]}: in the end {doubt:.0%} are misled"
        axes.set(title=title, xlabel="agents so far", ylim=(0, 1), xticks=range(0, SOCIETY["T"] + 1, 5))
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("public belief in the good state")
    figure.savefig(path, dpi=150)
    plt.close(figure)


if __name__ == "__main__":
    main(*sys.argv[1:3])
