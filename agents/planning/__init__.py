"""Planners: decisions by looking ahead in forks of the present."""
