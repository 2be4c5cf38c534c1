"""Routers, and the exact optimum of the routing problem."""
