"""The exact optimum of a small workflow, and the exact value of a policy, by dynamic programming.

Where all costs and durations are multiples of a unit, dollars and seconds left are whole numbers b and d. With S the set of
completed subtasks,

    V[S, d, b] = max over rounds a of  sum over outcomes (S', time, cost)  P(S', time, cost | a) V[S', d - time, b - cost]

and V is 1 where everything is completed. A round a gives each ready subtask a launch or none, and must be affordable should
all its samples be as long as they can. Every round takes time, so the equation refers to smaller d only.

Of unlimited dollars no launch takes any, and b is 0. Without a deadline seconds are replaced by rounds, of which each costs at
least one unit of dollars: there are no more than the budget has units.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from fractions import Fraction
from typing import Any, ClassVar, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from ...envs.core.batch import Batch
from ...envs.core.jit import fingerprint, jit
from ...envs.core.ledger import ROUNDING
from ...envs.core.problem import Problem
from ...envs.workflow.law import (
    cut_to_budget,
    is_ready,
    launched_model,
    launched_samples,
    length_probability,
    success_probability,
)
from ...envs.workflow.problem import WorkflowRouting
from ...envs.workflow.reading import Reading, read_done, read_initial, read_share
from ...envs.workflow.state import Params
from ...envs.workflow.workflow import TOKENS_PER_PRICE
from ..core.cache import cached_array
from ..core.policy import Information, KernelPolicy
from .policies import WorkflowPolicy, check_workflow

MOST_STATES = 20_000_000
"""(sets of subtasks) x (seconds) x (dollars), at most: their values fill 160 MB."""

MOST_OUTCOMES = 5_000_000
"""Outcomes of all rounds together, at most."""

MOST_WORK = 2e10
"""Terms of all sums together, at most: about ten seconds."""


class Lattice(NamedTuple):
    """The grid on which dollars and seconds lie."""

    dollars: Fraction
    """Unit of dollars."""
    seconds: Fraction
    """Unit of seconds."""
    dollar_steps: list[list[list[int]]]
    """[v][m][k]: cost of a sample in units."""
    second_steps: list[list[list[int]]]
    """Its duration, likewise."""
    budget: int
    """Whole units of dollars there are."""
    deadline: int
    """Whole units of seconds."""


class Rounds(NamedTuple):
    """All that can be done in a set of completed subtasks, with its law. a rounds, o outcomes; amounts in units."""

    actions: NDArray[np.int64]
    """(a, V)"""
    worst_dollars: NDArray[np.int64]
    """(a,)"""
    worst_seconds: NDArray[np.int64]
    """(a,)"""
    first: NDArray[np.int64]
    """(a + 1,) outcomes `first[j]` to `first[j + 1]` - 1 are those of round j."""
    dollars: NDArray[np.int64]
    """(o,)"""
    seconds: NDArray[np.int64]
    """(o,)"""
    to: NDArray[np.int64]
    """(o,) number of the set that the outcome leads to."""
    probability: NDArray[np.float64]
    """(o,)"""


class _Law(NamedTuple):
    """Outcomes of launches: dollars, seconds, completed subtasks (as bits), probability; (o,) each."""

    dollars: NDArray[np.int64]
    seconds: NDArray[np.int64]
    passed: NDArray[np.int64]
    probability: NDArray[np.float64]


def lattice_of(problem: WorkflowRouting, amounts: NDArray[np.float64]) -> Lattice:
    """The coarsest grid on which every sample's dollars and seconds lie; numbers are taken as they are written.

    amounts: (2,) dollars and seconds, which may be unlimited.

    Raises:
        ValueError: there is no limit to the rounds.
    """
    workflow = problem.workflow
    lengths = workflow.lengths()
    price = [_exact(model.price) / int(TOKENS_PER_PRICE) for model in workflow.models]
    speed = [_exact(model.speed) for model in workflow.models]
    dollars = [[[_exact(tokens) * price[m] for tokens in atoms] for m, atoms in enumerate(row)] for row in lengths]
    seconds = [[[_exact(tokens) / speed[m] for tokens in atoms] for m, atoms in enumerate(row)] for row in lengths]
    units = _common_unit(dollars), _common_unit(seconds)
    steps = [
        [[[int(amount / unit) for amount in atoms] for atoms in row] for row in table]
        for table, unit in zip((dollars, seconds), units, strict=True)
    ]
    b, d = (
        0 if amount == np.inf else int(float(amount) * (1.0 + ROUNDING) / float(unit))
        for amount, unit in zip(amounts, units, strict=True)
    )
    if amounts[0] == np.inf:
        steps[0] = [[[0] * len(atoms) for atoms in row] for row in steps[0]]
    if amounts[1] == np.inf:
        if min(min(atoms) for row in steps[0] for atoms in row) < 1:
            raise ValueError(f"{problem.instance}: without a deadline, what costs nothing can be tried without end")
        steps[1], d = [[[1] * len(atoms) for atoms in row] for row in steps[1]], b
    return Lattice(units[0], units[1], steps[0], steps[1], b, d)


def _exact(number: float) -> Fraction:
    return Fraction(repr(number))


def _common_unit(table: list[list[list[Fraction]]]) -> Fraction:
    amounts = [amount for row in table for atoms in row for amount in atoms]
    denominator = math.lcm(*(amount.denominator for amount in amounts))
    unit = Fraction(math.gcd(*(int(amount * denominator) for amount in amounts)), denominator)
    return unit or Fraction(1)  # all are 0


def reachable_sets(params: Params) -> list[int]:
    """The sets of completed subtasks that can come up, as bits, smaller ones first."""
    found = {0}
    frontier = [0]
    while frontier:
        done = frontier.pop()
        for v in _ready(params, done):
            if (larger := done | 1 << v) not in found:
                found.add(larger)
                frontier.append(larger)
        if len(found) > MOST_STATES:
            break
    return sorted(found, key=lambda done: (done.bit_count(), done))


def _ready(params: Params, done: int) -> list[int]:
    return [v for v in range(len(params.before)) if is_ready(params, done, v)]


def launch_law(params: Params, lattice: Lattice, v: int, m: int, n: int) -> _Law:
    """What n samples of model m do to subtask v: the sum of their costs, the longest of them, and whether one passes."""
    q = length_probability(params, v, m)
    samples = {(0, 0): 1.0}
    for _ in range(n):
        longer: dict[tuple[int, int], float] = {}
        for (cost, time), probability in samples.items():
            for c, t in zip(lattice.dollar_steps[v][m], lattice.second_steps[v][m], strict=True):
                key = cost + c, max(time, t)
                longer[key] = longer.get(key, 0.0) + probability * q
        samples = longer
    passes = 1.0 - (1.0 - success_probability(params, v, m)) ** n
    table = np.array(list(samples), np.int64)
    pmf = np.array(list(samples.values()))
    both = _Law(
        np.tile(table[:, 0], 2),
        np.tile(table[:, 1], 2),
        np.repeat([1 << v, 0], len(pmf)),
        np.concatenate([pmf * passes, pmf * (1.0 - passes)]),
    )
    return _rows(both, both.probability > 0.0)


def _rows(law: _Law, chosen: NDArray[np.bool_]) -> _Law:
    return _Law(law.dollars[chosen], law.seconds[chosen], law.passed[chosen], law.probability[chosen])


def _together(laws: Iterable[_Law]) -> _Law:
    """Launches side by side: costs add up, the longest counts."""
    one = np.zeros(1, np.int64)
    joint = _Law(one, one, one, np.ones(1))
    for law in laws:
        joint = _merged(
            _Law(
                (joint.dollars[:, None] + law.dollars).ravel(),
                np.maximum(joint.seconds[:, None], law.seconds).ravel(),
                (joint.passed[:, None] | law.passed).ravel(),
                (joint.probability[:, None] * law.probability).ravel(),
            )
        )
    return joint


def _merged(law: _Law) -> _Law:
    """Equal outcomes put together."""
    rows, inverse = np.unique(np.stack(law[:3], axis=1), axis=0, return_inverse=True)
    columns = np.ascontiguousarray(rows.T)
    probability = np.bincount(inverse.ravel(), weights=law.probability).astype(np.float64)
    return _Law(columns[0], columns[1], columns[2], probability)


class Program(NamedTuple):
    """A problem as a finite dynamic programme."""

    lattice: Lattice
    sets: list[int]
    rounds: list[Rounds]
    """Of every set but the last, which is complete."""


def _checked(problem: WorkflowRouting, amounts: NDArray[np.float64]) -> tuple[Lattice, list[int]]:
    """The grid of dollars and seconds, and the sets of completed subtasks; ValueError if these are too many states."""
    lattice, sets = lattice_of(problem, amounts), reachable_sets(problem.params)
    b, d = lattice.budget, lattice.deadline
    if (states := len(sets) * (b + 1) * (d + 1)) > MOST_STATES:
        raise ValueError(
            f"{problem.instance} has {len(sets)} sets of completed subtasks x {b + 1} dollars x {d + 1} seconds = "
            f"{states:.2g} states; expected at most {MOST_STATES:.2g}. Coarser lengths, prices and speeds help: they give a "
            f"unit of {float(lattice.dollars):g} dollars and {float(lattice.seconds):g} seconds"
        )
    return lattice, sets


def program_of(problem: WorkflowRouting, amounts: NDArray[np.float64]) -> Program:
    """The dynamic programme of a problem with this budget, (2,).

    Raises:
        ValueError: it is too large; the message says how large.
    """
    params, (lattice, sets) = problem.params, _checked(problem, amounts)
    b, d = lattice.budget, lattice.deadline
    V, M = params.success.shape
    laws = {
        (v, entry): launch_law(params, lattice, v, launched_model(params, entry), launched_samples(params, entry))
        for v in range(V)
        for entry in range(1, 1 + M * params.samples)
        if params.success[v, launched_model(params, entry)] > 0.0
    }
    outcomes = sum(
        math.prod(1 + sum(len(law.dollars) for (u, _), law in laws.items() if u == v) for v in _ready(params, done))
        for done in sets
    )
    if outcomes > MOST_OUTCOMES:
        raise ValueError(f"{problem.instance} has {outcomes:.2g} outcomes of rounds; expected at most {MOST_OUTCOMES:.2g}")
    number = {done: s for s, done in enumerate(sets)}
    rounds = [_rounds(params, laws, done, number, b, d) for done in sets[:-1]]
    if (work := sum(len(r.to) for r in rounds) * float(b + 1) * (d + 1)) > MOST_WORK:
        raise ValueError(f"{problem.instance} takes {work:.2g} terms to sum; expected at most {MOST_WORK:.2g}")
    return Program(lattice, sets, rounds)


def _rounds(params: Params, laws: dict[tuple[int, int], _Law], done: int, number: dict[int, int], b: int, d: int) -> Rounds:
    """The rounds that can be afforded with b and d units at most."""
    V = len(params.before)
    choices = {v: [entry for u, entry in laws if u == v] for v in _ready(params, done)}
    actions, worst, joint = [], [], []
    for entries in itertools.product(*([0, *entries] for entries in choices.values())):
        launched = [(v, entry) for v, entry in zip(choices, entries, strict=True) if entry]
        cost, time = (
            sum(laws[key].dollars.max() for key in launched),
            max((laws[key].seconds.max() for key in launched), default=0),
        )
        if not launched or cost > b or time > d:
            continue
        action = np.zeros(V, np.int64)
        action[[v for v, _ in launched]] = [entry for _, entry in launched]
        actions.append(action)
        worst.append((cost, time))
        joint.append(_together(laws[key] for key in launched))
    limits = np.array(worst, np.int64).reshape(-1, 2)
    passed = _column(joint, "passed").astype(np.int64).tolist()
    return Rounds(
        np.array(actions, np.int64).reshape(-1, V),
        limits[:, 0].copy(),
        limits[:, 1].copy(),
        np.cumsum([0, *(len(law.dollars) for law in joint)]),
        _column(joint, "dollars").astype(np.int64),
        _column(joint, "seconds").astype(np.int64),
        np.array([number[done | bits] for bits in passed], np.int64),
        _column(joint, "probability"),
    )


def _column(laws: list[_Law], name: str) -> NDArray[Any]:
    """One column of several laws, one after the other."""
    return np.concatenate([getattr(law, name) for law in laws] or [np.zeros(0)])


@jit
def expected_value(rounds, value, j, d, out):
    """Write the expected value of round j with d units of time into `out` (B + 1,), for every b that affords it."""
    lowest = rounds.worst_dollars[j]
    out[lowest:] = 0.0
    for o in range(rounds.first[j], rounds.first[j + 1]):
        later = value[rounds.to[o], d - rounds.seconds[o]]
        cost = rounds.dollars[o]
        for b in range(lowest, out.shape[0]):
            out[b] += rounds.probability[o] * later[b - cost]


@jit
def fill_optimal(rounds, s, value, choice, expected):
    """Bellman's equation for set s: value and choice (sets, D + 1, B + 1); choice is 1 + the number of the round, 0 for none.

    expected: (B + 1,) scratch.
    """
    for d in range(value.shape[1]):
        for j in range(rounds.worst_dollars.shape[0]):
            if rounds.worst_seconds[j] <= d:
                expected_value(rounds, value, j, d, expected)
                for b in range(rounds.worst_dollars[j], value.shape[2]):
                    if expected[b] > value[s, d, b] + 1e-15:  # of equally good rounds, the first
                        value[s, d, b] = expected[b]
                        choice[s, d, b] = j + 1


@jit
def fill_fixed(rounds, s, value, chosen):
    """The value of a policy in set s, where it plays round `chosen[d, b]` - 1, or nothing for 0."""
    for d in range(value.shape[1]):
        for b in range(value.shape[2]):
            j = chosen[d, b] - 1
            if j >= 0:
                for o in range(rounds.first[j], rounds.first[j + 1]):
                    later = value[rounds.to[o], d - rounds.seconds[o], b - rounds.dollars[o]]
                    value[s, d, b] += rounds.probability[o] * later


def blank_values(program: Program) -> NDArray[np.float64]:
    """(sets, D + 1, B + 1): 1 where everything is completed, 0 elsewhere."""
    value = np.zeros((len(program.sets), program.lattice.deadline + 1, program.lattice.budget + 1))
    value[-1] = 1.0
    return value


def optimal_tables(program: Program) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The best completion probability of every state, and the round that reaches it (see `fill_optimal`)."""

    def compute() -> NDArray[np.float64]:
        value = blank_values(program)
        choice = np.zeros(value.shape)
        expected = np.zeros(program.lattice.budget + 1)
        for s in reversed(range(len(program.rounds))):
            fill_optimal(program.rounds[s], s, value, choice, expected)
        return np.stack([value, choice])

    arrays = [array for rounds in program.rounds for array in rounds]
    units = program.lattice.budget, program.lattice.deadline
    key = ("workflow", fingerprint(fill_optimal.py_func), program.sets, *units)  # type: ignore[attr-defined]
    value, choice = cached_array(compute, *key, *arrays)
    return value, choice


