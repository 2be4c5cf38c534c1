import gymnasium as gym
import numpy as np
import pytest
from budgetgym.envs.core import BudgetedEnv, BudgetedVectorEnv
from budgetgym.envs.core.batch import Batch, episode_keys
from budgetgym.envs.core.jit import jit
from budgetgym.envs.routing.agentic.kernels import forget, insert, quantile
from budgetgym.envs.routing.agentic.meter import uncached
from budgetgym.envs.routing.agentic.problem import EXHAUSTION, REWARDS, AgenticRouting
from budgetgym.envs.routing.agentic.profile import Model, Profile, criticality
from hypothesis import given, settings
from hypothesis import strategies as st

ID = "budgetgym/AgenticRouting-v0"
INFINITE = float("inf")


def play(problem, choose, episodes=500, seed=0):
    """Returns and batch; `choose(batch, t)` gives the actions of step t."""
    batch = Batch(problem, episodes)
    batch.seed(episode_keys(seed, episodes))
    batch.reset()
    returns, t = np.zeros(episodes), 0
    while not batch.state.finished.all():
        returns += batch.step(batch.read_actions(choose(batch, t))).reward
        t += 1
    return returns, batch


def hostile(seed):
    generator = np.random.default_rng(seed)
    return lambda batch, t: generator.integers(0, batch.problem.action_space.n, batch.n)


@settings(max_examples=40, deadline=None)
@given(
    unit=st.sampled_from(["calls", "dollars"]),
    exhaustion=st.sampled_from(EXHAUSTION),
    reward=st.sampled_from(REWARDS),
    budget=st.floats(0.03, 3.0),
    tasks=st.integers(1, 3),
    seed=st.integers(0, 100),
)
def test_no_actions_overspend(unit, exhaustion, reward, budget, tasks, seed):
    problem = AgenticRouting(
        instance="webshop",
        unit=unit,
        exhaustion=exhaustion,
        reward=reward,
        budget=budget,
        tasks=tasks,
        stop=True,
        verify=True,
        window=5,
    )
    returns, batch = play(problem, hostile(seed), 64)
    state = batch.state
    assert (state.remaining >= 0).all()
    assert np.isfinite(returns).all()
    spent = (state.initial - state.remaining)[:, 0]
    counted = state.large_calls if unit == "calls" else state.dollars
    assert spent == pytest.approx(counted)
    assert ((state.success >= 0) & (state.success <= tasks)).all()
    assert problem.observation_space.contains(batch.observe()[0])


def test_observations_stay_in_their_space():
    for unit in ("calls", "dollars"):
        problem = AgenticRouting(instance="swe", unit=unit, tasks=2, stop=True, verify=True)
        batch = Batch(problem, 200)
        batch.seed(episode_keys(0, 200))
        batch.reset()
        choose = hostile(1)
        for t in range(60):
            rows = batch.step(batch.read_actions(choose(batch, t)), restart=True).observation
            low, high = problem.observation_space.low, problem.observation_space.high
            assert (rows >= low).all()
            assert (rows <= high).all()


def test_a_cap_of_calls_forces_the_small_model():
    _, batch = play(AgenticRouting(budget=3), lambda batch, t: np.ones(batch.n, int))
    assert (batch.state.large_calls <= 3).all()
    long = batch.state.t > 3
    assert (batch.state.blocked[long] == batch.state.t[long] - 3).all()


def test_without_a_limit_nothing_is_blocked():
    for unit in ("calls", "dollars"):
        _, batch = play(AgenticRouting(unit=unit, budget=INFINITE), hostile(0))
        assert (batch.state.blocked == 0).all()


