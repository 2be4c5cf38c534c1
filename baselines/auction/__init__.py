"""Equilibria and pacing for the multi-agent auction."""
