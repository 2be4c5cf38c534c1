"""The PettingZoo faces of a society."""

import copy
import pickle
import re

import numpy as np
import pytest
from budgetgym.baselines.society.agents import BayesianAgents
from budgetgym.baselines.steering.planners import Myopic, Null
from budgetgym.envs.society import society_v0
from budgetgym.envs.society.batch import SocietyBatch
from budgetgym.envs.society.game import Society
from gymnasium.error import ResetNeeded
from pettingzoo.test import api_test, parallel_api_test, parallel_seed_test, seed_test
from pettingzoo.test.state_test import state_test
from pettingzoo.utils import parallel_to_aec

SETTINGS = [
    {},
    {"n_agents": 6, "cohort": 3, "public_belief": "empirical", "discrete": True, "objective": "biased"},
    {"public_belief": "none", "levels": None, "budget": (0.0, 1.0)},
    {"n_agents": 4, "cohort": 4, "reward": "expected", "budget_aware": False, "price": 1.0},
]
every = pytest.mark.parametrize("settings", SETTINGS, ids=str)
# PettingZoo expects agents that are alike, and names such as player_0.
by_design = pytest.mark.filterwarnings(
    "ignore:We recommend agents to be named",
    "ignore:Agents have different (observation|action) space sizes",
    "ignore:The class of (observation|action) spaces is different",
    "ignore:Observations are different shapes",
)


@by_design
@every
def test_pettingzoo_accepts_it_agent_by_agent(settings):
    api_test(society_v0.env(**settings), num_cycles=200)
    seed_test(lambda: society_v0.env(**settings), num_cycles=200)


@by_design
@every
def test_pettingzoo_accepts_it_in_rounds_and_its_conversion(settings):
    parallel_api_test(society_v0.parallel_env(**settings), num_cycles=200)
    parallel_seed_test(lambda: society_v0.parallel_env(**settings), num_cycles=200)
    api_test(parallel_to_aec(society_v0.parallel_env(**settings)), num_cycles=200)


@by_design
def test_max_cycles_and_the_state():
    for made in (society_v0.env, society_v0.raw_env, society_v0.parallel_env):
        env = made(n_agents=6, max_cycles=3)
        env.reset(seed=0)
        assert env.state() in env.state_space
        assert env.state().shape == (8 + 6 * 4,)
    *_, terminations, truncations, _ = [
        env.step({agent: np.zeros(1) if agent == "planner" else 1 for agent in env.agents}) for _ in range(3)
    ][-1]
    assert env.agents == []
    assert truncations == {"planner": True, "agent_1": False, "agent_2": True}
    assert terminations == {"planner": False, "agent_1": True, "agent_2": False}
    aec = society_v0.env(n_agents=6, max_cycles=3)
    aec.reset(seed=0)
    acted = []
    for agent in aec.agent_iter():
        acted += [agent] * (not (aec.terminations[agent] or aec.truncations[agent]))
        over = aec.terminations[agent] or aec.truncations[agent]
        aec.step(None if over else np.zeros(1) if agent == "planner" else 1)
    assert acted.count("planner") == 3
    assert "agent_3" not in acted
    state_test(society_v0.env(n_agents=4), society_v0.parallel_env(n_agents=4))


def test_only_rounds_can_be_converted():
    assert not society_v0.env().metadata["is_parallelizable"]
    assert society_v0.parallel_env().metadata["is_parallelizable"]


# --- agent by agent -----------------------------------------------------------------------------------------------------


def chosen(env, agent, observation):
    """A planner who asks for the middle of the scale, and agents who follow their signals."""
    if agent == "planner":
        return np.zeros(1) if env.action_space(agent).shape else 3
    return int(observation[-1] > 0)


def test_the_order_of_turns():
    env = society_v0.env(n_agents=2)
    env.reset(seed=0)
    turns = []
    for agent in env.agent_iter():
        observation, reward, terminated, truncated, info = env.last()
        turns.append((agent, reward, terminated))
        assert not truncated
        assert info["public_belief"] == "assumed_bayes"
        env.step(None if terminated else chosen(env, agent, observation))
    assert [(agent, terminated) for agent, _, terminated in turns] == [
        ("planner", False),
        ("agent_0", False),
        ("agent_0", True),
        ("planner", False),
        ("agent_1", False),
        ("planner", True),
        ("agent_1", True),
    ]
    rewards = {agent: [r for who, r, _ in turns if who == agent] for agent in env.possible_agents}
    assert rewards["planner"][1:] == [rewards["agent_0"][-1], rewards["agent_1"][-1]]
    assert set(rewards["agent_0"]) <= {0.0, -1.0}
    assert env.agents == []
    with pytest.raises(ResetNeeded, match="no agent is left"):
        env.unwrapped.step(0)


