"""First-price pacing equilibria: by hand, by their definition, and as what pacing agents settle at."""

import numpy as np
import pytest
from budgetgym.baselines.auction.equilibrium import pacing_equilibrium
from budgetgym.baselines.auction.pacing import MultiplicativePacing
from budgetgym.envs.auction.batch import AuctionBatch
from budgetgym.envs.auction.game import AuctionGame


def test_two_bidders_by_hand():
    """Each wins its own auction. The first has too little money, its bids shrink until 2 beta = 1; the other has enough."""
    equilibrium = pacing_equilibrium([[2.0, 0.1], [0.5, 3.0]], [1.0, 5.0], tolerance=1e-9)
    assert equilibrium.multipliers == pytest.approx([0.5, 1.0], abs=1e-3)
    assert equilibrium.prices == pytest.approx([1.0, 3.0], rel=1e-3)
    assert equilibrium.allocation == pytest.approx(np.eye(2), abs=1e-3)
    assert equilibrium.spend == pytest.approx([1.0, 3.0], rel=1e-3)


def test_a_tie_is_split_as_the_budgets_ask():
    """One item worth 1 to both, money 0.3 and 0.2: it costs all money there is, and is shared 3 to 2."""
    equilibrium = pacing_equilibrium([[1.0], [1.0]], [0.3, 0.2], tolerance=1e-9)
    assert equilibrium.multipliers == pytest.approx([0.5, 0.5], abs=1e-4)
    assert equilibrium.allocation[:, 0] == pytest.approx([0.6, 0.4], abs=1e-4)


def test_with_plenty_of_money_nobody_shades_and_the_highest_value_wins():
    values = np.random.default_rng(0).random((3, 200))
    equilibrium = pacing_equilibrium(values, np.full(3, 1e4))
    assert equilibrium.multipliers == pytest.approx(np.ones(3), abs=1e-4)
    assert equilibrium.prices == pytest.approx(values.max(axis=0), rel=1e-4)


@pytest.mark.parametrize(("n", "m", "unit"), [(2, 50, 1.0), (5, 400, 1e6), (20, 1000, 1e-6)])
def test_an_equilibrium_keeps_its_conditions(n, m, unit):
    """Complementary slackness: nobody overspends, who shades its bids spends all, and only highest bids win."""
    rng = np.random.default_rng(n)
    values = rng.lognormal(size=(n, m)) * unit
    budgets = rng.uniform(0.1, 3.0, n) * m / n * unit
    budgets[-1] *= 10
    equilibrium = pacing_equilibrium(values, budgets, tolerance=1e-9)
    assert -1e-12 * budgets.sum() <= equilibrium.gap <= 1e-9 * budgets.sum()
    spend, beta = equilibrium.spend, equilibrium.multipliers
    assert ((beta > 0) & (beta <= 1)).all()
    assert (spend <= budgets * (1 + 1e-3)).all()
    shading = beta < 1 - 1e-4
    assert 0 < shading.sum() < n
    assert spend[shading] == pytest.approx(budgets[shading], rel=1e-3)
    assert equilibrium.allocation.sum(axis=0) == pytest.approx(np.ones(m))
    shortfall = equilibrium.prices - beta[:, None] * values
    assert (equilibrium.allocation * shortfall).sum() <= 1e-4 * equilibrium.prices.sum()


def test_an_agent_that_wants_nothing_and_auctions_nobody_wants_are_no_trouble():
    values = np.zeros((3, 25))
    values[:2, :20] = np.random.default_rng(0).random((2, 20))
    equilibrium = pacing_equilibrium(values, [2.0, 3.0, 1.0])
    assert equilibrium.multipliers[2] == pytest.approx(1.0, abs=1e-6)
    assert equilibrium.spend == pytest.approx([2.0, 3.0, 0.0], abs=1e-6)


def test_a_gap_below_rounding_is_not_claimed():
    with pytest.raises(RuntimeError, match=r"the gap is .* of the budgets after .*; expected 1e-20"):
        pacing_equilibrium(np.ones((4, 10)), [1.0, 2.0, 3.0, 0.5], tolerance=1e-20)


