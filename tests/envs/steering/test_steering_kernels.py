"""The mathematics of a period: agents, beliefs and purchases by hand, and whole episodes against plain Python."""

import math

import numpy as np
import pytest
import tiny_steering
from budgetgym.envs.core.batch import Batch, episode_keys
from budgetgym.envs.core.ledger import payable
from budgetgym.envs.steering import behaviour as bh
from budgetgym.envs.steering.behaviour import BEHAVIOURS, CERTAIN, Behaviour
from budgetgym.envs.steering.effort import EXPONENTS, Effort, buy_level, buy_precision, effort_of
from budgetgym.envs.steering.network import read_network
from budgetgym.envs.steering.problem import SocialSteering
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_steering import AGENTS, Truth, logit, sigmoid

BAYES = BEHAVIOURS["bayes"]
P = 0.7
ALL = st.sampled_from(sorted(BEHAVIOURS)) | st.builds(
    Behaviour,
    st.floats(0, 2),
    st.floats(0, 2),
    st.floats(0, 2),
    st.floats(0, 1),
    st.floats(0.1, 20) | st.just(math.inf),
    st.floats(0, 0.9),
)
beliefs = st.floats(1e-6, 1 - 1e-6) | st.sampled_from([0.3, 0.5, 0.7])
precisions = st.floats(0.5, 1.0) | st.sampled_from([0.5, 0.7, 0.9, 1.0])


def begun(problem, n=1, seed=0):
    batch = Batch(problem, n)
    batch.seed(episode_keys(seed, n))
    batch.reset()
    return batch


# --- one agent ---------------------------------------------------------------------------------------------------------


@given(ALL, beliefs, precisions, st.booleans(), st.floats(-3, 3) | st.none())
@settings(max_examples=300, deadline=None)
def test_the_belief_is_a_martingale(agents, b, q, own, opinion):
    """Of the planner, whatever the agents think, and whatever their opinion is."""
    _, mind = bh.read_behaviour(agents)
    L, strength = bh.log_odds(b), bh.log_odds(q)
    up, down = bh.response(mind, L if opinion is None else opinion, strength, own)
    in_good, in_bad = bh.choice_law(mind, up, down, q)
    likely = bh.good_probability(b, in_good, in_bad)
    after = [bh.belief(bh.bounded(L + bh.evidence(mind, up, down, q, strength, good))) for good in (True, False)]
    assert likely * after[0] + (1 - likely) * after[1] == pytest.approx(b, abs=1e-9)
    if likely > 1e-9:
        assert after[0] == pytest.approx(b * in_good / likely, abs=1e-7)
    if likely < 1 - 1e-9:
        assert after[1] == pytest.approx(b * (1 - in_good) / (1 - likely), abs=1e-7)


@given(beliefs, precisions)
@settings(max_examples=300, deadline=None)
def test_bayesian_agents(b, q):
    """Errors as in the paper, min(b, 1 - b, 1 - q); they follow iff q >= max(b, 1 - b); the posterior is Bayes' rule."""
    L, strength = bh.log_odds(b), bh.log_odds(q)
    up, down = bh.response(BAYES, L, strength, True)
    in_good, in_bad = bh.choice_law(BAYES, up, down, q)
    assert bh.error_probability(b, in_good, in_bad) == pytest.approx(min(b, 1 - b, 1 - q), abs=1e-9)
    if abs(q - max(b, 1 - b)) > 1e-8:
        assert (up > down) == (q > max(b, 1 - b))
    if up > down:
        assert bh.belief(L + bh.evidence(BAYES, up, down, q, strength, True)) == pytest.approx(
            q * b / (q * b + (1 - q) * (1 - b))
        )
    else:
        assert up == down == (b > 0.5)
        assert bh.evidence(BAYES, up, down, q, strength, True) == 0.0


@given(ALL, st.floats(-5, 5), precisions, st.booleans())
@settings(max_examples=300, deadline=None)
def test_every_behaviour_as_written_down(agents, opinion, q, own):
    _, mind = bh.read_behaviour(agents)
    truth = Truth(agents=mind._asdict(), ties="signal" if own else "belief")
    response = bh.response(mind, opinion, bh.log_odds(q), own)
    assert response == pytest.approx([truth.good_choice(opinion, q, s) for s in (1, -1)], abs=1e-9)
    assert bh.choice_law(mind, *response, q) == pytest.approx(truth.law(opinion, q), abs=1e-9)


