"""What the data leave open: the Laplace approximation of the posterior."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.stats import norm

from nmm.errors import InputError
from nmm.inversion.strength import Spectrum
from nmm.inversion.transforms import Unknowns


@dataclass(frozen=True, eq=False)
class Posterior:
    """Normal about the estimate in the unbounded numbers of `transforms`, with the inverse Hessian.

    `std` of every parameter, `samples` and `interval` are in the parameters' own units.
    """

    unknowns: Unknowns
    z: np.ndarray
    spectrum: Spectrum
    strength: float

    @property
    def covariance(self) -> np.ndarray:
        """Covariance (n, n) of the unbounded numbers; dense, and made only when asked for."""
        return self.spectrum.covariance(self.strength)

    @cached_property
    def deviation(self) -> np.ndarray:
        """Standard deviations (n,) of the unbounded numbers."""
        return self.spectrum.deviation(self.strength)

    @property
    def truncation(self) -> float:
        """The largest relative error of a variance by what a low-rank Hessian leaves out; else 0."""
        return self.spectrum.truncation(self.strength)

    @property
    def std(self) -> dict[str, Any]:
        """Standard deviation of every parameter, in the form of the parameters, to first order."""
        slopes = np.asarray(self.unknowns.slopes(jnp.asarray(self.z)))
        return self.unknowns.unravel(jnp.asarray(np.abs(slopes) * self.deviation))

    def interval(self, level: float = 0.9) -> tuple[dict[str, Any], dict[str, Any]]:
        """Credible bounds of every parameter: each holds it with the probability `level`.

        **Raises:** `InputError` for a level that is no probability.
        """
        if not 0 < level < 1:
            raise InputError(f"found level {level}, expected a probability between 0 and 1", where="interval")
        reach = norm.ppf((1 + level) / 2) * self.deviation
        low, high = (self.unknowns.params(jnp.asarray(self.z + sign * reach)) for sign in (-1, 1))
        return low, high

    def samples(self, key: Any, count: int) -> dict[str, Any]:
        """Draws of the parameters, with a leading axis of length `count`."""
        draws = jnp.asarray(self.z + self.spectrum.draws(self.strength, key, count))
        return jax.vmap(self.unknowns.params)(draws)
