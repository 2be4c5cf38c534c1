"""The rules of a round, on workflows small enough to play by hand, and on laws with closed forms."""

import gymnasium as gym
import numpy as np
import pytest
from budgetgym.envs.core import BudgetedEnv
from budgetgym.envs.core.batch import Batch, episode_keys
from budgetgym.envs.core.budget import Budget
from budgetgym.envs.workflow.problem import WorkflowRouting
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare, nbinom

ID = "budgetgym/WorkflowRouting-v0"


def one_model(*subtasks, price=1.0, speed=10.0):
    """A workflow with the model "m". A subtask is (name, after, probability, length); 1 token costs a millionth of `price`."""
    return {
        "models": {"m": {"price": price, "speed": speed}},
        "subtasks": {n: {"after": list(after), "success": {"m": p}, "length": length} for n, after, p, length in subtasks},
    }


SURE_CHAIN = one_model(("a", (), 1.0, 100), ("b", ("a",), 1.0, 200))


def made(workflow, **settings):
    settings = {"budget": 1.0, "deadline": 1000.0, **settings}
    return BudgetedEnv(WorkflowRouting, observation_dtype="float64", workflow=workflow, **settings)


def test_a_sure_chain_takes_its_time_and_money():
    env = made(SURE_CHAIN)
    assert env.action_space == gym.spaces.MultiDiscrete([4, 4])
    observation, _ = env.reset(seed=0)
    assert observation[:6].tolist() == [0, 0, 1, 0, 0, 0]
    observation, reward, terminated, _, info = env.step(np.array([2, 3]))  # b is not ready: its entry is ignored
    assert (reward, terminated) == (0.0, False)
    assert info["cost"] == pytest.approx([2 * 100e-6, 10.0])
    assert observation[:6].tolist() == [1, 0, 0, 1, 2 / 3, 0]
    *_, reward, terminated, _, info = env.step(np.array([3, 1]))  # a is done: its entry is ignored as well
    assert (reward, terminated) == (1.0, True)
    assert info["spent"] == pytest.approx([2 * 100e-6 + 200e-6, 30.0])
    assert (info["completed"], info["solved"], info["samples"], info["elapsed"]) == (1, 2, 3, pytest.approx(30.0))
    assert info["blocked"] == 0


def test_subtasks_side_by_side_take_as_long_as_the_longest():
    env = made(one_model(("a", (), 1.0, 100), ("b", (), 1.0, 300), ("c", ("a", "b"), 1.0, 50)))
    env.reset(seed=0)
    observation, *_, info = env.step(np.array([1, 2, 0]))
    assert info["cost"] == pytest.approx([(100 + 2 * 300) * 1e-6, 30.0])
    assert observation[:6].tolist() == [1, 1, 0, 0, 0, 1]


def test_a_round_without_launches_abandons_the_workflow():
    env = made(SURE_CHAIN)
    env.reset(seed=0)
    _, reward, terminated, _, info = env.step(np.array([0, 3]))
    assert (reward, terminated) == (0.0, True)
    assert info["cost"].tolist() == [0.0, 0.0]
    assert info["blocked"] == 0


def test_what_cannot_be_afforded_at_worst_gets_fewer_samples_or_none():
    workflow = one_model(("a", (), 1.0, [100, 300]), ("b", (), 1.0, [100, 300]))
    env = made(workflow, budget=1000e-6)
    env.reset(seed=0)
    *_, info = env.step(np.array([2, 3]))  # two of 300 at worst are reserved for a, so b has room for one
    assert info["samples"] == 3
    assert info["blocked"] == 1
    env = made(workflow, budget=700e-6)
    env.reset(seed=0)
    *_, info = env.step(np.array([2, 1]))
    assert (info["samples"], info["blocked"]) == (2, 1)
    env = made(workflow, deadline=30.0)
    env.reset(seed=0, options={"budget": {"dollars": 1.0, "seconds": 30.0}})
    assert env.step(np.array([3, 3]))[-1]["blocked"] == 0


