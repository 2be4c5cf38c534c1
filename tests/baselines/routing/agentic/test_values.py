"""The exact optimum of routing, against independent calculations and simulation."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from budgetgym.baselines.core.oracle import exact_optimum
from budgetgym.baselines.routing.agentic.belief_router import Belief
from budgetgym.baselines.routing.agentic.routers import AlwaysLarge, CriticalityGated, FirstLarge
from budgetgym.baselines.routing.agentic.values import (
    arrive_informed,
    end_payoffs,
    most_large_calls,
    move_informed,
    optimal_value,
    optimum_curve,
    start_values,
    task_table,
    worth_of_unspent,
)
from budgetgym.envs.core.batch import Batch, episode_keys
from budgetgym.envs.routing.agentic.instances import make_profile
from budgetgym.envs.routing.agentic.meter import cached, uncached
from budgetgym.envs.routing.agentic.problem import AgenticRouting
from budgetgym.envs.routing.agentic.profile import Model, Profile, criticality
from budgetgym.evaluation.play import play
from scipy.stats import norm

TINY = replace(
    make_profile("webshop"), T=4, subgoals=(1, 2), weights=(1.0, 3.0), required=criticality(0.4), silent=0.2, give_up=0.3
)
FAIL = {"sparse": lambda c: 0.0, "soft": lambda c: -0.05 * c, "gated": lambda c: 0.0}
SOLVE = {"sparse": lambda c: 1.0, "soft": lambda c: 1 - 0.05 * c, "gated": lambda c: 2 - 0.05 * c}


def by_hand(cap, *, inferred, reward="sparse", stop=False, verify=False, accuracy=0.8):
    """Expectimax in plain Python from the profile's own numbers: beliefs exact, no grid, none of the suite's kernels.

    A hidden state is (corruption, required tier); a belief is a tuple of (state, probability). The informed router's
    beliefs are certain.
    """
    profile = TINY
    critical = (0.75 * 0.4, 1.5 * 0.4)

    def p_of(d, m, r, e):
        model = profile.models[m]
        return 1 / (1 + np.exp(-(model.skill - d - 0.5 * e - profile.gap_weight * max(0, r - model.tier))))

    def task(d, G):
        def tier(g):
            middle = G / 3 < g + 0.5 < 2 * G / 3
            return {1: critical[middle], 0: 1 - critical[middle]}

        def arrive(g, corruption):
            """Beliefs after coming to subgoal g, with probabilities; corruption: {z: probability}, sums to 1."""
            if not inferred:
                return [(pz * pr, (((z, r), 1.0),)) for z, pz in corruption.items() if pz for r, pr in tier(g).items()]
            found = []
            for signal in (0, 1):
                joint = {r: pr * (accuracy if r == signal else 1 - accuracy) for r, pr in tier(g).items()}
                seen = sum(joint.values())
                belief = tuple(((z, r), pz * pr / seen) for z, pz in corruption.items() for r, pr in joint.items())
                found.append((seen, belief))
            return found

        def enter(left, k, g, e, corruption):
            total = sum(corruption.values())
            if total == 0:
                return 0.0
            corruption = {z: pz / total for z, pz in corruption.items()}
            if g == G:
                return total * (corruption.get(0, 0) * SOLVE[reward](cap - k) + corruption.get(1, 0) * FAIL[reward](cap - k))
            return total * sum(w * value(left, k, g, e, b) for w, b in arrive(g, corruption))

        def go_on(left, k, g, e, weights):
            """After an error or a clean verdict: {state: weight}."""
            total = sum(weights.values())
            if total == 0:
                return 0.0
            h = profile.give_up if e == 3 else 0.0
            if inferred:
                belief = tuple((s, w / total) for s, w in sorted(weights.items()))
                worth = value(left, k, g, e, belief)
            else:
                worth = sum(w * value(left, k, g, e, ((s, 1.0),)) for s, w in weights.items()) / total
            return total * ((1 - h) * worth + h * FAIL[reward](cap - k))

        @cache
        def value(left, k, g, e, belief):
            if left == 0:
                return FAIL[reward](cap - k)
            options = [FAIL[reward](cap - k)] if stop else []
            for m in (0, 1):
                if m <= k:
                    options.append(move(left - 1, k - m, g, e, belief, m))
                    if verify:
                        options.append(judge(left - 1, k - m, g, e, belief, m))
            return max(options)

        def move(left, k, g, e, belief, m):
            recovery = profile.models[m].recovery
            back, ahead, stay = 0.0, {0: 0.0, 1: 0.0}, {}
            for (z, r), w in belief:
                p = p_of(d, m, r, e)
                quiet = (1 - p) * (profile.silent + profile.silent_gap * (r > m))
                back += w * recovery * z
                rest = w * (1 - recovery * z)
                ahead[z] += rest * p
                ahead[1] += rest * quiet
                stay[z, r] = rest * (1 - p - quiet)
            total = back * enter(left, k, max(g - 1, 0), 1, {0: 1.0}) if back else 0.0
            return total + enter(left, k, g + 1, max(e - 1, 0), ahead) + go_on(left, k, g, min(e + 1, 3), stay)

        def judge(left, k, g, e, belief, m):
            accuracy_of = profile.models[m].verify_accuracy
            accused = {s: w * (accuracy_of if s[0] else 1 - accuracy_of) for s, w in belief}
            clean = {s: w - accused[s] for s, w in belief}
            back = sum(accused.values())
            return back * enter(left, k, max(g - 1, 0), 1, {0: 1.0}) + go_on(left, k, g, e, clean)

        return enter(profile.T, cap, 0, 0, {0: 1.0})

    difficulties = profile.spread * norm.ppf((np.arange(16) + 0.5) / 16)
    return np.mean([0.25 * task(d, 1) + 0.75 * task(d, 2) for d in difficulties[::5]])


def ours(cap, knowledge, **settings):
    """The suite's answer on the same few difficulties."""
    problem = AgenticRouting(instance=TINY, budget=cap, **settings)
    unspent = worth_of_unspent(problem, cap)
    payoff = end_payoffs(problem, cap, unspent)
    grid = (65, 65)
    return -unspent[-1] + np.mean(
        [
            weight * start_values(problem, task_table(problem, payoff[d, s], knowledge, d, s, grid), knowledge)[-1] * 1.0
            for d in range(0, 16, 5)
            for s, weight in ((0, 0.25 * 2), (1, 0.75 * 2))
        ]
    )