def test_members_of_a_cohort_do_not_see_each_other():
    env = society_v0.env(n_agents=4, cohort=2, observation="history", budget=0.0)
    env.reset(seed=3)
    order, beginning = [], []
    for agent in env.agent_iter():
        observation, _, terminated, *_ = env.last()
        if not terminated and agent != "planner":
            order.append(agent)
            beginning.append(observation[:4].tolist())
        env.step(None if terminated else chosen(env, agent, observation))
    assert order == ["agent_0", "agent_1", "agent_2", "agent_3"]
    assert beginning[0] == beginning[1] == [0, 0, 0, 0]
    assert beginning[2] == beginning[3]
    assert np.abs(beginning[2]).tolist() == [1, 1, 0, 0]


def test_what_agents_see():
    """The public belief, then what is their own; nothing of what is not yet theirs."""
    env = society_v0.raw_env(n_agents=3, budget=0.2)
    env.reset(seed=1)
    assert env.observe("agent_0").tolist() == [0.5, 0.0, 0.0, 0.0]
    env.step(np.array([1.0]))
    mine = env.observe("agent_0")
    assert mine[:3] == pytest.approx([0.5, 0.0, 0.9])
    assert abs(mine[3]) == 1.0
    assert env.observe("agent_1").tolist() == [0.5, 0.0, 0.0, 0.0]
    assert env.infos["planner"] == {
        "public_belief": "assumed_bayes",
        "cost": pytest.approx(0.2),
        "spent": pytest.approx(0.2),
        "remaining": pytest.approx(0.0),
        "blocked": 0,
    }
    assert env.infos["agent_0"] == {"public_belief": "assumed_bayes"}
    env.step(1)
    assert env.observe("agent_0") == pytest.approx([0.9, 0.5, 0.9, mine[3]])
    assert env.observe("planner")[:5] == pytest.approx([0.9, 0.5, 0.9, 1.0, 1.0])


@pytest.mark.parametrize("reward", ["realised", "expected"])
def test_rewards_by_hand(reward):
    """A precision of 0.9 on even odds: against her signal an agent is wrong with 0.9, and the public believes her."""
    env = society_v0.raw_env(n_agents=1, reward=reward, C=2.0, price=0.5)
    env.reset(seed=1)
    env.step(np.array([1.0]))
    signal = env.observe("agent_0")[3]
    env.step(int(signal < 0))
    if reward == "expected":
        assert env.rewards == {"planner": pytest.approx(-2 * 0.1 - 0.5 * 0.2), "agent_0": pytest.approx(-2 * 0.9)}
    else:
        good = env._batch.state.planner.good[0, 0]
        wrong = good == (signal > 0)
        assert env.rewards == {"planner": pytest.approx(-2.0 * wrong - 0.1), "agent_0": -2.0 * wrong}


# --- in rounds ----------------------------------------------------------------------------------------------------------


def test_the_planner_commits_one_round_ahead():
    env = society_v0.parallel_env(n_agents=4, cohort=2, budget=0.6)
    observations, _ = env.reset(seed=0)
    assert list(observations) == env.agents == ["planner"]
    observations, rewards, *_ = env.step({"planner": np.array([1.0])})
    assert env.agents == list(rewards) == ["planner", "agent_0", "agent_1"]
    assert set(rewards.values()) == {0.0}
    assert [observations[f"agent_{i}"][2] for i in (0, 1)] == [0.9, 0.9]
    observations, rewards, terminations, truncations, infos = env.step(
        {"planner": np.array([0.5]), "agent_0": 1, "agent_1": 1}
    )
    assert terminations == {"planner": False, "agent_0": True, "agent_1": True, "agent_2": False, "agent_3": False}
    assert not any(truncations.values())
    assert observations["agent_2"][2] == 0.8
    assert observations["agent_2"][0] == observations["planner"][0] == pytest.approx(81 / 82)
    assert rewards["planner"] == rewards["agent_0"] + rewards["agent_1"]
    assert (infos["planner"]["cost"], infos["planner"]["spent"]) == (pytest.approx(0.2), pytest.approx(0.6))
    *_, terminations, _, infos = env.step({"planner": np.array([1.0]), "agent_2": 0, "agent_3": 1})
    assert terminations == {"planner": True, "agent_2": True, "agent_3": True}
    assert (infos["planner"]["cost"], infos["planner"]["blocked"]) == (0.0, 0)  # there was nothing left to buy for
    assert env.agents == []
    with pytest.raises(ResetNeeded, match="no agent is left"):
        env.step({})


