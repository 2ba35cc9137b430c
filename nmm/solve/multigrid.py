"""What conjugate gradients with multigrid on physical covers may be asked for; see `cycle` for the method."""

from dataclasses import dataclass

from nmm.errors import InputError


@dataclass(frozen=True)
class Multigrid:
    """Conjugate gradients with multigrid on physical covers, to ‖b − Au‖₂ ≤ tolerance ‖b‖₂.

    `degree` (1 to 4) of the Chebyshev smoother; `cycle` "V", "W" or "auto" (W where there are cracks);
    `blocks` of the smoother on "cut" elements, or on "all" of them for nearly incompressible material;
    `precision` of the cycle, "float64" or "float32": conjugate gradients stay in double precision.

    **Raises:** `InputError` for an option that does not exist.
    """

    tolerance: float = 1e-8
    max_iterations: int = 200
    degree: int = 3
    cycle: str = "auto"
    blocks: str = "cut"
    precision: str = "float64"

    def __post_init__(self):
        for name, value, known in (
            ("degree", self.degree, (1, 2, 3, 4)),
            ("cycle", self.cycle, ("auto", "V", "W")),
            ("blocks", self.blocks, ("cut", "all")),
            ("precision", self.precision, ("float64", "float32")),
        ):
            if value not in known:
                listed = ", ".join(map(str, known))
                raise InputError(f"{name} must be one of {listed}, found {value}", where="Multigrid")

    def turns(self, cracked: bool) -> int:
        """Visits of each coarser level in a cycle."""
        return 2 if self.cycle == "W" or (self.cycle == "auto" and cracked) else 1
