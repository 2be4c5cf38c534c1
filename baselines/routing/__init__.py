"""Routers, predictors and bounds for routing."""
