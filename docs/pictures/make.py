"""Plays an episode of every environment with a reference agent, and writes an animated picture of each and a contact sheet.

    python docs/pictures/make.py          # all of them, into this folder
    python docs/pictures/make.py traptree # only these

Needs the extra `frames`. The pictures are small: under 150 kB each.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import budgetgym
import gymnasium as gym
import numpy as np
from budgetgym.envs.auction import auction_v0
from budgetgym.envs.routing.logged.logs import RoutingLog
from budgetgym.envs.society import society_v0
from numpy.typing import NDArray
from PIL import Image

FOLDER = Path(__file__).parent
COLOURS, PAUSE = 64, 500
"""Of a picture; milliseconds per frame."""

LARGEST = 150_000
"""Bytes of a picture."""
SHEET_COLUMNS, SHEET_SIZE = 3, (480, 300)

Frames = list[NDArray[np.uint8]]


def episode(id: str, agent: str, seed: int = 0, every: int = 1, **settings: Any) -> Frames:
    """The frames of an episode, the first, every so many, and the last."""
    env = gym.make(id, render_mode="rgb_array", disable_env_checker=True, **settings)
    player: Any = budgetgym.make_agent(agent, env)
    if hasattr(player, "attach"):
        player.attach(env)
    observation, _ = env.reset(seed=seed)
    frames, state, start, t, over = [env.render()], None, np.array([True]), 0, False
    while not over:
        action, state = player.predict(observation, state=state, episode_start=start, deterministic=True)
        start = np.array([False])
        observation, _, terminated, truncated, _ = env.step(action)
        t, over = t + 1, terminated or truncated
        if over or t % every == 0:
            frames.append(env.render())
    return frames  # type: ignore[return-value]


def auction() -> Frames:
    """Bidders who bid a fixed share of their values."""
    env = auction_v0.parallel_env(render_mode="rgb_array", T=60, budgets=[2.0, 4.0, 6.0, 8.0])
    observations, _ = env.reset(seed=3)
    shares = np.array([0.35, 0.55, 0.8, 1.0])
    frames = [env.render()]
    while env.agents:
        bids = {agent: np.array([shares[int(agent[7:])] * observations[agent][0]]) for agent in env.agents}
        observations, *_ = env.step(bids)
        if len(frames) < 28:
            frames.append(env.render())
    return [*frames, env.render()]


def society() -> Frames:
    """Agents who follow Bayes' rule, and a planner who buys precision for the first ones."""
    env = society_v0.raw_env(render_mode="rgb_array")
    env.reset(seed=5)
    frames = [env.render()]
    while env.agents:
        agent = env.agent_selection
        if env.terminations[agent]:
            env.step(None)
            continue
        seen = env.observe(agent)
        if agent == society_v0.PLANNER:
            env.step(np.array([1.0 if abs(seen[0] - 0.5) < 0.45 else 0.0]))
        else:
            torn = seen[2] >= max(seen[0], 1.0 - seen[0]) - 1e-9
            env.step(int(seen[3] > 0) if torn else int(seen[0] > 0.5))
        frames.append(env.render())
    return frames


def routing_log() -> RoutingLog:
    """An invented log: three models, of which the more expensive ones are right more often."""
    random = np.random.default_rng(0)
    n, names = 200, ("small", "medium", "large")
    length = random.lognormal(6.0, 0.8, n)
    chance = np.clip(np.array([0.5, 0.65, 0.9]) - 0.15 * (np.log(length) - 6.0)[:, None], 0.02, 0.98)
    cost = np.array([0.2, 1.0, 5.0]) * 1e-6 * (length[:, None] + 400.0)
    return RoutingLog(
        models=names,
        domains=("maths", "law", "code"),
        outcome=(random.random((n, 3)) < chance).astype(float),
        cost=cost,
        prompt_chars=length,
        domain=random.integers(0, 3, n),
        task=np.arange(n),
        train=np.arange(n) < n // 2,
        source="an invented log",
    )


PICTURES: dict[str, Callable[[], Frames]] = {
    "bidding": lambda: episode("budgetgym/RealTimeBidding-v0", "rlb", every=45),
    "routing": lambda: episode("budgetgym/AgenticRouting-v0", "belief", seed=8),
    "routing_log": lambda: episode("budgetgym/AgenticRouting-v0", "length", log=routing_log(), T=24),
    "workflow": lambda: episode("budgetgym/WorkflowRouting-v0", "optimal"),
    "restless_capacity": lambda: episode("budgetgym/RestlessCapacity-v0", "lagrangian"),
    "restless_matching": lambda: episode("budgetgym/RestlessMatching-v0", "lagrangian"),
    "restless_paths": lambda: episode("budgetgym/RestlessPaths-v0", "lagrangian"),
    "restless_interventions": lambda: episode("budgetgym/RestlessInterventions-v0", "joint"),
    "restless_spillover": lambda: episode("budgetgym/RestlessSpillover-v0", "joint"),
    "steering": lambda: episode("budgetgym/SocialSteering-v0", "optimal", seed=1, objective="biased", budget=0.8),
    "traptree": lambda: episode("budgetgym/TrapTree-v0", "flare"),
    "auction": auction,
    "society": society,
}


def write(path: Path, frames: Frames) -> int:
    """Write an animated WebP that shows every frame for a while, and the last for longer; returns its bytes.

    Without loss, in a few colours and at the size of the frames, it is smallest: what stands still costs nothing.
    """
    images = [Image.fromarray(frame) for frame in frames]
    sample = np.concatenate([frames[len(frames) // 3], frames[2 * len(frames) // 3], frames[-1]])
    palette = Image.fromarray(sample).quantize(COLOURS)
    few = [image.quantize(palette=palette, dither=Image.Dither.NONE).convert("RGB") for image in images]
    times = [PAUSE] * (len(few) - 1) + [5 * PAUSE]
    few[0].save(
        path,
        save_all=True,
        append_images=few[1:],
        duration=times,
        loop=0,
        lossless=True,
        quality=100,
        method=4,
        minimize_size=True,
    )
    return path.stat().st_size


def contact_sheet(path: Path, frames: dict[str, NDArray[np.uint8]]) -> None:
    """Write one frame of each, side by side, with few colours."""
    rows = -(-len(frames) // SHEET_COLUMNS)
    gap = 8
    width, height = SHEET_SIZE
    sheet = Image.new("RGB", (SHEET_COLUMNS * (width + gap) + gap, rows * (height + gap) + gap), (200, 200, 204))
    for k, frame in enumerate(frames.values()):
        at = (gap + k % SHEET_COLUMNS * (width + gap), gap + k // SHEET_COLUMNS * (height + gap))
        sheet.paste(Image.fromarray(frame).resize(SHEET_SIZE, Image.Resampling.LANCZOS), at)
    sheet.quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)


def main(names: list[str]) -> None:
    """Write the pictures of these names, by default all and the contact sheet."""
    chosen, total = {}, 0
    for name in names or PICTURES:
        frames = PICTURES[name]()
        size = write(FOLDER / f"{name}.webp", frames)
        print(f"{name}: {len(frames)} frames, {size / 1000:.0f} kB")
        assert size <= LARGEST, f"{name}.webp has {size} bytes; expected at most {LARGEST}"
        chosen[name], total = frames[min(len(frames) - 1, max(1, 2 * len(frames) // 3))], total + size
    if not names:
        contact_sheet(FOLDER / "contact_sheet.png", chosen)
        print(f"in all {total / 1000:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
