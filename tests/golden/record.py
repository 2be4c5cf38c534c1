"""Plays the cases. What it needs of the suite beyond its front door and Gymnasium's stands here, at the top."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import budgetgym
import gymnasium as gym
import numpy as np
import torch
from budgetgym.envs.auction import auction_v0
from budgetgym.envs.auction.batch import AuctionBatch
from budgetgym.envs.auction.game import AuctionGame
from budgetgym.envs.auction.sb3 import AuctionVecEnv
from budgetgym.envs.society import society_v0
from budgetgym.envs.society.batch import SocietyBatch
from budgetgym.envs.society.game import Society
from budgetgym.envs.society.sb3 import AgentsVecEnv, PlannerVecEnv
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from .cases import SOLVER, Agent, Case, Game
from .names import Names
from .scripted import choose, choose_all
from .store import RELATIVE, Played, Record, entry

SEED = 20240607
LANES = 3
WRITTEN_OF_DEFAULTS, WRITTEN = (30, 5), (12, 3)
"""First and last steps that are written out of a single episode. The digests are of all steps."""
MOST = 1300
"""Steps of a batch by which every lane has begun anew."""
TIMING = {"latency_us", "overspent"}  # `overspent` is checked by `evaluate` itself


class Tape:
    """What was seen, step by step: name -> values, and at which steps, where that is not at all of them."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._rows: dict[str, list[Any]] = {}
        self._steps: dict[str, list[int]] = {}
        self.steps = 0

    def add(self, name: str, value: Any) -> None:
        self._rows.setdefault(name, []).append(np.array(value))
        self._steps.setdefault(name, []).append(self.steps)

    def add_observation(self, label: str, columns: list[tuple[str, list[int]]], observation: Any) -> None:
        """An observation (..., d), its entries by name."""
        for name, places in columns:
            self.add(f"{label}/{name}", np.asarray(observation)[..., places if len(places) > 1 else places[0]])

    def add_info(self, label: str, info: dict[str, Any]) -> None:
        """Entries of an info. Gymnasium's `_name`, which say where `name` is there, must be true everywhere."""
        for name, value in info.items():
            if name.startswith("_"):
                assert np.all(value), f"info[{name!r}] is not true everywhere"
            elif value is not None:
                self.add(f"{label}/{self._names.canonical('info', name)}", value)

    def end_of_step(self) -> None:
        self.steps += 1

    def played(self, prefix: str, kept: Iterable[int] | None = None) -> dict[str, Played]:
        """The arrays; of those with a row per step, the kept steps are written out."""
        everything: dict[str, Played] = {}
        rows = None if kept is None else sorted({k for k in kept if 0 <= k < self.steps})
        if rows is not None and len(rows) < self.steps:
            everything[f"{prefix}/written_steps"] = Played(np.array(rows))
        for name, values in self._rows.items():
            array, steps = np.array(values), self._steps[name]
            everywhere = steps == list(range(self.steps))
            everything[f"{prefix}/{name}"] = Played(array, rows if everywhere else range(min(len(array), 12)))
            if not everywhere:
                everything[f"{prefix}/{name} at step"] = Played(np.array(steps))
        return everything


def record(case: Case | Game, folder: Path, names: Names) -> tuple[Record, dict[str, float]]:
    """Everything about a case, and the tolerances of arrays that have one of their own.

    Args:
        case: what to play.
        folder: an empty one, for the logs of the case.
        names: translates the names of the code into those of the records.
    """
    with _one_thread():
        played = record_environment(case, folder, names) if isinstance(case, Case) else record_game(case, names)
    tolerances = {name: array.tolerance for name, array in played.items() if array.tolerance != RELATIVE}
    return {name: entry(array) for name, array in played.items()}, tolerances


