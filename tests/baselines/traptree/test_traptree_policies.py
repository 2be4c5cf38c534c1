import numpy as np
import pytest
from budgetgym import evaluate, make_agent
from budgetgym.agents.planning.beam import BeamSearch
from budgetgym.baselines.traptree import oracle as oracles
from budgetgym.baselines.traptree.policies import Systematic
from budgetgym.envs.routing.agentic.problem import AgenticRouting
from budgetgym.envs.traptree.problem import TrapTree


def success(agent, problem, episodes=100, **settings):
    if isinstance(agent, str):
        agent = make_agent(agent, problem, **settings)
    return evaluate(agent, problem, episodes).episodes["success"].mean()


@pytest.mark.parametrize("traps", [0, 1, 3])
def test_step_by_step_is_as_in_closed_form(traps):
    problem = TrapTree(traps=traps)
    assert success("greedy", problem) == oracles.stepwise_success(problem)
    assert success("contrarian", problem) == 1.0


def test_random_moves():
    problem = TrapTree(branching=2, depth=3)
    found = np.mean([success("random", problem, 500, seed=seed) for seed in range(4)])
    assert abs(found - oracles.random_success(problem)) < 4 * np.sqrt(1 / 8 * 7 / 8 / 2000)
    with pytest.raises(ValueError, match="backtrack is True"):
        oracles.random_success(TrapTree(backtrack=True))


@pytest.mark.parametrize("traps", [0, 1, 2])
@pytest.mark.parametrize("width", [1, 2, 9, 27])
def test_beams_are_as_in_closed_form(traps, width):
    """Three children, three levels: two decoys fill a beam of two; nine places hold all nodes of the second level."""
    problem = TrapTree(branching=3, depth=3, traps=traps)
    expected = oracles.beam_success(problem, width)
    assert expected is not None
    assert success(BeamSearch(problem, width), problem, 40) == expected
    assert oracles.beam_success(TrapTree(traps=1), 5) is None


@pytest.mark.parametrize("traps", [0, 1, 2])
@pytest.mark.parametrize("steps", [1, 3, 4])
def test_lookahead_wins_as_far_as_it_sees(traps, steps):
    """All ways of `steps` steps, as a beam that drops nothing, scored by what they earn; the greedy action among equals."""
    problem = TrapTree(branching=3, depth=4, traps=traps)
    agent = BeamSearch(problem, width=200, depth=steps, score=lambda before, action, after, earned: earned)
    assert success(agent, problem, 20) == oracles.lookahead_success(problem, steps)


def test_flare_wins_with_foresight_and_fails_without():
    problem = TrapTree(traps=2)
    assert success("flare", problem, 20) == 1.0
    assert success("flare", problem, 20, depth=1, horizon=2) == 0.0  # three steps in all; the reward lies four away
    assert success("flare", TrapTree(traps=1), 20, depth=1, horizon=3) == 1.0


def test_planning_metrics_tell_where_it_went_wrong():
    problem = TrapTree()
    found = evaluate(make_agent("greedy", problem), problem, 50).episodes
    assert found["trap_at_1"].all()
    assert (found["first_error_step"] == 1).all()
    assert not found["recovered"].any()


def test_who_never_errs_has_no_first_error():
    """It is no error at step 0, and `random`, who errs at step 1 in three of four episodes, is not later than `greedy`."""
    problem = TrapTree()
    right, wrong, mixed = (evaluate(make_agent(name, problem), problem, 50) for name in ("contrarian", "greedy", "random"))
    assert np.isnan(right.summary["first_error_step"])
    assert np.isnan(right.summary["recovered"])
    assert right.summary["first_error_step_episodes"] == 0
    assert (wrong.summary["first_error_step"], wrong.summary["first_error_step_episodes"]) == (1.0, 50)
    erred = mixed.episodes["first_error_step"].dropna()
    assert mixed.summary["first_error_step_episodes"] == len(erred) < 50
    assert mixed.summary["first_error_step"] == pytest.approx(erred.mean())
    assert (erred >= 1).all()


def test_a_systematic_search_finds_every_solution_in_time():
    """Depth first over two children and three levels: every node is entered and left once, 2 (2 + 4 + 8) moves."""
    problem = TrapTree(branching=2, depth=3, backtrack=True, horizon=28)
    assert success("systematic", problem) == 1.0
    found = evaluate(make_agent("systematic", problem), problem, 400).episodes
    # How long it takes to each of the leaves.
    lengths = []
    for leaf in range(8):
        way, moves = [(leaf >> 2) & 1, (leaf >> 1) & 1, leaf & 1], 0
        for level, child in enumerate(way):
            below = 2 ** (3 - level) - 1  # nodes of a child's subtree
            moves += child * 2 * below + 1  # the first child's subtree is entered and left in vain
        lengths.append(moves)
    assert set(found["length"]) == set(lengths)
    assert found["length"].mean() == pytest.approx(np.mean(lengths), rel=0.06)
    assert success("systematic", problem.replace(budget=(max(lengths) - 1.0))) < 1.0


def test_clear_errors():
    with pytest.raises(ValueError, match="goes back"):
        Systematic(TrapTree())
    with pytest.raises(ValueError, match="serves TrapTree"):
        Systematic(AgenticRouting())


def test_shares_of_the_optimum():
    problem = TrapTree(budget=3.0)
    assert oracles.optimal_value(problem, 3.0) == 0.0
    assert evaluate(make_agent("contrarian", TrapTree()), TrapTree(), 5).summary["share_of_optimum"] == 1.0
