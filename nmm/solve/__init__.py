"""From a problem and its parameters to the unknowns."""

from nmm.solve.linear import Auto, ConjugateGradient, Direct, Result, solver

__all__ = ["Auto", "ConjugateGradient", "Direct", "Result", "solver"]