def test_the_end_of_the_money():
    """A budget for a few calls: forced to the end, bankrupt with its penalty, or served for nothing."""
    least = AgenticRouting(unit="dollars").least_budget[0]
    outcomes = {}
    for exhaustion in EXHAUSTION:
        problem = AgenticRouting(unit="dollars", budget=4 * least, exhaustion=exhaustion)
        outcomes[exhaustion] = play(problem, lambda batch, t: np.ones(batch.n, int))
    returns, batch = outcomes["bankrupt"]
    assert (returns[batch.state.bankrupt] == -5.0).all()
    assert batch.state.bankrupt.mean() > 0.9
    assert batch.problem.score == "return"
    returns, batch = outcomes["cheapest"]
    assert batch.state.bankrupt.mean() > 0.9
    assert (returns[batch.state.bankrupt] == 0.0).all()
    assert (batch.state.dollars > 3 * least).mean() > 0.9
    returns, batch = outcomes["free"]
    assert not batch.state.bankrupt.any()
    assert batch.state.t.mean() > outcomes["cheapest"][1].state.t.mean()
    assert batch.problem.instance == "instance appworld"


def test_bankruptcy_ends_a_whole_session_and_bills_all_failures():
    problem = AgenticRouting(unit="dollars", budget=0.01, tasks=10, reward="bill")
    returns, batch = play(problem, lambda batch, t: np.ones(batch.n, int), 50)
    assert batch.state.bankrupt.all()
    assert returns == pytest.approx(-batch.state.dollars - 0.6 * (10 - batch.state.success))


def test_strict_affordability_is_the_worst_case():
    """A call is made only if its longest output could be paid: the mask says so, and nothing fails later."""
    problem = AgenticRouting(unit="dollars", budget=0.02)
    batch = Batch(problem, 300)
    batch.seed(episode_keys(0, 300))
    batch.reset()
    while not batch.state.finished.all():
        mask, blocked = batch.action_mask(), batch.state.blocked.copy()
        observed = batch.observe()[:, 15:17]
        alive = ~batch.state.finished & mask.any(axis=1)
        paying = alive & (observed.sum(axis=1) > 0)
        assert (mask[paying] == observed[paying]).all()
        batch.step(batch.read_actions(mask.argmax(axis=1)))
        assert (batch.state.blocked == blocked)[paying].all()


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"reward": "sparse"}, lambda s, c, st: s),
        ({"reward": "soft", "cost_weight": 0.02}, lambda s, c, st: s - 0.02 * c),
        ({"reward": "gated", "cost_weight": 0.02, "success_value": 2.0}, lambda s, c, st: s * (2.0 - 0.02 * c)),
        ({"reward": "bill", "failure_price": 0.6}, lambda s, c, st: -st.dollars - 0.6 * (1 - s)),
        (
            {"reward": "boundary", "cost_weight": 0.4, "hard_bonus": 0.7},
            lambda s, c, st: (
                s * (1 + 0.7 * (st.difficulty_class == 1))
                - 0.4 * np.clip((c - st.cost_min) / (st.cost_max - st.cost_min), 0, 1)
            ),
        ),
    ],
    ids=lambda x: x["reward"] if isinstance(x, dict) else "",
)
@pytest.mark.parametrize("unit", ["calls", "dollars"])
def test_rewards_are_their_formulas(settings, expected, unit):
    returns, batch = play(AgenticRouting(unit=unit, budget=INFINITE, **settings), hostile(3))
    state = batch.state
    cost = state.large_calls if unit == "calls" else state.dollars
    assert returns == pytest.approx(expected(state.success, cost, state))


def test_normalised_cost_is_zero_and_one_at_the_boundary_means():
    problem = AgenticRouting(reward="boundary", cost_weight=1.0, budget=INFINITE)
    small, _ = play(problem, lambda batch, t: np.zeros(batch.n, int))
    assert set(np.round(small, 6)) <= {0.0, 1.0, 1.5}
    _, batch = play(problem, lambda batch, t: np.ones(batch.n, int), 4000)
    ratio = batch.state.large_calls / batch.state.cost_max
    assert ratio.mean() == pytest.approx(1.0, abs=0.02)


