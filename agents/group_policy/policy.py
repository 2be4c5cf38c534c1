"""The policy that group-relative learners train: a categorical choice, with or without a memory of the episode."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor, FlattenExtractor
from stable_baselines3.common.type_aliases import Schedule
from torch import Tensor, nn

from ...envs.core.checks import one_of, positive_integer

FORBIDDEN = -1e9
"""The logit of what can't be executed."""


class Forgetful(nn.Module):
    """No memory: a decision depends on the present observation."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.width, self.out = 0, features

    def step(self, x: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Features (n, f) and memory (n, width) -> what the decision depends on (n, out), and the memory after."""
        return x, memory

    def sequence(self, x: Tensor) -> Tensor:
        """The same for whole episodes from their start: (T, n, f) -> (T, n, out)."""
        return x


class Stacked(nn.Module):
    """The latest observations side by side; zeros before the first."""

    def __init__(self, features: int, length: int) -> None:
        super().__init__()
        self.length, self.width, self.out = length, features * (length - 1), features * length

    def step(self, x: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """See `Forgetful.step`."""
        stacked = torch.cat([x, memory], dim=-1)
        return stacked, stacked[:, : self.width]

    def sequence(self, x: Tensor) -> Tensor:
        """See `Forgetful.sequence`."""
        before = [torch.cat([torch.zeros_like(x[:k]), x[: len(x) - k]]) for k in range(min(self.length, len(x)))]
        before += [torch.zeros_like(x)] * (self.length - len(before))
        return torch.cat(before, dim=-1)


class Recurrent(nn.Module):
    """A gated recurrent unit beside the present observation."""

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.width, self.out = width, features + width
        self.gru = nn.GRU(features, width)

    def step(self, x: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """See `Forgetful.step`."""
        y, memory = self.gru(x[None], memory[None].contiguous())
        return torch.cat([x, y[0]], dim=-1), memory[0]

    def sequence(self, x: Tensor) -> Tensor:
        """See `Forgetful.sequence`."""
        return torch.cat([x, self.gru(x)[0]], dim=-1)


MEMORIES = ("none", "stack", "recurrent")


class GroupPolicy(BasePolicy):
    """Observation -> features -> memory -> perceptron -> one logit per action.

    Args:
        observation_space, action_space, lr_schedule: as SB3 gives them; actions are Discrete.
        net_arch: hidden layers.
        memory: "none", "stack" or "recurrent".
        memory_size: observations in the stack, the present one included, or units of the recurrent network.
        affordable: where the observation shows which of the first actions can be paid, (first entry, how many); those that
            can't are never chosen. None: all actions are always possible.
        features_extractor_class, features_extractor_kwargs: as SB3's.
    """

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Discrete,
        lr_schedule: Schedule,
        net_arch: tuple[int, ...] = (64, 64),
        memory: str = "none",
        memory_size: int = 32,
        affordable: tuple[int, int] | None = None,
        features_extractor_class: type[BaseFeaturesExtractor] = FlattenExtractor,
        features_extractor_kwargs: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(
            observation_space,
            action_space,
            features_extractor_class=features_extractor_class,
            features_extractor_kwargs=features_extractor_kwargs,
        )
        self.features_extractor = self.make_features_extractor()
        features, size = self.features_extractor.features_dim, positive_integer("memory_size", memory_size)
        kind = one_of("memory", memory, MEMORIES)
        self.memory: Any = (
            Forgetful(features)
            if kind == "none"
            else Stacked(features, size)
            if kind == "stack"
            else Recurrent(features, size)
        )
        layers, width = [], self.memory.out
        for hidden in net_arch:
            layers += [nn.Linear(width, hidden), nn.ReLU()]
            width = hidden
        self.head: Any = nn.Sequential(*layers, nn.Linear(width, int(action_space.n)))
        with torch.no_grad():  # begin undecided
            self.head[-1].weight.mul_(0.01)
        self.affordable = affordable
        self.optimizer = torch.optim.Adam(self.parameters(), lr=lr_schedule(1.0))

    def start(self, n: int) -> Tensor:
        """The memory of n episodes at their start, (n, width)."""
        return torch.zeros(n, self.memory.width)

    def step(self, rows: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (n, A) for observations (n, d), and the memory after."""
        known, memory = self.memory.step(self.features_extractor(rows), memory)
        return self._masked(self.head(known), rows), memory

    def episodes(self, rows: Tensor, alive: Tensor) -> Tensor:
        """Logits (decisions, A) of all decisions of n episodes: rows (T, n, d), alive (T, n) says which were made."""
        made = rows[alive]
        if self.memory.width == 0:
            return self._masked(self.head(self.features_extractor(made)), made)
        features = self.features_extractor(rows.flatten(0, 1)).unflatten(0, rows.shape[:2])
        return self._masked(self.head(self.memory.sequence(features)[alive]), made)

    def _masked(self, logits: Tensor, rows: Tensor) -> Tensor:
        if self.affordable is None:
            return logits
        first, count = self.affordable
        possible = rows[:, first : first + count] > 0.5
        possible[:, 0] |= ~possible.any(dim=1)  # what then happens is the environment's rule of exhaustion
        free = torch.ones(len(rows), logits.shape[1] - count, dtype=torch.bool)
        return logits.masked_fill(~torch.cat([possible, free], dim=1), FORBIDDEN)

    def predict(
        self,
        observation: Any,
        state: tuple[NDArray[Any], ...] | None = None,
        episode_start: Any = None,
        deterministic: bool = False,
    ) -> tuple[NDArray[Any], tuple[NDArray[Any], ...] | None]:
        """Actions for one observation or a batch; `state` is the memory of the episodes, see SB3's recurrent policies."""
        rows = np.atleast_2d(np.asarray(observation, np.float32))
        memory = self.start(len(rows)) if state is None else torch.as_tensor(state[0])
        if episode_start is not None:
            memory = memory.clone()
            memory[torch.as_tensor(np.array(np.broadcast_to(np.asarray(episode_start, bool), len(rows))))] = 0.0
        with torch.no_grad():
            logits, memory = self.step(torch.as_tensor(rows), memory)
            chosen = logits.argmax(dim=1) if deterministic else torch.distributions.Categorical(logits=logits).sample()
        actions = chosen.numpy()
        return (actions[0] if np.ndim(observation) == 1 else actions), (memory.numpy(),)

    def _predict(self, observation: Any, deterministic: bool = False) -> Tensor:
        return torch.as_tensor(self.predict(observation.numpy(), deterministic=deterministic)[0])
