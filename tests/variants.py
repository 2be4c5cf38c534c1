"""Environments with varied settings, for tests of what holds for all of them."""

BIDDING = "budgetgym/RealTimeBidding-v0"
ROUTING = "budgetgym/AgenticRouting-v0"
WORKFLOW = "budgetgym/WorkflowRouting-v0"
STEERING = "budgetgym/SocialSteering-v0"
TRAPTREE = "budgetgym/TrapTree-v0"
VARIANTS = [
    (BIDDING, {"T": 25}),
    (BIDDING, {"T": 25, "discrete": True}),
    (BIDDING, {"T": 25, "control": "pacing"}),
    (BIDDING, {"T": 25, "budget": (50.0, 500.0)}),
    (BIDDING, {"T": 25, "budget_aware": False}),
    (BIDDING, {"T": 25, "reward": "click"}),
    (BIDDING, {"T": 25, "rule": "first_price", "reserve": 20, "feedback": "minimum"}),
    (BIDDING, {"T": 25, "soft_reserve": 40, "feedback": "full", "noise": 0.5, "calibration": 1.3, "discrete": True}),
    (BIDDING, {"T": 25, "cost_event": "conversion", "conversion_rate": 0.5, "delay": "geometric:5", "reward": "conversion"}),
    (BIDDING, {"T": 25, "feedback": "win", "ticks": 5, "traffic": "weekly", "roas_limit": 1.5, "control": "dual"}),
    (BIDDING, {"T": 25, "cost_event": "click", "cpc_limit": 5000.0, "limits": "soft", "ticks": 4, "control": "pacing"}),
    ("budgetgym/BidPacing-v0", {"T": 25}),
    (ROUTING, {}),
    (ROUTING, {"unit": "dollars", "stop": True, "verify": True, "tasks": 2}),
    (ROUTING, {"instance": "swe", "reward": "windowed", "budget": (1.0, 20.0)}),
    (ROUTING, {"instance": "tau2-telecom", "budget_aware": False, "exhaustion": "bankrupt"}),
    (WORKFLOW, {}),
    (WORKFLOW, {"instance": "chain", "samples": 1, "budget": (0.005, 0.02), "deadline": (30.0, 90.0)}),
    (WORKFLOW, {"instance": "codeflow", "budget_aware": False}),
    ("budgetgym/RestlessCapacity-v0", {"reward": "realised"}),
    ("budgetgym/RestlessCapacity-v0", {"J": 8, "B": 2, "budget": (0.0, 9.0), "on_infeasible": "project"}),
    ("budgetgym/RestlessMatching-v0", {"observation": "one-hot"}),
    ("budgetgym/RestlessPaths-v0", {"budget": 30}),
    ("budgetgym/RestlessPaths-v0", {"J": 24, "walk": 7, "on_infeasible": "project"}),
    ("budgetgym/RestlessInterventions-v0", {"budget_aware": False}),
    ("budgetgym/RestlessSpillover-v0", {"horizon": 5}),
    (STEERING, {}),
    (STEERING, {"objective": "biased", "discrete": True}),
    (STEERING, {"topics": 3, "discrete": True}),
    (STEERING, {"network": "last-2"}),
    (STEERING, {"agents": "llm_like", "public_belief": "biased", "prior": (0.3, 0.6)}),
    (STEERING, {"T": None, "discount": 0.9, "budget": None, "price": 1.0, "levels": None}),
    (STEERING, {"observation": "history", "budget_aware": False}),
    (TRAPTREE, {}),
    (TRAPTREE, {"backtrack": True, "budget_aware": False}),
    (TRAPTREE, {"branching": 3, "depth": 5, "traps": 2, "budget": (3.0, 9.0), "horizon": 9}),
]
