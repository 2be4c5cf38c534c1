from typing import Any

import numpy as np
import pytest
import torch
from budgetgym.agents.group_policy.allocators import Knapsack, SequentialStopping
from budgetgym.agents.group_policy.baselines import GroupMean, Shrinkage, ValuePrior, group_means, scaled
from budgetgym.agents.group_policy.optimiser import GroupPolicyOptimiser
from budgetgym.agents.group_policy.policy import GroupPolicy
from budgetgym.agents.group_policy.rollouts import AfterSteps, collect, play_kernel, together
from budgetgym.agents.group_policy.tasks import TaskPool
from budgetgym.baselines.routing.agentic.routers import AlwaysLarge
from budgetgym.envs.core.sb3 import BudgetedSb3VecEnv
from budgetgym.envs.routing.agentic.problem import AgenticRouting
from own_problem import OnlineKnapsack
from stable_baselines3.common.callbacks import BaseCallback


@pytest.fixture(scope="module")
def problem():
    return AgenticRouting(instance="webshop", budget=(2, 12))


def policy_of(problem, **settings) -> Any:
    torch.manual_seed(0)
    return GroupPolicy(problem.observation_space, problem.action_space, lambda _: 1e-3, **settings)


def learner(problem, **settings):
    return GroupPolicyOptimiser(
        GroupPolicy, BudgetedSb3VecEnv(problem, 1, seed=0), tasks=64, tasks_per_update=32, minibatches=2, seed=0, **settings
    )


def test_rollouts_of_a_task_begin_alike_and_go_on_at_random(problem):
    pool, random = TaskPool(problem, 10), np.random.default_rng(0)
    visit = pool.visit(np.array([3, 7]), random)
    rollouts = collect(problem, policy_of(problem), visit, np.array([5, 0]), random)
    assert rollouts.outcomes.task.tolist() == [0] * 5
    assert (rollouts.observation[0] == rollouts.observation[0, :1]).all()
    assert not (rollouts.observation == rollouts.observation[:, :1]).all()
    assert (rollouts.outcomes.initial[:, 0] == visit.budgets[0]).all()
    again = collect(problem, policy_of(problem), pool.visit(np.array([3]), random), np.array([1]), random)
    same = np.array([name not in ("large_calls_size", "affordable[1]") for name in problem.observation_names])
    assert (again.observation[0, 0, same] == rollouts.observation[0, 0, same]).all()  # the task, with another budget


def test_nothing_is_decided_after_the_end_and_never_overspent(problem):
    pool, random = TaskPool(problem, 50), np.random.default_rng(0)
    policy = policy_of(problem, affordable=(15, 2))
    rollouts = collect(problem, policy, pool.draw(50, random), np.full(50, 3), random)
    alive, outcomes = rollouts.alive, rollouts.outcomes
    assert (alive[:-1] >= alive[1:]).all()  # never alive again
    assert (outcomes.spent <= outcomes.initial).all()
    assert outcomes.reward == pytest.approx(outcomes.metrics["success"])
    large = (rollouts.action * alive).sum(axis=0)
    assert large == pytest.approx(outcomes.spent[:, 0])  # every large call that was chosen was paid: the others are masked
    assert (rollouts.log_probability[~alive] == 0).all()


def test_shared_luck_makes_equal_actions_equal(problem):
    pool, random = TaskPool(problem, 20), np.random.default_rng(0)
    visit = pool.draw(20, random)
    policy = policy_of(problem)
    with torch.no_grad():
        policy.head[-1].bias[:] = torch.tensor([50.0, 0.0])  # always small
    rollouts = collect(problem, policy, visit, np.full(20, 4), random, shared_noise=True)
    success = rollouts.outcomes.metrics["success"].reshape(20, 4)
    assert (success == success[:, :1]).all()
    assert 0 < success.mean() < 1
    others = collect(problem, policy, visit, np.full(20, 4), random).outcomes.metrics["success"].reshape(20, 4)
    assert (others != others[:, :1]).any()