# --- the batch, seeds and copies ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("public_belief", ["assumed_bayes", "empirical"])
def test_a_world_of_a_batch_is_the_environment_with_the_same_seed(public_belief):
    """Several episodes, to the last bit, agent by agent and in rounds."""
    settings = {"n_agents": 6, "cohort": 2, "public_belief": public_belief, "reward": "expected"}
    game = Society(**settings)
    batch, aec, rounds = SocietyBatch(game, 3), society_v0.raw_env(**settings), society_v0.parallel_env(**settings)
    planner, agents = Null(game.planner), BayesianAgents(game)
    batch.seed([7, 8, 9])
    for episode in range(3):
        seed = 8 if episode == 0 else None
        batch.reset()
        aec.reset(seed=seed)
        observations, _ = rounds.reset(seed=seed)
        observations, *_ = rounds.step({"planner": planner.predict(observations["planner"])[0]})
        while not batch.finished:
            here = batch.observe_planner().astype(np.float32)
            assert (aec.observe("planner") == here[1]).all()
            committed, _ = planner.predict(here)
            members = [f"agent_{i}" for i in batch.cohort]
            seen = batch.commit(committed)
            aec.step(committed[1])
            actions, _ = agents.predict(seen)
            chosen = {agent: int(actions[1, j]) for j, agent in enumerate(members)}
            for j, agent in enumerate(members):
                assert (aec.observe(agent) == seen[1, j].astype(np.float32)).all()
                assert (observations[agent] == seen[1, j].astype(np.float32)).all()
                aec.step(chosen[agent])
            outcome = batch.act(actions)
            observations, rewards, *_ = rounds.step({"planner": committed[1], **chosen})
            assert aec.rewards["planner"] == rewards["planner"] == outcome.planner_reward[1]
            assert [aec.rewards[agent] for agent in members] == outcome.reward[1].tolist()
            assert [rewards[agent] for agent in members] == outcome.reward[1].tolist()
            while aec.agents and aec.terminations[aec.agent_selection]:
                aec.step(None)
        assert rounds.agents == aec.agents == []


def played(env, seed=None, budget=None):
    """All that happens in an episode."""
    env.reset(seed=seed, options=None if budget is None else {"budget": budget})
    records = []
    for agent in env.agent_iter():
        observation, reward, terminated, _, info = env.last()
        records.append((agent, observation.tolist(), reward, info))
        env.step(None if terminated else chosen(env, agent, observation))
    return records


def test_the_same_seed_is_the_same_episode_and_without_one_it_goes_on():
    env = society_v0.env()
    first, second = played(env, 3), played(env)
    assert played(env, 3) == first
    assert played(env) == second
    assert first != second


def test_seeding_forgets_what_was_counted():
    env = society_v0.env(public_belief="empirical")
    first = played(env, 3)
    assert {observation[0] for _, observation, *_ in first if len(observation) == 4} == {0.5}
    for _ in range(20):
        later = played(env)
    assert len({observation[0] for _, observation, *_ in later if len(observation) == 4}) > 1
    assert played(env, 3) == first


def test_budgets_can_be_set_for_an_episode():
    env = society_v0.env()
    records = played(env, 0, budget=0.05)
    assert records[0][3]["remaining"] == 0.05
    assert played(env)[0][3]["remaining"] == 0.6
    with pytest.raises(ValueError, match="budget is -1"):
        env.reset(options={"budget": -1})


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
def test_a_copy_goes_on_like_the_original_and_apart_from_it(copied):
    for make in (society_v0.raw_env, society_v0.parallel_env):
        env = make(n_agents=4)
        env.reset(seed=1)
        env.step(np.array([0.3]) if make is society_v0.raw_env else {"planner": np.array([0.3])})
        twin = copied(env)
        for one in (env, twin):
            one.step(1 if make is society_v0.raw_env else {"planner": np.array([0.3]), "agent_0": 1})
        assert (env.observe("planner") == twin.observe("planner")).all()
        assert env.agents == twin.agents
    env = society_v0.env()
    assert played(env, 1) == played(copied(env), 1)


