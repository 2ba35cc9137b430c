"""Measurements of networks and manifolds: pure functions of parameters, an apply function, and data."""
