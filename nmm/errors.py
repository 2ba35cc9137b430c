"""Errors with a meaning: what is wrong, where, and what to do about it."""


class NmmError(Exception):
    """Root of every error that nmm raises on purpose."""


class InputError(NmmError, ValueError):
    """The input is wrong; the command line exits with code 2.

    `where` names the place (file, key, line or entity), `message` what was found and what was
    expected, `hint` what to do.
    """

    def __init__(self, message: str, *, where: str | None = None, hint: str | None = None):
        self.message, self.where, self.hint = message, where, hint
        super().__init__(message)

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" if self.where else self.message
        return f"{text}\n  -> {self.hint}" if self.hint else text

    def at(self, where: str) -> "InputError":
        """The same error with a place put in front of the one it has."""
        self.where = f"{where}: {self.where}" if self.where else where
        return self


class GeometryError(InputError):
    """An outline, hole, crack or region that cannot be used."""


class ExpressionError(InputError):
    """An expression that cannot be parsed or evaluated."""


class CaseError(InputError):
    """A case file with a wrong, missing or unknown entry."""


class SelectionError(InputError):
    """An `on` that selects nothing, or two entries that contradict each other."""


class UnbalancedError(InputError):
    """Loads that do not balance on a part of the domain that no boundary holds."""


class CapacityError(InputError):
    """A lattice or a cut that does not fit into the memory or the capacity that was given."""


class ParameterError(InputError):
    """Parameters that are missing or that nothing in the problem uses."""


class PrecisionError(NmmError):
    """Double precision is needed and JAX has it switched off."""


class NotConverged(NmmError):
    """A solver stopped before it reached its tolerance."""


class NotYet(InputError):
    """A documented feature that is reserved and does not work yet."""
