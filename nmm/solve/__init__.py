"""From a problem and its parameters to the unknowns."""

from nmm.solve.choice import Auto, solver
from nmm.solve.linear import ConjugateGradient, Direct, Result
from nmm.solve.multigrid import Multigrid

__all__ = ["Auto", "ConjugateGradient", "Direct", "Multigrid", "Result", "solver"]
