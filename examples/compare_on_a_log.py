"""Compare bidders on an auction log of your own: `click price theta` per line.

python examples/compare_on_a_log.py test.theta.txt
"""

import sys

import budgetgym
import gymnasium as gym


def main(log: str) -> None:
    env = gym.make("budgetgym/RealTimeBidding-v0", log=log, c0=1 / 32)
    table = budgetgym.compare(env, ["lin", "ss_mdp", "dmd", "rlb"], episodes="all", budgets="c0=1/32,1/8")
    print(table[["budget", "agent", "theta_value", "share_of_bound", "clicks", "spent", "difference"]].to_string(index=False))


if __name__ == "__main__":
    main(sys.argv[1])