def test_compiled_policies_play_the_same_tasks(problem):
    pool, random = TaskPool(problem, 30), np.random.default_rng(0)
    visit = pool.draw(30, random)
    policy = policy_of(problem, affordable=(15, 2))
    with torch.no_grad():
        policy.head[-1].bias[:] = torch.tensor([0.0, 50.0])  # large, while that can be paid
    ours = collect(problem, policy, visit, np.ones(30, np.int64), random, shared_noise=True).outcomes
    theirs = play_kernel(problem, AlwaysLarge(problem), visit, np.arange(30), visit.futures)
    assert (ours.spent == theirs.spent).all()
    assert (ours.metrics["success"] == theirs.metrics["success"]).all()


def test_every_task_is_visited_before_any_is_again(problem):
    pool, random = TaskPool(problem, 10), np.random.default_rng(0)
    seen = np.concatenate([pool.draw(4, random).numbers for _ in range(5)])
    assert sorted(seen[:10]) == sorted(seen[10:20]) == list(range(10))


@pytest.mark.parametrize("memory", ["none", "stack", "recurrent"])
def test_deciding_step_by_step_is_what_is_learned_from(problem, memory):
    """The logits of whole episodes are those with which the actions were drawn."""
    policy = policy_of(problem, memory=memory, memory_size=3, affordable=(15, 2))
    with torch.no_grad():
        policy.head[-1].weight.mul_(1000.0)
    pool, random = TaskPool(problem, 20), np.random.default_rng(0)
    rollouts = collect(problem, policy, pool.draw(20, random), np.full(20, 2), random)
    alive = torch.as_tensor(rollouts.alive)
    logits = policy.episodes(torch.as_tensor(rollouts.observation), alive)
    action = torch.as_tensor(rollouts.action)[alive]
    again = torch.log_softmax(logits, dim=1).gather(1, action[:, None])[:, 0].detach().numpy()
    assert again == pytest.approx(rollouts.log_probability[rollouts.alive], abs=1e-4)
    assert again.min() < -1.0  # it says something


@pytest.mark.parametrize("memory", ["stack", "recurrent"])
def test_predict_carries_its_memory(problem, memory):
    policy = policy_of(problem, memory=memory, memory_size=3)
    with torch.no_grad():
        policy.head[-1].weight.mul_(1000.0)
    rows = np.random.default_rng(0).uniform(size=(6, 4, 20)).astype(np.float32)
    state, chosen = None, []
    for t in range(6):
        action, state = policy.predict(rows[t], state, np.full(4, t == 0), deterministic=True)
        chosen.append(action)
    whole = policy.episodes(torch.as_tensor(rows), torch.ones(6, 4, dtype=torch.bool)).argmax(dim=1).reshape(6, 4)
    assert (np.array(chosen) == whole.numpy()).all()
    fresh, _ = policy.predict(rows[3], state, np.ones(4, bool), deterministic=True)
    assert (fresh == policy.predict(rows[3], None, None, deterministic=True)[0]).all()


def test_a_policy_never_chooses_what_cannot_be_paid(problem):
    policy = policy_of(problem, affordable=(15, 2))
    rows = np.zeros((500, 20), np.float32)
    rows[:, 15] = 1.0
    assert (policy.predict(rows)[0] == 0).all()
    rows[:, 15] = 0.0
    assert (policy.predict(rows)[0] == 0).all()  # nothing can be paid: the environment says what that means
    rows[:, 15:17] = 1.0
    assert len(np.unique(policy.predict(rows)[0])) == 2


