"""What was played before is played again, to the last digit: see `python -m tests.golden`."""

import copy

import gymnasium as gym
import numpy as np
import pytest
from golden import store
from golden.cases import BY_NAME, CASES, GAMES
from golden.names import Names, UnknownName
from golden.record import record
from golden.scripted import choose
from ours import IDS

SAME_PLATFORM = store.this_platform() == store.recorded_platform()


@pytest.mark.parametrize("name", BY_NAME)
def test_the_same_is_played(name, tmp_path):
    path = store.RECORDS / f"{name}.json"
    assert path.exists(), f"{name} has no record; `python -m tests.golden {name}` writes it"
    whole, expected = store.read(path)
    found, tolerances = record(BY_NAME[name], tmp_path, Names.load())
    messages = store.differences(name, expected, found, tolerances, exact=SAME_PLATFORM)
    assert not messages, "\n" + "\n".join(messages)
    if SAME_PLATFORM:
        assert store.digest(found) == whole, f"{name}: the digest of everything differs, but no array does"


def test_every_record_has_a_case_and_every_case_a_name_of_its_own():
    assert {path.stem for path in store.RECORDS.iterdir()} <= BY_NAME.keys()
    assert len(BY_NAME) == len(CASES) + len(GAMES)


def test_every_environment_is_played_as_it_is_and_with_settings():
    assert {case.id for case in CASES} == set(IDS)
    assert {case.id for case in CASES if case.settings == {}} == set(IDS)
    for id in IDS:
        assert sum(case.id == id for case in CASES) >= 3
        assert len({agent.name for case in CASES if case.id == id for agent in case.agents}) >= 3


def test_the_script_asks_for_what_cannot_be_paid():
    moved = 0
    for case in CASES:
        _, arrays = store.read(store.RECORDS / f"{case.name}.json")
        moved += max(arrays["single/info/blocked"].values) > 0
    assert moved > len(CASES) / 3


# --- the test has teeth -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def truth():
    return store.read(store.RECORDS / "traptree.json")[1]


def entries(**arrays):
    return {name: store.entry(store.Played(np.array(array))) for name, array in arrays.items()}


def told(before, after, tolerances=None, *, exact=False):
    return store.differences("case", before, after, tolerances or {}, exact=exact)


def test_a_changed_number_is_reported_with_its_place_and_both_values():
    rows = np.linspace(0.0, 1.0, 12).reshape(4, 3)
    changed = rows.copy()
    changed[2, 1] *= 1 + 1e-8
    (message,) = told(entries(reward=rows), entries(reward=changed))
    assert message.startswith("case: reward differs first at value 7 of the 12 written out")
    assert "was 0.636363636364, is 0.636363642727" in message
    assert not told(entries(reward=rows), entries(reward=changed), {"reward": 1e-6})


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([1, 2], [1, 3]),
        ([True], [False]),
        (["a"], ["b"]),
        ([1.0], [np.nan]),
        ([1.0, np.inf], [1.0, -np.inf]),
        ([0.0], [1e-11]),
    ],
)
def test_other_kinds_are_compared_exactly(before, after):
    (message,) = told(entries(x=before), entries(x=after))
    assert "differs first at" in message
    assert not told(entries(x=before), entries(x=before), exact=True)


def test_a_last_digit_is_for_digests():
    before, after = entries(x=[0.1, 0.2]), entries(x=[0.1, np.nextafter(0.2, 1.0)])
    assert not told(before, after)
    (message,) = told(before, after, exact=True)
    assert "x differs in bits" in message
    assert store.digest(before) != store.digest(after)


def test_types_shapes_and_missing_arrays_are_reported():
    assert "was int64 (1,), is float64 (1,)" in told(entries(x=[1]), entries(x=[1.0]))[0]
    assert "was int64 (1,), is int64 (2,)" in told(entries(x=[1]), entries(x=[1, 2]))[0]
    assert told(entries(x=[1]), entries(y=[1])) == [
        "case: x is in the record, but was not played",
        "case: y was played, but is not in the record",
    ]


def test_every_array_of_a_record_is_compared(truth):
    assert not told(truth, truth, exact=True)
    for name, found in truth.items():
        changed = copy.deepcopy(truth)
        k = len(found.values) - 1
        changed[name].values[k] = f"not {found.values[k]}" if found.dtype == "text" else np.nan_to_num(found.values[k]) + 0.5
        (message,) = told(truth, changed)
        assert name in message


def test_what_is_written_is_read_back(tmp_path, truth):
    arrays = truth | entries(
        numbers=[0.0] * 9 + [-0.0, np.nan, np.inf, 1e300, 0.1 + 0.2], flags=[True] * 7 + [False], names=["a"] * 9
    )
    assert store.write(tmp_path / "record.json", store.text_of(arrays))
    whole, again = store.read(tmp_path / "record.json")
    assert whole == store.digest(arrays)
    assert not told(arrays, again, exact=True)
    assert not store.write(tmp_path / "record.json", store.text_of(again))


def test_an_environment_that_plays_otherwise_is_found(tmp_path, monkeypatch):
    case = BY_NAME["traptree_deep"]
    _, expected = store.read(store.RECORDS / f"{case.name}.json")
    monkeypatch.setitem(case.settings, "traps", 1)
    found, tolerances = record(case, tmp_path, Names.load())
    assert any(
        "differs first at" in message for message in store.differences(case.name, expected, found, tolerances, exact=False)
    )


# --- names --------------------------------------------------------------------------------------------------------------


def test_a_new_name_needs_a_row_and_an_old_record_stays():
    names = Names({"info": {"cost": "price", "mask": "mask"}})
    assert (names.canonical("info", "price"), names.current("info", "cost")) == ("cost", "price")
    with pytest.raises(UnknownName, match=r"'cost' is not among the current names of info .*`python -m tests.golden`"):
        names.canonical("info", "cost")
    learning = Names(names.table, learn=True)
    assert learning.canonical("info", "spent") == "spent"
    assert '"spent": "spent"' in learning.text(everything=False)
    assert '"mask": "mask"' not in learning.text(everything=False)
    assert '"mask": "mask"' in learning.text(everything=True)
    with pytest.raises(UnknownName, match="add a row by hand"):
        learning.canonical("info", "cost")
    with pytest.raises(ValueError, match="two canonical info"):
        Names({"info": {"a": "x", "b": "x"}})


@pytest.mark.parametrize(
    "space",
    [
        gym.spaces.Discrete(4, start=2),
        gym.spaces.MultiDiscrete([3, 1, 5]),
        gym.spaces.MultiBinary(6),
        gym.spaces.Box(-1.0, 3.0, (2,), np.float32),
    ],
    ids=str,
)
def test_the_script_is_within_the_space_and_varied(space):
    actions = [choose(space, step) for step in range(50)]
    assert all(space.contains(np.int64(action) if isinstance(action, int) else action) for action in actions)
    assert len({str(action) for action in actions}) >= 4
