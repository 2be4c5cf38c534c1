import importlib
import os
import subprocess
import sys
import time
from pathlib import Path

import numba
import numpy as np
import pytest
from budgetgym.envs.core.jit import _warn_once, bind, fingerprint, jit
from budgetgym.envs.core.loops import compile_loops
from own_problem import OnlineKnapsack

CALLED = "from budgetgym.envs.core import jit\nFACTOR = 2\n@jit\ndef inner(x):\n    return FACTOR * x\n"
CALLING = "from called import inner\nfrom budgetgym.envs.core import jit\n@jit\ndef outer(x):\n    return inner(x) + 1\n"
RUN = "from calling import outer; print(outer(20), sum(outer.stats.cache_hits.values()))"


def test_an_edit_of_a_called_file_is_noticed_and_nothing_else_recompiles(tmp_path):
    """Numba's own cache answers 41 for ever."""

    def run() -> str:
        return subprocess.run(
            [sys.executable, "-c", RUN], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout.strip()

    (tmp_path / "called.py").write_text(CALLED)
    (tmp_path / "calling.py").write_text(CALLING)
    assert run() == "41 0"
    assert run() == "41 1"
    (tmp_path / "called.py").write_text(CALLED.replace("2", "3"))
    assert run() == "61 0"


def test_what_one_problem_compiled_does_not_stand_in_another_ones_way(tmp_path):
    """Both problems compile the same functions of the core, for states whose classes only they can import."""
    source = (Path(__file__).parents[2] / "toys.py").read_text()
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{folder}.py").write_text(source)
        code = f"from {folder} import Painter; from budgetgym.envs.core import BudgetedEnv; BudgetedEnv(Painter).reset(seed=0)"
        subprocess.run([sys.executable, "-c", code], cwd=tmp_path / folder, check=True)


def test_fingerprints_tell_closures_apart():
    step = compile_loops(OnlineKnapsack.kernels).step
    other = compile_loops(importlib.import_module("toys").Painter.kernels).step
    assert fingerprint(step.py_func) != fingerprint(other.py_func)  # type: ignore[attr-defined]


def test_where_nothing_can_be_kept_functions_are_compiled_anew_with_one_warning(monkeypatch, recwarn):
    """As in a container with a read-only installation and a user without a home."""
    monkeypatch.setattr("numba.core.caching.CompileResultCacheImpl._locator_classes", [])
    _warn_once.cache_clear()

    def doubled(x):
        return 2 * x

    assert [jit(doubled)(21), jit(doubled)(2)] == [42, 4]
    exec("typed = jit(lambda x: x)", typed := {"jit": jit})  # as at a prompt: nothing to warn about
    assert typed["typed"](3) == 3
    [warning] = recwarn
    assert "NUMBA_CACHE_DIR" in str(warning.message)


def test_broken_and_unwritable_files_of_compiled_code_are_no_error(tmp_path):
    def run(code: str = RUN) -> str:
        ran = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
        return ran.stdout.strip()

    (tmp_path / "called.py").write_text(CALLED)
    (tmp_path / "calling.py").write_text(CALLING)
    assert run("import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100, -1))\n" + RUN) == "41 0"  # a full disk
    assert run() == "41 0"
    for file in (*tmp_path.rglob("*.nbi"), *tmp_path.rglob("*.nbc")):
        file.write_bytes(b"broken")
    assert run() == "41 0"
    assert run() == "41 1"


def test_a_kernel_cannot_allocate():
    @jit
    def allocates(n):
        return np.zeros(n).sum()

    with pytest.raises(numba.core.errors.NumbaError):
        allocates(3)


def test_bound_code_gives_the_same_answer():
    @jit
    def add(a, b):
        return a[0] + b

    assert bind(add, np.ones(1), 2)(np.array([3.0]), 4) == 7.0


def test_loops_are_found_in_the_cache_by_a_new_process():
    code = (
        "import time, own_problem, numpy as np\n"
        "from budgetgym.envs.core.batch import Batch\n"
        "batch = Batch(own_problem.OnlineKnapsack(), 2); batch.reset()\n"
        "print(sum(batch.loops.step.stats.cache_hits.values()))"
    )
    paths = os.pathsep.join(sys.path)
    for expected in ("01", "1"):
        ran = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": paths},
        )
        assert ran.stdout.strip() in expected


def test_import_is_cheap():
    """No compiler, learner, solver or plot is loaded; the suite adds little to gymnasium and numpy."""
    code = (
        "import sys, time, gymnasium, numpy\n"
        "start = time.perf_counter(); import budgetgym; took = time.perf_counter() - start\n"
        "heavy = {'torch', 'stable_baselines3', 'numba', 'scipy', 'pandas', 'matplotlib'} & set(sys.modules)\n"
        "print(took, sorted(heavy))"
    )
    start = time.perf_counter()
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    took, heavy = output.split(maxsplit=1)
    assert heavy.strip() == "[]"
    assert float(took) < 0.5
    assert time.perf_counter() - start < 60
