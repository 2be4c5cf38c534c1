"""A planner and agents who learn from each other, as a PettingZoo environment: a batch of one world.

    from budgetgym.envs.society import society_v0
    env = society_v0.env(n_agents=10)

`help(budgetgym.envs.society.game.Society)` describes agents, spaces, rewards, arguments, and what the public belief assumes.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.utils import seeding
from numpy.typing import NDArray
from pettingzoo import AECEnv, ParallelEnv
from pettingzoo.utils import OrderEnforcingWrapper

from ..core.batch import generator_keys
from ..core.checks import boolean, positive_integer
from ..core.presentation import in_precision
from ..core.render import RENDER_FPS, RENDER_MODES, Filmed, check_render_mode
from .batch import SocietyBatch
from .drawing import SocietyFilm
from .game import Society
from .state import State

PLANNER = "planner"

Observation = NDArray[np.float32]
Infos = dict[str, dict[str, Any]]


def env(**settings: Any) -> AECEnv[str, Observation, Any]:
    """The society agent by agent: planner, agent_0, planner, agent_1, ...; arguments as for `raw_env`."""
    return OrderEnforcingWrapper(raw_env(**settings))


class _Faces(Filmed):
    """What both faces share: the names, the spaces, and one world."""

    metadata: ClassVar[dict[str, Any]] = {"name": "society_v0", "render_modes": RENDER_MODES, "render_fps": RENDER_FPS}
    agents: list[str]

    def __init__(
        self, *, max_cycles: int | None = None, render_mode: str | None = None, reveal: bool = False, **settings: Any
    ) -> None:
        check_render_mode(render_mode)
        self.game = Society(**settings)
        self.max_cycles = None if max_cycles is None else positive_integer("max_cycles", max_cycles)
        self.render_mode = render_mode
        self.possible_agents = [PLANNER, *(f"agent_{i}" for i in range(self.game.n_agents))]
        self.agents = []
        self._number = {agent: i for i, agent in enumerate(self.possible_agents[1:])}
        problem, seen = self.game.planner, self.game.agent_observation_space
        shown = dict.fromkeys(self._number, seen) | {PLANNER: problem.observation_space}
        self._observation_spaces = {agent: _own(space) for agent, space in shown.items()}
        self._action_spaces: dict[str, spaces.Space[Any]] = {agent: spaces.Discrete(2) for agent in self._number}
        self._action_spaces[PLANNER] = _own(problem.action_space)
        parts = [self._observation_spaces[agent] for agent in self.possible_agents]
        self.state_space = spaces.Box(
            np.concatenate([part.low for part in parts]), np.concatenate([part.high for part in parts]), dtype=np.float32
        )
        self._batch = SocietyBatch(self.game, 1)
        self._film = SocietyFilm(self.game, render_mode, boolean("reveal", reveal)) if render_mode is not None else None
        self._generator: np.random.Generator | None = None

    def observation_space(self, agent: str) -> spaces.Space[Observation]:
        """What `agent` observes; the same object at every call."""
        return self._observation_spaces[agent]

    def action_space(self, agent: str) -> spaces.Space[Any]:
        """What `agent` does; the same object at every call."""
        return self._action_spaces[agent]

    def observe(self, agent: str) -> Observation:
        """What `agent` sees now: for the planner (8,) by default, for agents (4,); see `Society`."""
        if agent == PLANNER:
            return self._batch.observe_planner()[0].astype(np.float32)
        return self._batch.observe_agents(self._number[agent])[0, 0].astype(np.float32)

    def state(self) -> Observation:
        """What all possible agents see now, in a row, the planner first: for critics that are trained centrally."""
        agents = self._batch.observe_agents(0, self.game.n_agents)[0]
        return np.concatenate([self._batch.observe_planner()[0], agents.ravel()]).astype(np.float32)

    @property
    def _out_of_time(self) -> bool:
        """Whether `max_cycles` rounds are over, and the episode is not."""
        return self._batch.round == self.max_cycles and not self._batch.finished

    def _begin(self, seed: int | None, options: Mapping[str, Any] | None) -> None:
        """Start an episode. Options: `budget`, the effort of this episode; others are ignored, as PettingZoo has it."""
        if seed is not None or self._generator is None:
            self._generator, _ = seeding.np_random(seed)
            self._batch.set_keys(generator_keys([self._generator]))
        self._batch.reset((options or {}).get("budget"))
        if self._film is not None:
            self._film.begin(self._batch)

    def _check_action(self, agent: str, action: Any) -> Any:
        """The action, if it is one of `agent`'s: numbers of any precision, clipped to their range, whole ones for Discrete.

        Raises:
            ValueError: it is not.
        """
        space, array = self._action_spaces[agent], np.asarray(action)
        box = isinstance(space, spaces.Box)
        if array.shape != (space.shape or ()) or array.dtype.kind not in ("fiu" if box else "iu"):
            raise ValueError(f"the action of {agent} is {action!r}; expected an element of {space}")
        if not (np.isfinite(array) if box else np.isin(array, _values(space))).all():
            raise ValueError(f"the action of {agent} is {action!r}; expected an element of {space}")
        return array

    def _commit(self, action: Any) -> None:
        self._batch.commit(np.asarray(action)[None])

    def _act(self, actions: list[Any]) -> dict[str, float]:
        """The cohort acts; the rewards of its members and of the planner."""
        cohort = [self._name(i) for i in self._batch.cohort]
        rows = np.array([actions])
        outcome = self._batch.act(rows)
        if self._film is not None:
            self._film.record(self._batch, rows, outcome.planner_reward)
        return {PLANNER: outcome.planner_reward.item(), **dict(zip(cohort, outcome.reward[0].tolist(), strict=True))}

    def _name(self, i: int) -> str:
        return self.possible_agents[i + 1]

    def _info(self, agent: str, bought: bool = True) -> dict[str, Any]:
        """Its info. An agent's says what the public belief assumes; the planner's also has its ledger."""
        info: dict[str, Any] = {"public_belief": self.game.public_belief}
        if agent == PLANNER:
            info |= {name: rows[0].item() for name, rows in self._batch.info().items()}
            if not bought:
                info["cost"] = 0.0
            if isinstance(self._action_spaces[PLANNER], spaces.Discrete):
                info["action_mask"] = self._batch.action_mask()[0]
        return info


class raw_env(_Faces, AECEnv[str, Observation, Any]):
    """The society agent by agent: planner, agent_0, planner, agent_1, ...; with cohorts, planner, all of a cohort, planner.

    Members of a cohort act one after another, but none sees the others' actions. Agents leave `agents` when their cohort has
    acted, and the planner at the end. It can't be turned into a `ParallelEnv` by
    `aec_to_parallel`, since agents act on what the planner has just done; `parallel_env` has rounds instead.

    Args:
        max_cycles: truncate episodes after this many rounds; None never does. An agent acts once whatever it is.
        render_mode: None, "ansi" (a few lines of text), "rgb_array" (a picture of the latest round) or "human" (a window).
        reveal: show the state and the agents' signals, marked as hidden.
        settings: the arguments of `Society`, such as n_agents, cohort, public_belief, objective, budget, p, levels, reward.

    Raises:
        TypeError: an unknown setting.
        ValueError: a bad value; the message names the argument, the value and what was expected.
    """

    metadata: ClassVar[dict[str, Any]] = {**_Faces.metadata, "is_parallelizable": False}  # type: ignore[misc]

    def reset(self, seed: int | None = None, options: Mapping[str, Any] | None = None) -> None:  # type: ignore[override]
        """Start an episode with all agents.

        Args:
            seed: the same seed gives the same episode; without one, the generator goes on (and so does what was counted of
                past episodes for an empirical public belief).
            options: `budget`, the effort of this episode. Other entries are ignored, as PettingZoo has it.
        """
        self._begin(seed, options)
        self.agents = self.possible_agents[:]
        self.rewards = dict.fromkeys(self.agents, 0.0)
        self._cumulative_rewards = dict.fromkeys(self.agents, 0.0)
        self.terminations = dict.fromkeys(self.agents, False)
        self.truncations = dict.fromkeys(self.agents, False)
        self.infos = {agent: self._info(agent) for agent in self.agents}
        self.agent_selection = PLANNER
        self._skip_agent_selection = None
        self._chosen: list[Any] = []

    def step(self, action: Any) -> None:
        """The selected agent acts; None for one that has terminated, which then leaves.

        Raises:
            ValueError: the action is of the wrong shape or type, NaN or out of range; nothing has happened then.
            gymnasium.error.ResetNeeded: no episode was started, or it is over.
        """
        if not self.agents:
            raise gym.error.ResetNeeded("no agent is left in the episode; call reset() before the next step")
        agent = self.agent_selection
        if self.terminations[agent] or self.truncations[agent]:
            self._was_dead_step(action)
            return
        checked = self._check_action(agent, action)
        self._cumulative_rewards[agent] = 0.0
        self._clear_rewards()
        if agent == PLANNER:
            self._commit(checked)
            self.infos[PLANNER] = self._info(PLANNER)
            self.agent_selection = self._name(self._batch.cohort[0])
        else:
            self._chosen.append(checked)
            if len(self._chosen) < self.game.cohort:
                self.agent_selection = self._name(self._number[agent] + 1)
            else:
                self._end_round()
        self._accumulate_rewards()
        self._deads_step_first()

    def _end_round(self) -> None:
        rewards = self._act(self._chosen)
        self._chosen = []
        self.rewards.update(rewards)
        for agent in rewards:
            self.terminations[agent] = agent != PLANNER or self._batch.finished
        if self._out_of_time:
            for agent in self.agents:
                self.truncations[agent] = not self.terminations[agent]
        self.agent_selection = PLANNER


class parallel_env(_Faces, ParallelEnv[str, Observation, Any]):
    """The society in rounds: in each the planner commits the precision of the next cohort, while the last one acts.

    So the planner decides one round ahead, before it sees how the cohort that has its signals acts. At first only the planner
    is in `agents`; a cohort joins once its precision is committed, acts on the history before it, and leaves. In the last
    round there is no next cohort: the planner must act as always, but buys nothing.

    Args:
        max_cycles: truncate episodes after this many steps; None never does. The first step has the planner alone.
        render_mode: None, "ansi" (a few lines of text), "rgb_array" (a picture of the latest round) or "human" (a window).
        reveal: show the state and the agents' signals, marked as hidden.
        settings: the arguments of `Society`, such as n_agents, cohort, public_belief, objective, budget, p, levels, reward.

    Raises:
        TypeError: an unknown setting.
        ValueError: a bad value; the message names the argument, the value and what was expected.
    """

    metadata: ClassVar[dict[str, Any]] = {**_Faces.metadata, "is_parallelizable": True}  # type: ignore[misc]

    def reset(self, seed: int | None = None, options: Mapping[str, Any] | None = None) -> tuple[dict[str, Observation], Infos]:
        """Start an episode; see `raw_env.reset`."""
        self._begin(seed, options)
        self.agents = [PLANNER]
        return {PLANNER: self.observe(PLANNER)}, {PLANNER: self._info(PLANNER)}

    def step(
        self, actions: Mapping[str, Any]
    ) -> tuple[dict[str, Observation], dict[str, float], dict[str, bool], dict[str, bool], Infos]:
        """One round. The dictionaries have those who acted and the cohort that joins, which has no reward yet.

        Args:
            actions: one for each of `agents`.

        Raises:
            ValueError: an action is missing, of the wrong shape or type, NaN or out of range, or an agent is not there;
                nothing has happened then.
            gymnasium.error.ResetNeeded: the episode is over, or none was started.
        """
        if not self.agents:
            raise gym.error.ResetNeeded("no agent is left in the episode; call reset() before the next step")
        if set(actions) != set(self.agents):
            raise ValueError(f"actions are for {sorted(actions)}; expected one for each of {self.agents}")
        checked = {agent: self._check_action(agent, actions[agent]) for agent in self.agents}
        rewards = {PLANNER: 0.0}
        if self._batch.awaits_agents:
            rewards = self._act([checked[agent] for agent in self.agents if agent != PLANNER])
        over = self._batch.finished
        joining = []
        if not over:
            self._commit(checked[PLANNER])
            joining = [self._name(i) for i in self._batch.cohort]
        terminations = {agent: agent != PLANNER or over for agent in rewards} | dict.fromkeys(joining, False)
        out_of_time = not over and self._steps == self.max_cycles
        truncations = {agent: out_of_time and not terminated for agent, terminated in terminations.items()}
        rewards |= dict.fromkeys(joining, 0.0)
        observations = {agent: self.observe(agent) for agent in rewards}
        infos = {agent: self._info(agent, bought=not over) for agent in rewards}
        self.agents = [] if over or out_of_time else [PLANNER, *joining]
        return observations, rewards, terminations, truncations, infos

    @property
    def _steps(self) -> int:
        """Steps of this episode: of every round the commitment, the first of which no cohort had acted before."""
        return self._batch.round + self._batch.awaits_agents

    def snapshot(self) -> State:
        """A complete copy of the world, to come back to with `restore`."""
        return self._batch.snapshot()

    def restore(self, snapshot: State) -> None:
        """Return to a snapshot; the same actions then have the same outcomes."""
        self._batch.restore(snapshot)
        if self._film is not None:
            self._film.rewind(self._batch)
        self.agents = [] if self._batch.finished or self._steps == self.max_cycles else [PLANNER]
        if self.agents and self._batch.awaits_agents:
            self.agents += [self._name(i) for i in self._batch.cohort]


def _own(space: spaces.Space[Any]) -> Any:
    """A space of its own, which is seeded on its own, in 32 bits."""
    return copy.deepcopy(in_precision(space, np.float32))


def _values(space: spaces.Space[Any]) -> range:
    """The actions of a Discrete space, from 0."""
    assert isinstance(space, spaces.Discrete)
    return range(int(space.n))