def test_the_windowed_reward_against_numpy():
    problem = AgenticRouting(instance="webshop", reward="windowed", cost_weight=0.5, window=30, budget=INFINITE)
    env = BudgetedEnv(problem)
    generator = np.random.default_rng(0)
    seen, compared = [], 0
    for episode in range(150):
        env.reset(seed=0 if episode == 0 else None)
        over = False
        while not over:
            _, reward, over, _, info = env.step(generator.integers(2))
        root = np.sqrt(info["large_calls"])
        if len(seen) >= 20 and info["success"]:
            low, high = np.quantile(seen[-30:], [0.05, 0.95])
            assert reward == pytest.approx(0.5 + 0.5 * (1 - np.clip((root - low) / (high - low), 0, 1)))
            compared += 1
        seen.append(root)
    assert compared > 30


def test_a_seed_empties_the_window():
    env = BudgetedEnv(AgenticRouting, instance="webshop", reward="windowed", window=30)
    totals = []
    for _ in range(2):
        env.reset(seed=7, options={"episode": 3})
        total, over = 0.0, False
        while not over:
            _, reward, over, _, _ = env.step(1)
            total += reward
        totals.append(total)
        for _ in range(40):
            env.reset()
            while not env.step(0)[2]:
                pass
    assert totals[0] == totals[1]


@jit
def sorted_window(values, ranked, held, q):
    for value in values:
        insert(ranked, held, value)
        held += 1
    forget(ranked, held, values[0])
    return quantile(ranked, held - 1, q)


@given(st.lists(st.floats(0, 10), min_size=2, max_size=20), st.floats(0, 1))
@settings(max_examples=50, deadline=None)
def test_the_window_is_sorted(values, q):
    array = np.array(values)
    assert sorted_window(array, np.zeros(len(array)), 0, q) == pytest.approx(np.quantile(array[1:], q))


def test_shaping_adds_up_to_nothing():
    plain, _ = play(AgenticRouting(tasks=2), hostile(4))
    shaped, _ = play(AgenticRouting(tasks=2, shaping=3.0), hostile(4))
    assert shaped == pytest.approx(plain)
    env = BudgetedEnv(AgenticRouting, shaping=1.0)
    env.reset(seed=0)
    rewards = [env.step(1)[1] for _ in range(4)]
    assert any(rewards)


def test_stopping_keeps_the_money():
    env = BudgetedEnv(AgenticRouting, unit="dollars", stop=True)
    env.reset(seed=0)
    _, reward, terminated, _, info = env.step(2)
    assert (reward, terminated, info["spent"], info["success"]) == (0.0, True, 0.0, 0)


def test_a_verdict_costs_a_call_and_rolls_back_corrupted_work():
    problem = AgenticRouting(verify=True, budget=INFINITE)

    def work_then_ask(batch, t):
        return np.where(t % 4 == 3, 3, 0) * np.ones(batch.n, int)

    _, batch = play(problem, work_then_ask, 2000)
    asked = batch.state.t // 4
    assert (batch.state.large_calls == asked).all()
    assert (
        batch.state.success.mean() > 1.1 * play(problem, lambda batch, t: np.zeros(batch.n, int), 2000)[1].state.success.mean()
    )

    batch = Batch(problem, 4000)
    batch.seed(episode_keys(0, 4000))
    batch.reset()
    for _ in range(4):
        batch.step(batch.read_actions(np.zeros(4000, int)))
    alive = ~batch.state.finished
    corrupted, progress = batch.state.corrupted.copy(), batch.state.progress.copy()
    batch.step(batch.read_actions(np.full(4000, 3)))
    back = batch.state.rolled_back
    assert back[alive & (corrupted == 1)].mean() == pytest.approx(0.9, abs=0.05)
    assert back[alive & (corrupted == 0)].mean() == pytest.approx(0.1, abs=0.03)
    assert (batch.state.progress[alive & back] == np.maximum(progress[alive & back] - 1, 0)).all()
    assert (batch.state.corrupted[alive & back] == 0).all()


