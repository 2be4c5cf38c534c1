if __name__ == "evaluation":
    raise ImportError("import budgetgym.evaluation, not evaluation")
