"""The agents from the outside: saving, seeds, budgets, the command line, and what they refuse."""

import copy

import gymnasium as gym
import numpy as np
import pytest
import torch
from budgetgym import evaluate, make_agent
from budgetgym.agents.registry import as_problem
from budgetgym.agents.restless.sequoia.agent import IterativeDqn, ResidualSequoia, Sequoia
from budgetgym.agents.restless.sequoia.network import JointNetwork, PublishedNetwork
from budgetgym.envs.core.batch import Batch, episode_keys
from budgetgym.envs.restless.arms import Arms
from budgetgym.envs.restless.problems.capacity import RestlessCapacity
from budgetgym.evaluation.cli import app
from budgetgym.evaluation.play import play
from own_problem import OnlineKnapsack
from stable_baselines3.common.callbacks import BaseCallback
from tiny_restless import KINDS, tiny
from typer.testing import CliRunner

FEW = {"lanes": 4, "warm_states": 64, "warm_epochs": 1, "buffer_size": 400, "learning_starts": 8, "batch_size": 16}
MAKERS = {
    "sequoia": lambda problem, **settings: Sequoia(problem, **{**FEW, **settings}),
    "paper": lambda problem, **settings: Sequoia(problem, variant="paper", **{**FEW, "lanes": 1, **settings}),
    "residual": lambda problem, **settings: ResidualSequoia(problem, base="lagrangian", **{**FEW, **settings}),
    "iterative": lambda problem, **settings: IterativeDqn(problem, **{**FEW, **settings}),
}


def first_rows(problem, n=20):
    batch = Batch(problem, n)
    batch.seed(episode_keys(5, n))
    batch.reset()
    return batch.observe()


@pytest.mark.parametrize("name", MAKERS)
def test_a_saved_agent_decides_as_it_did(name, tmp_path):
    """And remembers which network it has, and what that is based on."""
    problem = tiny("interventions", 0, J=4, S=3)
    agent = MAKERS[name](problem).learn(40)
    agent.save(tmp_path / "agent.zip")
    loaded = type(agent).load(tmp_path / "agent.zip", problem)
    rows = first_rows(problem)
    assert loaded.predict(rows)[0].tolist() == agent.predict(rows)[0].tolist()
    net = loaded.model.policy.q_net
    assert type(net) is (PublishedNetwork if name == "paper" else JointNetwork)
    assert loaded.variant == ("paper" if name == "paper" else "default")
    if name == "residual":
        assert loaded.base == net.base.base == "lagrangian"
    loaded = type(agent)(problem, tmp_path / "agent", **{**FEW, "lanes": 1 if name == "paper" else 4})
    assert problem.feasible.contains(loaded.learn(20).predict(rows)[0]).all()


def test_a_saved_agent_knows_its_instance(tmp_path):
    problem = tiny("capacity", 0, J=4)
    path = tmp_path / "agent.zip"
    MAKERS["sequoia"](problem).learn(0).save(path)
    for other in (tiny("capacity", 1, J=4), tiny("matching", 0, J=4), tiny("capacity", 0, J=4, horizon=4)):
        with pytest.raises(ValueError, match="has learned on capacity of 4 arms, own arms, and does not fit"):
            Sequoia.load(path, other)
    with pytest.raises(ValueError, match="other observations, "):
        Sequoia.load(path, tiny("capacity", 0, J=4, observation="one-hot"))
    with pytest.raises(ValueError, match="saved by sequoia, not by residual_sequoia; load it as 'sequoia:path="):
        ResidualSequoia.load(path, problem)
    with pytest.raises(FileNotFoundError, match=r"nowhere\.zip"):
        Sequoia(problem, tmp_path / "nowhere.zip")
    poorer = tiny("capacity", 0, J=4, budget=2)
    assert Sequoia.load(path, poorer).predict(first_rows(poorer))[0].sum(axis=1).max() <= 2


def test_the_same_seed_learns_the_same():
    problem = tiny("spillover", 0, J=5)
    weights = []
    for seed in (1, 1, 2):
        model = MAKERS["sequoia"](problem, seed=seed).learn(60).model
        weights.append(np.concatenate([p.detach().numpy().ravel() for p in model.policy.q_net.parameters()]))
    assert np.array_equal(weights[0], weights[1])
    assert not np.array_equal(weights[0], weights[2])


