"""The rules of the auction, on logs small enough to play by hand, and on laws with closed forms."""

import gymnasium as gym
import numpy as np
import pytest
from budgetgym.envs.bidding.kernels import record_auctions
from budgetgym.envs.bidding.problem import RealTimeBidding
from budgetgym.envs.core import BudgetedEnv, BudgetedVectorEnv
from budgetgym.envs.core.batch import Batch
from scipy.stats import chisquare

#                click price theta
LOG = np.array(
    [
        [1, 10, 0.5],
        [0, 20, 0.1],
        [0, 0, 0.2],
        [1, 30, 0.4],
        [0, 5, 0.3],
    ]
)


def replay(bids, **settings):
    env = BudgetedEnv(RealTimeBidding, log=LOG, **{"T": 5, "budget": 100.0, **settings})
    env.reset(seed=0)
    return [env.step(np.array([bid])) for bid in bids]


def test_the_second_price_is_paid_and_ties_win():
    steps = replay([10, 19, 0, 300, 4.9])
    assert [info["cost"] for *_, info in steps] == [10, 0, 0, 30, 0]
    assert [reward for _, reward, *_ in steps] == [0.5, 0, 0.2, 0.4, 0]
    assert [terminated for _, _, terminated, _, _ in steps] == [False] * 4 + [True]
    last = steps[-1][-1]
    assert (last["wins"], last["clicks"], last["spent"]) == (3, 2, 40)
    assert last["theta_value"] == pytest.approx(1.1)


def test_rewards():
    assert [r for _, r, *_ in replay([300] * 5, reward="click")] == [1, 0, 0, 1, 0]
    profit = [r for _, r, *_ in replay([300] * 5, objective="profit", click_value=100.0)]
    assert profit == pytest.approx([50 - 10, 10 - 20, 20 - 0, 40 - 30, 30 - 5])
    assert [r for _, r, *_ in replay([300] * 5, objective="profit", click_value=100.0, reward="click")] == [
        90,
        -20,
        0,
        70,
        -5,
    ]


def test_a_bid_beyond_the_money_is_lowered_to_it():
    steps = replay([300, 300, 300, 300, 300], budget=32.0)
    assert [info["cost"] for *_, info in steps] == [10, 20, 0, 0, 0]
    assert [info["blocked"] for *_, info in steps] == [1, 2, 3, 4, 5]
    assert steps[-1][-1]["remaining"] == 2


def test_observations_tell_what_a_bidder_knows():
    env = BudgetedEnv(RealTimeBidding, log=LOG, T=5, budget=100.0)
    problem = env.problem
    assert isinstance(problem, RealTimeBidding)
    assert problem.statistics.theta_avg == pytest.approx(0.3)
    assert problem.statistics.mean_price == pytest.approx(13)
    observation, _ = env.reset(seed=0)
    assert observation == pytest.approx([0.5 / 0.3, 0, 0, 0, 100 / 165, 1, 1])
    observation, *_ = env.step(np.array([10.0]))
    assert observation == pytest.approx([0.1 / 0.3, 10 / 300, 1, 10 / 13, 100 / 165, 0.9, 0.8])
    observation, *_ = env.step(np.array([10.0]))
    assert observation == pytest.approx([0.2 / 0.3, 0, 0.5, 5 / 13, 100 / 165, 0.9, 0.6])


def test_a_log_is_cut_into_episodes_in_file_order():
    env = BudgetedEnv(RealTimeBidding, log=LOG, T=2, budget=100.0, fragment="whole")
    assert env.problem.num_episodes == 3
    thetas = []
    for k in range(4):
        observation, info = env.reset(seed=0 if k == 0 else None)
        assert info["remaining"] == 100.0
        over = False
        while not over:
            thetas.append(round(observation[0] * 0.3, 6))
            observation, _, over, _, info = env.step(np.array([0.0]))
    assert thetas == [0.5, 0.1, 0.2, 0.4, 0.3, 0.5, 0.1]  # the last episode is short; then the log begins anew
    with pytest.raises(ValueError, match=r"has the episodes 0\.\.2"):
        env.reset(options={"episode": 3})
    observation, _ = env.reset(options={"episode": 1})
    assert observation[0] * 0.3 == pytest.approx(0.2)


def test_the_lanes_of_a_batch_share_a_log():
    envs = BudgetedVectorEnv(RealTimeBidding, 2, log=LOG, T=1, budget=100.0, autoreset_mode="SameStep")
    observation, _ = envs.reset(seed=0)
    seen = [observation[:, 0] * 0.3]
    seen += [envs.step(np.zeros((2, 1)))[0][:, 0] * 0.3 for _ in range(2)]
    assert np.concatenate(seen) == pytest.approx([0.5, 0.1, 0.2, 0.4, 0.3, 0.5])