@pytest.mark.parametrize("q", [0.6, 0.7, 0.9, 0.999, 1.0])
@pytest.mark.parametrize("side", [1, -1])
def test_ties_go_to_the_signal_or_to_the_belief(q, side):
    """To 1e-9 in the log-odds; just beside, nobody is torn."""
    strength = bh.log_odds(q)
    L = side * strength
    for nudge, torn in ((0.0, True), (5e-10, True), (-5e-10, True), (1e-8, False), (-1e-8, False)):
        follows = [bh.response(BAYES, L + side * nudge, strength, own) == (1.0, 0.0) for own in (True, False)]
        assert follows == [torn or nudge < 0, not torn and nudge < 0]
    assert bh.response(BAYES, side * 1e-10, 0.0, False) == (1.0, 0.0)  # without an opinion there is only the signal
    assert bh.response(BAYES, side * 1e-8, 0.0, True) == (1.0 * (side > 0), 1.0 * (side > 0))


def test_even_odds_with_rounding_errors_are_even():
    """An agent without an opinion gives her signal the weight of one that meets none, on both sides of 0."""
    mind = Behaviour(confirming=0.3, contradicting=1.4, rationality=2.0)
    at = [bh.response(mind, L, 0.8, True) for L in (0.0, 1e-16, -1e-16)]
    assert at[1] == pytest.approx(at[0])
    assert at[2] == pytest.approx(at[0])
    assert [bh.learn(mind, L, 0.5) for L in (0.0, 1e-16, -1e-16)] == pytest.approx([0.7] * 3)


@pytest.mark.parametrize(("alpha", "c"), [(1.0, 0.0), (1.0, math.log(2)), (1.5, 0.0), (0.5, 0.3), (2.0, 1.0)])
def test_the_follow_rule(alpha, c):
    mind = Behaviour(contradicting=alpha, self_trust=c)
    for q in np.linspace(0.51, 0.99, 13):
        edge = alpha * logit(q) + c
        for L in (edge - 1e-6, edge, -edge, -edge + 1e-6):
            assert bh.response(mind, L, logit(q), True) == (1.0, 0.0)
        assert bh.response(mind, edge + 1e-6, logit(q), True) == (1.0, 1.0)
        assert bh.response(mind, -edge - 1e-6, logit(q), True) == (0.0, 0.0)


def test_behaviours_are_those_of_the_documentation():
    assert {name: Behaviour(**fields) for name, fields in AGENTS.items()} == BEHAVIOURS


def test_certainty():
    up, down = bh.response(BAYES, 0.0, CERTAIN, True)
    assert (up, down) == (1.0, 0.0)
    assert bh.evidence(BAYES, up, down, 1.0, CERTAIN, True) == CERTAIN
    assert bh.bounded(2 * CERTAIN) == CERTAIN
    assert bh.log_odds(1.0) == CERTAIN == -bh.log_odds(0.0) == bh.log_odds(bh.belief(CERTAIN))
    toss = Behaviour(stubborn=0.2)
    assert bh.evidence(toss, 1.0, 0.0, 1.0, CERTAIN, True) == pytest.approx(math.log(9))
    assert bh.drift(CERTAIN, 0.1) == pytest.approx(logit(0.9))
    assert bh.drift(-CERTAIN, 0.1) == pytest.approx(logit(0.1))
    assert bh.drift(0.0, 0.3) == pytest.approx(0.0, abs=1e-12)
    assert bh.drift(1.3, 0.0) == 1.3


# --- effort ------------------------------------------------------------------------------------------------------------

EFFORTS = st.builds(
    Effort,
    st.floats(0, 10),
    st.sampled_from([0.5, 0.6, 0.7, 0.95]),
    st.sampled_from(sorted(EXPONENTS.values())),
    st.booleans(),
)


@given(EFFORTS, precisions)
@settings(deadline=None)
def test_the_cost_of_precision(effort, q):
    d = abs(q - effort.p) if effort.two_sided else max(q - effort.p, 0.0)
    scale = effort.k * (1 - effort.p)
    assert effort_of(effort, q) == pytest.approx(scale * (d / (1 - effort.p)) ** effort.exponent, abs=1e-12)
    assert effort_of(effort, effort.p) == 0.0
    assert effort_of(effort, 1.0) == pytest.approx(scale)


