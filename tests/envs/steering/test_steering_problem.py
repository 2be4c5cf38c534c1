"""The environment: what it shows, charges, masks and refuses; snapshots, seeds and batches."""

import copy
import inspect
import math
import pickle
import re

import gymnasium as gym
import numpy as np
import pytest
from budgetgym.envs.core import BudgetedEnv, BudgetedVectorEnv
from budgetgym.envs.core.batch import Batch, episode_keys
from budgetgym.envs.steering.behaviour import BEHAVIOURS, Behaviour
from budgetgym.envs.steering.problem import SocialSteering
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st

ID = "budgetgym/SocialSteering-v0"
CASES = [
    {},
    {"discrete": True, "objective": "biased", "budget": 0.5},
    {"discrete": True, "topics": 3, "budget": 0.4},
    {"levels": None, "objective": "biased", "cost": "concave", "budget": (0.0, 1.0)},
    {"levels": None, "topics": 2, "cost": "quadratic", "hazard": 0.1, "agents": "logit"},
    {"network": "random-0.5", "T": 12, "agents": "llm_like", "prior": (0.3, 0.6)},
    {"public_belief": "biased", "agents": "grether", "reward": "realised"},
    {"T": None, "discount": 0.9, "budget": None, "price": 1.0, "levels": None},
    {"observation": "history", "budget_aware": False, "q_max": 1.0, "agents": "stubborn"},
    {"levels": None, "p": 0.5, "k": 0.3, "budget": 0.05, "agents": "weizsacker", "ties": "belief"},
]
every = pytest.mark.parametrize("case", CASES, ids=str)
problems = st.sampled_from([SocialSteering(**case) for case in CASES])


def begun(problem, n=1, seed=0):
    batch = Batch(problem, n)
    batch.seed(episode_keys(seed, n))
    batch.reset()
    return batch


def actions_of(problem, n, seed=0):
    problem.action_space.seed(seed)
    return np.array([problem.action_space.sample() for _ in range(n)]).reshape(n, -1)


# --- the ledger --------------------------------------------------------------------------------------------------------


@given(problems, st.integers(0, 2**32), st.floats(0, 3) | st.sampled_from([0.0, 1e-12, 0.1, 0.3, 1e12]))
@settings(max_examples=60, deadline=None)
def test_nobody_overspends(problem, seed, budget):
    """Whatever is asked for; what was bought is what was paid; and all that is shown is within its bounds."""
    n = 20
    batch = begun(problem.replace(budget=budget), n, seed)
    p = problem.params
    total = np.zeros(n)
    for t in range(min(problem.horizon, 25)):
        alive, left = ~batch.state.finished, batch.state.remaining[:, 0].copy()
        step = batch.step(actions_of(problem, n, seed + t))
        assert all(problem.observation_space.contains(row) for row in step.observation)
        assert np.isfinite(step.reward).all()
        d = batch.state.last_precision - p.effort.p
        d = np.abs(d) if p.effort.two_sided else np.maximum(d, 0)
        scale = p.effort.k * (1 - p.effort.p)
        bought = (scale * (d / (1 - p.effort.p)) ** p.effort.exponent).sum(axis=1) * alive
        assert batch.state.cost[:, 0] == pytest.approx(bought, abs=1e-6)
        assert batch.state.remaining[:, 0] == pytest.approx(left - batch.state.cost[:, 0])
        assert (batch.state.remaining >= 0).all()
        total += batch.state.cost[:, 0]
    assert (total <= budget * (1 + 1e-12)).all()


def test_a_budget_is_spent_to_the_last_unit():
    """0.3 - 0.1 - 0.1 - 0.1 in 64 bits is no obstacle to the third purchase, and a fourth is none."""
    env = BudgetedEnv(SocialSteering, discrete=True, budget=0.3)
    env.reset(seed=0)
    costs = [env.step(3)[4]["cost"] for _ in range(4)]
    assert costs == pytest.approx([0.1, 0.1, 0.1, 0.0])
    assert env.step(4)[4]["remaining"] == pytest.approx(0.0, abs=1e-9)


def test_topics_are_served_in_their_order():
    env = BudgetedEnv(SocialSteering, discrete=True, topics=3, budget=0.25, price=2.0, C=0.0)
    env.reset(seed=0)
    _, reward, *_, info = env.step(np.array([3, 4, 4]))
    assert env.snapshot().last_precision.tolist() == [[0.8, 0.8, 0.7]]
    assert (info["cost"], info["blocked"]) == (pytest.approx(0.2), 2)
    assert reward == pytest.approx(-0.4)
    assert env.step(np.array([2, 2, 2]))[4]["blocked"] == 2