def test_a_snapshot_of_a_longer_log_is_refused():
    long, short = (BudgetedEnv(RealTimeBidding, log=log, T=5, budget=100.0) for log in (np.tile(LOG, (40, 1)), LOG))
    long.reset(options={"episode": 30})
    with pytest.raises(ValueError, match="another problem"):
        short.restore(long.snapshot())
    with pytest.raises(ValueError, match="expected what snapshot"):
        short.restore(np.zeros(3))
    long.reset(options={"episode": 0})
    short.restore(long.snapshot())
    assert short.step(np.array([300.0]))[-1]["spent"] == 10


def test_shuffled_episodes_begin_anywhere():
    envs = BudgetedVectorEnv(RealTimeBidding, 500, log=LOG, T=2, shuffled=True, budget=100.0)
    assert envs.problem.num_episodes is None
    first = envs.reset(seed=0)[0][:, 0] * 0.3
    assert np.unique(first.round(6)) == pytest.approx([0.1, 0.2, 0.4, 0.5])  # never so late that an episode would be cut


def test_a_planner_cannot_read_the_rest_of_a_log():
    env = BudgetedEnv(RealTimeBidding, log=LOG, T=5, budget=100.0)
    here, _ = env.reset(seed=0)
    model = env.model(400, seed=1)
    costs = model.step(np.full((400, 1), 300.0))[-1]["cost"]
    assert set(costs.tolist()) == {0, 5, 10, 20, 30}
    assert np.array_equal(env.model(3, peek=True).step(np.full((3, 1), 300.0))[-1]["cost"], [10, 10, 10])
    assert here[0] * 0.3 == pytest.approx(0.5)


@pytest.mark.parametrize("bid", [0, 17, 150, 300])
def test_uniform_closed_forms(bid):
    envs = BudgetedVectorEnv(RealTimeBidding, 400, instance="uniform", T=100, budget=1e9)
    envs.reset(seed=0)
    for _ in range(100):
        *_, info = envs.step(np.full((400, 1), float(bid)))
    auctions = 400 * 100
    probability = (bid + 1) / 301
    sd = (probability * (1 - probability) / auctions) ** 0.5
    assert info["wins"].sum() / auctions == pytest.approx(probability, abs=4 * sd + 1e-12)
    cost = bid * (bid + 1) / 2 / 301
    sd = (bid * cost / auctions) ** 0.5  # E[price^2] <= bid * E[price]
    assert info["spent"].sum() / auctions == pytest.approx(cost, abs=4 * sd + 1e-12)
    assert info["theta_value"].sum() / max(info["wins"].sum(), 1) == pytest.approx(0.005, rel=0.15)


def record(problem, n):
    batch = Batch(problem, n)
    batch.seed(np.arange(n, dtype=np.uint64) * np.uint64(977))
    batch.reset()
    theta, price, click = (
        np.zeros((n, problem.horizon)),
        np.zeros((n, problem.horizon)),
        np.zeros((n, problem.horizon), bool),
    )
    record_auctions(batch.params, batch.state, theta, price, click, np.zeros(n, np.int64))
    return theta, price, click


@pytest.mark.parametrize("instance", ["2997", "1458", "uniform"])
def test_the_simulator_samples_the_law_that_the_solver_sums_over(instance):
    problem = RealTimeBidding(instance=instance, T=500)
    theta, price, click = record(problem, 200)
    market = problem.market
    assert market is not None
    atoms = np.searchsorted(market.theta[0], theta.ravel())
    counts, expected = np.bincount(atoms, minlength=market.theta.shape[1]), market.theta_pmf[0] * theta.size
    common = expected > 5
    assert chisquare(counts[common], expected[common] * counts[common].sum() / expected[common].sum()).pvalue > 1e-4
    for group in range(market.price_pmf.shape[1]):
        drawn = price.ravel()[market.group[0][atoms] == group].astype(int)
        counts, expected = np.bincount(drawn, minlength=301), market.price_pmf[0, group] * len(drawn)
        common = expected > 5
        assert chisquare(counts[common], expected[common] * counts[common].sum() / expected[common].sum()).pvalue > 1e-4
    assert click.mean() == pytest.approx(market.mean_theta, abs=4 * (market.mean_theta / theta.size) ** 0.5)


def test_the_regime_changes_within_the_episode():
    theta, price, _ = record(RealTimeBidding(instance="shift", T=1000), 200)
    assert theta[:, :300].mean() == pytest.approx(0.0031, rel=0.02)
    assert theta[:, 300:].mean() == pytest.approx(0.0043, rel=0.02)
    assert price[:, :300].mean() == pytest.approx(62.5, rel=0.02)
    assert price[:, 300:].mean() == pytest.approx(52.5, rel=0.02)


