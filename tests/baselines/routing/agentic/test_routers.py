from dataclasses import replace

import numpy as np
import pytest
from budgetgym import list_agents, make_agent
from budgetgym.agents.registry import LEARNERS, PLANNERS
from budgetgym.baselines.routing.agentic.routers import FirstLarge, Random
from budgetgym.envs.bidding.problem import RealTimeBidding
from budgetgym.envs.core import BudgetedEnv
from budgetgym.envs.routing.agentic.instances import make_profile
from budgetgym.envs.routing.agentic.meter import uncached
from budgetgym.envs.routing.agentic.problem import AgenticRouting
from budgetgym.evaluation.play import play
from stable_baselines3.common.evaluation import evaluate_policy

INFINITE = float("inf")
ROUTERS = [
    "always_small",
    "always_large",
    "always",
    "random",
    "first_large",
    "cascade",
    "error_gated",
    "criticality_gated",
    "greedy",
    "belief",
]


@pytest.fixture(scope="module")
def problem():
    return AgenticRouting(instance="webshop", budget=4)


def trace(name, problem, seed=0):
    """Observations and actions of one episode, and its last info."""
    env, agent, memory = BudgetedEnv(problem), make_agent(name, problem), None
    observation, info = env.reset(seed=seed)
    rows, actions, over = [], [], False
    while not over:
        action, memory = agent.predict(observation, memory, np.array([not actions]))
        rows.append(observation)
        actions.append(int(action))
        observation, _, over, _, info = env.step(action)
    return np.array(rows), np.array(actions), info


def test_all_routers_are_listed(problem):
    assert set(list_agents(problem)) - set(LEARNERS) == {*ROUTERS, *PLANNERS, "bopo", "grpo"}


@pytest.mark.parametrize("name", ROUTERS)
def test_sb3_evaluates_every_router(name, problem):
    env = BudgetedEnv(problem)
    mean, _ = evaluate_policy(make_agent(name, problem), env, n_eval_episodes=5, warn=False)
    assert 0.0 <= mean <= 1.0


@pytest.mark.parametrize("name", ROUTERS)
def test_predict_and_compiled_play_agree(name, problem):
    """Step by step in Python, an episode goes as in compiled play."""
    agent = make_agent(name, problem)
    compiled = play(agent, problem, range(40), 0).episodes
    stepped = play(_OnlyPredict(agent), problem, range(40), 0).episodes
    for column in ("success", "large_calls", "length"):
        assert compiled[column].tolist() == stepped[column].tolist()


class _OnlyPredict:
    def __init__(self, agent):
        self.observation_space = agent.problem.observation_space  # in 64 bits
        self.predict = agent.predict


def test_what_each_router_does():
    problem = AgenticRouting(budget=5)
    names = problem.observation_names
    errors, signal, pays = (names.index(name) for name in ("errors", "criticality", "affordable[1]"))
    for seed in range(20):
        rows, actions, info = trace("first_large", problem, seed)
        assert actions.tolist() == [1] * min(5, len(actions)) + [0] * max(0, len(actions) - 5)
        assert info["blocked"] == 0
        rows, actions, _ = trace("error_gated:errors=2", problem, seed)
        assert (actions == ((rows[:, errors] > 0.6) & (rows[:, pays] > 0))).all()
        rows, actions, _ = trace("criticality_gated", problem, seed)
        assert (actions == ((rows[:, signal] > 0.5) & (rows[:, pays] > 0))).all()
        rows, actions, _ = trace("cascade", problem, seed)
        failed = (np.diff(rows[:, 0]) == 0) & (rows[1:, 3] == 0)
        assert actions[0] == 0
        assert (actions[1:] == (failed & (rows[1:, pays] > 0))).all()
        assert (trace("always:model=gpt-4.1-mini", problem, seed)[1] == 0).all()


def test_the_random_router_is_as_random_as_asked():
    problem = AgenticRouting(budget=INFINITE)
    episodes = play(make_agent("random:p=0.3", problem), problem, range(3000), 0).episodes
    assert (episodes["large_calls"].sum() / episodes["length"].sum()) == pytest.approx(0.3, abs=0.01)
    tuned = make_agent("random", AgenticRouting(budget=9.375))
    assert tuned.parameters.p == pytest.approx(0.5, abs=0.001)
    other = make_agent("random", problem)
    other.set_random_seed(5)
    assert other.parameters.key == 5


