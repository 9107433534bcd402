"""The boundary behind which every error is one message and a documented exit code.

Imports nothing heavy, so that `--help` answers at once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Annotated

import typer

from models.cli.options import ExitCode, fail
from models.cli.streams import leave_at_once, tell


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
    from features.panel import DataError, SourceUnavailable
    from models.errors import LedgerError, SweepError, TrackingError, Unanswered
    from models.tracking.patience import Patience, be_patient

    if deadline is not None:
        be_patient(Patience(deadline, tell))
    try:
        yield
    except (typer.Exit, typer.Abort, typer.BadParameter):
        raise
    except (DataError, LedgerError) as error:
        fail(str(error), ExitCode.DATA, "ledger" if isinstance(error, LedgerError) else "data")
    except (SourceUnavailable, SweepError, TrackingError) as error:
        if isinstance(error, Unanswered):
            leave_at_once()
        kinds = {TrackingError: "store", SweepError: "sweep"}
        kind = next((kinds[each] for each in kinds if isinstance(error, each)), "source")
        fail(str(error), ExitCode.FAILURE, kind)
    except Exception as error:
        if _Debugging.wanted:
            raise
        said = next(iter(str(error).splitlines()), "")
        fail(
            f"unexpected {type(error).__name__}{f': {said}' if said else ''}; "
            f"--debug shows where it came from.",
            ExitCode.FAILURE,
            "unexpected",
        )


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
