import gymnasium as gym
import numpy as np
import pytest
from budgetgym import evaluate, make_agent
from budgetgym.agents.group_policy.rollouts import Outcomes, Rollouts
from budgetgym.agents.group_policy.tasks import TaskPool
from budgetgym.agents.routing.agentic.bopo.agent import Bopo, Grpo
from budgetgym.agents.routing.agentic.bopo.boundary import BoundaryReference, BoundaryReward
from budgetgym.agents.routing.agentic.bopo.synthesis import synthesise
from budgetgym.agents.routing.agentic.bopo.taxonomy import Taxonomy, classify
from budgetgym.envs.core.batch import Batch
from budgetgym.envs.routing.agentic.kernels import HARD
from budgetgym.envs.routing.agentic.problem import AgenticRouting

SMALL = {"tasks": 1024, "tasks_per_update": 512, "minibatches": 8, "learning_rate": 5e-3}


@pytest.fixture(scope="module")
def problem():
    return AgenticRouting(instance="webshop", budget=(1, 15))


@pytest.fixture(scope="module")
def pool(problem):
    return TaskPool(problem, 20_000)


@pytest.fixture(scope="module")
def taxonomy(problem, pool):
    return classify(problem, pool)


# --- taxonomy -----------------------------------------------------------------------------------------------------------


def test_labels_have_the_exact_law(problem, pool, taxonomy):
    """By class of task: five trials of each boundary policy, against the sums over their exact success rates."""
    batch = Batch(problem, len(pool))
    batch.seed(pool.keys)
    batch.reset()
    d, s = batch.state.difficulty, batch.state.kind
    # The budget is drawn before the task where it is a range; the pool gives budgets and draws the task first.
    assert not np.array_equal(batch.state.key, pool.keys)
    batch.seed(pool.keys)
    batch.choose({"next_budget": np.full((len(pool), 1), 5.0)})
    batch.reset()
    d, s = batch.state.difficulty, batch.state.kind
    exact = problem.params.labels[d, s]
    for label in range(3):
        error = (taxonomy.label == label).astype(float) - exact[:, label]
        assert abs(error.mean()) < 4 * error.std() / np.sqrt(len(error))
        for k in np.unique(d):
            chosen = error[d == k]
            assert abs(chosen.mean()) < 5 * max(chosen.std(), 0.02) / np.sqrt(len(chosen))
    # And where the exact label is nearly certain, the trials agree.
    sure = exact.max(axis=1) > 0.99
    assert sure.sum() > 1000
    assert (taxonomy.label[sure] == exact[sure].argmax(axis=1)).mean() > 0.97


def test_boundary_costs_are_those_of_the_task(problem, pool, taxonomy):
    assert (taxonomy.cost[:, 0] == 0.0).all()  # small calls are not counted
    batch = Batch(problem, len(pool))
    batch.seed(pool.keys)
    batch.choose({"next_budget": np.full((len(pool), 1), 5.0)})
    batch.reset()
    error = taxonomy.cost[:, 1] - batch.state.cost_max
    assert abs(error.mean()) < 4 * error.std() / np.sqrt(len(error))
    assert taxonomy.shares()["easy"] == pytest.approx(problem.labels["easy"], abs=0.015)


def test_labels_of_known_successes(problem):
    """Small succeeds somewhere: easy, whatever large does."""
    found = classify(problem, TaskPool(problem, 200), rollouts=3, seed=5)
    assert ((found.label == 0) == (found.success[:, 0] > 0)).all()
    assert ((found.label == 2) == (found.success.max(axis=1) == 0)).all()
    with pytest.raises(ValueError, match="rollouts"):
        classify(problem, TaskPool(problem, 2), rollouts=0)


# --- reward and reference -----------------------------------------------------------------------------------------------


def outcomes_of(task, success, spent, initial=100.0):
    n = len(task)
    column = np.array(spent, float)[:, None]
    return Outcomes(
        np.array(task), np.array(success, float), np.full((n, 1), initial), column, {"success": np.array(success, float)}
    )


def test_the_boundary_reward_by_hand(pool):
    taxonomy = Taxonomy(np.array([0, 1, 2]), np.zeros((3, 2)), np.array([[2.0, 12.0]] * 3))
    visit = pool.visit(np.array([1, 0]), np.random.default_rng(0))
    reward = BoundaryReward(taxonomy, cost_weight=0.4, hard_bonus=0.5)
    # A hard task solved at half the range; one solved beyond it; an easy one solved below it; one that failed.
    found = reward(outcomes_of([0, 0, 1, 1], [1, 1, 1, 0], [7.0, 20.0, 1.0, 2.0]), visit)
    assert found == pytest.approx([1.5 - 0.2, 1.5 - 0.4, 1.0, 0.0])
    capped = BoundaryReward(taxonomy, 0.4, 0.5, free_below=10.0)
    assert capped(outcomes_of([0], [1], [7.0], initial=9.0), visit) == pytest.approx([1.5])


def test_references_give_a_sign_to_groups_that_agree(problem):
    """All of the router's rollouts fail alike: worse than a reference that succeeds, better than two that waste."""
    pool = TaskPool(problem, 400)
    taxonomy = classify(problem, pool)
    reward = BoundaryReward(taxonomy, 0.1, 0.5)
    reference = BoundaryReference(problem, reward, copies=2, scale="none")
    visit = pool.visit(np.arange(400), np.random.default_rng(0))
    task = np.repeat(np.arange(400), 3)
    blank = np.zeros((1, 1200, 20), np.float32)
    outcomes = outcomes_of(task, np.zeros(1200), np.zeros(1200))
    rollouts = Rollouts(blank, np.zeros((1, 1200), int), np.zeros((1, 1200)), np.ones((1, 1200), bool), outcomes)
    same = BoundaryReference(problem, reward, copies=2, scale="none")
    rewards = reward(same.references(visit), visit).reshape(2, 400, 2).sum(axis=(0, 2))
    advantages = reference(np.zeros(1200), rollouts, visit).reshape(400, 3)
    assert (advantages == advantages[:, :1]).all()
    assert advantages[:, 0] == pytest.approx(-rewards / 7)
    assert (advantages < 0).any()
    assert (advantages > 0).any()


