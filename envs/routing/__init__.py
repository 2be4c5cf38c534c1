"""Routing: which model answers, under a budget. Simulated agents, and replayed logs."""
