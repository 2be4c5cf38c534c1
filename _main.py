"""`python -m budgetgym`: the command line."""

from budgetgym.evaluation.cli import main

main()
