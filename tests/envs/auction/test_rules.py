"""One auction: allocation, payments, reserve and ties, by hand, by brute force and by theorem."""

from itertools import permutations

import numpy as np
import pytest
from budgetgym.envs.auction.batch import AuctionBatch
from budgetgym.envs.auction.game import AuctionGame
from budgetgym.envs.auction.rules import payment, rank
from budgetgym.envs.auction.state import RULES
from hypothesis import given, settings
from hypothesis import strategies as st

PLENTY = 1e9


def auction(scores, rule, effects=(1.0,), reserve=0.0, draw=0):
    """The winners from the first slot on, and what they pay."""
    effects = np.array(effects)
    order, top = np.zeros(len(effects) + 1, np.int64), np.zeros(len(effects) + 1)
    rank(np.array(scores, float), reserve, np.uint64(draw), order, top)
    winners = [int(i) for i in order[:-1] if i >= 0]
    return winners, [payment(RULES.index(rule), effects, top, s) for s in range(len(winners))]


def play(bids, values, **settings):
    """One auction of agents with these values in the environment: rewards and info of the one world."""
    game = AuctionGame(
        **{"n_agents": len(bids), "T": 1, "values": [values], "budgets": PLENTY, "highest_bid": 1e6, **settings}
    )
    batch = AuctionBatch(game, 1)
    batch.reset()
    return batch.step([bids]).reward[0], {name: rows[0] for name, rows in batch.info().items()}


def lowest_envy_free(worth, effects):
    """Scores of the lowest symmetric (locally envy-free) equilibrium of GSP, for worth in falling order (Varian, 2007)."""
    below = np.append(effects, 0.0)
    scores = np.array(worth, float)
    for s in range(min(len(worth) - 1, len(effects)), 0, -1):
        following = scores[s + 1] if s + 1 < len(worth) else 0.0
        scores[s] = (worth[s] * (below[s - 1] - below[s]) + below[s] * following) / below[s - 1]
    return scores


# --- By hand ----------------------------------------------------------------------------------------------------------------


def test_payments_of_every_rule_by_hand():
    scores, effects = [3, 10, 5, 8], [1, 0.5]
    assert auction(scores, "gsp", effects) == ([1, 3], [8, 2.5])
    assert auction(scores, "first_price", effects) == ([1, 3], [10, 4])
    assert auction(scores, "vcg", effects) == ([1, 3], [0.5 * 8 + 0.5 * 5, 2.5])
    assert auction(scores, "second_price") == ([1], [8])


def test_gsp_ranks_by_quality_times_bid_and_charges_by_exposure():
    reward, info = play([10, 8, 4], [20, 20, 20], rule="gsp", n_slots=2, position_effects=[1, 0.5], qualities=[0.5, 1, 1])
    assert info["cost"].tolist() == [0.5 * 4, 5, 0]  # scores 5, 8, 4
    assert reward.tolist() == [0.5 * 0.5 * 20 - 2, 20 - 5, 0]
    assert info["wins"].tolist() == [1, 1, 0]
    assert info["revenue"] == 7


def test_slots_nobody_bids_for_stay_empty():
    assert auction([0, 2, 0], "gsp", [1, 0.5, 0.2]) == ([1], [0])
    assert auction([0, 0], "first_price") == ([], [])


@pytest.mark.parametrize(("rule", "price"), [("second_price", 0.3), ("first_price", 0.3), ("gsp", 0.3), ("vcg", 0.3)])
def test_an_item_at_the_reserve_is_sold_at_the_reserve(rule, price):
    assert auction([0.3, 0.1], rule, reserve=0.3) == ([0], [price])
    assert auction([np.nextafter(0.3, 0), 0.1], rule, reserve=0.3) == ([], [])


def test_a_reserve_raises_second_prices_and_empties_low_slots():
    assert auction([9, 4, 1], "gsp", [1, 0.5, 0.25], reserve=3) == ([0, 1], [4, 1.5])
    assert auction([9, 4, 1], "vcg", [1, 0.5, 0.25], reserve=3) == ([0, 1], [0.5 * 4 + 0.25 * 3 + 0.25 * 3, 1.5])
    assert auction([9, 4, 1], "first_price", [1, 0.5, 0.25], reserve=3) == ([0, 1], [9, 2])


def test_the_least_winning_bid_is_shown_to_winners_and_losers():
    for slots, expected in ((1, [2, 3, 3]), (2, [1, 1, 2])):
        game = AuctionGame(n_agents=3, rule="gsp", n_slots=slots, T=2, values=[[5, 5, 5]], budgets=PLENTY, qualities=0.5)
        batch = AuctionBatch(game, 1)
        batch.reset()
        assert batch.step([[3, 2, 1]]).observation[0, :, 4].tolist() == expected


# --- By theorem -------------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    scores=st.lists(st.floats(0, 10), min_size=1, max_size=5),
    effects=st.lists(st.floats(0.05, 1), min_size=1, max_size=3).map(lambda e: sorted(e, reverse=True)),
    reserve=st.sampled_from([0.0, 2.5]),
)
def test_vcg_payments_are_the_externality_by_brute_force(scores, effects, reserve):
    """The seller bids the reserve for every slot."""

    def welfare(present):
        """The greatest total worth of an allocation to the agents present, and the seller."""
        bidders = [i for i in present if scores[i] > 0] + [-1] * len(effects)
        return max(
            sum(e * (reserve if i < 0 else scores[i]) for i, e in zip(slots, effects, strict=True))
            for slots in set(permutations(bidders, len(effects)))
        )

    everyone = range(len(scores))
    winners, payments = auction(scores, "vcg", effects, reserve)
    for s, (i, paid) in enumerate(zip(winners, payments, strict=True)):
        without = welfare([j for j in everyone if j != i])
        others = welfare(everyone) - effects[s] * scores[i]
        assert paid == pytest.approx(without - others, abs=1e-9)


