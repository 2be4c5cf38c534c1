"""SEQUOIA: a Q-network inside a mixed-integer programme over the feasible set (Xu, Wilder, Khalil, Tambe; ICLR 2025)."""
