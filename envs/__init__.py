if __name__ == "envs":
    raise ImportError("import budgetgym.envs, not envs")
