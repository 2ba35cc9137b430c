"""Mathematical covers: regular lattices and their weight functions."""

from nmm.cover.lattice import Grid, Lattice, lattice
from nmm.cover.weights import hat_gradients, hat_values

__all__ = ["Grid", "Lattice", "hat_gradients", "hat_values", "lattice"]
