"""Every bidder where there is little to bid for: it plays, or says why not."""

import numpy as np
import pytest
from bidding_by_hand import BIDDERS as MOST
from budgetgym import make_agent
from budgetgym.envs.bidding.problem import RealTimeBidding
from budgetgym.evaluation.play import play

BIDDERS = [*MOST, "roas_dmd", "shade"]
LEARNS_FROM_COST = ("adaptive_pacing", "dmd", "roas_dmd", "shade")

EDGES = {
    "no budget": {"T": 40, "budget": 0.0},
    "one auction": {"T": 1, "budget": 50.0},
    "one auction, no budget": {"T": 1, "budget": 0.0},
    "ample": {"T": 40, "c0": 8.0},
    "reserve": {"T": 40, "reserve": 100.0},
    "highest reserve": {"T": 40, "reserve": 300.0},
    "budgets from nothing on": {"T": 40, "budget": (0.0, 900.0)},
    "for profit": {"T": 40, "objective": "profit"},
}


def fitting(name, settings):
    """The settings that the bidder asks for on top."""
    own = {"roas_dmd": {"cpc_limit": 15_000.0, "limits": "soft"}, "shade": {"rule": "first_price", "feedback": "minimum"}}
    if name == "roas_dmd" and settings.get("objective") == "profit":
        pytest.skip("maximises clicks")
    return {**settings, **own.get(name, {})}


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("name", BIDDERS)
def test_every_bidder_plays_at_the_edge(name, edge):
    problem = RealTimeBidding(**fitting(name, EDGES[edge]))
    episodes = play(make_agent(name, problem), problem, range(6), 0).episodes
    assert np.isfinite(episodes[["return", "spent", "theta_value"]]).all(axis=None)
    assert (episodes["spent"] <= episodes["initial"]).all()
    assert (episodes["theta_value"] <= episodes["bound"] + 1e-9).all() or problem.objective == "profit"
    if edge == "ample" and name.split(":")[0] not in (
        "random",
        "lin",
        "mcpc",
        "throttle",
        "adaptive_pacing",
        "roas_dmd",
        "shade",
    ):
        assert episodes["theta_value"].sum() >= 0.95 * episodes["bound"].sum()


@pytest.mark.parametrize("settings", [{"cost_event": "click"}, {"cost_event": "conversion", "conversion_rate": 0.2}], ids=str)
@pytest.mark.parametrize("name", BIDDERS)
def test_where_charges_are_random_a_bidder_plays_or_says_why_not(name, settings):
    problem = RealTimeBidding(**fitting(name, {"T": 40, "budget": 200_000.0, "c0": None, **settings}))
    kind = name.split(":")[0]
    if kind in LEARNS_FROM_COST:
        with pytest.raises(ValueError, match=f"{kind} learns from what every auction cost; make .* without cost_event"):
            make_agent(name, problem)
    elif kind in ("rlb_pmf", "optimal"):
        with pytest.raises(ValueError, match="charges are left to chance"):
            make_agent(name, problem)
    else:
        episodes = play(make_agent(name, problem), problem, range(4), 0).episodes
        assert (episodes["spent"] <= episodes["initial"]).all()
        assert episodes["theta_value"].sum() > 0
