"""The rules that every problem keeps, one function each."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
from gymnasium import spaces

from ..envs.core.batch import Batch
from ..envs.core.ledger import ROUNDING
from ..envs.core.problem import Problem
from ..envs.core.render import COLUMNS, Film
from ..envs.core.states import CORE_FIELDS
from .contract import ContractError, RandomActions, first_episodes, play, require, same, started

LANES, STEPS = 6, 60
PICTURED = 4
"""Steps that are drawn: pictures take long."""
ROOM = 4096
"""Entries beyond the end that a kernel may write by mistake without doing harm."""


def check_problem(problem: Problem, seed: int = 0) -> None:
    """Check everything that can be seen by playing: see `CHECKS`.

    Args:
        problem: with the settings that are to be checked; call it for several.
        seed: of episodes and random actions.

    Raises:
        ContractError: a rule is broken; the message names it.
    """
    for name, check in CHECKS.items():
        try:
            check(problem, seed)
        except ContractError:
            raise
        except Exception as error:
            raise ContractError(
                f"{type(problem).__name__}: the check of {name} ends with {type(error).__name__}: {error}"
            ) from error


def check_settings(problem: Problem, seed: int = 0) -> None:
    """`replace` and pickling make the same problem again, and the budget's setting sets the budget."""
    names = problem.setting_names()
    budget = problem.budget_settings[0]
    require(
        budget in names,
        problem,
        f"budget_settings is {problem.budget_settings}, and the constructor takes {names}; expected the name of the argument "
        "that sets the budget",
    )
    for what, again in (("replace()", problem.replace()), ("pickling", pickle.loads(pickle.dumps(problem)))):
        require(type(again) is type(problem), problem, f"{what} makes a {type(again).__name__}")
        require(
            again.observation_names == problem.observation_names and again.action_space == problem.action_space,
            problem,
            f"{what} makes a problem with other spaces; expected a constructor whose arguments say everything",
        )
    require(copy.deepcopy(problem) is problem, problem, "deepcopy makes another problem; expected itself, as it never changes")


def check_spaces(problem: Problem, seed: int = 0) -> None:
    """Observations lie within their space, rewards are finite, and samples of the action space can be stepped."""
    low, high = problem.observation_space.low, problem.observation_space.high
    batch, actions = started(problem, *first_episodes(problem, LANES, seed)), RandomActions(problem, seed)
    seen = [batch.observe()]
    try:
        for _, (observation, reward, _, _) in play(batch, actions, STEPS):
            seen.append(observation)
            require(np.isfinite(reward).all(), problem, f"a reward is {reward.tolist()}; expected finite numbers")
    except ValueError as error:
        raise ContractError(
            f"{type(problem).__name__}: a sample of its action space is refused: {error}; expected that `sample` is feasible"
        ) from None
    width = high - low
    slack = 1e-9 * np.maximum(1.0, np.where(np.isfinite(width), width, 1.0))
    for rows in seen:
        outside = ~((low - slack <= rows) & (rows <= high + slack)).all(axis=0)  # NaN is outside as well
        names = [name for name, out in zip(problem.observation_names, np.atleast_1d(outside), strict=True) if out]
        require(not names, problem, f"{names} leave their range or are NaN; expected what `features` declares")


def check_ledger(problem: Problem, seed: int = 0) -> None:
    """Costs are within what remains and add up to what is spent: with the usual budget, the least, and an unlimited one."""
    for budget in (None, problem.least_budget, np.full(len(problem.resources), np.inf)):
        keys, numbers = first_episodes(problem, LANES, seed)
        batch = Batch(problem, LANES)
        batch.seed(keys)
        if budget is not None:
            batch.choose(batch.read_options({"budget": dict(zip(problem.resources, budget.tolist(), strict=True))}))
        if problem.num_episodes is not None:
            batch.choose(batch.read_options({"episode": numbers}))
        batch.reset()
        initial, spent, blocked = batch.state.initial.copy(), np.zeros_like(batch.state.initial), batch.state.blocked.copy()
        for _, (observation, *_) in play(batch, RandomActions(problem, seed), STEPS):
            state = batch.state
            spent += state.cost
            require(np.isfinite(observation).all(), problem, "an observation is not finite; expected numbers at any budget")
            require((state.cost >= 0.0).all(), problem, f"a step costs {state.cost.tolist()}; expected at least 0")
            require(
                (state.remaining >= 0.0).all(), problem, f"what remains is {state.remaining.tolist()}; expected at least 0"
            )
            require(np.allclose(state.spent, spent, rtol=1e-9), problem, "costs don't add up to what is spent")
            require((state.spent <= initial).all(), problem, "more is spent than there was; expected at most the budget")
            finite = np.isfinite(initial)
            adds_up = np.allclose((spent + state.remaining)[finite], initial[finite], rtol=2.0 * ROUNDING)
            require(adds_up, problem, "costs and what remains don't add up to the initial budget")
            require((state.blocked >= blocked).all(), problem, "blocked falls within an episode; expected a count")
            blocked = state.blocked.copy()


