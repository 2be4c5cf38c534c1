"""The planners: what they earn against exact values, what they do by hand, and what every policy must do."""

import math
from functools import cache

import gymnasium as gym
import numpy as np
import pytest
from budgetgym import evaluate, list_agents, make_agent
from budgetgym.baselines.steering.optimal import Lagrangian, Optimal
from budgetgym.baselines.steering.planners import EvenSpend, Myopic, Null, Once, Random, Threshold
from budgetgym.baselines.steering.values import bound, null_value, optimal_value
from budgetgym.envs.core.batch import Batch, episode_keys
from budgetgym.envs.core.loops import OK, compile_rollout
from budgetgym.envs.steering.behaviour import BEHAVIOURS
from budgetgym.envs.steering.problem import SocialSteering
from budgetgym.evaluation.play import play
from tiny_steering import Truth
from toys import Painter

SIMPLE = (Null, Random, Once, Myopic, EvenSpend, Threshold)
EVERY = (*SIMPLE, Lagrangian, Optimal)
FOR_EVER = {"T": None, "discount": 0.9, "budget": None, "price": 1.0}
LISTED = [
    {"T": 8},
    {"T": 8, "objective": "biased", "budget": 0.5, "discrete": True},
    {"T": 8, "levels": 9, "budget": 0.45, "hazard": 0.1, "prior": 0.4},
    {"T": 10, "objective": "biased", "agents": "llm_like", "budget": 0.8, "discount": 0.9},
    {"T": 8, "agents": "stubborn", "q_max": 1.0, "levels": [0.5, 0.7, 0.9, 1.0], "budget": 0.5, "prior": (0.2, 0.9)},
    {"T": 8, "agents": "weizsacker", "ties": "belief", "cost": "quadratic", "price": 0.3, "discrete": True},
    {"T": 8, "budget": (0.0, 0.95), "discrete": True},
    {"T": 8, "objective": "biased", "budget": (0.0, 50.0)},
    {**FOR_EVER, "objective": "biased"},
]
ENDLESS = [
    {**FOR_EVER, "levels": None},
    {**FOR_EVER, "levels": None, "objective": "biased"},
    {**FOR_EVER, "levels": None, "objective": "biased", "prior": 0.7},
    {**FOR_EVER, "levels": None, "objective": "biased", "p": 0.5, "agents": "stubborn"},
    {**FOR_EVER, "levels": None, "objective": "biased", "hazard": 0.05, "prior": 0.4, "q_max": 1.0},
    {**FOR_EVER, "agents": "logit", "objective": "biased", "discrete": True},
    {**FOR_EVER, "agents": "logit", "levels": None, "p": 0.6},
]
OTHERS = [
    {"topics": 3, "T": 8, "budget": 0.7, "discrete": True},
    {"topics": 2, "T": 8, "budget": 0.6, "objective": "biased"},
    {"T": 8, "levels": None, "budget": 0.4},
    {"T": 8, "levels": None, "budget": 0.4, "objective": "biased", "cost": "concave"},
    {"T": 8, "agents": "logit", "budget": 0.4},
]
WITHOUT_BOUND = [
    {"T": 8, "network": "last-2"},
    {"T": 8, "agents": "llm_like", "public_belief": "biased", "objective": "biased", "levels": None},
    {"T": 8, "agents": "grether", "public_belief": "biased", "topics": 2, "discrete": True},
]


@cache
def of(index, cases):
    return SocialSteering(
        **{"LISTED": LISTED, "ENDLESS": ENDLESS, "OTHERS": OTHERS, "WITHOUT_BOUND": WITHOUT_BOUND}[cases][index]
    )


def every(cases):
    return pytest.mark.parametrize("index", range(len(cases)), ids=[str(case) for case in cases])


