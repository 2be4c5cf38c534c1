"""The learning agents of auctions as lanes of a VecEnv."""

import numpy as np
import pytest
from budgetgym.envs.auction.batch import AuctionBatch
from budgetgym.envs.auction.game import AuctionGame
from budgetgym.envs.auction.sb3 import AuctionVecEnv

FIRST_PRICE = {"rule": "first_price", "granularity": "tick", "highest_bid": 1.0}
GAME = AuctionGame(n_agents=3, ticks=5, T=60, budgets=[2.0, 6.0, 20.0], **FIRST_PRICE)


class Half:
    """Bids half of the value."""

    def act(self, observation):
        return np.full(observation.shape[:2], 0.5)


def test_lanes_play_the_batch():
    """Two episodes of two worlds, lane by lane, against the batch that is stepped by hand."""
    venv, batch = AuctionVecEnv(GAME, 2, lowest=0.1, seed=3), AuctionBatch(GAME, 2)
    batch.seed([3, 6])  # a world has the seed of its first lane
    observation, expected = venv.reset(), batch.reset()
    rng = np.random.default_rng(0)
    returns = np.zeros((2, 3))
    for _ in range(10):
        assert np.array_equal(observation, expected.reshape(6, -1).astype(np.float32))
        actions = rng.uniform(-1, 1, (6, 1))
        observation, reward, done, infos = venv.step(actions)
        multipliers = venv.multipliers(actions).reshape(2, 3)
        assert multipliers == pytest.approx(0.1 ** ((1 - actions.reshape(2, 3)) / 2))
        expected, gained, _ = batch.step(multipliers)
        returns += gained
        assert np.array_equal(reward, gained.astype(np.float32).ravel())
        assert done.tolist() == np.repeat(batch.state.finished, 3).tolist()
        if done.any():
            last = expected.reshape(6, -1).astype(np.float32)
            for lane, info in enumerate(infos):
                w, i = divmod(lane, 3)
                assert np.array_equal(info["terminal_observation"], last[lane])
                assert info["episode"]["r"] == pytest.approx(returns[w, i])
                assert info["spent_share"] == pytest.approx(1 - batch.state.remaining[w, i] / batch.state.initial[w, i])
            returns[:] = 0
            expected = batch.reset()


def test_an_agent_without_money_waits_for_its_world():
    game = AuctionGame(
        n_agents=2, granularity="tick", ticks=10, T=500, rule="first_price", budgets=[1.0, 400.0], highest_bid=1.0
    )
    venv = AuctionVecEnv(game, 1, seed=0)
    venv.reset()
    rewards, ends = zip(*[venv.step(np.ones((2, 1)))[1:3] for _ in range(10)], strict=True)
    assert np.array(rewards)[5:, 0].tolist() == [0.0] * 5
    assert np.array(ends).tolist() == [[False, False]] * 9 + [[True, True]]


def test_opponents_play_the_other_seats():
    venv, batch = AuctionVecEnv(GAME, 2, learners=[2], opponents=Half(), lowest=0.1, seed=0), AuctionBatch(GAME, 2)
    batch.seed([0, 1])
    batch.reset()
    assert np.array_equal(venv.reset(), batch.observe()[:, 2].astype(np.float32))
    for _ in range(4):
        _, reward, _, _ = venv.step(np.full((2, 1), 1.0))
        gained = batch.step([[0.5, 0.5, 1.0]] * 2).reward
        assert np.array_equal(reward, gained[:, 2].astype(np.float32))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"learners": [3]}, r"learners is \[3\]; expected seats in 0..2"),
        ({"learners": []}, "learners is"),
        ({"learners": [0, 0], "opponents": Half()}, "at most once"),
        ({"learners": [0]}, "opponents is None"),
        ({"lowest": 0.0}, "lowest is 0.0"),
        ({"lowest": 1.0}, "less than the highest bid"),
    ],
)
def test_bad_settings_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        AuctionVecEnv(GAME, 2, **settings)