def check_lanes(problem: Problem, seed: int = 0) -> None:
    """A lane of a batch is the single environment with the same key, to the last bit."""
    keys, numbers = first_episodes(problem, LANES, seed)
    together = started(problem, keys, numbers)
    alone = [started(problem, keys[i : i + 1], numbers[i : i + 1]) for i in range(LANES)]
    firsts = [batch.observe() for batch in alone]
    require(
        np.array_equal(together.observe(), np.concatenate(firsts)),
        problem,
        "a lane begins differently in a batch than alone; expected a reset that looks at its own lane i only",
    )
    for step, (actions, transition) in enumerate(play(together, RandomActions(problem, seed), STEPS)):
        single = [batch.step(batch.read_actions(actions[i : i + 1])) for i, batch in enumerate(alone)]
        parts = [np.concatenate(parts) for parts in zip(*single, strict=True)]
        require(
            same(parts, transition),
            problem,
            f"step {step} of a lane is different in a batch than alone; expected kernels that look at their own lane i only",
        )


def check_snapshots(problem: Problem, seed: int = 0) -> None:
    """A copy of the state is a complete fork: after `restore`, or in forks, the same actions have the same outcomes."""
    batch = started(problem, *first_episodes(problem, LANES, seed))
    for _ in play(batch, RandomActions(problem, seed), 3):
        pass
    here = batch.snapshot()
    thawed = pickle.loads(pickle.dumps(here))
    require(type(thawed) is type(here) and same(here, thawed), problem, "its state does not survive pickling")
    fork = batch.fork(2, lane=1)
    first = [(a, t) for a, t in play(batch, RandomActions(problem, seed + 1), STEPS)]
    batch.restore(here)
    what = "expected everything that an episode is to be in the state"
    for step, (actions, transition) in enumerate(first):
        again = batch.step(batch.read_actions(actions))
        require(same(again, transition), problem, f"step {step} after restore() differs; {what}")
        forked = fork.step(fork.read_actions(actions[[1, 1]]))
        require(
            np.array_equal(forked.observation[0], transition.observation[1]) and forked.reward[0] == transition.reward[1],
            problem,
            f"step {step} of a fork differs; {what}",
        )


def check_resampling(problem: Problem, seed: int = 0) -> None:
    """To redraw what is hidden changes neither what is observed nor the ledger."""
    batch = started(problem, *first_episodes(problem, LANES, seed))
    for _ in play(batch, RandomActions(problem, seed), 3):
        pass
    kept = [name for name in CORE_FIELDS if name != "rng"]
    before, ledger = batch.observe(), [getattr(batch.state, name).copy() for name in kept]
    batch.resample(np.arange(LANES, dtype=np.uint64))
    require(
        np.array_equal(batch.observe(), before),
        problem,
        "`resample` changes observations; expected a draw of what is hidden, given all that was observed",
    )
    changed = [name for name, array in zip(kept, ledger, strict=True) if not same([array], [getattr(batch.state, name)])]
    require(not changed, problem, f"`resample` changes {changed}; expected the ledger and the clock to stay")


def check_pictures(problem: Problem, seed: int = 0) -> None:
    """Frames are (height, width, 3) of one size, texts fit into 80 columns, and neither shows what `resample` redraws."""
    batch = started(problem, *first_episodes(problem, 2, seed))
    modes = ("ansi", "rgb_array") if find_spec("PIL") else ("ansi",)
    films = [Film(problem, mode) for mode in modes]
    for film in films:
        film.begin(batch)
    sizes = set()
    for drawn, transition in play(batch, RandomActions(problem, seed), PICTURED):
        for film in films:
            film.record(batch, batch.read_actions(drawn), transition.reward)
        sizes |= {_check_shown(problem, shown) for film in films for shown in film.render(batch)}
    require(len(sizes - {None}) <= 1, problem, f"frames have the sizes {sizes - {None}}; expected one")
    before = [film.render(batch) for film in films]
    for key in range(3):  # a single draw often is the truth
        batch.resample(np.arange(2 * key, 2 * key + 2, dtype=np.uint64))
        after = [film.render(batch) for film in films]
        require(
            all(np.array_equal(x, y) for a, b in zip(before, after, strict=True) for x, y in zip(a, b, strict=True)),
            problem,
            "pictures change when what is hidden is redrawn; expected only what agents know",
        )
    revealing = Film(problem, modes[-1], reveal=True)
    revealing.begin(batch)
    revealing.render(batch)


def _check_shown(problem: Problem, shown: Any) -> tuple[int, ...] | None:
    """The size of a frame; None of a text."""
    if isinstance(shown, str):
        wide = max(map(len, shown.splitlines()), default=0)
        require(0 < wide <= COLUMNS, problem, f"the text {shown!r} has lines of {wide} characters; expected 1 to {COLUMNS}")
        return None
    right = isinstance(shown, np.ndarray) and shown.dtype == np.uint8 and shown.ndim == 3 and shown.shape[2] == 3
    require(right, problem, f"a frame is {type(shown).__name__}; expected an array (height, width, 3) of uint8")
    return shown.shape