def made(agent, problem):
    """The planner (thresholds not tuned: that takes a second), or None if it refuses the problem as it must."""
    params = problem.params
    linear = params.behaviour.certain_choice and params.listed
    if agent is Threshold:
        return Threshold(problem, 0.15, 0.45)
    if agent is Optimal:
        refuses = problem.topics > 1 or problem.opinions_apart or (not linear and problem.settings.get("T", 0) is not None)
    else:
        refuses = agent is Lagrangian and (problem.opinions_apart or not linear)
    if not refuses:
        return agent(problem)
    with pytest.raises(ValueError, match=r"no exact solution with|a single topic can't be solved"):
        agent(problem)
    return None


def earned(policy, problem, n=4000, seed=0):
    """Mean return, and its standard error."""
    returns = play(policy, problem, range(n), seed).episodes["return"].to_numpy()
    return returns.mean(), returns.std() / math.sqrt(n) + 1e-9


# --- what they earn ----------------------------------------------------------------------------------------------------


@every(LISTED)
def test_the_optimum_earns_its_value_and_nobody_earns_more(index):
    problem = of(index, "LISTED")
    low, high = (float(end[0]) for end in problem.budget.arrays(("effort",)))
    optimal = Optimal(problem)
    others = [made(agent, problem) for agent in EVERY if agent is not Optimal]
    for budget in sorted({low, 0.3 if low < high else high, high}):
        here = problem.replace(budget=budget)
        optimum = optimal_value(problem, budget)
        mean, error = earned(optimal, here)
        assert mean == pytest.approx(optimum, abs=4 * error)
        for policy in filter(None, others):
            mean, error = earned(policy, here)
            assert mean <= optimum + 4 * error, type(policy)
            if isinstance(policy, Null):
                assert mean == pytest.approx(null_value(problem), abs=4 * error)


def test_the_optimum_of_a_range_is_that_of_every_budget_in_it():
    """What is left of 0.95 in steps of 0.1 is not what is left of 0.4."""
    problem = SocialSteering(T=6, budget=(0.0, 0.95), discrete=True)
    policy = Optimal(problem)
    for budget in (0.0, 0.1, 0.25, 0.4, 0.7):
        mean, error = earned(policy, problem.replace(budget=budget), 3000)
        assert mean == pytest.approx(optimal_value(problem, budget), abs=4 * error)
    unlimited = Optimal(SocialSteering(T=6, budget=None, discrete=True))
    with pytest.raises(
        ValueError, match=r"Optimal was made for budgets from 1\.2 to 1\.2, not for 0\.3 to 0\.3; make the agent"
    ):
        unlimited.check_problem(SocialSteering(T=6, discrete=True, budget=0.3))
    with pytest.raises(ValueError, match=r"tolerance is 0\.0; expected a finite number > 0"):
        Optimal(SocialSteering(T=6), tolerance=0.0)
    small = Optimal(SocialSteering(T=6, discrete=True, budget=0.3))
    small.check_problem(SocialSteering(T=6, discrete=True, budget=(0.0, 0.3)))
    with pytest.raises(ValueError, match=r"budgets from 0\.3 to 0\.3, not for 0\.6 to 0\.6"):
        small.check_problem(SocialSteering(T=6, discrete=True, budget=0.6))


@every(ENDLESS)
def test_the_optimum_on_the_grid_earns_its_value(index):
    problem = of(index, "ENDLESS")
    optimum = optimal_value(problem, problem.budget.middle(("effort",)))
    mean, error = earned(Optimal(problem), problem, 10_000, seed=1)
    assert mean == pytest.approx(optimum, abs=4 * error + 2e-3)
    for agent in SIMPLE:
        mean, error = earned(made(agent, problem), problem, 2000)
        assert mean <= optimum + 4 * error + 1e-3, agent
        if agent is Null:
            assert mean == pytest.approx(null_value(problem), abs=4 * error)


@every(OTHERS)
def test_nobody_earns_more_than_the_bound(index):
    problem = of(index, "OTHERS")
    most = bound(problem, problem.budget.middle(("effort",)))
    for policy in filter(None, (made(agent, problem) for agent in EVERY)):
        mean, error = earned(policy, problem)
        assert mean <= most + 4 * error + 1e-4, type(policy)
        if isinstance(policy, Null):
            assert mean == pytest.approx(null_value(problem), abs=4 * error + 1e-4)


