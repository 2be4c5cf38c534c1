"""The rest of a log that is too short for an episode: left out, scaled, or played whole."""

import numpy as np
import pandas as pd
import pytest
from budgetgym import evaluate, make_agent
from budgetgym.envs.bidding.problem import RealTimeBidding
from budgetgym.envs.core import BudgetedEnv
from budgetgym.envs.core.fragments import Cut, cut_log, remark_of
from budgetgym.envs.routing.logged.problem import LoggedRouting
from budgetgym.testing import check_problem

BIDS = np.array([[1, 5, 0.5], [0, 20, 0.25], [1, 10, 0.5], [0, 10, 0.25]] * 25)
"""100 auctions; 40 to the episode leaves 20."""


def bids(fragment, **changes):
    return RealTimeBidding(**{"log": BIDS, "T": 40, "budget": 200.0, "fragment": fragment, **changes})


def calls(fragment):
    log = pd.DataFrame({"prompt_chars": [10] * 10, "outcome:m": 1.0, "cost:m": 0.5})
    return LoggedRouting(log=log, split="all", T=4, budget=2.0, fragment=fragment)


@pytest.mark.parametrize(
    ("length", "fragment", "cut"),
    [
        (100, "omit", Cut(2, 20, False)),
        (100, "scale", Cut(3, 20, True)),
        (100, "whole", Cut(3, 20, True)),
        (80, "omit", Cut(2, 0, False)),
        (20, "scale", Cut(1, 20, True)),
    ],
)
def test_how_a_log_is_cut(length, fragment, cut):
    assert cut_log(length, 40, fragment, "log", "auctions") == cut


def test_what_results_say():
    assert remark_of(Cut(2, 171, False), 1000, "omit", "auctions") == ("171 auctions at the end of the log: left out",)
    assert "0.171 of time and budget" in remark_of(Cut(3, 171, True), 1000, "scale", "auctions")[0]
    assert remark_of(Cut(2, 0, False), 1000, "omit", "auctions") == ()
    assert bids("omit").remarks == ("20 auctions at the end of the log: left out",)
    assert calls("omit").remarks == ("2 tasks at the end of the log: left out",)


@pytest.mark.parametrize("make", [bids, calls])
def test_by_default_only_whole_episodes_are_played(make):
    assert make("omit").num_episodes == 2
    with pytest.raises(ValueError, match=r"has the episodes 0\.\.1"):
        BudgetedEnv(make("omit")).reset(seed=0, options={"episode": 2})
    with pytest.raises(ValueError, match=r"too few for an episode of T = 4000.*fragment='scale'"):
        make("omit").replace(T=4000)
    with pytest.raises(ValueError, match="fragment is 'drop'"):
        make("drop")


@pytest.mark.parametrize(("make", "length", "T", "budget"), [(bids, 20, 40, 200.0), (calls, 2, 4, 2.0)])
def test_a_scaled_fragment_has_its_share_of_time_and_budget_and_agents_are_told(make, length, T, budget):
    scaled, whole = (BudgetedEnv(make(fragment)) for fragment in ("scale", "whole"))
    first, _ = scaled.reset(seed=0, options={"episode": 0})
    usual, _ = whole.reset(seed=0, options={"episode": 0})
    assert np.array_equal(first, usual)  # what is whole stays as it is
    observation, info = scaled.reset(options={"episode": 2})
    told, everything = whole.reset(options={"episode": 2})
    assert (info["remaining"], everything["remaining"]) == (budget / 2, budget)
    assert observation[-2:].tolist() == [0.5, 0.5]  # like the rest of a whole episode, spent evenly so far
    assert told[-2:].tolist() == [1.0, 1.0]
    assert observation[-3] == told[-3] == first[-3]
    steps, over = 0, False
    while not over:
        observation, _, over, _, info = scaled.step(scaled.action_space.sample() * 0)
        steps += 1
    assert steps == length
    assert observation[-1] == 0.0
    assert info["spent"] + info["remaining"] == budget / 2


@pytest.mark.parametrize("fragment", ["scale", "whole"])
@pytest.mark.parametrize("make", [bids, calls])
def test_fragments_keep_the_contract(make, fragment):
    check_problem(make(fragment))


@pytest.mark.parametrize("name", ["dmd", "adaptive_pacing", "pid", "throttle", "fluid", "rlb"])
def test_bidders_spend_a_fragments_budget_as_evenly_as_a_whole_ones(name):
    """On a log that repeats itself the fragment is the half of an episode, if bidders believe what they are told."""
    log = np.tile(BIDS, (50, 1))[:4500]
    shares = {}
    for fragment in ("scale", "whole"):
        problem = RealTimeBidding(log=log, T=1000, budget=3000.0, fragment=fragment)
        played = evaluate(make_agent(name, problem), problem, "all").episodes
        assert played["initial"].tolist() == [3000.0] * 4 + [1500.0 if fragment == "scale" else 3000.0]
        worth = played["theta_value"] / played["initial"]
        shares[fragment] = worth.iloc[4] / worth.iloc[:4].mean()
    assert shares["scale"] == pytest.approx(1.0, abs=0.15)
    assert shares["whole"] < 0.75


def test_planners_end_a_fragment_where_it_ends():
    env = BudgetedEnv(bids("scale"))
    env.reset(seed=0, options={"episode": 2})
    forks, steps = env.model(8, seed=0), 0
    while not forks.step(np.zeros((8, 1)))[2].any():
        steps += 1
    assert steps + 1 == 20


def test_ticks_are_parts_of_a_whole_episode():
    with pytest.raises(ValueError, match="fragment='scale' with ticks"):
        bids("scale", ticks=4)
    with pytest.raises(ValueError, match="fragment='scale' without log"):
        RealTimeBidding(fragment="scale")
