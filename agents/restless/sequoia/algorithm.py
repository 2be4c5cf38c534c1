"""The learning of SEQUOIA in the shape of Stable-Baselines3: deep Q-learning whose maximum over actions is a search.

Read `learn`, then `train`.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.type_aliases import GymEnv, MaybeCallback, Schedule
from stable_baselines3.common.utils import polyak_update, update_learning_rate

from ....envs.restless.problem import Restless
from ....envs.restless.reading import read_arms, read_left, read_situations, read_steps
from .base import LagrangianBase
from .network import ActionValue, JointNetwork, PublishedNetwork
from .search import Search
from .warm_start import Examples, strategic_examples

LEAST_STATES = 64
"""Situations from which at least the size of rewards is read."""


class ActionValuePolicy(BasePolicy):
    """The Q-network, its target, and the policy that searches for the action of the largest value.

    Args:
        observation_space, action_space, lr_schedule: as SB3 gives them.
        problem: what to learn on.
        network: "joint" or "published".
        base: what the joint network's value is added to: "joint", "lagrangian" or None; see `LagrangianBase`.
        hidden, trunk: see `JointNetwork`.
        kicks: of the search while learning; None searches greedily.
        optimizer: keywords of AdamW.
    """

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        lr_schedule: Schedule,
        problem: Restless,
        network: str = "joint",
        base: str | None = None,
        hidden: tuple[int, ...] = (32,),
        trunk: int = 128,
        kicks: int | None = 1,
        optimizer: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(observation_space, action_space)
        self.problem = problem
        known = None if base is None else LagrangianBase(problem, base)

        def make() -> ActionValue:
            return PublishedNetwork(problem, hidden) if network == "published" else JointNetwork(problem, hidden, trunk, known)

        self.q_net, self.q_net_target = make(), make()
        self.q_net_target.load_state_dict(self.q_net.state_dict())
        self.q_net_target.requires_grad_(False)
        self.search = Search(self.q_net.coding, kicks)
        self.optimizer = torch.optim.AdamW(self.q_net.parameters(), lr=lr_schedule(1.0), **(optimizer or {}))

    def best_actions(
        self,
        rows: NDArray[np.float64],
        starts: NDArray[np.int64] | None = None,
        noise: NDArray[np.float64] | None = None,
        net: ActionValue | None = None,
    ) -> NDArray[np.int64]:
        """The actions (n, m) of the largest value that the search finds for observations (n, d).

        Args:
            rows: observations.
            starts: (n, m) actions to begin with.
            noise: (n, X) what is added to the worth of the code's entries, in units of their own spread.
            net: other than the online network.
        """
        net = self.q_net if net is None else net
        _, linear, bias = net.asked(rows)
        if noise is not None:
            linear = linear + linear.std(axis=1, keepdims=True) * noise
        return self.search.maximise(net.layers(), linear, bias, read_left(self.problem.reading, rows), starts)[0]

    def values(self, net: ActionValue, rows: NDArray[np.float64], actions: NDArray[np.int64]) -> NDArray[np.float64]:
        """The values (n,) that a network gives to actions (n, m) under observations (n, d)."""
        tensors = rows, net.coding.encode(actions)
        with torch.no_grad():
            return net(*(torch.as_tensor(array, dtype=torch.float32) for array in tensors)).numpy().astype(np.float64)

    def _predict(self, observation: Any, deterministic: bool = False) -> torch.Tensor:
        return torch.as_tensor(self.best_actions(observation.double().numpy()))


class ActionValueLearner(OffPolicyAlgorithm):
    """Deep Q-learning over a combinatorial action set, with plain replay: all transitions are as likely.

    Args:
        policy: `ActionValuePolicy`.
        env: of one restless problem.
        double: the online network chooses the next action, the target network says what it is worth; otherwise both the
            latter.
        target_interval: gradient steps between updates of the target network.
        tau: share of the online network that the target network takes over then.
        terminal_mask: nothing is expected after the last step.
        exploration: (first, last) probability to explore, and the share of learning over which it falls.
        diversity: share of exploration that plays the best action under perturbed values; the rest is random.
        control_variate: subtract from every target the noise of the next state as the Lagrangian relaxation values it. Its
            expectation is known exactly, so targets have the same mean and a fraction of the variance.
        warm_states: situations of the warm start; 0 for none.
        warm_epochs, warm_batch, warm_decay: of its regression; the learning rate falls by the latter with every epoch.
        remembered: how many of the warm start's examples go into the replay, by default all.
        loss_scale: the network's unit, in standard deviations of the next reward; None leaves it at 1.
        clip: largest norm of a gradient.
        others: of SB3's `OffPolicyAlgorithm`.
    """

    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {"ActionValuePolicy": ActionValuePolicy}
    policy: ActionValuePolicy

    def __init__(
        self,
        policy: Any,
        env: GymEnv | None,
        *,
        double: bool = True,
        target_interval: int = 100,
        tau: float = 1.0,
        terminal_mask: bool = True,
        exploration: tuple[float, float, float] = (0.5, 0.05, 0.7),
        diversity: float = 0.5,
        control_variate: bool = True,
        warm_states: int = 6000,
        warm_epochs: int = 10,
        warm_batch: int = 256,
        warm_decay: float = 0.8,
        remembered: int | None = None,
        loss_scale: float | None = 4.0,
        clip: float = 10.0,
        learning_rate: Any = 1e-3,
        buffer_size: int = 100_000,
        learning_starts: int = 2_000,
        batch_size: int = 256,
        gamma: float = 1.0,
        train_freq: int = 1,
        gradient_steps: int = 4,
        policy_kwargs: dict[str, Any] | None = None,
        tensorboard_log: str | None = None,
        verbose: int = 0,
        seed: int | None = None,
        device: str = "cpu",
        _init_setup_model: bool = True,
    ) -> None:
        super().__init__(
            policy,
            env,  # type: ignore[arg-type]
            learning_rate,
            buffer_size,
            learning_starts,
            batch_size,
            tau,
            gamma,
            train_freq,
            gradient_steps,
            policy_kwargs=policy_kwargs,
            tensorboard_log=tensorboard_log,
            verbose=verbose,
            device=device,
            support_multi_env=True,
            seed=seed,
            sde_support=False,
            supported_action_spaces=(spaces.MultiBinary,),
        )
        self.double, self.target_interval, self.terminal_mask = double, target_interval, terminal_mask
        self.exploration, self.diversity, self.control_variate = exploration, diversity, control_variate
        self.warm_states, self.warm_epochs, self.warm_batch = warm_states, warm_epochs, warm_batch
        self.warm_decay, self.loss_scale, self.clip = warm_decay, loss_scale, clip
        self.remembered = remembered
        self.is_warm = False
        self._variate: LagrangianBase | None = None
        if _init_setup_model:
            self._setup_model()

    def _setup_model(self) -> None:
        self.replay_buffer_class = TransitionBuffer
        self._random = np.random.default_rng(self.seed)
        super()._setup_model()
        if self.control_variate:
            self._variate = LagrangianBase(self.policy.problem)

    def learn(
        self,
        total_timesteps: int,
        callback: MaybeCallback = None,
        log_interval: int = 1000,
        tb_log_name: str = "sequoia",
        reset_num_timesteps: bool = True,
        progress_bar: bool = False,
    ) -> Self:
        """Warm start once, then deep Q-learning; see SB3."""
        if not self.is_warm:
            self.warm_start()
        try:
            return super().learn(total_timesteps, callback, log_interval, tb_log_name, reset_num_timesteps, progress_bar)
        except KeyboardInterrupt:
            if isinstance(callback, BaseCallback):  # keeps the best so far
                callback.on_training_end()
            raise

    # --- phases 1 and 2: the next reward ----------------------------------------------------------------------------------

    def warm_start(self) -> list[float]:
        """Regression on the next reward. Returns the mean loss of every epoch.

        A network with a base has better knowledge than the next reward, and only takes its unit from the examples.
        """
        policy, net = self.policy, self.policy.q_net
        random = np.random.default_rng(self.seed)
        examples = strategic_examples(policy.problem, max(self.warm_states, LEAST_STATES), random)
        if self.loss_scale is not None:
            net.scale.fill_(self.loss_scale * max(float(examples.rewards.std()), 1e-6))
        losses = []
        if self.warm_states and net.base is None:
            tensors = examples.observations, net.coding.encode(examples.actions), examples.rewards
            rows, codes, rewards = (torch.as_tensor(array, dtype=torch.float32) for array in tensors)
            for epoch in range(self.warm_epochs):
                update_learning_rate(policy.optimizer, self.lr_schedule(1.0) * self.warm_decay**epoch)
                total = 0.0
                for batch in torch.randperm(len(rows)).split(self.warm_batch):
                    total += self._descend(rows[batch], codes[batch], rewards[batch]) * len(batch)
                losses.append(total / len(rows))
        policy.q_net_target.load_state_dict(net.state_dict())
        self._remember(examples)
        self.is_warm = True
        return losses

    def _remember(self, examples: Examples) -> None:
        """Fill the replay with the examples too: play alone hardly gets into the states that only persistence reaches."""
        buffer = self.replay_buffer
        assert isinstance(buffer, TransitionBuffer)
        n = buffer.n_envs
        count = min(len(examples.rewards), len(examples.rewards) if self.remembered is None else self.remembered)
        order = self._random.permutation(len(examples.rewards))[:count]
        for first in range(0, count - n + 1, n):
            rows, actions, rewards, after = (array[order[first : first + n]] for array in examples)
            at = buffer.pos
            ends = read_steps(self.policy.problem.reading, after) == self.policy.problem.horizon
            buffer.add(rows, after, actions, rewards, ends, [{}] * n)
            self._complete(buffer, at)

    def _complete(self, buffer: TransitionBuffer, at: int) -> None:
        """What the buffer knows besides of the transitions in its row `at`."""
        buffer.forget(at)
        if self._variate is not None:
            problem = self.policy.problem
            arms, t, _, initial = read_situations(problem.reading, buffer.observations[at])
            after = read_arms(problem.reading, buffer.next_observations[at])
            expected = self._variate.expected_ahead(arms, t, initial, buffer.actions[at].astype(np.int64))
            buffer.noise[at] = self._variate.ahead(after, t + 1, initial) - expected

    # --- phase 3: what comes after ----------------------------------------------------------------------------------------

    def predict(
        self,
        observation: Any,
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = False,
    ) -> tuple[NDArray[Any], Any]:
        """Actions (n, m) for observations (n, d); without `deterministic` some lanes explore."""
        rows = np.atleast_2d(np.asarray(observation, float))
        n, m, random = len(rows), self.policy.problem.feasible.m, self._random
        explores = np.zeros(n, np.bool_) if deterministic else random.random(n) < self.exploration_rate
        diverse = explores & (random.random(n) < self.diversity)
        noise = random.normal(size=(n, self.policy.q_net.coding.width)) * diverse[:, None] if diverse.any() else None
        actions = self.policy.best_actions(rows, noise=noise)
        left = read_left(self.policy.problem.reading, rows)
        for row in np.flatnonzero(explores & ~diverse):
            actions[row] = self.policy.problem.feasible.sample(random, most=int(min(left[row], m)))
        actions = actions.astype(self.action_space.dtype)
        return (actions[0] if np.ndim(observation) == 1 else actions), state

    def _sample_action(
        self, learning_starts: int, action_noise: Any = None, n_envs: int = 1
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Random actions at first. SB3 would sample the space, which knows neither the pulls left nor, where the environment
        cuts actions back, the feasible set: what the replay remembers must be what was done."""
        if self.num_timesteps >= learning_starts:
            return super()._sample_action(learning_starts, action_noise, n_envs)
        feasible, rows = self.policy.problem.feasible, np.asarray(self._last_obs)
        left = np.minimum(read_left(self.policy.problem.reading, rows), feasible.m)
        actions = np.stack([feasible.sample(self._random, most=int(most)) for most in left]).astype(self.action_space.dtype)
        return actions, actions

    @property
    def exploration_rate(self) -> float:
        """The present probability to explore."""
        first, last, over = self.exploration
        return last + (first - last) * max(0.0, 1.0 - (1.0 - self._current_progress_remaining) / over)

    def _store_transition(
        self,
        replay_buffer: ReplayBuffer,
        buffer_action: NDArray[Any],
        new_obs: Any,
        reward: NDArray[Any],
        dones: NDArray[Any],
        infos: list[dict[str, Any]],
    ) -> None:
        assert isinstance(replay_buffer, TransitionBuffer)
        at = replay_buffer.pos
        super()._store_transition(replay_buffer, buffer_action, new_obs, reward, dones, infos)
        self._complete(replay_buffer, at)

    def train(self, gradient_steps: int, batch_size: int = 256) -> None:
        """Some steps down the gradient of the temporal difference."""
        self._update_learning_rate(self.policy.optimizer)
        buffer, net = self.replay_buffer, self.policy.q_net
        assert isinstance(buffer, TransitionBuffer)
        losses = []
        for _ in range(gradient_steps):
            at = self._random.integers(buffer.size(), size=batch_size), self._random.integers(buffer.n_envs, size=batch_size)
            targets = self._targets(buffer, at)
            codes = net.coding.encode(buffer.actions[at].astype(np.int64))
            tensors = buffer.observations[at], codes, targets
            losses.append(self._descend(*(torch.as_tensor(array, dtype=torch.float32) for array in tensors)))
            self._n_updates += 1
            if self._n_updates % self.target_interval == 0:
                polyak_update(net.parameters(), self.policy.q_net_target.parameters(), self.tau)
                buffer.moved(self.tau)
        self.logger.record("train/loss", float(np.mean(losses)))
        self.logger.record("train/exploration_rate", self.exploration_rate)
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")

    def _targets(self, buffer: TransitionBuffer, at: tuple[NDArray[Any], NDArray[Any]]) -> NDArray[np.float64]:
        """Reward and discounted value ahead of the transitions at these places, (n,)."""
        over = (buffer.dones[at] > 0.0) & self.terminal_mask
        ahead = np.zeros(len(over))
        # With the target network's choice an answer holds until that network moves; else it is where to search on from.
        due = ~over if self.double else ~over & ~buffer.known[at]
        asked = at[0][due], at[1][due]
        if len(asked[0]):
            rows = buffer.next_observations[asked]
            begun = np.array(buffer.next_actions[asked], np.int64)
            chooser = self.policy.q_net if self.double else self.policy.q_net_target
            actions = self.policy.best_actions(rows, begun, net=chooser)
            buffer.next_actions[asked] = actions
            buffer.next_values[asked] = self.policy.values(self.policy.q_net_target, rows, actions)
            buffer.known[asked] = True
        ahead[~over] = buffer.next_values[at][~over]
        return buffer.rewards[at] + self.gamma * (ahead - buffer.noise[at])

    def _descend(self, rows: torch.Tensor, codes: torch.Tensor, targets: torch.Tensor) -> float:
        """One step of the optimiser on the Huber loss, in the network's unit. Returns the loss."""
        policy = self.policy
        loss = torch.nn.functional.smooth_l1_loss(policy.q_net(rows, codes) / policy.q_net.scale, targets / policy.q_net.scale)
        policy.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(policy.q_net.parameters(), self.clip)
        policy.optimizer.step()
        return float(loss.detach())

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "_variate"]

    def _get_torch_save_params(self) -> tuple[list[str], list[str]]:
        return ["policy", "policy.optimizer"], []


class TransitionBuffer(ReplayBuffer):
    """Replay that remembers the best next action of every transition, and the noise of its next state.

    Attributes:
        next_actions: (size, lanes, m) the best known so far.
        next_values: (size, lanes) the target network's value of them.
        known: (size, lanes) whether that is up to date.
        noise: (size, lanes) what the next state is worth above its expectation; 0 without a control variate.
    """

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.next_actions = np.zeros(self.actions.shape, np.int8)
        self.next_values, self.noise = np.zeros(self.rewards.shape), np.zeros(self.rewards.shape)
        self.known = np.zeros(self.rewards.shape, np.bool_)

    def forget(self, at: int) -> None:
        """A new row of transitions stands at `at`."""
        self.next_actions[at], self.known[at], self.noise[at] = 0, False, 0.0

    def moved(self, share: float) -> None:
        """The target network has moved by this share of its way; by less than a hundredth, answers still hold."""
        if share >= 0.01:
            self.known[:] = False
