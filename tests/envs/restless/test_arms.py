"""Arms: what they refuse, their file, and the published ones."""

import numpy as np
import pandas as pd
import pytest
from budgetgym.envs.restless.arms import (
    Arms,
    birth_death,
    load_arms,
    published_arms,
    published_start,
    read_arms,
)

STAY = np.eye(2)
FLIP = STAY[::-1]


def two_arms(**changes):
    """Two arms of two states that stay when left alone and flip when pulled; the second one's state 1 is worth 5."""
    given = {
        "transitions": np.array([[STAY, FLIP]] * 2),
        "rewards": np.array([[0.0, 1.0], [0.0, 5.0]]),
        "names": ("ann", "bob"),
    }
    return Arms.from_arrays(**{**given, **changes})


def test_rewards_come_in_three_forms():
    by_state = two_arms()
    assert by_state.shape == (2, 2, 2)
    assert by_state.rewards[1].tolist() == [[[0.0, 5.0]] * 2] * 2
    assert by_state.expected_rewards()[1].tolist() == [[0.0, 5.0], [5.0, 0.0]]
    by_action = two_arms(rewards=np.arange(8.0).reshape(2, 2, 2))
    assert by_action.rewards[1, 0].tolist() == [[4.0, 4.0], [5.0, 5.0]]  # whatever the next state
    assert by_action.expected_rewards().ravel().tolist() == list(range(8))
    by_step = two_arms(rewards=np.arange(16.0).reshape(2, 2, 2, 2))
    assert np.array_equal(by_step.rewards.ravel(), np.arange(16.0))
    assert by_step.expected_rewards()[1].tolist() == [[8.0, 11.0], [13.0, 14.0]]


def test_first_states_come_in_two_forms_and_are_0_by_default():
    assert two_arms().start.tolist() == [[1, 0], [1, 0]]
    assert two_arms(start=[1, 0]).start.tolist() == [[0, 1], [1, 0]]
    assert two_arms(start=[[0.25, 0.75], [1, 0]]).start.tolist() == [[0.25, 0.75], [1, 0]]
    assert Arms.from_arrays([[STAY, FLIP]], [[0, 1]]).names == ("0",)


def test_rows_that_nearly_sum_to_one_are_scaled():
    arms = two_arms(transitions=np.array([[STAY, FLIP]] * 2) * (1 + 1e-9))
    assert (arms.transitions.sum(axis=-1) == 1.0).all()