def test_all_bidders_meet_the_same_auctions():
    envs = [BudgetedVectorEnv(RealTimeBidding, 20, T=50, budget=500.0) for _ in range(2)]
    thetas = []
    for env, bid in zip(envs, (0.0, 300.0), strict=True):
        seen = [env.reset(seed=3)[0][:, 0]]
        seen += [env.step(np.full((20, 1), bid))[0][:, 0] for _ in range(49)]
        thetas.append(np.array(seen))
    assert np.array_equal(*thetas)


def test_a_hopeless_bidder_cannot_learn_from_losses():
    """What a bidder sees after a loss does not depend on the market price."""
    a = BudgetedEnv(RealTimeBidding, log=LOG, T=5, budget=0.0)
    other = LOG.copy()
    other[:, 1] += 3
    b = BudgetedEnv(
        RealTimeBidding,
        log=other,
        T=5,
        budget=0.0,
        statistics=a.problem.statistics,  # type: ignore[attr-defined]
    )
    seen = [[env.reset(seed=0)[0]] + [env.step(np.zeros(1))[0] for _ in range(2)] for env in (a, b)]
    assert np.array_equal(*seen)


def test_discrete_bids_and_masks():
    env = gym.make("budgetgym/RealTimeBidding-v0", discrete=True, budget=20.0)
    _, info = env.reset(seed=0)
    assert info["action_mask"].tolist() == [1] * 21 + [0] * 280
    assert info["action_mask"].dtype == np.int8
    assert env.action_space.sample(info["action_mask"]) <= 20
    with pytest.raises(TypeError, match="integer"):
        env.step(1.5)


def test_pacing_bids_around_the_worth():
    env = BudgetedEnv(RealTimeBidding, log=LOG, T=5, budget=1000.0, control="pacing")
    env.reset(seed=0)
    truthful = 0.5 * 13 / 0.3
    *_, info = env.step(np.array([np.log(10.001 / truthful) / 4]))
    assert info["wins"] == 1
    env.reset(seed=0)
    *_, info = env.step(np.array([np.log(9.99 / truthful) / 4]))
    assert info["wins"] == 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"T": 0}, "T is 0"),
        ({"T": 2.5}, "T is 2.5"),
        ({"budget": -1.0}, "money"),
        ({"budget": 5.0, "c0": 0.1}, "only one"),
        ({"c0": "1/0"}, "c0 is '1/0'"),
        ({"c0": -0.5}, "c0 is -0.5"),
        ({"c0": float("nan")}, "c0 is nan"),
        ({"reward": "clicks"}, "reward is 'clicks'"),
        ({"objective": "roi"}, "objective is 'roi'"),
        ({"click_value": 0.0}, "click_value is 0.0"),
        ({"instance": "2979"}, "2997"),
        ({"discrete": True, "control": "pacing"}, "control='pacing'; expected 'bid'"),
        ({"control": "pace"}, "control is 'pace'"),
        ({"budget_aware": "no"}, "budget_aware is 'no'"),
        ({"click_value": "x"}, "click_value is 'x'"),
        ({"statistics": 5}, "statistics is 5"),
        ({"shuffled": True}, "shuffled"),
    ],
)
def test_bad_settings_name_the_argument_and_the_value(settings, message):
    with pytest.raises(ValueError, match=message):
        RealTimeBidding(**settings)


def test_a_log_in_which_nothing_is_worth_anything():
    with pytest.raises(ValueError, match="theta_avg of the statistics"):
        RealTimeBidding(log=np.array([[0, 5, 0.0]]), T=1)
    with pytest.raises(ValueError, match="mean_price of the statistics"):
        RealTimeBidding(log=np.array([[0, 0, 0.5]]), T=1)


def test_missing_files_are_named():
    with pytest.raises(FileNotFoundError, match=r"nowhere\.txt"):
        RealTimeBidding(log="nowhere.txt")
    with pytest.raises(FileNotFoundError, match=r"nowhere\.json"):
        RealTimeBidding(statistics="nowhere.json")


def test_budget_from_c0_as_in_the_paper(shared_data):
    problem = RealTimeBidding(
        log=shared_data / "ipinyou/2997/rlb-dp.test.theta.txt",
        statistics=shared_data / "ipinyou/info/2997.info.json",
        c0="1/32",
    )
    assert problem.budget.range_of("money") == (1969.0, 1969.0)
    assert problem.num_episodes == 156
    assert problem.remarks == ("63 auctions at the end of the log: left out",)
    assert problem.log is not None
    assert len(problem.log.theta) == 156_063
