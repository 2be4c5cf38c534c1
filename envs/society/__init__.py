"""Social learning as a game: the planner and all agents act; see `society_v0`."""

from ..family import Family

FAMILY = Family(
    name="society",
    problem="budgetgym.envs.society.game:Society",
    drawing="budgetgym.envs.society.drawing:DRAWING",
    games={"society_v0": "budgetgym.envs.society.society_v0"},
)
