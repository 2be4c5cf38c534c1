"""Policies and closed forms for `TrapTree`."""