@contextmanager
def _one_thread() -> Iterator[None]:
    """How sums are split over threads changes last digits."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(threads)


# --- environments -------------------------------------------------------------------------------------------------------


def record_environment(case: Case, folder: Path, names: Names) -> dict[str, Played]:
    settings = case.settings_in(folder)
    env = gym.make(case.id, **settings)
    return {
        **_single(env, names, *(WRITTEN if settings else WRITTEN_OF_DEFAULTS)),
        **_forks(env, names),
        **_batch(case, settings, names),
        **({} if settings else _sb3(case, names)),
        **_agents(case, env, names),
    }


def columns_of(observation_names: Iterable[str], names: Names) -> list[tuple[str, list[int]]]:
    """Canonical name -> where its entries stand; `arms[0]`, `arms[1]`, ... are the entries of `arms`."""
    columns: dict[str, list[int]] = {}
    for k, name in enumerate(observation_names):
        columns.setdefault(name.partition("[")[0], []).append(k)
    return [(names.canonical("observations", name), places) for name, places in columns.items()]


def _columns(env: Any, names: Names) -> list[tuple[str, list[int]]]:
    return columns_of(env.unwrapped.problem.observation_names, names)


def _whole(observation: Any) -> list[tuple[str, list[int]]]:
    """Columns of an observation whose entries are not told apart."""
    return [("all", list(range(np.shape(observation)[-1])))]


def _single(env: gym.Env[Any, Any], names: Names, first: int, last: int) -> dict[str, Played]:
    """One episode, and more of them while they are short."""
    tape, begins, columns = Tape(names), Tape(names), _columns(env, names)
    mask_name = names.current("info", "action_mask")
    for episode in range(4):
        observation, info = env.reset(seed=SEED) if episode == 0 else env.reset()
        begins.add_observation("observation", columns, observation)
        begins.add_info("info", info)
        begins.end_of_step()
        over = False
        while not over:
            action = choose(env.action_space, tape.steps, mask=info.get(mask_name))
            observation, reward, terminated, truncated, info = env.step(action)
            over = terminated or truncated
            tape.add("action", action)
            tape.add("reward", reward)
            tape.add("terminated", terminated)
            tape.add("truncated", truncated)
            tape.add_observation("observation", columns, observation)
            tape.add_info("info", info)
            tape.end_of_step()
        if tape.steps >= 30:
            break
    kept = [*range(first), *range(tape.steps - last, tape.steps)]
    return {**tape.played("single", kept), **begins.played("single/reset", [0, 1])}


def _forks(env: Any, names: Names) -> dict[str, Played]:
    """Futures of a present, in beliefs and in truth."""
    mask_name = names.current("info", "action_mask")
    _, info = env.reset(seed=SEED + 1)
    step = tries = 0
    while step < 2 and tries < 20:
        *_, terminated, truncated, info = env.step(choose(env.action_space, step, mask=info.get(mask_name)))
        step += 1
        if terminated or truncated:  # so soon, by chance or always: try the next, and in the end fork a beginning
            (_, info), step, tries = env.reset(), 0, tries + 1
    everything: dict[str, Played] = {}
    for label, peek in (("believed", False), ("true", True)):
        tape, model = Tape(names), env.unwrapped.model(LANES, seed=SEED, peek=peek)
        for step in range(3):
            observation, reward, terminated, _, info = model.step(choose_all(model.single_action_space, step, LANES))
            tape.add_observation("observation", _whole(observation), observation)
            tape.add("reward", reward)
            tape.add("terminated", terminated)
            tape.add("cost", info[names.current("info", "cost")])
            tape.end_of_step()
        everything |= tape.played(f"forks/{label}", [1])
    return everything


def _batch(case: Case, settings: dict[str, Any], names: Names) -> dict[str, Played]:
    """Three lanes until all have begun anew."""
    envs: Any = gym.make_vec(case.id, num_envs=LANES, autoreset_mode=case.autoreset, **settings)
    tape, begins, finals, columns = Tape(names), Tape(names), Tape(names), _columns(envs, names)
    mask_name = names.current("info", "action_mask")
    observation, info = envs.reset(seed=SEED)
    begins.add_observation("observation", _whole(observation), observation)
    begins.add_info("info", info)
    begins.end_of_step()
    ended, after, first = np.zeros(LANES, bool), 0, 0
    while after < 3 and tape.steps < MOST:
        actions = choose_all(envs.single_action_space, tape.steps, LANES, info.get(mask_name))
        observation, reward, terminated, truncated, info = envs.step(actions)
        _add_last(finals, columns, info)
        tape.add("action", actions)
        tape.add("reward", reward)
        tape.add("terminated", terminated)
        tape.add("truncated", truncated)
        tape.add_observation("observation", columns, observation)
        tape.add_info("info", info)
        tape.end_of_step()
        after += bool(ended.all())
        first = first if ended.any() else tape.steps - 1
        ended |= terminated | truncated
    kept = [0, 1, 2, first, first + 1, tape.steps - 1]
    return {**tape.played("batch", kept), **begins.played("batch/reset"), **finals.played("batch/final")}


def _add_last(tape: Tape, columns: list[tuple[str, list[int]]], info: dict[str, Any]) -> None:
    """How lanes ended that have begun anew in the same step; takes these entries out of the info."""
    here = info.pop("_final_obs", None)
    last, told = info.pop("final_obs", None), info.pop("final_info", None)
    info.pop("_final_info", None)
    if here is None:
        return
    assert last is not None
    assert told is not None
    for lane in np.flatnonzero(here):
        tape.add("lane", lane)
        tape.add_observation("observation", columns, last[lane])
        entries = {name: value for name, value in told.items() if not name.startswith("_")}
        assert all(told[f"_{name}"][lane] for name in entries)
        tape.add_info("info", {name: value[lane] for name, value in entries.items()})
        tape.end_of_step()


def _sb3(case: Case, names: Names) -> dict[str, Played]:
    """Stable-Baselines3's face, for some steps."""
    return _lanes(budgetgym.as_sb3_vec_env(case.id, LANES, seed=SEED, step_info=True), names, 20)


