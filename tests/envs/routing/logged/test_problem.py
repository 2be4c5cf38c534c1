"""The rules of a replayed log, on logs small enough to play by hand; what is hidden stays hidden."""

import gymnasium as gym
import numpy as np
import pandas as pd
import pytest
from budgetgym.envs.core import BudgetedEnv, BudgetedVectorEnv
from budgetgym.envs.core.batch import Batch, seeded_keys
from budgetgym.envs.routing.logged.logs import load_routing_log
from budgetgym.envs.routing.logged.problem import LoggedRouting
from gymnasium.utils.env_checker import check_env
from hypothesis import given, settings
from hypothesis import strategies as st
from stable_baselines3.common.env_checker import check_env as sb3_check_env
from toy_logs import toy_frame

LOG = pd.DataFrame(
    {
        "prompt_chars": [100, 300, 100, 100, 100],
        "domain": ["x", "y", "x", "y", "x"],
        "outcome:weak": [1, 0, 0.5, 0, 1],
        "outcome:strong": [1, 1, 1, 0, 0],
        "cost:weak": [1.0, 3, 1, 1, 1],
        "cost:strong": [10.0, 30, 10, 10, 10],
    }
)
TRACE = LOG.assign(query=[0, 0, 1, 1, 1])


def play(actions, log=LOG, **changes):
    env = BudgetedEnv(LoggedRouting, log=log, **{"split": "all", "T": 5, "budget": 100.0, **changes})
    env.reset(seed=0)
    return [env.step(action) for action in actions]


def column(steps, name):
    return [info[name] for *_, info in steps]


def test_outcomes_and_costs_are_those_of_the_log():
    steps = play([0, 1, 0, 1, 1])
    assert [reward for _, reward, *_ in steps] == [1, 1, 0.5, 0, 0]
    assert column(steps, "cost") == [1, 30, 1, 10, 10]
    assert [terminated for _, _, terminated, _, _ in steps] == [False] * 4 + [True]
    last = steps[-1][-1]
    assert (last["quality"], last["expensive_calls"], last["unanswered"], last["blocked"]) == (2.5, 3, 0, 0)


def test_what_cannot_be_afforded_goes_to_the_cheapest_and_then_nowhere():
    steps = play([1, 1, 1, 1, 1], budget=14.5)
    assert column(steps, "cost") == [10, 3, 1, 0, 0]
    assert column(steps, "blocked") == [0, 1, 2, 3, 4]
    assert column(steps, "unanswered") == [0, 0, 0, 1, 2]
    assert [reward for _, reward, *_ in steps] == [1, 0, 0.5, 0, 0]
    assert [mask.tolist() for mask in column(steps, "action_mask")][:3] == [[1, 0], [1, 0], [0, 0]]
    assert steps[-1][-1]["remaining"] == pytest.approx(0.5)


def test_a_call_is_made_only_if_its_highest_cost_fits():
    log = LOG.assign(prompt_chars=100, **{"cost:strong": [10.0, 10, 40, 10, 10]})  # the quote is 40 for each
    steps = play([1, 1, 1, 1, 1], log=log, budget=45.0)
    assert column(steps, "cost") == [10, 3, 1, 1, 1]


def test_a_trace_passes_if_every_step_does():
    steps = play([1, 1, 1, 0, 0], log=TRACE, T=2)
    assert [reward for _, reward, *_ in steps] == [0, 1, 0, 0, 0]
    assert [terminated for _, _, terminated, _, _ in steps] == [False] * 4 + [True]
    assert steps[-1][-1]["quality"] == 1
    log = TRACE.assign(**{"outcome:weak": [0.5, 0.5, 1, 0.5, 0.25]})
    assert [reward for _, reward, *_ in play([0] * 5, log=log, T=2)] == [0, 0.25, 0, 0, 0.125]
    starved = play([1, 1, 1, 1, 1], log=TRACE, T=2, budget=12.0)
    assert starved[1][1] == 0  # its second step was too expensive for both models


