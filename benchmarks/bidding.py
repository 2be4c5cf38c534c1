"""Bidding: all methods on two real logs, long episodes, first prices, and the regret of dual mirror descent.

    python benchmarks/bidding.py study --data ipinyou   # both logs, c0 = 1/32..1/2: results/bidding_study.csv
    python benchmarks/bidding.py scale --data ipinyou   # T = 100,000: results/bidding_scale.csv
    python benchmarks/bidding.py first_price            # a synthetic twin: results/bidding_first_price.csv
    python benchmarks/bidding.py slope                  # regret over T = 1e3..1e6: results/bidding_slope.csv
    python benchmarks/bidding.py load                   # a log of 10 million lines: results/bidding_load.csv
    python benchmarks/bidding.py table                  # the tables of the documentation, from these files

`--data` holds iPinYou's campaigns as `2997/rlb-dp.test.theta.txt`, `info/2997.info.json` (both of han-cai/rlb-dp) and
`1458/rtbcontrol.{train,test}.txt` (of wnzhang/rtbcontrol). All bidders meet the same episodes. Intervals are 95 % bootstrap
intervals over episodes, those of differences paired.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from budgetgym import compare, evaluate, make_agent
from budgetgym.envs.bidding.problem import RealTimeBidding
from budgetgym.evaluation.play import play

RESULTS = Path(__file__).parent / "results"
BUDGETS = "c0=1/32,1/16,1/8,1/4,1/2"
BIDDERS = (
    "rlb",
    "fluid",
    "rlb_pmf",
    "pid",
    "adaptive_pacing",
    "dmd",
    "ortb1",
    "ortb2",
    "lin",
    "cmdp",
    "mcpc",
    "throttle",
    "ss_mdp",
    "constant",
    "random",
)
AT_SCALE = ("rlb_map_a", "rlb_map_d", "rlb_seg", "rlb_nn", "fluid", "dmd", "pid", "lin", "ortb1", "mcpc")
COLUMNS = (
    "budget",
    "agent",
    "episodes",
    "theta_value",
    "share_of_bound",
    "share_of_bound_low",
    "share_of_bound_high",
    "difference",
    "difference_low",
    "difference_high",
    "clicks",
    "win_rate",
    "spent_share",
)


def campaigns(data: Path) -> dict[str, dict[str, Any]]:
    """The two logs, each with what its bidders know before: price counts and averages, or a training log."""
    return {
        "2997": {
            "log": str(data / "2997/rlb-dp.test.theta.txt"),
            "statistics": str(data / "info/2997.info.json"),
        },
        "1458": {
            "log": str(data / "1458/rtbcontrol.test.txt"),
            "statistics": str(data / "1458/rtbcontrol.train.txt"),
        },
    }


def compared(problem: RealTimeBidding, agents: list[str], budgets: str, campaign: str, episodes: Any = "all") -> pd.DataFrame:
    """One row per budget and bidder; differences are to the first one."""
    summary = compare(problem, agents, episodes, budgets=budgets)
    return summary[[name for name in COLUMNS if name in summary]].assign(campaign=campaign)


def study(data: Path) -> pd.DataFrame:
    """All bidders on the whole logs, T = 1000."""
    frames = []
    for campaign, settings in campaigns(data).items():
        problem = RealTimeBidding(**settings, budget=1.0)
        # Only a training log gives the law of theta.
        known = [name for name in BIDDERS if name != "rlb_pmf" or problem.statistics.theta is not None]
        for budget in BUDGETS.removeprefix("c0=").split(","):
            frames.append(compared(problem, known, f"c0={budget}", campaign))
            print(frames[-1][["campaign", "budget", "agent", "theta_value", "share_of_bound"]].to_string(index=False))
    return pd.concat(frames, ignore_index=True)


def scale(data: Path) -> pd.DataFrame:
    """Episodes of 100,000 auctions, with the time that a bidder takes to be made."""
    rows = []
    for campaign, settings in campaigns(data).items():
        for c0 in ("1/32", "1/8", "1/2"):
            problem = RealTimeBidding(**settings, T=100_000, c0=c0)
            for name in AT_SCALE:
                started = time.perf_counter()
                agent = make_agent(name, problem)
                seconds = time.perf_counter() - started
                played = evaluate(agent, problem, 1).episodes.iloc[0]
                rows.append(
                    {
                        "campaign": campaign,
                        "c0": c0,
                        "agent": name,
                        "theta_value": played["theta_value"],
                        "share_of_bound": played["theta_value"] / played["bound"],
                        "spent_share": played["spent"] / played["initial"],
                        "seconds_to_make": round(seconds, 1),
                    }
                )
                print(rows[-1])
    return pd.DataFrame(rows)


def first_price() -> pd.DataFrame:
    """First-price auctions on the twin of 2997, against the exact optimum."""
    rows = []
    for feedback in ("price", "minimum"):
        for c0 in ("1/32", "1/8"):
            problem = RealTimeBidding(rule="first_price", feedback=feedback, c0=c0)
            for name in ("optimal", "shade", "dmd", "lin", "fluid", "rlb"):
                summary = evaluate(make_agent(name, problem), problem, 500).summary
                rows.append({"feedback": feedback, "c0": c0, "agent": name, **{key: summary[key] for key in SHOWN}})
                print(rows[-1])
    return pd.DataFrame(rows)


SHOWN = ("theta_value", "share_of_optimum", "share_of_optimum_low", "share_of_optimum_high", "spent_share")


def slope() -> pd.DataFrame:
    """Regret of dual mirror descent to the hindsight knapsack on the twin of 2997 at c0 = 1/8, from a fresh start each."""
    rows = []
    for T, episodes in ((1000, 400), (3162, 200), (10_000, 100), (31_623, 60), (100_000, 40), (316_228, 20), (1_000_000, 10)):
        problem = RealTimeBidding(T=T)
        regrets = []
        for k in range(episodes):
            agent = make_agent("dmd", problem)  # a fresh price of money: it would otherwise run on
            played = play(agent, problem, range(1), 1000 + k).episodes.iloc[0]
            regrets.append(played["bound"] - played["theta_value"])
        rows.append({"T": T, "episodes": episodes, "regret": np.mean(regrets), "sem": np.std(regrets) / episodes**0.5})
        print(rows[-1])
    table = pd.DataFrame(rows)
    print(f"slope of log regret over log T: {fitted_slope(table):.3f}")
    return table


def fitted_slope(table: pd.DataFrame) -> float:
    """Least squares in log-log."""
    return float(np.polyfit(np.log(table["T"]), np.log(table["regret"]), 1)[0])


def load() -> pd.DataFrame:
    """Seconds and peak memory of loading 10 million lines, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.txt"
        rng = np.random.default_rng(0)
        with path.open("w", encoding="ascii") as file:
            for _ in range(10):
                theta, price = rng.lognormal(-6, 0.5, 1_000_000).clip(0, 1), rng.integers(0, 301, 1_000_000)
                click = rng.random(1_000_000) < theta
                lines = zip(click.astype(int).tolist(), price.tolist(), theta.tolist(), strict=True)
                file.writelines(f"{c} {p} {x:.6f}\n" for c, p, x in lines)
        command = [sys.executable, __file__, "_load", "--data", str(path)]
        out = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, mebibytes = map(float, out.stdout.split())
    print(f"10 million lines: {seconds:.1f} s, {mebibytes:.0f} MiB at most")
    return pd.DataFrame([{"lines": 10_000_000, "seconds": seconds, "peak_mib": mebibytes}])