def test_four_tiers_have_their_models():
    problem = AgenticRouting(instance="swe", budget=INFINITE, criticality_accuracy=1.0)
    rows, actions, _ = trace("criticality_gated", problem)
    assert (actions == np.round(rows[:, 5] * 3)).all()
    success = {
        name: play(make_agent(name, problem), problem, range(3000), 0).episodes["success"].mean()
        for name in ("always_small", "criticality_gated", "always_large")
    }
    assert success["always_small"] < success["criticality_gated"]
    assert success["criticality_gated"] == pytest.approx(success["always_large"], abs=0.05)


def test_more_tiers_than_models():
    required = ((0.2, 0.2, 0.6),) * 2
    problem = AgenticRouting(instance=replace(make_profile("webshop"), required=required), criticality_accuracy=1.0)
    assert play(make_agent("criticality_gated", problem), problem, range(200), 0).episodes["large_calls"].max() <= 10


def test_the_belief_router_counts_whole_calls():
    """Budgets from a range are fractional: what is left over is no call."""
    problem = AgenticRouting(instance="webshop", budget=(2.0, 3.0), exhaustion="bankrupt", verify=True)
    episodes = play(make_agent("belief", problem), problem, range(500), 0).episodes
    assert episodes["blocked"].sum() == 0
    assert not episodes["bankrupt"].any()
    fractional = AgenticRouting(instance="webshop", budget=10.6)
    make_agent("belief", fractional).check_problem(fractional)


def test_the_belief_router_can_be_asked_in_the_middle_of_a_task(problem):
    env = BudgetedEnv(problem)
    env.reset(seed=0)
    observation = env.step(0)[0]
    assert make_agent("belief", problem).predict(observation)[0] in (0, 1)


def test_the_greedy_router_pays_for_the_large_model_where_it_is_worth_it():
    """At equal prices it takes what succeeds more often."""
    profile = make_profile("webshop")
    equal = replace(profile, models=tuple(replace(model, prices=uncached(1, 1)) for model in profile.models))
    expensive = AgenticRouting(instance=profile, budget=INFINITE)
    cheap = AgenticRouting(instance=equal, budget=INFINITE)
    episodes = play(make_agent("greedy", expensive), expensive, range(200), 0).episodes
    assert episodes["large_calls"].sum() < 0.1 * episodes["length"].sum()
    episodes = play(make_agent("greedy", cheap), cheap, range(200), 0).episodes
    assert episodes["large_calls"].sum() > 0.9 * episodes["length"].sum()


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("always:model=gpt-5", {}, "model is 'gpt-5'; expected one of .*, 'small', 'large', or a number in 0..1"),
        ("always:model=7", {}, "model is '7'"),
        ("random:p=1.5", {}, r"p is 1.5; expected a probability"),
        ("error_gated:errors=4", {}, r"errors is 4; expected an integer in 0..3"),
        ("first_large", {"budget_aware": False}, "first_large reads the budget"),
        ("lin", {}, "agent 'lin' serves bidding, not AgenticRouting"),
        ("frist_large", {}, "did you mean 'first_large'"),
    ],
)
def test_mistakes_are_named(name, settings, message):
    with pytest.raises(ValueError, match=message):
        make_agent(name, AgenticRouting(instance="webshop", **settings))


def test_an_agent_made_for_a_smaller_budget_is_refused(problem):
    agent = make_agent("belief", problem)
    with pytest.raises(ValueError, match="budgets up to 4, not 9"):
        agent.check_problem(problem.replace(budget=9))
    with pytest.raises(ValueError, match="made for other laws or rewards"):
        agent.check_problem(problem.replace(criticality_accuracy=0.9))
    with pytest.raises(ValueError, match="made for observation_names"):
        agent.check_problem(problem.replace(unit="dollars", budget=1.0))
    with pytest.raises(ValueError, match="made for budget_scale"):
        FirstLarge(AgenticRouting(instance="tau2-retail")).check_problem(AgenticRouting(instance="tau2-airline"))
    with pytest.raises(ValueError, match="one budget where reward='gated'"):
        make_agent("belief", problem.replace(reward="gated", budget=(1.0, 4.0)))
    with pytest.raises(ValueError, match=r"grid is \(1, 1\)"):
        make_agent("belief", problem, grid=(1, 1))
    with pytest.raises(ValueError, match="belief needs the exact values of the problem: unit is 'dollars'"):
        make_agent("belief", AgenticRouting(unit="dollars"))
    with pytest.raises(ValueError, match="seed is -1"):
        make_agent("random", problem).set_random_seed(-1)
    with pytest.raises(ValueError, match="serves AgenticRouting"):
        Random(RealTimeBidding())
