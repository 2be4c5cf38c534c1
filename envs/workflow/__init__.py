"""Workflows of verifiable subtasks, with a budget and a deadline."""
