"""Policies and the exact optimum of workflows with a budget and a deadline."""
