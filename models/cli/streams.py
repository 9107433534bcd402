"""What the commands write to: a stdout that must take the answer, a stderr that may fail.

Imports nothing heavy, so that `--help` answers at once.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import NoReturn

from features.terminal import DEBUG, FAILURE, buffer_stdout, drop_stdout, message_of, printable

# Signals that ask a process to end: of `kill`, and of a terminal that is closed.
_ENDING = ("SIGTERM", "SIGHUP")
_SIGNALLED = 128  # and the signal's number: the exit code


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
        try:
            _require_place()
            command()
        except SystemExit as ended:
            code = ended.code
        if sys.stdout:
            sys.stdout.flush()
    except Exception as error:  # of --help, which typer writes itself, or of nobody knows what
        if DEBUG in sys.argv[1:]:
            raise
        drop_stdout()
        tell(f"error: {message_of(error)}")
        code = FAILURE
    raise SystemExit(code)


def tell(text: str) -> None:
    """Write a line for a person to stderr, if there is one."""
    # A process whose stderr was closed before it began has None here.
    stream: io.TextIOBase | None = sys.stderr  # type: ignore[assignment]
    if stream is not None:
        with contextlib.suppress(OSError):
            stream.write(printable(text) + "\n")
            stream.flush()


def _require_place() -> None:
    """Refuse a working directory that is gone: every path there would seem absent."""
    try:
        Path.cwd()
    except OSError as error:
        tell(f"error: the working directory cannot be used ({error.strerror}); change to another.")
        raise SystemExit(FAILURE) from error


def _fill_gaps() -> None:
    """Open what of the three standard streams is closed on nothing."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free is this one


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(_SIGNALLED + number)