def test_a_biased_planner_pays_on_both_sides_and_an_altruist_on_one():
    for objective, expected in (("altruistic", [0, 0, 0, 0.1, 0.2]), ("biased", [0.2, 0.1, 0, 0.1, 0.2])):
        assert SocialSteering(objective=objective).params.costs.tolist() == pytest.approx(expected)
    quadratic = SocialSteering(cost="quadratic", q_max=1.0, levels=[0.85, 1.0], k=2.0).params.costs
    concave = SocialSteering(cost="concave", q_max=1.0, levels=[0.85, 1.0], k=2.0).params.costs
    assert quadratic.tolist() == pytest.approx([0, 0.15, 0.6])
    assert concave.tolist() == pytest.approx([0, 0.6 * 0.5**0.5, 0.6])


@pytest.mark.parametrize("budget", [0.0, 0.05, 0.1, 0.15, 0.2, 5.0])
@pytest.mark.parametrize("objective", ["altruistic", "biased"])
def test_masks_are_what_is_affordable(objective, budget):
    env = gym.make(ID, objective=objective, discrete=True, budget=budget).unwrapped
    _, info = env.reset(seed=0)
    costs = env.problem.params.costs  # type: ignore[attr-defined]
    assert info["action_mask"].tolist() == [int(c <= budget + 1e-9) for c in costs]
    for level in range(5):
        env.reset(seed=0)
        *_, after = env.step(level)
        assert (after["blocked"] == 0) == bool(info["action_mask"][level])
        assert after["action_mask"].tolist() == [int(c <= after["remaining"] + 1e-9) for c in costs]
    assert "action_mask" not in gym.make(ID).reset(seed=0)[1]
    assert "action_mask" not in gym.make(ID, discrete=True, topics=2).reset(seed=0)[1]


def test_actions_ask_for_precisions():
    """The scale, rounding to the list, and single precision."""
    env = BudgetedEnv(SocialSteering, budget=None)
    for q, level in ((0.5, 0.5), (0.549, 0.5), (0.551, 0.6), (0.7, 0.7), (0.749, 0.7), (0.86, 0.9), (0.9, 0.9)):
        env.reset(seed=0)
        action = np.array([(q - 0.5) / 0.4 * 2 - 1], np.float32).clip(-1, 1)
        observation, *_, info = env.step(action)
        assert (observation[2], info["blocked"]) == (level, 0)
    env = BudgetedEnv(SocialSteering, levels=None, objective="biased", budget=None, p=0.6543)
    for q in (0.5, 0.61234, 0.6543, 0.9):
        env.reset(seed=0)
        action = np.array([(q - 0.5) / 0.4 * 2 - 1], np.float32).clip(-1, 1)
        observation, *_, info = env.step(action)
        assert observation[2] == pytest.approx(q, abs=1e-6)
        assert info["cost"] == pytest.approx(abs(q - 0.6543), abs=1e-6)
    env.reset(seed=0)
    assert env.step(np.array([(0.6543 - 0.5) / 0.4 * 2 - 1], np.float32))[0][2] == 0.6543  # to the bit: it decides ties


def test_precisions_on_offer():
    def levels(**case):
        return SocialSteering(**case).params.levels.tolist()

    assert levels() == pytest.approx([0.5, 0.6, 0.7, 0.8, 0.9], abs=1e-12)
    assert levels(levels=3, p=0.6) == [0.5, 0.6, 0.7, 0.9]
    assert levels(levels=[0.9, 0.5, 0.5]) == [0.5, 0.7, 0.9]
    assert levels(levels=np.array([0.7]), discrete=True) == [0.7]
    assert levels(q_max=0.7, levels=[0.7]) == [0.7]
    assert levels(q_max=1.0, levels=[1, 0.5]) == [0.5, 0.7, 1.0]
    assert levels(p=0.1 + 0.2 + 0.4) == [0.5, 0.6, 0.1 + 0.2 + 0.4, 0.8, 0.9]
    assert SocialSteering(levels=[0.7], discrete=True).action_space == spaces.Discrete(1)
    assert SocialSteering(levels=[0.6], topics=2, discrete=True).action_space == spaces.MultiDiscrete([2, 2])
    assert SocialSteering(topics=4).action_space == spaces.Box(-1, 1, (4,), np.float64)
    # A single precision, asked for on the scale: nothing to choose, and nothing that fails.
    env = BudgetedEnv(SocialSteering, levels=[0.7])
    env.reset(seed=0)
    assert env.step(np.array([1.0]))[4]["blocked"] == 0