@pytest.mark.parametrize("knowledge", ["informed", "difficulty"])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"stop": True, "reward": "soft", "cost_weight": 0.05},
        {"verify": True},
        {"verify": True, "stop": True, "reward": "gated", "cost_weight": 0.05, "success_value": 2.0},
    ],
    ids=str,
)
def test_the_optimum_is_the_expectimax_by_hand(knowledge, settings):
    for cap in (0, 2):
        exact = by_hand(
            cap,
            inferred=knowledge == "difficulty",
            reward=settings.get("reward", "sparse"),
            stop=settings.get("stop", False),
            verify=settings.get("verify", False),
        )
        found = ours(cap, knowledge, **settings)
        tolerance = 1e-10 if knowledge == "informed" else 2e-4
        assert found == pytest.approx(exact, abs=tolerance)
        assert found >= exact - 1e-10  # interpolation errs upward


@pytest.fixture(scope="module")
def webshop():
    return AgenticRouting(instance="webshop", budget=5)


def test_no_large_calls_is_always_small_and_many_are_at_least_always_large(webshop):
    small, large = (webshop.boundary.mean(webshop.boundary.success, webshop.profile)[m] for m in (0, 1))
    for knowledge in ("informed", "difficulty"):
        curve = optimum_curve(webshop, 15, knowledge)
        assert curve[0] == pytest.approx(small, abs=1e-9)
        assert curve[-1] >= large - 1e-9
        assert (np.diff(curve) >= -1e-12).all()
    assert (optimum_curve(webshop, 15, "informed") >= optimum_curve(webshop, 15, "difficulty") - 2e-3).all()