def _lanes(venv: Any, names: Names, steps: int, prefix: str = "sb3") -> dict[str, Played]:
    """A Stable-Baselines3 environment: its steps, and how lanes ended."""
    tape, finals = Tape(names), Tape(names)
    first = venv.reset()
    columns = _whole(first)
    for step in range(steps):
        observation, reward, done, infos = venv.step(choose_all(venv.action_space, step, venv.num_envs))
        tape.add_observation("observation", columns, observation)
        tape.add("reward", reward)
        tape.add("done", done)
        for lane, info in enumerate(infos):
            rest = dict(info)
            last, episode = rest.pop("terminal_observation", None), rest.pop("episode", None)
            assert not rest.pop("TimeLimit.truncated", False)
            assert (last is not None) == (episode is not None) == bool(done[lane])
            if episode is not None:
                finals.add("lane", lane)
                finals.add_observation("observation", columns, last)
                finals.add("return and length", [episode["r"], episode["l"]])
                finals.add_info("info", rest)
                finals.end_of_step()
        if all(infos) and not done.any():
            tape.add_info("info", {name: np.array([info[name] for info in infos]) for name in infos[0]})
        tape.end_of_step()
    kept = [0, 1, steps - 1]
    everything = {**tape.played(prefix, kept), **finals.played(f"{prefix}/last", [0, 1])}
    return {f"{prefix}/reset": Played(np.array(first)), **everything}


# --- agents -------------------------------------------------------------------------------------------------------------


def _agents(case: Case, env: Any, names: Names) -> dict[str, Played]:
    """The summary of every agent, its episodes, and the references of the problem."""
    everything: dict[str, Played] = {}
    for agent in case.agents:
        result = budgetgym.evaluate(make(agent, env, names), env, case.episodes, seed=SEED)
        prefix = f"agents/{agent.name}"
        for label in ("optimum", "null"):
            value = result.cell[label]
            everything[f"reference/{label}"] = Played(np.array(np.nan if value is None else value), None, SOLVER)
        rows = {f"summary/{name}": np.array(value) for name, value in result.summary.items() if name not in TIMING}
        rows |= {f"episode/{name}": result.episodes[name].to_numpy() for name in result.episodes if name not in TIMING}
        for path, array in rows.items():
            label, _, name = path.partition("/")
            written = range(min(len(array), 4)) if array.ndim else None
            everything[f"{prefix}/{label}/{names.canonical('columns', name)}"] = Played(array, written, agent.tolerance)
    return everything


def make(agent: Agent, env: Any, names: Names) -> Any:
    """The agent, having learned if it learns."""
    if agent.name == "scripted":
        return Scripted(env.action_space)
    made: Any = budgetgym.make_agent(names.current("agents", agent.name), env, **agent.settings)
    if agent.learn is not None:
        made.learn(agent.learn)
    return made


class Scripted:
    """An agent on script, of which there are always as many as there are observations."""

    def __init__(self, space: Any) -> None:
        self._space = space
        self._step = 0

    def predict(self, observation: Any, *_: Any, **__: Any) -> tuple[NDArray[Any], None]:
        """Actions that depend on the number of calls alone."""
        self._step += 1
        if np.ndim(observation) == 1:
            return np.asarray(choose(self._space, self._step)), None
        return choose_all(self._space, self._step, len(observation)), None


# --- games --------------------------------------------------------------------------------------------------------------


def record_game(game: Game, names: Names) -> dict[str, Played]:
    return _record_auction(game, names) if game.kind == "auction" else _record_society(game, names)


