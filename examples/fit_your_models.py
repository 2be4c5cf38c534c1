"""An environment for two models of your own, from what you know of them, and how routers would do with ten large calls.

python examples/fit_your_models.py
"""

import budgetgym
from budgetgym.envs.routing.agentic.fit import fit_profile, mean_calls
from budgetgym.envs.routing.agentic.meter import cached
from budgetgym.envs.routing.agentic.problem import AgenticRouting
from budgetgym.envs.routing.agentic.profile import Model, Profile, criticality


def main(episodes: int = 2000) -> None:
    # Skills are solved for; prices are dollars per million tokens.
    small = Model("my-small-model", skill=0.0, tier=0, prices=cached(input=0.25, output=1.25, read=0.025), recovery=0.02)
    large = Model("my-large-model", skill=0.0, tier=1, prices=cached(input=3.0, output=15.0, read=0.3), recovery=0.08)
    guess = Profile((small, large), T=30, subgoals=(4, 6, 8), weights=(1, 2, 1), required=criticality(0.3), gap_weight=0.0)

    # What was measured: each model alone, and how many calls the large one needs on average.
    profile = fit_profile(guess, small=0.42, large=0.71, large_calls=12.5)
    print(f"gap between the models {profile.gap_weight:.2f} logits; calls per task {mean_calls(profile).round(1).tolist()}")

    problem = AgenticRouting(instance=profile, budget=5)
    agents = ["always_small", "first_large", "error_gated", "criticality_gated", "belief"]
    table = budgetgym.compare(problem, agents, episodes)
    print(table[["agent", "success", "share_of_optimum", "large_calls", "dollars"]].to_string(index=False))


if __name__ == "__main__":
    main()
