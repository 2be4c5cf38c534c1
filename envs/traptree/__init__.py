"""Trees whose local scores mislead: where step-wise decisions fail and lookahead wins."""
