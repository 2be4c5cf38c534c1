"""Episodes of many worlds: budgets, exhaustion, reproducibility, forks."""

import numpy as np
import pytest
from budgetgym.envs.auction.auction_v0 import parallel_env
from budgetgym.envs.auction.batch import AuctionBatch
from budgetgym.envs.auction.game import AuctionGame
from budgetgym.envs.auction.state import RULES
from budgetgym.envs.core.batch import episode_keys
from gymnasium.error import ResetNeeded
from hypothesis import given, settings
from hypothesis import strategies as st


@st.composite
def games(draw):
    """Settings of a game with scarce money."""
    n, rule = draw(st.integers(1, 5)), draw(st.sampled_from(RULES))
    slots = 1 if rule == "second_price" else draw(st.integers(1, 3))
    tick = draw(st.booleans())
    reserve = draw(st.sampled_from([0.0, 0.05, 0.3]))
    return {
        "n_agents": n,
        "rule": rule,
        "n_slots": slots,
        "position_effects": sorted(draw(st.lists(st.floats(0.05, 1), min_size=slots, max_size=slots)), reverse=True),
        "qualities": draw(st.lists(st.floats(0.1, 1), min_size=n, max_size=n)),
        "reserve": reserve,
        "T": 40,
        "granularity": "tick" if tick else "auction",
        "ticks": draw(st.integers(1, 9)) if tick else None,
        "budgets": draw(st.lists(st.floats(max(reserve, 1e-3), 6), min_size=n, max_size=n)),
        "values": draw(st.sampled_from(["uniform", "lognormal", [[1.0] * n, [0.5] * n]])),
        "objective": draw(st.sampled_from(["profit", "value"])),
    }


@settings(max_examples=80, deadline=None)
@given(given_settings=games(), seed=st.integers(0, 2**31), greedy=st.booleans())
def test_no_bids_ever_overspend_a_budget(given_settings, seed, greedy):
    game = AuctionGame(**given_settings)
    batch = AuctionBatch(game, 3)
    batch.seed([seed, seed + 1, seed + 2])
    rng = np.random.default_rng(seed)
    observation = batch.reset()
    initial, paid, gained = batch.state.initial.copy(), np.zeros((3, game.n_agents)), np.zeros((3, game.n_agents))
    wins = np.zeros((3, game.n_agents))
    while not batch.state.finished.all():
        out = ~batch.state.active | batch.state.finished[:, None]
        for i, space in enumerate(game.observation_spaces):
            assert all(space.contains(row) for row in observation[:, i])
        share = np.ones((3, game.n_agents)) if greedy else rng.random((3, game.n_agents))
        observation, reward, terminated = batch.step(game.highest_bid * share)
        info = batch.info()
        assert (info["cost"] >= 0).all()
        assert (info["remaining"] >= 0).all()
        assert (info["spent"] <= initial).all()
        assert not info["cost"][out].any()
        assert not reward[out].any()
        assert terminated[out].all()
        paid += info["cost"]
        gained += reward + (info["cost"] if game.objective == "profit" else 0)
        assert ((info["wins"] - wins).sum(axis=1) <= game.n_slots * game.params.auctions).all()
        wins = info["wins"]
    assert paid == pytest.approx(info["spent"])
    assert info["revenue"] == pytest.approx(paid.sum(axis=1))
    assert info["liquid_welfare"] == pytest.approx(np.minimum(gained, initial).sum(axis=1))
    assert (info["liquid_welfare"] <= initial.sum(axis=1) * (1 + 1e-12)).all()


@settings(max_examples=40, deadline=None)
@given(given_settings=games(), seed=st.integers(0, 2**31), multiplier=st.floats(0.1, 3))
def test_a_tick_is_its_auctions_held_one_after_another(given_settings, seed, multiplier):
    """Against a few lines of plain Python. Odd budgets, so that no two bids that are lowered to the money tie."""
    given_settings["budgets"] = np.array(given_settings["budgets"]) + np.random.default_rng(seed).random(
        given_settings["n_agents"]
    )
    game = AuctionGame(**{**given_settings, "granularity": "tick", "ticks": 1, "values": "lognormal", "rule": "first_price"})
    batch = AuctionBatch(game, 1)
    batch.seed([seed])
    batch.reset()
    params, money = game.params, batch.state.initial[0].copy()
    wins, value, present = np.zeros(game.n_agents, int), 0.0, np.ones(game.n_agents, bool)
    for values in batch.record_values()[0]:
        scores = np.minimum(multiplier * values * params.quality, money) * present
        ranked = [i for i in np.argsort(-scores) if scores[i] > 0 and scores[i] >= params.reserve]
        for effect, i in zip(params.effects, ranked, strict=False):
            money[i] -= effect * scores[i]
            wins[i] += 1
            value += effect * params.quality[i] * values[i]
        present &= (money > 1e-6 * batch.state.initial[0]) & (money >= params.reserve)
    batch.step(np.full((1, game.n_agents), multiplier))
    assert batch.info()["wins"][0].tolist() == wins.tolist()
    assert batch.info()["remaining"][0] == pytest.approx(money, abs=1e-9)
    assert batch.state.worth_won.sum() == pytest.approx(value)
    assert batch.state.active[0].tolist() == present.tolist()


