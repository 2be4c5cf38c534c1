"""Plays all cases, or the named ones, and writes their records anew: `python -m tests.golden [CASE ...]`.

Run it from the root of the repository, and read what `git diff` says before committing: every changed number is a decision.
Who merely renames something changes `names.json` instead, see `names.py`. `platform.json` says where the records were made;
elsewhere the test compares 9 digits of what is written out, and no digests."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # the toy logs

from . import names as naming
from . import store
from .cases import BY_NAME


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.golden", description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="CASE", help="names of cases; by default all")
    chosen = parser.parse_args().cases
    if unknown := sorted(set(chosen) - BY_NAME.keys()):
        parser.error(f"no cases {unknown}; there are {sorted(BY_NAME)}")
    here = store.this_platform()
    if chosen and store.recorded_platform() not in ({}, here):
        parser.error("the digests are of another platform: write all cases anew, or none")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["BUDGETGYM_CACHE"] = str(Path(folder) / "cache")
        warnings.simplefilter("ignore")
        write(chosen or list(BY_NAME), Path(folder))
    if not chosen:
        for path in set(store.RECORDS.glob("*.json")) - {store.RECORDS / f"{name}.json" for name in BY_NAME}:
            path.unlink()
            print(f"removed    {path.name}: no such case")
    report(store.PLATFORM, store.write(store.PLATFORM, store.json_text(here)))


def write(cases: list[str], folder: Path) -> None:
    """Play the cases and write their records and the names that are new."""
    import budgetgym

    from .record import record

    if (root := Path(__file__).resolve().parents[2]) not in (found := Path(budgetgym.__file__).resolve()).parents:
        sys.exit(f"budgetgym comes from {found}, not from {root}: set PYTHONPATH to its .dev")
    names = naming.Names.load(learn=True)
    for name in cases:
        started = time.perf_counter()
        logs = folder / name
        logs.mkdir()
        found, _ = record(BY_NAME[name], logs, names)
        changed = store.write(store.RECORDS / f"{name}.json", store.text_of(found))
        report(store.RECORDS / f"{name}.json", changed, f"{time.perf_counter() - started:.1f} s")
    report(naming.PATH, store.write(naming.PATH, names.text(everything=len(cases) < len(BY_NAME))))


def report(path: Path, changed: bool, more: str = "") -> None:
    print(f"{'changed' if changed else 'unchanged':10} {path.name} {more}", flush=True)


if __name__ == "__main__":
    main()
