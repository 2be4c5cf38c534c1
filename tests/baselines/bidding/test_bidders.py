import gymnasium as gym
import numpy as np
import pytest
from bidding_by_hand import BIDDERS
from budgetgym import evaluate, list_agents, make_agent
from budgetgym.baselines.bidding.bidders import affordable_bid
from budgetgym.baselines.core.policy import KernelPolicy
from budgetgym.envs.bidding.problem import RealTimeBidding
from own_problem import OnlineKnapsack
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor


@pytest.fixture(scope="module")
def env():
    return gym.make("budgetgym/RealTimeBidding-v0", T=60, c0=1 / 8)


def observe(env, theta, remaining_share=1.0, time=1.0, last_price=0.0):
    problem = env.unwrapped.problem
    initial, scale = problem.budget.range_of("money")[0], problem.budget_scale[0]
    return np.array(
        [
            theta / problem.statistics.theta_avg,
            last_price / 300,
            0,
            0,
            initial / (initial + scale),
            remaining_share,
            time,
        ]
    )


class OnlyPredict:
    """An agent as a stranger would write it: evaluation has to step it."""

    def __init__(self, agent):
        self.observation_space = agent.problem.observation_space  # in 64 bits
        self.predict = agent.predict
        self.carries_over = agent.carries_over


@pytest.mark.parametrize("name", BIDDERS)
def test_compiled_play_equals_stepping(env, name):
    agent = make_agent(name, env)
    compiled, stepped = evaluate(agent, env, 20), evaluate(OnlyPredict(agent), env, 20)
    assert compiled.episodes.equals(stepped.episodes)
    assert compiled.curves.equals(stepped.curves)


@pytest.mark.parametrize("name", BIDDERS)
def test_the_shape_of_an_agent(env, name):
    agent = make_agent(name, env)
    single, state = agent.predict(env.reset(seed=0)[0])
    assert single.dtype == np.float64  # exact; the space is declared in 32 bits
    assert env.action_space.contains(single.astype(np.float32))
    batch, _ = agent.predict(np.tile(env.reset(seed=0)[0], (5, 1)), None, np.ones(5, bool))
    assert batch.shape == (5, 1)
    assert state is not None
    mean, _ = evaluate_policy(agent, Monitor(env), n_eval_episodes=2)  # type: ignore[arg-type]
    assert mean > 0
    with pytest.raises(ValueError, match="observation has shape"):
        agent.predict(np.zeros(3))


@pytest.mark.parametrize("name", BIDDERS)
def test_discrete_environments_get_whole_bids(name):
    env = gym.make("budgetgym/RealTimeBidding-v0", T=20, discrete=True)
    action, _ = make_agent(name, env).predict(env.reset(seed=0)[0])
    assert env.action_space.contains(action.item())


def test_mcpc_bids_the_worth(env):
    statistics = env.unwrapped.problem.statistics
    theta = 0.0031
    action, _ = make_agent("mcpc", env).predict(observe(env, theta))
    assert action.item() == np.floor(theta * statistics.mean_price / statistics.theta_avg)
    assert make_agent("mcpc:cost_per_click=1000", env).predict(observe(env, theta))[0].item() == 3


def test_lin_is_proportional(env):
    agent = make_agent("lin:b0=10", env)
    average = env.unwrapped.problem.statistics.theta_avg
    bids = [agent.predict(observe(env, theta * average))[0].item() for theta in (0.5, 1.0001, 2.56, 1000)]
    assert bids == [5, 10, 25, 300]


def test_constant_spends_what_is_there():
    uniform = RealTimeBidding(instance="uniform")
    assert affordable_bid(uniform, 0.0) == 0
    assert affordable_bid(uniform, 10 * 11 / 2 / 301) == 10
    assert affordable_bid(uniform, 10 * 11 / 2 / 301 - 1e-9) == 9
    assert affordable_bid(uniform, 1e9) == 300
    first_price = uniform.replace(rule="first_price")  # a bid pays itself whenever it wins
    assert affordable_bid(first_price, 10 * 11 / 301) == 10
    assert affordable_bid(first_price, 10 * 11 / 301 - 1e-9) == 9