def changed(at, value, array=None):
    array = np.array([[STAY, FLIP]] * 2) if array is None else np.array(array, float)
    array[at] = value
    return array


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"transitions": changed((1, 1, 0, 0), np.nan)}, "transitions of arm 'bob' are not finite"),
        ({"transitions": changed((1, 1, 0), (0.5, 0.6))}, r"arm 'bob' in \(action, state\) \(1, 0\) sum to 1.1; expected 1"),
        ({"transitions": changed((0, 1, 0), (-0.5, 1.5))}, r"arm 'ann' have -0.5 at \(1, 0, 0\); expected probabilities"),
        ({"transitions": np.ones((2, 2, 2))}, r"transitions has shape \(2, 2, 2\); expected 4 dimensions"),
        ({"transitions": np.ones((2, 2, 2, 3)) / 3}, r"transitions have shape \(2, 2, 2, 3\); expected \(arms, levels >= 2"),
        ({"transitions": np.ones((2, 1, 2, 2)) / 2}, r"transitions have shape \(2, 1, 2, 2\)"),
        ({"transitions": "no"}, "transitions is not an array of numbers"),
        ({"transitions": [[[[1.0], [0.0, 1.0]]]]}, "transitions is not an array of numbers"),
        ({"rewards": [[0, 1], [0, np.inf]]}, "rewards of arm 'bob' are not finite"),
        ({"rewards": np.zeros((2, 3))}, r"rewards have shape \(2, 3\); expected one of \(2, 2\), \(2, 2, 2\), \(2, 2, 2, 2\)"),
        ({"rewards": np.zeros(2)}, r"rewards have shape \(2,\)"),
        ({"rewards": [["a", "b"]] * 2}, "rewards is not an array of numbers"),
        ({"rewards": [[1], [1, 2]]}, "rewards is not an array of numbers"),
        ({"start": [[1, 0], [0.5, 0.4]]}, "start of arm 'bob' sum to 0.9; expected 1"),
        ({"start": [[1, 0], [1.5, -0.5]]}, "start of arm 'bob' have -0.5"),
        ({"start": [[1, 0], [np.nan, 0]]}, "start of arm 'bob' are not finite"),
        ({"start": [0, 2]}, r"expected a state 0\.\.1 for each of 2 arms"),
        ({"start": [0.0, 1.0]}, r"expected a state 0\.\.1 for each of 2 arms"),
        ({"start": [0]}, r"expected a state 0\.\.1 for each of 2 arms"),
        ({"start": [[1], [0, 1]]}, "start is .*; expected an array, all rows of one length"),
        ({"start": [[1, 0]]}, r"start have shape \(1, 2\); expected \(2, 2\) for 2 arms of 2 states"),
        ({"names": ("ann", "ann")}, r"names are \['ann', 'ann'\]; expected 2 different ones"),
        ({"names": ("ann",)}, r"names are \['ann'\]; expected 2 different ones"),
    ],
)
def test_arms_that_cannot_be_meant(changes, message):
    with pytest.raises(ValueError, match=message):
        two_arms(**changes)


# --- files --------------------------------------------------------------------------------------------------------------

SMALL = """arm,action,state,next_state,probability,reward
ann,0,0,0,1,0
ann,0,1,0,0.25,0
ann,0,1,1,0.75,1
ann,1,0,1,1,1
ann,1,1,1,1,1
bob,0,0,0,1,2
bob,1,0,0,1,3
"""


def file_of(folder, text):
    path = folder / "arms.csv"
    path.write_text(text)
    return path


def test_a_file_by_hand(tmp_path):
    """Bob has one state only: the other one is there, is never reached, and is left by no treatment."""
    arms = load_arms(file_of(tmp_path, SMALL))
    assert (arms.names, arms.shape) == (("ann", "bob"), (2, 2, 2))
    assert arms.transitions[0].tolist() == [[[1, 0], [0.25, 0.75]], [[0, 1], [0, 1]]]
    assert arms.transitions[1].tolist() == [[[1, 0], [0, 1]]] * 2
    assert arms.expected_rewards().tolist() == [[[0, 0.75], [1, 1]], [[2, 0], [3, 0]]]
    assert arms.start.tolist() == [[1, 0], [1, 0]]


def test_the_start_column(tmp_path):
    rows = SMALL.splitlines()
    starts = ["start", "0.5", "0.5", "0.5", "0.5", "0.5", "1", "1"]
    arms = load_arms(file_of(tmp_path, "\n".join(f"{row},{start}" for row, start in zip(rows, starts, strict=True))))
    assert arms.start.tolist() == [[0.5, 0.5], [1, 0]]


