"""What an error message offers in place of a name that is not known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def near(word: str, known: Sequence[str]) -> str:
    """A hint for an error message: the known words that look like `word`, or all of them."""
    import difflib  # only mistakes need it, and `import budgetgym` is cheap

    if not known:
        return "; there are none"
    matches = difflib.get_close_matches(word, known, n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(map(repr, matches))}?" if matches else f"; expected one of {', '.join(known)}"


def unknown_instance(name: object, known: Iterable[str]) -> ValueError:
    """The error for an instance that there is not: near matches first, then all there are."""
    import difflib

    names = list(known)
    close = difflib.get_close_matches(str(name), names, n=2)
    hint = f"did you mean {' or '.join(map(repr, close))}? " if close else ""
    return ValueError(f"unknown instance {name!r}; {hint}the instances are {', '.join(map(repr, names))}")
