"""Many worlds of a society: known answers with Bayesian agents, the ledger, and the empirical public belief."""

import copy
import inspect
import math
import pickle
import re

import numpy as np
import pytest
from budgetgym.baselines.society.agents import BayesianAgents, inferred
from budgetgym.baselines.steering.exact import exact, value, without_control
from budgetgym.baselines.steering.optimal import Optimal
from budgetgym.baselines.steering.planners import Myopic, Null, Once, Random, Threshold
from budgetgym.envs.core.batch import Batch, episode_keys
from budgetgym.envs.society import kernels
from budgetgym.envs.society.batch import SocietyBatch
from budgetgym.envs.society.game import Society
from budgetgym.envs.society.state import BINS
from budgetgym.envs.steering.behaviour import log_odds
from budgetgym.envs.steering.problem import SocialSteering
from gymnasium.error import ResetNeeded
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_steering import Truth

WORLDS = 20_000


def begun(game, worlds=1, seed=0, budget=None):
    batch = SocietyBatch(game, worlds)
    batch.set_keys(episode_keys(seed, worlds))
    batch.reset(budget)
    return batch


def play(batch, planner, agents, look=None):
    """An episode in all worlds; the planners' returns (W,). `look(batch, seen, actions)` before every act."""
    returns, memory = np.zeros(batch.n_worlds), None
    while not batch.finished:
        committed, memory = planner.predict(batch.observe_planner(), memory)
        seen = batch.commit(committed)
        actions, _ = agents.predict(seen)
        if look is not None:
            look(batch, seen, actions)
        returns += batch.act(actions).planner_reward
    return returns


def everything_about(batch):
    """Every array of the state; NaN stands for budgets that were not asked for."""
    return [np.nan_to_num(array) for array in (*batch.state.planner, *batch.state[1:])]


class OfOnePrecision:
    """A planner who asks for one precision on the scale, for ever."""

    def __init__(self, game, q):
        low, high = 0.5, game.params.planner.q_max
        self.action = 2.0 * (q - low) / (high - low) - 1.0

    def predict(self, observation, state=None):
        return np.full((len(observation), 1), self.action), state


