"""Errors that more than one module raises or reports."""

# What is raised where plain values such as JSON's are not what was written: text that is none, a
# part that is missing or of another kind, a number beyond all range, lists nested too deep.
MALFORMED = (
    ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError,
)  # fmt: skip


# How long an answer is waited for over a network, unless an option says otherwise.
DEADLINE_SECONDS = 30.0


class LedgerError(ValueError):
    """The ledger is absent, or a line of it is not one that was recorded."""


class TrackingError(RuntimeError):
    """The store cannot be reached, or does not hold what was asked for."""


class Unanswered(TrackingError):
    """A server has not answered in time; what it was told may yet arrive."""


class SweepError(RuntimeError):
    """A sweep cannot go on: its store, its workers or their scheduler fail."""