@pytest.mark.parametrize(
    "settings", [{"budget": 6}, {"budget": (1, 7.5)}, {"budget": 0}, {"on_infeasible": "project", "budget": 3}]
)
@pytest.mark.parametrize("kind", KINDS)
def test_it_never_overspends(kind, settings):
    """No action of an episode is cut back or infeasible."""
    problem = tiny(kind, 0, J=4, horizon=5, **settings)
    agent = MAKERS["residual" if kind in ("paths", "spillover") else "sequoia"](problem).learn(40)
    batch = Batch(problem, 30)
    batch.seed(episode_keys(0, 30))
    batch.reset()
    rows, finite = batch.observe(), True
    while not batch.state.finished.all():
        actions, _ = agent.predict(rows)
        assert actions.dtype == problem.action_space.dtype
        assert problem.feasible.contains(actions).all()
        assert (actions.sum(axis=1) <= batch.state.remaining[:, 0] + 1e-9).all()
        rows = batch.step(batch.read_actions(actions)).observation
        finite &= bool(np.isfinite(rows).all())
    assert not batch.state.blocked.any()
    assert finite
    assert not agent.predict(rows)[0].any()  # the end of an episode


@pytest.mark.parametrize("settings", [{"horizon": 1}, {"reward": "realised"}, {"S": 4}, {"observation": "one-hot"}], ids=str)
@pytest.mark.parametrize("name", MAKERS)
def test_other_shapes_of_problem(name, settings):
    problem = tiny("capacity", 2, **settings)
    agent = MAKERS[name](problem).learn(30)
    assert not play(agent, problem, range(5), 0).episodes["blocked"].any()
    rows = first_rows(problem)
    assert agent.predict(rows.astype(np.float32))[0].tolist() == agent.predict(rows)[0].tolist()
    assert agent.predict(rows[0])[0].tolist() == agent.predict(rows)[0][0].tolist()


def test_one_arm_and_nothing_to_pull():
    one = RestlessCapacity(J=1, B=1, horizon=3)
    for name, make in MAKERS.items():
        assert make(one).learn(20).predict(first_rows(one))[0].shape == (20, 1), name
    none = RestlessCapacity(J=3, B=1, horizon=3, costs=[5, 5, 5], capacities=[2])
    for method in ("enumerate", "scip", "highs"):
        for name in ("sequoia", "paper"):
            assert not MAKERS[name](none, method=method).learn(20).predict(first_rows(none))[0].any()


def test_rewards_in_millions():
    """Own arms may earn money: the network's unit follows."""
    plain = tiny("capacity", 1, J=4)
    arms = Arms(plain.arms.transitions, plain.arms.rewards * 1e6, plain.arms.start)
    agents = [MAKERS["sequoia"](tiny("capacity", 1, J=4, arms=one), seed=0).learn(60) for one in (plain.arms, arms)]
    nets = [agent.model.policy.q_net for agent in agents]
    assert float(nets[1].scale) == pytest.approx(1e6 * float(nets[0].scale), rel=1e-3)
    rows = first_rows(plain)
    assert agents[0].predict(rows)[0].tolist() == agents[1].predict(rows)[0].tolist()


def test_methods_and_the_report():
    """Proofs agree; the report is a table of decisions."""
    problem = tiny("paths", 1, J=5)
    agent = MAKERS["sequoia"](problem, method="scip").learn(40)
    assert len(agent.report()) == 0
    rows = first_rows(problem)
    agent.predict(rows)
    report = agent.report()
    assert list(report.columns) == ["state", "action", "objective", "bound", "gap", "status", "seconds"]
    assert len(report) == len(np.unique(rows, axis=0))
    assert (report["status"] == "optimal").all()
    assert (report["seconds"] > 0).all()
    assert agent.proofs == (len(report), 0)
    result = evaluate(agent, problem, 3)
    assert result.summary["unproved"] == 0.0
    assert result.cell["proved_decisions"] > 0
    assert result.cell["unproved_decisions"] == 0
    agent._how = {**agent._how, "method": "search"}
    agent._maximiser = None
    assert evaluate(agent, problem, 3).summary["unproved"] == 1.0
    assert np.isnan(evaluate(make_agent("null", problem), problem, 3).summary["unproved"])
    again = copy.deepcopy(agent)
    again._how = {**again._how, "method": "enumerate"}
    for row, objective in zip(np.unique(rows, axis=0), report["objective"], strict=True):
        again.predict(row)
        assert again.decisions[-1].objective == pytest.approx(objective, abs=1e-6)