def test_five_calls_fit_into_five_calls_money():
    """Sums of 0.1 are not whole; no call may be lost to that."""
    workflow = one_model(("a", (), 0.0, 100), ("b", (), 1e-9, 100), price=1000.0)
    workflow["subtasks"]["a"]["success"]["m"] = 1e-9
    for calls in range(1, 60):
        env = made(workflow, budget=0.1 * calls, deadline=10.0 * calls)
        env.reset(seed=calls)
        terminated, rounds = False, 0
        while not terminated:
            *_, terminated, _, info = env.step(np.array([1, 0]))
            rounds += 1
        assert rounds == info["samples"] == calls
        assert info["blocked"] == 0
        assert (info["remaining"] >= 0).all()


def test_an_episode_ends_when_some_subtask_is_out_of_reach():
    env = made(one_model(("a", (), 1.0, 100), ("b", (), 1.0, 100), ("c", ("a", "b"), 1.0, 500)), budget=1000e-6)
    env.reset(seed=0)
    _, reward, terminated, _, info = env.step(np.array([3, 3, 0]))
    assert (reward, terminated, info["solved"]) == (0.0, True, 2)


@pytest.mark.parametrize(("n", "p"), [(1, 0.3), (3, 0.3), (5, 0.1)])
def test_parallel_samples(n, p):
    """n samples pass with 1 - (1 - p)^n, cost n E[L] and last the longest of n."""
    lengths = np.array([100.0, 200.0, 600.0])
    problem = WorkflowRouting(
        workflow=one_model(("a", (), p, lengths.tolist()), ("b", ("a",), 1.0, 10)), samples=n, budget=1.0, deadline=1e6
    )
    batch = Batch(problem, 40_000)
    batch.seed(episode_keys(0, batch.n))
    batch.reset()
    batch.step(np.tile([n, 0], (batch.n, 1)))
    passed = batch.state.solved.mean()
    expected = 1 - (1 - p) ** n
    assert passed == pytest.approx(expected, abs=4 * (expected * (1 - expected) / batch.n) ** 0.5)
    cost = batch.state.cost[:, 0]
    assert cost.mean() == pytest.approx(n * lengths.mean() * 1e-6, rel=0.02)
    counts = [np.isclose(batch.state.cost[:, 1], seconds).sum() for seconds in lengths / 10.0]
    at_most = (np.arange(4) / 3) ** n
    assert chisquare(counts, np.diff(at_most) * batch.n).pvalue > 1e-4


@pytest.mark.parametrize("limit", ["dollars", "seconds"])
def test_a_chain_of_fixed_lengths_is_a_negative_binomial(limit):
    """Four subtasks, one model, one sample at a time: completed iff the fourth success is among the calls that fit."""
    p, calls = 0.4, 11
    workflow = one_model(*((str(v), (str(v - 1),) if v else (), p, 500) for v in range(4)))
    amounts = {"budget": calls * 500e-6} if limit == "dollars" else {"deadline": calls * 50.0}
    problem = WorkflowRouting(workflow=workflow, samples=1, **{"budget": 1.0, "deadline": 1e5, **amounts})
    batch = Batch(problem, 40_000)
    batch.seed(episode_keys(1, batch.n))
    batch.reset()
    for _ in range(calls):
        batch.step(np.ones((batch.n, 4), np.int64))
    expected = nbinom.cdf(calls - 4, 4, p)  # calls - 4 failures at most
    assert batch.state.finished.all()
    assert batch.state.completed.mean() == pytest.approx(expected, abs=4 * (expected * (1 - expected) / batch.n) ** 0.5)


