if __name__ == "agents":
    raise ImportError("import budgetgym.agents, not agents")