def test_a_copy_is_independent():
    problem = tiny("capacity", 1, J=4)
    agent, rows = MAKERS["sequoia"](problem, method="scip").learn(20), first_rows(problem)
    before = agent.predict(rows)[0].tolist()
    other = copy.deepcopy(agent)
    assert other.predict(rows)[0].tolist() == before
    with torch.no_grad():
        other.model.policy.q_net.clock.fill_(100.0)
        other.model.policy.q_net.table.normal_(std=100.0)
    assert agent.predict(rows)[0].tolist() == before
    assert other._maximiser is not agent._maximiser


class Interrupt(BaseCallback):
    """Ctrl-C after some steps."""

    def _on_step(self) -> bool:
        if self.num_timesteps >= 40:
            raise KeyboardInterrupt
        return True


def test_an_interrupted_agent_is_of_use(tmp_path):
    problem = tiny("capacity", 0, J=4)
    agent = MAKERS["residual"](problem)
    with pytest.raises(KeyboardInterrupt):
        agent.learn(400, callback=Interrupt())
    rows = first_rows(problem)
    assert problem.feasible.contains(agent.predict(rows)[0]).all()
    agent.save(tmp_path / "agent.zip")
    assert ResidualSequoia.load(tmp_path / "agent.zip", problem).predict(rows)[0].tolist() == agent.predict(rows)[0].tolist()
    agent.learn(40)


@pytest.mark.filterwarnings("ignore:rich is experimental")
def test_learning_goes_on_and_is_shown(tmp_path, capsys):
    """A second time, with SB3's callbacks, logger and progress bar; decisions are of the new network."""
    seen = []

    class Count(BaseCallback):
        """How far it is."""

        def _on_step(self) -> bool:
            seen.append(self.num_timesteps)
            return True

    problem = tiny("capacity", 0, J=4)
    agent = MAKERS["sequoia"](problem, tensorboard_log=str(tmp_path)).learn(20)
    maximiser = agent.maximiser
    agent.learn(40, callback=Count(), progress_bar=True)
    assert seen[-1] >= 40
    assert agent.maximiser is not maximiser
    assert list(tmp_path.glob("sequoia_*/events*"))
    capsys.readouterr()


@pytest.mark.filterwarnings("ignore:rich is experimental")
def test_the_command_line(tmp_path):
    """Train, with tiny settings, and compare."""
    env, path = "budgetgym/RestlessCapacity-v0", tmp_path / "agent.zip"
    small = "warm_states=64:lanes=4:buffer_size=400"
    sizes = ["--set", "J=6", "--set", "B=2"]
    runner = CliRunner()
    ran = runner.invoke(
        app, ["train", env, *sizes, "--agent", f"residual_sequoia:{small}", "--timesteps", "40", "--out", str(path)]
    )
    assert ran.exit_code == 0, ran.output
    agents = f"myopic,residual_sequoia:path={path}:method=search"
    ran = runner.invoke(app, ["compare", env, *sizes, "--episodes", "5", "--agents", agents])
    assert ran.exit_code == 0, ran.output
    assert "residual_sequoia" in ran.output


def test_it_says_what_is_missing():
    env = gym.make("budgetgym/RestlessCapacity-v0", J=8, B=3)
    for name, kind in {"sequoia": Sequoia, "residual_sequoia": ResidualSequoia, "iterative_dqn": IterativeDqn}.items():
        with pytest.raises(ValueError, match=f"{name} has not learned"):
            make_agent(name, env).predict(env.reset(seed=0)[0])
        with pytest.raises(ValueError, match="nothing to save"):
            make_agent(name, env).save("x.zip")  # type: ignore[attr-defined]
        with pytest.raises(ValueError, match="method is 'best'"):
            make_agent(f"{name}:method=best", env)
        with pytest.raises(ValueError, match="serves Restless"):
            kind(as_problem(OnlineKnapsack()))
        with pytest.raises(ValueError, match="budget_aware=True"):
            make_agent(name, gym.make("budgetgym/RestlessCapacity-v0", J=8, B=3, budget_aware=False))
    with pytest.raises(ValueError, match="variant is 'papers'"):
        make_agent("sequoia:variant=papers", env)
    with pytest.raises(ValueError, match="base is 'whittle'"):
        make_agent("residual_sequoia:base=whittle", env)
    agent = MAKERS["sequoia"](tiny("capacity", 0)).learn(0)
    with pytest.raises(ValueError, match=r"observation has shape \(2, 9\)"):
        agent.predict(np.zeros((2, 9)))
