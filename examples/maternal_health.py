"""Whom to call? A programme sends health messages to mothers, and can call some of those who stop listening.

The mothers are in a CSV file: state 1 listens to the messages, state 0 does not; action 1 is a call. (The file here is made
up; yours has a row per arm, action, state and next state.) Two callers make up to four calls a week each, but there is money
for only 70 calls in 20 weeks, so that calls must be rationed: a call that is made now is missing later.

    python examples/maternal_health.py [arms.csv [plot.png]]
"""

import sys
from pathlib import Path

import gymnasium as gym
import matplotlib
import numpy as np
from budgetgym import compare, make_agent

WEEKS, CALLS = 20, 70
POLICIES = {
    "random": "at random",
    "myopic": "best next week",
    "whittle": "Whittle index",
    "lagrangian": "Lagrangian, rationed",
}
COHORT = str(Path(__file__).with_suffix(".csv"))


def main(arms: str = COHORT, plot: str = "maternal_health.png", *, episodes: int = 300) -> None:
    settings = {"arms": arms, "costs": 1, "capacities": 4, "B": 2, "horizon": WEEKS, "budget": CALLS, "reward": "realised"}
    env = gym.make("budgetgym/RestlessCapacity-v0", **settings)
    table = compare(env, list(POLICIES), episodes, seed=0)
    shown = ["agent", "return", "share_of_optimum", "share_of_optimum_low", "share_of_optimum_high", "spent_share"]
    print(table[shown].round(3).to_string(index=False))
    draw({name: weeks_of(name, settings, episodes) for name in POLICIES}, plot)
    print(f"plot: {plot}")


def weeks_of(name: str, settings: dict, episodes: int) -> np.ndarray:
    """(2, weeks): mothers who listen, and calls made so far, on average over the episodes."""
    envs = gym.make_vec("budgetgym/RestlessCapacity-v0", num_envs=episodes, **settings)
    policy = make_agent(name, envs)
    observation, _ = envs.reset(seed=0)
    state, weeks = None, []
    for _ in range(WEEKS):
        actions, state = policy.predict(observation, state=state)
        observation, listening, _, _, info = envs.step(actions)
        weeks.append((listening.mean(), info["spent"].mean()))
    return np.array(weeks).T


def draw(weeks: dict[str, np.ndarray], path: str) -> None:
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, (above, below) = plt.subplots(2, 1, figsize=(7, 6), sharex=True, layout="constrained")
    for (name, (listening, calls)), style in zip(weeks.items(), (":", "--", "-.", "-"), strict=True):
        above.plot(range(1, WEEKS + 1), listening, style, linewidth=2, label=POLICIES[name])
        below.plot(range(WEEKS + 1), [0, *calls], style, linewidth=2)
    above.set(title=f"{CALLS} calls in {WEEKS} weeks", ylabel="mothers who listen")
    above.legend(frameon=False)
    below.set(xlabel="week", ylabel="calls made so far", xticks=range(0, WEEKS + 1, 2))
    for axes in (above, below):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)
    plt.close(figure)


if __name__ == "__main__":
    main(*sys.argv[1:3])
