"""Route the queries of your own log: what would a router have reached, and at what cost?

A row per query: `prompt_chars`, `outcome:MODEL` (in [0, 1]) and `cost:MODEL` (dollars), and if you have it `domain`.

python examples/route_a_log.py log.csv
"""

import sys

import gymnasium as gym
from budgetgym import evaluate, make_agent
from budgetgym.evaluation.frontier import frontier, print_frontier


def main(log: str) -> None:
    print_frontier(frontier(log))  # every budget at once
    # 50 queries share 30 % of what the most expensive model would cost.
    stream = gym.make("budgetgym/AgenticRouting-v0", log=log, T=50, share=0.3)
    for name in ("random", "length", "knn"):
        router = make_agent(name, stream)  # learns from the training half of the log, is played on the other one
        summary = evaluate(router, stream).summary
        print(f"{name}: quality {summary['quality']:.1f} of 50, {summary['share_of_bound']:.0%} of the best in hindsight")


if __name__ == "__main__":
    main(sys.argv[1])
