"""A planner and agents that learn, in one world of social learning; `budgetgym.envs.society.society_v0` is its face."""
