"""What conjugate gradients with multigrid on physical covers may be asked for; see `cycle` for the method."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Multigrid:
    """Conjugate gradients with multigrid on physical covers, to ‖b − Au‖₂ ≤ tolerance ‖b‖₂.

    `degree` (1 to 4) of the Chebyshev smoother; `cycle` "V", "W" or "auto" (W where there are cracks).
    """

    tolerance: float = 1e-8
    max_iterations: int = 200
    degree: int = 3
    cycle: str = "auto"

    def turns(self, cracked: bool) -> int:
        """Visits of each coarser level in a cycle."""
        return 2 if self.cycle == "W" or (self.cycle == "auto" and cracked) else 1