def _parallel(env: Any, names: Names, columns: dict[str, list[tuple[str, list[int]]]]) -> dict[str, Played]:
    """A game in rounds, through PettingZoo."""
    tape = Tape(names)
    mask_name = names.current("info", "action_mask")
    observations, infos = env.reset(seed=SEED)
    while env.agents:
        for agent in env.agents:
            tape.add_observation(f"{names.player(agent)}/observation", columns[agent], observations[agent])
        actions = {
            agent: choose(env.action_space(agent), tape.steps, lane, infos[agent].get(mask_name))
            for lane, agent in enumerate(env.agents)
        }
        observations, rewards, terminations, truncations, infos = env.step(actions)
        for agent in rewards:
            player = names.player(agent)
            tape.add(f"{player}/reward", rewards[agent])
            tape.add(f"{player}/terminated", terminations[agent])
            tape.add(f"{player}/truncated", truncations[agent])
            tape.add_info(f"{player}/info", infos[agent])
        tape.end_of_step()
    return tape.played("parallel", [*range(6), *range(tape.steps - 3, tape.steps)])


def _turns(env: Any, names: Names, columns: dict[str, list[tuple[str, list[int]]]]) -> dict[str, Played]:
    """A game agent by agent, through PettingZoo."""
    tape = Tape(names)
    mask_name = names.current("info", "action_mask")
    env.reset(seed=SEED)
    for agent in env.agent_iter():
        observation, reward, terminated, truncated, info = env.last()
        tape.add("agent", env.possible_agents.index(agent))
        tape.add("reward", reward)
        tape.add("terminated", terminated)
        tape.add_observation(f"{names.player(agent)}/observation", columns[agent], observation)
        tape.add_info(f"{names.player(agent)}/info", info)
        over = terminated or truncated
        env.step(None if over else choose(env.action_space(agent), tape.steps, 0, info.get(mask_name)))
        tape.end_of_step()
    return tape.played("turns", range(12))


def _record_auction(game: Game, names: Names) -> dict[str, Played]:
    env = auction_v0.parallel_env(**game.settings)
    env.reset(seed=SEED)
    whole = [("all", list(range(int(env.observation_space(env.possible_agents[0]).shape[0]))))]
    made = AuctionGame(**game.settings)
    return {
        **_parallel(env, names, dict.fromkeys(env.possible_agents, whole)),
        **_auction_batch(made, names),
        **_lanes(AuctionVecEnv(made, 2, seed=SEED), names, 70),
    }


def _auction_batch(game: AuctionGame, names: Names) -> dict[str, Played]:
    tape, batch = Tape(names), AuctionBatch(game, LANES)
    batch.seed([SEED + world for world in range(LANES)])
    observation = batch.reset()
    while not batch.state.finished.all():
        tape.add("observation", observation)
        shares = [
            [choose(game.action_space, tape.steps, 7 * world + seat)[0] for seat in range(game.n_agents)]
            for world in range(LANES)
        ]
        observation, reward, terminated = batch.step(np.array(shares, float))
        tape.add("reward", reward)
        tape.add("terminated", terminated)
        tape.add_info("info", batch.info())
        tape.end_of_step()
    return tape.played("batch", [0, 1, 2, tape.steps - 2, tape.steps - 1])


def _record_society(game: Game, names: Names) -> dict[str, Played]:
    env, turns = society_v0.parallel_env(**game.settings), society_v0.env(**game.settings)
    made = Society(**game.settings)
    agents = columns_of(made.agent_observation_names, names)
    columns = dict.fromkeys(env.possible_agents, agents)
    columns[names.current("players", "planner")] = columns_of(made.planner.observation_names, names)
    act = env.action_space(env.possible_agents[1])
    rounds = int(made.rounds)
    return {
        **_parallel(env, names, columns),
        **_turns(turns, names, columns),
        **_society_batch(made, act, names),
        **_lanes(PlannerVecEnv(made, 2, Scripted(act), seed=SEED), names, rounds + 3, "sb3 planner"),
        **_lanes(AgentsVecEnv(made, 2, Scripted(made.planner.action_space), seed=SEED), names, rounds + 3, "sb3 agents"),
    }


def _society_batch(game: Society, act: Any, names: Names) -> dict[str, Played]:
    """Two episodes, so that what an empirical belief has counted matters."""
    tape, batch = Tape(names), SocietyBatch(game, LANES)
    batch.seed([SEED + world for world in range(LANES)])
    for _ in range(2):
        observation = batch.reset()
        while not batch.finished:
            tape.add("planner/observation", observation)
            tape.add("agents/observation", batch.commit(choose_all(game.planner.action_space, tape.steps, LANES)))
            cohort = [choose_all(act, tape.steps, LANES) for _ in batch.cohort]
            observation, planner_reward, reward = batch.act(np.stack(cohort, axis=1))
            tape.add("planner/reward", planner_reward)
            tape.add("agents/reward", reward)
            tape.add_info("info", batch.info())
            tape.end_of_step()
    return tape.played("batch", [0, 1, tape.steps - 1])
