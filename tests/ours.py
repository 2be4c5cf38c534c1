"""The suite's own families and ids: tests import others, which register theirs."""

from budgetgym.envs.family import OURS, Family, resolve

FAMILIES: list[Family] = [resolve(reference) for reference in OURS]
IDS = [id for family in FAMILIES for id in family.environments]
FIRST_IDS = [next(iter(family.environments)) for family in FAMILIES if family.environments]
"""One of each family that has any."""