def test_observations():
    env = BudgetedEnv(LoggedRouting, log=TRACE, split="all", T=2, budget=50.0, fragment="whole")
    names = env.problem.observation_names
    assert names[:6] == ("prompt_length", "step", "domain[0]", "domain[1]", "cost[0]", "cost[1]")
    assert names[6:] == (
        "affordable[0]",
        "affordable[1]",
        "tasks_remaining",
        "dollars_size",
        "dollars_remaining",
        "time_remaining",
    )
    first, _ = env.reset(seed=0)
    mean = 70 / 2  # of the strong model on a task
    length = np.log1p(LOG["prompt_chars"])
    standard = (length - length.mean()) / length.std(ddof=0)
    assert first == pytest.approx([standard[0], 0, 1, 0, 1 / mean, 10 / mean, 1, 1, 1, 50 / (50 + 2 * mean), 1, 1])
    second = env.step(1)[0]
    tail = [1, 1, 1, 50 / (50 + 2 * mean), 0.8, 5 / 6]  # the budget pays for exactly this
    assert second == pytest.approx([standard[1], 1 / 3, 0, 1, 3 / mean, 30 / mean, *tail])
    third = env.step(1)[0]
    assert third[6:] == pytest.approx([1, 1, 0.5, 50 / (50 + 2 * mean), 0.2, 4 / 6])
    blind = BudgetedEnv(LoggedRouting, log=TRACE, split="all", T=2, budget_aware=False)
    assert blind.problem.observation_names == names[:6]


@pytest.mark.parametrize("steps", [1, 3])
def test_observations_never_tell_outcomes(steps):
    """With all outcomes turned around, an agent that acts the same sees the same, to the end."""
    frame = toy_frame(40, steps=steps)
    outcomes = [name for name in frame if name.startswith("outcome:")]
    turned = frame.assign(**{name: 1.0 - frame[name] for name in outcomes})
    envs = [BudgetedEnv(LoggedRouting, log=log, split="all", T=40, share=0.3) for log in (frame, turned)]
    seen = [env.reset(seed=0) for env in envs]
    actions = np.random.default_rng(0)
    over, rewards = False, []
    while not over:
        assert np.array_equal(seen[0][0], seen[1][0])
        assert np.array_equal(seen[0][-1]["action_mask"], seen[1][-1]["action_mask"])
        action = actions.integers(3)
        seen = [env.step(action) for env in envs]
        over = seen[0][2]
        rewards.append([step[1] for step in seen])
    assert not np.array_equal(*np.array(rewards).T)


def test_a_log_is_cut_into_episodes_in_its_order():
    env = BudgetedEnv(LoggedRouting, log=LOG, split="all", T=2, budget=99.0, fragment="whole")
    assert env.problem.num_episodes == 3
    rewards = []
    for _ in range(4):
        _, info = env.reset(seed=0 if not rewards else None)
        assert info["remaining"] == 99
        over = False
        while not over:
            _, reward, over, _, _ = env.step(0)
            rewards.append(reward)
    assert rewards == [1, 0, 0.5, 0, 1, 1, 0]
    with pytest.raises(ValueError, match=r"has the episodes 0\.\.2"):
        env.reset(options={"episode": 3})


def test_shuffled_episodes_draw_whole_tasks():
    envs = BudgetedVectorEnv(LoggedRouting, 300, log=TRACE, split="all", T=1, shuffled=True, budget=99.0)
    assert envs.problem.num_episodes is None
    envs.reset(seed=0)
    lengths = np.zeros(300, int)
    for step in range(1, 4):
        envs.step(np.zeros(300, int))
        lengths[(lengths == 0) & envs.snapshot().finished] = step
    assert set(lengths) == {2, 3}
    assert (lengths == 2).mean() == pytest.approx(0.5, abs=0.15)


def test_a_budget_for_so_many_calls_pays_for_so_many():
    steps = play([1] * 5, prices={"weak": 0, "strong": 1}, budget=3)
    assert column(steps, "expensive_calls") == [1, 2, 3, 3, 3]
    assert column(steps, "cost") == [1, 1, 1, 0, 0]
    assert steps[-1][-1]["unanswered"] == 0


def test_the_parts_of_a_log():
    frame = toy_frame(50)
    played = {part: LoggedRouting(log=frame, split=part, T=25) for part in ("train", "test", "all")}
    assert [played[part].played.tasks for part in played] == [25, 25, 50]
    assert played["test"].statistics.tasks == 25
    assert played["test"].statistics.source.endswith("train part")
    assert played["train"].statistics.source.endswith("(hindsight)")
    spaces = {str(problem.observation_space) + str(problem.budget_scale) for problem in played.values()}
    assert len(spaces) == 1  # what was trained on one part can be played on another