@given(scores=st.lists(st.floats(0, 10), min_size=1, max_size=6), reserve=st.floats(0, 10), draw=st.integers(0, 2**63))
def test_with_one_slot_vcg_gsp_and_second_price_are_the_same(scores, reserve, draw):
    outcomes = [auction(scores, rule, reserve=reserve, draw=draw) for rule in ("second_price", "gsp", "vcg")]
    assert outcomes[0] == outcomes[1] == outcomes[2]


@pytest.mark.parametrize("reserve", [0.0, 0.4])
@pytest.mark.parametrize(("rule", "slots"), [("second_price", 1), ("vcg", 1), ("vcg", 3)])
def test_no_deviation_from_truth_gains_anything_without_budgets(rule, slots, reserve):
    """In every single auction, whatever the others bid. Forks of one world meet the same auction."""
    rng = np.random.default_rng(slots)
    grid = np.concatenate([np.linspace(0, 2, 41), [0.4]])
    game = AuctionGame(
        n_agents=4, rule=rule, n_slots=slots, reserve=reserve, budgets=PLENTY, highest_bid=2.0, qualities=[1, 0.5, 0.9, 0.7]
    )
    batch = AuctionBatch(game, 1)
    batch.seed([0])
    truth = batch.reset()[:, :, 0]
    for _ in range(100):
        others = rng.random((1, 4)) * 1.5
        for agent in range(4):
            bids = np.concatenate([grid, others[0], truth[0, agent : agent + 1]])
            forks = batch.fork(len(bids))
            actions = np.repeat(others, len(bids), axis=0)
            actions[:, agent] = bids
            gain = forks.step(actions).reward[:, agent]
            assert gain.max() <= gain[-1] + 1e-12
        truth = batch.step(others).observation[:, :, 0]


def test_in_first_price_and_gsp_truth_is_not_dominant():
    """The test above can fail."""
    assert play([1.0, 0.5], [1.0, 0.5], rule="first_price")[0][0] < play([0.6, 0.5], [1.0, 0.5], rule="first_price")[0][0]
    gsp = {"rule": "gsp", "n_slots": 2, "position_effects": [1, 0.9]}
    assert play([10, 9, 1], [10, 9, 1], **gsp)[0][0] < play([8, 9, 1], [10, 9, 1], **gsp)[0][0]


@settings(max_examples=50, deadline=None)
@given(
    worth=st.lists(st.floats(0.1, 10), min_size=2, max_size=7, unique=True).map(lambda v: sorted(v, reverse=True)),
    effects=st.lists(st.floats(0.05, 1), min_size=1, max_size=4, unique=True).map(lambda e: sorted(e, reverse=True)),
)
def test_the_lowest_envy_free_equilibrium_of_gsp_earns_what_vcg_earns(worth, effects):
    slots = {"n_slots": len(effects), "position_effects": effects}
    scores = lowest_envy_free(worth, effects)
    _, gsp = play(scores, worth, rule="gsp", **slots)
    _, vcg = play(worth, worth, rule="vcg", **slots)
    assert gsp["revenue"] == pytest.approx(vcg["revenue"], rel=1e-9)
    assert gsp["cost"] == pytest.approx(vcg["cost"], rel=1e-9)
    price = np.append(scores[1:], 0.0)[: len(effects)]
    for s in range(min(len(worth), len(effects))):  # nobody would rather have another slot at its price
        here = effects[s] * (worth[s] - price[s])
        assert all(here >= effects[k] * (worth[s] - price[k]) - 1e-9 for k in range(len(price)))


# --- Ties -------------------------------------------------------------------------------------------------------------------


def winners_of_ties(seed, slots=1):
    """(2,000, slots) who won which slot among three agents that always bid the same; the reward is the slot's exposure."""
    game = AuctionGame(n_agents=3, rule="gsp", n_slots=slots, T=2_000, values=[[1, 1, 1]], budgets=PLENTY, objective="value")
    batch = AuctionBatch(game, 1)
    batch.seed([seed])
    batch.reset()
    rewards = np.array([batch.step([[1.0, 1.0, 1.0]]).reward[0] for _ in range(2_000)])
    return np.argsort(-rewards, axis=1)[:, :slots]


def test_ties_are_seeded_and_fair():
    first = winners_of_ties(0)
    assert (first == winners_of_ties(0)).all()
    assert (first != winners_of_ties(1)).any()
    counts = np.bincount(first[:, 0], minlength=3)
    assert counts == pytest.approx(np.full(3, len(first) / 3), abs=4.5 * (len(first) * 2 / 9) ** 0.5)


def test_lots_have_nothing_to_do_with_values():
    game = AuctionGame(n_agents=3, T=4_000, budgets=PLENTY, rule="first_price")
    batch = AuctionBatch(game, 1)
    batch.seed([0])
    values, wins = [batch.reset()[0, :, 0]], []
    for _ in range(4_000):
        observation = batch.step([[0.5, 0.5, 0.5]]).observation[0]
        values.append(observation[:, 0])
        wins.append(observation[:, 2])
    between = np.corrcoef(np.array(values[:-1]).T, np.array(wins).T)[:3, 3:]
    assert np.abs(between).max() < 4.5 / 4_000**0.5


def test_ties_for_several_slots_are_fair():
    pairs = winners_of_ties(2, slots=2)
    counts = np.bincount(pairs[:, 0] * 3 + pairs[:, 1], minlength=9)[[1, 2, 3, 5, 6, 7]]
    assert counts.sum() == len(pairs)
    assert counts == pytest.approx(np.full(6, len(pairs) / 6), abs=4.5 * (len(pairs) * 5 / 36) ** 0.5)