class Chance:
    """Agents who toss a coin."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)

    def predict(self, observation):
        return self.random.integers(2, size=observation.shape[:-1]), None


# --- with the agents that the planner's problem assumes -------------------------------------------------------------------

SAME = [
    {},
    {"objective": "biased", "budget": 1.2},
    {"objective": "biased", "discrete": True, "ties": "belief", "price": 0.5},
    {"levels": None, "cost": "concave", "budget": (0.0, 1.0), "prior": (0.3, 0.6)},
    {"p": 0.6, "q_max": 1.0, "levels": [0.55, 0.8, 1.0], "cost": "quadratic", "n_agents": 7},
]


@pytest.mark.parametrize("case", SAME, ids=str)
@pytest.mark.parametrize("planner", [Null, Random, Myopic])
def test_episodes_with_bayesian_agents_are_those_of_social_steering(case, planner):
    """To the last bit: observations, rewards, costs and beliefs, with the same seeds and the same planner."""
    game, n = Society(**case), 200
    settings = {name: value for name, value in case.items() if name != "n_agents"}
    problem = SocialSteering(T=case.get("n_agents", 10), reward="realised", **settings)
    society, steering = begun(game, n, seed=5), Batch(problem, n)
    steering.seed(episode_keys(5, n))
    steering.reset()
    agents, policy, memory = BayesianAgents(game), planner(problem), None
    policy.check_problem(game.planner)
    observation = steering.observe()
    for _ in range(game.rounds):
        assert (society.observe_planner() == observation).all()
        actions, memory = policy.predict(observation, memory)
        transition = steering.step(steering.read_actions(actions))
        outcome = society.act(agents.predict(society.commit(actions))[0])
        observation = transition.observation
        assert (outcome.observation == observation).all()
        assert (outcome.planner_reward == transition.reward).all()
        assert (society.state.planner.cost == steering.state.cost).all()
    assert society.finished
    assert steering.state.finished.all()
    for name in ("log_odds", "errors", "good_actions", "informative", "blocked", "remaining", "good"):
        assert (getattr(society.state.planner, name) == getattr(steering.state, name)).all()


def z(sample, expected):
    return (sample.mean() - expected) / (sample.std() / math.sqrt(len(sample)))


@pytest.mark.parametrize("reward", ["realised", "expected"])
@pytest.mark.parametrize("objective", ["altruistic", "biased"])
def test_the_planner_earns_the_exact_value(objective, reward):
    """Of doing nothing and of the optimum by dynamic programming, and of a fixed policy by hand."""
    game = Society(objective=objective, reward=reward)
    problem, agents = game.planner, BayesianAgents(game)
    assert abs(z(play(begun(game, WORLDS), Null(problem), agents), value(without_control(problem), problem))) < 4
    assert abs(z(play(begun(game, WORLDS, 1), Optimal(problem), agents), value(exact(problem, 0.6), problem))) < 4
    by_hand = Truth(objective=objective, T=10).policy_value(lambda t, last: (0.8,), 0.6)
    assert abs(z(play(begun(game, WORLDS, 2), OfOnePrecision(game, 0.8), agents), by_hand)) < 4


def test_reference_values():
    """What the family's tables say: ten agents, no effort, and three units of it on the altruist's best plan."""
    game = Society(budget=0.0)
    assert abs(z(play(begun(game, WORLDS), Null(game.planner), BayesianAgents(game)), -2.044603)) < 4
    game = Society(budget=0.3)
    assert value(exact(game.planner, 0.3), game.planner) == pytest.approx(-0.909067, abs=1e-6)
    assert abs(z(play(begun(game, WORLDS), Optimal(game.planner), BayesianAgents(game)), -0.909067)) < 4


def test_agents_err_as_the_theory_says():
    """With probability min(b, 1 - b, 1 - q); their expected rewards say the same, and are right on average."""
    realised, expected = (Society(reward=reward, prior=(0.2, 0.8), budget=2.0) for reward in ("realised", "expected"))
    rows = []

    def note(batch, seen, actions):
        rows.append(np.stack([seen[:, 0, 0], seen[:, 0, 2], actions[:, 0] != batch.state.planner.good[:, 0]], axis=1))

    play(begun(realised, WORLDS), Random(realised.planner), BayesianAgents(realised), note)
    b, q, wrong = np.concatenate(rows).T
    theory = np.minimum(np.minimum(b, 1 - b), 1 - q)
    for level in np.unique(q):
        for low in np.arange(0, 1, 0.1):
            here = (q == level) & (b >= low) & (b < low + 0.1)
            if here.sum() > 500:
                spread = math.sqrt((theory[here] * (1 - theory[here])).sum())
                assert abs((wrong[here] - theory[here]).sum()) < 4.5 * spread
    batch = begun(expected, WORLDS)
    agents = BayesianAgents(expected)
    seen = batch.commit(np.full((WORLDS, 1), 1.0))
    b, q, signal = seen[:, 0, 0], seen[:, 0, 2], seen[:, 0, 3]
    reward = batch.act(agents.predict(seen)[0]).reward[:, 0]
    likely = np.where(signal > 0, q * b + (1 - q) * (1 - b), (1 - q) * b + q * (1 - b))
    likelihood = np.where(signal > 0, q, 1 - q) * b / likely
    assert reward == pytest.approx(-np.minimum(likelihood, 1 - likelihood), abs=1e-12)


def test_herds_begin_where_the_belief_outweighs_the_signal():
    """Nowhere else; in a herd, actions don't depend on signals and move no belief."""
    game = Society(budget=2.0, objective="biased", prior=(0.2, 0.8))
    batch, memory, herds = begun(game, 4000), None, 0
    planner, agents = Random(game.planner), BayesianAgents(game)
    while not batch.finished:
        committed, memory = planner.predict(batch.observe_planner(), memory)
        seen = batch.commit(committed)
        actions = agents.predict(seen)[0]
        q, signal, L = seen[:, 0, 2], seen[:, 0, 3], batch.state.planner.log_odds[:, 0].copy()
        herd = np.abs(L) > np.log(q / (1 - q)) + 1e-9
        assert ((actions[:, 0] == 1) == np.where(herd, L > 0, signal > 0)).all()
        batch.act(actions)
        moved = batch.state.planner.log_odds[:, 0] != L
        assert (moved == (~herd & (q > 0.5))).all()
        herds += herd.sum()
    assert 0.1 < herds / (4000 * game.rounds) < 0.9