@every(WITHOUT_BOUND)
def test_where_no_bound_is_known_simple_planners_act_all_the_same(index):
    problem = of(index, "WITHOUT_BOUND")
    for agent in SIMPLE:
        mean, _ = earned(made(agent, problem), problem, 500)
        assert np.isfinite(mean)
    for agent in (Optimal, Lagrangian):
        assert made(agent, problem) is None


def test_the_planners_of_a_scarce_budget_gain_their_share():
    """Of what an altruist can gain over doing nothing, as measured; a planner that stops working fails here."""
    problem = SocialSteering(T=10, budget=0.4)
    nothing, optimum = null_value(problem), optimal_value(problem, 0.4)
    share = {a.name: (earned(a(problem), problem)[0] - nothing) / (optimum - nothing) for a in EVERY}
    assert share["optimal"] == pytest.approx(1.0, abs=0.05)
    assert min(share["lagrangian"], share["threshold"], share["once"], share["myopic"]) > 0.5
    assert abs(share["null"]) < 0.05


def test_the_lagrangian_is_optimal_where_effort_cannot_run_out():
    for objective in ("altruistic", "biased"):
        problem = SocialSteering(T=8, objective=objective, budget=None, price=0.3, topics=2)
        policy = Lagrangian(problem)
        assert policy.price == 0.0
        mean, error = earned(policy, problem)
        assert mean == pytest.approx(bound(problem, problem.budget.middle(("effort",))), abs=4 * error)


# --- thresholds --------------------------------------------------------------------------------------------------------


def test_thresholds_contain_their_corners():
    """Tuned ones earn, on the tuning episodes, at least what any pair of the grid does, such as the rule to do nothing."""
    problem = SocialSteering(T=8, budget=0.4)
    tuned = Threshold(problem)
    again = Threshold(problem)
    assert (tuned.parameters.low, tuned.parameters.high) == (again.parameters.low, again.parameters.high)
    nothing, everything = Threshold(problem, 0.5, 0.5), Threshold(problem, 0.0, 0.0)
    mean = earned(tuned, problem)[0]
    for corner, twin in ((nothing, Null(problem)), (everything, Once(problem))):
        if corner is nothing:
            assert earned(corner, problem)[0] == earned(twin, problem)[0]
        assert mean >= earned(corner, problem)[0] - 0.05
    one = Threshold(problem, low=0.1)
    assert one.parameters.low == 0.1
    assert one.parameters.high >= 0.1


def test_thresholds_by_hand():
    def asked(policy, b):
        row = np.array([b, 0.0, 0.0, 0.0, 0.0, 0.5, 1.0, 1.0])
        return policy.problem.params.levels[policy.predict(row)[0]]

    altruist = Threshold(SocialSteering(discrete=True, budget=None, levels=9), 0.15, 0.35)
    expected = {0.1: 0.7, 0.149: 0.7, 0.2: 0.8, 0.23: 0.8, 0.35: 0.7, 0.36: 0.9, 0.5: 0.9, 0.66: 0.7, 0.72: 0.75, 0.9: 0.7}
    for b, q in expected.items():
        assert asked(altruist, b) == pytest.approx(q), b
    biased = Threshold(SocialSteering(discrete=True, budget=None, objective="biased"), 0.12, 0.55)
    expected = {0.1: 0.7, 0.13: 0.9, 0.25: 0.8, 0.4: 0.7, 0.54: 0.7, 0.56: 0.5, 0.65: 0.6, 0.7: 0.6, 0.71: 0.7, 0.99: 0.7}
    for b, q in expected.items():
        assert asked(biased, b) == pytest.approx(q), b