# --- what is shown -----------------------------------------------------------------------------------------------------


def squash(L):
    return math.tanh(L / 4)


def test_observations_by_hand():
    names = ["public_belief", "log_odds", "last_precision", "last_action", "last_informative"]
    tail = ["effort_size", "effort_remaining", "time_remaining"]
    env = BudgetedEnv(SocialSteering, prior=0.6, discrete=True, T=20, budget=0.3)
    assert list(env.problem.observation_names) == names + tail
    observation, _ = env.reset(seed=0)
    start = math.log(1.5)
    assert observation.tolist() == pytest.approx([0.6, squash(start), 0, 0, 0, 0.3 / 4.3, 1, 1])
    observation, *_ = env.step(3)
    L = start + observation[3] * math.log(4)
    b = 1 / (1 + math.exp(-L))
    assert observation.tolist() == pytest.approx([b, squash(L), 0.8, observation[3], 1, 0.3 / 4.3, 2 / 3, 0.95])
    observation, *_ = env.step(0)
    assert observation[[0, 2, 4]].tolist() == pytest.approx([b, 0.5, 0])


def test_observations_of_topics_networks_biases_and_histories():
    each = ["public_belief", "log_odds", "last_precision", "last_action", "last_informative"]
    tail = ["effort_size", "effort_remaining", "time_remaining"]

    def shown(step=(), **case):
        problem = SocialSteering(**case, budget=None, discrete=True)
        batch = begun(problem)
        for action in step:
            batch.step(np.array([action]))
        row = batch.observe()[0]
        assert problem.observation_space.contains(row)
        return problem.observation_names, dict(zip(problem.observation_names, row, strict=True)), batch.state

    names, row, state = shown([[3, 2]], topics=2)
    assert list(names) == [f"{name}[{j}]" for name in each for j in range(2)] + tail
    assert [row[f"last_precision[{j}]"] for j in range(2)] == [0.8, 0.7]
    assert [row[f"public_belief[{j}]"] for j in range(2)] == state.belief[0].tolist()
    names, row, state = shown([[3], [2]], agents="llm_like", public_belief="biased")
    assert list(names) == [*each[:2], "opinion", *each[2:], *tail]
    assert row["opinion"] == pytest.approx(squash(state.opinion[0, 0]))
    assert row["opinion"] != pytest.approx(row["log_odds"])
    names, row, state = shown([[3], [4]], network="last-1", T=3)
    assert list(names) == [*each[:2], "opinion", *each[2:], "said[0]", "said[1]", "said[2]", *tail]
    faces = [math.log(4), math.log(9) * state.last_action[0, 0]]
    assert abs(row["said[0]"]) == pytest.approx(squash(faces[0]))
    assert row["said[1]"] == pytest.approx(squash(faces[1]))
    assert (row["said[2]"], row["opinion"]) == (0.0, pytest.approx(squash(faces[1])))
    assert list(shown(observation="history")[0]) == [*each[2:], *tail]
    assert list(shown(observation="history", network="last-1", T=2)[0]) == [*each[2:], "said[0]", "said[1]", *tail]
    assert list(shown(observation="history", budget_aware=False, public_belief="biased")[0]) == each[2:]
    assert list(shown(budget_aware=False)[0]) == each


def test_neither_state_nor_signal_is_shown():
    """Two worlds with the same actions look the same, though their states differ; so do rewards that may be seen."""
    for case in ({}, {"objective": "biased", "reward": "realised"}, {"network": "last-2"}):
        batch = begun(SocialSteering(**case, budget=None, discrete=True), 4000, seed=1)
        seen = [batch.observe()]
        for level in (2, 3, 2):
            step = batch.step(np.full((4000, 1), level))
            seen += [step.observation, step.reward[:, None]]
        rows = np.concatenate(seen, axis=1).round(9)
        _, group = np.unique(rows, axis=0, return_inverse=True)
        good = batch.state.good[:, 0]
        shares = np.array([good[group == g].mean() for g in np.unique(group)])
        assert len(shares) > 4
        assert ((shares > 0) & (shares < 1)).all()