@pytest.mark.parametrize("cohort", [1, 5])
def test_the_belief_is_a_martingale_and_is_right(cohort):
    game = Society(cohort=cohort, budget=2.0, prior=0.4)
    batch = begun(game, WORLDS)
    planner, agents, memory = Random(game.planner), BayesianAgents(game), None
    before = np.full(WORLDS, 0.4)
    while not batch.finished:
        committed, memory = planner.predict(batch.observe_planner(), memory)
        batch.act(agents.predict(batch.commit(committed))[0])
        b = batch.state.planner.belief[:, 0].copy()
        assert abs(z(b - before, 0.0)) < 4
        for low in (0.0, 0.25, 0.5, 0.75):
            here = (before >= low) & (before < low + 0.25)
            if here.sum() > 100 and (b - before)[here].std() > 0:
                assert abs(z((b - before)[here], 0.0)) < 4
        good = batch.state.planner.good[:, 0]
        assert abs((good - b).sum()) < 4 * math.sqrt((b * (1 - b)).sum())
        before = b


def test_one_large_cohort_follows_its_signals():
    """All at once on the prior: each errs with 1 - q, and the belief counts the votes."""
    game = Society(n_agents=9, cohort=9, p=0.7, budget=0.0)
    batch = begun(game, WORLDS)
    returns = play(batch, Null(game.planner), BayesianAgents(game))
    assert abs(z(returns, -9 * 0.3)) < 4
    votes = batch.state.action.sum(axis=1)
    assert batch.state.planner.log_odds[:, 0] == pytest.approx(votes * math.log(0.7 / 0.3))
    assert batch.state.planner.last_action[:, 0] == pytest.approx(votes / 9)


@pytest.mark.parametrize("case", [{}, {"cohort": 2, "budget": 1.5}, {"objective": "biased", "ties": "belief"}])
def test_bayesian_agents_infer_the_same_from_a_history(case):
    """Also where there is no public belief at all."""
    histories = [Society(observation="history", public_belief=kind, **case) for kind in ("assumed_bayes", "none")]
    game = Society(**case)
    planner = OfOnePrecision(game, 0.8)
    worlds = [begun(g, 500) for g in (game, *histories)]
    for batch in worlds:
        play(batch, planner, BayesianAgents(batch.game))
    for batch in worlds[1:]:
        assert (batch.state.action == worlds[0].state.action).all()
    assert (worlds[1].state.planner.log_odds == worlds[0].state.planner.log_odds).all()
    assert (worlds[2].state.planner.log_odds == log_odds(0.5)).all()
    with pytest.raises(ValueError, match=r"prior is \(0.3, 0.6\) with observation='history'"):
        BayesianAgents(Society(observation="history", prior=(0.3, 0.6)))
    with pytest.raises(ValueError, match=r"observation has shape \(3,\); expected \(..., 4\)"):
        BayesianAgents(game).predict(np.zeros(3))


# --- agents who are not as assumed, and what is estimated of them -----------------------------------------------------------


def test_the_assumed_belief_is_wrong_about_coin_tossers_and_the_empirical_one_is_not():
    assumed = Society(budget=0.0)
    batch = begun(assumed, 2000)
    play(batch, Null(assumed.planner), Chance(0))
    b = batch.state.planner.belief[:, 0]
    assert abs(z(batch.state.planner.good[:, 0] - b, 0.0)) < 4  # on average over all,
    assert np.abs(b - 0.5).mean() > 0.2  # but sure of itself, where nothing can be known
    empirical = Society(budget=0.0, public_belief="empirical")
    batch = begun(empirical, 20)
    agents = Chance(1)
    for _ in range(1500):
        play(batch, Null(empirical.planner), agents)
        batch.reset()
    play(batch, Null(empirical.planner), agents)
    assert np.abs(batch.state.planner.belief[:, 0] - 0.5).max() < 0.1


