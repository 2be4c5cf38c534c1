"""The laws that values are drawn from."""

import numpy as np
import pytest
from budgetgym.envs.auction.batch import AuctionBatch
from budgetgym.envs.auction.game import AuctionGame
from scipy.stats import kstest, lognorm, norm

T = 40_000


def sample(seed=0, **settings):
    """(T, N) values of an episode."""
    batch = AuctionBatch(AuctionGame(**{"T": T, "n_agents": 3, **settings}), 1)
    batch.seed([seed])
    batch.reset()
    return batch.record_values()[0]


@pytest.mark.parametrize("correlation", [0.0, 0.4])
def test_values_follow_their_law(correlation):
    """Independent from auction to auction, so the test applies; interpolation is finer than 40,000 draws can resolve."""
    assert kstest(sample(correlation=correlation)[:, 0], "uniform").pvalue > 1e-3
    for sigma in (0.5, 1.0):
        values = sample(values=f"lognormal:{sigma}", correlation=correlation)[:, 1]
        assert kstest(values, lognorm(sigma, scale=np.exp(-(sigma**2) / 2)).cdf).pvalue > 1e-3
        assert values.mean() == pytest.approx(1.0, abs=4.5 * values.std() / T**0.5)


@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.9])
def test_values_of_two_agents_have_the_correlation_that_was_asked_for(correlation):
    error = 4.5 / T**0.5
    logs = np.log(sample(values="lognormal:0.7", correlation=correlation))
    normals = norm.ppf(sample(correlation=correlation))
    for a, b in ((0, 1), (1, 2)):
        for draws in (logs, normals):
            assert np.corrcoef(draws[:, a], draws[:, b])[0, 1] == pytest.approx(correlation, abs=error)


def test_fully_correlated_values_are_common():
    for values in ("uniform", "lognormal"):
        common = sample(values=values, correlation=1.0)
        assert common[:, 1:] == pytest.approx(np.repeat(common[:, :1], 2, axis=1))


def test_a_table_lends_whole_rows_evenly():
    table = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9], [0, 0, 1]])
    drawn = sample(values=table)
    row = (drawn[:, None, :] == table).all(axis=2)
    assert (row.sum(axis=1) == 1).all()
    assert row.mean(axis=0) == pytest.approx(np.full(4, 0.25), abs=4.5 * (3 / 16 / T) ** 0.5)


@pytest.mark.parametrize("settings", [{}, {"correlation": 0.5}, {"values": "lognormal:2", "correlation": 0.2}])
def test_no_value_is_above_the_highest(settings):
    game = AuctionGame(**settings)
    assert sample(**settings).min() >= 0
    assert sample(**settings).max() <= game.highest_value


def test_the_values_of_an_episode_do_not_depend_on_bids_or_granularity():
    by_tick = sample(T=30, granularity="tick", ticks=7)
    game = AuctionGame(T=30, n_agents=3)
    batch = AuctionBatch(game, 2)
    batch.seed([0, 0])
    seen = [batch.reset()[:, :, 0]]
    bids = np.array([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    seen += [batch.step(bids).observation[:, :, 0] for _ in range(29)]
    assert (np.array(seen) == by_tick[:, None, :]).all()
    assert (sample(seed=1, T=30) != by_tick).all()
