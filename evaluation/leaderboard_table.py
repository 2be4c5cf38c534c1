"""From the runs of the leaderboard to what is compared: agents within an environment, and groups of agents across them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ..agents.registry import PLANNERS, split_name
from . import statistics
from .leaderboard_run import RESAMPLES
from .statistics import Estimate
from .summary import Floats, Frame

GROUPS = {
    "best learner": "the learner with the largest share in each environment, all of its seeds",
    "best planner": "the planner with the largest share in each environment",
    "best baseline": "the agent with the largest share in each environment among those that neither learn nor plan nor are "
    "the optimum itself nor see the future",
    "random": "the agent of that name",
}
"""What is compared across environments: no single agent serves all of them."""

REFERENCE = "best baseline"


class Standing(NamedTuple):
    """An agent, or a group that is another agent in every environment, across environments."""

    name: str
    agents: dict[str, str]
    """environment -> agent."""
    runs: int
    statistics: dict[str, Estimate]
    """Interquartile mean, mean, median, optimality gap, and the probability of improvement over the reference."""


def ranked(table: pd.DataFrame) -> pd.DataFrame:
    """A row per environment and agent, over its training seeds; the agents of an environment by their share.

    Shares have intervals over training seeds and episodes; see `mean_of_runs`. Other numbers are means over seeds, latency is
    the median, violations are the sum.
    """
    finished: Frame = table[table["status"] == "finished"]
    rows = [_agent_row(runs) for _, runs in finished.groupby(["environment", "agent"], sort=False)]
    order = {environment: k for k, environment in enumerate(table["environment"].unique())}
    result = pd.DataFrame(rows)
    if rows:
        result = result.sort_values(
            ["environment", "share"],
            key=lambda column: column.map(order) if column.name == "environment" else -column,
            kind="stable",
        )
    return result.reset_index(drop=True)


def role(row: Any) -> str:
    """What an agent is: learner, planner, optimum, clairvoyant or baseline."""
    name = split_name(row["agent"])[0]
    if row["information"] == "clairvoyant":
        return "clairvoyant"
    if row["learns"]:
        return "learner"
    return "optimum" if name == "optimal" else "planner" if name in PLANNERS else "baseline"


def groups(ranks: pd.DataFrame) -> dict[str, dict[str, str]]:
    """name of the group -> environment -> its agent there; see `GROUPS`. Groups without agents are left out."""
    roles = [role(row) for row in ranks.to_dict("records")]
    known: Frame = ranks.assign(role=roles)[ranks["share"].notna().to_numpy()]
    best = known.drop_duplicates(["environment", "role"])  # they stand in the order of their shares
    found = {}
    for name in GROUPS:
        rows = known[known["agent"] == name] if name == "random" else best[best["role"] == name.removeprefix("best ")]
        if len(rows):
            found[name] = dict(zip(rows["environment"], rows["agent"], strict=True))
    return found


def learners(ranks: pd.DataFrame) -> dict[str, dict[str, str]]:
    """name of a learner -> environment -> the same name, where it has learned."""
    rows: Frame = ranks[ranks["learns"] & ranks["share"].notna()]
    return {str(name): dict.fromkeys(own["environment"], str(name)) for name, own in rows.groupby("agent", sort=True)}


def standing(table: pd.DataFrame, name: str, agents: dict[str, str], reference: dict[str, str]) -> Standing:
    """Where an agent or group stands over the environments that it serves.

    Args:
        table: the runs.
        name: of the agent or group.
        agents: environment -> agent.
        reference: the same of what it is compared with, on the environments that both serve.
    """
    scores, resampled = _scores(table, agents)
    matrix, matrices = statistics.as_matrix(scores), statistics.as_matrix(resampled)
    counts = list(map(len, scores))
    found = {
        what: statistics.interval(statistic(matrix), statistic(matrices), runs=counts)
        for what, statistic in {
            "interquartile mean": statistics.interquartile_mean,
            "mean": statistics.mean,
            "median": statistics.median,
            "optimality gap": statistics.optimality_gap,
        }.items()
    }
    both = [environment for environment in agents if environment in reference]
    if both and agents != reference:
        ours, theirs = (_scores(table, {key: who[key] for key in both}) for who in (agents, reference))
        value, resamples = (
            statistics.superiority(*map(statistics.as_matrix, pair)) for pair in zip(ours, theirs, strict=True)
        )
        found["improvement"] = statistics.interval(value, resamples, runs=list(map(len, [*ours[0], *theirs[0]])))
    return Standing(name, agents, sum(counts), found)


def profiles(table: pd.DataFrame, compared: dict[str, dict[str, str]], thresholds: Floats) -> dict[str, Estimate]:
    """Performance profiles of groups, with pointwise intervals, over the environments that all of them serve."""
    common = common_environments(compared)
    found = {}
    for name, agents in compared.items():
        scores, resampled = _scores(table, {environment: agents[environment] for environment in common})
        value, resamples = (statistics.profile(statistics.as_matrix(tasks), thresholds) for tasks in (scores, resampled))
        found[name] = statistics.interval(value, resamples, runs=list(map(len, scores)))
    return found


def common_environments(compared: dict[str, dict[str, str]]) -> list[str]:
    """The environments that all groups serve."""
    first, *others = compared.values()
    return [environment for environment in first if all(environment in agents for agents in others)]


def _scores(table: Frame, agents: dict[str, str]) -> tuple[list[Floats], list[Floats]]:
    """For every environment the shares of the agent's runs (runs,), and resampled (RESAMPLES, runs)."""
    rng = np.random.default_rng(0)
    scores, resampled = [], []
    for environment, agent in agents.items():
        runs = table[(table["environment"] == environment) & (table["agent"] == agent) & (table["status"] == "finished")]
        scores.append(runs["share"].to_numpy(float))
        resampled.append(_resampled(runs, rng))
    return scores, resampled


def _resampled(runs: Frame, rng: np.random.Generator) -> Floats:
    """Shares of training seeds drawn with replacement, each on the resampled episodes that all share, (RESAMPLES, runs)."""
    drawn = rng.integers(len(runs), size=(RESAMPLES, len(runs)))
    return np.take_along_axis(_of_episodes(runs), drawn, axis=1)


def _of_episodes(runs: Frame) -> Floats:
    """Shares of training seeds on resampled episodes that all of them share, (RESAMPLES, runs)."""
    return np.stack(runs["resampled_shares"].map(lambda shares: np.asarray(shares, float)).to_list(), axis=1)


def _agent_row(runs: Frame) -> dict[str, Any]:
    first = runs.iloc[0]
    share = statistics.mean_of_runs(runs["share"].to_numpy(float), _of_episodes(runs), int(first["episodes"]))
    kept = ("environment", "agent", "learns", "information", "share_of", "episodes", "effort")
    means = ("score", "cvar", "spent_share", "unproved", "training_seconds", "training_decisions")
    runs = runs.reindex(columns=list(dict.fromkeys([*runs.columns, "unproved"])))  # tables from before it was counted
    return {
        **{name: first[name] for name in kept},
        "runs": len(runs),
        **dict(zip(("share", "share_low", "share_high"), map(float, share), strict=True)),
        **{name: float(runs[name].astype(float).mean()) for name in means},
        "violations": int(runs["violations"].sum()),
        "blocked": float(runs["blocked"].sum() / runs["episodes"].sum()),
        "latency_us": float(runs["latency_us"].median()),
    }