def optimal_value(problem: WorkflowRouting, dollars: float, seconds: float) -> float:
    """The completion probability of the best policy with these dollars and seconds.

    Raises:
        ValueError: the workflow is too large, or its costs and durations lie on too fine a grid.
    """
    if dollars == seconds == np.inf:
        return float((problem.params.success.max(axis=1) > 0.0).all())  # what can be completed is, in the end
    return float(optimal_tables(program_of(problem, np.array([dollars, seconds])))[0][0, -1, -1])


def policy_value(problem: WorkflowRouting, agent: KernelPolicy) -> float:
    """The exact completion probability of a policy without memory or chance, at the problem's own budget.

    Raises:
        ValueError: see `optimal_value`; or budgets that vary.
    """
    amounts, highest = problem.budget.arrays(problem.resources)
    if (amounts != highest).any():
        raise ValueError(f"budget is {problem.budget!r}; expected one amount of each resource")
    program = program_of(problem, amounts)
    value = blank_values(program)
    for s in reversed(range(len(program.rounds))):
        actions = _actions_everywhere(problem, agent, program, s, amounts)
        number = {tuple(action): j + 1 for j, action in enumerate(program.rounds[s].actions.tolist())}
        chosen = np.array([number.get(tuple(action), 0) for action in actions.tolist()], np.int64)
        fill_fixed(program.rounds[s], s, value, chosen.reshape(value.shape[1:]))
    return float(value[0, -1, -1])