@pytest.mark.parametrize("case", [{}, {"cohort": 2}, {"prior": 0.45}, {"ties": "belief"}, {"p": 0.6, "objective": "biased"}])
def test_the_empirical_belief_of_bayesian_agents_becomes_the_bayesian_one(case):
    """At first actions say nothing; with time, exactly what Bayes' rule says of agents who follow it, ties included."""
    game = Society(public_belief="empirical", budget=0.0, **case)
    batch, prior = begun(game, 20), log_odds(case.get("prior", 0.5))
    planner, agents, p = Null(game.planner), BayesianAgents(game), game.params.planner

    def error():
        """The mean distance, over an episode, from Bayes' rule applied to the same actions."""
        gaps = []

        def look(batch, seen, actions):
            histories = np.concatenate([batch.state.action, batch.state.precision], axis=1)
            L = [inferred(p.behaviour, p.own_on_ties, prior, game.cohort, row) for row in histories]
            gaps.append(np.abs(1 / (1 + np.exp(-np.array(L))) - seen[:, 0, 0]).mean())

        play(batch, planner, agents, look)
        batch.reset()
        return np.mean(gaps)

    assert error() > 0.1
    for _ in range(500):
        play(batch, planner, agents)
        batch.reset()
    assert error() < 1e-12


def test_an_empirical_belief_that_follows_agents_who_err():
    """Who acts against what she knows once in ten times: the belief comes to reckon with it."""
    game = Society(public_belief="empirical", budget=0.0, n_agents=5)
    batch, bayes, random = begun(game, 10), BayesianAgents(game), np.random.default_rng(0)

    class Slips:
        def predict(self, observation):
            actions, _ = bayes.predict(observation)
            return np.where(random.random(actions.shape) < 0.1, 1 - actions, actions), None

    for _ in range(3000):
        play(batch, Null(game.planner), Slips())
        batch.reset()
    batch.commit(np.zeros((10, 1)))
    batch.act(np.ones((10, 1), int))
    q = 0.9 * 0.7 + 0.1 * 0.3
    assert batch.state.planner.belief[:, 0] == pytest.approx(np.full(10, q), abs=0.02)