def test_an_exhausted_bidder_leaves_within_the_tick():
    game = AuctionGame(
        n_agents=2, rule="first_price", granularity="tick", ticks=2, T=20, values=[[1.0, 0.5]], budgets=[3.0, 100.0]
    )
    batch = AuctionBatch(game, 1)
    batch.reset()
    _, reward, terminated = batch.step([[1.0, 1.0]])
    assert batch.info()["wins"].tolist() == [[3, 7]]
    assert batch.info()["spent"].tolist() == [[3.0, 3.5]]
    assert terminated.tolist() == [[True, False]]
    _, reward, terminated = batch.step([[np.nan, 0.1]])  # nobody looks at the action of who is gone
    assert reward == pytest.approx(np.array([[0.0, 10 * (0.5 - 0.05)]]))
    assert terminated.all()
    assert batch.info()["cost"].tolist() == [[0.0, pytest.approx(0.5)]]
    assert batch.info()["spent"].tolist() == [[3.0, pytest.approx(4.0)]]
    assert batch.info()["wins"].tolist() == [[3, 17]]
    assert batch.info()["blocked"].tolist() == [[0, 0]]


def test_a_bid_beyond_the_money_is_lowered_to_it_and_counted():
    game = AuctionGame(n_agents=2, T=3, values=[[1.0, 1.0]], budgets=[0.4, 5.0], rule="first_price", highest_bid=9.0)
    batch = AuctionBatch(game, 1)
    batch.reset()
    terminated = batch.step([[9.0, 0.4 - 1e-9]]).terminated
    assert batch.info()["cost"].tolist() == [[0.4, 0.0]]
    assert batch.info()["blocked"].tolist() == [[1, 0]]
    assert terminated.tolist() == [[True, False]]


def test_not_even_rounding_overspends():
    """VCG charges 0.55 * 0.05 + 0.22 * 0.05 + 0.23 * 0.05, which is more than 0.05 in floating point."""
    effects = [1.0, 0.45, 0.23]
    game = AuctionGame(n_agents=4, T=1, rule="vcg", n_slots=3, position_effects=effects, budgets=0.05)
    batch = AuctionBatch(game, 1)
    batch.reset()
    batch.step([[1.0] * 4])
    assert sorted(batch.info()["remaining"][0])[0] == 0.0


def test_an_agent_that_can_no_longer_reach_the_reserve_is_out():
    game = AuctionGame(n_agents=2, T=5, values=[[1.0, 0.9]], budgets=[1.0, 5.0], reserve=0.5)
    batch = AuctionBatch(game, 1)
    batch.reset()
    assert batch.step([[1.0, 0.6]]).terminated.tolist() == [[True, False]]
    assert batch.info()["remaining"][0, 0] == pytest.approx(0.4)


def test_a_world_without_bidders_is_over_and_idles():
    game = AuctionGame(n_agents=1, T=5, values=[[1.0]], budgets=1.0, rule="first_price")
    batch = AuctionBatch(game, 1)
    batch.reset()
    assert batch.step([[1.0]]).terminated.all()
    assert batch.state.finished.all()
    observation, reward, terminated = batch.step([[1.0]])
    assert reward.tolist() == [[0.0]]
    assert terminated.all()
    assert batch.state.t[0] == 1
    assert observation[0, 0, 6] == 0.0


SETTINGS = [
    {"T": 50, "budgets": 2.0, "rule": "gsp", "n_slots": 2, "correlation": 0.3},
    {"T": 400, "granularity": "tick", "ticks": 20, "traffic": [1, 2, 1], "values": "lognormal", "rule": "vcg", "budgets": 9.0},
]


@pytest.mark.parametrize("chosen", SETTINGS)
def test_a_world_of_a_batch_is_the_single_environment_with_the_same_seed(chosen):
    seeds = [5, 6, 7]
    game = AuctionGame(**chosen)
    batch = AuctionBatch(game, 3)
    batch.seed(seeds)
    rng = np.random.default_rng(0)
    envs = [parallel_env(**chosen) for _ in seeds]
    for episode in range(2):
        observation = batch.reset()
        for w, env in enumerate(envs):
            seen, _ = env.reset(seed=seeds[w] if episode == 0 else None)
            assert all(
                (seen[agent] == observation[w, i].astype(np.float32)).all() for i, agent in enumerate(env.possible_agents)
            )
        while not batch.state.finished.all():
            actions = rng.random((3, game.n_agents)) * game.highest_bid
            over = batch.state.finished.copy()
            observation, reward, terminated = batch.step(actions)
            info = batch.info()
            for w, env in enumerate(envs):
                if over[w]:
                    continue
                present = {agent: int(agent.split("_")[1]) for agent in env.agents}
                seen, rewards, ends, _, infos = env.step({agent: actions[w, [i]] for agent, i in present.items()})
                for agent, i in present.items():
                    assert (seen[agent] == observation[w, i].astype(np.float32)).all()
                    assert rewards[agent] == reward[w, i]
                    assert ends[agent] == terminated[w, i]
                    assert infos[agent]["remaining"] == info["remaining"][w, i]
                    assert infos[agent]["revenue"] == info["revenue"][w]