def _actions_everywhere(
    problem: WorkflowRouting, agent: KernelPolicy, program: Program, s: int, amounts: NDArray[np.float64]
) -> NDArray[np.int64]:
    """What is launched in every state of set s when the agent acts, ((D + 1) (B + 1), V)."""
    D, B = program.lattice.deadline + 1, program.lattice.budget + 1
    batch = Batch(problem, D * B)
    batch.seed(np.zeros(batch.n, np.uint64))
    batch.reset()
    used = np.stack(np.meshgrid(np.arange(D), np.arange(B), indexing="ij"), axis=-1).reshape(-1, 2)
    batch.state.remaining[:, 0] = amounts[0] - (B - 1 - used[:, 1]) * float(program.lattice.dollars)
    batch.state.remaining[:, 1] = amounts[1] - (D - 1 - used[:, 0]) * float(program.lattice.seconds)
    np.maximum(batch.state.remaining, 0.0, out=batch.state.remaining)
    batch.state.done[:] = program.sets[s]
    actions = np.ascontiguousarray(agent.predict(batch.observe())[0], np.int64)
    cut_to_budget(problem.params, program.sets[s], batch.state.remaining, amounts, actions)
    return actions


class OptimalParameters(NamedTuple):
    """What the optimal policy reads: scales, units, and its tables."""

    reading: Reading
    dollars_unit: float
    seconds_unit: float
    sets: NDArray[np.int64]
    """(S,) sets of completed subtasks."""
    action: NDArray[np.int64]
    """(S, D + 1, B + 1) row of `actions`."""
    actions: NDArray[np.int64]
    """(all rounds, V); the first is to do nothing."""


