from typing import NamedTuple

import gymnasium as gym
import numpy as np
import pytest
from budgetgym import evaluate, make_agent
from budgetgym.agents.planning.beam import BeamSearch
from budgetgym.agents.planning.evaluators import Rollout, Value
from budgetgym.agents.planning.flare import Flare
from budgetgym.agents.planning.mirror_descent import MirrorDescentSearch
from budgetgym.agents.planning.value_tree import ValueTree
from budgetgym.baselines.core.policy import KernelPolicy
from budgetgym.envs.core import CoreState, Feature, Ints, Kernels, Problem, jit, rng, state
from budgetgym.envs.core.batch import Batch, episode_keys
from budgetgym.envs.routing.agentic.problem import AgenticRouting
from budgetgym.evaluation.play import play
from stable_baselines3.common.evaluation import evaluate_policy

PLANNERS = ("flare", "one_step", "beam", "mds", "bavt")
FAMILIES = {
    "RealTimeBidding": {"T": 10},
    "AgenticRouting": {"instance": "webshop", "budget": 4},
    "WorkflowRouting": {"instance": "chain"},
    "RestlessCapacity": {"J": 6, "B": 2, "horizon": 4},
    "RestlessInterventions": {"J": 6, "N": 4, "B": 2, "horizon": 4},
    "SocialSteering": {"T": 4},
}
FEW = {"flare": {"simulations": 32}, "one_step": {"simulations": 32}, "mds": {"simulations": 32}, "bavt": {"expansions": 6}}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("planner", PLANNERS)
def test_every_planner_decides_in_every_family(family, planner):
    env = gym.make(f"budgetgym/{family}-v0", **FAMILIES[family])
    agent = make_agent(planner, env, **FEW.get(planner, {}))
    result = evaluate(agent, env, 3)
    assert np.isfinite(result.episodes["return"]).all()
    assert (result.episodes["spent"] <= result.episodes["initial"] + 1e-9).all()
    assert agent.information == "model"


# --- a problem whose answers are known ----------------------------------------------------------------------------------


class CorridorParams(NamedTuple):
    """Length of the corridor."""

    length: int


@state
class CorridorState(CoreState):
    """Where one stands, and a hidden coin."""

    place: Ints
    coin: Ints


@jit
def corridor_reset(params, state, i):
    state.place[i] = 0
    state.coin[i] = rng.integer(state.rng, i, 2)


@jit
def corridor_step(params, state, i, action):
    """0 takes a small coin and leaves; 1 goes on; 2 bets on the hidden coin. At the end of the corridor lies 1."""
    if action[0] == 0:
        return 0.3, 1.0, True
    if action[0] == 2:
        return (1.0 if state.coin[i] else 0.0) * 0.5, 1.0, True
    state.place[i] += 1
    if state.place[i] == params.length:
        return 1.0, 1.0, True
    return 0.0, 1.0, False


@jit
def corridor_observe(params, state, i, out):
    out[0] = state.place[i] / params.length


@jit
def corridor_resample(params, state, i):
    state.coin[i] = rng.integer(state.rng, i, 2)


class Corridor(Problem):
    """Patience pays, if one looks far enough."""

    kernels = Kernels(corridor_reset, corridor_step, corridor_observe, resample=corridor_resample)
    state_class = CorridorState

    def __init__(self, length: int = 4) -> None:
        super().__init__(
            params=CorridorParams(length),
            features=[Feature("place", 0.0, 1.0, "where one stands / length")],
            action_space=gym.spaces.Discrete(3),
            horizon=length,
            budget=float(length),
            budget_scale=float(length),
        )


@jit
def act_first(p, observation, memory, action):
    """Takes the small coin."""
    action[0] = 0


class TakesTheCoin(KernelPolicy):
    def __init__(self, problem):
        super().__init__(problem, act_first, CorridorParams(0))


def mean_return(agent, problem, n=40):
    return play(agent, problem, range(n), 0).episodes["return"].mean()


def nothing_beyond(problem):
    return Value(lambda rows: np.zeros(len(rows)))


