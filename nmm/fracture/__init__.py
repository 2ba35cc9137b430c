"""Fracture quantities: stress intensity factors at crack tips."""
