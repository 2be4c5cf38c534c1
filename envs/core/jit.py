"""`jit`: numba's `njit` for kernels, with an on-disk cache that can be trusted.

Numba's own cache has two gaps that matter here. A function that closes over other compiled functions (our batch loops close
over a family's kernels) is never found again, because the pickled kernels differ from process to process: 3 s at every
start. And a cached function does not notice that a function it calls was edited in *another* file: a stale simulator that
silently disagrees with its source.

Both are mended by one change: compiled code is filed under a fingerprint of the source files of every compiled function
that can be reached from this one, instead of the pickled closure.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar, cast, overload

from numba import njit, typeof, types
from numba.core.caching import FunctionCache, IndexDataCacheFile
from numba.core.dispatcher import Dispatcher

F = TypeVar("F", bound=Callable[..., Any])

_CONSTANTS = (bool, int, float, complex, str, bytes, tuple, type(None))


@overload
def jit(function: F) -> F: ...
@overload
def jit(*, reassociate: bool) -> Callable[[F], F]: ...
def jit(function: F | None = None, *, reassociate: bool = False) -> F | Callable[[F], F]:
    """Compile `function` with numba (nopython mode, GIL released), cached on disk by the source of all that it calls.

    Works on module-level functions and on closures over other functions made with `jit`. The function can't allocate
    arrays or return them: it writes into arrays that it is given.

    Args:
        function: what to compile.
        reassociate: let the compiler change the order of sums, so that they run on vector registers. For solvers; kernels
            that simulate stay exact.
    """
    if function is None:
        return lambda decorated: _compile(decorated, {"reassoc", "nsz", "contract"} if reassociate else False)
    return _compile(function, False)


def _compile(function: F, fastmath: set[str] | bool) -> F:
    compiler: Any = njit  # its stubs do not know all of its options
    dispatcher = compiler(nogil=True, _nrt=False, forceinline=True, fastmath=fastmath)(function)
    try:
        dispatcher._cache = _SourceCache(function)
    except RuntimeError:  # nowhere to keep it: compiled anew in every process
        if Path(function.__code__.co_filename).exists():  # and not typed at a prompt
            _warn_once()
    return cast(F, dispatcher)


@lru_cache
def _warn_once() -> None:
    warnings.warn(
        "compiled code can't be kept: neither the installation nor a cache directory in the user's home can be written, so "
        "that every process compiles anew, which takes minutes; set NUMBA_CACHE_DIR to a folder that can be written",
        RuntimeWarning,
        stacklevel=4,
    )


def bind(function: Callable[..., Any], *arguments: Any) -> Callable[..., Any]:
    """The machine code of `function` for exactly the types of these `arguments`.

    Numba looks up the types of all arguments at every call, which takes longer than a step. The caller promises that later
    arguments have the same types: nothing checks them any more.
    """
    return cast(Any, function).compile(tuple(typeof(argument) for argument in arguments))


class _SourceCache(FunctionCache):
    """Numba's function cache, with a file for every (fingerprint of the sources, types of the arguments).

    Numba keeps one index file per function. It names the classes of all arguments that the function was ever compiled for,
    and reading it fails where one family's module can't be imported, though another's function is asked for.
    """

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        self._use_own_file(sig)
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # a broken file, of which unpickling says anything: compile, and begin a new one
            with suppress(OSError):
                self._cache_file.flush()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        self._use_own_file(sig)
        with suppress(OSError):  # the disk is full, or has become read-only
            super().save_overload(sig, data)

    def _use_own_file(self, sig: Any) -> None:
        # Not in __init__: a function may be decorated before those that it calls are defined.
        key = hashlib.sha256(f"{fingerprint(self._py_func)} {sig} {list(_modules(sig))}".encode()).hexdigest()[:20]
        base = f"{self._impl.filename_base}-{key}"
        self._cache_file = IndexDataCacheFile(self._cache_path, base, self._impl.locator.get_source_stamp())

    def _index_key(self, sig: Any, codegen: Any) -> tuple[Any, ...]:
        return sig, codegen.magic_tuple()


def _modules(kind: Any) -> Iterator[str]:
    """Where the classes in a numba type are defined; its text names them without their modules."""
    if (instance := getattr(kind, "instance_class", None)) is not None:
        yield instance.__module__
    if isinstance(kind, tuple | types.BaseTuple):
        for part in cast(Any, kind):
            yield from _modules(part)


def fingerprint(function: Callable[..., Any]) -> str:
    """SHA-256 over the source files of `function` and of every compiled function it reaches, and their constants."""
    seen: dict[Any, None] = {}
    constants: list[str] = []
    _collect(function, seen, constants)
    digest = hashlib.sha256()
    for path in sorted({__file__, *(reached.__code__.co_filename for reached in seen)}):
        digest.update(_file_digest(path).encode())
    for name in [f"{reached.__module__}.{reached.__qualname__}" for reached in seen] + sorted(constants):
        digest.update(name.encode())
    return digest.hexdigest()


def _collect(function: Any, seen: dict[Any, None], constants: list[str]) -> None:
    if function in seen:
        return
    seen[function] = None
    for name, value in _references(function):
        if isinstance(value, Dispatcher):
            _collect(value.py_func, seen, constants)
        elif isinstance(value, _CONSTANTS):
            constants.append(f"{function.__qualname__}.{name}={value!r}")


def _references(function: Any) -> Iterator[tuple[str, Any]]:
    """What the code of `function` can name: its closure, its globals, and attributes of modules among those."""
    code = function.__code__
    if function.__closure__:
        yield from zip(code.co_freevars, (cell.cell_contents for cell in function.__closure__), strict=True)
    for name in code.co_names:
        value = function.__globals__.get(name)
        if isinstance(value, ModuleType):
            for attribute in code.co_names:
                if isinstance(found := getattr(value, attribute, None), Dispatcher):
                    yield f"{name}.{attribute}", found
        elif value is not None:
            yield name, value


@lru_cache
def _file_digest(path: str) -> str:
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:  # typed at a prompt: numba does not cache such functions either
        return path
