"""PPO: Stable-Baselines3's learner on the native batch, with a configuration per environment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback, CallbackList
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.type_aliases import MaybeCallback
from stable_baselines3.common.vec_env import VecNormalize

from ..baselines.policy import Information, Policy, PolicyState
from ..envs.core.problem import Problem
from ..envs.core.sb3 import BudgetedSb3VecEnv


@dataclass(frozen=True)
class PpoConfiguration:
    """How PPO learns one family.

    Attributes:
        training: the problem to learn on, from the problem to decide on.
        decode: decode(problem, observations (n, d), actions (n, ...)) -> actions of the problem to decide on.
        timesteps: decisions that are enough to learn.
        lanes: episodes side by side.
        critic_first: rollouts in which only the critic learns. A critic that does not yet know what money is worth takes
            all spending for free, and the policy would at once unlearn to save.
        settings: the other arguments of SB3's PPO.
    """

    training: Callable[[Any], Problem]
    decode: Callable[[Any, NDArray[np.float64], NDArray[Any]], NDArray[Any]]
    timesteps: int
    lanes: int
    critic_first: int = 0
    settings: dict[str, Any] = field(default_factory=dict)


class Ppo(Policy):
    """Proximal policy optimisation (Schulman et al., arXiv:1707.06347) by Stable-Baselines3.

    Args:
        problem: what to decide on.
        path: of a saved agent; without it the agent has to `learn` first.
        seed: of network, exploration and training episodes.
        overrides: replace settings of the configuration, such as `learning_rate` or `lanes`.

    Raises:
        ValueError: no configuration for the family.
    """

    information: ClassVar[Information] = "model"

    def __init__(self, problem: Problem, path: str | Path | None = None, seed: int = 0, **overrides: Any) -> None:
        self.problem = problem
        self.configuration = configuration_of(problem)
        self._overrides = overrides
        self._seed = seed
        self.model: PPO | None = None if path is None else PPO.load(_existing(path), device="cpu")

    def learn(self, total_timesteps: int | None = None, callback: MaybeCallback = None, progress_bar: bool = False) -> Ppo:
        """Learn from so many decisions, by default what the configuration finds enough."""
        configuration = self.configuration
        settings = {**configuration.settings, **self._overrides}
        lanes = settings.pop("lanes", configuration.lanes)
        venv = BudgetedSb3VecEnv(configuration.training(self.problem), lanes, seed=self._seed)
        # Rewards are scaled by their own spread: in money, theta or clicks they are nowhere near 1.
        scaled = VecNormalize(venv, norm_obs=False, norm_reward=True, gamma=0.999, clip_reward=np.inf)
        if self.model is None:
            self.model = PPO(ActorCriticPolicy, scaled, seed=self._seed, device="cpu", **settings)
        else:
            self.model.set_env(scaled)
        callbacks = [CriticFirst(configuration.critic_first), *([] if callback is None else [callback])]
        steps = configuration.timesteps if total_timesteps is None else total_timesteps
        self.model.learn(steps, callback=CallbackList(callbacks), progress_bar=progress_bar)  # type: ignore[arg-type]
        return self

    def predict(
        self,
        observation: Any,
        state: PolicyState | None = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[Any], PolicyState | None]:
        """Decide; see `Policy.predict`.

        Raises:
            ValueError: it has not learned yet.
        """
        if self.model is None:
            raise ValueError("ppo has not learned: call learn(), or load what was trained, as in 'ppo:path=runs/ppo.zip'")
        rows = np.atleast_2d(np.asarray(observation, float))
        actions, _ = self.model.predict(rows, deterministic=deterministic)
        decoded = self.configuration.decode(self.problem, rows, actions)
        return (decoded[0] if np.ndim(observation) == 1 else decoded), state

    def save(self, path: str | Path) -> None:
        """Save the model as SB3 does; `PPO.load` reads it too."""
        if self.model is None:
            raise ValueError("ppo has not learned: there is nothing to save")
        self.model.save(path)

    @classmethod
    def load(cls, path: str | Path, env: Any) -> Ppo:
        """A saved agent, to decide on `env` (an environment of the suite, any face)."""
        from .registry import as_problem

        return cls(as_problem(env), path)

    def set_random_seed(self, seed: int | None = None) -> None:
        """Seed exploration and training episodes."""
        self._seed = 0 if seed is None else seed
        if self.model is not None:
            self.model.set_random_seed(seed)


def _existing(path: str | Path) -> Path:
    """The file of a saved agent, whether its name was given with .zip or without."""
    for candidate in (Path(path), Path(f"{path}.zip")):
        if candidate.is_file():
            return candidate
    raise FileNotFoundError(f"path is {str(path)!r}; expected the file of a saved agent")


class CriticFirst(BaseCallback):
    """Lets only the critic learn from the first rollouts."""

    def __init__(self, rollouts: int) -> None:
        super().__init__()
        self._left = rollouts

    def _on_rollout_end(self) -> None:
        policy = self.model.policy
        assert isinstance(policy, ActorCriticPolicy)
        actor = [*policy.mlp_extractor.policy_net.parameters(), *policy.action_net.parameters()]
        if isinstance(getattr(policy, "log_std", None), type(actor[0])):
            actor.append(policy.log_std)
        for parameter in actor:
            parameter.requires_grad_(self._left <= 0)
        self._left -= 1

    def _on_step(self) -> bool:
        return True


def configuration_of(problem: Problem) -> PpoConfiguration:
    """The configuration of the problem's family."""
    from .configurations import PPO_CONFIGURATIONS

    for family in type(problem).__mro__:
        if family in PPO_CONFIGURATIONS:
            return PPO_CONFIGURATIONS[family]
    raise ValueError(f"ppo has no configuration for {type(problem).__name__}; see budgetgym.agents.configurations")