def test_what_is_counted():
    """Agents by situation, precision, signal and action; only of finished episodes; until the world is seeded anew."""
    game = Society(public_belief="empirical", n_agents=2, budget=1.0)
    batch = begun(game)
    assert batch.state.counts.shape == (1, BINS, 5, 2, 2)
    batch.commit([[1.0]])
    batch.act([[1]])
    assert not batch.state.counts.any()
    batch.reset()
    batch.commit([[1.0]])
    first = int(batch.state.signal[0, 0] > 0)
    batch.act([[1]])
    batch.commit([[0.0]])
    second = int(batch.state.signal[0, 1] > 0)
    assert batch.observe_planner()[0, 0] == 0.5  # so far, actions say nothing
    batch.act([[0]])
    counts = batch.state.counts[0]
    assert counts.sum() == 2
    assert counts[BINS // 2, 4, first, 1] == 1
    assert counts[BINS // 2, 2, second, 0] == 1
    batch.reset()
    assert batch.state.counts.sum() == 2
    batch.seed([0])
    assert batch.state.counts.sum() == 0


def test_an_estimate_by_hand():
    game = Society(public_belief="empirical", n_agents=1, budget=0.0)
    batch = begun(game)
    batch.state.counts[0, BINS // 2, 2] = [[6, 1], [2, 9]]  # after bad signals 6 bad, 1 good; after good ones 2 and 9
    batch.commit([[0.0]])
    batch.act([[1]])
    after_good, after_bad = 9 / 11, 1 / 7
    in_good, in_bad = 0.7 * after_good + 0.3 * after_bad, 0.3 * after_good + 0.7 * after_bad
    assert batch.state.planner.belief[0, 0] == pytest.approx(in_good / (in_good + in_bad))


@pytest.mark.parametrize(("L", "bin"), [(0, 20), (0.124, 20), (-0.124, 20), (0.126, 21), (-5, 0), (-40, 0), (5, 40), (40, 40)])
def test_situations(L, bin):
    assert kernels.situation_of(float(L)) == bin


@pytest.mark.parametrize("case", [{}, {"objective": "biased"}, {"public_belief": "empirical"}, {"observation": "history"}])
def test_nothing_that_is_shown_tells_the_hidden_state(case):
    """In the other state, with the same signals and actions, all looks alike; so do expected rewards."""
    game = Society(reward="expected", **case)
    batch, other = begun(game, 50), begun(game, 50)
    random = np.random.default_rng(0)
    while not batch.finished:
        asked, actions = random.uniform(-1, 1, (50, 1)), random.integers(2, size=(50, 1))
        seen, elsewhere = batch.commit(asked), other.commit(asked)
        assert (seen == elsewhere).all()
        other.state.planner.good[:] ^= True
        outcome, there = batch.act(actions), other.act(actions)
        assert all((a == b).all() for a, b in zip(outcome, there, strict=True))
        other.state.planner.good[:] ^= True  # back, for the next signals
    assert all((batch.info()[name] == other.info()[name]).all() for name in batch.info())


def test_the_documentation_names_every_argument():
    table = Society.__doc__.split("## Arguments")[1].split("## Exact")[0]
    for name in inspect.signature(Society.__init__).parameters:
        assert name == "self" or re.search(rf"\b{name}\b", table), name


# --- the ledger, seeds, copies ------------------------------------------------------------------------------------------

CASES = [
    {},
    {"objective": "biased", "discrete": True, "budget": 0.5, "cohort": 2},
    {"levels": None, "cost": "quadratic", "budget": (0.0, 1.0), "observation": "history"},
    {"public_belief": "empirical", "k": 3.0, "cohort": 5, "reward": "expected"},
    {"public_belief": "none", "q_max": 1.0, "cost": "concave", "price": 2.0, "budget_aware": False},
]
games = st.sampled_from([Society(**case) for case in CASES])


@given(games, st.integers(0, 2**32), st.floats(0, 3) | st.sampled_from([0.0, 1e-12, 0.1, 0.3, 1e12]))
@settings(max_examples=60, deadline=None)
def test_nobody_overspends(game, seed, budget):
    """Whatever is asked for and however agents act; what is bought is paid for every member of the cohort."""
    n = 20
    batch, agents = begun(game, n, seed, budget), Chance(seed)
    space, effort = game.planner.action_space, game.params.planner.effort
    space.seed(seed)
    total, blocked = np.zeros(n), np.zeros(n)
    while not batch.finished:
        left = batch.state.planner.remaining[:, 0].copy()
        asked = np.array([space.sample() for _ in range(n)])
        seen = batch.commit(asked)
        q = seen[:, 0, -2]
        assert (seen[:, :, -2] == q[:, None]).all()
        d = np.abs(q - effort.p) if effort.two_sided else np.maximum(q - effort.p, 0)
        cost = batch.state.planner.cost[:, 0]
        unit = effort.k / game.cohort * (1 - effort.p)
        assert cost == pytest.approx(game.cohort * unit * (d / (1 - effort.p)) ** effort.exponent, abs=1e-6)
        total += cost
        assert batch.state.planner.remaining[:, 0] == pytest.approx(left - cost)
        assert (batch.state.planner.remaining >= 0).all()
        assert (batch.state.planner.blocked >= blocked).all()
        blocked = batch.state.planner.blocked.copy()
        assert all(game.agent_observation_space.contains(row) for row in seen.reshape(-1, seen.shape[-1]))
        outcome = batch.act(agents.predict(seen)[0])
        assert all(game.planner.observation_space.contains(row) for row in outcome.observation)
        assert np.isfinite(outcome.planner_reward).all()
    assert (total <= budget * (1 + 1e-12)).all()
    info = batch.info()
    assert info["spent"] == pytest.approx(total, abs=1e-9 * max(1.0, budget * 1e-3))


def test_what_is_not_affordable_becomes_the_nearest_that_is():
    batch = begun(Society(budget=0.25))
    precisions, blocked = [], []
    for _ in range(3):
        precisions.append(batch.commit([[1.0]])[0, 0, 2])
        blocked.append(int(batch.info()["blocked"][0]))
        batch.act([[1]])
    assert precisions == [0.9, 0.7, 0.7]
    assert blocked == [0, 1, 2]
    together = begun(Society(budget=0.25, cohort=2))
    assert together.commit([[1.0]])[0, :, 2].tolist() == [0.8, 0.8]
    assert together.info()["cost"] == pytest.approx([0.2])
    assert begun(Society(discrete=True, objective="biased", budget=0.15)).action_mask().tolist() == [[0, 1, 1, 1, 0]]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_world_does_not_depend_on_the_others(case):
    game = Society(**case)
    many, one = SocietyBatch(game, 3), SocietyBatch(game, 1)
    many.seed([1, 2, 3])
    one.seed([2])
    random = np.random.default_rng(0)
    game.planner.action_space.seed(0)
    for _ in range(3):  # several episodes: what is counted goes on
        many.reset()
        one.reset()
        while not many.finished:
            asked = np.array([game.planner.action_space.sample() for _ in range(3)])
            assert (many.commit(asked)[1] == one.commit(asked[1:2])[0]).all()
            actions = random.integers(2, size=(3, game.cohort))
            several, single = many.act(actions), one.act(actions[1:2])
            assert all((a[1] == b[0]).all() for a, b in zip(several, single, strict=True))
        assert one.finished
    assert all((a[1] == b[0]).all() for a, b in zip(everything_about(many), everything_about(one), strict=True))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda batch: pickle.loads(pickle.dumps(batch))])
def test_copies_and_snapshots_go_on_alike(copied):
    game = Society(public_belief="empirical")
    batch = begun(game, 4)
    planner, agents = Once(game.planner), BayesianAgents(game)
    play(batch, planner, agents)
    batch.reset()
    batch.commit(np.zeros((4, 1)))
    twin, snapshot = copied(batch), batch.snapshot()
    batch.act(np.ones((4, 1), int))
    returns = play(batch, planner, agents)
    twin.act(np.ones((4, 1), int))
    assert (play(twin, planner, agents) == returns).all()
    after = everything_about(batch)
    batch.restore(snapshot)
    assert batch.awaits_agents
    batch.act(np.ones((4, 1), int))
    assert (play(batch, planner, agents) == returns).all()
    assert all((a == b).all() for a, b in zip(everything_about(batch), after, strict=True))
    with pytest.raises(ValueError, match=r"shape \(4,\); expected \(1,\)"):
        begun(game).restore(snapshot)


def test_planners_of_the_family_play_here():
    game = Society(discrete=True)
    for planner in (Null, Once, Myopic, Threshold):
        assert np.isfinite(play(begun(game, 10), planner(game.planner), BayesianAgents(game))).all()


def test_wrong_calls_are_refused():
    game = Society(n_agents=2)
    batch = SocietyBatch(game, 2)
    with pytest.raises(ResetNeeded):
        batch.commit(np.zeros((2, 1)))
    with pytest.raises(ValueError, match="there are 3 seeds; expected 2"):
        batch.seed([1, 2, 3])
    for wrong in (-1.0, np.nan, [1.0, 2.0, 3.0], "much"):
        with pytest.raises(ValueError, match="budget is"):
            batch.reset(wrong)
    batch.reset([0.1, 0.2])
    assert batch.info()["remaining"].tolist() == [0.1, 0.2]
    with pytest.raises(RuntimeError, match="call commit"):
        batch.act(np.zeros((2, 1), int))
    for wrong in (np.zeros(2), np.full((2, 1), np.inf), np.full((2, 1), np.nan), [["a"], ["b"]]):
        with pytest.raises(ValueError, match="the planner's actions"):
            batch.commit(wrong)
    batch.commit(np.zeros((2, 1)))
    with pytest.raises(RuntimeError, match="call act"):
        batch.commit(np.zeros((2, 1)))
    for wrong in (np.zeros(2, int), np.full((2, 1), 2), np.zeros((2, 1))):
        with pytest.raises(ValueError, match="agents' actions"):
            batch.act(wrong)
    batch.act(np.zeros((2, 1), int))
    batch.commit(np.zeros((2, 1)))
    batch.act(np.zeros((2, 1), int))
    with pytest.raises(ResetNeeded):
        batch.commit(np.zeros((2, 1)))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n_agents": 0}, "n_agents is 0; expected an integer >= 1"),
        ({"cohort": 3}, "n_agents is 10 with cohort=3; expected a multiple of it"),
        ({"public_belief": "true"}, "public_belief is 'true'; expected one of"),
        ({"public_belief": "none", "observation": "belief"}, "observation is 'belief' with public_belief='none'"),
        ({"public_belief": "none", "reward": "expected"}, "reward is 'expected' with public_belief='none'"),
        ({"public_belief": "empirical", "levels": None}, "levels is None with public_belief='empirical'"),
        ({"k": -1}, "k is -1; expected"),
        ({"p": 0.3}, "p is 0.3; expected"),
        ({"objective": "kind"}, "objective is 'kind'"),
        ({"discrete": "no"}, "discrete is 'no'; expected True or False"),
        ({"budget": -1.0}, "budget of 'effort' is -1"),
    ],
)
def test_wrong_arguments_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Society(**wrong)