def test_truncation_ends_rollouts_with_what_they_have(problem):
    pool, random = TaskPool(problem, 20), np.random.default_rng(0)
    visit = pool.draw(20, random)
    rollouts = collect(problem, policy_of(problem), visit, np.full(20, 2), random, truncation=AfterSteps(3))
    assert len(rollouts.alive) == 3
    assert (rollouts.outcomes.metrics["success"][rollouts.alive.all(axis=0)] >= 0).all()
    with pytest.raises(ValueError, match="steps is 0"):
        AfterSteps(0)


def test_rounds_become_one(problem):
    pool, random = TaskPool(problem, 4), np.random.default_rng(0)
    visit, policy = pool.draw(4, random), policy_of(problem)
    parts = [collect(problem, policy, visit, np.array(counts), random) for counts in ([2, 0, 1, 0], [0, 1, 0, 1])]
    whole = together(parts)
    assert whole.outcomes.task.tolist() == [0, 0, 2, 1, 3]
    for part, columns in zip(parts, (slice(0, 3), slice(3, 5)), strict=True):
        T = len(part.alive)
        assert (whole.observation[:T, columns] == part.observation).all()
        assert not whole.alive[T:, columns].any()
    assert np.isnan(parts[0].first(4)[[1, 3]]).all()
    assert np.isfinite(whole.first(4)).all()


def test_group_advantages():
    rewards, task = np.array([1.0, 0.0, 0.0, 0.0, 1.0, 1.0]), np.array([0, 0, 0, 0, 1, 1])
    assert group_means(rewards, task, 3)[:2].tolist() == [0.25, 1.0]
    assert np.isnan(group_means(rewards, task, 3)[2])
    centred = rewards - np.array([0.25, 1.0])[task]
    spread = np.sqrt(group_means(centred**2, task, 2))
    assert scaled(centred, task, "group", spread)[:4] == pytest.approx(np.array([3.0, -1, -1, -1]) / np.sqrt(3), rel=1e-4)
    assert scaled(centred, task, "group", spread)[4:].tolist() == [0.0, 0.0]
    assert np.sqrt(np.mean(scaled(centred, task, "batch", spread) ** 2)) == pytest.approx(1.0)
    assert (scaled(centred, task, "none", spread) == centred).all()
    with pytest.raises(ValueError, match="scale"):
        GroupMean(scale="task")


def test_a_baseline_does_not_move_the_gradient(problem):
    """With or without the group's mean, the mean gradient of the first logit's bias is the same; its spread is not."""
    pool, random = TaskPool(problem, 400), np.random.default_rng(0)
    visit, policy = pool.draw(400, random), policy_of(problem)
    rollouts = collect(problem, policy, visit, np.full(400, 8), random, shared_noise=True)
    reward, alive = rollouts.outcomes.reward, torch.as_tensor(rollouts.alive)
    p = torch.softmax(policy.episodes(torch.as_tensor(rollouts.observation), alive), dim=1)[:, 1].detach().numpy()
    score = np.zeros(rollouts.alive.shape)
    score[rollouts.alive] = rollouts.action[rollouts.alive] - p
    score = score.sum(axis=0)
    task = rollouts.outcomes.task
    others = (group_means(reward, task, 400)[task] * 8 - reward) / 7  # of the other rollouts
    plain, compared = score * reward, score * (reward - others)
    difference = plain - compared
    by_task = group_means(difference, task, 400)
    assert abs(by_task.mean()) < 4 * by_task.std() / 20
    assert group_means(compared, task, 400).std() < 0.5 * group_means(plain, task, 400).std()


@pytest.mark.parametrize(
    "plugins",
    [
        {},
        {"shared_noise": True},
        {"allocator": Knapsack(most=32)},
        {"baseline": GroupMean("group"), "truncation": AfterSteps(6)},
        {"policy_kwargs": {"memory": "recurrent", "memory_size": 8}},
    ],
    ids=lambda plugins: ",".join(plugins) or "default",
)
def test_it_runs_with_every_plug_in(problem, plugins):
    model = learner(problem, learning_rate=1e-2, **plugins)
    model.learn(4000)
    assert model.num_timesteps >= 4000
    assert model.pool is not None
    assert np.isfinite(model.pool.rewards).any()


