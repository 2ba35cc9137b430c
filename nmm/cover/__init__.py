"""Mathematical covers: regular lattices and their weight functions."""

from nmm.cover.lattice import Grid, Lattice, lattice
from nmm.cover.weights import Weights

__all__ = ["Grid", "Lattice", "Weights", "lattice"]
