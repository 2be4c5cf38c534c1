"""State classes and features: what can't be meant is refused by name."""

from typing import Annotated, Any

import numpy as np
import pytest
from budgetgym.envs.core import CoreState, Feature, Floats, Ints, Shape, state
from budgetgym.envs.core.features import observation_table
from numpy.typing import NDArray
from own_problem import OnlineKnapsack, Params


def declared(**fields: Any) -> type[CoreState]:
    return type("Mine", (CoreState,), {"__annotations__": fields, "__module__": __name__})


def test_a_state_has_the_cores_fields_and_its_own():
    made = state(declared(position=Annotated[Ints, Shape("items", fill=-1)], count=Floats))
    blank = made.allocate(3, {"resources": 2, "items": 4})
    assert blank.position.shape == (3, 4)  # type: ignore[attr-defined]
    assert (blank.position == -1).all()  # type: ignore[attr-defined]
    assert blank.remaining.shape == (3, 2)
    assert blank.finished.all()
    assert np.isnan(blank.next_budget).all()
    assert blank.next_episode.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"cost": Floats}, "are names of the core"),
        ({"allocate": Floats}, "are names of the core"),
        ({"value": float}, "Mine.value is annotated <class 'float'>; expected Floats"),
        ({"value": NDArray[np.object_]}, "Mine.value is object"),
        ({"value": Annotated[Ints, Shape(fill=np.nan)]}, "Mine.value is int64 filled with nan"),
    ],
)
def test_states_that_cant_be_meant(fields, message):
    with pytest.raises(TypeError, match=message):
        state(declared(**fields))


def test_a_state_class_has_nothing_but_fields_and_knows_its_axes():
    with pytest.raises(TypeError, match=r"\['double'\] are no annotated fields"):
        state(type("Mine", (CoreState,), {"double": lambda self: 2, "__module__": __name__}))
    with pytest.raises(TypeError, match=r"expected class Mine\(CoreState\)"):
        state(type("Mine", (), {"__annotations__": {"value": Floats}}))  # type: ignore[type-var]
    made = state(declared(items=Annotated[Ints, Shape("items")]))
    with pytest.raises(TypeError, match=r"Mine.items has the axis 'items'; expected its length"):
        made.allocate(2, {"resources": 1})


class Strange(OnlineKnapsack):
    """With other features."""

    def __init__(self, features: Any) -> None:
        space = OnlineKnapsack().action_space
        super(OnlineKnapsack, self).__init__(
            params=Params(3, 1.0), features=features, action_space=space, horizon=3, budget=1.0, budget_scale=1.0
        )


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ([Feature("x", 1.0, 0.0, "")], "feature 'x' reaches from 1.0 to 0.0; expected bounds of one shape with low <= high"),
        ([Feature("x", np.zeros(2), 1.0, "")], "feature 'x' reaches"),
        ([Feature("x", 0.0, float("nan"), "")], "feature 'x' reaches"),
        ([Feature("x", "0", 1.0, "")], "expected numbers"),
        ([Feature("x", 0.0, 1.0, ""), Feature("x", 0.0, 1.0, "")], r"two features are called \['x'\]"),
        ([("x", 0.0, 1.0)], r"expected Feature\(name, low, high, meaning\)"),
    ],
)
def test_features_that_cant_be_meant(features, message):
    with pytest.raises((TypeError, ValueError), match=message):
        Strange(features)


def test_a_table_of_features():
    table = observation_table([Feature("a", 0.0, 1.0, "first", "m"), Feature("b", np.zeros(2), np.ones(2), "others")])
    assert "| 0 | a | first (m) | [0, 1] |" in table
    assert "| 1..2 | b[0..1] | others | [0, 1] |" in table


class Handed(OnlineKnapsack):
    """Hands arguments on."""

    def __init__(self, fee: float = 0.0, **settings: Any) -> None:
        super().__init__(**settings)


def test_settings_that_are_handed_on_are_kept_by_name():
    problem = Handed(horizon=7, fee=0.5)
    assert problem.settings == {"horizon": 7, "fee": 0.5}
    assert problem.replace(horizon=9).horizon == 9
    assert {"fee", "horizon", "capacity"} <= set(Handed.setting_names())