def test_the_documentation_lists_every_setting_and_every_behaviour():
    text = SocialSteering.__doc__ or ""
    table = text.split("## Arguments")[1].split("\n\n    Without")[0]
    rows = re.findall(r"^    \| (\w+) \| .* \| (.+) \|$", table, re.MULTILINE)[1:]
    assert [name for name, _ in rows] == SocialSteering.setting_names()
    for name, shown in rows:
        default = inspect.signature(SocialSteering.__init__).parameters[name].default
        if not shown.startswith("see"):
            assert eval(shown.strip("`")) == default
    assert all(f'"{name}"' in text for name in BEHAVIOURS)


# --- copies ------------------------------------------------------------------------------------------------------------


@every
def test_the_same_seed_is_the_same_episode_alone_or_in_a_batch(case):
    problem = SocialSteering(**case)
    n, steps = 5, min(problem.horizon, 12)
    actions = [actions_of(problem, n, seed=t) for t in range(steps)]
    vector = BudgetedVectorEnv(problem, n)
    rows = [vector.reset(seed=11)[0]]
    shape = (n, *(problem.action_space.shape or ()))
    rewards, ends = [], []
    for action in actions:
        row, reward, terminated, _, _ = vector.step(action.reshape(shape))
        rows.append(row)
        rewards.append(reward)
        ends.append(terminated)
    for lane in range(n):
        env = BudgetedEnv(problem)
        observation, _ = env.reset(seed=11 + lane)
        assert (observation == rows[0][lane]).all()
        for t in range(steps):
            observation, reward, terminated, _, _ = env.step(actions[t][lane].reshape(problem.action_space.shape or ()))
            assert (observation == rows[t + 1][lane]).all()
            assert (reward, terminated) == (rewards[t][lane], ends[t][lane])
            if terminated:
                break


@every
def test_snapshots_copies_and_pickles_go_on_alike(case):
    env = BudgetedEnv(SocialSteering(**case))
    env.reset(seed=3)
    actions = actions_of(env.problem, 8)
    shape = env.problem.action_space.shape or ()

    def episode(world):
        trace = []
        for action in actions[1:]:
            observation, reward, terminated, _, info = world.step(action.reshape(shape))
            trace.append((observation.tolist(), reward, terminated, info["remaining"], info["errors"]))
            if terminated:
                break
        return trace

    if env.step(actions[0].reshape(shape))[2]:
        env.reset(seed=4)
    here = env.snapshot()
    others = [copy.deepcopy(env), pickle.loads(pickle.dumps(env))]
    first = episode(env)
    env.restore(here)
    assert episode(env) == first
    assert [episode(other) for other in others] == [first, first]


def test_pickled_problems_are_the_same():
    own = SocialSteering(network=[[0, 0], [1, 0]], T=2, agents=Behaviour(stubborn=0.3))
    for problem in (own, *(SocialSteering(**case) for case in CASES)):
        again = pickle.loads(pickle.dumps(problem))
        assert again.key == problem.key
        assert again.instance == problem.instance
        assert again.replace(budget=1.0, observation="history", reward="realised").key == problem.key


def test_the_key_tells_laws_apart():
    changes = [
        {"objective": "biased"}, {"prior": 0.4}, {"p": 0.65}, {"q_max": 0.95}, {"levels": 4}, {"levels": None}, {"C": 2.0},
        {"k": 2.0}, {"cost": "concave"}, {"price": 1.0}, {"T": 19}, {"discount": 0.9}, {"agents": "logit"},
        {"public_belief": "biased"}, {"ties": "belief"}, {"hazard": 0.1}, {"topics": 2}, {"network": "complete"},
        {"network": "last-1"},
    ]  # fmt: skip
    keys = [SocialSteering(**case).key for case in [{}, *changes]]
    assert len(set(keys)) == len(keys)


