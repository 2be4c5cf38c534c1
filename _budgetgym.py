"""budgetgym: environments, exact answers and reference agents for sequential budgeted decisions."""

__version__ = "0.1.0"
