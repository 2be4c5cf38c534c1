from typing import Any

import numpy as np
import pytest
from budgetgym import evaluate, make_agent
from budgetgym.agents.learning.configuration import learning_of
from budgetgym.agents.learning.recurrent_ppo import RecurrentPpo
from budgetgym.agents.registry import LEARNERS, known_agents
from budgetgym.envs.core.batch import Batch, episode_keys
from budgetgym.envs.core.resolve import as_problem
from budgetgym.envs.routing.agentic.problem import AgenticRouting
from budgetgym.envs.steering.problem import SocialSteering
from budgetgym.envs.workflow.problem import WorkflowRouting
from ours import FIRST_IDS, IDS

NAMES = ("a2c", "dqn", "maskable_ppo", "recurrent_ppo")
TINY: dict[str, dict[str, Any]] = {
    "a2c": {"lanes": 8},
    "dqn": {"lanes": 8, "learning_starts": 8, "batch_size": 16, "buffer_size": 1000},
    "maskable_ppo": {"lanes": 8, "n_steps": 8, "batch_size": 32},
    "recurrent_ppo": {"lanes": 8, "n_steps": 8, "batch_size": 32},
    "ppo": {"lanes": 8, "n_steps": 8, "batch_size": 32},
}
SERVED = [(name, id) for name in NAMES for id in FIRST_IDS if name in learning_of(as_problem(id)).configurations]


@pytest.mark.parametrize(("name", "id"), [*SERVED, ("ppo", "budgetgym/WorkflowRouting-v0"), ("ppo", "budgetgym/TrapTree-v0")])
def test_every_learner_serves_the_families_that_configure_it(name, id, tmp_path):
    """Learns a little, plays, and is the same after loading."""
    problem = as_problem(id)
    agent: Any = make_agent(name, problem, seed=1, **TINY[name]).learn(200)  # type: ignore[attr-defined]
    agent.save(tmp_path / "agent.zip")
    again = make_agent(f"{name}:path={tmp_path / 'agent.zip'}", problem)
    found = [evaluate(each, problem, 3).episodes["return"].tolist() for each in (agent, again)]
    assert found[0] == found[1]


@pytest.mark.parametrize("name", ["a2c", "dqn", "maskable_ppo"])
def test_it_learns_to_inform_while_it_matters(name):
    """As PPO does: better than the best next reward, which has less than .85 of the optimum."""
    problem = SocialSteering(T=5)
    agent: Any = make_agent(name, problem, seed=0, **({"learning_starts": 2_000} if name == "dqn" else {}))
    share = evaluate(agent.learn({"a2c": 400_000, "dqn": 50_000}.get(name, 150_000)), problem, 4000).summary
    assert share["share_of_optimum"] > 0.93


def test_masked_ppo_never_asks_for_what_it_cannot_pay():
    problem = AgenticRouting(budget=2)
    agent: Any = make_agent("maskable_ppo", problem, **TINY["maskable_ppo"])
    assert evaluate(agent.learn(64), problem, 200).summary["blocked"] == 0


def test_an_lstm_plays_alone_as_in_company_and_forgets_at_the_start_of_an_episode():
    problem = AgenticRouting()
    agent = make_agent("recurrent_ppo", problem, **TINY["recurrent_ppo"])
    assert isinstance(agent, RecurrentPpo)
    agent.learn(64)
    rows = np.random.default_rng(0).uniform(0, 1, (6, 4, len(problem.observation_names)))
    started = np.zeros((6, 4), bool)
    started[0], started[3, 1] = True, True

    def memories(which) -> list[np.ndarray]:
        state, found = None, []
        for row, start in zip(rows, started, strict=True):
            single = isinstance(which, int)
            _, state = agent.predict(row[which], state, start[which])
            assert state is not None
            found.append(state[0][:, 0] if single else state[0])
        return found

    together = memories(slice(None))
    for lane in range(4):
        for t, alone in enumerate(memories(lane)):
            assert alone == pytest.approx(together[t][:, lane], abs=1e-6)
    _, fresh = agent.predict(rows[3, 1], None, True)
    assert fresh is not None
    assert together[3][:, 1] == pytest.approx(fresh[0][:, 0], abs=1e-6)
    assert together[3][:, 0] != pytest.approx(agent.predict(rows[3, 0], None, True)[1][0][:, 0], abs=1e-3)  # type: ignore[index]
    batch = Batch(problem, 3)
    batch.seed(episode_keys(0, 3))
    batch.reset()
    assert agent.predict(batch.observe())[0].shape == (3,)
    with pytest.raises(ValueError, match="observation has shape"):
        agent.predict(np.zeros(3))


def test_every_configuration_is_of_a_known_learner():
    for id in IDS:
        problem = as_problem(id)
        learners = {name for name, agent in known_agents(problem).items() if agent.learns}
        assert {name.partition("/")[0] for name in learning_of(problem).configurations} <= learners
        assert set(LEARNERS) <= set(known_agents(problem))


def test_it_says_which_actions_have_no_number():
    with pytest.raises(ValueError, match="one value for each action"):
        make_agent("dqn", WorkflowRouting())
    with pytest.raises(ValueError, match="one value for each action"):
        make_agent("dqn", SocialSteering(topics=2))
    with pytest.raises(ValueError, match="one value for each action"):
        make_agent("dqn", SocialSteering(levels=None))