def test_thresholds_on_the_lattice_of_beliefs():
    """1 - 0.7 is not 0.3 in 64 bits; paths lead to both."""
    problem = SocialSteering(discrete=True, budget=None)
    for low, high, level in ((0.3, 0.4, 2), (0.25, 0.3, 2), (0.2, 0.25, 4)):
        policy = Threshold(problem, low, high)
        for b in (0.3, 0.7, 1 - 0.7, 0.7 - 1e-16, 0.3 + 1e-16):
            assert policy.predict(np.array([b, 0, 0, 0, 0, 0.5, 1, 1]))[0] == level
    biased = Threshold(problem.replace(objective="biased"), 0.3, 0.7)
    for b in (0.7, 1 - 0.3, 0.7 - 1e-16):
        assert biased.predict(np.array([b, 0, 0, 0, 0, 0.5, 1, 1]))[0] == 1


def test_bad_thresholds_are_named():
    problem = SocialSteering()
    with pytest.raises(ValueError, match=r"low is 1\.5; expected a probability"):
        Threshold(problem, low=1.5)
    with pytest.raises(ValueError, match="high is 'a'; expected a probability"):
        Threshold(problem, high="a")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"low is 0\.4 with high 0\.2; expected low <= high"):
        Threshold(problem, 0.4, 0.2)


# --- by hand -----------------------------------------------------------------------------------------------------------


def q_of(policy, b, left=0.3, time=1.0):
    """The precision that a planner of one topic asks for."""
    problem = policy.problem
    scale = float(problem.budget_scale[0])
    initial = max(left, 1.0)
    row = [b, math.tanh(math.log(b / (1 - b)) / 4), 0.0, 0.0, 0.0, initial / (initial + scale), left / initial, time]
    action, _ = policy.predict(np.array(row))
    if problem.params.on_scale:
        return 0.5 + (float(action[0]) + 1) / 2 * (problem.params.q_max - 0.5)
    return problem.params.levels[action]


@pytest.mark.parametrize("levels", [5, None])
def test_once_buys_once(levels):
    policy = Once(SocialSteering(levels=levels))
    assert [q_of(policy, 0.5, left) for left in (0.0, 0.1, 0.2, 5.0)] == pytest.approx([0.7, 0.8, 0.9, 0.9])
    assert q_of(policy, 0.5, 0.15) == pytest.approx(0.8 if levels else 0.85)
    assert q_of(policy, 0.5, 0.3, time=0.95) == pytest.approx(0.7)


def test_the_myopic_by_hand():
    altruist = Myopic(SocialSteering())
    assert [q_of(altruist, b, 0.3) for b in (0.5, 0.2, 0.86, 0.95)] == pytest.approx([0.9, 0.9, 0.9, 0.7])
    assert q_of(altruist, 0.5, 0.1) == pytest.approx(0.8)
    assert q_of(Myopic(SocialSteering(price=1.1)), 0.5) == pytest.approx(0.7)
    # The facts' thresholds of delta = 0: the altruist pays for certainty above t = 0.15, at k = 0.5.
    expensive = Myopic(SocialSteering(levels=None, q_max=1.0, price=1.0, k=0.5, budget=None))
    assert [q_of(expensive, b, 9.0) for b in (0.149, 0.151, 0.848, 0.852)] == pytest.approx([0.7, 1.0, 1.0, 0.7])
    # And the biased one obfuscates above a half: the limit from below.
    biased = Myopic(SocialSteering(levels=None, q_max=1.0, price=1.0, k=1.0, objective="biased", budget=None))
    assert q_of(biased, 0.62, 9.0) == pytest.approx(0.62, abs=1e-6)
    assert q_of(biased, 0.62, 9.0) < 0.62
    assert q_of(biased, 0.105, 9.0) == pytest.approx(0.7)
    assert q_of(biased, 0.11, 9.0) == pytest.approx(0.89, abs=1e-6)  # last ditch: 1 - b
    # Just at the baseline she keeps clear of what would be read as the baseline itself.
    assert 1e-6 < 0.7 - q_of(biased, 0.7, 9.0) < 1e-5