def test_a_better_signal_is_worth_more(webshop):
    values = [optimal_value(webshop.replace(criticality_accuracy=a), 5) for a in (0.5, 0.8, 1.0)]
    assert values == sorted(values)
    assert values[0] < values[2] - 0.01
    assert values[2] <= optimal_value(webshop, 5, "informed") + 2e-3


def test_the_grid_converges_from_above(webshop):
    values = [optimum_curve(webshop, 5, "difficulty", grid)[-1] for grid in ((5, 5), (9, 9), (17, 17))]
    assert values[0] >= values[1] >= values[2]
    assert values[1] - values[2] < 0.002


def test_the_belief_router_earns_the_value_given_the_difficulty():
    """With the difficulty shown, lookahead into the tables is the optimum itself, up to the grid."""
    problem = AgenticRouting(instance="webshop", budget=5, difficulty_noise=0.0)
    success = play(Belief(problem), problem, range(40_000), 0).episodes["success"]
    assert success.mean() == pytest.approx(optimum_curve(problem, 5, "difficulty", (17, 17))[-1], abs=4 * 0.5 / 200)


def test_the_belief_router_with_verdicts_and_a_price_on_calls():
    problem = AgenticRouting(
        instance="webshop", budget=6, difficulty_noise=0.0, verify=True, stop=True, reward="soft", cost_weight=0.03
    )
    returns = play(Belief(problem), problem, range(40_000), 0).episodes["return"]
    assert returns.mean() == pytest.approx(optimal_value(problem, 6), abs=4 * 0.5 / 200 + 0.002)


def test_the_belief_router_beats_the_baselines_and_stays_below_the_optimum(webshop):
    belief, first = (play(agent(webshop), webshop, range(20_000), 0).episodes["success"] for agent in (Belief, FirstLarge))
    assert (belief - first).mean() > 3 * (belief - first).std() / np.sqrt(20_000)
    assert belief.mean() < exact_optimum(webshop) + 3 * 0.5 / np.sqrt(20_000)


def test_the_informed_policy_earns_its_value(webshop):
    """Played in simulation with a look at the hidden state: one truth for kernels and programme."""
    payoff = end_payoffs(webshop, 5, np.zeros(6))
    tables = [[task_table(webshop, payoff[d, s], "informed", d, s) for s in range(3)] for d in range(16)]
    batch = Batch(webshop, 8000)
    batch.seed(episode_keys(1, 8000))
    batch.reset()
    state, laws = batch.state, webshop.params.laws
    arrivals = {}
    while not state.finished.all():
        actions = np.zeros(batch.n, int)
        for i in np.flatnonzero(~state.finished & (state.remaining[:, 0] >= 1)):
            d, s, step, k = state.difficulty[i], state.kind[i], state.step[i], int(state.remaining[i, 0])
            G, left = int(laws.subgoals[s]), webshop.profile.T - step
            later = tables[d][s][left - 1]
            if (d, s, left) not in arrivals:
                arrivals[d, s, left] = np.empty((6, G + 1, 4, 2))
                arrive_informed(laws, G, np.ascontiguousarray(payoff[d, s]), later, arrivals[d, s, left])
            at = (state.progress[i], state.errors[i], state.corrupted[i], state.required[i])
            args = (np.ascontiguousarray(payoff[d, s]), arrivals[d, s, left], later)
            worth = [move_informed(laws, d, m, k - m, *at, *args) for m in (0, 1)]
            actions[i] = worth[1] > worth[0] + 1e-12
        batch.step(batch.read_actions(actions))
    assert state.success.mean() == pytest.approx(optimum_curve(webshop, 5, "informed")[-1], abs=4 * 0.5 / np.sqrt(8000))


def test_a_stream_of_tasks_is_worth_its_parts(webshop):
    one, two = optimum_curve(webshop, 8), optimum_curve(webshop.replace(tasks=2), 8)
    assert two[0] == pytest.approx(2 * one[0])
    for k in range(9):  # the second task may still learn what the first one left
        assert two[k] >= max(one[j] + one[k - j] for j in range(k + 1)) - 1e-9
    soft = optimum_curve(webshop.replace(tasks=2, reward="soft", cost_weight=10.0), 3)
    assert soft == pytest.approx(np.full(4, 2 * one[0]))


