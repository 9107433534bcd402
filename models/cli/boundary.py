"""The boundary behind which every error is one message and a documented exit code.

Imports nothing heavy, so that `--help` answers at once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Annotated, Any, cast

import typer
from typer.core import TyperGroup

from features.boundary import message_of
from models.cli.options import ExitCode, fail
from models.cli.streams import leave_at_once, tell
from models.plain_text import printable


@contextlib.contextmanager
def clear_errors(deadline: float | None = None) -> Iterator[None]:
    """Turn every error into one message and the documented exit code.

    The one place that does so. What nobody has foreseen is a message too; with `--debug` it is
    the trace.

    Parameters
    ----------
    deadline : float, optional
        Seconds for which an answer is waited for over the network.
    """
    if deadline is not None:
        from models.tracking.patience import Patience, be_patient

        be_patient(Patience(deadline, tell))
    try:
        yield
    # Of typer and click: they end the command by themselves.
    except (typer.Exit, typer.Abort, typer.BadParameter):
        raise
    except Exception as error:
        # Only now: `--help` and what options refuse need none of this.
        from features.panel import DataError, SourceUnavailable
        from models.errors import LedgerError, TrackingError, Unanswered

        if isinstance(error, Unanswered):
            leave_at_once()
        if isinstance(error, DataError | LedgerError):
            fail(str(error), ExitCode.DATA)
        if isinstance(error, SourceUnavailable | TrackingError):
            fail(str(error), ExitCode.FAILURE)
        if _Debugging.wanted:
            raise
        fail(message_of(error), ExitCode.FAILURE)


# What typer raises for everything that cannot be asked: it comes with typer or with click, by
# typer's version.
_UsageError = cast("type[Exception]", typer.BadParameter.__mro__[1])


@contextlib.contextmanager
def _plain_refusals() -> Iterator[None]:
    """Let nothing that steers a terminal out of an argument into a refusal of it."""
    try:
        yield
    except _UsageError as error:
        vars(error)["message"] = printable(str(vars(error)["message"]))
        raise


class Commands(TyperGroup):
    """The commands of a script, whose refusals of options and arguments are plain text."""

    def make_context(self, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401 (as typer has it)
        """Read the command line."""
        with _plain_refusals():
            return super().make_context(*arguments, **named)

    def invoke(self, *arguments: Any) -> Any:  # noqa: ANN401
        """Run what it asks for."""
        with _plain_refusals():
            return super().invoke(*arguments)


class _Debugging:
    """Whether the trace of an unexpected error is shown."""

    wanted = False


def _debug(wanted: bool) -> bool:
    _Debugging.wanted = wanted
    return wanted


DebugOption = Annotated[
    bool,
    typer.Option("--debug", callback=_debug, help="Show the trace of an unexpected error."),
]