def test_what_is_written_is_read(tmp_path):
    random = np.random.default_rng(3)
    transitions = random.dirichlet(np.ones(3), (4, 2, 3))
    arms = Arms.from_arrays(transitions, random.random((4, 2, 3, 3)), random.dirichlet(np.ones(3), 4), tuple("dbca"))
    j, a, s, t = (index.ravel() for index in np.indices((4, 2, 3, 3)))
    pd.DataFrame(
        {
            "arm": np.array(arms.names)[j],
            "action": a,
            "state": s,
            "next_state": t,
            "probability": arms.transitions.ravel(),
            "reward": arms.rewards.ravel(),
            "start": arms.start[j, s],
        }
    ).sample(frac=1.0, random_state=0).sort_values("arm", key=lambda name: name.map("dbca".index)).to_csv(
        tmp_path / "arms.csv", index=False
    )
    again = read_arms(str(tmp_path / "arms.csv"))
    assert again.names == arms.names
    assert np.allclose(again.transitions, arms.transitions, atol=1e-15)
    assert np.array_equal(again.rewards, arms.rewards)
    assert np.allclose(again.start, arms.start, atol=1e-15)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "ann,0,1,1,0.75,1",
            "ann,0,1,1,0.7,1",
            r"arms\.csv'.*arm 'ann' in \(action, state\) \(0, 1\) sum to 0.95",
        ),
        ("ann,0,1,1,0.75,1", "ann,0,1,1,,1", r"line 4: probability is ''; expected a probability in \[0, 1\]"),
        ("ann,0,1,1,0.75,1", "ann,0,1,1,x,1", "line 4: probability is 'x'; expected"),
        ("ann,0,1,1,0.75,1", "ann,0,1,1,inf,1", "line 4: probability is 'inf'; expected"),
        ("ann,0,1,0,0.25,0", "ann,0,1,0,-0.25,0", r"arms\.csv', line 3: probability is '-0.25'; expected"),
        ("bob,1,0,0,1,3", "bob,1,0,0,1,", "line 8: reward is ''; expected a number"),
        (
            "bob,1,0,0,1,3",
            "bob,1,0,0,1,3\nbob,1,0,0,1,3",
            r"'bob' has two rows for \(action, .*\) \(1, 0, 0\)",
        ),
        ("bob,1,0,0,1,3\n", "", r"arm 'bob' has no row for \(action, state\) \(1, 0\)"),
        ("ann,1,1,1,1,1\n", "", r"arm 'ann' has no row for \(action, state\) \(1, 1\)"),
        ("ann,1,1,1,1,1", "ann,1,1,1000000000,1,1", r"arm 'ann' has no row for \(action, state\) \(0, 2\)"),
        ("ann,1,1,1,1,1", "ann,1,1.5,1,1,1", "line 6: state is '1.5'; expected an integer >= 0"),
        ("ann,1,1,1,1,1", "ann,-1,1,1,1,1", "line 6: action is '-1'; expected an integer >= 0"),
        ("ann,1,1,1,1,1", "ann,1,1,inf,1,1", "line 6: next_state is 'inf'; expected an integer >= 0"),
        ("ann,1,1,1,1,1", "ann,1,1,,1,1", "line 6: next_state is ''; expected an integer >= 0"),
        ("ann,1,1,1,1,1", "ann,pull,1,1,1,1", "line 6: action is 'pull'; expected an integer >= 0"),
        ("bob,1,0,0,1,3", ",1,0,0,1,3", "line 8: arm is missing"),
        ("probability", "chance", r"lacks the columns \['probability'\]; it has \['arm', 'action'"),
    ],
)
def test_files_that_cannot_be_meant(tmp_path, old, new, message):
    assert old in SMALL
    with pytest.raises(ValueError, match=message):
        load_arms(file_of(tmp_path, SMALL.replace(old, new)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"arms\.csv' is empty"),
        ("arm,action,state,next_state,probability,reward\n", "has no rows"),
        ("\n".join(line for line in SMALL.splitlines() if ",1," not in line[3:6]), "has the action 0 only"),
        ("arm,action,state,next_state,probability,reward,start\na,0,0,0,1,0,1\na,1,0,0,1,0,0.5\n", "'a' has different values"),
        (
            "arm,action,state,next_state,probability,reward,start\na,0,0,0,1,0,1\na,1,0,0,1,0,\n",
            "line 3: start is ''; expected a probability",
        ),
        ("arm,action,state,next_state,probability,reward,start\na,0,0,0,1,0,0.5\na,1,0,0,1,0,0.5\n", "arm 'a' sum to 0.5"),
    ],
)
def test_files_that_are_no_arms(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        load_arms(file_of(tmp_path, text))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("nowhere.csv", r"arms file 'nowhere\.csv' can't be read"),
        (5, "arms is int; expected Arms, the path of a CSV file, or a mapping of arrays"),
        ({"transitions": [[STAY, FLIP]]}, r"arms has \['transitions'\]; expected transitions, rewards"),
        ({"transitions": 0, "rewards": 0, "costs": 0}, r"arms has \['costs', 'rewards', 'transitions'\]; expected"),
    ],
)
def test_what_is_read_as_arms(given, message):
    with pytest.raises(ValueError, match=message):
        read_arms(given)


