"""Four bidders learn to pace themselves in first-price auctions, by one PPO that plays all of them.

    python examples/auction_ppo.py            # prints, and writes auction_ppo.png

They maximise the value that they win within their budgets, and never bid above a value. What they learn from each other
is the market's equilibrium: the multipliers that the Eisenberg-Gale programme computes.
"""

import sys

import numpy as np
from budgetgym.agents.auction.self_play import AuctionFeatures, frozen
from budgetgym.baselines.auction.equilibrium import pacing_equilibrium
from budgetgym.baselines.auction.regret import play_auction
from budgetgym.envs.auction.batch import AuctionBatch
from budgetgym.envs.auction.game import AuctionGame
from budgetgym.envs.auction.sb3 import AuctionVecEnv
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecNormalize

T = 2000
BUDGETS = np.array([24.0, 48.0, 72.0, 360.0])
MEASURED = ("return", "regret", "spent_share", "win_rate", "liquid_welfare")
GAME = AuctionGame(
    n_agents=4, rule="first_price", granularity="tick", ticks=20, T=T, budgets=BUDGETS, objective="value", highest_bid=1.0
)


class Learned:
    """The policy of the moment in all seats; keeps the multipliers that it chose."""

    def __init__(self, model: PPO, venv: AuctionVecEnv) -> None:
        self.policy, self.venv = frozen(model), venv
        self.multipliers: list[np.ndarray] = []

    def act(self, observation: np.ndarray) -> np.ndarray:
        actions = np.clip(self.policy(observation.reshape(-1, observation.shape[-1])), -1.0, 1.0)
        multipliers = self.venv.multipliers(actions).reshape(observation.shape[:2])
        self.multipliers.append(np.where(observation[..., 6] > 1e-3, multipliers, np.nan))  # who is out bids nothing
        return multipliers


def equilibrium() -> np.ndarray:
    """The multipliers of the first-price pacing equilibrium, for a sample of auctions."""
    batch = AuctionBatch(GAME, 5)
    batch.seed(range(5))
    batch.reset()
    values = batch.record_values().reshape(-1, GAME.n_agents).T
    return pacing_equilibrium(values, BUDGETS * values.shape[1] / T).multipliers


def main(rounds: int = 8, timesteps: int = 50_000, picture: str = "auction_ppo.png") -> np.ndarray:
    """Learn in rounds; after each, play 32 worlds. Returns the distances to the equilibrium, (rounds + 1,)."""
    wanted = equilibrium()
    venv = AuctionVecEnv(GAME, 64, lowest=0.05, seed=0)
    model = PPO(
        "MlpPolicy",
        VecNormalize(venv, norm_obs=False, gamma=0.999),
        n_steps=20,
        batch_size=1280,
        n_epochs=6,
        learning_rate=1e-3,
        gamma=1.0,
        gae_lambda=0.9,
        policy_kwargs={"log_std_init": -1.5, "net_arch": [64, 64], "features_extractor_class": AuctionFeatures},
        seed=0,
        device="cpu",
    )
    seen: list[tuple[int, dict[str, np.ndarray], float]] = []
    for k in range(rounds + 1):
        if k:
            model.learn(timesteps, reset_num_timesteps=k == 1)
        learned = Learned(model, venv)
        table = play_auction(GAME, learned, worlds=32, seed=1)
        mean = {name: table[name].to_numpy().reshape(-1, GAME.n_agents).mean(axis=0) for name in MEASURED}
        mean["multiplier"] = np.nanmean(learned.multipliers, axis=(0, 1))
        distance = float(np.abs(mean["multiplier"] / wanted - 1.0).max())
        seen.append((k * timesteps, mean, distance))
        print(
            f"{k * timesteps:7d} decisions: multipliers {mean['multiplier'].round(3)}, equilibrium {wanted.round(3)}, "
            f"farthest {distance:.1%}; spent {mean['spent_share'].round(3)}; "
            f"regret at most {(mean['regret'] / mean['return']).max():.1%}; liquid welfare {mean['liquid_welfare'][0]:.1f}"
        )
    draw(seen, wanted, picture)
    return np.array([distance for *_, distance in seen])


def draw(seen: list[tuple[int, dict[str, np.ndarray], float]], wanted: np.ndarray, picture: str) -> None:
    """Spend, win rate, and multipliers against the equilibrium, over the training."""
    from matplotlib.figure import Figure

    steps = [step / 1000 for step, *_ in seen]
    figure = Figure(figsize=(11, 3.4), layout="constrained")
    titles = {
        "spent_share": "share of the budget spent",
        "win_rate": "auctions won",
        "multiplier": "multiplier (dotted: equilibrium)",
    }
    spend, _, pace = figure.subplots(1, 3)
    for axes, (name, title) in zip(figure.axes, titles.items(), strict=True):
        for agent, budget in enumerate(BUDGETS):
            axes.plot(steps, [mean[name][agent] for _, mean, _ in seen], color=f"C{agent}", label=f"budget {budget:.0f}")
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("thousands of decisions learned from")
        axes.set_ylim(bottom=0)
        axes.spines[["top", "right"]].set_visible(False)
    for agent, level in enumerate(wanted):
        pace.axhline(level, color=f"C{agent}", linestyle=":", linewidth=1)
    spend.legend(frameon=False, fontsize=8)
    figure.savefig(picture, dpi=120)


if __name__ == "__main__":
    main(picture=sys.argv[1] if len(sys.argv) > 1 else "auction_ppo.png")