def test_a_planner_sees_a_similar_query_and_random_tasks():
    env = BudgetedEnv(LoggedRouting, log=LOG, split="all", T=5, budget=1000.0)
    env.reset(seed=0)
    model = env.model(600, seed=1)
    rewards = model.step(np.zeros(600, int))[1]
    assert set(rewards) == {0.5, 1.0}  # the other queries of domain x: rows 2 and 4
    assert rewards.mean() == pytest.approx(0.75, abs=0.05)
    second = model.step(np.zeros(600, int))
    assert set(second[1]) == {0.0, 0.5, 1.0}
    assert second[1].mean() == pytest.approx(0.5, abs=0.08)
    assert np.array_equal(env.model(3, peek=True).step(np.zeros(3, int))[1], [1, 1, 1])


def test_a_planner_cannot_tell_whether_a_trace_is_passing():
    frame = pd.DataFrame({"query": np.repeat(np.arange(20), 2), "prompt_chars": 50})
    frame["outcome:a"] = np.tile([1.0, 0.0, 0.0, 0.0], 10)
    frame["cost:a"] = 1.0
    env = BudgetedEnv(LoggedRouting, log=frame, split="all", T=20, budget=100.0)
    env.reset(seed=0)
    env.step(0)
    assert env.snapshot().passing.tolist() == [1.0]
    assert env.model(2000, seed=0).snapshot().passing.mean() == pytest.approx(0.25, abs=0.04)


def test_a_fork_never_overspends_by_another_querys_cost():
    env = BudgetedEnv(LoggedRouting, log=toy_frame(80, steps=2), split="all", T=40, share=0.05)
    env.reset(seed=0)
    model = env.model(200, seed=0)
    for _ in range(60):
        *_, info = model.step(np.full(200, 2))
        assert (info["remaining"] >= 0).all()


PROBLEMS = {
    "queries": LoggedRouting(log=toy_frame(30), T=10, split="all"),
    "traces": LoggedRouting(log=toy_frame(30, steps=4, fractional=True), T=6, split="all", shuffled=True),
}


