"""Errors that more than one module raises or reports."""


class TrackingError(RuntimeError):
    """The store cannot be reached, or does not hold what was asked for."""
