"""A setting that an oracle does not know makes ceilings unknown, and agents that rely on the law refuse it."""

import inspect
import json
import math

import numpy as np
import pytest
from budgetgym import compare, list_agents, make_agent
from budgetgym.baselines.core.oracle import episode_bounds, exact_optimum, null_score, oracle_of, why_unknown
from budgetgym.envs.bidding.problem import RealTimeBidding
from budgetgym.envs.core.batch import Batch
from budgetgym.envs.restless.problems.capacity import RestlessCapacity
from budgetgym.envs.restless.problems.interventions import RestlessInterventions
from budgetgym.envs.restless.problems.matching import RestlessMatching
from budgetgym.envs.restless.problems.paths import RestlessPaths
from budgetgym.envs.restless.problems.spillover import RestlessSpillover
from budgetgym.envs.routing.agentic.problem import AgenticRouting
from budgetgym.envs.routing.logged.problem import LoggedRouting
from budgetgym.envs.steering.problem import SocialSteering
from budgetgym.envs.traptree.problem import TrapTree
from budgetgym.envs.workflow.problem import WorkflowRouting
from budgetgym.evaluation.compare import run_comparison
from budgetgym.evaluation.table import print_table
from toy_logs import toy_frame

BIDDERS = ("cmdp", "fluid", "ss_mdp", "rlb", "rlb_pmf", "rlb_nn", "rlb_seg", "rlb_map_a", "rlb_map_d", "optimal")
RESTLESS = ("sampling", "constant", "myopic", "iterative", "lagrangian", "joint")
RESTLESS += ("sequoia", "residual_sequoia", "iterative_dqn")
SMALL = {"J": 4, "horizon": 4}

FAMILIES = {
    RealTimeBidding: ({"T": 25}, BIDDERS),
    AgenticRouting: ({"budget": 1}, ("belief",)),
    LoggedRouting: ({"log": toy_frame(20), "T": 10}, ()),
    WorkflowRouting: ({"instance": "chain"}, ("optimal", "mcpp")),
    RestlessCapacity: ({**SMALL, "B": 2}, (*RESTLESS, "whittle", "optimal")),
    RestlessMatching: ({"horizon": 4}, (*RESTLESS, "whittle")),
    RestlessPaths: ({"horizon": 4}, (*RESTLESS, "whittle")),
    RestlessInterventions: ({"horizon": 4}, RESTLESS),
    RestlessSpillover: ({"horizon": 4}, (*RESTLESS, "whittle")),
    SocialSteering: ({"T": 6}, ("myopic", "even_spend", "lagrangian", "optimal")),
    TrapTree: ({}, ()),
}
"""Of every family a problem, and the agents that rely on its law."""


def with_extra(cls):
    """The class with one more setting, `extra`, which is 0 by default."""

    def __init__(self, *, extra=0.0, **settings):
        cls.__init__(self, **settings)
        self.extra = extra

    signature = inspect.signature(cls.__init__)
    extra = inspect.Parameter("extra", inspect.Parameter.KEYWORD_ONLY, default=0.0)
    __init__.__signature__ = signature.replace(parameters=[*signature.parameters.values(), extra])  # type: ignore[attr-defined]
    return type(f"{cls.__name__}WithExtra", (cls,), {"__init__": __init__})


def make(cls, **extra):
    return with_extra(cls)(**FAMILIES[cls][0], **extra)


def bounds_of(problem):
    batch = Batch(problem, 2)
    batch.seed(np.arange(2, dtype=np.uint64))
    batch.reset()
    return episode_bounds(problem, batch)


@pytest.mark.parametrize("cls", FAMILIES)
def test_ceilings_are_unknown_away_from_the_default_and_say_why(cls):
    usual, changed = make(cls), make(cls, extra=0.5)
    oracle = oracle_of(usual)
    assert oracle_of(changed) is oracle
    assert math.isfinite(exact_optimum(usual)) == (oracle.optimum is not None)
    assert math.isfinite(null_score(usual))
    assert np.isfinite(bounds_of(usual)).all() == (oracle.bounds is not None)
    assert math.isnan(exact_optimum(changed))
    assert math.isnan(null_score(changed)) == (oracle.null is not None)
    assert np.isnan(bounds_of(changed)).all()
    assert ("extra" in str(why_unknown(changed))) == (oracle.optimum is not None)


@pytest.mark.parametrize("cls", FAMILIES)
def test_agents_that_rely_on_the_law_refuse_and_name_the_setting(cls):
    usual, changed = make(cls), make(cls, extra=0.5)
    relying = set(FAMILIES[cls][1])
    assert relying <= set(list_agents(usual))
    # Planners look ahead in the problem itself, but what they play on with may rely on the law.
    planners = {"flare", "one_step", "beam", "mds", "bavt"}
    assert set(list_agents(usual)) - set(list_agents(changed)) - planners == relying
    for name in relying:
        with pytest.raises(ValueError, match="does not account for extra"):
            make_agent(name, changed)


def test_a_comparison_says_why_the_optimum_is_unknown(capsys):
    table = compare(make(TrapTree, extra=0.5), ["random"], 4)
    assert "does not account for extra" in table["optimum_unknown"].iloc[0]
    assert json.loads(table.to_json(orient="records"))[0]["optimum_unknown"] == table["optimum_unknown"].iloc[0]
    comparison = run_comparison(make(TrapTree), ["random"], 4)
    assert comparison.summary()["optimum_unknown"].iloc[0] is None
    print_table(table, TrapTree.metrics, "return")
    assert "optimum unknown: the oracle of TrapTreeWithExtra does not account for extra" in " ".join(
        capsys.readouterr().out.split()
    )


def test_other_kernels_make_ceilings_unknown():
    """The oracle was written for the kernels of the classes that the record names."""

    class Other(TrapTree):
        kernels = TrapTree.kernels

    assert why_unknown(TrapTree()) is None
    assert "has kernels of its own" in str(why_unknown(Other()))
    assert math.isnan(exact_optimum(Other()))
