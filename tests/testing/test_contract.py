"""The checks of `budgetgym.testing` find what they are for, and pass what is right."""

import dataclasses
from typing import Any, NamedTuple

import budgetgym
import numpy as np
import pytest
from budgetgym.baselines.core.oracle import Oracle
from budgetgym.baselines.core.random import RandomAction
from budgetgym.envs import family as families_module
from budgetgym.envs.core import Feature, Kernels, jit, render, rng
from budgetgym.envs.core.render import Drawing
from budgetgym.envs.steering.problem import SocialSteering
from budgetgym.testing import CHECKS, ContractError, check_documentation, check_family, check_oracle, check_problem
from own_problem import FAMILY, OnlineKnapsack, mask, observe, reset, step
from toys import Painter

GOOD = [
    OnlineKnapsack(),
    OnlineKnapsack(capacity=(1.0, 8.0), horizon=7, heaviest=3.0),
    OnlineKnapsack(budget_aware=False),
    Painter(),
    Painter(horizon=3, budget_aware=False),
]


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
@pytest.mark.parametrize("problem", GOOD, ids=lambda problem: f"{type(problem).__name__}-{problem.settings}")
def test_what_keeps_the_contract_passes(problem, check):
    check(problem, 3)


@jit
def step_looks_at_neighbour(params, state, i, action):
    """Looks at the neighbour's lane."""
    reward, cost, over = step(params, state, i, action)
    return reward + state.value[i - 1], cost, over


@jit
def observe_too_much(params, state, i, out):
    out[0] = 1.5
    out[1] = 0.0


@jit
def observe_with_chance(params, state, i, out):
    observe(params, state, i, out)
    out[0] = rng.unit(rng.mix(state.rng[i]))


@jit
def step_beyond_the_mask(params, state, i, action):
    """Counts everything as blocked."""
    state.blocked[i] += 1
    return step(params, state, i, action)


@jit
def step_forgets_blocked(params, state, i, action):
    """Sets the count back."""
    result = step(params, state, i, action)
    state.blocked[i] = max(0, 4 - state.t[i])
    return result


@jit
def step_nan(params, state, i, action):
    reward, cost, over = step(params, state, i, action)
    return reward * np.nan, cost, over


@jit
def observe_three(params, state, i, out):
    observe(params, state, i, out)
    out[2] = 0.5


@jit
def observe_one(params, state, i, out):
    out[0] = state.value[i]


@jit
def observe_and_change(params, state, i, out):
    observe(params, state, i, out)
    state.taken[i] += 1


@jit
def mask_two(params, state, i, out):
    out[0] = 1
    out[1] = 2


@jit
def step_without_end(params, state, i, action):
    reward, cost, _ = step(params, state, i, action)
    return reward, cost, False


@jit
def step_turns_back(params, state, i, action):
    state.t[i] = state.t[i] // 2
    return step(params, state, i, action)


@jit
def step_with_two_costs(params, state, i, action):
    reward, cost, over = step(params, state, i, action)
    return reward, (cost, cost), over


@jit
def redraws_what_is_seen(params, state, i):
    state.value[i] = rng.uniform(state.rng, i)


class Other(OnlineKnapsack):
    """Same arguments, other kernels."""


@pytest.mark.parametrize(
    ("kernels", "message"),
    [
        (Kernels(reset, step_looks_at_neighbour, observe, mask), "is different in a batch than alone"),
        (Kernels(reset, step, observe_too_much, mask), r"\['value'\] leave their range"),
        (Kernels(reset, step_beyond_the_mask, observe, mask), "blocks an action that the mask allows"),
        (Kernels(reset, step_forgets_blocked, observe, mask), "blocked falls"),
        (Kernels(reset, step_nan, observe, mask), "a reward is"),
        (Kernels(reset, step, observe_three, mask), "`observe` writes more than its 2 entries"),
        (Kernels(reset, step, observe_one, mask), r"`observe` does not write the entries \[1\] of 2"),
        (Kernels(reset, step, observe_and_change, mask), "`observe` changes the state"),
        (Kernels(reset, step, observe, mask_two), r"`mask` writes \[1, 2\]; expected 0 and 1"),
        (Kernels(reset, step_without_end, observe, mask), "episodes are still running after 1100 steps"),
        (Kernels(reset, step_turns_back, observe, mask), "changes the clock|still running"),
        (Kernels(reset, step_with_two_costs, observe, mask), "RuntimeError: Other: step 0 of lane 0 charged"),
        (Kernels(reset, step, observe, mask, redraws_what_is_seen), "`resample` changes observations"),
    ],
)
def test_a_broken_kernel_is_found(kernels, message, monkeypatch):
    monkeypatch.setattr(Other, "kernels", kernels)
    with pytest.raises(ContractError, match=message):
        check_problem(Other(capacity=1.0))