@jit
def act_optimally(p, observation, memory, action):
    """Look up the best round. memory is scratch."""
    read_initial(p.reading, observation, memory)
    dollars = memory[0] * (read_share(p.reading, observation, 0) + ROUNDING)
    seconds = memory[1] * (read_share(p.reading, observation, 1) + ROUNDING)
    b = np.int64(min(dollars / p.dollars_unit, p.action.shape[2] - 1.0))
    d = np.int64(min(seconds / p.seconds_unit, p.action.shape[1] - 1.0))
    done = read_done(p.reading, observation)
    s = 0
    while s < p.sets.shape[0] - 1 and p.sets[s] != done:
        s += 1
    row = p.action[s, d, b]
    for v in range(action.shape[0]):
        action[v] = p.actions[row, v]


class Optimal(WorkflowPolicy, KernelPolicy):
    """The policy with the largest completion probability, from the exact table.

    Args:
        problem: a workflow whose costs and durations lie on a coarse grid.

    Raises:
        ValueError: it is too large, see `MOST_STATES`.
    """

    name = "optimal"
    needs_law = True
    information: ClassVar[Information] = "model"

    @classmethod
    def check(cls, problem: Problem) -> None:
        """See `Policy.check`: there must not be too many states."""
        super().check(problem)
        _checked(cast(WorkflowRouting, problem), problem.budget.arrays(problem.resources)[1])

    def __init__(self, problem: Problem) -> None:
        problem = self.served(problem)
        largest = problem.budget.arrays(problem.resources)[1]
        program = program_of(problem, largest)
        choice = optimal_tables(program)[1].astype(np.int64)
        V = len(problem.params.before)
        actions = [np.zeros((1, V), np.int64)]
        for s, rounds in enumerate(program.rounds):
            choice[s][choice[s] > 0] += sum(map(len, actions)) - 1
            actions.append(rounds.actions)
        parameters = OptimalParameters(
            problem.reading,
            float(program.lattice.dollars),
            float(program.lattice.seconds),
            np.array(program.sets, np.int64),
            choice,
            np.concatenate(actions),
        )
        self._largest = largest
        super().__init__(problem, act_optimally, parameters, np.zeros(2))

    def check_problem(self, problem: Problem) -> None:
        """Also: it must be the same workflow, and the table must reach to the largest budget."""
        super().check_problem(problem)
        check_workflow(self.problem, problem)
        theirs = problem.budget.arrays(problem.resources)[1]
        if (theirs > self._largest).any() or (np.isinf(theirs) != np.isinf(self._largest)).any():
            raise ValueError(
                f"{type(self).__name__} was made for budgets up to {self._largest.tolist()}, not {problem.budget}; "
                "make the agent for this environment"
            )
