"""Restless bandits: policies, exact optima and proved bounds."""