def check_masks(problem: Problem, seed: int = 0) -> None:
    """What the mask allows is executed as it is: it is not counted as blocked. At least one action is always allowed."""
    if problem.kernels.mask is None:
        return
    space = problem.action_space
    assert isinstance(space, spaces.Discrete)  # Batch has checked it
    batch, random = started(problem, *first_episodes(problem, LANES, seed)), np.random.default_rng(seed)
    for step in range(STEPS):
        running = ~batch.state.finished
        if not running.any():
            return
        masks = batch.action_mask()
        require(masks[running].any(axis=1).all(), problem, f"no action is allowed in step {step}; expected at least one")
        blocked = batch.state.blocked.copy()
        chosen = np.array([random.choice(np.flatnonzero(row)) if row.any() else 0 for row in masks]) + int(space.start)
        batch.step(batch.read_actions(chosen))
        wrong = running & (batch.state.blocked > blocked)
        require(not wrong.any(), problem, f"step {step} blocks an action that the mask allows")


def check_budget_observation(problem: Problem, seed: int = 0) -> None:
    """The end of an observation shows the budget and the time as the ledger has them."""
    if not problem.budget_aware:
        return
    k = len(problem.resources)
    batch = started(problem, *first_episodes(problem, LANES, seed))
    for _, (observation, *_) in play(batch, RandomActions(problem, seed), STEPS):
        state = batch.state
        share = np.divide(state.remaining, state.initial, out=np.zeros_like(state.initial), where=state.initial > 0)
        to_come = 1.0 - state.late / problem.horizon
        time = np.maximum(0.0, to_come - state.t / problem.horizon)
        tail = observation[:, -2 * k - 1 :]
        finite = np.isfinite(state.initial)
        require(
            np.allclose(tail[:, k : 2 * k][finite], (share * to_come[:, None])[finite]) and np.allclose(tail[:, -1], time),
            problem,
            "the end of its observations is not the remaining share of the budget and of time",
        )


def check_writing(problem: Problem, seed: int = 0) -> None:
    """`observe` and `mask` write all of their entries, nothing beyond them, and change neither state nor parameters.

    Compiled kernels know no bounds: what is written beyond the end of an array lands somewhere else in memory. So they write
    into the middle of a large one here, before anything is played.
    """
    kernels, features = problem.kernels, problem.rules().features
    written = [("observe", kernels.observe, np.full(features + ROOM, np.nan), features)]
    if kernels.mask is not None:
        assert isinstance(problem.action_space, spaces.Discrete)  # Batch checks it
        actions = int(problem.action_space.n)
        written.append(("mask", kernels.mask, np.full(actions + ROOM, -7, np.int8), actions))
    batch = started(problem, *first_episodes(problem, 2, seed))
    params = pickle.dumps(problem.params)
    for name, kernel, room, size in written:
        untouched, before = room.copy(), batch.snapshot()
        kernel(problem.params, batch.state, 1, room[:size])
        beyond = np.array_equal(room[size:], untouched[size:], equal_nan=name == "observe")
        require(
            beyond, problem, f"`{name}` writes more than its {size} entries; expected as many as `features` or actions declare"
        )
        missed = np.flatnonzero(np.isnan(room[:size]) if name == "observe" else room[:size] == -7).tolist()
        require(not missed, problem, f"`{name}` does not write the entries {missed} of {size}, or writes NaN")
        require(same(before, batch.state), problem, f"`{name}` changes the state; expected that it only reads it")
        if name == "mask":
            require(
                np.isin(room[:size], (0, 1)).all(),
                problem,
                f"`mask` writes {sorted(set(room[:size].tolist()))}; expected 0 and 1",
            )
    for _ in play(batch, RandomActions(problem, seed), 3):
        pass
    require(
        pickle.dumps(problem.params) == params,
        problem,
        "its kernels change the parameters; expected changes of the state only",
    )


def check_ends(problem: Problem, seed: int = 0) -> None:
    """Every episode ends, and the clock counts steps."""
    batch = started(problem, *first_episodes(problem, LANES, seed))
    steps = 20 * problem.horizon + 100
    for _ in play(batch, RandomActions(problem, seed), steps):
        running = ~batch.state.finished
        if running.any():
            clock = batch.state.t[running]
            require((clock == clock.max()).all(), problem, "a kernel changes the clock `state.t`, which is the core's")
    require(
        batch.state.finished.all(),
        problem,
        f"episodes are still running after {steps} steps, with a horizon of {problem.horizon}; expected `terminated`",
    )


CHECKS: dict[str, Callable[[Problem, int], None]] = {
    "settings": check_settings,
    "writing": check_writing,
    "ends": check_ends,
    "spaces": check_spaces,
    "ledger": check_ledger,
    "lanes": check_lanes,
    "snapshots": check_snapshots,
    "resampling": check_resampling,
    "pictures": check_pictures,
    "masks": check_masks,
    "budget observation": check_budget_observation,
}
"""Name -> check(problem, seed). All of them are what `check_problem` checks."""