def test_snapshots_of_other_problems():
    """Those that cannot go on are refused; those that can go on, and end."""
    long = begun(SocialSteering(T=30))
    for _ in range(20):
        long.step(np.zeros((1, 1)))
    short = begun(SocialSteering(T=10))
    short.restore(long.snapshot())
    assert short.step(np.zeros((1, 1))).terminated.all()
    with pytest.raises(ValueError, match="shape"):
        begun(SocialSteering(topics=2)).restore(long.snapshot())
    with pytest.raises(ValueError, match="shape"):
        begun(SocialSteering(public_belief="biased")).restore(long.snapshot())
    with pytest.raises(ValueError, match="shape"):
        begun(SocialSteering(network="last-1", T=10)).restore(begun(SocialSteering(network="last-1", T=11)).snapshot())
    broken = long.snapshot()
    for value in (math.nan, math.inf, 41.0):
        broken.log_odds[0, 0] = value
        with pytest.raises(ValueError, match="log_odds must be log-odds within 40 of 0"):
            long.restore(broken)


def test_a_model_hides_the_state():
    env = BudgetedEnv(SocialSteering, prior=0.8, discrete=True, budget=None)
    env.reset(seed=0)
    env.step(1)
    model = env.model(5000, seed=1)
    here, forks = env.snapshot(), model.snapshot()
    assert (forks.belief == here.belief).all()
    assert forks.good.mean() == pytest.approx(here.belief[0, 0], abs=0.03)
    assert (env.model(3, peek=True).snapshot().good == here.good).all()


def test_instances_and_metrics():
    assert SocialSteering().instance == "altruistic, bayes"
    own = SocialSteering(objective="biased", agents={"stubborn": 0.5}, network="last-2", discount=0.9)
    assert own.instance == "biased, stubborn=0.5, network last-2, discount 0.9"
    assert SocialSteering(agents=BEHAVIOURS["llm_like"]).agents == "llm_like"
    assert SocialSteering(agents={}).agents == "bayes"
    several = SocialSteering(topics=2, public_belief="biased", hazard=0.1)
    assert several.instance == "altruistic, bayes, 2 topics, biased belief, hazard 0.1"
    assert SocialSteering(T=None, discount=0.9).horizon == math.ceil(math.log(1e-9) / math.log(0.9))
    assert [metric.name for metric in SocialSteering.metrics] == ["errors", "good_actions", "informative"]


# --- what is refused ---------------------------------------------------------------------------------------------------

NONSENSE = [math.nan, "much", True, [1, 2, 3], {"a": 1}]
BAD = [
    *[({"prior": bad}, "prior is") for bad in [0.0, 1.0, -0.1, 1.5, (0.6, 0.4), (0.0, 0.5), (0.5, math.nan), *NONSENSE]],
    *[({"p": bad}, "p is") for bad in [0.4, 1.0, -1, None, *NONSENSE]],
    *[({"q_max": bad}, "q_max is") for bad in [0.6, 1.1, None, *NONSENSE]],
    ({"p": 0.5, "q_max": 0.5}, "q_max is 0.5; expected a precision above 1/2"),
    *[({name: bad}, f"{name} is") for name in ("C", "k", "price") for bad in [-1.0, math.inf, None, *NONSENSE]],
    *[({"T": bad}, "T is") for bad in [0, -3, 2.0, *NONSENSE]],
    ({"T": None}, "T=None with discount=1.0; expected a discount of at most 0.99979"),
    ({"T": None, "discount": 0.9999}, "T=None with discount=0.9999"),
    *[({"discount": bad}, "discount is") for bad in [0.0, 1.1, -0.5, None, *NONSENSE]],
    *[({"hazard": bad}, "hazard is") for bad in [0.5, 1.0, -0.1, None, *NONSENSE]],
    *[({"topics": bad}, "topics is") for bad in [0, 65, 1.5, None, *NONSENSE]],
    *[
        ({"levels": bad}, "levels (is|are)")
        for bad in [[0.4, 0.6], [0.95], [], [[0.6]], [math.nan], ["0.6"], 1, 0, 2.5, "many"]
    ],
    *[({"levels": bad}, "levels (is|are)") for bad in [True, [True], [None], {0.6}, [0.6, [0.7]]]],
    ({"levels": None, "discrete": True}, "levels=None with discrete=True"),
    *[
        ({name: bad}, f"{name} is")
        for name in ("objective", "cost", "public_belief", "ties", "reward", "observation")
        for bad in ["bogus", None, 1, math.nan]
    ],
    *[({name: bad}, f"{name} is") for name in ("discrete", "budget_aware") for bad in [1, "no", None, math.nan]],
    *[({"instance_seed": bad}, "instance_seed is") for bad in [-1, 0.5, "a", None]],
    *[({"agents": bad}, "agents is") for bad in ["baye", None, 3, math.nan, [1.0]]],
    ({"agents": "baye"}, "did you mean 'bayes'"),
    ({"agents": {"rational": 1}}, "agents has the field 'rational'; did you mean 'rationality'"),
    *[
        ({"agents": {name: bad}}, f"agents' {name} is")
        for name in ("prior_weight", "confirming", "contradicting", "self_trust")
        for bad in [-1.0, math.inf, None, *NONSENSE]
    ],
    *[({"agents": {"rationality": bad}}, "agents' rationality is") for bad in [0.0, -1, None, *NONSENSE]],
    *[({"agents": {"stubborn": bad}}, "agents' stubborn is") for bad in [1.0, -0.1, 2, None, *NONSENSE]],
    ({"agents": Behaviour(stubborn=math.nan)}, "agents' stubborn is nan"),
    *[({"budget": bad}, "budget") for bad in [-1.0, math.nan, (2.0, 1.0), *NONSENSE]],
    ({"budget": {"effort": 1.0, "topic": 2.0}}, r"budget names \['effort', 'topic'\]; expected exactly the resources"),
    ({"network": [[0]]}, r"network has shape \(1, 1\); expected \(10, 10\)"),
    ({"network": np.ones((10, 10))}, "network lets agent 0 observe agent 0; expected earlier agents only"),
    ({"network": "ring"}, "network is 'ring'; expected one of"),
    ({"network": "complete", "T": None, "discount": 0.9}, "network=... with T=None"),
    ({"network": "complete", "topics": 2}, "network=... with topics=2"),
    ({"network": "complete", "hazard": 0.1}, "network=... with hazard=0.1"),
    ({"network": "complete", "public_belief": "biased"}, 'network=... with public_belief="biased"'),
]


