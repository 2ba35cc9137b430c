"""Benchmarks of the networks."""
