"""`Arms`: the Markov chains of a restless bandit, their rewards and where they begin; published or the user's own.

An arm has S states. What is done to it in a step is its *treatment*, one of L levels: with two levels, 0 is to leave it
alone and 1 is to pull it. Interventions and neighbours can treat an arm more or less, which makes more levels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..core.checks import as_array, probability
from ..core.tables import numbers_of, place, read_csv, require_columns, texts_of

STATES = 4
"""States of a published arm."""

TOLERANCE = 1e-6
"""By how much a row of probabilities may miss 1; it is scaled to 1 then."""


@dataclass(frozen=True, eq=False)
class Arms:
    """J arms with S states each and L levels of treatment.

    Attributes:
        transitions: (J, L, S, S) probability of the next state, by arm, level, and state.
        rewards: (J, L, S, S) reward of a step from one state to the next under a level.
        start: (J, S) distribution of the first state.
        names: of the arms, for error messages and tables; by default their numbers.

    Raises:
        ValueError: shapes that do not fit, NaN, negative probabilities, or rows that do not sum to one; it names the arm.
    """

    transitions: NDArray[np.float64]
    rewards: NDArray[np.float64]
    start: NDArray[np.float64]
    names: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        transitions = _array("transitions", self.transitions, 4)
        J, L, S, _ = transitions.shape
        if transitions.shape != (J, L, S, S) or min(J, S) < 1 or L < 2:
            raise ValueError(f"transitions have shape {transitions.shape}; expected (arms, levels >= 2, states, states)")
        rewards, start = _array("rewards", self.rewards, 4), _array("start", self.start, 2)
        for name, array, shape in (("rewards", rewards, (J, L, S, S)), ("start", start, (J, S))):
            if array.shape != shape:
                raise ValueError(f"{name} have shape {array.shape}; expected {shape} for {J} arms of {S} states")
        names = tuple(map(str, self.names)) or tuple(map(str, range(J)))
        if len(names) != J or len(set(names)) != J:
            raise ValueError(f"names are {list(names)}; expected {J} different ones")
        object.__setattr__(self, "names", names)
        _check_finite("rewards", rewards, names)
        object.__setattr__(self, "transitions", _distributions("transitions", transitions, names))
        object.__setattr__(self, "rewards", rewards)
        object.__setattr__(self, "start", _distributions("start", start, names))

    @classmethod
    def from_arrays(
        cls, transitions: ArrayLike, rewards: ArrayLike, start: ArrayLike | None = None, names: Sequence[str] = ()
    ) -> Arms:
        """Arms from arrays in the forms that are common.

        Args:
            transitions: (J, 2, S, S): by arm, action (0 leave alone, 1 pull), state, next state; or with more levels.
            rewards: (J, S) for the state that a step leads to; or (J, L, S) for an action in a state; or (J, L, S, S).
            start: (J, S) distribution of the first state, or (J,) the first states; None is state 0.
            names: of the arms.
        """
        transitions = _array("transitions", transitions, 4)
        J, L, S, _ = transitions.shape
        rewards = _array("rewards", rewards)
        expected = {2: (J, S), 3: (J, L, S), 4: (J, L, S, S)}
        if rewards.shape != expected.get(rewards.ndim):
            raise ValueError(f"rewards have shape {rewards.shape}; expected one of {', '.join(map(str, expected.values()))}")
        if rewards.ndim == 2:
            rewards = rewards[:, None, None, :]
        elif rewards.ndim == 3:
            rewards = rewards[..., None]
        return cls(transitions, np.broadcast_to(rewards, (J, L, S, S)), _start(start, J, S), tuple(names))

    @property
    def shape(self) -> tuple[int, int, int]:
        """(J, L, S): numbers of arms, levels of treatment, and states."""
        J, L, S, _ = self.transitions.shape
        return J, L, S

    def expected_rewards(self) -> NDArray[np.float64]:
        """(J, L, S) expected reward of a step, by arm, level and state."""
        return np.einsum("jlst,jlst->jls", self.transitions, self.rewards)


def birth_death(up: NDArray[np.float64], states: int = STATES) -> NDArray[np.float64]:
    """Transitions (J, L, S, S) of chains that go one state up with probability `up` (J, L) or else one down, within ends."""
    J, L = up.shape
    transitions = np.zeros((J, L, states, states))
    for s in range(states):
        transitions[:, :, s, min(s + 1, states - 1)] += up
        transitions[:, :, s, max(s - 1, 0)] += 1.0 - up
    return transitions


def published_rewards(J: int, good: int, random: np.random.Generator) -> NDArray[np.float64]:
    """(J, S) rewards of the state reached: a trap for the myopic.

    The first `good` arms have the high prizes, and get worse before the prize; the others rise from state to state.
    """
    rewards = np.empty((J, STATES))
    rewards[:good, :-1] = 0.2, 0.15, 0.1
    rewards[good:, :-1] = 0.1, 0.15, 0.2
    rewards[:good, -1] = random.integers(4, 7, size=min(good, J))
    rewards[good:, -1] = random.integers(1, 4, size=max(J - good, 0))
    return rewards


def published_up(J: int, random: np.random.Generator) -> NDArray[np.float64]:
    """(J, 2) probability to rise: U(0, 0.2) alone, U(0.7, 0.9) when pulled."""
    return np.stack([random.uniform(0.0, 0.2, J), random.uniform(0.7, 0.9, J)], axis=1)


def published_start(J: int, start: float, states: int = STATES) -> NDArray[np.float64]:
    """(J, S) start in state 1 with probability `start`, else in state 0."""
    share = probability("start", start)
    distribution = np.zeros((J, states))
    distribution[:, 0], distribution[:, 1] = 1.0 - share, share
    return distribution


def published_arms(J: int, good: int, start: float, random: np.random.Generator) -> Arms:
    """J arms as published, the first `good` of them with high prizes."""
    transitions = birth_death(published_up(J, random))
    return Arms.from_arrays(transitions, published_rewards(J, good, random), published_start(J, start))


def read_arms(arms: Any) -> Arms:
    """Arms from `Arms`, from the folder or file that `load_arms` takes, or from a mapping of what `from_arrays` takes."""
    if isinstance(arms, Arms):
        return arms
    if isinstance(arms, str | Path):
        return load_arms(arms)
    if isinstance(arms, Mapping):
        known = ("transitions", "rewards", "start", "names")
        if not {"transitions", "rewards"} <= set(arms) <= set(known):
            raise ValueError(f"arms has {sorted(map(str, arms))}; expected transitions, rewards[, start[, names]]")
        return Arms.from_arrays(**arms)
    raise ValueError(f"arms is {type(arms).__name__}; expected Arms, the path of a CSV file, or a mapping of arrays")


COLUMNS = ("arm", "action", "state", "next_state", "probability", "reward")


def load_arms(path: str | Path) -> Arms:
    """Arms from a CSV file with a row per arm, action, state and next state.

    Columns `arm`, `action` (0 leave alone, 1 pull), `state`, `next_state` (numbers from 0), `probability`, `reward` (of
    that step), and, if arms do not begin in state 0, `start` (the probability to begin in `state`, the same in all rows of
    that arm and state). Steps that are not listed have probability 0. Arms may have fewer states than others.

    Raises:
        ValueError: columns or rows are missing, or values can't be meant; it names the file, and the line or the arm.
    """
    where = f"arms file {str(path)!r}"
    try:
        table: Any = read_csv(Path(path), where)
    except OSError as error:
        raise ValueError(f"{where} can't be read: {error}") from error
    require_columns(table, COLUMNS, where)
    if table.empty:
        raise ValueError(f"{where} has no rows")
    texts_of(table, "arm", where)
    for name in ("action", "state", "next_state"):
        table[name] = numbers_of(table, name, where, "an integer >= 0", low=0, high=2**31, whole=True).astype(int)
    table["probability"] = numbers_of(table, "probability", where, "a probability in [0, 1]", low=0.0, high=1.0)
    table["reward"] = numbers_of(table, "reward", where)
    if "start" in table:
        table["start"] = numbers_of(table, "start", where, "a probability in [0, 1]", low=0.0, high=1.0)
    step = ["arm", "action", "state", "next_state"]
    if (again := table.duplicated(step).to_numpy()).any():
        row = int(again.argmax())
        name, *where_to = table[step].iloc[row]
        what = f"arm {name!r} has two rows for (action, state, next_state) {tuple(map(int, where_to))}"
        raise ValueError(f"{where}, {place(table, row)}: {what}")
    return _from_table(table, where)


def _from_table(table: Any, where: str) -> Arms:
    names = list(dict.fromkeys(table["arm"]))
    S = int(max(table["state"].max(), table["next_state"].max())) + 1
    L = int(table["action"].max()) + 1
    if L < 2:
        raise ValueError(f"{where} has the action 0 only; expected also 1, the pull")
    states = [_own_states(table[table["arm"] == name], name, L, where) for name in names]
    transitions, rewards = np.zeros((len(names), L, S, S)), np.zeros((len(names), L, S, S))
    start = np.zeros((len(names), S))
    at = table["arm"].map({name: j for j, name in enumerate(names)}), table["action"], table["state"], table["next_state"]
    transitions[at], rewards[at] = table["probability"], table["reward"]
    if "start" in table:
        start[at[0], at[2]] = table["start"]
    else:
        start[:, 0] = 1.0
    for j, mine in enumerate(states):
        transitions[j, :, range(mine, S), range(mine, S)] = 1.0  # states that the arm does not have are never reached
    try:
        return Arms(transitions, rewards, start, tuple(names))
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def _own_states(own: Any, name: str, levels: int, where: str) -> int:
    """How many states the arm of these rows has; a ValueError if it lacks rows for one, or begins in one in two ways."""
    states = 1 + int(max(own["state"].max(), own["next_state"].max()))
    present = set(zip(own["action"].tolist(), own["state"].tolist(), strict=True))
    lacking = next(((a, s) for a in range(levels) for s in range(states) if (a, s) not in present), None)
    if lacking is not None:
        raise ValueError(f"{where}: arm {name!r} has no row for (action, state) {lacking}")
    if "start" in own and (own.groupby("state")["start"].nunique() > 1).any():
        raise ValueError(f"{where}: arm {name!r} has different values of start in rows of one state; expected the same")
    return states


def _array(name: str, values: ArrayLike, ndim: int | None = None) -> NDArray[np.float64]:
    try:
        array = np.array(values, float)
    except (TypeError, ValueError):
        raise ValueError(f"{name} is not an array of numbers") from None
    if ndim is not None and array.ndim != ndim:
        raise ValueError(f"{name} has shape {array.shape}; expected {ndim} dimensions")
    return array


def _start(start: ArrayLike | None, J: int, S: int) -> NDArray[np.float64]:
    given = np.zeros(J, int) if start is None else as_array("start", start)
    if given.ndim != 1:
        return _array("start", given, 2)
    if given.shape != (J,) or given.dtype.kind not in "iu" or not ((given >= 0) & (given < S)).all():
        raise ValueError(f"start is {given!r}; expected a state 0..{S - 1} for each of {J} arms, or their distributions")
    return np.eye(S)[given]


def _check_finite(what: str, array: NDArray[np.float64], names: tuple[str, ...]) -> None:
    wrong = ~np.isfinite(array).reshape(len(names), -1).all(axis=1)
    if wrong.any():
        raise ValueError(f"{what} of arm {names[int(wrong.argmax())]!r} are not finite")


def _distributions(what: str, array: NDArray[np.float64], names: tuple[str, ...]) -> NDArray[np.float64]:
    """The array with its rows scaled to sum to exactly one, if they nearly do."""
    _check_finite(what, array, names)
    if (array < 0).any():
        j, *where = np.argwhere(array < 0)[0].tolist()
        raise ValueError(f"{what} of arm {names[j]!r} have {array[(j, *where)]:g} at {tuple(where)}; expected probabilities")
    total = array.sum(axis=-1)
    if (wrong := np.abs(total - 1.0) > TOLERANCE).any():
        j, *where = np.argwhere(wrong)[0].tolist()
        at = "" if not where else f" in (action, state) {tuple(where)}"
        raise ValueError(f"{what} of arm {names[j]!r}{at} sum to {total[(j, *where)]:g}; expected 1")
    return array / total[..., None]