@pytest.mark.parametrize(("case", "message"), BAD, ids=str)
def test_bad_settings_are_named(case, message):
    with pytest.raises(ValueError, match=message) as caught:
        SocialSteering(**case)
    assert "expected" in str(caught.value) or "did you mean" in str(caught.value) or "a range has two" in str(caught.value)


@pytest.mark.parametrize(
    ("case", "action"),
    [
        ({}, [np.nan]),
        ({}, [np.inf]),
        ({"on_infeasible": "raise"}, [1.01]),
        ({}, [[0.0]]),
        ({"discrete": True}, 5),
        ({"discrete": True}, -1),
        ({"discrete": True, "topics": 2}, [0, 5]),
        ({"topics": 2}, [0.0]),
    ],
    ids=str,
)
def test_bad_actions_are_refused(case, action):
    env = BudgetedEnv(SocialSteering, **case)
    env.reset(seed=0)
    with pytest.raises(ValueError):
        env.step(np.array(action))
    assert env.snapshot().t[0] == 0


def test_odd_settings_that_make_sense():
    """At the ends of every range an episode runs, with numbers throughout."""
    for case in (
        {"prior": 1e-12, "q_max": 1.0},
        {"p": 0.5, "levels": [0.5]},
        {"q_max": 0.7, "levels": None},
        {"q_max": 0.7},
        {"p": 0.999, "q_max": 0.999, "levels": None, "objective": "biased", "cost": "concave"},
        {"k": 0.0, "levels": None, "objective": "biased"},
        {"k": 0.0, "budget": None, "cost": "quadratic"},
        {"C": 0.0, "T": 1},
        {"budget": 1e300},
        {"budget": 0},
        {"discount": 1e-12, "T": None},
        {"topics": 64, "T": 2},
        {"agents": {"prior_weight": 0, "confirming": 0, "contradicting": 0}},
        {"agents": {"rationality": 1e-9}},
        {"agents": {"rationality": 1e9, "confirming": 50.0}, "q_max": 1.0},
        {"agents": {"stubborn": 0.999}, "q_max": 1.0, "public_belief": "biased"},
        {"prior": [0.2, 0.2]},
        {"prior": np.array([0.2, 0.3])},
        {"p": np.float32(0.7)},
        {"hazard": 0.499, "q_max": 1.0, "levels": [1.0]},
    ):
        batch = begun(SocialSteering(**case), 50)
        for t in range(min(20, batch.problem.horizon)):
            step = batch.step(actions_of(batch.problem, 50, seed=t))
            assert np.isfinite(step.reward).all()
            assert all(batch.problem.observation_space.contains(row) for row in step.observation)
