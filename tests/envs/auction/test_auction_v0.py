"""The PettingZoo face."""

import copy
import pickle

import numpy as np
import pytest
from budgetgym.envs.auction import auction_v0
from gymnasium.error import ResetNeeded
from pettingzoo.test import api_test, max_cycles_test, parallel_api_test, parallel_seed_test, seed_test
from pettingzoo.test.state_test import state_test
from pettingzoo.utils import parallel_to_aec

SETTINGS = [
    {"T": 60},
    {"T": 60, "budgets": 3.0, "rule": "first_price"},
    {"T": 2000, "granularity": "tick", "ticks": 30, "budgets": 30.0, "rule": "gsp", "n_slots": 2, "reserve": 0.01},
]


@pytest.mark.parametrize("settings", SETTINGS)
def test_pettingzoo_accepts_the_parallel_environment(settings):
    parallel_api_test(auction_v0.parallel_env(**settings), num_cycles=200)
    parallel_seed_test(lambda: auction_v0.parallel_env(**settings), num_cycles=200)


@pytest.mark.parametrize("settings", SETTINGS)
def test_pettingzoo_accepts_its_conversion(settings):
    api_test(parallel_to_aec(auction_v0.parallel_env(**settings)), num_cycles=200)
    seed_test(lambda: auction_v0.env(**settings), num_cycles=200)


def test_max_cycles_and_the_state():
    max_cycles_test(auction_v0)
    state_test(auction_v0.raw_env(T=20), auction_v0.parallel_env(T=20))
    env = auction_v0.parallel_env(n_agents=2, max_cycles=2)
    env.reset(seed=0)
    env.step(bid_all(env, 0.1))
    here = env.snapshot()
    assert env.step(bid_all(env, 0.1))[3] == {"bidder_0": True, "bidder_1": True}
    assert env.agents == []
    env.restore(here)
    assert env.agents == ["bidder_0", "bidder_1"]


def test_bids_out_of_range_are_clipped():
    env, clipped = (auction_v0.parallel_env(n_agents=2, T=5) for _ in range(2))
    assert env.reset(seed=0)[1] == clipped.reset(seed=0)[1]
    assert env.step(bid_all(env, 7.0))[4] == clipped.step(bid_all(clipped))[4]


def bid_all(env, share=1.0):
    return {agent: np.array([share * env.game.highest_bid]) for agent in env.agents}


def test_exhausted_agents_leave_and_all_terminate_in_the_end():
    env = auction_v0.parallel_env(n_agents=2, T=5, values=[[1.0, 0.5]], budgets=[1.0, 9.0], rule="first_price")
    _, infos = env.reset(seed=0)
    assert env.agents == ["bidder_0", "bidder_1"]
    assert infos["bidder_1"] == {
        "cost": 0.0,
        "spent": 0.0,
        "remaining": 9.0,
        "blocked": 0,
        "wins": 0,
        "revenue": 0.0,
        "liquid_welfare": 0.0,
    }
    _, rewards, terminations, truncations, infos = env.step({"bidder_0": np.array([1.0]), "bidder_1": np.array([0.5])})
    assert terminations == {"bidder_0": True, "bidder_1": False}
    assert truncations == {"bidder_0": False, "bidder_1": False}
    assert rewards == {"bidder_0": 0.0, "bidder_1": 0.0}
    assert (infos["bidder_0"]["revenue"], infos["bidder_0"]["liquid_welfare"]) == (1.0, 1.0)
    assert env.agents == ["bidder_1"]
    for _ in range(4):
        observations, _, terminations, _, infos = env.step({"bidder_1": np.array([0.2])})
        assert set(observations) == set(terminations) == set(infos) == {"bidder_1"}
    assert terminations["bidder_1"]
    assert env.agents == []
    assert infos["bidder_1"]["liquid_welfare"] == 1.0 + 4 * 0.5
    with pytest.raises(ResetNeeded, match="no agent is left"):
        env.step({})