def test_even_spending_by_hand():
    policy = EvenSpend(SocialSteering(T=4))
    assert q_of(policy, 0.5, 0.4, time=1.0) == pytest.approx(0.8)
    assert q_of(policy, 0.5, 0.4, time=0.5) == pytest.approx(0.9)
    assert q_of(policy, 0.5, 0.3, time=1.0) == pytest.approx(0.7)
    random_end = EvenSpend(SocialSteering(T=None, discount=0.5))
    assert q_of(random_end, 0.5, 0.2) == pytest.approx(0.8)  # two agents are to be expected


@pytest.mark.parametrize("objective", ["altruistic", "biased"])
def test_the_optimum_acts_as_plain_python_would(objective):
    """Whatever it asks for leads on to the value of the situation."""
    case = {"T": 4, "objective": objective, "levels": [0.5, 0.7, 0.8, 0.9]}
    policy = Optimal(SocialSteering(**case, budget=0.4, discrete=True))
    for b in (0.2, 0.3, 0.45, 0.5, 0.64, 0.7, 0.75):
        for left in (0.0, 0.1, 0.25, 0.4):
            truth = Truth(**case)
            q = truth.buy(q_of(policy, b, left), left)
            assert q == pytest.approx(q_of(policy, b, left))
            state = truth.start(b)
            reward, after = truth.period(state, 0, q)
            rest = left - truth.cost(q)
            later = Truth(**{**case, "T": 3})
            ahead = sum(p * later.optimum(rest, 1 / (1 + math.exp(-x[0]))) for p, x in after)
            assert reward + ahead == pytest.approx(truth.optimum(left, b), abs=1e-5)


# --- what every policy must do -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("agent", EVERY)
@pytest.mark.parametrize("case", [LISTED[1], LISTED[2], OTHERS[0], ENDLESS[1]], ids=str)
def test_one_observation_a_batch_and_a_rollout_are_decided_alike(agent, case):
    problem = SocialSteering(**case)
    policy = made(agent, problem)
    if policy is None:
        return
    n = 7
    batch = Batch(problem, n)
    batch.seed(episode_keys(5, n))
    batch.reset()
    start = batch.snapshot()
    observation, returns, state = batch.observe(), np.zeros(n), None
    first = None
    for _ in range(problem.horizon):
        actions, state = policy.predict(observation, state)
        assert all(problem.action_space.contains(action) for action in actions)
        if agent is not Random:
            alone = [policy.predict(row)[0] for row in observation]
            assert np.array_equal(alone, actions)
        elif first is None:
            first = actions[0]
            assert np.array_equal(policy.predict(observation[0])[0], first)
        step = batch.step(batch.read_actions(actions))
        observation = step.observation
        returns += step.reward
        if batch.state.finished.all():
            break
    if agent is Random:
        return
    end = batch.snapshot()
    batch.restore(start)
    rolled = np.zeros(n)
    rollout = compile_rollout(problem.kernels, policy.act)
    blank = np.zeros((n, len(batch.rules.action_low)), batch.action_dtype)
    world = (batch.params, batch.rules, batch.state)
    assert rollout(*world, policy.parameters, np.zeros((n, 0)), batch.observe(), blank, problem.horizon, rolled) == OK
    assert np.array_equal(rolled, returns)
    assert np.array_equal(batch.state.remaining, end.remaining)


def test_random_is_reproducible_lane_by_lane():
    problem = SocialSteering(topics=2, discrete=True)

    def draws(policy, n, times=4):
        rows, state, found = np.tile(Batch(problem, 1).observe(), (n, 1)), None, []
        for _ in range(times):
            actions, state = policy.predict(rows, state)
            found.append(actions)
        return np.stack(found)

    first = draws(Random(problem, seed=1), 40)
    assert np.array_equal(first, draws(Random(problem, seed=1), 40))
    assert np.array_equal(first[:, :7], draws(Random(problem, seed=1), 7))
    assert not np.array_equal(first, draws(Random(problem, seed=2), 40))
    again = Random(problem, seed=2)
    again.set_random_seed(1)
    assert np.array_equal(first, draws(again, 40))
    shares = np.bincount(draws(Random(problem), 4000).ravel(), minlength=5) / 32_000
    assert shares == pytest.approx([0.2] * 5, abs=0.012)
    assert len({lane.tobytes() for lane in first.swapaxes(0, 1)}) == 40


