"""Inverse problems that nmm and other libraries solve from the same data."""
