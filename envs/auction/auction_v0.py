"""The multi-agent auction as a PettingZoo environment: a batch of one world.

    from budgetgym.envs.auction import auction_v0
    env = auction_v0.parallel_env(n_agents=4, rule="first_price")

`help(budgetgym.envs.auction.game.AuctionGame)` describes agents, spaces, rules and arguments.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.utils import seeding
from numpy.typing import NDArray
from pettingzoo import AECEnv, ParallelEnv
from pettingzoo.utils import OrderEnforcingWrapper, parallel_to_aec

from ..core.batch import generator_keys
from ..core.checks import boolean, positive_integer
from ..core.presentation import in_precision
from ..core.render import RENDER_FPS, RENDER_MODES, Filmed, check_render_mode
from .batch import AuctionBatch
from .drawing import AuctionFilm
from .game import AuctionGame
from .state import State

Observations = dict[str, NDArray[np.float32]]
Infos = dict[str, dict[str, Any]]


def env(**settings: Any) -> AECEnv[str, NDArray[np.float32], Any]:
    """The same auction for PettingZoo's agent-by-agent interface; arguments as for `parallel_env`."""
    return OrderEnforcingWrapper(raw_env(**settings))


def raw_env(**settings: Any) -> AECEnv[str, NDArray[np.float32], Any]:
    """As `env`, without the wrapper that checks the order of calls."""
    return parallel_to_aec(parallel_env(**settings))