def test_prior_and_stopping_work_together(problem):
    prior = ValuePrior()
    model = learner(problem, baseline=Shrinkage(prior), allocator=SequentialStopping(prior), rollouts_per_task=16)
    model.learn(1)
    made = model.pool.draw(32, np.random.default_rng(0))
    rollouts = model.collect(made)
    counts = np.bincount(rollouts.outcomes.task, minlength=32)
    assert counts.min() >= 4
    assert counts.max() <= 16
    assert counts.sum() < 16 * 32  # it stops where the prior is right


class Counting(BaseCallback):
    """Notes which callbacks were called, and stops after three updates."""

    def __init__(self):
        super().__init__()
        self.events = []

    def _on_training_start(self):
        self.events.append("start")

    def _on_rollout_end(self):
        self.events.append("rollout")

    def _on_step(self):
        return self.events.count("rollout") < 3

    def _on_training_end(self):
        self.events.append("end")


def test_it_has_the_shape_of_sb3(problem, tmp_path):
    calls = Counting()
    model = learner(problem).learn(10**9, callback=calls)
    assert calls.events == ["start", "rollout", "rollout", "rollout", "end"]
    assert model.logger.name_to_value is not None
    model.save(tmp_path / "model.zip")
    again = GroupPolicyOptimiser.load(tmp_path / "model.zip", env=BudgetedSb3VecEnv(problem, 1, seed=0))
    rows = np.random.default_rng(0).uniform(size=(50, 20))
    assert (again.predict(rows, deterministic=True)[0] == model.predict(rows, deterministic=True)[0]).all()
    assert again.learn(1).num_timesteps > 0


def test_the_same_seed_learns_the_same(problem):
    rows = np.random.default_rng(0).uniform(size=(50, 20)).astype(np.float32)
    logits = [learner(problem).learn(3000).policy.step(torch.as_tensor(rows), torch.zeros(50, 0))[0] for _ in range(2)]
    assert torch.equal(*logits)


def test_any_problem_with_discrete_actions():
    """The third-party example: accept what is worth its weight."""
    problem = OnlineKnapsack()
    model = GroupPolicyOptimiser(
        GroupPolicy, BudgetedSb3VecEnv(problem, 1, seed=0), tasks=256, tasks_per_update=256, learning_rate=1e-2, seed=0
    )
    pool, random = TaskPool(problem, 500, seed=7), np.random.default_rng(0)
    visit = pool.draw(500, random)
    before = collect(problem, model.policy, visit, np.ones(500, np.int64), np.random.default_rng(1)).outcomes.reward
    model.learn(400_000)
    after = collect(problem, model.policy, visit, np.ones(500, np.int64), np.random.default_rng(1)).outcomes.reward
    assert after.mean() > 1.1 * before.mean()


@pytest.mark.parametrize(
    ("plugin", "message"),
    [
        ({"allocator": lambda visit, pool, seen, left: np.full(32, left)}, "the allocator returned .* with a sum of"),
        ({"allocator": lambda visit, pool, seen, left: np.ones(3, int)}, "expected 32 integers"),
        ({"allocator": lambda visit, pool, seen, left: np.zeros(32, int)}, "allocator gave no rollouts"),
        ({"shaper": lambda outcomes, visit: np.full(256, np.nan)}, "the shaper returned"),
        ({"truncation": lambda t, observation, task: np.ones(len(task), bool)}, "no decision was made"),
    ],
)
def test_plug_ins_that_break_their_contract_are_named(problem, plugin, message):
    with pytest.raises(ValueError, match=message):
        learner(problem, **plugin).learn(1)


def test_it_needs_somewhere_to_learn(problem):
    model = learner(problem)
    model.env = None
    with pytest.raises(ValueError, match="no environment to learn in"):
        _ = model.problem