def test_dollars_have_a_bound():
    """No policy makes more large calls than the bound says, and none solves more tasks."""
    for settings in ({}, {"verify": True}, {"tasks": 2}):
        problem = AgenticRouting(instance="webshop", unit="dollars", **settings)
        generator, actions = np.random.default_rng(0), problem.action_space.n
        for hostile in (False, True):
            batch = Batch(problem, 3000)
            batch.seed(episode_keys(0, 3000))
            batch.reset()
            while not batch.state.finished.all():
                chosen = generator.integers(0, actions, 3000) if hostile else np.ones(3000, int)
                batch.step(batch.read_actions(chosen))
            most = most_large_calls(problem, batch.state.initial[0, 0])
            assert batch.state.large_calls.max() <= most
            assert most < 3 * max(batch.state.large_calls.max(), 5)
    problem = AgenticRouting(instance="webshop", unit="dollars")
    router = play(CriticalityGated(problem), problem, range(4000), 0).episodes["success"]
    assert 0.7 * exact_optimum(problem) < router.mean() < exact_optimum(problem)
    assert np.isnan(exact_optimum(problem.replace(reward="soft")))


def test_free_calls_do_not_beat_the_bound():
    """What is called for nothing is the first model, even where another one's next call would be cheaper."""
    models = (Model("a", 0.3, 0, uncached(1, 1), recovery=0.02), Model("b", 0.3, 1, cached(1.5, 1.5, read=0.0), recovery=0.08))
    profile = Profile(models, 20, (6,), (1.0,), criticality(0.35), 3.0, first_prompt=20000.0)
    problem = AgenticRouting(instance=profile, unit="dollars", budget=0.035, exhaustion="free")
    success = play(AlwaysLarge(problem), problem, range(4000), 0).episodes["success"].mean()
    assert success < exact_optimum(problem) + 0.02


def test_long_streams_fall_back_to_the_informed_optimum(webshop):
    """Only what takes seconds is computed: given the difficulty, else informed, else nothing."""
    session = webshop.replace(tasks=4, budget=40)
    assert exact_optimum(session) == optimum_curve(session, 40, "informed")[-1]
    assert np.isnan(exact_optimum(webshop.replace(tasks=400, budget=4000)))
    gated = webshop.replace(reward="gated", cost_weight=0.05)
    assert optimal_value(gated, 5) == pytest.approx(optimum_curve(gated, 5)[-1])


def test_bad_questions_are_refused(webshop):
    with pytest.raises(ValueError, match="cap is -1"):
        optimum_curve(webshop, -1)
    with pytest.raises(ValueError, match="knowledge is 'foo'"):
        optimum_curve(webshop, 1, "foo")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="grid is 5"):
        optimum_curve(webshop, 1, "difficulty", 5)  # type: ignore[arg-type]
    both = tuple(replace(model, tier=1) for model in webshop.profile.models)
    limited = AgenticRouting(instance=replace(webshop.profile, models=both), budget=2)
    with pytest.raises(ValueError, match="a budget of calls would limit them all"):
        optimum_curve(limited, 2)


def test_what_has_no_exact_answer_says_so():
    for settings, message in (
        ({"unit": "dollars"}, "unit is 'dollars'"),
        ({"reward": "windowed"}, "reward is 'windowed'"),
        ({"reward": "bill"}, "reward is 'bill'"),
    ):
        problem = AgenticRouting(instance="webshop", **settings)
        with pytest.raises(ValueError, match=message):
            optimum_curve(problem, 5)
        assert np.isnan(exact_optimum(problem)) == ("reward" in settings)
    swe = AgenticRouting(instance="swe")
    with pytest.raises(ValueError, match="needs two tiers"):
        optimum_curve(swe, 5, "difficulty")
    with pytest.raises(ValueError, match="two tiers"):
        Belief(swe)
    with pytest.raises(ValueError, match="tasks=2"):
        Belief(AgenticRouting(instance="webshop", tasks=2))