@pytest.mark.parametrize("name", PROBLEMS)
@given(data=st.data(), share=st.floats(0.01, 2), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_no_actions_overspend_and_a_batch_is_its_single_episodes(name, data, share, seed):
    problem = PROBLEMS[name]
    budget = max(share * float(problem.budget_scale[0]), float(problem.least_budget[0]))
    actions = np.array(data.draw(st.lists(st.integers(0, 2), min_size=problem.horizon, max_size=problem.horizon)))
    batch, single = Batch(problem, 3), BudgetedEnv(problem, observation_dtype="float64")
    batch.seed(seeded_keys([seed, seed + 1, seed + 2]))
    batch.choose(batch.read_options({"budget": budget}))
    batch.reset()
    _, info = single.reset(seed=seed, options={"budget": budget})
    spent = 0.0
    for action in actions:
        observations, rewards, over, _ = batch.step(batch.read_actions(np.array([action, 2, 0])))
        infos = batch.info()
        observation, reward, terminated, _, info = single.step(action)
        assert np.array_equal(observations[0], observation)
        assert (rewards[0], over[0], infos["spent"][0]) == (reward, terminated, info["spent"])
        spent += info["cost"]
        assert observation in problem.observation_space
        assert 0 <= info["spent"] <= budget
        assert info["spent"] == pytest.approx(spent)
        assert (infos["remaining"] >= 0).all()
        if terminated:
            break
    assert terminated
    assert 0 <= info["quality"] <= problem.params.tasks


@pytest.mark.parametrize("changes", [{}, {"shuffled": True}, {"budget_aware": False}, {"share": (0.1, 0.9)}, {"steps": 3}])
def test_gymnasium_and_sb3_accept_it(changes):
    env = BudgetedEnv(LoggedRouting, log=toy_frame(40, steps=changes.pop("steps", 1)), T=10, **changes)
    check_env(env, skip_render_check=True)
    sb3_check_env(env)


def test_a_snapshot_of_a_longer_log_is_refused():
    long, short = (BudgetedEnv(LoggedRouting, log=log, split="all", T=5) for log in (pd.concat([LOG] * 20), LOG))
    long.reset(options={"episode": 15})
    with pytest.raises(ValueError, match="another problem"):
        short.restore(long.snapshot())


def test_budgets():
    assert LoggedRouting(log=LOG, split="all", T=5).budget.amounts == {"dollars": 0.5 * 5 * 14}
    assert LoggedRouting(log=LOG, split="all", T=5, share="1/4").budget.amounts == {"dollars": 17.5}
    assert LoggedRouting(log=LOG, split="all", T=5, share=(0.25, 0.5)).budget.amounts == {"dollars": (17.5, 35)}
    assert LoggedRouting(log=LOG, split="all", budget=7, T=5).replace(share=0.5, budget=None, T=1).budget.amounts == {
        "dollars": 7
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"budget": 0.5}, "budget is 0.5 dollars; log data frame needs at least 1 to begin"),
        ({"budget": (0.5, 9.0)}, "budget is 0.5 dollars"),
        ({"budget": -1}, "expected an amount >= 0"),
        ({"budget": 3, "share": 0.5}, "budget=3 and share=0.5; expected only one"),
        ({"share": "half"}, "share is 'half'; expected a share >= 0"),
        ({"share": -0.1}, "share is -0.1"),
        ({"T": 0}, "T is 0; expected an integer >= 1"),
        ({"T": 2.5}, "T is 2.5"),
        ({"shuffled": "no"}, "shuffled is 'no'; expected True or False"),
        ({"budget_aware": 1}, "budget_aware is 1; expected True or False"),
        ({"split": "dev"}, "split is 'dev'"),
        ({"models": ["weak", "GPT-9"]}, "models names 'GPT-9'"),
        ({"log": LOG.assign(**{"cost:weak": 0.0, "cost:strong": 0.0})}, "has no cost above 0"),
        ({"log": LOG.iloc[:1], "split": "train"}, "has no tasks in that part"),
    ],
)
def test_mistakes_are_explained(changes, message):
    with pytest.raises(ValueError, match=message):
        LoggedRouting(**{"log": LOG, "split": "all", "T": 5, **changes})


def test_a_budget_of_a_reset_is_checked_too():
    env = BudgetedEnv(LoggedRouting, log=LOG, split="all", T=5)
    with pytest.raises(ValueError, match=r"option budget is 0\.2 dollars"):
        env.reset(options={"budget": 0.2})


def test_the_real_logs_replay(shared_data):
    for name in ("routellm_gsm8k.csv", "routellm_mmlu.csv.gz", "llmrouter_scores.csv.gz"):
        log = load_routing_log(shared_data / "routing/compact" / name, split="test")
        envs = BudgetedVectorEnv(LoggedRouting, 4, log=log, split="all", T=30, share=0.4)
        envs.reset(seed=0)
        for _ in range(30):
            *_, info = envs.step(np.full(4, 1))
        assert (info["spent"] <= 0.4 * envs.problem.budget_scale[0]).all()
        assert (info["quality"] > 0).all()


def test_the_docstring_has_its_sections_and_names_all_settings():
    text = LoggedRouting.__doc__ or ""
    sections = ["Description", "Action Space", "Observation Space", "Rewards", "Budget", "Starting State", "Episode End"]
    for section in [*sections, "Arguments", "Instances", "Exact optimum", "References", "Version History"]:
        assert f"## {section}\n" in text
    for name in LoggedRouting.setting_names():
        assert f"| {name}" in text or f", {name}" in text
    for name in LoggedRouting(log=LOG, split="all", T=5).observation_names:
        assert f" {name.partition('[')[0]}" in text


def test_the_id_of_routing_with_a_log_plays_it():
    env = gym.make("budgetgym/AgenticRouting-v0", log=toy_frame(), T=10)
    assert isinstance(env.unwrapped.problem, LoggedRouting)
    assert gym.make_vec("budgetgym/AgenticRouting-v0", num_envs=2, log=toy_frame(), T=10).reset(seed=0)[0].shape[0] == 2
    with pytest.raises(TypeError, match="LoggedRouting got an unexpected keyword argument 'taks'"):
        gym.make("budgetgym/AgenticRouting-v0", log=toy_frame(), taks=3)
