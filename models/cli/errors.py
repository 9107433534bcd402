"""Where every error becomes one message and a documented exit code, and what the commands write to.

Imports nothing heavy, so that `--help` answers at once.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from enum import IntEnum
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from features.terminal import (
    DEBUG,
    buffer_stdout,
    drop_stdout,
    message_of,
    printable,
    write_answer,
)

ERROR_SCHEMA = "altseason.error/1"
# Signals that ask a process to end: of `kill`, and of a terminal that is closed.
_ENDING = ("SIGTERM", "SIGHUP")
_SIGNALLED = 128  # and the signal's number: the exit code


class ExitCode(IntEnum):
    """What the commands' exit codes mean."""

    DONE = 0
    FAILURE = 1
    USAGE = 2
    DATA = 3
    ALERT = 4


class _Asked:
    """What the command that runs was asked for, and whether stdout holds its answer already."""

    json = False
    trace = False
    answered = False


def _debug(wanted: bool) -> bool:
    _Asked.trace = wanted
    return wanted


DebugOption = Annotated[
    bool, typer.Option(DEBUG, callback=_debug, help="Show the trace of an unexpected error.")
]


def tell(text: str) -> None:
    """Write a line for a person to stderr, if there is one."""
    # A process whose stderr was closed before it began has None here.
    stream: io.TextIOBase | None = sys.stderr  # type: ignore[assignment]
    if stream is not None:
        with contextlib.suppress(OSError):
            stream.write(printable(text) + "\n")
            stream.flush()


def answer(text: str, beside: str = "") -> None:
    """Print the answer on stdout, ending in one newline, or exit with `ExitCode.FAILURE`.

    `beside` is what a person must know if it cannot be printed: what was done, or not, all the
    same.
    """
    fault = write_answer(text)
    _Asked.answered = True
    if fault:
        fail(f"the answer cannot be written to stdout: {fault}{beside}.", ExitCode.FAILURE)


def fail(message: str, code: ExitCode, kind: str = "") -> NoReturn:
    """Print rule, value and way out on stderr, with ``--json`` on stdout too, and exit."""
    tell(f"error: {message}")
    _report_error(message, kind=kind or code.name.lower(), exit_code=int(code))
    raise typer.Exit(code)


@contextlib.contextmanager
def clear_errors() -> Iterator[None]:
    """Turn every error into one message and the documented exit code.

    The one place that does so. What nobody has foreseen is a message too; with `--debug` it is
    the trace.
    """
    try:
        import numpy as np

        # A caller's own np.seterr("raise") would turn a missing value into an error.
        with np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"):
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
        if _Asked.trace:
            raise
        fail(message_of(error), ExitCode.FAILURE, "unexpected")


class Commands(TyperGroup):
    """The commands of a script: refusals are plain text, and JSON too if JSON was asked for."""

    # Typer keeps the types of contexts to itself.
    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: Any = None,  # noqa: ANN401
        **extra: Any,
    ) -> Any:  # noqa: ANN401
        """Parse the script's own options."""
        # Looked for by name: arguments that cannot be parsed have no values.
        _Asked.json, _Asked.answered = "--json" in args, False
        with _usage_errors():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401
        """Run the script or the command after it."""
        with _usage_errors():
            return super().invoke(ctx)


@contextlib.contextmanager
def _usage_errors() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        # What Typer itself prints on stderr knows its text; Exit and Abort have none.
        if (text := getattr(error, "format_message", None)) is not None:
            # Nothing that steers a terminal comes out of an argument into the refusal of it.
            vars(error)["message"] = printable(str(vars(error)["message"]))
            _report_error(text(), kind="usage", exit_code=ExitCode.USAGE)
        raise


def _report_error(message: str, *, kind: str, exit_code: int) -> None:
    """Print an error under its schema on stdout, where JSON was asked for and not answered."""
    if not _Asked.json or _Asked.answered:
        return
    content = {
        "schema": ERROR_SCHEMA, "error": message, "kind": kind, "exit_code": int(exit_code),
    }  # fmt: skip
    # Where stdout takes nothing, stderr and the exit code have to do.
    write_answer(json.dumps(content, indent=2))
    _Asked.answered = True


def run(command: Callable[[], object]) -> NoReturn:
    """Run a command as a process of its own; it ends with the command's exit code.

    Closed standard streams are opened on nothing, lest a database become what messages are written
    to; SIGTERM and SIGHUP end the command as Ctrl-C does, with 128 and their number.
    """
    _fill_gaps()
    buffer_stdout()
    for name in _ENDING:
        number = getattr(signal, name, None)
        # Of nohup: what a process was started to outlive does not end it.
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _end)
    code: object = 0
    try:
        with _settings_of_a_command():
            try:
                command()
            except SystemExit as ended:
                code = ended.code
            if sys.stdout:
                sys.stdout.flush()
    except SystemExit as ended:
        code = ended.code
    except Exception as error:  # of --help, which typer writes itself, or of nobody knows what
        if DEBUG in sys.argv[1:]:
            raise
        drop_stdout()
        tell(f"error: {message_of(error)}")
        code = ExitCode.FAILURE
    raise SystemExit(code)


@contextlib.contextmanager
def _settings_of_a_command() -> Iterator[None]:
    """Let no setting that a person has for programs of their own stop a command.

    A user without a home, as in containers, has one as long as the command runs: MLflow is not
    imported without. A working directory that is gone is refused: every path would seem absent.
    """
    # Pictures go into files, and look the same whatever style and screen a notebook has. MLflow
    # decides on its telemetry when it is imported: never on account of this program.
    os.environ |= {"MPLBACKEND": "agg", "MATPLOTLIBRC": os.devnull}
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.pop("MLFLOW_RUN_ID", None)  # a run of another program: nothing is logged into it
    if os.environ.pop("PYTHONWARNINGS", None) or sys.warnoptions:
        # What libraries warn of is no error of a user's; the processes of a training inherit this.
        warnings.resetwarnings()
        warnings.simplefilter("ignore")
    home = ""
    try:
        Path.cwd()
        Path.home()
    except OSError as error:
        tell(f"error: the working directory cannot be used ({error.strerror}); change to another.")
        raise SystemExit(ExitCode.FAILURE) from error
    except RuntimeError:
        home = os.environ["HOME"] = tempfile.mkdtemp(prefix="altseason-")
        tell("note: this user has no home folder, so that nothing is kept for later; set HOME.")
    try:
        yield
    finally:
        if home:
            shutil.rmtree(home, ignore_errors=True)


def _fill_gaps() -> None:
    """Open what of the three standard streams is closed on nothing."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free is this one


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(_SIGNALLED + number)