def test_arms_and_mappings_are_read_as_they_are():
    arms = two_arms()
    assert read_arms(arms) is arms
    again = read_arms({"transitions": arms.transitions, "rewards": arms.rewards, "names": arms.names})
    assert (again.names, again.transitions.tolist()) == (arms.names, arms.transitions.tolist())


# --- the published ones -------------------------------------------------------------------------------------------------


def test_birth_death_by_hand():
    chains = birth_death(np.array([[0.1, 0.8]]), states=3)
    assert np.allclose(chains[0, 0], [[0.9, 0.1, 0], [0.9, 0, 0.1], [0, 0.9, 0.1]])
    assert np.allclose(chains[0, 1], [[0.2, 0.8, 0], [0.2, 0, 0.8], [0, 0.2, 0.8]])


def test_published_arms():
    """Rewards and laws of section 1.1 of the authors' code, over many draws: every value occurs, and no other."""
    J, good = 400, 150
    arms = published_arms(J, good, 0.2, np.random.default_rng(0))
    assert arms.shape == (J, 2, 4)
    rewards = arms.rewards[:, 0, 0, :]
    assert (arms.rewards == rewards[:, None, None, :]).all()  # of the next state alone
    assert (rewards[:good, :3] == [0.2, 0.15, 0.1]).all()
    assert (rewards[good:, :3] == [0.1, 0.15, 0.2]).all()
    for prizes, known in ((rewards[:good, 3], {4, 5, 6}), (rewards[good:, 3], {1, 2, 3})):
        values, counts = np.unique(prizes, return_counts=True)
        assert set(values) == known
        assert (counts > len(prizes) / 4.5).all()
    assert (arms.start == [0.8, 0.2, 0, 0]).all()
    for level, low, high in ((0, 0.0, 0.2), (1, 0.7, 0.9)):
        up = arms.transitions[:, level, 0, 1]
        assert low <= up.min() < low + 0.01
        assert high - 0.01 < up.max() <= high
        assert up.mean() == pytest.approx((low + high) / 2, abs=0.01)
        chain = np.zeros((J, 4, 4))
        for s in range(4):
            chain[:, s, min(s + 1, 3)] += up
            chain[:, s, max(s - 1, 0)] += 1 - up
        assert np.allclose(arms.transitions[:, level], chain)
    assert abs(np.corrcoef(arms.transitions[:, 0, 0, 1], arms.transitions[:, 1, 0, 1])[0, 1]) < 0.15


def test_more_good_arms_than_arms():
    assert (published_arms(3, 5, 0.0, np.random.default_rng(0)).rewards[..., 3] >= 4).all()


@pytest.mark.parametrize("start", [-0.1, 1.1, float("nan"), "half"])
def test_a_start_that_is_no_probability(start):
    with pytest.raises(ValueError, match=r"start is .*; expected a probability in \[0, 1\]"):
        published_start(2, start)


def test_an_arm_may_be_called_na(tmp_path):
    rows = [f"{arm},{action},0,0,1,1" for arm in ("NA", "null") for action in (0, 1)]
    (tmp_path / "arms.csv").write_text("\n".join(["arm,action,state,next_state,probability,reward", *rows]))
    assert load_arms(tmp_path / "arms.csv").names == ("NA", "null")
