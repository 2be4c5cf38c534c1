"""`state`: a decorator that makes the state class of a problem from the fields it names; the core's own fields come first."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple, Self, TypeVar, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Bits = NDArray[np.uint64]


class Shape:
    """What a field has beyond one number per episode, as metadata of `Annotated`.

    Args:
        sizes: names of the further axes, as in `Annotated[Ints, Shape("arms")]` for (n, arms). `Problem.sizes` gives their
            lengths.
        fill: what every entry is when the state is made.
    """

    def __init__(self, *sizes: str, fill: float = 0.0) -> None:
        self.sizes = sizes
        self.fill = fill


class CoreState(tuple[NDArray[Any], ...]):
    """The fields that every state has, one entry per episode of the batch.

    Kernels read them; only `rng` (through `rng.uniform` and its kin), `blocked` and, in `reset`, `late` are theirs to change.
    The money is moved by the ledger alone (`ledger.py`), from the cost that `step` returns.
    """

    rng: Bits
    """The generator's counter."""
    t: Ints
    """Steps taken."""
    late: Ints
    """Steps of the horizon that have passed when the episode begins: the rest of a log that is too short. Set by `reset`."""
    episode: Ints
    """Which episode this is; a replay picks its part of the log by it."""
    finished: Annotated[Bools, Shape(fill=True)]
    """No episode is running: it has ended, or none has begun."""
    initial: Annotated[Floats, Shape("resources")]
    """The budget at the start."""
    remaining: Annotated[Floats, Shape("resources")]
    """What is left of it."""
    spent: Annotated[Floats, Shape("resources")]
    """What was paid so far: a sum of its own, so that it is right for unlimited budgets too."""
    cost: Annotated[Floats, Shape("resources")]
    """What the latest step spent."""
    blocked: Ints
    """Actions so far that could not be afforded as asked for."""
    next_budget: Annotated[Floats, Shape("resources", fill=np.nan)]
    """Budget of the next episode; NaN: as configured."""
    next_episode: Ints
    """Number of the next episode."""

    if TYPE_CHECKING:
        _fields: ClassVar[tuple[str, ...]]

        @classmethod
        def _make(cls, iterable: Iterable[NDArray[Any]]) -> Self: ...

        @classmethod
        def allocate(cls, n: int, sizes: Mapping[str, int]) -> Self:  # noqa: D102  see `state`
            ...


CORE_FIELDS = tuple(CoreState.__annotations__)

ALLOWED = {"_abc_impl", "_fields"}
"""What Python itself adds to a class."""

S = TypeVar("S", bound=CoreState)


def state(declared: type[S]) -> type[S]:
    """Make a state class, a NamedTuple of arrays, from the fields that `declared` names beside those of `CoreState`.

    It gets a class method `allocate(n, sizes)`, a blank state for `n` episodes. `sizes` maps the names of axes to lengths,
    among them `resources`.

    Raises:
        TypeError: a field is not annotated with an array type, or has the name of a core field.
    """
    owner = declared.__name__
    if not issubclass(declared, CoreState):
        raise TypeError(f"{owner}: expected class {owner}(CoreState)")
    if clash := [name for name in inspect.get_annotations(declared) if name in (*CORE_FIELDS, "allocate")]:
        raise TypeError(f"{owner}: {clash} are names of the core; expected other names")
    if more := [name for name in vars(declared) if not (name.startswith("__") or name in ALLOWED)]:
        raise TypeError(f"{owner}: {more} are no annotated fields; expected only lines such as `value: Floats`")
    hints = get_type_hints(declared, include_extras=True)
    fields = {name: _read(owner, name, hint) for name, hint in hints.items()}
    names = (*CORE_FIELDS, *(name for name in fields if name not in CORE_FIELDS))
    made: Any = NamedTuple(declared.__name__, [(name, NDArray[fields[name][0]]) for name in names])  # type: ignore[misc]
    made.__module__, made.__qualname__, made.__doc__ = declared.__module__, declared.__qualname__, declared.__doc__

    def allocate(cls: Callable[..., Any], n: int, sizes: Mapping[str, int]) -> Any:
        arrays = {}
        for name in names:
            dtype, shape = fields[name]
            if lacking := [size for size in shape.sizes if size not in sizes]:
                raise TypeError(f"{owner}.{name} has the axis {lacking[0]!r}; expected its length in the problem's `sizes`")
            arrays[name] = np.full((n, *(sizes[size] for size in shape.sizes)), shape.fill, dtype)
        arrays["next_episode"][:] = np.arange(n)
        return cls(**arrays)

    made.allocate = classmethod(allocate)
    return made


def _read(owner: str, name: str, hint: Any) -> tuple[type[np.generic], Shape]:
    """The dtype and shape of an annotated field."""
    shapes = [Shape()]
    if get_origin(hint) is Annotated:
        hint, *metadata = get_args(hint)
        shapes = [entry for entry in metadata if isinstance(entry, Shape)]
    if get_origin(hint) is not np.ndarray or len(shapes) != 1:
        expected = "expected Floats, Ints, Bools, Bits, NDArray[...] or Annotated[..., Shape(...)]"
        raise TypeError(f"{owner}.{name} is annotated {hint!r}; {expected}")
    (dtype,) = get_args(get_args(hint)[1])
    if np.dtype(dtype).kind not in "fiub" or (shapes[0].fill != shapes[0].fill and np.dtype(dtype).kind != "f"):
        raise TypeError(f"{owner}.{name} is {np.dtype(dtype)} filled with {shapes[0].fill}; expected numbers or bools")
    return dtype, shapes[0]


def part_of(state: S, first: int, last: int) -> S:
    """Views of the lanes `first` .. `last` - 1 of a state."""
    return state._make(array[first:last] for array in state)
