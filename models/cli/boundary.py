"""The boundary behind which every error is one message and a documented exit code.

Imports nothing heavy, so that `--help` answers at once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Annotated

import typer

from features.terminal import message_of
from models.cli.options import ExitCode, fail


@contextlib.contextmanager
def clear_errors() -> Iterator[None]:
    """Turn every error into one message and the documented exit code.

    The one place that does so. What nobody has foreseen is a message too; with `--debug` it is
    the trace.
    """
    try:
        yield
    # Of typer and click: they end the command by themselves.
    except (typer.Exit, typer.Abort, typer.BadParameter):
        raise
    except Exception as error:
        # Only now: `--help` and what options refuse need none of this.
        from features.panel import DataError, SourceUnavailable
        from models.errors import LedgerError, SweepError, TrackingError

        for kind, code, errors in (
            ("ledger", ExitCode.DATA, LedgerError),
            ("data", ExitCode.DATA, DataError),
            ("store", ExitCode.FAILURE, TrackingError),
            ("sweep", ExitCode.FAILURE, SweepError),
            ("source", ExitCode.FAILURE, SourceUnavailable),
        ):
            if isinstance(error, errors):
                fail(str(error), code, kind)
        if _Debugging.wanted:
            raise
        fail(message_of(error), ExitCode.FAILURE, "unexpected")


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