@pytest.mark.parametrize(("depth", "expected"), [(1, 0.3), (3, 0.3), (4, 1.0)])
def test_lookahead_finds_what_lies_within_its_horizon(depth, expected):
    problem = Corridor(4)
    base = TakesTheCoin(problem)
    flare = Flare(problem, 1000, depth=depth, policy=base, evaluator=nothing_beyond(problem))
    assert mean_return(flare, problem) == pytest.approx(expected)
    # A beam plans for one future of many, so that it bets on coins that it has drawn; but what is certain it finds.
    beam = mean_return(BeamSearch(problem, width=12, depth=depth, policy=base), problem)
    assert beam == pytest.approx(1.0) if depth == 4 else beam < 0.5
    # A narrow one drops what pays late for what pays at once.
    assert mean_return(BeamSearch(problem, width=2, depth=depth, policy=base), problem) < 0.5


def test_a_planner_in_beliefs_does_not_know_the_coin_and_a_clairvoyant_does():
    """Half of the coins are worth .5: a bet has .25, less than the small coin; who sees the coin has (.5 + .3) / 2."""
    problem = Corridor(8)
    base = TakesTheCoin(problem)
    for make in (
        lambda peek: Flare(problem, 200, depth=1, policy=base, evaluator=nothing_beyond(problem), peek=peek),
        lambda peek: MirrorDescentSearch(problem, 300, policy=base, evaluator=nothing_beyond(problem), peek=peek),
    ):
        honest, clairvoyant = make(False), make(True)
        assert mean_return(honest, problem) == pytest.approx(0.3)
        assert mean_return(clairvoyant, problem, 400) == pytest.approx(0.4, abs=0.025)
        assert (honest.information, clairvoyant.information) == ("model", "clairvoyant")


def test_without_propagation_a_tree_still_values_first_actions():
    problem = Corridor(3)
    agent = Flare(problem, 400, policy=TakesTheCoin(problem), evaluator=nothing_beyond(problem), propagation=False)
    assert mean_return(agent, problem, 5) in (pytest.approx(0.3), pytest.approx(1.0))  # below the first it tries all alike


def test_a_committed_plan_is_not_made_anew():
    problem = Corridor(4)
    settings = {"policy": TakesTheCoin(problem), "evaluator": nothing_beyond(problem)}
    agent = Flare(problem, 1000, commitment=4, **settings)
    assert mean_return(agent, problem, 3) == pytest.approx(1.0)
    assert len(agent.decisions) == 3  # one plan per episode
    again = Flare(problem, 1000, commitment=1, **settings)
    assert mean_return(again, problem, 3) == pytest.approx(1.0)
    assert len(again.decisions) == 12


def test_the_value_tree_goes_where_gains_are():
    problem = Corridor(4)
    agent = ValueTree(
        problem,
        expansions=40,
        repeats=4,
        policy=TakesTheCoin(problem),
        evaluator=Value(lambda rows: np.where(rows[:, 0] > 0, rows[:, 0], 0.1)),
    )
    assert mean_return(agent, problem, 5) == pytest.approx(1.0)


# --- behaviour ----------------------------------------------------------------------------------------------------------


def test_mirror_descent_never_leaves_a_policy_for_noise():
    """Where all actions are worth the same, the policy's own is played."""
    problem = AgenticRouting(instance="webshop", budget=0.0)  # nothing can be paid: both actions are the small model
    agent = MirrorDescentSearch(problem, 16, eta=1.0)
    batch = Batch(problem, 50)
    batch.seed(episode_keys(0, 50))
    batch.reset()
    assert (agent.attach(batch).predict(batch.observe())[0] == 0).all()


def test_lookahead_improves_the_policy_that_it_looks_ahead_with():
    """Routing: the small model alone, against one step of lookahead that plays on with it (policy improvement)."""
    env = gym.make("budgetgym/AgenticRouting-v0", instance="webshop", budget=4)
    base = evaluate(make_agent("always_small", env), env, 300).episodes["success"]
    for planner in ("one_step", "flare"):
        gain = evaluate(make_agent(planner, env, policy="always_small"), env, 300).episodes["success"] - base
        assert gain.mean() > 2 * gain.std() / np.sqrt(300)


def test_the_same_situation_has_the_same_plan():
    problem = AgenticRouting(instance="webshop", budget=4)
    alone, together = Batch(problem, 1), Batch(problem, 6)
    keys = episode_keys(0, 6)
    alone.seed(keys[3:4])
    together.seed(keys)
    for batch in (alone, together):
        batch.reset()
    agents = [make_agent("flare", problem, simulations=64, seed=s) for s in (0, 0, 1)]
    for _ in range(3):
        single = agents[0].attach(alone).predict(alone.observe())[0]  # type: ignore[attr-defined]
        many = agents[1].attach(together).predict(together.observe())[0]  # type: ignore[attr-defined]
        assert single[0] == many[3]
        alone.step(alone.read_actions(single))
        together.step(together.read_actions(many))


