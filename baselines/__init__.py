if __name__ == "baselines":
    raise ImportError("import budgetgym.baselines, not baselines")