def _load(path: Path) -> None:
    from budgetgym.envs.bidding.logs import load_log

    started = time.perf_counter()
    load_log(path)
    print(time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def table() -> None:
    """The tables of docs/bidding.md."""
    found = pd.read_csv(RESULTS / "bidding_study.csv")
    found["campaign"] = found["campaign"].astype(str)
    found["cell"] = found["share_of_bound"].map("{:.1%}".format)
    wide = found.pivot(index="agent", columns=["campaign", "budget"], values="cell").fillna("")
    columns = [(c, f"c0={c0}") for c in ("2997", "1458") for c0 in BUDGETS.removeprefix("c0=").split(",")]
    wide = wide[columns].loc[[name for name in BIDDERS if name in wide.index]]
    print("| | " + " | ".join(f"{c} {b.removeprefix('c0=')}" for c, b in columns) + " |")
    print("|---" * (len(columns) + 1) + "|")
    for name, row in zip(wide.index, wide.to_numpy(), strict=True):
        print(f"| `{name}` | " + " | ".join(row) + " |")
    print("\n`fluid` against `rlb`, theta-value per episode (paired 95 % interval), and clicks in all:\n")
    print("| campaign | c0 | fluid - rlb | clicks fluid / rlb |\n|---|---|---|---|")
    for campaign, budget in columns:
        group = found[(found["campaign"] == campaign) & (found["budget"] == budget)].set_index("agent")
        a, b = group.loc["fluid"], group.loc["rlb"]
        gain = f"{a['difference']:+.4f} [{a['difference_low']:+.4f}, {a['difference_high']:+.4f}]"
        print(f"| {campaign} | {budget.removeprefix('c0=')} | {gain} | {a['clicks']:.0f} / {b['clicks']:.0f} |")
    for name, shown in (
        ("bidding_scale", ["share_of_bound", "spent_share", "seconds_to_make"]),
        ("bidding_first_price", ["share_of_optimum", "spent_share"]),
    ):
        frame = pd.read_csv(RESULTS / f"{name}.csv")
        keys = [key for key in ("campaign", "feedback", "c0") if key in frame]
        print(f"\n{name}\n")
        print(frame.pivot(index="agent", columns=keys, values=shown[0]).map("{:.1%}".format).to_string())
    slopes = pd.read_csv(RESULTS / "bidding_slope.csv")
    print(f"\nDMD's regret: slope {fitted_slope(slopes):.3f}\n{slopes.to_string(index=False)}")


STUDIES: dict[str, Callable[..., pd.DataFrame]] = {
    "study": study,
    "scale": scale,
    "first_price": first_price,
    "slope": slope,
    "load": load,
}


def main() -> None:
    """Run one study and keep its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=[*STUDIES, "table", "_load"])
    parser.add_argument("--data", type=Path, default=Path("../shared/data/ipinyou"))
    arguments = parser.parse_args()
    if arguments.what == "table":
        table()
    elif arguments.what == "_load":
        _load(arguments.data)
    else:
        run = STUDIES[arguments.what]
        found = run(arguments.data) if arguments.what in ("study", "scale") else run()
        found.round(6).to_csv(RESULTS / f"bidding_{arguments.what}.csv", index=False)


if __name__ == "__main__":
    main()
