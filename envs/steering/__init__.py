"""Social-learning steering: a planner who sets how precise the information of a society of agents is."""