def test_planning_leaves_the_world_as_it_was():
    env = gym.make("budgetgym/AgenticRouting-v0", instance="webshop", budget=4)
    observation, _ = env.reset(seed=0)
    before = env.unwrapped.snapshot()  # type: ignore[attr-defined]
    make_agent("flare", env, simulations=64).attach(env).predict(observation)  # type: ignore[attr-defined]
    after = env.unwrapped.snapshot()  # type: ignore[attr-defined]
    for here, there in zip(before, after, strict=True):
        assert np.array_equal(here, there, equal_nan=True)


def test_deadlines_are_answered_with_the_best_so_far():
    env = gym.make("budgetgym/AgenticRouting-v0", instance="webshop", budget=4)
    agent = make_agent("flare", env, simulations=100_000, milliseconds=0.0)
    observation, _ = env.reset(seed=0)
    agent.attach(env).predict(observation)  # type: ignore[attr-defined]
    plan = agent.report().iloc[-1]  # type: ignore[attr-defined]
    assert 0 < plan["simulations"] < 100_000
    assert list(agent.report().columns) == ["t", "action", "value", "simulations", "seconds"]  # type: ignore[attr-defined]


def test_memory_saves_evaluations_and_answers_alike():
    problem = Corridor(4)
    calls = []

    def value(rows):
        calls.append(len(rows))
        return np.zeros(len(rows))

    plain = Flare(problem, 1000, policy=TakesTheCoin(problem), evaluator=Value(value))
    assert mean_return(plain, problem, 3) == pytest.approx(1.0)
    remembering = Flare(problem, 1000, policy=TakesTheCoin(problem), evaluator=Value(value), memory=50, trust=1)
    assert mean_return(remembering, problem, 3) == pytest.approx(1.0)


def test_sb3_evaluates_a_planner_that_is_attached():
    env = gym.make("budgetgym/AgenticRouting-v0", instance="webshop", budget=4)
    agent = make_agent("one_step", env, simulations=16)
    returns, _ = evaluate_policy(agent.attach(env), env, 5, return_episode_rewards=True, warn=False)  # type: ignore
    assert set(returns) <= {0.0, 1.0}


def test_clear_errors():
    env = gym.make("budgetgym/AgenticRouting-v0", instance="webshop", budget=4)
    other = gym.make("budgetgym/AgenticRouting-v0", instance="swe")
    agent = make_agent("flare", env, simulations=16)
    observation, _ = env.reset(seed=0)
    with pytest.raises(ValueError, match="call attach"):
        agent.predict(observation)
    with pytest.raises(ValueError, match="was made for"):
        agent.attach(other)  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="expected an environment of this suite"):
        agent.attach("env")  # type: ignore[attr-defined]
    agent.attach(env)  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="not the present one"):
        agent.predict(observation + 0.1)
    with pytest.raises(ValueError, match="has 2 rows"):
        agent.predict(np.stack([observation, observation]))
    for setting in ({"simulations": 0}, {"depth": 0}, {"commitment": 0}, {"exploration": -1.0}, {"memory": -1}):
        with pytest.raises(ValueError, match=next(iter(setting))):
            make_agent("flare", env, **setting)
    with pytest.raises(ValueError, match="has no default"):
        Flare(Corridor())
    restless = gym.make("budgetgym/RestlessCapacity-v0", J=6, B=2)
    with pytest.raises(ValueError, match="not compiled"):
        Flare(AgenticRouting(), policy=make_agent("myopic", restless))


def test_pruning_keeps_the_policy_s_own_action():
    env = gym.make("budgetgym/AgenticRouting-v0", instance="swe", budget=4)
    agent = make_agent("flare", env, simulations=32, candidates=2)
    assert evaluate(agent, env, 2).episodes["length"].min() > 0


def test_rollouts_are_the_default_ends():
    assert isinstance(make_agent("flare", AgenticRouting()).basis.evaluator, Rollout)  # type: ignore[attr-defined]
