"""Coupled restless bandits: arms that evolve by themselves, and actions that are tied together."""
