"""The Q-networks say in torch what the maximiser is asked in numpy; and what a base of Lagrangian values is worth."""

import numpy as np
import pytest
import torch
from budgetgym.agents.restless.sequoia.agent import ResidualSequoia
from budgetgym.agents.restless.sequoia.base import LagrangianBase
from budgetgym.agents.restless.sequoia.coding import Coding
from budgetgym.agents.restless.sequoia.network import JointNetwork, PublishedNetwork
from budgetgym.baselines.restless.exact import exact
from budgetgym.baselines.restless.policies import Joint, Lagrangian
from budgetgym.baselines.restless.relaxation import relax
from budgetgym.baselines.restless.treatment import value_of
from budgetgym.envs.restless.reading import Situations, read_situation, read_situations
from tiny_restless import KINDS, ONE_BY_ONE, all_actions, first_states, next_states, observation_of, reward_of, tiny

FEW = {"lanes": 4, "warm_states": 64, "warm_epochs": 1, "buffer_size": 400}


def rows_of(problem, budget, count, random):
    """Random situations, as the environment shows them."""
    J, _, S = problem.arms.shape
    times, left = random.integers(0, problem.horizon, count), random.integers(0, int(budget) + 1, count)
    states = random.integers(0, S, (count, J))
    return np.stack([observation_of(problem, s, int(t), int(k), budget) for s, t, k in zip(states, times, left, strict=True)])


def networks(problem):
    joint = (JointNetwork(problem, hidden, 8, base) for hidden in ((5,), (4, 3)) for base in (None, LagrangianBase(problem)))
    yield from (*joint, PublishedNetwork(problem, (5,)), PublishedNetwork(problem, (4, 3, 3)))