@pytest.mark.parametrize("chosen", SETTINGS)
def test_a_snapshot_is_the_whole_world_and_forks_share_its_future(chosen):
    game = AuctionGame(**chosen)
    batch = AuctionBatch(game, 2)
    batch.seed([1, 2])
    batch.reset()
    actions = np.random.default_rng(1).random((15, 2, game.n_agents)) * game.highest_bid
    for k in range(5):
        batch.step(actions[k])
    snapshot, fork = batch.snapshot(), batch.fork(3, world=1)
    first = [batch.step(actions[k]) for k in range(5, 15)]
    batch.restore(snapshot)
    again = [batch.step(actions[k]) for k in range(5, 15)]
    forked = [fork.step(np.repeat(actions[k, 1:], 3, axis=0)) for k in range(5, 15)]
    for one, other, copies in zip(first, again, forked, strict=True):
        assert all((a == b).all() for a, b in zip(one, other, strict=True))
        assert all((c == a[1]).all() for a, c in zip(one, copies, strict=True))


def test_worlds_and_budgets_can_be_chosen_at_a_reset():
    game = AuctionGame(n_agents=2, T=10)
    batch = AuctionBatch(game, 2)
    batch.set_keys(episode_keys(0, 2))
    batch.reset()
    batch.step(np.full((2, 2), 0.5))
    batch.reset(np.array([False, True]), budgets=[3.0, 4.0])
    assert batch.state.t.tolist() == [1, 0]
    assert batch.state.initial.tolist() == [game.params.budgets.tolist(), [3.0, 4.0]]
    batch.reset()
    assert batch.state.initial.tolist() == [game.params.budgets.tolist()] * 2


def test_what_an_agent_sees_does_not_depend_on_rivals_money_or_values():
    def first(**changed):
        batch = AuctionBatch(AuctionGame(n_agents=2, T=10, **changed), 1)
        batch.seed([0])
        batch.reset()
        return batch.step([[0.9, 0.0]]).observation[0, 0]

    assert (first(budgets=[2.0, 9.0]) == first(budgets=[2.0, 5.0])).all()
    assert (first(values=[[1.0, 0.5]], budgets=2.0)[:5] == first(values=[[1.0, 0.9]], budgets=2.0)[:5]).all()


def test_empty_ticks_pass():
    game = AuctionGame(n_agents=2, T=10, granularity="tick", ticks=4, traffic=[1, 0, 0, 1])
    batch = AuctionBatch(game, 1)
    batch.reset()
    traffic = [batch.observe()[0, 0, 0]]
    while not batch.state.finished.all():
        traffic.append(batch.step([[1.0, 1.0]]).observation[0, 0, 0])
    assert traffic == [2.0, 0.0, 0.0, 2.0, 0.0]
    assert batch.state.auction[0] == 10


def test_wrong_calls_are_refused_and_change_nothing():
    game = AuctionGame(n_agents=2, T=10)
    batch = AuctionBatch(game, 1)
    with pytest.raises(ResetNeeded, match=r"worlds \[0\]"):
        batch.step([[0.5, 0.5]])
    batch.reset()
    before = batch.snapshot()
    for actions in ([[0.5, np.inf]], [[np.nan, 0.5]], [[0.5, -np.inf]]):
        with pytest.raises(ValueError, match=r"agent [01] in world 0 is .*; expected a finite number"):
            batch.step(actions)
    for actions in ([0.5, 0.5], [[True, False]], [["a", "b"]]):
        with pytest.raises(ValueError, match=r"expected numbers \(1, 2\)"):
            batch.step(actions)
    assert all((here == there).all() for here, there in zip(batch.state, before, strict=True))
    with pytest.raises(ValueError, match="2 seeds; expected 1"):
        batch.seed([0, 1])
    with pytest.raises(ValueError, match="expected amounts > 0"):
        batch.reset(budgets=[1.0, 0.0])
    for worlds in ([True, True], [1], True):
        with pytest.raises(ValueError, match="expected a bool for each of 1 worlds"):
            batch.reset(worlds)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"snapshot has .* expected \(1, 2\)"):
        batch.restore(AuctionBatch(game, 2).snapshot())
    batch.step([[0.5, 0.5]])
    with pytest.raises(ValueError, match="just reset"):
        batch.record_values()
    with pytest.raises(ValueError, match="n_worlds is 0"):
        AuctionBatch(game, 0)
