"""Learning rates for a budget of steps: the closed forms of their papers."""

import numpy as np
import pytest
from budgetgym.agents.learning.schedules import falling, rex, uba

SHARES = np.linspace(0, 1, 100_001)


def mean(schedule):
    return np.trapezoid([schedule(left) for left in SHARES], SHARES)


def test_rex_has_its_known_values():
    assert [rex(1.0)(1 - x) for x in (0.0, 0.25, 0.5, 0.75, 1.0)] == pytest.approx([1, 0.857143, 0.666667, 0.4, 0], abs=1e-6)
    assert mean(rex(1.0)) == pytest.approx(2 - 2 * np.log(2), abs=1e-9)
    assert rex(3e-3)(0.5) == pytest.approx(2e-3)


@pytest.mark.parametrize(
    ("phi", "middle", "average"), [(0.5, 0.8, 2 / 3), (1, 2 / 3, 0.585786), (2, 0.5, 0.5), (5, 2 / 7, 0.387426)]
)
def test_uba_has_its_known_values(phi, middle, average):
    schedule = uba(1.0, phi)
    assert (schedule(1.0), schedule(0.5), schedule(0.0)) == pytest.approx((1, middle, 0))
    assert mean(schedule) == pytest.approx(average, abs=1e-6)


def test_uba_with_phi_2_is_the_cosine():
    for left in (0.0, 0.1, 0.37, 0.8, 1.0):
        assert uba(1.0, 2.0, end=0.1)(left) == pytest.approx(0.1 + 0.9 * (1 + np.cos(np.pi * (1 - left))) / 2)


@pytest.mark.parametrize(
    "schedule", [falling(1.0), rex(1.0), uba(1.0), uba(1.0, 5.0, 0.2)], ids=["falling", "rex", "uba", "uba_end"]
)
def test_schedules_fall_and_stay_at_their_end_when_training_runs_over(schedule):
    values = [schedule(left) for left in np.linspace(1, -0.01, 200)]
    assert np.all(np.diff(values) <= 0)
    assert schedule(-0.01) == schedule(0.0) >= 0


@pytest.mark.parametrize(
    ("make", "message"),
    [(lambda: rex(0.0), "start is 0.0"), (lambda: uba(1.0, 0.0), "phi is 0.0"), (lambda: uba(1.0, end=-1.0), "end is -1.0")],
)
def test_bad_settings_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
