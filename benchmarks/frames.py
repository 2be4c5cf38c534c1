"""How fast frames are drawn: every id and game at the default size, over random play. One core; 20 a second are promised.

python benchmarks/frames.py   # writes results/frames.csv
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import gymnasium as gym
import numpy as np
import pandas as pd
from budgetgym.envs.auction import auction_v0
from budgetgym.envs.family import environments
from budgetgym.envs.society import society_v0

FRAMES = 60
MORE: list[tuple[str, dict[str, Any]]] = [
    ("budgetgym/RestlessCapacity-v0", {"J": 100, "B": 20}),
    ("budgetgym/RestlessPaths-v0", {"J": 100, "B": 20}),
    ("budgetgym/RestlessInterventions-v0", {"J": 100, "N": 50, "B": 20}),
    ("budgetgym/SocialSteering-v0", {"T": 50, "topics": 3}),
]
"""Large settings, beside the defaults."""


def seconds_of(id: str, settings: dict[str, Any]) -> Iterator[float]:
    """Seconds of every frame over random play."""
    env = gym.make(id, render_mode="rgb_array", disable_env_checker=True, **settings)
    env.action_space.seed(0)
    env.reset(seed=0)
    env.render()
    for _ in range(FRAMES):
        _, _, terminated, truncated, _ = env.step(env.action_space.sample())
        start = time.perf_counter()
        env.render()
        yield time.perf_counter() - start
        if terminated or truncated:
            env.reset()


def seconds_of_game(module: Any) -> Iterator[float]:
    """The same for a game."""
    env = module.parallel_env(render_mode="rgb_array")
    env.reset(seed=0)
    env.render()
    for _ in range(FRAMES):
        if not env.agents:
            env.reset()
        env.step({agent: env.action_space(agent).sample() for agent in env.agents})
        start = time.perf_counter()
        env.render()
        yield time.perf_counter() - start


def main() -> int:
    played = [*((id, {}) for id in environments()), *MORE]
    rows = [(id, str(settings or ""), list(seconds_of(id, settings))) for id, settings in played]
    rows += [(module.__name__.rpartition(".")[2], "", list(seconds_of_game(module))) for module in (auction_v0, society_v0)]
    table = pd.DataFrame(
        [
            {
                "environment": name,
                "settings": settings,
                "frames_per_second": round(1.0 / median(taken), 1),
                "slowest_ms": round(1e3 * float(np.quantile(taken, 0.95)), 1),
            }
            for name, settings, taken in rows
        ]
    )
    path = Path(__file__).parent / "results" / "frames.csv"
    table.to_csv(path, index=False)
    print(table.to_string(index=False))
    return int(bool((table.frames_per_second < 20).any()))


if __name__ == "__main__":
    sys.exit(main())