def test_luck_does_not_depend_on_what_was_done_before():
    """The a-th sample of a subtask has the same outcome, whether drawn alone or with others, early or late."""
    problem = WorkflowRouting(
        workflow=one_model(("a", (), 0.2, [100, 200, 300, 400]), ("b", (), 0.2, [100, 200, 300, 400])),
        budget=1.0,
        deadline=1e6,
    )
    outcomes = []
    for plan in ([[3, 0], [3, 3], [0, 3]], [[0, 3], [0, 3], [3, 0], [3, 0]]):
        batch = Batch(problem, 500)
        batch.seed(episode_keys(2, 500))
        batch.reset()
        for action in plan:
            batch.step(np.tile(action, (500, 1)))
        outcomes.append((batch.state.done.copy(), batch.state.initial[:, 0] - batch.state.remaining[:, 0]))
    # Those that passed with three samples stop early in one plan and not in the other; all others did the same work.
    same = outcomes[0][0] == 0
    assert same.sum() > 20
    assert np.array_equal(outcomes[1][0][same], outcomes[0][0][same])
    assert np.allclose(outcomes[0][1][same], outcomes[1][1][same])


def test_a_better_model_turns_failures_into_successes():
    workflow = {
        "models": {"weak": {"price": 1, "speed": 10}, "strong": {"price": 2, "speed": 10}},
        "subtasks": {"a": {"success": {"weak": 0.3, "strong": 0.6}, "length": 10}},
    }
    problem = WorkflowRouting(workflow=workflow, budget=1.0, deadline=1e4)
    solved = []
    for model in ("weak", "strong"):
        batch = Batch(problem, 2000)
        batch.seed(episode_keys(3, 2000))
        batch.reset()
        batch.step(np.full((2000, 1), problem.entry(model)))
        solved.append(batch.state.solved.astype(bool))
    assert (solved[1] | ~solved[0]).all()
    assert solved[1].mean() == pytest.approx(0.6, abs=0.05)


@given(seed=st.integers(0, 2**32 - 1), greed=st.floats(0, 1), dollars=st.floats(0.0015, 0.05), seconds=st.floats(30, 300))
@settings(max_examples=25, deadline=None)
def test_neither_resource_is_ever_overspent(seed, greed, dollars, seconds):
    problem = WorkflowRouting(instance="codeflow", budget=dollars, deadline=seconds)
    batch = Batch(problem, 16)
    batch.seed(episode_keys(seed, 16))
    batch.reset()
    generator = np.random.default_rng(seed)
    initial = batch.state.initial.copy()
    while not batch.state.finished.all():
        most = generator.random((16, 9)) < greed
        actions = np.where(most, problem.action_space.nvec - 1, generator.integers(1, problem.action_space.nvec, (16, 9)))  # type: ignore[attr-defined]
        blocked = batch.state.blocked.copy()
        batch.step(np.ascontiguousarray(actions))
        assert (batch.state.remaining >= 0).all()
        assert (batch.state.cost >= 0).all()
        assert (batch.state.blocked >= blocked).all()
        assert np.allclose(batch.state.elapsed, initial[:, 1] - batch.state.remaining[:, 1])
    assert ((batch.state.completed == 1) == (batch.state.solved == 9)).all()


def test_a_lane_is_the_single_environment():
    settings_ = {"instance": "codeflow", "budget": (0.01, 0.04), "deadline": (60.0, 200.0)}
    envs = gym.make_vec(ID, num_envs=5, **settings_)
    envs.reset(seed=11)
    generator = np.random.default_rng(0)
    singles = [gym.make(ID, **settings_) for _ in range(5)]
    for k, single in enumerate(singles):
        single.reset(seed=11 + k)
    over = np.zeros(5, bool)
    for _ in range(12):
        actions = generator.integers(0, envs.single_action_space.nvec, (5, 9))  # type: ignore[attr-defined]
        observation, reward, terminated, _, info = envs.step(actions)
        for k in np.flatnonzero(~over):
            alone = singles[k].step(actions[k])
            assert np.array_equal(alone[0], observation[k])
            assert (alone[1], alone[2]) == (reward[k], terminated[k])
            assert np.array_equal(alone[-1]["cost"], info["cost"][k])
        over |= terminated