def test_a_session_shares_one_budget_and_repeats_its_tasks_for_every_router():
    problem = AgenticRouting(tasks=4, budget=6)
    facts = []
    for model in (0, 1):
        batch = Batch(problem, 1)
        batch.seed(episode_keys(0, 1))
        batch.reset()
        seen = []
        while not batch.state.finished[0]:
            if batch.state.step[0] == 0:
                seen.append((batch.state.difficulty[0], batch.state.kind[0], batch.state.estimate[0]))
            batch.step(batch.read_actions(np.array([model])))
        facts.append(seen)
        assert batch.state.large_calls[0] == 6 * model
    assert len(facts[0]) == 4
    assert facts[0] == facts[1]
    assert len(set(facts[0])) == 4


def test_sessions_count_traps_and_recoveries():
    problem = AgenticRouting(tasks=30, budget=INFINITE)
    _, batch = play(problem, lambda batch, t: np.ones(batch.n, int), 40)
    one = play(problem.replace(tasks=1), lambda batch, t: np.ones(batch.n, int), 4000)[1].state
    assert batch.state.recovered.sum() / 1200 == pytest.approx(one.recovered.mean(), abs=0.06)
    assert batch.state.trap_at_1.sum() / 1200 == pytest.approx(one.trap_at_1.mean(), abs=0.06)
    assert (one.trap_at_1 == (one.first_error_step == 1)).all()
    assert ((one.recovered == 1) == ((one.first_error_step > 0) & (one.success == 1))).all()


def test_boundary_costs_are_in_order_even_if_the_small_model_costs_more():
    models = tuple(
        Model(name, skill, tier, uncached(price, price))
        for tier, (name, skill, price) in enumerate((("small", -1.0, 1.0), ("large", 2.0, 1.3)))
    )
    profile = Profile(models, 20, (5,), (1.0,), criticality(0.35), 1.0)
    problem = AgenticRouting(instance=profile, unit="dollars", reward="boundary", cost_weight=1.0, budget=INFINITE)
    returns = [play(problem, lambda batch, t, m=m: np.full(batch.n, m), 2000)[0].mean() for m in (0, 1)]
    assert (problem.params.boundary_cost[1] >= problem.params.boundary_cost[0]).all()
    assert returns[1] > returns[0]


def test_snapshots_of_other_problems_are_refused():
    env = BudgetedEnv(AgenticRouting, instance="webshop", tasks=5)
    env.reset(seed=0)
    while env.snapshot().task[0] < 3:
        env.step(0)
    for another, message in (
        ({"instance": "webshop", "tasks": 2}, "has no task above 1"),
        ({"instance": "tau2-telecom", "tasks": 5}, None),
    ):
        other = BudgetedEnv(AgenticRouting, **another)
        other.reset(seed=0)
        with pytest.raises(ValueError, match=message):
            other.restore(env.snapshot())


def test_the_signal_is_as_accurate_as_asked():
    for accuracy in (0.5, 0.8, 1.0):
        batch = Batch(AgenticRouting(criticality_accuracy=accuracy), 20_000)
        batch.seed(episode_keys(0, 20_000))
        batch.reset()
        right = batch.state.signal == batch.state.required
        for tier in (0, 1):
            assert right[batch.state.required == tier].mean() == pytest.approx(accuracy, abs=0.02)


def test_switching_models_costs_a_cold_prompt():
    problem = AgenticRouting(unit="dollars", budget=INFINITE)
    env = BudgetedEnv(problem)
    env.reset(seed=1)
    costs = [env.step(action)[4]["cost"] for action in (0, 0, 1, 1)]
    names = problem.observation_names
    cold, warm = costs[2], costs[3]
    assert cold > 1.5 * warm
    observation = env._batch.observe()[0]
    assert observation[names.index("warm[1]")] > 0.5
    assert observation[names.index("last_model[1]")] == 1.0