@given(EFFORTS, precisions, st.floats(0, 2))
@settings(max_examples=300, deadline=None)
def test_an_unaffordable_precision_becomes_the_nearest_affordable_one(effort, q, left):
    bought = buy_precision(effort, q, left, left)
    assert min(q, effort.p) - 1e-12 <= bought <= max(q, effort.p) + 1e-12
    if effort_of(effort, q) <= payable(left, left):
        assert bought == q
    else:
        assert effort_of(effort, bought) == pytest.approx(left, abs=1e-6)  # steep concave costs feel the last bit of p
    levels = np.unique(np.append(np.linspace(0.5, 1.0, 9), effort.p))
    costs = np.array([effort_of(effort, x) for x in levels])
    base = int(np.flatnonzero(levels == effort.p)[0])
    for asked in range(len(levels)):
        level = buy_level(costs, base, asked, left, left)
        between = range(min(asked, base), max(asked, base) + 1)
        fits = [x for x in between if costs[x] <= payable(left, left)]
        assert level == min(fits, key=lambda x: abs(x - asked))


# --- whole episodes ----------------------------------------------------------------------------------------------------

LAST_TWO = [[1 if 0 < t - s <= 2 else 0 for s in range(6)] for t in range(6)]
MIXED = [[1 if s < t and (s + 2 * t) % 3 else 0 for s in range(5)] for t in range(5)]
CASES = {
    "default": {},
    "biased": {"objective": "biased", "budget": 0.5},
    "expensive": {"k": 3.0, "budget": 0.8, "price": 0.4, "C": 2.0},
    "concave": {"cost": "concave", "budget": 0.9},
    "quadratic": {"objective": "biased", "cost": "quadratic", "budget": 0.2, "prior": 0.6},
    "certainty": {"q_max": 1.0, "levels": [0.5, 0.7, 1.0], "budget": 1.0},
    "certainty that passes": {"q_max": 1.0, "levels": [0.5, 0.7, 1.0], "budget": 1.0, "hazard": 0.2},
    "ties": {"ties": "belief"},
    "hazard": {"hazard": 0.15, "objective": "biased", "budget": 0.7},
    "discount": {"discount": 0.8, "T": 7},
    "no budget": {"budget": 0.0},
    "free": {"k": 0.0},
    "worthless baseline": {"p": 0.5, "budget": 0.6},
    "off the grid": {"p": 0.637, "q_max": 0.83, "levels": [0.55, 0.8], "prior": 0.2},
    "topics": {"topics": 2, "T": 4, "budget": 0.5},
    "biased topics": {"topics": 3, "T": 3, "objective": "biased", "budget": 0.7, "agents": "llm_like"},
    "topics who forget": {"topics": 2, "T": 4, "hazard": 0.1, "public_belief": "biased", "agents": "grether"},
    "last two": {"network": LAST_TWO, "T": 6},
    "any network": {"network": MIXED, "T": 5, "objective": "biased", "budget": 0.6, "agents": "overweight"},
    "logit network": {"network": MIXED, "T": 5, "agents": "logit", "prior": 0.35},
    **{f"{name}": {"agents": name, "prior": 0.45} for name in AGENTS if name != "bayes"},
    **{f"biased belief, {name}": {"agents": name, "public_belief": "biased", "q_max": 0.95} for name in AGENTS},
    "biased belief and hazard": {"agents": "llm_like", "public_belief": "biased", "hazard": 0.1, "objective": "biased"},
}
FORMS = ("discrete", "listed", "continuum")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", CASES)
def test_episodes_earn_what_plain_python_says(name, form):
    """A policy that depends on time and on the latest actions; expected and realised rewards have its exact value as mean."""
    case = {"T": 5, **CASES[name]}
    budget = case.pop("budget", 0.35)
    case.setdefault("levels", [0.5, 0.6, 0.7, 0.8, 0.9])
    if form == "continuum":
        case["levels"] = None
    truth = Truth(**case)
    topics, q_max = truth.s["topics"], truth.s["q_max"]
    asked = truth.levels or np.linspace(0.5, q_max, 7).tolist()
    table = np.random.default_rng(len(name)).integers(0, len(asked), (case["T"], topics, 3))
    table[0] = len(asked) - 1 - np.arange(3) // 2  # begin with what moves beliefs
    exactly = truth.policy_value(lambda t, last: tuple(asked[table[t, j, a + 1]] for j, a in enumerate(last)), budget)
    n = 6000
    for reward in ("expected", "realised"):
        problem = SocialSteering(**case, budget=budget, reward=reward, discrete=form == "discrete")
        batch = begun(problem, n, seed=7)
        total, last = np.zeros(n), np.zeros((n, topics), int)
        counts = np.zeros((2, n), int)
        for t in range(case["T"]):
            numbers = table[t, np.arange(topics), last + 1]
            scale = (np.array(asked)[numbers] - 0.5) / (q_max - 0.5) * 2 - 1
            alive = ~batch.state.finished
            total += batch.step(numbers if form == "discrete" else scale.clip(-1, 1)).reward
            last = batch.state.last_action.astype(int)
            counts[0] += alive * (last > 0).sum(axis=1)
            counts[1] += alive * topics
        assert batch.state.finished.all()
        assert (batch.state.good_actions == counts[0]).all()
        assert (batch.state.t * topics == counts[1]).all()
        assert total.mean() == pytest.approx(exactly, abs=4 * total.std() / n**0.5 + 1e-9)
        if reward == "realised" and not truth.s["price"]:
            unwanted = counts[1] - counts[0] if truth.s["objective"] == "biased" else batch.state.errors
            assert total == pytest.approx(-truth.s["C"] * unwanted)


