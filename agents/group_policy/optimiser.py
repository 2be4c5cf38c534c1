"""Group-relative policy optimisation, from top to bottom: read `learn`, then `collect`, then `train`."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.type_aliases import GymEnv, MaybeCallback, Schedule
from tqdm.rich import tqdm

from ...envs.core.checks import boolean, non_negative, positive_integer
from ...envs.core.problem import Problem
from ...envs.core.resolve import as_problem
from .allocators import Allocator, Seen, Uniform
from .baselines import Baseline, GroupMean, group_means
from .policy import GroupPolicy
from .rollouts import Never, Rollouts, Truncation, collect, together
from .shapers import EnvironmentReward, Shaper
from .tasks import TaskPool, Visit


class GroupPolicyOptimiser(BaseAlgorithm):
    """Policy gradients from groups of rollouts of the same task (GRPO, arXiv:2402.03300), with four places to plug in.

    An update visits `tasks_per_update` tasks of the pool. The `allocator` says how many rollouts each gets, `truncation` when
    they are cut off, the `shaper` what they are rewarded for, and the `baseline` what these rewards are compared with. What
    comes of it, one advantage per rollout, weighs all of its decisions in PPO's clipped surrogate.

    Args:
        policy: `GroupPolicy`.
        env: of one problem with Discrete actions, any face of it.
        tasks: in the pool.
        tasks_per_update: visited in every update.
        rollouts_per_task: on average.
        shaper: by default the environment's reward.
        baseline: by default the group's mean.
        allocator: by default uniform.
        truncation: by default never.
        shared_noise: rollouts of a task meet the same random numbers, so that their rewards differ by their actions alone. The
            gradient has the same mean, since actions are drawn by other numbers, and less variance. Needs a simulator; where
            there is none, leave it off.
        clip: how far probabilities may move in an update, down and up, as shares.
        epochs, minibatches: of the gradient descent in an update.
        entropy: weight of the policy's entropy at the start; falls to zero.
        largest_gradient: norms of gradients are cut to this.
        others: of SB3's `BaseAlgorithm`.
    """

    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {"GroupPolicy": GroupPolicy}
    policy: GroupPolicy

    def __init__(
        self,
        policy: Any,
        env: GymEnv | None,
        *,
        tasks: int = 8192,
        tasks_per_update: int = 4096,
        rollouts_per_task: int = 8,
        shaper: Shaper | None = None,
        baseline: Baseline | None = None,
        allocator: Allocator | None = None,
        truncation: Truncation | None = None,
        shared_noise: bool = False,
        clip: tuple[float, float] = (0.2, 0.2),
        epochs: int = 3,
        minibatches: int = 16,
        entropy: float = 0.0,
        largest_gradient: float = 0.5,
        learning_rate: float | Schedule = 3e-3,
        policy_kwargs: dict[str, Any] | None = None,
        tensorboard_log: str | None = None,
        verbose: int = 0,
        seed: int | None = None,
        device: str = "cpu",
        _init_setup_model: bool = True,
    ) -> None:
        super().__init__(
            policy,
            env,
            learning_rate,
            policy_kwargs=policy_kwargs,
            tensorboard_log=tensorboard_log,
            verbose=verbose,
            device=device,
            support_multi_env=True,
            seed=seed,
            supported_action_spaces=(spaces.Discrete,),
        )
        self.tasks = positive_integer("tasks", tasks)
        self.tasks_per_update = positive_integer("tasks_per_update", tasks_per_update)
        self.rollouts_per_task = positive_integer("rollouts_per_task", rollouts_per_task)
        self.shaper, self.baseline = shaper or EnvironmentReward(), baseline or GroupMean()
        self.allocator, self.truncation = allocator or Uniform(), truncation or Never()
        self.shared_noise, self.clip = boolean("shared_noise", shared_noise), clip
        self.epochs, self.minibatches = positive_integer("epochs", epochs), positive_integer("minibatches", minibatches)
        self.entropy, self.largest_gradient = non_negative("entropy", entropy), largest_gradient
        self.pool: TaskPool | None = None
        if _init_setup_model:
            self._setup_model()

    def _setup_model(self) -> None:
        self._setup_lr_schedule()
        self.set_random_seed(self.seed)
        self._random = np.random.default_rng(self.seed)
        self.policy = self.policy_class(  # type: ignore[assignment]
            self.observation_space, self.action_space, self.lr_schedule, **self.policy_kwargs
        )

    @property
    def problem(self) -> Problem:
        """What is learned on."""
        if self.env is None:
            raise ValueError("there is no environment to learn in; call set_env() first")
        return as_problem(self.env)

    def learn(
        self,
        total_timesteps: int,
        callback: MaybeCallback = None,
        log_interval: int = 1,
        tb_log_name: str = "group_policy",
        reset_num_timesteps: bool = True,
        progress_bar: bool = False,
    ) -> Self:
        """Train for `total_timesteps` decisions; see SB3."""
        total, calls = self._setup_learn(total_timesteps, callback, reset_num_timesteps, tb_log_name)
        if self.pool is None:
            self.pool = TaskPool(self.problem, self.tasks, 0 if self.seed is None else self.seed)
        calls.on_training_start(locals(), globals())
        with tqdm(total=total, initial=self.num_timesteps, disable=not progress_bar) as bar:
            updates = 0
            while self.num_timesteps < total:
                calls.on_rollout_start()
                visit = self.pool.draw(self.tasks_per_update, self._random)
                rollouts = self.collect(visit)
                made = int(rollouts.alive.sum())
                self.num_timesteps += made
                bar.update(made)
                calls.update_locals(locals())
                if not calls.on_step():
                    break
                calls.on_rollout_end()
                self.train(rollouts, visit)
                self._update_current_progress_remaining(self.num_timesteps, total)
                updates += 1
                if log_interval and updates % log_interval == 0:
                    self.logger.dump(self.num_timesteps)
        calls.on_training_end()
        return self

    def collect(self, visit: Visit) -> Rollouts:
        """The rollouts of a visit, in the rounds that the allocator asks for."""
        assert self.pool is not None
        tasks, left = len(visit.numbers), self.tasks_per_update * self.rollouts_per_task
        seen, rounds = Seen(np.zeros(tasks, np.int64), np.full(tasks, np.nan), None), []
        while left > 0:
            counts = np.asarray(self.allocator(visit, self.pool, seen, left))
            if counts.shape != (tasks,) or counts.dtype.kind != "i" or (counts < 0).any() or counts.sum() > left:
                what = f"{counts.dtype} {counts.shape} with a sum of {counts.sum()}"
                raise ValueError(f"the allocator returned {what}; expected {tasks} integers >= 0 with a sum of {left} at most")
            if not counts.any():
                break
            rounds.append(collect(self.problem, self.policy, visit, counts, self._random, self.shared_noise, self.truncation))
            left -= int(counts.sum())
            together_so_far = together(rounds)
            task = together_so_far.outcomes.task
            means = group_means(self.rewards(together_so_far, visit), task, tasks)
            seen = Seen(np.bincount(task, minlength=tasks), means, together_so_far.first(tasks))
        if not rounds:
            raise ValueError("the allocator gave no rollouts to any task; expected some in the first round")
        return together(rounds)

    def rewards(self, rollouts: Rollouts, visit: Visit) -> NDArray[np.float64]:
        """What the shaper gives to rollouts, (R,)."""
        rewards = np.asarray(self.shaper(rollouts.outcomes, visit), float)
        if rewards.shape != rollouts.outcomes.task.shape or not np.isfinite(rewards).all():
            expected = f"{len(rollouts.outcomes.task)} finite numbers"
            raise ValueError(f"the shaper returned {rewards.shape}, or not only numbers; expected {expected}")
        return rewards

    def train(self, rollouts: Rollouts, visit: Visit) -> None:
        """Descend on the clipped surrogate of rollouts, weighed by their advantages."""
        assert self.pool is not None
        self._update_learning_rate(self.policy.optimizer)
        rewards = self.rewards(rollouts, visit)
        self.pool.remember(visit, rollouts.outcomes.task, rewards)
        advantages = self.baseline(rewards, rollouts, visit)
        teaching = np.flatnonzero(advantages != 0.0)  # the others would only add zeros
        losses = [
            self._descend(rollouts, advantages, part)
            for _ in range(self.epochs)
            for part in np.array_split(self._random.permutation(teaching), self.minibatches)
            if len(part)
        ]
        self._n_updates += 1
        self._log(rollouts, rewards, len(teaching) / len(rewards), losses)

    def _descend(self, rollouts: Rollouts, advantages: NDArray[np.float64], part: NDArray[np.int64]) -> tuple[float, ...]:
        """One step of Adam on some of the rollouts. Returns loss, entropy, and the share of clipped decisions."""
        T = int(rollouts.alive[:, part].any(axis=1).sum())
        alive = torch.as_tensor(rollouts.alive[:T, part])
        logits = self.policy.episodes(torch.as_tensor(rollouts.observation[:T, part]), alive)
        log_probabilities = torch.log_softmax(logits, dim=1)
        action = torch.as_tensor(rollouts.action[:T, part])[alive]
        before = torch.as_tensor(rollouts.log_probability[:T, part])[alive]
        advantage = torch.as_tensor(advantages[part], dtype=torch.float32).expand(T, -1)[alive]
        ratio = (log_probabilities.gather(1, action[:, None])[:, 0] - before).exp()
        low, high = self.clip
        surrogate = torch.min(ratio * advantage, ratio.clamp(1.0 - low, 1.0 + high) * advantage).mean()
        entropy = -(log_probabilities.exp() * log_probabilities.clamp(min=-50.0)).sum(dim=1).mean()
        loss = -surrogate - self.entropy * max(self._current_progress_remaining, 0.0) * entropy
        self.policy.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.policy.parameters(), self.largest_gradient)
        self.policy.optimizer.step()
        clipped = ((ratio - 1.0).detach().abs() > min(low, high)).float().mean()
        return float(loss.detach()), float(entropy.detach()), float(clipped)

    def _log(self, rollouts: Rollouts, rewards: NDArray[np.float64], teaching: float, losses: list[tuple[float, ...]]) -> None:
        record = self.logger.record
        record("rollout/reward", float(rewards.mean()))
        record("rollout/return", float(rollouts.outcomes.reward.mean()))
        record("rollout/length", float(rollouts.alive.sum(axis=0).mean()))
        record("rollout/spent", float(rollouts.outcomes.spent[:, 0].mean()))
        record("rollout/effective_gradient_ratio", teaching)
        if losses:
            for name, values in zip(("loss", "entropy", "clipped"), zip(*losses, strict=True), strict=True):
                record(f"train/{name}", float(np.mean(values)))
        record("train/n_updates", self._n_updates, exclude="tensorboard")

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "_random"]

    def _get_torch_save_params(self) -> tuple[list[str], list[str]]:
        return ["policy", "policy.optimizer"], []
