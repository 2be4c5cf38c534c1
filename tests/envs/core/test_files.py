import os
import re
import resource
import signal
import subprocess
import sys
from pathlib import Path

import budgetgym
import pytest
from budgetgym.envs.core.files import check_folder, check_writable, remove_leftovers, write_text, write_whole

PACKAGE = Path(budgetgym.__file__ or "").resolve().parent

KILLED = """
import os, signal, sys
from budgetgym.envs.core.files import write_whole
def half(file):
    file.write(b"half"), file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
write_whole(sys.argv[1], half)
"""


def test_who_is_killed_leaves_the_file_before_and_the_next_tidies_up(tmp_path):
    path = tmp_path / "kept [1].txt"
    write_text(path, "before")
    umask = os.umask(0)
    os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask
    ran = subprocess.run([sys.executable, "-c", KILLED, str(path)], timeout=60)
    assert ran.returncode == -signal.SIGKILL
    assert path.read_text() == "before"
    assert len(list(tmp_path.iterdir())) == 2
    (tmp_path / "mine.tmp").write_text("somebody else's")
    write_text(path, "after")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["kept [1].txt", "mine.tmp"]


def test_what_is_being_written_is_no_leftover(tmp_path):
    def write(file):
        remove_leftovers(tmp_path)
        write_text(tmp_path / "a.txt", "of the other")
        file.write(b"late")

    write_whole(tmp_path / "a.txt", write)
    assert (tmp_path / "a.txt").read_text() == "late"


def test_a_full_disk_leaves_the_file_before_and_is_named(tmp_path):
    path = tmp_path / "deep" / "kept.bin"
    write_whole(path, lambda file: file.write(b"before"))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match=re.escape(f"{path} can't be written, and is as it was: File too large")):
            write_whole(path, lambda file: file.write(bytes(10_000)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == b"before"
    assert list(path.parent.iterdir()) == [path]


def test_where_nothing_can_be_written_is_found_out_before(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"file/sub/a\.zip can't be written"):
        check_writable(tmp_path / "file" / "sub" / "a.zip")
    with pytest.raises(OSError, match="file can't be written"):
        check_folder(tmp_path / "file")
    with pytest.raises(IsADirectoryError, match="is a folder; expected the path of a file"):
        check_writable(tmp_path)
    check_writable(tmp_path / "new" / "a.zip")
    check_folder(tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []


WRITES = re.compile(
    r"""\bopen\([^)]*["'][wax]b?\+?["']|\.write_(text|bytes|parquet)\(|savez|np\.save\(|\.(to_csv|to_parquet|savefig)\("""
)

ALLOWED = {
    "envs/core/files.py",  # writes
    "baselines/core/cache.py",  # np.save(file) within write_whole
    "evaluation/plots.py",  # into a buffer
}


def test_nothing_else_in_the_package_writes_files():
    """Every other line that looks like it hands its bytes to `write_whole`, or makes a text."""
    found = []
    for folder in ("agents", "baselines", "envs", "evaluation", "testing"):
        for path in sorted((PACKAGE / folder).resolve().rglob("*.py")):
            name = f"{folder}/{path.relative_to((PACKAGE / folder).resolve())}"
            for line in path.read_text(encoding="utf-8").splitlines():
                whole = (
                    "write_whole(" in line
                    or "to_csv(index=False)" in line
                    or "to_parquet(index=False)" in line
                    or "to_csv()" in line
                )
                if WRITES.search(line) and not whole and name not in ALLOWED:
                    found.append(f"{name}: {line.strip()}")
    assert not found
