"""Episodes as data: what is recorded is what `evaluate` plays, and Minari reads it back."""

import budgetgym
import gymnasium as gym
import pytest
from budgetgym import make_agent
from budgetgym.evaluation.dataset import record, write_minari

minari = pytest.importorskip("minari")


@pytest.mark.parametrize(
    ("id", "settings", "name"),
    [
        ("budgetgym/RealTimeBidding-v0", {"T": 30}, "lin"),
        ("budgetgym/AgenticRouting-v0", {}, "random"),
        ("budgetgym/WorkflowRouting-v0", {}, "paced"),
        ("budgetgym/TrapTree-v0", {}, "greedy"),
    ],
)
def test_what_is_recorded_is_what_is_evaluated(id, settings, name):
    env = gym.make(id, **settings)
    agent = make_agent(name, env)
    episodes = record(agent, env, 20, seed=3)
    table = budgetgym.evaluate(agent, env, 20, seed=3).episodes
    assert [e.rewards.sum() for e in episodes] == pytest.approx(table["return"].tolist())
    assert [len(e.rewards) for e in episodes] == table["length"].tolist()
    for episode in episodes:
        assert len(episode.observations) == len(episode.rewards) + 1
        assert all(row in env.observation_space for row in episode.observations)
        assert all(action in env.action_space for action in episode.actions)
        assert episode.terminations.tolist() == [False] * (len(episode.rewards) - 1) + [True]
        assert episode.infos["cost"].sum(axis=0) == pytest.approx(episode.infos["spent"][-1])


def test_minari_reads_it_back_and_makes_the_environment_again(monkeypatch, tmp_path):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    arguments = ("trap/mixed-v0", "budgetgym/TrapTree-v0", {"depth": 3}, ["greedy", "random"], 5)
    steps = write_minari(*arguments)
    data = minari.load_dataset("trap/mixed-v0")
    assert (data.total_episodes, data.total_steps) == (10, steps)
    env = data.recover_environment()
    assert env.unwrapped.problem.settings == {"depth": 3}
    assert set(data[0].infos) == {"cost", "spent", "remaining", "blocked"}
    with pytest.raises(ValueError, match="'trap/mixed-v0' is there already"):
        write_minari(*arguments)