def test_a_herd_by_hand():
    """Two good actions from even odds, then a cascade that only a better signal ends."""
    problem = SocialSteering(discrete=True, budget=0.15, T=9)
    batch = begun(problem, 4000)
    batch.step(np.full((4000, 1), 2))
    batch.step(np.full((4000, 1), 2))
    agreed = batch.state.last_action[:, 0] * batch.state.log_odds[:, 0] > 1e-9
    L = 2 * logit(P)
    assert np.abs(batch.state.log_odds[agreed, 0]) == pytest.approx(L)
    assert np.abs(batch.state.log_odds[~agreed, 0]) == pytest.approx(0.0, abs=1e-12)
    assert agreed.mean() == pytest.approx(P**2 + (1 - P) ** 2, abs=0.03)
    before = batch.state.belief.copy()
    step = batch.step(np.full((4000, 1), 2))  # ignored
    assert (batch.state.belief == before)[agreed].all()
    assert (batch.state.last_informative[:, 0] == ~agreed).all()
    assert step.reward[agreed] == pytest.approx(-sigmoid(-L))
    batch.step(np.full((4000, 1), 4))  # more than there is: 0.8 for the price of 0.1
    assert batch.state.blocked.tolist() == [1] * 4000
    assert (batch.state.last_precision == 0.8).all()
    assert batch.state.remaining[:, 0] == pytest.approx(0.05)
    batch.step(np.full((4000, 1), 4))
    assert (batch.state.last_precision == P).all()
    assert (batch.state.cost == 0).all()


def test_the_posterior_of_the_hidden_state_is_right():
    """Among the episodes with one belief, the state is good as often as the belief says; and `resample` draws it so."""
    for case in (
        {},
        {"agents": "llm_like", "public_belief": "biased"},
        {"hazard": 0.1},
        {"agents": "logit", "prior": (0.2, 0.7)},
        {"network": "last-1"},
    ):
        n = 20_000
        problem = SocialSteering(T=6, budget=None, discrete=True, **case)
        batch = begun(problem, n, seed=2)
        for t in range(5):
            batch.step(np.full((n, 1), (3, 2, 4, 1, 2)[t]))
        kept = [part.copy() for part in (batch.state.belief, batch.state.log_odds, batch.state.opinion)]
        b = kept[0][:, 0]
        for redrawn in (False, True):
            if redrawn:
                batch.resample(episode_keys(5, n))
            good = batch.state.good[:, 0]
            for low in np.arange(0, 1, 0.1):
                group = (b >= low) & (b < low + 0.1)
                if group.sum() > 100:
                    error = 4.5 * (0.25 / group.sum()) ** 0.5
                    assert good[group].mean() == pytest.approx(b[group].mean(), abs=error)
        assert all(
            (a == c).all() for a, c in zip(kept, (batch.state.belief, batch.state.log_odds, batch.state.opinion), strict=True)
        )


def test_the_prior_of_a_range():
    batch = begun(SocialSteering(prior=(0.2, 0.6)), 20_000)
    b = batch.state.belief[:, 0]
    assert (b.min(), b.max(), b.mean()) == pytest.approx((0.2, 0.6, 0.4), abs=0.01)
    assert batch.state.good.mean() == pytest.approx(0.4, abs=0.02)
    assert bh.belief(0.0) == 0.5
    assert np.allclose(batch.state.log_odds[:, 0], np.log(b / (1 - b)))


def test_a_random_ending_comes_with_its_probability():
    batch = begun(SocialSteering(T=None, discount=0.9, budget=None, price=1.0), 20_000)
    for _ in range(batch.problem.horizon):
        batch.step(np.zeros((20_000, 1)))
    lengths = batch.state.t
    assert batch.state.finished.all()
    assert lengths.mean() == pytest.approx(10, abs=4.5 * 90**0.5 / 20_000**0.5)
    assert (lengths == 1).mean() == pytest.approx(0.1, abs=0.01)


