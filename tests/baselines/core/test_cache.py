from unittest.mock import Mock

import numpy as np
import pytest
from budgetgym.baselines.core.cache import cache_directory, cached_array

TABLE = np.arange(12.0).reshape(3, 4)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("BUDGETGYM_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def computed():
    return Mock(return_value=TABLE)


def other_table(path):
    """Sound in itself, but of another key."""
    cached_array(lambda: TABLE + 1.0, "other")
    [other] = [file for file in path.parent.glob("*.table") if file != path]
    other.replace(path)


def without_checksum(path):
    with path.open("wb") as file:
        np.save(file, TABLE + 1.0)


def one_bit(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"PK\x03\x04 no array"),
        lambda path: path.write_bytes(path.read_bytes()[:-8]),
        without_checksum,
        one_bit,
        other_table,
    ],
    ids=["empty", "no array", "cut short", "without checksum", "one bit", "of another key"],
)
def test_a_table_that_is_not_as_it_was_written_is_computed_again(folder, computed, spoil):
    assert np.array_equal(cached_array(computed, "key", 1), TABLE)
    assert np.array_equal(cached_array(computed, "key", 1), TABLE)
    assert computed.call_count == 1
    [path] = folder.iterdir()
    spoil(path)
    assert np.array_equal(cached_array(computed, "key", 1), TABLE)
    assert computed.call_count == 2
    assert np.array_equal(cached_array(computed, "key", 1), TABLE)
    assert computed.call_count == 2


def test_what_was_left_by_who_was_killed_is_deleted(folder, computed):
    (folder / "tmpa1b2c3.tmp").write_bytes(b"half")
    cached_array(computed, "key")
    assert [path.suffix for path in folder.iterdir()] == [".table"]


def test_without_a_place_tables_are_computed(tmp_path, computed, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("BUDGETGYM_CACHE", str(tmp_path / "file" / "sub"))
    assert np.array_equal(cached_array(computed, "key"), TABLE)
    for name in ("BUDGETGYM_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)

    def homeless(*arguments):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr("pathlib.Path.home", homeless)
    assert cache_directory() is None
    assert np.array_equal(cached_array(computed, "key"), TABLE)
