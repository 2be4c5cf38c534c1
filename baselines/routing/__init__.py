"""Routers, predictors, exact optima and bounds for routing."""