@pytest.mark.parametrize("observation", ["integer", "one-hot"])
@pytest.mark.parametrize("kind", KINDS)
def test_torch_and_numpy_say_the_same(kind, observation):
    """With all weights random, also those that are zero at first; and reading the layers changes nothing."""
    problem = tiny(kind, 0, S=3, J=4, observation=observation)
    random = np.random.default_rng(0)
    rows = rows_of(problem, 5, 12, random)
    actions = np.array(all_actions(problem))
    for net in networks(problem):
        net = net.double()
        with torch.no_grad():
            for parameter in net.parameters():
                parameter.normal_()
            net.scale.fill_(2.5)
        codes = net.coding.encode(actions)
        layers = net.exact().layers()
        for row in rows:
            observations = torch.as_tensor(np.tile(row, (len(codes), 1)))
            with torch.no_grad():
                values = net(observations, torch.as_tensor(codes)).numpy()
            assert values == pytest.approx(layers.values(net.question(row), codes), abs=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_both_forms_of_observation_say_the_same(kind):
    plain, shown = (tiny(kind, 0, S=3, J=4, observation=form) for form in ("integer", "one-hot"))
    rows = [rows_of(problem, 5, 20, np.random.default_rng(1)) for problem in (plain, shown)]
    torch.manual_seed(0)
    net = JointNetwork(plain, (5,), 8).double()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.normal_()
    other = JointNetwork(shown, (5,), 8).double()
    other.load_state_dict(net.state_dict())
    for one, two in zip(net.asked(rows[0]), other.asked(rows[1]), strict=True):
        assert one == pytest.approx(two, abs=1e-12)
    for one, two in zip(read_situations(plain.reading, rows[0]), read_situations(shown.reading, rows[1]), strict=True):
        assert one.tolist() == two.tolist()


@pytest.mark.parametrize("budget", [None, 3, 0])
@pytest.mark.parametrize("base", ["joint", "lagrangian"])
@pytest.mark.parametrize("kind", KINDS)
def test_before_learning_it_decides_as_its_base(kind, base, budget):
    """In every situation of an episode, up to ties: by the values that the policy itself maximises."""
    problem = tiny(kind, 4, budget=budget)
    agent = ResidualSequoia(problem, base=base, **FEW).learn(0)
    policy = (Joint if base == "joint" else Lagrangian)(problem)
    J, _, S = problem.arms.shape
    initial = problem.budget.range_of("pulls")[1]
    situations = [
        observation_of(problem, states, t, left, initial)
        for states in np.ndindex(*(S,) * J)
        for t in range(problem.horizon)
        for left in range(int(initial) + 1)
    ]
    rows = np.array(situations)
    for row, mine, theirs in zip(rows, agent.predict(rows)[0], policy.predict(rows)[0], strict=True):
        values, price = policy.level_values(read_situation(problem.reading, row))
        worth = [
            worth_of(problem, values, np.asarray(action, np.int64), base) - price * action.sum() for action in (mine, theirs)
        ]
        assert worth[0] == pytest.approx(worth[1], abs=1e-5)  # the network's tables are 32-bit numbers


def worth_of(problem, values, action, base):
    """Of an action, over doing nothing."""
    nothing = value_of(problem, values, np.zeros_like(action)[None])[0]
    if base == "joint":
        return value_of(problem, values, action[None])[0] - nothing
    return sum(value_of(problem, values, one[None])[0] - nothing for one in np.diag(action)[action > 0])


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_base_says_of_the_start(kind):
    """Without a total budget: no less than the exact optimum of the state, and on average no more than the relaxation's bound.
    Where everything fits at once, nothing ties the arms together, and all three are the same."""
    for seed in range(3):
        for limited in (True, False):
            problem = tiny(kind, seed, limited=limited)
            actions, coding, base = np.array(all_actions(problem)), Coding(problem), LagrangianBase(problem)
            initial = problem.budget.range_of("pulls")[1]
            optimum, bound, mean = exact(problem, np.inf), relax(problem, np.inf).bound, 0.0
            for p, states in first_states(problem):
                row = observation_of(problem, states, 0, initial, initial)[None]
                constant, linear = base.terms_of(read_situations(problem.reading, row))
                value = constant[0] + (coding.encode(actions) @ linear[0]).max()
                assert value >= optimum.values[(0, *states)] - 1e-6
                mean += p * value
            assert optimum.value - 1e-6 <= mean <= bound + 1e-6 * max(1.0, abs(bound))
            if not limited and kind in ONE_BY_ONE:
                assert mean == pytest.approx(bound, rel=1e-6)


@pytest.mark.parametrize("budget", [np.inf, 4.0, 2.0])
@pytest.mark.parametrize("kind", KINDS)
def test_luck_has_mean_zero(kind, budget):
    """The exact expectation over all next states, under every action."""
    problem = tiny(kind, 1, S=3)
    base, random = LagrangianBase(problem), np.random.default_rng(0)
    J, _, S = problem.arms.shape
    for action in all_actions(problem):
        for t in range(problem.horizon):
            states = random.integers(0, S, J)
            after = next_states(problem, states.tolist(), action)
            n = len(after)
            worth = base.ahead(np.array([s for _, s in after]), np.full(n, t + 1), np.full(n, budget))
            expected = base.expected_ahead(states[None], np.array([t]), np.array([budget]), np.array(action)[None])
            assert np.dot([p for p, _ in after], worth) == pytest.approx(expected[0], abs=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_the_base_is_reward_and_value_ahead(kind):
    """The expected reward, what the relaxation expects ahead, what the set brings, and the price of the pulls still left."""
    problem = tiny(kind, 2, S=3)
    base, coding, random = LagrangianBase(problem), Coding(problem), np.random.default_rng(0)
    for budget in (np.inf, 3.0):
        price, rest = relax(problem, budget).price, base._worth(budget)[2]
        for action in all_actions(problem):
            states, t = random.integers(0, 3, len(problem.coupling)), int(random.integers(0, problem.horizon))
            situation = states[None], np.array([t]), np.array([budget])
            constant, linear = base.terms_of(Situations(states[None], np.array([t]), np.array([2]), np.array([budget])))
            value = constant[0] + coding.encode(np.array(action)[None])[0] @ linear[0]
            ahead = base.expected_ahead(*situation, np.array(action)[None])[0]
            expected = reward_of(problem, states.tolist(), action) + ahead + rest[t + 1] + price * (2 - sum(action))
            assert value == pytest.approx(expected, abs=1e-9)
