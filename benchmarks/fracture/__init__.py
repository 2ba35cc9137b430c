"""Stress intensity factors against reference values."""