def test_multipliers_do_not_depend_on_the_unit_of_money():
    values, budgets = np.random.default_rng(1).random((3, 100)), np.array([3.0, 5.0, 40.0])
    one, thousand = pacing_equilibrium(values, budgets), pacing_equilibrium(1000 * values, 1000 * budgets)
    assert one.multipliers == pytest.approx(thousand.multipliers)
    assert 1000 * one.gap == pytest.approx(thousand.gap)


def test_pacing_agents_settle_at_the_equilibrium():
    """In the environment, by tick, each agent moves its multiplier by its own plan and spend only.

    The law of the auctions is a table, so that the programme over its rows is the equilibrium of the whole stream.
    """
    rng = np.random.default_rng(2)
    n, rows, T = 4, 1000, 1_000_000
    table = rng.lognormal(sigma=0.7, size=(rows, n))
    per_auction = np.array([0.08, 0.2, 0.35, 2.0])
    equilibrium = pacing_equilibrium(table.T, per_auction * rows, tolerance=1e-8)
    game = AuctionGame(
        n_agents=n, rule="first_price", granularity="tick", T=T, ticks=500, values=table, budgets=per_auction * T
    )
    batch = AuctionBatch(game, 1)
    batch.seed([0])
    agents = MultiplicativePacing(game)
    observation = batch.reset()
    played = []
    while not batch.state.finished.all():
        played.append(agents.act(observation)[0])
        observation = batch.step(agents.multipliers).observation
    assert np.mean(played[100:400], axis=0) == pytest.approx(equilibrium.multipliers, rel=0.02)
    spent = batch.info()["spent"][0]
    assert spent / T == pytest.approx(equilibrium.spend / rows, rel=0.03)
    assert (equilibrium.multipliers[:3] < 0.9).all()
    assert equilibrium.multipliers[3] == pytest.approx(1.0, abs=1e-3)


def test_an_agent_that_has_run_out_keeps_its_multiplier():
    """What it spends then shows nothing; else it would bid the more the next day, the earlier it was out of money."""
    game = AuctionGame(n_agents=2, granularity="tick", T=200, ticks=10, rule="first_price", budgets=[1.0, 60.0])
    batch, agents = AuctionBatch(game, 1), MultiplicativePacing(game)
    batch.seed([0])
    observation, played = batch.reset(), []
    while not batch.state.finished.all():
        played.append(agents.act(observation)[0, 0])
        observation = batch.step(agents.multipliers).observation
    assert not batch.state.active[0, 0]
    assert set(played) == {1.0}


def test_pacing_starts_where_the_last_episode_ended():
    game = AuctionGame(n_agents=2, granularity="tick", T=100, ticks=10)
    agents = MultiplicativePacing(game, worlds=3)
    batch = AuctionBatch(game, 3)
    observation = batch.reset()
    assert (agents.act(observation) == 1.0).all()
    after = agents.act(batch.step(agents.multipliers).observation)
    assert (agents.act(batch.reset()) == after).all()
    with pytest.raises(ValueError, match="granularity is 'auction'"):
        MultiplicativePacing(AuctionGame())


@pytest.mark.parametrize(
    ("values", "budgets", "message"),
    [
        ([1.0, 2.0], [1.0], "values is .*; expected finite numbers >= 0 of shape"),
        ([[1.0, -2.0]], [1.0], "values is"),
        ([[1.0, np.inf]], [1.0], "values is"),
        ([[0.0, 0.0]], [1.0], "values are all 0"),
        ([[1.0, 2.0]], [0.0], "budgets is .*; expected 1 amounts > 0"),
        ([[1.0, 2.0]], [1.0, 1.0], "budgets is"),
    ],
)
def test_wrong_samples_are_refused(values, budgets, message):
    with pytest.raises(ValueError, match=message):
        pacing_equilibrium(values, budgets)