def test_certainty_is_never_wrong_again():
    problem = SocialSteering(q_max=1.0, levels=[0.7, 1.0], budget=None, discrete=True, T=6, prior=(1e-9, 1 - 1e-9))
    batch = begun(problem, 5000)
    for level in (1, 0, 1, 0, 1, 1):
        step = batch.step(np.full((5000, 1), level))
        assert (batch.state.errors == 0).all()
        assert step.reward == pytest.approx(0.0, abs=1e-12)
        assert ((batch.state.log_odds[:, 0] > 0) == batch.state.good[:, 0]).all()
        assert (np.abs(batch.state.log_odds) <= CERTAIN).all()


@pytest.mark.parametrize("prior", [5e-324, 1e-300, 1e-18, 1 - 2**-53])
def test_priors_beyond_certainty_stay_numbers(prior):
    batch = begun(SocialSteering(prior=prior, agents="logit", hazard=0.0, T=8, budget=None), 200)
    for action in (1.0, -1.0, 0.0, 1.0, 0.3, 1.0, 1.0, 1.0):
        step = batch.step(np.full((200, 1), action))
        assert np.isfinite(step.observation).all()
        assert np.isfinite(step.reward).all()


def test_the_same_agents_for_all_planners():
    """Signals and endings do not depend on what was bought, so that planners can be compared episode by episode."""
    n = 500
    runs = []
    for level in (0, 4):
        batch = begun(SocialSteering(T=None, discount=0.9, budget=None, discrete=True), n, seed=3)
        for _ in range(30):
            batch.step(np.full((n, 1), level))
        runs.append((batch.state.t.copy(), batch.state.good.copy()))
    assert all((a == b).all() for a, b in zip(*runs, strict=True))


# --- networks ----------------------------------------------------------------------------------------------------------


def matrix(network, T=4, seed=0):
    return read_network(network, T, np.random.default_rng(seed)).astype(int).tolist()


def test_networks_by_hand():
    assert matrix("complete") == [[0, 0, 0, 0], [1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0]]
    assert matrix("last-1") == [[0, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]]
    assert matrix("last-2") == [[0, 0, 0, 0], [1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 1, 0]]
    assert matrix("last-9") == matrix("complete") == matrix("random-1")
    assert matrix("first-1") == [[0, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0]]
    assert matrix("first-2") == [[0, 0, 0, 0], [0, 0, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0]]
    assert matrix("first-9") == matrix("random-0") == [[0] * 4] * 4
    own = [[0, 0], [1, 0]]
    assert matrix(own, T=2) == matrix(np.array(own, bool), T=2) == matrix(np.array(own, float), T=2) == own
    large = np.array(matrix("random-0.3", T=200))
    assert large[np.tril_indices(200, -1)].mean() == pytest.approx(0.3, abs=0.015)
    assert not np.triu(large).any()
    assert matrix("random-0.5", seed=1) == matrix("random-0.5", seed=1) != matrix("random-0.5", seed=2)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ("last", "network is 'last'; expected one of"),
        ("last-0", "expected a whole number of agents, at least 1"),
        ("first-1.5", "expected a whole number of agents, at least 1"),
        ("random-1.5", "network's R is 1.5; expected a probability"),
        ("", "network is ''; expected one of"),
        ("last--1", "expected one of"),
        ([[0, 0], [1, 0]], r"network has shape \(2, 2\); expected \(4, 4\)"),
        (np.full((4, 4), np.nan), "of 0 and 1"),
        (np.eye(4), "network lets agent 0 observe agent 0; expected earlier agents only"),
        (np.triu(np.ones((4, 4)), 1), "network lets agent 0 observe agent 1"),
        (0.5 * np.tri(4, 4, -1), "of 0 and 1"),
        ([[0], [1, 0]], "network"),
        (3, "network has shape"),
        (np.full((4, 4), "1"), "of 0 and 1"),
    ],
    ids=str,
)
def test_bad_networks_are_named(network, message):
    with pytest.raises(ValueError, match=message):
        read_network(network, 4, np.random.default_rng(0))


def test_the_tiny_model_knows_the_published_table():
    """So that the truth itself is checked: V of the fact file, T = 5, no control and one unit of effort."""
    truth = Truth(levels=[0.5, 0.6, 0.7, 0.8, 0.9, 1.0], q_max=1.0, k=10.0, T=5)
    assert [truth.optimum(units) for units in (0, 1, 2)] == pytest.approx([-1.21272, -0.97454, -0.5], abs=1e-6)
    assert tiny_steering.DEFAULTS.keys() <= set(SocialSteering.setting_names())