# --- synthesis ----------------------------------------------------------------------------------------------------------


def test_demonstrations_are_cheap_successes_within_their_budgets(problem, pool, taxonomy):
    shown = synthesise(problem, pool, taxonomy, mixtures=12, hard_share=0.5)
    large = (shown.action * shown.alive).sum(axis=0)
    hard = taxonomy.label[shown.task] == HARD
    assert 0.4 < hard.mean() < 0.5  # some hard tasks are not solved by any mixture
    assert (large[~hard] == 0).all()
    assert large[hard].max() <= 15
    assert (shown.alive[:-1] >= shown.alive[1:]).all()
    affordable = shown.observation[:, :, 16] > 0.5
    assert affordable[(shown.action == 1) & shown.alive].all()  # nothing is shown that could not be paid
    few = synthesise(problem, pool, taxonomy, mixtures=2, hard_share=0.5)
    cost = (few.action * few.alive).sum(axis=0)[taxonomy.label[few.task] == HARD].mean()
    assert large[hard].mean() < cost  # the more are tried, the less the cheapest takes


def test_four_models_are_all_shown():
    problem = AgenticRouting(instance="swe", budget=(1, 15))
    pool = TaskPool(problem, 500)
    shown = synthesise(problem, pool, classify(problem, pool))
    assert set(np.unique(shown.action[shown.alive])) == {0, 1, 2, 3}


# --- the agents ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def env():
    return gym.make("budgetgym/AgenticRouting-v0", instance="webshop", budget=4)


def test_bopo_learns_to_ration_large_calls(env):
    """In seconds it is ahead of all closed-form routers but the one that reads the signal, at two caps."""
    agent = make_agent("bopo", env, seed=0, **SMALL)
    assert isinstance(agent, Bopo)
    warm = evaluate(agent.learn(0), env, 4000).episodes["success"]
    agent.learn(1_500_000)
    for budget in (4, 8):
        capped = gym.make("budgetgym/AgenticRouting-v0", instance="webshop", budget=budget)
        trained = evaluate(agent, capped, 4000).episodes
        for baseline in ("random", "error_gated", "first_large"):
            gain = trained["success"] - evaluate(make_agent(baseline, capped), capped, 4000).episodes["success"]
            assert gain.mean() > 2 * gain.std() / np.sqrt(4000), (budget, baseline)
        assert trained["blocked"].sum() == 0
    assert evaluate(agent, env, 4000).episodes["success"].mean() > warm.mean() + 0.02


def test_grpo_learns_without_guidance(env):
    agent = make_agent("grpo", env, seed=0, **SMALL)
    assert isinstance(agent, Grpo)
    untrained = evaluate(agent.learn(1), env, 4000).episodes["success"]
    trained = evaluate(agent.learn(1_000_000), env, 4000).episodes["success"]
    assert trained.mean() > untrained.mean() + 0.015


@pytest.mark.parametrize(
    "ablation",
    [
        {"synthesis": False},
        {"reference": False},
        {"hard_bonus": 0.0},
        {"scale": "group"},
        {"memory": "stack"},
        {"memory": "recurrent"},
        {"shared_noise": False},
    ],
    ids=str,
)
def test_ablations_run(env, ablation, tmp_path):
    agent = make_agent("bopo", env, seed=0, **{**SMALL, "tasks": 64, "tasks_per_update": 32}, **ablation)
    agent.learn(1000).save(tmp_path / "bopo.zip")  # type: ignore[attr-defined]
    result = evaluate(agent, env, 50).episodes["success"]
    loaded = make_agent(f"bopo:path={tmp_path / 'bopo.zip'}", env)
    assert (evaluate(loaded, env, 50).episodes["success"] == result).all()


@pytest.mark.parametrize(
    "settings",
    [
        {"unit": "dollars"},
        {"instance": "swe"},
        {"stop": True, "verify": True},
        {"budget_aware": False},
        {"exhaustion": "bankrupt", "unit": "dollars"},
    ],
    ids=str,
)
def test_it_routes_in_every_form_of_the_environment(settings):
    env = gym.make("budgetgym/AgenticRouting-v0", **settings)
    agent = make_agent("bopo", env, seed=0, tasks=64, tasks_per_update=32, minibatches=2)
    agent.learn(500)  # type: ignore[attr-defined]
    observation, _ = env.reset(seed=0)
    action, _ = agent.predict(observation)
    assert env.action_space.contains(action)
    env.step(action)


def test_bad_requests(env):
    with pytest.raises(ValueError, match="tasks is 3"):
        make_agent("bopo", gym.make("budgetgym/AgenticRouting-v0", tasks=3))
    with pytest.raises(ValueError, match="memory is 'long'"):
        make_agent("bopo", env, memory="long", **SMALL).learn(0)  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="hard_bonus is -1"):
        make_agent("bopo", env, hard_bonus=-1.0, **SMALL).learn(0)  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="has not learned"):
        make_agent("bopo", env).predict(np.zeros(20))
    with pytest.raises(ValueError, match="serves routing, not RealTimeBidding"):
        make_agent("bopo", gym.make("budgetgym/RealTimeBidding-v0"))