def test_the_same_actions_after_restore_have_the_same_outcomes():
    env = society_v0.parallel_env(n_agents=5)
    env.reset(seed=1)
    env.step({"planner": np.array([0.3])})
    snapshot, agents = env.snapshot(), env.agents

    def play_on():
        outcomes = []
        while env.agents:
            outcomes.append(env.step({agent: chosen(env, agent, env.observe(agent)) for agent in env.agents})[1])
        return outcomes

    first = play_on()
    env.restore(snapshot)
    assert env.agents == agents
    assert play_on() == first


def test_planners_of_the_family_and_reference_agents_play():
    env = society_v0.env(discrete=True, budget=0.4)
    planner, agents = Myopic(env.unwrapped.game.planner), BayesianAgents(env.unwrapped.game)
    env.reset(seed=0)
    for agent in env.agent_iter():
        observation, _, terminated, _, info = env.last()
        if agent == "planner":
            assert info["action_mask"].tolist() == [1, 1, 1, *(np.array([0.1, 0.2]) <= info["remaining"] + 1e-9)]
        policy = planner if agent == "planner" else agents
        env.step(None if terminated else policy.predict(observation)[0])
    assert info["public_belief"] == "assumed_bayes"


# --- spaces, text and errors ---------------------------------------------------------------------------------------------


@every
def test_spaces(settings):
    env = society_v0.parallel_env(**settings)
    observations, _ = env.reset(seed=0)
    while env.agents:
        observations, *_ = env.step({agent: env.action_space(agent).sample() for agent in env.agents})
        assert all(env.observation_space(agent).contains(seen) for agent, seen in observations.items())
    assert env.action_space("agent_0") is env.action_space("agent_0") is not env.action_space("agent_1")
    assert env.observation_space("agent_0").shape == (len(env.game.agent_observation_names),)


def test_text():
    env = society_v0.raw_env(n_agents=2, render_mode="ansi")
    env.reset(seed=0)
    assert "the planner: belief 0.50" in env.render()
    env.step(np.array([1.0]))
    assert "agent 0: good or bad action? the signal has precision 0.9" in env.render()
    assert str(env) == "society_v0"
    assert society_v0.raw_env().render() is None


def test_wrong_calls_are_refused():
    with pytest.raises(ValueError, match="render_mode is 'humam'"):
        society_v0.env(render_mode="humam")
    with pytest.raises(TypeError, match="colour"):
        society_v0.env(colour="red")
    env = society_v0.raw_env(n_agents=2)
    with pytest.raises(ResetNeeded):
        env.step(0)
    env.reset(seed=0)
    before = env._batch.snapshot()
    for wrong in (0, None, np.zeros(2), np.array([np.nan]), np.array([np.inf]), np.array(["a"])):
        with pytest.raises(ValueError, match="the action of planner is"):
            env.step(wrong)
    assert (before.planner.rng == env._batch.state.planner.rng).all()
    assert not env._batch.awaits_agents
    env.step(np.zeros(1, np.float32))
    for wrong in (2, -1, None, 0.0, np.zeros(1, int), True):
        with pytest.raises(
            ValueError, match=re.escape(f"the action of agent_0 is {wrong!r}; expected an element of Discrete(2)")
        ):
            env.step(wrong)
    env.step(np.int64(1))
    rounds = society_v0.parallel_env(n_agents=2)
    with pytest.raises(ResetNeeded):
        rounds.step({})
    rounds.reset(seed=0)
    with pytest.raises(ValueError, match=r"actions are for .*expected one for each of"):
        rounds.step({})
    rounds.step({"planner": np.zeros(1)})
    with pytest.raises(ValueError, match="the action of agent_0 is 7"):
        rounds.step({"planner": np.zeros(1), "agent_0": 7})
    assert rounds.agents == ["planner", "agent_0"]
