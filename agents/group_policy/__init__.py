"""Group-relative policy optimisation on the native batch: the learner, and what can be plugged into it."""
