"""Kuopio Tomography Challenge 2023: images of a real water tank from voltages on its rim."""