class Forgetful(OnlineKnapsack):
    """Does not hand on its capacity."""

    budget_settings = ("budget",)


def test_the_name_of_the_budgets_setting_is_checked():
    with pytest.raises(ContractError, match=r"budget_settings is \('budget',\), and the constructor takes"):
        check_problem(Forgetful())


class LeakyParams(NamedTuple):
    horizon: int
    heaviest: float
    steps: Any


@jit
def step_counts_in_params(params, state, i, action):
    """Keeps something outside of the state."""
    params.steps[0] += 1
    reward, cost, over = step(params, state, i, action)
    return reward + params.steps[0], cost, over


class Leaky(OnlineKnapsack):
    """Changes its parameters."""

    kernels = Kernels(reset, step_counts_in_params, observe, mask)

    def __init__(self) -> None:
        super().__init__()
        self.params: Any = LeakyParams(50, 1.0, np.zeros(1, np.int64))


def test_what_an_episode_is_outside_of_its_state_is_found():
    with pytest.raises(ContractError, match=r"after restore\(\) differs; expected everything that an episode is"):
        CHECKS["snapshots"](Leaky(), 0)


class Leaking(Drawing):
    """Tells the state."""

    def visible(self, problem):
        return ("good",)

    def standing(self, view):
        return str(view.seen["good"])


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "family_of",
            lambda problem: budgetgym.Family("leaky", SocialSteering, drawing=Leaking()),
            "pictures change when what is hidden is redrawn",
        ),
        ("text", lambda drawing, view: "x" * 81, "has lines of 81 characters"),
        ("picture", lambda drawing, view: np.zeros((3, 4)), "a frame is ndarray; expected an array"),
        ("picture", lambda drawing, view: np.zeros((3, 4 + view.t, 3), np.uint8), "frames have the sizes"),
    ],
)
def test_pictures_are_checked(name, value, message, monkeypatch):
    monkeypatch.setattr(render, name, value)
    with pytest.raises(ContractError, match=message):
        CHECKS["pictures"](SocialSteering(), 2)


def test_documentation_is_asked_for_by_section():
    with pytest.raises(ContractError, match="OnlineKnapsack: its docstring lacks the sections"):
        check_documentation(OnlineKnapsack())


@pytest.fixture
def own_registry(monkeypatch):
    """Leaves the registry as it was."""
    monkeypatch.setattr(families_module, "_families", dict(families_module._families))
    monkeypatch.setattr(families_module, "_added", {name: dict(agents) for name, agents in families_module._added.items()})
    yield
    budgetgym.register_family(FAMILY, replace=True)


def registered(**changes: Any) -> budgetgym.Family:
    family = dataclasses.replace(FAMILY, **changes)
    budgetgym.register_family(family, replace=True)
    return family


def test_an_oracle_that_is_beaten_or_wrong_is_found(own_registry):
    known = frozenset({"horizon", "heaviest", "budget_aware"})
    registered(oracle=Oracle(known, optimum=lambda problem, capacity: 7.0))
    with pytest.raises(ContractError, match=r"price scores .* and the optimum is 7"):
        check_oracle(OnlineKnapsack(), ["price"])
    registered(oracle=Oracle(known, bounds=lambda problem, batch: np.full(batch.n, 11.0)))
    with pytest.raises(ContractError, match="price scores more than the bound in episodes"):
        check_oracle(OnlineKnapsack(), ["price"])
    registered(
        oracle=Oracle(known, null=lambda problem: 3.0),
        agents={"null": budgetgym.Agent(RandomAction, "random")},
    )
    with pytest.raises(ContractError, match=r"doing nothing scores .* and the oracle says 3"):
        check_oracle(OnlineKnapsack(), ["null"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"oracle": "own_problem:NOTHING"}, "oracle is 'own_problem:NOTHING', which leads nowhere"),
        ({"oracle": OnlineKnapsack}, r"expected Oracle\("),
        ({"agents": {"mine": budgetgym.Agent("own_problem:Nobody", "x")}}, "agents\\['mine'\\] is 'own_problem:Nobody'"),
        ({"agents": {"mine": budgetgym.Agent(OnlineKnapsack, "")}}, "agent 'mine' has no description"),
        ({"demo": ("budgetgym/TrapTree-v0 --agents random",)}, "expected an id of the family"),
        ({"games": {"game_v0": "own_problem"}}, "has no parallel_env"),
    ],
)
def test_a_record_that_leads_nowhere_is_found(own_registry, changes, message):
    with pytest.raises(ContractError, match=message):
        check_family(registered(**changes), episodes=0)


def test_features_are_declared_with_all_their_entries():
    assert Feature("x", 0.0, 1.0, "").entries == ["x"]
    assert Feature("x", np.zeros(2), np.ones(2), "").entries == ["x[0]", "x[1]"]