def test_tuned_lin_is_the_best_of_its_kind():
    env = gym.make("budgetgym/RealTimeBidding-v0", T=200, c0=1 / 8)
    tuned = evaluate(make_agent("lin", env), env, 500).summary["theta_value"]
    for b0 in (5, 15, 30, 60, 120):
        assert evaluate(make_agent("lin", env, b0=b0), env, 500).summary["theta_value"] <= tuned * 1.005


def test_ss_mdp_is_blind_and_rlb_is_not(env):
    blind, seeing = make_agent("ss_mdp", env), make_agent("rlb", env)
    average = env.unwrapped.problem.statistics.theta_avg
    assert blind.predict(observe(env, 0.0001))[0] == blind.predict(observe(env, 0.02))[0]
    assert seeing.predict(observe(env, average))[0] == blind.predict(observe(env, average))[0]
    assert seeing.predict(observe(env, 0.0001))[0] < seeing.predict(observe(env, 0.02))[0]


def test_random_bids_are_uniform_and_seeded(env):
    agent = make_agent("random:highest=9", env)
    observations = np.stack([observe(env, theta) for theta in np.linspace(0.001, 0.02, 4000)])
    bids, _ = agent.predict(observations)
    assert np.bincount(bids.ravel().astype(int)).tolist() == pytest.approx([400] * 10, abs=100)
    again, _ = agent.predict(observations)
    assert np.array_equal(bids, again)
    agent.set_random_seed(5)
    assert not np.array_equal(bids, agent.predict(observations)[0])


def test_an_agent_is_not_used_where_it_would_misread_what_it_sees(env):
    rlb = make_agent("rlb", env)
    with pytest.raises(ValueError, match="made for budgets up to"):
        evaluate(rlb, env, 3, budget=5000.0)
    assert len(evaluate(rlb, env, 3, budget=100.0).episodes) == 3
    with pytest.raises(ValueError, match="horizon 60, not 61"):
        evaluate(rlb, gym.make("budgetgym/RealTimeBidding-v0", T=61, budget=100.0), 3)
    with pytest.raises(ValueError, match="made for observation_space"):
        evaluate(rlb, gym.make("budgetgym/RealTimeBidding-v0", T=60, budget=100.0, instance="1458"), 3)
    with pytest.raises(ValueError, match="made for action_space"):
        evaluate(rlb, gym.make("budgetgym/RealTimeBidding-v0", T=60, budget=100.0, discrete=True), 3)


def test_who_serves_what(env):
    assert {name.split(":")[0] for name in BIDDERS} <= set(list_agents(env))
    assert isinstance(make_agent("rlb", env), KernelPolicy)
    for name, message in [
        ("rbl", "did you mean 'rlb'"),
        ("lin:bo=3", "no setting 'bo'; did you mean 'b0'"),
        ("rlb:b0=3", "no setting 'b0'; it has none"),
        ("lin:b0=-1", "b0 is -1"),
        ("lin:b0", "'b0' is not a setting"),
        ("dmd:step=0", "step is 0"),
        ("dmd:mirror=flat", "mirror is 'flat'"),
    ]:
        with pytest.raises(ValueError, match=message):
            make_agent(name, env)
    with pytest.raises(ValueError, match="serves bidding, not OnlineKnapsack"):
        make_agent("rlb", OnlineKnapsack())
    with pytest.raises(ValueError, match="budget_aware"):
        make_agent("rlb", gym.make("budgetgym/RealTimeBidding-v0", budget_aware=False))
    with pytest.raises(ValueError, match="pacing"):
        make_agent("lin", gym.make("budgetgym/RealTimeBidding-v0", control="pacing"))
    with pytest.raises(TypeError, match="environment of this suite"):
        make_agent("lin", gym.make("CartPole-v1"))