def test_the_same_seed_is_the_same_episode_and_without_one_it_goes_on():
    env = auction_v0.parallel_env(T=5, budgets=100.0)

    def values(seed=None):
        first, _ = env.reset(seed=seed)
        rows = [first, *(env.step(bid_all(env, 0.5))[0] for _ in range(4))]
        return np.array([[row[agent][0] for agent in env.possible_agents] for row in rows])

    one = values(3)
    following = values()
    assert (values(3) == one).all()
    assert (values() == following).all()
    assert (one != following).all()


def test_the_same_actions_after_restore_have_the_same_outcomes():
    env = auction_v0.parallel_env(T=8, budgets=1.0, rule="first_price")
    env.reset(seed=1)
    env.step(bid_all(env, 0.3))
    snapshot, agents = env.snapshot(), env.agents

    def play_on():
        outcomes = []
        while env.agents:
            observations, rewards, *_ = env.step(bid_all(env))
            outcomes.append((rewards, {agent: row.tolist() for agent, row in observations.items()}))
        return outcomes

    first = play_on()
    env.restore(snapshot)
    assert env.agents == agents
    assert play_on() == first


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
def test_a_copy_goes_on_like_the_original_and_apart_from_it(copied):
    env = auction_v0.parallel_env(T=8, budgets=9.0)
    env.reset(seed=1)
    env.step(bid_all(env, 0.3))
    twin = copied(env)
    ours = [env.step(bid_all(env, 0.5))[1] for _ in range(3)]
    assert [twin.step(bid_all(twin, 0.5))[1] for _ in range(3)] == ours
    assert all((a == b).all() for a, b in zip(env.reset()[0].values(), twin.reset()[0].values(), strict=True))


def test_budgets_can_be_set_for_an_episode():
    env = auction_v0.parallel_env(n_agents=2, T=5)
    _, infos = env.reset(seed=0, options={"budgets": [1.5, 2.5]})
    assert [infos[agent]["remaining"] for agent in env.agents] == [1.5, 2.5]
    with pytest.raises(ValueError, match="budgets is -1"):
        env.reset(options={"budgets": -1})


def test_spaces_state_and_text():
    env = auction_v0.parallel_env(n_agents=2, T=5, render_mode="ansi")
    observations, _ = env.reset(seed=0)
    assert str(env) == "auction_v0"
    assert env.observation_space("bidder_0").contains(observations["bidder_0"])
    assert env.state_space.contains(env.state())
    assert env.state().tolist() == [*observations["bidder_0"], *observations["bidder_1"]]
    assert f"{observations['bidder_1'][0]:.3g}: what does everybody bid?" in env.render()
    assert env.action_space("bidder_0") is not env.action_space("bidder_1")
    assert auction_v0.parallel_env().render() is None


def test_wrong_calls_are_refused():
    with pytest.raises(ValueError, match="render_mode is 'humam'"):
        auction_v0.parallel_env(render_mode="humam")
    with pytest.raises(TypeError, match="colour"):
        auction_v0.parallel_env(colour="red")
    env = auction_v0.parallel_env(n_agents=2)
    with pytest.raises(ResetNeeded):
        env.step({})
    env.reset(seed=0)
    good = bid_all(env)
    for wrong, message in (
        ({"bidder_0": good["bidder_0"]}, "expected one for each of"),
        ({**good, "bidder_9": good["bidder_0"]}, "actions are for .*bidder_9"),
        ({**good, "bidder_1": np.array([0.1, 0.2])}, "the action of bidder_1 is"),
        ({**good, "bidder_1": None}, "the action of bidder_1 is None"),
        ({**good, "bidder_1": np.array([np.nan])}, "agent 1 in world 0 is nan"),
        ({**good, "bidder_1": np.array([np.inf])}, "is inf; expected a finite number"),
    ):
        with pytest.raises(ValueError, match=message):
            env.step(wrong)