def test_a_blind_router_does_not_see_its_budget():
    names = AgenticRouting(budget_aware=False).observation_names
    assert not [name for name in names if "affordable" in name or "remaining" in name or "large_calls" in name]
    first = BudgetedEnv(AgenticRouting, budget=2, budget_aware=False)
    second = BudgetedEnv(AgenticRouting, budget=20, budget_aware=False)
    assert np.array_equal(first.reset(seed=0)[0], second.reset(seed=0)[0])


def test_the_vector_environment_is_the_single_one_with_information():
    vector = gym.make_vec(ID, num_envs=3, unit="dollars", tasks=2)
    single = [gym.make(ID, unit="dollars", tasks=2) for _ in range(3)]
    vector.reset(seed=5)
    for k, env in enumerate(single):
        env.reset(seed=5 + k)
    for action in (0, 1, 1, 0, 1):
        rows, rewards, _, _, infos = vector.step(np.full(3, action))
        for k, env in enumerate(single):
            row, reward, _, _, info = env.step(action)
            assert np.array_equal(rows[k], row)
            assert rewards[k] == reward
            assert all(np.array_equal(infos[name][k], info[name]) for name in info)


def test_a_snapshot_goes_on_alike():
    env = BudgetedEnv(AgenticRouting, reward="windowed", window=10, tasks=3)
    env.reset(seed=2)
    for k in range(7):
        env.step(k % 2)
    here = env.snapshot()
    first = [env.step(k % 2)[:2] for k in range(10)]
    env.restore(here)
    for before, k in zip(first, range(10), strict=True):
        row, reward = env.step(k % 2)[:2]
        assert np.array_equal(before[0], row)
        assert before[1] == reward


def test_models_of_a_planner_fork():
    env = BudgetedEnv(AgenticRouting)
    env.reset(seed=0)
    env.step(0)
    assert isinstance(env.model(8, seed=0), BudgetedVectorEnv)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"log": "x.csv"}, "logs are played by LoggedRouting"),
        ({"unit": "euro"}, "unit is 'euro'; expected one of"),
        ({"reward": "dense"}, "reward is 'dense'"),
        ({"exhaustion": "die"}, "exhaustion is 'die'"),
        ({"tasks": 0}, "tasks is 0; expected an integer >= 1"),
        ({"criticality_accuracy": 0.3}, r"criticality_accuracy is 0.3; expected a probability in \[1/2, 1\]"),
        ({"criticality_accuracy": 1.3}, r"criticality_accuracy is 1.3; expected a probability"),
        ({"difficulty_noise": -1}, "difficulty_noise is -1"),
        ({"cost_weight": float("nan")}, "cost_weight is nan"),
        ({"window": 0}, "window is 0"),
        ({"stop": "no"}, "stop is 'no'; expected True or False"),
        ({"unit": "dollars", "budget": 1e-5}, "budget is 1e-05 dollars; instance appworld needs at least"),
        ({"unit": "dollars", "budget": (1e-5, 1.0)}, "budget is 1e-05 dollars"),
        ({"budget": -1}, "budget of 'large_calls' is -1"),
        ({"criticality_accuracy": [0.8]}, r"criticality_accuracy is \[0.8\]; expected a probability"),
        ({"budget": True}, "budget of 'large_calls' is True"),
        ({"budget": "many"}, "budget of 'large_calls' is 'many'"),
    ],
    ids=str,
)
def test_bad_settings_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        AgenticRouting(**settings)


def test_a_reset_with_too_little_money_is_refused():
    env = BudgetedEnv(AgenticRouting, unit="dollars")
    with pytest.raises(ValueError, match="option budget is 1e-05 dollars"):
        env.reset(options={"budget": 1e-5})