class parallel_env(Filmed, ParallelEnv[str, NDArray[np.float32], Any]):
    """Bidders with budgets in a stream of auctions, all acting at once.

    `step` takes an action for every agent in `agents` and returns dictionaries for those. Agents leave `agents` when they
    terminate: exhausted, or at the end of the episode. Bids out of range are clipped.

    Args:
        max_cycles: truncate episodes after this many steps; None never does.
        render_mode: None, "ansi" (a few lines of text), "rgb_array" (a picture of the latest auction) or "human" (a window).
        reveal: nothing more is shown: every value and budget is some player's own.
        settings: the arguments of `AuctionGame`, such as n_agents, rule, n_slots, reserve, granularity, T, budgets, values.

    Raises:
        TypeError: an unknown setting.
        ValueError: a bad value; the message names the argument, the value and what was expected.
    """

    metadata: ClassVar[dict[str, Any]] = {  # type: ignore[misc]
        "name": "auction_v0",
        "render_modes": RENDER_MODES,
        "is_parallelizable": True,
        "render_fps": RENDER_FPS,
    }

    def __init__(
        self, *, max_cycles: int | None = None, render_mode: str | None = None, reveal: bool = False, **settings: Any
    ) -> None:
        check_render_mode(render_mode)
        self.game = AuctionGame(**settings)
        self.max_cycles = None if max_cycles is None else positive_integer("max_cycles", max_cycles)
        self.render_mode = render_mode
        self.possible_agents = [f"bidder_{i}" for i in range(self.game.n_agents)]
        self.agents: list[str] = []
        self._number = {agent: i for i, agent in enumerate(self.possible_agents)}
        self._action_spaces = {agent: in_precision(self.game.action_space, np.float32) for agent in self.possible_agents}
        shown = [in_precision(space, np.float32) for space in self.game.observation_spaces]
        self._observation_spaces = dict(zip(self.possible_agents, shown, strict=True))
        self.state_space = spaces.Box(
            np.concatenate([space.low for space in shown]), np.concatenate([space.high for space in shown]), dtype=np.float32
        )
        self._batch = AuctionBatch(self.game, 1)
        self._film = AuctionFilm(self.game, render_mode, boolean("reveal", reveal)) if render_mode is not None else None
        self._generator: np.random.Generator | None = None

    def observation_space(self, agent: str) -> spaces.Space[NDArray[np.float32]]:
        """What `agent` observes, (8,); the same object at every call."""
        return self._observation_spaces[agent]

    def action_space(self, agent: str) -> spaces.Space[Any]:
        """What `agent` does, (1,); the same object at every call."""
        return self._action_spaces[agent]

    def reset(self, seed: int | None = None, options: Mapping[str, Any] | None = None) -> tuple[Observations, Infos]:
        """Start an episode with all agents.

        Args:
            seed: the same seed gives the same episode; without one, the generator goes on.
            options: `budgets`, initial money of this episode: an amount, or one per agent. Other entries are ignored, as
                PettingZoo has it.
        """
        batch = self._batch
        budgets = (options or {}).get("budgets")
        if budgets is not None:
            self.game.read_budgets("budgets", budgets, (self.game.n_agents,), self.game.params.reserve)
        if seed is not None or self._generator is None:
            self._generator, _ = seeding.np_random(seed)
            batch.set_keys(generator_keys([self._generator]))
        observation = batch.reset(budgets=budgets)
        self.agents = self.possible_agents[:]
        if self._film is not None:
            self._film.begin(batch)
        return self._by_agent(observation[0]), self._infos()

    def step(
        self, actions: Mapping[str, Any]
    ) -> tuple[Observations, dict[str, float], dict[str, bool], dict[str, bool], Infos]:
        """One auction, or one tick of auctions, with the actions of all present `agents`.

        Raises:
            ValueError: an agent's action is missing, of the wrong shape or type, NaN or infinite, or an agent is not there;
                nothing has happened then.
            gymnasium.error.ResetNeeded: the episode is over, or none was started.
        """
        if not self.agents:
            raise gym.error.ResetNeeded("no agent is left in the episode; call reset() before the next step")
        row = self._read_actions(actions)
        observation, reward, terminated = self._batch.step(row)
        if self._film is not None:
            self._film.record(self._batch, row, reward.sum(axis=1))
        observations, infos = self._by_agent(observation[0]), self._infos()
        rewards = {agent: reward[0, self._number[agent]].item() for agent in self.agents}
        terminations = {agent: terminated[0, self._number[agent]].item() for agent in self.agents}
        out_of_time = self._batch.state.t[0] == self.max_cycles
        truncations = {agent: bool(out_of_time and not terminations[agent]) for agent in self.agents}
        self.agents = [agent for agent in self.agents if not (terminations[agent] or truncations[agent])]
        return observations, rewards, terminations, truncations, infos

    def state(self) -> NDArray[np.float32]:
        """The observations of all possible agents in a row, (8 * n_agents,): for critics that are trained centrally."""
        return self._batch.observe().ravel().astype(np.float32)

    def snapshot(self) -> State:
        """A complete copy of the world, to come back to with `restore`."""
        return self._batch.snapshot()

    def restore(self, snapshot: State) -> None:
        """Return to a snapshot; the same actions then have the same outcomes."""
        self._batch.restore(snapshot)
        if self._film is not None:
            self._film.rewind(self._batch)
        state = self._batch.state
        present = state.active[0] & ~state.finished[0] & (state.t[0] != self.max_cycles)
        self.agents = [agent for agent, there in zip(self.possible_agents, present, strict=True) if there]

    def _read_actions(self, actions: Mapping[str, Any]) -> NDArray[np.float64]:
        if set(actions) != set(self.agents):
            raise ValueError(f"actions are for {sorted(actions)}; expected one for each of {self.agents}")
        row = np.zeros((1, self.game.n_agents))
        for agent, action in actions.items():
            array = np.asarray(action)
            if array.shape not in ((1,), ()) or array.dtype.kind not in "fiu":
                raise ValueError(f"the action of {agent} is {action!r}; expected one number in {self.game.action_space}")
            row[0, self._number[agent]] = array.item()
        return row

    def _by_agent(self, observation: NDArray[np.float64]) -> Observations:
        return {agent: observation[self._number[agent]].astype(np.float32) for agent in self.agents}

    def _infos(self) -> Infos:
        reported = {name: rows[0].tolist() for name, rows in self._batch.info().items()}
        return {
            agent: {name: row[self._number[agent]] if isinstance(row, list) else row for name, row in reported.items()}
            for agent in self.agents
        }