def test_a_snapshot_is_a_fork_and_a_model_redraws_the_luck():
    env = BudgetedEnv(WorkflowRouting, instance="codeflow")
    env.reset(seed=4)
    env.step(np.full(9, 2))
    here = env.snapshot()
    first = [env.step(np.full(9, 2))[:2] for _ in range(2)]
    env.restore(here)
    assert all(np.array_equal(a[0], env.step(np.full(9, 2))[0]) for a in first)
    env.restore(here)
    actions = np.full((200, 9), 2)
    peeked = env.model(200, peek=True).step(actions)[0]
    assert (peeked == first[0][0]).all()
    imagined = env.model(200, seed=1).step(actions)[0]
    assert len(np.unique(imagined, axis=0)) > 20
    here.done[:] = 1 << 9
    with pytest.raises(ValueError, match="another problem"):
        env.restore(here)


def test_observations_can_be_read_back_exactly():
    from budgetgym.envs.workflow import reading as r

    problem = WorkflowRouting(instance="codeflow", budget=(0.01, 0.04), deadline=(60.0, 200.0))
    batch = Batch(problem, 50)
    batch.seed(episode_keys(5, 50))
    batch.reset()
    for _ in range(3):
        observation, *_ = batch.step(np.full((50, 9), 3))
        initial = np.zeros(2)
        for i in range(50):
            r.read_initial(problem.reading, observation[i], initial)
            assert initial == pytest.approx(batch.state.initial[i], rel=1e-14)
            shares = [r.read_share(problem.reading, observation[i], k) for k in range(2)]
            assert initial * shares == pytest.approx(batch.state.remaining[i], rel=1e-14)
            assert r.read_done(problem.reading, observation[i]) == batch.state.done[i]
            attempts = [r.read_attempts(problem.reading, observation[i], v) for v in range(9)]
            assert attempts == batch.state.attempts[i].tolist()
            assert r.read_rounds(problem.reading, observation[i]) == batch.state.t[i]


def test_budgets_and_deadlines():
    problem = WorkflowRouting(budget=0.03, deadline=(40.0, 80.0))
    assert problem.budget.amounts == {"dollars": 0.03, "seconds": (40.0, 80.0)}
    problem = WorkflowRouting(budget={"dollars": 0.03, "seconds": 70.0})
    assert problem.budget.amounts == {"dollars": 0.03, "seconds": 70.0}
    both = Budget({"dollars": (0.01, 0.1), "seconds": (30.0, 60.0)}, log=True)
    assert WorkflowRouting(budget=both).budget is both
    typical = WorkflowRouting(instance="random").workflow.typical_use()
    assert WorkflowRouting(instance="random").budget.amounts == {"dollars": 2 * typical[0], "seconds": 2 * typical[1]}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"budget": 1e-5}, r"budget is 1e-05 dollars; workflow diamond needs at least 0\.0006 to begin"),
        ({"deadline": 3.0}, "budget is 3 seconds; workflow diamond needs at least"),
        ({"budget": -1.0}, "budget of 'dollars' is -1.0"),
        ({"deadline": float("nan")}, "budget of 'seconds' is nan"),
        ({"deadline": "soon"}, "budget of 'seconds' is 'soon'"),
        ({"budget": {"dollars": 1.0}}, "budget names"),
        ({"budget": {"dollars": 1.0, "seconds": 60.0}, "deadline": 50.0}, "only one of them"),
        ({"samples": 0}, "samples is 0"),
        ({"instance": "diamand"}, "did you mean 'diamond'"),
        ({"workflow": 5}, "workflow is 5; expected a Workflow"),
        ({"budget_aware": "no"}, "budget_aware is 'no'"),
    ],
)
def test_bad_settings_name_the_argument_and_the_value(given, message):
    with pytest.raises(ValueError, match=message):
        WorkflowRouting(**given)


def test_bad_resets_and_entries():
    env = BudgetedEnv(WorkflowRouting)
    with pytest.raises(ValueError, match="option budget is 1e-05 dollars; workflow diamond needs"):
        env.reset(options={"budget": {"dollars": 1e-5, "seconds": 60.0}})
    problem = WorkflowRouting()
    assert problem.entry("medium", 2) == 5
    with pytest.raises(ValueError, match="model is 'huge'; expected one of 'small', 'medium', 'large'"):
        problem.entry("huge")
    with pytest.raises(ValueError, match="samples is 4; a launch has at most 3"):
        problem.entry("small", 4)
