"""Measurements of networks and manifolds: pure functions of parameters, a function that applies them, and data."""
