"""Networks as numerical manifolds: covers that learn, measured on the problems of nmm.

The package is reserved and still empty.
"""
