"""Exact answers, bounds and simple planners for social-learning steering."""