def test_all_are_found_by_their_names():
    problem = SocialSteering(T=5)
    names = {agent.name for agent in EVERY}
    assert names <= set(list_agents("budgetgym/SocialSteering-v0"))
    for agent in EVERY:
        assert type(make_agent(agent.name, problem)) is agent


@pytest.mark.parametrize("agent", EVERY)
def test_what_planners_refuse(agent):
    with pytest.raises(ValueError, match=f"{agent.name} serves SocialSteering, not Painter"):
        agent(Painter())
    if agent in (Null, Random):
        agent(SocialSteering(observation="history", budget_aware=False))
    else:
        with pytest.raises(ValueError, match='reads the public belief from the observation; expected observation="belief"'):
            agent(SocialSteering(observation="history"))
        with pytest.raises(ValueError, match="reads the budget from the observation; expected budget_aware=True"):
            agent(SocialSteering(budget_aware=False))
    policy = agent(SocialSteering(T=4))
    with pytest.raises(ValueError, match="expected"):
        policy.predict(np.zeros(3))
    policy.check_problem(SocialSteering(T=4, reward="realised"))
    if agent is not Random:
        for other in ({"objective": "biased"}, {"agents": "llm_like"}, {"k": 1.5}, {"ties": "belief"}):
            with pytest.raises(ValueError, match="make the agent for this environment"):
                policy.check_problem(SocialSteering(**{"T": 4, **other}))


@pytest.mark.parametrize("behaviour", sorted(BEHAVIOURS))
@pytest.mark.parametrize("levels", [5, None])
def test_simple_planners_steer_every_society(behaviour, levels):
    """Nobody asks for what cannot be paid, but by the width of an edge."""
    for objective in ("altruistic", "biased"):
        problem = SocialSteering(T=6, agents=behaviour, objective=objective, levels=levels, budget=0.25)
        for policy in (Null(problem), Once(problem), Myopic(problem), EvenSpend(problem), Threshold(problem, 0.2, 0.4)):
            played = play(policy, problem, range(100), 0).episodes
            assert (played["blocked"] == 0).all(), type(policy)
            assert (played["spent"] <= 0.25).all()


def test_a_policy_plays_in_gymnasium():
    env = gym.make("budgetgym/SocialSteering-v0", discrete=True)
    policy = make_agent("optimal", env)
    observation, _ = env.reset(seed=0)
    terminated = False
    while not terminated:
        action, _ = policy.predict(observation)
        observation, _, terminated, _, info = env.step(action)
    assert info["blocked"] == 0


@pytest.mark.parametrize("unit", [1e-9, 1e-4, 1e6])
@pytest.mark.parametrize(
    "changes",
    [{"discrete": True}, {"objective": "biased", "discrete": True}, {"T": None, "discount": 0.9, "budget": np.inf}, {}],
)
def test_the_unit_of_rewards_changes_nothing(changes, unit):
    problem, other = SocialSteering(price=0.1, **changes), SocialSteering(C=unit, price=0.1 * unit, **changes)
    budget = float(problem.budget.middle(problem.resources))
    for known in (optimal_value, bound):
        assert known(other, budget) == pytest.approx(unit * known(problem, budget), rel=1e-5)
    assert null_value(other) == pytest.approx(unit * null_value(problem), rel=1e-9)
    for name in ("myopic", "lagrangian") if not problem.params.listed else ("optimal", "lagrangian"):
        usual, scaled = (evaluate(make_agent(name, p), p, 20).episodes for p in (problem, other))
        assert np.array_equal(usual["spent"], scaled["spent"])
